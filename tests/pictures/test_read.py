"""Every check reads a really encoded file; the encoders used to make them are not our own."""

from __future__ import annotations

import errno
import io
import struct
import threading
import warnings
from collections.abc import Iterator
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
import tifffile
from made_pictures import (
    HEIGHT,
    SRGB,
    WIDTH,
    XMP,
    chunk,
    cmyk_profile,
    exif,
    huge_png,
    joined,
    noise,
    png,
    save,
    smooth,
    tags_of,
)
from PIL import Image, ImageFile, ImageOps

from editing import messages
from editing.errors import ImageError
from editing.messages import tell
from editing.pictures.picture import Metadata
from editing.pictures.read import _upright, probe_picture, read_metadata, read_picture
from editing.pictures.write import write_picture

# ---- pixels in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_png_of_every_kind_is_read_exactly(tmp_path: Path, channels: int, depth: int) -> None:
    data = noise(channels, depth)
    path = tmp_path / "a.png"
    path.write_bytes(png(data))
    found = read_picture(path)
    assert np.array_equal(joined(found), data)
    assert (found.depth, found.gray) == (depth, channels < 3)
    assert (found.alpha is not None) == (channels in (2, 4))
    assert not found.notices


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_tiff_of_every_kind_is_read_exactly(
    tmp_path: Path, channels: int, depth: int, byteorder: str, compression: str | None
) -> None:
    data = noise(channels, depth)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        data if channels > 1 else data[..., 0],
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        compression=compression,
        predictor=compression is not None,
        byteorder=byteorder,
        metadata=None,
    )
    found = read_picture(path)
    assert np.array_equal(joined(found), data)
    assert (found.depth, found.gray, probe_picture(path).depth) == (depth, channels < 3, depth)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_of_16_bits_in_lzw_is_read_exactly(tmp_path: Path, channels: int) -> None:
    data = noise(channels, 16)
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), data[..., [2, 1, 0, 3][:channels]] if channels > 1 else data)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages.first.compression == 5
    assert np.array_equal(joined(read_picture(path)), data)


