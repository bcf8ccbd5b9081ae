"""How strong the noise in a picture is, told from the picture alone.

:func:`white` is for noise that is independent from pixel to pixel. The covariance of small patches has the noise's
variance as its smallest eigenvalues, wherever the picture itself leaves directions free (Chen, Zhu, Heng 2015, "An
Efficient Statistical Method for Image Noise Level Estimation"); patches whose differences are no larger than the noise
explains have the most of those (Liu, Tanaka, Okutomi 2013, "Single-Image Noise Level Estimation for Blind Denoising").
Ours: patches come from each channel by itself, since a JPEG's colours share their noise; nearly clipped ones are left
out and the rest's loss to clipping is added again; and so is left out what rounding to integers adds.

:func:`correlated` is for noise in blotches, as cameras leave it: the variance within the flattest patches of each
brightness, since bright parts have more.

:func:`blocks` is for what JPEG does.

:func:`judge` tells both apart, and how strong it is after a JPEG hid half of it: a small network that learned from
photographs with noise made for it (:mod:`editing.training.judge`) looks at :func:`traits`, forty numbers of a picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from editing.options import STRONGEST_NOISE
from editing.pictures.picture import Pixels
from editing.weights.find import find_weight
from editing.weights.load import load_state

_SIDE = 7  # of a patch, in pixels
_BLOCK = 8  # pixels, JPEG's
_STRIP = 256  # rows or columns looked at together
_PLACES = 12_000  # where patches are taken, however large the picture is
_FEWEST = 2 * _SIDE**2  # below this a covariance says nothing
_KEPT = 1_000  # patches that are kept in any case, be there ever so much texture
_CLASSES = 8  # of brightness
_FLAT = 0.05  # the share of a class's patches that are flatter than the one that is believed
# Its variance is that much less than the noise's where the noise in a patch has 20 independent values: a 5 % quantile
# of chi-square. Blurred as cameras do, it has about as many.
_LUCK = 0.543

_BANDS = ((1, 2), (3, 5), (6, 8), (9, 12))  # of a patch's cosine transform: sums of the two frequencies
_SURELY = -1.0  # the judge's word, in logits, below which noise is taken for white: to be wrong there costs more
_FAINTEST = 2.5  # what is told as less is texture as often as noise

_Floats = npt.NDArray[np.float64]
Kind = Literal["white", "camera"]


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The noise in a picture: "white", or as cameras and JPEG leave it, and its deviation of 255."""

    kind: Kind
    sigma: float


def white(pixels: Pixels, alpha: Pixels | None = None) -> float:
    """The deviation of white noise in ``pixels`` (H, W, C) integers, of 255 whatever their depth; 0 to 75.

    Where ``alpha`` (H, W) is 0 nothing is looked at. Pictures with too little to look at, such as those of a few
    pixels, give 0.
    """
    patches = _patches(pixels, alpha).reshape(-1, _SIDE**2)
    patches = patches[_clipped(patches) < 0.5]
    if len(patches) < _FEWEST:
        return 0.0
    square = patches.reshape(-1, _SIDE, _SIDE)
    differences = (np.diff(square, axis=1) ** 2).sum((1, 2)) + (np.diff(square, axis=2) ** 2).sum((1, 2))
    mean = patches.mean(1)
    room = np.minimum(mean, 255 - mean)  # to where values are clipped
    most, kept = _differences_of_noise(), min(_KEPT, len(patches))
    sigma = _smallest(patches)
    for _ in range(8):
        enough = room >= min(2 * sigma, float(np.partition(room, -kept)[-kept]))
        texture = np.where(enough, differences, np.inf)
        weak = texture <= max(most * sigma**2, float(np.partition(texture, kept - 1)[kept - 1]))
        before, sigma = sigma, _unclipped(_smallest(patches[weak]), float(room[weak].mean()))
        if abs(sigma - before) < 0.01 * before:
            break
    return _without_rounding(sigma, pixels)


def correlated(pixels: Pixels, alpha: Pixels | None = None) -> float:
    """As :func:`white`, of noise whose neighbouring pixels are alike: blurred, demosaicked, compressed by JPEG.

    Fine texture that is all over the picture counts as noise.
    """
    patches = _patches(pixels, alpha)
    patches = patches[_clipped(patches) < 0.5]
    if len(patches) < _FEWEST:
        return 0.0
    order = np.argsort(patches.mean((1, 2, 3)))
    patches -= patches.mean((2, 3), keepdims=True)
    slope = np.linspace(-1, 1, _SIDE)
    slope /= math.sqrt(float((slope**2).sum()) * _SIDE)
    left = (patches**2).sum((2, 3)) - (patches @ slope).sum(2) ** 2 - (slope @ patches).sum(2) ** 2
    variance = left.mean(1) / (_SIDE**2 - 3)  # what a plane leaves, with three numbers of its own
    flattest = [np.quantile(variance[part], _FLAT) for part in np.array_split(order, _CLASSES)]
    return _without_rounding(math.sqrt(max(float(np.median(flattest)), 0) / _LUCK), pixels)


