"""Training a denoiser on folders of pictures: ``python -m editing train denoiser``.

Each crop gets noise of a level drawn anew: white Gaussian noise as papers measure with (FFDNet, Zhang et al. 2018),
some of it equal in all channels, as in gray pictures, some clipped and rounded as in files; with ``--camera``, a share
gets noise as cameras leave it. The network is told the level. Learned by the mean absolute difference.

OUT/denoiser.safetensors holds the averaged weights in fp16.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from editing.networks.denoiser import Denoiser, DenoiserConfig
from editing.training import losses
from editing.training.degradations import Floats, gaussian_noise
from editing.training.loop import begun, learn, pick_device, start_folder
from editing.training.noise import camera, white
from editing.training.options import at_least, shares, unwanted
from editing.training.photos import Bytes, PhotoTrainOptions, Sources, learn_from, middle, stacked
from editing.training.placed import cut, drawn, floats, place
from editing.training.scans import Draw, luma
from editing.training.task import PictureTask

LEVELS = (15, 25, 50)  # measured with, of 255


@dataclass(frozen=True, kw_only=True)
class DenoiserTrainOptions(PhotoTrainOptions):
    """Options of ``train denoiser``."""

    size: int = 96  # side of the crops in pixels
    batch: int = 16  # crops a step
    widths: str = "64,96,128"  # channels at a half, a quarter, an eighth ... of the picture's size
    blocks: int = 2  # residual blocks at each size, going down and coming up
    sigma_max: float = 75.0  # strongest noise, of 255; the levels are drawn evenly from 0
    gray: float = 0.1  # share of crops that are gray, with equal noise in all channels
    clipped: float = 0.2  # share of Gaussian noise that is clipped and rounded to 8 bits
    halved: float = 0.0  # share of crops that are made half as large, which leaves little of a file's own JPEG
    camera: float = 0.0  # share of crops whose noise is as cameras leave it, the rest being Gaussian

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, "blocks", 1)
        at_least(self, "sigma_max", 1)
        shares(self, "gray", "clipped", "halved", "camera")
        multiple = self.config.multiple
        if self.size < multiple or self.size % multiple:
            raise unwanted(self, "size", f"a multiple of {multiple}")

    @property
    def config(self) -> DenoiserConfig:
        """The network's; raises TrainOptionError when ``widths`` are no such numbers."""
        try:
            widths = tuple(int(part) for part in self.widths.split(","))
            return DenoiserConfig(widths=widths, blocks=self.blocks, camera=self.camera > 0)
        except ValueError as error:
            raise unwanted(self, "widths", "numbers such as 64,96,128") from error


@dataclass(frozen=True, kw_only=True)
class Noisy:
    """One step's crops, (N, 3, size, size) float32; the clean ones in [0, 1]."""

    step: int  # counted from 0
    noisy: Tensor
    clean: Tensor
    sigma: Tensor  # (N,), in the same units


class NoisyCrops:
    """Crops with noise, made on the device."""

    def __init__(self, sources: Sources, options: DenoiserTrainOptions, device: torch.device) -> None:
        self.sources, self.options, self.device = sources, options, device
        self.placed = place(sources.pictures, device)

    @torch.no_grad()
    def make(self, step: int) -> Noisy:
        """The crops of one step: a function of the options' seed and the step alone, on one kind of device."""
        options = self.options
        random = np.random.default_rng([options.seed, step])
        which = np.array([self.sources.pick(random) for _ in range(options.batch)], np.int64)
        halves = round(options.halved * options.batch)
        parts = []
        for chosen, times in ((which[:halves], 2), (which[halves:], 1)):
            if len(chosen):
                side = times * options.size
                crops = floats(cut(self.placed, drawn(self.placed.sizes, chosen, side, random), side))
                parts.append(F.avg_pool2d(crops, times) if times > 1 else crops)
        clean = torch.cat(parts)
        draw = Draw(options.batch, int(random.integers(1 << 62)), self.device)
        gray = draw.chance(options.gray)
        clean = torch.where(gray, luma(clean), clean)
        sigma = draw.uniform(0, options.sigma_max) / 255
        noisy = white(clean, sigma, gray, options.clipped, draw)
        some, part = draw.some(options.camera)
        if part.count:
            noisy[some] = camera(clean[some], sigma[some], gray[some], part)
        return Noisy(step=step, noisy=noisy, clean=clean, sigma=sigma.flatten())


