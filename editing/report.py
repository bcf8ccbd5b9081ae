"""How a pipeline tells what it has done, and how it is stopped."""

from __future__ import annotations

from typing import Protocol


class Report(Protocol):
    """Called before the first step of a job and after every one; may raise ``Stopped`` to end the job.

    ``done`` and ``total`` count steps (tiles, bytes, frames); ``total`` is 0 while it isn't known.
    """

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


def silent(done: int, total: int, note: str = "") -> None:
    """The report that says nothing and never stops."""
