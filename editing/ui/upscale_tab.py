"""The Upscale tab: one picture with a live comparison, or several with a zip; and the same on the API."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from editing import messages, runtime
from editing.clips.read import is_clip, probe_clip
from editing.costs import Estimate
from editing.errors import EditingError, ImageError, Stopped
from editing.options import SCALES, ClipOptions, ClipSaveOptions, SaveOptions, UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import clips, upscale
from editing.ui import fields, results, upscale_clips
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
    job,
    known,
    memory_warning,
    new_folder,
    owned,
    request_stop,
    size_text,
    stoppable,
)
from editing.ui.results import Kept, Source
from editing.ui.translations import T, language_of, say
from editing.ui.upscale_clips import ClipSource

PATCH = 128
SETTINGS = ("model", "scale", "strength", "longest", "precision", "tile", "color_lock")


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """What the estimate and the Run button look at, as the page has it: one of the three, by ``mode``."""

    mode: str = "one"
    source: Source | None = None
    files: list[str] | None = None
    clip: ClipSource | None = None


def build() -> gr.Image:
    """Add the tab to the page being built; gives the component that takes a picture, for other tabs to send one."""
    with gr.Tab(T("tab_upscale"), id="upscale"), gr.Row():
        with gr.Column(min_width=320):
            with gr.Tabs():
                with gr.Tab(T("one_picture"), id="one") as one:
                    picture = results.picture_input(AnyImage, "upscale-input", label=T("input"), height=320)
                    use_recipe = gr.Button(T("recipe_use"), visible=False, size="sm", elem_id="upscale-use-recipe")
                    results.examples(picture)
                with gr.Tab(T("several_pictures"), id="several") as several:
                    files = gr.File(
                        label=T("inputs"), file_count="multiple", type="filepath", height=320, elem_id="upscale-files"
                    )
                with gr.Tab(T("clip"), id="clip") as clip_tab:
                    clip = gr.File(
                        label=T("clip_input"), type="filepath", file_types=upscale_clips.ACCEPTED, height=180,
                        elem_id="upscale-clip",
                    )  # fmt: skip
                    steady = fields.field(
                        ClipOptions, "steady", value=clips.usual_steady("auto"), elem_id="upscale-steady"
                    )
                    clip_format = fields.field(
                        ClipSaveOptions, "format", unset=T("clip_format_same"), elem_id="upscale-clip-format"
                    )
            model = fields.field(
                UpscaleOptions, "model", choices=fields.models(*upscale.TASKS), value=upscale.named("auto"), info=None,
                elem_id="upscale-model",
            )  # fmt: skip
            scale = fields.field(
                UpscaleOptions, "scale", value=max(SCALES), info=T("scale_info"), elem_id="upscale-scale"
            )
            # For denoisers alone, which in turn have no scale.
            sigma_auto = gr.Checkbox(
                True, label=T("sigma_auto"), info=T("sigma_auto_info"), visible=False, elem_id="upscale-sigma-auto"
            )
            sigma = fields.field(
                UpscaleOptions, "sigma", value=25, info=T("sigma_info"), visible=False, elem_id="upscale-sigma"
            )
            with gr.Accordion(T("advanced"), open=False):
                longest = fields.field(UpscaleOptions, "longest", elem_id="upscale-longest")
                precision = fields.field(UpscaleOptions, "precision")
                tile = fields.field(UpscaleOptions, "tile", elem_id="upscale-tile")
                color_lock = fields.field(UpscaleOptions, "color_lock", info=None)
                saving = results.saving_controls("upscale")
            cost = gr.Markdown(T("waiting"), elem_id="upscale-estimate")
            with gr.Row():
                run = gr.Button(T("run"), variant="primary", elem_id="upscale-run")
                stop = gr.Button(T("stop"), elem_id="upscale-stop", min_width=80)
            with gr.Column() as patch_box:
                patch = gr.Button(T("patch"), size="sm", elem_id="upscale-patch")
                patch_at = gr.Markdown(T("patch_info"), elem_id="upscale-patch-at", elem_classes="hint")
            # The API's own ends: the page's are made for looking at.
            api_file = gr.File(visible=False, type="filepath")
            api_result, api_facts = gr.File(visible=False), gr.JSON(visible=False)
            api_model = fields.parameter(
                UpscaleOptions, "model", choices=["auto", *fields.models(*upscale.TASKS)]
            )  # fmt: skip
            api_settings = {"model": api_model, **fields.parameters(UpscaleOptions, *SETTINGS[1:])}
            api_sigma = fields.parameters(UpscaleOptions, "sigma")
            api_saving = results.saving_parameters()
            api_clip_saving = {
                "clip_format": fields.parameter(ClipSaveOptions, "format", value=""),
                "strip": api_saving["strip"], "keep_gps": api_saving["keep_gps"],
            }  # fmt: skip
            api_steady = fields.parameters(ClipOptions, "steady")
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
            strength = fields.field(UpscaleOptions, "strength", live=True, elem_id="upscale-strength")
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
            source = gr.State()  # a Source
            clip_source = gr.State()  # a ClipSource
            mode = gr.State("one")
            point = gr.State()  # where the picture was clicked last, as fractions of its width and height
            kept = gr.State()  # the last run, a Kept

    settings = {
        "model": model, "scale": scale, "strength": strength, "longest": longest, "precision": precision, "tile": tile,
        "color_lock": color_lock, "sigma_auto": sigma_auto, "sigma": sigma,
    }  # fmt: skip
    given = {"mode": mode, "source": source, "files": files, "clip": clip_source}
    result = {"slider": slider, "info": info, "download": download, "recipe": recipe, "kept": kept}
    estimating: dict[str, Any] = {
        **by_name(show_estimate, {"given": given, "settings": settings}, {"cost": cost}),
        "show_progress": "minimal", "concurrency_limit": None, **HIDDEN,
    }  # fmt: skip

    looking = {"source": source, "picture": picture, "point": point, "patch_at": patch_at, "use_recipe": use_recipe}
    picture.change(
        **by_name(inspect, {"path": picture, "source": source}, looking), show_progress="hidden", **HIDDEN
    ).then(**estimating)
    clip.change(
        **by_name(upscale_clips.look, {"path": clip}, {"source": clip_source, "clip": clip}), show_progress="hidden",
        **HIDDEN,
    ).then(**estimating)  # fmt: skip
    gr.on([part.change for part in (files, model, scale, longest, precision, tile, sigma_auto)], **estimating)
    gr.on(
        [model.change, sigma_auto.change],
        **by_name(
            show_controls, {"model": model, "sigma_auto": sigma_auto},
            {"scale": scale, "sigma_auto": sigma_auto, "sigma": sigma},
        ),
        show_progress="hidden", **HIDDEN,
    )  # fmt: skip
    model.change(**by_name(show_steady, {"model": model}, {"steady": steady}), show_progress="hidden", **HIDDEN)
    for tab, name in ((one, "one"), (several, "several"), (clip_tab, "clip")):
        tab.select(
            lambda name=name: (
                name, *[gr.update(visible=name == "one")] * 3,
                *[gr.update(visible=name == other) for other in ("several", "clip")],
                gr.update(info=T("UpscaleOptions_strength_live" if name == "one" else "UpscaleOptions_strength_about")),
            ),
            None, [mode, one_result, one_facts, patch_box, many_result, clip_result, strength], **QUICK,
        ).then(**estimating)  # fmt: skip
    picture.select(**by_name(remember_point, {"source": source}, {"point": point, "patch_at": patch_at}), **QUICK)
    use_recipe.click(**by_name(settings_of_recipe, {"source": source}, settings), **QUICK)

    run.click(
        **by_name(
            run_page, {"given": given, "settings": settings, "saving": saving, "last": kept},
            {**result, "recipe_box": recipe_box, "gallery": gallery, "table": table, "archive": archive},
        ),
        show_progress_on=[slider, gallery], **COMPUTE, **HIDDEN,
    )  # fmt: skip
    clip_saving = {"format": clip_format, "strip": saving["strip"], "keep_gps": saving["keep_gps"]}
    run.click(
        **by_name(
            run_clip, {"given": given, "settings": settings, "steady": steady, "saving": clip_saving},
            {"video": video, "moving": moving, "info": clip_info, "download": clip_download},
        ),
        show_progress_on=[video, moving], **COMPUTE, **HIDDEN,
    )  # fmt: skip
    patch.click(
        **by_name(
            run_patch, {"source": source, "point": point, "settings": settings}, {"slider": slider, "info": info}
        ),
        show_progress_on=slider, **COMPUTE, **HIDDEN,
    )  # fmt: skip
    # Another strength, or another way of saving, needs no second run.
    gr.on(
        [strength.release, *(part.change for part in saving.values())],
        **by_name(remix, {"kept": kept, "strength": strength, "saving": saving}, result), **MIXING,
    )  # fmt: skip
    stop.click(request_stop, None, None, queue=False, show_progress="hidden", **HIDDEN)

    answers = {"file": api_result, "facts": api_facts}
    api_upscale.click(
        **by_name(upscale_endpoint, {"file": api_file, **api_settings, **api_saving, **api_sigma}, answers),
        api_name="upscale", **COMPUTE,
    )  # fmt: skip
    api_clip.click(
        **by_name(
            clip_endpoint, {"file": api_file, **api_steady, **api_clip_saving, **api_settings, **api_sigma}, answers
        ),
        api_name="upscale_clip", **COMPUTE,
    )  # fmt: skip
    api_estimate.click(
        **by_name(estimate_endpoint, {"file": api_file, **api_settings}, {"facts": api_facts}), api_name="estimate"
    )
    return picture


def _options(given: Mapping[str, Any], **more: Any) -> UpscaleOptions:
    """What the page's components or an API's call hold, as options of a model that is there."""
    options = fields.read(UpscaleOptions, given, **more)
    known(upscale.named(options.model), *upscale.TASKS)
    return options


def _page_options(settings: Mapping[str, Any]) -> UpscaleOptions:
    """As :func:`_options`; what stands in controls that are hidden for the model doesn't count."""
    options = _options(settings)
    told = upscale.takes_sigma(options.model) and not settings["sigma_auto"]
    scale = None if known(options.model).task == "clean" else options.scale
    return replace(options, scale=scale, sigma=(options.sigma or 0.0) if told else None)


