"""Which weights there are for a task: the catalogue's, and the files that the user dropped into a folder."""

from __future__ import annotations

import functools
import json
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from editing import __version__, messages
from editing.errors import WeightError
from editing.messages import Message, tell
from editing.report import Report, silent
from editing.settings import cache_folder, weight_folders, written
from editing.weights import ncnn, sealed
from editing.weights.catalogue import CATALOGUE, Download, Local, Weight
from editing.weights.download import download
from editing.weights.files import (
    file_name,
    hashed,
    how_to_get,
    is_file,
    path_of,
    places,
    present,
    stamp_of,
    verify,
)
from editing.weights.load import (
    SUFFIXES,
    metadata,
    read_config,
    read_state,
    register_more,
    short,
    unusable,
    without_numbers,
)


@dataclass(frozen=True)
class Problem:
    """A file or folder of ``ATELIER_WEIGHTS`` that can't be used, and why."""

    path: Path
    reason: Message

    def __str__(self) -> str:
        return str(self.message)

    @property
    def message(self) -> Message:
        """What to tell people: which file, and why."""
        return unusable(self.path, self.reason).message


State = Literal["ready", "locked", "not fetched", "missing"]  # locked: encrypted, and there is no key


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of ``weights list``; ``where`` is the file, or what to do to get it."""

    name: str
    task: str
    title: str
    architecture: str
    licence: str
    state: State
    where: Path | Message


# spandrel's purposes in the words of the tabs; a network that enlarges by 1 (denoising, sharpening) is "clean".
_TASKS = {"SR": "upscale", "FaceSR": "restore", "Inpainting": "inpaint", "Restoration": "clean"}
# The networks trained here; the enlarger ("compact") is not among them, since spandrel reads it as any other.
_OWN_TASKS = {
    "damage": "damage", "denoiser": "clean", "finisher": "finish", "generator": "generate", "magenta": "stylize",
    "repairer": "restore", "stylizer": "stylize",
}  # fmt: skip

_KNOWN_TASKS = {*_TASKS.values(), *_OWN_TASKS.values(), "other"}
_MOST_KEPT, _LONGEST = 2000, 1 << 22  # descriptions in the file, and its bytes


def weights_for(*tasks: str) -> list[Weight]:
    """The catalogue's weights for ``tasks`` (none: all), then the files of ``ATELIER_WEIGHTS`` that are for them."""
    return [weight for weight in (*CATALOGUE, *_scan()[0]) if not tasks or weight.task in tasks]


def problems() -> list[Problem]:
    """What lies in ``ATELIER_WEIGHTS`` and can't be used, each with its reason."""
    return _scan()[1]


def rows() -> list[Row]:
    """The lines of ``weights list``: the catalogue, then the user's files. Nothing is hashed."""
    return [_row(weight) for weight in weights_for()]


def find_weight(name: str, *tasks: str, paths: bool = True) -> Weight:
    """The weight called ``name``: of the catalogue, a file's name in ``ATELIER_WEIGHTS``, or a path to a file.

    ``paths=False`` refuses paths: a request from the network must not choose which of the machine's files is opened.
    Raises WeightError, with the choices, when there is none such for any of ``tasks`` (none given: for any at all).
    """
    weight = next((weight for weight in CATALOGUE if weight.name == name), None)
    if weight is None:
        found, broken = _scan()
        file = name.removesuffix(sealed.SUFFIX)
        file = file.removesuffix(".param") + ".bin" if file.endswith(".param") else file
        weight = next((weight for weight in found if weight.name == file), None)
        problem = next((problem for problem in broken if sealed.plain_name(problem.path).name in (name, file)), None)
        if weight is None and problem is not None:
            raise WeightError(problem.message)
        path = Path(name)
        if weight is None and paths and is_file(path):
            recognised = _recognise(path)
            if isinstance(recognised, Message):
                raise unusable(path, recognised)
            weight = recognised
    if weight is None or (tasks and weight.task not in tasks):
        what = tell(messages.WEIGHT_CALLED, name=name)
        if weight is not None:
            what = tell(messages.WEIGHT_FOR, tasks="/".join(tasks), name=name)
        choices: object = ", ".join(weight.name for weight in weights_for(*tasks)) or messages.NO_WEIGHTS
        if paths:
            choices = tell(messages.OR_A_WEIGHTS_PATH, choices=choices)
        raise WeightError(messages.NO_WEIGHT, what=what, choices=choices)
    return weight


