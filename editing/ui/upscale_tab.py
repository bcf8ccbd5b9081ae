"""The Upscale tab: one picture with a live comparison, or several with a zip; and the same on the API."""

from __future__ import annotations

import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from editing import runtime
from editing.clips.read import is_clip, probe_clip
from editing.errors import EditingError, ImageError, Stopped
from editing.messages import Message
from editing.options import SCALES, ClipOptions, UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import clips, noise, upscale
from editing.ui import upscale_clips
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
    stoppable,
)
from editing.ui.translations import T, language_of, say, translate
from editing.weights.files import path_of
from editing.weights.find import find_weight, weights_for

EXAMPLES = Path(__file__).parent / "examples"
FORMATS = ("PNG", "JPEG", "WebP", "TIFF")
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WebP": ".webp", "TIFF": ".tif"}
SHOWN_BY_BROWSERS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF")
PREVIEW_PIXELS = 16_000_000  # larger pictures are shown reduced: browsers get slow, and hosted pages slower
PATCH = 128


def build() -> gr.Image:
    """Add the tab to the page being built; gives the component that takes a picture, for other tabs to send one."""
    with gr.Tab(T("tab_upscale"), id="upscale"), gr.Row():
        with gr.Column(min_width=320):
            with gr.Tabs():
                with gr.Tab(T("one_picture"), id="one") as one:
                    picture = AnyImage(
                        label=T("input"), type="filepath", image_mode=None, height=320, elem_id="upscale-input",
                        sources=["upload", "clipboard", "webcam"],
                    )  # fmt: skip
                    use_recipe = gr.Button(T("recipe_use"), visible=False, size="sm", elem_id="upscale-use-recipe")
                    gr.Examples(
                        sorted(str(path) for path in EXAMPLES.glob("*.*") if path.suffix != ".md"),
                        picture, label=T("examples"), cache_examples=False,
                    )  # fmt: skip
                with gr.Tab(T("several_pictures"), id="several") as several:
                    files = gr.File(
                        label=T("inputs"), file_count="multiple", type="filepath", height=320, elem_id="upscale-files"
                    )
                with gr.Tab(T("clip"), id="clip") as clip_tab:
                    clip = gr.File(
                        label=T("clip_input"), type="filepath", file_types=upscale_clips.ACCEPTED, height=180,
                        elem_id="upscale-clip",
                    )  # fmt: skip
                    steady = gr.Slider(
                        0, 1, value=0.5, step=0.05, label=T("steady"), info=T("steady_info"), elem_id="upscale-steady"
                    )
                    clip_format = gr.Radio(
                        [(T("clip_format_same"), ""), *((name, name) for name in upscale_clips.FORMATS)], value="",
                        label=T("format"), info=T("clip_format_info"), elem_id="upscale-clip-format",
                    )  # fmt: skip
            model = gr.Dropdown(_models(), value=upscale.named("auto"), label=T("model"), elem_id="upscale-model")
            scale = gr.Radio(list(SCALES), value=4, label=T("scale"), info=T("scale_info"), elem_id="upscale-scale")
            # For denoisers alone, which in turn have no scale.
            sigma_auto = gr.Checkbox(
                True, label=T("sigma_auto"), info=T("sigma_auto_info"), visible=False, elem_id="upscale-sigma-auto"
            )
            sigma = gr.Slider(
                0, noise.STRONGEST, value=25, step=0.1, label=T("sigma"), info=T("sigma_info"), visible=False,
                elem_id="upscale-sigma",
            )  # fmt: skip
            with gr.Accordion(T("advanced"), open=False):
                longest = gr.Number(
                    0, label=T("longest"), info=T("longest_info"), precision=0, minimum=0, elem_id="upscale-longest"
                )
                precision = gr.Radio(
                    list(runtime.PRECISIONS), value="auto", label=T("precision"), info=T("precision_info")
                )
                tile = gr.Number(
                    0, label=T("tile"), info=T("tile_info"), precision=0, minimum=0, elem_id="upscale-tile"
                )
                color_lock = gr.Checkbox(True, label=T("color_lock"))
                file_format = gr.Radio(list(FORMATS), value="PNG", label=T("format"), elem_id="upscale-format")
                strip = gr.Checkbox(False, label=T("strip"))
                keep_gps = gr.Checkbox(False, label=T("keep_gps"))
            cost = gr.Markdown(T("waiting"), elem_id="upscale-estimate")
            with gr.Row():
                run = gr.Button(T("run"), variant="primary", elem_id="upscale-run")
                stop = gr.Button(T("stop"), elem_id="upscale-stop", min_width=80)
            with gr.Column() as patch_box:
                patch = gr.Button(T("patch"), size="sm", elem_id="upscale-patch")
                patch_at = gr.Markdown(T("patch_info"), elem_id="upscale-patch-at", elem_classes="hint")
            # The API's own ends: the page's are made for looking at.
            api_file = gr.File(visible=False, type="filepath")
            api_sigma = gr.Textbox("auto", visible=False)
            api_result, api_facts = gr.File(visible=False), gr.JSON(visible=False)
            api_upscale, api_estimate = gr.Button(visible=False), gr.Button(visible=False)
            api_clip = gr.Button(visible=False)
        with gr.Column(min_width=320, scale=2):
            with gr.Column() as one_result:
                slider = gr.ImageSlider(label=T("result"), type="filepath", interactive=False, elem_id="upscale-slider")
            with gr.Column(visible=False) as clip_result:
                video = gr.Video(
                    label=T("clip_result"), interactive=False, loop=True, height=420, elem_id="upscale-video"
                )
                moving = gr.Image(
                    label=T("clip_result"), interactive=False, type="filepath", visible=False, height=420,
                    elem_id="upscale-moving",
                )  # fmt: skip
                clip_info = gr.Markdown(elem_id="upscale-clip-info")
                clip_download = gr.DownloadButton(T("download"), interactive=False, elem_id="upscale-clip-download")
            strength = gr.Slider(
                0, 1, value=1, step=0.01, label=T("strength"), info=T("strength_info"), elem_id="upscale-strength"
            )
            with gr.Column() as one_facts:
                info = gr.Markdown(elem_id="upscale-info")
                download = gr.DownloadButton(T("download"), interactive=False, elem_id="upscale-download")
                with gr.Accordion(T("recipe"), open=False, visible=False) as recipe_box:
                    recipe = gr.JSON(show_label=False, elem_id="upscale-recipe")
            with gr.Column(visible=False) as many_result:
                gallery = gr.Gallery(label=T("results"), columns=3, elem_id="upscale-gallery")
                table = gr.Dataframe(
                    headers=["", ""], column_widths=["40%", "60%"], interactive=False, show_label=False, wrap=True,
                    elem_id="upscale-table",
                )  # fmt: skip
                archive = gr.DownloadButton(T("download_zip"), interactive=False, elem_id="upscale-zip")
            # In here, since Gradio takes what lies beside a tab for a tab.
            source = gr.State()  # the file that was given, and the preview shown where browsers can't show it
            clip_source = gr.State()  # the clip that was given, and its header
            mode = gr.State("one")
            point = gr.State()  # where the picture was clicked last, as fractions of its width and height
            work = gr.State()  # what the strength slider needs of the last run

    settings = [model, scale, strength, longest, precision, tile, color_lock, sigma_auto, sigma]
    api_settings = settings[:-2]
    saving = [file_format, strip, keep_gps]
    hidden: dict[str, Any] = {"api_visibility": "private"}

    picture.change(
        inspect, [picture, source], [source, picture, point, patch_at, use_recipe], show_progress="hidden", **hidden
    ).then(show_estimate, [mode, source, files, clip_source, *settings], cost, show_progress="minimal", **hidden)
    clip.change(upscale_clips.look, clip, [clip_source, clip], show_progress="hidden", **hidden).then(
        show_estimate, [mode, source, files, clip_source, *settings], cost, show_progress="minimal", **hidden
    )
    gr.on(
        [part.change for part in (files, model, scale, longest, precision, tile, sigma_auto)],
        show_estimate, [mode, source, files, clip_source, *settings], cost, show_progress="minimal", **hidden,
    )  # fmt: skip
    gr.on(
        [model.change, sigma_auto.change],
        show_controls, [model, sigma_auto], [scale, sigma_auto, sigma], show_progress="hidden", **hidden,
    )  # fmt: skip
    model.change(show_steady, model, steady, show_progress="hidden", **hidden)
    for tab, name in ((one, "one"), (several, "several"), (clip_tab, "clip")):
        tab.select(
            lambda name=name: (
                name, *[gr.update(visible=name == "one")] * 3,
                *[gr.update(visible=name == other) for other in ("several", "clip")],
                gr.update(info=T("strength_info") if name == "one" else T("strength_info_many")),
            ),
            None, [mode, one_result, one_facts, patch_box, many_result, clip_result, strength], **QUICK,
        ).then(
            show_estimate, [mode, source, files, clip_source, *settings], cost, show_progress="minimal", **hidden
        )  # fmt: skip
    picture.select(remember_point, source, [point, patch_at], **QUICK)
    use_recipe.click(settings_of_recipe, source, settings, **QUICK)

    run.click(
        run_page, [mode, source, files, *settings, *saving, work],
        [slider, info, download, recipe, recipe_box, work, gallery, table, archive],
        show_progress_on=[slider, gallery], **COMPUTE, **hidden,
    )  # fmt: skip
    run.click(
        run_clip, [mode, clip_source, steady, clip_format, strip, keep_gps, *settings],
        [video, moving, clip_info, clip_download], show_progress_on=[video, moving], **COMPUTE, **hidden,
    )  # fmt: skip
    patch.click(run_patch, [source, point, *settings], [slider, info], show_progress_on=slider, **COMPUTE, **hidden)
    # Another strength, or another way of saving, needs no second run.
    gr.on(
        [strength.release, file_format.change, strip.change, keep_gps.change],
        remix, [work, strength, *saving], [slider, info, download, recipe, work],
        show_progress="minimal", trigger_mode="always_last", concurrency_id="mix", concurrency_limit=2, **hidden,
    )  # fmt: skip
    stop.click(request_stop, None, None, queue=False, show_progress="hidden", **hidden)

    api_upscale.click(
        upscale_endpoint,
        [api_file, *api_settings, *saving, api_sigma],
        [api_result, api_facts],
        api_name="upscale",
        **COMPUTE,
    )
    api_clip.click(
        clip_endpoint, [api_file, steady, clip_format, strip, keep_gps, *api_settings, api_sigma],
        [api_result, api_facts], api_name="upscale_clip", **COMPUTE,
    )  # fmt: skip
    api_estimate.click(estimate_endpoint, [api_file, *api_settings], api_facts, api_name="estimate")
    return picture