@guarded
def show_controls(*, model: str, sigma_auto: bool, request: gr.Request) -> dict[str, Any]:
    """The scale for models that enlarge, the noise level for those that are told it."""
    clean, told = known(model, *upscale.TASKS).task == "clean", upscale.takes_sigma(model)
    return {
        "scale": gr.update(visible=not clean), "sigma_auto": gr.update(visible=told),
        "sigma": gr.update(visible=told and not sigma_auto),
    }  # fmt: skip


@guarded
def show_steady(*, model: str, request: gr.Request) -> dict[str, Any]:
    """How steady clips are made where nobody says, for another model."""
    return {"steady": clips.usual_steady(model)}


# Looking at what was given


@guarded
def inspect(*, path: str | None, source: Source | None, request: gr.Request) -> dict[str, Any]:
    """Look at a new picture: refuse it with a reason, or remember it and show a preview where browsers can't."""
    if results.told_again(path, source):
        return {}
    source, _, changes = results.look(path, "upscale", request)
    if source and is_clip(source.path):
        gr.Info(say("clip_hint", language_of(request)))
    return changes | {"point": None, "patch_at": T("patch_info")}


def remember_point(*, source: Source | None, event: gr.SelectData, request: gr.Request) -> dict[str, Any]:
    """Where the picture was clicked, as fractions of its width and height, and in words."""
    if not source:
        return {}
    across, down = (at / side for at, side in zip(event.index, source.shown, strict=True))
    place = {"x": round(across * source.width), "y": round(down * source.height)}
    return {"point": (across, down), "patch_at": say("patch_at", language_of(request), **place)}


