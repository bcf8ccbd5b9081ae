"""Any image-to-image network over any picture in bounded memory.

The picture is cut into cores that cover it exactly; the network sees each core with ``overlap`` pixels of its
surroundings. With an overlap of at least the network's receptive radius the result equals the untiled one. Where that
is impractical (RRDBNet sees 350 pixels far), neighbouring tiles are mixed over a ramp, so that no seam shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from editing import messages
from editing.errors import OutOfMemoryError
from editing.interrupt import watched
from editing.report import Report, silent
from editing.runtime import is_out_of_memory, release_memory

Floats = npt.NDArray[np.float32]
Run = Callable[[Floats], Floats]

STRIP = 256  # output rows worked on at once, where the whole would be large
SMALLEST_TILE = 32  # below this the overlap costs more memory than halving the tile saves


@dataclass(frozen=True)
class Span:
    """A stretch of one axis: the core that it writes, and the ramps by which it fades into its neighbours."""

    start: int
    stop: int
    fade_in: int  # width of the ramp centred on ``start``; 0 at the picture's edge or without blending
    fade_out: int  # the same for ``stop``

    def reach(self, size: int, overlap: int) -> tuple[int, int]:
        """The stretch the network has to see, within a picture ``size`` long."""
        return max(0, self.start - overlap), min(size, self.stop + overlap)

    def written(self) -> tuple[int, int]:
        """The stretch that is written: the core and the outer halves of its ramps."""
        return self.start - self.fade_in // 2, self.stop + self.fade_out // 2

    def weight(self, positions: Floats) -> Floats:
        """The share of this tile at ``positions`` (input pixels); the shares of all spans of an axis add up to 1."""
        share = np.ones_like(positions)
        if self.fade_in:
            share *= np.clip((positions - self.start) / self.fade_in + 0.5, 0, 1)
        if self.fade_out:
            share *= 1 - np.clip((positions - self.stop) / self.fade_out + 0.5, 0, 1)
        return share


def spans(size: int, tile: int, ramp: int = 0, align: int = 1) -> list[Span]:
    """Cut ``size`` pixels into the fewest equal stretches of at most ``tile``, with ramps between them.

    All edges but the last are multiples of ``align``, of which ``tile`` has to be one, too.
    """
    units = -(-size // align)
    count = -(-units // max(tile // align, 1))
    edges = [min(round(units * i / count) * align, size) for i in range(count + 1)]
    # A ramp may not reach into the next one, where three tiles would meet and their shares not add up to 1, nor beyond
    # the picture: the last stretch may be narrow.
    narrow = [min(ramp, one, other) // 2 * 2 for one, other in pairwise(b - a for a, b in pairwise(edges))]
    fades = [0, *narrow, 0]
    return [Span(*ends, *ramps) for ends, ramps in zip(pairwise(edges), pairwise(fades), strict=True)]


def run_tiled(
    run: Run,
    image: npt.NDArray[Any],
    *,
    scale: int,
    tile: int,
    overlap: int,
    ramp: int = 0,
    align: int = 1,
    out: npt.NDArray[Any],
    report: Report = silent,
    note: str = "",
) -> None:
    """Run a network over ``image`` tile by tile, into ``out``.

    Args:
        run: takes a stretch of ``image``, (h, w, C), and returns float32 (h * scale, w * scale, C) in [0, 1].
        image: (H, W, C), any dtype that ``run`` takes.
        scale: what the network enlarges by.
        tile: side of a core in input pixels; the network sees up to ``tile + 2 * overlap``.
        overlap: input pixels of surroundings. At least the receptive radius: the result is that of the whole image.
        ramp: width in input pixels of the mix between neighbours, at most ``2 * overlap``; 0 cuts sharply.
        align: tiles begin and end at multiples of it, as a network with strides needs to give the same everywhere;
            ``tile`` and ``overlap`` have to be multiples of it. The last tiles end where the picture does.
        out: (H', W', C) zeros, float32 for [0, 1] or uint16 for [0, 65535]; where H' and W' are not H and W times
            ``scale``, every tile is resampled (Lanczos) to its exact place.
        report: called with tiles done and in all, before the first, after each and, by networks that are interruptible,
            within each; what it raises ends the run.
        note: passed to ``report``.

    When memory runs out the tile is halved, down to ``SMALLEST_TILE``, and done anew: nothing of the failed attempt is
    in ``out``. Raises OutOfMemoryError when even the smallest tile doesn't fit.
    """
    if tile % align or overlap % align:
        raise ValueError(f"tiles of {tile} with overlap {overlap} don't fit steps of {align}")
    rows, columns = spans(image.shape[0], tile, ramp, align), spans(image.shape[1], tile, ramp, align)
    total = len(rows) * len(columns)
    limit = tile

    def bounded(region: npt.NDArray[Any]) -> Floats:
        nonlocal limit
        while True:
            try:
                if limit == tile:
                    return run(region)
                part = np.zeros((region.shape[0] * scale, region.shape[1] * scale, region.shape[2]), np.float32)
                for _ in _stitch(
                    run,
                    region,
                    part,
                    scale,
                    spans(region.shape[0], limit, ramp, align),
                    spans(region.shape[1], limit, ramp, align),
                    overlap,
                ):
                    pass
                return part
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Out of the except block: there the traceback would keep the failed tensors alive.
            release_memory()
            if limit // 2 < SMALLEST_TILE:
                raise OutOfMemoryError(messages.OUT_OF_MEMORY, side=limit)
            limit = limit // 2 // align * align

    done = 0
    report(0, total, note)
    with watched(lambda: report(done, total, note)):  # within a tile, too
        for _ in _stitch(bounded, image, out, scale, rows, columns, overlap):
            done += 1
            report(done, total, note)


def _stitch(
    run: Run,
    image: npt.NDArray[Any],
    out: npt.NDArray[Any],
    scale: int,
    rows: list[Span],
    columns: list[Span],
    overlap: int,
) -> Iterator[None]:
    """Run and write one tile at each step."""
    height, width = image.shape[:2]
    for row in rows:
        top, bottom = row.reach(height, overlap)
        for column in columns:
            left, right = column.reach(width, overlap)
            part = run(image[top:bottom, left:right])
            expected = ((bottom - top) * scale, (right - left) * scale, out.shape[2])
            if part.shape != expected:
                raise ValueError(f"the network returned {part.shape} where {expected} was expected")
            y = _Placement(row, top, height, out.shape[0])
            x = _Placement(column, left, width, out.shape[1])
            _add(out[y.start : y.stop, x.start : x.stop], _resample(part, scale, y, x), y.weight(), x.weight())
            yield


class _Placement:
    """Where a tile lies along one axis of the output, in output pixels."""

    def __init__(self, span: Span, seen: int, size: int, out_size: int) -> None:
        self.span, self.seen = span, seen
        self.step = size / out_size  # input pixels per output pixel
        first, last = span.written()
        # Output pixels whose centre lies in the written stretch: neighbours agree on who writes which.
        self.start, self.stop = (min(max(ceil(edge / self.step - 0.5), 0), out_size) for edge in (first, last))

    def weight(self) -> Floats:
        centres = (np.arange(self.start, self.stop, dtype=np.float32) + 0.5) * np.float32(self.step)
        return self.span.weight(centres)

    def box(self, scale: int, length: int) -> tuple[float, float]:
        """The written stretch in pixels of the network's output for this tile, which is ``length`` long."""
        first, last = ((edge * self.step - self.seen) * scale for edge in (self.start, self.stop))
        return max(0.0, first), min(float(length), last)


