"""Repair: faces found, restored and put back; masked parts filled. Everything else keeps its bits.

A face is aligned to the FFHQ frame, repaired by a network (ours, or GFPGAN, RestoreFormer++ or CodeFormer when they
have been fetched), given the colours of its surroundings and pasted back. The network leaves two results, a clean and
a faithful one; fidelity mixes them. Both are kept for each face, so that :func:`compose` can accept and reject faces
and follow the dials without another run:

    result = repair(picture, RepairOptions(faces="all"), mask)
    picture = compose(result, [Choice(fidelity=0.8), Choice(accept=False)])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from editing import __version__, faces, fill, images, runtime, weights
from editing.errors import EditingError, ImageError, OptionError, WeightError
from editing.faces import SIDE, Box, Detector, Face, Transform
from editing.fill import Filler
from editing.images import Floats, Picture, Pixels
from editing.masks import Mask
from editing.networks.repairer import Repairer, RepairerConfig
from editing.report import Report, silent
from editing.runtime import Backend, Estimate
from editing.weights import Weight

ANONYMISE = ("no", "blur", "pixels", "person")
# Of likeness(): 99 of 100 degraded faces are above it beside their originals, all of other people are below, and so are
# 95 of 100 with another's eyes and 99 of 100 with another's mouth (120 faces, four strengths of degradation).
ALIKE = 0.83


@dataclass(frozen=True, kw_only=True)
class RepairOptions:
    """What to do; raises OptionError for values out of range.

    ``faces`` are numbered from 1, from left to right; ``boxes`` (left, top, right, bottom, in pixels) are faces that
    the detector misses, and are numbered with the others. ``anonymise`` replaces faces instead of repairing them, by
    "blur", "pixels" or a "person" who does not exist (see :func:`repair`).
    """

    model: str = "repairer"  # a name of the catalogue for "restore", or a file
    faces: Literal["all", "none"] | tuple[int, ...] = "all"
    boxes: tuple[Box, ...] = ()
    strength: float = 1.0  # 0 leaves the faces as they are
    fidelity: float = 0.5  # 1 as close to the input as the network can, 0 as clean as it can
    score: float = 0.8  # how sure the detector must be
    min_size: int | None = None  # pixels; lower faces are left alone; None: faces.smallest()
    filler: str = "auto"  # of masked parts outside faces: one of fill.FILLERS
    anonymise: str = "no"
    precision: str = "auto"

    def __post_init__(self) -> None:
        if isinstance(self.faces, str):
            if self.faces not in ("all", "none"):
                raise OptionError(f"Faces is '{self.faces}'; it must be all, none, or numbers with commas such as 1,3.")
        elif not self.faces or min(self.faces) < 1:
            raise OptionError("Faces are numbered from 1, from left to right; give at least one number, or none.")
        _check_dials(self.strength, self.fidelity)
        if not 0 <= self.score <= 1:  # also refuses NaN
            raise OptionError(f"The score is {self.score}; it must be between 0 and 1.")
        if self.min_size is not None and not 8 <= self.min_size <= 4096:
            raise OptionError(f"The smallest face is {self.min_size} pixels; it must be between 8 and 4096.")
        if self.filler not in fill.FILLERS:
            raise OptionError(f"The filler '{self.filler}' is not known; choose one of {', '.join(fill.FILLERS)}.")
        if self.anonymise not in ANONYMISE:
            raise OptionError(f"Anonymise is '{self.anonymise}'; choose one of {', '.join(ANONYMISE)}.")
        if self.precision not in runtime.PRECISIONS:
            raise OptionError(f"Precision is '{self.precision}'; choose one of {', '.join(runtime.PRECISIONS)}.")


def faces_of(text: str) -> Literal["all", "none"] | tuple[int, ...]:
    """``RepairOptions.faces`` out of "all", "none" or numbers such as "1,3"; raises OptionError for anything else."""
    if text in ("all", "none"):
        return "all" if text == "all" else "none"
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise OptionError(f"Faces is '{text}'; it must be all, none, or numbers with commas such as 1,3.") from None


def _check_dials(strength: float, fidelity: float) -> None:
    if not 0 <= strength <= 1:
        raise OptionError(f"Strength is {strength}; it must be between 0 and 1.")
    if not 0 <= fidelity <= 1:
        raise OptionError(f"Fidelity is {fidelity}; it must be between 0 and 1.")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What becomes of one face; raises OptionError for values out of range."""

    accept: bool = True
    strength: float = 1.0
    fidelity: float = 0.5

    def __post_init__(self) -> None:
        _check_dials(self.strength, self.fidelity)


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

    def after(self, fidelity: float) -> Pixels:
        """The repaired face: faithful at 1, clean at 0, a straight mix between."""
        if fidelity in (0, 1):
            return self.faithful if fidelity else self.clean
        clean, faithful = images.to_float(self.clean), images.to_float(self.faithful)
        return images.from_float(
            clean + np.float32(fidelity) * (faithful - clean), 8 if self.clean.itemsize == 1 else 16
        )

    def likeness(self, fidelity: float) -> float | None:
        """:func:`likeness` of before and after; None for an anonymised face, which is not to be like anyone."""
        if self.anonymised:
            return None
        before, after = images.to_float(self.before), images.to_float(self.after(fidelity))
        if self.hole is not None:
            gone = images.to_float(self.hole)[..., None]
            before = before + gone * (after - before)  # what nobody saw proves nothing
        return likeness(before, after)