def _models() -> list[tuple[str, str]]:
    """Label and name of every model that is there; a download not yet fetched isn't offered."""
    return [
        (f"{weight.name} ({weight.title})" if weight.title != weight.name else weight.name, weight.name)
        for weight in weights_for(*upscale.TASKS)
        if path_of(weight)
    ]


def _options(
    model: str, scale: int, strength: float, longest: float, precision: str, tile: float, color_lock: bool,
    sigma_auto: bool = True, sigma: float | None = None,
) -> UpscaleOptions:  # fmt: skip
    """The page's values as options; an emptied number field arrives as None and means 0, the default."""
    # A request must not choose which of the machine's files is opened.
    find_weight(model, *upscale.TASKS, paths=False)
    return UpscaleOptions(
        model=model, scale=int(scale), strength=float(strength), longest=int(longest or 0) or None,
        precision=precision, tile=int(tile or 0) or None, color_lock=bool(color_lock),
        sigma=None if sigma_auto else float(sigma or 0),
    )  # fmt: skip


def _page_options(*settings: Any) -> UpscaleOptions:
    """As :func:`_options`; what stands in controls that are hidden for the model doesn't count."""
    options = _options(*settings)
    scale = None if find_weight(options.model).task == "clean" else options.scale
    return replace(options, scale=scale, sigma=options.sigma if upscale.takes_sigma(options.model) else None)


