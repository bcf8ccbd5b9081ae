"""From tab to tab: a result goes on in another one, with its mask; a file made here offers its settings wherever it is.

Each tab describes itself as an :class:`End`; :func:`connect` builds what leads from each to the others. A picture that
arrives says where it came from, and is seen from the top.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from editing import messages
from editing.errors import EditingError
from editing.pictures.masks import Mask
from editing.pictures.read import read_picture
from editing.pipelines.rerun import differences
from editing.ui import results, stage, visit
from editing.ui.gradio_hacks import by_name
from editing.ui.handlers import QUICK, as_text, guarded, is_there, new_folder, owned, tell
from editing.ui.offers import TABS, maker
from editing.ui.results import Kept, Source
from editing.ui.translations import T, language_of, say


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """What a tab gives to another one."""

    file: str
    mask: Mask | None = None
    result: bool = True  # else it is the picture that was given to the tab itself


@dataclass(frozen=True, kw_only=True, eq=False)
class End:
    """A tab, as the others see it. What a mapping holds are components by the names that its function knows."""

    id: str
    onward: Mapping[str, gr.Button]  # to where, of :func:`buttons`
    giving: Mapping[str, Any]  # inputs of ``give``
    give: Callable[..., Given]  # (..., request=); raises EditingError where there is nothing
    settings: Mapping[str, Any]  # outputs of ``restore``
    restore: Callable[..., dict[str, Any]]  # (path=, recipe=, ..., request=): the settings in a file's recipe
    asks: Mapping[str, Any] = field(default_factory=dict)  # inputs of ``restore``
    came: gr.Markdown | None = None  # of :func:`came`
    picture: gr.Image | None = None  # takes a picture
    sent: gr.State | None = None  # and the mask that comes with it
    opened: Any = None  # the trigger after which what is there came from nowhere else
    offer: gr.Button | None = None  # of the settings of the file that is there
    source: gr.State | None = None  # a Source
    looked: Mapping[str, Any] = field(default_factory=dict)  # outputs of ``look``, and ``picture``
    look: Callable[..., dict[str, Any]] | None = None  # (path=, sent=, request=): takes a picture as the tab does
    result: Mapping[str, Any] = field(default_factory=dict)  # ``kept``, ``shown``, ``info``, ``download``
    runs: Sequence[Any] = ()  # the events that have made a result
    # For a tab that is given no picture, in the place of ``looked`` to ``result``:
    recording: Mapping[str, Any] = field(default_factory=dict)  # inputs of ``record``
    record: Callable[..., list[visit.Entry]] | None = None  # (..., request=): a run has ended; gives the strip
    reopening: Mapping[str, Any] = field(default_factory=dict)  # inputs of ``reopen``
    reopened: Mapping[str, Any] = field(default_factory=dict)  # and its outputs
    reopen: Callable[..., dict[str, Any]] | None = None  # (entry=, ..., request=): what changes when it is there again


# ---- components ------------------------------------------------------------------------------------------------------


def came() -> gr.Markdown:
    """Where a tab says that its picture came from another one."""
    return gr.Markdown("", sanitize_html=False, elem_classes="hint came")


def buttons(here: str, *there: str) -> dict[str, gr.Button]:
    """A button to each tab ``there``, in a row of their own."""
    with gr.Row(elem_classes="onward"):
        gr.Markdown(T("onward"), elem_classes="hint")
        return {
            tab: gr.Button(_title(tab), size="sm", min_width=40, elem_id=f"{here}-to-{tab}")
            for tab in TABS
            if tab in there and tab != here
        }


def _title(tab: str, language: str = "") -> Any:
    key = f"tab_{tab}"
    return say(key, language) if language else T(key)


# ---- a picture goes on -----------------------------------------------------------------------------------------------


def of_result(*, kept: Kept | None, source: Source | None, drawn: str = "", request: gr.Request) -> Given:
    """The result, where there is one of the picture that is there, else that picture; with what is painted on it."""
    source = results.given(source)
    mask = results.drawn_on(source, drawn, request)
    if kept and kept.file and Path(kept.file).exists() and is_there(request, source.tab, kept.source.given):
        return Given(file=kept.file, mask=mask)
    return Given(file=source.path, mask=mask, result=False)


def connect(ends: Sequence[End], tabs: gr.Tabs) -> None:
    """Lead from each tab to the others, by its buttons and by the settings in a file that another one made."""
    for here in ends:
        for there in ends:
            if button := here.onward.get(there.id):
                _lead(button, here, there, tabs)
        if here.opened:
            here.opened(lambda: "", None, here.came, **QUICK)
        if here.offer:
            _offer(here, ends, tabs)


def _lead(button: gr.Button, here: End, there: End, tabs: gr.Tabs) -> None:
    @guarded
    def lead(*, giving: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
        given, language = here.give(request=request, **giving), language_of(request)
        words = {"tab": _title(here.id, language), "file": as_text(Path(given.file).name)}
        mask = given.mask if there.sent else None
        said = say(
            "came_masked" if mask is not None else "came_result" if given.result else "came_picture", language, **words
        )
        # A file of its own: Gradio tells nothing when a component is given what it has already.
        taken = {"picture": owned(given.file, new_folder(request)), "tabs": gr.update(selected=there.id)}
        taken["came"] = f"<came-from></came-from>{said}"
        return taken | ({"sent": mask} if there.sent else {})

    outputs = {"picture": there.picture, "tabs": tabs, "came": there.came}
    button.click(
        **by_name(lead, {"giving": here.giving}, outputs | ({"sent": there.sent} if there.sent else {})), **QUICK
    )


# ---- settings in a file ----------------------------------------------------------------------------------------------


def _offer(here: End, ends: Sequence[End], tabs: gr.Tabs) -> None:
    """The button in ``here``: apply a file's settings, in the tab that made it."""
    makers = {end.id: end for end in ends}

    @guarded
    def use(*, source: Source | None, asked: Mapping[str, Mapping[str, Any]], request: gr.Request) -> dict[str, Any]:
        source, language = results.given(source), language_of(request)
        recipe = read_picture(source.path).recipe or {}
        there = makers.get(maker(recipe))
        if not there:
            raise EditingError(messages.NO_RECIPE)
        values = there.restore(path=source.path, recipe=recipe, request=request, **asked[there.id])
        tell(differences(recipe), language)
        changes = {f"{there.id}_{name}": value for name, value in values.items()}
        if there.id == here.id:
            return changes
        changes["tabs"] = gr.update(selected=there.id)
        if there.picture:
            changes[f"{there.id}_picture"] = owned(source.path, new_folder(request))
            words = {"tab": _title(here.id, language), "file": as_text(Path(source.path).name)}
            changes[f"{there.id}_came"] = f"<came-from></came-from>{say('came_picture', language, **words)}"
        return changes

    outputs: dict[str, Any] = {"tabs": tabs}
    for end in ends:
        outputs |= {f"{end.id}_{name}": part for name, part in end.settings.items()}
        if end.id != here.id and end.picture:
            outputs |= {f"{end.id}_picture": end.picture, f"{end.id}_came": end.came}
    asks = {end.id: dict(end.asks) for end in ends}
    if here.offer:
        here.offer.click(**by_name(use, {"source": here.source, "asked": asks}, outputs), **QUICK)


