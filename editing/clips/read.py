"""Clips from files, one frame at a time: videos by PyAV (FFmpeg), animated GIF, WebP, PNG and AVIF by Pillow.

What comes out is upright (a video's display matrix is applied), progressive, of square pixels, RGB of 8 bits or, where
there are more, 16, and has its time, which is repaired where a file has the times of decoding alone (H.264 in AVI). HDR
is tone-mapped, which is said. Of a damaged file, what can be decoded is used.

FFmpeg reads playlists too, which name other files and addresses: only containers of pictures and sound are allowed, and
no protocol but the file itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import heappop, heappush
from itertools import chain, count, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from editing import messages
from editing.clips.bounds import check_tables
from editing.clips.interlaced import FRAMES_BEFORE, Progressive
from editing.errors import ImageError
from editing.messages import Message, tell
from editing.pictures import colours
from editing.pictures.kinds import is_of_video, kind_of
from editing.pictures.picture import Pixels, check_input_size, input_limit
from editing.pictures.read import open_image, opened_file, probe_picture
from editing.pictures.tags import parse_recipe
from editing.settings import whole_number

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from PIL.ImageFile import ImageFile

# PyAV is imported where it is needed: it takes 0.2 s, and pictures do without it.

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".wmv", ".asf", ".3gp", ".3g2", ".mpg", ".mpeg", ".ts", ".mts",
    ".m2ts", ".m2t", ".mxf", ".dv", ".ogv", ".flv",
)  # fmt: skip
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,mpeg,mpegts,mxf,dv,flv,ogg"  # FFmpeg's names
_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
_UNSPECIFIED, _BT601, _BT709 = 2, 5, 1  # swscale's and FFmpeg's numbers for colour matrices
ACCURATE = 0x4 | 0x2000 | 0x40000  # swscale: bicubic, colour at full width, exact rounding; else it darkens by a level
_COVER = 0x400  # FFmpeg's disposition of an album's cover, which is a stream of pictures, too
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # decoders that know transparency
_AHEAD = Fraction(1, 2)  # seconds; indices tell when frames are decoded, some before they are shown
_BRIGHTEST = 1000.0  # candelas a square metre: what HDR clips are made for, mostly; the same for all frames of one
_FORMATS = {  # by whether there is alpha, and more than 8 bits
    (False, False): "rgb24", (True, False): "rgba", (False, True): "rgb48le", (True, True): "rgba64le",
}  # fmt: skip
_OF_DECODING = ("avi", "asf")  # containers that hold one time for a packet, as it comes, which FFmpeg makes two of
_LOOKED_AT = 64  # packets, to tell which times they have
_MOST_DELAYED = 32  # frames; H.264 keeps back 16 at most


@dataclass(frozen=True, kw_only=True)
class ClipHeader:
    """What a clip holds; ``width`` and ``height`` are those of the upright frames of square pixels."""

    animation: bool  # an animated picture, else a video
    width: int
    height: int
    frames: int  # as many as the file has packets or says; fewer may turn out to be decodable
    tick: Fraction  # seconds; every frame's time is a multiple
    rate: Fraction = Fraction(25)  # frames a second, about: they keep their own times
    alpha: bool
    depth: int = 8  # bits a channel; frames of more come as 16
    plays: int = 0  # how often it is played; 0 for ever
    sound: bool = False
    notices: tuple[Message, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """(H, W, 3) uint8, or uint16 of more bits; (H, W) alike or None; from when to when it is shown in seconds."""

    pixels: Pixels
    alpha: Pixels | None
    start: Fraction
    end: Fraction


# ---- limits ----------------------------------------------------------------------------------------------------------


def frame_limit() -> int:
    """The longest clip that is read, in frames: ``ATELIER_MAX_CLIP_FRAMES`` or 100,000."""
    return whole_number("ATELIER_MAX_CLIP_FRAMES", 100_000)


def pixel_limit() -> int:
    """The most that is read of a clip, all frames together: ``ATELIER_MAX_CLIP_MP`` or 200,000 megapixels."""
    return whole_number("ATELIER_MAX_CLIP_MP", 200_000) * 1_000_000


def _check_size(name: str, header: ClipHeader) -> None:
    if header.frames > frame_limit():
        raise ImageError(messages.TOO_MANY_FRAMES, name=name, frames=header.frames, limit=frame_limit())
    pixels = header.frames * header.width * header.height
    if pixels > pixel_limit():
        raise ImageError(
            messages.CLIP_TOO_LARGE, name=name, frames=header.frames, width=header.width, height=header.height,
            megapixels=pixels / 1e6, limit=pixel_limit() / 1e6,
        )  # fmt: skip


# ---- what is it? -----------------------------------------------------------------------------------------------------


def is_clip(path: str | Path) -> bool:
    """Whether a file is a video or an animated picture."""
    try:
        header = probe_picture(path)
    except ImageError:
        return is_video(path)
    return header.frames > 1 and header.format in _ANIMATED


def is_video(path: str | Path) -> bool:
    """Whether a file is a video: told by its content, or by its name where that is damaged."""
    path = Path(path)
    try:
        probe_picture(path)
        return False
    except ImageError:
        if path.suffix.lower() in VIDEO_SUFFIXES:
            return True
    try:
        with opened(path):
            return True
    except ImageError:
        return False


def check_clip(path: str | Path) -> None:
    """Raise ImageError that says what a file is, unless it is a clip."""
    path = Path(path)
    if is_clip(path):
        return
    try:
        kind: Message | None = tell(messages.KIND_PICTURE, format=probe_picture(path).format)
    except ImageError:
        with opened_file(path) as file:
            kind = kind_of(file)
    words = messages.NOT_A_CLIP_BUT if kind else messages.NOT_A_CLIP
    raise ImageError(words, name=path.name, kind=kind or "", readable=messages.READABLE_CLIPS)


def probe_clip(path: str | Path) -> ClipHeader:
    """Look at a clip: reads the whole file, decodes the first frame. Raises ImageError, OptionError for a bad limit."""
    path = Path(path)
    header = _probe_video(path) if is_video(path) else _probe_animation(path)
    check_input_size(path.name, header.width, header.height)
    _check_size(path.name, header)
    return header


def read_frames(path: str | Path, notices: list[Message], deinterlace: str = "auto") -> Iterator[Frame]:
    """The frames of a clip in order; what is wrong with it is added to ``notices`` at the end. Raises ImageError.

    A video's are made progressive as ``deinterlace`` says (auto, on, off).
    """
    path = Path(path)
    return _read_video(path, notices, deinterlace) if is_video(path) else _read_animation(path, notices)


def read_frames_since(path: str | Path, since: Fraction, deinterlace: str = "auto") -> Iterator[Frame]:
    """The frames of a clip, the same as by :func:`read_frames`, from some before the one that begins at ``since``.

    A video is read from a key frame, where its container knows where they are and that leads to a frame of this time;
    else, and all else, from its beginning. Raises ImageError.
    """
    path = Path(path)
    if is_video(path):
        frames = _read_video(path, [], deinterlace, since)
        before = at = None
        passed = 0
        with suppress(ImageError):  # none after the key frame
            for at in frames:
                if at.start >= since:
                    break
                before, passed = at, passed + 1
        # The frame before, too, has to be what it is in the whole clip.
        if before and at and at.start == since and passed > FRAMES_BEFORE:
            yield before
            yield at
            yield from frames
            return
    yield from read_frames(path, [], deinterlace)


def read_recipe(path: str | Path) -> dict[str, Any] | None:
    """The recipe in a video's comment, as ``editing.clips.write`` puts it there, or None. Raises ImageError."""
    with opened(Path(path)) as container:
        said = {key.lower(): value for key, value in container.metadata.items()}
    return parse_recipe(said.get("comment"), wrapped=True)


