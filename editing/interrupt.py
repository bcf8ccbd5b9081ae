"""Stopping a network in the middle of a picture: between its layers, and within those that take long.

A tile of a slow network takes many seconds, and smaller tiles would see their surroundings too often. So a network that
was made :func:`interruptible` asks while it runs whether anybody wants it to stop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EVERY = 0.2  # seconds between two questions
LONG = 2e10  # multiplications of one convolution, half a second on two cores: more are done in strips

_here = threading.local()  # .ask: who is asked on this thread; .asked: when it was last


@contextmanager
def watched(ask: Callable[[], None]) -> Iterator[None]:
    """In this block, networks on this thread call ``ask`` up to five times a second; what it raises ends them."""
    before = getattr(_here, "ask", None)
    _here.ask, _here.asked = ask, time.monotonic()
    try:
        yield
    finally:
        _here.ask = before


def pause(*_: Any) -> None:
    """What a network calls between its layers."""
    ask = getattr(_here, "ask", None)
    if ask is not None and time.monotonic() - _here.asked > EVERY:
        ask()
        _here.asked = time.monotonic()


def interruptible(network: nn.Module) -> None:
    """Let a network be stopped within a call: for inference on a CPU. Its results are the same."""
    for module in network.modules():
        if hasattr(module, "between"):  # a network of many steps in one module
            module.between = pause  # type: ignore[assignment]
        if type(module) is nn.Conv2d and _can_be_cut(module):
            module.forward = _Cut(module)  # type: ignore[method-assign, assignment]
        if next(module.children(), None) is None:
            module.register_forward_pre_hook(pause)


def _can_be_cut(layer: nn.Conv2d) -> bool:
    plain = layer.stride == (1, 1) and layer.dilation == (1, 1) and layer.padding_mode == "zeros"
    return plain and layer.padding == tuple((side - 1) / 2 for side in layer.kernel_size)


class _Cut:
    """A convolution whose result is made in strips of rows where it is large."""

    def __init__(self, layer: nn.Conv2d) -> None:
        self.layer = layer

    def __call__(self, x: Tensor) -> Tensor:
        layer = self.layer
        count, height, width = x.shape[0], *x.shape[-2:]
        strips = min(height, int(count * height * width * layer.weight.numel() / LONG) + 1)
        if strips == 1 or x.dim() != 4:
            return F.conv2d(x, layer.weight, layer.bias, padding=layer.padding, groups=layer.groups)
        reach = int(layer.padding[0])
        out = torch.empty(
            (count, layer.out_channels, height, width), dtype=x.dtype, device=x.device,
            memory_format=torch.channels_last,
        )  # fmt: skip
        for strip in range(strips):
            pause()
            first, last = (height * edge // strips for edge in (strip, strip + 1))
            top, bottom = max(0, first - reach), min(height, last + reach)
            part = F.conv2d(x[:, :, top:bottom], layer.weight, layer.bias, padding=layer.padding, groups=layer.groups)
            out[:, :, first:last] = part[:, :, first - top : last - top]
        return out
