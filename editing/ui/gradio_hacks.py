"""Every place where Atelier leans on how Gradio 6.31 is made inside, with its reason.

requirements.txt pins the minor version, and tests/ui/test_gradio_hacks.py has a test for each of these that fails when
Gradio changes it: read both before raising the pin. Nothing else in ``editing.ui`` needs what Gradio does not document.
"""

from __future__ import annotations

import inspect
import math
import os
import re
import shutil
import tempfile
import time
import typing
import uuid
from abc import ABCMeta
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import gradio as gr
from anyio import from_thread
from filelock import FileLock, Timeout
from gradio import state_holder
from gradio.context import LocalContext
from gradio.server_messages import ProcessCompletedMessage
from gradio.state_holder import SessionState
from gradio.utils import get_upload_folder

from editing import messages
from editing.messages import tell

Kind = TypeVar("Kind", bound=gr.components.Component)
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


# ---- components that pass on what they are given ---------------------------------------------------------------------


def _another(kind: type[Kind], preprocess: Callable[[Any, Any], Any], **more: Any) -> type[Kind]:
    """A ``kind`` with another ``preprocess``; to the browser, and in the API's description, it is a ``kind``.

    A class, since Gradio makes every visitor a new instance with each update; made round Gradio's metaclass, which
    would write a stub file beside this one. ``is_template`` gives it its parent's name.
    """
    space = {"__module__": __name__, "is_template": True, "preprocess": preprocess, **more}
    made: type[Kind] = ABCMeta.__new__(type(kind), f"{kind.__name__}AsGiven", (kind,), space)
    return made


def _unopened(self: gr.Image, payload: Any) -> Any:
    plain = payload is not None and payload.path and not str(payload.url or "").startswith("data:")
    return payload.path if plain else gr.Image.preprocess(self, payload)


# Our own reader judges the files: Gradio's opens them with Pillow first, and fails without a word.
AnyImage = _another(gr.Image, _unopened)


def _as_sent(self: gr.components.Component, payload: Any) -> Any:
    return payload


# For the API's values, which options.py checks: of a list in a number's place Gradio says nothing but "Error".
AnySlider = _another(gr.Slider, _as_sent)
AnyNumber = _another(gr.Number, _as_sent)
AnyRadio = _another(gr.Radio, _as_sent)
AnyCheckbox = _another(gr.Checkbox, _as_sent)
AnyDropdown = _another(gr.Dropdown, _as_sent)
AnyTextbox = _another(gr.Textbox, _as_sent)


# Of any JSON: Gradio's own says "type": {}, which clients of MCP refuse.
AnyJSON = _another(gr.JSON, gr.JSON.preprocess, api_info=lambda self: {"description": "any valid json"})


def _paths(self: gr.File | gr.UploadButton, payload: Any) -> Any:
    if payload is None:
        return None
    paths = [file.path for file in (payload if hasattr(payload, "root") else [payload])]
    return paths if self.file_count != "single" else next(iter(paths), None)


# Of each file that Gradio's give, they leave an empty one behind, which nobody deletes.
AnyFile = _another(gr.File, _paths)
AnyUploadButton = _another(gr.UploadButton, _paths)


def say_what_is_wrong_with_values(page: gr.Blocks) -> None:
    """Have the page say in words what Gradio refuses of an event's values before our own code is asked.

    Gradio looks after files then, and stumbles over some: it says nothing but "Error", or null, and writes what was
    sent into the log. All other values our components pass on as they are.
    """
    theirs = page.preprocess_data

    async def preprocess_data(block_fn: Any, inputs: list[Any], *more: Any, **named: Any) -> Any:
        wanted, given = len(block_fn.inputs), len(inputs)
        if given < wanted:
            said = tell(messages.TOO_FEW_VALUES, wanted=wanted, given=given)
            raise gr.Error(str(said), print_exception=False)
        try:
            return await theirs(block_fn, inputs, *more, **named)
        except gr.Error as error:
            error.print_exception = False  # the visitor reads it, and it is no error of the program
            raise
        except Exception as error:
            raise gr.Error(messages.NOT_A_FILE.en, print_exception=False) from error

    vars(page)["preprocess_data"] = preprocess_data


# ---- handlers that take and return by name ---------------------------------------------------------------------------

_SPECIAL = ("request", "event")  # what Gradio gives by annotation; "progress" it knows by its default, and comes last


