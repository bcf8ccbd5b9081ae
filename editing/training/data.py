"""Pictures from a folder, decoded once into a memory-mapped file, and endless batches of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from editing.errors import TrainingError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic"}
FEWEST = 16


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Decoded pictures: ``array`` is (N, size, size, channels) uint8, mapped from disk, in the order of ``names``."""

    array: NDArray[np.uint8]
    names: tuple[str, ...]  # relative to the folder, with forward slashes
    skipped: tuple[str, ...]  # files that could not be read

    def subset(self, indices: Sequence[int]) -> Tensor:
        """(len(indices), channels, size, size) float32 in [-1, 1]."""
        return to_float(torch.from_numpy(self.array[np.asarray(indices, dtype=np.int64)]))


def to_float(pictures: Tensor) -> Tensor:
    """(N, H, W, C) uint8 -> (N, C, H, W) float32 in [-1, 1], channels last in memory."""
    return pictures.permute(0, 3, 1, 2).float().div(127.5).sub(1)


def find_pictures(folder: Path) -> list[Path]:
    """All picture files under ``folder`` by name; raises TrainingError when it isn't a folder."""
    if not folder.is_dir():
        raise TrainingError(f"{folder} is not a folder; give --data a folder of pictures")
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def cache_key(kind: str, folder: Path, files: Sequence[Path]) -> str:
    """A name for what is decoded from ``files``: another one when a name, a length, a time or ``kind`` changes."""
    key = hashlib.sha256(kind.encode())
    for path in files:
        status = path.stat()
        key.update(f"\n{path.relative_to(folder).as_posix()} {status.st_size} {status.st_mtime_ns}".encode())
    return key.hexdigest()[:16]


def load_pictures(folder: Path, size: int, channels: int, cache: Path) -> Pictures:
    """Decode every picture under ``folder`` to a centred square, once; later calls map the file in ``cache``.

    The cache is keyed on names, lengths and times of the files, and on size and channels. Two processes that build it
    together do no harm: each writes its own temporary file and renames it. Broken files are skipped and named; raises
    TrainingError when fewer than 16 pictures are left, or the disk is full.
    """
    files = find_pictures(folder)
    stem = cache / cache_key(f"2 {size} {channels}", folder, files)
    if not stem.with_suffix(".json").is_file():
        try:
            _decode(folder, files, size, channels, stem)
        except OSError as error:
            raise TrainingError(f"Can't write the decoded pictures to {cache}: {error.strerror or error}") from error
    facts = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    names, skipped = facts["names"], facts["skipped"]
    if len(names) < FEWEST:
        raise TrainingError(
            f"{folder} has {len(names)} readable pictures ({len(skipped)} broken files skipped), "
            f"wanted {FEWEST} or more"
        )
    array = np.load(stem.with_suffix(".npy"), mmap_mode="r")
    return Pictures(array=array, names=tuple(names), skipped=tuple(skipped))


def load_folders(folder: Path, also: str, size: int, channels: int, cache: Path) -> Pictures:
    """The pictures of ``folder`` and of the further folders in ``also`` (separated as in PATH), one after the other.

    Each name is relative to its own folder. Raises what :func:`load_pictures` does.
    """
    first, *more = [
        load_pictures(path, size, channels, cache)
        for path in (folder, *map(Path, filter(None, also.split(os.pathsep))))
    ]
    if not more:
        return first  # as it lies on the disk
    parts = [first, *more]
    return Pictures(
        array=np.concatenate([part.array for part in parts]),
        names=tuple(name for part in parts for name in part.names),
        skipped=tuple(name for part in parts for name in part.skipped),
    )


def _decode(folder: Path, files: list[Path], size: int, channels: int, stem: Path) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    rows: list[NDArray[np.uint8]] = []
    names: list[str] = []
    skipped: list[str] = []
    for path in tqdm(files, desc="decoding", unit="picture", leave=False):
        try:
            rows.append(read_square(path, size, channels))
            names.append(path.relative_to(folder).as_posix())
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # whatever Pillow says of broken files
            skipped.append(path.relative_to(folder).as_posix())
    array = np.stack(rows) if rows else np.zeros((0, size, size, channels), np.uint8)
    part = stem.with_suffix(f".{uuid.uuid4().hex}.part")  # two threads have the same process id
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(stem.with_suffix(".npy"))
    part.write_text(json.dumps({"names": names, "skipped": skipped}), encoding="utf-8")
    part.replace(stem.with_suffix(".json"))  # last: its presence says that both are whole


