"""Masks to learn filling with, drawn at random: brush strokes, blobs, scratches and boxes.

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


def damaged(picture: Floats, mask: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """What somebody brushes over: the picture (side, side, 3) with something else under the mask, and the brushed mask.

    The brush goes a little beyond the damage, and its edge may be soft.
    """
    junk = random.random(3, np.float32)
    out = np.where(mask[..., None] > 0, junk, picture)
    side = len(mask)
    reach = 2 * int(random.integers(0, 3)) + 1
    brushed = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
    if random.random() < 0.5:  # soft outside of what was brushed hard, so that all of the damage stays covered
        soft = cv2.GaussianBlur(brushed, (0, 0), side / 256 * random.uniform(0.5, 2.5))
        brushed = np.maximum(brushed, soft)
    return np.asarray(out, np.float32), np.asarray(brushed, np.float32)
