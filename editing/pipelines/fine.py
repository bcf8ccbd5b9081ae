"""Fine: the network that Gatys' method looks with, the paintings that come with it, its sizes and steps, their cost.

A picture is painted at the coarsest size first, where strokes are largest against it, and each painting, enlarged, is
where the next size begins. What enlarging leaves blurred is taken from the photo: a painting's contours are its.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from editing import messages, runtime
from editing.costs import Cost, measured_cost
from editing.errors import EditingError
from editing.networks.stylizer import Vgg
from editing.pipelines import gatys
from editing.pipelines.gatys import Style
from editing.runtime import Backend
from editing.weights.files import digest
from editing.weights.find import find_weight
from editing.weights.load import load_state

STYLE_SIDE = 384  # shorter side at which a style picture is looked at, as the stylizer's encoder does
LARGEST = 2_000_000  # pixels at most of what is painted
COARSEST = 192  # longest side below which no coarser size comes first
MORE = 1.5  # times as many steps at each coarser size: they cost a quarter
MULTIPLE = 8  # of which sides are multiples
_MEASURED_AT = 256  # pixels a side: smaller ones would mostly measure what every step costs whatever the size


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedVgg:
    """A VGG network up to conv4_1, and the styles of the paintings that come with it."""

    name: str
    sha256: str
    backend: Backend
    network: Vgg
    paintings: dict[str, Style]

    def look_at(self, picture: Tensor) -> Style:
        """The style of a picture (1, 3, H, W) in [0, 1]."""
        with torch.no_grad():
            return gatys.style_of(self.network(picture.to(self.backend.device)))

    def cost(self, *, wait: bool = True) -> Cost:
        """What one step costs per pixel on this machine; measured at the first call, which takes seconds."""
        steps: Iterator[Tensor] | None = None

        def run(side: int) -> None:
            nonlocal steps
            with torch.inference_mode(False):
                if steps is None:
                    noise = torch.rand(1, 3, side, side, device=self.backend.device)
                    steps = gatys.painting(noise, noise, self.look_at(noise), self.network, steps=10)
                next(steps)

        return measured_cost(self.sha256, self.backend, run, side=_MEASURED_AT, wait=wait)


def load(name: str, precision: str = "auto") -> LoadedVgg:
    """The network ``name``, loaded once and shared; raises WeightError, with what to do, where it is not there.

    What is painted stays in fp32, so that small steps count; only what looks at it computes in ``precision``: in bf16 a
    photo comes as near to the style and stays as near to its content, in a third of the time where CPUs multiply it.
    """
    weight = find_weight(name, "optimise")
    backend = runtime.choose_backend(precision)
    sha256 = digest(weight)

    def build() -> LoadedVgg:
        with torch.inference_mode(False):  # else its maps could not be differentiated
            state = load_state(weight)
            network = gatys.vgg19(state) if weight.name == "vgg19" else gatys.front(state)
            backend.place(network)
            paintings = {
                name: Style(means=_there(style.means, backend), covariances=_there(style.covariances, backend))
                for name, style in gatys.styles_in(state).items()
            }
        return LoadedVgg(name=weight.name, sha256=sha256, backend=backend, network=network, paintings=paintings)

    return runtime.cached_network(f"{weight.name} {sha256}", backend, build)


def sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Height and width of each size that a picture of this size is painted at, the coarsest first."""
    found = [(height, width)]
    while max(found[0]) // 2 >= COARSEST and min(found[0]) // 2 >= 8 * MULTIPLE:
        found.insert(0, tuple(max(1, round(side / 2 / MULTIPLE)) * MULTIPLE for side in found[0]))  # type: ignore[arg-type]
    return found


def shares(steps: int, count: int) -> list[int]:
    """How many of the steps are done at each of ``count`` sizes, the coarsest first; the finest has one at least."""
    weights = [MORE**left for left in range(count - 1, -1, -1)]
    found = [int(steps * weight / sum(weights)) for weight in weights]
    return [*found[:-1], steps - sum(found[:-1])]


def effort(height: int, width: int, steps: int, vgg: LoadedVgg) -> tuple[int, int]:
    """Pixels that all steps look at together, and those that are looked at at once."""
    different = sizes(height, width)
    found = [gatys.effort(*size, vgg.network) for size in different]
    counts = shares(steps, len(different))
    return sum(one[0] * count for one, count in zip(found, counts, strict=True)), max(one[1] for one in found)


def paint(start: Tensor, content: Tensor, wanted: Style, vgg: LoadedVgg, steps: int) -> Iterator[Tensor]:
    """Paint ``content`` (1, 3, H, W) in [0, 1] in ``steps`` steps, from ``start`` on, which is of the coarsest size.

    Yields what there is after each step, (1, 3, h, w) float32 of one of :func:`sizes`, the last of the content's own.
    Raises EditingError where it isn't numbers.
    """
    picture, before = start, content
    different = sizes(*content.shape[2:])
    for number, (size, count) in enumerate(zip(different, shares(steps, len(different)), strict=True)):
        here = _resized(content, size)
        if number:
            picture = (_resized(picture, size) + here - _resized(before, size)).clamp(0, 1)
        for painted in gatys.painting(picture, here, wanted, vgg.network, steps=count):
            picture = painted
            yield picture
        if not bool(torch.isfinite(picture).all()):
            raise EditingError(messages.MODEL_NOT_NUMBERS, model=vgg.name)
        before = here


def _resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    if picture.shape[2:] == size:
        return picture
    return F.interpolate(picture, size=size, mode="bicubic", antialias=True).clamp(0, 1)


def _there(parts: Sequence[Tensor], backend: Backend) -> tuple[Tensor, ...]:
    return tuple(part.to(backend.device) for part in parts)
