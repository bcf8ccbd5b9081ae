"""The finisher: twice as large, tones kept, parts as the whole."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from editing.networks.finisher import Finisher, FinisherConfig


def small() -> Finisher:
    torch.manual_seed(0)
    network = Finisher(FinisherConfig(size=32, widths=(8, 12), blocks=1, fine=4)).eval()
    with torch.no_grad():
        network.last.weight.normal_(0, 0.1)
    return network


def test_a_fresh_network_enlarges_bicubically_and_a_trained_one_adds_detail() -> None:
    x = torch.rand(2, 3, 32, 32)
    plain = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
    with torch.no_grad():
        assert torch.allclose(Finisher(FinisherConfig(size=32, widths=(8, 12)))(x), plain)
        made = small()(x)
    assert made.shape == (2, 3, 64, 64)
    assert made.dtype == torch.float32
    assert not torch.allclose(made, plain, atol=1e-4)


def test_parts_come_out_as_in_the_whole() -> None:
    x = torch.rand(1, 3, 64, 64)
    network = small()
    with torch.no_grad():
        whole, part = network(x), network(x[..., 16:56, 16:56])
    assert torch.allclose(part[..., 24:56, 24:56], whole[..., 56:88, 56:88], atol=1e-5)


def test_the_shipped_kind_is_small_and_fast_enough() -> None:
    config = FinisherConfig()
    assert config.multiple == 8
    with torch.device("meta"):
        network = Finisher(config)
    assert sum(p.numel() for p in network.parameters()) * 2 < 5.6e6  # bytes in fp16