def by_name(
    handler: Callable[..., Any], inputs: Mapping[str, Any] | None = None, outputs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """``fn``, ``inputs`` and ``outputs`` of an event whose handler takes its values, and returns what changes, by name.

    ``inputs`` are components by the handler's parameters; a mapping or a list of them arrives as such. The handler may
    take ``request``, ``event`` and ``progress``, too. It returns or yields a mapping of names in ``outputs``: those
    that are missing stay as they are. Gradio finds its own parameters, and the API's names, in ``__signature__``.
    """
    inputs, outputs = inputs or {}, outputs or {}
    wanted, hints = inspect.signature(handler).parameters, typing.get_type_hints(handler)
    specials = [name for name in _SPECIAL if name in wanted]
    flat = dict(_flat(inputs))

    def arguments(given: tuple[Any, ...]) -> dict[str, Any]:
        values = iter(given[len(specials) :])
        named = dict(zip(specials, given, strict=False)) | {
            name: _filled(part, values) for name, part in inputs.items()
        }
        return named | dict(zip(["progress"] if "progress" in wanted else [], values, strict=True))

    def placed(result: Any) -> Any:
        found = result or {}
        unknown = found.keys() - outputs.keys() - {"__type__"}  # "__type__": gr.skip(), of guarded()
        if unknown:
            raise KeyError(f"{handler.__name__} returned {', '.join(sorted(unknown))}, which is no output of its event")
        values = [found.get(name, gr.skip()) for name in outputs]
        return values if len(values) > 1 else values[0] if values else None

    def plain(*given: Any) -> Any:
        return placed(handler(**arguments(given)))

    def steps(*given: Any) -> Iterator[Any]:
        for result in handler(**arguments(given)):
            yield placed(result)

    fn: Any = steps if inspect.isgeneratorfunction(handler) else plain
    place = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, place, annotation=hints[name]) for name in specials]
    default: Any = inspect.Parameter.empty
    for name, part in flat.items():
        if name in wanted and wanted[name].default is None:
            default = None
        elif default is not inspect.Parameter.empty:  # none without a default may follow one that has it
            default = getattr(part, "value", None)
        parameters.append(inspect.Parameter(name, place, default=default))
    if "progress" in wanted:
        parameters.append(wanted["progress"].replace(kind=place, annotation=gr.Progress))
    fn.__signature__ = inspect.Signature(parameters)
    fn.__annotations__ = {name: hints[name] for name in specials}
    # What tools for language models are called, and the module, by which standing() knows the tab.
    fn.__name__, fn.__module__ = handler.__name__.removesuffix("_endpoint"), handler.__module__
    fn.__doc__ = _described(handler, flat)
    return {"fn": fn, "inputs": list(flat.values()) or None, "outputs": list(outputs.values()) or None}


def _described(handler: Callable[..., Any], parts: Mapping[str, Any]) -> str:
    """The handler's docstring with what its parameters mean, as Gradio reads it for the descriptions of tools."""
    told = {name: getattr(part, "about", "") for name, part in parts.items()}
    lines = [f"    {name}: {' '.join(about.split())}" for name, about in told.items() if about]
    return "\n".join([inspect.getdoc(handler) or "", *(["", "Args:", *lines] if lines else [])])