def read_square(path: Path, size: int, channels: int) -> NDArray[np.uint8]:
    """One picture file -> (size, size, channels) uint8: upright, over white where transparent, centred square."""
    with Image.open(path) as opened:
        opened.draft("RGB", (size * 2, size * 2))  # a JPEG decodes faster at a fraction of its size
        upright: Any = ImageOps.exif_transpose(opened)
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            white = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(white, upright)
        picture = upright.convert("L" if channels == 1 else "RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side))
    fitted = square.resize((size, size), Image.Resampling.BICUBIC)  # antialiased, as always in Pillow
    return np.asarray(fitted, dtype=np.uint8).reshape(size, size, channels)


def hold_out(names: Sequence[str], count: int) -> tuple[list[int], list[int]]:
    """Indices to train on and indices kept out: the ``count`` names whose sha256 is least.

    The choice depends on each name alone, so it stays the same when other pictures come and go.
    Raises TrainingError when fewer than 16 would be left.
    """
    if len(names) - count < FEWEST:
        raise TrainingError(f"--hold-out {count} of {len(names)} pictures leaves fewer than {FEWEST} to train on")
    order = sorted(range(len(names)), key=lambda i: hashlib.sha256(names[i].encode()).hexdigest())
    return sorted(order[count:]), sorted(order[:count])


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One step's pictures."""

    step: int  # counted from 0
    pictures: Tensor  # (N, channels, size, size) float32 in [-1, 1]
    index: Tensor  # (N,) which training picture each is, int64
    mirrored: Tensor  # (N,) bool


def make_batch(
    pictures: Pictures,
    training: Sequence[int],
    step: int,
    batch: int,
    seed: int,
    rank: int = 0,
    world: int = 1,
    placed: Tensor | None = None,
) -> Batch:
    """The batch of one step: a function of its arguments alone, so a resumed training sees the same pictures.

    Epochs are permutations; rank r of a world takes the r-th stretch of each step's pictures. With ``placed``, the same
    array on a GPU, the batch is made there, and nothing but numbers of pictures is copied.
    """
    start = (step * world + rank) * batch
    chosen = np.empty(batch, np.int64)
    for i in range(batch):
        epoch, place = divmod(start + i, len(training))
        chosen[i] = _permutation(len(training), seed, epoch)[place]
    mirrored = np.random.default_rng([seed, step, rank]).random(batch) < 0.5
    rows = np.asarray(training)[chosen]
    index, flips = torch.from_numpy(chosen), torch.from_numpy(mirrored)
    if placed is None:
        array = pictures.array[rows]
        array[mirrored] = array[mirrored, :, ::-1]
        return Batch(step=step, pictures=to_float(torch.from_numpy(array)), index=index, mirrored=flips)
    index, flips, places = (x.to(placed.device, non_blocking=True) for x in (index, flips, torch.from_numpy(rows)))
    taken = placed[places]
    taken = torch.where(flips[:, None, None, None], taken.flip(2), taken)
    return Batch(step=step, pictures=to_float(taken), index=index, mirrored=flips)


_last: dict[tuple[int, int], tuple[int, NDArray[np.int64]]] = {}


def _permutation(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    known = _last.get((count, seed))
    if known is None or known[0] != epoch:
        known = (epoch, np.random.default_rng([seed, epoch, 7]).permutation(count))
        _last[count, seed] = known
    return known[1]


def batches(
    pictures: Pictures,
    training: Sequence[int],
    *,
    batch: int,
    seed: int,
    first: int,
    steps: int,
    rank: int = 0,
    world: int = 1,
    placed: Tensor | None = None,
) -> Iterator[Batch]:
    """Batches of steps ``first`` to ``steps - 1``, made two ahead on another thread."""
    ready: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=2)
    enough = threading.Event()

    def put(item: Batch | BaseException) -> None:
        while not enough.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return

    def work() -> None:
        try:
            for step in range(first, steps):
                if enough.is_set():
                    return
                put(make_batch(pictures, training, step, batch, seed, rank, world, placed))
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        for _ in range(first, steps):
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        enough.set()
        thread.join()
