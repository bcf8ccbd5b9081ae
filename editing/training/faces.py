"""Aligned faces to learn from: a little wrongly aligned and badly photographed, in batches, on any device.

All in PyTorch, on tensors that lie on the device, since a GPU would wait for a processor that does it. Faces are
(N, 3, side, side) float32 in [0, 1]. The same seed gives the same faces on the same kind of device.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from editing.training.data import Pictures, hold_out, load_pictures
from editing.training.photos import PhotoTrainOptions
from editing.training.scans import Draw, jpeg, luma

SIDE = 512  # of the faces as they are kept on the device
PART = 4  # so many faces have the order of what spoils them, its strength and the size they are reduced to in common
GRAIN = 16  # they are reduced to multiples of this: on a GPU every new shape is tried out first


@dataclass(frozen=True, kw_only=True)
class Portraits:
    """Faces to learn from, on the device: (P, 512, 512, 3) uint8, those of the main folder first."""

    array: Tensor
    main: int  # how many are of the main folder
    share: float  # of the drawn ones, how many come from the main folder

    def drawn(self, draw: Draw) -> Tensor:
        """Random ones, (N, 3, 512, 512) in [0, 1]."""
        further = len(self.array) - self.main
        place = draw.uniform(0, 1)[:, 0, 0, 0]
        chosen = (place * self.main).long().clamp(max=self.main - 1)
        if further:
            others = self.main + (place * further).long().clamp(max=further - 1)
            chosen = torch.where(draw.chance(self.share)[:, 0, 0, 0], chosen, others)
        return self.array[chosen].permute(0, 3, 1, 2).float().div(255)


def load_faces(options: PhotoTrainOptions, device: torch.device) -> tuple[Portraits, Pictures]:
    """The faces to learn from, of ``options.data`` and the folders in ``options.also``, and those held out.

    ``options.hold_out`` of the first folder are kept out, chosen by their names; of the further ones none. Raises
    TrainingError for a missing folder, for fewer than 16 pictures, and when the disk is full.
    """
    main = load_pictures(options.data, SIDE, 3, options.cache_folder)
    learned, kept = hold_out(main.names, options.hold_out)
    parts = [main.array[learned]]
    parts += [
        load_pictures(Path(name), SIDE, 3, options.cache_folder).array
        for name in options.also.split(os.pathsep)
        if name
    ]
    array = torch.from_numpy(np.concatenate(parts)).to(device)
    held_out = Pictures(array=main.array[kept], names=tuple(main.names[i] for i in kept), skipped=())
    return Portraits(array=array, main=len(learned), share=options.share), held_out


def few(portraits: Portraits, count: int) -> Pictures:
    """The first of the faces, to look at."""
    array = portraits.array[:count].cpu().numpy()
    return Pictures(array=array, names=tuple(f"{i}.jpg" for i in range(len(array))), skipped=())


def jittered(faces: Tensor, draw: Draw) -> Tensor:
    """Faces (N, 3, side, side) in [0, 1], half of them mirrored, about as well aligned as the detector does it.

    ``editing.faces.align`` takes faces of such pictures to the template at a scale of 0.97, with deviations of 0.03,
    1.3 degrees and 0.8 % of the side; on poor photographs it can only be worse.
    """
    normal = torch.randn(draw.count, 4, generator=draw.generator, device=draw.device)
    angle, scale = normal[:, 0] * math.radians(2), 1 / (0.98 + 0.03 * normal[:, 1]).clamp(0.8, 1.2)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    flip = torch.where(draw.chance(0.5), 1.0, -1.0).flatten()
    x, y = (0.02 * normal[:, 2:]).unbind(1)
    theta = torch.stack([torch.stack([cos * flip, -sin, x], 1), torch.stack([sin * flip, cos, y], 1)], 1)
    grid = F.affine_grid(theta, list(faces.shape), align_corners=False)
    seen = F.grid_sample(faces, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    return seen.clamp(0, 1)


def reduced(faces: Tensor, side: int) -> Tensor:
    """Faces (N, 3, S, S) at ``side`` pixels: means, where that is a whole part of theirs."""
    if side == faces.shape[-1]:
        return faces
    if faces.shape[-1] % side == 0:
        return F.avg_pool2d(faces, faces.shape[-1] // side)
    return resized(faces, side, "bicubic")


def resized(x: Tensor, side: int, how: str) -> Tensor:
    """Squares (N, 3, S, S) -> (N, 3, side, side), in [0, 1]; bilinear, bicubic or area."""
    if x.shape[-1] == side:
        return x
    if how == "area":
        return F.interpolate(x, size=(side, side), mode="area")
    antialias = side < x.shape[-1]
    out = F.interpolate(x, size=(side, side), mode=how, align_corners=False, antialias=antialias)
    return out.clamp(0, 1)


def some_of(count: int, share: float, chance: float) -> int:
    """About a share of ``count`` faces, in whole parts of :data:`PART` where they suffice; ``chance`` is 0 to 1."""
    return min(count, int(share * count / PART + chance) * PART)


def spoiled(faces: Tensor, draw: Draw, strongest: float = 1.0) -> tuple[Tensor, Tensor]:
    """Faces as they come out of old or poor photographs, and what their repair is: the clean ones *in the same tone*.

    What :func:`editing.training.degradations.degrade_face` does, at strengths up to ``strongest``: blur or shake, a
    reduction (1 to 8 times, counted at 256 pixels), noise, JPEG and a tone, in random order, most of them present.
    Gray and faded faces are to stay as gray and as faded as the photograph round them.
    """
    parts = [_spoiled_part(part, draw, strongest) for part in torch.split(faces, PART)]
    return torch.cat([poor for poor, _ in parts]), torch.cat([clean for _, clean in parts])


def _spoiled_part(faces: Tensor, draw: Draw, strongest: float) -> tuple[Tensor, Tensor]:
    draw = copy.copy(draw)
    draw.count = len(faces)
    host, side = draw.host, faces.shape[-1]
    strength = host.uniform(0, strongest)
    tone = random_tone(strength, draw)

    def blur(x: Tensor) -> Tensor:
        length = x.shape[-1] / 256
        if host.random() < 0.15:
            far = host.uniform(2, 2 + 14 * strength) * length
            return shaken(x, far, host.uniform(0, math.pi))
        across = length * draw.uniform(0.2, 0.5 + 3.5 * strength)
        radius = math.ceil(length * 3 * 1.4 * (0.5 + 3.5 * strength))
        return softened(x, across, across * draw.uniform(0.7, 1.4), radius)

    def reduce(x: Tensor) -> Tensor:
        small = GRAIN * round(256 / host.uniform(1, 1 + 7 * strength) / GRAIN)
        return resized(x, min(side, max(GRAIN, small)), host.choice(("area", "bilinear", "bicubic")))

    def noise(x: Tensor) -> Tensor:
        white = draw.noise(3, *x.shape[2:])
        if host.random() < 0.4:
            white = white[:, :1]
        if host.random() < 0.5:
            return (x + draw.uniform(1, 1 + 24 * strength) / 255 * white).clamp(0, 1)
        counted = luma(x) if white.shape[1] == 1 else x
        return (x + draw.uniform(0.05, 0.05 + 2 * strength) * (counted.clamp(0, 1) / 256).sqrt() * white).clamp(0, 1)

    def compression(x: Tensor) -> Tensor:
        return jpeg(x, torch.floor(draw.uniform(round(95 - 65 * strength), 96)), draw)

    steps: list[Callable[[Tensor], Tensor]] = [tone]
    steps += [step for step in (blur, reduce, noise, compression) if host.random() < 0.85]
    host.shuffle(steps)
    out = faces
    for step in steps:
        out = step(out)
    out = resized(out.clamp(0, 1), side, host.choice(("bilinear", "bicubic")))
    return (out * 255).round() / 255, tone(faces)


def random_tone(strength: float, draw: Draw) -> Callable[[Tensor], Tensor]:
    """The tone of each photograph: mostly as it was, or gray, or faded, with less contrast and colour and a tint."""
    kind = draw.uniform(0, 1)
    plain, gray = kind < 0.65, kind > 0.85
    colour = torch.where(gray, 0.0, 1 - strength * draw.uniform(0.2, 1))
    faded = torch.where(gray, 0.0, strength)  # gray ones keep their contrast
    black, white = faded * draw.uniform(0, 0.25), 1 - faded * draw.uniform(0, 0.25)
    tints = torch.tensor([0.0, 0.2, 0.6]).to(draw.device, non_blocking=True)[:, None, None]
    tint = 1 - faded * draw.uniform(0, 0.5) * tints

    def tone(x: Tensor) -> Tensor:
        grays = luma(x)
        return torch.where(plain, x, (black + (white - black) * (grays + colour * (x - grays))) * tint)

    return tone


def softened(x: Tensor, across: Tensor, down: Tensor, radius: int) -> Tensor:
    """Filtered by a Gaussian of each picture's own deviations (N, 1, 1, 1), cut off at ``radius``."""
    count, channels, height, width = x.shape
    places = torch.arange(-radius, radius + 1, device=x.device, dtype=torch.float32)

    def kernel(sigma: Tensor) -> Tensor:
        line = torch.exp(-0.5 * (places / sigma.reshape(-1, 1).clamp(min=0.1)) ** 2)
        return (line / line.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]

    flat = F.pad(x.reshape(1, count * channels, height, width), (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel(down)[..., None], groups=count * channels)
    flat = F.conv2d(flat, kernel(across)[:, :, None], groups=count * channels)
    return flat.reshape(count, channels, height, width)


def shaken(x: Tensor, length: float, angle: float) -> Tensor:
    """Blurred along a straight line of ``length`` pixels at ``angle`` (radians), as by a moving camera."""
    half = 4 * math.ceil(length / 8)
    places = torch.arange(-half, half + 1, dtype=torch.float32)
    along = places * math.cos(angle) + places[:, None] * math.sin(angle)
    across = places[:, None] * math.cos(angle) - places * math.sin(angle)
    kernel = (length / 2 + 0.5 - along.abs()).clamp(0, 1) * (1 - across.abs()).clamp(0, 1)
    kernel = (kernel / kernel.sum()).to(x.device, non_blocking=True)
    flat = F.pad(x.flatten(0, 1)[:, None], (half,) * 4, mode="replicate")
    return F.conv2d(flat, kernel[None, None]).reshape(x.shape)
