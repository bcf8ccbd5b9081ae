"""Fill masked parts of a picture that are no face, from what is around them.

Two ways: ``lama``, LaMa (Suvorov et al. 2022, https://arxiv.org/abs/2109.07161), a network that invents what it takes,
when its weight has been fetched; else ``patches``, PyPatchMatch (https://github.com/mauwii/PyPatchMatch), which copies:
every patch of the filled part resembles one of the surroundings (Wexler, Shechtman, Irani 2007; Barnes et al. 2009).
It shifts what it copied near a hole's edge to the colours there, so that no outline shows, and keeps the grain.

Each part is filled on a crop round it, at the picture's own resolution; of a picture of any size only these are read.
Holes that are near each other are one part, and long ones, such as scratches, are cut into pieces. Parts that don't
see each other are filled at the same time; the others in their order, so that the result does not hang on the timing.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import patchmatch
import torch
from torch import Tensor

from editing import messages, runtime
from editing.costs import measured_cost
from editing.errors import EditingError, ImageError
from editing.pictures import masks
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats, Picture, Pixels, fill_transparent, from_float, to_float
from editing.report import Report, silent
from editing.runtime import Backend
from editing.weights.files import digest, path_of
from editing.weights.find import find_weight
from editing.weights.load import load_network

Hole = npt.NDArray[np.bool_]

_LAMA_SIDE = 768  # pixels of a crop beyond which LaMa loses the thread; larger crops are filled reduced
_NEAR = 16  # pixels between holes that are filled as one
_PIECE = 128  # side of the pieces that long holes are cut into, where they are thin
_THICK = 4  # thicknesses of a hole that a piece is long, at least
_LEAST, _MOST = 40, 400  # pixels that are seen round a hole: twice its thickness, within these
_search = threading.Lock()  # PyPatchMatch has one seed for all threads, from which each of its calls begins anew
_SECONDS_PER_PIXEL = 1e-4  # of LaMa, on two cores


@dataclass(frozen=True, kw_only=True, eq=False)
class Filler:
    """A way to fill.

    ``run`` takes (h, w, 1 or 3) integers and (h, w) bool, True where to fill, and gives the first again, filled; it
    looks at nothing under the second.
    """

    name: str  # "patches" or "lama"
    sha256: str | None  # of the weight, if there is one
    run: Callable[[Pixels, Hole], Pixels]
    threads: int = 1  # calls of ``run`` at once; networks use all cores by themselves


def load(name: str = "auto") -> Filler:
    """The filler called ``name``; "auto" is LaMa where it has been fetched, else patches.

    Raises WeightError for an unknown name, and where LaMa's weight is missing or damaged.
    """
    if name == "auto":
        name = "lama" if path_of(find_weight("lama", "inpaint")) else "patches"
    if name == "patches":
        return Filler(name=name, sha256=None, run=fill_by_patches, threads=runtime.cores())
    weight = find_weight(name, "inpaint")
    backend, sha256 = Backend(runtime.choose_backend("fp32").device, "fp32"), digest(weight)  # it takes FFTs

    def build() -> Filler:
        network = load_network(weight)
        backend.place(network.model)

        def run(picture: Pixels, hole: Hole) -> Pixels:
            share = min(1.0, _LAMA_SIDE / max(hole.shape))
            return _reduced(partial(_by_network, network, backend), picture, hole, share)

        return Filler(name=weight.name, sha256=sha256, run=run)

    return runtime.cached_network(sha256, backend, build)


def fill(pixels: Pixels, mask: Mask, *, filler: Filler | None = None, seed: int = 0, report: Report = silent) -> Pixels:
    """``pixels`` (H, W, C) with what ``mask`` (H, W) covers filled; where it is 0 the result is bit-identical.

    ``seed`` is that of the patches' search: the same gives the same bits, another one another filling. ``report``
    counts the parts of the mask. Raises ImageError where the mask leaves nothing to fill from, WeightError, and
    whatever ``report`` raises.
    """
    unknown: Hole = mask > masks.SMALLEST_SHARE
    if unknown.all():
        raise ImageError(messages.MASK_COVERS_ALL)
    filler = filler or load()
    result: Pixels = pixels.copy()
    parts = _parts(unknown)
    report(0, len(parts), "fill")

    def filled(part: _Part) -> Pixels:
        return filler.run(result[part.area], unknown[part.area])

    done = 0
    with _search, ThreadPoolExecutor(filler.threads) as pool:
        patchmatch.set_random_seed(seed)
        try:
            for together in _turns(parts):
                for part, new in zip(together, pool.map(filled, together), strict=True):
                    share = np.where(part.inner, mask[part.area], np.float32(0))
                    result[part.area] = masks.blend(result[part.area], new, share)
                    unknown[part.area] &= ~part.inner
                    done += 1
                    report(done, len(parts), "fill")
        finally:
            pool.shutdown(cancel_futures=True)  # after a Stop only what runs is waited for
    return result


def seconds(masked: int, name: str = "auto", *, wait: bool = True) -> float:
    """What filling ``masked`` pixels takes on this machine; the first call measures it.

    ``wait`` is that of :func:`measured_cost`.
    """
    if not masked:
        return 0.0
    filler = load(name)
    if filler.sha256:
        return masked * _SECONDS_PER_PIXEL

    def run(side: int) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (3 * side, 3 * side, 3), np.uint8)
        hole = np.zeros(noise.shape[:2], bool)
        hole[side : 2 * side, side : 2 * side] = True
        filler.run(cv2.GaussianBlur(noise, (0, 0), 2), hole)

    cost = measured_cost(f"pypatchmatch {version('pypatchmatch')}", Backend("cpu", "fp32"), run, side=48, wait=wait)
    return masked * cost.seconds


# ---- parts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Part:
    """What is filled at once: ``inner`` (h, w), of the crop ``area``. ``box`` is that of ``inner`` in the picture."""

    inner: Hole
    area: tuple[slice, slice]
    box: tuple[int, int, int, int]  # top, bottom, left, right


def _parts(hole: Hole) -> list[_Part]:
    """A hole (H, W) in parts: those that are near each other together, long ones cut into pieces."""
    height, width = hole.shape
    seen = hole.astype(np.uint8)
    # A border that is not there: what touches the picture's edge is no thinner for that.
    deep = cv2.distanceTransform(cv2.copyMakeBorder(seen, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 3)[1:-1, 1:-1]
    wide = cv2.dilate(seen, np.ones((_NEAR + 1, _NEAR + 1), np.uint8))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(wide, connectivity=8)
    labels[~hole] = 0
    parts = []
    for label, (left, top, across, down, _) in enumerate(boxes):
        if label == 0:
            continue
        whole = slice(int(top), int(top + down)), slice(int(left), int(left + across))
        own = labels[whole] == label
        thickness = 2 * float(deep[whole][own].max())
        piece = max(_PIECE, round(_THICK * thickness))
        margin = round(min(max(2 * thickness, _LEAST), _MOST))
        for y in _cuts(int(top), int(down), piece):
            for x in _cuts(int(left), int(across), piece):
                inside = own[y.start - top : y.stop - top, x.start - left : x.stop - left]
                if inside.any():
                    parts.append(_part(inside, y.start, x.start, margin, height, width))
    return parts


def _cuts(start: int, length: int, piece: int) -> list[slice]:
    """A span in pieces of nearly the same length."""
    ends = np.linspace(start, start + length, max(1, round(length / piece)) + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def _part(own: Hole, top: int, left: int, margin: int, height: int, width: int) -> _Part:
    x, y, across, down = cv2.boundingRect(own.astype(np.uint8))
    box = (top + y, top + y + down, left + x, left + x + across)
    rows = slice(max(0, box[0] - margin), min(height, box[1] + margin))
    columns = slice(max(0, box[2] - margin), min(width, box[3] + margin))
    inner = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
    there = slice(box[0] - rows.start, box[1] - rows.start), slice(box[2] - columns.start, box[3] - columns.start)
    inner[there] = own[y : y + down, x : x + across]
    return _Part(inner, (rows, columns), box)


def _turns(parts: list[_Part]) -> list[list[_Part]]:
    """The parts in groups whose members can be filled at once: none sees what another of its group, or a later, fills.

    A part comes after those before it that it sees, and that see it.
    """
    boxes = np.array([part.box for part in parts], int).reshape(-1, 4)
    areas = np.array([[part.area[0].start, part.area[0].stop, part.area[1].start, part.area[1].stop] for part in parts])
    turn = np.zeros(len(parts), int)
    for i in range(1, len(parts)):
        near = _meet(boxes[:i], areas[i]) | _meet(areas[:i], boxes[i])
        turn[i] = turn[:i][near].max() + 1 if near.any() else 0
    return [[parts[i] for i in np.flatnonzero(turn == number)] for number in range(turn.max(initial=-1) + 1)]


def _meet(many: npt.NDArray[np.int_], one: npt.NDArray[np.int_]) -> npt.NDArray[np.bool_]:
    """Which of the rectangles (n, 4) meet one (4,)."""
    across = (many[:, 2] < one[3]) & (many[:, 3] > one[2])
    return np.asarray((many[:, 0] < one[1]) & (many[:, 1] > one[0]) & across)


# ---- ways to fill ----------------------------------------------------------------------------------------------------

_RADIUS = 3  # patches are 7 x 7
_FEWEST = 64  # patches to copy from; with fewer the colours around are continued smoothly
_LARGEST = 1.2e6  # pixels of a crop that is filled as it is; larger ones are filled reduced


def fill_by_patches(picture: Pixels, hole: Hole) -> Pixels:
    """(h, w, C) integers with the hole (h, w) filled by PyPatchMatch; where too little is known, smoothly.

    It takes 8 bits: the range of what is known is spread over them, and what is finer than that is dithered.
    """
    known = ~hole
    if not known.any():
        raise ImageError(messages.MASK_COVERS_ALL)
    if hole.size > _LARGEST:
        return _reduced(fill_by_patches, picture, hole, math.sqrt(0.99 * _LARGEST / hole.size))
    window = np.ones((2 * _RADIUS + 1, 2 * _RADIUS + 1), np.uint8)
    if cv2.erode(known.astype(np.uint8), window, borderType=cv2.BORDER_CONSTANT, borderValue=0).sum() < _FEWEST:
        return _continued(picture, hole)
    if not patchmatch.patchmatch_available:
        raise EditingError(messages.NO_PATCHMATCH)
    values = picture[known]
    low, step = (0, 1.0) if picture.dtype == np.uint8 else (int(values.min()), max(int(np.ptp(values)), 255) / 255)
    seen = np.rint((picture - np.float32(low)) / np.float32(step)).clip(0, 255).astype(np.uint8)
    made = patchmatch.inpaint(np.repeat(seen, 4 - picture.shape[2], axis=2)[..., :3], hole, patch_size=_RADIUS)
    made = made[..., : picture.shape[2]].astype(np.float32)
    if step > 1:
        made += np.random.default_rng(0).uniform(-0.5, 0.5, made.shape[:2]).astype(np.float32)[..., None]
    result: Pixels = picture.copy()
    result[hole] = np.rint(low + made[hole] * np.float32(step)).clip(0, np.iinfo(picture.dtype).max)
    return result


def _continued(picture: Pixels, hole: Hole) -> Pixels:
    """The picture with its hole filled smoothly, by ever wider means of what is known."""
    top = np.iinfo(picture.dtype).max
    return fill_transparent(Picture(pixels=picture, alpha=np.where(hole, 0, top).astype(picture.dtype)))


def _by_network(network: Callable[[Tensor, Tensor], Tensor], backend: Backend, picture: Pixels, hole: Hole) -> Pixels:
    colors = np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture
    tensor = torch.from_numpy(to_float(colors)).permute(2, 0, 1)[None].to(backend.device)
    with torch.inference_mode():
        made = network(tensor, torch.from_numpy(hole.astype(np.float32))[None, None].to(backend.device))[0]
    filled = made.float().permute(1, 2, 0).cpu().numpy()
    if picture.shape[2] == 1:
        filled = filled.mean(2, keepdims=True)
    return from_float(np.asarray(filled, np.float32), 8 * picture.dtype.itemsize)


# ---- large holes -----------------------------------------------------------------------------------------------------

_BLOCK = 8  # pixels of the reduced picture that bring their detail from one place
_SOURCES = 40_000  # blocks that this may be, at most


def _reduced(run: Callable[[Pixels, Hole], Pixels], picture: Pixels, hole: Hole, share: float) -> Pixels:
    """What ``run`` fills at ``share`` of the size, enlarged, with the detail that it is too coarse for.

    That is copied from where the reduced picture is most alike, in soft blocks, so that texture and grain go on.
    """
    if share >= 1:
        return run(picture, hole)
    height, width = hole.shape
    size = max(1, round(width * share)), max(1, round(height * share))
    top = np.float32(np.iinfo(picture.dtype).max)
    whole = to_float(_continued(picture, hole))
    small = _resized(whole, size)
    gone: Hole = _resized(hole.astype(np.float32)[..., None], size)[..., 0] > 1e-3
    made = to_float(run(np.rint(small * top).astype(picture.dtype), gone))
    fine = whole - _resized(small, (width, height))
    coarse = _resized(np.where(gone[..., None], made, small), (width, height))
    result: Pixels = picture.copy()
    result[hole] = from_float((coarse + _detail(made, gone, fine))[hole], 8 * picture.dtype.itemsize)
    return result


def _resized(array: Floats, size: tuple[int, int]) -> Floats:
    how = cv2.INTER_AREA if size[0] < array.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(array, size, interpolation=how), np.float32).reshape(size[1], size[0], -1)


def _detail(small: Floats, gone: Hole, fine: Floats) -> Floats:
    """(H, W, C): for each block of ``small`` (h, w, C) that meets the hole, the ``fine`` (H, W, C) of its likest."""
    height, width = gone.shape
    scale = np.array(fine.shape[:2]) / gone.shape
    result = np.zeros_like(fine)
    if min(height, width) < 2 * _BLOCK:
        return result
    half = cv2.resize(small, (width // 2, height // 2), interpolation=cv2.INTER_AREA).reshape(
        height // 2, width // 2, -1
    )
    views = np.lib.stride_tricks.sliding_window_view(half, (_BLOCK // 2, _BLOCK // 2), (0, 1))
    # Of each block: how much of it is gone.
    lost = cv2.boxFilter(gone.astype(np.float32), -1, (_BLOCK, _BLOCK), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    lost = lost[: 2 * views.shape[0] : 2, : 2 * views.shape[1] : 2]
    sources = np.argwhere(lost == 0)
    every = np.zeros(lost.shape, bool)
    every[:: _BLOCK // 4, :: _BLOCK // 4] = True  # blocks lie half over one another
    targets = np.argwhere((lost > 0) & every)
    if not len(sources):
        return result
    sources = sources[np.linspace(0, len(sources) - 1, min(len(sources), _SOURCES)).astype(int)]
    there = torch.from_numpy(views[tuple(sources.T)].reshape(len(sources), -1))
    squares, block = there.square().sum(1), np.ceil(_BLOCK * scale).astype(int)
    window = (np.hanning(block[0] + 2)[1:-1, None] * np.hanning(block[1] + 2)[None, 1:-1]).astype(np.float32)[..., None]
    power = np.zeros((*fine.shape[:2], 1), np.float32)
    for part in np.array_split(targets, max(1, len(targets) * len(sources) // 20_000_000)):
        own = torch.from_numpy(views[tuple(part.T)].reshape(len(part), -1))
        likest = sources[torch.addmm(squares, own, there.T, alpha=-2).argmin(1).numpy()]
        for target, source in zip(np.rint(2 * part * scale), np.rint(2 * likest * scale), strict=True):
            (y, x), (from_y, from_x) = (
                np.minimum(at.astype(int), np.array(fine.shape[:2]) - block) for at in (target, source)
            )
            area = slice(y, y + block[0]), slice(x, x + block[1])
            result[area] += window * fine[from_y : from_y + block[0], from_x : from_x + block[1]]
            power[area] += window**2
    # By the root of the squares: means of details that have nothing to do with each other would fade.
    result /= np.sqrt(np.maximum(power, 1e-6))
    return result
