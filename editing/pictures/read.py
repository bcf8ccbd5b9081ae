"""Files to pictures: every format told by its content, upright, in its own depth, with what stands beside the pixels.

Pillow decodes what it can hold. It has no 16-bit colour, so OpenCV decodes that from PNG, and tifffile from TIFF.
"""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import pillow_heif
import tifffile
from PIL import Image, ImageCms, ImageFile, PngImagePlugin, TiffImagePlugin

from editing import messages
from editing.errors import EditingError, ImageError, OutOfMemoryError
from editing.messages import Message, tell
from editing.pictures.picture import (
    Header,
    Metadata,
    Picture,
    Pixels,
    check_input_size,
    from_float,
    to_float,
    unpremultiply,
)
from editing.pictures.tags import (
    DNG_VERSION,
    IMAGE_HISTORY,
    ORIENTATION,
    SUB_IFDS,
    Source,
    orientation_of,
    pack_exif,
    parse_recipe,
    prepare,
    quiet,
    read_dpi,
    read_exif,
    read_icc,
    read_text,
    read_xmp,
    upright_xmp,
)

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")  # Pillow's names
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_GRAY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes
_LOG, _LEVELS = threading.Lock(), list[int]()  # OpenCV's, as it was before each decode that is under way
_NOT_OPENED = {
    FileNotFoundError: messages.NOT_FOUND,
    NotADirectoryError: messages.NOT_FOUND,
    IsADirectoryError: messages.IS_A_FOLDER,
    PermissionError: messages.NOT_READABLE,
}


