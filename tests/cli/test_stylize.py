"""``python -m editing stylize``: what it writes, what it says, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_clips import animation, moving
from pipelines.test_stylize import make, photo, soften

from editing import options, runtime
from editing.__main__ import main
from editing.options import StylizeOptions
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture

SMALL = ["--model", "small.safetensors", "--precision", "fp32", "--style-scale", "4"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a photo, a style picture and a mask; small.safetensors lies in ATELIER_WEIGHTS."""
    (tmp_path / "weights").mkdir()
    make(tmp_path / "weights" / "small.safetensors")
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(runtime, "cores", lambda: 1)
    soften(monkeypatch)
    here = tmp_path / "here"
    here.mkdir()
    write_picture(photo(), here / "photo.png")
    write_picture(photo(90, 70), here / "mine.png")
    left = np.zeros((60, 80, 1), np.uint8)
    left[:, :40] = 255
    write_picture(Picture(pixels=left), here / "mask.png")
    monkeypatch.chdir(here)
    return here


def test_a_photo_in_a_style_of_the_gallery(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", "photo.png", "-o", "out.png", "--style", "waves", *SMALL]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == "out.png  80x60"
    assert not said.err.strip()
    found = read_picture(folder / "out.png")
    assert found.recipe is not None
    assert found.recipe["options"]["style"] == "waves"
    assert not np.array_equal(found.pixels, photo().pixels)


def test_every_dial(folder: Path) -> None:
    style = ["--style", "mine.png", "--style2", "night", "--mix", "0.25", "--strength", "0.5", "--keep-colors"]
    assert main(["stylize", "photo.png", "mine.png", "-o", "out", *style, "--mask", "mask.png", *SMALL]) == 1
    assert [path.name for path in folder.glob("out/*")] == ["photo-mine-night.png"]  # the other has another shape
    found = read_picture(folder / "out/photo-mine-night.png")
    assert found.recipe is not None
    asked = {key: found.recipe["options"][key] for key in ("style", "second", "mix", "strength", "keep_colors")}
    assert asked == {"style": "mine.png", "second": "night", "mix": 0.25, "strength": 0.5, "keep_colors": True}
    assert found.recipe["masked"] is True
    np.testing.assert_array_equal(found.pixels[:, 45:], photo().pixels[:, 45:])
    assert not np.array_equal(found.pixels[:, :35], photo().pixels[:, :35])


def test_the_smallest_strokes_of_the_page_are_the_smallest_of_the_command(folder: Path) -> None:
    """A recipe of 0.1 was written and refused by the page."""
    model = SMALL[:4]
    assert main(["stylize", "photo.png", "-o", "out.png", "--style", "waves", "--style-scale", "0.1", *model]) == 0
    recipe = read_picture(folder / "out.png").recipe
    assert recipe is not None
    assert options.read(StylizeOptions, recipe["options"]).style_scale == 0.1
    assert main(["stylize", "photo.png", "-o", "x.png", "--style", "waves", "--style-scale", "0.09", *model]) == 2


def test_strength_0_gives_the_photo_back(folder: Path) -> None:
    assert main(["stylize", "photo.png", "-o", "out.png", "--style", "night", "--strength", "0", *SMALL]) == 0
    np.testing.assert_array_equal(read_picture(folder / "out.png").pixels, photo().pixels)


def test_a_clip_and_its_recipe_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    animation(folder / "clip.gif", moving(3), loop=0)
    asked = ["--style", "waves", "--steady", "0.3", "--format", "webp", *SMALL]
    assert main(["stylize", "clip.gif", "photo.png", "-o", "out", *asked]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{Path('out') / 'clip-waves.webp'}  64x48  3 frames  ")
    assert said[1] == f"{Path('out') / 'photo-waves.webp'}  80x60"
    recipe = read_picture(folder / "out" / "clip-waves.webp").recipe
    assert recipe is not None
    assert (recipe["options"]["style"], recipe["options"]["steady"]) == ("waves", 0.3)
    assert main(["rerun", "out/clip-waves.webp", "clip.gif", "-o", "again.webp"]) == 0
    assert (folder / "again.webp").read_bytes() == (folder / "out" / "clip-waves.webp").read_bytes()
    assert main(["stylize", "clip.gif", "-o", "x.gif", "--style", "mine.png", "--optimise", "10", *SMALL]) == 1
    assert "is not for clips" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--style", "wave"], 2, "Choices: waves, night, or the path of a picture"),
        (["--style", "waves", "--style2", "nihgt"], 2, "no style called 'nihgt'"),
        (["--style", "waves", "--strength", "2"], 2, "Strength is 2"),
        (
            ["--style", "waves", "--style-scale", "9"],
            2,
            "--style-scale: Size of the strokes is 9",
        ),
        (["--style", "waves", "--tile", "many"], 2, "--tile: Tile (pixels) is 'many'"),
        (["--style", "waves", "--mask", "none.png"], 1, "none.png"),
        (["--style", "waves", "--mask", "mine.png"], 1, "another shape"),
        (["--style", "waves", "--model", "photo"], 1, "Choices: "),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    arguments: list[str], code: int, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = [] if "--model" in arguments else SMALL[:4]
    assert main(["stylize", "photo.png", "-o", "out.png", *arguments, *model]) == code
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert words in said[0]
    assert not (folder / "out.png").exists()


def test_a_style_is_required(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["stylize", "photo.png", "-o", "out.png"])
    assert ended.value.code == 2
    assert "--style" in capsys.readouterr().err
