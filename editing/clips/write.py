"""Clips to files, one frame at a time, in parts that are joined at the end.

=======  ===============================================  ==========================================================
suffix   how                                              what it does not keep
=======  ===============================================  ==========================================================
.mp4     H.264, or HEVC of 10 bits where the input has    alpha (laid on white), odd sides (the last row or column is
         more than 8; 4:2:0, BT.709                       repeated), times finer than the input's
.webm    VP9, 4:2:0, BT.709; of 10 bits where the         times finer than a millisecond
         encoder can
.webp    lossy, quality 90                                sound, subtitles, chapters
.gif     255 colours, the same for the whole clip, so     sound, subtitles, chapters, half transparency, more than 50
         that still areas don't flicker                   frames a second
.apng    lossless                                         sound, subtitles, chapters
=======  ===============================================  ==========================================================

Parts of a video are in its own codec and joined as they are; sound, subtitles and chapters come with them (see
``tracks``). Parts of an animated picture are lossless (FFV1), and encoded
when they are joined: a GIF's palette needs to see all frames first. The recipe lies in EXIF in a WebP, where
``read_picture`` finds it, and as {"atelier": ...} in the comment of an MP4 or WebM. A WebP says in its XMP, too, that a
network made it (IPTC's DigitalSourceType). An MP4 or WebM says so by its recipe alone, since these containers have no
field for it that programs agree on; a GIF or APNG, which holds no recipe either, doesn't say it.
"""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from editing import messages
from editing.clips.read import ACCURATE, has_alpha_track, is_clip, is_video
from editing.clips.tracks import carry, not_kept
from editing.errors import ImageError, OptionError
from editing.messages import Message, tell
from editing.options import CLIP_FORMATS, FASTEST
from editing.pictures.picture import Pixels
from editing.pictures.read import probe_picture
from editing.pictures.tags import IMAGE_HISTORY, xmp_of_made
from editing.settings import written

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import OutputContainer
    from av.video.stream import VideoStream

CLIP_SUFFIXES = tuple(f".{name}" for name in CLIP_FORMATS)
VIDEOS = (".mp4", ".webm")
WALK_SUFFIXES = (".webp", ".mp4")  # what a walk along seeds is saved as
_LONGEST = {".mp4": 8192, ".webm": 16384, ".webp": 16383, ".gif": 65535, ".apng": 65535}  # pixels a side
_CONTAINERS = {".mp4": "mp4", ".webm": "webm", ".webp": "matroska", ".gif": "matroska", ".apng": "matroska"}  # of parts
_LOSSLESS = ("ffv1", {"level": "3", "slices": "4"})
_CODECS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    # No B-frames: joined parts then need no thought about the order of decoding.
    ".mp4": ("libx264", {"crf": "17", "preset": "medium", "bf": "0"}),
    ".webm": ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}),
    ".webp": _LOSSLESS,
    ".gif": _LOSSLESS,
    ".apng": _LOSSLESS,
}
_DEEP_CODECS: Mapping[str, tuple[str, Mapping[str, str]]] = {  # 10 bits
    ".mp4": ("libx265", {"crf": "18", "preset": "medium", "x265-params": "bframes=0:log-level=none"}),
    ".webm": (_CODECS[".webm"][0], {**_CODECS[".webm"][1], "profile": "2"}),
}
_DEEP = "yuv420p10le"
_LEAST_DEEP = 16  # pixels a side of what x265 encodes
_APPLES = "hvc1"  # the name of HEVC in an MP4 that Apple's players want
_BT709, _LIMITED = 1, 1  # FFmpeg's numbers: matrix, primaries and transfer; range
KEPT = (  # of a video's metadata: no place, no device
    "title", "artist", "album", "date", "creation_time", "copyright", "description",
)  # fmt: skip
_MILLISECOND, _HUNDREDTH = Fraction(1, 1000), Fraction(1, 100)


def check_target(path: Path, suffixes: Sequence[str] = CLIP_SUFFIXES) -> None:
    """Raise OptionError unless clips can be saved under such a name."""
    if path.suffix.lower() not in suffixes:
        raise OptionError(messages.CLIPS_ARE_SAVED_AS, name=path.name, choices=", ".join(suffixes))


