"""The stylizer: sizes, codes, and statistics that make tiles parts of one picture."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from editing.networks.stylizer import EPSILON, Stylizer, StylizerConfig, _doubled, _InstanceNorm, _mirrored


def small(enlarging: str = "bilinear") -> Stylizer:
    """A tiny stylizer whose styles differ a good deal."""
    torch.manual_seed(0)
    config = StylizerConfig(
        widths=(8, 8, 16), blocks=1, code=6, encoder=((4,), (6, 6)), hidden=8, enlarging=enlarging
    )  # fmt: skip
    network = Stylizer(config).eval()
    with torch.no_grad():
        network.styles.weight.normal_(0, 0.3)
    return network


@pytest.mark.parametrize("size", [(16, 16), (20, 64), (36, 16)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_multiple_works(size: tuple[int, int], dtype: torch.dtype) -> None:
    network = small().to(dtype)
    photos = torch.rand(2, 3, *size)
    with torch.no_grad():
        made = network(photos, torch.randn(2, 6))
    assert made.shape == photos.shape
    assert made.dtype == torch.float32
    assert made.min() >= 0
    assert made.max() <= 1
    assert made.std() > 0.01


def test_each_photo_of_a_batch_gets_its_own_style() -> None:
    network = small()
    photo, codes = torch.rand(1, 3, 32, 32), torch.randn(2, 6)
    with torch.no_grad():
        both = network(photo.expand(2, -1, -1, -1), codes)
        alone = torch.cat([network(photo, code[None]) for code in codes])
    assert torch.allclose(both, alone, atol=1e-5)
    assert (both[0] - both[1]).abs().mean() > 0.01


def test_its_own_statistics_change_nothing() -> None:
    network = small()
    photos, code = torch.rand(2, 3, 32, 40), torch.randn(2, 6)
    with torch.no_grad():
        statistics = network.statistics(photos, code)
        assert [mean.shape for mean, _ in statistics] == [(2, c, 1, 1) for c in network.config.norms]
        assert all((deviation > 0).all() for _, deviation in statistics)
        assert torch.allclose(network(photos, code, statistics), network(photos, code), atol=1e-5)
        other = network.statistics(photos.flip(0), code)
        assert not torch.allclose(network(photos, code, other), network(photos, code), atol=1e-3)


@pytest.mark.parametrize("enlarging", ["nearest", "bilinear"])
def test_tiles_with_the_statistics_of_the_whole_are_parts_of_it(enlarging: str) -> None:
    network = small(enlarging)
    photo, code = torch.rand(1, 3, 96, 96), torch.randn(1, 6)
    photo[..., :48] *= 0.3  # the halves have statistics of their own
    with torch.no_grad():
        whole = network(photo, code)
        statistics = network.statistics(photo, code)
        tile = network(photo[..., :80], code, statistics)
        alone = network(photo[..., :80], code)
    assert torch.allclose(tile[..., :48], whole[..., :48], atol=1e-5)
    assert not torch.allclose(alone[..., :48], whole[..., :48], atol=1e-3)


@pytest.mark.parametrize("enlarging", ["nearest", "bilinear"])
def test_it_sees_as_far_as_it_says(enlarging: str) -> None:
    network = small(enlarging)
    photo, code = torch.rand(1, 3, 16, 160), torch.randn(1, 6)
    reached = 0
    with torch.no_grad():
        statistics = network.statistics(photo, code)
        before = network(photo, code, statistics)
        for place in range(78, 82):
            changed = photo.clone()
            changed[..., place] = 1 - changed[..., place]
            there = (network(changed, code, statistics) - before).abs().amax((0, 1, 2)).nonzero()
            reached = max(reached, place - int(there.min()), int(there.max()) - place)
    assert network.config.reach - 4 <= reached <= network.config.reach


def test_a_gpu_is_given_the_same() -> None:
    """What stands in for PyTorch's own reflection and interpolation there."""
    x = torch.randn(2, 5, 12, 16).to(memory_format=torch.channels_last)
    for width in (1, 2, 3):
        mirrored = _mirrored(x, width)
        assert torch.equal(mirrored, F.pad(x, (width,) * 4, mode="reflect"))
        assert mirrored.is_contiguous(memory_format=torch.channels_last)
    doubled = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    assert torch.allclose(_doubled(x), doubled, atol=1e-6)
    assert _doubled(x).is_contiguous(memory_format=torch.channels_last)


