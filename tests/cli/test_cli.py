"""``python -m editing``: what it writes, what it says, and its exit codes."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editing import __version__, doctor
from editing.__main__ import main
from editing.costs import Cost
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import upscale
from editing.pipelines.damage import Finder
from editing.pipelines.stylize import LoadedStylizer
from editing.pipelines.upscale import Upscaler
from editing.weights.catalogue import CATALOGUE
from editing.weights.find import find_weight

ROOT = Path(__file__).parent.parent.parent
FAST = ["--model", "anime-fast"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures, one broken file, and the folder as the current one."""
    down, across = np.mgrid[0:30, 0:40]
    color = np.stack([across * 6, down * 8, 200 - across * 2], 2)
    write_picture(Picture(pixels=color.astype(np.uint8)), tmp_path / "one.png")
    write_picture(Picture(pixels=color[..., ::-1].astype(np.uint8)), tmp_path / "two.jpg")
    write_picture(Picture(pixels=(color * 250 + across[..., None]).astype(np.uint16)), tmp_path / "deep.tif")
    (tmp_path / "broken.png").write_bytes((tmp_path / "one.png").read_bytes()[:60])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


# ---- upscale ---------------------------------------------------------------------------------------------------------


def test_one_picture_to_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "one.png", "-o", "big.png", *FAST]) == 0
    said = capsys.readouterr()
    assert re.fullmatch(r"big\.png  160x120  colour drift 0\.\d\d of 255", said.out.strip())
    assert not said.err.strip()
    result = read_picture(folder / "big.png")
    assert (result.width, result.height) == (160, 120)
    assert result.recipe is not None
    assert result.recipe["options"]["model"] == "anime-fast"


def test_several_pictures_to_a_folder_each_on_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = ["one.png", "broken.png", "missing.png", "two.jpg"]
    assert main(["upscale", *inputs, "-o", "out/deep", "--scale", "2", *FAST]) == 1
    said = capsys.readouterr()
    assert sorted(path.name for path in (folder / "out/deep").iterdir()) == [
        "one-anime-fast-x2.png",
        "two-anime-fast-x2.png",
    ]
    assert len(lines(said.out)) == 2
    errors = lines(said.err)
    assert len(errors) == 2
    assert errors[0].startswith("editing: 'broken.png' is damaged")
    assert errors[1].startswith("editing: 'missing.png' was not found")


def test_equal_names_from_two_folders_do_not_overwrite_each_other(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "one.png").rename(folder / "other" / "one.png")
    write_picture(read_picture(folder / "two.jpg"), folder / "one.png")
    assert main(["upscale", "one.png", "other/one.png", "-o", "out", "--scale", "1", "--format", "webp", *FAST]) == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "one-anime-fast-x1-2.webp",
        "one-anime-fast-x1.webp",
    ]


def test_a_folder_that_is_there_takes_a_single_picture_too(folder: Path) -> None:
    (folder / "out.v2").mkdir()
    assert main(["upscale", "one.png", "-o", "out.v2", "--longest", "100", "--format", "jpg", *FAST]) == 0
    result = read_picture(folder / "out.v2" / "one-anime-fast-100px.jpg")
    assert (result.width, result.height) == (100, 75)


def test_sixteen_bits_stay_sixteen(folder: Path) -> None:
    assert main(["upscale", "deep.tif", "-o", "deep-out.tif", "--scale", "2", *FAST]) == 0
    result = read_picture(folder / "deep-out.tif")
    assert result.depth == 16
    assert (result.width, result.height) == (80, 60)
    assert len(np.unique(result.pixels)) > 1000


def test_every_option_reaches_the_pipeline(folder: Path) -> None:
    arguments = ["--scale", "3", "--strength", "0.4", "--tile", "64", "--precision", "fp32", "--no-color-lock"]
    assert main(["upscale", "one.png", "-o", "x.png", *arguments, *FAST]) == 0
    recipe = read_picture(folder / "x.png").recipe
    assert recipe is not None
    assert recipe["options"] == {
        "model": "anime-fast", "scale": 3, "longest": None, "strength": 0.4, "tile": 64, "precision": "fp32",
        "color_lock": False, "sigma": None, "width": None, "height": None, "megapixels": None,
    }  # fmt: skip