def usual_suffix(source: Path) -> str | None:
    """What a clip is saved as where nobody says: what it was, or the nearest to it; None for a picture."""
    if not is_clip(source):
        return None
    if is_video(source):
        return ".webm" if source.suffix.lower() == ".webm" else ".mp4"
    return {"GIF": ".gif", "PNG": ".apng"}.get(probe_picture(source).format, ".webp")


def check_size(path: Path, width: int, height: int) -> None:
    """Raise ImageError if the format that ``path`` names can't hold frames so large."""
    longest = _LONGEST[path.suffix.lower()]
    if max(width, height) > longest:
        raise ImageError(messages.FRAMES_TOO_LARGE, width=width, height=height, format=format_of(path), longest=longest)


def depth_kept(path: Path, depth: int, width: int, height: int, *, alpha: bool) -> int:
    """Bits a channel, 8 or 10, that are kept of ``depth`` in the format that ``path`` names, by what encodes here."""
    import av

    suffix = path.suffix.lower()
    if depth == 8 or suffix not in _DEEP_CODECS or (alpha and suffix == ".webm") or min(width, height) < _LEAST_DEEP:
        return 8
    try:
        formats = av.Codec(_DEEP_CODECS[suffix][0], "w").video_formats or []
    except ValueError:  # PyAV was built without
        return 8
    return 10 if _DEEP in [known.name for known in formats] else 8


def format_of(path: Path) -> str:
    """MP4, WebM, WebP, GIF or APNG."""
    return {".webm": "WebM", ".webp": "WebP"}.get(path.suffix.lower(), path.suffix[1:].upper())


# ---- parts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PartFile:
    """A finished part: its file, and the time of its first frame in the clip."""

    path: Path
    start: Fraction


