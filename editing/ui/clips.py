"""Clips in a tab: an animated picture or a video in, the same done by a pipeline out, or what Stop left of it."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from editing import messages
from editing.clips.read import VIDEO_SUFFIXES, ClipHeader, check_clip, is_clip, probe_clip, read_frames
from editing.clips.write import VIDEOS, format_of, usual_suffix
from editing.costs import Estimate
from editing.errors import EditingError, ImageError, Stopped
from editing.options import ClipSaveOptions
from editing.pipelines import clips
from editing.pipelines.clips import ClipResult
from editing.report import Report
from editing.ui import links, stage
from editing.ui.gradio_hacks import by_name, room
from editing.ui.handlers import (
    COMPUTE,
    HIDDEN,
    as_text,
    duration,
    give,
    guarded,
    is_there,
    job,
    lasting_folder,
    new_folder,
    owned,
    size_text,
    tell,
    warn,
)
from editing.ui.stage import Stage
from editing.ui.translations import language_of, say

ACCEPTED = [*VIDEO_SUFFIXES, ".gif", ".webp", ".png", ".apng", ".avif"]
SHOWN_BYTES = 60_000_000  # larger animated pictures are not shown, only given for download
Work = Callable[[Path, Path, Report], ClipResult]  # does a clip into a file


@dataclass(frozen=True, kw_only=True)
class ClipSource:
    """The clip in the tab."""

    path: str  # of the visitor's own
    header: ClipHeader
    given: float  # when, by which it is told from another


def stage_of(tab: str) -> str:
    """The name of the stage that shows the clips of a tab."""
    return f"{tab}-clips"


@guarded
def look(*, path: str | None, tab: str, request: gr.Request) -> dict[str, Any]:
    """Look at a new clip: refuse it with a reason, or remember its header and lay it on the stage."""
    name = stage_of(tab)
    if not path:
        return {"source": None, "orders": stage.show_clip(name, None, "", (0, 0), sound=False)}
    own = linked(path, request)
    try:
        check_clip(own)
        header = probe_clip(own)
        still = _still(own, request)
    except EditingError as error:
        warn(error, language_of(request))
        return {"source": None, "clip": None}
    tell(header.notices, language_of(request))
    size = (header.width, header.height)
    shown = owned(own, new_folder(request))  # where links are signed: the work has a folder of fixed name
    return {
        "source": ClipSource(path=own, header=header, given=give(request, name)),
        "orders": stage.show_clip(name, shown, still, size, sound=header.sound),
    }


def connect(tab: str, clip: gr.File, source: gr.State, area: Stage) -> Any:
    """A clip that comes to ``clip`` is looked at and lies on the stage; gives the event."""

    @guarded
    def looked(*, path: str | None, request: gr.Request) -> dict[str, Any]:
        return look(path=path, tab=tab, request=request)

    outputs = {"source": source, "clip": clip, "orders": area.orders}
    return clip.change(**by_name(looked, {"path": clip}, outputs), show_progress="hidden", **HIDDEN)


def _still(path: str, request: gr.Request) -> Path:
    """A file with a clip's first frame."""
    file = new_folder(request) / "still.webp"
    frame = next(read_frames(path, []))
    Image.fromarray(frame.pixels).save(file, quality=80)
    return file


def linked(upload: str, request: gr.Request | None) -> str:
    """A link to the clip in a folder that is the same for the same upload: an interrupted run is found again there."""
    folder = lasting_folder(request, "clip-" + hashlib.sha256(upload.encode()).hexdigest()[:16]) / "given"
    folder.mkdir(exist_ok=True)
    return owned(upload, folder)


def estimate(source: ClipSource, result: Estimate, language: str) -> str:
    """The line under the settings."""
    header = source.header
    return say(
        "estimate_clip", language, width=header.width, height=header.height, out_width=result.width,
        out_height=result.height, frames=header.frames, seconds=duration(result.seconds),
        memory=size_text(result.memory), free=size_text(result.free),
    )  # fmt: skip


