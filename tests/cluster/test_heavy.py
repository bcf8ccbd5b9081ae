"""What jobs compute can be done elsewhere: all that the page calls, with its reports, parts and errors."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from editing import pipelines, runtime
from editing.__main__ import _ray_spelled_out
from editing.report import Report, silent

ROOT = Path(__file__).parents[2]
UI = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "editing/ui").glob("*.py"))


def called_by_the_page() -> Iterator[Any]:
    """The pipelines' functions that report, and that a tab calls by their module's name."""
    for found in pkgutil.iter_modules(pipelines.__path__):
        module = importlib.import_module(f"editing.pipelines.{found.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            own = (
                inspect.unwrap(function).__module__ == module.__name__
                and "report" in inspect.signature(function).parameters
            )
            if own and re.search(rf"\b{found.name}\.{name}\(", UI):
                yield pytest.param(function, id=f"{found.name}.{name}")


@pytest.mark.parametrize("function", [*called_by_the_page()])
def test_what_a_tab_computes_can_be_sent_elsewhere(function: Callable[..., Any]) -> None:
    assert hasattr(function, "__wrapped__"), "give it @runtime.heavy"


@runtime.heavy
def doubled(number: int, *, report: Report = silent) -> int:
    report(1, 1)
    return 2 * number


def test_heavy_work_goes_where_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def send(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        sent.append((function, args, kwargs))
        return "from there"

    assert doubled(2) == 4
    monkeypatch.setattr(runtime, "_send", send)
    assert doubled(2, report=silent) == "from there"
    assert sent == [(doubled, (2,), {"report": silent})]
    # Nothing is held by those who wait for another machine; what is computed here even so is.
    with runtime.job() as taken, runtime.job(wait=False):
        assert taken
        assert runtime._job_lock.acquire(blocking=False)
        runtime._job_lock.release()
    monkeypatch.setattr(runtime, "_send", None)
    assert doubled(2) == 4


def test_as_many_jobs_run_at_once_as_there_is_place_for() -> None:
    code = (
        "from editing.ui import page\n"
        "events = page.build(3).fns.values()\n"
        "print({event.concurrency_limit for event in events if event.concurrency_id == 'compute'})"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1:] == ["{3}"], ran.stderr


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--ray", "a.png"], ["--ray=", "a.png"]),
        (["a.png", "--ray"], ["a.png", "--ray="]),
        (["--ray", "--scale", "2"], ["--ray=", "--scale", "2"]),
        (["--ray", "10.0.0.1:6379", "a.png"], ["--ray", "10.0.0.1:6379", "a.png"]),
        (["--ray", "ray://head:10001"], ["--ray", "ray://head:10001"]),
        (["--ray", "scans/a:1/b.png"], ["--ray=", "scans/a:1/b.png"]),
        (["--ray=auto", "a.png"], ["--ray=auto", "a.png"]),
    ],
)
def test_a_picture_after_a_bare_flag_is_no_address(given: list[str], meant: list[str]) -> None:
    assert _ray_spelled_out(given) == meant


class Handle:
    """Serve's handle of a deployment, as far as it is used: each call gives the next of ``answers``."""

    def __init__(self, *answers: list[Any]) -> None:
        self.answers, self.cancelled = list(answers), 0

    def options(self, **_: Any) -> Handle:
        return self

    def remote(self, *_: Any) -> Response:
        return Response(self, self.answers.pop(0))


class Response:
    def __init__(self, handle: Handle, events: list[Any]) -> None:
        self.handle, self.events = handle, events

    def __iter__(self) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event

    def cancel(self) -> None:
        self.handle.cancelled += 1


@runtime.heavy
def parts(*, report: Report = silent) -> Iterator[int]:
    yield from range(3)


def test_a_job_whose_replica_goes_is_begun_anew_and_no_part_comes_twice() -> None:
    exceptions = pytest.importorskip("ray.exceptions")
    from editing.cluster.replicas import Elsewhere
    from editing.errors import EditingError

    lost = exceptions.ActorDiedError()
    elsewhere = Elsewhere(
        Handle([("part", 0), ("part", 1), lost], [("part", 0)], [*(("part", n) for n in range(3)), ("made", None)])
    )
    assert list(elsewhere(parts, (), {})) == [0, 1, 2]
    reports: list[tuple[int, int]] = []
    handle = Handle([("report", (0, 1, "")), lost], [("report", (0, 1, "")), ("made", 4)])
    assert Elsewhere(handle)(doubled, (2,), {"report": lambda done, total, note="": reports.append((done, total))}) == 4
    assert reports == [(0, 1), (0, 1)]
    with pytest.raises(EditingError, match="ended 3 times"):
        Elsewhere(Handle([lost], [lost], [lost]))(doubled, (2,), {})


def test_what_report_raises_cancels_and_what_failed_is_raised() -> None:
    pytest.importorskip("ray")
    from editing.cluster.replicas import Elsewhere

    handle = Handle([("report", (0, 1, "")), ("made", 4)], [("failed", ValueError("there"))])

    def stop(done: int, total: int, note: str = "") -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        Elsewhere(handle)(doubled, (2,), {"report": stop})
    assert handle.cancelled == 1
    with pytest.raises(ValueError, match="there"):
        Elsewhere(handle)(doubled, (2,), {})
