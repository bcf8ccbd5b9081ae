"""Find damage in a scanned photograph: scratches, dust, hair, stains and folds, as a mask to be filled.

A network says for each pixel how surely it is damaged (``editing/networks/damage.py``): the mean of what it says of the
picture as it is, mirrored, upside down and both, which errs less where twigs and joints look like scratches. It knows
damage a few pixels wide; in large scans the same scratch is wide, so these are looked at reduced as well, and the
surest answer counts. The mask is what is surer than the dial asks, with what hangs together with it and is nearly as
sure; where it is much surer somewhere, with all that hangs together and is likelier damaged than not. So a long scratch
stays whole where it is faint. Specks are dropped; the rest grows by the pixels that scanners and JPEG smear it over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from editing import messages, runtime
from editing.costs import Cost, Estimate, measured_cost, observed
from editing.errors import EditingError
from editing.messages import tell
from editing.networks.damage import DamageConfig, DamageFinder
from editing.options import DamageOptions
from editing.pictures import masks, tiling
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats, Picture, Pixels, fill_transparent, to_float
from editing.pipelines.recipe import recipe_of
from editing.report import Report, silent
from editing.runtime import Backend
from editing.weights.files import digest
from editing.weights.find import find_weight
from editing.weights.load import config_of, fit, load_state, unusable, without_numbers

# In logits: how surely a pixel must be damaged, with the dial in the middle, for 0.3 % of clean photographs to be
# marked; by how much the dial moves that from end to end; by how much less what hangs together with it may be sure;
# and by how much more one pixel must be for all round it to count that is likelier damaged than not.
_SURE, _DIAL, _FAINT, _SUREST = 2.8, 6.0, 1.0, 4.2
_VIEWS = ((), (3,), (2,), (2, 3))  # along which axes the picture is mirrored
_SMALL = 1500  # pixels of the longer side up to which a picture is looked at in one size alone
_TILE = 1024  # the network looks far: small tiles see most of it twice
_SECONDS_PER_PIXEL = 1.5e-7  # of reducing, joining and growing, on one core
_BYTES_PER_PIXEL = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Finder:
    """A loaded network."""

    name: str
    sha256: str
    backend: Backend
    config: DamageConfig
    run: Callable[[Tensor], Tensor]  # (1, 3, h, w) in [0, 1] -> logits (1, 1, h, w)

    @property
    def overlap(self) -> int:
        """Pixels round a tile such that tiles say what the whole would."""
        return -(-self.config.reach // self.config.multiple) * self.config.multiple

    def __call__(self, region: Pixels) -> Floats:
        """(h, w, 1 or 3) integers -> (h, w, 1) float32: how surely each pixel is damaged."""
        height, width = region.shape[:2]
        tensor = torch.from_numpy(to_float(region)).permute(2, 0, 1)[None].expand(-1, 3, -1, -1)
        # Padded before it is mirrored: the network's grid lies the same way in a tile and in the whole.
        beyond = (0, -width % self.config.multiple, 0, -height % self.config.multiple)
        tensor = F.pad(tensor.to(self.backend.device), beyond, mode="replicate")
        logits = torch.stack([self.run(tensor.flip(ways)).flip(ways).float() for ways in _VIEWS]).mean(0)
        made = torch.sigmoid(logits[..., :height, :width])
        if not bool(torch.isfinite(made.sum())):
            raise EditingError(messages.MODEL_NOT_NUMBERS, model=self.name)
        return np.asarray(made[0].permute(1, 2, 0).float().cpu().numpy())

    def cost(self, *, wait: bool = True, ask: Callable[[], None] | None = None) -> Cost:
        """What one pixel costs on this machine; measured at the first call, which takes seconds.

        ``wait`` and ``ask`` are those of :func:`measured_cost`.
        """

        def run(side: int) -> None:
            self(np.full((side, side, 3), 128, np.uint8))

        return measured_cost(self.sha256, self.backend, run, side=256, wait=wait, ask=ask)


def load(model: str = "damage", precision: str = "auto") -> Finder:
    """The damage finder called ``model``, loaded once and shared.

    Raises WeightError for an unknown, missing or damaged weight, OptionError for an unknown precision.
    """
    weight, backend = find_weight(model, "damage"), runtime.choose_backend(precision)
    sha256 = digest(weight)

    def build() -> Finder:
        config = config_of(weight)
        if not isinstance(config, DamageConfig):
            raise unusable(weight.name, tell(messages.NOT_A_WHOLE_NETWORK, network="damage", why=messages.NO_CONFIG))
        with without_numbers():
            network = DamageFinder(config)
        fit(network, load_state(weight), weight.name)
        return Finder(name=weight.name, sha256=sha256, backend=backend, config=config, run=backend.place(network))

    return runtime.cached_network(sha256, backend, build)


@runtime.heavy
def find_damage(
    picture: Picture, options: DamageOptions | None = None, *, finder: Finder | None = None, report: Report = silent
) -> Mask:
    """The mask (H, W) of what is damaged in ``picture``; 1 is damage. All zeros where nothing is found.

    Raises WeightError, OptionError, OutOfMemoryError, and whatever ``report`` raises, which counts tiles.
    """
    options = options or DamageOptions()
    return mask_of(how_damaged(picture, options, finder=finder, report=report), options)


def how_damaged(
    picture: Picture, options: DamageOptions | None = None, *, finder: Finder | None = None, report: Report = silent
) -> Mask:
    """How surely each pixel of ``picture`` is damaged, (H, W) in [0, 1]; :func:`mask_of` makes masks of it at once.

    Of the options only the model and the precision count. What is wholly transparent is not damaged.
    """
    options = options or DamageOptions()
    finder = finder or load(options.model, options.precision)
    pixels = fill_transparent(picture)
    sizes = _sizes(picture.height, picture.width)
    totals = [_tiles(height, width) for height, width in sizes]
    surest = np.zeros((picture.height, picture.width), np.float32)
    with torch.inference_mode(), observed(finder.sha256, finder.backend, _seen(sizes, finder.overlap)):
        for number, (height, width) in enumerate(sizes):
            seen = pixels if number == 0 else cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
            found = np.zeros((height, width, 1), np.float32)
            before = sum(totals[:number])
            tiling.run_tiled(
                finder, seen.reshape(height, width, -1), scale=1, tile=_TILE, overlap=finder.overlap,
                align=finder.config.multiple, out=found,
                report=lambda done, _, note="", before=before: report(before + done, sum(totals), "damage"),
            )  # fmt: skip
            # Enlarged without steps, a row of tiles at a time would save little: it is one plane.
            whole = cv2.resize(found, (picture.width, picture.height), interpolation=cv2.INTER_LINEAR)
            np.maximum(surest, whole.reshape(surest.shape), out=surest)
    if picture.alpha is not None:
        surest[picture.alpha == 0] = 0
    return surest


def mask_of(surely: Mask, options: DamageOptions | None = None) -> Mask:
    """The mask (H, W) of what is surer than the options' dial asks, of how surely each pixel is damaged (H, W)."""
    options = options or DamageOptions()
    sure = _SURE + _DIAL * (0.5 - options.sensitivity)
    marked = _parts(surely, sure - _FAINT, sure, options.smallest)
    marked |= _parts(surely, min(0.0, sure - _FAINT), sure + _SUREST, options.smallest)
    return masks.grow(marked.astype(np.float32), options.grow)


