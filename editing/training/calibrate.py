"""Find the scales of Upscale's networks in 8 bits (:mod:`editing.networks.int8`), for ``weights/int8.safetensors``:

    python -m editing.training.calibrate --data photos-free --out weights/int8.safetensors photo anime anime-fast

The networks of the names given see crops of photographs: as they are, reduced, and through JPEG. What a convolution is
given has a scale for each channel: part of the way (``EVEN``) to making all channels of 32 equally strong, since what
weak channels win the weights of strong ones lose, times the scale of the 32 that errs least, weighed by the weights
that read it. Under each weight's sha256 stand the zeros and scales in the order in which the networks take them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from editing.errors import TrainingError
from editing.networks.int8 import GROUP
from editing.networks.rrdb import SHARE, taken_apart
from editing.pictures.picture import to_float
from editing.training.data import find_pictures
from editing.training.degradations import jpeg, to_bytes
from editing.training.photos import random_crop, read_photo
from editing.weights.files import digest
from editing.weights.find import find_weight
from editing.weights.load import load_network

POWER = 3.0  # of the errors: with 2 what is rare is cut off, and pictures that have it suffer
EVEN = 0.5  # power of a channel's strength that its scale follows; 0 and 1 are 1 to 5 dB worse
_ZEROS = (128, 112, 96, 80, 64, 48, 32, 16, 0)
_CUT = np.geomspace(0.2, 1.2, 28)  # share of the range that is kept
_BINS, _LEAST, _MOST = 1000, -4.0, 3.0  # of magnitudes, by their decimal logarithm
_MAGNITUDES = 10 ** (_LEAST + (np.arange(_BINS) + 0.5) * (_MOST - _LEAST) / _BINS)
_VALUES = np.concatenate([-_MAGNITUDES, _MAGNITUDES])


@dataclass(frozen=True, kw_only=True)
class Given:
    """What is given to ``widest``, of which the ``readers`` (each with its weight) see the first channels."""

    widest: nn.Module
    readers: list[tuple[nn.Module, float]]


def givens(network: nn.Module) -> list[Given]:
    """All that is in 8 bits in spandrel's RRDBNet or SRVGGNetCompact; ValueError or AttributeError for others."""
    if type(network).__name__ == "SRVGGNetCompact":
        body = network.get_submodule("body")
        assert isinstance(body, nn.ModuleList)
        return [Given(widest=layer, readers=[(layer, 1.0)]) for layer in body[2::2]]
    layers = taken_apart(network.get_submodule("model"))
    dense = [
        Given(widest=block[-1], readers=[(layer, 1.0 if layer is not block[-1] else SHARE) for layer in block])
        for blocks in layers.blocks
        for block in blocks
    ]
    return dense + [Given(widest=layer, readers=[(layer, 1.0)]) for layer in (layers.body, *layers.up)]


def calibrate(network: nn.Module, pictures: Sequence[Tensor]) -> Tensor:
    """The zeros and scales for ``network``, float32, from pictures (1, C, H, W) in [0, 1]."""
    seen = givens(network)
    return torch.cat(
        [_numbers(one, counts) for one, counts in zip(seen, histograms(network, seen, pictures), strict=True)]
    )


def _numbers(given: Given, counts: NDArray[np.int32]) -> Tensor:
    """The zero, and the scale of each channel, by the histogram of each (C, values)."""
    by, grouped = _evened(counts)
    weighs = [_weighs(given, torch.from_numpy(by), group) for group in range(len(grouped))]
    _, zero, scales = min(_with_zero(grouped, weighs, zero) for zero in _ZEROS)
    return torch.from_numpy(np.concatenate([[zero], by * np.repeat(scales, GROUP)])).float()


def _evened(counts: NDArray[np.int32]) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """What each channel is divided by before the scale of its 32, and the histograms of these with that done."""
    strength = np.sqrt(counts @ _VALUES**2 / counts.sum(1)).reshape(-1, GROUP)
    share = strength / np.maximum(np.sqrt((strength**2).mean(1, keepdims=True)), 1e-12)
    step = (_MOST - _LEAST) / _BINS  # a division moves a logarithmic histogram
    moved = np.rint(np.log10(np.clip(share, 1e-4, 1e4) ** EVEN) / step).clip(-80, 80).astype(int).reshape(-1)
    grouped = []
    for start in range(0, len(counts), GROUP):
        total = np.zeros(len(_VALUES))
        for channel in range(start, start + GROUP):
            place = (np.arange(_BINS) - moved[channel]).clip(0, _BINS - 1)
            for side in (0, _BINS):
                part = counts[channel, side : side + _BINS]
                total[side : side + _BINS] += np.bincount(place, weights=part, minlength=_BINS)
        grouped.append(total)
    return 10.0 ** (moved * step), grouped


