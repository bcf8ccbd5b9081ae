"""Weights into networks: which network of ours a file is, and tensors that fit or don't."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from editing import doctor
from editing.__main__ import main
from editing.errors import WeightError
from editing.networks.compact import Compact, CompactConfig
from editing.networks.config import Config
from editing.networks.damage import DamageConfig, DamageFinder
from editing.networks.denoiser import Denoiser, DenoiserConfig
from editing.networks.finisher import Finisher, FinisherConfig
from editing.networks.generator import Generator, GeneratorConfig
from editing.networks.magenta import Magenta, MagentaConfig
from editing.networks.repairer import Repairer, RepairerConfig
from editing.networks.stylizer import Stylizer, StylizerConfig
from editing.training.loop import write_weights
from editing.weights.catalogue import CATALOGUE, Shipped, Weight
from editing.weights.files import SHIPPED
from editing.weights.find import find_weight, problems
from editing.weights.load import config_of, fit, metadata, read_config, without_numbers

OURS = {
    "compact": (Compact(CompactConfig(width=27, depth=1)), "upscale", "RealESRGAN Compact x4"),
    "damage": (DamageFinder(DamageConfig(widths=(8, 16))), "damage", "damage finding U-Net, 8-16 channels"),
    "denoiser": (Denoiser(DenoiserConfig(widths=(8, 16))), "clean", "denoising U-Net x1, 8-16 channels"),
    "finisher": (Finisher(FinisherConfig(size=32, widths=(4, 4))), "finish", "finishing U-Net, 32 to 64 px"),
    "generator": (Generator(GeneratorConfig(size=16, capacity=64)), "generate", "FastGAN-like generator, 16 px"),
    "magenta": (Magenta(MagentaConfig(styles=3)), "stylize", "Magenta, 3 styles"),
    "repairer": (Repairer(RepairerConfig(widths=(8, 8))), "restore", "repairing U-Net, 32 px"),
    "stylizer": (Stylizer(StylizerConfig(widths=(4, 4, 8), encoder=((4,),))), "stylize", "stylizer"),
}

NEW = ("damage", "finisher", "magenta")  # their files have always said so


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder named by ATELIER_WEIGHTS."""
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    return tmp_path


# ---- which network a file is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "says"), [*((kind, True) for kind in OURS), *((kind, False) for kind in OURS if kind not in NEW)]
)
def test_a_network_of_ours_is_known_by_what_its_file_says(folder: Path, kind: str, says: bool) -> None:
    network, task, architecture = OURS[kind]
    texts = network.config.metadata() if says else {"config": network.config.to_json()}
    write_weights(folder / "mine.safetensors", network.state_dict(), **texts)
    weight = find_weight("mine.safetensors")
    assert (weight.task, weight.architecture) == (task, architecture)
    assert config_of(weight) == network.config


def test_a_stylizer_from_before_it_had_all_its_fields_is_one(folder: Path) -> None:
    network = OURS["stylizer"][0]
    text = '{"widths": [4, 4, 8], "blocks": 5, "code": 128, "encoder": [[4]], "hidden": 256}'
    write_weights(folder / "old.safetensors", network.state_dict(), config=text)
    assert config_of(find_weight("old.safetensors")) == network.config


@pytest.mark.parametrize("weight", [w for w in CATALOGUE if isinstance(w.source, Shipped)], ids=lambda w: w.name)
def test_every_shipped_network_of_ours_says_what_it_is(weight: Weight) -> None:
    assert isinstance(weight.source, Shipped)
    texts = metadata(SHIPPED / weight.source.file)
    config = read_config(texts)
    if weight.name in ("detector", "recogniser", "landmarks", "noise", "vgg16-front", "int8", "photo-mid"):
        assert config is None  # others', converted; two layers that NumPy computes; scales; RRDBNet's own names
        return
    assert config is not None
    assert texts["network"] == config.network
    task = "upscale" if config.network == "compact" else OURS[config.network][1]
    assert task == weight.task


