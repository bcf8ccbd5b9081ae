"""Faces: found at every size, aligned, and put back so that neither a box nor a step can be seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from facexlib.detection.retinaface import RetinaFace
from facexlib.detection.retinaface_utils import PriorBox
from facexlib.parsing.parsenet import ParseNet

from editing.errors import EditingError, Stopped, WeightError
from editing.faces import align, detect, restore
from editing.faces.align import SIDE, TEMPLATE, Face
from editing.faces.detect import Detector
from editing.pictures import masks
from editing.pictures.picture import Picture, to_float
from editing.runtime import Backend
from editing.weights.files import SHIPPED, digest, path_of, verify
from editing.weights.find import find_weight
from editing.weights.load import load_state

Array = npt.NDArray[Any]
ASTRONAUT = (178, 57, 273, 177)  # where her face is


@pytest.fixture(scope="module")
def detector() -> Detector:
    return detect.load_detector("detector")


def at(x: float, y: float, size: float, turn: float = 0.0) -> Face:
    """A face whose aligned frame is ``size`` pixels wide, its corner at (x, y), turned by ``turn`` degrees."""
    angle = np.radians(turn)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * size / SIDE
    landmarks = (TEMPLATE - 256) @ matrix + 256 * size / SIDE + [x, y]
    return Face(box=(x, y, x + size, y + size), landmarks=landmarks, score=1.0)


def close(face: Face, box: tuple[int, ...], tolerance: float) -> bool:
    return bool(np.abs(np.array(face.box) - box).max() < tolerance)


# ---- finding ---------------------------------------------------------------------------------------------------------


def test_the_shipped_detector_is_the_one_on_its_card() -> None:
    weight = find_weight("detector", "detect")
    assert verify(weight) == weight.sha256
    card = (SHIPPED / "detector.md").read_text(encoding="utf-8")
    assert str(weight.sha256) in card


def test_a_face_is_found_with_its_landmarks(detector: Detector, astronaut: Array) -> None:
    (face,) = detect.detect_faces(Picture(pixels=astronaut), detector=detector)
    assert face.score > 0.99
    assert close(face, ASTRONAUT, 4)
    eye, other, nose, mouth, corner = face.landmarks
    assert eye[0] < nose[0] < other[0]
    assert eye[1] < nose[1] < mouth[1]
    assert mouth[0] < corner[0]
    np.testing.assert_allclose(eye, (205, 101), atol=4)


@pytest.mark.parametrize("kind", ["gray", "16 bit", "16 bit gray", "transparent"])
def test_every_kind_of_picture_is_looked_at(detector: Detector, astronaut: Array, kind: str) -> None:
    pixels, alpha = astronaut, None
    if "gray" in kind:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    if "16" in kind:
        pixels = pixels.astype(np.uint16) * 257
    if kind == "transparent":
        alpha = np.full((512, 512), 255, np.uint8)
        alpha[:, 300:] = 0
    (face,) = detect.detect_faces(Picture(pixels=pixels, alpha=alpha), detector=detector)
    assert close(face, ASTRONAUT, 6)


def test_a_hidden_face_is_not_found(detector: Detector, astronaut: Array) -> None:
    alpha = np.zeros((512, 512), np.uint8)
    assert not detect.detect_faces(Picture(pixels=astronaut, alpha=alpha), detector=detector)


@pytest.mark.parametrize("scale", [0.25, 0.5, 3.0])
def test_faces_are_found_at_every_size(detector: Detector, astronaut: Array, scale: float) -> None:
    side = round(512 * scale)
    pixels = cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA)
    (face,) = detect.detect_faces(Picture(pixels=pixels), detector=detector)
    assert close(face, tuple(round(scale * number) for number in ASTRONAUT), 6 * max(scale, 1))


def crowd(astronaut: Array, height: int, width: int, places: list[tuple[int, int]], side: int) -> Picture:
    """Her face, ``side`` pixels wide, at several places of a gray picture."""
    pixels = np.full((height, width, 3), 120, np.uint8)
    small = cv2.resize(astronaut[20:240, 110:330], (side, side), interpolation=cv2.INTER_AREA)
    for x, y in places:
        pixels[y : y + side, x : x + side] = small
    return Picture(pixels=pixels)


def test_small_faces_in_a_large_photo_take_a_second_look(detector: Detector, astronaut: Array) -> None:
    # One lies across the border of two tiles, one in the corner.
    picture = crowd(astronaut, 1200, 3000, [(2930, 1140), (1460, 500), (300, 200)], 60)
    looks: list[tuple[int, int]] = []
    found = detect.detect_faces(
        picture, min_size=24, detector=detector, report=lambda done, total, note="": looks.append((done, total))
    )
    assert len(found) == 3
    assert [round(face.box[0], -2) for face in found] == [300, 1500, 2900]  # left to right
    assert looks == [(i, 4) for i in range(5)]
    assert all(0 <= face.box[0] < face.box[2] <= 3000 and 0 <= face.box[1] < face.box[3] <= 1200 for face in found)
    assert not detect.detect_faces(picture, min_size=80, detector=detector)
    assert not detect.detect_faces(picture, detector=detector)  # 30 pixels is the default here


def test_how_sure_it_must_be_is_an_option(detector: Detector, astronaut: Array) -> None:
    picture = Picture(pixels=cv2.GaussianBlur(astronaut, (0, 0), 12))
    assert len(detect.detect_faces(picture, score=0.05, detector=detector)) > len(
        detect.detect_faces(picture, score=0.9999, detector=detector)
    )


def test_looking_can_be_stopped(detector: Detector, astronaut: Array) -> None:
    def stop(done: int, total: int, note: str = "") -> None:
        raise Stopped("stopped")

    with pytest.raises(Stopped):
        detect.detect_faces(Picture(pixels=astronaut), detector=detector, report=stop)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (40, 3), (7, 2000)])
def test_odd_pictures_hold_no_face(detector: Detector, size: tuple[int, int]) -> None:
    assert detect.detect_faces(Picture(pixels=np.zeros((*size, 3), np.uint8)), detector=detector) == []


def test_one_face_is_found_once() -> None:
    same = [at(100, 100, 50), at(103, 101, 50), at(200, 100, 50)]
    eye = Face(box=(110, 110, 122, 122), landmarks=TEMPLATE, score=0.95)
    assert len(detect._distinct([*same, eye])) == 2


@pytest.mark.parametrize("size", [(64, 64), (97, 130), (33, 1)])
def test_the_detector_starts_from_facexlibs_boxes(size: tuple[int, int]) -> None:
    network = RetinaFace(network_name="mobile0.25", device="cpu")
    theirs = PriorBox(network.cfg, image_size=size).forward() * torch.tensor([*size[::-1], *size[::-1]])
    assert torch.allclose(detect._anchors(*size), theirs, atol=1e-3)
    assert network.cfg["variance"] == list(detect._VARIANCES)


def test_a_box_by_hand(detector: Detector, astronaut: Array) -> None:
    picture = Picture(pixels=astronaut)
    face = detect.face_in(picture, (275, 180, 175, 55), detector=detector)  # corners in any order
    assert face.box == (175, 55, 275, 180)
    (found,) = detect.detect_faces(picture, detector=detector)
    np.testing.assert_allclose(face.landmarks, found.landmarks, atol=6)
    nothing = detect.face_in(picture, (0, 400, 60, 480), detector=detector)
    assert nothing.score == 0
    eye, other, _, mouth, _ = nothing.landmarks
    assert 0 < eye[0] < other[0] < 60
    assert 400 < eye[1] < mouth[1] < 480
    # Its template is that of a real detection: the frame of a face aligned already is the whole picture.
    aligned = np.array(detect._TEMPLATE_BOX)
    drawn = detect.face_in(Picture(pixels=np.zeros((512, 512, 3), np.uint8)), tuple(aligned), detector=detector)
    np.testing.assert_allclose(drawn.landmarks, TEMPLATE, atol=1e-6)
    with pytest.raises(EditingError, match="0x80 pixels"):
        detect.face_in(picture, (-60, 400, 0, 480), detector=detector)


def test_the_better_detector_is_used_when_it_is_there(monkeypatch: pytest.MonkeyPatch, astronaut: Array) -> None:
    assert detect.load_detector().name == "detector"
    with pytest.raises(WeightError, match="weights fetch detector-resnet50"):
        detect.load_detector("detector-resnet50")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = RetinaFace(network_name="resnet50", device="cpu").state_dict()
    pretend(monkeypatch, "detector-resnet50", {f"module.{name}": value for name, value in state.items()})
    better = detect.load_detector()
    assert better.name == "detector-resnet50"
    detect.detect_faces(Picture(pixels=astronaut[:64, :64]), detector=better)


def pretend(monkeypatch: pytest.MonkeyPatch, name: str, state: dict[str, torch.Tensor]) -> None:
    """A weight as if it had been fetched."""
    there, hashed, read = path_of, digest, load_state
    for room in (detect, restore):
        monkeypatch.setattr(room, "path_of", lambda weight: Path(name) if weight.name == name else there(weight))
        monkeypatch.setattr(room, "digest", lambda weight: name * 9 if weight.name == name else hashed(weight))
        monkeypatch.setattr(room, "load_state", lambda weight: state if weight.name == name else read(weight))


# ---- aligning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [0, 30, -100])
@pytest.mark.parametrize("size", [64, 512, 900])
def test_alignment_and_its_way_back(size: float, turn: float) -> None:
    face = at(37.3, 21.9, size, turn)
    transform = align.transform_of(face)
    np.testing.assert_allclose(face.landmarks @ transform[:, :2].T + transform[:, 2], TEMPLATE, atol=0.02)
    back = align.inverse_of(transform)
    np.testing.assert_allclose(TEMPLATE @ back[:, :2].T + back[:, 2], face.landmarks, atol=0.02)


def waves(side: int, channels: int = 3, dtype: type = np.uint8) -> Array:
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    base = 0.5 + 0.2 * np.sin(9 * x + 2) * np.cos(7 * y) + 0.15 * x
    planes = np.stack([base, base * 0.9, 1 - base], 2)[..., :channels]
    return np.rint(planes * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("side", [128, 512, 1500])
def test_an_aligned_face_shows_every_pixel_in_its_place(side: int) -> None:
    """The frame is the whole picture: nothing is shifted by half a pixel, whatever the size."""
    aligned = align.aligned(waves(side), align.transform_of(at(0, 0, side)))
    assert aligned.shape == (SIDE, SIDE, 3)
    assert np.abs(aligned - to_float(waves(SIDE)))[4:-4, 4:-4].max() < 0.012


def test_a_reduction_is_an_average() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2048, 2048, 1)).astype(np.uint8)
    aligned = align.aligned(noise, align.transform_of(at(0, 0, 2048)))
    assert aligned.std() < 0.11  # 0.29 before


def test_outside_the_picture() -> None:
    picture = waves(200)
    transform = align.transform_of(at(-60, 40, 150))
    mirrored = align.aligned(picture, transform)
    assert mirrored.std() > 0.03
    assert (align.aligned(picture, transform, outside=1.0)[100:400, :150] == 1).all()
    nowhere = align.aligned(picture, align.transform_of(at(900, 900, 50)))
    assert np.isfinite(nowhere).all()


# ---- putting back ----------------------------------------------------------------------------------------------------


def put(picture: Array, face: Face, change: Callable[[Array], Array], **options: Any) -> Array:
    canvas, transform = picture.copy(), align.transform_of(face)
    before = align.aligned(picture, transform)
    after = np.clip(change(before), 0, 1).astype(np.float32)
    align.paste(canvas, picture, transform, before=before, after=after, outline=align.outline(), **options)
    return canvas


def test_the_outline_ends_before_the_frame() -> None:
    outline = align.outline()
    assert outline.shape == (SIDE, SIDE)
    assert outline[0].max() == outline[-1].max() == outline[:, 0].max() == outline[:, -1].max() == 0
    assert outline[200:400, 180:330].min() == 1
    assert np.abs(np.diff(outline, axis=0)).max() < 0.03
    assert np.abs(np.diff(outline, axis=1)).max() < 0.03


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("face", [at(50, 60, 200), at(60, 40, 90, 25), at(-70, 150, 200), at(200, 180, 220)])
def test_pixels_outside_keep_their_bits(face: Face, channels: int, dtype: type) -> None:
    picture = waves(320, channels, dtype)
    pasted = put(picture, face, lambda before: before * 0.5)
    points = align.outline_points(align.transform_of(face))
    assert (pasted != picture).any(2).sum() > 500
    wider = (points - points.mean(0)) * 1.3 + points.mean(0)  # 1.2 is where the outline ends
    outside = masks.from_polygon(wider, 320, 320) == 0
    np.testing.assert_array_equal(pasted[outside], picture[outside])


@pytest.mark.parametrize("face", [at(50, 60, 200), at(40, 40, 90, 25), at(-400, -300, 1200)])
def test_no_step_shows_on_a_flat_background(face: Face) -> None:
    """A face 40 of 255 brighter fades into its surroundings: neighbours differ by no more than the slope needs."""
    picture = np.full((320, 320, 3), 100, np.uint8)
    pasted = put(picture, face, lambda before: before + 40 / 255).astype(int)
    assert pasted.max() == 140
    size = np.hypot(*(face.landmarks[1] - face.landmarks[0])) / np.hypot(*(TEMPLATE[1] - TEMPLATE[0])) * SIDE
    steepest = 40 * 1.5 / (0.34 * 212 / SIDE * size) + 1  # of a smooth step over the outline's slope, and rounding
    for axis in (0, 1):
        assert np.abs(np.diff(pasted, axis=axis)).max() <= np.ceil(steepest)


def test_no_step_is_left_at_all_when_colours_are_matched() -> None:
    picture = np.full((320, 320, 3), 100, np.uint8)
    pasted = put(picture, at(50, 60, 200), lambda before: align.match_colors(before + 0.15, before))
    assert np.abs(pasted.astype(int) - 100).max() <= 1


def test_matching_keeps_detail_and_ignores_the_hole() -> None:
    random = np.random.default_rng(0)
    detail = cv2.GaussianBlur(random.normal(0, 1, (SIDE, SIDE, 3)).astype(np.float32), (0, 0), 3)
    before = np.full((SIDE, SIDE, 3), 0.4, np.float32)
    matched = align.match_colors(0.6 + 0.3 * detail, before)
    assert matched.mean() == pytest.approx(0.4, abs=0.01)
    assert np.corrcoef(matched.ravel(), detail.ravel())[0, 1] > 0.95
    hole = np.zeros((SIDE, SIDE), np.float32)
    hole[200:300, 200:300] = 1
    scratched = before.copy()
    scratched[hole == 1] = 1
    assert np.abs(align.match_colors(before, scratched, hole) - before).max() < 0.01
    assert np.abs(align.match_colors(before, scratched) - before).max() > 0.1


@pytest.mark.parametrize("size", [60, 300, 900])
def test_nothing_changes_where_nothing_was_repaired(size: float) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (320, 320, 3)).astype(np.uint8)
    np.testing.assert_array_equal(put(picture, at(10, 10, size), lambda before: before), picture)
    np.testing.assert_array_equal(put(picture, at(10, 10, size), lambda before: before * 0, amount=0.0), picture)


def test_a_photo_finer_than_the_network_keeps_its_grain() -> None:
    picture = waves(1100)
    picture = np.clip(picture + np.random.default_rng(0).normal(0, 12, picture.shape), 0, 255).astype(np.uint8)

    def grain_of(array: Array) -> float:
        middle = array[400:600, 400:600].astype(np.float32)
        return float((middle - cv2.GaussianBlur(middle, (0, 0), 3)).std())

    face = at(0, 0, 1100)
    assert grain_of(put(picture, face, lambda before: before, grain=1)) > 0.95 * grain_of(picture)
    assert grain_of(put(picture, face, lambda before: before, grain=0)) < 0.5 * grain_of(picture)


def test_a_hole_is_replaced_whatever_the_amount() -> None:
    picture = waves(320)
    hole = np.zeros((320, 320), np.float32)
    hole[150:170, 150:170] = 1
    picture[150:170, 150:170] = 255
    pasted = put(picture, at(50, 50, 200), lambda before: before * 0 + 0.25, amount=0.0, hole=hole)
    assert np.abs(pasted[150:170, 150:170].astype(int) - 64).max() <= 1
    np.testing.assert_array_equal(pasted[hole == 0], picture[hole == 0])


def test_a_face_that_is_not_in_the_picture_changes_nothing() -> None:
    picture = waves(100)
    np.testing.assert_array_equal(put(picture, at(500, 500, 80), lambda before: before * 0), picture)


def test_a_parsed_outline() -> None:
    kinds = np.zeros((SIDE, SIDE), np.int64)
    kinds[100:, 150:362] = 1  # skin down to the border
    kinds[:180, 150:362] = 17  # hair
    outline = restore.parsed_outline(kinds)
    assert outline[300, 256] > 0.95
    assert outline[100, 256] < 0.01
    assert outline[511].max() == 0
    assert np.abs(np.diff(outline, axis=1)).max() < 0.04
    assert np.abs(np.diff(outline, axis=0)).max() < 0.04


def test_the_parser_is_used_where_it_was_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    assert restore.load_parser() is None
    pretend(monkeypatch, "parsenet", ParseNet(in_size=SIDE, out_size=SIDE, parsing_ch=19).state_dict())
    parse = restore.load_parser()
    assert parse is not None
    outline = parse(to_float(waves(SIDE)))
    assert outline.shape == (SIDE, SIDE)
    assert 0 <= outline.min() <= outline.max() <= 1


def test_the_outlines_points_are_where_it_is_half() -> None:
    points = align.outline_points(align.transform_of(at(0, 0, SIDE)))
    outline = align.outline()
    for x, y in points:
        assert outline[int(y), int(x)] == pytest.approx(0.5, abs=0.04)


def test_detection_is_the_same_in_every_thread() -> None:
    """facexlib's own detect_faces keeps the last picture's size in the network; ours keeps nothing."""
    network = RetinaFace(network_name="mobile0.25", device="cpu")
    before = set(vars(network))
    one = Detector(name="x", sha256="x", backend=Backend("cpu", "fp32"), network=network)
    one(np.zeros((64, 80, 3), np.uint8), 0.5)
    assert set(vars(network)) == before
    assert network.scale is None
