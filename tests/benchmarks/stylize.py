"""Measure a stylizer: ``python tests/benchmarks/stylize.py FILE --data DIR --styles DIR:DIR --work DIR ...``.

FILE is what ``python -m editing train stylizer`` exports. On photos that were held out, evenly spread over them, and on
every ``--face``: the styles of its gallery whose paintings are there and paintings that were never learned, at
``--side`` pixels, styles at the network's own; losses are those of editing/pipelines/gatys.py, of pictures rounded to 8
bits, and the style's are shares of the untouched photo's. Gatys' method is run for ``--pairs`` of each kind (minutes
each, painted once and kept). The weave is the highest spectral line at periods of 4 and 2 pixels over the median of its
surroundings, on a smooth gradient with a grain of 3 of 255. ``--work`` gets the sheet, photos by styles. ``--speed``
times 512 and 1024 pixels instead: stop all else that computes then. ``--fine N`` instead paints a photo in each style
by the network that ships and by N steps of Fine from there, as the command would at ``--side`` pixels, with seconds of
processor time. ``--flicker`` instead paints a still clip and a pan, with noise of 4 of 255 each: the mean difference of
consecutive frames, of the pan's after moving them back.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from tqdm import tqdm

from editing import runtime
from editing.clips.read import read_frames
from editing.networks.stylizer import Stylizer, StylizerConfig, Vgg
from editing.options import ClipOptions, StylizeOptions
from editing.pictures.picture import Picture
from editing.pipelines import gatys, stylize, stylize_clips
from editing.pipelines.gatys import CONTENT
from editing.runtime import cpu_has_bf16
from editing.training.backbones import load_vgg
from editing.training.data import find_pictures, hold_out
from editing.training.photos import read_photo
from editing.training.stylizer import StylizerTrainOptions, reduced, squared, to_tensor


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


def gradient(side: int) -> torch.Tensor:
    """A smooth gradient with a grain of 3 of 255, (1, 3, side, side)."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side] / side
    colours = np.array([[0.35, 0.5, 0.75], [0.85, 0.8, 0.7]])
    smooth = colours[0] + (0.7 * y + 0.3 * x)[..., None] * (colours[1] - colours[0])
    picture = np.clip(smooth * 255 + 3 * random.standard_normal((side, side, 3)), 0, 255).round().astype(np.uint8)
    return to_tensor([picture])


