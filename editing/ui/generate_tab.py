"""The Generate tab: a grid of seeds, a mix of two, a walk along several, trainings to look at; and the API's part."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from editing.clips.write import FASTEST, WALK_SUFFIXES, check_walk, write_walk
from editing.errors import EditingError, ImageError, OptionError
from editing.options import WALK_FRAMES, GenerateOptions, UpscaleOptions, WalkOptions
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import generate, upscale
from editing.pipelines.generate import LoadedGenerator, Sample
from editing.report import Report, silent
from editing.ui import run_viewer
from editing.ui.handlers import COMPUTE, QUICK, Job, explain, guarded, job, new_folder, request_stop
from editing.ui.translations import T, language_of, say
from editing.weights.files import path_of
from editing.weights.find import find_weight, weights_for

MOST = 36  # pictures in the grid
DIRECTIONS = 8  # sliders; what a generator has beyond these only the command line offers
STEEP = 3.0
FRAMES = 240
FIRST_WALK = "1, 2, 3, 4"
LARGE = 256
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
    return [
        (f"{weight.name} ({weight.title})" if weight.title != weight.name else weight.name, weight.name)
        for weight in weights_for("generate")
        if path_of(weight)
    ]


def build(tabs: gr.Tabs, upscale_picture: gr.Image) -> None:
    """Add the tab to the page being built; "Send to Upscale" puts a picture into ``upscale_picture``."""
    models = available()
    hidden: dict[str, Any] = {"api_visibility": "private"}
    with gr.Tab(T("tab_generate"), id="generate"), gr.Row():
        with gr.Column(min_width=320):
            with gr.Tabs() as ways:
                with gr.Tab(T("generate_grid"), id="grid") as grid_tab:
                    seed = gr.Number(0, label=T("seed"), info=T("seed_info"), elem_id="generate-seed")
                    count = gr.Slider(1, MOST, 16, step=1, label=T("generate_count"), elem_id="generate-count")
                    dice = gr.Button(T("generate_dice"), size="sm", elem_id="generate-dice")
                with gr.Tab(T("generate_mix"), id="mix") as mix_tab:
                    with gr.Row():
                        first = gr.Number(1, label=T("seed_first"), min_width=120, elem_id="generate-first")
                        second = gr.Number(2, label=T("seed_second"), min_width=120, elem_id="generate-second")
                    amount = gr.Slider(
                        0, 1, 0.5, step=0.01, label=T("mix_amount"), info=T("mix_info"), elem_id="generate-mix"
                    )
                    dice_pair = gr.Button(T("generate_dice_pair"), size="sm")
                with gr.Tab(T("generate_walk"), id="walk") as walk_tab:
                    seeds = gr.Textbox(
                        FIRST_WALK, label=T("walk_seeds"), info=T("walk_seeds_info"), max_lines=1,
                        elem_id="generate-seeds",
                    )  # fmt: skip
                    dice_walk = gr.Button(T("generate_dice_walk"), size="sm")
                    frames = gr.Slider(
                        WALK_FRAMES[0], FRAMES, 60, step=1, label=T("walk_frames"), elem_id="generate-frames"
                    )
                    fps = gr.Slider(1, FASTEST, 20, step=1, label=T("walk_fps"))
                    loop = gr.Checkbox(True, label=T("walk_loop"), info=T("walk_loop_info"))
                with gr.Tab(T("trainings"), id="runs", visible=bool(run_viewer.names())) as runs_tab:
                    run_name = run_viewer.build_choice()
            with gr.Column() as settings_column:
                model = gr.Dropdown(
                    models, value=models[0][1], label=T("generator"), visible=len(models) > 1, elem_id="generate-model"
                )
                truncation = gr.Slider(
                    0, 1, GenerateOptions().truncation, step=0.01, label=T("truncation"), info=T("truncation_info"),
                    elem_id="generate-truncation",
                )  # fmt: skip
                with gr.Accordion(T("directions"), open=False):
                    gr.Markdown(T("directions_info"))
                    directions = [
                        gr.Slider(-STEEP, STEEP, 0, step=0.1, label=label, elem_id=f"direction-{number}")
                        for number, label in enumerate(_direction_labels(), 1)
                    ]
                    level = gr.Button(T("directions_level"), size="sm")
                size = gr.Radio(
                    [(T("size_native"), "native"), (T("size_large"), str(LARGE))], value="native", label=T("size"),
                    info=T("size_info"), elem_id="generate-size",
                )  # fmt: skip
                with gr.Row():
                    run = gr.Button(T("draw"), variant="primary", elem_id="generate-run")
                    stop = gr.Button(T("stop"), elem_id="generate-stop", min_width=80)
                restore = gr.UploadButton(
                    T("generate_restore"), file_types=["image"], size="sm", elem_id="generate-restore"
                )
                note = gr.Markdown(_note(models[0][1]), elem_id="generate-note")
            # The API's own ends, for what the page shows in another way.
            api_directions = gr.JSON([], visible=False)
            api_mix_seed, api_mix = gr.Number(0, visible=False), gr.Slider(0, 1, 0, visible=False)
            api_format = gr.Radio(["webp", "mp4"], value="webp", visible=False)
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
            names = [gr.State(name) for name in ("grid", "mix", "walk", "runs")]
            drawn, mixed, walked = gr.State([]), gr.State([]), gr.State([])  # of Drawn, what each way shows
            chosen = gr.State({})  # way -> the Drawn in the panel

    own = [mode, seed, count, first, second, amount, seeds, frames, fps, loop]
    settings = [model, size, truncation, *directions]
    in_panel = [panel, picture, info, download, recipe, chosen]
    results = [gallery, drawn, trio, mixed, player, webp, mp4, scrubber, walked, *in_panel]
    drawing: dict[str, Any] = {
        "fn": run_page, "inputs": [chosen, *own, *settings], "outputs": results,
        "show_progress_on": [gallery, trio, player], **COMPUTE, **hidden,
    }  # fmt: skip
    # The panel shows a picture as drawn at once; enlarging it waits for the machine.
    enlarging: dict[str, Any] = {
        "fn": enlarge_chosen, "inputs": [mode, chosen, size], "outputs": in_panel, "show_progress": "minimal",
        "show_progress_on": picture, **COMPUTE, **hidden,
    }  # fmt: skip

    for tab, name in zip((grid_tab, mix_tab, walk_tab, runs_tab), names, strict=True):
        tab.select(
            show_way, [name, chosen, size],
            [mode, grid_result, mix_result, walk_result, runs_result, settings_column, *in_panel], **QUICK,
        )  # fmt: skip
    run.click(**drawing).then(**enlarging)
    stop.click(request_stop, None, None, queue=False, show_progress="hidden", **hidden)
    dice.click(lambda: _dice(1)[0], None, seed, **QUICK).then(**drawing).then(**enlarging)
    dice_pair.click(lambda: tuple(_dice(2)), None, [first, second], **QUICK).then(**drawing).then(**enlarging)
    dice_walk.click(lambda: ", ".join(map(str, _dice(4))), None, seeds, **QUICK)
    gr.on(
        [seed.submit, first.submit, second.submit, seeds.submit, amount.release], **drawing
    ).then(**enlarging)  # fmt: skip
    # Sliders redraw what is shown already; a walk waits for the button.
    redrawing = drawing | {"fn": redraw, "show_progress": "hidden"}
    gr.on([slider.release for slider in (truncation, *directions)], **redrawing).then(**enlarging)
    level.click(lambda: [0.0] * DIRECTIONS, None, directions, **QUICK).then(**redrawing).then(**enlarging)
    model.change(show_model, model, [note, *directions], **QUICK)
    restore.upload(restore_settings, restore, [ways, *own[1:], *settings], **QUICK)
    for view, state in ((gallery, drawn), (trio, mixed)):
        view.select(choose, [state, mode, chosen, size], in_panel, **QUICK).then(**enlarging)
    size.change(show_chosen, [mode, chosen, size], in_panel, **QUICK).then(**enlarging)
    scrubber.input(
        scrub, [walked, scrubber, chosen, size], in_panel, trigger_mode="always_last", **QUICK
    ).then(**enlarging)  # fmt: skip
    send.click(send_to_upscale, [mode, chosen, size], [upscale_picture, tabs], **QUICK)
    gr.on(None, lambda: gr.update(visible=bool(run_viewer.names())), None, runs_tab, **QUICK)

    api_generate.click(
        generate_endpoint, [seed, count, truncation, model, size, api_directions, api_mix_seed, api_mix],
        [api_files, api_facts], api_name="generate", **COMPUTE,
    )  # fmt: skip
    api_walk.click(
        walk_endpoint, [seeds, frames, fps, loop, truncation, model, size, api_directions, api_format],
        [api_clip, api_facts], api_name="walk", **COMPUTE,
    )  # fmt: skip


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
def show_way(name: str, chosen: dict[str, Drawn], size: str, request: gr.Request) -> tuple[Any, ...]:
    """One of the inner tabs was opened: its results, and the picture that was chosen there last."""
    results = [gr.update(visible=name == way) for way in ("grid", "mix", "walk", "runs")]
    if name in chosen and Path(chosen[name].path).exists():
        panel = _panel(name, chosen, size, language_of(request))
    else:
        panel = (gr.update(visible=False), *[gr.skip()] * 5)
    return (name, *results, gr.update(visible=name != "runs"), *panel)


# What is asked for


def _whole(value: object) -> Any:
    """A number field's value: floats from the page are whole numbers mostly; the options refuse what isn't."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _seeds(text: str | None) -> tuple[int, ...]:
    """ "1, 2, 3" (also with other separators, as 、 or spaces) as seeds."""
    words = re.split(r"[\s,;，、；]+", (text or "").strip(" ,;，、；"))
    try:
        return tuple(int(word) for word in words if word)
    except ValueError:
        raise OptionError(f"The seeds are '{(text or '')[:60]}'; they must be whole numbers with commas.") from None


