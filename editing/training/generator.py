"""Training a generator on a folder of pictures: ``python -m editing train generator``.

A FastGAN-like generator against a discriminator that sees pictures (``plain``), frozen EfficientNet-lite0 features of
them (``projected``, Sauer et al. 2021), or both. What keeps it from drawing the same few pictures: every training
picture has a latent, its whitened principal components (of frozen features and a thumbnail), and
- half of each batch is drawn from such latents and compared with its picture (``coverage``; after GLO, Bojanowski et
  al. 2018, and IMLE, Li and Malik 2018, with the latents fixed instead of learned or searched);
- of the other half, drawn from the prior, the same components are asked to give the latent back (``code``; after
  InfoGAN, Chen et al. 2016, with a fixed linear encoder instead of a learned one).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from editing.errors import TrainingError
from editing.networks.discriminator import Discriminator, DiscriminatorConfig, ProjectedDiscriminator
from editing.networks.generator import SIZES, Generator, GeneratorConfig, recalibrate
from editing.pictures.likeness import ssim
from editing.training import losses, metrics
from editing.training.augment import diff_augment
from editing.training.backbones import (
    MOBILENET,
    Lite0,
    backbone_file,
    imagenet_input,
    load_lite0,
    load_mobilenet,
)
from editing.training.data import Batch, Pictures, batches, hold_out, load_folders
from editing.training.loop import (
    World,
    load_checkpoint,
    pick_device,
    processes,
    restore,
    start_folder,
    train,
    write_weights,
)
from editing.training.options import TrainOptions, at_least, below_one, one_of, shares
from editing.training.task import PictureTask, adam, placed

DISCRIMINATORS = ("projected", "plain", "both")


@dataclass(frozen=True, kw_only=True)
class GeneratorTrainOptions(TrainOptions):
    """Options of ``train generator``."""

    also: str = ""  # further folders of pictures, separated as in PATH; --hold-out chooses among all
    batch: int = 16  # pictures a step, in each process; half are drawn from training pictures' latents
    latent: int = 64  # length of the latent z
    capacity: int = 2048  # the generator has capacity / r channels at resolution r
    max_channels: int = 256  # but never more than this
    discriminator: str = "projected"  # projected (on EfficientNet-lite0, needs its wheel), plain (on pictures) or both
    view: int = 128  # side to which pictures are scaled for the projected discriminator
    loss: str = "hinge"  # nonsaturating, hinge or wgan-gp
    g_lr: float = 2e-4  # learning rate of the generator (Adam)
    d_lr: float = 2e-4  # learning rate of the discriminator (Adam)
    decay: float = 0.0  # share of the training, its last, over which both learning rates fall to nothing
    beta1: float = 0.0  # Adam's first decay
    beta2: float = 0.99  # Adam's second decay
    r1: float = 0.0  # weight of the R1 penalty, against a discriminator that overfits
    gradient_penalty: float = 0.0  # weight of the gradient penalty; 10 is usual with --loss wgan-gp
    penalty_every: int = 8  # steps between penalties, which then weigh as much more
    reset_discriminator_every: int = 0  # steps after which the discriminator starts anew; 0 is never
    diff_augment: bool = True  # augment what the discriminator sees, differentiably
    augment_strength: float = 0.3  # how strongly, 0 to 1
    coverage: float = 1.0  # weight of drawing each training picture from its own latent; 0 turns the pairs off
    pair_noise: float = 0.2  # noise added to the latents of training pictures
    code: float = 0.5  # weight of finding the latent again in a drawn picture, against collapse
    l1: float = 0.5  # weight of the absolute difference of pairs, at a quarter of the size, 16 pixels at most
    ssim: float = 0.0  # weight of the structural dissimilarity of pairs
    measure_samples: int = 904  # pictures drawn to measure
    spread: float = 1.0  # scale of the exported latents w around their mean; a little above 1 gives more variety

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "size", SIZES)
        one_of(self, "discriminator", DISCRIMINATORS)
        one_of(self, "loss", losses.ADVERSARIAL)
        for name in ("latent", "penalty_every"):
            at_least(self, name, 1)
        for name in ("capacity", "max_channels"):
            at_least(self, name, 8)
        at_least(self, "view", 32)
        at_least(self, "measure_samples", 2)
        for name in (
            "g_lr", "d_lr", "r1", "gradient_penalty", "reset_discriminator_every", "augment_strength", "coverage",
            "pair_noise", "code", "l1", "ssim", "spread",
        ):  # fmt: skip
            at_least(self, name, 0)
        below_one(self, "beta1", "beta2")
        shares(self, "decay")
        at_least(self, "batch", 2)


@dataclass(frozen=True)
class Codes:
    """A linear map from descriptions of pictures to latents: whitened principal components of the training pictures."""

    mean: Tensor  # (D,)
    axes: Tensor  # (D, K): a description times this is a latent
    weight: Tensor  # (K,) deviation of each component, summing to 1

    def encode(self, parts: Sequence[Tensor]) -> Tensor:
        """Parts of a description, each (N, D_i) -> latents (N, K)."""
        return (torch.cat(list(parts), 1) - self.mean) @ self.axes


def find_codes(parts: Sequence[Tensor], latent: int) -> Codes:
    """Principal components of descriptions, the first ``latent`` of them, scaled to unit variance.

    Each of the ``parts`` (N, D_i) weighs the same, and so does every number within a part.
    """
    scales = [(p.std(0).clamp_min(1e-4) * p.shape[1] ** 0.5).reciprocal() for p in parts]
    description, scale = torch.cat(list(parts), 1), torch.cat(scales)
    mean = description.mean(0)
    _, spread, axes = torch.linalg.svd(((description - mean) * scale).double(), full_matrices=False)
    if len(spread) < latent:  # fewer pictures than latent numbers: the rest stays free
        spread = F.pad(spread, (0, latent - len(spread)), value=float(spread[-1]))
        axes = F.pad(axes, (0, 0, 0, latent - len(axes)))
    spread, axes = spread[:latent], axes[:latent]
    deviation = (spread / (len(description) - 1) ** 0.5).clamp_min(1e-6)
    weight = deviation * axes.square().sum(1)
    return Codes(mean, ((axes / deviation[:, None]).T.float() * scale[:, None]), (weight / weight.sum()).float())


class View(nn.Module):
    """What is seen of pictures: their frozen features (if any), and a description for the codes."""

    def __init__(self, backbone: Lite0 | None, size: int) -> None:
        super().__init__()
        self.backbone, self.size = backbone, size

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """(N, C, H, W) in [-1, 1] -> the backbone's maps, or none."""
        return [] if self.backbone is None else self.backbone(imagenet_input(pictures, self.size))

    def describe(self, pictures: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """A thumbnail of 8x8 (or 7x7) and the mean of each channel of the coarser maps, each (N, D_i)."""
        thumbnail = F.adaptive_avg_pool2d(pictures, 7 if pictures.shape[-1] == 28 else 8).flatten(1)
        return [thumbnail, *(m.mean((2, 3)) for m in maps[1:])]


class Judges(nn.ModuleDict):
    """The discriminators together: [pictures, maps...] -> logits (N, K), each discriminator weighing the same."""

    def forward(self, seen: list[Tensor]) -> Tensor:
        logits = []
        if "plain" in self:
            logits.append(self["plain"](seen[0]))
        if "projected" in self:
            logits.append(self["projected"](seen[1:]))
        widest = max(part.shape[1] for part in logits)
        return torch.cat([part.repeat(1, widest // part.shape[1]) for part in logits], 1)


def normalised(z: Tensor) -> Tensor:
    """Latents (N, K) scaled to unit mean square, as the mapping network sees them."""
    return z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)


class GeneratorTask(PictureTask[Generator, GeneratorTrainOptions]):
    """The generator's side of the loop; see :class:`editing.training.loop.Task`."""

    name = "generator"
    columns: tuple[str, ...] = (
        "loss_g", "loss_d", "real", "fake", "coverage", "code", "l1", "ssim", "penalty",
        "variety", "overfitting", "fd", "kid", "diversity", "novelty", "fd_raw", "diversity_raw",
    )  # fmt: skip

    def __init__(
        self,
        options: GeneratorTrainOptions,
        pictures: Pictures,
        training: Sequence[int],
        held_out: Sequence[int],
        *,
        device: torch.device,
        world: World,
    ) -> None:
        config = GeneratorConfig(
            size=options.size, channels=options.channels, latent=options.latent,
            capacity=options.capacity, max_channels=options.max_channels,
        )  # fmt: skip
        self.betas = options.beta1, options.beta2
        super().__init__(options, device, lambda: Generator(config), options.g_lr, self.betas)
        self.world, self.pictures, self.training, self.held_out = world, pictures, list(training), list(held_out)
        projected = options.discriminator in ("projected", "both")
        self.view = View(load_lite0() if projected else None, options.view).to(device)
        self.judges = self._new_judges()
        self.networks["discriminator"] = self.judges
        self.optimizers["discriminator"] = adam(self.judges, options.d_lr, self.betas)
        self.drawing: nn.Module = self.network
        self.judging: nn.Module = self.judges
        if world.size > 1:
            places = [device] if device.type == "cuda" else None
            self.drawing = DistributedDataParallel(self.network, device_ids=places, broadcast_buffers=False)
            self.judging = DistributedDataParallel(self.judges, device_ids=places, broadcast_buffers=False)
        self.codes, self.latents = self._find_latents()
        fixed = torch.Generator().manual_seed(options.seed + 1)
        self.fixed_z = torch.randn(64, options.latent, generator=fixed)
        self.measure_z = torch.randn(options.measure_samples, options.latent, generator=fixed)
        self._measured: tuple[nn.Module, metrics.Features, metrics.Features] | None = None
        self._known: tuple[Tensor, float] | None = None

    def _set_rates(self) -> None:
        """Learning rates for where the training is: as the options say, and falling to nothing at its end."""
        options = self.options
        left = min(1.0, (1 - self.progress) / options.decay) if options.decay else 1.0
        for name, rate in (("generator", options.g_lr), ("discriminator", options.d_lr)):
            for group in self.optimizers[name].param_groups:
                group["lr"] = rate * left

    def _new_judges(self) -> Judges:
        options, judges = self.options, Judges()
        if options.discriminator in ("plain", "both"):
            judges["plain"] = Discriminator(DiscriminatorConfig(size=options.size, channels=options.channels))
        if options.discriminator in ("projected", "both"):
            judges["projected"] = ProjectedDiscriminator(Lite0.WIDTHS)
        return placed(judges, self.device)

    @torch.no_grad()
    def _find_latents(self) -> tuple[Codes, Tensor]:
        """The codes, and the latent of every training picture as it is and mirrored, (2, N, latent)."""
        parts: list[list[Tensor]] = []
        for mirrored in (False, True):
            for start in range(0, len(self.training), 64):
                x = self.pictures.subset(self.training[start : start + 64]).to(self.device)
                x = x.flip(3) if mirrored else x
                parts.append(self.view.describe(x, self.view.maps(x)))
        joined = [torch.cat(columns).cpu() for columns in zip(*parts, strict=True)]
        found = find_codes(joined, self.options.latent)
        latents = normalised(found.encode(joined)).reshape(2, len(self.training), -1)
        codes = Codes(*(part.to(self.device) for part in (found.mean, found.axes, found.weight)))
        return codes, latents.to(self.device)

    def step(self, batch: Batch) -> Mapping[str, Tensor | float]:
        """One step of the discriminator and one of the generator, on the same pictures."""
        options = self.options
        self._set_rates()
        if options.reset_discriminator_every and batch.step and batch.step % options.reset_discriminator_every == 0:
            self._reset_discriminator(batch.step)
        real = batch.pictures.to(self.device)
        count = len(real)
        pairs = count // 2 if options.coverage or options.l1 or options.ssim else 0
        z = torch.randn(count, options.latent).to(self.device, non_blocking=True)  # or it waits for the last step
        if pairs:
            known = self.latents[batch.mirrored[:pairs].long(), batch.index[:pairs]]
            z[:pairs] = known + options.pair_noise * z[:pairs]
        with self.amp():
            fake = self.drawing(z)
        both = torch.cat([real, fake])
        if options.diff_augment:
            both = diff_augment(both, options.augment_strength, pairs=2)
        seen_real, seen_fake = both[:count].detach(), both[count:]
        with torch.no_grad():
            maps_real = self.view.maps(seen_real)
        maps_fake = self.view.maps(seen_fake)
        values = self._teach_judges(batch.step, [seen_real, *maps_real], [seen_fake, *maps_fake])

        self.judges.requires_grad_(False)
        with self.amp():
            logits = self.judges([seen_fake, *maps_fake])  # not through DDP: nothing in them learns from this
        loss = losses.generator_loss(options.loss, logits)
        values["loss_g"] = loss.detach()
        if pairs and options.coverage:
            # the coarse maps alone: what the picture shows, and not how; texture is left to the discriminator
            compared = [m[:pairs] for m in maps_fake[2:]] or [seen_fake[:pairs]]
            wanted = [m[:pairs] for m in maps_real[2:]] or [seen_real[:pairs]]
            values["coverage"] = losses.feature_distance(compared, wanted)
            loss = loss + options.coverage * values["coverage"]
        if pairs and options.l1:
            values["l1"] = losses.l1(*(F.avg_pool2d(x[:pairs], max(4, options.size // 16)) for x in (fake, real)))
            loss = loss + options.l1 * values["l1"]
        if pairs and options.ssim:
            values["ssim"] = 1 - ssim(fake[:pairs], real[:pairs])
            loss = loss + options.ssim * values["ssim"]
        if options.code and pairs < count:
            found = self.codes.encode(self.view.describe(fake, maps_fake))[pairs:]
            error = (found - normalised(z[pairs:])).square().mean(0)
            values["code"] = (error * self.codes.weight).sum()
            loss = loss + options.code * values["code"]
        self.optimizers["generator"].zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimizers["generator"].step()
        _train_learned(self.judges)
        return {name: value.detach() if isinstance(value, Tensor) else value for name, value in values.items()}

    def _teach_judges(self, step: int, real: list[Tensor], fake: list[Tensor]) -> dict[str, Tensor | float]:
        options = self.options
        fake = [x.detach() for x in fake]
        with self.amp():
            logits = self.judging([torch.cat(pair) for pair in zip(real, fake, strict=True)])
        on_real, on_fake = logits.chunk(2)
        loss = losses.discriminator_loss(options.loss, on_real, on_fake)
        values: dict[str, Tensor | float] = {"loss_d": loss.detach(), "real": on_real.mean(), "fake": on_fake.mean()}
        self.optimizers["discriminator"].zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if (options.r1 or options.gradient_penalty) and step % options.penalty_every == 0:
            penalty = torch.zeros((), device=self.device)
            if options.r1:
                penalty = penalty + options.r1 * losses.r1_penalty(self.judges, real)
            if options.gradient_penalty:
                penalty = penalty + options.gradient_penalty * losses.gradient_penalty(self.judges, real, fake)
            values["penalty"] = penalty.detach()
            learned = [p for p in self.judges.parameters() if p.requires_grad]
            slopes = torch.autograd.grad(penalty * options.penalty_every, learned, allow_unused=True)
            for parameter, slope in zip(learned, slopes, strict=True):
                if slope is not None and parameter.grad is not None:
                    if self.world.size > 1:  # DDP's hooks know no second derivatives: the mean is taken here
                        dist.all_reduce(slope)
                    parameter.grad += slope / self.world.size
        self.optimizers["discriminator"].step()
        return values

    def _reset_discriminator(self, step: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.options.seed + step)  # the same in every process
            self.judges.load_state_dict(self._new_judges().state_dict())
        self.optimizers["discriminator"] = adam(self.judges, self.options.d_lr, self.betas)

    def export(self, path: Path) -> None:
        """Write the generator for use: fp16 weights, mean latent, directions, what the novelty of a picture needs.

        A safetensors file whose metadata has, beside what every weight's has, "novelty" (the median distance of
        pictures never trained on to the nearest of "descriptors").
        """
        self.recalibrate()
        known, novelty = self.known()
        write_generator(self.shown, path, spread=self.options.spread, known=known, novelty=novelty)

    @torch.no_grad()
    def draw(self, generator: Generator, z: Tensor) -> Tensor:
        """Pictures of latents (N, latent), on the CPU, in float32, as they are drawn after training."""
        learning = generator.training
        generator.eval()
        pictures = torch.cat([generator(part.to(self.device)).float().cpu() for part in torch.split(z, 64)])
        generator.train(learning)
        return pictures

    def recalibrate(self) -> None:
        """Give the averaged weights the statistics of their own pictures."""
        if self.shown is not self.network:
            fixed = torch.Generator().manual_seed(self.options.seed + 2)
            recalibrate(self.shown, torch.randn(512, self.options.latent, generator=fixed).to(self.device))

    def samples(self) -> Tensor:
        self.recalibrate()
        return self.draw(self.shown, self.fixed_z)

    @torch.no_grad()
    def measure(self) -> Mapping[str, float]:
        self.recalibrate()
        samples = self.draw(self.shown, self.measure_z)
        values = {"variety": self._variety(samples), **self._overfitting(samples)}
        try:
            network, training, held_out = self._data_features()
        except TrainingError:  # MobileNetV2's wheel is an extra: without it there is still the watch above
            return values
        features = metrics.pooled_features(network, samples)
        scores = metrics.score(features, training, held_out)
        values |= {"fd": scores.fd, "kid": scores.kid, "diversity": scores.diversity, "novelty": scores.novelty}
        if self.shown is not self.network:
            raw = metrics.pooled_features(network, self.draw(self.network, self.measure_z))
            data = np.concatenate([training, held_out])
            values["fd_raw"] = metrics.frechet_distance(raw, data)
            values["diversity_raw"] = metrics.diversity(raw) / metrics.diversity(data)
        return values

    def _data_features(self) -> tuple[nn.Module, metrics.Features, metrics.Features]:
        if self._measured is None:
            network = load_mobilenet()
            training = metrics.pooled_features(network, self.pictures.subset(self.training))
            held_out = (
                metrics.pooled_features(network, self.pictures.subset(self.held_out))
                if self.held_out
                else np.zeros((0, training.shape[1]))
            )
            self._measured = network, training, held_out
        return self._measured

    def known(self) -> tuple[Tensor, float]:
        """Descriptors of the training pictures, and the median distance from a held-out picture to the nearest."""
        if self._known is None:
            learned = self.pictures.subset(self.training)
            known = descriptors(learned)
            # a mirrored copy is a copy, too
            nearest = torch.stack([known.float(), descriptors(learned.flip(3)).float()])
            new = descriptors(self.pictures.subset(self.held_out or self.training)).float()
            distances = torch.cdist(new, nearest).amin(0)
            if not self.held_out:
                distances.fill_diagonal_(torch.inf)
            self._known = known, float(distances.min(1).values.median())
        return self._known

    @torch.no_grad()
    def _described(self, pictures: Tensor) -> Tensor:
        parts = []
        for x in torch.split(pictures, 64):
            x = x.to(self.device)
            parts.append(self.codes.encode(self.view.describe(x, self.view.maps(x))))
        return torch.cat(parts) * self.codes.weight

    @torch.no_grad()
    def _variety(self, samples: Tensor) -> float:
        """Mean pairwise distance of some samples' components over that of as many training pictures."""
        count = min(256, len(samples), len(self.training))
        chosen = np.random.default_rng(0).permutation(self.training)[:count].tolist()
        drawn, data = self._described(samples[:count]), self._described(self.pictures.subset(chosen))
        return float(torch.pdist(drawn).mean() / torch.pdist(data).mean())

    @torch.no_grad()
    def _overfitting(self, samples: Tensor) -> dict[str, float]:
        """Where held-out pictures lie for the discriminator: 0 with the training pictures, 1 with generated ones.

        After Karras et al., "Training GANs with Limited Data", 2020.
        """
        if not self.held_out:
            return {}
        count = min(len(self.held_out), 64)
        some = np.random.default_rng(1).permutation(self.training)[:count].tolist()
        shown = [self.pictures.subset(some), self.pictures.subset(self.held_out[:count]), samples[:count]]
        means = []
        for x in shown:
            x = x.to(self.device)
            with self.amp():
                means.append(float(self.judges([x, *self.view.maps(x)]).mean()))
        known, new, fake = means
        return {"overfitting": (known - new) / max(known - fake, 1e-6)}

    def warnings(self, values: Mapping[str, float]) -> Iterable[str]:
        """Words about collapse and overfitting, with the flags that help."""
        if values.get("diversity", values.get("variety", 1.0)) < 0.7:
            yield (
                "the samples are much alike (mode collapse?); what helps: a larger --coverage or --code, a smaller "
                "--d-lr, --gradient-penalty or --r1, --reset-discriminator-every, a larger --batch"
            )
        if values.get("overfitting", 0.0) > 0.6:
            yield (
                "the discriminator knows the training pictures by heart; what helps: --diff-augment with a larger "
                "--augment-strength, --r1, a smaller --d-lr, more pictures"
            )


def _train_learned(judges: nn.Module) -> None:
    """Let the discriminator learn again, but for its frozen random convolutions."""
    judges.requires_grad_(True)
    for module in judges.modules():
        if isinstance(module, ProjectedDiscriminator):
            module.within.requires_grad_(False)
            module.across.requires_grad_(False)


DIRECTIONS = 8  # principal components that are stored with a weight
DESCRIPTOR = 8  # side of the thumbnails by which novelty is judged without a training extra


@torch.no_grad()
def find_directions(generator: Generator, count: int, seed: int = 0, samples: int = 2000) -> tuple[Tensor, Tensor]:
    """The mean of w (style,) and steps in w along the principal components of the early features (count, style).

    After GANSpace (Härkönen et al., NeurIPS 2020), for generators whose first layers are not w itself: the components
    of what leaves the 8x8 block are found, and w is regressed on them. A step is one standard deviation long.
    """
    z = torch.from_numpy(np.random.RandomState(seed).randn(samples, generator.config.latent)).float()
    z = z.to(generator.mean_latent.device)
    w = torch.cat([generator.mapping(part) for part in torch.split(z, 256)])
    block = min(1, len(generator.blocks) - 1)
    features = torch.cat(
        [F.adaptive_avg_pool2d(generator.features(p, block), 4).flatten(1) for p in torch.split(w, 256)]
    )
    mean = w.mean(0)
    centred = (features - features.mean(0)).double()
    _, _, axes = torch.svd_lowrank(centred, q=min(count + 8, *centred.shape), niter=4)
    scores = centred @ axes[:, :count]
    scores = scores / scores.std(0)
    found = (
        scores.T @ (w - mean).double() / len(w)
    )  # least squares, since the scores are uncorrelated with unit variance
    largest = found.gather(1, found.abs().argmax(1, keepdim=True))
    return mean, (found * largest.sign()).float()  # a fixed sign, whatever the decomposition gave


@torch.no_grad()
def spread_latents(generator: Generator, mean: Tensor, factor: float) -> None:
    """Change the mapping network so that w becomes mean + factor x (w - mean), mean (style,): truncation's opposite."""
    mapping = generator.mapping_network
    last = mapping.layers[-1]
    assert isinstance(last, nn.Linear)
    for weight in (mapping.straight.weight, last.weight):
        weight.mul_(factor)
    last.bias.mul_(factor).add_(mean, alpha=1 - factor)


def descriptors(pictures: Tensor) -> Tensor:
    """(N, C, H, W) in [-1, 1] -> (N, 192 or 64) int8: the thumbnail of 8x8 numbers a channel, in steps of 1/127.

    Small enough to ship for every training picture, and enough to tell how near a drawn picture comes to one; far too
    coarse to show anybody.
    """
    return F.adaptive_avg_pool2d(pictures, DESCRIPTOR).flatten(1).mul(127).round().clamp(-127, 127).to(torch.int8)


def write_generator(trained: Generator, path: Path, *, spread: float, known: Tensor, novelty: float) -> None:
    """Write ``trained`` with its latents spread, mean latent and directions found anew."""
    generator = Generator(trained.config, DIRECTIONS).eval().to(trained.mean_latent.device)
    generator.load_state_dict({**trained.state_dict(), "directions": generator.directions})
    spread_latents(generator, find_directions(generator, 1)[0], spread)
    mean, directions = find_directions(generator, DIRECTIONS)
    generator.mean_latent.copy_(mean)
    generator.directions[: len(directions)].copy_(directions)
    tensors = {**generator.state_dict(), "descriptors": known}
    write_weights(path, tensors, **generator.config.metadata(), novelty=f"{novelty:.4f}")


def run(options: GeneratorTrainOptions) -> None:
    """Train, then write OUT/generator.safetensors; raises TrainingError, TrainOptionError or Stopped."""
    state = load_checkpoint(options.out / "last.pt") if options.resume else None
    device = pick_device(options)
    with processes(device) as world:
        pictures = load_folders(options.data, options.also, options.size, options.channels, options.cache_folder)
        training, held_out = hold_out(pictures.names, options.hold_out)
        if world.first:
            start_folder(options)
            text = "".join(f"{pictures.names[i]}\n" for i in held_out)
            (options.out / "held_out.txt").write_text(text, encoding="utf-8")
            tqdm.write(
                f"{len(training)} pictures to learn from, {len(held_out)} held out, "
                f"{len(pictures.skipped)} broken files skipped"
            )
            try:
                backbone_file(MOBILENET)
            except TrainingError as error:
                tqdm.write(f"FD, KID, diversity and novelty are not measured: {error}")
        task = GeneratorTask(options, pictures, training, held_out, device=device, world=world)
        first = restore(task, state, options.out / "last.pt") if state else 0
        placed = torch.tensor(pictures.array, device=device) if device.type == "cuda" else None
        stream = batches(
            pictures, training, batch=options.batch, seed=options.seed, first=first, steps=options.steps,
            rank=world.rank, world=world.size, placed=placed,
        )  # fmt: skip
        train(task, options, stream, world, first)
