"""What the U-Nets here are made of: residual blocks, and how far one that begins at half the size sees."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    """Two convolutions whose result is added to what they are given, (N, width, H, W)."""

    def __init__(self, width: int, *, bias: bool = True) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(width, width, 3, padding=1, bias=bias)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=bias)
        with torch.no_grad():  # a block starts near the identity
            self.conv1.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv1(F.relu_(self.conv0(x)))
        return out


def reach_of(sizes: int, blocks: int) -> int:
    """How many pixels round an aligned square of ``2 ** sizes`` change what a U-Net of as many sizes makes of it.

    Its first size is half the picture's, with a convolution at its entrance and at its exit; ``blocks`` residual blocks
    stand at each size, going down and coming up.
    """
    convolutions = 2 * blocks
    far = 1  # the last convolution; from there back to the first, at each size in its own pixels
    for _ in range(sizes - 1):
        far = -(-(far + convolutions) // 2)
    far += convolutions
    for _ in range(sizes - 1):
        far = 2 * far + convolutions
    return 2 * (far + 1)
