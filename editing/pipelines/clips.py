"""A clip, frame by frame, by any pipeline of pictures, in bounded memory: :func:`run_clip`.

Frames are read, steadied (see ``steady``), done and encoded one at a time. What is done lies in parts in a folder
beside the output, ``big.mp4.parts``: a part ends after 250 frames or five minutes, whichever comes first, and when the
run is stopped. The same call later goes on after the last finished part, with the same frames as a run without a break;
another input or other options begin anew. A stopped run also joins what is done into ``big.partial.mp4``, to be
watched. When all is done the parts become the output, and folder and partial clip are removed.

Several machines do one clip in pieces (:func:`in_pieces`): each goes on from where another run might have been stopped,
in a folder of its own within that one, and the run that finds all frames done joins them.
"""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from editing import messages
from editing.clips.read import ClipHeader, Frame, opened, probe_clip, read_frames, read_frames_since
from editing.clips.steady import Steady
from editing.clips.write import (
    KEPT,
    Part,
    PartFile,
    check_size,
    check_target,
    depth_kept,
    format_of,
    join_parts,
    writing,
)
from editing.errors import EditingError, ImageError, Stopped
from editing.messages import Message, tell
from editing.pictures.picture import Picture, Pixels, to_depth
from editing.report import Report, silent
from editing.runtime import give_way
from editing.settings import sha256_of, written

PART_FRAMES = 250  # x264 begins a new group of pictures as often, so that parts cost nothing
PART_SECONDS = 300  # what is lost at most when the machine goes down
SECONDS_PER_OUTPUT_PIXEL = 1e-7  # reading, steadying and encoding, on one core