@guarded
def show_controls(model: str, sigma_auto: bool, request: gr.Request) -> tuple[Any, Any, Any]:
    """The scale for models that enlarge, the noise level for those that are told it."""
    clean = find_weight(model, *upscale.TASKS, paths=False).task == "clean"
    told = upscale.takes_sigma(model)
    return gr.update(visible=not clean), gr.update(visible=told), gr.update(visible=told and not sigma_auto)


@guarded
def show_steady(model: str, request: gr.Request) -> float:
    """How steady clips are made where nobody says, for another model."""
    return clips.usual_steady(model)


# Looking at what was given


@guarded
def inspect(path: str | None, source: dict[str, Any] | None, request: gr.Request) -> tuple[Any, ...]:
    """Look at a new picture: refuse it with a reason, or remember it and show a preview where browsers can't."""
    if path and source and Path(path).name == source["preview"]:
        return (gr.skip(),) * 5  # our own preview, put there by the lines below
    if not path:
        return None, gr.skip(), None, T("patch_info"), gr.update(visible=False)
    language = language_of(request)
    try:
        picture = read_picture(path)
    except ImageError as error:
        gr.Warning(as_text(explain(error, language)), title=say("error_title", language))
        return None, None, None, T("patch_info"), gr.update(visible=False)
    for notice in picture.notices:
        gr.Info(as_text(translate(str(notice), language)))
    if is_clip(path):
        gr.Info(say("clip_hint", language))
    source = {
        "path": path,
        "preview": None,
        "width": picture.width,
        "height": picture.height,
        "shown": (picture.width, picture.height),
        "alpha": picture.alpha is not None,
        "recipe": picture.recipe if picture.recipe and picture.recipe.get("task") == "upscale" else None,
    }
    shown: Any = gr.skip()
    if probe_picture(path).format not in SHOWN_BY_BROWSERS:
        small = preview(picture, new_folder(request))
        header = probe_picture(small)
        source |= {"preview": small.name, "shown": (header.width, header.height)}
        shown = str(small)
    return source, shown, None, T("patch_info"), gr.update(visible=source["recipe"] is not None)


