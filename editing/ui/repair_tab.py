"""The Repair tab: a whole photo restored; faces found, repaired or hidden one by one, masked parts filled; and the API.

What the tab does is its task. All tasks share the picture, its faces and what is painted; another run goes on with the
last one's strokes, whichever task that was.
"""

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
from editing.errors import EditingError, OptionError
from editing.faces import align, detect
from editing.faces.align import Face
from editing.messages import Message
from editing.options import (
    ANONYMISE,
    Box,
    Choice,
    RepairOptions,
    RestoreOptions,
    SaveOptions,
    UpscaleOptions,
    spec_of,
)  # fmt: skip
from editing.pictures import masks
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture, Pixels, from_float, to_float
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import repair, restore, upscale
from editing.pipelines.repair import Repaired, RepairedFace
from editing.pipelines.restore import Restored
from editing.ui import bench, comparing, fields, generate_tab, jobs, onward, restore_api, results, stage, tries
from editing.ui.gradio_hacks import AnyFile, AnyJSON, AnyRadio, by_name
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
    newest,
    owned,
    size_text,
)
from editing.ui.onward import End
from editing.ui.results import Kept, Source
from editing.ui.translations import T, language_of, say
from editing.weights.files import path_of
from editing.weights.find import weights_for

NAME = "repair"  # of its stage, and of its recipes
THUMB = 160  # pixels of a face in the strip
Dials = Mapping[int, tuple[float, float]]  # number of a face, 0 for all others -> its (fidelity, strength)
SIZES = (1, 2, 4)  # times that the picture round the faces is enlarged
DEFAULTS = RepairOptions()
TASKS = {"restore": "repair_whole", "faces": "repair_some", "hide": "repair_hide"}  # name -> its words


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """The faces of the picture given now, from left to right; ``boxes`` of them were drawn by hand."""

    faces: tuple[Face, ...] = ()
    boxes: tuple[Box, ...] = ()
    thumbs: tuple[str, ...] = ()  # a small file of each face
    sought: tuple[Any, ...] = ()  # of which picture, and how: the same again would find the same


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """What a Kept of this tab knows beside."""

    found: Found
    size: int  # times enlarged
    filled_by: str | None
    recipe: Mapping[str, Any]
    restored: tuple[float, float | None] | None = None  # of a whole photo: the share filled, the noise cleaned
    notices: tuple[Message, ...] = ()


def models() -> list[tuple[str, str]]:
    """Label and name of every network for faces that is there; the tab is not shown where there is none."""
    return fields.models("restore", licence=True)


