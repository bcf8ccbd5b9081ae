"""``rerun``: what a result's file says was done to a picture, done again, to the same picture or another."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from editing import messages
from editing.cli import common, compare, generate, repair, stylize, upscale
from editing.errors import EditingError, OptionError
from editing.messages import Message, tell
from editing.settings import sha256_of

HELP = "do again what a result's file says was done, to the same picture or another"


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a result: a picture or a clip that Atelier made")
    note = "the picture or clip to do it to, which a result does not hold; none for what was drawn from seeds"
    parser.add_argument("input", nargs="?", type=Path, metavar="IN", help=note)
    note = "a file (default: beside FILE, with '-again' after its name)"
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help=note)
    common.add_mask(parser, "the mask, where one was used")
    note = "the style picture, where it was one; twice for a mix of two"
    parser.add_argument("--style", action="append", default=[], type=Path, metavar="FILE", help=note)


def run(arguments: argparse.Namespace) -> int:
    """Say what is different here, then run the command that made it; gives that one's exit code."""
    from editing.pipelines import rerun

    file: Path = arguments.file
    recipe = rerun.read_recipe(file)
    task, given = rerun.task_of(recipe), rerun.options_in(recipe)
    drawn = task in ("generate", "walk")
    if arguments.input is None and not drawn:
        raise OptionError(messages.PICTURE_WANTED, name=file.name)
    if arguments.input is not None and drawn:
        raise OptionError(messages.NO_PICTURE_WANTED, name=file.name, given=arguments.input.name)
    told = [*rerun.differences(recipe, paths=True)]
    if task == "stylize":
        told = [message for message in told if message.text != messages.STYLE_NOT_HELD]  # they are looked for
        found = _style_files(arguments, rerun.style_pictures(recipe), told)
        given |= {name: str(found[given[name]]) for name in ("style", "second") if given.get(name) in found}
    if arguments.mask:
        told = [message for message in told if message.text != messages.MASK_NOT_HELD]
    for message in told:
        sys.stderr.write(f"{file.name}: {message}\n")
    output = arguments.output or _beside(file)
    command = argparse.Namespace(output=output, **_flags(task, recipe, given))
    if task == "compare":
        command.input = arguments.input
        return compare.run(command)
    if drawn:
        return generate.run(command)
    command.inputs, command.mask = [arguments.input], arguments.mask
    return {"upscale": upscale.run, "repair": repair.run, "stylize": stylize.run}[task](command)


def _flags(task: str, recipe: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the command's parser would leave them: those at None are not given."""
    flags = {name: value for name, value in given.items() if value is not None}
    if task == "generate":
        flags = {name: value for name, value in flags.items() if name not in ("mix_seed", "mix")}
        if given.get("mix_seed") is not None:
            flags["mix"] = f"{given['mix_seed']}={given.get('mix', 0.5)}"
    if task == "repair" and recipe.get("restore"):
        flags["restore"] = True
    further = recipe.get("then")
    enlarged = further.get("options") if isinstance(further, Mapping) else None
    if task in ("generate", "walk") and isinstance(enlarged, Mapping):
        flags["size"] = str(enlarged.get("longest"))
    return flags


def _beside(file: Path) -> Path:
    """A name beside ``file`` that nothing has yet."""
    target, number = file.with_name(f"{file.stem}-again{file.suffix}"), 2
    while target.exists():
        target, number = file.with_name(f"{file.stem}-again-{number}{file.suffix}"), number + 1
    return target


def _style_files(
    arguments: argparse.Namespace, wanted: Mapping[str, str], told: list[Message]
) -> dict[str, Path]:  # fmt: skip
    """The file of each style picture: those given, in their order, else one of its name beside FILE, IN or here."""
    found: dict[str, Path] = {}
    given: list[Path] = list(arguments.style)
    for name, sha256 in wanted.items():
        places = [arguments.file.parent, arguments.input.parent, Path()]
        beside = [folder / name for folder in places if Path(name).name == name]
        same = [file for file in (*given, *beside) if file.is_file() and sha256_of(file) == sha256]
        named = [file for file in given if file.name == name]
        candidates = [*(file for file in same if file in given), *named, *given, *same]
        if not candidates:
            raise EditingError(messages.STYLE_FILE_WANTED, name=name, file=arguments.file.name)
        found[name] = candidates[0]
        if candidates[0] not in same:
            told.append(tell(messages.OTHER_STYLE, name=candidates[0].name))
        if candidates[0] in given:
            given.remove(candidates[0])
    return found
