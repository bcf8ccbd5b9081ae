"""Read an ncnn pair (``.param`` and ``.bin``) of a super-resolution network as a PyTorch state dict.

Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure. The ``.param`` file is text: the magic
number, the counts of layers and blobs, then a layer a line: ``type name inputs outputs in... out... key=value...``.
The ``.bin`` file holds the weights in the order of the layers, without names or sizes, little-endian.

Two architectures are read: RRDBNet (ESRGAN, Real-ESRGAN x4plus) and SRVGGNetCompact (Real-ESR animevideo and general).
Since a ``.bin`` has no names, the graph in the ``.param`` is compared with the whole network that its weights will be
loaded into, so that a lookalike (another slope, another wiring) is refused and never gives a wrong picture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from editing import messages
from editing.errors import WeightError
from editing.weights import sealed

if TYPE_CHECKING:
    import torch

MAGIC = "7767517"
FLOAT16 = 0x01306B47
# 0 is what today's converters write; 0x0002C056 is fp32 too ("raw data"), written by older ones.
FLOAT32 = (0, 0x0002C056)
# The largest .param of RRDBNet known is 165 kB; a larger file is something else.
MAX_PARAM_BYTES = 4_000_000
GROWTH = 32  # channels that each convolution of a dense block adds; spandrel's RRDBNet knows no other number
RESIDUAL = 0.2  # scale of RRDBNet's residuals, and also the slope of its leaky ReLU

Value = float | tuple[float, ...]


@dataclass(frozen=True)
class Array:
    """One array of the ``.bin``: its name in the state dict; ``flagged`` ones start with a word giving their type."""

    name: str
    shape: tuple[int, ...]
    flagged: bool

    @property
    def count(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Network:
    """What a ``.param`` file describes. ``scale`` is that of the network itself, without any resize after it."""

    architecture: Literal["RRDBNet", "SRVGGNetCompact"]
    scale: int
    blocks: int
    features: int
    arrays: tuple[Array, ...]

    @property
    def bin_bytes(self) -> tuple[int, int]:
        """The smallest (all fp16) and the largest (all fp32) size of the ``.bin`` in bytes."""
        plain = sum(4 * array.count for array in self.arrays if not array.flagged)
        flagged = [array.count for array in self.arrays if array.flagged]
        return plain + sum(4 + _align(2 * n) for n in flagged), plain + sum(4 + 4 * n for n in flagged)


@dataclass(frozen=True)
class _Layer:
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: dict[int, Value]

    def number(self, key: int, default: float = 0) -> float:
        value = self.params.get(key, default)
        if isinstance(value, tuple):
            raise WeightError(messages.NCNN_LIST, kind=self.kind, key=key)
        return value


class _Symbols:
    """Numbers for expressions, equal for equal expressions: two graphs compute the same if their numbers are equal."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[object, ...], int] = {}

    def make(self, *expression: object) -> int:
        return self._numbers.setdefault(expression, len(self._numbers))

    def add(self, a: int, b: int) -> int:
        return self.make("add", min(a, b), max(a, b))

    def leaky(self, x: int, slope: float) -> int:
        return self.make("leaky", x, round(slope, 4))

    def times(self, x: int, factor: float) -> int:
        return x if factor == 1 else self.make("times", x, round(factor, 4))

    def nearest(self, x: int, factor: float) -> int:
        return x if factor == 1 else self.make("nearest", x, factor)

    def shuffle(self, x: int, factor: float) -> int:
        return x if factor == 1 else self.make("shuffle", x, factor)

    def concat(self, parts: list[int]) -> int:
        return parts[0] if len(parts) == 1 else self.make("concat", *parts)


def describe(param: Path) -> Network:
    """The network in a ``.param`` file, from that small file alone; WeightError when it can't be used."""
    try:
        if param.stat().st_size > MAX_PARAM_BYTES:
            raise WeightError(messages.NCNN_TOO_LARGE, bytes=MAX_PARAM_BYTES)
        layers = _parse(param.read_text(encoding="utf-8"))
        return _recognise(layers)
    except OSError as error:
        raise WeightError(messages.WEIGHT_UNREADABLE, path=param, why=error.strerror or error) from error
    except UnicodeDecodeError as error:
        raise WeightError(messages.NOT_NCNN, path=param, reason=messages.NCNN_NO_TEXT) from error
    except WeightError as error:
        raise WeightError(messages.NOT_NCNN, path=param, reason=error.message) from error