def _row(weight: Weight) -> Row:
    path = path_of(weight)
    state: State = "ready" if path else "not fetched" if isinstance(weight.source, Download) else "missing"
    if path and sealed.is_sealed(path) and not sealed.passphrase():
        state = "locked"
    return Row(
        name=weight.name,
        task=weight.task,
        title=weight.title,
        architecture=weight.architecture,
        licence=weight.licence,
        state=state,
        where=path or how_to_get(weight),
    )


def _scan() -> tuple[list[Weight], list[Problem]]:
    """The weights among the files of ``ATELIER_WEIGHTS``, and what can't be used; unchanged files aren't read again."""
    found: dict[str, Weight] = {}
    broken: list[Problem] = []
    fetched = {file_name(weight.source.url) for weight in CATALOGUE if isinstance(weight.source, Download)}
    for folder in weight_folders():
        try:
            files = sorted(path for path in folder.iterdir() if is_file(path))
        except OSError as error:
            reason = tell(messages.FOLDER_CANT_BE_READ, why=error.strerror or error)
            broken.append(Problem(folder, reason))
            continue
        for path in files:
            # A pair is listed as its .bin; files of the catalogue are found under their own names.
            # An encrypted file is listed as what it holds, unless that lies beside it.
            plain = sealed.plain_name(path)
            pair = plain.suffix == ".bin" or (path.suffix == ".param" and not is_file(_numbers_of(path)))
            wanted = pair or plain.suffix.lower() in SUFFIXES
            twice = plain != path and is_file(plain)
            if not wanted or twice or path.name.startswith(".") or plain.name in fetched:
                continue
            weight = _recognise(path)
            if isinstance(weight, Message):
                broken.append(Problem(path, weight))
            elif plain.name in found:
                broken.append(Problem(path, tell(messages.COMES_FIRST, path=present(found[plain.name]))))
            else:
                found[plain.name] = weight
    return list(found.values()), broken


def _recognise(path: Path) -> Weight | Message:
    """The weight that this file is, or why it can't be used; remembered until the file changes."""
    if path.suffix == ".param":
        path = _numbers_of(path)
    plain = sealed.plain_name(path)
    param = plain.with_suffix(".param") if plain.suffix == ".bin" else path
    try:
        return _recognised(path, (*stamp_of(path), *stamp_of(param)), sealed.passphrase())
    except OSError as error:
        if plain.suffix == ".bin":
            return tell(messages.NCNN_IS_TWO_FILES, stem=plain.stem)
        return tell(messages.IT_CANT_BE_READ, why=error.strerror or error)


def _numbers_of(param: Path) -> Path:
    """The other file of an ncnn pair, of which this one alone may be encrypted."""
    numbers = param.with_suffix(".bin")
    locked = sealed.sealed_name(numbers)
    return locked if is_file(locked) and not is_file(numbers) else numbers


@functools.lru_cache(maxsize=1024)
def _recognised(path: Path, stamp: tuple[int, ...], passphrase: str) -> Weight | Message:
    """As :func:`_recognise`; another passphrase may open what one did not."""
    key = f"{path.absolute()} {' '.join(map(str, stamp))}"
    known, plain = _described().get(key), sealed.plain_name(path)
    try:
        described = known or (_describe_pair(path) if plain.suffix == ".bin" else _describe_file(path))
    except WeightError as error:
        return error.message
    if known is None:
        _keep_description(key, described)
    task, architecture = described
    return Weight(
        name=plain.name,
        task=task,
        title=plain.stem,
        architecture=architecture,
        licence="not known: ask where you got the file",
        sha256=None,
        source=Local(plain),
    )


