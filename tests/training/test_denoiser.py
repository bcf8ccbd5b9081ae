"""The denoiser's training: it learns, resumes exactly, and what it exports is the same network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from skimage.metrics import peak_signal_noise_ratio

from editing.errors import OptionError, TrainingError
from editing.networks.denoiser import Denoiser, DenoiserConfig
from editing.training import denoiser
from editing.training.denoiser import DenoiserTask, DenoiserTrainOptions, NoisyCrops
from editing.training.loop import load_checkpoint, read_log, seed_step

CPU = torch.device("cpu")


def options(folder: Path, out: Path, **changes: Any) -> DenoiserTrainOptions:
    values: dict[str, Any] = {
        "data": folder, "out": out, "size": 16, "batch": 4, "steps": 3, "hold_out": 4, "widths": "16,24", "blocks": 1,
        "precision": "fp32", "checkpoint_every": 2, "sample_every": 0, "measure_every": 0, "log_every": 1,
    }  # fmt: skip
    return DenoiserTrainOptions(**(values | changes))


def test_resumed_equals_uninterrupted(folder: Path, tmp_path: Path) -> None:
    denoiser.run(options(folder, tmp_path / "whole"))
    denoiser.run(options(folder, tmp_path / "parts", steps=1))
    assert load_checkpoint(tmp_path / "parts" / "last.pt")["step"] == 1  # whose rate is the same, whatever --steps
    denoiser.run(options(folder, tmp_path / "parts", steps=3, resume=True))
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 3
    for kind in ("networks", "averaged"):
        for name, value in whole[kind]["denoiser"].items():
            assert torch.equal(value, parts[kind]["denoiser"][name]), name
    assert [step for step, _ in read_log(tmp_path / "parts" / "log.csv")["l1"]] == [1, 2, 3]


def test_a_training_begins_with_anothers_average(folder: Path, tmp_path: Path) -> None:
    denoiser.run(options(folder, tmp_path / "a"))
    asked = options(folder, tmp_path / "b", start=str(tmp_path / "a" / "last.pt"))
    task = DenoiserTask(asked, asked.sources(asked.size), torch.device("cpu"))
    wanted = load_checkpoint(tmp_path / "a" / "last.pt")["averaged"]["denoiser"]
    for name, value in task.network.state_dict().items():
        assert torch.equal(value, wanted[name])


def test_there_must_be_something_to_resume(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="to resume from"):
        denoiser.run(options(folder, tmp_path / "none", resume=True))
    assert not (tmp_path / "none" / "options.json").exists()


def test_it_learns(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, steps=250, batch=8, lr=4e-3, warmup=5, sigma_max=50, ema=0.9)
    pictures = asked.sources(asked.size)
    task = DenoiserTask(asked, pictures, torch.device("cpu"))
    before = task.measure()
    for step in range(250):
        seed_step(0, step, 0)
        task.step(NoisyCrops(pictures, asked, CPU).make(step))
    task.averaged = {}
    after = task.measure()
    assert 20.1 < before["noisy_25"] < 21.2  # 20.2, and a little more where noise is clipped
    for level in (15, 25, 50):
        assert after[f"psnr_{level}"] > before[f"psnr_{level}"] + 2, level
    assert after["psnr_25"] > after["noisy_25"] + 3
    assert after["psnr_15"] > after["psnr_50"]
    assert not list(task.warnings(after))
    assert list(task.warnings({"psnr_25": 10.0, "noisy_25": 20.0}))


def test_noise_is_of_the_level_that_is_told(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, batch=64, gray=0.5, clipped=0.0)
    pictures = asked.sources(asked.size)
    made = NoisyCrops(pictures, asked, CPU).make(7)
    noise = made.noisy - made.clean
    deviation = noise.std((1, 2, 3), unbiased=False)
    assert torch.allclose(deviation, made.sigma.float(), rtol=0.2)
    assert made.sigma.min() < 0.05 < 0.2 < made.sigma.max() <= 75 / 255
    gray = (noise.amax(1) - noise.amin(1)).amax((1, 2)) < 1e-6
    assert 16 < int(gray.sum()) < 48
    assert (made.clean[gray].amax(1) - made.clean[gray].amin(1)).max() == 0
    again = NoisyCrops(pictures, asked, CPU).make(7)
    assert torch.equal(made.noisy, again.noisy)
    assert not torch.equal(made.noisy, NoisyCrops(pictures, asked, CPU).make(8).noisy)


def test_clipped_noise_is_that_of_a_file(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, clipped=1.0, gray=0.0)
    made = NoisyCrops(asked.sources(asked.size), asked, CPU).make(0).noisy * 255
    assert torch.allclose(made, made.round(), atol=1e-3)
    assert made.min() >= 0
    assert made.max() <= 255.001
    assert NoisyCrops(asked.sources(asked.size), replace(asked, clipped=0.0), CPU).make(0).noisy.min() < 0


def test_camera_noise_is_another_noise(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, camera=1.0, gray=0.0, clipped=0.0)
    made = NoisyCrops(asked.sources(asked.size), asked, CPU).make(0)
    assert 0 <= made.noisy.min() < made.noisy.max() <= 1
    assert torch.isfinite(made.noisy).all()


def test_what_is_exported_is_the_average(folder: Path, tmp_path: Path) -> None:
    denoiser.run(options(folder, tmp_path))
    with safe_open(tmp_path / "denoiser.safetensors", "pt") as file:
        config = DenoiserConfig.from_json(file.metadata()["config"])
        assert file.metadata()["network"] == "denoiser"
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    assert {value.dtype for value in state.values()} == {torch.float16}
    network = Denoiser(config)
    network.load_state_dict({name: value.float() for name, value in state.items()})
    trained = Denoiser(config)
    trained.load_state_dict(load_checkpoint(tmp_path / "last.pt")["averaged"]["denoiser"])
    x, sigma = torch.rand(1, 3, 24, 20), torch.tensor([0.1])
    with torch.no_grad():
        assert (network(x, sigma) - trained(x, sigma)).abs().max() < 1e-3


def test_samples_show_noise_result_and_truth(folder: Path, tmp_path: Path) -> None:
    for hold_out in (4, 0):
        asked = options(folder, tmp_path, hold_out=hold_out)
        task = DenoiserTask(asked, asked.sources(asked.size), torch.device("cpu"))
        shown = task.samples()
        assert shown.shape == (24, 3, 16, 16)
        assert shown.abs().max() <= 1
        noise = (shown[:8] - shown[16:]).abs().mean((1, 2, 3))
        assert noise[4:].min() > noise[:4].mean()
    assert task.measure() == {}


def test_psnr_is_that_of_scikit_image() -> None:
    random = np.random.default_rng(0)
    truth = random.random((9, 8, 3), np.float32)
    made = np.clip(truth + random.normal(0, 0.05, truth.shape), 0, 1).astype(np.float32)
    assert denoiser.psnr(made, truth) == pytest.approx(peak_signal_noise_ratio(truth, made, data_range=1), abs=1e-4)
    assert denoiser.psnr(truth + 2, np.ones_like(truth)) > 100  # what leaves the range counts as its end


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 18}, "--size is 18, wanted a multiple of 4"),
        ({"widths": "a,b"}, "--widths is 'a,b', wanted numbers such as 64,96,128"),
        ({"blocks": 0}, "--blocks is 0"),
        ({"camera": 2.0}, "--camera is 2.0"),
        ({"sigma_max": 0.0}, "--sigma-max is 0.0"),
    ],
)
def test_options_check_themselves(folder: Path, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        options(folder, tmp_path, **changes)