@contextmanager
def opened_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that is not empty; raises ImageError under its bare name where it can't be opened."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ImageError(_NOT_OPENED.get(type(error), messages.DAMAGED), name=path.name) from error
    with file:
        if not file.read(1):
            raise ImageError(messages.EMPTY_FILE, name=path.name)
        file.seek(0)
        yield file


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Every failure of a decoder told as ImageError."""
    try:
        yield
    except EditingError:
        raise
    except MemoryError as error:
        raise OutOfMemoryError(messages.TOO_LARGE_FOR_MEMORY, name=name) from error
    except Exception as error:  # decoders meet a damaged file with nearly every exception that Python has
        raise ImageError(messages.DAMAGED, name=name) from error


class _Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's as it is stored, without its size limit, which it asks once more after the header."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size, None).im
        super().load_prepare()

    def load_end(self) -> None:
        self._size = self._tile_size  # Pillow would read EXIF again, with remarks, and turn the picture


@quiet()
def open_image(file: IO[bytes]) -> ImageFile.ImageFile | None:
    """A picture of a known format, its header read; None for other files.

    As ``Image.open``, but for its limit, a number of the whole process that others may rely on: it raises only at
    twice that number, and is not the user's, which is checked before anything is decoded.
    """
    prepare()
    Image.preinit()
    head = file.read(16)
    for format in _FORMATS:
        if format not in Image.OPEN:
            Image.init()
        opener, accepts = Image.OPEN[format]
        if accepts is None or accepts(head) is True:  # text says that Pillow was built without this format
            file.seek(0)
            with suppress(SyntaxError, IndexError, TypeError, struct.error):  # what Image.open passes over
                return _Tiff(file, "") if format == "TIFF" else opener(file, "")
    return None


def _source(name: str, file: IO[bytes]) -> Source:
    head = file.read(32)
    file.seek(0)
    tiff = _tiff_header(name, file, head) if head[:4] in _TIFF_MAGIC else None
    if tiff is not None and tiff[0].depth == 16 and tiff[1].photometric in (0, 1, 2):
        return Source(name=name, file=file, header=tiff[0], page=tiff[1])
    file.seek(0)
    image = open_image(file)
    if image is None:
        if tiff is not None:
            raise ImageError(messages.UNCOMMON_TIFF, name=name)
        raise ImageError(messages.NOT_A_PICTURE, name=name, readable=messages.READABLE_PICTURES)
    if tiff is not None:
        return Source(
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
    return Source(name=name, file=file, header=header, image=image)


def _tiff_header(name: str, file: IO[bytes], head: bytes) -> tuple[Header, tifffile.TiffPage]:
    prepare()
    pages = tifffile.TiffFile(file).pages
    page = pages.first
    if head[8:10] == b"CR" or DNG_VERSION in page.tags or (page.is_reduced and SUB_IFDS in page.tags):
        # What Pillow would find in there is the small preview.
        raise ImageError(messages.CAMERA_RAW, name=name)
    if page.sampleformat != 1 or page.bitspersample not in (1, 2, 4, 8, 16):
        kinds = {1: messages.UNSIGNED, 2: messages.SIGNED, 3: messages.FLOATING_POINT}
        kind = kinds.get(page.sampleformat, messages.OTHER_VALUES)
        raise ImageError(messages.TIFF_OF_OTHER_VALUES, name=name, kind=kind, bits=page.bitspersample)
    header = Header(
        format="TIFF",
        width=page.imagewidth,
        height=page.imagelength,
        mode=("L", "LA", "RGB", "RGBA")[min(page.samplesperpixel, 4) - 1],
        depth=16 if page.bitspersample == 16 else 8,
        frames=sum(not other.is_reduced for other in pages if isinstance(other, tifffile.TiffPage)) or 1,
    )
    return header, page


def probe_picture(path: str | Path) -> Header:
    """The header of a picture file; nothing is decoded and no size limit applies. Raises ImageError.

    An orientation that a PNG keeps behind its pixels is not seen here, only by the other two.
    """
    path = Path(path)
    with opened_file(path) as file, _decoding(path.name):
        source = _source(path.name, file)
        header = source.header
        if orientation_of(source, read_exif(source)) in (5, 6, 7, 8):
            return replace(header, width=header.height, height=header.width)
        return header


def read_metadata(path: str | Path) -> Metadata:
    """What :func:`read_picture` gives beside the pixels, which are not decoded. Raises ImageError.

    For 12 megapixels it takes 1 to 14 ms, where decoding them takes 270 to 730.
    """
    path = Path(path)
    with opened_file(path) as file, _decoding(path.name):
        source = _source(path.name, file)
        check_input_size(path.name, source.header.width, source.header.height)
        if isinstance(source.image, PngImagePlugin.PngImageFile):
            source.image.load_prepare()
            source.image.load_end()  # passes over the pixels, to the metadata that follows them
        return _metadata(source)


def read_picture(path: str | Path) -> Picture:
    """Decode a picture file, whatever its suffix.

    The size is checked against :func:`input_limit` before anything is decoded. Colours other than gray and RGB become
    sRGB, by the file's profile where it has one; of an animation or several pages the first is taken, with a notice.
    HEIC of more than 8 bits gives 16, AVIF always gives 8. Raises ImageError.
    """
    path = Path(path)
    with opened_file(path) as file, _decoding(path.name):
        source = _source(path.name, file)
        check_input_size(path.name, source.header.width, source.header.height)
        if source.image is not None:
            source.image.load()  # also finds truncation, and the metadata that follows the pixels
        channels = _upright(_decode(source), orientation_of(source, read_exif(source)))
        colours = 1 if channels.shape[2] < 3 else 3
        return _metadata(source).with_pixels(
            np.ascontiguousarray(channels[..., :colours]),
            np.ascontiguousarray(channels[..., colours]) if channels.shape[2] > colours else None,
        )


@quiet()
def _metadata(source: Source) -> Metadata:
    notices: list[Message] = []
    if source.header.frames > 1:
        notices.append(tell(messages.FIRST_FRAME, frames=source.header.frames))
    icc = read_icc(source)
    if _becomes_srgb(source):
        notices.append(tell(messages.CONVERTED_TO_SRGB, mode=source.header.mode))
        icc = None
    elif icc is not None and icc[16:20] != (b"GRAY" if _is_gray(source) else b"RGB "):
        notices.append(tell(messages.PROFILE_DROPPED))
        icc = None
    exif, exif_bytes, recipe = read_exif(source), None, None
    dpi = read_dpi(source, exif)
    if dpi and orientation_of(source, exif) in (5, 6, 7, 8):
        dpi = dpi[::-1]
    if exif is not None:
        recipe = parse_recipe(exif.pop(IMAGE_HISTORY, None), wrapped=True)
        if ORIENTATION in exif:
            exif[ORIENTATION] = 1
        try:
            exif_bytes = pack_exif(exif) if len(exif) else None
        except Exception:  # Pillow's writer stumbles over values that its reader let pass
            notices.append(tell(messages.EXIF_UNREADABLE))
    text = read_text(source)
    recipe = parse_recipe(text.pop("atelier", None)) or recipe
    xmp = upright_xmp(read_xmp(source))
    return Metadata(icc=icc, exif=exif_bytes, xmp=xmp, text=text, dpi=dpi, recipe=recipe, notices=tuple(notices))


def _becomes_srgb(source: Source) -> bool:
    return source.image is not None and source.image.mode in ("CMYK", "LAB")


def _is_gray(source: Source) -> bool:
    """Whether the pixels come out gray; a palette of grays does so only where no profile says otherwise."""
    if source.image is None:
        return source.page is not None and source.page.photometric != 2
    return source.image.mode in _GRAY


def _decode(source: Source) -> Pixels:
    """The channels (H, W, 1 to 4) as stored."""
    image = source.image
    if image is None:
        return _decode_tiff16(source)
    if source.header.format == "PNG" and source.header.depth == 16 and image.mode != "I;16":
        return _decode_png16(source)
    if source.header.format == "HEIC" and source.header.depth == 16:
        return _decode_heic16(source)
    icc = read_icc(source)
    if _becomes_srgb(source):
        return np.asarray(to_srgb(image, icc))
    return _decode_pillow(source, image, has_profile=icc is not None)


def _decode_pillow(source: Source, image: Image.Image, *, has_profile: bool) -> Pixels:
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
        raise ImageError(messages.OTHER_COLOURS, name=source.name, kind=image.mode)
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


@contextmanager
def _without_opencv_s_log() -> Iterator[None]:
    """OpenCV tells of damage in lines on stderr. Its level is the process's: the last decode to end restores it."""
    log: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 5 and 4
    with _LOG:
        _LEVELS.append(_LEVELS[0] if _LEVELS else log.getLogLevel())
        log.setLogLevel(0)
    try:
        yield
    finally:
        with _LOG:
            level = _LEVELS.pop()
            if not _LEVELS:
                log.setLogLevel(level)


