"""Networks are stopped in the middle, and give the same numbers whether anybody watches or not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from editing import interrupt
from editing.errors import Stopped
from editing.networks.rrdb import FastRRDB


def layers(*cuts: nn.Module) -> nn.Sequential:
    return nn.Sequential(*cuts).eval().requires_grad_(False)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, padding=1),
        nn.Conv2d(4, 6, 5, padding=2, bias=False),
        nn.Conv2d(4, 8, 3, padding=1, groups=2),
        nn.Conv2d(4, 6, 1),
        nn.Conv2d(4, 6, 3, padding=1, stride=2),
        nn.Conv2d(4, 6, 3, padding=2, dilation=2),
        nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 6, 3),
    ],
    ids=str,
)
def test_strips_give_what_the_whole_gives(layer: nn.Conv2d, monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = layers(layer), torch.rand(2, 4, 29, 17, generator=torch.Generator().manual_seed(0))
    wanted = network(x)
    monkeypatch.setattr(interrupt, "LONG", 40_000)
    interrupt.interruptible(network)
    assert torch.allclose(network(x), wanted, atol=1e-6)


def test_it_is_asked_within_a_layer_and_between_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt, "EVERY", -1)
    network, x = (
        layers(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1)),
        torch.rand(1, 3, 40, 8),
    )
    interrupt.interruptible(network)
    asked: list[int] = []
    network(x)  # nobody watches
    assert not asked
    with interrupt.watched(lambda: asked.append(1)):
        network(x)
    assert len(asked) == 3
    monkeypatch.setattr(interrupt, "LONG", 40 * 8 * 81 / 9.5)
    with interrupt.watched(lambda: asked.append(1)):
        network(x)
    assert len(asked) == 3 + 3 + 2 * 10
    network(x)
    assert len(asked) == 26


def test_what_is_raised_ends_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt, "EVERY", -1)
    reached: list[int] = []

    class Last(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            reached.append(1)
            return x

    network = layers(nn.ReLU(), Last())
    interrupt.interruptible(network)

    def stop() -> None:
        raise Stopped("stop")

    with pytest.raises(Stopped), interrupt.watched(stop):
        network(torch.rand(1, 3, 4, 4))
    assert not reached
    network(torch.rand(1, 3, 4, 4))
    assert reached


def test_it_is_asked_seldom() -> None:
    network = layers(*[nn.ReLU() for _ in range(50)])
    interrupt.interruptible(network)
    asked: list[int] = []
    with interrupt.watched(lambda: asked.append(1)):
        network(torch.rand(1, 3, 4, 4))
    assert not asked  # it took no time


def test_the_fast_rrdb_is_asked_between_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from spandrel.architectures.ESRGAN import ESRGAN  # type: ignore[import-untyped]

    monkeypatch.setattr(interrupt, "EVERY", -1)
    chain = ESRGAN(num_blocks=2).eval().requires_grad_(False).model
    fast = FastRRDB(chain, torch.float32)
    interrupt.interruptible(fast)
    asked: list[int] = []
    with torch.inference_mode(), interrupt.watched(lambda: asked.append(1)):
        made = fast(torch.rand(1, 3, 70, 20))
    assert len(asked) == 1 + 2 + 2  # itself, blocks, and squares of 64 after them
    assert made.shape == (1, 3, 280, 80)
