"""Networks that others trained, in spandrel's own classes: what they ask of sizes and tiles is followed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from spandrel.architectures.DAT import DAT
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.PLKSR import PLKSR
from spandrel.architectures.SCUNet import SCUNet
from spandrel.architectures.SPAN import SPAN
from spandrel.architectures.SwinIR import SwinIR

from editing import runtime
from editing.costs import Cost
from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pipelines import upscale
from editing.pipelines.upscale import Upscaler

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # spandrel's SwinIR

SMALL: dict[str, Any] = {"depths": [2], "num_heads": [2], "embed_dim": 8}
NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    "SwinIR": lambda: SwinIR(**SMALL, window_size=8, upscale=2, upsampler="pixelshuffle"),
    "SwinIR of 7": lambda: SwinIR(**SMALL, window_size=7, img_size=126, in_chans=1, upsampler=""),
    "SCUNet": lambda: SCUNet(config=[1] * 7, dim=64),
    "DAT": lambda: DAT(depth=[2], num_heads=[2], embed_dim=32, split_size=[8, 16], upscale=2),
    "SPAN": lambda: SPAN(num_in_ch=3, num_out_ch=3, feature_channels=16, upscale=2),
    "PLKSR": lambda: PLKSR(dim=16, n_blocks=2, upscaling_factor=2),
    "ESRGAN x2": lambda: ESRGAN(in_nc=12, num_filters=16, num_blocks=1, scale=4, shuffle_factor=2),
}  # fmt: skip
# Tiles' multiple, overlap, ramp, and whether they are better not cut at all.
WANTED = {
    "SwinIR": (8, 64, 32, True), "SwinIR of 7": (7, 70, 32, True), "SCUNet": (64, 64, 32, True),
    "DAT": (16, 64, 32, False), "SPAN": (1, 40, 16, False), "PLKSR": (1, 40, 16, False),
    "ESRGAN x2": (4, 40, 16, False),
}  # fmt: skip


@pytest.fixture
def network(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upscaler:
    """A small random network, from a file in the user's folder."""
    torch.manual_seed(0)
    state = NETWORKS[request.param]().eval().state_dict()
    save_file({name: value.clone().contiguous() for name, value in state.items()}, tmp_path / "foreign.safetensors")
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    return upscale.load("foreign.safetensors", "fp32")


@pytest.mark.parametrize(("network", "wanted"), WANTED.items(), indirect=["network"], ids=list(WANTED))
def test_tiles_are_what_the_network_asks_for(network: Upscaler, wanted: tuple[int, int, int, bool]) -> None:
    assert (network.align, network.overlap, network.ramp, network.whole) == wanted


@pytest.mark.parametrize("network", NETWORKS, indirect=True)
@pytest.mark.parametrize("size", [(150, 170), (5, 300), (1, 1)], ids=str)
def test_any_size_goes_through_whole_and_in_tiles(network: Upscaler, size: tuple[int, int]) -> None:
    down, across = np.mgrid[0 : size[0], 0 : size[1]]
    waves = 128 + 60 * np.sin(across / 9) * np.cos(down / 7)
    picture = Picture(pixels=np.stack([waves, waves, 255 - waves], 2).astype(np.uint8))
    options = UpscaleOptions(model="foreign.safetensors", precision="fp32", color_lock=False)
    whole, tiled = (
        upscale.upscale(picture, dataclasses.replace(options, tile=tile), network=network) for tile in (1024, 64)
    )
    assert whole.pixels.shape == tiled.pixels.shape == (size[0] * network.scale, size[1] * network.scale, 3)
    difference = np.abs(whole.pixels.astype(int) - tiled.pixels)
    assert difference.mean() < 1
    assert whole.pixels.std() > 0 or size == (1, 1)


@pytest.mark.parametrize("network", ["SwinIR", "SPAN"], indirect=True)
def test_what_is_better_not_cut_is_seen_as_a_whole_while_memory_allows(
    network: Upscaler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Upscaler, "cost", lambda self, *, wait=True, ask=None: Cost(seconds=1e-6, bytes=10_000))
    tiles = []
    for free in (64e9, 10e9, 1e9):
        monkeypatch.setattr(runtime, "free_memory", lambda device="cpu", free=free: int(free))
        options = UpscaleOptions(model="foreign.safetensors", precision="fp32")
        estimate = upscale.estimate(900, 500, options)
        tiles.append((upscale.auto_tile(network, 900, 500, 1800, 1000), estimate.tiles))
    # 900x500 pixels take 4.5 GB: half of 10 is enough, half of 1 is not. Other networks get tiles all the same.
    assert tiles == ([(904, 1), (904, 1), (80, 84)] if network.whole else [(256, 8), (256, 8), (128, 32)])
