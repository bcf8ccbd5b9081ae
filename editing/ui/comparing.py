"""Compare several: two to four models, styles, fidelities or earlier results of the visit, side by side on the stage.

Upscale compares a part of the picture, round the place that was clicked last: models that take minutes for the whole of
it show there in seconds how they differ. The download is one sheet of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from editing import messages
from editing.errors import OptionError
from editing.options import CompareOptions, Crop, SaveOptions
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import compare
from editing.ui import fields, results, stage, visit
from editing.ui.gradio_hacks import by_name
from editing.ui.handlers import COMPUTE, HIDDEN, QUICK, guarded, job, new_folder
from editing.ui.results import Source
from editing.ui.stage import MOST_SEVERAL, Stage
from editing.ui.translations import T, language_of, say

PART = 320  # pixels, each side of what Upscale compares
_EARLIER = "visit:"  # before the number of a result of the visit, the newest is 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparing:
    """The components, for :func:`connect`."""

    box: gr.Accordion
    items: gr.CheckboxGroup
    run: gr.Button
    sheet: gr.DownloadButton


Named = Callable[[str], list[tuple[str, str]]]  # language -> label and item of everything that a tab offers


def build(tab: str, named: Named) -> Comparing:
    """Add what is chosen from, to a tab's dials; :func:`connect` follows."""
    with gr.Accordion(T("compare_several"), open=False, elem_id=f"{tab}-compare") as box:
        items = gr.CheckboxGroup(
            named("en"), label=T("compare_what"), info=T("compare_info"), elem_id=f"{tab}-compare-items"
        )
        with gr.Row():
            run = gr.Button(T("compare_run"), size="sm", min_width=80, elem_id=f"{tab}-compare-run")
            sheet = gr.DownloadButton(
                T("compare_sheet"), size="sm", min_width=80, interactive=False, elem_id=f"{tab}-compare-sheet"
            )
    return Comparing(box=box, items=items, run=run, sheet=sheet)


def connect(
    tab: str, parts: Comparing, area: Stage, source: gr.State, named: Named, *, scale: Any = None, point: Any = None
) -> None:
    """``point`` is where the picture was clicked last, and makes it a comparison of the part round it."""
    given = {"source": source, "items": parts.items} | {
        name: part for name, part in (("scale", scale), ("point", point)) if part is not None
    }

    @guarded
    def offer(*, source: Source | None, request: gr.Request) -> dict[str, Any]:
        """The box was opened: the visit's results of this picture stand among the rest."""
        language = language_of(request)
        earlier = [
            (say("compare_earlier", language, name=Path(entry.file).name), f"{_EARLIER}{number}")
            for number, entry in enumerate(_earlier(tab, source, request))
        ]
        return {"items": gr.update(choices=[*named(language), *earlier])}

    @guarded
    def run(
        *, source: Source | None, items: Sequence[str], scale: object = None,
        point: tuple[float, float] | None = None, request: gr.Request, progress: gr.Progress = gr.Progress(),
    ) -> dict[str, Any]:  # fmt: skip
        """Do to the picture what each item says, and show all beside each other."""
        source, language = results.given(source), language_of(request)
        labels = {item: label for label, item in named(language)}
        if not 2 <= len(items) <= MOST_SEVERAL:
            raise OptionError(messages.TWO_TO_FOUR, count=len(items), most=MOST_SEVERAL)
        found = _earlier(tab, source, request)
        files = {f"{_EARLIER}{number}": Path(entry.file) for number, entry in enumerate(found)}
        labels |= {name: say("compare_earlier", language, name=file.name) for name, file in files.items()}
        with job(request, progress, source.path, *(files[item] for item in items if item in files)) as work:
            picture = read_picture(source.path)
            options = asked_for(items, scale, _part(picture, point) if "point" in given else None)
            made = compare.compare(picture, options, files=files, paths=False, report=work.report(counting="pictures"))
            if results.stale(source, request):
                return {}
        folder = new_folder(request)
        shown: list[tuple[Path, str, float | None]] = []
        for number, one in enumerate(made.results, 1):
            file = folder / f"{number}.png"
            write_picture(one.picture, file, recipe=one.recipe)
            shown.append((file, labels.get(one.item.name, one.item.label), one.seconds))
        sheet, _ = results.save(
            made.sheet(), source.path, "compared", folder, SaveOptions(), compare.recipe(made)
        )  # fmt: skip
        return {
            "shown": stage.show_several(tab, shown, request),
            "sheet": gr.update(value=str(sheet), interactive=True),
        }

    parts.box.expand(**by_name(offer, {"source": source}, {"items": parts.items}), **QUICK)
    parts.run.click(
        **by_name(run, given, {"shown": area.shown, "sheet": parts.sheet}), show_progress="minimal",
        show_progress_on=area.status, **COMPUTE, **HIDDEN,
    )  # fmt: skip


def asked_for(items: Sequence[str], scale: object, crop: Crop | None) -> CompareOptions:
    """What is compared; ``scale`` is what stands in the tab's chips, any number, None where a tab has none."""
    return fields.read(CompareOptions, {} if scale is None else {"scale": scale}, items=tuple(items), crop=crop)


def _earlier(tab: str, source: Source | None, request: gr.Request) -> list[visit.Entry]:
    """The visit's results of the picture that is there."""
    if not source:
        return []
    name = Path(source.path).name
    return [one for one in visit.entries(request) if one.tab == tab and Path(one.source).name == name]


def _part(picture: Picture, point: tuple[float, float] | None) -> Crop | None:
    """Left, top, width and height of at most ``PART`` x ``PART`` pixels round a point given in fractions."""
    if max(picture.width, picture.height) <= PART:
        return None
    across, down = point or (0.5, 0.5)
    width, height = min(PART, picture.width), min(PART, picture.height)
    left = max(0, min(round(across * picture.width - width / 2), picture.width - width))
    top = max(0, min(round(down * picture.height - height / 2), picture.height - height))
    return left, top, width, height
