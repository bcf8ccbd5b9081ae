"""The Generate tab: a grid of seeds, a mix of two, a walk along several, trainings to look at; and the API's part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from editing import messages
from editing.clips.write import WALK_SUFFIXES, check_walk, write_walk
from editing.errors import EditingError, ImageError, OptionError
from editing.options import SIZES, WALK_FRAMES, DrawnSaveOptions, GenerateOptions, UpscaleOptions, WalkOptions
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import generate, upscale
from editing.pipelines.generate import LoadedGenerator, Sample
from editing.report import Report, silent
from editing.ui import fields, run_viewer
from editing.ui.gradio_hacks import AnyRadio, by_name
from editing.ui.handlers import (
    COMPUTE,
    HIDDEN,
    QUICK,
    Job,
    guarded,
    job,
    known,
    new_folder,
    request_stop,
    warn,
)
from editing.ui.translations import T, language_of, say

MOST = 36  # pictures in the grid; more are for the command
DIRECTIONS = 8  # sliders; what a generator has beyond these only the command line offers
STEEP = 3.0  # beyond, pictures fall apart
FRAMES = 240  # of a walk on the page
LARGE = 256  # what SIZES[1] says
WAYS = ("grid", "mix", "walk", "runs")
# The best way that ships; a repairer of faces will be a better one.
ENLARGED = UpscaleOptions(model="photo", longest=LARGE)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A picture on the page: its file (with recipe), and what it takes to draw it again."""

    path: str
    options: GenerateOptions
    novelty: float | None
    side: int  # in pixels, as drawn


def available() -> list[tuple[str, str]]:
    """Label and name of every generator that is there; the tab is not shown where there is none."""
    return fields.models("generate")


