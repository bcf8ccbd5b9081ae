"""``doctor``: say what this machine has, and what is wrong with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from editing.cli.common import DONE, FAILED

HELP = "say what this machine has, and what is wrong with it"


WIDE = 30  # letters of the longest bar


def add(parser: argparse.ArgumentParser) -> None:
    """Its two flags."""
    note = (
        "measure how long each model that takes pixels needs here, in every precision; some minutes at the first time"
    )
    parser.add_argument("--bench", action="store_true", help=note)
    note = (
        "make the middle of a picture four times smaller, enlarge it by each model of upscale and by bicubic, and say "
        "how close they come: PSNR and SSIM"
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help=note)


def run(arguments: argparse.Namespace) -> int:
    """One line for each thing that can be wrong, beginning with ok or problem; gives the exit code."""
    from editing import doctor

    code = DONE
    for check in doctor.checks():
        sys.stdout.write(f"{'ok     ' if check.ok else 'problem'}  {check.text}\n")
        code = code if check.ok else FAILED
    if arguments.bench:
        _bench()
    if arguments.picture:
        _compare(arguments.picture)
    return code


def _bench() -> None:
    """A table, the fastest first: seconds and memory for each megapixel in, and a bar for the time's logarithm."""
    from editing import doctor
    from editing.cli.common import Bar

    found = []
    with Bar("measuring", "network") as report:
        for speed in doctor.speeds():
            found.append(speed)
            report(len(found), 0, speed.model)
    found.sort(key=lambda speed: speed.seconds)
    for speed, length in zip(found, doctor.bars(found, WIDE), strict=True):
        sys.stdout.write(
            f"{speed.model:<24} {speed.precision:<5} {speed.seconds:8.2f} s/MP {speed.memory / 1e9:7.2f} GB/MP  "
            f"{'#' * length}\n"
        )


def _compare(path: Path) -> None:
    """A table, the closest first."""
    from editing import doctor
    from editing.cli.common import Bar
    from editing.pictures.picture import Picture

    with Bar(path.name, "tile") as report:
        found = sorted(doctor.closeness(Picture.open(path), report), key=lambda one: -one.psnr)
    for one in found:
        sys.stdout.write(f"{one.model:<24} {one.psnr:6.2f} dB  SSIM {one.ssim:.4f}\n")