# ---- videos ----------------------------------------------------------------------------------------------------------


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A video's container. Raises ImageError, under the file's bare name."""
    import av

    allowed = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    with opened_file(path) as file:
        check_tables(path.name, file)
        try:
            container = av.open(file, "r", options=allowed, metadata_errors="replace", buffer_size=1 << 18)
        except failures() as error:
            kind = kind_of(file)
            words = messages.NOT_A_CLIP_BUT if kind and not is_of_video(kind) else messages.NOT_A_CLIP
            raise ImageError(words, name=path.name, kind=kind or "", readable=messages.READABLE_CLIPS) from error
        with container:
            yield container


def failures() -> tuple[type[Exception], ...]:
    """What FFmpeg fails by, at a damaged file: errors of its own, and those of places that a file can't have."""
    import av

    return av.FFmpegError, OSError, ValueError, OverflowError


def origin(container: InputContainer) -> Fraction:
    """The time in seconds that counts as 0: when the first of the file's streams begins."""
    return max(Fraction(0), Fraction(container.start_time or 0, 1_000_000))


class _Video:
    """The moving pictures of an opened container; ``damaged`` tells, after use, whether anything was wrong."""

    def __init__(self, container: InputContainer, name: str, *, sort: bool = False) -> None:
        self.times = _Times(container) if sort else None
        self.container, self.name, self.damaged = container, name, False
        found = [stream for stream in container.streams.video if not stream.disposition & _COVER]
        if not found:
            raise ImageError(messages.NO_MOVING_PICTURES, name=name)
        self.stream, self.tracks = found[0], len(found)
        declared: Any = self.stream.codec_context
        if declared is None:  # of a codec that FFmpeg does not know
            raise ImageError(messages.NO_FRAME, name=name)
        if declared.width and declared.height:
            check_input_size(name, declared.width, declared.height)  # before anything is decoded
        self.size: tuple[int, int] | None = None
        self.tick = Fraction(self.stream.time_base or Fraction(1, 90_000))
        self.rate = Fraction(self.stream.guessed_rate or self.stream.average_rate or 25)

    def seek(self, time: Fraction) -> None:
        """Go on from a key frame that is shown before ``time``, if these are told apart by an index."""
        if self.container.format.name.startswith(("matroska", "mov")):
            before = time + origin(self.container) - _AHEAD
            with suppress(*failures()):
                self.container.seek(int(before / self.tick), stream=self.stream)

    def packets(self) -> Iterator[Packet[Any]]:
        end = Fraction(0)
        packets = self.container.demux()
        while True:
            try:
                packet = next(packets, None)
            except failures():
                self.damaged = True
                return
            if packet is None:
                break
            self.damaged |= packet.is_corrupt
            if packet.pts is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if packet.stream_index == self.stream.index and packet.size:
                if self.times:
                    self.times.note(packet)
                yield packet
        # These say at the beginning how long they are, and may tell of missing parts in no other way.
        promised = Fraction(self.container.duration or 0, 1_000_000)
        if self.container.format.name.startswith(("matroska", "mov")) and end < promised - Fraction(1, 4):
            self.damaged = True

    def frames(self) -> Iterator[VideoFrame]:
        """As they are coded: neither turned nor in RGB."""
        import av

        decoder: Any = self.stream.codec_context
        if has_alpha_track(self.stream) and decoder.name in _WITH_ALPHA:
            # FFmpeg's own decoders of these leave the transparency out.
            decoder = av.CodecContext.create(_WITH_ALPHA[decoder.name], "r")
            decoder.extradata = self.stream.codec_context.extradata
        # Frames may be larger than the file says: FFmpeg refuses those before it takes memory.
        decoder.options = {**decoder.options, "max_pixels": str(input_limit())}
        for packet in chain(self.packets(), [None]):  # None: out with what the decoder has kept back
            try:
                for frame in decoder.decode(packet):
                    self.damaged |= frame.is_corrupt
                    if self.times:
                        frame.pts = self.times.next_after(frame)
                    yield frame
            except av.FFmpegError:
                self.damaged = True

    def upright(self, frame: VideoFrame) -> Pixels:
        """(H, W, 3) or, with alpha, (H, W, 4) of square pixels; uint8, or uint16 of more bits. HDR becomes SDR."""
        self.size = width, height = self.size or (frame.width, frame.height)  # some change it in the middle
        aspect = self.stream.sample_aspect_ratio
        if aspect and Fraction(1, 4) <= aspect <= 4:  # others are a muxer's fault
            width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
        check_input_size(self.name, width, height)
        space = frame.colorspace
        if space == _UNSPECIFIED:  # what players then take
            space = _BT709 if frame.height >= 720 else _BT601
        alpha = any(component.is_alpha for component in frame.format.components)
        deep = depth_of(frame) > 8
        array = frame.to_ndarray(
            format=_FORMATS[alpha, deep],
            width=width, height=height, src_colorspace=space, interpolation=ACCURATE,
        )  # fmt: skip
        if colours.is_hdr(code := (frame.color_primaries, frame.color_trc)):
            array[..., :3] = colours.to_sdr(np.ascontiguousarray(array[..., :3]), code, _BRIGHTEST)
        side_data: Any = frame.side_data
        matrix = side_data.get("DISPLAYMATRIX")
        return array if matrix is None else _turned(array, bytes(matrix))


