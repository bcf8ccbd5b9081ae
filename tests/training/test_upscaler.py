"""The enlarger's training: pairs fit, both kinds learn and resume exactly, and spandrel reads what is exported."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from spandrel import MAIN_REGISTRY

from editing.errors import OptionError, TrainingError
from editing.networks.compact import Compact, CompactConfig
from editing.networks.esrgan import Esrgan, EsrganConfig
from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pipelines import upscale
from editing.training import upscaler
from editing.training.backbones import LITE0
from editing.training.loop import load_checkpoint, read_log, seed_step
from editing.training.placed import cut, drawn, place
from editing.training.upscaler import BankPairs, ExactPairs, UpscalerTask, UpscalerTrainOptions, load_bank, score
from editing.weights.find import find_weight
from editing.weights.load import load_state

needs_lite0 = pytest.mark.skipif(importlib.util.find_spec(LITE0[0]) is None, reason="a training extra is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 pictures of sharp stripes, 72x68, which bicubic resampling blurs."""
    root = tmp_path_factory.mktemp("sharp")
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:72, 0:68]
    for i in range(20):
        angle, period = random.uniform(0, 3.14), random.uniform(24, 60)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 6.28 / period)
        inside = np.clip(0.5 + wave * period / 12, 0, 1)  # edges two pixels wide
        dark, bright = random.integers(0, 90, 3), random.integers(160, 256, 3)
        picture = (dark + inside[..., None] * (bright - dark)).astype(np.uint8)
        Image.fromarray(picture).save(root / f"{i:02d}.png")
    return root


def options(folder: Path, out: Path, **changes: Any) -> UpscalerTrainOptions:
    values: dict[str, Any] = {
        "data": folder, "out": out, "size": 32, "batch": 4, "steps": 3, "hold_out": 4, "width": 32, "depth": 1,
        "precision": "fp32", "checkpoint_every": 2, "sample_every": 0, "measure_every": 0, "log_every": 1,
        "bank": 8, "bank_size": 64, "perceptual": 0.0, "teacher": "anime-fast",
    }  # fmt: skip
    return UpscalerTrainOptions(**(values | changes))


def twice(pictures: np.ndarray) -> np.ndarray:
    """A teacher that repeats pixels and darkens a little, so that its work is known."""
    return (pictures.repeat(4, 1).repeat(4, 2) * 0.9).astype(np.uint8)


def equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return all(
        torch.equal(value, b[kind][name][key])
        for kind in ("networks", "averaged")
        for name in a[kind]
        for key, value in a[kind][name].items()
    )


