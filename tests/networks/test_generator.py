"""The generator: every size, nothing depends on the batch, and its configuration survives a file."""

from __future__ import annotations

import pytest
import torch

from editing.networks.generator import SIZES, GatedNorm, Generator, GeneratorConfig, recalibrate


def small(**changes: int) -> Generator:
    torch.manual_seed(0)
    options = {"size": 16, "latent": 8, "style": 8, "capacity": 128, "max_channels": 32} | changes
    return Generator(GeneratorConfig(**options)).eval()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_gives_pictures_in_range(size: int, channels: int) -> None:
    generator = small(size=size, channels=channels)
    pictures = generator(torch.randn(2, 8))
    assert pictures.shape == (2, channels, size, size)
    assert pictures.dtype == torch.float32
    assert pictures.abs().max() <= 1
    assert (pictures[0] - pictures[1]).abs().max() > 1e-3


def test_28_pixels_start_from_7() -> None:
    assert GeneratorConfig(size=28).resolutions == [7, 14, 28]
    assert GeneratorConfig(size=64).resolutions == [4, 8, 16, 32, 64]


def test_a_picture_does_not_depend_on_its_batch() -> None:
    generator = small(size=64)
    recalibrate(generator, torch.randn(64, 8))
    z = torch.randn(7, 8)
    together = generator(z)
    alone = torch.cat([generator(one[None]) for one in z])
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.equal(generator(z), together)


def test_forward_is_mapping_then_synthesis() -> None:
    generator = small(style=12, mapping_layers=3)
    z = torch.randn(3, 8)
    w = generator.mapping(z)
    assert w.shape == (3, 12)
    assert torch.equal(generator(z), generator.synthesis(w))
    assert torch.allclose(generator.mapping(5 * z), w, atol=1e-5)  # only the direction of z counts


def test_truncation_goes_from_the_latent_to_the_mean() -> None:
    generator = small()
    generator.mean_latent.copy_(torch.arange(8.0))
    w = generator.mapping(torch.randn(2, 8))
    assert torch.allclose(generator.truncate(w, 1.0), w, atol=1e-6)
    assert torch.equal(generator.truncate(w, 0.0), generator.mean_latent.expand(2, -1))
    assert torch.allclose(generator.truncate(w, 0.5), (w + generator.mean_latent) / 2, atol=1e-6)


def test_features_are_what_the_picture_is_made_from() -> None:
    generator = small(size=32)
    w = generator.mapping(torch.randn(2, 8))
    sides = [generator.features(w, depth).shape[-1] for depth in range(4)]
    assert sides == [4, 8, 16, 32]
    assert torch.equal(torch.tanh(generator.to_picture(generator.features(w, 3))), generator.synthesis(w))


def test_training_normalises_by_the_batch_and_recalibration_by_all() -> None:
    generator = small(size=32)
    z = torch.randn(256, 8)
    with torch.no_grad():  # the averages of many batches, as if they were one
        recalibrate(generator, z)
        drawn = generator(z)
        assert not generator.training
        recalibrate(generator, z, batch=256)
        at_once = generator(z)
        generator.train()
        in_training = generator(z)
    assert (at_once - in_training).abs().mean() < 1e-4
    assert (drawn - at_once).abs().mean() < 0.02
    norm = generator.start_norm
    assert isinstance(norm, GatedNorm)
    assert norm.momentum == 0.1


def test_norm_gives_unit_variance_before_the_gate() -> None:
    norm = GatedNorm(4, 3).train()
    torch.nn.init.zeros_(norm.scale_shift.weight)
    x = torch.randn(64, 8, 6, 6) * 5 + 3
    normal = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)
    wanted = torch.nn.functional.glu(normal, 1)
    assert torch.allclose(norm(x, torch.zeros(64, 3)), wanted, atol=1e-2)


def test_config_survives_json() -> None:
    config = GeneratorConfig(size=128, channels=1, latent=32, capacity=1024)
    assert GeneratorConfig.from_json(config.to_json()) == config


def test_state_loads_into_a_fresh_network() -> None:
    first, second = (
        small(size=28, channels=1),
        Generator(GeneratorConfig(size=28, channels=1, latent=8, style=8, capacity=128, max_channels=32)).eval(),
    )
    second.load_state_dict(first.state_dict())
    z = torch.randn(2, 8)
    assert torch.equal(first(z), second(z))
