"""A visitor, as the handlers see one of a gr.Request; and masks as the canvas sends them."""

from __future__ import annotations

import base64
import io
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image


class Visitor(gr.Request):
    """``arrived``, by time.perf_counter(), is when the event came: now, if nobody says."""

    def __init__(self, session: str = "one", language: str = "en", arrived: float | None = None) -> None:
        self.session_hash, self.cookies = session, {"atelier_lang": language}
        self.headers = {} if arrived is None else {"x-atelier-arrived": repr(arrived)}


def sent(pixels: np.ndarray[Any, Any], kind: str = "PNG") -> str:
    """A mask (H, W) uint8 as the canvas sends it: white on black, opaque."""
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGBA").save(file, kind)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
