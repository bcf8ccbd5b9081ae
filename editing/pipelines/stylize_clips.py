"""Repaint a clip: ``stylize``, frame by frame, as ``clips`` runs it.

Painted each by itself, frames flicker twice over: instance normalisation looks at the whole picture, so that whatever
moves anywhere changes all of it; and the network makes strokes of noise. So means and deviations are held: measured
again every ``MEASURED_EVERY`` frames, or at once where the scene is another, and neared slowly. And where nothing moved
in the steadied frames, what was painted there stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from editing import messages, runtime
from editing.clips.read import ClipHeader
from editing.costs import Estimate
from editing.errors import OptionError
from editing.networks.stylizer import Statistics
from editing.options import ClipOptions, StylizeOptions
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats, Picture, Pixels, from_float, to_float
from editing.pipelines import clips, stylize
from editing.pipelines.clips import SECONDS_PER_OUTPUT_PIXEL, ClipResult
from editing.pipelines.stylize import Held, LoadedStylizer
from editing.report import Report, silent

USUAL_STEADY = 0.5  # :attr:`ClipOptions.steady` when nobody says
MEASURED_EVERY = 8  # frames
NEARED = 0.1  # share of the way to what was measured last, each frame
OTHER_SCENE = 0.12  # mean difference of two frames, of 1, above which nothing is held any longer
LOOKED_AT = 512  # longest side at which it is looked for what moved, in pixels
_WINDOW = 2.0  # sigma of the window in which differences are judged, in pixels of that
_MOVED = (4 / 255, 8 / 255)  # from where to where the answer goes from "still" to "moved"
_STROKE = 10  # pixels of that round what moved which are painted anew, too: strokes reach as far


def steady_of(clip: ClipOptions) -> float:
    """How steady the clip is made."""
    return USUAL_STEADY if clip.steady is None else clip.steady


def recipe(options: StylizeOptions, clip: ClipOptions = ClipOptions(), *, masked: bool = False) -> dict[str, Any]:
    """What it takes to make the result again."""
    return clips.noted(stylize.recipe(options, masked=masked), steady_of(clip), clip.deinterlace)


def check(options: StylizeOptions) -> None:
    """Raise OptionError for what is not done to clips."""
    if options.optimise:
        raise OptionError(messages.CLIPS_ARE_NOT_FINE)


def estimate(header: ClipHeader, options: StylizeOptions) -> Estimate:
    """Seconds and peak memory for a clip on this machine; ``tiles`` are those of all frames."""
    check(options)
    one = stylize.estimate(header.width, header.height, options)
    pixels = one.width * one.height
    seconds = header.frames * (one.seconds * (1 + 1 / MEASURED_EVERY) + 2 * pixels * SECONDS_PER_OUTPUT_PIXEL)
    return replace(one, seconds=seconds, tiles=header.frames * one.tiles)


@runtime.heavy
def stylize_clip(
    source: Path,
    target: Path,
    options: StylizeOptions,
    clip: ClipOptions = ClipOptions(),
    *,
    mask: Mask | None = None,
    network: LoadedStylizer | None = None,
    report: Report = silent,
    strip: bool = False,
    keep_gps: bool = False,
) -> ClipResult:
    """Repaint the clip ``source`` into ``target`` as :func:`editing.pipelines.clips.run_clip` says.

    ``mask`` (H, W) says where, in every frame. ``network=None`` loads the one that ``options`` name. Raises WeightError
    and OutOfMemoryError, too.
    """
    check(options)
    steady = steady_of(clip)

    def make(header: ClipHeader, first: Picture | None) -> _Painting:
        return _Painting(header, options, network or stylize.load(options.model, options.precision), mask, steady > 0)

    return clips.run_clip(
        source, target, make, steady=steady, deinterlace=clip.deinterlace, report=report, strip=strip,
        keep_gps=keep_gps,
    )  # fmt: skip


class _Painting:
    """What paints the frames of one clip."""

    def __init__(
        self, header: ClipHeader, options: StylizeOptions, network: LoadedStylizer, mask: Mask | None, hold: bool
    ) -> None:
        self.size = header.width, header.height
        self.options, self.network, self.mask, self.hold = options, network, mask, hold
        self.code = stylize.code_of(options, network)
        self.recipe: Mapping[str, Any] = stylize.recipe(options, masked=mask is not None)
        masked = [] if mask is None else [hashlib.sha256(mask.tobytes()).hexdigest()]
        self.computed_by = [network.sha256, network.backend.device, network.backend.precision, *masked]
        self.count = 0  # frames since the last other scene
        self.held: Statistics = []
        self.measured: Statistics = []  # what is neared
        self.seen: Floats | None = None  # what was painted last at each place, as it is looked at
        self.painted: Pixels | None = None

    def __call__(self, frame: Picture, report: Report) -> Picture:
        if not self.hold:
            return stylize.stylize(frame, self.options, mask=self.mask, network=self.network, report=report)
        seen = _looked_at(frame)
        if self.seen is None or float(np.abs(seen - self.seen).mean()) > OTHER_SCENE:
            self.count, self.painted = 0, None
        self._measure(frame)
        held = Held(code=self.code, statistics=self.held)
        made = stylize.paint(frame, self.options, network=self.network, held=held, report=report)
        if self.painted is None or self.seen is None:
            self.seen, self.painted = seen, made.pixels
        else:
            moved = _moved(seen, self.seen)
            self.seen = self.seen + moved[..., None] * (seen - self.seen)
            self.painted = _mixed(self.painted, made.pixels, moved)
        self.count += 1
        return stylize.mix(frame, replace(made, pixels=self.painted), self.options, mask=self.mask)

    def _measure(self, frame: Picture) -> None:
        if self.count % MEASURED_EVERY == 0:
            self.measured = stylize.measure(frame, self.options, self.code, self.network).statistics
        share = 1.0 if self.count == 0 else NEARED
        self.held = [
            (torch.lerp(mean, to_mean, share), torch.lerp(spread, to_spread, share))
            for (mean, spread), (to_mean, to_spread) in zip(
                self.measured if self.count == 0 else self.held, self.measured, strict=True
            )
        ]

    @property
    def alone(self) -> bool:
        return not self.hold

    def state(self) -> dict[str, npt.NDArray[Any]]:
        if self.seen is None or self.painted is None:
            return {}
        found = {"count": np.array(self.count), "seen": self.seen, "painted": self.painted}
        for which, statistics in (("held", self.held), ("measured", self.measured)):
            for number, (mean, spread) in enumerate(statistics):
                found |= {f"{which}{number}mean": mean.cpu().numpy(), f"{which}{number}spread": spread.cpu().numpy()}
        return found

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        if not state:
            return
        self.held, self.measured = (
            [
                (torch.from_numpy(state[f"{which}{number}mean"]), torch.from_numpy(state[f"{which}{number}spread"]))
                for number in range(sum(key.startswith(which) for key in state) // 2)
            ]
            for which in ("held", "measured")
        )
        self.count, self.seen, self.painted = int(state["count"]), state["seen"], state["painted"]


def _looked_at(frame: Picture) -> Floats:
    """A frame, (h, w, 3) in [0, 1], small and without its finest grain."""
    factor = min(1.0, LOOKED_AT / max(frame.width, frame.height))
    size = max(1, round(frame.width * factor)), max(1, round(frame.height * factor))
    small = cv2.resize(to_float(frame.pixels), size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    small = np.repeat(small, 3 // small.shape[2], axis=2)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), _WINDOW, borderType=cv2.BORDER_REFLECT), np.float32)


def _moved(seen: Floats, before: Floats) -> Floats:
    """(h, w) in [0, 1]: 1 where it has to be painted anew."""
    difference = np.abs(seen - before).max(2)
    moved = np.asarray(np.clip((difference - _MOVED[0]) / (_MOVED[1] - _MOVED[0]), 0, 1), np.float32)
    if not moved.any():
        return moved
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _STROKE + 1, 2 * _STROKE + 1))
    wide = cv2.GaussianBlur(cv2.dilate(moved, near), (0, 0), _STROKE / 3, borderType=cv2.BORDER_REFLECT)
    return np.asarray(wide, np.float32)


def _mixed(before: Pixels, after: Pixels, moved: Floats) -> Pixels:
    """``before`` where nothing moved, ``after`` where something did."""
    if not moved.any():
        return before
    share = np.asarray(cv2.resize(moved, before.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)[..., None]
    old = to_float(before)
    return from_float(old + share * (to_float(after) - old), 8 if before.dtype == np.uint8 else 16)
