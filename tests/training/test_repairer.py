"""The repairer's training: it learns, grows, resumes exactly, and is examined always on the same faces."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from skimage.metrics import peak_signal_noise_ratio

from editing.errors import OptionError, TrainingError
from editing.networks.repairer import Repairer, RepairerConfig
from editing.training import repairer
from editing.training.backbones import LITE0, MOBILENET
from editing.training.loop import load_checkpoint, read_log
from editing.training.repairer import (
    ONLY_FILL,
    Exam,
    Faces,
    RepairerTask,
    RepairerTrainOptions,
    inpainted,
    jittered,
    make_exams,
    make_faces,
    psnr,
    repaired,
)

needs_lite0 = pytest.mark.skipif(importlib.util.find_spec(LITE0[0]) is None, reason="a training extra is not installed")
needs_mobilenet = pytest.mark.skipif(importlib.util.find_spec(MOBILENET[0]) is None, reason="an extra is not installed")
CPU = torch.device("cpu")


def options(folder: Path, out: Path, **changes: Any) -> RepairerTrainOptions:
    values: dict[str, Any] = {
        "data": folder, "out": out, "size": 16, "batch": 4, "steps": 3, "hold_out": 4, "widths": "16,16", "coming": 1,
        "perceptual": 0.0, "precision": "fp32", "checkpoint_every": 2, "sample_every": 0, "measure_every": 0,
        "log_every": 1,
    }  # fmt: skip
    return RepairerTrainOptions(**(values | changes))


@pytest.mark.parametrize(
    "changes", [{}, pytest.param({"size": 32, "gan": 0.1, "perceptual": 0.2}, marks=needs_lite0)], ids=["l1", "gan"]
)
def test_resumed_equals_uninterrupted(folder: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    repairer.run(options(folder, tmp_path / "whole", **changes))
    repairer.run(options(folder, tmp_path / "parts", steps=1, **changes))
    repairer.run(options(folder, tmp_path / "parts", resume=True, **changes))
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 3
    assert set(whole["networks"]) == ({"repairer", "discriminator"} if changes else {"repairer"})
    for kind in ("networks", "averaged"):
        for name, state in whole[kind].items():
            for key, value in state.items():
                assert torch.equal(value, parts[kind][name][key]), (name, key)
    log = read_log(tmp_path / "parts" / "log.csv")
    assert [step for step, _ in log["l1"]] == [1, 2, 3]
    assert ("loss_d" in log) == ("perceptual" in log) == bool(changes)


def test_it_learns(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, lr=1e-2, warmup=0, steps=60)
    task = RepairerTask(asked, asked.sources(asked.size), CPU)
    truth = make_faces(asked.sources(asked.size), asked, 0).truth
    darkened = Faces(step=0, picture=truth * 0.7, mask=torch.zeros(4, 1, 16, 16), truth=truth)
    seen = [task.step(darkened) for _ in range(30)]
    for name in ("l1", "l1_clean"):
        assert float(seen[-1][name]) < 0.6 * float(seen[0][name])


def test_a_masked_pixel_counts_as_often_as_asked(folder: Path, tmp_path: Path) -> None:
    given = torch.full((1, 3, 16, 16), 0.5)
    truth, mask = given.clone(), torch.zeros(1, 1, 16, 16)
    mask[..., 4:8, 4:8] = 1
    truth[..., 4:8, 4:8] = 0.6
    seen = []
    for hole in (1.0, 6.0):
        task = RepairerTask(asked := options(folder, tmp_path, hole=hole), asked.sources(asked.size), CPU)
        seen.append(float(task.step(Faces(step=0, picture=given, mask=mask, truth=truth))["l1"]))
    assert seen[0] > 0
    assert seen[1] == pytest.approx(6 * seen[0], rel=1e-3)  # a fresh network leaves the rest as it was


def test_measuring_compares_with_what_was_given(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh network leaves degraded faces alone, and its fill is near Telea's; warnings come for what got worse."""
    monkeypatch.setattr(repairer, "FeatureRuler", absent)
    asked = options(folder, tmp_path)
    task = RepairerTask(asked, asked.sources(asked.size), CPU)
    measured = task.measure()
    assert set(measured) <= set(task.columns)
    for name in map(str, repairer.STRENGTHS):
        assert measured[f"gain_{name}"] == measured[f"clean_gain_{name}"] == pytest.approx(0, abs=1e-6)
        assert measured[f"psnr_{name}"] == pytest.approx(psnr(task.exams[name].inputs, task.exams[name]))
    filled = measured[f"psnr_{ONLY_FILL}"] - measured[f"gain_{ONLY_FILL}"]
    assert filled == pytest.approx(psnr(inpainted(task.exams[ONLY_FILL]), task.exams[ONLY_FILL]))
    assert abs(measured[f"gain_{ONLY_FILL}"]) < 8
    assert not list(task.warnings({"gain_0.5": 1.0}))
    assert list(task.warnings({"gain_0.5": -1.0, "gain_1.0": 1.0}))


