"""Training a repairer of aligned faces: ``python -m editing train repairer``.

From pictures of faces aligned to the FFHQ template: each is degraded (:func:`editing.training.faces.spoiled`), a part
of it is masked (:mod:`editing.training.holes`: strokes and scratches, and whole eyes and mouths), or both. The network
(:mod:`editing.networks.repairer`) gives two results: the faithful one learns by the mean absolute difference alone, the
clean one also by the difference of frozen features (perceptual loss, Johnson et al. 2016), of the whole and of what is
round a mask, and, with ``--gan``, by a discriminator that judges every pixel (Real-ESRGAN, Wang et al. 2021). One of
the frozen features (Projected GANs, Sauer et al. 2021) made eyes clearer in 400 steps, and left a hatching in hair and
beards that those features don't see.

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
from editing.networks.repairer import SMALLEST, Repairer, RepairerConfig, blend, mirrored
from editing.networks.unet_discriminator import UNetDiscriminator
from editing.training import holes, losses, metrics
from editing.training.backbones import Lite0, load_lite0, load_mobilenet
from editing.training.critics import frozen_maps, judged, new_judge
from editing.training.data import Pictures
from editing.training.degradations import Floats, degrade_face, to_bytes
from editing.training.faces import Portraits, few, jittered, load_faces, reduced, some_of, spoiled
from editing.training.loop import begun, learn, pick_device, start_folder
from editing.training.options import TrainOptionError, at_least, one_of, shares
from editing.training.photos import Bytes, PhotoTrainOptions, learn_from, middle, to_tensor
from editing.training.scans import Draw
from editing.training.task import PictureTask

STRENGTHS = (0.25, 0.5, 0.75, 1.0)  # of degradation, measured with
ONLY_FILL = "fill"  # the exam's part with masks and no degradation
ONLY_EYE = "eye"  # the exam's part with one eye masked
LOOK = 0.375  # of the side: what is looked at closely, as large as an eye and what is round it
MEASURED = ("psnr", "gain", "clean_gain", "distance")
LONGEST = 10.0  # slopes are shortened to this
JUDGED = 2  # the discriminator, which costs more than the rest, is shown one of so many faces
CROWDED = 0.3  # masked pixels count as many times as asked where they are an eye, less where they are half a face


@dataclass(frozen=True, kw_only=True)
class RepairerTrainOptions(PhotoTrainOptions):
    """Options of ``train repairer``."""

    size: int = 256  # side of the faces in pixels: 16, 32, 64, 128, 256 or 512
    batch: int = 8  # faces a step
    widths: str = "160,160,128,64,32"  # channels from the smallest maps, 8x8, up; smaller faces take the first of them
    going: int = 1  # residual blocks at each size, going down
    coming: int = 2  # residual blocks at each size, coming up
    masked: float = 0.5  # share of faces with a mask
    parts: float = 0.55  # of these, share with a whole eye, both eyes, the mouth or half of the face masked
    degraded: float = 0.8  # share of faces that are degraded
    hole: float = 1.0  # of the mean absolute difference, how many times a masked pixel counts
    pixel: float = 0.5  # weight of the clean result's mean absolute difference; the faithful one's is 1
    perceptual: float = 0.2  # weight of the difference of EfficientNet-lite0's features; needs its wheel
    look: float = 0.0  # weight of the same difference in a square round what is masked
    gan: float = 0.0  # weight of the discriminator; 0 is without
    gan_after: float = 0.0  # share of the training before there is a discriminator
    d_lr: float = 2e-4  # learning rate of the discriminator (Adam)
    start: str = ""  # last.pt or .safetensors of another training, of this size or half of it, to begin with

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("hole", "pixel", "perceptual", "look", "gan", "d_lr"):
            at_least(self, name, 0)
        shares(self, "masked", "parts", "degraded", "gan_after")
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
    picture: Tensor  # (N, 3, size, size), degraded, and filled from the other side where that is seen
    mask: Tensor  # (N, 1, size, size), 1 = fill: what the picture shows there is never looked at
    hole: Tensor  # (N, 1, size, size), 1: was masked before
    truth: Tensor  # (N, 3, size, size)
    look: Tensor  # (N, 2) int64: row and column of a square of LOOK of the side that is looked at closely


def make_masks(options: RepairerTrainOptions, random: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """The masks (N, size, size) of one step, and the corners (N, 2) of squares round what is masked, or anywhere."""
    size = options.size
    side = look_side(size)
    masks, corners = np.zeros((options.batch, size, size), np.float32), np.zeros((options.batch, 2), np.int64)
    for mask, corner in zip(masks, corners, strict=True):
        middle = random.uniform(0.2, 0.8, 2) * size
        if random.random() < options.masked:
            if parts := random.random() < options.parts:
                mask[:] = holes.draw_part(size, random)
            if not parts or random.random() < 0.2:
                for kind in random.integers(len(holes.KINDS), size=random.integers(1, 3)):
                    np.maximum(mask, holes.draw_mask(size, int(kind), random), out=mask)
            mask[:] = holes.brushed(mask, random)
            rows, columns = np.nonzero(mask)
            place = random.integers(len(rows))
            middle = np.array([rows[place], columns[place]])
        corner[:] = np.clip(middle - side / 2 + random.integers(-4, 5, 2), 0, size - side)
    return masks, corners


def look_side(size: int) -> int:
    """Side of the square that is looked at closely, in faces of ``size`` pixels."""
    return max(16, round(LOOK * size))


def make_faces(portraits: Portraits, options: RepairerTrainOptions, step: int) -> Faces:
    """The faces of one step: a function of the options' seed and the step alone, on one kind of device."""
    random = np.random.default_rng([options.seed, step])
    device = portraits.array.device
    draw = Draw(options.batch, int(random.integers(2**62)), device)
    masks, look = make_masks(options, random)
    with torch.no_grad():
        truth = reduced(jittered(portraits.drawn(draw), draw), options.size)
        picture = truth.clone()
        poor = some_of(options.batch, options.degraded, random.random())
        if poor:
            picture[:poor], truth[:poor] = spoiled(truth[:poor], draw)
        mask = torch.from_numpy(masks)[:, None].to(device, non_blocking=True)
        picture, left = mirrored(picture, mask)
    return Faces(
        step=step,
        picture=picture,
        mask=left,
        hole=mask,
        truth=truth,
        look=torch.from_numpy(look).to(device, non_blocking=True),
    )


