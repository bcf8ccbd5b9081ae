"""Repair: faces found, restored and put back; masked parts filled. Everything else keeps its bits.

A face is aligned to the FFHQ frame, repaired by a network (ours, or GFPGAN, RestoreFormer++ or CodeFormer when they
have been fetched), given the colours of its surroundings and pasted back. The network leaves two results, a clean and
a faithful one; fidelity mixes them. Both are kept for each face, so that :func:`compose` can accept and reject faces
and follow the dials without another run:

    result = repair(picture, RepairOptions(faces="all"), mask)
    picture = compose(result, [Choice(fidelity=0.8), Choice(accept=False)])
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from editing import messages, runtime
from editing.costs import Estimate, measured_cost
from editing.errors import ImageError, OptionError
from editing.faces import align, detect, likeness, loans, restore, strangers
from editing.faces.align import SIDE, Face, Transform
from editing.faces.detect import Detector
from editing.faces.likeness import Verdict
from editing.faces.loans import Loan
from editing.faces.restore import Restorer
from editing.faces.strangers import Look
from editing.messages import Message, tell
from editing.options import MOST_PICTURES, Choice, DamageOptions, GenerateOptions, RepairOptions, RestoreOptions
from editing.pictures import masks
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats, Picture, Pixels, from_float, to_float
from editing.pictures.tags import unnamed
from editing.pipelines import damage, fill, generate
from editing.pipelines.damage import Finder
from editing.pipelines.fill import Filler
from editing.pipelines.recipe import recipe_of
from editing.report import Report, silent
from editing.runtime import Backend
from editing.weights.catalogue import Weight
from editing.weights.files import digest
from editing.weights.find import find_weight

_SHARP = 1.5  # times that a face may be enlarged
# A face this many times the network's size, or smaller, is not finished at 512 pixels: nobody would see it, even in a
# picture that is enlarged four times afterwards.
_COARSE = 0.25
# Of the aligned frame, of which a face is a little more than half: the recogniser knows nobody of 50 people by that
# (weights/recogniser.md). Soft spots tell more than squares of the same size.
_SPOTS = {"pixels": 10, "blur": 7}
_SECONDS_PER_FACE = 0.15  # aligning, matching colours, pasting; on one core


@dataclass(frozen=True, kw_only=True, eq=False)
class RepairedFace:
    """One face, before and after. Crops are (512, 512, C) in the picture's own integers."""

    number: int  # as in RepairOptions.faces
    face: Face
    transform: Transform  # picture -> crop
    before: Pixels
    clean: Pixels
    faithful: Pixels
    outline: npt.NDArray[np.uint8]  # (512, 512), 255: put back whole
    hole: npt.NDArray[np.uint8] | None  # (512, 512), 255: was masked
    anonymised: str = ""  # what took its place: "blur", "pixels" or "person"; "": it was repaired
    drawn: int | None = None  # seed of who was drawn and took its place, or lent a part of it

    def after(self, fidelity: float) -> Pixels:
        """The repaired face: faithful at 1, clean at 0, a straight mix between."""
        if fidelity in (0, 1):
            return self.faithful if fidelity else self.clean
        clean, faithful = to_float(self.clean), to_float(self.faithful)
        return from_float(clean + np.float32(fidelity) * (faithful - clean), 8 if self.clean.itemsize == 1 else 16)

    def verdict(self, fidelity: float) -> Verdict | None:
        """Whether this is still who was photographed; None for an anonymised face, which is not to be like anyone."""
        return None if self.anonymised else _verdict(self, fidelity)


@functools.lru_cache(maxsize=16)
def _verdict(face: RepairedFace, fidelity: float) -> Verdict:
    """Kept for the last few: the page asks again and again while a dial is moved."""
    hole = None if face.hole is None else to_float(face.hole)
    return likeness.verdict(to_float(face.before), to_float(face.after(fidelity)), hole)


@dataclass(frozen=True, kw_only=True, eq=False)
class Repaired:
    """What :func:`repair` found and did; :func:`compose` makes the picture of it."""

    original: Picture
    base: Pixels  # the original's pixels, filled where the mask covers what no repaired face does
    mask: Mask | None  # with the damage that was found
    faces: tuple[RepairedFace, ...]  # from left to right
    found: int  # faces in the picture, repaired or not
    options: RepairOptions  # with the seed of the persons that were drawn
    filled_by: str | None  # the filler's name, if anything was filled
    masked: bool = False  # whether a mask was given
    weights: tuple[Weight, ...] = ()  # what took part, for :func:`recipe`
    notices: tuple[Message, ...] = ()


