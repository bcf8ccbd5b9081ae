"""Every place where Atelier leans on how Gradio 6.31 is made inside, with its reason.

requirements.txt pins the minor version, and tests/ui/test_gradio_hacks.py has a test for each of these that fails when
Gradio changes it: read both before raising the pin. Nothing else in ``editing.ui`` needs what Gradio does not document.
"""

from __future__ import annotations

import inspect
import time
import typing
from abc import ABCMeta
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gradio.utils import get_upload_folder

Kind = TypeVar("Kind", bound=gr.components.Component)
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


# ---- components that pass on what they are given ---------------------------------------------------------------------


def _another(kind: type[Kind], preprocess: Callable[[Any, Any], Any]) -> type[Kind]:
    """A ``kind`` with another ``preprocess``; to the browser, and in the API's description, it is a ``kind``.

    A class, since Gradio makes every visitor a new instance with each update; made round Gradio's metaclass, which
    would write a stub file beside this one. ``is_template`` gives it its parent's name.
    """
    space = {"__module__": __name__, "is_template": True, "preprocess": preprocess}
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
    for name in flat:
        optional = name in wanted and wanted[name].default is None
        parameters.append(inspect.Parameter(name, place, default=None if optional else inspect.Parameter.empty))
    if "progress" in wanted:
        parameters.append(wanted["progress"].replace(kind=place, annotation=gr.Progress))
    fn.__signature__ = inspect.Signature(parameters)
    fn.__annotations__ = {name: hints[name] for name in specials}
    fn.__name__ = handler.__name__
    return {"fn": fn, "inputs": list(flat.values()) or None, "outputs": list(outputs.values()) or None}


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


# The classes inside Gradio's components that the page's style reaches into.
CSS = """
.drawn .gallery-container, .drawn .grid-wrap { height: auto !important; max-height: none !important; min-height: 0; }
.drawn .grid-container { grid-template-columns: repeat(var(--grid-cols), minmax(0, 1fr)) !important; }
#stylize-gallery .caption-label, #stylize-sheet .caption-label {
  left: 0; right: 0; bottom: 0; max-width: 100%; margin: 0; padding: 1px 2px; border: 0; border-radius: 0;
  font-size: 11px; text-align: center; opacity: 1 !important;
}
#stylize-gallery .grid-wrap, #stylize-sheet .grid-wrap { padding-top: 24px; }
#repair-faces .grid-container { grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)) !important; }
#repair-faces .thumbnail-lg { aspect-ratio: 5 / 4; }
"""


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
