"""The discriminator of pixels: one logit each, which sees its surroundings, with bounded slopes."""

from __future__ import annotations

import torch

from editing.networks.unet_discriminator import UNetDiscriminator


def test_a_logit_a_pixel() -> None:
    judge = UNetDiscriminator(width=8)
    logits = judge(torch.rand(2, 3, 32, 40))
    assert logits.shape == (2, 1, 32, 40)
    assert logits.dtype == torch.float32


def test_each_logit_sees_its_pixel_and_what_surrounds_it() -> None:
    torch.manual_seed(0)
    judge = UNetDiscriminator(width=8).eval()
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    (slope,) = torch.autograd.grad(judge(x)[0, 0, 32, 32], x)
    seen = slope.abs().sum(1)[0]
    assert seen[32, 32] > 0
    assert seen[32, 48] > 0  # through the halved levels
    assert seen[32, 33] > seen[0, 0]


def test_every_doubling_ends_at_its_own_level() -> None:
    """The skips are added where sizes and channels agree: a change of one level's weights changes the result."""
    torch.manual_seed(0)
    judge = UNetDiscriminator(width=8).eval()
    x = torch.rand(1, 3, 16, 16)
    before = judge(x)
    for part in (judge.down, judge.up):
        for layer in part:
            kept = layer.parametrizations.weight.original.detach().clone()
            with torch.no_grad():
                layer.parametrizations.weight.original.copy_(torch.randn_like(kept))
                assert not torch.allclose(judge(x), before)
                layer.parametrizations.weight.original.copy_(kept)
