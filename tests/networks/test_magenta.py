"""Magenta's network: its styles are rows, and tiles with the whole's statistics are parts of it."""

from __future__ import annotations

import torch

from editing.networks.magenta import BLOCKS, WIDTHS, Magenta, MagentaConfig, from_onnx


def small() -> Magenta:
    torch.manual_seed(0)
    network = Magenta(MagentaConfig(styles=3)).eval()
    network.styles.data.normal_(0, 0.3)
    return network


def test_each_photo_gets_its_own_style() -> None:
    network = small()
    photo, codes = torch.rand(1, 3, 32, 36), torch.eye(3)
    with torch.no_grad():
        made = network(photo.expand(3, -1, -1, -1), codes)
        alone = torch.cat([network(photo, code[None]) for code in codes])
    assert made.shape == (3, 3, 32, 36)
    assert made.min() >= 0
    assert made.max() <= 1
    assert torch.allclose(made, alone, atol=1e-5)
    assert (made[0] - made[1]).abs().mean() > 0.01


def test_tiles_with_the_statistics_of_the_whole_are_parts_of_it() -> None:
    network = small()
    photo, code = torch.rand(1, 3, 16, 192), torch.eye(3)[:1]
    with torch.no_grad():
        whole, statistics = network(photo, code), network.statistics(photo, code)
        tile = network(photo[..., :140], code, statistics)
    seen = 140 - -(-network.config.reach // 4) * 4
    assert torch.allclose(tile[..., :seen], whole[..., :seen], atol=1e-5)
    assert not torch.allclose(tile, whole[..., :140], atol=1e-3)


def test_the_wheels_tensors_find_their_places() -> None:
    names = [f"contract.{i}" for i in range(3)] + [f"res.{i}.{j}" for i in range(BLOCKS) for j in range(2)]
    names += [f"expand.{i}" for i in range(3)]
    network, given = Magenta(MagentaConfig(styles=2)).requires_grad_(False), {}
    convolutions = [value for name, value in network.state_dict().items() if name != "styles"]
    for i, (name, width, weight) in enumerate(zip(names, WIDTHS, convolutions, strict=True)):
        given |= {f"{name}.w": torch.full_like(weight, float(i))}
        given |= {
            f"{name}.norm.gamma": torch.full((2, width), 1.0 + i),
            f"{name}.norm.beta": torch.full((2, width), -1.0),
        }
    network.load_state_dict(from_onnx(given))
    assert float(network.first.weight.mean()) == 0
    assert float(network.last.weight.mean()) == len(names) - 1
    rows = torch.split(network.styles, [width for width in WIDTHS for _ in range(2)], 1)
    assert [float(row.mean()) for row in rows[::2]] == list(range(len(names)))
    assert all(float(row.mean()) == -1 for row in rows[1::2])
