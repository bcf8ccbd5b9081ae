"""Clips made for tests: by PyAV and Pillow, small, smooth and moving."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

EXACT = 0x4 | 0x2000 | 0x40000  # swscale's flags against a loss of a level

Array = npt.NDArray[Any]


def moving(count: int = 8, height: int = 48, width: int = 64) -> list[Array]:
    """A bright bar that wanders over a smooth ground, (height, width, 3) uint8 each; no two corners are alike."""
    down, across = np.mgrid[0:height, 0:width]
    ground = np.stack([20 + down * 2, 30 + across, 180 - down - across], 2)
    frames = []
    for number in range(count):
        bar = np.exp(-(((across - 8 - 40 * number / count) / 5) ** 2))[..., None] * 80
        frames.append(np.clip(ground + bar, 0, 255).astype(np.uint8))
    return frames


def video(
    path: Path,
    frames: Sequence[Array] | None = None,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: int = 25,
    times: Sequence[int] | None = None,  # in 1/1000 s, one more than frames: the last is the end
    sound: str | None = None,
    sound_tracks: int = 1,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    **context: Any,
) -> Path:
    """Write a video; ``context`` sets the encoder's attributes. RGB frames, or RGBA where ``pix_fmt`` has alpha."""
    frames = moving() if frames is None else frames
    tick = Fraction(1, 1000) if times else Fraction(1, rate)
    ends = dict(pairwise(times or ()))
    if times:
        options = {"bf": "0"} | (options or {})  # the last frame's length would be lost
    with av.open(str(path), "w", options=container or {}) as output:
        output.metadata.update(metadata or {})
        stream = output.add_stream(codec, rate=rate, options={"crf": "8"} | (options or {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.time_base = stream.codec_context.time_base = tick
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        tracks, packets = [], []
        for number in range(sound_tracks if sound else 0):
            track = output.add_stream(sound, rate=48000)
            track.layout = "stereo"
            tracks.append((track, 440 * (number + 1)))
        for number, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(array, format="rgba" if array.shape[2] == 4 else "rgb24")
            frame = frame.reformat(format=pix_fmt, interpolation=EXACT)
            frame.pts, frame.time_base = (times[number] if times else number), tick
            frame.duration = times[number + 1] - times[number] if times else 1
            packets.extend(stream.encode(frame))
        packets.extend(stream.encode())
        for packet in packets:
            if packet.pts in ends:
                packet.duration = ends[packet.pts] - packet.pts
            output.mux(packet)
        seconds = times[-1] / 1000 if times else len(frames) / rate
        for track, pitch in tracks:
            wave = np.sin(np.arange(int(48000 * seconds)) / 48000 * 2 * np.pi * pitch).astype(np.float32) * 0.3
            samples = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
            samples.rate, samples.pts = 48000, 0
            output.mux(track.encode(samples))
            output.mux(track.encode())
    return path


def animation(
    path: Path, frames: Sequence[Array] | None = None, durations: Sequence[int] | None = None, **options: Any
) -> Path:
    """Write an animated GIF, WebP or PNG with Pillow, lossless where it can be."""
    frames = moving() if frames is None else frames
    pictures = [Image.fromarray(frame) for frame in frames]
    if path.suffix == ".webp":
        options = {"lossless": True, **options}
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=list(durations or [40] * len(frames)), **options
    )
    return path


def sound_packets(path: Path, track: int = 0) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[track]) if packet.size]


def mean_error(one: Array, other: Array) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def psnr(one: Array, other: Array) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((one.astype(float) - other.astype(float)) ** 2), 1e-9)))


def beside(path: Path, given: Path, text: Path, *, chapters: Sequence[tuple[float, float, str]] = ()) -> Path:
    """Add subtitles to a video (tracks: pictures and sound of ``given``, text of ``text``), all tracks with names.

    Sound is called "Sound 1" and German, "Sound 2" and English, the second the usual one; the text is French, for
    listeners who hear little.
    """
    with av.open(str(given)) as source, av.open(str(text)) as words, av.open(str(path), "w") as output:
        kept = {(source, stream.index): output.add_stream_from_template(stream) for stream in source.streams}
        for number, (track, language) in enumerate(zip(output.streams.audio, ("deu", "eng"), strict=False)):
            track.metadata.update({"language": language, "title": f"Sound {number + 1}"})
            track.disposition = int(number == 1)
        subtitles = output.add_stream_from_template(words.streams.subtitles[0])
        subtitles.metadata.update({"language": "fra", "title": "Paroles"})
        subtitles.disposition = 0x80  # for the hearing impaired
        kept[words, 0] = subtitles
        output.set_chapters(
            [{"id": number, "start": round(start * 1000), "end": round(end * 1000), "time_base": Fraction(1, 1000),
              "metadata": {"title": title}} for number, (start, end, title) in enumerate(chapters)]
        )  # fmt: skip
        for container in (source, words):
            for packet in container.demux():
                if packet.size:
                    packet.stream = kept[container, packet.stream_index]
                    output.mux(packet)
    return path


def interlaced(path: Path, count: int = 8, *, flagged: bool = True, sides: tuple[int, int] = (48, 64)) -> Path:
    """Frames whose odd rows are of one moment of :func:`moving`, the even ones of the next; ``flagged`` as such."""
    moments = moving(2 * count, *sides)
    frames = []
    for first, second in zip(moments[::2], moments[1::2], strict=True):
        frames.append(first.copy())
        frames[-1][::2] = second[::2]
    # A few colours are shared by rows of both moments in 4:2:0: not in 4:2:2.
    options = {"x264-params": "interlaced=1:tff=1", "flags": "+ildct+ilme"} if flagged else {}
    return video(path, frames, pix_fmt="yuv422p", options={"g": "9", "bf": "2", **options})
