"""Degradations: deterministic, of the right size and strength, in numpy's own range."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest

from editing.training import degradations
from editing.training.degradations import (
    Recipe,
    Round,
    bicubic,
    blurred,
    camera_noise,
    degrade,
    degrade_face,
    gaussian_kernel,
    gaussian_noise,
    jpeg,
    luma,
    noisy,
    poisson_noise,
    random_kernel,
    random_tone,
    randomly_resized,
    shake_kernel,
    sinc_kernel,
)


@pytest.fixture
def picture(astronaut: np.ndarray) -> np.ndarray:
    """(128, 96, 3) float32."""
    return astronaut[64:192, 180:276].astype(np.float32) / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [2, 4])
def test_the_same_generator_makes_the_same_picture(picture: np.ndarray, channels: int, scale: int) -> None:
    given = picture[..., :channels].copy()
    made = [degrade(given, scale, np.random.default_rng(seed), Recipe()) for seed in (5, 5, 6)]
    assert made[0].shape == (128 // scale, 96 // scale, channels)
    assert made[0].dtype == np.uint8
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    assert np.array_equal(given, picture[..., :channels])  # what was given is left alone


def test_every_recipe_leaves_the_picture_recognisable(picture: np.ndarray) -> None:
    """Not shifted, not in other colours: on average near a plain reduction, and not equal to it."""
    plain = cv2.resize(picture, (24, 32), interpolation=cv2.INTER_AREA)
    made = [degrade(picture, 4, np.random.default_rng(seed)) / 255 for seed in range(40)]
    distances = [np.abs(x - plain).mean() for x in made]
    assert 0.01 < np.median(distances) < 0.1
    mean = np.mean(made, 0)
    assert np.abs((mean - plain).mean((0, 1))).max() < 0.02  # no tint
    wanted = cv2.GaussianBlur(plain, (0, 0), 1)

    def distance(down: int, across: int) -> float:
        moved = np.roll(mean, (down, across), (0, 1))
        return float(np.abs(moved - wanted)[2:-2, 2:-2].mean())

    assert all(distance(0, 0) < 0.8 * distance(*way) for way in ((0, 1), (0, -1), (1, 0), (-1, 0)))  # and no shift


def test_the_order_is_fixed_when_it_is_not_shuffled(picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    for name in ("random_kernel", "randomly_resized", "noisy", "jpeg"):
        real = getattr(degradations, name)
        monkeypatch.setattr(degradations, name, lambda *a, n=name, f=real: (seen.append(n), f(*a))[1])
    recipe = Recipe(first=Round(), second=Round(), once=0, shuffled=False, final_sinc=0)
    degrade(picture, 4, np.random.default_rng(0), recipe)
    first = ["random_kernel", "randomly_resized", "noisy"]
    assert seen == [*first, "jpeg", *first, "jpeg"]
    orders = set()
    for seed in range(12):
        seen.clear()
        degrade(picture, 4, np.random.default_rng(seed), Recipe(first=Round(), second=Round(), once=0, final_sinc=0))
        assert sorted(seen) == sorted([*first, "jpeg"] * 2)[: len(seen)]
        assert seen[-1] == "jpeg"
        orders.add(tuple(seen))
    assert len(orders) > 8


@pytest.mark.parametrize("seed", range(30))
def test_kernels_sum_to_one_and_are_centred(seed: int) -> None:
    kernel = random_kernel(Round(), np.random.default_rng(seed))
    size = kernel.shape[0]
    assert kernel.shape == (size, size)
    assert size % 2 == 1
    assert 7 <= size <= 21
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert np.allclose(kernel, kernel[::-1, ::-1], atol=1e-6)  # nothing is shifted


def test_a_gaussian_kernel_has_the_deviations_it_was_asked_for() -> None:
    kernel = gaussian_kernel(41, 3.0, 1.5, math.pi / 2).astype(float)
    y, x = np.mgrid[0:41, 0:41] - 20
    assert math.sqrt((kernel * y**2).sum()) == pytest.approx(3.0, rel=0.01)
    assert math.sqrt((kernel * x**2).sum()) == pytest.approx(1.5, rel=0.01)


def test_a_sinc_kernel_lets_pass_what_is_below_its_cutoff() -> None:
    cutoff = math.pi / 2
    kernel = sinc_kernel(101, cutoff)
    answer = np.abs(np.fft.fft2(kernel))[0]
    frequency = 2 * math.pi * np.arange(101) / 101
    assert np.all(np.abs(answer[frequency < 0.85 * cutoff] - 1) < 0.1)
    assert np.all(answer[(frequency > 1.15 * cutoff) & (frequency < math.pi)] < 0.1)


def test_bessel_agrees_with_scipy() -> None:
    special = pytest.importorskip("scipy.special")
    x = np.linspace(0, 59, 500)
    assert np.abs(degradations._bessel_j1(x) - special.j1(x)).max() < 1e-9


def test_blur_keeps_the_mean_and_takes_detail(picture: np.ndarray) -> None:
    out = blurred(picture, gaussian_kernel(21, 2.0))
    assert out.mean() == pytest.approx(picture.mean(), abs=2e-3)
    assert np.abs(np.diff(out, axis=1)).mean() < 0.6 * np.abs(np.diff(picture, axis=1)).mean()
    assert blurred(picture[..., :1], gaussian_kernel(7, 1.0)).shape == (128, 96, 1)


def test_resizing_stays_in_its_range(picture: np.ndarray) -> None:
    random = np.random.default_rng(0)
    heights = [randomly_resized(picture, Round(), random).shape[0] / 128 for _ in range(300)]
    assert 0.14 < min(heights) < 0.2
    assert 1.4 < max(heights) < 1.51
    assert 0.6 < np.mean(np.array(heights) < 1) < 0.8  # as often as the recipe says
    assert min(randomly_resized(picture[:8, :8], Round(), random).shape[:2]) == 8


def test_gaussian_noise_has_its_deviation_and_gray_noise_no_colour(picture: np.ndarray) -> None:
    noise = gaussian_noise((200, 200, 3), 0.1, np.random.default_rng(0))
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02
    gray = np.full((64, 64, 3), 0.5, np.float32)
    for gaussian in (0.0, 1.0):
        numbers = Round(gray_noise=1, gaussian=gaussian)
        out = noisy(gray, numbers, np.random.default_rng(1))
        assert np.ptp(out, axis=2).max() < 1e-6
        assert out.std() > 0
        coloured = noisy(picture, Round(gray_noise=0, gaussian=gaussian), np.random.default_rng(1)) - picture
        assert np.ptp(coloured, axis=2).max() > 0.01


def test_poisson_noise_grows_with_brightness() -> None:
    ramp = np.linspace(0.1, 0.9, 256, dtype=np.float32)[None, :, None].repeat(400, 0)
    noise = poisson_noise(ramp, np.random.default_rng(0))
    dark, bright = noise[:, :26].std(), noise[:, -26:].std()
    assert bright / dark == pytest.approx(math.sqrt(0.86 / 0.14), rel=0.1)
    assert abs(noise.mean()) < 1e-3


@pytest.mark.parametrize("sigma", [5, 25])
def test_camera_noise_has_the_deviation_asked_for(sigma: int) -> None:
    flat = np.full((128, 128, 3), 0.5, np.float32)
    deviations = []
    for seed in range(12):
        out = camera_noise(flat, sigma / 255, np.random.default_rng(seed))
        again = camera_noise(flat, sigma / 255, np.random.default_rng(seed))
        assert np.array_equal(out, again)
        deviations.append((out - flat).std() * 255)
        assert out.min() >= 0
        assert out.max() <= 1
    assert np.median(deviations) == pytest.approx(sigma, rel=0.25)  # JPEG takes some of it away
    assert max(deviations) == pytest.approx(sigma, rel=0.05)  # but no more comes in


def test_camera_noise_is_blotchy_and_stronger_where_it_is_bright() -> None:
    halves = np.full((128, 128, 3), 0.15, np.float32)
    halves[:, 64:] = 0.7
    ratios, neighbours = [], []
    for seed in range(24):
        noise = camera_noise(halves, 8 / 255, np.random.default_rng(seed)) - halves
        ratios.append(noise[:, 70:].std() / noise[:, :58].std())
        left = noise[:, :58, 1]
        neighbours.append(np.corrcoef(left[:, :-1].ravel(), left[:, 1:].ravel())[0, 1])
    assert np.mean(ratios) > 1.15
    assert np.mean(neighbours) > 0.15


def test_jpeg_keeps_channels_and_their_order(picture: np.ndarray) -> None:
    red = np.zeros((32, 32, 3), np.float32)
    red[..., 0] = 0.8
    assert np.abs(jpeg(red, 90) - red).max() < 0.03
    fine, coarse = (np.abs(jpeg(picture, quality) - picture).mean() for quality in (95, 20))
    assert fine < 0.5 * coarse
    assert jpeg(picture[..., :1], 50).shape == (128, 96, 1)


def test_bicubic_is_the_papers_reduction(astronaut: np.ndarray) -> None:
    flat = np.full((32, 48, 3), 77, np.uint8)
    assert np.array_equal(bicubic(flat, 4), np.full((8, 12, 3), 77))
    assert bicubic(astronaut[:32, :32, :1], 2).shape == (16, 16, 1)
    small = bicubic(astronaut, 4)
    assert small.mean() == pytest.approx(astronaut.mean(), abs=0.5)
    row = np.zeros((8, 64, 3), np.uint8)
    row[:, 32:] = 200
    edge = bicubic(row, 4)[0, :, 0].astype(int)  # antialiased over 4 pixels: a sharp edge with a little ringing
    assert list(edge[:5]) == [0] * 5
    assert edge[7] + edge[8] == pytest.approx(200, abs=2)
    assert edge.max() > 200


def test_luma_weighs_green_most() -> None:
    primaries = np.eye(3, dtype=np.float32)[None]
    assert luma(primaries)[0, :, 0] == pytest.approx([0.299, 0.587, 0.114])
    gray = np.random.default_rng(0).random((4, 5, 1), np.float32)
    assert luma(gray) is gray


@pytest.fixture
def face(astronaut: np.ndarray) -> np.ndarray:
    """(128, 128, 3) float32."""
    return cv2.resize(astronaut[:256, 96:352], (128, 128), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def test_a_degraded_face_is_the_same_for_the_same_generator(face: np.ndarray) -> None:
    given = face.copy()
    made = [degrade_face(face, 0.7, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert made[0][0].shape == face.shape
    assert made[0][0].dtype == np.uint8
    assert np.array_equal(made[0][0], made[1][0])
    assert not np.array_equal(made[0][0], made[2][0])
    assert np.array_equal(given, face)


def test_stronger_is_worse_but_still_the_same_face(face: np.ndarray) -> None:
    errors = []
    for strength in (0.0, 0.25, 0.5, 0.75, 1.0):
        rows = [degrade_face(face, strength, np.random.default_rng([7, seed])) for seed in range(60)]
        errors.append(np.median([np.abs(bad / 255 - clean).mean() for bad, clean in rows]))
        # What is to be repaired has the tone of what is given: on average, only noise and detail differ.
        shifts = [np.abs((bad / 255 - clean).mean((0, 1))).max() for bad, clean in rows]
        assert np.median(shifts) < 0.015
    assert errors[0] < 0.02
    assert all(a < b for a, b in itertools.pairwise(errors))
    assert errors[-1] < 0.12


def test_strength_means_the_same_at_every_side(astronaut: np.ndarray) -> None:
    """A face of 64 pixels loses what the reduced face of 128 loses: an eighth of 256 pixels is left of either."""
    errors = []
    for side in (64, 128):
        small = cv2.resize(astronaut[:256, 96:352], (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        rows = [degrade_face(small, 1.0, np.random.default_rng([9, seed])) for seed in range(60)]
        pairs = [[cv2.resize(x, (32, 32), interpolation=cv2.INTER_AREA) for x in (a / 255, b)] for a, b in rows]
        errors.append(np.median([np.abs(a - b).mean() for a, b in pairs]))
    assert errors[0] == pytest.approx(errors[1], rel=0.4)


def test_tones_are_as_many_and_gray_is_gray(face: np.ndarray) -> None:
    kinds = {"same": 0, "gray": 0, "faded": 0}
    for seed in range(300):
        toned = random_tone(0.8, np.random.default_rng(seed))(face)
        assert 0 <= toned.min() <= toned.max() <= 1
        if np.array_equal(toned, face):
            kinds["same"] += 1
        elif np.ptp(toned, axis=2).max() < 1e-6:
            kinds["gray"] += 1
            assert np.allclose(toned[..., :1], luma(face))
        else:
            kinds["faded"] += 1
            assert toned.std() < face.std()  # less contrast
            faded = random_tone(0.8, np.random.default_rng(seed))(np.full((1, 1, 3), 0.5, np.float32))[0, 0]
            assert faded[0] > faded[1] > faded[2]  # warmer
    assert 160 < kinds["same"] < 230
    assert 25 < kinds["gray"] < 70
    assert 35 < kinds["faded"] < 90


def test_a_shake_is_a_line(face: np.ndarray) -> None:
    kernel = shake_kernel(9, 0.0)
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    assert kernel[kernel.shape[0] // 2].sum() == pytest.approx(1, abs=1e-6)  # level
    assert np.count_nonzero(kernel) == 9
    assert np.allclose(shake_kernel(9, math.pi / 2), kernel.T, atol=1e-6)
    assert np.array_equal(kernel, kernel[::-1, ::-1])
    assert shake_kernel(0.5, 1.0).sum() == pytest.approx(1, abs=1e-6)
