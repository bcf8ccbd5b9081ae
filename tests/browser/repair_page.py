"""The Repair tab with stand-ins for its networks: ``python tests/browser/repair_page.py``.

Faces are where :data:`FACES` says, and a repaired face has a chequered pattern: anybody can see which one it was.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import gradio as gr
import numpy as np
import torch

from editing.faces import align, detect, likeness, restore
from editing.faces.align import Face
from editing.faces.restore import Restorer
from editing.runtime import Backend
from editing.ui import jobs, onward, page, repair_tab


def face_at(x: float, y: float, side: float = 60) -> Face:
    """A face whose landmarks lie as in the template, its box's middle at (x, y)."""
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return Face(box=box, landmarks=(align.TEMPLATE - 256) / 400 * side + np.array([x, y]), score=0.99)


FACES = [face_at(80, 100), face_at(240, 100), face_at(400, 110)]


def stand_in() -> None:
    """Put networks of no size in the place of the detector and of the repairer."""

    # Fine enough to outlive the matching of colours.
    pattern = torch.from_numpy((0.6 * ((np.indices((64, 64)) // 4).sum(0) % 2) - 0.3).astype(np.float32))

    def run(picture: Any, mask: Any) -> tuple[Any, Any]:
        return picture + pattern, picture

    restorer = Restorer(
        name="repairer", sha256="0" * 64, licence="none", backend=Backend("cpu", "fp32"), side=64, fills=True, run=run
    )
    restore.load_restorer = lambda *_: restorer
    detect.detect_faces = lambda *_, **__: list(FACES)
    detect.face_in = lambda picture, box, **_: face_at((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    restore.load_parser = lambda: None
    likeness.is_face = lambda _: True
    likeness.head_outline = lambda _: align.outline()


def build() -> gr.Blocks:
    """The page."""
    with gr.Blocks() as blocks:
        with gr.Tabs(elem_id="tabs") as tabs:
            onward.connect([repair_tab.build("repair")], tabs)
        blocks.load(jobs.introduce, None, jobs.announce(), queue=False, api_visibility="private")
    blocks.queue(api_open=False)
    return blocks


if __name__ == "__main__":
    stand_in()
    build().launch(**page.launch_options())
