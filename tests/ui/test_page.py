"""The page as a whole: what every event must keep to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import gradio as gr

from editing.ui.handlers import AnyImage

ROOT = Path(__file__).parent.parent.parent
UNQUEUED = """
import json
from editing.ui import page
print(json.dumps([fn.name for fn in page.build().fns.values() if not fn.queue]))
"""


def test_only_what_can_say_nothing_goes_round_the_queue() -> None:
    """Gradio 6.31 shows no toast for an error, a warning or a word from a handler that is not queued."""
    # In a process of its own, since Gradio leaves event loops unclosed.
    command = [sys.executable, "-c", UNQUEUED]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(ran.stdout.splitlines()[-1])
    assert "request_stop" in found
    assert set(found) <= {"request_stop", "show_machine", "_choices", "load_example"}


def test_an_image_keeps_our_reader_when_gradio_makes_it_anew() -> None:
    """As it does for each visitor when a handler updates it, by its class and its arguments."""
    given = AnyImage(type="filepath", image_mode=None, render=False)
    again = given.__class__(**given.constructor_args)
    payload = gr.components.image.ImageData(path="/no/picture.png", orig_name="picture.png")
    assert again.preprocess(payload) == "/no/picture.png"
    assert again.get_block_name() == "image"
