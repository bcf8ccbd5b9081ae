"""The pictures that the page shows before anything is computed: what each style paints, a first look, the examples.

``python tests/benchmarks/page_pictures.py [styles] [examples] [faces] [upscale] [repair] [stylize] [generate]`` writes
them anew, all or those named, into editing/ui/{paintings,examples,first_look}; some minutes on two cores. Every one is
made of pictures that scikit-image and matplotlib carry and that may be given on (SOURCES.md in each folder names them),
or drawn here. The damage is drawn, too: curves and specks from a seed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image
from skimage import data

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from editing import runtime
from editing.options import GenerateOptions, RepairOptions, StylizeOptions, UpscaleOptions
from editing.pictures.picture import Picture, Pixels
from editing.pipelines import generate, repair, stylize, upscale
from editing.ui import shown
from editing.weights.catalogue import CATALOGUE

UI = ROOT / "editing" / "ui"
WIDE, HIGH = 1200, 800  # pixels of a first look
TILE = 240  # pixels a side of what stands for a style
STROKES = 1.8  # as large as that they are seen on a tile


# ---- the public pictures ---------------------------------------------------------------------------------------------


def grace_hopper() -> Pixels:
    """The portrait of 1985 that matplotlib carries, (600, 512, 3)."""
    file = Path(matplotlib.__file__).parent / "mpl-data/sample_data/grace_hopper.jpg"
    return np.asarray(Image.open(file).convert("RGB"))


def cat() -> Pixels:
    """Chelsea's face, (200, 300, 3)."""
    return np.asarray(data.chelsea()[50:250, 90:390])


# ---- drawn damage ----------------------------------------------------------------------------------------------------


def scratches(height: int, width: int, seed: int, *, lines: int, specks: int) -> np.ndarray:
    """Fine curves and specks from a seed, (height, width) from 0 to 1; drawn four times as large and reduced."""
    rng = np.random.default_rng(seed)
    large, thick = 4, max(height, width) / 480  # ``thick``: so many pixels are a hair's breadth
    drawn = np.zeros((height * large, width * large), np.float32)
    for _ in range(lines):
        steps = 60
        length = rng.uniform(0.3, 0.9) * height
        turn = rng.normal(np.pi / 2, 0.5) + np.cumsum(rng.normal(0, 0.03, steps))
        moves = np.stack([np.cos(turn), np.sin(turn)], 1) * length / steps
        path = (rng.uniform((0, -0.2 * height), (width, 0.6 * height)) + np.cumsum(moves, 0)) * large
        one = np.zeros_like(drawn)
        cv2.polylines(one, [path.astype(np.int32)], False, 1.0, max(2, round(rng.uniform(2, 6) * thick)))
        np.maximum(drawn, one * rng.uniform(0.75, 1), out=drawn)
    for _ in range(specks):
        x, y = rng.uniform((0, 0), (width * large, height * large))
        size = rng.uniform(1.5, 6, 2) * thick
        axes = (max(1, round(size[0])), max(1, round(size[1])))
        cv2.ellipse(drawn, (int(x), int(y)), axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    return cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)


def aged(photo: Pixels, seed: int, *, blur: float, noise: float, lines: int, specks: int, sepia: bool) -> Pixels:
    """A photograph as it looks after decades in a drawer."""
    rng = np.random.default_rng(seed)
    height, width = photo.shape[:2]
    soft = cv2.GaussianBlur(photo.astype(np.float32) / 255, (0, 0), blur)
    gray = np.asarray(soft @ np.array([0.299, 0.587, 0.114], np.float32))
    faded = 0.16 + 0.72 * gray
    tone = np.array([1.0, 0.91, 0.76] if sepia else [1.0, 1.0, 1.0], np.float32)
    picture = faded[..., None] * tone
    across = np.hypot(*np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height)))
    picture *= (1 - 0.12 * across**2)[..., None].astype(np.float32)
    picture += rng.normal(0, noise / 255, (height, width, 1)).astype(np.float32)
    damage = scratches(height, width, seed, lines=lines, specks=specks)[..., None]
    picture += damage * (np.array([0.97, 0.95, 0.9], np.float32) - picture)
    return (picture.clip(0, 1) * 255).round().astype(np.uint8)


def old_portrait(side: int) -> Pixels:
    """Grace Hopper's portrait, aged, three by two, ``side`` pixels wide."""
    height = side * 2 // 3
    crop = Image.fromarray(grace_hopper()[8:349]).resize((side, height), Image.Resampling.BICUBIC)
    return aged(np.asarray(crop), 11, blur=side / 700, noise=5, lines=9, specks=26, sepia=True)


# ---- writing ---------------------------------------------------------------------------------------------------------


