"""Scans made of photographs and mattes: always the same for a seed, and the truth is where they were damaged."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from editing.training import scans
from editing.training.scans import Draw, Squares, jpeg, make_scans

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def squares() -> Squares:
    """Smooth photographs of 96 pixels, and mattes with a disc and with a thin line."""
    torch.manual_seed(0)
    photos = torch.nn.functional.interpolate(torch.rand(5, 3, 6, 6), size=96, mode="bicubic").clamp(0, 1)
    y, x = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
    disc, line = (y - 48) ** 2 + (x - 48) ** 2 < 300, (x - y).abs() < 2
    mattes = torch.stack([disc, line])[:, None]
    return Squares(
        photos=(photos * 255).byte(), mattes=mattes.byte() * 255, weights=torch.tensor([1.0, 2.0]),
        drawings=mattes[:1].byte() * 255,
    )  # fmt: skip


def test_sharp_parts_of_photographs_keep_their_pixels(squares: Squares, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "SHARP", 1.0)
    for row, part in enumerate(scans.photographs(squares.photos[:1], 32, Draw(6, 1, CPU))):
        kept = (part * 255 - (part * 255).round()).abs()
        assert kept.max() < 2e-2, row


def test_what_is_drawn_on_a_photograph_is_no_damage(squares: Squares, monkeypatch: pytest.MonkeyPatch) -> None:
    before = make_scans(squares, count=6, side=64, clean=1.0, seed=5)
    monkeypatch.setattr(scans, "LETTERED", 1.0)
    after = make_scans(squares, count=6, side=64, clean=1.0, seed=5)
    assert (before.picture - after.picture).abs().amax((1, 2, 3)).gt(0.05).sum() >= 3
    assert not after.damaged.any()
    assert after.counted.all()


def test_a_seed_makes_the_same_scans_again(squares: Squares) -> None:
    made, again, other = (make_scans(squares, count=4, side=64, clean=0.25, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(made.picture, again.picture)
    assert torch.equal(made.damaged, again.damaged)
    assert not torch.equal(made.picture, other.picture)


def test_scans_are_8_bit_pictures_and_the_first_are_clean(squares: Squares) -> None:
    made = make_scans(squares, count=16, side=64, clean=0.25, seed=0)
    assert made.picture.shape == (16, 3, 64, 64)
    assert 0 <= made.picture.min() < 0.2 < 0.8 < made.picture.max() <= 1
    assert torch.allclose(made.picture * 255, (made.picture * 255).round(), atol=1e-3)
    assert set(made.damaged.unique().tolist()) == set(made.counted.unique().tolist()) == {0.0, 1.0}
    assert (made.counted >= made.damaged).all()
    assert not made.damaged[:4].any()
    assert made.counted[:4].all()
    assert (made.damaged[4:].mean((1, 2, 3)) > 0).sum() >= 9
    assert 0.01 < made.damaged[4:].mean() < 0.5


@pytest.mark.parametrize("clean", [0.0, 1.0])
def test_one_picture_works_too(squares: Squares, clean: float) -> None:
    for seed in range(12):  # some of the steps have no picture to work on
        made = make_scans(squares, count=1, side=32, clean=clean, seed=seed)
        assert torch.isfinite(made.picture).all()


def test_the_truth_is_where_the_picture_changed(squares: Squares, monkeypatch: pytest.MonkeyPatch) -> None:
    """A black square on an even gray picture, with nothing else done to it."""
    monkeypatch.setattr(scans, "toned", lambda x, draw: torch.full_like(x, 0.5))
    monkeypatch.setattr(scans, "LETTERED", 0.0)
    for name in ("bordered", "grained_paper", "silk_paper"):
        monkeypatch.setattr(scans, name, lambda x, draw: x)
    monkeypatch.setattr(scans, "grainy", lambda x, draw: (x, torch.zeros(len(x), 1, 1, 1)))

    def black(x: torch.Tensor, squares: Squares, draw: Draw) -> torch.Tensor:
        x = x.clone()
        x[..., 20:40, 20:40] = 0
        x[..., 50:60, 20:40] = 0.5 - 7 / 255  # too faint to ask for, too strong to deny
        return x

    monkeypatch.setattr(scans, "damaged", black)
    made = make_scans(squares, count=6, side=64, clean=0.5, seed=1)
    assert not made.damaged[:3].any()
    core = made.damaged[3:]
    assert core[..., 22:38, 22:38].all()
    assert not core[..., :14, :].any()  # blur and sharpening carry it no farther than they reach
    assert not core[..., 45:, :].any()
    assert not made.counted[3:, :, 54:56, 26:34].any()
    assert made.counted[3:, :, 54:56, 50:].all()


def test_damage_hides_in_texture() -> None:
    even, rough = torch.full((1, 3, 20, 20), 0.5), torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    assert scans.texture(even).max() < 1e-3
    assert float(scans.texture(rough).mean()) == pytest.approx(float(scans.luma(rough).std()), rel=0.1)


def test_some_are_about_the_share() -> None:
    draw = Draw(10, 0, CPU)
    counts = []
    for _ in range(200):
        rows, part = draw.some(0.25)
        assert len(rows) == part.count == len(rows.unique())
        counts.append(part.count)
    assert set(counts) == {2, 3}
    assert np.mean(counts) == pytest.approx(2.5, abs=0.15)


def test_jpeg_is_near_pillows() -> None:
    """Blocks from the corner on, of a picture with edges and noise: as far from Pillow's as rounding makes it."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:64, 0:64]
    picture = np.stack([x * 3, y * 3, 255 * ((x - 30) ** 2 + (y - 30) ** 2 < 300)], 2) + random.normal(
        0, 6, (64, 64, 3)
    )
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    given = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    draw = Draw(1, 0, CPU)
    draw.host.randrange = lambda stop: 0  # type: ignore[method-assign, assignment, misc]
    for quality in (30, 75, 95):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        theirs = np.asarray(Image.open(file), np.float32)
        ours = jpeg(given, torch.tensor(float(quality)).reshape(1, 1, 1, 1), draw)[0].permute(1, 2, 0).numpy() * 255
        lost = np.abs(theirs - picture).mean()
        assert np.abs(ours - picture).mean() == pytest.approx(lost, rel=0.2)
        assert np.abs(ours - theirs).mean() < 0.6 * lost


def test_jpeg_of_best_quality_changes_little() -> None:
    small = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    x = torch.nn.functional.interpolate(small, size=40, mode="bicubic").clamp(0, 1)
    made = jpeg(x, torch.full((2, 1, 1, 1), 100.0), Draw(2, 5, CPU))
    assert made.shape == x.shape
    assert (made - x).abs().mean() < 0.025