def build(tabs: gr.Tabs, upscale_picture: gr.Image) -> None:
    """Add the tab to the page being built; "Send to Upscale" puts a picture into ``upscale_picture``."""
    models = available()
    with gr.Tab(T("tab_generate"), id="generate"), gr.Row():
        with gr.Column(min_width=320):
            with gr.Tabs() as ways:
                with gr.Tab(T("generate_grid"), id="grid") as grid_tab:
                    seed = fields.field(GenerateOptions, "seed", info=T("seed_info"), elem_id="generate-seed")
                    count = gr.Slider(
                        1, MOST, 16, step=1, label=T("GenerateOptions_count"), elem_id="generate-count"
                    )  # fmt: skip
                    dice = gr.Button(T("generate_dice"), size="sm", elem_id="generate-dice")
                with gr.Tab(T("generate_mix"), id="mix") as mix_tab:
                    with gr.Row():
                        first, second = (
                            fields.field(
                                GenerateOptions, "seed", value=value, label=label, info=None, min_width=120,
                                elem_id=f"generate-{place}",
                            )
                            for value, label, place in (
                                (1, T("seed_first"), "first"), (2, T("seed_second"), "second")
                            )
                        )  # fmt: skip
                    amount = fields.field(GenerateOptions, "mix", info=T("mix_info"), elem_id="generate-mix")
                    dice_pair = gr.Button(T("generate_dice_pair"), size="sm")
                with gr.Tab(T("generate_walk"), id="walk") as walk_tab:
                    usual = WalkOptions()
                    first_walk = ", ".join(map(str, usual.seeds))
                    seeds = fields.field(
                        WalkOptions, "seeds", value=first_walk, max_lines=1, elem_id="generate-seeds"
                    )  # fmt: skip
                    dice_walk = gr.Button(T("generate_dice_walk"), size="sm")
                    frames = gr.Slider(
                        WALK_FRAMES[0], FRAMES, usual.frames, step=1, label=T("WalkOptions_frames"),
                        elem_id="generate-frames",
                    )  # fmt: skip
                    fps = fields.field(DrawnSaveOptions, "fps", step=1, info=None)
                    loop = fields.field(WalkOptions, "loop")
                with gr.Tab(T("trainings"), id="runs", visible=bool(run_viewer.names())) as runs_tab:
                    run_name = run_viewer.build_choice()
            with gr.Column() as settings_column:
                model = fields.field(
                    GenerateOptions, "model", choices=models, value=models[0][1], info=None, visible=len(models) > 1,
                    elem_id="generate-model",
                )  # fmt: skip
                truncation = fields.field(GenerateOptions, "truncation", elem_id="generate-truncation")
                with gr.Accordion(T("directions"), open=False):
                    gr.Markdown(T("directions_info"))
                    directions = [
                        gr.Slider(-STEEP, STEEP, 0, step=0.1, label=label, elem_id=f"direction-{number}")
                        for number, label in enumerate(_direction_labels(), 1)
                    ]
                    level = gr.Button(T("directions_level"), size="sm")
                size = fields.field(
                    DrawnSaveOptions, "size", info=T("size_info"), elem_id="generate-size",
                    choices=[(T("size_native"), SIZES[0]), (T("size_large"), SIZES[1])],
                )  # fmt: skip
                with gr.Row():
                    run = gr.Button(T("draw"), variant="primary", elem_id="generate-run")
                    stop = gr.Button(T("stop"), elem_id="generate-stop", min_width=80)
                restore = gr.UploadButton(
                    T("generate_restore"), file_types=["image"], size="sm", elem_id="generate-restore"
                )
                note = gr.Markdown(_note(models[0][1]), elem_id="generate-note")
            # The API's own ends, for what the page shows in another way.
            api_shared = {
                **fields.parameters(GenerateOptions, "truncation"),
                "model": fields.parameter(GenerateOptions, "model", choices=models, value=models[0][1]),
                **fields.parameters(DrawnSaveOptions, "size"),
                "directions": gr.JSON([], visible=False),
            }  # fmt: skip
            api_drawing = {
                **fields.parameters(GenerateOptions, "seed"),
                "count": fields.parameter(GenerateOptions, "count", value=count.value), **api_shared,
                "mix_seed": fields.parameter(GenerateOptions, "mix_seed", value=0),
                "mix": fields.parameter(GenerateOptions, "mix", value=0),
            }  # fmt: skip
            api_walking = {
                "seeds": fields.parameter(WalkOptions, "seeds", value=first_walk),
                **fields.parameters(WalkOptions, "frames"),
                **fields.parameters(DrawnSaveOptions, "fps"),
                **fields.parameters(WalkOptions, "loop"), **api_shared,
                "file_format": AnyRadio([suffix[1:] for suffix in WALK_SUFFIXES], value="webp", visible=False),
            }  # fmt: skip
            api_files = gr.File(visible=False, file_count="multiple")
            api_clip, api_facts = gr.File(visible=False), gr.JSON(visible=False)
            api_generate, api_walk = gr.Button(visible=False), gr.Button(visible=False)
        with gr.Column(min_width=320, scale=2):
            with gr.Column() as grid_result:
                gallery = gr.Gallery(
                    label=T("generate_grid"), show_label=False, columns=6, object_fit="contain", height="auto",
                    allow_preview=False, interactive=False, buttons=[], elem_id="generate-gallery",
                    elem_classes="drawn",
                )  # fmt: skip
            with gr.Column(visible=False) as mix_result:
                trio = gr.Gallery(
                    label=T("generate_mix"), show_label=False, columns=3, object_fit="contain", height="auto",
                    allow_preview=False, interactive=False, buttons=[], elem_id="generate-trio", elem_classes="drawn",
                )  # fmt: skip
            with gr.Column(visible=False) as walk_result:
                player = gr.Image(
                    label=T("generate_walk"), type="filepath", interactive=False, height=280, buttons=[],
                    elem_id="generate-player", elem_classes="drawn",
                )  # fmt: skip
                with gr.Row():
                    webp = gr.DownloadButton(T("download_webp"), interactive=False, elem_id="generate-webp")
                    mp4 = gr.DownloadButton(T("download_mp4"), interactive=False, elem_id="generate-mp4")
                scrubber = gr.Slider(
                    1, 2, 1, step=1, label=T("walk_frame"), visible=False, buttons=[], elem_id="generate-scrubber"
                )
            with gr.Row(visible=False) as panel:
                picture = gr.Image(
                    label=T("generate_chosen"), type="filepath", interactive=False, height=280, buttons=[],
                    elem_id="generate-picture", elem_classes="drawn",
                )  # fmt: skip
                with gr.Column(min_width=240):
                    info = gr.Markdown(elem_id="generate-info")
                    download = gr.DownloadButton(T("download"), interactive=False, elem_id="generate-download")
                    send = gr.Button(T("send_upscale"), elem_id="generate-send")
                    with gr.Accordion(T("recipe"), open=False):
                        recipe = gr.JSON(show_label=False, elem_id="generate-recipe")
            with gr.Column(visible=False) as runs_result:
                run_viewer.build_view(run_name)
            # In here, since Gradio takes what lies beside a tab for a tab.
            mode = gr.State("grid")
            names = [gr.State(name) for name in WAYS]
            drawn, mixed, walked = gr.State([]), gr.State([]), gr.State([])  # of Drawn, what each way shows
            chosen = gr.State({})  # way -> the Drawn in the panel

    own = {
        "seed": seed, "count": count, "first": first, "second": second, "mix": amount, "seeds": seeds,
        "frames": frames, "fps": fps, "loop": loop,
    }  # fmt: skip
    settings = {"model": model, "size": size, "truncation": truncation, "directions": directions}
    way = {"mode": mode, "chosen": chosen, "size": size}
    in_panel = {
        "panel": panel, "picture": picture, "info": info, "download": download, "recipe": recipe, "chosen": chosen
    }  # fmt: skip
    showing = {
        "gallery": gallery, "drawn": drawn, "trio": trio, "mixed": mixed, "player": player, "webp": webp, "mp4": mp4,
        "scrubber": scrubber, "walked": walked, **in_panel,
    }  # fmt: skip
    asking = {"mode": mode, "chosen": chosen, "own": own, "settings": settings}
    drawing: dict[str, Any] = {
        **by_name(run_page, asking, showing), "show_progress_on": [gallery, trio, player], **COMPUTE, **HIDDEN
    }  # fmt: skip
    # The panel shows a picture as drawn at once; enlarging it waits for the machine.
    enlarging: dict[str, Any] = {
        **by_name(enlarge_chosen, way, in_panel), "show_progress": "minimal", "show_progress_on": picture,
        **COMPUTE, **HIDDEN,
    }  # fmt: skip

    for tab, name in zip((grid_tab, mix_tab, walk_tab, runs_tab), names, strict=True):
        tab.select(
            **by_name(
                show_way, {**way, "mode": name},
                {"mode": mode, "grid": grid_result, "mix": mix_result, "walk": walk_result, "runs": runs_result,
                 "settings": settings_column, **in_panel},
            ),
            **QUICK,
        )  # fmt: skip
    run.click(**drawing).then(**enlarging)
    stop.click(request_stop, None, None, queue=False, show_progress="hidden", **HIDDEN)
    dice.click(lambda: _dice(1)[0], None, seed, **QUICK).then(**drawing).then(**enlarging)
    dice_pair.click(lambda: tuple(_dice(2)), None, [first, second], **QUICK).then(**drawing).then(**enlarging)
    dice_walk.click(lambda: ", ".join(map(str, _dice(4))), None, seeds, **QUICK)
    gr.on(
        [seed.submit, first.submit, second.submit, seeds.submit, amount.release], **drawing
    ).then(**enlarging)  # fmt: skip
    # Sliders redraw what is shown already; a walk waits for the button.
    redrawing = drawing | by_name(redraw, asking, showing) | {"show_progress": "hidden"}
    gr.on([slider.release for slider in (truncation, *directions)], **redrawing).then(**enlarging)
    level.click(lambda: [0.0] * DIRECTIONS, None, directions, **QUICK).then(**redrawing).then(**enlarging)
    sliders = {f"direction_{number}": slider for number, slider in enumerate(directions, 1)}
    model.change(**by_name(show_model, {"model": model}, {"note": note, **sliders}), **QUICK)
    restore.upload(
        **by_name(
            restore_settings, {"path": restore},
            {"ways": ways, **own, "model": model, "size": size, "truncation": truncation, **sliders},
        ),
        **QUICK,
    )  # fmt: skip
    for view, state in ((gallery, drawn), (trio, mixed)):
        view.select(**by_name(choose, {"drawn": state, **way}, in_panel), **QUICK).then(**enlarging)
    size.change(**by_name(show_chosen, way, in_panel), **QUICK).then(**enlarging)
    scrubber.input(
        **by_name(scrub, {"walked": walked, "frame": scrubber, "chosen": chosen, "size": size}, in_panel),
        trigger_mode="always_last", **QUICK,
    ).then(**enlarging)  # fmt: skip
    send.click(**by_name(send_to_upscale, way, {"picture": upscale_picture, "tabs": tabs}), **QUICK)
    gr.on(None, lambda: gr.update(visible=bool(run_viewer.names())), None, runs_tab, **QUICK)

    api_generate.click(
        **by_name(generate_endpoint, api_drawing, {"files": api_files, "facts": api_facts}), api_name="generate",
        **COMPUTE,
    )  # fmt: skip
    api_walk.click(
        **by_name(walk_endpoint, api_walking, {"clip": api_clip, "facts": api_facts}), api_name="walk", **COMPUTE
    )


