"""Upscale: enlarge a picture, or clean it at its own size, with a super-resolution network or a denoiser.

The networks are Real-ESRGAN's (Wang et al. 2021, https://arxiv.org/abs/2107.10833), any that spandrel reads, and the
denoisers of ``train denoiser``. What is ours: exact tiling, resampling to any size, transparency without halos, the
colour lock, the strength dial, and the noise level told from the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from editing import messages, runtime
from editing.costs import Cost, Estimate, NotMeasuredError, kept_cost, measured_cost, observed
from editing.errors import EditingError, OptionError, WeightError
from editing.interrupt import interruptible
from editing.networks import int8, rrdb
from editing.networks.denoiser import Denoiser, DenoiserConfig
from editing.options import MOST_SCALE, USUAL_SCALE, UpscaleOptions, spec_of, value_of
from editing.pictures import tiling
from editing.pictures.picture import Floats, Picture, Pixels, check_output_size, fill_transparent, from_float, to_float
from editing.pipelines import noise
from editing.pipelines.recipe import recipe_of
from editing.report import Report, silent
from editing.runtime import Backend
from editing.weights.catalogue import Weight
from editing.weights.files import digest, path_of
from editing.weights.find import find_weight
from editing.weights.load import config_of, fit, int8_scales, load_network, load_state, without_numbers

if TYPE_CHECKING:
    from spandrel import ModelDescriptor  # type: ignore[import-untyped]

TASKS = ("upscale", "clean")  # of the weights that are used here
_CELL = 16  # input pixels; the colour lock works on means of cells this large, so that it can't touch detail
# Colour lock, mixing and PNG encoding, measured on one core; small beside any network.
_SECONDS_PER_OUTPUT_PIXEL = 1.0e-7
_BYTES_PER_OUTPUT_PIXEL = 3 * (2 + 1) + 3  # the 16-bit working copy, the result, and the encoder's


QUICK = 10.0  # seconds that "auto" may take to make a picture better than its fastest network does
BETTER = "photo-mid"  # what it is made with then


def named(model: str) -> str:
    """The catalogue's name for "auto" on this machine, whatever the picture; any other as it is."""
    if model != "auto":
        return model
    return "photo-fast" if runtime.choose_backend().device == "cpu" else "photo"


def for_picture(options: UpscaleOptions, width: int, height: int, *, alpha: bool = False) -> UpscaleOptions:
    """``options`` with the model that "auto" is for a picture of this size: ``photo-mid`` where it is quick.

    The first call measures it; where another job has the machine meanwhile, what is fast is taken.
    """
    fast = named(options.model)
    if options.model == "auto" and fast == "photo-fast" and path_of(find_weight(BETTER)):
        with suppress(NotMeasuredError):
            better = replace(options, model=BETTER)
            if estimate(width, height, better, alpha=alpha).seconds < QUICK:
                return better
    return replace(options, model=fast)


# What an input pixel costs beside one of photo-fast's, by multiplications; for models not measured on this machine yet.
_BESIDE_FAST = {"photo-fast": 1, "photo-exact": 1, "anime-fast": 1, "photo-mid": 8, "anime": 9, "photo": 28}