def test_parts_together_have_the_statistics_of_all() -> None:
    """Of the first normalisation exactly; later ones see borders between the parts, here of even grounds."""
    network = small()
    code = torch.randn(1, 6)
    parts = torch.rand(2, 3, 1, 1).expand(-1, -1, 32, 32)
    with torch.no_grad():
        statistics = network.statistics(parts, code, together=True)
        assert all(len(mean) == len(deviation) == 1 for mean, deviation in statistics)
        assert statistics[0][1].min() > 0.005  # each part alone has that of EPSILON, 0.003
        one = network(parts, code, statistics)
    assert (one[0] - one[1]).abs().mean() > 0.01
    same = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        twice = network.statistics(same.expand(3, -1, -1, -1), code, together=True)
        once = network.statistics(same, code)
    for (mean, deviation), (mean1, deviation1) in zip(twice, once, strict=True):
        assert torch.allclose(mean, mean1, atol=1e-4)
        assert torch.allclose(deviation, deviation1, atol=1e-4)


def test_the_way_back_through_a_normalisation_is_right() -> None:
    """It is written out; here against what PyTorch finds for the formula, also where one style serves two photos."""
    random = torch.Generator().manual_seed(0)
    for styles in (1, 2):
        x = torch.randn(2, 5, 6, 7, generator=random).requires_grad_(True)
        scale, shift = (torch.randn(styles, 5, 1, 1, generator=random).requires_grad_(True) for _ in range(2))
        weights = torch.randn(2, 5, 6, 7, generator=random)
        made, mean, deviation = _InstanceNorm.apply(x, scale, shift)
        plain = (x - x.mean((2, 3), keepdim=True)) * torch.rsqrt(x.var((2, 3), keepdim=True, correction=0) + EPSILON)
        plain = plain * scale + shift
        assert torch.allclose(made, plain, atol=1e-5)
        assert torch.allclose(mean, x.mean((2, 3), keepdim=True), atol=1e-6)
        assert torch.allclose(deviation, x.std((2, 3), keepdim=True, correction=0), atol=1e-4)
        found = torch.autograd.grad((made * weights).sum(), (x, scale, shift))
        wanted = torch.autograd.grad((plain * weights).sum(), (x, scale, shift))
        for a, b in zip(found, wanted, strict=True):
            assert torch.allclose(a, b, atol=1e-4)


def test_codes_mix_linearly() -> None:
    network = small()
    codes = torch.randn(2, 6)
    scales = network.styles(torch.stack([codes[0], codes.mean(0), codes[1]]))
    assert torch.allclose(scales[1], scales[[0, 2]].mean(0), atol=1e-5)


def test_the_code_is_that_of_the_style_not_of_its_place() -> None:
    network = small()
    styles = torch.rand(3, 3, 48, 48)
    styles[1] *= 0.2
    styles[2] = styles[0].flip(-1)
    with torch.no_grad():
        codes = network.code(styles)
    assert codes.shape == (3, 6)
    assert (codes[0] - codes[1]).norm() > 2 * (codes[0] - codes[2]).norm()


def test_the_front_of_the_encoder_is_not_learned() -> None:
    learned = {name for name, value in small().named_parameters() if value.requires_grad}
    assert not {name for name in learned if name.startswith("encoder.front")}
    assert {"encoder.straight.weight", "encoder.bent.0.weight", "styles.weight", "last.bias"} <= learned


def test_the_shipped_size_is_small() -> None:
    assert 2 * sum(p.numel() for p in Stylizer(StylizerConfig()).parameters()) < 9e6  # bytes in fp16


def test_the_configuration_survives_json_and_checks_itself() -> None:
    config = StylizerConfig(widths=(8, 8, 16), blocks=2, code=5, encoder=((4, 4), (6,)))
    assert StylizerConfig.from_json(config.to_json()) == config
    assert config.norms == (8, 16, 16, 16, 16, 16, 8, 8)
    with pytest.raises(ValueError, match="not a stylizer"):
        StylizerConfig.from_json('{"size": 64}')
    with pytest.raises(ValueError, match="widths"):
        StylizerConfig(widths=(8, 8))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="encoder"):
        StylizerConfig(encoder=((),))
    with pytest.raises(ValueError, match="enlarging"):
        StylizerConfig(enlarging="cubic")
    old = '{"widths": [8, 8, 16]}'  # as the first weights have it, which were enlarged by the nearest pixel
    assert (StylizerConfig.from_json(old).enlarging, StylizerConfig.from_json(old).style_side) == ("nearest", 256)
    with pytest.raises(ValueError, match="blocks"):
        StylizerConfig(blocks=0)
