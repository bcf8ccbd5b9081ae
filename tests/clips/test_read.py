"""Reading clips: what is in them, upright and in time, and what is said of those that are odd or damaged."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from made_clips import animation, interlaced, mean_error, moving, video
from PIL import Image

from editing import messages
from editing.clips.read import Frame, check_clip, frame_limit, is_clip, is_video, probe_clip, read_frames
from editing.errors import ImageError, OptionError
from editing.messages import Message
from editing.pictures.read import read_picture


def read(path: Path) -> tuple[list[Frame], list[str]]:
    notices: list[Message] = []
    frames = list(read_frames(path, notices))
    return frames, [notice.text for notice in notices]


def rgba(count: int = 4) -> list[Any]:
    """Frames whose left part is transparent, a little more in each."""
    frames = []
    for number, frame in enumerate(moving(count)):
        alpha = np.full(frame.shape[:2], 255, np.uint8)
        alpha[:, : 10 + 4 * number] = 0
        frames.append(np.concatenate([frame, alpha[..., None]], 2))
    return frames


# ---- videos ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.webm", "libvpx-vp9"), ("a.mkv", "libx264"), ("a.ts", "libx264"),
     ("a.avi", "mpeg4"), ("a.wmv", "wmv2"), ("a.mxf", "mpeg2video"), ("a.mts", "libx264"), ("a.3gp", "mpeg4"),
     ("a.mpg", "mpeg2video"), ("a.flv", "libx264")],
)  # fmt: skip
def test_a_video_is_read_frame_by_frame(tmp_path: Path, name: str, codec: str) -> None:
    path = video(tmp_path / name, codec=codec)
    assert is_clip(path)
    assert is_video(path)
    header = probe_clip(path)
    assert (header.width, header.height, header.frames) == (64, 48, 8)
    assert not header.animation
    assert not header.alpha
    assert not header.sound
    frames, said = read(path)
    assert not said
    assert [float(frame.start) for frame in frames] == pytest.approx([number / 25 for number in range(8)], abs=0.001)
    assert float(frames[-1].end) == pytest.approx(8 / 25, abs=0.001)
    for frame, wanted in zip(frames, moving(), strict=True):
        assert frame.pixels.dtype == np.uint8
        assert frame.alpha is None
        assert mean_error(frame.pixels, wanted) < (4 if codec.startswith("lib") else 8)
        # No darkening by a level, as FFmpeg's fast conversion has it.
        assert np.abs(frame.pixels.mean((0, 1)) - wanted.mean((0, 1))).max() < (0.8 if codec.startswith("lib") else 8)


def test_a_dv_tape_is_read(tmp_path: Path) -> None:
    """PAL, the bottom field first: each frame is made progressive."""
    path = video(tmp_path / "a.dv", moving(3, 576, 720), codec="dvvideo", sample_aspect_ratio=Fraction(16, 15))
    assert is_clip(path)
    header = probe_clip(path)
    assert (header.width, header.height, header.frames) == (768, 576, 3)
    frames, said = read(path)
    assert said == [messages.CLIP_DEINTERLACED]
    assert [frame.start for frame in frames] == [Fraction(number, 25) for number in range(3)]
    assert mean_error(frames[1].pixels[:, ::2], moving(3, 576, 768)[1][:, ::2]) < 30


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    ("turn", "wanted"),
    [
        (matrix(0, 1, -1, 0), lambda array: np.rot90(array, -1)),  # a phone held upright: clockwise
        (matrix(-1, 0, 0, -1), lambda array: np.rot90(array, 2)),
        (matrix(0, -1, 1, 0), lambda array: np.rot90(array)),
        (matrix(-1, 0, 0, 1), lambda array: array[:, ::-1]),  # a mirror
    ],
)
def test_the_display_matrix_is_applied(tmp_path: Path, turn: bytes, wanted: Any) -> None:
    plain = video(tmp_path / "plain.mp4", moving(3))
    data = plain.read_bytes()
    place = data.index(matrix(1, 0, 0, 1), data.index(b"tkhd"))
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(data[:place] + turn + data[place + 36 :])
    upright = wanted(read(plain)[0][0].pixels)
    header = probe_clip(turned)
    assert (header.height, header.width) == upright.shape[:2]
    assert np.array_equal(read(turned)[0][0].pixels, upright)


def test_frames_keep_their_own_times(tmp_path: Path) -> None:
    times = [0, 40, 50, 130, 131, 400, 480]
    frames, _ = read(video(tmp_path / "a.mp4", moving(6), times=times))
    assert [frame.start for frame in frames] == [Fraction(time, 1000) for time in times[:-1]]
    assert [frame.end for frame in frames[:-1]] == [Fraction(time, 1000) for time in times[1:-1]]


def test_pixels_that_are_not_square_become_so(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(2), sample_aspect_ratio=Fraction(3, 2))
    assert (probe_clip(path).width, probe_clip(path).height) == (96, 48)
    assert read(path)[0][1].pixels.shape == (48, 96, 3)
    tall = video(tmp_path / "b.mp4", moving(2), sample_aspect_ratio=Fraction(2, 3))
    assert (probe_clip(tall).width, probe_clip(tall).height) == (64, 72)


def test_ten_bits_are_read_as_sixteen(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(2), pix_fmt="yuv420p10le", color_trc=1, color_primaries=1)
    header = probe_clip(path)
    assert header.depth == 10
    assert not header.notices
    pixels = read(path)[0][0].pixels
    assert pixels.dtype == np.uint16
    assert mean_error(pixels / 257, moving(2)[0]) < 6
    assert len(np.unique(pixels[..., 2])) > 256  # more than 8 bits can tell


@pytest.mark.parametrize(("transfer", "white"), [(16, 0.5807), (18, 0.75)])
def test_hdr_is_tone_mapped_alike_in_all_frames(tmp_path: Path, transfer: int, white: float) -> None:
    """A white sheet, 203 candelas in PQ or HLG, is nearly white in SDR, beside a lamp or not."""
    dim = np.full((32, 32, 3), round(255 * white), np.uint8)
    lamp = dim.copy()
    lamp[8:16, 8:16] = 255 if transfer == 18 else 190
    path = video(
        tmp_path / "a.mp4", [dim, lamp], pix_fmt="yuv420p10le", color_trc=transfer, color_primaries=9, colorspace=9
    )
    assert [notice.text for notice in probe_clip(path).notices] == [messages.CLIP_HDR]
    first, second = (frame.pixels / 65535 for frame in read(path)[0])
    assert first.mean() > white + 0.07  # what the code itself would say is pale
    assert abs(second[24:, 24:].mean() - first[24:, 24:].mean()) < 0.01
    assert second[10:14, 10:14].mean() > first.mean() + 0.02


@pytest.mark.parametrize("space", [1, 5])  # BT.709, BT.601
def test_the_stated_colour_matrix_is_used(tmp_path: Path, space: int) -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[:] = (200, 40, 30)
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.height, stream.width, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = space, 1
        frame = av.VideoFrame.from_ndarray(red, format="rgb24")
        output.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=space, dst_color_range=1)))
        output.mux(stream.encode())
    assert mean_error(read(path)[0][0].pixels, red) < 2.5


def test_transparent_webm_keeps_its_alpha(tmp_path: Path) -> None:
    path = video(tmp_path / "a.webm", rgba(), codec="libvpx-vp9", pix_fmt="yuva420p")
    assert probe_clip(path).alpha
    frames, _ = read(path)
    assert len(frames) == 4
    alpha = frames[2].alpha
    assert alpha is not None
    assert alpha[:, :14].max() < 20
    assert alpha[:, 24:].min() > 235


def test_a_cover_is_no_moving_picture(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as output:
        track = output.add_stream("aac", rate=48000)
        track.layout = "stereo"
        samples = av.AudioFrame.from_ndarray(np.zeros((2, 4800), np.float32), format="fltp", layout="stereo")
        samples.rate = 48000
        output.mux(track.encode(samples))
        output.mux(track.encode())
    with pytest.raises(ImageError, match="holds no moving pictures"):
        probe_clip(path)


# ---- interlaced ------------------------------------------------------------------------------------------------------


def combed(pixels: Any) -> float:
    """How much neighbouring rows differ beyond what every second row does."""
    rows = pixels.astype(int)
    return float(np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean())


def deinterlaced(path: Path, how: str) -> tuple[list[Frame], list[str]]:
    notices: list[Message] = []
    frames = list(read_frames(path, notices, how))
    return frames, [notice.text for notice in notices]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_interlaced_frames_are_made_progressive(tmp_path: Path, name: str) -> None:
    path = interlaced(tmp_path / name)
    off, said = deinterlaced(path, "off")
    assert not said
    auto, said = deinterlaced(path, "auto")
    assert said == [messages.CLIP_DEINTERLACED]
    assert [(frame.start, frame.end) for frame in auto] == [(frame.start, frame.end) for frame in off]
    assert len(auto) == 8
    for frame, before, wanted in zip(auto, off, moving(16)[::2], strict=True):
        assert combed(frame.pixels) < combed(before.pixels) / 3
        assert mean_error(frame.pixels, wanted) < mean_error(before.pixels, wanted) / 1.5


def test_what_says_nothing_of_it_is_left_unless_asked(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "a.mp4", flagged=False)
    auto, said = deinterlaced(path, "auto")
    assert not said
    assert all(
        np.array_equal(frame.pixels, other.pixels)
        for frame, other in zip(auto, deinterlaced(path, "off")[0], strict=True)
    )
    on, said = deinterlaced(path, "on")
    assert said == [messages.CLIP_DEINTERLACED]
    assert [frame.start for frame in on] == [frame.start for frame in auto]
    assert combed(on[3].pixels) < combed(auto[3].pixels) / 3


def test_only_the_interlaced_part_of_a_clip_is_changed(tmp_path: Path) -> None:
    """Of two streams one after the other, as from a television programme, the second is interlaced."""
    plain, other = video(tmp_path / "plain.ts", pix_fmt="yuv422p"), interlaced(tmp_path / "other.ts")
    both = tmp_path / "both.ts"
    both.write_bytes(plain.read_bytes() + other.read_bytes())
    off, _ = deinterlaced(both, "off")
    auto, _ = deinterlaced(both, "auto")
    assert len(auto) == len(off) > 12
    same = [np.array_equal(frame.pixels, before.pixels) for frame, before in zip(auto, off, strict=True)]
    assert all(same[:8])
    assert not any(same[8:])


def test_a_clip_too_small_for_it_stays(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "a.mp4", 3, flagged=False, sides=(6, 64))
    assert len(deinterlaced(path, "on")[0]) == 3


# ---- times -----------------------------------------------------------------------------------------------------------

REORDERED = {"bf": "3", "b_strategy": "0", "sc_threshold": "0", "g": "12"}


def with_times_of_decoding(path: Path, source: Path) -> Path:
    """What some programs make of H.264 out of an AVI: each packet is said to be shown when it is decoded."""
    with av.open(str(source)) as given, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        for number, packet in enumerate(packet for packet in given.demux() if packet.size):
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            output.mux(packet)
    return path


@pytest.mark.parametrize("name", ["a.avi", "a.wmv", "times.mkv", "times.mov"])
def test_times_of_decoding_become_those_of_showing(tmp_path: Path, name: str) -> None:
    given = video(tmp_path / (name if name.startswith("a.") else "b.mp4"), moving(40), options=REORDERED)
    path = given if name.startswith("a.") else with_times_of_decoding(tmp_path / name, given)
    with av.open(str(path)) as container:
        shown = [frame.pts for frame in container.decode(video=0)]
    assert shown != sorted(shown)  # what FFmpeg gives goes backwards
    frames, said = read(path)
    assert not said
    assert [float(frame.start) for frame in frames] == pytest.approx([number / 25 for number in range(40)], abs=0.0011)
    for frame, wanted in zip(frames, moving(40), strict=True):
        assert mean_error(frame.pixels, wanted) < 4


def test_times_come_right_after_lost_frames(tmp_path: Path) -> None:
    path = video(tmp_path / "a.avi", moving(60), options=REORDERED)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux() if packet.size]
    data = bytearray(path.read_bytes())
    for place, size in places[13:16]:
        data[place : place + size] = bytes(size)
    path.write_bytes(data)
    frames, said = read(path)
    assert said == [messages.CLIP_DAMAGED]
    starts = [float(frame.start) for frame in frames]
    assert len(frames) < 60
    assert starts == sorted(starts)
    assert starts[-20:] == pytest.approx([number / 25 for number in range(40, 60)], abs=0.001)


# ---- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx-vp9"), ("a.mkv", "libx264")])
def test_of_a_cut_off_video_what_decodes_is_used_and_said(tmp_path: Path, name: str, codec: str) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(25)]
    container = {"movflags": "+faststart"} if name == "a.mp4" else {}
    path = video(tmp_path / name, noise, codec=codec, container=container, options={"g": "5"})
    assert not read(path)[1]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    frames, said = read(path)
    assert 8 <= len(frames) <= 20
    assert said == [messages.CLIP_DAMAGED]
    assert mean_error(frames[2].pixels, read(video(tmp_path / f"b-{name}", noise[:5], codec=codec))[0][2].pixels) < 20


def test_a_scratch_in_the_middle_is_survived(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv", moving(30), options={"g": "5"}, sound="aac")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 300] = bytes(300)
    path.write_bytes(data)
    frames, said = read(path)
    assert len(frames) > 10
    assert said == [messages.CLIP_DAMAGED]


def test_a_cut_off_gif_gives_its_first_frames(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", moving(10))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    frames, said = read(path)
    assert 3 <= len(frames) < 10
    assert said == [messages.CLIP_DAMAGED]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("text.mp4", b"Not a film at all, but a line of text.\n" * 40, "is a text, not a clip"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n", "is a playlist, not a clip"),
        ("concat.webm", b"ffconcat version 1.0\nfile '/etc/hostname'\n", "is a playlist, not a clip"),
        ("bytes.mp4", bytes(range(256)) * 20, "is not a clip of a known kind"),
        ("empty.mp4", b"", "is empty"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert is_clip(path)  # by its name, so that the error speaks of clips
    with pytest.raises(ImageError, match=f"'{name}'.*{words}"):
        probe_clip(path)


def sound(path: Path, codec: str) -> bytes:
    with av.open(str(path), "w") as output:
        track = output.add_stream(codec, rate=48000)
        track.layout = "stereo"
        planar = track.codec_context.format.is_planar
        kind = {"flt": np.float32, "s32": np.int32, "s16": np.int16}[track.format.name[:3]]
        samples = np.zeros((2, 48000) if planar else (1, 96000), kind)
        frame = av.AudioFrame.from_ndarray(samples, format=track.format.name, layout="stereo")
        frame.rate = 48000
        output.mux(track.encode(frame))
        output.mux(track.encode())
    return path.read_bytes()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda _: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n" + bytes(500), "is a PDF document"),
        (lambda folder: sound(folder / "a.mp3", "libmp3lame"), r"is sound \(MP3\)"),
        (lambda folder: sound(folder / "a.wav", "pcm_s16le"), r"is sound \(WAV\)"),
        (lambda folder: sound(folder / "a.flac", "flac"), r"is sound \(FLAC\)"),
        (lambda _: b"PK\3\4\x14\0\0\0\x08\0" + bytes(500), r"is an archive or an office document \(ZIP\)"),
        (lambda _: b"<!DOCTYPE html><html><body>Sign in" + b" please" * 90, "is a web page"),
        (lambda _: "照片 und Wörter\n".encode() * 50, "is a text"),
    ],
)
def test_a_wrong_kind_of_file_is_called_what_it_is(tmp_path: Path, made: Any, words: str) -> None:
    data = made(tmp_path)
    for name, wanted in (("x.mp4", "not a clip"), ("x.ts", "not a clip"), ("x.jpg", "not a picture")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=f"'{name}' {words}, {wanted}"):
            probe_clip(tmp_path / name) if wanted == "not a clip" else read_picture(tmp_path / name)


def test_a_still_picture_and_a_video_under_each_others_names(tmp_path: Path) -> None:
    still, moved = tmp_path / "still.mp4", tmp_path / "moving.jpg"
    Image.fromarray(moving(1)[0]).save(still, "JPEG")
    assert not is_clip(still)
    with pytest.raises(ImageError, match=r"'still\.mp4' is a still picture \(JPEG\), not a clip"):
        check_clip(still)
    video(tmp_path / "a.mkv").rename(moved)
    check_clip(moved)
    assert probe_clip(moved).frames == 8
    with pytest.raises(ImageError, match=r"'moving\.jpg' is a video \(MKV/WebM\), not a picture"):
        read_picture(moved)


def test_playlists_reach_no_other_file(tmp_path: Path) -> None:
    """FFmpeg would follow them; a hosted page would then read its own machine's files to anybody."""
    secret = video(tmp_path / "secret.ts", moving(3))
    playlist = tmp_path / "a.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret.name}\n#EXT-X-ENDLIST\n")
    with av.open(str(playlist)) as container:
        assert container.streams.video  # it would work
    assert not is_clip(playlist)
    assert not is_video(playlist)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="was not found"):
        probe_clip(tmp_path / "none.mp4")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(ImageError, match="is a folder"):
        probe_clip(tmp_path / "folder.mp4")
    whole = video(tmp_path / "a.mp4")
    whole.write_bytes(whole.read_bytes()[:600])  # the index lies at the end
    with pytest.raises(ImageError, match="cut off at its beginning or index"):
        probe_clip(whole)


