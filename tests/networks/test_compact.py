"""The compact enlarger: it starts as bicubic, merges exactly, and spandrel reads what it becomes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from spandrel import MAIN_REGISTRY
from torch import nn

from editing.networks.compact import Compact, CompactConfig, Expanded


def small(**changes: int) -> Compact:
    torch.manual_seed(0)
    return Compact(CompactConfig(**{"width": 32, "depth": 2, **changes}))


def shaken(network: Compact) -> Compact:
    """The network with all its numbers changed, as training does."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return network


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("expansion", [0, 8])
def test_it_starts_as_bicubic_enlargement(scale: int, channels: int, expansion: int) -> None:
    network = small(scale=scale, channels=channels, expansion=expansion)
    x = torch.rand(2, channels, 17, 14)
    with torch.no_grad():
        y = network(x)
    assert y.shape == (2, channels, 17 * scale, 14 * scale)
    for picture, enlarged in zip(x.flatten(0, 1), y.flatten(0, 1), strict=True):
        plain = Image.fromarray(picture.numpy()).resize((14 * scale, 17 * scale), Image.Resampling.BICUBIC)
        inner = slice(2 * scale, -2 * scale)  # beyond the border there is black, not a repetition
        assert np.abs(np.asarray(plain) - enlarged.numpy())[inner, inner].max() < 1e-5


def test_every_layer_learns_from_the_start_on() -> None:
    """The start must leave no layer without a slope, or those channels would never do anything."""
    for expansion in (0, 8):
        network = small(expansion=expansion)
        optimizer = torch.optim.Adam(network.parameters(), 1e-3)
        before = [p.detach().clone() for p in network.parameters()]
        for _ in range(3):
            optimizer.zero_grad()
            torch.autograd.backward((network(torch.rand(2, 3, 12, 12)) - 0.5).abs().mean())
            optimizer.step()
        names = [name for name, _ in network.named_parameters()]
        for name, old, new in zip(names, before, network.parameters(), strict=True):
            assert (new - old).abs().max() > 1e-4, name
        free = network.body[0].kernel() if expansion else network.body[0].weight
        assert isinstance(free, torch.Tensor)
        assert (free[27:].detach().abs() > 0).all()


def test_the_merged_network_is_the_same_function() -> None:
    network = shaken(small(expansion=8)).eval()
    merged = network.merged()
    assert not any(isinstance(module, Expanded) for module in merged.modules())
    assert sum(isinstance(module, nn.Conv2d) for module in merged.modules()) == 4
    x = torch.rand(1, 3, 20, 24)
    with torch.no_grad():
        assert (network(x) - small()(x)).abs().max() > 0.01  # it was changed at all
        assert (network(x) - merged(x)).abs().max() < 1e-5
        assert torch.equal(merged(x), merged.merged()(x))


@pytest.mark.parametrize("scale", [2, 4])
def test_spandrel_reads_the_merged_network(scale: int) -> None:
    network = shaken(small(expansion=8, scale=scale)).merged()
    descriptor = MAIN_REGISTRY.load(network.state_dict())
    assert type(descriptor.model).__name__ == "SRVGGNetCompact"
    assert (descriptor.scale, descriptor.input_channels) == (scale, 3)
    x = torch.rand(1, 3, 20, 24)
    with torch.no_grad():
        assert (descriptor.model.eval()(x) - network(x)).abs().max() < 1e-6


def test_the_kernel_stays_exact_under_autocast() -> None:
    network = shaken(small(expansion=8))
    layer = network.body[2]
    assert isinstance(layer, Expanded)
    with torch.autocast("cpu", torch.bfloat16):
        kernel = layer.kernel()
    assert kernel.dtype == torch.float32
    assert torch.equal(kernel, layer.kernel())


def test_the_shipped_size_is_small() -> None:
    network = Compact(CompactConfig())
    assert 2 * sum(p.numel() for p in network.parameters()) < 3e6  # bytes in fp16


def test_the_configuration_survives_json_and_checks_itself() -> None:
    config = CompactConfig(scale=2, width=32, depth=3, expansion=8)
    assert CompactConfig.from_json(config.to_json()) == config
    with pytest.raises(ValueError, match="not a compact"):
        CompactConfig.from_json('{"size": 64}')
    for wrong in ({"scale": 5}, {"channels": 2}, {"width": 26}, {"depth": -1}):
        with pytest.raises(ValueError, match="wanted"):
            CompactConfig(**wrong)
