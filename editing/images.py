"""Files to arrays and back: orientation, colour profile, alpha, bit depth, size limits, metadata and the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]  # uint8 or uint16
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something to tell the user: a stable key for translations, and the values to fill in. ``str()`` is English."""

    key: str
    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A decoded picture, upright, with what its file said about it.

    ``pixels`` is (H, W, 1) gray or (H, W, 3) RGB, uint8 or uint16; ``alpha`` is (H, W) of the same dtype, straight.
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
    """What a file's header says, without decoding it; width and height are those after orientation."""

    format: str
    width: int
    height: int
    mode: str
    depth: int
    frames: int


def read(path: str | Path) -> Picture:
    """Decode a file."""
    raise NotImplementedError


def probe(path: str | Path) -> Header:
    """Read only the header of a file."""
    raise NotImplementedError


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
    """Encode a picture into a file; returns what could not be kept."""
    raise NotImplementedError


def to_float(array: Pixels) -> Floats:
    """Integers to float32 in [0, 1]."""
    return array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)


def from_float(array: Floats, depth: int) -> Pixels:
    """Float [0, 1] to uint8 or uint16, rounded and clipped."""
    raise NotImplementedError


def premultiply(pixels: Floats, alpha: Floats) -> Floats:
    """Colour times alpha."""
    raise NotImplementedError


def unpremultiply(pixels: Floats, alpha: Floats) -> Floats:
    """Colour divided by alpha."""
    raise NotImplementedError


def input_limit() -> int:
    """Largest input in pixels."""
    raise NotImplementedError


def output_limit() -> int:
    """Largest output in pixels."""
    raise NotImplementedError


def check_output_size(width: int, height: int) -> None:
    """Raise ImageError if a result of this size is over the limit."""
    raise NotImplementedError
