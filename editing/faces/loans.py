"""What neither side of a face shows, such as a wholly masked mouth, lent by a face that was drawn.

The lender is the one whose surroundings of the hole are most like those of the face, so that a smile's cheeks get a
smiling mouth and a beard its lips, and who has nothing unusual there: of nine faces one wears glasses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from editing.faces.align import SIDE, outline
from editing.networks.repairer import mirrored
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats

# Eyes, tip of the nose and mouth of an aligned face as ellipses: middle (x, y) and radii, in parts of its side.
_FEATURES = (
    (0.377, 0.469, 0.055, 0.03), (0.623, 0.469, 0.055, 0.03), (0.501, 0.6, 0.06, 0.05), (0.502, 0.725, 0.1, 0.04),
)  # fmt: skip
_MOST = 0.6  # of a feature: where more of it is covered, what is left does not tell how it looked
_TOO_MUCH = 0.8  # of the whole face
_SMALL = 128  # side at which faces are compared, that of those which are drawn
_RING = 7  # width of what counts as surroundings, in pixels of _SMALL
_UNUSUAL = 0.5  # how much it counts, beside the surroundings, that a lender has something unusual there


@dataclass(frozen=True, kw_only=True, eq=False)
class Loan:
    """A face (512, 512, 3) in [0, 1] that lies as the one it lends to, and how much of it is taken, (512, 512)."""

    face: Floats
    part: Mask


def wanted(hole: Mask) -> Mask | None:
    """What of ``hole`` (512, 512), 1 = fill, is to be lent: holes that cover most of an eye, a nose or a mouth.

    Where the other side of the face shows the same, nothing is. None where nothing is to be lent, or so little of the
    face is seen that nobody can be chosen by it.
    """
    mask = torch.from_numpy(np.ascontiguousarray(hole))[None, None]
    _, left = mirrored(torch.zeros(1, 3, SIDE, SIDE), mask)
    unseen = left[0, 0].numpy()
    if (unseen > 0.5)[outline() > 0.5].mean() > _TOO_MUCH:
        return None
    _, labels = cv2.connectedComponents((unseen > 0.5).astype(np.uint8), connectivity=8)
    found: set[int] = set()
    for feature in _FEATURES:
        inside = labels[_ellipse(*feature)]
        if (inside > 0).mean() > _MOST:
            found |= set(inside.tolist()) - {0}
    return np.where(np.isin(labels, list(found)), unseen, np.float32(0)) if found else None


def _ellipse(x: float, y: float, across: float, down: float) -> npt.NDArray[np.bool_]:
    """(512, 512): inside of it; in parts of the side."""
    rows, columns = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
    return np.asarray(((columns - x) / across) ** 2 + ((rows - y) / down) ** 2 < 1)


def choose(face: Floats, part: Mask, people: Sequence[Floats]) -> int:
    """Who of ``people``, aligned faces (n, n, 3) in [0, 1], lends ``part`` (512, 512) to ``face`` (512, 512, 3)."""
    hole = _small(part[..., None])[..., 0] > 0.5
    near = cv2.dilate(hole.astype(np.uint8), np.ones((2 * _RING + 1, 2 * _RING + 1))) > 0
    ring = near & ~hole
    own = _small(face)[ring]
    small = np.stack([_small(person) for person in people])
    round_it = small[:, ring]
    means = round_it.mean(1, keepdims=True)
    unlike = _rms((own - own.mean(0)) - (round_it - means))
    inside = small[:, hole] - means
    return int(np.argmin(unlike + _UNUSUAL * _rms(inside - np.median(inside, 0))))


def _small(array: Floats) -> Floats:
    small = cv2.resize(array, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).reshape(_SMALL, _SMALL, -1)


def _rms(values: Floats) -> npt.NDArray[np.float32]:
    """(N, P, 3) -> (N,)."""
    return np.asarray(np.sqrt((values**2).mean((1, 2))))
