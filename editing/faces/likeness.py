"""Who an aligned face is: whether two of them are one person, whether there is a face at all, and what was made up.

By a face recogniser (:mod:`editing.networks.recogniser`): 128 numbers for each face, and the distance between them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch

from editing import runtime
from editing.faces import align
from editing.faces.align import SIDE
from editing.networks.recogniser import Landmarks, Recogniser, numbers_of
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats
from editing.runtime import Backend
from editing.weights.files import digest
from editing.weights.find import find_weight
from editing.weights.load import fit, load_state, without_numbers

Verdict = Literal["same", "another", "invented"]
Numbers = npt.NDArray[np.float32]  # (128,)

# Of distance(): 98 of 100 repaired faces are nearer than this to what was photographed, and of pairs of strangers fewer
# than 1 of 200; see weights/recogniser.md.
ALIKE = 0.53
# Of the face: where more of it is masked, in all or in one place, nobody can say who it is. An eye is 0.03 or more.
INVENTED, _PLACE = 0.04, 0.01
_THIN = 21  # pixels of 512: what is narrower, such as a scratch, hides no eye

# What of the aligned face the networks see, in pixels of 512 (left, top, right, bottom): dlib cuts faces so that the
# eyes lie at 0.31 of the height, and face-api.js gives its landmarks the detector's box.
_CHIP = (80, 129, 437, 486)
_BOX = (62, 89, 450, 477)
# Landmarks of a face stay where they are when it is seen through other windows; of anything else they go with these.
_WINDOWS = (_BOX, (40, 70, 440, 470), (80, 100, 480, 500))
_UNSTEADY, _OFF = 12.0, 35.0  # pixels of 512: how far they may go, and lie from the template, and still be a face's
_BLURS = (0.0, 1.0, 2.0, 3.0, 4.5, 7.0, 10.0)  # deviations, in pixels of 512


def numbers_for(aligned: Floats) -> Numbers:
    """The 128 numbers of an aligned face (512, 512, 1 or 3) in [0, 1]."""
    return _run("recogniser", Recogniser, _CHIP, Recogniser.SIDE, aligned)


def landmarks_of(aligned: Floats) -> npt.NDArray[np.float32]:
    """(68, 2): (x, y) of the landmarks of an aligned face (512, 512, 1 or 3), in its pixels."""
    return _landmarks_in(aligned, _BOX)


def features_of(aligned: Floats) -> list[npt.NDArray[np.float64]]:
    """The outlines (N, 2) of both eyes and the mouth of an aligned face, as landmarks_of(), a third wider each way."""
    points = landmarks_of(aligned).astype(np.float64)
    parts = [points[36:42], points[42:48], points[48:60]]
    return [part.mean(0) + 4 / 3 * (part - part.mean(0)) for part in parts]


def _landmarks_in(aligned: Floats, box: tuple[int, int, int, int]) -> npt.NDArray[np.float32]:
    left, top, right, bottom = box
    found = _run("landmarks", Landmarks, box, Landmarks.SIDE, aligned)
    return np.asarray(found * [right - left, bottom - top] + [left, top], np.float32)


def is_face(aligned: Floats) -> bool:
    """Whether the landmarks' network sees a face in the frame (512, 512, C), or only the detector did."""
    found = np.stack([_landmarks_in(aligned, box) for box in _WINDOWS])
    unsteady = float(np.linalg.norm(found - found.mean(0), axis=2).mean())
    first = found[0]
    five = np.stack([first[36:42].mean(0), first[42:48].mean(0), first[30], first[48], first[54]])
    return unsteady < _UNSTEADY or float(np.linalg.norm(five - align.TEMPLATE, axis=1).mean()) < _OFF


