"""Draw the README's side-by-side picture: ``python tests/benchmarks/comparison.py [-o docs/comparison.png]``.

Each row is one photograph as a careless website would keep it (reduced four times, JPEG quality 60), enlarged four
times by each model; the header gives the median seconds of one run. Nothing is retouched.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pipelines import upscale

MODELS = ("photo-fast", "photo")
SHOWN = 320  # pixels of each enlarged picture that are shown
SMALL = 96  # side of the small pictures


def spoiled(photo: npt.NDArray[np.uint8]) -> Image.Image:
    """A square of the photograph, reduced four times, through JPEG."""
    crop = Image.fromarray(photo[: 4 * SMALL, : 4 * SMALL])
    file = io.BytesIO()
    crop.resize((SMALL, SMALL), Image.Resampling.BICUBIC).save(file, "JPEG", quality=60)
    return Image.open(file)


def middle(picture: Image.Image) -> Image.Image:
    left, top = ((side - SHOWN) // 2 for side in picture.size)
    return picture.crop((left, top, left + SHOWN, top + SHOWN))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs/comparison.png")
    output = parser.parse_args().output
    photos = [data.astronaut()[:, 40:], data.stereo_motorcycle()[0][60:, 150:], data.coffee()[:, 120:]]
    small = [spoiled(photo) for photo in photos]
    columns = [("input", [x.resize((4 * SMALL, 4 * SMALL), Image.Resampling.NEAREST) for x in small])]
    columns.append(("bicubic", [x.resize((4 * SMALL, 4 * SMALL), Image.Resampling.BICUBIC) for x in small]))
    for model in MODELS:
        options = UpscaleOptions(model=model, tile=128)
        network = upscale.load(model)
        made, times = [], []
        for picture in (small[0], *small):  # the first run is thrown away: it warms up
            started = time.perf_counter()
            made.append(upscale.upscale(Picture(pixels=np.asarray(picture)), options, network=network).pixels)
            times.append(time.perf_counter() - started)
        columns.append((f"{model}: {statistics.median(times[1:]):.2f} s", [Image.fromarray(x) for x in made[1:]]))
    head = 28
    sheet = Image.new("RGB", (len(columns) * SHOWN, head + len(small) * SHOWN), "white")
    draw = ImageDraw.Draw(sheet)
    for column, (title, pictures) in enumerate(columns):
        draw.text((column * SHOWN + 8, 4), title, "black", ImageFont.load_default(18))
        for row, picture in enumerate(pictures):
            sheet.paste(middle(picture), (column * SHOWN, head + row * SHOWN))
    sheet.save(output, optimize=True)


if __name__ == "__main__":
    main()
