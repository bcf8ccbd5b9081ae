"""What stands between a Gradio event and a pipeline: errors, stopping, progress, and each visitor's own folder."""

from __future__ import annotations

import functools
import html
import inspect
import logging
import shutil
import tempfile
import threading
import time
import uuid
from abc import ABCMeta
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import gradio as gr

from editing import runtime
from editing.costs import Estimate
from editing.errors import EditingError, Stopped
from editing.pictures.picture import Picture, Pixels, from_float, to_float
from editing.pictures.write import write_picture
from editing.ui.translations import language_of, say, translate

log = logging.getLogger(__name__)
Result = TypeVar("Result")

# Every heavy event of every tab: one job at a time, the rest queue (the default is one per function).
COMPUTE: dict[str, Any] = {"concurrency_id": "compute", "concurrency_limit": 1}
# For events that take no time. They go through the queue: Gradio 6.31 shows no toast for what is raised, said or warned
# of outside of it. Only Stop goes round it, which says nothing and has to come through when the queue is full.
QUICK: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}

KEPT_SECONDS = 3600  # how long a result stays on disk for its download

_stops: dict[str, threading.Event] = {}  # session -> the flag of its running job


def session_of(request: gr.Request | None) -> str:
    """The visitor's session; direct calls without one share the empty name."""
    return str(getattr(request, "session_hash", None) or "")


def request_stop(request: gr.Request) -> None:
    """Ask this visitor's job to end at its next report. Not queued, or it would wait for what it should stop."""
    flag = _stops.get(session_of(request))
    if flag:
        flag.set()


def forget(request: gr.Request) -> None:
    """The visitor left: end their job and delete their files."""
    request_stop(request)
    shutil.rmtree(_session_folder(request), ignore_errors=True)


class JobReport:
    """A pipeline's ``report``: shows steps and time left on the page, and raises Stopped once Stop was pressed."""

    def __init__(
        self, progress: gr.Progress, flag: threading.Event, language: str, prefix: str = "", *, pictures: bool = False,
        frames: bool = False, steps: bool = False,
    ) -> None:  # fmt: skip
        self.progress, self.flag, self.language, self.prefix = progress, flag, language, prefix
        self.pictures, self.frames, self.steps = pictures, frames, steps  # else tiles
        self.started, self.first, self.note = time.monotonic(), -1, ""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        if self.flag.is_set():
            raise Stopped("Stopped.")
        if note != self.note:  # another kind of step, at another pace
            self.note, self.first, self.started = note, -1, time.monotonic()
        looking, repairing, filling = (note == kind for kind in ("faces", "repair", "fill"))
        text = say(
            "progress_looking" if looking else "progress_faces" if repairing else "progress_filling" if filling
            else "progress_pictures" if self.pictures else "progress_frames" if self.frames
            else "progress_steps" if self.steps else "progress",
            self.language, done=done, total=total,
        )  # fmt: skip
        if self.first < 0:
            self.first = done  # a run that goes on from an earlier one doesn't begin at 0
        if self.first < done < total:
            left = (time.monotonic() - self.started) / (done - self.first) * (total - done)
            text += say("progress_left", self.language, left=duration(left))
        self.progress((done, total), desc=self.prefix + text)


class Job:
    """One visitor's piece of heavy work: holds the machine, can be stopped, reports progress."""

    def __init__(self, request: gr.Request | None, progress: gr.Progress) -> None:
        self.session, self.progress, self.language = session_of(request), progress, language_of(request)
        self.flag = threading.Event()

    def report(
        self, prefix: str = "", *, pictures: bool = False, frames: bool = False, steps: bool = False
    ) -> JobReport:
        return JobReport(
            self.progress, self.flag, self.language, prefix, pictures=pictures, frames=frames, steps=steps
        )  # fmt: skip


@contextmanager
def stoppable(request: gr.Request | None, progress: gr.Progress) -> Iterator[Job]:
    """A :class:`Job` that the visitor's Stop reaches, without the machine: take that for each step that computes."""
    work = Job(request, progress)
    _stops[work.session] = work.flag
    try:
        yield work
    finally:
        if _stops.get(work.session) is work.flag:
            del _stops[work.session]


@contextmanager
def job(request: gr.Request | None, progress: gr.Progress) -> Iterator[Job]:
    """Run one :class:`Job`; the visitor's Stop reaches it from here on, also while it waits for the machine.

    A handler that yields must not do so in here: Gradio runs its steps in whatever thread is free, or never runs the
    next one, and the machine would stay taken for everybody.
    """
    with stoppable(request, progress) as work, runtime.job():
        yield work


