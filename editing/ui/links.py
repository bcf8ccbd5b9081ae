"""Links to results: signed, and good for half a day.

A result lies in a folder whose name says until when it may be asked for, with an HMAC of that by a secret of this
process, so that the path is the link: Gradio's own components and gradio_client make links of paths and know nothing
of what follows them. A path of the results that was guessed, made up or has expired is answered with 403. Several
servers with one folder have the secret in common by ``ATELIER_LINK_KEY``.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import itertools
import os
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePath

from editing.ui.gradio_hacks import Receive, Scope, Send, asked_files, files_folder

LASTS = 12 * 3600  # seconds; the file itself goes an hour after it was last used
_NAME = re.compile(r"(.*[0-9a-f]{12}-([0-9a-f]{1,12}))-([0-9a-f]{24})")


def root() -> Path:
    """Where every visitor's results lie, in folders made by :func:`folder`."""
    return files_folder() / "atelier"


def folder(parent: Path, prefix: str = "") -> Path:
    """A new folder in ``parent``; links to what is in it are good from now on for :data:`LASTS` seconds."""
    name = f"{prefix}{secrets.token_hex(6)}-{int(time.time()) + LASTS:x}"
    made = parent / f"{name}-{_signature(parent.name, name)}"
    made.mkdir(mode=0o700)
    return made


def is_good(path: str | Path) -> bool:
    """Whether a path within :func:`root` lies in a folder that :func:`folder` made, at most :data:`LASTS` ago."""
    for parent, name in itertools.pairwise(PurePath(path).parts[:-1]):
        found = _NAME.fullmatch(name)
        if found and hmac.compare_digest(found[3], _signature(parent, found[1])) and int(found[2], 16) > time.time():
            return True
    return False


def may_be_had(path: Path) -> bool:
    """Whether a file is no result, or one with a path that is good; of what is no result Gradio decides."""
    return is_good(path) or not (path.is_relative_to(root()) or path.is_relative_to(root().resolve()))


class SignedLinks:
    """ASGI middleware that answers 403 to who asks for a file of :func:`root` by a path that isn't good."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if all(may_be_had(path) for path in asked_files(scope)):
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": b"This link has expired, or is none of this server's."})


def _signature(parent: str, name: str) -> str:
    return hmac.new(_secret(), f"{parent}/{name}".encode(), hashlib.sha256).hexdigest()[:24]


@functools.cache
def _secret() -> bytes:
    return os.environ.get("ATELIER_LINK_KEY", "").strip().encode() or secrets.token_bytes(32)
