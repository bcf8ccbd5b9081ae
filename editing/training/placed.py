"""Pictures of any sizes as one piece of memory on the device that learns: crops are made there, by index alone.

Nothing but a few numbers a crop is copied at each step, so that neither a GPU's bus nor a few processors hold it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from editing.training.photos import Bytes


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Pictures, their pixels one after the other."""

    flat: Tensor  # (pixels of all, 3) uint8
    first: Tensor  # (P,) where each begins
    sizes: NDArray[np.int64]  # (P, 2) height and width of each
    widths: Tensor  # (P,)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where crops are cut, and which of the eight ways each is turned and mirrored."""

    which: NDArray[np.int64]  # (N,) numbers of pictures
    top: NDArray[np.int64]
    left: NDArray[np.int64]
    way: NDArray[np.int64]  # 0 to 7; 0 leaves it alone


def place(pictures: Sequence[Bytes], device: torch.device) -> Placed:
    """Pictures, each (H, W, 3) uint8, on the device."""
    sizes = np.array([picture.shape[:2] for picture in pictures], np.int64).reshape(-1, 2)
    counts = sizes.prod(1)
    flat = torch.empty(int(counts.sum()), 3, dtype=torch.uint8, device=device)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    for picture, start, count in zip(pictures, starts, counts, strict=True):
        flat[start : start + count] = torch.from_numpy(np.array(picture)).reshape(-1, 3).to(device)
    return Placed(
        flat=flat,
        first=torch.from_numpy(starts).to(device),
        sizes=sizes,
        widths=torch.from_numpy(sizes[:, 1].copy()).to(device),
    )


def drawn(sizes: NDArray[np.int64], which: NDArray[np.int64], side: int, random: np.random.Generator) -> Places:
    """Anywhere in the pictures ``which``, of these ``sizes``, turned and mirrored at random."""
    room = sizes[which] - side + 1
    top, left = (np.floor(random.random(len(which)) * room[:, axis]).astype(np.int64) for axis in (0, 1))
    return Places(which=which, top=top, left=left, way=random.integers(0, 8, len(which)))


def cut(placed: Placed, places: Places, side: int, factor: int = 1) -> Tensor:
    """The squares (N, 3, side, side) uint8, channels last; ``factor`` multiplies the places, not the side."""
    device = placed.flat.device
    numbers = np.stack([places.which, places.top * factor, places.left * factor, places.way])
    which, top, left, way = (row[:, None, None] for row in torch.from_numpy(numbers).to(device, non_blocking=True))
    y = torch.arange(side, device=device)[:, None].expand(side, side)
    x = y.T
    down = torch.where(way % 2 == 1, side - 1 - y, y)
    across = torch.where(way // 2 % 2 == 1, side - 1 - x, x)
    swapped = way >= 4
    row, column = torch.where(swapped, across, down), torch.where(swapped, down, across)
    index = placed.first[which] + (top + row) * placed.widths[which] + left + column
    return placed.flat[index].permute(0, 3, 1, 2)


def floats(crops: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1]."""
    return crops.float().div(255)
