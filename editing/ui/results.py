"""A picture given and the result made of it, which Upscale, Repair and Stylize have alike.

A picture that is given becomes a :class:`Source`. What a run makes of it is kept whole, as a :class:`Kept`, so that
dials and ways of saving follow without another run: each tab mixes anew from the arrays, and :func:`show` saves that
once and gives the same file to the stage and to the download.
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
from editing.errors import EditingError
from editing.messages import Message
from editing.options import SaveOptions, default_of, read, spec_of
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture, Pixels
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import check_side, write_picture
from editing.ui import fields, stage
from editing.ui.gradio_hacks import AnyImage, arrival, by_name
from editing.ui.handlers import (
    QUICK,
    as_text,
    duration,
    give,
    guarded,
    is_there,
    keep,
    laid,
    new_folder,
    owned,
    preview,
    size_text,
    tell,
)
from editing.ui.offers import offer
from editing.ui.stage import SHOWN_BY_BROWSERS, Stage
from editing.ui.translations import T, language_of, say

Options = TypeVar("Options")
PREVIEW_PIXELS = 16_000_000  # larger pictures are shown reduced: browsers get slow, and hosted pages slower
ARRAYS = "kept.npz"
LOSSY = ("jpg", "webp")  # formats that have a quality


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """The picture in a tab."""

    tab: str  # such as "upscale"; also the task of recipes
    path: str  # of the visitor's own: Gradio deletes uploads after an hour
    upload: str  # by which Gradio knows it
    width: int
    height: int
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
    file: str = ""  # what is shown now, in a folder of its own
    facts: Any = None
    asked: Any = None  # the settings of the run, by which :func:`badge` sees that others are there now


# ---- components ------------------------------------------------------------------------------------------------------


def picture_input(name: str) -> gr.Image:
    """What a picture is given to by the stage, by other tabs and by examples; the stage shows it."""
    return AnyImage(type="filepath", image_mode=None, elem_id=name, sources=["upload"], visible="hidden")


def take_files(area: Stage, picture: gr.Image) -> None:
    """A file dropped on the stage, pasted or chosen there goes to ``picture``."""
    area.open.upload(**by_name(_first, {"files": area.open}, {"picture": picture}), **QUICK)


@guarded
def _first(*, files: str | list[str] | None, request: gr.Request) -> dict[str, Any]:
    if not files:
        return {}
    file = files[0] if isinstance(files, list) else files
    # A file of its own: Gradio tells nothing when a component is given what it has already.
    return {"picture": owned(file, new_folder(request))}


def saving_controls(name: str) -> dict[str, Any]:
    """The components of SaveOptions, for a tab called ``name``; the quality shows where the format has one."""
    kind = fields.field(SaveOptions, "format", info=None, elem_id=f"{name}-format")
    spec = spec_of(SaveOptions, "quality")
    quality = gr.Slider(
        spec.low, spec.high, default_of(SaveOptions, "quality"), step=1, label=T("SaveOptions_quality"), info=None,
        visible=False, elem_id=f"{name}-quality",
    )  # fmt: skip
    kind.change(lambda chosen: gr.update(visible=chosen in LOSSY), kind, quality, **QUICK)
    return {
        "format": kind,
        "quality": quality,
        "strip": fields.field(SaveOptions, "strip", info=None),
        "keep_gps": fields.field(SaveOptions, "keep_gps", info=None),
    }


def saving_parameters() -> dict[str, Any]:
    """As :func:`saving_controls`, for an API, for :func:`saving_of`."""
    return {
        "file_format": fields.parameter(SaveOptions, "format"), **fields.parameters(SaveOptions, "strip", "keep_gps")
    }  # fmt: skip


def quality_parameter() -> dict[str, Any]:
    """The rest of :func:`saving_parameters`, which came later: after all that programs may give by its place."""
    return fields.parameters(SaveOptions, "quality")


def saving_of(given: Mapping[str, Any]) -> SaveOptions:
    """What an API's caller says of saving."""
    return fields.read(SaveOptions, {**given, "format": given["file_format"]})


# ---- a picture given -------------------------------------------------------------------------------------------------


def told_again(path: str | None, source: Source | None) -> bool:
    """Whether this is no news: Gradio tells again when a tab is shown for the first time."""
    return path == source.upload if source else not path


def look(
    path: str | None, tab: str, request: gr.Request, sent: Mask | None = None
) -> tuple[Source | None, Picture | None, dict[str, Any]]:
    """A new picture, None where it was taken away; and what changes: ``source``, ``use_recipe``, ``orders``.

    ``sent`` is the mask that came with it. Raises ImageError for what can't be read, and the picture before stays.
    """
    if not path:
        give(request, tab)
        cleared = {"source": None, "use_recipe": gr.update(visible=False), "orders": stage.show(tab, None, "", request)}
        return None, None, cleared
    own = owned(path, new_folder(request))
    picture = read_picture(own)  # what is refused leaves everything as it was
    tell(picture.notices, language_of(request))
    source = Source(
        tab=tab, path=own, upload=path, width=picture.width, height=picture.height, alpha=picture.alpha is not None,
        given=give(request, tab),
        recipe=picture.recipe if picture.recipe and picture.recipe.get("task") == tab else None,
    )  # fmt: skip
    return source, picture, {
        "source": source, "use_recipe": offer(tab, picture.recipe, language_of(request)),
        "orders": stage.show(tab, picture, own, request, sent),
    }  # fmt: skip


