"""The thumbnails of the Stylize tab: a CC0 photograph of ours in every style of each model that ships, painted by it.

``python tests/benchmarks/style_thumbnails.py`` writes them anew into editing/ui/styles/, and takes away those of styles
that are gone. The paintings themselves are never part of the repository.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from editing import runtime
from editing.options import StylizeOptions
from editing.pictures import tiling
from editing.pictures.picture import (
    Picture,
    from_float,
)
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import stylize
from editing.ui import stylize_tab
from editing.weights.catalogue import CATALOGUE

PHOTO = ROOT / "editing/ui/examples/cat.jpg"
SIDE = 192  # pixels
SCALE = 1.5  # strokes large enough to be seen at this size


def main() -> None:
    """Paint and write them all."""
    picture = read_picture(PHOTO)
    side = min(picture.width, picture.height)
    top, left = (picture.height - side) // 2, (picture.width - side) // 2
    square = replace(picture, pixels=np.ascontiguousarray(picture.pixels[top : top + side, left : left + side]))
    stylize_tab.THUMBNAILS.mkdir(exist_ok=True)
    models = [weight.name for weight in CATALOGUE if weight.task == "stylize"]
    styles = [(model, style.name) for model in models for style in stylize.styles(model)]
    for old in stylize_tab.THUMBNAILS.glob("*.jpg"):
        if old.stem not in {name for _, name in styles}:
            old.unlink()
    for model, name in styles:
        with runtime.job():
            painted = stylize.paint(square, StylizeOptions(style=name, model=model, style_scale=SCALE))
        small = from_float(tiling.resize(painted.pixels, SIDE, SIDE) / 255, 8)
        file = stylize_tab.THUMBNAILS / f"{name}.jpg"
        write_picture(Picture(pixels=small), file, quality=85)
        print(file.relative_to(ROOT), file.stat().st_size)


if __name__ == "__main__":
    main()
