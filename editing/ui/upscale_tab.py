"""The Upscale tab: one picture with a live comparison, or several with a zip; and the same on the API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from editing import messages
from editing.clips.read import VIDEO_SUFFIXES, is_clip, probe_clip
from editing.costs import Estimate
from editing.errors import EditingError, ImageError
from editing.messages import Message
from editing.options import SCALES, USUAL_SCALE, ClipOptions, ClipSaveOptions, SaveOptions, UpscaleOptions
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import upscale
from editing.pipelines import upscale_clips as clip_pipeline
from editing.ui import (
    bench,
    clips,
    comparing,
    fields,
    jobs,
    onward,
    results,
    stage,
    tries,
    upscale_clips,
    upscale_many,
)  # fmt: skip
from editing.ui.clips import ClipSource
from editing.ui.gradio_hacks import AnyFile, AnyNumber, AnyRadio, by_name
from editing.ui.handlers import (
    COMPUTE,
    HIDDEN,
    MIXING,
    QUICK,
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
from editing.ui.upscale_many import Outcome, check_fits, ending, noise_level
from editing.weights.files import path_of
from editing.weights.find import find_weight, weights_for

PATCH = 128
USUAL_PIXELS = 36_000_000  # of a result, unless more is asked for
NAME = "upscale"
SETTINGS = ("model", "scale", "strength", "longest", "precision", "tile", "color_lock")
SIZES = ("longest", "width", "height", "megapixels")  # what comes before the scale


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """What the estimate and the Run button look at, as the page has it: one of the three, by ``mode``."""

    mode: str = "one"
    source: Source | None = None
    files: list[str] | None = None
    clip: ClipSource | None = None


def build(*others: str) -> End:
    """Add the tab to the page being built; a result can go on to the tabs ``others``."""
    with bench.tab("upscale", T("tab_upscale")):
        with bench.stage("upscale"):
            area = stage.build("upscale", points=True, several=True)
            picture = results.picture_input("upscale-input")
            clip_area = stage.build(clips.stage_of(NAME), clips_of=NAME, several=True)
            with gr.Column(visible=False) as many_result:
                many = upscale_many.build()
        with bench.panel("upscale"):
            with bench.dials():
                with gr.Tabs(elem_classes="modes") as modes:
                    with gr.Tab(T("one_picture"), id="one") as one:
                        tried = tries.build(NAME)
                    with gr.Tab(T("several_pictures"), id="several") as several:
                        files = AnyFile(
                            label=T("inputs"), file_count="multiple", type="filepath", height=180,
                            elem_id="upscale-files",
                        )  # fmt: skip
                        whole_folder = upscale_many.folder_button()
                    with gr.Tab(T("clip"), id="clip") as clip_tab:
                        clip = AnyFile(
                            label=T("clip_input"), type="filepath", file_types=clips.ACCEPTED, height=140,
                            elem_id="upscale-clip",
                        )  # fmt: skip
                        steady = fields.field(
                            ClipOptions, "steady", value=clip_pipeline.usual_steady("auto"), elem_id="upscale-steady"
                        )
                        deinterlace = fields.field(ClipOptions, "deinterlace", elem_id="upscale-deinterlace")
                        clip_format = fields.field(
                            ClipSaveOptions, "format", unset=T("clip_format_same"), elem_id="upscale-clip-format"
                        )
                came = onward.came()
                use_recipe = gr.Button(T("recipe_use"), visible=False, size="sm", elem_id="upscale-use-recipe")
                kind = gr.Radio(
                    _kinds(None, ""), value="auto", label=T("kind"), elem_id="upscale-kind", elem_classes="cards"
                )
                details = gr.Markdown(_details("auto"), elem_id="upscale-details", elem_classes="hint")
                # As given: a file's settings may hold any scale.
                scale = AnyRadio(
                    _sizes(None), value=USUAL_SCALE, label=T("scale"), elem_id="upscale-scale", elem_classes="chips"
                )
                # For denoisers alone, which in turn have no scale.
                sigma_auto = gr.Checkbox(
                    True, label=T("sigma_auto"), info=T("sigma_auto_info"), visible=False, elem_id="upscale-sigma-auto"
                )
                sigma = fields.field(
                    UpscaleOptions, "sigma", value=25, info=T("sigma_info"), visible=False, elem_id="upscale-sigma"
                )
                strength = fields.field(UpscaleOptions, "strength", live=True, elem_id="upscale-strength")
                with gr.Column() as patch_box:
                    patch = gr.Button(T("patch"), size="sm", elem_id="upscale-patch")
                    patch_at = gr.Markdown(T("patch_info"), elem_id="upscale-patch-at", elem_classes="hint")
                compared = comparing.build(NAME, _comparable)
                with gr.Accordion(T("more"), open=False):
                    model = fields.field(
                        UpscaleOptions, "model", choices=["auto", *fields.models(*upscale.TASKS)], info=None,
                        elem_id="upscale-model",
                    )  # fmt: skip
                    sizes = {name: fields.field(UpscaleOptions, name, elem_id=f"upscale-{name}") for name in SIZES[:-1]}
                    sizes["megapixels"] = AnyNumber(
                        label=T("UpscaleOptions_megapixels"), info=T("UpscaleOptions_megapixels_about"), value=None,
                        minimum=0, placeholder="auto", elem_id="upscale-megapixels",
                    )  # fmt: skip
                    precision = fields.field(UpscaleOptions, "precision")
                    tile = fields.field(UpscaleOptions, "tile", elem_id="upscale-tile")
                    color_lock = fields.field(UpscaleOptions, "color_lock", info=None)
                    saving = results.saving_controls("upscale")
                with gr.Accordion(T("recipe"), open=False, visible=False) as recipe_box:
                    recipe = gr.JSON(show_label=False, elem_id="upscale-recipe")
            with bench.foot():
                cost, asking = bench.estimate("upscale")
                with gr.Column() as one_facts:
                    info = gr.Markdown(elem_id="upscale-info", elem_classes="facts")
                with gr.Column(visible=False) as clip_facts:
                    clip_info = gr.Markdown(elem_id="upscale-clip-info", elem_classes="facts")
                jobs.line("upscale")
                with gr.Row(elem_classes="doing"):
                    run = jobs.run_button("upscale", T("run"))
                    download = bench.download("upscale-download")
                    clip_download = bench.download("upscale-clip-download", visible=False)
                    archive = bench.download("upscale-zip", T("download_zip"), visible=False)
                    further = onward.buttons(NAME, *others)
            # The API's own ends: the page's are made for looking at.
            api_file = AnyFile(visible=False, type="filepath")
            api_result, api_facts = gr.File(visible=False), gr.JSON(visible=False)
            api_model = fields.parameter(
                UpscaleOptions, "model", choices=["auto", *fields.models(*upscale.TASKS)]
            )  # fmt: skip
            api_settings = {"model": api_model, **fields.parameters(UpscaleOptions, *SETTINGS[1:])}
            api_more = fields.parameters(UpscaleOptions, "sigma", *SIZES[1:])  # after what there was before them
            api_saving, api_quality = results.saving_parameters(), results.quality_parameter()
            api_clip_saving = {
                "clip_format": fields.parameter(ClipSaveOptions, "format", value=""),
                "strip": api_saving["strip"], "keep_gps": api_saving["keep_gps"],
            }  # fmt: skip
            api_steady = fields.parameters(ClipOptions, "steady")
            api_deinterlace = fields.parameters(ClipOptions, "deinterlace")
            api_upscale, api_estimate = gr.Button(visible=False), gr.Button(visible=False)
            api_clip = gr.Button(visible=False)
            # In here, since Gradio takes what lies beside a tab for a tab.
            source = gr.State()  # a Source
            clip_source = gr.State()  # a ClipSource
            mode = gr.State("one")
            point = gr.State()  # where the picture was clicked last, as fractions of its width and height
            kept = gr.State()  # the last run, a Kept

    settings = {
        "model": model, "scale": scale, "strength": strength, **sizes, "precision": precision, "tile": tile,
        "color_lock": color_lock, "sigma_auto": sigma_auto, "sigma": sigma,
    }  # fmt: skip
    given = {"mode": mode, "source": source, "files": files, "clip": clip_source}
    result = {"shown": area.shown, "info": info, "download": download, "recipe": recipe, "kept": kept}
    estimating: dict[str, Any] = {
        **by_name(
            show_estimate, {"given": given, "settings": settings, "saving": saving},
            {"cost": cost, "again": asking, "kind": kind},
        ),
        "show_progress": "minimal", "show_progress_on": cost, "concurrency_limit": None, **HIDDEN,
    }  # fmt: skip

    noting: dict[str, Any] = {
        **by_name(note_stale, {"kept": kept, "settings": settings}, {"notes": area.notes}),
        "trigger_mode": "always_last", **QUICK,
    }  # fmt: skip
    changing = (model, scale, *sizes.values(), precision, tile, color_lock, sigma_auto, sigma)
    gr.on([part.change for part in changing], **noting)

    looking = {
        "source": source, "orders": area.orders, "point": point, "patch_at": patch_at, "use_recipe": use_recipe,
        "scale": scale, "model": model,
    }  # fmt: skip
    looked = {**looking, "kept": kept, "info": info, "download": download}
    picture.change(
        **by_name(inspect, {"path": picture, "source": source, "kept": kept}, looked),
        show_progress="minimal", show_progress_on=area.status, **HIDDEN,
    ).then(**estimating)  # fmt: skip
    taken = {"picture": picture, "files": files, "clip": clip, "modes": modes}
    for place, taking in ((area, take), (clip_area, clips.take(take))):
        place.open.upload(**by_name(taking, {"given": place.open}, taken), **QUICK)
    clips.connect(NAME, clip, clip_source, clip_area).then(**estimating)
    reckoned = (files, model, scale, *sizes.values(), precision, tile, sigma_auto, saving["format"])
    gr.on([asking.tick, *(part.change for part in reckoned)], **estimating)
    gr.on(
        [model.change, sigma_auto.change],
        **by_name(
            show_controls, {"model": model, "sigma_auto": sigma_auto},
            {"scale": scale, "sigma_auto": sigma_auto, "sigma": sigma, "details": details, "kind": kind},
        ),
        show_progress="hidden", **HIDDEN,
    )  # fmt: skip
    kind.input(**by_name(choose_kind, {"kind": kind}, {"model": model}), **QUICK)
    model.change(**by_name(show_steady, {"model": model}, {"steady": steady}), show_progress="hidden", **HIDDEN)
    places = {
        "one": [area.place, one_facts, patch_box, download], "several": [many_result, archive],
        "clip": [clip_area.place, clip_facts, clip_download],
    }  # fmt: skip
    of_modes = [part for parts in places.values() for part in parts]

    def show_mode(name: str, now: str) -> list[Any]:
        # The page tells of the tab that it opened with, maybe after another was chosen: that changes nothing.
        if now == name:
            return [gr.skip()] * (2 + len(of_modes))
        words = T("UpscaleOptions_strength_live" if name == "one" else "UpscaleOptions_strength_about")
        shown = [gr.update(visible=name == other) for other, parts in places.items() for _ in parts]
        return [name, *shown, gr.update(info=words)]

    for tab, name in ((one, "one"), (several, "several"), (clip_tab, "clip")):
        tab.select(partial(show_mode, name), mode, [mode, *of_modes, strength], **QUICK).then(**estimating)

    clip_saving = {"format": clip_format, "strip": saving["strip"], "keep_gps": saving["keep_gps"]}
    running: dict[str, Any] = {
        **by_name(
            run_page,
            {"given": given, "settings": settings, "clip": {"steady": steady, "deinterlace": deinterlace},
             "saving": saving, "clip_saving": clip_saving, "last": kept},
            {**result, "recipe_box": recipe_box, **many.outputs(), "archive": archive, "played": clip_area.shown,
             "clip_info": clip_info, "clip_download": clip_download},
        ),
        "show_progress": "minimal", "show_progress_on": [area.status, clip_area.status], **COMPUTE, **HIDDEN,
    }  # fmt: skip
    ran = run.click(**running)
    ran.then(**noting)
    retried = many.retry.click(
        **by_name(
            run_again, {"outcomes": many.outcomes, "settings": settings, "saving": saving},
            {**many.outputs(), "archive": archive},
        ),
        show_progress="minimal", show_progress_on=many.table, **COMPUTE, **HIDDEN,
    )  # fmt: skip
    many.gallery.select(
        **by_name(upscale_many.show_pair, {"outcomes": many.outcomes}, {"pair": many.pair}), **QUICK
    )  # fmt: skip
    whole_folder.upload(**by_name(upscale_many.take_folder, {"given": whole_folder}, {"files": files}), **QUICK)
    runs = [
        ran,
        retried,
        *tries.connect(NAME, tried, inspect, {**looked, **settings, "picture": picture, "came": came}, running),
    ]
    patching: dict[str, Any] = {
        **by_name(
            run_patch, {"source": source, "point": point, "settings": settings}, {"shown": area.shown, "info": info}
        ),
        "show_progress": "minimal", "show_progress_on": area.status, **COMPUTE, **HIDDEN,
    }  # fmt: skip
    patch.click(**patching)
    # A click says where, and as long as there is no result shows that patch.
    area.event.change(
        **by_name(
            remember_point, {"told": area.event, "source": source}, {"point": point, "patch_at": patch_at}
        ),
        **QUICK,
    ).then(**{**patching, **by_name(
        run_patch_at, {"told": area.event, "kept": kept, "source": source, "point": point, "settings": settings},
        {"shown": area.shown, "info": info},
    )})  # fmt: skip
    comparing.connect(NAME, compared, area, source, _comparable, scale=scale, point=point)
    # Another strength, or another way of saving, needs no second run.
    gr.on(
        [strength.release, *(part.change for part in saving.values())],
        **by_name(remix, {"kept": kept, "strength": strength, "saving": saving}, result), **MIXING,
    )  # fmt: skip

    answers = {"file": api_result, "facts": api_facts}
    api_upscale.click(
        **by_name(
            upscale_endpoint,
            {"file": api_file, **api_settings, **api_saving, **api_more, **api_quality},
            answers,
        ),
        api_name="upscale", **COMPUTE,
    )  # fmt: skip
    api_clip.click(
        **by_name(
            upscale_clip_endpoint,
            {"file": api_file, **api_steady, **api_clip_saving, **api_settings, **api_more, **api_deinterlace}, answers,
        ),
        api_name="upscale_clip", **COMPUTE,
    )  # fmt: skip
    api_estimate.click(
        **by_name(
            estimate_endpoint,
            {"file": api_file, **api_settings, **api_more, "file_format": api_saving["file_format"]},
            {"facts": api_facts},
        ),
        api_name="estimate",
    )
    return End(
        id=NAME, onward=further, giving={"kept": kept, "source": source}, give=onward.of_result, settings=settings,
        restore=settings_of, came=came, picture=picture, opened=area.open.upload, offer=use_recipe, source=source,
        looked=looked, look=inspect, result=result, runs=runs,
    )  # fmt: skip


def _options(given: Mapping[str, Any], **more: Any) -> UpscaleOptions:
    """What the page's components or an API's call hold, as options of a model that is there."""
    options = fields.read(UpscaleOptions, given, **more)
    known(upscale.named(options.model), *upscale.TASKS)
    return options


def _page_options(settings: Mapping[str, Any]) -> UpscaleOptions:
    """As :func:`_options`; what stands in controls that are hidden for the model doesn't count."""
    options = _options(settings)
    told = upscale.takes_sigma(options.model) and not settings["sigma_auto"]
    scale = None if known(upscale.named(options.model)).task == "clean" else options.scale
    return replace(options, scale=scale, sigma=(options.sigma or 0.0) if told else None)