# ---- the pipeline ----------------------------------------------------------------------------------------------------


@runtime.heavy
def repair(
    picture: Picture,
    options: RepairOptions = RepairOptions(),
    mask: Mask | None = None,
    *,
    found: Sequence[Face] | None = None,
    persons: Sequence[Pixels] = (),
    network: Restorer | None = None,
    filler: Filler | None = None,
    report: Report = silent,
) -> Repaired:
    """Repair or replace the faces that ``options`` name, and fill what ``mask`` (H, W), 1 = fill, covers.

    Args:
        picture: any size; its alpha, depth and profile come through.
        options: which faces, and how.
        mask: None: no part is filled. Where it is 0 and no face is, the result is bit-identical.
        found: all faces of the picture, if :func:`find` was called before; None: they are looked for.
        persons: for ``anonymise="person"``, aligned faces (n, n, 3) uint8 among whom each face's stranger is chosen;
            none: some are drawn from the seeds that begin at ``options.seed``.
        network: None: the one that ``options`` name, loaded when a face is to be repaired.
        filler: None: the one that ``options`` name, loaded when something is to be filled.
        report: called with the note "damage" and "faces" while these are looked for, "repair" after each face, "fill"
            after each part.

    Raises ImageError when there is neither a face nor a mask; OptionError, WeightError, and whatever ``report`` raises.
    """
    weights: list[Weight] = []
    empty = mask is not None and not (mask > masks.SMALLEST_SHARE).any()
    masked = mask is not None and not empty
    wanted = options.faces != "none" or bool(options.boxes)
    everyone = list(found) if found is not None else find(picture, options, report=report) if wanted else None
    mask = with_damage(picture, options, mask, weights, found=everyone, report=report)
    everyone = everyone or []
    numbers = _chosen(options, everyone)
    if not numbers and mask is None:
        if empty:
            raise ImageError(messages.MASK_EMPTY_AND_NO_FACE)
        if options.find_damage is not None:
            raise ImageError(messages.NO_DAMAGE_FOUND, dial=f"{options.find_damage:g}")
        raise ImageError(messages.NOTHING_CHOSEN if options.faces == "none" else messages.NO_FACE_FOUND)
    plans = [(number, everyone[number - 1], align.transform_of(everyone[number - 1])) for number in numbers]
    weights += [detect.best_detector()] if options.faces != "none" else []
    if options.anonymise == "person" and plans and not persons:
        seed = int(np.random.default_rng().integers(10**6)) if options.seed is None else options.seed
        options = replace(options, seed=seed)  # the same again for the same options
        drawn = _drawn(seed, strangers.POOL + len(plans), weights, report)
    else:
        drawn = _People(faces=persons, first=None)
    if any(_needs_network(transform, options, drawn.faces) for _, _, transform in plans):
        network = network or restore.load_restorer(options.model, options.precision)
        weights += network.weights or (find_weight(options.model, "restore"),)
    parser = restore.load_parser() if plans else None
    if parser:
        weights.append(find_weight("parsenet", "parse"))
    fills = network is not None and network.fills and options.anonymise == "no"
    base, filled_by = picture.pixels, None
    seed = 0 if options.seed is None else options.seed
    if mask is not None:
        rest = _beyond(mask, [transform for _, _, transform in plans] if fills else [])
        if (rest > 0).any():
            filler = filler or fill.load(options.filler)
            base = fill.fill(picture.pixels, rest, filler=filler, seed=seed, report=report)
            filled_by = filler.name
            if filler.sha256:
                weights.append(find_weight(filler.name, "inpaint"))
    done: list[RepairedFace] = []
    # A network that does not fill sees what the filler made of the holes.
    source = picture.pixels if fills else base
    holes = [_hole(mask, transform) if fills else None for _, _, transform in plans]
    parts = [_to_lend(hole) for hole in holes]
    if any(part is not None for part in parts):
        drawn = _drawn(seed, strangers.POOL, weights, report)
    report(0, len(plans), "repair")
    for index, ((number, face, transform), hole, part) in enumerate(zip(plans, holes, parts, strict=True)):
        made = _one(source, number, face, transform, hole, part, options, network, parser, drawn)
        done.append(made)
        report(index + 1, len(plans), "repair")
    return Repaired(
        original=picture, base=base, mask=mask, faces=tuple(done), found=len(everyone), options=options,
        filled_by=filled_by, masked=masked, weights=tuple(weights),
        notices=(tell(messages.MASK_EMPTY),) if empty else (),
    )  # fmt: skip