def test_metadata_is_kept_gps_dropped_and_all_stripped_on_request(folder: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    Image.open("one.png").save("tagged.jpg", exif=exif)

    def tags(name: str) -> tuple[bool, bool, bool]:
        with Image.open(folder / name) as image:
            found = image.getexif()
            text = getattr(image, "text", {})
            return found.get(0x010F) == "Maker", bool(found.get_ifd(0x8825)), "atelier" in text

    call = ["upscale", "tagged.jpg", "--scale", "1", *FAST]
    assert main([*call, "-o", "kept.png"]) == 0
    assert tags("kept.png") == (True, False, True)
    assert main([*call, "-o", "gps.png", "--keep-gps"]) == 0
    assert tags("gps.png") == (True, True, True)
    assert main([*call, "-o", "bare.png", "--strip"]) == 0
    assert tags("bare.png") == (False, False, False)


def test_notices_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "deep.tif", "-o", "x.jpg", "--scale", "1", *FAST]) == 0
    assert lines(capsys.readouterr().err) == [
        "deep.tif: JPEG holds 8 bits per channel: the picture's 16 bits were rounded to 8."
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["upscale", "one.png"], "-o/--output"),
        (["upscale", "-o", "x.png"], "IN"),
        (
            ["upscale", "one.png", "-o", "x.png", "--scale", "17"],
            "--scale: Scale is 17; it must be between 0.25 and 16, or auto",
        ),
        (["upscale", "one.png", "-o", "x.png", "--strength", "2"], "--strength: Strength is 2;"),
        (
            ["upscale", "one.png", "-o", "x.png", "--longest", "0"],
            "Longest side (pixels) is 0; it must be between 1 and 65535, or auto",
        ),
        (["upscale", "one.png", "-o", "x.png", "--tile", "3"], "Tile (pixels) is 3"),
        (["upscale", "one.png", "-o", "x.png", "--tile", "big"], "whole number, or auto"),
        (["upscale", "one.png", "-o", "x.png", "--precision", "fp16"], "--precision"),
        (["upscale", "one.png", "-o", "x.png", "--format", "jpg"], "contradicts"),
        (["upscale", "one.png", "two.jpg", "-o", "one.png"], "is a file"),
        (["upscale", "one.png", "-o", "x.png", "--nonsense"], "--nonsense"),
        ([], "COMMAND"),
        (["paint"], "paint"),
        (["weights"], "ACTION"),
        (["weights", "fetch"], "NAME"),
    ],
)
def test_a_wrong_command_exits_with_two(
    arguments: list[str], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.iterdir())
    try:
        code: object = main(arguments)
    except SystemExit as exit:
        code = exit.code
    assert code == 2
    said = capsys.readouterr()
    assert words in said.err
    assert "Traceback" not in said.err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", ["a.jpeg", "a.JPG"])
def test_a_format_by_its_other_name_contradicts_nothing(name: str, folder: Path) -> None:
    assert main(["upscale", "one.png", "-o", name, "--format", "jpg", "--scale", "1", *FAST]) == 0
    assert (folder / name).read_bytes().startswith(b"\xff\xd8")


def test_a_bug_in_one_picture_is_told_in_a_line_and_ends_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = upscale.upscale

    def broken(picture: Picture, *arguments: Any, **named: Any) -> Picture:
        if picture.depth == 16:
            raise IndexError("index 7 is\nout of bounds")
        return whole(picture, *arguments, **named)

    monkeypatch.setattr(upscale, "upscale", broken)
    assert main(["upscale", "deep.tif", "one.png", "-o", "out", "--scale", "1", *FAST]) == 1
    said = capsys.readouterr()
    assert [path.name for path in (folder / "out").iterdir()] == ["one-anime-fast-x1.png"]
    assert re.fullmatch(r"editing: deep\.tif: IndexError in .+: index 7 is out of bounds \(.*report it\)\n", said.err)
    assert len(lines(said.out)) == 1


def test_any_factor_and_any_size(folder: Path) -> None:
    sizes = {"scale 1.5": (60, 45), "scale 8": (320, 240), "width 100": (100, 75), "megapixels 0.01": (115, 87)}
    for words, size in sizes.items():
        option, value = words.split()
        assert main(["upscale", "one.png", "-o", "out/", f"--{option}", value, *FAST]) == 0
        result = read_picture(folder / "out" / f"one-anime-fast-{AMOUNTS[option].format(value)}.png")
        assert (result.width, result.height) == size


AMOUNTS = {"scale": "x{}", "width": "w{}", "megapixels": "{}mp"}


def test_more_than_16_times_fails_for_that_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "one.png", "-o", "x.png", "--longest", "1000", *FAST]) == 1
    assert lines(capsys.readouterr().err)[0].startswith("editing: one.png: 40x30 would be enlarged 25 times")


def test_a_suffix_that_is_no_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "one.png", "-o", "x.gif", *FAST]) != 0
    assert "'x.gif' has no known suffix" in capsys.readouterr().err


def test_an_unknown_model_names_the_choices(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "one.png", "-o", "x.png", "--model", "photos"]) == 1
    said = lines(capsys.readouterr().err)
    assert len(said) == 1
    assert "'photos'" in said[0]
    assert "photo, anime, anime-fast" in said[0]