def absent() -> None:
    raise TrainingError("no such wheel")


@needs_lite0
def test_only_the_clean_result_follows_features_and_discriminator(folder: Path, tmp_path: Path) -> None:
    """With no other weight, the half of each head that gives the faithful result learns what L1 alone teaches it."""
    heads = []
    for changes in ({}, {"perceptual": 1.0, "gan": 1.0}):
        asked = options(folder, tmp_path, size=32, pixel=0.0, warmup=0, **changes)
        pictures = asked.sources(asked.size)
        task = RepairerTask(asked, pictures, CPU)
        values = task.step(make_faces(pictures, asked, 0))
        heads.append(task.network.levels[-1].head.weight.detach().clone())
    assert {"perceptual", "loss_g", "loss_d", "real", "fake"} <= set(values)
    faithful, clean = slice(0, 12), slice(12, 24)
    assert heads[0][clean].abs().max() == 0
    assert heads[1][clean].abs().max() > 0
    assert torch.allclose(heads[0][faithful], heads[1][faithful])


def test_the_discriminator_learns_without_the_repairer(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, size=32, gan=1.0, lr=0.0, d_lr=5e-3, batch=8, degraded=1.0)
    pictures = asked.sources(asked.size)
    task = RepairerTask(asked, pictures, CPU)
    before = [p.detach().clone() for p in task.network.parameters()]
    faces = make_faces(pictures, asked, 0)
    seen = [task.step(faces) for _ in range(24)]
    losses = [float(values["loss_d"]) for values in seen]
    assert np.mean(losses[-3:]) < 0.9 * losses[0]
    assert all(torch.equal(a, b) for a, b in zip(before, task.network.parameters(), strict=True))


def test_faces_are_those_of_the_step_and_masks_cover_damage(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, size=32, batch=32, masked=0.5, degraded=0.0)
    pictures = asked.sources(asked.size)
    made = make_faces(pictures, asked, 3)
    assert made.picture.shape == made.truth.shape == (32, 3, 32, 32)
    assert made.mask.shape == (32, 1, 32, 32)
    differs = (made.picture != made.truth).any(1, keepdim=True)
    assert differs.any()
    assert (made.mask[differs] == 1).all()
    assert 8 <= int(made.mask.amax((1, 2, 3)).sum()) <= 24
    again, next_step = make_faces(pictures, asked, 3), make_faces(pictures, asked, 4)
    assert torch.equal(made.picture, again.picture)
    assert not torch.equal(made.picture, next_step.picture)
    poor = make_faces(pictures, options(folder, tmp_path, size=32, batch=8, masked=0.0, degraded=1.0), 3)
    assert poor.mask.max() == 0
    assert ((poor.picture - poor.truth).abs().mean((1, 2, 3)) > 1e-3).all()


def test_a_face_is_aligned_a_little_wrong(astronaut: np.ndarray) -> None:
    face = astronaut[:256, 96:352]
    plain = repairer.squared(face, 64).astype(float) / 255
    made = [jittered(face, 64, np.random.default_rng(seed)) for seed in range(40)]
    assert all(x.shape == (64, 64, 3) and 0 <= x.min() <= x.max() <= 1 for x in made)
    distances = [min(np.abs(x - plain).mean(), np.abs(x[:, ::-1] - plain).mean()) for x in made]
    mirrored = [np.abs(x - plain).mean() > np.abs(x[:, ::-1] - plain).mean() for x in made]
    assert 0.005 < np.median(distances) < 0.06
    assert 10 < sum(mirrored) < 30


def test_the_exam_depends_on_names_alone(folder: Path, tmp_path: Path) -> None:
    few, many = (options(folder, tmp_path, hold_out=count).sources(16).held_out for count in (2, 4))
    assert set(few.names) < set(many.names)
    first, second = make_exams(few, 16), make_exams(many, 16)
    assert list(first) == ["0.25", "0.5", "0.75", "1.0", ONLY_FILL]
    for i, name in enumerate(few.names):
        j = many.names.index(name)
        assert np.array_equal(first["1.0"].inputs[i], second["1.0"].inputs[j])
    assert all(exam.masks.any((1, 2)).all() == (name == ONLY_FILL) for name, exam in first.items())
    assert np.array_equal(first[ONLY_FILL].inputs, first[ONLY_FILL].truths)
    assert psnr(first["1.0"].inputs, first["1.0"]) < psnr(first["0.25"].inputs, first["0.25"])