def given(source: Source | None) -> Source:
    """The picture that is there; raises EditingError where there is none."""
    if source is None:
        raise EditingError(messages.NO_PICTURE)
    return source


def options_of(recipe: Mapping[str, Any] | None, kind: type[Options], *, without: Iterable[str] = ()) -> Options:
    """The options with which a picture was made; raises EditingError where its file doesn't say, or wrongly."""
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
    *, asked: Any = None, **arrays: Pixels | None,
) -> Kept:  # fmt: skip
    """Keep ``arrays`` in ``folder``, uncompressed, with the source's pixels: nothing is decoded again for a dial."""
    every = {"original": picture.pixels, "original_alpha": picture.alpha, **arrays}
    there: dict[str, Any] = {name: array for name, array in every.items() if array is not None}
    np.savez(folder / ARRAYS, **there)
    return Kept(
        source=source, picture=replace(picture, pixels=picture.pixels[:1, :1].copy(), alpha=None), folder=folder,
        options=options, seconds=seconds, facts=facts, asked=asked,
    )  # fmt: skip


def arrays_of(kept: Kept) -> dict[str, Any]:
    """What :func:`keep_result` kept; raises EditingError once it is gone."""
    try:
        keep(kept.folder / ARRAYS)
        with np.load(kept.folder / ARRAYS) as arrays:
            found = dict(arrays)
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


def check_fits(saving: SaveOptions, width: int, height: int) -> None:
    """Before the work: raise ImageError where the format that was chosen can't hold a result so large."""
    check_side(Path(f"result.{saving.format}"), width, height)


def save(
    result: Picture, source: str, ending: str, folder: Path, saving: SaveOptions, recipe: Mapping[str, Any]
) -> tuple[Path, tuple[Message, ...]]:
    """Write a result under a name that says what was done to which picture; gives the file and what it can't hold."""
    file = folder / f"{Path(source).stem[:80]}-{ending}.{saving.format}"
    return file, write_picture(
        result, file, quality=saving.quality, strip=saving.strip, keep_gps=saving.keep_gps, recipe=dict(recipe)
    )  # fmt: skip


def viewed(result: Picture, file: Path) -> Path:
    """What a gallery shows of a result: its file, or a preview beside it where browsers can't show that, or slowly."""
    plain = probe_picture(file).format in SHOWN_BY_BROWSERS and result.width * result.height <= PREVIEW_PIXELS
    return file if plain else preview(result, file.parent)


def badge(tab: str, kept: Kept | None, asked: Any, language: str) -> str:
    """The order for the badge on the stage: whether ``asked``, the settings of now, are others than the result's."""
    return stage.show_stale(tab, say("changed", language) if kept and kept.asked != asked else "")


def show(
    kept: Kept, result: Picture, recipe: Mapping[str, Any], saving: SaveOptions, language: str, *, ending: str,
    line: Callable[[Mapping[str, Any]], str], remarks: Iterable[str] = (), overlay: Picture | None = None,
    spent: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Save the result once and give that same file to the stage and the download; the version before it goes.

    ``line`` makes the words from width, height, seconds, size and format; ``remarks`` follow, and ``overlay`` is shown
    in the result's place. ``spent``: what was painted has done its work. Gives ``shown``, ``info``, ``download``,
    ``recipe`` and ``kept``.
    """
    # A folder for each version: a browser shows the file that it already has under an address.
    file, notices = save(
        result, kept.source.path, ending, Path(tempfile.mkdtemp(dir=kept.folder)), saving, recipe
    )  # fmt: skip
    after = file if overlay is None else preview(overlay, file.parent)
    text = line({
        "width": result.width, "height": result.height, "seconds": duration(kept.seconds),
        "size": size_text(file.stat().st_size), "format": fields.word(SaveOptions, "format", saving.format),
    })  # fmt: skip
    said = [*remarks]
    said += [notice.to(language) for notice in (*result.notices[len(kept.picture.notices) :], *notices)]
    if after != file or probe_picture(file).format not in SHOWN_BY_BROWSERS:
        said.append(say("preview_note", language))
    if kept.file:
        shutil.rmtree(Path(kept.file).parent, ignore_errors=True)
    return {
        "shown": stage.show_result(kept.source.tab, overlay or result, after, spent=spent),
        "info": text + "".join(f"<br>{as_text(remark)}" for remark in said),
        "download": gr.update(value=str(file), interactive=True),
        "recipe": dict(recipe),
        "kept": replace(kept, file=str(file)),
    }


def drawn_on(source: Source, value: str | None, request: gr.Request) -> Mask | None:
    """The mask on a tab's picture, as large as that; None where nothing is drawn."""
    return stage.read(value, source.height, source.width, laid(request, source.tab))


@guarded
def load_mask(*, file: str | None, source: Source | None, request: gr.Request) -> dict[str, Any]:
    """A mask file was chosen: lay it on the stage of the tab whose picture is given."""
    source = given(source if file else None)
    return {"orders": stage.load(source.tab, file or "", source.height, source.width, request)}


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
