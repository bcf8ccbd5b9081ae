"""The Stylize tab: a photo, a style or a mix of two, a live comparison, all styles on one sheet; and the API's part."""

from __future__ import annotations

import itertools
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from editing import runtime
from editing.errors import EditingError, ImageError, OptionError, Stopped, WeightError
from editing.messages import Message
from editing.options import MOST_STEPS, StylizeOptions
from editing.pictures import masks, tiling
from editing.pictures.masks import Mask
from editing.pictures.picture import Floats, Picture, from_float
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import stylize
from editing.pipelines.stylize import Style
from editing.ui import mask_canvas
from editing.ui.handlers import (
    COMPUTE,
    QUICK,
    AnyImage,
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
    stoppable,
)
from editing.ui.mask_canvas import MaskedTab
from editing.ui.translations import T, language_of, say, translate
from editing.ui.upscale_tab import EXAMPLES, FORMATS, PREVIEW_PIXELS, SHOWN_BY_BROWSERS, SUFFIXES
from editing.weights.files import path_of
from editing.weights.find import find_weight, weights_for

log = logging.getLogger(__name__)
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
    choices = _choices(gallery)
    first = gallery[0].name if gallery else None
    pictured = [style for style in gallery if _thumbnail(style).exists()]
    with gr.Tab(T("tab_stylize"), id="stylize"), gr.Row():
        with gr.Column(min_width=320):
            picture = AnyImage(
                label=T("stylize_input"), type="filepath", image_mode=None, height=280, elem_id="stylize-input",
                sources=["upload", "clipboard", "webcam"],
            )  # fmt: skip
            use_recipe = gr.Button(T("recipe_use"), visible=False, size="sm", elem_id="stylize-use-recipe")
            gr.Examples(
                sorted(str(path) for path in EXAMPLES.glob("*.*") if path.suffix != ".md"),
                picture, label=T("examples"), cache_examples=False,
            )  # fmt: skip
            model = gr.Dropdown(
                models, value=models[0], label=T("model"), visible=len(models) > 1, elem_id="stylize-model"
            )
            thumbnails = gr.Gallery(
                [(str(_thumbnail(style)), _short(style)) for style in pictured], label=T("style_gallery"), columns=4,
                object_fit="cover", height="auto", allow_preview=False, interactive=False, buttons=[],
                visible=bool(pictured), selected_index=0 if pictured else None, elem_id="stylize-gallery",
                elem_classes="drawn",
            )  # fmt: skip
            style = gr.Dropdown(choices, value=first, label=T("style"), elem_id="stylize-style")
            with gr.Accordion(T("style_own"), open=not gallery):
                own = _style_image("stylize-own")
            with gr.Accordion(T("style_second"), open=False):
                second = gr.Dropdown(
                    [(T("style_none"), ""), *choices], value="", label=T("style_second_name"), elem_id="stylize-second"
                )
                own_second = _style_image("stylize-own-second")
                share = gr.Slider(
                    0, 1, 0.5, step=0.01, label=T("style_mix"), info=T("style_mix_info"), elem_id="stylize-mix"
                )
            style_scale = gr.Slider(
                0.1, 4, 1, step=0.05, label=T("style_scale"), info=T("style_scale_info"),
                elem_id="stylize-scale",
            )  # fmt: skip
            with gr.Accordion(T("advanced"), open=False):
                precision = gr.Radio(
                    list(runtime.PRECISIONS), value="auto", label=T("precision"), info=T("precision_info")
                )
                tile = gr.Number(
                    0, label=T("tile"), info=T("tile_info"), precision=0, minimum=0, elem_id="stylize-tile"
                )
                file_format = gr.Radio(list(FORMATS), value="PNG", label=T("format"), elem_id="stylize-format")
                strip = gr.Checkbox(False, label=T("strip"))
                keep_gps = gr.Checkbox(False, label=T("keep_gps"))
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
                    10, MOST_STEPS, 300, step=10, label=T("optimise_steps"), interactive=fetched,
                    elem_id="stylize-steps",
                )  # fmt: skip
                optimise = gr.Button(T("optimise_run"), interactive=fetched, elem_id="stylize-optimise")
            # The API's own ends: the page's are made for looking at.
            api_file, api_own, api_own_second, api_mask = (gr.File(visible=False, type="filepath") for _ in range(4))
            api_result, api_facts = gr.File(visible=False), gr.JSON(visible=False)
            api_style, api_second = gr.Textbox(first, visible=False), gr.Textbox("", visible=False)
            api_stylize, api_styles = gr.Button(visible=False), gr.Button(visible=False)
        with gr.Column(min_width=320, scale=2, elem_classes="staying"):
            slider = gr.ImageSlider(label=T("result"), type="filepath", interactive=False, elem_id="stylize-slider")
            gr.Markdown(T("stylize_live"), elem_classes="hint")
            strength = gr.Slider(
                0, 1, value=1, step=0.01, label=T("strength"), info=T("stylize_strength_info"),
                elem_id="stylize-strength",
            )  # fmt: skip
            keep_colors = gr.Checkbox(
                False, label=T("keep_colors"), info=T("keep_colors_info"), elem_id="stylize-keep-colors"
            )
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
            source = gr.State()  # the file that was given, and the preview shown where browsers can't show it
            work = gr.State()  # what the live dials need of the last run
            names = gr.State([entry.name for entry in pictured])
            sheet_names = gr.State([entry.name for entry in gallery])

    chosen = [style, own, second, own_second, share]
    settings = [*chosen, style_scale, precision, tile, model]
    live = [strength, keep_colors, canvas.value]
    saving = [file_format, strip, keep_gps]
    hidden: dict[str, Any] = {"api_visibility": "private"}
    estimating: dict[str, Any] = {
        "fn": show_estimate, "inputs": [source, *settings], "outputs": cost, "show_progress": "minimal", **hidden
    }  # fmt: skip

    picture.change(
        inspect, [picture, source, canvas.sent],
        [source, picture, use_recipe, canvas.orders, canvas.value, canvas.sent, masking],
        show_progress="hidden", **hidden,
    ).then(**estimating)  # fmt: skip
    gr.on([part.change for part in (style_scale, precision, tile)], **estimating)
    # One after the other: the server would take the style that is still on the page for one of the new model's.
    model.input(
        show_styles, model, [thumbnails, names, style, own, second, own_second, sheet, sheet_names], **QUICK
    ).then(**estimating)
    # A style of the gallery, however it is chosen, takes the place of an own picture, and the other way round.
    for view, listed in ((thumbnails, names), (sheet, sheet_names)):
        view.select(choose, listed, [style, own], **QUICK)
    style.change(
        lambda name, listed: gr.update(selected_index=listed.index(name) if name in listed else None),
        [style, names], thumbnails, **QUICK,
    )  # fmt: skip
    for listing, mine, usual in ((style, own, first), (second, own_second, "")):
        listing.input(lambda: None, None, mine, **QUICK)
        mine.upload(lambda: None, None, listing, **QUICK)
        mine.clear(lambda usual=usual: usual, None, listing, **QUICK)
    canvas.load.upload(load_mask, [canvas.load, source], canvas.orders, **QUICK)
    use_recipe.click(
        settings_of_recipe,
        [source, model],
        [style, own, second, own_second, share, style_scale, strength, keep_colors],
        **QUICK,
    )

    shown = [slider, info, download, send, recipe, work]
    run.click(
        run_page, [source, *settings, *live, *saving, work], [*shown, recipe_box], show_progress_on=slider,
        **COMPUTE, **hidden,
    )  # fmt: skip
    optimise.click(
        run_optimise, [source, *settings, steps, *live, *saving, work], [*shown, recipe_box], show_progress="minimal",
        show_progress_on=slider, **COMPUTE, **hidden,
    )  # fmt: skip
    sheet_button.click(
        run_sheet, [source, keep_colors, model], [sheet, sheet_names], show_progress="minimal", show_progress_on=sheet,
        **COMPUTE, **hidden,
    )  # fmt: skip
    # Strength, kept colours, the mask and the ways of saving need no second run.
    gr.on(
        [strength.change, keep_colors.change, canvas.value.change, file_format.change, strip.change, keep_gps.change],
        remix, [work, *live, *saving], shown,
        show_progress="minimal", trigger_mode="always_last", concurrency_id="mix", concurrency_limit=2, **hidden,
    )  # fmt: skip
    stop.click(request_stop, None, None, queue=False, show_progress="hidden", **hidden)
    send.click(send_to_upscale, work, [upscale_picture, tabs], **QUICK)

    api_stylize.click(
        stylize_endpoint,
        [
            api_file, api_style, api_second, share, style_scale, strength, keep_colors, precision, tile, model, *saving,
            api_own, api_own_second, api_mask,
        ],
        [api_result, api_facts], api_name="stylize", **COMPUTE,
    )  # fmt: skip
    api_styles.click(styles_endpoint, model, api_facts, api_name="styles")
    return MaskedTab(id="stylize", picture=picture, source=source, canvas=canvas)


