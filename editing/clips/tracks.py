"""What stands beside a clip's pictures, into another clip: sound, subtitles, chapters, and what tracks are called.

Packet by packet: nothing is held but the packet under way. What the container holds is copied as it is; other sound is
encoded anew (AAC, Opus; stereo), and other text becomes its own kind of subtitles. Subtitles that are pictures (DVD,
Blu-ray, DVB) are left out, which is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editing import messages
from editing.clips.read import failures, opened, origin
from editing.messages import Message, Text, tell

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

_COPIED = {  # sound that a container holds as it is
    ".mp4": ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"),
    ".webm": ("opus", "vorbis"),
}
_SUBTITLES = {".mp4": "mov_text", ".webm": "webvtt"}  # a container's own
_TEXT = 1 << 17  # FFmpeg's property of subtitles that are text
_FOR_EVER = (1 << 32) - 1  # what FFmpeg says of subtitles that say no end
_MILLISECOND = Fraction(1, 1000)


def carry(
    path: Path, output: OutputContainer, target: Path, stack: ExitStack, notices: list[Message], *, end: Fraction,
    named: bool,
) -> list[Iterator[Packet[Any]]]:  # fmt: skip
    """Add what stands beside the pictures of the video ``path`` to ``output``, which holds the pictures' track.

    Gives the packets of each track; what can't be kept is added to ``notices``, some of it only when they are read.
    ``stack`` closes what is opened here. Chapters and subtitles reach to the clip's ``end``. Without ``named``, tracks
    and chapters have no titles. Raises ImageError where the video can't be opened.
    """
    with opened(path) as source:
        pictures = [stream for stream in source.streams.video if stream.codec_context is not None]
        if pictures:
            _name(pictures[0], output.streams.video[0], named)
        output.set_chapters(_chapters(source, end, named))
        sounds, texts = len(source.streams.audio), len(source.streams.subtitles)
    tracks = []
    for number in range(sounds):
        source = stack.enter_context(opened(path))  # each its own, to be read side by side
        tracks.append(_sound(source, number, output, target, notices, named))
    for number in range(texts):
        source = stack.enter_context(opened(path))
        tracks.append(_subtitles(source, number, output, target, notices, named, end))
    return [track for track in tracks if track is not None]


def not_kept(path: Path, format: str) -> list[Message]:
    """What is said where a video becomes an animated picture, which holds nothing beside its pictures."""
    with opened(path) as source:
        streams = source.streams
        said = ((streams.audio, messages.SOUND_DROPPED), (streams.subtitles, messages.SUBTITLES_DROPPED))
        return [tell(text, format=format) for found, text in said if found]


def _name(stream: Stream, added: Any, named: bool) -> None:
    """Give a track the other's language, what it is for, and its title."""
    said: Mapping[str, str] = {key.lower(): value for key, value in stream.metadata.items()}
    title = said.get("title") or said.get("name")  # MP4's word
    kept = {"language": said.get("language"), "title": title if named else None}
    added.metadata.update({key: value for key, value in kept.items() if value})
    if stream.type != "video":  # of pictures it is whether they are a cover
        added.disposition = stream.disposition


def _chapters(source: InputContainer, end: Fraction, named: bool) -> list[Any]:
    zero = origin(source)
    found: list[dict[str, Any]] = []
    for chapter in source.chapters():
        tick = chapter["time_base"] or _MILLISECOND
        start, stop = (chapter[key] * tick - zero for key in ("start", "end"))
        start, stop = max(start, Fraction(0)), min(stop, end)
        if start < stop:
            title = next((value for key, value in chapter["metadata"].items() if key.lower() == "title"), "")
            found.append({
                "id": len(found) + 1, "start": round(start * 1000), "end": round(stop * 1000),
                "time_base": _MILLISECOND, "metadata": {"title": title} if title and named else {},
            })  # fmt: skip
    return found


def _until_damaged(packets: Iterator[Packet[Any]], notices: list[Message], text: Text) -> Iterator[Packet[Any]]:
    try:
        yield from packets
    except failures():
        notices.append(tell(text))


# ---- sound -----------------------------------------------------------------------------------------------------------


