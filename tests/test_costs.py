"""What networks cost on this machine: measured, kept, corrected, and never waited for where somebody looks on."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from editing import costs, messages, runtime
from editing.costs import Cost, NotMeasuredError, measured_cost, observed
from editing.errors import Stopped
from editing.interrupt import pause
from editing.runtime import Backend

CPU = Backend("cpu", "fp32")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Measured:
    """Something to measure that says how often it ran."""

    def __init__(self) -> None:
        self.sides: list[int] = []

    def __call__(self, side: int) -> None:
        self.sides.append(side)
        time.sleep(0.002)


def test_a_cost_is_measured_once_and_kept_in_a_file(own_cache: Path) -> None:
    run = Measured()
    cost = measured_cost("a" * 64, CPU, run, side=10)
    assert run.sides == [10] * 4
    assert 0.002 / 100 <= cost.seconds < 1 / 100
    assert cost.bytes > 0
    assert measured_cost("a" * 64, CPU, run, side=10) == cost
    assert len(run.sides) == 4
    measured_cost("b" * 64, CPU, run, side=10)
    measured_cost("a" * 64, Backend("cpu", "bf16"), run, side=10)
    assert len(run.sides) == 12
    assert len(json.loads((own_cache / "speed.json").read_text())) == 3
    assert [path.name for path in own_cache.iterdir()] == ["speed.json"]


def ran(
    seconds: float, pixels: int, monkeypatch: pytest.MonkeyPatch, *, share: float = 0.0, key: str = "a" * 64
) -> None:
    """A run of so many seconds, in which all cores computed for this ``share`` of the time."""
    clock = SimpleNamespace(wall=0.0, used=0.0)
    fake = SimpleNamespace(perf_counter=lambda: clock.wall, process_time=lambda: clock.used)
    with monkeypatch.context() as patch:
        patch.setattr(costs, "time", fake)
        with observed(key, CPU, pixels):
            clock.wall, clock.used = seconds, seconds * runtime.cores() * share


def test_a_real_run_corrects_what_was_measured(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def known() -> Cost:
        return measured_cost("a" * 64, CPU, Measured(), side=10)

    first = known()
    ran(5 * first.seconds * 10**6, 10**6, monkeypatch)  # slower: something else ran beside it
    assert known() == first
    ran(first.seconds * 10**6 / 5, 10**6, monkeypatch)
    assert known().seconds == pytest.approx(first.seconds / 5)
    assert known().bytes == first.bytes
    ran(2 * first.seconds * 10**6, 10**6, monkeypatch, share=0.95)  # slower by itself: large tiles are
    assert known().seconds == pytest.approx(2 * first.seconds)
    with pytest.raises(ZeroDivisionError), observed("a" * 64, CPU, 10**9):
        raise ZeroDivisionError  # stopped: as good as nothing was done
    assert known().seconds == pytest.approx(2 * first.seconds)
    ran(1e-9, 1, monkeypatch, key="b" * 64)  # never measured: nothing to correct
    assert len(json.loads((own_cache / "speed.json").read_text())) == 1


def test_a_measurement_can_be_stopped(own_cache: Path) -> None:
    run, asked = Measured(), []

    def stop() -> None:
        asked.append(len(run.sides))
        if len(run.sides) == 2:
            raise Stopped(messages.STOPPED)

    with pytest.raises(Stopped):
        measured_cost("a" * 64, CPU, run, side=10, ask=stop)
    assert run.sides == [10] * 2

    def layers(_: int) -> None:
        while True:  # a network that pauses between its layers
            pause()

    def at_once() -> None:
        raise Stopped(messages.STOPPED)

    with pytest.raises(Stopped):
        measured_cost("a" * 64, CPU, layers, side=10, ask=at_once)
    assert not (own_cache / "speed.json").exists()


def test_an_estimate_gives_way_to_a_job(own_cache: Path) -> None:
    come, over = threading.Event(), threading.Event()

    def job() -> None:
        with runtime.job():
            over.set()

    thread = threading.Thread(target=job)

    def run(_: int) -> None:
        if not come.is_set():
            come.set()
            thread.start()
        while not runtime.is_waited_for():
            time.sleep(0.001)

    with pytest.raises(NotMeasuredError):
        measured_cost("a" * 64, CPU, run, side=10, wait=False)
    thread.join(10)
    assert over.is_set()
    assert not runtime.is_waited_for()


NO_COSTS = [
    {}, {"seconds": 1e-6}, {"seconds": "a", "bytes": 1}, {"seconds": "1e-6", "bytes": 1}, {"seconds": True, "bytes": 1},
    {"seconds": [1e-6], "bytes": 1}, {"seconds": 0, "bytes": 1}, {"seconds": 1e-6, "bytes": -1},
    {"seconds": float("nan"), "bytes": 1}, {"seconds": 1e-6, "bytes": float("inf")},
    {"seconds": 1e-6, "bytes": 1, "more": 1}, {"seconds": 1e9, "bytes": 1}, {"seconds": 1e-6, "bytes": 1e300},
    {"seconds": 10**400, "bytes": 1}, {"seconds": 1e-6, "bytes": 1e-300}, 3, None, [1e-6, 1],
]  # fmt: skip


@pytest.mark.parametrize(
    "content", ["", "{", "[1, 2]", "null", "\xff\0", '{"x": 3}', "[" * 100_000, '{"x": ' + "9" * 5000 + "}"]
)
def test_a_broken_file_of_costs_is_measured_anew(own_cache: Path, content: str) -> None:
    own_cache.mkdir()
    (own_cache / "speed.json").write_bytes(content.encode("latin-1"))
    cost = measured_cost("a" * 64, CPU, Measured(), side=10)
    again = Measured()
    assert measured_cost("a" * 64, CPU, again, side=10) == cost
    assert not again.sides


@pytest.mark.parametrize("given", NO_COSTS, ids=str)
def test_what_is_no_cost_is_not_believed_and_the_rest_is_kept(own_cache: Path, given: object) -> None:
    other = measured_cost("b" * 64, CPU, Measured(), side=10)
    measured_cost("a" * 64, CPU, Measured(), side=10)
    file = own_cache / "speed.json"
    kept = json.loads(file.read_text())
    (mine,) = (name for name in kept if name.startswith("aaaa"))
    file.write_text(json.dumps(kept | {mine: given, "": given}))
    run, untouched = Measured(), Measured()
    cost = measured_cost("a" * 64, CPU, run, side=10)
    assert run.sides == [10] * 4
    assert measured_cost("b" * 64, CPU, untouched, side=10) == other
    assert not untouched.sides
    assert json.loads(file.read_text()) == {**kept, mine: asdict(cost)}


def test_an_estimate_does_not_wait_for_another_visitors_job(own_cache: Path) -> None:
    known = measured_cost("k" * 64, CPU, Measured(), side=10)
    taken, over = threading.Event(), threading.Event()

    def clip() -> None:
        with runtime.job():
            taken.set()
            over.wait(30)

    thread = threading.Thread(target=clip)
    thread.start()
    try:
        assert taken.wait(10)
        run = Measured()
        with pytest.raises(NotMeasuredError, match="not known yet"):
            measured_cost("a" * 64, CPU, run, side=10, wait=False)
        assert not run.sides
        assert measured_cost("k" * 64, CPU, run, side=10, wait=False) == known  # one that is known needs no machine
        assert not over.is_set()
    finally:
        over.set()
        thread.join(10)
    assert measured_cost("a" * 64, CPU, run, side=10, wait=False).seconds > 0
    with runtime.job():  # a job measures within itself
        assert measured_cost("c" * 64, CPU, run, side=10, wait=False).seconds > 0


def test_without_a_folder_to_write_to_it_is_measured_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "file" / "cache"))  # not even root can make this one
    run = Measured()
    assert isinstance(measured_cost("a" * 64, CPU, run, side=10), Cost)
    measured_cost("a" * 64, CPU, run, side=10)
    assert len(run.sides) == 8


def test_the_memory_measured_is_that_of_the_work(own_cache: Path) -> None:
    held = []
    left = [bytearray(b"x") * (64 << 10) for _ in range(2000)]  # small pieces: the heap keeps what loading leaves free
    left[:-1] = []

    def run(side: int) -> None:
        held[:] = [bytearray(b"x") * (64 << 10) for _ in range(1280)]
        time.sleep(0.03)
        held.clear()

    cost = measured_cost("c" * 64, CPU, run, side=10)
    assert 60e6 < cost.bytes * 100 < 300e6