def _parts(surely: Mask, least: float, somewhere: float, smallest: int) -> npt.NDArray[np.bool_]:
    """(H, W): what hangs together and is surer than ``least``, and ``somewhere`` than that (logits)."""
    together = (surely > _probability(least)).astype(np.uint8)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(together, connectivity=8)
    kept = np.zeros(count, bool)
    kept[labels[surely > _probability(somewhere)]] = True
    kept &= facts[:, cv2.CC_STAT_AREA] >= smallest
    kept[0] = False  # the ground
    return np.asarray(kept[labels])


def _probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes at which a picture is looked at: its own, then halves as long as these are large."""
    sizes = [(height, width)]
    while max(sizes[-1]) > _SMALL and len(sizes) < 3 and min(sizes[-1]) >= 2:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def _tiles(height: int, width: int) -> int:
    return -(-height // _TILE) * -(-width // _TILE)


def _seen(sizes: list[tuple[int, int]], overlap: int) -> int:
    """Pixels that the network sees in all, with the overlaps."""
    total = 0
    for size in sizes:
        reaches = [[span.reach(side, overlap) for span in tiling.spans(side, _TILE)] for side in size]
        down, across = (sum(stop - start for start, stop in axis) for axis in reaches)
        total += down * across
    return total


def estimate(
    width: int, height: int, options: DamageOptions | None = None, *, finder: Finder | None = None
) -> Estimate:
    """Seconds and peak memory for a picture of this size on this machine; the first call measures it."""
    options = options or DamageOptions()
    finder = finder or load(options.model, options.precision)
    cost, sizes = finder.cost(wait=False), _sizes(height, width)
    largest = min(height, _TILE + 2 * finder.overlap) * min(width, _TILE + 2 * finder.overlap)
    return Estimate(
        seconds=cost.seconds * _seen(sizes, finder.overlap) + height * width * _SECONDS_PER_PIXEL,
        memory=round(runtime.resident_memory() + cost.bytes * largest + height * width * _BYTES_PER_PIXEL),
        free=runtime.free_memory(),
        tiles=sum(_tiles(*size) for size in sizes),
        width=width,
        height=height,
    )


def recipe(options: DamageOptions) -> dict[str, Any]:
    """What it takes to make the mask again."""
    weight = find_weight(options.model, "damage")
    return recipe_of("damage", options, [weight], model=weight.name)
