"""The Repair tab: faces found, repaired and taken or left one by one, masked parts filled; and the same on the API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from editing import messages
from editing.errors import OptionError
from editing.faces import align, detect, likeness
from editing.faces.align import Face
from editing.options import ANONYMISE, Box, Choice, RepairOptions, SaveOptions, UpscaleOptions
from editing.pictures import masks
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture, Pixels, from_float, to_float
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import repair, upscale
from editing.pipelines.repair import Repaired, RepairedFace
from editing.ui import fields, generate_tab, mask_canvas, results
from editing.ui.gradio_hacks import AnyImage, AnyRadio, by_name
from editing.ui.handlers import (
    COMPUTE,
    HIDDEN,
    MIXING,
    QUICK,
    Job,
    as_text,
    duration,
    explain,
    guarded,
    is_there,
    job,
    known,
    memory_warning,
    new_folder,
    owned,
    request_stop,
    size_text,
)
from editing.ui.mask_canvas import MaskedTab
from editing.ui.results import Kept, Source
from editing.ui.translations import T, language_of, say

NAME = "repair"  # of its mask canvas, and of its recipes
THUMB = 160  # pixels of a face in the strip
Dials = Mapping[int, tuple[float, float]]  # number of a face, 0 for all others -> its (fidelity, strength)
SIZES = (1, 2, 4)  # times that the picture round the faces is enlarged
DEFAULTS = RepairOptions()


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """The faces of the picture given now, from left to right; ``boxes`` of them were drawn by hand."""

    faces: tuple[Face, ...] = ()
    boxes: tuple[Box, ...] = ()
    thumbs: tuple[str, ...] = ()  # a small file of each face


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """What a Kept of this tab knows beside."""

    found: Found
    size: int  # times enlarged
    filled_by: str | None
    recipe: Mapping[str, Any]


def models() -> list[tuple[str, str]]:
    """Label and name of every network for faces that is there; the tab is not shown where there is none."""
    return fields.models("restore", licence=True)


def build(tabs: gr.Tabs, upscale_picture: gr.Image, *, send_mask: bool = False) -> MaskedTab:
    """Add the tab to the page being built; "Send to Upscale" puts the result into ``upscale_picture``.

    With ``send_mask`` there is a button that sends the mask to the Stylize tab: for :func:`mask_canvas.connect`.
    """
    choices = models()
    with gr.Tab(T("tab_repair"), id="repair"), gr.Row():
        with gr.Column(min_width=320):
            picture = results.picture_input(AnyImage, "repair-input", label=T("input"), height=200)
            use_recipe = gr.Button(T("recipe_use"), visible=False, size="sm", elem_id="repair-use-recipe")
            canvas = mask_canvas.build(NAME, boxes=True, send=T("mask_to_stylize") if send_mask else "")
            model = fields.field(
                RepairOptions, "model", choices=choices, value=choices[0][1] if choices else None, info=None,
                visible=len(choices) > 1, elem_id="repair-model",
            )  # fmt: skip
            with gr.Accordion(T("advanced"), open=False):
                size = gr.Radio(
                    _sizes(), value=1, label=T("repair_size"), info=T("repair_size_info"), elem_id="repair-size"
                )  # fmt: skip
                min_size = fields.field(RepairOptions, "min_size", elem_id="repair-min-size")
                score = fields.field(RepairOptions, "score", elem_id="repair-score")
                anonymise = fields.field(RepairOptions, "anonymise", choices=_ways(), elem_id="repair-anonymise")
                saving = results.saving_controls(NAME)
            cost = gr.Markdown(T("waiting"), elem_id="repair-estimate")
            with gr.Row():
                run = gr.Button(T("run"), variant="primary", elem_id="repair-run")
                stop = gr.Button(T("stop"), elem_id="repair-stop", min_width=80)
            # The API's own ends: the page's are made for looking at.
            api_file = gr.File(visible=False, type="filepath")
            api_mask = gr.File(visible=False, type="filepath")
            api_boxes = gr.JSON([], visible=False)
            api_searching = {
                "model": fields.parameter(RepairOptions, "model", choices=choices, value=model.value),
                **fields.parameters(RepairOptions, "min_size", "score", "anonymise"),
            }  # fmt: skip
            api_settings = {
                "which": fields.parameter(RepairOptions, "faces"), "boxes": api_boxes,
                **fields.parameters(RepairOptions, "fidelity", "strength"),
                "size": AnyRadio(list(SIZES), value=1, label=T("repair_size"), visible=False),
                **api_searching, **results.saving_parameters(),
            }  # fmt: skip
            api_result, api_facts = gr.File(visible=False), gr.JSON(visible=False)
            api_repair, api_detect = gr.Button(visible=False), gr.Button(visible=False)
        with gr.Column(min_width=320, scale=2):
            slider = gr.ImageSlider(label=T("result"), type="filepath", interactive=False, elem_id="repair-slider")
            trust = gr.Checkbox(False, label=T("trust"), info=T("trust_info"), elem_id="repair-trust")
            strip_of_faces = gr.Gallery(
                label=T("repair_faces"), columns=5, object_fit="contain", height="auto", allow_preview=False,
                interactive=False, buttons=[], elem_id="repair-faces", elem_classes="drawn",
            )  # fmt: skip
            ticks = gr.CheckboxGroup(
                [], label=T("repair_ticks"), info=T("repair_ticks_info"), visible=False, elem_id="repair-ticks"
            )
            whose = gr.Dropdown(
                [(T("repair_everyone"), 0)], value=0, label=T("repair_whose"), visible=False, elem_id="repair-whose"
            )
            fidelity = fields.field(RepairOptions, "fidelity", live=True, elem_id="repair-fidelity")
            strength = fields.field(RepairOptions, "strength", live=True, elem_id="repair-strength")
            info = gr.Markdown(elem_id="repair-info")
            with gr.Row():
                download = gr.DownloadButton(T("download"), interactive=False, elem_id="repair-download")
                send = gr.Button(T("send_upscale"), elem_id="repair-send")
            with gr.Accordion(T("recipe"), open=False):
                recipe = gr.JSON(show_label=False, elem_id="repair-recipe")
            # In here, since Gradio takes what lies beside a tab for a tab.
            source = gr.State()  # a Source
            found = gr.State(Found())
            dials = gr.State({})  # Dials
            kept = gr.State()  # the last run, a Kept with Facts

    searching = {"model": model, "min_size": min_size, "score": score, "anonymise": anonymise}
    faces = {
        "found": found, "strip": strip_of_faces, "ticks": ticks, "whose": whose, "orders": canvas.orders,
        "dials": dials, "fidelity": fidelity, "strength": strength,
    }  # fmt: skip
    result = {
        "slider": slider, "info": info, "download": download, "recipe": recipe, "strip": strip_of_faces, "kept": kept
    }  # fmt: skip
    estimating: dict[str, Any] = {
        **by_name(
            show_estimate,
            {"source": source, "found": found, "ticks": ticks, "drawn": canvas.value, "size": size,
             "searching": searching},
            {"cost": cost},
        ),
        "show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": None, **HIDDEN,
    }  # fmt: skip
    heavy: dict[str, Any] = {"show_progress_on": strip_of_faces, **COMPUTE, **HIDDEN}
    seeking = {"source": source, "found": found, "ticks": ticks, "dials": dials, "searching": searching}
    finding: dict[str, Any] = {**by_name(find, seeking, faces), **heavy}
    # What needs no second run: ticks, dials, the overlay, another way of saving.
    choosing = {"kept": kept, "found": found, "ticks": ticks, "dials": dials, "trust": trust, "saving": saving}
    mixing: dict[str, Any] = {**MIXING, "show_progress_on": slider}
    remixing: dict[str, Any] = {**by_name(remix, choosing, result), **mixing}

    picture.change(
        **by_name(
            inspect, {"path": picture, "source": source, "dials": dials, "kept": kept, "sent": canvas.sent},
            {"source": source, "picture": picture, "drawn": canvas.value, "sent": canvas.sent,
             "use_recipe": use_recipe, **faces, **result},
        ),
        show_progress="hidden", **HIDDEN,
    ).then(**by_name(announce, {"source": source}, {"cost": cost}), **QUICK).then(**finding).then(
        **estimating
    )  # fmt: skip
    # Another bar for what is a face: look anew.
    gr.on([min_size.submit, min_size.blur, score.release], **finding).then(**remixing).then(**estimating)
    canvas.box.change(
        **by_name(add_box, {"box": canvas.box, **seeking}, {"box": canvas.box, **faces}), **heavy
    ).then(**remixing).then(**estimating)  # fmt: skip
    canvas.load.upload(
        **by_name(mask_canvas.load_mask, {"file": canvas.load, "source": source}, {"orders": canvas.orders}), **QUICK
    )
    gr.on([ticks.change, canvas.value.change, size.change, model.change, anonymise.change], **estimating)
    use_recipe.click(
        **by_name(
            settings_of_recipe, {"source": source},
            {**searching, "fidelity": fidelity, "strength": strength, "dials": dials},
        ),
        **QUICK,
    )  # fmt: skip

    run.click(
        **by_name(
            run_page,
            {"source": source, "found": found, "ticks": ticks, "drawn": canvas.value, "size": size, "dials": dials,
             "trust": trust, "searching": searching, "saving": saving, "last": kept},
            result,
        ),
        show_progress_on=slider, **COMPUTE, **HIDDEN,
    )  # fmt: skip
    gr.on([ticks.input, trust.change, *(part.change for part in saving.values())], **remixing)
    # By mouse, by keys, by number, and back to the default: what was turned already is not mixed again.
    gr.on(
        [fidelity.input, strength.input, fidelity.release, strength.release],
        **by_name(
            turn, {"whose": whose, "fidelity": fidelity, "strength": strength, **choosing}, {"dials": dials, **result}
        ),
        **mixing,
    )  # fmt: skip
    shown = {"fidelity": fidelity, "strength": strength}
    whose.input(**by_name(show_dials, {"whose": whose, "dials": dials}, shown), **QUICK)
    strip_of_faces.select(**by_name(pick, {"dials": dials}, {"whose": whose, **shown}), **QUICK)
    stop.click(request_stop, None, None, queue=False, show_progress="hidden", **HIDDEN)
    send.click(
        **by_name(results.send, {"kept": kept}, {"picture": upscale_picture, "tabs": tabs}), **QUICK
    )  # fmt: skip

    api_detect.click(
        **by_name(
            detect_endpoint,
            {"file": api_file, "min_size": api_searching["min_size"], "score": api_searching["score"]},
            {"facts": api_facts},
        ),
        api_name="detect", **COMPUTE,
    )  # fmt: skip
    api_repair.click(
        **by_name(
            repair_endpoint, {"file": api_file, "mask": api_mask, **api_settings},
            {"file": api_result, "facts": api_facts},
        ),
        api_name="repair", **COMPUTE,
    )  # fmt: skip
    return MaskedTab(id=NAME, picture=picture, source=source, canvas=canvas)


def _sizes() -> list[tuple[Any, int]]:
    return [(T("repair_size_same"), 1), *((f"{times}×", times) for times in SIZES[1:])]


def _ways() -> list[tuple[Any, str]]:
    """Of anonymising: by persons only where there are any."""
    ways = [way for way in ANONYMISE if way != "person" or generate_tab.available()]
    return [(T(f"RepairOptions_anonymise_{way}"), way) for way in ways]


def _options(given: Mapping[str, Any], **more: Any) -> RepairOptions:
    """What the page's components or an API's call hold, as options of a model that is there."""
    options = fields.read(RepairOptions, {**given, "model": given["model"] or DEFAULTS.model}, **more)
    known(options.model, "restore")
    return options


# Looking at what was given


@guarded
def inspect(
    *, path: str | None, source: Source | None, dials: Dials, kept: Kept | None, sent: Mask | None, request: gr.Request
) -> dict[str, Any]:
    """Look at a new picture: refuse it with a reason, or remember it and lay it under the mask canvas.

    The last picture's faces and result go; the dial of all faces stays where it was.
    """
    if results.told_again(path, source):
        return {}
    results.forget(kept)
    source, picture, changes = results.look(path, NAME, request)
    # The choices stay until others are found: Gradio refuses ticks that were sent a moment ago and have no choice now.
    return changes | {
        "orders": mask_canvas.show(NAME, picture, path or "", request, sent if picture else None),
        "drawn": "", "sent": None, "found": Found(), "strip": None, "ticks": gr.update(value=[], visible=False),
        "whose": gr.update(value=0, visible=False), "slider": None, "info": "", "recipe": None, "kept": None,
        "download": gr.update(value=None, interactive=False), "dials": {0: _dial(dials, 0)},
    }  # fmt: skip


@guarded
def find(
    *, source: Source | None, found: Found, ticks: Sequence[int], dials: Dials, searching: Mapping[str, Any],
    request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """Look for faces: the strip, a tick for each, and their outlines on the canvas."""
    return _find(source, found, ticks, dials, searching, found.boxes, request, progress) if source else {}


@guarded
def add_box(
    *, box: str, source: Source | None, found: Found, ticks: Sequence[int], dials: Dials,
    searching: Mapping[str, Any], request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """A box was drawn round a face that had not been found."""
    if not source or not box:
        return {}
    boxes = (*found.boxes, mask_canvas.read_box(box, source.height, source.width))
    return {"box": "", **_find(source, found, ticks, dials, searching, boxes, request, progress)}


def _find(
    source: Source, before: Found, ticks: Sequence[int], dials: Dials, searching: Mapping[str, Any],
    boxes: tuple[Box, ...], request: gr.Request, progress: gr.Progress,
) -> dict[str, Any]:  # fmt: skip
    options = _options(searching, boxes=boxes)
    with job(request, progress, source.path) as work:
        picture = read_picture(source.path)
        seen = repair.find(picture, options, report=work.report())
    if results.stale(source, request):
        return {}
    folder = new_folder(request)
    thumbs = tuple(_thumb(folder, f"face-{number}", _face_crop(picture, face)) for number, face in enumerate(seen, 1))
    found = Found(faces=tuple(seen), boxes=options.boxes, thumbs=thumbs)
    # Who was there before keeps tick or no tick and dials, under a new number perhaps; newcomers are ticked.
    numbers_now = _numbers_now(before, found)
    left = {now for old, now in numbers_now.items() if old not in ticks}
    ticked = [number for number in range(1, len(seen) + 1) if number not in left]
    dials = {0: _dial(dials, 0)} | {now: dials[old] for old, now in numbers_now.items() if old in dials}
    if not seen:
        gr.Info(say("repair_none_found", work.language))
    numbers = [(str(number), number) for number in range(1, len(seen) + 1)]
    everyone = (say("repair_everyone", work.language), 0)
    return {
        "found": found,
        "strip": [(thumb, str(number)) for number, thumb in enumerate(thumbs, 1)],
        "ticks": gr.update(choices=numbers, value=ticked, visible=bool(seen)),
        "whose": gr.update(choices=[everyone, *numbers], value=0, visible=bool(seen)),
        "orders": mask_canvas.show_faces(NAME, _outlines(found, source)),
        "dials": dials,
        **_dialled(dials, 0),
    }


def _numbers_now(before: Found, now: Found) -> dict[int, int]:
    """The numbers of those faces that were there before -> what they are now."""
    return {
        old: new
        for old, face in enumerate(before.faces, 1)
        for new, other in enumerate(now.faces, 1)
        if face.box == other.box or detect.same_place(face, other)
    }


def _outlines(found: Found, source: Source) -> dict[int, Any]:
    size = np.array([source.width, source.height])
    return {
        number: np.clip(align.outline_points(align.transform_of(face)) / size, 0, 1)
        for number, face in enumerate(found.faces, 1)
    }


def _face_crop(picture: Picture, face: Face) -> Pixels:
    return from_float(align.aligned(picture.pixels, align.transform_of(face)), 8)


def _thumb(folder: Path, name: str, *crops: Pixels) -> str:
    """A small file with one or more aligned faces side by side."""
    small = [cv2.resize(crop, (THUMB, THUMB), interpolation=cv2.INTER_AREA).reshape(THUMB, THUMB, -1) for crop in crops]
    file = folder / f"{name}-{uuid.uuid4().hex[:12]}.jpg"
    write_picture(Picture(pixels=np.concatenate(small, 1)), file, strip=True)
    return str(file)


@guarded
def settings_of_recipe(*, source: Source | None, request: gr.Request) -> dict[str, Any]:
    """The settings with which the given picture was made; which faces and what mask is for the eye to choose."""
    used = results.options_of_recipe(source, RepairOptions, without=("faces", "boxes"))
    known(used.model, "restore")
    names = ("model", "fidelity", "strength", "min_size", "score", "anonymise")
    return {name: getattr(used, name) for name in names} | {"dials": {0: (used.fidelity, used.strength)}}


def announce(*, source: Source | None, request: gr.Request) -> dict[str, Any]:
    """What stands in the estimate's place while a new picture is searched for faces: the first time takes seconds."""
    return {"cost": say("repair_looking", language_of(request)) if source else T("waiting")}


