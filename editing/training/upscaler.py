"""Training an enlarger on folders of pictures: ``python -m editing train upscaler``.

Two kinds of a compact network (:mod:`editing.networks.compact`):

- ``--exact``: the inverse of a clean bicubic reduction, by the mean absolute difference alone; highest PSNR.
- otherwise, the look of a large network at a fraction of its time, from pictures as they are in the world. A bank of
  degraded crops (:mod:`editing.training.degradations`) is made once, with what the teacher (Real-ESRGAN x4plus, unless
  ``--teacher`` says otherwise) makes of each: it is far too slow to be asked anew at every step. First the network
  learns to resemble both the truth and the teacher, in pixels and in frozen features (distillation, Hinton et al. 2015;
  perceptual loss, Johnson et al. 2016). Then a discriminator joins (SRGAN, Ledig et al. 2017), in a second training:
  ``--start FIRST/last.pt --cache FIRST/cache --gan 0.1``. It judges every
  pixel (Real-ESRGAN, Wang et al. 2021). One that judges frozen features (Projected GANs, Sauer et al. 2021) learned
  much faster, but left a hatching that those features don't see.

With ``--network esrgan --start TEACHER --kept 0,4,8`` the network is the teacher itself with some of its blocks alone,
which the others' work is taught to. Teacher and start may be files: a machine lent for training has no catalogue.

OUT/upscaler.safetensors holds plain convolutions, in fp16, under SRVGGNetCompact's or RRDBNet's names, which spandrel
reads.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from editing.errors import TrainingError
from editing.networks.compact import Compact, CompactConfig
from editing.networks.esrgan import Esrgan, EsrganConfig, config_of_state, without_blocks
from editing.networks.unet_discriminator import UNetDiscriminator
from editing.pictures.likeness import luma, ssim
from editing.settings import written
from editing.training import losses, metrics
from editing.training.backbones import Lite0, load_lite0, load_mobilenet
from editing.training.critics import frozen_maps, judged, new_judge
from editing.training.degradations import bicubic, degrade
from editing.training.loop import begun, learn, pick_device, start_folder, write_weights
from editing.training.options import TrainOptionError, at_least, one_of, shares, unwanted
from editing.training.photos import (
    Bytes,
    Photos,
    PhotoTrainOptions,
    Sources,
    learn_from,
    load_photos,
    middle,
    random_crop,
    to_tensor,
)
from editing.training.placed import cut, drawn, floats, place
from editing.training.task import PictureTask, placed

_CPU = torch.device("cpu")
CHUNK = 64  # crops in each file of a bank: what is lost when making it is interrupted
WORKERS = max(1, min(12, 3 * (os.cpu_count() or 2) // 4))  # threads that degrade while a bank is made
MEASURED_CROPS = 100  # degraded crops of held-out pictures to measure with


@dataclass(frozen=True, kw_only=True)
class UpscalerTrainOptions(PhotoTrainOptions):
    """Options of ``train upscaler``."""

    size: int = 128  # side of the enlarged crops in pixels
    batch: int = 16  # crops a step
    exact: bool = False  # learn the inverse of a clean bicubic reduction, by L1 alone
    scale: int = 4  # how many times to enlarge
    width: int = 64  # channels within the network; multiples of 32 are fast
    depth: int = 16  # convolutions between the first and the last
    network: str = "compact"  # compact, or esrgan: residual dense blocks, slower and better
    kept: str = "0,1,2,3,4,5"  # with --network esrgan: which blocks of the network in --start to begin with
    expansion: int = 0  # channels between the two factors of each convolution while it learns; 0: not factored
    teacher: str = "photo"  # weight whose results are learned from, beside the truth; "" for none
    teacher_share: float = 0.6  # of the loss, how much compares with the teacher's result instead of the truth
    bank: int = 2000  # degraded crops made before the training begins, each with the teacher's result
    bank_size: int = 256  # side of those crops, enlarged; a step takes a part of each
    perceptual: float = 0.2  # weight of the difference of EfficientNet-lite0's features; needs its wheel
    gan: float = 0.0  # weight of the discriminator; 0 is without
    d_lr: float = 2e-4  # learning rate of the discriminator (Adam)
    real: str = "truth"  # what the discriminator takes as real: truth or teacher (whose results are cleaner)
    start: str = ""  # network to begin with: last.pt of another training (its average), or a weight's name
    test: str = ""  # with --exact: a folder of test pictures, whose PSNR and SSIM of Y are logged

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "scale", (2, 3, 4))
        one_of(self, "real", ("truth", "teacher"))
        one_of(self, "network", ("compact", "esrgan"))
        if self.real == "teacher" and not self.teacher:
            raise TrainOptionError("--real teacher needs a --teacher")
        shares(self, "teacher_share")
        for name in ("depth", "expansion", "perceptual", "gan", "d_lr"):
            at_least(self, name, 0)
        at_least(self, "width", 27)
        at_least(self, "bank", self.batch)
        # The discriminator halves three times; clean pairs need no more than whole pixels.
        least = 8 * self.scale
        multiple = self.scale if self.exact else least
        for name in ("size",) if self.exact else ("size", "bank_size"):
            value = getattr(self, name)
            if value < least or value % multiple:
                raise unwanted(self, name, f"{least} or more, a multiple of {multiple}")
        if self.size > self.bank_size and not self.exact:
            raise TrainOptionError(f"--size {self.size} is more than --bank-size {self.bank_size}")
        if self.network == "esrgan" and not (self.kept_blocks and self.scale in (2, 4)):
            raise unwanted(self, "kept", "numbers of blocks such as 0,4,8, and a --scale of 2 or 4")

    @property
    def kept_blocks(self) -> tuple[int, ...]:
        """The blocks to begin with; raises TrainOptionError where ``kept`` is no such list."""
        try:
            return tuple(int(part) for part in self.kept.split(","))
        except ValueError as error:
            raise unwanted(self, "kept", "numbers of blocks such as 0,4,8") from error


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """One step's crops, each (N, 3, side, side) float32 in [0, 1]."""

    step: int  # counted from 0
    inputs: Tensor  # the side of the others over the scale
    truth: Tensor | None  # None where the teacher alone is followed
    teacher: Tensor | None  # what the teacher makes of the inputs


