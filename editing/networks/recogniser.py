"""Who an aligned face is, as 128 numbers, and where its 68 landmarks are.

:class:`Recogniser` is the residual network of dlib (King 2017, ``dlib_face_recognition_resnet_model_v1``; after He et
al. 2016), :class:`Landmarks` the one of face-api.js (Mühler 2018), both as ``@vladmandic/face-api`` has them. Their
weights come from there (``editing/training/convert_recogniser.py``), a byte for each number with a scale for each
tensor, and are kept so: :func:`numbers_of` makes tensors of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEAN = (122.782, 117.001, 104.298)  # of red, green and blue, of 255
_PLAN = (  # width, blocks, and whether the first of them halves the size
    (32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True),
)  # fmt: skip
_DENSE = (32, 64, 128, 256)


class _Scaled(nn.Module):
    """A convolution, and then a factor and a shift for each channel."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, *, halves: bool = False) -> None:
        super().__init__()
        padding = 0 if halves else kernel // 2
        self.conv = nn.Conv2d(inputs, outputs, kernel, 2 if halves else 1, padding)
        self.weights = nn.Parameter(torch.ones(outputs))
        self.biases = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x) * self.weights[:, None, None] + self.biases[:, None, None]
        return out


class _Block(nn.Module):
    """Two convolutions, added to what comes in; where they halve the size, to the means of two by two pixels."""

    def __init__(self, inputs: int, outputs: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.conv1 = _Scaled(inputs, outputs, halves=halves)
        self.conv2 = _Scaled(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        if self.halves:
            x = F.avg_pool2d(x, 2)
            down, right = (a - b for a, b in zip(x.shape[2:], out.shape[2:], strict=True))
            out = F.pad(out, (0, right, 0, down))  # without padding a side may come out a pixel shorter
            x = F.pad(x, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
        return F.relu(out + x)


class Recogniser(nn.Module):
    """Faces -> points in 128 dimensions; those of one person lie near each other, by Euclidean distance."""

    SIDE = 150  # of the pictures it sees

    def __init__(self) -> None:
        super().__init__()
        self.first = _Scaled(3, 32, 7, halves=True)
        blocks: list[nn.Module] = []
        inputs = 32
        for width, count, halves in _PLAN:
            for i in range(count):
                blocks.append(_Block(inputs, width, halves=halves and i == 0))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(256, 128, bias=False)

    def forward(self, faces: Tensor) -> Tensor:
        """(N, 3, 150, 150) RGB in [0, 1] -> (N, 128)."""
        x = F.relu(self.first(_centred(faces)))
        x = F.max_pool2d(x, 3, 2)
        out: Tensor = self.fc(self.blocks(x).mean((2, 3)))
        return out


class _Separable(nn.Module):
    """A convolution of each channel by itself, then of all at each pixel."""

    def __init__(self, inputs: int, outputs: int, *, halves: bool = False) -> None:
        super().__init__()
        self.halves = halves
        self.depthwise = nn.Conv2d(inputs, inputs, 3, 2 if halves else 1, 0, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.depthwise(_padded(x, halves=self.halves)))
        return out


class _First(nn.Module):
    """The first convolution, of all channels."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, outputs, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(_padded(x, halves=True))
        return out


class _Dense(nn.Module):
    """Four convolutions, each of which sees the sum of those before it; the first halves the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = _Separable(inputs, outputs, halves=True) if inputs != 3 else _First(outputs)
        self.conv1, self.conv2, self.conv3 = (_Separable(outputs, outputs) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = F.relu(self.conv0(x))
        seen = total
        for conv in (self.conv1, self.conv2, self.conv3):
            total = total + conv(seen)
            seen = F.relu(total)
        return seen


class Landmarks(nn.Module):
    """Where the 68 landmarks of a face are (those of iBUG 300-W: jaw, brows, nose, eyes, mouth)."""

    SIDE = 112  # of the pictures it sees

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Sequential(*(_Dense(a, b) for a, b in zip((3, *_DENSE), _DENSE, strict=False)))
        self.fc = nn.Linear(256, 136)

    def forward(self, faces: Tensor) -> Tensor:
        """(N, 3, 112, 112) RGB in [0, 1], as a detector's box cuts them -> (N, 68, 2): (x, y) in parts of the side."""
        x = F.avg_pool2d(self.dense(_centred(faces)), 7, 2)
        return self.fc(x.flatten(1)).unflatten(1, (68, 2))  # type: ignore[no-any-return]


def _centred(faces: Tensor) -> Tensor:
    return faces - torch.tensor(MEAN, device=faces.device)[:, None, None] / 255


def _padded(x: Tensor, *, halves: bool) -> Tensor:
    """As TensorFlow pads an even side: where it is halved, right and below alone."""
    return F.pad(x, (0, 1, 0, 1) if halves else (1, 1, 1, 1))


def numbers_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of bytes, with a scale and a least value for each tensor under its name and ".range" -> of numbers.

    Tensors without such a range are left as they are.
    """
    out = {}
    for name, value in state.items():
        if name.endswith(".range"):
            continue
        span = state.get(f"{name}.range")
        out[name] = value if span is None or span.shape != (2,) else value.float() * span[0] + span[1]
    return out