class Part:
    """A part of ``target``, written to ``path``; times count from its own first frame. Raises ImageError."""

    def __init__(
        self, path: Path, target: Path, width: int, height: int, *, tick: Fraction, rate: Fraction, alpha: bool,
        depth: int = 8,
    ) -> None:  # fmt: skip
        import av

        suffix = target.suffix.lower()
        self.path, self.target, self.tick = path, target, tick
        self.alpha = alpha if suffix == ".webm" else suffix != ".mp4"
        odd = (width % 2, height % 2) if suffix == ".mp4" else (0, 0)
        self.padding = [(0, odd[1]), (0, odd[0]), (0, 0)]
        with writing(target):
            self.container: OutputContainer = av.open(str(path.resolve()), "w", format=_CONTAINERS[suffix])
            name, options = _CODECS[suffix] if depth == 8 else _DEEP_CODECS[suffix]
            try:
                stream: Any = self.container.add_stream(name, rate=rate.limit_denominator(1000), options=dict(options))
            except ValueError as error:  # what PyAV says when it was built without
                self.container.close()
                raise ImageError(messages.NO_ENCODER, format=format_of(target), reason=error) from error
        self.stream: VideoStream = stream
        if name == "libx265":
            stream.codec_context.codec_tag = _APPLES
        self.bits = 8 if depth == 8 else 16
        stream.width, stream.height = width + odd[0], height + odd[1]
        stream.time_base = stream.codec_context.time_base = tick
        self.format = "bgra"
        if suffix in VIDEOS:
            self.format = "yuva420p" if self.alpha else "yuv420p" if depth == 8 else _DEEP
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = _LIMITED
        stream.pix_fmt = self.format

    def add(self, pixels: Pixels, alpha: Pixels | None, start: Fraction, end: Fraction) -> bool:
        """Take (H, W, 3) and (H, W) or None, uint8 or, with more than 8 bits, uint16, shown from ``start`` to ``end``.

        False: alpha was not kept.
        """
        import av

        if alpha is not None and not self.alpha:
            top = np.uint32(np.iinfo(pixels.dtype).max)
            cover = alpha[..., None].astype(np.uint32)
            pixels = ((pixels * cover + top * (top - cover) + top // 2) // top).astype(pixels.dtype)
        elif self.alpha:
            opaque = np.full(pixels.shape[:2], 255, np.uint8) if alpha is None else alpha
            pixels = np.concatenate([pixels, opaque[..., None]], axis=2)
        pixels = np.pad(pixels, self.padding, "edge")
        given = "rgba" if self.alpha else "rgb24" if self.bits == 8 else "rgb48le"
        frame = av.VideoFrame.from_ndarray(pixels, format=given)
        frame = frame.reformat(
            format=self.format, dst_colorspace=_BT709, dst_color_range=_LIMITED, interpolation=ACCURATE
        )
        frame.time_base, frame.pts, frame.duration = (
            self.tick,
            round(start / self.tick),
            round((end - start) / self.tick),
        )
        with writing(self.target):
            self.container.mux(self.stream.encode(frame))
        return alpha is None or self.alpha

    def close(self) -> None:
        """Finish the file."""
        with writing(self.target):
            self.container.mux(self.stream.encode())
            self.container.close()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell an encoder's or the disk's failure as ImageError."""
    import av

    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise ImageError(messages.CLIP_NOT_SAVED, name=path.name, reason=error.strerror or error) from error


# ---- joining ---------------------------------------------------------------------------------------------------------


def join_parts(
    parts: Sequence[PartFile],
    target: Path,
    *,
    end: Fraction,
    tick: Fraction,
    plays: int = 0,
    tracks_of: Path | None = None,
    named: bool = True,
    complete: bool = True,
    metadata: Mapping[str, str] | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> list[Message]:
    """Make one clip of its parts, which appears complete under ``target`` or not at all; returns what was not kept.

    The last frame is shown until ``end``; an animated picture is played ``plays`` times, 0 for ever. Sound, subtitles
    and chapters are those of the video ``tracks_of``, with titles where they are to be ``named``; all sound, or up to
    ``end`` where the clip is not ``complete``. Raises ImageError.
    """
    notices: list[Message] = []
    text = None if recipe is None else json.dumps({"atelier": recipe}, separators=(",", ":"), allow_nan=False)
    suffix = target.suffix.lower()
    with writing(target), written(target) as file:
        if suffix in VIDEOS:
            texts = dict(metadata or {}) | ({} if text is None else {"comment": text})
            until = None if complete else end
            _join_video(parts, file, target, end, tick, tracks_of, named, until, texts, notices)
            return notices
        animation = _Animation(parts, end)
        if suffix == ".webp":
            animation.write_webp(file, plays, text, None if recipe is None else xmp_of_made(None, recipe))
        elif suffix == ".gif":
            left_out = animation.write_gif(file, plays)
            if left_out:
                notices.append(tell(messages.CLIP_TOO_FAST, frames=left_out))
        else:
            animation.write_apng(file, plays)
        if tracks_of is not None:
            notices += not_kept(tracks_of, format_of(target))
    return notices


def _join_video(
    parts: Sequence[PartFile], file: Path, target: Path, end: Fraction, tick: Fraction, tracks_of: Path | None,
    named: bool, until: Fraction | None, texts: Mapping[str, str], notices: list[Message],
) -> None:  # fmt: skip
    import av

    suffix = target.suffix.lower()
    # The index of an MP4 goes to the front, so that browsers play it while it loads.
    options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    with ExitStack() as stack:
        output = stack.enter_context(av.open(str(file.resolve()), "w", format=_CONTAINERS[suffix], options=options))
        output.metadata.update(texts)
        with av.open(str(parts[0].path)) as first:
            pictures = output.add_stream_from_template(first.streams.video[0])
            if first.streams.video[0].codec_context.name == "hevc":
                pictures.codec_context.codec_tag = _APPLES
            if has_alpha_track(first.streams.video[0]):
                pictures.metadata["alpha_mode"] = "1"
        pictures.time_base = tick
        tracks = [_pictures(parts, pictures, end)]
        if tracks_of is not None:
            tracks += carry(tracks_of, output, target, stack, notices, end=end, named=named)
        for packet in heapq.merge(*tracks, key=_when):
            if until is None or packet.stream is pictures or _when(packet) < until:
                output.mux_one(packet)


def _when(packet: Packet[Any]) -> Fraction:
    return (packet.dts or 0) * packet.time_base


def _pictures(parts: Sequence[PartFile], target: VideoStream, end: Fraction) -> Iterator[Packet[Any]]:
    """The packets of all parts, each as long as until the next."""
    import av

    held: Packet[Any] | None = None
    shown = 0  # since when
    for part in parts:
        with av.open(str(part.path)) as container:
            for packet in container.demux(video=0):
                if packet.pts is None or not packet.size:
                    continue
                packet.pts += round(part.start / packet.time_base)
                packet.dts = packet.pts  # there are no frames out of order: see _CODECS
                packet.stream = target
                if held is not None:
                    held.duration = packet.pts - shown
                    yield held
                held, shown = packet, packet.pts
    if held is not None:
        held.duration = max(1, round(end / held.time_base) - shown)
        yield held


class _Animation:
    """The frames of lossless parts, to be read as often as needed."""

    def __init__(self, parts: Sequence[PartFile], end: Fraction) -> None:
        import av

        self.parts = parts
        times: list[Fraction] = []
        for part in parts:
            with av.open(str(part.path)) as container:
                for packet in container.demux(video=0):
                    if packet.pts is not None and packet.size:
                        times.append(part.start + packet.pts * packet.time_base)
        self.times = [round((time - times[0]) * 1000) for time in (*times, end)]  # milliseconds, the end included

    def frames(self) -> Iterator[Pixels]:
        """(H, W, 4) uint8, in order."""
        import av

        for part in self.parts:
            with av.open(str(part.path)) as container:
                for frame in container.decode(video=0):
                    yield frame.to_ndarray(format="rgba")

    def write_webp(self, path: Path, plays: int, recipe: str | None, xmp: bytes | None) -> None:
        exif = Image.Exif()
        if recipe is not None:
            exif[IMAGE_HISTORY] = recipe
        durations = [max(1, stop - start) for start, stop in pairwise(self.times)]
        _Sequence(self.frames(), len(durations)).save(
            path, "WEBP", save_all=True, duration=durations, loop=plays, quality=90, method=2,
            exif=exif.tobytes() if recipe is not None else b"", xmp=xmp or b"",
        )  # fmt: skip

    def write_apng(self, path: Path, plays: int) -> None:
        import av

        last = max(1, self.times[-1] - self.times[-2])
        options = {"plays": str(plays), "final_delay": f"{last}/1000"}
        with av.open(str(path.resolve()), "w", format="apng", options=options) as container:
            stream: Any = None
            for array, start in zip(self.frames(), self.times[:-1], strict=True):
                frame = av.VideoFrame.from_ndarray(array, format="rgba")
                stream = stream or _stream(container, "apng", frame, _MILLISECOND)
                frame.pts, frame.time_base = start, _MILLISECOND
                container.mux(stream.encode(frame))
            container.mux(stream.encode())

    def write_gif(self, path: Path, plays: int) -> int:
        """Returns how many frames were left out: players show one of a hundredth of a second for a tenth."""
        import av

        hundredths = [round(time / 10) for time in self.times]
        shown: dict[int, int] = {}  # frame: hundredth
        last = -2
        for number, start in enumerate(hundredths[:-1]):
            if start >= last + 2:
                shown[number] = last = start
        palette = self._palette(shown)
        options = {
            "loop": str({0: 0, 1: -1}.get(plays, plays - 1)),  # GIF counts the repetitions
            "final_delay": str(max(2, hundredths[-1] - last)),
        }
        graph: Any = None
        stream: Any = None
        with av.open(str(path.resolve()), "w", format="gif", options=options) as container:
            for number, array in enumerate(self.frames()):
                if number not in shown:
                    continue
                frame = av.VideoFrame.from_ndarray(array, format="rgba")
                frame.pts, frame.time_base = shown[number], _HUNDREDTH
                if graph is None:
                    graph = _Graph(frame, "paletteuse", "dither=sierra2_4a:diff_mode=rectangle", palette)
                for colours in graph.push(frame):
                    stream = stream or _stream(container, "gif", colours, _HUNDREDTH)
                    container.mux(stream.encode(colours))
            for colours in graph.push(None):
                container.mux(stream.encode(colours))
            container.mux(stream.encode())
        return len(hundredths) - 1 - len(shown)

    def _palette(self, shown: Mapping[int, int]) -> VideoFrame:
        import av

        graph: Any = None
        for number, array in enumerate(self.frames()):
            if number in shown:
                frame = av.VideoFrame.from_ndarray(array, format="rgba")
                frame.pts, frame.time_base = shown[number], _HUNDREDTH
                graph = graph or _Graph(frame, "palettegen", "")
                graph.push(frame)
        palette: VideoFrame = graph.push(None)[0]
        return palette


class _Graph:
    """One of FFmpeg's filters; ``second`` is the only frame of its second input."""

    def __init__(self, first: VideoFrame, name: str, arguments: str, second: VideoFrame | None = None) -> None:
        import av.filter

        graph = av.filter.Graph()
        chosen, self.sink = graph.add(name, arguments), graph.add("buffersink")
        feeds = []
        for number, frame in enumerate(frame for frame in (first, second) if frame is not None):
            feed = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_HUNDREDTH)
            feed.link_to(chosen, 0, number)
            feeds.append(feed)
        chosen.link_to(self.sink)
        graph.configure()
        self.graph, self.feed = graph, feeds[0]
        if second is not None:
            second.pts, second.time_base = 0, _HUNDREDTH
            feeds[1].push(second)
            feeds[1].push(None)

    def push(self, frame: VideoFrame | None) -> list[VideoFrame]:
        """Give a frame, or None after the last, and take what is ready."""
        import av

        self.feed.push(frame)
        ready: list[VideoFrame] = []
        while True:
            try:
                ready.append(self.sink.pull())  # type: ignore[arg-type]
            except (BlockingIOError, av.EOFError):
                return ready


class _Sequence(Image.Image):
    """Frames for Pillow's encoder, which asks for one after the other; it would hold a list of pictures as a whole."""

    def __init__(self, frames: Iterator[Pixels], count: int) -> None:
        super().__init__()
        self.frames, self.n_frames, self.position = frames, count, -1
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame == self.position + 1:
            picture = Image.fromarray(next(self.frames))
            self.im, self._mode, self._size = picture.im, picture.mode, picture.size
            self.position = frame


def _stream(container: OutputContainer, codec: str, frame: VideoFrame, tick: Fraction) -> Any:
    stream: Any = container.add_stream(codec, rate=25)
    stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
    stream.time_base = stream.codec_context.time_base = tick
    return stream


# ---- walks -----------------------------------------------------------------------------------------------------------


def check_walk(path: Path, fps: float) -> None:
    """Raise OptionError unless :func:`write_walk` knows the suffix and the speed; ask before making frames."""
    check_target(path, WALK_SUFFIXES)
    if not 1 <= fps <= FASTEST:  # also refuses NaN
        raise OptionError(messages.SPEED, fps=fps, fastest=FASTEST)


def write_walk(
    frames: Sequence[Pixels],
    path: str | Path,
    *,
    fps: float = 20,
    loop: bool = True,
    recipe: Mapping[str, Any] | None = None,
) -> None:
    """Encode frames (H, W, 1 or 3) uint8, all of one size, into ``path``, which appears complete or not at all.

    The suffix, .webp or .mp4, tells the format. A WebP of ``loop`` is played over and over, else once; an MP4 leaves
    that to the player. Both are lossy. Raises OptionError for another suffix or speed, ImageError where the clip can't
    be encoded or the file can't be written.
    """
    path = Path(path)
    check_walk(path, fps)
    if not frames or any(frame.shape != frames[0].shape or frame.dtype != np.uint8 for frame in frames):
        raise ValueError("frames must be uint8, at least one, and all of one shape")
    height, width = frames[0].shape[:2]
    rate = Fraction(fps).limit_denominator(1000)
    with tempfile.TemporaryDirectory() as folder:
        part = Part(Path(folder, "frames"), path, width, height, tick=1 / rate, rate=rate, alpha=False)
        for number, frame in enumerate(frames):
            part.add(np.broadcast_to(frame, (height, width, 3)), None, number / rate, (number + 1) / rate)
        part.close()
        whole = PartFile(path=part.path, start=Fraction(0))
        join_parts([whole], path, end=len(frames) / rate, tick=1 / rate, plays=0 if loop else 1, recipe=recipe)
