"""Fill masked parts of a picture that are no face, from what is around them.

Two ways: ``lama``, LaMa (Suvorov et al. 2022, https://arxiv.org/abs/2109.07161), a network that invents what it takes,
when its weight has been fetched; else ``patches``, which copies: every patch of the filled part resembles one of the
surroundings. The latter is Wexler, Shechtman and Irani's "Space-Time Completion of Video" (2007) for one picture, from
coarse to fine. Departures: patches are compared by their principal components (Newson et al. 2014 keep all numbers);
the nearest is found exactly on the coarse levels, and on the fine ones among those that the neighbours use, as in
PatchMatch (Barnes et al. 2009).

Each part is filled on a crop round it, at the picture's own resolution; of a picture of any size only these are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from editing import runtime
from editing.pictures import masks
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats, Pixels, from_float, to_float
from editing.report import Report, silent
from editing.runtime import Backend
from editing.weights.files import digest, path_of
from editing.weights.find import find_weight
from editing.weights.load import load_network

_LAMA_SIDE = 768  # pixels of a crop beyond which LaMa loses the thread; larger crops are filled reduced


@dataclass(frozen=True, kw_only=True, eq=False)
class Filler:
    """A way to fill; ``run`` takes (h, w, 3) RGB in [0, 1] and (h, w) bool, True where to fill, and gives (h, w, 3)."""

    name: str  # "patches" or "lama"
    sha256: str | None  # of the weight, if there is one
    run: Callable[[Floats, npt.NDArray[np.bool_]], Floats]


def load(name: str = "auto") -> Filler:
    """The filler called ``name``; "auto" is LaMa where it has been fetched, else patches.

    Raises WeightError for an unknown name, and where LaMa's weight is missing or damaged.
    """
    if name == "auto":
        name = "lama" if path_of(find_weight("lama", "inpaint")) else "patches"
    if name == "patches":
        return Filler(name=name, sha256=None, run=fill_by_patches)
    weight = find_weight(name, "inpaint")
    backend, sha256 = Backend(runtime.choose_backend("fp32").device, "fp32"), digest(weight)  # it takes FFTs

    def build() -> Filler:
        network = load_network(weight)
        backend.place(network.model)

        def run(picture: Floats, hole: npt.NDArray[np.bool_]) -> Floats:
            return _by_network(network, picture, hole, backend)

        return Filler(name=weight.name, sha256=sha256, run=run)

    return runtime.cached_network(sha256, backend, build)


def _by_network(
    network: Callable[[Tensor, Tensor], Tensor], picture: Floats, hole: npt.NDArray[np.bool_], backend: Backend
) -> Floats:
    height, width = hole.shape
    scale = min(1.0, _LAMA_SIDE / max(height, width))
    size = max(16, round(width * scale)), max(16, round(height * scale))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    gone = (cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0).astype(np.float32)
    tensor = torch.from_numpy(small).permute(2, 0, 1)[None].to(backend.device)
    with torch.inference_mode():
        filled = network(tensor, torch.from_numpy(gone)[None, None].to(backend.device))[0]
    result = filled.float().permute(1, 2, 0).cpu().numpy()
    return np.asarray(cv2.resize(result, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def fill(pixels: Pixels, mask: Mask, *, filler: Filler | None = None, report: Report = silent) -> Pixels:
    """``pixels`` (H, W, C) with what ``mask`` (H, W) covers filled; where it is 0 the result is bit-identical.

    ``report`` counts the separate parts of the mask. Raises WeightError, and whatever ``report`` raises.
    """
    filler = filler or load()
    result: Pixels = pixels.copy()
    parts = _parts(mask)
    report(0, len(parts), "fill")
    for done, (inner, area) in enumerate(parts, 1):
        crop, share = result[area], mask[area].copy()
        hole = share > 0
        share[~inner] = 0  # another part's turn comes, or came; both are unknown to this one
        known = ~hole | (_done_before(parts[: done - 1], area) & hole & ~inner)
        floats = to_float(crop)
        gray = floats.shape[2] == 1
        filled = filler.run(np.repeat(floats, 3, axis=2) if gray else floats, ~known)
        filled = filled.mean(2, keepdims=True) if gray else filled
        new = from_float(np.asarray(filled, np.float32), 8 if pixels.dtype == np.uint8 else 16)
        result[area] = masks.blend(crop, new, share)
        report(done, len(parts), "fill")
    return result


_Part = tuple[npt.NDArray[np.bool_], tuple[slice, slice]]


def _parts(mask: Mask) -> list[_Part]:
    """The connected parts of a mask, each as (h, w) bool within its crop: the part's box and as much again round it."""
    height, width = mask.shape
    _, labels, boxes, _ = cv2.connectedComponentsWithStats((mask > 0).astype(np.uint8), connectivity=8)
    parts = []
    for label, (left, top, across, down, _) in enumerate(boxes):
        if label == 0:
            continue
        margin = max(48, min(max(across, down), 400))
        rows = slice(max(0, int(top) - margin), min(height, int(top + down) + margin))
        columns = slice(max(0, int(left) - margin), min(width, int(left + across) + margin))
        parts.append((labels[rows, columns] == label, (rows, columns)))
    return parts


