"""How good, how varied and how new generated pictures are, measured with MobileNetV2's features.

Fréchet distance after Heusel et al. 2017 and kernel distance after Bińkowski et al. 2018, both on the 1280 pooled
features of MobileNetV2 instead of Inception's 2048, so numbers compare only with numbers made here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from editing.training.backbones import IMAGENET_MEAN, IMAGENET_STD

Features = NDArray[np.float64]


def pooled_features(network: nn.Module, pictures: Tensor, batch: int = 32) -> Features:
    """(N, 1 or 3, H, W) in [-1, 1] -> (N, 1280): resized to 224 (bicubic, antialiased), normalised, pooled."""
    mean = torch.tensor(IMAGENET_MEAN)[:, None, None]
    std = torch.tensor(IMAGENET_STD)[:, None, None]
    rows = []
    with torch.no_grad():
        for part in torch.split(pictures.float().cpu(), batch):
            x = part.expand(-1, 3, -1, -1) * 0.5 + 0.5
            x = F.interpolate(x, size=(224, 224), mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
            x = ((x - mean) / std).contiguous(memory_format=torch.channels_last)
            rows.append(network(x).mean((2, 3)).double())
    return torch.cat(rows).numpy()


def frechet_distance(a: Features, b: Features) -> float:
    """|mean_a - mean_b|² + tr(A + B - 2 (A B)^½), with A and B the covariances of (N, D) and (M, D) features."""
    # The trace of (A B)^½ is the sum of the singular values of Xa Xb^T, where A = Xa^T Xa and B = Xb^T Xb: no matrix
    # square root, and no more than N x M numbers when there are fewer samples than features.
    xa = (a - a.mean(0)) / np.sqrt(len(a) - 1)
    xb = (b - b.mean(0)) / np.sqrt(len(b) - 1)
    cross = torch.linalg.svdvals(torch.from_numpy(xa @ xb.T)).sum().item()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + (xa**2).sum() + (xb**2).sum() - 2 * cross)


def kernel_distance(a: Features, b: Features) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)³: KID, on all samples at once."""

    def kernel(x: Features, y: Features) -> Features:
        out: Features = (x @ y.T / x.shape[1] + 1) ** 3
        return out

    aa, bb = kernel(a, a), kernel(b, b)
    n, m = len(a), len(b)
    within = (aa.sum() - np.trace(aa)) / (n * (n - 1)) + (bb.sum() - np.trace(bb)) / (m * (m - 1))
    return float(within - 2 * kernel(a, b).mean())


def diversity(features: Features) -> float:
    """Mean distance between two different rows of (N, D) features."""
    distances = torch.pdist(torch.from_numpy(features))
    return float(distances.mean())


def novelty(features: Features, training: Features) -> NDArray[np.float64]:
    """(N,) distances of each row to its nearest row of the training pictures' features."""
    distances: NDArray[np.float64] = (
        torch.cdist(torch.from_numpy(features), torch.from_numpy(training)).min(1).values.numpy()
    )
    return distances


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What :func:`score` measured."""

    fd: float  # Fréchet distance to all pictures; lower is better
    kid: float  # kernel distance to all pictures, x 1000; lower is better
    diversity: float  # mean pairwise distance over the pictures' own; 1 is as varied as the data
    novelty: float  # median distance to the nearest training picture over the held-out pictures' median


def score(samples: Features, training: Features, held_out: Features) -> Scores:
    """Compare samples with the data: all pictures for FD, KID and diversity, the two parts for novelty.

    ``held_out`` may be empty (0, D): novelty is then relative to the training pictures among themselves.
    """
    everything = np.concatenate([training, held_out])
    if len(held_out):
        usual = float(np.median(novelty(held_out, training)))
    else:
        distances = torch.cdist(torch.from_numpy(training), torch.from_numpy(training))
        usual = float(distances.fill_diagonal_(torch.inf).min(1).values.median())
    return Scores(
        fd=frechet_distance(samples, everything),
        kid=kernel_distance(samples, everything) * 1000,
        diversity=diversity(samples) / diversity(everything),
        novelty=float(np.median(novelty(samples, training))) / usual,
    )