def likely_seconds(model: str, width: int, height: int) -> float | None:
    """What a picture of this size will take, without measuring or loading anything: None where nothing is known."""
    if model == "auto":
        better = None if named(model) == "photo" else likely_seconds(BETTER, width, height)
        return better if better is not None and better < QUICK else likely_seconds(named(model), width, height)
    backend = runtime.choose_backend()

    def kept(name: str) -> Cost | None:
        sha256 = digest(find_weight(name, *TASKS))
        # No network is loaded here: where one could not be had in int8, it was measured as it is.
        return kept_cost(sha256, replace(backend, precision="int8")) or kept_cost(sha256, backend)

    if cost := kept(model):
        return cost.seconds * width * height
    beside = _BESIDE_FAST.get(model)
    fast = kept("photo-fast") if beside else None
    return fast.seconds * beside * width * height if fast and beside else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Upscaler:
    """A loaded network and how it has to be tiled."""

    name: str
    sha256: str
    backend: Backend
    scale: int
    run: Callable[..., torch.Tensor]  # (N, C, h, w) -> (N, C, h * scale, w * scale), [0, 1]
    overlap: int  # input pixels around each tile
    ramp: int  # width of the mix between tiles; 0 where the overlap covers the receptive radius
    channels: int = 3  # what the network takes: 3, or 1 and then each channel by itself
    align: int = 1  # tiles begin at multiples of this
    whole: bool = False  # seen as a whole where memory allows: in tiles it would lose what it looks at
    denoiser: DenoiserConfig | None = None  # then run takes float32 and, as a second tensor (N,), the noise's deviation
    sigma: float = 0.0  # what a denoiser is told, of 255

    def __call__(self, region: Pixels) -> Floats:
        """(h, w, 1 or 3) integers to float32 (h * scale, w * scale, the same) in [0, 1]."""
        planes = torch.from_numpy(to_float(region)).permute(2, 0, 1)
        tensor = planes[:, None] if self.channels == 1 else planes[None].expand(-1, 3, -1, -1)
        # A denoiser keeps the picture in float32, whatever it computes with: 16 bits lose no level.
        dtype = torch.float32 if self.denoiser else self.backend.dtype
        tensor = tensor.to(device=self.backend.device, dtype=dtype, memory_format=torch.channels_last)
        told = [tensor.new_full((len(tensor),), self.sigma / 255)] if self.denoiser else []
        result = self.run(tensor, *told).float().flatten(0, 1)
        low, high = torch.aminmax(result)
        if not bool(torch.isfinite(high - low)):  # before clamping, which would make infinity a white dot
            raise EditingError(messages.MODEL_NOT_NUMBERS, model=self.name)
        result = result.clamp(0, 1)
        if region.shape[2] == 1:
            result = result.mean(0, keepdim=True)  # a gray picture stays gray, whatever tint the network adds
        return result.permute(1, 2, 0).cpu().numpy()

    def cost(self, *, wait: bool = True, ask: Callable[[], None] | None = None) -> Cost:
        """What one input pixel costs on this machine; measured at the first call, which takes seconds.

        ``wait`` and ``ask`` are those of :func:`measured_cost`.
        """
        return measured_cost(
            self.sha256, self.backend, lambda side: void(self(np.full((side, side, 3), 128, np.uint8))), wait=wait,
            ask=ask,
        )  # fmt: skip


def void(_: object) -> None:
    """Drop a result."""


def load(model: str, precision: str = "auto") -> Upscaler:
    """The network called ``model``, loaded once and shared.

    In int8 where the CPU can and the weight has scales for it, unless another precision is asked for; where that gives
    other numbers, and for all other weights, as ``auto`` without it. Raises WeightError for an unknown, missing or
    damaged weight, OptionError for an unknown precision.
    """
    weight = find_weight(named(model), *TASKS)
    sha256 = digest(weight)
    plain = backend = runtime.choose_backend(precision)
    numbers = int8_scales(sha256) if runtime.may_be_int8(precision) else None
    if numbers is not None:
        backend = replace(plain, precision="int8")

    def build() -> Upscaler:
        if config := _denoiser_config(weight):
            return _denoiser(weight, sha256, backend, config)
        descriptor = load_network(weight)
        placed = plain if descriptor.supports_bfloat16 else replace(plain, precision="fp32")
        align = _alignment(descriptor)
        overlap, ramp = _overlap(descriptor.model, align)
        if numbers is not None and int8.quantise(descriptor.model, numbers):
            placed = backend
        if placed.device == "cpu" and placed.precision == "bf16" and runtime.cpu_has_bf16():
            rrdb.hasten(descriptor.model, placed.dtype)
        placed.place(descriptor.model)
        if placed.device == "cpu":
            interruptible(descriptor.model)
        if descriptor.input_channels not in (1, 3) or descriptor.output_channels != descriptor.input_channels:
            raise WeightError(
                messages.CHANNELS_NOT_USED, model=weight.name, inputs=descriptor.input_channels,
                outputs=descriptor.output_channels,
            )  # fmt: skip
        return Upscaler(
            name=weight.name, sha256=sha256, backend=placed, scale=descriptor.scale, run=descriptor,
            overlap=overlap, ramp=ramp, channels=descriptor.input_channels, align=align,
            whole=descriptor.tiling.name != "SUPPORTED",
        )  # fmt: skip

    return runtime.cached_network(f"{weight.name} {sha256}", backend, build)


def takes_sigma(model: str) -> bool:
    """Whether the model is told how strong the noise is; raises as :func:`load` does, but doesn't load it."""
    return _denoiser_config(find_weight(named(model), *TASKS)) is not None


