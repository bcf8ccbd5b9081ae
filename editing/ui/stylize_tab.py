"""The Stylize tab: a photo or a clip, a style or a mix of two, all styles on one sheet, Fine; and the API's part."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from editing import messages, options, runtime
from editing.clips.read import VIDEO_SUFFIXES
from editing.costs import Estimate
from editing.errors import EditingError, OptionError, Stopped, WeightError
from editing.options import ClipOptions, ClipSaveOptions, SaveOptions, StylizeOptions
from editing.pictures import masks, tiling
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture, from_float
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import stylize, stylize_clips
from editing.pipelines.clips import ClipResult
from editing.pipelines.stylize import Style
from editing.report import Report
from editing.ui import bench, clips, comparing, fields, jobs, onward, results, stage, tries
from editing.ui.clips import ClipSource
from editing.ui.gradio_hacks import AnyFile, AnyImage, by_name
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
    stoppable,
)
from editing.ui.onward import End
from editing.ui.results import Kept, Source
from editing.ui.shown import painting
from editing.ui.translations import T, language_of, say
from editing.weights.files import path_of
from editing.weights.find import find_weight, weights_for

log = logging.getLogger(__name__)
NAME = "stylize"  # of its stage, and of its recipes
FINE_STEPS = 90  # of Fine, unless others are chosen
# What /stylize takes and /stylize_clip does not.
ONE_PICTURES = ("file_format", "quality", "mask_file", "optimise", "vgg")
SHEET_SIDE = 384  # longest side at which "Try all styles" paints, in pixels


def available() -> list[str]:
    """The name of every stylizer that is there and whole; the tab is not shown where there is none."""
    found = []
    for weight in weights_for("stylize"):
        if path_of(weight):
            try:
                stylize.styles(weight.name)
            except WeightError as error:
                log.warning("%s", error)
            else:
                found.append(weight.name)
    return found


def build(*others: str) -> End:
    """Add the tab to the page being built; a result can go on to the tabs ``others``."""
    models = available()
    gallery = stylize.styles(models[0])
    choices = _choices(gallery, "en")  # until the page is there and says its language
    first = gallery[0].name if gallery else None
    pictured = [style for style in gallery if painting(style.name).exists()]
    with bench.tab(NAME, T("tab_stylize")):
        with bench.stage(NAME):
            area = stage.build(NAME, brush=True)
            picture = results.picture_input("stylize-input")
            clip_area = stage.build(clips.stage_of(NAME), clips_of=NAME)
        with bench.panel(NAME):
            with bench.dials():
                with gr.Tabs(elem_classes="modes") as modes:
                    with gr.Tab(T("one_picture"), id="one") as one:
                        tried = tries.build(NAME)
                    with gr.Tab(T("clip"), id="clip") as clip_tab:
                        clip = gr.File(
                            label=T("clip_input"), type="filepath", file_types=clips.ACCEPTED, height=140,
                            elem_id="stylize-clip",
                        )  # fmt: skip
                        steady = fields.field(
                            ClipOptions, "steady", value=stylize_clips.USUAL_STEADY, info=T("stylize_steady_info"),
                            elem_id="stylize-steady",
                        )  # fmt: skip
                        deinterlace = fields.field(ClipOptions, "deinterlace", elem_id="stylize-deinterlace")
                        clip_format = fields.field(
                            ClipSaveOptions, "format", unset=T("clip_format_same"), elem_id="stylize-clip-format"
                        )
                came = onward.came()
                use_recipe = gr.Button(T("recipe_use"), visible=False, size="sm", elem_id="stylize-use-recipe")
                model = fields.field(
                    StylizeOptions, "model", choices=models, value=models[0], info=None, visible=len(models) > 1,
                    elem_id="stylize-model",
                )  # fmt: skip
                thumbnails = gr.Gallery(
                    _views(pictured, "en"), label=T("style_gallery"), columns=3,
                    object_fit="cover", height="auto", allow_preview=False, interactive=False, buttons=[],
                    visible=bool(pictured), selected_index=0 if pictured else None, elem_id="stylize-gallery",
                    elem_classes="drawn",
                )  # fmt: skip
                style = fields.field(
                    StylizeOptions, "style", choices=choices, value=first, info=None, elem_id="stylize-style"
                )
                with gr.Accordion(T("style_own"), open=not gallery) as own_box:
                    own = _style_image("stylize-own")
                with gr.Accordion(T("style_second"), open=False):
                    second = fields.field(
                        StylizeOptions, "second", choices=[(T("style_none"), ""), *choices], value="", info=None,
                        elem_id="stylize-second",
                    )  # fmt: skip
                    own_second = _style_image("stylize-own-second")
                    share = fields.field(StylizeOptions, "mix", elem_id="stylize-mix")
                strength = fields.field(StylizeOptions, "strength", live=True, elem_id="stylize-strength")
                keep_colors = fields.field(StylizeOptions, "keep_colors", live=True, elem_id="stylize-keep-colors")
                style_scale = fields.field(StylizeOptions, "style_scale", elem_id="stylize-scale")
                gr.Markdown(T("stylize_mask_info"), elem_classes="hint")
                sheet_button = gr.Button(T("sheet"), size="sm", elem_id="stylize-sheet-run")
                gr.Markdown(T("sheet_info"), elem_classes="hint")
                compared = comparing.build(NAME, _comparable)
                with gr.Accordion(T("more"), open=False):
                    precision = fields.field(StylizeOptions, "precision")
                    tile = fields.field(StylizeOptions, "tile", elem_id="stylize-tile")
                    saving = results.saving_controls(NAME)
                with gr.Accordion(T("fine"), open=False, elem_id="stylize-fine") as fine_box:
                    gr.Markdown(T("fine_info"), elem_classes="hint")
                    steps = gr.Slider(
                        10, options.spec_of(StylizeOptions, "optimise").high, FINE_STEPS, step=10,
                        label=T("fine_steps"), elem_id="stylize-steps",
                    )  # fmt: skip
                    vgg = fields.field(
                        StylizeOptions, "vgg", info=None, visible=path_of(find_weight("vgg19")) is not None,
                        elem_id="stylize-vgg",
                    )  # fmt: skip
                    fine_cost = gr.Markdown(elem_id="stylize-fine-estimate", elem_classes="estimate")
                    optimise = gr.Button(T("fine_run"), elem_id="stylize-optimise")
                with gr.Accordion(T("recipe"), open=False, visible=False) as recipe_box:
                    recipe = gr.JSON(show_label=False, elem_id="stylize-recipe")
            with bench.foot():
                cost, asking = bench.estimate("stylize")
                with gr.Column() as one_facts:
                    info = gr.Markdown(elem_id="stylize-info", elem_classes="facts")
                with gr.Column(visible=False) as clip_facts:
                    clip_info = gr.Markdown(elem_id="stylize-clip-info", elem_classes="facts")
                jobs.line("stylize")
                with gr.Row(elem_classes="doing"):
                    run = jobs.run_button("stylize", T("run"))
                    download = bench.download("stylize-download")
                    clip_download = bench.download("stylize-clip-download", visible=False)
                    further = onward.buttons(NAME, *others)
            # The API's own ends: the page's are made for looking at.
            api_file, api_own, api_own_second, api_mask = (AnyFile(visible=False, type="filepath") for _ in range(4))
            api_result, api_facts = gr.File(visible=False), gr.JSON(visible=False)
            names = ("mix", "style_scale", "strength", "keep_colors", "precision", "tile")
            api_settings = {
                "style": fields.parameter(StylizeOptions, "style", value=first),
                "second": fields.parameter(StylizeOptions, "second", value=""),
                **fields.parameters(StylizeOptions, *names),
                "model": fields.parameter(StylizeOptions, "model", choices=models, value=models[0]),
                **results.saving_parameters(), "style_file": api_own, "second_file": api_own_second,
                "mask_file": api_mask, **results.quality_parameter(),
                **fields.parameters(StylizeOptions, "optimise", "vgg"),
            }  # fmt: skip
            files = ("style_file", "second_file")
            api_clip_settings = {
                **{name: part for name, part in api_settings.items() if name not in (*files, *ONE_PICTURES)},
                **fields.parameters(ClipOptions, "steady"),
                "clip_format": fields.parameter(ClipSaveOptions, "format", value=""),
                **{name: api_settings[name] for name in files},
                **fields.parameters(ClipOptions, "deinterlace"),
            }  # fmt: skip
            api_stylize, api_styles, api_clip = (gr.Button(visible=False) for _ in range(3))
            # In here, since Gradio takes what lies beside a tab for a tab.
            source = gr.State()  # a Source
            clip_source = gr.State()  # a ClipSource
            mode = gr.State("one")
            fine_asked = gr.State(False)  # whether what Fine will take is to be said
            kept = gr.State()  # the last run, a Kept
            names_shown = gr.State([entry.name for entry in pictured])
            names_of_sheet = gr.State([entry.name for entry in gallery])

    settings = {
        "style": style, "own": own, "second": second, "own_second": own_second, "mix": share,
        "style_scale": style_scale, "precision": precision, "tile": tile, "model": model,
    }  # fmt: skip
    fine = {"steps": steps, "vgg": vgg}
    live = {"strength": strength, "keep_colors": keep_colors, "drawn": area.value}
    result = {"shown": area.shown, "info": info, "download": download, "recipe": recipe, "kept": kept}
    estimating: dict[str, Any] = {
        **by_name(
            show_estimate, {"mode": mode, "source": source, "clip": clip_source, "settings": settings},
            {"cost": cost, "again": asking},
        ),
        "show_progress": "minimal", "concurrency_limit": None, **HIDDEN,
    }  # fmt: skip

    noting: dict[str, Any] = {
        **by_name(note_stale, {"kept": kept, "settings": settings}, {"notes": area.notes}),
        "trigger_mode": "always_last", **QUICK,
    }  # fmt: skip

    estimating_fine: dict[str, Any] = {
        **by_name(
            show_fine_estimate, {"asked": fine_asked, "source": source, "settings": settings, "fine": fine},
            {"cost": fine_cost},
        ),
        "show_progress": "hidden", "concurrency_limit": None, "trigger_mode": "always_last", **HIDDEN,
    }  # fmt: skip
    comparing.connect(NAME, compared, area, source, _comparable)
    for place, taking in ((area, take), (clip_area, clips.take(take))):
        place.open.upload(
            **by_name(taking, {"given": place.open}, {"picture": picture, "clip": clip, "modes": modes}), **QUICK
        )
    clips.connect(NAME, clip, clip_source, clip_area).then(**estimating)
    places = {"one": [area.place, one_facts, download, fine_box], "clip": [clip_area.place, clip_facts, clip_download]}
    for tab, name in ((one, "one"), (clip_tab, "clip")):
        tab.select(
            lambda name=name: (
                name, *[gr.update(visible=name == other) for other, parts in places.items() for _ in parts]
            ),
            None, [mode, *(part for parts in places.values() for part in parts)], **QUICK,
        ).then(**estimating)  # fmt: skip
    fine_box.expand(lambda: True, None, fine_asked, **QUICK).then(**estimating_fine)
    gr.on([part.change for part in (steps, vgg, style, own, style_scale, precision, model)], **estimating_fine)
    looked = {
        "source": source,
        "use_recipe": use_recipe,
        "orders": area.orders,
        "drawn": area.value,
        "sent": area.sent,
        "kept": kept,
        "info": info,
        "download": download,
        "recipe_box": recipe_box,
    }
    picture.change(
        **by_name(
            inspect, {"path": picture, "source": source, "sent": area.sent, "kept": kept},
            looked,
        ),
        show_progress="minimal", show_progress_on=area.status, **HIDDEN,
    ).then(**estimating).then(**estimating_fine)  # fmt: skip
    gr.on([asking.tick, *(part.change for part in (style_scale, precision, tile))], **estimating)
    gr.on([part.change for part in settings.values()], **noting)
    # One after the other: the server would take the style that is still on the page for one of the new model's.
    model.input(
        **by_name(
            show_styles, {"model": model},
            {"thumbnails": thumbnails, "names": names_shown, "style": style, "own": own, "second": second,
             "own_box": own_box, "own_second": own_second, "shown": area.shown, "names_of_sheet": names_of_sheet},
        ),
        **QUICK,
    ).then(**estimating)  # fmt: skip
    named = {"thumbnails": thumbnails, "style": style, "second": second}
    gr.on(None, **by_name(name_styles, {"model": model}, named), **QUICK)
    # A style of the gallery, however it is chosen, takes the place of an own picture, and the other way round.
    thumbnails.select(**by_name(choose, {"listed": names_shown}, {"style": style, "own": own}), **QUICK)
    area.event.change(
        **by_name(
            choose_tile, {"told": area.event, "listed": names_of_sheet},
            {"style": style, "own": own, "shown": area.shown},
        ),
        **QUICK,
    )  # fmt: skip
    style.change(
        lambda name, listed: gr.update(selected_index=listed.index(name) if name in listed else None),
        [style, names_shown], thumbnails, **QUICK,
    )  # fmt: skip
    for listing, mine, usual in ((style, own, first), (second, own_second, "")):
        listing.input(lambda: None, None, mine, **QUICK)
        mine.upload(lambda: None, None, listing, **QUICK)
        mine.clear(lambda usual=usual: usual, None, listing, **QUICK)
    area.load.upload(
        **by_name(results.load_mask, {"file": area.load, "source": source}, {"orders": area.orders}), **QUICK
    )
    restored = {
        "style": style,
        "own": own,
        "second": second,
        "own_second": own_second,
        "mix": share,
        "style_scale": style_scale,
        "strength": strength,
        "keep_colors": keep_colors,
        "steps": steps,
    }

    running = {"source": source, "settings": settings, "live": live, "saving": saving, "last": kept}
    clip_saving = {"format": clip_format, "strip": saving["strip"], "keep_gps": saving["keep_gps"]}
    painting_it: dict[str, Any] = {
        **by_name(
            run_page,
            {**running, "mode": mode, "clip": clip_source, "clip_saving": clip_saving,
             "clip_options": {"steady": steady, "deinterlace": deinterlace}},
            {**result, "recipe_box": recipe_box, "played": clip_area.shown, "clip_info": clip_info,
             "clip_download": clip_download},
        ),
        "show_progress": "minimal", "show_progress_on": [area.status, clip_area.status], **COMPUTE, **HIDDEN,
    }  # fmt: skip
    ran = run.click(**painting_it)
    ran.then(**noting)
    trying = {**looked, **restored, "picture": picture, "came": came}
    runs = [ran, *tries.connect(NAME, tried, inspect, trying, painting_it)]
    optimise.click(
        **by_name(run_fine, {**running, "fine": fine}, {**result, "recipe_box": recipe_box}),
        show_progress="minimal", show_progress_on=area.status, **COMPUTE, **HIDDEN,
    ).then(**noting)  # fmt: skip
    sheet_button.click(
        **by_name(
            run_sheet, {"source": source, "keep_colors": keep_colors, "model": model},
            {"shown": area.shown, "names_of_sheet": names_of_sheet},
        ),
        show_progress="minimal", show_progress_on=area.status, **COMPUTE, **HIDDEN,
    )  # fmt: skip
    # Strength, kept colours, the mask and the ways of saving need no second run.
    gr.on(
        [part.change for part in (*live.values(), *saving.values())],
        **by_name(remix, {"kept": kept, "live": live, "saving": saving}, result), **MIXING,
    )  # fmt: skip

    api_stylize.click(
        **by_name(stylize_endpoint, {"file": api_file, **api_settings}, {"file": api_result, "facts": api_facts}),
        api_name="stylize", **COMPUTE,
    )  # fmt: skip
    api_clip.click(
        **by_name(
            stylize_clip_endpoint, {"file": api_file, **api_clip_settings}, {"file": api_result, "facts": api_facts}
        ),
        api_name="stylize_clip", **COMPUTE,
    )  # fmt: skip
    api_styles.click(
        **by_name(styles_endpoint, {"model": api_settings["model"]}, {"styles": api_facts}), api_name="styles"
    )
    return End(
        id=NAME, onward=further, giving={"kept": kept, "source": source, "drawn": area.value}, give=onward.of_result,
        settings=restored, restore=settings_of, asks={"model": model}, came=came, picture=picture, sent=area.sent,
        opened=area.open.upload, offer=use_recipe, source=source, looked={**looked, "picture": picture}, look=inspect,
        result=result, runs=runs,
    )  # fmt: skip


def _style_image(name: str) -> gr.Image:
    return AnyImage(
        label=T("style_picture"), type="filepath", image_mode=None, height=180, elem_id=name,
        sources=["upload", "clipboard"],
    )  # fmt: skip


def _choices(gallery: Sequence[Style], language: str) -> list[tuple[str, str]]:
    return [(_caption(style, language), style.name) for style in gallery]


def _views(pictured: Sequence[Style], language: str) -> list[tuple[str, str]]:
    return [(str(painting(style.name)), _short(style, language)) for style in pictured]


def _comparable(language: str) -> list[tuple[str, str]]:
    """Label and name of every style that can be compared, each by the first model that has it."""
    found: dict[str, Style] = {}
    for model in available():
        for style in stylize.styles(model):
            found.setdefault(style.name, style)
    return [(_short(style, language), name) for name, style in found.items()]


def _short(style: Style, language: str) -> str:
    """What stands below a tile: the title, and in a line of its own the artist."""
    title, artist = (style.title_zh, style.artist_zh) if language == "zh" else (style.title, style.artist)
    return "\n".join(part for part in (title or style.title, artist or style.artist) if part)


def _caption(style: Style, language: str) -> str:
    if language == "zh":
        style = replace(style, title=style.title_zh or style.title, artist=style.artist_zh or style.artist)
    by = ", ".join(part for part in (style.artist, style.year) if part)
    return f"{style.title} · {by}" if by else style.title


def _options(given: Mapping[str, Any], **more: Any) -> StylizeOptions:
    """What the page's components or an API's call hold, as options; an own picture comes before the gallery.

    Names from a request are looked for in the gallery alone: it must not choose which of the machine's files is opened.
    """
    own, own_second = given.get("own"), given.get("own_second")
    asked = fields.read(
        StylizeOptions, given, style=own or given["style"] or "", second=own_second or given["second"] or None, **more
    )
    listed = [entry.name for entry in _gallery(asked.model)]
    for name in ([] if own else [asked.style]) + ([] if own_second or not asked.second else [asked.second]):
        if name not in listed:
            choices = ", ".join(listed) or messages.NO_GALLERY
            raise OptionError(messages.NOT_IN_GALLERY, name=name[:60], choices=choices)
    return asked


def _gallery(model: str) -> tuple[Style, ...]:
    """The styles of a model that a request names."""
    return stylize.styles(known(model, "stylize").name)


# Looking at what was given


@guarded
def show_styles(*, model: str, request: gr.Request) -> dict[str, Any]:
    """Another model was chosen: its gallery takes the place of the one before."""
    gallery, language = _gallery(model), language_of(request)
    pictured = [style for style in gallery if painting(style.name).exists()]
    choices, any_picture = _choices(gallery, language), stylize.takes_pictures(model)
    return {
        "thumbnails": gr.update(value=_views(pictured, language), visible=bool(pictured)),
        "names": [style.name for style in pictured],
        "style": gr.update(choices=choices, value=gallery[0].name if gallery else None),
        "own": None,
        "own_box": gr.update(visible=any_picture),
        "second": gr.update(choices=[(T("style_none"), ""), *choices], value=""),
        "own_second": gr.update(value=None, visible=any_picture),
        "shown": stage.show_tiles(NAME, []),
        "names_of_sheet": [style.name for style in gallery],
    }


@guarded
def name_styles(*, model: str, request: gr.Request) -> dict[str, Any]:
    """The page is there: the styles' names in its language, where that is not the one it was built with."""
    language = language_of(request)
    if language == "en":
        return {}
    gallery = _gallery(model)
    pictured = [style for style in gallery if painting(style.name).exists()]
    choices = _choices(gallery, language)
    return {
        "thumbnails": gr.update(value=_views(pictured, language)),
        "style": gr.update(choices=choices),
        "second": gr.update(choices=[(T("style_none"), ""), *choices]),
    }