def _direction_labels() -> tuple[Any, ...]:
    """By number alone: what a direction changes is for the eye to say, and nothing about people's traits."""
    return (
        T("direction_1"), T("direction_2"), T("direction_3"), T("direction_4"),
        T("direction_5"), T("direction_6"), T("direction_7"), T("direction_8"),
    )  # fmt: skip


def _note(model: str) -> Any:
    return T("generate_note_faces") if model == "faces" else T("generate_note_other")


def _dice(count: int) -> list[int]:
    """Short seeds, so that one can tell somebody about them."""
    return [int(seed) for seed in np.random.default_rng().integers(0, 10**6, count)]


@guarded
def show_way(*, mode: str, chosen: Mapping[str, Drawn], size: object, request: gr.Request) -> dict[str, Any]:
    """One of the inner tabs was opened: its results, and the picture that was chosen there last."""
    panel: dict[str, Any] = {"panel": gr.update(visible=False)}
    if mode in chosen and Path(chosen[mode].path).exists():
        panel = _panel(mode, chosen, _size(size), language_of(request))
    return {
        "mode": mode, **{way: gr.update(visible=mode == way) for way in WAYS},
        "settings": gr.update(visible=mode != "runs"), **panel,
    }  # fmt: skip


# What is asked for


def _size(given: object) -> str:
    """One of SIZES; raises OptionError."""
    return fields.read(DrawnSaveOptions, {"size": given}).size


