"""Pictures to files: other readers agree on the pixels, and where writing fails nothing is left behind."""

from __future__ import annotations

import errno
import io
import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import tifffile
from made_pictures import OUTPUTS, joined, noise, picture, save, smooth
from PIL import Image

from editing import messages
from editing.errors import EditingError, ImageError, OptionError
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import _eight_bits, _Job, write_picture


@pytest.mark.parametrize("size", [(20, 30), (1, 1), (1, 300), (300, 1), (513, 3)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_lossless_round_trips(tmp_path: Path, suffix: str, depth: int, channels: int, size: tuple[int, int]) -> None:
    data = noise(channels, depth, height=size[0], width=size[1])
    colours = 1 if channels < 3 else 3
    original = Picture(pixels=data[..., :colours], alpha=data[..., colours] if channels in (2, 4) else None)
    path = tmp_path / f"a.{suffix}"
    assert write_picture(original, path) == ()
    found = read_picture(path)
    assert np.array_equal(joined(found), data)
    assert found.depth == depth
    if suffix == "tif":  # and other readers agree
        assert np.array_equal(tifffile.imread(path).reshape(data.shape), data)
    if depth == 8 or channels == 1:
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image).reshape(data.shape), data)
    elif channels > 2:
        other = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(other[..., [2, 1, 0, 3][:channels]], data)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_ramp_of_16_bit_rgba_keeps_all_its_levels(tmp_path: Path, format: str) -> None:
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16 + 3
    original = Picture(pixels=np.stack([ramp, ramp[::-1], ramp.T], axis=2), alpha=ramp)
    write_picture(original, tmp_path / "a", format=format)
    found = read_picture(tmp_path / "a")
    assert np.array_equal(found.pixels, original.pixels)
    assert found.alpha is not None
    assert len(np.unique(found.alpha)) == 4096


