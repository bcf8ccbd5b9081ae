"""The workbench that every tab is: at the left its stage, at the right a panel whose foot is always in sight.

The stage (``#NAME-stage``) holds the pictures. The panel (``#NAME-panel``) scrolls within; its foot says in a line what
a run will take, and has the one button that runs it, and Download. page.css gives them their places.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from editing.costs import NotMeasuredError
from editing.ui.translations import T


@contextmanager
def tab(name: str, title: Any) -> Iterator[gr.Tab]:
    """A tab of the page, for :func:`stage` and :func:`panel`."""
    with gr.Tab(title, id=name) as made, gr.Row(elem_classes="bench"):
        yield made


@contextmanager
def stage(name: str) -> Iterator[gr.Column]:
    """Where the pictures of a tab are."""
    with gr.Column(elem_id=f"{name}-stage", elem_classes="stage") as made:
        yield made


@contextmanager
def panel(name: str) -> Iterator[gr.Column]:
    """Beside the stage, for :func:`dials` and :func:`foot`."""
    with gr.Column(elem_id=f"{name}-panel", elem_classes="side") as made:
        yield made


@contextmanager
def dials() -> Iterator[gr.Column]:
    """What scrolls in a panel."""
    with gr.Column(elem_classes="dials") as made:
        yield made


@contextmanager
def foot() -> Iterator[gr.Column]:
    """What stays in sight below the dials."""
    with gr.Column(elem_classes="foot") as made:
        yield made


def estimate(name: str) -> tuple[gr.Markdown, gr.Timer]:
    """The line of the foot that says what a run will take; and a timer that asks again while it isn't known."""
    return gr.Markdown(T("waiting"), elem_id=f"{name}-estimate", elem_classes="estimate"), gr.Timer(3, active=False)


def answer(line: Any, error: Exception | None = None) -> dict[str, Any]:
    """What becomes of both: where the machine was busy, the timer asks again until it is known."""
    return {"cost": line, "again": gr.update(active=isinstance(error, NotMeasuredError))}


def download(id: str, label: Any = None, *, visible: bool = True) -> gr.DownloadButton:
    """A button of the foot for a result's file, dead until there is one."""
    return gr.DownloadButton(label or T("download"), interactive=False, visible=visible, elem_id=id, min_width=80)
