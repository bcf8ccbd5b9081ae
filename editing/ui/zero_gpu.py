"""Hugging Face's ZeroGPU: a GPU that is lent to one job at a time, in a process of its own.

There the package ``spaces`` forks the page's process for a job, which alone may use the GPU. The page stays on the CPU,
with its sessions, Stop and budgets; only what ``runtime`` sends elsewhere goes there, as a generator of events, whose
end the page can ask for at each of them. ``begin`` does nothing on other machines.

A fork keeps the memory of the page and none of its threads: what they held locked would stay so, and OpenMP's pool
does not survive it, so that there locks are made anew and one CPU thread computes beside the GPU.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from types import ModuleType
from typing import Any

import cv2
import torch

from editing import runtime
from editing.elsewhere import ENDS, Event, Running, Sender, followed
from editing.pictures import read
from editing.pipelines import fill
from editing.report import silent
from editing.weights import load

FIRST = 60  # seconds that the GPU is asked for where nothing is known: what ZeroGPU gives by itself
LEAST, MOST = 10, 120
AFRESH: tuple[tuple[ModuleType, str, Callable[[], Any]], ...] = (
    (runtime, "_job_lock", threading.RLock),
    (runtime, "_turns", threading.Condition),
    (runtime, "_waiting", int),
    (runtime, "_begun", int),
    (runtime, "_networks_lock", threading.Lock),
    (load, "_building_on_meta", threading.Lock),
    (read, "_LOG", threading.Lock),
    (fill, "_search", threading.Lock),
)
_page = os.getpid()


def begin() -> None:
    """Where GPUs are lent so, have jobs computed there from now on; before anything else uses CUDA."""
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true"):
        return
    import spaces  # type: ignore[import-untyped]

    times = Times()
    runtime.send_elsewhere(Lent(spaces.GPU(duration=times.wanted)(compute), times), gpu_here=False)


class Times:
    """How long the GPU was needed for: twice the longest of a function's last calls is asked for, for the next."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def wanted(self, function: Callable[..., Any], args: object = (), kwargs: object = None) -> int:
        """Whole seconds for a call of ``function``."""
        seen = self._seen.get(function.__qualname__)
        return max(LEAST, min(MOST, round(2 * max(seen)))) if seen else FIRST

    def add(self, function: Callable[..., Any], seconds: float) -> None:
        self._seen.setdefault(function.__qualname__, deque(maxlen=20)).append(seconds)


class Lent(Sender):
    """What :func:`runtime.send_elsewhere` takes: does a call where a GPU is lent. ``run`` is :func:`compute` there."""

    def __init__(self, run: Callable[..., Iterator[Event]], times: Times) -> None:
        self.run, self.times = run, times

    def _run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Generator[Any, None, Any]:
        report = kwargs.pop("report", silent)
        events = self.run(function, args, kwargs)
        try:
            return (yield from followed(self._timed(function, events), report))
        finally:
            events.close()  # type: ignore[attr-defined]

    def _timed(self, function: Callable[..., Any], events: Iterator[Event]) -> Iterator[Event]:
        for kind, what in events:
            if kind == "took":
                self.times.add(function, what)
            else:
                yield kind, what


def compute(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Event]:
    """Run a pipeline's function where the GPU is; closed, it ends at its next report."""
    if os.getpid() != _page:
        _begin_in_fork()
    began = time.monotonic()
    running = Running(function, args, kwargs)
    try:
        while True:
            event = running.events.get()
            if event[0] in ENDS:
                yield "took", time.monotonic() - began
            yield event
            if event[0] in ENDS:
                return
    finally:
        running.stop()


def _begin_in_fork() -> None:
    """What a process forked from the page needs, at its first job."""
    global _page
    _page = os.getpid()
    for module, name, new in AFRESH:
        setattr(module, name, new())
    os.environ["ATELIER_THREADS"] = "1"
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    runtime.send_elsewhere(None)
