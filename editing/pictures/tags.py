"""What a file says beside its pixels: EXIF, XMP, texts, resolution and the recipe, read and made ready to write."""

from __future__ import annotations

import ctypes
import json
import logging
import re
import struct
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape

import pillow_heif
import tifffile
from PIL import ExifTags, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from editing.messages import Message
from editing.pictures.bounds import LONGEST_XMP, exif_is_bounded
from editing.pictures.boxes import Boxes
from editing.pictures.picture import Header, Picture
from editing.pictures.png import Chunks

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
_LONGEST_RECIPE = 1 << 20  # characters; JSON takes twenty times its length in memory
_here = threading.local()  # .quiet: how many quiet() this thread is in


class _Remarks:
    """Python's ``warnings``, as Pillow's modules see it: a thread that is :func:`quiet` is told nothing.

    Python's filters are the whole process's, so that changing them takes a lock, which a slow file would hold.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(warnings, name)

    def warn(self, message: Any, category: Any = None, stacklevel: int = 1, source: Any = None) -> None:
        if not getattr(_here, "quiet", 0):
            warnings.warn(message, category, stacklevel + 1, source)


@cache
def prepare() -> None:
    """Tell Pillow of HEIC and to be :func:`quiet`, and tifffile that its remarks on odd files don't go to stderr."""
    pillow_heif.register_heif_opener()
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    for module in (Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin):
        vars(module)["warnings"] = _Remarks()
    _silence_libtiff()


def _silence_libtiff() -> None:
    """Pillow's own library for TIFF tells of damage in lines on stderr, unless it is asked not to."""
    for library in (Path(Image.__file__).parent.parent / "pillow.libs").glob("libtiff*"):  # in the wheels for Linux
        with suppress(OSError, AttributeError):
            loaded = ctypes.CDLL(str(library))
            for handler in (loaded.TIFFSetErrorHandler, loaded.TIFFSetWarningHandler):
                handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
                handler(None)


@contextmanager
def quiet() -> Iterator[None]:
    """Headers and metadata without Pillow's remarks on what is odd in them; nobody waits for anybody."""
    prepare()
    _here.quiet = getattr(_here, "quiet", 0) + 1
    try:
        yield
    finally:
        _here.quiet -= 1


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
            if not isinstance(data, bytes) or not exif_is_bounded(data):
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
    if source.chunks is not None and source.chunks.icc is not None:
        return source.chunks.icc
    icc = _tiff_tag(source, _ICC_TAG) if source.page else source.image and source.image.info.get("icc_profile")
    return icc if isinstance(icc, bytes) and len(icc) > 128 else None


def read_xmp(source: Source) -> bytes | None:
    if source.header.format == "TIFF":
        xmp = _tiff_tag(source, XMP_TAG)
    else:
        info = source.image.info if source.image else {}
        xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
        xmp = xmp or (source.chunks.text.get("XML:com.adobe.xmp") if source.chunks else None)
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return xmp.rstrip(b"\0") if isinstance(xmp, bytes) and xmp.strip(b"\0 ") else None


def read_text(source: Source) -> dict[str, str]:
    if source.image is None:
        return {}
    text = source.image.text if isinstance(source.image, PngImagePlugin.PngImageFile) else None
    found = {str(key): str(value) for key, value in (text or {}).items()}
    found |= source.chunks.text if source.chunks else {}
    comment = source.image.info.get("comment")
    if isinstance(comment, bytes) and comment.strip(b"\0 "):
        try:
            found["Comment"] = comment.rstrip(b"\0").decode("utf-8")
        except UnicodeDecodeError:
            found["Comment"] = comment.rstrip(b"\0").decode("latin-1")
    return {key: value for key, value in found.items() if not key.startswith(("XML:com.adobe", "Raw profile type"))}


# What press agencies write, and the place of the same in XMP ("IPTC Photo Metadata Standard").
_IPTC = {5: "dc:title", 25: "dc:subject", 80: "dc:creator", 116: "dc:rights", 120: "dc:description"}
_IPTC_TAG, _IPTC_RESOURCE = 0x83BB, 0x0404
_LISTS = {"dc:subject": "Bag", "dc:creator": "Seq"}  # the others are said in one of several languages


