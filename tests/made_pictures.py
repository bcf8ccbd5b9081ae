"""Pictures made for tests: by encoders that are not our own, or byte by byte."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from editing.pictures.picture import Picture

HEIGHT, WIDTH = 20, 30
RECIPE = {"task": "upscale", "options": {"scale": 2}, "note": "放大 é"}
OUTPUTS = ["png", "jpg", "webp", "tif"]
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


def huge_png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data
