"""What the commands share: where results go, the bar, the one loop over pictures, and the exit codes.

The heavy imports (torch, 2 s) are made by what needs them, so that --help and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editing import messages
from editing.errors import EditingError, OptionError, Stopped
from editing.messages import Message, tell

if TYPE_CHECKING:
    from editing.pictures.masks import Mask
    from editing.pictures.picture import Picture
    from editing.report import Report

DONE, FAILED, WRONG = 0, 1, 2  # exit codes: all done; a picture or a weight failed; the command was wrong
_SAME_FORMAT = {"jpeg": "jpg", "tiff": "tif"}


def fail(error: object, code: int = FAILED) -> int:
    """Say in one line on stderr what went wrong; gives ``code``."""
    sys.stderr.write(f"editing: {error}\n")
    return code


# ---- where results go ------------------------------------------------------------------------------------------------


def add_files(parser: argparse.ArgumentParser, inputs: str = "pictures") -> None:
    """IN..., described by ``inputs``, and -o."""
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help=inputs)
    add_output(parser)


def add_output(parser: argparse.ArgumentParser) -> None:
    """-o OUT."""
    note = "a file, or a folder (always one for several pictures)"
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help=note)


def add_mask(parser: argparse.ArgumentParser, note: str) -> None:
    """--mask FILE."""
    parser.add_argument("--mask", type=Path, metavar="FILE", help=note)


def read_mask(arguments: argparse.Namespace, picture: Picture) -> Mask | None:
    """The mask that was given, for ``picture``; raises ImageError when it does not fit."""
    from editing.pictures import masks

    return masks.read(arguments.mask, picture.height, picture.width) if arguments.mask else None


def metadata_kept(arguments: argparse.Namespace) -> dict[str, Any]:
    """What --strip and --keep-gps say, as the keywords of what writes files."""
    return {name: name in arguments for name in ("strip", "keep_gps")}


def targets(
    arguments: argparse.Namespace, suffix: str, usual: Callable[[Path], str | None] = lambda source: None
) -> list[tuple[Path, Path]]:
    """Each input with its output. OUT is a folder when it is one, has no suffix, or the inputs are several.

    In a folder a result is named after its input and ``suffix``; its format is the one asked for, or ``usual``, or PNG.
    """
    output: Path = arguments.output
    inputs: list[Path] = arguments.inputs
    asked: str | None = vars(arguments).get("format")
    if not (output.is_dir() or not output.suffix or len(inputs) > 1):
        given = output.suffix.lower().lstrip(".")
        if asked and asked != _SAME_FORMAT.get(given, given):
            raise OptionError(messages.FORMAT_CONTRADICTS, format=asked, name=output.name)
        return [(inputs[0], output)]
    make_folder(output)
    pairs: list[tuple[Path, Path]] = []
    used: set[Path] = set()
    for source in inputs:
        stem, number = f"{source.stem}{suffix}", 2
        ending = f".{asked}" if asked else usual(source) or ".png"
        target = output / f"{stem}{ending}"
        while target in used:  # a/cat.png and b/cat.png
            target, number = output / f"{stem}-{number}{ending}", number + 1
        used.add(target)
        pairs.append((source, target))
    return pairs


def make_folder(output: Path) -> None:
    """Make the folder of the results; raises OptionError where a file stands, EditingError where it can't be made."""
    if output.exists() and not output.is_dir():
        raise OptionError(messages.OUTPUT_IS_FILE, path=output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EditingError(messages.FOLDER_NOT_MADE, path=output, reason=error.strerror) from error


# ---- the loop --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is said of a result: a line of facts, such as "640x480", on stdout, and lines of notices on stderr."""

    facts: str
    notices: tuple[object, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made of a picture, its recipe, and what is said of it beside its size."""

    picture: Picture
    recipe: dict[str, Any]
    facts: str = ""
    notices: tuple[object, ...] = ()


def each(pairs: Iterable[tuple[Path, Path]], job: Callable[[Path, Path], Told]) -> int:
    """Make each target of its source, and tell of it in a line; gives the exit code.

    One that fails, even by a bug, is told in a line, too, and ends nothing but itself. Only :class:`Stopped` ends all.
    """
    code = DONE
    for source, target in pairs:
        try:
            told = job(source, target)
        except Stopped:
            raise
        except EditingError as error:
            code = fail(error if source.name in str(error) else f"{source.name}: {error}")
        except Exception as error:
            code = fail(_unexpected(source, error))
        else:
            for notice in told.notices:
                sys.stderr.write(f"{source.name}: {notice}\n")
            sys.stdout.write(f"{target}  {told.facts}\n")
    return code


def _unexpected(source: Path, error: Exception) -> Message:
    """A bug in one line: its type, and the innermost line of ours that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "editing" in Path(frame.filename).parts]
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "?"
    text = " ".join(str(error).split())[:200]
    return tell(messages.UNEXPECTED, name=source.name, kind=type(error).__name__, place=place, error=text)


def of_picture(
    arguments: argparse.Namespace, work: Callable[[Picture, Report], Made], unit: str = "tile"
) -> Callable[[Path, Path], Told]:
    """The job for :func:`each` that reads a picture, has ``work`` make another of it, and writes that."""
    from editing import runtime
    from editing.pictures.read import read_picture
    from editing.pictures.write import write_picture

    kept = metadata_kept(arguments)

    def job(source: Path, target: Path) -> Told:
        with Bar(source.name, unit) as report, runtime.job():
            picture = read_picture(source)
            made = work(picture, report)
            notices = write_picture(made.picture, target, recipe=made.recipe, **kept)
        size = f"{made.picture.width}x{made.picture.height}"
        return Told(facts=size + made.facts, notices=(*picture.notices, *notices, *made.notices))

    return job


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