def _loaded(model: str) -> LoadedGenerator:
    return generate.load(known(model, "generate").name)


def _directions(values: Sequence[float], network: LoadedGenerator) -> list[float]:
    """The sliders' values without the zeros at the end, and without sliders that this generator doesn't have."""
    kept = list(values[: network.directions])
    while kept and not kept[-1]:
        kept.pop()
    return kept


@guarded
def show_model(*, model: str, request: gr.Request) -> dict[str, Any]:
    """Another generator: its note, and as many sliders as it has directions."""
    count = _loaded(model).directions
    shown = {f"direction_{number}": gr.update(visible=number <= count) for number in range(1, DIRECTIONS + 1)}
    return {"note": _note(model), **shown}


@guarded
def restore_settings(*, path: str | None, request: gr.Request) -> dict[str, Any]:
    """The settings with which a picture or walk was drawn, from its file."""
    found = read_picture(path or "").recipe or {}
    options = generate.options_of(found)
    network = _loaded(options.model)
    number, most = (options.frames, FRAMES) if isinstance(options, WalkOptions) else (options.count, MOST)
    steepest = max(map(abs, options.directions), default=0)
    if len(options.directions) > min(network.directions, DIRECTIONS) or steepest > STEEP or number > most:
        raise EditingError(messages.BEYOND_THE_PAGE)
    values = [*options.directions, *[0.0] * (DIRECTIONS - len(options.directions))]
    settings = {
        "model": options.model, "size": SIZES[1] if "then" in found else SIZES[0], "truncation": options.truncation,
        **{f"direction_{number}": value for number, value in enumerate(values, 1)},
    }  # fmt: skip
    if isinstance(options, WalkOptions):
        way, own = "walk", {
            "seeds": ", ".join(map(str, options.seeds)), "frames": options.frames, "loop": options.loop
        }  # fmt: skip
    elif options.mix_seed is not None:
        way, own = "mix", {"first": options.seed, "second": options.mix_seed, "mix": options.mix}
    else:
        way, own = "grid", {"seed": options.seed, "count": options.count}
    return {"ways": gr.update(selected=way), **own, **settings}


# Drawing


