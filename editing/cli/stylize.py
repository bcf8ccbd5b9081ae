"""``stylize``: repaint pictures and clips in the style of a painting or of any picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from editing.cli import common
from editing.cli.common import Made, Told
from editing.cli.flags import add_flags, options_of
from editing.cli.targets import batch
from editing.options import ClipBatchOptions, ClipOptions, StylizeOptions

if TYPE_CHECKING:
    from editing.pictures.masks import Mask
    from editing.pictures.picture import Picture
    from editing.pipelines.clips import ClipResult
    from editing.report import Report

HELP = "repaint pictures and clips in the style of a painting or of any picture"


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    common.add_files(parser, "pictures and clips")
    common.add_mask(parser, "where to paint: white, or opaque; the rest stays as it is")
    add_flags(parser, StylizeOptions, ClipOptions, ClipBatchOptions)
    common.add_ray(parser)


def run(arguments: argparse.Namespace) -> int:
    """Repaint each input; gives the exit code."""
    common.check_mask(arguments)
    options, clip = options_of(StylizeOptions, arguments), options_of(ClipOptions, arguments)
    files = options_of(ClipBatchOptions, arguments)

    from editing.clips.read import probe_clip
    from editing.pipelines import stylize, stylize_clips

    stylize.check_style(options)  # a wrong style ends it all; a wrong picture only itself
    style = "-".join(Path(name).stem for name in (options.style, options.second) if name)

    def paint(picture: Picture, report: Report, mask: Mask | None) -> Made:
        result = stylize.stylize(picture, options, mask=mask, report=report)
        return Made(picture=result, recipe=stylize.recipe(options, masked=mask is not None))

    def paint_clip(source: Path, target: Path, report: Report, *, strip: bool, keep_gps: bool) -> ClipResult:
        mask = common.read_mask(arguments, source, probe_clip(source)) if arguments.mask else None
        return stylize_clips.stylize_clip(
            source, target, options, clip, mask=mask, report=report, strip=strip, keep_gps=keep_gps
        )

    of_picture = common.of_picture(arguments, files, paint, "step" if options.optimise else "tile", masked=True)

    def job(source: Path, target: Path) -> Told:
        if not common.is_clip_to(source, target):
            return of_picture(source, target)
        return common.do_clip(source, target, files, paint_clip)

    places = {"style": style}
    with batch(arguments, files, f"-{style}", places=places, check=common.check_target, clips=True) as pairs:
        return common.of_all(arguments, pairs, job)
