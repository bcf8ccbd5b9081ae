"""Whole pictures of any size to cut crops from: decoded once, mapped from disk, held out by name."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from editing.errors import EditingError, ImageError, TrainingError
from editing.pictures.picture import from_float, to_float
from editing.training.data import FEWEST, decode, hold_out
from editing.training.loop import Task, World, load_checkpoint, restore, train
from editing.training.options import TrainOptionError, TrainOptions, at_least, shares, unwanted

Bytes = NDArray[np.uint8]
Made = TypeVar("Made")
LONGEST = 1024  # larger pictures are reduced to this: less noise and blur to learn from


@dataclass(frozen=True, kw_only=True)
class Photos:
    """Pictures, each (H, W, 3) uint8, mapped from disk, in the order of ``names``."""

    arrays: tuple[Bytes, ...]
    names: tuple[str, ...]  # relative to the folder, with forward slashes
    skipped: tuple[str, ...]  # files that could not be read, or were too small
    key: str  # changes with the files' names, lengths and times

    def subset(self, indices: Sequence[int]) -> Photos:
        """Some of the pictures."""
        return replace(self, arrays=tuple(self.arrays[i] for i in indices), names=tuple(self.names[i] for i in indices))


@dataclass(frozen=True, kw_only=True)
class PhotoTrainOptions(TrainOptions):
    """What the trainings on crops of photographs have in common."""

    also: str = ""  # further folders of pictures, separated as in PATH; none of these is held out
    share: float = 0.7  # of the crops, how many come from --data when there are further folders
    lr: float = 1e-3  # highest learning rate (Adam); it falls to nothing by the end, as a cosine
    warmup: int = 100  # steps over which the learning rate rises
    start: str = ""  # last.pt of another training, whose averaged networks this one begins with

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, "lr", 0)
        at_least(self, "warmup", 0)
        shares(self, "share")
        if self.channels != 3:
            raise unwanted(self, "channels", "3: gray pictures are learned as colour ones")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise TrainOptionError("This training runs in one process; start it without torchrun")

    def sources(self, smallest: int) -> Sources:
        """What is learned from, but pictures with a side below ``smallest``; raises what :func:`load_sources` does."""
        return load_sources(
            self.data, self.also, held_out=self.hold_out, share=self.share, smallest=smallest, cache=self.cache_folder
        )

    def rate(self, step: int, progress: float) -> float:
        """The learning rate of a step, counted from 0, with a share ``progress`` of the training behind it."""
        rising = min(1.0, (step + 1) / (self.warmup + 1))
        return self.lr * rising * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What is learned from, and what is measured with."""

    main: Photos
    also: Photos  # further pictures; empty where there are none
    held_out: Photos  # of the main folder
    share: float  # of the crops that come from the main folder

    @property
    def pictures(self) -> tuple[Bytes, ...]:
        """All that is learned from: the main folder's pictures, then the others."""
        return self.main.arrays + self.also.arrays

    def pick(self, random: np.random.Generator) -> int:
        """A random place in :attr:`pictures`."""
        first = len(self.main.arrays)
        if not self.also.arrays or random.random() < self.share:
            return int(random.integers(first))
        return first + int(random.integers(len(self.also.arrays)))

    def crop(self, side: int, random: np.random.Generator) -> Bytes:
        """A random square (side, side, 3) of a random picture, turned and mirrored at random: a view."""
        return random_crop(self.pictures[self.pick(random)], side, random)


def random_crop(picture: Bytes, side: int, random: np.random.Generator) -> Bytes:
    """A random square (side, side, 3) of a picture, turned and mirrored at random: a view."""
    top, left = (int(random.integers(0, length - side + 1)) for length in picture.shape[:2])
    return turned(picture[top : top + side, left : left + side], int(random.integers(8)))


def middle(picture: Bytes, side: int) -> Bytes:
    """The square (side, side, 3) in the middle of a picture: a view."""
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def turned(picture: Bytes, way: int) -> Bytes:
    """One of the eight ways, 0 to 7, to turn and mirror a square; 0 leaves it alone."""
    out = np.rot90(picture, way % 4)
    return out[:, ::-1] if way >= 4 else out


