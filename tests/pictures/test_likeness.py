"""How much alike pictures are is what scikit-image says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import structural_similarity

from editing.pictures.likeness import ssim


def test_ssim_agrees_with_scikit_image() -> None:
    random = np.random.default_rng(0)
    a = random.uniform(-1, 1, (24, 24, 3)).astype(np.float32)
    b = np.clip(a + random.normal(0, 0.3, a.shape), -1, 1).astype(np.float32)
    window = {"win_size": 11, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, everywhere = structural_similarity(a, b, data_range=2.0, channel_axis=2, full=True, **window)
    wanted = everywhere[5:-5, 5:-5].mean()  # without padding
    x, y = (torch.from_numpy(v).permute(2, 0, 1)[None] for v in (a, b))
    assert ssim(x, y).item() == pytest.approx(wanted, abs=1e-4)
    assert ssim(x, x).item() == pytest.approx(1.0, abs=1e-5)
    assert ssim(x, x.flip(3)).item() < 0.5
    assert math.isfinite(ssim(x[..., :5, :5], y[..., :5, :5]).item())


def test_ssim_of_lumas_is_that_of_scikit_image() -> None:
    first = data.camera()[100:228, 100:260].astype(np.float64)
    second = np.clip(first + np.random.default_rng(1).normal(0, 12, first.shape), 0, 255)
    theirs = structural_similarity(
        first, second, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    x, y = (torch.from_numpy(levels)[None, None] for levels in (first, second))
    assert float(ssim(x, y, reach=255)) == pytest.approx(theirs, abs=1e-4)
    assert float(ssim(x, x, reach=255)) == pytest.approx(1)
