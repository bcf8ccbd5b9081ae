"""The Upscale tab's clips, their handlers called as Gradio calls them."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from made_clips import animation, moving, video

from editing import messages, runtime
from editing.clips.read import probe_clip
from editing.errors import EditingError, Stopped
from editing.options import ClipOptions
from editing.ui import handlers, upscale_clips, upscale_tab
from ui.test_upscale_tab import OPTIONS, Visitor

CLIP = ClipOptions(upscale=OPTIONS)
SETTINGS = ("anime-fast", 4, 1.0, 0, "auto", 64, True, True, 25)


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(runtime, "_job_lock", threading.RLock())


class Told:
    """A gr.Progress that presses Stop once so many frames are done."""

    def __init__(self, stop_at: int = 10**9) -> None:
        self.stop_at, self.texts = stop_at, []

    def __call__(self, progress: tuple[int, int], desc: str) -> None:
        self.texts.append(desc)
        if progress[0] >= self.stop_at:
            handlers.request_stop(Visitor())  # type: ignore[arg-type]


def run(path: Path, told: Told, file_format: str = "") -> tuple[Path, Any]:
    file, result, _ = upscale_clips.run(str(path), CLIP, file_format, False, False, Visitor(), told)  # type: ignore[arg-type]
    return file, result


def test_stop_leaves_a_part_and_run_goes_on(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(6))
    told = Told(stop_at=2)
    part, result = run(path, told)
    assert result is None
    assert part.name == "a-anime-fast-x4.partial.mp4"
    assert probe_clip(part).frames == 2
    assert told.texts[0] == "Frames: 0 of 6"
    told = Told()
    file, result = run(path, told)
    assert file.name == "a-anime-fast-x4.mp4"
    assert probe_clip(file).frames == 6
    assert [notice.text for notice in result.notices] == [messages.CLIP_RESUMED]
    assert told.texts[0] == "Frames: 2 of 6"
    assert not part.exists()  # its place on the page is taken
    assert file.parent != part.parent  # an address of its own


def test_time_left_counts_from_where_this_run_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(handlers.time, "monotonic", lambda: now[0])
    told = Told()
    report = handlers.JobReport(told, threading.Event(), "en", frames=True)  # type: ignore[arg-type]
    report(90, 100)
    now[0] += 10
    report(91, 100)
    assert told.texts == ["Frames: 90 of 100", "Frames: 91 of 100 · 90 s left"]


@pytest.mark.parametrize(("file_format", "suffix"), [("", ".gif"), ("WebM", ".webm"), ("APNG", ".apng")])
def test_formats(tmp_path: Path, file_format: str, suffix: str) -> None:
    file, _ = run(animation(tmp_path / "a.gif", moving(2)), Told(), file_format)
    assert file.suffix == suffix
    assert probe_clip(file).frames == 2


def test_a_clip_looked_at_and_estimated(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", moving(3), loop=0)
    source, _ = upscale_clips.look(str(path), Visitor())  # type: ignore[arg-type]
    line = upscale_tab.show_estimate(Visitor(), "clip", None, None, source, *SETTINGS)  # type: ignore[arg-type]
    assert "64 × 48 → 256 × 192** · 3 frames · about" in line
    too_large = upscale_tab.show_estimate(
        Visitor(), "clip", None, None, source, "anime-fast", 4, 1.0, 9999, *SETTINGS[4:]
    )  # type: ignore[arg-type]
    assert "at most 256 pixels" in too_large


def test_what_is_no_clip_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: said.append(text))
    (tmp_path / "a <b>.mp4").write_text("words")
    assert upscale_clips.look(str(tmp_path / "a <b>.mp4"), Visitor()) == (None, None)  # type: ignore[arg-type]
    assert "'a &lt;b&gt;.mp4' is not a clip" in said[0]
    assert upscale_clips.look(str(animation(tmp_path / "b.gif", moving(1))), Visitor()) == (None, None)  # type: ignore[arg-type]
    assert "still picture" in said[1]


def test_run_without_a_clip_says_so() -> None:
    with pytest.raises(EditingError, match="There is no clip yet"):
        upscale_clips.run_page(None, CLIP, "", False, False, Visitor(), gr.Progress())  # type: ignore[arg-type]


def test_each_half_of_the_run_button_leaves_the_other_alone() -> None:
    values = ("one", None, 0.5, "", False, False, *SETTINGS)
    assert len(upscale_tab.run_clip(Visitor(), Told(), *values)) == 4  # type: ignore[arg-type]
    values = ("clip", None, None, *SETTINGS, "PNG", False, False, None)
    (outputs,) = upscale_tab.run_page(Visitor(), Told(), *values)  # type: ignore[arg-type]
    assert len(outputs) == 9


def test_a_clip_among_several_and_its_part_when_stopped(tmp_path: Path) -> None:
    files = [str(animation(tmp_path / "a.gif", moving(2))), str(video(tmp_path / "b.mp4", moving(6)))]
    saving = ("PNG", False, False)
    *_, (gallery, table, archive) = upscale_tab._run_many(files, OPTIONS, saving, Visitor(), Told())  # type: ignore[arg-type]
    assert [name for _, name in gallery] == ["a-anime-fast-x4.gif", "b-anime-fast-x4.mp4"]
    assert [row[1][0] for row in table["data"]] == ["✓", "✓"]
    *_, (_, table, archive) = upscale_tab._run_many(files[1:], OPTIONS, saving, Visitor(), Told(3))  # type: ignore[arg-type]
    assert table["data"][0][1] == "– stopped: what is done is in the zip"
    with zipfile.ZipFile(archive["value"]) as opened:
        assert opened.namelist() == ["b-anime-fast-x4.partial.mp4"]


def test_a_visitor_who_has_gone_stops_the_clip(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        upscale_clips._keeping(tmp_path / "deleted", lambda done, total, note="": None)(1, 2)
