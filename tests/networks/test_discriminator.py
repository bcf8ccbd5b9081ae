"""The discriminators: shapes, frozen parts, and that sameness within a batch shows."""

from __future__ import annotations

import pytest
import torch

from editing.networks.discriminator import Discriminator, DiscriminatorConfig, ProjectedDiscriminator, batch_deviation


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (28, 1), (64, 3), (128, 1)])
def test_one_logit_per_picture(size: int, channels: int) -> None:
    network = Discriminator(DiscriminatorConfig(size=size, channels=channels, capacity=256, max_channels=32))
    assert network(torch.rand(3, channels, size, size)).shape == (3, 1)


def test_sameness_within_a_batch_shows() -> None:
    x = torch.randn(8, 4, 4, 4)
    same = x[:1].expand(8, -1, -1, -1)
    assert batch_deviation(x).shape == (8, 1, 4, 4)
    assert batch_deviation(same).abs().max() < 1e-3
    assert batch_deviation(x).min() > 0.5


@pytest.mark.parametrize("count", [1, 3, 4, 6, 7])
def test_deviation_takes_any_batch(count: int) -> None:
    assert torch.isfinite(batch_deviation(torch.randn(count, 4, 2, 2))).all()


def test_projected_judges_every_map_and_learns_only_its_heads() -> None:
    network = ProjectedDiscriminator((8, 16, 24, 32), widths=(8, 8, 16, 16))
    maps = [torch.randn(2, c, s, s, requires_grad=True) for c, s in ((8, 32), (16, 16), (24, 8), (32, 4))]
    logits = network(maps)
    assert logits.shape == (2, 4 * 16)
    logits.sum().backward()
    for seen in maps:
        assert seen.grad is not None
        assert seen.grad.abs().sum() > 0
    learned = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert learned == {"heads"}
    assert all(p.grad is None for name, p in network.named_parameters() if not name.startswith("heads"))


def test_projected_takes_sides_that_are_no_power_of_two() -> None:
    network = ProjectedDiscriminator((8, 16, 24, 32), widths=(8, 8, 16, 16))
    maps = [torch.randn(2, c, s, s) for c, s in ((8, 25), (16, 13), (24, 7), (32, 4))]
    assert torch.isfinite(network(maps)).all()
