"""Enlarging clips: every format, sound, times, alpha; stopping, going on, and what is said."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from filelock import FileLock
from made_clips import animation, beside, mean_error, moving, psnr, sound_packets, video
from torch.nn.functional import interpolate

from editing import messages
from editing.clips.read import ClipHeader, Frame, probe_clip, read_frames
from editing.clips.write import _LONGEST, CLIP_SUFFIXES, VIDEOS
from editing.errors import EditingError, ImageError, OptionError, Stopped
from editing.options import ClipOptions, UpscaleOptions
from editing.pictures.read import read_picture
from editing.pipelines import clips, upscale, upscale_clips
from editing.pipelines.clips import ClipResult
from editing.pipelines.upscale import Upscaler
from editing.runtime import Backend

ALL = CLIP_SUFFIXES


class Counted:
    """A network that repeats pixels, and counts the frames that it has seen."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        self.runs += 1
        return interpolate(tensor, scale_factor=4, mode="nearest")


def network(run: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Upscaler:
    return Upscaler(
        name="fake", sha256="f" * 64, backend=Backend("cpu", "fp32"), scale=4, overlap=8, ramp=0, run=run or Counted()
    )


def options(steady: float = 0, **changes: Any) -> tuple[UpscaleOptions, ClipOptions]:
    asked = UpscaleOptions(**{"model": "anime-fast", "scale": 2, "tile": 128, **changes})
    return asked, ClipOptions(steady=steady)


def enlarge(source: Path, target: Path, steady: float = 0, **changes: Any) -> ClipResult:
    return upscale_clips.upscale_clip(source, target, *options(steady, **changes), network=network())


def read(path: Path) -> list[Frame]:
    return list(read_frames(path, []))


def keys(result: ClipResult) -> list[str]:
    return [notice.text for notice in result.notices]


def stop_after(frames: int) -> Callable[..., None]:
    def report(done: int, total: int, note: str = "") -> None:
        if done >= frames:
            raise Stopped("Stopped.")

    return report


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- what comes out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize("source", ["a.mp4", "a.gif"])
def test_every_format_keeps_frames_times_and_size(tmp_path: Path, source: str, suffix: str) -> None:
    times = [0, 40, 80, 160, 200, 300]
    if source == "a.mp4":
        path = video(tmp_path / source, moving(5), times=times)
    else:
        path = animation(tmp_path / source, moving(5), list(np.diff(times)), loop=0)
    result = enlarge(path, tmp_path / f"big{suffix}")
    header = probe_clip(tmp_path / f"big{suffix}")
    frames = read(tmp_path / f"big{suffix}")
    assert (result.width, result.height, result.frames) == (header.width, header.height, len(frames)) == (128, 96, 5)
    assert [frame.start * 1000 for frame in frames] == times[:-1]
    assert frames[-1].end * 1000 == pytest.approx(300, abs=100 if suffix == ".webm" else 0)
    assert header.plays == 0
    lossy = 12 if ".gif" in (suffix, path.suffix) else 6
    for frame, wanted in zip(frames, moving(5), strict=True):
        assert mean_error(frame.pixels[::2, ::2], wanted) < lossy
        assert np.abs(frame.pixels.mean((0, 1)) - wanted.mean((0, 1))).max() < (4 if lossy == 12 else 1.5)
    assert left(tmp_path) == sorted([source, f"big{suffix}"])


def test_the_index_of_an_mp4_comes_first_and_its_colours_are_named(tmp_path: Path) -> None:
    enlarge(video(tmp_path / "a.mp4"), tmp_path / "big.mp4")
    data = (tmp_path / "big.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(tmp_path / "big.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert context.pix_fmt == "yuv420p"  # the one that all players know
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)


@pytest.mark.parametrize(("suffix", "size"), [(".mp4", (64, 48)), (".webm", (63, 47)), (".gif", (63, 47))])
def test_odd_sides(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    frames = moving(3, 47, 63)
    result = enlarge(animation(tmp_path / "a.png", frames), tmp_path / f"big{suffix}", scale=1)
    assert (result.width, result.height) == (63, 47)
    assert keys(result) == ([messages.CLIP_PADDED] if suffix == ".mp4" else [])
    out = read(tmp_path / f"big{suffix}")[1].pixels
    assert out.shape == (size[1], size[0], 3)
    assert mean_error(out[:47, :63], frames[1]) < 12
    if suffix == ".mp4":  # the last row and column once more, no black line
        assert mean_error(out[47, :63], frames[1][46]) < 8


def transparent() -> list[Any]:
    alpha = np.full((48, 64, 1), 255, np.uint8)
    alpha[:, :20] = 0
    return [np.concatenate([frame, alpha], 2) for frame in moving(3)]


@pytest.mark.parametrize("suffix", ALL)
def test_transparency(tmp_path: Path, suffix: str) -> None:
    result = enlarge(animation(tmp_path / "a.webp", transparent(), loop=0), tmp_path / f"big{suffix}", steady=0.5)
    frame = read(tmp_path / f"big{suffix}")[1]
    if suffix == ".mp4":
        assert keys(result) == [messages.ALPHA_FLATTENED]
        assert str(result.notices[0]).startswith("MP4 has no transparency")
        assert frame.alpha is None
        assert frame.pixels[:, :38].min() > 240
    else:
        assert not result.notices
        assert frame.alpha is not None
        assert frame.alpha[:, :38].max() < 20
        assert frame.alpha[:, 42:].min() > 235
    assert mean_error(frame.pixels[::2, 44::2], moving(3)[1][:, 22:]) < 12


def test_a_gray_clip_stays_gray(tmp_path: Path) -> None:
    gray = [np.repeat(frame[..., :1], 3, axis=2) for frame in moving(3)]
    tinted = network(lambda tensor: interpolate(tensor, scale_factor=4) * torch.tensor([1, 0.9, 0.8])[:, None, None])
    path = animation(tmp_path / "a.webp", gray)
    upscale_clips.upscale_clip(path, tmp_path / "b.apng", *options(0.5, color_lock=False), network=tinted)
    for frame in read(tmp_path / "b.apng"):
        assert np.ptp(frame.pixels.astype(int), axis=2).max() == 0


def test_how_often_a_picture_is_played_is_kept(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", loop=2)
    for suffix in (".gif", ".webp", ".apng"):
        enlarge(path, tmp_path / f"big{suffix}")
        assert probe_clip(tmp_path / f"big{suffix}").plays == 3
    enlarge(animation(tmp_path / "once.gif"), tmp_path / "one.gif")
    assert probe_clip(tmp_path / "one.gif").plays == 1


def test_a_gif_too_fast_for_players_leaves_frames_out(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(12), rate=60)
    result = enlarge(path, tmp_path / "big.gif")
    frames = read(tmp_path / "big.gif")
    assert keys(result) == [messages.CLIP_TOO_FAST]
    assert str(result.notices[0]) == (
        f"GIF shows at most 50 frames a second: {12 - len(frames)} frames in between were left out."
    )
    assert 8 <= len(frames) < 12
    assert min(frame.end - frame.start for frame in frames) >= Fraction(1, 50)
    assert frames[-1].end * 1000 == pytest.approx(200, abs=20)


def test_the_colours_of_a_gif_are_the_same_in_every_frame(tmp_path: Path) -> None:
    """A palette for each frame would make still areas flicker."""
    enlarge(animation(tmp_path / "a.png", moving(6), loop=0), tmp_path / "big.gif")
    frames = read(tmp_path / "big.gif")
    assert len(np.unique(np.concatenate([frame.pixels.reshape(-1, 3) for frame in frames]), axis=0)) <= 255


# ---- more than 8 bits ------------------------------------------------------------------------------------------------


def ten_bits(path: Path, count: int = 8) -> Path:
    return video(path, moving(count), pix_fmt="yuv420p10le", options={"bf": "2"})


def test_ten_bits_stay_ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "PART_FRAMES", 3)
    path, target = ten_bits(tmp_path / "a.mp4"), tmp_path / "big.mp4"
    with pytest.raises(Stopped):
        upscale_clips.upscale_clip(path, target, *options(0.5), network=network(), report=stop_after(4))
    result = enlarge(path, target, 0.5)
    assert keys(result) == [messages.CLIP_HEVC, messages.CLIP_RESUMED]
    with av.open(str(target)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.codec_tag, context.pix_fmt) == ("hevc", "hvc1", "yuv420p10le")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    frames, before = read(target), read(path)
    assert [(frame.start, frame.end) for frame in frames] == [(frame.start, frame.end) for frame in before]
    for frame, wanted in zip(frames, before, strict=True):
        assert frame.pixels.dtype == np.uint16
        assert mean_error(frame.pixels[::2, ::2] / 257, wanted.pixels / 257) < 3
    assert len(np.unique(frames[3].pixels[..., 2])) > 256


@pytest.mark.parametrize("suffix", [".webm", ".gif", ".apng"])
def test_what_holds_eight_bits_says_so(tmp_path: Path, suffix: str) -> None:
    result = enlarge(ten_bits(tmp_path / "a.mp4", 3), tmp_path / f"big{suffix}")
    depth = probe_clip(tmp_path / f"big{suffix}").depth
    encoder = av.Codec("libvpx-vp9", "w").video_formats or []
    assert depth == (10 if suffix == ".webm" and "yuv420p10le" in [known.name for known in encoder] else 8)
    assert keys(result) == ([] if depth == 10 else [messages.CLIP_DEPTH])
    for frame, wanted in zip(read(tmp_path / f"big{suffix}"), moving(3), strict=True):
        assert mean_error(frame.pixels[::2, ::2], wanted) < 12


def test_frames_too_small_for_it_are_of_eight_bits(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(2, 8, 12), pix_fmt="yuv420p10le")
    assert keys(enlarge(path, tmp_path / "big.mp4", scale=1)) == [messages.CLIP_DEPTH]
    assert probe_clip(tmp_path / "big.mp4").depth == 8


# ---- sound -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "codec", "sound", "target"),
    [("a.mp4", "libx264", "aac", "big.mp4"), ("a.webm", "libvpx-vp9", "libopus", "big.webm"),
     ("a.webm", "libvpx-vp9", "libopus", "big.mp4"), ("a.mkv", "libx264", "libmp3lame", "big.mp4"),
     ("a.ts", "libx264", "aac", "big.mp4")],
)  # fmt: skip
def test_sound_is_copied_as_it_is(tmp_path: Path, source: str, codec: str, sound: str, target: str) -> None:
    path = video(tmp_path / source, moving(20), codec=codec, sound=sound)
    result = enlarge(path, tmp_path / target)
    assert not result.notices
    before, after = sound_packets(path), sound_packets(tmp_path / target)
    if source == "a.ts":  # its packets have headers that an MP4 does not repeat
        before = [packet[7:] for packet in before]
    assert len(after) > 10
    assert after == before


def test_all_sound_tracks_are_copied(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(10), sound="aac", sound_tracks=2)
    enlarge(path, tmp_path / "big.mp4")
    for track in (0, 1):
        assert sound_packets(tmp_path / "big.mp4", track) == sound_packets(path, track)


def loudest(path: Path) -> tuple[float, float]:
    """Pitch in Hz of a clip's sound, and its length in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        wave = np.concatenate([frame.to_ndarray().reshape(-1) if frame.format.is_packed else frame.to_ndarray()[0]
                               for frame in container.decode(audio=0)])  # fmt: skip
        rate = stream.rate * (2 if stream.codec_context.format.is_packed else 1)
        spectrum = np.abs(np.fft.rfft(wave.astype(float)))
        return float(np.argmax(spectrum[5:]) + 5) * rate / len(wave), len(wave) / rate


@pytest.mark.parametrize(
    ("source", "sound", "target", "said"),
    [("a.mp4", "aac", "big.webm", "WebM does not hold aac sound: it was encoded anew as Opus."),
     ("a.avi", "pcm_s16le", "big.mp4", "MP4 does not hold pcm_s16le sound: it was encoded anew as AAC.")],
)  # fmt: skip
def test_sound_that_does_not_fit_is_encoded_anew(
    tmp_path: Path, source: str, sound: str, target: str, said: str
) -> None:
    path = video(tmp_path / source, moving(25), codec="mpeg4" if source == "a.avi" else "libx264", sound=sound)
    result = enlarge(path, tmp_path / target)
    assert [str(notice) for notice in result.notices] == [said]
    pitch, seconds = loudest(tmp_path / target)
    assert pitch == pytest.approx(440, abs=5)
    assert seconds == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
def test_pictures_have_no_sound_and_that_is_said(tmp_path: Path, suffix: str) -> None:
    result = enlarge(video(tmp_path / "a.mp4", sound="aac"), tmp_path / f"big{suffix}")
    assert keys(result) == [messages.SOUND_DROPPED]


def test_a_clip_without_sound_gets_none(tmp_path: Path) -> None:
    result = enlarge(video(tmp_path / "a.mp4"), tmp_path / "big.mp4")
    assert not result.notices
    with av.open(str(tmp_path / "big.mp4")) as container:
        assert not container.streams.audio


def test_what_begins_late_stays_in_step(tmp_path: Path) -> None:
    """An MPEG stream's times begin at 1.4 s or anywhere; pictures and sound have to move together."""
    path = video(tmp_path / "a.ts", moving(25), sound="aac")
    enlarge(path, tmp_path / "big.mp4")
    with av.open(str(path)) as before, av.open(str(tmp_path / "big.mp4")) as after:
        gaps = []
        for container in (before, after):
            first = {"video": None, "audio": None}
            for packet in container.demux():
                if packet.pts is not None and first[packet.stream.type] is None:
                    first[packet.stream.type] = float(packet.pts * packet.time_base)
            gaps.append(first["video"] - first["audio"])
        assert gaps[1] == pytest.approx(gaps[0], abs=0.002)
    assert float(read(tmp_path / "big.mp4")[0].start) < 0.1


# ---- subtitles, chapters, and what tracks are called -----------------------------------------------------------------

SRT = "1\n00:00:00,200 --> 00:00:00,600\nBonjour <i>toi</i>\n\n2\n00:00:01,000 --> 00:00:01,600\nDeux\nlignes\n\n"
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Alignment
Style: Default,Arial,20,&H00FFFFFF,0,0,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.20,0:00:00.60,Default,,0,0,0,,Bonjour {\\i1}toi{\\i0}
Dialogue: 0,0:00:01.00,0:00:01.60,Default,,0,0,0,,Deux\\Nlignes
"""


def with_tracks(folder: Path, name: str, text: str = SRT) -> Path:
    """Two seconds of pictures with two sound tracks, subtitles and chapters."""
    words = folder / ("a.ass" if text is ASS else "a.srt")
    words.write_text(text)
    plain = video(folder / f"plain-{name}", moving(50), sound="aac", sound_tracks=2)
    chapters = [(0, 1, "Un"), (1, 2, "Deux")]
    return beside(folder / name, plain, words, chapters=chapters)


def said_of(path: Path) -> list[tuple[str, str | None, str | None, int]]:
    """Kind, language, title of each track beside the pictures; whether it is the usual sound, or for the deaf."""
    with av.open(str(path)) as container:
        return [
            (stream.type, stream.metadata.get("language"), stream.metadata.get("title") or stream.metadata.get("name"),
             int(stream.disposition) & (1 if stream.type == "audio" else 0x80))
            for stream in (*container.streams.audio, *container.streams.subtitles)
        ]  # fmt: skip


def words_of(path: Path) -> list[tuple[float, float, str]]:
    """From when to when each subtitle is shown, and its text."""
    found = []
    with av.open(str(path)) as container:
        track = container.streams.subtitles[0]
        for packet in container.demux(track):
            for text in track.codec_context.decode(packet) if packet.size else ():
                start = float(packet.pts * packet.time_base)
                found.append((start, start + float(packet.duration * packet.time_base), text.dialogue.decode()))
    return found


def chapters_of(path: Path) -> list[tuple[float, float, str | None]]:
    with av.open(str(path)) as container:
        return [
            (float(chapter["start"] * chapter["time_base"]), float(chapter["end"] * chapter["time_base"]),
             chapter["metadata"].get("title"))
            for chapter in container.chapters()
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("suffix", "text", "codec"),
    [(".mp4", SRT, "mov_text"), (".mp4", ASS, "mov_text"), (".webm", SRT, "webvtt"), (".webm", ASS, "webvtt")],
)
def test_subtitles_chapters_and_names_of_tracks_are_kept(tmp_path: Path, suffix: str, text: str, codec: str) -> None:
    path, target = with_tracks(tmp_path, "a.mkv", text), tmp_path / f"big{suffix}"
    result = enlarge(path, target, scale=1)
    assert keys(result) == ([messages.SOUND_ENCODED] if suffix == ".webm" else [])
    assert said_of(target) == [
        ("audio", "deu", "Sound 1", 0), ("audio", "eng", "Sound 2", 1),
        ("subtitle", "fra", "Paroles", 0x80 if suffix == ".mp4" else 0),  # a WebM can't say it
    ]  # fmt: skip
    with av.open(str(target)) as container:
        assert container.streams.subtitles[0].codec_context.name == codec
    shown = words_of(target)
    assert [text.replace("{\\i1}", "").replace("{\\i0}", "") for _, _, text in shown] == ["Bonjour toi", "Deux\nlignes"]
    times = [time for start, end, _ in shown for time in (start, end)]
    assert times == pytest.approx([0.2, 0.6, 1, 1.6], abs=0.002)
    assert chapters_of(target) == [(0, 1, "Un"), (1, 2, "Deux")]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_containers_own_subtitles_are_copied(tmp_path: Path, suffix: str) -> None:
    enlarge(with_tracks(tmp_path, "a.mkv"), tmp_path / f"one{suffix}", scale=1)
    enlarge(tmp_path / f"one{suffix}", tmp_path / f"two{suffix}", scale=1)
    one, two = (tmp_path / f"{name}{suffix}" for name in ("one", "two"))
    assert words_of(two) == words_of(one)
    assert chapters_of(two) == chapters_of(one)
    assert said_of(two) == said_of(one)


def test_strip_leaves_the_titles_out(tmp_path: Path) -> None:
    path, target = with_tracks(tmp_path, "a.mkv"), tmp_path / "big.mp4"
    upscale_clips.upscale_clip(path, target, *options(scale=1), network=network(), strip=True)
    assert [(language, title) for _, language, title, _ in said_of(target)] == [
        ("deu", None), ("eng", None), ("fra", None)
    ]  # fmt: skip
    assert [(start, bool(title)) for start, _, title in chapters_of(target)] == [(0, False), (1, False)]
    data = target.read_bytes()
    assert not [word for word in (b"Sound 1", b"Paroles", b"Un\x00") if word in data]


def test_of_a_stopped_clip_subtitles_and_chapters_end_with_it(tmp_path: Path) -> None:
    path, target = with_tracks(tmp_path, "a.mkv"), tmp_path / "big.mp4"
    with pytest.raises(Stopped):
        upscale_clips.upscale_clip(path, target, *options(scale=1), network=network(), report=stop_after(10))
    part = clips.partial(target)
    assert [(start, pytest.approx(end, abs=0.01)) for start, end, _ in words_of(part)] == [(0.2, 0.4)]
    assert chapters_of(part) == [(0, 0.4, "Un")]


def test_subtitles_that_are_pictures_are_named_as_left_out(tmp_path: Path) -> None:
    """A Matroska file takes any packets for a DVD's: what is in them is not looked at."""
    plain = video(tmp_path / "plain.mkv", moving(10))
    with av.open(str(plain)) as source, av.open(str(tmp_path / "a.mkv"), "w") as output:
        kept = output.add_stream_from_template(source.streams.video[0])
        output.add_mux_stream("dvd_subtitle")
        for packet in source.demux():
            if packet.size:
                packet.stream = kept
                output.mux(packet)
    result = enlarge(tmp_path / "a.mkv", tmp_path / "big.mp4")
    assert [str(notice) for notice in result.notices] == [
        "Subtitle track 1 (dvdsub) is no text, and MP4 holds text alone: it was left out."
    ]
    assert keys(enlarge(tmp_path / "a.mkv", tmp_path / "big.gif")) == [messages.SUBTITLES_DROPPED]


def test_a_second_track_of_pictures_is_told(tmp_path: Path) -> None:
    plain = video(tmp_path / "plain.mkv", moving(10))
    with av.open(str(plain)) as source, av.open(str(tmp_path / "a.mkv"), "w") as output:
        kept = [output.add_stream_from_template(source.streams.video[0]) for _ in range(2)]
        for packet in source.demux():
            for track in kept if packet.size else ():
                packet.stream = track
                output.mux(packet)
    result = enlarge(tmp_path / "a.mkv", tmp_path / "big.mp4")
    assert keys(result) == [messages.MORE_PICTURES]
    assert result.frames == 10


# ---- metadata --------------------------------------------------------------------------------------------------------


def test_metadata_recipe_and_place(tmp_path: Path) -> None:
    kept = {"title": "Zoë 照片", "location": "+52.5-013.4/", "encoder": "x"}
    path = video(tmp_path / "a.mp4", metadata=kept)
    with av.open(str(path)) as container:
        assert "location" in container.metadata

    def made(name: str, **more: Any) -> dict[str, str]:
        upscale_clips.upscale_clip(path, tmp_path / name, *options(), network=network(), **more)
        with av.open(str(tmp_path / name)) as container:
            return dict(container.metadata)

    plain = made("b.mp4")
    assert plain["title"] == "Zoë 照片"
    assert "location" not in plain
    recipe = json.loads(plain["comment"])["atelier"]
    assert recipe == upscale_clips.recipe(*options())
    assert recipe["options"]["steady"] == 0
    assert made("c.mp4", keep_gps=True)["location"].startswith("+52.5")
    stripped = made("d.mp4", strip=True)
    assert not {"title", "comment", "location"} & set(stripped)
    enlarge(path, tmp_path / "e.webp")
    enlarged = read_picture(tmp_path / "e.webp")
    assert enlarged.recipe == recipe
    assert b"newscodes/digitalsourcetype/algorithmicallyEnhanced<" in (enlarged.xmp or b"")
    upscale_clips.upscale_clip(path, tmp_path / "f.webp", *options(), network=network(), strip=True)
    assert read_picture(tmp_path / "f.webp").xmp is None


# ---- frames ----------------------------------------------------------------------------------------------------------


def test_equal_frames_are_computed_once(tmp_path: Path) -> None:
    frames = [frame for frame in moving(3) for _ in range(3)]
    path = video(tmp_path / "a.mkv", frames, codec="ffv1", pix_fmt="bgr0", options={"crf": "0"})
    counted = Counted()
    upscale_clips.upscale_clip(path, tmp_path / "big.apng", *options(0.5), network=network(counted))
    assert counted.runs == 3
    out = read(tmp_path / "big.apng")
    assert len(out) == 9
    assert np.array_equal(out[3].pixels, out[5].pixels)
    assert mean_error(out[8].pixels[::2, ::2], frames[8]) < 2


def test_steady_calms_a_still_clip_and_spares_a_moving_one(tmp_path: Path, astronaut: Any) -> None:
    random = np.random.default_rng(0)
    clean = [astronaut[100:164, 200:296]] * 8
    noisy = [np.clip(frame + random.normal(0, 6, frame.shape), 0, 255).round().astype(np.uint8) for frame in clean]
    path = animation(tmp_path / "a.webp", noisy)
    flicker, errors = [], []
    for steady in (0, 1):
        enlarge(path, tmp_path / f"{steady}.apng", steady)
        out = [frame.pixels.astype(int) for frame in read(tmp_path / f"{steady}.apng")]
        flicker.append(np.mean([np.abs(a - b).mean() for a, b in pairwise(out[4:])]))
        errors.append(psnr(out[-1][::2, ::2], clean[-1]))
    assert flicker[1] < flicker[0] / 4
    assert errors[1] > errors[0] + 4
    path = animation(tmp_path / "b.webp", moving(8))
    enlarge(path, tmp_path / "b.apng", 1)
    for frame, wanted in zip(read(tmp_path / "b.apng"), moving(8), strict=True):
        assert psnr(frame.pixels[::2, ::2], wanted) > 36


def test_few_frames_are_held_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[Frame] = weakref.WeakSet()
    most = []
    whole = read_frames

    def watched(*arguments: Any) -> Any:
        for frame in whole(*arguments):
            alive.add(frame)
            gc.collect()
            most.append(len(alive))
            yield frame

    monkeypatch.setattr(clips, "read_frames", watched)
    enlarge(video(tmp_path / "a.mp4", moving(30)), tmp_path / "big.mp4")
    assert len(most) == 31  # the first is looked at before all others, too
    assert max(most) <= 4


def test_progress_counts_frames(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    upscale_clips.upscale_clip(
        video(tmp_path / "a.mp4", moving(3)), tmp_path / "big.mp4", *options(tile=32), network=network(),
        report=lambda done, total, note="": seen.append((done, total)),
    )  # fmt: skip
    assert seen[0] == (0, 3)
    assert seen[-1] == (3, 3)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {3}
    assert len(seen) > 12  # asked within each frame, too: two by two tiles


# ---- stopping and going on -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize("steady", [0, 0.5])
def test_stop_keeps_what_is_done_and_the_next_run_goes_on(tmp_path: Path, suffix: str, steady: float) -> None:
    path = video(tmp_path / "a.mp4", moving(12), sound="aac")
    asked = options(steady)
    whole, target = tmp_path / f"whole{suffix}", tmp_path / f"big{suffix}"
    upscale_clips.upscale_clip(path, whole, *asked, network=network())

    with pytest.raises(Stopped):
        upscale_clips.upscale_clip(path, target, *asked, network=network(), report=stop_after(5))
    assert not target.exists()
    part = clips.partial(target)
    assert part.name == f"big.partial{suffix}"
    assert len(read(part)) == 5
    assert float(read(part)[-1].end) == pytest.approx(0.2, abs=0.01)
    if suffix in VIDEOS:
        assert loudest(part)[1] == pytest.approx(0.2, abs=0.07)

    with pytest.raises(Stopped):  # once more, and in the middle of a frame
        upscale_clips.upscale_clip(path, target, *asked, network=network(), report=stop_after(8))
    assert len(read(part)) == 8

    counted = Counted()
    result = upscale_clips.upscale_clip(path, target, *asked, network=network(counted))
    assert counted.runs == 4
    assert keys(result)[0] == messages.CLIP_RESUMED
    assert str(result.notices[0]).startswith("An earlier run was interrupted after 8 frames")
    assert result.frames == 12
    assert left(tmp_path) == sorted(["a.mp4", whole.name, target.name])
    for frame, wanted in zip(read(target), read(whole), strict=True):
        assert (frame.start, frame.end) == (wanted.start, wanted.end)
        if suffix == ".apng":  # lossless: the frames are the very same
            assert np.array_equal(frame.pixels, wanted.pixels)
        else:
            assert psnr(frame.pixels, wanted.pixels) > 38
    if suffix in VIDEOS:
        assert sound_packets(target) == sound_packets(whole)


def test_stop_within_a_frame(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(3))
    calls = []

    def report(done: int, total: int, note: str = "") -> None:
        calls.append(done)
        if len(calls) == 4:  # some tile of the first frame
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        upscale_clips.upscale_clip(path, tmp_path / "big.mp4", *options(tile=32), network=network(), report=report)
    assert calls[-1] == 0
    assert left(tmp_path) == ["a.mp4"]  # nothing was done, nothing is left


def test_a_killed_run_goes_on_after_its_last_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "PART_FRAMES", 3)
    path = video(tmp_path / "a.mp4", moving(10))
    enlarge(path, tmp_path / "whole.apng", 0.5)

    class Killed(BaseException):
        pass

    def dying(tensor: torch.Tensor) -> torch.Tensor:
        if counted.runs == 8:
            raise Killed
        return counted(tensor)

    counted = Counted()
    with pytest.raises(Killed):
        upscale_clips.upscale_clip(path, tmp_path / "big.apng", *options(0.5), network=network(dying))
    assert not clips.partial(tmp_path / "big.apng").exists()
    counted = Counted()
    result = upscale_clips.upscale_clip(path, tmp_path / "big.apng", *options(0.5), network=network(counted))
    assert counted.runs == 4  # two parts of three were finished
    assert keys(result) == [messages.CLIP_RESUMED]
    for frame, wanted in zip(read(tmp_path / "big.apng"), read(tmp_path / "whole.apng"), strict=True):
        assert np.array_equal(frame.pixels, wanted.pixels)


@pytest.mark.parametrize("change", ["options", "input", "steady", "state", "part"])
def test_another_input_or_another_wish_begins_anew(tmp_path: Path, change: str) -> None:
    path, target = video(tmp_path / "a.mp4", moving(6)), tmp_path / "big.mp4"
    with pytest.raises(Stopped):
        upscale_clips.upscale_clip(path, target, *options(0.5), network=network(), report=stop_after(3))
    folder = tmp_path / "big.mp4.parts"
    wish = options(0.5)
    if change == "options":
        wish = options(0.5, strength=0.5)
    elif change == "steady":
        wish = options(0.4)
    elif change == "input":
        video(path, moving(6)[::-1])
    elif change == "state":
        (folder / "state.json").write_text('{"asked": ')
    else:
        (folder / "0.mp4").unlink()
    counted = Counted()
    result = upscale_clips.upscale_clip(path, target, *wish, network=network(counted))
    assert counted.runs == 6
    assert keys(result) == ([messages.CLIP_ANEW] if change in ("options", "input", "steady") else [])
    assert left(tmp_path) == ["a.mp4", "big.mp4"]


def test_an_error_keeps_what_is_done_too(tmp_path: Path) -> None:
    path, target = video(tmp_path / "a.mp4", moving(6)), tmp_path / "big.mp4"
    counted = Counted()

    def failing(tensor: torch.Tensor) -> torch.Tensor:
        return counted(tensor) * (float("nan") if counted.runs == 4 else 1)

    with pytest.raises(EditingError, match="not numbers"):
        upscale_clips.upscale_clip(path, target, *options(), network=network(failing))
    assert left(tmp_path) == ["a.mp4", "big.mp4.parts"]
    counted = Counted()
    result = upscale_clips.upscale_clip(path, target, *options(), network=network(Counted()))
    assert str(result.notices[0]).startswith("An earlier run was interrupted after 3 frames")


def test_two_runs_for_one_output(tmp_path: Path) -> None:
    (tmp_path / "big.mp4.parts").mkdir()
    with FileLock(tmp_path / "big.mp4.parts" / "lock"), pytest.raises(ImageError, match="Another run is making"):
        enlarge(video(tmp_path / "a.mp4", moving(2)), tmp_path / "big.mp4")


# ---- what can't be done ----------------------------------------------------------------------------------------------


def test_unknown_suffixes_folders_and_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video(tmp_path / "a.mp4", moving(2))
    with pytest.raises(OptionError, match=r"clips are saved as \.mp4, \.webm, \.webp, \.gif, \.apng"):
        enlarge(path, tmp_path / "big.png")
    with pytest.raises(ImageError, match="the folder 'none' does not exist"):
        enlarge(path, tmp_path / "none" / "big.mp4")
    monkeypatch.setitem(_LONGEST, ".mp4", 100)
    with pytest.raises(ImageError, match="128x96 pixels; MP4 allows 100 a side"):
        enlarge(path, tmp_path / "big.mp4")
    with pytest.raises(OptionError, match="Steady is 2"):
        options(2)
    assert left(tmp_path) == ["a.mp4"]


def test_what_is_no_clip(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("Nothing but words.\n" * 50)
    with pytest.raises(ImageError, match=r"'text\.mp4' is a text, not a clip"):
        enlarge(tmp_path / "text.mp4", tmp_path / "big.mp4")
    assert left(tmp_path) == ["text.mp4"]


def test_a_damaged_clip_is_done_as_far_as_it_goes(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(25), container={"movflags": "+faststart"}, options={"g": "5"}, sound="aac")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    result = enlarge(path, tmp_path / "big.mp4")
    assert messages.CLIP_DAMAGED in keys(result)
    assert 5 < result.frames < 25
    assert len(read(tmp_path / "big.mp4")) == result.frames


def test_where_it_cannot_be_written_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, target = video(tmp_path / "a.mp4", moving(3)), tmp_path / "big.mp4"
    target.write_bytes(b"old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ImageError, match=r"'big\.mp4' was not saved: No space left on device"):
        enlarge(path, target)
    assert target.read_bytes() == b"old"


def test_the_estimate_counts_frames() -> None:
    header = ClipHeader(
        animation=False, width=64, height=48, frames=100, tick=Fraction(1, 25), alpha=False
    )  # fmt: skip
    one = upscale.estimate(64, 48, options()[0])
    all_frames = upscale_clips.estimate(header, options()[0])
    assert all_frames.seconds > 100 * one.seconds
    assert all_frames.tiles == 100 * one.tiles
    assert (all_frames.width, all_frames.height) == (128, 96)
