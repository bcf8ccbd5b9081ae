"""The Stylize tab: a photo, a style or a mix of two, a live comparison, all styles on one sheet; and the API's part."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from editing import messages, options, runtime
from editing.errors import EditingError, OptionError, Stopped, WeightError
from editing.options import SaveOptions, StylizeOptions
from editing.pictures import masks, tiling
from editing.pictures.masks import Mask
from editing.pictures.picture import Picture, from_float
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import stylize
from editing.pipelines.stylize import Style
from editing.ui import fields, mask_canvas, results
from editing.ui.gradio_hacks import AnyImage, by_name
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
    owned,
    request_stop,
    size_text,
    stoppable,
)
from editing.ui.mask_canvas import MaskedTab
from editing.ui.results import Kept, Source
from editing.ui.translations import T, language_of, say
from editing.weights.files import path_of
from editing.weights.find import find_weight, weights_for

log = logging.getLogger(__name__)
NAME = "stylize"  # of its mask canvas, and of its recipes
THUMBNAILS = Path(__file__).parent / "styles"
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


def build(tabs: gr.Tabs, upscale_picture: gr.Image, *, send_mask: bool = False) -> MaskedTab:
    """Add the tab to the page being built; "Send to Upscale" puts a picture into ``upscale_picture``.

    With ``send_mask`` there is a button that sends the mask to the Repair tab: for :func:`mask_canvas.connect`.
    """
    models = available()
    gallery = stylize.styles(models[0])
    choices = _choices(gallery, "en")  # until the page is there and says its language
    first = gallery[0].name if gallery else None
    pictured = [style for style in gallery if _thumbnail(style).exists()]
    with gr.Tab(T("tab_stylize"), id="stylize"), gr.Row():
        with gr.Column(min_width=320):
            picture = results.picture_input(AnyImage, "stylize-input", label=T("stylize_input"), height=280)
            use_recipe = gr.Button(T("recipe_use"), visible=False, size="sm", elem_id="stylize-use-recipe")
            results.examples(picture)
            model = fields.field(
                StylizeOptions, "model", choices=models, value=models[0], info=None, visible=len(models) > 1,
                elem_id="stylize-model",
            )  # fmt: skip
            thumbnails = gr.Gallery(
                _views(pictured, "en"), label=T("style_gallery"), columns=4,
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
            style_scale = fields.field(StylizeOptions, "style_scale", elem_id="stylize-scale")
            with gr.Accordion(T("advanced"), open=False):
                precision = fields.field(StylizeOptions, "precision")
                tile = fields.field(StylizeOptions, "tile", elem_id="stylize-tile")
                saving = results.saving_controls(NAME)
            cost = gr.Markdown(T("waiting"), elem_id="stylize-estimate")
            with gr.Row():
                run = gr.Button(T("run"), variant="primary", elem_id="stylize-run")
                stop = gr.Button(T("stop"), elem_id="stylize-stop", min_width=80)
            sheet_button = gr.Button(T("sheet"), size="sm", elem_id="stylize-sheet-run")
            gr.Markdown(T("sheet_info"), elem_classes="hint")
            with gr.Accordion(T("optimise"), open=False):
                gr.Markdown(T("optimise_info"), elem_classes="hint")
                fetched = path_of(find_weight("vgg19")) is not None
                if not fetched:
                    gr.Markdown(T("optimise_missing"), elem_id="stylize-optimise-missing")
                steps = gr.Slider(
                    10, options.spec_of(StylizeOptions, "optimise").high, 300, step=10, label=T("optimise_steps"),
                    interactive=fetched, elem_id="stylize-steps",
                )  # fmt: skip
                optimise = gr.Button(T("optimise_run"), interactive=fetched, elem_id="stylize-optimise")
            # The API's own ends: the page's are made for looking at.
            api_file, api_own, api_own_second, api_mask = (gr.File(visible=False, type="filepath") for _ in range(4))
            api_result, api_facts = gr.File(visible=False), gr.JSON(visible=False)
            names = ("mix", "style_scale", "strength", "keep_colors", "precision", "tile")
            api_settings = {
                "style": fields.parameter(StylizeOptions, "style", value=first),
                "second": fields.parameter(StylizeOptions, "second", value=""),
                **fields.parameters(StylizeOptions, *names),
                "model": fields.parameter(StylizeOptions, "model", choices=models, value=models[0]),
                **results.saving_parameters(), "style_file": api_own, "second_file": api_own_second,
                "mask_file": api_mask,
            }  # fmt: skip
            api_stylize, api_styles = gr.Button(visible=False), gr.Button(visible=False)
        with gr.Column(min_width=320, scale=2, elem_classes="staying"):
            slider = gr.ImageSlider(label=T("result"), type="filepath", interactive=False, elem_id="stylize-slider")
            gr.Markdown(T("stylize_live"), elem_classes="hint")
            strength = fields.field(StylizeOptions, "strength", elem_id="stylize-strength")
            keep_colors = fields.field(StylizeOptions, "keep_colors", elem_id="stylize-keep-colors")
            with gr.Accordion(T("stylize_mask"), open=False) as masking:
                gr.Markdown(T("stylize_mask_info"), elem_classes="hint")
                canvas = mask_canvas.build("stylize", send=T("mask_to_repair") if send_mask else "")
            info = gr.Markdown(elem_id="stylize-info")
            with gr.Row():
                download = gr.DownloadButton(T("download"), interactive=False, elem_id="stylize-download")
                send = gr.Button(T("send_upscale"), interactive=False, elem_id="stylize-send")
            with gr.Accordion(T("recipe"), open=False, visible=False) as recipe_box:
                recipe = gr.JSON(show_label=False, elem_id="stylize-recipe")
            sheet = gr.Gallery(
                label=T("sheet_result"), columns=4, object_fit="contain", height="auto", allow_preview=False,
                interactive=False, buttons=[], visible=False, elem_id="stylize-sheet", elem_classes="drawn",
            )  # fmt: skip
            # In here, since Gradio takes what lies beside a tab for a tab.
            source = gr.State()  # a Source
            kept = gr.State()  # the last run, a Kept
            names_shown = gr.State([entry.name for entry in pictured])
            names_of_sheet = gr.State([entry.name for entry in gallery])

    settings = {
        "style": style, "own": own, "second": second, "own_second": own_second, "mix": share,
        "style_scale": style_scale, "precision": precision, "tile": tile, "model": model,
    }  # fmt: skip
    live = {"strength": strength, "keep_colors": keep_colors, "drawn": canvas.value}
    result = {"slider": slider, "info": info, "download": download, "recipe": recipe, "kept": kept, "send": send}
    estimating: dict[str, Any] = {
        **by_name(show_estimate, {"source": source, "settings": settings}, {"cost": cost}),
        "show_progress": "minimal", "concurrency_limit": None, **HIDDEN,
    }  # fmt: skip

    picture.change(
        **by_name(
            inspect, {"path": picture, "source": source, "sent": canvas.sent},
            {"source": source, "picture": picture, "use_recipe": use_recipe, "orders": canvas.orders,
             "drawn": canvas.value, "sent": canvas.sent, "masking": masking},
        ),
        show_progress="hidden", **HIDDEN,
    ).then(**estimating)  # fmt: skip
    gr.on([part.change for part in (style_scale, precision, tile)], **estimating)
    # One after the other: the server would take the style that is still on the page for one of the new model's.
    model.input(
        **by_name(
            show_styles, {"model": model},
            {"thumbnails": thumbnails, "names": names_shown, "style": style, "own": own, "second": second,
             "own_box": own_box, "own_second": own_second, "sheet": sheet, "names_of_sheet": names_of_sheet},
        ),
        **QUICK,
    ).then(**estimating)  # fmt: skip
    named = {"thumbnails": thumbnails, "style": style, "second": second}
    gr.on(None, **by_name(name_styles, {"model": model}, named), **QUICK)
    # A style of the gallery, however it is chosen, takes the place of an own picture, and the other way round.
    for view, listed in ((thumbnails, names_shown), (sheet, names_of_sheet)):
        view.select(**by_name(choose, {"listed": listed}, {"style": style, "own": own}), **QUICK)
    style.change(
        lambda name, listed: gr.update(selected_index=listed.index(name) if name in listed else None),
        [style, names_shown], thumbnails, **QUICK,
    )  # fmt: skip
    for listing, mine, usual in ((style, own, first), (second, own_second, "")):
        listing.input(lambda: None, None, mine, **QUICK)
        mine.upload(lambda: None, None, listing, **QUICK)
        mine.clear(lambda usual=usual: usual, None, listing, **QUICK)
    canvas.load.upload(
        **by_name(mask_canvas.load_mask, {"file": canvas.load, "source": source}, {"orders": canvas.orders}), **QUICK
    )
    use_recipe.click(
        **by_name(
            settings_of_recipe, {"source": source, "model": model},
            {"style": style, "own": own, "second": second, "own_second": own_second, "mix": share,
             "style_scale": style_scale, "strength": strength, "keep_colors": keep_colors},
        ),
        **QUICK,
    )  # fmt: skip

    running = {"source": source, "settings": settings, "live": live, "saving": saving, "last": kept}
    run.click(
        **by_name(run_page, running, {**result, "recipe_box": recipe_box}), show_progress_on=slider, **COMPUTE, **HIDDEN
    )
    optimise.click(
        **by_name(run_optimise, {**running, "steps": steps}, {**result, "recipe_box": recipe_box}),
        show_progress="minimal", show_progress_on=slider, **COMPUTE, **HIDDEN,
    )  # fmt: skip
    sheet_button.click(
        **by_name(
            run_sheet, {"source": source, "keep_colors": keep_colors, "model": model},
            {"sheet": sheet, "names_of_sheet": names_of_sheet},
        ),
        show_progress="minimal", show_progress_on=sheet, **COMPUTE, **HIDDEN,
    )  # fmt: skip
    # Strength, kept colours, the mask and the ways of saving need no second run.
    gr.on(
        [part.change for part in (*live.values(), *saving.values())],
        **by_name(remix, {"kept": kept, "live": live, "saving": saving}, result), **MIXING,
    )  # fmt: skip
    stop.click(request_stop, None, None, queue=False, show_progress="hidden", **HIDDEN)
    send.click(
        **by_name(results.send, {"kept": kept}, {"picture": upscale_picture, "tabs": tabs}), **QUICK
    )  # fmt: skip

    api_stylize.click(
        **by_name(stylize_endpoint, {"file": api_file, **api_settings}, {"file": api_result, "facts": api_facts}),
        api_name="stylize", **COMPUTE,
    )  # fmt: skip
    api_styles.click(
        **by_name(styles_endpoint, {"model": api_settings["model"]}, {"styles": api_facts}), api_name="styles"
    )
    return MaskedTab(id=NAME, picture=picture, source=source, canvas=canvas)


def _style_image(name: str) -> gr.Image:
    return AnyImage(
        label=T("style_picture"), type="filepath", image_mode=None, height=180, elem_id=name,
        sources=["upload", "clipboard"],
    )  # fmt: skip


def _thumbnail(style: Style) -> Path:
    return THUMBNAILS / f"{style.name}.jpg"


def _choices(gallery: Sequence[Style], language: str) -> list[tuple[str, str]]:
    return [(_caption(style, language), style.name) for style in gallery]


def _views(pictured: Sequence[Style], language: str) -> list[tuple[str, str]]:
    return [(str(_thumbnail(style)), _short(style, language)) for style in pictured]


def _short(style: Style, language: str) -> str:
    """What fits below a thumbnail."""
    return (language == "zh" and style.title_zh) or style.name.replace("-", " ")


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
    pictured = [style for style in gallery if _thumbnail(style).exists()]
    choices, any_picture = _choices(gallery, language), stylize.takes_pictures(model)
    return {
        "thumbnails": gr.update(value=_views(pictured, language), visible=bool(pictured)),
        "names": [style.name for style in pictured],
        "style": gr.update(choices=choices, value=gallery[0].name if gallery else None),
        "own": None,
        "own_box": gr.update(visible=any_picture),
        "second": gr.update(choices=[(T("style_none"), ""), *choices], value=""),
        "own_second": gr.update(value=None, visible=any_picture),
        "sheet": gr.update(visible=False),
        "names_of_sheet": [style.name for style in gallery],
    }


@guarded
def name_styles(*, model: str, request: gr.Request) -> dict[str, Any]:
    """The page is there: the styles' names in its language, where that is not the one it was built with."""
    language = language_of(request)
    if language == "en":
        return {}
    gallery = _gallery(model)
    pictured = [style for style in gallery if _thumbnail(style).exists()]
    choices = _choices(gallery, language)
    return {
        "thumbnails": gr.update(value=_views(pictured, language)),
        "style": gr.update(choices=choices),
        "second": gr.update(choices=[(T("style_none"), ""), *choices]),
    }