def test_tiff_of_16_bits_in_planes_tiles_inverted_and_premultiplied(tmp_path: Path) -> None:
    data = noise(3, 16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.moveaxis(data, 2, 0), photometric="rgb", planarconfig="separate", metadata=None)
    assert np.array_equal(read_picture(path).pixels, data)
    tifffile.imwrite(path, data, photometric="rgb", tile=(16, 16), metadata=None)
    assert np.array_equal(read_picture(path).pixels, data)
    tifffile.imwrite(path, data[..., 0], photometric="miniswhite", metadata=None)
    assert np.array_equal(read_picture(path).pixels[..., 0], 65535 - data[..., 0])
    half = np.dstack([np.full((4, 5, 3), 10000, np.uint16), np.full((4, 5), 32768, np.uint16)])
    tifffile.imwrite(path, half, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    found = read_picture(path)
    assert np.abs(found.pixels.astype(int) - 20000).max() <= 1
    assert (found.alpha == 32768).all()


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_with_a_fourth_channel_that_is_no_alpha(tmp_path: Path, byteorder: str) -> None:
    data = noise(4, 16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, data, photometric="rgb", extrasamples=["unspecified"], byteorder=byteorder, metadata=None)
    found = read_picture(path)
    assert found.alpha is None
    assert np.array_equal(found.pixels, data[..., :3])


def test_bilevel_and_palette(tmp_path: Path) -> None:
    data = noise(3)
    bilevel = save(tmp_path / "1.png", data[..., :1] // 128 * 255, "PNG", "1")
    found = read_picture(bilevel)
    assert found.gray
    assert np.array_equal(found.pixels, data[..., :1] // 128 * 255)

    image = Image.fromarray(data).quantize(16)
    image.save(tmp_path / "p.png")
    assert np.array_equal(read_picture(tmp_path / "p.png").pixels, np.asarray(image.convert("RGB")))
    image.save(tmp_path / "p.bmp")
    assert np.array_equal(read_picture(tmp_path / "p.bmp").pixels, np.asarray(image.convert("RGB")))

    image.save(tmp_path / "t.png", transparency=3)
    index = np.asarray(image)
    found = read_picture(tmp_path / "t.png")
    assert found.alpha is not None
    assert np.array_equal(found.alpha, np.where(index == 3, 0, 255))
    levels = bytes(range(0, 160, 10))
    image.save(tmp_path / "t.png", transparency=levels)
    found = read_picture(tmp_path / "t.png")
    assert found.alpha is not None
    assert np.array_equal(found.alpha, np.frombuffer(levels, np.uint8)[index])


@pytest.mark.parametrize("depth", [8, 16])
def test_big_tiff_with_orientation_and_profile(tmp_path: Path, depth: int) -> None:
    data = noise(3, depth)
    extra = [(274, "H", 1, 6, True)]
    options: dict[str, Any] = {"iccprofile": SRGB, "resolution": (100, 200), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "a.tif", data, bigtiff=True, photometric="rgb", extratags=extra, **options)
    found = read_picture(tmp_path / "a.tif")
    assert np.array_equal(found.pixels, np.rot90(data, -1))
    assert (found.icc, found.dpi) == (SRGB, (508, 254))
    assert (probe_picture(tmp_path / "a.tif").width, probe_picture(tmp_path / "a.tif").height) == (HEIGHT, WIDTH)


def test_a_palette_of_grays_is_gray(tmp_path: Path) -> None:
    image = Image.fromarray(noise(1)[..., 0] // 64)
    image.putpalette([value for level in (200, 5, 90, 30) for value in (level,) * 3])
    image.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.mode == "P"
    found = read_picture(tmp_path / "a.png")
    assert found.gray
    assert np.array_equal(found.pixels[..., 0], np.array([200, 5, 90, 30], np.uint8)[np.asarray(image)])


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_transparent_colour_of_png_is_alpha(tmp_path: Path, channels: int, depth: int) -> None:
    data = noise(channels, depth)
    key = [int(value) for value in data[3, 4]]
    (tmp_path / "a.png").write_bytes(png(data, chunk(b"tRNS", struct.pack(f">{channels}H", *key))))
    found = read_picture(tmp_path / "a.png")
    assert np.array_equal(found.pixels, data)
    assert found.alpha is not None
    assert np.array_equal(found.alpha == 0, (data == key).all(axis=2))
    assert set(np.unique(found.alpha)) == {0, 2**depth - 1}


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_one_transparent_level_of_a_few_bits(tmp_path: Path, bits: int) -> None:
    packed = noise(1, height=4, width=6)
    (tmp_path / "a.png").write_bytes(png(packed, chunk(b"tRNS", struct.pack(">H", 1)), bits=bits))
    top = 2**bits - 1
    level = np.stack([packed[..., 0] >> shift & top for shift in range(8 - bits, -1, -bits)], axis=2).reshape(4, -1)
    found = read_picture(tmp_path / "a.png")
    assert np.array_equal(found.pixels[..., 0], level * (255 // top))
    assert found.alpha is not None
    assert np.array_equal(found.alpha == 0, level == 1)


@pytest.mark.parametrize(("format", "options"), [("JPEG", {"quality": 95}), ("TIFF", {})])
def test_cmyk_without_profile_is_converted_plainly(tmp_path: Path, format: str, options: dict[str, Any]) -> None:
    image = Image.fromarray(smooth()).convert("CMYK")
    image.save(tmp_path / "a", format, **options)
    found = read_picture(tmp_path / "a")
    assert np.abs(found.pixels.astype(int) - smooth()).mean() < 3
    assert [notice.text for notice in found.notices] == [messages.CONVERTED_TO_SRGB]


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile_which_is_then_gone(tmp_path: Path, format: str) -> None:
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))  # cyan, but by this profile a gray of L* = 50
    image.save(tmp_path / "a", format, icc_profile=cmyk_profile())
    found = read_picture(tmp_path / "a")
    assert np.abs(found.pixels.astype(int) - 119).max() <= 2
    assert found.icc is None


def test_lab_is_converted(tmp_path: Path) -> None:
    lab = np.zeros((8, 8, 3), np.uint8)
    lab[..., 0] = 128  # L* = 50, and a* = b* = 0
    Image.frombytes("LAB", (8, 8), lab.tobytes()).save(tmp_path / "a.tif")
    found = read_picture(tmp_path / "a.tif")
    assert np.abs(found.pixels.astype(int) - 119).max() <= 2


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint32"])
def test_tiff_of_other_numbers_is_refused(tmp_path: Path, dtype: str) -> None:
    for data in (np.zeros((4, 5), dtype), np.zeros((4, 5, 3), dtype)):
        tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack" if data.ndim == 2 else "rgb")
        with pytest.raises(ImageError, match=r"'a\.tif' holds .* bits\. Save it with 8 or 16 bits"):
            read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("format", "channels"),
    [("JPEG", 1), ("JPEG", 3), ("WEBP", 3), ("WEBP", 4), ("AVIF", 3), ("AVIF", 4), ("HEIF", 3), ("HEIF", 4)],
)
def test_lossy_formats_are_read(tmp_path: Path, format: str, channels: int) -> None:
    pillow_heif.register_heif_opener()
    path = save(tmp_path / "a", smooth(channels), format, quality=95)
    found = read_picture(path)
    assert np.abs(joined(found).astype(int) - smooth(channels)).mean() < 2.5
    assert probe_picture(path).format == {"HEIF": "HEIC"}.get(format, format)
    assert (found.width, found.height) == (64, 48)


def test_heic_of_10_bits_gives_16(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 512).astype(np.uint16)
    data = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (64, 512, 3)))
    heif = pillow_heif.from_bytes(mode="RGB;16", size=(512, 64), data=data.tobytes())
    heif.save(tmp_path / "a.heic", quality=-1, chroma=444)
    found = read_picture(tmp_path / "a.heic")
    assert (found.depth, probe_picture(tmp_path / "a.heic").depth) == (16, 16)
    assert np.abs(found.pixels.astype(int) - data).mean() < 200
    assert len(np.unique(found.pixels[..., 1])) > 256
    assert found.pixels.max() > 65300


def test_bmp_with_padding_where_alpha_could_be(tmp_path: Path) -> None:
    data = np.dstack([noise(3), np.zeros((HEIGHT, WIDTH), np.uint8)])
    save(tmp_path / "a.bmp", data, "BMP")
    found = read_picture(tmp_path / "a.bmp")
    assert found.alpha is None
    assert np.array_equal(found.pixels, data[..., :3])


def test_the_suffix_may_be_wrong(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", smooth(), "JPEG", quality=95)
    assert probe_picture(path).format == "JPEG"
    assert read_picture(path).width == 64


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_of_several_frames_is_used_with_a_notice(tmp_path: Path, format: str) -> None:
    frames = [Image.new("RGB", (9, 8), colour) for colour in ("red", "lime", "blue")]
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {}
    frames[0].save(tmp_path / "a", format, save_all=True, append_images=frames[1:], **options)
    found = read_picture(tmp_path / "a")
    assert (found.pixels == [255, 0, 0]).all()
    assert found.notices == (tell(messages.FIRST_FRAME, frames=3),)
    assert "first of 3 frames" in str(found.notices[0])
    assert probe_picture(tmp_path / "a").frames == 3


def test_the_previews_in_a_phone_s_jpeg_are_no_frames(tmp_path: Path) -> None:
    image = Image.fromarray(smooth())
    image.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[image.resize((8, 8))])
    with Image.open(tmp_path / "a.jpg") as opened:
        assert opened.format == "MPO"
    assert not read_picture(tmp_path / "a.jpg").notices
    assert probe_picture(tmp_path / "a.jpg").format == "JPEG"


# ---- orientation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_orientation_is_applied_once_and_reset(tmp_path: Path, format: str, orientation: int) -> None:
    pillow_heif.register_heif_opener()
    tags = Image.Exif()
    tags[0x0112] = orientation
    path = save(tmp_path / "a", smooth(), format, exif=tags.tobytes(), dpi=(100, 200), quality=95)
    # HEIF and AVIF turn in the decoder, by the container's own mark; the others by EXIF. The eye sees the same.
    with Image.open(path) as image:
        expected = ImageOps.exif_transpose(image)
        assert expected.size == ((48, 64) if orientation > 4 else (64, 48))
        found = read_picture(path)
        assert np.array_equal(found.pixels, np.asarray(expected.convert("RGB")))
    upright = _upright(smooth(), orientation)
    assert np.abs(found.pixels.astype(int) - upright).mean() < 4
    assert (probe_picture(path).width, probe_picture(path).height) == expected.size
    if found.exif is not None:
        assert tags_of(found.exif).get(0x0112, 1) == 1
    if format in ("JPEG", "PNG", "TIFF"):
        assert found.dpi == ((200, 100) if orientation > 4 else (100, 200))
    write_picture(found, tmp_path / "b.png")
    assert np.array_equal(read_picture(tmp_path / "b.png").pixels, found.pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "TIFF in LZW"])
