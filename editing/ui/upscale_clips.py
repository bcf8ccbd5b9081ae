"""The Upscale tab's clips: an animated picture or a video in, the same enlarged out, or what Stop left of it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from editing import messages, runtime
from editing.clips.read import VIDEO_SUFFIXES, ClipHeader, is_clip, probe_clip
from editing.clips.write import VIDEOS, format_of, usual_suffix
from editing.costs import Estimate
from editing.errors import EditingError, ImageError, Stopped
from editing.options import ClipOptions, ClipSaveOptions, UpscaleOptions
from editing.pipelines import clips, upscale
from editing.pipelines.clips import ClipResult
from editing.report import Report
from editing.ui.handlers import as_text, duration, guarded, job, lasting_folder, owned, size_text, tell, warn
from editing.ui.translations import language_of, say

ACCEPTED = [*VIDEO_SUFFIXES, ".gif", ".webp", ".png", ".apng", ".avif"]
SHOWN_BYTES = 60_000_000  # larger results are not shown, only given for download


@dataclass(frozen=True, kw_only=True)
class ClipSource:
    """The clip in the tab."""

    path: str  # of the visitor's own
    header: ClipHeader


@guarded
def look(*, path: str | None, request: gr.Request) -> dict[str, Any]:
    """Look at a new clip: refuse it with a reason, or remember its header."""
    if not path:
        return {"source": None}
    own = _owned(path, request)
    try:
        if not is_clip(own):
            raise EditingError(messages.STILL_PICTURE)
        header = probe_clip(own)
    except EditingError as error:
        warn(error, language_of(request))
        return {"source": None, "clip": None}
    tell(header.notices, language_of(request))
    return {"source": ClipSource(path=own, header=header)}


def _owned(upload: str, request: gr.Request | None) -> str:
    """A link to the clip in a folder that is the same for the same upload: an interrupted run is found again there."""
    folder = lasting_folder(request, "clip-" + hashlib.sha256(upload.encode()).hexdigest()[:16]) / "given"
    folder.mkdir(exist_ok=True)
    return owned(upload, folder)


def estimate(source: ClipSource, options: UpscaleOptions, language: str) -> tuple[str, Estimate]:
    """The line under the settings, and what it was made of."""
    header = source.header
    result = clips.estimate(header, ClipOptions(upscale=options))
    line = say(
        "estimate_clip", language, width=header.width, height=header.height, out_width=result.width,
        out_height=result.height, frames=header.frames, seconds=duration(result.seconds),
        memory=size_text(result.memory), free=size_text(result.free),
    )  # fmt: skip
    return line, result


def run(
    path: str, options: ClipOptions, saving: ClipSaveOptions, request: gr.Request | None, progress: gr.Progress
) -> tuple[Path, ClipResult | None, float]:
    """Enlarge the clip that :func:`look` has linked; gives the file, what is said of it (None: stopped, the file is a
    part), and the seconds it took."""
    started = time.monotonic()
    folder = Path(path).parent.parent
    target = folder / _name(path, options, saving)
    result: ClipResult | None = None
    with job(request, progress, path, folder / "given") as work:
        try:
            result = clips.upscale_clip(
                Path(path), target, options, report=work.report(counting="frames"), strip=saving.strip,
                keep_gps=saving.keep_gps,
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
        raise Stopped(messages.STOPPED) from error
    return file, result, time.monotonic() - started


def run_in(
    folder: Path, path: str, options: ClipOptions, saving: ClipSaveOptions, report: Report
) -> tuple[Path, ClipResult]:
    """One clip of several files, into ``folder``."""
    target = folder / _name(path, options, saving)
    with runtime.job():
        result = clips.upscale_clip(
            Path(path), target, options, report=report, strip=saving.strip, keep_gps=saving.keep_gps
        )
    return target, result


def _name(path: str, options: ClipOptions, saving: ClipSaveOptions) -> str:
    """A name that says what was done to which clip; without a format the suffix is the clip's own, or .mp4."""
    asked = upscale.settle(options.upscale)
    amount = f"{asked.longest}px" if asked.longest else f"x{asked.scale}"
    suffix = f".{saving.format}" if saving.format else usual_suffix(Path(path)) or ".mp4"
    return f"{Path(path).stem}-{asked.model}-{amount}{suffix}"


def run_page(
    source: ClipSource | None, options: ClipOptions, saving: ClipSaveOptions, request: gr.Request,
    progress: gr.Progress,
) -> dict[str, Any]:  # fmt: skip
    """What video, animated picture, words and download show after a run."""
    language = language_of(request)
    if not source:
        raise EditingError(messages.NO_CLIP)
    file, result, seconds = run(source.path, options, saving, request, progress)
    size = file.stat().st_size
    if result is None:
        info = say("clip_stopped", language, frames=probe_clip(file).frames, total=source.header.frames)
    else:
        info = say(
            "clip_done", language, width=result.width, height=result.height, frames=result.frames,
            seconds=duration(seconds), size=size_text(size), format=format_of(file),
        )  # fmt: skip
        if result.sigma is not None:
            info += say("noise_level", language, sigma=f"{result.sigma:.1f}")
        info += "".join("<br>" + as_text(notice.to(language)) for notice in result.notices)
    video = file.suffix in VIDEOS
    shown = str(file) if size <= SHOWN_BYTES else None
    return {
        "video": gr.update(value=shown if video else None, visible=video),
        "moving": gr.update(value=None if video else shown, visible=not video),
        "info": info,
        "download": gr.update(value=str(file), interactive=True),
    }


def endpoint(
    file: str, options: ClipOptions, saving: ClipSaveOptions, request: gr.Request, progress: gr.Progress
) -> dict[str, Any]:
    """The API's answer: the file, and the facts."""
    saved, result, seconds = run(_owned(file, request), options, saving, request, progress)
    if result is None:
        raise ImageError(messages.CLIP_CUT_SHORT)
    facts = {
        "width": result.width, "height": result.height, "frames": result.frames, "length": result.seconds,
        "seconds": round(seconds, 3), "notices": [str(notice) for notice in result.notices], "recipe": result.recipe,
    }  # fmt: skip
    return {"file": str(saved), "facts": facts}