def with_damage(
    picture: Picture, options: RepairOptions | RestoreOptions, mask: Mask | None, weights: list[Weight], *,
    found: Sequence[Face] | None = None, finder: Finder | None = None, report: Report = silent,
) -> Mask | None:  # fmt: skip
    """``mask`` with the damage found in ``picture`` where the options ask for that; None where nothing is marked.

    The weight that looked is added to ``weights``. ``found`` are all faces, None: they are looked for where there is
    damage, to spare their eyes and mouths. Raises ImageError where everything is marked, and what
    :func:`editing.pipelines.damage.find_damage` does.
    """
    if options.find_damage is not None:
        looking = DamageOptions(sensitivity=options.find_damage, precision=options.precision)
        damaged = damage.find_damage(picture, looking, finder=finder, report=report)
        if damaged.any():
            damaged = _spared(damaged, picture, find(picture, options, report=report) if found is None else found)
        mask = damaged if mask is None else np.maximum(mask, damaged)
        weights.append(find_weight(looking.model, "damage"))
    if mask is None or not (marked := mask > masks.SMALLEST_SHARE).any():
        return None
    if marked.all():
        raise ImageError(messages.MASK_COVERS_ALL)
    return mask


def _spared(damaged: Mask, picture: Picture, faces: Sequence[Face]) -> Mask:
    """``damaged`` without what lies wholly within an eye or a mouth: closed lips look like a scratch.

    What goes beyond stays, such as a scratch across a face.
    """
    features = np.zeros(damaged.shape, np.uint8)
    for face in faces:
        if face.sure:
            transform = align.transform_of(face)
            for points in likeness.features_of(align.aligned(picture.pixels, transform)):
                corners = cv2.transform(points[None], align.inverse_of(transform))[0]
                cv2.fillConvexPoly(features, cv2.convexHull(np.rint(corners).astype(np.int32)), 1)
    count, labels = cv2.connectedComponents((damaged > 0).astype(np.uint8), connectivity=8)
    beyond = np.bincount(labels[features == 0], minlength=count) > 0
    return np.where(beyond[labels], damaged, np.float32(0))


@runtime.heavy
def find(
    picture: Picture,
    options: RepairOptions = RepairOptions(),
    *,
    detector: Detector | None = None,
    report: Report = silent,
) -> list[Face]:
    """All faces of the picture, those in ``options.boxes`` too, from left to right: their numbers count from 1.

    What the detector takes for a face and the landmarks' network does not is among them, but not ``sure``.
    """
    seen = detect.detect_faces(
        picture, score=options.score, min_size=options.min_size, detector=detector, report=report
    )
    drawn = [detect.face_in(picture, box, detector=detector) for box in options.boxes]
    seen = [face for face in seen if not any(detect.same_place(face, other) for other in drawn)]
    seen = [
        replace(face, sure=likeness.is_face(align.aligned(picture.pixels, align.transform_of(face)))) for face in seen
    ]
    return sorted([*seen, *drawn], key=lambda face: face.box[0] + face.box[2])


def _chosen(options: RepairOptions, faces: Sequence[Face]) -> list[int]:
    """Their numbers; "all" are those that are surely faces, the others are repaired when they are asked for.

    Where they are to be hidden, "all" are all: a badge made unknown harms nobody, a person left out does.
    """
    if options.faces == "none":
        return []
    if options.faces == "all":
        return [number for number, face in enumerate(faces, 1) if face.sure or options.anonymise != "no"]
    numbers = sorted(set(options.faces))
    if numbers[-1] > len(faces):
        raise OptionError(messages.NO_SUCH_FACE, number=numbers[-1], found=len(faces))
    return numbers


def _beyond(mask: Mask, transforms: Sequence[Transform]) -> Mask:
    """What the mask covers that no face does which the network fills."""
    covered = np.zeros(mask.shape, np.float32)
    for transform in transforms:
        np.maximum(covered, align.unaligned(align.outline(), transform, mask.shape), out=covered)
    return np.where(covered < 0.999, mask, np.float32(0))


@dataclass(frozen=True, kw_only=True, eq=False)
class _People:
    """People who do not exist, of whom each face gets one who takes its place or lends it a part."""

    faces: Sequence[Pixels]
    first: int | None  # seed of the first, if they were drawn here
    taken: list[int] = field(default_factory=list)  # numbers, so that no two faces become one person

    @functools.cached_property
    def looks(self) -> list[Look]:
        return [strangers.look_of(restore.resized(_rgb(to_float(face)), SIDE)) for face in self.faces]

    def seed(self, number: int) -> int | None:
        return None if self.first is None else self.first + number


