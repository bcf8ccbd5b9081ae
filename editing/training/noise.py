"""Noise for a batch of pictures at once, in PyTorch on the device that learns: white, and as cameras leave it.

Pictures are (N, 3, H, W) float32 in [0, 1]; deviations (N, 1, 1, 1) in the same units. What stands here does in batches
what :func:`editing.training.degradations.camera_noise` does to one picture in NumPy, which measures.
"""

from __future__ import annotations

import torch
from torch import Tensor

from editing.training.scans import Draw, blurred, jpeg

COMPRESSED = 0.5  # share of what cameras leave that goes through a JPEG
QUALITY = (60.0, 99.0)
WIDE = 0.8  # share of the noise that is in blotches
SPREAD = (0.3, 1.0)  # deviation of the blur that makes these, in pixels


def white(pictures: Tensor, sigma: Tensor, gray: Tensor, clipped: float, draw: Draw) -> Tensor:
    """With white noise, in all channels alike where ``gray`` (N, 1, 1, 1); a share is clipped and rounded to 8 bits."""
    noise = draw.noise(3, *pictures.shape[2:])
    noise = torch.where(gray, noise[:, :1], noise)
    noisy = pictures + sigma * noise
    return torch.where(draw.chance(clipped), rounded(noisy), noisy)


def rounded(pictures: Tensor) -> Tensor:
    """As in a file of 8 bits."""
    return (pictures.clamp(0, 1) * 255).round() / 255


def camera(pictures: Tensor, sigma: Tensor, gray: Tensor, draw: Draw) -> Tensor:
    """With noise as cameras leave it: more in bright parts, in blotches, coloured, clipped, half of it through JPEG."""
    size = pictures.shape[2:]
    shared = torch.where(gray, 1.0, draw.uniform(0, 0.5))
    noise = (1 - shared).sqrt() * draw.noise(3, *size) + shared.sqrt() * draw.noise(1, *size)
    photons = draw.uniform(0, 1)
    bright = pictures.clamp(0, 1) / pictures.mean((1, 2, 3), keepdim=True).clamp(min=0.05)
    noise = noise * (photons * bright + 1 - photons).sqrt()
    noise = torch.where(draw.chance(WIDE), blurred(noise, draw.uniform(*SPREAD), 3), noise)
    noise = noise * (sigma / noise.std((1, 2, 3), keepdim=True).clamp(min=1e-6))
    noisy = (pictures + noise).clamp(0, 1)
    some, part = draw.some(COMPRESSED)
    if part.count:
        noisy[some] = jpeg(noisy[some], torch.floor(part.uniform(*QUALITY)), part)
    return torch.where(draw.chance(0.2), noisy, rounded(noisy))
