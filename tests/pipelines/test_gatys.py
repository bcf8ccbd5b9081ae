"""Style and content losses, and the picture that is optimised towards both."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from torch.nn import functional as F

from editing.networks.stylizer import Vgg
from editing.pipelines import gatys
from editing.pipelines.gatys import style_loss, style_of
from editing.training import convert_vgg


@pytest.fixture
def vgg() -> Vgg:
    torch.manual_seed(0)
    return Vgg(((8,), (8,), (12,), (12,)))


def test_the_style_is_means_and_covariances() -> None:
    x = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0)) + 1
    style = style_of([x])
    assert torch.allclose(style.means[0], x.mean((2, 3)), atol=1e-6)
    assert torch.allclose(style.covariances[0][1], torch.cov(x[1].flatten(1), correction=0), atol=1e-5)


def test_a_style_is_at_home_anywhere_in_the_picture(vgg: Vgg) -> None:
    x = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    own = style_of(vgg(x))
    assert float(style_loss(own, own)) == 0
    moved, other = style_of(vgg(x.roll((7, 5), (2, 3)))), style_of(vgg(x * 0.3))
    assert float(style_loss(moved, own)) < 0.05 * float(style_loss(other, own))


def test_losses_are_each_pictures_own(vgg: Vgg) -> None:
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    x[1] *= 0.5
    maps, target = vgg(x), vgg(x.flip(0))
    styles = style_of(maps)
    one = [style_of([m[i, None] for m in maps]) for i in range(3)]
    assert torch.allclose(gatys.stacked(one).covariances[2], styles.covariances[2], atol=1e-6)
    lost = style_loss(styles, style_of(target))
    assert lost.shape == (3,)
    assert float(lost[1]) == 0 < float(lost[0])
    content = gatys.content_loss(maps[gatys.CONTENT], target[gatys.CONTENT])
    assert content.shape == (3,)
    assert float(content[1]) == 0 < float(content[0])


def test_total_variation_is_of_neighbours() -> None:
    stripes = torch.zeros(1, 3, 8, 8)
    stripes[..., ::2] = 1
    assert gatys.total_variation(torch.cat([stripes, torch.ones(1, 3, 8, 8)])).tolist() == [1, 0]


def test_painting_nears_the_style_and_keeps_the_content(vgg: Vgg) -> None:
    random = torch.Generator().manual_seed(0)
    content = F.interpolate(torch.rand(1, 3, 4, 4, generator=random), (32, 40), mode="bilinear")
    wanted = style_of(vgg(torch.rand(1, 3, 24, 24, generator=random)))

    def painted(steps: int, **changes: float) -> list[torch.Tensor]:
        return list(gatys.painting(content, content, wanted, vgg, steps=steps, variation=0.1, **changes))

    shown = painted(30)
    assert len(shown) == 30
    assert all(x.shape == content.shape and x.min() >= 0 and x.max() <= 1 for x in shown)
    assert not torch.equal(shown[0], shown[-1])  # each is of its own memory
    lost = [float(style_loss(style_of(vgg(x)), wanted)) for x in (content, shown[-1])]
    assert lost[1] < 0.3 * lost[0]
    strict = painted(30, weight=0.1)[-1]
    assert (strict - content).abs().mean() < (shown[-1] - content).abs().mean()
    assert len(list(islice(gatys.painting(content, content, wanted, vgg, steps=20), 2))) == 2


def test_painting_takes_tensors_laid_out_in_any_way(vgg: Vgg) -> None:
    content = torch.rand(1, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():  # as pipelines call it
        assert len(list(gatys.painting(content, content, style_of(vgg(content)), vgg, steps=2))) == 2


def test_tiles_give_the_slopes_of_the_whole(vgg: Vgg) -> None:
    random = torch.Generator().manual_seed(1)
    pixels, content = (torch.rand(1, 3, 152, 120, generator=random) for _ in range(2))
    wanted = style_of(vgg(torch.rand(1, 3, 40, 40, generator=random)))
    there = gatys._content_maps(content, vgg, 1000)
    assert torch.allclose(gatys._content_maps(content, vgg, 24), there, atol=1e-6)
    whole, tiled = (gatys.slopes(pixels, there, wanted, vgg, tile=tile) for tile in (1000, 24))
    assert float((tiled - whole).abs().max()) < 1e-3 * float(whole.abs().max())
    joined = gatys.style_in_tiles(pixels, wanted, vgg, 24)
    assert float(style_loss(joined, style_of(vgg(pixels)))) < 1e-6
    pixels = pixels * 0.5  # other slopes: the test could fail
    assert float((gatys.slopes(pixels, there, wanted, vgg) - whole).abs().max()) > 0.05 * float(whole.abs().max())


def test_what_a_step_looks_at_is_bounded_by_tiles(vgg: Vgg) -> None:
    assert gatys.reach(vgg) == 24
    assert gatys.effort(64, 64, vgg, tile=64) == (64 * 64, 64 * 64)
    looked, largest = gatys.effort(640, 320, vgg, tile=64)
    assert largest <= (64 + 2 * 24) ** 2
    assert looked > 1.5 * 640 * 320


def test_a_front_and_its_styles_are_read_from_a_file(vgg: Vgg) -> None:
    style = style_of(vgg(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))))
    state = dict(vgg.state_dict())
    for stage, (mean, covariance) in enumerate(zip(style.means, style.covariances, strict=True)):
        state[f"styles.waves.mean.{stage}"] = mean[0]
        state[f"styles.waves.columns.{stage}"] = convert_vgg.columns_of(covariance[0]).half()
    picture = torch.rand(1, 3, 16, 16)
    assert torch.equal(gatys.front(state)(picture)[-1], vgg(picture)[-1])
    found = gatys.styles_in(state)
    assert list(found) == ["waves"]
    assert float(style_loss(found["waves"], style)) < 1e-3
    assert state["styles.waves.columns.3"].shape[1] < 12  # fewer numbers than a covariance has


def test_torchvisions_network_is_read() -> None:
    models = pytest.importorskip("torchvision.models.vgg")
    torch.manual_seed(0)
    theirs = models.make_layers(models.cfgs["E"][:12]).eval()  # past the ReLU of conv4_1
    state = {f"features.{name}": value for name, value in theirs.state_dict().items()}
    picture = torch.rand(1, 3, 32, 32)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = theirs((picture - mean[:, None, None]) / deviation[:, None, None])
        found = gatys.vgg19(state)(picture)[-1]
    assert torch.allclose(found, expected, atol=1e-5)
    assert float(expected.max()) > 0
    with pytest.raises(KeyError):
        gatys.vgg19({"features.0.weight": torch.zeros(64, 3, 3, 3)})
