"""``generate``: draw pictures from seeds, or a walk along several."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editing import messages
from editing.cli import common
from editing.cli.common import Bar
from editing.cli.flags import add_flags, options_of
from editing.cli.targets import make_folder
from editing.errors import OptionError
from editing.options import DrawnSaveOptions, GenerateOptions, WalkOptions
from editing.report import Report, silent

if TYPE_CHECKING:
    from editing.pictures.picture import Picture

HELP = "draw pictures from seeds, or a walk along several"


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    common.add_output(parser)
    add_flags(parser, GenerateOptions, leave_out=("mix_seed", "mix"))
    note = "mix with the picture of SEED: X is 0 to 1"
    parser.add_argument("--mix", metavar="SEED=X", default=argparse.SUPPRESS, help=note)
    add_flags(parser, WalkOptions, DrawnSaveOptions, leave_out=("model", "truncation", "directions"))


def run(arguments: argparse.Namespace) -> int:
    """Draw what is asked for; gives the exit code."""
    save = options_of(DrawnSaveOptions, arguments)
    if "directions" in arguments and all(isinstance(word, str) for word in arguments.directions):  # else of a recipe
        from editing.pipelines import generate

        network = generate.load(getattr(arguments, "model", GenerateOptions.model))
        arguments.directions = generate.numbered(network, arguments.directions)
    if "seeds" in arguments:
        return _walk(arguments, save)
    mixed: dict[str, str] = {}
    if "mix" in arguments:
        seed, given, amount = arguments.mix.partition("=")
        if not (seed and given and amount):
            raise OptionError(messages.NOT_A_MIX, value=arguments.mix)
        mixed = {"mix_seed": seed, "mix": amount}
    options = options_of(GenerateOptions, arguments, **mixed)
    output: Path = arguments.output
    single = options.count == 1 and bool(output.suffix) and not output.is_dir()
    if output.suffix and options.count > 1 and not output.is_dir():
        raise OptionError(messages.LOOKS_LIKE_FILE, path=output)

    from editing import runtime
    from editing.pictures.write import write_picture
    from editing.pipelines import generate

    generate.load(options.model)  # a wrong model leaves no empty folder behind
    if not single:
        make_folder(output)
    with Bar("generate", "picture") as report, runtime.job():
        samples = generate.generate(options, report=report)
    for sample in samples:
        target = output if single else output / f"seed-{sample.seed:06d}.png"
        recipe = generate.recipe(generate.of_sample(options, sample.seed))
        [picture], then = _at_size([sample.picture], options.model, save.size)
        recipe |= then
        for notice in write_picture(picture, target, recipe=recipe):
            sys.stderr.write(f"{target.name}: {notice}\n")
        novelty = "" if sample.novelty is None else f"  novelty {sample.novelty:.2f}"
        sys.stdout.write(f"{target}  {picture.width}x{picture.height}{novelty}\n")
    return common.DONE


def _walk(arguments: argparse.Namespace, save: DrawnSaveOptions) -> int:
    if "mix" in arguments:
        raise OptionError(messages.MIX_OF_WALK)
    options = options_of(WalkOptions, arguments)

    from editing import runtime
    from editing.clips.write import WALK_SUFFIXES, check_walk, write_walk
    from editing.pipelines import generate

    output: Path = arguments.output
    if output.suffix and not output.is_dir():
        targets = [output]
    else:
        targets = [output / f"walk-{'-'.join(map(str, options.seeds))}{suffix}" for suffix in WALK_SUFFIXES]
    for target in targets:
        check_walk(target, save.fps)
    recipe = generate.recipe(options)
    if targets != [output]:
        make_folder(output)
    with Bar("generate", "frame") as report, runtime.job():
        samples = generate.walk(options, report=report)
    with Bar("enlarge" if save.size != "native" else "write", "frame") as report:
        pictures, then = _at_size([sample.picture for sample in samples], options.model, save.size, report)
    for target in targets:
        frames = [picture.pixels for picture in pictures]
        write_walk(frames, target, fps=save.fps, loop=options.loop, recipe=recipe | then)
        sys.stdout.write(f"{target}  {pictures[0].width}x{pictures[0].height}  {len(frames)} frames\n")
    return common.DONE


def _at_size(
    pictures: list[Picture], model: str, size: str, report: Report = silent
) -> tuple[list[Picture], dict[str, Any]]:  # fmt: skip
    """Drawn pictures, enlarged where that was asked for, and what their recipes say of it beside."""
    from editing import runtime
    from editing.pipelines import generate

    with runtime.job():
        return generate.at_size(pictures, model, size, report=report)