def load_sources(folder: Path, also: str, *, held_out: int, share: float, smallest: int, cache: Path) -> Sources:
    """The pictures of ``folder``, some of them held out, and of the folders in ``also`` (separated as in PATH).

    Pictures with a side below ``smallest`` are skipped. Raises TrainingError for a missing folder, for fewer than 16
    pictures to train on, and when the disk is full.
    """
    main = load_photos(folder, smallest, cache)
    if len(main.names) < FEWEST:
        raise TrainingError(
            f"{folder} has {len(main.names)} usable pictures of {smallest} pixels or more a side "
            f"({len(main.skipped)} files skipped), wanted {FEWEST} or more"
        )
    learned, kept = hold_out(main.names, held_out)
    parts = [load_photos(Path(name), smallest, cache) for name in also.split(os.pathsep) if name]
    further = Photos(
        arrays=tuple(array for part in parts for array in part.arrays),
        names=tuple(name for part in parts for name in part.names),
        skipped=tuple(name for part in parts for name in part.skipped),
        key=" ".join(part.key for part in parts),
    )
    return Sources(main=main.subset(learned), also=further, held_out=main.subset(kept), share=share)


def load_photos(folder: Path, smallest: int, cache: Path) -> Photos:
    """Every picture under ``folder``, decoded once; see :func:`editing.training.data.decode`.

    Transparent pictures are laid over white, gray ones become RGB. Files that can't be read and pictures too small are
    skipped and named.
    """

    def read(path: Path) -> Bytes | None:
        try:
            picture = read_photo(path)
        except EditingError:
            return None
        return picture if min(picture.shape[:2]) >= smallest else None

    found = decode(folder, f"photos 2 {smallest} {LONGEST}", read, cache)
    ends = np.cumsum([3 * height * width for height, width in found.sizes])[:-1]
    parts = np.split(found.flat, ends) if found.sizes else []
    arrays = tuple(part.reshape(*size, 3) for part, size in zip(parts, found.sizes, strict=True))
    return Photos(arrays=arrays, names=found.names, skipped=found.skipped, key=found.key)


def read_photo(path: Path) -> Bytes:
    """A picture file -> (H, W, 3) uint8, over white where transparent, the longer side 1024 at most.

    Raises ImageError when it can't be read.
    """
    try:
        from editing.pictures.read import read_picture
    except ImportError:  # it needs packages that a machine lent for training may lack
        return _read_with_pillow(path)
    picture = read_picture(path)
    pixels = to_float(picture.pixels)
    if picture.alpha is not None:
        pixels = 1 + to_float(picture.alpha)[..., None] * (pixels - 1)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    longest = max(pixels.shape[:2])
    if longest > LONGEST:
        width, height = (max(1, round(side * LONGEST / longest)) for side in (pixels.shape[1], pixels.shape[0]))
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(from_float(pixels, 8), np.uint8)


def _read_with_pillow(path: Path) -> Bytes:
    """As :func:`read_photo`, of 8-bit files alone."""
    try:
        with Image.open(path) as opened:
            upright: Any = ImageOps.exif_transpose(opened).convert("RGBA")
            white = Image.new("RGBA", upright.size, "white")
            picture = Image.alpha_composite(white, upright).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: {error}") from error
    if max(picture.size) > LONGEST:
        share = LONGEST / max(picture.size)
        width, height = (max(1, round(side * share)) for side in picture.size)
        return cv2.resize(np.asarray(picture), (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return np.asarray(picture, np.uint8)


def stacked(pictures: Sequence[NDArray[Any]] | NDArray[Any]) -> Tensor:
    """Pictures (H, W, C) of one size -> (N, C, H, W), channels last in memory."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2)


def to_tensor(pictures: Sequence[Bytes] | Bytes) -> Tensor:
    """Pictures (H, W, C) uint8 of one size -> (N, C, H, W) float32 in [0, 1], channels last in memory."""
    return stacked(pictures).float().div(255)


def made_ahead(make: Callable[[int], Made], first: int, steps: int, depth: int = 2) -> Iterator[Made]:
    """``make(step)`` for steps ``first`` to ``steps - 1``, made up to ``depth`` ahead on another thread."""
    with ThreadPoolExecutor(1, "batches") as pool:
        waiting = deque(pool.submit(make, step) for step in range(first, min(first + depth, steps)))
        for step in range(first, steps):
            made = waiting.popleft().result()
            if step + depth < steps:
                waiting.append(pool.submit(make, step + depth))
            yield made


def learn_from(make: Callable[[int], Made], task: Task[Made], options: PhotoTrainOptions) -> None:
    """Train and export ``task`` with ``make(step)``, from the beginning or, with ``--resume``, from OUT/last.pt."""
    path = options.out / "last.pt"
    first = restore(task, load_checkpoint(path), path) if options.resume else 0
    train(task, options, made_ahead(make, first, options.steps), World(), first)
