"""Networks in 8 bits: near the numbers of float32, for every size, and left alone where they would not be."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact
from spandrel.architectures.ESRGAN import ESRGAN
from torch import nn
from torch.nn import functional as F

from editing import runtime
from editing.networks import int8, rrdb
from editing.training.calibrate import calibrate

pytestmark = pytest.mark.skipif(not runtime.cpu_has_int8(), reason="a CPU that multiplies bytes")


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Smooth with some detail, as pictures are, in [0, 1]."""
    made = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 6 + 2, width // 6 + 2, generator=made)
    smooth = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return (0.9 * smooth + 0.1 * torch.rand(1, 3, height, width, generator=made)).clamp(0, 1)


def enlarger(**changes: Any) -> Any:
    torch.manual_seed(0)
    made = ESRGAN(**{"num_filters": 32, "num_blocks": 1, **changes}).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter.mul_(2)
    return made


def compact(**changes: Any) -> Any:
    torch.manual_seed(0)
    return SRVGGNetCompact(**{"num_feat": 32, "num_conv": 3, **changes}).eval().requires_grad_(False)


NETWORKS = {
    "x4": enlarger, "x2": lambda: enlarger(scale=2), "x1": lambda: enlarger(scale=1),
    "64": lambda: enlarger(num_filters=64), "shuffled": lambda: enlarger(in_nc=12, shuffle_factor=2),
    "compact": compact, "compact x2": lambda: compact(upscale=2, num_feat=64),
}  # fmt: skip


def both(kind: str) -> tuple[nn.Module, nn.Module]:
    """A network, and the same in 8 bits."""
    plain = NETWORKS[kind]()
    fast = copy.deepcopy(plain)
    assert int8.quantise(fast, calibrate(plain, [picture(48, 40, seed) for seed in range(3)]))
    return plain, fast


def nearness(given: torch.Tensor, wanted: torch.Tensor) -> float:
    """Decibels of the range of ``wanted``."""
    return float(-10 * torch.log10((given - wanted).square().mean() / (wanted.max() - wanted.min()).square()))


@pytest.mark.parametrize("kind", NETWORKS)
def test_it_gives_about_the_same_numbers(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, fast = both(kind)
    monkeypatch.setattr(rrdb, "SQUARE", 16)
    monkeypatch.setattr(int8, "_AT_ONCE", 100)
    for x in (picture(44, 36, 7), torch.cat([picture(20, 26, 8), picture(20, 26, 9)])):
        wanted, given = plain(x), fast(x)
        assert given.shape == wanted.shape
        assert nearness(given, wanted) > 36
        assert float((given - wanted).mean()) == pytest.approx(0, abs=0.01 * float(wanted.std()))
        rim = torch.cat([(given - wanted)[..., :4, :].flatten(), (given - wanted)[..., -4:].flatten()])
        assert float(rim.square().mean()) < 10 * float((given - wanted).square().mean())  # beyond the edge is 0


@pytest.mark.parametrize("kind", ["x4", "compact"])
def test_parts_join_without_a_seam(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, fast = both(kind)
    x = picture(37, 20)
    whole = fast(x)
    for module, name, less in ((rrdb, "SQUARE", 8), (int8, "_AT_ONCE", 100)):
        monkeypatch.setattr(module, name, less)
    assert torch.allclose(fast(x), whole, atol=1e-5)


def test_a_single_pixel_goes_through() -> None:
    for kind in ("x4", "compact"):
        plain, fast = both(kind)
        assert torch.allclose(fast(torch.full((1, 3, 1, 1), 0.5)), plain(torch.full((1, 3, 1, 1), 0.5)), atol=0.1)


def test_sums_over_a_kernel_are_right_and_no_weight_is_far_off() -> None:
    exact = 40 * torch.randn(8, 16, 3, 3, generator=torch.Generator().manual_seed(0))
    whole = int8.rounded(exact)
    assert torch.equal(whole, whole.round())
    assert float((whole - exact).sum((2, 3)).abs().max()) <= 0.5 + 1e-4
    assert float((whole - exact).abs().max()) <= 1
    assert float((exact.round() - exact).sum((2, 3)).abs().max()) > 1


def test_what_does_not_fit_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = enlarger()
    numbers = calibrate(plain, [picture(24, 24)])
    sloped = enlarger()
    sloped.model[1].sub[0].RDB2.conv1[1].negative_slope = 0.1
    others: list[tuple[nn.Module, torch.Tensor]] = [
        (plain, numbers[:-1]), (plain, torch.cat([numbers, numbers[-1:]])), (plain, numbers * 3), (sloped, numbers),
        (enlarger(plus=True), numbers), (compact(), numbers), (compact(act_type="relu"), torch.ones(132)),
        (nn.Sequential(nn.Conv2d(3, 3, 3)), numbers),
    ]  # fmt: skip
    for network, given in others:
        before = list(network.modules())
        assert not int8.quantise(network, given)
        assert list(network.modules()) == before

    def missing(*_: Any) -> None:
        raise AttributeError("'_OpNamespace' 'onednn' object has no attribute 'qconv_prepack'")

    monkeypatch.setattr(int8, "_packed", missing)
    assert not int8.quantise(plain, numbers)
    monkeypatch.undo()
    assert int8.quantise(plain, numbers)
