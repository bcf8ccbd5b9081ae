"""The pipeline: which faces, what the network sees, what is left alone, and what can be changed afterwards."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from spandrel.architectures.GFPGAN import GFPGAN
from spandrel.architectures.RestoreFormer import RestoreFormer

from editing.errors import EditingError, ImageError, OptionError, Stopped, WeightError
from editing.faces import align, likeness, loans, restore, strangers
from editing.faces.align import SIDE, TEMPLATE, Face
from editing.faces.restore import Restorer
from editing.networks.repairer import Repairer, RepairerConfig
from editing.options import Choice, DamageOptions, GenerateOptions, RepairOptions, RestoreOptions, read
from editing.pictures.picture import Picture, from_float, to_float
from editing.pipelines import damage, fill, generate, recipe, repair
from editing.pipelines.fill import Filler
from editing.runtime import Backend
from editing.weights import load
from editing.weights.catalogue import Local, Weight
from editing.weights.files import SHIPPED
from editing.weights.find import find_weight

Array = npt.NDArray[Any]
Run = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def darker(picture: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A checkerboard of the face's own size: nothing that matching the colours would take back."""
    y, x = torch.meshgrid(torch.arange(picture.shape[2]), torch.arange(picture.shape[3]), indexing="ij")
    board = ((y // 8 + x // 8) % 2) * 0.3 - 0.15
    return picture * (1 - mask) + 0.5 * mask + board, picture * (1 - mask) + 0.5 * mask


def fake(run: Run = darker, *, side: int = 256, fills: bool = True) -> Restorer:
    return Restorer(
        name="fake", sha256="f" * 64, licence="", backend=Backend("cpu", "fp32"), side=side, fills=fills, run=run
    )


def at(x: float, y: float, size: float) -> Face:
    """A face whose aligned frame is ``size`` pixels wide, its corner at (x, y)."""
    return Face(
        box=(x + 0.2 * size, y + 0.2 * size, x + 0.8 * size, y + 0.9 * size), landmarks=TEMPLATE * size / SIDE + [x, y],
        score=0.9,
    )  # fmt: skip


def photo(height: int = 240, width: int = 400, channels: int = 3, dtype: type = np.uint8, **more: Any) -> Picture:
    down, across = np.mgrid[0:height, 0:width]
    base = 0.45 + 0.2 * np.sin(across / 17) * np.cos(down / 13)
    planes = np.stack([base, base * 0.8 + 0.1, 0.9 - base * 0.5], 2)[..., :channels]
    return Picture(pixels=np.rint(planes * np.iinfo(dtype).max).astype(dtype), **more)


PEOPLE = [at(10, 20, 120), at(140, 30, 110), at(260, 60, 130)]


def spot(y: int, x: int, side: int = 16, height: int = 240, width: int = 400) -> npt.NDArray[np.float32]:
    mask = np.zeros((height, width), np.float32)
    mask[y : y + side, x : x + side] = 1
    return mask


def run(picture: Picture | None = None, mask: Any = None, network: Restorer | None = None, **changes: Any) -> Any:
    return repair.repair(
        picture or photo(), RepairOptions(**changes), mask, found=PEOPLE, network=network or fake(),
        filler=Filler(name="gray", sha256=None, run=lambda crop, hole: np.full_like(crop, 128)),
    )  # fmt: skip


def changed(before: Picture, after: Picture) -> npt.NDArray[np.bool_]:
    return np.asarray((before.pixels != after.pixels).any(2))


def reach(face: Face, shape: tuple[int, int] = (240, 400)) -> npt.NDArray[np.bool_]:
    """Where a face may be put back."""
    outline = (align.outline() > 0).astype(np.float32)
    return align.unaligned(outline, align.transform_of(face), shape) > 0


# ---- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"faces": "some"}, "Faces is 'some'"),
        ({"faces": ()}, "numbered from 1"),
        ({"faces": (0, 1)}, "numbered from 1"),
        ({"strength": 1.1}, "Strength is 1.1"),
        ({"fidelity": float("nan")}, "Fidelity is nan"),
        ({"score": -1}, "How sure it must be to be a face is -1"),
        ({"min_size": 2}, r"Smallest face \(pixels\) is 2; .* or auto"),
        ({"filler": "telea"}, "auto, patches, lama"),
        ({"anonymise": "yes"}, "no, blur, pixels, person"),
        ({"precision": "fp16"}, "auto, fp32, bf16"),
    ],
)
def test_options_check_themselves(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        RepairOptions(**changes)


def test_faces_are_named_in_words() -> None:
    assert RepairOptions(faces="all").faces == "all"
    assert RepairOptions(faces="none").faces == "none"
    assert RepairOptions(faces="1, 3").faces == (1, 3)  # type: ignore[arg-type]
    for text in ("", "first", "1,", "1-3", "1.5"):
        with pytest.raises(OptionError, match="all, none, or numbers with commas"):
            RepairOptions(faces=text)  # type: ignore[arg-type]


def test_choices_check_themselves() -> None:
    with pytest.raises(OptionError, match="Fidelity is 2"):
        Choice(fidelity=2)
    with pytest.raises(OptionError, match="Strength is -1"):
        Choice(strength=-1)
    with pytest.raises(OptionError, match="2 choices were given for 3 faces"):
        repair.compose(run(), [Choice(), Choice()])


# ---- which faces -----------------------------------------------------------------------------------------------------


def test_all_faces_are_repaired_and_the_rest_keeps_its_bits() -> None:
    result = run()
    assert [face.number for face in result.faces] == [1, 2, 3]
    assert result.found == 3
    after = repair.compose(result)
    touched = changed(photo(), after)
    allowed = np.any([reach(face) for face in PEOPLE], axis=0)
    assert touched.sum() > 0.5 * allowed.sum()
    assert not touched[~allowed].any()


def test_faces_are_chosen_by_their_numbers() -> None:
    after = repair.compose(run(faces=(3, 1, 3)))
    touched = changed(photo(), after)
    assert touched[reach(PEOPLE[0])].any()
    assert not touched[reach(PEOPLE[1]) & ~reach(PEOPLE[0]) & ~reach(PEOPLE[2])].any()
    with pytest.raises(OptionError, match="Face 4 was asked for, but 3 were found"):
        run(faces=(1, 4))


def test_neither_face_nor_mask_is_an_error() -> None:
    with pytest.raises(ImageError, match="No face was found and no mask was given"):
        repair.repair(photo(), found=[])
    with pytest.raises(ImageError, match="the mask is empty"):
        repair.repair(photo(), RepairOptions(), np.zeros((240, 400), np.float32), found=[])
    with pytest.raises(ImageError, match="no face was chosen and no mask was given"):
        repair.repair(photo(), RepairOptions(faces="none"))


def test_damage_is_found_when_asked_for_and_filled_with_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[DamageOptions] = []

    def find(picture: Picture, options: DamageOptions, *, finder: Any, report: Any) -> npt.NDArray[np.float32]:
        asked.append(options)
        return spot(200, 20) if options.sensitivity > 0.1 else np.zeros((240, 400), np.float32)

    monkeypatch.setattr(damage, "find_damage", find)
    given = {"faces": "none", "filler": "patches", "precision": "fp32"}
    result = repair.repair(photo(), RepairOptions(**given, find_damage=0.4), spot(100, 100))
    assert asked == [DamageOptions(sensitivity=0.4, precision="fp32")]
    touched, both = changed(photo(), repair.compose(result)), np.maximum(spot(200, 20), spot(100, 100))
    np.testing.assert_array_equal(result.mask, both)
    assert not touched[both == 0].any()
    assert touched[spot(200, 20) > 0].mean() > 0.3
    assert touched[spot(100, 100) > 0].mean() > 0.3
    made = repair.recipe(result)
    assert (names(made), made["options"]["find_damage"]) == (["damage"], 0.4)
    with pytest.raises(ImageError, match=r"no damage was found at 0\.1, and no face"):
        repair.repair(photo(), RepairOptions(**given, find_damage=0.1))
    assert made["masked"]
    found_alone = repair.recipe(repair.repair(photo(), RepairOptions(**given, find_damage=0.4)))
    assert "masked" not in found_alone
    repair.repair(photo(), RepairOptions(**given), spot(100, 100))
    assert len(asked) == 3


def test_closed_lips_are_no_scratch(astronaut: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(pixels=astronaut)
    (face,) = (face for face in repair.find(picture) if face.sure)
    transform = align.transform_of(face)
    _, _, mouth = likeness.features_of(align.aligned(astronaut, transform))
    x, y = cv2.transform(mouth.mean(0)[None, None], align.inverse_of(transform))[0, 0].astype(int)
    lips, across = np.zeros((2, picture.height, picture.width), np.float32)
    lips[y - 1 : y + 1, x - 8 : x + 8] = 1
    across[y - 1 : y + 1, x - 90 : x + 90] = 1
    beside = np.zeros_like(lips)
    beside[10:20, 10:20] = 1
    for found, wanted in ((lips + beside, beside), (across + beside, across + beside)):
        monkeypatch.setattr(damage, "find_damage", lambda *_, found=found, **__: found)
        np.testing.assert_array_equal(repair.with_damage(picture, RestoreOptions(), None, []), wanted)


def test_a_mask_alone_needs_no_network() -> None:
    result = repair.repair(photo(), RepairOptions(faces="none", filler="patches"), spot(100, 100))
    assert result.filled_by == "patches"
    after = repair.compose(result)
    np.testing.assert_array_equal(after.pixels[spot(100, 100) == 0], photo().pixels[spot(100, 100) == 0])
    assert not result.faces


def test_faces_are_found_by_the_detector_and_by_hand(astronaut: Array) -> None:
    picture = Picture(pixels=astronaut)
    (found,) = repair.find(picture)
    assert 170 < found.box[0] < 190
    again = repair.find(picture, RepairOptions(boxes=((180, 60, 270, 175), (20, 400, 80, 480))))
    assert [face.box for face in again] == [(20, 400, 80, 480), (180, 60, 270, 175)]  # the hand's box replaces the same
    result = repair.repair(picture, network=fake(side=64))
    assert result.found == len(result.faces) == 1


def test_a_hundred_faces_work_one_at_a_time_and_can_be_stopped() -> None:
    many = [at(4 * i, 3 * (i % 50), 40) for i in range(100)]
    steps: list[tuple[int, int, str]] = []
    sizes: list[int] = []

    def watch(picture: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sizes.append(len(picture))
        return picture, picture

    def report(done: int, total: int, note: str = "") -> None:
        steps.append((done, total, note))
        if done == 7:
            raise Stopped("stopped")

    with pytest.raises(Stopped):
        repair.repair(photo(), found=many, network=fake(watch, side=32), report=report)
    assert steps == [(i, 100, "repair") for i in range(8)]
    assert sizes == [1] * 7


# ---- kinds of pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_depth_alpha_and_gray_are_kept(channels: int, dtype: type) -> None:
    alpha = np.full((240, 400), 7, dtype)
    picture = photo(240, 400, channels, dtype, alpha=alpha, icc=b"icc", dpi=(300, 300))
    after = repair.compose(run(picture, spot(10, 380)))
    assert after.pixels.shape == picture.pixels.shape
    assert after.pixels.dtype == dtype
    np.testing.assert_array_equal(after.alpha, alpha)
    assert (after.icc, after.dpi) == (b"icc", (300, 300))
    assert changed(picture, after).sum() > 5000


def test_a_gray_photo_saved_as_colour_gets_no_tint() -> None:
    gray = photo(channels=1)
    picture = Picture(pixels=gray.pixels.repeat(3, 2))

    def tinted(picture: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        clean, faithful = darker(picture, mask)
        clean[:, 0] += 0.2 * (clean[:, 0] > 0.5)
        return clean, faithful

    pixels = repair.compose(run(picture, network=fake(tinted))).pixels
    np.testing.assert_array_equal(pixels[..., 0], pixels[..., 1])
    np.testing.assert_array_equal(pixels[..., 0], pixels[..., 2])


def test_faces_beyond_the_border_are_repaired_as_far_as_they_are_seen() -> None:
    people = [at(-50, -40, 120), at(350, 190, 120)]
    after = repair.compose(repair.repair(photo(), found=people, network=fake()))
    touched = changed(photo(), after)
    assert touched[0, 0]
    assert touched[-1, -1]


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(EditingError, match="'fake' gave values that are not numbers"):
        run(network=fake(lambda picture, mask: (picture / 0, picture)))


# ---- masks on faces --------------------------------------------------------------------------------------------------


def test_the_network_fills_what_is_masked_in_a_face() -> None:
    holes: list[float] = []

    def watch(picture: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        holes.append(float(mask.sum()))
        return picture * (1 - mask) + 0.1 * mask, picture * (1 - mask) + 0.1 * mask

    mask = spot(58, 185, 20)  # in the forehead of the second face
    result = run(mask=mask, network=fake(watch))
    assert [hole > 0 for hole in holes] == [False, True, False]
    assert result.filled_by is None
    assert [face.hole is not None for face in result.faces] == [False, True, False]
    picture = photo()
    scratched = dataclasses.replace(picture, pixels=picture.pixels.copy())
    scratched.pixels[mask > 0] = 255
    after = repair.compose(run(scratched, mask, fake(watch)))
    assert after.pixels[62:74, 189:201].max() < 200


def test_rejecting_a_face_leaves_what_was_masked_filled() -> None:
    picture = photo()
    picture.pixels[58:78, 185:205] = 255
    mask = spot(58, 185, 20)
    result = run(picture, mask)
    after = repair.compose(result, [Choice(accept=False)] * 3)
    np.testing.assert_array_equal(after.pixels[mask == 0], picture.pixels[mask == 0])
    assert after.pixels[62:74, 189:201].max() < 220


def test_a_network_that_fills_nothing_sees_the_filled_face() -> None:
    seen: list[float] = []

    def watch(picture: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(float(picture.max()))
        return picture, picture

    picture = photo()
    picture.pixels[58:78, 185:205] = 255
    result = run(picture, spot(58, 185, 20), fake(watch, side=SIDE, fills=False))
    assert result.filled_by == "gray"
    assert max(seen) < 0.95
    after = repair.compose(result)
    assert np.abs(after.pixels[62:74, 189:201].astype(int) - 128).max() < 8


def test_a_mask_across_a_faces_border_is_filled_on_both_sides() -> None:
    mask = np.zeros((240, 400), np.float32)
    mask[90:94] = 1
    picture = photo()
    picture.pixels[90:94] = 255
    after = repair.compose(run(picture, mask))
    assert after.pixels[90:94].max() < 225
    outside = (mask == 0) & ~np.any([reach(face) for face in PEOPLE], axis=0)
    np.testing.assert_array_equal(after.pixels[outside], picture.pixels[outside])


# ---- afterwards ------------------------------------------------------------------------------------------------------


def test_faces_are_accepted_and_rejected_without_a_run() -> None:
    result = run()
    nothing = repair.compose(result, [Choice(accept=False)] * 3)
    np.testing.assert_array_equal(nothing.pixels, photo().pixels)
    np.testing.assert_array_equal(repair.compose(result, [Choice(strength=0)] * 3).pixels, photo().pixels)
    second = repair.compose(result, [Choice(accept=False), Choice(), Choice(accept=False)])
    assert not changed(photo(), second)[~reach(PEOPLE[1])].any()
    assert changed(photo(), second).any()


def test_strength_and_fidelity_are_dials() -> None:
    result = run()

    def apart(**dials: float) -> float:
        after = repair.compose(result, [Choice(**dials)] * 3)
        return float(np.abs(after.pixels.astype(float) - photo().pixels).mean())

    assert 0 == apart(strength=0.0) < apart(strength=0.5) < apart(strength=1.0)
    assert apart(fidelity=1.0) < apart(fidelity=0.5) < apart(fidelity=0.0)
    assert apart(fidelity=1.0) < 0.6  # this network's faithful result is its input
    assert repair.compose(result).pixels.tobytes() == repair.compose(result, [Choice()] * 3).pixels.tobytes()


def test_a_face_finer_than_the_network_keeps_its_grain_when_faithful() -> None:
    noise = np.random.default_rng(0).integers(-40, 40, (600, 600, 1))
    picture = Picture(pixels=np.clip(photo(600, 600).pixels + noise, 0, 255).astype(np.uint8))

    def same(picture: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return picture, picture

    result = repair.repair(picture, found=[at(0, 0, 600)], network=fake(same, side=64))
    middle = (slice(200, 400), slice(200, 400))
    faithful = repair.compose(result, [Choice(fidelity=1)]).pixels[middle].astype(float)
    clean = repair.compose(result, [Choice(fidelity=0)]).pixels[middle].astype(float)
    original = picture.pixels[middle].astype(float)
    assert np.abs(faithful - original).mean() < 1.5
    assert np.diff(clean, axis=1).std() < 0.1 * np.diff(original, axis=1).std()


# ---- trust -----------------------------------------------------------------------------------------------------------


def portrait(astronaut: Array) -> npt.NDArray[np.float32]:
    face = Face(
        box=(178, 57, 273, 177), score=1,
        landmarks=np.array([[204.8, 100.8], [247.4, 103.4], [223.6, 129.2], [202.5, 138.1], [244.2, 140.6]]),
    )  # fmt: skip
    return align.aligned(astronaut, align.transform_of(face))


def with_other_eyes(face: Array) -> Array:
    """Her eyes, upside down."""
    other = face.copy()
    other[200:280, 150:360] = other[200:280, 150:360][::-1]
    return other


def stranger(seed: int = 3) -> npt.NDArray[np.float32]:
    """Somebody who does not exist, (512, 512, 3)."""
    [sample] = generate.generate(GenerateOptions(seed=seed))
    return restore.resized(to_float(sample.picture.pixels), SIDE)


def test_who_it_is_is_seen_through_blur_and_light(astronaut: Array) -> None:
    face, other = portrait(astronaut), stranger()
    random = np.random.default_rng(0)
    blurred = cv2.GaussianBlur(face, (0, 0), 5) + random.normal(0, 0.03, face.shape).astype(np.float32)
    blurred = np.clip(blurred, 0, 1).astype(np.float32)
    assert likeness.distance(face, face) == pytest.approx(0, abs=1e-4)
    assert likeness.distance(blurred, other) > likeness.distance(blurred, face) + 0.2
    assert likeness.verdict(blurred, face) == "same"
    assert likeness.verdict(face, 0.2 + 0.5 * face) == "same"  # other light
    assert likeness.verdict(face, face.mean(2, keepdims=True).repeat(3, 2)) == "same"
    assert likeness.verdict(face, other) == "another"
    assert likeness.verdict(blurred, other) == "another"


def test_of_who_is_masked_nothing_is_said(astronaut: Array) -> None:
    face, hole = portrait(astronaut), np.zeros((SIDE, SIDE), np.float32)
    hole[200:280, 150:260] = 1  # an eye
    assert likeness.verdict(face, face, hole) == "invented"
    masked = np.zeros((SIDE, SIDE), np.float32)
    cv2.ellipse(masked, (193, 240), (43, 31), 0, 0, 360, (1.0,), -1)  # no more of it than an eye
    assert likeness.verdict(face, face, masked) == "invented"
    scratch = np.zeros((SIDE, SIDE), np.float32)
    scratch[:, 300:304] = 1
    assert likeness.verdict(face * (1 - scratch[..., None]), face, scratch) == "same"


def test_a_repaired_face_says_who_it_is() -> None:
    result = run(mask=spot(80, 190, 40))
    assert [face.verdict(1.0) for face in result.faces] == ["same", "invented", "same"]
    assert run(anonymise="blur").faces[0].verdict(0.0) is None


def test_what_only_the_detector_takes_for_a_face_is_repaired_when_asked_for(astronaut: Array) -> None:
    assert likeness.is_face(portrait(astronaut))
    assert likeness.is_face(stranger())
    down, across = np.mgrid[0:SIDE, 0:SIDE]
    mosaic = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)[down // 16, across // 16]
    assert not likeness.is_face(mosaic)
    people = [dataclasses.replace(PEOPLE[0], sure=False), PEOPLE[1]]
    for faces, repaired in (("all", [2]), ((1,), [1])):
        made = repair.repair(photo(), RepairOptions(faces=faces), found=people, network=fake())  # type: ignore[arg-type]
        assert [face.number for face in made.faces] == repaired
    hidden = repair.repair(photo(), RepairOptions(anonymise="blur"), found=people, network=fake())
    assert [face.number for face in hidden.faces] == [1, 2]  # somebody left out is worse than a badge that is blurred


def test_the_whole_head_is_put_back_and_nothing_else_than_the_oval_where_there_is_none(astronaut: Array) -> None:
    face, oval = portrait(astronaut), align.outline()
    head = likeness.head_outline(face)
    assert (head >= oval - 1e-6).all()
    assert head.mean() > 1.15 * oval.mean()
    assert max(head[[0, -1]].max(), head[:, [0, -1]].max()) < 0.05
    np.testing.assert_array_equal(likeness.head_outline(np.full((SIDE, SIDE, 3), 0.5, np.float32)), oval)


def test_the_trust_map_shows_what_the_input_does_not_say(astronaut: Array) -> None:
    face = portrait(astronaut)
    degraded = cv2.GaussianBlur(face, (0, 0), 4)
    random = np.random.default_rng(0)
    degraded = np.clip(degraded + random.normal(0, 0.02, face.shape), 0, 1).astype(np.float32)
    picture = Picture(pixels=from_float(degraded, 8))

    def becomes(other: Array) -> Run:
        tensor = torch.from_numpy(np.ascontiguousarray(other)).permute(2, 0, 1)[None]
        return lambda picture, mask: (tensor, tensor)

    def doubt(other: Array) -> Array:
        network = fake(becomes(other), side=SIDE)
        result = repair.repair(picture, found=[at(0, 0, SIDE)], network=network)
        return repair.trust_map(result, [Choice(fidelity=0)])

    right, wrong = doubt(face), doubt(with_other_eyes(face))
    assert right.shape == (SIDE, SIDE)
    assert right[100:420, 120:390].mean() < 0.1
    assert wrong[200:280, 150:360].mean() > 0.3
    assert wrong[330:420, 170:342].mean() < 0.1


def test_the_trust_map_doubts_what_was_masked() -> None:
    mask = spot(58, 185, 20)
    doubt = repair.trust_map(run(mask=mask), [Choice(accept=False)] * 3)
    np.testing.assert_array_equal(doubt, mask)


# ---- anonymous -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["blur", "pixels"])
def test_anonymous_faces_can_not_be_known(astronaut: Array, how: str) -> None:
    face = portrait(astronaut)
    picture = Picture(pixels=from_float(face, 8))
    options = RepairOptions(anonymise=how)
    after = repair.compose(repair.repair(picture, options, found=[at(0, 0, SIDE)]))  # no network is asked for
    assert likeness.verdict(face, to_float(after.pixels)) == "another"
    fine = to_float(after.pixels) - cv2.GaussianBlur(to_float(after.pixels), (0, 0), 20)
    original = face - cv2.GaussianBlur(face, (0, 0), 20)
    inner = (slice(180, 440), slice(150, 360))
    correlation = np.corrcoef(fine[inner].ravel(), original[inner].ravel())[0, 1]
    assert correlation < 0.75
    # Strength and fidelity are no way back.
    same = repair.compose(repair.repair(picture, options, found=[at(0, 0, SIDE)]), [Choice(strength=0, fidelity=1)])
    np.testing.assert_array_equal(same.pixels, after.pixels)


def test_a_person_takes_the_place_of_a_small_face(astronaut: Array) -> None:
    person = from_float(restore.resized(stranger(), 64), 8)
    people = [at(10, 20, 60), at(140, 30, 200)]
    options = RepairOptions(anonymise="person")
    result = repair.repair(photo(), options, found=people, persons=[person], network=fake(side=64))
    assert [face.anonymised for face in result.faces] == ["person", "pixels"]  # 200 pixels are too many for 64
    # A network that enlarges a person well allows for larger faces.
    result = repair.repair(photo(), options, found=people, persons=[person], network=fake(lambda x, _: (x, x)))
    assert [face.anonymised for face in result.faces] == ["person", "person"]
    # Where she was there is someone else; hair and background stay hers.
    face = portrait(astronaut)
    small = Picture(pixels=from_float(restore.resized(face, 128), 8))
    person = from_float(restore.resized(stranger(), 128), 8)
    made = repair.compose(repair.repair(small, options, found=[at(0, 0, 128)], persons=[person]))
    after = restore.resized(to_float(made.pixels), SIDE)
    assert likeness.verdict(face, after) == "another"
    assert likeness.is_face(after)
    np.testing.assert_array_equal(made.pixels[:16], small.pixels[:16])


def test_who_takes_a_place_looks_like_the_face_but_is_not_it(astronaut: Array) -> None:
    face = portrait(astronaut)
    own = strangers.look_of(face)
    dark = strangers.look_of(np.clip(face * [0.35, 0.3, 0.3], 0, 1).astype(np.float32))
    assert strangers.unlike(own, own) == np.inf  # herself hides nobody
    pool = [strangers.look_of(stranger(seed)) for seed in (3, 4, 5)]
    chosen = strangers.choose(own, pool)
    assert strangers.unlike(own, pool[chosen]) == min(strangers.unlike(own, other) for other in pool) < np.inf
    assert strangers.choose(own, pool, [chosen]) != chosen
    darker = dataclasses.replace(pool[chosen], skin=dark.skin)
    assert strangers.unlike(own, darker) > strangers.unlike(own, pool[chosen])


def covered(*ellipses: tuple[float, float, float, float]) -> Array:
    """(512, 512): 1 within ellipses about (x, y), with two radii; in pixels."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    inside = [((x - a) / across) ** 2 + ((y - b) / down) ** 2 < 1 for a, b, across, down in ellipses]
    return np.any(inside, 0).astype(np.float32)


MOUTH, EYE, OTHER_EYE = (257, 371, 72, 38), (193, 240, 44, 30), (319, 240, 44, 30)


def test_only_what_no_side_of_a_face_shows_is_lent() -> None:
    for shown in (covered(EYE), covered((150, 330, 40, 40)), covered((257, 371, 20, 38)), covered((257, 371, 90, 4))):
        assert loans.wanted(shown) is None  # the other eye is there; a cheek, half a mouth and a scratch, too
    for hidden in (covered(MOUTH), covered(EYE, OTHER_EYE), covered((257, 307, 40, 40))):
        part = loans.wanted(hidden)
        assert part is not None
        assert 0.9 < part.sum() / hidden.sum() <= 1
    assert loans.wanted(np.ones((SIDE, SIDE), np.float32)) is None  # nothing to choose by
    part = loans.wanted(covered(MOUTH, (257, 150, 3, 60)))  # a scratch in the forehead is left to the network
    assert part is not None
    assert part[:250].max() == 0


def test_who_lends_has_like_surroundings() -> None:
    people = [stranger(seed) for seed in (3, 4, 5, 6)]
    part = covered(MOUTH)
    for number, person in enumerate(people):
        hurt = person + part[..., None] * (0.5 - person)
        assert loans.choose(hurt.astype(np.float32), part, people) == number


def test_drawing_people_takes_its_time() -> None:
    def seconds(anonymise: str = "no", *, count: int = 1, lent: bool = False) -> float:
        return repair.estimate(100, 100, RepairOptions(anonymise=anonymise), count=count, lent=lent).seconds

    one = seconds("person", count=2) - seconds("person") - (seconds("blur", count=2) - seconds("blur"))
    assert one > 0  # for each face one more to choose from
    assert seconds("person") - seconds("blur") == pytest.approx((strangers.POOL + 1) * one)
    assert seconds() < seconds(lent=True)
    face = at(50, 20, SIDE / 2)
    mask = np.zeros((400, 400), np.float32)
    mask[20:276, 50:306] = cv2.resize(covered(MOUTH), (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_NEAREST)
    assert repair.lends(mask, [at(200, 200, 100), face])
    assert not repair.lends(mask, [at(200, 200, 100)])


def test_a_masked_mouth_comes_out_with_lips(astronaut: Array) -> None:
    face = portrait(astronaut)
    mask = covered(MOUTH)
    hurt = Picture(pixels=from_float(face + mask[..., None] * (1 - face), 8))
    result = repair.repair(hurt, RepairOptions(), mask, found=[at(0, 0, SIDE)])
    made = repair.recipe(result)
    assert "faces" in [weight["name"] for weight in made["weights"]]
    (seed,) = made["persons"]
    assert 0 <= seed < strangers.POOL
    lips = to_float(repair.compose(result).pixels)[333:409, 185:329]
    skin = np.median(lips, (0, 1))
    redder = (lips[..., 0] - lips[..., 1]) - (skin[0] - skin[1])
    assert (redder > 0.04).mean() > 0.1
    again = repair.repair(hurt, RepairOptions(), mask, found=[at(0, 0, SIDE)])
    np.testing.assert_array_equal(again.faces[0].clean, result.faces[0].clean)
    other = repair.repair(hurt, RepairOptions(seed=1000), mask, found=[at(0, 0, SIDE)])
    assert repair.recipe(other)["persons"][0] >= 1000
    assert not np.array_equal(other.faces[0].clean, result.faces[0].clean)
    eye = repair.repair(hurt, RepairOptions(), covered(EYE), found=[at(0, 0, SIDE)])  # the other eye takes its place
    assert "persons" not in repair.recipe(eye)


def test_an_anonymised_file_says_nothing_of_who_it_was() -> None:
    exif = Image.Exif()
    exif[0x10F], exif[0x13B], exif[0x8298], exif[0x010E] = "Maker", "Jane Doe", "(c) Jane Doe", "Jane at the beach"
    exif.get_ifd(0x8769).update({0x829A: 0.01, 0x927C: b"note", 0xA430: "Jane Doe", 0xA431: "12345", 0x9286: b"Jane"})
    exif[0x8769] = exif.get_ifd(0x8769)
    told: dict[str, Any] = {
        "exif": exif.tobytes(),
        "xmp": b"<x>Jane Doe</x>",
        "text": {"Comment": "Jane"},
        "dpi": (300.0, 300.0),
    }
    kept = repair.compose(run(photo(**told)))
    assert kept.exif == told["exif"]
    made = repair.compose(run(photo(**told), anonymise="pixels"))
    assert made.exif is not None
    assert b"Maker" in made.exif
    for name in (b"Jane", b"note", b"12345"):
        assert name not in made.exif
    again = Image.Exif()
    again.load(made.exif)
    assert float(again.get_ifd(0x8769)[0x829A]) == pytest.approx(0.01)
    assert (made.xmp, dict(made.text), made.dpi) == (None, {}, (300.0, 300.0))
    # Whoever is not accepted was not anonymised.
    untouched = repair.compose(run(photo(**told), anonymise="pixels"), [Choice(accept=False)] * 3)
    assert untouched.exif == told["exif"]


def test_strangers_are_drawn_and_the_recipe_draws_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "POOL", 2)  # to choose among fewer is faster
    people = [at(10, 20, 60), at(140, 30, 60)]
    first, other = (repair.repair(photo(), RepairOptions(anonymise="person"), found=people) for _ in range(2))
    assert [face.anonymised for face in first.faces] == ["person", "person"]
    assert not np.array_equal(first.faces[0].clean, first.faces[1].clean)  # each is someone else
    assert not np.array_equal(repair.compose(first).pixels, repair.compose(other).pixels)  # and others each time
    made = json.loads(json.dumps(repair.recipe(first)))
    assert [weight["name"] for weight in made["weights"]] == ["detector", "faces"]
    again = repair.repair(photo(), read(RepairOptions, made["options"]), found=people)
    np.testing.assert_array_equal(repair.compose(again).pixels, repair.compose(first).pixels)
    assert repair.recipe(again) == made
    # One too large for the generator is repaired as a small photograph would be, and that is told.
    large = repair.repair(photo(), RepairOptions(anonymise="person", seed=7), found=[at(140, 30, 200)])
    assert large.faces[0].anonymised == "person"
    assert [weight["name"] for weight in repair.recipe(large)["weights"]] == [
        "detector",
        "faces",
        "repairer",
        "finisher",
    ]


# ---- networks --------------------------------------------------------------------------------------------------------


def pretend(monkeypatch: pytest.MonkeyPatch, name: str, *, texts: dict[str, str], **replaced: Any) -> None:
    """A weight for "restore" that is there, with the given metadata."""
    weight = Weight(
        name=name, task="restore", title=name, architecture="", licence="free", sha256=None,
        source=Local(SHIPPED / name),
    )  # fmt: skip
    monkeypatch.setattr(restore, "find_weight", lambda given, task=None, *, paths=True: weight)
    monkeypatch.setattr(restore, "digest", lambda weight: f"{name:0<64}")
    monkeypatch.setattr(load, "metadata_of", lambda weight: texts)
    for function, result in replaced.items():
        monkeypatch.setattr(restore, function, lambda weight, result=result: result)


def test_our_repairer_is_loaded_from_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    config = RepairerConfig(widths=(8, 8))
    network = Repairer(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    state = {name: value.half() for name, value in network.state_dict().items()}
    pretend(monkeypatch, "repairer", texts=config.metadata(), load_state=state)
    restorer = restore.load_restorer("repairer", "fp32")
    assert (restorer.side, restorer.fills) == (config.size, True)
    aligned, hole = align.aligned(photo().pixels, align.transform_of(PEOPLE[0])), np.zeros((SIDE, SIDE), np.float32)
    hole[200:300, 200:300] = 1
    clean, faithful = restorer(aligned, hole)
    small = torch.from_numpy(cv2.resize(aligned, (config.size,) * 2, interpolation=cv2.INTER_AREA)).permute(2, 0, 1)
    gone = torch.from_numpy(cv2.resize(hole, (config.size,) * 2, interpolation=cv2.INTER_AREA))[None]
    network.load_state_dict({name: value.float() for name, value in state.items()})
    with torch.inference_mode():
        wanted = network(small[None], gone[None], torch.zeros(1))[0].permute(1, 2, 0).clamp(0, 1).numpy()
    np.testing.assert_allclose(
        cv2.resize(clean, (config.size,) * 2, interpolation=cv2.INTER_AREA)[2:-2, 2:-2], wanted[2:-2, 2:-2], atol=0.05
    )
    assert not np.array_equal(clean, faithful)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("no JSON", "it is not a whole repairer"),
        ('{"widths": [8, "x"]}', "it is not a whole repairer"),
        ('{"widths": [1000000]}', "it is not a whole repairer"),
        ("{}", "its weights don't fit together"),
    ],
)
def test_a_damaged_repairer_is_refused(monkeypatch: pytest.MonkeyPatch, config: str, words: str) -> None:
    pretend(monkeypatch, "damaged", texts={"network": "repairer", "config": config}, load_state={})
    with pytest.raises(WeightError, match=f"damaged can't be used: {words}"):
        restore.load_restorer("damaged")


class Described:
    """What weights.load_network gives."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model.eval().requires_grad_(False)


def small_gfpgan() -> torch.nn.Module:
    torch.manual_seed(0)
    return GFPGAN(out_size=SIDE, num_style_feat=8, channel_multiplier=1, narrow=0.125, num_mlp=1, input_is_latent=True,
                  different_w=True, sft_half=True, fix_decoder=False)  # fmt: skip


def test_gfpgan_is_called_with_the_range_it_was_trained_with(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_gfpgan()
    given: list[torch.Tensor] = []
    network.register_forward_pre_hook(lambda module, arguments: given.append(arguments[0]))
    pretend(monkeypatch, "gfpgan", texts={}, load_network=Described(network))
    restorer = restore.load_restorer("gfpgan")
    assert (restorer.side, restorer.fills) == (SIDE, False)
    aligned = np.full((SIDE, SIDE, 3), 0.25, np.float32)
    clean, faithful = restorer(aligned, np.zeros((SIDE, SIDE), np.float32))
    assert float(given[0].mean()) == pytest.approx(-0.5)
    with torch.inference_mode():
        wanted = ((network(given[0], randomize_noise=False)[0] + 1) / 2).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(clean, wanted, atol=1e-5)
    np.testing.assert_allclose(faithful, aligned, atol=1e-6)  # it has no dial: the input is the other end


SIZES = {"ch": 32, "ch_mult": (1, 1, 1, 1, 1, 1)}


def test_restoreformer_plus_plus_is_built_from_spandrels_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoint has attention at 16 and at 32 in the decoder, which spandrel's own network lacks."""
    torch.manual_seed(0)
    plain = RestoreFormer(**SIZES, out_ch=3, z_channels=256, double_z=False, head_size=4)
    with pytest.raises(WeightError, match="don't fit together"):
        restore._restoreformer_plus_plus(plain.state_dict(), "restoreformer", **SIZES)
    from spandrel.architectures.RestoreFormer.__arch.restoreformer_arch import MultiHeadDecoderTransformer

    plain.decoder = MultiHeadDecoderTransformer(
        **SIZES, out_ch=3, num_res_blocks=2, attn_resolutions=(16, 32), dropout=0.0, in_channels=3, resolution=512,
        z_channels=256, enable_mid=True, head_size=4,
    )  # fmt: skip
    state = {f"vqvae.{name}": value for name, value in plain.state_dict().items()}
    network = restore._restoreformer_plus_plus(state | {"loss.x": torch.zeros(1)}, "restoreformer", **SIZES)
    assert len(network.decoder.up[4].attn) == 3  # type: ignore[union-attr, arg-type, index]
    pretend(monkeypatch, "restoreformer", texts={}, load_state=state)
    monkeypatch.setattr(restore, "_restoreformer_plus_plus", lambda state, name: network)
    clean, _ = restore.load_restorer("restoreformer")(
        np.full((SIDE, SIDE, 3), 0.4, np.float32), np.zeros((SIDE, SIDE), np.float32)
    )
    assert clean.shape == (SIDE, SIDE, 3)


def test_codeformers_own_dial_gives_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class CodeFormer(torch.nn.Module):  # the real one is in a package under another licence
        def forward(self, picture: torch.Tensor, weight: float = 0.5) -> tuple[torch.Tensor, None]:
            return picture * 0 + weight - 0.5, None

    pretend(monkeypatch, "codeformer", texts={}, load_network=Described(CodeFormer()))
    clean, faithful = restore.load_restorer("codeformer")(
        np.full((SIDE, SIDE, 3), 0.4, np.float32), np.zeros((SIDE, SIDE), np.float32)
    )
    np.testing.assert_allclose(clean, 0.25, atol=1e-6)
    np.testing.assert_allclose(faithful, 0.75, atol=1e-6)


def test_other_networks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "mine.pth", texts={}, load_network=Described(torch.nn.Linear(1, 1)))
    with pytest.raises(WeightError, match="it is a Linear; only GFPGAN, RestoreFormer and CodeFormer"):
        restore.load_restorer("mine.pth")


def test_the_choices_name_the_licence() -> None:
    assert "not for commercial use" in find_weight("codeformer", "restore").licence
    with pytest.raises(WeightError, match="weights fetch gfpgan"):
        restore.load_restorer("gfpgan")


# ---- before and after a run ------------------------------------------------------------------------------------------


def test_the_estimate_grows_with_faces_and_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "load_restorer", lambda model, precision: fake())
    monkeypatch.setattr(Restorer, "seconds", lambda self, wait: 0.5)
    one = repair.estimate(4000, 3000, count=1, masked=1)  # which measures, and gives memory back
    ten = repair.estimate(4000, 3000, count=10, masked=10_000)
    assert one.seconds > 0.5
    assert ten.seconds > 10 * one.seconds
    assert ten.memory > one.memory > 4000 * 3000


def names(made: dict[str, Any]) -> list[str]:
    return [weight["name"] for weight in made["weights"]]


def test_the_recipe_is_plain_and_says_what_filled() -> None:
    made = repair.recipe(repair.repair(photo(), RepairOptions(faces="none"), spot(100, 100)))
    assert made["task"] == "repair"
    assert (names(made), made["options"]["filler"]) == ([], "patches")
    made = repair.recipe(run(faces=(1, 2), boxes=((1, 2, 3, 4),), anonymise="blur"))
    assert made["options"]["faces"] == [1, 2]
    assert made["options"]["boxes"] == [[1, 2, 3, 4]]
    assert (names(made), made["options"]["filler"]) == (["detector"], "auto")  # nothing was filled
    assert made == json.loads(json.dumps(made))
    assert read(RepairOptions, made["options"]) == RepairOptions(faces=(1, 2), boxes=((1, 2, 3, 4),), anonymise="blur")
    made = repair.recipe(run())
    assert names(made) == ["detector", "repairer"]
    assert made["weights"][1]["sha256"] == find_weight("repairer", "restore").sha256


def test_the_recipe_names_what_was_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "digest", lambda weight: weight.name * 9)
    monkeypatch.setattr(restore, "load_parser", lambda: lambda aligned: align.outline())
    lama = Filler(name="lama", sha256="l" * 64, run=lambda crop, hole: np.full_like(crop, 128))
    monkeypatch.setattr(fill, "load", lambda name: lama)
    made = repair.recipe(repair.repair(photo(), RepairOptions(), spot(5, 380), found=PEOPLE, network=fake()))
    assert names(made) == ["detector", "repairer", "parsenet", "lama"]
    assert made["options"]["filler"] == "lama"