def remember_point(source: dict[str, Any] | None, event: gr.SelectData, request: gr.Request) -> tuple[Any, Any]:
    """Where the picture was clicked, as fractions of its width and height, and in words."""
    if not source:
        return None, gr.skip()
    (x, y), (width, height) = event.index, source["shown"]
    place = round(x / width * source["width"]), round(y / height * source["height"])
    return (x / width, y / height), say("patch_at", language_of(request), x=place[0], y=place[1])


@guarded
def settings_of_recipe(source: dict[str, Any] | None, request: gr.Request) -> list[Any]:
    """The settings with which the given picture was made."""
    if not source or not source["recipe"]:
        raise EditingError(say("no_picture", language_of(request)))
    known = {field.name for field in fields(UpscaleOptions)}
    kept = {name: value for name, value in source["recipe"].get("options", {}).items() if name in known}
    try:
        made = UpscaleOptions(**kept)
    except TypeError as error:
        raise EditingError("The recipe in this picture is damaged: choose the settings by hand.") from error
    find_weight(made.model, *upscale.TASKS, paths=False)
    level = gr.skip() if made.sigma is None else made.sigma
    return [
        made.model, made.scale or max(SCALES), made.strength, made.longest or 0, made.precision, made.tile or 0,
        made.color_lock, made.sigma is None, level,
    ]  # fmt: skip


