"""The panel at the page's foot: what ``doctor`` says of this machine, and how fast each model is on it.

Strangers are not told which versions run, nor may they have the machine measured: where the page can be reached from
elsewhere, the panel is there only with logins (``ATELIER_AUTH``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import gradio as gr

from editing import doctor
from editing.errors import Stopped
from editing.messages import without_folders
from editing.settings import is_public
from editing.ui import jobs
from editing.ui.gradio_hacks import by_name
from editing.ui.handlers import COMPUTE, HIDDEN, QUICK, as_text, guarded, stoppable
from editing.ui.translations import T, language_of, say

_BAR = 8  # letters of the chart's longest bar


def offered() -> bool:
    """Whether the panel may be shown: to who uses the machine, or has logged in."""
    return not is_public() or bool(os.environ.get("ATELIER_AUTH", "").strip())


def build() -> None:
    """The closed accordion; nothing is looked at before it is opened."""
    with gr.Accordion(T("doctor"), open=False, elem_id="doctor") as panel:
        with gr.Column(elem_classes="foot"):
            jobs.line("machine")
            with gr.Row():
                run = jobs.run_button("machine", T("doctor_measure"))
        table = gr.Markdown(elem_id="doctor-table")
        facts = gr.Markdown(elem_id="doctor-facts")
    panel.expand(**by_name(show, {}, {"facts": facts}), **QUICK)
    run.click(**by_name(measure, {}, {"table": table}), show_progress="hidden", **HIDDEN, **COMPUTE)


@guarded
def show(*, request: gr.Request) -> dict[str, Any]:
    """What doctor finds, problems first."""
    language = language_of(request)
    found = sorted(doctor.checks(), key=lambda check: check.ok)
    lines = [
        f"- {'' if check.ok else '**⚠** '}{as_text(without_folders(check.message).to(language))}" for check in found
    ]
    return {"facts": "\n".join(lines)}


@guarded
def measure(*, request: gr.Request, progress: gr.Progress = gr.Progress()) -> dict[str, Any]:
    """Measure every model, or recall what was measured; Stop shows what there is."""
    found: list[doctor.Speed] = []
    with stoppable(request, progress) as work:  # each measurement takes the machine for itself
        report = work.report(counting="networks")
        try:
            for speed in doctor.speeds(ask=work.check):
                found.append(speed)
                report(len(found), 0)
        except Stopped:
            if not found:
                raise
    return {"table": _table(found, language_of(request))}


def _table(found: Sequence[doctor.Speed], language: str) -> str:
    """Markdown: a row and a bar for each, the fastest first."""
    found = sorted(found, key=lambda speed: speed.seconds)
    rows = [
        f"| {as_text(speed.model)} | {speed.precision} | {speed.seconds:.2f} | {speed.memory / 1e9:.2f} | "
        f"{'█' * length} |"
        for speed, length in zip(found, doctor.bars(found, _BAR), strict=True)
    ]
    return "\n".join([say("doctor_columns", language), "|---|---|--:|--:|:--|", *rows])
