"""Restore a whole old photograph at once: what every single tool here does to it, in the order that serves all.

    result = restore(picture, RestoreOptions(size=2))
    picture = compose(result)

``damage`` is found and ``fill`` fills it first: a scratch is no noise, and fading is told without it. Then ``noise``
tells how strong noise and JPEG's blocks are and ``upscale`` cleans them, in 16 bits from here on so that no step shows
after the contrast grows, and ``fading`` takes fading and casts back. ``upscale`` enlarges the picture, ``repair``
restores the faces and puts them into it, as fine as its network leaves them. Each step can be left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from editing import messages, runtime
from editing.costs import Estimate
from editing.faces import detect
from editing.faces.align import Face
from editing.faces.restore import Restorer
from editing.messages import Message, tell
from editing.options import STRONGEST_NOISE, Choice, RestoreOptions, UpscaleOptions
from editing.pictures import masks
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture, check_output_size, reduced, to_depth
from editing.pipelines import fading, fill, noise, repair, upscale
from editing.pipelines.damage import Finder
from editing.pipelines.fill import Filler
from editing.pipelines.recipe import recipe_of
from editing.pipelines.repair import Repaired
from editing.pipelines.upscale import Upscaler
from editing.report import Report, silent
from editing.weights.catalogue import Weight
from editing.weights.find import find_weight

CLEANER = "denoise-camera"  # grain and noise that went through a lens, a scanner and JPEG
_WEAKEST = 2.5  # noise, of 255, below which cleaning takes more than it gives
_BLOCKS = 2.4  # times JPEG's steps at its blocks' borders: what the cleaner is told (best from quality 15 to 75)
_GRAY = 5.0  # of 255: how far apart a gray picture's channels lie where colour JPEG rounded them
_DAMAGED = 0.01  # of an old photograph's pixels, for estimates
_FILLED = Filler(name="filled", sha256=None, run=lambda picture, hole: picture)  # was filled before the rest was done


@dataclass(frozen=True, kw_only=True, eq=False)
class Restored:
    """What :func:`restore` made; :func:`compose` makes the picture of it."""

    original: Picture
    repaired: Repaired  # the restored picture without and with its faces, at its final size
    mask: Mask | None  # (H, W) of the original: what was filled
    filled_by: str | None
    masked: bool  # whether a mask was given
    sigma: float | None  # the noise that was cleaned, of 255; None: none was
    options: RestoreOptions
    weights: tuple[Weight, ...]
    notices: tuple[Message, ...] = ()


@runtime.heavy
def restore(
    picture: Picture,
    options: RestoreOptions = RestoreOptions(),
    mask: Mask | None = None,
    *,
    finder: Finder | None = None,
    filler: Filler | None = None,
    cleaner: Upscaler | None = None,
    enlarger: Upscaler | None = None,
    network: Restorer | None = None,
    found: Sequence[Face] | None = None,
    report: Report = silent,
) -> Restored:
    """Restore ``picture``; ``mask`` (H, W), 1 = fill, is damage beside that which is found.

    Its alpha, depth, profile and metadata come through; a gray picture stays gray, also one saved in colour. ``finder``
    to ``network`` are the networks, None: those that ``options`` name, loaded when they are needed. ``found`` are all
    faces, where they are known; None: they are looked for in the cleaned picture, and for damage's sake before that.
    ``report`` counts the steps of one part after another and names it: "damage", "fill", "clean", "faces", "repair",
    "enlarge".

    Raises ImageError where the mask covers all, or the result would be too large; OptionError, WeightError,
    OutOfMemoryError, and whatever ``report`` raises.
    """
    check_output_size(picture.width * options.size, picture.height * options.size)
    weights: list[Weight] = []
    notices: list[Message] = []

    # Damage.
    if mask is not None and not (mask > masks.SMALLEST_SHARE).any():
        notices.append(tell(messages.MASK_EMPTY))
        mask = None
    masked = mask is not None
    mask = repair.with_damage(picture, options, mask, weights, found=found, finder=finder, report=report)
    changed = options.clean > 0 or options.colors > 0 or options.size > 1
    whole, filled_by = _untinted(picture) if changed else picture, None
    if mask is not None:
        filler = filler or fill.load(options.filler)
        pixels = fill.fill(whole.pixels, mask, filler=filler, seed=options.seed or 0, report=report)
        whole, filled_by = replace(whole, pixels=pixels), filler.name
        if filler.sha256:
            weights.append(find_weight(filler.name, "inpaint"))

    # Noise and blocks.
    clean, sigma = _at_depth(whole, 16), None
    if options.clean > 0 and (told := grain(whole)) >= _WEAKEST:
        sigma = told
        cleaning = UpscaleOptions(
            model=CLEANER, scale=1, sigma=sigma, strength=options.clean, precision=options.precision
        )
        clean = upscale.upscale(clean, cleaning, network=cleaner, report=_named(report, "clean"))
        weights.append(find_weight(CLEANER, *upscale.TASKS))

    # Fading and casts.
    clean = fading.corrected(clean, options.colors, mask)

    # Faces: restored in the cleaned picture, which holds all there is to know of them, and put into the enlarged one.
    base = _at_depth(clean, picture.depth)
    repairing = replace(options, find_damage=None)
    if found is None:
        wanted = options.faces != "none" or bool(options.boxes)
        found = repair.find(base, options, report=report) if wanted else []
        weights += [detect.best_detector()] if wanted else []
    if found and options.faces != "none":
        result = repair.repair(base, repairing, mask, found=found, network=network, filler=_FILLED, report=report)
        weights += [weight for weight in result.weights if weight not in weights]
    else:
        result = Repaired(
            original=base, base=base.pixels, mask=mask, faces=(), found=len(found), options=repairing, filled_by=None
        )
    if options.size > 1:
        enlarging = UpscaleOptions(scale=options.size, precision=options.precision)
        enlarging = upscale.settle(enlarging, clean, network=enlarger)
        enlarged = upscale.upscale(clean, enlarging, network=enlarger, report=_named(report, "enlarge"))
        result = repair.at_size(result, _at_depth(enlarged, picture.depth))
        weights.append(find_weight(enlarging.model, *upscale.TASKS))
    return Restored(
        original=picture, repaired=result, mask=mask, filled_by=filled_by, masked=masked, sigma=sigma,
        options=replace(options, seed=result.options.seed), weights=tuple(weights), notices=tuple(notices),
    )  # fmt: skip


def compose(restored: Restored, choices: Sequence[Choice] | None = None) -> Picture:
    """The restored picture, each face as its choice says: :func:`editing.pipelines.repair.compose`."""
    return repair.compose(restored.repaired, choices)


def _untinted(picture: Picture) -> Picture:
    """A gray photograph saved in colour, gray again where it nearly is: every step would make more of its tints."""
    if picture.gray:
        return picture
    small = reduced(picture.pixels, 256).astype(np.float32)
    if float(np.ptp(small, axis=2).max()) * 255 > _GRAY * np.iinfo(picture.pixels.dtype).max:
        return picture
    gray = np.asarray(cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY), picture.pixels.dtype)
    return replace(picture, pixels=np.repeat(gray[..., None], 3, axis=2))


def grain(picture: Picture) -> float:
    """What the cleaner is told of ``picture``: the deviation of its noise, of 255, or as much for JPEG's blocks."""
    sigma = noise.correlated(picture.pixels, picture.alpha)
    return round(min(max(sigma, _BLOCKS * noise.blocks(picture.pixels)), STRONGEST_NOISE), 2)


