"""Folders of pictures: what is read, skipped, refused and kept; and batches that depend on nothing but the step."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from editing.errors import TrainingError
from editing.training import data
from editing.training.data import Pictures, batches, hold_out, load_folders, load_pictures, make_batch, read_square


def some(count: int = 20, size: int = 8) -> Pictures:
    array = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)
    return Pictures(array=array, names=tuple(map(str, range(count))), skipped=())


def test_a_folder_is_decoded_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = load_pictures(folder, 16, 3, tmp_path)
    assert pictures.array.shape == (24, 16, 16, 3)
    assert isinstance(pictures.array, np.memmap)
    assert pictures.names[:2] == ("00.png", "02.webp")
    assert "more/01.jpg" in pictures.names
    monkeypatch.setattr(data, "read_square", lambda *_: pytest.fail("decoded again"))
    again = load_pictures(folder, 16, 3, tmp_path)
    assert again.names == pictures.names
    assert np.array_equal(again.array, pictures.array)


def test_a_changed_folder_is_decoded_anew(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    before = load_pictures(copy, 16, 3, tmp_path / "cache")
    Image.new("RGB", (20, 20), "red").save(copy / "00.png")
    after = load_pictures(copy, 16, 3, tmp_path / "cache")
    assert (after.array[0] == (255, 0, 0)).all()
    assert not np.array_equal(before.array[0], after.array[0])
    assert load_pictures(copy, 16, 1, tmp_path / "cache").array.shape == (24, 16, 16, 1)


def test_broken_files_are_skipped_and_named(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "broken.png").write_bytes(b"not a picture")
    (copy / "empty.jpg").touch()
    whole = (copy / "06.png").read_bytes()
    (copy / "06.png").write_bytes(whole[: len(whole) // 2])
    (copy / "notes.txt").write_text("no picture", encoding="utf-8")
    pictures = load_pictures(copy, 16, 3, tmp_path / "cache")
    assert set(pictures.skipped) == {"broken.png", "empty.jpg", "06.png"}
    assert len(pictures.names) == len(pictures.array) == 23


def test_too_few_pictures_are_refused_with_the_count(tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for i in range(15):
        Image.new("L", (9, 9), i).save(few / f"{i}.png")
    (few / "broken.png").touch()
    with pytest.raises(TrainingError, match=r"15 readable pictures \(1 broken"):
        load_pictures(few, 16, 3, tmp_path / "cache")
    with pytest.raises(TrainingError, match="not a folder"):
        load_pictures(tmp_path / "nowhere", 16, 3, tmp_path / "cache")


def test_reading_is_upright_square_and_over_white(tmp_path: Path) -> None:
    wide = Image.new("RGB", (60, 20), "blue")
    wide.paste("red", (20, 0, 40, 20))
    wide.save(tmp_path / "wide.png")
    assert (read_square(tmp_path / "wide.png", 16, 3) == (255, 0, 0)).all()

    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.save(tmp_path / "clear.png")
    assert (read_square(tmp_path / "clear.png", 16, 3) == 255).all()
    assert read_square(tmp_path / "clear.png", 16, 1).shape == (16, 16, 1)

    turned = Image.new("L", (32, 32), 0)
    turned.paste(255, (0, 0, 32, 16))  # white on top, but the camera was held with its right side up
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    upright = read_square(tmp_path / "turned.png", 16, 1)[..., 0]
    assert upright[:, 10:].min() > 250
    assert upright[:, :6].max() < 5

    deep = Image.fromarray(np.full((20, 20), 65535, np.uint16))
    deep.save(tmp_path / "deep.png")
    assert read_square(tmp_path / "deep.png", 16, 3).min() == 255


def test_two_processes_may_decode_at_once(folder: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(load_pictures, folder, 16, 3, tmp_path) for _ in range(2)]
    first, second = (job.result() for job in jobs)
    assert np.array_equal(first.array, second.array)
    assert not list(tmp_path.glob("*.part"))


def test_a_cache_that_can_not_be_written_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    with pytest.raises(TrainingError, match="Can't write"):
        load_pictures(folder, 16, 3, tmp_path / "cache")


def test_held_out_pictures_are_chosen_by_name_alone() -> None:
    names = [f"{i}.png" for i in range(40)]
    training, held_out = hold_out(names, 10)
    assert sorted(training + held_out) == list(range(40))
    assert len(held_out) == 10
    kept = {names[i] for i in held_out}
    mixed = names[::-1]
    assert {mixed[i] for i in hold_out(mixed, 10)[1]} == kept
    fewer = sorted(kept) + [n for n in names if n not in kept][:20]
    assert {fewer[i] for i in hold_out(fewer, 10)[1]} == kept
    assert hold_out(names, 0) == (list(range(40)), [])
    with pytest.raises(TrainingError, match="--hold-out 25"):
        hold_out(names, 25)


def test_a_batch_is_a_function_of_its_step() -> None:
    pictures, training = some(), list(range(2, 20))
    first = make_batch(pictures, training, 5, 4, seed=1)
    make_batch(pictures, training, 90, 4, seed=2)
    again = make_batch(pictures, training, 5, 4, seed=1)
    assert torch.equal(first.pictures, again.pictures)
    assert torch.equal(first.index, again.index)
    assert not torch.equal(first.pictures, make_batch(pictures, training, 6, 4, seed=1).pictures)
    for picture, index, mirrored in zip(first.pictures, first.index, first.mirrored, strict=True):
        source = pictures.subset([training[int(index)]])[0]
        assert torch.equal(picture, source.flip(2) if mirrored else source)


def test_a_batch_made_where_the_pictures_are_is_the_same() -> None:
    pictures, training = some(), list(range(2, 20))
    placed = torch.tensor(pictures.array)
    usual, there = (make_batch(pictures, training, 5, 8, seed=1, placed=p) for p in (None, placed))
    assert there.mirrored.any()
    assert not there.mirrored.all()
    for name in ("pictures", "index", "mirrored"):
        assert torch.equal(getattr(usual, name), getattr(there, name))


def test_further_folders_follow_the_first(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other / "deep")
    alone = load_pictures(folder, 16, 3, tmp_path / "cache")
    both = load_folders(folder, f"{other}{os.pathsep}", 16, 3, tmp_path / "cache")
    assert both.names == (*alone.names, *(f"deep/{name}" for name in alone.names))
    assert np.array_equal(both.array, np.concatenate([alone.array, alone.array]))
    assert load_folders(folder, "", 16, 3, tmp_path / "cache").names == alone.names


def test_an_epoch_shows_every_picture_once_over_all_processes() -> None:
    pictures, training = some(), list(range(18))
    for epoch in range(2):
        seen = [
            int(i)
            for step in range(3)
            for rank in range(2)
            for i in make_batch(pictures, training, 3 * epoch + step, 3, seed=4, rank=rank, world=2).index
        ]
        assert sorted(seen) == training


def test_batches_come_in_order_and_their_errors_arrive() -> None:
    pictures, training = some(), list(range(20))
    stream = list(batches(pictures, training, batch=4, seed=0, first=3, steps=9))
    assert [b.step for b in stream] == list(range(3, 9))
    assert torch.equal(stream[0].pictures, make_batch(pictures, training, 3, 4, seed=0).pictures)
    with pytest.raises(IndexError):
        list(batches(pictures, [99] * 20, batch=4, seed=0, first=0, steps=2))


def test_leaving_batches_early_ends_their_thread() -> None:
    stream = batches(some(), list(range(20)), batch=4, seed=0, first=0, steps=10**6)
    next(stream)
    stream.close()
    assert not [t for t in data.threading.enumerate() if t.name == "batches"]