def _style_image(name: str) -> gr.Image:
    return AnyImage(
        label=T("style_picture"), type="filepath", image_mode=None, height=180, elem_id=name,
        sources=["upload", "clipboard"],
    )  # fmt: skip


def _thumbnail(style: Style) -> Path:
    return THUMBNAILS / f"{style.name}.jpg"


def _choices(gallery: Sequence[Style]) -> list[tuple[str, str]]:
    return [(_caption(style), style.name) for style in gallery]


def _short(style: Style) -> str:
    """What fits below a thumbnail."""
    return style.name.replace("-", " ")


def _caption(style: Style) -> str:
    return f"{style.title} · {style.artist}, {style.year}"


def _options(
    style: str | None, own: str | None, second: str | None, own_second: str | None, share: float, style_scale: float,
    precision: str, tile: float, model: str, strength: float = 1, keep_colors: bool = False,
) -> StylizeOptions:  # fmt: skip
    """The page's values as options; an own picture comes before the gallery.

    Names from a request are looked for in the gallery alone: it must not choose which of the machine's files is opened.
    """
    known = [entry.name for entry in _gallery(model)]
    for name in ([] if own else [style or ""]) + ([] if own_second or not second else [second]):
        if name not in known:
            raise OptionError(f"There is no style called '{name[:60]}'. Choices: {', '.join(known) or 'none'}.")
    return StylizeOptions(
        model=model, style=own or style or "", second=own_second or second or None, mix=float(share),
        style_scale=float(style_scale), precision=precision, tile=int(tile or 0) or None, strength=float(strength),
        keep_colors=bool(keep_colors),
    )  # fmt: skip


