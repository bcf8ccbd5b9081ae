"""The shipped enlarger ``photo-exact``: it is what its card says, and better than bicubic resampling."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from editing.networks.compact import CompactConfig
from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pipelines import upscale
from editing.weights.files import path_of, verify
from editing.weights.find import find_weight
from editing.weights.load import load_network, metadata_of


def test_the_file_is_the_one_on_its_card() -> None:
    weight = find_weight("photo-exact", "upscale")
    path = path_of(weight)
    assert path is not None
    assert verify(weight) == weight.sha256
    assert path.stat().st_size < 3e6
    assert weight.sha256 is not None
    assert weight.sha256 in path.with_suffix(".md").read_text(encoding="utf-8")
    config = CompactConfig.from_json(metadata_of(weight)["config"])
    assert (config.scale, config.expansion) == (4, 0)
    network = load_network(weight)
    assert (network.scale, network.input_channels) == (4, 3)


def luma(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    return np.asarray(16 + picture @ np.array([65.481, 128.553, 24.966]) / 255)


def decibels(made: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> float:
    error = (luma(made) - luma(truth))[4:-4, 4:-4]
    return float(10 * np.log10(255**2 / np.mean(error**2)))


@pytest.mark.parametrize("color_lock", [True, False])
def test_it_gives_back_what_a_clean_reduction_took(astronaut: npt.NDArray[np.uint8], color_lock: bool) -> None:
    small = Image.fromarray(astronaut).resize((128, 128), Image.Resampling.BICUBIC)
    plain = np.asarray(small.resize((512, 512), Image.Resampling.BICUBIC))
    options = UpscaleOptions(model="photo-exact", color_lock=color_lock)
    made = upscale.upscale(Picture(pixels=np.asarray(small)), options)
    assert made.pixels.shape == (512, 512, 3)
    assert decibels(made.pixels, astronaut) > decibels(plain, astronaut) + 1.3


def test_tiles_leave_no_seam(astronaut: npt.NDArray[np.uint8]) -> None:
    picture = Picture(pixels=astronaut[:100, 200:330])
    network = upscale.load("photo-exact", "fp32")
    whole, tiled = (
        upscale.upscale(picture, UpscaleOptions(model="photo-exact", tile=tile), network=network).pixels
        for tile in (256, 48)
    )
    assert np.abs(whole.astype(int) - tiled).max() <= 1
