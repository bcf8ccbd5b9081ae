"""What a file is that is no picture or no clip, told by its first bytes, so that an error can say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from editing import messages
from editing.messages import Message, Text, tell

_HEAD = 4096  # bytes that are looked at
_OF_PICTURES = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jxl ")
_PACKET = 188  # bytes of a transport stream's


def kind_of(file: IO[bytes]) -> Message | None:
    """What an opened file is, in words; None where nothing tells."""
    file.seek(0)
    head = file.read(_HEAD)
    for text, format, is_it in _KINDS:
        if is_it(head):
            return tell(text, format=format)
    return None


def is_of_video(kind: Message) -> bool:
    """Whether :func:`kind_of` tells of a video."""
    return kind.text == messages.KIND_VIDEO


def _starts(*marks: bytes, at: int = 0) -> Callable[[bytes], bool]:
    return lambda head: head[at:].startswith(marks)


def _riff(name: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(b"RIFF") and head[8:12] == name


def _is_box(head: bytes) -> bool:
    if head[4:8] == b"ftyp" and head[8:12] in _OF_PICTURES:
        return False
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide")


def _is_transport(head: bytes) -> bool:
    return any(
        len(head) > first + 3 * size and all(head[first + number * size] == 0x47 for number in range(4))
        for first, size in ((0, _PACKET), (4, _PACKET + 4))
    )


def _is_mp3(head: bytes) -> bool:
    """An ID3 tag, or a frame's header: eleven bits set, layer III."""
    return head.startswith(b"ID3") or (len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2)


def _is_aac(head: bytes) -> bool:
    return len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _says(*words: bytes) -> Callable[[bytes], bool]:
    return lambda head: _is_text(head) and any(word in head[:1024].lower() for word in words)


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    if not head.strip() or any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head[:-4].decode("utf-8")  # the end may be in the middle of a letter
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 8
    return True


_KINDS: tuple[tuple[Text, str, Callable[[bytes], bool]], ...] = (
    (messages.KIND_DOCUMENT, "PDF", _starts(b"%PDF-")),
    (messages.KIND_ARCHIVE, "ZIP", _starts(b"PK\3\4", b"PK\5\6")),
    (messages.KIND_ARCHIVE, "RAR", _starts(b"Rar!\x1a\7")),
    (messages.KIND_ARCHIVE, "7z", _starts(b"7z\xbc\xaf\x27\x1c")),
    (messages.KIND_ARCHIVE, "gzip", _starts(b"\x1f\x8b")),
    (messages.KIND_ARCHIVE, "DOC", _starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    (messages.KIND_SOUND, "M4A", _starts(b"ftypM4A", b"ftypM4B", at=4)),
    (messages.KIND_VIDEO, "MP4/MOV", _is_box),
    (messages.KIND_VIDEO, "MKV/WebM", _starts(b"\x1a\x45\xdf\xa3")),
    (messages.KIND_VIDEO, "AVI", _riff(b"AVI ")),
    (messages.KIND_VIDEO, "WMV", _starts(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
    (messages.KIND_VIDEO, "MPEG", _starts(b"\0\0\1\xba", b"\0\0\1\xb3")),
    (messages.KIND_VIDEO, "TS", _is_transport),
    (messages.KIND_VIDEO, "MXF", _starts(b"\x06\x0e\x2b\x34")),
    (messages.KIND_VIDEO, "DV", _starts(b"\x1f\x07\0")),
    (messages.KIND_VIDEO, "FLV", _starts(b"FLV\1")),
    (messages.KIND_SOUND, "WAV", _riff(b"WAVE")),
    (messages.KIND_SOUND, "FLAC", _starts(b"fLaC")),
    (messages.KIND_SOUND, "Ogg", _starts(b"OggS")),
    (messages.KIND_SOUND, "MIDI", _starts(b"MThd")),
    (messages.KIND_SOUND, "AIFF", _starts(b"FORM")),
    (messages.KIND_SOUND, "MP3", _is_mp3),
    (messages.KIND_SOUND, "AAC", _is_aac),
    (messages.KIND_PROGRAM, "", _starts(b"\x7fELF", b"MZ")),
    (messages.KIND_DRAWING, "", _says(b"<svg")),
    (messages.KIND_WEB_PAGE, "", _says(b"<html", b"<!doctype html")),
    (messages.KIND_PLAYLIST, "", _says(b"#extm3u", b"ffconcat version")),
    (messages.KIND_TEXT, "", _is_text),
)
