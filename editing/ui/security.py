"""Headers that keep the page to itself; the early script and the time of arrival of gradio_hacks.py come along.

And an answer to uploads that Gradio stumbles over, which would be faults of the server otherwise; and the true address
of who uses the tools for language models.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable

from editing.ui.gradio_hacks import Message, Receive, Scope, Send, is_upload, stamped, with_early_script

log = logging.getLogger(__name__)

# No other host is ever asked for anything; default-src does not cover bases, forms and who frames the page. Gradio's
# page needs inline scripts and styles; Spaces show it in a frame.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' blob: data:; font-src 'self' data:; worker-src 'self' blob:; "
    "media-src 'self' blob:; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self' https://huggingface.co https://*.hf.space"
)


class SecurityHeaders:
    """ASGI middleware: headers to every answer, the early script to the page, its time to every request.

    And the caller's address to those for the tools.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope, begun = with_callers_address(stamped(scope)), False
        page = scope["path"] in ("/", "")
        if page:  # uncompressed, so that the script can be put in
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                headers = [pair for pair in message["headers"] if not (page and pair[0].lower() == b"content-length")]
                headers += [
                    (b"content-security-policy", POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
                message = {**message, "headers": headers}
            elif message["type"] == "http.response.body" and page:
                message = {**message, "body": with_early_script(message.get("body", b""))}
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            if begun or not is_upload(scope):
                raise
            log.warning("an upload was refused: %s: %s", type(error).__name__, str(error)[:200])
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
            status, body = (507, b"The disk is full.") if full else (400, b"This upload can't be read.")
            await send_with_headers({
                "type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]
            })  # fmt: skip
            await send_with_headers({"type": "http.response.body", "body": body})


def with_callers_address(scope: Scope) -> Scope:
    """A request for the tools (MCP), with the address of who made it as the only X-Forwarded-For; others as they are.

    Gradio calls itself for each use of a tool, from this machine and with the caller's headers; uvicorn believes what
    this machine says. So a caller could choose whose budget is used; and without the header, all would share one.
    ``client`` is already what a trusted proxy said.
    """
    if "/gradio_api/mcp" not in str(scope.get("path", "")):  # the page may itself lie under a path
        return scope
    headers = [pair for pair in scope["headers"] if pair[0].lower() != b"x-forwarded-for"]
    if scope.get("client"):
        headers.append((b"x-forwarded-for", str(scope["client"][0]).encode()))
    return {**scope, "headers": headers}
