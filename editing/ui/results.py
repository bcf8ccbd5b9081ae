"""A picture given and the result made of it, which Upscale, Repair and Stylize have alike.

A picture that is given becomes a :class:`Source`. What a run makes of it is kept whole, as a :class:`Kept`, so that
dials and ways of saving follow without another run: each tab mixes anew from the arrays, and :func:`show` saves that
once and gives the same file to the slider and to the download.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
import numpy as np

from editing import messages
from editing.errors import EditingError, ImageError
from editing.messages import Message
from editing.options import SaveOptions, read
from editing.pictures.picture import Picture, Pixels
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.ui import fields
from editing.ui.gradio_hacks import arrival
from editing.ui.handlers import (
    as_text,
    duration,
    give,
    is_there,
    keep,
    new_folder,
    owned,
    preview,
    size_text,
    tell,
    warn,
)
from editing.ui.translations import T, language_of, say

Options = TypeVar("Options")
SHOWN_BY_BROWSERS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF")
PREVIEW_PIXELS = 16_000_000  # larger pictures are shown reduced: browsers get slow, and hosted pages slower
EXAMPLES = Path(__file__).parent / "examples"
_ARRAYS = "kept.npz"


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """The picture in a tab."""

    tab: str  # such as "upscale"; also the task of recipes
    path: str  # of the visitor's own: Gradio deletes uploads after an hour
    upload: str  # by which Gradio knows it
    preview: str = ""  # the file shown instead where browsers can't show it
    width: int
    height: int
    shown: tuple[int, int]  # width and height of what is shown
    alpha: bool
    recipe: dict[str, Any] | None  # how the tab made it, if it did
    given: float  # when, by which it is told from another


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """A result at full strength, its arrays in ``folder``; ``facts`` are what its tab keeps beside."""

    source: Source
    picture: Picture  # what the source's file says, without its pixels: :func:`original` has them
    folder: Path
    options: Any
    seconds: float
    before: str  # what the slider shows of the source
    file: str = ""  # what is shown now, in a folder of its own
    facts: Any = None


# ---- components ------------------------------------------------------------------------------------------------------


def picture_input(kind: type[gr.Image], name: str, **more: Any) -> gr.Image:
    """Where a picture is given."""
    sources = ["upload", "clipboard", "webcam"]
    return kind(**{"type": "filepath", "image_mode": None, "elem_id": name, "sources": sources, **more})


def examples(picture: gr.Image) -> None:
    """The pictures that one click gives."""
    files = sorted(str(path) for path in EXAMPLES.glob("*.*") if path.suffix != ".md")
    gr.Examples(files, picture, label=T("examples"), cache_examples=False)


def saving_controls(name: str) -> dict[str, Any]:
    """The components of SaveOptions, for a tab called ``name``."""
    return {
        "format": fields.field(SaveOptions, "format", info=None, elem_id=f"{name}-format"),
        "strip": fields.field(SaveOptions, "strip", info=None),
        "keep_gps": fields.field(SaveOptions, "keep_gps", info=None),
    }


def saving_parameters() -> dict[str, Any]:
    """As :func:`saving_controls`, for an API, for :func:`saving_of`."""
    return {
        "file_format": fields.parameter(SaveOptions, "format"), **fields.parameters(SaveOptions, "strip", "keep_gps")
    }  # fmt: skip


def saving_of(given: Mapping[str, Any]) -> SaveOptions:
    """What an API's caller says of saving."""
    return fields.read(SaveOptions, {**given, "format": given["file_format"]})


# ---- a picture given -------------------------------------------------------------------------------------------------


def told_again(path: str | None, source: Source | None) -> bool:
    """Whether this is no news: Gradio tells again when a tab is shown for the first time, and of our own preview."""
    known = source and path and (path == source.upload or Path(path).name == Path(source.preview).name)
    return bool(known)


def look(path: str | None, tab: str, request: gr.Request) -> tuple[Source | None, Picture | None, dict[str, Any]]:
    """A new picture, None where it was taken away or is refused, with a reason; and what changes on the page.

    That is ``source``, ``use_recipe``, and ``picture`` where browsers can't show the file.
    """
    given = give(request, tab)
    nothing: dict[str, Any] = {"source": None, "use_recipe": gr.update(visible=False)}
    if not path:
        return None, None, nothing
    folder = new_folder(request)
    own = owned(path, folder)
    try:
        picture = read_picture(own)
    except ImageError as error:
        warn(error, language_of(request))
        return None, None, nothing | {"picture": None}
    tell(picture.notices, language_of(request))
    source = Source(
        tab=tab, path=own, upload=path, width=picture.width, height=picture.height,
        shown=(picture.width, picture.height), alpha=picture.alpha is not None, given=given,
        recipe=picture.recipe if picture.recipe and picture.recipe.get("task") == tab else None,
    )  # fmt: skip
    changes: dict[str, Any] = {"use_recipe": gr.update(visible=source.recipe is not None)}
    if probe_picture(own).format not in SHOWN_BY_BROWSERS:
        small = str(preview(picture, folder))
        header = probe_picture(small)
        source = replace(source, preview=small, shown=(header.width, header.height))
        changes["picture"] = small
    return source, picture, changes | {"source": source}


def given(source: Source | None) -> Source:
    """The picture that is there; raises EditingError where there is none."""
    if source is None:
        raise EditingError(messages.NO_PICTURE)
    return source


def options_of_recipe(source: Source | None, kind: type[Options], *, without: Iterable[str] = ()) -> Options:
    """The options with which the given picture was made; raises EditingError where its file doesn't say, or wrongly."""
    recipe = given(source).recipe
    if recipe is None:
        raise EditingError(messages.NO_RECIPE)
    options = recipe.get("options")
    if isinstance(options, Mapping):
        options = {name: value for name, value in options.items() if name not in without}
    return read(kind, options)