def _loaded(model: str) -> LoadedGenerator:
    find_weight(model, "generate", paths=False)  # a request must not choose which of the machine's files is opened
    return generate.load(model)


def _directions(values: Sequence[object], network: LoadedGenerator) -> tuple[Any, ...]:
    """The sliders' values without the zeros at the end, and without sliders that this generator doesn't have."""
    kept = [float(value) if isinstance(value, int) else value for value in values[: network.directions]]
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept)


@guarded
def show_model(model: str, request: gr.Request) -> tuple[Any, ...]:
    """Another generator: its note, and as many sliders as it has directions."""
    network = _loaded(model)
    return (
        _note(model),
        *[gr.update(visible=number < network.directions) for number in range(DIRECTIONS)],
    )


@guarded
def restore_settings(path: str | None, request: gr.Request) -> tuple[Any, ...]:
    """The settings with which a picture or walk was drawn, from its file."""
    found = read_picture(path or "").recipe or {}
    options = generate.options_of(found)
    network = _loaded(options.model)
    number = options.frames if isinstance(options, WalkOptions) else options.count
    most = FRAMES if isinstance(options, WalkOptions) else MOST
    steepest = max(map(abs, options.directions), default=0)
    if len(options.directions) > min(network.directions, DIRECTIONS) or steepest > STEEP or number > most:
        raise EditingError("This was drawn with more than the page offers: draw it again on the command line.")
    level = [0.0] * (DIRECTIONS - len(options.directions))
    settings = [
        options.model, str(LARGE) if "then" in found else "native", options.truncation, *options.directions, *level
    ]  # fmt: skip
    if isinstance(options, WalkOptions):
        seeds = ", ".join(map(str, options.seeds))
        own = [*[gr.skip()] * 5, seeds, options.frames, gr.skip(), options.loop]
        return gr.update(selected="walk"), *own, *settings
    if options.mix_seed is not None:
        own = [*[gr.skip()] * 2, options.seed, options.mix_seed, options.mix, *[gr.skip()] * 4]
        return gr.update(selected="mix"), *own, *settings
    return gr.update(selected="grid"), options.seed, options.count, *[gr.skip()] * 7, *settings


