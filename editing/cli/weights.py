"""``weights``: list, verify or fetch the networks' weights."""

from __future__ import annotations

import argparse
import sys
import textwrap

from editing.cli.common import DONE, Bar, fail
from editing.errors import EditingError

HELP = "list, verify or fetch the networks' weights"


def add(parser: argparse.ArgumentParser) -> None:
    """The actions of the command."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, act, note in (
        ("list", _list, "what there is, where it comes from, and its licence"),
        ("verify", _verify, "read every weight that is here and compare its sha256"),
        ("fetch", _fetch, "download a weight from its official release"),
    ):
        action = actions.add_parser(name, help=note, description=note)
        action.set_defaults(action=act)
        if name == "fetch":
            action.add_argument("name", metavar="NAME")


def run(arguments: argparse.Namespace) -> int:
    """Do the action; gives the exit code."""
    return int(arguments.action(arguments))


def _list(_: argparse.Namespace) -> int:
    from editing.weights.find import problems, rows

    for row in rows():
        sys.stdout.write(
            f"{row.name:<14} {row.task:<9} {row.state:<12} {row.title} ({row.architecture}; {row.licence})\n"
        )
        sys.stdout.write(textwrap.indent(str(row.where), " " * 15) + "\n")
    for problem in problems():
        fail(problem)
    return DONE


def _verify(_: argparse.Namespace) -> int:
    from editing.weights.files import path_of, verify
    from editing.weights.find import problems, weights_for

    code = DONE
    for weight in weights_for():
        if path_of(weight) is None:
            sys.stdout.write(f"{weight.name:<14} not here\n")
            continue
        try:
            sys.stdout.write(f"{weight.name:<14} {verify(weight)}\n")
        except EditingError as error:
            code = fail(error)
    for problem in problems():
        code = fail(problem)
    return code


def _fetch(arguments: argparse.Namespace) -> int:
    from editing.weights.find import fetch_weight

    with Bar(arguments.name, "B") as report:
        path = fetch_weight(arguments.name, report)
    sys.stdout.write(f"{path}\n")
    return DONE
