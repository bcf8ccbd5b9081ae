"""Weights out of TorchScript archives, none of whose code runs."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from editing.errors import WeightError
from editing.weights import files, torchscript
from editing.weights.find import find_weight, problems
from editing.weights.load import load_state


class Small(nn.Module):
    """Nested as LaMa is: JIT wrappers keep the network under "model"."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 1, 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)  # type: ignore[no-any-return]


def compiled(path: Path, how: str = "script") -> nn.Module:
    network = Small().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch would rather export
        program = torch.jit.script(network) if how == "script" else torch.jit.trace(network, torch.zeros(1, 3, 8, 8))
        program.save(str(path))
    return network


@pytest.mark.parametrize("how", ["script", "trace"])
def test_the_numbers_are_read(tmp_path: Path, how: str) -> None:
    network = compiled(tmp_path / "net.pt", how)
    assert torchscript.is_archive(tmp_path / "net.pt")
    state = torchscript.read(tmp_path / "net.pt")
    assert state.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        assert torch.equal(state[name], value), name


def test_other_files_are_none(tmp_path: Path) -> None:
    torch.save(Small().state_dict(), tmp_path / "plain.pth")
    (tmp_path / "text.pt").write_text("no archive")
    assert not torchscript.is_archive(tmp_path / "plain.pth")
    assert not torchscript.is_archive(tmp_path / "text.pt")


def rewritten(path: Path, data: Callable[[bytes], bytes]) -> None:
    """The archive with another pickle in it."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, data(content) if name.endswith("/data.pkl") else content)


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.path,)


def test_code_in_the_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    compiled(tmp_path / "net.pt")
    rewritten(tmp_path / "net.pt", lambda _: pickle.dumps({"x": Attack(tmp_path / "harmed")}))
    with pytest.raises(WeightError, match="can't be read"):
        torchscript.read(tmp_path / "net.pt")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("length", [0, 1, 40, 200])
def test_a_damaged_archive_is_told(tmp_path: Path, length: int) -> None:
    compiled(tmp_path / "net.pt")
    rewritten(tmp_path / "net.pt", lambda data: data[:length])
    with pytest.raises(WeightError, match="can't be read"):
        torchscript.read(tmp_path / "net.pt")


def test_only_a_program_whose_hash_is_known_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = compiled(tmp_path / "big-lama.pt")
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    lama = find_weight("lama", "inpaint")
    with pytest.raises(WeightError, match="sha256 expected 344c77bb"):
        load_state(lama)
    monkeypatch.setattr(files, "checked", lambda weight, path, got: got)
    assert load_state(lama).keys() == network.state_dict().keys()
    (tmp_path / "big-lama.pt").rename(tmp_path / "mine.pt")
    (problem,) = problems()
    assert "TorchScript program" in str(problem)
