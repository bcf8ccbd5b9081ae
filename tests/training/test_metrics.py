"""Metrics against slow, plain computations, and that they tell good from bad."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import scipy.linalg
import torch
from torch.nn import functional as F

from editing.training import metrics
from editing.training.backbones import MOBILENET, load_mobilenet

RANDOM = np.random.default_rng(0)


def test_frechet_distance_is_the_formula() -> None:
    a = RANDOM.normal(0, 1, (60, 5)) @ RANDOM.normal(0, 1, (5, 5))
    b = RANDOM.normal(0.5, 2, (40, 5))
    ca, cb = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(ca @ cb).real
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root)
    assert metrics.frechet_distance(a, b) == pytest.approx(wanted, rel=1e-6)
    assert metrics.frechet_distance(b, a) == pytest.approx(wanted, rel=1e-6)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert metrics.frechet_distance(a, a + 3) == pytest.approx(45, rel=1e-6)


def test_frechet_distance_with_fewer_samples_than_numbers() -> None:
    a = RANDOM.normal(0, 1, (10, 30))
    assert metrics.frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-6)


def test_kernel_distance_is_the_formula_and_zero_on_average() -> None:
    a, b = RANDOM.normal(0, 1, (7, 3)), RANDOM.normal(1, 1, (5, 3))

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 3 + 1) ** 3)

    within_a = np.mean([k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    within_b = np.mean([k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    between = np.mean([k(x, y) for x in a for y in b])
    assert metrics.kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * between)
    same = [metrics.kernel_distance(RANDOM.normal(0, 1, (50, 4)), RANDOM.normal(0, 1, (50, 4))) for _ in range(40)]
    assert abs(np.mean(same)) < 0.1


def test_diversity_and_novelty_by_hand() -> None:
    square = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert metrics.diversity(square) == pytest.approx((3 + 4 + 5) / 3)
    assert metrics.novelty(np.array([[0.0, 1.0], [3.0, 0.0]]), square) == pytest.approx([1.0, 0.0])


def test_score_tells_copies_collapse_and_noise_apart() -> None:
    training, held_out = RANDOM.normal(0, 1, (300, 8)), RANDOM.normal(0, 1, (60, 8))
    fresh = metrics.score(RANDOM.normal(0, 1, (300, 8)), training, held_out)
    copies = metrics.score(training, training, held_out)
    collapsed = metrics.score(RANDOM.normal(0, 0.3, (300, 8)), training, held_out)
    far = metrics.score(RANDOM.normal(2, 1, (300, 8)), training, held_out)
    assert fresh.fd < 0.5
    assert fresh.diversity == pytest.approx(1, abs=0.1)
    assert fresh.novelty == pytest.approx(1, abs=0.1)
    assert copies.novelty == pytest.approx(0, abs=1e-6)
    assert collapsed.diversity < 0.4
    assert far.fd > 20 * fresh.fd
    assert far.kid > fresh.kid
    without = metrics.score(RANDOM.normal(0, 1, (300, 8)), training, held_out[:0])
    assert without.novelty == pytest.approx(1, abs=0.1)


@pytest.mark.skipif(importlib.util.find_spec(MOBILENET[0]) is None, reason="a training extra is not installed")
def test_features_tell_blurred_pictures_from_sharp(astronaut: np.ndarray) -> None:
    network = load_mobilenet()
    picture = torch.from_numpy(astronaut).permute(2, 0, 1)[None].float() / 127.5 - 1
    crops = torch.cat([picture[..., y : y + 256, x : x + 256] for y in (0, 128, 256) for x in (0, 128, 256)])
    sharp = F.interpolate(crops, size=(64, 64), mode="bilinear", antialias=True)
    blurred = F.interpolate(F.avg_pool2d(sharp, 8), size=(64, 64), mode="bilinear")
    features = metrics.pooled_features(network, sharp)
    assert features.shape == (9, 1280)
    assert features.dtype == np.float64
    assert np.allclose(metrics.pooled_features(network, sharp, batch=4), features, atol=1e-4)
    gray = metrics.pooled_features(network, sharp.mean(1, keepdim=True))
    assert gray.shape == (9, 1280)
    slightly = metrics.pooled_features(network, (sharp + 0.02 * torch.randn_like(sharp)).clamp(-1, 1))
    assert metrics.frechet_distance(slightly, features) < 0.3 * metrics.frechet_distance(
        metrics.pooled_features(network, blurred), features
    )