def test_jpeg_is_444_at_the_asked_quality(tmp_path: Path) -> None:
    original = Picture(pixels=smooth())
    for quality in (95, 60):
        write_picture(original, tmp_path / "a.jpg", quality=quality)
        save(tmp_path / "b.jpg", smooth(), "JPEG", quality=quality)
        with Image.open(tmp_path / "a.jpg") as image, Image.open(tmp_path / "b.jpg") as other:
            assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
            assert image.quantization == other.quantization
    write_picture(Picture(pixels=smooth(1)), tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.mode == "L"


@pytest.mark.parametrize("depth", [8, 16])
def test_jpeg_lays_alpha_on_white_and_rounds(tmp_path: Path, depth: int) -> None:
    top = 2**depth - 1
    dtype = np.uint8 if depth == 8 else np.uint16
    pixels = np.zeros((16, 48, 3), dtype)
    alpha = np.repeat(np.array([0, top // 2, top], dtype), 16)[None].repeat(16, axis=0)
    notices = write_picture(Picture(pixels=pixels, alpha=alpha), tmp_path / "a.jpg")
    found = read_picture(tmp_path / "a.jpg").pixels.astype(int)
    assert np.abs(found[:, 4:12] - 255).max() <= 1
    assert np.abs(found[:, 20:28] - 128).max() <= 1
    assert np.abs(found[:, 36:44]).max() <= 1
    assert {notice.text for notice in notices} == {messages.ALPHA_FLATTENED} | (
        {messages.DEPTH_REDUCED} if depth == 16 else set()
    )


@pytest.mark.parametrize("depth", [8, 16])
def test_laying_on_white_is_rounded(depth: int) -> None:
    source = picture(4, depth)
    assert source.alpha is not None
    job = _Job(picture=source, format="JPEG", quality=95)
    alpha = source.alpha[..., None] / (2**depth - 1)
    exact = source.pixels / (2**depth - 1) * alpha * 255 + 255 * (1 - alpha)
    # At 16 bits it is rounded twice, which can add a very little to the half.
    assert np.abs(np.asarray(_eight_bits(job, flatten=True)) - exact).max() < 0.5 + 0.003


def test_16_bits_are_rounded_to_8(tmp_path: Path) -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    job = _Job(picture=Picture(pixels=levels), format="JPEG", quality=95)
    reduced = np.asarray(_eight_bits(job, flatten=True))
    assert np.array_equal(reduced, np.rint(levels[..., 0] / 257).astype(np.uint8))


def test_webp_keeps_alpha_and_closely_the_colours(tmp_path: Path) -> None:
    data = smooth(4)
    write_picture(Picture(pixels=data[..., :3], alpha=data[..., 3]), tmp_path / "a.webp")
    found = read_picture(tmp_path / "a.webp")
    assert np.array_equal(found.alpha, data[..., 3])
    assert np.abs(found.pixels.astype(int) - data[..., :3]).mean() < 2


@pytest.mark.parametrize(("suffix", "limit"), [("webp", 16383), ("jpg", 65500)])
def test_sides_too_long_for_a_format(tmp_path: Path, suffix: str, limit: int) -> None:
    write_picture(Picture(pixels=np.zeros((1, limit, 1), np.uint8)), tmp_path / f"a.{suffix}")
    with pytest.raises(ImageError, match=f"{limit + 1}x1 pixels; .* allows {limit} a side. Save it as PNG"):
        write_picture(Picture(pixels=np.zeros((1, limit + 1, 1), np.uint8)), tmp_path / f"b.{suffix}")
    assert not (tmp_path / f"b.{suffix}").exists()


def test_unknown_formats_list_the_choices(tmp_path: Path) -> None:
    for name in ("a.gif", "a", "a.png.part"):
        with pytest.raises(EditingError, match=r"\.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff"):
            write_picture(picture(), tmp_path / name)
    with pytest.raises(EditingError, match="The format 'gif' is not known"):
        write_picture(picture(), tmp_path / "a.png", format="gif")
    for quality in (0, 101):
        with pytest.raises(OptionError, match=f"quality is {quality}"):
            write_picture(picture(), tmp_path / "a.png", quality=quality)
    write_picture(picture(), tmp_path / "a.PNG")
    write_picture(picture(), tmp_path / "b", format="tiff")
    assert probe_picture(tmp_path / "b").format == "TIFF"


class FullDisk(io.FileIO):
    """A file on a disk with room for 100 bytes."""

    def write(self, data: Any) -> int:
        if self.tell() + memoryview(data).nbytes > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"old")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda self, mode: FullDisk(str(self), mode.replace("b", "")))
        with pytest.raises(ImageError, match=f"'a.{suffix}' was not saved: the disk is full") as caught:
            write_picture(picture(), path)
    assert str(tmp_path) not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_folders_that_can_t_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match=r"the folder 'no' does not exist"):
        write_picture(picture(), tmp_path / "no" / "a.png")
    (tmp_path / "d.png").mkdir()
    with pytest.raises(ImageError, match="a folder has that name"):
        write_picture(picture(), tmp_path / "d.png")
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="does not exist"):
        write_picture(picture(), tmp_path / "file" / "a.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.png", "file"]

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match="may not be written"):
        write_picture(picture(), tmp_path / "a.png")


@pytest.mark.parametrize(
    ("task", "kind"),
    [("upscale", "algorithmicallyEnhanced"), ("generate", "trainedAlgorithmicMedia"),
     ("repair", "compositeWithTrainedAlgorithmicMedia"), ("other", None)],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_file_says_that_a_network_made_it(task: str, kind: str | None, suffix: str, tmp_path: Path) -> None:
    picture = Picture(pixels=np.full((8, 8, 3), 90, np.uint8))
    once, again = tmp_path / f"once{suffix}", tmp_path / f"again{suffix}"
    write_picture(picture, once, recipe={"task": task})
    xmp = read_picture(once).xmp
    if kind is None:
        assert xmp is None
        return
    assert xmp is not None
    assert f"newscodes/digitalsourcetype/{kind}<".encode() in xmp
    ElementTree.fromstring(re.sub(rb"<\?xpacket.*?\?>", b"", xmp))
    # What was drawn and then enlarged says the last of it, once.
    write_picture(read_picture(once), again, recipe={"task": "stylize"})
    assert (read_picture(again).xmp or b"").count(b"/digitalsourcetype/") == 1
    write_picture(picture, again, recipe={"task": task}, strip=True)
    assert read_picture(again).xmp is None
