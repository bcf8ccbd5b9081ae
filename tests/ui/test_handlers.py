"""What stands between an event and a pipeline: the machine, Stop, progress, files, words for people."""

from __future__ import annotations

import ast
import os
import threading
import time
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from editing import runtime
from editing.errors import EditingError, Stopped
from editing.ui import handlers
from ui.visitor import Visitor

UI = Path(handlers.__file__).parent


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(runtime, "_job_lock", threading.RLock())  # one that stays taken ends with its test


class Told:
    """A gr.Progress that remembers."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, progress: tuple[int, int], desc: str) -> None:
        self.texts.append(desc)


# ---- Stop ------------------------------------------------------------------------------------------------------------


def test_stop_ends_what_runs_and_what_waits_and_nothing_that_comes_later() -> None:
    came = time.perf_counter()
    with handlers.stoppable(Visitor(arrived=came), Told()) as running:  # type: ignore[arg-type]
        running.report()(0, 2)
        handlers.request_stop(Visitor("another"))
        running.report()(1, 2)
        handlers.request_stop(Visitor())
        with pytest.raises(Stopped):
            running.report()(2, 2)
    # Its turn in Gradio's queue comes only now, but it came before Stop was pressed.
    with pytest.raises(Stopped), handlers.job(Visitor(arrived=came), Told()):  # type: ignore[arg-type]
        pytest.fail("a job that was stopped while it waited began")
    with handlers.job(Visitor(arrived=time.perf_counter()), Told()) as later:  # type: ignore[arg-type]
        later.report()(0, 1)


def test_stop_reaches_a_job_that_waits_for_the_machine() -> None:
    began = threading.Event()
    ended: list[object] = []

    def wait() -> None:
        began.set()
        try:
            with handlers.job(Visitor(arrived=time.perf_counter()), Told()):  # type: ignore[arg-type]
                ended.append("began")
        except Stopped as stopped:
            ended.append(stopped)

    with runtime.job():
        thread = threading.Thread(target=wait)
        thread.start()
        assert began.wait(10)
        time.sleep(0.1)
        handlers.request_stop(Visitor())
    thread.join(10)
    assert [type(one) for one in ended] == [Stopped]


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


# ---- progress --------------------------------------------------------------------------------------------------------


def test_time_left_counts_from_where_this_run_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(handlers.time, "monotonic", lambda: now[0])
    told = Told()
    report = handlers.Job(Visitor(), told).report(counting="frames")  # type: ignore[arg-type]
    report(90, 100)
    now[0] += 10
    report(91, 100)
    assert told.texts == ["Frames: 90 of 100", "Frames: 91 of 100 · 90 s left"]


def test_of_many_short_steps_the_page_is_told_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "PACE", 60.0)
    seen: list[tuple[int, int]] = []
    report = handlers.Job(Visitor(), lambda step, desc: seen.append(step)).report()  # type: ignore[arg-type]
    for done in range(5):
        report(done, 4)
    report(1, 9, "faces")  # another kind of step
    assert seen == [(0, 4), (4, 4), (1, 9)]


def test_a_note_says_what_is_counted() -> None:
    told = Told()
    report = handlers.Job(Visitor(), told).report("1: ")  # type: ignore[arg-type]
    for note in ("faces", "repair", "fill", ""):
        report(1, 2, note)
    assert told.texts == [
        "1: Looking for faces: 1 of 2", "1: Faces: 1 of 2", "1: Filled parts: 1 of 2", "1: Tiles: 1 of 2"
    ]  # fmt: skip


# ---- files -----------------------------------------------------------------------------------------------------------


def test_looking_after_old_files_minds_no_folder_that_goes_meanwhile() -> None:
    root, over = handlers.links.root(), threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            for number in range(40):
                (root / f"{number}" / "job").mkdir(parents=True, exist_ok=True)
            for number in range(40):
                (root / f"{number}" / "job").rmdir()
                (root / f"{number}").rmdir()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert list(handlers._expired()) == []
    finally:
        over.set()
        other.join()


def aged(path: Path, seconds: float = handlers.KEPT_SECONDS + 60) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_what_a_job_uses_outlives_the_hour(tmp_path: Path) -> None:
    """Uploads are deleted after an hour, also under a clip that takes longer: every frame done, then "not found"."""
    upload = tmp_path / "upload.txt"
    upload.write_text("frames")
    own = Path(handlers.owned(str(upload), handlers.new_folder(Visitor())))
    upload.unlink()  # by Gradio
    assert own.read_text() == "frames"
    with handlers.stoppable(Visitor(), Told(), own) as work:  # type: ignore[arg-type]
        report = work.report()
        for _ in range(3):
            aged(own)
            aged(own.parent)
            report(1, 2)
            handlers.new_folder(Visitor("another"))  # deletes what is old, whoever's it is
            assert own.exists()
            assert time.time() - own.stat().st_mtime < 60
    aged(own.parent)
    handlers.new_folder(Visitor("another"))
    assert not own.exists()


def test_another_disk_takes_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(handlers.os, "link", refuse)
    (tmp_path / "upload.txt").write_text("all")
    folder = handlers.new_folder(Visitor())
    assert Path(handlers.owned(str(tmp_path / "upload.txt"), folder)).read_text() == "all"
    assert not Path(handlers.owned(str(tmp_path / "gone.txt"), folder)).exists()  # for its reader to say


def test_who_leaves_takes_their_files_along() -> None:
    folder, other = handlers.new_folder(Visitor()), handlers.new_folder(Visitor("another"))
    came = time.perf_counter()
    handlers.forget(Visitor())
    assert not folder.exists()
    assert other.exists()
    with pytest.raises(Stopped), handlers.stoppable(Visitor(arrived=came), Told()):  # type: ignore[arg-type]
        pytest.fail("a job of a visitor who has gone began")


# ---- words -----------------------------------------------------------------------------------------------------------


def test_what_is_no_users_mistake_is_an_id_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    @handlers.guarded
    def broken(*, request: gr.Request) -> None:
        raise ValueError("/secret/folder")

    with pytest.raises(gr.Error) as caught:
        broken(request=Visitor())
    assert "/secret" not in str(caught.value.message)
    assert "/secret" in caplog.text
    assert caplog.records[0].message.split()[-1] in str(caught.value.message)


def test_an_error_is_told_in_the_visitors_language_and_as_text() -> None:
    @handlers.guarded
    def failing(*, request: gr.Request) -> None:
        raise EditingError("<b>no</b>")

    with pytest.raises(gr.Error) as caught:
        failing(request=Visitor(language="zh"))
    assert caught.value.message == "&lt;b&gt;no&lt;/b&gt;"
    assert caught.value.title == "未能完成"


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


def test_of_one_visitors_questions_the_last_one_is_answered() -> None:
    answers: list[object] = []

    @handlers.newest
    def ask(*, what: str, request: gr.Request) -> dict[str, Any]:
        if what == "slow":  # meanwhile something else is asked
            answers.append(ask(what="quick", request=Visitor("somebody")))
            ask(what="quick", request=Visitor("another"))
        return {"answer": what}

    assert ask(what="slow", request=Visitor("somebody")) == {}
    assert answers == [{"answer": "quick"}]
    handlers.forget(Visitor("somebody"))
    assert ask(what="quick", request=Visitor("somebody")) == {"answer": "quick"}
