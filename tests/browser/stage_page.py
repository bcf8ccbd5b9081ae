"""A small page that holds nothing but a stage, under the app's own policy, served from a thread: no Gradio, no model.

The stage hears orders by :func:`say`, and the page holds the text boxes and the file field that it speaks to.
"""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page

from editing.ui import stage
from editing.ui.security import POLICY

# The colours that Gradio gives in light and dark, as far as the stage asks for them.
STYLE = """
html { color-scheme: light dark }
body { margin: 0; font: 14px system-ui, sans-serif; --body-text-color: #231f1a; --background-fill-primary: #faf8f4;
  --border-color-primary: #8a857c; --color-accent: #0b5d7a; --button-secondary-background-fill: #efece6;
  --button-secondary-background-fill-hover: #e2ded5; --button-secondary-text-color: #231f1a;
  --button-primary-background-fill: #0b5d7a; --button-primary-text-color: #fff; --text-sm: 13px; --text-lg: 16px }
@media (prefers-color-scheme: dark) { body { background: #1b1916; --body-text-color: #efece6;
  --background-fill-primary: #26231f;
  --border-color-primary: #6d675e; --color-accent: #6cc3e2; --button-secondary-background-fill: #37332d;
  --button-secondary-background-fill-hover: #46413a; --button-secondary-text-color: #efece6;
  --button-primary-background-fill: #6cc3e2; --button-primary-text-color: #10212a } }
#place { height: 100vh }
.away { display: none }
"""

BODY = """
<div id="place"><atelier-stage name="try" {attributes}></atelier-stage></div>
<div class="away">
  <div id="try-mask-value"><textarea></textarea></div><div id="try-mask-box"><textarea></textarea></div>
  <div id="try-stage-event"><textarea></textarea></div><div id="orders"></div>
  <div><input id="files" type="file" multiple><button id="try-stage-open"></button></div>
  <div><input id="mask" type="file"><button id="try-mask-load" onclick="mask.click()"></button></div>
  <div id="try-stage-status"></div>
</div>
"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server that shows the files of ``folder`` and, under ``/?lang=&<attributes>``, the page."""

    class Answer(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def end_headers(self) -> None:
            self.send_header("content-security-policy", POLICY)
            super().end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Answer, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def write(folder: Path, name: str, attributes: str, language: str) -> None:
    """The page itself, with a stage of these attributes, into ``folder``."""
    text = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>Stage</title>'
        f'<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style>{stage.head()}</head><body>{BODY.format(attributes=attributes)}</body></html>"
    )
    (folder / name).write_text(text, encoding="utf-8")


def attributes_of(first: dict[str, Any] | None = None, flags: str = "brush boxes") -> str:
    """What :func:`stage.build` writes into the element."""
    shown = f' first="{quote(json.dumps(first), safe="")}"' if first else ""
    return f'open="1" {flags}{shown}'


def say(page: Page, **order: Any) -> None:
    """Give the stage an order, and wait until it has been obeyed."""
    text = stage._order("try", **order)
    number = text.split('number="')[1].split('"')[0]
    page.evaluate("text => { document.getElementById('orders').innerHTML = text }", text)
    page.locator(f'atelier-stage [data-obeyed="{number}"]').wait_for(state="attached")
