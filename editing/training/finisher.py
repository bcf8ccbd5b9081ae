"""Training a finisher of aligned faces, 256 to 512 pixels: ``python -m editing train finisher``.

A super-resolution GAN (Ledig et al. 2017, with Real-ESRGAN's discriminator of every pixel, Wang et al. 2021) for what
the repairer gives: from pictures of faces of 512 pixels, aligned to the FFHQ template, it sees

- clean ones, reduced to half;
- ones out of poor photographs (:func:`editing.training.faces.spoiled`), repaired by ``--repairer`` at some fidelity;
- ones as small as the generator draws them, enlarged and repaired,

and is to give the face of 512 pixels. It learns by the mean absolute difference, by the difference of frozen features
(perceptual loss, Johnson et al. 2016) and by the discriminator. Most steps are of crops; every some steps whole faces
are learned from.

With ``--generator`` it also sees faces that this one draws, repaired. There is no finished face for them: reduced, the
result has to be the drawn face again, and the discriminator, and one of frozen features of most of the face at half
the size (Projected GANs, Sauer et al. 2021), have to take it for a photograph's. The latter alone leaves a hatching
that those features don't see: what repeats in step with the network's strides counts against it.
OUT/finisher.safetensors holds the averaged weights in fp16.
"""

from __future__ import annotations

import contextlib
import random as host
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional as F

from editing.errors import TrainingError
from editing.networks.discriminator import ProjectedDiscriminator
from editing.networks.finisher import SCALE, Finisher, FinisherConfig
from editing.networks.generator import Generator, GeneratorConfig
from editing.networks.repairer import Repairer, RepairerConfig, blend
from editing.networks.unet_discriminator import UNetDiscriminator
from editing.training import losses
from editing.training.backbones import Lite0, load_lite0
from editing.training.critics import frozen_maps, judged, new_judge
from editing.training.data import Pictures
from editing.training.degradations import degrade_face
from editing.training.faces import SIDE, Portraits, few, jittered, load_faces, reduced, resized, some_of, spoiled
from editing.training.loop import begun, learn, pick_device, start_folder
from editing.training.options import TrainOptionError, at_least, one_of, shares, unwanted
from editing.training.photos import PhotoTrainOptions, learn_from, to_tensor
from editing.training.repairer import FeatureRuler
from editing.training.scans import Draw
from editing.training.task import PictureTask, adam, placed

DRAWN = 128  # side of the faces that the generator draws
KINDS = ("clean", "poor", "drawn")
LATTICE = 16  # pixels of the result in which the grid of the smallest maps repeats
BLOCK = 128  # side of the squares in which that is looked for
LONGEST = 10.0  # slopes are shortened to this
MARGIN = 16  # features are compared at that many places of their grid of strides, or they leave a pattern in it


