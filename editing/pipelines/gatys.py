"""Style and content as a VGG network sees them, and Gatys' method: optimise a picture's own pixels towards both.

Gatys, Ecker and Bethge 2016 (https://arxiv.org/abs/1508.06576), from coarse to fine as in Gatys et al. 2017
(https://arxiv.org/abs/1611.07865), section 6. Departures: a style is the means and covariances of each map instead of
its Gram matrix, which is their mixture and made of little but means, as the maps are never negative; every loss is
relative, so that layers and styles weigh the same; and total variation is added.

What a large picture's maps would take of memory is bounded: its style is measured tile by tile, and the slopes, which
depend on each place's map and on nothing else but the style of the whole, are taken tile by tile then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from editing.networks.stylizer import Vgg

CONTENT = 2  # the stage whose map is the content; the style is in all
STYLE, VARIATION = 10.0, 5.0  # weights of the style and of total variation beside the content's 1
HISTORY = 10  # steps that L-BFGS remembers, each as large as two pictures
TILE = 640  # pixels a side of what is looked at at once
VGG19 = ((64, 64), (128, 128), (256, 256, 256, 256), (512,))  # torchvision's, up to conv4_1


@dataclass(frozen=True, kw_only=True)
class Style:
    """Means and covariances of each map of one or more pictures, in order."""

    means: tuple[Tensor, ...]  # (N, C)
    covariances: tuple[Tensor, ...]  # (N, C, C)

    def expanded(self, count: int) -> Style:
        """One picture's style, ``count`` times."""
        return Style(
            means=tuple(x.expand(count, -1) for x in self.means),
            covariances=tuple(x.expand(count, -1, -1) for x in self.covariances),
        )


def style_of(maps: Sequence[Tensor]) -> Style:
    """What :class:`Vgg` gives for pictures (N, ...) -> their styles."""
    means, covariances = [], []
    for x in maps:
        values = x.permute(0, 2, 3, 1).flatten(1, 2)  # (N, places, C): a view where channels are last in memory
        mean = values.mean(1, keepdim=True, dtype=torch.float32)
        apart = values - mean.to(values.dtype)
        covariances.append(torch.bmm(apart.mT, apart).float() / values.shape[1])
        means.append(mean[:, 0])
    return Style(means=tuple(means), covariances=tuple(covariances))


def stacked(styles: Sequence[Style]) -> Style:
    """Styles of one picture each -> one of all."""
    return Style(
        means=tuple(torch.cat(parts) for parts in zip(*(style.means for style in styles), strict=True)),
        covariances=tuple(torch.cat(parts) for parts in zip(*(style.covariances for style in styles), strict=True)),
    )


def style_loss(style: Style, target: Style) -> Tensor:
    """(N,): squared differences of means and of covariances, each relative to the target's own size; mean of all maps.

    0 for the target itself; an even picture, whose covariances are 0, has 0.5 for these and some for its means.
    """
    losses = []
    for own, wanted in zip((*style.means, *style.covariances), (*target.means, *target.covariances), strict=True):
        a, b = own.flatten(1).float(), wanted.flatten(1).float()
        losses.append((a - b).square().sum(1) / b.square().sum(1).clamp_min(1e-6))
    return torch.stack(losses).mean(0)


def content_loss(maps: Tensor, target: Tensor) -> Tensor:
    """(N,): mean squared difference of maps (N, C, H, W), relative to the target's variance; over 1 for strangers."""
    a, b = maps.float(), target.float()
    spread = (b - b.mean((2, 3), keepdim=True)).square().mean((1, 2, 3))
    return (a - b).square().mean((1, 2, 3)) / spread.clamp_min(1e-6)


def total_variation(pictures: Tensor) -> Tensor:
    """(N,): mean squared difference of neighbours of pictures (N, C, H, W)."""
    across = (pictures[..., 1:] - pictures[..., :-1]).square().mean((1, 2, 3))
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).square().mean((1, 2, 3))
    return across + down


def painting(
    start: Tensor, content: Tensor, wanted: Style, vgg: Vgg, *, steps: int, weight: float = STYLE,
    variation: float = VARIATION, tile: int = TILE,
) -> Iterator[Tensor]:  # fmt: skip
    """Paint ``content`` (1, 3, H, W) in [0, 1] in a style of one picture, from ``start`` on; yields a picture a step.

    By L-BFGS, of which ``steps`` are evaluations of the losses; ``weight`` and ``variation`` are those of style and
    total variation beside the content's 1. Strokes are as wide, in pixels, as they are in the style's picture. Stop by
    taking no more. Each picture is (1, 3, H, W) float32 in [0, 1], in memory of its own. Sides are multiples of 8; of
    more than ``tile`` pixels a side, squares of ``tile`` are looked at one by one.
    """
    there = _content_maps(content, vgg, tile)
    pixels = start.detach().float().clone(memory_format=torch.contiguous_format).requires_grad_(True)
    optimizer = torch.optim.LBFGS([pixels], max_iter=1, history_size=HISTORY, tolerance_grad=0, tolerance_change=0)

    def closure() -> Tensor:
        pixels.grad = slopes(pixels, there, wanted, vgg, weight=weight, tile=tile).contiguous()
        pixels.grad += torch.autograd.grad(total_variation(pixels).sum() * variation, pixels)[0]
        return pixels.new_zeros(())  # how large the loss is nobody asks: there is no search along a line

    for _ in range(steps):
        optimizer.step(closure)  # type: ignore[no-untyped-call]
        yield pixels.detach().clamp(0, 1).clone()