class ExactPairs:
    """Crops with their clean bicubic reduction; the whole pictures are reduced once, so that borders are right."""

    def __init__(
        self, sources: Sources, scale: int, size: int, batch: int, seed: int, device: torch.device = _CPU
    ) -> None:
        self.sources, self.scale, self.size, self.batch, self.seed = sources, scale, size, batch, seed
        self.large = place(sources.pictures, device)
        self.small = place([bicubic(whole_cells(picture, scale), scale) for picture in sources.pictures], device)

    def make(self, step: int) -> Pairs:
        """The crops of one step: a function of the seed and the step alone."""
        random = np.random.default_rng([self.seed, step])
        side = self.size // self.scale
        which = np.array([self.sources.pick(random) for _ in range(self.batch)], np.int64)
        places = drawn(self.small.sizes, which, side, random)
        inputs, truth = cut(self.small, places, side), cut(self.large, places, self.size, self.scale)
        return Pairs(step=step, inputs=floats(inputs), truth=floats(truth), teacher=None)


def whole_cells(picture: Bytes, scale: int) -> Bytes:
    """The picture cut, at the right and below, to multiples of ``scale``."""
    height, width = (length // scale * scale for length in picture.shape[:2])
    return picture[:height, :width]


# The bank

Teach = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]  # (N, h, w, 3) -> (N, scale h, scale w, 3)