def named(path: str, ending: str, saving: ClipSaveOptions) -> str:
    """A name that says what was done to which clip; without a format the suffix is the clip's own, or .mp4."""
    suffix = f".{saving.format}" if saving.format else usual_suffix(Path(path)) or ".mp4"
    return f"{Path(path).stem}-{ending}{suffix}"


def run(
    path: str, name: str, work: Work, request: gr.Request | None, progress: gr.Progress, *used: str
) -> tuple[Path, ClipResult | None, float]:
    """Do the clip that :func:`look` has linked, into a file called ``name``; gives the file, what is said of it (None:
    stopped, the file is a part), and the seconds it took. The files ``used`` are kept as long."""
    started = time.monotonic()
    folder = Path(path).parent.parent
    target = folder / name
    result: ClipResult | None = None
    with room(COMPUTE["concurrency_id"]), job(request, progress, path, folder / "given", *used) as running:
        try:
            result = work(Path(path), target, running.report(counting="frames"))
        except Stopped:
            if not clips.partial(target).exists():
                raise
            target = clips.partial(target)
    # A folder for each version: a browser shows the file that it already has under an address.
    for old in folder.glob("version-*"):
        shutil.rmtree(old, ignore_errors=True)
    try:
        file = links.folder(folder, "version-") / target.name
        target.rename(file)
    except FileNotFoundError as error:  # the visitor has gone, and with them their folder
        raise Stopped(messages.STOPPED) from error
    return file, result, time.monotonic() - started


def given(source: ClipSource | None) -> ClipSource:
    """The clip that is there; raises EditingError where there is none."""
    if source is None:
        raise EditingError(messages.NO_CLIP)
    return source


def show(
    tab: str, source: ClipSource, file: Path, result: ClipResult | None, seconds: float, request: gr.Request
) -> dict[str, Any]:
    """What the stage (``played``), words and download show after a run."""
    size, language = file.stat().st_size, language_of(request)
    if result is None:
        info = say("clip_stopped", language, frames=probe_clip(file).frames, total=source.header.frames)
    else:
        info = say(
            "clip_done", language, width=result.width, height=result.height, frames=result.frames,
            seconds=duration(seconds), size=size_text(size), format=format_of(file),
        )  # fmt: skip
        sigma = result.recipe["options"].get("sigma")
        if sigma is not None:
            info += say("noise_level", language, sigma=f"{sigma:.1f}")
        info += "".join("<br>" + as_text(notice.to(language)) for notice in result.notices)
    made: dict[str, Any] = {"info": info, "download": gr.update(value=str(file), interactive=True)}
    if not is_there(request, stage_of(tab), source.given):  # another clip is there now, but hours of work are kept
        gr.Info(say("dropped", language))
        return made
    # Animated pictures are read whole before they are shown; videos are not.
    plays, header = file.suffix in VIDEOS or size <= SHOWN_BYTES, probe_clip(file)
    return made | {
        "played": stage.show_clip_result(
            stage_of(tab), file if plays else None, (header.width, header.height), sound=header.sound
        )
    }  # fmt: skip


def take(take: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """``take`` of a tab, for what comes to the stage of its clips: what moves is a clip there, pictures included."""

    @guarded
    def taken(*, given: Any, request: gr.Request) -> dict[str, Any]:
        files = given if isinstance(given, list) else [given] if given else []
        if len(files) == 1 and is_clip(files[0]):
            return {"clip": owned(files[0], new_folder(request))}
        return {"modes": gr.update(selected="one")} | take(given=given, request=request)

    return taken


def sent(file: str | None, request: gr.Request) -> str:
    """The visitor's own link to a clip sent to the API; raises EditingError where there is none."""
    if not file:
        raise EditingError(messages.NO_CLIP_SENT)
    return linked(file, request)


def answer(file: Path, result: ClipResult | None, seconds: float) -> dict[str, Any]:
    """The API's answer: the file, and the facts."""
    if result is None:
        raise ImageError(messages.CLIP_CUT_SHORT)
    facts = {
        "width": result.width, "height": result.height, "frames": result.frames, "length": result.seconds,
        "seconds": round(seconds, 3), "notices": [str(notice) for notice in result.notices], "recipe": result.recipe,
    }  # fmt: skip
    return {"file": str(file), "facts": facts}
