"""Encrypted weights: used as before with the passphrase, told apart when it or the file is wrong."""

from __future__ import annotations

import io
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from editing import doctor
from editing.__main__ import main
from editing.errors import WeightError
from editing.networks.compact import Compact, CompactConfig
from editing.training.loop import write_weights
from editing.weights import files, find, sealed, torchscript
from editing.weights.find import fetch_weight, find_weight, problems, rows
from editing.weights.load import config_of, load_network, load_state, metadata, read_state

WORDS = "correct horse battery"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder named by ATELIER_WEIGHTS, and the passphrase in the environment."""
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("ATELIER_WEIGHTS_KEY", WORDS)
    return tmp_path


@pytest.fixture
def locked(folder: Path) -> Path:
    """A network of ours, encrypted; the plain file is gone."""
    network = Compact(CompactConfig(width=27, depth=1))
    write_weights(folder / "mine.safetensors", network.state_dict(), **network.config.metadata())
    assert main(["weights", "encrypt", str(folder / "mine.safetensors")]) == 0
    assert [path.name for path in folder.iterdir()] == ["mine.safetensors.enc"]
    return folder / "mine.safetensors.enc"


# ---- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, 1000])
def test_what_is_encrypted_comes_back(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "PIECE", 64)
    data = bytes(range(256)) * 4
    (tmp_path / "a").write_bytes(data[:size])
    made = sealed.seal(tmp_path / "a", WORDS)
    assert size < 16 or data[:16] not in made.read_bytes()
    assert (sealed.read_bytes(made), sealed.size_of(made)) == (data[:size], size)
    assert sealed.sha256_of_sealed(made) == files.sha256_of(tmp_path / "a")
    (tmp_path / "a").unlink()
    assert sealed.unseal(made, WORDS).read_bytes() == data[:size]


def test_the_same_file_is_never_encrypted_alike(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100)
    assert sealed.seal(tmp_path / "a", WORDS).read_bytes() != sealed.seal(tmp_path / "a", WORDS).read_bytes()


START, STEP = sealed._HEADER, 64 + sealed._TAG  # of pieces in the file below
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "the last piece is cut off": lambda data: data[: START + 2 * STEP],
    "all pieces are": lambda data: data[:START],
    "a byte is": lambda data: data[:-1],
    "a byte more": lambda data: data + b"\0",
    "a piece more": lambda data: data + data[START : START + STEP],
    "two are swapped": lambda data: (
        data[:START] + data[START + STEP : START + 2 * STEP] + data[START : START + STEP] + data[START + 2 * STEP :]
    ),
    "one is left out": lambda data: data[:START] + data[START + STEP :],
    "a bit is another": lambda data: data[: START + 70] + bytes([data[START + 70] ^ 1]) + data[START + 71 :],
    "a bit of the prefix is": lambda data: data[: START - 1] + bytes([data[START - 1] ^ 1]) + data[START:],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_was_changed_is_refused(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "PIECE", 64)
    (tmp_path / "a").write_bytes(bytes(range(150)))
    made = sealed.seal(tmp_path / "a", WORDS)
    made.write_bytes(CHANGES[change](made.read_bytes()))
    with pytest.raises(WeightError, match="changed after it was encrypted"):
        sealed.read_bytes(made)
    (tmp_path / "a").unlink()
    with pytest.raises(WeightError, match="changed after it was encrypted"):
        sealed.unseal(made, WORDS)
    assert [path.name for path in tmp_path.iterdir()] == ["a.enc"]  # nothing of it is left in the clear


def test_a_wrong_key_no_key_and_another_file_have_their_own_words(
    locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATELIER_WEIGHTS_KEY", "another passphrase")
    with pytest.raises(WeightError, match="with another passphrase"):
        sealed.read_bytes(locked)
    monkeypatch.delenv("ATELIER_WEIGHTS_KEY")
    with pytest.raises(WeightError, match="set ATELIER_WEIGHTS_KEY"):
        sealed.read_bytes(locked)
    monkeypatch.setenv("ATELIER_WEIGHTS_KEY", WORDS)
    for data in (b"", b"short", b"x" * 500):
        locked.write_bytes(data)
        with pytest.raises(WeightError, match="no file that 'weights encrypt' made"):
            sealed.read_bytes(locked)


# ---- as weights ------------------------------------------------------------------------------------------------------


def test_a_weight_is_used_as_before(locked: Path) -> None:
    weight = find_weight("mine.safetensors")
    assert weight == find_weight(str(locked))
    assert find_weight("mine.safetensors.enc") == weight
    (row,) = (row for row in rows() if row.name == "mine.safetensors")
    assert (row.state, row.task, row.where) == ("ready", "upscale", locked)
    assert config_of(weight) == CompactConfig(width=27, depth=1)
    assert load_network(weight).scale == 4
    assert all(value.device.type == "meta" for value in read_state(locked, shapes_only=True).values())
    assert list(locked.parent.iterdir()) == [locked]  # nothing plain was written
    before = files.verify(weight)
    assert main(["weights", "decrypt", "mine.safetensors"]) == 0
    assert [path.name for path in locked.parent.iterdir()] == ["mine.safetensors"]
    assert files.verify(weight) == before
    assert metadata(locked.with_suffix("")).items() >= CompactConfig(width=27, depth=1).metadata().items()


def test_without_a_key_it_is_listed_and_said(
    locked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weight = find_weight("mine.safetensors")
    monkeypatch.delenv("ATELIER_WEIGHTS_KEY")
    with pytest.raises(WeightError, match="set ATELIER_WEIGHTS_KEY"):
        load_state(weight)
    shutil.move(locked, locked.with_name("new.safetensors.enc"))  # which was never looked into
    (problem,) = problems()
    assert "encrypted" in str(problem)
    with pytest.raises(WeightError, match="set ATELIER_WEIGHTS_KEY"):
        find_weight("new.safetensors")
    assert main(["weights", "verify"]) == 1
    assert "set ATELIER_WEIGHTS_KEY" in capsys.readouterr().err
    monkeypatch.setattr(doctor, "weights_for", lambda: [])
    assert [check.text for check in doctor.checks() if not check.ok] == [str(problem)]
    monkeypatch.setenv("ATELIER_WEIGHTS_KEY", WORDS)
    assert not problems()


def test_a_shipped_weight_keeps_its_sha256_and_a_download_is_not_fetched_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(files.SHIPPED / "noise.safetensors", folder)
    monkeypatch.setattr(files, "SHIPPED", folder)
    noise = find_weight("noise")
    plain = load_state(noise)
    assert main(["weights", "encrypt", "noise"]) == 0
    assert files.path_of(noise) == folder / "noise.safetensors.enc"
    assert files.verify(noise) == noise.sha256
    assert all(torch.equal(value, plain[name]) for name, value in load_state(noise).items())
    monkeypatch.delenv("ATELIER_WEIGHTS_KEY")
    assert next(row.state for row in rows() if row.name == "noise") == "locked"

    monkeypatch.setenv("ATELIER_WEIGHTS_KEY", WORDS)
    monkeypatch.setenv("ATELIER_CACHE", str(folder))
    files.downloads().mkdir()
    general = find_weight("general")
    (files.downloads() / "realesr-general-x4v3.pth").write_bytes(b"another")
    sealed.seal(files.downloads() / "realesr-general-x4v3.pth", WORDS)
    (files.downloads() / "realesr-general-x4v3.pth").unlink()
    monkeypatch.setattr(find, "download", lambda *_: pytest.fail("it is here"))
    with pytest.raises(WeightError, match="sha256 expected"):
        fetch_weight("general")
    assert files.path_of(general) == files.downloads() / "realesr-general-x4v3.pth.enc"


def test_the_other_kinds_of_files_are_read_too(folder: Path) -> None:
    state = Compact(CompactConfig(width=27, depth=1)).state_dict()
    torch.save({"params": state}, folder / "old.pth")
    with warnings.catch_warnings():  # of what PyTorch will drop; releases of others are such files
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Conv2d(3, 4, 3)).save(folder / "program.pt")
    pair = files.path_of(find_weight("anime-fast"))
    assert pair
    for file in (pair, pair.with_suffix(".param")):
        shutil.copy(file, folder / f"pair{file.suffix}")
    want = read_state(folder / "pair.bin")
    for name in ("old.pth", "program.pt", "pair.bin"):
        sealed.seal(folder / name, WORDS)
        (folder / name).unlink()
    assert all(torch.equal(value, state[name]) for name, value in load_state(find_weight("old.pth")).items())
    assert torchscript.is_archive(folder / "program.pt.enc")
    assert torchscript.read(folder / "program.pt.enc").keys() == {"weight", "bias"}
    for name in ("pair.bin", "pair.param", str(folder / "pair.param")):
        assert find_weight(name).architecture == "SRVGGNetCompact x4, 16 convolutions"
    assert all(torch.equal(value, want[name]) for name, value in load_state(find_weight("pair.bin")).items())


# ---- the command -----------------------------------------------------------------------------------------------------


def test_a_passphrase_is_read_from_a_pipe_or_asked_for_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({"a": torch.ones(3)}, folder / "a.safetensors")
    monkeypatch.delenv("ATELIER_WEIGHTS_KEY")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(["weights", "encrypt", str(folder / "a.safetensors")]) == 1
    assert "at least 12 letters" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{WORDS}\n"))
    assert main(["weights", "encrypt", str(folder / "a.safetensors"), "--keep"]) == 0
    assert (folder / "a.safetensors").is_file()
    assert main(["weights", "encrypt", str(folder / "a.safetensors.enc")]) == 1
    assert main(["weights", "decrypt", str(folder / "a.safetensors")]) == 1
    assert "not encrypted" in capsys.readouterr().err

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    typed = iter([WORDS, "a typing error", WORDS])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    assert main(["weights", "encrypt", str(folder / "a.safetensors")]) == 1
    assert "not the same" in capsys.readouterr().err
    (folder / "a.safetensors").unlink()
    assert main(["weights", "decrypt", str(folder / "a.safetensors.enc")]) == 0
    assert torch.equal(load_file(folder / "a.safetensors")["a"], torch.ones(3))