def _resample(part: Floats, scale: int, y: _Placement, x: _Placement) -> Floats:
    """Cut the written stretch out of a tile, at the output's resolution."""
    top, bottom = y.box(scale, part.shape[0])
    left, right = x.box(scale, part.shape[1])
    if (y.step * scale, x.step * scale) == (1, 1):
        return part[round(top) : round(bottom), round(left) : round(right)]
    return resize(part, y.stop - y.start, x.stop - x.start, box=(left, top, right, bottom))


def resize(
    image: npt.NDArray[Any], height: int, width: int, box: tuple[float, float, float, float] | None = None
) -> Floats:
    """Resample (H, W, C) of any dtype to float32 (height, width, C) by Lanczos (3 lobes, widened when reducing).

    ``box`` (left, top, right, bottom), which may be fractional, is the part of ``image`` that is shown; pixels around
    it still count, so that stretches resized one by one join without a seam. Values may overshoot the input's range.
    """
    out = np.empty((height, width, image.shape[2]), np.float32)
    if height and width:
        for channel in range(image.shape[2]):
            plane = Image.fromarray(np.ascontiguousarray(image[..., channel], dtype=np.float32))
            out[..., channel] = np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS, box=box))
    return out


def resized_strips(source: npt.NDArray[Any], height: int, width: int) -> Iterator[tuple[slice, Floats]]:
    """``source`` resized by Lanczos to (height, width), ``STRIP`` rows at a time."""
    step = source.shape[0] / height
    margin = int(np.ceil(3 * max(step, 1))) + 1  # the filter's reach
    for start in range(0, height, STRIP):
        stop = min(start + STRIP, height)
        first, last = max(0, int(start * step) - margin), min(source.shape[0], int(np.ceil(stop * step)) + margin)
        box = (0.0, start * step - first, float(source.shape[1]), min(stop * step - first, float(last - first)))
        yield slice(start, stop), resize(source[first:last], stop - start, width, box=box)


def _add(out: npt.NDArray[Any], part: Floats, down: Floats, across: Floats) -> None:
    """Add a tile, weighted by its shares along both axes, to its place in the output."""
    if out.dtype == np.uint16:
        part = np.clip(part, 0, 1) * np.float32(65535)
    if down.size and across.size and down.min() == 1 == across.min():  # no other tile writes here
        out[...] = np.rint(part, out=part) if out.dtype == np.uint16 else part
        return
    part = part * (down[:, None, None] * across[None, :, None])
    if out.dtype == np.uint16:
        # Rounded shares may add up to 65536, which would wrap to black.
        out[...] = np.minimum(out.astype(np.float32) + np.rint(part), 65535)
    else:
        out += part


def largest_tile(memory: float, bytes_per_pixel: float, overlap: int, *, most: int = 256) -> int:
    """The side of the largest tile, at most ``most``, whose work with its overlap fits into ``memory`` bytes."""
    side = int((max(memory, 0) / bytes_per_pixel) ** 0.5) - 2 * overlap
    return max(SMALLEST_TILE, min(most, side // 16 * 16))
