"""Filling: from the surroundings, at the picture's own resolution, and nothing outside the mask."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from editing.errors import Stopped, WeightError
from editing.pictures.picture import to_float
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
    flat = Filler(name="flat", sha256=None, run=lambda picture, hole: np.full_like(picture, 0.5))
    filled = fill.fill(picture, mask, filler=flat)
    assert filled.dtype == dtype
    assert filled.shape == picture.shape
    top = np.iinfo(dtype).max
    np.testing.assert_allclose(filled[20:30, 20:30], top / 2, atol=1)
    np.testing.assert_allclose(filled[30:32, 20:30], picture[30:32, 20:30] / 2 + top / 4, atol=1)
    np.testing.assert_array_equal(filled[mask == 0], picture[mask == 0])


def test_each_part_is_filled_on_a_crop_of_its_own() -> None:
    picture, mask = stripes(700, 900), np.zeros((700, 900), np.float32)
    for y, x in ((0, 0), (100, 100), (110, 130), (690, 880)):
        mask[y : y + 10, x : x + 12] = 1
    picture[mask > 0] = 255
    seen: list[tuple[int, int]] = []
    holes: list[int] = []

    def run(crop: Array, gone: Array) -> Array:
        seen.append(crop.shape[:2])
        holes.append(int(gone.sum()))
        assert (crop[gone] == 1).all()  # nothing that was filled already is filled again
        return np.full_like(crop, 0.25)

    steps: list[tuple[int, int]] = []
    filled = fill.fill(
        picture, mask, filler=Filler(name="x", sha256=None, run=run),
        report=lambda done, total, note="": steps.append((done, total)),
    )  # fmt: skip
    assert steps == [(i, 4) for i in range(5)]
    assert max(max(size) for size in seen) < 120
    assert sorted(holes) == [120, 120, 120, 240]  # the second of the neighbours is unknown to the first
    assert (filled[mask > 0] == 64).all()


def test_filling_can_be_stopped() -> None:
    def stop(done: int, total: int, note: str = "") -> None:
        if done == 1:
            raise Stopped("stopped")

    mask = hole()
    mask[0:5, 0:5] = 1
    flat = Filler(name="flat", sha256=None, run=lambda picture, hole: picture)
    with pytest.raises(Stopped):
        fill.fill(stripes(), mask, filler=flat, report=stop)


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (6, 6), (40, 9)])
def test_tiny_and_wholly_masked_pictures(size: tuple[int, int]) -> None:
    picture = stripes(*size)
    for mask in (np.ones(size, np.float32), np.pad(np.ones((1, 1), np.float32), ((0, size[0] - 1), (0, size[1] - 1)))):
        filled = fill.fill(picture, mask, filler=fill.load("patches"))
        assert filled.shape == picture.shape
        np.testing.assert_array_equal(filled[mask == 0], picture[mask == 0])


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


def test_a_large_crop_is_copied_from_the_level_below(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its patches are too many to be described: the finest level copies what the one below chose, still sharp."""
    monkeypatch.setattr(fill, "_SEARCHED", 5000)
    picture, mask = stripes(), hole()
    broken = picture.copy()
    broken[mask > 0] = 128
    filled = fill.fill(broken, mask, filler=fill.load("patches"))
    inside = filled[32:58, 52:83].astype(float)
    assert inside.std() > 0.5 * picture.std()


def test_fillers_by_name() -> None:
    assert fill.load().name == "patches"
    with pytest.raises(WeightError, match="weights fetch lama"):
        fill.load("lama")
    with pytest.raises(WeightError, match="no weight called 'telea'"):
        fill.load("telea")


def test_lama_gets_the_crop_and_the_hole() -> None:
    """The contract of spandrel's LaMa: (1, 3, h, w) in [0, 1], (1, 1, h, w) with 1 where to fill."""
    given: list[torch.Tensor] = []

    def network(picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        given.extend([picture, mask])
        return picture * (1 - mask) + 0.25 * mask

    def run(picture: Array, gone: Array) -> Array:
        return fill._by_network(network, picture, gone, Backend("cpu", "fp32"))

    filled = fill.fill(stripes(), hole(), filler=Filler(name="lama", sha256="x", run=run))
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
    assert not filler.run(to_float(stripes()), hole() > 0).any()
