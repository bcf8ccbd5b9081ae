"""``python -m editing compare``: the sheet, what is said, and mistakes told before any work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from editing.__main__ import main
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    down, across = np.mgrid[0:48, 0:64]
    color = np.stack([across * 3, down * 5, 200 - across * 2], 2).astype(np.uint8)
    write_picture(Picture(pixels=color), tmp_path / "one.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sheet_with_its_recipe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "one.png", "-o", "sheet.png", "--with", "anime-fast,photo-fast:0.5", "--crop", "8,8,32,24"]
    assert main([*command, "--scale", "2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("anime-fast  64x48  ")
    assert said[1].startswith("photo-fast, strength 0.5  64x48  ")
    assert said[2].startswith("sheet.png  ")
    sheet = read_picture(folder / "sheet.png")
    assert sheet.recipe is not None
    assert sheet.recipe["task"] == "compare"
    assert sheet.recipe["options"]["items"] == ["anime-fast", "photo-fast:0.5"]
    assert sheet.recipe["options"]["crop"] == [8, 8, 32, 24]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["one.png", "-o", "sheet.pdf", "--with", "photo"], 2, "no known suffix"),
        (["one.png", "-o", "no/sheet.png", "--with", "photo"], 1, "does not exist"),
        (["one.png", "-o", "sheet.png", "--with", "photo,scream"], 2, "one kind at a time"),
        (["one.png", "-o", "sheet.png", "--with", "photo", "--crop", "1,2"], 2, "--crop: The part is '1,2'"),
        (["none.png", "-o", "sheet.png", "--with", "anime-fast"], 1, "was not found"),
        (["one.png", "-o", "sheet.png", "--with", "anime-fast", "--crop", "60,0,10,10"], 1, "reaches beyond"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_mistakes_are_said_in_a_line(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *arguments]) == code
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not list(Path.cwd().glob("sheet*"))
