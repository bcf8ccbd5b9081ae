"""Folders, patterns, names, pipes and refusals: which files a command takes, and where its results go."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editing.__main__ import main
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import repair, upscale

FAST = ["--model", "anime-fast", "--scale", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photos/ with sub-folders, and what lies in such folders beside pictures; nothing is computed."""
    photos = tmp_path / "photos"
    (photos / "sea" / "far").mkdir(parents=True)
    one = Picture(pixels=np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8))
    for name in ("a.png", "b.jpg", "sea/c.tif", "sea/far/d.webp"):
        write_picture(one, photos / name)
    (photos / "notes.txt").write_text("words")
    (photos / "._a.png").write_bytes(b"what macOS leaves")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(upscale, "upscale", lambda picture, *_, **__: picture)
    return tmp_path


def made(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_with_its_sub_folders(folder: Path) -> None:
    call = ["upscale", "photos", "-o", "out", "--suffix", "", *FAST]
    assert main(call) == 0
    assert made(folder / "out") == ["a.png", "b.png"]
    assert main([*call, "-r", "--format", "same"]) == 0
    assert made(folder / "out") == ["a.png", "b.jpg", "b.png", "sea/c.tif", "sea/far/d.webp"]
    assert probe_picture(folder / "out/b.jpg").format == "JPEG"


def test_results_beside_their_inputs_are_no_inputs_of_the_next_run(folder: Path) -> None:
    for output in ("photos", "photos/out"):
        for _ in range(2):
            assert main(["upscale", "photos", "-o", output, "-r", "--name", "{stem}-{model}-{scale}x", *FAST]) == 0
    names = [f"{name}-anime-fast-1x.png" for name in ("a", "b", "sea/c", "sea/far/d")]
    assert [name for name in names if not (folder / "photos" / name).exists()] == []
    assert [name for name in made(folder / "photos") if name.count("anime-fast") > 1 and "out" not in name] == []


def test_a_pattern_that_no_shell_expanded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy("photos/a.png", "photos/[1].png")
    assert main(["upscale", "photos/*.png", "photos/[1].png", "-o", "out", "--suffix=", *FAST]) == 0
    assert made(folder / "out") == ["[1].png", "a.png"]
    assert main(["upscale", str(folder / "photos/**/*.webp"), "-o", "far", "--suffix=", *FAST]) == 0
    assert made(folder / "far") == ["d.png"]
    assert main(["upscale", "photos/*.bmp", "-o", "out", *FAST]) == 2
    assert "No file matches 'photos/*.bmp'" in capsys.readouterr().err


def test_what_is_there_is_skipped_and_dates_are_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.utime("photos/a.png", (1e9, 1e9))
    call = ["upscale", "photos", "-o", "out", "--suffix=", "--keep-dates", *FAST]
    assert main(call) == 0
    assert Path("out/a.png").stat().st_mtime == 1e9
    Path("out/b.png").unlink()
    capsys.readouterr()
    assert main([*call, "--skip-existing"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("a.png  there already")
    assert Path("out/b.png").exists()


def test_formats_by_any_name_and_quality(folder: Path) -> None:
    for name, quality in (("jpeg", "20"), ("jpg", "95"), ("tiff", "95")):
        call = ["upscale", "photos/a.png", "-o", f"out/{name}", "--format", name, "--quality", quality, *FAST]
        assert main(call) == 0
    assert [Path(path).suffix for path in made(folder / "out")] == [".jpg", ".jpg", ".tif"]
    sizes = [next((folder / "out" / name).iterdir()).stat().st_size for name in ("jpeg", "jpg")]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["photos/a.png", "photos/b.jpg", "-o", "one.png"], "'one.png' looks like a file"),
        (["photos", "-o", "one.jpeg"], "'one.jpeg' looks like a file"),
        (["photos/a.png", "-o", "photos/a.png"], "is an input, too"),
        (["photos", "-o", "photos", "--suffix", "", "--format", "same"], "is an input, too"),
        (["photos/a.png", "photos/b.jpg", "-o", "-"], "takes one picture; 2"),
        (["photos/a.png", "-o", "x.png", "--suffix", "-big"], "--suffix names the files in a folder"),
        (["photos", "-o", "out", "--suffix", "a/b"], "without slashes"),
        (["photos", "-o", "out", "--name", "same"], "text with places"),
        (["photos", "-o", "out", "--name", "{stem.x}"], "text with places"),
        (
            ["photos", "-o", "out", "--name", "{style}"],
            "'{style}', which this command doesn't fill: choose from {stem}",
        ),
        (["photos", "-o", "out", "--name", "{stem}", "--suffix", "x"], "not both"),
        (["photos/sea/far/..", "-o", "out", "--quality", "0"], "--quality: Quality is 0"),
        (["empty", "-o", "out"], "'empty' holds no pictures"),
        (["photos/a.png", "-o", "x.xyz"], "'x.xyz' has no known suffix"),
    ],
)
def test_refused_at_once(
    folder: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    (folder / "empty").mkdir()
    before = {name: (folder / name).read_bytes() for name in made(folder)}
    assert main(["upscale", *arguments, *FAST]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert {name: (folder / name).read_bytes() for name in made(folder)} == before
    assert not (folder / "out").exists()


def test_an_input_is_overwritten_when_that_is_asked_for(folder: Path) -> None:
    assert main(["upscale", "photos/a.png", "-o", "photos/a.png", "--overwrite", *FAST]) == 0
    recipe = read_picture("photos/a.png").recipe
    assert recipe is not None


def refused(*_: Any, **__: Any) -> Picture:
    raise AssertionError("this could not be saved, which was known before")


@pytest.mark.parametrize(
    ("target", "side", "words"),
    [
        ("x.webp", 16384, "WebP allows 16383"),
        ("x.jpg", 65536, "JPEG allows 65500"),
        ("no/x.png", 8, "folder 'no' does not exist"),
        ("closed/x.png", 8, "may not be written to"),
    ],
)
def test_what_could_not_be_saved_is_not_computed(
    folder: Path, target: str, side: int, words: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (folder / "closed").mkdir()
    write_picture(Picture(pixels=np.zeros((1, side, 1), np.uint8)), folder / "long.png")
    monkeypatch.setattr(upscale, "upscale", refused)
    whole = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "closed" and whole(path, mode))
    assert main(["upscale", "long.png", "-o", target, *FAST]) == 1
    assert words in capsys.readouterr().err


def test_a_clip_of_a_live_photo_and_what_is_raw_are_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "photos/b.MOV").write_bytes(b"a clip")
    (folder / "photos/b.DNG").write_bytes(b"raw")
    assert main(["upscale", "photos", "-o", "out", *FAST]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    first, second = said.err.splitlines()
    assert first.startswith("b.MOV: the moving part of a Live Photo")
    assert second.startswith("b.DNG: a camera's raw file, left out")


# ---- what is said ----------------------------------------------------------------------------------------------------


def test_json_is_a_line_of_facts_a_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "photos/broken.png").write_bytes(b"no picture")
    assert main(["upscale", "photos", "-o", "out", "--json", *FAST]) == 1
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["width"], first["height"], first["color_drift"], first["notices"]) == (8, 6, 0, [])
    assert Path(first["output"]).is_file()
    assert Path(second["input"]).name == "b.jpg"
    assert "is a text, not a picture" in third["error"]


