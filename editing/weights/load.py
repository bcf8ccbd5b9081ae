"""Weights to tensors and networks.

Files are read with safetensors or ``torch.load(weights_only=True)`` alone: no file's code ever runs.
"""

from __future__ import annotations

import importlib.util
import io
import json
import pickle
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editing import messages
from editing.errors import WeightError
from editing.messages import Message, Text, tell
from editing.weights import ncnn, sealed, torchscript
from editing.weights.bounds import check_archive, check_state
from editing.weights.catalogue import CATALOGUE, Weight
from editing.weights.files import digest, present

if TYPE_CHECKING:
    import torch
    from spandrel import ModelDescriptor  # type: ignore[import-untyped]

    from editing.networks.config import Config

SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
# Where checkpoints keep their state dict; the averaged weights come first, as in Real-ESRGAN's own loading.
_WRAPPERS = ("params_ema", "params-ema", "params", "model_state_dict", "state_dict", "model", "net")
# PyTorch keeps the device of a "with" in a global: two threads in there at once could leave "meta" behind.
_building_on_meta = threading.Lock()


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
        raise unusable(path, error) from error


def metadata_of(weight: Weight) -> dict[str, str]:
    """The texts that a .safetensors file carries beside its tensors; other files carry none. Raises WeightError."""
    digest(weight)
    path = present(weight)
    try:
        return metadata(path)
    except WeightError as error:
        raise unusable(path, error) from error


def config_of(weight: Weight) -> Config | None:
    """What the weight's network is made of, where that is one of :mod:`editing.networks`; None for any other.

    Raises WeightError.
    """
    texts = metadata_of(weight)
    try:
        return read_config(texts)
    except WeightError as error:
        raise unusable(weight.name, error) from error


def read_config(texts: Mapping[str, str]) -> Config | None:
    """The configuration in a file's metadata, of the kind that its "network" names; None where it names none of ours.

    Files from before there was "network" have it in "config" alone, whole: no two kinds have the same fields. Raises
    WeightError for a configuration that is damaged, or larger than any that is used.
    """
    from editing.networks.compact import CompactConfig
    from editing.networks.damage import DamageConfig
    from editing.networks.denoiser import DenoiserConfig
    from editing.networks.finisher import FinisherConfig
    from editing.networks.generator import GeneratorConfig
    from editing.networks.magenta import MagentaConfig
    from editing.networks.repairer import RepairerConfig
    from editing.networks.stylizer import StylizerConfig

    before = (CompactConfig, DenoiserConfig, GeneratorConfig, RepairerConfig, StylizerConfig)
    kinds = (*before, DamageConfig, FinisherConfig, MagentaConfig)
    text = texts.get("config", "")
    if "network" not in texts:
        for kind in before:
            with suppress(ValueError):
                config = kind.from_json(text)
                if text in (config.to_json(), config.to_json(without=kind.later)):
                    return config
        return None
    try:
        return next((kind.from_json(text) for kind in kinds if kind.network == texts["network"]), None)
    except ValueError as error:
        raise WeightError(messages.NOT_A_WHOLE_NETWORK, network=texts["network"], why=short(error)) from error


@contextmanager
def without_numbers() -> Iterator[None]:
    """Networks that are built in the block have shapes, but take no memory; :func:`fit` gives them their numbers."""
    import torch

    with _building_on_meta, torch.device("meta"):
        yield


def fit(network: torch.nn.Module, state: Mapping[str, torch.Tensor], name: str) -> None:
    """Give a network the weights of a state dict, in its own number format.

    Raises WeightError, with the weight's ``name``, when names or shapes differ or values are no finite numbers.
    """
    import torch

    own = network.state_dict()
    try:
        state = {key.removeprefix("module."): value for key, value in state.items()}
        state = {key: value.to(own[key].dtype) if key in own else value for key, value in state.items()}
        network.load_state_dict(state, assign=True)
        finite = all(bool(torch.isfinite(value).all()) for value in state.values())
    except (RuntimeError, AttributeError, TypeError, ValueError) as error:
        raise unusable(name, tell(messages.WEIGHTS_DONT_FIT, why=short(error))) from error
    if not finite:
        raise unusable(name, messages.WEIGHT_NOT_NUMBERS)


def unusable(name: object, reason: WeightError | Message | Text) -> WeightError:
    """What to raise for the weight ``name`` (or its path)."""
    reason = reason.message if isinstance(reason, WeightError) else reason
    return WeightError(messages.WEIGHT_UNUSABLE, name=name, reason=reason)


def int8_scales(sha256: str) -> torch.Tensor | None:
    """What :func:`editing.networks.int8.quantise` needs for the weight with this sha256; None where it is not known."""
    weight = next(weight for weight in CATALOGUE if weight.task == "int8")
    return load_state(weight).get(sha256)


