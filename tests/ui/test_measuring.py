"""What the usual networks cost is measured behind the page, and an estimate that waits for it asks again."""

from __future__ import annotations

import pytest

from editing import messages
from editing.costs import NotMeasuredError
from editing.errors import WeightError
from editing.messages import tell
from editing.ui import bench, measuring


def test_each_is_measured_once_and_again_where_the_machine_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def busy_at_first() -> None:
        asked.append("busy")
        if asked.count("busy") < 3:
            raise NotMeasuredError(messages.NOT_MEASURED)

    def missing() -> None:
        asked.append("missing")
        raise WeightError(tell(messages.WEIGHT_CALLED, name="a"))

    monkeypatch.setattr(measuring, "_DEFAULTS", (missing, busy_at_first, lambda: asked.append("last")))
    pauses: list[float] = []
    measuring.measure(pauses.append)
    assert asked == ["missing", "busy", "busy", "busy", "last"]
    assert len(pauses) == 2


def test_an_estimate_that_is_not_known_yet_is_asked_for_again() -> None:
    waiting = bench.answer("⚠ not known yet", NotMeasuredError(messages.NOT_MEASURED))
    assert waiting["again"]["active"] is True
    for known in (bench.answer("3 s"), bench.answer("⚠ too large", ValueError("too large"))):
        assert known["again"]["active"] is False
