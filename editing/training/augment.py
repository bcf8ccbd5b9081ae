"""Differentiable augmentation, the same for real and generated pictures (Zhao et al., DiffAugment, NeurIPS 2020)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def diff_augment(pictures: Tensor, strength: float = 1.0, pairs: int = 1) -> Tensor:
    """Shift colours, move and cut out a part of each of (N, C, H, W) pictures in [-1, 1]; gradients pass through.

    ``pairs`` equal stretches of the batch get the same changes: picture i of each stretch is treated alike, so that a
    picture and its reconstruction stay comparable. ``strength`` 0 changes nothing, 1 is DiffAugment's own.
    """
    if strength <= 0:
        return pictures
    count, side = pictures.shape[0] // pairs, pictures.shape[-1]

    def draw(low: float, high: float) -> Tensor:
        return (
            (torch.rand(count) * (high - low) + low)
            .repeat(pairs)
            .to(pictures.device, non_blocking=True)[:, None, None, None]
        )

    x = pictures + draw(-0.5, 0.5) * strength
    gray = x.mean(1, keepdim=True)
    x = gray + (x - gray) * (1 + draw(-1, 1) * strength)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (1 + draw(-0.5, 0.5) * strength)
    return _cut_out(_translate(x, strength / 8, count, pairs), round(side * 0.5 * strength), count, pairs)


def _translate(x: Tensor, ratio: float, count: int, pairs: int) -> Tensor:
    side = x.shape[-1]
    reach = round(side * ratio)
    if reach < 1:
        return x
    padded = F.pad(x, (reach, reach, reach, reach))
    shifts = torch.randint(0, 2 * reach + 1, (count, 2)).repeat(pairs, 1).to(x.device, non_blocking=True)
    places = shifts[:, :, None] + torch.arange(side, device=x.device)  # (N, 2, side)
    rows = places[:, 0, None, :, None].expand(-1, x.shape[1], -1, padded.shape[-1])
    columns = places[:, 1, None, None, :].expand(-1, x.shape[1], side, -1)
    return padded.gather(2, rows).gather(3, columns).contiguous(memory_format=torch.channels_last)


def _cut_out(x: Tensor, hole: int, count: int, pairs: int) -> Tensor:
    side = x.shape[-1]
    if hole < 1:
        return x
    corner = torch.randint(-hole // 2, side - hole // 2, (count, 2)).repeat(pairs, 1).to(x.device, non_blocking=True)
    place = torch.arange(side, device=x.device)
    rows = (place >= corner[:, :1]) & (place < corner[:, :1] + hole)
    columns = (place >= corner[:, 1:]) & (place < corner[:, 1:] + hole)
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])