# ---- weights and doctor ----------------------------------------------------------------------------------------------


def test_weights_list_names_every_weight_and_its_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    for weight in CATALOGUE:
        assert re.search(rf"^{re.escape(weight.name)} +{weight.task} ", said, re.MULTILINE)
        assert weight.licence in said
    assert "weights fetch general" in said


def test_weights_verify_reads_what_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "verify"]) == 0
    said = capsys.readouterr().out
    for name in ("photo", "anime", "anime-fast"):
        assert re.search(rf"^{name} +[0-9a-f]{{64}}$", said, re.MULTILINE)
    assert re.search(r"^general +not here$", said, re.MULTILINE)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "realesr-general-x4v3.pth").write_bytes(b"half of it")
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path))
    assert main(["weights", "verify"]) == 1
    errors = lines(capsys.readouterr().err)
    assert len(errors) == 1
    assert "weights fetch general, which replaces it" in errors[0]


def test_fetching_an_unknown_weight_fails_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "fetch", "nothing"]) == 1
    assert len(lines(capsys.readouterr().err)) == 1


def test_doctor_measures_each_model_in_each_precision(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "checks", lambda: iter(()))
    there = [find_weight(name) for name in ("anime-fast", "general", "stylizer", "damage")]
    monkeypatch.setattr(doctor, "weights_for", lambda *tasks: [weight for weight in there if weight.task in tasks])
    taken = {"fp32": 4e-6, "bf16": 2e-6, "int8": 1e-6}
    for kind, times in ((Upscaler, 1), (LoadedStylizer, 0.1), (Finder, 0.3)):
        measured = functools.partialmethod(
            lambda self, times, ask: Cost(seconds=taken[self.backend.precision] * times, bytes=500.0), times
        )
        monkeypatch.setattr(kind, "cost", measured)
    assert main(["doctor", "--bench"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert {row[0] for row in rows} == {"anime-fast", "stylizer", "damage"}  # the other isn't here
    assert rows[-1][1:6] == ["fp32", "4.00", "s/MP", "0.50", "GB/MP"]
    assert [float(row[2]) for row in rows] == sorted(float(row[2]) for row in rows)
    assert all(len(row[6]) <= len(rows[-1][6]) for row in rows)


def test_doctor_finds_this_machine_healthy_and_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    said = lines(capsys.readouterr().out)
    assert all(line.startswith("ok ") for line in said)
    assert any("weight photo is whole" in line for line in said)
    (tmp_path / "broken.pth").write_text("no weights")
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("ATELIER_MAX_INPUT_MP", "much")
    assert main(["doctor"]) == 1
    problems = [line for line in lines(capsys.readouterr().out) if line.startswith("problem")]
    assert len(problems) == 2
    assert "ATELIER_MAX_INPUT_MP" in problems[0]
    assert "damaged" in problems[1]


# ---- as a program ----------------------------------------------------------------------------------------------------


def program(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "editing", *arguments], cwd=cwd, env=environment, capture_output=True, text=True,
        timeout=180,
    )  # fmt: skip


def test_as_a_program_it_fails_without_a_traceback(folder: Path) -> None:
    ran = program("upscale", "broken.png", "-o", "x.png", *FAST, cwd=folder)
    assert ran.returncode == 1
    assert len(lines(ran.stderr)) == 1
    assert ran.stderr.startswith("editing: 'broken.png'")
    assert not ran.stdout


def test_version_and_help(folder: Path) -> None:
    assert program("--version", cwd=folder).stdout.strip() == f"Atelier {__version__}"
    helped = program("upscale", "--help", cwd=folder)
    assert helped.returncode == 0
    assert "--no-color-lock" in helped.stdout


def test_mistakes_are_told_without_waiting_for_torch(folder: Path) -> None:
    mistakes = [
        "upscale one.png -o x.png --scale 17", "repair a -o b --box x", "stylize a -o b --style c --mix 2",
        "generate -o b --walk 1",
    ]  # fmt: skip
    code = (
        "import sys\nfrom editing.__main__ import main\n"
        f"codes = [main(line.split()) for line in {mistakes}]\n"
        "print(codes, [name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "[2, 2, 2, 2] []", ran.stderr


def test_the_output_is_one_line_per_picture_for_other_programs(folder: Path) -> None:
    ran = program("upscale", "one.png", "two.jpg", "-o", "out", "--scale", "1", *FAST, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert [line.split("  ")[1] for line in lines(ran.stdout)] == ["40x30", "40x30"]
    assert not ran.stderr.strip()


def test_the_recipe_is_plain_json() -> None:
    from editing.options import UpscaleOptions
    from editing.pipelines.upscale import recipe

    made = recipe(UpscaleOptions(model="anime-fast"))
    assert json.loads(json.dumps(made)) == made
