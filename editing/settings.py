"""What the environment says, where Atelier keeps its files, and how a file is written whole or not at all."""

from __future__ import annotations

import hashlib
import math
import os
import re
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from editing import messages
from editing.errors import OptionError

_PART, _LEFT_SECONDS = re.compile(r"\.[0-9a-f]{32}\.part"), 3600


def megapixels(name: str, default: float) -> int:
    """The pixels that the variable ``name`` allows, written in megapixels; raises OptionError for another thing."""
    value = os.environ.get(name, "").strip() or f"{default:g}"
    try:
        count = float(value)
    except ValueError:
        count = math.nan
    if not 0 < count < 1e6:  # false for nan, too
        raise OptionError(messages.NOT_MEGAPIXELS, name=name, value=value, default=f"{default:g}")
    return max(1, round(count * 1e6))


def whole_number(name: str, default: int) -> int:
    """The whole number above 0 in the variable ``name``; raises OptionError for another thing."""
    value = os.environ.get(name, "").strip() or str(default)
    if not (value.isascii() and value.isdecimal() and 0 < int(value[:12]) < 10**9):
        raise OptionError(messages.NOT_COUNT, name=name, value=value, default=default)
    return int(value)


def is_public() -> bool:
    """Whether strangers may reach the page: it listens beyond this machine, lies under a proxy, or on Spaces."""
    here = os.environ.get("GRADIO_SERVER_NAME", "").strip() in ("", "127.0.0.1", "localhost", "::1")
    shared = ("GRADIO_ROOT_PATH", "SPACE_ID", "GRADIO_SHARE")
    return not here or any(os.environ.get(name, "").strip() not in ("", "0", "False") for name in shared)


def cache_folder() -> Path:
    """Where downloads and measurements go; it need not exist. ``ATELIER_CACHE``, or the user's cache folder."""
    import platformdirs  # which a machine lent for training may lack

    own = os.environ.get("ATELIER_CACHE")
    try:
        return Path(own).expanduser() if own else platformdirs.user_cache_path("atelier")
    except RuntimeError:  # no home: a container with a user id of its own
        return Path(tempfile.gettempdir()) / "atelier"


def weight_folders() -> list[Path]:
    """The folders of weights that the user named in ``ATELIER_WEIGHTS``, separated as in ``PATH``."""
    names = [name.strip() for name in os.environ.get("ATELIER_WEIGHTS", "").split(os.pathsep)]
    try:
        return [Path(name).expanduser() for name in names if name]
    except RuntimeError:
        return [Path(name) for name in names if name and not name.startswith("~")]


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place when the block ends, and is gone when it fails.

    It lies in the same folder, so that the rename can't cross a disk; two writers never share one.
    """
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def sweep_parts(folder: Path) -> None:
    """Delete the temporary files in a folder that :func:`written` had no time to: its process was killed.

    Those of the last hour may be somebody's who is at it.
    """
    try:
        found = [entry for entry in os.scandir(folder) if _PART.fullmatch(entry.name)]
    except OSError:
        return
    for entry in found:
        with suppress(OSError):
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > _LEFT_SECONDS:
                Path(entry).unlink()


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
