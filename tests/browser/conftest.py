"""The real app in a process of its own, and Debian's Chromium to look at it.

Without Chromium these tests are skipped, with CI=true they fail instead. Every page that a test opens is watched: a
request to any other machine, an error on the console, or an exception in a script fails the test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from editing.networks.denoiser import Denoiser, DenoiserConfig
from editing.networks.stylizer import Stylizer, StylizerConfig
from editing.training.loop import write_weights

ROOT = Path(__file__).parent.parent.parent
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--force-prefers-reduced-motion",
]  # fmt: skip
STYLIZER, STYLES = "tiny-stylizer.safetensors", ("waves", "night")  # a random one, beside those that ship
STARTS_WITHIN = 600.0  # seconds; about 8 on an idle machine
LOCAL = re.compile(r"(https?|ws)://(localhost|127\.0\.0\.1)[:/]|(data|blob|about):")
# A tab that runs for long is a slow machine, not a wrong page.
PATIENCE = 40_000  # milliseconds


def _chromium() -> str:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
    )
    if not found:
        message = "there is no Chromium: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


# For a file at a time: as long as it lives, no other test in the process can have an event loop of its own.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
    yield running
    running.close()


@dataclass(frozen=True)
class App:
    """The running app: its address, the folder for Gradio's files, and what it has printed."""

    url: str
    files: Path
    log: Path


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with launched(tmp_path_factory.mktemp("app"), "app.py") as running:
        yield running


@contextmanager
def launched(folder: Path, *command: str) -> Iterator[App]:
    """The app as ``python COMMAND`` launches it, its files in ``folder``; it must not fail in our own code."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "ATELIER_CACHE": str(folder / "cache"),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "localhost,127.0.0.1",
    }
    (folder / "weights").mkdir()
    torch.manual_seed(0)
    denoiser = Denoiser(DenoiserConfig(widths=(16, 16), blocks=1))
    write_weights(folder / "weights" / "tiny.safetensors", denoiser.state_dict(), **denoiser.config.metadata())
    small = StylizerConfig(widths=(4, 6, 8), blocks=1, code=6, encoder=((4,), (6,)), hidden=8)
    gallery = [{"name": name, "title": name.title(), "artist": "A. Painter", "year": "1900"} for name in STYLES]
    write_weights(
        folder / "weights" / STYLIZER,
        Stylizer(small).state_dict() | {"gallery": torch.randn(len(STYLES), small.code)},
        **small.metadata(), styles=json.dumps(gallery),
    )  # fmt: skip
    environment["ATELIER_WEIGHTS"] = str(folder / "weights")
    running = App(f"http://127.0.0.1:{port}", folder / "gradio", folder / "log.txt")
    with running.log.open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while not _answers(running.url):
            assert process.poll() is None, f"the app ended:\n{running.log.read_text()}"
            assert time.monotonic() < deadline, f"the app does not answer:\n{running.log.read_text()}"
            time.sleep(0.1)
        yield running
        log = running.log.read_text()
        assert f'File "{ROOT / "editing"}' not in log, f"an exception in our own code:\n{log}"
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status) == 200
    except OSError:
        return False


# What Gradio says when a page is left that is still asking for something.
LEAVES = ("AbortError", "Connection errored out", "^Unexpected")


@dataclass
class Watched:
    """What pages did that they must not do; ``expected`` are patterns of console errors that a test provokes."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)


@pytest.fixture
def watched() -> Iterator[Watched]:
    seen = Watched()
    yield seen
    assert not seen.outside
    assert not [error for error in seen.errors if not any(re.search(pattern, error) for pattern in seen.expected)]


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, app: App, watched: Watched) -> Iterator[OpenPage]:
    """``open_page(path="/", width=1280, height=1000, **context)`` opens the app as a new visitor."""
    contexts = []

    def open_one(path: str = "/", *, width: int = 1280, height: int = 1000, **context: Any) -> Page:
        visitor = browser.new_context(
            viewport={"width": width, "height": height}, **{"locale": "en-US", "accept_downloads": True, **context}
        )
        contexts.append(visitor)
        visitor.set_default_timeout(PATIENCE)
        page = visitor.new_page()

        def look(url: str) -> None:
            if not LOCAL.match(url):
                watched.outside.append(url)

        page.on("request", lambda request: look(request.url))
        page.on("websocket", lambda opened: look(opened.url))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("console", lambda said: watched.errors.append(said.text) if said.type == "error" else None)
        page.goto(app.url + path)
        page.get_by_role("tab").first.wait_for()
        # Gradio listens a moment after it has drawn: on a busy machine one file in thirty that was given at once was
        # lost. Nobody is as quick as a test.
        page.wait_for_timeout(500)
        return page

    yield open_one
    for visitor in contexts:
        visitor.close()


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """The page as most see it."""
    return open_page()
