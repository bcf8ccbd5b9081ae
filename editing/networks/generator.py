"""A small generator: a latent vector in, a picture out, quickly learned from few pictures.

After FastGAN (Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis", ICLR
2021): a linear start, gated linear units, and coarse layers that gate the channels of fine ones (skip-layer
excitation). From BigGAN (Brock et al., ICLR 2019): the latent scales and shifts every normalised layer. Departures: a
residual mapping network before it all, so that there is a space to truncate, mix and walk in; and no noise inputs, so
that a latent is a picture. Batch normalisation uses the statistics stored with the weights once the network is in
``eval()`` mode: then nothing depends on the other samples of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.networks.config import Config, limited

SIZES = (16, 28, 32, 64, 128, 256)


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig(Config):
    """What a :class:`Generator` is made of."""

    network: ClassVar[str] = "generator"

    size: int = limited(64, SIZES)  # side of the picture in pixels
    channels: int = limited(3, (1, 3))  # gray, RGB
    latent: int = limited(64, range(1, 1025))  # length of the latent z
    style: int = limited(64, range(1, 1025))  # length of the style vector w
    mapping_layers: int = limited(2, range(1, 65))  # fully connected layers from z to w, beside the straight way
    capacity: int = limited(2048, range(1, 2**20 + 1))  # a layer at resolution r has capacity / r channels ...
    max_channels: int = limited(256, range(1, 1025))  # ... but never more than this

    @property
    def resolutions(self) -> list[int]:
        """Sides from the learned constant to the picture: 4, 8, ... or, for 28 pixels, 7, 14, 28."""
        side = 7 if self.size == 28 else 4
        sides = [side]
        while sides[-1] < self.size:
            sides.append(sides[-1] * 2)
        return sides

    def width(self, resolution: int) -> int:
        """Channels of the layers at ``resolution``, a multiple of 16."""
        return max(16, min(self.max_channels, self.capacity // resolution) // 16 * 16)

    def __str__(self) -> str:
        return f"FastGAN-like generator, {self.size} px"


class GatedNorm(nn.Module):
    """Batch normalisation, scaled and shifted by w, then a gated linear unit: 2 C channels in, C out.

    In training, the statistics of a batch come from every fourth pixel (where there are many), which is four times
    as fast as all of them; all else is one multiplication and one addition.
    """

    mean: Tensor
    var: Tensor
    seen: Tensor

    def __init__(self, outputs: int, style: int) -> None:
        super().__init__()
        self.scale_shift = nn.Linear(style, 4 * outputs)
        nn.init.normal_(self.scale_shift.weight, std=0.3 * style**-0.5)
        nn.init.zeros_(self.scale_shift.bias)
        self.register_buffer("mean", torch.zeros(2 * outputs))
        self.register_buffer("var", torch.ones(2 * outputs))
        self.momentum: float | None = 0.1  # None: a plain mean over all batches since ``seen`` was 0
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``x`` (N, 2 C, H, W) and ``w`` (N, style) -> (N, C, H, W)."""
        mean, var = self.mean, self.var
        if self.training:
            part = x[:, :, ::2, ::2] if x.shape[-1] >= 16 else x
            var, mean = torch.var_mean(part.float(), (0, 2, 3), correction=0)
            with torch.no_grad():
                self.seen += 1
                share = 1 / float(self.seen) if self.momentum is None else self.momentum
                self.mean.lerp_(mean, share)
                self.var.lerp_(var, share)
        scale, shift = self.scale_shift(w).float().chunk(2, 1)
        scale = (1 + scale) * torch.rsqrt(var + 1e-5)
        shift = shift - mean * scale
        return F.glu(torch.addcmul(_spread(shift, x), x, _spread(scale, x)), 1)


def _spread(values: Tensor, like: Tensor) -> Tensor:
    """(N, C) -> (N, C, 1, 1) in the type of ``like``."""
    return values.to(like.dtype)[:, :, None, None]


class Block(nn.Module):
    """Doubles the side: two gated convolutions."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False)
        self.norm0 = GatedNorm(outputs, style)
        self.conv1 = nn.Conv2d(outputs, 2 * outputs, 3, padding=1, bias=False)
        self.norm1 = GatedNorm(outputs, style)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``x`` (N, inputs, H, W) and ``w`` (N, style) -> (N, outputs, 2 H, 2 W)."""
        x = self.norm0(self.conv0(F.interpolate(x, scale_factor=2, mode="nearest")), w)
        out: Tensor = self.norm1(self.conv1(x), w)
        return out