def load_bank(
    crop: Callable[[int, np.random.Generator], Bytes], count: int, *, side: int, scale: int, seed: int,
    teach: Teach | None, cache: Path, key: str, at_once: int = 8,
) -> list[NDArray[np.void]]:  # fmt: skip
    """``count`` degraded crops with truth and the teacher's results, made once, in files of 64, mapped from disk.

    Each file is an array with the fields "inputs", "truth" and (with a teacher) "teacher". ``crop(side, random)`` cuts
    a truth; ``key`` must change whenever what it cuts from does. An interrupted making goes on where it was.
    """
    name = hashlib.sha256(f"bank 1 {key} {side} {scale} {seed} {teach is not None}".encode()).hexdigest()[:16]
    fields = [("inputs", np.uint8, (side // scale, side // scale, 3)), ("truth", np.uint8, (side, side, 3))]
    if teach is not None:
        fields.append(("teacher", np.uint8, (side, side, 3)))

    def degraded(first: int) -> NDArray[np.void]:
        rows = np.zeros(min(CHUNK, count - first), fields)
        for i in range(len(rows)):
            random = np.random.default_rng([seed, first + i, 11])
            truth = crop(side, random)
            rows["truth"][i] = truth
            rows["inputs"][i] = degrade(truth.astype(np.float32) / np.float32(255), scale, random)
        return rows

    folder = cache / f"bank-{name}"
    paths = {first: folder / f"{first:06d}-{min(CHUNK, count - first)}.npy" for first in range(0, count, CHUNK)}
    missing = [first for first, path in paths.items() if not path.is_file()]
    with ThreadPoolExecutor(WORKERS, "bank") as pool:  # the teacher works while these degrade
        waiting = deque(pool.submit(degraded, first) for first in missing[: 2 * WORKERS])
        ahead = iter(missing[2 * WORKERS :])
        for first in tqdm(missing, desc="bank", unit="file", leave=False):
            rows = waiting.popleft().result()
            waiting.extend(pool.submit(degraded, further) for further in islice(ahead, 1))
            if teach is not None:
                for start in range(0, len(rows), at_once):
                    rows["teacher"][start : start + at_once] = teach(rows["inputs"][start : start + at_once])
            _write(paths[first], rows)
    return [np.load(path, mmap_mode="r") for path in paths.values()]


def _write(path: Path, rows: NDArray[np.void]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written(path) as part, part.open("wb") as file:
            np.save(file, rows)
    except OSError as error:
        raise TrainingError(f"Can't write {path}: {error.strerror or error}") from error


def load_teacher(name: str, scale: int, device: torch.device = _CPU, precision: str = "auto") -> tuple[Teach, str]:
    """The weight called ``name``, or a file of one, as a function of pictures, and its sha256.

    Raises WeightError when there is none such, TrainOptionError when it enlarges by another scale.
    """
    if device.type == "cuda" or is_file(name):
        state, sha256 = _state_of(name)
        network = placed_esrgan(state).to(device).eval()
        channels, enlarges = network.config.channels, network.config.scale
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32

        def forward(x: Tensor) -> Tensor:
            with torch.autocast(device.type, dtype, enabled=dtype == torch.bfloat16):
                out: Tensor = network(x.to(device))
            return out
    else:
        from editing import runtime  # these need packages that a machine lent for training may lack
        from editing.weights.files import digest
        from editing.weights.find import find_weight
        from editing.weights.load import load_network

        weight = find_weight(name, "upscale")
        descriptor = load_network(weight)
        channels, enlarges, sha256 = descriptor.input_channels, descriptor.scale, digest(weight)
        backend = runtime.choose_backend(precision)
        backend.place(descriptor.model)

        def forward(x: Tensor) -> Tensor:
            out: Tensor = descriptor(x.to(backend.device, backend.dtype))
            return out

    if (enlarges, channels) != (scale, 3):
        raise TrainOptionError(f"--teacher {name} enlarges {enlarges} times, but --scale is {scale}")

    def teach(inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        with torch.inference_mode():
            return _bytes(forward(to_tensor(inputs)).float())

    return teach, sha256


def is_file(name: str) -> bool:
    """Whether a weight is given as a file (ncnn's .bin beside its .param, or .safetensors), not by its name."""
    return name.endswith((".bin", ".safetensors"))


def _state_of(name: str) -> tuple[dict[str, Tensor], str]:
    """The state dict of a weight's name or file, in float32, and its sha256; raises WeightError."""
    from editing.weights.load import load_state, read_state

    if is_file(name):
        path = Path(name)
        state = read_state(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        from editing.weights.files import digest
        from editing.weights.find import find_weight

        weight = find_weight(name, "upscale")
        state, sha256 = load_state(weight), digest(weight)
    return {key: value.float() for key, value in state.items()}, sha256


def placed_esrgan(state: Mapping[str, Tensor]) -> Esrgan:
    """The network of an RRDBNet's state dict, channels last; raises TrainingError where it is another."""
    try:
        network = Esrgan(config_of_state(state))
        network.load_state_dict(state)
    except (ValueError, RuntimeError) as error:
        raise TrainingError(f"Not an RRDBNet: {str(error).splitlines()[-1].strip()}") from error
    return placed(network, _CPU)


def _bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """(N, C, H, W) in [0, 1] -> (N, H, W, C) uint8, rounded."""
    return pictures.clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


class BankPairs:
    """Parts of the bank's crops, turned and mirrored; ``names`` are the fields that are wanted."""

    def __init__(
        self, bank: list[NDArray[np.void]], scale: int, size: int, batch: int, seed: int, *,
        device: torch.device = _CPU, names: Sequence[str] = ("inputs", "truth", "teacher"),
    ) -> None:  # fmt: skip
        self.scale, self.size, self.batch, self.seed = scale, size, batch, seed
        self.placed = {
            name: place([picture for chunk in bank for picture in chunk[name]], device)
            for name in bank[0].dtype.names or ()
            if name in names
        }

    def make(self, step: int) -> Pairs:
        """The crops of one step: a function of the seed and the step alone."""
        random = np.random.default_rng([self.seed, step])
        inputs = self.placed["inputs"]
        which = random.choice(len(inputs.sizes), self.batch, replace=False)
        places = drawn(inputs.sizes, which, self.size // self.scale, random)
        parts = {
            name: floats(
                cut(placed, places, self.size // self.scale)
                if name == "inputs"
                else cut(placed, places, self.size, self.scale)
            )
            for name, placed in self.placed.items()
        }
        return Pairs(step=step, inputs=parts["inputs"], truth=parts.get("truth"), teacher=parts.get("teacher"))


class UpscalerTask(PictureTask[Compact | Esrgan, UpscalerTrainOptions]):
    """The enlarger's side of the loop; see :class:`editing.training.loop.Task`.

    ``exam`` holds the degraded crops to measure with; None with ``--exact``, which measures with whole pictures.
    """

    name = "upscaler"
    columns: tuple[str, ...] = (
        "rate", "l1", "teacher_l1", "perceptual", "loss_g", "loss_d", "real", "fake",
        "psnr", "psnr_bicubic", "ssim", "ssim_bicubic", "test_psnr", "test_ssim", "to_teacher", "to_truth",
    )  # fmt: skip

    def __init__(
        self, options: UpscalerTrainOptions, sources: Sources, exam: NDArray[np.void] | None, device: torch.device
    ) -> None:
        super().__init__(options, device, lambda: begin(options), options.lr)
        self.held_out, self.exam = sources.held_out, exam
        self.shown_pictures = (sources.held_out.arrays or sources.main.arrays)[:8]
        self.judge: UNetDiscriminator | None = None
        if options.gan and not options.exact:
            self.judge, self.optimizers["discriminator"] = new_judge(device, options.d_lr)
            self.networks["discriminator"] = self.judge
        self.backbone: Lite0 | None = None
        if options.perceptual and not options.exact:
            self.backbone = load_lite0().to(device)
        self.test = load_photos(Path(options.test), 16, options.cache_folder) if options.test else None
        self._features: nn.Module | None = None

    def step(self, batch: Pairs) -> Mapping[str, Tensor | float]:
        """One step of the enlarger, and of the discriminator where there is one."""
        options = self.options
        rate = options.rate(batch.step, self.progress)
        inputs = batch.inputs.to(self.device)
        truth, teacher = (None if x is None else x.to(self.device) for x in (batch.truth, batch.teacher))
        with self.amp():
            made = self.network(inputs)
        values: dict[str, Tensor] = {}
        share = options.teacher_share if teacher is not None else 0.0
        loss = torch.zeros((), device=self.device)
        if truth is not None:
            values["l1"] = losses.l1(made, truth)
            loss = loss + (1 - share) * values["l1"]
        if teacher is not None:
            values["teacher_l1"] = losses.l1(made, teacher)
            loss = loss + share * values["teacher_l1"]
        if self.backbone is not None:
            own = frozen_maps(self.backbone, made, self.amp())
            values["perceptual"] = torch.zeros((), device=self.device)
            for part, wanted in ((1 - share, truth), (share, teacher)):
                if part and wanted is not None:  # what has no share is not looked at
                    with torch.no_grad():
                        theirs = frozen_maps(self.backbone, wanted, self.amp())
                    values["perceptual"] = values["perceptual"] + part * losses.feature_distance(own, theirs)
            loss = loss + options.perceptual * values["perceptual"]
        if self.judge is not None:
            real = teacher if options.real == "teacher" or truth is None else truth
            assert real is not None
            optimizer = self.optimizers["discriminator"]
            values |= judged(self.judge, optimizer, made, real, options.d_lr, self.amp())
            loss = loss + options.gan * values["loss_g"]
        learn(self.optimizers[self.name], loss, rate)
        return {"rate": rate, **{name: value.detach() for name, value in values.items()}}

    def export(self, path: Path) -> None:
        """Write plain convolutions for use, in fp16; raises TrainingError."""
        if isinstance(self.shown, Esrgan):
            write_weights(path, self.shown.state_dict())  # known by its names, as Real-ESRGAN's own files
            return
        plain = self.shown.merged()
        write_weights(path, plain.state_dict(), **plain.config.metadata())

    @torch.no_grad()
    def enlarged(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, H, W, 3) -> (N, scale H, scale W, 3), in float32, rounded as a file would be."""
        return _bytes(self.shown(to_tensor(pictures).to(self.device)))

    def samples(self) -> Tensor:
        """Eight crops: enlarged by bicubic resampling, by the network, (by the teacher,) and the truth."""
        rows: list[NDArray[np.uint8]]
        if self.exam is not None:
            chosen = self.exam[:8]
            rows = [resampled(chosen["inputs"], self.options.scale), self.enlarged(chosen["inputs"])]
            rows += [chosen[name] for name in ("teacher", "truth") if name in (chosen.dtype.names or ())]
        else:
            truth = np.stack([middle(p, self.options.size) for p in self.shown_pictures])
            small = np.stack([bicubic(p, self.options.scale) for p in truth])
            rows = [resampled(small, self.options.scale), self.enlarged(small), truth]
        return to_tensor(np.concatenate(rows)) * 2 - 1

    def measure(self) -> Mapping[str, float]:
        """PSNR and SSIM of Y, on clean reductions or on degraded crops; for the latter, feature distances too."""
        names = ("psnr", "ssim", "psnr_bicubic", "ssim_bicubic")
        scale = self.options.scale
        if self.exam is None:
            values = dict(zip(names, self._clean(self.held_out), strict=True)) if self.held_out.arrays else {}
            if self.test is not None:
                values |= dict(zip(("test_psnr", "test_ssim"), self._clean(self.test)[:2], strict=True))
            return values
        plain, made = resampled(self.exam["inputs"], scale), self.enlarged(self.exam["inputs"])
        means = [mean_score(made, self.exam["truth"], scale), mean_score(plain, self.exam["truth"], scale)]
        values = dict(zip(names, (*means[0], *means[1]), strict=True))
        if "teacher" in (self.exam.dtype.names or ()):
            values |= self._feature_distances(made, plain)
        return values

    def _clean(self, photos: Photos) -> tuple[float, float, float, float]:
        """Mean PSNR and SSIM of Y after a clean bicubic reduction, of the network and of bicubic resampling."""
        scale = self.options.scale
        rows = []
        for picture in photos.arrays:
            truth = whole_cells(picture, scale)
            small = bicubic(truth, scale)[None]
            made, plain = self.enlarged(small)[0], resampled(small, scale)[0]
            rows.append((*score(made, truth, scale), *score(plain, truth, scale)))
        means = np.mean(rows, 0)
        return float(means[0]), float(means[1]), float(means[2]), float(means[3])

    def _feature_distances(self, made: NDArray[np.uint8], plain: NDArray[np.uint8]) -> dict[str, float]:
        """MobileNetV2's features: distance to the teacher over bicubic's, and to the truth over the teacher's."""
        assert self.exam is not None
        try:
            network = self._features = self._features or load_mobilenet()
        except TrainingError:  # its wheel is an extra
            return {}
        teacher, truth, ours, bicubics = (
            metrics.pooled_features(network, to_tensor(x) * 2 - 1)
            for x in (self.exam["teacher"], self.exam["truth"], made, plain)
        )

        def distance(a: metrics.Features, b: metrics.Features) -> float:
            return float(np.linalg.norm(a - b, axis=1).mean())

        return {
            "to_teacher": distance(ours, teacher) / max(distance(bicubics, teacher), 1e-9),
            "to_truth": distance(ours, truth) / max(distance(teacher, truth), 1e-9),
        }

    def warnings(self, values: Mapping[str, float]) -> Iterable[str]:
        """Words when bicubic resampling is better than the network."""
        if self.options.exact and values.get("psnr", 0.0) < values.get("psnr_bicubic", 0.0):
            yield "the network is worse than bicubic resampling; what helps: a lower --lr, more --steps, more pictures"


def resampled(pictures: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """(N, H, W, 3) enlarged by Pillow's bicubic resampling: what a network has to beat."""
    height, width = pictures.shape[1] * scale, pictures.shape[2] * scale
    return np.stack(
        [np.asarray(Image.fromarray(p).resize((width, height), Image.Resampling.BICUBIC)) for p in pictures]
    )


def score(made: NDArray[np.uint8], truth: NDArray[np.uint8], border: int) -> tuple[float, float]:
    """PSNR (dB) and SSIM of Y, without ``border`` pixels at each side: as published for Set5 and Set14."""
    inner = slice(border, -border)
    a, b = (luma(x)[inner, inner] for x in (made, truth))
    error = float(np.mean((a - b) ** 2))
    similar = ssim(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None], reach=255)
    return 10 * float(np.log10(255**2 / max(error, 1e-10))), float(similar)


def mean_score(made: NDArray[np.uint8], truth: NDArray[np.uint8], border: int) -> tuple[float, float]:
    """The means of :func:`score` over pictures (N, H, W, 3)."""
    means = np.mean([score(a, b, border) for a, b in zip(made, truth, strict=True)], 0)
    return float(means[0]), float(means[1])


def begin(options: UpscalerTrainOptions) -> Compact | Esrgan:
    """The network asked for, with what ``start`` names; raises TrainingError or WeightError."""
    network: Compact | Esrgan
    start = options.start
    if options.network == "esrgan":
        network = Esrgan(EsrganConfig(scale=options.scale, blocks=len(options.kept_blocks)))
    else:
        network = Compact(
            CompactConfig(scale=options.scale, width=options.width, depth=options.depth, expansion=options.expansion)
        )
    if not start or start.endswith(".pt"):
        return begun(network, start, UpscalerTask.name)
    state, _ = _state_of(start)
    if options.network == "esrgan":
        state = without_blocks(state, options.kept_blocks)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise TrainingError(f"{start} doesn't fit; give its --scale, --width and --depth: {reason}") from error
    return network


def _bank_key(options: UpscalerTrainOptions, photos: Sequence[Photos], teacher: str) -> str:
    """What a bank depends on beside sizes and seed: the pictures, which of them, how they are mixed, the teacher."""
    parts = [f"{part.key} {' '.join(part.names)}" for part in photos]
    return hashlib.sha256("\n".join([teacher, str(options.share), *parts]).encode()).hexdigest()


def run(options: UpscalerTrainOptions) -> None:
    """Train, then write OUT/upscaler.safetensors; raises TrainingError, TrainOptionError, WeightError or Stopped."""
    cache, device = options.cache_folder, pick_device(options)
    sources = options.sources(options.size if options.exact else options.bank_size)
    start_folder(options)
    pairs: ExactPairs | BankPairs
    exam = None
    if options.exact:
        pairs = ExactPairs(sources, options.scale, options.size, options.batch, options.seed, device)
    else:
        teach, digest = load_teacher(options.teacher, options.scale, device) if options.teacher else (None, "")
        at_once = CHUNK if device.type == "cuda" else 8
        held_out = sources.held_out if sources.held_out.arrays else sources.main
        exams = load_bank(
            lambda side, random: random_crop(held_out.arrays[random.integers(len(held_out.arrays))], side, random),
            min(MEASURED_CROPS, options.bank), side=options.bank_size, scale=options.scale, seed=options.seed + 1,
            teach=teach, cache=cache, key=_bank_key(options, [held_out], digest), at_once=at_once,
        )  # fmt: skip
        exam = np.concatenate(exams)
        bank = load_bank(
            sources.crop, options.bank, side=options.bank_size, scale=options.scale, seed=options.seed,
            teach=teach, cache=cache, key=_bank_key(options, [sources.main, sources.also], digest), at_once=at_once,
        )  # fmt: skip
        wanted = ["inputs"]
        wanted += ["truth"] if not options.teacher or options.teacher_share < 1 else []
        wanted += ["teacher"] if options.teacher_share or options.real == "teacher" else []
        pairs = BankPairs(bank, options.scale, options.size, options.batch, options.seed, device=device, names=wanted)
    task = UpscalerTask(options, sources, exam, device)
    learn_from(pairs.make, task, options)