# ---- animated pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animated_picture_keeps_frames_times_and_alpha(tmp_path: Path, name: str) -> None:
    disposal = {"a.gif": {"disposal": 2}, "a.png": {"disposal": 1}}.get(name, {})
    path = animation(tmp_path / name, rgba(), [50, 70, 90, 110], loop=0, **disposal)
    assert is_clip(path)
    assert not is_video(path)
    header = probe_clip(path)
    assert header.animation
    assert header.alpha
    assert (header.width, header.height, header.frames, header.plays) == (64, 48, 4, 0)
    frames, said = read(path)
    assert not said
    assert [frame.start * 1000 for frame in frames] == [0, 50, 120, 210]
    assert frames[-1].end * 1000 == 320
    for frame, wanted in zip(frames, rgba(), strict=True):
        assert frame.alpha is not None
        assert np.array_equal(frame.alpha, wanted[..., 3])
        seen = wanted[..., 3] == 255
        assert mean_error(frame.pixels[seen], wanted[..., :3][seen]) < (12 if name == "a.gif" else 0.01)


@pytest.mark.parametrize(("options", "plays"), [({}, 1), ({"loop": 0}, 0), ({"loop": 2}, 3)])
def test_a_gif_says_how_often_it_is_played(tmp_path: Path, options: dict[str, int], plays: int) -> None:
    assert probe_clip(animation(tmp_path / "a.gif", **options)).plays == plays


