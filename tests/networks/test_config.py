"""What a weight's metadata may say of its network, and what it may not."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

import pytest
import torch

from editing.networks.compact import Compact, CompactConfig
from editing.networks.config import Config
from editing.networks.damage import DamageConfig, DamageFinder
from editing.networks.denoiser import Denoiser, DenoiserConfig
from editing.networks.generator import Generator, GeneratorConfig
from editing.networks.magenta import Magenta, MagentaConfig
from editing.networks.repairer import Repairer, RepairerConfig
from editing.networks.stylizer import Stylizer, StylizerConfig

KINDS: list[type[Config]] = [
    CompactConfig, DamageConfig, DenoiserConfig, GeneratorConfig, MagentaConfig, RepairerConfig, StylizerConfig,
]  # fmt: skip
NETWORKS = {
    "compact": Compact,
    "damage": DamageFinder,
    "denoiser": Denoiser,
    "generator": Generator,
    "magenta": Magenta,
    "repairer": Repairer,
    "stylizer": Stylizer,
}
PARTS = [(kind, part.name) for kind in KINDS for part in fields(kind)]
WRONG = [
    "null", "true", '"8"', "8.0", "NaN", "Infinity", "-1", "1000000000", "9" * 5000, "[]", "[8.5]", "[true]", '["8"]',
    "[[]]", "[[8, [8]]]", "[NaN, 8, 8]", "[8, 8, 1e9]", "[8, 8, 100000]", f"[{'8,' * 50}8]", f"[{'[8],' * 50}[8]]",
    "{}", "[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.network)
def test_what_is_written_is_read(kind: type[Config]) -> None:
    config = kind()
    assert kind.from_json(config.to_json()) == config
    assert kind.from_json("{}") == config  # what is not said is as it was before it could be
    assert config.metadata() == {"network": kind.network, "config": json.dumps(asdict(config))}
    assert NETWORKS[kind.network](kind.from_json(config.to_json())).config == config


def test_lists_are_tuples_again() -> None:
    config = StylizerConfig.from_json('{"widths": [8, 8, 16], "encoder": [[4, 4], [6]]}')
    assert (config.widths, config.encoder) == ((8, 8, 16), ((4, 4), (6,)))
    assert hash(config) == hash(StylizerConfig(widths=(8, 8, 16), encoder=((4, 4), (6,))))


@pytest.mark.parametrize(("kind", "name"), PARTS, ids=lambda part: getattr(part, "network", part))
def test_no_part_takes_another_type_or_a_wild_number(kind: type[Config], name: str) -> None:
    like = getattr(kind(), name)
    for text in WRONG:
        if text == "true" and type(like) is bool:
            continue
        with pytest.raises(ValueError, match=rf"{name} is |not a {kind.network}'s|Exceeds the limit"):
            kind.from_json(f'{{"{name}": {text}}}')


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"more": 1}', '{"network": "denoiser"}', "\0"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.network)
def test_other_texts_are_refused(kind: type[Config], text: str) -> None:
    with pytest.raises(ValueError, match=rf"not a {kind.network}'s configuration|Expecting"):
        kind.from_json(text)


LARGEST: dict[type[Config], dict[str, Any]] = {
    CompactConfig: {"width": 1024, "depth": 256, "expansion": 4096},
    DamageConfig: {"widths": (1024,) * 6, "blocks": 16},
    DenoiserConfig: {"widths": (1024,) * 6, "blocks": 16},
    GeneratorConfig: {
        "size": 256, "latent": 1024, "style": 1024, "mapping_layers": 64, "capacity": 2**20, "max_channels": 1024,
    },
    MagentaConfig: {"styles": 1024},
    RepairerConfig: {"widths": (1024,) * 7, "going": 16, "coming": 16},
    StylizerConfig: {
        "widths": (1024,) * 3, "blocks": 64, "code": 1024, "encoder": ((1024,) * 8,) * 8, "hidden": 4096,
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not CompactConfig], ids=lambda kind: kind.network)
def test_the_largest_takes_no_memory_before_there_are_numbers_for_it(kind: type[Config]) -> None:
    config = kind(**LARGEST[kind])
    with torch.device("meta"):
        network = NETWORKS[kind.network](config)
    state = network.state_dict()
    assert all(value.is_meta for value in state.values())
    assert {*dict(network.named_parameters()), *dict(network.named_buffers())} == state.keys()  # nothing else to fill
