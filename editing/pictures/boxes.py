"""What an AVIF's or HEIC's boxes say that its decoders keep to themselves (ISO/IEC 23008-12 and 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_LONGEST = 2**24  # bytes of the box that describes the file
_GAIN_MAPS = (b"hdrgainmap", b"tmap")  # Apple's auxiliary picture; the derived one of ISO 21496-1


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """``code`` is the main picture's primaries and transfer by ITU-T H.273, where it is said.

    ``deep`` is whether an AVIF has more than 8 bits.
    """

    code: tuple[int, int] | None = None
    deep: bool = False
    gain_map: bool = False


def look(file: IO[bytes]) -> Boxes:
    """The boxes of an AVIF or HEIC; what is damaged or of an unknown kind is passed over."""
    meta = _meta(file)
    try:
        said = _properties(meta)
        colours = (value for name, value in said if name == b"colr" and value[:4] == b"nclx")
        numbers = [struct.unpack_from(">HH", value, 4) for value in colours]
        return Boxes(
            code=numbers[0] if numbers else None,
            deep=any(name == b"av1C" and value[2] & 0x40 for name, value in said),
            gain_map=any(name in meta for name in _GAIN_MAPS),
        )
    except (struct.error, IndexError, KeyError):
        return Boxes()


def _meta(file: IO[bytes]) -> bytes:
    """The content of the file's "meta" box; empty where there is none."""
    start = 0
    while True:
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return b""
        size, kind = struct.unpack(">I4s", head[:8])
        inner = 8
        if size == 1 and len(head) == 16:
            (size,), inner = struct.unpack(">Q", head[8:]), 16
        if size < inner:
            return b""
        if kind == b"meta":
            file.seek(start + inner)
            return file.read(min(size - inner, _LONGEST))[4:]
        start += size


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 0
    while start + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8:
            return
        yield kind, data[start + 8 : start + size]
        start += size


def _properties(meta: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of each property of the main picture."""
    found = dict(_boxes(meta))
    if b"pitm" not in found or b"iprp" not in found:
        return []
    main = int.from_bytes(found[b"pitm"][4 : 6 if found[b"pitm"][0] == 0 else 8])
    properties = list(_boxes(dict(_boxes(found[b"iprp"]))[b"ipco"]))
    own = [
        index
        for kind, data in _boxes(found[b"iprp"])
        if kind == b"ipma"
        for item, index in _associations(data)
        if item == main and index
    ]
    return [properties[index - 1] for index in own]


def _associations(data: bytes) -> Iterator[tuple[int, int]]:
    """Item and number of each property that belongs to it, counted from 1."""
    wide_items, wide = data[0] > 0, bool(data[3] & 1)
    (count,), at = struct.unpack_from(">I", data, 4), 8
    for _ in range(count):
        size = 4 if wide_items else 2
        item = int.from_bytes(data[at : at + size])
        many, at = data[at + size], at + size + 1
        for _ in range(many):
            yield item, int.from_bytes(data[at : at + 1 + wide]) & (0x7FFF if wide else 0x7F)
            at += 1 + wide
