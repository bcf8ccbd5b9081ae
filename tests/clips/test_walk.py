"""Clips: what is written comes back, in both formats, and nothing is left behind where writing fails."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from editing.clips import write
from editing.clips.read import read_frames
from editing.clips.write import WALK_SUFFIXES, write_walk
from editing.errors import ImageError, OptionError
from editing.pictures.picture import Pixels
from editing.pictures.read import read_picture

RECIPE = {"task": "walk", "options": {"seeds": [1, 2, 3], "name": "Zoë 照片"}}


def moving(count: int = 12, height: int = 48, width: int = 64, channels: int = 3) -> list[Pixels]:
    """A bright bar that wanders over a smooth ground."""
    down, across = np.mgrid[0:height, 0:width]
    ground = np.stack([down * 2, across, 150 - down], 2)[..., :channels]
    frames = []
    for number in range(count):
        bar = np.exp(-(((across - width * number / count) / 6) ** 2))[..., None] * 90
        frames.append(np.clip(ground + bar, 0, 255).astype(np.uint8))
    return frames


def read_webp(path: Path) -> tuple[list[Pixels], list[int], int]:
    """Frames, their milliseconds, and how often they are played (0: for ever)."""
    frames, durations = [], []
    with Image.open(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")))
            durations.append(int(image.info["duration"]))
        return frames, durations, int(image.info["loop"])


def read_mp4(path: Path) -> tuple[list[Pixels], float, dict[str, str]]:
    """Frames, frames a second, and texts."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"  # the one that all players know
        assert stream.average_rate is not None
        return frames, float(stream.average_rate), dict(container.metadata)


def test_webp_keeps_frames_times_loop_and_recipe(tmp_path: Path) -> None:
    frames = moving()
    write_walk(frames, tmp_path / "a.webp", fps=24, recipe=RECIPE)
    back, durations, loop = read_webp(tmp_path / "a.webp")
    assert len(back) == 12
    assert sum(durations) == 500  # 12 / 24 s, though a frame takes 41.7 ms
    assert set(durations) == {41, 42}
    assert loop == 0
    for frame, read in zip(frames, back, strict=True):
        assert np.abs(frame.astype(int) - read).mean() < 3
    whole = read_picture(tmp_path / "a.webp")
    assert whole.recipe == RECIPE
    assert b"newscodes/digitalsourcetype/trainedAlgorithmicMedia<" in (whole.xmp or b"")
    write_walk(frames, tmp_path / "once.webp", loop=False)
    assert read_webp(tmp_path / "once.webp")[2] == 1
    plain = read_picture(tmp_path / "once.webp")
    assert (plain.recipe, plain.xmp) == (None, None)


def test_mp4_keeps_frames_speed_and_recipe(tmp_path: Path) -> None:
    frames = moving()
    write_walk(frames, tmp_path / "a.mp4", fps=12.5, recipe=RECIPE)
    back, fps, texts = read_mp4(tmp_path / "a.mp4")
    assert len(back) == 12
    assert fps == 12.5
    for frame, read in zip(frames, back, strict=True):
        assert np.abs(frame.astype(int) - read).mean() < 4
        assert np.abs(frame.mean((0, 1)) - read.mean((0, 1))).max() < 4  # no colour drifts away
    assert json.loads(texts["comment"]) == {"atelier": RECIPE}


@pytest.mark.parametrize("suffix", WALK_SUFFIXES)
@pytest.mark.parametrize(("height", "width", "channels"), [(33, 47, 3), (28, 28, 1), (16, 16, 3)])
def test_odd_small_and_gray_clips(tmp_path: Path, suffix: str, height: int, width: int, channels: int) -> None:
    frames = moving(4, height, width, channels)
    path = tmp_path / f"clip{suffix}"
    write_walk(frames, path)
    back = read_webp(path)[0] if suffix == ".webp" else read_mp4(path)[0]
    even = suffix == ".mp4"
    assert back[0].shape == (height + height % 2 * even, width + width % 2 * even, 3)
    for frame, read in zip(frames, back, strict=True):
        assert np.abs(frame.astype(int) - read[:height, :width]).mean() < 6


@pytest.mark.parametrize("suffix", WALK_SUFFIXES)
def test_one_frame_is_a_clip_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    write_walk(moving(1), path)
    frames = list(read_frames(path, [])) if suffix == ".mp4" else [read_picture(path)]
    assert len(frames) == 1
    assert np.abs(moving(1)[0].astype(int) - frames[0].pixels).mean() < 4


@pytest.mark.parametrize(("name", "fps"), [("a.gif", 20), ("a", 20), ("a.png", 20), ("a.mp4", 0), ("a.mp4", math.nan),
                                           ("a.webp", 61), ("a.webp", -1), ("a.webp", math.inf)])  # fmt: skip
def test_other_suffixes_and_speeds_are_refused(tmp_path: Path, name: str, fps: float) -> None:
    suffix, speed = "'{}' has no known suffix; clips are saved as .webp, .mp4.", "{} frames a second were asked for"
    words = suffix.format(name) if fps == 20 else speed.format(fps)
    with pytest.raises(OptionError, match=re.escape(words)):
        write_walk(moving(2), tmp_path / name, fps=fps)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "frames",
    [[], [np.zeros((8, 8, 3), np.float32)], [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)]],
)
def test_frames_that_do_not_fit_together_are_a_bug_of_the_caller(tmp_path: Path, frames: Any) -> None:
    with pytest.raises(ValueError, match="frames must be"):
        write_walk(frames, tmp_path / "a.webp")


@pytest.mark.parametrize("suffix", WALK_SUFFIXES)
def test_where_it_cannot_be_written_the_old_file_stays(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImageError, match=rf"'a\{suffix}' was not saved: No such file or directory"):
        write_walk(moving(2), tmp_path / "none" / f"a{suffix}")
    old = tmp_path / f"old{suffix}"
    old.write_bytes(b"old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ImageError, match="No space left"):
        write_walk(moving(2), old)
    monkeypatch.undo()
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_without_an_encoder_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(write._CODECS, ".mp4", ("libx264-that-is-not-there", {}))
    with pytest.raises(ImageError, match=r"MP4 can't be written here .*that-is-not-there.* in another format"):
        write_walk(moving(2), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_a_large_mp4_keeps_its_colours(tmp_path: Path) -> None:
    """From 720 rows on players take the colours for BT.709, unless the file says otherwise."""
    red = np.empty((736, 64, 3), np.uint8)
    red[:] = (200, 40, 30)
    write_walk([red] * 2, tmp_path / "a.mp4")
    for frame in read_frames(tmp_path / "a.mp4", []):
        assert np.abs(frame.pixels.astype(int) - red).max() <= 3
