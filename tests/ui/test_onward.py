"""From tab to tab: what goes on, and what a file made here says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from editing.pictures.picture import Picture
from editing.pictures.write import write_picture
from editing.ui import handlers, offers, onward
from editing.ui.results import Kept, Source
from ui.visitor import Visitor, sent


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


def source(folder: Path, visitor: Visitor) -> Source:
    write_picture(Picture(pixels=np.zeros((30, 40, 3), np.uint8)), folder / "a.png")
    path = str(folder / "a.png")
    return Source(
        tab="repair", path=path, upload=path, width=40, height=30, alpha=False, recipe=None,
        given=handlers.give(visitor, "repair"),
    )  # fmt: skip


def kept(of: Source, folder: Path) -> Kept:
    write_picture(Picture(pixels=np.ones((30, 40, 3), np.uint8)), folder / "a-repaired.png")
    return Kept(
        source=of, picture=Picture(pixels=np.zeros((1, 1, 3), np.uint8)), folder=folder, options=None, seconds=0,
        file=str(folder / "a-repaired.png"),
    )  # fmt: skip


def test_the_result_goes_on_with_the_mask_not_the_picture_before(tmp_path: Path) -> None:
    visitor = Visitor()
    of = source(tmp_path, visitor)
    drawn = np.zeros((30, 40), np.uint8)
    drawn[:, :20] = 255
    given = onward.of_result(kept=kept(of, tmp_path), source=of, drawn=sent(drawn), request=visitor)
    assert Path(given.file).name == "a-repaired.png"
    assert given.mask is not None
    assert given.mask.mean() == pytest.approx(0.5, abs=0.05)

    # Of the picture before this one there is a result, of this one none: it goes itself.
    another = source(tmp_path, visitor)
    given = onward.of_result(kept=kept(of, tmp_path), source=another, drawn="", request=visitor)
    assert Path(given.file).name == "a.png"
    assert not given.result
    assert given.mask is None


def test_a_file_says_who_made_it_and_offers_its_settings() -> None:
    assert [offers.maker({"task": task}) for task in ("stylize", "walk", "else")] == ["stylize", "generate", ""]
    assert offers.maker(None) == ""
    assert offers.offer("repair", {"task": "repair"}, "en")["value"] == "Use the settings saved in this picture"
    assert "Stylize" in offers.offer("repair", {"task": "stylize"}, "en")["value"]
    assert not offers.offer("repair", None, "en")["visible"]