def _drawn(seed: int, count: int, weights: list[Weight], report: Report) -> _People:
    """As many, drawn; the weight that drew them is added to ``weights``."""
    weights.append(find_weight(GenerateOptions.model, "generate"))
    samples = generate.generate(GenerateOptions(seed=seed, count=min(count, MOST_PICTURES)), report=report)
    return _People(faces=[sample.picture.pixels for sample in samples], first=seed)


def _hole(mask: Mask | None, transform: Transform) -> Mask | None:
    """(512, 512): how much the mask covers of an aligned face; None where it covers nothing."""
    if mask is None:
        return None
    hole = align.aligned(mask[..., None], transform, outside=0.0)[..., 0]
    return hole if (hole > 0).any() else None


def _unseen(hole: Mask | None) -> Mask:
    """(512, 512): 1 where the mask covers anything of an aligned face, which is all that a network fills."""
    return np.zeros((SIDE, SIDE), np.float32) if hole is None else (hole > 1e-3).astype(np.float32)


def _to_lend(hole: Mask | None) -> Mask | None:
    """What another face lends of a hole (512, 512), as :func:`loans.wanted` says."""
    return None if hole is None else loans.wanted(_unseen(hole))


def _one(
    source: Pixels,
    number: int,
    face: Face,
    transform: Transform,
    hole: Mask | None,
    part: Mask | None,
    options: RepairOptions,
    network: Restorer | None,
    parser: Callable[[Floats], Mask] | None,
    people: _People,
) -> RepairedFace:
    """Align one face, repair or replace it, and match its colours; ``part`` of its ``hole`` one of ``people`` lends."""
    depth = 8 if source.dtype == np.uint8 else 16
    before = align.aligned(source, transform)
    unseen = _unseen(hole)
    channels = before.shape[2]
    neutral = channels == 1 or bool((before[..., :1] == before).all())
    aligned = np.repeat(before, 3, axis=2) if channels == 1 else before
    anonymised, inner, chosen = "", None, None
    if options.anonymise == "no":
        assert network is not None
        fine = _enlarged(transform, network.side) > _COARSE
        clean, faithful = network(aligned, unseen, fine=fine and part is None)
        if part is not None:
            chosen, loan = _loan(clean, part, people.faces, network)
            clean, faithful = network(aligned, unseen, loan=loan, fine=fine)
    elif options.anonymise == "person" and (side := _side_of_persons(transform, people.faces, network)):
        face_look = strangers.look_of(aligned)
        chosen = strangers.choose(face_look, people.looks, people.taken)
        people.taken.append(chosen)
        clean = faithful = _stranger(people.faces[chosen], side, network, people.looks[chosen], face_look)
        anonymised, inner = "person", strangers.inner_outline(face_look)
    else:
        # Enlarged more than that, a person is a smear: squares take the place.
        anonymised = "blur" if options.anonymise == "blur" else "pixels"
        clean = faithful = _coarse(aligned, anonymised)
    if neutral:  # a gray photo gets no tint
        clean, faithful = (result.mean(2, keepdims=True).repeat(channels, 2) for result in (clean, faithful))
    clean, faithful = (align.match_colors(result, before, unseen) for result in (clean, faithful))
    outline = inner
    if outline is None and parser is None:
        outline = likeness.head_outline(clean) if options.anonymise == "no" else align.outline()
    elif outline is None and parser is not None:
        outline = parser(aligned if options.anonymise != "no" else _rgb(clean))
    assert outline is not None
    return RepairedFace(
        number=number, face=face, transform=transform, before=from_float(before, depth),
        clean=from_float(clean, depth), faithful=from_float(faithful, depth),
        outline=from_float(outline, 8), hole=None if hole is None else from_float(hole, 8),
        anonymised=anonymised, drawn=None if chosen is None else people.seed(chosen),
    )  # fmt: skip


def _rgb(array: Floats) -> Floats:
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array


def _needs_network(transform: Transform, options: RepairOptions, persons: Sequence[Pixels]) -> bool:
    """Whether a face is repaired, or is to be replaced by a person who is too small for it."""
    if options.anonymise == "person":
        return _enlarged(transform, len(persons[0])) > _SHARP
    return options.anonymise == "no"