# What can be done, by the model that does it; which noise it is "denoise" finds out.
KINDS = {
    "auto": "kind_auto", "photo": "kind_photo", "anime-fast": "kind_drawing", "denoise": "kind_denoise"
}  # fmt: skip
_DENOISERS = ("denoise", "denoise-camera")


def _kinds(source: Source | None, language: str) -> list[tuple[Any, str]]:
    """The cards: what each does, and once there is a picture about how long it takes here."""
    cards = []
    for name, key in KINDS.items():
        if not path_of(find_weight(upscale.named(name), *upscale.TASKS)):
            continue
        seconds = upscale.likely_seconds(name, source.width, source.height) if source else None
        if seconds is None:
            cards.append((say(key, language) if language else T(key), name))
        else:
            cards.append((f"{say(key, language)}\n{say('kind_takes', language, seconds=duration(seconds))}", name))
    return cards


def _comparable(language: str) -> list[tuple[str, str]]:
    """Label and name of every model that can be compared: those of the cards by what they do."""
    found = []
    for weight in weights_for(*upscale.TASKS):
        if path_of(weight):
            found.append((Message(weight.about).to(language) if weight.about else weight.name, weight.name))
    return found


def _kind(model: str) -> str | None:
    """The card of a model; None for one that has none."""
    return "denoise" if model in _DENOISERS else model if model in KINDS else None


