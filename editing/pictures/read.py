"""Files to arrays and back: orientation, colour profile, alpha, bit depth, size limits, metadata and the recipe.

Pillow decodes and encodes what it can hold. It has no 16-bit colour, so OpenCV decodes that from PNG, and tifffile from
TIFF; PNG files are written here, since neither library writes every depth together with profile and metadata.

What :func:`write` keeps, unless told to strip:

=========  =====  =====  =====  ====
           PNG    JPEG   WebP   TIFF
=========  =====  =====  =====  ====
16 bit     yes    to 8   to 8   yes
alpha      yes    white  yes    yes
profile    yes    yes    yes    yes
EXIF, XMP  yes    yes    yes    yes
dpi        yes    yes    EXIF   yes
text       yes    one    no     no      (only "Comment" has a place in JPEG)
recipe     iTXt   EXIF   EXIF   EXIF    ("atelier"; in EXIF it is the tag ImageHistory, 0x9213)
=========  =====  =====  =====  ====
"""

from __future__ import annotations

import errno
import io
import json
import logging
import math
import os
import re
import struct
import threading
import uuid
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
import tifffile
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin, UnidentifiedImageError

from editing.errors import EditingError, ImageError, OptionError, OutOfMemoryError

Pixels = npt.NDArray[Any]  # uint8 or uint16
Floats = npt.NDArray[np.float32]

NOTICES = {
    "first_frame": "The first of {frames} frames or pages was used.",
    "converted_to_srgb": "The colours were converted from {mode} to sRGB.",
    "profile_dropped": "The colour profile does not fit the picture's colours and was left out.",
    "exif_unreadable": "The EXIF data is damaged and was left out.",
    "alpha_flattened": "{format} has no transparency: the picture was laid on white.",
    "depth_reduced": "{format} holds 8 bits per channel: the picture's 16 bits were rounded to 8.",
    "exif_dropped": "The EXIF data is too long for {format} and was left out.",
    "maker_note_dropped": "The camera maker's part of the EXIF data is too long for {format} and was left out.",
    "xmp_dropped": "The XMP data was left out: it is too long, or its location could not be removed safely.",
    "recipe_dropped": "The recipe is too long for {format} and was left out.",
    "clip_damaged": "The clip is cut off or damaged: the {frames} frames that could be read were used.",
    "clip_depth": "The clip holds {depth} bits per channel: they were rounded to 8.",
    "clip_hdr": "The clip is HDR, which is not kept: its colours come out pale.",
    "clip_padded": "{format} needs even sides: the last row or column was repeated.",
    "clip_too_fast": "GIF shows at most 50 frames a second: {frames} frames in between were left out.",
    "sound_dropped": "{format} has no sound: it was left out.",
    "sound_encoded": "{format} does not hold {codec} sound: it was encoded anew as {new}.",
    "sound_damaged": "The sound is damaged: it was kept up to there.",
    "clip_resumed": "An earlier run was interrupted after {frames} frames: this one went on from there.",
    "clip_anew": "An interrupted run for the same output had another input or other settings: this one began anew.",
}


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something to tell the user: a key of ``NOTICES``, to be translated, and what to fill in; str() is English."""

    key: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return NOTICES[self.key].format(**self.values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A decoded picture, upright, with what its file said about it.

    ``pixels`` is (H, W, 1) gray or (H, W, 3) RGB, uint8 or uint16; ``alpha`` is None or (H, W) of the same dtype, and
    the colours are straight, not premultiplied. ``icc`` describes these pixels, ``exif`` begins with ``Exif\\0\\0`` and
    its orientation is 1, ``xmp`` is the packet, ``text`` the comments by keyword, ``dpi`` (x, y). ``recipe`` is the one
    found in the file: it says how *that* file was made, so :func:`write` does not repeat it by itself.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    recipe: dict[str, Any] | None = None
    notices: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] not in (1, 3) or 0 in self.pixels.shape:
            raise ValueError(f"pixels must be (H, W, 1) or (H, W, 3) and not empty, got {self.pixels.shape}")
        if self.pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels must be uint8 or uint16, got {self.pixels.dtype}")
        if self.alpha is not None and (
            self.alpha.shape != self.pixels.shape[:2] or self.alpha.dtype != self.pixels.dtype
        ):
            raise ValueError(
                f"alpha must be {self.pixels.shape[:2]} {self.pixels.dtype} like the pixels, "
                f"got {self.alpha.shape} {self.alpha.dtype}"
            )

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def depth(self) -> int:
        """Bits per channel: 8 or 16."""
        return 8 if self.pixels.dtype == np.uint8 else 16

    @property
    def gray(self) -> bool:
        return int(self.pixels.shape[2]) == 1


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file's header says; ``width`` and ``height`` are those after orientation, ``depth`` is what read() gives.

    ``format`` is PNG, JPEG, WEBP, TIFF, BMP, GIF, AVIF or HEIC; ``mode`` is the file's own, in Pillow's names (1, L,
    LA, P, RGB, RGBA, CMYK, LAB, ...).
    """

    format: str
    width: int
    height: int
    mode: str
    depth: int
    frames: int


# ---- limits ----------------------------------------------------------------------------------------------------------


def input_limit() -> int:
    """The largest picture that is read, in pixels: ``ATELIER_MAX_INPUT_MP`` or 64 megapixels."""
    return _limit("ATELIER_MAX_INPUT_MP", 64)


