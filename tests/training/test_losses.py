"""Losses against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from editing.training import losses

REAL, FAKE = torch.tensor([[2.0], [-0.5]]), torch.tensor([[-1.5], [0.5]])


def test_nonsaturating_is_the_formula() -> None:
    d_real, d_fake = torch.sigmoid(REAL), torch.sigmoid(FAKE)
    wanted = -(torch.log(d_real).mean() + torch.log(1 - d_fake).mean())
    assert losses.discriminator_loss("nonsaturating", REAL, FAKE).item() == pytest.approx(wanted.item(), rel=1e-5)
    assert losses.generator_loss("nonsaturating", FAKE).item() == pytest.approx(
        -torch.log(d_fake).mean().item(), rel=1e-5
    )


def test_hinge_and_wasserstein_are_the_formulas() -> None:
    assert losses.discriminator_loss("hinge", REAL, FAKE).item() == pytest.approx((0 + 1.5) / 2 + (0 + 1.5) / 2)
    assert losses.discriminator_loss("wgan-gp", REAL, FAKE).item() == pytest.approx(-0.5 - 0.75)
    for kind in ("hinge", "wgan-gp"):
        assert losses.generator_loss(kind, FAKE).item() == pytest.approx(0.5)


def test_an_unknown_loss_is_named() -> None:
    with pytest.raises(ValueError, match="least-squares"):
        losses.discriminator_loss("least-squares", REAL, FAKE)
    with pytest.raises(ValueError, match="least-squares"):
        losses.generator_loss("least-squares", FAKE)


def test_penalties_of_a_linear_discriminator() -> None:
    weight = torch.tensor([3.0, 4.0], requires_grad=True)

    def linear(seen: list[Tensor]) -> Tensor:
        return seen[0].flatten(1) @ weight[:, None]

    real, fake = [torch.randn(5, 2, 1, 1)], [torch.randn(5, 2, 1, 1)]
    assert losses.r1_penalty(linear, real).item() == pytest.approx(12.5)
    assert losses.gradient_penalty(linear, real, fake).item() == pytest.approx(16.0)
    losses.gradient_penalty(linear, real, fake).backward()
    assert weight.grad is not None
    assert torch.allclose(weight.grad, 2 * 4 * torch.tensor([0.6, 0.8]), atol=1e-4)


def test_penalties_count_every_input() -> None:
    def both(seen: list[Tensor]) -> Tensor:
        return 3 * seen[0].flatten(1) + 4 * seen[1].flatten(1)

    inputs = [torch.randn(2, 1, 1, 1), torch.randn(2, 1, 1, 1)]
    assert losses.r1_penalty(both, inputs).item() == pytest.approx(12.5)


def test_feature_distance_is_relative() -> None:
    a = [torch.ones(1, 2, 3, 3), torch.full((1, 1, 2, 2), 10.0)]
    assert losses.feature_distance(a, a).item() == 0
    twice = [2 * m for m in a]
    assert losses.feature_distance(twice, a).item() == pytest.approx(1.0)


def test_l1_is_the_mean_difference() -> None:
    assert losses.l1(torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), -0.25)).item() == pytest.approx(0.25)
    counted = torch.ones(2, 1, 4, 4)
    counted[1] = 5
    assert losses.l1(torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), -0.25), counted).item() == pytest.approx(0.75)


@pytest.mark.parametrize("period", [2, 4])
def test_what_repeats_is_seen_and_grain_is_not(period: int) -> None:
    flat = torch.full((1, 3, 96, 96), 0.5)
    woven = flat.clone()
    woven[..., ::period] += 0.02
    noisy = flat + 0.02 * torch.randn(flat.shape, generator=torch.Generator().manual_seed(0))
    assert float(losses.repeated(flat, 4)) == 0
    assert float(losses.repeated(woven, 4)) > 20 * float(losses.repeated(noisy, 4))