@guarded
def inspect(*, path: str | None, source: Source | None, sent: Mask | None, request: gr.Request) -> dict[str, Any]:
    """Look at a new picture: refuse it with a reason, or remember it and show a preview where browsers can't."""
    if results.told_again(path, source):
        return {}
    source, picture, changes = results.look(path, NAME, request)
    changes |= {"drawn": "", "sent": None}
    if sent is not None:
        changes["masking"] = gr.update(open=True)
    return changes | {"orders": mask_canvas.show(NAME, picture, path or "", request, sent if picture else None)}


@guarded
def choose(*, listed: Sequence[str], event: gr.SelectData, request: gr.Request) -> dict[str, Any]:
    """A thumbnail was clicked: its style, and no own picture in its way."""
    index = event.index if isinstance(event.index, int) else -1
    return {"style": listed[index], "own": None} if 0 <= index < len(listed) else {}


@guarded
def settings_of_recipe(*, source: Source | None, model: str, request: gr.Request) -> dict[str, Any]:
    """The settings with which the given picture was made; styles that were own pictures have to be given again."""
    made = results.options_of_recipe(source, StylizeOptions)
    listed = {entry.name for entry in _gallery(model)}
    for name in (made.style, made.second):
        if name is not None and name not in listed:
            gr.Info(as_text(say("style_missing", language_of(request), name=name)))
    values = {name: getattr(made, name) for name in ("mix", "style_scale", "strength", "keep_colors")}
    values |= {"own": None, "own_second": None, "second": made.second if made.second in listed else ""}
    return values | ({"style": made.style} if made.style in listed else {})