def _weighs(given: Given, by: Tensor, group: int) -> float:
    """How much an error in this group of channels adds up to."""
    channels = slice(group * GROUP, (group + 1) * GROUP)
    total = 0.0
    for reader, counts in given.readers:
        seen = reader.get_parameter("weight").detach()[:, channels]
        total += float((counts * seen * by[channels][: seen.shape[1]].reshape(1, -1, 1, 1)).square().sum())
    return total


def _with_zero(counts: list[NDArray[np.float64]], weighs: list[float], zero: int) -> tuple[float, int, list[float]]:
    """The error with this zero, the zero, and the scale of each group."""
    best = [_scale(count, zero) for count in counts]
    return sum(weigh * error for weigh, (error, _) in zip(weighs, best, strict=True)), zero, [one for _, one in best]


def _scale(counts: NDArray[np.float64], zero: int) -> tuple[float, float]:
    """The mean squared error of the best scale for values with this histogram, and the scale."""
    there = counts > 0
    values, share = _VALUES[there], counts[there] / counts.sum()
    # Where there is nothing below 0, a zero of 0 loses nothing; where there is, it would lose all of it.
    whole = max(-values.min() / max(zero, 1), values.max() / (255 - zero), 1e-6)
    scales = whole * _CUT[:, None]
    errors = np.abs(np.clip(np.rint(values / scales), -zero, 255 - zero) * scales - values) ** POWER @ share
    return min(zip(errors.tolist(), scales[:, 0].tolist(), strict=True))


def histograms(network: nn.Module, seen: list[Given], pictures: Sequence[Tensor]) -> list[NDArray[np.int32]]:
    """How often each of ``_VALUES`` comes in each channel."""
    channels = [one.widest.get_parameter("weight").shape[1] for one in seen]
    counts = [np.zeros((count, len(_VALUES)), np.int32) for count in channels]

    def add(number: int, x: Tensor) -> None:
        place = (x.abs().clamp_min(10**_LEAST).log10() - _LEAST) * (_BINS / (_MOST - _LEAST))
        place = place.long().clamp(0, _BINS - 1) + _BINS * (x >= 0)
        place += len(_VALUES) * torch.arange(x.shape[1]).reshape(1, -1, 1, 1)
        found = np.bincount(place.flatten().numpy(), minlength=counts[number].size)
        counts[number] += found.reshape(counts[number].shape).astype(np.int32)

    _watch(network, seen, pictures, add)
    return counts


def _watch(
    network: nn.Module, seen: list[Given], pictures: Sequence[Tensor], add: Callable[[int, Tensor], None]
) -> None:
    """Call ``add`` with the number of each of ``seen`` and what it is given, for all pictures."""
    hooks = [
        one.widest.register_forward_pre_hook(lambda _, given, number=number: add(number, given[0]))
        for number, one in enumerate(seen)
    ]
    try:
        with torch.inference_mode():
            for picture in pictures:
                network(picture)
    finally:
        for hook in hooks:
            hook.remove()


def crops(folder: Path, count: int, side: int = 40) -> list[Tensor]:
    """Crops of photographs spread over a folder, reduced up to three times, every second through JPEG."""
    found = find_pictures(folder)
    if len(found) < count:
        raise TrainingError(f"{folder}: {len(found)} pictures, wanted {count}")
    random, made = np.random.default_rng(0), []
    for number, path in enumerate(found[:: len(found) // count][:count]):
        photo = read_photo(path)
        step = 1 + number % 3
        high, wide = (length // step * step for length in photo.shape[:2])
        small = photo[:high, :wide].reshape(high // step, step, wide // step, step, 3).mean((1, 3)) / 255
        crop = to_float(random_crop(to_bytes(small.astype(np.float32)), side, random))
        seen = jpeg(crop, 70) if number % 2 else crop
        made.append(torch.from_numpy(np.ascontiguousarray(seen)).permute(2, 0, 1)[None])
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="Find the scales of Upscale's networks in 8 bits.")
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--crops", type=int, default=60, metavar="N")
    arguments = parser.parse_args()
    from safetensors.torch import load_file, save_file

    numbers = load_file(arguments.out) if arguments.out.exists() else {}
    pictures = crops(arguments.data, arguments.crops)
    for name in arguments.names:
        weight = find_weight(name)
        numbers[digest(weight)] = calibrate(load_network(weight).model, pictures).half()
    save_file(dict(sorted(numbers.items())), arguments.out)


if __name__ == "__main__":
    main()
