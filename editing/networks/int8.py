"""Real-ESRGAN's networks with convolutions in 8 bits, for CPUs that multiply bytes (VNNI): a third of fp32's time.

What goes from layer to layer is bytes about a zero. Each channel has a scale, which the weights of the next convolution
absorb, so that it sees numbers of one scale; weights have 8 bits and a scale for each output. What blocks add up stays
in float32, as do the first layers, and the last ones, whose errors are seen as they are (post-training quantisation
after Jacob et al. 2018, https://arxiv.org/abs/1712.05877). ``training/calibrate.py`` finds zeros and scales.

oneDNN's convolutions are called through operators that PyTorch keeps for its own compiler: where they are missing, or
give other numbers on this machine, :func:`quantise` leaves the network as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.networks.rrdb import (
    SHARE,
    SLOPE,
    InSquares,
    convolution_of,
    nothing,
    parts,
    taken_apart,
    two_by_two,
)

GROUP = 32  # channels that a convolution in a dense block adds
_MAGIC = 3.0 * 2**22  # a float32 of this size has the whole number that was added to it in its lowest bits
_AT_ONCE = 8192  # pixels of a strip of a compact network: its float32 numbers stay in the cache
LEAST = 33.0  # dB between both networks on a small picture; less means that this machine computes something else


@dataclass(frozen=True, kw_only=True)
class _Convolution:
    """Weights as oneDNN wants them, the scale of each output and its bias."""

    weight: Tensor
    scales: Tensor
    zeros: Tensor
    bias: Tensor
    zero: int  # the byte that means 0 in what it is given
    padding: tuple[int, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Bytes to float32, (1, inputs, [groups,] H, W) to (1, outputs, [1,] H, W), channels innermost."""
        ones = [1] * len(self.padding)
        made: Tensor = torch.ops.onednn.qconv_pointwise(
            x, 1.0, self.zero, self.weight, self.scales, self.zeros, self.bias, ones, list(self.padding), ones, 1,
            1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return made


def _packed(
    layer: tuple[Tensor, Tensor], inputs: Tensor, outputs: Tensor, zero: int, padding: tuple[int, ...]
) -> _Convolution:
    """A convolution of bytes with the scales ``inputs`` (one a channel), whose results are in units of ``outputs``."""
    weight, bias = layer
    weight = weight * inputs.reshape(1, -1, 1, 1) / outputs.reshape(-1, 1, 1, 1)
    scales = (weight.flatten(1).abs().amax(1) / 127).clamp_min(1e-12)
    whole = rounded(weight / scales.reshape(-1, 1, 1, 1)).clamp(-127, 127).to(torch.int8)
    if len(padding) == 3:  # over groups: (outputs, 32, groups, 3, 3)
        whole = whole.reshape(len(whole), -1, GROUP, 3, 3).transpose(1, 2).contiguous()
    ones = [1] * len(padding)
    return _Convolution(
        weight=torch.ops.onednn.qconv_prepack(whole, scales, 1.0, zero, ones, list(padding), ones, 1, None),
        scales=scales, zeros=torch.zeros(len(whole), dtype=torch.int64), bias=bias / outputs, zero=zero,
        padding=padding,
    )  # fmt: skip


def rounded(weight: Tensor) -> Tensor:
    """Whole numbers near ``weight`` (outputs, inputs, h, w), whose sum over each kernel is right, too.

    Neighbouring pixels are much alike, so that of the errors within a kernel it is their sum that shows (after SQuant,
    Guo et al. 2022, https://arxiv.org/abs/2202.07471): 3 dB between the networks.
    """
    exact = weight.flatten(2)
    whole = exact.round()
    for _ in range(3):  # nine errors of at most a half each rarely ask for more
        error = whole - exact
        step = error.sum(-1, keepdim=True).round().sign()
        whole = whole.scatter_add(-1, (error * step).argmax(-1, keepdim=True), -step)
    return whole.reshape(weight.shape)


def _to_bytes(x: Tensor, zero: int, out: Tensor) -> Tensor:
    """Float32 in units of its scale, which is overwritten, to bytes about ``zero``, into ``out`` of the same shape."""
    # PyTorch is five times slower at float32 to bytes, and has no rounding in it.
    return out.copy_(x.clamp_(-zero, 255 - zero).add_(_MAGIC + zero).view(torch.int32))


class _Scales:
    """The numbers of a calibration, taken one layer after the other."""

    def __init__(self, numbers: Tensor) -> None:
        self.left = numbers.float()

    def zero(self) -> int:
        return int(self.take(1))

    def take(self, count: int) -> Tensor:
        if len(self.left) < count:
            raise ValueError("fewer scales than channels")
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def end(self) -> None:
        if len(self.left):
            raise ValueError("more scales than channels")


class Int8RRDB(InSquares):
    """About what ``chain``, the layers of spandrel's RRDBNet, computes: (N, inputs, H, W) to (N, outputs, sH, sW).

    Takes and gives float32. ``numbers`` has for each dense block a zero, the scales of what it is given and of what its
    first four convolutions make; for what the last convolution of the body and each doubling are given, a zero and the
    scales. Raises ValueError, AttributeError or RuntimeError where they don't fit.
    """

    def __init__(self, chain: nn.Module, numbers: Tensor) -> None:
        super().__init__()
        scales = _Scales(numbers)
        layers = taken_apart(chain)
        self.first = parts(layers.first)
        width = len(self.first[1])
        self.blocks = [[_dense_block(dense, width, scales) for dense in block] for block in layers.blocks]
        one = torch.ones(1)
        zero, given = scales.zero(), scales.take(width)
        self.body = 1 / given, _packed(parts(layers.body), given, one, zero, (0, 1, 1))
        inputs = [(scales.zero(), scales.take(width)) for _ in layers.up]
        scales.end()
        self.features = 1 / inputs[0][1] if inputs else one
        self.up = [
            _packed(_doubling(layer), given, made.repeat(4), zero, (1, 1))
            for layer, (zero, given), (_, made) in zip(
                layers.up, inputs, [*inputs[1:], (0, torch.ones(width))], strict=False
            )
        ]
        self.scale = 2 ** len(self.up)
        self.hr = convolution_of(layers.hr, torch.float32)
        self.last = (two_by_two if self.up else convolution_of)(layers.last, torch.float32)
        self.outputs = len(parts(layers.last)[1])

    def _features(self, x: Tensor) -> Tensor:
        """As (H, W, C)."""
        x = x.permute(0, 2, 3, 1).contiguous()[0]
        height, width, channels = x.shape
        groups = channels // GROUP
        # (1, 32, groups, H, W), 32 innermost: a stretch of groups is dense, and a 3D convolution reads it as it lies.
        there = torch.empty((1, groups + 4, height, width, GROUP), dtype=torch.uint8).permute(0, 4, 1, 2, 3)
        state = x
        for block in self.blocks:
            before = state
            for shrunk, (*growing, last) in block:
                self.between()
                _fill(there, state * shrunk, last.zero)
                for seen, convolution in enumerate(growing, groups):
                    grown = F.leaky_relu_(convolution(there[:, :, :seen]), SLOPE)
                    _to_bytes(grown, last.zero, there[:, :, seen : seen + 1])
                state = _pixels(last(there)).add_(state)
            state = torch.add(before, state, alpha=SHARE)
        shrunk, convolution = self.body
        _fill(there, state * shrunk, convolution.zero)
        return _pixels(convolution(there[:, :, :groups])).add_(x)

    def _window(self, features: Tensor, rows: slice, columns: slice) -> Tensor:
        return features[rows, columns]

    def _enlarged(self, x: Tensor) -> Tensor:
        for number, up in enumerate(self.up):
            seen = _bytes(x * self.features if number == 0 else x, up.zero)
            wide = _pixels(F.leaky_relu_(up(_picture(seen)), SLOPE))
            height, width = wide.shape[:2]
            pixels = wide.view(height, width, 2, 2, -1).transpose(1, 2).reshape(2 * height, 2 * width, -1)
            x = pixels[1:-1, 1:-1].contiguous()
        detail = F.leaky_relu_(F.conv2d(_picture(x), *self.hr, padding=1), SLOPE)
        if not self.up:
            return F.conv2d(detail, *self.last, padding=1)
        return F.pixel_shuffle(F.conv2d(detail, *self.last, stride=2, padding=1), 2)


def _dense_block(layers: list[nn.Module], width: int, scales: _Scales) -> tuple[Tensor, list[_Convolution]]:
    """What to multiply its input by, and its five convolutions, of which the last gives its share."""
    zero, given = scales.zero(), scales.take(width)
    convolutions, inputs = [], given
    for number, layer in enumerate(layers, 1):
        made = scales.take(GROUP) if number < len(layers) else torch.full((1,), 1 / SHARE)
        convolutions.append(_packed(parts(layer), inputs, made, zero, (0, 1, 1)))
        inputs = torch.cat([inputs, made])
    return 1 / given, convolutions


def _doubling(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """A 3x3 convolution of the nearest enlargement x2 as one of 2x2, for the four pixels that lie between four others.

    With a padding of 1 these are one row and one column more than wanted, at each side half a pixel: to be cut off.
    """
    weight, bias = parts(layer)
    taps = torch.tensor([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], dtype=weight.dtype)  # (made, seen, tap)
    wide = torch.einsum("pya,qxb,oiab->pqoiyx", taps, taps, weight)
    return wide.flatten(0, 2), bias.repeat(4)


def _fill(there: Tensor, x: Tensor, zero: int) -> None:
    """Write the first groups from (H, W, C) float32, which is overwritten."""
    groups = x.shape[2] // GROUP
    _to_bytes(x.view(*x.shape[:2], groups, GROUP), zero, there[0, :, :groups].permute(2, 3, 1, 0))


def _bytes(x: Tensor, zero: int) -> Tensor:
    return _to_bytes(x, zero, torch.empty_like(x, dtype=torch.uint8))


def _pixels(x: Tensor) -> Tensor:
    """(1, C, [1,] H, W), channels innermost, to (H, W, C): the same memory."""
    return x.reshape(*x.shape[:2], *x.shape[-2:]).permute(0, 2, 3, 1)[0]


def _picture(x: Tensor) -> Tensor:
    """(H, W, C) to (1, C, H, W): the same memory."""
    return x[None].permute(0, 3, 1, 2)


class Int8Chain(nn.Module):
    """About what ``body``, the layers of spandrel's SRVGGNetCompact, computes: (N, inputs, H, W) to (N, outputs, H, W).

    Takes and gives float32. ``numbers`` has, for what each convolution but the first is given, a zero and the scales.
    It is made in strips of rows. Raises ValueError, AttributeError or RuntimeError where they don't fit.
    """

    def __init__(self, body: nn.ModuleList, numbers: Tensor) -> None:
        super().__init__()
        scales = _Scales(numbers)
        layers = [parts(layer) for layer in body[::2]]
        self.slopes = [layer.get_parameter("weight").detach().float() for layer in body[1::2]]
        if any(type(layer) is not nn.PReLU for layer in body[1::2]):
            raise ValueError("other activations than PReLU")
        width = len(layers[0][1])
        self.between: Callable[[], None] = nothing
        self.zeros, self.convolutions = [scales.zero()], list[_Convolution]()
        given = scales.take(width)
        self.first = layers[0][0] / given.reshape(-1, 1, 1, 1), layers[0][1] / given
        for layer in layers[1:-1]:
            following, made = scales.zero(), scales.take(width)
            self.convolutions.append(_packed(layer, given, made, self.zeros[-1], (0, 1)))
            self.zeros.append(following)
            given = made
        self.last = _packed(layers[-1], given, torch.ones(1), self.zeros[-1], (0, 1))
        scales.end()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self._one(picture) for picture in torch.split(x, 1)])

    def _one(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        # A row more above and below, which mean 0: so that every strip is made alike.
        seen = _picture(F.pad(x, (0, 0, 1, 1))[0].permute(1, 2, 0).contiguous())

        def first(strip: Tensor) -> Tensor:
            return F.conv2d(strip, *self.first, padding=(0, 1))

        layers: list[Callable[[Tensor], Tensor]] = [first, *self.convolutions]
        for convolution, slope, zero in zip(layers, self.slopes, self.zeros, strict=True):
            made = torch.empty((height + 2, width, len(slope)), dtype=torch.uint8)
            made[0] = made[-1] = zero
            for start, stop in self._strips(height, width):
                grown = F.prelu(convolution(seen[:, :, start : stop + 2]), slope)
                _to_bytes(_pixels(grown), zero, made[start + 1 : stop + 1])
            seen = _picture(made)
        result = x.new_empty((height, width, len(self.last.bias)))
        for start, stop in self._strips(height, width):
            result[start:stop] = _pixels(self.last(seen[:, :, start : stop + 2]))
        return _picture(result)

    def _strips(self, height: int, width: int) -> list[tuple[int, int]]:
        self.between()
        rows = max(1, _AT_ONCE // width)
        return [(start, min(start + rows, height)) for start in range(0, height, rows)]


def quantise(network: nn.Module, numbers: Tensor) -> bool:
    """Exchange the layers in spandrel's RRDBNet or SRVGGNetCompact (float32, on the CPU); whether that was done.

    A network that isn't known, whose calibration ``numbers`` don't fit, or that would give other numbers on this
    machine, is left as it is.
    """
    kind = type(network).__name__
    try:
        if kind == "RRDBNet":
            plain = network.get_submodule("model")
            fast: nn.Module = Int8RRDB(plain, numbers)
        elif kind == "SRVGGNetCompact":
            layers = network.get_submodule("body")
            assert isinstance(layers, nn.ModuleList)
            plain, fast = nn.Sequential(*layers), Int8Chain(layers, numbers)
        else:
            return False
        # As smooth as pictures are. Different sides, so that nothing is turned unseen.
        noise = torch.rand(1, next(plain.parameters()).shape[1], 24, 20, generator=torch.Generator().manual_seed(0))
        x = 0.05 * noise + torch.linspace(0.1, 0.8, 20) * torch.linspace(1, 0.5, 24)[:, None]
        with torch.inference_mode():
            error = (fast(x) - plain(x)).square().mean()
    except (AttributeError, ValueError, RuntimeError):
        return False
    if not float(error) < 10 ** (-LEAST / 10):
        return False
    if kind == "RRDBNet":
        network.model = fast
    else:
        network.body = nn.ModuleList([fast])
    return True
