"""Discriminators: one that sees pictures, and one that sees a frozen network's features of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """What a :class:`Discriminator` is made of."""

    size: int = 64  # side of the pictures
    channels: int = 3  # 1 gray, 3 RGB
    capacity: int = 2048  # a layer at resolution r has capacity / r channels ...
    max_channels: int = 256  # ... but never more than this


class Discriminator(nn.Module):
    """Residual network over pictures, halving them down to 4 (or 7) pixels, with minibatch standard deviation.

    After StyleGAN2 (Karras et al. 2020), with average pooling and without learning-rate equalisation.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config

        def width(side: int) -> int:
            return max(16, min(config.max_channels, config.capacity // side) // 8 * 8)

        side = config.size
        self.first = nn.Conv2d(config.channels, width(side), 3, padding=1)
        self.blocks = nn.ModuleList()
        while side > 7:
            self.blocks.append(_Halving(width(side), width(side // 2)))
            side //= 2
        self.last = nn.Conv2d(width(side) + 1, width(side), 3, padding=1)
        self.judge = nn.Sequential(nn.Flatten(), nn.Linear(width(side) * side * side, 128), nn.LeakyReLU(0.2))
        self.logit = nn.Linear(128, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, channels, size, size) in [-1, 1] -> logits (N, 1), positive for real."""
        x = F.leaky_relu(self.first(pictures), 0.2)
        for block in self.blocks:
            x = block(x)
        x = torch.cat([x, batch_deviation(x)], 1)
        logits: Tensor = self.logit(self.judge(F.leaky_relu(self.last(x), 0.2)))
        return logits.float()


class _Halving(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.conv0(x), 0.2)
        y = F.leaky_relu(self.conv1(F.avg_pool2d(y, 2)), 0.2)
        out: Tensor = (y + self.skip(F.avg_pool2d(x, 2))) * 0.5**0.5
        return out


def batch_deviation(x: Tensor, group: int = 4) -> Tensor:
    """(N, C, H, W) -> (N, 1, H, W): mean standard deviation over groups of samples, so that sameness shows."""
    count = x.shape[0]
    group = next(g for g in range(min(group, count), 0, -1) if count % g == 0)
    y = x.float().reshape(group, count // group, -1)
    deviation = (y.var(0, unbiased=False) + 1e-8).sqrt().mean(1)
    return deviation.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:]).to(x.dtype)


class ProjectedDiscriminator(nn.Module):
    """Judges four feature maps of a frozen network, mixed by frozen random convolutions.

    After Sauer et al., "Projected GANs Converge Faster", NeurIPS 2021: random 1x1 convolutions within each map, random
    3x3 convolutions with upsampling from the coarse maps to the fine, and a small spectral-norm head on each.
    Departures: fewer channels, no normalisation in the heads.
    """

    def __init__(self, inputs: Sequence[int], widths: Sequence[int] = (64, 64, 128, 256)) -> None:
        super().__init__()
        self.within = nn.ModuleList(_random_conv(i, o, 1) for i, o in zip(inputs, widths, strict=True))
        self.across = nn.ModuleList(_random_conv(o, widths[max(k - 1, 0)], 3) for k, o in enumerate(widths))
        heads = [widths[max(k - 1, 0)] for k in range(len(widths))]
        depth = range(len(widths) - 1, -1, -1)  # the finest map is halved most often, the coarsest never
        self.heads = nn.ModuleList(_head(width, d) for width, d in zip(heads, depth, strict=True))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Four maps, fine to coarse, each (N, C, H, W) -> logits (N, K), positive for real."""
        with parametrize.cached():
            with torch.autocast(maps[0].device.type, enabled=False):  # norms in float32
                for module in self.heads.modules():
                    if isinstance(module, nn.Conv2d):
                        module.weight  # noqa: B018 - computed here, and kept by the cache
            return self._judge(maps)

    def _judge(self, maps: Sequence[Tensor]) -> Tensor:
        above: Tensor | None = None
        logits = []
        for k in range(len(self.within) - 1, -1, -1):
            x = self.within[k](maps[k])
            if above is not None:
                x = x + F.interpolate(above, size=x.shape[-2:], mode="bilinear", align_corners=False)
            above = self.across[k](x)
            logits.append(self.heads[k](above).flatten(1).float())
        return torch.cat(logits, 1)


def _random_conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="linear")
    conv.weight.requires_grad_(False)
    return conv


def _head(width: int, halvings: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(halvings):
        outputs = min(256, width * 2)
        layers += [spectral_norm(nn.Conv2d(width, outputs, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        width = outputs
    layers += [spectral_norm(nn.Conv2d(width, width, 3, padding=1)), nn.LeakyReLU(0.2)]
    layers.append(spectral_norm(nn.Conv2d(width, 1, 3, padding=1)))
    return nn.Sequential(*layers)
