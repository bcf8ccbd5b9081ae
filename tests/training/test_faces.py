"""Faces to learn from: a little wrongly aligned, spoiled as poor photographs are, in the tone of their truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from editing.training.faces import Portraits, few, jittered, random_tone, reduced, shaken, softened, some_of, spoiled
from editing.training.scans import Draw

CPU = torch.device("cpu")


@pytest.fixture
def faces(astronaut: np.ndarray) -> Tensor:
    face = torch.from_numpy(astronaut[:256, 96:352].copy()).permute(2, 0, 1)[None].float() / 255
    return reduced(face, 64).expand(16, -1, -1, -1).contiguous()


def test_a_face_is_aligned_a_little_wrong(faces: Tensor) -> None:
    draw = Draw(16, 0, CPU)
    made = jittered(faces, draw)
    assert made.shape == faces.shape
    assert 0 <= made.min() <= made.max() <= 1
    apart, mirrored = ((made - x).abs().mean((1, 2, 3)) for x in (faces, faces.flip(3)))
    assert 0.005 < torch.minimum(apart, mirrored).median() < 0.06
    assert 3 < int((mirrored < apart).sum()) < 13


def test_spoiled_faces_are_those_of_the_seed_in_the_tone_of_their_truth(faces: Tensor) -> None:
    poor, clean = spoiled(faces, Draw(16, 3, CPU))
    again, _ = spoiled(faces, Draw(16, 3, CPU))
    other, _ = spoiled(faces, Draw(16, 4, CPU))
    assert poor.shape == clean.shape == faces.shape
    assert torch.equal(poor, again)
    assert not torch.equal(poor, other)
    assert 0 <= poor.min() <= poor.max() <= 1
    assert ((poor - clean).abs().mean((1, 2, 3)) > 1e-3).all()
    assert ((poor - clean).mean((1, 2, 3)).abs() < 0.08).all()  # no other brightness
    gray = (clean.amax(1) - clean.amin(1)).amax((1, 2)) < 1e-5
    if gray.any():
        assert ((poor - poor.mean(1, keepdim=True)).mean((2, 3)).abs()[gray] < 0.02).all()


def test_tones_are_mostly_the_faces_own(faces: Tensor) -> None:
    draw = Draw(16, 1, CPU)
    kept = sum(int((random_tone(0.8, draw)(faces) == faces).flatten(1).all(1).sum()) for _ in range(10))
    assert 80 < kept < 130


def test_blurs_keep_the_mean_and_take_the_detail(faces: Tensor) -> None:
    sigma = torch.linspace(0.1, 4, 16)[:, None, None, None]
    soft = softened(faces, sigma, sigma, 12)
    assert torch.allclose(soft[0], faces[0], atol=1e-3)
    assert soft.var((1, 2, 3))[15] < 0.9 * faces.var((1, 2, 3))[15]
    assert torch.allclose(soft.mean((2, 3)), faces.mean((2, 3)), atol=0.03)
    along = shaken(faces[:1], 9.0, 0.0)
    level, upright = (along.diff(dim=dim).abs().mean() / faces.diff(dim=dim).abs().mean() for dim in (3, 2))
    assert level < 0.7 * upright


def test_shares_come_in_whole_parts() -> None:
    assert [some_of(16, 0.5, chance) for chance in (0.0, 0.9)] == [8, 8]
    assert {some_of(16, 0.4, chance) for chance in (0.0, 0.3, 0.5, 0.9)} == {4, 8}
    assert some_of(2, 1.0, 0.9) == 2


def test_further_folders_are_drawn_from_as_often_as_asked() -> None:
    array = torch.zeros(10, 8, 8, 3, dtype=torch.uint8)
    array[6:] = 255
    portraits = Portraits(array=array, main=6, share=0.25)
    drawn = portraits.drawn(Draw(400, 0, CPU)).mean((1, 2, 3))
    assert 0.15 < float((drawn == 0).float().mean()) < 0.35
    assert few(portraits, 3).array.shape == (3, 8, 8, 3)
