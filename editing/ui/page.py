"""The whole page: header, tabs, footer, and how it is launched."""

from __future__ import annotations

from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from editing import __version__, runtime
from editing.settings import whole_number
from editing.ui import generate_tab, gradio_hacks, mask_canvas, repair_tab, stylize_tab, upscale_tab
from editing.ui.handlers import forget
from editing.ui.security import SecurityHeaders
from editing.ui.translations import T, language_of, say

CSS = """
.gradio-container { max-width: 1280px !important; margin: auto; }
.gradio-container, .gradio-container > .main { width: 100%; }
#header { align-items: baseline; }
#header h1 { margin: 0; }
#languages { text-align: right; }
#upscale-estimate, #upscale-info { min-height: 1.5em; }
.drawn img { object-fit: contain; }
#generate-gallery img, #generate-trio img { object-fit: scale-down; }
#generate-gallery .grid-container, #generate-trio .grid-container { max-width: calc(var(--grid-cols) * 140px); }
.gradio-container { overflow: clip !important; }
@media (min-width: 800px) { .staying { position: sticky; top: 8px; align-self: flex-start; } }
.hint { font-size: var(--text-sm); opacity: .7; }
#upscale-table * { font-family: var(--font); }
input[role="combobox"] { text-overflow: ellipsis; margin-right: 1.6em !important; }
.mask-canvas { overflow: visible !important; }
.mask-canvas p { margin: 0; }
footer { opacity: .7; }
footer .divider:last-child { display: none; }
@media (max-width: 640px) { .gradio-container > .main { padding: 8px !important; } }
"""

SYSTEM_FONTS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "sans-serif",
)


def build() -> gr.Blocks:
    """The page, not yet launched; loads no network and reads no weight."""
    page = gr.Blocks(title="Atelier", analytics_enabled=False, delete_cache=(600, 3600))
    with page:
        with gr.Row(elem_id="header"):
            gr.Markdown("# Atelier")
            # Markdown, since gr.HTML needs 'unsafe-eval' in the content security policy; its sanitizing would make the
            # links open new windows.
            gr.Markdown(
                '<a href="?lang=en" target="_self">English</a> · <a href="?lang=zh-CN" target="_self">中文</a>',
                elem_id="languages",
                sanitize_html=False,
            )
        gr.Markdown(T("tagline"))
        with gr.Tabs() as tabs:
            upscale_picture = upscale_tab.build()
            repairs, stylizes = bool(repair_tab.models()), bool(stylize_tab.available())
            both = repairs and stylizes
            repairing = repair_tab.build(tabs, upscale_picture, send_mask=both) if repairs else None
            stylizing = stylize_tab.build(tabs, upscale_picture, send_mask=both) if stylizes else None
            if repairing and stylizing:
                mask_canvas.connect(repairing, stylizing, tabs)
                mask_canvas.connect(stylizing, repairing, tabs)
            if generate_tab.available():
                generate_tab.build(tabs, upscale_picture)
        machine = gr.Markdown(elem_id="machine")
        page.load(show_machine, None, machine, queue=False, show_progress="hidden", api_visibility="private")
        page.unload(forget)
    # Closed: else requests to /gradio_api/run/... would go round the queue, and jobs run beside each other.
    page.queue(max_size=queue_size(), api_open=False)
    return page


def queue_size() -> int:
    """How many jobs may wait: ``ATELIER_QUEUE``, or 32."""
    return whole_number("ATELIER_QUEUE", 32)


def show_machine(request: gr.Request) -> str:
    """One line: what the networks run on, and which version of Atelier this is."""
    machine = runtime.describe(runtime.choose_backend())
    return f"Atelier {__version__} · " + say("machine", language_of(request), machine=machine)


def launch_options() -> dict[str, Any]:
    """Everything that ``Blocks.launch`` needs besides host and port, which Gradio takes from its own variables."""
    return {
        "theme": gr.themes.Default(font=SYSTEM_FONTS, font_mono=("ui-monospace", "Consolas", "monospace")),
        "css": CSS + gradio_hacks.CSS,
        "head": mask_canvas.head(),
        "i18n": T,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api"],
        "max_file_size": f"{whole_number('ATELIER_MAX_FILE_MB', 200)}mb",
        "app_kwargs": {"middleware": [Middleware(SecurityHeaders)]},
    }