def looked_at(faces: Tensor, look: Tensor, side: int) -> Tensor:
    """Of each face (N, C, H, W) the square of ``side`` whose upper left corner is at row and column ``look`` (N, 2)."""
    places = torch.arange(side, device=look.device)
    rows, columns = (look[:, i, None] + places for i in (0, 1))
    number = torch.arange(len(faces), device=look.device)[:, None, None]
    return faces[number, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def squared(picture: Bytes, size: int) -> Bytes:
    """The centred square of a picture, at ``size`` pixels."""
    square = middle(picture, min(picture.shape[:2]))
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


# The exam: always the same, for the same names of files


@dataclass(frozen=True, kw_only=True)
class Exam:
    """Faces to repair, (N, side, side, 3) uint8, and what they were; masks are (N, side, side) uint8, 0 or 255."""

    inputs: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    truths: NDArray[np.uint8]


def make_exams(pictures: Pictures, size: int) -> dict[str, Exam]:
    """All faces: for each of :data:`STRENGTHS` ("0.25" ...) degraded, under "fill" damaged, under "eye" without one."""
    made: dict[str, Exam] = {}
    faces = [squared(picture, size) for picture in pictures.array]
    for number, name in enumerate((*map(str, STRENGTHS), ONLY_FILL, ONLY_EYE)):
        inputs, masks, truths = [], [], []
        for i, (face, file) in enumerate(zip(faces, pictures.names, strict=True)):
            random = np.random.default_rng([number, zlib.crc32(file.encode())])
            picture, mask, truth = face, np.zeros((size, size), np.uint8), face
            if name == ONLY_FILL:
                mask = to_bytes(holes.draw_mask(size, i % len(holes.KINDS), random))
            elif name == ONLY_EYE:
                mask = to_bytes(holes.eye_mask(size, i % 2))
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
        both = network.both(*mirrored(to_tensor(exam.inputs[rows]).to(parameter.device), mask))
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
        "rate", "l1", "l1_clean", "perceptual", "look", "loss_g", "loss_d", "real", "fake",
        *(f"{what}_{name}" for name in (*STRENGTHS, ONLY_FILL, ONLY_EYE) for what in MEASURED),
    )  # fmt: skip

    def __init__(
        self, options: RepairerTrainOptions, shown: Pictures, held_out: Pictures, device: torch.device
    ) -> None:
        """``held_out`` is measured with; where there is none, the sample grid shows what is ``shown``."""
        grown = f"levels.{len(options.config.widths) - 1}."
        super().__init__(
            options, device, lambda: begun(Repairer(options.config), options.start, self.name, grown), options.lr
        )
        self.judge: UNetDiscriminator | None = None
        if options.gan:
            self.judge, self.optimizers["discriminator"] = new_judge(device, options.d_lr)
            self.networks["discriminator"] = self.judge
        self.backbone: Lite0 | None = load_lite0().to(device) if options.perceptual or options.look else None
        self.exams = make_exams(held_out, options.size) if held_out.names else {}
        self.shown_exam = _for_show(self.exams or make_exams(shown, options.size))
        self._ruler: FeatureRuler | None = None
        self._compared: dict[str, tuple[float, float]] = {}

    def step(self, batch: Faces) -> Mapping[str, Tensor | float]:
        """One step of the repairer, and of the discriminator where there is one."""
        options = self.options
        rate = options.rate(batch.step, self.progress)
        truth, mask, hole, look = (x.to(self.device) for x in (batch.truth, batch.mask, batch.hole, batch.look))
        with self.amp():
            faithful, clean = self.network.both(batch.picture.to(self.device), mask)
        # Masks are small: without a weight the network would learn to sharpen long before it drew an eye.
        more = (CROWDED / hole.mean((1, 2, 3), keepdim=True).clamp(min=1e-6)).clamp(max=max(options.hole - 1, 0))
        counted = 1 + more * hole
        values = {"l1": losses.l1(faithful, truth, counted), "l1_clean": losses.l1(clean, truth, counted)}
        loss = values["l1"] + options.pixel * values["l1_clean"]
        if self.backbone is not None:
            close = tuple(looked_at(x, look, look_side(options.size)) for x in (clean, truth))
            for name, weight, (own, true) in (
                ("perceptual", options.perceptual, (clean, truth)), ("look", options.look, close),
            ):  # fmt: skip
                if weight:
                    maps = frozen_maps(self.backbone, own, self.amp())
                    with torch.no_grad():
                        wanted = frozen_maps(self.backbone, true, self.amp())
                    values[name] = losses.feature_distance(maps, wanted)
                    loss = loss + weight * values[name]
        if self.judge is not None and self.progress >= options.gan_after:
            optimizer = self.optimizers["discriminator"]
            some = slice(batch.step % JUDGED, None, JUDGED)
            values |= judged(self.judge, optimizer, clean[some], truth[some], options.d_lr, self.amp(), counted[some])
            loss = loss + options.gan * values["loss_g"]
        learn(self.optimizers[self.name], loss, rate, LONGEST)
        return {"rate": rate, **{name: value.detach() for name, value in values.items()}}

    def _repaired(self, exam: Exam, fidelities: tuple[float, ...]) -> list[NDArray[np.uint8]]:
        with self.amp():
            return repaired(self.shown, exam, fidelities)

    def samples(self) -> Tensor:
        """Four faces at four strengths, two to fill and two without an eye: as given, faithful, clean, as they were."""
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
                plain = inpainted(exam) if exam.masks.any() else exam.inputs
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
    """Eight rows of all exams: one of each strength, two to fill, two without an eye."""
    places = [(str(name), i) for i, name in enumerate(STRENGTHS)]
    places += [(name, i) for name in (ONLY_FILL, ONLY_EYE) for i in range(2)]

    def rows(field: str) -> NDArray[np.uint8]:
        found = [getattr(exams[name], field) for name, _ in places]
        return np.stack([rows[i % len(rows)] for rows, (_, i) in zip(found, places, strict=True)])

    return Exam(inputs=rows("inputs"), masks=rows("masks"), truths=rows("truths"))


def run(options: RepairerTrainOptions) -> None:
    """Train, then write OUT/repairer.safetensors; raises TrainingError, TrainOptionError or Stopped."""
    device = pick_device(options)
    portraits, held_out = load_faces(options, device)
    start_folder(options)
    task = RepairerTask(options, few(portraits, 8), held_out, device)
    learn_from(lambda step: make_faces(portraits, options, step), task, options)
