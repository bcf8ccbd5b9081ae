"""``doctor``: say what this machine has, and what is wrong with it."""

from __future__ import annotations

import argparse
import sys

from editing.cli.common import DONE, FAILED

HELP = "say what this machine has, and what is wrong with it"


def add(_: argparse.ArgumentParser) -> None:
    """It has no flags."""


def run(_: argparse.Namespace) -> int:
    """One line for each thing that can be wrong, beginning with ok or problem; gives the exit code."""
    from editing import doctor

    code = DONE
    for check in doctor.checks():
        sys.stdout.write(f"{'ok     ' if check.ok else 'problem'}  {check.text}\n")
        code = code if check.ok else FAILED
    return code
