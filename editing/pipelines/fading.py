"""Fading and colour casts of old photographs, told from the picture alone and taken back.

As dyes fade and paper yellows, black becomes a light colour and white a dark one, in each channel another. So each
channel's darkest and brightest parts are spread over the whole range again ("auto levels"), and its middle is moved
towards that of the others, as far as a gray world would have it (Buchsbaum 1980), by half. A photograph of one warm
tone, such as sepia, gets its contrast back and keeps its tone; a gray one stays gray.

What is already black and white somewhere in every channel is nearly left alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from editing.pictures.masks import Mask
from editing.pictures.picture import Floats, Picture, reduced, to_float

_LOOKED_AT = 400  # pixels of the longer side at which the picture is looked at: single grains don't count
_MARGIN = 0.04  # of each side that is not looked at: the paper's border, the scanner's bed
_DARKEST, _BRIGHTEST = 0.5, 99.5  # percentiles
_BLACK, _WHITE = 0.02, 0.97  # where these come to lie, unless they lie beyond
_STRONGEST = 3.0  # times that the contrast grows at most
_LEAST = 64  # pixels to tell anything from
_ONE_TONE = 0.008  # deviation of the colours from what the brightness alone explains, in a photograph of one tone
_GRAYER = 0.5  # of the way to a gray world
_BENT = 1.3  # gamma at most


def corrected(picture: Picture, amount: float, hole: Mask | None = None) -> Picture:
    """``picture`` with ``amount``, 0 to 1, of its fading and cast taken back; 0 is the picture itself.

    Where ``hole`` (H, W) is not 0, and where it is transparent, the picture is not looked at.
    """
    seen = _seen(picture, hole)
    if amount == 0 or len(seen) < _LEAST:
        return picture
    top = np.iinfo(picture.pixels.dtype).max
    steps = np.linspace(0, 1, top + 1, dtype=np.float32)
    tables = [
        np.rint((steps + np.float32(amount) * (curve(steps) - steps)).clip(0, 1) * top).astype(picture.pixels.dtype)
        for curve in _curves(seen)
    ]
    pixels = np.stack([table[picture.pixels[..., i]] for i, table in enumerate(tables)], axis=2)
    return replace(picture, pixels=pixels)


def _seen(picture: Picture, hole: Mask | None) -> Floats:
    """(N, C) in [0, 1]: the picture's colours, a little averaged."""
    known = np.ones((picture.height, picture.width), np.float32) if picture.alpha is None else to_float(picture.alpha)
    if hole is not None:
        known = known * (hole <= 0)
    clear = reduced(known, _LOOKED_AT) > 0.99
    height, width = clear.shape
    small = reduced(picture.pixels, _LOOKED_AT).reshape(height, width, -1)
    down, across = (round(_MARGIN * side) for side in (height, width))
    inner = slice(down, height - down), slice(across, width - across)
    return to_float(small[inner][clear[inner]])


class _Curve:
    """From levels to levels, both in [0, 1]: a straight part, then a gamma."""

    def __init__(self, darkest: float, brightest: float) -> None:
        black, white = min(darkest, _BLACK), max(brightest, _WHITE)
        self.gain = min((white - black) / max(brightest - darkest, 1e-3), _STRONGEST)
        # Where the contrast may not grow so far, both ends come as near as they can.
        missing = (white - black) - self.gain * (brightest - darkest)
        self.shift = black + missing * black / max(black + 1 - white, 1e-6) - self.gain * darkest
        self.gamma = 1.0

    def __call__(self, levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        straight = np.clip(levels * np.float32(self.gain) + np.float32(self.shift), 0, 1)
        return np.asarray(straight ** np.float32(self.gamma), np.float32)


def _curves(seen: Floats) -> list[_Curve]:
    """The curve of each channel, all the same for a photograph of one tone."""
    channels = seen.shape[1]
    if channels == 1 or _of_one_tone(seen):
        return [_Curve(*np.percentile(seen.mean(1), (_DARKEST, _BRIGHTEST)))] * channels
    curves = [_Curve(*ends) for ends in np.percentile(seen, (_DARKEST, _BRIGHTEST), axis=0).T]
    middles = [float(np.mean(curve(seen[:, i]))) for i, curve in enumerate(curves)]
    goal = float(np.mean(middles))
    for curve, middle in zip(curves, middles, strict=True):
        if 0.02 < middle < 0.98 and 0.02 < goal < 0.98:
            bend = (np.log(goal) / np.log(middle)) ** _GRAYER
            curve.gamma = float(np.clip(bend, 1 / _BENT, _BENT))
    return curves


def _of_one_tone(seen: Floats) -> bool:
    """Whether the colours (N, 3) follow from the brightness and are gray or brown: any other tint is a cast."""
    red, green, blue = seen.mean(0)
    if not red >= green >= blue:
        return False
    bright = seen.mean(1)
    terms = np.stack([np.ones_like(bright), bright, bright**2], 1)
    left = seen - terms @ np.linalg.lstsq(terms, seen, rcond=None)[0]
    return bool(np.sqrt((left**2).mean()) < _ONE_TONE)
