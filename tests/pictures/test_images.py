"""Every check reads or writes a really encoded file; the encoders used to make them are not our own."""

from __future__ import annotations

import errno
import io
import os
import struct
import threading
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from editing import messages
from editing.errors import EditingError, ImageError, OptionError
from editing.messages import tell
from editing.pictures.picture import (
    Picture,
    check_output_size,
    from_float,
    input_limit,
    output_limit,
    premultiply,
    to_float,
    unpremultiply,
)
from editing.pictures.read import _upright, probe_picture, read_picture
from editing.pictures.tags import _without_xmp, upright_xmp
from editing.pictures.write import _eight_bits, _Job, write_picture

HEIGHT, WIDTH = 20, 30
RECIPE = {"task": "upscale", "options": {"scale": 2}, "note": "放大 é"}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(channels: int, depth: int = 8, *, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    dtype = np.uint8 if depth == 8 else np.uint16
    return np.random.default_rng(0).integers(0, 2**depth, (height, width, channels), dtype=dtype)


def smooth(channels: int = 3, *, height: int = 48, width: int = 64) -> np.ndarray:
    """A gradient without symmetry, which lossy formats keep closely."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height), 255 - x * 200 / width]
    return np.stack(planes[:channels], axis=2).round().astype(np.uint8)


def picture(channels: int = 3, depth: int = 8, **extra: Any) -> Picture:
    data = noise(channels, depth)
    alpha = np.ascontiguousarray(data[..., -1]) if channels in (2, 4) else None
    return Picture(pixels=np.ascontiguousarray(data[..., : 1 if channels < 3 else 3]), alpha=alpha, **extra)


def joined(found: Picture) -> np.ndarray:
    return found.pixels if found.alpha is None else np.dstack([found.pixels, found.alpha])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(data: np.ndarray, *extra: bytes, bits: int | None = None) -> bytes:
    """A plain PNG of 8 or 16 bits (or packed rows of ``bits``), with chunks after the header."""
    depth = bits or data.itemsize * 8
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[data.shape[2]]
    rows = data.astype(data.dtype.newbyteorder(">")).tobytes()
    stride = len(rows) // data.shape[0]
    lines = b"".join(b"\0" + rows[i * stride : (i + 1) * stride] for i in range(data.shape[0]))
    width = data.shape[1] * (8 // bits if bits else 1)
    head = struct.pack(">IIBBBBB", width, data.shape[0], depth, colour, 0, 0, 0)
    body = [chunk(b"IHDR", head), *extra, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def profile(space: bytes, pcs: bytes, kind: bytes, tag: bytes, data: bytes) -> bytes:
    """The smallest ICC profile with one tag."""
    size = 128 + 4 + 12 + len(data)
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"\0" * 4, 0x02100000, kind, space, pcs, b"\0" * 12, b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, tag, 144, len(data)) + data


GRAY_PROFILE = profile(b"GRAY", b"XYZ ", b"mntr", b"kTRC", struct.pack(">4sIIHxx", b"curv", 0, 1, 256))  # gamma 1.0


def cmyk_profile() -> bytes:
    """Every ink is a neutral gray: L* is 100 without ink and 50 with any."""
    identity = bytes(range(256))
    clut = b"".join(bytes([255 if node == 0 else 128, 128, 128]) for node in range(16))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = struct.pack(">4sIBBBB", b"mft1", 0, 4, 3, 2, 0) + matrix + identity * 4 + clut + identity * 3
    return profile(b"CMYK", b"Lab ", b"prtr", b"A2B0", lut)


def exif(*, orientation: int = 1, thumbnail: bytes = b"", maker_note: bytes = b"") -> bytes:
    """EXIF with a camera, a date, old sizes and a location, and with a thumbnail in a second directory."""
    tags = Image.Exif()
    tags[0x010F], tags[0x0112], tags[0x0100] = "Camera", orientation, 4000
    inner = tags.get_ifd(0x8769)
    inner[0x9003], inner[0xA002], inner[0xA003] = "2026:01:02 03:04:05", 4000, 3000
    if maker_note:
        inner[0x927C] = maker_note
    gps = tags.get_ifd(0x8825)
    gps[1], gps[2] = "N", (51.0, 30.0, 12.5)
    data = tags.tobytes()[6:]
    if thumbnail:
        endian = "<" if data[:2] == b"II" else ">"
        count = struct.unpack(endian + "H", data[8:10])[0]
        at, end = 10 + 12 * count, len(data)
        entries = struct.pack(endian + "HHHIIHHIII", 2, 0x0201, 4, 1, end + 30, 0x0202, 4, 1, len(thumbnail), 0)
        data = data[:at] + struct.pack(endian + "I", end) + data[at + 4 :] + entries + thumbnail
    return b"Exif\0\0" + data


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6" dc:creator="Ada" '
    b'exif:GPSLatitude="51,30.2N"><exif:GPSLongitude>0,7.5W</exif:GPSLongitude><dc:title>Bridge</dc:title>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def tags_of(data: bytes | None) -> Image.Exif:
    assert data is not None
    tags = Image.Exif()
    tags.load(data)
    return tags


def save(path: Path, data: np.ndarray, format: str, mode: str | None = None, **options: Any) -> Path:
    image = Image.fromarray(data[..., 0] if data.shape[2] == 1 else data)
    (image.convert(mode) if mode else image).save(path, format, **options)
    return path


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


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_ramp_of_16_bit_rgba_keeps_all_its_levels(tmp_path: Path, format: str) -> None:
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16 + 3
    original = Picture(pixels=np.stack([ramp, ramp[::-1], ramp.T], axis=2), alpha=ramp)
    write_picture(original, tmp_path / "a", format=format)
    found = read_picture(tmp_path / "a")
    assert np.array_equal(found.pixels, original.pixels)
    assert found.alpha is not None
    assert len(np.unique(found.alpha)) == 4096


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


# ---- profiles and metadata -------------------------------------------------------------------------------------------

OUTPUTS = ["png", "jpg", "webp", "tif"]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", OUTPUTS)
def test_metadata_is_kept_without_the_location(tmp_path: Path, suffix: str, depth: int) -> None:
    original = picture(4, depth, icc=SRGB, exif=exif(thumbnail=b"THUMBNAIL"), xmp=XMP, dpi=(300.0, 150.0))
    path = tmp_path / f"a.{suffix}"
    write_picture(original, path, recipe=RECIPE)
    found = read_picture(path)
    assert found.icc == SRGB
    assert found.dpi == (300, 150)
    assert found.recipe == RECIPE
    tags = tags_of(found.exif)
    assert tags[0x010F] == "Camera"
    assert tags.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
    assert (tags.get_ifd(0x8769)[0xA002], tags.get_ifd(0x8769)[0xA003]) == (WIDTH, HEIGHT)
    assert 0x8825 not in tags
    assert 0x9213 not in tags  # the recipe has its own field
    assert found.xmp is not None
    assert b"Bridge" in found.xmp
    assert b"GPS" not in found.xmp
    data = path.read_bytes()
    assert b"THUMBNAIL" not in data
    if suffix == "tif":
        with tifffile.TiffFile(path) as tiff:
            assert tiff.pages.first.tags[34665].value["DateTimeOriginal"] == "2026:01:02 03:04:05"
    else:
        with Image.open(path) as image:
            assert image.info["icc_profile"] == SRGB
            assert image.getexif()[0x010F] == "Camera"


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_the_location_is_kept_when_asked(tmp_path: Path, suffix: str) -> None:
    write_picture(picture(exif=exif(), xmp=XMP), tmp_path / f"a.{suffix}", keep_gps=True)
    found = read_picture(tmp_path / f"a.{suffix}")
    assert tuple(float(value) for value in tags_of(found.exif).get_ifd(0x8825)[2]) == (51, 30, 12.5)
    assert found.xmp is not None
    assert found.xmp.count(b"GPSL") == 3


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_exif_letters_outside_ascii_survive(tmp_path: Path, suffix: str) -> None:
    tags = Image.Exif()
    tags[0x010E], tags[0x0131], tags[0x0132], tags[0x013B] = "Title", "Tool 1", "2026:01:02 03:04:05", "艾达".encode()
    tags[0x8298] = "© Ada".encode("latin-1")
    tags.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "评".encode("utf-16-le")
    save(tmp_path / "a.jpg", smooth(), "JPEG", exif=tags)
    first = read_picture(tmp_path / "a.jpg")
    write_picture(first, tmp_path / f"b.{suffix}", recipe=RECIPE)
    found = tags_of(read_picture(tmp_path / f"b.{suffix}").exif)
    assert (found[0x010E], found[0x0131], found[0x0132]) == ("Title", "Tool 1", "2026:01:02 03:04:05")
    assert found[0x013B].encode("latin-1").decode() == "艾达"
    assert found[0x8298] == "© Ada"
    assert found.get_ifd(0x8769)[0x9286].endswith("评".encode("utf-16-le"))


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_strip_leaves_the_profile_alone(tmp_path: Path, suffix: str) -> None:
    original = picture(icc=SRGB, exif=exif(), xmp=XMP, dpi=(300.0, 300.0), text={"Comment": "secret"})
    write_picture(original, tmp_path / f"a.{suffix}", strip=True, recipe=RECIPE)
    found = read_picture(tmp_path / f"a.{suffix}")
    assert found.icc == SRGB
    assert (found.exif, found.xmp, found.dpi, found.recipe) == (None, None, None, None)
    assert not found.text
    data = (tmp_path / f"a.{suffix}").read_bytes()
    assert not [word for word in (b"Camera", b"Bridge", b"secret", b"upscale") if word in data]


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_a_gray_profile_fits_gray(tmp_path: Path, suffix: str) -> None:
    original = Picture(pixels=np.full((8, 8, 1), 128, np.uint8), icc=GRAY_PROFILE)
    write_picture(original, tmp_path / f"a.{suffix}")
    found = read_picture(tmp_path / f"a.{suffix}")
    if suffix == "webp":  # RGB: the linear gray must have become sRGB
        assert found.icc is None
        assert np.abs(found.pixels.astype(int) - 188).max() <= 2
    else:
        assert found.gray
        assert found.icc == GRAY_PROFILE
        assert np.abs(found.pixels.astype(int) - 128).max() <= 1


def test_a_profile_for_other_colours_is_left_out(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", noise(1), "PNG", icc_profile=SRGB)
    found = read_picture(path)
    assert found.icc is None
    assert [notice.text for notice in found.notices] == [messages.PROFILE_DROPPED]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_metadata_is_read_from_foreign_files(tmp_path: Path, format: str) -> None:
    pillow_heif.register_heif_opener()
    options: dict[str, Any] = {"exif": exif(), "icc_profile": SRGB}
    if format == "PNG":
        options["pnginfo"] = info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        info.add_text("parameters", "a cat")
    elif format == "TIFF":
        options["exif"] = tags_of(exif())
        options["exif"][700] = XMP
    else:
        options["xmp"] = XMP
    found = read_picture(save(tmp_path / "a", smooth(), format, **options))
    assert found.icc == SRGB
    assert tags_of(found.exif)[0x010F] == "Camera"
    assert 0x8825 in tags_of(found.exif)
    assert 0x0100 not in tags_of(found.exif)
    assert found.xmp is not None
    assert b"Bridge" in found.xmp
    assert b"Orientation" not in found.xmp
    assert found.text == ({"parameters": "a cat"} if format == "PNG" else {})


def test_texts_of_png_are_kept(tmp_path: Path) -> None:
    text = {"Title": "plain", "parameters": "one\ntwo é", "Author": "艾达"}
    write_picture(picture(text={**text, "exif:GPSLatitude": "51"}), tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").text == text
    with Image.open(tmp_path / "a.png") as image:
        assert image.text == text
    write_picture(picture(text={"Comment": "hello 艾达"}), tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg").text == {"Comment": "hello 艾达"}


def test_png_metadata_after_the_pixels_is_found(tmp_path: Path) -> None:
    for depth in (8, 16):
        end = chunk(b"IEND", b"")
        late = chunk(b"eXIf", exif(orientation=6)[6:]) + chunk(b"tEXt", b"Title\0late") + end
        (tmp_path / "a.png").write_bytes(png(noise(3, depth)).replace(end, late))
        found = read_picture(tmp_path / "a.png")
        assert found.text == {"Title": "late"}
        assert (found.width, found.height) == (HEIGHT, WIDTH)


def test_a_recipe_survives_another_program(tmp_path: Path) -> None:
    write_picture(picture(exif=exif()), tmp_path / "a.jpg", recipe=RECIPE)
    with Image.open(tmp_path / "a.jpg") as image:
        image.save(tmp_path / "b.webp", exif=image.getexif())
    assert read_picture(tmp_path / "b.webp").recipe == RECIPE


def test_an_old_recipe_is_not_repeated(tmp_path: Path) -> None:
    write_picture(picture(), tmp_path / "a.png", recipe=RECIPE)
    for suffix in OUTPUTS:
        write_picture(read_picture(tmp_path / "a.png"), tmp_path / f"b.{suffix}")
        assert read_picture(tmp_path / f"b.{suffix}").recipe is None


@pytest.mark.parametrize("text", ["not json", "[1]", '"x"', "[" * 100_000, '{"a": '])
def test_a_foreign_text_in_the_recipe_s_place_is_no_recipe(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.png").write_bytes(png(noise(3), chunk(b"tEXt", b"atelier\0" + text.encode())))
    assert read_picture(tmp_path / "a.png").recipe is None


def test_exif_that_is_too_long_for_jpeg_loses_the_maker_note_first(tmp_path: Path) -> None:
    original = picture(exif=exif(maker_note=b"m" * 70_000))
    notices = write_picture(original, tmp_path / "a.jpg", recipe=RECIPE)
    assert [notice.text for notice in notices] == [messages.MAKER_NOTE_DROPPED]
    found = read_picture(tmp_path / "a.jpg")
    assert found.recipe == RECIPE
    assert tags_of(found.exif)[0x010F] == "Camera"
    write_picture(original, tmp_path / "a.png")
    assert tags_of(read_picture(tmp_path / "a.png").exif).get_ifd(0x8769)[0x927C] == b"m" * 70_000


def test_what_does_not_fit_into_jpeg_is_told(tmp_path: Path) -> None:
    long = {"strokes": "x" * 70_000}
    keys = [
        notice.text for notice in write_picture(picture(xmp=b"<x>" + b"y" * 70_000), tmp_path / "a.jpg", recipe=long)
    ]
    assert keys == [messages.RECIPE_DROPPED, messages.XMP_DROPPED]
    assert read_picture(tmp_path / "a.jpg").xmp is None
    tags = Image.Exif()
    tags[0x010E] = "d" * 70_000
    keys = [notice.text for notice in write_picture(picture(exif=tags.tobytes()), tmp_path / "a.jpg", recipe=RECIPE)]
    assert keys == [messages.EXIF_DROPPED]
    assert read_picture(tmp_path / "a.jpg").recipe == RECIPE


def test_xmp_whose_location_hides_is_dropped(tmp_path: Path) -> None:
    hidden = b'<rdf:Description e:GPSLatitude="51,30.2N"/>'
    assert [notice.text for notice in write_picture(picture(xmp=hidden), tmp_path / "a.png")] == [messages.XMP_DROPPED]
    assert read_picture(tmp_path / "a.png").xmp is None


@pytest.mark.parametrize("data", [b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\1", b"Exif\0\0"])
def test_damaged_exif_is_no_obstacle(tmp_path: Path, data: bytes) -> None:
    path = save(tmp_path / "a.jpg", smooth(), "JPEG", exif=data)
    found = read_picture(path)
    assert found.width == 64
    write_picture(found, tmp_path / "b.jpg", recipe=RECIPE)
    assert read_picture(tmp_path / "b.jpg").recipe == RECIPE
    for suffix in OUTPUTS:
        write_picture(picture(exif=data), tmp_path / f"c.{suffix}", recipe=RECIPE)
        assert read_picture(tmp_path / f"c.{suffix}").recipe == RECIPE


def test_xmp_properties_are_removed_in_linear_time() -> None:
    xmp = b'<a exif:GPSx = \'1\' b="2"><exif:GPSy/>1<exif:GPSz q="1"><exif:GPSy>3</exif:GPSy></exif:GPSz>2<c/></a>'
    assert _without_xmp(xmp, r"exif:GPS\w+") == b'<a b="2">12<c/></a>'
    assert _without_xmp(b"1<exif:GPSy>2", r"exif:GPS\w+") == b"1<exif:GPSy>2"
    begun = time.perf_counter()
    for hostile in (b"<exif:GPSy>", b"<exif:GPSy ", b' exif:GPSy="', b" exif:GPSy='\""):
        upright_xmp(hostile * 100_000)
        _without_xmp(hostile * 100_000, r"exif:GPS\w+")
    assert time.perf_counter() - begun < 5


# ---- refusals --------------------------------------------------------------------------------------------------------


def huge_png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


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
    assert Image.MAX_IMAGE_PIXELS is not None


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


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATELIER_MAX_INPUT_MP", raising=False)
    monkeypatch.delenv("ATELIER_MAX_OUTPUT_MP", raising=False)
    assert (input_limit(), output_limit()) == (64_000_000, 256_000_000)
    check_output_size(16000, 16000)
    with pytest.raises(ImageError, match=r"16001x16000 pixels \(256\.0 megapixels\); the limit is 256 megapixels"):
        check_output_size(16001, 16000)
    monkeypatch.setenv("ATELIER_MAX_OUTPUT_MP", "1.5")
    assert output_limit() == 1_500_000
    for bad in ("many", "0", "-3", "nan", "inf"):
        monkeypatch.setenv("ATELIER_MAX_INPUT_MP", bad)
        with pytest.raises(OptionError, match=f"ATELIER_MAX_INPUT_MP is '{bad}'"):
            input_limit()


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
        (b"\x89PNG\r\n\x1a\n", "not a picture|damaged"),
        (b"\xff\xd8\xff\xe0", "not a picture|damaged"),
        (b"II*\0\x08\0\0\0\0\0", "not a picture|damaged"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(64), "not a picture|damaged|raw"),
        (huge_png(0, 5), "holds no picture|damaged"),
        (bytes(range(256)) * 20, "not a picture"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "thing.png"
    path.write_bytes(content)
    for function in (read_picture, probe_picture):
        if function is probe_picture and content == huge_png(0, 5):
            continue  # a header, if a strange one
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
    refused = 0
    for data in whole:
        for _ in range(12):
            broken = np.frombuffer(data, np.uint8).copy()
            broken[rng.integers(4, min(len(broken), 400), 6)] = rng.integers(0, 256, 6)
            (tmp_path / "b").write_bytes(broken.tobytes())
            try:
                read_picture(tmp_path / "b")
            except EditingError:
                refused += 1
    assert refused > 10


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


# ---- pixels out ------------------------------------------------------------------------------------------------------


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
