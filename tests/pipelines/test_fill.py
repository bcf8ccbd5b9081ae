"""Filling: from the surroundings, at the picture's own resolution, and nothing outside the mask."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from editing.errors import ImageError, Stopped, WeightError
from editing.pipelines import fill
from editing.pipelines.fill import Filler
from editing.runtime import Backend

Array = npt.NDArray[Any]


def stripes(height: int = 96, width: int = 128, channels: int = 3) -> Array:
    """Diagonal stripes with a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    wave = 0.5 + 0.35 * np.sign(np.sin((x + y) / 3.0))
    noise = np.random.default_rng(0).normal(0, 0.02, (height, width))
    planes = np.stack([wave + noise, 0.8 * wave + noise, 1 - wave + noise], 2)[..., :channels]
    return np.clip(np.rint(planes * 255), 0, 255).astype(np.uint8)


def hole(height: int = 96, width: int = 128) -> npt.NDArray[np.float32]:
    mask = np.zeros((height, width), np.float32)
    mask[30:60, 50:85] = 1
    return mask


def psnr(a: Array, b: Array, mask: Array) -> float:
    error = ((a.astype(float) - b) / 255)[mask > 0]
    return float(-10 * np.log10(np.mean(error**2)))


def test_patches_go_on_where_telea_blurs() -> None:
    picture, mask = stripes(), hole()
    broken = picture.copy()
    broken[mask > 0] = 255
    filled = fill.fill(broken, mask, filler=fill.load("patches"))
    telea = cv2.inpaint(broken, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    assert psnr(filled, picture, mask) > psnr(telea, picture, mask) + 3
    np.testing.assert_array_equal(filled[mask == 0], broken[mask == 0])


def test_the_masked_pixels_are_not_looked_at() -> None:
    mask = hole()
    results = []
    for value in (0, 255):
        broken = stripes()
        broken[mask > 0] = value
        results.append(fill.fill(broken, mask, filler=fill.load("patches")))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_depth_and_gray_are_kept_and_soft_edges_mix(channels: int, dtype: type) -> None:
    picture = (stripes(64, 64, channels) // np.uint8(1)).astype(dtype) * (257 if dtype == np.uint16 else 1)
    picture = picture.astype(dtype)
    mask = np.zeros((64, 64), np.float32)
    mask[20:30, 20:30], mask[30:32, 20:30] = 1, 0.5
    middle = round(np.iinfo(dtype).max / 2)
    flat = Filler(name="flat", sha256=None, run=lambda picture, hole: np.full_like(picture, middle))
    filled = fill.fill(picture, mask, filler=flat)
    assert filled.dtype == dtype
    assert filled.shape == picture.shape
    top = np.iinfo(dtype).max
    np.testing.assert_allclose(filled[20:30, 20:30], top / 2, atol=1)
    np.testing.assert_allclose(filled[30:32, 20:30], picture[30:32, 20:30] / 2 + top / 4, atol=1)
    np.testing.assert_array_equal(filled[mask == 0], picture[mask == 0])


def test_each_part_is_filled_on_a_crop_of_its_own() -> None:
    picture, mask = stripes(700, 900), np.zeros((700, 900), np.float32)
    for y, x in ((0, 0), (100, 100), (105, 115), (150, 130), (690, 880)):
        mask[y : y + 10, x : x + 12] = 1
    picture[mask > 0] = 255
    seen: list[tuple[int, int]] = []
    holes: list[int] = []

    def run(crop: Array, gone: Array) -> Array:
        seen.append(crop.shape[:2])
        holes.append(int(gone.sum()))
        assert (crop[gone] == 255).all()  # nothing that was filled already is filled again
        return np.full_like(crop, 64)

    steps: list[tuple[int, int]] = []
    filled = fill.fill(
        picture, mask, filler=Filler(name="x", sha256=None, run=run),
        report=lambda done, total, note="": steps.append((done, total)),
    )  # fmt: skip
    assert steps == [(i, 4) for i in range(5)]  # those that nearly touch are one
    assert max(max(size) for size in seen) < 130
    assert sorted(holes) == [120, 120, 120, 240 + 60]  # two see some of the third, which is unknown to them
    assert (filled[mask > 0] == 64).all()


def test_a_long_scratch_is_filled_in_pieces_that_see_those_before() -> None:
    picture, mask = stripes(1200, 900), np.zeros((1200, 900), np.float32)
    cv2.line(mask, (20, 30), (880, 1170), 1.0, 4)
    picture[mask > 0] = 255
    covered = np.zeros(mask.shape, int)
    sizes: list[int] = []

    def run(crop: Array, gone: Array) -> Array:
        sizes.append(max(gone.shape))
        return np.where(gone[..., None], np.uint8(7), crop)

    def count(done: int, total: int, note: str = "") -> None:
        covered[0, 0] = total

    filled = fill.fill(picture, mask, filler=Filler(name="x", sha256=None, run=run), report=count)
    assert (filled[mask > 0] == 7).all()
    assert max(sizes) < 300
    assert 8 < len(sizes) == covered[0, 0]


def test_the_same_bits_on_any_number_of_threads_and_another_filling_for_another_seed() -> None:
    random = np.random.default_rng(3)
    picture = cv2.GaussianBlur(random.integers(0, 256, (200, 300, 3), np.uint8), (0, 0), 1.5)
    mask = np.zeros((200, 300), np.float32)
    cv2.line(mask, (10, 20), (290, 180), 1.0, 3)
    cv2.line(mask, (290, 20), (10, 150), 1.0, 3)
    one = Filler(name="patches", sha256=None, run=fill.fill_by_patches)
    results = [fill.fill(picture, mask, filler=filler, seed=seed)
               for filler, seed in ((one, 1), (replace(one, threads=4), 1), (one, 2))]  # fmt: skip
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


def test_grain_goes_on_and_no_outline_shows() -> None:
    y, x = np.mgrid[0:160, 0:200]
    grain = np.random.default_rng(5).normal(0, 8, (160, 200, 1))
    picture = np.clip(60 + 0.4 * x + 0.2 * y, 0, 255)[..., None] + grain
    picture = np.clip(np.rint(picture), 0, 255).astype(np.uint8).repeat(3, 2)
    mask = np.zeros((160, 200), np.float32)
    mask[60:100, 80:120] = 1
    filled = fill.fill(picture, mask, filler=fill.load("patches"))[..., 0].astype(float)

    def roughness(part: Array) -> float:
        return float(np.diff(part, axis=1).std())

    assert 0.75 < roughness(filled[62:98, 82:118]) / roughness(filled[62:98, 20:56]) < 1.25
    steps = [abs(filled[60:100, 80:83].mean() - filled[60:100, 77:80].mean()),
             abs(filled[97:100, 80:120].mean() - filled[100:103, 80:120].mean())]  # fmt: skip
    assert max(steps) < 4


def test_sixteen_bits_are_finer_than_eight() -> None:
    """PyPatchMatch takes 8 bits, which would leave eleven values of a faint gradient, and bands."""
    x = np.linspace(20_000, 22_500, 160)
    picture = np.rint(np.tile(x, (120, 1)))[..., None].astype(np.uint16)
    mask = np.zeros((120, 160), np.float32)
    mask[40:80, 60:100] = 1
    filled = fill.fill(picture, mask, filler=fill.load("patches"))[40:80, 60:100].astype(int)
    assert len(np.unique(filled)) > 100
    assert np.abs(filled - picture[40:80, 60:100]).mean() < 150


def test_filling_can_be_stopped() -> None:
    def stop(done: int, total: int, note: str = "") -> None:
        if done == 1:
            raise Stopped("stopped")

    mask = hole()
    mask[0:5, 0:5] = 1
    flat = Filler(name="flat", sha256=None, run=lambda picture, hole: picture)
    with pytest.raises(Stopped):
        fill.fill(stripes(), mask, filler=flat, report=stop)


@pytest.mark.parametrize("size", [(1, 2), (2, 40), (6, 6), (40, 9), (200, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiny_pictures_and_nearly_all_of_them(size: tuple[int, int], dtype: type) -> None:
    picture = stripes(*size).astype(dtype)
    nearly = np.ones(size, np.float32)
    nearly[-1, -1] = 0
    for mask in (nearly, 1 - nearly):
        filled = fill.fill(picture, mask, filler=fill.load("patches"))
        assert filled.shape == picture.shape
        np.testing.assert_array_equal(filled[mask == 0], picture[mask == 0])
    assert (fill.fill(picture, nearly, filler=fill.load("patches")) == picture[-1, -1]).all()


def test_a_mask_of_everything_is_refused() -> None:
    with pytest.raises(ImageError, match="covers the whole picture"):
        fill.fill(stripes(), np.ones((96, 128), np.float32), filler=fill.load("patches"))


def test_holes_at_the_borders_and_larger_than_what_is_left() -> None:
    picture = stripes(120, 160)
    for rows, columns in (
        (slice(0, 40), slice(0, 50)),
        (slice(80, 120), slice(0, 160)),
        (slice(10, 120), slice(12, 160)),
    ):
        mask = np.zeros((120, 160), np.float32)
        mask[rows, columns] = 1
        broken = np.where(mask[..., None] > 0, np.uint8(255), picture)
        filled = fill.fill(broken, mask, filler=fill.load("patches"))
        np.testing.assert_array_equal(filled[mask == 0], picture[mask == 0])
        assert filled[mask > 0].std() > 0.3 * picture.std()  # stripes, not white or a smear


@pytest.mark.parametrize("thick", [1, 2])
@pytest.mark.parametrize("turn", [False, True])
def test_a_long_thin_scratch_is_filled(thick: int, turn: bool) -> None:
    """The classic old photo: halved, nothing would be left of the hole."""
    picture, mask = stripes(400, 300), np.zeros((400, 300), np.float32)
    mask[10:390, 150 : 150 + thick] = 1
    if turn:
        picture, mask = np.ascontiguousarray(picture.swapaxes(0, 1)), np.ascontiguousarray(mask.T)
    broken = picture.copy()
    broken[mask > 0] = 255
    filled = fill.fill(broken, mask, filler=fill.load("patches"))
    np.testing.assert_array_equal(filled[mask == 0], broken[mask == 0])
    assert psnr(filled, picture, mask) > 20


def test_a_large_hole_is_filled_reduced_and_keeps_its_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The texture is finer than the reduced picture holds: enlarged alone it would be flat."""
    texture = np.random.default_rng(0).normal(0, 25, (240, 320, 1))
    x = np.arange(320)[None]
    picture = np.clip(128 + 60 * np.sin(x / 25)[..., None] + texture, 0, 255).astype(np.uint8).repeat(3, 2)
    mask = np.zeros((240, 320), np.float32)
    mask[70:170, 100:220] = 1
    monkeypatch.setattr(fill, "_LARGEST", 10_000)
    filled = fill.fill(np.where(mask[..., None] > 0, np.uint8(255), picture), mask, filler=fill.load("patches"))
    np.testing.assert_array_equal(filled[mask == 0], picture[mask == 0])

    def roughness(pixels: Array) -> float:
        return float(np.diff(pixels[..., 0].astype(float), axis=1).std())

    assert 0.7 < roughness(filled[75:165, 105:215]) / roughness(picture[75:165, 105:215]) < 1.3


@pytest.mark.parametrize("share", [1.0, 0.31])
def test_what_is_filled_reduced_fits_whatever_its_size(share: float) -> None:
    def run(picture: Array, gone: Array) -> Array:
        return np.where(gone[..., None], np.uint16(30_000), picture)

    picture = np.random.default_rng(1).integers(0, 2**16, (97, 143, 1)).astype(np.uint16)
    hole = np.zeros((97, 143), bool)
    hole[50:, 90:] = True
    filled = fill._reduced(run, picture, hole, share)
    assert (filled.shape, filled.dtype) == (picture.shape, picture.dtype)
    np.testing.assert_array_equal(filled[~hole], picture[~hole])
    assert abs(float(filled[hole].mean()) - 30_000) < 2500


def test_what_filling_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path))
    assert fill.seconds(0) == 0
    takes = fill.seconds(10_000, "patches")
    assert 0 < takes < 60
    assert takes == pytest.approx(10 * fill.seconds(1000, "patches"))


def test_fillers_by_name() -> None:
    assert fill.load().name == "patches"
    with pytest.raises(WeightError, match="weights fetch lama"):
        fill.load("lama")
    with pytest.raises(WeightError, match="no weight called 'telea'"):
        fill.load("telea")


@pytest.mark.parametrize("channels", [1, 3])
def test_lama_gets_the_crop_and_the_hole(channels: int) -> None:
    """The contract of spandrel's LaMa: (1, 3, h, w) in [0, 1], (1, 1, h, w) with 1 where to fill."""
    given: list[torch.Tensor] = []

    def network(picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        given.extend([picture, mask])
        return picture * (1 - mask) + 0.25 * mask

    run = partial(fill._by_network, network, Backend("cpu", "fp32"))
    filled = fill.fill(stripes(channels=channels), hole(), filler=Filler(name="lama", sha256="x", run=run))
    assert (filled[32:58, 52:83] == 64).all()
    picture, mask = given
    assert picture.shape[1] == 3
    assert mask.shape[1] == 1
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert float(mask.sum()) == hole().sum()


def test_lama_is_used_where_it_was_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    class Network:
        model = torch.nn.Identity()

        def __call__(self, picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return picture * 0

    monkeypatch.setattr(fill, "path_of", lambda weight: "here")
    monkeypatch.setattr(fill, "digest", lambda weight: "lama" * 16)
    monkeypatch.setattr(fill, "load_network", lambda weight: Network())
    filler = fill.load()
    assert filler.name == "lama"
    assert not filler.run(stripes(), hole() > 0).any()