def slopes(
    pixels: Tensor, there: Tensor, wanted: Style, vgg: Vgg, *, weight: float = STYLE, tile: int = TILE
) -> Tensor:  # fmt: skip
    """(1, 3, H, W): how content loss and ``weight`` x style loss of ``pixels`` change with each of them.

    ``there`` is the content's map. The same in tiles as without, but for rounding.
    """
    cores = _cores(pixels.shape[2], pixels.shape[3], tile, reach(vgg))
    if len(cores) == 1:
        with torch.enable_grad():
            x = pixels.detach().requires_grad_(True)
            maps = vgg(x)
            loss = content_loss(maps[CONTENT], there) + weight * style_loss(style_of(maps), wanted)
            return torch.autograd.grad(loss.sum(), x)[0]
    # First the style of the whole, and how the loss changes with it; then how that changes with each place's map.
    style = _style_in_tiles(pixels, wanted, vgg, cores)
    with torch.enable_grad():
        parts = [x.requires_grad_(True) for x in (*style.means, *style.covariances)]
        by_style = torch.autograd.grad(weight * style_loss(style, wanted).sum(), parts)
    by_means, by_covariances = by_style[: len(style.means)], by_style[len(style.means) :]
    spread = there.float().sub(there.float().mean((2, 3), keepdim=True)).square().mean().clamp_min(1e-6)
    found = torch.zeros_like(pixels)
    for core in cores:
        with torch.enable_grad():
            x = pixels.detach()[core.seen].requires_grad_(True)
            loss = x.new_zeros(())
            for stage, whole in enumerate(vgg(x)):
                own = whole[core.kept(stage)]
                values = own.permute(0, 2, 3, 1).flatten(1, 2)
                apart = values - style.means[stage].detach()[:, None].to(values.dtype)
                steep = by_covariances[stage].to(values.dtype)
                places = pixels.shape[2] * pixels.shape[3] >> 2 * stage
                loss = loss + (by_means[stage] * values.sum(1, dtype=torch.float32)).sum() / places
                loss = loss + ((apart @ steep) * apart).sum(dtype=torch.float32) / places
                if stage == CONTENT:
                    apart = own.float() - there[core.placed(stage)].float()
                    loss = loss + apart.square().sum() / (there.numel() * spread)
            found[core.seen] += torch.autograd.grad(loss, x)[0]
    return found


def style_in_tiles(pictures: Tensor, near: Style, vgg: Vgg, tile: int = TILE) -> Style:
    """:func:`style_of` a picture's maps, however large it is; ``near`` is a style that it is like, about which the
    covariances are summed up: about 0, little of them would be left of rounded sums."""
    return _style_in_tiles(pictures, near, vgg, _cores(pictures.shape[2], pictures.shape[3], tile, reach(vgg)))


@torch.no_grad()
def _style_in_tiles(pixels: Tensor, near: Style, vgg: Vgg, cores: Sequence[_Core]) -> Style:
    sums = [torch.zeros_like(mean) for mean in near.means]
    products = [torch.zeros_like(covariance) for covariance in near.covariances]
    for core in cores:
        for stage, whole in enumerate(vgg(pixels.detach()[core.seen])):
            values = whole[core.kept(stage)].permute(0, 2, 3, 1).flatten(1, 2)
            apart = values - near.means[stage][:, None].to(values.dtype)
            sums[stage] += apart.sum(1, dtype=torch.float32)
            products[stage] += torch.bmm(apart.mT, apart).float()
    means, covariances = [], []
    for stage, (total, product) in enumerate(zip(sums, products, strict=True)):
        places = pixels.shape[2] * pixels.shape[3] >> 2 * stage
        off = total / places
        around = near.means[stage].to(vgg.stages[0][0].weight.dtype).float()  # type: ignore[index]  # as it was taken away
        means.append(around + off)
        covariances.append(product / places - off[:, :, None] * off[:, None])
    return Style(means=tuple(means), covariances=tuple(covariances))


