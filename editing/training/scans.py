"""Scans of old prints and films, made from clean photographs and mattes of damage: in batches, on any device.

All in PyTorch, on tensors that lie on the device, since a GPU would wait for a processor that does it. Pictures are
(N, 3, S, S) float32 in [0, 1], the numbers drawn for each of them (N, 1, 1, 1); lengths are in pixels. The same seed
gives the same scans on the same kind of device.

What is on a scan: a photograph in some tone (colours, gray, sepia, faded), perhaps with the print's border and the
paper's texture; on it damage of four kinds: mattes (dust, hair, scratches, dirt, stains), lines (scratches from end to
end, tramlines), folds (a broken core between soft shoulders) and blots (large, soft, with or without a rim); then what
the scanner does: softness or sharpening, grain and noise, JPEG.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

VISIBLE = 10 / 255  # least change by damage that is asked for; half of it is not counted either way
GRAIN_FACTOR = 2.0  # where the noise's deviation is large, that many times the deviation
LAYERS = 4  # mattes laid over a picture, at most


class Draw:
    """Random numbers for ``count`` pictures, all from one generator on the device."""

    def __init__(self, count: int, seed: int, device: torch.device) -> None:
        self.count, self.device = count, device
        self.generator = torch.Generator(device).manual_seed(seed)

    def uniform(self, low: float, high: float, channels: int = 1) -> Tensor:
        """(N, channels, 1, 1), evenly between two bounds."""
        x = torch.rand(self.count, channels, 1, 1, generator=self.generator, device=self.device)
        return low + (high - low) * x

    def scale(self, low: float, high: float) -> Tensor:
        """(N, 1, 1, 1), its logarithm evenly between those of two bounds."""
        return torch.exp(self.uniform(math.log(low), math.log(high)))

    def chance(self, probability: float) -> Tensor:
        """(N, 1, 1, 1): 1 with a probability, else 0."""
        return (self.uniform(0, 1) < probability).float()

    def sign(self) -> Tensor:
        """(N, 1, 1, 1): 1 or -1."""
        return 2 * self.chance(0.5) - 1

    def choice(self, weights: Tensor) -> Tensor:
        """(N,) places in ``weights``, each as likely as its weight says."""
        return torch.multinomial(weights, self.count, replacement=True, generator=self.generator)

    def noise(self, channels: int, height: int, width: int) -> Tensor:
        """(N, channels, height, width), white, of deviation 1."""
        return torch.randn(self.count, channels, height, width, generator=self.generator, device=self.device)

    def clouds(self, side: int, wave: int) -> Tensor:
        """(N, 1, side, side) smooth noise of deviation about 1, whose hills are about ``wave`` pixels apart."""
        cells = max(2, -(-side // wave) + 1)
        small = self.noise(1, cells, cells)
        x = F.interpolate(small, size=(side, side), mode="bicubic", align_corners=True)
        return x / 0.75


@dataclass(frozen=True, kw_only=True)
class Squares:
    """What scans are made of, on the device: photographs (P, 3, h, h) and mattes (M, 1, h, h), uint8."""

    photos: Tensor
    mattes: Tensor  # 255 where damage covers the picture
    weights: Tensor  # (M,) how often each matte is taken


@dataclass(frozen=True, kw_only=True)
class Scans:
    """Scans (N, 3, S, S) in [0, 1] and what is damaged on them (N, 1, S, S)."""

    picture: Tensor
    damaged: Tensor  # 1 where the damage is to be seen
    counted: Tensor  # 0 where it can hardly be seen, so that nobody can say
    change: Tensor  # by how much the damage changed the picture


# Photographs


def photographs(photos: Tensor, side: int, draw: Draw) -> Tensor:
    """Random parts of photographs (P, 3, h, h) uint8: turned, mirrored, enlarged or reduced -> (N, 3, side, side)."""
    chosen = torch.randint(len(photos), (draw.count,), generator=draw.generator, device=draw.device)
    whole = photos.shape[-1]
    share = (draw.scale(0.4, 1.4) * side / whole).clamp(max=1.0)
    quarter = torch.floor(draw.uniform(0, 4)) * (math.pi / 2)
    angle = quarter + draw.chance(0.3) * draw.uniform(-0.3, 0.3)
    shift = (1 - share) * draw.uniform(-1, 1, 2)
    theta = _theta(share, angle, draw.sign(), shift)
    grid = F.affine_grid(theta, [draw.count, 3, side, side], align_corners=False)
    return F.grid_sample(photos[chosen].float().div(255), grid, padding_mode="reflection", align_corners=False)


def _theta(share: Tensor, angle: Tensor, mirrored: Tensor, shift: Tensor) -> Tensor:
    """(N, 2, 3): what of a square is shown: ``share`` of its side, turned by ``angle``, about ``shift`` (N, 2, 1, 1)."""
    cos, sin = (share * torch.cos(angle)).flatten(), (share * torch.sin(angle)).flatten()
    flip = mirrored.flatten()
    x, y = shift.flatten(1).unbind(1)
    return torch.stack([torch.stack([cos * flip, -sin, x], 1), torch.stack([sin * flip, cos, y], 1)], 1)


def luma(x: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W): Rec. 601's weights."""
    return 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]


