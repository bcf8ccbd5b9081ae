"""Training a repairer of aligned faces: ``python -m editing train repairer``.

From pictures of faces aligned to the FFHQ template: each is degraded (:func:`degradations.degrade_face`), a part of it
is damaged and masked (:mod:`editing.training.holes`), or both. The network (:mod:`editing.networks.repairer`) gives two
results: the faithful one learns by the mean absolute difference alone, the clean one also by the difference of frozen
features (perceptual loss, Johnson et al. 2016) and, with ``--gan``, by a discriminator that judges every pixel
(Real-ESRGAN, Wang et al. 2021). One of the frozen features (Projected GANs, Sauer et al. 2021) made eyes clearer in 400
steps, and left a hatching in hair and beards that those features don't see.

Low resolution first: ``--size 128``, then ``--size 256 --start FIRST/last.pt``, whose smaller levels begin with what
the first training learned; then the same with ``--gan``. OUT/repairer.safetensors holds the averaged weights in fp16.
"""

from __future__ import annotations

import contextlib
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from editing.errors import TrainingError
from editing.networks.repairer import SMALLEST, Repairer, RepairerConfig, blend
from editing.networks.unet_discriminator import UNetDiscriminator
from editing.training import holes, losses, metrics
from editing.training.backbones import Lite0, load_lite0, load_mobilenet
from editing.training.critics import frozen_maps, judged, new_judge
from editing.training.degradations import Floats, degrade_face, to_bytes
from editing.training.loop import begun, learn, pick_device, start_folder
from editing.training.options import TrainOptionError, at_least, one_of, shares
from editing.training.photos import Bytes, Photos, PhotoTrainOptions, Sources, learn_from, middle, stacked, to_tensor
from editing.training.task import PictureTask

STRENGTHS = (0.25, 0.5, 0.75, 1.0)  # of degradation, measured with
ONLY_FILL = "fill"  # the exam's part with masks and no degradation


