"""What no decoder is given: files whose headers alone would cost it minutes, or gigabytes.

The decoders bound what they do with the pixels by their number, which is checked before. What stands beside the pixels
they take at its word: Pillow goes through markers, chunks and tags in Python, as many as there are; it reads each value
of a directory anew, be it the same ten megabytes under a thousand tags; libjpeg goes over the whole picture for each
scan; tifffile inflates a strip to whatever it becomes. So the structure of a file is walked over first, by offsets and
lengths alone, which takes some milliseconds for what is usual and a second at most. Nothing is decided by it but that a
file is refused: what is damaged goes on to its decoder, which finds its own words.

Decoding in a process of its own, with limits set by the system, was weighed: it costs each picture half a second or a
pool of processes, needs another way on each system, and has no words for what went wrong.
"""

from __future__ import annotations

import mmap
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from editing import messages
from editing.errors import ImageError
from editing.messages import Text
from editing.pictures import gif

if TYPE_CHECKING:
    import tifffile

LONGEST_EXIF = 4 << 20  # bytes; a camera's is of some ten thousand, with its maker's note and preview of some hundred
LONGEST_XMP = 8 << 20
MOST_CHUNKS = 250_000  # of a PNG; libpng's pixels come in pieces of 8 kB: 2 GB
MOST_MARKERS = 10_000  # of a JPEG before its pixels
MOST_FILL = 65_536  # bytes between two markers that are none
MOST_SCANS = 128  # of a progressive JPEG: 10 are usual, the most thorough optimisers make 64
MOST_SEGMENTS = 250_000  # strips or tiles of a TIFF
MOST_TAGS = 4096  # of a TIFF's directory; tifffile's own limit
LARGEST_RLE = 32 << 20  # bytes of a BMP in runs, which Pillow decodes in Python
MOST_SAMPLES = 16  # channels of a pixel of a TIFF
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_OFFSETS, _TILE_SIDES = (273, 324), (322, 323)  # tags: of strips and tiles, and the tiles' width and height
_DIRECTORIES = (0x8769, 0x8825, 0xA005)  # tags of EXIF that point to further directories
_SLACK = 1 << 16  # bytes by which the values of a directory may exceed the file: of some they overlap a little
_INFLATED_AT_ONCE = 1 << 20
_SMALL = 1 << 22  # pixels of a tile that is never too large


def check_structure(name: str, file: IO[bytes], pixels: int) -> None:
    """Raise ImageError for a file called ``name`` that would cost a decoder more than its pixels do.

    ``pixels`` is the most that a picture may have. The file is left at its start.
    """
    file.seek(0)
    head = file.read(32)
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if head.startswith(b"\x89PNG\r\n\x1a\n"):
                _png(name, data)
            elif head.startswith(b"\xff\xd8"):
                _jpeg(name, data)
            elif head.startswith((b"GIF87a", b"GIF89a")):
                _gif(name, file)
            elif head.startswith(b"BM") and head[30:31] in (b"\1", b"\2") and len(data) > LARGEST_RLE:
                raise _refused(name, messages.RLE_TOO_LONG)
            elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                _tiff(name, data, pixels)
    except (OSError, ValueError, OverflowError, IndexError, struct.error):  # cut off, or lies: its decoder finds out
        pass
    finally:
        file.seek(0)


def _refused(name: str, what: Text) -> ImageError:
    return ImageError(messages.COSTS_TOO_MUCH, name=name, what=what)


# ---- the formats -----------------------------------------------------------------------------------------------------


def _png(name: str, data: mmap.mmap) -> None:
    at, count = 8, 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"IEND":
            return
        at += 12 + length
        count += 1
        if count > MOST_CHUNKS:
            raise _refused(name, messages.TOO_MANY_CHUNKS)


def png_is_whole(data: bytes) -> bool:
    """Whether a PNG goes on to its end, and every chunk has the check sum that it says.

    libpng, which OpenCV uses, tells of those that have not on stderr.
    """
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data) or zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return False
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at = end + 4
    return False


_MARKER = re.compile(rb"\xff[^\x00\xff]")
_AFTER_PIXELS = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # FF among the pixels is followed by 0 or such a mark


def _jpeg(name: str, data: mmap.mmap) -> None:
    at, markers, scans, exif = 2, 0, 0, 0
    while True:
        found = _MARKER.search(data, at)
        if not scans and (found.start() if found else len(data)) - at > MOST_FILL:
            raise _refused(name, messages.TOO_MUCH_FILL)
        if found is None or data[found.start() + 1] == 0xD9:
            return  # what follows the end, such as further pictures of a phone's, is not decoded
        at, marker = found.end(), data[found.start() + 1]
        markers += 1
        if marker != 0x01 and not 0xD0 <= marker <= 0xD8:  # these stand alone
            (length,) = struct.unpack_from(">H", data, at)
            exif += length if marker == 0xE1 and data[at + 2 : at + 8] == b"Exif\0\0" else 0
            at += max(length, 2)
        if marker == 0xDA:
            scans += 1
            following = _AFTER_PIXELS.search(data, at)
            if following is None:
                return
            at = following.start()
        if markers > MOST_MARKERS or exif > LONGEST_EXIF:
            raise _refused(name, messages.TOO_MANY_MARKERS)
        if scans > MOST_SCANS:
            raise _refused(name, messages.TOO_MANY_SCANS)