def read_iptc(source: Source) -> dict[str, list[str]]:
    """Title, keywords, creator, rights and caption that stand in IPTC's own block, by their names in XMP."""
    data: object = None
    if source.header.format == "TIFF":
        data = _tiff_tag(source, _IPTC_TAG)
        if isinstance(data, tuple):  # some write it as numbers of 32 bits
            with suppress(struct.error, TypeError):
                data = struct.pack(f"<{len(data)}I", *data)
    elif source.image is not None:
        resources = source.image.info.get("photoshop")
        data = resources.get(_IPTC_RESOURCE) if isinstance(resources, dict) else None
        if isinstance(source.image, PngImagePlugin.PngImageFile) and (raw := source.image.text.get(_RAW_IPTC)):
            with suppress(ValueError):
                data = bytes.fromhex("".join(raw.split()[2:]))  # after the name and the length
    found: dict[str, list[str]] = {}
    for number, value in _records(data) if isinstance(data, bytes) else ():
        if name := _IPTC.get(number):
            try:
                text = value.decode("utf-8")
            except UnicodeDecodeError:
                text = value.decode("latin-1")
            found.setdefault(name, []).append("".join(char for char in text if char.isprintable() or char == "\n"))
    return found


_RAW_IPTC = "Raw profile type iptc"  # ImageMagick's


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and value of each entry of the second kind, which is about the picture."""
    at = data.find(b"\x1c")
    while 0 <= at <= len(data) - 5 and data[at] == 0x1C:
        kind, number, size = struct.unpack_from(">BBH", data, at + 1)
        if kind == 2 and size < 0x8000:
            yield number, data[at + 5 : at + 5 + size]
        at += 5 + size


def xmp_with(xmp: bytes | None, said: Mapping[str, list[str]]) -> bytes | None:
    """XMP with what it does not say itself of ``said``, by the names of XMP's properties."""
    elements = ""
    for name, values in said.items():
        if xmp is None or name.encode() not in xmp:
            kind = _LISTS.get(name, "Alt")
            language = ' xml:lang="x-default"' if kind == "Alt" else ""
            items = "".join(f"<rdf:li{language}>{escape(value)}</rdf:li>" for value in values)
            elements += f"<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>"
    if not elements:
        return xmp
    return _with_description(xmp, "dc", "http://purl.org/dc/elements/1.1/", elements)


def _with_description(xmp: bytes | None, prefix: str, namespace: str, elements: str) -> bytes:
    """XMP with a description more; a packet of its own where there is none, or none that can take it."""
    added = f'<rdf:Description rdf:about="" xmlns:{prefix}="{namespace}">{elements}</rdf:Description>'.encode()
    before, end, after = (xmp or b"").rpartition(b"</rdf:RDF>")
    if end:
        return before + added + end + after
    if xmp is not None:
        return xmp
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    return b"".join([
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">',
        f'<rdf:RDF xmlns:rdf="{rdf}">'.encode(), added, b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>',
    ])  # fmt: skip


# What IPTC calls a picture that a network drew, one of which it made parts anew, and one that it enlarged or cleaned.
_SOURCE_TYPES = {
    "generate": "trainedAlgorithmicMedia", "walk": "trainedAlgorithmicMedia",
    "upscale": "algorithmicallyEnhanced",
    "repair": "compositeWithTrainedAlgorithmicMedia", "stylize": "compositeWithTrainedAlgorithmicMedia",
    "compare": "compositeWithTrainedAlgorithmicMedia",
}  # fmt: skip