def as_floats(picture: Bytes) -> Floats:
    """uint8 -> float32 in [0, 1]."""
    return np.asarray(picture.astype(np.float32) / np.float32(255))


class DenoiserTask(PictureTask[Denoiser, DenoiserTrainOptions]):
    """The denoiser's side of the loop; see :class:`editing.training.loop.Task`."""

    name = "denoiser"
    columns: tuple[str, ...] = ("rate", "l1", *(f"psnr_{level}" for level in LEVELS), "noisy_25")

    def __init__(self, options: DenoiserTrainOptions, sources: Sources, device: torch.device) -> None:
        super().__init__(options, device, lambda: begun(Denoiser(options.config), options.start, self.name), options.lr)
        self.held_out = sources.held_out
        self.shown_pictures = (sources.held_out.arrays or sources.main.arrays)[:4]

    def step(self, batch: Noisy) -> Mapping[str, Tensor | float]:
        """One step of the denoiser."""
        rate = self.options.rate(batch.step, self.progress)
        with self.amp():
            made = self.network(batch.noisy.to(self.device), batch.sigma.to(self.device))
        loss = losses.l1(made, batch.clean.to(self.device))
        learn(self.optimizers[self.name], loss, rate)
        return {"rate": rate, "l1": loss.detach()}

    @torch.no_grad()
    def cleaned(self, noisy: Floats, sigma: float) -> Floats:
        """(H, W, 3) with noise of deviation ``sigma`` -> the same without, in float32, not clipped."""
        made = self.shown(stacked([noisy]).to(self.device), torch.tensor([sigma], device=self.device))
        return np.asarray(made[0].permute(1, 2, 0).cpu().numpy())

    def samples(self) -> Tensor:
        """Four crops at two levels: with noise, cleaned, and as they were."""
        rows: list[list[Floats]] = [[], [], []]
        for i, level in enumerate((25, 25, 25, 25, 50, 50, 50, 50)):
            picture = self.shown_pictures[i % len(self.shown_pictures)]
            clean = as_floats(middle(picture, self.options.size))
            noisy = with_noise(clean, level, i)
            for row, shown in zip(rows, (noisy, self.cleaned(noisy, level / 255), clean), strict=True):
                row.append(shown)
        return stacked(rows[0] + rows[1] + rows[2]).clamp(0, 1) * 2 - 1

    def measure(self) -> Mapping[str, float]:
        """Mean PSNR over the whole held-out pictures at each level, with noise that is always the same."""
        values = {}
        for level in LEVELS:
            scores = []
            for i, picture in enumerate(self.held_out.arrays):
                clean = as_floats(picture)
                noisy = with_noise(clean, level, i)
                scores.append((psnr(self.cleaned(noisy, level / 255), clean), psnr(noisy, clean)))
            if scores:
                values[f"psnr_{level}"] = float(np.mean([score[0] for score in scores]))
                if level == 25:
                    values["noisy_25"] = float(np.mean([score[1] for score in scores]))
        return values

    def warnings(self, values: Mapping[str, float]) -> Iterable[str]:
        """Words when the noise is left in."""
        if values.get("psnr_25", 0.0) < values.get("noisy_25", 0.0):
            yield "the pictures are worse than with their noise; what helps: a lower --lr, more --steps"


def with_noise(clean: Floats, level: float, number: int) -> Floats:
    """A picture with white noise of deviation ``level`` / 255, always the same for its ``number``; not clipped."""
    random = np.random.default_rng([number, round(level)])
    return np.asarray(clean + gaussian_noise(clean.shape, level / 255, random))


def psnr(made: Floats, truth: Floats) -> float:
    """dB, over all channels, of pictures in [0, 1]; what is made is not rounded, as in the published tables."""
    error = float(np.mean((np.clip(made, 0, 1) - truth) ** 2, dtype=np.float64))
    return 10 * float(np.log10(1 / max(error, 1e-12)))


def run(options: DenoiserTrainOptions) -> None:
    """Train, then write OUT/denoiser.safetensors; raises TrainingError, TrainOptionError or Stopped."""
    device = pick_device(options)
    sources = options.sources(options.size * (2 if options.halved else 1))
    start_folder(options)
    task = DenoiserTask(options, sources, device)
    learn_from(NoisyCrops(sources, options, device).make, task, options)
