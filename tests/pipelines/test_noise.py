"""The noise level told from a picture: how close it comes, and what must not confuse it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage import data

from editing.options import STRONGEST_NOISE
from editing.pipelines import noise

Array = npt.NDArray[Any]


def with_noise(clean: Array, sigma: float) -> Array:
    """uint8 (H, W, C) with white noise, clipped and rounded as in a file."""
    random = np.random.default_rng(0)
    return np.clip(np.rint(clean + random.normal(0, sigma, clean.shape)), 0, 255).astype(np.uint8)


PICTURES: dict[str, Array] = {
    "cat": data.chelsea(),
    "astronaut": data.astronaut(),
    "gray": data.camera()[..., None],
    "coins": data.coins()[..., None],
    "flat": np.full((120, 160, 3), 90, np.uint8),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_white_noise_is_measured_in_photographs(name: str, sigma: float) -> None:
    told = noise.white(with_noise(PICTURES[name], sigma))
    assert told == pytest.approx(sigma, rel=0.08, abs=0.5)


@pytest.mark.parametrize("name", ["cat", "gray", "flat"])
def test_sixteen_bits_give_the_same_number(name: str) -> None:
    noisy = with_noise(PICTURES[name], 20)
    assert noise.white(noisy.astype(np.uint16) * 257) == pytest.approx(noise.white(noisy), abs=0.05)


def test_texture_is_not_noise() -> None:
    """Grass: far less than a careless estimate (the median of the diagonal wavelet band) says."""
    assert noise.white(data.chelsea()) < 2
    grass = data.grass()[..., None]
    careless = (grass[::2, ::2].astype(float) - grass[1::2, ::2] - grass[::2, 1::2] + grass[1::2, 1::2]) / 2
    assert noise.white(grass) < 0.5 * np.median(np.abs(careless)) / 0.6745


def ramp(shape: tuple[int, int]) -> Array:
    return (np.arange(shape[0] * shape[1]) % 65536).reshape(*shape, 1).astype(np.uint16)


@pytest.mark.parametrize("told", [noise.white, noise.correlated])
@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((200, 300, 3), np.uint8),
        np.full((50, 50, 1), 65535, np.uint16),
        np.full((40, 90, 3), 77, np.uint8),
        ramp((256, 256)),
        np.linspace(0, 65535, 400).astype(np.uint16)[None, :, None].repeat(300, 0),
        np.repeat(np.linspace(20, 200, 300).astype(np.uint8)[:, None, None].repeat(200, 1), 3, 2),
        np.full((1, 1, 3), 5, np.uint8),
        np.full((6, 500, 1), 5, np.uint8),
        np.full((7, 7, 3), 5, np.uint8),
        np.tile(np.array([[0, 255], [255, 0]], np.uint8), (60, 60))[..., None],
    ],
    ids=["black", "white", "flat", "every-level", "ramp", "eight-bit-ramp", "pixel", "strip", "patch", "checkers"],
)
def test_where_there_is_no_noise_none_is_found(told: Any, pixels: Array) -> None:
    assert told(pixels) < 0.3


def test_clipped_areas_do_not_count() -> None:
    """A picture that is black and white for the most part has noise only in the rest."""
    clean = np.zeros((200, 300, 3))
    clean[:, 100:200] = np.linspace(60, 190, 100)[None, :, None]
    clean[:, 200:] = 255
    pixels = with_noise(clean, 12)
    pixels[:, :100], pixels[:, 200:] = 0, 255
    assert noise.white(pixels) == pytest.approx(12, rel=0.05)
    # Dark noise is half cut off; what is measured is what there was.
    assert noise.white(with_noise(np.full((200, 200, 3), 25.0), 25)) == pytest.approx(25, rel=0.1)


def test_a_gray_picture_saved_as_rgb_has_the_noise_of_a_gray_one() -> None:
    gray = with_noise(PICTURES["gray"], 15)
    assert noise.white(gray.repeat(3, 2)) == noise.white(gray)
    sepia = np.rint(gray * np.array([1.0, 0.9, 0.7])).astype(np.uint8)
    assert noise.white(sepia) == pytest.approx(13, abs=1.5)  # its channels have 15, 13.5 and 10.5


def test_what_is_transparent_does_not_count() -> None:
    pixels = with_noise(PICTURES["cat"], 20)
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    alpha[:, :200] = 0
    pixels[:, :200] = 0
    assert noise.white(pixels, alpha) == pytest.approx(20, rel=0.05)
    assert noise.white(pixels, np.zeros_like(alpha)) == 0


def test_a_small_picture_is_measured_too() -> None:
    assert noise.white(with_noise(PICTURES["cat"][100:140, 200:250], 25)) == pytest.approx(25, rel=0.2)


def test_no_more_is_told_than_denoisers_know() -> None:
    assert noise.white(np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)) == STRONGEST_NOISE


def test_a_large_picture_takes_no_longer_and_the_sample_stays_bounded() -> None:
    large = with_noise(np.tile(PICTURES["cat"], (3, 3, 1)), 10)
    assert noise.white(large) == pytest.approx(10, rel=0.05)
    assert len(noise._patches(large, None)) <= noise._PLACES


@pytest.mark.parametrize("sigma", [5, 12, 25])
def test_noise_in_blotches_is_seen_by_the_other_estimate_alone(sigma: float) -> None:
    """White noise after a camera's blur: the smallest eigenvalues say next to nothing of it."""
    for clean in (PICTURES["astronaut"], PICTURES["cat"], PICTURES["flat"]):
        blotches = np.random.default_rng(0).normal(0, 1, clean.shape)
        blotches = cv2.GaussianBlur(blotches, (0, 0), 0.8)
        noisy = np.clip(np.rint(clean + sigma * blotches / blotches.std()), 0, 255).astype(np.uint8)
        assert noise.correlated(noisy) == pytest.approx(sigma, rel=0.3, abs=2)
        assert noise.white(noisy) < 0.6 * sigma


