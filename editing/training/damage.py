"""Training a finder of damage in scans: ``python -m editing train damage``.

From photographs without damage (``--data``) and mattes of damage (``--mattes``: gray pictures, 255 where damage covers
the picture): every step makes new scans of them (:mod:`editing.training.scans`), some of which stay clean, so that the
network learns what only looks like damage. It is asked for what the damage changed visibly. The loss is binary
cross-entropy, where pixels of thin damage count more, and a soft Dice loss of each damaged scan (Milletari et al.
2016).

OUT/damage.safetensors holds the averaged weights in fp16.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F

from editing.errors import TrainingError
from editing.networks.damage import DamageConfig, DamageFinder
from editing.training.data import find_pictures
from editing.training.loop import begun, learn, pick_device, start_folder
from editing.training.options import at_least, below_one, unwanted
from editing.training.photos import Bytes, PhotoTrainOptions, learn_from
from editing.training.scans import Scans, Squares, make_scans
from editing.training.task import PictureTask

SQUARE = 400  # side of the photographs and mattes that scans are made of, in pixels
MARKED = 8  # a matte of at most so many levels was marked by hand: what is not 0 is covered
THIN = 15  # damage that fills less than THINNEST of a square of this side counts more
THINNEST = 0.25
EXAM = 64  # scans measured with
DRAWN = 200  # squares of letters and frames
FRAMED = 0.2  # share of these with a frame: a line of one in a small square looks like a scratch
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?-+/()&    "


@dataclass(frozen=True, kw_only=True)
class DamageTrainOptions(PhotoTrainOptions):
    """Options of ``train damage``."""

    mattes: Path  # folder of mattes of damage: gray pictures named KIND_NUMBER, 255 where the picture is covered
    hold_out_mattes: float = 0.1  # share of each kind of mattes that is kept out of training, to measure with
    size: int = 256  # side of the scans in pixels
    batch: int = 16  # scans a step
    clean: float = 0.25  # share of scans without damage
    dice: float = 0.5  # weight of the soft Dice loss; the cross-entropy's is 1
    widths: str = "32,64,128,192"  # channels at a half, a quarter, an eighth ... of the picture's size
    blocks: int = 1  # residual blocks at each size, going down and coming up

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, "blocks", 1)
        at_least(self, "dice", 0)
        below_one(self, "clean", "hold_out_mattes")
        step = max(16, self.config.multiple)
        if self.size % step or not step <= self.size <= SQUARE:
            raise unwanted(self, "size", f"a multiple of {step}, at most {SQUARE}")

    @property
    def config(self) -> DamageConfig:
        """The network's; raises TrainOptionError when ``widths`` are no such numbers."""
        try:
            widths = tuple(int(part) for part in self.widths.split(","))
            return DamageConfig(widths=widths, blocks=self.blocks)
        except ValueError as error:
            raise unwanted(self, "widths", "numbers such as 32,64,128,192") from error


# What scans are made of