def build(*others: str) -> End:
    """Add the tab to the page being built; a result can go on to the tabs ``others``."""
    choices = models()
    with bench.tab(NAME, T("tab_repair")):
        with bench.stage(NAME):
            area = stage.build(NAME, brush=True, boxes=True)
            picture = results.picture_input("repair-input")
        with bench.panel(NAME):
            with bench.dials():
                came = onward.came()
                tried = tries.build(NAME)
                use_recipe = gr.Button(T("recipe_use"), visible=False, size="sm", elem_id="repair-use-recipe")
                task = gr.Radio(
                    [(T(words), name) for name, words in TASKS.items()], value="faces", label=T("repair_task"),
                    elem_id="repair-task",
                )  # fmt: skip
                with gr.Column(visible=False, elem_classes="own") as restoring:
                    seek = gr.Checkbox(
                        True, label=T("RestoreOptions_find_damage"), info=T("repair_seek_info"), elem_id="repair-seek"
                    )
                    find_damage = fields.field(
                        RestoreOptions, "find_damage", label=T("repair_sensitivity"),
                        info=T("repair_sensitivity_info"), elem_id="repair-find-damage",
                    )  # fmt: skip
                    clean = fields.field(RestoreOptions, "clean", elem_id="repair-clean")
                    colors = fields.field(RestoreOptions, "colors", elem_id="repair-colors")
                anonymise = fields.field(
                    RepairOptions, "anonymise", choices=_ways(), value="blur", label=T("repair_way"), info=None,
                    visible=False, elem_id="repair-anonymise",
                )  # fmt: skip
                size = gr.Radio(
                    _sizes(), value=1, label=T("repair_size"), info=T("repair_size_info"), elem_id="repair-size"
                )  # fmt: skip
                model = fields.field(
                    RepairOptions, "model", choices=choices, value=choices[0][1] if choices else None, info=None,
                    visible=len(choices) > 1, elem_id="repair-model",
                )  # fmt: skip
                strip_of_faces = gr.Gallery(
                    label=T("repair_faces"), columns=5, object_fit="contain", height="auto", allow_preview=False,
                    interactive=False, buttons=[], elem_id="repair-faces", elem_classes="drawn",
                )  # fmt: skip
                ticks = gr.CheckboxGroup(
                    [], label=T("repair_ticks"), info=T("repair_ticks_info"), visible=False, elem_id="repair-ticks"
                )
                with gr.Column(elem_classes="own") as turning:
                    whose = gr.Dropdown(
                        [(T("repair_everyone"), 0)], value=0, label=T("repair_whose"), visible=False,
                        elem_id="repair-whose",
                    )  # fmt: skip
                    fidelity = fields.field(RepairOptions, "fidelity", live=True, elem_id="repair-fidelity")
                    strength = fields.field(RepairOptions, "strength", live=True, elem_id="repair-strength")
                trust = gr.Checkbox(False, label=T("trust"), info=T("trust_info"), elem_id="repair-trust")
                again = gr.Button(T("repair_again"), visible=False, size="sm", elem_id="repair-again")
                compared = comparing.build(NAME, _comparable)
                with gr.Accordion(T("more"), open=False):
                    min_size = fields.field(RepairOptions, "min_size", elem_id="repair-min-size")
                    score = fields.field(RepairOptions, "score", elem_id="repair-score")
                    saving = results.saving_controls(NAME)
                with gr.Accordion(T("recipe"), open=False):
                    recipe = gr.JSON(show_label=False, elem_id="repair-recipe")
            with bench.foot():
                cost, asking = bench.estimate("repair")
                info = gr.Markdown(elem_id="repair-info", elem_classes="facts")
                jobs.line("repair")
                with gr.Row(elem_classes="doing"):
                    run = jobs.run_button("repair", T("run"))
                    download = bench.download("repair-download")
                    further = onward.buttons(NAME, *others)
            # The API's own ends: the page's are made for looking at.
            api_file = AnyFile(visible=False, type="filepath")
            api_mask = AnyFile(visible=False, type="filepath")
            api_boxes = AnyJSON([], visible=False)
            api_searching = {
                "model": fields.parameter(RepairOptions, "model", choices=choices, value=model.value),
                **fields.parameters(RepairOptions, "min_size", "score", "anonymise"),
            }  # fmt: skip
            api_settings = {
                "which": fields.parameter(RepairOptions, "faces"), "boxes": api_boxes,
                **fields.parameters(RepairOptions, "fidelity", "strength"),
                "size": AnyRadio(list(SIZES), value=1, label=T("repair_size"), visible=False),
                **api_searching, **results.saving_parameters(), **results.quality_parameter(),
            }  # fmt: skip
            api_result, api_facts = gr.File(visible=False), gr.JSON(visible=False)
            api_repair, api_detect = gr.Button(visible=False), gr.Button(visible=False)
            restore_api.add(api_file, api_mask, api_settings["model"], api_result, api_facts)
            # In here, since Gradio takes what lies beside a tab for a tab.
            source = gr.State()  # a Source
            found = gr.State(Found())
            dials = gr.State({})  # Dials
            kept = gr.State()  # the last run, a Kept with Facts

    # What takes another run when it changes: not the faces, nor their dials.
    searching = {
        "task": task, "model": model, "min_size": min_size, "score": score, "anonymise": anonymise, "seek": seek,
        "find_damage": find_damage, "clean": clean, "colors": colors,
    }  # fmt: skip
    faces = {
        "found": found, "strip": strip_of_faces, "ticks": ticks, "whose": whose, "orders": area.orders,
        "dials": dials, "fidelity": fidelity, "strength": strength,
    }  # fmt: skip
    result = {
        "shown": area.shown, "info": info, "download": download, "recipe": recipe, "strip": strip_of_faces,
        "kept": kept, "again": again,
    }  # fmt: skip
    estimating: dict[str, Any] = {
        **by_name(
            show_estimate,
            {"source": source, "found": found, "ticks": ticks, "drawn": area.value, "size": size,
             "searching": searching},
            {"cost": cost, "again": asking},
        ),
        "show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": None, **HIDDEN,
    }  # fmt: skip
    failing: dict[str, Any] = {"show_progress": "minimal", "show_progress_on": area.status}
    heavy: dict[str, Any] = {**failing, **COMPUTE, **HIDDEN}
    seeking = {"source": source, "found": found, "ticks": ticks, "dials": dials, "searching": searching}
    finding: dict[str, Any] = {**by_name(find, seeking, faces), **heavy}
    finding_first: dict[str, Any] = {**by_name(find_first, seeking, faces), **heavy}
    # What needs no second run: ticks, dials, the overlay, another way of saving.
    choosing = {"kept": kept, "found": found, "ticks": ticks, "dials": dials, "trust": trust, "saving": saving}
    mixing: dict[str, Any] = {**MIXING, **failing}
    remixing: dict[str, Any] = {**by_name(remix, choosing, result), **mixing}

    noting: dict[str, Any] = {
        **by_name(
            note_stale, {"kept": kept, "searching": searching, "size": size, "drawn": area.value},
            {"notes": area.notes},
        ),
        "trigger_mode": "always_last", **QUICK,
    }  # fmt: skip

    comparing.connect(NAME, compared, area, source, _comparable)
    results.take_files(area, picture)
    looked = {
        "source": source, "drawn": area.value, "sent": area.sent, "use_recipe": use_recipe, **faces, **result
    }  # fmt: skip
    picture.change(
        **by_name(
            inspect, {"path": picture, "source": source, "dials": dials, "kept": kept, "sent": area.sent},
            looked,
        ),
        **failing, **HIDDEN,
    ).then(**by_name(announce, {"source": source}, {"cost": cost}), **QUICK).then(**finding_first).then(
        **estimating
    )  # fmt: skip
    # Another bar for what is a face: look anew.
    gr.on([min_size.submit, min_size.blur, score.release], **finding).then(**remixing).then(**estimating)
    area.box.change(
        **by_name(add_box, {"box": area.box, **seeking}, {"box": area.box, **faces}), **heavy
    ).then(**remixing).then(**estimating)  # fmt: skip
    area.load.upload(
        **by_name(results.load_mask, {"file": area.load, "source": source}, {"orders": area.orders}), **QUICK
    )
    priced = (model, anonymise, task, seek, clean)
    gr.on([asking.tick, ticks.change, area.value.change, size.change, *(part.change for part in priced)], **estimating)
    gr.on(
        [task.change, seek.change],
        **by_name(
            show_task, {"task": task, "seek": seek},
            {"restoring": restoring, "find_damage": find_damage, "anonymise": anonymise, "turning": turning},
        ),
        trigger_mode="always_last", **QUICK,
    )  # fmt: skip
    task.input(**by_name(tick_unsure, {"task": task, "found": found, "ticks": ticks}, {"ticks": ticks}), **QUICK)
    gr.on([area.value.change, size.change, *(part.change for part in searching.values())], **noting)
    # The stage's faces are those of the panel, and the other way round.
    gr.on(
        [ticks.change, dials.change],
        **by_name(
            mark_faces, {"source": source, "found": found, "ticks": ticks, "dials": dials}, {"orders": area.orders}
        ),
        trigger_mode="always_last", **QUICK,
    )  # fmt: skip
    area.event.change(
        **by_name(
            turn_face, {"told": area.event, **choosing},
            {"ticks": ticks, "whose": whose, "fidelity": fidelity, "strength": strength, "dials": dials, **result},
        ),
        **mixing,
    )  # fmt: skip
    again.click(
        **by_name(start_again, {"kept": kept}, {**{name: result[name] for name in (
            "shown", "info", "download", "recipe", "kept", "again")}}),
        **QUICK,
    )  # fmt: skip
    restored = {**searching, "size": size, "fidelity": fidelity, "strength": strength, "dials": dials}

    running: dict[str, Any] = {
        **by_name(
            run_page,
            {"source": source, "found": found, "ticks": ticks, "drawn": area.value, "size": size, "dials": dials,
             "trust": trust, "searching": searching, "saving": saving, "last": kept},
            {**faces, **result},
        ),
        **heavy,
    }  # fmt: skip
    ran = run.click(**running)
    ran.then(**noting)
    trying = {**looked, **restored, **searching, "picture": picture, "came": came}
    runs = [ran, *tries.connect(NAME, tried, inspect, trying, finding, running)]
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
    return End(
        id=NAME, onward=further, giving={"kept": kept, "source": source, "drawn": area.value}, give=onward.of_result,
        settings=restored, restore=settings_of, came=came, picture=picture, sent=area.sent, opened=area.open.upload,
        offer=use_recipe, source=source, looked={**looked, "picture": picture}, look=inspect, result=result, runs=runs,
    )  # fmt: skip


