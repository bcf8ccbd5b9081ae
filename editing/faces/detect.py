"""Faces found in a picture, by RetinaFace (Deng et al. 2019, https://arxiv.org/abs/1905.00641) as facexlib builds it.

A departure from facexlib: a large photograph is searched twice, as a whole and in tiles; and nothing is downloaded.
Colours are RGB; the one place where BGR exists is :meth:`Detector.__call__`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from editing import messages, runtime
from editing.errors import EditingError
from editing.faces.align import TEMPLATE, Face
from editing.options import Box
from editing.pictures import masks, tiling
from editing.pictures.picture import Picture, Pixels, to_float
from editing.report import Report, silent
from editing.runtime import Backend
from editing.weights.catalogue import Weight
from editing.weights.files import digest, path_of
from editing.weights.find import find_weight
from editing.weights.load import fit, load_state

# The detector's box of an aligned face: the mean over 151 faces, with deviations of 12 to 24.
_TEMPLATE_BOX = (113.0, 89.0, 399.0, 476.0)
_VIEW = 1280  # longest side that the detector sees at once
_SURE_HEIGHT = 24.0  # faces this high in what the detector sees are found (at 17 pixels a third is missed)
_OVERLAP = 0.4  # of two boxes (intersection over union), above which they are one face
_MEAN = (104.0, 117.0, 123.0)  # blue, green, red
_VARIANCES = (0.1, 0.2)  # of the encoding of boxes and landmarks

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
        from facexlib.detection.retinaface_utils import decode, decode_landm  # type: ignore[import-untyped]

        bgr = np.ascontiguousarray(pixels[..., ::-1])
        tensor = torch.from_numpy(bgr).to(self.backend.device).permute(2, 0, 1)[None].float()
        tensor = tensor - torch.tensor(_MEAN, device=self.backend.device)[:, None, None]
        with torch.inference_mode():
            boxes, scores, points = (out[0].float().cpu() for out in self.network(tensor))
        sure = scores[:, 1] > score
        anchors = _anchors(*pixels.shape[:2])[sure]
        boxes, points = decode(boxes[sure], anchors, _VARIANCES), decode_landm(points[sure], anchors, _VARIANCES)
        faces = [
            Face(box=_box(box), landmarks=mark, score=float(value))
            for box, mark, value in zip(
                boxes.double().numpy(), points.view(-1, 5, 2).double().numpy(), scores[sure, 1], strict=True
            )
        ]
        return sorted(faces, key=lambda face: -face.score)


def _anchors(height: int, width: int) -> torch.Tensor:
    """(N, 4): centre and size in pixels of each box that the network starts from, two at each place of three grids.

    facexlib's ``PriorBox`` gives the same in a loop in Python: 0.35 s for 1280x960 pixels instead of 0.006.
    """
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
    better = find_weight("detector-resnet50", "detect")
    return better if path_of(better) else find_weight("detector", "detect")


def load_detector(model: str | None = None) -> Detector:
    """The detector called ``model``, loaded once and shared; None: the best one that is here.

    Raises WeightError for an unknown, missing or damaged weight.
    """
    weight = best_detector() if model is None else find_weight(model, "detect")
    backend = Backend(runtime.choose_backend("fp32").device, "fp32")  # boxes and landmarks are not to be rounded
    sha256 = digest(weight)

    def build() -> Detector:
        from facexlib.detection.retinaface import RetinaFace  # type: ignore[import-untyped]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks torchvision for a network in an old way
            kind = "mobile0.25" if weight.name == "detector" else "resnet50"
            network = RetinaFace(network_name=kind, device="cpu")
        fit(network, load_state(weight), weight.name)
        return Detector(name=weight.name, sha256=sha256, backend=backend, network=backend.place(network))

    return runtime.cached_network(f"{weight.name} {sha256}", backend, build)


def smallest(width: int, height: int) -> int:
    """The height in pixels below which faces are left alone in a picture of this size, unless it is given.

    A hundredth of the longer side: on a group photo at 12 megapixels everyone, but not the crowd behind.
    """
    return max(round(_SURE_HEIGHT), round(max(width, height) / 100))


def detect_faces(
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
        pixels = masks.blend(gray, pixels, to_float(picture.alpha))
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
    from torchvision.ops import nms  # type: ignore[import-untyped]

    boxes = torch.tensor([face.box for face in found], dtype=torch.float64).view(-1, 4)
    scores = torch.tensor([face.score for face in found], dtype=torch.float64)
    kept = [found[index] for index in nms(boxes, scores, _OVERLAP)]
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
        raise EditingError(messages.BOX_TOO_SMALL, width=f"{right - left:.0f}", height=f"{bottom - top:.0f}")
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
