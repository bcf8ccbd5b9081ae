"""The example pictures of a tab: one click gives the picture, sets what suits it, and runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from editing.pictures import masks
from editing.pictures.read import probe_picture
from editing.ui import stage
from editing.ui.gradio_hacks import by_name
from editing.ui.handlers import QUICK, guarded, new_folder
from editing.ui.shown import EXAMPLES, Example
from editing.ui.translations import T


def build(tab: str) -> list[gr.Button]:
    """A button for each example of ``tab``, with its picture and what is wrong with it."""
    with gr.Row(elem_classes="tries", elem_id=f"{tab}-examples"):
        return [
            gr.Button(
                T(f"example_{tab}_{number}"), icon=str(example.file), size="sm", min_width=60,
                elem_id=f"{tab}-example-{number}",
            )
            for number, example in enumerate(EXAMPLES[tab], 1)
        ]  # fmt: skip


def connect(
    tab: str, buttons: Sequence[gr.Button], look: Callable[..., dict[str, Any]], outputs: Mapping[str, Any],
    *steps: Mapping[str, Any],
) -> list[Any]:  # fmt: skip
    """``look`` takes a picture as the tab does, (path=, sent=, request=); ``steps`` are the events that follow.

    ``outputs`` are the components that it changes, and those of the settings, by name, with ``picture`` and ``came``.
    Gives the last event of each example.
    """
    last = []
    for button, example in zip(buttons, EXAMPLES[tab], strict=True):
        event = button.click(**by_name(_loading(example, look, outputs), {}, outputs), **QUICK)
        for step in steps:
            event = event.then(**step)
        last.append(event)
    return last


def _loading(
    example: Example, look: Callable[..., dict[str, Any]], outputs: Mapping[str, Any]
) -> Callable[..., dict[str, Any]]:
    @guarded
    def try_example(*, request: gr.Request) -> dict[str, Any]:
        path = shutil.copyfile(example.file, new_folder(request) / example.file.name)
        sent = None
        if example.mask:
            header = probe_picture(path)
            sent = masks.read(example.mask, *stage.reduced(header.height, header.width))
        # Gradio will tell of the picture once more, which is no news by then.
        changes = {"picture": str(path), "came": ""} | look(path=str(path), sent=sent, request=request)
        if example.task:
            changes["task"] = example.task
        for name, value in example.settings.items():
            if name in outputs:
                before = changes.get(name)
                changes[name] = {**before, "value": value} if isinstance(before, dict) else value
        return changes

    return try_example
