"""Stylize: repaint a picture in the style of a painting, or of any other picture, with one feed-forward network.

The network (networks/stylizer.py) paints at a size of its own: strokes are as large, measured against the picture, as
``style_scale`` says, however many pixels the picture has. A large photograph is therefore painted reduced. Enlarged
again, its strokes have no edges finer than a working pixel. Those of strokes that are larger than usual are made sharp
by a network that enlarges (``upscale``), up to the usual working size. Beyond that the photograph's own fine light and
shade, which is what the reduction took away, is put back in part (:data:`DETAIL`). That keeps a 12-megapixel result
sharp, and where working and full size are the same it changes nothing. Large strokes must not be given more of it than
usual ones: the photo would be seen through them, with edges that are not the painting's.

Instance normalisation looks at the whole picture: every tile is painted with the means and deviations of one first
pass over the whole working copy, so that tiles give exactly what the whole would. Of a working copy that is larger than
memory allows, which only fine strokes on a large photo ask for, they are those of many parts spread over it.

There is a slow way, too: :func:`optimise` goes on from what the network paints by Gatys' method
(:mod:`editing.pipelines.fine`).

Strength, kept colours and the mask are all of :func:`mix`, which needs no network and can follow a slider.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from editing import messages, runtime
from editing.costs import Cost, Estimate, measured_cost, observed
from editing.errors import EditingError, OptionError, Stopped, WeightError
from editing.messages import tell
from editing.networks.magenta import Magenta, MagentaConfig
from editing.networks.stylizer import Statistics, Stylizer, StylizerConfig
from editing.options import StylizeOptions, UpscaleOptions
from editing.pictures import masks, tiling
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats, Picture, Pixels, fill_transparent, from_float, to_float
from editing.pictures.read import read_picture
from editing.pipelines import fine, gatys, upscale
from editing.pipelines.fine import LoadedVgg
from editing.pipelines.recipe import recipe_of
from editing.report import Report, silent
from editing.runtime import Backend
from editing.settings import sha256_of
from editing.weights.catalogue import Weight
from editing.weights.files import digest
from editing.weights.find import find_weight
from editing.weights.load import config_of, fit, load_state, metadata_of, unusable, without_numbers

BASE = 768  # longest side of the working copy at style scale 1, in pixels
USUAL = "stylizer"  # the network of whose gallery Fine knows the paintings
ENLARGER = "photo-fast"  # what makes large strokes sharp
SHORTEST = 64  # pixels: what the working copy of the narrowest picture has across
DETAIL = 0.5  # the share of the photo's fine light and shade that is put back where the working copy is smaller
ALWAYS_WHOLE = 300_000  # pixels of a working copy that fit into the memory of any machine
WHOLE = 1_000_000  # pixels of a working copy that are painted at once; one pass instead of two
MEASURED = 2_000_000  # pixels at most of which the means and deviations are taken
SHOWN_SECONDS = 4.0  # between two pictures of an optimisation that are shown
PART = 128  # pixels: side of each of the parts that they are taken of, where that is not all
EDGE = 0.004  # of the longest side: over this length the edge of a mask fades
# Resampling, detail, mixing and PNG encoding, measured on one core.
_SECONDS_PER_PIXEL = 3.0e-7
_BYTES_PER_PIXEL = 3 * (2 + 1 + 1 + 1)  # the 16-bit working copy, the painting, the result, and the encoder's
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as in YIQ


@dataclass(frozen=True, kw_only=True)
class Style:
    """A style of the gallery: ``name`` is what it is asked for by, the rest is for people."""

    name: str
    title: str
    artist: str  # may be "", as may what follows
    year: str
    title_zh: str = ""
    artist_zh: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedStylizer:
    """A network ready to paint, and the codes of its gallery."""

    name: str
    sha256: str
    backend: Backend
    network: Stylizer | Magenta
    gallery: dict[str, torch.Tensor]  # name -> (1, code) float32

    @property
    def reach(self) -> int:
        """How far the network sees, in working pixels, once the statistics are given."""
        return self.network.config.reach

    def look_at(self, picture: Picture) -> torch.Tensor:
        """The code (1, code) float32 of a style picture; raises OptionError where the network has no encoder."""
        network = self.with_encoder()
        tensor = self._tensor(_style_copy(picture, network.config.multiple, network.config.style_side)[None])
        code: torch.Tensor = network.code(tensor).float()
        if not bool(torch.isfinite(code).all()):
            raise self._not_numbers()
        return code.cpu()

    def with_encoder(self) -> Stylizer:
        """The network, where it can look at pictures; raises OptionError, with the choices, where it can't."""
        if isinstance(self.network, Stylizer):
            return self.network
        raise OptionError(messages.OWN_STYLES_ALONE, model=self.name, choices=", ".join(self.gallery))

    def statistics(self, parts: Floats, code: torch.Tensor) -> Statistics:
        """Means and deviations of every instance normalisation over the parts (N, h, w, 3) in [0, 1] of a picture."""
        return self.network.statistics(self._tensor(parts), code.to(self.backend.device), together=True)

    def paint(self, copy: Floats, code: torch.Tensor, statistics: Statistics | None = None) -> Floats:
        """A picture (h, w, 3) in [0, 1], its sides multiples of ``config.multiple``, painted: the same size."""
        painted: torch.Tensor = self.network(self._tensor(copy[None]), code.to(self.backend.device), statistics)
        if not bool(torch.isfinite(painted).all()):
            raise self._not_numbers()
        result: Floats = painted[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
        return result

    def cost(self, *, wait: bool = True, ask: Callable[[], None] | None = None) -> Cost:
        """What one working pixel costs on this machine; measured at the first call, which takes seconds.

        ``wait`` and ``ask`` are those of :func:`measured_cost`.
        """

        def run(side: int) -> None:
            code = torch.zeros(1, self.network.config.code)
            self.paint(np.full((side, side, 3), 0.5, np.float32), code)

        return measured_cost(self.sha256, self.backend, run, wait=wait, ask=ask)

    def _tensor(self, pictures: Floats) -> torch.Tensor:
        return _tensor(pictures, self.backend)

    def _not_numbers(self) -> EditingError:
        return EditingError(messages.MODEL_NOT_NUMBERS, model=self.name)


def load(model: str = "stylizer", precision: str = "auto") -> LoadedStylizer:
    """The stylizer called ``model``, loaded once and shared.

    Raises WeightError for an unknown, missing or damaged weight, or one that is no stylizer.
    """
    weight = find_weight(model, "stylize")
    backend = runtime.choose_backend(precision)
    sha256 = digest(weight)
    return runtime.cached_network(f"{weight.name} {sha256}", backend, lambda: _build(weight, sha256, backend))


def _build(weight: Weight, sha256: str, backend: Backend) -> LoadedStylizer:
    named, config, state = _styles(weight), config_of(weight), load_state(weight)
    if not isinstance(config, StylizerConfig | MagentaConfig):
        raise unusable(weight.name, tell(messages.NOT_A_WHOLE_NETWORK, network="stylizer", why=messages.NO_CONFIG))
    gallery = state.pop("gallery", torch.zeros(0, config.code)).float()
    if gallery.shape != (len(named), config.code) or not bool(torch.isfinite(gallery).all()):
        why = tell(messages.GALLERY_DAMAGED, count=len(named), code=config.code, shape=tuple(gallery.shape))
        raise unusable(weight.name, tell(messages.NOT_A_WHOLE_NETWORK, network="stylizer", why=why))
    with without_numbers():
        network = Stylizer(config) if isinstance(config, StylizerConfig) else Magenta(config)
    fit(network, state, weight.name)
    backend.place(network)
    codes = {style.name: gallery[number, None] for number, style in enumerate(named)}
    return LoadedStylizer(name=weight.name, sha256=sha256, backend=backend, network=network, gallery=codes)


def styles(model: str = "stylizer") -> tuple[Style, ...]:
    """The gallery of a stylizer, in its order; reads no tensors. Raises WeightError as :func:`load` does."""
    return _styles(find_weight(model, "stylize"))


def takes_pictures(model: str) -> bool:
    """Whether any picture can be the style, not those of the gallery alone; as :func:`styles`."""
    return isinstance(config_of(find_weight(model, "stylize")), StylizerConfig)


def _styles(weight: Weight) -> tuple[Style, ...]:
    try:
        listed = json.loads(metadata_of(weight).get("styles", "[]"))
        found = tuple(
            Style(**{part.name: str(one[part.name]) for part in fields(Style) if part.name in one}) for one in listed
        )
        if len({style.name for style in found}) < len(found):
            raise ValueError("a name stands there twice")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WeightError(messages.STYLES_DAMAGED, name=weight.name) from error
    return found


def code_of(options: StylizeOptions, network: LoadedStylizer) -> torch.Tensor:
    """The code (1, code) of the style, or of the mix of two, that ``options`` ask for.

    Raises OptionError, with the choices, for a style that is neither in the gallery nor a file; ImageError for a file
    that is no picture.
    """
    code = _code_of(options.style, network)
    return code if options.second is None else torch.lerp(code, _code_of(options.second, network), options.mix)


def check_style(options: StylizeOptions) -> None:
    """Load what ``options`` need and look for their styles; raises what :func:`stylize` would, before any picture."""
    network = load(options.model, options.precision)
    code_of(options, network)
    if options.optimise:
        _wanted(options, network, fine.load(options.vgg, options.precision))


def _wanted(options: StylizeOptions, network: LoadedStylizer, vgg: LoadedVgg) -> gatys.Style:
    """The style that an optimisation nears; raises OptionError for one whose picture nothing is known of."""
    if options.style in network.gallery:
        if network.name != USUAL or options.style not in vgg.paintings:
            choices = ", ".join(vgg.paintings if network.name == USUAL else ()) or messages.NO_GALLERY
            raise OptionError(messages.FINE_NEEDS_PICTURE, style=options.style, vgg=vgg.name, choices=choices)
        return vgg.paintings[options.style]
    copy = _style_copy(read_picture(options.style), fine.MULTIPLE, fine.STYLE_SIDE)
    return vgg.look_at(_tensor(copy[None], vgg.backend))


def _code_of(style: str, network: LoadedStylizer) -> torch.Tensor:
    if style in network.gallery:
        return network.gallery[style]
    network.with_encoder()
    if not _is_file(style):
        choices = ", ".join(network.gallery) or messages.NO_GALLERY
        raise OptionError(messages.NO_SUCH_STYLE, name=style, choices=choices)
    return network.look_at(read_picture(style))


def _is_file(style: str) -> bool:
    try:
        return Path(style).is_file()
    except OSError:  # a name too long
        return False


@runtime.heavy
def stylize(
    picture: Picture,
    options: StylizeOptions,
    *,
    mask: Mask | None = None,
    network: LoadedStylizer | None = None,
    report: Report = silent,
) -> Picture:
    """Repaint ``picture``; the result has its size, depth, transparency, colour profile and metadata.

    ``mask`` (H, W) says where; its edge is softened, and beyond it every pixel stays exactly as it is. ``network=None``
    loads the one that ``options`` name. Raises OptionError, ImageError (a style that is no picture), WeightError,
    OutOfMemoryError, and whatever ``report`` raises.
    """
    painted = paint(picture, options, network=network, report=report)
    return mix(picture, painted, options, mask=mask)


@runtime.heavy
def paint(
    picture: Picture,
    options: StylizeOptions,
    *,
    network: LoadedStylizer | None = None,
    held: Held | None = None,
    report: Report = silent,
) -> Picture:
    """As :func:`stylize`, but the whole picture at full strength in the painting's colours: :func:`mix` does the rest.

    The result is RGB, of a gray picture too. ``held`` is what other pictures have in common with this one.
    """
    if options.optimise:
        *_, last = optimise(picture, options, network=network, every=math.inf, report=report)
        return last.picture
    network = network or load(options.model, options.precision)
    code = code_of(options, network) if held is None else held.code
    pixels = fill_transparent(picture)
    plan = _plan(network, picture.width, picture.height, options, ask=lambda: report(0, 1))
    copy = _working_copy(pixels, plan.height, plan.width)
    tiled: dict[str, Any] = {
        "scale": 1, "tile": plan.tile, "overlap": plan.overlap, "align": network.network.config.multiple,
        "report": report,
    }  # fmt: skip
    # Large strokes are gone on with at the working size, which is small.
    at_once = options.style_scale > 1 or plan.measured is None
    shape, kind = (copy.shape, np.float32) if at_once else ((picture.height, picture.width, 3), np.uint16)
    out: npt.NDArray[Any] = np.zeros(shape, kind)
    with observed(network.sha256, network.backend, plan.seen):
        if plan.measured is None:
            report(0, 1)
            out = network.paint(copy, code, held.statistics if held else None)
            report(1, 1)
        else:
            statistics = held.statistics if held else network.statistics(_parts(copy, plan.measured), code)
            tiling.run_tiled(lambda region: network.paint(region, code, statistics), copy, out=out, **tiled)
    if at_once:
        return _finished(out, copy, picture, pixels, options)
    return replace(picture, pixels=_with_detail(out, pixels, copy, picture.depth))


def _finished(
    painted: Floats, copy: Floats, picture: Picture, pixels: Pixels, options: StylizeOptions
) -> Picture:  # fmt: skip
    """A painting of ``copy`` (h, w, 3) as large as the ``picture`` whose ``pixels`` that was made of, and as sharp."""
    if options.style_scale > 1:
        painted = _edged(painted, options)
        width, height = working_size(picture.width, picture.height, 1.0, 1)
        copy = _working_copy(pixels, height, width)
    out = np.zeros((picture.height, picture.width, 3), np.uint16)
    for rows, strip in tiling.resized_strips(painted, *out.shape[:2]):
        out[rows] = from_float(strip, 16)
    return replace(picture, pixels=_with_detail(out, pixels, copy, picture.depth))


def _edged(painted: Floats, options: StylizeOptions) -> Floats:
    """A painting (h, w, 3) in [0, 1] four times as large, with sharp edges where strokes are twice as large as usual.

    Between that and the usual size they are in between, so that nothing jumps as the dial is turned.
    """
    enlarging = UpscaleOptions(model=ENLARGER, scale=4, tile=256, precision=options.precision)
    sharp = to_float(upscale.enlarge(Picture(pixels=from_float(painted, 16)), enlarging).pixels)
    share = min(1.0, options.style_scale - 1)
    if share < 1:
        plain = tiling.resize(painted, *sharp.shape[:2]).clip(0, 1)
        sharp = plain + np.float32(share) * (sharp - plain)
    return sharp


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """What several pictures are painted with alike: the style, and what normalisations take away and divide by."""

    code: torch.Tensor
    statistics: Statistics


def measure(picture: Picture, options: StylizeOptions, code: torch.Tensor, network: LoadedStylizer) -> Held:
    """What :func:`paint` would measure of ``picture``, for others to be painted with."""
    width, height = working_size(
        picture.width, picture.height, options.style_scale, network.network.config.multiple
    )  # fmt: skip
    copy = _working_copy(fill_transparent(picture), height, width)
    return Held(code=code, statistics=network.statistics(_parts(copy, WHOLE), code))


@dataclass(frozen=True, kw_only=True, eq=False)
class Painted:
    """What :func:`optimise` has after so many steps: the ``whole`` picture, or what there is, as it is painted."""

    picture: Picture
    done: int
    whole: bool


@runtime.heavy
def optimise(
    picture: Picture, options: StylizeOptions, *, network: LoadedStylizer | None = None, vgg: LoadedVgg | None = None,
    every: float = SHOWN_SECONDS, report: Report = silent,
) -> Iterator[Painted]:  # fmt: skip
    """As :func:`paint`, and on from there by Gatys' method in ``options.optimise`` steps, from coarse to fine.

    Yields what there is ``every`` so many seconds, and at last the whole picture, also where ``report`` raises Stopped,
    which comes after that. Raises OptionError for a style whose picture nothing is known of, WeightError where the
    network of ``options.vgg`` is not there.
    """
    network = network or load(options.model, options.precision)
    vgg = vgg or fine.load(options.vgg, options.precision)
    code, wanted = code_of(options, network), _wanted(options, network, vgg)
    pixels = fill_transparent(picture)
    width, height = _optimised_size(picture.width, picture.height, options)
    copy = _working_copy(pixels, height, width)
    begun = network.paint(_working_copy(pixels, *fine.sizes(height, width)[0]), code)
    with torch.inference_mode(False):
        start, content = (_tensor(x[None], vgg.backend).float() for x in (begun, copy))
    steps = fine.paint(start, content, wanted, vgg, options.optimise)
    report(0, options.optimise)
    shown, stopped = time.monotonic(), None
    for done in range(1, options.optimise + 1):
        with torch.inference_mode(False):  # a job's own mode remembers nothing to differentiate
            painted = next(steps)
        try:
            report(done, options.optimise)
        except Stopped as stop:
            stopped = stop
            break
        if done < options.optimise and time.monotonic() - shown >= every:
            small = painted[0].permute(1, 2, 0).cpu().numpy()
            there = replace(picture, pixels=from_float(small, picture.depth), alpha=None, icc=None)
            yield Painted(picture=there, done=done, whole=False)
            shown = time.monotonic()
    whole = _finished(painted[0].permute(1, 2, 0).cpu().numpy(), copy, picture, pixels, options)
    yield Painted(picture=whole, done=done, whole=True)
    if stopped:
        raise stopped


def _optimised_size(width: int, height: int, options: StylizeOptions) -> tuple[int, int]:
    """Width and height of the copy that is optimised: that of the network, but at most ``fine.LARGEST`` pixels."""
    across, down = working_size(width, height, options.style_scale, fine.MULTIPLE)
    factor = min(1.0, (fine.LARGEST / (across * down)) ** 0.5)
    return _rounded(across * factor, fine.MULTIPLE), _rounded(down * factor, fine.MULTIPLE)


def mix(picture: Picture, painted: Picture, options: StylizeOptions, *, mask: Mask | None = None) -> Picture:
    """Mix ``painted``, a result of :func:`paint`, with the ``picture`` it came from, as ``options`` and ``mask`` say.

    Only strength and kept colours are looked at; this is fast, needs no network, and so can follow a slider. At
    strength 0, and wherever the mask with its softened edge is 0, every pixel is the picture's own to the last bit.

    Kept colours mean that light and shade (luma, Rec. 601) are the painting's, and hue and chroma the photo's: Gatys et
    al. 2016 (https://arxiv.org/abs/1606.05897), section 3.2. Their other way, matching the style picture's colours to
    the photo's before it is looked at, needs that picture, and the gallery has only codes; it would also need another
    run for every photo. Where a colour can't be that light or dark, it gets paler and keeps its hue.
    """
    if mask is not None and mask.shape != picture.pixels.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, the picture {picture.pixels.shape[:2]}")
    if options.strength == 0:
        return picture
    gray = picture.gray and options.keep_colors  # else a gray photo takes on the painting's colours
    before = picture.pixels if gray or not picture.gray else np.repeat(picture.pixels, 3, axis=2)
    out = np.empty_like(before)
    for start in range(0, picture.height, tiling.STRIP):
        rows = slice(start, start + tiling.STRIP)
        photo, after = to_float(before[rows]), to_float(painted.pixels[rows])
        if options.keep_colors:
            after = (after @ _LUMA)[..., None] if gray else _with_colors_of(photo, after)
        out[rows] = from_float(photo + options.strength * (after - photo), picture.depth)
    if mask is not None:
        edge = EDGE * max(picture.width, picture.height)
        out = masks.blend(before, out, masks.feather(mask, edge))
    if picture.gray and not gray and picture.icc is not None:
        notice = tell(messages.PROFILE_DROPPED)  # it describes grays
        return replace(picture, pixels=out, icc=None, notices=(*picture.notices, notice))
    return replace(picture, pixels=out)


def _with_colors_of(photo: Floats, painted: Floats) -> Floats:
    """The luma of ``painted`` with the chroma of ``photo``, both (h, w, 3), paler where it doesn't fit in [0, 1]."""
    light = (painted @ _LUMA)[..., None]
    chroma = photo - (photo @ _LUMA)[..., None]
    room = np.where(chroma > 0, 1 - light, light)
    fits = np.minimum(1, room / np.maximum(np.abs(chroma), 1e-6)).min(2, keepdims=True)
    return np.asarray(light + fits * chroma, np.float32)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """How a picture will be painted; sizes in working pixels."""

    height: int  # of the working copy
    width: int
    measured: int | None = None  # pixels of which the statistics are taken; None: painted at once
    tile: int = 0
    overlap: int = 0

    @property
    def seen(self) -> int:
        """Pixels that the network sees in all."""
        if self.measured is None:
            return self.height * self.width
        rows, columns = self._reaches()
        return self.measured + sum(rows) * sum(columns)

    @property
    def largest(self) -> int:
        """Pixels that it sees at once."""
        if self.measured is None:
            return self.height * self.width
        rows, columns = self._reaches()
        return max(self.measured, max(rows) * max(columns))

    @property
    def tiles(self) -> int:
        if self.measured is None:
            return 1
        rows, columns = self._reaches()
        return len(rows) * len(columns)

    def _reaches(self) -> tuple[list[int], list[int]]:
        """How much of each axis every row and every column of tiles sees."""
        rows, columns = (
            [stop - start for start, stop in (span.reach(side, self.overlap) for span in tiling.spans(side, self.tile))]
            for side in (self.height, self.width)
        )
        return rows, columns


def _plan(
    network: LoadedStylizer, width: int, height: int, options: StylizeOptions, ask: Callable[[], None] | None = None
) -> _Plan:
    """How to paint a picture of ``width`` x ``height`` pixels within the memory that is free now.

    ``ask`` may raise, and so end the measurement that it may take.
    """
    step = network.network.config.multiple
    across, down = working_size(width, height, options.style_scale, step)
    if options.tile is None and across * down <= ALWAYS_WHOLE:
        return _Plan(height=down, width=across)  # not worth a measurement
    cost = network.cost(ask=ask)
    budget = runtime.free_memory(network.backend.device) / 2
    if network.backend.device == "cpu":
        budget = min(budget - width * height * _BYTES_PER_PIXEL, 1.2e9)  # the whole process stays under 3 GB
    room = max(ALWAYS_WHOLE, int(budget / cost.bytes))
    if options.tile is None and across * down <= min(WHOLE, room):
        return _Plan(height=down, width=across)
    # Tiles are resampled to the picture's size one by one: beyond the network's reach the filter has its own.
    reach = network.reach + 3 * max(1.0, across / width, down / height) + 1
    overlap = -(-math.ceil(reach) // step) * step
    tile = options.tile or tiling.largest_tile(budget, cost.bytes, overlap, most=512)
    return _Plan(
        height=down, width=across, measured=min(MEASURED, room, across * down), tile=-(-tile // step) * step,
        overlap=overlap,
    )  # fmt: skip


def working_size(width: int, height: int, style_scale: float, multiple: int) -> tuple[int, int]:
    """Width and height of the copy on which the network paints; multiples of ``multiple``.

    It depends on the style scale alone, so that a photo and its preview look alike; but strokes finer than half a pixel
    of the photo would not be seen, and are not painted.
    """
    longest = min(BASE / style_scale, max(BASE, 2 * max(width, height)))
    factor = longest / max(width, height)
    return _rounded(max(SHORTEST, width * factor), multiple), _rounded(max(SHORTEST, height * factor), multiple)


def _rounded(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


def _working_copy(pixels: Pixels, height: int, width: int) -> Floats:
    """Integers (H, W, 1 or 3) of any size as (height, width, 3) in [0, 1]."""
    copy = tiling.resize(pixels, height, width)
    copy /= np.float32(np.iinfo(pixels.dtype).max)
    return np.repeat(copy.clip(0, 1), 3 // copy.shape[2], axis=2)


def _style_copy(picture: Picture, multiple: int, side: int) -> Floats:
    """A style picture (h, w, 3) in [0, 1] with its shorter side made about ``side``, at which it is looked at."""
    height, width = picture.pixels.shape[:2]
    factor = side / min(height, width)
    longest = 4 * side  # a banner is squeezed: looked at whole it would take minutes
    sides = [_rounded(min(longest, length * factor), multiple) for length in (height, width)]
    return _working_copy(fill_transparent(picture), *sides)


def _tensor(pictures: Floats, backend: Backend) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    return tensor.to(device=backend.device, dtype=backend.dtype, memory_format=torch.channels_last)


def _parts(copy: Floats, pixels: int) -> Floats:
    """(N, h, w, 3): ``copy`` itself, or where that has more than ``pixels``, square parts spread evenly over it.

    Parts are better than a reduced copy, whose texture is not that of the picture: 31 dB to the whole against 28, with
    a quarter of the pixels.
    """
    height, width = copy.shape[:2]
    if height * width <= pixels:
        return copy[None]
    side = min(PART, height, width)
    count = pixels / side**2
    rows = max(1, min(height // side, round((count * height / width) ** 0.5)))
    columns = max(1, min(width // side, int(count / rows)))
    tops, lefts = (
        [round(i * (length - side) / max(1, number - 1)) for i in range(number)]
        for length, number in ((height, rows), (width, columns))
    )
    return np.stack([copy[y : y + side, x : x + side] for y in tops for x in lefts])


def _with_detail(raw: npt.NDArray[np.uint16], pixels: Pixels, copy: Floats, depth: int) -> Pixels:
    """The painting at the picture's depth, with a share of the light and shade that ``copy`` has lost of ``pixels``."""
    out = np.empty(raw.shape, np.uint8 if depth == 8 else np.uint16)
    lost = copy.shape[0] < pixels.shape[0] or copy.shape[1] < pixels.shape[1]
    for rows, smooth in tiling.resized_strips(copy, *raw.shape[:2]):
        strip = to_float(raw[rows])
        if lost:
            sharp = np.broadcast_to(to_float(pixels[rows]), smooth.shape)
            strip += DETAIL * ((sharp - smooth) @ _LUMA)[..., None]
        out[rows] = from_float(strip, depth)
    return out


def estimate(width: int, height: int, options: StylizeOptions) -> Estimate:
    """Seconds and peak memory for a picture of this size on this machine; the first call for a model measures it.

    Waits for nobody: raises NotMeasuredError where that can't be done since another job has the machine. Raises
    OptionError for a style of the gallery that can't be optimised.
    """
    network = load(options.model, options.precision)
    if options.optimise:
        vgg = fine.load(options.vgg, options.precision)
        if options.style in network.gallery:
            _wanted(options, network, vgg)  # said before it is waited for
        cost = vgg.cost(wait=False)
        across, down = _optimised_size(width, height, options)
        seen, largest = fine.effort(down, across, options.optimise, vgg)
        pieces = options.optimise
    else:
        cost = network.cost(wait=False)
        plan = _plan(network, width, height, options)
        seen, largest, pieces = plan.seen, plan.largest, plan.tiles
    pixels = width * height
    seconds = cost.seconds * seen + pixels * _SECONDS_PER_PIXEL
    if options.style_scale > 1:
        across, down = working_size(width, height, options.style_scale, network.network.config.multiple)
        seconds += upscale.load(ENLARGER, options.precision).cost(wait=False).seconds * across * down
    return Estimate(
        seconds=seconds,
        memory=round(runtime.resident_memory() + cost.bytes * largest + pixels * _BYTES_PER_PIXEL),
        free=runtime.free_memory(),
        tiles=pieces,
        width=width,
        height=height,
    )


def recipe(options: StylizeOptions, *, masked: bool = False, done: int | None = None) -> dict[str, Any]:
    """What it takes to make the result again: task, options, weight names and sha256, version.

    Of a style that is a file its name alone is kept, since paths tell about the machine, and beside it the sha256 of
    the file. ``masked`` says that a mask was used; the mask itself is not kept. ``done`` is how many of Fine's steps
    there were, which may have been stopped.
    """
    weight = find_weight(options.model, "stylize")
    used = [weight, find_weight(options.vgg, "optimise")] if options.optimise else [weight]
    made = recipe_of("stylize", options, used, model=weight.name)
    named = {style.name for style in _styles(weight)}
    for key in ("style", "second"):
        given = made["options"][key]
        if given is not None and given not in named:
            made["options"][key] = Path(given).name
            made.setdefault("styles", []).append({"name": Path(given).name, "sha256": sha256_of(Path(given))})
    if masked:
        made["masked"] = True
    if done is not None and done < options.optimise:
        made["stopped"] = done
    return made
