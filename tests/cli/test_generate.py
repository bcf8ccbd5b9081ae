"""``python -m editing generate``: what it writes, what it says, and its exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from clips.test_walk import read_mp4, read_webp
from pipelines.test_generate import make

from editing.__main__ import main
from editing.options import GenerateOptions, WalkOptions
from editing.pictures.read import read_picture
from editing.pipelines import generate

SMALL = ["--model", "small.safetensors"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder; small.safetensors lies in ATELIER_WEIGHTS."""
    (tmp_path / "weights").mkdir()
    make(tmp_path / "weights" / "small.safetensors")
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_several_pictures_go_into_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "-o", "out", "--seed", "998", "--count", "3", *SMALL]) == 0
    said = capsys.readouterr()
    assert names(folder) == ["out/seed-000998.png", "out/seed-000999.png", "out/seed-001000.png"]
    assert said.out.splitlines()[0] == "out/seed-000998.png  16x16"  # no novelty where none is known
    assert not said.err.strip()
    found = read_picture(folder / "out/seed-000999.png")
    options = generate.options_of(found.recipe or {})
    assert isinstance(options, GenerateOptions)
    assert (options.seed, options.count, options.truncation) == (999, 1, 0.7)
    assert np.array_equal(generate.generate(options)[0].picture.pixels, found.pixels)


def test_one_picture_goes_into_a_file_of_any_format(folder: Path) -> None:
    style = ["--direction", "3=-1.5", "--direction", "1=1", "--mix", "7=0.25", "--truncation", "1"]
    assert main(["generate", "-o", "one.webp", "--seed", "4294967295", *style, *SMALL]) == 0
    options = generate.options_of(read_picture(folder / "one.webp").recipe or {})
    assert options == GenerateOptions(
        model="small.safetensors", seed=2**32 - 1, truncation=1.0, directions=(1.0, 0.0, -1.5), mix_seed=7, mix=0.25
    )


def test_256_enlarges_by_the_photo_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from editing.networks.generator import GeneratorConfig

    config = GeneratorConfig(size=64, latent=8, style=8, capacity=512, max_channels=16)
    make(folder / "large.safetensors", config)
    assert main(["generate", "-o", "large.png", "--size", "256", "--model", "large.safetensors"]) == 0
    assert "256x256" in capsys.readouterr().out
    found = read_picture(folder / "large.png")
    assert found.pixels.shape == (256, 256, 3)
    assert found.recipe is not None
    assert found.recipe["then"]["options"]["model"] == "photo"
    plain = generate.generate(GenerateOptions(model="large.safetensors"))[0].picture.pixels
    # The enlargement averages back to what was drawn.
    reduced = found.pixels.reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(reduced - plain).mean() < 12


def test_what_is_very_small_is_enlarged_in_several_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "-o", "x.png", "--size", "256", *SMALL]) == 0
    assert "x.png  256x256" in capsys.readouterr().out


def test_a_walk_becomes_a_clip_or_both(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    walk = ["--walk", "1,2,3", "--frames", "7", "--fps", "10"]
    assert main(["generate", "-o", "walk.mp4", *walk, *SMALL]) == 0
    assert capsys.readouterr().out == "walk.mp4  16x16  7 frames\n"
    assert len(read_mp4(folder / "walk.mp4")[0]) == 7
    assert main(["generate", "-o", "clips", *walk, "--no-loop", *SMALL]) == 0
    assert names(folder / "clips") == ["walk-1-2-3.mp4", "walk-1-2-3.webp"]
    frames, durations, loop = read_webp(folder / "clips" / "walk-1-2-3.webp")
    assert (len(frames), sum(durations), loop) == (7, 700, 1)
    options = generate.options_of(read_picture(folder / "clips" / "walk-1-2-3.webp").recipe or {})
    assert options == WalkOptions(model="small.safetensors", seeds=(1, 2, 3), frames=7, loop=False)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--seed", "-1"], 2, "--seed: Seed is -1"),
        (["--seed", "4294967296"], 2, "4294967295"),
        (["--seed", "4294967295", "--count", "2"], 2, "past the last seed"),
        (["--count", "0"], 2, "--count: Pictures is 0"),
        (["--count", "99999999999"], 2, "between 1 and 1000"),
        (["--truncation", "nan"], 2, "Truncation is nan"),
        (["--truncation=-inf"], 2, "Truncation is -inf"),
        (["--direction", "1"], 2, "Direction is '1'"),
        (["--direction", "0=1"], 2, "count from 1"),
        (["--direction", "4=1"], 2, "has 3 directions; 4 were given"),
        (["--direction", "1=nan"], 2, "Direction 1 is nan"),
        (["--mix", "3"], 2, "--mix is '3'"),
        (["--mix", "3=2"], 2, "Mix is 2;"),
        (["--walk", "1"], 2, "two to eight seeds; 1"),
        (["--walk", "1,x"], 2, "--walk: The seeds are '1,x'"),
        (["--walk", "1,2", "--frames", "1"], 2, "--frames: Frames is 1"),
        (["--walk", "1,2", "--fps", "nan"], 2, "--fps: Frames a second is nan"),
        (["--walk", "1,2", "--mix", "3=0.5"], 2, "--mix is of single pictures"),
        (["--walk", "1,2", "-o", "walk.gif"], 2, "clips are saved as .webp, .mp4"),
        (["--count", "2", "-o", "two.png"], 2, "looks like a file"),
        (["-o", "drawn.xyz"], 2, "has no known suffix"),
        (["-o", "none/drawn.png"], 1, "does not exist"),
        (["--model", "nothing"], 1, "no weight called 'nothing'"),
        (["--model", "broken.safetensors"], 1, "broken.safetensors"),
        (["--model", "photo"], 1, "no weight for 'generate'"),
    ],
)
def test_mistakes_are_told_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    (folder.parent / "weights" / "broken.safetensors").write_bytes(b"\1\2\3")
    assert main(["generate", "-o", "out", *SMALL, *arguments]) == code
    error = capsys.readouterr().err.strip()
    assert re.fullmatch(r"editing: [^\n]+", error)
    assert said in error
    assert not names(folder)