# Drawing


@guarded
def run_page(request: gr.Request, progress: gr.Progress = gr.Progress(), *values: Any) -> tuple[Any, ...]:
    """The Draw button, in whichever way is chosen."""
    with job(request, progress) as work:
        return _draw(values, work, request)


@guarded
def redraw(request: gr.Request, progress: gr.Progress = gr.Progress(), *values: Any) -> tuple[Any, ...]:
    """A slider was moved: draw again what is shown, unless there is nothing yet, or it is a walk."""
    chosen, mode = values[:2]
    if mode == "walk" or mode not in chosen:
        return (gr.skip(),) * 15
    with job(request, progress) as work:
        return _draw(values, work, request)


def _draw(values: tuple[Any, ...], work: Job, request: gr.Request) -> tuple[Any, ...]:
    chosen, mode, seed, count, first, second, amount, seeds, frames, fps, loop, model, size, truncation, *directions = (
        values
    )
    network = _loaded(model)
    style: dict[str, Any] = {"model": model, "truncation": truncation, "directions": _directions(directions, network)}
    report = work.report(pictures=True)
    grid: tuple[Any, ...] = (gr.skip(),) * 2
    mix: tuple[Any, ...] = (gr.skip(),) * 2
    walked: tuple[Any, ...] = (gr.skip(),) * 5
    if mode == "walk":
        way = WalkOptions(seeds=_seeds(seeds), frames=_whole(frames), loop=bool(loop), **style)
        walked, now = _draw_walk(way, fps, size, network, work, request)
    elif mode == "mix":
        one, other = GenerateOptions(seed=_whole(first), **style), GenerateOptions(seed=_whole(second), **style)
        between = replace(one, mix_seed=other.seed, mix=amount)
        drawn = _save([one, between, other], network, new_folder(request), report)
        captions = [f"{one.seed}", f"{one.seed} → {other.seed}: {amount:.2f}", f"{other.seed}"]
        mix = gr.update(value=_shown(drawn, captions), selected_index=1), drawn
        now = drawn[1]
    else:
        asked = GenerateOptions(seed=_whole(seed), count=_whole(count), **style)
        every = [generate.of_sample(asked, number) for number in range(asked.seed, asked.seed + asked.count)]
        drawn = _save(every, network, new_folder(request), report)
        captions = [str(options.seed) for options in every]
        before = chosen["grid"].options.seed if "grid" in chosen else None  # stay with the picture that was chosen
        index = next((i for i, options in enumerate(every) if options.seed == before), 0)
        grid = gr.update(value=_shown(drawn, captions), columns=_columns(len(drawn)), selected_index=index), drawn
        now = drawn[index]
    return *grid, *mix, *walked, *_panel(mode, chosen | {mode: now}, size, work.language)


