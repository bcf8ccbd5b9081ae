"""The denoiser: sizes, levels of noise, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch

from editing.networks.denoiser import FAINT, Denoiser, DenoiserConfig


def small(channels: int = 3) -> Denoiser:
    torch.manual_seed(0)
    return Denoiser(DenoiserConfig(channels=channels, widths=(16, 16, 24), blocks=1)).eval()


@pytest.mark.parametrize("size", [(1, 1), (7, 33), (16, 24), (50, 9)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_works(size: tuple[int, int], channels: int) -> None:
    x = torch.rand(2, channels, *size)
    with torch.no_grad():
        y = small(channels)(x, torch.tensor([0.1, 0.2]))
    assert y.shape == x.shape
    assert torch.isfinite(y).all()


def test_padding_changes_nothing_inside() -> None:
    """A picture whose sides are no multiples is as good as the same picture repeated at its border."""
    network = small()
    x = torch.rand(1, 3, 13, 18)
    padded = torch.nn.functional.pad(x, (0, 6, 0, 3), mode="replicate")
    with torch.no_grad():
        assert torch.allclose(network(x, torch.tensor([0.1])), network(padded, torch.tensor([0.1]))[..., :13, :18])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_noise_sixteen_bits_stay_as_they_are(dtype: torch.dtype) -> None:
    """A ramp of all 65536 levels, such as an X-ray: not one is lost, also when the weights are bfloat16."""
    network = small().to(dtype)
    ramp = (torch.arange(65536, dtype=torch.float32) / 65535).reshape(1, 1, 256, 256).expand(1, 3, -1, -1)
    with torch.no_grad():
        y = network(ramp, torch.zeros(1))
    assert y.dtype == torch.float32
    assert torch.equal(y, ramp)


def test_a_little_noise_is_taken_away_in_steps_finer_than_eight_bits() -> None:
    """With bfloat16 weights the picture itself is never rounded: far more levels than bfloat16 has come out."""
    network = small().to(torch.bfloat16)
    ramp = torch.linspace(0.5, 0.75, 4096).reshape(1, 1, 64, 64).expand(1, 3, -1, -1)
    with torch.no_grad():
        y = network(ramp, torch.tensor([2 / 255]))
    assert len(torch.unique(y[0, 0])) > 3000
    assert not torch.equal(y, ramp)


def test_the_level_may_vary_within_a_picture() -> None:
    network = small()
    x = torch.rand(1, 3, 64, 64)
    level = torch.zeros(1, 1, 64, 64)
    level[..., 32:] = 0.2
    with torch.no_grad():
        y = network(x, level)
        even = network(x, torch.tensor([0.2]))
        spread = network(x, torch.full((1, 1, 64, 64), 0.2))
    assert torch.equal(y[..., :32], x[..., :32])
    assert (y - x)[..., 32:].abs().max() > 0
    assert torch.equal(even, spread)


def test_half_the_picture_and_half_the_noise_give_half_the_change() -> None:
    network = small()
    x, sigma = torch.rand(1, 3, 32, 32) - 0.5, torch.tensor([0.2])
    with torch.no_grad():
        whole, half = network(x + 0.5, sigma) - x - 0.5, network(x / 2 + 0.5, sigma / 2) - x / 2 - 0.5
    assert whole.abs().max() > 1e-3
    assert torch.allclose(half, whole / 2, atol=1e-6)


def test_faint_noise_fades_out() -> None:
    network = small()
    x = torch.rand(1, 3, 32, 32).expand(3, -1, -1, -1)
    with torch.no_grad():
        change = (network(x, torch.tensor([0.0, FAINT / 2, FAINT])) - x).abs().mean((1, 2, 3))
    assert change[0] == 0
    assert 0.3 * change[2] < change[1] < 0.7 * change[2]


def test_the_shipped_size_is_small() -> None:
    assert 2 * sum(p.numel() for p in Denoiser(DenoiserConfig()).parameters()) < 5e6  # bytes in fp16


def test_the_configuration_survives_json_and_checks_itself() -> None:
    config = DenoiserConfig(channels=1, widths=(16, 32), blocks=3)
    assert DenoiserConfig.from_json(config.to_json()) == config
    assert config.multiple == 4
    with pytest.raises(ValueError, match="not a denoiser"):
        DenoiserConfig.from_json('{"size": 64}')
    with pytest.raises(ValueError, match="widths"):
        DenoiserConfig(widths=())
    with pytest.raises(ValueError, match="blocks"):
        DenoiserConfig(blocks=0)
