"""Faces in a picture: find them, align them to a common frame, and put them back without a trace.

The detector is RetinaFace (Deng et al. 2019, https://arxiv.org/abs/1905.00641) as facexlib builds it, the frame that of
FFHQ: a square of 512 x 512 in which eyes, nose and mouth lie where :data:`TEMPLATE` says. Departures from facexlib: a
large photograph is searched twice, as a whole and in tiles; the alignment is by least squares over all five landmarks
(its LMEDS picks three and drops two); what is put back is the *change*, so that a photograph finer than the network
keeps its grain; and nothing is downloaded.

Coordinates are (x, y) in pixels, (0, 0) the upper left corner of the upper left pixel, whose centre is (0.5, 0.5).
Colours are RGB; the one place where BGR exists is :meth:`Detector.__call__`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from editing import images, masks, runtime, tiling, weights
from editing.errors import EditingError, WeightError
from editing.images import Floats, Picture, Pixels
from editing.masks import Mask
from editing.report import Report, silent
from editing.runtime import Backend
from editing.weights import Weight

SIDE = 512  # of an aligned face
# Eyes, tip of the nose, corners of the mouth in an aligned face; facexlib's numbers.
TEMPLATE = np.array(
    [[192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935], [201.26117, 371.41043],
     [313.08905, 371.15118]]
)  # fmt: skip
# The detector's box of an aligned face: the mean over 151 faces, with deviations of 12 to 24.
_TEMPLATE_BOX = (113.0, 89.0, 399.0, 476.0)
_VIEW = 1280  # longest side that the detector sees at once
_SURE_HEIGHT = 24.0  # faces this high in what the detector sees are found (at 17 pixels a third is missed)
_OVERLAP = 0.4  # of two boxes (intersection over union), above which they are one face
_MEAN = (104.0, 117.0, 123.0)  # blue, green, red

Box = tuple[float, float, float, float]  # left, top, right, bottom
Landmarks = npt.NDArray[np.float64]  # (5, 2): the eye on the left in the picture, the other, nose, mouth's two corners
Transform = npt.NDArray[np.float64]  # (2, 3): picture (x, y, 1) -> aligned face (x, y)


@dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """A face in a picture.

    ``box`` lies within the picture, ``landmarks`` need not. ``score`` is the detector's, 0 to 1, and 0 for a box drawn
    by hand in which the detector sees nothing.
    """

    box: Box
    landmarks: Landmarks
    score: float

    @property
    def height(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


# ---- finding ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Detector:
    """facexlib's RetinaFace, loaded."""

    name: str
    sha256: str
    backend: Backend
    network: torch.nn.Module

    def __call__(self, pixels: npt.NDArray[np.uint8], score: float) -> list[Face]:
        """The faces in (H, W, 3) RGB, best first; one face may be in there several times."""
        bgr = np.ascontiguousarray(pixels[..., ::-1])
        tensor = torch.from_numpy(bgr).to(self.backend.device).permute(2, 0, 1)[None].float()
        tensor = tensor - torch.tensor(_MEAN, device=self.backend.device)[:, None, None]
        with torch.inference_mode():
            boxes, scores, points = (out[0].float().cpu() for out in self.network(tensor))
        sure = scores[:, 1] > score
        anchors = _anchors(*pixels.shape[:2])[sure]
        centres, sizes = anchors[:, :2], anchors[:, 2:]
        # The encoding of SSD (Liu et al. 2016) with its variances 0.1 and 0.2.
        middle = centres + 0.1 * boxes[sure][:, :2] * sizes
        half = sizes * torch.exp(0.2 * boxes[sure][:, 2:]) / 2
        marks = centres[:, None] + 0.1 * points[sure].view(-1, 5, 2) * sizes[:, None]
        found = torch.cat([middle - half, middle + half], 1).double().numpy()
        faces = [
            Face(box=_box(box), landmarks=mark, score=float(value))
            for box, mark, value in zip(found, marks.double().numpy(), scores[sure, 1], strict=True)
        ]
        return sorted(faces, key=lambda face: -face.score)