@dataclass(frozen=True, kw_only=True)
class RepairerTrainOptions(PhotoTrainOptions):
    """Options of ``train repairer``."""

    size: int = 256  # side of the faces in pixels: 16, 32, 64, 128, 256 or 512
    batch: int = 8  # faces a step
    widths: str = "160,160,128,64,32"  # channels from the smallest maps, 8x8, up; smaller faces take the first of them
    going: int = 1  # residual blocks at each size, going down
    coming: int = 2  # residual blocks at each size, coming up
    masked: float = 0.5  # share of faces with a mask
    degraded: float = 0.8  # share of faces that are degraded
    hole: float = 1.0  # of the mean absolute difference, how many times a masked pixel counts
    pixel: float = 0.5  # weight of the clean result's mean absolute difference; the faithful one's is 1
    perceptual: float = 0.2  # weight of the difference of EfficientNet-lite0's features; needs its wheel
    gan: float = 0.0  # weight of the discriminator; 0 is without
    d_lr: float = 2e-4  # learning rate of the discriminator (Adam)
    start: str = ""  # last.pt of another training, of this size or half of it, whose averaged network this begins with

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("hole", "pixel", "perceptual", "gan", "d_lr"):
            at_least(self, name, 0)
        shares(self, "masked", "degraded")
        one_of(self, "size", (16, 32, 64, 128, 256, 512))
        if self.config.size != self.size:
            raise TrainOptionError(f"--widths {self.widths} has too few numbers for --size {self.size}")

    @property
    def config(self) -> RepairerConfig:
        """The network's; raises TrainOptionError when ``widths`` are no such numbers."""
        try:
            widths = tuple(int(part) for part in self.widths.split(","))[: int(math.log2(self.size // SMALLEST))]
            return RepairerConfig(widths=widths, going=self.going, coming=self.coming)
        except ValueError as error:
            raise TrainOptionError(
                f"--widths is {self.widths!r}, --going {self.going}, --coming {self.coming}, "
                "wanted numbers such as 160,160,128,64,32, and 0 and 1 or more"
            ) from error


@dataclass(frozen=True, kw_only=True)
class Faces:
    """One step's faces, float32 in [0, 1]."""

    step: int  # counted from 0
    picture: Tensor  # (N, 3, size, size), degraded and damaged
    mask: Tensor  # (N, 1, size, size), 1 = fill
    truth: Tensor  # (N, 3, size, size)


def make_faces(sources: Sources, options: RepairerTrainOptions, step: int) -> Faces:
    """The faces of one step: a function of the options' seed and the step alone."""
    random = np.random.default_rng([options.seed, step])
    pictures, masks, truths = [], [], []
    for _ in range(options.batch):
        truth = jittered(sources.pictures[sources.pick(random)], options.size, random)
        picture = truth
        if random.random() < options.degraded:
            degraded, truth = degrade_face(truth, random.uniform(0, 1), random)
            picture = degraded.astype(np.float32) / np.float32(255)
        mask = np.zeros(truth.shape[:2], np.float32)
        if random.random() < options.masked:
            for kind in random.integers(len(holes.KINDS), size=random.integers(1, 3)):
                mask = np.maximum(mask, holes.draw_mask(options.size, int(kind), random))
            picture, mask = holes.damaged(picture, mask, random)
        pictures.append(picture)
        masks.append(mask[..., None])
        truths.append(truth)
    return Faces(step=step, picture=stacked(pictures), mask=stacked(masks), truth=stacked(truths))


def squared(picture: Bytes, size: int) -> Bytes:
    """The centred square of a picture, at ``size`` pixels."""
    square = middle(picture, min(picture.shape[:2]))
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def jittered(picture: Bytes, size: int, random: np.random.Generator) -> Floats:
    """A face (size, size, 3) in [0, 1], half of them mirrored, about as well aligned as the detector does it.

    ``editing.faces.align`` takes faces of such pictures to the template at a scale of 0.97, with deviations of 0.03,
    1.3 degrees and 0.8 % of the side; on poor photographs it can only be worse.
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), random.normal(0, 2), random.normal(0.98, 0.03))
    turn[:, 2] += random.normal(0, 0.01, 2) * side
    turned = cv2.warpAffine(picture, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    face = squared(np.asarray(turned, np.uint8), size)
    if random.random() < 0.5:
        face = face[:, ::-1]
    return np.asarray(face.astype(np.float32) / np.float32(255))


# The exam: always the same, for the same names of files


@dataclass(frozen=True, kw_only=True)
class Exam:
    """Faces to repair, (N, side, side, 3) uint8, and what they were; masks are (N, side, side) uint8, 0 or 255."""

    inputs: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    truths: NDArray[np.uint8]


def make_exams(photos: Photos, size: int) -> dict[str, Exam]:
    """For each of :data:`STRENGTHS` ("0.25" ...) all faces degraded, and under "fill" all faces damaged."""
    made: dict[str, Exam] = {}
    faces = [squared(picture, size) for picture in photos.arrays]
    for number, name in enumerate((*map(str, STRENGTHS), ONLY_FILL)):
        inputs, masks, truths = [], [], []
        for i, (face, file) in enumerate(zip(faces, photos.names, strict=True)):
            random = np.random.default_rng([number, zlib.crc32(file.encode())])
            picture, mask, truth = face, np.zeros((size, size), np.uint8), face
            if name == ONLY_FILL:
                mask = to_bytes(holes.draw_mask(size, i % len(holes.KINDS), random))
            else:
                picture, clean = degrade_face(face.astype(np.float32) / np.float32(255), float(name), random)
                truth = to_bytes(clean)
            inputs.append(picture)
            masks.append(mask)
            truths.append(truth)
        made[name] = Exam(inputs=np.stack(inputs), masks=np.stack(masks), truths=np.stack(truths))
    return made


def inpainted(exam: Exam) -> NDArray[np.uint8]:
    """The exam filled by Telea's method in OpenCV (2004): what a network has to beat."""
    pairs = zip(exam.inputs, exam.masks, strict=True)
    return np.stack([np.asarray(cv2.inpaint(picture, mask, 3, cv2.INPAINT_TELEA), np.uint8) for picture, mask in pairs])


def psnr(made: NDArray[np.uint8], exam: Exam) -> float:
    """Mean PSNR (dB) of faces (N, side, side, 3), of each inside its mask where it has one."""
    values = []
    for a, b, mask in zip(made, exam.truths, exam.masks, strict=True):
        error = (a.astype(np.float64) - b) ** 2
        mean = error[mask > 0].mean() if mask.any() else error.mean()
        values.append(10 * math.log10(255**2 / max(float(mean), 1e-4)))
    return float(np.mean(values))


class FeatureRuler:
    """How far faces are from what they were, in MobileNetV2's features; raises TrainingError without its wheel."""

    def __init__(self) -> None:
        self.network = load_mobilenet()

    def features(self, faces: NDArray[np.uint8]) -> metrics.Features:
        return metrics.pooled_features(self.network, to_tensor(faces) * 2 - 1)

    def distance(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
        """Mean distance of each face in ``a`` to the same one in ``b``."""
        return float(np.linalg.norm(self.features(a) - self.features(b), axis=1).mean())


@torch.no_grad()
def repaired(network: Repairer, exam: Exam, fidelities: tuple[float, ...]) -> list[NDArray[np.uint8]]:
    """The exam's faces at each fidelity; where there is a mask, only what is inside it is taken from the network."""
    parameter = next(network.parameters())
    parts: list[list[NDArray[np.uint8]]] = [[] for _ in fidelities]
    for first in range(0, len(exam.inputs), 8):
        rows = slice(first, first + 8)
        mask = to_tensor(exam.masks[rows, ..., None]).to(parameter.device)
        both = network.both(to_tensor(exam.inputs[rows]).to(parameter.device), mask)
        for part, fidelity in zip(parts, fidelities, strict=True):
            mixed = blend(*both, torch.full((len(mask),), fidelity, device=mask.device))
            made = mixed.mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
            inside = exam.masks[rows, ..., None] > 0
            whole = ~inside.any((1, 2, 3), keepdims=True)
            part.append(np.where(inside | whole, made, exam.inputs[rows]))
    return [np.concatenate(part) for part in parts]


class RepairerTask(PictureTask[Repairer, RepairerTrainOptions]):
    """The repairer's side of the loop; see :class:`editing.training.loop.Task`."""

    name = "repairer"
    columns: tuple[str, ...] = (
        "rate", "l1", "l1_clean", "perceptual", "loss_g", "loss_d", "real", "fake",
        *(f"{what}_{name}" for name in (*STRENGTHS, ONLY_FILL) for what in ("psnr", "gain", "clean_gain", "distance")),
    )  # fmt: skip

    def __init__(self, options: RepairerTrainOptions, sources: Sources, device: torch.device) -> None:
        grown = f"levels.{len(options.config.widths) - 1}."
        super().__init__(
            options, device, lambda: begun(Repairer(options.config), options.start, self.name, grown), options.lr
        )
        self.judge: UNetDiscriminator | None = None
        if options.gan:
            self.judge, self.optimizers["discriminator"] = new_judge(device, options.d_lr)
            self.networks["discriminator"] = self.judge
        self.backbone: Lite0 | None = load_lite0().to(device) if options.perceptual else None
        self.exams = make_exams(sources.held_out, options.size) if sources.held_out.arrays else {}
        shown = self.exams or make_exams(sources.main.subset(range(8)), options.size)
        self.shown_exam = _for_show(shown)
        self._ruler: FeatureRuler | None = None
        self._compared: dict[str, tuple[float, float]] = {}

    def step(self, batch: Faces) -> Mapping[str, Tensor | float]:
        """One step of the repairer, and of the discriminator where there is one."""
        options = self.options
        rate = options.rate(batch.step, self.progress)
        truth, mask = batch.truth.to(self.device), batch.mask.to(self.device)
        with self.amp():
            faithful, clean = self.network.both(batch.picture.to(self.device), mask)
        # Masks are small: without a weight the network would learn to sharpen long before it drew an eye.
        counted = 1 + (options.hole - 1) * mask
        values = {"l1": losses.l1(faithful, truth, counted), "l1_clean": losses.l1(clean, truth, counted)}
        loss = values["l1"] + options.pixel * values["l1_clean"]
        if self.backbone is not None:
            own = frozen_maps(self.backbone, clean, self.amp())
            with torch.no_grad():
                wanted = frozen_maps(self.backbone, truth, self.amp())
            values["perceptual"] = losses.feature_distance(own, wanted)
            loss = loss + options.perceptual * values["perceptual"]
        if self.judge is not None:
            optimizer = self.optimizers["discriminator"]
            values |= judged(self.judge, optimizer, clean, truth, options.d_lr, self.amp())
            loss = loss + options.gan * values["loss_g"]
        learn(self.optimizers[self.name], loss, rate)
        return {"rate": rate, **{name: value.detach() for name, value in values.items()}}

    def _repaired(self, exam: Exam, fidelities: tuple[float, ...]) -> list[NDArray[np.uint8]]:
        with self.amp():
            return repaired(self.shown, exam, fidelities)

    def samples(self) -> Tensor:
        """Four faces at four strengths and four to fill: as given, faithful, clean, and as they were."""
        exam = self.shown_exam
        given = np.where(exam.masks[..., None] > 0, np.uint8(255), exam.inputs)
        return to_tensor(np.concatenate([given, *self._repaired(exam, (1.0, 0.0)), exam.truths])) * 2 - 1

    def measure(self) -> Mapping[str, float]:
        """For each part of the exam: the faithful result's PSNR, what it and the clean one gain (dB), and the clean
        one's distance from the truth in MobileNetV2's features.

        Gain and distance are relative to the input or, for filling, to Telea's method: a distance below 1 is nearer.
        """
        values: dict[str, float] = {}
        with contextlib.suppress(TrainingError):  # its wheel is an extra
            self._ruler = self._ruler or FeatureRuler()
        for name, exam in self.exams.items():
            if name not in self._compared:
                plain = inpainted(exam) if name == ONLY_FILL else exam.inputs
                away = self._ruler.distance(plain, exam.truths) if self._ruler else 0.0
                self._compared[name] = psnr(plain, exam), away
            before, away = self._compared[name]
            faithful, clean = self._repaired(exam, (1.0, 0.0))
            values[f"psnr_{name}"] = psnr(faithful, exam)
            values[f"gain_{name}"] = values[f"psnr_{name}"] - before
            values[f"clean_gain_{name}"] = psnr(clean, exam) - before
            if self._ruler:
                values[f"distance_{name}"] = self._ruler.distance(clean, exam.truths) / max(away, 1e-9)
        return values

    def warnings(self, values: Mapping[str, float]) -> Iterable[str]:
        """Words when faces come out worse than they went in."""
        if min((value for name, value in values.items() if name.startswith("gain_")), default=0.0) < 0:
            yield "some faces are worse than before; what helps: a lower --lr, more --steps, more pictures"


def _for_show(exams: Mapping[str, Exam]) -> Exam:
    """Eight rows of all exams: one of each strength, then as many to fill as there are kinds of masks."""
    places = [(str(name), i) for i, name in enumerate(STRENGTHS)] + [(ONLY_FILL, i) for i in range(len(holes.KINDS))]

    def rows(field: str) -> NDArray[np.uint8]:
        found = [getattr(exams[name], field) for name, _ in places]
        return np.stack([rows[i % len(rows)] for rows, (_, i) in zip(found, places, strict=True)])

    return Exam(inputs=rows("inputs"), masks=rows("masks"), truths=rows("truths"))


def run(options: RepairerTrainOptions) -> None:
    """Train, then write OUT/repairer.safetensors; raises TrainingError, TrainOptionError or Stopped."""
    sources = options.sources(options.size)
    start_folder(options)
    task = RepairerTask(options, sources, pick_device(options))
    learn_from(lambda step: make_faces(sources, options, step), task, options)
