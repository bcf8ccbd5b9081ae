"""Pictures from a folder, decoded once into a memory-mapped file, and endless batches of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
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
from editing.settings import written

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


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """The pictures of a folder, one after the other in one file, mapped from disk."""

    flat: NDArray[np.uint8]  # of every picture (H, W, channels) its numbers
    sizes: tuple[tuple[int, int], ...]  # (H, W) of each
    names: tuple[str, ...]  # relative to the folder, with forward slashes
    skipped: tuple[str, ...]  # what could not be used
    key: str  # another one when a file's name, length or time changes


def decode(folder: Path, kind: str, read: Callable[[Path], NDArray[np.uint8] | None], cache: Path) -> Decoded:
    """What ``read`` makes of every picture under ``folder``, once: later calls map the file in ``cache``.

    Where it is None, the picture is skipped; ``kind`` must change with what ``read`` does. No more than one picture is
    held in memory, and two processes that decode together do no harm. Raises TrainingError for a missing folder and a
    full disk.
    """
    files = find_pictures(folder)
    seen = hashlib.sha256(kind.encode())
    for path in files:
        status = path.stat()
        seen.update(f"\n{path.relative_to(folder).as_posix()} {status.st_size} {status.st_mtime_ns}".encode())
    key = seen.hexdigest()[:16]
    numbers, about = cache / f"{key}.raw", cache / f"{key}.json"
    if not about.is_file():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            facts: dict[str, list[Any]] = {"names": [], "sizes": [], "skipped": []}
            with written(numbers) as part, part.open("wb") as file:
                for path in tqdm(files, desc="decoding", unit="picture", leave=False):
                    picture = read(path)
                    facts["skipped" if picture is None else "names"].append(path.relative_to(folder).as_posix())
                    if picture is not None:
                        facts["sizes"].append(picture.shape[:2])
                        file.write(np.ascontiguousarray(picture).data)
            with written(about) as part:  # last: its presence says that both are whole
                part.write_text(json.dumps(facts), encoding="utf-8")
        except OSError as error:
            raise TrainingError(f"Can't write the decoded pictures to {cache}: {error.strerror or error}") from error
    facts = json.loads(about.read_text(encoding="utf-8"))
    flat = np.memmap(numbers, np.uint8, "r") if facts["names"] else np.zeros(0, np.uint8)
    sizes = tuple((height, width) for height, width in facts["sizes"])
    return Decoded(flat=flat, sizes=sizes, names=tuple(facts["names"]), skipped=tuple(facts["skipped"]), key=key)


def load_pictures(folder: Path, size: int, channels: int, cache: Path) -> Pictures:
    """Every picture under ``folder`` as a centred square, decoded once; see :func:`decode`.

    Broken files are skipped and named; raises TrainingError when fewer than 16 pictures are left, too.
    """

    def read(path: Path) -> NDArray[np.uint8] | None:
        try:
            return read_square(path, size, channels)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # whatever Pillow says of broken files
            return None

    found = decode(folder, f"3 {size} {channels}", read, cache)
    if len(found.names) < FEWEST:
        raise TrainingError(
            f"{folder} has {len(found.names)} readable pictures ({len(found.skipped)} broken files skipped), "
            f"wanted {FEWEST} or more"
        )
    return Pictures(array=found.flat.reshape(-1, size, size, channels), names=found.names, skipped=found.skipped)


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