def _save(
    asked: Sequence[GenerateOptions], network: LoadedGenerator, folder: Path, report: Report
) -> list[Drawn]:  # fmt: skip
    """Draw each of the options' one picture into a file of its own, with its recipe."""
    saved = []
    for done, options in enumerate(asked):
        report(done, len(asked))
        sample = generate.generate(options, network=network)[0]
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
) -> tuple[tuple[Any, ...], Drawn]:
    """The clip in both formats and its frames; one without H.264 still gets the WebP."""
    folder = new_folder(request)
    files = [folder / f"walk{suffix}" for suffix in WALK_SUFFIXES]
    for file in files:
        check_walk(file, fps)
    samples = generate.walk(options, network=network, report=work.report(pictures=True))
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
        gr.Warning(html.escape(explain(error, work.language)))
        mp4 = gr.update(value=None, interactive=False)
    scrubber = gr.update(maximum=len(drawn), value=1, visible=True)
    return (str(files[0]), gr.update(value=str(files[0]), interactive=True), mp4, scrubber, drawn), drawn[0]


def _walk_pictures(
    options: WalkOptions, samples: list[Sample], size: str, work: Job
) -> tuple[list[Sample], dict[str, Any]]:
    """The frames at the size asked for, and the recipe of the clip."""
    recipe = generate.recipe(options)
    if not _enlarges(size, samples[0].picture.width):
        return samples, recipe
    report, network = work.report(pictures=True), upscale.load(ENLARGED.model)
    large = []
    for done, sample in enumerate(samples):
        report(done, len(samples))
        large.append(replace(sample, picture=upscale.upscale(sample.picture, ENLARGED, network=network)))
    return large, recipe | _then()