def _done_before(parts: list[_Part], area: tuple[slice, slice]) -> npt.NDArray[np.bool_]:
    """(h, w) of ``area``: what parts filled earlier have filled."""
    done = np.zeros((area[0].stop - area[0].start, area[1].stop - area[1].start), bool)
    for inner, (rows, columns) in parts:
        top, bottom = max(rows.start, area[0].start), min(rows.stop, area[0].stop)
        left, right = max(columns.start, area[1].start), min(columns.stop, area[1].stop)
        if top < bottom and left < right:
            done[top - area[0].start : bottom - area[0].start, left - area[1].start : right - area[1].start] |= inner[
                top - rows.start : bottom - rows.start, left - columns.start : right - columns.start
            ]
    return done


# ---- patches ---------------------------------------------------------------------------------------------------------

_REACH = 3  # patches are 7 x 7
_COMPONENTS = 20  # numbers that a patch is compared by
_EXACT = 1e8  # comparisons; up to here the nearest patch is searched for among all
_SEARCHED = 1.5e6  # pixels of a crop; beyond, descriptions of its patches would take gigabytes
_ROUNDS = (8, 5, 3, 2)  # of search and vote, from the coarsest level on; further ones take the last


def fill_by_patches(picture: Floats, hole: npt.NDArray[np.bool_]) -> Floats:
    """(h, w, 3) with the hole (h, w) filled by patches of the rest; where too little is known, smoothly."""
    levels = [(picture, hole)]
    while (_depth(levels[-1][1]) > 2 or _comparisons(levels[-1][1]) > _EXACT) and min(levels[-1][1].shape) >= 32:
        levels.append(_halved(*levels[-1]))
    # Smooth at first, so that the coarsest patches have something to resemble.
    current = _continued(*levels[-1])
    random = np.random.default_rng(0)
    nearest: npt.NDArray[np.int64] | None = None
    for number, (known, gone) in enumerate(reversed(levels)):
        if number > 0:
            enlarged = cv2.resize(current, known.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            current = np.where(gone[..., None], np.asarray(enlarged, np.float32), known)
        level = _Level(known, gone)
        if len(level.sources) < 64:
            nearest = None
            continue
        nearest = None if nearest is None else level.enlarged(nearest)
        for _ in range(_ROUNDS[min(number, len(_ROUNDS) - 1)]):
            nearest, distances = level.search(current, nearest, random)
            current = level.vote(current, nearest, distances)
    return current


def _depth(hole: npt.NDArray[np.bool_]) -> float:
    """How far it is from the middle of the hole to its edge, in pixels."""
    return float(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())


def _comparisons(hole: npt.NDArray[np.bool_]) -> float:
    """Of each patch that touches the hole with each that does not, roughly."""
    touched = int(cv2.dilate(hole.astype(np.uint8), np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)).sum())
    return float(touched) * (hole.size - touched)


