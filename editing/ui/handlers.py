"""What stands between a Gradio event and a pipeline: errors, stopping, progress, and each visitor's own folder."""

from __future__ import annotations

import functools
import html
import inspect
import logging
import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import cv2
import gradio as gr

from editing import messages, runtime
from editing.costs import Estimate
from editing.errors import EditingError, OptionError, Stopped
from editing.messages import Message, without_folders
from editing.options import UpscaleOptions, spec_of
from editing.pictures.picture import Picture, Pixels, from_float, to_float
from editing.pictures.write import write_picture
from editing.ui import budget, links
from editing.ui.gradio_hacks import arrival, files_folder
from editing.ui.translations import language_of, say
from editing.weights.catalogue import Weight
from editing.weights.find import find_weight

log = logging.getLogger(__name__)
Result = TypeVar("Result")

# Every heavy event of every tab: one job at a time, the rest queue (the default is one per function).
COMPUTE: dict[str, Any] = {"concurrency_id": "compute", "concurrency_limit": 1}
# For events that take no time. They go through the queue: Gradio 6.31 shows no toast for what is raised, said or warned
# of outside of it. Only Stop goes round it, which says nothing and has to come through when the queue is full.
QUICK: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
# For all events but the API's own.
HIDDEN: dict[str, Any] = {"api_visibility": "private"}
# For what follows a dial from the last result, without a network: the newest position counts.
MIXING: dict[str, Any] = {
    "show_progress": "minimal", "trigger_mode": "always_last", "concurrency_id": "mix", "concurrency_limit": 2, **HIDDEN
}  # fmt: skip

KEPT_SECONDS = 3600  # how long a result stays on disk for its download
_SWEPT_EVERY = 600  # seconds
_BEGAN = time.time(), time.monotonic()

_stopped: dict[str, float] = {}  # session -> when Stop was pressed last, by time.perf_counter()
_given: dict[tuple[str, str], float] = {}  # session and tab -> when the picture that is there now was given


_laid: dict[tuple[str, str], Path] = {}  # session and tab -> the mask file that was laid on the picture there


_asked: dict[tuple[str, str], float] = {}  # session and handler -> when it was asked last, for :func:`newest`


def session_of(request: gr.Request | None) -> str:
    """The visitor's session; direct calls without one share the empty name."""
    return str(getattr(request, "session_hash", None) or "")


def request_stop(request: gr.Request) -> None:
    """End all that this visitor has asked for until now: what runs at its next report, what waits when its turn comes.

    Not queued, or it would wait for what it should stop.
    """
    now = time.perf_counter()
    for session, when in list(_stopped.items()):
        if now - when > 24 * KEPT_SECONDS:
            _stopped.pop(session, None)
    _stopped[session_of(request)] = now


def was_stopped(session: str, arrived: float) -> bool:
    """Whether Stop was pressed after a job of this session had come, by ``time.perf_counter()``."""
    return _stopped.get(session, -math.inf) >= arrived


def forget(request: gr.Request) -> None:
    """The visitor left: end their jobs and delete their files."""
    request_stop(request)
    for kept in (_given, _laid, _asked):
        for key in [key for key in list(kept) if key[0] == session_of(request)]:
            kept.pop(key, None)
    shutil.rmtree(_session_folder(request), ignore_errors=True)


def give(request: gr.Request, tab: str) -> float:
    """Another picture, or none, is in this visitor's tab; gives when it came, by which it is known."""
    _given[session_of(request), tab] = came = arrival(request)
    _laid.pop((session_of(request), tab), None)
    return came


def lay(request: gr.Request, tab: str, mask: Path) -> None:
    """A mask as large as the picture was laid on it in this visitor's tab; it stays until another picture comes."""
    _laid[session_of(request), tab] = mask


def laid(request: gr.Request, tab: str) -> Path | None:
    """The mask of :func:`lay`, where its file is still there."""
    file = _laid.get((session_of(request), tab))
    return file if file and file.exists() else None


def is_there(request: gr.Request, tab: str, given: float) -> bool:
    """Whether the picture given to the tab at that time is still the one there."""
    return _given.get((session_of(request), tab)) == given