def output_limit() -> int:
    """The largest picture that is made, in pixels: ``ATELIER_MAX_OUTPUT_MP`` or 256 megapixels."""
    return _limit("ATELIER_MAX_OUTPUT_MP", 256)


def _limit(name: str, default: float) -> int:
    value = os.environ.get(name, "").strip() or str(default)
    try:
        megapixels = float(value)
    except ValueError:
        megapixels = math.nan
    if not (0 < megapixels < 1e6):  # false for nan too
        raise OptionError(
            f"The environment variable {name} is {value!r}, but must be a positive number of megapixels; "
            f"set it to a number such as {default}, or remove it."
        )
    return max(1, round(megapixels * 1e6))


def check_output_size(width: int, height: int) -> None:
    """Raise ImageError if a result of ``width`` x ``height`` pixels is over the output limit."""
    if width * height > output_limit():
        raise ImageError(
            f"The result would be {_size_text(width, height)}; the limit is {output_limit() / 1e6:g} megapixels. "
            "Choose a smaller scale or size, or raise ATELIER_MAX_OUTPUT_MP."
        )


def check_input_size(name: str, width: int, height: int) -> None:
    """Raise ImageError if the picture called ``name`` is empty or over the input limit."""
    if width < 1 or height < 1:
        raise ImageError(f"{name!r} is {width}x{height} pixels: it holds no picture. Choose another file.")
    if width * height > input_limit():
        raise ImageError(
            f"{name!r} is {_size_text(width, height)}; the limit is {input_limit() / 1e6:g} megapixels. "
            "Make it smaller or crop it first, or raise ATELIER_MAX_INPUT_MP."
        )


def _size_text(width: int, height: int) -> str:
    return f"{width}x{height} pixels ({width * height / 1e6:.1f} megapixels)"


# ---- arrays ----------------------------------------------------------------------------------------------------------

_BAND = 256  # rows worked on at a time, so that temporaries stay small beside a picture of 48 megapixels


def to_float(array: Pixels) -> Floats:
    """uint8 or uint16 of any shape to float32 in [0, 1]; :func:`from_float` gives the same integers back."""
    result = array.astype(np.float32)
    result /= np.float32(np.iinfo(array.dtype).max)
    return result


def from_float(array: Floats, depth: int) -> Pixels:
    """Floats, nominally in [0, 1], to uint8 (``depth`` 8) or uint16 (16) of the same shape, clipped and rounded.

    Raises ImageError if there is a NaN: a picture of black holes is worse than none.
    """
    dtype = {8: np.uint8, 16: np.uint16}[depth]
    result = np.empty(array.shape, dtype)
    for y in range(0, len(array), _BAND):
        band = np.clip(array[y : y + _BAND], 0, 1)
        if np.isnan(band).any():
            raise ImageError(
                "The result holds values that are not numbers, so nothing was kept. Run it again with precision fp32."
            )
        band *= np.float32(np.iinfo(dtype).max)
        result[y : y + _BAND] = np.rint(band, out=band)
    return result


def premultiply(pixels: Floats, alpha: Floats) -> Floats:
    """(H, W, C) straight colours times (H, W) alpha, both float32 in [0, 1]."""
    return pixels * alpha[..., None]


def unpremultiply(pixels: Floats, alpha: Floats) -> Floats:
    """The inverse of :func:`premultiply`; where alpha is (nearly) zero there is no colour, and it becomes 0."""
    result = np.zeros_like(pixels)
    seen = alpha[..., None] > 1e-6
    np.divide(pixels, alpha[..., None], out=result, where=np.broadcast_to(seen, pixels.shape))
    return np.clip(result, 0, 1, out=result)


def fill_transparent(picture: Picture) -> Pixels:
    """The picture's colours with those of transparent pixels replaced by what surrounds them.

    Whatever colour lies under alpha 0 would otherwise come in as a halo. Push-pull (Gortler et al. 1996, "The
    Lumigraph"): premultiplied colours are averaged down a pyramid and flow back where alpha leaves room.
    """
    if picture.alpha is None or int(picture.alpha.min()) == np.iinfo(picture.alpha.dtype).max:
        return picture.pixels
    alpha = to_float(picture.alpha)[..., None]
    levels: list[tuple[Floats, Floats]] = [(to_float(picture.pixels) * alpha, alpha)]
    while max(levels[-1][0].shape[:2]) > 1:
        color, cover = levels[-1]
        height, width = max(1, color.shape[0] // 2), max(1, color.shape[1] // 2)
        levels.append((_reduced(color, height, width), _reduced(cover, height, width)))
    color, cover = levels.pop()
    filled: Floats = np.asarray(color / np.maximum(cover, 1e-6), np.float32)
    for color, cover in reversed(levels):
        height, width = color.shape[:2]
        below = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR).reshape(color.shape)
        # Saturate the cover: a pixel that is half opaque has a colour of its own, which must not be averaged away.
        share = np.minimum(cover * 4, 1)
        filled = np.asarray(below + share * (color / np.maximum(cover, 1e-6) - below), np.float32)
    pixels = from_float(filled, picture.depth)
    opaque = picture.alpha == np.iinfo(picture.alpha.dtype).max
    pixels[opaque] = picture.pixels[opaque]
    return pixels


