"""Masks: from files, brushes and shapes; wider, softer, the other way round; and what they leave alone."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from editing.errors import ImageError
from editing.pictures import masks
from editing.pictures.picture import Picture, from_float
from editing.pictures.write import write_picture


def save(path: Path, pixels: np.ndarray, alpha: np.ndarray | None = None) -> Path:
    write_picture(Picture(pixels=pixels, alpha=alpha), path)
    return path


def square(height: int = 40, width: int = 60) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[10:20, 20:40] = 1
    return mask


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_white_means_change(tmp_path: Path, channels: int, depth: int) -> None:
    pixels = from_float(square()[..., None].repeat(channels, 2), depth)
    mask = masks.read(save(tmp_path / "m.png", pixels), 40, 60)
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, square(), atol=1e-6)


def test_opaque_means_change_whatever_its_colour(tmp_path: Path) -> None:
    alpha = np.rint(square() * 255).astype(np.uint8)
    path = save(tmp_path / "m.png", np.zeros((40, 60, 3), np.uint8), alpha)
    np.testing.assert_array_equal(masks.read(path, 40, 60), square())


def test_an_opaque_alpha_says_nothing(tmp_path: Path) -> None:
    pixels = np.rint(square() * 255).astype(np.uint8)[..., None]
    path = save(tmp_path / "m.png", pixels, np.full((40, 60), 255, np.uint8))
    np.testing.assert_array_equal(masks.read(path, 40, 60), square())


@pytest.mark.parametrize("quality", [30, 50, 75, 95])
def test_the_noise_of_a_jpeg_is_no_mask(tmp_path: Path, quality: int) -> None:
    drawn = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(drawn, (70, 60), 30, (255, 255, 255), -1, cv2.LINE_AA)
    stored = np.maximum(drawn, 1)  # as some programs save black
    Image.fromarray(stored).save(tmp_path / "m.jpg", quality=quality)
    mask = masks.read(tmp_path / "m.jpg", 120, 160)
    y, x = np.mgrid[0:120, 0:160]
    far = np.hypot(y - 60, x - 70)
    assert not mask[far > 34].any()
    assert (mask[far < 18] == 1).all()
    assert not masks.read(save(tmp_path / "dark.png", np.full((9, 9, 1), 3, np.uint8)), 9, 9).any()


def test_a_nearly_opaque_alpha_is_read_by_brightness(tmp_path: Path) -> None:
    """Soft corners, or a stray stroke of an eraser, are no mask."""
    pixels = np.rint(square() * 255).astype(np.uint8)[..., None].repeat(3, 2)
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[0, :3] = 0
    np.testing.assert_array_equal(masks.read(save(tmp_path / "m.png", pixels, alpha), 40, 60), square())


def test_an_inverted_mask_only_when_told(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.rint((1 - square()) * 255).astype(np.uint8)[..., None])
    np.testing.assert_array_equal(masks.read(path, 40, 60), 1 - square())
    np.testing.assert_array_equal(masks.read(path, 40, 60, inverted=True), square())


def test_the_mask_of_the_same_name(tmp_path: Path) -> None:
    for name in ("cat.jpg", "cat.png", "dog.png", "owl.tif", "owl.bmp"):
        (tmp_path / name).touch()
    assert masks.beside(tmp_path, Path("in/cat.jpg")).name == "cat.jpg"
    assert masks.beside(tmp_path, Path("in/cat.webp")).name == "cat.png"
    assert masks.beside(tmp_path, Path("in/dog.jpeg")).name == "dog.png"
    assert masks.beside(tmp_path, Path("in/owl.tif")).name == "owl.tif"
    with pytest.raises(ImageError, match=r"several masks for owl\.jpg .*: owl\.bmp, owl\.tif"):
        masks.beside(tmp_path, Path("in/owl.jpg"))
    with pytest.raises(ImageError, match=r"no mask for hen\.jpg"):
        masks.beside(tmp_path, Path("in/hen.jpg"))


@pytest.mark.parametrize(("height", "width"), [(400, 600), (20, 30), (41, 60), (3000, 4500)])
def test_a_mask_of_any_size_is_resized(tmp_path: Path, height: int, width: int) -> None:
    path = save(tmp_path / "m.png", np.rint(square() * 255).astype(np.uint8)[..., None])
    mask = masks.read(path, height, width)
    assert mask.shape == (height, width)
    assert mask.mean() == pytest.approx(square().mean(), rel=0.05)
    assert 0 <= mask.min() <= mask.max() <= 1
    assert mask[int(0.37 * height), int(0.5 * width)] == 1


def test_a_thin_stroke_survives_a_reduction() -> None:
    mask = np.zeros((1000, 1000), np.float32)
    mask[:, 501] = 1
    assert (masks.resized(mask, 100, 100).max(1) > 0.05).all()


def test_a_previews_rounding_is_no_other_shape() -> None:
    preview = Picture(pixels=np.zeros((2, 1024, 1), np.uint8))  # of a panorama
    assert masks.of_picture(preview, 30, 20000).shape == (30, 20000)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ImageError, match=r"60x40 pixels, which is another shape than the picture's 40x60"):
        masks.of_picture(Picture(pixels=np.zeros((40, 60, 1), np.uint8)), 60, 40)


def test_a_brushs_png_is_read_as_bytes_and_as_an_address(tmp_path: Path) -> None:
    alpha = np.rint(square() * 255).astype(np.uint8)
    data = save(tmp_path / "m.png", np.zeros((40, 60, 3), np.uint8), alpha).read_bytes()
    text = base64.b64encode(data).decode()
    for given in (data, text, f"data:image/png;base64,{text}"):
        np.testing.assert_array_equal(masks.from_png(given, 40, 60), square())


@pytest.mark.parametrize("sent", ["data:image/png;base64,***", "data:image/png;base64,AAAA", b"", b"no picture"])
def test_a_damaged_brush_is_told(sent: bytes | str) -> None:
    with pytest.raises(ImageError, match=r"^The mask that was sent is damaged: draw it again\.$"):
        masks.from_png(sent, 4, 4)


def test_a_polygon() -> None:
    box = masks.from_polygon([(20, 10), (40, 10), (40, 20), (20, 20)], 40, 60)
    assert (box[10:20, 20:40] == 1).all()
    assert box[:9].sum() == box[22:].sum() == box[:, :19].sum() == box[:, 42:].sum() == 0
    assert masks.from_polygon([(-20, -10), (30, -10), (30, 20), (-20, 20)], 40, 60)[0, 0] == 1
    assert masks.from_polygon([(100, 100), (200, 100), (200, 200)], 40, 60).sum() == 0
    assert masks.from_polygon([(0, 0), (60, 0), (0, 40)], 40, 60).mean() == pytest.approx(0.5, abs=0.04)


def test_growing_and_shrinking() -> None:
    wider = masks.grow(square(), 5)
    np.testing.assert_array_equal(wider[12, 13:18], [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(wider[3:8, 30], [0, 0, 1, 1, 1])
    narrower = masks.grow(square(), -3)
    np.testing.assert_array_equal(narrower[10:15, 30], [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(masks.grow(square(), 0), square())
    assert masks.grow(np.zeros((5, 5), np.float32), 3).sum() == 0


def test_feathering_fades_outwards_and_ends() -> None:
    soft = masks.feather(square(), 6)
    assert (soft[10:20, 20:40] == 1).all()
    profile = soft[14, 13:21]
    assert (np.diff(profile) > 0).all()
    assert np.abs(np.diff(profile)).max() < 0.3
    assert soft[14, 13] == 0
    np.testing.assert_array_equal(masks.feather(square(), 0), square())


def test_inverting() -> None:
    np.testing.assert_array_equal(masks.invert(square()), 1 - square())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_blending_leaves_the_outside_alone(dtype: type, channels: int) -> None:
    random = np.random.default_rng(0)
    before, after = (random.integers(0, np.iinfo(dtype).max, (600, 60, channels)).astype(dtype) for _ in range(2))
    mask = masks.feather(np.tile(square(), (15, 1)), 4)
    mixed = masks.blend(before, after, mask)
    np.testing.assert_array_equal(mixed[mask == 0], before[mask == 0])
    np.testing.assert_array_equal(mixed[mask == 1], after[mask == 1])
    between = (mask > 0.3) & (mask < 0.7)
    assert between.any()
    low, high = np.minimum(before, after)[between], np.maximum(before, after)[between]
    assert ((mixed[between] >= low) & (mixed[between] <= high)).all()
    assert (mixed[between] != before[between]).mean() > 0.9
    with pytest.raises(ValueError, match="don't fit"):
        masks.blend(before, after, mask[:10])
