"""The finisher's training: it resumes exactly, sees what it will be given, and its exam is always the same."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from editing.errors import OptionError, TrainingError
from editing.networks.finisher import Finisher, FinisherConfig
from editing.networks.generator import Generator, GeneratorConfig
from editing.networks.repairer import Repairer, RepairerConfig
from editing.training import finisher
from editing.training.backbones import LITE0
from editing.training.faces import few, load_faces
from editing.training.finisher import FinisherTask, FinisherTrainOptions, enlarged, make_exam, make_pairs, mended
from editing.training.loop import load_checkpoint, read_log, write_weights

CPU = torch.device("cpu")
needs_lite0 = pytest.mark.skipif(importlib.util.find_spec(LITE0[0]) is None, reason="a training extra is not installed")
FP32 = torch.autocast("cpu", enabled=False)


def options(folder: Path, out: Path, **changes: Any) -> FinisherTrainOptions:
    values: dict[str, Any] = {
        "data": folder, "out": out, "size": 64, "crop": 32, "batch": 8, "steps": 3, "hold_out": 2, "widths": "8,8",
        "blocks": 1, "fine": 4, "perceptual": 0.0, "gan": 0.0, "whole_every": 2, "precision": "fp32",
        "checkpoint_every": 2, "sample_every": 0, "measure_every": 0, "log_every": 1,
    }  # fmt: skip
    return FinisherTrainOptions(**(values | changes))


def test_resumed_equals_uninterrupted_and_what_is_exported_is_the_average(folder: Path, tmp_path: Path) -> None:
    changes = {"gan": 0.1, "gan_after": 0.0}
    finisher.run(options(folder, tmp_path / "whole", **changes))
    finisher.run(options(folder, tmp_path / "parts", steps=1, **changes))
    finisher.run(options(folder, tmp_path / "parts", resume=True, **changes))
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert set(whole["networks"]) == {"finisher", "discriminator"}
    for key, value in whole["networks"]["finisher"].items():
        assert torch.equal(value, parts["networks"]["finisher"][key]), key
    with safe_open(tmp_path / "whole" / "finisher.safetensors", "pt") as file:
        config = FinisherConfig.from_json(file.metadata()["config"])
        state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
    assert config == FinisherConfig(size=32, widths=(8, 8), blocks=1, fine=4)
    for name, value in whole["averaged"]["finisher"].items():
        assert torch.allclose(state[name], value, atol=1e-3)


def test_it_learns(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, lr=5e-3, warmup=0, poor=0.0, drawn=0.0)
    portraits, held_out = load_faces(asked, CPU)
    task = FinisherTask(asked, few(portraits, 8), held_out, None, CPU)
    pairs = make_pairs(portraits, asked, None, FP32, 0)
    lighter = finisher.Pairs(step=0, given=pairs.given, truth=(pairs.truth * 0.8 + 0.2))
    seen = [float(task.step(lighter)["l1"]) for _ in range(40)]
    assert seen[-1] < 0.6 * seen[0]


def test_pairs_are_crops_of_the_same_place_and_now_and_then_whole(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, poor=0.0, drawn=0.0)
    portraits, _ = load_faces(asked, CPU)
    crops, whole = (make_pairs(portraits, asked, None, FP32, step) for step in (0, 1))
    assert crops.given.shape == (8, 3, 16, 16)
    assert crops.truth.shape == (8, 3, 32, 32)
    assert torch.allclose(torch.nn.functional.avg_pool2d(crops.truth, 2), crops.given, atol=1e-5)
    assert whole.given.shape == (2, 3, 32, 32)
    assert whole.truth.shape == (2, 3, 64, 64)
    assert torch.equal(make_pairs(portraits, asked, None, FP32, 0).given, crops.given)
    mixed = options(folder, tmp_path, poor=0.5, drawn=0.5)
    pairs = make_pairs(portraits, mixed, None, FP32, 0)
    away = (torch.nn.functional.avg_pool2d(pairs.truth, 2) - pairs.given).abs().mean((1, 2, 3))
    assert (away > 1e-4).all()


def test_poor_faces_go_through_the_repairer_first(folder: Path, tmp_path: Path) -> None:
    network = Repairer(RepairerConfig(widths=(8,)))
    with torch.no_grad():
        network.levels[0].head.bias[12:].fill_(2)  # type: ignore[union-attr, index]
    write_weights(tmp_path / "r.safetensors", network.state_dict(), **network.config.metadata())
    before = finisher.load_before(str(tmp_path / "r.safetensors"), CPU)
    faces = torch.full((2, 3, 32, 32), 0.5)
    made = mended(faces, before, torch.tensor([0.0, 1.0]), FP32)
    assert made.shape == faces.shape
    assert torch.allclose(made[1], faces[1], atol=1e-3)  # its faithful result leaves them
    assert torch.allclose(made[0], torch.tensor(0.7), atol=1e-2)
    with pytest.raises(TrainingError, match="no repairer"):
        finisher.load_before(str(folder), CPU)


def drawing(path: Path, channels: int = 3) -> Path:
    """A small generator's file, as a training writes it."""
    network = Generator(GeneratorConfig(size=32, channels=channels, latent=8, capacity=256, max_channels=16), 8)
    extra = {"descriptors": torch.zeros(4, 192, dtype=torch.int8)}
    write_weights(path, {**network.state_dict(), **extra}, **network.config.metadata())
    return path