def _reduced(array: Floats, height: int, width: int) -> Floats:
    return np.asarray(cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA), np.float32).reshape(
        height, width, -1
    )


# ---- reading ---------------------------------------------------------------------------------------------------------

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")  # Pillow's names
_READABLE = "PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF or HEIC"
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_XMP_TAG, _ICC_TAG, _MAKER_NOTE, _SUB_IFDS, _DNG_VERSION = 0x02BC, 0x8773, 0x927C, 0x014A, 0xC612
_IMAGE_HISTORY = 0x9213  # "a record of what has been done to the image" (TIFF/EP): the recipe's place in EXIF
# In a TIFF the same directory holds how the pixels are stored; only these say something about the picture.
_TIFF_KEPT = {0x10E, 0x10F, 0x110, 0x131, 0x132, 0x13B, 0x13C, 0x4746, 0x4749, 0x8298, *range(0x9C9B, 0x9CA0)}
_TIFF_KEPT |= {_ORIENTATION, _EXIF_IFD, _GPS_IFD, _IMAGE_HISTORY}
# Of other files these are left out: storage of the old pixels, and blocks that have their own place.
_EXIF_LEFT_OUT = {0x100, 0x101, 0x102, 0x103, 0x106, 0x111, 0x115, 0x116, 0x117, 0x11C, 0x14A, 0x201, 0x202, 0x212}
_EXIF_LEFT_OUT |= {_XMP_TAG, _ICC_TAG, 0x83BB, 0x8649}
_PILLOW = threading.Lock()  # for what Pillow and Python keep per process: the size limit and the warning filters


@cache
def _prepare() -> None:
    pillow_heif.register_heif_opener()
    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else its remarks on odd files go to stderr


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow without its warnings, and without its own size limit, which raises only at twice its number."""
    _prepare()
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, with every failure to open or decode it told as ImageError under the file's bare name."""
    name = path.name
    try:
        with path.open("rb") as file, _quiet():
            if not file.read(1):
                raise ImageError(f"{name!r} is empty (0 bytes). Choose another file, or copy it again.")
            file.seek(0)
            yield file
    except EditingError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{name!r} was not found. Check the name and the folder.") from error
    except IsADirectoryError as error:
        raise ImageError(f"{name!r} is a folder, not a picture. Choose a file in it.") from error
    except PermissionError as error:
        raise ImageError(f"{name!r} may not be read. Change its permissions, or copy it elsewhere.") from error
    except MemoryError as error:
        raise OutOfMemoryError(
            f"{name!r} does not fit into memory. Make it smaller, or close other programs."
        ) from error
    except Exception as error:  # decoders meet a damaged file with nearly every exception that Python has
        raise ImageError(
            f"{name!r} is damaged or incomplete, and can't be decoded. Copy or download it again, "
            "or save it anew in another program."
        ) from error


@dataclass(kw_only=True)
class _Source:
    """An opened file, not decoded yet: ``image`` from Pillow, ``page`` from tifffile, for an 8-bit TIFF both."""

    name: str
    file: IO[bytes]
    header: Header  # width and height as stored
    image: Image.Image | None = None
    page: tifffile.TiffPage | None = None


def _source(name: str, file: IO[bytes]) -> _Source:
    head = file.read(32)
    file.seek(0)
    tiff = _tiff_header(name, file, head) if head[:4] in _TIFF_MAGIC else None
    if tiff is not None and tiff[0].depth == 16 and tiff[1].photometric in (0, 1, 2):
        return _Source(name=name, file=file, header=tiff[0], page=tiff[1])
    file.seek(0)
    try:
        image = Image.open(file, formats=_FORMATS)
    except UnidentifiedImageError as error:
        if tiff is not None:
            raise ImageError(
                f"{name!r} is damaged, or a TIFF of an uncommon kind. "
                "Save it as gray or RGB with 8 or 16 bits per channel."
            ) from error
        raise ImageError(
            f"{name!r} is not a picture of a known kind, or its beginning is damaged. "
            f"Give a {_READABLE} file; save others, such as SVG, PDF or camera raw, in one of these first."
        ) from error
    if tiff is not None:
        return _Source(
            name=name, file=file, header=replace(tiff[0], mode=image.mode, depth=8), image=image, page=tiff[1]
        )
    depth = 16 if image.mode.startswith("I") else 8
    if image.format == "PNG":
        depth = 16 if head[24] == 16 else 8
    elif image.format == "HEIF" and image.mode in ("RGB", "RGBA"):
        depth = 16 if image.info.get("bit_depth", 8) > 8 else 8
    header = Header(
        format={"MPO": "JPEG", "HEIF": "HEIC"}.get(str(image.format), str(image.format)),
        width=image.width,
        height=image.height,
        mode=image.mode,
        depth=depth,
        # The further pictures of an MPO are a phone's previews and gain maps.
        frames=1 if image.format == "MPO" else int(getattr(image, "n_frames", 1)),
    )
    return _Source(name=name, file=file, header=header, image=image)


