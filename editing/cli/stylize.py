"""``stylize``: repaint pictures in the style of a painting or of any picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from editing.cli import common
from editing.cli.common import Made
from editing.cli.flags import add_flags, options_of
from editing.options import SaveOptions, StylizeOptions

if TYPE_CHECKING:
    from editing.pictures.picture import Picture
    from editing.report import Report

HELP = "repaint pictures in the style of a painting or of any picture"


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    common.add_files(parser)
    common.add_mask(parser, "where to paint: white, or opaque; the rest stays as it is")
    add_flags(parser, StylizeOptions, SaveOptions)


def run(arguments: argparse.Namespace) -> int:
    """Repaint each picture; gives the exit code."""
    options = options_of(StylizeOptions, arguments)

    from editing.pipelines import stylize

    stylize.check_style(options)  # a wrong style ends it all; a wrong picture only itself
    suffix = "-" + "-".join(Path(name).stem for name in (options.style, options.second) if name)
    pairs = common.targets(arguments, suffix)

    def paint(picture: Picture, report: Report) -> Made:
        mask = common.read_mask(arguments, picture)
        result = stylize.stylize(picture, options, mask=mask, report=report)
        return Made(picture=result, recipe=stylize.recipe(options, masked=mask is not None))

    return common.each(pairs, common.of_picture(arguments, paint, "step" if options.optimise else "tile"))
