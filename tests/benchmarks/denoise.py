"""Measure the denoisers on photographs kept out of their training: ``python tests/benchmarks/denoise.py --photos DIR``.

The photographs are those that ``train denoiser --hold-out 40`` keeps out of DIR (``--hold-out N`` for another number).
Two tables of PSNR over all three channels, mean over the photographs:

- float: white Gaussian noise added in floating point, not rounded and not clipped, and the network called directly, as
  the papers measure; what is made is clipped to [0, 1];
- file: the noisy picture clipped and rounded to 8 bits, and the whole pipeline, as people use it.

Beside it the noisy input and OpenCV's non-local means (of 8 bits, in both) with h 0.7 of the noise, its best. Then the
mean and the worst errors of the noise level told from 8-bit pictures, and seconds for 1 megapixel, the median of five:
stop everything else that computes before you believe those. ``--model`` names the denoiser.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import cv2
import numpy as np
import torch

from editing import runtime
from editing.options import UpscaleOptions
from editing.pictures.picture import (
    Picture,
    from_float,
)
from editing.pipelines import noise, upscale
from editing.pipelines.upscale import Upscaler
from editing.training.denoiser import as_floats, psnr, with_noise
from editing.training.photos import load_sources

LEVELS = (15, 25, 50)


def held_out(folder: Path, count: int) -> list[np.ndarray]:
    """The photographs, uint8 (H, W, 3)."""
    with tempfile.TemporaryDirectory() as cache:
        sources = load_sources(folder, "", held_out=count, share=1, smallest=96, cache=Path(cache))
        return [np.array(picture) for picture in sources.held_out.arrays]


def to_bytes(picture: np.ndarray) -> np.ndarray:
    return from_float(picture, 8)


def non_local_means(noisy: np.ndarray, level: float) -> np.ndarray:
    """Of an 8-bit picture; OpenCV wants BGR."""
    bgr = np.ascontiguousarray(noisy[..., ::-1])
    bgr = cv2.fastNlMeansDenoisingColored(bgr, None, 0.7 * level, 0.7 * level, 7, 21)
    return as_floats(np.ascontiguousarray(bgr[..., ::-1]))


def direct(network: Upscaler, noisy: np.ndarray, level: float) -> np.ndarray:
    """The network on a float picture (H, W, 3), untiled."""
    tensor = torch.from_numpy(noisy).permute(2, 0, 1)
    tensor = tensor[:, None] if network.channels == 1 else tensor[None]
    sigma = torch.full((len(tensor),), level / 255)
    made = network.run(tensor.to(network.backend.device), sigma.to(network.backend.device))
    return made.flatten(0, 1).permute(1, 2, 0).float().cpu().numpy()


def quality(network: Upscaler, photos: list[np.ndarray]) -> None:
    names = ("noisy", "non-local means", "true sigma", "auto sigma")
    for kind in ("float", "file"):
        print(
            f"\n| PSNR, {kind} | "
            + " | ".join(f"sigma {level}" for level in LEVELS)
            + " |\n|---|"
            + "---|" * len(LEVELS)
        )
        scores: dict[str, list[float]] = {name: [] for name in names}
        for level in LEVELS:
            rows = []
            for number, photo in enumerate(photos):
                clean = as_floats(photo)
                noisy = with_noise(clean, level, number)
                stored = Picture(pixels=to_bytes(noisy))
                told = upscale.settle(UpscaleOptions(), stored, network=network).sigma or 0.0
                made = [non_local_means(stored.pixels, level)]
                for sigma in (level, told):
                    if kind == "float":
                        made.append(direct(network, noisy, sigma))
                    else:
                        result = upscale.upscale(stored, UpscaleOptions(sigma=sigma), network=network)
                        made.append(as_floats(result.pixels))
                # The noisy one is not clipped in the float table: 20.17 dB at sigma 25, as in the papers.
                error = float(np.mean((noisy - clean) ** 2, dtype=np.float64))
                before = -10 * np.log10(error) if kind == "float" else psnr(as_floats(stored.pixels), clean)
                rows.append([before, *(psnr(picture, clean) for picture in made)])
            for name, value in zip(names, np.mean(rows, axis=0), strict=True):
                scores[name].append(float(value))
        for name, values in scores.items():
            print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |")


def levels(network: Upscaler, photos: list[np.ndarray]) -> None:
    print("\n| noise level | told, mean | mean error | worst errors | seconds |\n|---|---|---|---|---|")
    assert network.denoiser
    measure = noise.correlated if network.denoiser.camera else noise.white
    for level in (0, 5, 10, 15, 25, 50, 75):
        told, times = [], []
        for number, photo in enumerate(photos):
            pixels = to_bytes(with_noise(as_floats(photo), level, number))
            start = time.perf_counter()
            told.append(measure(pixels))
            times.append(time.perf_counter() - start)
        errors = np.array(told) - level
        print(
            f"| {level} | {np.mean(told):.2f} | {np.abs(errors).mean():.2f} "
            f"| {errors.min():+.2f} {errors.max():+.2f} | {statistics.median(times):.3f} |"
        )


def speed(network: Upscaler, photos: list[np.ndarray]) -> None:
    photo = np.pad(photos[0], ((0, 1000), (0, 1000), (0, 0)), "symmetric")[:1000, :1000]
    picture = Picture(pixels=to_bytes(with_noise(as_floats(photo), 25, 0)))
    with runtime.job():
        for name, options in (("told", UpscaleOptions(sigma=25)), ("auto", UpscaleOptions())):
            times = []
            for _ in range(6):
                start = time.perf_counter()
                upscale.upscale(picture, options, network=network)
                times.append(time.perf_counter() - start)
            print(f"\n1 MP, sigma {name}: {statistics.median(times[1:]):.2f} s ({runtime.describe(network.backend)})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="DIR", required=True)
    parser.add_argument("--hold-out", type=int, default=40, metavar="N")
    parser.add_argument("--model", default="denoise")
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    network = upscale.load(arguments.model, arguments.precision)
    photos = held_out(arguments.photos, arguments.hold_out)
    print(f"{arguments.model} on {len(photos)} photographs, {runtime.describe(network.backend)}")
    with torch.inference_mode():
        quality(network, photos)
    levels(network, photos)
    speed(network, photos)


if __name__ == "__main__":
    main()