@torch.no_grad()
def _content_maps(content: Tensor, vgg: Vgg, tile: int) -> Tensor:
    """The map of a picture that is its content."""
    cores = _cores(content.shape[2], content.shape[3], tile, reach(vgg))
    rows: dict[int, list[Tensor]] = {}
    for core in cores:
        rows.setdefault(core.top, []).append(vgg(content[core.seen], CONTENT + 1)[CONTENT][core.kept(CONTENT)])
    return torch.cat([torch.cat(parts, 3) for parts in rows.values()], 2)


def reach(vgg: Vgg) -> int:
    """How many pixels far the maps look, as a multiple of what the last one's step is."""
    far = sum((len(stage) << i) + (1 << i) // 2 for i, stage in enumerate(vgg.widths))
    step = 1 << (len(vgg.widths) - 1)
    return -(-far // step) * step


def effort(height: int, width: int, vgg: Vgg, tile: int = TILE) -> tuple[int, int]:
    """Pixels that a step at this size looks at, in units of one that does so without tiles; and at most at once."""
    cores = _cores(height, width, tile, reach(vgg))
    looked = [(core.below - core.above) * (core.after - core.before) for core in cores]
    return round(sum(looked) * (1.5 if len(cores) > 1 else 1)), max(looked)


Part = tuple[slice, slice, slice, slice]


@dataclass(frozen=True)
class _Core:
    """A rectangle of a picture, and how far round it is looked at; every edge is a multiple of the last map's step."""

    top: int
    bottom: int
    left: int
    right: int
    above: int  # where what is seen begins
    below: int
    before: int
    after: int

    @property
    def seen(self) -> Part:
        return slice(None), slice(None), slice(self.above, self.below), slice(self.before, self.after)

    def kept(self, stage: int) -> Part:
        """The core within the map of what is seen."""
        rows = slice(self.top - self.above >> stage, self.bottom - self.above >> stage)
        return (
            slice(None),
            slice(None),
            rows,
            slice(self.left - self.before >> stage, self.right - self.before >> stage),
        )

    def placed(self, stage: int) -> Part:
        """The core within the map of the whole."""
        return (
            slice(None), slice(None), slice(self.top >> stage, self.bottom >> stage),
            slice(self.left >> stage, self.right >> stage),
        )  # fmt: skip


def _cores(height: int, width: int, tile: int, far: int) -> list[_Core]:
    """A picture in rectangles of at most ``tile`` pixels a side; one where it has no more pixels than such a square."""
    if height * width <= (tile + 2 * far) ** 2:
        return [_Core(0, height, 0, width, 0, height, 0, width)]
    found = []
    from editing.pictures.tiling import spans  # needs what a machine lent for training lacks

    for rows in spans(height, tile, align=8):
        for columns in spans(width, tile, align=8):
            (above, below), (before, after) = rows.reach(height, far), columns.reach(width, far)
            found.append(_Core(rows.start, rows.stop, columns.start, columns.stop, above, below, before, after))
    return found


def front(state: Mapping[str, Tensor]) -> Vgg:
    """The network in a file of :mod:`editing.training.convert_vgg`; raises KeyError or RuntimeError for another."""
    names = [name.split(".") for name in state if name.startswith("stages.") and name.endswith(".bias")]
    places = sorted((int(stage), int(conv)) for _, stage, conv, _ in names)
    widths: list[list[int]] = []
    for stage, conv in places:
        if conv == 0:
            widths.append([])
        widths[stage].append(len(state[f"stages.{stage}.{conv}.bias"]))
    network = Vgg(tuple(map(tuple, widths)))
    own = network.state_dict()
    network.load_state_dict({name: state[name].float() for name in own})
    return network.to(memory_format=torch.channels_last)


def styles_in(state: Mapping[str, Tensor]) -> dict[str, Style]:
    """The styles of paintings that such a file holds, by name."""
    names = dict.fromkeys(key.split(".")[1] for key in state if key.startswith("styles."))
    found = {}
    for name in names:
        stages = range(sum(key.startswith(f"styles.{name}.mean.") for key in state))
        columns = [state[f"styles.{name}.columns.{stage}"].float() for stage in stages]
        found[name] = Style(
            means=tuple(state[f"styles.{name}.mean.{stage}"].float()[None] for stage in stages),
            covariances=tuple((part @ part.mT)[None] for part in columns),
        )
    return found


def vgg19(state: Mapping[str, Tensor]) -> Vgg:
    """torchvision's VGG19 (its whole state dict) up to conv4_1; raises KeyError or RuntimeError for another file."""
    network = Vgg(VGG19)
    network.mean.copy_(torch.tensor([0.485, 0.456, 0.406])[:, None, None])
    place = 0
    for stage in network.stages:
        for conv in stage:  # type: ignore[attr-defined]
            conv.load_state_dict({name: state[f"features.{place}.{name}"] for name in ("weight", "bias")})
            place += 2  # past its ReLU
        place += 1  # past the pooling
    first = network.stages[0][0]  # type: ignore[index]
    first.weight.data /= torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    return network.to(memory_format=torch.channels_last)
