"""Someone who does not exist in the place of someone who does: chosen to look like that face, and not to be it.

What is measured in the picture decides: where the 68 landmarks lie (pose, expression, the size of eyes, mouth and jaw),
the colour of the cheeks, and the recogniser's 128 numbers, in which old and young, women and men lie apart.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from editing.faces import align, likeness
from editing.faces.align import SIDE
from editing.faces.likeness import Numbers
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats

Points = npt.NDArray[np.float32]  # (68, 2): landmarks, in pixels of 512

POOL = 96  # drawn faces among which one is chosen
# What counts as one unit of unlikeness: landmarks that lie so far off (pixels of 512), cheeks of such another colour
# (CIELAB), and people who are so much further apart than two who just are no longer taken for one.
_OFF, _SKIN, _APART = 8.0, 8.0, 0.15
_NEAR = 0.62  # whoever is nearer might be taken for the same person; well above likeness.ALIKE
_BROWS, _JAW = slice(17, 27), slice(0, 17)
_CHEEKS = ((31, 3), (35, 13))  # half way between a wing of the nose and the jaw
_FOREHEAD = 0.55  # how far above the brows a face is exchanged, in parts of the way from the brows to the nose's tip


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """What is measured of an aligned face."""

    landmarks: Points
    skin: npt.NDArray[np.float32]  # (3,) CIELAB of the cheeks
    numbers: Numbers


def look_of(aligned: Floats) -> Look:
    """The look of an aligned face (512, 512, 3) in [0, 1]."""
    landmarks = likeness.landmarks_of(aligned)
    lab = np.asarray(cv2.cvtColor(cv2.GaussianBlur(aligned, (0, 0), 8), cv2.COLOR_RGB2LAB), np.float32)
    places = [landmarks[list(pair)].mean(0).round().astype(int).clip(0, SIDE - 1) for pair in _CHEEKS]
    # Of the two the lighter: the other may lie in shadow, or be hair.
    skin = max((lab[y, x] for x, y in places), key=lambda colour: float(colour[0]))
    return Look(landmarks=landmarks, skin=np.asarray(skin, np.float32), numbers=likeness.numbers_for(aligned))


def unlike(face: Look, other: Look) -> float:
    """How ill ``other`` would sit in the place of ``face``; infinite for one who might be taken for the same person."""
    apart = float(np.linalg.norm(face.numbers - other.numbers))
    if apart < _NEAR:
        return float("inf")
    moved = _moved(other.landmarks, _fitting(other.landmarks, face.landmarks))
    off = float(np.linalg.norm(face.landmarks - moved, axis=1).mean())
    skin = float(np.linalg.norm(face.skin - other.skin))
    return off / _OFF + skin / _SKIN + (apart - _NEAR) / _APART


def choose(face: Look, pool: Sequence[Look], taken: Collection[int] = ()) -> int:
    """Who of the pool takes the place, as a number; those ``taken`` only where nobody else is left."""
    free = [number for number in range(len(pool)) if number not in taken] or list(range(len(pool)))
    return min(free, key=lambda number: unlike(face, pool[number]))


def fitted(stranger: Floats, own: Points, wanted: Points) -> Floats:
    """A stranger (512, 512, 3) with the landmarks ``own`` whose eyes, mouth and jaw are moved to those ``wanted``."""
    moved = cv2.warpAffine(
        stranger, _fitting(own, wanted), (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.clip(np.asarray(moved, np.float32), 0, 1)


def _fitting(own: Points, wanted: Points) -> npt.NDArray[np.float64]:
    """(2, 3): the affine map that takes one's landmarks nearest to the other's."""
    points = np.hstack([own, np.ones((len(own), 1))]).astype(np.float64)
    solved, *_ = np.linalg.lstsq(points, wanted.astype(np.float64), rcond=None)
    return np.asarray(solved.T)


def _moved(points: Points, by: npt.NDArray[np.float64]) -> Points:
    return np.asarray(points @ by[:, :2].T + by[:, 2], np.float32)


def inner_outline(face: Look) -> Mask:
    """(512, 512): how much of the stranger is put in: the face alone, without hair, ears and neck, soft at its edge."""
    brows = face.landmarks[_BROWS]
    up = _FOREHEAD * (brows.mean(0) - face.landmarks[30])
    points = np.concatenate([face.landmarks[_JAW], brows + up])
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(canvas, cv2.convexHull(np.rint(points).astype(np.int32)), 255)
    inside = cv2.erode(canvas, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (41, 41)))
    soft = np.asarray(cv2.GaussianBlur(inside, (0, 0), 11), np.float32) / 255
    return np.asarray(soft * np.minimum(1, 4 * align.outline()), np.float32)
