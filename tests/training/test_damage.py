"""The damage finder's training: it learns, resumes exactly, and what it exports is the same network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open

from editing.errors import OptionError, TrainingError
from editing.networks.damage import DamageConfig, DamageFinder
from editing.training import damage
from editing.training.damage import (
    SQUARE,
    DamageTask,
    DamageTrainOptions,
    Found,
    compare,
    drawings,
    load_mattes,
    loss_of,
    make_step,
    matte_squares,
    photo_squares,
    split_mattes,
    to_device,
)
from editing.training.loop import load_checkpoint, read_log, seed_step
from editing.training.scans import Scans

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def mattes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten mattes of scratches and ten of dust."""
    folder = tmp_path_factory.mktemp("mattes")
    random = np.random.default_rng(0)
    for i in range(10):
        scratch, dust = np.zeros((200, 200), np.uint8), np.zeros((200, 200), np.uint8)
        for _ in range(6):
            ends = random.integers(20, 180, (2, 2)).tolist()
            cv2.line(scratch, ends[0], ends[1], 255, 2, cv2.LINE_AA)
            cv2.circle(dust, ends[0], 5, 200, -1, cv2.LINE_AA)
        cv2.imwrite(str(folder / f"scratches_{i:03d}.png"), scratch)
        cv2.imwrite(str(folder / f"fine_dust_{i:03d}.png"), dust)
    return folder


def options(folder: Path, mattes: Path, out: Path, **changes: Any) -> DamageTrainOptions:
    values: dict[str, Any] = {
        "data": folder, "mattes": mattes, "out": out, "size": 32, "batch": 4, "steps": 3, "hold_out": 4,
        "widths": "8,12", "precision": "fp32", "checkpoint_every": 2, "sample_every": 0, "measure_every": 0,
        "log_every": 1,
    }  # fmt: skip
    return DamageTrainOptions(**(values | changes))


def test_resumed_equals_uninterrupted(folder: Path, mattes: Path, tmp_path: Path) -> None:
    damage.run(options(folder, mattes, tmp_path / "whole"))
    damage.run(options(folder, mattes, tmp_path / "parts", steps=1))
    damage.run(options(folder, mattes, tmp_path / "parts", steps=3, resume=True))
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 3
    for kind in ("networks", "averaged"):
        for name, value in whole[kind]["damage"].items():
            assert torch.equal(value, parts[kind]["damage"][name]), name
    assert [step for step, _ in read_log(tmp_path / "parts" / "log.csv")["cross"]] == [1, 2, 3]


def test_what_is_exported_is_the_average(folder: Path, mattes: Path, tmp_path: Path) -> None:
    damage.run(options(folder, mattes, tmp_path, hold_out=0, sample_every=3, measure_every=3))
    with safe_open(tmp_path / "damage.safetensors", "pt") as file:
        config = DamageConfig.from_json(file.metadata()["config"])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    assert {value.dtype for value in state.values()} == {torch.float16}
    network, trained = DamageFinder(config), DamageFinder(config)
    network.load_state_dict({name: value.float() for name, value in state.items()})
    trained.load_state_dict(load_checkpoint(tmp_path / "last.pt")["averaged"]["damage"])
    x = torch.rand(1, 3, 24, 20)
    with torch.no_grad():
        assert (network(x) - trained(x)).abs().max() < 0.02
    assert (tmp_path / "samples" / "0000003.png").is_file()
    assert 0 <= read_log(tmp_path / "log.csv")["f1"][0][1] <= 1


def test_a_training_begins_with_anothers_average(folder: Path, mattes: Path, tmp_path: Path) -> None:
    damage.run(options(folder, mattes, tmp_path / "a"))
    asked = options(folder, mattes, tmp_path / "b", start=str(tmp_path / "a" / "last.pt"))
    task = DamageTask(asked, squares(mattes), CPU)
    wanted = load_checkpoint(tmp_path / "a" / "last.pt")["averaged"]["damage"]
    for name, value in task.network.state_dict().items():
        assert torch.equal(value, wanted[name])


def squares(mattes: Path) -> damage.Squares:
    random = np.random.default_rng(1)
    photos = random.integers(60, 200, (6, 3, 1, 1)).astype(np.uint8)
    return to_device(np.broadcast_to(photos, (6, 3, SQUARE, SQUARE)), load_mattes(mattes), CPU)


def test_it_learns(folder: Path, mattes: Path, tmp_path: Path) -> None:
    asked = options(folder, mattes, tmp_path, steps=240, batch=8, size=48, lr=4e-3, warmup=5, ema=0.9)
    made = squares(mattes)
    task = DamageTask(asked, made, CPU)
    before = task.measure()
    for step in range(240):
        seed_step(0, step, 0)
        task.step(make_step(made, asked, step))
    task.averaged = {}
    after = task.measure()
    assert before["f1"] < 0.2
    assert after["f1"] > 0.35
    assert after["clean_marked"] < 0.1
    assert not list(task.warnings({"clean_marked": 0.001}))
    assert list(task.warnings({"clean_marked": 0.1}))


def scan_of(damaged: torch.Tensor, counted: torch.Tensor | None = None) -> Scans:
    counted = torch.ones_like(damaged) if counted is None else counted
    return Scans(picture=damaged.expand(-1, 3, -1, -1), damaged=damaged, counted=counted)