def _halved(picture: Floats, hole: npt.NDArray[np.bool_]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Half the size: means of what is known; a pixel is known when half of it is.

    A scratch so thin that nothing of it would be left is kept: then a pixel is known only when all of it is.
    """
    size = (picture.shape[1] + 1) // 2, (picture.shape[0] + 1) // 2
    cover = np.asarray(cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
    seen = np.where(hole[..., None], np.float32(0), picture)
    means = np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.float32)
    gone = cover < 0.5
    return np.asarray(means / np.maximum(cover, 1e-6)[..., None], np.float32), gone if gone.any() else cover < 0.999


def _continued(picture: Floats, hole: npt.NDArray[np.bool_]) -> Floats:
    """The picture with its hole filled smoothly, by ever wider means of what is known."""
    filled, missing = np.where(hole[..., None], np.float32(0), picture), hole.copy()
    sigma = 1.0
    while missing.any() and sigma < 4 * max(hole.shape):
        cover = np.asarray(cv2.GaussianBlur((~hole).astype(np.float32), (0, 0), sigma), np.float32)
        colors = cv2.GaussianBlur(np.where(hole[..., None], np.float32(0), picture), (0, 0), sigma)
        now = missing & (cover > 0.02)
        filled[now] = (np.asarray(colors, np.float32) / np.maximum(cover, 1e-6)[..., None])[now]
        missing &= ~now
        sigma *= 2
    return np.asarray(filled, np.float32)


class _Level:
    """One size of the picture while it is filled; patches are named by the flat index of their centre."""

    def __init__(self, known: Floats, hole: npt.NDArray[np.bool_]) -> None:
        self.known, self.hole = known, hole
        self.height, self.width = hole.shape
        window = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
        touched = cv2.dilate(hole.astype(np.uint8), window) > 0
        whole = np.zeros_like(hole)
        whole[_REACH : self.height - _REACH, _REACH : self.width - _REACH] = True
        self.usable = whole & ~touched
        self.targets = np.flatnonzero(touched & whole)
        self.sources = np.flatnonzero(self.usable)

    def enlarged(self, nearest: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """For each target the patch to begin with, out of the map (h, w) of the level below (-1: none)."""
        y, x = np.divmod(self.targets, self.width)
        half_y, half_x = np.minimum(y // 2, nearest.shape[0] - 1), np.minimum(x // 2, nearest.shape[1] - 1)
        below = nearest[half_y, half_x]
        from_y, from_x = np.divmod(np.maximum(below, 0), nearest.shape[1])
        index = self._index(2 * from_y + y % 2, 2 * from_x + x % 2)
        return self._as_map(np.where((below >= 0) & self.usable.reshape(-1)[index], index, -1))

    def _index(self, y: npt.NDArray[np.int64], x: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.asarray(np.clip(y, 0, self.height - 1) * self.width + np.clip(x, 0, self.width - 1))

    def _as_map(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        whole = np.full(self.height * self.width, -1, np.int64)
        whole[self.targets] = values
        return whole.reshape(self.height, self.width)

    def search(
        self, current: Floats, nearest: npt.NDArray[np.int64] | None, random: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The map (h, w) of each target's nearest patch among the sources, and how far it is, (targets,)."""
        if nearest is not None and self.hole.size > _SEARCHED:  # what the level below chose is as good here
            return nearest, np.zeros(len(self.targets), np.float32)
        described = self._described(current, random)
        if nearest is None or len(self.targets) * len(self.sources) <= _EXACT:
            found, distances = self._among_all(described, random)
            return self._as_map(found), distances
        best = nearest.reshape(-1)[self.targets]
        y, x = np.divmod(self.targets, self.width)
        anywhere = self.sources[random.integers(len(self.sources), size=len(y))]
        best, distances = self._better(described, anywhere, self._far(described, best), best)
        for _ in range(2):
            for step in (8, 2, 1):  # what a neighbour resembles, moved by as much as the neighbour is away
                for down, across in ((0, step), (0, -step), (step, 0), (-step, 0)):
                    near = self._as_map(best)[
                        np.clip(y + down, 0, self.height - 1), np.clip(x + across, 0, self.width - 1)
                    ]
                    there = np.maximum(near, 0)
                    candidate = self._index(there // self.width - down, there % self.width - across)
                    best, distances = self._better(described, np.where(near < 0, -1, candidate), distances, best)
            for radius in (16, 4, 1):
                offsets = random.integers(-radius, radius + 1, (2, len(y)))
                candidate = self._index(best // self.width + offsets[0], best % self.width + offsets[1])
                best, distances = self._better(described, candidate, distances, best)
        return self._as_map(best), distances

    def _better(
        self,
        described: Tensor,
        candidate: npt.NDArray[np.int64],
        distances: npt.NDArray[np.float32],
        best: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """``best`` with every candidate that is nearer."""
        new = self._far(described, candidate)
        nearer = new < distances
        return np.where(nearer, candidate, best), np.where(nearer, new, distances)

    def _far(self, described: Tensor, patches: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """How far each target is from the patch given for it; infinitely where that is none (-1) or not whole."""
        own = described[torch.from_numpy(self.targets)]
        apart = (described[torch.from_numpy(np.maximum(patches, 0))] - own).square_().sum(1).numpy()
        usable = (patches >= 0) & self.usable.reshape(-1)[patches]
        return np.asarray(np.where(usable, apart, np.float32(np.inf)), np.float32)

    def _described(self, current: Floats, random: np.random.Generator) -> Tensor:
        """(h * w, components): each patch's place along the principal components of the sources."""
        picture = torch.from_numpy(current).permute(2, 0, 1)[None]
        side = 2 * _REACH + 1
        chosen = self.sources[random.integers(len(self.sources), size=min(4000, 2 * len(self.sources)))]
        y, x = np.divmod(chosen, self.width)
        grid = np.arange(-_REACH, _REACH + 1)
        patches = current[(y[:, None] + grid)[:, :, None], (x[:, None] + grid)[:, None, :]]  # (n, 7, 7, 3)
        flat = torch.from_numpy(patches).permute(0, 3, 1, 2).flatten(1)
        centred = flat - flat.mean(0)
        _, directions = torch.linalg.eigh(centred.T @ centred)
        filters = directions[:, -_COMPONENTS:].T.reshape(-1, 3, side, side)
        padded = F.pad(picture, (_REACH,) * 4, mode="replicate")
        return F.conv2d(padded, filters)[0].flatten(1).T.contiguous()

    def _among_all(
        self, described: Tensor, random: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        sources = self.sources
        most = max(1000, int(_EXACT / max(len(self.targets), 1)))
        if len(sources) > most:  # a large level without one below it
            sources = np.sort(random.choice(sources, most, replace=False))
        there, own = described[torch.from_numpy(sources)], described[torch.from_numpy(self.targets)]
        squares, transposed = there.square().sum(1), there.T.contiguous()
        found, apart = [], []
        for part in torch.split(own, max(1, 20_000_000 // len(sources))):
            distance, index = torch.addmm(squares, part, transposed, alpha=-2).min(1)
            found.append(index)
            apart.append((distance + part.square().sum(1)).clamp_(min=0))
        return sources[torch.cat(found).numpy()], torch.cat(apart).numpy()

    def vote(self, current: Floats, nearest: npt.NDArray[np.int64], distances: npt.NDArray[np.float32]) -> Floats:
        """Each pixel of the hole as the mean of what the patches over it would have there, the surest most."""
        spread = max(float(np.percentile(np.minimum(distances, 1e6), 75)), 1e-6)
        weight = np.zeros(self.height * self.width, np.float32)
        weight[self.targets] = np.exp(-np.minimum(distances, 1e6) / (2 * spread))
        pixels = np.flatnonzero(self.hole)
        y, x = np.divmod(pixels, self.width)
        flat_map, colors = nearest.reshape(-1), self.known.reshape(-1, 3)
        total, share = np.zeros((len(pixels), 3), np.float32), np.zeros((len(pixels), 1), np.float32)
        for down in range(-_REACH, _REACH + 1):
            for across in range(-_REACH, _REACH + 1):
                inside = (y + down >= 0) & (y + down < self.height) & (x + across >= 0) & (x + across < self.width)
                patch = self._index(y + down, x + across)
                source = flat_map[patch]
                sure = np.where(inside & (source >= 0), weight[patch], np.float32(0))[:, None]
                source = np.maximum(source, 0)
                total += sure * colors[self._index(source // self.width - down, source % self.width - across)]
                share += sure
        result: Floats = current.copy()
        voted = share[:, 0] > 1e-12
        result.reshape(-1, 3)[pixels[voted]] = (total / np.maximum(share, 1e-12))[voted]
        return result
