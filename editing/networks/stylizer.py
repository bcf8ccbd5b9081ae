"""A stylizer: repaints a photo after a style's code, and reads the code from any picture.

The transformer is that of Johnson et al. 2016 (https://arxiv.org/abs/1603.08155), enlarging first and convolving then
(Odena et al. 2016: no checkerboards), with conditional instance normalisation everywhere (Dumoulin et al.
2017, https://arxiv.org/abs/1610.07629): a style is nothing but scales and shifts. Those are a linear function of a
short code, so that codes mix linearly. As in Ghiasi et al. 2017 (https://arxiv.org/abs/1705.06830) an encoder reads the
code from a style picture. Ours: the encoder looks only at means and deviations of the maps of a frozen network's first
layers, which is what the style loss is made of, so that little remains to be learned from few paintings; a linear map
and a small network beside it turn them into the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from editing.networks.config import Config, limited

EPSILON = 1e-5  # below the square root of every deviation
Statistics = list[tuple[Tensor, Tensor]]  # mean and deviation (N or 1, C, 1, 1) float32 of each normalisation, in order


@dataclass(frozen=True, kw_only=True)
class StylizerConfig(Config):
    """What a :class:`Stylizer` is made of."""

    network: ClassVar[str] = "stylizer"
    later: ClassVar[tuple[str, ...]] = ("style_side", "enlarging")

    # Channels at the picture's size, at a half and at a quarter.
    widths: tuple[int, int, int] = limited((24, 48, 128), range(1, 1025), range(3, 4))
    blocks: int = limited(5, range(1, 65))  # residual blocks at a quarter of the size
    code: int = limited(128, range(1, 1025))  # numbers that say a style
    # Widths of the convolutions at the picture's size, at a half, a quarter ...
    encoder: tuple[tuple[int, ...], ...] = limited(((64, 64), (128, 128), (256, 256, 256)), range(1, 1025), range(1, 9))
    hidden: int = limited(256, range(1, 4097))  # width of the encoder's small network
    style_side: int = limited(256, range(16, 4097))  # of a style picture's shorter side, as in the training, in pixels
    # How maps are enlarged on the way up; by nearest neighbour they can weave.
    enlarging: str = limited("nearest", ("nearest", "bilinear"))

    @property
    def multiple(self) -> int:
        """A photo's sides must be multiples of this."""
        return 4

    @property
    def reach(self) -> int:
        """How many pixels far the result looks at the photo, once the statistics are given."""
        # Each convolution's reach times its stride, and the nearest neighbours of the last quarter pixel. Between
        # neighbours, a quarter's and a half's come in, too.
        between = 4 + 2 if self.enlarging == "bilinear" else 0
        return 3 + 2 + 8 * self.blocks + 2 + 1 + 2 + 3 + between

    @property
    def norms(self) -> tuple[int, ...]:
        """Channels of every instance normalisation, in order."""
        full, half, quarter = self.widths
        return (half, quarter, *[quarter] * (2 * self.blocks), half, full)

    def __str__(self) -> str:
        return "stylizer"


class Vgg(nn.Module):
    """The first convolutions of a VGG network (Simonyan and Zisserman 2015), frozen; each stage but the first halves.

    ``stages`` are the widths of the convolutions. The weights take RGB in [0, 1] less ``mean``: another order or range
    is folded into the first of them. Nothing here loads any.
    """

    mean: Tensor

    def __init__(self, stages: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.widths = stages
        self.register_buffer("mean", torch.zeros(3, 1, 1))
        self.stages = nn.ModuleList()
        before = 3
        for stage in stages:
            self.stages.append(nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise((before, *stage))))
            before = stage[-1]
        self.requires_grad_(False)

    def forward(self, pictures: Tensor, count: int | None = None) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1] -> the last map of each of the first ``count`` stages (all), after its ReLU."""
        convs: list[nn.ModuleList] = list(self.stages[:count])  # type: ignore[arg-type]
        x = pictures - self.mean
        x = x.to(convs[0][0].weight.dtype).contiguous(memory_format=torch.channels_last)  # type: ignore[arg-type]
        maps = []
        for i, stage in enumerate(convs):
            if i:
                x = F.max_pool2d(x, 2)
            for conv in stage:
                x = F.relu_(conv(x))
            maps.append(x)
        return maps


def moments(maps: list[Tensor]) -> Tensor:
    """Maps (N, C, H, W) -> their means and deviations, all of one map after those of another, (N, count) float32."""
    found = []
    for x in maps:
        values = x.float().flatten(2)
        found += [values.mean(2), values.std(2, unbiased=False)]
    return torch.cat(found, 1)


class Encoder(nn.Module):
    """A style picture -> its code, by means and deviations of the last map of each stage of a VGG network's front."""

    center: Tensor  # of the moments' logarithms over many pictures, and their deviations
    spread: Tensor

    def __init__(self, config: StylizerConfig) -> None:
        super().__init__()
        self.front = Vgg(config.encoder)
        count = 2 * sum(stage[-1] for stage in config.encoder)
        self.register_buffer("center", torch.zeros(count))
        self.register_buffer("spread", torch.ones(count))
        self.straight = nn.Linear(count, config.code)
        self.bent = nn.Sequential(nn.Linear(count, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.code))

    def forward(self, styles: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1], 16 pixels a side at least -> (N, code)."""
        return self.from_moments(moments(self.front(styles)))

    def from_moments(self, values: Tensor) -> Tensor:
        """What :func:`moments` gives for the front's maps, (N, count) -> (N, code)."""
        x = ((logarithms(values) - self.center) / self.spread).clamp(-4, 4)
        x = x.to(self.straight.weight.dtype)
        code: Tensor = self.straight(x) + self.bent(x)
        return code


