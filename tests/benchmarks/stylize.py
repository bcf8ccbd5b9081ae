"""Compare a stylizer with Gatys' method and with the untouched photo: ``python tests/benchmarks/stylize.py FILE ...``.

FILE is what ``python -m editing train stylizer`` exports. On held-out photos, at 256 pixels: the styles of its gallery,
and style pictures that were held out too; style and content losses are those of editing/gatys.py, of pictures rounded
to 8 bits. ``--work`` is a folder for Gatys' pictures, which take minutes each and are painted once, and for the grid
(photo, style, ours, Gatys'). ``--speed`` times 512 and 1024 pixels instead: stop everything else that computes then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from tqdm import tqdm

from editing.networks.stylizer import Stylizer, StylizerConfig
from editing.pipelines import gatys
from editing.pipelines.gatys import CONTENT
from editing.runtime import cpu_has_bf16
from editing.training.backbones import load_vgg
from editing.training.stylizer import (
    StylizerTrainOptions,
    load_pictures,
    load_styles,
    reduced,
    squared,
    to_tensor,
)

SIDE = 256


def load(file: Path) -> tuple[Stylizer, torch.Tensor, list[dict[str, str]]]:
    """The network, its gallery's codes, and what is said of them."""
    with safe_open(file, "pt") as opened:
        facts = opened.metadata()
        state = {name: opened.get_tensor(name).float() for name in opened.keys()}  # noqa: SIM118 - not a dict
    gallery = state.pop("gallery")
    network = Stylizer(StylizerConfig.from_json(facts["config"])).eval()
    network.load_state_dict(state)
    return network.to(memory_format=torch.channels_last), gallery, json.loads(facts["styles"])


def speed(file: Path) -> None:
    """Median seconds of five runs, in the precision that the app would choose."""
    network, gallery, _ = load(file)
    dtype = torch.bfloat16 if cpu_has_bf16() else torch.float32
    network = network.to(dtype)
    print(f"{torch.get_num_threads()} threads, {dtype}")
    for side in (512, 1024):
        photo = torch.rand(1, 3, side, side)
        times = []
        for _ in range(6):
            begun = time.perf_counter()
            network(photo, gallery[:1])
            times.append(time.perf_counter() - begun)
        print(f"{side}x{side}: {statistics.median(times[1:]):.2f} s")


def rounded(picture: torch.Tensor) -> torch.Tensor:
    """As 8 bits would hold it."""
    return (picture * 255).round() / 255


def compare(arguments: argparse.Namespace) -> None:
    """The table, and the grid."""
    network, gallery, about = load(arguments.file)
    options = StylizerTrainOptions(
        data=arguments.data, styles=arguments.styles, out=arguments.work, hold_out=arguments.hold_out,
        hold_out_styles=arguments.hold_out_styles, gallery=arguments.gallery or StylizerTrainOptions.gallery,
    )  # fmt: skip
    photos, styles = load_pictures(options).held_out, load_styles(options)
    if [row["name"] for row in styles.about] != [row["name"] for row in about]:
        sys.exit(f"{arguments.file} has another gallery: {', '.join(row['name'] for row in about)}; give --gallery")
    vgg = load_vgg()
    todo = [("gallery", row["name"], picture) for row, picture in zip(about, styles.gallery, strict=True)]
    unseen = list(zip(styles.held_out_names, styles.held_out, strict=True))
    groups = {"gallery": todo, "unseen": [("unseen", name, picture) for name, picture in unseen]}
    jobs = [(number, *job) for group in groups.values() for number, job in enumerate(group[: arguments.pairs])]
    steps, weight = arguments.steps, arguments.style
    rows: dict[str, list[tuple[float, ...]]] = {"gallery": [], "unseen": []}
    sheet = []
    for number, kind, name, picture in tqdm(jobs, unit="pair"):
        which = (number + (0 if kind == "gallery" else 7)) % len(photos.arrays)
        content = to_tensor([squared(photos.arrays[which], SIDE)])
        style = to_tensor([reduced(picture, SIDE)])
        code = gallery[number, None] if kind == "gallery" else network.code(style)
        ours = rounded(network(content, code))
        stem = f"{name.split('.')[0]}-{Path(photos.names[which]).stem}-{steps}-{weight:g}"
        kept = arguments.work / "gatys" / f"{stem}.png"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            painting = gatys.painting(content, style, vgg, steps=steps, weight=weight)
            for made in tqdm(painting, total=steps, leave=False):
                theirs = made
            Image.fromarray((theirs[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(kept)
        theirs = to_tensor([np.asarray(Image.open(kept))])
        wanted, there = gatys.style_of(vgg(style)), vgg(content, CONTENT + 1)[CONTENT]
        row = []
        for shown in (content, ours, theirs):
            maps = vgg(shown)
            row += [
                float(gatys.style_loss(gatys.style_of(maps), wanted)),
                float(gatys.content_loss(maps[CONTENT], there)),
            ]
        rows[kind].append(tuple(row))
        tqdm.write(
            f"{kind:8} {name:32} photo {row[0]:.3f}  ours {row[2]:.3f} {row[3]:.3f}  Gatys {row[4]:.3f} {row[5]:.3f}"
        )
        sheet.append(torch.cat([content, to_tensor([squared(picture, SIDE)]), ours, theirs], 3))
    grid = torch.cat(sheet, 2)[0].permute(1, 2, 0)
    Image.fromarray((grid * 255).round().byte().numpy()).save(arguments.work / "grid.png")
    print(f"Means at {SIDE} px (style loss, content loss); Gatys: {steps} steps, style weight {weight:g}")
    for kind, found in rows.items():
        if found:
            mean = np.mean(found, 0)
            print(
                f"{kind:8} {len(found):3} pairs: photo {mean[0]:.3f} 0; ours {mean[2]:.3f} {mean[3]:.3f}; "
                f"Gatys {mean[4]:.3f} {mean[5]:.3f}; ours over Gatys {mean[2] / mean[4]:.2f} {mean[3] / mean[5]:.2f}"
            )
    print(f"Grid: {arguments.work / 'grid.png'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--data", type=Path, metavar="DIR", help="photos, as in the training")
    parser.add_argument("--styles", type=Path, metavar="DIR", help="style pictures, as in the training")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where Gatys' pictures and the grid go")
    parser.add_argument("--gallery", help="as in the training, where it was not the usual one")
    parser.add_argument("--hold-out", type=int, default=40)
    parser.add_argument("--hold-out-styles", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=8, help="of each kind (default: 8)")
    parser.add_argument("--steps", type=int, default=300, help="of Gatys' method (default: 300)")
    parser.add_argument("--style", type=float, default=gatys.STYLE, help="Gatys' weight of the style")
    parser.add_argument("--speed", action="store_true")
    arguments = parser.parse_args()
    if arguments.speed:
        with torch.inference_mode():
            speed(arguments.file)
        return
    if not (arguments.data and arguments.styles and arguments.work):
        parser.error("the comparison needs --data, --styles and --work")
    with torch.no_grad():
        compare(arguments)


if __name__ == "__main__":
    main()
