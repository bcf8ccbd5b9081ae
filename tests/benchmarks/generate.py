"""Measure the drawings of Generate as a visitor gets them: ``python tests/benchmarks/generate.py --data DIR:DIR``.

Draws ``--count`` pictures (seeds from 0) without truncation at ``--size`` pixels, as the command does, and compares
them with all pictures of the folders, reduced to that size: Fréchet distance, kernel distance and diversity of
``editing/training/metrics.py``, beside random halves of the data, and beside the same drawings enlarged bicubically
from the generator's own size. ``--grid PNG`` draws the first 36. ``--time`` instead measures seconds: 16 pictures at
the network's own size, one finished at 256 and at 512; stop all else that computes then.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from editing import runtime
from editing.options import GenerateOptions
from editing.pipelines.generate import at_size, generate, load
from editing.training import metrics
from editing.training.backbones import load_mobilenet
from editing.training.photos import to_tensor
from editing.training.upscaler import resampled

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def reduced(path: Path, size: int) -> np.ndarray:
    """A picture of the data as (size, size, 3) uint8."""
    picture = Image.open(path).convert("RGB")
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))


def show(name: str, a: metrics.Features, b: metrics.Features, own: float) -> None:
    distance, kernel = metrics.frechet_distance(a, b), metrics.kernel_distance(a, b) * 1000
    print(f"{name}: FD {distance:.1f}, KID x 1000 {kernel:.1f}, diversity {metrics.diversity(a) / own:.3f}", flush=True)


def quality(args: argparse.Namespace) -> None:
    network = load_mobilenet()

    def features(pictures: list[np.ndarray]) -> metrics.Features:
        return metrics.pooled_features(network, to_tensor(np.stack(pictures)) * 2 - 1)

    paths = sorted(p for folder in args.data.split(os.pathsep) for p in Path(folder).rglob("*") if p.suffix in SUFFIXES)
    real = np.concatenate([features([reduced(path, args.size)]) for path in tqdm(paths, desc="data")])
    order = np.random.default_rng(0).permutation(len(real))
    own = metrics.diversity(real)
    show("halves of the data", real[order[::2]], real[order[1::2]], own)
    options = GenerateOptions(seed=0, truncation=1, model=args.model)
    drawn, plain, shown = [], [], []
    for seed in tqdm(range(args.count), desc="drawings"):
        small = generate(replace(options, seed=seed))[0].picture
        plain.append(features([resampled(small.pixels[None], args.size // small.height)[0]]))
        made = at_size([small], args.model, str(args.size))[0][0].pixels
        drawn.append(features([made]))
        if seed < 36:
            shown.append(made)
        if (seed + 1) % 350 == 0 or seed + 1 == args.count:
            show(f"{seed + 1} drawn, enlarged bicubically", np.concatenate(plain), real, own)
            show(f"{seed + 1} drawn, finished", np.concatenate(drawn), real, own)
        if args.grid and seed + 1 == min(36, args.count):
            side = args.size
            sheet = np.zeros((6 * side, 6 * side, 3), np.uint8)
            for i, picture in enumerate(shown):
                sheet[i // 6 * side : (i // 6 + 1) * side, i % 6 * side : (i % 6 + 1) * side] = picture
            Image.fromarray(sheet).save(args.grid)


def speed(args: argparse.Namespace) -> None:
    print(runtime.describe(runtime.choose_backend()), f"load {os.getloadavg()[0]:.1f}")
    load(args.model)
    for count, size in ((16, "native"), (1, "256"), (1, "512")):
        options = GenerateOptions(seed=1, count=count, model=args.model)
        times = []
        for _ in range(6):
            start = time.perf_counter()
            at_size([sample.picture for sample in generate(options)], args.model, size)
            times.append(time.perf_counter() - start)
        print(f"{count} at {size}: {statistics.median(times[1:]):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="")
    parser.add_argument("--model", default="faces")
    parser.add_argument("--count", type=int, default=1400)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--grid", default="")
    parser.add_argument("--time", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(runtime.cores())
    speed(args) if args.time else quality(args)


if __name__ == "__main__":
    main()
