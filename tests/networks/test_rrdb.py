"""RRDBNet laid out anew: the same numbers for every size that spandrel loads, and left alone where it would not be."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from spandrel.architectures.ESRGAN import ESRGAN
from torch import nn

from editing import runtime
from editing.networks import rrdb

FAST = runtime.choose_backend() == runtime.Backend("cpu", "bf16")  # elsewhere the plain network runs


def network(**changes: Any) -> Any:
    """A small RRDBNet whose layers all matter: PyTorch's own start leaves little of the input."""
    torch.manual_seed(0)
    made = ESRGAN(**{"num_filters": 32, "num_blocks": 1, **changes}).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter.mul_(2)
    return made


def with_slope(slope: float) -> Any:
    made = network()
    made.model[1].sub[0].RDB2.conv1[1].negative_slope = slope
    return made


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of the range of ``b``."""
    return float(-10 * torch.log10((a.float() - b).square().mean() / (b.max() - b.min()).square()))


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": 1},
        {"scale": 2},
        {"scale": 4},
        {"scale": 8},
        {"num_filters": 64, "num_blocks": 2},
        {"scale": 4, "in_nc": 12, "shuffle_factor": 2},  # x2plus
        {"scale": 4, "in_nc": 48, "shuffle_factor": 4},
        {"in_nc": 1, "out_nc": 1},
    ],
)
def test_it_gives_the_same_numbers(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rrdb, "SQUARE", 8)
    plain = network(**changes)
    fast = copy.deepcopy(plain)
    assert rrdb.hasten(fast, torch.float32)
    channels = plain.model[0].in_channels // (changes.get("shuffle_factor", 1) ** 2)
    for size in ((12, 20), (8, 4)):  # several squares and less than one
        x = torch.rand(1, channels, *size)
        wanted = plain(x)
        assert torch.allclose(fast(x), wanted, atol=1e-5 * float(wanted.abs().max())), size


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (13, 5)])
def test_odd_sizes_and_batches(size: tuple[int, int]) -> None:
    plain = network()
    fast = copy.deepcopy(plain)
    rrdb.hasten(fast, torch.float32)
    x = torch.rand(3, 3, *size)
    assert torch.allclose(fast(x), plain(x), atol=1e-4)


@pytest.mark.skipif(not FAST, reason="a machine that multiplies bf16")
def test_bf16_is_as_good_as_the_plain_network_s() -> None:
    plain = network(num_filters=64, num_blocks=3)
    x = torch.rand(1, 3, 32, 40)
    wanted = plain(x)
    fast = copy.deepcopy(plain)
    assert rrdb.hasten(fast, torch.bfloat16)
    given = psnr(fast(x.bfloat16()), wanted)
    assert given > psnr(plain.bfloat16()(x.bfloat16()), wanted) - 1
    assert given > 40


def test_squares_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = network()
    rrdb.hasten(fast, torch.float32)
    x = torch.rand(1, 3, 20, 17)
    whole = fast(x)
    monkeypatch.setattr(rrdb, "SQUARE", 8)
    assert torch.allclose(fast(x), whole, atol=1e-5)
    monkeypatch.setattr(rrdb, "_MARGIN", 1)  # what is too little must show
    assert not torch.allclose(fast(x), whole, atol=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        network(plus=True),
        network(upsampler="pixel_shuffle"),
        network(norm="batch"),
        network(act="relu"),
        with_slope(0.1),
        network(num_filters=48),
        nn.Sequential(nn.Conv2d(3, 3, 3)),
    ],
)
def test_what_is_not_known_is_left_alone(other: nn.Module) -> None:
    before = list(other.modules())
    assert not rrdb.hasten(other, torch.float32)
    assert list(other.modules()) == before


def test_other_numbers_on_this_machine_mean_the_plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.nn.functional.conv3d

    def wrong(*given: Any, **named: Any) -> torch.Tensor:
        return real(*given, **named) * 1.05

    def missing(*_: Any, **__: Any) -> torch.Tensor:
        raise RuntimeError("could not create a primitive")

    for conv3d in (wrong, missing):
        plain = network()
        x = torch.rand(1, 3, 6, 5)
        wanted = plain(x)
        with monkeypatch.context() as patch:
            patch.setattr(torch.nn.functional, "conv3d", conv3d)
            for dtype in (torch.float32, torch.bfloat16):
                assert not rrdb.hasten(plain, dtype)
        assert torch.equal(plain(x), wanted)
    assert rrdb.hasten(plain, torch.bfloat16)