@guarded
def take(*, given: str | None, request: gr.Request) -> dict[str, Any]:
    """A file came to the stage: a picture, or a clip, to where it is done."""
    # A file of its own: Gradio tells nothing when a component is given what it has already.
    file = owned(given, new_folder(request)) if given else None
    if file and Path(file).suffix.lower() in VIDEO_SUFFIXES:
        return {"clip": file, "modes": gr.update(selected="clip")}
    return {"picture": file} if file else {}


@guarded
def inspect(
    *, path: str | None, source: Source | None = None, sent: Mask | None = None, kept: Kept | None = None,
    request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    """Look at a new picture: refuse it with a reason, or lay it on the stage; the last one's result goes."""
    if results.told_again(path, source):
        return {}
    _, _, changes = results.look(path, NAME, request, sent)
    results.forget(kept)
    return changes | {
        "drawn": "", "sent": None, "kept": None, "info": "", "download": gr.update(value=None, interactive=False),
        "recipe_box": gr.update(visible=False),
    }  # fmt: skip


@guarded
def note_stale(*, kept: Kept | None, settings: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
    """The badge on a result that was made with other settings."""
    try:
        asked = _options(settings)
    except EditingError:  # the estimate says what is wrong
        return {}
    return {"notes": results.badge(NAME, kept, asked, language_of(request))}


@guarded
def choose_tile(*, told: str, listed: Sequence[str], request: gr.Request) -> dict[str, Any]:
    """A style was opened on the sheet of all: it is chosen, and the picture comes back."""
    done = stage.read_event(told)
    if done.get("kind") != "tile" or not 0 <= done["index"] < len(listed):
        return {}
    return {"style": listed[done["index"]], "own": None, "shown": stage.show_tiles(NAME, [])}


@guarded
def choose(*, listed: Sequence[str], event: gr.SelectData, request: gr.Request) -> dict[str, Any]:
    """A thumbnail was clicked: its style, and no own picture in its way."""
    index = event.index if isinstance(event.index, int) else -1
    return {"style": listed[index], "own": None} if 0 <= index < len(listed) else {}


def settings_of(*, path: str, recipe: Mapping[str, Any], model: str, request: gr.Request) -> dict[str, Any]:
    """The settings with which a picture was made; styles that were own pictures have to be given again."""
    made = results.options_of(recipe, StylizeOptions)
    listed = {entry.name for entry in _gallery(model)}
    for name in (made.style, made.second):
        if name is not None and name not in listed:
            gr.Info(as_text(say("style_missing", language_of(request), name=name)))
    values = {name: getattr(made, name) for name in ("mix", "style_scale", "strength", "keep_colors")}
    values |= {"own": None, "own_second": None, "second": made.second if made.second in listed else ""}
    if made.optimise:
        values["steps"] = made.optimise
    return values | ({"style": made.style} if made.style in listed else {})


@guarded
@newest
def show_estimate(
    *, mode: str, source: Source | None, clip: ClipSource | None, settings: Mapping[str, Any], request: gr.Request
) -> dict[str, Any]:  # fmt: skip
    """Seconds and peak memory for what is given now; a problem with the settings stands in the same place."""
    if not (clip if mode == "clip" else source):
        return bench.answer(T("waiting_clip") if mode == "clip" else T("waiting"))
    language = language_of(request)
    try:
        if mode == "clip" and clip:
            result = stylize_clips.estimate(clip.header, _options(settings))
            line = clips.estimate(clip, result, language)
        else:
            given = results.given(source)
            result = stylize.estimate(given.width, given.height, _options(settings))
            line = say("stylize_estimate", language, **_facts(result))
    except Exception as error:
        return bench.answer("⚠ " + as_text(explain(error, language)), error)
    return bench.answer(line + memory_warning(result, language))


@guarded
@newest
def show_fine_estimate(
    *, asked: bool, source: Source | None, settings: Mapping[str, Any], fine: Mapping[str, Any], request: gr.Request
) -> dict[str, Any]:
    """What Fine will take, once it has been looked at; or what it lacks."""
    if not asked or not source:
        return {"cost": ""}
    language = language_of(request)
    try:
        result = stylize.estimate(source.width, source.height, _fine_options(settings, fine))
    except Exception as error:
        return {"cost": "⚠ " + as_text(explain(error, language))}
    return {"cost": say("fine_estimate", language, **_facts(result)) + memory_warning(result, language)}


def _facts(result: Estimate) -> dict[str, Any]:
    """What an estimate says, for the lines that are made of it."""
    return {
        "width": result.width, "height": result.height, "seconds": duration(result.seconds),
        "memory": size_text(result.memory), "free": size_text(result.free), "tiles": result.tiles,
    }  # fmt: skip


def _fine_options(settings: Mapping[str, Any], fine: Mapping[str, Any]) -> StylizeOptions:
    """What Fine is asked for; it has one style."""
    return _options({**settings, "second": "", "own_second": None}, optimise=fine["steps"], vgg=fine["vgg"])


# Running


def _owned(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The settings with links in ``folder`` to own style pictures: recipes read them as long as the result is kept."""
    own = {name: settings[name] for name in ("own", "own_second") if settings[name]}
    for name, upload in own.items():
        (folder / name).mkdir()
        own[name] = owned(upload, folder / name)
    return {**settings, **own}


@guarded
def run_page(
    *, source: Source | None, settings: Mapping[str, Any], live: Mapping[str, Any], saving: Mapping[str, Any],
    last: Kept | None, mode: str, clip: ClipSource | None, clip_options: Mapping[str, Any],
    clip_saving: Mapping[str, Any], request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """The Run button. One event, since each has a place of its own in the queue."""
    if mode == "clip":
        made = _run_clip(clip, settings, live, clip_options, clip_saving, request, progress)
        return {f"clip_{name}" if name in ("info", "download") else name: value for name, value in made.items()}
    source, ways, folder = results.given(source), fields.read(SaveOptions, saving), new_folder(request)
    if results.stale(source, request):
        return {}
    asked = _options(_owned(settings, folder))
    with job(request, progress, source.path) as work:
        started = time.monotonic()
        picture = read_picture(source.path)
        results.check_fits(ways, picture.width, picture.height)
        painted = stylize.paint(picture, asked, report=work.report())
        if results.stale(source, request):
            return {}
        kept = results.keep_result(
            source, picture, asked, time.monotonic() - started, folder, asked=_options(settings),
            painted=painted.pixels,
        )  # fmt: skip
        outputs = _show(kept, picture, painted, live, ways, request)
    results.forget(last)
    return outputs | {"recipe_box": gr.update(visible=True)}


def _run_clip(
    source: ClipSource | None, settings: Mapping[str, Any], live: Mapping[str, Any], clip_options: Mapping[str, Any],
    saving: Mapping[str, Any], request: gr.Request, progress: gr.Progress,
) -> dict[str, Any]:  # fmt: skip
    """A clip: the painted one, or as much of it as was done when Stop was pressed."""
    source = clips.given(source)
    options = {name: live[name] for name in ("strength", "keep_colors")}
    asked = _options({**_owned(settings, new_folder(request)), **options})
    clip, ways = fields.read(ClipOptions, clip_options), fields.read(ClipSaveOptions, saving)
    return clips.show(NAME, source, *_paint_clip(source.path, asked, clip, ways, request, progress), request)


def _paint_clip(
    path: str, asked: StylizeOptions, clip: ClipOptions, saving: ClipSaveOptions, request: gr.Request,
    progress: gr.Progress,
) -> tuple[Path, ClipResult | None, float]:  # fmt: skip
    """As :func:`editing.ui.clips.run`."""

    def work(source: Path, target: Path, report: Report) -> ClipResult:
        return stylize_clips.stylize_clip(
            source, target, asked, clip, report=report, strip=saving.strip, keep_gps=saving.keep_gps
        )

    used = [name for name in (asked.style, asked.second) if name and Path(name).is_file()]
    return clips.run(path, clips.named(path, _ending(asked), saving), work, request, progress, *used)


@guarded
def run_fine(
    *, source: Source | None, settings: Mapping[str, Any], fine: Mapping[str, Any], live: Mapping[str, Any],
    saving: Mapping[str, Any], last: Kept | None, request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The button of Fine: shows what there is every few seconds; Stop keeps it."""
    source, ways, folder = results.given(source), fields.read(SaveOptions, saving), new_folder(request)
    if results.stale(source, request):
        return
    asked = _fine_options(_owned(settings, folder), fine)
    used = [settings["own"]] if settings["own"] else []
    with stoppable(request, progress, source.path, folder, *used) as work:
        started = time.monotonic()
        picture = read_picture(source.path)
        results.check_fits(ways, picture.width, picture.height)
        paintings = stylize.optimise(picture, asked, report=work.report(counting="steps"))
        while True:
            with runtime.job():  # given back between two pictures: nobody else can wait for minutes
                made = next(paintings, None)
                if made is None or results.stale(source, request):
                    return
                outputs: dict[str, Any] = {}
                if made.whole:
                    kept = results.keep_result(
                        source, picture, asked, time.monotonic() - started, folder, made.done,
                        asked=_options(settings), painted=made.picture.pixels,
                    )  # fmt: skip
                    outputs = _show(kept, picture, made.picture, live, ways, request)
                    outputs["recipe_box"] = gr.update(visible=True)
                    results.forget(last)
                else:
                    file = folder / f"step-{made.done}.jpg"
                    write_picture(made.picture, file, strip=True)
                    outputs["shown"] = stage.show_result(NAME, made.picture, file)
                progressed = say("progress_steps", work.language, done=made.done, total=asked.optimise)
                outputs["info"] = "<br>".join(part for part in (progressed, outputs.get("info")) if part)
            yield outputs


@guarded
def remix(
    *, kept: Kept | None, live: Mapping[str, Any], saving: Mapping[str, Any], request: gr.Request
) -> dict[str, Any]:
    """The live dials and the ways of saving: mix the last result anew, without the network."""
    if not kept or not is_there(request, NAME, kept.source.given):  # another picture's mask is none for this one
        return {}
    arrays, ways = results.arrays_of(kept), fields.read(SaveOptions, saving)
    picture = results.original(kept, arrays)
    painted = replace(picture, pixels=arrays["painted"])
    return _show(kept, picture, painted, live, ways, request)


def _show(
    kept: Kept, picture: Picture, painted: Picture, live: Mapping[str, Any], saving: SaveOptions, request: gr.Request
) -> dict[str, Any]:
    asked = fields.read(
        StylizeOptions, {**asdict(kept.options), "strength": live["strength"], "keep_colors": live["keep_colors"]}
    )
    mask, language = results.drawn_on(kept.source, live["drawn"], request), language_of(request)
    return results.show(
        kept, stylize.mix(picture, painted, asked, mask=mask),
        stylize.recipe(asked, masked=mask is not None, done=kept.facts), saving, language, ending=_ending(asked),
        line=lambda facts: say("stylize_done", language, **facts),
    )  # fmt: skip


def _ending(asked: StylizeOptions) -> str:
    """For the result's name: what was done."""
    names = "-".join(Path(name).stem for name in (asked.style, asked.second) if name)
    finely = "-fine" if asked.optimise else ""
    return names[:80] + finely + ("" if asked.strength == 1 else f"-s{round(asked.strength * 100)}")


@guarded
def run_sheet(
    *, source: Source | None, keep_colors: bool, model: str, request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Paint a small copy of the picture in every style of the gallery, one after the other; a click chooses one."""
    source, gallery = results.given(source), _gallery(model)
    if results.stale(source, request):
        return
    folder = new_folder(request)
    shown: list[tuple[str, str]] = []
    with stoppable(request, progress, source.path) as work:
        small = _small(read_picture(source.path))
        report = work.report(counting="pictures")
        for done, style in enumerate(gallery):
            try:
                report(done, len(gallery))
            except Stopped:
                break
            if results.stale(source, request):
                return
            asked = fields.read(
                StylizeOptions, {"model": model, "style": style.name, "keep_colors": keep_colors},
                style_scale=stylize.BASE / SHEET_SIDE,
            )  # fmt: skip
            file = folder / f"{style.name}.png"
            with runtime.job():
                write_picture(stylize.stylize(small, asked), file, recipe=stylize.recipe(asked))
            shown.append((str(file), _short(style, language_of(request))))
            names = [entry.name for entry in gallery[: len(shown)]]
            yield {"shown": stage.show_tiles(NAME, shown, of=folder.name), "names_of_sheet": names}
    if not shown:
        raise Stopped(messages.STOPPED)


def _small(picture: Picture) -> Picture:
    """A copy of at most ``SHEET_SIDE`` pixels a side."""
    factor = min(1.0, SHEET_SIDE / max(picture.width, picture.height))
    height, width = (max(1, round(side * factor)) for side in (picture.height, picture.width))

    def reduced(array: Any) -> Any:
        top = np.float32(np.iinfo(array.dtype).max)
        return from_float(tiling.resize(array, height, width) / top, picture.depth)

    alpha = None if picture.alpha is None else reduced(picture.alpha[..., None])[..., 0]
    return replace(picture, pixels=reduced(picture.pixels), alpha=alpha)


# The API


@guarded
def stylize_endpoint(
    *, file: str | None, style_file: str | None = None, second_file: str | None = None, mask_file: str | None = None,
    quality: object = None, optimise: object = None, vgg: object = None, request: gr.Request,
    progress: gr.Progress = gr.Progress(), **given: Any,
) -> dict[str, Any]:  # fmt: skip
    """Repaint one picture; returns the file and the facts: size, seconds, recipe.

    ``style_file`` and ``second_file``, pictures of one's own, come before ``style`` and ``second``, names of /styles.
    ``optimise``: that many steps of Fine follow, 0 for none.
    """
    path = results.sent(file, request)
    saving = results.saving_of(given if quality is None else {**given, "quality": quality})
    folder = Path(path).parent
    given |= {name: value for name, value in (("optimise", optimise), ("vgg", vgg)) if value is not None}
    asked = _options(_owned({**given, "own": style_file, "own_second": second_file}, folder))
    mask_path = owned(mask_file, new_folder(request)) if mask_file else None
    started = time.monotonic()
    with job(request, progress, path) as work:
        picture = read_picture(path)
        results.check_fits(saving, picture.width, picture.height)
        mask = masks.read(mask_path, picture.height, picture.width) if mask_path else None
        result = stylize.stylize(picture, asked, mask=mask, report=work.report())
    recipe = stylize.recipe(asked, masked=mask is not None)
    saved, notices = results.save(result, path, _ending(asked), new_folder(request), saving, recipe)
    return {"file": str(saved), "facts": results.facts_of(result, started, notices, recipe)}


@guarded
def stylize_clip_endpoint(
    *, file: str | None, clip_format: object, style_file: str | None = None, second_file: str | None = None,
    deinterlace: object = None, request: gr.Request, progress: gr.Progress = gr.Progress(), **given: Any,
) -> dict[str, Any]:  # fmt: skip
    """Repaint one clip; returns the file and the facts: size, frames, length in seconds, notices, recipe.

    ``style_file`` and ``second_file``, pictures of one's own, come before ``style`` and ``second``, names of /styles.
    """
    saving = fields.read(ClipSaveOptions, {**given, "format": clip_format})
    later = {} if deinterlace is None else {"deinterlace": deinterlace}
    clip, path = fields.read(ClipOptions, {**given, **later}), clips.sent(file, request)
    asked = _options(_owned({**given, "own": style_file, "own_second": second_file}, new_folder(request)))
    return clips.answer(*_paint_clip(path, asked, clip, saving, request, progress))


@guarded
def styles_endpoint(*, model: str, request: gr.Request) -> dict[str, Any]:
    """The styles of a model's gallery: name, title, artist, year of each."""
    return {"styles": [asdict(style) for style in _gallery(model)]}