@dataclass(frozen=True, kw_only=True, eq=False)
class Repaired:
    """What :func:`repair` found and did; :func:`compose` makes the picture of it."""

    original: Picture
    base: Pixels  # the original's pixels, filled where the mask covers what no repaired face does
    mask: Mask | None
    faces: tuple[RepairedFace, ...]  # from left to right
    found: int  # faces in the picture, repaired or not
    options: RepairOptions
    filled_by: str | None  # the filler's name, if anything was filled


# ---- networks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Restorer:
    """A loaded network for aligned faces.

    ``run`` takes (1, 3, side, side) RGB and (1, 1, side, side), 1 = fill, both float32 in [0, 1], and returns the clean
    and the faithful result, float32 of the first shape. ``fills`` is whether it minds the second.
    """

    name: str
    sha256: str
    licence: str
    backend: Backend
    side: int
    fills: bool
    run: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

    def __call__(self, aligned: Floats, hole: Mask) -> tuple[Floats, Floats]:
        """(512, 512, 3) and (512, 512) in [0, 1] -> the clean and the faithful face, (512, 512, 3) in [0, 1]."""
        small = _resized(aligned, self.side)
        picture = torch.from_numpy(small).permute(2, 0, 1)[None].to(self.backend.device)
        mask = torch.from_numpy(_resized(hole[..., None], self.side)).permute(2, 0, 1)[None].to(self.backend.device)
        with torch.inference_mode():
            results = self.run(picture, mask)
        if not all(bool(torch.isfinite(result).all()) for result in results):
            raise EditingError(
                f"The model '{self.name}' gave values that are not numbers, so nothing was kept. "
                "Run it again with precision fp32."
            )
        clean, faithful = (
            _resized(result[0].float().clamp(0, 1).permute(1, 2, 0).cpu().numpy(), SIDE) for result in results
        )
        # What is too fine for the network's size is no news to it: the faithful result keeps that of the input.
        fine = (aligned - _resized(small, SIDE)) * (1 - hole[..., None])
        return clean, np.clip(faithful + fine, 0, 1)

    def seconds(self) -> float:
        """What a face takes on this machine; measured at the first call."""
        cost = runtime.measured_cost(self.sha256, self.backend, self._blank, side=self.side)
        return cost.seconds * self.side**2

    def _blank(self, side: int) -> None:
        self(np.full((SIDE, SIDE, 3), 0.5, np.float32), np.zeros((SIDE, SIDE), np.float32))


