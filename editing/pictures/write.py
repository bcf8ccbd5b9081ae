"""Pictures to files: PNG, JPEG, WebP and TIFF with what belongs beside the pixels.

PNG files are written here, since neither Pillow nor OpenCV writes every depth together with profile and metadata.

What :func:`write_picture` keeps, unless told to strip:

=========  =====  =====  =====  ====
           PNG    JPEG   WebP   TIFF
=========  =====  =====  =====  ====
16 bit     yes    to 8   to 8   yes
alpha      yes    white  yes    yes
profile    yes    yes    yes    yes
EXIF, XMP  yes    yes    yes    yes
dpi        yes    yes    EXIF   yes
text       yes    EXIF   EXIF   EXIF    (those that have a place there: "parameters", which generators write, and
                                         "Author", "Copyright", "Description"; JPEG has one for "Comment")
recipe     iTXt   EXIF   EXIF   EXIF    ("atelier"; in EXIF it is the tag ImageHistory, 0x9213)
=========  =====  =====  =====  ====
"""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin

from editing import messages
from editing.errors import ImageError, OptionError
from editing.messages import Message, Text, tell
from editing.pictures.picture import BAND, Picture, Pixels, to_depth
from editing.pictures.read import to_srgb
from editing.pictures.tags import (
    EXIF_IFD,
    GPS_IFD,
    IMAGE_HISTORY,
    INTEROP_IFD,
    MAKER_NOTE,
    RESOLUTION_UNIT,
    TIFF_KEPT,
    X_RESOLUTION,
    XMP_TAG,
    Y_RESOLUTION,
    exif_to_write,
    pack_exif,
    prepare,
    quiet,
    texts_to_exif,
    xmp_of_made,
    xmp_without_gps,
)
from editing.settings import written

# ---- writing ---------------------------------------------------------------------------------------------------------

_SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP", ".tif": "TIFF", ".tiff": "TIFF"}
_LONGEST = {"JPEG": 65500, "WebP": 16383, "PNG": 2**31 - 1, "TIFF": 2**31 - 1}  # pixels a side
_SEGMENT = 65533  # bytes in one JPEG segment


def write_picture(
    picture: Picture,
    path: str | Path,
    *,
    format: str | None = None,
    quality: int = 95,
    strip: bool = False,
    keep_gps: bool = False,
    recipe: Mapping[str, Any] | None = None,
) -> tuple[Message, ...]:
    """Encode a picture into ``path``, which appears complete or not at all; returns what the format could not keep.

    ``format`` is PNG, JPEG, WebP or TIFF, by default told by the suffix; ``quality`` 1 to 100 is for JPEG (4:4:4) and
    WebP, which is lossy too. ``recipe`` is JSON to store; the one in the picture is of an earlier file and is not.
    The location (GPS, in EXIF and XMP) is left out unless ``keep_gps``. ``strip`` leaves out everything but the colour
    profile, without which the colours would be wrong: EXIF, XMP, texts, dpi and the recipe. A recipe of ours puts into
    the XMP that a network made the picture (:func:`editing.pictures.tags.xmp_of_made`).
    Raises ImageError, and OptionError for a bad format or quality.
    """
    path = Path(path)
    kind = _output_format(path, format)
    if not 1 <= quality <= 100:
        raise OptionError(messages.QUALITY, quality=quality)
    _check_side(kind, picture.width, picture.height)
    job = _Job(picture=picture, format=kind, quality=quality, icc=picture.icc)
    if not strip:
        job.exif = exif_to_write(picture, keep_gps=keep_gps)
        if picture.exif is not None and job.exif is None:
            job.tell(messages.EXIF_UNREADABLE)
        job.xmp = picture.xmp
        if picture.xmp is not None and not keep_gps:
            job.xmp = xmp_without_gps(picture.xmp)
            if job.xmp is None:
                job.tell(messages.XMP_DROPPED)
        # ImageMagick repeats EXIF, the location too, as texts such as "exif:GPSLatitude".
        job.text = {key: value for key, value in picture.text.items() if keep_gps or "gps" not in key.lower()}
        if kind != "PNG":
            _keep_texts(job)
        job.dpi = picture.dpi
        if recipe is not None:
            job.recipe = json.dumps(recipe, ensure_ascii=kind != "PNG", separators=(",", ":"), allow_nan=False)
            job.xmp = xmp_of_made(job.xmp, recipe)
    encode = {"PNG": _write_png, "JPEG": _write_jpeg, "WebP": _write_webp, "TIFF": _write_tiff}[kind]
    try:
        with written(path) as part, part.open("xb+") as file:
            encode(job, file)
    except OSError as error:
        raise not_saved(path, error) from error
    return tuple(job.notices)