def show_estimate(
    request: gr.Request, mode: str, source: dict[str, Any] | None, files: list[str] | None,
    clip: dict[str, Any] | None, *settings: Any,
) -> Any:  # fmt: skip
    """Seconds and peak memory for what is given now; a problem with the settings stands in the same place."""
    language = language_of(request)
    if not {"one": source, "several": files, "clip": clip}[mode]:
        return T("waiting_clip") if mode == "clip" else T("waiting")
    try:
        options = _page_options(*settings)
        if mode == "clip" and clip:
            line, result = upscale_clips.estimate(clip, options, language)
            return line + memory_warning(result, language)
        if mode == "several":
            return _estimate_many(files or [], options, language)
        assert source is not None
        result = upscale.estimate(source["width"], source["height"], options, alpha=source["alpha"])
        if upscale.takes_sigma(options.model):
            options = upscale.settle(options, read_picture(source["path"]))
    except Exception as error:
        return "⚠ " + as_text(explain(error, language))
    return say(
        "estimate", language, width=source["width"], height=source["height"], out_width=result.width,
        out_height=result.height, seconds=duration(result.seconds), memory=size_text(result.memory),
        free=size_text(result.free), tiles=result.tiles,
    ) + _noise(options, language) + memory_warning(result, language)  # fmt: skip


def _noise(options: UpscaleOptions, language: str) -> str:
    """How strong the noise is that a denoiser is told of; nothing for other models."""
    return "" if options.sigma is None else say("noise_level", language, sigma=f"{options.sigma:.1f}")


def _estimate_many(files: list[str], options: UpscaleOptions, language: str) -> str:
    results = []
    for file in files:
        try:
            if is_clip(file):
                results.append(clips.estimate(probe_clip(file), ClipOptions(upscale=options)))
                continue
            header = probe_picture(file)
            results.append(upscale.estimate(header.width, header.height, options))
        except ImageError:
            continue  # the run will say why; it costs nothing
    if not results:
        return say("waiting", language)
    most = max(results, key=lambda result: result.memory)
    return say(
        "estimate_many", language, count=len(files), seconds=duration(sum(result.seconds for result in results)),
        memory=size_text(most.memory), free=size_text(most.free),
    ) + memory_warning(most, language)  # fmt: skip


# Running


@guarded
def run_page(request: gr.Request, progress: gr.Progress = gr.Progress(), *values: Any) -> Iterator[tuple[Any, ...]]:
    """The Run button: one picture, or each of several."""
    language = language_of(request)
    mode, source, files = values[:3]
    if mode == "clip":
        yield (gr.skip(),) * 9  # run_clip does it
        return
    options, saving, last = _page_options(*values[3:12]), values[12:15], values[15]
    if mode == "several":
        if not files:
            raise EditingError(say("no_picture", language))
        for outputs in _run_many(files, options, saving, request, progress):
            yield (*[gr.skip()] * 6, *outputs)
        return
    if not source:
        raise EditingError(say("no_picture", language))
    with job(request, progress) as work:
        outputs = _run_one(source, options, saving, work, request)
    yield (*outputs, *[gr.skip()] * 3)
    if last:  # its place on the page is taken, and it is large
        shutil.rmtree(last["folder"], ignore_errors=True)


@guarded
def run_clip(request: gr.Request, progress: gr.Progress = gr.Progress(), *values: Any) -> tuple[Any, ...]:
    """The Run button over a clip: the enlarged one, or as much of it as was done when Stop was pressed."""
    mode, source, steady, file_format, strip, keep_gps = values[:6]
    if mode != "clip":
        return (gr.skip(),) * 4  # run_page does it
    options = ClipOptions(upscale=_page_options(*values[6:]), steady=float(steady))
    return upscale_clips.run_page(source, options, file_format, strip, keep_gps, request, progress)


