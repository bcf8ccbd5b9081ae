"""What is asked of a file of weights before anything is unpacked or built from it.

PyTorch unpacks a zip into as much memory as it says; a network is built by the numbers in the names of its tensors, and
a tensor may be a view that shows one number a billion times. All of that can be seen beforehand.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from editing import messages
from editing.errors import WeightError

if TYPE_CHECKING:
    import torch

MOST_TENSORS = 100_000  # the largest networks of pictures have some thousand
MOST_LAYERS = 10_000  # numbers in names count layers
LONGEST_NAME = 500
LONGEST_TABLE = 16 << 20  # bytes of a zip's table of contents
_LONGEST_SIDE = 1 << 28  # of a tensor
_SLACK = 16 << 20  # bytes beyond the file's own that it may become: PyTorch compresses nothing
_END, _TAIL = b"PK\5\6", 65_557  # a zip's end, and how far from the file's it may begin


def check_archive(source: Path | io.BytesIO) -> None:
    """Raise WeightError for a zip that unpacks into much more than it is; any other file passes. May raise OSError."""
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0:
        return
    if int.from_bytes(tail[at + 12 : at + 16], "little") > LONGEST_TABLE:
        raise WeightError(messages.ARCHIVE_BOMB, unpacked="?", size=size)
    try:
        with zipfile.ZipFile(source) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):  # whoever reads it says so
        return
    if unpacked > 2 * size + _SLACK:
        raise WeightError(messages.ARCHIVE_BOMB, unpacked=unpacked, size=size)


def check_state(state: Mapping[str, object], size: int) -> None:
    """Raise WeightError for tensors that no network has, or that a file of ``size`` bytes can't hold."""
    import torch

    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    if len(state) > MOST_TENSORS or not all(_is_name(name) for name in state):
        raise WeightError(messages.STRANGE_NAMES)
    if not all(_is_plain(tensor) for tensor in tensors.values()):
        raise WeightError(messages.STRANGE_TENSORS)
    held = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if held > 4 * size + _SLACK:  # a few tensors may share their numbers
        raise WeightError(messages.STRANGE_TENSORS)


def _is_name(name: object) -> bool:
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        return False
    return all(len(number) < 6 and int(number) <= MOST_LAYERS for number in re.findall(r"(?<![^.])\d+(?![^.])", name))


def _is_plain(tensor: torch.Tensor) -> bool:
    import torch

    plain = tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_nested
    return plain and max(tensor.shape, default=0) <= (_LONGEST_SIDE if tensor.numel() else 1 << 16)
