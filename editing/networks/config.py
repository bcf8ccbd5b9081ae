"""What the networks' configurations share: how a weight's metadata keeps them, and what may stand in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self

_LONGEST = 1 << 16  # characters of a configuration


def limited(default: Any, allowed: Sequence[int | str], counts: Sequence[int] = ()) -> Any:
    """A field of a configuration: a number, a switch or a word among ``allowed``, or a tuple of as many as ``counts``.

    Tuples within a tuple have as many entries, too.
    """
    return field(default=default, metadata={"allowed": allowed, "counts": counts})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Base of the configurations: :func:`limited` fields alone.

    Files come from strangers, and a network is built before its tensors are looked at: the limits keep a file of some
    hundred bytes from taking hours.
    """

    network: ClassVar[str]  # what a weight says of itself under "network" in its metadata
    later: ClassVar[tuple[str, ...]] = ()  # fields that files from before there was "network" don't have

    def __post_init__(self) -> None:
        for part in fields(self):
            value = _tuples(getattr(self, part.name))
            object.__setattr__(self, part.name, value)
            if not _fits(value, part.default, **part.metadata):
                counts = part.metadata["counts"]
                many = f"{_words(counts)} numbers, each " if counts else ""
                raise ValueError(f"{part.name} is {value!r:.100}, wanted {many}{_words(part.metadata['allowed'])}")

    def to_json(self, without: Sequence[str] = ()) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if name not in without})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError when ``text`` is not such a configuration; what is not in it is the default."""
        try:
            values = json.loads(text) if len(text) <= _LONGEST else None
        except RecursionError:
            values = None
        if not isinstance(values, dict) or not values.keys() <= {part.name for part in fields(cls)}:
            raise ValueError(f"not a {cls.network}'s configuration: {text[:200]}")
        return cls(**values)

    def metadata(self) -> dict[str, str]:
        """What a weight's file has to say beside its tensors, for others to know which network it is."""
        return {"network": self.network, "config": self.to_json()}


def _tuples(value: Any) -> Any:
    """JSON knows lists alone."""
    return tuple(_tuples(part) for part in value) if isinstance(value, list | tuple) else value


def _fits(value: Any, like: Any, allowed: Sequence[int | str], counts: Sequence[int]) -> bool:
    if isinstance(like, tuple):
        within = isinstance(value, tuple) and len(value) in counts
        return within and all(_fits(part, like[0], allowed, counts) for part in value)
    return type(value) is type(like) and value in allowed


def _words(numbers: Sequence[int | str]) -> str:
    if isinstance(numbers, range):
        return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return " or ".join(map(str, numbers))
