"""``python -m editing train WHAT ...``: one subcommand per network that is trained here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from editing.training import damage, denoiser, finisher, generator, repairer, stylizer, upscaler
from editing.training.options import add_flags, from_arguments

# What can be trained: its options, what trains it, and a line for --help.
KINDS: dict[str, tuple[type[Any], Callable[[Any], None], str]] = {
    "generator": (
        generator.GeneratorTrainOptions,
        generator.run,
        "draws new pictures like those in a folder",
    ),
    "upscaler": (
        upscaler.UpscalerTrainOptions,
        upscaler.run,
        "enlarges pictures fast, after a slow network's example",
    ),
    "denoiser": (denoiser.DenoiserTrainOptions, denoiser.run, "takes noise out of pictures"),
    "damage": (damage.DamageTrainOptions, damage.run, "finds scratches, dust, stains and folds in scans"),
    "repairer": (repairer.RepairerTrainOptions, repairer.run, "repairs aligned faces and fills what is masked"),
    "finisher": (finisher.FinisherTrainOptions, finisher.run, "enlarges repaired faces twice, with a discriminator"),
    "stylizer": (stylizer.StylizerTrainOptions, stylizer.run, "repaints photos in the style of other pictures"),
}


def run(argv: list[str]) -> int:
    """Everything after ``train`` on the command line; gives the exit code, raises EditingError."""
    parser = argparse.ArgumentParser(
        prog="python -m editing train", description="Train a network on your own pictures."
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="WHAT")
    for name, (options, _, note) in KINDS.items():
        add_flags(kinds.add_parser(name, help=note, description=note, allow_abbrev=False), options)
    arguments = parser.parse_args(argv)
    options, train, _ = KINDS[arguments.kind]
    train(from_arguments(options, arguments))
    return 0
