"""``repair``: restore faces, fill what a mask covers, make faces unknown, or restore a whole old photograph."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from editing import messages
from editing.cli import common
from editing.cli.common import Made, Told
from editing.cli.flags import add_flags, options_of
from editing.cli.targets import batch
from editing.errors import ImageError, OptionError
from editing.messages import Message, tell
from editing.options import BatchOptions, FacelessOptions, RepairOptions, RestoreOptions

if TYPE_CHECKING:
    from editing.pictures.masks import Mask
    from editing.pictures.picture import Picture
    from editing.pipelines.repair import Repaired
    from editing.report import Report

HELP = "restore faces, fill what a mask covers, make faces unknown, or restore a whole old photo"
_OF_RESTORE = ("clean", "colors", "size")


def add(parser: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    common.add_files(parser)
    common.add_mask(parser, "a picture: what is white, or opaque, is filled")
    note = (
        "the whole old photo: damage found and filled, noise cleaned, fading taken back, faces restored; "
        "--find-damage none, --clean 0, --colors 0 or --faces none leave that out"
    )
    parser.add_argument("--restore", action="store_true", default=argparse.SUPPRESS, help=note)
    add_flags(parser, RepairOptions, RestoreOptions, FacelessOptions, BatchOptions)
    common.add_ray(parser)


def run(arguments: argparse.Namespace) -> int:
    """Repair each picture; gives the exit code."""
    common.check_mask(arguments)
    whole = "restore" in arguments
    options = options_of(RestoreOptions if whole else RepairOptions, arguments)
    for name in _OF_RESTORE:
        if name in arguments and not whole:
            raise OptionError(messages.NEEDS_RESTORE, flag=f"--{name}")
    files, faceless = options_of(BatchOptions, arguments), options_of(FacelessOptions, arguments).faceless

    from editing.pictures.tags import unnamed
    from editing.pictures.write import check_target
    from editing.pipelines import repair, restore

    bound: dict[str, str] = {}  # the weights that were used and are not for everything, with their licences
    times = options.size if isinstance(options, RestoreOptions) else 1

    def mend(picture: Picture, report: Report, mask: Mask | None) -> Made | Told:
        facts: dict[str, object] = {}
        if isinstance(options, RestoreOptions):
            restored = restore.restore(picture, options, mask, report=report)
            words = f"  noise {restored.sigma:.1f}" if restored.sigma else ""
            facts["sigma"] = restored.sigma
            repaired, marked, filled_by = restored.repaired, restored.mask, restored.filled_by
            notices = [*restored.notices, *_doubts(repaired)]
            made, recipe, weights = restore.compose(restored), restore.recipe(restored), restored.weights
        else:
            repaired = repair.repair(picture, options, mask, report=report)
            marked, filled_by, words = repaired.mask, repaired.filled_by, ""
            notices = [*repaired.notices, *_doubts(repaired)]
            made, recipe, weights = repair.compose(repaired), repair.recipe(repaired), repaired.weights
        bound.update({weight.name: weight.licence for weight in weights if "not for" in weight.licence})
        words += f"  {len(repaired.faces)} of {repaired.found} faces"
        if options.find_damage is not None or marked is not None:
            share = 0.0 if marked is None else float((marked > 0).mean())
            facts["masked"] = round(share, 6)
            words += f"  {share:.2%} masked"
        if filled_by:
            words += f"  filled by {filled_by}"
        facts |= {"faces": len(repaired.faces), "found": repaired.found, "filled_by": filled_by}
        return Made(picture=made, recipe=recipe, notices=tuple(notices), words=words, facts=facts)

    def mend_or_leave(picture: Picture, report: Report, mask: Mask | None) -> Made | Told:
        try:
            return mend(picture, report, mask)
        except ImageError as error:
            if faceless == "fail" or error.message.text is not messages.NO_FACE_FOUND:
                raise
        if faceless == "leave":
            return Told(words=str(tell(messages.FACELESS_LEFT)), facts={"faces": 0, "found": 0}, left=True)
        copied = picture if options.anonymise == "no" else unnamed(picture)
        facts = {"faces": 0, "found": 0}
        return Made(picture=copied, recipe=None, notices=(tell(messages.FACELESS_COPIED),), facts=facts)

    job = common.of_picture(
        arguments, files, mend_or_leave, "step", masked=True,
        size=lambda picture: (picture.width * times, picture.height * times),
    )  # fmt: skip
    places = {"model": Path(options.model).stem, "scale": str(times)}
    with batch(
        arguments, files, "-restored" if whole else "-repaired", places=places,
        check=lambda _, target: check_target(target),
    ) as pairs:  # fmt: skip
        code = common.of_all(arguments, pairs, job)
    for name, licence in bound.items():
        sys.stderr.write(f"{name}: {licence}\n")
    return code


def _doubts(made: Repaired) -> list[Message]:
    """What to look at: faces that may be another's now, are partly invented, or became squares."""
    notices = []
    for face in made.faces:
        verdict = face.verdict(made.options.fidelity)
        if verdict == "another":
            notices.append(tell(messages.MAY_BE_ANOTHER, number=face.number))
        if verdict == "invented":
            notices.append(tell(messages.PART_INVENTED, number=face.number))
        if face.anonymised and face.anonymised != made.options.anonymise:
            notices.append(tell(messages.PERSON_TOO_SMALL, number=face.number))
    return notices
