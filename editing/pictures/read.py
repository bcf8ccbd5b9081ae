"""Files to pictures: every format told by its content, upright, in its own depth, with what stands beside the pixels.

Pillow decodes what it can hold. It has no 16-bit colour, so OpenCV decodes that from PNG, and tifffile from TIFF.
"""

from __future__ import annotations

import io
import re
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
from editing.pictures import boxes, colours, png
from editing.pictures.bounds import check_page, check_structure, png_is_whole
from editing.pictures.gif import without_long_comments
from editing.pictures.kinds import kind_of
from editing.pictures.picture import (
    Header,
    Metadata,
    Picture,
    Pixels,
    check_input_size,
    from_float,
    input_limit,
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
    read_iptc,
    read_text,
    read_xmp,
    upright_xmp,
    xmp_with,
)

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")  # Pillow's names
PICTURE_SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic",
    ".heif", ".hif",
)  # fmt: skip
RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_PAGES, _MOST_TAGS = 10_000, 200_000  # counted of a TIFF
_GRAY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes
_LOG, _LEVELS = threading.Lock(), list[int]()  # OpenCV's, as it was before each decode that is under way
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1"  # what brings back the HDR of an SDR picture
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
    except ValueError as error:  # a name that no file can have
        raise ImageError(messages.NOT_FOUND, name=path.name) from error
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
                if format == "GIF":
                    return opener(without_long_comments(file), "")
                if format == "PNG":
                    return opener(png.without_long_chunks(file), "")
                return _Tiff(file, "") if format == "TIFF" else opener(file, "")
    return None


def _source(name: str, file: IO[bytes]) -> Source:
    check_structure(name, file, input_limit())
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
        kind = kind_of(file)
        words = messages.NOT_A_PICTURE_BUT if kind else messages.NOT_A_PICTURE
        raise ImageError(words, name=name, kind=kind or "", readable=messages.READABLE_PICTURES)
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
    source = Source(name=name, file=file, header=header, image=image)
    place = file.tell()  # from where Pillow goes on
    if header.format == "PNG":
        source.chunks = png.look(file)
    elif header.format in ("AVIF", "HEIC"):
        source.boxes = boxes.look(file)
        if header.format == "AVIF" and source.boxes.deep and colours.is_hdr(source.boxes.code) and image.mode == "RGB":
            source.header = replace(header, depth=16)
    file.seek(place)
    return source


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
        frames=_frames(pages),
    )
    return header, page


def _frames(pages: tifffile.TiffPages) -> int:
    """How many pages are no reduced copies of others; a chain of pages that comes back to one ends there."""
    seen: set[int] = set()
    count = tags = 0
    for page in pages:
        tags += len(page.tags) if isinstance(page, tifffile.TiffPage) else 0
        if page.offset in seen or len(seen) == _MOST_PAGES or tags > _MOST_TAGS:
            break
        seen.add(page.offset)
        count += isinstance(page, tifffile.TiffPage) and not page.is_reduced
    return count or 1


def probe_picture(path: str | Path) -> Header:
    """The header of a picture file; nothing is decoded and no size limit applies. Raises ImageError."""
    path = Path(path)
    with opened_file(path) as file, _decoding(path.name):
        source = _source(path.name, file)
        _pass_pixels(source)
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
        _pass_pixels(source)
        return _metadata(source)


def _pass_pixels(source: Source) -> None:
    """Go on to the metadata that follow a PNG's pixels, such as its orientation; not of one that is not read anyway."""
    small = source.header.width * source.header.height <= input_limit()
    if small and isinstance(source.image, PngImagePlugin.PngImageFile):
        source.image.load_prepare()
        source.image.load_end()


def read_picture(path: str | Path) -> Picture:
    """Decode a picture file, whatever its suffix.

    The size is checked against :func:`input_limit` before anything is decoded. Colours other than gray and RGB become
    sRGB, by the file's profile where it has one; of an animation or several pages the first is taken, with a notice.
    HEIC of more than 8 bits gives 16, AVIF only where it is HDR, which becomes sRGB, too. Raises ImageError.
    """
    path = Path(path)
    with opened_file(path) as file, _decoding(path.name):
        source = _source(path.name, file)
        check_input_size(path.name, source.header.width, source.header.height)
        _load(source)
        channels = _upright(_decode(source), orientation_of(source, read_exif(source)))
        count = 1 if channels.shape[2] < 3 else 3
        pixels = np.ascontiguousarray(channels[..., :count])
        code = _code_of(source)
        if code is not None and colours.is_hdr(code):
            pixels = colours.to_sdr(pixels, code)
        alpha = np.ascontiguousarray(channels[..., count]) if channels.shape[2] > count else None
        return _metadata(source).with_pixels(pixels, alpha)


def _load(source: Source) -> None:
    """Have Pillow decode, which also finds truncation, and the metadata that follows the pixels."""
    if source.image is None:
        return
    try:
        source.image.load()
    except OSError:
        whole = _with_end(source) if source.header.format == "JPEG" else None
        if whole is None:
            raise
        source.image = whole
        source.notices.append(tell(messages.NO_END_MARKER))


