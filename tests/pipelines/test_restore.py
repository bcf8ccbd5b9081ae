"""The whole old photograph: each step does its part, each can be left out, and the rest comes through."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from editing.errors import ImageError, Stopped
from editing.faces.align import SIDE, TEMPLATE, Face
from editing.faces.restore import Restorer
from editing.options import DamageOptions, RepairOptions, RestoreOptions, read
from editing.pictures.picture import Picture
from editing.pipelines import damage, restore
from editing.pipelines.fill import Filler
from editing.pipelines.upscale import Upscaler
from editing.runtime import Backend

Array = npt.NDArray[Any]
CPU = Backend("cpu", "fp32")
NOTHING = {"find_damage": None, "clean": 0, "colors": 0, "faces": "none"}
FACE = Face(box=(70, 50, 130, 130), landmarks=TEMPLATE * 100 / SIDE + [50, 40], score=0.9)


def scene(channels: int = 3, height: int = 160, width: int = 200) -> Array:
    y, x = np.mgrid[0:height, 0:width]
    planes = [0.5 + 0.3 * np.sin(x / 19 + phase) * np.cos(y / (15 + 3 * phase)) for phase in (0.0, 1.0, 2.0)]
    return np.stack(planes[:channels], 2)


def old(channels: int = 3, dtype: type = np.uint8, **more: Any) -> Picture:
    """Faded, with noise in blotches and a scratch."""
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (160, 200)), (0, 0), 0.8)
    planes = 0.25 + 0.5 * scene(channels) + 0.04 * (grain / grain.std())[..., None]
    pixels = np.clip(np.rint(planes * np.iinfo(dtype).max), 0, np.iinfo(dtype).max).astype(dtype)
    pixels[20:24, 10:190] = np.iinfo(dtype).max
    return Picture(pixels=pixels, **more)


def scratch() -> npt.NDArray[np.float32]:
    mask = np.zeros((160, 200), np.float32)
    mask[19:25, 9:191] = 1
    return mask


def board(picture: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A checkerboard on the face, which matching the colours does not take back."""
    y, x = torch.meshgrid(torch.arange(picture.shape[2]), torch.arange(picture.shape[3]), indexing="ij")
    squares = ((y // 8 + x // 8) % 2) * 0.3 - 0.15
    return picture + squares, picture + squares


RESTORER = Restorer(name="repairer", sha256="f" * 64, licence="", backend=CPU, side=128, fills=True, run=board)
ENLARGER = Upscaler(
    name="four", sha256="e" * 64, backend=CPU, scale=4, overlap=4, ramp=0,
    run=lambda tensor: torch.nn.functional.interpolate(tensor, scale_factor=4),
)  # fmt: skip


def run(picture: Picture, mask: Any = None, **options: Any) -> restore.Restored:
    found = [FACE] if options.get("faces", "all") != "none" else None
    return restore.restore(
        picture, RestoreOptions(**options), mask, found=found, network=RESTORER, enlarger=ENLARGER
    )  # fmt: skip


def made(picture: Picture, mask: Any = None, **options: Any) -> Array:
    return restore.compose(run(picture, mask, **{**NOTHING, **options})).pixels


def noise(pixels: Array) -> float:
    return float(np.diff(pixels[100:150, :, 0].astype(float), axis=1).std()) / np.iinfo(pixels.dtype).max


@pytest.mark.parametrize(("channels", "dtype"), [(3, np.uint8), (1, np.uint8), (3, np.uint16)])
def test_each_step_alone_does_its_part_and_no_other(channels: int, dtype: type) -> None:
    picture = old(channels, dtype)
    top = np.iinfo(dtype).max
    np.testing.assert_array_equal(made(picture), picture.pixels)
    filled = made(picture, scratch())
    np.testing.assert_array_equal(filled[scratch() == 0], picture.pixels[scratch() == 0])
    assert filled[20:24, 10:190].max() < 0.95 * top
    assert noise(made(picture, clean=1)) < 0.6 * noise(picture.pixels)
    corrected = made(picture, scratch(), colors=1)
    assert np.ptp(corrected[30:].astype(float)) > 1.25 * np.ptp(picture.pixels[30:].astype(float))
    assert noise(corrected) > 1.2 * noise(picture.pixels)  # with the contrast
    face = made(picture, faces="all")
    differs = (face != picture.pixels).any(2)
    assert differs[70:110, 85:115].mean() > 0.9
    assert not differs[:, :30].any()
    for pixels in (filled, corrected, face):
        assert (pixels.shape, pixels.dtype) == (picture.pixels.shape, dtype)


def test_a_gray_photograph_saved_in_colour_stays_gray() -> None:
    gray = old(1).pixels
    rounded = gray.astype(int) + np.random.default_rng(1).integers(-2, 3, (160, 200, 3))  # as colour JPEG leaves it
    picture = Picture(pixels=np.clip(rounded, 0, 255).astype(np.uint8))
    for more in ({"clean": 1}, {"colors": 1}, {"size": 2}):
        assert not np.ptp(made(picture, **more), axis=2).any()
    np.testing.assert_array_equal(made(picture), picture.pixels)  # nothing is done to it
    tinted = Picture(pixels=np.concatenate([gray, gray, gray // 2], 2))
    assert np.ptp(made(tinted, colors=0.1), axis=2).any()


def test_damage_is_found_beside_what_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def find(picture: Picture, options: DamageOptions, **_: Any) -> npt.NDArray[np.float32]:
        asked.append(options.sensitivity)
        return scratch()

    monkeypatch.setattr(damage, "find_damage", find)
    drawn = np.zeros((160, 200), np.float32)
    drawn[100:110, 20:30] = 1
    for options in ({}, {"find_damage": 0.7}):
        result = run(old(), drawn, faces="none", clean=0, colors=0, **options)
        np.testing.assert_array_equal(result.mask, np.maximum(scratch(), drawn))
        assert result.filled_by == "patches"
        assert [weight.name for weight in result.weights] == ["damage"]
    assert asked == [RestoreOptions().find_damage, 0.7]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_face_is_as_fine_as_the_enlarged_picture(channels: int) -> None:
    """The checkerboard's squares are pixels of the network, not of the picture, enlarged."""
    alpha = np.full((160, 200), 200, np.uint8)
    picture = old(channels, alpha=alpha, icc=b"profile")
    result = run(picture, scratch(), size=4, find_damage=None)
    whole = restore.compose(result)
    assert (whole.height, whole.width, whole.gray) == (640, 800, channels == 1)
    assert whole.alpha is not None
    assert (whole.alpha == 200).all()
    assert whole.icc == b"profile"
    names = [weight.name for weight in result.weights]
    assert names[0] == "denoise-camera"
    assert names[-1] == restore.upscale.named("auto")
    face = whole.pixels[300:420, 340:460, 0].astype(float)
    rows = np.abs(np.diff(face, axis=1)).max(0)
    assert (rows > 20).mean() > 0.02  # edges that are sharper than four pixels of the small picture


def test_masks_of_everything_and_of_nothing() -> None:
    with pytest.raises(ImageError, match="covers the whole picture"):
        run(old(), np.ones((160, 200), np.float32))
    result = run(old(), np.zeros((160, 200), np.float32), **NOTHING)
    assert result.mask is None
    assert ["mask is empty" in str(notice) for notice in result.notices] == [True]


def test_clean_pictures_are_not_cleaned() -> None:
    picture = Picture(pixels=np.rint(scene() * 255).astype(np.uint8))
    result = run(picture, **{**NOTHING, "clean": 1})
    assert result.sigma is None
    np.testing.assert_array_equal(restore.compose(result).pixels, picture.pixels)


def test_the_blocks_of_a_jpeg_are_cleaned() -> None:
    truth = np.rint(scene() * 255).astype(np.uint8)
    coded = cv2.imdecode(cv2.imencode(".jpg", truth, [cv2.IMWRITE_JPEG_QUALITY, 8])[1], cv2.IMREAD_COLOR)
    result = run(Picture(pixels=coded), **{**NOTHING, "clean": 1})
    assert result.sigma is not None
    after = restore.compose(result).pixels
    assert np.abs(after.astype(float) - truth).mean() < 0.9 * np.abs(coded.astype(float) - truth).mean()


def test_the_recipe_makes_the_same_again() -> None:
    picture = old()
    for options in ({"size": 2, "colors": 0.3}, {"find_damage": None}):
        result = run(picture, scratch(), **options)
        recipe = restore.recipe(result)
        assert (recipe["task"], recipe["restore"]) == ("repair", True)
        again = read(RestoreOptions, recipe["options"])
        assert again == dataclasses.replace(result.options, model="repairer", filler="patches")
        assert read(RepairOptions, recipe["options"]).faces == "all"  # a repair's reader takes what it knows
        repeated = restore.restore(picture, again, scratch(), found=[FACE], network=RESTORER, enlarger=ENLARGER)
        np.testing.assert_array_equal(restore.compose(repeated).pixels, restore.compose(result).pixels)


@pytest.mark.parametrize("part", ["damage", "fill", "clean", "repair", "enlarge"])
def test_it_stops_in_every_part(part: str) -> None:
    def stop(done: int, total: int, note: str = "") -> None:
        if note == part:
            raise Stopped("stopped")

    filler = Filler(name="patches", sha256=None, run=lambda crop, hole: np.where(hole[..., None], np.uint8(90), crop))
    with pytest.raises(Stopped):
        restore.restore(
            old(), RestoreOptions(size=2), scratch(), found=[FACE], network=RESTORER, enlarger=ENLARGER,
            filler=filler, report=stop,
        )  # fmt: skip


def test_the_estimate_counts_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(self: Upscaler, *, wait: bool = True, ask: object = None) -> restore.upscale.Cost:
        return restore.upscale.Cost(seconds=2e-6, bytes=500.0)

    monkeypatch.setattr(Upscaler, "cost", known)
    monkeypatch.setattr(damage.Finder, "cost", known)
    monkeypatch.setattr(restore.fill, "seconds", lambda masked, name, wait: masked * 1e-4)
    monkeypatch.setattr(Restorer, "seconds", lambda self, wait: 0.5)
    nothing = restore.estimate(1000, 800, RestoreOptions(**NOTHING))
    steps = [
        restore.estimate(1000, 800, RestoreOptions(**{**NOTHING, **more}))
        for more in ({"find_damage": 0.5}, {"clean": 1}, {"faces": "all"}, {"size": 4})
    ]
    assert all(step.seconds > nothing.seconds + 0.3 for step in steps)
    whole = restore.estimate(1000, 800, RestoreOptions(size=4))
    assert whole.seconds == pytest.approx(sum(step.seconds - nothing.seconds for step in steps) + nothing.seconds, 0.2)
    assert (whole.width, whole.height) == (4000, 3200)
    assert whole.memory > nothing.memory + 4000 * 3200 * 3