def _run_one(
    source: dict[str, Any], options: UpscaleOptions, saving: tuple[Any, ...], work: Job, request: gr.Request
) -> tuple[Any, ...]:
    started = time.monotonic()
    picture = read_picture(source["path"])
    options = upscale.settle(options, picture)
    enlarged = upscale.enlarge(picture, options, report=work.report())
    folder = new_folder(request)
    # The result at full strength, uncompressed: the strength slider mixes from it without another run.
    np.save(folder / "pixels.npy", enlarged.pixels)
    if enlarged.alpha is not None:
        np.save(folder / "alpha.npy", enlarged.alpha)
    made = {
        "path": source["path"], "preview": source["preview"], "folder": str(folder), "settings": options,
        "seconds": time.monotonic() - started,
    }  # fmt: skip
    slider, info, download, recipe, made = _show(picture, enlarged, made, options, saving, work.language)
    return slider, info, download, recipe, gr.update(visible=True), made


@guarded
def remix(request: gr.Request, made: dict[str, Any] | None, strength: float, *saving: Any) -> tuple[Any, ...]:
    """The strength slider and the ways of saving: mix the last result anew, without the network."""
    if not made:
        return gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip()
    folder = Path(made["folder"])
    if not (folder / "pixels.npy").exists():
        raise EditingError("The result is no longer kept: press Run to make it again.")
    picture = read_picture(made["path"])
    alpha = None if picture.alpha is None else np.load(folder / "alpha.npy")
    enlarged = replace(picture, pixels=np.load(folder / "pixels.npy"), alpha=alpha)
    options = replace(made["settings"], strength=strength)
    return _show(picture, enlarged, made, options, saving, language_of(request))


def _show(
    picture: Picture, enlarged: Picture, made: dict[str, Any], options: UpscaleOptions, saving: tuple[Any, ...],
    language: str,
) -> tuple[Any, ...]:  # fmt: skip
    """Save the result once and give that same file to the slider and the download; the one before it goes."""
    result = upscale.mix(picture, enlarged, options.strength)
    recipe = upscale.recipe(options)
    # A folder for each version: a browser shows the file that it already has under an address.
    folder = Path(tempfile.mkdtemp(dir=made["folder"]))
    file, notices = _save(result, made["path"], folder, options, saving, recipe)
    before = made.get("before")
    if before is None:
        shown = not made["preview"] and picture.width * picture.height <= PREVIEW_PIXELS
        before = made["path"] if shown else str(preview(picture, Path(made["folder"])))
    after = _shown(result, file, saving)
    info = say(
        "done", language, width=result.width, height=result.height, seconds=duration(made["seconds"]),
        drift=f"{upscale.color_drift(picture, result):.2f}", size=size_text(file.stat().st_size), format=saving[0],
    ) + _noise(options, language)  # fmt: skip
    remarks = [translate(str(notice), language) for notice in notices]
    if after != file:
        remarks.append(say("preview_note", language))
    info += "".join(f"<br>{as_text(remark)}" for remark in remarks)
    if "version" in made:
        shutil.rmtree(made["version"], ignore_errors=True)
    slider = gr.update(value=(before, str(after)), label=T("result"))
    made = made | {"before": before, "version": str(folder)}
    return slider, info, gr.update(value=str(file), interactive=True), recipe, made


def _save(
    result: Picture, source: str, folder: Path, options: UpscaleOptions, saving: tuple[Any, ...], recipe: dict[str, Any]
) -> tuple[Path, tuple[Message, ...]]:
    """Write the result beside a name that says what was done to which picture."""
    file_format, strip, keep_gps = saving
    amount = f"{options.longest}px" if options.longest else f"x{options.scale}"
    dial = "" if options.strength == 1 else f"-s{round(options.strength * 100)}"
    file = folder / f"{Path(source).stem}-{options.model}-{amount}{dial}{SUFFIXES[file_format]}"
    return file, write_picture(result, file, strip=strip, keep_gps=keep_gps, recipe=recipe)