def _gif(name: str, file: IO[bytes]) -> None:
    if not gif.is_bounded(file):
        raise _refused(name, messages.TOO_MANY_BLOCKS)


def _tiff(name: str, data: mmap.mmap, pixels: int) -> None:
    total, tile = 0, 1
    for tag, (count, length), value in _entries(data, 0, _first_directory(data), big=0x2B in (data[2], data[3])):
        total += length
        if tag in _OFFSETS and count > MOST_SEGMENTS:
            raise _refused(name, messages.TOO_MANY_SEGMENTS)
        if tag in _TILE_SIDES:
            tile *= max(value, 1)
    if total > 2 * len(data) + _SLACK:
        raise _refused(name, messages.VALUES_OVERLAP)
    if tile > max(pixels, _SMALL):
        raise _refused(name, messages.TILE_TOO_LARGE)


def _first_directory(data: bytes | mmap.mmap, base: int = 0) -> int:
    order = ">" if data[base] == 0x4D else "<"
    big = 0x2B in (data[base + 2], data[base + 3])
    (at,) = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, base + (8 if big else 4))
    return int(at)


def _entries(
    data: bytes | mmap.mmap, base: int, at: int, big: bool = False
) -> Iterator[tuple[int, tuple[int, int], int]]:
    """Of each entry of a directory its tag, (how many values, bytes of them outside the entry), and what it holds.

    Offsets count from ``base``.
    """
    order = ">" if data[base] == 0x4D else "<"
    at += base
    head, entry, size = ("Q", "HHQQ", 20) if big else ("H", "HHII", 12)
    (count,) = struct.unpack_from(order + head, data, at)
    at += struct.calcsize(order + head)
    for number in range(min(count, 65536)):
        tag, kind, values, value = struct.unpack_from(order + entry, data, at + number * size)
        if kind == 3 and values == 1 and order == ">":  # a short number lies at the left
            value >>= 48 if big else 16
        length = _SIZES.get(kind, 0) * values
        yield tag, (values, length if length > (8 if big else 4) else 0), value & 0xFFFF if kind == 3 else value


# ---- what stands beside the pixels -----------------------------------------------------------------------------------


def exif_is_bounded(exif: bytes) -> bool:
    """Whether EXIF, with or without ``Exif\\0\\0`` before it, can be read: not too long, and no value on others.

    Pillow reads each value of a directory by itself: 64 kB under 5000 tags are 300 MB.
    """
    if len(exif) > LONGEST_EXIF:
        return False
    base = 6 if exif.startswith(b"Exif\0\0") else 0
    total, seen = 0, set[int]()
    # What is cut off its reader finds out, and reads no more than there is.
    with suppress(struct.error, IndexError, OverflowError):
        found = [_first_directory(exif, base)]
        while found and len(seen) < 8:
            at = found.pop()
            for tag, (_, length), value in _entries(exif, base, at) if at not in seen else ():
                total += length
                found += [value] if tag in _DIRECTORIES else []
            seen.add(at)
    return total <= 2 * len(exif) + _SLACK


def check_page(name: str, page: tifffile.TiffPage, pixels: int) -> None:
    """Raise ImageError for a TIFF's page whose strips become more than they say, or which has no usual shape.

    What tifffile inflates grows a thousandfold; its pixels are inflated here before, in pieces, and forgotten.
    """
    if page.samplesperpixel > MOST_SAMPLES or page.imagedepth != 1:
        raise ImageError(messages.UNCOMMON_TIFF_16, name=name)
    if page.tilewidth * page.tilelength > max(pixels, _SMALL):
        raise _refused(name, messages.TILE_TOO_LARGE)
    if page.compression not in (8, 32946):
        return
    file = page.parent.filehandle
    across, down = (page.tilewidth, page.tilelength) if page.is_tiled else (page.imagewidth, page.rowsperstrip)
    most = across * min(down, max(page.imagelength, page.tilelength)) * page.samplesperpixel * 2 + _SLACK
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(offset)
        if _inflates_beyond(file.read(count), most):
            raise _refused(name, messages.INFLATES)


def _inflates_beyond(data: bytes, most: int) -> bool:
    """Whether zlib's ``data`` becomes more than ``most`` bytes; what is damaged does not."""
    if len(data) * 1040 <= most:  # deflate's best
        return False
    inflater, total = zlib.decompressobj(), 0
    try:
        while data and total <= most:
            total += len(inflater.decompress(data, _INFLATED_AT_ONCE))
            data = inflater.unconsumed_tail
    except zlib.error:
        return False
    return total > most