def _enlarges(size: str, side: int) -> bool:
    if size not in ("native", str(LARGE)):
        raise OptionError(f"The size is '{size}'; choose native or {LARGE}.")
    return size != "native" and side < LARGE


def _then() -> dict[str, Any]:
    """The part of a recipe that says how a drawn picture was enlarged."""
    return {"then": upscale.recipe(ENLARGED)}


def _large(drawn: Drawn) -> Path:
    path = Path(drawn.path)
    return path.with_name(f"{path.stem}-{LARGE}.png")


# The panel of the chosen picture


@guarded
def choose(
    drawn: list[Drawn], mode: str, chosen: dict[str, Drawn], size: str, event: gr.SelectData, request: gr.Request
) -> tuple[Any, ...]:
    """A picture of the grid or of the mix was clicked."""
    index = event.index if isinstance(event.index, int) else -1
    if not 0 <= index < len(drawn):
        return (gr.skip(),) * 6
    return _panel(mode, chosen | {mode: drawn[index]}, size, language_of(request))


@guarded
def scrub(
    walked: list[Drawn], frame: float, chosen: dict[str, Drawn], size: str, request: gr.Request
) -> tuple[Any, ...]:  # fmt: skip
    """The walk's slider: show that frame, counted from 1."""
    if not walked:
        return (gr.skip(),) * 6
    shown = walked[min(max(round(frame), 1), len(walked)) - 1]
    return _panel("walk", chosen | {"walk": shown}, size, language_of(request))


@guarded
def show_chosen(mode: str, chosen: dict[str, Drawn], size: str, request: gr.Request) -> tuple[Any, ...]:
    """The chosen picture, at the size asked for if it was enlarged before, else as drawn."""
    return _panel(mode, chosen, size, language_of(request)) if mode in chosen else (gr.skip(),) * 6


@guarded
def enlarge_chosen(
    mode: str, chosen: dict[str, Drawn], size: str, request: gr.Request, progress: gr.Progress = gr.Progress()
) -> tuple[Any, ...]:
    """Enlarge the chosen picture, if that is asked for and not done yet."""
    if mode not in chosen or not _enlarges(size, chosen[mode].side) or _large(chosen[mode]).exists():
        return (gr.skip(),) * 6
    with job(request, progress) as work:
        _at_size(chosen[mode], size, work.report())
        return _panel(mode, chosen, size, work.language)


def _at_size(drawn: Drawn, size: str, report: Report) -> tuple[Path, dict[str, Any]]:
    """The file of a picture at the size asked for, made if need be, and its recipe."""
    path, recipe = Path(drawn.path), generate.recipe(drawn.options)
    if not path.exists():
        raise EditingError("The pictures are no longer kept: draw them again.")
    if _enlarges(size, drawn.side):
        path, recipe = _large(drawn), recipe | _then()
        if not path.exists():
            write_picture(upscale.upscale(read_picture(drawn.path), ENLARGED, report=report), path, recipe=recipe)
    return path, recipe


