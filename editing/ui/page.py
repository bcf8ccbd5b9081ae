"""The whole page: header, tabs, footer, and how it is launched."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from editing import __version__, messages, runtime
from editing.errors import OptionError
from editing.settings import cache_folder, sweep_parts, whole_number
from editing.ui import (
    compare_api,
    generate_tab,
    jobs,
    login,
    look,
    machine,
    onward,
    repair_tab,
    shown,
    stage,
    stylize_tab,
    upscale_tab,
    visit,
    zero_gpu,
)  # fmt: skip
from editing.ui.gradio_hacks import keep_visitors_small, know_own_links, say_what_is_wrong_with_values, use_own_folder
from editing.ui.handlers import COMPUTE, forget
from editing.ui.health import Health
from editing.ui.jobs import JobsAnswered
from editing.ui.links import SignedLinks, may_be_had
from editing.ui.security import SecurityHeaders
from editing.ui.translations import T, language_of, say


def build(at_once: int = 1) -> gr.Blocks:
    """The page, not yet launched; loads no network and reads no weight. ``at_once`` jobs run beside each other.

    What a killed server left is deleted. Where GPUs are lent to jobs, these go there from now on.
    """
    zero_gpu.begin()
    use_own_folder()
    keep_visitors_small()
    runtime.share_heaps()
    sweep_parts(cache_folder())
    COMPUTE["concurrency_limit"] = at_once
    page = gr.Blocks(title="Atelier", analytics_enabled=False, delete_cache=(600, 3600))
    say_what_is_wrong_with_values(page)
    with page:
        with gr.Row(elem_id="header"):
            gr.Markdown("# Atelier", elem_id="wordmark")
            # Markdown, since gr.HTML needs 'unsafe-eval' in the content security policy; its sanitizing would make the
            # links open new windows.
            gr.Markdown(
                '<a href="?lang=en" target="_self">English</a> · <a href="?lang=zh-CN" target="_self">中文</a>',
                elem_id="languages",
                sanitize_html=False,
            )
        with gr.Tabs(elem_id="tabs") as tabs:
            there = ["upscale"]
            there += ["repair"] if repair_tab.models() else []
            there += ["stylize"] if stylize_tab.available() else []
            ends = [upscale_tab.build(*there)]
            ends += [repair_tab.build(*there)] if "repair" in there else []
            ends += [stylize_tab.build(*there)] if "stylize" in there else []
            ends += [generate_tab.build(*there)] if generate_tab.available() else []
            onward.connect(ends, tabs)
        onward.keep_visit(ends, tabs, page)
        compare_api.build()
        line = gr.Markdown(T("tagline"), elem_id="machine")
        if machine.offered():
            machine.build()
        page.load(show_machine, None, line, queue=False, show_progress="hidden", api_visibility="private")
        page.load(jobs.introduce, None, jobs.announce(), queue=False, show_progress="hidden", api_visibility="private")
        page.unload(visit.end)
        page.unload(forget)
    # Closed: else requests to /gradio_api/run/... would go round the queue, and jobs run beside each other.
    page.queue(max_size=queue_size(), api_open=False)
    return page


def queue_size() -> int:
    """How many jobs may wait: ``ATELIER_QUEUE``, or 32."""
    return whole_number("ATELIER_QUEUE", 32)


def show_machine(request: gr.Request) -> str:
    """One line: which version of Atelier this is, what the networks run on, and that nothing leaves the machine."""
    language = language_of(request)
    runs_on = say("machine", language, machine=runtime.describe(runtime.choose_backend()))
    return f"Atelier {__version__} · {runs_on} · {say('tagline', language)}"


def launch_options() -> dict[str, Any]:
    """Everything that ``Blocks.launch`` needs besides host and port, which Gradio takes from its own variables.

    Raises OptionError where a variable holds what it can't, or two don't go together.
    """
    # Tools for programs that speak MCP; needs `pip install "gradio[mcp]"`.
    tools, gate = os.environ.get("ATELIER_MCP", "").strip() not in ("", "0"), login.gate()
    if tools and gate is not None:
        raise OptionError(messages.TOOLS_WITH_LOGIN)
    if tools and importlib.util.find_spec("mcp") is not None:  # without it Gradio says what to install
        know_own_links(may_be_had)
    return {
        "theme": look.theme(),
        "head": look.head() + jobs.head() + stage.head(),
        "i18n": T,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api"],
        "max_file_size": f"{whole_number('ATELIER_MAX_FILE_MB', 200)}mb",
        "allowed_paths": [str(shown.FOLDER)],
        "auth": gate,
        "mcp_server": tools,
        "app_kwargs": {
            "middleware": [Middleware(kind) for kind in (Health, SecurityHeaders, SignedLinks, JobsAnswered)]
        },
    }
