"""Pictures in memory: what they hold, their limits, integers and floats."""

from __future__ import annotations

import numpy as np
import pytest

from editing.errors import ImageError, OptionError
from editing.pictures.picture import (
    Picture,
    check_input_size,
    check_output_size,
    from_float,
    input_limit,
    output_limit,
    premultiply,
    to_depth,
    to_float,
    unpremultiply,
)


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATELIER_MAX_INPUT_MP", raising=False)
    monkeypatch.delenv("ATELIER_MAX_OUTPUT_MP", raising=False)
    assert (input_limit(), output_limit()) == (64_000_000, 256_000_000)
    check_output_size(16000, 16000)
    with pytest.raises(ImageError, match=r"16001x16000 pixels \(256\.0 megapixels\); the limit is 256 megapixels"):
        check_output_size(16001, 16000)
    with pytest.raises(ImageError, match="'a' is 0x5 pixels: it holds no picture"):
        check_input_size("a", 0, 5)
    monkeypatch.setenv("ATELIER_MAX_OUTPUT_MP", "1.5")
    assert output_limit() == 1_500_000
    for bad in ("many", "0", "-3", "nan", "inf"):
        monkeypatch.setenv("ATELIER_MAX_INPUT_MP", bad)
        with pytest.raises(OptionError, match=f"ATELIER_MAX_INPUT_MP is '{bad}'"):
            input_limit()


# ---- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [8, 16])
def test_integers_survive_floats(depth: int) -> None:
    levels = np.arange(2**depth).astype(np.uint8 if depth == 8 else np.uint16).reshape(-1, 16, 1)
    floats = to_float(levels)
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (0, 1)
    back = from_float(floats, depth)
    assert back.dtype == levels.dtype
    assert np.array_equal(back, levels)


def test_from_float_clips_rounds_and_refuses_nan() -> None:
    values = np.array([[-1, 2, 0.5 / 255 - 1e-4, 0.5 / 255 + 1e-4, np.inf]], np.float32)
    assert from_float(values, 8).tolist() == [[0, 255, 0, 1, 255]]
    with pytest.raises(ImageError, match="not numbers"):
        from_float(np.full((300, 2), np.nan, np.float32), 8)


def test_premultiplying_and_back() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.random((9, 8, 3), np.float32)
    alpha = rng.random((9, 8), np.float32)
    alpha[0], alpha[1] = 0, 1
    back = unpremultiply(premultiply(pixels, alpha), alpha)
    assert np.abs(back - pixels)[1:].max() < 1e-5
    assert (back[0] == 0).all()


def test_picture_checks_itself() -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    assert (Picture(pixels=pixels).width, Picture(pixels=pixels).height) == (5, 4)
    for bad in (pixels[..., :2], pixels[..., 0], pixels.astype(np.float32), pixels[:0]):
        with pytest.raises(ValueError, match="pixels must be"):
            Picture(pixels=bad)
    for alpha in (np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint16)):
        with pytest.raises(ValueError, match="alpha must be"):
            Picture(pixels=pixels, alpha=alpha)


def test_depths_go_there_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8)
    wide = to_depth(levels, 16)
    assert (wide.dtype, wide[255], wide[1]) == (np.uint16, 65535, 257)
    assert np.array_equal(to_depth(wide, 8), levels)
    assert to_depth(np.array([128, 129, 65407], np.uint16), 8).tolist() == [0, 1, 255]
    assert to_depth(levels, 8) is levels
