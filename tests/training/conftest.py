"""Small pictures to train on, and the cheapest options that still train."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from editing.training.generator import GeneratorTrainOptions


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads; and sums of one thread are the same every time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 pictures of a coloured disc on a coloured ground, in two folders and three formats."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "more").mkdir()
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:40, 0:40]
    for i in range(24):
        ground, disc = random.integers(0, 256, (2, 3))
        centre, radius = random.uniform(12, 28, 2), random.uniform(6, 12)
        inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        picture = np.where(inside[..., None], disc, ground).astype(np.uint8)
        place = root / "more" if i % 2 else root
        Image.fromarray(picture).save(place / f"{i:02d}{('.png', '.jpg', '.webp')[i % 3]}")
    return root


@pytest.fixture
def options(folder: Path, tmp_path: Path) -> Callable[..., GeneratorTrainOptions]:
    """Options of a training of three steps at 16 pixels, with a plain discriminator; keywords change them."""

    def make(**changes: Any) -> GeneratorTrainOptions:
        values: dict[str, Any] = {
            "data": folder, "out": tmp_path / "run", "size": 16, "batch": 4, "steps": 3, "hold_out": 4,
            "discriminator": "plain", "latent": 8, "capacity": 128, "max_channels": 32, "precision": "fp32",
            "checkpoint_every": 2, "sample_every": 0, "measure_every": 0, "log_every": 1, "measure_samples": 20,
        }  # fmt: skip
        return GeneratorTrainOptions(**(values | changes))

    return make
