"""Style and content as a VGG network sees them, and Gatys' method: optimise a picture's own pixels towards both.

Gatys, Ecker and Bethge 2016 (https://arxiv.org/abs/1508.06576). Departures: a style is the means and covariances of
each map instead of its Gram matrix, which is their mixture and made of little but means, as the maps are never
negative; every loss is relative, so that layers and styles weigh the same; and total variation is added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from editing.networks.stylizer import Vgg

CONTENT = 2  # the stage whose map is the content; the style is in all
STYLE, VARIATION = 10.0, 5.0  # weights of the style and of total variation beside the content's 1
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
    content: Tensor, style: Tensor, vgg: Vgg, *, steps: int, weight: float = STYLE, variation: float = VARIATION
) -> Iterator[Tensor]:
    """Paint ``content`` (1, 3, H, W) in [0, 1] in the style of another, of any size; yields the picture of each step.

    Beginning with the content, by L-BFGS, of which ``steps`` are evaluations of the losses; ``weight`` and
    ``variation`` are those of style and total variation beside the content's 1. Strokes are as wide, in pixels, as they
    are in ``style``. Stop by taking no more. Each picture is (1, 3, H, W) float32 in [0, 1], in memory of its own.
    Sides are 8 pixels or more.
    """
    with torch.no_grad():
        wanted = style_of(vgg(style))
        there = vgg(content, CONTENT + 1)[CONTENT]
    pixels = content.detach().float().clone(memory_format=torch.contiguous_format).requires_grad_(True)
    optimizer = torch.optim.LBFGS([pixels], max_iter=1, history_size=20, tolerance_grad=0, tolerance_change=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        maps = vgg(pixels)
        loss = content_loss(maps[CONTENT], there) + weight * style_loss(style_of(maps), wanted)
        loss = (loss + variation * total_variation(pixels)).sum()
        torch.autograd.backward(loss)
        return loss

    for _ in range(steps):
        with torch.enable_grad():
            optimizer.step(closure)  # type: ignore[no-untyped-call]
        yield pixels.detach().clamp(0, 1).clone()


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
