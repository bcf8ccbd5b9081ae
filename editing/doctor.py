"""What this machine has, what stands in Atelier's way on it, how fast it is, and how close its models come."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import math
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from editing import messages, runtime
from editing.errors import EditingError, ImageError
from editing.messages import Message, Text, tell
from editing.options import PRECISIONS, UpscaleOptions
from editing.pictures.likeness import luma, ssim
from editing.pictures.picture import Picture, input_limit, output_limit, to_float
from editing.pipelines import damage, stylize, upscale
from editing.pipelines.damage import Finder
from editing.pipelines.stylize import LoadedStylizer
from editing.pipelines.upscale import Upscaler
from editing.report import Report, silent
from editing.settings import cache_folder
from editing.weights.catalogue import Download
from editing.weights.files import how_to_get, path_of, verify
from editing.weights.find import problems, weights_for

PACKAGES = ("gradio", "torch", "torchvision", "spandrel", "numpy", "opencv-python", "pillow", "pillow-heif", "av")
# Module -> what it is for, and how it is had.
MORE: dict[str, tuple[Text, str]] = {
    "cryptography": (messages.DOCTOR_FOR_LOCKED, "pip install cryptography"),
    "mcp": (messages.DOCTOR_FOR_TOOLS, 'pip install "gradio[mcp]"'),
    "ray": (messages.DOCTOR_FOR_CLUSTER, "pip install -r editing/cluster/requirements.txt"),
    "spandrel_extra_arches": (messages.DOCTOR_FOR_NETWORKS, "pip install spandrel_extra_arches"),
}
SHRUNK = 4  # times, by bicubic: what is known to be lost before the models of Upscale are asked for it
LARGEST = 1024  # pixels of a side that the models are compared on


@dataclass(frozen=True)
class Check:
    """One finding; ``message`` says what to do where it isn't ok."""

    ok: bool
    message: Message

    @property
    def text(self) -> str:
        """In English."""
        return str(self.message)


def checks() -> Iterator[Check]:
    """Look at Python and packages, device, memory, limits, weights and folders, in this order."""
    yield Check(True, tell(messages.DOCTOR_PYTHON, version=platform.python_version(), platform=platform.platform()))
    for package in PACKAGES:
        try:
            version = importlib.metadata.version(package)
            yield Check(True, tell(messages.DOCTOR_PACKAGE, package=package, version=version))
        except importlib.metadata.PackageNotFoundError:
            yield Check(False, tell(messages.DOCTOR_NO_PACKAGE, package=package))
    for module, (what, command) in MORE.items():
        if importlib.util.find_spec(module) is None:
            yield Check(True, tell(messages.DOCTOR_MORE, what=what, command=command))
    backend = runtime.choose_backend()
    yield Check(True, tell(messages.DOCTOR_RUNS, machine=runtime.describe(backend)))
    free = runtime.free_memory(backend.device)
    enough = free > 1e9
    said = messages.DOCTOR_MEMORY if enough else messages.DOCTOR_LITTLE_MEMORY
    yield Check(enough, tell(said, free=f"{free / 1e9:.1f}"))
    try:
        given, made = (f"{limit / 1e6:g}" for limit in (input_limit(), output_limit()))
        yield Check(True, tell(messages.DOCTOR_LIMITS, given=given, made=made))
    except EditingError as error:
        yield Check(False, error.message)
    for weight in weights_for():
        if path_of(weight) is None:
            optional = isinstance(weight.source, Download)
            advice = how_to_get(weight)
            yield Check(optional, tell(messages.DOCTOR_NOT_FETCHED, name=weight.name, advice=advice))
            continue
        try:
            verify(weight)
            yield Check(True, tell(messages.DOCTOR_WHOLE, name=weight.name))
        except EditingError as error:
            yield Check(False, error.message)
    for problem in problems():
        yield Check(False, problem.message)
    folder = cache_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = os.access(existing, os.W_OK)
    room = f"{shutil.disk_usage(existing).free / 1e9:.1f}"
    said = messages.DOCTOR_CACHE if writable else messages.DOCTOR_READ_ONLY
    yield Check(writable, tell(said, path=folder, room=room))


