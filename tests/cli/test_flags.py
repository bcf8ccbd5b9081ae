"""The flags: every option has one, with what its Spec says."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from editing.cli.flags import add_flags, options_of, spelled_out
from editing.errors import OptionError
from editing.options import (
    DAMAGE_SURE,
    BatchOptions,
    ClipBatchOptions,
    ClipOptions,
    ClipSaveOptions,
    DrawnSaveOptions,
    FacelessOptions,
    GenerateOptions,
    RepairOptions,
    RestoreOptions,
    SaveOptions,
    StylizeOptions,
    UpscaleOptions,
    WalkOptions,
    specs,
)

KINDS = (
    UpscaleOptions, ClipOptions, RepairOptions, RestoreOptions, StylizeOptions, GenerateOptions, WalkOptions,
    SaveOptions, ClipSaveOptions, DrawnSaveOptions, BatchOptions, ClipBatchOptions, FacelessOptions,
)  # fmt: skip


def parsed(kind: type[Any], *argv: str) -> Any:
    parser = argparse.ArgumentParser()
    add_flags(parser, kind)
    return options_of(kind, parser.parse_args(argv))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_given_keeps_its_default(kind: type[Any]) -> None:
    needed = {"style": "night"} if kind is StylizeOptions else {}
    argv = [f"--{name}={value}" for name, value in needed.items()]
    assert parsed(kind, *argv) == kind(**needed)


@pytest.mark.parametrize("kind", KINDS)
def test_ranges_and_choices_of_every_option_are_those_of_its_spec(kind: type[Any]) -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, kind)
    actions = {action.dest: action for action in parser._actions}
    for name, spec in specs(kind).items():
        flag = actions[name].option_strings[0]
        wrong: list[str] = [str(choice) + "x" for choice in spec.choices[:1]]
        if spec.kind in ("number", "whole"):
            right = [spec.low, spec.high]
            wrong = [str(int(spec.low) - 1), str(int(spec.high) + 1), "much"]
            assert f"{spec.low:g} to " in str(actions[name].help)
        else:
            right = list(spec.choices)
        needed = ["--style=x"] if kind is StylizeOptions else []
        for value in right:
            given = f"{value:.10g}" if isinstance(value, float) else str(value)
            assert getattr(parser.parse_args([*needed, f"{flag}={given}"]), name) == value
        for text in wrong:
            with pytest.raises(OptionError) as told:
                parser.parse_args([f"{flag}={text}"])
            assert str(told.value).startswith(f"{flag}: {spec.title.en} is ")


def test_switches_words_for_unset_and_repeated_flags() -> None:
    assert not parsed(UpscaleOptions, "--no-color-lock").color_lock
    assert parsed(UpscaleOptions, "--color-lock", "--scale", "auto", "--tile=auto") == UpscaleOptions()
    boxes = parsed(RepairOptions, "--box", "1,2,3,4", "--box=-1,0,2.5,3").boxes
    assert boxes == ((1.0, 2.0, 3.0, 4.0), (-1.0, 0.0, 2.5, 3.0))
    assert parsed(GenerateOptions, "--direction", "3=-1.5", "--direction", "1=1").directions == (1.0, 0.0, -1.5)
    assert parsed(WalkOptions, "--walk", "5,7", "--no-loop") == WalkOptions(seeds=(5, 7), loop=False)
    assert parsed(StylizeOptions, "--style", "a", "--style2", "b").second == "b"


def test_a_flag_that_may_stand_without_its_value() -> None:
    assert parsed(RepairOptions).find_damage is None
    assert parsed(RepairOptions, "--find-damage", "--faces", "none").find_damage == DAMAGE_SURE
    assert parsed(RepairOptions, "--find-damage", "0.2").find_damage == 0.2
    assert parsed(RepairOptions, "--find-damage", "none").find_damage is None
    with pytest.raises(OptionError, match="--find-damage: Find damage is 'a"):
        parsed(RepairOptions, "--find-damage", "a.jpg")


def test_what_follows_a_bare_flag_is_no_value_of_it() -> None:
    """Else ``repair --find-damage scan.jpg -o out`` says that the number is 'scan.jpg'."""
    for words, wanted in (
        (["--find-damage", "scan.jpg"], ["--find-damage=0.5", "scan.jpg"]),
        (["--find-damage"], ["--find-damage=0.5"]),
        (["--find-damage", "--restore"], ["--find-damage=0.5", "--restore"]),
        (["--find-damage", "0.2", "scan.jpg"], None),
        (["--find-damage", "7"], None),  # out of range, which is said
        (["--find-damage", "none"], None),
        (["--find-damage=0.1", "scan.jpg"], None),
    ):
        assert spelled_out(["repair", *words], RepairOptions) == ["repair", *(wanted or words)]


def test_what_begins_with_a_dash_is_a_value_where_it_may() -> None:
    words = ["--suffix", "-big", "a.png", "--name", "-o", "-", "--suffix"]
    assert spelled_out(words, BatchOptions) == ["--suffix=-big", "a.png", "--name", "-o", "-", "--suffix"]