def test_only_the_mask_is_taken_from_the_network_and_counts() -> None:
    random = np.random.default_rng(0)
    truths = random.integers(0, 256, (3, 16, 16, 3), np.uint8)
    masks = np.zeros((3, 16, 16), np.uint8)
    masks[:2, 4:8, 4:8] = 255
    exam = Exam(inputs=truths, masks=masks, truths=truths)
    network = Repairer(RepairerConfig(widths=(16,)))
    with torch.no_grad():
        network.levels[0].head.bias.fill_(3)
    faithful, clean = repaired(network, exam, (1.0, 0.0))
    assert np.array_equal(faithful, clean)
    changed = (faithful != truths).any(3)
    assert not changed[:2][masks[:2] == 0].any()
    assert changed[:2][masks[:2] > 0].mean() > 0.9
    assert changed[2].mean() > 0.9  # without a mask, all of it is the network's
    inside = [
        peak_signal_noise_ratio(truths[i, 4:8, 4:8], faithful[i, 4:8, 4:8]) if i < 2 else
        peak_signal_noise_ratio(truths[i], faithful[i])
        for i in range(3)
    ]  # fmt: skip
    assert psnr(faithful, exam) == pytest.approx(np.mean(inside), abs=1e-3)
    telea = inpainted(exam)
    assert np.array_equal(telea[masks == 0], truths[masks == 0])
    assert not np.array_equal(telea[masks > 0], truths[masks > 0])


@needs_mobilenet
def test_distances_are_relative_to_what_was_given(folder: Path, tmp_path: Path) -> None:
    task = RepairerTask(options(folder, tmp_path, hold_out=2), options(folder, tmp_path, hold_out=2).sources(16), CPU)
    measured = task.measure()
    assert measured["distance_1.0"] == pytest.approx(1, abs=0.05)  # a fresh network changes nothing
    assert {f"distance_{name}" for name in (*repairer.STRENGTHS, ONLY_FILL)} <= set(measured)
    ruler = repairer.FeatureRuler()
    exams = task.exams
    assert ruler.distance(exams["1.0"].truths, exams["1.0"].truths) == pytest.approx(0, abs=1e-6)


def test_a_larger_network_begins_with_a_smaller_one(folder: Path, tmp_path: Path) -> None:
    repairer.run(options(folder, tmp_path / "a", widths="16", lr=1e-2, warmup=0))
    start = str(tmp_path / "a" / "last.pt")
    larger = options(folder, tmp_path / "b", size=32, widths="16,8", start=start)
    task = RepairerTask(larger, larger.sources(larger.size), CPU)
    wanted = load_checkpoint(Path(start))["averaged"]["repairer"]
    state = task.network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in wanted.items())
    assert all(name.startswith("levels.1.") for name in set(state) - set(wanted))
    same = options(folder, tmp_path / "b", widths="16", start=start)
    assert torch.equal(RepairerTask(same, same.sources(same.size), CPU).network.place, wanted["place"])
    for changes in ({"coming": 2}, {"widths": "24"}):
        other = options(folder, tmp_path / "b", start=start, **changes)
        with pytest.raises(TrainingError, match="the same widths"):
            RepairerTask(other, other.sources(other.size), CPU)


def test_what_is_exported_is_the_average(folder: Path, tmp_path: Path) -> None:
    repairer.run(options(folder, tmp_path))
    with safe_open(tmp_path / "repairer.safetensors", "pt") as file:
        config = RepairerConfig.from_json(file.metadata()["config"])
        assert file.metadata()["network"] == "repairer"
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    assert {value.dtype for value in state.values()} == {torch.float16}
    assert config == RepairerConfig(widths=(16,), coming=1)
    network, trained = Repairer(config), Repairer(config)
    network.load_state_dict({name: value.float() for name, value in state.items()})
    trained.load_state_dict(load_checkpoint(tmp_path / "last.pt")["averaged"]["repairer"])
    x, mask, dial = torch.rand(1, 3, 16, 16), (torch.rand(1, 1, 16, 16) > 0.7).float(), torch.tensor([0.5])
    with torch.no_grad():
        assert (network(x, mask, dial) - trained(x, mask, dial)).abs().max() < 1e-3


@pytest.mark.parametrize("hold_out", [4, 0])
def test_samples_show_input_results_and_truth(
    folder: Path, tmp_path: Path, hold_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairer, "FeatureRuler", absent)
    asked = options(folder, tmp_path, hold_out=hold_out)
    task = RepairerTask(asked, asked.sources(asked.size), CPU)
    shown = task.samples()
    assert shown.shape == (32, 3, 16, 16)
    assert shown.abs().max() <= 1
    given, truth = shown[:8], shown[24:]
    assert ((given - truth).abs().mean((1, 2, 3)) > 1e-3).all()
    assert (given[4:].amin(1) == 1).any((1, 2)).all()  # masks are shown white
    assert bool(task.measure()) == bool(hold_out)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 24}, "--size is 24, wanted one of 16, 32, 64"),
        ({"size": 64}, "--widths 16,16 has too few numbers for --size 64"),
        ({"widths": "a,b"}, "--widths is 'a,b'"),
        ({"coming": 0}, "--coming 0"),
        ({"masked": 2.0}, "--masked is 2.0"),
        ({"pixel": -1.0}, "--pixel is -1.0"),
    ],
)
def test_options_check_themselves(folder: Path, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        options(folder, tmp_path, **changes)
