"""What a file says beside its pixels: EXIF, XMP, texts, resolution and the recipe, read and made ready to write."""

from __future__ import annotations

import json
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import IO, Any

import pillow_heif
import tifffile
from PIL import ExifTags, Image, ImageFile, PngImagePlugin

from editing.pictures.picture import Header, Picture

EXIF_IFD, GPS_IFD, INTEROP_IFD = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop
ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
XMP_TAG, _ICC_TAG, MAKER_NOTE, SUB_IFDS, DNG_VERSION = 0x02BC, 0x8773, 0x927C, 0x014A, 0xC612
IMAGE_HISTORY = 0x9213  # "a record of what has been done to the image" (TIFF/EP): the recipe's place in EXIF
# In a TIFF the same directory holds how the pixels are stored; only these say something about the picture.
TIFF_KEPT = {0x10E, 0x10F, 0x110, 0x131, 0x132, 0x13B, 0x13C, 0x4746, 0x4749, 0x8298, *range(0x9C9B, 0x9CA0)}
TIFF_KEPT |= {ORIENTATION, EXIF_IFD, GPS_IFD, IMAGE_HISTORY}
# Of other files these are left out: storage of the old pixels, and blocks that have their own place.
_EXIF_LEFT_OUT = {0x100, 0x101, 0x102, 0x103, 0x106, 0x111, 0x115, 0x116, 0x117, 0x11C, 0x14A, 0x201, 0x202, 0x212}
_EXIF_LEFT_OUT |= {XMP_TAG, _ICC_TAG, 0x83BB, 0x8649}
_FILTERS = threading.RLock()


@cache
def prepare() -> None:
    """Tell Pillow of HEIC, and tifffile that its remarks on odd files don't go to stderr."""
    pillow_heif.register_heif_opener()
    logging.getLogger("tifffile").addHandler(logging.NullHandler())


@contextmanager
def quiet() -> Iterator[None]:
    """Headers and metadata without Pillow's remarks on what is odd in them.

    Python's filters are the whole process's: one thread at a time sets them, and none while it decodes or encodes.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@quiet()
def read_exif(source: Source) -> Image.Exif | None:
    """The file's EXIF without what describes the old pixels, or None if there is none or it is unreadable."""
    exif = Image.Exif()
    try:
        if source.header.format == "TIFF":
            source.file.seek(0)
            exif.load_from_fp(source.file)
            left_out = set(exif) - TIFF_KEPT
        else:
            data = source.image.info.get("exif") if source.image else None
            if not isinstance(data, bytes):
                return None
            exif.load(data)
            left_out = set(exif) & _EXIF_LEFT_OUT
        for tag in (EXIF_IFD, GPS_IFD):
            if tag in exif:
                exif.get_ifd(tag)  # read now: later the file is closed
    except Exception:  # damaged metadata is no reason to refuse a picture
        return None
    for unwanted in left_out:
        del exif[unwanted]
    return exif


@quiet()
def pack_exif(exif: Image.Exif) -> bytes:
    """EXIF as bytes. Pillow would write a question mark for every letter outside ASCII: it gets those as bytes."""
    for tags in (exif, exif.get_ifd(EXIF_IFD) if EXIF_IFD in exif else {}):
        for tag, value in list(tags.items()):
            if isinstance(value, str) and not value.isascii():
                tags[tag] = value.encode("latin-1", "replace")
    return exif.tobytes()


def _tiff_tag(source: Source, tag: int) -> Any:
    with suppress(Exception):  # as in read_exif
        return source.page.tags.valueof(tag) if source.page else None
    return None


@quiet()
def orientation_of(source: Source, exif: Image.Exif | None) -> object:
    if source.header.format == "TIFF":
        return _tiff_tag(source, ORIENTATION)
    return None if exif is None else exif.get(ORIENTATION)


def read_icc(source: Source) -> bytes | None:
    icc = _tiff_tag(source, _ICC_TAG) if source.page else source.image and source.image.info.get("icc_profile")
    return icc if isinstance(icc, bytes) and len(icc) > 128 else None


def read_xmp(source: Source) -> bytes | None:
    if source.header.format == "TIFF":
        xmp = _tiff_tag(source, XMP_TAG)
    else:
        info = source.image.info if source.image else {}
        xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return xmp.rstrip(b"\0") if isinstance(xmp, bytes) and xmp.strip(b"\0 ") else None


