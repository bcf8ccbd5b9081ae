"""Build the page and launch it: ``python app.py``. Host and port: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT."""

from __future__ import annotations

from editing.ui import measuring, page

demo = page.build()

if __name__ == "__main__":
    measuring.begin()
    demo.launch(**page.launch_options())
