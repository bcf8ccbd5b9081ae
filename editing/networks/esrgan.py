"""RRDBNet, plain, to learn with: the network of ESRGAN and Real-ESRGAN (Wang et al. 2018, 2021).

Residual-in-residual dense blocks at the input's size, then doublings by nearest enlargement and a convolution. The
names are those of Real-ESRGAN's own files, so spandrel reads what is made here, and :mod:`editing.networks.rrdb` runs
it.

A network with fewer blocks can begin as a larger one without some of its blocks (:func:`without_blocks`): each block
only adds to what it is given, so what is left still makes pictures, and learns the rest soon.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.networks.config import Config, limited

_SLOPE = 0.2  # of the leaky ReLU
_SHARE = 0.2  # of what a block computes in what it returns


@dataclass(frozen=True, kw_only=True)
class EsrganConfig(Config):
    """What an :class:`Esrgan` is made of."""

    network: ClassVar[str] = "esrgan"

    scale: int = limited(4, (1, 2, 4, 8))
    channels: int = limited(3, (1, 3))  # gray, RGB
    width: int = limited(64, range(1, 1025))
    growth: int = limited(32, range(1, 1025))  # channels that each convolution of a dense block adds
    blocks: int = limited(6, range(1, 65))


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees what all before it made: (N, width, H, W) to the same."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for i in range(4):
            setattr(self, f"conv{i + 1}", nn.Conv2d(width + i * growth, growth, 3, padding=1))
        self.conv5 = nn.Conv2d(width + 4 * growth, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        parts = [x]
        for i in range(1, 5):
            made = self.get_submodule(f"conv{i}")(torch.cat(parts, 1) if i > 1 else x)
            parts.append(F.leaky_relu_(made, _SLOPE))
        return torch.add(x, self.conv5(torch.cat(parts, 1)), alpha=_SHARE)


class ResidualBlock(nn.Module):
    """Three dense blocks, whose result is added to what they are given."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.rdb3(self.rdb2(self.rdb1(x))), alpha=_SHARE)


class Esrgan(nn.Module):
    """Enlarges pictures, (N, channels, H, W) in [0, 1] to (N, channels, scale H, scale W), about in [0, 1]."""

    def __init__(self, config: EsrganConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.conv_first = nn.Conv2d(config.channels, width, 3, padding=1)
        self.body = nn.Sequential(*[ResidualBlock(width, config.growth) for _ in range(config.blocks)])
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        self.doublings = config.scale.bit_length() - 1
        for i in range(self.doublings):
            setattr(self, f"conv_up{i + 1}", nn.Conv2d(width, width, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, config.channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv_first(x)
        x = first + self.conv_body(self.body(first))
        for i in range(self.doublings):
            larger = F.interpolate(x, scale_factor=2, mode="nearest")
            x = F.leaky_relu_(self.get_submodule(f"conv_up{i + 1}")(larger), _SLOPE)
        out: Tensor = self.conv_last(F.leaky_relu_(self.conv_hr(x), _SLOPE))
        return out


def config_of_state(state: Mapping[str, Tensor]) -> EsrganConfig:
    """What a state dict with Real-ESRGAN's names is made of; raises ValueError where it is no such network."""
    try:
        width, channels = state["conv_first.weight"].shape[:2]
        growth = state["body.0.rdb1.conv1.weight"].shape[0]
    except KeyError as error:
        raise ValueError(f"no RRDBNet under Real-ESRGAN's names: {error} is missing") from error
    blocks = 1 + max(int(found[1]) for name in state if (found := re.match(r"body\.(\d+)\.", name)))
    doublings = sum(bool(re.fullmatch(r"conv_up\d+\.weight", name)) for name in state)
    return EsrganConfig(scale=2**doublings, channels=channels, width=width, growth=growth, blocks=blocks)


def without_blocks(state: Mapping[str, Tensor], kept: Sequence[int]) -> dict[str, Tensor]:
    """The state dict of a network with the blocks ``kept`` alone, counted from 0, in that order."""
    rest = {name: value for name, value in state.items() if not name.startswith("body.")}
    for number, block in enumerate(kept):
        start = f"body.{block}."
        rest |= {
            f"body.{number}.{name.removeprefix(start)}": value
            for name, value in state.items()
            if name.startswith(start)
        }
    return rest
