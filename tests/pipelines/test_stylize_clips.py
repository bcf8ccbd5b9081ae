"""Repainting clips with a small random network: what is still stays still, and what a stopped run remembers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from made_clips import animation, mean_error

from editing import runtime
from editing.clips.read import probe_clip, read_frames
from editing.costs import Cost
from editing.errors import OptionError, Stopped
from editing.options import ClipOptions
from editing.pipelines import clips, stylize, stylize_clips
from editing.pipelines.stylize import LoadedStylizer
from pipelines.test_stylize import make, options, photo, psnr, soften


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedStylizer:
    """The stylizer small.safetensors in float32; what it costs isn't measured."""
    monkeypatch.setattr(runtime, "cores", lambda: 1)
    soften(monkeypatch)
    monkeypatch.setattr(LoadedStylizer, "cost", lambda self, wait=True: Cost(seconds=1e-6, bytes=1000.0))
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    make(tmp_path / "small.safetensors")
    return stylize.load("small.safetensors", "fp32")


def scene(count: int = 6, noise: float = 0, moving: bool = False) -> list[npt.NDArray[Any]]:
    """A still ground, grain of ``noise`` of 255, and perhaps a bright disc that wanders at the right."""
    random = np.random.default_rng(0)
    ground = photo(96, 192, noise=0).pixels.astype(float)
    down, across = np.mgrid[:96, :192]
    frames = []
    for number in range(count):
        frame = ground + random.normal(0, noise, ground.shape) if noise else ground.copy()
        if moving:
            frame[(down - 20 - 8 * number) ** 2 + (across - 170) ** 2 < 100] = 255
        frames.append(np.clip(frame, 0, 255).round().astype(np.uint8))
    return frames


def painted(
    network: LoadedStylizer,
    frames: list[npt.NDArray[Any]],
    folder: Path,
    steady: float,
    **more: Any,
) -> list[npt.NDArray[Any]]:
    path = animation(folder / "a.png", frames, loop=0)
    asked = options(style_scale=4, **more.pop("changes", {}))
    target = folder / f"out-{steady}.apng"
    stylize_clips.stylize_clip(path, target, asked, ClipOptions(steady=steady), network=network, **more)
    return [frame.pixels for frame in read_frames(target, [])]


def flicker(frames: list[npt.NDArray[Any]], part: slice = slice(None)) -> float:
    return float(np.mean([np.abs(a[:, part].astype(int) - b[:, part]).mean() for a, b in pairwise(frames)]))


def test_a_still_clip_stays_still(network: LoadedStylizer, tmp_path: Path) -> None:
    loose = painted(network, scene(noise=3), tmp_path, 0)
    held = painted(network, scene(noise=3), tmp_path, 0.5)
    assert flicker(held) < 0.1 * flicker(loose)
    assert psnr(held[0], loose[0]) > 40  # the same painting


def test_what_moves_is_painted_anew_and_the_rest_is_not(network: LoadedStylizer, tmp_path: Path) -> None:
    loose = painted(network, scene(moving=True), tmp_path, 0)
    held = painted(network, scene(moving=True), tmp_path, 0.5)
    still = slice(0, 96)
    assert flicker(loose, still) > 0  # the disc changes the whole picture's means
    assert flicker(held, still) == 0
    assert flicker(held, slice(150, 190)) > 0.5 * flicker(loose, slice(150, 190))


def test_another_scene_is_painted_as_if_it_came_first(network: LoadedStylizer, tmp_path: Path) -> None:
    other = [frame // 8 for frame in scene(2, moving=True)]
    cut = painted(network, scene(2, moving=True) + other, tmp_path, 0.5)
    alone = painted(network, other, tmp_path, 0.5)
    assert psnr(cut[2], alone[0]) > 35


def test_means_and_deviations_are_neared_slowly(network: LoadedStylizer) -> None:
    header = type("Header", (), {"width": 80, "height": 60})()
    painting = stylize_clips._Painting(header, options(style_scale=4), network, None, True)
    bright = photo(noise=0)
    dark = type(bright)(pixels=bright.pixels // 2 + 40)
    painting._measure(bright)
    first = [mean.clone() for mean, _ in painting.held]
    painting.count = stylize_clips.MEASURED_EVERY
    painting._measure(dark)
    there = stylize.measure(dark, options(style_scale=4), painting.code, network).statistics
    for before, (now, _), (goal, _) in zip(first, painting.held, there, strict=True):
        assert float((now - (before + stylize_clips.NEARED * (goal - before))).abs().max()) < 1e-5


def test_a_stopped_run_goes_on_with_the_same_frames(network: LoadedStylizer, tmp_path: Path) -> None:
    frames = scene(8, noise=2, moving=True)
    whole = painted(network, frames, tmp_path, 0.5)

    def stop(done: int, total: int, note: str = "") -> None:
        if done >= 5:
            raise Stopped("Stopped.")

    target = tmp_path / "out-0.5.apng"
    target.unlink()
    with pytest.raises(Stopped):
        painted(network, frames, tmp_path, 0.5, report=stop)
    assert probe_clip(clips.partial(target)).frames == 5
    for one, other in zip(painted(network, frames, tmp_path, 0.5), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_mask_strength_and_recipe(network: LoadedStylizer, tmp_path: Path) -> None:
    frames = scene(2, moving=True)
    mask = np.zeros((96, 192), np.float32)
    mask[:, 100:] = 1
    out = painted(network, frames, tmp_path, 0.5, mask=mask)
    assert mean_error(out[1][:, :90], frames[1][:, :90]) < 0.01  # beyond it to the last bit of 8
    assert mean_error(out[1][:, 110:], frames[1][:, 110:]) > 5
    plain = painted(network, frames, tmp_path, 0.5, changes={"strength": 0.0})
    assert mean_error(plain[1], frames[1]) < 0.01
    made = stylize_clips.recipe(options(), masked=True)
    assert (made["task"], made["options"]["steady"], made["masked"]) == ("stylize", 0.5, True)


def test_clips_are_not_painted_finely(network: LoadedStylizer, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="is not for clips"):
        painted(network, scene(2, moving=True), tmp_path, 0.5, changes={"optimise": 10})


def test_the_estimate_counts_frames(network: LoadedStylizer, tmp_path: Path) -> None:
    header = probe_clip(animation(tmp_path / "a.png", scene(4, moving=True), loop=0))
    one = stylize.estimate(192, 96, options())
    found = stylize_clips.estimate(header, options())
    assert found.seconds > 4 * one.seconds
    assert (found.width, found.height, found.tiles) == (192, 96, 4 * one.tiles)
