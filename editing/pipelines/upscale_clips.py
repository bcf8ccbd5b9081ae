"""Enlarge a clip, or clean it at its own size: ``upscale``, frame by frame, as ``clips`` runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from editing import runtime
from editing.clips.read import ClipHeader
from editing.costs import Estimate
from editing.options import ClipOptions, UpscaleOptions
from editing.pictures.picture import Picture
from editing.pipelines import clips, upscale
from editing.pipelines.clips import SECONDS_PER_OUTPUT_PIXEL, ClipResult
from editing.pipelines.upscale import Upscaler
from editing.report import Report, silent


def usual_steady(model: str) -> float:
    """What :attr:`ClipOptions.steady` is when nobody says: 0.5, but 0 for models that are told how strong the noise is.

    They measure it in single frames, so that averaged ones would be cleaned too much: 1.4 dB less on a pan at 0.5.
    """
    return 0.0 if upscale.takes_sigma(model) else 0.5


def _steady(options: UpscaleOptions, clip: ClipOptions) -> float:
    return usual_steady(options.model) if clip.steady is None else clip.steady


def recipe(options: UpscaleOptions, clip: ClipOptions = ClipOptions()) -> dict[str, Any]:
    """What it takes to make the result again."""
    return clips.noted(upscale.recipe(options), _steady(options, clip), clip.deinterlace)


def estimate(header: ClipHeader, options: UpscaleOptions) -> Estimate:
    """Seconds and peak memory for a clip on this machine; ``tiles`` are those of all frames."""
    options = replace(options, model=upscale.named(options.model))  # quick for one frame is not for a clip
    one = upscale.estimate(header.width, header.height, options, alpha=header.alpha)
    seconds = header.frames * (one.seconds + one.width * one.height * SECONDS_PER_OUTPUT_PIXEL)
    return replace(one, seconds=seconds, tiles=header.frames * one.tiles)


@runtime.heavy
def upscale_clip(
    source: Path,
    target: Path,
    options: UpscaleOptions = UpscaleOptions(),
    clip: ClipOptions = ClipOptions(),
    *,
    network: Upscaler | None = None,
    report: Report = silent,
    strip: bool = False,
    keep_gps: bool = False,
) -> ClipResult:
    """Enlarge the clip ``source`` into ``target`` as :func:`editing.pipelines.clips.run_clip` says.

    ``network=None`` loads the one that ``options`` name. Raises WeightError and OutOfMemoryError, too.
    """

    def make(header: ClipHeader, first: Picture | None) -> _Enlarging:
        return _Enlarging(header, first, options, network)

    steady = _steady(upscale.settle(options, network=network), clip)
    return clips.run_clip(
        source, target, make, steady=steady, deinterlace=clip.deinterlace, report=report, strip=strip,
        keep_gps=keep_gps,
    )  # fmt: skip


class _Enlarging:
    """What enlarges the frames of one clip. What the options leave open is settled by the first, or it would flicker.

    The tile is remembered: another division into tiles changes a result by a little.
    """

    def __init__(
        self, header: ClipHeader, first: Picture | None, options: UpscaleOptions, network: Upscaler | None
    ) -> None:
        settled = upscale.settle(options, network=network)
        told = network.denoiser is not None if network else upscale.takes_sigma(settled.model)
        if told and settled.sigma is None:
            settled = upscale.settle(settled, first, network=network)
        self.options = settled
        self.network = network or upscale.load(settled.model, settled.precision)
        self.header = header
        self.size = upscale.target_size(header.width, header.height, settled, self.network)
        self.recipe: Mapping[str, Any] = upscale.recipe(settled)
        self.computed_by = self.network.sha256, self.network.backend.device, self.network.backend.precision
        self.tile = settled.tile or 0

    def __call__(self, frame: Picture, report: Report) -> Picture:
        return upscale.upscale(
            frame, replace(self.options, tile=self._settle_tile(lambda: report(0, 1))), network=self.network,
            report=report,
        )  # fmt: skip

    @property
    def alone(self) -> bool:
        return True

    def _settle_tile(self, ask: Callable[[], None] | None = None) -> int:
        size = self.header.width, self.header.height
        self.tile = self.tile or upscale.auto_tile(self.network, *size, *self.size, ask=ask)
        return self.tile

    def state(self) -> dict[str, npt.NDArray[Any]]:
        self._settle_tile()  # the same for all pieces
        return {"tile": np.array(self.tile)}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self.tile = int(state["tile"])
