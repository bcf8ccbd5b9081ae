"""What a job will cost: networks measured once on each machine, and kept for the next time."""

from __future__ import annotations

import ctypes
import gc
import json
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from editing import messages
from editing.errors import EditingError
from editing.runtime import Backend, describe, job, resident_memory
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


class NotMeasuredError(EditingError):
    """A network has not been measured on this machine, and can't be now: the machine is taken."""


def measured_cost(
    key: str, backend: Backend, run: Callable[[int], None], *, side: int = 128, wait: bool = True
) -> Cost:
    """The cost of a network, measured once for this machine and kept in ``speed.json`` in the cache folder.

    ``run(side)`` runs the network on one ``side`` x ``side`` picture. It runs once to warm up (oneDNN compiles its
    kernels), then three times, of which the fastest counts: other programs can only slow it down. The rise of the
    resident memory meanwhile gives the bytes.

    Measuring takes the machine as a job does. ``wait=False``, for estimates that somebody is waiting for: raises
    NotMeasuredError where another job has it, which may be a clip of hours.
    """
    identity, kept = _identity(key, backend), _read_costs()
    if identity in kept:
        return kept[identity]
    times = []
    with job(wait=wait) as taken:
        if not taken:
            raise NotMeasuredError(messages.NOT_MEASURED)
        _give_back()  # what loading left free would be filled first, and not be seen
        before = _resident(backend)
        with _PeakMemory(backend) as peak:
            run(side)
        for _ in range(3):
            start = time.perf_counter()
            run(side)
            times.append(time.perf_counter() - start)
    cost = Cost(seconds=min(times) / side**2, bytes=max(peak.bytes - before, 1 << 20) / side**2)
    _keep_cost(identity, cost)
    return cost


def observe_cost(key: str, backend: Backend, seconds: float) -> None:
    """Correct the kept cost of a network by a real run's ``seconds`` per input pixel, where that was faster.

    A machine that was busy when it was measured would promise hours for minutes ever after.
    """
    identity, kept = _identity(key, backend), _read_costs()
    if identity in kept and seconds < 0.9 * kept[identity].seconds:
        _keep_cost(identity, Cost(seconds=seconds, bytes=kept[identity].bytes))


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
        kept = json.loads(_file().read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    entries = kept.items() if isinstance(kept, dict) else ()
    return {name: Cost(**given) for name, given in entries if _is_cost(given)}


def _is_cost(given: object) -> bool:
    return (
        isinstance(given, dict)
        and given.keys() == {"seconds", "bytes"}
        and all(type(value) in (int, float) and 0 < value < math.inf for value in given.values())
    )


def _give_back() -> None:
    """Return free heap to the system, which takes new pages of it later: too slow for after each job."""
    gc.collect()
    with suppress(OSError, TypeError, AttributeError):  # another C library than Linux's
        ctypes.CDLL(None).malloc_trim(0)


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
