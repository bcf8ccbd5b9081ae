"""What happens to pictures in the world, made in numpy and OpenCV: blur, resizing, noise, JPEG.

Pictures here are (H, W, C) float32 in [0, 1], C 1 or 3, RGB. Everything random comes from the numpy Generator given, so
the same state of it makes the same picture.

:func:`degrade` is the second-order recipe of Real-ESRGAN (Wang et al. 2021, https://arxiv.org/abs/2107.10833) with the
numbers of its ``train_realesrgan_x4plus.yml``. Departures: the steps of each round come in random order, after BSRGAN
(Zhang et al. 2021); the second round is left out for a share of the pictures, so that those who enlarge a good picture
lose nothing; and the last filter is skipped more often, since it teaches to sharpen twice what is sharp.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_RESIZES = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
_LEAST = 8  # no picture is made smaller than this many pixels


@dataclass(frozen=True, kw_only=True)
class Round:
    """The numbers of one round of blur, resize, noise and JPEG; pairs are ranges, drawn from evenly."""

    blur: float = 1.0  # probability of a blur at all
    blur_sigma: tuple[float, float] = (0.2, 3.0)  # pixels
    sinc: float = 0.1  # share of the blurs that are sharp low-pass filters, which ring
    resize: tuple[float, float, float] = (0.2, 0.7, 0.1)  # probabilities of enlarging, reducing, neither
    resize_range: tuple[float, float] = (0.15, 1.5)
    gaussian: float = 0.5  # share of Gaussian noise; the rest is Poisson noise
    noise_sigma: tuple[float, float] = (1.0, 30.0)  # Gaussian noise's deviation, of 255
    poisson: tuple[float, float] = (0.05, 3.0)  # Poisson noise's strength
    gray_noise: float = 0.4  # share of noise that is the same in all channels
    jpeg: tuple[int, int] = (30, 95)  # quality


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What :func:`degrade` does."""

    first: Round = Round()
    second: Round = Round(
        blur=0.8, blur_sigma=(0.2, 1.5), resize=(0.3, 0.4, 0.3), resize_range=(0.3, 1.2), noise_sigma=(1.0, 25.0),
        poisson=(0.05, 2.5),
    )  # fmt: skip
    once: float = 0.2  # probability that the second round is left out
    final_sinc: float = 0.5  # probability of a last low-pass filter
    shuffled: bool = True  # whether each round's steps come in random order; else blur, resize, noise, JPEG


def degrade(picture: Floats, scale: int, random: np.random.Generator, recipe: Recipe = Recipe()) -> NDArray[np.uint8]:
    """A low-quality version of ``picture`` (H, W, C), ``scale`` times smaller: (H // scale, W // scale, C) uint8.

    Two rounds, then in random order a JPEG compression, and a resize to the final size with a sinc filter.
    """
    height, width = picture.shape[0] // scale, picture.shape[1] // scale
    rounds = [recipe.first] if random.random() < recipe.once else [recipe.first, recipe.second]
    out = picture
    for number, numbers in enumerate(rounds):
        # The last JPEG comes with the final steps, as in the original: its blocks are those of the final size.
        out = _one_round(out, numbers, random, recipe.shuffled, compress=number < len(rounds) - 1)

    def fit(x: Floats) -> Floats:
        x = _resized(x, height, width, _RESIZES[random.integers(3)])
        return blurred(x, sinc_kernel(21, random.uniform(math.pi / 3, math.pi))) if sharpen else x

    sharpen = random.random() < recipe.final_sinc
    quality = int(random.integers(rounds[-1].jpeg[0], rounds[-1].jpeg[1] + 1))
    out = jpeg(fit(out), quality) if random.random() < 0.5 else fit(jpeg(out, quality))
    return to_bytes(out)


