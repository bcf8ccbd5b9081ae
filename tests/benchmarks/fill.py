"""Measure filling: ``python tests/benchmarks/fill.py --data ../shared/data/photos-free [--grid PNG]``.

Holes of 24 to 56 pixels (boxes, discs, strokes) in photographs chosen by name, always the same, none of which anything
here was trained on or tuned with. Prints Markdown: for each filler the mean distance between the features of what it
made and of the truth (MobileNetV2's pooled features of 224 pixels round the hole; its wheel is in
editing/training/requirements.txt), that over Telea's, also for each kind of hole, and the seconds a hole. ``--large``
measures a photograph of 12 megapixels with thirty scratches instead: seconds and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import cv2
import numpy as np
import torch
from PIL import Image

from editing.pictures.picture import Pixels
from editing.pictures.read import read_picture
from editing.pipelines import fill
from editing.training.backbones import load_mobilenet
from editing.training.metrics import pooled_features

NAMES = 40  # every n-th of the folder's pictures, by name
SIDES = (24, 32, 40, 48, 56)
KINDS = ("boxes", "discs", "strokes")
SEEN = 224  # pixels round the hole


def chosen(folder: Path) -> list[Path]:
    """The pictures measured with: spread over the sorted names, so that every source takes part."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return files[:: max(1, len(files) // NAMES)][:NAMES]


def hole(kind: int, side: int, height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """(H, W) uint8, 1 in a box, a disc or a bent stroke about ``side`` wide, whole in a square of 224 pixels."""
    mask = np.zeros((height, width), np.uint8)
    y, x = (int(random.integers(SEEN // 2, span - SEEN // 2 + 1)) for span in (height, width))
    half = side // 2
    if kind == 0:
        mask[y - half : y + half, x - half : x + half] = 1
    elif kind == 1:
        cv2.circle(mask, (x, y), half, 1, -1)
    else:
        points = np.array([[x - 60, y - 20], [x - 10, y + 15], [x + 60, y - 5]], np.int32)
        cv2.polylines(mask, [points], False, 1, side // 2)
    return mask


def telea(pixels: Pixels, mask: np.ndarray) -> Pixels:
    return np.asarray(cv2.inpaint(pixels, mask, 3, cv2.INPAINT_TELEA))


def patches(pixels: Pixels, mask: np.ndarray) -> Pixels:
    return fill.fill(pixels, mask.astype(np.float32), filler=fill.load("patches"))


def as_input(crops: list[Pixels]) -> torch.Tensor:
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 127.5 - 1


def small(folder: Path, grid: Path | None) -> None:
    """The table, and a sheet of every hole: broken, by each filler, and the truth."""
    fillers = {"Telea": telea, "patches": patches}
    seconds = dict.fromkeys(fillers, 0.0)
    crops: dict[str, list[Pixels]] = {name: [] for name in ("hole", *fillers, "truth")}
    for number, path in enumerate(chosen(folder)):
        truth = read_picture(path).pixels
        truth = np.repeat(truth, 3, axis=2) if truth.shape[2] == 1 else truth
        random = np.random.default_rng(number)
        mask = hole(number % 3, SIDES[number % len(SIDES)], *truth.shape[:2], random)
        left, top, across, down = cv2.boundingRect(mask)
        middle = top + down // 2, left + across // 2
        rows, columns = (
            slice(min(max(0, at - SEEN // 2), span - SEEN), min(max(0, at - SEEN // 2), span - SEEN) + SEEN)
            for at, span in zip(middle, truth.shape[:2], strict=True)
        )
        broken = truth.copy()
        broken[mask > 0] = 255
        crops["hole"].append(broken[rows, columns])
        crops["truth"].append(truth[rows, columns])
        for name, run in fillers.items():
            started = time.perf_counter()
            crops[name].append(run(broken, mask)[rows, columns])
            seconds[name] += time.perf_counter() - started
    network = load_mobilenet()
    features = {name: pooled_features(network, as_input(made)) for name, made in crops.items()}
    distances = {name: np.linalg.norm(features[name] - features["truth"], axis=1) for name in fillers}
    usual = distances["Telea"].mean()
    print(f"{len(crops['truth'])} holes\n")
    print(f"| filler | distance | of Telea's: all, {', '.join(KINDS)} | seconds a hole |\n|---|---|---|---|")
    for name, apart in distances.items():
        kinds = [apart[kind::3].mean() / distances["Telea"][kind::3].mean() for kind in range(3)]
        shares = ", ".join(f"{share:.2f}" for share in (apart.mean() / usual, *kinds))
        print(f"| {name} | {apart.mean():.2f} | {shares} | {seconds[name] / len(apart):.2f} |")
    if grid:
        rows_of = [np.concatenate([crops[name][i] for name in crops], 1) for i in range(len(crops["truth"]))]
        for start in range(0, len(rows_of), 8):
            Image.fromarray(np.concatenate(rows_of[start : start + 8])).save(
                grid.with_name(f"{grid.stem}-{start // 8}{grid.suffix}")
            )


def large(folder: Path) -> None:
    """12 megapixels, mirrored together from one of the photographs, with thirty scratches across."""
    tile = read_picture(chosen(folder)[0]).pixels
    down, across = -(-3000 // (2 * tile.shape[0])), -(-4000 // (2 * tile.shape[1]))
    both = np.concatenate([tile, tile[:, ::-1]], 1)
    picture = np.tile(np.concatenate([both, both[::-1]]), (down, across, 1))[:3000, :4000].copy()
    mask, random = np.zeros(picture.shape[:2], np.uint8), np.random.default_rng(0)
    for _ in range(30):
        ends = random.integers(0, (4000, 3000), (2, 2))
        bend = ends.mean(0) + random.normal(0, 60, 2)
        points = np.rint([ends[0], bend, ends[1]]).astype(np.int32)
        cv2.polylines(mask, [points], False, 1, int(random.integers(3, 10)))
    picture[mask > 0] = 255
    started = time.perf_counter()
    patches(picture, mask)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"12 MP, thirty scratches ({mask.mean():.2%}): {time.perf_counter() - started:.1f} s, peak {peak:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--grid", type=Path, metavar="PNG", help="write NAME-N.png of eight holes each beside it")
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    if arguments.large:
        large(arguments.data)
    else:
        small(arguments.data, arguments.grid)


if __name__ == "__main__":
    main()