def _gallery(model: str) -> tuple[Style, ...]:
    """The styles of a model that a request names."""
    find_weight(model, "stylize", paths=False)  # a request must not choose which of the machine's files is opened
    return stylize.styles(model)


# Looking at what was given


@guarded
def show_styles(model: str, request: gr.Request) -> tuple[Any, ...]:
    """Another model was chosen: its gallery takes the place of the one before."""
    gallery = _gallery(model)
    pictured = [style for style in gallery if _thumbnail(style).exists()]
    first = gallery[0].name if gallery else None
    return (
        gr.update(value=[(str(_thumbnail(style)), _short(style)) for style in pictured], visible=bool(pictured)),
        [style.name for style in pictured],
        gr.update(choices=_choices(gallery), value=first),
        None,
        gr.update(choices=[(T("style_none"), ""), *_choices(gallery)], value=""),
        None,
        gr.update(visible=False),
        [style.name for style in gallery],
    )


@guarded
def inspect(
    path: str | None, source: dict[str, Any] | None, sent: Mask | None, request: gr.Request
) -> tuple[Any, ...]:  # fmt: skip
    """Look at a new picture: refuse it with a reason, or remember it and show a preview where browsers can't."""
    if path and source and (path == source["path"] or Path(path).name == source["preview"]):
        # Told again, as Gradio does when a tab is shown for the first time; or our own preview, put there below.
        return (gr.skip(),) * 7
    none: tuple[Any, ...] = (gr.update(visible=False), mask_canvas.show("stylize", None, "", request))
    settled: tuple[Any, ...] = ("", None, gr.skip() if sent is None else gr.update(open=True))
    if not path:
        return None, gr.skip(), *none, *settled
    language = language_of(request)
    try:
        picture = read_picture(path)
    except ImageError as error:
        gr.Warning(as_text(explain(error, language)), title=say("error_title", language))
        return None, None, *none, *settled
    for notice in picture.notices:
        gr.Info(as_text(translate(str(notice), language)))
    source = {
        "path": path,
        "preview": None,
        "width": picture.width,
        "height": picture.height,
        "recipe": picture.recipe if picture.recipe and picture.recipe.get("task") == "stylize" else None,
    }
    shown: Any = gr.skip()
    if probe_picture(path).format not in SHOWN_BY_BROWSERS:
        small = preview(picture, new_folder(request))
        source["preview"] = small.name
        shown = str(small)
    order = mask_canvas.show("stylize", picture, path, request, sent)
    return source, shown, gr.update(visible=source["recipe"] is not None), order, *settled