def _with_end(source: Source) -> ImageFile.ImageFile | None:
    """A JPEG of which only the end marker is missing; None where pixels are, too.

    A decoder makes up what it misses. So what would be taken for further pixels is put after the data, with all markers
    that may stand between them: where it changes nothing, none were missing.
    """
    source.file.seek(0)
    data = source.file.read()
    further = b"".join(b"\xff%c" % marker + b"\x5a\xc3\x17" * 20 for marker in range(0xD0, 0xD8))
    found = [
        open_image(io.BytesIO(data + more + b"\xff\xd9")) for more in (b"", b"\x5a\xc3\x17" * 500 + further)
    ]  # fmt: skip
    whole, other = found
    if whole is None or other is None or whole.tobytes() != other.tobytes():
        return None
    return whole


def _code_of(source: Source) -> tuple[int, int] | None:
    """Primaries and transfer by ITU-T H.273, where the file says its colours that way."""
    if source.chunks is not None and source.chunks.cicp is not None:
        return source.chunks.cicp
    if source.boxes is not None and source.boxes.code is not None and colours.is_hdr(source.boxes.code):
        return source.boxes.code
    return colours.code_in(read_icc(source)) or (source.boxes.code if source.boxes else None)


@quiet()
def _metadata(source: Source) -> Metadata:
    notices = list(source.notices)
    if source.header.frames > 1:
        main = messages.MAIN_PICTURE if source.header.format == "HEIC" else messages.FIRST_FRAME
        notices.append(tell(main, frames=source.header.frames))
    notices += _left_in_file(source)
    icc, code = read_icc(source), _code_of(source)
    if _becomes_srgb(source):
        notices.append(tell(messages.CONVERTED_TO_SRGB, mode=source.header.mode))
        icc = None
    elif icc is not None and icc[16:20] != (b"GRAY" if _is_gray(source) else b"RGB "):
        notices.append(tell(messages.PROFILE_DROPPED))
        icc = None
    elif code is not None and colours.is_hdr(code):
        notices.append(tell(messages.HDR_TO_SDR, kind="PQ" if code[1] == colours.PQ else "HLG"))
        icc = None
    elif icc is None:
        icc = _profile_by_numbers(source, code)
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
    xmp = xmp_with(upright_xmp(read_xmp(source)), read_iptc(source))
    return Metadata(icc=icc, exif=exif_bytes, xmp=xmp, text=text, dpi=dpi, recipe=recipe, notices=tuple(notices))


def _left_in_file(source: Source) -> list[Message]:
    """What the file holds beside the picture that is used, and is known by name."""
    found = []
    xmp = read_xmp(source) or b""
    marked = any(_GAIN_MAP in data for _, data in getattr(source.image, "applist", ()))
    if marked or b"hdrgm:" in xmp or (source.boxes is not None and source.boxes.gain_map):
        found.append(tell(messages.GAIN_MAP))
    if re.search(rb"GCamera:(?:MotionPhoto|MicroVideo)\s*(?:=\s*[\"']1|>\s*1)", xmp):
        found.append(tell(messages.MOTION_PHOTO))
    if source.chunks is not None:
        kept = [*source.chunks.text, *([messages.COLOUR_PROFILE] if source.chunks.icc is not None else [])]
        found += [tell(messages.LONG_CHUNK, name=name) for name in kept]
        found += [tell(messages.LONG_CHUNK_DROPPED, name=name) for name in source.chunks.dropped]
    return found


def _profile_by_numbers(source: Source, code: tuple[int, int] | None) -> bytes | None:
    """The profile of a file that says its colours by numbers: a code, or a PNG's gamma and chromaticities."""
    gray = _is_gray(source)
    if code is not None:
        return colours.profile_of(code, gray=gray)
    chunks = source.chunks
    if chunks is None or chunks.srgb:
        return None
    return colours.made_profile(chunks.chromaticities, 1 / chunks.gamma if chunks.gamma else None, gray=gray)


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
    if source.header.format == "AVIF" and source.header.depth == 16:
        return _decode_avif16(source)
    icc = read_icc(source)
    if _becomes_srgb(source):
        return np.asarray(to_srgb(image, icc))
    has_profile = icc is not None or _profile_by_numbers(source, _code_of(source)) is not None
    return _decode_pillow(source, image, has_profile=has_profile)


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
    data = png.without_long_chunks(source.file).read()
    channels = _decode_by_opencv(data) if png_is_whole(data) else None
    if channels is None:
        raise ValueError("OpenCV can't decode this 16-bit PNG")
    # Gray with alpha is spread over four channels.
    return channels[..., [0, 3]] if data[25] == 4 else channels


def _decode_tiff16(source: Source) -> Pixels:
    page = source.page
    assert page is not None
    check_page(source.name, page, input_limit())
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


def _decode_avif16(source: Source) -> Pixels:
    """An AVIF of 10 or 12 bits. Pillow rounds to 8, which in PQ are too few; FFmpeg does not join pictures of tiles."""
    import av

    assert source.image is not None
    size = source.image.size
    with suppress(av.FFmpegError, StopIteration):
        source.file.seek(0)
        with av.open(source.file, "r", format="mov", options={"protocol_whitelist": "file"}) as container:
            frame = next(container.decode(video=0))
            if (frame.width, frame.height) == size:
                deep: Pixels = frame.to_ndarray(format="rgb48le", src_colorspace=frame.colorspace)
                return deep
    return np.asarray(source.image).astype(np.uint16) * np.uint16(257)


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
    with suppress(ImageCms.PyCMSError, OSError):
        if image.mode == "LAB":
            source = ImageCms.createProfile("LAB")
        elif icc is not None and icc[16:20] == {"CMYK": b"CMYK", "L": b"GRAY"}.get(image.mode):
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if source is not None:
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
