"""Drawn masks: every kind, the same for the same generator, of sensible area; damage stays under the brush."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from editing.faces.align import SIDE, TEMPLATE
from editing.training.holes import EYES, KINDS, MOUTH, brushed, draw_mask, draw_part, eye_mask


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=lambda kind: KINDS[kind].__name__)
@pytest.mark.parametrize("side", [32, 128])
def test_masks_are_drawn(kind: int, side: int) -> None:
    masks = [draw_mask(side, kind, np.random.default_rng([side, seed])) for seed in range(40)]
    assert all(mask.shape == (side, side) and mask.dtype == np.float32 for mask in masks)
    assert all(set(np.unique(mask)) == {0, 1} for mask in masks)
    assert np.array_equal(masks[3], draw_mask(side, kind, np.random.default_rng([side, 3])))
    assert len({mask.tobytes() for mask in masks}) > 30
    areas = [mask.mean() for mask in masks]
    assert 0.005 < np.median(areas) < 0.2
    assert max(areas) < 0.45


def test_boxes_are_boxes_and_scratches_are_thin() -> None:
    box = draw_mask(128, 3, np.random.default_rng(0))
    rows, columns = np.nonzero(box)
    assert box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
    scratch = draw_mask(128, 2, np.random.default_rng(0))
    assert cv2.erode(scratch, np.ones((5, 5))).mean() < 0.2 * scratch.mean()


def test_the_brush_goes_over_the_damage_and_a_little_beyond() -> None:
    soft = grown = 0
    for seed in range(30):
        random = np.random.default_rng([2, seed])
        mask = draw_mask(64, seed % len(KINDS), random)
        wide = brushed(mask, random)
        assert (wide[mask > 0] == 1).all()
        assert 0 <= wide.min() <= wide.max() <= 1
        soft += bool(((wide > 0.01) & (wide < 0.99)).any())
        grown += bool((wide[mask == 0] == 1).any())
    assert 5 < soft < 25
    assert 10 < grown < 30


def test_eyes_and_mouth_are_where_aligned_faces_have_them() -> None:
    assert np.allclose(EYES, TEMPLATE[:2] / SIDE, atol=1e-3)
    assert np.allclose(MOUTH, TEMPLATE[3:].mean(0) / SIDE, atol=1e-3)
    for which in (0, 1):
        rows, columns = np.nonzero(eye_mask(256, which))
        assert np.allclose([columns.mean(), rows.mean()], TEMPLATE[which] / 2, atol=1.5)
        assert 30 < np.ptp(columns) < 60  # an eye is about 30 pixels wide
        assert 20 < np.ptp(rows) < 40


def test_parts_of_a_face_are_masked_whole() -> None:
    eyes = mouths = 0
    for seed in range(60):
        mask = draw_part(128, np.random.default_rng([3, seed]))
        assert mask.shape == (128, 128)
        assert set(np.unique(mask)) == {0, 1}
        assert 0.01 < mask.mean() < 0.65
        at = [mask[round(128 * y), round(128 * x)] for x, y in (*EYES, MOUTH)]
        assert any(at)
        eyes += at[0] != at[1]
        mouths += bool(at[2])
    assert 25 < eyes < 55  # mostly one eye, and the other stays to be looked at
    assert 4 < mouths < 30
