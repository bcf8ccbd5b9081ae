"""A read-only look at trainings: the curves, sample grids and options in the folders under ``runs/``.

``ATELIER_RUNS`` names another folder. Only folders directly in it are shown, and of each only the files that a training
writes; links are not followed out of it. Files are copied before they are shown: a training goes on writing its own.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr

from editing import messages
from editing.errors import EditingError
from editing.ui.gradio_hacks import by_name
from editing.ui.handlers import HIDDEN, guarded, new_folder
from editing.ui.translations import T, language_of, say

GRIDS = 12  # sample grids shown, the newest ones
LARGEST = 20_000_000  # bytes of a file that is shown
MEASURED = ("fd", "kid", "diversity", "novelty")


def folder() -> Path:
    """Where the trainings lie."""
    return Path(os.environ.get("ATELIER_RUNS") or "runs")


def names() -> list[str]:
    """The trainings there are, the one written to last first."""
    try:
        found = [
            (path.stat().st_mtime, path.name)
            for path in folder().iterdir()
            if not path.name.startswith(".") and not path.is_symlink() and _is_ours(path / "options.json")
        ]
    except OSError:  # no such folder
        return []
    return [name for _, name in sorted(found, reverse=True)]


def build_choice() -> gr.Dropdown:
    """The list of trainings; what is in it is asked anew when the page is opened."""
    known = names()
    return gr.Dropdown(known, value=known[0] if known else None, label=T("training"), elem_id="run-name")


def build_view(choice: gr.Dropdown) -> None:
    """What is shown of the training chosen in ``choice``."""
    facts = gr.Markdown(elem_id="run-facts")
    gr.Markdown(T("run_grids"))
    grids = gr.Gallery(
        label=T("run_grids"), show_label=False, columns=3, object_fit="contain", height="auto", interactive=False,
        buttons=[], elem_id="run-grids",
    )  # fmt: skip
    curves = gr.Image(label=T("run_curves"), type="filepath", interactive=False, elem_id="run-curves")
    with gr.Accordion(T("run_options"), open=False):
        options = gr.JSON(show_label=False)
    shown = {"facts": facts, "grids": grids, "curves": curves, "options": options}
    showing = by_name(show, {"name": choice}, shown)
    gr.on(None, _choices, None, choice, queue=False, **HIDDEN).then(**showing, show_progress="hidden", **HIDDEN)
    choice.change(**showing, **HIDDEN)


def _choices() -> Any:
    known = names()
    return gr.update(choices=known, value=known[0] if known else None)


@guarded
def show(*, name: str | None, request: gr.Request) -> dict[str, Any]:
    """Facts, sample grids, curves and options of the training called ``name``, which must be one of :func:`names`."""
    if not name:
        return {"facts": None, "grids": None, "curves": None, "options": None}
    if name not in names():  # whatever a request says, no other folder is read
        raise EditingError(messages.NO_TRAINING)
    run = folder() / name
    kept = new_folder(request)
    options = _read_options(run / "options.json")
    grids = []
    for path in sorted((run / "samples").glob("*.png"), reverse=True)[:GRIDS]:
        if copy := _copied(path, kept):
            grids.append((copy, path.stem.lstrip("0") or "0"))
    facts = _facts(run / "log.csv", options, language_of(request))
    return {"facts": facts, "grids": grids, "curves": _copied(run / "curves.png", kept), "options": options}


def _is_ours(path: Path) -> bool:
    """Whether this is a plain file of a size to show, in the place where it seems to be."""
    try:
        inside = path.resolve().is_relative_to(folder().resolve())
        return inside and path.is_file() and path.stat().st_size <= LARGEST
    except OSError:
        return False


def _copied(path: Path, kept: Path) -> str | None:
    if not _is_ours(path):
        return None
    try:
        return str(shutil.copyfile(path, kept / path.name))
    except OSError:  # gone meanwhile
        return None


def _read_options(path: Path) -> dict[str, Any]:
    """The options of a training, its paths reduced to names: the page may be public, the machine's folders are not."""
    try:
        options = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(options, dict):
        return {}
    return {
        key: Path(value).name if isinstance(value, str) and ("/" in value or "\\" in value) else value
        for key, value in options.items()
    }


def _facts(path: Path, options: dict[str, Any], language: str) -> str:
    """A line on how far the training has come and what was measured last."""
    step, seconds = "0", "0"
    measured: dict[str, str] = {}
    if _is_ours(path):
        with path.open(encoding="utf-8", errors="replace", newline="") as file, suppress(csv.Error):
            for row in csv.DictReader(file):
                step, seconds = row.get("step") or step, row.get("seconds") or seconds
                measured |= {name: row[name] for name in MEASURED if row.get(name)}
    try:
        hours = float(seconds) / 3600
        numbers = {name: float(value) for name, value in measured.items()}
    except ValueError:  # a row being written
        hours, numbers = 0.0, {}
    text = say("run_progress", language, step=step, steps=options.get("steps", "?"), hours=f"{hours:.1f}")
    if "fd" in numbers:
        text += say("run_fd", language, fd=f"{numbers['fd']:.1f}")
    if "diversity" in numbers:
        text += say("run_diversity", language, diversity=f"{numbers['diversity']:.2f}")
    if "novelty" in numbers:
        text += say("run_novelty", language, novelty=f"{numbers['novelty']:.2f}")
    return text
