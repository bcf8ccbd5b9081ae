"""The Repair tab: faces found, repaired and taken or left one by one, masked parts filled; and the same on the API."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from editing.errors import EditingError, ImageError, OptionError
from editing.faces import align, detect, likeness
from editing.faces.align import Box, Face
from editing.messages import Message
from editing.options import Choice, GenerateOptions, RepairOptions, UpscaleOptions
from editing.pictures import masks
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture, Pixels, from_float, to_float
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import generate, repair, upscale
from editing.pipelines.repair import Repaired, RepairedFace
from editing.ui import generate_tab, mask_canvas
from editing.ui.handlers import (
    COMPUTE,
    QUICK,
    AnyImage,
    Job,
    as_text,
    duration,
    explain,
    guarded,
    job,
    memory_warning,
    new_folder,
    preview,
    request_stop,
    size_text,
)
from editing.ui.mask_canvas import MaskedTab
from editing.ui.translations import T, language_of, say, translate
from editing.ui.upscale_tab import FORMATS, PREVIEW_PIXELS, SHOWN_BY_BROWSERS, SUFFIXES
from editing.weights.files import path_of
from editing.weights.find import find_weight, weights_for

NAME = "repair"  # of its mask canvas
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
class Made:
    """The last run: what follows ticks and dials without another. The pixels lie in ``folder``; they are many."""

    source: Mapping[str, Any]
    folder: str
    options: RepairOptions
    found: Found
    size: int  # times enlarged
    seconds: float
    filled_by: str | None
    recipe: Mapping[str, Any]
    before: str  # what the slider shows of the original
    version: str = ""  # the folder of what is shown now


def models() -> list[tuple[str, str]]:
    """Label and name of every network for faces that is there; the tab is not shown where there is none."""
    return [
        (f"{weight.name} ({weight.title}; {weight.licence})", weight.name)
        for weight in weights_for("restore")
        if path_of(weight)
    ]


def build(tabs: gr.Tabs, upscale_picture: gr.Image, *, send_mask: bool = False) -> MaskedTab:
    """Add the tab to the page being built; "Send to Upscale" puts the result into ``upscale_picture``.

    With ``send_mask`` there is a button that sends the mask to the Stylize tab: for :func:`mask_canvas.connect`.
    """
    known = models()
    hidden: dict[str, Any] = {"api_visibility": "private"}
    with gr.Tab(T("tab_repair"), id="repair"), gr.Row():
        with gr.Column(min_width=320):
            picture = AnyImage(
                label=T("input"), type="filepath", image_mode=None, height=200, elem_id="repair-input",
                sources=["upload", "clipboard", "webcam"],
            )  # fmt: skip
            use_recipe = gr.Button(T("recipe_use"), visible=False, size="sm", elem_id="repair-use-recipe")
            canvas = mask_canvas.build(NAME, boxes=True, send=T("mask_to_stylize") if send_mask else "")
            model = gr.Dropdown(
                known, value=known[0][1] if known else None, label=T("model"), visible=len(known) > 1,
                elem_id="repair-model",
            )  # fmt: skip
            with gr.Accordion(T("advanced"), open=False):
                size = gr.Radio(
                    _sizes(), value=1, label=T("repair_size"), info=T("repair_size_info"), elem_id="repair-size"
                )  # fmt: skip
                min_size = gr.Number(
                    0, label=T("repair_min_size"), info=T("repair_min_size_info"), precision=0, minimum=0,
                    elem_id="repair-min-size",
                )  # fmt: skip
                score = gr.Slider(
                    0, 1, DEFAULTS.score, step=0.05, label=T("repair_score"), info=T("repair_score_info"),
                    elem_id="repair-score",
                )  # fmt: skip
                anonymise = gr.Radio(
                    _ways(), value="no", label=T("anonymise"), info=T("anonymise_info"), elem_id="repair-anonymise"
                )
                file_format = gr.Radio(list(FORMATS), value="PNG", label=T("format"), elem_id="repair-format")
                strip = gr.Checkbox(False, label=T("strip"))
                keep_gps = gr.Checkbox(False, label=T("keep_gps"))
            cost = gr.Markdown(T("waiting"), elem_id="repair-estimate")
            with gr.Row():
                run = gr.Button(T("run"), variant="primary", elem_id="repair-run")
                stop = gr.Button(T("stop"), elem_id="repair-stop", min_width=80)
            # The API's own ends: the page's are made for looking at.
            api_file = gr.File(visible=False, type="filepath")
            api_mask = gr.File(visible=False, type="filepath")
            api_faces, api_boxes = gr.Textbox("all", visible=False), gr.JSON([], visible=False)
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
            fidelity = gr.Slider(
                0, 1, DEFAULTS.fidelity, step=0.01, label=T("fidelity"), info=T("fidelity_info"),
                elem_id="repair-fidelity",
            )  # fmt: skip
            strength = gr.Slider(
                0, 1, DEFAULTS.strength, step=0.01, label=T("strength"), info=T("repair_strength_info"),
                elem_id="repair-strength",
            )  # fmt: skip
            info = gr.Markdown(elem_id="repair-info")
            with gr.Row():
                download = gr.DownloadButton(T("download"), interactive=False, elem_id="repair-download")
                send = gr.Button(T("send_upscale"), elem_id="repair-send")
            with gr.Accordion(T("recipe"), open=False):
                recipe = gr.JSON(show_label=False, elem_id="repair-recipe")
            # In here, since Gradio takes what lies beside a tab for a tab.
            source = gr.State()  # the file that was given, and the preview shown where browsers can't show it
            found = gr.State(Found())
            dials = gr.State({})  # Dials
            made = gr.State()  # the last run, a Made

    searching = [model, min_size, score, anonymise]
    saving = [file_format, strip, keep_gps]
    of_faces = [found, strip_of_faces, ticks, whose, canvas.orders, dials, fidelity, strength]
    shown = [slider, info, download, recipe, strip_of_faces, made]
    estimating: dict[str, Any] = {
        "fn": show_estimate, "inputs": [source, found, ticks, canvas.value, size, *searching], "outputs": cost,
        "show_progress": "hidden", "trigger_mode": "always_last", **hidden,
    }  # fmt: skip
    finding: dict[str, Any] = {"show_progress_on": strip_of_faces, **COMPUTE, **hidden}
    seeking = [source, found, ticks, dials, *searching]
    # What needs no second run: ticks, dials, the overlay, another way of saving.
    mixing: dict[str, Any] = {
        "show_progress": "minimal", "show_progress_on": slider, "trigger_mode": "always_last", "concurrency_id": "mix",
        "concurrency_limit": 2, **hidden,
    }  # fmt: skip
    mixed = [made, found, ticks, dials, trust, *saving]

    picture.change(
        inspect, [picture, source, dials, made, canvas.sent],
        [source, picture, canvas.orders, canvas.value, canvas.sent, use_recipe, *of_faces[:4], *shown[:4], made, dials],
        show_progress="hidden", **hidden,
    ).then(announce, source, cost, **QUICK).then(find, seeking, of_faces, **finding).then(**estimating)  # fmt: skip
    # Another bar for what is a face: look anew.
    gr.on([min_size.submit, min_size.blur, score.release], find, seeking, of_faces, **finding).then(
        remix, mixed, shown, **mixing
    ).then(**estimating)  # fmt: skip
    canvas.box.change(add_box, [canvas.box, *seeking], [canvas.box, *of_faces], **finding).then(
        remix, mixed, shown, **mixing
    ).then(**estimating)  # fmt: skip
    canvas.load.upload(load_mask, [canvas.load, source], canvas.orders, **QUICK)
    gr.on([ticks.change, canvas.value.change, size.change, model.change, anonymise.change], **estimating)
    use_recipe.click(
        settings_of_recipe, source, [model, fidelity, strength, min_size, score, anonymise, dials], **QUICK
    )

    run.click(
        run_page, [source, found, ticks, canvas.value, size, dials, trust, *searching, *saving, made], shown,
        show_progress_on=slider, **COMPUTE, **hidden,
    )  # fmt: skip
    gr.on([ticks.input, trust.change, file_format.change, strip.change, keep_gps.change], remix, mixed, shown, **mixing)
    # By mouse, by keys, by number, and back to the default: what was turned already is not mixed again.
    gr.on(
        [fidelity.input, strength.input, fidelity.release, strength.release], turn, [whose, fidelity, strength, *mixed],
        [dials, *shown], **mixing,
    )  # fmt: skip
    whose.input(show_dials, [whose, dials], [fidelity, strength], **QUICK)
    strip_of_faces.select(pick, dials, [whose, fidelity, strength], **QUICK)
    stop.click(request_stop, None, None, queue=False, show_progress="hidden", **hidden)
    send.click(send_to_upscale, made, [upscale_picture, tabs], **QUICK)

    api_detect.click(detect_endpoint, [api_file, min_size, score], api_facts, api_name="detect", **COMPUTE)
    api_repair.click(
        repair_endpoint,
        [api_file, api_mask, api_faces, api_boxes, fidelity, strength, size, *searching, *saving],
        [api_result, api_facts], api_name="repair", **COMPUTE,
    )  # fmt: skip
    return MaskedTab(id=NAME, picture=picture, source=source, canvas=canvas)


def _sizes() -> list[tuple[Any, int]]:
    return [(T("repair_size_same"), 1), *((f"{times}×", times) for times in SIZES[1:])]


def _ways() -> list[tuple[Any, str]]:
    ways: list[tuple[Any, str]] = [
        (T("anonymise_no"), "no"), (T("anonymise_blur"), "blur"), (T("anonymise_pixels"), "pixels")
    ]  # fmt: skip
    return [*ways, (T("anonymise_person"), "person")] if generate_tab.available() else ways


def _options(model: str | None, min_size: float | None, score: float, anonymise: str, **more: Any) -> RepairOptions:
    """The page's values as options; an emptied number field arrives as None and means 0, the default."""
    model = model or DEFAULTS.model
    find_weight(model, "restore", paths=False)  # a request must not choose which of the machine's files is opened
    return RepairOptions(
        model=model, min_size=int(min_size or 0) or None, score=float(score), anonymise=anonymise, **more
    )


