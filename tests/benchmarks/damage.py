"""Measure the damage finder: ``python tests/benchmarks/damage.py --photos DIR --mattes DIR [--model FILE]``.

The photographs are those that ``train damage --hold-out 40`` keeps out of its training, the mattes the tenth of each
kind that it keeps out. Everything else is drawn as in training (``editing/training/scans.py``), always the same.

- damaged: on each photograph at three sizes damage of all kinds, four times. Precision, recall and F1 with a pixel of
  tolerance, by how surely a pixel must be damaged; damage that can hardly be seen counts neither way (from half of
  ``scans.VISIBLE`` on, see there);
- by kind: the same for one kind of damage alone, at the dial's middle;
- clean: share of the pixels marked, by the dial, of the photographs as they are, and as scans without damage;
- the finder's mask (``editing/pipelines/damage.py``) rather than single pixels, and seconds for 1 and 12 megapixels.

``--sheet FILE.png`` draws damaged scans, what was found, and what there is (outside the repository, please).
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import cv2
import numpy as np
import torch
from PIL import Image

from editing import runtime
from editing.options import DamageOptions
from editing.pictures.picture import Picture
from editing.pipelines import damage
from editing.pipelines.damage import Finder
from editing.training import scans
from editing.training.damage import Found, Mattes, compare, kind_of, load_mattes, split_mattes, to_device
from editing.training.photos import load_sources
from editing.training.scans import Draw, Scans, Squares, scanned

SIZES = (256, 400, 640)  # sides of the scans in pixels
DRAWS = 4  # times that damage is drawn on each photograph at each size: one large stain is much of a single draw's
LEVELS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
DIALS = (0.0, 0.25, 0.4, 0.5, 0.6, 0.75, 1.0)
CPU = torch.device("cpu")


def held_out(folder: Path, count: int) -> list[np.ndarray]:
    """The photographs, uint8 (H, W, 3)."""
    with tempfile.TemporaryDirectory() as cache:
        sources = load_sources(folder, "", held_out=count, share=1, smallest=64, cache=Path(cache))
        return [np.array(picture) for picture in sources.held_out.arrays]


def square(photo: np.ndarray, side: int) -> torch.Tensor:
    """The middle of a photograph at ``side`` pixels, (3, side, side)."""
    length = min(photo.shape[:2])
    top, left = ((whole - length) // 2 for whole in photo.shape[:2])
    how = cv2.INTER_AREA if length > side else cv2.INTER_CUBIC
    fitted = cv2.resize(photo[top : top + length, left : left + length], (side, side), interpolation=how)
    return torch.from_numpy(np.ascontiguousarray(fitted)).permute(2, 0, 1).float() / 255


def make(photos: list[np.ndarray], squares: Squares, side: int, *, clean: bool = False, number: int = 0) -> Scans:
    """One scan of each photograph, with damage on all of them or on none; of each number another."""
    pictures = torch.stack([square(photo, side) for photo in photos])
    return scanned(pictures, squares, len(photos) if clean else 0, Draw(len(photos), side + 101_000 * number, CPU))


def probabilities(finder: Finder, made: Scans) -> torch.Tensor:
    """(N, 1, side, side), untiled, at one size, as the finder sees 8-bit scans."""
    regions = made.picture.mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    return torch.from_numpy(np.stack([finder(region) for region in regions])).permute(0, 3, 1, 2)


def damaged(finder: Finder, photos: list[np.ndarray], squares: Squares) -> None:
    table = {level: dict.fromkeys(SIZES, Found()) for level in LEVELS}
    masks, first = dict.fromkeys(SIZES, Found()), Found()
    for number, side in itertools.product(range(DRAWS), SIZES):
        made = make(photos, squares, side, number=number)
        surely = probabilities(finder, made)
        for level in LEVELS:
            table[level][side] += compare((surely > level).float(), made)
        whole = np.stack([damage.mask_of(x[0].numpy(), DamageOptions(grow=0)) for x in surely])
        masks[side] += compare(torch.from_numpy(whole)[:, None], made)
        if number == 0 and side == SIZES[-1]:
            first = sum(masks.values(), Found())
    print("\n| surer than | precision | recall | F1 | " + " | ".join(f"F1, {side} px" for side in SIZES) + " |")
    print("|---|" + "---|" * (3 + len(SIZES)))
    for name, row in [*((f"{level}", row) for level, row in table.items()), ("mask, dial at 0.5", masks)]:
        total = sum(row.values(), Found())
        sides = " | ".join(f"{row[side].f1:.3f}" for side in SIZES)
        print(f"| {name} | {total.precision:.3f} | {total.recall:.3f} | {total.f1:.3f} | {sides} |")
    print(f"\nThe mask, first of {DRAWS} draws: F1 {first.f1:.3f}")


def by_kind(finder: Finder, photos: list[np.ndarray], mattes: Mattes) -> None:
    print("\n| kind alone | damaged | precision | recall | F1 |\n|---|---|---|---|---|")
    kept = scans.LAYERS, scans.LINES, scans.FOLDS, scans.BLOTS
    kinds = sorted({kind_of(name) for name in mattes.names})
    for kind in (*kinds, "(lines)", "(folds)", "(blots)"):
        own = mattes.subset({name for name in mattes.names if kind_of(name) == kind}) if kind in kinds else mattes
        scans.LAYERS = (1.0,) if kind in kinds else ()
        scans.LINES = (1.0, 1.0) if kind == "(lines)" else ()
        scans.FOLDS, scans.BLOTS = float(kind == "(folds)"), float(kind == "(blots)")
        squares = to_device(np.zeros((1, 3, 8, 8), np.uint8), own, CPU)
        made = make(photos, squares, 400)
        found = compare((probabilities(finder, made) > 0.5).float(), made)
        share = float(made.damaged.mean())
        print(f"| {kind} | {share:.2%} | {found.precision:.3f} | {found.recall:.3f} | {found.f1:.3f} |")
    scans.LAYERS, scans.LINES, scans.FOLDS, scans.BLOTS = kept


def clean(finder: Finder, photos: list[np.ndarray], squares: Squares) -> None:
    """Marked shares of the whole photographs and of clean scans, by the dial; worst of the photographs, too."""
    as_they_are = [damage.how_damaged(Picture(pixels=photo), finder=finder) for photo in photos]
    made = torch.cat([probabilities(finder, make(photos, squares, side, clean=True)).flatten(1) for side in (400,)])
    as_scans = made.reshape(len(photos), 400, 400).numpy()
    print("\n| dial | worst photograph | photographs marked | after growing | scans marked |\n|---|---|---|---|---|")
    for dial in DIALS:
        options, grown = DamageOptions(sensitivity=dial, grow=0), DamageOptions(sensitivity=dial)
        shares = [float(damage.mask_of(surely, options).mean()) for surely in as_they_are]
        more = [float((damage.mask_of(surely, grown) > 0).mean()) for surely in as_they_are]
        others = [float(damage.mask_of(surely, options).mean()) for surely in as_scans]
        means = " | ".join(f"{np.mean(values):.3%}" for values in (shares, more, others))
        print(f"| {dial} | {max(shares):.2%} | {means} |")


def speed(finder: Finder, photos: list[np.ndarray]) -> None:
    print()
    for width, height in ((1200, 850), (4000, 3000)):
        picture = Picture(pixels=cv2.resize(photos[0], (width, height), interpolation=cv2.INTER_CUBIC))
        with runtime.job():
            start = time.perf_counter()
            mask = damage.find_damage(picture, finder=finder)
            seconds = time.perf_counter() - start
        print(f"{width}x{height}: {seconds:.1f} s, {mask.mean():.3%} marked ({runtime.describe(finder.backend)})")


def sheet(finder: Finder, photos: list[np.ndarray], squares: Squares, path: Path) -> None:
    """Rows of scans, of what was found on them, and of what there is (gray: neither way)."""
    made = make(photos[:24], squares, 400)
    surely = probabilities(finder, made).expand(-1, 3, -1, -1)
    truth = (made.damaged + 0.35 * (1 - made.counted)).expand(-1, 3, -1, -1)
    rows = []
    for start in range(0, len(made.picture), 6):
        for part in (made.picture, surely, truth):
            rows.append(torch.cat(list(part[start : start + 6]), 2))
    width = max(row.shape[2] for row in rows)
    rows = [torch.nn.functional.pad(row, (0, width - row.shape[2])) for row in rows]
    pixels = (torch.cat(rows, 1).permute(1, 2, 0).clamp(0, 1).numpy() * 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="DIR", required=True)
    parser.add_argument("--mattes", type=Path, metavar="DIR", required=True)
    parser.add_argument("--hold-out", type=int, default=40, metavar="N")
    parser.add_argument("--hold-out-mattes", type=float, default=0.1, metavar="SHARE")
    parser.add_argument("--model", default="damage")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--sheet", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    finder = damage.load(arguments.model, arguments.precision)
    photos = held_out(arguments.photos, arguments.hold_out)
    _, mattes = split_mattes(load_mattes(arguments.mattes), arguments.hold_out_mattes)
    squares = to_device(np.zeros((1, 3, 8, 8), np.uint8), mattes, CPU)
    print(f"{arguments.model} on {len(photos)} photographs, {len(mattes.names)} mattes held out")
    with torch.inference_mode():
        if arguments.sheet:
            sheet(finder, photos, squares, arguments.sheet)
        damaged(finder, photos, squares)
        by_kind(finder, photos, mattes)
        clean(finder, photos, squares)
    speed(finder, photos)


if __name__ == "__main__":
    main()
