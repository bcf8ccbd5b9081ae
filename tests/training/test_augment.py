"""Augmentation: differentiable, alike for pairs, and off when off."""

from __future__ import annotations

import torch

from editing.training.augment import diff_augment


def test_strength_nought_changes_nothing() -> None:
    x = torch.rand(2, 3, 16, 16)
    assert diff_augment(x, 0) is x


def test_it_changes_pictures_and_keeps_their_shape() -> None:
    x = torch.rand(4, 3, 16, 16) * 2 - 1
    y = diff_augment(x, 1.0)
    assert y.shape == x.shape
    assert all((a - b).abs().mean() > 0.01 for a, b in zip(x, y, strict=True))
    assert not torch.equal(y, diff_augment(x, 1.0))


def test_pairs_are_changed_alike() -> None:
    x = torch.rand(3, 3, 16, 16)
    first, second = diff_augment(torch.cat([x, x]), 0.7, pairs=2).chunk(2)
    assert torch.equal(first, second)
    assert not torch.equal(first[0] - x[0], first[1] - x[1])


def test_gradients_reach_every_picture() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 1, 16, 16, requires_grad=True)
    diff_augment(x, 0.5).square().sum().backward()
    assert x.grad is not None
    assert (x.grad.flatten(1).abs().sum(1) > 0).all()


def test_moved_in_parts_are_black_and_the_hole_is_cut() -> None:
    torch.manual_seed(0)
    white = torch.full((64, 3, 32, 32), 0.9)
    y = diff_augment(white, 0.5)
    cut = (y == 0).all(1).flatten(1).float().mean(1)
    assert cut.max() <= (8 * 8 + 4 * 32 + 4 * 32) / 32**2 + 1e-6
    assert cut.mean() > 0.02