def _sizes() -> list[tuple[Any, int]]:
    return [(T("repair_size_same"), 1), *((f"{times}×", times) for times in SIZES[1:])]


def _comparable(language: str) -> list[tuple[str, str]]:
    """Label and name of what can be compared: each restorer of faces at three fidelities."""
    found = [weight.name for weight in weights_for("restore") if path_of(weight)]
    return [
        ((f"{name} · " if len(found) > 1 else "") + say("compare_fidelity", language, value=f"{value:g}"),
         f"{name}:{value:g}")
        for name in found for value in (0, 0.5, 1)
    ]  # fmt: skip


def _ways() -> list[tuple[Any, str]]:
    """Of hiding who it is: by persons only where there are any."""
    ways = [way for way in ANONYMISE if way != "no" and (way != "person" or generate_tab.available())]
    return [(T(f"RepairOptions_anonymise_{way}"), way) for way in ways]


def _options(given: Mapping[str, Any], **more: Any) -> RepairOptions:
    """What the page's components or an API's call hold, as options of a model that is there.

    The page has dials of tasks that are not chosen, too, which count for nothing. Those of a whole photo are without
    its size.
    """
    values, task = {**given, "model": given["model"] or DEFAULTS.model}, given.get("task")
    if task and task != "hide":
        values["anonymise"] = "no"
    if task and (task != "restore" or not values["seek"]):
        values["find_damage"] = None
    options = fields.read(RestoreOptions if task == "restore" else RepairOptions, values, **more)
    known(options.model, "restore")
    return options


