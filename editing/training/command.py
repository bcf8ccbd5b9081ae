"""``python -m editing train WHAT ...``: one subcommand per network that is trained here."""

from __future__ import annotations

import argparse

from editing.training import generator
from editing.training.options import add_flags, from_arguments


def run(argv: list[str]) -> int:
    """Everything after ``train`` on the command line; gives the exit code, raises EditingError."""
    parser = argparse.ArgumentParser(
        prog="python -m editing train", description="Train a network on your own pictures."
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="WHAT")
    one = kinds.add_parser("generator", help="draws new pictures like those in a folder", allow_abbrev=False)
    add_flags(one, generator.GeneratorTrainOptions)
    arguments = parser.parse_args(argv)
    generator.run(from_arguments(generator.GeneratorTrainOptions, arguments))
    return 0
