"""``repair``: restore faces, fill what a mask covers, or make faces unknown."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from editing import messages
from editing.cli import common
from editing.cli.common import Made
from editing.cli.flags import add_flags, options_of
from editing.messages import tell
from editing.options import RepairOptions, SaveOptions

if TYPE_CHECKING:
    from editing.pictures.picture import Picture
    from editing.report import Report

HELP = "restore faces, fill what a mask covers, or make faces unknown"


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    common.add_files(parser)
    common.add_mask(parser, "a picture: what is white, or opaque, is filled")
    add_flags(parser, RepairOptions, SaveOptions)


def run(arguments: argparse.Namespace) -> int:
    """Repair each picture; gives the exit code."""
    options = options_of(RepairOptions, arguments)
    pairs = common.targets(arguments, "-repaired")

    from editing.faces import likeness
    from editing.pipelines import repair

    bound: dict[str, str] = {}  # the weights that were used and are not for everything, with their licences

    def mend(picture: Picture, report: Report) -> Made:
        mask = common.read_mask(arguments, picture)
        made = repair.repair(picture, options, mask, report=report)
        notices = []
        for face in made.faces:
            alike = face.likeness(options.fidelity)
            if alike is not None and alike < likeness.ALIKE:
                told = {"number": face.number, "alike": f"{alike:.2f}", "wanted": likeness.ALIKE}
                notices.append(tell(messages.MAY_BE_ANOTHER, **told))
            if face.anonymised and face.anonymised != options.anonymise:
                notices.append(tell(messages.PERSON_TOO_SMALL, number=face.number))
        bound.update({weight.name: weight.licence for weight in made.weights if "not for" in weight.licence})
        filled = f"  filled by {made.filled_by}" if made.filled_by else ""
        if options.find_damage is not None:
            filled = f"  {0 if made.mask is None else (made.mask > 0).mean():.2%} masked{filled}"
        return Made(
            picture=repair.compose(made), recipe=repair.recipe(made), notices=tuple(notices),
            facts=f"  {len(made.faces)} of {made.found} faces{filled}",
        )  # fmt: skip

    code = common.each(pairs, common.of_picture(arguments, mend, "step"))
    for name, licence in bound.items():
        sys.stderr.write(f"{name}: {licence}\n")
    return code