# ---- a visit's results -----------------------------------------------------------------------------------------------


def keep_visit(ends: Sequence[End], tabs: gr.Tabs, page: gr.Blocks) -> None:
    """The strip of the visit's results, to go back to; and what a reload brings back."""
    looking = [end for end in ends if end.look or end.reopen]
    strip = gr.Gallery(
        label=T("visit"), columns=visit.MOST, object_fit="cover", height=64, allow_preview=False, interactive=False,
        buttons=[], visible=False, elem_id="visit", elem_classes="drawn",
    )  # fmt: skip
    word = gr.BrowserState(None, storage_key="atelier-visit")
    outputs: dict[str, Any] = {"tabs": tabs}
    for end in looking:
        parts = {**end.looked, **end.settings, **end.result, "picture": end.picture, "came": end.came}
        outputs |= {f"{end.id}_{name}": part for name, part in (end.reopened if end.reopen else parts).items()}
    asks = {end.id: dict(end.reopening) for end in looking if end.reopen}

    def again(end: End, entry: visit.Entry, asked: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
        if not end.reopen:
            return _again(end, entry, request)
        changes = end.reopen(entry=entry, request=request, **asked[end.id])
        return {f"{end.id}_{name}": value for name, value in changes.items()}

    @guarded
    def welcome(*, word: object, asked: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
        """The page was opened, perhaps again: in each tab the last result of the last hour."""
        mine = visit.begin(word, request)
        changes: dict[str, Any] = {}
        found = visit.entries(request)
        for end in looking:
            newest = next((entry for entry in found if entry.tab == end.id), None)
            if newest:
                changes |= again(end, newest, asked, request)
        if changes:
            changes["tabs"] = gr.update(selected=found[0].tab)
        return changes | {"word": mine, "strip": _strip(found)}

    @guarded
    def go_back(*, asked: Mapping[str, Any], event: gr.SelectData, request: gr.Request) -> dict[str, Any]:
        """A result of the strip was clicked: it, its picture and its settings, in its tab."""
        found, language = visit.entries(request), language_of(request)
        if not isinstance(event.index, int) or not 0 <= event.index < len(found):
            return {"strip": _strip(found)}
        entry = found[event.index]
        end = next(end for end in looking if end.id == entry.tab)
        changes = again(end, entry, asked, request)
        if end.came:
            said = say("visit_back", language, tab=_title(entry.tab, language))
            changes[f"{end.id}_came"] = f"<came-from></came-from>{said}"
        return changes | {"tabs": gr.update(selected=entry.tab), "strip": gr.update(selected_index=None)}

    page.load(**by_name(welcome, {"word": word, "asked": asks}, {**outputs, "word": word, "strip": strip}), **QUICK)
    strip.select(**by_name(go_back, {"asked": asks}, {**outputs, "strip": strip}), **QUICK)
    for end in looking:
        if end.record:
            recording = by_name(_recording(end.record), {"values": dict(end.recording)}, {"strip": strip})
        else:
            plain = {name: part for name, part in end.settings.items() if name not in ("own", "own_second")}
            given = {"kept": end.result["kept"], "info": end.result["info"], "settings": plain}
            recording = by_name(_recorded, given, {"strip": strip})
        for event in end.runs:
            event.then(**recording, **QUICK)


def _recording(record: Callable[..., list[visit.Entry]]) -> Callable[..., dict[str, Any]]:
    @guarded
    def recorded(*, values: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
        return {"strip": _strip(record(request=request, **values))}

    return recorded


@guarded
def _recorded(
    *, kept: Kept | None, info: str | None, settings: Mapping[str, Any], request: gr.Request
) -> dict[str, Any]:
    """A run has ended."""
    return {"strip": _strip(visit.record(kept, info or "", settings, request))}


def _strip(found: Sequence[visit.Entry]) -> Any:
    shown = [(entry.thumb, Path(entry.file).name) for entry in found]
    return gr.update(value=shown, visible=bool(shown), selected_index=None)


def _again(end: End, entry: visit.Entry, request: gr.Request) -> dict[str, Any]:
    """What changes in a tab when a result of before is there again, with its picture and settings."""
    path = owned(entry.source, new_folder(request))
    # Gradio will tell of the picture once more, which is no news by then.
    changes = {"picture": path} | (end.look(path=path, sent=None, request=request) if end.look else {})
    file, kept = visit.reopened(entry, changes["source"], request)
    for name, value in entry.settings.items():
        before = changes.get(name)
        changes[name] = {**before, "value": value} if isinstance(before, dict) and "choices" in before else value
    changes |= {
        "kept": kept,
        "info": entry.info,
        "download": gr.update(value=file, interactive=True),
        "shown": stage.show_result(end.id, read_picture(file), file),
    }
    return {f"{end.id}_{name}": value for name, value in changes.items()}