def test_orientation_at_16_bits(tmp_path: Path, kind: str, orientation: int) -> None:
    data = noise(3, 16)
    path = tmp_path / "a"
    tags = Image.Exif()
    tags[0x0112] = orientation
    if kind == "PNG":
        path.write_bytes(png(data, chunk(b"eXIf", tags.tobytes()[6:])))
    elif kind == "TIFF":
        tifffile.imwrite(path, data, photometric="rgb", metadata=None, extratags=[(274, "H", 1, orientation, True)])
    else:
        # OpenCV writes LZW but no orientation: its tag for the planar layout, 1 by default, is made into one.
        encoded = cv2.imencode(".tif", data[..., ::-1])[1].tobytes()
        planar = struct.pack("<HHIHH", 284, 3, 1, 1, 0)
        assert encoded.count(planar) == 1
        path.write_bytes(encoded.replace(planar, struct.pack("<HHIHH", 274, 3, 1, orientation, 0)))
    planes = []  # Pillow can't hold 16-bit colour: it turns the channels one by one
    for plane in np.moveaxis(data, 2, 0):
        image = Image.fromarray(np.ascontiguousarray(plane))
        image.getexif()[0x0112] = orientation
        planes.append(np.asarray(ImageOps.exif_transpose(image)))
    assert np.array_equal(read_picture(path).pixels, np.stack(planes, axis=2))


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_the_limit_is_checked_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.png"
    for width, height in ((11000, 10000), (30000, 20000)):  # Pillow warns of the first and raises for the second
        path.write_bytes(huge_png(width, height))
        monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
        with pytest.raises(ImageError) as caught:
            read_picture(path)
        message = str(caught.value)
        assert f"'big.png' is {width}x{height} pixels" in message
        assert "the limit is 64 megapixels" in message
        assert "ATELIER_MAX_INPUT_MP" in message
        assert str(tmp_path) not in message
        assert (probe_picture(path).width, probe_picture(path).height) == (width, height)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF", "TIFF16"])