def head_outline(aligned: Floats) -> Mask:
    """(512, 512): how much of a repaired face is put back: the whole head with hair and ears, soft at its edge.

    At least the oval of :func:`editing.faces.align.outline`; that alone where there is no face to be seen.
    """
    oval = align.outline()
    if not is_face(aligned):
        return oval
    points = landmarks_of(aligned).astype(np.float64)
    jaw, brows, nose = points[:17], points[17:27].mean(0), points[30]
    middle = (jaw[0] + jaw[16]) / 2
    ears = middle + 1.3 * (jaw[[0, 1, 2, 14, 15, 16]] - middle)
    up, across = brows - nose, (jaw[16] - jaw[0]) / 2
    crown = [brows + 1.75 * up + side * across for side in (-0.75, -0.35, 0.35, 0.75)]
    temples = [brows + 0.7 * up + side * across for side in (-1.4, 1.4)]
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(canvas, cv2.convexHull(np.rint(np.vstack([jaw, ears, crown, temples])).astype(np.int32)), 255)
    soft = np.asarray(cv2.GaussianBlur(canvas, (0, 0), 14), np.float32) / 255
    edge = np.minimum(np.arange(SIDE) + 0.5, SIDE - 0.5 - np.arange(SIDE)) / 24  # nothing may be cut off at the border
    fade = np.clip(np.minimum(edge[:, None], edge[None]), 0, 1).astype(np.float32)
    return np.asarray(np.maximum(oval, soft * fade), np.float32)


def _run(
    name: str, kind: Callable[[], torch.nn.Module], box: tuple[int, int, int, int], side: int, aligned: Floats
) -> npt.NDArray[np.float32]:
    """What a network says of a part of the face, as it was trained to see it."""
    weight = find_weight(name)
    # In fp32 on the CPU: they are small, and what is a person's should not depend on the hardware.
    backend, sha256 = Backend("cpu", "fp32"), digest(weight)

    def build() -> torch.nn.Module:
        with without_numbers():
            network = kind()
        fit(network, numbers_of(load_state(weight)), weight.name)
        return backend.place(network)

    network = runtime.cached_network(f"{weight.name} {sha256}", backend, build)
    left, top, right, bottom = box
    chip = cv2.resize(aligned[top:bottom, left:right], (side, side), interpolation=cv2.INTER_AREA)
    chip = np.asarray(chip, np.float32).reshape(side, side, -1)
    rgb = np.repeat(chip, 3, axis=2) if chip.shape[2] == 1 else chip
    with torch.inference_mode():
        out: npt.NDArray[np.float32] = network(torch.from_numpy(rgb).permute(2, 0, 1)[None])[0].numpy()
    return out


def distance(before: Floats, after: Floats) -> float:
    """How far apart two aligned faces (512, 512, C) are as people: 0 for one picture, about 0.8 for two strangers.

    ``after`` is clearer than ``before`` where it was repaired, and the recogniser notices: so ``after`` is looked at
    twice, as it is and blurred until it is nearest to ``before``, and the nearer counts.
    """
    first = numbers_for(before)
    blurred = _as_blurred(before, after)
    seen = [after] if blurred is after else [after, blurred]
    return min(float(np.linalg.norm(first - numbers_for(face))) for face in seen)


def verdict(before: Floats, after: Floats, hole: Mask | None = None) -> Verdict:
    """What can be said of who ``after`` is, both (512, 512, C); ``hole`` (512, 512) is 1 where nothing was seen.

    "same": the same person; "another": it may be another; "invented": a part of the face is, and so nobody can say.
    """
    if hole is not None:
        face = align.outline() > 0.5
        wide = cv2.morphologyEx(hole, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_THIN, _THIN)))
        if float(hole[face].mean()) > INVENTED or float(wide[face].mean()) > _PLACE:
            return "invented"
        before = before + hole[..., None] * (after - before)  # what nobody saw proves nothing
    return "same" if distance(before, after) < ALIKE else "another"


def _as_blurred(before: Floats, after: Floats) -> Floats:
    """``after``, blurred by the Gaussian that brings it nearest to ``before``."""
    inner = align.outline() > 0.5

    def blurred(sigma: float) -> Floats:
        out = after if sigma == 0 else cv2.GaussianBlur(after, (0, 0), sigma)
        return np.asarray(out, np.float32).reshape(after.shape) if sigma else after

    return min(map(blurred, _BLURS), key=lambda face: float(((face - before)[inner] ** 2).mean()))


def departure(before: Floats, after: Floats) -> Mask:
    """(512, 512) in [0, 1]: where ``after``, blurred until it is nearest to ``before``, differs by more than noise.

    Both are (512, 512, C); a difference of a tenth of the range, averaged over some pixels, counts as 1.
    """
    inner = align.outline() > 0.5
    apart = cv2.GaussianBlur(_as_blurred(before, after) - before, (0, 0), 4)  # noise averages out, a moved eyelid not
    size = np.abs(np.asarray(apart, np.float32).reshape(before.shape)).max(2)
    noise = 2 * float(np.median(size[inner]))
    return np.asarray(np.clip((size - noise) * 10, 0, 1), np.float32)
