"""Repairs an aligned face: what is degraded becomes clear, what is masked is filled.

A U-Net over an image pyramid, made for little training on a processor: plain 3x3 convolutions in residual blocks, no
normalisation, two by two pixels taken as channels at the entrance of every level (and given back at its exit), where
convolutions are fastest. Every level sees the reduced picture and adds its detail to the enlarged result of the level
below (as in MIMO-UNet, Cho et al. 2021, and StyleGAN2's skips, Karras et al. 2020), so that a network for 128 pixels
becomes one for 256 by one more level that adds nothing at first: low resolution can be learned first. The smallest
level begins with a learned map, since an aligned face has its parts in fixed places.

Of the masked part nothing is seen. It is first filled with a smooth continuation of its surroundings (pull-push,
Gortler et al. 1996), to which the network's result is added: there is no step at the mask's edge that it would have to
undo, which would leave a dashed line when pixels are taken two by two.

A face is nearly the same on both sides, and an aligned one has its middle in the frame's: what is masked on one side
alone is filled from the other first (:func:`mirrored`), and the network makes it fit. What no side shows, such as the
mouth, may be lent by another face (:func:`lent`).

The network gives two results at once: a faithful one, learned by the mean absolute difference alone, and a clean one,
learned to look right as well. The fidelity dial blends the two. For the squared difference, just these straight lines
from the faithful result to one that looks real are the best compromises (Freirich et al. 2021, "A theory of the
distortion-perception tradeoff in Wasserstein space").
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.networks.config import Config, limited
from editing.networks.unet import Residual

SMALLEST = 8  # side of the smallest level's maps
# What a head gives is multiplied by this. Adam moves each weight by about the learning rate, and a head sums hundreds
# of them: at a rate of 1e-3 the unscaled picture jumped at every step and less was learned, at 2e-3 nothing.
DETAIL = 0.1
# Brightness, blue and red of RGB (JPEG's YCbCr).
_OPPONENTS = ((0.299, 0.587, 0.114), (-0.1687, -0.3313, 0.5), (0.5, -0.4187, -0.0813))
_FACE = (0.5, 0.57, 0.26, 0.33)  # an oval about an aligned face: its middle (x, y) and its radii, in parts of the side


@dataclass(frozen=True, kw_only=True)
class RepairerConfig(Config):
    """What a :class:`Repairer` is made of."""

    network: ClassVar[str] = "repairer"

    # Channels from the smallest maps (8x8) to the largest.
    widths: tuple[int, ...] = limited((160, 160, 128, 64, 32), range(1, 1025), range(1, 8))
    going: int = limited(1, range(17))  # residual blocks at each size going down
    coming: int = limited(2, range(1, 17))  # and coming up

    @property
    def size(self) -> int:
        """Side of the pictures in pixels: the largest maps are half of it."""
        return int(SMALLEST * 2 ** len(self.widths))

    def __str__(self) -> str:
        return f"repairing U-Net, {self.size} px"


class _Level(nn.Module):
    """One size of the U-Net; ``below`` is the width of the next smaller one, 0 for the smallest."""

    def __init__(self, config: RepairerConfig, width: int, below: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(4 * 4, width, 3, padding=1)
        self.going = nn.Sequential(*[Residual(width) for _ in range(config.going)])
        self.coming = nn.Sequential(*[Residual(width) for _ in range(config.coming)])
        self.head = nn.Conv2d(width, 4 * 6, 3, padding=1)
        fresh: list[nn.Conv2d | nn.ConvTranspose2d] = [self.head]
        if below:
            self.down = nn.Conv2d(width, below, 2, stride=2)
            self.up = nn.ConvTranspose2d(below, width, 2, stride=2)
            fresh.append(self.down)
        for conv in fresh:  # a new level leaves those below it as they were
            nn.init.zeros_(conv.weight)
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)


class Repairer(nn.Module):
    """Repairs and fills faces aligned to FFHQ's template (``editing.faces.align.TEMPLATE``), at a fixed size.

    The template's 512 pixels are reduced to that size: the eye on the left is at (0.377, 0.469) of the side, the other
    at (0.623, 0.469), the tip of the nose at (0.501, 0.613), the corners of the mouth at (0.393, 0.725) and
    (0.611, 0.725).
    """

    def __init__(self, config: RepairerConfig) -> None:
        super().__init__()
        self.config = config
        self.place = nn.Parameter(torch.zeros(1, config.widths[0], SMALLEST, SMALLEST))
        self.levels = nn.ModuleList(
            _Level(config, width, below) for below, width in pairwise((0, *config.widths))
        )  # the smallest first: a larger network's further levels come after them

    def forward(self, picture: Tensor, mask: Tensor, fidelity: Tensor) -> Tensor:
        """``picture`` (N, 3, size, size) RGB in [0, 1] -> the same shape and range, float32.

        ``mask`` (N, 1, size, size) in [0, 1], 1 = fill; in between, that much of the picture is seen. ``fidelity``
        (N,), 1: the faithful result, 0: the clean one. Equal to :func:`blend` of :meth:`both`.
        """
        return blend(*self.both(picture, mask), fidelity)

    def both(self, picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The faithful and the clean result, (N, 3, size, size) float32, not clipped yet."""
        base = continued(picture.float() - 0.5, 1 - mask.float())
        inputs = [torch.cat([base, mask.float()], 1)]
        for _ in self.levels[1:]:
            inputs.append(F.avg_pool2d(inputs[-1], 2))
        levels = list(self.levels)
        passed: list[Tensor] = []
        arriving: Tensor | None = None
        for level, x in zip(reversed(levels), inputs, strict=True):
            assert isinstance(level, _Level)
            x = F.pixel_unshuffle(x, 2).to(level.first.weight.dtype)
            x = level.first(x.contiguous(memory_format=torch.channels_last))
            x = level.going(x if arriving is None else x + arriving)
            passed.append(x)
            arriving = level.down(x) if level is not levels[0] else None
        x = passed.pop() + self.place
        detail: Tensor | None = None
        for level in levels:
            assert isinstance(level, _Level)
            if detail is not None:
                x = level.up(x) + passed.pop()
                detail = F.interpolate(detail, scale_factor=2, mode="bilinear", align_corners=False)
            x = level.coming(x)
            own = DETAIL * F.pixel_shuffle(level.head(x).float(), 2)
            detail = own if detail is None else detail + own
        assert detail is not None
        faithful, clean = (base + 0.5 + part for part in detail.chunk(2, 1))
        return faithful, clean