def _resized(array: Floats, side: int) -> Floats:
    how = cv2.INTER_AREA if side < len(array) else cv2.INTER_CUBIC
    resized = array if side == len(array) else cv2.resize(array, (side, side), interpolation=how)
    return np.asarray(resized, np.float32).reshape(side, side, -1)


def load(model: str = "repairer", precision: str = "auto") -> Restorer:
    """The network called ``model``, loaded once and shared.

    Raises WeightError for an unknown, missing or damaged weight, OptionError for an unknown precision.
    """
    weight = weights.find(model, "restore")
    backend, sha256 = runtime.choose_backend(precision), weights.digest(weight)
    return runtime.cached_network(sha256, backend, lambda: _build(weight, sha256, backend))


def _build(weight: Weight, sha256: str, backend: Backend) -> Restorer:
    texts = weights.metadata(weight)
    if "config" in texts:
        return _ours(weight, sha256, backend, texts["config"])
    network, call = _theirs(weight)
    backend = Backend(backend.device, "fp32")  # codebooks and modulated convolutions lose too much in bf16
    network.eval().requires_grad_(False).to(backend.device)  # GFPGAN can't be channels-last

    def run(picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        scaled = picture * 2 - 1
        return (call(network, scaled, 0.0) + 1) / 2, (call(network, scaled, 1.0) + 1) / 2

    def once(picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return (call(network, picture * 2 - 1, 0.0) + 1) / 2, picture

    both = type(network).__name__ == "CodeFormer"  # the others know no fidelity: the input itself is the other end
    return Restorer(
        name=weight.name, sha256=sha256, licence=weight.licence, backend=backend, side=SIDE, fills=False,
        run=run if both else once,
    )  # fmt: skip


def _ours(weight: Weight, sha256: str, backend: Backend, config: str) -> Restorer:
    try:
        network = Repairer(RepairerConfig.from_json(config))
        network.load_state_dict({name: value.float() for name, value in weights.load_state(weight).items()})
    except (ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightError(f"{weight.name} can't be used: its weights don't fit together ({reason}).") from error
    backend.place(network)

    def run(picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        faithful, clean = network.both(picture, mask)
        return clean, faithful

    return Restorer(
        name=weight.name, sha256=sha256, licence=weight.licence, backend=backend, side=network.config.size, fills=True,
        run=run,
    )  # fmt: skip


Call = Callable[[nn.Module, Tensor, float], Tensor]


def _theirs(weight: Weight) -> tuple[nn.Module, Call]:
    """A network that others trained, and how it is called with pictures in [-1, 1] and a fidelity.

    spandrel's own call gives GFPGAN and CodeFormer [0, 1] and clips what comes out, which washes faces out: they were
    trained with [-1, 1], and so are called directly.
    """
    network: nn.Module
    if weight.name == "restoreformer":
        network = _restoreformer_plus_plus(weights.load_state(weight), weight.name)
    else:
        network = weights.load_network(weight).model
    calls: dict[str, Call] = {
        "GFPGANv1Clean": lambda network, picture, fidelity: network(picture, randomize_noise=False)[0],
        "RestoreFormer": lambda network, picture, fidelity: network(picture)[0],
        "CodeFormer": lambda network, picture, fidelity: network(picture, weight=fidelity)[0],
    }
    call = calls.get(type(network).__name__)
    if call is None:
        raise WeightError(
            f"{weight.name} can't be used: it is a {type(network).__name__}; only GFPGAN, RestoreFormer and CodeFormer "
            "are known here. Choose another model."
        )
    return network, call


def _restoreformer_plus_plus(state: dict[str, Tensor], name: str, **sizes: Any) -> nn.Module:
    """RestoreFormer++ (Wang et al. 2023): RestoreFormer with half the heads, and attention at 32x32 in its decoder.

    spandrel knows RestoreFormer alone, so its decoder is exchanged here. The official file is a training's checkpoint:
    of its state the generator ("vqvae.") is taken.
    """
    from spandrel.architectures.RestoreFormer import RestoreFormer  # type: ignore[import-untyped]
    from spandrel.architectures.RestoreFormer.__arch import restoreformer_arch  # type: ignore[import-untyped]

    sizes = {"ch": 64, "out_ch": 3, "ch_mult": (1, 2, 2, 4, 4, 8), "z_channels": 256} | sizes
    network: nn.Module = RestoreFormer(**sizes, double_z=False, head_size=4)
    network.decoder = restoreformer_arch.MultiHeadDecoderTransformer(
        **sizes, num_res_blocks=2, attn_resolutions=(16, 32), dropout=0.0, in_channels=3, resolution=512,
        enable_mid=True, head_size=4,
    )  # fmt: skip

    def also_finer(module: nn.Module, arguments: Any, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each attention of the decoder looks at what the encoder saw at its size."""
        return {f"{name}_atten": maps for name, maps in seen.items() if name.startswith("block_")} | seen

    network.get_submodule("encoder").register_forward_hook(also_finer)
    own = {key.removeprefix("vqvae."): value for key, value in state.items() if key.startswith("vqvae.")} or state
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightError(f"{name} can't be used: its weights don't fit together ({reason}).") from error
    return network.eval().requires_grad_(False)


# ---- the pipeline ----------------------------------------------------------------------------------------------------


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
    """Find and repair the faces that ``options`` name, and fill what ``mask`` (H, W), 1 = fill, covers.

    Args:
        picture: any size; its alpha, depth and profile come through.
        options: which faces, and how.
        mask: None: no part is filled. Where it is 0 and no face is, the result is bit-identical.
        found: all faces of the picture, if :func:`find` was called before; None: they are looked for.
        persons: for ``anonymise="person"``, aligned faces (n, n, 3) uint8 to take the places, one after the other.
        network: None: the one that ``options`` name, loaded when a face is to be repaired.
        filler: None: the one that ``options`` name, loaded when something is to be filled.
        report: called with the note "faces" while they are looked for, "repair" after each, "fill" after each part.

    Raises ImageError when there is neither a face nor a mask; OptionError, WeightError, and whatever ``report`` raises.
    """
    if mask is not None and not (mask > 0).any():
        mask = None
    wanted = options.faces != "none" or bool(options.boxes)
    everyone = list(found) if found is not None else find(picture, options, report=report) if wanted else []
    numbers = _chosen(options, len(everyone))
    if not numbers and mask is None:
        raise ImageError(_nothing(options, len(everyone)))
    plans = [(number, everyone[number - 1], faces.transform_of(everyone[number - 1])) for number in numbers]
    if any(_needs_network(transform, options, persons) for _, _, transform in plans):
        network = network or load(options.model, options.precision)
    parser = faces.load_parser() if numbers else None
    covered = np.zeros((picture.height, picture.width), np.float32) if mask is not None else None
    fills = network is not None and network.fills and options.anonymise == "no"
    base, filled_by = picture.pixels, None
    if mask is not None and covered is not None:
        for _, _, transform in plans if fills else ():
            np.maximum(covered, faces.unalign(faces.outline(), transform, covered.shape), out=covered)
        rest = np.where(covered < 0.999, mask, np.float32(0))
        if (rest > 0).any():
            filler = filler or fill.load(options.filler)
            base, filled_by = fill.fill(picture.pixels, rest, filler=filler, report=report), filler.name
    done: list[RepairedFace] = []
    report(0, len(plans), "repair")
    for index, (number, face, transform) in enumerate(plans):
        # A network that does not fill sees what the filler made of the holes.
        source = picture.pixels if fills else base
        person = persons[index % len(persons)] if persons else None
        hole = mask if fills else None
        done.append(_one(source, number, face, transform, hole, options, network, parser, person))
        report(index + 1, len(plans), "repair")
    return Repaired(
        original=picture, base=base, mask=mask, faces=tuple(done), found=len(everyone), options=options,
        filled_by=filled_by,
    )  # fmt: skip


def find(
    picture: Picture,
    options: RepairOptions = RepairOptions(),
    *,
    detector: Detector | None = None,
    report: Report = silent,
) -> list[Face]:
    """All faces of the picture, those in ``options.boxes`` too, from left to right: their numbers count from 1."""
    seen = faces.detect(picture, score=options.score, min_size=options.min_size, detector=detector, report=report)
    drawn = [faces.face_in(picture, box, detector=detector) for box in options.boxes]
    seen = [face for face in seen if not any(faces.same_place(face, other) for other in drawn)]
    return sorted([*seen, *drawn], key=lambda face: face.box[0] + face.box[2])


def _chosen(options: RepairOptions, count: int) -> list[int]:
    if options.faces == "none":
        return []
    if options.faces == "all":
        return list(range(1, count + 1))
    numbers = sorted({int(number) for number in options.faces})
    if numbers[-1] > count:
        raise OptionError(
            f"Face {numbers[-1]} was asked for, but {count} were found. They are numbered from left to right; lower "
            "the score or the smallest size to find more, or draw a box round the one that is missed."
        )
    return numbers


def _nothing(options: RepairOptions, count: int) -> str:
    if options.faces == "none":
        return "There is nothing to repair: no face was chosen and no mask was given. Choose faces, or draw a mask."
    return (
        "No face was found and no mask was given, so there is nothing to repair. Lower the score or the smallest size, "
        "draw a box round the face, or draw a mask."
    )


def _one(
    source: Pixels,
    number: int,
    face: Face,
    transform: Transform,
    mask: Mask | None,
    options: RepairOptions,
    network: Restorer | None,
    parser: Callable[[Floats], Mask] | None,
    person: Pixels | None,
) -> RepairedFace:
    """Align one face, repair or replace it, and match its colours."""
    depth = 8 if source.dtype == np.uint8 else 16
    before = faces.align(source, transform)
    hole = None if mask is None else faces.align(mask[..., None], transform, outside=0.0)[..., 0]
    if hole is not None and not (hole > 0).any():
        hole = None
    unseen = np.zeros((SIDE, SIDE), np.float32) if hole is None else (hole > 1e-3).astype(np.float32)
    channels = before.shape[2]
    neutral = channels == 1 or bool((before[..., :1] == before).all())
    aligned = np.repeat(before, 3, axis=2) if channels == 1 else before
    anonymised = ""
    if options.anonymise == "no":
        assert network is not None
        clean, faithful = network(aligned, unseen)
    else:
        clean, anonymised = _replaced(aligned, transform, options.anonymise, person, network)
        faithful = clean
    if neutral:  # a gray photo gets no tint
        clean, faithful = (result.mean(2, keepdims=True).repeat(channels, 2) for result in (clean, faithful))
    clean, faithful = (faces.match_colors(result, before, unseen) for result in (clean, faithful))
    outline = faces.outline() if parser is None else parser(aligned if options.anonymise != "no" else _rgb(clean))
    return RepairedFace(
        number=number, face=face, transform=transform, before=images.from_float(before, depth),
        clean=images.from_float(clean, depth), faithful=images.from_float(faithful, depth),
        outline=images.from_float(outline, 8), hole=None if hole is None else images.from_float(hole, 8),
        anonymised=anonymised,
    )  # fmt: skip


def _rgb(array: Floats) -> Floats:
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array


def _needs_network(transform: Transform, options: RepairOptions, persons: Sequence[Pixels]) -> bool:
    """Whether a face is repaired, or is to be replaced by a person who is too small for it."""
    if options.anonymise == "person" and persons:
        return _enlarged(transform, len(persons[0])) > _SHARP
    return options.anonymise == "no"


def _replaced(
    aligned: Floats, transform: Transform, how: str, person: Pixels | None, network: Restorer | None
) -> tuple[Floats, str]:
    """A face that tells nothing of who it was, and what it is: 12 coarse squares or soft spots, or someone else.

    A person who would have to be enlarged is repaired as a small photograph would be; beyond what the network's own
    size allows there is nobody, and squares take the place.
    """
    if how == "person":
        if person is None:
            raise OptionError(
                "To anonymise by persons, pictures of persons must be given: choose blur or pixels instead."
            )
        someone = _resized(images.to_float(person), SIDE)
        if _enlarged(transform, len(person)) <= _SHARP:
            return someone, how
        if network is not None and _enlarged(transform, network.side) <= _SHARP:
            return network(someone, np.zeros((SIDE, SIDE), np.float32))[0], how
        how = "pixels"  # enlarged more than that, a person is a smear
    coarse = cv2.resize(aligned, (_SPOTS, _SPOTS), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST if how == "pixels" else cv2.INTER_CUBIC)
    return np.clip(np.asarray(enlarged, np.float32).reshape(aligned.shape), 0, 1), how


def _enlarged(transform: Transform, side: int) -> float:
    """How many times a face ``side`` pixels wide would be enlarged to fill the frame in the picture."""
    return SIDE / faces.scale_of(transform) / side


_SHARP = 1.5  # times that a face may be enlarged
_SPOTS = 12  # a face is about seven of them wide: nobody is known by that


def compose(repaired: Repaired, choices: Sequence[Choice] | None = None) -> Picture:
    """The picture with each face as its choice says, in the order of ``repaired.faces``; None: as the options say.

    No network runs. A rejected face, or one of strength 0, keeps its bits, except in what was masked. Raises
    OptionError when there are more or fewer choices than faces.
    """
    choices = _choices(repaired, choices)
    canvas = repaired.base.copy()
    for face, choice in zip(repaired.faces, choices, strict=True):
        amount = choice.strength if choice.accept else 0.0
        if face.anonymised:
            amount = float(choice.accept)
        if amount == 0 and face.hole is None:
            continue
        fidelity = 0.0 if face.anonymised else choice.fidelity
        faces.paste(
            canvas, repaired.base if face.hole is None else repaired.original.pixels, face.transform,
            before=images.to_float(face.before), after=images.to_float(face.after(fidelity)),
            outline=images.to_float(face.outline), amount=amount, grain=fidelity,
            hole=repaired.mask if face.hole is not None else None,
        )  # fmt: skip
    return replace(repaired.original, pixels=canvas)


def _choices(repaired: Repaired, choices: Sequence[Choice] | None) -> Sequence[Choice]:
    if choices is None:
        options = repaired.options
        return [Choice(strength=options.strength, fidelity=options.fidelity)] * len(repaired.faces)
    if len(choices) != len(repaired.faces):
        raise OptionError(f"{len(choices)} choices were given for {len(repaired.faces)} faces; give one for each.")
    return choices


# ---- how far to trust it ---------------------------------------------------------------------------------------------

# Rows and columns of the aligned face: the whole of it, the eyes, the mouth.
_PARTS = ((slice(90, 470), slice(115, 397)), (slice(190, 290), slice(130, 382)), (slice(325, 425), slice(170, 342)))
_GRID = 64  # points across the frame at which faces are compared


def likeness(before: Floats, after: Floats) -> float:
    """How far two aligned faces (512, 512, C) agree in structure, -1 to 1; below :data:`ALIKE` it may be someone else.

    Light and dark at 64x64 points, without what is smoother than a tenth of the frame; the cosine between the two, of
    the face, the eyes and the mouth, of which the least counts. It does not recognise people: it tells whether the same
    photograph of the same person can still be in there. Blur, noise and JPEG change it little; another's eyes or mouth
    much. On 120 faces at four strengths of degradation it tells a face from another person's with an area under the
    curve of 1.000, from the half-way morph 0.988, from itself with another's eyes 0.997, another's mouth 1.000.
    """
    first, second = _structure(before), _structure(after)
    least = 1.0
    for rows, columns in _PARTS:
        step = SIDE // _GRID
        part = (slice(rows.start // step, rows.stop // step), slice(columns.start // step, columns.stop // step))
        a, b = first[part] - first[part].mean(), second[part] - second[part].mean()
        least = min(least, float((a * b).sum()) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-6))
    return least


def _structure(aligned: Floats) -> Floats:
    gray = aligned.mean(2) if aligned.shape[2] == 1 else cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY)
    coarse = np.asarray(cv2.resize(gray, (_GRID, _GRID), interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(coarse - cv2.GaussianBlur(coarse, (0, 0), 5), np.float32)


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
            departs = choice.strength * _departure(
                images.to_float(face.before), images.to_float(face.after(choice.fidelity))
            )
        shown = departs * images.to_float(face.outline)
        np.maximum(doubt, faces.unalign(shown, face.transform, doubt.shape), out=doubt)
    return doubt if repaired.mask is None else np.maximum(doubt, repaired.mask)


def _departure(before: Floats, after: Floats) -> Mask:
    """(512, 512) in [0, 1]; see :func:`trust_map`."""
    inner = faces.outline() > 0.5

    def degraded(sigma: float) -> Floats:
        blurred = after if sigma == 0 else cv2.GaussianBlur(after, (0, 0), sigma)
        return np.asarray(blurred, np.float32).reshape(after.shape)

    sigma = min((0.0, 1.0, 2.0, 3.0, 4.5, 7.0, 10.0), key=lambda s: float(((degraded(s) - before)[inner] ** 2).mean()))
    apart = cv2.GaussianBlur(degraded(sigma) - before, (0, 0), 4)  # noise averages out, a moved eyelid does not
    size = np.abs(np.asarray(apart, np.float32).reshape(before.shape)).max(2)
    noise = 2 * float(np.median(size[inner]))
    return np.asarray(np.clip((size - noise) * 10, 0, 1), np.float32)


# ---- before and after a run ------------------------------------------------------------------------------------------


def estimate(
    width: int, height: int, options: RepairOptions = RepairOptions(), *, count: int, masked: int = 0
) -> Estimate:
    """Seconds and peak memory for ``count`` faces and ``masked`` pixels on this machine; the first call measures."""
    seconds = masked * _SECONDS_PER_MASKED_PIXEL
    if count and options.anonymise == "no":
        seconds += count * load(options.model, options.precision).seconds()
    seconds += count * _SECONDS_PER_FACE
    itemsize = 2  # at most
    return Estimate(
        seconds=seconds,
        memory=round(runtime.resident_memory() + count * 3 * SIDE**2 * 3 * itemsize + width * height * 16 + 3e8),
        free=runtime.free_memory(),
        tiles=count,
        width=width,
        height=height,
    )  # fmt: skip


_SECONDS_PER_FACE = 0.15  # aligning, matching colours, pasting; on one core
_SECONDS_PER_MASKED_PIXEL = 1e-4  # patches, on one core


def recipe(options: RepairOptions) -> dict[str, Any]:
    """What it takes to do it again: task, options, weight names and sha256, version; without the mask, plain JSON."""
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(options).items()}
    plain["boxes"] = [list(box) for box in options.boxes]
    used = [faces.best_detector()] if options.faces != "none" else []
    if options.faces != "none" and options.anonymise == "no":
        used.append(weights.find(options.model, "restore"))
        plain["model"] = used[-1].name
    return {
        "task": "repair",
        "options": plain,
        "weights": [{"name": weight.name, "sha256": weights.digest(weight)} for weight in used],
        "version": __version__,
    }
