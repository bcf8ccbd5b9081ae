"""Damage found: tiles say what the whole would, the dial moves, masks are whole and clean."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from editing.costs import Cost
from editing.errors import EditingError, OptionError, Stopped, WeightError
from editing.networks.damage import DamageConfig, DamageFinder
from editing.options import DamageOptions
from editing.pictures.picture import Picture
from editing.pipelines import damage
from editing.pipelines.damage import Finder, find_damage, how_damaged, mask_of
from editing.runtime import Backend
from editing.training.loop import write_weights

CPU = Backend("cpu", "fp32")


def random_finder() -> Finder:
    """A tiny network that has learned nothing, with damage everywhere, more here and less there."""
    torch.manual_seed(0)
    config = DamageConfig(widths=(6, 8), blocks=1)
    network = DamageFinder(config)
    assert network.last.bias is not None
    with torch.no_grad():
        network.last.bias.zero_()
        network.last.weight.mul_(4)
    return Finder(name="random", sha256="0" * 64, backend=CPU, config=config, run=CPU.place(network))


def white_finder() -> Finder:
    """Surely damage is what is white; the brighter, the surer."""

    def run(x: Tensor) -> Tensor:
        return (x.mean(1, keepdim=True) - 0.8) * 50

    return Finder(name="white", sha256="1" * 64, backend=CPU, config=DamageConfig(widths=(8, 8)), run=run)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A weight as ``train damage`` writes it."""
    finder = random_finder()
    assert isinstance(finder.run, DamageFinder)
    path = tmp_path / "mine.safetensors"
    write_weights(path, finder.run.state_dict(), **finder.config.metadata())
    return path


def test_a_file_of_ones_own_is_loaded_once(file: Path) -> None:
    finder = damage.load(str(file), "fp32")
    assert damage.load(str(file), "fp32") is finder
    assert finder.config == random_finder().config
    picture = Picture(pixels=np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8))
    assert np.abs(how_damaged(picture, finder=finder) - how_damaged(picture, finder=random_finder())).max() < 0.01
    assert damage.recipe(DamageOptions(model=str(file)))["weights"][0]["sha256"] == finder.sha256


def test_a_file_that_does_not_fit_is_refused(file: Path) -> None:
    with safe_open(file, "pt") as opened:
        state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a dict
    write_weights(file, state, **DamageConfig(widths=(8, 16)).metadata())
    with pytest.raises(WeightError, match="don't fit together"):
        damage.load(str(file))
    with pytest.raises(WeightError, match="damage"):
        damage.load("photo")


def gray(height: int, width: int, channels: int = 3) -> npt.NDArray[np.uint8]:
    return np.full((height, width, channels), 90, np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (90, 70), (530, 1010)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_picture_works(size: tuple[int, int], channels: int, dtype: type) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, np.iinfo(dtype).max, (*size, channels)).astype(dtype)
    surely = how_damaged(Picture(pixels=pixels), finder=random_finder())
    assert surely.shape == size
    assert surely.dtype == np.float32
    assert 0 <= surely.min() <= surely.max() <= 1
    mask = find_damage(Picture(pixels=pixels), finder=random_finder())
    assert mask.shape == size


