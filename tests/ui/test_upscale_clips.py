"""The Upscale tab's clips, their handlers called as Gradio calls them."""

from __future__ import annotations

import os
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from made_clips import animation, moving, video

from editing import messages, runtime
from editing.clips.read import probe_clip
from editing.errors import EditingError
from editing.options import ClipOptions, ClipSaveOptions, SaveOptions
from editing.ui import clips, handlers, upscale_clips, upscale_many, upscale_tab
from editing.ui.clips import ClipSource
from ui.test_upscale_tab import OPTIONS, SAVING, SENT, SETTINGS
from ui.visitor import Visitor

CLIP = ClipOptions()


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
            handlers.request_stop(Visitor())


def looked(path: Path) -> ClipSource:
    source = clips.look(path=str(path), tab="upscale", request=Visitor())["source"]
    assert isinstance(source, ClipSource)
    return source


def run(path: Path, told: Told, file_format: str | None = None) -> tuple[Path, Any]:
    saving = ClipSaveOptions(format=file_format)
    file, result, _ = upscale_clips.run(looked(path).path, OPTIONS, CLIP, saving, Visitor(), told)  # type: ignore[arg-type]
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


def test_the_upload_may_go_under_a_long_run(tmp_path: Path) -> None:
    """Every frame done, and then "was not found": sound and metadata are read last, and uploads live for an hour."""
    path = video(tmp_path / "a.mp4", moving(4), sound="aac")
    source = looked(path)
    told = Told()

    def an_hour_later(progress: tuple[int, int], desc: str) -> None:
        path.unlink(missing_ok=True)
        folder = Path(source.path).parents[1]
        handlers.new_folder(Visitor("another"))  # deletes what is old: what this report found is not
        assert folder.exists()
        for own in (folder, Path(source.path).parent, Path(source.path)):
            os.utime(own, (time.time() - handlers.KEPT_SECONDS - 9,) * 2)
        told(progress, desc)

    file, result, _ = upscale_clips.run(source.path, OPTIONS, CLIP, ClipSaveOptions(), Visitor(), an_hour_later)  # type: ignore[arg-type]
    assert result is not None
    assert (probe_clip(file).frames, probe_clip(file).sound) == (4, True)


@pytest.mark.parametrize(("file_format", "suffix"), [(None, ".gif"), ("webm", ".webm"), ("apng", ".apng")])
def test_formats(tmp_path: Path, file_format: str | None, suffix: str) -> None:
    file, _ = run(animation(tmp_path / "a.gif", moving(2)), Told(), file_format)
    assert file.suffix == suffix
    assert probe_clip(file).frames == 2


def given(mode: str = "clip", clip: ClipSource | None = None) -> dict[str, Any]:
    return {"mode": mode, "source": None, "files": None, "clip": clip}


def test_a_clip_looked_at_and_estimated(tmp_path: Path) -> None:
    source = looked(animation(tmp_path / "a.gif", moving(3), loop=0))
    show = upscale_tab.show_estimate
    line = show(given=given(clip=source), settings=SETTINGS, saving=SAVING, request=Visitor())["cost"]
    assert "64 × 48 → 256 × 192** · 3 frames · about" in line
    settings = SETTINGS | {"longest": 9999}
    too_large = show(given=given(clip=source), settings=settings, saving=SAVING, request=Visitor())["cost"]
    assert "at most 1024 pixels" in too_large


def test_what_is_no_clip_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: said.append(text))
    (tmp_path / "a <b>.mp4").write_text("words")
    still = animation(tmp_path / "b.gif", moving(1))
    for path in (tmp_path / "a <b>.mp4", still):
        assert clips.look(path=str(path), tab="upscale", request=Visitor()) == {"source": None, "clip": None}
    assert "'a &lt;b&gt;.mp4' is a text, not a clip" in said[0]
    assert "'b.gif' is a still picture (GIF), not a clip" in said[1]


def test_run_without_a_clip_says_so() -> None:
    with pytest.raises(EditingError, match="There is no clip yet"):
        upscale_clips.run_page(None, OPTIONS, CLIP, ClipSaveOptions(), Visitor(), gr.Progress())


def test_a_clip_among_several_and_its_part_when_stopped(tmp_path: Path) -> None:
    files = [str(animation(tmp_path / "a.gif", moving(2))), str(video(tmp_path / "b.mp4", moving(6)))]
    *_, last = upscale_many.run(upscale_many.taken(files, Visitor()), OPTIONS, SaveOptions(), Visitor(), Told())  # type: ignore[arg-type]
    assert [name for _, name in last["gallery"]] == ["a-anime-fast-x4.gif", "b-anime-fast-x4.mp4"]
    assert [row[1][0] for row in last["table"]["data"]] == ["✓", "✓"]
    *_, last = upscale_many.run(upscale_many.taken(files[1:], Visitor()), OPTIONS, SaveOptions(), Visitor(), Told(3))  # type: ignore[arg-type]
    assert last["table"]["data"][0][1] == "– stopped: what is done is in the zip"
    with zipfile.ZipFile(last["archive"]["value"]) as opened:
        assert opened.namelist() == ["b-anime-fast-x4.partial.mp4"]


def test_a_visitor_who_has_gone_stops_the_clip(tmp_path: Path) -> None:
    came = time.perf_counter()
    source = looked(video(tmp_path / "a.mp4", moving(2)))
    handlers.forget(Visitor())
    outputs = upscale_tab.run_page(
        given=given(clip=source), settings=SETTINGS, clip={"steady": 0}, saving=SAVING,
        clip_saving=SAVING | {"format": ""}, last=None, request=Visitor(arrived=came), progress=gr.Progress(),
    )  # fmt: skip
    assert list(outputs) == [gr.skip()]


def test_the_endpoint_takes_what_programs_have_always_sent(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", moving(2))
    sent = {**SENT, "model": "anime-fast", "scale": 2, "clip_format": "WebP", "steady": 0.3}
    answer = upscale_tab.upscale_clip_endpoint(file=str(path), request=Visitor(), progress=gr.Progress(), **sent)
    assert answer["file"].endswith(".webp")
    assert (answer["facts"]["width"], answer["facts"]["frames"]) == (128, 2)
    assert answer["facts"]["recipe"]["options"]["steady"] == 0.3
    assert answer["facts"]["recipe"]["options"]["deinterlace"] == "auto"
    for wrong in (
        {"clip_format": "AVI"},
        {"clip_format": ["mp4"]},
        {"steady": 3},
        {"steady": [1]},
        {"deinterlace": "x"},
    ):
        with pytest.raises(gr.Error) as caught:
            upscale_tab.upscale_clip_endpoint(file=str(path), request=Visitor(), progress=gr.Progress(), **sent | wrong)
        assert "inside Atelier" not in str(caught.value.message)
    with pytest.raises(gr.Error, match="No clip was sent"):
        upscale_tab.upscale_clip_endpoint(file=None, request=Visitor(), progress=gr.Progress(), **sent)