def _panel(mode: str, chosen: dict[str, Drawn], size: str, language: str) -> tuple[Any, ...]:
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
    button = gr.update(value=str(path), interactive=True)
    return gr.update(visible=True), str(path), text, button, recipe, chosen


@guarded
def send_to_upscale(mode: str, chosen: dict[str, Drawn], size: str, request: gr.Request) -> tuple[Any, Any]:
    """Put the picture of the panel into the Upscale tab, and go there."""
    if mode not in chosen or not Path(chosen[mode].path).exists():
        raise EditingError("The pictures are no longer kept: draw them again.")
    drawn = chosen[mode]
    large = _enlarges(size, drawn.side) and _large(drawn).exists()
    return str(_large(drawn)) if large else drawn.path, gr.update(selected="upscale")


# The API


@guarded
def generate_endpoint(
    seed: float, count: float, truncation: float, model: str, size: str, directions: list[float] | None,
    mix_seed: float, mix: float, request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> tuple[list[str], dict[str, Any]]:  # fmt: skip
    """Draw the pictures of ``count`` seeds from ``seed`` on; returns the files and, for each, seed, novelty, recipe.

    ``mix`` above 0 mixes each with the picture of ``mix_seed``.
    """
    if _whole(count) not in range(1, MOST + 1):
        raise OptionError(f"{str(count)[:40]} pictures were asked for; 1 to {MOST} are possible.")
    with job(request, progress) as work:
        network = _loaded(model)
        other = GenerateOptions(seed=_whole(mix_seed)).seed if mix else None
        asked = GenerateOptions(
            model=model, seed=_whole(seed), count=_whole(count), truncation=truncation,
            directions=_listed(directions), mix_seed=other, mix=mix,
        )  # fmt: skip
        every = [generate.of_sample(asked, one) for one in range(asked.seed, asked.seed + asked.count)]
        drawn = _save(every, network, new_folder(request), work.report(pictures=True))
        sized = [_at_size(one, size, work.report()) for one in drawn]
    facts = [
        {"seed": one.options.seed, "novelty": one.novelty, "recipe": recipe}
        for one, (_, recipe) in zip(drawn, sized, strict=True)
    ]
    return [str(path) for path, _ in sized], {"pictures": facts}


@guarded
def walk_endpoint(
    seeds: str, frames: float, fps: float, loop: bool, truncation: float, model: str, size: str,
    directions: list[float] | None, file_format: str, request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """Draw a walk along two to eight seeds, such as "1, 2, 3"; returns the clip (webp or mp4), its path and recipe."""
    if file_format not in ("webp", "mp4"):
        raise OptionError(f"The format is '{str(file_format)[:40]}'; choose webp or mp4.")
    options = WalkOptions(
        model=model, seeds=_seeds(seeds), frames=_whole(frames), loop=bool(loop), truncation=truncation,
        directions=_listed(directions),
    )  # fmt: skip
    file = new_folder(request) / f"walk.{file_format}"
    check_walk(file, fps)
    with job(request, progress) as work:
        network = _loaded(model)
        samples = generate.walk(options, network=network, report=work.report(pictures=True))
        pictures, recipe = _walk_pictures(options, samples, size, work)
        write_walk(
            [sample.picture.pixels for sample in pictures], file, fps=fps, loop=options.loop, recipe=recipe
        )  # fmt: skip
    places = [{"from": a, "to": b, "amount": round(part, 6)} for a, b, part in generate.path(options)]
    return str(file), {"frames": places, "recipe": recipe}


def _listed(directions: object) -> tuple[Any, ...]:
    if directions in (None, {}):
        return ()
    if not isinstance(directions, list):
        raise OptionError("The directions must be a list of numbers, such as [0.5, -1].")
    return tuple(float(value) if isinstance(value, int) else value for value in directions)
