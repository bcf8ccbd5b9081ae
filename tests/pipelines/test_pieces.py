"""A clip done in pieces is the clip done at once: frames, times, sound and what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_clips import animation, interlaced, moving, sound_packets, video
from torch.nn.functional import interpolate

from editing import messages
from editing.clips import read
from editing.clips.read import Frame, read_frames, read_frames_since
from editing.errors import ImageError
from editing.options import ClipOptions, StylizeOptions, UpscaleOptions
from editing.pipelines import clips, stylize_clips, upscale_clips
from editing.pipelines.clips import ClipResult
from editing.pipelines.upscale import Upscaler
from editing.runtime import Backend

COUNT = 30


@pytest.fixture(autouse=True)
def _short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "PART_FRAMES", 7)


def twice(tensor: torch.Tensor) -> torch.Tensor:
    return interpolate(tensor, scale_factor=2, mode="nearest")


def enlarge(source: Path, target: Path, steady: float = 0.5, run: Callable[..., Any] = twice) -> ClipResult:
    network = Upscaler(
        name="fake", sha256="f" * 64, backend=Backend("cpu", "fp32"), scale=2, overlap=8, ramp=0, run=run
    )
    options = UpscaleOptions(model="anime-fast", scale=2, tile=128)
    return upscale_clips.upscale_clip(source, target, options, ClipOptions(steady=steady), network=network)


def look(source: Path, target: Path) -> list[tuple[int, int]]:
    with clips.in_pieces() as pieces:
        enlarge(source, target)
    return pieces.found


def do(source: Path, target: Path, piece: tuple[int, int]) -> None:
    with clips.in_pieces(piece):
        enlarge(source, target)


def frames_of(path: Path) -> list[Frame]:
    return list(read_frames(path, []))


def same(one: list[Frame], other: list[Frame]) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a.pixels, b.pixels) and (a.start, a.end) == (b.start, b.end)
        for a, b in zip(one, other, strict=True)
    )


def twins(count: int = COUNT) -> list[np.ndarray[Any, Any]]:
    """Frames of which some come twice, at the beginnings of pieces, with noise that is blended over time."""
    noise = np.random.default_rng(0)
    made = moving(count, 32, 48)
    noisy = [np.clip(frame + noise.normal(0, 4, frame.shape), 0, 255).astype(np.uint8) for frame in made]
    for number in range(7, count, 7):
        noisy[number] = noisy[number - 1]
    return noisy


def made(path: Path) -> Path:
    if path.stem == "combed":
        return interlaced(path, COUNT)
    if path.suffix in (".gif", ".webp"):
        return animation(path, twins(), [40] * COUNT)
    # Key frames far apart, and of H.264 frames that are shown before the one they were decoded after.
    codec, options = {
        ".mp4": ("libx264", {"g": "9", "bf": "3", "sc_threshold": "0"}),
        ".webm": ("libvpx-vp9", {"g": "9"}),
        ".avi": ("libx264", {"g": "9", "bf": "3", "b_strategy": "0"}),  # with the times of decoding alone
    }[path.suffix]
    return video(path, twins(), codec=codec, options=options, sound="aac" if path.suffix == ".mp4" else None)


@pytest.mark.parametrize(
    ("source", "suffix"),
    [("a.mp4", ".mp4"), ("a.mp4", ".apng"), ("a.webm", ".mp4"), ("a.webm", ".apng"), ("a.gif", ".mp4"),
     ("a.gif", ".apng"), ("combed.mp4", ".apng"), ("combed.mkv", ".apng"), ("a.avi", ".apng")],
)  # fmt: skip
def test_pieces_make_the_same_clip(tmp_path: Path, source: str, suffix: str) -> None:
    path, at_once, target = made(tmp_path / source), tmp_path / f"once{suffix}", tmp_path / f"big{suffix}"
    whole = enlarge(path, at_once)
    pieces = look(path, target)
    assert [first for first, _ in pieces] == list(range(0, whole.frames, 7))
    assert [last for _, last in pieces] == [*range(7, whole.frames, 7), whole.frames]
    for piece in reversed(pieces):
        do(path, target, piece)
    joined = enlarge(path, target, run=_never)
    for one, other in zip(frames_of(at_once), frames_of(target), strict=True):
        assert (one.start, one.end) == (other.start, other.end)
        difference = np.abs(one.pixels.astype(int) - other.pixels)
        # What H.264 is encoded to differs a little from run to run, of one machine, too.
        assert difference.mean() < 3 if suffix == ".mp4" else not difference.any()
    assert (joined.frames, joined.seconds, joined.recipe) == (whole.frames, whole.seconds, whole.recipe)
    assert [str(notice) for notice in joined.notices] == [str(notice) for notice in whole.notices]
    if (source, suffix) == ("a.mp4", ".mp4"):
        assert sound_packets(target) == sound_packets(path)
    assert not (tmp_path / f"{target.name}.parts").exists()


def _never(tensor: torch.Tensor) -> torch.Tensor:
    raise AssertionError("a frame was done again")


def test_what_is_missing_is_found_again_and_only_that(tmp_path: Path) -> None:
    path, target = made(tmp_path / "a.mp4"), tmp_path / "big.mp4"
    pieces = look(path, target)
    for piece in (pieces[0], pieces[3]):
        do(path, target, piece)
    assert look(path, target) == [pieces[1], pieces[2], pieces[4]]


def test_a_run_without_pieces_goes_on_after_those_that_are_done(tmp_path: Path) -> None:
    path, target = made(tmp_path / "a.mp4"), tmp_path / "big.apng"
    for piece in look(path, target)[:2]:
        do(path, target, piece)
    runs = []

    def counted(tensor: torch.Tensor) -> torch.Tensor:
        runs.append(1)
        return twice(tensor)

    enlarge(path, target, run=counted)
    assert len(runs) == len(range(14, COUNT)) - 2  # two come twice
    enlarge(path, tmp_path / "once.apng")
    assert same(frames_of(target), frames_of(tmp_path / "once.apng"))


def test_a_short_clip_is_done_at_once(tmp_path: Path) -> None:
    path, target = animation(tmp_path / "a.gif", twins(7)), tmp_path / "big.apng"
    with clips.in_pieces() as pieces:
        result = enlarge(path, target)
    assert pieces.found == []
    assert result.frames == len(frames_of(target)) == 7


def test_what_remembers_its_results_is_not_cut(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", moving(15, 16, 24), [40] * 15)
    options = StylizeOptions(style="great-wave")
    for steady, cut in ((0.5, False), (0, True)):
        with clips.in_pieces() as pieces:
            stylize_clips.stylize_clip(path, tmp_path / f"{steady}.gif", options, ClipOptions(steady=steady))
        assert bool(pieces.found) == cut


def test_lost_transparency_is_told_by_whoever_joins(tmp_path: Path) -> None:
    clear = [np.dstack([frame, np.full(frame.shape[:2], 90, np.uint8)]) for frame in twins(16)]
    path, target = animation(tmp_path / "a.webp", clear), tmp_path / "big.mp4"
    for piece in look(path, target):
        do(path, target, piece)
    assert messages.ALPHA_FLATTENED in [notice.text for notice in enlarge(path, target).notices]


def test_a_piece_of_another_clip_is_refused(tmp_path: Path) -> None:
    path, target = made(tmp_path / "a.mp4"), tmp_path / "big.mp4"
    piece = look(path, target)[1]
    video(path, moving(9))
    with pytest.raises(ImageError, match="another now"):
        do(path, target, piece)


@pytest.mark.parametrize("source", ["a.mp4", "a.webm", "a.gif", "combed.mp4", "combed.mkv", "a.avi"])
def test_frames_from_a_key_frame_are_the_same(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    path = made(tmp_path / source)
    every = frames_of(path)
    if path.stem == "combed":  # begin at a key frame hard before it, where the filter lacks what came before
        monkeypatch.setattr(read, "_AHEAD", 0)
    for number in (1, 8, 9, 10, 11, 17, 18, 19, 20, 25):
        found = list(read_frames_since(path, every[number].start))
        assert same(found[-len(every[number - 1 :]) :], every[number - 1 :])
    assert same(list(read_frames_since(path, every[3].start + every[3].start / 7)), every)  # none begins then


def test_a_long_clip_is_not_read_from_its_beginning(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", twins(90), options={"g": "9", "bf": "2"})
    since = frames_of(path)[80].start
    assert len(list(read_frames_since(path, since))) < 40