def test_comparing_forgives_a_pixel() -> None:
    truth, marked = torch.zeros(1, 1, 20, 20), torch.zeros(1, 1, 20, 20)
    truth[..., 5] = 1  # a line, found one pixel beside
    marked[..., 6] = 1
    assert compare(marked, scan_of(truth)) == Found(marked=20, right=20, damaged=20, found=20)
    marked[..., 15] = 1  # a line that is not there
    found = compare(marked, scan_of(truth))
    assert (found.precision, found.recall) == (0.5, 1.0)
    assert found.f1 == pytest.approx(2 / 3)
    counted = torch.ones_like(truth)
    counted[..., 15] = 0  # or that nobody can say
    assert compare(marked, scan_of(truth, counted)).precision == 1
    two = torch.roll(truth, 2, -1)
    assert compare(two, scan_of(truth)).f1 == 0
    assert compare(torch.zeros_like(truth), scan_of(torch.zeros_like(truth))).f1 == 1


def test_the_loss_weighs_thin_damage_and_leaves_out_what_is_not_counted() -> None:
    thin, thick = torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    thin[..., 30] = 1
    thick[..., 20:40] = 1
    nothing = torch.full((1, 1, 64, 64), -2.0)
    lost = [float(loss_of(nothing, scan_of(x), 0.0)[0]) for x in (torch.zeros_like(thin), thin, thick)]
    # Per damaged pixel: the thin line costs more.
    assert (lost[1] - lost[0]) / float(thin.mean()) > 2.5 * (lost[2] - lost[0]) / float(thick.mean())
    unsaid = scan_of(thin, torch.zeros_like(thin))
    assert float(loss_of(nothing, unsaid, 1.0)[0]) == 0
    good = loss_of(20 * (2 * thin - 1), scan_of(thin), 1.0)
    assert float(sum(good)) < 0.01
    clean = loss_of(torch.full_like(thin, 3.0), scan_of(torch.zeros_like(thin)), 1.0)
    assert float(clean[1]) == 0  # no Dice loss where there is no damage
    assert float(clean[0]) > 3


def test_photographs_become_squares() -> None:
    wide = np.zeros((300, 600, 3), np.uint8)
    wide[:, 300:] = 255
    made = photo_squares([wide, np.full((500, 450, 3), 9, np.uint8)])
    assert made.shape == (4, 3, SQUARE, SQUARE)
    assert [int(square[:, :, 200].mean()) for square in made] == [0, 255, 9, 9]
    large = np.random.default_rng(0).integers(0, 256, (850, 420, 3), np.uint8)
    made = photo_squares([large])
    assert len(made) == 2 + 2  # both its ends, reduced, and two squares as they are
    assert (made[2].transpose(1, 2, 0) == large[25:425, 10:410]).all()


def test_letters_and_frames_are_drawn() -> None:
    made = drawings()
    assert made.shape[1:] == (1, SQUARE, SQUARE)
    inked = (made > 127).mean((1, 2, 3))
    assert (inked > 0.003).mean() > 0.9
    assert inked.max() < 0.7


def test_mattes_become_squares() -> None:
    small = np.zeros((100, 60), np.uint8)
    small[40:60, 20:40] = np.arange(20, dtype=np.uint8) * 10 + 20  # more levels than a marking has
    (square,) = matte_squares(small)
    assert square.shape == (SQUARE, SQUARE)
    assert sorted(set(square[square > 0].tolist())) == sorted(set(small[small > 0].tolist()))
    assert square[190:210, 190:210].all()  # in the middle
    assert matte_squares(np.zeros((50, 50), np.uint8)) == []
    scan = np.zeros((1700, 1250), np.uint8)
    scan[100:140, 100:140], scan[900:940, 100:140] = 80, 160  # marked, by kind
    cut = matte_squares(scan)
    assert len(cut) == 2
    assert [int(square.max()) for square in cut] == [255, 255]
    assert [int((square > 0).sum()) for square in cut] == [400, 400]  # at half the size


def test_mattes_are_held_out_of_every_kind(mattes: Path) -> None:
    learned, kept = split_mattes(load_mattes(mattes), 0.2)
    assert not set(learned.names) & set(kept.names)
    kinds = [damage.kind_of(name) for name in kept.names]
    assert sorted(kinds) == ["fine_dust"] * 2 + ["scratches"] * 2
    assert len(learned.names) == 16
    again, _ = split_mattes(load_mattes(mattes), 0.2)
    assert again.names == learned.names


def test_what_covers_much_comes_less_often() -> None:
    much, little = np.full((1, SQUARE, SQUARE), 128, np.uint8), np.zeros((1, SQUARE, SQUARE), np.uint8)
    made = damage.Mattes(squares=np.stack([much, little, little]), names=("a_0.png", "b_0.png", "a_1.png"))
    weights = made.weights()
    assert weights[0] < 0.2 * weights[1]
    assert weights[2] == pytest.approx(weights[1] / 2**0.5)


def test_a_folder_without_mattes_is_explained(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="has no mattes of damage"):
        damage.run(options(folder, tmp_path, tmp_path / "run"))
    (tmp_path / "broken_1.png").write_bytes(b"no picture")
    with pytest.raises(TrainingError, match=r"Can't read the matte .*broken_1\.png"):
        load_mattes(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 40}, "--size is 40, wanted a multiple of 16, at most 400"),
        ({"size": 416}, "--size is 416"),
        ({"widths": "a,b"}, "--widths is 'a,b', wanted numbers such as 32,64,128,192"),
        ({"blocks": 0}, "--blocks is 0"),
        ({"clean": 1.0}, "--clean is 1.0"),
        ({"hold_out_mattes": 1.5}, "--hold-out-mattes is 1.5"),
        ({"dice": -1.0}, "--dice is -1.0"),
    ],
)
def test_options_check_themselves(
    folder: Path, mattes: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        options(folder, mattes, tmp_path, **changes)
