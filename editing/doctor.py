"""What this machine has, and what stands in Atelier's way on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from editing import images, runtime, weights
from editing.errors import EditingError

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
        limits = f"{images.input_limit() / 1e6:g} megapixels in, {images.output_limit() / 1e6:g} out"
        yield Check(True, f"limits: {limits}")
    except EditingError as error:
        yield Check(False, str(error))
    for weight in weights.weights_for():
        if weights.path_of(weight) is None:
            if not isinstance(weight.source, weights.Download):
                yield Check(False, next(row.where for row in weights.rows() if row.name == weight.name))
            continue
        try:
            weights.verify(weight)
            yield Check(True, f"weight {weight.name} is whole")
        except EditingError as error:
            yield Check(False, str(error))
    for problem in weights.problems():
        yield Check(False, problem.reason)
    folder = weights.cache_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = os.access(existing, os.W_OK)
    room = shutil.disk_usage(existing).free / 1e9
    yield Check(
        writable,
        f"cache {folder}: {room:.1f} GB of room" + ("" if writable else ", but not writable: set ATELIER_CACHE"),
    )
