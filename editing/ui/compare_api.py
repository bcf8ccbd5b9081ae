"""The API's part of Compare: several models, styles or fidelities on one picture, on one sheet."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import gradio as gr

from editing.options import CompareOptions, SaveOptions
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import compare
from editing.ui import fields, results
from editing.ui.gradio_hacks import AnyFile, by_name
from editing.ui.handlers import COMPUTE, guarded, job, new_folder, owned


def build() -> None:
    """Add ``/compare`` to the page being built, beside the tabs."""
    file, sheet = AnyFile(visible=False, type="filepath"), gr.File(visible=False)
    files = AnyFile(visible=False, type="filepath", file_count="multiple")
    single = gr.File(visible=False, file_count="multiple")
    facts, run = gr.JSON(visible=False), gr.Button(visible=False)
    given = {
        "items": fields.parameter(CompareOptions, "items", value=""),
        **fields.parameters(CompareOptions, "crop", "scale", "side", "precision"),
    }
    run.click(
        **by_name(
            compare_endpoint, {"file": file, **given, "files": files},
            {"sheet": sheet, "results": single, "facts": facts},
        ),
        api_name="compare", **COMPUTE,
    )  # fmt: skip


@guarded
def compare_endpoint(
    *, file: str | None, files: list[str] | None = None, request: gr.Request, progress: gr.Progress = gr.Progress(),
    **given: Any,
) -> dict[str, Any]:  # fmt: skip
    """Compare on one picture what ``items`` name, such as "photo-fast,photo"; returns sheet, single results, facts.

    ``files`` are earlier results of the picture, which ``items`` name as they are called there.
    """
    path, options = results.sent(file, request), fields.read(CompareOptions, given)
    folder = new_folder(request)
    earlier = {Path(one).name: Path(owned(one, folder)) for one in files or []}
    compare.find_items(options, files=earlier, paths=False)  # before it waits for the machine
    started = time.monotonic()
    with job(request, progress, path) as work:
        picture = read_picture(path)
        made = compare.compare(picture, options, files=earlier, paths=False, report=work.report())
    drawn, recipe = made.sheet(), compare.recipe(made)
    target = new_folder(request)
    saved, notices = results.save(drawn, path, "compared", target, SaveOptions(), recipe)
    singles = []
    for number, one in enumerate(made.results, 1):
        label = re.sub(r"[^\w.]+", "-", one.item.file.stem if one.item.file else one.item.label)
        singles.append(target / f"{Path(path).stem[:80]}-{number}-{label[:60]}.png")
        write_picture(one.picture, singles[-1], recipe=one.recipe)
    said = [
        {"item": one.item.name, "seconds": None if one.seconds is None else round(one.seconds, 3), "recipe": one.recipe,
         "width": one.picture.width, "height": one.picture.height}
        for one in made.results
    ]  # fmt: skip
    facts = results.facts_of(drawn, started, notices, recipe, results=said)
    return {"sheet": str(saved), "results": [str(one) for one in singles], "facts": facts}