def test_tiles_say_what_the_whole_says(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    picture = Picture(pixels=random.integers(0, 256, (200, 333, 3)).astype(np.uint8))
    whole = how_damaged(picture, finder=random_finder())
    assert whole.std() > 0.02
    monkeypatch.setattr(damage, "_TILE", 32)
    reports: list[tuple[int, int]] = []
    tiled = how_damaged(
        picture, finder=random_finder(), report=lambda done, total, note="": reports.append((done, total))
    )
    assert np.abs(whole - tiled).max() < 1e-5
    assert reports[0] == (0, 77)
    assert reports[-1] == (77, 77)


def test_large_pictures_are_looked_at_reduced_as_well() -> None:
    """A network that only knows lines of two pixels finds a line of four in a large picture, and not in a small one."""

    def run(x: Tensor) -> Tensor:
        y = x.mean(1, keepdim=True)
        left, right = torch.roll(y, 3, -1), torch.roll(y, -3, -1)
        two = (y > 0.8) & (torch.roll(y, 2, -1) < 0.5) & (torch.roll(y, -2, -1) < 0.5) & (left < 0.5) & (right < 0.5)
        return two.float() * 12 - 6

    finder = replace(white_finder(), run=run)
    for height, width, found in ((300, 400, False), (300, 1600, True)):
        pixels = gray(height, width)
        pixels[:, 200:204] = 255
        surely = how_damaged(Picture(pixels=pixels), finder=finder)
        assert (surely[:, 200:204].min() > 0.7) == found
        assert surely[:, :190].max() < 0.1


def test_gray_and_colour_and_depths_agree() -> None:
    pixels = gray(80, 60, 1)
    pixels[20:24] = 255
    eight = how_damaged(Picture(pixels=pixels), finder=random_finder())
    colour = how_damaged(Picture(pixels=np.repeat(pixels, 3, 2)), finder=random_finder())
    sixteen = how_damaged(Picture(pixels=pixels.astype(np.uint16) * 257), finder=random_finder())
    assert np.abs(eight - colour).max() < 1e-6
    assert np.abs(eight - sixteen).max() < 1e-4


def test_a_white_scratch_becomes_the_mask() -> None:
    pixels = gray(100, 120)
    pixels[40:43, 10:110] = 255
    mask = find_damage(Picture(pixels=pixels), finder=white_finder())
    assert mask.dtype == np.float32
    assert (mask[40:43, 10:110] == 1).all()
    assert (mask[39, 12:108] == 1).all()  # it grew by a pixel
    assert not mask[:36].any()
    assert not mask[47:].any()
    assert not find_damage(Picture(pixels=gray(50, 50)), finder=white_finder()).any()


def test_a_scratch_that_is_faint_in_parts_stays_whole() -> None:
    surely = np.zeros((50, 200), np.float32)
    surely[10:12, 20:60], surely[10:12, 60:100], surely[10:12, 100:150] = 0.98, 0.9, 0.99
    surely[20:22, 20:60], surely[20:22, 60:100], surely[20:22, 100:150] = 0.98, 0.55, 0.9995  # fainter, beside surer
    surely[30:32, 20:60], surely[30:32, 60:100] = 0.55, 0.98  # as faint beside what is less sure
    surely[40:42, 20:100] = 0.9  # nothing beside it is sure
    mask = mask_of(surely, DamageOptions(grow=0))
    assert (mask[10:12, 20:150] == 1).all()
    assert (mask[20:22, 20:150] == 1).all()
    assert (mask[30:32, 60:100] == 1).all()
    assert mask.sum() == 2 * 260 + 80


def test_the_dial_moves_from_little_to_much() -> None:
    logits = np.linspace(-2, 10, 13)
    surely = np.repeat(1 / (1 + np.exp(-logits)), 2).astype(np.float32)[:, None].repeat(20, 1)
    surely[1::2] = 0  # every row by itself
    masks = [mask_of(surely, DamageOptions(sensitivity=s, grow=0)) for s in (0, 0.25, 0.5, 0.75, 1)]
    for less, more in pairwise(masks):
        assert (less <= more).all()
    rows = [int(mask.any(1).sum()) for mask in masks]
    assert rows == [5, 6, 8, 9, 11]


def test_specks_are_dropped() -> None:
    surely = np.zeros((40, 40), np.float32)
    surely[5, 5:8] = surely[20:22, 20:22] = 0.999
    mask = mask_of(surely, DamageOptions(grow=0))
    assert mask[20:22, 20:22].all()
    assert mask.sum() == 4
    assert mask_of(surely, DamageOptions(grow=0, smallest=0)).sum() == 7


def test_what_is_transparent_is_not_damaged() -> None:
    pixels, alpha = gray(40, 40), np.full((40, 40), 255, np.uint8)
    pixels[10:30, 10:30], alpha[:20] = 255, 0
    surely = how_damaged(Picture(pixels=pixels, alpha=alpha), finder=white_finder())
    assert not surely[:20].any()
    assert surely[20:30, 10:30].min() > 0.9


def test_a_stop_ends_it() -> None:
    def stop(done: int, total: int, note: str = "") -> None:
        if done:
            raise Stopped("stopped")

    with pytest.raises(Stopped):
        find_damage(Picture(pixels=gray(40, 40)), finder=white_finder(), report=stop)


def test_values_that_are_no_numbers_are_refused() -> None:
    finder = replace(white_finder(), run=lambda x: x.mean(1, keepdim=True) * float("nan"))
    with pytest.raises(EditingError, match="not numbers"):
        find_damage(Picture(pixels=gray(20, 20)), finder=finder)


def test_the_estimate_counts_all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "measured_cost", lambda *_, **__: Cost(seconds=1e-6, bytes=100))
    small = damage.estimate(500, 400, finder=random_finder())
    large = damage.estimate(4000, 3000, finder=random_finder())
    assert small.tiles == 1
    assert large.tiles == 12 + 4 + 1
    assert 1.25 * 12 < large.seconds < 3 * 12
    assert small.seconds == pytest.approx(0.2 + 0.03)
    assert large.memory > small.memory


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sensitivity": 2}, "Sensitivity is 2"),
        ({"smallest": -1}, "Smallest speck .* is -1"),
        ({"grow": 99}, "Grow .* is 99"),
    ],
)
def test_options_check_themselves(changes: dict[str, int], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        DamageOptions(**changes)  # type: ignore[arg-type]
