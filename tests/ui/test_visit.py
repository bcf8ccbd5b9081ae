"""The strip of a visit's results, and what a reload finds again."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.ui import handlers, results, visit
from editing.ui.results import Source
from ui.visitor import Visitor


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(visit, "_visits", {})
    monkeypatch.setattr(visit, "_words", {})


def made(number: int, visitor: Visitor) -> list[visit.Entry]:
    folder = handlers.new_folder(visitor)
    for name in ("given.png", "made.png"):
        write_picture(Picture(pixels=np.full((6, 8, 3), number, np.uint8)), folder / name)
    source = Source(
        tab="upscale", path=str(folder / "given.png"), upload="", width=8, height=6, alpha=False, recipe=None, given=0
    )
    kept = results.keep_result(source, read_picture(folder / "given.png"), None, 1.0, folder)
    kept = replace(kept, file=str(folder / "made.png"))
    return visit.record(kept, "words", {"number": number}, visitor)


def test_the_last_twenty_results_outlive_the_page_but_not_the_hour() -> None:
    first = Visitor("first")
    word = visit.begin(None, first)
    for number in range(22):
        found = made(number, first)
    assert [entry.settings["number"] for entry in found] == list(range(21, 1, -1))
    handlers.forget(first)
    visit.end(first)
    assert visit.entries(first) == []

    # The same browser opens the page again, another one with a word of its own finds nothing.
    again, other = Visitor("again"), Visitor("other")
    assert visit.begin(word, again) == word
    assert visit.begin("../../etc", other) != "../../etc"
    assert visit.entries(other) == []
    newest = visit.entries(again)[0]
    assert read_picture(newest.file).pixels[0, 0, 0] == 21
    assert read_picture(newest.source).pixels[0, 0, 0] == 21

    # Of the newest one the dials still follow; older ones are only looked at.
    assert [bool(entry.kept) for entry in visit.entries(again)] == [True] + [False] * 19

    # Used, its hour begins anew; the others go.
    long_ago = time.time() - handlers.KEPT_SECONDS - 60
    for entry in visit.entries(again):
        os.utime(Path(entry.thumb).parent, (long_ago, long_ago))
    assert newest.kept
    file, kept = visit.reopened(newest, newest.kept.source, again)
    assert kept
    handlers.new_folder(again)
    assert visit.entries(again) == [newest]
    results.forget(kept)  # its own, not the visit's
    assert read_picture(newest.file).pixels[0, 0, 0] == 21
    assert not Path(file).exists()


def test_what_is_gone_or_nobodys_is_not_recorded() -> None:
    stranger = Visitor("stranger")
    assert made(1, stranger) == []  # its page was never opened
    visit.begin(None, stranger)
    assert visit.record(None, "", {}, stranger) == []
