"""RRDBNet (ESRGAN, Real-ESRGAN) laid out for CPUs: the function of spandrel's network in less time and memory.

The convolutions themselves run at the machine's speed; what costs is the work between them and waiting for memory:

- A dense block (Wang et al. 2018, https://arxiv.org/abs/1809.00219) keeps all its channels in one buffer, 32 by 32: the
  first groups of 32 are then one dense piece of memory, which a 3D convolution as deep as there are groups reads as it
  lies. Nothing is concatenated, and the activation writes straight into the next group.
- What follows the blocks has up to 16 times the pixels: it is done in squares that stay in the cache.
- Nearest enlargement and the 3x3 convolution after it are one transposed convolution, 4x4 with stride 2, which does
  not multiply the same pixel twice: 4 products instead of 9.
- The last convolution gives 2x2 pixels at once, since the CPU computes 16 channels even where 3 are wanted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_GROUP = 32  # channels that a convolution in a dense block adds
SLOPE = 0.2  # of the leaky ReLU
SHARE = 0.2  # of what a block computes in what it returns
SQUARE = 64  # pixels before enlarging; what is done at once after the blocks
_MARGIN = 2  # what the enlarging part sees around a square, for any number of doublings

Convolution = tuple[Tensor, Tensor]  # weight and bias


class InSquares(nn.Module, ABC):
    """An RRDBNet in two parts: what sees far, of the whole picture, and the enlarging, square by square.

    Takes and gives (N, channels, H, W) pictures. Those that inherit it say how both are computed.
    """

    first: Convolution
    scale: int
    outputs: int  # channels

    def __init__(self) -> None:
        super().__init__()
        self.between: Callable[[], None] = nothing  # called between the steps, for whoever wants to stop in the middle

    def forward(self, x: Tensor) -> Tensor:
        # One by one: only in a batch of one are the first groups one piece.
        return torch.cat([self._one(picture) for picture in torch.split(x, 1)])

    def _one(self, x: Tensor) -> Tensor:
        features = self._features(F.conv2d(x, *self.first, padding=1))
        height, width = x.shape[2:]
        scale = self.scale
        result = x.new_empty(1, self.outputs, scale * height, scale * width)
        for top in range(0, height, SQUARE):
            for left in range(0, width, SQUARE):
                self.between()
                rows, seen_rows, kept_rows = _stretch(top, height, scale)
                columns, seen_columns, kept_columns = _stretch(left, width, scale)
                square = self._enlarged(self._window(features, seen_rows, seen_columns))
                result[..., rows, columns] = square[..., kept_rows, kept_columns]
        return result

    @abstractmethod
    def _features(self, x: Tensor) -> Tensor:
        """``x`` (1, C, H, W) and what the residual blocks and the convolution after them make of it."""

    def _window(self, features: Tensor, rows: slice, columns: slice) -> Tensor:
        """A part of what ``_features`` gave."""
        return features[..., rows, columns]

    @abstractmethod
    def _enlarged(self, x: Tensor) -> Tensor:
        """Such a part, of h x w, to (1, outputs, scale h, scale w)."""


class FastRRDB(InSquares):
    """What ``chain``, the layers of spandrel's RRDBNet, computes: (N, inputs, H, W) to (N, outputs, scale H, scale W).

    Takes and gives ``dtype``. The weights are copies, not parameters: moving the module would undo their layout.
    Raises ValueError or AttributeError where ``chain`` is not what is expected.
    """

    def __init__(self, chain: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        layers = taken_apart(chain)
        self.first, self.hr = convolution_of(layers.first, dtype), convolution_of(layers.hr, dtype)
        self.blocks = [[[_over_groups(one, dtype) for one in dense] for dense in block] for block in layers.blocks]
        self.body = _over_groups(layers.body, dtype)
        self.up = [_doubling(layer, dtype) for layer in layers.up]
        self.scale = 2 ** len(self.up)
        self.outputs = len(parts(layers.last)[1])
        self.last = two_by_two(layers.last, dtype) if self.up else convolution_of(layers.last, dtype)

    def _features(self, x: Tensor) -> Tensor:
        channels, height, width = x.shape[1:]
        groups = channels // _GROUP
        # (1, 32, groups, H, W), 32 innermost: a stretch of groups is dense.
        shape = (1, groups + 4, height, width, _GROUP)
        here, there = (x.new_empty(shape).permute(0, 4, 1, 2, 3) for _ in range(2))
        kept, result = here[:, :, :groups], there[:, :, :groups]
        kept.copy_(x.view(1, groups, _GROUP, height, width).transpose(1, 2))
        before = kept.clone()
        for first, second, third in self.blocks:
            self.between()
            _run_dense_block(first, here, there)
            _run_dense_block(second, there, here)
            _run_dense_block(third, here, there)
            torch.add(before, result, alpha=SHARE, out=before)
            kept.copy_(before)
        return x + F.conv3d(kept, *self.body, padding=(0, 1, 1)).squeeze(2)

    def _enlarged(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        for up in self.up:
            x = F.leaky_relu_(F.conv_transpose2d(x, *up, stride=2, padding=1), SLOPE)
        x = F.leaky_relu_(F.conv2d(x, *self.hr, padding=1), SLOPE)
        if not self.up:
            return F.conv2d(x, *self.last, padding=1)
        return F.pixel_shuffle(F.conv2d(x, *self.last, stride=2, padding=1), 2)


def nothing() -> None:
    """Nobody wants to stop."""


def _stretch(start: int, size: int, scale: int) -> tuple[slice, slice, slice]:
    """Where the result of one side of a square goes, what is seen for it, and what of the result is kept."""
    stop = min(start + SQUARE, size)
    first = max(0, start - _MARGIN)
    kept = slice(scale * (start - first), scale * (stop - first))
    return slice(scale * start, scale * stop), slice(first, min(stop + _MARGIN, size)), kept


def _run_dense_block(block: list[Convolution], here: Tensor, there: Tensor) -> None:
    """Read the first groups of ``here``, whose others are worked in, and write the first groups of ``there``."""
    *growing, last = block
    groups = here.shape[2] - len(growing)
    for seen, (weight, bias) in enumerate(growing, groups):
        grown = F.conv3d(here[:, :, :seen], weight, bias, padding=(0, 1, 1))
        torch.ops.aten.leaky_relu.out(grown, SLOPE, out=here[:, :, seen : seen + 1])
    for group, (weight, bias) in enumerate(zip(*(torch.split(part, _GROUP) for part in last), strict=True)):
        change = F.conv3d(here, weight, bias, padding=(0, 1, 1))
        torch.add(here[:, :, group : group + 1], change, alpha=SHARE, out=there[:, :, group : group + 1])


def _check(layers: list[nn.Module], kinds: str) -> None:
    found = " ".join(type(layer).__name__ for layer in layers)
    slopes = {layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)}
    if found != kinds or slopes - {SLOPE}:
        raise ValueError(f"layers are {found} with slopes {slopes}, wanted {kinds} with {SLOPE}")


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The convolutions of an RRDBNet: after those of ``up`` and ``hr`` there is a leaky ReLU, as within the blocks."""

    first: nn.Module
    blocks: list[list[list[nn.Module]]]  # three dense blocks each, of five convolutions
    body: nn.Module
    up: list[nn.Module]  # each after a nearest enlargement x2
    hr: nn.Module
    last: nn.Module


