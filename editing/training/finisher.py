"""Training a finisher of aligned faces, 256 to 512 pixels: ``python -m editing train finisher``.

A super-resolution GAN (Ledig et al. 2017, with Real-ESRGAN's discriminator of every pixel, Wang et al. 2021) for what
the repairer gives: from pictures of faces of 512 pixels, aligned to the FFHQ template, it sees

- clean ones, reduced to half;
- ones out of poor photographs (:func:`editing.training.faces.spoiled`), repaired by ``--repairer`` at some fidelity;
- ones as small as the generator draws them, enlarged and repaired,

and is to give the face of 512 pixels. It learns by the mean absolute difference, by the difference of frozen features
(perceptual loss, Johnson et al. 2016) and by the discriminator. Most steps are of crops; every some steps whole faces
are learned from. OUT/finisher.safetensors holds the averaged weights in fp16.
"""

from __future__ import annotations

import contextlib
import random as host
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional as F

from editing.errors import TrainingError
from editing.networks.finisher import SCALE, Finisher, FinisherConfig
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
from editing.training.task import PictureTask, placed

DRAWN = 128  # side of the faces that the generator draws
KINDS = ("clean", "poor", "drawn")
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
    start: str = ""  # last.pt or .safetensors of another training to begin with

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "size", tuple(side for side in (32, 64, 128, 256, 512) if side <= SIDE))
        for name in ("perceptual", "gan", "d_lr", "whole_every"):
            at_least(self, name, 0)
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


Before = Repairer | None  # what faces go through first


def load_before(path: str, device: torch.device) -> Before:
    """The repairer that poor faces go through; raises TrainingError when the file holds none."""
    if not path:
        return None
    try:
        with safe_open(path, "pt") as file:
            network = Repairer(RepairerConfig.from_json((file.metadata() or {}).get("config", "")))
            network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise TrainingError(f"--repairer is {path}, which is no repairer's .safetensors: {error}") from error
    return placed(network.eval().requires_grad_(False), device)


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


def quarters(faces: Tensor) -> NDArray[np.uint8]:
    """The four quarters of faces, (4 N, side / 2, side / 2, 3) uint8: networks of 224 pixels see their detail."""
    parts = [part for half in faces.chunk(2, 2) for part in half.chunk(2, 3)]
    return torch.cat(parts).mul(255).round().byte().permute(0, 2, 3, 1).numpy()


class FinisherTask(PictureTask[Finisher, FinisherTrainOptions]):
    """The finisher's side of the loop; see :class:`editing.training.loop.Task`."""

    name = "finisher"
    columns: tuple[str, ...] = (
        "rate", "l1", "perceptual", "loss_g", "loss_d", "real", "fake",
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
        self.backbone: Lite0 | None = load_lite0().to(device) if options.perceptual else None
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
        values = {"l1": losses.l1(made, truth)}
        loss = values["l1"]
        if self.backbone is not None:
            down, right = (batch.step * 7 % MARGIN, batch.step * 5 % MARGIN)
            side = truth.shape[-1] - MARGIN
            own, true = (x[..., down : down + side, right : right + side] for x in (made, truth))
            maps = frozen_maps(self.backbone, own, self.amp())
            with torch.no_grad():
                wanted = frozen_maps(self.backbone, true, self.amp())
            values["perceptual"] = losses.feature_distance(maps, wanted)
            loss = loss + options.perceptual * values["perceptual"]
        if self.judge is not None and self.progress >= options.gan_after:
            values |= judged(self.judge, self.optimizers["discriminator"], made, truth, options.d_lr, self.amp())
            loss = loss + options.gan * values["loss_g"]
        learn(self.optimizers[self.name], loss, rate, LONGEST)
        return {"rate": rate, **{name: value.detach() for name, value in values.items()}}

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
    task = FinisherTask(options, few(portraits, 8), held_out, before, device)
    learn_from(lambda step: make_pairs(portraits, options, before, task.amp(), step), task, options)
