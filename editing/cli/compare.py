"""``compare``: several models, styles or fidelities on one picture, on one sheet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from editing.cli import common
from editing.cli.common import Bar
from editing.cli.flags import add_flags, options_of
from editing.options import CompareOptions

HELP = "several models, styles or fidelities on one picture, on one sheet"


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    parser.add_argument("input", type=Path, metavar="IN", help="a picture")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="the sheet: a picture file")
    add_flags(parser, CompareOptions)


def run(arguments: argparse.Namespace) -> int:
    """Make the sheet; gives the exit code."""
    options = options_of(CompareOptions, arguments)

    from editing import runtime
    from editing.pictures.read import read_picture
    from editing.pictures.write import check_target, write_picture
    from editing.pipelines import compare

    check_target(arguments.output)  # before minutes of work
    compare.find_items(options)
    picture = read_picture(arguments.input)
    with Bar(arguments.input.name, "step") as report, runtime.job():
        made = compare.compare(picture, options, report=report)
    drawn = made.sheet()
    notices = write_picture(drawn, arguments.output, recipe=compare.recipe(made))
    for notice in (*picture.notices, *drawn.notices, *notices):
        sys.stderr.write(f"{arguments.input.name}: {notice}\n")
    for one in made.results:
        seconds = "" if one.seconds is None else f"  {one.seconds:.2f} s"
        sys.stdout.write(f"{one.item.label}  {one.picture.width}x{one.picture.height}{seconds}\n")
    sys.stdout.write(f"{arguments.output}  {drawn.width}x{drawn.height}\n")
    return common.DONE
