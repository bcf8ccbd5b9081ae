"""A denoiser told how strong the noise is: a small U-Net at half the picture's size.

From FFDNet (Zhang et al. 2018, https://arxiv.org/abs/1710.04026): 2x2 pixels become channels, which makes everything
four times as fast, and a map of the noise level is a further input, so that one network serves all levels. From DRUNet
(Zhang et al. 2021, https://arxiv.org/abs/2008.13751): a U-Net of residual blocks without normalisation and without
biases: picture and noise level made half as strong give half the noise, so that what is learned at one level holds at
all (Mohan et al. 2020, https://arxiv.org/abs/1906.05478). Ours: below a level of ``FAINT`` what the network takes away
fades to nothing, so that a picture without noise stays as it is to the last bit.
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

FAINT = 2 / 255  # noise level below which the result fades into the picture itself


@dataclass(frozen=True, kw_only=True)
class DenoiserConfig(Config):
    """What a :class:`Denoiser` is made of."""

    network: ClassVar[str] = "denoiser"

    channels: int = limited(3, (1, 3))  # gray, RGB
    # Channels at a half, a quarter, an eighth ... of the picture's size.
    widths: tuple[int, ...] = limited((64, 96, 128), range(1, 1025), range(1, 7))
    blocks: int = limited(2, range(1, 17))  # residual blocks at each size, going down and coming up
    # Whether it also learned noise as cameras leave it: in blotches, more in bright parts.
    camera: bool = limited(False, (False, True))

    @property
    def multiple(self) -> int:
        """The picture is padded to a multiple of this."""
        return int(2 ** len(self.widths))

    @property
    def reach(self) -> int:
        """How many pixels round an aligned square of ``multiple`` pixels change what the network makes of it."""
        return reach_of(len(self.widths), self.blocks)

    def __str__(self) -> str:
        return f"denoising U-Net x1, {'-'.join(map(str, self.widths))} channels"


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[Residual(width, bias=False) for _ in range(count)])


class Denoiser(nn.Module):
    """Takes noise of a known level out of pictures."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.first = nn.Conv2d(4 * config.channels + 1, widths[0], 3, padding=1, bias=False)
        pairs = list(pairwise(widths))
        self.going = nn.ModuleList(_blocks(width, config.blocks) for width in widths[:-1])
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in pairs)
        self.bottom = _blocks(widths[-1], config.blocks)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2, bias=False) for a, b in reversed(pairs))
        self.coming = nn.ModuleList(_blocks(width, config.blocks) for width in widths[-2::-1])
        self.last = nn.Conv2d(widths[0], 4 * config.channels, 3, padding=1, bias=False)

    def forward(self, pictures: Tensor, sigma: Tensor) -> Tensor:
        """Noisy ``pictures`` (N, channels, H, W), about in [0, 1], any size -> (N, channels, H, W) float32.

        ``sigma`` is the noise's standard deviation in the same units (0 to 75 / 255), (N,) or, where it varies within a
        picture, (N, 1, H, W). The weights may be bfloat16 while ``pictures`` are float32: only the noise that is taken
        away is rounded then, so that 16-bit pictures keep their levels.
        """
        height, width = pictures.shape[-2:]
        level = sigma.to(pictures).reshape(len(pictures), 1, *(sigma.shape[2:] or (1, 1)))
        level = level.expand(-1, 1, height, width)
        multiple = self.config.multiple
        padding = (0, -width % multiple, 0, -height % multiple)
        inputs = [F.pad(pictures - 0.5, padding, mode="replicate"), F.pad(level, padding, mode="replicate")]
        x = torch.cat([F.pixel_unshuffle(inputs[0], 2), 4 * F.avg_pool2d(inputs[1], 2)], 1)
        x = self.first(x.to(self.first.weight.dtype).contiguous(memory_format=torch.channels_last))
        passed: list[Tensor] = []
        for blocks, down in zip(self.going, self.down, strict=True):
            x = blocks(x)
            passed.append(x)
            x = down(x)
        x = self.bottom(x)
        for blocks, up in zip(self.coming, self.up, strict=True):
            x = blocks(up(x) + passed.pop())
        noise = F.pixel_shuffle(self.last(x).float(), 2)[..., :height, :width]
        return pictures.float() - (level.float() / FAINT).clamp(0, 1) * noise