@guarded
def run_page(
    *, mode: str, chosen: Mapping[str, Drawn], own: Mapping[str, Any], settings: Mapping[str, Any], request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """The Draw button, in whichever way is chosen."""
    with job(request, progress) as work:
        return _draw(mode, chosen, own, settings, work, request)


@guarded
def redraw(
    *, mode: str, chosen: Mapping[str, Drawn], own: Mapping[str, Any], settings: Mapping[str, Any], request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """A slider was moved: draw again what is shown, unless there is nothing yet, or it is a walk."""
    if mode == "walk" or mode not in chosen:
        return {}
    with job(request, progress) as work:
        return _draw(mode, chosen, own, settings, work, request)


def _draw(
    mode: str, chosen: Mapping[str, Drawn], own: Mapping[str, Any], settings: Mapping[str, Any], work: Job,
    request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    network, size = _loaded(settings["model"]), _size(settings["size"])
    style = {
        "model": settings["model"], "truncation": settings["truncation"],
        "directions": _directions(settings["directions"], network),
    }  # fmt: skip
    report = work.report(counting="pictures")
    if mode == "walk":
        fps = fields.read(DrawnSaveOptions, {"fps": own["fps"]}).fps
        way = fields.read(WalkOptions, {**style, **{name: own[name] for name in ("seeds", "frames", "loop")}})
        results, now = _draw_walk(way, fps, size, network, work, request)
    elif mode == "mix":
        one, other = (fields.read(GenerateOptions, {**style, "seed": own[place]}) for place in ("first", "second"))
        between = fields.read(GenerateOptions, {**style, "seed": one.seed, "mix": own["mix"]}, mix_seed=other.seed)
        drawn = _save([one, between, other], network, new_folder(request), report)
        captions = [f"{one.seed}", f"{one.seed} → {other.seed}: {between.mix:.2f}", f"{other.seed}"]
        results = {"trio": gr.update(value=_shown(drawn, captions), selected_index=1), "mixed": drawn}
        now = drawn[1]
    else:
        asked = fields.read(GenerateOptions, {**style, "seed": own["seed"], "count": own["count"]})
        _check_count(asked)
        every = [generate.of_sample(asked, number) for number in range(asked.seed, asked.seed + asked.count)]
        drawn = _save(every, network, new_folder(request), report)
        captions = [str(options.seed) for options in every]
        before = chosen["grid"].options.seed if "grid" in chosen else None  # stay with the picture that was chosen
        index = next((i for i, options in enumerate(every) if options.seed == before), 0)
        view = gr.update(value=_shown(drawn, captions), columns=_columns(len(drawn)), selected_index=index)
        results, now = {"gallery": view, "drawn": drawn}, drawn[index]
    return results | _panel(mode, {**chosen, mode: now}, size, work.language)


def _check_count(asked: GenerateOptions) -> None:
    if asked.count > MOST:
        raise OptionError(messages.TOO_MANY_PICTURES, count=asked.count, most=MOST)


def _save(
    asked: Sequence[GenerateOptions], network: LoadedGenerator, folder: Path, report: Report
) -> list[Drawn]:  # fmt: skip
    """Draw each of the options' one picture into a file of its own, with its recipe."""
    saved = []
    for options, sample in zip(asked, generate.draw_each(asked, network=network, report=report), strict=True):
        file = folder / f"{_stem(options)}.png"
        write_picture(sample.picture, file, recipe=generate.recipe(options))
        saved.append(Drawn(path=str(file), options=options, novelty=sample.novelty, side=sample.picture.width))
    return saved


def _stem(options: GenerateOptions) -> str:
    stem = f"seed-{options.seed:06d}"
    return stem if options.mix_seed is None else f"{stem}-{options.mix_seed:06d}-{options.mix:.3f}"


def _shown(drawn: Sequence[Drawn], captions: Sequence[str]) -> list[tuple[str, str]]:
    return [(one.path, caption) for one, caption in zip(drawn, captions, strict=True)]


def _columns(count: int) -> int:
    """A grid about as wide as high, as long as that leaves the pictures large enough."""
    return next(columns for columns in (1, 2, 3, 4, 5, 6) if columns**2 >= count or columns == 6)


def _draw_walk(
    options: WalkOptions, fps: float, size: str, network: LoadedGenerator, work: Job, request: gr.Request
) -> tuple[dict[str, Any], Drawn]:
    """The clip in both formats and its frames; one without H.264 still gets the WebP."""
    folder = new_folder(request)
    files = [folder / f"walk{suffix}" for suffix in WALK_SUFFIXES]
    for file in files:
        check_walk(file, fps)
    samples = generate.walk(options, network=network, report=work.report(counting="pictures"))
    drawn = []
    for frame, sample in enumerate(samples):
        file = folder / f"walk-{frame + 1:03d}.png"
        made = generate.of_frame(options, frame)
        write_picture(sample.picture, file, recipe=generate.recipe(made))
        drawn.append(Drawn(path=str(file), options=made, novelty=sample.novelty, side=sample.picture.width))
    pictures, recipe = _walk_pictures(options, samples, size, work)
    if pictures is not samples:
        for one, sample in zip(drawn, pictures, strict=True):
            write_picture(sample.picture, _large(one), recipe=generate.recipe(one.options) | _then())
    write_walk(
        [sample.picture.pixels for sample in pictures], files[0], fps=fps, loop=options.loop, recipe=recipe
    )  # fmt: skip
    try:
        write_walk([sample.picture.pixels for sample in pictures], files[1], fps=fps, loop=options.loop, recipe=recipe)
        mp4 = gr.update(value=str(files[1]), interactive=True)
    except ImageError as error:
        warn(error, work.language)
        mp4 = gr.update(value=None, interactive=False)
    return {
        "player": str(files[0]), "webp": gr.update(value=str(files[0]), interactive=True), "mp4": mp4,
        "scrubber": gr.update(maximum=len(drawn), value=1, visible=True), "walked": drawn,
    }, drawn[0]  # fmt: skip


def _walk_pictures(
    options: WalkOptions, samples: list[Sample], size: str, work: Job
) -> tuple[list[Sample], dict[str, Any]]:
    """The frames at the size asked for, and the recipe of the clip."""
    recipe = generate.recipe(options)
    if not _enlarges(size, samples[0].picture.width):
        return samples, recipe
    report, network = work.report(counting="pictures"), upscale.load(ENLARGED.model)
    large = []
    for done, sample in enumerate(samples):
        report(done, len(samples))
        large.append(replace(sample, picture=upscale.upscale(sample.picture, ENLARGED, network=network)))
    return large, recipe | _then()


def _enlarges(size: str, side: int) -> bool:
    return size != SIZES[0] and side < LARGE


def _then() -> dict[str, Any]:
    """The part of a recipe that says how a drawn picture was enlarged."""
    return {"then": upscale.recipe(ENLARGED)}


def _large(drawn: Drawn) -> Path:
    path = Path(drawn.path)
    return path.with_name(f"{path.stem}-{LARGE}.png")


# The panel of the chosen picture


@guarded
def choose(
    *, drawn: Sequence[Drawn], mode: str, chosen: Mapping[str, Drawn], size: object, event: gr.SelectData,
    request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    """A picture of the grid or of the mix was clicked."""
    index = event.index if isinstance(event.index, int) else -1
    if not 0 <= index < len(drawn):
        return {}
    return _panel(mode, {**chosen, mode: drawn[index]}, _size(size), language_of(request))


@guarded
def scrub(
    *, walked: Sequence[Drawn], frame: float, chosen: Mapping[str, Drawn], size: object, request: gr.Request
) -> dict[str, Any]:
    """The walk's slider: show that frame, counted from 1."""
    if not walked:
        return {}
    shown = walked[min(max(round(frame), 1), len(walked)) - 1]
    return _panel("walk", {**chosen, "walk": shown}, _size(size), language_of(request))


@guarded
def show_chosen(*, mode: str, chosen: Mapping[str, Drawn], size: object, request: gr.Request) -> dict[str, Any]:
    """The chosen picture, at the size asked for if it was enlarged before, else as drawn."""
    return _panel(mode, chosen, _size(size), language_of(request)) if mode in chosen else {}


@guarded
def enlarge_chosen(
    *, mode: str, chosen: Mapping[str, Drawn], size: object, request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """Enlarge the chosen picture, if that is asked for and not done yet."""
    wanted = _size(size)
    if mode not in chosen or not _enlarges(wanted, chosen[mode].side) or _large(chosen[mode]).exists():
        return {}
    with job(request, progress, chosen[mode].path) as work:
        _at_size(chosen[mode], wanted, work.report())
        return _panel(mode, chosen, wanted, work.language)


def _at_size(drawn: Drawn, size: str, report: Report) -> tuple[Path, dict[str, Any]]:
    """The file of a picture at the size asked for, made if need be, and its recipe."""
    path, recipe = Path(drawn.path), generate.recipe(drawn.options)
    if not path.exists():
        raise EditingError(messages.PICTURES_GONE)
    if _enlarges(size, drawn.side):
        path, recipe = _large(drawn), recipe | _then()
        if not path.exists():
            write_picture(upscale.upscale(read_picture(drawn.path), ENLARGED, report=report), path, recipe=recipe)
    return path, recipe


def _panel(mode: str, chosen: Mapping[str, Drawn], size: str, language: str) -> dict[str, Any]:
    """The chosen picture, its facts, download and recipe; as drawn, unless it has been enlarged as asked for."""
    drawn = chosen[mode]
    options, side = drawn.options, drawn.side
    if _enlarges(size, side):
        size, side = (size, LARGE) if _large(drawn).exists() else ("native", side)
    path, recipe = _at_size(drawn, size, silent)
    if options.mix_seed is None:
        text = say("chosen_seed", language, seed=options.seed)
    else:
        percent = round(100 * options.mix)
        text = say("chosen_mix", language, first=options.seed, second=options.mix_seed, percent=percent)
    text += say("chosen_facts", language, side=side, truncation=f"{options.truncation:g}")
    if drawn.novelty is not None:
        text += say("chosen_novelty", language, novelty=f"{drawn.novelty:.2f}")
    return {
        "panel": gr.update(visible=True), "picture": str(path), "info": text,
        "download": gr.update(value=str(path), interactive=True), "recipe": recipe, "chosen": chosen,
    }  # fmt: skip


@guarded
def send_to_upscale(*, mode: str, chosen: Mapping[str, Drawn], size: object, request: gr.Request) -> dict[str, Any]:
    """Put the picture of the panel into the Upscale tab, and go there."""
    if mode not in chosen or not Path(chosen[mode].path).exists():
        raise EditingError(messages.PICTURES_GONE)
    drawn = chosen[mode]
    large = _enlarges(_size(size), drawn.side) and _large(drawn).exists()
    return {"picture": str(_large(drawn)) if large else drawn.path, "tabs": gr.update(selected="upscale")}


# The API


@guarded
def generate_endpoint(
    *, size: object, request: gr.Request, progress: gr.Progress = gr.Progress(), **given: Any
) -> dict[str, Any]:
    """Draw the pictures of ``count`` seeds from ``seed`` on; returns the files and, for each, seed, novelty, recipe.

    ``mix`` above 0 mixes each with the picture of ``mix_seed``.
    """
    asked, wanted = fields.read(GenerateOptions, given), _size(size)
    asked = asked if asked.mix else replace(asked, mix_seed=None)
    _check_count(asked)
    with job(request, progress) as work:
        network = _loaded(asked.model)
        every = [generate.of_sample(asked, one) for one in range(asked.seed, asked.seed + asked.count)]
        drawn = _save(every, network, new_folder(request), work.report(counting="pictures"))
        sized = [_at_size(one, wanted, work.report()) for one in drawn]
    facts = [
        {"seed": one.options.seed, "novelty": one.novelty, "recipe": recipe}
        for one, (_, recipe) in zip(drawn, sized, strict=True)
    ]
    return {"files": [str(path) for path, _ in sized], "facts": {"pictures": facts}}


@guarded
def walk_endpoint(
    *, fps: object, size: object, file_format: object, request: gr.Request, progress: gr.Progress = gr.Progress(),
    **given: Any,
) -> dict[str, Any]:  # fmt: skip
    """Draw a walk along two to eight seeds, such as "1, 2, 3"; returns the clip (webp or mp4), its path and recipe."""
    if f".{file_format}" not in WALK_SUFFIXES:
        raise OptionError(messages.NOT_A_WALK_FORMAT, value=str(file_format)[:40])
    options, saving = fields.read(WalkOptions, given), fields.read(DrawnSaveOptions, {"size": size, "fps": fps})
    file = new_folder(request) / f"walk.{file_format}"
    check_walk(file, saving.fps)
    with job(request, progress, file.parent) as work:
        network = _loaded(options.model)
        samples = generate.walk(options, network=network, report=work.report(counting="pictures"))
        pictures, recipe = _walk_pictures(options, samples, saving.size, work)
        write_walk(
            [sample.picture.pixels for sample in pictures], file, fps=saving.fps, loop=options.loop, recipe=recipe
        )  # fmt: skip
    places = [{"from": a, "to": b, "amount": round(part, 6)} for a, b, part in generate.path(options)]
    return {"clip": str(file), "facts": {"frames": places, "recipe": recipe}}
