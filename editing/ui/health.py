"""``/healthz`` and ``/readyz``, for what watches over a server: before any login, and without the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from editing.errors import EditingError
from editing.ui.gradio_hacks import Receive, Scope, Send
from editing.weights.catalogue import Shipped
from editing.weights.files import verify
from editing.weights.find import weights_for


class Health:
    """ASGI middleware: /healthz says 200 while the server answers; /readyz while the shipped weights are whole, too.

    Else /readyz says 503 and names those that aren't. A file is read again only when it has changed.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", "")))
        if scope["type"] != "http" or path not in ("/healthz", "/readyz"):
            await self.app(scope, receive, send)
            return
        damaged = await asyncio.to_thread(_damaged) if path == "/readyz" else []
        body = f"not whole: {', '.join(damaged)}" if damaged else "ok"
        await send({
            "type": "http.response.start", "status": 503 if damaged else 200,
            "headers": [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")],
        })  # fmt: skip
        await send({"type": "http.response.body", "body": body.encode()})


def _damaged() -> list[str]:
    """The names of the shipped weights that are missing or not what they were."""
    names = []
    for weight in weights_for():
        if isinstance(weight.source, Shipped):
            try:
                verify(weight)
            except EditingError:
                names.append(weight.name)
    return names