def saved(pixels: Pixels, file: Path, *, quality: int = 88, most: int = 150_000) -> None:
    """Write a picture at the best quality, from ``quality`` down, at which it takes at most ``most`` bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    while True:
        how = {"method": 6} if file.suffix == ".webp" else {"optimize": True}
        Image.fromarray(pixels).save(file, quality=quality, **how)
        if file.stat().st_size <= most or file.suffix == ".png":
            break
        quality -= 4
    print(file.relative_to(ROOT), pixels.shape[1], pixels.shape[0], file.stat().st_size, quality)


def pair(name: str, before: Pixels, after: Pixels) -> None:
    """A first look: both at the same size."""
    look = shown.FIRST_LOOKS[name]
    saved(before, look.before)
    saved(after, look.after)


def wide(pixels: Pixels) -> Pixels:
    """``pixels`` at the size of a first look, enlarged as browsers do."""
    return np.asarray(Image.fromarray(pixels).resize((WIDE, HIGH), Image.Resampling.BICUBIC))


def upscaled(pixels: Pixels, **options: object) -> Pixels:
    """``pixels`` after Upscale."""
    with runtime.job():
        return upscale.upscale(Picture(pixels=np.ascontiguousarray(pixels)), UpscaleOptions(**options)).pixels  # type: ignore[arg-type]


# ---- what is made ----------------------------------------------------------------------------------------------------


def styles() -> None:
    """A cup of coffee in every style of the models that ship; takes away those of styles that are gone."""
    square = Picture(pixels=np.ascontiguousarray(data.coffee()[10:390, 130:510]))
    models = [weight.name for weight in CATALOGUE if weight.task == "stylize"]
    listed = [(model, style.name) for model in models for style in stylize.styles(model)]
    for old in (UI / "paintings").glob("*.webp"):
        if old.stem not in {name for _, name in listed}:
            old.unlink()
    for model, name in listed:
        with runtime.job():
            painted = stylize.paint(square, StylizeOptions(style=name, model=model, style_scale=STROKES))
        small = Image.fromarray(painted.pixels).resize((TILE, TILE), Image.Resampling.BICUBIC)
        saved(np.asarray(small), shown.painting(name), quality=84, most=20_000)


def examples() -> None:
    """The examples that are not there from the beginning (``cat``, ``astronaut``, ``coffee-noisy``, ``drawing``)."""
    folder = UI / "examples"
    rocket = Image.fromarray(data.rocket()).resize((480, 320), Image.Resampling.LANCZOS)
    saved(np.asarray(rocket), folder / "rocket.jpg", most=40_000)
    towers = np.zeros((320, 480), np.uint8)
    for points in TOWERS:
        cv2.fillPoly(towers, [np.array(points, np.int32)], 255)
    saved(towers, folder / "masks" / "rocket.png")
    saved(np.asarray(rocket.resize((240, 160), Image.Resampling.LANCZOS)), folder / "rocket-blocks.jpg", quality=22)
    saved(old_portrait(480), folder / "old-portrait.jpg", most=60_000)
    man = np.repeat(data.camera()[..., None], 3, 2)
    man = np.asarray(Image.fromarray(man).resize((480, 480), Image.Resampling.LANCZOS))
    saved(aged(man, 5, blur=1, noise=3, lines=6, specks=16, sepia=False), folder / "old-photo.jpg", most=60_000)
    saved(np.asarray(Image.fromarray(data.coffee()).resize((480, 320), 1)), folder / "coffee.jpg", most=40_000)
    face = Image.fromarray(data.astronaut()[0:300, 60:360])
    saved(np.asarray(face.resize((360, 360), Image.Resampling.LANCZOS)), folder / "portrait.jpg", most=40_000)


# Two of the towers beside the rocket, in pixels of the example.
TOWERS = (
    ((117, 122), (134, 122), (142, 288), (110, 288)),
    ((311, 122), (328, 122), (338, 288), (305, 288)),
)


def first_faces() -> None:
    """Twelve faces as they are drawn."""
    for seed, file in shown.FACES.items():
        (drawn,) = generate.generate(GenerateOptions(seed=seed))
        saved(drawn.picture.pixels, file, quality=92, most=12_000)


def first_upscale() -> None:
    """A small photograph enlarged four times, beside what a browser makes of it."""
    pair("upscale", wide(cat()), upscaled(cat(), model="photo", scale=4))


def first_repair() -> None:
    """An old portrait: scratches found and filled, the face restored."""
    before = old_portrait(WIDE)
    with runtime.job():
        mended = repair.repair(Picture(pixels=before), RepairOptions(find_damage=0.6, fidelity=0.4))
    pair("repair", before, repair.compose(mended).pixels)


def first_stylize() -> None:
    """A photograph, and the same as a painting."""
    before = upscaled(data.coffee(), model="photo", scale=2)
    with runtime.job():
        painted = stylize.stylize(Picture(pixels=before), StylizeOptions(style="starry-night", style_scale=1.4))
    pair("stylize", before, painted.pixels)


def first_generate() -> None:
    """Six faces, and the same people along a direction."""

    def sheet(directions: Sequence[float]) -> Pixels:
        drawn = [
            generate.generate(GenerateOptions(seed=seed, directions=tuple(directions)))[0].picture.pixels
            for seed in list(shown.FACES)[:6]
        ]
        large = [np.asarray(Image.fromarray(one).resize((400, 400), Image.Resampling.BICUBIC)) for one in drawn]
        return np.vstack([np.hstack(large[row * 3 : row * 3 + 3]) for row in range(2)])

    pair("generate", sheet(()), sheet((2.0,)))


PARTS: dict[str, Callable[[], None]] = {
    "styles": styles, "examples": examples, "faces": first_faces, "upscale": first_upscale, "repair": first_repair,
    "stylize": first_stylize, "generate": first_generate,
}  # fmt: skip


def main() -> None:
    """Make those that the command names, or all."""
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