class Job:
    """One visitor's piece of heavy work: can be stopped, reports progress, keeps the files that it uses."""

    def __init__(self, request: gr.Request | None, progress: gr.Progress, *used: str | Path) -> None:
        self.session, self.progress, self.language = session_of(request), progress, language_of(request)
        self.arrived, self.used, self.visitor = arrival(request), used, budget.visitor_of(request)

    def check(self) -> None:
        """Raise Stopped once Stop was pressed, or the visitor has left."""
        if was_stopped(self.session, self.arrived):
            raise Stopped(messages.STOPPED)
        with suppress(FileNotFoundError):  # whoever reads it says so
            keep(*self.used)

    def report(self, prefix: str = "", *, counting: Counted = "tiles") -> JobReport:
        """A ``report`` for a pipeline, whose steps are ``counting``."""
        return JobReport(self, prefix, counting)


PACE = 0.5  # seconds between two reports: Gradio's page takes up to 0.3 s of a core for each, and falls behind


class JobReport:
    """A pipeline's ``report``: shows steps and time left on the page, and raises Stopped once Stop was pressed."""

    def __init__(self, work: Job, prefix: str, counting: Counted) -> None:
        self.work, self.prefix, self.counting = work, prefix, counting
        self.started, self.first, self.note = time.monotonic(), -1, ""
        self.told = 0.0  # when the page last heard of it

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self.work.check()
        if note != self.note:  # another kind of step, at another pace
            self.note, self.first, self.started, self.told = note, -1, time.monotonic(), 0.0
        if 0 < done < total and self.first >= 0 and time.monotonic() < self.told + PACE:
            return
        key = _PROGRESS.get(note) or _PROGRESS[self.counting]
        text = say(key, self.work.language, done=done, total=total)
        if self.first < 0:
            self.first = done  # a run that goes on from an earlier one doesn't begin at 0
        if self.first < done < total:
            left = (time.monotonic() - self.started) / (done - self.first) * (total - done)
            text += say("progress_left", self.work.language, left=duration(left))
        self.work.progress((done, total), desc=self.prefix + text)
        self.told = time.monotonic()


# What a pipeline counts, by its note, else by what the handler says.
Counted = Literal["tiles", "pictures", "frames", "steps", "networks"]
_PROGRESS = {
    "faces": "progress_looking", "repair": "progress_faces", "fill": "progress_filling",
    "damage": "progress_damage", "clean": "progress_clean", "enlarge": "progress_enlarge",
    "tiles": "progress", "pictures": "progress_pictures", "frames": "progress_frames", "steps": "progress_steps",
    "networks": "progress_networks",
}  # fmt: skip


@contextmanager
def stoppable(request: gr.Request | None, progress: gr.Progress, *used: str | Path) -> Iterator[Job]:
    """A :class:`Job` without the machine: take that for each step that computes.

    Raises Stopped at once where Stop was pressed while it waited, and EditingError for a visitor whose budget is spent.
    The files ``used`` are kept as long as it reports.
    """
    work = Job(request, progress, *used)
    work.check()
    with budget.charged(work.visitor):
        yield work


@contextmanager
def job(request: gr.Request | None, progress: gr.Progress, *used: str | Path) -> Iterator[Job]:
    """Run one :class:`Job`; the visitor's Stop reaches it from here on, also while it waits for the machine.

    A handler that yields must not do so in here: Gradio runs its steps in whatever thread is free, or never runs the
    next one, and the machine would stay taken for everybody.
    """
    work = Job(request, progress, *used)
    work.check()
    budget.check(work.visitor)
    with runtime.job(), budget.charged(work.visitor):
        work.check()
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