def _tiff_header(name: str, file: IO[bytes], head: bytes) -> tuple[Header, tifffile.TiffPage]:
    pages = tifffile.TiffFile(file).pages
    page = pages.first
    if head[8:10] == b"CR" or _DNG_VERSION in page.tags or (page.is_reduced and _SUB_IFDS in page.tags):
        # What Pillow would find in there is the small preview.
        raise ImageError(f"{name!r} is a camera's raw file. Develop it first, and save it as PNG, TIFF or JPEG.")
    if page.sampleformat != 1 or page.bitspersample not in (1, 2, 4, 8, 16):
        kind = {1: "unsigned", 2: "signed", 3: "floating-point"}.get(page.sampleformat, "other")
        raise ImageError(
            f"{name!r} holds {kind} values of {page.bitspersample} bits. "
            "Save it with 8 or 16 bits per channel (unsigned)."
        )
    header = Header(
        format="TIFF",
        width=page.imagewidth,
        height=page.imagelength,
        mode=("L", "LA", "RGB", "RGBA")[min(page.samplesperpixel, 4) - 1],
        depth=16 if page.bitspersample == 16 else 8,
        frames=sum(not other.is_reduced for other in pages if isinstance(other, tifffile.TiffPage)) or 1,
    )
    return header, page


def probe(path: str | Path) -> Header:
    """The header of a picture file; nothing is decoded and no size limit applies. Raises ImageError.

    An orientation that a PNG keeps behind its pixels is not seen here, only by :func:`read`.
    """
    path = Path(path)
    with _opened(path) as file:
        source = _source(path.name, file)
        header = source.header
        exif = _read_exif(source)
        if _orientation(source, exif) in (5, 6, 7, 8):
            return replace(header, width=header.height, height=header.width)
        return header


def read(path: str | Path) -> Picture:
    """Decode a picture file of any of the formats, told by its content, upright and in its own depth.

    The size is checked against :func:`input_limit` before anything is decoded. Colours other than gray and RGB become
    sRGB, by the file's profile where it has one; of an animation or several pages the first is taken, with a notice.
    HEIC of more than 8 bits gives 16, AVIF always gives 8. Raises ImageError.
    """
    path = Path(path)
    with _opened(path) as file:
        source = _source(path.name, file)
        check_input_size(path.name, source.header.width, source.header.height)
        notices: list[Notice] = []
        if source.header.frames > 1:
            notices.append(Notice(key="first_frame", values={"frames": source.header.frames}))
        if source.image is not None:
            source.image.load()  # also finds truncation, and the metadata that follows the pixels
        icc = _read_icc(source)
        channels, icc = _decode(source, icc, notices)
        exif = _read_exif(source)
        dpi = _read_dpi(source, exif)
        orientation = _orientation(source, exif)
        if source.image is None or source.header.format != "TIFF":  # TIFF alone is turned by Pillow itself
            channels = _upright(channels, orientation)
        if dpi and orientation in (5, 6, 7, 8):
            dpi = dpi[::-1]
        recipe = None
        exif_bytes = None
        if exif is not None:
            recipe = _parse_recipe(exif.pop(_IMAGE_HISTORY, None), wrapped=True)
            if _ORIENTATION in exif:
                exif[_ORIENTATION] = 1
            try:
                exif_bytes = _pack_exif(exif) if len(exif) else None
            except Exception:  # Pillow's writer stumbles over values that its reader let pass
                notices.append(Notice(key="exif_unreadable"))
        text = _read_text(source)
        recipe = _parse_recipe(text.pop("atelier", None)) or recipe
        colours = 1 if channels.shape[2] < 3 else 3
        return Picture(
            pixels=np.ascontiguousarray(channels[..., :colours]),
            alpha=np.ascontiguousarray(channels[..., colours]) if channels.shape[2] > colours else None,
            icc=icc,
            exif=exif_bytes,
            xmp=_upright_xmp(_read_xmp(source)),
            text=text,
            dpi=dpi,
            recipe=recipe,
            notices=tuple(notices),
        )


def _decode(source: _Source, icc: bytes | None, notices: list[Notice]) -> tuple[Pixels, bytes | None]:
    """The channels (H, W, 1 to 4) as stored, and the profile that describes them."""
    image = source.image
    if image is None:
        channels = _decode_tiff16(source)
    elif source.header.format == "PNG" and source.header.depth == 16 and image.mode != "I;16":
        channels = _decode_png16(source)
    elif source.header.format == "HEIC" and source.header.depth == 16:
        channels = _decode_heic16(source)
    elif image.mode in ("CMYK", "LAB"):
        notices.append(Notice(key="converted_to_srgb", values={"mode": image.mode}))
        return np.asarray(_to_srgb(image, icc)), None
    else:
        channels = _decode_pillow(source, image, has_profile=icc is not None)
    wanted = b"GRAY" if channels.shape[2] < 3 else b"RGB "
    if icc is not None and icc[16:20] != wanted:
        notices.append(Notice(key="profile_dropped"))
        icc = None
    return channels, icc