def _anchors(height: int, width: int) -> torch.Tensor:
    """(N, 4): centre and size in pixels of each box that the network starts from, two at each place of three grids."""
    levels = []
    for step, sizes in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512))):
        rows, columns = -(-height // step), -(-width // step)
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres = (torch.stack([x, y], -1).float() + 0.5) * step
        both = torch.tensor(sizes).float()[:, None].expand(2, 2)
        levels.append(torch.cat([centres[:, :, None].expand(-1, -1, 2, -1), both.expand(rows, columns, 2, 2)], -1))
    return torch.cat([level.reshape(-1, 4) for level in levels])


def _box(numbers: npt.NDArray[np.float64]) -> Box:
    left, top, right, bottom = (float(number) for number in numbers)
    return left, top, right, bottom


def best_detector() -> Weight:
    """The larger detector where it has been fetched, else the shipped one."""
    better = weights.find("detector-resnet50", "detect")
    return better if weights.path_of(better) else weights.find("detector", "detect")


def load_detector(model: str | None = None) -> Detector:
    """The detector called ``model``, loaded once and shared; None: the best one that is here.

    Raises WeightError for an unknown, missing or damaged weight.
    """
    weight = best_detector() if model is None else weights.find(model, "detect")
    backend = Backend(runtime.choose_backend("fp32").device, "fp32")  # boxes and landmarks are not to be rounded
    sha256 = weights.digest(weight)

    def build() -> Detector:
        from facexlib.detection.retinaface import RetinaFace  # type: ignore[import-untyped]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks torchvision for a network in an old way
            network = RetinaFace(network_name=_RETINAFACE.get(weight.name, "resnet50"), device="cpu")
        _load_state(network, weights.load_state(weight), weight.name)
        return Detector(name=weight.name, sha256=sha256, backend=backend, network=backend.place(network))

    return runtime.cached_network(sha256, backend, build)


_RETINAFACE = {"detector": "mobile0.25"}


def _load_state(network: torch.nn.Module, state: dict[str, torch.Tensor], name: str) -> None:
    try:
        network.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightError(f"{name} can't be used: its weights don't fit together ({reason}).") from error


def smallest(width: int, height: int) -> int:
    """The height in pixels below which faces are left alone in a picture of this size, unless it is given.

    A hundredth of the longer side: on a group photo at 12 megapixels everyone, but not the crowd behind.
    """
    return max(round(_SURE_HEIGHT), round(max(width, height) / 100))


def detect(
    picture: Picture,
    *,
    score: float = 0.8,
    min_size: int | None = None,
    detector: Detector | None = None,
    report: Report = silent,
) -> list[Face]:
    """The faces in ``picture``, from left to right.

    ``score`` is how sure the detector must be; faces lower than ``min_size`` pixels (None: :func:`smallest`) are left
    out. A picture is looked at as a whole, reduced to 1280 pixels, and where that would miss faces of ``min_size``, in
    tiles, too. ``report`` counts looks. Raises WeightError, and whatever ``report`` raises.
    """
    detector = detector or load_detector()
    least = smallest(picture.width, picture.height) if min_size is None else min_size
    seen = visible(picture)
    longest = max(picture.width, picture.height)
    fine = min(2.0, _SURE_HEIGHT / max(least, 1))  # at this scale the smallest faces wanted are found
    coarse = min(1.0, _VIEW / longest)
    twice = fine > 1.1 * coarse
    ratio = fine / coarse if twice else 1.0
    overlap = round(2 * _SURE_HEIGHT * ratio)  # faces that were too small for the first look fit into it
    sides = [max(1, round(side * fine)) for side in seen.shape[:2]] if twice else [0, 0]
    rows, columns = (tiling.spans(side, _VIEW) if twice else [] for side in sides)
    total, done = 1 + len(rows) * len(columns), 1
    report(0, total, "faces")
    found = _look(detector, seen, score, (0, 0, picture.width, picture.height), coarse)
    report(1, total, "faces")
    for row in rows:
        for column in columns:
            (top, bottom), (left, right) = row.reach(sides[0], overlap), column.reach(sides[1], overlap)
            view = left / fine, top / fine, min(right / fine, picture.width), min(bottom / fine, picture.height)
            found += _whole(_look(detector, seen, score, view, fine), view, picture, 4 / fine)
            done += 1
            report(done, total, "faces")
    kept = [_clipped(face, picture) for face in _distinct(found)]
    kept = [face for face in kept if face.height >= least]
    return sorted(kept, key=lambda face: face.box[0] + face.box[2])


def visible(picture: Picture) -> npt.NDArray[np.uint8]:
    """The picture as it is seen, (H, W, 3) uint8 RGB; transparent parts are gray."""
    pixels = picture.pixels if picture.depth == 8 else (picture.pixels >> 8).astype(np.uint8)
    if picture.alpha is not None and int(picture.alpha.min()) < np.iinfo(picture.alpha.dtype).max:
        gray = np.full_like(pixels, 128)
        pixels = masks.blend(gray, pixels, images.to_float(picture.alpha))
    return np.repeat(pixels, 3, axis=2) if picture.gray else pixels


def _look(detector: Detector, seen: npt.NDArray[np.uint8], score: float, view: Box, scale: float) -> list[Face]:
    """The faces within ``view`` of the picture, seen at ``scale``, in the picture's coordinates."""
    left, top = int(view[0]), int(view[1])
    part: Pixels = seen[top : int(np.ceil(view[3])), left : int(np.ceil(view[2]))]
    height, width = part.shape[:2]
    if scale != 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))
    across, down = width / part.shape[1], height / part.shape[0]
    factors, start = np.array([across, down]), np.array([left, top])
    return [
        Face(
            box=_box(np.tile(factors, 2) * face.box + np.tile(start, 2)),
            landmarks=face.landmarks * factors + start,
            score=face.score,
        )
        for face in detector(np.asarray(part, np.uint8), score)
    ]