def taken_apart(chain: nn.Module) -> Layers:
    """The layers of spandrel's RRDBNet; raises ValueError or AttributeError where ``chain`` is not what is expected."""
    first, shortcut, *enlarging, hr, hr_activation, last = chain.children()
    *residual, body = shortcut.get_submodule("sub").children()
    _check([first, hr, hr_activation, last, body], "Conv2d Conv2d LeakyReLU Conv2d Conv2d")
    _check(enlarging, " ".join(["Upsample Conv2d LeakyReLU"] * (len(enlarging) // 3)))
    blocks = [[_dense_block(block.get_submodule(f"RDB{i}")) for i in (1, 2, 3)] for block in residual]
    return Layers(first=first, blocks=blocks, body=body, up=enlarging[1::3], hr=hr, last=last)


def _dense_block(block: nn.Module) -> list[nn.Module]:
    names = [name for name, _ in block.named_children()]
    if names != [f"conv{number}" for number in range(1, 6)]:  # ESRGAN+ has more, a shortcut within
        raise ValueError(f"a dense block holds {names}, wanted conv1 to conv5")
    convolutions = []
    for name in names:
        layers = list(block.get_submodule(name).children())
        _check(layers, "Conv2d" if name == "conv5" else "Conv2d LeakyReLU")
        convolutions.append(layers[0])
    return convolutions


def parts(layer: nn.Module) -> Convolution:
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    return weight.detach(), bias.detach()


def convolution_of(layer: nn.Module, dtype: torch.dtype) -> Convolution:
    weight, bias = parts(layer)
    return weight.to(dtype, memory_format=torch.channels_last, copy=True), bias.to(dtype, copy=True)


def _over_groups(layer: nn.Module, dtype: torch.dtype) -> Convolution:
    """(outputs, inputs, 3, 3) to (outputs, 32, groups, 3, 3)."""
    weight, bias = parts(layer)
    weight = weight.reshape(len(weight), -1, _GROUP, 3, 3).transpose(1, 2)
    return weight.to(dtype).contiguous(memory_format=torch.channels_last_3d), bias.to(dtype, copy=True)


def _doubling(layer: nn.Module, dtype: torch.dtype) -> Convolution:
    """A 3x3 convolution of the nearest enlargement x2, as a transposed convolution 4x4 with stride 2."""
    weight, bias = parts(layer)
    # Which of the three taps falls on which of the four: an input pixel is seen as two, one after the other.
    taps = torch.tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], dtype=weight.dtype)
    spread = torch.einsum("ya,xb,oiab->ioyx", taps, taps, weight)
    return spread.to(dtype).contiguous(memory_format=torch.channels_last), bias.to(dtype, copy=True)


def two_by_two(layer: nn.Module, dtype: torch.dtype) -> Convolution:
    """A 3x3 convolution as one of 4x4 with stride 2 that gives 4 pixels as channels, in pixel shuffle's order."""
    weight, bias = parts(layer)
    wide = weight.new_zeros(weight.shape[0], 4, weight.shape[1], 4, 4)
    for place in range(4):
        y, x = divmod(place, 2)
        wide[:, place, :, y : y + 3, x : x + 3] = weight
    wide = wide.flatten(0, 1)
    return wide.to(dtype).contiguous(memory_format=torch.channels_last), bias.repeat_interleave(4).to(dtype)


def hasten(network: nn.Module, dtype: torch.dtype) -> bool:
    """Exchange the layers in spandrel's RRDBNet (float32, on the CPU) for :class:`FastRRDB`; whether that was done.

    A network that isn't known, or for which ``FastRRDB`` gives other numbers on this machine, is left as it is.
    """
    chain = getattr(network, "model", None)
    if type(network).__name__ != "RRDBNet" or not isinstance(chain, nn.Sequential):
        return False
    try:
        fast = FastRRDB(chain, dtype)
        # A ramp with noise on it: on noise alone bf16 is poor. Different sides, so that nothing is turned unseen.
        noise = torch.rand(1, fast.first[0].shape[1], 7, 9, generator=torch.Generator().manual_seed(0))
        x = 0.3 * noise + torch.linspace(0.1, 0.6, 9)
        with torch.no_grad():
            wanted, given = chain(x), fast(x.to(dtype)).float()
    except (AttributeError, ValueError, RuntimeError):
        return False
    # Real-ESRGAN's networks have a tenth of this error.
    limit = torch.finfo(dtype).eps / 4 * wanted.var()
    if given.shape != wanted.shape or not bool((given - wanted).square().mean() < limit):
        return False
    network.model = fast
    return True