def _decode_pillow(source: _Source, image: Image.Image, *, has_profile: bool) -> Pixels:
    key = image.info.get("transparency")
    if image.mode in ("P", "PA"):
        clear = image.mode == "PA" or key is not None
        channels = np.asarray(image.convert("RGBA" if clear else "RGB"))
        if not has_profile and (channels[..., :1] == channels[..., 1:3]).all():
            channels = channels[..., [0, 3] if clear else [0]]  # a palette of grays is a gray picture
        return channels
    plain = {"1": "L", "La": "LA", "RGBX": "RGB", "RGBa": "RGBA", "YCbCr": "RGB"}
    if image.mode in plain:
        image = image.convert(plain[image.mode])
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16", "I;16L", "I;16B", "I;16N"):
        raise ImageError(
            f"{source.name!r} holds colours of the kind {image.mode!r}. "
            "Save it as gray or RGB with 8 or 16 bits per channel."
        )
    channels = np.asarray(image)
    channels = channels.astype(channels.dtype.newbyteorder("="), copy=False)
    if channels.ndim == 2:
        channels = channels[..., None]
    if image.mode in ("L", "RGB", "I;16") and isinstance(key, (int, tuple)):
        if source.header.format == "PNG" and image.mode == "L":
            source.file.seek(24)
            bits = source.file.read(1)[0]
            if bits < 8 and isinstance(key, int):  # counted in these bits, while the pixels reach up to 255
                key = min(key, 2**bits - 1) * 255 // (2**bits - 1)
        alpha = np.where((channels == np.asarray(key)).all(axis=2, keepdims=True), 0, np.iinfo(channels.dtype).max)
        channels = np.concatenate([channels, alpha.astype(channels.dtype)], axis=2)
    return channels


def _decode_by_opencv(data: bytes) -> Pixels | None:
    """16-bit gray, RGB or RGBA (H, W, C) of a PNG or TIFF; None where OpenCV can't."""
    log: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 5 and 4
    level = log.getLogLevel()
    log.setLogLevel(0)  # it tells of damage in lines on stderr
    try:
        channels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        log.setLogLevel(level)
    if channels is None or channels.dtype != np.uint16:
        return None
    if channels.ndim == 2:
        channels = channels[..., None]
    return np.asarray(channels[..., [[0], [], [2, 1, 0], [2, 1, 0, 3]][channels.shape[2] - 1]])


def _decode_png16(source: _Source) -> Pixels:
    source.file.seek(0)
    data = source.file.read()
    channels = _decode_by_opencv(data)
    if channels is None:
        raise ValueError("OpenCV can't decode this 16-bit PNG")
    # Gray with alpha is spread over four channels.
    return channels[..., [0, 3]] if data[25] == 4 else channels


def _decode_tiff16(source: _Source) -> Pixels:
    page = source.page
    assert page is not None
    try:
        channels = page.asarray()
        if page.planarconfig == 2 and channels.ndim == 3:
            channels = np.moveaxis(channels, 0, -1)
    except ValueError:  # LZW and a few more, which tifffile leaves to a large optional package and OpenCV has built in
        channels = _decode_tiff_by_opencv(source)
    channels = channels.astype(np.uint16, copy=False)
    if channels.ndim == 2:
        channels = channels[..., None]
    if page.photometric == 0:  # 0 is white
        channels = 65535 - channels
    colours = 3 if page.photometric == 2 else 1
    extra = page.extrasamples[:1]
    if channels.shape[2] <= colours or (extra and extra[0] == 0):
        return channels[..., :colours]
    channels = channels[..., : colours + 1]
    if extra and extra[0] == 1:
        alpha = to_float(channels[..., -1])
        straight = from_float(unpremultiply(to_float(channels[..., :-1]), alpha), 16)
        channels = np.concatenate([straight, channels[..., -1:]], axis=2)
    return channels


def _decode_tiff_by_opencv(source: _Source) -> Pixels:
    source.file.seek(0)
    data = io.BytesIO(source.file.read())
    with tifffile.TiffFile(data, mode="r+") as tiff:
        if _ORIENTATION in tiff.pages.first.tags:  # else OpenCV turns the picture by itself
            tiff.pages.first.tags[_ORIENTATION].overwrite(1)
    channels = _decode_by_opencv(data.getvalue())
    if channels is None:
        raise ImageError(
            f"{source.name!r} is damaged, or a 16-bit TIFF of an uncommon kind. "
            "Save it without compression, or with LZW or Deflate, and with pixel-interleaved channels."
        )
    return channels