@guarded
def show_estimate(*, source: Source | None, settings: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
    """Seconds and peak memory for what is given now; a problem with the settings stands in the same place."""
    if not source:
        return {"cost": T("waiting")}
    language = language_of(request)
    try:
        result = stylize.estimate(source.width, source.height, _options(settings))
    except Exception as error:
        return {"cost": "⚠ " + as_text(explain(error, language))}
    line = say(
        "stylize_estimate", language, width=source.width, height=source.height, seconds=duration(result.seconds),
        memory=size_text(result.memory), free=size_text(result.free), tiles=result.tiles,
    )  # fmt: skip
    return {"cost": line + memory_warning(result, language)}


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
    last: Kept | None, request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """The Run button."""
    source, ways, folder = results.given(source), fields.read(SaveOptions, saving), new_folder(request)
    if results.stale(source, request):
        return {}
    asked = _options(_owned(settings, folder))
    with job(request, progress, source.path) as work:
        started = time.monotonic()
        picture = read_picture(source.path)
        painted = stylize.paint(picture, asked, report=work.report())
        if results.stale(source, request):
            return {}
        kept = results.keep_result(
            source, picture, asked, time.monotonic() - started, folder, painted=painted.pixels
        )  # fmt: skip
        outputs = _show(kept, picture, painted, live, ways, work.language)
    results.forget(last)
    return outputs | {"recipe_box": gr.update(visible=True)}


@guarded
def run_optimise(
    *, source: Source | None, settings: Mapping[str, Any], steps: int, live: Mapping[str, Any],
    saving: Mapping[str, Any], last: Kept | None, request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The Optimise button: shows what there is every few steps; Stop keeps it."""
    source, ways = results.given(source), fields.read(SaveOptions, saving)
    if not settings["own"]:
        raise EditingError(messages.OWN_STYLE_WANTED)
    if results.stale(source, request):
        return
    asked = _options({**settings, "second": "", "own_second": None}, optimise=steps)
    with stoppable(request, progress, source.path, settings["own"]) as work:
        started = time.monotonic()
        picture = read_picture(source.path)
        pictures = stylize.optimise(picture, asked, report=work.report(counting="steps"))
        for done in itertools.count(stylize.SHOWN_STEPS, stylize.SHOWN_STEPS):
            with runtime.job():  # given back between two pictures: nobody else can wait for minutes
                painted = next(pictures, None)
                if painted is None or results.stale(source, request):
                    return
                folder = new_folder(request)
                shown = _options(_owned({**settings, "second": "", "own_second": None}, folder), optimise=steps)
                kept = results.keep_result(
                    source, picture, shown, time.monotonic() - started, folder, painted=painted.pixels
                )  # fmt: skip
                outputs = _show(kept, picture, painted, live, ways, work.language)
            results.forget(last)
            last = outputs["kept"]
            progressed = say("progress_steps", work.language, done=min(done, asked.optimise), total=asked.optimise)
            yield outputs | {"info": f"{progressed}<br>{outputs['info']}", "recipe_box": gr.update(visible=True)}


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
    return _show(kept, picture, painted, live, ways, language_of(request))


def _show(
    kept: Kept, picture: Picture, painted: Picture, live: Mapping[str, Any], saving: SaveOptions, language: str
) -> dict[str, Any]:
    asked = fields.read(
        StylizeOptions, {**asdict(kept.options), "strength": live["strength"], "keep_colors": live["keep_colors"]}
    )
    mask = mask_canvas.read(live["drawn"], picture.height, picture.width)
    outputs = results.show(
        kept, stylize.mix(picture, painted, asked, mask=mask), stylize.recipe(asked, masked=mask is not None), saving,
        language, ending=_ending(asked), line=lambda facts: say("stylize_done", language, **facts),
    )  # fmt: skip
    return outputs | {"send": gr.update(interactive=True)}


def _ending(asked: StylizeOptions) -> str:
    """For the result's name: what was done."""
    names = "-".join(Path(name).stem for name in (asked.style, asked.second) if name)
    return names[:80] + ("" if asked.strength == 1 else f"-s{round(asked.strength * 100)}")


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
            yield {"sheet": gr.update(value=shown, visible=True), "names_of_sheet": names}
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
    request: gr.Request, progress: gr.Progress = gr.Progress(), **given: Any,
) -> dict[str, Any]:  # fmt: skip
    """Repaint one picture; returns the file and the facts: size, seconds, recipe.

    ``style_file`` and ``second_file``, pictures of one's own, come before ``style`` and ``second``, names of /styles.
    """
    path, saving = results.sent(file, request), results.saving_of(given)
    folder = Path(path).parent
    asked = _options(_owned({**given, "own": style_file, "own_second": second_file}, folder))
    mask_path = owned(mask_file, new_folder(request)) if mask_file else None
    started = time.monotonic()
    with job(request, progress, path) as work:
        picture = read_picture(path)
        mask = masks.read(mask_path, picture.height, picture.width) if mask_path else None
        result = stylize.stylize(picture, asked, mask=mask, report=work.report())
    recipe = stylize.recipe(asked, masked=mask is not None)
    saved, notices = results.save(result, path, _ending(asked), new_folder(request), saving, recipe)
    return {"file": str(saved), "facts": results.facts_of(result, started, notices, recipe)}


@guarded
def styles_endpoint(*, model: str, request: gr.Request) -> dict[str, Any]:
    """The styles of a model's gallery: name, title, artist, year of each."""
    return {"styles": [asdict(style) for style in _gallery(model)]}