def _side_of_persons(transform: Transform, persons: Sequence[Pixels], network: Restorer | None) -> int:
    """Of how many pixels a person is who can take a face's place; 0: of too few, whatever is done."""
    own = len(persons[0])
    if _enlarged(transform, own) <= _SHARP:
        return own
    side = 0 if network is None else SIDE if network.finish is not None else network.side
    return side if side and _enlarged(transform, side) <= _SHARP else 0


def _stranger(person: Pixels, side: int, network: Restorer | None, own: Look, face: Look) -> Floats:
    """A person (512, 512, 3) whose features lie where the face's do; one who is too small comes out of the network."""
    rgb = _rgb(to_float(person))
    if side > len(person):
        assert network is not None
        rgb = restore.finished(rgb, network, SIDE)
    return strangers.fitted(restore.resized(rgb, SIDE), own.landmarks, face.landmarks)


def _loan(face: Floats, part: Mask, lenders: Sequence[Pixels], network: Restorer) -> tuple[int, Loan]:
    """Who fits ``face`` (512, 512, 3), which the network has filled alone, and what that one lends."""
    people = [_rgb(to_float(lender)) for lender in lenders]
    chosen = loans.choose(face, part, people)
    lender = restore.resized(people[chosen], SIDE)
    own, wanted = likeness.landmarks_of(lender), likeness.landmarks_of(face)
    return chosen, Loan(face=strangers.fitted(restore.finished(lender, network, SIDE), own, wanted), part=part)


def _coarse(aligned: Floats, how: str) -> Floats:
    """A face that tells nothing of who it was: a few coarse squares or soft spots."""
    spots = _SPOTS[how]
    coarse = cv2.resize(aligned, (spots, spots), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST if how == "pixels" else cv2.INTER_CUBIC)
    return np.clip(np.asarray(enlarged, np.float32).reshape(aligned.shape), 0, 1)


def _enlarged(transform: Transform, side: int) -> float:
    """How many times a face ``side`` pixels wide would be enlarged to fill the frame in the picture."""
    return SIDE / align.scale_of(transform) / side


def compose(repaired: Repaired, choices: Sequence[Choice] | None = None) -> Picture:
    """The picture with each face as its choice says, in the order of ``repaired.faces``; None: as the options say.

    No network runs. With an anonymised face, what the file says beside its pixels is cut down to what names nobody
    (:func:`editing.pictures.tags.unnamed`). A rejected face, or one of strength 0, keeps its bits, except in what was
    masked. Raises OptionError when there are more or fewer choices than faces.
    """
    choices = _choices(repaired, choices)
    canvas, anonymous = repaired.base.copy(), False
    for face, choice in zip(repaired.faces, choices, strict=True):
        amount = choice.strength if choice.accept else 0.0
        if face.anonymised:
            amount = float(choice.accept)
        if amount == 0 and face.hole is None:
            continue
        anonymous |= bool(face.anonymised)
        fidelity = 0.0 if face.anonymised else choice.fidelity
        align.paste(
            canvas, repaired.base if face.hole is None else repaired.original.pixels, face.transform,
            before=to_float(face.before), after=to_float(face.after(fidelity)),
            outline=to_float(face.outline), amount=amount, grain=fidelity,
            hole=repaired.mask if face.hole is not None else None,
        )  # fmt: skip
    made = replace(repaired.original, pixels=canvas)
    return unnamed(made) if anonymous else made


def _choices(repaired: Repaired, choices: Sequence[Choice] | None) -> Sequence[Choice]:
    if choices is None:
        options = repaired.options
        return [Choice(strength=options.strength, fidelity=options.fidelity)] * len(repaired.faces)
    if len(choices) != len(repaired.faces):
        raise OptionError(messages.ONE_CHOICE_EACH, choices=len(choices), faces=len(repaired.faces))
    return choices


def at_size(repaired: Repaired, base: Picture) -> Repaired:
    """The same faces in ``base``, the picture enlarged: they are as fine as the network left them, not enlarged."""
    scale = base.width / repaired.original.width
    moved = tuple(
        replace(face, transform=face.transform / np.array([scale, scale, 1]))  # of larger coordinates
        for face in repaired.faces
    )
    mask = None if repaired.mask is None else masks.resized(repaired.mask, base.height, base.width)
    return replace(repaired, original=base, base=base.pixels, mask=mask, faces=moved)


# ---- how far to trust it ---------------------------------------------------------------------------------------------