# ---- a result --------------------------------------------------------------------------------------------------------


def stale(source: Source, request: gr.Request) -> bool:
    """Whether another picture is there now than when the event came, or than ``source``; then says so.

    A job reads the tab's state when its turn comes, and ends after that: either way the result would be another's.
    """
    gone = arrival(request) < source.given or not is_there(request, source.tab, source.given)
    if gone:
        gr.Info(say("dropped", language_of(request)))
    return gone


def keep_result(
    source: Source, picture: Picture, options: Any, seconds: float, folder: Path, facts: Any = None,
    **arrays: Pixels | None,
) -> Kept:  # fmt: skip
    """Keep ``arrays`` in ``folder``, uncompressed, with the source's pixels: nothing is decoded again for a dial."""
    every = {"original": picture.pixels, "original_alpha": picture.alpha, **arrays}
    there: dict[str, Any] = {name: array for name, array in every.items() if array is not None}
    np.savez(folder / _ARRAYS, **there)
    small = source.preview or picture.width * picture.height > PREVIEW_PIXELS
    return Kept(
        source=source, picture=replace(picture, pixels=picture.pixels[:1, :1].copy(), alpha=None), folder=folder,
        options=options, seconds=seconds, facts=facts,
        before=str(preview(picture, folder)) if small else source.path,
    )  # fmt: skip


def arrays_of(kept: Kept) -> dict[str, Any]:
    """What :func:`keep_result` kept; raises EditingError once it is gone."""
    try:
        keep(kept.folder / _ARRAYS)
        with np.load(kept.folder / _ARRAYS) as arrays:
            found = dict(arrays)
        if Path(kept.before).exists():  # else the slider has lost one side, and the download nothing
            keep(kept.before)
    except FileNotFoundError as error:
        raise EditingError(messages.RESULT_GONE) from error
    return found


def original(kept: Kept, arrays: Mapping[str, Any]) -> Picture:
    """The source, as it was read."""
    return replace(kept.picture, pixels=arrays["original"], alpha=arrays.get("original_alpha"))


def forget(kept: Kept | None) -> None:
    """Delete a result whose place on the page is taken: it is large."""
    if kept:
        shutil.rmtree(kept.folder, ignore_errors=True)


def save(
    result: Picture, source: str, ending: str, folder: Path, saving: SaveOptions, recipe: Mapping[str, Any]
) -> tuple[Path, tuple[Message, ...]]:
    """Write a result under a name that says what was done to which picture; gives the file and what it can't hold."""
    file = folder / f"{Path(source).stem[:80]}-{ending}.{saving.format}"
    return file, write_picture(result, file, strip=saving.strip, keep_gps=saving.keep_gps, recipe=dict(recipe))


def viewed(result: Picture, file: Path) -> Path:
    """What the page shows of a result: its file, or a preview beside it where browsers can't show that, or slowly."""
    plain = probe_picture(file).format in SHOWN_BY_BROWSERS and result.width * result.height <= PREVIEW_PIXELS
    return file if plain else preview(result, file.parent)


def show(
    kept: Kept, result: Picture, recipe: Mapping[str, Any], saving: SaveOptions, language: str, *, ending: str,
    line: Callable[[Mapping[str, Any]], str], remarks: Iterable[str] = (), overlay: Picture | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Save the result once and give that same file to the slider and the download; the version before it goes.

    ``line`` makes the words from width, height, seconds, size and format; ``remarks`` follow, and ``overlay`` is shown
    in the result's place. Gives ``slider``, ``info``, ``download``, ``recipe`` and ``kept``.
    """
    # A folder for each version: a browser shows the file that it already has under an address.
    file, notices = save(
        result, kept.source.path, ending, Path(tempfile.mkdtemp(dir=kept.folder)), saving, recipe
    )  # fmt: skip
    after = viewed(result, file) if overlay is None else preview(overlay, file.parent)
    text = line({
        "width": result.width, "height": result.height, "seconds": duration(kept.seconds),
        "size": size_text(file.stat().st_size), "format": fields.word(SaveOptions, "format", saving.format),
    })  # fmt: skip
    said = [*remarks]
    said += [notice.to(language) for notice in (*result.notices[len(kept.picture.notices) :], *notices)]
    if after != file:
        said.append(say("preview_note", language))
    if kept.file:
        shutil.rmtree(Path(kept.file).parent, ignore_errors=True)
    return {
        "slider": gr.update(value=(kept.before, str(after)), label=T("result")),
        "info": text + "".join(f"<br>{as_text(remark)}" for remark in said),
        "download": gr.update(value=str(file), interactive=True),
        "recipe": dict(recipe),
        "kept": replace(kept, file=str(file)),
    }


def send(kept: Kept | None) -> dict[str, Any]:
    """Put the result into the Upscale tab, and go there: ``picture`` and ``tabs``."""
    if not kept or not Path(kept.file).exists():
        raise EditingError(messages.RESULT_GONE)
    return {"picture": kept.file, "tabs": gr.update(selected="upscale")}


# ---- the API ---------------------------------------------------------------------------------------------------------


def sent(file: str | None, request: gr.Request) -> str:
    """The visitor's own link to a picture sent to the API; raises EditingError where there is none."""
    if not file:
        raise EditingError(messages.NO_PICTURE_SENT)
    return owned(file, new_folder(request))


def facts_of(
    result: Picture, started: float, notices: Iterable[Message], recipe: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """What the API says of a result, in English: programs read it."""
    return {
        "width": result.width, "height": result.height, "seconds": round(time.monotonic() - started, 3),
        "notices": [str(notice) for notice in (*result.notices, *notices)], "recipe": dict(recipe), **more,
    }  # fmt: skip
