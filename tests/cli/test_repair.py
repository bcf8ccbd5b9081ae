"""``python -m editing repair``."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from editing.__main__ import main
from editing.errors import WeightError
from editing.faces import restore
from editing.faces.restore import Restorer
from editing.messages import Text
from editing.options import RepairOptions, read
from editing.pictures import masks
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import repair
from editing.runtime import Backend


@pytest.fixture
def portrait(tmp_path: Path, astronaut: np.ndarray) -> Path:
    write_picture(Picture(pixels=astronaut[:256, 96:352]), tmp_path / "portrait.png")
    return tmp_path / "portrait.png"


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    pixels = np.zeros((256, 256, 1), np.uint8)
    pixels[220:230, 10:30] = 255
    write_picture(Picture(pixels=pixels), tmp_path / "mask.png")
    return tmp_path / "mask.png"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that turns faces upside down, in place of the shipped one."""
    restorer = Restorer(
        name="fake", sha256="f" * 64, licence="", backend=Backend("cpu", "fp32"), side=64, fills=True,
        run=lambda picture, mask: (picture.flip(2), picture),
    )  # fmt: skip
    monkeypatch.setattr(restore, "load_restorer", lambda model, precision: restorer)


@pytest.mark.usefixtures("network")
def test_faces_are_repaired(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", str(portrait), "-o", str(tmp_path / "out.png"), "--fidelity", "0.1"]) == 0
    said = capsys.readouterr()
    assert "out.png  256x256  1 of 1 faces" in said.out
    assert "face 1 may be another person now" in said.err
    before, after = read_picture(portrait), read_picture(tmp_path / "out.png")
    assert after.recipe is not None
    assert after.recipe["options"]["fidelity"] == 0.1
    assert [weight["name"] for weight in after.recipe["weights"]] == ["detector", "repairer"]
    differs = (before.pixels != after.pixels).any(2)
    assert differs[60:170, 90:170].mean() > 0.8
    assert not differs[:, :40].any()


def test_a_mask_alone_is_filled(portrait: Path, mask: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["repair", str(portrait), "-o", str(tmp_path / "out"), "--mask", str(mask), "--faces", "none"]
    assert main([*arguments, "--filler", "patches"]) == 0
    assert "filled by patches" in capsys.readouterr().out
    before, after = read_picture(portrait), read_picture(tmp_path / "out" / "portrait-repaired.png")
    differs = (before.pixels != after.pixels).any(2)
    assert differs[221:229, 11:29].mean() > 0.5
    assert differs.sum() == differs[220:230, 10:30].sum()


def test_a_folder_of_masks_and_one_inverted_for_all(
    portrait: Path, mask: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_picture(portrait).pixels
    folder = tmp_path / "masks"
    folder.mkdir()
    for name, row in (("one", 10), ("two", 200)):
        write_picture(Picture(pixels=before), tmp_path / f"{name}.png")
        pixels = np.zeros((256, 256, 1), np.uint8)
        pixels[row : row + 8, 10:30] = 255
        write_picture(Picture(pixels=pixels), folder / f"{name}.png")
    files = [str(tmp_path / f"{name}.png") for name in ("one", "portrait", "two")]
    out = ["-o", str(tmp_path / "out"), "--faces", "none"]
    assert main(["repair", *files, *out, "--mask", str(folder)]) == 1
    assert "There is no mask for portrait.png" in capsys.readouterr().err
    assert not (tmp_path / "out" / "portrait-repaired.png").exists()
    for name, row in (("one", 10), ("two", 200)):
        after = read_picture(tmp_path / "out" / f"{name}-repaired.png").pixels
        differs = (before != after).any(2)
        assert differs[row : row + 8, 10:30].mean() > 0.5
        assert differs.sum() == differs[row : row + 8, 10:30].sum()
    write_picture(Picture(pixels=255 - read_picture(mask).pixels), tmp_path / "keep.png")
    inverted = ["--mask", str(tmp_path / "keep.png"), "--invert-mask"]
    assert main(["repair", files[0], files[2], *out, *inverted]) == 0
    after = [read_picture(tmp_path / "out" / f"{name}-repaired.png").pixels for name in ("one", "two")]
    np.testing.assert_array_equal(*after)
    assert (before != after[0]).any(2)[220:230, 10:30].mean() > 0.5


@pytest.mark.usefixtures("network")
def test_masks_of_everything_and_of_nothing(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in (("all", 255), ("nothing", 1)):
        write_picture(Picture(pixels=np.full((256, 256, 1), value, np.uint8)), tmp_path / f"{name}.png")
    arguments = ["repair", str(portrait), "-o", str(tmp_path / "out.png"), "--mask"]
    assert main([*arguments, str(tmp_path / "all.png")]) == 1
    assert "covers the whole picture" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()
    assert main([*arguments, str(tmp_path / "nothing.png"), "--faces", "none"]) == 1
    assert "the mask is empty" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "nothing.png")]) == 0
    assert "portrait.png: The mask is empty" in capsys.readouterr().err


def test_damage_is_found_and_filled(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean = read_picture(portrait).pixels
    scratched = cv2.line(clean.copy(), (20, 30), (230, 120), (250, 250, 245), 2, cv2.LINE_AA)
    write_picture(Picture(pixels=scratched), tmp_path / "scan.png")
    arguments = ["repair", str(tmp_path / "scan.png"), "-o", str(tmp_path / "out.png"), "--faces", "none"]
    assert main([*arguments, "--filler", "patches", "--find-damage"]) == 0
    assert "% masked  filled by patches" in capsys.readouterr().out
    made = read_picture(tmp_path / "out.png")
    scratch = (scratched != clean).any(2)
    before, after = (np.abs(x[scratch].astype(float) - clean[scratch]).mean() for x in (scratched, made.pixels))
    assert after < 0.5 * before
    assert (made.pixels != scratched).any(2)[cv2.dilate(scratch.astype(np.uint8), np.ones((9, 9))) == 0].mean() < 0.04
    assert made.recipe is not None
    assert read(RepairOptions, made.recipe["options"]).find_damage == RepairOptions(find_damage=0.5).find_damage
    assert [weight["name"] for weight in made.recipe["weights"]] == ["damage"]


@pytest.mark.usefixtures("network")
def test_a_whole_old_photo_is_restored(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean = read_picture(portrait).pixels
    faded = (70 + clean * 0.5).astype(np.uint8)
    cv2.line(faded, (20, 30), (230, 40), (250, 250, 245), 2, cv2.LINE_AA)
    write_picture(Picture(pixels=faded), tmp_path / "scan.png")
    arguments = ["repair", str(tmp_path / "scan.png"), "-o", str(tmp_path / "out"), "--restore"]
    assert main([*arguments, "--colors", "1", "--size", "2"]) == 0
    assert "scan-restored.png  512x512" in (said := capsys.readouterr().out)
    assert "1 of 1 faces" in said
    assert "% masked  filled by patches" in said
    made = read_picture(tmp_path / "out" / "scan-restored.png")
    assert made.recipe is not None
    assert made.recipe["restore"] is True
    assert np.ptp(made.pixels.astype(int)) > 240
    left_out = ["--find-damage", "none", "--clean", "0", "--colors", "0", "--faces", "none"]
    assert main([*arguments, *left_out]) == 0
    np.testing.assert_array_equal(read_picture(tmp_path / "out" / "scan-restored.png").pixels, faded)


def test_neither_face_nor_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(Picture(pixels=np.full((64, 64, 3), 90, np.uint8)), tmp_path / "wall.png")
    kept = (tmp_path / "wall.png").read_bytes()
    assert main(["repair", str(tmp_path / "wall.png"), "-o", str(tmp_path / "out.png")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "wall.png: No face was found and no mask was given" in line
    assert not (tmp_path / "out.png").exists()
    assert (tmp_path / "wall.png").read_bytes() == kept


@pytest.mark.usefixtures("network")
def test_faces_are_made_unknown(portrait: Path, tmp_path: Path, capsys: object) -> None:
    pixels = read_picture(portrait).pixels
    write_picture(Picture(pixels=pixels.repeat(2, 0).repeat(2, 1)), portrait)  # larger than drawn people are
    for how in ("blur", "person"):
        assert main(["repair", str(portrait), "-o", str(tmp_path / f"{how}.png"), "--anonymise", how]) == 0
    before, blurred, person = (read_picture(tmp_path / f"{name}.png") for name in ("portrait", "blur", "person"))
    assert (before.pixels != blurred.pixels).any()
    assert (blurred.pixels != person.pixels).any()
    said = capsys.readouterr().err  # type: ignore[attr-defined]
    assert said == "portrait.png: face 1 is too large for someone who does not exist: squares took the place\n"


def test_the_recipe_in_the_file_makes_the_same_again(portrait: Path, mask: Path, tmp_path: Path) -> None:
    """The people who do not exist, too: their seed is in it."""
    made = [tmp_path / "one.png", tmp_path / "two.png"]
    assert main(["repair", str(portrait), "-o", str(made[0]), "--anonymise", "person", "--mask", str(mask)]) == 0
    first = read_picture(made[0])
    assert first.recipe is not None
    options = read(RepairOptions, first.recipe["options"])
    assert options.seed is not None
    picture = read_picture(portrait)
    again = repair.repair(picture, options, masks.read(mask, 256, 256))
    np.testing.assert_array_equal(repair.compose(again).pixels, first.pixels)
    assert (
        main(["repair", str(portrait), "-o", str(made[1]), "--anonymise", "person", "--seed", f"{options.seed + 1000}"])
        == 0
    )
    assert (read_picture(made[1]).pixels != first.pixels)[60:170, 90:170].any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--faces", "first"], "all, none, or numbers"),
        (["--box", "1,2,3"], "each must be four numbers"),
        (["--fidelity", "2"], "Fidelity is 2"),
        (["--colors", "0.5"], "--colors is for restoring a whole photograph"),
        (["--invert-mask"], "give --mask, too"),
        (["--min-size", "1"], "--min-size: Smallest face (pixels) is 1"),
    ],
)
def test_wrong_usage(portrait: Path, tmp_path: Path, arguments: list[str], words: str, capsys: object) -> None:
    assert main(["repair", str(portrait), "-o", str(tmp_path / "out.png"), *arguments]) == 2
    assert words in capsys.readouterr().err  # type: ignore[attr-defined]


def test_one_picture_may_fail_alone(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(model: str, precision: str) -> Restorer:
        raise WeightError(Text("The weight 'repairer' is not here.", "“repairer”不在这里。"))

    monkeypatch.setattr(restore, "load_restorer", absent)
    assert main(["repair", str(portrait), str(tmp_path / "none.png"), "-o", str(tmp_path / "out")]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "portrait.png: The weight 'repairer' is not here" in first
    assert "'none.png' was not found" in second
