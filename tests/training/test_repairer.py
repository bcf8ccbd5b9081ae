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
from editing.training.faces import Portraits, few, load_faces
from editing.training.loop import load_checkpoint, read_log
from editing.training.repairer import (
    ONLY_EYE,
    ONLY_FILL,
    Exam,
    Faces,
    RepairerTask,
    RepairerTrainOptions,
    inpainted,
    look_side,
    looked_at,
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


def made(asked: RepairerTrainOptions) -> tuple[RepairerTask, Portraits]:
    """The task of a training, and the faces it learns from."""
    portraits, held_out = load_faces(asked, CPU)
    return RepairerTask(asked, few(portraits, 8), held_out, CPU), portraits


def faces_of(picture: torch.Tensor, mask: torch.Tensor, truth: torch.Tensor) -> Faces:
    corner = torch.zeros(len(picture), 2, dtype=torch.int64)
    return Faces(step=0, picture=picture, mask=mask, hole=mask, truth=truth, look=corner)


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
    task, portraits = made(asked)
    truth = make_faces(portraits, asked, 0).truth
    darkened = faces_of(truth * 0.7, torch.zeros(4, 1, 16, 16), truth)
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
        task, _ = made(options(folder, tmp_path, hole=hole))
        seen.append(float(task.step(faces_of(given, mask, truth))["l1"]))
    assert seen[0] > 0
    # A fresh network leaves the rest as it was. A sixteenth of the face may count 1 + 0.3 * 16 times and no more.
    assert seen[1] == pytest.approx((1 + 0.3 * 16) * seen[0], rel=1e-3)


def test_measuring_compares_with_what_was_given(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh network leaves degraded faces alone, and its fill is near Telea's; warnings come for what got worse."""
    monkeypatch.setattr(repairer, "FeatureRuler", absent)
    asked = options(folder, tmp_path)
    task, _ = made(asked)
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
        task, portraits = made(asked)
        values = task.step(make_faces(portraits, asked, 0))
        heads.append(task.network.levels[-1].head.weight.detach().clone())
    assert {"perceptual", "loss_g", "loss_d", "real", "fake"} <= set(values)
    faithful, clean = slice(0, 12), slice(12, 24)
    assert heads[0][clean].abs().max() == 0
    assert heads[1][clean].abs().max() > 0
    assert torch.allclose(heads[0][faithful], heads[1][faithful])


def test_the_discriminator_learns_without_the_repairer(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, size=32, gan=1.0, lr=0.0, d_lr=5e-3, batch=8, degraded=0.0, masked=0.0)
    task, portraits = made(asked)
    before = [p.detach().clone() for p in task.network.parameters()]
    truth = make_faces(portraits, asked, 0).truth
    noisy = truth + 0.2 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    faces = faces_of(noisy.clamp(0, 1), torch.zeros(8, 1, 32, 32), truth)
    seen = [task.step(faces) for _ in range(24)]
    losses = [float(values["loss_d"]) for values in seen]
    assert np.mean(losses[-3:]) < 0.9 * losses[0]
    assert all(torch.equal(a, b) for a, b in zip(before, task.network.parameters(), strict=True))


def test_faces_are_those_of_the_step_and_nothing_masked_is_seen(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, size=32, batch=32, masked=0.5, degraded=0.0)
    portraits, _ = load_faces(asked, CPU)
    faces = make_faces(portraits, asked, 3)
    assert faces.picture.shape == faces.truth.shape == (32, 3, 32, 32)
    assert faces.mask.shape == faces.hole.shape == (32, 1, 32, 32)
    assert (faces.mask <= faces.hole).all()
    differs = (faces.picture != faces.truth).any(1, keepdim=True)
    assert differs.any()  # filled from the other side
    assert (faces.hole[differs] > 0).all()
    assert 8 <= int(faces.hole.amax((1, 2, 3)).gt(0).sum()) <= 24
    again, next_step = make_faces(portraits, asked, 3), make_faces(portraits, asked, 4)
    assert torch.equal(faces.picture, again.picture)
    assert not torch.equal(faces.picture, next_step.picture)
    poor = make_faces(portraits, options(folder, tmp_path, size=32, batch=8, masked=0.0, degraded=1.0), 3)
    assert poor.hole.max() == 0
    assert ((poor.picture - poor.truth).abs().mean((1, 2, 3)) > 1e-3).all()


def test_what_is_masked_is_looked_at_closely(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, size=64, batch=24, masked=1.0, parts=1.0, widths="16,16,8")
    portraits, _ = load_faces(asked, CPU)
    faces = make_faces(portraits, asked, 0)
    close = looked_at(faces.hole, faces.look, side := look_side(64))
    assert close.shape == (24, 1, side, side)
    assert (close.mean((1, 2, 3)) > 0.02).all()
    top, left = (int(x) for x in faces.look[5])
    assert torch.equal(close[5], faces.hole[5, :, top : top + side, left : left + side])


def test_the_exam_depends_on_names_alone(folder: Path, tmp_path: Path) -> None:
    some, many = (load_faces(options(folder, tmp_path, hold_out=count), CPU)[1] for count in (2, 4))
    assert set(some.names) < set(many.names)
    first, second = make_exams(some, 16), make_exams(many, 16)
    assert list(first) == ["0.25", "0.5", "0.75", "1.0", ONLY_FILL, ONLY_EYE]
    for i, name in enumerate(some.names):
        j = many.names.index(name)
        assert np.array_equal(first["1.0"].inputs[i], second["1.0"].inputs[j])
    assert all(exam.masks.any((1, 2)).all() == (name in (ONLY_FILL, ONLY_EYE)) for name, exam in first.items())
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
    task, _ = made(options(folder, tmp_path, hold_out=2))
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
    task, _ = made(larger)
    wanted = load_checkpoint(Path(start))["averaged"]["repairer"]
    state = task.network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in wanted.items())
    assert all(name.startswith("levels.1.") for name in set(state) - set(wanted))
    same = options(folder, tmp_path / "b", widths="16", start=start)
    assert torch.equal(made(same)[0].network.place, wanted["place"])
    shipped = options(folder, tmp_path / "b", widths="16", start=str(tmp_path / "a" / "repairer.safetensors"))
    assert torch.allclose(made(shipped)[0].network.place, wanted["place"], atol=1e-3)  # what is shipped is fp16
    for changes in ({"coming": 2}, {"widths": "24"}):
        other = options(folder, tmp_path / "b", start=start, **changes)
        with pytest.raises(TrainingError, match="the same widths"):
            made(other)


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
    task, _ = made(options(folder, tmp_path, hold_out=hold_out))
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
        ({"parts": 2.0}, "--parts is 2.0"),
        ({"pixel": -1.0}, "--pixel is -1.0"),
    ],
)
def test_options_check_themselves(folder: Path, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        options(folder, tmp_path, **changes)