def toned(x: Tensor, draw: Draw) -> Tensor:
    """As it was, gray, or sepia and faded: less colour and contrast, and a tint."""
    kind = draw.uniform(0, 1)
    gray, faded = (kind < 0.35).float(), (kind > 0.65).float()
    colour = (1 - gray) * (1 - faded * draw.uniform(0.2, 1.1).clamp(max=1))
    grays = luma(x)
    x = grays + colour * (x - grays)
    x = x.clamp(0, 1) ** draw.scale(0.7, 1.4)
    black, white = faded * draw.uniform(0, 0.3), 1 - faded * draw.uniform(0, 0.3)
    tint = 1 - faded * draw.uniform(-0.1, 0.6).clamp(min=0) * torch.cat(
        [0 * kind, draw.uniform(0.1, 0.35), draw.uniform(0.3, 0.8)], 1
    )
    return (black + (white - black) * x) * tint


def bordered(x: Tensor, draw: Draw) -> Tensor:
    """With the white edge of the print at some sides, and the scanner's lid beyond it."""
    side = x.shape[-1]
    for _ in range(2):
        across, _ = _axes(side, draw, straight=1.0, spread=0.45)
        tilt = draw.uniform(-0.01, 0.01) * _axes(side, draw, straight=1.0, spread=0.0)[0]
        beyond = across + tilt - draw.uniform(0.1, 0.45) * side
        edge, lid = (beyond + 0.5).clamp(0, 1), (beyond - draw.uniform(0.03, 0.3) * side + 0.5).clamp(0, 1)
        there = draw.chance(0.12)
        paper = draw.uniform(0.75, 1.0) * (1 - draw.uniform(0, 0.15) * x.new_tensor([0, 0.4, 1.0])[:, None, None])
        x = x + there * edge * (paper - x)
        x = x + there * lid * (torch.where(draw.chance(0.5) > 0, draw.uniform(0, 0.15), draw.uniform(0.85, 1)) - x)
    return x


def _axes(side: int, draw: Draw, *, straight: float, spread: float) -> tuple[Tensor, Tensor]:
    """Distances (N, 1, side, side) across and along a random line; ``straight`` is the share of level or upright ones.

    The lines pass the middle within ``spread`` of the side.
    """
    quarter = torch.floor(draw.uniform(0, 4)) * (math.pi / 2)
    angle = torch.where(draw.chance(straight) > 0, quarter, draw.uniform(-math.pi, math.pi))
    places = torch.arange(side, device=draw.device, dtype=torch.float32) - (side - 1) / 2
    y, x = places[:, None], places[None, :]
    across = torch.cos(angle) * x + torch.sin(angle) * y - draw.uniform(-spread, spread) * side
    along = torch.cos(angle) * y - torch.sin(angle) * x
    return across, along


