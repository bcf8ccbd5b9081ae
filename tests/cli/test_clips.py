"""``python -m editing upscale`` with clips: what it writes and says, and that Ctrl-C keeps what is done."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest
from made_clips import animation, moving, video
from PIL import Image

from editing.__main__ import main
from editing.clips.read import is_clip, probe_clip
from editing.pictures.read import probe_picture, read_picture
from editing.pipelines import upscale, upscale_clips

FAST = ["--model", "anime-fast", "--scale", "2"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A video, a GIF, a WebM and a text called .mp4, and the folder as the current one."""
    video(tmp_path / "film.mp4", moving(4, 32, 40), sound="aac")
    video(tmp_path / "web.webm", moving(2, 32, 40), codec="libvpx-vp9")
    animation(tmp_path / "cat.gif", moving(3, 32, 40), loop=0)
    (tmp_path / "text.mp4").write_text("Nothing but words.\n" * 50)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_clip_to_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "film.mp4", "-o", "big.mp4", *FAST]) == 0
    said = capsys.readouterr()
    assert said.out == "big.mp4  80x64  4 frames  0.16 s\n"
    assert not said.err.strip()
    assert probe_clip("big.mp4").sound
    assert main(["upscale", "film.mp4", "-o", "big.webm", "--steady", "0", *FAST]) == 0
    assert "film.mp4: WebM does not hold aac sound" in capsys.readouterr().err


def test_clips_and_pictures_to_a_folder_each_as_its_kind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(moving(1)[0]).save("photo.png")
    inputs = ["film.mp4", "text.mp4", "cat.gif", "photo.png", "web.webm"]
    assert main(["upscale", *inputs, "-o", "out", *FAST]) == 1
    said = capsys.readouterr()
    names = [f"{name}-anime-fast-x2{suffix}" for name, suffix in
             (("cat", ".gif"), ("film", ".mp4"), ("photo", ".png"), ("web", ".webm"))]  # fmt: skip
    assert sorted(path.name for path in (folder / "out").iterdir()) == names
    assert len(said.out.splitlines()) == 4
    assert re.match(r"editing: 'text\.mp4' is a text, not a clip", said.err)
    assert probe_clip(folder / "out" / names[0]).frames == 3


@pytest.mark.parametrize(("given", "clips", "stills"), [("webp", 3, 0), ("png", 0, 1)])
def test_the_format_that_was_asked_for(
    folder: Path, given: str, clips: int, stills: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GIF as PNG is its first frame, as it was before there were clips; a video has no place there."""
    code = main(["upscale", "film.mp4", "cat.gif", "web.webm", "-o", "out", "--format", given, *FAST])
    assert code == (1 if stills else 0)
    made = [path for path in (folder / "out").iterdir() if path.is_file()]
    assert sum(is_clip(path) for path in made) == clips
    if stills:
        assert "clips are saved as .mp4" in capsys.readouterr().err


def test_a_gif_to_a_png_is_its_first_frame(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "cat.gif", "-o", "cat.png", *FAST]) == 0
    assert probe_picture("cat.png").frames == 1
    assert "The first of 3 frames" in capsys.readouterr().err


def test_options_reach_the_pipeline(folder: Path) -> None:
    assert main(["upscale", "film.mp4", "-o", "a.webp", "--steady", "0.2", "--strength", "0.5", *FAST]) == 0
    recipe = read_picture("a.webp").recipe
    assert recipe is not None
    assert (recipe["options"]["steady"], recipe["options"]["strength"]) == (0.2, 0.5)
    assert main(["upscale", "film.mp4", "-o", "b.webp", "--strip", *FAST]) == 0
    assert read_picture("b.webp").recipe is None


def test_wrong_options_are_told_before_anything_is_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upscale", "film.mp4", "-o", "out", "--steady", "2", *FAST]) == 2
    assert "Steady is 2" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_control_c_keeps_what_is_done_and_the_same_command_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = upscale.upscale, []

    def interrupted(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return whole(*arguments, **named)

    monkeypatch.setattr(upscale_clips.upscale, "upscale", interrupted)
    before = signal.getsignal(signal.SIGINT)
    assert main(["upscale", "film.mp4", "cat.gif", "-o", "out", *FAST]) == 1
    assert signal.getsignal(signal.SIGINT) is before
    said = capsys.readouterr()
    part = folder / "out" / "film-anime-fast-x2.partial.mp4"
    assert f"{Path('out') / part.name}' holds what is done, and the same command goes on" in said.err
    assert probe_clip(part).frames == 2
    assert not said.out  # the second input was not begun

    assert main(["upscale", "film.mp4", "cat.gif", "-o", "out", *FAST]) == 0
    assert len(calls) == 3 + 2 + 3
    said = capsys.readouterr()
    assert "film.mp4: An earlier run was interrupted after 2 frames" in said.err
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "cat-anime-fast-x2.gif",
        "film-anime-fast-x2.mp4",
    ]