def weave(picture: torch.Tensor) -> float:
    """The highest line at periods of 4 and 2 pixels over the median of the spectrum round it, as amplitudes."""
    gray = picture[0].mean(0).numpy()
    side = gray.shape[0] // 4 * 4
    gray = gray[:side, :side] - gray[:side, :side].mean()
    window = np.hanning(side)
    spectrum = np.abs(np.fft.fft2(gray * window[:, None] * window))
    lines = [(i * side // 4, j * side // 4) for i in range(4) for j in range(4) if (i, j) != (0, 0)]
    highest = 0.0
    for row, column in lines:
        near = np.take(
            np.take(spectrum, range(row - 12, row + 13), 0, mode="wrap"),
            range(column - 12, column + 13),
            1,
            mode="wrap",
        )
        peak = near[11:14, 11:14].max()
        near[9:16, 9:16] = np.nan
        highest = max(highest, float(peak / max(np.nanmedian(near), 1e-9)))
    return highest


def losses(vgg: Vgg, shown: torch.Tensor, wanted: gatys.Style, there: torch.Tensor) -> tuple[float, float]:
    """Style and content loss of a picture."""
    maps = vgg(shown)
    return float(gatys.style_loss(gatys.style_of(maps), wanted)), float(gatys.content_loss(maps[CONTENT], there))


def measure(arguments: argparse.Namespace) -> None:
    """The table, and the sheet."""
    network, gallery, about = load(arguments.file)
    side, style_side = arguments.side, network.config.style_side
    kept_out = find_held(arguments)
    spread = np.linspace(0, len(kept_out) - 1, arguments.photos).round().astype(int)
    held = [*(kept_out[i] for i in spread), *(arguments.face or [])]
    photos = [to_tensor([squared(read_photo(path), side)]) for path in held]
    stems = {path.stem: path for folder in arguments.styles.split(os.pathsep) for path in find_pictures(Path(folder))}
    pairs = arguments.gallery or StylizerTrainOptions.gallery
    chosen = StylizerTrainOptions(data=arguments.data, styles=Path(), out=arguments.work, gallery=pairs).chosen
    learned_codes = {row["name"]: gallery[i, None] for i, row in enumerate(about)}
    if not set(chosen) <= set(learned_codes):
        sys.exit(f"{arguments.file} has another gallery: {', '.join(learned_codes)}; give --gallery")
    unseen = arguments.held_out.split()
    jobs = [("gallery", name, stems[file], learned_codes[name]) for name, file in chosen.items()]
    jobs += [("unseen", name, stems[Path(name).stem], None) for name in unseen]
    vgg, even = load_vgg(), gradient(side)
    steps, weight = arguments.steps, arguments.style
    seen = [vgg(photo) for photo in photos]
    left = {"gallery": arguments.pairs, "unseen": arguments.pairs}
    rows: dict[str, list[tuple[float, ...]]] = {"gallery": [], "unseen": []}
    theirs: dict[str, list[tuple[float, ...]]] = {"gallery": [], "unseen": []}
    everything = [*photos, even]
    sheet = [torch.cat([torch.ones(1, 3, side, side), *everything], 3)]
    arguments.work.mkdir(parents=True, exist_ok=True)
    for number, (kind, name, file, learned) in enumerate(tqdm(jobs, unit="style")):
        picture = read_photo(file)
        style = to_tensor([reduced(picture, style_side)])
        code = network.code(style) if learned is None else learned
        wanted = gatys.style_of(vgg(style))
        shares, contents = [], []
        for photo, maps in zip(photos, seen, strict=True):
            far = float(gatys.style_loss(gatys.style_of(maps), wanted))
            own, content = losses(vgg, rounded(network(photo, code)), wanted, maps[CONTENT])
            shares.append((own, far))
            contents.append(content)
        own, far = np.mean(shares, 0)
        woven = weave(rounded(network(even, code)))
        lost = float(np.mean(contents))
        rows[kind].append((own, far, own / far, lost, woven))
        said = f"{kind:8} {name[:30]:30} {own:.3f} of {far:.3f}: {own / far:.3f}"
        said += f"; content {lost:.3f}; weave {woven:.1f}"
        if left[kind]:
            left[kind] -= 1
            which = number % len(photos)
            stem = f"{Path(name).stem}-{held[which].stem}-{side}-{steps}-{weight:g}"
            kept = arguments.work / "gatys" / f"{stem}.png"
            if not kept.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                photo = photos[which]
                painting = gatys.painting(photo, photo, wanted, vgg, steps=steps, weight=weight)
                for made in tqdm(painting, total=steps, leave=False):
                    last = made
                Image.fromarray((last[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(kept)
            there = seen[which][CONTENT]
            painted = losses(vgg, to_tensor([np.asarray(Image.open(kept))]), wanted, there)
            ours = losses(vgg, rounded(network(photos[which], code)), wanted, there)
            theirs[kind].append((*ours, *painted, shares[which][1]))
            said += f"; {held[which].stem}: ours {ours[0]:.3f} {ours[1]:.3f}, Gatys {painted[0]:.3f} {painted[1]:.3f}"
        tqdm.write(said)
        shown = [network(photo, code) for photo in everything]
        sheet.append(torch.cat([to_tensor([squared(picture, side)]), *shown], 3))
    for part, some in enumerate(range(0, len(sheet), 8)):
        grid = torch.cat(sheet[some : some + 8], 2)[0].permute(1, 2, 0)
        Image.fromarray((grid * 255).round().byte().numpy()).save(arguments.work / f"sheet-{part}.png")
    print(f"At {side} px, {len(photos)} photos, styles at {style_side} px:")
    for kind, found in rows.items():
        if found:
            mean = np.mean(found, 0)
            worst, woven = max(row[2] for row in found), max(row[4] for row in found)
            print(
                f"{kind:8} {len(found):3} styles: {mean[0]:.3f} of {mean[1]:.3f}, mean of shares {mean[2]:.3f} "
                f"(worst {worst:.3f}); content {mean[3]:.3f}; highest weave {woven:.1f}"
            )
        if theirs[kind]:
            mean = np.mean(theirs[kind], 0)
            print(
                f"{kind:8} {len(theirs[kind]):3} pairs: ours {mean[0]:.3f} {mean[1]:.3f}; "
                f"Gatys {mean[2]:.3f} {mean[3]:.3f} "
                f"(share {mean[2] / mean[4]:.3f}); content over Gatys' {mean[1] / mean[3]:.2f}"
            )


def fine(arguments: argparse.Namespace) -> None:
    """The network beside Fine, on one photo for each style; both go to ``--work``."""
    photos = [find_held(arguments)[i] for i in np.linspace(0, 39, len(arguments.pairs_of)).round().astype(int)]
    vgg, rows = load_vgg(), []
    arguments.work.mkdir(parents=True, exist_ok=True)
    for name, path in zip(arguments.pairs_of, photos, strict=True):
        photo = squared(read_photo(path), arguments.side)
        known = name in [style.name for style in stylize.styles("stylizer")]
        stems = {
            file.stem: file for folder in arguments.styles.split(os.pathsep) for file in find_pictures(Path(folder))
        }
        style = stems[StylizerTrainOptions(data=Path(), styles=Path(), out=Path()).chosen[name] if known else name]
        wanted = gatys.style_of(vgg(to_tensor([reduced(read_photo(style), 384)])))
        maps = vgg(to_tensor([photo]))
        far, found = float(gatys.style_loss(gatys.style_of(maps), wanted)), []
        for steps in (0, arguments.fine):
            options = StylizeOptions(
                style=name if known else str(style), style_scale=stylize.BASE / arguments.side, optimise=steps
            )
            begun, clock = time.process_time(), time.perf_counter()
            with runtime.job():
                made = stylize.stylize(Picture(pixels=photo), options).pixels
            found += [*losses(vgg, to_tensor([made]), wanted, maps[CONTENT])]
            found += [time.process_time() - begun, time.perf_counter() - clock]
            Image.fromarray(made).save(arguments.work / f"{Path(name).stem}-{steps}.png")
        rows.append((found[0] / far, found[1], found[4] / far, found[5], found[6], found[7]))
        print(
            "{:30} network: share {:.4f}, content {:.3f}; Fine: {:.4f}, {:.3f}; {:.0f} s of CPU, {:.0f} s".format(
                name[:30], *rows[-1]
            )
        )
    print("mean: {:.4f}, {:.3f}; {:.4f}, {:.3f}; {:.0f} s of CPU, {:.0f} s".format(*np.mean(rows, 0)))


def find_held(arguments: argparse.Namespace) -> list[Path]:
    """The photos that were held out."""
    files = find_pictures(arguments.data)
    names = [path.relative_to(arguments.data).as_posix() for path in files]
    return [files[i] for i in hold_out(names, arguments.hold_out)[1]]


def flicker(arguments: argparse.Namespace) -> None:
    """A still clip and a pan, each frame by itself and held."""
    random, count, step = np.random.default_rng(0), 12, 2
    large = squared(read_photo(find_held(arguments)[7]), 400)
    arguments.work.mkdir(parents=True, exist_ok=True)
    for name, moved in (("still", 0), ("pan", step)):
        frames = [
            np.clip(large[:256, i * moved : i * moved + 360] + random.normal(0, 4, (256, 360, 3)), 0, 255).round()
            for i in range(count)
        ]
        first, *rest = [Image.fromarray(frame.astype(np.uint8)) for frame in frames]
        source = arguments.work / f"{name}.png"
        first.save(source, save_all=True, append_images=rest, duration=40, loop=0)
        for steady in (0.0, 0.5):
            target, options = arguments.work / f"{name}-{steady:g}.apng", StylizeOptions(style=arguments.pairs_of[0])
            with runtime.job():
                stylize_clips.stylize_clip(source, target, options, ClipOptions(steady=steady))
            made = [frame.pixels.astype(int) for frame in read_frames(target, [])]
            kept = [np.abs(a[:, moved : a.shape[1]] - b[:, : b.shape[1] - moved]).mean() for a, b in pairwise(made[4:])]
            given = np.mean([np.abs(a[:, moved:] - b[:, : 360 - moved]).mean() for a, b in pairwise(frames)])
            print(f"{name}, steady {steady:g}: {np.mean(kept):.2f} of 255 (the clip itself {given:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--data", type=Path, metavar="DIR", help="photos, as in the training")
    parser.add_argument("--styles", metavar="DIR", help="folders of style pictures, separated as in PATH")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where Gatys' pictures and the sheet go")
    parser.add_argument("--gallery", help="as in the training, where it was not the usual one")
    parser.add_argument("--held-out", default="", metavar="NAMES", help="paintings that were never learned, by name")
    parser.add_argument("--face", type=Path, action="append", metavar="FILE", help="a further photo")
    parser.add_argument("--side", type=int, default=384, help="of the photos, in pixels (default: 384)")
    parser.add_argument("--photos", type=int, default=4, help="held-out photos for each style (default: 4)")
    parser.add_argument("--hold-out", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=2, help="of each kind for Gatys' method (default: 2)")
    parser.add_argument("--steps", type=int, default=300, help="of Gatys' method (default: 300)")
    parser.add_argument("--style", type=float, default=gatys.STYLE, help="Gatys' weight of the style")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--fine", type=int, metavar="N", help="steps")
    parser.add_argument("--flicker", action="store_true")
    parser.add_argument("--of", default="starry-night", dest="pairs_of", type=lambda text: text.split(","),
                        metavar="NAME,NAME", help="styles for --fine and --flicker")  # fmt: skip
    arguments = parser.parse_args()
    if arguments.flicker:
        flicker(arguments)
        return
    if arguments.fine:
        with torch.no_grad():
            fine(arguments)
        return
    if arguments.speed:
        with torch.inference_mode():
            speed(arguments.file)
        return
    if not (arguments.data and arguments.styles and arguments.work):
        parser.error("measuring needs --data, --styles and --work")
    with torch.no_grad():
        measure(arguments)


if __name__ == "__main__":
    main()
