"""Enlarge a clip, or clean it at its own size: every frame by the pipeline of pictures, in bounded memory.

Frames are read, steadied (see ``steady``), enlarged and encoded one at a time. What is done lies in parts in a folder
beside the output, ``big.mp4.parts``: a part ends after 250 frames or five minutes, whichever comes first, and when the
run is stopped. The same call later goes on after the last finished part, with the same frames as a run without a
break; another input or other options begin anew. A stopped run also joins what is done into ``big.partial.mp4``, to be
watched. When all is done the parts become the output, and folder and partial clip are removed.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from editing import messages
from editing.clips.read import ClipHeader, Frame, opened, probe_clip, read_frames
from editing.clips.steady import Steady
from editing.clips.write import KEPT, Part, PartFile, check_size, check_target, format_of, join_parts, writing
from editing.costs import Estimate
from editing.errors import EditingError, ImageError, Stopped
from editing.messages import Message, tell
from editing.options import ClipOptions
from editing.pictures.picture import Picture, Pixels
from editing.pipelines import upscale
from editing.pipelines.upscale import Upscaler
from editing.report import Report, silent
from editing.settings import sha256_of, written

PART_FRAMES = 250  # x264 begins a new group of pictures as often, so that parts cost nothing
PART_SECONDS = 300  # what is lost at most when the machine goes down
_SECONDS_PER_OUTPUT_PIXEL = 1e-7  # reading, steadying and encoding, on one core


@dataclass(frozen=True, kw_only=True)
class ClipResult:
    """What was made; ``notices`` says what could not be read or kept."""

    width: int
    height: int
    frames: int
    seconds: float  # how long the clip is
    sigma: float | None  # how strong the noise was that a denoiser was told of; None for other models
    recipe: Mapping[str, Any]
    notices: tuple[Message, ...]


def usual_steady(model: str) -> float:
    """What :attr:`ClipOptions.steady` is when nobody says: 0.5, but 0 for models that are told how strong the noise is.

    They measure it in single frames, so that averaged ones would be cleaned too much: 1.4 dB less on a pan at 0.5.
    """
    return 0.0 if upscale.takes_sigma(model) else 0.5


def partial(target: Path) -> Path:
    """Where a stopped run puts what is done."""
    return target.with_name(f"{target.stem}.partial{target.suffix}")


def recipe(options: ClipOptions) -> dict[str, Any]:
    """What it takes to make the result again."""
    made = upscale.recipe(options.upscale)
    amount = usual_steady(options.upscale.model) if options.steady is None else options.steady
    return made | {"options": made["options"] | {"steady": amount}}


def estimate(header: ClipHeader, options: ClipOptions) -> Estimate:
    """Seconds and peak memory for a clip on this machine; ``tiles`` are those of all frames."""
    one = upscale.estimate(header.width, header.height, options.upscale, alpha=header.alpha)
    seconds = header.frames * (one.seconds + one.width * one.height * _SECONDS_PER_OUTPUT_PIXEL)
    return replace(one, seconds=seconds, tiles=header.frames * one.tiles)


def upscale_clip(
    source: Path,
    target: Path,
    options: ClipOptions = ClipOptions(),
    *,
    network: Upscaler | None = None,
    report: Report = silent,
    strip: bool = False,
    keep_gps: bool = False,
) -> ClipResult:
    """Enlarge the clip ``source`` into ``target``, whose suffix tells the format (``clip_writer`` says what it keeps).

    ``network=None`` loads the one that ``options`` name. ``report`` counts frames, and is asked within each, too; when
    it raises Stopped, or the keyboard interrupts, what is done can be watched in :func:`partial` and gone on from.
    ``strip`` leaves out all metadata, the recipe too; ``keep_gps`` keeps the place. Raises OptionError, ImageError
    (unreadable, too large, not to be written), WeightError, OutOfMemoryError, and whatever ``report`` raises.
    """
    check_target(target)
    if not target.parent.is_dir():
        raise ImageError(messages.NO_FOLDER, name=target.name, folder=target.parent.name)
    header = probe_clip(source)
    network = network or upscale.load(options.upscale.model, options.upscale.precision)
    options = _settled(source, options, network)
    width, height = upscale.target_size(header.width, header.height, options.upscale, network.scale)
    check_size(target, width, height)
    made = recipe(options)
    backend = [network.sha256, network.backend.device, network.backend.precision]
    work = _Work(target, {"source": sha256_of(source), "recipe": made, "backend": backend}, header)
    finish: dict[str, Any] = {
        "tick": header.tick,
        "plays": header.plays,
        "sound_of": source if header.sound else None,
        "metadata": {} if strip else _metadata(source, header, keep_gps),
        "recipe": None if strip else made,
    }
    notices = list(header.notices)
    with work:
        if not work.tile:
            # Chosen once: another division into tiles changes a result by a little, which would flicker.
            size = header.width, header.height
            work.tile = options.upscale.tile or upscale.auto_tile(network, *size, width, height)
        try:
            _do_frames(source, header, options, network, work, (width, height), notices, report)
        except EditingError as error:
            with suppress(ImageError):  # what stopped us may be a full disk
                work.finish_part()
                if isinstance(error, Stopped) and work.parts:
                    join_parts(work.parts, partial(target), end=work.end, complete=False, **finish)
            raise
        work.finish_part()
        notices += work.notices
        notices += join_parts(work.parts, target, end=work.end, **finish)
        if target.suffix.lower() == ".mp4" and (width % 2 or height % 2):
            notices.append(tell(messages.CLIP_PADDED, format="MP4"))
        partial(target).unlink(missing_ok=True)
        work.done = True
    return ClipResult(
        width=width, height=height, frames=work.frames, seconds=float(work.end - work.parts[0].start),
        sigma=options.upscale.sigma, recipe=made, notices=tuple(notices),
    )  # fmt: skip


def _settled(source: Path, options: ClipOptions, network: Upscaler) -> ClipOptions:
    """What the options leave open, by the first frame: another noise level for each would flicker."""
    settled = upscale.settle(options.upscale, network=network)
    if network.denoiser and settled.sigma is None:
        first = next(read_frames(source, []), None)
        settled = upscale.settle(settled, _picture(first, None) if first else None, network=network)
    return replace(options, upscale=settled)


def _do_frames(
    source: Path, header: ClipHeader, options: ClipOptions, network: Upscaler, work: _Work, size: tuple[int, int],
    notices: list[Message], report: Report,
) -> None:  # fmt: skip
    """Enlarge the frames that are not done yet."""
    once = replace(options.upscale, tile=work.tile)
    previous: Frame | None = None
    result: Picture | None = None
    flattened = False
    report(work.frames, header.frames)
    for index, frame in enumerate(read_frames(source, notices)):
        total = max(header.frames, index + 1)
        # GIFs and screen recordings hold many frames twice: nothing of them is computed again.
        same = previous is not None and _equal(frame, previous)
        previous = frame
        if index < work.frames:
            report(work.frames, total)
            continue
        if not same and work.steady is not None:
            work.steady.add(frame.pixels)
        if not same or result is None:
            picture = _picture(frame, work.steady)
            result = upscale.upscale(
                picture, once, network=network, report=lambda done, tiles, note="", now=index, of=total: report(now, of)
            )
        pixels, alpha = _eight_bits(result.pixels), None if result.alpha is None else _eight_bits(result.alpha)
        flattened |= not work.add(pixels, alpha, frame, size)
        report(index + 1, total)
    if flattened:
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
    alpha = None if frame.alpha is None else frame.alpha.astype(np.uint16) * np.uint16(257)
    return Picture(pixels=steadied.current(), alpha=alpha)


def _eight_bits(array: Pixels) -> Pixels:
    return array if array.dtype == np.uint8 else ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _metadata(source: Path, header: ClipHeader, keep_gps: bool) -> dict[str, str]:
    if header.animation:
        return {}
    with opened(source) as container:
        kept = (*KEPT, "location") if keep_gps else KEPT
        return {key: value for key, value in container.metadata.items() if key in kept}


class _Work:
    """The folder of what is done, as a context: taken by one process at a time, and removed where it is of no use.

    ``state.json`` lists the finished parts, what was asked for, and the tile; ``NNN.npz`` is the state of the temporal
    blend after frame NNN. Both are replaced at the end of a part, so that they always fit together.
    """

    def __init__(self, target: Path, asked: Mapping[str, Any], header: ClipHeader) -> None:
        self.target, self.asked, self.header = target, asked, header
        self.folder = target.with_name(f"{target.name}.parts")
        self.parts: list[PartFile] = []
        self.frames, self.end, self.tile, self.done = 0, Fraction(0), 0, False
        self.notices: list[Message] = []
        strength = asked["recipe"]["options"]["steady"]
        self.steady = Steady(strength) if strength else None
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
            state = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
            if state["asked"] != self.asked:
                self.notices.append(tell(messages.CLIP_ANEW))
                raise KeyError
            parts = [PartFile(path=self.folder / part[0], start=Fraction(part[1])) for part in state["parts"]]
            if not all(part.path.is_file() for part in parts):
                raise KeyError
            if self.steady is not None:
                with np.load(self.folder / f"{state['frames']}.npz") as arrays:
                    self.steady.restore(dict(arrays))
        except (OSError, ValueError, KeyError, TypeError):  # none, another's, or damaged
            for path in self.folder.iterdir():
                if path.name != "lock":
                    path.unlink(missing_ok=True)
            return
        self.parts, self.frames, self.end, self.tile = parts, state["frames"], Fraction(state["end"]), state["tile"]
        self.notices.append(tell(messages.CLIP_RESUMED, frames=self.frames))

    def add(self, pixels: Pixels, alpha: Pixels | None, frame: Frame, size: tuple[int, int]) -> bool:
        """Append an enlarged frame; returns whether its transparency was kept."""
        if self.part is None:
            self.part_start, self.part_frames, self.part_began = frame.start, 0, time.monotonic()
            path = self.folder / f"{self.frames}{self.target.suffix}"
            self.part = Part(
                path, self.target, *size, tick=self.header.tick, rate=self.header.rate, alpha=self.header.alpha
            )
        kept = self.part.add(pixels, alpha, frame.start - self.part_start, frame.end - self.part_start)
        self.frames, self.part_frames, self.end = self.frames + 1, self.part_frames + 1, frame.end
        if self.part_frames >= PART_FRAMES or time.monotonic() - self.part_began > PART_SECONDS:
            self.finish_part()
        return kept

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
        if self.steady is not None:
            np.savez(self.folder / f"{self.frames}.npz", **self.steady.state())  # type: ignore[arg-type]
        state = {
            "asked": self.asked,
            "tile": self.tile,
            "frames": self.frames,
            "end": str(self.end),
            "parts": [[part.path.name, str(part.start)] for part in self.parts],
        }
        with written(self.folder / "state.json") as file:
            file.write_text(json.dumps(state), encoding="utf-8")
        for path in self.folder.glob("*.npz"):
            if path.name != f"{self.frames}.npz":
                path.unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        self.lock.release()
        if self.done or not self.parts:
            shutil.rmtree(self.folder, ignore_errors=True)