@guarded
def load_mask(path: str | None, source: dict[str, Any] | None, request: gr.Request) -> str:
    """A mask file was chosen: show it on the canvas."""
    if not source:
        raise EditingError(say("no_picture", language_of(request)))
    return mask_canvas.load("stylize", path or "", source["height"], source["width"], request)


@guarded
def choose(listed: list[str], event: gr.SelectData, request: gr.Request) -> tuple[Any, Any]:
    """A thumbnail was clicked: its style, and no own picture in its way."""
    index = event.index if isinstance(event.index, int) else -1
    return (listed[index], None) if 0 <= index < len(listed) else (gr.skip(), gr.skip())


@guarded
def settings_of_recipe(source: dict[str, Any] | None, model: str, request: gr.Request) -> list[Any]:
    """The settings with which the given picture was made; styles that were own pictures have to be given again."""
    if not source or not source["recipe"]:
        raise EditingError(say("no_picture", language_of(request)))
    known = {field.name for field in fields(StylizeOptions)}
    kept = {name: value for name, value in source["recipe"].get("options", {}).items() if name in known}
    try:
        made = StylizeOptions(**kept)
    except TypeError as error:
        raise EditingError("The recipe in this picture is damaged: choose the settings by hand.") from error
    gallery = {entry.name for entry in stylize.styles(model)}
    for name in (made.style, made.second):
        if name is not None and name not in gallery:
            gr.Info(as_text(say("style_missing", language_of(request), name=name)))
    style = made.style if made.style in gallery else gr.skip()
    second = made.second if made.second in gallery else ""
    return [style, None, second, None, made.mix, made.style_scale, made.strength, made.keep_colors]


def show_estimate(request: gr.Request, source: dict[str, Any] | None, *settings: Any) -> Any:
    """Seconds and peak memory for what is given now; a problem with the settings stands in the same place."""
    language = language_of(request)
    if not source:
        return T("waiting")
    try:
        result = stylize.estimate(source["width"], source["height"], _options(*settings))
    except Exception as error:
        return "⚠ " + as_text(explain(error, language))
    return say(
        "stylize_estimate", language, width=source["width"], height=source["height"], seconds=duration(result.seconds),
        memory=size_text(result.memory), free=size_text(result.free), tiles=result.tiles,
    ) + memory_warning(result, language)  # fmt: skip


# Running


@guarded
def run_page(request: gr.Request, progress: gr.Progress = gr.Progress(), *values: Any) -> tuple[Any, ...]:
    """The Run button."""
    source, settings, live, saving, last = values[0], values[1:10], values[10:13], values[13:16], values[16]
    if not source:
        raise EditingError(say("no_picture", language_of(request)))
    options = _options(*settings)
    with job(request, progress) as work:
        started = time.monotonic()
        picture = read_picture(source["path"])
        painted = stylize.paint(picture, options, report=work.report())
        made = _kept(painted, source, options, time.monotonic() - started, new_folder(request))
        outputs = _show(picture, painted, made, live, saving, work.language)
    _forget(last)
    return *outputs, gr.update(visible=True)