def test_frames_without_time_are_shown_as_long_as_browsers_show_them(tmp_path: Path) -> None:
    frames, _ = read(animation(tmp_path / "a.gif", moving(3), [10, 20, 10]))
    assert [(frame.end - frame.start) * 1000 for frame in frames] == [100, 20, 100]


def test_a_png_may_begin_with_another_picture(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.png", moving(4), [40] * 3, default_image=True)
    frames, _ = read(path)
    assert probe_clip(path).frames == len(frames) == 3
    assert np.array_equal(frames[0].pixels, moving(4)[1])


def test_still_pictures_are_no_clips(tmp_path: Path) -> None:
    for name in ("a.gif", "a.png", "a.webp"):
        assert not is_clip(animation(tmp_path / name, moving(1)))
    (tmp_path / "notes.txt").write_text("nothing")
    assert not is_clip(tmp_path / "notes.txt")
    assert not is_clip(tmp_path / "none.png")


# ---- limits ----------------------------------------------------------------------------------------------------------


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video(tmp_path / "a.mp4")
    monkeypatch.setenv("ATELIER_MAX_CLIP_FRAMES", "7")
    with pytest.raises(ImageError, match="has 8 frames; the limit is 7"):
        probe_clip(path)
    monkeypatch.setenv("ATELIER_MAX_CLIP_FRAMES", "8")
    probe_clip(path)
    monkeypatch.setenv("ATELIER_MAX_INPUT_MP", "0.001")
    with pytest.raises(ImageError, match=r"the limit is 0\.001 megapixels"):
        probe_clip(path)
    monkeypatch.delenv("ATELIER_MAX_INPUT_MP")
    monkeypatch.delenv("ATELIER_MAX_CLIP_FRAMES")
    monkeypatch.setenv("ATELIER_MAX_CLIP_MP", "1")
    assert probe_clip(path).frames == 8
    long = video(tmp_path / "b.mp4", moving(20, 200, 300))
    with pytest.raises(ImageError, match=r"20 frames of 300x200, 1 megapixels in all; the limit is 1\."):
        probe_clip(long)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_limit_must_be_a_number(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_MAX_CLIP_FRAMES", value)
    with pytest.raises(OptionError, match="whole number above 0"):
        frame_limit()