def blend(faithful: Tensor, clean: Tensor, fidelity: Tensor) -> Tensor:
    """The results of :meth:`Repairer.both`, (N, 3, H, W), mixed by ``fidelity`` (N,): 1 is faithful, 0 clean.

    Clipped to [0, 1]. Costs nothing: the dial moves without another run of the network.
    """
    return torch.lerp(clean, faithful, fidelity.to(clean)[:, None, None, None]).clamp(0, 1)


def mirrored(picture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """An aligned face (N, 3, side, side) in [0, 1], filled from its other side, and what is left to fill.

    ``mask`` (N, 1, side, side), 1 = fill. Where the other side shows something, it takes the place: the mirrored face,
    to which the difference of the two round the hole is added, continued into it, so that there is no edge and the
    light is that of this side (the membrane of Pérez et al. 2003, by pull-push). Where both sides are masked, and
    outside the face, where hair and background have no sides, the mask stays.
    """
    there = (1 - mask).flip(3) * _inside(picture)
    return _filled(picture, mask, picture.flip(3), there, (1 - mask) * there)


def lent(picture: Tensor, mask: Tensor, other: Tensor, part: Tensor) -> tuple[Tensor, Tensor]:
    """An aligned face (N, 3, side, side) in [0, 1], filled from another that lies like it, and what is left to fill.

    As :func:`mirrored` otherwise; ``part`` (N, 1, side, side) is how much of the mask is filled. The other face takes
    on the tone of this one: no more contrast, no more colour than belongs to its brightness here, and so no red lips
    in a faded, brown or gray photograph.
    """
    inside = _inside(picture)
    seen = (1 - mask) * inside
    opponents = picture.new_tensor(_OPPONENTS)

    def mean(x: Tensor) -> Tensor:
        return (x * seen).sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True).clamp(min=1)

    def measured(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Brightness and two colours; what of the colours goes with brightness; the rest of it, and its deviations."""
        x = torch.einsum("ij,njhw->nihw", opponents, rgb)
        centred = x - mean(x)
        light = centred[:, :1]
        slopes = mean(centred * light) / mean(light**2).clamp(min=1e-6)
        slopes[:, 0] = 0
        rest = centred - slopes * light
        return mean(x), slopes, rest, mean(rest**2).sqrt()

    middle, slopes, _, spread = measured(picture)
    _, _, theirs, their_spread = measured(other)
    toned = theirs * (spread / their_spread.clamp(min=1e-6)).clamp(max=1)
    rgb = torch.einsum("ij,njhw->nihw", opponents.inverse(), middle + toned + slopes * toned[:, :1])
    return _filled(picture, mask, rgb, inside * part, seen)


def _filled(picture: Tensor, mask: Tensor, other: Tensor, there: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """What is masked filled from ``other`` where that is ``there``; ``seen`` is where both are, and are compared."""
    fitting = other + continued(picture - other, seen)
    return (picture + mask * there * (fitting - picture)).clamp(0, 1), mask * (1 - there)


def _inside(picture: Tensor) -> Tensor:
    """(side, side): 1 within the face of an aligned one, 0 where hair and background are."""
    places = (torch.arange(picture.shape[-1], device=picture.device) + 0.5) / picture.shape[-1]
    across, down = (places - _FACE[0]) / _FACE[2], (places[:, None] - _FACE[1]) / _FACE[3]
    return (across**2 + down**2 < 1).to(picture)


def continued(picture: Tensor, keep: Tensor) -> Tensor:
    """A picture (N, C, side, side), side a power of 2, continued smoothly where ``keep`` (N, 1, side, side) is 0.

    Where ``keep`` is 1 the picture stays as it is; where all of it is 0 the result is 0.
    """
    sums, weights = [picture * keep], [keep]
    while weights[-1].shape[-1] > 1:
        sums.append(F.avg_pool2d(sums[-1], 2))
        weights.append(F.avg_pool2d(weights[-1], 2))
    out = sums.pop() / weights.pop().clamp_min(1e-6)
    while sums:
        out = F.interpolate(out, scale_factor=2, mode="bilinear", align_corners=False)
        out = sums.pop() + (1 - weights.pop()) * out
    return out