class _Times:
    """The times of frames in the order in which they are shown, where packets have those of decoding alone.

    A frame is shown at the least of the times that were read and not yet shown. Where frames could not be decoded, the
    next key frame sets it right: nothing that was decoded before is shown after it.
    """

    def __init__(self, container: InputContainer) -> None:
        self.of_decoding = container.format.name in _OF_DECODING
        self.waiting: list[int] = []  # a heap
        self.told: dict[int | None, int] = {}  # by what the decoder gives back

    def note(self, packet: Packet[Any]) -> None:
        """A packet goes to the decoder."""
        time = packet.dts if self.of_decoding and packet.dts is not None else packet.pts
        if time is None or packet.is_discard:
            return
        heappush(self.waiting, time)
        self.told[packet.pts] = time
        if len(self.told) > _MOST_DELAYED:
            del self.told[next(iter(self.told))]

    def next_after(self, frame: VideoFrame) -> int | None:
        """The time of the frame that is shown next."""
        own = self.told.pop(frame.pts, None)
        while self.waiting and (
            len(self.waiting) > _MOST_DELAYED or (frame.key_frame and own is not None and self.waiting[0] < own)
        ):
            heappop(self.waiting)
        return heappop(self.waiting) if self.waiting else None


def _is_of_decoding(path: Path) -> bool:
    """Whether a video's packets have the times of decoding alone, though its frames may be shown in another order."""
    with opened(path) as container:
        video = _Video(container, path.name)
        declared: Any = video.stream.codec_context
        if not declared.has_b_frames:
            return False
        times = [packet.pts for packet in islice(video.packets(), _LOOKED_AT)]
    known = [time for time in times if time is not None]
    return len(known) == len(times) > 2 and all(one < other for one, other in pairwise(known))