@pytest.mark.parametrize("projected", [0.0, pytest.param(0.1, marks=needs_lite0)])
def test_drawn_faces_are_learned_from_too(folder: Path, tmp_path: Path, projected: float) -> None:
    given = str(drawing(tmp_path / "faces.safetensors"))
    changes = {
        "generator": given,
        "imagined": 2,
        "projected": projected,
        "gan": 0.1,
        "gan_after": 0.0,
        "lr": 5e-3,
        "warmup": 0,
    }
    asked = options(folder, tmp_path / "whole", **changes)
    portraits, _ = load_faces(asked, CPU)
    generator = finisher.load_generator(given, CPU)
    assert generator is not None
    made, again = (finisher.imagine(generator, portraits, asked, None, FP32, 3) for _ in range(2))
    assert made.drawn.shape == made.given.shape == (2, 3, 32, 32)
    assert made.real.shape == (2, 3, 64, 64)
    assert torch.equal(made.drawn, again.drawn)
    assert torch.equal(made.given, made.drawn)
    finisher.run(asked)
    finisher.run(options(folder, tmp_path / "parts", **changes, steps=1))
    finisher.run(options(folder, tmp_path / "parts", **changes, resume=True))
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    for key, value in whole["networks"]["finisher"].items():
        assert torch.equal(value, parts["networks"]["finisher"][key]), key
    seen = read_log(tmp_path / "whole" / "log.csv")
    assert len(seen["again"]) == 3
    assert ("projected_g" in seen) == bool(projected)


def test_no_generator_is_said(folder: Path, tmp_path: Path) -> None:
    assert finisher.load_generator("", CPU) is None
    with pytest.raises(TrainingError, match="no generator's"):
        finisher.load_generator(str(folder), CPU)
    with pytest.raises(TrainingError, match="draws in gray"):
        finisher.load_generator(str(drawing(tmp_path / "gray.safetensors", channels=1)), CPU)


def test_a_pattern_in_step_with_the_strides_counts_and_grain_does_not() -> None:
    given = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain = enlarged(given)
    grain = 0.02 * torch.randn(plain.shape, generator=torch.Generator().manual_seed(1))
    dotted = torch.zeros_like(plain)
    dotted[..., ::16, ::16] = 0.16  # of the grain's energy less than half
    assert float(finisher.lattice(plain, given)) == 0
    assert float(finisher.lattice(plain + dotted, given)) > 10 * float(finisher.lattice(plain + grain, given))


def test_the_exam_is_always_the_same_and_measured_against_bicubic(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise TrainingError("no such wheel")

    monkeypatch.setattr(finisher, "FeatureRuler", absent)
    asked = options(folder, tmp_path)
    portraits, held_out = load_faces(asked, CPU)
    exam, again = make_exam(held_out, 64, None), make_exam(held_out, 64, None)
    assert list(exam) == ["clean", "poor", "drawn"]
    for kind, (given, truth) in exam.items():
        assert given.shape == (2, 3, 32, 32)
        assert truth.shape == (2, 3, 64, 64)
        assert torch.equal(given, again[kind][0])
    task = FinisherTask(asked, few(portraits, 8), held_out, None, CPU)
    measured = task.measure()
    assert all(measured[f"gain_{kind}"] == pytest.approx(0, abs=0.05) for kind in exam)  # a fresh one enlarges so
    fresh = finisher.finished(Finisher(asked.config), exam["clean"][0])
    assert torch.allclose(fresh, enlarged(exam["clean"][0]), atol=1e-5)
    shown = task.samples()
    assert shown.shape == (24, 3, 48, 48)
    assert np.isfinite(shown.numpy()).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 48}, "--size is 48, wanted one of 32, 64"),
        ({"crop": 20}, "--crop is 20"),
        ({"crop": 128}, "--crop is 128"),
        ({"widths": "a"}, "--widths is 'a'"),
        ({"poor": 0.8, "drawn": 0.4}, "more than 1 together"),
    ],
)
def test_options_check_themselves(folder: Path, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        options(folder, tmp_path, **changes)
