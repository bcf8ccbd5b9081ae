"""Drawn masks: every kind, the same for the same generator, of sensible area; damage stays under the brush."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from editing.training.holes import KINDS, damaged, draw_mask


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


def test_the_damage_is_under_the_mask() -> None:
    picture = np.random.default_rng(1).random((64, 64, 3), np.float32)
    soft = grown = 0
    for seed in range(30):
        random = np.random.default_rng([2, seed])
        mask = draw_mask(64, seed % len(KINDS), random)
        out, brushed = damaged(picture, mask, random)
        changed = np.abs(out - picture).max(2) > 0
        assert changed[mask > 0].mean() > 0.99  # another colour
        assert not changed[mask == 0].any()
        assert (brushed[mask > 0] == 1).all()
        assert 0 <= brushed.min() <= brushed.max() <= 1
        soft += bool(((brushed > 0.01) & (brushed < 0.99)).any())
        grown += bool((brushed[mask == 0] == 1).any())
    assert 5 < soft < 25
    assert 10 < grown < 30