def _denoiser_config(weight: Weight) -> DenoiserConfig | None:
    """What a denoiser of ours is made of; None for other networks."""
    config = config_of(weight) if weight.task == "clean" else None
    return config if isinstance(config, DenoiserConfig) else None


def _denoiser(weight: Weight, sha256: str, backend: Backend, config: DenoiserConfig) -> Upscaler:
    with without_numbers():
        network = Denoiser(config)
    fit(network, load_state(weight), weight.name)
    backend.place(network)
    # Tiles see all that the result depends on; beyond 96 pixels that would be mostly surroundings, and they are mixed.
    exact = config.reach <= _FARTHEST
    overlap = -(-min(config.reach, _FARTHEST) // config.multiple) * config.multiple
    return Upscaler(
        name=weight.name, sha256=sha256, backend=backend, scale=1, run=network, overlap=overlap,
        ramp=0 if exact else 32, channels=config.channels, align=config.multiple, denoiser=config,
    )  # fmt: skip


_FARTHEST = 96  # pixels round a tile of a denoiser


def _alignment(descriptor: ModelDescriptor[Any]) -> int:
    """What tiles have to be multiples of, for the network to see the same in them as in the whole.

    Beside what spandrel says (it pads what is smaller): the windows of networks that attend within windows, in pixels
    of the picture, however often they halve it before.
    """
    modules = list(descriptor.model.modules())
    align: int = descriptor.size_requirements.multiple_of
    windows = {size for module in modules for size in _windows(module)}
    if not windows:
        return align
    align = math.lcm(align, *windows)
    strides = [module.stride[0] for module in modules if isinstance(module, torch.nn.Conv2d)]
    return align * math.prod(strides) if align * math.prod(strides) <= _WIDEST else align


_WIDEST = 128  # pixels; tiles can't begin at multiples of more


def _windows(module: torch.nn.Module) -> list[int]:
    """The sides of the windows of a module's attention, under the names that spandrel's networks give them."""
    sides: list[int] = []
    for name in ("window_size", "split_size"):
        value = getattr(module, name, ())
        sides += [side for side in (value if isinstance(value, list | tuple) else (value,)) if type(side) is int]
    return [side for side in sides if 1 < side <= _WIDEST]


def _overlap(network: torch.nn.Module, align: int) -> tuple[int, int]:
    """Overlap and ramp in input pixels: exact where every convolution sees the input's pixels, else mixed."""
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    if type(network).__name__ == "SRVGGNetCompact":
        # One chain: the radii add up. 4 more pixels feed the Lanczos filter of sizes other than the network's own.
        return sum(module.kernel_size[0] // 2 for module in convolutions) + 4, 0
    if any(_windows(module) for module in network.modules()):
        return -(-64 // align) * align, 32  # shifted windows hand on what they see from one to the next
    # RRDBNet sees 350 pixels far, but little beyond 40 matters: 60 dB to the whole picture. bf16 costs more (50 dB).
    return -(-40 // align) * align, 16


def settle(
    options: UpscaleOptions, picture: Picture | None = None, *, network: Upscaler | None = None
) -> UpscaleOptions:
    """``options`` with what they leave open: model and scale, and a denoiser's noise level from ``picture``.

    Without a ``picture`` the model is the same for all. ``denoise`` becomes ``denoise-camera`` where ``picture`` has
    that kind of noise, and neither a noise level nor a ``network`` is given. Done twice it changes nothing more. Raises
    OptionError where the network can't do what they ask, whatever the picture, and as :func:`load` does.
    """
    if picture is not None and network is None:
        options = for_picture(options, picture.width, picture.height, alpha=picture.alpha is not None)
    options = replace(options, model=named(options.model))
    found = None
    if network is None and picture is not None and options.sigma is None and options.model in _JUDGED:
        found = noise.judge(picture.pixels, picture.alpha)
        camera = found.kind == "camera" or options.model == _JUDGED[1]
        options = replace(options, model=_JUDGED[camera])
    network = network or load(options.model, options.precision)
    if options.sigma is not None and not network.denoiser:
        raise OptionError(messages.TAKES_NO_SIGMA, sigma=f"{options.sigma:g}", model=network.name)
    scale = min(network.scale, USUAL_SCALE) if options.scale is None else options.scale
    if network.scale == 1 and scale > 1 and _sized(options) is None:
        raise OptionError(messages.ONLY_CLEANS, model=network.name, scale=f"{scale:g}")
    sigma = options.sigma
    if found:
        sigma = round(found.sigma, 2)
    elif network.denoiser and sigma is None and picture is not None:
        told = noise.correlated if network.denoiser.camera else noise.white
        sigma = round(told(picture.pixels, picture.alpha), 2)
    return replace(options, scale=scale, sigma=sigma)


# For white noise, and for what cameras and JPEG leave: the first, with no noise level given, means whichever is right.
_JUDGED = ("denoise", "denoise-camera")


def _sized(options: UpscaleOptions) -> tuple[str, ...] | None:
    """The options that give the result's size instead of the scale; None where the scale does."""
    named = tuple(name for name in ("width", "height") if getattr(options, name) is not None)
    return named or next(((name,) for name in ("longest", "megapixels") if getattr(options, name) is not None), None)


def amount(options: UpscaleOptions) -> str:
    """How much settled ``options`` enlarge, in the name of a result: x4, 800px, w640-h480, 2mp."""
    named = _sized(options)
    if named is None:
        return f"x{options.scale:g}"
    if named[0] in ("longest", "megapixels"):
        return f"{options.longest}px" if named[0] == "longest" else f"{options.megapixels:g}mp"
    return "-".join(f"{name[0]}{getattr(options, name)}" for name in named)


def target_size(width: int, height: int, options: UpscaleOptions, network: Upscaler) -> tuple[int, int]:
    """Width and height of the result; raises OptionError or ImageError when network or limits don't allow them."""
    named = _sized(options)
    factor: float
    if named is None:
        factor = min(network.scale, USUAL_SCALE) if options.scale is None else options.scale
    elif "longest" in named:
        factor = (options.longest or 0) / max(width, height)
    elif "megapixels" in named:
        factor = math.sqrt((options.megapixels or 0) * 1e6 / (width * height))
    else:
        factor = min(
            getattr(options, name) / side for name, side in (("width", width), ("height", height)) if name in named
        )
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if factor > MOST_SCALE * (1 + 1e-9) or (network.scale == 1 and max(size) > max(width, height)):
        most = 1 if network.scale == 1 else MOST_SCALE
        raise OptionError(
            messages.MORE_THAN_MODEL if network.scale == 1 else messages.TOO_MANY_TIMES, model=network.name,
            width=width, height=height, factor=f"{factor:.3g}", most=f"{most:g}",
            longest=int(most * max(width, height)),
        )  # fmt: skip
    check_output_size(*size)
    return size


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """One run of the network over the whole picture: the sizes (width, height) before and after it."""

    before: tuple[int, int]
    after: tuple[int, int]
    tile: int


def _passes(
    size: tuple[int, int], target: tuple[int, int], network: Upscaler, tile: Callable[[int, int, int, int], int]
) -> list[_Pass]:
    """The fewest runs from ``size`` to ``target``; ``tile`` chooses a tile's side for widths and heights.

    The last ones enlarge by all that the network does, so that those before work on small pictures.
    """
    count = 1
    while network.scale > 1 and any(b > a * network.scale**count for a, b in zip(size, target, strict=True)):
        count += 1
    sizes = [size]
    for left in range(count - 1, -1, -1):
        sizes.append((-(-target[0] // network.scale**left), -(-target[1] // network.scale**left)))
    return [
        _Pass(before=before, after=after, tile=_fitting(tile(*before, *after), network))
        for before, after in pairwise(sizes)
    ]


@runtime.heavy
def upscale(
    picture: Picture,
    options: UpscaleOptions | None = None,
    *,
    network: Upscaler | None = None,
    report: Report = silent,
) -> Picture:
    """Enlarge ``picture``; the result has its depth, colour profile, transparency and metadata.

    ``network=None`` loads the one that ``options`` name. Raises OptionError, ImageError (result too large),
    WeightError, OutOfMemoryError, and whatever ``report`` raises.
    """
    options = options or UpscaleOptions()
    return mix(picture, enlarge(picture, options, network=network, report=report), options.strength)


@runtime.heavy
def enlarge(
    picture: Picture,
    options: UpscaleOptions | None = None,
    *,
    network: Upscaler | None = None,
    report: Report = silent,
) -> Picture:
    """As :func:`upscale`, at full strength whatever ``options.strength`` says: :func:`mix` does the rest."""
    options = settle(options or UpscaleOptions(), picture, network=network)
    network = network or load(options.model, options.precision)
    network = replace(network, sigma=options.sigma or 0.0)
    size = picture.width, picture.height
    target = width, height = target_size(*size, options, network)
    steps = _passes(
        size, target, network,
        lambda *sides: options.tile or auto_tile(network, *sides, ask=lambda: report(0, 1)),
    )  # fmt: skip
    pixels = fill_transparent(picture)
    if not picture.gray and _is_neutral(pixels):
        pixels = pixels[..., :1]  # a gray photo saved as RGB: no tint can come in this way
    transparent = picture.alpha is not None and int(picture.alpha.min()) != int(picture.alpha.max())
    works = [_work(network, step) for step in steps]
    tiles = sum(work.tiles for work in works)
    total = tiles * (2 if transparent and not network.denoiser else 1)

    def run(image: Pixels, run_one: Callable[[Pixels], Floats], done: int) -> npt.NDArray[np.uint16]:
        for step, work in zip(steps, works, strict=True):
            out = np.zeros((step.after[1], step.after[0], image.shape[2]), np.uint16)
            tiling.run_tiled(
                run_one, image, scale=network.scale, tile=step.tile, overlap=network.overlap, ramp=network.ramp,
                align=network.align, out=out,
                report=lambda here, _, note="", before=done: report(before + here, total, note),
            )  # fmt: skip
            image, done = out, done + work.tiles
        return out

    with observed(network.sha256, network.backend, sum(work.seen for work in works)):
        raw = run(pixels, network, 0)
    result = _finish(raw, pixels, picture.depth, options.color_lock, picture.alpha if transparent else None)
    del raw
    if result.shape[2] < picture.pixels.shape[2]:
        result = np.repeat(result, 3, axis=2)
    alpha = None
    if picture.alpha is not None and transparent and network.denoiser:
        alpha = _resized_alpha(picture.alpha, height, width)  # an edge has no noise, and must not be taken for it
    elif picture.alpha is not None and transparent:
        alpha = _enlarge_alpha(picture.alpha, network, lambda image, run_one: run(image, run_one, tiles))
    elif picture.alpha is not None:
        alpha = np.full((height, width), picture.alpha.flat[0], picture.alpha.dtype)
    return replace(picture, pixels=result, alpha=alpha)


def mix(picture: Picture, enlarged: Picture, strength: float) -> Picture:
    """Mix ``enlarged``, a result of :func:`enlarge`, with the Lanczos enlargement of ``picture`` it came from.

    ``strength`` 1 gives ``enlarged`` itself, 0 the Lanczos enlargement; this is fast, needs no network, and so can
    follow a slider.
    """
    strength = value_of(spec_of(UpscaleOptions, "strength"), strength)
    if strength == 1:
        return enlarged
    alpha = None
    if picture.alpha is not None and enlarged.alpha is not None:
        alpha = _within_surroundings(
            _mix(picture.alpha[..., None], enlarged.alpha[..., None], strength)[..., 0], picture.alpha
        )
    return replace(enlarged, pixels=_mix(fill_transparent(picture), enlarged.pixels, strength), alpha=alpha)


def _mix(source: Pixels, enlarged: Pixels, strength: float) -> Pixels:
    out = np.empty_like(enlarged)
    depth = 8 if enlarged.dtype == np.uint8 else 16
    for rows, plain in tiling.resized_strips(source, *enlarged.shape[:2]):
        plain /= np.float32(np.iinfo(source.dtype).max)
        out[rows] = from_float(plain + strength * (to_float(enlarged[rows]) - plain), depth)
    return out


def color_drift(picture: Picture, result: Picture) -> float:
    """The change of the mean colour, the largest of the channels, on a 0-255 scale; transparent pixels don't count."""
    before, after = _mean_color(picture), _mean_color(result)
    return 0.0 if before is None or after is None else float(np.abs(before - after).max() * 255)


def _mean_color(picture: Picture) -> npt.NDArray[np.float64] | None:
    """(C,) mean in [0, 1], weighted by alpha; None where nothing is visible. Works in strips: pictures are large."""
    total, weight = np.zeros(picture.pixels.shape[2]), 0.0
    for start in range(0, picture.height, tiling.STRIP):
        rows = slice(start, start + tiling.STRIP)
        strip = to_float(picture.pixels[rows])
        cover = np.ones(strip.shape[:2], np.float32) if picture.alpha is None else to_float(picture.alpha[rows])
        total += np.einsum("hwc,hw->c", strip, cover, dtype=np.float64)
        weight += float(cover.sum(dtype=np.float64))
    return total / weight if weight else None


def estimate(width: int, height: int, options: UpscaleOptions | None = None, *, alpha: bool = False) -> Estimate:
    """Seconds and peak memory for a picture of this size on this machine; the first call for a model measures it.

    Waits for nobody: raises NotMeasuredError where that can't be done since another job has the machine.
    """
    options = for_picture(options or UpscaleOptions(), width, height, alpha=alpha)
    network = load(options.model, options.precision)
    options = settle(options, network=network)
    target = target_size(width, height, options, network)
    cost = network.cost(wait=False)
    steps = _passes(
        (width, height), target, network,
        lambda before, down, after, below: options.tile or _tile_for(network, cost, before, down, after * below),
    )  # fmt: skip
    works = [_work(network, step) for step in steps]
    pixels = target[0] * target[1]
    times = 2 if alpha and not network.denoiser else 1
    return Estimate(
        seconds=times * cost.seconds * sum(work.seen for work in works) + pixels * _SECONDS_PER_OUTPUT_PIXEL,
        memory=round(
            runtime.resident_memory()
            + cost.bytes * max(work.largest for work in works)
            + pixels * _BYTES_PER_OUTPUT_PIXEL
        ),
        free=runtime.free_memory(),
        tiles=times * sum(work.tiles for work in works),
        width=target[0],
        height=target[1],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Work:
    """Input pixels that the network sees in all and in the largest tile, and the number of tiles."""

    seen: int
    largest: int
    tiles: int


def _work(network: Upscaler, step: _Pass) -> _Work:
    seen = []
    for side in reversed(step.before):
        parts = tiling.spans(side, step.tile, network.ramp, network.align)
        reaches = [span.reach(side, network.overlap) for span in parts]
        seen.append([stop - start for start, stop in reaches])
    rows, columns = seen
    return _Work(seen=sum(rows) * sum(columns), largest=max(rows) * max(columns), tiles=len(rows) * len(columns))


def auto_tile(
    network: Upscaler,
    width: int,
    height: int,
    out_width: int,
    out_height: int,
    *,
    ask: Callable[[], None] | None = None,
) -> int:
    """The side of a tile, in input pixels, for pictures of these sizes and the memory that is free now.

    ``ask`` may raise, and so end the measurement that it may take.
    """
    if max(width, height) <= 128:
        return 128  # one tile in any case: not worth a measurement
    return _tile_for(network, network.cost(ask=ask), width, height, out_width * out_height)


def _tile_for(network: Upscaler, cost: Cost, width: int, height: int, out_pixels: int) -> int:
    """The tile that fits into half the free memory beside the result, and keeps the whole process under 3 GB.

    Networks that are to see the picture as a whole may take more than that: all that is free by half.
    """
    on_cpu = network.backend.device == "cpu"
    budget = runtime.free_memory(network.backend.device) / 2
    if on_cpu:
        budget -= out_pixels * _BYTES_PER_OUTPUT_PIXEL
    if network.whole and cost.bytes * width * height <= budget:
        return -(-max(width, height) // network.align) * network.align
    if on_cpu:
        budget = min(budget, 1.2e9)
    # A denoiser looks far and computes little: larger tiles see less of the same twice.
    most = 1024 if network.denoiser else 320 if on_cpu else 512
    return tiling.largest_tile(budget, cost.bytes, network.overlap, most=most)


def _fitting(tile: int, network: Upscaler) -> int:
    """A tile's side as a multiple of what the network needs."""
    return max(tile // network.align, 1) * network.align


def recipe(options: UpscaleOptions) -> dict[str, Any]:
    """What it takes to make the result again: task, options, weights, version, and the precision used.

    ``options`` are settled ones: with "auto" they don't say what the picture was made with.
    """
    weight = find_weight(named(options.model), *TASKS)
    used = load(options.model, options.precision).backend.precision
    return recipe_of("upscale", options, [weight], model=weight.name) | {"precision": used}


def _is_neutral(pixels: Pixels) -> bool:
    return np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 0], pixels[..., 2])


def _enlarge_alpha(
    alpha: Pixels, network: Upscaler, run: Callable[[Pixels, Callable[[Pixels], Floats]], npt.NDArray[np.uint16]]
) -> Pixels:
    """Alpha by the same network, so that its edge is as sharp as the colours', kept within its surroundings' range."""

    def run_one(region: Pixels) -> Floats:
        if int(region.min()) == int(region.max()):
            side = (region.shape[0] * network.scale, region.shape[1] * network.scale, 1)
            return np.full(side, to_float(region.reshape(-1)[:1])[0], np.float32)
        return network(region)

    raw = run(alpha[..., None], run_one)[..., 0]
    return _within_surroundings(from_float(to_float(raw), 8 if alpha.dtype == np.uint8 else 16), alpha)


def _resized_alpha(alpha: Pixels, height: int, width: int) -> Pixels:
    return _within_surroundings(_mix(alpha[..., None], np.zeros((height, width, 1), alpha.dtype), 0)[..., 0], alpha)


def _within_surroundings(enlarged: Pixels, alpha: Pixels) -> Pixels:
    """Clip an enlarged alpha to the range of ``alpha`` round each pixel: no ringing, what was opaque stays opaque."""
    window = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(alpha, window), cv2.dilate(alpha, window)
    down = (np.arange(enlarged.shape[0]) * alpha.shape[0] // enlarged.shape[0])[:, None]
    across = (np.arange(enlarged.shape[1]) * alpha.shape[1] // enlarged.shape[1])[None, :]
    for start in range(0, enlarged.shape[0], tiling.STRIP):
        rows = slice(start, start + tiling.STRIP)
        enlarged[rows] = np.clip(enlarged[rows], low[down[rows], across], high[down[rows], across])
    return enlarged


def _finish(raw: npt.NDArray[np.uint16], pixels: Pixels, depth: int, color_lock: bool, alpha: Pixels | None) -> Pixels:
    """The network's result at the input's depth, with the input's low frequencies where ``color_lock``."""
    out = np.empty(raw.shape, np.uint8 if depth == 8 else np.uint16)
    if not color_lock:
        for start in range(0, raw.shape[0], tiling.STRIP):
            rows = slice(start, start + tiling.STRIP)
            out[rows] = from_float(to_float(raw[rows]), depth)
        return out
    # No more cells than either has pixels: one without a pixel would have no mean.
    counts = [min(-(-side // _CELL), out) for side, out in zip(pixels.shape[:2], raw.shape[:2], strict=True)]
    before, cover = _cell_means(pixels, counts, alpha)
    after, _ = _cell_means(raw, counts, alpha)
    # A cell of which little is seen counts little, and takes over what its neighbours need.
    drift = _blurred((before - after) * cover) / np.maximum(_blurred(cover), 1e-3)
    for rows, correction in tiling.resized_strips(drift, *raw.shape[:2]):
        out[rows] = from_float(to_float(raw[rows]) + correction, depth)
    return out


def _blurred(cells: Floats) -> Floats:
    blurred = cv2.GaussianBlur(cells, (0, 0), 1, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32).reshape(cells.shape)


def _cell_means(array: Pixels, counts: list[int], alpha: Pixels | None) -> tuple[Floats, Floats]:
    """(counts[0], counts[1], C) means of equal cells, of integers as [0, 1], and (..., 1) how much of each is seen.

    ``alpha``, which may be smaller than ``array``, weighs the pixels: colours that nobody sees don't count.
    """
    height, width = array.shape[:2]
    down, across = (np.round(np.linspace(0, array.shape[i], counts[i] + 1)).astype(int) for i in (0, 1))
    means, cover = np.zeros((*counts, array.shape[2]), np.float32), np.ones((*counts, 1), np.float32)
    for row, (first, last) in enumerate(pairwise(down)):
        strip = array[first:last].astype(np.float32)
        area = ((last - first) * np.diff(across))[:, None]
        weight = area.astype(np.float64)
        if alpha is not None:
            near = np.arange(first, last) * alpha.shape[0] // height
            share = to_float(alpha[near][:, np.arange(width) * alpha.shape[1] // width])[..., None]
            strip *= share
            weight = np.add.reduceat(share.sum(0, dtype=np.float64), across[:-1], axis=0)
            cover[row] = weight / area
        sums = np.add.reduceat(strip.sum(0, dtype=np.float64), across[:-1], axis=0)
        means[row] = sums / np.maximum(weight, 1e-9) / np.iinfo(array.dtype).max
    return means, cover