@dataclass(frozen=True, kw_only=True)
class FinisherTrainOptions(PhotoTrainOptions):
    """Options of ``train finisher``."""

    repairer: str = ""  # repairer.safetensors, through which poor and small faces go first; without, they come as such
    size: int = 512  # side of the finished faces in pixels
    batch: int = 16  # crops a step
    crop: int = 256  # side of the crops of finished faces
    whole_every: int = 8  # steps between steps of a few whole faces; 0 is never
    widths: str = "32,64,128,160"  # channels at the size of what is given, at half of it ...
    blocks: int = 2  # residual blocks at each size, going down and coming up
    fine: int = 16  # channels at the size of the result
    poor: float = 0.45  # share of faces out of poor photographs
    drawn: float = 0.25  # share of faces as small as the generator's
    perceptual: float = 0.2  # weight of the difference of EfficientNet-lite0's features; needs its wheel
    gan: float = 0.05  # weight of the discriminator; 0 is without
    gan_after: float = 0.1  # share of the training before there is a discriminator
    d_lr: float = 2e-4  # learning rate of the discriminator (Adam)
    generator: str = ""  # faces.safetensors, whose faces are finished, too
    imagined: int = 8  # drawn faces a step, with --generator
    projected: float = 0.1  # weight of the discriminator of frozen features, on drawn faces; needs its wheel
    lattice: float = 3000.0  # weight of what repeats every 16 pixels in what is added to faces
    again: float = 5.0  # weight of the mean absolute difference of drawn faces, finished and reduced again
    start: str = ""  # last.pt or .safetensors of another training to begin with

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "size", tuple(side for side in (32, 64, 128, 256, 512) if side <= SIDE))
        for name in ("perceptual", "gan", "d_lr", "whole_every", "projected", "again", "lattice"):
            at_least(self, name, 0)
        at_least(self, "imagined", 1)
        shares(self, "poor", "drawn", "gan_after")
        if self.poor + self.drawn > 1:
            raise TrainOptionError(f"--poor {self.poor} and --drawn {self.drawn} are more than 1 together")
        step = max(16, SCALE * self.config.multiple)
        if self.crop % step or not step <= self.crop <= self.size:
            raise unwanted(self, "crop", f"a multiple of {step}, at most --size")

    @property
    def config(self) -> FinisherConfig:
        """The network's; raises TrainOptionError when ``widths`` are no such numbers."""
        try:
            widths = tuple(int(part) for part in self.widths.split(","))
            return FinisherConfig(size=self.size // SCALE, widths=widths, blocks=self.blocks, fine=self.fine)
        except ValueError as error:
            wanted = "numbers such as 32,64,128,160, with --blocks and --fine of 1 or more"
            raise unwanted(self, "widths", wanted) from error


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """One step's faces or crops of them, float32 in [0, 1]."""

    step: int  # counted from 0
    given: Tensor  # (N, 3, side / 2, side / 2)
    truth: Tensor  # (N, 3, side, side)
    imagined: Imagined | None = None


@dataclass(frozen=True, kw_only=True)
class Imagined:
    """Faces that a generator drew, as a finisher is given them, and as many faces that are like what it should give."""

    drawn: Tensor  # (N, 3, s, s), as they were drawn
    given: Tensor  # (N, 3, size / 2, size / 2), repaired
    real: Tensor  # (N, 3, size, size), other faces


Before = Repairer | None  # what faces go through first


def load_before(path: str, device: torch.device) -> Before:
    """The repairer that poor faces go through; raises TrainingError when the file holds none."""
    if not path:
        return None
    try:
        config, state = _read(path)
        network = Repairer(RepairerConfig.from_json(config))
        network.load_state_dict(state)
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise TrainingError(f"--repairer is {path}, which is no repairer's .safetensors: {error}") from error
    return placed(network.eval().requires_grad_(False), device)


def load_generator(path: str, device: torch.device) -> Generator | None:
    """The generator whose faces are finished, too; raises TrainingError when the file holds none."""
    if not path:
        return None
    try:
        config, state = _read(path)
        network = Generator(GeneratorConfig.from_json(config), len(state.get("directions", ())))
        network.load_state_dict({name: value for name, value in state.items() if name != "descriptors"})
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise TrainingError(f"--generator is {path}, which is no generator's .safetensors: {error}") from error
    if network.config.channels != 3:
        raise TrainingError(f"--generator is {path}, which draws in gray")
    return placed(network.eval().requires_grad_(False), device)


def _read(path: str) -> tuple[str, dict[str, Tensor]]:
    """The configuration and the tensors of a weight."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
        return (file.metadata() or {}).get("config", ""), tensors


@torch.no_grad()
def mended(faces: Tensor, before: Before, fidelity: Tensor, amp: torch.autocast) -> Tensor:
    """Faces (N, 3, S, S) as the repairer gives them at ``fidelity`` (N,); without a repairer as they are."""
    if before is None or not len(faces):
        return faces
    side = before.config.size
    with amp:
        fitted = resized(faces, side, "bicubic")
        both = before.both(fitted, torch.zeros_like(fitted[:, :1]))
    return resized(blend(*both, fidelity), faces.shape[-1], "bicubic")


def shrunk(faces: Tensor, side: int) -> Tensor:
    """Faces as the generator draws them, at ``side``: hardly finer than :data:`DRAWN` of 512 pixels."""
    return resized(reduced(faces, max(8, faces.shape[-1] * DRAWN // SIDE)), side, "bicubic")


@torch.no_grad()
def make_pairs(
    portraits: Portraits, options: FinisherTrainOptions, before: Before, amp: torch.autocast, step: int
) -> Pairs:
    """The pairs of one step: a function of the options' seed and the step alone, on one kind of device."""
    random = np.random.default_rng([options.seed, step])
    whole = bool(options.whole_every) and step % options.whole_every == options.whole_every - 1
    count = max(1, options.batch * options.crop**2 // options.size**2) if whole else options.batch
    draw = Draw(count, int(random.integers(2**62)), portraits.array.device)
    side = options.size // SCALE
    truth = reduced(jittered(portraits.drawn(draw), draw), options.size)
    poor = some_of(count, options.poor, random.random())
    small = min(count - poor, some_of(count, options.drawn, random.random()))
    given = reduced(truth, side)
    if poor:
        bad, truth[:poor] = spoiled(truth[:poor], draw)
        fidelity = draw.uniform(-0.6, 1).clamp(min=0).flatten()[:poor]
        given[:poor] = mended(reduced(bad, side), before, fidelity, amp)
    if small:
        rows = slice(poor, poor + small)
        fidelity = draw.uniform(-0.6, 0.6).clamp(min=0).flatten()[rows]
        given[rows] = mended(shrunk(truth[rows], side), before, fidelity, amp)
    if not whole:
        given, truth = cropped(given, truth, options.crop // SCALE, draw.host)
    return Pairs(step=step, given=given.contiguous(), truth=truth.contiguous())


@torch.no_grad()
def imagine(
    generator: Generator, portraits: Portraits, options: FinisherTrainOptions, before: Before,
    amp: torch.autocast, step: int,
) -> Imagined:  # fmt: skip
    """The drawn faces of one step: a function of the options' seed and the step alone, on one kind of device."""
    random = np.random.default_rng([options.seed, step, 1])
    count = options.imagined
    draw = Draw(count, int(random.integers(2**62)), portraits.array.device)
    z = torch.randn(count, generator.config.latent, generator=draw.generator, device=draw.device)
    with amp:
        drawn = generator(z).float().add(1).div(2).clamp(0, 1)
    enlarged = resized(drawn, options.size // SCALE, "bicubic")
    given = mended(enlarged, before, torch.zeros(count, device=draw.device), amp)
    real = portraits.drawn(draw)
    real = reduced(torch.where(draw.chance(0.5), real.flip(3), real), options.size)
    return Imagined(drawn=drawn, given=given.contiguous(), real=real.contiguous())


def cropped(given: Tensor, truth: Tensor, side: int, random: host.Random) -> tuple[Tensor, Tensor]:
    """A square of ``side`` of each face that is given, and what is the same of the finished one."""
    last = given.shape[-1] - side
    places = [(random.randint(0, last), random.randint(0, last)) for _ in given]

    def parts(faces: Tensor, scale: int) -> Tensor:
        return torch.stack(
            [
                face[:, scale * y : scale * (y + side), scale * x : scale * (x + side)]
                for face, (y, x) in zip(faces, places, strict=True)
            ]
        )

    return parts(given, 1), parts(truth, SCALE)


# The exam: always the same, for the same names of files


def make_exam(pictures: Pictures, size: int, before: Before) -> dict[str, tuple[Tensor, Tensor]]:
    """For each of :data:`KINDS` the faces that are given, at half of ``size``, and the finished ones, on the CPU.

    Poor ones are degraded at strengths from 0.25 to 1 and repaired at fidelity 0.5, drawn ones at 0.
    """
    truth = reduced(to_tensor(pictures.array), size)
    poor = []
    for i, (face, name) in enumerate(zip(truth, pictures.names, strict=True)):
        random = np.random.default_rng([i, zlib.crc32(name.encode())])
        poor.append(degrade_face(face.permute(1, 2, 0).numpy(), (1 + i % 4) / 4, random))
    clean = torch.from_numpy(np.stack([clean for _, clean in poor])).permute(0, 3, 1, 2)
    made = {
        "clean": (reduced(truth, size // SCALE), truth, None),
        "poor": (reduced(to_tensor([bad for bad, _ in poor]), size // SCALE), clean, 0.5),
        "drawn": (shrunk(truth, size // SCALE), truth, 0.0),
    }
    device = next(before.parameters()).device if before else torch.device("cpu")
    amp = torch.autocast(device.type, enabled=False)

    def through(faces: Tensor, fidelity: float | None) -> Tensor:
        if fidelity is None:
            return faces
        parts = [
            mended(x.to(device), before, torch.full((len(x),), fidelity), amp).cpu() for x in torch.split(faces, 4)
        ]
        return torch.cat(parts)

    return {name: (through(given, fidelity), wanted) for name, (given, wanted, fidelity) in made.items()}


def enlarged(given: Tensor) -> Tensor:
    """The bicubic enlargement, which a finisher has to beat; (N, 3, S, S) -> (N, 3, 2 S, 2 S) in [0, 1]."""
    return F.interpolate(given, scale_factor=SCALE, mode="bicubic", align_corners=False).clamp(0, 1)


@torch.no_grad()
def finished(network: Finisher, given: Tensor) -> Tensor:
    """Faces (N, 3, S, S) finished, (N, 3, 2 S, 2 S) in [0, 1], on the CPU."""
    device = next(network.parameters()).device
    return torch.cat([network(part.to(device)).clamp(0, 1).cpu() for part in torch.split(given, 2)])


def lattice(made: Tensor, given: Tensor) -> Tensor:
    """What repeats in step with the network's strides in what it adds to faces, in squares of :data:`BLOCK` pixels."""
    detail = made - enlarged(given)
    block = min(BLOCK, detail.shape[-1] // LATTICE * LATTICE)
    rows = detail.unfold(2, block, block).unfold(3, block, block)  # (N, 3, rows, columns, block, block)
    return losses.repeated(rows.permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, block, block), LATTICE).mean()


def quarters(faces: Tensor) -> NDArray[np.uint8]:
    """The four quarters of faces, (4 N, side / 2, side / 2, 3) uint8: networks of 224 pixels see their detail."""
    parts = [part for half in faces.chunk(2, 2) for part in half.chunk(2, 3)]
    return torch.cat(parts).mul(255).round().byte().permute(0, 2, 3, 1).numpy()


class FinisherTask(PictureTask[Finisher, FinisherTrainOptions]):
    """The finisher's side of the loop; see :class:`editing.training.loop.Task`."""

    name = "finisher"
    columns: tuple[str, ...] = (
        "rate", "l1", "lattice", "perceptual", "loss_g", "loss_d", "real", "fake", "again", "projected_g",
        "projected_d",
        *(f"{what}_{kind}" for kind in KINDS for what in ("psnr", "gain", "distance")),
    )  # fmt: skip

    def __init__(
        self, options: FinisherTrainOptions, shown: Pictures, held_out: Pictures, before: Before, device: torch.device
    ) -> None:
        """``held_out`` is measured with; where there is none, the sample grid shows what is ``shown``."""
        super().__init__(options, device, lambda: begun(Finisher(options.config), options.start, self.name), options.lr)
        self.judge: UNetDiscriminator | None = None
        if options.gan:
            self.judge, self.optimizers["discriminator"] = new_judge(device, options.d_lr)
            self.networks["discriminator"] = self.judge
        whole = bool(options.generator and options.projected)
        self.backbone: Lite0 | None = load_lite0().to(device) if options.perceptual or whole else None
        self.features: ProjectedDiscriminator | None = None
        if whole:
            self.features = placed(ProjectedDiscriminator(Lite0.WIDTHS), device)
            self.networks["features"] = self.features
            self.optimizers["features"] = adam(self.features, options.d_lr, (0.0, 0.99))
        self.exam = make_exam(held_out, options.size, before) if held_out.names else {}
        self.shown_exam = self.exam or make_exam(shown, options.size, before)
        self._ruler: FeatureRuler | None = None

    def step(self, batch: Pairs) -> Mapping[str, Tensor | float]:
        """One step of the finisher, and of the discriminator where there is one."""
        options = self.options
        rate = options.rate(batch.step, self.progress)
        truth = batch.truth.to(self.device)
        with self.amp():
            made = self.network(batch.given.to(self.device))
        values = {"l1": losses.l1(made, truth), "lattice": lattice(made, batch.given.to(self.device))}
        loss = values["l1"]
        if self.backbone is not None and options.perceptual:
            down, right = (batch.step * 7 % MARGIN, batch.step * 5 % MARGIN)
            side = truth.shape[-1] - MARGIN
            own, true = (x[..., down : down + side, right : right + side] for x in (made, truth))
            maps = frozen_maps(self.backbone, own, self.amp())
            with torch.no_grad():
                wanted = frozen_maps(self.backbone, true, self.amp())
            values["perceptual"] = losses.feature_distance(maps, wanted)
            loss = loss + options.perceptual * values["perceptual"]
        if batch.imagined is not None:
            finished_ones, asked = self._imagined(batch.imagined, batch.step)
            values |= asked
            values["lattice"] = values["lattice"] + lattice(finished_ones, batch.imagined.given.to(self.device))
            loss = loss + options.again * values["again"] + options.projected * values.get("projected_g", 0)
            place = batch.step * 37 % (options.size - options.crop + 1)
            part = slice(place, place + options.crop)
            if made.shape[-1] == options.crop:
                made = torch.cat([made, finished_ones[..., part, part]])
                truth = torch.cat([truth, batch.imagined.real[..., part, part].to(self.device)])
        if self.judge is not None and self.progress >= options.gan_after:
            values |= judged(self.judge, self.optimizers["discriminator"], made, truth, options.d_lr, self.amp())
            loss = loss + options.gan * values["loss_g"]
        learn(self.optimizers[self.name], loss, rate, LONGEST)
        return {"rate": rate, **{name: value.detach() for name, value in values.items()}}

    def _framed(self, faces: Tensor, step: int) -> Tensor:
        """A step's part of the faces, most of them, at about half the size: strides see a pattern nowhere twice."""
        random = np.random.default_rng([self.options.seed, step, 2])
        whole = faces.shape[-1]
        side = int(random.integers(whole * 3 // 4, whole + 1))
        top, left = random.integers(whole - side + 1, size=2)
        return resized(faces[..., top : top + side, left : left + side], whole // SCALE, "bilinear")

    def _imagined(self, faces: Imagined, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Drawn faces finished, and how far they are from what was drawn, and from photographs in frozen features."""
        with self.amp():
            made = self.network(faces.given.to(self.device))
        values = {"again": losses.l1(reduced(made, faces.drawn.shape[-1]), faces.drawn.to(self.device))}
        if self.features is not None and self.backbone is not None:
            own = frozen_maps(self.backbone, self._framed(made, step), self.amp())
            with torch.no_grad():
                wanted = frozen_maps(self.backbone, self._framed(faces.real.to(self.device), step), self.amp())
            with self.amp():
                logits = self.features([torch.cat([a, b.detach()]) for a, b in zip(wanted, own, strict=True)])
            loss_d = losses.discriminator_loss("hinge", *logits.chunk(2))
            learn(self.optimizers["features"], loss_d, self.options.d_lr)
            with self.amp():
                word = self.features(own)
            values |= {"projected_g": losses.generator_loss("hinge", word), "projected_d": loss_d}
        return made, values

    def _finished(self, given: Tensor) -> Tensor:
        with self.amp():
            return finished(self.shown, given)

    def samples(self) -> Tensor:
        """The middle of eight faces of all kinds: enlarged bicubically, finished, and as they were."""
        kinds = zip(self.shown_exam.values(), (2, 3, 3), strict=True)
        chosen = [(pair, i) for pair, count in kinds for i in range(count)]
        given, truth = (torch.stack([pair[which][i % len(pair[which])] for pair, i in chosen]) for which in (0, 1))
        rows: Sequence[Tensor] = (enlarged(given), self._finished(given), truth)
        side = truth.shape[-1]
        part = slice(side // 8, side - side // 8)
        return torch.cat([row[..., part, part] for row in rows]) * 2 - 1

    def measure(self) -> Mapping[str, float]:
        """For each kind: PSNR (dB), what it gains on the bicubic enlargement, and how near its quarters come.

        That is the distance to the truth in MobileNetV2's features, relative to the bicubic enlargement's: below 1 is
        nearer.
        """
        values: dict[str, float] = {}
        with contextlib.suppress(TrainingError):  # its wheel is an extra
            self._ruler = self._ruler or FeatureRuler()
        for kind, (given, truth) in self.exam.items():
            made, plain = self._finished(given), enlarged(given)
            values[f"psnr_{kind}"] = psnr(made, truth)
            values[f"gain_{kind}"] = values[f"psnr_{kind}"] - psnr(plain, truth)
            if self._ruler:
                away = self._ruler.distance(quarters(plain), quarters(truth))
                values[f"distance_{kind}"] = self._ruler.distance(quarters(made), quarters(truth)) / max(away, 1e-9)
        return values

    def warnings(self, values: Mapping[str, float]) -> Iterable[str]:
        """Words when faces come out worse than an enlargement without a network."""
        if max((value for name, value in values.items() if name.startswith("distance_")), default=0.0) > 1:
            yield "some faces are further from the truth than the bicubic enlargement; what helps: more --steps"


def psnr(made: Tensor, truth: Tensor) -> float:
    """Mean PSNR (dB) of pictures (N, C, H, W) in [0, 1]."""
    errors = (made - truth).square().mean((1, 2, 3)).clamp(min=1e-9)
    return float((-10 * errors.log10()).mean())


def run(options: FinisherTrainOptions) -> None:
    """Train, then write OUT/finisher.safetensors; raises TrainingError, TrainOptionError or Stopped."""
    device = pick_device(options)
    before = load_before(options.repairer, device)
    portraits, held_out = load_faces(options, device)
    start_folder(options)
    generator = load_generator(options.generator, device)
    task = FinisherTask(options, few(portraits, 8), held_out, before, device)

    def make(step: int) -> Pairs:
        pairs = make_pairs(portraits, options, before, task.amp(), step)
        if generator is None:
            return pairs
        return replace(pairs, imagined=imagine(generator, portraits, options, before, task.amp(), step))

    learn_from(make, task, options)
