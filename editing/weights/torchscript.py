"""The weights in a TorchScript archive, read without running it.

``torch.jit.load`` compiles the program in such a file. Its numbers lie in the same zip: a pickle (``data.pkl``) of
plain module objects, whose tensors are named files. This reader knows tensors and containers alone; whatever else the
pickle names becomes an empty object or is refused, so that no code of the file's ever runs.
"""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editing import messages
from editing.errors import WeightError
from editing.weights import sealed
from editing.weights.bounds import LONGEST_NAME, MOST_TENSORS, check_archive, check_state

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
    source = sealed.content(path)
    if not zipfile.is_zipfile(source):
        return False
    with zipfile.ZipFile(source) as archive:
        return any(name.partition("/")[2].startswith("code/") for name in archive.namelist())


def read(path: Path) -> dict[str, torch.Tensor]:
    """The state dict of the module in ``path``; raises WeightError when it holds anything but modules and tensors."""
    try:
        source = sealed.content(path)
        check_archive(source)
        with zipfile.ZipFile(source) as archive:
            root = next(name for name in archive.namelist() if name.endswith("/data.pkl")).removesuffix("data.pkl")
            found = _collected(_Unpickler(archive, root).load())
            if not found:
                raise WeightError(messages.TORCHSCRIPT_DAMAGED, why=messages.ARCHIVE_WITHOUT_DATA)
        check_state(found, sealed.size_of(path))
    except WeightError:
        raise
    except Exception as error:  # a damaged pickle ends in nearly every exception that Python has
        why = str(error)[:200] or messages.ARCHIVE_WITHOUT_DATA
        raise WeightError(messages.TORCHSCRIPT_DAMAGED, why=why) from error
    return found


def _collected(module: object) -> dict[str, torch.Tensor]:
    """The tensors of a module and of those within it, by name; a module may hold itself, or another one many times."""
    import torch

    found: dict[str, torch.Tensor] = {}
    waiting = [("", module)]
    for _ in range(MOST_TENSORS):
        prefix, here = waiting.pop()
        for name, part in here.parts.items() if isinstance(here, _Module) else ():
            if isinstance(part, torch.Tensor):
                found[f"{prefix}{name}"] = part
            else:
                waiting.append((f"{prefix}{name}.", part))
        if not waiting:
            return found
        if len(prefix) > LONGEST_NAME or len(found) + len(waiting) > MOST_TENSORS:
            break
    raise WeightError(messages.STRANGE_NAMES)


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        data = archive.read(f"{root}data.pkl")
        for opcode, number, _ in pickletools.genops(data):
            if opcode.name.endswith("PUT") and isinstance(number, int) and number > len(data):
                raise pickle.UnpicklingError("it wants more memory than it could use")  # for a place beyond all others
        super().__init__(io.BytesIO(data))
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