def _flat(parts: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    for name, part in parts.items():
        if isinstance(part, Mapping):
            yield from _flat(part, f"{within}{name}_")
        elif isinstance(part, list):
            yield from _flat({str(number): one for number, one in enumerate(part, 1)}, f"{within}{name}_")
        else:
            yield within + name, part


def _filled(part: Any, values: Iterator[Any]) -> Any:
    if isinstance(part, Mapping):
        return {name: _filled(one, values) for name, one in part.items()}
    return [_filled(one, values) for one in part] if isinstance(part, list) else next(values)


# ---- files -----------------------------------------------------------------------------------------------------------


def files_folder() -> Path:
    """Gradio's own folder: files in it are served as they are; from elsewhere it would copy each of them there first.

    What is given or shown there is deleted an hour after its inode was changed (``Blocks(delete_cache=...)``), whoever
    is using it: a hard link, or ``os.utime``, counts as a change.
    """
    return Path(get_upload_folder())


def use_own_folder() -> None:
    """Have Gradio keep this process's files in a folder of their own, and delete those of servers that are no more.

    Before any page is built. The folder lies in ``GRADIO_TEMP_DIR``, or in one of this user's: Gradio's default is one
    for all of its programs on a machine, in which nothing may be cleaned. A lock says who is alive; it ends with its
    process, also with one that was killed.
    """
    if _alive:
        return
    given = os.environ.get("GRADIO_TEMP_DIR")
    base = Path(given) if given else _users_folder()
    base.mkdir(parents=True, exist_ok=True)
    for old in base.glob("server-*.lock"):
        lock = FileLock(old)
        with suppress(Timeout, OSError, NotImplementedError):
            lock.acquire(timeout=0)
            shutil.rmtree(old.with_suffix(""), ignore_errors=True)
            old.unlink(missing_ok=True)
            lock.release()
    mine = base / f"server-{uuid.uuid4().hex[:12]}"
    _alive.append(FileLock(f"{mine}.lock"))
    with suppress(NotImplementedError):  # a file system without locks: nobody deletes it, then
        _alive[0].acquire()
    mine.mkdir()
    os.environ["GRADIO_TEMP_DIR"] = str(mine)


_alive: list[FileLock] = []


def _users_folder() -> Path:
    """A folder that no other user can have made, or look into."""
    if not hasattr(os, "getuid"):
        return Path(tempfile.gettempdir()) / "atelier-page"
    folder = Path(tempfile.gettempdir()) / f"atelier-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid == os.getuid() and not folder.is_symlink():
            return folder
    return Path(tempfile.mkdtemp(prefix="atelier-"))


def is_upload(scope: Scope) -> bool:
    """Whether a request sends files. Of an empty name or an endless boundary Gradio makes an error of the server's."""
    return scope.get("method") == "POST" and str(scope.get("path", "")).endswith("/upload")


def asked_files(scope: Scope) -> list[Path]:
    """What file of the server's a request may be for; [] for any other request.

    Gradio may itself lie under a path with "/file/" in it, and takes ".." out of a path as text, the disk does not.
    """
    path = str(scope.get("path", ""))
    named = [Path.cwd() / path[found.end() :].replace("\0", "") for found in re.finditer("/file[=/]", path)]
    return [way for file in named for way in (Path(os.path.normpath(file)), file.resolve())]


def know_own_links(is_good: Callable[[Path], bool]) -> None:
    """Have tools for language models take this server's own links, of files for which ``is_good``.

    Gradio would fetch them as any other address, and refuses what isn't public: on one's own machine the tools could
    take no file at all. Needs ``gradio[mcp]``.
    """
    from gradio import mcp

    theirs = vars(mcp)["handle_file"]

    def handle_file(given: str | Path) -> Any:
        named = unquote(str(given).partition("/file=")[2])
        own = Path(os.path.normpath(named)).resolve() if named else None
        mine = own is not None and own.is_relative_to(files_folder().resolve()) and own.is_file() and is_good(own)
        return theirs(own if mine and own else given)

    vars(mcp)["handle_file"] = handle_file


class _Unkept(dict[int, Any]):
    """Seems to hold everything, and keeps nothing."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: int) -> Any:
        return {}

    def __setitem__(self, key: int, value: Any) -> None:
        pass


class _SmallState(SessionState):
    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(blocks)
        self.config_values = _Unkept()


def keep_visitors_small() -> None:
    """Have Gradio keep of a visitor what may differ from the page.

    It keeps the whole page's configuration of each, 0.8 MB, for ``DeepLinkButton``, which this page doesn't have, and
    lets nobody go before the 10,000th after him has come.
    """
    vars(state_holder)["SessionState"] = _SmallState


# ---- the page --------------------------------------------------------------------------------------------------------

# Gradio picks its language from navigator.language and knows zh-CN and zh-TW, not zh or zh-HK. ?lang= or the choice
# kept from before comes first; the cookie tells the server, which writes the toasts. It must run before Gradio's own.
EARLY_SCRIPT = b"""<script>(function(){try{
var asked=new URLSearchParams(location.search).get("lang");if(asked)localStorage.setItem("atelier-lang",asked);
var lang=localStorage.getItem("atelier-lang")||navigator.language;
if(/^zh/i.test(lang))lang=/tw|hk|mo|hant/i.test(lang)?"zh-TW":"zh-CN";
else if(localStorage.getItem("atelier-lang"))lang="en";
Object.defineProperty(navigator,"language",{get:function(){return lang},configurable:true});
document.cookie="atelier_lang="+lang+";path=/;SameSite=Lax";document.documentElement.lang=lang;
}catch(error){}})();</script>"""


def with_early_script(html: bytes) -> bytes:
    """The page with :data:`EARLY_SCRIPT` before all of Gradio's."""
    return html.replace(b"<head>", b"<head>" + EARLY_SCRIPT, 1)


# Where the stage's script finds that a run has failed, and in which words: Gradio says the one over a component, hidden
# here, and the other in a toast.
STATUS = {"failed": "[data-testid=status-tracker] .error", "toast": ".toast-body.error [data-testid=toast-text]"}


# ---- when an event came ----------------------------------------------------------------------------------------------

_ARRIVED = b"x-atelier-arrived"


def stamped(scope: Scope) -> Scope:
    """The scope of an HTTP request with a header that says when it came, whatever the sender says.

    An event that waits in Gradio's queue keeps the request with which it came, and nothing else tells how old it is.
    """
    headers = [pair for pair in scope["headers"] if pair[0] != _ARRIVED]
    return {**scope, "headers": [*headers, (_ARRIVED, repr(time.perf_counter()).encode())]}


def arrival(request: gr.Request | None) -> float:
    """When an event came, by ``time.perf_counter()``; now, where there is no :func:`stamped` request."""
    found = (getattr(request, "headers", None) or {}).get(_ARRIVED.decode())
    return float(found) if found else time.perf_counter()


# ---- the queue -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A job in Gradio's queue, or one that runs."""

    tab: str  # whose handler it is
    before: int  # how many have to end before it begins; 0: it runs
    seconds: float | None  # until it begins, if that can be told
    text: str  # what it said last of its progress
    part: float | None  # of it that is done, 0 to 1
    arrived: float  # by time.perf_counter()


def standing(app: Any, session: str, concurrency_id: str) -> list[Standing]:
    """The jobs of a session under a concurrency limit of one; first what runs, then what waits, in its order.

    Of those that run, as many as there is :func:`room` for don't count: they need not end before another begins.
    """
    queue = app.get_blocks()._queue
    running = [event for jobs in queue.active_jobs for event in jobs or () if event.concurrency_id == concurrency_id]
    waiting = queue.event_queue_per_concurrency_id.get(concurrency_id)
    found, ahead = [], [_left(queue, event) for event in running]
    for event in running:
        if event.session_hash == session and event.alive:
            found.append(_standing(event, 0, None))
    ahead.sort(key=lambda left: math.inf if left is None else left)
    del ahead[max(0, len(ahead) - _beside.get(concurrency_id, 0)) :]
    for event in list(waiting.queue) if waiting else []:
        if event.session_hash == session:
            seconds = None if None in ahead else sum(part or 0.0 for part in ahead)
            found.append(_standing(event, max(1, len(ahead)), seconds))
        ahead.append(queue.process_time_per_fn[event.fn].avg_time if event.fn in queue.process_time_per_fn else None)
    # Of one tab's jobs the first one counts.
    return list({job.tab: job for job in reversed(found)}.values())[::-1]


def _standing(event: Any, before: int, seconds: float | None) -> Standing:
    unit = _unit(event)
    tab = event.fn.fn.__module__.rpartition(".")[2].removesuffix("_tab")
    return Standing(
        tab=tab, before=before, seconds=seconds, text=(unit and unit.desc) or "",
        part=unit.index / unit.length if unit and unit.length and unit.index is not None else None,
        arrived=float(event.request.headers.get(_ARRIVED.decode(), 0)),
    )  # fmt: skip


def _unit(event: Any) -> Any:
    """The progress that an event has reported, or None."""
    said = event.progress
    return said.progress_data[-1] if said and said.progress_data else None


def _left(queue: Any, event: Any) -> float | None:
    """Seconds until a job that runs will have ended, going by what is done."""
    unit, began = _unit(event), queue.event_queue_per_concurrency_id[event.concurrency_id].start_times_per_fn[event.fn]
    if not unit or not unit.index or not unit.length or not began:
        return None
    return float((time.time() - min(began)) * (unit.length - unit.index) / unit.index)


MOST_BESIDE = 3  # jobs that leave the machine to others in between, and so need not be waited for


_beside: dict[str, int] = {}  # how many there are, by their concurrency id; changed in Gradio's loop alone


@contextmanager
def room(concurrency_id: str) -> Iterator[None]:
    """While a job is in this block, it doesn't count under its concurrency limit; does nothing outside of a handler.

    For jobs of hours that give way: Gradio's limit is the same for all jobs of its name, and can't tell them apart.
    """
    blocks: Any = LocalContext.blocks.get(None)
    queue = blocks and blocks._queue.event_queue_per_concurrency_id.get(concurrency_id)

    def count(change: int) -> bool:
        there = _beside.get(concurrency_id, 0) + change
        if not queue or there > MOST_BESIDE:
            return False
        queue.current_concurrency -= change
        _beside[concurrency_id] = there
        return True

    made = bool(queue) and from_thread.run_sync(count, 1)
    try:
        yield
    finally:
        if made:
            from_thread.run_sync(count, -1)


def leave_queue(session: str, concurrency_id: str) -> int:
    """Take a session's jobs out of the queue, as if each had ended without a change; gives how many.

    Within an event of Gradio's loop. Otherwise they would be told of Stop only when their turn comes.
    """
    blocks: Any = LocalContext.blocks.get(None)
    waiting = blocks and blocks._queue.event_queue_per_concurrency_id.get(concurrency_id)
    mine = [event for event in waiting.queue if event.session_hash == session] if waiting else []
    for event in mine:
        waiting.queue.remove(event)
        blocks._queue.event_ids_to_events.pop(event._id, None)
        unchanged = {"data": [gr.skip() for _ in event.fn.outputs], "is_generating": False}
        blocks._queue.send_message(event, ProcessCompletedMessage(output=unchanged, success=True))
    return len(mine)