def _keep_texts(job: _Job) -> None:
    """The texts of a PNG or GIF for a format that has none: those with another place there, and a notice of others."""
    text = dict(job.text)
    comment = "parameters" if "parameters" in text else "Comment"
    if job.format == "JPEG":
        text.pop("Comment", None)  # its own place
    job.exif, lost = texts_to_exif(job.exif, text, comment)
    if lost:
        names = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
        job.notices.append(tell(messages.TEXTS_DROPPED, format=job.format, names=names))


@dataclass(kw_only=True)
class _Job:
    """One file to be written: the picture and what is to go beside its pixels."""

    picture: Picture
    format: str
    quality: int
    icc: bytes | None = None
    exif: Image.Exif | None = None
    xmp: bytes | None = None
    text: dict[str, str] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    recipe: str | None = None
    notices: list[Message] = field(default_factory=list)

    def tell(self, text: Text) -> None:
        self.notices.append(tell(text, format=self.format))


def check_target(path: Path) -> None:
    """Before the work: raise OptionError for a suffix that no picture has, ImageError where it can't be written."""
    _output_format(path, None)
    if not path.parent.is_dir():
        raise ImageError(messages.NO_FOLDER, name=path.name, folder=str(path.parent))
    if path.is_dir():
        raise ImageError(messages.NAME_IS_A_FOLDER, name=path.name)
    if not os.access(path.parent, os.W_OK):
        raise ImageError(messages.FOLDER_CLOSED, name=path.name)


def check_side(path: Path, width: int, height: int) -> None:
    """Before the work: raise ImageError if the format that ``path`` names can't hold a result so large."""
    _check_side(_output_format(path, None), width, height)


def _check_side(kind: str, width: int, height: int) -> None:
    if max(width, height) > _LONGEST[kind]:
        raise ImageError(messages.SIDE_TOO_LONG, width=width, height=height, format=kind, longest=_LONGEST[kind])


def _output_format(path: Path, format: str | None) -> str:
    suffix = path.suffix if format is None else "." + format.lstrip(".")
    kind = _SUFFIXES.get(suffix.lower())
    if kind is None:
        name, other = tell(messages.NO_KNOWN_SUFFIX, name=path.name), tell(messages.FORMAT_NOT_KNOWN, format=format)
        given = name if format is None else other
        raise OptionError(messages.PICTURES_ARE_SAVED_AS, given=given, choices=", ".join(_SUFFIXES))
    return kind


_NOT_SAVED = {
    errno.ENOSPC: messages.DISK_FULL,
    errno.EDQUOT: messages.DISK_FULL,
    errno.EFBIG: messages.DISK_FULL,
    errno.EACCES: messages.FOLDER_CLOSED,
    errno.EPERM: messages.FOLDER_CLOSED,
    errno.EROFS: messages.FOLDER_CLOSED,
    errno.ENOENT: messages.NO_FOLDER,
    errno.ENOTDIR: messages.NO_FOLDER,
    errno.EISDIR: messages.NAME_IS_A_FOLDER,
    errno.ENOTEMPTY: messages.NAME_IS_A_FOLDER,
}


def not_saved(path: Path, error: OSError) -> ImageError:
    """What a disk's or an encoder's failure comes to, in a file's name."""
    return ImageError(
        _NOT_SAVED.get(error.errno or 0, messages.NOT_SAVED),
        name=path.name,
        folder=path.parent.name,
        reason=error.strerror or messages.ENCODER_FAILED,
    )


def _exif_bytes(job: _Job, *, limit: int | None = None) -> bytes | None:
    """EXIF with the recipe in it, for the formats that have no other place, shortened until it fits into ``limit``."""
    if job.exif is None and job.recipe is None:
        return None
    exif = job.exif if job.exif is not None else Image.Exif()
    if job.recipe is not None:
        exif[IMAGE_HISTORY] = f'{{"atelier":{job.recipe}}}'
    data = pack_exif(exif)
    if limit is not None and len(data) > limit and EXIF_IFD in exif:
        if exif.get_ifd(EXIF_IFD).pop(MAKER_NOTE, None) is not None:
            job.tell(messages.MAKER_NOTE_DROPPED)
        data = pack_exif(exif)
    if limit is not None and len(data) > limit and job.recipe is not None and len(job.recipe) < limit - 256:
        job.tell(messages.EXIF_DROPPED)
        exif = Image.Exif()
        exif[IMAGE_HISTORY] = f'{{"atelier":{job.recipe}}}'
        data = pack_exif(exif)
    if limit is not None and len(data) > limit:
        job.tell(messages.RECIPE_DROPPED if job.recipe is not None else messages.EXIF_DROPPED)
        job.recipe = None
        exif.pop(IMAGE_HISTORY, None)
        data = pack_exif(exif)
        return data if len(exif) and len(data) <= limit else None
    return data


