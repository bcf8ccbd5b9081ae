"""What Pillow does not tell of a PNG: chunks that it finds too long, and which colours the numbers mean.

The chunks are those of "Portable Network Graphics (PNG) Specification (Third Edition)", W3C 2025.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

_LONG = 2**20  # bytes of a text or profile that Pillow, and many others, refuse when they were compressed
_LONGEST = 2**24  # that are kept
_COMPRESSED = (b"iCCP", b"zTXt", b"iTXt")
_COLOURS = (b"cICP", b"gAMA", b"cHRM", b"sRGB")


@dataclass(kw_only=True)
class Chunks:
    """What stands in a PNG's chunks."""

    cicp: tuple[int, int] | None = None  # primaries and transfer by ITU-T H.273
    gamma: float | None = None  # of the file: 1/2.2 for most
    chromaticities: tuple[float, ...] | None = None  # x and y of white, red, green and blue
    srgb: bool = False
    icc: bytes | None = None  # this and the texts are those that are too long for others
    text: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)  # names of what is longer still
    places: list[tuple[int, int]] = field(default_factory=list)  # where the long ones lie in the file


def look(file: IO[bytes]) -> Chunks:
    """The chunks of a PNG; what is damaged is passed over. The file is left anywhere."""
    found = Chunks()
    for start, kind, length in _chunks(file):
        if kind in _COLOURS and length <= 32:
            _colours(found, kind, file.read(length))
        elif kind in _COMPRESSED and length < _LONGEST:
            _long(found, kind, file.read(length), (start, start + length + 12))
    return found


def without_long_chunks(file: IO[bytes]) -> IO[bytes]:
    """The PNG as decoders take it: the file itself, or a copy in memory without what is too long for them."""
    places = look(file).places
    file.seek(0)
    if not places:
        return file
    data, kept, end = file.read(), [], 0
    for start, after in places:
        kept.append(data[end:start])
        end = after
    return io.BytesIO(b"".join([*kept, data[end:]]))


def _chunks(file: IO[bytes]) -> Iterator[tuple[int, bytes, int]]:
    """Place, kind and length of each chunk; the file stands at its data."""
    start = 8
    while True:
        file.seek(start)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length, kind = struct.unpack(">I4s", head)
        yield start, kind, length
        start += length + 12


def _colours(found: Chunks, kind: bytes, data: bytes) -> None:
    if kind == b"cICP" and len(data) == 4:
        found.cicp = (data[0], data[1])
    elif kind == b"gAMA" and len(data) == 4:
        found.gamma = struct.unpack(">I", data)[0] / 100_000 or None
    elif kind == b"cHRM" and len(data) == 32:
        found.chromaticities = tuple(value / 100_000 for value in struct.unpack(">8I", data))
    elif kind == b"sRGB":
        found.srgb = True


def _long(found: Chunks, kind: bytes, data: bytes, place: tuple[int, int]) -> None:
    name, _, rest = data.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return
        rest = b"\0" + rest[2:].split(b"\0", 2)[-1]  # after the method, the language and the keyword in it
    unpacker = zlib.decompressobj()
    try:
        value = unpacker.decompress(rest[1:], _LONG)
        if not unpacker.unconsumed_tail:
            return
        value += unpacker.decompress(unpacker.unconsumed_tail, _LONGEST)
    except zlib.error:
        return
    found.places.append(place)
    keyword = name.decode("latin-1")
    if unpacker.unconsumed_tail:
        found.dropped.append(keyword)
    elif kind == b"iCCP":
        found.icc = value
    else:
        found.text[keyword] = value.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")