def _details(model: str) -> Any:
    """Name, title and licence of a model; of "auto", what it means here."""
    if model == "auto" and upscale.named(model) != "photo":
        return T("kind_auto_details")
    weight = find_weight(upscale.named(model), *upscale.TASKS)
    return as_text(" · ".join(part for part in (weight.name, weight.title, weight.licence) if part))


def _sizes(source: Source | None) -> list[tuple[str, float]]:
    """The scales, with what they make of the picture."""
    if not source:
        return [(f"{times:g}×", times) for times in SCALES]
    return [(f"{times:g}×\n{round(times * source.width)} × {round(times * source.height)}", times) for times in SCALES]


def _usual_scale(source: Source) -> int:
    """The largest of 4, 2 and 1 times that makes no more than :data:`USUAL_PIXELS`."""
    fits = (times for times in (4, 2) if times**2 * source.width * source.height <= USUAL_PIXELS)
    return next(fits, 1)


@guarded
def choose_kind(*, kind: str | None, request: gr.Request) -> dict[str, Any]:
    """A card was chosen: the model that does it."""
    return {"model": kind} if kind else {}


@guarded
def show_controls(*, model: str, sigma_auto: bool, request: gr.Request) -> dict[str, Any]:
    """The scale for models that enlarge, the noise level for those that are told it."""
    clean, told = known(upscale.named(model), *upscale.TASKS).task == "clean", upscale.takes_sigma(model)
    return {
        "scale": gr.update(visible=not clean), "sigma_auto": gr.update(visible=told),
        "sigma": gr.update(visible=told and not sigma_auto), "details": _details(model),
        "kind": _kind(model),
    }  # fmt: skip