def newest(handler: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Of one visitor's calls only the one that came last changes the page, in whatever order they end.

    For estimates: that of a model which has to be measured first ends after that of the picture given meanwhile.
    """
    name = f"{handler.__module__}.{handler.__qualname__}"

    @functools.wraps(handler)
    def asked(*, request: gr.Request, **given: Any) -> dict[str, Any]:
        key, came = (session_of(request), name), arrival(request)
        _asked[key] = max(came, _asked.get(key, came))
        answer = handler(request=request, **given)
        return answer if _asked.get(key, came) <= came else {}

    return asked


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
        return without_folders(error.message).to(language)
    number = uuid.uuid4().hex[:8]
    log.error("error %s", number, exc_info=error)
    return say("error_internal", language, id=number)


def warn(error: Exception, language: str) -> None:
    """A toast about what was given, where the handler goes on."""
    gr.Warning(as_text(explain(error, language)), title=say("error_title", language))


def tell(notices: Iterable[Message], language: str) -> None:
    """A toast for each notice."""
    for notice in notices:
        gr.Info(as_text(without_folders(notice).to(language)))


def known(model: object, *tasks: str) -> Weight:
    """The weight that a request names, which must not choose which of the machine's files is opened."""
    if not isinstance(model, str):
        raise OptionError(messages.NOT_TEXT, option=spec_of(UpscaleOptions, "model").title)
    return find_weight(model, *tasks, paths=False)


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


def _session_folder(request: gr.Request | None) -> Path:
    # The session's name comes from the network: only a hash of it becomes a path.
    return links.root() / uuid.uuid5(uuid.NAMESPACE_OID, session_of(request)).hex


def new_folder(request: gr.Request | None) -> Path:
    """A fresh folder of this visitor for one job's files. Folders older than an hour go, whoever's they were."""
    return _fresh(_session_folder(request))


def fresh_folder(name: str) -> Path:
    """As :func:`new_folder`, for what outlives the page: under a name of its own."""
    return _fresh(links.root() / uuid.uuid5(uuid.NAMESPACE_OID, name).hex)


def _fresh(parent: Path) -> Path:
    if time.monotonic() - _swept[0] > _SWEPT_EVERY:
        sweep()
    for old in _expired():
        shutil.rmtree(old, ignore_errors=True)
    parent.mkdir(parents=True, exist_ok=True)
    return links.folder(parent)


_swept = [-math.inf]  # when, by time.monotonic()


def sweep() -> None:
    """Delete what an upload left that ended halfway, more than an hour ago, and empty folders: Gradio never does."""
    _swept[0] = time.monotonic()
    halfway, folders = (files_folder().glob(kind) for kind in ("tmp*", "*/"))
    for path in (*halfway, *folders, *links.root().glob("*/")):
        with suppress(OSError):  # gone meanwhile, or not empty
            if _age(path.lstat().st_mtime) > KEPT_SECONDS:
                path.rmdir() if path.is_dir() else path.unlink()


def _age(when: float) -> float:
    """Seconds since a file's time, by the system's clock or by the one that never jumps, whichever says less."""
    now = _BEGAN[0] + time.monotonic() - _BEGAN[1]
    return min(time.time(), now) - when


def lasting_folder(request: gr.Request | None, name: str) -> Path:
    """This visitor's folder called ``name``, for work that one job leaves to the next."""
    new_folder(request).rmdir()  # looks after the old ones
    folder = _session_folder(request) / name
    folder.mkdir(exist_ok=True)
    return folder


def owned(upload: str, folder: Path) -> str:
    """A link in ``folder`` (a copy, where it is on another disk) to a file that was uploaded and may go any time."""
    target = folder / Path(upload).name
    try:
        os.link(upload, target)
    except FileExistsError:
        pass
    except OSError:
        with suppress(FileNotFoundError):  # its reader says so
            shutil.copyfile(upload, target)
    return str(target)


def keep(*paths: str | Path) -> None:
    """Files in use, and their folders, begin their hour anew; raises FileNotFoundError for one that is gone."""
    for path in map(Path, paths):
        os.utime(path)
        os.utime(path.parent)


def _expired() -> Iterator[Path]:
    for visitor in _inside(links.root()):
        for folder in _inside(visitor):
            try:
                if _age(folder.stat().st_mtime) > KEPT_SECONDS:
                    yield folder
            except OSError:  # gone meanwhile
                continue


def _inside(folder: Path) -> list[Path]:
    """What lies in a folder; nothing once it is gone, which glob() makes an error of up to Python 3.12."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []
