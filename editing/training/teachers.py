"""Pretrained networks of one style each, or of several, whose pictures a student learns to paint: never shipped.

The files of a folder: those of Johnson et al. 2016 (https://arxiv.org/abs/1603.08155) as ml5js/ml5-data-and-models
(MIT) has them, fp16, numbered variables in the order of the layers; and Magenta's, as in editing/networks/magenta.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from editing.errors import TrainingError
from editing.networks.magenta import Magenta, MagentaConfig

MARGIN = 32  # pixels of a picture's reflection round it: Johnson's networks spoil about 16 at the borders


@dataclass(frozen=True, kw_only=True)
class Teachers:
    """All networks that teach; style ``i`` is one of the first's, or of the second's after those."""

    johnson: tuple[tuple[Tensor, ...], ...]  # variables of each network
    magenta: Magenta | None

    @property
    def styles(self) -> int:
        """How many styles there are."""
        return len(self.johnson) + (len(self.magenta.styles) if self.magenta else 0)

    @torch.no_grad()
    def paint(self, photos: Tensor, styles: Sequence[int]) -> Tensor:
        """Photos (N, 3, H, W) in [0, 1], each in one of the styles: the same; H and W are multiples of 4."""
        made = torch.empty_like(photos)
        for which, variables in enumerate(self.johnson):
            mine = [i for i, style in enumerate(styles) if style == which]
            if mine:
                padded = F.pad(photos[mine], (MARGIN,) * 4, mode="reflect")
                made[mine] = paint_johnson(variables, padded)[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
        others = [i for i, style in enumerate(styles) if style >= len(self.johnson)]
        if others and self.magenta is not None:
            rows = torch.tensor([styles[i] - len(self.johnson) for i in others], device=photos.device)
            made[others] = self.magenta(photos[others], F.one_hot(rows, len(self.magenta.styles)))
        return made


def load_teachers(folder: Path, device: torch.device) -> Teachers:
    """The networks of a folder's safetensors; raises TrainingError when there are none."""
    johnson, magenta = [], None
    for file in sorted(folder.glob("*.safetensors")):
        state = {name: value.float().to(device) for name, value in sorted(load_file(file).items())}
        if "styles" in state:
            magenta = Magenta(MagentaConfig(styles=len(state["styles"])))
            magenta = magenta.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            magenta.load_state_dict(state)
            magenta.eval().requires_grad_(False)
        else:
            johnson.append(tuple(state.values()))
    if not johnson and magenta is None:
        raise TrainingError(f"{folder} has no networks to learn from")
    return Teachers(johnson=tuple(johnson), magenta=magenta)


def paint_johnson(variables: tuple[Tensor, ...], photos: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> the same, painted by the network of these variables; H and W are multiples of 4."""
    weights = iter(variables)

    def norm(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
        return scale.view(1, -1, 1, 1) * (x - mean) / (variance + 1e-3).sqrt() + shift.view(1, -1, 1, 1)

    def conv(x: Tensor, stride: int, relu: bool = True) -> Tensor:
        kernel, shift, scale = next(weights), next(weights), next(weights)
        size = kernel.shape[0]
        pads = [max((-(-n // stride) - 1) * stride + size - n, 0) for n in x.shape[:1:-1]]  # TensorFlow's SAME
        x = F.pad(x, [part for n in pads for part in (n // 2, n - n // 2)])
        x = norm(F.conv2d(x, kernel.permute(3, 2, 0, 1), stride=stride), shift, scale)
        return F.relu(x) if relu else x

    def transposed(x: Tensor) -> Tensor:
        kernel, shift, scale = next(weights), next(weights), next(weights)
        height, width = x.shape[2:]
        y = F.conv_transpose2d(x, kernel.permute(3, 2, 0, 1), stride=2)[:, :, : 2 * height, : 2 * width]
        return F.relu(norm(y, shift, scale))

    x = conv(conv(conv(photos * 255, 1), 2), 2)
    for _ in range(5):
        x = x + conv(conv(x, 1), 1, relu=False)
    x = conv(transposed(transposed(x)), 1, relu=False)
    return ((torch.tanh(x) * 150 + 127.5) / 255).clamp(0, 1)