def show_task(*, task: str, seek: bool) -> dict[str, Any]:
    """Only the dials that the task has are there."""
    return {
        "restoring": gr.update(visible=task == "restore"), "find_damage": gr.update(visible=seek),
        "anonymise": gr.update(visible=task == "hide"), "turning": gr.update(visible=task != "hide"),
    }  # fmt: skip


@guarded
def tick_unsure(*, task: str, found: Found, ticks: Sequence[int]) -> dict[str, Any]:
    """What may be no face waits to be asked for, but is hidden with the others: who is left out would be harmed."""
    unsure = {number for number, face in enumerate(found.faces, 1) if not face.sure}
    return {"ticks": sorted({*ticks} | unsure if task == "hide" else {*ticks} - unsure)} if unsure else {}


# Looking at what was given


@guarded
def inspect(
    *, path: str | None, source: Source | None = None, dials: Dials | None = None, kept: Kept | None = None,
    sent: Mask | None = None, request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    """Look at a new picture: refuse it with a reason, or lay it on the stage.

    The last picture's faces and result go; the dial of all faces stays where it was.
    """
    if results.told_again(path, source):
        return {}
    _, _, changes = results.look(path, NAME, request, sent)
    results.forget(kept)
    # The choices stay until others are found: Gradio refuses ticks that were sent a moment ago and have no choice now.
    return changes | {
        "drawn": "", "sent": None, "found": Found(), "strip": None, "ticks": gr.update(value=[], visible=False),
        "whose": gr.update(value=0, visible=False), "info": "", "recipe": None, "kept": None,
        "download": gr.update(value=None, interactive=False), "again": gr.update(visible=False),
        "dials": {0: _dial(dials or {}, 0)},
    }  # fmt: skip


@guarded
def find(
    *, source: Source | None, found: Found, ticks: Sequence[int], dials: Dials, searching: Mapping[str, Any],
    request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """Look for faces: the strip, a tick for each, and their outlines on the stage."""
    return _find(source, found, ticks, dials, searching, found.boxes, request, progress) if source else {}


@guarded
def find_first(
    *, source: Source | None, found: Found, ticks: Sequence[int], dials: Dials, searching: Mapping[str, Any],
    request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """As :func:`find`, for a picture not yet searched: Gradio tells of some twice, once before the ticks are there."""
    if not source or found.faces:
        return {}
    return _find(source, found, ticks, dials, searching, found.boxes, request, progress)


@guarded
def add_box(
    *, box: str, source: Source | None, found: Found, ticks: Sequence[int], dials: Dials,
    searching: Mapping[str, Any], request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """A box was drawn round a face that had not been found."""
    if not source or not box:
        return {}
    boxes = (*found.boxes, stage.read_box(box, source.height, source.width))
    return {"box": "", **_find(source, found, ticks, dials, searching, boxes, request, progress)}


def _find(
    source: Source, before: Found, ticks: Sequence[int], dials: Dials, searching: Mapping[str, Any],
    boxes: tuple[Box, ...], request: gr.Request, progress: gr.Progress,
) -> dict[str, Any]:  # fmt: skip
    options = _options(searching, boxes=boxes)
    # Gradio tells again of an example's picture, while the ticks that were set a moment ago are on their way.
    if before.sought == _sought(source, options):
        return {}
    with job(request, progress, source.path) as work:
        picture = read_picture(source.path)
        seen = repair.find(picture, options, report=work.report())
    if results.stale(source, request):
        return {}
    # Who was there before keeps tick or no tick and dials, under a new number perhaps; newcomers are ticked.
    numbers_now = _numbers_now(before, Found(faces=tuple(seen)))
    left = {now for old, now in numbers_now.items() if old not in ticks}
    # What may be no face at all waits to be asked for, unless faces are to be hidden.
    if options.anonymise == "no":
        left |= {now for now, face in enumerate(seen, 1) if not face.sure and now not in numbers_now.values()}
    ticked = [number for number in range(1, len(seen) + 1) if number not in left]
    dials = {0: _dial(dials, 0)} | {now: dials[old] for old, now in numbers_now.items() if old in dials}
    if not seen:
        gr.Info(say("repair_none_found", work.language))
    return _as_found(seen, options, ticked, dials, picture, source, request)[1]


def _sought(source: Source, options: RepairOptions) -> tuple[Any, ...]:
    return source.given, options.min_size, options.score, options.boxes


def _as_found(
    seen: Sequence[Face], options: RepairOptions, ticked: Sequence[int], dials: Dials, picture: Picture, source: Source,
    request: gr.Request,
) -> tuple[Found, dict[str, Any]]:  # fmt: skip
    """The faces ``seen`` in ``picture``, and what shows them: strip, ticks, list, outlines."""
    folder, language = new_folder(request), language_of(request)
    thumbs = tuple(_thumb(folder, f"face-{number}", _face_crop(picture, face)) for number, face in enumerate(seen, 1))
    found = Found(faces=tuple(seen), boxes=options.boxes, thumbs=thumbs, sought=_sought(source, options))
    numbers = [(str(number), number) for number in range(1, len(seen) + 1)]
    return found, {
        "found": found,
        "strip": [(thumb, str(number)) for number, thumb in enumerate(thumbs, 1)],
        "ticks": gr.update(choices=numbers, value=list(ticked), visible=bool(seen)),
        "whose": gr.update(choices=[(say("repair_everyone", language), 0), *numbers], value=0, visible=bool(seen)),
        "orders": _marks(found, ticked, dials, source, language),
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


def _marks(found: Found, ticks: Sequence[int], dials: Dials, source: Source, language: str) -> str:
    """The order that shows the faces on the stage: their outlines, who is taken, and each one's dials."""
    size, marks = np.array([source.width, source.height]), {}
    for number, face in enumerate(found.faces, 1):
        turned = _dialled(dials, number)
        sliders = []
        for name, value in turned.items():
            spec = spec_of(RepairOptions, name)
            title = spec.title.zh if language == "zh" else spec.title.en
            sliders.append(
                stage.Dial(key=name, label=title, low=spec.low, high=spec.high, step=spec.step or 0.05, value=value)
            )
        outline = np.clip(align.outline_points(align.transform_of(face)) / size, 0, 1)
        marks[number] = stage.FaceMark(
            outline=[(float(x), float(y)) for x, y in outline], keep=number in ticks, dials=tuple(sliders)
        )
    return stage.show_faces(NAME, marks)


@guarded
def mark_faces(
    *, source: Source | None, found: Found, ticks: Sequence[int], dials: Dials, request: gr.Request
) -> dict[str, Any]:
    """The panel's ticks or dials changed: so do the faces on the stage."""
    return {"orders": _marks(found, ticks, dials, source, language_of(request))} if source and found.faces else {}


def _face_crop(picture: Picture, face: Face) -> Pixels:
    return from_float(align.aligned(picture.pixels, align.transform_of(face)), 8)


def _thumb(folder: Path, name: str, *crops: Pixels) -> str:
    """A small file with one or more aligned faces side by side."""
    small = [cv2.resize(crop, (THUMB, THUMB), interpolation=cv2.INTER_AREA).reshape(THUMB, THUMB, -1) for crop in crops]
    file = folder / f"{name}-{uuid.uuid4().hex[:12]}.jpg"
    write_picture(Picture(pixels=np.concatenate(small, 1)), file, strip=True)
    return str(file)


def settings_of(*, path: str, recipe: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
    """The settings with which a picture was made; which faces and what mask is for the eye to choose."""
    whole = recipe.get("restore") is True
    used = results.options_of(recipe, RestoreOptions if whole else RepairOptions, without=("faces", "boxes"))
    known(used.model, "restore")
    names = ["model", "fidelity", "strength", "min_size", "score"]
    values: dict[str, Any] = {"task": "faces", "dials": {0: (used.fidelity, used.strength)}}
    if isinstance(used, RestoreOptions):
        names += ["clean", "colors", "size"]
        values |= {"task": "restore", "seek": used.find_damage is not None}
        if used.find_damage is not None:
            values["find_damage"] = used.find_damage
    elif used.anonymise != "no":
        values |= {"task": "hide", "anonymise": used.anonymise}
    return values | {name: getattr(used, name) for name in names}


def announce(*, source: Source | None, request: gr.Request) -> dict[str, Any]:
    """What stands in the estimate's place while a new picture is searched for faces: the first time takes seconds."""
    return {"cost": say("repair_looking", language_of(request)) if source else T("waiting")}


@guarded
@newest
def show_estimate(
    *, source: Source | None, found: Found, ticks: Sequence[int], drawn: str, size: object,
    searching: Mapping[str, Any], request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    """Seconds and peak memory for what is ticked and masked now; a problem stands in the same place."""
    if not source:
        return bench.answer(T("waiting"))
    language = language_of(request)
    try:
        return bench.answer(_estimate(source, found, ticks, drawn, _size(size), searching, language))
    except Exception as error:
        return bench.answer("⚠ " + as_text(explain(error, language)), error)


_LESS = 8  # times that a mask is looked at reduced, for the estimate


def _estimate(
    source: Source, found: Found, ticks: Sequence[int], drawn: str, size: int, searching: Mapping[str, Any],
    language: str,
) -> str:  # fmt: skip
    mask = stage.read(drawn, max(1, round(source.height / _LESS)), max(1, round(source.width / _LESS)))
    share = 0.0 if mask is None else float(mask.mean())
    masked = round(share * source.width * source.height)
    if searching.get("task") == "restore":
        return _estimate_whole(source, len(ticks), masked, replace(_whole(searching), size=size), language)
    if not ticks and not masked:
        return say("repair_nothing", language)
    options = _options(searching, faces=tuple(ticks) or "none")
    faces = [replace(found.faces[number - 1], landmarks=found.faces[number - 1].landmarks / _LESS) for number in ticks]
    lent = mask is not None and repair.lends(mask, faces)
    cost = repair.estimate(source.width, source.height, options, count=len(ticks), masked=masked, lent=lent)
    if size > 1:
        more = upscale.estimate(source.width, source.height, UpscaleOptions(scale=size), alpha=source.alpha)
        cost = replace(more, seconds=cost.seconds + more.seconds, memory=max(cost.memory, more.memory))
    return say(
        "repair_estimate", language, faces=len(ticks), percent=f"{100 * share:.1f}", seconds=duration(cost.seconds),
        memory=size_text(cost.memory), free=size_text(cost.free),
    ) + memory_warning(cost, language)  # fmt: skip


def _estimate_whole(source: Source, faces: int, masked: int, options: RestoreOptions, language: str) -> str:
    area = source.width * source.height
    if options.find_damage is not None:
        masked = min(area, masked + restore.usual_damage(source.width, source.height))
    cost = restore.estimate(
        source.width, source.height, options, count=faces, masked=masked, alpha=source.alpha
    )  # fmt: skip
    return say(
        "repair_estimate_whole", language, width=cost.width, height=cost.height, faces=faces,
        seconds=duration(cost.seconds), memory=size_text(cost.memory), free=size_text(cost.free),
    ) + memory_warning(cost, language)  # fmt: skip


def _whole(searching: Mapping[str, Any], **more: Any) -> RestoreOptions:
    options = _options(searching, **more)
    assert isinstance(options, RestoreOptions)
    return options


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
    mask = results.drawn_on(source, drawn, request)
    whole = searching.get("task") == "restore"
    # A whole photo's faces may show only once it is clean: then they are looked for there.
    unseen = whole and not found.faces
    options = _options(
        searching, faces="all" if unseen else tuple(sorted(ticks)) or "none", boxes=found.boxes, **_dialled(dials, 0)
    )  # fmt: skip
    changes: dict[str, Any] = {}
    with job(request, progress, source.path) as work:
        started = time.monotonic()
        given = read_picture(source.path)
        results.check_fits(ways, given.width * times, given.height * times)
        picture, mask = _gone_on(given, mask, source, last)
        if isinstance(options, RestoreOptions):
            options = replace(options, size=times)
            made = restore.restore(picture, options, mask, found=found.faces or None, report=work.report())
            if unseen:
                made, found, ticks, changes = _found_late(made, picture, source, dials, request)
            result, recipe, base, unfilled = made.repaired, restore.recipe(made), picture.pixels, mask
            filled_by, about, notices = made.filled_by, _about(made), made.notices
        else:
            result, recipe, (base, unfilled) = _repair(picture, options, found.faces, mask, times, work)
            filled_by, about, notices = result.filled_by, None, ()
        if results.stale(source, request):
            return {}
        facts = Facts(
            found=found, size=times, filled_by=filled_by, recipe=recipe, restored=about, notices=notices
        )  # fmt: skip
        seconds = time.monotonic() - started
        kept = results.keep_result(
            source, picture, options, seconds, new_folder(request), facts, asked=_asked(searching, size),
            filled=None if base is given.pixels else base,
            unfilled=unfilled, **_arrays(result, whole or times > 1),
        )  # fmt: skip
        outputs = _show(kept, result, found, ticks, dials, trust, ways, work.language, spent=mask is not None)
    results.forget(last)
    return changes | outputs | {"again": gr.update(visible=True)}


def _found_late(
    made: Restored, picture: Picture, source: Source, dials: Dials, request: gr.Request
) -> tuple[Restored, Found, list[int], dict[str, Any]]:
    """The faces that were found in the restored picture only, as if they had been found before; and what that changes.

    Those that were not sure, and so not repaired, are left out.
    """
    numbered = [replace(face, number=number) for number, face in enumerate(made.repaired.faces, 1)]
    seen = [face.face for face in numbered]
    made = replace(made, repaired=replace(made.repaired, faces=tuple(numbered), found=len(seen)))
    ticks = [*range(1, len(seen) + 1)]
    found, changes = _as_found(seen, made.options, ticks, dials, picture, source, request)
    return made, found, ticks, changes


def _about(made: Restored) -> tuple[float, float | None]:
    share = 0.0 if made.mask is None else float((made.mask > masks.SMALLEST_SHARE).mean())
    return share, made.sigma


def _gone_on(
    picture: Picture, mask: Mask | None, source: Source, last: Kept | None
) -> tuple[Picture, Mask | None]:  # fmt: skip
    """The picture with what the last run filled, and the mask with what that left to faces: strokes go on there."""
    if not last or last.source.given != source.given:
        return picture, mask
    try:
        arrays = results.arrays_of(last)
    except EditingError:  # it is gone: all begins anew
        return picture, mask
    left = arrays.get("unfilled")
    if left is not None and left.any():
        mask = left if mask is None else np.maximum(mask, left)
    return replace(picture, pixels=arrays.get("filled", picture.pixels)), mask


def _size(given: object) -> int:
    """How many times enlarged; raises OptionError."""
    for size in SIZES:
        if not isinstance(given, bool) and given in (size, float(size), str(size)):
            return size
    raise OptionError(messages.NOT_A_SIZE, value=str(given)[:40], choices=", ".join(map(str, SIZES)))


def _repair(
    picture: Picture, options: RepairOptions, found: Sequence[Face] | None, mask: Mask | None, size: int, work: Job
) -> tuple[Repaired, dict[str, Any], tuple[Pixels, Mask | None]]:
    """Repair, and enlarge what is round the faces; with the recipe of both, and what is filled and isn't."""
    result = repair.repair(picture, options, mask, found=found, report=work.report())
    recipe, filled = repair.recipe(result), (result.base, repair.unfilled(result))
    if size > 1:
        enlarging = UpscaleOptions(scale=size)
        base = upscale.upscale(replace(picture, pixels=result.base), enlarging, report=work.report())
        result = repair.at_size(result, base)
        recipe["then"] = upscale.recipe(enlarging)
    return result, recipe, filled


_KEPT = ("transform", "before", "clean", "faithful", "outline", "hole", "anonymised")


def _arrays(result: Repaired, another: bool) -> dict[str, Any]:
    """What compose() needs, for :func:`results.keep_result`, which keeps the original itself unless it is ``another``
    than the picture that was given: enlarged, or cleaned.
    """
    arrays: dict[str, Any] = {"base": result.base, "mask": result.mask}
    if another:
        arrays |= {"another": result.original.pixels, "another_alpha": result.original.alpha}
    for face in result.faces:
        parts = {f"{face.number}.{name}": getattr(face, name) for name in _KEPT}
        arrays |= {name: None if part is None else np.asarray(part) for name, part in parts.items()}
    return arrays


def _repaired(kept: Kept) -> Repaired:
    """What the run made; raises EditingError once it is gone."""
    arrays, facts = results.arrays_of(kept), kept.facts
    original = results.original(kept, arrays)
    if "another" in arrays:
        original = replace(original, pixels=arrays["another"], alpha=arrays.get("another_alpha"))
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
def turn_face(*, told: str, ticks: Sequence[int], dials: Dials, request: gr.Request, **choosing: Any) -> dict[str, Any]:
    """A face's card on the stage: whether it is taken, and its own dials; what was made follows."""
    done, found = stage.read_event(told), choosing["found"]
    if done.get("kind") != "face" or not 1 <= done["number"] <= len(found.faces):
        return {}
    number = done["number"]
    taken = sorted({*ticks, number} if done["keep"] else {*ticks} - {number})
    before = _dialled(dials, number)
    fidelity, strength = (float(np.clip(done.get(name, value), 0, 1)) for name, value in before.items())
    turned = fidelity, strength
    if turned != tuple(before.values()):
        dials = {**dials, number: turned}
    return {
        "ticks": taken, "whose": number, "dials": dials, **_dialled(dials, number),
        **_remixed(ticks=taken, dials=dials, request=request, **choosing),
    }  # fmt: skip


@guarded
def note_stale(
    *, kept: Kept | None, searching: Mapping[str, Any], size: object, drawn: str, request: gr.Request
) -> dict[str, Any]:
    """The badge on a result that was made with other settings, or before what is painted now."""
    try:
        asked = None if drawn else _asked(searching, size)
    except EditingError:  # the estimate says what is wrong
        return {}
    return {"notes": results.badge(NAME, kept, asked, language_of(request))}


def _asked(searching: Mapping[str, Any], size: object) -> tuple[RepairOptions, int]:
    """What takes another run when it changes: not the faces, nor their dials."""
    return _options(searching), _size(size)


@guarded
def start_again(*, kept: Kept | None, request: gr.Request) -> dict[str, Any]:
    """The result goes, with all that was filled: the next run begins with the picture as it was given."""
    results.forget(kept)
    return {
        "shown": stage.show_result(NAME, None), "info": "", "recipe": None, "kept": None,
        "download": gr.update(value=None, interactive=False), "again": gr.update(visible=False),
    }  # fmt: skip


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
    language: str, *, spent: bool = False,
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
        kept, picture, recipe, saving, language, ending=_ending(facts.size, facts.restored is not None),
        remarks=remarks, line=lambda words: _line(facts, accepted, len(found.faces), words, language),
        overlay=_with_doubt(picture, repair.trust_map(result, choices)) if trust else None, spent=spent,
    )  # fmt: skip
    folder = Path(outputs["kept"].file).parent
    return outputs | {"strip": _strip(found, result, choices, numbers, folder, language)}


def _line(facts: Facts, faces: int, found: int, words: Mapping[str, Any], language: str) -> str:
    """What was done, in one line."""
    if facts.restored is None:
        return say("repair_done", language, faces=faces, found=found, **words)
    share, sigma = facts.restored
    noise = say("repair_no_noise", language) if sigma is None else say("repair_noise", language, sigma=f"{sigma:.1f}")
    return say(
        "repair_done_whole", language, percent=f"{100 * share:.1f}", noise=noise, faces=faces, found=found, **words
    )


def _remarks(
    kept: Kept, result: Repaired, choices: Sequence[Choice], numbers: Mapping[int, int], language: str
) -> list[str]:  # fmt: skip
    """What to know of the result: how masked parts were filled, who may be someone else now."""
    said = [notice.to(language) for notice in kept.facts.notices]
    if kept.facts.filled_by:
        whole = kept.facts.restored is not None
        words = say("repair_filled_whole" if whole else "repair_filled", language, name=kept.facts.filled_by)
        said.append(words)
    for face, choice in zip(result.faces, choices, strict=True):
        if not choice.accept:
            continue
        if face.verdict(choice.fidelity) == "another":
            said.append(say("repair_unlike", language, number=numbers[face.number]))
        if face.anonymised and face.anonymised != kept.options.anonymise:
            said.append(say("repair_squares", language, number=numbers[face.number]))
    return said


def _strip(
    found: Found, result: Repaired, choices: Sequence[Choice], numbers: Mapping[int, int], folder: Path, language: str
) -> list[tuple[str, str]]:
    """Every face, those that were repaired before and after, with whether it still is who it was."""
    shown = {number: (thumb, str(number)) for number, thumb in enumerate(found.thumbs, 1)}
    for face, choice in zip(result.faces, choices, strict=True):
        number = numbers.get(face.number)
        if number is None:
            continue
        before, after = (to_float(crop) for crop in (face.before, face.after(choice.fidelity)))
        amount = np.float32(1.0 if face.anonymised else choice.strength)
        pair = [from_float(crop, 8) for crop in (before, before + amount * (after - before))]
        verdict = face.verdict(choice.fidelity)
        caption = str(number) if verdict is None else f"{number} · {say(f'repair_{verdict}', language)}"
        shown[number] = _thumb(folder, f"face-{number}", *pair), caption
    return [shown[number] for number in sorted(shown)]


def _with_doubt(picture: Picture, doubt: Mask) -> Picture:
    """The picture, grayed, with red where the result departs from what was photographed."""
    rgb = to_float(picture.pixels)
    gray = rgb.mean(2, keepdims=True)
    red = np.array([0.9, 0.05, 0.2], np.float32)
    share = 0.75 * doubt[..., None]
    return replace(picture, pixels=from_float(gray + share * (red - gray), picture.depth))


def _ending(size: int, whole: bool = False) -> str:
    """For the result's name: what was done."""
    return ("restored" if whole else "repaired") + (f"-x{size}" if size > 1 else "")


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
    *, file: str | None, mask: str | None = None, which: object, size: object, request: gr.Request,
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
        results.check_fits(saving, picture.width * times, picture.height * times)
        over = masks.read(over_file, picture.height, picture.width) if over_file else None
        seen = repair.find(picture, options, report=work.report()) if options.faces != "none" else []
        result, recipe, _ = _repair(picture, options, seen, over, times, work)
        made = repair.compose(result)
    saved, notices = results.save(made, path, _ending(times), new_folder(request), saving, recipe)
    verdicts = {face.number: face.verdict(options.fidelity) for face in result.faces}
    facts = results.facts_of(
        made, started, notices, recipe, faces=_facts_of(seen), filled_by=result.filled_by,
        repaired=[
            {"number": number, "verdict": verdict}  # same, another, or invented: not checked
            for number, verdict in verdicts.items()
        ],
    )  # fmt: skip
    return {"file": str(saved), "facts": facts}
