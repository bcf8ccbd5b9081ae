"""Scans of old prints and films, made from clean photographs and mattes of damage: in batches, on any device.

All in PyTorch, on tensors that lie on the device, since a GPU would wait for a processor that does it. Pictures are
(N, 3, S, S) float32 in [0, 1], the numbers drawn for each of them (N, 1, 1, 1); lengths are in pixels. The same seed
gives the same scans on the same kind of device.

What is on a scan: a photograph in some tone (colours, gray, sepia, faded), perhaps with lettering and frames drawn on
it, the print's border and the paper's texture; on it damage of four kinds: mattes (dust, hair, scratches, dirt,
stains), lines (scratches from end to end, tramlines), folds (a broken core between soft shoulders) and blots (large,
soft, with or without a rim); then what the scanner does: softness or sharpening, grain and noise, JPEG.
"""

from __future__ import annotations

import copy
import functools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

VISIBLE = 10 / 255  # least change by damage that can be seen on an even ground
IN_GRAIN = 2.0  # in grain or noise, that many times its deviation
IN_TEXTURE = 0.5  # in the picture's own texture, that many times the deviation within 7 x 7 pixels
LAYERS = (0.85, 0.6, 0.4, 0.25)  # share of the damaged pictures with a first matte, a second ...
LINES = (0.35, 0.25)  # the same for lines
CLEAN_CUT = 0.4  # share of these that are the same from end to end
FOLDS = 0.25
BLOTS = 0.06
SHARP = 0.5  # share of the photographs that keep their own pixels: what resampling softens looks less like damage
LETTERED = 0.15  # share of the pictures that something was drawn on, which is no damage


