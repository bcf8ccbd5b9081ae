"""Finishes an aligned face: twice as large, with the detail that the smaller one can't hold.

A U-Net at the size of what it is given: wide where the maps are small, so that it knows what it draws (a strand of
hair, an eyelash, skin), narrow where they are large. Plain 3x3 convolutions in residual blocks, no normalisation. Its
last maps become twice as large (sub-pixel convolution, Shi et al. 2016) before two more convolutions, in which the four
kinds of pixels meet: without them they come out as a pattern of dots. The result is added to the bicubic enlargement,
so that tones stay. It learns with a discriminator that judges every pixel (``editing/training/finisher.py``): a
super-resolution GAN (Ledig et al. 2017) for faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.networks.config import Config, limited
from editing.networks.unet import Residual

SCALE = 2
DETAIL = 0.1  # what the last convolution gives is multiplied by this: see editing/networks/repairer.py


@dataclass(frozen=True, kw_only=True)
class FinisherConfig(Config):
    """What a :class:`Finisher` is made of."""

    network: ClassVar[str] = "finisher"

    size: int = limited(256, (16, 32, 64, 128, 256))  # side of the faces that it is given
    # Channels at the size of what it is given, at half of it, at a quarter ...
    widths: tuple[int, ...] = limited((32, 64, 128, 160), range(1, 513), range(1, 6))
    blocks: int = limited(2, range(1, 17))  # residual blocks at each size, going down, and coming up
    fine: int = limited(16, range(1, 129))  # channels at the size of the result

    @property
    def multiple(self) -> int:
        """The sides of what is given must be a multiple of this."""
        return int(2 ** (len(self.widths) - 1))

    def __str__(self) -> str:
        return f"finishing U-Net, {self.size} to {SCALE * self.size} px"


class Finisher(nn.Module):
    """Enlarges a face aligned to FFHQ's template, or a part of one, twice."""

    def __init__(self, config: FinisherConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.first = nn.Conv2d(3, widths[0], 3, padding=1)
        self.going = nn.ModuleList(_residuals(width, config.blocks) for width in widths)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(widths))
        self.coming = nn.ModuleList(_residuals(width, config.blocks) for width in widths[:-1])
        self.larger = nn.Conv2d(widths[0], SCALE**2 * config.fine, 3, padding=1)
        self.mix = nn.Conv2d(config.fine, config.fine, 3, padding=1)
        self.last = nn.Conv2d(config.fine, 3, 3, padding=1)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.weight)  # a fresh network enlarges bicubically
        nn.init.zeros_(self.last.bias)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in [0, 1], sides multiples of ``config.multiple`` -> (N, 3, 2 H, 2 W), float32, not clipped.

        The whole frame of ``config.size`` pixels is what it learned from last; parts of it may be given, too.
        """
        picture = picture.float()
        x = (picture - 0.5).to(self.first.weight.dtype).contiguous(memory_format=torch.channels_last)
        x = self.first(x)
        passed: list[Tensor] = []
        for going, down in zip(self.going, self.down, strict=False):
            x = going(x)
            passed.append(x)
            x = down(x)
        x = self.going[-1](x)
        for coming, up in zip(reversed(self.coming), reversed(self.up), strict=True):
            x = coming(up(x) + passed.pop())
        x = F.leaky_relu(F.pixel_shuffle(self.larger(x), SCALE), 0.1)
        x = F.leaky_relu(self.mix(x), 0.1)
        detail: Tensor = self.last(x)
        base = F.interpolate(picture, scale_factor=SCALE, mode="bicubic", align_corners=False)
        return base + DETAIL * detail.float()


def _residuals(width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*[Residual(width) for _ in range(blocks)])
