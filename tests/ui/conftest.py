"""What the tests of the page's handlers share."""

from __future__ import annotations

import pytest

from editing.ui import handlers


@pytest.fixture(autouse=True)
def every_report_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests stop jobs where they are told of a certain step."""
    monkeypatch.setattr(handlers, "PACE", 0.0)
