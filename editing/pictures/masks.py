"""Masks: (H, W) float32 in [0, 1], the size of their picture; 1 means change, 0 means leave alone.

There is this one kind in the whole of Atelier. A mask comes from a file, from the PNG of a brush, or from a polygon,
such as a face's outline; it leaves through :func:`blend`, whose result is bit-identical where the mask is 0.
"""

from __future__ import annotations

import binascii
import tempfile
from base64 import b64decode
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from editing import messages
from editing.errors import ImageError
from editing.pictures.picture import Picture, Pixels, to_float
from editing.pictures.read import read_picture

Mask = npt.NDArray[np.float32]
_STRIP = 256  # rows blended at once, so that a picture of 48 megapixels is never held in floats
SMALLEST_SHARE = 1e-3  # of a mask, below which nothing can be seen: less counts as 0

_NOISE = np.float32(16 / 255)  # how far compression leaves black and white where nothing is drawn
_RINGS = np.float32(70 / 255)  # ... and JPEG beside an edge: 0.26 at quality 30
_ALL_OPAQUE = 0.98  # of an alpha, beyond which it masks nothing out: a few soft corners don't make it a mask


def read(path: Path | str, height: int, width: int, *, inverted: bool = False) -> Mask:
    """The mask in a picture file, resized to (height, width); ``inverted``: 1 where the file says 0.

    A file with transparency counts by its alpha (opaque: change), any other, and one whose alpha is opaque nearly
    everywhere, by its brightness (white: change). What is nearly black counts as 0 and what is nearly white as 1, so
    that JPEG's noise is no hole; of a JPEG file that is more than of others.

    Raises ImageError when the file can't be read or is of another shape than the picture.
    """
    noise = _RINGS if Path(path).suffix.lower() in (".jpg", ".jpeg") else _NOISE
    mask = of_picture(read_picture(path), height, width)
    mask = np.clip((mask - noise) / (1 - 2 * noise), 0, 1, dtype=np.float32)
    return invert(mask) if inverted else mask


def beside(folder: Path, source: Path) -> Path:
    """The mask for the picture ``source`` in a folder of masks: that of the same name, be its ending another.

    Raises ImageError where there is none, or where several but none with the picture's own ending or ``.png``.
    """
    same = [folder / source.name, folder / f"{source.stem}.png"]
    found = [path for path in same if path.is_file()]
    if not found:
        found = sorted(path for path in folder.iterdir() if path.stem == source.stem and path.is_file())
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise ImageError(messages.SEVERAL_MASKS, folder=folder, found=names, name=source.name)
    if not found:
        raise ImageError(messages.NO_MASK_OF_THAT_NAME, folder=folder, name=source.name)
    return found[0]


def from_png(data: bytes | str, height: int, width: int) -> Mask:
    """As :func:`read`, for the bytes of a picture file or a ``data:...;base64,`` address, as a brush's canvas gives.

    Raises ImageError, which speaks of the mask: the visitor knows no file.
    """
    if isinstance(data, str):
        try:
            data = b64decode(data.partition(",")[2] if data.startswith("data:") else data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ImageError(messages.MASK_DAMAGED) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mask.png")
        path.write_bytes(data)
        try:
            picture = read_picture(path)
        except ImageError as error:
            raise ImageError(messages.MASK_DAMAGED) from error
    return of_picture(picture, height, width)


def of_picture(picture: Picture, height: int, width: int) -> Mask:
    """The mask that ``picture`` shows, resized to (height, width): by its alpha, or its brightness."""
    # A preview's sides are rounded to whole pixels: as much may the shapes differ, and a little more.
    if abs(picture.width * height - picture.height * width) > max(width, height, 0.02 * picture.width * height):
        raise ImageError(
            messages.MASK_OF_ANOTHER_SHAPE,
            mask_width=picture.width,
            mask_height=picture.height,
            width=width,
            height=height,
        )
    if picture.alpha is not None:
        alpha = to_float(picture.alpha)
        if alpha.mean() < _ALL_OPAQUE:
            return resized(alpha, height, width)
    bright = to_float(picture.pixels)
    if not picture.gray:
        bright = np.asarray(cv2.cvtColor(bright, cv2.COLOR_RGB2GRAY)[..., None], np.float32)
    return resized(bright[..., 0], height, width)


def from_polygon(points: npt.ArrayLike, height: int, width: int) -> Mask:
    """1 inside a polygon, soft within a pixel of its border; (N, 2) x and y in pixels, (0, 0) the upper left corner."""
    bits = 4  # sixteenths of a pixel
    corners = np.rint((np.asarray(points, np.float64) - 0.5) * 2**bits).astype(np.int32)
    drawn = np.zeros((height, width), np.uint8)
    cv2.fillPoly(drawn, [corners], 255, cv2.LINE_AA, bits)
    return to_float(drawn)


def resized(mask: Mask, height: int, width: int) -> Mask:
    """The mask at another size; reduced by averaging, so that no thin stroke is lost, enlarged without steps."""
    if mask.shape == (height, width):
        return mask
    smaller = height * width < mask.shape[0] * mask.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, (width, height), interpolation=how), np.float32)


def grow(mask: Mask, pixels: float) -> Mask:
    """The mask, wider by ``pixels`` on every side; narrower where negative."""
    if pixels < 0:
        return invert(grow(invert(mask), -pixels))
    if pixels == 0 or not (mask >= 0.5).any():
        return mask
    return np.asarray(np.maximum(mask, np.clip(pixels + 1 - _distance(mask), 0, 1)), np.float32)


def feather(mask: Mask, pixels: float) -> Mask:
    """The mask with an edge that fades outwards over ``pixels``; what it covered stays covered."""
    if pixels <= 0 or not (mask >= 0.5).any():
        return mask
    near = np.clip(1 - _distance(mask) / np.float32(pixels + 1), 0, 1)
    return np.asarray(np.maximum(mask, near * near * (3 - 2 * near)), np.float32)


def _distance(mask: Mask) -> Mask:
    """(H, W): how many pixels it is to the nearest one that the mask covers."""
    apart = (mask < 0.5).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(apart, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def invert(mask: Mask) -> Mask:
    """1 where the mask is 0."""
    return 1 - mask


def blend(before: Pixels, after: Pixels, mask: Mask) -> Pixels:
    """``before`` where the mask is 0, ``after`` where it is 1, both bit by bit, and a mix between.

    Both are (H, W, C) of one integer type.
    """
    if before.shape != after.shape or before.dtype != after.dtype or mask.shape != before.shape[:2]:
        raise ValueError(f"{before.shape} {before.dtype}, {after.shape} {after.dtype} and {mask.shape} don't fit")
    result: Pixels = before.copy()
    for start in range(0, len(before), _STRIP):
        rows = slice(start, start + _STRIP)
        share = mask[rows]
        inside = share > SMALLEST_SHARE
        if not inside.any():
            continue
        old, new = before[rows][inside], after[rows][inside]
        mixed = old + share[inside][:, None] * (new.astype(np.float32) - old)
        result[rows][inside] = np.rint(mixed).astype(before.dtype)
    return result
