"""Weights to tensors and networks.

Files are read with safetensors or ``torch.load(weights_only=True)`` alone: no file's code ever runs.
"""

from __future__ import annotations

import importlib.util
import pickle
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editing.errors import WeightError
from editing.weights import ncnn, torchscript
from editing.weights.catalogue import Weight
from editing.weights.files import digest, present

if TYPE_CHECKING:
    import torch
    from spandrel import ModelDescriptor  # type: ignore[import-untyped]


SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
UNKNOWN = "its architecture is none that spandrel knows."

# Where checkpoints keep their state dict; the averaged weights come first, as in Real-ESRGAN's own loading.
_WRAPPERS = ("params_ema", "params-ema", "params", "model_state_dict", "state_dict", "model", "net")


def load_state(weight: Weight) -> dict[str, torch.Tensor]:
    """The weight's state dict on the CPU, checked against its sha256, out of any wrapper such as ``params_ema``.

    Raises WeightError when the file is missing, damaged, or holds anything but plain tensors.
    """
    digest(weight)
    path = present(weight)
    try:
        # A program is refused from strangers; of one whose sha256 is known the numbers are read, and it is not run.
        known_program = weight.sha256 is not None and torchscript.is_archive(path)
        return torchscript.read(path) if known_program else read_state(path)
    except WeightError as error:
        raise WeightError(f"{path} can't be used: {error}") from error


def metadata_of(weight: Weight) -> dict[str, str]:
    """The texts that a .safetensors file carries beside its tensors; other files carry none. Raises WeightError."""
    digest(weight)
    path = present(weight)
    try:
        return metadata(path)
    except WeightError as error:
        raise WeightError(f"{path} can't be used: {error}") from error


def load_network(weight: Weight) -> ModelDescriptor[Any]:
    """The network as spandrel describes it (``.model``, ``.scale``, ``.input_channels``...), on the CPU, in eval mode.

    For an upscaler this is a ``spandrel.ImageModelDescriptor``. Nothing is kept: each call reads the file.
    Raises WeightError, also when spandrel doesn't know the architecture (that of a network of ours, for one).
    """
    state = load_state(weight)
    from spandrel import MAIN_REGISTRY, UnsupportedModelError

    register_more()
    try:
        network = MAIN_REGISTRY.load(state)
    except UnsupportedModelError as error:
        if weight.name == "codeformer":
            raise WeightError(
                "CodeFormer's network is in a package of its own, since its licence forbids commercial use. "
                "Run: pip install spandrel_extra_arches"
            ) from error
        raise WeightError(f"{weight.name} can't be used: {UNKNOWN}") from error
    except Exception as error:
        raise WeightError(f"{weight.name} can't be used: its weights don't fit together ({short(error)}).") from error
    network.eval()
    network.model.requires_grad_(False)
    return network


def register_more() -> None:
    """Make spandrel know the architectures under other licences, where their package is installed."""
    if importlib.util.find_spec("spandrel_extra_arches") is not None:
        import spandrel_extra_arches  # type: ignore[import-not-found, unused-ignore]

        spandrel_extra_arches.install(ignore_duplicates=True)


def metadata(path: Path) -> dict[str, str]:
    if path.suffix.lower() != ".safetensors":
        return {}
    from safetensors import safe_open

    try:
        with safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except Exception as error:
        raise WeightError(_why_unreadable(path, error)) from error


def read_state(path: Path, *, shapes_only: bool = False) -> dict[str, torch.Tensor]:
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
    details = "" if isinstance(error, pickle.UnpicklingError) else f" ({short(error)})"
    return f"it is damaged, cut off, or no file of weights{details}."


def short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