def _decode_by_opencv(data: bytes) -> Pixels | None:
    """16-bit gray, RGB or RGBA (H, W, C) of a PNG or TIFF; None where OpenCV can't."""
    with _without_opencv_s_log():
        channels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if channels is None or channels.dtype != np.uint16:
        return None
    if channels.ndim == 2:
        channels = channels[..., None]
    return np.asarray(channels[..., [[0], [], [2, 1, 0], [2, 1, 0, 3]][channels.shape[2] - 1]])


def _decode_png16(source: Source) -> Pixels:
    source.file.seek(0)
    data = source.file.read()
    channels = _decode_by_opencv(data)
    if channels is None:
        raise ValueError("OpenCV can't decode this 16-bit PNG")
    # Gray with alpha is spread over four channels.
    return channels[..., [0, 3]] if data[25] == 4 else channels


def _decode_tiff16(source: Source) -> Pixels:
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


def _decode_tiff_by_opencv(source: Source) -> Pixels:
    source.file.seek(0)
    data = io.BytesIO(source.file.read())
    with tifffile.TiffFile(data, mode="r+") as tiff:
        if ORIENTATION in tiff.pages.first.tags:  # else OpenCV turns the picture by itself
            tiff.pages.first.tags[ORIENTATION].overwrite(1)
    channels = _decode_by_opencv(data.getvalue())
    if channels is None:
        raise ImageError(messages.UNCOMMON_TIFF_16, name=source.name)
    return channels


def _decode_heic16(source: Source) -> Pixels:
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


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
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
