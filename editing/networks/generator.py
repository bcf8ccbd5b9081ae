"""A small style-based generator: a latent vector in, a picture out.

After StyleGAN2 (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020): a mapping network,
a learned constant, convolutions whose weights are modulated by the style and demodulated, and a sum of pictures made at
every resolution. Departures, all for two CPU cores and for the same seed giving the same picture everywhere: no noise
inputs, no learning-rate equalisation, few channels at the fine resolutions, bilinear upsampling without further filters,
and a tanh at the end. Nothing in it depends on the other samples of a batch.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZES = (16, 28, 32, 64, 128, 256)


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """What a :class:`Generator` is made of; kept as JSON in a weight's metadata under "config"."""

    size: int = 64  # side of the picture in pixels: 16, 28, 32, 64, 128 or 256
    channels: int = 3  # 1 gray, 3 RGB
    latent: int = 64  # length of the latent z
    style: int = 128  # length of the style vector w
    mapping_layers: int = 3  # fully connected layers from z to w
    capacity: int = 3072  # a layer at resolution r has capacity / r channels ...
    max_channels: int = 256  # ... but never more than this

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"size is {self.size}, wanted one of {SIZES}")
        if self.channels not in (1, 3):
            raise ValueError(f"channels is {self.channels}, wanted 1 or 3")
        for name in ("latent", "style", "mapping_layers", "capacity", "max_channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted 1 or more")

    @property
    def resolutions(self) -> list[int]:
        """Sides from the learned constant to the picture: 4, 8, ... or, for 28 pixels, 7, 14, 28."""
        side = 7 if self.size == 28 else 4
        sides = [side]
        while sides[-1] < self.size:
            sides.append(sides[-1] * 2)
        return sides

    def width(self, resolution: int) -> int:
        """Channels of the layers at ``resolution``, a multiple of 8."""
        return max(8, min(self.max_channels, self.capacity // resolution) // 8 * 8)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> GeneratorConfig:
        """Raises ValueError when ``text`` is not such a configuration."""
        values = json.loads(text)
        known = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or not set(values) <= known:
            raise ValueError(f"not a generator's configuration: {text[:200]}")
        return cls(**values)


class ModulatedConv(nn.Module):
    """Convolution whose input channels are scaled by a style; equal to convolving with modulated weights."""

    def __init__(self, inputs: int, outputs: int, kernel: int, style: int, *, demodulate: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) / (inputs * kernel * kernel) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.style = nn.Linear(style, inputs)
        nn.init.normal_(self.style.weight, std=style**-0.5)
        nn.init.ones_(self.style.bias)
        self.demodulate = demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``x`` (N, inputs, H, W) and ``w`` (N, style) -> (N, outputs, H, W)."""
        style = self.style(w)
        y = F.conv2d(x * style.to(x.dtype)[:, :, None, None], self.weight, padding=self.weight.shape[-1] // 2)
        bias = self.bias.to(y.dtype)[None, :, None, None]
        if not self.demodulate:
            return y + bias
        with torch.autocast(x.device.type, enabled=False):  # sums of squares want float32
            power = self.weight.float().square().sum((2, 3))
            scale = torch.rsqrt(style.float().square() @ power.T + 1e-8)
        return torch.addcmul(bias, y, scale.to(y.dtype)[:, :, None, None])


class Block(nn.Module):
    """Two modulated convolutions at one resolution, and the picture as seen from there."""

    def __init__(self, inputs: int, outputs: int, config: GeneratorConfig, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.conv0 = ModulatedConv(inputs, outputs, 3, config.style, demodulate=True) if up else None
        self.conv1 = ModulatedConv(outputs, outputs, 3, config.style, demodulate=True)
        self.to_picture = ModulatedConv(outputs, config.channels, 1, config.style, demodulate=False)
        with torch.no_grad():  # a gray start: the first pictures must not saturate the tanh
            self.to_picture.weight.mul_(0.3)

    def forward(self, x: Tensor, w: Tensor, picture: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.conv0 is not None:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(self.conv0(x, w), 0.2) * 2**0.5
        x = F.leaky_relu(self.conv1(x, w), 0.2) * 2**0.5
        seen = self.to_picture(x, w)
        if picture is not None:
            seen = seen + F.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
        return x, seen


class Mapping(nn.Module):
    """z (N, latent), normalised to unit mean square -> w (N, style)."""

    def __init__(self, latent: int, style: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for i in range(layers):
            layer = nn.Linear(style if i else latent, style)
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)

    def forward(self, z: Tensor) -> Tensor:
        w = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for i, layer in enumerate(self.layers):
            w = layer(w)
            if i < len(self.layers) - 1:
                w = F.leaky_relu(w, 0.2) * 2**0.5
        return w


class Generator(nn.Module):
    """Draws pictures from latents.

    ``mean_latent`` (style,) is the mean of w, towards which truncation pulls; ``directions`` (K, style) are steps in w
    along the principal components of the early features, one standard deviation long (found when a training is
    exported; K = 0 before). Both belong to the state.
    """

    mean_latent: Tensor
    directions: Tensor

    def __init__(self, config: GeneratorConfig, directions: int = 0) -> None:
        super().__init__()
        self.config = config
        sides = config.resolutions
        self.mapping_network = Mapping(config.latent, config.style, config.mapping_layers)
        self.constant = nn.Parameter(torch.randn(1, config.width(sides[0]), sides[0], sides[0]))
        self.blocks = nn.ModuleList(
            Block(config.width(max(side // 2, sides[0])), config.width(side), config, up=side > sides[0])
            for side in sides
        )
        self.register_buffer("mean_latent", torch.zeros(config.style))
        self.register_buffer("directions", torch.zeros(directions, config.style))

    def mapping(self, z: Tensor) -> Tensor:
        """z (N, latent), standard normal -> w (N, style)."""
        return self.mapping_network(z)  # type: ignore[no-any-return]

    def truncate(self, w: Tensor, psi: float) -> Tensor:
        """Pull w (N, style) towards the mean latent: 1 leaves it alone, 0 gives the mean picture."""
        return self.mean_latent + psi * (w - self.mean_latent)

    def features(self, w: Tensor, block: int) -> Tensor:
        """What leaves block number ``block``, (N, channels, side, side); the directions are found in these."""
        x = self.constant.expand(w.shape[0], -1, -1, -1)
        picture: Tensor | None = None
        for module in list(self.blocks)[: block + 1]:
            x, picture = module(x, w, picture)
        return x

    def synthesis(self, w: Tensor) -> Tensor:
        """w (N, style) -> pictures (N, channels, size, size) in [-1, 1]."""
        x = self.constant.expand(w.shape[0], -1, -1, -1).contiguous(memory_format=torch.channels_last)
        picture: Tensor | None = None
        for block in self.blocks:
            x, picture = block(x, w, picture)
        assert picture is not None
        return torch.tanh(picture.float())

    def forward(self, z: Tensor) -> Tensor:
        """z (N, latent) -> pictures (N, channels, size, size) in [-1, 1]."""
        return self.synthesis(self.mapping(z))