@guarded
def settings_of_recipe(*, source: Source | None, request: gr.Request) -> dict[str, Any]:
    """The settings with which the given picture was made."""
    made = results.options_of_recipe(source, UpscaleOptions)
    known(upscale.named(made.model), *upscale.TASKS)
    values = {name: getattr(made, name) for name in SETTINGS} | {"model": upscale.named(made.model)}
    values |= {"scale": made.scale or max(SCALES), "sigma_auto": made.sigma is None}
    return values if made.sigma is None else values | {"sigma": made.sigma}


@guarded
def show_estimate(*, given: Mapping[str, Any], settings: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
    """Seconds and peak memory for what is given now; a problem with the settings stands in the same place."""
    language, now = language_of(request), Given(**given)
    if not {"one": now.source, "several": now.files, "clip": now.clip}[now.mode]:
        return {"cost": T("waiting_clip") if now.mode == "clip" else T("waiting")}
    try:
        return {"cost": _estimate(now, _page_options(settings), language)}
    except Exception as error:
        return {"cost": "⚠ " + as_text(explain(error, language))}


def _estimate(now: Given, options: UpscaleOptions, language: str) -> str:
    if now.mode == "clip" and now.clip:
        line, result = upscale_clips.estimate(now.clip, options, language)
        return line + memory_warning(result, language)
    if now.mode == "several":
        return _estimate_many(now.files or [], options, language)
    source = results.given(now.source)
    result = upscale.estimate(source.width, source.height, options, alpha=source.alpha)
    if upscale.takes_sigma(options.model):
        options = upscale.settle(options, read_picture(source.path))
    return say(
        "estimate", language, width=source.width, height=source.height, out_width=result.width,
        out_height=result.height, seconds=duration(result.seconds), memory=size_text(result.memory),
        free=size_text(result.free), tiles=result.tiles,
    ) + _noise(options, language) + memory_warning(result, language)  # fmt: skip


def _noise(options: UpscaleOptions, language: str) -> str:
    """How strong the noise is that a denoiser is told of; nothing for other models."""
    return "" if options.sigma is None else say("noise_level", language, sigma=f"{options.sigma:.1f}")


def _estimate_of(file: str, options: UpscaleOptions) -> Estimate:
    """Of a picture or clip in a file; transparency counts twice."""
    if is_clip(file):
        return clips.estimate(probe_clip(file), ClipOptions(upscale=options))
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
    *, given: Mapping[str, Any], settings: Mapping[str, Any], saving: Mapping[str, Any], last: Kept | None,
    request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The Run button: one picture, or each of several."""
    now = Given(**given)
    if now.mode == "clip":
        return  # run_clip does it
    options, ways = _page_options(settings), fields.read(SaveOptions, saving)
    if now.mode == "several":
        if not now.files:
            raise EditingError(messages.NO_PICTURE)
        yield from _run_many(now.files, options, ways, request, progress)
        return
    source = results.given(now.source)
    if results.stale(source, request):
        return
    with job(request, progress, source.path) as work:
        started = time.monotonic()
        picture = read_picture(source.path)
        options = upscale.settle(options, picture)
        enlarged = upscale.enlarge(picture, options, report=work.report())
        if results.stale(source, request):
            return
        kept = results.keep_result(
            source, picture, options, time.monotonic() - started, new_folder(request), pixels=enlarged.pixels,
            alpha=enlarged.alpha,
        )  # fmt: skip
        outputs = _show(kept, picture, enlarged, options, ways, work.language)
    yield outputs | {"recipe_box": gr.update(visible=True)}
    results.forget(last)


@guarded
def run_clip(
    *, given: Mapping[str, Any], settings: Mapping[str, Any], steady: object, saving: Mapping[str, Any],
    request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """The Run button over a clip: the enlarged one, or as much of it as was done when Stop was pressed."""
    now = Given(**given)
    if now.mode != "clip":
        return {}  # run_page does it
    options = fields.read(ClipOptions, {"steady": steady}, upscale=_page_options(settings))
    return upscale_clips.run_page(now.clip, options, fields.read(ClipSaveOptions, saving), request, progress)


@guarded
def remix(*, kept: Kept | None, strength: object, saving: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
    """The strength slider and the ways of saving: mix the last result anew, without the network."""
    if not kept:
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
        kept, result, upscale.recipe(options), saving, language, ending=_ending(options),
        line=lambda facts: say("done", language, drift=drift, **facts) + _noise(options, language),
    )  # fmt: skip


def _ending(options: UpscaleOptions) -> str:
    """For the result's name: what was done."""
    amount = f"{options.longest}px" if options.longest else f"x{options.scale}"
    return f"{options.model}-{amount}" + ("" if options.strength == 1 else f"-s{round(options.strength * 100)}")


def _run_many(
    files: list[str], options: UpscaleOptions, saving: SaveOptions, request: gr.Request, progress: gr.Progress
) -> Iterator[dict[str, Any]]:
    """Each file on its own: one that fails says why and the rest go on; Stop keeps what is done."""
    language = language_of(request)
    done: list[Path] = []
    gallery: list[tuple[str, str]] = []  # what is shown of each, and its name
    rows = [[Path(file).name, ""] for file in files]
    folder = new_folder(request)
    places = [folder / str(index) for index in range(len(files))]  # two files may have the same name
    for place in places:
        (place / "given").mkdir(parents=True)
    # Uploads would be gone before the last one's turn comes.
    files = [owned(file, place / "given") for file, place in zip(files, places, strict=True)]
    with stoppable(request, progress, *places) as work:
        for index, (file, place) in enumerate(zip(files, places, strict=True)):
            started = time.monotonic()
            prefix = say("progress_file", language, index=index + 1, count=len(files))
            try:
                if is_clip(file):
                    report = work.report(prefix, counting="frames")
                    ways = ClipSaveOptions(strip=saving.strip, keep_gps=saving.keep_gps)
                    saved, clip = upscale_clips.run_in(place, file, ClipOptions(upscale=options), ways, report)
                    gallery.append((str(saved), saved.name))
                    width, height, noise = clip.width, clip.height, ""
                else:
                    with runtime.job():
                        picture = read_picture(file)
                        settled = upscale.settle(options, picture)
                        result = upscale.upscale(picture, settled, report=work.report(prefix))
                        recipe = upscale.recipe(settled)
                        saved, _ = results.save(result, file, _ending(settled), place, saving, recipe)
                        gallery.append((str(results.viewed(result, saved)), saved.name))
                    width, height, noise = result.width, result.height, _noise(settled, language)
                done.append(saved)
                seconds = duration(time.monotonic() - started)
                rows[index][1] = "✓ " + say("file_done", language, width=width, height=height, seconds=seconds) + noise
            except Stopped:
                for row in rows[index:]:
                    row[1] = "– " + say("file_stopped", language)
                for part in place.glob("*.partial.*"):  # of a clip
                    done.append(part)
                    rows[index][1] = "– " + say("file_part", language)
                break
            except Exception as error:
                rows[index][1] = "✗ " + explain(error, language)
            yield {"gallery": gallery, "table": _table(rows, language)}
    archive = _zip(done, folder) if done else None
    zipped = gr.update(value=str(archive) if archive else None, interactive=archive is not None)
    yield {"gallery": gallery, "table": _table(rows, language), "archive": zipped}


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
def run_patch(
    *, source: Source | None, point: tuple[float, float] | None, settings: Mapping[str, Any], request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """Enlarge a patch round the point clicked last (or the middle), to judge the model before a long run."""
    source = results.given(source)
    options = replace(_page_options(settings), longest=None)
    picture = read_picture(source.path)
    options = upscale.settle(options, picture)  # the noise is that of the whole picture
    picture = _crop(picture, point or (0.5, 0.5))
    with job(request, progress, source.path) as work:
        started = time.monotonic()
        enlarged = upscale.enlarge(picture, options, report=work.report())
        if results.stale(source, request):
            return {}
        folder = new_folder(request)
        before, after = folder / "patch-before.png", folder / "patch-after.png"
        write_picture(upscale.mix(picture, enlarged, 0), before)
        write_picture(upscale.mix(picture, enlarged, options.strength), after)
        seconds = duration(time.monotonic() - started)
    done = say("patch_done", work.language, width=picture.width, height=picture.height, seconds=seconds)
    return {
        "slider": gr.update(value=(str(before), str(after)), label=T("patch_result")),
        "info": done + _noise(options, work.language),
    }


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
        result = upscale.upscale(picture, options, report=work.report())
    recipe = upscale.recipe(options)
    saved, notices = results.save(result, path, _ending(options), new_folder(request), saving, recipe)
    drift = round(upscale.color_drift(picture, result), 4)
    return {"file": str(saved), "facts": results.facts_of(result, started, notices, recipe, color_drift=drift)}


@guarded
def clip_endpoint(
    *, file: str | None, clip_format: object, request: gr.Request, progress: gr.Progress = gr.Progress(), **given: Any
) -> dict[str, Any]:
    """Enlarge or clean one clip; returns the file and the facts: size, frames, length in seconds, notices, recipe."""
    if not file:
        raise EditingError(messages.NO_CLIP_SENT)
    saving = fields.read(ClipSaveOptions, {**given, "format": clip_format})
    options = fields.read(ClipOptions, given, upscale=_options(given))
    return upscale_clips.endpoint(file, options, saving, request, progress)


@guarded
def estimate_endpoint(*, file: str | None, request: gr.Request, **given: Any) -> dict[str, Any]:
    """What enlarging this picture will take on this machine: seconds, peak bytes, bytes free, tiles, size."""
    if not file:
        raise EditingError(messages.NO_PICTURE_SENT)
    return {"facts": asdict(_estimate_of(file, _options(given)))}
