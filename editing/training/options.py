"""Options of a training: a frozen dataclass whose fields, with their one-line comments, are the command's flags."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from editing.errors import OptionError, TrainingError

Options = TypeVar("Options")


class TrainOptionError(TrainingError, OptionError):
    """An option of a training is wrong: told in English alone, as a training is, and the command's fault."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What every training has; checks itself and raises TrainOptionError."""

    data: Path  # folder of pictures to learn from, searched with its subfolders
    out: Path  # run folder: options.json, log.csv, samples, curves.png, last.pt
    resume: bool = False  # go on from OUT/last.pt, exactly
    size: int = 64  # side of the pictures in pixels
    channels: int = 3  # 1 for gray, 3 for RGB
    hold_out: int = 0  # keep this many pictures out of training, chosen by their names, to measure with
    steps: int = 20000  # steps to train in all
    minutes: float = 0.0  # end after this time as if all steps were made; 0 is no limit
    batch: int = 32  # pictures a step, in each process
    seed: int = 0  # start of every random number
    ema: float = 0.999  # decay of the averaged weights, per step; 0 keeps none
    checkpoint_every: int = 250  # steps between writes of last.pt
    sample_every: int = 500  # steps between sample grids; 0 draws none
    measure_every: int = 1000  # steps between measurements; 0 measures never
    log_every: int = 25  # steps between lines of log.csv
    precision: str = "auto"  # auto, bf16 or fp32
    threads: int = 0  # CPU threads; 0 leaves PyTorch's choice
    device: str = "auto"  # auto, cpu or cuda
    cache: str = ""  # folder of decoded pictures (and banks), for several trainings to share; OUT/cache unless given
    export_each: bool = False  # write the network for use beside each last.pt, not at the end alone

    def __post_init__(self) -> None:
        for name, low in (
            ("steps", 1), ("batch", 1), ("checkpoint_every", 1), ("log_every", 1),
            ("sample_every", 0), ("measure_every", 0), ("hold_out", 0), ("threads", 0), ("seed", 0), ("minutes", 0),
        ):  # fmt: skip
            at_least(self, name, low)
        below_one(self, "ema")
        one_of(self, "channels", (1, 3))
        one_of(self, "precision", ("auto", "bf16", "fp32"))
        one_of(self, "device", ("auto", "cpu", "cuda"))

    @property
    def cache_folder(self) -> Path:
        """Where decoded pictures and banks are kept."""
        return Path(self.cache) if self.cache else self.out / "cache"


def at_least(options: Any, name: str, low: float) -> None:
    """Raise TrainOptionError unless ``options.name`` is a finite number of ``low`` or more."""
    if not low <= getattr(options, name) < float("inf"):
        raise unwanted(options, name, f"{low} or more")


def shares(options: Any, *names: str) -> None:
    """Raise TrainOptionError unless each of these options is 0 to 1."""
    for name in names:
        if not 0 <= getattr(options, name) <= 1:
            raise unwanted(options, name, "0 to 1")


def below_one(options: Any, *names: str) -> None:
    """Raise TrainOptionError unless each of these options is 0 or more and below 1."""
    for name in names:
        if not 0 <= getattr(options, name) < 1:
            raise unwanted(options, name, "0 to below 1")


def one_of(options: Any, name: str, choices: tuple[Any, ...]) -> None:
    """Raise TrainOptionError unless ``options.name`` is one of ``choices``."""
    if getattr(options, name) not in choices:
        raise unwanted(options, name, f"one of {', '.join(map(str, choices))}")


def unwanted(options: Any, name: str, wanted: str) -> TrainOptionError:
    """What to raise for ``options.name``: ``--size is 18, wanted 32 or more``."""
    value = getattr(options, name)
    return TrainOptionError(f"{flag(name)} is {value!r}, wanted {wanted}")


def flag(name: str) -> str:
    """The flag of a field: ``hold_out`` -> ``--hold-out``."""
    return "--" + name.replace("_", "-")


def comments(kind: type) -> dict[str, str]:
    """The one-line comment of each field of a dataclass and its bases, read from their source."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base):
            for match in re.finditer(r"^ {4}(\w+): [^#\n]*# (.+)$", inspect.getsource(base), re.MULTILINE):
                found[match.group(1)] = match.group(2)
    return found


def add_flags(parser: argparse.ArgumentParser, kind: type) -> None:
    """One flag per field of the dataclass ``kind``; booleans become ``--name`` and ``--no-name``."""
    notes, hints = comments(kind), get_type_hints(kind)
    for field in dataclasses.fields(kind):
        required = field.default is dataclasses.MISSING
        note = notes[field.name].replace("%", "%%")
        shown = note if required else f"{note} (default: {field.default})"
        if hints[field.name] is bool:
            parser.add_argument(
                flag(field.name), action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=shown
            )
        else:
            parser.add_argument(
                flag(field.name), type=hints[field.name], required=required, default=argparse.SUPPRESS, help=shown
            )


def from_arguments(kind: type[Options], arguments: argparse.Namespace) -> Options:
    """Build the options from what was given on the command line; the rest keeps its default."""
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in vars(arguments).items() if name in names})


def as_plain(options: Any) -> dict[str, Any]:
    """The options as numbers, strings and booleans, for options.json and checkpoints."""
    return {name: str(v) if isinstance(v, Path) else v for name, v in dataclasses.asdict(options).items()}
