"""What the commands share: the bar, the one loop over pictures, and the exit codes.

The heavy imports (torch, 2 s) are made by what needs them, so that --help and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editing import messages
from editing.cli.targets import PIPE, Batch, make_folder
from editing.errors import EditingError, OptionError, Stopped
from editing.messages import Message, tell
from editing.options import SaveOptions

if TYPE_CHECKING:
    from editing.clips.read import ClipHeader
    from editing.pictures.masks import Mask
    from editing.pictures.picture import Picture
    from editing.pipelines.clips import ClipResult
    from editing.report import Report

DONE, FAILED, WRONG = 0, 1, 2  # exit codes: all done; a picture or a weight failed; the command was wrong


def fail(error: object, code: int = FAILED) -> int:
    """Say in one line on stderr what went wrong; gives ``code``."""
    sys.stderr.write(f"editing: {error}\n")
    return code


def answered(work: Callable[[], int]) -> int:
    """What a command comes to: the exit code that ``work`` gives, or that of what it raises, which is told."""
    try:
        return work()
    except OptionError as error:
        return fail(error, WRONG)
    except EditingError as error:
        return fail(error)
    except KeyboardInterrupt:
        return fail(messages.STOPPED.en)
    except BrokenPipeError:  # the reader, such as head, has gone
        sys.stderr.close()
        return FAILED


# ---- flags that are no options ---------------------------------------------------------------------------------------


def add_files(parser: argparse.ArgumentParser, inputs: str = "pictures") -> None:
    """IN..., described by ``inputs``, and -o."""
    inputs += ", or folders and patterns of them; - reads standard input"
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help=inputs)
    add_output(parser, "; - writes to standard output")


def add_output(parser: argparse.ArgumentParser, more: str = "") -> None:
    """-o OUT, with ``more`` to be said of it."""
    note = f"a file, or a folder (always one for several pictures){more}"
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help=note)


def add_mask(parser: argparse.ArgumentParser, note: str) -> None:
    """--mask FILE or DIR, and --invert-mask."""
    note += "; for several pictures one for all, or a folder of masks with the same names"
    inverted = "black, or transparent, is what the mask means"
    parser.add_argument("--mask", type=Path, metavar="FILE|DIR", help=note)
    parser.add_argument("--invert-mask", action="store_true", default=argparse.SUPPRESS, help=inverted)


def check_mask(arguments: argparse.Namespace) -> None:
    """Raises OptionError for --invert-mask without --mask."""
    if "invert_mask" in arguments and not arguments.mask:
        raise OptionError(messages.INVERTS_NO_MASK)


def read_mask(arguments: argparse.Namespace, source: Path, picture: Picture | ClipHeader) -> Mask | None:
    """The mask that was given for ``picture``, or for every frame of a clip, which is in the file ``source``.

    Raises ImageError when there is none in the folder that was given, or it does not fit.
    """
    from editing.pictures import masks

    if not arguments.mask:
        return None
    path = masks.beside(arguments.mask, source) if arguments.mask.is_dir() else arguments.mask
    return masks.read(path, picture.height, picture.width, inverted="invert_mask" in arguments)


def add_ray(parser: argparse.ArgumentParser) -> None:
    """--ray: the loop over pictures on a cluster's machines, by editing.cluster."""
    note = (
        "on the machines of a Ray cluster: HOST:PORT of its head, or nothing for the one that this machine belongs to "
        "(see editing/cluster/README.md)"
    )
    parser.add_argument("--ray", nargs="?", const="", metavar="ADDRESS", default=argparse.SUPPRESS, help=note)


def of_all(arguments: argparse.Namespace, batch: Batch, job: Callable[[Path, Path], Told]) -> int:
    """:func:`each`, or what --ray has put in its place; gives the exit code."""
    return int(getattr(arguments, "each", each)(batch, job))


def how_saved(options: SaveOptions) -> dict[str, Any]:
    """The ways of saving that pictures and clips share, as the keywords of what writes files."""
    return {"strip": options.strip, "keep_gps": options.keep_gps}


# ---- the loop --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is said of a result: a line of words, such as "640x480", the same as facts for programs, and notices."""

    words: str
    facts: Mapping[str, object] = field(default_factory=dict)
    notices: tuple[object, ...] = ()
    left: bool = False  # nothing was made, as was wished


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made of a picture, its recipe, and what is said of it beside its size."""

    picture: Picture
    recipe: dict[str, Any] | None
    words: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    notices: tuple[object, ...] = ()


def each(batch: Batch, job: Callable[[Path, Path], Told]) -> int:
    """Make each target of its source, and tell of it in a line; gives the exit code.

    One that fails, even by a bug, is told in a line, too, and ends nothing but itself. Only :class:`Stopped` ends all.
    """
    code = DONE
    options = batch.options
    for file, remark in batch.notices:
        sys.stderr.write(f"{file.name}: {remark}\n")
    for source, target in batch.pairs:
        started = time.monotonic()
        try:
            if options.skip_existing and target.exists():
                told = Told(words=str(tell(messages.THERE_ALREADY)), facts={"skipped": True})
            else:
                if not target.parent.exists():  # a sub-folder
                    make_folder(target.parent)
                told = job(source, target)
                if options.keep_dates and not told.left:
                    times = source.stat()
                    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
        except Stopped:
            raise
        except Exception as error:
            said = error if isinstance(error, EditingError) else _unexpected(source, error)
            line = str(said) if source.name in str(said) else f"{source.name}: {said}"
            code = fail(line)
            if options.json:
                _say(batch, json.dumps({"input": str(source), "error": line}))
            continue
        for notice in told.notices:
            sys.stderr.write(f"{source.name}: {notice}\n")
        shown = source if told.left else PIPE if target == batch.piped else target
        if options.json:
            facts = {"input": str(source), "output": None if told.left else str(shown), **told.facts}
            facts |= {"seconds": round(time.monotonic() - started, 3), "notices": [*map(str, told.notices)]}
            _say(batch, json.dumps(facts))
        else:
            _say(batch, f"{shown}  {told.words}")
    return code


def _say(batch: Batch, line: str) -> None:
    """A line of the command's answer, at once: another program may wait for it."""
    out = sys.stderr if batch.piped else sys.stdout
    out.write(f"{line}\n")
    out.flush()