def read_text(source: Source) -> dict[str, str]:
    if source.image is None:
        return {}
    text = source.image.text if isinstance(source.image, PngImagePlugin.PngImageFile) else None
    found = {str(key): str(value) for key, value in (text or {}).items()}
    comment = source.image.info.get("comment")
    if isinstance(comment, bytes) and comment.strip(b"\0 "):
        try:
            found["Comment"] = comment.rstrip(b"\0").decode("utf-8")
        except UnicodeDecodeError:
            found["Comment"] = comment.rstrip(b"\0").decode("latin-1")
    return {key: value for key, value in found.items() if not key.startswith(("XML:com.adobe", "Raw profile type"))}


def read_dpi(source: Source, exif: Image.Exif | None) -> tuple[float, float] | None:
    if source.header.format == "TIFF":
        fractions = (_tiff_tag(source, X_RESOLUTION), _tiff_tag(source, Y_RESOLUTION))
        pair: Any = [value[0] / value[1] for value in fractions if value and value[1]]
        scale = {2: 1.0, 3: 2.54}.get(_tiff_tag(source, RESOLUTION_UNIT) or 2, 0.0)
    else:
        pair, scale = source.image.info.get("dpi") if source.image else None, 1.0
        if not pair and exif is not None and exif.get(RESOLUTION_UNIT) == 2:
            pair = (exif.get(X_RESOLUTION), exif.get(Y_RESOLUTION))
    try:
        x, y = (float(value) * scale for value in pair)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not (1 < x < 65536 and 1 < y < 65536):  # true for nan too; 1 stands for "unknown" in many TIFF files
        return None
    return round(x, 1), round(y, 1)  # PNG counts per metre: 150 dpi comes back as 150.0124


def parse_recipe(value: object, *, wrapped: bool = False) -> dict[str, Any] | None:
    """Our JSON, or None for anything else: a foreign or damaged remark is not an error."""
    if not isinstance(value, str):
        return None
    try:
        recipe = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if wrapped:
        recipe = recipe.get("atelier") if isinstance(recipe, dict) else None
    return recipe if isinstance(recipe, dict) else None


def _without_xmp(xmp: bytes, names: str) -> bytes:
    """XMP without the properties whose names match the pattern, be they written as attributes or as elements."""
    xmp = re.sub(rf"""\s(?:{names})\s*=\s*(?:"[^"]*"|'[^']*')""".encode(), b"", xmp)
    kept, start, inside = [], 0, None
    # Tag by tag, in linear time: a pattern over whole elements takes hours over a hostile packet.
    for tag in re.finditer(rf"<(/?)({names})(?=[\s/>])[^<>]*?(/?)>".encode(), xmp):
        closing, name, empty = tag.groups()
        if inside is None and not closing:
            kept.append(xmp[start : tag.start()])
            start = tag.end() if empty else tag.start()
            inside = None if empty else name
        elif closing and name == inside:
            start, inside = tag.end(), None
    return b"".join(kept) + xmp[start:]


def upright_xmp(xmp: bytes | None) -> bytes | None:
    """XMP without what was true of the old pixels only: orientation, size, thumbnails, a phone's video and gain map."""
    if xmp is None:
        return None
    return _without_xmp(
        xmp,
        r"tiff:Orientation|tiff:ImageWidth|tiff:ImageLength|exif:PixelXDimension|exif:PixelYDimension|"
        r"xmp:Thumbnails|xmpGImg:\w+|GCamera:\w+|hdrgm:\w+|Container:Directory",
    )


@quiet()
def exif_to_write(picture: Picture, *, keep_gps: bool) -> Image.Exif | None:
    if picture.exif is None:
        return None
    exif = Image.Exif()
    try:
        exif.load(picture.exif)
        if GPS_IFD in exif and not keep_gps:
            del exif[GPS_IFD]
        if EXIF_IFD in exif:
            inner = exif.get_ifd(EXIF_IFD)
            for tag, size in ((0xA002, picture.width), (0xA003, picture.height)):
                if tag in inner:
                    inner[tag] = size
        pack_exif(exif)
    except Exception:  # read() hands out only what can be written, but a Picture can come from elsewhere
        return None
    return exif


def xmp_without_gps(xmp: bytes) -> bytes | None:
    cleaned = _without_xmp(xmp, r"exif:GPS\w+")
    # Another prefix or another encoding hides the location from the pattern: rather no XMP than a leak.
    return None if b"GPS" in cleaned or b"\0" in cleaned else cleaned


@dataclass(kw_only=True)
class Source:
    """An opened file, not decoded yet: ``image`` from Pillow, ``page`` from tifffile, for an 8-bit TIFF both."""

    name: str
    file: IO[bytes]
    header: Header  # width and height as stored
    image: ImageFile.ImageFile | None = None
    page: tifffile.TiffPage | None = None
