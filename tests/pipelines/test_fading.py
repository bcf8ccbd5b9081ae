"""Fading: contrast and colours come back, gray and sepia keep their tone, and what is not faded is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from editing.pictures.picture import Picture
from editing.pipelines import fading

Array = npt.NDArray[Any]


def scene(height: int = 120, width: int = 160) -> Array:
    """All of the range in every channel, none of which follows from another; (H, W, 3) in [0, 1]."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [0.5 + 0.5 * np.sin(x / 9 + phase) * np.cos(y / (11 + 3 * phase)) for phase in (0.0, 1.0, 2.0)]
    return np.stack(planes, 2)


def saved(planes: Array, dtype: type = np.uint8) -> Picture:
    return Picture(pixels=np.rint(planes * np.iinfo(dtype).max).astype(dtype))


def off(made: Picture, truth: Picture) -> float:
    return float(np.abs(made.pixels.astype(float) - truth.pixels).mean())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_faded_colours_come_back(dtype: type) -> None:
    truth = saved(scene(), dtype)
    faded = saved(np.array([0.3, 0.15, 0.1]) + scene() * np.array([0.55, 0.6, 0.45]), dtype)
    half, full = (fading.corrected(faded, amount) for amount in (0.5, 1))
    assert off(full, truth) < 0.15 * off(faded, truth)
    assert off(full, truth) < off(half, truth) < 0.6 * off(faded, truth)
    assert full.pixels.dtype == dtype
    assert fading.corrected(faded, 0) is faded


def test_what_is_not_faded_stays() -> None:
    truth = saved(scene())
    assert off(fading.corrected(truth, 1), truth) < 2


def test_gray_stays_gray() -> None:
    gray = scene()[..., :1] * 0.4 + 0.3
    for channels in (1, 3):
        made = fading.corrected(saved(gray.repeat(channels, 2)), 1).pixels
        assert made.shape[2] == channels
        assert (made == made[..., :1]).all()
        assert np.ptp(made.astype(int)) > 200


def test_sepia_keeps_its_tone_and_a_green_cast_goes() -> None:
    gray = scene()[..., :1]
    tones = {"sepia": ([0.25, 0.18, 0.12], [0.55, 0.5, 0.45]), "green": ([0.15, 0.25, 0.2], [0.45, 0.55, 0.5])}
    tints = {}
    for name, (dark, spread) in tones.items():
        made = fading.corrected(saved(np.array(dark) + gray * np.array(spread)), 1).pixels.astype(float)
        assert np.ptp(made) > 190
        tints[name] = made.mean((0, 1)) - made.mean()
    assert tints["sepia"][0] > 10 > -10 > tints["sepia"][2]
    assert np.abs(tints["green"]).max() < 3


def test_a_white_border_a_hole_and_the_transparent_are_not_looked_at() -> None:
    faded = np.array([0.3, 0.15, 0.1]) + scene() * np.array([0.55, 0.6, 0.45])
    plain = fading.corrected(saved(faded), 1).pixels
    spoilt, hole = faded.copy(), np.zeros((120, 160), np.float32)
    spoilt[:4], spoilt[:, :5] = 1, 1
    spoilt[50:70, 60:90], hole[50:70, 60:90] = 1, 1
    spoilt[80:100, 100:130] = 0
    alpha = np.full((120, 160), 255, np.uint8)
    alpha[80:100, 100:130] = 0
    pixels = saved(spoilt).pixels
    made = fading.corrected(Picture(pixels=pixels, alpha=alpha), 1, hole).pixels
    assert np.abs(made[10:40, 10:].astype(int) - plain[10:40, 10:]).max() < 12


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_and_tiny_pictures(value: int) -> None:
    for size in ((1, 1), (5, 200), (60, 60)):
        flat = Picture(pixels=np.full((*size, 3), value, np.uint8))
        assert len(np.unique(fading.corrected(flat, 1).pixels)) == 1