def _write_png(job: _Job, file: IO[bytes]) -> None:
    """PNG with the Sub filter on every row: twice as fast as Pillow's choice of filter per row, and no larger.

    The low bytes of 16 bits are noise, in which a longer search finds nothing: run lengths take half its time.
    """
    picture = job.picture
    colour = (0 if picture.gray else 2) + (0 if picture.alpha is None else 4)

    def chunk(kind: bytes, data: bytes) -> None:
        file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))

    def international(keyword: str, value: str) -> None:
        chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + value.encode())

    file.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", picture.width, picture.height, picture.depth, colour, 0, 0, 0))
    if job.icc is not None:
        chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(job.icc))
    if job.dpi is not None:
        chunk(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in job.dpi), 1))
    if job.exif is not None:
        chunk(b"eXIf", pack_exif(job.exif)[6:])
    if job.xmp is not None:
        international("XML:com.adobe.xmp", job.xmp.decode("utf-8", "replace"))
    for keyword, value in job.text.items():
        if keyword in ("", "atelier"):
            continue
        with suppress(UnicodeEncodeError):  # a keyword is Latin-1 by definition
            name = keyword.encode("latin-1")[:79]
            try:
                chunk(b"tEXt", name + b"\0" + value.encode("latin-1"))
            except UnicodeEncodeError:
                international(keyword[:79], value)
    if job.recipe is not None:
        international("atelier", job.recipe)
    level, strategy = (3, zlib.Z_FILTERED) if picture.depth == 8 else (1, zlib.Z_RLE)
    pack = zlib.compressobj(level, zlib.DEFLATED, 15, 9, strategy)
    for rows in _bands(picture):
        samples = rows.shape[2] * rows.itemsize
        line = np.ascontiguousarray(rows, rows.dtype.newbyteorder(">")).view(np.uint8).reshape(len(rows), -1)
        out = np.empty((len(rows), line.shape[1] + 1), np.uint8)
        out[:, 0] = 1
        out[:, 1 : samples + 1] = line[:, :samples]
        np.subtract(line[:, samples:], line[:, :-samples], out=out[:, samples + 1 :])
        if data := pack.compress(out.data):
            chunk(b"IDAT", data)
    chunk(b"IDAT", pack.flush())
    chunk(b"IEND", b"")


def _bands(picture: Picture) -> Iterator[Pixels]:
    """(at most 256, W, C) with alpha as the last channel: the joined array is never held whole."""
    for y in range(0, picture.height, BAND):
        rows = picture.pixels[y : y + BAND]
        if picture.alpha is not None:
            rows = np.concatenate([rows, picture.alpha[y : y + BAND, :, None]], axis=2)
        yield rows