def check_size(network: Network, weights: Path) -> None:
    """WeightError when ``weights`` can't be the network's ``.bin`` by its size alone."""
    try:
        size = sealed.size_of(weights)
    except OSError as error:
        raise WeightError(messages.WEIGHT_UNREADABLE, path=weights, why=error.strerror or error) from error
    smallest, largest = network.bin_bytes
    if not smallest <= size <= largest:
        raise WeightError(
            messages.NCNN_BIN_SIZE, path=weights, size=size, architecture=network.architecture, smallest=smallest,
            largest=largest,
        )  # fmt: skip


def read(param: Path, weights: Path) -> dict[str, torch.Tensor]:
    """The pair as a state dict of fp32 tensors on the CPU, under the names that Real-ESRGAN's own checkpoints use.

    Raises WeightError when either file is damaged, the two don't belong together, or the network is another one.
    """
    import numpy as np
    import torch

    network = describe(param)
    check_size(network, weights)
    data = sealed.read_bytes(weights)
    state: dict[str, torch.Tensor] = {}
    offset = 0
    for array in network.arrays:
        kind, size = "<f4", 4 * array.count
        if array.flagged:
            flag = int.from_bytes(data[offset : offset + 4], "little")
            offset += 4
            if flag == FLOAT16:
                kind, size = "<f2", _align(2 * array.count)
            elif flag not in FLOAT32:
                raise WeightError(messages.NCNN_FLAG, path=weights, array=array.name, flag=flag)
        if offset + size > len(data):
            raise WeightError(messages.NCNN_ENDS, path=weights, array=array.name)
        values = np.frombuffer(data, kind, array.count, offset).astype(np.float32)
        if not np.isfinite(values).all():
            raise WeightError(messages.NCNN_NOT_NUMBERS, path=weights, array=array.name)
        state[array.name] = torch.from_numpy(values.reshape(array.shape))
        offset += size
    if offset != len(data):
        raise WeightError(messages.NCNN_LEFT_OVER, path=weights, bytes=len(data) - offset)
    return state


def _align(size: int) -> int:
    return (size + 3) // 4 * 4


def _parse(text: str) -> list[_Layer]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or lines[0].strip() != MAGIC:
        raise WeightError(messages.NCNN_MAGIC, magic=MAGIC)
    counts = lines[1].split() if len(lines) > 1 else []
    if len(counts) != 2 or not all(re.fullmatch("[0-9]{1,9}", count) for count in counts):
        raise WeightError(messages.NCNN_COUNTS)
    layers = [_layer(line) for line in lines[2:]]
    blobs = [blob for layer in layers for blob in layer.outputs]
    if len(layers) != int(counts[0]):
        raise WeightError(messages.NCNN_LAYERS, announced=counts[0], count=len(layers))
    if len(blobs) != int(counts[1]) or len(set(blobs)) != len(blobs):
        raise WeightError(messages.NCNN_BLOBS, announced=counts[1], count=len(set(blobs)))
    return layers


def _layer(line: str) -> _Layer:
    fields = line.split()
    try:
        inputs, outputs = int(fields[2]), int(fields[3])
        if inputs < 0 or outputs < 1:
            raise ValueError
        blobs, rest = fields[4 : 4 + inputs + outputs], fields[4 + inputs + outputs :]
        if len(blobs) != inputs + outputs:
            raise ValueError
        params = dict(_param(field) for field in rest)
    except (ValueError, IndexError):
        raise WeightError(messages.NCNN_LINE, line=line.strip()[:100]) from None
    return _Layer(fields[0], tuple(blobs[:inputs]), tuple(blobs[inputs:]), params)