@guarded
def show_steady(*, model: str, request: gr.Request) -> dict[str, Any]:
    """How steady clips are made where nobody says, for another model."""
    return {"steady": clip_pipeline.usual_steady(model)}


# Looking at what was given


@guarded
def inspect(
    *, path: str | None, source: Source | None = None, kept: Kept | None = None,
    sent: Mask | None = None, request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    """Look at a new picture: refuse it with a reason, or lay it on the stage; the last one's result goes.

    The sizes are this picture's.
    """
    if results.told_again(path, source):
        return {}
    source, _, changes = results.look(path, "upscale", request)
    results.forget(kept)
    if source and is_clip(source.path):
        gr.Info(say("clip_hint", language_of(request)))
    if source:
        # A file that was made here may have its settings asked for just now.
        usual: dict[str, Any] = {} if source.recipe else {"value": _usual_scale(source)}
        changes["scale"] = gr.update(choices=_sizes(source), **usual)
    return changes | {
        "point": None, "patch_at": T("patch_info"), "kept": None, "info": "",
        "download": gr.update(value=None, interactive=False),
    }  # fmt: skip


@guarded
def take(*, given: list[str] | None, request: gr.Request) -> dict[str, Any]:
    """Files came to the stage: one picture, several, or a clip, each to where it is done."""
    # Files of their own: Gradio tells nothing when a component is given what it has already.
    files = [owned(file, new_folder(request)) for file in given or []]
    if len(files) > 1:
        return {"files": files, "modes": gr.update(selected="several")}
    if files and Path(files[0]).suffix.lower() in VIDEO_SUFFIXES:
        return {"clip": files[0], "modes": gr.update(selected="clip")}
    return {"picture": files[0]} if files else {}


def remember_point(*, told: str, source: Source | None, request: gr.Request) -> dict[str, Any]:
    """Where the stage was clicked, as fractions of the picture's width and height, and in words."""
    done = stage.read_event(told)
    if not source or done.get("kind") != "point":
        return {}
    place = {"x": round(done["x"] * source.width), "y": round(done["y"] * source.height)}
    return {"point": (done["x"], done["y"]), "patch_at": say("patch_at", language_of(request), **place)}


@guarded
def note_stale(*, kept: Kept | None, settings: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
    """The badge on a result that was made with other settings."""
    try:
        asked = replace(_page_options(settings), strength=1.0)
    except EditingError:  # the estimate says what is wrong
        return {}
    return {"notes": results.badge("upscale", kept, asked, language_of(request))}


def settings_of(*, path: str, recipe: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
    """The settings with which a picture was made."""
    made = results.options_of(recipe, UpscaleOptions)
    known(upscale.named(made.model), *upscale.TASKS)
    values = {name: getattr(made, name) for name in (*SETTINGS, *SIZES)}
    values |= {"scale": made.scale or USUAL_SCALE, "sigma_auto": made.sigma is None}
    return values if made.sigma is None else values | {"sigma": made.sigma}


@guarded
@newest
def show_estimate(
    *, given: Mapping[str, Any], settings: Mapping[str, Any], saving: Mapping[str, Any], request: gr.Request
) -> dict[str, Any]:
    """Seconds and peak memory for what is given now; a problem with the settings stands in the same place."""
    language, now = language_of(request), Given(**given)
    if not {"one": now.source, "several": now.files, "clip": now.clip}[now.mode]:
        return bench.answer(T("waiting_clip") if now.mode == "clip" else T("waiting"))
    try:
        made = bench.answer(_estimate(now, _page_options(settings), fields.read(SaveOptions, saving), language))
    except Exception as error:
        made = bench.answer("⚠ " + as_text(explain(error, language)), error)
    return made | {"kind": gr.update(choices=_kinds(now.source if now.mode == "one" else None, language))}


def _estimate(now: Given, options: UpscaleOptions, saving: SaveOptions, language: str) -> str:
    if now.mode == "clip" and now.clip:
        line, result = upscale_clips.estimate(now.clip, options, language)
        return line + memory_warning(result, language)
    if now.mode == "several":
        return _estimate_many(now.files or [], options, language)
    source = results.given(now.source)
    result = upscale.estimate(source.width, source.height, options, alpha=source.alpha)
    results.check_fits(saving, result.width, result.height)
    if upscale.takes_sigma(options.model):
        options = upscale.settle(options, read_picture(source.path))
    return say(
        "estimate", language, width=source.width, height=source.height, out_width=result.width,
        out_height=result.height, seconds=duration(result.seconds), memory=size_text(result.memory),
        free=size_text(result.free), tiles=result.tiles,
    ) + noise_level(options, language) + memory_warning(result, language)  # fmt: skip


def _estimate_of(file: str, options: UpscaleOptions) -> Estimate:
    """Of a picture or clip in a file; transparency counts twice."""
    if is_clip(file):
        return clip_pipeline.estimate(probe_clip(file), options)
    header = probe_picture(file)
    return upscale.estimate(header.width, header.height, options, alpha=header.mode.lower().endswith("a"))


def _estimate_many(files: list[str], options: UpscaleOptions, language: str) -> str:
    found = []
    for file in files:
        try:
            found.append(_estimate_of(file, options))
        except ImageError:
            continue  # the run will say why; it costs nothing
    if not found:
        return say("waiting", language)
    most = max(found, key=lambda result: result.memory)
    return say(
        "estimate_many", language, count=len(files), seconds=duration(sum(result.seconds for result in found)),
        memory=size_text(most.memory), free=size_text(most.free),
    ) + memory_warning(most, language)  # fmt: skip


# Running


@guarded
def run_page(
    *, given: Mapping[str, Any], settings: Mapping[str, Any], clip: Mapping[str, Any], saving: Mapping[str, Any],
    clip_saving: Mapping[str, Any], last: Kept | None, request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The Run button. One event, since each has a place of its own in the queue."""
    now = Given(**given)
    if now.mode == "clip":
        made = _run_clip(now, settings, clip, clip_saving, request, progress)
        yield {f"clip_{name}" if name in ("info", "download") else name: value for name, value in made.items()}
    else:
        yield from _run_pictures(now, settings, saving, last, request, progress)


def _run_pictures(
    now: Given, settings: Mapping[str, Any], saving: Mapping[str, Any], last: Kept | None, request: gr.Request,
    progress: gr.Progress,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """One picture, or each of several."""
    options, ways = _page_options(settings), fields.read(SaveOptions, saving)
    asked = replace(options, strength=1.0)
    if now.mode == "several":
        if not now.files:
            raise EditingError(messages.NO_PICTURE)
        yield from upscale_many.run(upscale_many.taken(now.files, request), options, ways, request, progress)
        return
    source = results.given(now.source)
    if results.stale(source, request):
        return
    with job(request, progress, source.path) as work:
        started = time.monotonic()
        picture = read_picture(source.path)
        options = upscale.settle(options, picture)
        check_fits(picture, options, ways)
        enlarged = upscale.enlarge(picture, options, report=work.report())
        if results.stale(source, request):
            return
        kept = results.keep_result(
            source, picture, options, time.monotonic() - started, new_folder(request), asked=asked,
            pixels=enlarged.pixels, alpha=enlarged.alpha,
        )  # fmt: skip
        outputs = _show(kept, picture, enlarged, options, ways, work.language)
    yield outputs | {"recipe_box": gr.update(visible=True)}
    results.forget(last)


@guarded
def run_again(
    *, outcomes: list[Outcome] | None, settings: Mapping[str, Any], saving: Mapping[str, Any], request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Those of several that failed or were stopped, with the settings of now; the others' results stay."""
    options, ways = _page_options(settings), fields.read(SaveOptions, saving)
    yield from upscale_many.run(outcomes or [], options, ways, request, progress)


def _run_clip(
    now: Given, settings: Mapping[str, Any], clip: Mapping[str, Any], saving: Mapping[str, Any], request: gr.Request,
    progress: gr.Progress,
) -> dict[str, Any]:  # fmt: skip
    """A clip: the enlarged one, or as much of it as was done when Stop was pressed."""
    asked, ways = fields.read(ClipOptions, clip), fields.read(ClipSaveOptions, saving)
    return upscale_clips.run_page(now.clip, _page_options(settings), asked, ways, request, progress)


@guarded
def remix(*, kept: Kept | None, strength: object, saving: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
    """The strength slider and the ways of saving: mix the last result anew, without the network."""
    if not kept or not is_there(request, "upscale", kept.source.given):
        return {}
    arrays = results.arrays_of(kept)
    picture = results.original(kept, arrays)
    enlarged = replace(picture, pixels=arrays["pixels"], alpha=arrays.get("alpha"))
    options = fields.read(UpscaleOptions, asdict(kept.options), strength=strength)
    return _show(kept, picture, enlarged, options, fields.read(SaveOptions, saving), language_of(request))


def _show(
    kept: Kept, picture: Picture, enlarged: Picture, options: UpscaleOptions, saving: SaveOptions, language: str
) -> dict[str, Any]:
    result = upscale.mix(picture, enlarged, options.strength)
    drift = f"{upscale.color_drift(picture, result):.2f}"
    return results.show(
        kept, result, upscale.recipe(options), saving, language, ending=ending(options),
        line=lambda facts: say("done", language, drift=drift, **facts) + noise_level(options, language),
    )  # fmt: skip


@guarded
def run_patch(
    *, source: Source | None, point: tuple[float, float] | None, settings: Mapping[str, Any], request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """Enlarge a patch round the point clicked last (or the middle), to judge the model before a long run."""
    source = results.given(source)
    options = replace(_page_options(settings), longest=None, width=None, height=None, megapixels=None)
    picture = read_picture(source.path)
    options = upscale.settle(options, picture)  # the noise is that of the whole picture
    part = _part(picture, point or (0.5, 0.5))
    picture = _crop(picture, part)
    with job(request, progress, source.path) as work:
        started = time.monotonic()
        enlarged = upscale.enlarge(picture, options, report=work.report())
        if results.stale(source, request):
            return {}
        made = upscale.mix(picture, enlarged, options.strength)
        file = new_folder(request) / "patch.png"
        write_picture(made, file)
        seconds = duration(time.monotonic() - started)
    done = say("patch_done", work.language, width=picture.width, height=picture.height, seconds=seconds)
    rows, columns = part
    region = (
        columns.start / source.width, rows.start / source.height, (columns.start + picture.width) / source.width,
        (rows.start + picture.height) / source.height,
    )  # fmt: skip
    done += noise_level(options, work.language)
    return {"shown": stage.show_result("upscale", made, file, region=region), "info": done}


@guarded
def run_patch_at(
    *, told: str, kept: Kept | None, source: Source | None, point: tuple[float, float] | None,
    settings: Mapping[str, Any], request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """The stage was clicked: :func:`run_patch`, unless there is a result, which nobody wants covered by a click."""
    if kept or not source or stage.read_event(told).get("kind") != "point":
        return {}
    shown: dict[str, Any] = run_patch(source=source, point=point, settings=settings, request=request, progress=progress)
    return shown


def _part(picture: Picture, point: tuple[float, float]) -> tuple[slice, slice]:
    """Rows and columns of at most ``PATCH`` x ``PATCH`` pixels round a point given in fractions, inside the picture."""
    left, top = (
        max(0, min(round(fraction * size - PATCH / 2), size - PATCH))
        for fraction, size in zip(point, (picture.width, picture.height), strict=True)
    )
    return slice(top, top + PATCH), slice(left, left + PATCH)


def _crop(picture: Picture, part: tuple[slice, slice]) -> Picture:
    alpha = None if picture.alpha is None else picture.alpha[part]
    return replace(picture, pixels=picture.pixels[part], alpha=alpha)


# The API


@guarded
def upscale_endpoint(
    *, file: str | None, request: gr.Request, progress: gr.Progress = gr.Progress(), **given: Any
) -> dict[str, Any]:
    """Enlarge or clean one picture; returns the file and the facts: size, seconds, colour drift, recipe.

    ``sigma``, for denoisers: how strong the noise is, 0 to 75 of 255; "auto" tells it from the picture.
    """
    path, options, saving = results.sent(file, request), _options(given), results.saving_of(given)
    started = time.monotonic()
    with job(request, progress, path) as work:
        picture = read_picture(path)
        options = upscale.settle(options, picture)
        check_fits(picture, options, saving)
        result = upscale.upscale(picture, options, report=work.report())
    recipe = upscale.recipe(options)
    saved, notices = results.save(result, path, ending(options), new_folder(request), saving, recipe)
    drift = round(upscale.color_drift(picture, result), 4)
    return {"file": str(saved), "facts": results.facts_of(result, started, notices, recipe, color_drift=drift)}


@guarded
def upscale_clip_endpoint(
    *, file: str | None, clip_format: object, request: gr.Request, progress: gr.Progress = gr.Progress(), **given: Any
) -> dict[str, Any]:
    """Enlarge or clean one clip; returns the file and the facts: size, frames, length in seconds, notices, recipe."""
    saving = fields.read(ClipSaveOptions, {**given, "format": clip_format})
    return upscale_clips.endpoint(file, _options(given), fields.read(ClipOptions, given), saving, request, progress)


@guarded
def estimate_endpoint(
    *, file: str | None, file_format: object, request: gr.Request, **given: Any
) -> dict[str, Any]:  # fmt: skip
    """What enlarging this picture will take on this machine: seconds, peak bytes, bytes free, tiles, size.

    Refuses what could not be saved as ``file_format``, which says nothing of clips.
    """
    if not file:
        raise EditingError(messages.NO_PICTURE_SENT)
    estimate = _estimate_of(file, _options(given))
    if not is_clip(file):
        results.check_fits(fields.read(SaveOptions, {"format": file_format}), estimate.width, estimate.height)
    return {"facts": asdict(estimate)}
