"""What of a batch is done: a file beside the output, by which the same command goes on where another broke off.

A line of JSON for each picture, the first for the settings. A line counts when it is whole, and a line is one write:
so the file is right after every line, whenever the machine goes down. It is made anew, whole or not at all, when a run
begins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from editing import messages
from editing.errors import EditingError
from editing.settings import written

Row = dict[str, Any]


class Manifest:
    """The manifest of what goes to ``output``; ``asked`` are the settings and weights, for which alone it counts.

    ``anew`` tells that there was one of other settings. Raises EditingError where it can't be written.
    """

    def __init__(self, output: Path, asked: str) -> None:
        place = output.absolute()
        self.path = place.with_name(f"{place.name}.manifest.jsonl")
        lines = _lines(self.path)
        self.anew = bool(lines) and lines[0].get("asked") != asked
        self._rows = {row["target"]: row for row in lines[1:] if "target" in row} if lines and not self.anew else {}
        try:
            with written(self.path) as part:
                text = [json.dumps(row) + "\n" for row in ({"asked": asked}, *self._rows.values())]
                part.write_text("".join(text), encoding="utf-8")
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise EditingError(messages.NO_MANIFEST, path=self.path, reason=error.strerror or error) from error

    def close(self) -> None:
        """Nothing more is noted."""
        self._file.close()

    def done(self, source: Path, target: Path) -> Row | None:
        """What was said of ``target``, if it was made of ``source`` as both are now."""
        row = self._rows.get(str(target))
        there = row is not None and row["files"] == _stamps(source, target)
        return row if there else None

    def note(self, source: Path, target: Path, said: Mapping[str, Any]) -> None:
        """``target`` is made; raises OSError."""
        row = {"target": str(target), "files": _stamps(source, target), **said}
        self._file.write(json.dumps(row).encode() + b"\n")


def _lines(path: Path) -> list[Row]:
    """The whole lines of a manifest; none where there is no file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    rows = []
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                rows.append(row)
    return rows


def _stamps(source: Path, target: Path) -> list[list[object] | None]:
    """Of both files: the name, the size and when it was written."""
    stamps: list[list[object] | None] = []
    for path in (source, target):
        try:
            found = path.stat()
            stamps.append([str(path), found.st_size, found.st_mtime_ns])
        except OSError:
            stamps.append(None)
    return stamps