# Looking at what was given


@guarded
def inspect(
    path: str | None, source: dict[str, Any] | None, dials: Dials, made: Made | None, sent: Mask | None,
    request: gr.Request,
) -> tuple[Any, ...]:  # fmt: skip
    """Look at a new picture: refuse it with a reason, or remember it and lay it under the mask canvas.

    The last picture's faces and result go; the dial of all faces stays where it was.
    """
    if path and source and (path == source["path"] or Path(path).name == source["preview"]):
        # Told again, as Gradio does when a tab is shown for the first time; or our own preview, put there below.
        return (gr.skip(),) * 16
    if made:
        shutil.rmtree(made.folder, ignore_errors=True)
    # The choices stay until others are found: Gradio refuses ticks that were sent a moment ago and have no choice now.
    gone = (
        Found(), None, gr.update(value=[], visible=False), gr.update(value=0, visible=False),
        None, "",
        gr.update(value=None, interactive=False), None, None, {0: _dial(dials, 0)},
    )  # fmt: skip
    closed: tuple[Any, ...] = (
        mask_canvas.show(NAME, None, "", request), "", None, gr.update(visible=False), *gone
    )  # fmt: skip
    if not path:
        return None, gr.skip(), *closed
    language = language_of(request)
    try:
        picture = read_picture(path)
    except ImageError as error:
        gr.Warning(as_text(explain(error, language)), title=say("error_title", language))
        return None, None, *closed
    for notice in picture.notices:
        gr.Info(as_text(translate(str(notice), language)))
    source = {
        "path": path,
        "preview": None,
        "width": picture.width,
        "height": picture.height,
        "alpha": picture.alpha is not None,
        "recipe": picture.recipe if picture.recipe and picture.recipe.get("task") == "repair" else None,
    }
    shown: Any = gr.skip()
    if probe_picture(path).format not in SHOWN_BY_BROWSERS:
        small = preview(picture, new_folder(request))
        source["preview"], shown = small.name, str(small)
    order = mask_canvas.show(NAME, picture, path, request, sent)
    return source, shown, order, "", None, gr.update(visible=source["recipe"] is not None), *gone


