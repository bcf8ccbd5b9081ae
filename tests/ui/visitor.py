"""A visitor, as the handlers see one; masks as the stage sends them; the built page in a process of its own."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path
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
    """A mask (H, W) uint8 as the stage sends it: white on black, opaque."""
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGBA").save(file, kind)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


BUILD = """
import json, sys
from pathlib import Path
import gradio as gr
from editing.weights import files
files.SHIPPED = Path(sys.argv[1])
from editing.ui import page
built = page.build()
blocks = built.blocks.values()
print(json.dumps({
    "tabs": [block.id for block in blocks if isinstance(block, gr.Tab)],
    "public": [fn.api_name for fn in built.fns.values() if fn.api_visibility == "public"],
    "unqueued": [fn.name for fn in built.fns.values() if not fn.queue],
    "strays": [str(c) for b in blocks if isinstance(b, gr.Tabs) for c in b.children if not isinstance(c, gr.Tab)],
    "api": {
        name: [one["parameter_name"] for one in endpoint["parameters"]]
        for name, endpoint in built.get_api_info()["named_endpoints"].items()
    },
}))
"""


def built_page(weights: Path | None = None, shipped: Path | None = None, **environment: str) -> dict[str, Any]:
    """What the page consists of, with the weights in a folder, and in another in the place of those that ship.

    In a process of its own, since Gradio leaves event loops unclosed.
    """
    root = Path(__file__).parent.parent.parent
    variables = os.environ | environment | ({} if weights is None else {"ATELIER_WEIGHTS": str(weights)})
    command = [sys.executable, "-c", BUILD, str(shipped or root / "weights")]
    ran = subprocess.run(command, env=variables, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found