def _shown(result: Picture, file: Path, saving: tuple[Any, ...]) -> Path:
    """What the page shows of a result: its file, or a preview beside it where browsers can't show that, or slowly."""
    if saving[0] in ("PNG", "JPEG", "WebP") and result.width * result.height <= PREVIEW_PIXELS:
        return file
    return preview(result, file.parent)


def _run_many(
    files: list[str], options: UpscaleOptions, saving: tuple[Any, ...], request: gr.Request, progress: gr.Progress
) -> Iterator[tuple[Any, ...]]:
    """Each file on its own: one that fails says why and the rest go on; Stop keeps what is done."""
    language = language_of(request)
    done: list[Path] = []
    gallery: list[tuple[str, str]] = []  # what is shown of each, and its name
    rows = [[Path(file).name, ""] for file in files]
    folder = new_folder(request)
    with stoppable(request, progress) as work:
        for index, file in enumerate(files):
            started = time.monotonic()
            report = work.report(say("progress_file", language, index=index + 1, count=len(files)))
            own = folder / str(index)  # two files may have the same name
            own.mkdir()
            try:
                if is_clip(file):
                    report.frames = True
                    saved, clip = upscale_clips.run_in(own, file, ClipOptions(upscale=options), saving[1:], report)
                    gallery.append((str(saved), saved.name))
                    done.append(saved)
                    rows[index][1] = "✓ " + say(
                        "file_done", language, width=clip.width, height=clip.height,
                        seconds=duration(time.monotonic() - started),
                    )  # fmt: skip
                    yield gallery, _table(rows, language), gr.skip()
                    continue
                with runtime.job():
                    picture = read_picture(file)
                    settled = upscale.settle(options, picture)
                    result = upscale.upscale(picture, settled, report=report)
                    saved, _ = _save(result, file, own, settled, saving, upscale.recipe(settled))
                    gallery.append((str(_shown(result, saved, saving)), saved.name))
                done.append(saved)
                rows[index][1] = "✓ " + say(
                    "file_done", language, width=result.width, height=result.height,
                    seconds=duration(time.monotonic() - started),
                ) + _noise(settled, language)  # fmt: skip
            except Stopped:
                for row in rows[index:]:
                    row[1] = "– " + say("file_stopped", language)
                for part in own.glob("*.partial.*"):  # of a clip
                    done.append(part)
                    rows[index][1] = "– " + say("file_part", language)
                break
            except Exception as error:
                rows[index][1] = "✗ " + explain(error, language)
            yield gallery, _table(rows, language), gr.skip()
    archive = _zip(done, folder) if done else None
    zipped = gr.update(value=str(archive) if archive else None, interactive=archive is not None)
    yield gallery, _table(rows, language), zipped


def _table(rows: list[list[str]], language: str) -> dict[str, Any]:
    return {"headers": [say("file", language), say("outcome", language)], "data": rows}


def _zip(paths: list[Path], folder: Path) -> Path:
    """One archive of all results, stored as they are (they are compressed already); equal names get a number."""
    archive = folder / "atelier-upscaled.zip"
    used: set[str] = set()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for path in paths:
            name, number = path.name, 2
            while name in used:
                name, number = f"{path.stem}-{number}{path.suffix}", number + 1
            used.add(name)
            target.write(path, name)
    return archive


