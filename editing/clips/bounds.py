"""Videos that FFmpeg is never given: a few hundred bytes that promise a hundred million frames.

Its reader of MP4 makes an entry of 24 bytes for each sample that a table counts, before it looks for one. Where a table
gives all samples one size, nothing but the file's own length speaks against the number.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import IO

from editing import messages
from editing.errors import ImageError

_MOST_WITHOUT_SIZE = 1_000_000  # samples of a fragment that says nothing of each of them
_MOST_BOXES = 1_000_000
_SAID_OF_EACH = 0xF00  # flags of "trun": duration, size, flags and offset stand there for each sample


def check_tables(name: str, file: IO[bytes]) -> None:
    """Raise ImageError for an MP4 or MOV whose tables count samples that it can't hold. The file is left at its start.

    Standard: ISO/IEC 14496-12, "stsz" and "trun".
    """
    file.seek(0)
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"sidx"):
                for kind, start, stop in _boxes(data):
                    _check(name, data, kind, start, stop)
    except (OSError, ValueError, struct.error):  # cut off: FFmpeg finds out
        pass
    finally:
        file.seek(0)


def _boxes(data: mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """The boxes at the top: kind, and from where to where they go."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
        size = size if size else len(data) - at
        yield kind, at, min(at + max(size, 8), len(data))
        at += max(size, 8)


def _check(name: str, data: mmap.mmap, kind: bytes, start: int, stop: int) -> None:
    if kind == b"moov":
        for at in _places(data, b"stsz", start, stop):
            size, count = struct.unpack_from(">II", data, at + 8)
            if size and size * count > len(data):
                raise ImageError(messages.TABLES_LIE, name=name, frames=count)
    if kind == b"moof":
        for at in _places(data, b"trun", start, stop):
            flags, count = struct.unpack_from(">II", data, at + 4)
            if not flags & _SAID_OF_EACH and count > _MOST_WITHOUT_SIZE:
                raise ImageError(messages.TABLES_LIE, name=name, frames=count)


def _places(data: mmap.mmap, kind: bytes, start: int, stop: int) -> Iterator[int]:
    at = data.find(kind, start, stop)
    while at >= 0:
        yield at
        at = data.find(kind, at + 4, stop)
