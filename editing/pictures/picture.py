"""A decoded picture, its limits, and the arithmetic between integers and floats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from editing import messages
from editing.errors import ImageError
from editing.messages import Message, tell
from editing.settings import megapixels

Pixels = npt.NDArray[Any]  # uint8 or uint16
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Metadata:
    """What a picture's file says beside its pixels, without what was true of the stored ones only.

    ``icc`` describes the pixels, ``exif`` begins with ``Exif\\0\\0`` and its orientation is 1, ``xmp`` is the packet,
    ``text`` the comments by keyword, ``dpi`` (x, y). ``recipe`` is the one found in the file: it says how *that* file
    was made, so :func:`~editing.pictures.write.write_picture` does not repeat it by itself.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    recipe: dict[str, Any] | None = None
    notices: tuple[Message, ...] = ()

    def with_pixels(self, pixels: Pixels, alpha: Pixels | None = None) -> Picture:
        """These pixels with this beside them, be it a file's or another picture's."""
        kept = {part.name: getattr(self, part.name) for part in fields(Metadata)}
        return Picture(pixels=pixels, alpha=alpha, **kept)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture(Metadata):
    """A decoded picture, upright, with what its file said about it.

    ``pixels`` is (H, W, 1) gray or (H, W, 3) RGB, uint8 or uint16; ``alpha`` is None or (H, W) of the same dtype, and
    the colours are straight, not premultiplied.
    """

    pixels: Pixels
    alpha: Pixels | None = None

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

    @classmethod
    def open(cls, path: str | Path) -> Picture:
        """The picture in a file, by :func:`editing.pictures.read.read_picture`; raises ImageError."""
        from editing.pictures.read import read_picture  # which needs this class

        return read_picture(path)

    def save(self, path: str | Path, **how: Any) -> tuple[Message, ...]:
        """Write it by :func:`editing.pictures.write.write_picture`, which takes ``how``; gives what was not kept."""
        from editing.pictures.write import write_picture

        return write_picture(self, path, **how)


# ---- limits ----------------------------------------------------------------------------------------------------------


def input_limit() -> int:
    """The largest picture that is read, in pixels: ``ATELIER_MAX_INPUT_MP`` or 64 megapixels."""
    return megapixels("ATELIER_MAX_INPUT_MP", 64)


def output_limit() -> int:
    """The largest picture that is made, in pixels: ``ATELIER_MAX_OUTPUT_MP`` or 256 megapixels."""
    return megapixels("ATELIER_MAX_OUTPUT_MP", 256)


def check_output_size(width: int, height: int) -> None:
    """Raise ImageError if a result of ``width`` x ``height`` pixels is over the output limit."""
    if width * height > output_limit():
        raise ImageError(messages.RESULT_TOO_LARGE, size=_size(width, height), limit=output_limit() / 1e6)


def check_input_size(name: str, width: int, height: int) -> None:
    """Raise ImageError if the picture called ``name`` is empty or over the input limit."""
    if width < 1 or height < 1:
        raise ImageError(messages.NO_PIXELS, name=name, width=width, height=height)
    if width * height > input_limit():
        raise ImageError(messages.PICTURE_TOO_LARGE, name=name, size=_size(width, height), limit=input_limit() / 1e6)


def _size(width: int, height: int) -> Message:
    return tell(messages.SIZE, width=width, height=height, megapixels=width * height / 1e6)


# ---- arrays ----------------------------------------------------------------------------------------------------------

BAND = 256  # rows worked on at a time, so that temporaries stay small beside a picture of 48 megapixels


def to_float(array: Pixels) -> Floats:
    """uint8 or uint16 of any shape to float32 in [0, 1]; :func:`from_float` gives the same integers back."""
    result = array.astype(np.float32)
    result /= np.float32(np.iinfo(array.dtype).max)
    return result


def from_float(array: Floats, depth: int) -> Pixels:
    """Floats, nominally in [0, 1], to uint8 (``depth`` 8) or uint16 (16) of the same shape, clipped and rounded.

    Raises ImageError if there is a NaN: a picture of black holes is worse than none.
    """
    dtype = np.dtype(f"uint{depth}")
    result = np.empty(array.shape, dtype)
    for y in range(0, len(array), BAND):
        band = np.clip(array[y : y + BAND], 0, 1)
        if np.isnan(band).any():
            raise ImageError(messages.RESULT_NOT_NUMBERS)
        band *= np.float32(np.iinfo(dtype).max)
        result[y : y + BAND] = np.rint(band, out=band)
    return result


def to_depth(array: Pixels, depth: int) -> Pixels:
    """uint8 or uint16 in ``depth`` 8 or 16 bits, rounded; from 8 to 16 and back nothing changes."""
    if array.dtype == np.dtype(f"uint{depth}"):
        return array
    if depth == 16:
        return array.astype(np.uint16) * np.uint16(257)
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)


def reduced(array: Pixels | Floats, longest: int) -> npt.NDArray[Any]:
    """(H, W) or (H, W, C) averaged down until its longer side is at most ``longest``; of one channel, (H, W)."""
    share = min(1.0, longest / max(array.shape[:2]))
    height, width = (max(1, round(side * share)) for side in array.shape[:2])
    return np.asarray(cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA))


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
