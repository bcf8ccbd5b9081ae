"""Generate: draw pictures from seeds with a generator of ``train generator``; mix two seeds, walk along several.

The same seed gives the same picture: latents come from ``np.random.RandomState(seed)``, whose stream NumPy has frozen;
networks run in float32, each picture by itself on one CPU thread, so that neither the other pictures nor the number of
cores can change a bit. Between processors of different make the last bits of float32 differ, by 1 of 255 in
few numbers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from editing import messages, runtime
from editing.errors import EditingError, OptionError
from editing.faces import restore
from editing.messages import tell
from editing.networks.generator import Generator, GeneratorConfig
from editing.options import MOST_DIRECTIONS, GenerateOptions, UpscaleOptions, WalkOptions, read
from editing.pictures.picture import Picture, Pixels, from_float, to_float
from editing.pipelines import upscale
from editing.pipelines.recipe import recipe_of
from editing.report import Report, silent
from editing.runtime import Backend
from editing.weights.catalogue import Weight
from editing.weights.files import digest, present
from editing.weights.find import find_weight
from editing.weights.load import config_of, fit, load_state, metadata, metadata_of, unusable, without_numbers

# A small network on one thread: a GPU would gain nothing here, and would draw slightly other pictures.
_BACKEND = Backend("cpu", "fp32")

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")

Latent = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A drawn picture; ``novelty`` as in :meth:`LoadedGenerator.novelty`."""

    seed: int
    picture: Picture
    novelty: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedGenerator:
    """A generator ready to draw, and what tells how new its pictures are."""

    name: str
    sha256: str
    network: Generator
    known: torch.Tensor | None  # (N, D) float32: thumbnails of the N training pictures, in steps of 1/127
    typical: float | None  # median distance from pictures never trained on to the nearest thumbnail
    names: tuple[str, ...] = ()  # of the first directions, for what they change in the picture

    @property
    def side(self) -> int:
        """Width and height of its pictures in pixels."""
        return self.network.config.size

    @property
    def directions(self) -> int:
        """How many directions were found when its training ended."""
        return int(self.network.directions.shape[0])

    def latent(self, seed: int) -> Latent:
        """The latent z (latent,) of a seed, standard normal."""
        return np.random.RandomState(seed).standard_normal(self.network.config.latent)

    def draw(self, z: Latent, truncation: float, directions: Sequence[float] = ()) -> Pixels:
        """The picture (side, side, 1 or 3) uint8 of a latent. Raises OptionError for more directions than there are."""
        if len(directions) > self.directions:
            raise OptionError(messages.FEWER_DIRECTIONS, model=self.name, count=self.directions, given=len(directions))
        with torch.inference_mode(), _one_thread():
            w = self.network.truncate(self.network.mapping(torch.from_numpy(z).float()[None]), truncation)
            if directions:
                w = w + torch.tensor([directions], dtype=torch.float32) @ self.network.directions[: len(directions)]
            drawn = self.network.synthesis(w)[0]
        if not bool(torch.isfinite(drawn).all()):
            raise EditingError(messages.DREW_NO_NUMBERS, model=self.name)
        return from_float(((drawn + 1) / 2).permute(1, 2, 0).numpy(), 8)

    def novelty(self, pixels: Pixels) -> float | None:
        """How far a drawn picture is from its nearest training picture, mirrored ones too.

        1 is as far as a picture of the same kind that was never trained on typically is; 0 is a copy. Distances are
        those of 8x8 thumbnails. None where the weight does not carry thumbnails.
        """
        if self.known is None or self.typical is None:
            return None
        channels = pixels.shape[2]
        side = math.isqrt(self.known.shape[1] // channels)
        with torch.inference_mode(), _one_thread():
            x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
            thumbnail = F.adaptive_avg_pool2d(x, side).mul(127).round()
            both = torch.cat([thumbnail, thumbnail.flip(3)]).flatten(1)
            return float(torch.cdist(both, self.known).min()) / self.typical


def ends(network: LoadedGenerator, amount: float) -> list[tuple[Pixels, Pixels]]:
    """For each direction the mean picture moved by -``amount`` and by ``amount`` standard deviations along it."""
    z = network.latent(0)  # which one makes no difference: at a truncation of 0 all are the mean
    steps = [[0.0] * number for number in range(network.directions)]
    return [(network.draw(z, 0, [*step, -amount]), network.draw(z, 0, [*step, amount])) for step in steps]


def numbered(network: LoadedGenerator, words: Sequence[str]) -> list[str]:
    """Steps such as "smile=1.5" as "3=1.5"; what is no name of this generator's stays as it is."""
    numbers = {name: str(number) for number, name in enumerate(network.names, 1)}
    parts = [word.partition("=") for word in words]
    return ["".join([numbers.get(name.strip().lower(), name), sign, amount]) for name, sign, amount in parts]


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for PyTorch meanwhile: how a sum is split among threads decides its last bits."""
    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)


def load(model: str = "faces") -> LoadedGenerator:
    """The generator called ``model``, loaded once and shared.

    Raises WeightError for an unknown, missing or damaged weight, or one that is no generator.
    """
    weight = find_weight(model, "generate")
    sha256 = digest(weight)
    return runtime.cached_network(f"{weight.name} {sha256}", _BACKEND, lambda: _build(weight, sha256))


def _build(weight: Weight, sha256: str) -> LoadedGenerator:
    config, state = config_of(weight), load_state(weight)
    known = state.pop("descriptors", None)
    if not isinstance(config, GeneratorConfig):
        raise unusable(weight.name, tell(messages.NOT_A_WHOLE_NETWORK, network="generator", why=messages.NO_CONFIG))
    with without_numbers():
        network = Generator(config, sum(state["directions"].shape[:1]) if "directions" in state else 0)
    fit(network, state, weight.name)
    _BACKEND.place(network)
    typical = _positive(metadata_of(weight).get("novelty"))
    side = 0 if known is None or known.dim() != 2 else math.isqrt(known.shape[1] // config.channels)
    usable = known is not None and len(known) > 0 and side > 0 and side**2 * config.channels == known.shape[1]
    usable = usable and known is not None and bool(torch.isfinite(known).all())
    return LoadedGenerator(
        name=weight.name, sha256=sha256, network=network, known=known.float() if usable and known is not None else None,
        typical=typical, names=_names(metadata_of(weight).get("direction_names")),
    )  # fmt: skip


def names_of(model: str) -> tuple[str, ...]:
    """The names of the first directions of the generator called ``model``, without loading it; raises WeightError."""
    return _names(metadata(present(find_weight(model, "generate"))).get("direction_names"))


def _names(text: str | None) -> tuple[str, ...]:
    """The names in a file's metadata; none where they are not what ``editing.training.directions`` writes."""
    try:
        names = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return ()
    usual = isinstance(names, list) and all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
    return tuple(names[:MOST_DIRECTIONS]) if usual else ()


def _positive(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def generate(
    options: GenerateOptions = GenerateOptions(),
    *,
    network: LoadedGenerator | None = None,
    report: Report = silent,
) -> list[Sample]:
    """Draw ``options.count`` pictures, 8-bit gray or RGB.

    ``network=None`` loads the generator that ``options`` name. Raises OptionError, WeightError, and whatever ``report``
    raises.
    """
    seeds = range(options.seed, options.seed + options.count)
    asked = [of_sample(options, seed) for seed in seeds]
    return draw_each(asked, network=network or load(options.model), report=report)


@runtime.heavy
def draw_each(
    asked: Sequence[GenerateOptions], *, network: LoadedGenerator, report: Report = silent
) -> list[Sample]:  # fmt: skip
    """The picture of each of the options' seeds alone (see :func:`of_sample`); their counts are not looked at."""
    places = []
    for options in asked:
        z = network.latent(options.seed)
        if options.mix_seed is not None:
            z = slerp(z, network.latent(options.mix_seed), options.mix)
        places.append((options, options.seed, z))
    return _drawn(network, places, report)


@runtime.heavy
def walk(
    options: WalkOptions = WalkOptions(),
    *,
    network: LoadedGenerator | None = None,
    report: Report = silent,
) -> list[Sample]:
    """Draw the frames of a walk; each is what :func:`generate` gives for its mix of two seeds in :func:`path`."""
    network = network or load(options.model)
    places = [
        (options, seed, slerp(network.latent(seed), network.latent(other), amount))
        for seed, other, amount in path(options)
    ]
    return _drawn(network, places, report)


def _drawn(
    network: LoadedGenerator, places: Sequence[tuple[GenerateOptions | WalkOptions, int, Latent]], report: Report
) -> list[Sample]:
    """Pictures of latents, each named by a seed: as many at a time as there are cores, one thread for each."""

    def draw(place: tuple[GenerateOptions | WalkOptions, int, Latent]) -> Sample:
        options, seed, z = place
        pixels = network.draw(z, options.truncation, options.directions)
        return Sample(seed=seed, picture=Picture(pixels=pixels), novelty=network.novelty(pixels))

    samples: list[Sample] = []
    report(0, len(places))
    # the threads have the setting for good, or one that ends would give the others' sums more threads
    with _one_thread(), ThreadPoolExecutor(runtime.cores(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for sample in pool.map(draw, places):
                samples.append(sample)
                report(len(samples), len(places))
        finally:
            pool.shutdown(cancel_futures=True)  # where ``report`` raised, the rest is not wanted
    return samples


def enlarges(picture: Picture, size: str) -> bool:
    """Whether ``size``, one of :data:`editing.options.SIZES`, is more than a drawn picture has."""
    return size != "native" and max(picture.width, picture.height) < int(size)


@runtime.heavy
def at_size(
    pictures: Sequence[Picture], model: str, size: str, *, report: Report = silent
) -> tuple[list[Picture], dict[str, Any]]:
    """Pictures that the generator called ``model`` drew, at ``size``, and what their recipes say of it beside.

    The faces of the shipped generator are finished as small photographs of faces are repaired, hair and background with
    them (:func:`editing.faces.restore.finished`); what others draw is enlarged by Real-ESRGAN, whatever it shows.
    Raises WeightError, and whatever ``report`` raises.
    """
    if not any(enlarges(picture, size) for picture in pictures):
        return list(pictures), {}
    made: list[Picture] = []
    report(0, len(pictures))
    if find_weight(model, "generate").name == GenerateOptions.model:
        network = restore.load_restorer()
        then: dict[str, Any] = recipe_of("finish", _Finish(size=int(size)), network.weights)
        for picture in pictures:
            face = restore.finished(to_float(picture.pixels), network, int(size))
            made.append(replace(picture, pixels=from_float(face, picture.depth)))
            report(len(made), len(pictures))
    else:
        options = UpscaleOptions(model="photo", longest=int(size))
        upscaler, then = upscale.load(options.model), upscale.recipe(options)
        for picture in pictures:
            made.append(upscale.upscale(picture, options, network=upscaler))
            report(len(made), len(pictures))
    return made, {"then": then}


@dataclass(frozen=True, kw_only=True)
class _Finish:
    """What a recipe says of how a drawn face was finished."""

    size: int


def path(options: WalkOptions) -> list[tuple[int, int, float]]:
    """For each frame the two seeds between which it lies and how far it is, from 0 to below 1, or 1 at the very end.

    The seeds are equally far apart in time. A loop's last frame is one step before its first.
    """
    stops = [*options.seeds, options.seeds[0]] if options.loop else list(options.seeds)
    steps = options.frames if options.loop else options.frames - 1
    places = []
    for frame in range(options.frames):
        whole, part = divmod(frame * (len(stops) - 1), steps)
        if whole == len(stops) - 1:  # the end of a walk that is no loop
            whole, part = whole - 1, steps
        places.append((stops[whole], stops[whole + 1], part / steps))
    return places


def slerp(a: Latent, b: Latent, amount: float) -> Latent:
    """Spherical interpolation (Shoemake 1985): ``a`` at 0, ``b`` at 1, the angle growing evenly.

    On a straight line the middle of two normal latents would be shorter than any latent that the generator has seen.
    """
    cosine = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    angle = math.acos(max(-1.0, min(1.0, cosine)))
    if math.sin(angle) < 1e-6:  # the same direction, such as a seed with itself
        return (1 - amount) * a + amount * b
    return (math.sin((1 - amount) * angle) * a + math.sin(amount * angle) * b) / math.sin(angle)


def recipe(options: GenerateOptions | WalkOptions) -> dict[str, Any]:
    """What it takes to draw the same again; its task is "generate" or "walk"."""
    weight = find_weight(options.model, "generate")
    task = "walk" if isinstance(options, WalkOptions) else "generate"
    return recipe_of(task, options, [weight], model=weight.name)


def options_of(recipe: Mapping[str, Any]) -> GenerateOptions | WalkOptions:
    """The options in a recipe that :func:`recipe` made; raises OptionError for any other or a damaged one."""
    given = recipe.get("options")
    if recipe.get("task") == "generate":
        return read(GenerateOptions, given)
    if recipe.get("task") == "walk":
        return read(WalkOptions, given)
    raise OptionError(messages.NOT_DRAWN)


def of_frame(options: WalkOptions, frame: int) -> GenerateOptions:
    """The options with which :func:`generate` draws frame number ``frame`` (from 0) of a walk."""
    seed, other, amount = path(options)[frame]
    return GenerateOptions(
        model=options.model, seed=seed, truncation=options.truncation, directions=options.directions,
        mix_seed=other if amount else None, mix=amount if amount else 0.5,
    )  # fmt: skip


def of_sample(options: GenerateOptions, seed: int) -> GenerateOptions:
    """``options`` for the picture of ``seed`` alone."""
    return replace(options, seed=seed, count=1)
