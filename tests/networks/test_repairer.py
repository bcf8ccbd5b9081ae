"""The repairer: what it sees of a masked face, its two results, and growing from a small size to a large one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from editing.networks.repairer import Repairer, RepairerConfig, blend, continued, lent, mirrored


def small(widths: tuple[int, ...] = (16, 16)) -> Repairer:
    """With random numbers also where a fresh network has zeros."""
    torch.manual_seed(0)
    network = Repairer(RepairerConfig(widths=widths, coming=1)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.03)
    return network


def hole(side: int) -> Tensor:
    mask = torch.zeros(1, 1, side, side)
    mask[..., side // 4 : side // 2, side // 3 : side // 3 * 2] = 1
    return mask


def test_nothing_is_seen_inside_the_mask() -> None:
    x, mask = torch.rand(1, 3, 32, 32), hole(32)
    other = torch.where(mask > 0, torch.rand(1, 3, 32, 32), x)
    with torch.no_grad():
        results = [small()(picture, mask, torch.tensor([0.5])) for picture in (x, other, (x + 0.5) / 2)]
    assert results[0].shape == x.shape
    assert 0 <= results[0].min() < results[0].max() <= 1
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_a_fresh_network_leaves_the_picture_and_continues_it() -> None:
    x, mask = torch.rand(2, 3, 16, 16), hole(16).expand(2, -1, -1, -1)
    with torch.no_grad():
        y = Repairer(RepairerConfig(widths=(16,)))(x, mask, torch.tensor([0.0, 1.0]))
    assert torch.allclose(torch.where(mask > 0, x, y), x, atol=1e-6)
    assert torch.allclose(y, continued(x - 0.5, 1 - mask) + 0.5, atol=1e-6)


def test_the_continuation_has_no_step_at_the_masks_edge() -> None:
    flat = torch.full((1, 3, 64, 64), 0.3)
    assert torch.allclose(continued(flat, 1 - hole(64)), flat, atol=1e-5)
    ramp = torch.linspace(-0.5, 0.5, 64).expand(1, 3, 64, 64)
    for keep in (1 - hole(64), 1 - 0.5 * hole(64)):
        filled = continued(ramp, keep)
        assert torch.allclose(torch.where(keep < 1, ramp, filled), ramp)
        assert (filled - ramp).abs().max() < 0.12
        steps = filled.diff(dim=-1)  # 1/63 everywhere in the ramp; a hole filled with gray would jump by 0.3
        assert steps.abs().max() < 0.1


def test_a_picture_masked_whole_is_filled() -> None:
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        y = small()(x, torch.ones(1, 1, 32, 32), torch.ones(1))
    assert torch.isfinite(y).all()
    assert torch.equal(continued(x, torch.zeros(1, 1, 32, 32)), torch.zeros_like(x))


def test_the_dial_blends_two_results_of_one_run() -> None:
    network, x, mask = small(), torch.rand(3, 3, 32, 32), hole(32).expand(3, -1, -1, -1)
    with torch.no_grad():
        faithful, clean = network.both(x, mask)
        dialled = network(x, mask, torch.tensor([1.0, 0.0, 0.25]))
    assert (faithful - clean).abs().mean() > 0.01
    assert torch.equal(dialled[0], faithful[0].clamp(0, 1))
    assert torch.equal(dialled[1], clean[1].clamp(0, 1))
    assert torch.allclose(dialled[2], (0.25 * faithful[2] + 0.75 * clean[2]).clamp(0, 1), atol=1e-6)
    assert torch.equal(dialled, blend(faithful, clean, torch.tensor([1.0, 0.0, 0.25])))


def test_a_network_grows_without_a_change() -> None:
    """With one more level, the larger picture gets the smaller one's change, enlarged."""
    little, grown = small((16, 16)), Repairer(RepairerConfig(widths=(16, 16, 8), coming=1))
    missing, unexpected = grown.load_state_dict(little.state_dict(), strict=False)
    assert not unexpected
    assert all(name.startswith("levels.2.") for name in missing)
    x, nothing = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    reduced = F.avg_pool2d(x, 2)
    with torch.no_grad():
        changes = [part - reduced for part in little.both(reduced, nothing[..., ::2, ::2])]
        for got, change in zip(grown.both(x, nothing), changes, strict=True):
            enlarged = F.interpolate(change, scale_factor=2, mode="bilinear", align_corners=False)
            assert torch.allclose(got, x + enlarged, atol=1e-5)