def _one_round(x: Floats, numbers: Round, random: np.random.Generator, shuffled: bool, *, compress: bool) -> Floats:
    def blur(x: Floats) -> Floats:
        return blurred(x, random_kernel(numbers, random)) if random.random() < numbers.blur else x

    def compression(x: Floats) -> Floats:
        return jpeg(x, int(random.integers(numbers.jpeg[0], numbers.jpeg[1] + 1)))

    steps: list[Callable[[Floats], Floats]] = [
        blur,
        lambda x: randomly_resized(x, numbers, random),
        lambda x: noisy(x, numbers, random),
    ]
    if compress:
        steps.append(compression)
    for number in random.permutation(len(steps)) if shuffled else range(len(steps)):
        x = steps[number](x)
    return x


def bicubic(picture: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """The clean reduction that papers measure with: Pillow's bicubic, antialiased, equal to MATLAB's imresize.

    (H, W, C) uint8, sides multiples of ``scale`` -> (H / scale, W / scale, C) uint8.
    """
    from PIL import Image

    height, width, channels = picture.shape
    image = Image.fromarray(picture[..., 0] if channels == 1 else picture)
    small = image.resize((width // scale, height // scale), Image.Resampling.BICUBIC)
    return np.asarray(small, np.uint8).reshape(height // scale, width // scale, channels)


def to_bytes(picture: Floats) -> NDArray[np.uint8]:
    """[0, 1] -> uint8, rounded; what is outside is clipped."""
    return np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)


# Blur. Kernels are (size, size) float32 and sum to 1; sizes are odd.


def random_kernel(numbers: Round, random: np.random.Generator) -> Floats:
    """A blur of Real-ESRGAN's mix: Gaussian, generalised Gaussian or plateau, round or not, or a sinc filter."""
    size = 2 * int(random.integers(3, 11)) + 1
    if random.random() < numbers.sinc:
        return sinc_kernel(size, random.uniform(math.pi / 3 if size < 13 else math.pi / 5, math.pi))
    kind = random.choice(6, p=(0.45, 0.25, 0.12, 0.03, 0.12, 0.03))
    across = random.uniform(*numbers.blur_sigma)
    down, angle = (random.uniform(*numbers.blur_sigma), random.uniform(-math.pi, math.pi)) if kind % 2 else (across, 0)
    distance = _squared_distance(size, across, down, angle)
    if kind < 2:
        kernel = np.exp(-0.5 * distance)
    else:
        low, high = (0.5, 4.0) if kind < 4 else (1.0, 2.0)
        power = random.uniform(low, 1) if random.random() < 0.5 else random.uniform(1, high)
        kernel = np.exp(-0.5 * distance**power) if kind < 4 else 1 / (distance**power + 1)
    return np.asarray(kernel / kernel.sum(), np.float32)


def gaussian_kernel(size: int, across: float, down: float | None = None, angle: float = 0.0) -> Floats:
    """A Gaussian of deviations ``across`` and ``down`` (pixels; None: round), turned by ``angle`` (radians)."""
    kernel = np.exp(-0.5 * _squared_distance(size, across, across if down is None else down, angle))
    return np.asarray(kernel / kernel.sum(), np.float32)


def _squared_distance(size: int, across: float, down: float, angle: float) -> NDArray[np.float64]:
    """(size, size): the squared distance from the centre, in deviations."""
    y, x = np.mgrid[0:size, 0:size] - size // 2
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    return np.asarray((u / across) ** 2 + (v / down) ** 2)


def sinc_kernel(size: int, cutoff: float) -> Floats:
    """An ideal round low-pass filter, cut off at ``cutoff`` (radians per pixel, up to pi) and at its window."""
    y, x = np.mgrid[0:size, 0:size] - size // 2
    radius = np.hypot(x, y)
    radius[size // 2, size // 2] = 1
    kernel = cutoff * _bessel_j1(cutoff * radius) / (2 * math.pi * radius)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * math.pi)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _bessel_j1(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Bessel function of the first kind and order 1, by its integral; exact to 1e-9 for |x| below 60."""
    angles = (np.arange(64) + 0.5) * math.pi / 64
    return np.asarray(np.cos(angles - x[..., None] * np.sin(angles)).mean(-1))


def blurred(picture: Floats, kernel: Floats) -> Floats:
    """The picture filtered by a kernel, mirrored at its border."""
    return _same_shape(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101), picture)


# Resizing


def randomly_resized(picture: Floats, numbers: Round, random: np.random.Generator) -> Floats:
    """Enlarged, reduced or left alone, by area, bilinear or bicubic resampling."""
    low, high = numbers.resize_range
    kind = random.choice(3, p=numbers.resize)
    factor = (random.uniform(1, high), random.uniform(low, 1), 1.0)[kind]
    height, width = (max(_LEAST, round(side * factor)) for side in picture.shape[:2])
    return _resized(picture, height, width, _RESIZES[random.integers(3)])


def _resized(picture: Floats, height: int, width: int, how: int) -> Floats:
    if picture.shape[:2] == (height, width):
        return picture
    resized = np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.float32)
    return resized.reshape(height, width, -1)


def _same_shape(result: object, picture: Floats) -> Floats:
    """OpenCV drops the last axis of gray pictures."""
    return np.asarray(result, np.float32).reshape(picture.shape)


# Noise


def noisy(picture: Floats, numbers: Round, random: np.random.Generator) -> Floats:
    """Gaussian or Poisson noise, in colour or gray; the result is clipped to [0, 1]."""
    gray = random.random() < numbers.gray_noise
    if random.random() < numbers.gaussian:
        sigma = random.uniform(*numbers.noise_sigma) / 255
        added = gaussian_noise((*picture.shape[:2], 1) if gray else picture.shape, sigma, random)
    else:
        strength = random.uniform(*numbers.poisson)
        seen = luma(picture) if gray else picture
        added = strength * poisson_noise(seen, random)
    return np.asarray(np.clip(picture + added, 0, 1), np.float32)


def gaussian_noise(shape: tuple[int, ...], sigma: float, random: np.random.Generator) -> Floats:
    """White noise of deviation ``sigma``, in the picture's units."""
    return np.asarray(random.standard_normal(shape, np.float32) * np.float32(sigma))


def poisson_noise(picture: Floats, random: np.random.Generator) -> Floats:
    """What counting photons adds, when as many levels are counted as the picture has (to a power of 2)."""
    levels = len(np.unique(to_bytes(picture)))
    counts = 2.0 ** math.ceil(math.log2(max(levels, 2)))
    return np.asarray(random.poisson(np.clip(picture, 0, 1) * counts) / counts - picture, np.float32)


def luma(picture: Floats) -> Floats:
    """(H, W, C) -> (H, W, 1): Rec. 601's weights."""
    if picture.shape[2] == 1:
        return picture
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]


def camera_noise(picture: Floats, sigma: float, random: np.random.Generator) -> Floats:
    """Noise as cameras leave it, of deviation ``sigma`` over the whole: more in bright parts, in blotches, coloured.

    The variance is in part proportional to the brightness (photons), in part constant (the sensor); demosaicking and
    the camera's own denoising blur it; the channels share some of it; the eye's range is compressed where it clips. A
    JPEG of quality 60 to 98 follows in half the cases. The deviation counts before clipping and JPEG.
    """
    noise = gaussian_noise(picture.shape, 1, random)
    shared = random.uniform(0, 0.5)
    noise = math.sqrt(1 - shared) * noise + math.sqrt(shared) * gaussian_noise((*picture.shape[:2], 1), 1, random)
    photons = random.uniform(0, 1)
    bright = np.clip(picture, 0, 1) / max(float(picture.mean()), 0.05)
    noise *= np.sqrt(photons * bright + 1 - photons).astype(np.float32)
    if random.random() < 0.8:
        noise = blurred(noise, gaussian_kernel(7, random.uniform(0.3, 1.0)))
    noise *= np.float32(sigma / max(float(noise.std()), 1e-6))
    out: Floats = np.asarray(np.clip(picture + noise, 0, 1), np.float32)
    return jpeg(out, int(random.integers(60, 99))) if random.random() < 0.5 else out


# JPEG


def jpeg(picture: Floats, quality: int) -> Floats:
    """The picture after JPEG compression (OpenCV's, colour at half the size)."""
    stored = to_bytes(picture)
    given = stored if stored.shape[2] == 1 else np.ascontiguousarray(stored[..., ::-1])
    done, data = cv2.imencode(".jpg", given, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done  # only an impossible shape fails
    kind = cv2.IMREAD_GRAYSCALE if stored.shape[2] == 1 else cv2.IMREAD_COLOR
    read = np.asarray(cv2.imdecode(data, kind), np.uint8).reshape(stored.shape)
    upright = read if stored.shape[2] == 1 else read[..., ::-1]
    return np.asarray(upright.astype(np.float32) / np.float32(255))


# Faces


def degrade_face(picture: Floats, strength: float, random: np.random.Generator) -> tuple[NDArray[np.uint8], Floats]:
    """An aligned face (side, side, 3) as it comes out of an old or poor photograph, and what its repair is.

    Blur or shake, a reduction (1 to 8 times, counted at 256 pixels), noise, JPEG and a tone, in random order, most of
    them present; after the reduction the others work on the small picture, and at the end it is enlarged again.
    ``strength`` 0 to 1 is how bad each may be, whatever the side. Gives the degraded face (uint8) and the clean one *in
    the same tone*: gray and faded faces are to stay as gray and as faded as the photograph round them.
    """
    side = picture.shape[0]
    tone = random_tone(strength, random)

    def blur(x: Floats) -> Floats:
        length = x.shape[0] / 256
        if random.random() < 0.15:
            return blurred(x, shake_kernel(length * random.uniform(2, 2 + 14 * strength), random.uniform(0, math.pi)))
        across = length * random.uniform(0.2, 0.5 + 3.5 * strength)
        down = across * random.uniform(0.7, 1.4)
        return _same_shape(cv2.GaussianBlur(x, (0, 0), max(across, 0.1), sigmaY=max(down, 0.1)), x)

    def reduce(x: Floats) -> Floats:
        small = min(side, round(256 / random.uniform(1, 1 + 7 * strength)))
        return _resized(x, small, small, _RESIZES[random.integers(3)])

    def noise(x: Floats) -> Floats:
        numbers = Round(noise_sigma=(1, 1 + 24 * strength), poisson=(0.05, 0.05 + 2 * strength))
        return noisy(x, numbers, random)

    def compression(x: Floats) -> Floats:
        return jpeg(x, int(random.integers(round(95 - 65 * strength), 96)))

    steps = [tone, *(step for step in (blur, reduce, noise, compression) if random.random() < 0.85)]
    out = picture
    for number in random.permutation(len(steps)):
        out = steps[number](out)
    return to_bytes(_resized(out, side, side, _RESIZES[random.integers(1, 3)])), tone(picture)


def random_tone(strength: float, random: np.random.Generator) -> Callable[[Floats], Floats]:
    """The tone of a photograph: mostly as it was, or gray, or faded, with less contrast and colour and a warm tint."""
    kind = random.choice(3, p=(0.65, 0.15, 0.2))  # as it was, gray, faded
    colour = 0.0 if kind == 1 else 1 - strength * random.uniform(0.2, 1)
    black = strength * random.uniform(0, 0.25)
    white = 1 - strength * random.uniform(0, 0.25)
    tint = 1 - strength * random.uniform(0, 0.5) * np.array([0, 0.2, 0.6], np.float32)

    def tone(x: Floats) -> Floats:
        if kind == 0:
            return x
        gray = luma(x)
        if kind == 1:
            return np.repeat(gray, 3, axis=2)
        return np.asarray((black + (white - black) * (gray + colour * (x - gray))) * tint, np.float32)

    return tone


def shake_kernel(length: float, angle: float) -> Floats:
    """A straight blur of ``length`` pixels at ``angle`` (radians), as of a moving camera."""
    half = max(1, math.ceil(length / 2))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    kernel = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    return np.asarray(kernel / kernel.sum(), np.float32)
