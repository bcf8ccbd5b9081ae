"""Interlaced frames made progressive: two half pictures, of other moments, combed into one frame, become one picture.

FFmpeg's bwdif fills in the lines of the later half picture from those around them, in the frames before and after too
(motion-adaptive, after the BBC's w3fdif). One frame comes out for each, so that times stay as they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av import VideoFrame

FRAMES_BEFORE = 1  # that have to be read before a frame for it to become what it is in the whole clip


class Progressive:
    """Makes the frames of a clip progressive as ``how`` says: auto (those that say they are interlaced), on, off.

    ``count`` says, after use, how many were not.
    """

    def __init__(self, how: str) -> None:
        self.how, self.count = how, 0

    def __call__(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """One frame for each, with its time. Clips without such frames cost nothing."""
        if self.how == "off":
            yield from frames
            return
        filtered: _Filter | None = None
        before: VideoFrame | None = None
        for frame in frames:
            combed = self.how == "on" or frame.interlaced_frame
            if filtered is not None and not filtered.fits(frame):  # some change in the middle
                yield from filtered.end()
                filtered = before = None
            if filtered is None and combed and _large_enough(frame):
                filtered = _Filter(frame, self.how)
                if before is not None and filtered.fits(before):
                    filtered.push(before, shown=False)
            self.count += combed and filtered is not None
            if filtered is None:
                yield frame
            else:
                yield from filtered.push(frame)
            before = frame
        if filtered is not None:
            yield from filtered.end()


class _Filter:
    """FFmpeg's bwdif for frames like ``first``, which keeps one frame back."""

    def __init__(self, first: VideoFrame, how: str) -> None:
        import av.filter

        graph = av.filter.Graph()
        which = "all" if how == "on" else "interlaced"
        chosen, self.sink = graph.add("bwdif", f"mode=send_frame:deint={which}"), graph.add("buffersink")
        self.feed = graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=Fraction(1, 25)
        )
        self.feed.link_to(chosen)
        chosen.link_to(self.sink)
        graph.configure()
        self.graph, self.shape = graph, _shape(first)
        self.waiting: deque[tuple[int | None, int, bool]] = deque()  # time, length, whether it is shown
        self.number = 0

    def fits(self, frame: VideoFrame) -> bool:
        return self.shape == _shape(frame)

    def push(self, frame: VideoFrame, *, shown: bool = True) -> list[VideoFrame]:
        """Give a frame, and take those that are ready."""
        self.waiting.append((frame.pts, frame.duration, shown))
        frame.pts, self.number = self.number, self.number + 1  # the filter needs times, but is not to change ours
        self.feed.push(frame)
        frame.pts = self.waiting[-1][0]
        return self._ready()

    def end(self) -> list[VideoFrame]:
        """The last."""
        self.feed.push(None)
        return self._ready()

    def _ready(self) -> list[VideoFrame]:
        import av

        ready: list[VideoFrame] = []
        while True:
            try:
                made: Any = self.sink.pull()
            except (BlockingIOError, av.EOFError):
                return ready
            if self.waiting:
                made.pts, made.duration, shown = self.waiting.popleft()
                if shown:
                    ready.append(made)


def _shape(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _large_enough(frame: VideoFrame) -> bool:
    return min(frame.width, frame.height) >= 16  # bwdif refuses planes of less than 4 lines