@pytest.mark.parametrize(
    "texts",
    [
        {}, {"format": "pt"}, {"config": ""}, {"config": "{}"}, {"config": "[]"}, {"config": "{"},
        {"config": "[" * 99999},
        {"config": '{"widths": [8], "blocks": 1}'},
        {"config": '{"going": 1, "widths": [8], "coming": 2}'},
        {"config": '{"widths": [8.0], "going": 1, "coming": 2}'},
        {"network": "RRDBNet", "config": RepairerConfig().to_json()},
        {"network": "", "config": RepairerConfig().to_json()},
    ],
)  # fmt: skip
def test_other_files_are_not_taken_for_ours(texts: dict[str, str]) -> None:
    assert read_config(texts) is None


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("text", ["", "[]", "{", '{"more": 1}', '{"widths": [8, NaN, 9]}', '{"depth": 1e400}'])
def test_a_network_of_ours_whose_description_is_damaged_is_told(kind: str, text: str) -> None:
    with pytest.raises(WeightError, match=f"it is not a whole {kind} "):
        read_config({"network": kind, "config": text})


# ---- tensors ---------------------------------------------------------------------------------------------------------


def test_tensors_are_put_into_a_network_in_its_own_format() -> None:
    trained, network = torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(3, 4, 3)
    fit(network, {f"module.{name}": value.half() for name, value in trained.state_dict().items()}, "x")
    assert network.weight.dtype == torch.float32
    assert torch.equal(network.weight, trained.weight.half().float())


@pytest.mark.parametrize("kind", OURS)
def test_a_network_without_numbers_gets_them_all(kind: str) -> None:
    network = OURS[kind][0]
    with without_numbers():
        empty = type(network)(network.config)  # type: ignore[arg-type]
    fit(empty, network.state_dict(), "x")
    assert not any(value.is_meta for value in (*empty.parameters(), *empty.buffers()))
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in empty.state_dict().items())
    assert torch.zeros(1).device.type == "cpu"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"weight": torch.zeros(3, 3), "bias": torch.zeros(2)}, "x can't be used: its weights don't fit .*size"),
        ({"weight": torch.zeros(2, 2)}, r"weights don't fit together .*Missing key\(s\) in state_dict: \"bias\""),
        ({"weight": torch.zeros(2, 2), "bias": torch.zeros(2), "more": torch.zeros(1)}, "don't fit .*Unexpected key"),
        ({"weight": 3, "bias": torch.zeros(2)}, "weights don't fit together"),
        ({"weight": torch.full((2, 2), math.nan), "bias": torch.zeros(2)}, "x can't be used: it holds values"),
        ({"weight": torch.full((2, 2), 1e39, dtype=torch.float64), "bias": torch.zeros(2)}, "not numbers"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(state: dict[str, torch.Tensor], words: str) -> None:
    with pytest.raises(WeightError, match=words) as caught:
        fit(torch.nn.Linear(2, 2), state, "x")
    assert "\n" not in str(caught.value)
    assert caught.value.message.to("zh").startswith("无法使用 x：")


@pytest.mark.parametrize(
    ("network", "config"),
    [
        ("repairer", RepairerConfig(widths=(1024,) * 7, going=16, coming=16)),  # 60 GB
        ("stylizer", StylizerConfig(widths=(1024,) * 3, blocks=64, encoder=((1024,) * 8,) * 8)),
        ("denoiser", DenoiserConfig(widths=(1024,) * 6, blocks=16)),
    ],
)
def test_a_file_of_some_hundred_bytes_takes_no_memory(folder: Path, network: str, config: Config) -> None:
    import resource

    from editing.faces import restore
    from editing.pipelines import stylize, upscale

    save_file({"weight": torch.zeros(1)}, folder / "tiny.safetensors", metadata=config.metadata())
    load = {"repairer": restore.load_restorer, "stylizer": stylize.load, "denoiser": upscale.load}[network]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightError, match=r"tiny\.safetensors can't be used: .*(don't fit|not a whole)"):
        load("tiny.safetensors")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


# ---- which file it was -----------------------------------------------------------------------------------------------


def test_list_verify_and_doctor_name_the_file_that_is_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"weight": torch.zeros(1)}, folder / "half.safetensors", metadata={"network": "repairer"})
    (folder / "other.pth").write_bytes(b"nothing")
    names = {str(folder / name) for name in ("half.safetensors", "other.pth")}
    assert {str(problem).partition(" can't be used: ")[0] for problem in problems()} == names
    said = [check.text for check in doctor.checks() if not check.ok]
    assert names <= {line.partition(" can't be used: ")[0] for line in said}
    for command in ("list", "verify"):
        main(["weights", command])
        errors = capsys.readouterr().err
        assert all(f"{name} can't be used: " in errors for name in names)
