"""What this machine has, and what stands in Atelier's way on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from editing import runtime
from editing.errors import EditingError
from editing.pictures.picture import input_limit, output_limit
from editing.settings import cache_folder
from editing.weights.catalogue import Download
from editing.weights.files import path_of, verify
from editing.weights.find import problems, rows, weights_for

PACKAGES = ("gradio", "torch", "torchvision", "spandrel", "numpy", "opencv-python", "pillow", "pillow-heif", "av")


@dataclass(frozen=True)
class Check:
    """One finding; ``text`` says what to do where it isn't ok."""

    ok: bool
    text: str


def checks() -> Iterator[Check]:
    """Look at Python and packages, device, memory, limits, weights and folders, in this order."""
    yield Check(True, f"Python {platform.python_version()} on {platform.platform()}")
    for package in PACKAGES:
        try:
            yield Check(True, f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            yield Check(False, f"{package} is not installed: pip install -r requirements.txt")
    backend = runtime.choose_backend()
    yield Check(True, f"runs on {runtime.describe(backend)}")
    free = runtime.free_memory(backend.device)
    yield Check(free > 1e9, f"{free / 1e9:.1f} GB of memory free" + ("" if free > 1e9 else ": close other programs"))
    try:
        limits = f"{input_limit() / 1e6:g} megapixels in, {output_limit() / 1e6:g} out"
        yield Check(True, f"limits: {limits}")
    except EditingError as error:
        yield Check(False, str(error))
    for weight in weights_for():
        if path_of(weight) is None:
            if not isinstance(weight.source, Download):
                yield Check(False, next(str(row.where) for row in rows() if row.name == weight.name))
            continue
        try:
            verify(weight)
            yield Check(True, f"weight {weight.name} is whole")
        except EditingError as error:
            yield Check(False, str(error))
    for problem in problems():
        yield Check(False, str(problem))
    folder = cache_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = os.access(existing, os.W_OK)
    room = shutil.disk_usage(existing).free / 1e9
    yield Check(
        writable,
        f"cache {folder}: {room:.1f} GB of room" + ("" if writable else ", but not writable: set ATELIER_CACHE"),
    )
