"""The results of a visit: the last twenty are a strip to go back to, and a reload finds the last of them again.

A visit outlives its page. The browser keeps a word by which it is known (``gr.BrowserState``), the server its files for
an hour after they were last used, as it keeps all others.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from editing.pictures.read import read_picture
from editing.ui.handlers import KEPT_SECONDS, fresh_folder, keep, new_folder, owned, preview, session_of
from editing.ui.results import ARRAYS, Kept, Source

MOST = 20  # results in the strip
_SIDE = 144  # pixels of one of them there, twice what it is shown at
_WORD = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A result, with all that it takes to show it again."""

    tab: str
    source: str  # the picture that was given; the result itself where none was
    file: str  # the result
    thumb: str
    info: str  # what was said of it
    settings: Mapping[str, Any]  # what the tab's components held, by name
    kept: Kept | None  # of the newest of each tab, so that dials still follow


@dataclass(kw_only=True, eq=False)
class Visit:
    """What one browser has made in the last hour, the newest first."""

    entries: list[Entry]
    used: float


_visits: dict[str, Visit] = {}  # by the browser's word
_words: dict[str, str] = {}  # session -> word


def begin(word: object, request: gr.Request) -> str:
    """The page was opened by the browser that keeps ``word``; gives the word to keep, a new one for a new browser."""
    now = time.monotonic()
    for old in [one for one, visit in _visits.items() if now - visit.used > KEPT_SECONDS]:
        _visits.pop(old)
    known = isinstance(word, str) and _WORD.fullmatch(word) is not None
    mine = str(word) if known else uuid.uuid4().hex
    _words[session_of(request)] = mine
    return mine


def end(request: gr.Request) -> None:
    """The page was closed; what was made stays for the next one."""
    _words.pop(session_of(request), None)


def record(kept: Kept | None, info: str, settings: Mapping[str, Any], request: gr.Request) -> list[Entry]:
    """A run has ended with ``kept``; gives the strip. The files are kept by links."""
    word = _words.get(session_of(request))
    if word is None or not kept or not Path(kept.file).exists() or not Path(kept.source.path).exists():
        return entries(request)
    folder = fresh_folder(f"visit-{word}")
    given, made = (_linked(path, folder / name) for path, name in ((kept.source.path, "given"), (kept.file, "made")))
    arrays = kept.folder / ARRAYS
    entry = Entry(
        tab=kept.source.tab, source=given, file=made, thumb=_thumb(made, folder), info=info,
        settings=dict(settings), kept=relinked(kept, folder, made) if arrays.exists() else None,
    )  # fmt: skip
    _add(word, entry)
    return entries(request)


def record_drawn(
    tab: str, file: str | Path, beside: Iterable[str | Path], settings: Mapping[str, Any], request: gr.Request,
    *, instead: Callable[[Entry], bool],
) -> list[Entry]:  # fmt: skip
    """As :func:`record`, for ``file``, made of no picture; what lies ``beside`` it is kept in the same folder.

    The tab's entries of which ``instead`` is true go: this one is the same drawing, further on.
    """
    word = _words.get(session_of(request))
    if word is None or not Path(file).exists():
        return entries(request)
    folder = fresh_folder(f"visit-{word}")
    made = _linked(str(file), folder / "made")
    for other in beside:
        if Path(other).exists():
            owned(str(other), folder / "made")
    there = _visits.get(word)
    for old in list(there.entries) if there else []:
        if there and old.tab == tab and instead(old):
            there.entries.remove(old)
            shutil.rmtree(Path(old.thumb).parent, ignore_errors=True)
    _add(word, Entry(
        tab=tab, source=made, file=made, thumb=_thumb(made, folder), info="", settings=dict(settings), kept=None
    ))  # fmt: skip
    return entries(request)


def _add(word: str, entry: Entry) -> None:
    visit = _visits.setdefault(word, Visit(entries=[], used=time.monotonic()))
    visit.used = time.monotonic()
    for number, old in enumerate(visit.entries):
        if old.tab == entry.tab and old.kept:  # large; what is older is looked at, and run again for more
            (old.kept.folder / ARRAYS).unlink(missing_ok=True)
            visit.entries[number] = replace(old, kept=None)
    visit.entries.insert(0, entry)
    for old in visit.entries[MOST:]:
        shutil.rmtree(Path(old.thumb).parent, ignore_errors=True)
    del visit.entries[MOST:]


def _thumb(made: str, folder: Path) -> str:
    return str(preview(read_picture(made), folder, _SIDE))


def relinked(kept: Kept, folder: Path, file: str) -> Kept:
    """``kept`` with links of its own in ``folder``."""
    owned(str(kept.folder / ARRAYS), folder)
    return replace(kept, folder=folder, file=file)


def _linked(path: str, folder: Path) -> str:
    folder.mkdir()
    return owned(path, folder)


def entries(request: gr.Request) -> list[Entry]:
    """The visit's results, the newest first, without those whose files are gone."""
    visit = _visits.get(_words.get(session_of(request), ""))
    if visit is None:
        return []
    visit.entries[:] = [entry for entry in visit.entries if all(map(os.path.exists, (entry.source, entry.file)))]
    return list(visit.entries)


def again(entry: Entry, request: gr.Request) -> Path:
    """A folder of the page as it is now with links to all files of a :func:`record_drawn`; its hour begins anew."""
    keep(entry.file, entry.thumb)
    folder = new_folder(request)
    for file in Path(entry.file).parent.iterdir():
        owned(str(file), folder)
    return folder


def reopened(entry: Entry, source: Source, request: gr.Request) -> tuple[str, Kept | None]:
    """A file of the result for the page as it is now, and what its dials need: ``source`` is the same picture again.

    The entry's hour begins anew.
    """
    keep(entry.source, entry.file, entry.thumb)
    folder = new_folder(request)
    file = owned(entry.file, Path(tempfile.mkdtemp(dir=folder)))
    kept = relinked(entry.kept, folder, file) if entry.kept and (entry.kept.folder / ARRAYS).exists() else None
    return file, replace(kept, source=source) if kept else None