class Excitation(nn.Module):
    """Gates for the channels of a fine layer from a coarse one."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.gather = nn.Conv2d(coarse, fine, 4)
        self.mix = nn.Conv2d(fine, fine, 1)

    def forward(self, coarse: Tensor) -> Tensor:
        """(N, coarse, h, w) -> (N, fine, 1, 1) in [0, 1]."""
        x = F.leaky_relu(self.gather(F.adaptive_avg_pool2d(coarse, 4)), 0.1)
        return torch.sigmoid(self.mix(x))


class Mapping(nn.Module):
    """z (N, latent), normalised to unit mean square -> w (N, style): a straight way, plus what some layers add."""

    def __init__(self, latent: int, style: int, layers: int) -> None:
        super().__init__()
        self.straight = nn.Linear(latent, style, bias=False)
        nn.init.orthogonal_(self.straight.weight)
        linear = [nn.Linear(style if i else latent, style) for i in range(layers)]
        nn.init.zeros_(linear[-1].weight)
        nn.init.zeros_(linear[-1].bias)
        self.layers = nn.ModuleList(linear)

    def forward(self, z: Tensor) -> Tensor:
        z = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        added = z
        for i, layer in enumerate(self.layers):
            added = layer(F.leaky_relu(added, 0.2) if i else added)
        out: Tensor = self.straight(z) + added
        return out


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
        first = config.width(sides[0])
        self.mapping_network = Mapping(config.latent, config.style, config.mapping_layers)
        self.start = nn.Linear(config.style, 2 * first * sides[0] ** 2, bias=False)
        self.start_norm = GatedNorm(first, config.style)
        self.blocks = nn.ModuleList(
            Block(config.width(side // 2), config.width(side), config.style) for side in sides[1:]
        )
        # 4 -> 64, 8 -> 128, 16 -> 256: each fine layer whose side is 16 times that of a coarse one; 4 -> 32, too
        self.gates = nn.ModuleDict(
            {
                str(sides[fine]): Excitation(config.width(sides[coarse]), config.width(sides[fine]))
                for coarse, fine in self._gated()
            }
        )
        self.to_picture = nn.Conv2d(config.width(sides[-1]), config.channels, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
        with torch.no_grad():  # a gray start: the first pictures must not saturate the tanh
            self.to_picture.weight.mul_(0.5)
        self.register_buffer("mean_latent", torch.zeros(config.style))
        self.register_buffer("directions", torch.zeros(directions, config.style))

    def _gated(self) -> list[tuple[int, int]]:
        """Pairs of layers, (coarse, fine) by number: the last two layers, from those three and four before."""
        last = len(self.config.resolutions) - 1
        return [(fine - 3, fine) for fine in (last - 1, last) if fine >= 3]

    def mapping(self, z: Tensor) -> Tensor:
        """z (N, latent), standard normal -> w (N, style)."""
        return self.mapping_network(z)  # type: ignore[no-any-return]

    def truncate(self, w: Tensor, psi: float) -> Tensor:
        """Pull w (N, style) towards the mean latent: 1 leaves it alone, 0 gives the mean picture."""
        return self.mean_latent + psi * (w - self.mean_latent)

    def features(self, w: Tensor, depth: int) -> Tensor:
        """What leaves block number ``depth`` (0 is the start), (N, channels, side, side)."""
        return self._layers(w, depth)[-1]

    def _layers(self, w: Tensor, depth: int) -> list[Tensor]:
        side = self.config.resolutions[0]
        x = self.start(w).view(len(w), -1, side, side).contiguous(memory_format=torch.channels_last)
        layers = [self.start_norm(x, w)]
        gated = {fine: coarse for coarse, fine in self._gated()}
        for number, block in enumerate(self.blocks, 1):
            if number > depth:
                break
            x = block(layers[-1], w)
            if number in gated:
                x = x * self.gates[str(self.config.resolutions[number])](layers[gated[number]])
            layers.append(x)
        return layers

    def synthesis(self, w: Tensor) -> Tensor:
        """w (N, style) -> pictures (N, channels, size, size) in [-1, 1]."""
        return torch.tanh(self.to_picture(self._layers(w, len(self.blocks))[-1]).float())

    def forward(self, z: Tensor) -> Tensor:
        """z (N, latent) -> pictures (N, channels, size, size) in [-1, 1]."""
        return self.synthesis(self.mapping(z))


def recalibrate(generator: Generator, z: Tensor, batch: int = 64) -> None:
    """Set the stored statistics of batch normalisation to those of the pictures of z (N, latent).

    Averaged weights need this: the statistics met during training belong to other weights (Izmailov et al. 2018).
    """
    norms = [module for module in generator.modules() if isinstance(module, GatedNorm)]
    for norm in norms:
        norm.seen.zero_()
        norm.momentum = None
    was = generator.training
    generator.train()
    with torch.no_grad():
        for part in torch.split(z, batch):
            generator(part)
    generator.train(was)
    for norm in norms:
        norm.momentum = 0.1
