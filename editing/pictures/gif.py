"""GIF's blocks, walked over without decoding anything: what would take a decoder minutes is left out, or told."""

from __future__ import annotations

import io
from typing import IO

MOST_FRAMES = 200_000
MOST_PIECES = 1_000_000  # of data, up to 255 bytes each; Pillow goes from one to the next
LONGEST_COMMENTS = 1 << 20  # bytes in all; Pillow joins each 255 bytes to those before: time grows with the square
_COMMENT, _EXTENSION, _IMAGE = b"\xfe", b"\x21", b"\x2c"


def without_long_comments(file: IO[bytes]) -> IO[bytes]:
    """A GIF file as it is, or, where its comments exceed :data:`LONGEST_COMMENTS`, a copy in memory without them.

    What is damaged, or no GIF, is given back as it is: the decoder finds its own words. Standard: GIF89a.
    """
    file.seek(0)
    cuts: list[tuple[int, int]] = []
    _walk(file, cuts)
    file.seek(0)
    if sum(stop - start for start, stop in cuts) <= LONGEST_COMMENTS:
        return file
    kept, at = io.BytesIO(), 0
    for start, stop in cuts:
        kept.write(file.read(start - at))
        file.seek(stop)
        at = stop
    kept.write(file.read())
    kept.seek(0)
    return kept


def is_bounded(file: IO[bytes]) -> bool:
    """Whether a GIF has no more frames, blocks and pieces than can be gone through in some seconds."""
    file.seek(0)
    return _walk(file, [])


def _walk(file: IO[bytes], comments: list[tuple[int, int]]) -> bool:
    """Add where comments begin and end; stops at the trailer, at the file's end and at what is no block.

    Gives False where that was too far away.
    """
    frames = pieces = 0
    head = file.read(13)
    if len(head) < 13:
        return True
    _pass_palette(file, head[10])
    while kind := file.read(1):
        start = file.tell() - 1
        label = file.read(1) if kind == _EXTENSION else b""
        if kind == _IMAGE:
            frame = file.read(9)
            if len(frame) < 9:
                return True
            frames += 1
            _pass_palette(file, frame[8])
            file.read(1)  # bits of a code
        elif kind != _EXTENSION:
            return True
        while size := file.read(1):  # the data, 255 bytes at most at a time, and an empty piece
            if size == b"\0":
                break
            file.seek(size[0], io.SEEK_CUR)
            pieces += 1
            if pieces > MOST_PIECES:
                return False
        pieces += 1
        if frames > MOST_FRAMES or pieces > MOST_PIECES:
            return False
        if label == _COMMENT:
            comments.append((start, file.tell()))
    return True


def _pass_palette(file: IO[bytes], flags: int) -> None:
    if flags & 128:
        file.seek(3 << ((flags & 7) + 1), io.SEEK_CUR)