def _param(field: str) -> tuple[int, Value]:
    name, _, text = field.partition("=")
    key = int(name)
    if key > -23300:
        return key, _finite(text)
    # Keys from -23300 down are lists, whose first entry is their length: -23310=1,0.2 is key 10.
    length, *values = text.split(",")
    if int(length) != len(values):
        raise ValueError
    return -key - 23300, tuple(_finite(value) for value in values)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _recognise(layers: list[_Layer]) -> Network:
    """The network of this graph; WeightError when it is neither of the two architectures, down to the last constant."""
    convolutions = [_convolution(layer) for layer in layers if layer.kind == "Convolution"]
    slopes = [int(layer.number(0)) for layer in layers if layer.kind == "PReLU"]
    if len(convolutions) < 2:
        raise WeightError(messages.NCNN_CONVOLUTIONS, count=len(convolutions))
    symbols = _Symbols()
    got = _output(layers, symbols)
    network, wanted = (_compact if slopes else _rrdb)(layers, convolutions, symbols)
    if got != wanted:
        raise WeightError(messages.NCNN_WIRING, architecture=network.architecture)
    shapes = [array.shape for array in network.arrays if array.flagged]
    if shapes != [(out, into, 3, 3) for into, out in convolutions] or any(n != network.features for n in slopes):
        raise WeightError(messages.NCNN_SIZES, architecture=network.architecture)
    return network


def _convolution(layer: _Layer) -> tuple[int, int]:
    """Channels in and out of a 3x3 convolution with padding 1 and a bias; WeightError for any other."""
    out, size = int(layer.number(0)), int(layer.number(6))
    # Keys: 1 11 kernel, 2 12 dilation, 3 13 stride, 4 14 15 16 padding, 5 bias. 11 to 16 default to 1 to 4.
    plain = {1: 3, 11: 3, 2: 1, 12: 1, 3: 1, 13: 1, 4: 1, 14: 1, 15: 1, 16: 1, 5: 1}
    given = {key: layer.number(key) for key in layer.params if key not in (0, 6, 9, 10)}
    unusual = any(value != plain.get(key, 0) for key, value in given.items())
    if unusual or not {1, 4, 5} <= given.keys() or out < 1 or size < 9 or size % (9 * out):
        raise WeightError(messages.NCNN_CONVOLUTION)
    return size // (9 * out), out


def _output(layers: list[_Layer], symbols: _Symbols) -> int:
    """The number of the expression that the graph computes, with a last reduction left out."""
    # Real-ESR animevideo's x2 and x3 files are the x4 network and then a resize to 0.5 and 0.75.
    if layers[-1].kind == "Interp" and layers[-1].number(1) < 1:
        last = layers[-1].inputs[0]
        layers = layers[:-1]
    else:
        last = layers[-1].outputs[0]
    values: dict[str, int] = {}
    order = iter(range(len(layers)))
    for layer in layers:
        missing = [blob for blob in layer.inputs if blob not in values]
        if missing:
            raise WeightError(messages.NCNN_TOO_EARLY, kind=layer.kind, blob=missing[0])
        made = _apply(layer, [values[blob] for blob in layer.inputs], symbols, order)
        values.update(dict.fromkeys(layer.outputs, made))
    if last not in values:
        raise WeightError(messages.NCNN_MADE_BY_NONE, blob=last)
    return values[last]


def _apply(layer: _Layer, x: list[int], symbols: _Symbols, order: Iterator[int]) -> int:
    """The expression of one layer over the expressions ``x``; convolutions are told apart by their ``order``."""
    number = layer.number
    match layer.kind, len(x):
        case "Input", 0:
            return symbols.make("input")
        case "Split", 1:
            return x[0]
        case "Convolution", 1:
            made = symbols.make("conv", next(order), x[0])
            activation, slope = number(9), layer.params.get(10)
            if activation == 0:
                return made
            if activation == 2 and isinstance(slope, tuple) and len(slope) == 1:
                return symbols.leaky(made, slope[0])
        case "ReLU", 1:
            return symbols.leaky(x[0], number(0))
        case "PReLU", 1:
            return symbols.make("prelu", x[0])
        case "Concat", _ if x and number(0) == 0:
            return symbols.concat(x)
        case "PixelShuffle", 1 if number(1) == 0:
            return symbols.shuffle(x[0], number(0, 1))
        case "Interp", 1 if number(0) == 1 and number(1) == number(2) and number(3) == number(4) == 0:
            return symbols.nearest(x[0], number(1))
        case "BinaryOp", 1 if number(0) == 2 and number(1) == 1:
            return symbols.times(x[0], number(2))
        case "BinaryOp", 2 if number(0) == 0 and number(1) == 0:
            return symbols.add(x[0], x[1])
        case "Eltwise", 2 if number(0) == 1:
            factors = layer.params.get(1, (1.0, 1.0))
            if isinstance(factors, tuple) and len(factors) == 2:
                return symbols.add(symbols.times(x[0], factors[0]), symbols.times(x[1], factors[1]))
    raise WeightError(messages.NCNN_LAYER, kind=layer.kind)


