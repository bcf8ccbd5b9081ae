"""What a job will cost: networks measured once on each machine, and kept for the next time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from editing import messages
from editing.errors import EditingError
from editing.interrupt import watched
from editing.runtime import Backend, cores, describe, is_waited_for, job, resident_memory, return_memory
from editing.settings import cache_folder, written


@dataclass(frozen=True)
class Cost:
    """What one input pixel of a network costs on one backend."""

    seconds: float  # per input pixel
    bytes: float  # of working memory, per input pixel held at once


@dataclass(frozen=True)
class Estimate:
    """What a job will take, beside what the machine has."""

    seconds: float
    memory: int  # peak bytes of the whole process
    free: int  # bytes the machine still has
    tiles: int
    width: int  # of the result, in pixels
    height: int


ALONE = 0.85  # of the cores' time is used by what has them for itself


class NotMeasuredError(EditingError):
    """A network has not been measured on this machine, and can't be now: the machine is taken."""


def measured_cost(
    key: str,
    backend: Backend,
    run: Callable[[int], None],
    *,
    side: int = 128,
    wait: bool = True,
    ask: Callable[[], None] | None = None,
) -> Cost:
    """The cost of a network, measured once for this machine and kept in ``speed.json`` in the cache folder.

    ``run(side)`` runs the network on one ``side`` x ``side`` picture. It runs once to warm up (oneDNN compiles its
    kernels), then three times, of which the fastest counts: other programs can only slow it down. The rise of the
    resident memory meanwhile gives the bytes.

    Measuring takes the machine as a job does, and asks ``ask`` again and again, which may raise to end it.
    ``wait=False``, for estimates: raises NotMeasuredError where another job has the machine, which may be a clip of
    hours, and gives way to one that comes meanwhile.
    """
    identity, kept = _identity(key, backend), _read_costs()
    if identity in kept:
        return kept[identity]
    times = []
    with job(wait=wait, here=True) as taken:
        if not taken:
            raise NotMeasuredError(messages.NOT_MEASURED)
        return_memory()  # what loading left free would be filled first, and not be seen
        before = _resident(backend)
        asked = ask or (_nothing if wait else _give_way)
        with watched(asked):
            with _PeakMemory(backend) as peak:
                run(side)
            for _ in range(3):
                asked()
                start = time.perf_counter()
                run(side)
                times.append(time.perf_counter() - start)
    cost = Cost(seconds=min(times) / side**2, bytes=max(peak.bytes - before, 1 << 20) / side**2)
    _keep_cost(identity, cost)
    return cost


def _nothing() -> None:
    """Nobody can stop it."""


def _give_way() -> None:
    if is_waited_for():
        raise NotMeasuredError(messages.NOT_MEASURED)


def kept_cost(key: str, backend: Backend) -> Cost | None:
    """What :func:`measured_cost` found before on this machine; None where it has not been asked."""
    return _read_costs().get(_identity(key, backend))


@contextmanager
def observed(key: str, backend: Backend, pixels: int) -> Iterator[None]:
    """Correct the kept cost of a network by the block, in which it ran over ``pixels`` input pixels.

    A machine that was busy when it was measured would promise hours for minutes ever after: what was faster counts.
    What was slower does where the block had the cores for itself, since nothing else can have slowed it down: large
    tiles leave the cache. A block that fails or is stopped says nothing.
    """
    wall, used = time.perf_counter(), time.process_time()
    yield
    seconds, computed = time.perf_counter() - wall, time.process_time() - used
    identity, kept = _identity(key, backend), _read_costs()
    if identity not in kept or not pixels:
        return
    alone = backend.device == "cpu" and seconds > 0.5 and computed > ALONE * cores() * seconds
    change = seconds / pixels / kept[identity].seconds
    if change < 0.9 or (change > 1.1 and alone):
        _keep_cost(identity, Cost(seconds=seconds / pixels, bytes=kept[identity].bytes))


def _identity(key: str, backend: Backend) -> str:
    return f"{key[:16]} {describe(backend)} torch {torch.__version__}"


def _file() -> Path:
    return cache_folder() / "speed.json"


def _keep_cost(identity: str, cost: Cost) -> None:
    kept = {name: asdict(one) for name, one in (_read_costs() | {identity: cost}).items()}
    with suppress(OSError):  # a read-only home: measured anew in the next process
        _file().parent.mkdir(parents=True, exist_ok=True)
        with written(_file()) as part:
            part.write_text(json.dumps(kept, indent=1))


def _read_costs() -> dict[str, Cost]:
    """What is kept, without anything that is no cost: the file may have been written by anybody."""
    try:
        kept = json.loads(_file().read_text()) if _file().stat().st_size <= _LONGEST else {}
    except (OSError, ValueError, RecursionError):
        return {}
    entries = kept.items() if isinstance(kept, dict) else ()
    return {name: Cost(**given) for name, given in entries if _is_cost(given)}


# Per input pixel: the slowest network known takes a hundredth of a second on one core, the largest some megabytes.
_POSSIBLE = {"seconds": (0, 10), "bytes": (1, 1e8)}
_LONGEST = 1 << 22  # bytes of the file


def _is_cost(given: object) -> bool:
    """Whether this can be a cost: with numbers beyond all machines no estimate and no tile would be right."""
    return (
        isinstance(given, dict)
        and given.keys() == _POSSIBLE.keys()
        and all(type(value) in (int, float) and value > 0 for value in given.values())
        and all(low <= given[name] <= high for name, (low, high) in _POSSIBLE.items())
    )


def _resident(backend: Backend) -> int:
    return int(torch.cuda.memory_allocated()) if backend.device == "cuda" else resident_memory()


class _PeakMemory:
    """Watches the memory from a thread while a block runs: oneDNN's scratch space is in no PyTorch counter."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.bytes, self._done = backend, 0, threading.Event()

    def __enter__(self) -> _PeakMemory:
        if self.backend.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self.bytes = max(self.bytes, _resident(self.backend))

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self.backend.device == "cuda":
            self.bytes = int(torch.cuda.max_memory_allocated())