def guarded(handler: Callable[..., Result]) -> Callable[..., Result]:
    """Turn a handler's exceptions into toasts: an EditingError as it is, anything else as an id that is in the log.

    Stopped changes nothing on the page. The handler must take ``request: gr.Request`` by that name.
    """

    def failed(error: Exception, request: gr.Request | None) -> Any:
        if isinstance(error, Stopped):
            gr.Info(say("stopped", language_of(request)))
            return gr.skip()
        raise toast(error, language_of(request)) from None

    @functools.wraps(handler)
    def plain(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            return failed(error, _request_among(args, kwargs))

    @functools.wraps(handler)
    def generator(*args: Any, **kwargs: Any) -> Any:
        try:
            yield from handler(*args, **kwargs)  # type: ignore[misc]
        except Exception as error:
            yield failed(error, _request_among(args, kwargs))

    return generator if inspect.isgeneratorfunction(handler) else plain


def _request_among(args: tuple[Any, ...], kwargs: dict[str, Any]) -> gr.Request | None:
    return next((value for value in (*args, *kwargs.values()) if isinstance(value, gr.Request)), None)


def toast(error: Exception, language: str) -> gr.Error:
    """The toast for an exception; what isn't meant for users goes to the log under an id."""
    if isinstance(error, gr.Error):
        return error
    message = as_text(explain(error, language))  # quotes stay: programs read this, too
    return gr.Error(message, print_exception=False, title=say("error_title", language))


def explain(error: Exception, language: str) -> str:
    """One or two sentences about an exception, in the visitor's language."""
    if isinstance(error, EditingError):
        return translate(str(error), language)
    number = uuid.uuid4().hex[:8]
    log.error("error %s", number, exc_info=error)
    return say("error_internal", language, id=number)


def _unopened(self: gr.Image, payload: Any) -> Any:
    plain = payload is not None and payload.path and not str(payload.url or "").startswith("data:")
    return payload.path if plain else gr.Image.preprocess(self, payload)


# A gr.Image that lets our own reader judge the files: Gradio's opens them with Pillow first, and fails without a word.
# A class, since Gradio makes every visitor a new instance with each update; made round Gradio's metaclass, which would
# write a stub file beside this one. As a template it is an Image to the browser.
AnyImage: type[gr.Image] = ABCMeta.__new__(
    type(gr.Image), "AnyImage", (gr.Image,), {"__module__": __name__, "is_template": True, "preprocess": _unopened}
)


def duration(seconds: float) -> str:
    """Seconds for people: 0.4 s, 12 s, 3 min 20 s, 1 h 5 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60) if seconds >= 3600 else int(seconds // 60)
    if seconds < 3600:
        return f"{minutes} min {int(seconds % 60)} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size_text(count: float) -> str:
    """Bytes for people, in decimal units: 999 B, 1.2 MB, 35 MB."""
    unit = "B"
    for larger in ("kB", "MB", "GB"):
        if count < 999.5:
            break
        count, unit = count / 1000, larger
    return f"{count:.1f} {unit}" if count < 9.95 and unit != "B" else f"{count:.0f} {unit}"


def as_text(text: str) -> str:
    """Text for a toast or Markdown, which both take HTML: names of files may hold anything."""
    return html.escape(text, quote=False)


def memory_warning(cost: Estimate, language: str) -> str:
    """Words to put after an estimate when a run may need more memory than there is; else ""."""
    return say("estimate_memory", language) if cost.memory > cost.free + runtime.resident_memory() else ""


def preview(picture: Picture, folder: Path, side: int = 2048, suffix: str = ".png") -> Path:
    """A file in ``folder`` with a copy that any browser shows: 8 bits, at most ``side`` pixels a side."""
    factor = min(1.0, side / max(picture.width, picture.height))
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))

    def reduce(array: Pixels) -> Pixels:
        smaller = cv2.resize(array, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
        return from_float(to_float(smaller), 8)

    alpha = None if picture.alpha is None else reduce(picture.alpha)[..., 0]
    file = folder / f"preview-{uuid.uuid4().hex[:12]}{suffix}"
    write_picture(replace(picture, pixels=reduce(picture.pixels), alpha=alpha), file, strip=True)
    return file


def _root() -> Path:
    # Inside Gradio's own cache folder files are served as they are; elsewhere it would copy each of them there first.
    from gradio.utils import get_upload_folder

    return Path(get_upload_folder()) / "atelier"


def _session_folder(request: gr.Request | None) -> Path:
    # The session's name comes from the network: only a hash of it becomes a path.
    return _root() / uuid.uuid5(uuid.NAMESPACE_OID, session_of(request)).hex


def new_folder(request: gr.Request | None) -> Path:
    """A fresh folder of this visitor for one job's files. Folders older than an hour go, whoever's they were."""
    for old in _expired():
        shutil.rmtree(old, ignore_errors=True)
    parent = _session_folder(request)
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parent))


def lasting_folder(request: gr.Request | None, name: str) -> Path:
    """This visitor's folder called ``name``, for work that one job leaves to the next."""
    new_folder(request).rmdir()  # looks after the old ones
    folder = _session_folder(request) / name
    folder.mkdir(exist_ok=True)
    return folder


def _expired() -> Iterator[Path]:
    for folder in _root().glob("*/*"):
        try:
            if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                yield folder
        except OSError:  # gone meanwhile
            continue
