"""The Upscale tab's clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from editing import runtime
from editing.costs import Estimate
from editing.options import ClipOptions, ClipSaveOptions, UpscaleOptions
from editing.pipelines import upscale
from editing.pipelines import upscale_clips as pipeline
from editing.pipelines.clips import ClipResult
from editing.report import Report
from editing.ui import clips
from editing.ui.clips import ClipSource
from editing.ui.gradio_hacks import room
from editing.ui.handlers import COMPUTE


def estimate(source: ClipSource, options: UpscaleOptions, language: str) -> tuple[str, Estimate]:
    """The line under the settings, and what it was made of."""
    result = pipeline.estimate(source.header, options)
    return clips.estimate(source, result, language), result


def run(
    path: str, options: UpscaleOptions, clip: ClipOptions, saving: ClipSaveOptions, request: gr.Request | None,
    progress: gr.Progress,
) -> tuple[Path, ClipResult | None, float]:  # fmt: skip
    """As :func:`editing.ui.clips.run`."""

    def work(source: Path, target: Path, report: Report) -> ClipResult:
        return pipeline.upscale_clip(
            source, target, options, clip, report=report, strip=saving.strip, keep_gps=saving.keep_gps
        )

    return clips.run(path, _name(path, options, saving), work, request, progress)


def run_in(
    folder: Path, path: str, options: UpscaleOptions, saving: ClipSaveOptions, report: Report
) -> tuple[Path, ClipResult]:
    """One clip of several files, into ``folder``."""
    target = folder / _name(path, options, saving)
    with room(COMPUTE["concurrency_id"]), runtime.job():
        result = pipeline.upscale_clip(
            Path(path), target, options, report=report, strip=saving.strip, keep_gps=saving.keep_gps
        )
    return target, result


def _name(path: str, options: UpscaleOptions, saving: ClipSaveOptions) -> str:
    asked = upscale.settle(options)
    return clips.named(path, f"{asked.model}-{upscale.amount(asked)}", saving)


def run_page(
    source: ClipSource | None, options: UpscaleOptions, clip: ClipOptions, saving: ClipSaveOptions,
    request: gr.Request, progress: gr.Progress,
) -> dict[str, Any]:  # fmt: skip
    """What the stage, words and download show after a run."""
    source = clips.given(source)
    return clips.show(
        "upscale", source, *run(source.path, options, clip, saving, request, progress), request
    )  # fmt: skip


def endpoint(
    file: str | None, options: UpscaleOptions, clip: ClipOptions, saving: ClipSaveOptions, request: gr.Request,
    progress: gr.Progress,
) -> dict[str, Any]:  # fmt: skip
    """The API's answer: the file, and the facts."""
    return clips.answer(*run(clips.sent(file, request), options, clip, saving, request, progress))
