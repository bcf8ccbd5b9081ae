"""Headers that keep the page to itself; the early script and the time of arrival of gradio_hacks.py come along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from editing.ui.gradio_hacks import Message, Receive, Scope, Send, stamped, with_early_script

# No other host is ever asked for anything. Gradio's page needs inline scripts and styles; Spaces show it in a frame.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' blob: data:; font-src 'self' data:; worker-src 'self' blob:; "
    "media-src 'self' blob:; frame-ancestors 'self' https://huggingface.co https://*.hf.space"
)


class SecurityHeaders:
    """ASGI middleware: headers to every answer, the early script to the page, its time to every request."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope = stamped(scope)
        page = scope["path"] in ("/", "")
        if page:  # uncompressed, so that the script can be put in
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}

        async def send_with_headers(message: Message) -> None:
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

        await self.app(scope, receive, send_with_headers)