def _whole(found: list[Face], view: Box, picture: Picture, margin: float) -> list[Face]:
    """Those faces that the view does not cut, unless it is the picture's own border that does."""
    left = view[0] + margin if view[0] > 0 else -np.inf
    top = view[1] + margin if view[1] > 0 else -np.inf
    right = view[2] - margin if view[2] < picture.width else np.inf
    bottom = view[3] - margin if view[3] < picture.height else np.inf
    return [
        face
        for face in found
        if face.box[0] > left and face.box[1] > top and face.box[2] < right and face.box[3] < bottom
    ]


def _distinct(found: list[Face]) -> list[Face]:
    """Each face once, by its best box; and no eye or ear for a face of its own."""
    kept: list[Face] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(_shared(face.box, other.box) <= _OVERLAP for other in kept):
            kept.append(face)
    return [face for face in kept if not any(_within(face.box, other.box) for other in kept if other is not face)]


def same_place(face: Face, other: Face) -> bool:
    """Whether two boxes are round one face."""
    return _shared(face.box, other.box) > _OVERLAP


def _intersection(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(a: Box, b: Box) -> float:
    """Intersection over union."""
    common = _intersection(a, b)
    return common / max(_area(a) + _area(b) - common, 1e-9)


def _within(box: Box, other: Box) -> bool:
    """Whether a box is a part of another: mostly inside, and much smaller."""
    return _intersection(box, other) > 0.8 * _area(box) and _area(box) < 0.25 * _area(other)


def _clipped(face: Face, picture: Picture) -> Face:
    left, top, right, bottom = face.box
    box = (
        min(max(left, 0.0), picture.width), min(max(top, 0.0), picture.height),
        min(max(right, 0.0), picture.width), min(max(bottom, 0.0), picture.height),
    )  # fmt: skip
    return Face(box=box, landmarks=face.landmarks, score=face.score)


def face_in(picture: Picture, box: Box, *, detector: Detector | None = None) -> Face:
    """The face that someone drew a box round, which the detector had missed.

    The box is looked at alone, enlarged and with a low bar; if still no face is seen there, the landmarks are those of
    the template, as if the box were the detector's own. Raises EditingError for a box outside the picture.
    """
    left, right = sorted((min(max(box[0], 0.0), picture.width), min(max(box[2], 0.0), picture.width)))
    top, bottom = sorted((min(max(box[1], 0.0), picture.height), min(max(box[3], 0.0), picture.height)))
    if right - left < 4 or bottom - top < 4:
        raise EditingError(
            f"The box of the face is {right - left:.0f}x{bottom - top:.0f} pixels of the picture; it must be at least "
            "4x4. Draw it round the face."
        )
    detector = detector or load_detector()
    drawn: Box = (left, top, right, bottom)
    margin_x, margin_y = 0.4 * (right - left), 0.4 * (bottom - top)
    view = (
        max(0.0, left - margin_x), max(0.0, top - margin_y),
        min(float(picture.width), right + margin_x), min(float(picture.height), bottom + margin_y),
    )  # fmt: skip
    scale = 160 / max(right - left, bottom - top)
    found = [
        face for face in _look(detector, visible(picture), 0.1, view, scale) if _shared(face.box, drawn) > _OVERLAP
    ]
    if found:
        best = max(found, key=lambda face: face.score)
        return Face(box=drawn, landmarks=best.landmarks, score=best.score)
    frame = np.array(_TEMPLATE_BOX)
    scaled = (TEMPLATE - frame[:2]) / (frame[2:] - frame[:2])
    return Face(box=drawn, landmarks=scaled * [right - left, bottom - top] + [left, top], score=0.0)


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


def align(array: Pixels | Floats, transform: Transform, *, outside: float | None = None) -> Floats:
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
    floats = images.to_float(part) if part.dtype.kind == "u" else part
    shifted = transform.copy()
    shifted[:, 2] += transform[:, :2] @ [area[1].start, area[0].start]
    return _warp(floats, shifted, SIDE, SIDE, outside)


def scale_of(transform: Transform) -> float:
    """How many pixels of the aligned face one of the picture's is wide."""
    return float(np.hypot(transform[0, 0], transform[1, 0]))


def unalign(array: Mask, transform: Transform, shape: tuple[int, int]) -> Mask:
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

# The part of an aligned face that is put back: an oval with corners, from the hair's beginning to below the chin, that
# fades over its outer third. In pixels of 512.
_CENTRE, _RADII, _POWER, _CORE = (256.0, 268.0), (212.0, 232.0), 2.5, 0.66
_HALF_WAY = (1 + _CORE) / 2


def outline() -> Mask:
    """(512, 512): how much of an aligned face is put back; 1 in the middle, fading to 0 before the frame's border."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    across, down = np.abs(x - _CENTRE[0]) / _RADII[0], np.abs(y - _CENTRE[1]) / _RADII[1]
    inside = np.clip((1 - (across**_POWER + down**_POWER) ** (1 / _POWER)) / (1 - _CORE), 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside), np.float32)


def load_parser() -> Callable[[Floats], Mask] | None:
    """What tells a face from hair and background in an aligned face, where ParseNet has been fetched; else None.

    It takes (512, 512, 3) in [0, 1] and returns (512, 512), as :func:`outline` does. Raises WeightError when the file
    is damaged.
    """
    weight = weights.find("parsenet", "parse")
    if weights.path_of(weight) is None:
        return None
    backend, sha256 = Backend(runtime.choose_backend("fp32").device, "fp32"), weights.digest(weight)

    def build() -> torch.nn.Module:
        from facexlib.parsing.parsenet import ParseNet  # type: ignore[import-untyped]

        network = ParseNet(in_size=SIDE, out_size=SIDE, parsing_ch=19)
        _load_state(network, weights.load_state(weight), weight.name)
        return backend.place(network)

    network = runtime.cached_network(sha256, backend, build)

    def parse(aligned: Floats) -> Mask:
        tensor = torch.from_numpy(aligned).permute(2, 0, 1)[None].to(backend.device) * 2 - 1
        with torch.inference_mode():
            kinds = network(tensor)[0].argmax(1)[0].cpu().numpy()
        return parsed_outline(kinds)

    return parse


# ParseNet's classes that are no face: background, ear rings, necklace, neck, clothes, hair, hat (as facexlib has it).
_NO_FACE = (0, 14, 16, 17, 18)


def parsed_outline(kinds: npt.NDArray[Any]) -> Mask:
    """(512, 512) classes of ParseNet -> how much of each pixel is put back, soft at the edges, 0 at the border."""
    face = (~np.isin(kinds, _NO_FACE)).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(face, (0, 0), 15), np.float32)
    return soft * np.minimum(1, 2 * outline())  # no neck on the frame's border may be cut off there


_TONE = SIDE / 12  # deviation of the blur below which colours belong to the light and not to the face


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
        before: (512, 512, C), what :func:`align` gave for ``original``; ``after``: what has become of it.
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
    new = new + keep * (images.to_float(original[area][inside]) - old)
    under = images.to_float(canvas[area][inside])
    mixed = under + weight * (new - under)
    canvas[area][inside] = images.from_float(mixed, 8 if canvas.dtype == np.uint8 else 16)