class Draw:
    """Random numbers for ``count`` pictures, all from one generator on the device."""

    def __init__(self, count: int, seed: int, device: torch.device) -> None:
        self.count, self.device = count, device
        self.generator = torch.Generator(device).manual_seed(seed)
        self.host = random.Random(seed)  # for numbers of pictures, which a GPU would have to be waited for

    def some(self, share: float) -> tuple[Tensor, Draw]:
        """Places of about this share of the pictures, and a draw for as many."""
        part = copy.copy(self)
        part.count = int(share * self.count + self.host.random())
        return torch.randperm(self.count, generator=self.generator, device=self.device)[: part.count], part

    def uniform(self, low: float, high: float, channels: int = 1) -> Tensor:
        """(N, channels, 1, 1), evenly between two bounds."""
        x = torch.rand(self.count, channels, 1, 1, generator=self.generator, device=self.device)
        return low + (high - low) * x

    def scale(self, low: float, high: float) -> Tensor:
        """(N, 1, 1, 1), its logarithm evenly between those of two bounds."""
        return torch.exp(self.uniform(math.log(low), math.log(high)))

    def chance(self, probability: float) -> Tensor:
        """(N, 1, 1, 1) bool: true with a probability."""
        return self.uniform(0, 1) < probability

    def noise(self, channels: int, height: int, width: int) -> Tensor:
        """(N, channels, height, width), white, of deviation 1."""
        return torch.randn(self.count, channels, height, width, generator=self.generator, device=self.device)

    def clouds(self, side: int, wave: int) -> Tensor:
        """(N, 1, side, side) smooth noise of deviation about 1, whose hills are about ``wave`` pixels apart."""
        cells = max(2, -(-side // wave) + 1)
        x = F.interpolate(self.noise(1, cells, cells), size=(side, side), mode="bicubic", align_corners=True)
        return x / 0.75


@dataclass(frozen=True, kw_only=True)
class Squares:
    """What scans are made of, on the device: photographs (P, 3, h, h), mattes and drawings (M, 1, h, h), uint8."""

    photos: Tensor
    mattes: Tensor  # 255 where damage covers the picture
    weights: Tensor  # (M,) how often each matte is taken
    drawings: Tensor  # 255 where a letter or a frame covers the picture


@dataclass(frozen=True, kw_only=True)
class Scans:
    """Scans (N, 3, S, S) in [0, 1] and what is damaged on them (N, 1, S, S)."""

    picture: Tensor
    damaged: Tensor  # 1 where the damage can be seen
    counted: Tensor  # 0 where it can hardly be seen, so that nobody can say


# Photographs


def photographs(photos: Tensor, side: int, draw: Draw) -> Tensor:
    """Random parts of photographs (P, 3, h, h) uint8: turned, mirrored, enlarged or reduced -> (N, 3, side, side).

    A share of :data:`SHARP` is neither enlarged nor reduced, and turned by quarters alone: these keep their pixels.
    """
    chosen, whole = (
        torch.randint(len(photos), (draw.count,), generator=draw.generator, device=draw.device),
        photos.shape[-1],
    )
    share = (draw.scale(0.4, 1.4) * side / whole).clamp(max=1.0)
    angle = draw.chance(0.3) * draw.uniform(-0.3, 0.3)
    shift = (1 - share) * draw.uniform(-1, 1, 2)
    sharp = draw.chance(SHARP)
    start = torch.floor(draw.uniform(0, whole - side + 1, 2))  # the window's corner, in pixels
    share = torch.where(sharp, side / whole, share)
    angle = _quarter(draw) + torch.where(sharp, 0.0, angle)
    shift = torch.where(sharp, (2 * start + side) / whole - 1, shift)
    return _placed(photos[chosen], side, share, angle, shift, draw, "reflection")


def _placed(squares: Tensor, side: int, share: Tensor, angle: Tensor, shift: Tensor, draw: Draw, beyond: str) -> Tensor:
    """Of squares (N, C, h, h) uint8 what is seen through a window: ``share`` of the side, turned, perhaps mirrored.

    The window's middle is at ``shift`` (N, 2, 1, 1), -1 to 1 from edge to edge.
    """
    cos, sin = (share * torch.cos(angle)).flatten(), (share * torch.sin(angle)).flatten()
    flip = torch.where(draw.chance(0.5), 1.0, -1.0).flatten()
    x, y = shift.flatten(1).unbind(1)
    theta = torch.stack([torch.stack([cos * flip, -sin, x], 1), torch.stack([sin * flip, cos, y], 1)], 1)
    grid = F.affine_grid(theta, [len(squares), squares.shape[1], side, side], align_corners=False)
    return F.grid_sample(squares.float().div(255), grid, padding_mode=beyond, align_corners=False)


def _quarter(draw: Draw) -> Tensor:
    """A quarter turn, or none, or two, or three."""
    return torch.floor(draw.uniform(0, 4)) * (math.pi / 2)


def luma(x: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W): Rec. 601's weights."""
    return 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]


def _warm(amount: Tensor) -> Tensor:
    """(N, 1, 1, 1) -> (N, 3, 1, 1): what is left of each channel under a yellow or brown tint."""
    return 1 - amount * torch.arange(3, device=amount.device)[:, None, None] / 2


def toned(x: Tensor, draw: Draw) -> Tensor:
    """As it was, gray, or sepia and faded: less colour and contrast, and a tint."""
    kind = draw.uniform(0, 1)
    gray, faded = kind < 0.35, (kind > 0.65).float()
    colour = torch.where(gray, 0.0, 1 - faded * draw.uniform(0.2, 1.1).clamp(max=1))
    grays = luma(x)
    x = (grays + colour * (x - grays)).clamp(0, 1) ** draw.scale(0.7, 1.4)
    black, white = faded * draw.uniform(0, 0.3), 1 - faded * draw.uniform(0, 0.3)
    return (black + (white - black) * x) * _warm(faded * draw.uniform(-0.1, 0.5).clamp(min=0))


def bordered(x: Tensor, draw: Draw) -> Tensor:
    """With the white edge of the print at a side, and the scanner's lid beyond it."""
    side = x.shape[-1]
    across, along = _axes(side, draw, straight=1.0, spread=0.45)
    beyond = across + draw.uniform(-0.015, 0.015) * along - draw.uniform(0.0, 0.45) * side
    paper = draw.uniform(0.75, 1.0) * _warm(draw.uniform(0, 0.15))
    x = x + (beyond + 0.5).clamp(0, 1) * (paper - x)
    lid = torch.where(draw.chance(0.5), draw.uniform(0, 0.15), draw.uniform(0.85, 1))
    return x + (beyond - draw.uniform(0.03, 0.3) * side + 0.5).clamp(0, 1) * (lid - x)


def _axes(side: int, draw: Draw, *, straight: float, spread: float) -> tuple[Tensor, Tensor]:
    """Distances (N, 1, side, side) across and along a random line; ``straight`` is the share of level or upright ones.

    The lines pass the middle within ``spread`` of the side.
    """
    angle = torch.where(draw.chance(straight), _quarter(draw), draw.uniform(-math.pi, math.pi))
    places = torch.arange(side, device=draw.device, dtype=torch.float32) - (side - 1) / 2
    cos, sin = torch.cos(angle), torch.sin(angle)
    across = cos * places + sin * places[:, None] - draw.uniform(-spread, spread) * side
    return across, cos * places[:, None] - sin * places


def lettered(x: Tensor, squares: Squares, draw: Draw) -> Tensor:
    """With letters or frames of one colour drawn on them, which belong to the picture."""
    side = x.shape[-1]
    chosen = torch.randint(len(squares.drawings), (draw.count,), generator=draw.generator, device=draw.device)
    share = side / squares.drawings.shape[-1] / draw.scale(0.6, 1.6)
    angle = _quarter(draw) + draw.chance(0.5) * draw.uniform(-0.4, 0.4)
    cover = _placed(squares.drawings[chosen], side, share, angle, draw.uniform(-0.5, 0.5, 2), draw, "zeros")
    colour = torch.where(draw.chance(0.6), torch.round(draw.uniform(0, 1)), draw.uniform(0, 1, 3))
    return x + cover * draw.uniform(0.5, 1.3).clamp(max=1) * (colour - x)


def grained_paper(x: Tensor, draw: Draw) -> Tensor:
    """On paper with a fine texture."""
    grain = blurred(draw.noise(1, *x.shape[2:]), draw.uniform(0.6, 2.5), 6)
    return x * (1 + draw.uniform(0.005, 0.03) * grain / grain.std((2, 3), keepdim=True).clamp(min=1e-3))


def silk_paper(x: Tensor, draw: Draw) -> Tensor:
    """On paper with a surface like a honeycomb."""
    places = torch.arange(x.shape[-1], device=draw.device, dtype=torch.float32)
    turn, wave = draw.uniform(0, math.pi), 2 * math.pi / draw.scale(4, 14)
    comb = torch.zeros_like(x[:, :1])
    for third in range(3):
        angle = turn + third * math.pi / 3
        comb = comb + torch.cos(wave * (torch.cos(angle) * places + torch.sin(angle) * places[:, None]))
    return x * (1 + draw.uniform(0.007, 0.033) * comb)


def blurred(x: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Filtered by a Gaussian of each picture's own deviation ``sigma`` (N, 1, 1, 1), cut off at ``radius``."""
    count, channels, height, width = x.shape
    places = torch.arange(-radius, radius + 1, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (places / sigma.reshape(-1, 1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    flat = F.pad(x.reshape(1, count * channels, height, width), (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, None], groups=count * channels)
    flat = F.conv2d(flat, kernel[..., None], groups=count * channels)
    return flat.reshape(count, channels, height, width)


# Damage


def covered(x: Tensor, cover: Tensor, draw: Draw) -> Tensor:
    """``x`` (N, 3, S, S) where ``cover`` (N, 1, S, S) shows bare paper, dark dirt, another colour, or it tinted."""
    kind, how = draw.uniform(0, 1), draw.uniform(0, 1)
    warm = _warm(draw.uniform(0, 0.25))
    light, dark = draw.uniform(0.65, 1.05) * warm, draw.uniform(0, 0.3) * torch.where(draw.chance(0.5), warm, 1.0)
    other = draw.uniform(0, 1, 3) * 0.3 + 0.7 * draw.uniform(0, 1)
    plain = torch.where(kind < 0.45, light, torch.where(kind < 0.75, dark, other))
    # What is not plain is the picture times a colour and, where it is bleached, with white added.
    much = draw.uniform(0.2, 0.8)
    times = torch.where(how < 0.4, (0.65 + 0.35 * much) * _warm(draw.uniform(0.1, 0.6)), much)
    added = torch.where(how < 0.7, 0.0, 1 - much)
    through = kind > 0.85
    times, added = torch.where(through, times, 0.0), torch.where(through, added, plain)
    rough = 1 + draw.uniform(0, 0.12) * draw.clouds(x.shape[-1], 12)
    return x + cover * draw.uniform(0.25, 1.1).clamp(max=1) * (x * times + added * rough - x)


def mattes(x: Tensor, squares: Squares, draw: Draw) -> Tensor:
    """The cover of a matte each: anywhere, turned, smaller or larger, denser or thinner, softer."""
    side = x.shape[-1]
    chosen = torch.multinomial(squares.weights, draw.count, replacement=True, generator=draw.generator)
    share = side / squares.mattes.shape[-1] / draw.scale(0.5, 2.5)
    angle = draw.uniform(-math.pi, math.pi)
    cover = _placed(squares.mattes[chosen], side, share, angle, draw.uniform(-0.55, 0.55, 2), draw, "zeros")
    cover = cover.clamp(1e-4, 1) ** draw.scale(0.5, 1.5)
    return blurred(cover, draw.uniform(-0.6, 1.6).clamp(min=0.1), 4)


def lines(x: Tensor, draw: Draw) -> Tensor:
    """The cover of a scratch each: thin, long, nearly straight, most of them broken or faint; some are two."""
    side = x.shape[-1]
    across, along = _axes(side, draw, straight=0.4, spread=0.5)
    across = across + draw.chance(0.6) * draw.uniform(-1, 1) * along**2 / (4 * side)
    across = across + draw.uniform(0, 2.0) * torch.sin(along / draw.scale(15, 200) + draw.uniform(0, 6.3))
    width = draw.scale(0.7, 5.0)
    # The second line is what the rollers of cameras and scanners make.
    beside = (across - width - draw.uniform(2, 14)).abs() + torch.where(draw.chance(0.25), 0, 2 * side)
    cover = (width / 2 + 0.5 - torch.minimum(across.abs(), beside)).clamp(0, 1) * width.clamp(max=1)
    half, middle = draw.scale(0.08, 2.0) * side, draw.uniform(-0.5, 0.5) * side
    clean = draw.chance(CLEAN_CUT)
    ends = ((half - (along - middle).abs()) / torch.where(clean, 1.0, draw.uniform(2, 30))).clamp(0, 1)
    gaps = torch.where(clean, 1.0, (draw.uniform(0.3, 6.0) + draw.clouds(side, 16)).clamp(0, 1))
    return cover * ends * gaps


def folded(x: Tensor, draw: Draw) -> Tensor:
    """With a fold each: a broken core, flakes beside it, and shoulders lighter or darker than the picture."""
    side = x.shape[-1]
    across, along = _axes(side, draw, straight=0.4, spread=0.45)
    across = across + draw.uniform(0, 3.0) * draw.clouds(side, 40) + draw.uniform(-0.5, 0.5) * along**2 / (6 * side)
    far = across.abs()
    slope = torch.exp(-far / draw.scale(2, 25)) * torch.where(across > 0, draw.uniform(-1, 1), draw.uniform(-1, 1))
    width = draw.scale(0.8, 6.0) * (1 + 0.5 * draw.clouds(side, 6)).clamp(min=0)
    core = (width / 2 + 0.5 - far).clamp(0, 1) * (draw.uniform(0.5, 4.0) + draw.clouds(side, 24)).clamp(0, 1)
    flakes = ((draw.clouds(side, 9) - draw.uniform(0.8, 2.5) - far / draw.scale(3, 20)) * 4).clamp(0, 1)
    return covered(x * (1 + draw.uniform(0, 0.25) * slope), torch.maximum(core, flakes), draw)


def blotted(x: Tensor, draw: Draw) -> Tensor:
    """With large soft brown blots, some with the dark rim that water leaves."""
    side = x.shape[-1]
    hills = 0.7 * draw.clouds(side, 96) + 0.3 * draw.clouds(side, 24) - draw.uniform(0.8, 1.5)
    inside = torch.sigmoid(hills * draw.scale(6, 60)) * draw.uniform(0.1, 1.0)
    rim = torch.exp(-((hills / draw.uniform(0.02, 0.1)) ** 2)) * draw.chance(0.5)
    return x * (1 - torch.maximum(inside, rim) * (1 - 0.9 * _warm(draw.uniform(0.1, 0.6))))


def damaged(x: Tensor, squares: Squares, draw: Draw) -> Tensor:
    """Pictures with damage on most of them, of one kind or several."""
    x = x.clone()
    for share in LAYERS:
        _change_some(x, share, lambda y, part: covered(y, mattes(y, squares, part), part), draw)
    for share in LINES:
        _change_some(x, share, lambda y, part: covered(y, lines(y, part), part), draw)
    _change_some(x, FOLDS, folded, draw)
    _change_some(x, BLOTS, blotted, draw)
    return x.clamp(0, 1)


def _change_some(x: Tensor, share: float, change: Callable[[Tensor, Draw], Tensor], draw: Draw) -> None:
    """Change a share of the pictures, in place: the others cost nothing."""
    some, part = draw.some(share)
    if part.count:
        x[some] = change(x[some], part)


# The scanner


def scanned(pictures: Tensor, squares: Squares, clean: int, draw: Draw) -> Scans:
    """Photographs (N, 3, S, S) as scans; the first ``clean`` have no damage."""
    x = toned(pictures, draw)
    _change_some(x, LETTERED, lambda y, part: lettered(y, squares, part), draw)
    for share, made in ((0.2, bordered), (0.25, grained_paper), (0.12, silk_paper)):
        _change_some(x, share, made, draw)
    before = x.clamp(0, 1)
    part = copy.copy(draw)
    part.count = draw.count - clean
    after = torch.cat([before[:clean], damaged(before[clean:], squares, part)]) if part.count else before.clone()
    # The same softness or sharpening for the picture with and without damage: what differs then is the change.
    amount, sigma = draw.chance(0.7) * draw.uniform(-0.8, 1.0), draw.uniform(0.5, 1.3)
    before, after = ((x + amount * (blurred(x, sigma, 4) - x)).clamp(0, 1) for x in (before, after))
    some, _ = draw.some(0.1)  # scanned without colour
    for x in (before, after):
        x[some] = luma(x[some]).expand(-1, 3, -1, -1)
    change = (after - before).abs().amax(1, keepdim=True)
    picture, sigma = grainy(after, draw)
    least = (IN_GRAIN * sigma).clamp(min=VISIBLE)
    needed = torch.maximum(least, IN_TEXTURE * texture(before))
    _change_some(picture, 0.6, lambda y, part: jpeg(y, part.uniform(40, 100), part), draw)
    return Scans(
        picture=((picture * 255).round() / 255).contiguous(memory_format=torch.channels_last),
        damaged=(change > needed).float(),
        counted=((change > needed) | (change < least / 2)).float(),
    )


def texture(x: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W): the deviation of the brightness within 7 x 7 pixels."""
    grays = luma(x)
    mean, squares = (F.avg_pool2d(y, 7, 1, 3, count_include_pad=False) for y in (grays, grays**2))
    return (squares - mean**2).clamp(min=0).sqrt()


def grainy(x: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """With grain or noise, fine or coarse, gray or coloured; and its deviation (N, 1, 1, 1)."""
    sigma = draw.uniform(-0.4, 1).clamp(min=0) ** 2 * (16 / 255)
    grain = draw.noise(3, *x.shape[2:])
    some, _ = draw.some(0.6)
    grain[some] = grain[some][:, :1]
    _change_some(grain, 0.6, coarse, draw)
    return (x + sigma * grain).clamp(0, 1), sigma


def coarse(grain: Tensor, draw: Draw) -> Tensor:
    """Grain of several pixels, as strong as before."""
    grain = blurred(grain, draw.uniform(0.4, 1.2), 4)
    return grain / grain.std((1, 2, 3), keepdim=True)


def make_scans(squares: Squares, *, count: int, side: int, clean: float, seed: int) -> Scans:
    """``count`` scans of ``side`` pixels, the first of them, a share ``clean``, without damage."""
    draw = Draw(count, seed, squares.photos.device)
    return scanned(photographs(squares.photos, side, draw), squares, round(clean * count), draw)


_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, *(99,) * 32,
)  # fmt: skip


@functools.cache
def _table(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """On the device once: to copy it there at every step a GPU's queue would have to be empty."""
    return torch.tensor(numbers, dtype=torch.float32, device=device)


def jpeg(x: Tensor, quality: Tensor, draw: Draw) -> Tensor:
    """What JPEG leaves of pictures (N, 3, S, S), colours at half the size, ``quality`` (N, 1, 1, 1) from 1 to 100.

    The blocks begin anywhere, as in a part of a larger picture: at the same place in all pictures of a batch.
    """
    side = x.shape[-1]
    top, left = draw.host.randrange(16), draw.host.randrange(16)
    x = F.pad(x, (left, -(left + side) % 16, top, -(top + side) % 16), mode="replicate")
    y = luma(x)
    blue, red = 0.564 * (x[:, 2:] - y), 0.713 * (x[:, :1] - y)
    chroma = F.avg_pool2d(torch.cat([blue, red], 1), 2)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    y = _quantised(y - 0.5, _table(_LUMA, x.device), scale) + 0.5
    chroma = F.interpolate(_quantised(chroma, _table(_CHROMA, x.device), scale), scale_factor=2, mode="bilinear")
    blue, red = chroma[:, :1], chroma[:, 1:]
    r, b = y + red / 0.713, y + blue / 0.564
    out = torch.cat([r, (y - 0.299 * r - 0.114 * b) / 0.587, b], 1)
    return out[..., top : top + side, left : left + side].clamp(0, 1)


def _quantised(x: Tensor, table: Tensor, scale: Tensor) -> Tensor:
    """Planes (N, C, H, W) about 0, whose cosine transform in blocks of 8x8 is rounded to ``scale`` times the table."""
    count, channels, height, width = x.shape
    place = torch.arange(8, device=x.device, dtype=torch.float32)
    wave = torch.cos((2 * place[None] + 1) * place[:, None] * math.pi / 16) / 2
    wave[0] /= math.sqrt(2)
    basis = torch.einsum("ux,vy->uvxy", wave, wave).reshape(64, 1, 8, 8)
    coefficients = F.conv2d(x.reshape(count * channels, 1, height, width), basis, stride=8)
    steps = (table.reshape(1, 64, 1, 1) * scale).round().clamp(min=1).repeat_interleave(channels, 0) / 255
    coefficients = (coefficients / steps).round() * steps
    return F.conv_transpose2d(coefficients, basis, stride=8).reshape(x.shape)
