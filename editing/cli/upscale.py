"""``upscale``: enlarge pictures and clips, or clean them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from editing.cli import common
from editing.cli.common import Made, Told
from editing.cli.flags import add_flags, options_of
from editing.cli.targets import batch
from editing.options import ClipBatchOptions, ClipOptions, UpscaleOptions

if TYPE_CHECKING:
    from editing.pictures.picture import Picture
    from editing.pipelines.clips import ClipResult
    from editing.report import Report

HELP = "enlarge pictures and clips, or clean them (scale 1)"


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    common.add_files(parser, "pictures and clips")
    add_flags(parser, UpscaleOptions, ClipOptions, ClipBatchOptions)
    common.add_ray(parser)


def run(arguments: argparse.Namespace) -> int:
    """Enlarge each input; gives the exit code."""
    options, clip = options_of(UpscaleOptions, arguments), options_of(ClipOptions, arguments)
    files = options_of(ClipBatchOptions, arguments)

    from editing.pipelines import upscale, upscale_clips

    usual = upscale.settle(options)  # a wrong model ends it all; a wrong picture only itself
    if "ray" in arguments:  # a cluster's machines may be unequally fast: all take the same model
        options = usual
    model, amount = Path(options.model).stem, upscale.amount(usual)

    def enlarge(picture: Picture, report: Report) -> Made:
        made = upscale.settle(options, picture)
        result = upscale.upscale(picture, made, report=report)
        drift = upscale.color_drift(picture, result)
        return Made(
            picture=result, recipe=upscale.recipe(made),
            words=f"  colour drift {drift:.2f} of 255{_sigma(made.sigma)}",
            facts={"color_drift": round(drift, 4), "sigma": made.sigma},
        )  # fmt: skip

    def size(picture: Picture) -> tuple[int, int]:
        return upscale.target_size(picture.width, picture.height, usual, upscale.load(usual.model, usual.precision))

    def enlarge_clip(source: Path, target: Path, report: Report, *, strip: bool, keep_gps: bool) -> ClipResult:
        return upscale_clips.upscale_clip(source, target, options, clip, report=report, strip=strip, keep_gps=keep_gps)

    of_picture = common.of_picture(arguments, files, enlarge, size=size)

    def job(source: Path, target: Path) -> Told:
        if not common.is_clip_to(source, target):
            return of_picture(source, target)
        return common.do_clip(
            source, target, files, enlarge_clip, lambda result: _sigma(result.recipe["options"]["sigma"])
        )

    ending = f"-{amount}" if model == "auto" else f"-{model}-{amount}"
    places = {"model": model, "scale": amount.removeprefix("x")}
    with batch(arguments, files, ending, places=places, check=common.check_target, clips=True) as pairs:
        return common.of_all(arguments, pairs, job)


def _sigma(sigma: float | None) -> str:
    return "" if sigma is None else f"  sigma {sigma:g} of 255"
