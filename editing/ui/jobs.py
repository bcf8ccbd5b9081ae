"""Run and Stop as one button, and the line above it: the tile a job is at, or its place among those that wait.

The browser's part is jobs.js, which asks ``atelier/jobs`` (:class:`JobsAnswered`) as long as this page has a job.
"""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from starlette.requests import Request

from editing.ui.gradio_hacks import Receive, Scope, Send, Standing, leave_queue, standing
from editing.ui.handlers import COMPUTE, HIDDEN, duration, request_stop, session_of, was_stopped
from editing.ui.translations import T, language_of, say

PATH = "/atelier/jobs"


def run_button(name: str, label: Any) -> gr.Button:
    """The primary button of a tab; Stop, which is built with it, takes its place while a job goes on."""
    run = gr.Button(label, variant="primary", elem_id=f"{name}-run", elem_classes="run", min_width=80)
    ends = gr.Button(T("stop"), elem_id=f"{name}-stop", elem_classes="stop", min_width=80)
    # Not queued, or it would wait for what it should stop.
    ends.click(stop, None, None, queue=False, show_progress="hidden", **HIDDEN)
    return run


def line(name: str) -> gr.Markdown:
    """Where the panel's foot says what the tab's job does."""
    element = f'<job-line tab="{name}"></job-line>'
    return gr.Markdown(element, sanitize_html=False, elem_classes="job")


def announce() -> gr.Markdown:
    """What tells the script whose jobs to ask for; ``page.load`` gives it :func:`introduce`."""
    return gr.Markdown("", sanitize_html=False, visible="hidden", elem_id="job-page")


def introduce(request: gr.Request) -> str:
    """This page's session, for its own script."""
    return f'<job-page session="{html.escape(session_of(request))}"></job-page>'


async def stop(request: gr.Request) -> None:
    """End what this visitor has asked for: what runs after its next tile, what waits now.

    A coroutine, so that it runs where Gradio's queue does.
    """
    request_stop(request)
    leave_queue(session_of(request), COMPUTE["concurrency_id"])


def head() -> str:
    """The script for the page's head, with its words in both languages."""
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    labels = {
        language: {"running": say("job_running", language), "over": say("job_over", language)}
        for language in ("en", "zh")
    }
    return f"<script>{script.rstrip()}({json.dumps(labels, ensure_ascii=False)});</script>"


# ---- what the script asks --------------------------------------------------------------------------------------------


class JobsAnswered:
    """ASGI middleware that says at :data:`PATH` what the jobs of one session do, by tab, in the visitor's language."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith(PATH):
            await self.app(scope, receive, send)
            return
        session = parse_qs(scope["query_string"].decode("latin-1")).get("session", [""])[0]
        language = language_of(Request(scope))  # type: ignore[arg-type]
        found = {job.tab: _said(job, session, language) for job in standing(scope["app"], session, "compute")}
        body = json.dumps(found).encode()
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _said(job: Standing, session: str, language: str) -> dict[str, Any]:
    if job.before:
        text = say("job_waits" if job.before == 1 else "job_waits_more", language, before=job.before)
        if job.seconds is not None:
            text += say("job_waits_seconds", language, seconds=duration(job.seconds))
        return {"state": "waiting", "text": text, "part": None}
    ending = say(_STOPPING.get(job.tab, "job_stopping"), language)
    if was_stopped(session, job.arrived):
        return {"state": "stopping", "text": ending, "part": job.part, "stopping": ending}
    text = job.text or say("job_starts", language)
    return {"state": "running", "text": text, "part": job.part, "stopping": ending}


_STOPPING = {"generate": "job_stopping_picture"}