def photo_squares(pictures: Sequence[Bytes]) -> NDArray[np.uint8]:
    """Photographs, each (H, W, 3) -> (P, 3, SQUARE, SQUARE): the shorter side fits, long ones give both their ends.

    Those of whole squares give these as well, as sharp as they are: the finder is asked about pictures at their own
    size, and what only looks like damage, such as twigs and joints, is sharp there.
    """
    squares = []
    for picture in pictures:
        height, width = picture.shape[:2]
        share = SQUARE / min(height, width)
        size = (max(SQUARE, round(width * share)), max(SQUARE, round(height * share)))
        fitted = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC)
        squares.append(fitted[:SQUARE, :SQUARE])
        if max(size) > 1.25 * SQUARE:
            squares.append(fitted[-SQUARE:, -SQUARE:])
        for top in range(height % SQUARE // 2, height - SQUARE + 1, SQUARE):
            for left in range(width % SQUARE // 2, width - SQUARE + 1, SQUARE):
                squares.append(picture[top : top + SQUARE, left : left + SQUARE])
    return np.asarray(np.stack(squares).transpose(0, 3, 1, 2), np.uint8)


@dataclass(frozen=True, kw_only=True)
class Mattes:
    """Squares of damage (M, 1, SQUARE, SQUARE) uint8 and the file that each is from."""

    squares: NDArray[np.uint8]
    names: tuple[str, ...]

    def subset(self, files: set[str]) -> Mattes:
        """Those that are from some of the files."""
        chosen = [i for i, name in enumerate(self.names) if name in files]
        return Mattes(squares=self.squares[chosen], names=tuple(self.names[i] for i in chosen))

    def weights(self) -> NDArray[np.float32]:
        """(M,) how often to take each: kinds of many as often as the root of it, and what covers much less often."""
        kinds = Counter(kind_of(name) for name in self.names)
        many = np.array([kinds[kind_of(name)] for name in self.names], np.float32)
        cover = self.squares.mean((1, 2, 3), dtype=np.float32) / np.float32(255)
        return np.asarray(1 / (np.sqrt(many) * (0.05 + cover)), np.float32)


def kind_of(name: str) -> str:
    """What stands before the last "_": ``scratches_012.png`` -> ``scratches``."""
    return name.rpartition("_")[0]


def load_mattes(folder: Path) -> Mattes:
    """Every matte under ``folder``; large ones (marked scans) are halved and cut into squares that have damage on them.

    Raises TrainingError when there is none, or one can't be read.
    """
    squares: list[NDArray[np.uint8]] = []
    names: list[str] = []
    for path in find_pictures(folder):
        matte = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
        if matte is None:
            raise TrainingError(f"Can't read the matte {path}")
        for square in matte_squares(np.asarray(matte, np.uint8)):
            squares.append(square)
            names.append(path.relative_to(folder).as_posix())
    if not squares:
        raise TrainingError(f"{folder} has no mattes of damage; give a folder of gray pictures with --mattes")
    return Mattes(squares=np.stack(squares)[:, None], names=tuple(names))


def matte_squares(matte: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """A matte (H, W) -> squares of SQUARE pixels with damage on them; small ones are laid in the middle of one."""
    if len(np.unique(matte)) <= MARKED:
        matte = np.asarray(255 * (matte > 0), np.uint8)
    height, width = matte.shape
    if min(height, width) >= 3 * SQUARE:
        matte = np.asarray(cv2.resize(matte, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
        height, width = matte.shape
        starts = [(y, x) for y in range(0, height - SQUARE + 1, SQUARE) for x in range(0, width - SQUARE + 1, SQUARE)]
        cut = [matte[y : y + SQUARE, x : x + SQUARE] for y, x in starts]
        return [square for square in cut if (square > 0).mean() > 1e-3]
    share = min(1.0, SQUARE / max(height, width))
    if share < 1:
        size = (max(1, round(width * share)), max(1, round(height * share)))
        matte = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.uint8)
    square = np.zeros((SQUARE, SQUARE), np.uint8)
    top, left = ((SQUARE - length) // 2 for length in matte.shape)
    square[top : top + matte.shape[0], left : left + matte.shape[1]] = matte
    return [square] if matte.any() else []


def split_mattes(mattes: Mattes, share: float) -> tuple[Mattes, Mattes]:
    """To learn from, and held out: of each kind a ``share`` of its files, chosen by their names as photographs are."""
    kept: set[str] = set()
    files = sorted(set(mattes.names))
    for kind in sorted({kind_of(name) for name in files}):
        same = sorted(
            (name for name in files if kind_of(name) == kind), key=lambda name: hashlib.sha256(name.encode()).digest()
        )
        kept.update(same[: round(share * len(same))])
    return mattes.subset(set(files) - kept), mattes.subset(kept)


def to_device(photos: NDArray[np.uint8], mattes: Mattes, device: torch.device) -> Squares:
    """What scans are made of, on the device."""
    return Squares(
        photos=torch.from_numpy(np.ascontiguousarray(photos)).to(device),
        mattes=torch.from_numpy(np.ascontiguousarray(mattes.squares)).to(device),
        weights=torch.from_numpy(mattes.weights()).to(device),
        drawings=torch.from_numpy(drawings()).to(device),
    )


def drawings() -> NDArray[np.uint8]:
    """Letters and frames to be drawn on photographs, which are no damage: (DRAWN, 1, SQUARE, SQUARE), 255 is ink."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(DRAWN):
        paper = Image.new("L", (SQUARE, SQUARE))
        ink = ImageDraw.Draw(paper)
        size = float(np.exp(random.uniform(np.log(9), np.log(90))))
        top = random.uniform(0, 0.5) * SQUARE
        for _ in range(int(random.integers(1, 9))):
            letters = "".join(random.choice(list(LETTERS), int(random.integers(3, 40))))
            font = ImageFont.load_default(size)
            ink.text(
                (random.uniform(-0.2, 0.4) * SQUARE, top), letters, 255, font, stroke_width=int(random.random() < 0.2)
            )
            top += random.uniform(1.1, 2.0) * size
        for _ in range(int(random.random() < FRAMED)):  # frames, some of them with bars across
            left, right, upper, lower = np.sort(random.uniform(-0.1, 1.1, (2, 2)), axis=1).flatten() * SQUARE
            width = int(random.integers(1, 7))
            ink.rectangle((left, upper, right, lower), outline=255, width=width)
            bars = int(random.integers(0, 5))
            for x in np.linspace(left, right, bars + 2)[1:-1]:
                ink.line((x, upper, x, lower), 255, width)
        made.append(np.asarray(paper, np.uint8))
    return np.stack(made)[:, None]


# Learning


def loss_of(logits: Tensor, scans: Scans, dice: float) -> tuple[Tensor, Tensor]:
    """Cross-entropy, and the soft Dice loss of the scans with damage; thin damage counts up to four times."""
    crowd = F.avg_pool2d(scans.damaged, THIN, 1, THIN // 2, count_include_pad=False)
    weight = scans.counted * (1 + scans.damaged * ((THINNEST / crowd.clamp(min=1e-3)).clamp(1, 4) - 1))
    cross = F.binary_cross_entropy_with_logits(logits, scans.damaged, weight)
    probability = torch.sigmoid(logits) * weight
    both = (probability * scans.damaged).sum((1, 2, 3))
    sums = probability.sum((1, 2, 3)) + (weight * scans.damaged).sum((1, 2, 3))
    there = (scans.damaged.sum((1, 2, 3)) > 0).float()
    apart = (there * (1 - (2 * both + 1) / (sums + 1))).sum() / there.sum().clamp(min=1)
    return cross, dice * apart


@dataclass(frozen=True, kw_only=True)
class Found:
    """Pixels counted: how many are marked, how many of these are right; how many are damaged, how many found."""

    marked: float = 0
    right: float = 0
    damaged: float = 0
    found: float = 0

    def __add__(self, other: Found) -> Found:
        return Found(
            marked=self.marked + other.marked,
            right=self.right + other.right,
            damaged=self.damaged + other.damaged,
            found=self.found + other.found,
        )

    @property
    def precision(self) -> float:
        return self.right / self.marked if self.marked else 1.0

    @property
    def recall(self) -> float:
        return self.found / self.damaged if self.damaged else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-9)


def compare(marked: Tensor, scans: Scans) -> Found:
    """Marks (N, 1, S, S), 0 or 1, against the truth, with a pixel of tolerance.

    A mark is right within a pixel of damage; where damage can hardly be seen it is neither right nor wrong.
    Damage is found within a pixel of a mark.
    """
    near_damage = F.max_pool2d(scans.damaged, 3, 1, 1)
    judged = marked * torch.maximum(scans.counted, near_damage)
    return Found(
        marked=float(judged.sum()),
        right=float((judged * near_damage).sum()),
        damaged=float(scans.damaged.sum()),
        found=float((scans.damaged * F.max_pool2d(marked, 3, 1, 1)).sum()),
    )


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step's scans."""

    step: int  # counted from 0
    scans: Scans


def make_step(squares: Squares, options: DamageTrainOptions, step: int) -> Step:
    """The scans of one step: a function of the options' seed and the step alone, on one kind of device."""
    seed = int(np.random.SeedSequence([options.seed, step]).generate_state(1, np.uint64)[0] >> 1)
    with torch.no_grad():
        return Step(
            step=step,
            scans=make_scans(squares, count=options.batch, side=options.size, clean=options.clean, seed=seed),
        )


class DamageTask(PictureTask[DamageFinder, DamageTrainOptions]):
    """The damage finder's side of the loop; see :class:`editing.training.loop.Task`.

    ``exam`` is what it is measured with: photographs and mattes held out, or those learned from.
    """

    name = "damage"
    columns: tuple[str, ...] = ("rate", "cross", "dice", "f1", "precision", "recall", "clean_marked")

    def __init__(self, options: DamageTrainOptions, exam: Squares, device: torch.device) -> None:
        super().__init__(
            options, device, lambda: begun(DamageFinder(options.config), options.start, self.name), options.lr
        )
        self.exam = exam

    def step(self, batch: Step) -> Mapping[str, Tensor | float]:
        """One step of the finder."""
        rate = self.options.rate(batch.step, self.progress)
        with self.amp():
            logits = self.network(batch.scans.picture)
        cross, apart = loss_of(logits, batch.scans, self.options.dice)
        learn(self.optimizers[self.name], cross + apart, rate)
        return {"rate": rate, "cross": cross.detach(), "dice": apart.detach()}

    @torch.no_grad()
    def _examined(self, count: int, clean: float, seed: int) -> tuple[Scans, Tensor]:
        """Scans that are always the same, and how surely each pixel is damaged."""
        scans = make_scans(self.exam, count=count, side=self.options.size, clean=clean, seed=seed)
        return scans, torch.sigmoid(self.shown(scans.picture))

    def samples(self) -> Tensor:
        """Eight scans, what is found on them, and what was damaged."""
        scans, probability = self._examined(8, 0.0, 0)
        rows = [scans.picture, probability.expand(-1, 3, -1, -1), scans.damaged.expand(-1, 3, -1, -1)]
        return torch.cat(rows).cpu() * 2 - 1

    def measure(self) -> Mapping[str, float]:
        """F1 with a pixel of tolerance on :data:`EXAM` damaged scans, and the share of clean ones that is marked."""
        found, marked = Found(), []
        for seed in range(1, 1 + EXAM // 8):
            scans, probability = self._examined(8, 0.0, seed)
            found += compare((probability > 0.5).float(), scans)
            _, probability = self._examined(8, 1.0, seed)
            marked.append(float((probability > 0.5).float().mean()))
        return {
            "f1": found.f1, "precision": found.precision, "recall": found.recall,
            "clean_marked": float(np.mean(marked)),
        }  # fmt: skip

    def warnings(self, values: Mapping[str, float]) -> Iterable[str]:
        """Words when clean pictures are marked."""
        if values.get("clean_marked", 0.0) > 0.02:
            yield "more than 2 % of clean pictures is marked; --clean 0.4 shows it more of them"


def run(options: DamageTrainOptions) -> None:
    """Train, then write OUT/damage.safetensors; raises TrainingError, TrainOptionError or Stopped."""
    sources = options.sources(options.size)
    learned, kept = split_mattes(load_mattes(options.mattes), options.hold_out_mattes)
    start_folder(options)
    device = pick_device(options)
    squares = to_device(photo_squares(sources.pictures), learned, device)
    exam = squares
    if sources.held_out.arrays and kept.names:
        exam = to_device(photo_squares(sources.held_out.arrays), kept, device)
    learn_from(lambda step: make_step(squares, options, step), DamageTask(options, exam, device), options)
