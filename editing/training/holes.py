"""Masks to learn filling with, drawn at random: brush strokes, blobs, scratches and boxes, and parts of aligned faces.

A mask is (side, side) float32, 1 where to fill and 0 elsewhere. Lengths are in parts of the side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from editing.training.degradations import Floats

Canvas = NDArray[np.uint8]


def draw_strokes(canvas: Canvas, random: np.random.Generator) -> None:
    """A brush that wanders, round at every turn."""
    side = len(canvas)
    place, angle = random.uniform(0.1, 0.9, 2) * side, random.uniform(0, 2 * math.pi)
    thickness = max(1, round(side * random.uniform(0.02, 0.12)))
    for _ in range(random.integers(2, 7)):
        angle += random.normal(0, 0.8)
        goal = place + side * random.uniform(0.05, 0.2) * np.array([math.cos(angle), math.sin(angle)])
        cv2.line(canvas, _pixel(place), _pixel(goal), 255, thickness)
        place = goal


def draw_blobs(canvas: Canvas, random: np.random.Generator) -> None:
    """Ellipses, some over one another."""
    side = len(canvas)
    centre = random.uniform(0.15, 0.85, 2)
    for _ in range(random.integers(1, 5)):
        axes = _pixel(side * random.uniform(0.02, 0.13, 2))
        place = _pixel(side * (centre + random.normal(0, 0.08, 2)))
        cv2.ellipse(canvas, place, axes, float(random.uniform(0, 180)), 0, 360, 255, -1)


def draw_scratches(canvas: Canvas, random: np.random.Generator) -> None:
    """Thin bent lines, most of them long, in about the same direction."""
    side, main = len(canvas), random.uniform(0, math.pi)
    for _ in range(random.integers(1, 6)):
        angle = main + random.normal(0, 0.2)
        way = np.array([math.cos(angle), math.sin(angle)]) * random.uniform(0.1, 0.7)
        middle, bend = random.uniform(0.1, 0.9, 2), random.normal(0, 0.04, 2)
        along = np.linspace(-1, 1, 12)[:, None]
        points = side * (middle + along * way + (1 - along**2) * bend)
        thickness = max(1, round(side * random.uniform(0.004, 0.016)))
        cv2.polylines(canvas, [np.rint(points).astype(np.int32)], False, 255, thickness)


def draw_box(canvas: Canvas, random: np.random.Generator) -> None:
    """A rectangle, up to 0.4 of the side."""
    side = len(canvas)
    half = random.uniform(0.05, 0.2, 2)
    middle = random.uniform(0.15, 0.85, 2)
    cv2.rectangle(canvas, _pixel(side * (middle - half)), _pixel(side * (middle + half)), 255, -1)


def _pixel(place: NDArray[np.float64]) -> tuple[int, int]:
    return round(place[0]), round(place[1])


KINDS: tuple[Callable[[Canvas, np.random.Generator], None], ...] = (
    draw_strokes, draw_blobs, draw_scratches, draw_box,
)  # fmt: skip


def draw_mask(side: int, kind: int, random: np.random.Generator) -> Floats:
    """A mask of one of :data:`KINDS`; something of it is always on the canvas."""
    canvas = np.zeros((side, side), np.uint8)
    while not canvas.any():
        KINDS[kind](canvas, random)
    return np.asarray(canvas > 0, np.float32)


# Where they are in an aligned face, (x, y) in parts of its side: those of editing.faces.align.TEMPLATE, whose module
# needs packages that a machine lent for training may lack.
EYES = np.array([[0.377, 0.469], [0.623, 0.469]])
MOUTH = np.array([0.502, 0.725])
# How often each part of a face is masked whole, of the masks that :func:`draw_part` draws.
_PARTS = {"eye": 0.62, "eyes": 0.12, "mouth": 0.13, "half": 0.13}


def draw_part(side: int, random: np.random.Generator) -> Floats:
    """A mask over a whole part of an aligned face: an eye, both, the mouth, or half of the face."""
    canvas = np.zeros((side, side), np.uint8)
    part = random.choice(list(_PARTS), p=list(_PARTS.values()))
    if part == "half":
        _cover_half(canvas, random)
    elif part == "mouth":
        _cover(canvas, MOUTH, random.uniform((0.11, 0.05), (0.17, 0.1)), random)
    else:
        places = EYES if part == "eyes" else EYES[random.integers(2)][None]
        radii = random.uniform((0.07, 0.045), (0.12, 0.1))
        for place in places:
            _cover(canvas, place, radii, random)
    return np.asarray(canvas > 0, np.float32)


def eye_mask(side: int, which: int) -> Floats:
    """A mask over the whole eye on the left (0) or on the right (1) of an aligned face, lids and lashes with it."""
    canvas = np.zeros((side, side), np.uint8)
    cv2.ellipse(canvas, _pixel(side * EYES[which]), _pixel(side * np.array([0.085, 0.06])), 0, 0, 360, 255, -1)
    return np.asarray(canvas > 0, np.float32)


def _cover(canvas: Canvas, place: NDArray[np.float64], radii: NDArray[np.float64], random: np.random.Generator) -> None:
    """An ellipse or a rectangle about a place, a little beside it and a little turned."""
    side = len(canvas)
    middle, angle = side * (place + random.normal(0, 0.012, 2)), float(random.normal(0, 10))
    if random.random() < 0.6:
        cv2.ellipse(canvas, _pixel(middle), _pixel(side * radii), angle, 0, 360, 255, -1)
    else:
        corners = cv2.boxPoints((tuple(middle), tuple(1.8 * side * radii), angle))
        cv2.fillPoly(canvas, [np.rint(corners).astype(np.int32)], 255)


def _cover_half(canvas: Canvas, random: np.random.Generator) -> None:
    """What is on one side of a line through the face, within an oval about the face or in all of the frame."""
    side = len(canvas)
    angle = random.choice((0, math.pi / 2, math.pi, -math.pi / 2)) + random.normal(0, 0.25)
    across = np.array([math.cos(angle), math.sin(angle)])
    start = np.array([0.5, 0.55]) + across * random.uniform(-0.03, 0.15)
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    half = (x - start[0]) * across[0] + (y - start[1]) * across[1] > 0
    if random.random() < 0.6:
        far = random.uniform(0.25, 0.42)
        half &= ((x - 0.5) / far) ** 2 + ((y - 0.55) / (1.2 * far)) ** 2 < 1
    canvas[half] = 255


def brushed(mask: Floats, random: np.random.Generator) -> Floats:
    """A mask as somebody brushes it: a little beyond the damage, perhaps with a soft edge."""
    side = len(mask)
    reach = 2 * int(random.integers(0, 3)) + 1
    wide = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
    if random.random() < 0.5:  # soft outside of what was brushed hard, so that all of the damage stays covered
        soft = cv2.GaussianBlur(wide, (0, 0), side / 256 * random.uniform(0.5, 2.5))
        wide = np.maximum(wide, soft)
    return np.asarray(wide, np.float32)