# ---- how fast --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Speed:
    """What a model takes on this machine in one precision, for each megapixel that it is given."""

    model: str
    precision: str
    seconds: float
    memory: float  # bytes at the peak, for a tile; tiles keep it within bounds


def speeds(ask: Callable[[], None] | None = None) -> Iterator[Speed]:
    """Measure the models that are here, in each precision that this machine has for them, or recall what was measured.

    Those that take pixels: of Upscale, of Stylize but for Fine, and what finds damage. What sees faces one by one, or
    draws from numbers, has no megapixels. ``ask`` is called again and again meanwhile, and may raise to end it.
    """
    loads: list[tuple[tuple[str, ...], Callable[[str, str], Upscaler | LoadedStylizer | Finder]]] = [
        (upscale.TASKS, upscale.load), (("stylize",), stylize.load), (("damage",), damage.load),
    ]  # fmt: skip
    for tasks, load in loads:
        for weight, precision in itertools.product(weights_for(*tasks), PRECISIONS[1:]):
            if path_of(weight) is None:
                continue
            network = load(weight.name, precision)
            if network.backend.precision == precision:  # else it isn't to be had in this one
                cost = network.cost(ask=ask)
                yield Speed(weight.name, precision, cost.seconds * 1e6, cost.bytes * 1e6)


def bars(found: Sequence[Speed], longest: int) -> list[int]:
    """The lengths of a chart's bars, from 1 to ``longest``, by the logarithm of the time."""
    times = [speed.seconds for speed in found]
    spread = math.log(max(times) / min(times)) if times else 0.0
    return [1 + round((longest - 1) * (math.log(time / min(times)) / spread if spread else 1.0)) for time in times]


# ---- how close -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Closeness:
    """How close a model comes to a picture that was made smaller and is enlarged by it again."""

    model: str
    psnr: float  # dB
    ssim: float


def closeness(picture: Picture, report: Report = silent) -> Iterator[Closeness]:
    """Bicubic's, then that of each model of Upscale that is here and enlarges, on the picture's middle.

    The middle, of at most :data:`LARGEST` pixels a side, is made :data:`SHRUNK` times smaller by bicubic. PSNR and SSIM
    are those of papers: of the luma of BT.601 in 8 bits, without :data:`SHRUNK` pixels at each border. Raises
    ImageError for a picture that is too small.
    """
    truth = _middle(picture)
    height, width = truth.shape[:2]
    small = np.asarray(Image.fromarray(truth).resize((width // SHRUNK, height // SHRUNK), Image.Resampling.BICUBIC))
    plain = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    yield _compared("bicubic", plain, truth)
    for weight in weights_for("upscale"):
        if path_of(weight) is not None:
            options = UpscaleOptions(model=weight.name, scale=SHRUNK)
            made = upscale.upscale(Picture(pixels=small), options, report=report)
            yield _compared(weight.name, made.pixels, truth)


def _middle(picture: Picture) -> npt.NDArray[np.uint8]:
    pixels = np.round(to_float(picture.pixels) * 255).astype(np.uint8)
    pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))  # a gray one has one channel
    height, width = (min(side, LARGEST) // SHRUNK * SHRUNK for side in pixels.shape[:2])
    if min(height, width) < 8 * SHRUNK:
        raise ImageError(messages.TOO_SMALL_TO_COMPARE, width=picture.width, height=picture.height, least=8 * SHRUNK)
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def _compared(model: str, made: npt.NDArray[np.uint8 | np.uint16], truth: npt.NDArray[np.uint8]) -> Closeness:
    first, second = (luma(to_float(pixels) * 255)[SHRUNK:-SHRUNK, SHRUNK:-SHRUNK] for pixels in (made, truth))
    error = float(np.mean((first - second) ** 2))
    one, other = (torch.from_numpy(y)[None, None] for y in (first, second))
    alike = float(ssim(one, other, reach=255))
    return Closeness(model, math.inf if not error else 10 * math.log10(255**2 / error), alike)