@guarded
def find(
    source: dict[str, Any] | None, found: Found, ticks: list[int], dials: Dials, model: str | None, min_size: float,
    score: float, anonymise: str, request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> tuple[Any, ...]:  # fmt: skip
    """Look for faces: the strip, a tick for each, and their outlines on the canvas."""
    if not source:
        return (gr.skip(),) * 8
    options = _options(model, min_size, score, anonymise, boxes=found.boxes)
    with job(request, progress) as work:
        return _find(source, found, ticks, dials, options, work, request)


@guarded
def add_box(
    text: str, source: dict[str, Any] | None, found: Found, ticks: list[int], dials: Dials, model: str | None,
    min_size: float, score: float, anonymise: str, request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> tuple[Any, ...]:  # fmt: skip
    """A box was drawn round a face that had not been found."""
    if not source or not text:
        return (gr.skip(),) * 9
    box = mask_canvas.read_box(text, source["height"], source["width"])
    options = _options(model, min_size, score, anonymise, boxes=(*found.boxes, box))
    with job(request, progress) as work:
        return "", *_find(source, found, ticks, dials, options, work, request)


def _find(
    source: Mapping[str, Any], known: Found, ticks: Sequence[int], dials: Dials, options: RepairOptions, work: Job,
    request: gr.Request,
) -> tuple[Any, ...]:  # fmt: skip
    picture = read_picture(source["path"])
    seen = repair.find(picture, options, report=work.report())
    folder = new_folder(request)
    thumbs = tuple(_thumb(folder, f"face-{number}", _face_crop(picture, face)) for number, face in enumerate(seen, 1))
    found = Found(faces=tuple(seen), boxes=options.boxes, thumbs=thumbs)
    # Who was there before keeps tick or no tick and dials, under a new number perhaps; newcomers are ticked.
    numbers_now = _numbers_now(known, found)
    left = {now for before, now in numbers_now.items() if before not in ticks}
    ticked = [number for number in range(1, len(seen) + 1) if number not in left]
    dials = {0: _dial(dials, 0)} | {now: dials[before] for before, now in numbers_now.items() if before in dials}
    if not seen:
        gr.Info(say("repair_none_found", work.language))
    numbers = [(str(number), number) for number in range(1, len(seen) + 1)]
    return (
        found,
        [(thumb, str(number)) for number, thumb in enumerate(thumbs, 1)],
        gr.update(choices=numbers, value=ticked, visible=bool(seen)),
        gr.update(choices=[(say("repair_everyone", work.language), 0), *numbers], value=0, visible=bool(seen)),
        mask_canvas.show_faces(NAME, _outlines(found, source)),
        dials,
        *_dial(dials, 0),
    )


def _numbers_now(before: Found, now: Found) -> dict[int, int]:
    """The numbers of those faces that were there before -> what they are now."""
    return {
        old: new
        for old, face in enumerate(before.faces, 1)
        for new, other in enumerate(now.faces, 1)
        if face.box == other.box or detect.same_place(face, other)
    }


def _outlines(found: Found, source: Mapping[str, Any]) -> dict[int, Any]:
    size = np.array([source["width"], source["height"]])
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
def load_mask(file: str | None, source: dict[str, Any] | None, request: gr.Request) -> str:
    """A mask file was chosen: lay it on the canvas."""
    if not source or not file:
        raise EditingError(say("no_picture", language_of(request)))
    return mask_canvas.load(NAME, file, source["height"], source["width"], request)


@guarded
def settings_of_recipe(source: dict[str, Any] | None, request: gr.Request) -> list[Any]:
    """The settings with which the given picture was made; which faces and what mask is for the eye to choose."""
    if not source or not source["recipe"]:
        raise EditingError(say("no_picture", language_of(request)))
    known = {field.name for field in fields(RepairOptions)} - {"faces", "boxes"}
    kept = {name: value for name, value in source["recipe"].get("options", {}).items() if name in known}
    try:
        used = RepairOptions(**kept)
    except TypeError as error:
        raise EditingError("The recipe in this picture is damaged: choose the settings by hand.") from error
    find_weight(used.model, "restore", paths=False)
    return [used.model, used.fidelity, used.strength, used.min_size or 0, used.score, used.anonymise,
            {0: (used.fidelity, used.strength)}]  # fmt: skip


def announce(source: dict[str, Any] | None, request: gr.Request) -> Any:
    """What stands in the estimate's place while a new picture is searched for faces: the first time takes seconds."""
    return say("repair_looking", language_of(request)) if source else T("waiting")


def show_estimate(
    request: gr.Request, source: dict[str, Any] | None, found: Found, ticks: list[int], drawn: str, size: int,
    *searching: Any,
) -> Any:  # fmt: skip
    """Seconds and peak memory for what is ticked and masked now; a problem stands in the same place."""
    language = language_of(request)
    if not source:
        return T("waiting")
    try:
        mask = mask_canvas.read(drawn, *(max(1, round(side / 8)) for side in (source["height"], source["width"])))
        masked = 0 if mask is None else round(float(mask.mean()) * source["width"] * source["height"])
        if not ticks and not masked:
            return say("repair_nothing", language)
        options = _options(*searching, faces=tuple(ticks) or "none")
        cost = repair.estimate(source["width"], source["height"], options, count=len(ticks), masked=masked)
        if size > 1:
            more = upscale.estimate(source["width"], source["height"], _enlarging(size), alpha=source["alpha"])
            cost = replace(
                more, seconds=cost.seconds + more.seconds, memory=max(cost.memory, more.memory), tiles=cost.tiles
            )
    except Exception as error:
        return "⚠ " + as_text(explain(error, language))
    percent = 100 * masked / (source["width"] * source["height"])
    text = say(
        "repair_estimate", language, faces=len(ticks), percent=f"{percent:.1f}",
        seconds=duration(cost.seconds), memory=size_text(cost.memory), free=size_text(cost.free),
    )  # fmt: skip
    return text + memory_warning(cost, language)


# Running


@guarded
def run_page(request: gr.Request, progress: gr.Progress = gr.Progress(), *values: Any) -> tuple[Any, ...]:
    """The Run button."""
    source, found, ticks, drawn, size, dials, trust = values[:7]
    saving, last = values[11:14], values[14]
    if not source:
        raise EditingError(say("no_picture", language_of(request)))
    mask = mask_canvas.read(drawn, source["height"], source["width"])
    fidelity, strength = _dial(dials, 0)
    options = _options(
        *values[7:11], faces=tuple(sorted(ticks)) or "none", boxes=found.boxes, fidelity=fidelity, strength=strength
    )
    with job(request, progress) as work:
        result = _run(source, options, found, mask, size, work, request)
        outputs = _show(*result, found, ticks, dials, trust, saving, work.language)
    if last:  # its place on the page is taken, and it is large
        shutil.rmtree(last.folder, ignore_errors=True)
    return outputs


def _run(
    source: Mapping[str, Any], options: RepairOptions, found: Found, mask: Mask | None, size: int, work: Job,
    request: gr.Request,
) -> tuple[Made, Repaired]:  # fmt: skip
    started = time.monotonic()
    picture = read_picture(source["path"])
    result, recipe = _repair(picture, options, found.faces, mask, size, work)
    folder = new_folder(request)
    _keep(result, folder)
    small = source["preview"] or picture.width * picture.height > PREVIEW_PIXELS
    made = Made(
        source=source, folder=str(folder), options=options, found=found, size=size,
        seconds=time.monotonic() - started, filled_by=result.filled_by, recipe=recipe,
        before=str(preview(picture, folder)) if small else source["path"],
    )  # fmt: skip
    return made, result


def _repair(
    picture: Picture, options: RepairOptions, found: Sequence[Face] | None, mask: Mask | None, size: int, work: Job
) -> tuple[Repaired, dict[str, Any]]:
    """Repair, and enlarge what is round the faces; with the recipe of both."""
    recipe = repair.recipe(options)
    persons: list[Pixels] = []
    if options.anonymise == "person":
        drawing = GenerateOptions(seed=int(np.random.default_rng().integers(10**6)), count=8)
        persons = [sample.picture.pixels for sample in generate.generate(drawing)]
        recipe["persons"] = generate.recipe(drawing)
    result = repair.repair(picture, options, mask, found=found, persons=persons, report=work.report())
    if size > 1:
        enlarging = _enlarging(size)
        base = upscale.upscale(replace(picture, pixels=result.base), enlarging, report=work.report())
        result = _at_size(result, base)
        recipe["then"] = upscale.recipe(enlarging)
    return result, recipe


def _enlarging(size: int) -> UpscaleOptions:
    if size not in SIZES:
        raise OptionError(f"Size is {size}; choose 1, 2 or 4.")
    return UpscaleOptions(scale=size)


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


def _keep(result: Repaired, folder: Path) -> None:
    """Write what compose() needs, uncompressed; of what is enlarged the original, too."""
    arrays: dict[str, Any] = {"base": result.base, "original": result.original.pixels}
    if result.mask is not None:
        arrays["mask"] = result.mask
    if result.original.alpha is not None:
        arrays["alpha"] = result.original.alpha
    for face in result.faces:
        arrays |= {
            f"{face.number}.{name}": getattr(face, name) for name in _KEPT if getattr(face, name) is not None
        }  # fmt: skip
    np.savez(folder / "repaired.npz", **arrays)


def _kept(made: Made) -> Repaired:
    """What :func:`_keep` wrote; raises EditingError once it is gone."""
    try:
        with np.load(Path(made.folder) / "repaired.npz") as arrays:
            numbers = sorted({int(name.split(".")[0]) for name in arrays.files if "." in name})
            repaired = tuple(_kept_face(arrays, number, made) for number in numbers)
            read = read_picture(made.source["path"])
            original = replace(read, pixels=arrays["original"], alpha=arrays.get("alpha"))
            return Repaired(
                original=original, base=arrays["base"], mask=arrays.get("mask"), faces=repaired,
                found=len(made.found.faces), options=made.options, filled_by=made.filled_by,
            )  # fmt: skip
    except FileNotFoundError as error:
        raise EditingError("The result is no longer kept: press Run to make it again.") from error


def _kept_face(arrays: Mapping[str, Any], number: int, made: Made) -> RepairedFace:
    return RepairedFace(
        number=number, face=made.found.faces[number - 1], transform=arrays[f"{number}.transform"],
        before=arrays[f"{number}.before"], clean=arrays[f"{number}.clean"], faithful=arrays[f"{number}.faithful"],
        outline=arrays[f"{number}.outline"], hole=arrays.get(f"{number}.hole"),
        anonymised=str(arrays[f"{number}.anonymised"]),
    )  # fmt: skip


# Ticks and dials


def _dial(dials: Dials, number: int) -> tuple[float, float]:
    """Fidelity and strength of a face: its own, else those of all."""
    return dials.get(number) or dials.get(0) or (DEFAULTS.fidelity, DEFAULTS.strength)


@guarded
def turn(
    request: gr.Request, whose: int | None, fidelity: float, strength: float, made: Made | None, found: Found,
    ticks: list[int], dials: Dials, trust: bool, *saving: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """A dial was turned, for one face or for all of them; what was made follows."""
    turned = dict(dials) | {whose: (fidelity, strength)} if whose else {0: (fidelity, strength)}
    if turned == dials:
        return (gr.skip(),) * 7
    return turned, *_remixed(made, found, ticks, turned, trust, saving, request)


def show_dials(whose: int | None, dials: Dials) -> tuple[float, float]:
    """The dials of the face chosen in the list."""
    return _dial(dials, whose or 0)


def pick(dials: Dials, event: gr.SelectData) -> tuple[int, float, float]:
    """A face of the strip was clicked: the dials are now its own."""
    number = int(event.index) + 1
    return number, *_dial(dials, number)


@guarded
def remix(
    request: gr.Request, made: Made | None, found: Found, ticks: list[int], dials: Dials, trust: bool, *saving: Any
) -> tuple[Any, ...]:
    """Other ticks, faces or ways of saving: put the last result together anew, without a network."""
    return _remixed(made, found, ticks, dials, trust, saving, request)


def _remixed(
    made: Made | None, found: Found, ticks: Sequence[int], dials: Dials, trust: bool, saving: Sequence[Any],
    request: gr.Request,
) -> tuple[Any, ...]:  # fmt: skip
    if not made:
        return (gr.skip(),) * 6
    return _show(made, _kept(made), found, ticks, dials, trust, saving, language_of(request))


def _show(
    made: Made, result: Repaired, found: Found, ticks: Sequence[int], dials: Dials, trust: bool, saving: Sequence[Any],
    language: str,
) -> tuple[Any, ...]:  # fmt: skip
    """Save the result once and give that same file to the slider and the download; the one before it goes.

    ``ticks`` and ``dials`` have the numbers of ``found``: a box drawn after the run may have moved them.
    """
    numbers = _numbers_now(made.found, found)
    choices = []
    for face in result.faces:
        now = numbers.get(face.number, 0)
        fidelity, strength = _dial(dials, now)
        choices.append(Choice(accept=now in ticks, fidelity=fidelity, strength=strength))
    picture = repair.compose(result, choices)
    recipe = dict(made.recipe) | {
        "choices": {
            str(face.number): asdict(choice) for face, choice in zip(result.faces, choices, strict=True)
        }
    }  # fmt: skip
    # A folder for each version: a browser shows the file that it already has under an address.
    folder = Path(tempfile.mkdtemp(dir=made.folder))
    file, notices = _save(picture, made.source["path"], folder, made.size, saving, recipe)
    after = file
    if trust:
        after = preview(_with_doubt(picture, repair.trust_map(result, choices)), folder)
    elif saving[0] not in ("PNG", "JPEG", "WebP") or picture.width * picture.height > PREVIEW_PIXELS:
        after = preview(picture, folder)
    text = say(
        "repair_done", language, faces=sum(choice.accept for choice in choices), found=len(found.faces),
        width=picture.width, height=picture.height, seconds=duration(made.seconds),
        size=size_text(file.stat().st_size), format=saving[0],
    )  # fmt: skip
    remarks = _remarks(made, result, choices, numbers, language)
    if missing := sorted(set(ticks) - {numbers.get(face.number) for face in result.faces}):
        remarks.append(say("repair_missing", language, numbers=", ".join(map(str, missing))))
    remarks += [translate(str(notice), language) for notice in notices]
    if after != file:
        remarks.append(say("preview_note", language))
    text += "".join(f"<br>{as_text(remark)}" for remark in remarks)
    if made.version:
        shutil.rmtree(made.version, ignore_errors=True)
    return (
        gr.update(value=(made.before, str(after))),
        text,
        gr.update(value=str(file), interactive=True),
        recipe,
        _strip(found, result, choices, numbers, folder),
        replace(made, version=str(folder)),
    )


def _remarks(
    made: Made, result: Repaired, choices: Sequence[Choice], numbers: Mapping[int, int], language: str
) -> list[str]:  # fmt: skip
    """What to know of the result: how masked parts were filled, who may be someone else now."""
    said = []
    if made.filled_by:
        said.append(say("repair_filled", language, name=made.filled_by))
    for face, choice in zip(result.faces, choices, strict=True):
        if not choice.accept:
            continue
        alike = face.likeness(choice.fidelity)
        if alike is not None and alike < likeness.ALIKE:
            said.append(say(
                "repair_unlike", language, number=numbers[face.number], likeness=f"{alike:.2f}",
                bar=f"{likeness.ALIKE:.2f}",
            ))  # fmt: skip
        if face.anonymised and face.anonymised != made.options.anonymise:
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


def _save(
    picture: Picture, source: str, folder: Path, size: int, saving: Sequence[Any], recipe: dict[str, Any]
) -> tuple[Path, tuple[Message, ...]]:
    file_format, strip, keep_gps = saving
    larger = f"-x{size}" if size > 1 else ""
    file = folder / f"{Path(source).stem}-repaired{larger}{SUFFIXES[file_format]}"
    return file, write_picture(picture, file, strip=strip, keep_gps=keep_gps, recipe=recipe)


@guarded
def send_to_upscale(made: Made | None, request: gr.Request) -> tuple[Any, Any]:
    """Put the result into the Upscale tab, and go there."""
    file = next((path for path in Path(made.version).glob("*-repaired*")), None) if made else None
    if file is None:
        raise EditingError("The result is no longer kept: press Run to make it again.")
    return str(file), gr.update(selected="upscale")


# The API


@guarded
def detect_endpoint(
    file: str | None, min_size: float, score: float, request: gr.Request, progress: gr.Progress = gr.Progress()
) -> dict[str, Any]:
    """Find the faces in a picture; returns its size and, for each from left to right, number, box, landmarks, score.

    Faces lower than ``min_size`` pixels are left out; 0: lower than a hundredth of the longer side.
    """
    if not file:
        raise EditingError("No picture was sent: give a file.")
    options = RepairOptions(min_size=int(min_size or 0) or None, score=float(score))
    with job(request, progress) as work:
        picture = read_picture(file)
        seen = repair.find(picture, options, report=work.report())
    return {"width": picture.width, "height": picture.height, "faces": _facts_of(seen)}


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
    file: str | None, mask: str | None, which: str, boxes: list[list[float]] | None, fidelity: float,
    strength: float, size: int, model: str | None, min_size: float, score: float, anonymise: str, file_format: str,
    strip: bool, keep_gps: bool, request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """Repair faces and fill what ``mask`` (a picture, white: fill) covers; returns the file and the facts.

    ``which`` is all, none, or numbers such as 1,3, from left to right; ``boxes`` are further faces, [left, top, right,
    bottom] in pixels. ``size`` enlarges the picture round the faces 1, 2 or 4 times.
    """
    if not file:
        raise EditingError("No picture was sent: give a file.")
    options = _options(
        model, min_size, score, anonymise, faces=which, boxes=_boxes(boxes),
        fidelity=float(fidelity), strength=float(strength),
    )  # fmt: skip
    started = time.monotonic()
    with job(request, progress) as work:
        picture = read_picture(file)
        over = masks.read(mask, picture.height, picture.width) if mask else None
        seen = repair.find(picture, options, report=work.report()) if options.faces != "none" else []
        result, recipe = _repair(picture, options, seen, over, int(size), work)
        made = repair.compose(result)
    saved, notices = _save(made, file, new_folder(request), int(size), (file_format, strip, keep_gps), recipe)
    alike = {face.number: face.likeness(options.fidelity) for face in result.faces}
    return str(saved), {
        "width": made.width,
        "height": made.height,
        "seconds": round(time.monotonic() - started, 3),
        "faces": _facts_of(seen),
        "repaired": [
            {"number": number, "likeness": None if value is None else round(value, 4)}
            for number, value in alike.items()
        ],
        "filled_by": result.filled_by,
        "notices": [str(notice) for notice in (*picture.notices, *notices)],
        "recipe": recipe,
    }


def _boxes(boxes: object) -> tuple[Box, ...]:
    if boxes in (None, {}):
        return ()
    try:
        found = [tuple(float(side) for side in box) for box in boxes]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        found = [()]
    if not all(len(box) == 4 and np.isfinite(box).all() for box in found):
        raise OptionError("The boxes must be a list of [left, top, right, bottom] in pixels.")
    return tuple((box[0], box[1], box[2], box[3]) for box in found)