class Frames(Protocol):
    """A pipeline of pictures as it does the frames of one clip, one after the other; what it remembers it can tell."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every result."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What it takes to do the same again."""

    @property
    def computed_by(self) -> Sequence[str]:
        """What else a result depends on, such as the device: a stopped run goes on where all this is the same."""

    @property
    def alone(self) -> bool:
        """Whether a frame's result depends on no other frame, so that several machines can share a clip."""

    def __call__(self, frame: Picture, report: Report) -> Picture:
        """The next frame's result; ``report`` is asked within it."""

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """What it takes to go on in another process, by :meth:`restore`."""

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` gave."""


@dataclass(frozen=True, kw_only=True)
class ClipResult:
    """What was made; ``notices`` says what could not be read or kept."""

    width: int
    height: int
    frames: int
    seconds: float  # how long the clip is
    recipe: Mapping[str, Any]
    notices: tuple[Message, ...]


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """How a clip is done within :func:`in_pieces`, and what was found."""

    only: tuple[int, int] | None  # the frames to be done, from the first to before the second; None: look for them
    found: list[tuple[int, int]] = field(default_factory=list)  # all of them, where there are several


_pieces: ContextVar[Pieces | None] = ContextVar("pieces", default=None)


@contextmanager
def in_pieces(only: tuple[int, int] | None = None) -> Iterator[Pieces]:
    """In this block a clip is only looked at, for pieces; or, with ``only``, one of them is done.

    A piece is as long as a part is at most, so that each part is encoded as it would be otherwise. After all pieces a
    run outside of such a block joins them. What a run in here returns is of no use, nor is what it says.
    """
    token = _pieces.set(Pieces(only=only))
    try:
        yield _pieces.get() or Pieces(only=only)
    finally:
        _pieces.reset(token)


def partial(target: Path) -> Path:
    """Where a stopped run puts what is done."""
    return target.with_name(f"{target.stem}.partial{target.suffix}")


def run_clip(
    source: Path,
    target: Path,
    make: Callable[[ClipHeader, Picture | None], Frames],
    *,
    steady: float,
    deinterlace: str = "auto",
    report: Report = silent,
    strip: bool = False,
    keep_gps: bool = False,
) -> ClipResult:
    """Do the clip ``source`` into ``target``, whose suffix tells the format (``clip_writer`` says what it keeps).

    ``make`` is given the clip's header and its first frame (None: there is none) and gives what does all frames: what
    has to be the same for all, such as a noise level, it takes from these. ``steady`` is :class:`Steady`'s strength,
    ``deinterlace`` as in ``read_frames``; both are noted in the recipe. ``report`` counts frames, and is asked within
    each, too; when it raises Stopped, or the keyboard interrupts, what is done can be watched in :func:`partial` and
    gone on from. ``strip`` leaves out all metadata, the recipe and the titles of tracks and chapters, too; ``keep_gps``
    keeps the place. Raises OptionError, ImageError (unreadable, too large, not to be written), and whatever ``make``,
    what it gives, and ``report`` raise.
    """
    check_target(target)
    if not target.parent.is_dir():
        raise ImageError(messages.NO_FOLDER, name=target.name, folder=target.parent.name)
    header = probe_clip(source)
    first = next(read_frames(source, [], deinterlace), None)
    frames = make(header, _picture(first, None) if first else None)
    width, height = frames.size
    check_size(target, width, height)
    depth = depth_kept(target, header.depth, width, height, alpha=header.alpha)
    made = noted(frames.recipe, steady, deinterlace)
    asked = {"source": sha256_of(source), "recipe": made, "backend": list(frames.computed_by), "depth": depth}
    pieces = _pieces.get()
    only = pieces.only if pieces else None
    work = _Work(target, asked, header, frames, Steady(steady) if steady else None, only)
    finish: dict[str, Any] = {
        "tick": header.tick,
        "plays": header.plays,
        "tracks_of": None if header.animation else source,
        "named": not strip,
        "metadata": {} if strip else _metadata(source, header, keep_gps),
        "recipe": None if strip else made,
    }
    notices = [*header.notices, *_of_depth(target, header.depth, depth)]
    with work:
        if pieces and not pieces.only and frames.alone:
            pieces.found.extend(_find_pieces(source, work, report))
            if pieces.found:
                return _piecemeal(work)
        try:
            _do_frames(source, header, work, notices, report)
        except EditingError as error:
            with suppress(ImageError):  # what stopped us may be a full disk
                work.finish_part()
                if isinstance(error, Stopped) and work.parts:
                    join_parts(work.parts, partial(target), end=work.end, complete=False, **finish)
            raise
        work.finish_part()
        if pieces and pieces.only:
            return _piecemeal(work)
        notices += work.notices
        notices += join_parts(work.parts, target, end=work.end, **finish)
        if target.suffix.lower() == ".mp4" and (width % 2 or height % 2):
            notices.append(tell(messages.CLIP_PADDED, format="MP4"))
        partial(target).unlink(missing_ok=True)
        work.done = True
    return ClipResult(
        width=width, height=height, frames=work.frames, seconds=float(work.end - work.parts[0].start), recipe=made,
        notices=tuple(notices),
    )  # fmt: skip


def noted(recipe: Mapping[str, Any], steady: float, deinterlace: str) -> dict[str, Any]:
    """A pipeline's recipe as that of a clip."""
    return {**recipe, "options": {**recipe["options"], "steady": steady, "deinterlace": deinterlace}}


def _of_depth(target: Path, depth: int, kept: int) -> list[Message]:
    """What is said of a clip of so many bits a channel."""
    said = []
    if kept < depth:
        said.append(tell(messages.CLIP_DEPTH, depth=depth, format=format_of(target), kept=kept))
    if kept > 8 and target.suffix.lower() == ".mp4":
        said.append(tell(messages.CLIP_HEVC, depth=kept))
    return said


def _piecemeal(work: _Work) -> ClipResult:
    """For a run that is one of several: nobody looks at it."""
    width, height = work.do.size
    return ClipResult(
        width=width, height=height, frames=work.frames, seconds=0, recipe=work.asked["recipe"], notices=()
    )  # fmt: skip


def _find_pieces(source: Path, work: _Work, report: Report) -> list[tuple[int, int]]:
    """Where a clip can be cut, with what it takes to begin there left in the folders; none where it is one piece.

    Of a clip that was cut before, the pieces that are not done.
    """
    if known := work.pieces():
        return [piece for piece in known if not work.has(*piece)]
    first, frames, previous = work.frames, 0, None
    steady = copy.deepcopy(work.steady)
    begins: list[int] = []
    for index, frame in enumerate(read_frames(source, [], work.deinterlace)):
        report(work.frames, max(work.header.frames, index + 1))
        same = previous is not None and _equal(frame, previous)
        previous, frames = frame, index + 1
        if index < first:
            continue
        if (index - first) % PART_FRAMES == 0:
            begins.append(index)
            work.leave(index, frame.start, steady)
        if steady is not None and not same:
            steady.add(frame.pixels)
    if len(begins) < 2:
        return []
    work.note_pieces(list(pairwise([*begins, frames])))
    return work.pieces()


def _do_frames(source: Path, header: ClipHeader, work: _Work, notices: list[Message], report: Report) -> None:
    """Do the frames that are not done yet."""
    previous: Frame | None = None
    result: Picture | None = None
    report(work.frames, header.frames)
    for index, frame in work.read(source, notices):
        total = max(header.frames, index + 1)
        # GIFs and screen recordings hold many frames twice: nothing of them is computed again.
        same = previous is not None and _equal(frame, previous)
        previous = frame
        if index < work.frames:
            report(work.frames, total)
            continue
        if index == work.until:
            break
        if not same and work.steady is not None:
            work.steady.add(frame.pixels)
        if not same or result is None:
            picture = _picture(frame, work.steady)
            result = work.do(picture, lambda done, tiles, note="", now=index, of=total: report(now, of))
        bits = 8 if work.depth == 8 else 16
        pixels, alpha = to_depth(result.pixels, bits), None if result.alpha is None else to_depth(result.alpha, bits)
        work.add(pixels, alpha, frame)
        report(index + 1, total)
        give_way()  # a picture is not to wait for hours
    if work.flattened:
        notices.append(tell(messages.ALPHA_FLATTENED, format=format_of(work.target)))


def _equal(one: Frame, other: Frame) -> bool:
    alphas = one.alpha is other.alpha or (
        one.alpha is not None and other.alpha is not None and np.array_equal(one.alpha, other.alpha)
    )
    return alphas and np.array_equal(one.pixels, other.pixels)


def _picture(frame: Frame, steadied: Steady | None) -> Picture:
    """The frame as a picture; steadied ones have 16 bits, since a mean lies between the levels of 8."""
    if steadied is None:
        return Picture(pixels=frame.pixels, alpha=frame.alpha)
    alpha = None if frame.alpha is None else to_depth(frame.alpha, 16)
    return Picture(pixels=steadied.current(), alpha=alpha)


def _metadata(source: Path, header: ClipHeader, keep_gps: bool) -> dict[str, str]:
    if header.animation:
        return {}
    with opened(source) as container:
        kept = (*KEPT, "location") if keep_gps else KEPT
        return {key: value for key, value in container.metadata.items() if key in kept}


class _Work:
    """The folder of what is done, as a context: taken by one process at a time, and removed where it is of no use.

    ``state.json`` lists the finished parts and what was asked for; ``NNN.npz`` is what the temporal blend and the
    pipeline remember after frame NNN. Both are replaced at the end of a part, so that they always fit together.
    ``pieces.json`` lists the frames of pieces, each of which has such a folder of its own in this one, called after its
    first frame.
    """

    def __init__(
        self, target: Path, asked: Mapping[str, Any], header: ClipHeader, do: Frames, steady: Steady | None,
        only: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.target, self.asked, self.header, self.do, self.steady = target, asked, header, do, steady
        self.depth: int = asked["depth"]
        self.deinterlace: str = asked["recipe"]["options"]["deinterlace"]
        self.only, self.until = only, only[1] if only else None
        self.folder = target.with_name(f"{target.name}.parts")
        if only:
            self.folder /= str(only[0])
        self.parts: list[PartFile] = []
        self.frames, self.end = 0, Fraction(0)
        self.flattened = False  # transparency was lost
        self.done = self.cut = False
        self.notices: list[Message] = []
        self.part: Part | None = None
        self.part_start, self.part_frames, self.part_began = Fraction(0), 0, 0.0

    def __enter__(self) -> _Work:
        with writing(self.target):
            self.folder.mkdir(exist_ok=True)
            self.lock = FileLock(self.folder / "lock")
            try:
                self.lock.acquire(timeout=0)
            except Timeout as error:
                raise ImageError(messages.ALREADY_RUNNING, name=self.target.name) from error
        try:
            self._resume()
        except BaseException:
            self.lock.release()
            raise
        return self

    def _resume(self) -> None:
        try:
            state = self._state(self.folder)
            if state["asked"] != self.asked:
                self.notices.append(tell(messages.CLIP_ANEW))
                raise KeyError
            self._take(self.folder, state)
        except (OSError, ValueError, KeyError, TypeError) as error:  # none, another's, or damaged
            if self.only:
                raise ImageError(messages.CLIP_PIECE_LOST, name=self.target.name) from error
            self._empty()
            return
        if self.frames:
            self.notices.append(tell(messages.CLIP_RESUMED, frames=self.frames))
        with suppress(OSError, ValueError, KeyError, TypeError):  # up to the first piece that is not done
            for first, last in self.pieces():
                if first != self.frames or not self.has(first, last):
                    break
                self._take(self.folder / str(first), self._state(self.folder / str(first)))

    @staticmethod
    def _state(folder: Path) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return state

    def _take(self, folder: Path, state: Mapping[str, Any]) -> None:
        """Go on after what the folder holds; raises OSError, ValueError, KeyError or TypeError where it is damaged."""
        parts = [PartFile(path=folder / part[0], start=Fraction(part[1])) for part in state["parts"]]
        if not all(part.path.is_file() for part in parts):
            raise KeyError
        with np.load(folder / f"{state['frames']}.npz") as arrays:
            kept = {key.partition(".")[::2]: array for key, array in arrays.items()}
        if self.steady is not None and state["frames"]:
            self.steady.restore({name: array for (whose, name), array in kept.items() if whose == "steady"})
        self.do.restore({name: array for (whose, name), array in kept.items() if whose == "do"})
        self.parts += parts
        self.frames, self.end = state["frames"], Fraction(state["end"])
        self.flattened |= state["flattened"]

    def _empty(self) -> None:
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != "lock":
                path.unlink(missing_ok=True)

    def read(self, source: Path, notices: list[Message]) -> Iterator[tuple[int, Frame]]:
        """The frames with their numbers; of a piece, those before it have the number -1, and some are left out."""
        if self.until is None:
            yield from enumerate(read_frames(source, notices, self.deinterlace))
            return
        since, index = self.end, self.frames
        for frame in read_frames_since(source, since, self.deinterlace):
            if frame.start < since:
                yield -1, frame
            else:
                yield index, frame
                index += 1

    def pieces(self) -> list[tuple[int, int]]:
        """What :meth:`note_pieces` has noted; nothing where there is none, or other things were asked."""
        try:
            noted = json.loads((self.folder / "pieces.json").read_text(encoding="utf-8"))
            pieces = (
                [(int(first), int(last)) for first, last in noted["pieces"]] if noted["asked"] == self.asked else []
            )
        except (OSError, ValueError, KeyError, TypeError):
            return []
        self.cut = bool(pieces)
        return pieces

    def has(self, first: int, last: int) -> bool:
        """Whether this piece is done."""
        try:
            state = self._state(self.folder / str(first))
            return bool(state["asked"] == self.asked and state["frames"] == last)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def note_pieces(self, pieces: Sequence[tuple[int, int]]) -> None:
        """Note the frames of pieces, for each of which :meth:`leave` has left something."""
        with writing(self.target):
            self._note()
            with written(self.folder / "pieces.json") as file:
                file.write_text(json.dumps({"asked": self.asked, "pieces": pieces}), encoding="utf-8")

    def leave(self, index: int, start: Fraction, steady: Steady | None) -> None:
        """Let a piece begin with this frame, which is shown at ``start``: as if what comes before were done."""
        folder = self.folder / str(index)
        with writing(self.target):
            folder.mkdir(exist_ok=True)
            _write_state(folder, index, start, [], self, steady)

    def add(self, pixels: Pixels, alpha: Pixels | None, frame: Frame) -> None:
        """Append a frame that is done."""
        if self.part is None:
            self.part_start, self.part_frames, self.part_began = frame.start, 0, time.monotonic()
            path = self.folder / f"{self.frames}{self.target.suffix}"
            self.part = Part(
                path,
                self.target,
                *self.do.size,
                tick=self.header.tick,
                rate=self.header.rate,
                alpha=self.header.alpha,
                depth=self.depth,
            )
        self.flattened |= not self.part.add(pixels, alpha, frame.start - self.part_start, frame.end - self.part_start)
        self.frames, self.part_frames, self.end = self.frames + 1, self.part_frames + 1, frame.end
        if self.part_frames >= PART_FRAMES or time.monotonic() - self.part_began > PART_SECONDS:
            self.finish_part()

    def finish_part(self) -> None:
        """Close the part being written, if any, and note what is done."""
        if self.part is None:
            return
        part, self.part = self.part, None
        part.close()
        self.parts.append(PartFile(path=part.path, start=self.part_start))
        with writing(self.target):
            self._note()

    def _note(self) -> None:
        _write_state(self.folder, self.frames, self.end, self.parts, self, self.steady)
        for path in self.folder.glob("*.npz"):
            if path.name != f"{self.frames}.npz":
                path.unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        self.lock.release()
        if self.done or not (self.parts or self.cut or self.only):
            shutil.rmtree(self.folder, ignore_errors=True)


def _write_state(
    folder: Path, frames: int, end: Fraction, parts: Sequence[PartFile], work: _Work, steady: Steady | None
) -> None:
    """What :meth:`_Work._take` reads."""
    remembered = {f"do.{name}": array for name, array in work.do.state().items()}
    if steady is not None:
        remembered |= {f"steady.{name}": array for name, array in steady.state().items()}
    np.savez(folder / f"{frames}.npz", **remembered)  # type: ignore[arg-type]
    state = {
        "asked": work.asked,
        "frames": frames,
        "end": str(end),
        "flattened": work.flattened,
        "parts": [[part.path.relative_to(folder).as_posix(), str(part.start)] for part in parts],
    }
    with written(folder / "state.json") as file:
        file.write_text(json.dumps(state), encoding="utf-8")
