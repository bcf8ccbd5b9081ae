"""Flags made from the options: what each is called, takes, defaults to and says of itself stands in its Spec."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import MISSING
from functools import partial
from typing import Any, TypeVar

from editing import messages
from editing.errors import OptionError
from editing.options import Spec, default_of, specs, value_of

Options = TypeVar("Options")
_METAVARS = {"number": "X", "whole": "N", "text": "NAME|FILE"}


def add_flags(parser: argparse.ArgumentParser, *kinds: type[Any], leave_out: tuple[str, ...] = ()) -> None:
    """A flag for each option of the classes ``kinds``; what two of them share is one flag."""
    done = set(leave_out)
    for kind in kinds:
        for name, spec in specs(kind).items():
            if name not in done:
                add_flag(parser, name, spec, default_of(kind, name))
                done.add(name)


def add_flag(parser: argparse.ArgumentParser, name: str, spec: Spec, default: Any) -> None:
    """The flag of one option; a wrong value raises OptionError while it is parsed, naming the flag."""
    flag = spec.flag or "--" + name.replace("_", "-")
    names = [flag, spec.short] if spec.short else [flag]
    title = spec.title.en
    named = title.lower() in (name, name + "s")  # the flag says it
    note = ("" if named else title + ("; " if ":" in title else ": ")) + spec.about.en.replace("%", "%%")
    how: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
    if spec.kind == "switch":
        action = argparse.BooleanOptionalAction if default else "store_true"  # --color-lock and --no-color-lock
        parser.add_argument(*names, action=action, help=note, **how)
        return
    taken = spec.metavar or "|".join(map(str, spec.choices)) or _METAVARS[spec.kind]
    if spec.unset and not spec.metavar:
        taken = f"{spec.unset}|{taken}"
    if spec.repeated:
        parser.add_argument(flag, action="append", metavar=taken, help=f"{note}; may be given several times", **how)
        return
    facts = [f"{spec.low:g} to {spec.high:.10g}"] if spec.kind in ("number", "whole") else []
    if isinstance(default, (str, int, float)) or spec.unset:
        facts.append(
            f"default: {default:g}"
            if isinstance(default, float)
            else f"default: {spec.unset if default is None else default}"
        )
    note += f" ({'; '.join(facts)})" if facts else ""
    if spec.bare is not None:
        how |= {"nargs": "?", "const": spec.bare}
    parser.add_argument(
        flag, type=partial(_value, flag, spec), metavar=taken, required=default is MISSING, help=note, **how
    )


def spelled_out(argv: Iterable[str], *kinds: type[Any]) -> list[str]:
    """``argv`` with what argparse would misread beside its flag: ``--find-damage scan.jpg``, ``--suffix -big``.

    That is what a bare flag of ``kinds`` means, where no number follows but, say, a picture's name; and what follows
    one whose value may begin with a dash.
    """
    every = {
        spec.flag or "--" + name.replace("_", "-"): spec for kind in kinds for name, spec in specs(kind).items()
    }  # fmt: skip
    words: list[str] = []
    given = list(argv)
    for index, word in enumerate(given):
        spec, following = every.get(word), given[index + 1] if index + 1 < len(given) else ""
        if index and given[index - 1] in every and every[given[index - 1]].dashed:
            words[-1] += f"={word}"
        elif spec is not None and spec.bare is not None and not _is_number(spec, following):
            words.append(f"{word}={spec.bare}")
        else:
            words.append(word)
    return words


def _is_number(spec: Spec, word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return word == spec.unset
    return True


def _value(flag: str, spec: Spec, given: str) -> Any:
    try:
        return value_of(spec, given)
    except OptionError as error:
        raise OptionError(messages.WRONG_FLAG, flag=flag, error=error.message) from None


def options_of(kind: type[Options], arguments: argparse.Namespace, **more: Any) -> Options:
    """The options of a class as they were given; the rest keeps its defaults. ``more`` comes before what was given."""
    given = {name: getattr(arguments, name) for name in specs(kind) if name in arguments}
    return kind(**{**given, **more})
