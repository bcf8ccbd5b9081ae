"""Make ``weights/recogniser.safetensors`` and ``weights/landmarks.safetensors`` of npm's ``@vladmandic/face-api``.

    npm pack @vladmandic/face-api@1.7.15
    python -m editing.training.convert_recogniser vladmandic-face-api-1.7.15.tgz weights

The package's two files of weights are bytes with a manifest beside each: for each tensor its name, its shape, and by
what a byte is multiplied and what is added. Here the bytes stay bytes, in PyTorch's order. The same package gives the
same files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from editing.errors import TrainingError
from editing.networks.recogniser import Landmarks, Recogniser, numbers_of

PACKAGE = "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031"  # sha256
RECOGNISER, LANDMARKS = "face_recognition_model", "face_landmark_68_model"


def read(package: Path, name: str) -> tuple[list[dict[str, Any]], bytes]:
    """The manifest's tensors and the bytes of one network; raises TrainingError when the package is another."""
    got = hashlib.sha256(package.read_bytes()).hexdigest()
    if got != PACKAGE:
        raise TrainingError(
            f"{package.name} has sha256 {got[:12]}..., wanted {PACKAGE[:12]}...: get it again with npm."
        )
    with tarfile.open(package) as archive:

        def content(path: str) -> bytes:
            file = archive.extractfile(f"package/model/{path}")
            assert file is not None
            return file.read()

        manifest = json.loads(content(f"{name}-weights_manifest.json"))
        return manifest[0]["weights"], content(f"{name}.bin")


def tensors(entries: list[dict[str, Any]], data: bytes) -> dict[str, Tensor]:
    """The tensors under the network's own names: bytes, and a scale and a least value under NAME.range."""
    out: dict[str, Tensor] = {}
    place = 0
    for entry in entries:
        shape, span = entry["shape"], entry.get("quantization")  # the last layer is stored as it is
        kind = np.dtype(np.uint8 if span else np.float32)
        values = torch.from_numpy(np.frombuffer(data, kind, int(np.prod(shape)), place).reshape(shape).copy())
        place += values.numel() * kind.itemsize
        name = own_name(entry["name"])
        if values.dim() == 4:  # rows, columns, inputs, outputs -> outputs, inputs, rows, columns
            order = (2, 3, 0, 1) if "depthwise" in entry["name"] else (3, 2, 0, 1)
            values = values.permute(order)
        elif values.dim() == 2:
            values = values.T
        out[name] = values.contiguous()
        if span:
            out[f"{name}.range"] = torch.tensor([span["scale"], span["min"]], dtype=torch.float32)
    if place != len(data):
        raise ValueError(f"{len(data) - place} bytes are left over")
    return out


def own_name(name: str) -> str:
    """conv64_down/conv1/scale/weights -> blocks.3.conv1.weights; dense1/conv0/pointwise_filter -> dense.1.conv0..."""
    parts = name.split("/")
    if name == "fc":
        return "fc.weight"
    if parts[0] == "fc":
        return {"weights": "fc.weight", "bias": "fc.bias"}[parts[1]]
    if parts[0].startswith("dense"):
        first = parts[0] == "dense0" and parts[1] == "conv0"
        last = {
            "filters": "conv.weight", "depthwise_filter": "depthwise.weight", "pointwise_filter": "pointwise.weight",
            "bias": "conv.bias" if first else "pointwise.bias",
        }[parts[2]]  # fmt: skip
        return f"dense.{parts[0][-1]}.{parts[1]}.{last}"
    last = {"filters": "conv.weight", "bias": "conv.bias", "weights": "weights", "biases": "biases"}[parts[-1]]
    if parts[0] == "conv32_down":
        return f"first.{last}"
    order = [
        *(f"conv32_{i}" for i in (1, 2, 3)), "conv64_down", *(f"conv64_{i}" for i in (1, 2, 3)), "conv128_down",
        *(f"conv128_{i}" for i in (1, 2)), "conv256_down", *(f"conv256_{i}" for i in (1, 2)), "conv256_down_out",
    ]  # fmt: skip
    return f"blocks.{order.index(parts[0])}.{parts[1]}.{last}"


def main() -> None:
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description="Convert the recogniser and the landmarks of @vladmandic/face-api.")
    parser.add_argument("package", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    for name, network, file in ((RECOGNISER, Recogniser(), "recogniser"), (LANDMARKS, Landmarks(), "landmarks")):
        state = tensors(*read(arguments.package, name))
        network.load_state_dict(numbers_of(state), strict=True)
        save_file(state, arguments.folder / f"{file}.safetensors")


if __name__ == "__main__":
    main()