def logarithms(values: Tensor) -> Tensor:
    """Moments are read as their logarithms: they range over three decades (the pictures over 255)."""
    return torch.log1p(values.float())


class Norms:
    """Hands out scales and shifts to one normalisation after the other, and keeps what each of them measured."""

    def __init__(self, parameters: Tensor, channels: tuple[int, ...], given: Statistics | None, together: bool) -> None:
        """``parameters`` (N or 1, 2 x all channels): scales less 1 and shifts of each normalisation in turn."""
        self.channels, self.given, self.together = channels, given, together
        widths = [width for width in channels for _ in range(2)]
        self.parts = torch.split(parameters[:, :, None, None], widths, 1)
        self.measured: Statistics = []

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same, normalised, scaled and shifted."""
        out: Tensor
        i = len(self.measured)
        scale, shift = 1 + self.parts[2 * i], self.parts[2 * i + 1]
        if self.given is None and not self.together:
            out, mean, deviation = _InstanceNorm.apply(x, scale, shift)
        else:
            mean, deviation = _pooled(*_normalised(x)[1:]) if self.given is None else self.given[i]
            mean, deviation = mean.to(scale), deviation.to(scale)
            shift = shift - scale * mean / deviation
            out = torch.addcmul(shift.to(x.dtype), x, (scale / deviation).to(x.dtype))
        self.measured.append((mean, deviation))
        return out


def _normalised(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(N, C, H, W) -> the same with mean 0 and deviation 1 in each map; the means and deviations there were.

    As group normalisation with one channel a group, which PyTorch computes in one go and in float32. On a GPU that
    would take channels out of their order and bfloat16 for the means, too.
    """
    if x.is_cuda:
        variance, mean = torch.var_mean(x.float(), (2, 3), correction=0, keepdim=True)
        deviation = (variance + EPSILON).sqrt()
        return ((x - mean) / deviation).to(x.dtype), mean, deviation
    count, channels, height, width = x.shape
    ones, zeros = x.new_ones(channels, dtype=torch.float32), x.new_zeros(channels, dtype=torch.float32)
    y, mean, inverse = torch.native_group_norm(x, ones, zeros, count, channels, height * width, channels, EPSILON)
    return y, mean[..., None, None].float(), 1 / inverse[..., None, None].float()


class _InstanceNorm(torch.autograd.Function):
    """Normalise, scale and shift, with the way back written out: PyTorch's own takes ten times as long on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, mean, deviation = _normalised(x)
        ctx.save_for_backward(y, deviation, scale)
        ctx.mark_non_differentiable(mean, deviation)
        return torch.addcmul(shift.to(x.dtype), y, scale.to(x.dtype)), mean, deviation

    @staticmethod
    def backward(ctx: Any, slope: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, deviation, scale = ctx.saved_tensors
        places = y.shape[2] * y.shape[3]
        by_shift = slope.sum((2, 3), keepdim=True, dtype=torch.float32)
        by_scale = (slope * y).sum((2, 3), keepdim=True, dtype=torch.float32)
        steep = scale / deviation
        by_x = torch.addcmul((-steep * by_shift / places).to(y.dtype), y, (-steep * by_scale / places).to(y.dtype))
        by_x = by_x.addcmul_(slope, steep.to(y.dtype))
        return by_x, by_scale.sum_to_size(scale.shape), by_shift.sum_to_size(scale.shape)


def _pooled(mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Means and deviations of equally large parts (N, C, 1, 1) -> those of all parts together (1, C, 1, 1)."""
    whole = mean.mean(0, keepdim=True)
    return whole, (deviation.square() + (mean - whole).square()).mean(0, keepdim=True).sqrt()