def test_no_terminal_is_too_old_for_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy("photos/a.png", "日本.png")
    said = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, encoding="cp1252"))
    assert main(["upscale", "日本.png", "photos/a.png", "-o", "out", "--suffix=", *FAST]) == 0
    lines = said.getvalue().decode("cp1252").splitlines()
    assert [line.split("  ")[1] for line in lines] == ["8x6", "8x6"]
    assert "\\u65e5\\u672c.png" in lines[0]


def test_standard_input_to_standard_output(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    given = (folder / "photos/a.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    assert main(["upscale", "-", "-o", "-", "--format", "tiff", *FAST]) == 0
    (folder / "result").write_bytes(out.getvalue())
    assert probe_picture(folder / "result").format == "TIFF"
    assert (read_picture(folder / "result").pixels == read_picture(folder / "photos/a.png").pixels).all()
    assert capfdbinary.readouterr().err.strip().startswith(b"-  8x6")


# ---- repair ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("choice", "names"), [("copy", ["a.png", "b.png"]), ("leave", [])])
def test_pictures_without_a_face(
    folder: Path, choice: str, names: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "find", lambda *_, **__: [])
    call = ["repair", "photos", "-o", "out", "--suffix="]
    assert main(call) == 1
    assert capsys.readouterr().err.count("No face was found and no mask") == 2
    assert main([*call, "--faceless", choice]) == 0
    assert made(folder / "out") == names
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    if choice == "copy":
        assert (read_picture("out/a.png").pixels == read_picture("photos/a.png").pixels).all()
        assert "a.png: no face was found: saved as it is." in said.err
    else:
        assert said.out.splitlines()[0] == f"{Path('photos/a.png')}  no face: left out"


# ---- many ------------------------------------------------------------------------------------------------------------


def test_mixed_files_of_which_some_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (folder / "photos/a.png").read_bytes()
    for number in range(12):
        broken = (whole[:60], b"", b"words", struct.pack(">I", number) * 50)[number % 4]
        (folder / f"photos/{number:02d}.png").write_bytes(broken if number % 3 == 0 else whole)
    assert main(["upscale", "photos", "-o", "out", *FAST]) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == len(made(folder / "out")) == 10
    assert len(said.err.splitlines()) == 4