def _sound(
    source: InputContainer, number: int, output: OutputContainer, target: Path, notices: list[Message], named: bool
) -> Iterator[Packet[Any]] | None:
    """One of the source's sound tracks, as a new stream of the output, which is added at once."""
    stream = source.streams.audio[number]
    if stream.codec_context is None:  # of a codec that FFmpeg does not know
        notices.append(tell(messages.SOUND_UNKNOWN, number=number + 1))
        return None
    codec = stream.codec_context.name
    copied = codec.removesuffix("float") in _COPIED[target.suffix.lower()]
    added: Any
    if copied:
        added = output.add_stream_from_template(stream)
    else:
        new = {".mp4": "aac", ".webm": "libopus"}[target.suffix.lower()]
        rate = stream.rate if new == "aac" and stream.rate in (32000, 44100, 48000) else 48000
        added = output.add_stream(new, rate=rate)
        added.layout = "mono" if stream.layout.nb_channels == 1 else "stereo"
        added.bit_rate = 96000 * added.layout.nb_channels
        words = {"libopus": "Opus", "aac": "AAC"}[new]
        said = tell(messages.SOUND_ENCODED, format=_format(target), codec=codec, new=words)
        if str(said) not in map(str, notices):  # of another track
            notices.append(said)
    _name(stream, added, named)
    packets = _copied(source, stream, added) if copied else _encoded(source, stream, added)
    return _until_damaged(packets, notices, messages.SOUND_DAMAGED)


def _copied(source: InputContainer, stream: Any, added: Any) -> Iterator[Packet[Any]]:
    zero = origin(source)
    for packet in source.demux(stream):
        if packet.dts is None or packet.pts is None:
            continue
        shift = round(zero / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = added
        yield packet


def _encoded(source: InputContainer, stream: Any, added: Any) -> Iterator[Packet[Any]]:
    zero = origin(source)
    for packet in source.demux(stream):
        for frame in packet.decode():
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(zero / frame.time_base)
            yield from added.encode(frame)
    yield from added.encode()


# ---- subtitles -------------------------------------------------------------------------------------------------------


def _subtitles(
    source: InputContainer, number: int, output: OutputContainer, target: Path, notices: list[Message], named: bool,
    end: Fraction,
) -> Iterator[Packet[Any]] | None:  # fmt: skip
    """One of the source's subtitle tracks, as a new stream of the output; None where that can't hold it."""
    stream: Any = source.streams.subtitles[number]
    context, own = stream.codec_context, _SUBTITLES[target.suffix.lower()]
    if context is None or not context.codec.properties & _TEXT:
        kind = "?" if context is None else context.name
        notices.append(tell(messages.SUBTITLES_LEFT, format=_format(target), number=number + 1, kind=kind))
        return None
    added: Any
    if context.name == own:
        added = output.add_stream_from_template(stream)
        packets = source.demux(stream)
    else:
        context.open(strict=False)  # its styles are known from now on
        added = output.add_stream(own)
        added.codec_context.subtitle_header = context.subtitle_header
        added.time_base = added.codec_context.time_base = _MILLISECOND
        packets = _converted(source, stream, added, notices)
    _name(stream, added, named)
    packets = _within(packets, added, origin(source), end)
    return _until_damaged(packets, notices, messages.SUBTITLES_DAMAGED)


def _converted(
    source: InputContainer, stream: Any, added: Any, notices: list[Message]
) -> Iterator[Packet[Any]]:  # fmt: skip
    """Text in the output's own kind; what is damaged is left out."""
    damaged = False
    for packet in source.demux(stream):
        if packet.pts is None or not packet.size:
            continue
        try:
            text = stream.codec_context.decode2(packet)
            if not text:  # an empty one marks an end
                continue
            lasts = packet.duration * packet.time_base
            if not lasts and 0 < text.end_display_time < _FOR_EVER:
                lasts = text.end_display_time * _MILLISECOND
            made = added.codec_context.encode_subtitle(text)
        except failures():
            damaged = True
            continue
        made.time_base = packet.time_base
        made.pts, made.duration = packet.pts, round(lasts / packet.time_base)
        yield made
    if damaged:
        notices.append(tell(messages.SUBTITLES_DAMAGED))


def _within(
    packets: Iterator[Packet[Any]], added: Any, zero: Fraction, end: Fraction
) -> Iterator[Packet[Any]]:  # fmt: skip
    """Those of the packets that are shown before the clip's end, in its time; without a length: until the next."""
    held: Packet[Any] | None = None
    last = 0
    for packet in packets:
        if packet.pts is None or not packet.size:
            continue
        tick = packet.time_base
        start = packet.pts - round(zero / tick)
        if start < last or start * tick >= end:
            continue
        if held is not None:
            held.duration = held.duration or start - (held.pts or 0)
            yield held
        packet.pts = packet.dts = last = start
        packet.duration = min(packet.duration or 0, round(end / tick) - start)
        packet.stream = added
        held = packet
    if held is not None:
        held.duration = held.duration or round(end / held.time_base) - (held.pts or 0)
        yield held


def _format(target: Path) -> str:
    return {".webm": "WebM"}.get(target.suffix.lower(), "MP4")