def _file() -> Path:
    """What the user's files are, as far as they were looked at: opening a hundred takes a minute."""
    return cache_folder() / "models.json"


def _described() -> dict[str, tuple[str, str]]:
    """Task and architecture by file and stamp; the file may have been written by anybody."""
    try:
        kept = json.loads(_file().read_text(encoding="utf-8")) if _file().stat().st_size <= _LONGEST else {}
    except (OSError, ValueError, RecursionError):
        return {}
    entries = kept.get(_reader()) if isinstance(kept, dict) else None
    if not isinstance(entries, dict):
        return {}
    return {
        key: (value[0], value[1])
        for key, value in entries.items()
        if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)
        if value[0] in _KNOWN_TASKS
    }


def _keep_description(key: str, described: tuple[str, str]) -> None:
    entries = list((_described() | {key: described}).items())[-_MOST_KEPT:]
    with suppress(OSError):  # a read-only home: looked at anew in the next process
        _file().parent.mkdir(parents=True, exist_ok=True)
        with written(_file()) as part:
            part.write_text(json.dumps({_reader(): dict(entries)}, indent=1), encoding="utf-8")


@functools.cache
def _reader() -> str:
    """Who looked: another version may know more architectures."""
    versions = [__version__]
    for package in ("spandrel", "spandrel_extra_arches"):
        with suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    return " ".join(versions)


def _describe_pair(path: Path) -> tuple[str, str]:
    network = ncnn.describe(sealed.plain_name(path).with_suffix(".param"))
    ncnn.check_size(network, path)
    layers = "blocks" if network.architecture == "RRDBNet" else "convolutions"
    return (
        "upscale" if network.scale > 1 else "clean",
        f"{network.architecture} x{network.scale}, {network.blocks} {layers}",
    )


def _describe_file(path: Path) -> tuple[str, str]:
    """Task and architecture by the names and shapes of the arrays: the numbers themselves stay on the disk."""
    config = read_config(metadata(path))
    if config is not None and config.network in _OWN_TASKS:
        return _OWN_TASKS[config.network], str(config)
    from spandrel import MAIN_REGISTRY, UnsupportedModelError  # type: ignore[import-untyped]

    register_more()
    try:
        try:
            with without_numbers():
                network = MAIN_REGISTRY.load(read_state(path, shapes_only=True))
        except (WeightError, UnsupportedModelError):
            raise
        except Exception:
            # Some architectures (SwinIR, HAT) compute with numbers while they are built: those are read whole.
            network = MAIN_REGISTRY.load(read_state(path))
    except WeightError:
        raise
    except UnsupportedModelError as error:
        raise WeightError(messages.UNKNOWN_ARCHITECTURE) from error
    except Exception as error:
        raise WeightError(messages.WEIGHTS_DONT_FIT, why=short(error)) from error
    return _TASKS.get(network.purpose, "other"), f"{network.architecture.name} x{network.scale}"


def fetch_weight(name: str, report: Report = silent) -> Path:
    """Download the weight called ``name`` unless it is there and whole, and return its path.

    ``report(done_bytes, total_bytes, note)`` may raise; total is 0 while unknown. A damaged file in the cache folder is
    replaced; one in ``ATELIER_WEIGHTS`` is left alone, and the cache's is used. Raises WeightError.
    """
    weight = find_weight(name, paths=False)
    if not isinstance(weight.source, Download):
        verify(weight)
        return present(weight)
    assert weight.sha256 is not None
    target, *others = places(weight)
    here = path_of(weight)
    if here is not None and sealed.is_sealed(here):
        verify(weight)
        return here
    if not target.exists():
        for path in others:
            if is_file(path) and hashed(path) == weight.sha256:
                return path
    return download(weight.source.url, target, weight.sha256, report)
