"""Finds damage in scanned photographs: a small U-Net that says for each pixel how surely it is damaged.

A U-Net (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597) of residual blocks at half the picture's size and
below: 2x2 pixels become channels at the entrance and are given back at the exit, which makes everything four times as
fast, and scratches one pixel wide stay one pixel wide. No normalisation: what is said of a pixel depends on its
surroundings alone (``DamageConfig.reach``), never on the whole picture, so that tiles say what the whole would.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.networks.config import Config, limited
from editing.networks.unet import Residual, reach_of


@dataclass(frozen=True, kw_only=True)
class DamageConfig(Config):
    """What a :class:`DamageFinder` is made of."""

    network: ClassVar[str] = "damage"

    # Channels at a half, a quarter, an eighth ... of the picture's size.
    widths: tuple[int, ...] = limited((32, 64, 128, 192), range(1, 1025), range(1, 7))
    blocks: int = limited(1, range(1, 17))  # residual blocks at each size, going down and coming up

    @property
    def multiple(self) -> int:
        """The picture is padded to a multiple of this."""
        return int(2 ** len(self.widths))

    @property
    def reach(self) -> int:
        """How many pixels round an aligned square of ``multiple`` pixels change what is said of it."""
        return reach_of(len(self.widths), self.blocks)

    def __str__(self) -> str:
        return f"damage finding U-Net, {'-'.join(map(str, self.widths))} channels"


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[Residual(width) for _ in range(count)])


class DamageFinder(nn.Module):
    """Marks scratches, dust, hair, stains and folds."""

    def __init__(self, config: DamageConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.first = nn.Conv2d(4 * 3, widths[0], 3, padding=1)
        pairs = list(pairwise(widths))
        self.going = nn.ModuleList(_blocks(width, config.blocks) for width in widths[:-1])
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.bottom = _blocks(widths[-1], config.blocks)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(pairs))
        self.coming = nn.ModuleList(_blocks(width, config.blocks) for width in widths[-2::-1])
        self.last = nn.Conv2d(widths[0], 4, 3, padding=1)
        for conv in (self.first, *self.down, *self.up):  # PyTorch's own start makes what passes them ever fainter
            assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
            seen = conv.in_channels * (1 if isinstance(conv, nn.ConvTranspose2d) else conv.weight[0, 0].numel())
            nn.init.normal_(conv.weight, std=float(seen**-0.5))
        assert self.last.bias is not None
        nn.init.constant_(self.last.bias, -3.0)  # damage is rare: training begins by saying so

    def forward(self, pictures: Tensor) -> Tensor:
        """``pictures`` (N, 3, H, W) RGB in [0, 1], any size -> logits (N, 1, H, W) float32; above 0 means damaged."""
        height, width = pictures.shape[-2:]
        multiple = self.config.multiple
        padding = (0, -width % multiple, 0, -height % multiple)
        x = F.pixel_unshuffle(F.pad(4 * (pictures - 0.5), padding, mode="replicate"), 2)  # deviation about 1
        x = self.first(x.to(self.first.weight.dtype).contiguous(memory_format=torch.channels_last))
        passed: list[Tensor] = []
        for blocks, down in zip(self.going, self.down, strict=True):
            x = blocks(x)
            passed.append(x)
            x = down(x)
        x = self.bottom(x)
        for blocks, up in zip(self.coming, self.up, strict=True):
            x = blocks(up(x) + passed.pop())
        return F.pixel_shuffle(self.last(x).float(), 2)[..., :height, :width]
