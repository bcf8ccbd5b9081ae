"""Fine's sizes and steps, and the file that ships: what it holds, and that it paints nearer to a gallery's painting."""

from __future__ import annotations

import pytest
import torch

from editing.networks.stylizer import Vgg
from editing.pipelines import fine, gatys, stylize
from editing.pipelines.fine import LoadedVgg
from editing.runtime import Backend


def test_sizes_go_from_coarse_to_fine() -> None:
    assert fine.sizes(768, 1024) == [(192, 256), (384, 512), (768, 1024)]
    assert fine.sizes(512, 512) == [(256, 256), (512, 512)]
    assert fine.sizes(64, 768) == [(64, 768)]  # no narrower than that
    for height, width in [*fine.sizes(1000, 1992), *fine.sizes(136, 1000)]:
        assert height % fine.MULTIPLE == width % fine.MULTIPLE == 0


@pytest.mark.parametrize(("steps", "count"), [(120, 3), (10, 2), (1, 3), (2, 1)])
def test_all_steps_are_shared_out(steps: int, count: int) -> None:
    found = fine.shares(steps, count)
    assert sum(found) == steps
    assert len(found) == count
    assert found[-1] >= 1


def test_it_paints_from_size_to_size() -> None:
    torch.manual_seed(0)
    network = Vgg(((4,), (6,), (8,)))
    vgg = LoadedVgg(name="x", sha256="x", backend=Backend("cpu", "fp32"), network=network, paintings={})
    content = torch.rand(1, 3, 200, 400)
    wanted = vgg.look_at(torch.rand(1, 3, 32, 32) * 0.3)
    shown = list(fine.paint(torch.rand(1, 3, 96, 200), content, wanted, vgg, 6))
    assert [tuple(x.shape[2:]) for x in shown] == [(96, 200)] * 3 + [(200, 400)] * 3
    lost = [float(gatys.style_loss(vgg.look_at(x), wanted)) for x in (content, shown[2])]
    assert lost[1] < lost[0]


def test_what_ships_knows_every_painting_of_the_gallery() -> None:
    vgg = fine.load("vgg16-front")
    assert set(vgg.paintings) == {style.name for style in stylize.styles("stylizer")}
    assert [stage[-1] for stage in vgg.network.widths] == [64, 128, 256, 512]
    night = vgg.paintings["starry-night"]
    assert all(bool(torch.isfinite(part).all()) for part in (*night.means, *night.covariances))
    assert float(gatys.style_loss(night, vgg.paintings["scream"])) > 0.1


def test_in_bf16_it_comes_as_near_to_the_painting() -> None:
    torch.manual_seed(0)
    exact = fine.load("vgg16-front", "fp32")
    content = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12), size=64, mode="bicubic").clamp(0, 1)
    wanted = exact.paintings["scream"]
    left = {}
    for precision in ("fp32", "bf16"):
        *_, painted = fine.paint(content, content, wanted, fine.load("vgg16-front", precision), 15)
        left[precision] = float(gatys.style_loss(exact.look_at(painted), wanted))
    before = float(gatys.style_loss(exact.look_at(content), wanted))
    assert left["fp32"] < before / 4
    assert left["bf16"] < left["fp32"] * 1.2
