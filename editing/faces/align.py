"""Faces aligned to a common frame, and put back without a trace.

The frame is that of FFHQ: a square of 512 x 512 in which eyes, nose and mouth lie where :data:`TEMPLATE` says.
Departures from facexlib: the alignment is by least squares over all five landmarks (its LMEDS picks three and drops
two), and what is put back is the *change*, so that a photograph finer than the network keeps its grain.

Coordinates are (x, y) in pixels, (0, 0) the upper left corner of the upper left pixel, whose centre is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from editing.options import Box
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats, Pixels, from_float, to_float

SIDE = 512  # of an aligned face
# Eyes, tip of the nose, corners of the mouth in an aligned face; facexlib's numbers.
TEMPLATE = np.array(
    [[192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935], [201.26117, 371.41043],
     [313.08905, 371.15118]]
)  # fmt: skip
# The part of an aligned face that is put back: an oval with corners, from the hair's beginning to below the chin, that
# fades over its outer third. In pixels of 512.
_CENTRE, _RADII, _POWER, _CORE = (256.0, 268.0), (212.0, 232.0), 2.5, 0.66
_HALF_WAY = (1 + _CORE) / 2
_TONE = SIDE / 12  # deviation of the blur below which colours belong to the light and not to the face

Landmarks = npt.NDArray[np.float64]  # (5, 2): the eye on the left in the picture, the other, nose, mouth's two corners
Transform = npt.NDArray[np.float64]  # (2, 3): picture (x, y, 1) -> aligned face (x, y)


@dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """A face in a picture.

    ``box`` lies within the picture, ``landmarks`` need not. ``score`` is the detector's, 0 to 1, and 0 for a box drawn
    by hand in which the detector sees nothing. ``sure`` is whether another network sees a face there, too.
    """

    box: Box
    landmarks: Landmarks
    score: float
    sure: bool = True

    @property
    def height(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


# ---- aligning --------------------------------------------------------------------------------------------------------


def transform_of(face: Face) -> Transform:
    """What takes the picture to the aligned face: the similarity nearest to the landmarks (Umeyama 1991)."""
    centre, target = face.landmarks.mean(0), TEMPLATE.mean(0)
    points, wanted = face.landmarks - centre, TEMPLATE - target
    spread = max(float((points**2).sum()), 1e-6)
    cosine = float((points * wanted).sum()) / spread
    sine = float((points[:, 0] * wanted[:, 1] - points[:, 1] * wanted[:, 0]).sum()) / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.hstack([turn, (target - turn @ centre)[:, None]])


def inverse_of(transform: Transform) -> Transform:
    """The way back, from the aligned face to the picture."""
    return np.asarray(cv2.invertAffineTransform(transform), np.float64)


def outline_points(transform: Transform) -> npt.NDArray[np.float64]:
    """(64, 2): the oval of :func:`outline`, half way down its slope, in the picture; "mask this face" fills it."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    across, down = np.cos(angles), np.sin(angles)
    radius = _HALF_WAY / (np.abs(across) ** _POWER + np.abs(down) ** _POWER) ** (1 / _POWER)
    oval = np.stack([_CENTRE[0] + _RADII[0] * radius * across, _CENTRE[1] + _RADII[1] * radius * down], 1)
    back = inverse_of(transform)
    return np.asarray(oval @ back[:, :2].T + back[:, 2])


def aligned(array: Pixels | Floats, transform: Transform, *, outside: float | None = None) -> Floats:
    """The aligned face (512, 512, C) float32 in [0, 1] out of a picture (H, W, C), integers or floats in [0, 1].

    What lies outside the picture mirrors it, as in FFHQ, or is ``outside``.
    """
    back = inverse_of(transform)
    corners = _frame(back)
    area = _region(corners, array.shape[:2], margin=4 + 2 / scale_of(transform))
    if area is None:  # nothing of the face is in the picture: the nearest pixels stand for it
        near = np.clip(corners.mean(0), 0, np.array(array.shape[1::-1]) - 1).astype(int)
        area = slice(near[1], near[1] + 1), slice(near[0], near[0] + 1)
    part = array[area]
    floats = to_float(part) if part.dtype.kind == "u" else part
    shifted = transform.copy()
    shifted[:, 2] += transform[:, :2] @ [area[1].start, area[0].start]
    return _warp(floats, shifted, SIDE, SIDE, outside)


def scale_of(transform: Transform) -> float:
    """How many pixels of the aligned face one of the picture's is wide."""
    return float(np.hypot(transform[0, 0], transform[1, 0]))


def unaligned(array: Mask, transform: Transform, shape: tuple[int, int]) -> Mask:
    """(512, 512) of the aligned face -> (H, W) of the picture, 0 outside the frame."""
    result = np.zeros(shape, np.float32)
    back = inverse_of(transform)
    area = _region(_frame(back), shape, margin=1)
    if area is not None:
        height, width = area[0].stop - area[0].start, area[1].stop - area[1].start
        back[:, 2] -= [area[1].start, area[0].start]
        result[area] = _warp(array[..., None], back, height, width, 0.0)[..., 0]
    return result


def _frame(back: Transform) -> npt.NDArray[np.float64]:
    """(4, 2): where the corners of the aligned face lie in the picture."""
    corners = np.array([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]]) @ back[:, :2].T + back[:, 2]
    return np.asarray(corners, np.float64)


