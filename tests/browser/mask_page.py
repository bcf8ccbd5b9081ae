"""A page with nothing but the mask canvas, under the app's own headers: ``python tests/browser/mask_page.py``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import gradio as gr
import numpy as np

from editing.pictures.read import read_picture
from editing.ui import mask_canvas, page
from editing.ui.handlers import guarded

FACES = {
    1: [(0.1, 0.2), (0.3, 0.2), (0.3, 0.6), (0.1, 0.6)],
    2: [(0.6, 0.3), (0.8, 0.3), (0.8, 0.7), (0.6, 0.7)],
}


def build() -> gr.Blocks:
    """The page; "check" tells what the server reads of the mask, in the picture's own pixels."""
    with gr.Blocks() as blocks:
        size = gr.State()
        with gr.Tabs():
            with gr.Tab("Mask"):
                picture = gr.Image(type="filepath", image_mode=None, height=120, elem_id="picture")
                canvas = mask_canvas.build("try", boxes=True)
            with gr.Tab("Other"):
                gr.Markdown("nothing")
        faces, check = gr.Button("faces", elem_id="faces"), gr.Button("check", elem_id="check")
        facts = gr.Textbox(elem_id="facts")
        box = gr.Textbox(elem_id="box")
        gr.Textbox(elem_id="words")
        picture.change(give, picture, [size, canvas.orders, canvas.value])
        faces.click(lambda: mask_canvas.show_faces("try", FACES), None, canvas.orders)
        check.click(look, [size, canvas.value], facts)
        canvas.box.change(lambda value: str(mask_canvas.read_box(value, 100, 100)), canvas.box, box)
        canvas.load.upload(load, [canvas.load, size], canvas.orders)
    return blocks


def give(path: str | None, request: gr.Request) -> tuple[Any, str, str]:
    """A picture came, or went."""
    picture = read_picture(path) if path else None
    size = (picture.height, picture.width) if picture else None
    return size, mask_canvas.show("try", picture, path or "", request), ""


@guarded
def look(size: tuple[int, int] | None, value: str, request: gr.Request) -> str:
    """Shape, mean, and the bounds of what is masked by more than half."""
    if size is None:
        return "no picture"
    mask = mask_canvas.read(value, *size)
    if mask is None:
        return "no mask"
    rows, columns = np.nonzero(mask > 0.5)
    return (
        f"{mask.shape[0]} {mask.shape[1]} {mask.mean():.5f} "
        f"{columns.min()} {rows.min()} {columns.max() + 1} {rows.max() + 1}"
    )


@guarded
def load(path: str, size: tuple[int, int], request: gr.Request) -> str:
    """A mask file was chosen."""
    return mask_canvas.load("try", path, *size, request)


if __name__ == "__main__":
    build().launch(**page.launch_options())
