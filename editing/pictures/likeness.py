"""How much alike two pictures are, as papers on enlarging measure it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F


def luma(levels: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """The Y of Rec. 601 from 16 to 235, as in MATLAB and all papers, of (H, W, 3) from 0 to 255: (H, W)."""
    return np.asarray(16 + levels @ np.array([65.481, 128.553, 24.966]) / 255)


def ssim(output: Tensor, target: Tensor, reach: float = 2.0) -> Tensor:
    """Mean structural similarity of two (N, C, H, W) whose values span ``reach`` (2 for [-1, 1]); 1 when equal.

    Wang et al. 2004: Gaussian window of 11 with deviation 1.5, without padding; smaller pictures use a smaller window.
    """
    a, b = output.float(), target.float()
    channels, side = a.shape[1], min(11, *a.shape[-2:])
    place = torch.arange(side, device=a.device) - (side - 1) / 2
    line = torch.exp(-(place**2) / (2 * 1.5**2))
    line = line / line.sum()
    window = (line[:, None] * line[None, :]).expand(channels, 1, side, side)

    def local(x: Tensor) -> Tensor:
        return F.conv2d(x, window, groups=channels)

    mean_a, mean_b = local(a), local(b)
    var_a = local(a * a) - mean_a**2
    var_b = local(b * b) - mean_b**2
    covariance = local(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * reach) ** 2, (0.03 * reach) ** 2
    similar = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (similar / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean()
