"""The API's ``/restore``: a whole old photograph at once, as ``atelier repair --restore`` does it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gradio as gr

from editing.options import RestoreOptions
from editing.pictures import masks
from editing.pictures.read import read_picture
from editing.pipelines import restore
from editing.ui import fields, results
from editing.ui.gradio_hacks import by_name
from editing.ui.handlers import COMPUTE, guarded, job, known, new_folder, owned


def add(
    file: gr.File, mask: gr.File, model: gr.components.Component, result: gr.File, facts: gr.JSON
) -> None:  # fmt: skip
    """Add the end, which takes and gives by the components of ``/repair``; the options have some of their own."""
    own = {name: fields.parameter(RestoreOptions, name) for name in _OWN}
    given = {"model": model, **own, **results.saving_parameters(), **results.quality_parameter()}
    gr.Button(visible=False).click(
        **by_name(restore_endpoint, {"file": file, "mask": mask, **given}, {"file": result, "facts": facts}),
        api_name="restore", **COMPUTE,
    )  # fmt: skip


_OWN = ("find_damage", "clean", "colors", "size", "faces", "fidelity", "strength", "score", "min_size")


@guarded
def restore_endpoint(
    *,
    file: str | None,
    mask: str | None = None,
    request: gr.Request,
    progress: gr.Progress = gr.Progress(),
    **given: Any,
) -> dict[str, Any]:
    """Restore a whole old photograph: damage, noise, fading, faces, size; returns the file and the facts.

    ``find_damage`` "none", ``clean`` 0, ``colors`` 0 and ``faces`` "none" leave that out. ``mask`` (a picture, white:
    fill) is damage beside what is found. ``size`` enlarges 1, 2 or 4 times.
    """
    path, saving = results.sent(file, request), results.saving_of(given)
    options = fields.read(RestoreOptions, {**given, "model": given["model"] or RestoreOptions.model})
    known(options.model, "restore")
    over_file = owned(mask, Path(path).parent) if mask else None
    started = time.monotonic()
    with job(request, progress, path) as work:
        picture = read_picture(path)
        results.check_fits(saving, picture.width * options.size, picture.height * options.size)
        over = masks.read(over_file, picture.height, picture.width) if over_file else None
        restored = restore.restore(picture, options, over, report=work.report())
        made, recipe = restore.compose(restored), restore.recipe(restored)
    saved, notices = results.save(made, path, _ending(options), new_folder(request), saving, recipe)
    facts = results.facts_of(
        made, started, [*restored.notices, *notices], recipe, filled_by=restored.filled_by, noise=restored.sigma,
        masked=0.0 if restored.mask is None else round(float((restored.mask > 0).mean()), 6),
        found=restored.repaired.found,
        repaired=[
            {"number": face.number, "verdict": face.verdict(options.fidelity)}
            for face in restored.repaired.faces
        ],
    )  # fmt: skip
    return {"file": str(saved), "facts": facts}


def _ending(options: RestoreOptions) -> str:
    return f"restored-x{options.size}" if options.size > 1 else "restored"
