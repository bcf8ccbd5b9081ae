"""Losses: the adversarial ones, penalties, and what compares a picture with its target."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

ADVERSARIAL = ("nonsaturating", "hinge", "wgan-gp")


def discriminator_loss(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """Loss of the discriminator from its logits for real and generated pictures.

    nonsaturating: -log D(x) - log(1 - D(G(z))) with D the sigmoid of a logit (Goodfellow et al. 2014); hinge: Lim and
    Ye 2017; wgan-gp: Gulrajani et al. 2017, to which :func:`gradient_penalty` is added.
    """
    if kind == "nonsaturating":
        return F.softplus(-real).mean() + F.softplus(fake).mean()
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    if kind == "wgan-gp":
        return fake.mean() - real.mean()
    raise ValueError(f"loss is {kind!r}, wanted one of {ADVERSARIAL}")


def generator_loss(kind: str, fake: Tensor) -> Tensor:
    """Loss of the generator from the logits of its pictures: -log D(G(z)), or -D(G(z)) for hinge and wgan-gp."""
    if kind == "nonsaturating":
        return F.softplus(-fake).mean()
    if kind in ("hinge", "wgan-gp"):
        return -fake.mean()
    raise ValueError(f"loss is {kind!r}, wanted one of {ADVERSARIAL}")


def _squared_slopes(discriminator: Callable[[list[Tensor]], Tensor], inputs: Sequence[Tensor]) -> Tensor:
    """(N,) squared length of the gradient of each sample's mean logit by all of its inputs."""
    leaves = [x.detach().float().requires_grad_(True) for x in inputs]
    with torch.enable_grad():
        total = discriminator(leaves).mean(1).sum()
        slopes = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)  # not all look at all inputs
    return torch.stack([s.float().square().flatten(1).sum(1) for s in slopes if s is not None]).sum(0)


def r1_penalty(discriminator: Callable[[list[Tensor]], Tensor], real: Sequence[Tensor]) -> Tensor:
    """Half the squared slope of the discriminator at real inputs (R1, Mescheder et al. 2018).

    ``discriminator`` takes the list of what it sees: pictures, or feature maps, each (N, C, H, W).
    """
    return 0.5 * _squared_slopes(discriminator, real).mean()


def gradient_penalty(
    discriminator: Callable[[list[Tensor]], Tensor], real: Sequence[Tensor], fake: Sequence[Tensor]
) -> Tensor:
    """(slope - 1)² at points between real and generated inputs (WGAN-GP, Gulrajani et al. 2017)."""
    mix = torch.rand(real[0].shape[0], 1, 1, 1, device=real[0].device)
    between = [r.detach() * mix + f.detach() * (1 - mix) for r, f in zip(real, fake, strict=True)]
    slopes = (_squared_slopes(discriminator, between) + 1e-12).sqrt()
    return (slopes - 1).square().mean()


def l1(output: Tensor, target: Tensor, counted: Tensor | None = None) -> Tensor:
    """Mean absolute difference of two (N, C, H, W), each pixel multiplied by ``counted`` (N, 1, H, W)."""
    if counted is None:
        return F.l1_loss(output.float(), target.float())
    return (counted * (output.float() - target.float()).abs()).mean()


def feature_distance(output: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Mean over maps of |output - target|, relative to the mean of |target|: a perceptual loss on a frozen network."""
    parts = [
        (o.float() - t.float()).abs().mean() / t.float().abs().mean().clamp_min(1e-6)
        for o, t in zip(output, target, strict=True)
    ]
    return torch.stack(parts).mean()


def repeated(pictures: Tensor, period: int) -> Tensor:
    """(N,): what repeats every ``period`` pixels in pictures (N, C, H, W), as the variance of one such tile of means.

    All spectral lines together at that period and its parts, where strides and enlarging leave their grid. H and W are
    multiples of ``period``.
    """
    count, channels, height, width = pictures.shape
    tiles = pictures.reshape(count, channels, height // period, period, width // period, period)
    return tiles.mean((2, 4)).flatten(2).var(2, correction=0).mean(1)
