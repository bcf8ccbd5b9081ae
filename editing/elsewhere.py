"""What a job computes, done in another process: its reports, parts, result and errors as a stream of events.

:mod:`editing.runtime` sends what is ``heavy`` to whoever took it over (``runtime.send_elsewhere``): replicas on a
cluster (:mod:`editing.cluster.replicas`), or a process that is lent a GPU (:mod:`editing.ui.zero_gpu`).
"""

from __future__ import annotations

import inspect
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from typing import Any

from editing import messages, runtime
from editing.errors import Stopped
from editing.report import Report

Event = tuple[str, Any]  # "report", "part" of a generator, "made", "failed", and what it was
ENDS = ("made", "failed")


class LostError(Exception):
    """The other process has gone without the last event."""


class Running:
    """A call that runs in a thread; ``events`` gives what it tells, the last is one of :data:`ENDS`."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(function, args, kwargs), name="elsewhere")
        self._thread.start()

    def _work(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            with runtime.job():
                made = function(*args, report=self._report, **kwargs)
                if isinstance(made, Generator):
                    for part in made:
                        self.events.put(("part", part))
                    made = None
            self.events.put(("made", made))
        except Exception as error:
            self.events.put(("failed", error))

    def _report(self, done: int, total: int, note: str = "") -> None:
        if self._stop.is_set():
            raise Stopped(messages.STOPPED)
        self.events.put(("report", (done, total, note)))

    def stop(self) -> None:
        """End it at its next report, and wait for that: the next call must not run beside it."""
        self._stop.set()
        self._thread.join()


def followed(events: Iterable[Event], report: Report) -> Generator[Any, None, Any]:
    """The parts of a call that runs elsewhere; returns what it made.

    ``report`` is called here, and may raise. Raises what the call raised there, and LostError.
    """
    for kind, what in events:
        if kind == "report":
            report(*what)
        elif kind == "part":
            yield what
        elif kind == "failed":
            raise what
        else:
            return what
    raise LostError


class Sender(ABC):
    """Base of what :func:`runtime.send_elsewhere` takes: does a call by ``_run``, which gives its parts and returns."""

    def __call__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As ``function(*args, **kwargs)``, whose ``report`` is called, and may raise, here."""
        done = self._run(function, args, kwargs)
        if inspect.isgeneratorfunction(inspect.unwrap(function)):
            return done
        while True:
            try:
                next(done)
            except StopIteration as end:
                return end.value

    @abstractmethod
    def _run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Generator[Any, None, Any]:
        """The parts of the call; returns what it made."""
