"""``weights``: list, verify, fetch, encrypt or decrypt the networks' weights."""

from __future__ import annotations

import argparse
import getpass
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from editing import messages
from editing.cli.common import DONE, Bar, fail
from editing.errors import EditingError, WeightError

HELP = "list, verify, fetch, encrypt or decrypt the networks' weights"


def add(parser: argparse.ArgumentParser) -> None:
    """The actions of the command."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, act, note in (
        ("list", _list, "what there is, where it comes from, and its licence"),
        ("verify", _verify, "read every weight that is here and compare its sha256"),
        ("fetch", _fetch, "download a weight from its official release"),
        ("encrypt", _encrypt, "put an encrypted file, NAME.enc, in the place of a weight's; it is used as before"),
        ("decrypt", _decrypt, "put the plain file in the place of an encrypted one"),
    ):
        action = actions.add_parser(name, help=note, description=note)
        action.set_defaults(action=act)
        if name == "fetch":
            action.add_argument("name", metavar="NAME")
        elif name in ("encrypt", "decrypt"):
            action.description = f"{note}; the passphrase is that in ATELIER_WEIGHTS_KEY, else it is asked for"
            action.add_argument("name", metavar="NAME|FILE")
            action.add_argument("--keep", action="store_true", help="leave the file as it is, beside the new one")


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


def _encrypt(arguments: argparse.Namespace) -> int:
    from editing.weights import sealed

    path = _file(arguments.name)
    if sealed.is_sealed(path):
        raise WeightError(messages.ALREADY_SEALED, path=path)
    return _replace(path, sealed.seal, _passphrase(twice=True), keep=arguments.keep)


def _decrypt(arguments: argparse.Namespace) -> int:
    from editing.weights import sealed

    path = _file(arguments.name)
    if not sealed.is_sealed(path):
        raise WeightError(messages.NOT_ENCRYPTED, path=path)
    return _replace(path, sealed.unseal, _passphrase(), keep=arguments.keep)


def _file(name: str) -> Path:
    """A path, or where the weight of this name lies. Raises WeightError."""
    from editing.weights.files import is_file, present
    from editing.weights.find import find_weight

    return Path(name) if is_file(Path(name)) else present(find_weight(name, paths=False))


def _passphrase(*, twice: bool = False) -> str:
    """That of the environment; else what is typed, ``twice`` where a typing error would lose the file; or a line."""
    from editing.weights import sealed

    words = sealed.passphrase()
    if words or not sys.stdin.isatty():
        return words or sys.stdin.readline().rstrip("\r\n")
    words = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("Once more: ") != words:
        raise WeightError(messages.KEYS_DIFFER)
    return words


def _replace(path: Path, make: Callable[[Path, str], Path], words: str, *, keep: bool) -> int:
    try:
        made = make(path, words)
        if not keep:
            path.unlink()
    except OSError as error:
        raise WeightError(messages.CANT_REPLACE, path=path, why=error.strerror or error) from error
    sys.stdout.write(f"{made}\n")
    return DONE
