"""The command line, ``python -m editing COMMAND`` or ``atelier COMMAND``: arguments to an exit code.

Exit codes: 0 done; 1 a picture or a weight failed, and stderr says why in one line; 2 the command was wrong.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from editing import __version__
from editing.cli import compare, doctor, generate, repair, rerun, stylize, upscale, weights
from editing.cli.common import answered
from editing.cli.flags import spelled_out
from editing.options import BatchOptions, RepairOptions

COMMANDS = {
    "upscale": upscale,
    "repair": repair,
    "stylize": stylize,
    "generate": generate,
    "compare": compare,
    "rerun": rerun,
    "weights": weights,
    "doctor": doctor,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal can't show ends nothing
            stream.reconfigure(errors="backslashreplace")
    return answered(lambda: _run(argv))


def _run(argv: list[str]) -> int:
    if argv[:1] == ["train"]:
        from editing.training.command import run as train

        return train(argv[1:])
    arguments = parser().parse_args(spelled_out(_ray_spelled_out(argv), RepairOptions, BatchOptions))
    if "ray" in arguments:
        from editing.cluster import batch

        return batch.run(arguments)
    return int(arguments.run(arguments))


def _ray_spelled_out(argv: list[str]) -> list[str]:
    """``argv`` with an empty address beside a bare --ray: argparse would take a picture's name after it for one."""
    return [
        "--ray=" if word == "--ray" and not _ADDRESS.fullmatch(following) else word
        for word, following in zip_longest(argv, argv[1:], fillvalue="")
    ]


_ADDRESS = re.compile(r"auto|local|(ray://)?[^/\s]+:\d+")


def parser() -> argparse.ArgumentParser:
    """All commands but ``train`` with their flags; each sets ``run``."""
    program = "atelier" if Path(sys.argv[0]).stem == "atelier" else "python -m editing"
    whole = argparse.ArgumentParser(
        prog=program,
        description="Makes and mends pictures with neural networks.",
        epilog=f"'train' has its own help: {program} train --help",
    )
    whole.add_argument("--version", action="version", version=f"Atelier {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.HELP, description=command.HELP)
        one.set_defaults(run=command.run)
        command.add(one)
    return whole


if __name__ == "__main__":
    sys.exit(main())
