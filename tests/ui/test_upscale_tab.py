"""The Upscale tab's handlers, called as Gradio calls them."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from editing import runtime
from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.write import write_picture
from editing.ui import handlers, upscale_tab

OPTIONS = UpscaleOptions(model="anime-fast", tile=64)
UI = Path(handlers.__file__).parent


class Visitor:
    """What the handlers look at of a gr.Request."""

    def __init__(self, session: str = "one", language: str = "en") -> None:
        self.session_hash, self.cookies, self.headers = session, {"atelier_lang": language}, {}


def machine_is_free() -> bool:
    """Whether another thread could start a job now."""
    got: list[bool] = []

    def ask() -> None:
        got.append(runtime._job_lock.acquire(blocking=False))
        if got[0]:
            runtime._job_lock.release()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(10)
    return got[0]


def in_threads(steps: Iterator[Any]) -> Iterator[Any]:
    """Each step of a generator in a thread of its own, as Gradio's pool may run them."""
    while True:
        got: list[Any] = []

        def step(got: list[Any] = got) -> None:
            try:
                got.append(next(steps))
            except StopIteration:
                pass
            except BaseException as error:
                got.append(error)

        thread = threading.Thread(target=step, daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive(), "this step waits for what an earlier one took"
        if not got:
            return
        if isinstance(got[0], BaseException):
            raise got[0]
        yield got[0]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(runtime, "_job_lock", threading.RLock())  # one that stays taken ends with its test
    for number in (1, 2):
        write_picture(Picture(pixels=np.full((8, 9, 3), 90 * number, np.uint8)), tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return [str(tmp_path / name) for name in ("1.png", "broken.png", "2.png")]


def test_a_batch_goes_on_in_whatever_thread_and_never_keeps_the_machine(files: list[str]) -> None:
    steps = upscale_tab._run_many(files, OPTIONS, ("PNG", False, False), Visitor(), gr.Progress())  # type: ignore[arg-type]
    outputs = []
    for output in in_threads(steps):
        assert machine_is_free()
        outputs.append(output)
    gallery, table, _ = outputs[-1]
    assert [name for _, name in gallery] == ["1-anime-fast-x4.png", "2-anime-fast-x4.png"]
    assert [row[1][0] for row in table["data"]] == ["✓", "✗", "✓"]
    assert not handlers._stops


def test_a_visitor_who_leaves_in_the_middle_leaves_the_machine_free(files: list[str]) -> None:
    steps = upscale_tab._run_many(files, OPTIONS, ("PNG", False, False), Visitor(), gr.Progress())  # type: ignore[arg-type]
    next(steps)
    assert machine_is_free()  # Gradio may never ask for the rest


def test_stop_reaches_a_batch_between_its_pictures(files: list[str]) -> None:
    steps = upscale_tab._run_many(files, OPTIONS, ("PNG", False, False), Visitor(), gr.Progress())  # type: ignore[arg-type]
    next(steps)
    handlers.request_stop(Visitor("another"))  # type: ignore[arg-type]
    next(steps)
    handlers.request_stop(Visitor())  # type: ignore[arg-type]
    *_, (gallery, table, _) = steps
    assert len(gallery) == 1
    assert [row[1] for row in table["data"]][2] == "– not done: stopped"


@pytest.mark.parametrize("file", sorted(UI.glob("*.py")), ids=lambda file: file.name)
def test_no_handler_yields_while_it_holds_the_machine(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or (
            function.decorator_list[:1] and "contextmanager" in ast.unparse(function.decorator_list[0])
        ):
            continue
        for block in ast.walk(function):
            if isinstance(block, ast.With) and any("job(" in ast.unparse(item) for item in block.items):
                inside = [node for node in ast.walk(block) if isinstance(node, ast.Yield | ast.YieldFrom)]
                assert not inside, f"{file.name}:{inside[0].lineno}"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345, "12 kB"),
        (999_600, "1.0 MB"),
        (9.96e6, "10 MB"),
        (5e9, "5.0 GB"),
        (2e12, "2000 GB"),
    ],
)
def test_bytes_for_people(count: float, text: str) -> None:
    assert handlers.size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.9, "9.9 s"), (12.4, "12 s"), (100, "1 min 40 s"), (3599, "59 min 59 s"), (3900, "1 h 5 min")],
)
def test_seconds_for_people(seconds: float, text: str) -> None:
    assert handlers.duration(seconds) == text
