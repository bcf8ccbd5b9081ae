"""Compare: several models, styles or fidelities on one picture, with earlier results beside them.

It has no method of its own: Upscale, Repair and Stylize (:mod:`editing.pipelines.upscale`, ``repair``, ``stylize``) run
one after the other as they would alone, and what differs in a dial alone, such as two fidelities of one restorer, is
run once and mixed twice.

    comparison = compare(picture, CompareOptions(items="photo-fast,photo"))
    comparison.sheet().save("sheet.png")
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from editing import messages, runtime
from editing.errors import ImageError, OptionError
from editing.faces import restore
from editing.options import Choice, CompareOptions, Crop, RepairOptions, StylizeOptions, UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.sheet import Cell, sheet
from editing.pipelines import repair, stylize, upscale
from editing.pipelines.recipe import recipe_of
from editing.report import Report, silent
from editing.weights.catalogue import Weight
from editing.weights.files import is_file, path_of, present
from editing.weights.find import find_weight, weights_for

Task = Literal["upscale", "repair", "stylize", "file"]
MARGIN = 64  # pixels around a part that is enlarged: beyond the overlap of tiles nothing reaches in
_WEIGHTS = (".bin", ".ckpt", ".param", ".pt", ".pth", ".safetensors")
_STEPS = 100  # of the report, for each item


@dataclass(frozen=True, kw_only=True)
class Item:
    """One of what is compared, found: a weight with its style and dial, or the file of an earlier result."""

    name: str  # as it was asked for
    task: Task
    model: str = ""
    style: str = ""
    dial: float | None = None  # fidelity of a restorer, strength of the others; None: the usual one
    file: Path | None = None

    @property
    def label(self) -> str:
        """What stands above its picture."""
        if self.file:
            return self.file.name
        what = self.style or (self.model if self.task != "repair" else self.name.partition(":")[0])
        dial = {"repair": "fidelity", "upscale": "strength", "stylize": "strength"}.get(self.task, "")
        return what if self.dial is None else f"{what}, {dial} {self.dial:g}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """What came of an item. ``picture`` is the part that was asked for, at the size the result has there."""

    item: Item
    picture: Picture
    seconds: float | None = None  # None: it was a file. Without loading; what two items share counts for each
    recipe: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """All results, in the order of the items, and the part of the original they are of."""

    original: Picture
    results: tuple[Compared, ...]
    options: CompareOptions

    def sheet(self) -> Picture:
        """All beside each other on one sheet, the original first, each with its name and seconds."""
        larger = any(one.picture.width > self.original.width for one in self.results)
        first = Cell(name="original, enlarged" if larger else "original", picture=self.original)
        cells = [
            Cell(
                name=one.item.label, picture=one.picture,
                note="" if one.seconds is None else f"{one.seconds:.1f} s",
            )
            for one in self.results
        ]  # fmt: skip
        drawn = sheet([first, *cells], self.options.side)
        notices = [notice for one in self.results if one.item.file for notice in one.picture.notices]
        return replace(drawn, notices=(*notices, *drawn.notices))


# ---- what is asked for -----------------------------------------------------------------------------------------------


def find_items(
    options: CompareOptions, *, files: Mapping[str, Path] | None = None, paths: bool = True
) -> tuple[Item, ...]:
    """The items that ``options`` name, whose weights are all there.

    A name is looked for among the models of Upscale, the restorers of faces, the styles of the gallery, ``files`` (by
    name), and where ``paths`` allows the machine's own files. Raises OptionError for an unknown name, a wrong dial,
    or items of different kinds; WeightError, with what to do, for a weight that is not here.
    """
    items = tuple(_item(name, files or {}, paths=paths) for name in options.items)
    done = [item for item in items if item.task != "file"]
    for item in done[1:]:
        if item.task != done[0].task:
            named = messages.TASK_NAMES
            raise OptionError(
                messages.MIXED_KINDS, one=done[0].name, one_task=named[done[0].task], other=item.name,
                other_task=named[item.task],
            )  # fmt: skip
    for item in done:
        present(find_weight(item.model))
    return items


def _item(name: str, files: Mapping[str, Path], *, paths: bool) -> Item:
    found = _named(name, files, paths=paths)
    if found is not None:
        return replace(found, name=name)
    before, colon, number = name.rpartition(":")
    found = _named(before, files, paths=paths) if colon else None
    if found is None:
        raise OptionError(
            messages.NOT_COMPARABLE, item=name[:80], models=_names(weights_for(*upscale.TASKS)),
            styles=", ".join(_gallery()), restorers=_names(weights_for("restore")),
        )  # fmt: skip
    if found.file:
        raise OptionError(messages.FILE_HAS_NO_DIAL, item=name[:80])
    try:
        dial = float(number)
        if not 0 <= dial <= 1:  # also refuses NaN
            raise ValueError
    except ValueError:
        raise OptionError(messages.DIAL_OUT_OF_RANGE, item=name[:80]) from None
    return replace(found, name=name, dial=dial)


def _named(name: str, files: Mapping[str, Path], *, paths: bool) -> Item | None:
    """The item of a name without its dial; None: there is none."""
    if name == "repair":
        return Item(name=name, task="repair", model=RepairOptions.model)
    if name == "auto" or any(weight.name == name for weight in weights_for(*upscale.TASKS)):
        return Item(name=name, task="upscale", model=upscale.named(name))
    if any(weight.name == name for weight in weights_for("restore")):
        return Item(name=name, task="repair", model=name)
    model = _gallery().get(name)
    if model:
        return Item(name=name, task="stylize", model=model, style=name)
    if name in files:
        return Item(name=name, task="file", file=files[name])
    if not paths or not is_file(Path(name)):
        return None
    if Path(name).suffix.lower() in _WEIGHTS:
        weight = find_weight(name, *upscale.TASKS, "restore")
        return Item(name=name, task="repair" if weight.task == "restore" else "upscale", model=name)
    return Item(name=name, task="file", file=Path(name))


def _names(weights: list[Weight]) -> str:
    return ", ".join(weight.name for weight in weights)


def _gallery() -> dict[str, str]:
    """Each style of the gallery, and the model that paints it: the first that names it."""
    found: dict[str, str] = {}
    for weight in weights_for("stylize"):
        if path_of(weight):
            for style in stylize.styles(weight.name):
                found.setdefault(style.name, weight.name)
    return found


# ---- the pipeline ----------------------------------------------------------------------------------------------------


@runtime.heavy
def compare(
    picture: Picture,
    options: CompareOptions,
    *,
    files: Mapping[str, Path] | None = None,
    paths: bool = True,
    report: Report = silent,
) -> Comparison:
    """Do to ``picture`` what each item says, and cut ``options.crop`` out of every result.

    Upscale looks at the part and :data:`MARGIN` pixels around it alone; repairing and stylizing need the whole picture.
    ``files`` and ``paths`` as in :func:`find_items`; files of results may have any size of the picture's shape.
    Raises what that does, ImageError for a crop that reaches beyond the picture, a file of another shape, or a picture
    without faces to repair, and whatever ``report`` raises.
    """
    crop = _within(picture, options.crop)
    items = find_items(options, files=files, paths=paths)
    earlier = {item.name: _earlier(item.file, picture, crop) for item in items if item.file}
    results: list[Compared] = []
    shared: dict[str, Any] = {}  # what items that differ in a dial alone have in common, by model and style
    for number, item in enumerate(items):
        if item.file:
            results.append(Compared(item=item, picture=earlier[item.name]))
            report(_STEPS * (number + 1), _STEPS * len(items), item.name)
            continue
        step = _stepping(report, number, len(items), item.name)
        work = {"upscale": _upscale, "repair": _repair, "stylize": _stylize}[item.task]
        results.append(work(picture, crop, item, options, shared, step))
    return Comparison(original=_cut(picture, crop, picture), results=tuple(results), options=options)


def _stepping(report: Report, number: int, count: int, name: str) -> Report:
    """The report of one item as its share of all; it never goes back, as where faces are found and then repaired."""
    furthest = 0.0

    def step(done: int, total: int, note: str = "") -> None:
        nonlocal furthest
        furthest = max(furthest, done / total if total else 0.0)
        report(round(_STEPS * (number + furthest)), _STEPS * count, name)

    return step


def _within(picture: Picture, crop: Crop | None) -> Crop:
    if crop is None:
        return 0, 0, picture.width, picture.height
    left, top, width, height = crop
    if left + width > picture.width or top + height > picture.height:
        raise ImageError(
            messages.CROP_OUTSIDE, left=left, top=top, width=width, height=height, own_width=picture.width,
            own_height=picture.height,
        )  # fmt: skip
    return crop


def _earlier(file: Path, picture: Picture, crop: Crop) -> Picture:
    result = read_picture(file)
    expected = picture.height * result.width / picture.width
    if abs(result.height - expected) > 1 + 0.01 * expected:
        raise ImageError(
            messages.FILE_OF_ANOTHER_SHAPE, name=file.name, width=result.width, height=result.height,
            own_width=picture.width, own_height=picture.height,
        )  # fmt: skip
    return _cut(result, crop, picture)


def _cut(result: Picture, crop: Crop, of: Picture, *, left: int = 0, top: int = 0) -> Picture:
    """``crop`` of ``of`` in a result of it, or of the part of it that begins at ``left`` and ``top``."""
    across, down = result.width / of.width, result.height / of.height
    x, y, width, height = crop
    columns = slice(round((x - left) * across), max(round((x - left + width) * across), 1))
    rows = slice(round((y - top) * down), max(round((y - top + height) * down), 1))
    alpha = None if result.alpha is None else result.alpha[rows, columns]
    return replace(result, pixels=result.pixels[rows, columns], alpha=alpha)


def _once(shared: dict[str, Any], key: str, run: Callable[[], Any]) -> tuple[Any, float]:
    """What ``run`` gives, and how long it took; run once for each key."""
    if key not in shared:
        started = time.perf_counter()
        made = run()
        shared[key] = made, time.perf_counter() - started
    found: tuple[Any, float] = shared[key]
    return found


def _upscale(
    picture: Picture, crop: Crop, item: Item, options: CompareOptions, shared: dict[str, Any], report: Report
) -> Compared:
    strength = 1.0 if item.dial is None else item.dial
    scale = None if find_weight(item.model, *upscale.TASKS).task == "clean" else options.scale
    asked = UpscaleOptions(model=item.model, scale=scale, precision=options.precision)
    asked = upscale.settle(asked, picture)
    network = upscale.load(asked.model, options.precision)  # before the clock starts
    left, top = max(0, crop[0] - MARGIN), max(0, crop[1] - MARGIN)
    seen = (
        left, top, min(picture.width, crop[0] + crop[2] + MARGIN) - left,
        min(picture.height, crop[1] + crop[3] + MARGIN) - top,
    )  # fmt: skip
    part = _cut(picture, seen, picture)
    enlarged, seconds = _once(
        shared, item.model, lambda: upscale.enlarge(part, asked, network=network, report=report)
    )  # fmt: skip
    asked = replace(asked, strength=strength)
    mixed = upscale.mix(part, enlarged, strength)
    return Compared(
        item=item, picture=_cut(mixed, crop, part, left=left, top=top), seconds=seconds, recipe=upscale.recipe(asked)
    )


def _stylize(
    picture: Picture, crop: Crop, item: Item, options: CompareOptions, shared: dict[str, Any], report: Report
) -> Compared:
    asked = StylizeOptions(
        style=item.style, model=item.model, strength=1.0 if item.dial is None else item.dial,
        precision=options.precision,
    )  # fmt: skip
    network = stylize.load(item.model, options.precision)
    painted, seconds = _once(
        shared, item.style, lambda: stylize.paint(picture, asked, network=network, report=report)
    )  # fmt: skip
    mixed = stylize.mix(picture, painted, asked)
    return Compared(item=item, picture=_cut(mixed, crop, picture), seconds=seconds, recipe=stylize.recipe(asked))


def _repair(
    picture: Picture, crop: Crop, item: Item, options: CompareOptions, shared: dict[str, Any], report: Report
) -> Compared:
    fidelity = RepairOptions.fidelity if item.dial is None else item.dial
    asked = RepairOptions(model=item.model, fidelity=fidelity, precision=options.precision)
    network = restore.load_restorer(item.model, options.precision)
    made, seconds = _once(
        shared, item.model, lambda: repair.repair(picture, asked, network=network, report=report)
    )  # fmt: skip
    made = replace(made, options=asked)
    result = repair.compose(made, [Choice(fidelity=fidelity)] * len(made.faces))
    return Compared(item=item, picture=_cut(result, crop, picture), seconds=seconds, recipe=repair.recipe(made))


def recipe(comparison: Comparison) -> dict[str, Any]:
    """What the sheet was made of: the options, files by their names alone, and every weight that took part."""
    items = [one.item.file.name if one.item.file else one.item.name for one in comparison.results]
    made = recipe_of("compare", comparison.options, [], items=items)
    used = [weight for one in comparison.results if one.recipe for weight in one.recipe["weights"]]
    made["weights"] = [weight for number, weight in enumerate(used) if weight not in used[:number]]
    return made