def test_bfloat16_weights_give_nearly_the_same() -> None:
    x, mask = torch.rand(1, 3, 32, 32), hole(32)
    with torch.no_grad():
        exact = small()(x, mask, torch.ones(1))
        y = small().to(torch.bfloat16)(x, mask, torch.ones(1))
    assert y.dtype == torch.float32
    assert (y - exact).abs().max() < 0.05


def test_the_shipped_size_is_small() -> None:
    assert 2 * sum(p.numel() for p in Repairer(RepairerConfig()).parameters()) < 9.5e6  # bytes in fp16


def test_the_configuration_survives_json_and_checks_itself() -> None:
    config = RepairerConfig(widths=(16, 32), going=0, coming=3)
    assert RepairerConfig.from_json(config.to_json()) == config
    assert config.size == 32
    assert RepairerConfig().size == 256
    with pytest.raises(ValueError, match="not a repairer"):
        RepairerConfig.from_json('{"size": 64}')
    with pytest.raises(ValueError, match="widths"):
        RepairerConfig(widths=())
    with pytest.raises(ValueError, match="coming"):
        RepairerConfig(coming=0)


def test_a_masked_eye_is_filled_from_the_other_in_the_light_of_its_own_side() -> None:
    torch.manual_seed(0)
    half = F.interpolate(torch.rand(1, 3, 16, 8), scale_factor=4, mode="bilinear", align_corners=False) * 0.4 + 0.2
    face = torch.cat([half, half.flip(3)], 3)
    lit = face + torch.linspace(0, 0.3, 64)  # the right side lies in the light
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 26:34, 20:28] = 1  # where one eye is
    damaged = torch.where(mask > 0, torch.ones(1), lit)
    filled, left = mirrored(damaged, mask)
    assert left.max() == 0
    assert torch.equal(filled[mask.expand_as(filled) == 0], lit[mask.expand_as(filled) == 0])
    assert (filled - lit).abs().max() < 0.03
    both = mask + mask.flip(3)  # nothing to learn from: all is left to the network
    assert torch.equal(mirrored(damaged, both)[1], both)
    hair = torch.zeros(1, 1, 64, 64)
    hair[..., 2:8, 20:28] = 1  # hair has no other side
    same, left = mirrored(lit, hair)
    assert torch.equal(left, hair)
    assert torch.equal(same, lit)


def test_what_is_lent_takes_on_the_tone_of_the_face() -> None:
    torch.manual_seed(0)
    light = F.interpolate(torch.rand(1, 1, 16, 16), size=64, mode="bilinear", align_corners=False) * 0.4 + 0.2
    sepia = light * torch.tensor([0.9, 0.8, 0.6]).reshape(1, 3, 1, 1)
    other = F.interpolate(torch.rand(1, 3, 16, 16), size=64, mode="bilinear", align_corners=False)
    mask, part = torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    part[..., 42:50, 24:40] = 1  # where the mouth is
    mask[..., 42:50, 24:40] = mask[..., 30, 20:40] = mask[..., 2:6, 20:28] = 1  # a scratch and hair beside
    damaged = torch.where(mask > 0, torch.ones(1), sepia)
    filled, left = lent(damaged, mask, other, part)
    assert torch.equal(left, mask - part)
    outside = part.expand_as(filled) == 0
    assert torch.equal(filled[outside], damaged[outside])
    whole, _ = lent(sepia, mask, other, part)
    torch.testing.assert_close(whole[~outside], filled[~outside])  # what is masked is never looked at
    mouth = filled[..., 42:50, 24:40]
    assert float(mouth[0, 0].std()) > 0.02  # features, and not a smear
    red, green, blue = mouth[0]
    torch.testing.assert_close(red / green, torch.full_like(red, 0.9 / 0.8), atol=0.06, rtol=0)
    torch.testing.assert_close(blue / green, torch.full_like(red, 0.6 / 0.8), atol=0.06, rtol=0)
    same, left = lent(damaged, mask, sepia, part)  # from the face itself: what was there
    torch.testing.assert_close(same[~outside], sepia[~outside], atol=0.01, rtol=0)
    assert float(left[..., 42:50, 24:40].max()) == 0
