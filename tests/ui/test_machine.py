"""The panel at the foot: for whom it is, what it says, and that measuring can be stopped."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import gradio as gr
import pytest

from editing import doctor, messages
from editing.doctor import Check, Speed
from editing.messages import tell
from editing.ui import handlers, login, machine
from editing.weights.files import SHIPPED
from ui.visitor import Visitor


@pytest.mark.parametrize(
    ("name", "value", "for_all"),
    [
        ("GRADIO_SERVER_NAME", "127.0.0.1", True), ("GRADIO_SERVER_NAME", "0.0.0.0", False),
        ("GRADIO_ROOT_PATH", "/atelier", False), ("SPACE_ID", "me/atelier", False), ("GRADIO_SHARE", "True", False),
    ],
)  # fmt: skip
def test_strangers_have_no_panel(name: str, value: str, for_all: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATELIER_AUTH", raising=False)
    monkeypatch.setenv(name, value)
    assert machine.offered() is for_all
    monkeypatch.setenv("ATELIER_AUTH", login.pair("anna", "correct horse"))
    assert machine.offered()


def test_problems_come_first_in_the_visitors_language_and_without_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Check(True, tell(messages.DOCTOR_PACKAGE, package="<b>torch", version="2")),
        Check(False, tell(messages.SHIPPED_MISSING, path=SHIPPED / "faces.safetensors")),
    ]
    monkeypatch.setattr(doctor, "checks", lambda: iter(found))
    first, second = machine.show(request=Visitor())["facts"].splitlines()
    assert first.startswith("- **⚠** faces.safetensors is missing")
    assert second == "- &lt;b&gt;torch 2"
    assert "缺少 faces.safetensors" in machine.show(request=Visitor(language="zh"))["facts"]


class Told(gr.Progress):
    def __call__(self, *_: object, **__: object) -> None:
        pass


def test_stop_shows_what_has_been_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(stops: int, ask: Callable[[], None]) -> Iterator[Speed]:
        for number, seconds in enumerate((20.0, 2.0, 200.0)):
            ask()
            yield Speed(f"m{number}", "fp32", seconds, 1e9)
            if number == stops:
                handlers.request_stop(Visitor("measures"))

    for stops, models in ((9, ["m1", "m0", "m2"]), (1, ["m1", "m0"])):
        monkeypatch.setattr(doctor, "speeds", functools.partial(measured, stops))
        told = machine.measure(request=Visitor("measures"), progress=Told())["table"].splitlines()
        assert [line.split(" | ")[0].strip("| ") for line in told[2:]] == models
        assert told[2].split(" | ")[1:4] == ["fp32", "2.00", "1.00"]
        assert told[2].count("█") == 1 < told[-1].count("█")
