"""The damage finder: sizes, how far it sees, and its configuration."""

from __future__ import annotations

import pytest
import torch

from editing.networks.damage import DamageConfig, DamageFinder


def small() -> DamageFinder:
    torch.manual_seed(0)
    return DamageFinder(DamageConfig(widths=(8, 12, 16), blocks=1)).eval()


@pytest.mark.parametrize("size", [(1, 1), (7, 33), (16, 24), (50, 9)])
def test_every_size_works(size: tuple[int, int]) -> None:
    with torch.no_grad():
        y = small()(torch.rand(2, 3, *size))
    assert y.shape == (2, 1, *size)
    assert y.dtype == torch.float32
    assert torch.isfinite(y).all()
    assert y.mean() < -2  # untrained it says that damage is rare


def test_padding_changes_nothing_inside() -> None:
    network = small()
    x = torch.rand(1, 3, 13, 18)
    padded = torch.nn.functional.pad(x, (0, 6, 0, 3), mode="replicate")
    with torch.no_grad():
        assert torch.allclose(network(x), network(padded)[..., :13, :18], atol=1e-6)


@pytest.mark.parametrize("widths", [(8,), (8, 12), (8, 12, 16)])
def test_it_sees_as_far_as_it_says(widths: tuple[int, ...]) -> None:
    """Of an aligned square, a change ``reach`` pixels away counts, and one farther away does not."""
    torch.manual_seed(0)
    network = DamageFinder(DamageConfig(widths=widths, blocks=1))
    multiple, reach = network.config.multiple, network.config.reach
    around = -(-reach // multiple) * multiple + multiple
    x = torch.rand(1, 3, 2 * around + multiple, 2 * around + multiple, requires_grad=True)
    y = network(x)[..., around : around + multiple, around : around + multiple]
    (gradient,) = torch.autograd.grad(y.sum(), x)
    columns = gradient.abs().amax((0, 1, 2)).nonzero()[:, 0]
    assert around - reach <= int(columns.min())
    assert int(columns.max()) < around + multiple + reach
    assert int(columns.min()) <= around - reach + multiple  # and not much less than it says


def test_weights_of_bfloat16_take_float_pictures() -> None:
    network = small()
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(network.to(torch.bfloat16)(x), small()(x), atol=0.1)


def test_the_shipped_size_is_small() -> None:
    assert 2 * sum(p.numel() for p in DamageFinder(DamageConfig()).parameters()) < 4e6  # bytes in fp16