@guarded
def run_optimise(request: gr.Request, progress: gr.Progress = gr.Progress(), *values: Any) -> Iterator[tuple[Any, ...]]:
    """The Optimise button: shows what there is every few steps; Stop keeps it."""
    source, settings, steps, live, saving, last = (
        values[0], values[1:10], values[10], values[11:14], values[14:17], values[17]
    )  # fmt: skip
    if not source:
        raise EditingError(say("no_picture", language_of(request)))
    if not settings[1]:
        raise EditingError("Optimising looks at the style picture itself: give one of your own.")
    options = replace(_options(*settings), second=None, optimise=int(steps))
    with stoppable(request, progress) as work:
        started = time.monotonic()
        picture = read_picture(source["path"])
        pictures = stylize.optimise(picture, options, report=work.report(steps=True))
        for done in itertools.count(stylize.SHOWN_STEPS, stylize.SHOWN_STEPS):
            with runtime.job():  # given back between two pictures: nobody else can wait for minutes
                painted = next(pictures, None)
                if painted is None:
                    return
                made = _kept(painted, source, options, time.monotonic() - started, new_folder(request))
                slider, info, *outputs = _show(picture, painted, made, live, saving, work.language)
            _forget(last)
            last = made
            progressed = say("progress_steps", work.language, done=min(done, options.optimise), total=options.optimise)
            yield slider, f"{progressed}<br>{info}", *outputs, gr.update(visible=True)


def _kept(
    painted: Picture, source: dict[str, Any], options: StylizeOptions, seconds: float, folder: Path
) -> dict[str, Any]:
    """Keep a whole painting at full strength, uncompressed: the live dials mix from it without another run."""
    np.save(folder / "painted.npy", painted.pixels)
    return {
        "path": source["path"], "preview": source["preview"], "folder": str(folder), "settings": options,
        "seconds": seconds,
    }  # fmt: skip


def _forget(last: dict[str, Any] | None) -> None:
    """Delete a result whose place on the page is taken: it is large."""
    if last:
        shutil.rmtree(last["folder"], ignore_errors=True)


@guarded
def remix(request: gr.Request, made: dict[str, Any] | None, *values: Any) -> tuple[Any, ...]:
    """The live dials and the ways of saving: mix the last result anew, without the network."""
    if not made:
        return (gr.skip(),) * 6
    kept = Path(made["folder"], "painted.npy")
    if not kept.exists():
        raise EditingError("The result is no longer kept: press Run to make it again.")
    picture = read_picture(made["path"])
    painted = replace(picture, pixels=np.load(kept))
    return _show(picture, painted, made, values[:3], values[3:], language_of(request))


def _show(
    picture: Picture, painted: Picture, made: dict[str, Any], live: Sequence[Any], saving: Sequence[Any], language: str
) -> tuple[Any, ...]:
    """Save the result once and give that same file to the slider and the download; the one before it goes."""
    strength, keep_colors, drawn = live
    options = replace(made["settings"], strength=float(strength), keep_colors=bool(keep_colors))
    mask = mask_canvas.read(drawn, picture.height, picture.width)
    result = stylize.mix(picture, painted, options, mask=mask)
    recipe = stylize.recipe(options, masked=mask is not None)
    # A folder for each version: a browser shows the file that it already has under an address.
    folder = Path(tempfile.mkdtemp(dir=made["folder"]))
    file, notices = _save(result, made["path"], folder, options, saving, recipe)
    before = made.get("before")
    if before is None:
        plain = not made["preview"] and picture.width * picture.height <= PREVIEW_PIXELS
        before = made["path"] if plain else str(preview(picture, Path(made["folder"])))
    after = file
    if saving[0] == "TIFF" or result.width * result.height > PREVIEW_PIXELS:
        after = preview(result, folder)
    info = say(
        "stylize_done", language, width=result.width, height=result.height, seconds=duration(made["seconds"]),
        size=size_text(file.stat().st_size), format=saving[0],
    )  # fmt: skip
    remarks = [translate(str(notice), language) for notice in (*result.notices[len(picture.notices) :], *notices)]
    if after != file:
        remarks.append(say("preview_note", language))
    info += "".join(f"<br>{as_text(remark)}" for remark in remarks)
    if "version" in made:
        shutil.rmtree(made["version"], ignore_errors=True)
    slider = gr.update(value=(before, str(after)), label=T("result"))
    made = made | {"before": before, "version": str(folder), "file": str(file)}
    return slider, info, gr.update(value=str(file), interactive=True), gr.update(interactive=True), recipe, made


