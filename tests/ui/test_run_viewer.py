"""The look at trainings: what is shown of a run folder, and that no other folder can be reached."""

from __future__ import annotations

import json
import os
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.ui import run_viewer

LOG = """step,seconds,images_per_second,loss_g,fd,diversity,novelty
25,10.5,40,1.2,,,
50,3600,40,1.1,,,
50,3700,,,61.25,0.81,0.93
75,7200,40,1.0,,,
"""


def picture(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(Picture(pixels=np.full((8, 8, 3), value, np.uint8)), path)


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two trainings, a folder that is none, and a secret beside them."""
    folder = tmp_path / "runs"
    for age, name in ((100, "old"), (50, "new")):
        run = folder / name
        for step in range(15):
            picture(run / "samples" / f"{step * 250:07d}.png", step)
        picture(run / "curves.png")
        (run / "options.json").write_text(json.dumps({"steps": 1000, "data": "/home/me/secret/faces", "g_lr": 2e-4}))
        (run / "log.csv").write_text(LOG)
        (run / "last.pt").write_bytes(b"weights")
        os.utime(run, (run.stat().st_atime, run.stat().st_mtime - age))
    (folder / "notes").mkdir()
    outside = tmp_path / "outside"
    picture(outside / "curves.png")
    (outside / "options.json").write_text("{}")
    (folder / "link").symlink_to(outside)
    monkeypatch.setenv("ATELIER_RUNS", str(folder))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    return folder


@pytest.fixture
def request_() -> gr.Request:
    return gr.Request(session_hash="somebody", headers={}, cookies={"atelier_lang": "en"})


def test_only_trainings_are_listed_the_newest_first(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_viewer.names() == ["new", "old"]
    monkeypatch.setenv("ATELIER_RUNS", str(runs / "nothing"))
    assert run_viewer.names() == []


def test_a_training_is_shown_from_copies(runs: Path, request_: gr.Request) -> None:
    shown = run_viewer.show(name="old", request=request_)
    facts, grids, curves, options = shown.values()
    assert "Step 75 of 1000" in facts
    assert "2.0 h" in facts
    assert "61.2" in facts
    assert "0.81" in facts
    assert [caption for _, caption in grids] == [str(step * 250) for step in range(14, 2, -1)]
    assert read_picture(grids[0][0]).pixels.max() == 14
    assert not any(Path(path).is_relative_to(runs) for path in [curves, *[path for path, _ in grids]])
    assert options["data"] == "faces"  # where it lies on the machine is nobody's business
    assert options["g_lr"] == 2e-4


@pytest.mark.parametrize("name", ["../outside", "link", "notes", "..", ".", "old/samples", "/etc", "nothing", "old/"])
def test_no_other_folder_is_read(name: str, request_: gr.Request) -> None:
    with pytest.raises(gr.Error, match="no such training"):
        run_viewer.show(name=name, request=request_)


def test_links_out_of_a_run_are_not_followed(runs: Path, request_: gr.Request, tmp_path: Path) -> None:
    curves = runs / "new" / "curves.png"
    curves.unlink()
    curves.symlink_to(tmp_path / "outside" / "curves.png")
    (runs / "new" / "samples" / "9999999.png").symlink_to(tmp_path / "outside" / "curves.png")
    _, grids, shown, _ = run_viewer.show(name="new", request=request_).values()
    assert shown is None
    assert "9999999" not in [caption for _, caption in grids]


def test_half_written_and_missing_files_are_no_error(runs: Path, request_: gr.Request) -> None:
    run = runs / "new"
    (run / "log.csv").write_text(LOG + "100,73")
    assert "Step 100 of 1000" in run_viewer.show(name="new", request=request_)["facts"]
    (run / "log.csv").write_text("step,seconds\nx,y\n")
    assert "Step x" in run_viewer.show(name="new", request=request_)["facts"]
    (run / "log.csv").write_bytes(b"\xff\xfe\x00broken")
    (run / "options.json").write_text("[1, 2")
    (run / "curves.png").unlink()
    facts, _, curves, options = run_viewer.show(name="new", request=request_).values()
    assert "Step 0 of ?" in facts
    assert curves is None
    assert options == {}


def test_nothing_chosen_shows_nothing(request_: gr.Request) -> None:
    assert set(run_viewer.show(name=None, request=request_).values()) == {None}