def xmp_of_made(xmp: bytes | None, recipe: Mapping[str, Any]) -> bytes | None:
    """XMP that says that a picture was made by a network, by the task of its recipe; for an unknown task as it was.

    A sheet of earlier files alone stays as it was, too: no weight took part, and who knows what made them.

    IPTC Photo Metadata Standard 2023.2, DigitalSourceType: what agencies, search engines and archives look for.
    """
    task = str(recipe.get("task"))
    kind = _SOURCE_TYPES.get(task)
    if kind is None or (task == "compare" and not recipe.get("weights")):
        return xmp
    before = _without_xmp(xmp, "Iptc4xmpExt:DigitalSourceType") if xmp is not None else None
    said = f"http://cv.iptc.org/newscodes/digitalsourcetype/{kind}"
    element = f"<Iptc4xmpExt:DigitalSourceType>{said}</Iptc4xmpExt:DigitalSourceType>"
    return _with_description(before, "Iptc4xmpExt", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/", element)


# A PNG's texts that have a place in EXIF.
_TEXT_TAGS = {"Author": 0x13B, "Copyright": 0x8298, "Description": 0x10E}
USER_COMMENT = 0x9286
_MOST_TEXT = 30_000  # bytes: EXIF is one segment of a JPEG, of 65,533


@quiet()
def texts_to_exif(
    exif: Image.Exif | None, text: Mapping[str, str], comment: str | None
) -> tuple[Image.Exif | None, list[str]]:
    """EXIF with what has a place there of a PNG's or GIF's texts, and the names of those that have none.

    UserComment takes the text that ``comment`` names, in UTF-16 as generators write their parameters. What EXIF says
    already is left. ImageMagick's notes of the file itself, such as "date:create", are no loss.
    """
    lost: list[str] = []
    places = exif if exif is not None else Image.Exif()
    for name, value in text.items():
        encoded = value.encode("ascii" if value.isascii() else "utf-16-be", "replace")
        if name == comment and len(encoded) <= _MOST_TEXT and USER_COMMENT not in places.get_ifd(EXIF_IFD):
            kind = b"ASCII\0\0\0" if value.isascii() else b"UNICODE\0"
            places.get_ifd(EXIF_IFD)[USER_COMMENT] = kind + encoded
        elif name in _TEXT_TAGS and len(encoded) <= _MOST_TEXT and _TEXT_TAGS[name] not in places:
            places[_TEXT_TAGS[name]] = value if value.isascii() else value.encode()
        elif ":" not in name and places.get(_TEXT_TAGS.get(name, 0)) != value:
            lost.append(name)
    return (places if len(places) or places.get_ifd(EXIF_IFD) else exif), lost


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
    if not isinstance(value, str) or len(value) > _LONGEST_RECIPE:
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
    if xmp is None or len(xmp) > LONGEST_XMP:
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


# What says how a picture was taken and not by, with or of whom: of these no camera makes a name or a number of its own.
_NAMELESS = {
    0x10F, 0x110, ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, 0x132,  # make, model, time
    0x829A, 0x829D, 0x8822, 0x8827, 0x9000, 0x9003, 0x9004, 0x9201, 0x9202, 0x9203, 0x9204, 0x9205, 0x9206, 0x9207,
    0x9208, 0x9209, 0x920A, 0xA001, 0xA002, 0xA003, 0xA217, 0xA401, 0xA402, 0xA403, 0xA404, 0xA405, 0xA406, 0xA407,
    0xA408, 0xA409, 0xA40A, 0xA40C, 0xA432, 0xA433, 0xA434,
}  # fmt: skip


@quiet()
def unnamed(picture: Picture) -> Picture:
    """The picture without what its file says that may show or name somebody.

    Of the EXIF only what :data:`_NAMELESS` lists is left, and so no maker's note, owner, artist, serial number, place,
    comment or preview; XMP (which names who is in the picture, and where) and texts go. Colours, resolution and
    orientation stay.
    """
    kept: bytes | None = None
    if picture.exif is not None:
        exif, out = Image.Exif(), Image.Exif()
        with suppress(Exception):  # a damaged one is left out whole
            exif.load(picture.exif)
            inner = exif.get_ifd(EXIF_IFD) if EXIF_IFD in exif else {}
            for tag, value in exif.items():
                if tag in _NAMELESS:
                    out[tag] = value
            lasting = {tag: value for tag, value in inner.items() if tag in _NAMELESS}
            if lasting:
                out.get_ifd(EXIF_IFD).update(lasting)
            kept = pack_exif(out) if len(out) or lasting else None
    return replace(picture, exif=kept, xmp=None, text={}, recipe=None)


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
    chunks: Chunks | None = None  # of a PNG
    boxes: Boxes | None = None  # of an AVIF or HEIC
    notices: list[Message] = field(default_factory=list)  # of what was mended while it was read