def trust_map(repaired: Repaired, choices: Sequence[Choice] | None = None) -> Mask:
    """(H, W): 0 where the result is what the input says, or can be; 1 where it says otherwise, or nothing.

    Each repaired face is degraded again, by the Gaussian blur that brings it nearest to its input; where the two still
    differ by more than the input's noise, the result departs from what was photographed. A difference of a tenth of the
    range, averaged over some pixels, counts as 1. What was masked is 1: nothing was seen there.
    """
    choices = _choices(repaired, choices)
    doubt = np.zeros((repaired.original.height, repaired.original.width), np.float32)
    for face, choice in zip(repaired.faces, choices, strict=True):
        if not choice.accept:
            continue
        if face.anonymised:
            departs = np.ones((SIDE, SIDE), np.float32)
        else:
            departs = choice.strength * likeness.departure(to_float(face.before), to_float(face.after(choice.fidelity)))
        shown = departs * to_float(face.outline)
        np.maximum(doubt, align.unaligned(shown, face.transform, doubt.shape), out=doubt)
    return doubt if repaired.mask is None else np.maximum(doubt, repaired.mask)


# ---- before and after a run ------------------------------------------------------------------------------------------


def estimate(
    width: int, height: int, options: RepairOptions = RepairOptions(), *, count: int, masked: int = 0,
    lent: bool = False,
) -> Estimate:  # fmt: skip
    """Seconds and peak memory for ``count`` faces and ``masked`` pixels on this machine; the first call measures.

    ``lent`` is what :func:`lends` says. Waits for nobody: raises NotMeasuredError where that can't be done since
    another job has the machine.
    """
    seconds = fill.seconds(masked, options.filler, wait=False)
    if options.find_damage is not None:
        seconds += damage.estimate(width, height, DamageOptions(precision=options.precision)).seconds
    if count and options.anonymise == "no":
        seconds += count * restore.load_restorer(options.model, options.precision).seconds(wait=False)
    seconds += count * _SECONDS_PER_FACE
    if count and options.anonymise == "person":
        seconds += (strangers.POOL + count) * _seconds_per_person(looked_at=True)
    elif lent and options.anonymise == "no":
        seconds += strangers.POOL * _seconds_per_person(looked_at=False)
    itemsize = 2  # at most
    return Estimate(
        seconds=seconds,
        memory=round(runtime.resident_memory() + count * 3 * SIDE**2 * 3 * itemsize + width * height * 16 + 3e8),
        free=runtime.free_memory(),
        tiles=count,
        width=width,
        height=height,
    )  # fmt: skip


def lends(mask: Mask, faces: Sequence[Face]) -> bool:
    """Whether ``mask`` (H, W) covers so much of one of the ``faces`` that another face will lend it."""
    return any(_to_lend(_hole(mask, align.transform_of(face))) is not None for face in faces)


def _seconds_per_person(*, looked_at: bool) -> float:
    """What it takes on this machine to draw one of the pool, and to measure how that person looks."""
    network, sha256 = generate.load(GenerateOptions.model), digest(find_weight(GenerateOptions.model, "generate"))

    def run(side: int) -> None:
        drawn = network.draw(network.latent(0), GenerateOptions.truncation)
        if looked_at:
            strangers.look_of(restore.resized(_rgb(to_float(drawn)), SIDE))

    key = ("look" if looked_at else "draw") + sha256
    cost = measured_cost(key, Backend("cpu", "fp32"), run, side=network.side, wait=False)
    return cost.seconds * network.side**2


def recipe(repaired: Repaired) -> dict[str, Any]:
    """What it takes to do it again, but for the mask: every weight that took part, and what "auto" came to."""
    model = next((weight.name for weight in repaired.weights if weight.task == "restore"), repaired.options.model)
    filler = repaired.filled_by or repaired.options.filler
    made = recipe_of("repair", repaired.options, repaired.weights, model=model, filler=filler) | persons(repaired)
    return made | {"masked": True} if repaired.masked else made


def persons(repaired: Repaired) -> dict[str, list[int | None]]:
    """What recipes say of who was drawn: for each face the seed of who took its place or lent a part, or null."""
    drawn = [face.drawn for face in repaired.faces]
    return {"persons": drawn} if any(seed is not None for seed in drawn) else {}


def unfilled(result: Repaired) -> Mask | None:
    """What of the mask (H, W) the base does not hold filled: faces are there, whose network fills. None without."""
    filling = [face.transform for face in result.faces if face.hole is not None]
    if result.mask is None or not filling:
        return None
    return np.asarray(np.maximum(result.mask - _beyond(result.mask, filling), 0), np.float32)