def _save(
    result: Picture, source: str, folder: Path, options: StylizeOptions, saving: Sequence[Any], recipe: dict[str, Any]
) -> tuple[Path, tuple[Message, ...]]:
    """Write the result beside a name that says what was done to which picture."""
    file_format, strip, keep_gps = saving
    names = "-".join(Path(name).stem for name in (options.style, options.second) if name)
    dial = "" if options.strength == 1 else f"-s{round(options.strength * 100)}"
    file = folder / f"{Path(source).stem[:80]}-{names[:80]}{dial}{SUFFIXES[file_format]}"
    return file, write_picture(result, file, strip=strip, keep_gps=keep_gps, recipe=recipe)


@guarded
def run_sheet(
    source: dict[str, Any] | None,
    keep_colors: bool,
    model: str,
    request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> Iterator[tuple[Any, ...]]:
    """Paint a small copy of the picture in every style of the gallery, one after the other; a click chooses one."""
    language = language_of(request)
    if not source:
        raise EditingError(say("no_picture", language))
    gallery = _gallery(model)
    small = _small(read_picture(source["path"]))
    folder = new_folder(request)
    shown: list[tuple[str, str]] = []
    with stoppable(request, progress) as work:
        report = work.report(pictures=True)
        for done, style in enumerate(gallery):
            try:
                report(done, len(gallery))
            except Stopped:
                break
            options = StylizeOptions(
                model=model, style=style.name, style_scale=stylize.BASE / SHEET_SIDE, keep_colors=bool(keep_colors)
            )
            file = folder / f"{style.name}.png"
            with runtime.job():
                write_picture(stylize.stylize(small, options), file, recipe=stylize.recipe(options))
            shown.append((str(file), _short(style)))
            yield gr.update(value=shown, visible=True), [entry.name for entry in gallery[: len(shown)]]
    if not shown:
        raise Stopped("Stopped.")


def _small(picture: Picture) -> Picture:
    """A copy of at most ``SHEET_SIDE`` pixels a side."""
    factor = min(1.0, SHEET_SIDE / max(picture.width, picture.height))
    height, width = (max(1, round(side * factor)) for side in (picture.height, picture.width))

    def reduced(array: Any) -> Any:
        top = np.float32(np.iinfo(array.dtype).max)
        return from_float(tiling.resize(array, height, width) / top, picture.depth)

    alpha = None if picture.alpha is None else reduced(picture.alpha[..., None])[..., 0]
    return replace(picture, pixels=reduced(picture.pixels), alpha=alpha)


@guarded
def send_to_upscale(made: dict[str, Any] | None, request: gr.Request) -> tuple[Any, Any]:
    """Put the result into the Upscale tab, and go there."""
    if not made or not Path(made["file"]).exists():
        raise EditingError("The result is no longer kept: press Run to make it again.")
    return made["file"], gr.update(selected="upscale")


# The API


@guarded
def stylize_endpoint(
    file: str | None, style: str, second: str, mix: float, style_scale: float, strength: float, keep_colors: bool,
    precision: str, tile: float, model: str, file_format: str, strip: bool, keep_gps: bool, request: gr.Request,
    style_file: str | None = None, second_file: str | None = None, mask_file: str | None = None,
    progress: gr.Progress = gr.Progress(),
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """Repaint one picture; returns the file and the facts: size, seconds, recipe.

    ``style_file`` and ``second_file``, pictures of one's own, come before ``style`` and ``second``, names of /styles.
    """
    if not file:
        raise EditingError("No picture was sent: give a file.")
    options = _options(
        style, style_file, second, second_file, mix, style_scale, precision, tile, model, strength, keep_colors
    )
    started = time.monotonic()
    with job(request, progress) as work:
        picture = read_picture(file)
        mask: Floats | None = masks.read(mask_file, picture.height, picture.width) if mask_file else None
        result = stylize.stylize(picture, options, mask=mask, report=work.report())
    recipe = stylize.recipe(options, masked=mask is not None)
    saved, notices = _save(result, file, new_folder(request), options, (file_format, strip, keep_gps), recipe)
    return str(saved), {
        "width": result.width,
        "height": result.height,
        "seconds": round(time.monotonic() - started, 3),
        "notices": [str(notice) for notice in (*result.notices, *notices)],
        "recipe": recipe,
    }


@guarded
def styles_endpoint(model: str, request: gr.Request) -> list[dict[str, str]]:
    """The styles of a model's gallery: name, title, artist, year of each."""
    return [asdict(style) for style in _gallery(model)]