def test_the_limit_holds_for_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    pillow_heif.register_heif_opener()
    path = tmp_path / "a"
    if format == "TIFF16":
        tifffile.imwrite(path, noise(3, 16, height=48, width=64), photometric="rgb")
    else:
        save(path, smooth(), format)
    monkeypatch.setenv("ATELIER_MAX_INPUT_MP", "0.003071")
    with pytest.raises(ImageError, match="64x48 pixels"):
        read_picture(path)
    monkeypatch.setenv("ATELIER_MAX_INPUT_MP", "0.003072")
    assert read_picture(path).width == 64


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    "format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF", "PNG16", "TIFF16", "LZW16"]
)
def test_a_truncated_file_is_refused(
    tmp_path: Path, format: str, keep: float, capfd: pytest.CaptureFixture[str]
) -> None:
    pillow_heif.register_heif_opener()
    path = tmp_path / "cut"
    if format == "PNG16":
        path.write_bytes(png(noise(3, 16)))
    elif format == "TIFF16":
        tifffile.imwrite(path, noise(3, 16), photometric="rgb", compression="zlib")
    elif format == "LZW16":
        path.write_bytes(cv2.imencode(".tif", noise(3, 16))[1].tobytes())
    else:
        save(path, noise(3, height=64, width=64), format)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImageError, match="'cut' is") as caught:
        read_picture(path)
    assert str(tmp_path) not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "not a picture"),
        (b"\xff\xd8\xff\xe0", "not a picture"),
        (b"II*\0\x08\0\0\0\0\0", "TIFF of an uncommon kind"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(64), "is a camera's raw file"),
        (huge_png(0, 5), "its beginning is damaged"),
        (bytes(range(256)) * 20, "not a picture"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "thing.png"
    path.write_bytes(content)
    for function in (read_picture, read_metadata, probe_picture):
        with pytest.raises(ImageError, match=f"'thing.png'.*({words})") as caught:
            function(path)
        assert str(tmp_path) not in str(caught.value)


def test_a_raw_file_is_not_taken_for_its_preview(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    tifffile.imwrite(path, noise(3), photometric="rgb", extratags=[(50706, "B", 4, (1, 4, 0, 0), True)])
    with pytest.raises(ImageError, match="camera's raw file"):
        read_picture(path)


def test_missing_folder_and_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match=r"'no\.png' was not found"):
        read_picture(tmp_path / "no.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_picture(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match=r"'no\.png' was not found"):
        read_picture(tmp_path / "file" / "no.png")

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root, whom no mode bits stop
    with pytest.raises(ImageError, match="may not be read"):
        read_picture(tmp_path / "a.png")


def test_random_damage_gives_a_picture_or_an_image_error(tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    rng = np.random.default_rng(1)
    whole = []
    for format in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF", "HEIF"):
        whole.append(save(tmp_path / "a", smooth(), format, exif=exif()).read_bytes())
    tifffile.imwrite(tmp_path / "a", noise(3, 16), photometric="rgb", compression="zlib")
    whole += [(tmp_path / "a").read_bytes(), png(noise(4, 16))]
    refused = []
    for data in whole:
        for _ in range(12):
            broken = np.frombuffer(data, np.uint8).copy()
            broken[rng.integers(4, min(len(broken), 400), 6)] = rng.integers(0, 256, 6)
            (tmp_path / "b").write_bytes(broken.tobytes())
            try:
                read_picture(tmp_path / "b")
            except ImageError as error:
                refused.append(str(error))
    assert len(refused) > 10
    assert all("'b'" in message for message in refused)


# ---- beside other users of Pillow ------------------------------------------------------------------------------------


def test_two_pictures_are_decoded_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And while they are, Pillow's limit and Python's filters are what they were."""
    path = save(tmp_path / "a.jpg", smooth(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\1")
    before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    meeting, load, seen, found = threading.Barrier(2, timeout=20), ImageFile.ImageFile.load, {}, []

    def together(self: ImageFile.ImageFile) -> Any:
        if threading.get_ident() not in seen:
            meeting.wait()
            seen[threading.get_ident()] = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
            meeting.wait()
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", together)
    threads = [threading.Thread(target=lambda: found.append(read_picture(path).width)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [64, 64]
    assert [*seen.values(), (Image.MAX_IMAGE_PIXELS, list(warnings.filters))] == [before] * 3


def test_decodes_that_overlap_leave_opencv_s_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(png(noise(3, 16)))
    log: Any = getattr(cv2.utils, "logging", cv2)
    level, decode, calls = log.getLogLevel(), cv2.imdecode, count()
    assert level > 0
    inside, ended = [threading.Event(), threading.Event()], threading.Event()

    def overlapping(*arguments: Any) -> Any:
        number = next(calls)
        inside[number].set()
        assert (ended if number else inside[1]).wait(20)  # the second ends after the first
        return decode(*arguments)

    monkeypatch.setattr(cv2, "imdecode", overlapping)
    threads = [threading.Thread(target=read_picture, args=(tmp_path / "a.png",)) for _ in range(2)]
    threads[0].start()
    assert inside[0].wait(20)
    threads[1].start()
    threads[0].join()
    ended.set()
    threads[1].join()
    assert log.getLogLevel() == level


KINDS = ["PNG", "JPEG", "WEBP", "TIFF", "TIFF in Deflate", "BMP", "GIF", "AVIF", "HEIF"]


@pytest.mark.parametrize("kind", KINDS)
def test_pillow_s_own_limit_does_not_count(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a number of the whole process, on which others may rely: it is neither asked nor changed."""
    pillow_heif.register_heif_opener()
    options = {"compression": "tiff_deflate"} if kind == "TIFF in Deflate" else {}
    path = save(tmp_path / "a", smooth(), kind.split()[0], **options)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    limits = []
    monkeypatch.setattr(Image, "preinit", lambda: limits.append(Image.MAX_IMAGE_PIXELS))
    assert read_picture(path).width == 64
    assert limits == [100]


def test_reading_in_threads_leaves_the_warnings_as_they_were(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", smooth(), "JPEG")
    filters, found = list(warnings.filters), []
    threads = [threading.Thread(target=lambda: found.append(read_picture(path).width)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [64] * 8
    assert list(warnings.filters) == filters


# ---- without the pixels ----------------------------------------------------------------------------------------------


def files_of_every_kind(folder: Path) -> Iterator[Path]:
    """With all that can stand beside the pixels, turned, or of colours that are converted."""
    pillow_heif.register_heif_opener()
    beside: dict[str, Any] = {"exif": exif(orientation=6), "icc_profile": SRGB, "dpi": (100, 200)}
    for format in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "HEIF"):
        options = beside | ({} if format in ("PNG", "TIFF") else {"xmp": XMP})
        yield save(folder / format, smooth(), format, **options)
        if format not in ("AVIF", "HEIF"):
            save(folder / "gray", smooth(1), format, **options)  # whose profile doesn't fit
            yield folder / "gray"
    image = Image.fromarray(smooth())
    for format in ("JPEG", "TIFF"):
        image.convert("CMYK").save(folder / "cmyk", format, icc_profile=cmyk_profile())
        yield folder / "cmyk"
    for options in ({}, {"icc_profile": SRGB}):
        image.convert("L").quantize(16).save(folder / "palette", "PNG", **options)
        yield folder / "palette"
    image.save(folder / "several", "GIF", save_all=True, append_images=[Image.fromarray(smooth()[::-1])], comment=b"c")
    yield folder / "several"
    tags = {"extratags": [(274, "H", 1, 6, True)], "iccprofile": SRGB, "resolution": (100, 200)}
    for channels in (1, 3, 4):
        data = noise(channels, 16)
        tifffile.imwrite(folder / "16", data, photometric="rgb" if channels > 1 else "minisblack", **tags)
        yield folder / "16"
        late = chunk(b"eXIf", exif(orientation=6)[6:]) + chunk(b"tEXt", b"Title\0late") + chunk(b"IEND", b"")
        for depth in (8, 16):
            whole = png(noise(channels, depth), chunk(b"iTXt", b'atelier\0\0\0\0\0{"task": "x"}'))
            (folder / "late").write_bytes(whole.replace(chunk(b"IEND", b""), late))
            yield folder / "late"


def test_metadata_alone_is_a_picture_s_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def beside(found: Metadata) -> dict[str, Any]:
        return {part.name: getattr(found, part.name) for part in fields(Metadata)}

    checked = 0
    for path in files_of_every_kind(tmp_path):
        whole = read_picture(path)
        with monkeypatch.context() as patched:
            for kind in {ImageFile.ImageFile, *ImageFile.ImageFile.__subclasses__()}:
                patched.setattr(kind, "load", lambda self: pytest.fail("decoded"))
            patched.setattr(tifffile.TiffPage, "asarray", lambda self: pytest.fail("decoded"))
            patched.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
            alone = read_metadata(path)
        assert beside(alone) == beside(whole)
        checked += 1
        again = alone.with_pixels(whole.pixels, whole.alpha)
        assert beside(again) == beside(whole)
        assert again.pixels is whole.pixels
        assert again.alpha is whole.alpha
    assert checked == 24


def test_metadata_alone_has_the_limit_too(tmp_path: Path) -> None:
    (tmp_path / "big.png").write_bytes(huge_png(30000, 20000))
    with pytest.raises(ImageError, match=r"'big\.png' is 30000x20000 pixels"):
        read_metadata(tmp_path / "big.png")


@pytest.mark.parametrize("back_to", [0, 1])
def test_a_tiff_whose_pages_point_in_a_circle_ends(tmp_path: Path, back_to: int) -> None:
    pages = [Image.fromarray(np.full((4, 5), 40 * i, np.uint8)) for i in range(3)]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    data, places = bytearray(file.getvalue()), [4]
    for _ in pages:  # where the offset of the next page is written
        (start,) = struct.unpack_from("<I", data, places[-1])
        places.append(start + 2 + 12 * struct.unpack_from("<H", data, start)[0])
    data[places[-1] : places[-1] + 4] = data[places[back_to] : places[back_to] + 4]
    path = tmp_path / "circle.tif"
    path.write_bytes(data)
    picture = read_picture(path)
    assert picture.pixels.shape == (4, 5, 1)
    assert picture.notices[0].values == {"frames": 3}
