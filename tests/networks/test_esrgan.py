"""RRDBNet to learn with: the same function as spandrel's, under names that spandrel reads, with fewer blocks."""

from __future__ import annotations

import pytest
import torch
from spandrel import MAIN_REGISTRY

from editing.networks.esrgan import Esrgan, EsrganConfig, config_of_state, without_blocks


def network(**changes: int) -> Esrgan:
    torch.manual_seed(0)
    return Esrgan(EsrganConfig(**{"width": 16, "blocks": 3, **changes})).eval()


@pytest.mark.parametrize("scale", [2, 4])
def test_it_is_what_spandrel_makes_of_its_file(scale: int) -> None:
    made, x = network(scale=scale), torch.rand(1, 3, 9, 12)
    known = MAIN_REGISTRY.load({name: value.clone() for name, value in made.state_dict().items()})
    assert known.architecture.name == "ESRGAN"
    assert known.scale == scale
    with torch.no_grad():
        result = made(x)
        assert result.shape == (1, 3, 9 * scale, 12 * scale)
        assert torch.allclose(known.model.eval()(x), result, atol=1e-5)


def test_a_state_says_what_it_is_made_of() -> None:
    for changes in ({}, {"scale": 2, "channels": 1}, {"blocks": 12, "growth": 8}):
        made = network(**changes)
        assert config_of_state(made.state_dict()) == made.config
    with pytest.raises(ValueError, match="no RRDBNet"):
        config_of_state({"body.0.weight": torch.zeros(3)})


def test_fewer_blocks_are_the_same_network_without_the_others() -> None:
    made, x = network(), torch.rand(1, 3, 8, 8)
    fewer = network(blocks=2)
    fewer.load_state_dict(without_blocks(made.state_dict(), (0, 2)))
    with torch.no_grad():
        wanted = made.conv_first(x)
        wanted = wanted + made.conv_body(made.body[2](made.body[0](wanted)))
        seen: list[torch.Tensor] = []
        handle = fewer.conv_body.register_forward_hook(lambda _, __, out: seen.append(out))
        fewer(x)
        handle.remove()
        assert torch.allclose(made.conv_first(x) + seen[0], wanted, atol=1e-6)