def _unexpected(source: Path, error: Exception) -> Message:
    """A bug in one line: its type, and the innermost line of ours that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "editing" in Path(frame.filename).parts]
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "?"
    text = " ".join(str(error).split())[:200]
    return tell(messages.UNEXPECTED, name=source.name, kind=type(error).__name__, place=place, error=text)


def of_picture(
    arguments: argparse.Namespace,
    options: SaveOptions,
    work: Callable[..., Made | Told],
    unit: str = "tile",
    *,
    size: Callable[[Picture], tuple[int, int]] = lambda picture: (picture.width, picture.height),
    masked: bool = False,
) -> Callable[[Path, Path], Told]:
    """The job for :func:`each` that reads a picture, has ``work(picture, report)`` make another of it, and writes that.

    ``size`` says how large it will be, which the target's format may not hold. With ``masked``, for commands that have
    --mask, ``work`` is given its mask, or None, as ``mask``. It may give a Told instead: then nothing is written.
    """
    from editing import runtime
    from editing.pictures.read import read_picture
    from editing.pictures.write import check_side, write_picture

    def job(source: Path, target: Path) -> Told:
        _check_no_video(source, target)
        with Bar(source.name, unit) as report, runtime.job():
            picture = read_picture(source)
            check_side(target, *size(picture))
            given = {"mask": read_mask(arguments, source, picture)} if masked else {}
            made = work(picture, report, **given)
            if isinstance(made, Told):
                return made
            notices = write_picture(
                made.picture, target, recipe=made.recipe, quality=options.quality, **how_saved(options)
            )
        width, height = made.picture.width, made.picture.height
        return Told(
            words=f"{width}x{height}{made.words}",
            facts={"width": width, "height": height, **made.facts},
            notices=(*picture.notices, *notices, *made.notices),
        )

    return job


# ---- clips -----------------------------------------------------------------------------------------------------------


def is_clip_to(source: Path, target: Path) -> bool:
    """Whether all frames of ``source`` are to be done, not the first alone, by what it and ``target`` are."""
    from editing.clips.read import is_clip, is_video
    from editing.clips.write import CLIP_SUFFIXES

    return is_video(source) or (target.suffix.lower() in CLIP_SUFFIXES and is_clip(source))


def check_target(source: Path, target: Path) -> None:
    """Raise OptionError or ImageError where what is made of ``source`` can't be written to ``target``."""
    from editing.clips import write as clip
    from editing.pictures import write as picture

    as_clip = is_clip_to(source, target)
    if not as_clip:
        _check_no_video(source, target)
    (clip if as_clip else picture).check_target(target)


def _check_no_video(source: Path, target: Path) -> None:
    """Raise ImageError that says what ``source`` is, where a video was to be made of what is no clip."""
    from editing.clips.read import check_clip
    from editing.clips.write import VIDEOS

    if target.suffix.lower() in VIDEOS:
        check_clip(source)


def do_clip(
    source: Path, target: Path, options: SaveOptions, work: Callable[..., ClipResult],
    more: Callable[[ClipResult], str] = lambda result: "",
) -> Told:  # fmt: skip
    """``work(source, target, report, strip=, keep_gps=)``, where Ctrl-C leaves what is done; ``more`` are its words."""
    from editing import runtime
    from editing.pipelines import clips

    try:
        with Bar(source.name, "frame") as bar, runtime.job(), _interrupt_as_stop(bar) as report:
            result = work(source, target, report, **how_saved(options))
    except Stopped:
        part = clips.partial(target)
        if not part.exists():
            raise
        raise Stopped(messages.STOPPED_HALFWAY, part=part) from None
    words = f"{result.width}x{result.height}  {result.frames} frames  {result.seconds:.2f} s{more(result)}"
    facts = {"width": result.width, "height": result.height, "frames": result.frames, "length": result.seconds}
    if "sigma" in result.recipe["options"]:
        facts["sigma"] = result.recipe["options"]["sigma"]
    return Told(words=words, facts=facts, notices=result.notices)


@contextmanager
def _interrupt_as_stop(report: Report) -> Iterator[Report]:
    """A report that raises Stopped after the first Ctrl-C, so that nothing breaks off in the middle of a frame."""
    if threading.current_thread() is not threading.main_thread():  # of a cluster's worker, which has no keyboard
        yield report
        return
    pressed: list[int] = []

    def press(number: int, _: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, usual)

    def stopping(done: int, total: int, note: str = "") -> None:
        if pressed:
            raise Stopped(messages.STOPPED)
        report(done, total, note)

    usual = signal.signal(signal.SIGINT, press)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGINT, usual)


class Bar:
    """A tqdm bar as a pipeline's report."""

    def __init__(self, name: str, unit: str = "tile") -> None:
        from tqdm import tqdm

        self.bar = tqdm(desc=name, unit=unit, unit_scale=unit == "B", leave=False, disable=None, file=sys.stderr)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self.bar.total = total or None
        if note:
            self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(done - self.bar.n)