# ---- which noise it is -----------------------------------------------------------------------------------------------


def compressed(pixels: Array, quality: int) -> Array:
    done, file = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1])


@pytest.mark.parametrize("name", ["cat", "astronaut"])
@pytest.mark.parametrize("sigma", [12, 30])
def test_white_noise_is_told_from_noise_that_went_through_a_jpeg(name: str, sigma: float) -> None:
    noisy = with_noise(PICTURES[name], sigma)
    found = noise.judge(noisy)
    assert found.kind == "white"
    assert found.sigma == pytest.approx(noise.white(noisy))
    hidden = compressed(noisy, 75)
    found = noise.judge(hidden)
    assert found.kind == "camera"
    assert 0.55 < found.sigma / sigma < 1.5
    assert noise.white(hidden) < 0.8 * sigma  # which is why white noise's own measure is not asked


@pytest.mark.parametrize("quality", [None, 75, 95])
def test_a_clean_picture_is_left_alone(quality: int | None) -> None:
    clean = cv2.resize(PICTURES["astronaut"], (256, 256), interpolation=cv2.INTER_AREA)
    assert noise.judge(clean if quality is None else compressed(clean, quality)).sigma == 0


@pytest.mark.parametrize("shape", [(3, 300, 3), (8, 8, 3), (12, 12, 1)])
def test_what_is_too_small_is_not_judged(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert noise.traits(pixels) is None
    assert noise.judge(pixels) == noise.Noise(kind="white", sigma=0.0)


def test_traits_are_those_of_the_picture_in_any_depth() -> None:
    noisy = with_noise(PICTURES["cat"], 10)
    few, many = noise.traits(noisy), noise.traits(noisy.astype(np.uint16) * 257)
    assert few is not None
    assert few.shape == (40,)
    assert np.isfinite(few).all()
    np.testing.assert_allclose(few, many, atol=0.02)
    assert noise.judge(with_noise(PICTURES["gray"], 20)).sigma == pytest.approx(20, rel=0.3)


@pytest.mark.parametrize("shift", [0, 3])
def test_the_blocks_of_a_jpeg_are_seen_wherever_their_grid_begins(shift: int) -> None:
    found = []
    for quality in (15, 50, 90):
        _, coded = cv2.imencode(".jpg", PICTURES["astronaut"], [cv2.IMWRITE_JPEG_QUALITY, quality])
        found.append(noise.blocks(cv2.imdecode(coded, cv2.IMREAD_COLOR)[shift:, shift:]))
    assert found[0] > 2 * found[1] > 4 * found[2]
    assert noise.blocks(PICTURES["astronaut"][shift:, shift:]) < 0.3
    assert noise.blocks(PICTURES["astronaut"].astype(np.uint16) * 257) < 0.3
    assert noise.blocks(np.zeros((9, 40, 1), np.uint8)) == 0