def _rrdb(layers: list[_Layer], convolutions: list[tuple[int, int]], symbols: _Symbols) -> tuple[Network, int]:
    """RRDBNet with this many convolutions, and the number of the expression that it computes."""
    ups = sum(1 for layer in layers if layer.kind == "Interp")
    blocks, rest = divmod(len(convolutions) - 4 - ups, 15)
    if rest or blocks < 1 or ups > 3:
        raise WeightError(messages.NCNN_RRDB, ups=ups, count=len(convolutions))
    channels, features = convolutions[0]
    arrays: list[Array] = []

    def conv(name: str, x: int, into: int, out: int) -> int:
        ordinal = len(arrays) // 2
        arrays.extend((Array(f"{name}.weight", (out, into, 3, 3), True), Array(f"{name}.bias", (out,), False)))
        return symbols.make("conv", ordinal, x)

    first = x = conv("conv_first", symbols.make("input"), channels, features)
    for block in range(blocks):
        block_input = x
        for dense in (1, 2, 3):
            parts = [x]
            for step in (1, 2, 3, 4):
                name = f"body.{block}.rdb{dense}.conv{step}"
                made = conv(name, symbols.concat(parts), features + GROWTH * (step - 1), GROWTH)
                parts.append(symbols.leaky(made, RESIDUAL))
            made = conv(f"body.{block}.rdb{dense}.conv5", symbols.concat(parts), features + GROWTH * 4, features)
            x = symbols.add(symbols.times(made, RESIDUAL), x)
        x = symbols.add(symbols.times(x, RESIDUAL), block_input)
    x = symbols.add(first, conv("conv_body", x, features, features))
    for up in range(1, ups + 1):
        x = symbols.leaky(conv(f"conv_up{up}", symbols.nearest(x, 2), features, features), RESIDUAL)
    x = symbols.leaky(conv("conv_hr", x, features, features), RESIDUAL)
    x = conv("conv_last", x, features, convolutions[-1][1])
    return Network("RRDBNet", 2**ups, blocks, features, tuple(arrays)), x


def _compact(layers: list[_Layer], convolutions: list[tuple[int, int]], symbols: _Symbols) -> tuple[Network, int]:
    """SRVGGNetCompact with this many convolutions, and the number of the expression that it computes."""
    channels, features = convolutions[0]
    last = convolutions[-1][1]
    scale = next((int(layer.number(0)) for layer in layers if layer.kind == "PixelShuffle"), 1)
    if last != channels * scale * scale:
        raise WeightError(messages.NCNN_LAST, channels=last, scale=scale)
    arrays: list[Array] = []
    picture = x = symbols.make("input")
    for i, (into, out) in enumerate(convolutions):
        x = symbols.make("conv", i, x)
        arrays.append(Array(f"body.{2 * i}.weight", (out, into, 3, 3), True))
        arrays.append(Array(f"body.{2 * i}.bias", (out,), False))
        if i < len(convolutions) - 1:
            x = symbols.make("prelu", x)
            arrays.append(Array(f"body.{2 * i + 1}.weight", (features,), False))
            if out != features:
                raise WeightError(messages.NCNN_CHANNELS, channels=out, others=features)
    x = symbols.add(symbols.shuffle(x, scale), symbols.nearest(picture, scale))
    return Network("SRVGGNetCompact", scale, len(convolutions) - 2, features, tuple(arrays)), x