class Conv(nn.Conv2d):
    """A convolution that keeps the size (or divides it by ``stride``), with reflected borders."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = False) -> None:
        super().__init__(inputs, outputs, kernel, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        width = self.kernel_size[0] // 2
        return super().forward(_mirrored(x, width) if x.is_cuda else F.pad(x, (width,) * 4, mode="reflect"))


def _mirrored(x: Tensor, width: int) -> Tensor:
    """(N, C, H, W) -> (N, C, H + 2 width, W + 2 width), as PyTorch's own reflection, which on a GPU takes channels out
    of their order and adds slopes up in bfloat16."""
    x = torch.cat([x[:, :, 1 : width + 1].flip(2), x, x[:, :, -width - 1 : -1].flip(2)], 2)
    x = torch.cat([x[..., 1 : width + 1].flip(3), x, x[..., -width - 1 : -1].flip(3)], 3)
    return x.contiguous(memory_format=torch.channels_last)


def _doubled(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2 H, 2 W), as PyTorch's own bilinear interpolation, for the same reasons."""
    y = x.permute(0, 2, 3, 1)
    for axis in (1, 2):
        count = y.shape[axis]
        before = torch.cat([y.narrow(axis, 0, 1), y.narrow(axis, 0, count - 1)], axis)
        after = torch.cat([y.narrow(axis, 1, count - 1), y.narrow(axis, count - 1, 1)], axis)
        y = torch.stack([torch.lerp(y, before, 0.25), torch.lerp(y, after, 0.25)], axis + 1).flatten(axis, axis + 1)
    return y.permute(0, 3, 1, 2)


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv0 = Conv(width, width)
        self.conv1 = Conv(width, width)

    def forward(self, x: Tensor, norm: Norms) -> Tensor:
        return x + norm(self.conv1(F.relu_(norm(self.conv0(x)))))


class Stylizer(nn.Module):
    """Repaints photos after the code of a style."""

    def __init__(self, config: StylizerConfig) -> None:
        super().__init__()
        self.config = config
        full, half, quarter = config.widths
        self.encoder = Encoder(config)
        self.styles = nn.Linear(config.code, 2 * sum(config.norms))
        with torch.no_grad():
            self.styles.weight.normal_(0, 0.2)
            self.styles.bias.zero_()
        self.first = Conv(3, half, 7, stride=2)
        self.down = Conv(half, quarter, stride=2)
        self.blocks = nn.ModuleList(Residual(quarter) for _ in range(config.blocks))
        self.up0 = Conv(quarter, half)
        self.up1 = Conv(half, full)
        self.last = Conv(full, 3, 5, bias=True)

    def code(self, styles: Tensor) -> Tensor:
        """Style pictures (N, 3, H, W) in [0, 1], 16 pixels a side at least -> their codes (N, code), free to mix.

        Strokes come out as wide, in pixels, as they are in ``styles``: ``config.style_side`` is what was learned from.
        """
        code: Tensor = self.encoder(styles)
        return code

    def forward(self, content: Tensor, code: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Photos (N, 3, H, W) in [0, 1], their codes (N or 1, code) -> (N, 3, H, W) float32 in [0, 1].

        H and W are multiples of ``config.multiple``, 16 at least. With ``statistics``, what each normalisation takes
        away and divides by is given (as for a tile of a larger photo); without, it is that of the photo itself.
        """
        return self._paint(content, self._norms(code, statistics))

    def statistics(self, content: Tensor, code: Tensor, *, together: bool = False) -> Statistics:
        """The means and deviations that :meth:`forward` would normalise ``content`` by, for other pictures to be.

        ``together``: the N pictures are parts of one photo and get one mean and deviation for all, with N = 1.
        """
        norms = self._norms(code, None, together)
        self._paint(content, norms)
        return norms.measured

    def _norms(self, code: Tensor, given: Statistics | None, together: bool = False) -> Norms:
        # Divided, so that a step of learning changes scales by little, though many numbers of a code add up to one.
        parameters = self.styles(code.to(self.styles.weight.dtype) / self.config.code**0.5).float()
        return Norms(parameters, self.config.norms, given, together)

    def _paint(self, content: Tensor, norm: Norms) -> Tensor:
        x = (content - 0.5).to(self.first.weight.dtype).contiguous(memory_format=torch.channels_last)
        x = F.relu_(norm(self.first(x)))
        x = F.relu_(norm(self.down(x)))
        for block in self.blocks:
            x = block(x, norm)
        x = F.relu_(norm(self.up0(self._enlarged(x))))
        x = F.relu_(norm(self.up1(self._enlarged(x))))
        return torch.sigmoid(self.last(x).float())

    def _enlarged(self, x: Tensor) -> Tensor:
        if self.config.enlarging == "nearest":
            return F.interpolate(x, scale_factor=2.0)
        return _doubled(x) if x.is_cuda else F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
