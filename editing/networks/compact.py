"""A compact enlarger for CPUs: a chain of 3x3 convolutions at the input's size, then pixel shuffle.

The chain is that of Real-ESRGAN's SRVGGNetCompact (Wang et al. 2021, https://arxiv.org/abs/2107.10833): 64 channels,
since oneDNN is fastest at multiples of 32 and PyTorch's PReLU vectorised only there, and no skip connections, which
would cost memory traffic. Departures, all of which end as plain convolutions:

- the network starts as exact bicubic enlargement, written into its convolutions, and learns from there;
- while it learns, each convolution may be a product of two (:class:`Expanded`): linear over-parameterisation, after
  SESR (Bhardwaj et al. 2022, https://arxiv.org/abs/2103.09404). The product is taken of the weights, not of the
  pictures, so that it costs nothing to speak of.

:meth:`Compact.merged` gives the plain chain, whose state dict has SRVGGNetCompact's names: spandrel, and so any program
that reads such files, loads it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.networks.config import Config, limited


@dataclass(frozen=True, kw_only=True)
class CompactConfig(Config):
    """What a :class:`Compact` is made of."""

    network: ClassVar[str] = "compact"

    scale: int = limited(4, range(1, 5))
    channels: int = limited(3, (1, 3))  # gray, RGB
    width: int = limited(64, range(9, 1025))  # channels within: 9 for each of the picture's at least
    depth: int = limited(16, range(257))  # convolutions between the first and the last
    # Channels between the two factors of each convolution while it learns; 0: not factored.
    expansion: int = limited(0, range(4097))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 9 * self.channels:
            raise ValueError(f"width is {self.width}, wanted {9 * self.channels} or more")


class Expanded(nn.Module):
    """A 3x3 convolution whose kernel is fixed + squeeze x expand: (N, inputs, H, W) -> (N, outputs, H, W)."""

    fixed: Tensor

    def __init__(self, start: nn.Conv2d, expansion: int) -> None:
        super().__init__()
        outputs, inputs = start.weight.shape[:2]
        self.register_buffer("fixed", start.weight.detach().clone())
        self.expand = nn.Parameter(torch.empty(expansion, inputs, 3, 3))
        self.squeeze = nn.Parameter(torch.empty(outputs, expansion))
        assert start.bias is not None
        self.bias = nn.Parameter(start.bias.detach().clone())
        nn.init.normal_(self.expand, std=(9 * inputs) ** -0.5)
        nn.init.zeros_(self.squeeze)  # so that it starts as the convolution given

    def kernel(self) -> Tensor:
        """(outputs, inputs, 3, 3), float32 also under autocast."""
        with torch.autocast(self.fixed.device.type, enabled=False):
            return self.fixed + (self.squeeze @ self.expand.flatten(1)).view_as(self.fixed)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel(), self.bias, padding=1)


class Compact(nn.Module):
    """Enlarges pictures, (N, channels, H, W) in [0, 1] to (N, channels, scale H, scale W), about in [0, 1]."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        body: list[nn.Module] = []
        for inputs in (config.channels, *[config.width] * config.depth):
            body += [nn.Conv2d(inputs, config.width, 3, padding=1), nn.PReLU(config.width)]
        body.append(nn.Conv2d(config.width, config.channels * config.scale**2, 3, padding=1))
        self.body = nn.ModuleList(body)  # SRVGGNetCompact's name: its files count on through the activations
        start_as_bicubic(self)
        if config.expansion:
            for i in range(0, len(body), 2):
                conv = body[i]
                assert isinstance(conv, nn.Conv2d)
                self.body[i] = Expanded(conv, config.expansion)

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for layer in self.body:
            out = layer(out)
        # The nearest enlargement is added before the shuffle, where it is a repetition: faster than interpolating.
        return F.pixel_shuffle(out + x.repeat_interleave(self.config.scale**2, 1), self.config.scale)

    @torch.no_grad()
    def merged(self) -> Compact:
        """The same function as one plain convolution a layer, in evaluation mode."""
        plain = Compact(replace(self.config, expansion=0))
        for mine, theirs in zip(self.body, plain.body, strict=True):
            if isinstance(mine, Expanded):
                assert isinstance(theirs, nn.Conv2d)
                theirs.weight.copy_(mine.kernel())
                assert theirs.bias is not None
                theirs.bias.copy_(mine.bias)
            else:
                theirs.load_state_dict(mine.state_dict())
        return plain.eval()


@torch.no_grad()
def start_as_bicubic(network: Compact) -> None:
    """Write bicubic enlargement into a plain network, beside small random weights for it to learn from.

    The first layer copies each pixel's 3x3 surroundings into 9 channels for each of the picture's, the layers between
    hand them on (the activation leaves what is positive alone), and the last one adds up 3x3 of these: 5x5 pixels in
    all, as many as a bicubic filter needs.
    """
    config = network.config
    convs = [layer for layer in network.body if isinstance(layer, nn.Conv2d)]
    copies = 9 * config.channels
    for number, conv in enumerate(convs):
        # Enough for the free channels to carry something, too little to disturb what is handed on.
        nn.init.normal_(conv.weight, std=(0.1 if number else 1.0) * (9 * conv.in_channels) ** -0.5)
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)
        if 0 < number < len(convs) - 1:
            conv.weight[:copies] = 0
            nn.init.dirac_(free := torch.empty_like(conv.weight))
            conv.weight += free
    first, last = convs[0], convs[-1]
    first.weight[:copies] = 0
    for channel in range(config.channels):
        for place in range(9):
            first.weight[9 * channel + place, channel, place // 3, place % 3] = 1
    last.weight.zero_()
    kernels = bicubic_kernels(config.scale)
    kernels[:, 2, 2] -= 1  # the nearest enlargement, which forward adds
    for channel in range(config.channels):
        outputs = slice(channel * config.scale**2, (channel + 1) * config.scale**2)
        for row in range(-2, 3):
            for column in range(-2, 3):
                down, across = max(-1, min(1, row)), max(-1, min(1, column))
                place = (row - down + 1) * 3 + column - across + 1
                last.weight[outputs, 9 * channel + place, down + 1, across + 1] = kernels[:, row + 2, column + 2]


def bicubic_kernels(scale: int) -> Tensor:
    """(scale², 5, 5): the weights of the surrounding pixels for each of a pixel's parts, row by row (Keys 1981)."""
    offsets = (torch.arange(scale) + 0.5) / scale - 0.5
    distance = (torch.arange(-2, 3)[None] - offsets[:, None]).abs()
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    line = torch.where(distance <= 1, near, torch.where(distance < 2, far, torch.zeros(())))
    return torch.einsum("ay,bx->abyx", line, line).reshape(scale**2, 5, 5)
