"""The Upscale tab's clips: an animated picture or a video in, the same enlarged out, or what Stop left of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from editing import runtime
from editing.clips.read import VIDEO_SUFFIXES, is_clip, probe_clip
from editing.clips.write import VIDEOS, format_of, usual_suffix
from editing.costs import Estimate
from editing.errors import EditingError, ImageError, Stopped
from editing.options import ClipOptions, UpscaleOptions
from editing.pipelines import clips, upscale
from editing.pipelines.clips import ClipResult
from editing.report import Report
from editing.ui.handlers import as_text, duration, explain, guarded, job, lasting_folder, size_text
from editing.ui.translations import language_of, say, translate

FORMATS = {"MP4": ".mp4", "WebM": ".webm", "WebP": ".webp", "GIF": ".gif", "APNG": ".apng"}
ACCEPTED = [*VIDEO_SUFFIXES, ".gif", ".webp", ".png", ".apng", ".avif"]
SHOWN_BYTES = 60_000_000  # larger results are not shown, only given for download


@guarded
def look(path: str | None, request: gr.Request) -> Any:
    """Look at a new clip: refuse it with a reason, or remember its header."""
    if not path:
        return None, gr.skip()
    language = language_of(request)
    try:
        if not is_clip(path):
            raise EditingError("This is a still picture, or no picture at all: give a video or an animated picture.")
        header = probe_clip(path)
    except EditingError as error:
        gr.Warning(as_text(explain(error, language)), title=say("error_title", language))
        return None, None
    for notice in header.notices:
        gr.Info(as_text(translate(str(notice), language)))
    return {"path": path, "header": header}, gr.skip()


def estimate(source: dict[str, Any], options: UpscaleOptions, language: str) -> tuple[str, Estimate]:
    """The line under the settings, and what it was made of."""
    header = source["header"]
    result = clips.estimate(header, ClipOptions(upscale=options))
    line = say(
        "estimate_clip", language, width=header.width, height=header.height, out_width=result.width,
        out_height=result.height, frames=header.frames, seconds=duration(result.seconds),
        memory=size_text(result.memory), free=size_text(result.free),
    )  # fmt: skip
    return line, result


def suffix_for(path: str, file_format: str) -> str:
    """The suffix of a format, or what the clip is saved as where nobody says."""
    if file_format in FORMATS:
        return FORMATS[file_format]
    return usual_suffix(Path(path)) or ".mp4"


def run(
    path: str, options: ClipOptions, file_format: str, strip: bool, keep_gps: bool, request: gr.Request | None,
    progress: gr.Progress,
) -> tuple[Path, ClipResult | None, float]:  # fmt: skip
    """Enlarge a clip; gives the file, what is said of it (None: stopped, the file is a part), and the seconds it took.

    One clip of one visitor has one folder, in which an interrupted run is found again.
    """
    started = time.monotonic()
    folder = lasting_folder(request, "clip-" + hashlib.sha256(path.encode()).hexdigest()[:16])
    target = folder / _name(path, options, file_format)
    result: ClipResult | None = None
    with job(request, progress) as work:
        try:
            result = clips.upscale_clip(
                Path(path), target, options, report=_keeping(folder, work.report(frames=True)), strip=bool(strip),
                keep_gps=bool(keep_gps),
            )  # fmt: skip
        except Stopped:
            if not clips.partial(target).exists():
                raise
            target = clips.partial(target)
    # A folder for each version: a browser shows the file that it already has under an address.
    for old in folder.glob("version-*"):
        shutil.rmtree(old, ignore_errors=True)
    try:
        file = Path(tempfile.mkdtemp(prefix="version-", dir=folder)) / target.name
        target.rename(file)
    except FileNotFoundError as error:  # the visitor has gone, and with them their folder
        raise Stopped("Stopped.") from error
    return file, result, time.monotonic() - started


def run_in(
    folder: Path, path: str, options: ClipOptions, saving: tuple[Any, ...], report: Report
) -> tuple[Path, ClipResult]:
    """One clip of several files, into ``folder``; ``saving`` says whether to strip metadata and to keep the place."""
    target = folder / _name(path, options, "")
    strip, keep_gps = saving
    with runtime.job():
        result = clips.upscale_clip(
            Path(path), target, options, report=_keeping(folder.parent, report), strip=strip, keep_gps=keep_gps
        )
    return target, result


def _name(path: str, options: ClipOptions, file_format: str) -> str:
    """A name that says what was done to which clip."""
    asked = upscale.settle(options.upscale)
    amount = f"{asked.longest}px" if asked.longest else f"x{asked.scale}"
    return f"{Path(path).stem}-{asked.model}-{amount}{suffix_for(path, file_format)}"


def _keeping(folder: Path, report: Report) -> Report:
    """A report that keeps the visitor's folder from being taken for an old one; clips may take hours."""

    def keep(done: int, total: int, note: str = "") -> None:
        try:
            os.utime(folder)
        except FileNotFoundError as error:  # the visitor has gone, and with them their folder
            raise Stopped("Stopped.") from error
        report(done, total, note)

    return keep


def run_page(
    source: dict[str, Any] | None, options: ClipOptions, file_format: str, strip: bool, keep_gps: bool,
    request: gr.Request, progress: gr.Progress,
) -> tuple[Any, ...]:  # fmt: skip
    """Values for video, animated picture, words and download."""
    language = language_of(request)
    if not source:
        raise EditingError(say("no_clip", language))
    file, result, seconds = run(source["path"], options, file_format, strip, keep_gps, request, progress)
    size = file.stat().st_size
    if result is None:
        header = probe_clip(file)
        info = say("clip_stopped", language, frames=header.frames, total=source["header"].frames)
    else:
        info = say(
            "clip_done", language, width=result.width, height=result.height, frames=result.frames,
            seconds=duration(seconds), size=size_text(size), format=format_of(file),
        )  # fmt: skip
        if result.sigma is not None:
            info += say("noise_level", language, sigma=f"{result.sigma:.1f}")
        info += "".join("<br>" + as_text(translate(str(notice), language)) for notice in result.notices)
    video = file.suffix in VIDEOS
    shown = str(file) if size <= SHOWN_BYTES else None
    return (
        gr.update(value=shown if video else None, visible=video),
        gr.update(value=None if video else shown, visible=not video),
        info,
        gr.update(value=str(file), interactive=True),
    )


def endpoint(
    file: str | None, options: Callable[[], ClipOptions], file_format: str, strip: bool, keep_gps: bool,
    request: gr.Request, progress: gr.Progress,
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """The API's answer: the file, and the facts."""
    if not file:
        raise EditingError("No clip was sent: give a file.")
    if file_format not in ("", *FORMATS):
        raise EditingError(f"The format is '{file_format}'; choose one of {', '.join(FORMATS)}, or none.")
    saved, result, seconds = run(file, options(), file_format, strip, keep_gps, request, progress)
    if result is None:
        raise ImageError("The clip was stopped before its end: send it again to go on.")
    return str(saved), {
        "width": result.width,
        "height": result.height,
        "frames": result.frames,
        "length": result.seconds,
        "seconds": round(seconds, 3),
        "notices": [str(notice) for notice in result.notices],
        "recipe": result.recipe,
    }
