"""Which files a command takes, and where what it makes of them goes: folders, patterns, names, pipes.

What can't work is refused here, before anything is computed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import NamedTuple

from editing import messages
from editing.errors import EditingError, OptionError
from editing.messages import Message, tell
from editing.options import CLIP_FORMATS, FORMAT_SYNONYMS, PICTURE_FORMATS, BatchOptions
from editing.settings import sweep_parts

PIPE = Path("-")  # standard input as IN, standard output as OUT
_SAVED = {*PICTURE_FORMATS, *CLIP_FORMATS, *FORMAT_SYNONYMS}
# What a picture of a format that isn't written is saved as, asked for the same.
_NEAREST = {"JPEG": ".jpg", "WEBP": ".webp", "TIFF": ".tif", "HEIC": ".jpg", "AVIF": ".webp"}


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The files of one command: each input with its output."""

    pairs: tuple[tuple[Path, Path], ...]
    options: BatchOptions
    notices: tuple[tuple[Path, Message], ...] = ()  # of files that were left out
    piped: Path | None = None  # the output that goes to standard output


class _Found(NamedTuple):
    file: Path
    within: Path = Path()  # the sub-folder of the output
    named: bool = True  # by the user, else found in a folder or by a pattern


@contextmanager
def batch(
    arguments: argparse.Namespace,
    options: BatchOptions,
    ending: str,
    *,
    places: Mapping[str, str],
    check: Callable[[Path, Path], None],
    clips: bool = False,
) -> Iterator[Batch]:
    """The files that ``arguments`` name; on leaving, what was made for standard output is written there.

    OUT is a folder when it is one, has no suffix, or the inputs are several or a folder. In there a result is named
    after its input and ``ending``, or as ``options`` say, with ``places`` for their pattern beside {stem}. ``check`` is
    told of an input and the file that was named for it, and raises where that can't be written. With ``clips``, they
    are looked for in folders, too. Raises OptionError and ImageError for what can't work.
    """
    output: Path = arguments.output
    with ExitStack() as stack:
        given, notices = _inputs(arguments.inputs, options, output, clips)
        piped = None
        if PIPE in [output, *(found.file for found in given)]:
            room = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            given = [found._replace(file=_received(room)) if found.file == PIPE else found for found in given]
            piped = room / "out" if output == PIPE else None
        if output == PIPE and len(given) > 1:
            raise OptionError(messages.ONE_TO_STDOUT, count=len(given))
        folder = output != PIPE and (
            output.is_dir() or not output.suffix or len(given) > 1 or any(path.is_dir() for path in arguments.inputs)
        )
        if folder:
            pairs = _in_folder(given, output, options, ending, places, clips)
        else:
            _check_named(output, options)
            target = piped.with_suffix(_ending_of(given[0].file, options, clips)) if piped else output
            pairs = [(given[0].file, target)]
        if not options.overwrite:
            _check_inputs_stay(pairs)
        if folder:
            make_folder(output)
            sweep_parts(output)
        else:
            check(*pairs[0])
            sweep_parts(pairs[0][1].parent)
            piped = piped and pairs[0][1]
        yield Batch(pairs=tuple(pairs), options=options, notices=tuple(notices), piped=piped)
        if piped and piped.exists():
            with piped.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def make_folder(output: Path) -> None:
    """Make the folder of the results; raises OptionError where a file stands, EditingError where it can't be used."""
    if output.exists() and not output.is_dir():
        raise OptionError(messages.OUTPUT_IS_FILE, path=output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EditingError(messages.FOLDER_NOT_MADE, path=output, reason=error.strerror) from error
    if not os.access(output, os.W_OK):
        raise EditingError(messages.FOLDER_READ_ONLY, path=output)


# ---- inputs ----------------------------------------------------------------------------------------------------------


def _received(room: Path) -> Path:
    """Standard input as a file, whose kind is told by its content."""
    file = room / "stdin"
    with file.open("wb") as target:
        shutil.copyfileobj(sys.stdin.buffer, target)
    return file


def _inputs(
    named: Iterable[Path], options: BatchOptions, output: Path, clips: bool
) -> tuple[list[_Found], list[tuple[Path, Message]]]:
    """Every file that is meant, once, and what is said of those left out."""
    found: list[_Found] = []
    notices: list[tuple[Path, Message]] = []
    for path in named:
        matches = [path]
        if not path.exists() and any(letter in str(path) for letter in "*?["):  # as cmd and quotes hand it over
            fitting = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
            matches = sorted(match for match in fitting if path.name[:1] == "." or match.name[:1] != ".")
            if not matches:
                raise OptionError(messages.NO_MATCH, pattern=path)
        for match in matches:
            if not match.is_dir():
                found.append(_Found(match, named=match is path))
            elif match is path or options.recursive:
                found += _in(match, options, output, clips, notices)
    return list({entry.file: entry for entry in reversed(found)}.values())[::-1], notices


def _in(
    folder: Path, options: BatchOptions, output: Path, clips: bool, notices: list[tuple[Path, Message]]
) -> list[_Found]:
    """The pictures in a folder, and with ``clips`` those, too, without what an earlier run put into ``output`` there.

    Hidden files are left out, as the "._" that macOS leaves beside each on foreign disks, and with a word the clip of a
    Live Photo and what a camera left raw.
    """
    from editing.clips.read import VIDEO_SUFFIXES
    from editing.pictures.read import PICTURE_SUFFIXES, RAW_SUFFIXES

    suffixes = (*PICTURE_SUFFIXES, *RAW_SUFFIXES, *(VIDEO_SUFFIXES if clips else ()))
    results = output.resolve()
    files = [
        file
        for file in sorted(folder.rglob("*") if options.recursive else folder.iterdir())
        if file.suffix.lower() in suffixes
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and (results == folder.resolve() or results not in file.resolve().parents)
        and file.is_file()
    ]
    stills = {file.with_suffix("") for file in files if file.suffix.lower() in (".heic", ".jpg", ".jpeg")}
    moving = [file for file in files if file.suffix.lower() == ".mov" and file.with_suffix("") in stills]
    raw = [file for file in files if file.suffix.lower() in RAW_SUFFIXES]
    notices += [(file, tell(messages.LIVE_PHOTO)) for file in moving]
    notices += [(file, tell(messages.RAW_LEFT_OUT)) for file in raw]
    left = {*moving, *raw}
    found = [_Found(file, file.parent.relative_to(folder), False) for file in files if file not in left]
    if not found:
        raise OptionError(messages.NOTHING_IN_FOLDER, path=folder)
    return found


# ---- outputs ---------------------------------------------------------------------------------------------------------


def _check_named(output: Path, options: BatchOptions) -> None:
    """Raise OptionError where an option contradicts that OUT is this file."""
    given, asked = (
        FORMAT_SYNONYMS.get(name, name) for name in (output.suffix.lower().lstrip("."), options.format)
    )  # fmt: skip
    if given and asked not in ("auto", "same", given):  # standard output has no suffix
        raise OptionError(messages.FORMAT_CONTRADICTS, format=options.format, name=output.name)
    for flag, value in (("--name", options.name), ("--suffix", options.suffix)):
        if value is not None:
            raise OptionError(messages.NAMES_ARE_IN_FOLDERS, flag=flag, name=output.name)


def _in_folder(
    given: list[_Found], output: Path, options: BatchOptions, ending: str, places: Mapping[str, str], clips: bool
) -> list[tuple[Path, Path]]:
    """Each input with its file in the folder ``output``; no two have the same."""
    if not output.is_dir() and output.suffix.lower().lstrip(".") in _SAVED:
        raise OptionError(messages.OUTPUT_IS_FILE if output.exists() else messages.LOOKS_LIKE_FILE, path=output)
    pattern = _pattern(options, ending, places)
    pairs: list[tuple[Path, Path]] = []
    used: set[Path] = set()
    for source, within, _ in given:
        stem, number = pattern.format(stem=source.stem, **places), 2
        suffix = _ending_of(source, options, clips)
        target = output / within / f"{stem}{suffix}"
        while target in used:  # a/cat.png and b/cat.png
            target, number = output / within / f"{stem}-{number}{suffix}", number + 1
        used.add(target)
        pairs.append((source, target))
    # Of a folder that holds the results, too, those of an earlier run are no inputs.
    made = {target.resolve(): source for source, target in pairs}
    found = {entry.file for entry in given if not entry.named}
    return [
        (source, target)
        for source, target in pairs
        if source not in found or made.get(source.resolve(), source) == source
    ]


def _pattern(options: BatchOptions, ending: str, places: Mapping[str, str]) -> str:
    """The pattern of the results' names; raises OptionError for a place that ``places`` does not fill."""
    if options.name is None:
        end = ending if options.suffix is None else options.suffix
        return "{stem}" + end.replace("{", "{{").replace("}", "}}")
    if options.suffix is not None:
        raise OptionError(messages.NAME_OR_SUFFIX)
    known = ("stem", *places)
    for _, name, _, _ in Formatter().parse(options.name):
        if name is not None and name not in known:
            choices = ", ".join(f"{{{place}}}" for place in known)
            raise OptionError(messages.NO_SUCH_PLACE, name=name, choices=choices)
    return options.name


def _ending_of(source: Path, options: BatchOptions, clips: bool) -> str:
    """The suffix of a result: the format that was asked for, or the input's."""
    from editing.clips.write import usual_suffix
    from editing.errors import ImageError
    from editing.pictures.read import probe_picture

    if options.format not in ("auto", "same"):
        return "." + FORMAT_SYNONYMS.get(options.format, options.format)
    if clips and (usual := usual_suffix(source)):
        return usual
    if options.format == "auto":
        return ".png"
    try:
        return _NEAREST.get(probe_picture(source).format, ".png")
    except ImageError:  # its turn will come to say why
        return ".png"


def _check_inputs_stay(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Raise OptionError where an output is an input."""
    pairs = list(pairs)
    inputs = {source.resolve() for source, _ in pairs}
    for _, target in pairs:
        if target.resolve() in inputs:
            raise OptionError(messages.OUTPUT_IS_INPUT, path=target)
