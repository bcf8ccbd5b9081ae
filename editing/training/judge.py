"""Training what tells noise: ``python -m editing.training.judge --data DIR --out noise.safetensors``.

From photographs without noise (most made half as large, so that little of their own JPEG is left), noise made for them:
none, none but a JPEG, white, white through JPEG, and as cameras leave it. Forty numbers of each
(:func:`editing.pipelines.noise.traits`) and a network with one hidden layer, three times from other beginnings, which
ship as one. It learns the logarithm of the deviation before any JPEG, and whether the noise is other than white.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from editing.errors import EditingError, TrainingError
from editing.pipelines.noise import traits
from editing.settings import written
from editing.training.data import find_pictures, hold_out
from editing.training.degradations import Floats, camera_noise, gaussian_noise, jpeg, luma, to_bytes
from editing.training.photos import Bytes, read_photo

KINDS = {"none": 0.1, "compressed": 0.14, "white": 0.28, "white compressed": 0.2, "camera": 0.28}
WIDTH = 24  # of the hidden layer, each time
TIMES = 3
SIGMAS = (2.0, 60.0)
QUALITIES = (55, 99)


def make_sample(pictures: Sequence[Path], seed: int) -> tuple[Bytes, str, float]:
    """A picture with noise, the noise's kind and its deviation of 255: a function of the pictures and the seed."""
    random = np.random.default_rng([0, seed])
    picture = read_photo(pictures[int(random.integers(len(pictures)))]).astype(np.float32)
    if random.random() < 0.85:
        share = random.uniform(0.35, 0.75)
        picture = np.asarray(cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.float32)
    side = int(random.integers(160, 513))
    top, left = (int(random.integers(0, max(1, length - side + 1))) for length in picture.shape[:2])
    clean: Floats = np.asarray(np.rint(picture[top : top + side, left : left + side]) / 255, np.float32)
    gray = random.random() < 0.08
    if gray:
        clean = luma(clean)
    kind = str(random.choice(list(KINDS), p=list(KINDS.values())))
    sigma = 0.0 if kind in ("none", "compressed") else math.exp(random.uniform(*np.log(SIGMAS)))
    noisy = clean
    if kind.startswith("white"):
        alike = gray or random.random() < 0.15
        noisy = clean + gaussian_noise((*clean.shape[:2], 1) if alike else clean.shape, sigma / 255, random)
    elif kind == "camera":
        noisy = camera_noise(clean, sigma / 255, random)
    if kind.endswith("compressed"):
        noisy = jpeg(np.asarray(np.clip(noisy, 0, 1), np.float32), int(random.integers(*QUALITIES)))
    return np.repeat(to_bytes(noisy), 3, 2) if gray else to_bytes(noisy), kind, sigma


def samples(pictures: Sequence[Path], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Traits (N, 40), deviations (N,) of 255, and (N,) whether the noise is other than white."""
    rows: list[NDArray[np.float64]] = []
    facts: list[tuple[float, bool]] = []
    for seed in tqdm(range(count), desc="samples", unit="picture", leave=False):
        picture, kind, sigma = make_sample(pictures, seed)
        seen = traits(picture)
        if seen is not None:
            rows.append(seen)
            facts.append((sigma, kind not in ("none", "white")))
    if not rows:
        raise TrainingError("None of the pictures is large enough to tell noise in it")
    told = torch.tensor(facts, dtype=torch.float32)
    return torch.tensor(np.array(rows), dtype=torch.float32), told[:, 0], told[:, 1]


def learned(seen: Tensor, sigmas: Tensor, others: Tensor, steps: int, seed: int) -> nn.Sequential:
    """One network: normalised traits to the logarithm of 1 + deviation, and to the logit of other than white."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(seen.shape[1], WIDTH), nn.Tanh(), nn.Linear(WIDTH, 2))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.01)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / steps)
        chosen = torch.randint(len(seen), (256,))
        # A little noise of its own: two thousand pictures could be learned by heart.
        level, other = network(seen[chosen] + 0.05 * torch.randn(256, seen.shape[1])).unbind(1)
        noisy = sigmas[chosen] > 0
        loss = 5 * F.huber_loss(level, torch.log1p(sigmas[chosen]), delta=0.2)
        if noisy.any():  # without noise neither is wrong
            loss = loss + F.binary_cross_entropy_with_logits(other[noisy], others[chosen][noisy])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return network


def judge_of(seen: Tensor, sigmas: Tensor, others: Tensor, steps: int) -> dict[str, Tensor]:
    """The tensors that :func:`editing.pipelines.noise.judge` reads: :data:`TIMES` networks side by side, averaged."""
    mean, deviation = seen.mean(0), seen.std(0) + 1e-6
    networks = [learned((seen - mean) / deviation, sigmas, others, steps, seed) for seed in range(TIMES)]
    first = [network.get_submodule("0") for network in networks]
    last = [network.get_submodule("2") for network in networks]
    return {
        "mean": mean,
        "deviation": deviation,
        "first.weight": torch.cat([layer.get_parameter("weight").detach() for layer in first]),
        "first.bias": torch.cat([layer.get_parameter("bias").detach() for layer in first]),
        "last.weight": torch.cat([layer.get_parameter("weight").detach() for layer in last], 1) / TIMES,
        "last.bias": torch.stack([layer.get_parameter("bias").detach() for layer in last]).mean(0),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Make samples, learn, write the file; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m editing.training.judge", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--hold-out", type=int, default=0, metavar="N")
    parser.add_argument("--samples", type=int, default=2300, metavar="N")
    parser.add_argument("--steps", type=int, default=2500, metavar="N")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    given = parser.parse_args(argv)
    try:
        pictures = find_pictures(given.data)
        kept, _ = hold_out([path.relative_to(given.data).as_posix() for path in pictures], given.hold_out)
        tensors = judge_of(*samples([pictures[i] for i in kept], given.samples), given.steps)
        with written(given.out) as part:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, metadata={"format": "pt"})
    except (EditingError, OSError) as error:
        sys.stderr.write(f"judge: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