def depth_of(frame: VideoFrame) -> int:
    """Bits a channel."""
    return max(component.bits for component in frame.format.components)


def has_alpha_track(stream: VideoStream) -> bool:
    """Whether a WebM's pictures have a second stream of transparency within their own."""
    return any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())


def _turned(array: Pixels, matrix: bytes) -> Pixels:
    """Apply a display matrix: 32-bit numbers a, b, u, c, d, v, x, y, w, by which (x, y) goes to (ax + cy, bx + dy).

    Only turns by right angles and mirrors: players know no others, either.
    """
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    if abs(b) + abs(c) > abs(a) + abs(d):
        array, down, across = array.swapaxes(0, 1), b, c
    else:
        down, across = d, a
    return np.ascontiguousarray(array[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def _probe_video(path: Path) -> ClipHeader:
    with opened(path) as container:
        video = _Video(container, path.name)
        first = next(video.frames(), None)
        if first is None:
            raise ImageError(messages.NO_FRAME, name=path.name)
        array, sound = video.upright(first), bool(container.streams.audio)
        notices = []
        if colours.is_hdr((first.color_primaries, first.color_trc)):
            notices.append(tell(messages.CLIP_HDR))
        if video.tracks > 1:
            notices.append(tell(messages.MORE_PICTURES, count=video.tracks))
    with opened(path) as container:  # once more, from the start
        frames = sum(not packet.is_discard for packet in _Video(container, path.name).packets())
    return ClipHeader(
        animation=False, width=array.shape[1], height=array.shape[0], frames=frames,
        tick=video.tick, rate=video.rate, alpha=array.shape[2] == 4, depth=depth_of(first), sound=sound,
        notices=tuple(notices),
    )  # fmt: skip


def _read_video(
    path: Path, notices: list[Message], deinterlace: str, since: Fraction | None = None
) -> Iterator[Frame]:  # fmt: skip
    frames, progressive, sort = 0, Progressive(deinterlace), _is_of_decoding(path)
    with opened(path) as container:
        video = _Video(container, path.name, sort=sort)
        if since is not None and not sort:
            video.seek(since)
        tick, zero = video.tick, origin(container)
        held: Frame | None = None  # a frame ends where the next one begins
        for frame in progressive(video.frames()):
            start = Fraction(0) if held is None else held.end
            if frame.pts is not None:
                start = max(0, round((frame.pts * tick - zero) / tick)) * tick
            if held is not None:
                start = max(start, held.start + tick)  # times that stand still or go back are a muxer's fault
                yield replace(held, end=start)
                frames += 1
            array = video.upright(frame)
            held = Frame(
                pixels=np.ascontiguousarray(array[..., :3]),
                alpha=np.ascontiguousarray(array[..., 3]) if array.shape[2] == 4 else None,
                start=start,
                end=start + ((frame.duration or 0) * tick or 1 / video.rate),
            )
        if held is None:
            raise ImageError(messages.NO_FRAME, name=path.name)
        yield held
        if progressive.count:
            notices.append(tell(messages.CLIP_DEINTERLACED, frames=progressive.count))
        if video.damaged:
            notices.append(tell(messages.CLIP_DAMAGED, frames=frames + 1))


# ---- animated pictures -----------------------------------------------------------------------------------------------


def _probe_animation(path: Path) -> ClipHeader:
    header = probe_picture(path)
    check_input_size(path.name, header.width, header.height)  # before anything is decoded
    first = next(_read_animation(path, []))
    with _animation(path) as image:
        loop = image.info.get("loop")
        plays = int(loop or 0)
        if header.format == "GIF":  # counts the repetitions, and is played once where it says nothing
            plays = 1 if loop is None else plays + 1 if plays else 0
        frames = header.frames - bool(getattr(image, "default_image", False))
    return ClipHeader(
        animation=True, width=first.pixels.shape[1], height=first.pixels.shape[0], frames=frames,
        tick=Fraction(1, 1000), rate=1 / (first.end - first.start), alpha=first.alpha is not None, plays=plays,
    )  # fmt: skip


@contextmanager
def _animation(path: Path) -> Iterator[ImageFile]:
    with opened_file(path) as file:
        image = open_image(file)
        if image is None:
            raise ImageError(messages.DAMAGED, name=path.name)
        yield image


def _read_animation(path: Path, notices: list[Message]) -> Iterator[Frame]:
    frames, start, damaged = 0, Fraction(0), False
    with _animation(path) as image:
        # A PNG may begin with a picture for programs that know no APNG.
        for number in count(int(getattr(image, "default_image", False))):
            try:
                image.seek(number)
                array = np.asarray(image.convert("RGBA"))
            except EOFError:
                break
            except Exception:  # decoders meet a damaged file with nearly every exception that Python has
                damaged = True
                break
            duration = round(image.info.get("duration") or 0)
            end = start + Fraction(duration if duration > 10 else 100, 1000)  # as browsers have it
            opaque = array[..., 3].min() == 255
            yield Frame(
                pixels=np.ascontiguousarray(array[..., :3]),
                alpha=None if opaque else np.ascontiguousarray(array[..., 3]),
                start=start,
                end=end,
            )
            frames, start = frames + 1, end
    if not frames:
        raise ImageError(messages.DAMAGED, name=path.name)
    if damaged:
        notices.append(tell(messages.CLIP_DAMAGED, frames=frames))