@pytest.mark.parametrize("changes", [{"exact": True, "expansion": 8}, {"gan": 0.1}])
def test_resumed_equals_uninterrupted(folder: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    upscaler.run(options(folder, tmp_path / "whole", **changes))
    upscaler.run(options(folder, tmp_path / "parts", steps=1, **changes))
    upscaler.run(options(folder, tmp_path / "parts", resume=True, **changes))
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 3
    assert set(whole["networks"]) == ({"upscaler", "discriminator"} if "gan" in changes else {"upscaler"})
    assert equal(whole, parts)
    log = read_log(tmp_path / "parts" / "log.csv")
    assert [step for step, _ in log["l1"]] == [1, 2, 3]
    assert ("loss_d" in log) == ("gan" in changes)


def test_the_second_step_begins_with_the_first_and_shares_its_bank(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    upscaler.run(options(folder, first))
    made = {path: path.stat().st_mtime_ns for path in (first / "cache").rglob("*.npy")}
    upscaler.run(options(folder, second, start=str(first / "last.pt"), cache=str(first / "cache"), gan=0.1))
    assert made == {path: path.stat().st_mtime_ns for path in (first / "cache").rglob("*.npy")}
    assert not (second / "cache").exists()
    assert "discriminator" in load_checkpoint(second / "last.pt")["networks"]


def test_it_beats_bicubic(folder: Path, tmp_path: Path) -> None:
    asked = options(
        folder, tmp_path, exact=True, steps=400, size=64, depth=2, lr=2e-3, warmup=5, ema=0.0, test=str(folder)
    )
    pictures = asked.sources(asked.size)
    task = UpscalerTask(asked, pictures, None, torch.device("cpu"))
    before = task.measure()
    assert before["psnr"] == pytest.approx(before["psnr_bicubic"], abs=0.3)  # it starts as bicubic, but for the border
    pairs = ExactPairs(pictures, 4, 64, 4, 0)
    for step in range(400):
        seed_step(0, step, 0)
        task.step(pairs.make(step))
    after = task.measure()
    assert after["psnr"] > after["psnr_bicubic"] + 3
    assert after["ssim"] > after["ssim_bicubic"]
    assert after["test_psnr"] > before["test_psnr"] + 3
    assert after["psnr_bicubic"] == before["psnr_bicubic"]
    assert not list(task.warnings(after))
    assert list(task.warnings({"psnr": 20.0, "psnr_bicubic": 25.0}))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_exact_pairs_fit(folder: Path, tmp_path: Path, scale: int) -> None:
    """Each small crop is the reduction of its large one: same place, same way, up to what its border sees."""
    asked = options(folder, tmp_path, exact=True, size=16 * scale, bank_size=16 * scale, scale=scale)
    pairs = ExactPairs(asked.sources(asked.size), scale, asked.size, 16, 3)
    made = pairs.make(5)
    assert made.teacher is None
    assert made.inputs.shape == (16, 3, 16, 16)
    large = np.rint(made.truth.permute(0, 2, 3, 1).numpy() * 255).astype(np.uint8)
    small = np.rint(made.inputs.permute(0, 2, 3, 1).numpy() * 255)
    reduced = np.stack([upscaler.bicubic(picture, scale) for picture in large])
    assert np.abs(reduced - small)[:, 2:-2, 2:-2].max() <= 1
    again = ExactPairs(asked.sources(asked.size), scale, asked.size, 16, 3).make(5)
    assert torch.equal(made.inputs, again.inputs)
    assert torch.equal(made.truth, again.truth)
    assert not torch.equal(made.truth, pairs.make(6).truth)


def test_the_bank_is_made_once_and_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    pictures = options(folder, tmp_path).sources(64)
    asked: list[int] = []

    def teach(inputs: np.ndarray) -> np.ndarray:
        asked.append(len(inputs))
        return twice(inputs)

    def make(count: int, key: str = "a", seed: int = 0) -> list[np.ndarray]:
        return load_bank(
            pictures.crop, count, side=64, scale=4, seed=seed, teach=teach, cache=tmp_path / "cache", key=key
        )

    bank = make(70)
    assert [len(chunk) for chunk in bank] == [64, 6]
    assert sum(asked) == 70
    row = bank[1][3]
    assert row["inputs"].shape == (16, 16, 3)
    assert np.array_equal(row["teacher"], twice(row["inputs"][None])[0])
    plain = cv2.resize(row["truth"], (16, 16), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(plain - row["inputs"]).mean() < 60
    asked.clear()
    assert np.array_equal(make(70)[1], bank[1])
    assert not asked
    next((tmp_path / "cache").glob("bank-*/000064-6.npy")).unlink()  # as if it had been interrupted
    assert np.array_equal(make(70)[1], bank[1])
    assert sum(asked) == 6
    assert np.array_equal(make(65)[1], bank[1][:1])  # each crop is its own, whatever their number
    assert not np.array_equal(make(6, key="b")[0], make(6, key="b", seed=1)[0])


def test_parts_of_the_bank_fit(folder: Path, tmp_path: Path) -> None:
    pictures = options(folder, tmp_path).sources(64)
    bank = load_bank(pictures.crop, 70, side=64, scale=4, seed=0, teach=twice, cache=tmp_path / "cache", key="a")
    pairs = BankPairs(bank, 4, 32, 16, 0)
    made = pairs.make(2)
    assert made.inputs.shape == (16, 3, 8, 8)
    assert made.truth.shape == (16, 3, 32, 32)
    assert made.teacher is not None
    wanted = made.inputs.repeat_interleave(4, 2).repeat_interleave(4, 3) * 0.9
    assert (made.teacher - wanted).abs().max() < 1.01 / 255
    assert torch.equal(made.truth, BankPairs(bank, 4, 32, 16, 0).make(2).truth)
    assert not torch.equal(made.truth, pairs.make(3).truth)
    nothing = load_bank(pictures.crop, 8, side=64, scale=4, seed=0, teach=None, cache=tmp_path / "cache", key="a")
    assert BankPairs(nothing, 4, 64, 8, 0).make(0).teacher is None


def test_the_teachers_share_decides_whom_it_follows(folder: Path, tmp_path: Path) -> None:
    distances = {}
    for share in (0.0, 1.0):
        asked = options(
            folder, tmp_path, steps=60, batch=8, lr=3e-3, warmup=5, ema=0.0, teacher_share=share, size=64, bank=16
        )
        pictures = asked.sources(asked.size)
        bank = load_bank(pictures.crop, 16, side=64, scale=4, seed=0, teach=twice, cache=tmp_path / "cache", key="a")
        task = UpscalerTask(asked, pictures, bank[0], torch.device("cpu"))
        pairs = BankPairs(bank, 4, 64, 8, 0)
        for step in range(60):
            values = task.step(pairs.make(step))
        distances[share] = (float(values["l1"]), float(values["teacher_l1"]))
    assert distances[0.0][0] < distances[1.0][0]
    assert distances[1.0][1] < 0.5 * distances[0.0][1]


@needs_lite0
def test_features_are_compared_and_teach(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, perceptual=1.0, size=64, bank=16, lr=1e-3, warmup=0, steps=100, ema=0.0)
    pictures = asked.sources(asked.size)
    bank = load_bank(pictures.crop, 16, side=64, scale=4, seed=0, teach=twice, cache=tmp_path / "cache", key="a")
    task = UpscalerTask(asked, pictures, bank[0], torch.device("cpu"))
    frozen = [p.clone() for p in task.backbone.parameters()] if task.backbone else []
    pairs = BankPairs(bank, 4, 64, 4, 0)
    values = [float(task.step(pairs.make(0))["perceptual"]) for _ in range(8)]
    assert values[-1] < 0.97 * values[0]
    assert task.backbone is not None
    assert all(torch.equal(a, b) for a, b in zip(frozen, task.backbone.parameters(), strict=True))
    measured = task.measure()
    assert {"psnr", "psnr_bicubic", "ssim", "ssim_bicubic"} <= set(measured) <= set(task.columns)


def test_the_discriminator_learns_without_the_enlarger(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, gan=1.0, lr=0.0, d_lr=3e-4, size=64, batch=8)
    pictures = asked.sources(asked.size)
    bank = load_bank(pictures.crop, 16, side=64, scale=4, seed=0, teach=None, cache=tmp_path / "cache", key="a")
    task = UpscalerTask(asked, pictures, bank[0], torch.device("cpu"))
    before = [p.detach().clone() for p in task.network.parameters()]
    pairs = BankPairs(bank, 4, 64, 8, 0)
    seen = []
    for step in range(25):
        seed_step(0, step, 0)
        seen.append({name: float(value) for name, value in task.step(pairs.make(step)).items()})
    best = min(seen, key=lambda values: values["loss_d"])  # so few steps may overshoot after it
    assert best["loss_d"] < 0.7 * seen[0]["loss_d"]
    assert best["real"] > best["fake"]
    assert all(torch.equal(a, b) for a, b in zip(before, task.network.parameters(), strict=True))


@pytest.mark.parametrize("real", ["truth", "teacher"])
def test_the_discriminator_is_shown_what_was_asked_for(
    folder: Path, tmp_path: Path, real: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = options(folder, tmp_path, gan=1.0, size=64, real=real)
    pictures = asked.sources(asked.size)
    bank = load_bank(pictures.crop, 16, side=64, scale=4, seed=0, teach=twice, cache=tmp_path / "cache", key="a")
    task = UpscalerTask(asked, pictures, bank[0], torch.device("cpu"))
    pairs = BankPairs(bank, 4, 64, 4, 0).make(0)
    shown: list[torch.Tensor] = []
    assert task.judge is not None
    judged = task.judge.forward
    monkeypatch.setattr(task.judge, "forward", lambda x: judged(shown.append(x) or x))  # type: ignore[func-returns-value]
    task.step(pairs)
    assert torch.equal(shown[0][:4], getattr(pairs, real))


def test_a_training_begins_with_a_weight(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, exact=True, start="anime-fast", width=64, depth=16)
    task = UpscalerTask(asked, asked.sources(asked.size), None, torch.device("cpu"))
    wanted = load_state(find_weight("anime-fast"))
    for name, value in task.network.state_dict().items():
        assert torch.equal(value, wanted[name])
    with pytest.raises(TrainingError, match="give its --scale, --width and --depth"):
        UpscalerTask(
            options(folder, tmp_path, exact=True, start="anime-fast"),
            asked.sources(asked.size),
            None,
            torch.device("cpu"),
        )


def test_a_training_begins_with_anothers_average(folder: Path, tmp_path: Path) -> None:
    upscaler.run(options(folder, tmp_path / "a", exact=True, lr=1e-2, warmup=0))
    asked = options(folder, tmp_path / "b", exact=True, start=str(tmp_path / "a" / "last.pt"))
    task = UpscalerTask(asked, asked.sources(asked.size), None, torch.device("cpu"))
    wanted = load_checkpoint(tmp_path / "a" / "last.pt")["averaged"]["upscaler"]
    for name, value in task.network.state_dict().items():
        assert torch.equal(value, wanted[name])
    assert torch.equal(next(task.shown.parameters()), next(task.network.parameters()))
    with pytest.raises(TrainingError, match="the same widths and depths"):
        UpscalerTask(
            options(folder, tmp_path / "b", exact=True, depth=2, start=asked.start), asked.sources(asked.size), None,
            torch.device("cpu"),
        )  # fmt: skip


def test_the_pipeline_uses_what_is_exported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, astronaut: np.ndarray
) -> None:
    """From the command's file to an enlarged picture, by its name in ATELIER_WEIGHTS."""
    upscaler.run(options(folder, tmp_path, exact=True, expansion=8, lr=1e-3, warmup=0))
    path = tmp_path / "upscaler.safetensors"
    with safe_open(path, "pt") as file:
        config = CompactConfig.from_json(file.metadata()["config"])
        assert file.metadata()["network"] == "compact"
    assert config == CompactConfig(width=32, depth=1)
    state = load_file(path)
    assert {value.dtype for value in state.values()} == {torch.float16}
    trained = Compact(CompactConfig(width=32, depth=1, expansion=8))
    trained.load_state_dict(load_checkpoint(tmp_path / "last.pt")["averaged"]["upscaler"])
    x = torch.rand(1, 3, 12, 16)
    with torch.no_grad():
        descriptor = MAIN_REGISTRY.load({name: value.float() for name, value in state.items()})
        assert (descriptor.model.eval()(x) - trained(x)).abs().max() < 5e-3
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    weight = find_weight("upscaler.safetensors", "upscale")
    assert weight.architecture.endswith("x4")
    small = Picture(pixels=cv2.resize(astronaut, (64, 64), interpolation=cv2.INTER_AREA))
    large = upscale.upscale(small, UpscaleOptions(model="upscaler.safetensors"))
    assert large.pixels.shape == (256, 256, 3)
    wanted = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    assert peak_signal_noise_ratio(wanted, large.pixels) > 20


def test_scores_are_those_of_scikit_image(astronaut: np.ndarray) -> None:
    truth = astronaut[:64, :80]
    made = np.clip(truth + np.random.default_rng(0).normal(0, 9, truth.shape), 0, 255).astype(np.uint8)
    a, b = (upscaler.luma(x)[4:-4, 4:-4] for x in (made, truth))
    psnr, ssim = score(made, truth, 4)
    assert psnr == pytest.approx(peak_signal_noise_ratio(b, a, data_range=255), abs=1e-3)
    wanted = structural_similarity(
        b, a, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1]
    assert ssim == pytest.approx(wanted[5:-5, 5:-5].mean(), abs=1e-3)
    assert upscaler.luma(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))[0] == pytest.approx([16, 235], abs=0.01)


def test_samples_have_a_row_for_each_way(folder: Path, tmp_path: Path) -> None:
    asked = options(folder, tmp_path, exact=True)
    task = UpscalerTask(asked, asked.sources(asked.size), None, torch.device("cpu"))
    assert task.samples().shape == (12, 3, 32, 32)  # four held-out pictures
    bank = load_bank(
        options(folder, tmp_path).sources(64).crop, 9, side=64, scale=4, seed=0, teach=twice,
        cache=tmp_path / "cache", key="a",
    )  # fmt: skip
    task = UpscalerTask(options(folder, tmp_path), asked.sources(asked.size), bank[0], torch.device("cpu"))
    shown = task.samples()
    assert shown.shape == (32, 3, 64, 64)
    assert torch.equal(shown[24:], upscaler.to_tensor(bank[0]["truth"][:8]) * 2 - 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scale": 5}, "--scale is 5, wanted one of 2, 3, 4"),
        ({"size": 40}, "--size is 40, wanted 32 or more, a multiple of 32"),
        ({"bank_size": 100}, "--bank-size is 100, wanted 32 or more, a multiple of 32"),
        ({"size": 28, "exact": True}, "--size is 28, wanted 32 or more, a multiple of 4"),
        ({"size": 96}, "--size 96 is more than --bank-size 64"),
        ({"bank": 2}, "--bank is 2, wanted 4 or more"),
        ({"teacher_share": 1.2}, "--teacher-share is 1.2"),
        ({"width": 20}, "--width is 20, wanted 27"),
        ({"gan": -1.0}, "--gan is -1.0"),
    ],
)
def test_options_check_themselves(folder: Path, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        options(folder, tmp_path, **changes)


def test_clean_pairs_need_only_whole_pixels(folder: Path, tmp_path: Path) -> None:
    assert options(folder, tmp_path, exact=True, size=36).bank_size == 64
    assert options(folder, tmp_path, exact=True, size=48, scale=3).scale == 3  # 64 is no multiple of 3, nor used


def test_a_teacher_of_another_scale_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--teacher anime-fast enlarges 4 times, but --scale is 2"):
        upscaler.run(options(folder, tmp_path, scale=2))


def test_a_network_of_few_blocks_begins_as_its_teacher_and_follows_it(folder: Path, tmp_path: Path) -> None:
    """From a teacher in a file, without spandrel: what a machine lent for training has."""
    torch.manual_seed(0)
    teacher = Esrgan(EsrganConfig(blocks=3))
    save_file(teacher.state_dict(), tmp_path / "teacher.safetensors")
    file = str(tmp_path / "teacher.safetensors")
    upscaler.run(
        options(
            folder, tmp_path / "run", network="esrgan", start=file, teacher=file, kept="0,2", teacher_share=1.0, lr=0.0,
            steps=2, batch=2, bank=4, size=64,
        )
    )  # fmt: skip
    state = load_file(tmp_path / "run" / "upscaler.safetensors")
    known = MAIN_REGISTRY.load(state)
    assert (known.architecture.name, known.scale) == ("ESRGAN", 4)
    assert torch.equal(state["body.1.rdb3.conv5.weight"], teacher.state_dict()["body.2.rdb3.conv5.weight"].half())
    bank = next((tmp_path / "run" / "cache").glob("bank-*/000000-4.npy"))
    row = np.load(bank)[1]
    with torch.no_grad():
        wanted = teacher(upscaler.to_tensor(row["inputs"][None])).clamp(0, 1).mul(255).round()
    assert np.abs(wanted[0].permute(1, 2, 0).numpy() - row["teacher"]).max() <= 1
    with pytest.raises(OptionError, match="--kept is 'x'"):
        options(folder, tmp_path, network="esrgan", kept="x")


def test_crops_of_all_sizes_are_cut_where_they_are() -> None:
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (20 + i, 30 - i, 3)).astype(np.uint8) for i in range(3)]
    placed = place(pictures, torch.device("cpu"))
    places = drawn(placed.sizes, np.array([0, 1, 2] * 30), 9, random)
    for number, crop in enumerate(cut(placed, places, 9)):
        picture = pictures[places.which[number]]
        top, left = places.top[number], places.left[number]
        wanted = picture[top : top + 9, left : left + 9]
        ways = [np.rot90(wanted, k) for k in range(4)]
        ways += [way[:, ::-1] for way in ways]
        assert any(np.array_equal(way, crop.permute(1, 2, 0).numpy()) for way in ways)
    assert len(set(places.way.tolist())) == 8
