"""How long the machine may compute for each visitor in an hour: ``ATELIER_BUDGET_S`` seconds; without it, as they like.

Visitors are told apart by their name where they log in, else by the address that they come from, so that a school or an
office counts as one. A job that has begun is never cut off: what it takes beyond the budget delays the next one.
"""

from __future__ import annotations

import itertools
import math
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from editing import messages
from editing.errors import EditingError
from editing.settings import whole_number

WITHIN = 3600.0  # seconds over which is counted
_MOST_VISITORS = 10_000

_spent: dict[str, deque[tuple[float, float]]] = {}  # visitor -> (when a job ended, how many seconds it took)
_lock = threading.Lock()


def visitor_of(request: gr.Request | None) -> str:
    """The name of who has logged in, or the address; "" for a call from Python, and where nobody counts."""
    if request is None or math.isinf(_allowed()):
        return ""
    return str(request.username or getattr(request.client, "host", ""))


@contextmanager
def charged(visitor: str) -> Iterator[None]:
    """A block that computes for ``visitor``; raises EditingError before it where the budget of the hour is spent."""
    check(visitor)
    started = time.monotonic()
    try:
        yield
    finally:
        spend(visitor, time.monotonic() - started)


def check(visitor: str) -> None:
    """Raise EditingError, which says how long to wait, where ``visitor`` has used the budget of the last hour."""
    allowed = _allowed()
    with _lock:
        jobs = _recent(visitor)
        used = sum(seconds for _, seconds in jobs)
        if used < allowed:
            return
        # The oldest jobs leave the hour first: when enough of them have, there is budget again.
        left = (used - part for part in itertools.accumulate(seconds for _, seconds in jobs))
        when = next(when for (when, _), rest in zip(jobs, left, strict=True) if rest < allowed)
    minutes = math.ceil((when + WITHIN - time.monotonic()) / 60)
    raise EditingError(messages.BUDGET_SPENT, seconds=f"{allowed:g}", minutes=max(1, minutes))


def spend(visitor: str, seconds: float) -> None:
    """Count ``seconds`` of computing that have just ended."""
    if math.isinf(_allowed()):
        return
    with _lock:
        if len(_spent) >= _MOST_VISITORS:
            for other in [name for name in _spent if not _recent(name)]:
                del _spent[other]
        _spent.setdefault(visitor, deque()).append((time.monotonic(), seconds))


def _allowed() -> float:
    return whole_number("ATELIER_BUDGET_S", 1) if os.environ.get("ATELIER_BUDGET_S", "").strip() else math.inf


def _recent(visitor: str) -> deque[tuple[float, float]]:
    jobs = _spent.get(visitor, deque())
    while jobs and jobs[0][0] < time.monotonic() - WITHIN:
        jobs.popleft()
    return jobs