def textured(x: Tensor, draw: Draw) -> Tensor:
    """The paper's surface: a fine grain in some, the honeycomb of silk paper in others."""
    side = x.shape[-1]
    grain = _blurred(draw.noise(1, side, side), draw.uniform(0.6, 2.5), 6)
    grain = grain / grain.std((2, 3), keepdim=True).clamp(min=1e-3)
    places = torch.arange(side, device=draw.device, dtype=torch.float32)
    turn, wave = draw.uniform(0, math.pi), 2 * math.pi / draw.scale(4, 14)
    comb = torch.zeros_like(grain)
    for third in range(3):
        angle = turn + third * math.pi / 3
        comb = comb + torch.cos(wave * (torch.cos(angle) * places + torch.sin(angle) * places[:, None]))
    strength = draw.chance(0.25) * draw.uniform(0.005, 0.03)
    honey = draw.chance(0.12) * draw.uniform(0.01, 0.05)
    return x * (1 + strength * grain + honey * comb / 1.5)


def _blurred(x: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Filtered by a Gaussian of each picture's own deviation ``sigma`` (N, 1, 1, 1), cut off at ``radius``."""
    count, channels, height, width = x.shape
    places = torch.arange(-radius, radius + 1, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (places / sigma.reshape(-1, 1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    flat = F.pad(x.reshape(1, count * channels, height, width), (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, None], groups=count * channels)
    flat = F.conv2d(flat, kernel[..., None], groups=count * channels)
    return flat.reshape(count, channels, height, width)


# Damage. Each gives its cover (N, 1, S, S) in [0, 1] and what it covers the picture with.


def layer(squares: Squares, side: int, draw: Draw) -> Tensor:
    """The cover of a matte each: anywhere, turned, smaller or larger, denser or thinner, softer."""
    whole = squares.mattes.shape[-1]
    share = side / whole / draw.scale(0.5, 3.0)
    shift = draw.uniform(-0.55, 0.55, 2)
    theta = _theta(share, draw.uniform(-math.pi, math.pi), draw.sign(), shift)
    mattes = squares.mattes[draw.choice(squares.weights)].float().div(255)
    grid = F.affine_grid(theta, [draw.count, 1, side, side], align_corners=False)
    cover = F.grid_sample(mattes, grid, padding_mode="zeros", align_corners=False)
    cover = cover.clamp(1e-4, 1) ** draw.scale(0.5, 1.5)
    soft = _blurred(cover, draw.uniform(0.4, 1.6), 4)
    return cover + draw.chance(0.5) * (soft - cover)


def covering(x: Tensor, draw: Draw) -> Tensor:
    """What damage shows instead of the picture: bare paper, dark dirt, another colour, or the picture tinted."""
    side = x.shape[-1]
    kind = draw.uniform(0, 1)
    warm = 1 - draw.uniform(0, 0.25) * x.new_tensor([0, 0.4, 1.0])[:, None, None]
    light = draw.uniform(0.65, 1.05) * warm
    dark = draw.uniform(0, 0.3) * torch.where(draw.chance(0.5) > 0, warm, torch.ones_like(warm))
    other = draw.uniform(0, 1, 3) * 0.3 + 0.7 * draw.uniform(0, 1)
    plain = torch.where(kind < 0.45, light, torch.where(kind < 0.75, dark, other))
    plain = plain * (1 + draw.uniform(0, 0.12) * draw.clouds(side, 12))
    tinted = x * (1 - draw.uniform(0.15, 0.6) * x.new_tensor([0.35, 0.6, 1.0])[:, None, None])
    burnt = x * draw.uniform(0.2, 0.8)
    bleached = 1 - (1 - x) * draw.uniform(0.2, 0.8)
    relative = torch.where(draw.chance(0.4) > 0, tinted, torch.where(draw.chance(0.5) > 0, burnt, bleached))
    return torch.where(kind < 0.85, plain, relative)


def lines(side: int, draw: Draw) -> Tensor:
    """The cover of scratches and tramlines: thin, long, nearly straight, here and there broken or faint."""
    across, along = _axes(side, draw, straight=0.4, spread=0.5)
    across = across + draw.chance(0.6) * draw.uniform(-1, 1) * along**2 / (4 * side)
    across = across + draw.uniform(0, 2.0) * torch.sin(along / draw.scale(15, 200) + draw.uniform(0, 6.3))
    width = draw.scale(0.7, 5.0)
    cover = (width / 2 + 0.5 - across.abs()).clamp(0, 1) * width.clamp(max=1)
    # A second line beside it, as the rollers of cameras and scanners make them.
    beside = (width / 2 + 0.5 - (across - width - draw.uniform(2, 14)).abs()).clamp(0, 1) * width.clamp(max=1)
    cover = torch.maximum(cover, draw.chance(0.25) * beside)
    half, middle = draw.scale(0.08, 2.0) * side, draw.uniform(-0.5, 0.5) * side
    ends = ((half - (along - middle).abs()) / draw.uniform(2, 30)).clamp(0, 1)
    broken = (draw.uniform(0.3, 3.0) + draw.clouds(side, 16)).clamp(0, 1)
    return cover * ends * (1 + draw.chance(0.5) * (broken - 1))


def folds(side: int, draw: Draw) -> tuple[Tensor, Tensor]:
    """A fold each: the cover of its broken core, and the change of brightness of its soft shoulders (relative)."""
    across, along = _axes(side, draw, straight=0.4, spread=0.45)
    across = across + draw.uniform(0, 3.0) * draw.clouds(side, 40) + draw.uniform(-0.5, 0.5) * along**2 / (6 * side)
    ragged = draw.clouds(side, 6)
    width = draw.scale(0.8, 6.0) * (1 + 0.5 * ragged).clamp(min=0)
    core = (width / 2 + 0.5 - across.abs()).clamp(0, 1) * (draw.uniform(0.5, 3.0) + draw.clouds(side, 24)).clamp(0, 1)
    # Flakes of the picture come off beside the fold.
    flakes = ((draw.clouds(side, 9) - 1.0 - across.abs() / draw.scale(3, 20)) * 4).clamp(0, 1)
    core = torch.maximum(core, draw.chance(0.4) * flakes)
    slope = torch.exp(-across.abs() / draw.scale(2, 25))
    one_side = torch.where(across > 0, draw.uniform(-1, 1), draw.uniform(-1, 1))
    return core, 0.25 * draw.uniform(0, 1) * slope * one_side


def blots(side: int, draw: Draw) -> Tensor:
    """The cover of a large soft blot, some with the dark rim that water leaves."""
    hills = 0.7 * draw.clouds(side, 96) + 0.3 * draw.clouds(side, 24) - draw.uniform(0.6, 1.2)
    inside = torch.sigmoid(hills * draw.scale(4, 60))
    rim = torch.exp(-((hills / draw.uniform(0.02, 0.1)) ** 2))
    return torch.maximum(inside * draw.uniform(0.1, 1.0), draw.chance(0.5) * rim)


def damage(x: Tensor, squares: Squares, there: Tensor, draw: Draw) -> Tensor:
    """``x`` with damage of every kind on it where ``there`` (N, 1, 1, 1) is 1."""
    side = x.shape[-1]
    for number in range(LAYERS):
        cover = layer(squares, side, draw) * draw.uniform(0.3, 1.1).clamp(max=1)
        x = x + there * draw.chance((0.8, 0.6, 0.4, 0.3)[number]) * cover * (covering(x, draw) - x)
    for _ in range(2):
        cover = lines(side, draw) * draw.uniform(0.25, 1.1).clamp(max=1)
        x = x + there * draw.chance(0.3) * cover * (covering(x, draw) - x)
    core, shoulders = folds(side, draw)
    folded = there * draw.chance(0.2)
    x = x * (1 + folded * shoulders)
    x = x + folded * core * draw.uniform(0.3, 1.1).clamp(max=1) * (covering(x, draw) - x)
    tinted = x * (1 - draw.uniform(0.1, 0.5) * x.new_tensor([0.3, 0.6, 1.0])[:, None, None])
    x = x + there * draw.chance(0.08) * blots(side, draw) * (tinted - x)
    return x.clamp(0, 1)


# The scanner


def scanned(clean: Tensor, squares: Squares, there: Tensor, draw: Draw) -> Scans:
    """Photographs (N, 3, S, S) as scans, with damage where ``there`` (N, 1, 1, 1) is 1."""
    side = clean.shape[-1]
    print_ = textured(bordered(toned(clean, draw), draw), draw).clamp(0, 1)
    both = torch.stack([print_, damage(print_, squares, there, draw)])
    # The same softness or sharpening for the picture with and without damage: what differs then is the change.
    soft = draw.uniform(-0.8, 1.0) * draw.chance(0.7)
    flat = both.flatten(0, 1)
    blur = _blurred(flat, draw.uniform(0.5, 1.3).repeat(2, 1, 1, 1), 4)
    flat = flat + soft.repeat(2, 1, 1, 1) * (blur - flat)
    gray = draw.chance(0.1).repeat(2, 1, 1, 1)  # scanned without colour
    before, after = (flat + gray * (luma(flat) - flat)).clamp(0, 1).unflatten(0, both.shape[:2]).unbind(0)
    sigma = draw.chance(0.8) * draw.uniform(0, 1) ** 2 * (16 / 255)
    grain = draw.noise(3, side, side)
    grain = grain + draw.chance(0.6) * (draw.noise(1, side, side) - grain)
    coarse = _blurred(grain, draw.uniform(0.4, 1.2), 4)
    coarse = coarse / coarse.std((1, 2, 3), keepdim=True)
    grain = grain + draw.chance(0.6) * (coarse - grain)
    change = (after - before).abs().amax(1, keepdim=True)
    needed = (GRAIN_FACTOR * sigma).clamp(min=VISIBLE)
    noisy = (after + sigma * grain).clamp(0, 1)
    quality = draw.uniform(40, 100)
    blocks = jpeg(noisy, quality, draw)
    picture = noisy + draw.chance(0.6) * (blocks - noisy)
    picture = (picture * 255).round() / 255
    return Scans(
        picture=picture.contiguous(memory_format=torch.channels_last),
        damaged=(change > needed).float(),
        counted=((change > needed) | (change < needed / 2)).float(),
        change=change,
    )


def make_scans(squares: Squares, *, count: int, side: int, clean: float, seed: int) -> Scans:
    """``count`` scans of ``side`` pixels (a multiple of 16), a share ``clean`` of them without damage."""
    draw = Draw(count, seed, squares.photos.device)
    there = 1 - draw.chance(clean)
    return scanned(photographs(squares.photos, side, draw), squares, there, draw)


_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, *(99,) * 32,
)  # fmt: skip


def jpeg(x: Tensor, quality: Tensor, draw: Draw) -> Tensor:
    """What JPEG leaves of pictures (N, 3, S, S), colours at half the size, ``quality`` (N, 1, 1, 1) from 1 to 100.

    The blocks begin anywhere, as in a part of a larger picture: at the same place in all pictures of a batch.
    """
    side = x.shape[-1]
    top, left = torch.randint(16, (2,), generator=torch.Generator().manual_seed(draw.generator.initial_seed())).tolist()
    x = F.pad(x, (left, -(left + side) % 16, top, -(top + side) % 16), mode="replicate")
    y = luma(x)
    blue, red = 0.564 * (x[:, 2:] - y), 0.713 * (x[:, :1] - y)
    chroma = F.avg_pool2d(torch.cat([blue, red], 1), 2)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    y = _quantised(y - 0.5, x.new_tensor(_LUMA), scale) + 0.5
    chroma = F.interpolate(_quantised(chroma, x.new_tensor(_CHROMA), scale), scale_factor=2, mode="nearest")
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
