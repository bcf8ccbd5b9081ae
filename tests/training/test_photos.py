"""Whole pictures: decoded once, held out by name, cut the same way for the same seed."""

from __future__ import annotations

import os
import threading
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from editing.errors import OptionError, TrainingError
from editing.training import photos
from editing.training.photos import (
    PhotoTrainOptions,
    load_photos,
    load_sources,
    made_ahead,
    random_crop,
    read_photo,
    to_tensor,
    turned,
)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of 20 pictures, dark, one of them too small and one broken, and one of 3, bright."""
    dark, bright = tmp_path_factory.mktemp("dark"), tmp_path_factory.mktemp("bright")
    random = np.random.default_rng(0)
    for i in range(18):
        Image.fromarray(random.integers(0, 100, (40, 50 + i, 3), np.uint8)).save(dark / f"{i:02d}.png")
    Image.fromarray(random.integers(0, 100, (40, 20, 3), np.uint8)).save(dark / "small.png")
    (dark / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    for i in range(3):
        Image.fromarray(random.integers(150, 255, (64, 48, 3), np.uint8)).save(bright / f"{i}.png")
    return dark, bright


def test_pictures_are_whole_and_unusable_files_are_named(two: tuple[Path, Path], tmp_path: Path) -> None:
    found = load_photos(two[0], 32, tmp_path)
    assert len(found.arrays) == 18
    assert set(found.skipped) == {"small.png", "broken.png"}
    for name, array in zip(found.names, found.arrays, strict=True):
        assert np.array_equal(array, np.asarray(Image.open(two[0] / name)))
    again = load_photos(two[0], 32, tmp_path)
    assert again.names == found.names
    assert len(list(tmp_path.glob("*.raw"))) == 1
    assert len(load_photos(two[0], 16, tmp_path).arrays) == 19


def test_decoding_holds_one_picture_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    for i in range(100):
        Image.fromarray(noise).save(tmp_path / "many" / f"{i}.bmp")
    read_photo(tmp_path / "many" / "0.bmp")  # what is imported for it does not count
    tracemalloc.start()
    found = load_photos(tmp_path / "many", 16, tmp_path / "cache")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found.arrays[99], noise)
    assert most < 100 * noise.nbytes / 2


def test_no_picture_that_can_be_used_is_none(two: tuple[Path, Path], tmp_path: Path) -> None:
    found = load_photos(two[1], 100, tmp_path)
    assert found.arrays == ()
    assert len(found.skipped) == 3


def test_a_changed_folder_is_decoded_anew(two: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    Image.new("RGB", (40, 40), "red").save(folder / "a.png")
    red = load_photos(folder, 16, tmp_path / "cache")
    assert red.arrays[0][0, 0, 0] == 255
    Image.new("RGB", (40, 40), "black").save(folder / "a.png")
    os.utime(folder / "a.png", (1, 1))
    black = load_photos(folder, 16, tmp_path / "cache")
    assert black.arrays[0].max() == 0
    assert black.key != red.key  # and so is what is made from it


def test_reading_lays_over_white_repeats_gray_and_reduces_giants(tmp_path: Path) -> None:
    Image.new("RGBA", (10, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_photo(tmp_path / "clear.png") == 255).all()
    Image.new("L", (10, 8), 90).save(tmp_path / "gray.png")
    gray = read_photo(tmp_path / "gray.png")
    assert gray.shape == (8, 10, 3)
    assert (gray == 90).all()
    Image.new("RGB", (3000, 60), "blue").save(tmp_path / "wide.png")
    assert read_photo(tmp_path / "wide.png").shape == (20, 1024, 3)


def test_only_pictures_of_the_main_folder_are_held_out(two: tuple[Path, Path], tmp_path: Path) -> None:
    sources = load_sources(two[0], str(two[1]), held_out=2, share=0.5, smallest=32, cache=tmp_path)
    assert len(sources.main.names) == 16
    assert len(sources.held_out.names) == 2
    assert len(sources.also.names) == 3
    assert not set(sources.main.names) & set(sources.held_out.names)
    alone = load_sources(two[0], "", held_out=2, share=0.5, smallest=32, cache=tmp_path)
    assert alone.held_out.names == sources.held_out.names
    assert len(alone.pictures) == 16


def test_the_share_decides_between_the_folders(two: tuple[Path, Path], tmp_path: Path) -> None:
    for share in (0.0, 0.3, 1.0):
        sources = load_sources(two[0], str(two[1]), held_out=0, share=share, smallest=32, cache=tmp_path)
        random = np.random.default_rng(0)
        dark = np.mean([sources.crop(16, random).mean() < 120 for _ in range(400)])
        assert dark == pytest.approx(share, abs=0.07)
        picked = {sources.pick(random) for _ in range(2000)}
        assert picked == {0.0: set(range(18, 21)), 0.3: set(range(21)), 1.0: set(range(18))}[share]


def test_mistakes_are_explained(two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="is not a folder"):
        load_sources(tmp_path / "none", "", held_out=0, share=1, smallest=32, cache=tmp_path)
    with pytest.raises(TrainingError, match=r"has 3 usable pictures of 32 pixels or more a side \(0 files skipped\)"):
        load_sources(two[1], "", held_out=0, share=1, smallest=32, cache=tmp_path)
    with pytest.raises(TrainingError, match="--hold-out 5 of 18"):
        load_sources(two[0], "", held_out=5, share=1, smallest=32, cache=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="Can't write the decoded pictures"):
        load_photos(two[1], 32, tmp_path / "file")


def test_crops_reach_every_border_and_every_way(two: tuple[Path, Path]) -> None:
    picture = np.arange(6 * 7, dtype=np.uint8).reshape(6, 7, 1).repeat(3, 2)
    random = np.random.default_rng(0)
    crops = [random_crop(picture, 4, random) for _ in range(400)]
    assert {crop.shape for crop in crops} == {(4, 4, 3)}
    assert {int(value) for crop in crops for value in crop[..., 0].ravel()} == set(range(42))
    assert np.array_equal(turned(picture, 0), picture)
    ways = {turned(picture[:4, :4], way).tobytes() for way in range(8)}
    assert len(ways) == 8


def test_tensors_are_in_zero_to_one() -> None:
    array = np.array([0, 255, 51], np.uint8).reshape(1, 1, 1, 3)
    array.flags.writeable = False  # as pictures mapped from disk are
    assert torch.equal(to_tensor(array).flatten(), torch.tensor([0, 1, 0.2]))


def test_made_ahead_keeps_the_order_and_passes_errors_on() -> None:
    before = set(threading.enumerate())  # a failed training elsewhere may keep its own until it is collected
    assert list(made_ahead(lambda step: step * step, 3, 8)) == [9, 16, 25, 36, 49]
    assert list(made_ahead(lambda step: step, 5, 5)) == []

    def failing(step: int) -> int:
        if step == 2:
            raise TrainingError("no more")
        return step

    got = []
    with pytest.raises(TrainingError, match="no more"):
        got.extend(made_ahead(failing, 0, 5))
    stream = made_ahead(lambda step: step, 0, 100)
    assert next(stream) == 0
    stream.close()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("batches")]


def test_the_rate_rises_and_falls(tmp_path: Path) -> None:
    options = PhotoTrainOptions(data=tmp_path, out=tmp_path, steps=1000, lr=0.01, warmup=100)
    rates = [options.rate(step, step / 1000) for step in range(1000)]
    assert rates[0] < 0.02 * 0.01
    assert max(rates) == pytest.approx(0.01, rel=0.05)
    assert 90 <= int(np.argmax(rates)) <= 110
    assert rates[-1] < 1e-5 * 0.01
    assert all(a >= b for a, b in pairwise(rates[110:]))
    assert options.rate(5000, 1.0) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lr": float("nan")}, "--lr is nan"),
        ({"share": 1.5}, "--share is 1.5"),
        ({"channels": 1}, "--channels is 1, wanted 3"),
        ({"warmup": -1}, "--warmup is -1"),
    ],
)
def test_options_check_themselves(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        PhotoTrainOptions(data=tmp_path, out=tmp_path, **changes)  # type: ignore[arg-type]


def test_several_processes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(OptionError, match="one process"):
        photos.PhotoTrainOptions(data=tmp_path, out=tmp_path)
