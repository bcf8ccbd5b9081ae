"""Several pictures of one thing beside each other on one sheet, each with its name: for comparing at a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from editing import messages
from editing.messages import Message, tell
from editing.pictures import tiling
from editing.pictures.picture import Picture, Pixels

_PAPER, _INK, _FAINT = (247, 244, 238), (38, 34, 30), (110, 102, 94)  # on paper 14.3:1 and 5.2:1
_GAP = 12  # pixels between pictures, and around them
_SHAPE = 1.5  # width by height: the sheet is laid out as near to it as may be
SMALLEST = 320  # pixels: the longest side of a picture on the sheet is at least this, or its name has no room
# Where Pillow's own font has no glyph: what the usual systems have for 中文, 日本語 and 한국어, found by file name.
_WIDER_FONTS = (
    "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "SourceHanSansSC-Regular.otf", "wqy-microhei.ttc",
    "DroidSansFallbackFull.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "msyh.ttc", "YuGothM.ttc", "malgun.ttf",
)  # fmt: skip

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """A picture on the sheet; all have one shape, if not one size. ``name`` stands above it, ``note`` at the right."""

    name: str
    picture: Picture
    note: str = ""


def sheet(cells: Sequence[Cell], side: int) -> Picture:
    """The cells in order, row by row, as RGB of 8 bits, with the colour profile of the first.

    Every picture is resampled to the size of the largest, but at most ``side`` pixels at its longest, and at least
    :data:`SMALLEST`: enlarged bicubically, reduced by Lanczos. Transparent parts lie on the paper. Where the fonts
    here lack a letter of a name, its place in the order stands instead, as in "2", and the sheet's notices say so.
    """
    if not cells:
        raise ValueError("a sheet needs a picture")
    largest = max((cell.picture for cell in cells), key=lambda picture: picture.width * picture.height)
    factor = min(1.0, side / max(largest.width, largest.height))
    factor = max(factor, SMALLEST / max(largest.width, largest.height))
    width, height = (max(1, round(length * factor)) for length in (largest.width, largest.height))
    size = max(13, min(22, width // 26))
    room = size * 2  # above each picture, for its name
    columns = _columns(len(cells), width, height + room)
    rows = -(-len(cells) // columns)
    paper = Image.new(
        "RGB", (columns * (width + _GAP) + _GAP, rows * (height + room) + _GAP), _PAPER
    )  # fmt: skip
    pen = ImageDraw.Draw(paper)
    notices: list[Message] = []
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        left, top = _GAP + column * (width + _GAP), row * (height + room)
        paper.paste(Image.fromarray(_shown(cell.picture, width, height)), (left, top + room))
        name, font = cell.name, _font_for(cell.name, size)
        if font is None:
            name, font = str(number), _default(size)
            notices.append(tell(messages.NAME_NOT_WRITTEN, name=cell.name, number=number))
        middle = top + room / 2 + 1
        taken = pen.textlength(cell.note, _default(size)) + size if cell.note else 0
        pen.text((left, middle), _fitting(pen, name, font, width - taken), _INK, font, anchor="lm")
        if cell.note:
            pen.text((left + width, middle), cell.note, _FAINT, _default(size), anchor="rm")
    profile = None if cells[0].picture.gray else cells[0].picture.icc
    return Picture(pixels=np.asarray(paper), icc=profile, notices=tuple(notices))


def _columns(count: int, width: int, height: int) -> int:
    """How many stand beside each other: near ``_SHAPE``, with few places left empty."""

    def cost(columns: int) -> float:
        rows = -(-count // columns)
        return abs(math.log(columns * width / (rows * height) / _SHAPE)) + 0.4 * (rows * columns - count)

    return min(range(1, count + 1), key=cost)


def _shown(picture: Picture, width: int, height: int) -> Pixels:
    """(height, width, 3) uint8, transparent parts on the paper."""
    top = np.float32(255 if picture.depth == 8 else 65535)
    shown = _resized(picture.pixels, width, height) / top
    if picture.alpha is not None:
        # Colours weighted by their alpha, or those of unseen pixels would come through at the edges.
        alpha = picture.alpha[..., None].astype(np.float32) / top
        weighted = _resized(picture.pixels.astype(np.float32) / top * alpha, width, height)
        shown = weighted + (1 - _resized(alpha, width, height)) * (np.array(_PAPER, np.float32) / 255)
    rounded = np.rint(shown.clip(0, 1) * 255).astype(np.uint8)
    return np.repeat(rounded, 3 // rounded.shape[2], axis=2)


def _resized(pixels: npt.NDArray[np.generic], width: int, height: int) -> npt.NDArray[np.float32]:
    if width <= pixels.shape[1]:
        return tiling.resize(pixels, height, width)
    planes = [Image.fromarray(np.asarray(pixels[..., c], np.float32)) for c in range(pixels.shape[2])]
    return np.stack([np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC)) for plane in planes], 2)


def _fitting(pen: ImageDraw.ImageDraw, name: str, font: Font, room: float) -> str:
    """The name, or its beginning and end where it is too long: files differ at either."""
    if pen.textlength(name, font) <= room:
        return name
    for kept in range(len(name) - 1, 0, -1):
        short = f"{name[: (kept + 1) // 2]}…{name[len(name) - kept // 2 :]}"
        if pen.textlength(short, font) <= room:
            return short
    return "…"


@lru_cache(maxsize=8)
def _default(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(maxsize=64)
def _wider(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _font_for(name: str, size: int) -> Font | None:
    """The first font that has every letter of the name; None: none has."""
    if _has_all(_default(size), name):
        return _default(size)
    return next((font for file in _WIDER_FONTS if (font := _wider(file, size)) and _has_all(font, name)), None)


def _has_all(font: Font, text: str) -> bool:
    """Whether no letter is drawn as the box that stands for those a font lacks."""

    def drawn(letter: str) -> tuple[tuple[int, int], bytes]:
        mask = font.getmask(letter)
        return mask.size, bytes(mask)

    box = drawn("\U0010fffe")  # no letter, in no font
    return all(letter.isspace() or drawn(letter) != box for letter in set(text))
