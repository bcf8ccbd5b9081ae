"""How alike two aligned faces are, and where one departs from what was photographed."""

from __future__ import annotations

import cv2
import numpy as np

from editing.faces import align
from editing.faces.align import SIDE
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats

# Of likeness(): 99 of 100 degraded faces are above it beside their originals, all of other people are below, and so are
# 95 of 100 with another's eyes and 99 of 100 with another's mouth (120 faces, four strengths of degradation).
ALIKE = 0.83

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


def departure(before: Floats, after: Floats) -> Mask:
    """(512, 512) in [0, 1]: where ``after``, blurred until it is nearest to ``before``, differs by more than noise.

    Both are (512, 512, C); a difference of a tenth of the range, averaged over some pixels, counts as 1.
    """
    inner = align.outline() > 0.5

    def degraded(sigma: float) -> Floats:
        blurred = after if sigma == 0 else cv2.GaussianBlur(after, (0, 0), sigma)
        return np.asarray(blurred, np.float32).reshape(after.shape)

    sigma = min((0.0, 1.0, 2.0, 3.0, 4.5, 7.0, 10.0), key=lambda s: float(((degraded(s) - before)[inner] ** 2).mean()))
    apart = cv2.GaussianBlur(degraded(sigma) - before, (0, 0), 4)  # noise averages out, a moved eyelid does not
    size = np.abs(np.asarray(apart, np.float32).reshape(before.shape)).max(2)
    noise = 2 * float(np.median(size[inner]))
    return np.asarray(np.clip((size - noise) * 10, 0, 1), np.float32)