def _named(report: Report, name: str) -> Report:
    return lambda done, total, note="": report(done, total, name)


def _at_depth(picture: Picture, depth: int) -> Picture:
    """The picture in 8 or 16 bits; what came from 8 bits and was not changed is the same again."""
    alpha = None if picture.alpha is None else to_depth(picture.alpha, depth)
    return replace(picture, pixels=to_depth(picture.pixels, depth), alpha=alpha)


# ---- before and after a run ------------------------------------------------------------------------------------------


def estimate(
    width: int, height: int, options: RestoreOptions = RestoreOptions(), *, count: int = 1, masked: int | None = None,
    alpha: bool = False,
) -> Estimate:  # fmt: skip
    """Seconds and peak memory for ``count`` faces on this machine; the first call measures its networks.

    ``masked`` are the pixels that will be filled; None: as many as old photographs have. All the rest is reckoned as if
    it had to be done. Raises as :func:`editing.pipelines.upscale.estimate` does.
    """
    check_output_size(width * options.size, height * options.size)
    if masked is None:
        masked = usual_damage(width, height) if options.find_damage is not None else 0
    parts = [repair.estimate(width, height, options, count=count if options.faces != "none" else 0, masked=masked)]
    if options.clean > 0:
        cleaning = UpscaleOptions(model=CLEANER, scale=1, precision=options.precision)
        parts.append(upscale.estimate(width, height, cleaning, alpha=alpha))
    if options.size > 1:
        enlarging = UpscaleOptions(scale=options.size, precision=options.precision)
        parts.append(upscale.estimate(width, height, enlarging, alpha=alpha))
    pixels = width * height * options.size**2
    return Estimate(
        seconds=sum(part.seconds for part in parts) + pixels * 1e-7,
        memory=max(part.memory for part in parts) + pixels * 6,
        free=runtime.free_memory(),
        tiles=sum(part.tiles for part in parts),
        width=width * options.size,
        height=height * options.size,
    )


def usual_damage(width: int, height: int) -> int:
    """The pixels of an old photograph that are damaged, for estimates."""
    return round(_DAMAGED * width * height)


def recipe(restored: Restored) -> dict[str, Any]:
    """What it takes to do it again, but for the mask: options as they turned out, and every weight that took part.

    It is a repair's that says ``restore`` beside its options, so that it is read wherever a repair's is.
    """
    options = restored.options
    changed = {
        "model": next((weight.name for weight in restored.weights if weight.task == "restore"), options.model),
        "filler": restored.filled_by or options.filler,
        "find_damage": "none" if options.find_damage is None else options.find_damage,  # null: not said, so looked for
    }
    made = recipe_of("repair", options, restored.weights, **changed)
    made |= {"restore": True, "sigma": restored.sigma, **repair.persons(restored.repaired)}
    return made | {"masked": True} if restored.masked else made