@guarded
def show_estimate(
    *, source: Source | None, found: Found, ticks: Sequence[int], drawn: str, size: object,
    searching: Mapping[str, Any], request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    """Seconds and peak memory for what is ticked and masked now; a problem stands in the same place."""
    if not source:
        return {"cost": T("waiting")}
    language = language_of(request)
    try:
        return {"cost": _estimate(source, ticks, drawn, _size(size), searching, language)}
    except Exception as error:
        return {"cost": "⚠ " + as_text(explain(error, language))}


def _estimate(
    source: Source, ticks: Sequence[int], drawn: str, size: int, searching: Mapping[str, Any], language: str
) -> str:
    mask = mask_canvas.read(drawn, *(max(1, round(side / 8)) for side in (source.height, source.width)))
    share = 0.0 if mask is None else float(mask.mean())
    masked = round(share * source.width * source.height)
    if not ticks and not masked:
        return say("repair_nothing", language)
    options = _options(searching, faces=tuple(ticks) or "none")
    cost = repair.estimate(source.width, source.height, options, count=len(ticks), masked=masked)
    if size > 1:
        more = upscale.estimate(source.width, source.height, UpscaleOptions(scale=size), alpha=source.alpha)
        cost = replace(more, seconds=cost.seconds + more.seconds, memory=max(cost.memory, more.memory))
    return say(
        "repair_estimate", language, faces=len(ticks), percent=f"{100 * share:.1f}", seconds=duration(cost.seconds),
        memory=size_text(cost.memory), free=size_text(cost.free),
    ) + memory_warning(cost, language)  # fmt: skip


# Running


@guarded
def run_page(
    *, source: Source | None, found: Found, ticks: Sequence[int], drawn: str, size: object, dials: Dials, trust: bool,
    searching: Mapping[str, Any], saving: Mapping[str, Any], last: Kept | None, request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """The Run button."""
    source, times, ways = results.given(source), _size(size), fields.read(SaveOptions, saving)
    if results.stale(source, request):
        return {}
    mask = mask_canvas.read(drawn, source.height, source.width)
    options = _options(
        searching, faces=tuple(sorted(ticks)) or "none", boxes=found.boxes, **_dialled(dials, 0)
    )  # fmt: skip
    with job(request, progress, source.path) as work:
        started = time.monotonic()
        picture = read_picture(source.path)
        result, recipe = _repair(picture, options, found.faces, mask, times, work)
        if results.stale(source, request):
            return {}
        facts = Facts(found=found, size=times, filled_by=result.filled_by, recipe=recipe)
        seconds = time.monotonic() - started
        kept = results.keep_result(
            source, picture, options, seconds, new_folder(request), facts, **_arrays(result, times)
        )  # fmt: skip
        outputs = _show(kept, result, found, ticks, dials, trust, ways, work.language)
    results.forget(last)
    return outputs


def _size(given: object) -> int:
    """How many times enlarged; raises OptionError."""
    for size in SIZES:
        if not isinstance(given, bool) and given in (size, float(size), str(size)):
            return size
    raise OptionError(messages.NOT_A_SIZE, value=str(given)[:40], choices=", ".join(map(str, SIZES)))


def _repair(
    picture: Picture, options: RepairOptions, found: Sequence[Face] | None, mask: Mask | None, size: int, work: Job
) -> tuple[Repaired, dict[str, Any]]:
    """Repair, and enlarge what is round the faces; with the recipe of both."""
    result = repair.repair(picture, options, mask, found=found, report=work.report())
    recipe = repair.recipe(result)
    if size > 1:
        enlarging = UpscaleOptions(scale=size)
        base = upscale.upscale(replace(picture, pixels=result.base), enlarging, report=work.report())
        result = _at_size(result, base)
        recipe["then"] = upscale.recipe(enlarging)
    return result, recipe


def _at_size(result: Repaired, base: Picture) -> Repaired:
    """The same faces in the enlarged picture: they are as fine as the network left them, not enlarged themselves."""
    scale = base.width / result.original.width
    moved = tuple(
        replace(face, transform=face.transform / np.array([scale, scale, 1]))  # of larger coordinates
        for face in result.faces
    )
    mask = None if result.mask is None else masks.resized(result.mask, base.height, base.width)
    return replace(result, original=base, base=base.pixels, mask=mask, faces=moved)


_KEPT = ("transform", "before", "clean", "faithful", "outline", "hole", "anonymised")


def _arrays(result: Repaired, size: int) -> dict[str, Any]:
    """What compose() needs, for :func:`results.keep_result`, which keeps the original itself unless it is enlarged."""
    arrays: dict[str, Any] = {"base": result.base, "mask": result.mask}
    if size > 1:
        arrays |= {"enlarged": result.original.pixels, "enlarged_alpha": result.original.alpha}
    for face in result.faces:
        parts = {f"{face.number}.{name}": getattr(face, name) for name in _KEPT}
        arrays |= {name: None if part is None else np.asarray(part) for name, part in parts.items()}
    return arrays


def _repaired(kept: Kept) -> Repaired:
    """What the run made; raises EditingError once it is gone."""
    arrays, facts = results.arrays_of(kept), kept.facts
    original = results.original(kept, arrays)
    if "enlarged" in arrays:
        original = replace(original, pixels=arrays["enlarged"], alpha=arrays.get("enlarged_alpha"))
    numbers = sorted({int(name.split(".")[0]) for name in arrays if "." in name})
    faces = []
    for number in numbers:
        parts: dict[str, Any] = {name: arrays.get(f"{number}.{name}") for name in _KEPT}
        parts["anonymised"] = str(parts["anonymised"])
        faces.append(RepairedFace(number=number, face=facts.found.faces[number - 1], **parts))
    return Repaired(
        original=original, base=arrays["base"], mask=arrays.get("mask"), faces=tuple(faces),
        found=len(facts.found.faces), options=kept.options, filled_by=facts.filled_by,
    )  # fmt: skip


# Ticks and dials


def _dial(dials: Dials, number: int) -> tuple[float, float]:
    """Fidelity and strength of a face: its own, else those of all."""
    return dials.get(number) or dials.get(0) or (DEFAULTS.fidelity, DEFAULTS.strength)


def _dialled(dials: Dials, number: int) -> dict[str, float]:
    return dict(zip(("fidelity", "strength"), _dial(dials, number), strict=True))


@guarded
def turn(
    *, whose: int | None, fidelity: float, strength: float, dials: Dials, request: gr.Request, **choosing: Any
) -> dict[str, Any]:
    """A dial was turned, for one face or for all of them; what was made follows."""
    turned = dict(dials) | {whose: (fidelity, strength)} if whose else {0: (fidelity, strength)}
    return {} if turned == dials else {"dials": turned, **_remixed(dials=turned, request=request, **choosing)}


def show_dials(*, whose: int | None, dials: Dials) -> dict[str, Any]:
    """The dials of the face chosen in the list."""
    return _dialled(dials, whose or 0)


def pick(*, dials: Dials, event: gr.SelectData) -> dict[str, Any]:
    """A face of the strip was clicked: the dials are now its own."""
    number = int(event.index) + 1
    return {"whose": number, **_dialled(dials, number)}


@guarded
def remix(*, request: gr.Request, **choosing: Any) -> dict[str, Any]:
    """Other ticks, faces or ways of saving: put the last result together anew, without a network."""
    return _remixed(request=request, **choosing)


def _remixed(
    *, kept: Kept | None, found: Found, ticks: Sequence[int], dials: Dials, trust: bool, saving: Mapping[str, Any],
    request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    if not kept or not is_there(request, NAME, kept.source.given):  # another picture's faces are no ticks of this one
        return {}
    ways = fields.read(SaveOptions, saving)
    return _show(kept, _repaired(kept), found, ticks, dials, trust, ways, language_of(request))


def _show(
    kept: Kept, result: Repaired, found: Found, ticks: Sequence[int], dials: Dials, trust: bool, saving: SaveOptions,
    language: str,
) -> dict[str, Any]:  # fmt: skip
    """``ticks`` and ``dials`` have the numbers of ``found``: a box drawn after the run may have moved them."""
    facts: Facts = kept.facts
    numbers = _numbers_now(facts.found, found)
    choices = []
    for face in result.faces:
        now = numbers.get(face.number, 0)
        choices.append(Choice(accept=now in ticks, **_dialled(dials, now)))
    picture = repair.compose(result, choices)
    recipe = dict(facts.recipe) | {
        "choices": {
            str(face.number): asdict(choice) for face, choice in zip(result.faces, choices, strict=True)
        }
    }  # fmt: skip
    remarks = _remarks(kept, result, choices, numbers, language)
    if missing := sorted(set(ticks) - {numbers.get(face.number) for face in result.faces}):
        remarks.append(say("repair_missing", language, numbers=", ".join(map(str, missing))))
    accepted = sum(choice.accept for choice in choices)
    outputs = results.show(
        kept, picture, recipe, saving, language, ending=_ending(facts.size), remarks=remarks,
        line=lambda words: say("repair_done", language, faces=accepted, found=len(found.faces), **words),
        overlay=_with_doubt(picture, repair.trust_map(result, choices)) if trust else None,
    )  # fmt: skip
    folder = Path(outputs["kept"].file).parent
    return outputs | {"strip": _strip(found, result, choices, numbers, folder)}


def _remarks(
    kept: Kept, result: Repaired, choices: Sequence[Choice], numbers: Mapping[int, int], language: str
) -> list[str]:  # fmt: skip
    """What to know of the result: how masked parts were filled, who may be someone else now."""
    said = []
    if result.filled_by:
        said.append(say("repair_filled", language, name=result.filled_by))
    for face, choice in zip(result.faces, choices, strict=True):
        if not choice.accept:
            continue
        alike = face.likeness(choice.fidelity)
        if alike is not None and alike < likeness.ALIKE:
            said.append(say(
                "repair_unlike", language, number=numbers[face.number], likeness=f"{alike:.2f}",
                bar=f"{likeness.ALIKE:.2f}",
            ))  # fmt: skip
        if face.anonymised and face.anonymised != kept.options.anonymise:
            said.append(say("repair_squares", language, number=numbers[face.number]))
    return said


def _strip(
    found: Found, result: Repaired, choices: Sequence[Choice], numbers: Mapping[int, int], folder: Path
) -> list[tuple[str, str]]:  # fmt: skip
    """Every face, those that were repaired before and after, with how alike the two are."""
    shown = {number: (thumb, str(number)) for number, thumb in enumerate(found.thumbs, 1)}
    for face, choice in zip(result.faces, choices, strict=True):
        number = numbers.get(face.number)
        if number is None:
            continue
        before, after = (to_float(crop) for crop in (face.before, face.after(choice.fidelity)))
        amount = np.float32(1.0 if face.anonymised else choice.strength)
        pair = [from_float(crop, 8) for crop in (before, before + amount * (after - before))]
        alike = face.likeness(choice.fidelity)
        caption = str(number) if alike is None else f"{number} · {alike:.2f}"
        if alike is not None and alike < likeness.ALIKE:
            caption += " ⚠"
        shown[number] = _thumb(folder, f"face-{number}", *pair), caption
    return [shown[number] for number in sorted(shown)]


def _with_doubt(picture: Picture, doubt: Mask) -> Picture:
    """The picture, grayed, with red where the result departs from what was photographed."""
    rgb = to_float(picture.pixels)
    gray = rgb.mean(2, keepdims=True)
    red = np.array([0.9, 0.05, 0.2], np.float32)
    share = 0.75 * doubt[..., None]
    return replace(picture, pixels=from_float(gray + share * (red - gray), picture.depth))


def _ending(size: int) -> str:
    """For the result's name: what was done."""
    return f"repaired-x{size}" if size > 1 else "repaired"


# The API


@guarded
def detect_endpoint(
    *, file: str | None, request: gr.Request, progress: gr.Progress = gr.Progress(), **given: Any
) -> dict[str, Any]:
    """Find the faces in a picture; returns its size and, for each from left to right, number, box, landmarks, score.

    Faces lower than ``min_size`` pixels are left out; 0: lower than a hundredth of the longer side.
    """
    path, options = results.sent(file, request), fields.read(RepairOptions, given)
    with job(request, progress, path) as work:
        picture = read_picture(path)
        seen = repair.find(picture, options, report=work.report())
    return {"facts": {"width": picture.width, "height": picture.height, "faces": _facts_of(seen)}}


def _facts_of(seen: Sequence[Face]) -> list[dict[str, Any]]:
    return [
        {
            "number": number, "box": [round(side, 2) for side in face.box],
            "landmarks": face.landmarks.round(2).tolist(), "score": round(face.score, 4),
        }
        for number, face in enumerate(seen, 1)
    ]  # fmt: skip


@guarded
def repair_endpoint(
    *, file: str | None, mask: str | None, which: object, size: object, request: gr.Request,
    progress: gr.Progress = gr.Progress(), **given: Any,
) -> dict[str, Any]:  # fmt: skip
    """Repair faces and fill what ``mask`` (a picture, white: fill) covers; returns the file and the facts.

    ``which`` is all, none, or numbers such as 1,3, from left to right; ``boxes`` are further faces, [left, top, right,
    bottom] in pixels. ``size`` enlarges the picture round the faces 1, 2 or 4 times.
    """
    path, saving, times = results.sent(file, request), results.saving_of(given), _size(size)
    options = _options({**given, "faces": which})
    over_file = owned(mask, Path(path).parent) if mask else None
    started = time.monotonic()
    with job(request, progress, path) as work:
        picture = read_picture(path)
        over = masks.read(over_file, picture.height, picture.width) if over_file else None
        seen = repair.find(picture, options, report=work.report()) if options.faces != "none" else []
        result, recipe = _repair(picture, options, seen, over, times, work)
        made = repair.compose(result)
    saved, notices = results.save(made, path, _ending(times), new_folder(request), saving, recipe)
    alike = {face.number: face.likeness(options.fidelity) for face in result.faces}
    facts = results.facts_of(
        made, started, notices, recipe, faces=_facts_of(seen), filled_by=result.filled_by,
        repaired=[
            {"number": number, "likeness": None if value is None else round(value, 4)}
            for number, value in alike.items()
        ],
    )  # fmt: skip
    return {"file": str(saved), "facts": facts}