def blocks(pixels: Pixels) -> float:
    """How far the borders of JPEG's blocks of 8 stand out of ``pixels`` (H, W, C), of 255; about 0 without any.

    The mean difference of neighbours across the borders, wherever the grid of blocks begins, less that within them.
    """
    if min(pixels.shape[:2]) < 4 * _BLOCK:
        return 0.0
    steps = []
    for axis in (0, 1):
        total = np.zeros(pixels.shape[axis] - 1)
        for start in range(0, pixels.shape[1 - axis], _STRIP):  # a picture is never held in floats
            strip = pixels.take(range(start, min(start + _STRIP, pixels.shape[1 - axis])), axis=1 - axis)
            apart = np.abs(np.diff(strip.mean(2, dtype=np.float32), axis=axis))
            total += apart.sum(1 - axis, dtype=np.float64)
        phases = np.array([total[phase::_BLOCK].mean() for phase in range(_BLOCK)]) / pixels.shape[1 - axis]
        steps.append(float(phases.max() - np.median(phases)))
    return float(np.mean(steps)) * 255 / float(np.iinfo(pixels.dtype).max)


def judge(pixels: Pixels, alpha: Pixels | None = None) -> Noise:
    """Which kind of noise is in ``pixels`` (H, W, C) and how strong it was before a JPEG; none has sigma 0.

    Pictures with too little to look at have none. Raises WeightError when the judge's file is missing or damaged.
    """
    seen = traits(pixels, alpha)
    if seen is None:
        return Noise(kind="white", sigma=0.0)
    weights = _judge()
    hidden = np.tanh(
        weights["first.weight"] @ ((seen - weights["mean"]) / weights["deviation"]) + weights["first.bias"]
    )
    level, compressed = weights["last.weight"] @ hidden + weights["last.bias"]
    sigma = math.exp(min(float(level), 6.0)) - 1
    if compressed < _SURELY:
        return Noise(kind="white", sigma=_heard(white(pixels, alpha)))
    return Noise(kind="camera", sigma=_heard(min(sigma, STRONGEST_NOISE)))


def _heard(sigma: float) -> float:
    return 0.0 if sigma < _FAINTEST else sigma


@cache
def _judge() -> dict[str, _Floats]:
    state = load_state(find_weight("noise", "judge"))
    return {name: np.asarray(value.double().numpy(), np.float64) for name, value in state.items()}


