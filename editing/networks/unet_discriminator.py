"""A discriminator that judges each pixel: a U-Net with spectral normalisation."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

DETAIL = 10.0  # how much larger the detail is made: its deviation is then about that of the picture


class UNetDiscriminator(nn.Module):
    """Judges every pixel of a picture by itself, in its surroundings.

    After Real-ESRGAN (Wang et al. 2021) and Schönfeld et al. 2020: three halvings, bilinear doublings with the skips
    added, spectral normalisation (Miyato et al. 2018) in all but the first and last layers. By default it has half of
    Real-ESRGAN's width. Departure: beside the picture it is given its fine detail, many times larger. Spectral
    normalisation keeps small differences small, and what tells an enlarged picture from a sharp one is small: without
    this, it had learned next to nothing after 600 steps.
    """

    def __init__(self, channels: int = 3, width: int = 32) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.first = nn.Conv2d(2 * channels, width, 3, padding=1)
        self.down = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False)) for a, b in pairwise(widths)
        )
        self.up = nn.ModuleList(
            spectral_norm(nn.Conv2d(b, a, 3, padding=1, bias=False))
            for a, b in zip(widths[-2::-1], widths[:0:-1], strict=True)
        )
        self.last = nn.Sequential(
            spectral_norm(nn.Conv2d(width, width, 3, padding=1, bias=False)),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 1, 3, padding=1),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, channels, H, W) in [0, 1], sides multiples of 8 -> logits (N, 1, H, W), positive for real."""
        blurred = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
        seen = torch.cat([pictures, DETAIL * (pictures - blurred)], 1)
        levels = [F.leaky_relu(self.first(seen), 0.2)]
        for layer in self.down:
            levels.append(F.leaky_relu(layer(levels[-1]), 0.2))
        x = levels.pop()
        for layer in self.up:
            # The convolution comes before the doubling: a quarter of the work, and as good.
            x = F.leaky_relu(layer(x), 0.2)
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False) + levels.pop()
        logits: Tensor = self.last(x)
        return logits.float()