def _decode_heic16(source: _Source) -> Pixels:
    source.file.seek(0)
    heif = pillow_heif.open_heif(source.file, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    image = heif[heif.primary_index]
    bits: Any = image.info["bit_depth"]
    top = 2**bits - 1
    channels = np.asarray(image).astype(np.uint32)
    stretched: Pixels = ((channels * 65535 + top // 2) // top).astype(np.uint16)
    return stretched


def _upright(array: Pixels, orientation: object) -> Pixels:
    """Turn or mirror (H, W, C) as EXIF's ``orientation`` 1 to 8 asks; anything else means 1."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def _to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """An RGB picture in sRGB; without a usable profile by Pillow's plain formula."""
    source: Any = None
    if image.mode == "LAB":
        source = ImageCms.createProfile("LAB")
    elif icc is not None and icc[16:20] == {"CMYK": b"CMYK", "L": b"GRAY"}.get(image.mode):
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    if source is not None:
        with suppress(ImageCms.PyCMSError, OSError):
            converted = ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if converted is not None:
                return converted
    return image.convert("RGB")


# ---- metadata, reading -----------------------------------------------------------------------------------------------


def _read_exif(source: _Source) -> Image.Exif | None:
    """The file's EXIF without what describes the old pixels, or None if there is none or it is unreadable."""
    exif = Image.Exif()
    try:
        if source.header.format == "TIFF":
            source.file.seek(0)
            exif.load_from_fp(source.file)
            left_out = set(exif) - _TIFF_KEPT
        else:
            data = source.image.info.get("exif") if source.image else None
            if not isinstance(data, bytes):
                return None
            exif.load(data)
            left_out = set(exif) & _EXIF_LEFT_OUT
        for tag in (_EXIF_IFD, _GPS_IFD):
            if tag in exif:
                exif.get_ifd(tag)  # read now: later the file is closed
    except Exception:  # damaged metadata is no reason to refuse a picture
        return None
    for unwanted in left_out:
        del exif[unwanted]
    return exif


def _pack_exif(exif: Image.Exif) -> bytes:
    """EXIF as bytes. Pillow would write a question mark for every letter outside ASCII: it gets those as bytes."""
    for tags in (exif, exif.get_ifd(_EXIF_IFD) if _EXIF_IFD in exif else {}):
        for tag, value in list(tags.items()):
            if isinstance(value, str) and not value.isascii():
                tags[tag] = value.encode("latin-1", "replace")
    return exif.tobytes()


def _tiff_tag(source: _Source, tag: int) -> Any:
    with suppress(Exception):  # as in _read_exif
        return source.page.tags.valueof(tag) if source.page else None
    return None


def _orientation(source: _Source, exif: Image.Exif | None) -> object:
    if source.header.format == "TIFF":
        return _tiff_tag(source, _ORIENTATION)
    return None if exif is None else exif.get(_ORIENTATION)


def _read_icc(source: _Source) -> bytes | None:
    icc = _tiff_tag(source, _ICC_TAG) if source.page else source.image and source.image.info.get("icc_profile")
    return icc if isinstance(icc, bytes) and len(icc) > 128 else None


def _read_xmp(source: _Source) -> bytes | None:
    if source.header.format == "TIFF":
        xmp = _tiff_tag(source, _XMP_TAG)
    else:
        info = source.image.info if source.image else {}
        xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return xmp.rstrip(b"\0") if isinstance(xmp, bytes) and xmp.strip(b"\0 ") else None


def _read_text(source: _Source) -> dict[str, str]:
    if source.image is None:
        return {}
    text = getattr(source.image, "text", None) if source.header.format == "PNG" else None
    found = {str(key): str(value) for key, value in (text or {}).items()}
    comment = source.image.info.get("comment")
    if isinstance(comment, bytes) and comment.strip(b"\0 "):
        try:
            found["Comment"] = comment.rstrip(b"\0").decode("utf-8")
        except UnicodeDecodeError:
            found["Comment"] = comment.rstrip(b"\0").decode("latin-1")
    return {key: value for key, value in found.items() if not key.startswith(("XML:com.adobe", "Raw profile type"))}


def _read_dpi(source: _Source, exif: Image.Exif | None) -> tuple[float, float] | None:
    if source.header.format == "TIFF":
        fractions = (_tiff_tag(source, _X_RESOLUTION), _tiff_tag(source, _Y_RESOLUTION))
        pair: Any = [value[0] / value[1] for value in fractions if value and value[1]]
        scale = {2: 1.0, 3: 2.54}.get(_tiff_tag(source, _RESOLUTION_UNIT) or 2, 0.0)
    else:
        pair, scale = source.image.info.get("dpi") if source.image else None, 1.0
        if not pair and exif is not None and exif.get(_RESOLUTION_UNIT) == 2:
            pair = (exif.get(_X_RESOLUTION), exif.get(_Y_RESOLUTION))
    try:
        x, y = (float(value) * scale for value in pair)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not (1 < x < 65536 and 1 < y < 65536):  # true for nan too; 1 stands for "unknown" in many TIFF files
        return None
    return round(x, 1), round(y, 1)  # PNG counts per metre: 150 dpi comes back as 150.0124


def _parse_recipe(value: object, *, wrapped: bool = False) -> dict[str, Any] | None:
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


def _upright_xmp(xmp: bytes | None) -> bytes | None:
    """XMP without what was true of the old pixels only: orientation, size, thumbnails, a phone's video and gain map."""
    if xmp is None:
        return None
    return _without_xmp(
        xmp,
        r"tiff:Orientation|tiff:ImageWidth|tiff:ImageLength|exif:PixelXDimension|exif:PixelYDimension|"
        r"xmp:Thumbnails|xmpGImg:\w+|GCamera:\w+|hdrgm:\w+|Container:Directory",
    )


# ---- writing ---------------------------------------------------------------------------------------------------------

_SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP", ".tif": "TIFF", ".tiff": "TIFF"}
_LONGEST = {"JPEG": 65500, "WebP": 16383, "PNG": 2**31 - 1, "TIFF": 2**31 - 1}  # pixels a side
_SEGMENT = 65533  # bytes in one JPEG segment


def write(
    picture: Picture,
    path: str | Path,
    *,
    format: str | None = None,
    quality: int = 95,
    strip: bool = False,
    keep_gps: bool = False,
    recipe: Mapping[str, Any] | None = None,
) -> tuple[Notice, ...]:
    """Encode a picture into ``path``, which appears complete or not at all; returns what the format could not keep.

    ``format`` is PNG, JPEG, WebP or TIFF, by default told by the suffix; ``quality`` 1 to 100 is for JPEG (4:4:4) and
    WebP, which is lossy too. ``recipe`` is JSON to store; the one in the picture is of an earlier file and is not.
    The location (GPS, in EXIF and XMP) is left out unless ``keep_gps``. ``strip`` leaves out everything but the colour
    profile, without which the colours would be wrong: EXIF, XMP, texts, dpi and the recipe.
    Raises ImageError, and OptionError for a bad format or quality.
    """
    path = Path(path)
    kind = _output_format(path, format)
    if not 1 <= quality <= 100:
        raise OptionError(f"The quality is {quality}, but must be from 1 to 100; 95 is the default.")
    if max(picture.width, picture.height) > _LONGEST[kind]:
        raise ImageError(
            f"The picture is {picture.width}x{picture.height} pixels; {kind} allows {_LONGEST[kind]} a side. "
            "Save it as PNG."
        )
    job = _Job(picture=picture, format=kind, quality=quality, icc=picture.icc)
    if not strip:
        with _quiet():
            job.exif = _exif_to_write(picture, keep_gps=keep_gps)
        if picture.exif is not None and job.exif is None:
            job.tell("exif_unreadable")
        job.xmp = picture.xmp
        if picture.xmp is not None and not keep_gps:
            job.xmp = _xmp_without_gps(picture.xmp)
            if job.xmp is None:
                job.tell("xmp_dropped")
        # ImageMagick repeats EXIF, the location too, as texts such as "exif:GPSLatitude".
        job.text = {key: value for key, value in picture.text.items() if keep_gps or "gps" not in key.lower()}
        job.dpi = picture.dpi
        if recipe is not None:
            job.recipe = json.dumps(recipe, ensure_ascii=kind != "PNG", separators=(",", ":"), allow_nan=False)
    _put(job, path)
    return tuple(job.notices)


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
    notices: list[Notice] = field(default_factory=list)

    def tell(self, key: str) -> None:
        self.notices.append(Notice(key=key, values={"format": self.format} if "{format}" in NOTICES[key] else {}))


def _output_format(path: Path, format: str | None) -> str:
    suffix = path.suffix if format is None else "." + format.lstrip(".")
    kind = _SUFFIXES.get(suffix.lower())
    if kind is None:
        given = f"{path.name!r} has no known suffix" if format is None else f"The format {format!r} is not known"
        raise OptionError(f"{given}; pictures are saved as {', '.join(_SUFFIXES)}.")
    return kind


def _put(job: _Job, path: Path) -> None:
    part = path.with_name(f".{uuid.uuid4().hex}.part")  # the same folder, so that the rename can't cross a disk
    try:
        try:
            with part.open("xb+") as file:
                {"PNG": _write_png, "JPEG": _write_jpeg, "WebP": _write_webp, "TIFF": _write_tiff}[job.format](
                    job, file
                )
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ImageError(_why_not_written(path, error)) from error


def _why_not_written(path: Path, error: OSError) -> str:
    name = path.name
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{name!r} was not saved: the disk is full. Free some space, or choose another folder."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{name!r} was not saved: its folder may not be written to. Choose another folder."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"{name!r} was not saved: the folder {path.parent.name!r} does not exist. Make it, or choose another."
    if error.errno in (errno.EISDIR, errno.ENOTEMPTY):
        return f"{name!r} was not saved: a folder has that name. Choose another name."
    return f"{name!r} was not saved: {error.strerror or 'the encoder failed'}. Try another folder or format."


def _exif_to_write(picture: Picture, *, keep_gps: bool) -> Image.Exif | None:
    if picture.exif is None:
        return None
    exif = Image.Exif()
    try:
        exif.load(picture.exif)
        if _GPS_IFD in exif and not keep_gps:
            del exif[_GPS_IFD]
        if _EXIF_IFD in exif:
            inner = exif.get_ifd(_EXIF_IFD)
            for tag, size in ((0xA002, picture.width), (0xA003, picture.height)):
                if tag in inner:
                    inner[tag] = size
        _pack_exif(exif)
    except Exception:  # read() hands out only what can be written, but a Picture can come from elsewhere
        return None
    return exif


def _xmp_without_gps(xmp: bytes) -> bytes | None:
    cleaned = _without_xmp(xmp, r"exif:GPS\w+")
    # Another prefix or another encoding hides the location from the pattern: rather no XMP than a leak.
    return None if b"GPS" in cleaned or b"\0" in cleaned else cleaned


def _exif_bytes(job: _Job, *, limit: int | None = None) -> bytes | None:
    """EXIF with the recipe in it, for the formats that have no other place, shortened until it fits into ``limit``."""
    if job.exif is None and job.recipe is None:
        return None
    exif = job.exif if job.exif is not None else Image.Exif()
    if job.recipe is not None:
        exif[_IMAGE_HISTORY] = f'{{"atelier":{job.recipe}}}'
    data = _pack_exif(exif)
    if limit is not None and len(data) > limit and _EXIF_IFD in exif:
        if exif.get_ifd(_EXIF_IFD).pop(_MAKER_NOTE, None) is not None:
            job.tell("maker_note_dropped")
        data = _pack_exif(exif)
    if limit is not None and len(data) > limit and job.recipe is not None and len(job.recipe) < limit - 256:
        job.tell("exif_dropped")
        exif = Image.Exif()
        exif[_IMAGE_HISTORY] = f'{{"atelier":{job.recipe}}}'
        data = _pack_exif(exif)
    if limit is not None and len(data) > limit:
        job.tell("recipe_dropped" if job.recipe is not None else "exif_dropped")
        job.recipe = None
        exif.pop(_IMAGE_HISTORY, None)
        data = _pack_exif(exif)
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
        chunk(b"eXIf", _pack_exif(job.exif)[6:])
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
    for y in range(0, picture.height, _BAND):
        rows = picture.pixels[y : y + _BAND]
        if picture.alpha is not None:
            rows = np.concatenate([rows, picture.alpha[y : y + _BAND, :, None]], axis=2)
        yield rows


def _eight_bits(job: _Job, *, flatten: bool) -> Image.Image:
    """The picture for an encoder of 8 bits, laid on white if ``flatten``."""
    picture = job.picture
    colours = picture.pixels.shape[2]
    flatten = flatten and picture.alpha is not None
    if picture.depth == 16:
        job.tell("depth_reduced")
    if flatten:
        job.tell("alpha_flattened")
    result = np.empty((picture.height, picture.width, colours + (picture.alpha is not None and not flatten)), np.uint8)
    y = 0
    for rows in _bands(picture):
        if flatten:
            top = np.uint64(np.iinfo(rows.dtype).max)
            alpha = rows[..., colours:].astype(np.uint64)
            mixed = rows[..., :colours] * alpha + top * (top - alpha)
            rows = ((mixed + top // 2) // top).astype(rows.dtype)
        if rows.dtype == np.uint16:
            rows = ((rows.astype(np.uint32) + 128) // 257).astype(np.uint8)
        result[y : y + len(rows)] = rows
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
            job.tell("xmp_dropped")
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
        image = _to_srgb(image.convert("L"), icc)
        if alpha is not None:
            image.putalpha(alpha)
        icc = None
    if job.dpi is not None:
        job.exif = job.exif if job.exif is not None else Image.Exif()
        job.exif[_X_RESOLUTION], job.exif[_Y_RESOLUTION] = job.dpi
        job.exif[_RESOLUTION_UNIT] = 2
    # Method 4, the default, takes seven times as long for a file of the same size.
    options = {"exif": _exif_bytes(job) or b"", "xmp": job.xmp or b"", "icc_profile": icc or b""}
    _save(image, file, "WEBP", quality=job.quality, method=2, **options)


def _save(image: Image.Image, file: IO[bytes], format: str, **options: Any) -> None:
    """Encode in memory: a full disk then shows as Python's own OSError, not as an encoder's failure."""
    encoded = io.BytesIO()
    with _quiet():
        image.save(encoded, format, **options)
    file.write(encoded.getvalue())


# tifffile declines to write the tags that point to EXIF's directories, so their neighbours hold the places.
_STAND_IN: dict[int, int] = {_EXIF_IFD: _EXIF_IFD - 1, _GPS_IFD: _GPS_IFD + 1}


def _write_tiff(job: _Job, file: IO[bytes]) -> None:
    """TIFF, Deflate with the horizontal predictor. tifffile writes one directory; EXIF's own are appended after it."""
    picture = job.picture
    if picture.alpha is not None:
        array = np.concatenate([picture.pixels, picture.alpha[..., None]], axis=2)
    else:
        array = picture.pixels[..., 0] if picture.gray else picture.pixels
    extra: list[tuple[int, str, int, Any, bool]] = []
    inner: dict[int, dict[int, Any]] = {}
    data = _exif_bytes(job)
    if data is not None:
        exif = Image.Exif()
        exif.load(data)
        for tag, value in exif.items():
            if tag in (_EXIF_IFD, _GPS_IFD):
                inner[tag] = {key: held for key, held in exif.get_ifd(tag).items() if key != _INTEROP_IFD}
                extra.append((_STAND_IN[tag], "I", 1, 0, True))
            elif tag not in _TIFF_KEPT:
                continue
            elif isinstance(value, str):
                extra.append((tag, "s", 0, value.encode("latin-1"), True))
            elif isinstance(value, bytes):
                extra.append((tag, "B", len(value), value, True))
            elif isinstance(value, int):
                extra.append((tag, "H", 1, value, True))
    if job.xmp is not None:
        extra.append((_XMP_TAG, "B", len(job.xmp), job.xmp, True))
    _prepare()
    tifffile.imwrite(
        file,
        array,
        photometric="minisblack" if picture.gray else "rgb",
        planarconfig="contig" if array.ndim == 3 else None,
        extrasamples=None if picture.alpha is None else ["unassalpha"],
        compression="zlib",
        compressionargs={"level": 3 if picture.depth == 8 else 1},
        predictor=True,
        rowsperstrip=_BAND,
        byteorder="<",
        iccprofile=job.icc,
        resolution=job.dpi,
        resolutionunit="INCH" if job.dpi else "NONE",
        metadata=None,
        software=False,
        extratags=extra,
        maxworkers=1,
    )
    for group, values in inner.items():
        offset = file.seek(0, io.SEEK_END)
        file.write(b"\0" * (offset % 2))
        offset += offset % 2
        directory = TiffImagePlugin.ImageFileDirectory_v2(ifh=b"II*\0\x08\0\0\0", group=group)
        for tag, value in values.items():
            directory[tag] = value
        file.write(directory.tobytes(offset))
        file.seek(0)
        entry = tifffile.TiffFile(file).pages.first.tags[_STAND_IN[group]].offset
        file.seek(entry)
        file.write(struct.pack("<HHII", group, 4, 1, offset))