def traits(pixels: Pixels, alpha: Pixels | None = None) -> _Floats | None:
    """(40,) numbers by which noise is known: logarithms of variances. None where there is too little to look at.

    Of the brightness and of the colours, in each of four bands of frequencies: quantiles over all patches, and mean and
    median of the tenth with the least low frequencies. How much darker and brighter patches of that tenth have; how
    much stronger differences are every eighth pixel, where JPEG's blocks meet; and what :func:`white` and
    :func:`correlated` say.
    """
    patches = _patches(pixels, alpha)
    patches = patches[_clipped(patches) < 0.5]
    if len(patches) < _FEWEST:
        return None
    bands = [_bands(plane) for plane in _planes(patches)]
    flat = np.argsort(bands[0][0])[: max(20, len(patches) // 10)]
    found: list[float] = []
    for band in (band for plane in bands for band in plane):
        found += [*np.quantile(band, (0.05, 0.25)), band[flat].mean(), float(np.median(band[flat]))]
    order = np.argsort(patches.mean((1, 2, 3))[flat])
    for half in np.array_split(order, 2):
        found.append(bands[0][2][flat][half].mean())
    gray = pixels.mean(2, dtype=np.float32) * np.float32(255 / np.iinfo(pixels.dtype).max)
    for axis in (0, 1):
        bends = np.abs(np.diff(gray, 2, axis=axis)).mean(1 - axis)
        by_place = [bends[place::8].mean() if len(bends) > place else 0.0 for place in range(8)]
        found += [max(by_place) ** 2, float(np.median(by_place)) ** 2]
    found += [white(pixels, alpha) ** 2, correlated(pixels, alpha) ** 2]
    return np.log(np.array(found, np.float64) + 0.1)


def _planes(patches: _Floats) -> tuple[_Floats, _Floats]:
    """Brightness (N, 1, side, side) and colours (N, 2, side, side), which white noise fills alike; gray has none."""
    if patches.shape[1] == 1:
        return patches, np.zeros_like(patches)
    red, green, blue = patches[:, 0], patches[:, 1], patches[:, 2]
    colours = np.stack([(red - blue) / math.sqrt(2), (red - 2 * green + blue) / math.sqrt(6)], 1)
    return (red + green + blue)[:, None] / math.sqrt(3), colours


def _bands(planes: _Floats) -> list[_Floats]:
    """The mean square (N,) of each patch's frequencies in each of the bands."""
    wave = np.cos((2 * np.arange(_SIDE) + 1) * np.arange(_SIDE)[:, None] * math.pi / (2 * _SIDE))
    wave *= np.where(np.arange(_SIDE) == 0, math.sqrt(1 / _SIDE), math.sqrt(2 / _SIDE))[:, None]
    power = (wave @ planes @ wave.T) ** 2
    sums = np.add.outer(np.arange(_SIDE), np.arange(_SIDE))
    return [power[..., (low <= sums) & (sums <= high)].mean((1, 2)) for low, high in _BANDS]


def _patches(pixels: Pixels, alpha: Pixels | None) -> _Floats:
    """(N, C, side, side) patches evenly spread over the picture, 0 to 255; C is 1 for a gray picture saved as RGB."""
    if min(pixels.shape[:2]) < _SIDE:
        return np.zeros((0, 1, _SIDE, _SIDE))
    views = np.lib.stride_tricks.sliding_window_view(pixels, (_SIDE, _SIDE), (0, 1))
    count = views.shape[0] * views.shape[1]
    step = math.ceil(math.sqrt(count / _PLACES)) // 2 * 2 + 1 if count > _PLACES else 1  # odd: JPEG's blocks are 8
    patches = views[::step, ::step].reshape(-1, *views.shape[2:])
    if alpha is not None:
        seen = np.lib.stride_tricks.sliding_window_view(alpha, (_SIDE, _SIDE))[::step, ::step]
        patches = patches[seen.min((2, 3)).reshape(-1) > 0]
    if all(np.array_equal(patches[:, 0], patches[:, i]) for i in range(patches.shape[1])):
        patches = patches[:, :1]
    return patches * (255 / np.iinfo(pixels.dtype).max)


def _clipped(patches: _Floats) -> _Floats:
    """The share of each patch that is black or white."""
    return np.asarray(((patches <= 0) | (patches >= 255)).mean(tuple(range(1, patches.ndim))))


@cache
def _differences_of_noise() -> float:
    """What the squared differences within a patch of noise add up to, at most (3 deviations), in variances of it."""
    places = np.arange(_SIDE**2).reshape(_SIDE, _SIDE)
    unit = np.eye(_SIDE**2)
    across = unit[places[:, 1:].ravel()] - unit[places[:, :-1].ravel()]
    down = unit[places[1:].ravel()] - unit[places[:-1].ravel()]
    form = across.T @ across + down.T @ down
    return float(np.trace(form) + 3 * math.sqrt(2 * np.trace(form @ form)))


def _smallest(patches: _Floats) -> float:
    """The deviation that the smallest eigenvalues of the patches' covariance agree on: their mean is their median."""
    centred = patches - patches.mean(0)
    values = np.linalg.eigvalsh(centred.T @ centred / max(len(patches) - 1, 1))
    for count in range(len(values), 0, -1):
        if values[:count].mean() <= np.median(values[:count]):
            break
    return math.sqrt(max(float(values[:count].mean()), 0))


def _unclipped(sigma: float, room: float) -> float:
    """The deviation of noise that has ``sigma`` after clipping, where ``room`` lies between its mean and the clip.

    The clip on the other side is at 255, the solution found by halving.
    """
    low, high = sigma, 3 * sigma
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if _after_clipping(middle, room) < sigma else (low, middle)
    return low


def _after_clipping(sigma: float, mean: float) -> float:
    """The deviation of normal numbers clipped to 0 to 255."""
    if sigma <= 0:
        return 0.0
    a, b = -mean / sigma, (255 - mean) / sigma
    (height_a, share_a), (height_b, share_b) = _normal(a), _normal(b)
    first = mean * (share_b - share_a) + sigma * (height_a - height_b) + 255 * (1 - share_b)
    second = (mean**2 + sigma**2) * (share_b - share_a) + sigma * (mean * height_a - (mean + 255) * height_b)
    return math.sqrt(max(second + 255**2 * (1 - share_b) - first**2, 0))


def _normal(x: float) -> tuple[float, float]:
    """The normal distribution's density at ``x``, and its share below."""
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi), 0.5 * (1 + math.erf(x / math.sqrt(2)))


def _without_rounding(sigma: float, pixels: Pixels) -> float:
    """``sigma`` without what rounding to integers adds, and at most the strongest."""
    rounding = (255 / np.iinfo(pixels.dtype).max) ** 2 / 12
    return min(math.sqrt(max(sigma**2 - rounding, 0)), STRONGEST_NOISE)
