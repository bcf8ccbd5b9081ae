"""``python -m editing rerun``: the same again gives the same bits, and what is missing is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editing.__main__ import main
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    down, across = np.mgrid[0:32, 0:48]
    color = np.stack([across * 5, down * 7, 200 - across * 3], 2).astype(np.uint8)
    write_picture(Picture(pixels=color), tmp_path / "one.png")
    write_picture(Picture(pixels=color[::-1]), tmp_path / "two.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_recipe(file: Path, **changes: Any) -> None:
    """The same picture with another recipe."""
    picture = read_picture(file)
    assert picture.recipe
    write_picture(picture, file, recipe=json.loads(json.dumps(picture.recipe)) | changes)


def test_the_same_again_and_to_another_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    upscale = ["upscale", "--model", "anime-fast", "--scale", "2", "--strength", "0.5", "--no-color-lock"]
    assert main([*upscale, "one.png", "-o", "big.png"]) == 0
    assert main([*upscale, "two.png", "-o", "other.png"]) == 0
    capsys.readouterr()
    assert main(["rerun", "big.png", "one.png"]) == 0
    assert main(["rerun", "big.png", "one.png"]) == 0
    assert main(["rerun", "big.png", "two.png", "-o", "again.png"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines()[0].startswith("big-again.png  96x64")
    assert (folder / "big-again-2.png").exists()
    for one, other in (("big", "big-again"), ("other", "again")):
        first, second = read_picture(folder / f"{one}.png"), read_picture(folder / f"{other}.png")
        assert np.array_equal(first.pixels, second.pixels)
        assert first.recipe == second.recipe


def test_a_restored_photo_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was left out is left out again, where the recipe of a plain repair would not say so."""
    restoring = ["repair", "one.png", "-o", "new.png", "--restore", "--find-damage", "none", "--faces", "none"]
    assert main([*restoring, "--colors", "0.9", "--clean", "0"]) == 0
    assert main(["rerun", "new.png", "one.png"]) == 0
    assert capsys.readouterr().err == ""
    first, second = read_picture(folder / "new.png"), read_picture(folder / "new-again.png")
    assert not np.array_equal(first.pixels, read_picture(folder / "one.png").pixels)
    assert np.array_equal(first.pixels, second.pixels)
    assert first.recipe == second.recipe


def test_drawn_from_seeds_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawing = ["generate", "--seed", "3", "--truncation", "0.6", "--mix", "9=0.25", "--direction", "2=1.5"]
    assert main([*drawing, "-o", "face.png"]) == 0
    assert main(["rerun", "face.png"]) == 0
    assert np.array_equal(read_picture(folder / "face.png").pixels, read_picture(folder / "face-again.png").pixels)
    assert main(["rerun", "face.png", "one.png"]) == 2
    assert "was drawn from seeds: leave 'one.png' out" in capsys.readouterr().err


def test_a_walk_again(folder: Path) -> None:
    assert main(["generate", "--walk", "1,2", "--frames", "3", "--no-loop", "-o", "walk.webp"]) == 0
    assert main(["rerun", "walk.webp"]) == 0
    assert (folder / "walk-again.webp").read_bytes() == (folder / "walk.webp").read_bytes()


def test_the_picture_has_to_be_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "one.png", "-o", "big.png", "--model", "anime-fast"]) == 0
    assert main(["rerun", "big.png"]) == 2
    assert "rerun big.png photo.jpg" in capsys.readouterr().err
    assert main(["rerun", "one.png", "two.png"]) == 1
    assert "'one.png' does not say how it was made" in capsys.readouterr().err


def test_what_is_different_is_said_and_the_run_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "one.png", "-o", "big.png", "--model", "anime-fast"]) == 0
    with_recipe(folder / "big.png", version="0.0.1", weights=[{"name": "anime-fast", "sha256": "0" * 64}])
    capsys.readouterr()
    assert main(["rerun", "big.png", "one.png"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in told] == ["big.png", "big.png"]
    assert "Atelier 0.0.1" in told[0]
    assert "anime-fast is another one" in told[1]


def test_style_pictures_are_found_by_their_bytes(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "styles").mkdir()
    style = folder / "styles" / "mine.png"
    (folder / "two.png").rename(style)
    write_picture(Picture(pixels=np.zeros((8, 8, 3), np.uint8)), folder / "black.png")
    assert main(["stylize", "one.png", "-o", "wave.png", "--style", str(style), "--style-scale", "4"]) == 0
    capsys.readouterr()
    assert main(["rerun", "wave.png", "one.png"]) == 1
    assert "style mine.png was a picture" in capsys.readouterr().err
    monkeypatch.chdir(folder / "styles")  # where it lies
    assert main(["rerun", "../wave.png", "../one.png", "-o", "../again.png"]) == 0
    assert capsys.readouterr().err == ""
    wave, again = (read_picture(folder / f"{name}.png") for name in ("wave", "again"))
    assert np.array_equal(wave.pixels, again.pixels)
    assert wave.recipe == again.recipe
    assert main(["rerun", "../wave.png", "../one.png", "-o", "../other.png", "--style", "../black.png"]) == 0
    assert "black.png is another one than it was" in capsys.readouterr().err
    other = read_picture(folder / "other.png")
    assert other.recipe
    assert other.recipe["options"]["style"] == "black.png"