def load_network(weight: Weight) -> ModelDescriptor[Any]:
    """The network as spandrel describes it (``.model``, ``.scale``, ``.input_channels``...), on the CPU, in eval mode.

    For an upscaler this is a ``spandrel.ImageModelDescriptor``. Nothing is kept: each call reads the file.
    Raises WeightError, also when spandrel doesn't know the architecture (that of a network of ours, for one).
    """
    state = load_state(weight)
    import torch
    from spandrel import MAIN_REGISTRY, UnsupportedModelError

    if not all(bool(torch.isfinite(value).all()) for value in state.values() if isinstance(value, torch.Tensor)):
        raise unusable(weight.name, messages.WEIGHT_NOT_NUMBERS)

    register_more()
    try:
        network = MAIN_REGISTRY.load(state)
    except UnsupportedModelError as error:
        if weight.name == "codeformer":
            raise WeightError(messages.CODEFORMER_EXTRA) from error
        raise unusable(weight.name, messages.UNKNOWN_ARCHITECTURE) from error
    except Exception as error:
        raise unusable(weight.name, tell(messages.WEIGHTS_DONT_FIT, why=short(error))) from error
    network.eval()
    network.model.requires_grad_(False)
    return network


def register_more() -> None:
    """Make spandrel know the architectures under other licences, where their package is installed."""
    if importlib.util.find_spec("spandrel_extra_arches") is not None:
        import spandrel_extra_arches  # type: ignore[import-not-found, unused-ignore]

        spandrel_extra_arches.install(ignore_duplicates=True)


def metadata(path: Path) -> dict[str, str]:
    if sealed.plain_name(path).suffix.lower() != ".safetensors":
        return {}
    from safetensors import safe_open

    try:
        if sealed.is_sealed(path):
            return _texts(sealed.read_bytes(path))
        with safe_open(path, framework="np") as file:
            return dict(file.metadata() or {})
    except WeightError:
        raise
    except Exception as error:
        raise WeightError(_why_unreadable(path, error)) from error


def _texts(data: bytes) -> dict[str, str]:
    """The texts in a .safetensors file's bytes: a length, and then JSON."""
    found = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    return {str(name): str(text) for name, text in found.items()}


def read_state(path: Path, *, shapes_only: bool = False) -> dict[str, torch.Tensor]:
    """The state dict in a file, or tensors without numbers (device "meta") of the same names and shapes."""
    plain = sealed.plain_name(path)
    if plain.suffix == ".bin":
        return ncnn.read(plain.with_suffix(".param"), path)
    import torch

    try:
        if plain.suffix.lower() == ".safetensors":
            state = _read_safetensors(path, shapes_only)
            check_state(state, sealed.size_of(path))
            return state
        source = sealed.content(path)
        check_archive(source)
        if isinstance(source, io.BytesIO):
            source.seek(0)
        # Mapped, not read, when only shapes matter; files from before PyTorch 1.6 are no zip and can't be mapped.
        mapped = shapes_only and isinstance(source, Path) and zipfile.is_zipfile(path)
        data = torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)
    except WeightError:
        raise
    except Exception as error:
        raise WeightError(_why_unreadable(path, error)) from error
    state = _unwrapped(data)
    check_state(state, sealed.size_of(path))
    if shapes_only:
        return {name: value.to("meta") if isinstance(value, torch.Tensor) else value for name, value in state.items()}
    return state


def _read_safetensors(path: Path, shapes_only: bool) -> dict[str, torch.Tensor]:
    import torch
    from safetensors import safe_open
    from safetensors.torch import load, load_file

    if sealed.is_sealed(path):
        state = load(sealed.read_bytes(path))
        return {name: value.to("meta") for name, value in state.items()} if shapes_only else state
    if not shapes_only:
        return load_file(path)
    with safe_open(path, framework="pt") as file:
        return {name: torch.empty(file.get_slice(name).get_shape(), device="meta") for name in file.keys()}  # noqa: SIM118


def _unwrapped(data: object) -> dict[str, torch.Tensor]:
    import torch

    if isinstance(data, dict):
        data = next((data[key] for key in _WRAPPERS if isinstance(data.get(key), dict)), data)
    if not isinstance(data, dict) or not any(isinstance(value, torch.Tensor) for value in data.values()):
        raise WeightError(messages.NO_STATE_DICT)
    return data


def _why_unreadable(path: Path, error: Exception) -> Message:
    """A reason in plain words; PyTorch's own message advises ``weights_only=False``, which is just what must not be."""
    if isinstance(error, PermissionError | FileNotFoundError):
        return tell(messages.IT_CANT_BE_READ, why=error.strerror)
    if isinstance(error, pickle.UnpicklingError) and (named := re.search(r"GLOBAL (\S+)", str(error))):
        return tell(messages.NAMES_CODE, what=named[1])
    if zipfile.is_zipfile(path) and "TorchScript" in str(error):
        return tell(messages.TORCHSCRIPT_PROGRAM)
    details = "" if isinstance(error, pickle.UnpicklingError) else tell(messages.IN_BRACKETS, what=short(error))
    return tell(messages.NO_WEIGHTS_FILE, details=details)


def short(error: Exception) -> str:
    """What a library says, in one line, without the folders that it names: visitors of the page read it, too."""
    said = re.sub(r"""(?:[A-Za-z]:)?[\\/](?:[^\\/\s'"<>]+[\\/])+""", "", str(error))
    return " ".join(said.split())[:200] or type(error).__name__
