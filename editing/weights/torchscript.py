"""The weights in a TorchScript archive, read without running it.

``torch.jit.load`` compiles the program in such a file. Its numbers lie in the same zip: a pickle (``data.pkl``) of
plain module objects, whose tensors are named files. This reader knows tensors and containers alone; whatever else the
pickle names becomes an empty object or is refused, so that no code of the file's ever runs.
"""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editing import messages
from editing.errors import WeightError

if TYPE_CHECKING:
    import torch


class _Module:
    """Stands for an object of the program's: a module with its parts."""

    def __init__(self, *_: object) -> None:
        self.parts: dict[str, object] = {}

    def __setstate__(self, state: object) -> None:
        self.parts = state if isinstance(state, dict) else {}


def is_archive(path: Path) -> bool:
    """Whether the file is a TorchScript archive: a zip with code beside its data."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.partition("/")[2].startswith("code/") for name in archive.namelist())


def read(path: Path) -> dict[str, torch.Tensor]:
    """The state dict of the module in ``path``; raises WeightError when it holds anything but modules and tensors."""
    try:
        with zipfile.ZipFile(path) as archive:
            root = next(name for name in archive.namelist() if name.endswith("/data.pkl")).removesuffix("data.pkl")
            module = _Unpickler(archive, root).load()
    except (
        zipfile.BadZipFile,
        StopIteration,
        KeyError,
        ValueError,
        EOFError,
        RuntimeError,
        pickle.UnpicklingError,
    ) as error:
        why = str(error) or messages.ARCHIVE_WITHOUT_DATA
        raise WeightError(messages.TORCHSCRIPT_DAMAGED, why=why) from error
    found: dict[str, torch.Tensor] = {}
    _collect(module, "", found)
    return found


def _collect(module: object, prefix: str, found: dict[str, torch.Tensor]) -> None:
    import torch

    for name, part in module.parts.items() if isinstance(module, _Module) else ():
        if isinstance(part, torch.Tensor):
            found[prefix + name] = part
        else:
            _collect(part, f"{prefix}{name}.", found)


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}data.pkl")))
        self.archive, self.root = archive, root
        self.storages: dict[str, torch.Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        import torch

        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        if module == "torch" and name in _STORAGES:
            return getattr(torch, _STORAGES[name])
        if module == "torch.jit._pickle":  # lists of numbers
            return list
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module.startswith("__torch__"):
            return _Module
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> torch.Tensor:
        """The numbers that a tensor is a view of."""
        import torch

        kind, dtype, key, _, count = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"it names a {kind}")
        if key not in self.storages:
            data = bytearray(self.archive.read(f"{self.root}data/{key}"))
            self.storages[key] = torch.frombuffer(data, dtype=dtype, count=count) if count else torch.empty(0)
        return self.storages[key]


_STORAGES = {
    "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16", "DoubleStorage": "float64",
    "LongStorage": "int64", "IntStorage": "int32", "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip


def _rebuilt(numbers: torch.Tensor, offset: int, size: Any, stride: Any, *_: object) -> torch.Tensor:
    return numbers.as_strided(tuple(size), tuple(stride), offset)
