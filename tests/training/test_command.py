"""``train`` on the command line: every option has a flag and a comment, mistakes are explained."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from editing.__main__ import main
from editing.errors import OptionError, TrainingError
from editing.training.command import KINDS, run
from editing.training.options import TrainOptions, comments, flag

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_has_a_flag_with_its_comment(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run([kind, "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    options = KINDS[kind][0]
    notes = comments(options)
    for field in dataclasses.fields(options):
        assert flag(field.name) in text
        assert " ".join(notes[field.name].split()) in text
    assert ("--no-diff-augment" in text) == (kind == "generator")
    assert comments(TrainOptions)["resume"].startswith("go on")


def test_the_command_trains_and_resumes(folder: Path, tmp_path: Path) -> None:
    small = [
        "--data", str(folder), "--out", str(tmp_path / "run"), "--size", "16", "--channels", "1", "--batch", "4",
        "--discriminator", "plain", "--latent", "8", "--capacity", "128", "--max-channels", "32", "--no-diff-augment",
        "--loss", "wgan-gp", "--gradient-penalty", "10", "--sample-every", "0", "--measure-every", "0",
        "--cache", str(tmp_path / "cache"),
    ]  # fmt: skip
    assert run(["generator", *small, "--steps", "2"]) == 0
    options = json.loads((tmp_path / "run" / "options.json").read_text(encoding="utf-8"))
    assert options["diff_augment"] is False
    assert options["loss"] == "wgan-gp"
    assert run(["generator", *small, "--steps", "3", "--resume"]) == 0
    assert (tmp_path / "run" / "generator.safetensors").is_file()
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert not (tmp_path / "run" / "cache").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_every_training_can_be_put_on_a_gpu_for_some_minutes(kind: str) -> None:
    names = {field.name for field in dataclasses.fields(KINDS[kind][0])}
    assert {"device", "minutes", "cache", "checkpoint_every", "export_each"} <= names


LENT = """
import sys
class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Lacking())
import editing.training.command
"""


def test_a_machine_lent_for_training_needs_few_packages() -> None:
    lacking = ["av", "facexlib", "gradio", "pillow_heif", "platformdirs", "psutil", "spandrel", "tifffile"]
    subprocess.run([sys.executable, "-c", LENT, *lacking], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "50"], "--size is 50, wanted one of 16, 28, 32"),
        (["--channels", "2"], "--channels is 2"),
        (["--loss", "best"], "nonsaturating, hinge, wgan-gp"),
        (["--batch", "0"], "--batch is 0, wanted 1"),
        (["--batch", "1"], "--batch is 1, wanted 2"),
        (["--ema", "1"], "--ema is 1.0"),
        (["--g-lr", "nan"], "--g-lr is nan"),
        (["--d-lr", "inf"], "--d-lr is inf"),
        (["--r1", "-1"], "--r1 is -1.0, wanted 0 or more"),
        (["--beta2", "1"], "--beta2 is 1.0"),
        (["--precision", "fp16"], "auto, bf16, fp32"),
        (["--steps", "0"], "--steps is 0"),
        (["--discriminator", "none"], "projected, plain, both"),
    ],
)
def test_options_out_of_range_are_explained(folder: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        run(["generator", "--data", str(folder), "--out", str(tmp_path / "run"), *arguments])
    assert not (tmp_path / "run").exists()


def test_a_wrong_option_exits_with_2(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "denoiser", "--data", str(folder), "--out", str(tmp_path / "run"), "--hold-out", "-1"]
    assert main(command) == 2
    assert "--hold-out is -1, wanted 0 or more" in capsys.readouterr().err


def test_a_folder_without_pictures_is_explained(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"0 readable pictures .* wanted 16 or more"):
        run(["generator", "--data", str(tmp_path), "--out", str(tmp_path / "run")])


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["generator"], ["generator", "--data", "x"]])
def test_a_wrong_command_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err