def _region(corners: npt.NDArray[np.float64], shape: tuple[int, ...], margin: float) -> tuple[slice, slice] | None:
    """The rows and columns of an array that hold the corners and a margin; None where they miss it."""
    low = np.maximum(np.floor(corners.min(0) - margin).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(0) + margin).astype(int), [shape[1], shape[0]])
    if (high <= low).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _warp(source: Floats, transform: Transform, height: int, width: int, outside: float | None = None) -> Floats:
    """``source`` (h, w, C) seen through ``transform``, (height, width, C); averaged first where it gets smaller."""
    channels, scale = source.shape[2], scale_of(transform)
    if scale < 0.75:
        size = max(1, round(source.shape[1] * scale)), max(1, round(source.shape[0] * scale))
        factors = np.array([source.shape[1] / size[0], source.shape[0] / size[1]])
        reduced = np.asarray(cv2.resize(source, size, interpolation=cv2.INTER_AREA), np.float32)
        source = reduced.reshape(size[1], size[0], channels)
        transform = transform * np.array([*factors, 1.0])
    # OpenCV counts from the centre of the first pixel.
    centred = transform.copy()
    centred[:, 2] += transform[:, :2] @ [0.5, 0.5] - 0.5
    border = cv2.BORDER_REFLECT_101 if outside is None else cv2.BORDER_CONSTANT
    if outside is None and min(source.shape[:2]) < 4:  # OpenCV 5 never ends where a single pixel is to be mirrored
        border = cv2.BORDER_REPLICATE
    warped = cv2.warpAffine(
        np.ascontiguousarray(source), centred, (width, height), flags=cv2.INTER_CUBIC, borderMode=border,
        borderValue=[outside or 0.0] * 4,
    )  # fmt: skip
    return np.clip(np.asarray(warped, np.float32).reshape(height, width, channels), 0, 1)


# ---- putting back ----------------------------------------------------------------------------------------------------


def outline() -> Mask:
    """(512, 512): how much of an aligned face is put back; 1 in the middle, fading to 0 before the frame's border."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    across, down = np.abs(x - _CENTRE[0]) / _RADII[0], np.abs(y - _CENTRE[1]) / _RADII[1]
    inside = np.clip((1 - (across**_POWER + down**_POWER) ** (1 / _POWER)) / (1 - _CORE), 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside), np.float32)


def match_colors(after: Floats, before: Floats, hole: Mask | None = None) -> Floats:
    """``after`` with the low frequencies of ``before``, so that it fits its surroundings; both (512, 512, C).

    ``hole`` (512, 512) is where ``before`` shows nothing of worth: there the colours round it count.
    """
    seen = np.ones(before.shape[:2], np.float32) if hole is None else 1 - hole
    cover = np.asarray(cv2.GaussianBlur(seen, (0, 0), _TONE, borderType=cv2.BORDER_REFLECT), np.float32)
    drift = cv2.GaussianBlur((before - after) * seen[..., None], (0, 0), _TONE, borderType=cv2.BORDER_REFLECT)
    drift = np.asarray(drift, np.float32).reshape(before.shape) / np.maximum(cover, 1e-3)[..., None]
    return np.clip(after + drift * np.minimum(cover * 20, 1)[..., None], 0, 1)


def paste(
    canvas: Pixels,
    original: Pixels,
    transform: Transform,
    *,
    before: Floats,
    after: Floats,
    outline: Mask,
    amount: float = 1.0,
    grain: float = 1.0,
    hole: Mask | None = None,
) -> None:
    """Put an aligned face back into ``canvas``, in place; pixels where its weight is 0 keep their bits.

    Args:
        canvas: (H, W, C) integers, which are changed; ``original`` the same before anything was.
        transform: of :func:`transform_of`.
        before: (512, 512, C), what :func:`aligned` gave for ``original``; ``after``: what has become of it.
        outline: (512, 512), of :func:`outline` or a parser.
        amount: 0 to 1, the share of ``after`` in the result.
        grain: 0 to 1, how much is kept of what ``original`` has and ``before`` is too coarse to hold.
        hole: (H, W), where ``original`` is to be replaced: there ``amount`` is 1 and ``grain`` 0.
    """
    back = inverse_of(transform)
    area = _region(_frame(back), canvas.shape[:2], margin=1)
    if area is None:
        return
    height, width = area[0].stop - area[0].start, area[1].stop - area[1].start
    back[:, 2] -= [area[1].start, area[0].start]
    weight = _warp(outline[..., None], back, height, width, 0.0)
    keep = np.full_like(weight, grain)
    if hole is None:
        weight = weight * np.float32(amount)
    else:
        gone = hole[area][..., None]
        weight, keep = weight * (gone + (1 - gone) * np.float32(amount)), keep * (1 - gone)
    inside = weight[..., 0] > 1e-3
    if not inside.any():
        return
    weight, keep = weight[inside], keep[inside]
    new, old = _warp(after, back, height, width)[inside], _warp(before, back, height, width)[inside]
    new = new + keep * (to_float(original[area][inside]) - old)
    under = to_float(canvas[area][inside])
    mixed = under + weight * (new - under)
    canvas[area][inside] = from_float(mixed, 8 if canvas.dtype == np.uint8 else 16)