def _eight_bits(job: _Job, *, flatten: bool) -> Image.Image:
    """The picture for an encoder of 8 bits, laid on white if ``flatten``."""
    picture = job.picture
    colours = picture.pixels.shape[2]
    flatten = flatten and picture.alpha is not None
    if picture.depth == 16:
        job.tell(messages.DEPTH_REDUCED)
    if flatten:
        job.tell(messages.ALPHA_FLATTENED)
    result = np.empty((picture.height, picture.width, colours + (picture.alpha is not None and not flatten)), np.uint8)
    y = 0
    for rows in _bands(picture):
        if flatten:
            top = np.uint64(np.iinfo(rows.dtype).max)
            alpha = rows[..., colours:].astype(np.uint64)
            mixed = rows[..., :colours] * alpha + top * (top - alpha)
            rows = ((mixed + top // 2) // top).astype(rows.dtype)
        result[y : y + len(rows)] = to_depth(rows, 8)
        y += len(rows)
    return Image.fromarray(result[..., 0] if result.shape[2] == 1 else result)


def _write_jpeg(job: _Job, file: IO[bytes]) -> None:
    image = _eight_bits(job, flatten=True)
    options: dict[str, Any] = {}
    exif = _exif_bytes(job, limit=_SEGMENT)
    if exif is not None:
        options["exif"] = exif
    if job.xmp is not None:
        if len(job.xmp) > _SEGMENT - 29:
            job.tell(messages.XMP_DROPPED)
        else:
            options["xmp"] = job.xmp
    if job.dpi is not None:
        options["dpi"] = job.dpi
    if "Comment" in job.text:
        options["comment"] = job.text["Comment"].encode()[:_SEGMENT]
    _save(image, file, "JPEG", quality=job.quality, subsampling=0, icc_profile=job.icc, **options)


def _write_webp(job: _Job, file: IO[bytes]) -> None:
    image = _eight_bits(job, flatten=False)
    icc = job.icc
    if job.picture.gray and icc is not None:  # WebP holds RGB only, which a gray profile does not describe
        alpha = image.getchannel("A") if job.picture.alpha is not None else None
        image = to_srgb(image.convert("L"), icc)
        if alpha is not None:
            image.putalpha(alpha)
        icc = None
    if job.dpi is not None:
        job.exif = job.exif if job.exif is not None else Image.Exif()
        job.exif[X_RESOLUTION], job.exif[Y_RESOLUTION] = job.dpi
        job.exif[RESOLUTION_UNIT] = 2
    # Method 4, the default, takes seven times as long for a file of the same size.
    options = {"exif": _exif_bytes(job) or b"", "xmp": job.xmp or b"", "icc_profile": icc or b""}
    _save(image, file, "WEBP", quality=job.quality, method=2, **options)


def _save(image: Image.Image, file: IO[bytes], format: str, **options: Any) -> None:
    """Encode in memory: a full disk then shows as Python's own OSError, not as an encoder's failure."""
    encoded = io.BytesIO()
    image.save(encoded, format, **options)
    file.write(encoded.getvalue())


# tifffile declines to write the tags that point to EXIF's directories, so their neighbours hold the places.
_TiffTag = tuple[int, str, int, Any, bool]  # code, type, count, value, only on the first page
_STAND_IN: dict[int, int] = {EXIF_IFD: EXIF_IFD - 1, GPS_IFD: GPS_IFD + 1}


def _write_tiff(job: _Job, file: IO[bytes]) -> None:
    """TIFF, Deflate with the horizontal predictor. tifffile writes one directory; EXIF's own are appended after it."""
    picture = job.picture
    if picture.alpha is not None:
        array = np.concatenate([picture.pixels, picture.alpha[..., None]], axis=2)
    else:
        array = picture.pixels[..., 0] if picture.gray else picture.pixels
    extra, inner = _tiff_tags(_exif_bytes(job))
    if job.xmp is not None:
        extra.append((XMP_TAG, "B", len(job.xmp), job.xmp, True))
    prepare()
    tifffile.imwrite(
        file,
        array,
        photometric="minisblack" if picture.gray else "rgb",
        planarconfig="contig" if array.ndim == 3 else None,
        extrasamples=None if picture.alpha is None else ["unassalpha"],
        compression="zlib",
        compressionargs={"level": 3 if picture.depth == 8 else 1},
        predictor=True,
        rowsperstrip=BAND,
        byteorder="<",
        iccprofile=job.icc,
        resolution=job.dpi,
        resolutionunit="INCH" if job.dpi else "NONE",
        metadata=None,
        software=False,
        extratags=extra,
        maxworkers=1,
    )
    for group, directory in inner.items():
        offset = file.seek(0, io.SEEK_END)
        file.write(b"\0" * (offset % 2))
        offset += offset % 2
        file.write(directory.tobytes(offset))
        file.seek(0)
        entry = tifffile.TiffFile(file).pages.first.tags[_STAND_IN[group]].offset
        file.seek(entry)
        file.write(struct.pack("<HHII", group, 4, 1, offset))


@quiet()
def _tiff_tags(data: bytes | None) -> tuple[list[_TiffTag], dict[int, TiffImagePlugin.ImageFileDirectory_v2]]:
    """EXIF as tags for tifffile, and as the directories to be appended, by the tag that points to each."""
    exif = Image.Exif()
    if data is not None:
        exif.load(data)
    tags: list[_TiffTag] = []
    inner = {}
    for tag, value in exif.items():
        if tag in (EXIF_IFD, GPS_IFD):
            inner[tag] = TiffImagePlugin.ImageFileDirectory_v2(ifh=b"II*\0\x08\0\0\0", group=tag)
            for key, held in exif.get_ifd(tag).items():
                if key != INTEROP_IFD:
                    inner[tag][key] = held
            tags.append((_STAND_IN[tag], "I", 1, 0, True))
        elif tag not in TIFF_KEPT:
            continue
        elif isinstance(value, str):
            tags.append((tag, "s", 0, value.encode("latin-1"), True))
        elif isinstance(value, bytes):
            tags.append((tag, "B", len(value), value, True))
        elif isinstance(value, int):
            tags.append((tag, "H", 1, value, True))
    return tags, inner
