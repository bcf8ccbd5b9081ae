"""``upscale``: enlarge pictures and clips, or clean them."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from editing import messages
from editing.cli import common
from editing.cli.common import Bar, Made, Told
from editing.cli.flags import add_flag, add_flags, options_of
from editing.errors import Stopped
from editing.messages import Text
from editing.options import (
    CLIP_FORMATS,
    PICTURE_FORMATS,
    ClipOptions,
    ClipSaveOptions,
    SaveOptions,
    UpscaleOptions,
    spec_of,
)

if TYPE_CHECKING:
    from editing.pictures.picture import Picture
    from editing.report import Report

HELP = "enlarge pictures and clips, or clean them (scale 1)"


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    common.add_files(parser, "pictures and clips")
    add_flags(parser, UpscaleOptions, ClipOptions)
    formats = tuple(dict.fromkeys(PICTURE_FORMATS + CLIP_FORMATS))
    about = Text("of files in a folder (default: png; of a clip as it was, or mp4)", "文件夹中文件的格式")
    add_flag(parser, "format", replace(spec_of(SaveOptions, "format"), choices=formats, about=about), None)
    add_flags(parser, ClipSaveOptions, leave_out=("format",))


def run(arguments: argparse.Namespace) -> int:
    """Enlarge each input; gives the exit code."""
    options = options_of(ClipOptions, arguments, upscale=options_of(UpscaleOptions, arguments))

    from editing.clips.read import is_clip, is_video
    from editing.clips.write import CLIP_SUFFIXES, usual_suffix
    from editing.pipelines import upscale

    settled = upscale.settle(options.upscale)  # a wrong model ends it all; a wrong picture only itself
    options = replace(options, upscale=settled)
    size = f"{settled.longest}px" if settled.longest else f"x{settled.scale}"
    pairs = common.targets(arguments, f"-{Path(settled.model).stem}-{size}", usual_suffix)

    def enlarge(picture: Picture, report: Report) -> Made:
        made = upscale.settle(settled, picture)
        result = upscale.upscale(picture, made, report=report)
        drift = f"  colour drift {upscale.color_drift(picture, result):.2f} of 255"
        return Made(picture=result, recipe=upscale.recipe(made), facts=drift + _sigma(made.sigma))

    of_picture = common.of_picture(arguments, enlarge)

    def job(source: Path, target: Path) -> Told:
        if is_video(source) or (target.suffix.lower() in CLIP_SUFFIXES and is_clip(source)):
            return _clip(source, target, options, arguments)
        return of_picture(source, target)

    return common.each(pairs, job)


def _sigma(sigma: float | None) -> str:
    return "" if sigma is None else f"  sigma {sigma:g} of 255"


def _clip(source: Path, target: Path, options: ClipOptions, arguments: argparse.Namespace) -> Told:
    from editing import runtime
    from editing.pipelines import clips

    kept = common.metadata_kept(arguments)
    try:
        with Bar(source.name, "frame") as bar, runtime.job(), _interrupt_as_stop(bar) as report:
            result = clips.upscale_clip(source, target, options, report=report, **kept)
    except Stopped:
        part = clips.partial(target)
        if not part.exists():
            raise
        raise Stopped(messages.STOPPED_HALFWAY, part=part) from None
    facts = f"{result.width}x{result.height}  {result.frames} frames  {result.seconds:.2f} s{_sigma(result.sigma)}"
    return Told(facts=facts, notices=result.notices)


@contextmanager
def _interrupt_as_stop(report: Report) -> Iterator[Report]:
    """A report that raises Stopped after the first Ctrl-C, so that nothing breaks off in the middle of a frame."""
    pressed: list[int] = []

    def press(number: int, _: object) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, usual)

    def stopping(done: int, total: int, note: str = "") -> None:
        if pressed:
            raise Stopped(messages.STOPPED)
        report(done, total, note)

    usual = signal.signal(signal.SIGINT, press)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGINT, usual)