@guarded
def run_patch(request: gr.Request, progress: gr.Progress = gr.Progress(), *values: Any) -> tuple[Any, Any]:
    """Enlarge a patch round the point clicked last (or the middle), to judge the model before a long run."""
    language = language_of(request)
    source, point = values[:2]
    if not source:
        raise EditingError(say("no_picture", language))
    options = replace(_page_options(*values[2:]), longest=None)
    picture = read_picture(source["path"])
    options = upscale.settle(options, picture)  # the noise is that of the whole picture
    picture = _crop(picture, point or (0.5, 0.5))
    with job(request, progress) as work:
        started = time.monotonic()
        enlarged = upscale.enlarge(picture, options, report=work.report())
        folder = new_folder(request)
        before, after = folder / "patch-before.png", folder / "patch-after.png"
        write_picture(upscale.mix(picture, enlarged, 0), before)
        write_picture(upscale.mix(picture, enlarged, options.strength), after)
        seconds = duration(time.monotonic() - started)
    slider = gr.update(value=(str(before), str(after)), label=T("patch_result"))
    done = say("patch_done", language, width=picture.width, height=picture.height, seconds=seconds)
    return slider, done + _noise(options, language)


def _crop(picture: Picture, point: tuple[float, float]) -> Picture:
    """At most ``PATCH`` x ``PATCH`` pixels round a point given in fractions, inside the picture."""
    left, top = (
        max(0, min(round(fraction * size - PATCH / 2), size - PATCH))
        for fraction, size in zip(point, (picture.width, picture.height), strict=True)
    )
    rows, columns = slice(top, top + PATCH), slice(left, left + PATCH)
    alpha = None if picture.alpha is None else picture.alpha[rows, columns]
    return replace(picture, pixels=picture.pixels[rows, columns], alpha=alpha)


# The API


@guarded
def upscale_endpoint(
    file: str | None, model: str, scale: int, strength: float, longest: float, precision: str, tile: float,
    color_lock: bool, file_format: str, strip: bool, keep_gps: bool, sigma: str,
    request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """Enlarge or clean one picture; returns the file and the facts: size, seconds, colour drift, recipe.

    ``sigma``, for denoisers: how strong the noise is, 0 to 75 of 255; "auto" tells it from the picture.
    """
    if not file:
        raise EditingError("No picture was sent: give a file.")
    options = _options(model, scale, strength, longest, precision, tile, color_lock)
    options = replace(options, sigma=sigma)  # type: ignore[arg-type]
    started = time.monotonic()
    with job(request, progress) as work:
        picture = read_picture(file)
        options = upscale.settle(options, picture)
        result = upscale.upscale(picture, options, report=work.report())
    recipe = upscale.recipe(options)
    saved, notices = _save(result, file, new_folder(request), options, (file_format, strip, keep_gps), recipe)
    return str(saved), {
        "width": result.width,
        "height": result.height,
        "seconds": round(time.monotonic() - started, 3),
        "color_drift": round(upscale.color_drift(picture, result), 4),
        "notices": [str(notice) for notice in (*picture.notices, *notices)],
        "recipe": recipe,
    }


@guarded
def clip_endpoint(
    file: str | None, steady: float, clip_format: str, strip: bool, keep_gps: bool, model: str, scale: int,
    strength: float, longest: float, precision: str, tile: float, color_lock: bool, sigma: str,
    request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """Enlarge or clean one clip; returns the file and the facts: size, frames, length in seconds, notices, recipe."""

    def options() -> ClipOptions:
        made = _options(model, scale, strength, longest, precision, tile, color_lock)
        return ClipOptions(upscale=replace(made, sigma=sigma), steady=float(steady))  # type: ignore[arg-type]

    return upscale_clips.endpoint(file, options, clip_format, strip, keep_gps, request, progress)


@guarded
def estimate_endpoint(
    file: str | None, model: str, scale: int, strength: float, longest: float, precision: str, tile: float,
    color_lock: bool, request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    """What enlarging this picture will take on this machine: seconds, peak bytes, bytes free, tiles, size."""
    if not file:
        raise EditingError("No picture was sent: give a file.")
    header = probe_picture(file)
    options = _options(model, scale, strength, longest, precision, tile, color_lock)
    return asdict(upscale.estimate(header.width, header.height, options))
