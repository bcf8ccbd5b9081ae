"""The Generate tab: a grid of seeds, a mix of two, a walk along several, trainings to look at; and the API's part."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from editing import messages
from editing.clips.write import WALK_SUFFIXES, check_walk, write_walk
from editing.errors import EditingError, ImageError, OptionError, WeightError
from editing.options import SIZES, WALK_FRAMES, DrawnSaveOptions, GenerateOptions, WalkOptions
from editing.pictures.picture import Pixels
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import generate
from editing.pipelines.generate import LoadedGenerator, Sample
from editing.report import Report, silent
from editing.ui import bench, fields, jobs, onward, run_viewer, stage, visit
from editing.ui.gradio_hacks import AnyJSON, AnyRadio, AnyUploadButton, by_name
from editing.ui.handlers import (
    COMPUTE,
    HIDDEN,
    QUICK,
    Job,
    guarded,
    job,
    known,
    new_folder,
    warn,
)
from editing.ui.onward import End, Given
from editing.ui.translations import T, language_of, say

MOST = 36  # pictures in the grid; more are for the command
DIRECTIONS = 8  # sliders; what a generator has beyond these only the command line offers
STEEP = 3.0  # beyond, pictures fall apart
END, END_AT = 96, 2.0  # of the pictures at a slider's ends: their side in pixels, and how far along they lie
NAMED = ("turn", "nod", "smile", "side-light", "background")  # those that have words on the page
FRAMES = 240  # of a walk on the page
WAYS = ("grid", "mix", "walk", "runs")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A picture on the page: its file (with recipe), and what it takes to draw it again."""

    path: str
    options: GenerateOptions
    novelty: float | None
    side: int  # in pixels, as drawn
    place: int | None = None  # among the tiles, from 0; None for a frame of a walk
    picked: bool = False  # by the visitor, or made as they said: it stands in the strip of the visit's results
    saved: bool = False  # downloaded: what becomes of it later takes not its place there


def available() -> list[tuple[str, str]]:
    """Label and name of every generator that is there; the tab is not shown where there is none."""
    return fields.models("generate")


def build(*others: str) -> End:
    """Add the tab to the page being built; a picture can go on to the tabs ``others``."""
    models = available()
    with bench.tab("generate", T("tab_generate")):
        with bench.stage("generate"):
            area = stage.build("generate", opens=False)
            with gr.Column(visible=False) as runs_result:
                run_viewer.build_view(run_viewer.build_choice())
        with bench.panel("generate"):
            with bench.dials():
                with gr.Tabs(elem_classes="modes") as ways:
                    with gr.Tab(T("generate_grid"), id="grid") as grid_tab:
                        count = gr.Slider(
                            1, MOST, 12, step=1, label=T("GenerateOptions_count"), elem_id="generate-count"
                        )  # fmt: skip
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
                        scrubber = gr.Slider(
                            0, 2, 0, step=1, label=T("walk_frame"), visible=False, buttons=[],
                            elem_id="generate-scrubber",
                        )  # fmt: skip
                    with gr.Tab(T("trainings"), id="runs", visible=bool(run_viewer.names())) as runs_tab:
                        gr.Markdown(T("training_info"), elem_classes="hint")
                with gr.Column() as settings_column:
                    model = fields.field(
                        GenerateOptions, "model", choices=models, value=models[0][1], info=None,
                        visible=len(models) > 1, elem_id="generate-model",
                    )  # fmt: skip
                    with gr.Accordion(T("directions"), open=False, elem_id="generate-directions") as directions_box:
                        gr.Markdown(T("directions_info"), elem_classes="hint")
                        ends, directions = [], []
                        for number, label in enumerate(_direction_labels(models[0][1]), 1):
                            # Markdown, since gr.HTML needs 'unsafe-eval'; numbers are all that goes into it.
                            ends.append(gr.Markdown(sanitize_html=False, elem_classes="ends", visible=False))
                            directions.append(
                                gr.Slider(-STEEP, STEEP, 0, step=0.1, label=label, elem_id=f"direction-{number}")
                            )
                        level = gr.Button(T("directions_level"), size="sm")
                    size = fields.field(
                        DrawnSaveOptions, "size", info=T("size_info"), elem_id="generate-size",
                        choices=[(T(f"size_{name}"), name) for name in SIZES],
                    )  # fmt: skip
                    with gr.Accordion(T("more"), open=False, elem_id="generate-more"):
                        truncation = fields.field(GenerateOptions, "truncation", elem_id="generate-truncation")
                        seed = fields.field(GenerateOptions, "seed", info=T("seed_info"), elem_id="generate-seed")
                        restore = AnyUploadButton(
                            T("generate_restore"), file_types=["image"], size="sm", elem_id="generate-restore"
                        )
                    with gr.Accordion(T("recipe"), open=False, visible=False) as recipe_box:
                        recipe = gr.JSON(show_label=False, elem_id="generate-recipe")
                    note = gr.Markdown(_note(models[0][1]), elem_id="generate-note", elem_classes="hint")
            with bench.foot():
                info = gr.Markdown(elem_id="generate-info", elem_classes="facts")
                jobs.line("generate")
                with gr.Row(elem_classes="doing"):
                    run = jobs.run_button("generate", T("generate_new"))
                    download = bench.download("generate-download")
                    webp = bench.download("generate-webp", T("download_webp"), visible=False)
                    mp4 = bench.download("generate-mp4", T("download_mp4"), visible=False)
                    further = onward.buttons("generate", *others)
            # The API's own ends, for what the page shows in another way.
            api_shared = {
                **fields.parameters(GenerateOptions, "truncation"),
                "model": fields.parameter(GenerateOptions, "model", choices=models, value=models[0][1]),
                **fields.parameters(DrawnSaveOptions, "size"),
                "directions": AnyJSON([], visible=False),
            }  # fmt: skip
            api_drawing = {
                **fields.parameters(GenerateOptions, "seed"),
                "count": fields.parameter(GenerateOptions, "count", value=16), **api_shared,
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
    results = {"grid": drawn, "mix": mixed, "walk": walked}
    in_panel = {
        "shown": area.shown, "info": info, "download": download, "recipe": recipe, "chosen": chosen,
        "recipe_box": recipe_box,
    }  # fmt: skip
    showing = {
        "drawn": drawn, "mixed": mixed, "webp": webp, "mp4": mp4,
        "scrubber": scrubber, "walked": walked, **in_panel,
    }  # fmt: skip
    asking = {"mode": mode, "chosen": chosen, "own": own, "settings": settings}
    drawing: dict[str, Any] = {
        **by_name(run_page, asking, showing), "show_progress": "minimal", "show_progress_on": area.status,
        **COMPUTE, **HIDDEN,
    }  # fmt: skip
    # The panel shows a picture as drawn at once; enlarging it waits for the machine.
    enlarging: dict[str, Any] = {
        **by_name(enlarge_chosen, way, in_panel), "show_progress": "minimal", "show_progress_on": area.status,
        **COMPUTE, **HIDDEN,
    }  # fmt: skip

    for tab, name in zip((grid_tab, mix_tab, walk_tab, runs_tab), names, strict=True):
        tab.select(
            **by_name(
                show_way, {**way, "mode": name, "results": results},
                {"mode": mode, "drawings": area.place, "runs": runs_result,
                 "settings": settings_column, "webp": webp, "mp4": mp4, "download": download, "run": run, "seed": seed,
                 **in_panel},
            ),
            **QUICK,
        )  # fmt: skip
    runs = [
        run.click(
            **(drawing | by_name(draw_new, {**asking, "drawn": drawn}, {**showing, "seed": seed}))
        ).then(**enlarging),
        dice_pair.click(lambda: tuple(_dice(2)), None, [first, second], **QUICK).then(**drawing).then(**enlarging),
        gr.on(
            [seed.submit, first.submit, second.submit, seeds.submit, amount.release], **drawing
        ).then(**enlarging),
    ]  # fmt: skip
    dice_walk.click(lambda: ", ".join(map(str, _dice(4))), None, seeds, **QUICK)
    # Sliders redraw what is shown already; a walk waits for the button.
    redrawing = drawing | by_name(redraw, asking, showing) | {"show_progress": "hidden"}
    runs.append(gr.on([slider.release for slider in (truncation, *directions)], **redrawing).then(**enlarging))
    runs.append(level.click(lambda: [0.0] * DIRECTIONS, None, directions, **QUICK).then(**redrawing).then(**enlarging))
    sliders = {f"direction_{number}": slider for number, slider in enumerate(directions, 1)}
    model.change(**by_name(show_model, {"model": model}, {"note": note, **sliders}), **QUICK)
    seen = {f"ends_{number}": end for number, end in enumerate(ends, 1)}
    gr.on([directions_box.expand, model.change], **by_name(show_ends, {"model": model}, seen), **QUICK)
    restored = {"ways": ways, **own, "model": model, "size": size, "truncation": truncation, **sliders}
    restore.upload(**by_name(restore_settings, {"path": restore}, restored), **QUICK)
    runs.append(area.event.change(
        **by_name(
            on_stage, {"told": area.event, "results": results, **way},
            {**in_panel, "first": first, "second": second, "seeds": seeds},
        ),
        **QUICK,
    ).then(**enlarging))  # fmt: skip
    runs.append(size.change(**by_name(show_chosen, way, in_panel), **QUICK).then(**enlarging))
    saving = by_name(mark_saved, {"mode": mode, "chosen": chosen}, {"chosen": chosen})
    runs += [button.click(**saving, **QUICK) for button in (download, webp, mp4)]
    scrubber.input(
        **by_name(scrub, {"walked": walked, "frame": scrubber, "chosen": chosen, "size": size}, in_panel),
        trigger_mode="always_last", **QUICK,
    ).then(**enlarging)  # fmt: skip
    gr.on(None, lambda: gr.update(visible=bool(run_viewer.names())), None, runs_tab, **QUICK)

    api_generate.click(
        **by_name(generate_endpoint, api_drawing, {"files": api_files, "facts": api_facts}), api_name="generate",
        **COMPUTE,
    )  # fmt: skip
    api_walk.click(
        **by_name(walk_endpoint, api_walking, {"clip": api_clip, "facts": api_facts}), api_name="walk", **COMPUTE
    )
    held = {**own, "model": model, "truncation": truncation, **sliders}
    return End(
        id="generate", onward=further, giving=way, give=give, settings=restored, restore=settings_of, runs=runs,
        recording={**way, "held": held}, record=record, reopening={"chosen": chosen}, reopen=reopen,
        reopened={"ways": ways, "mode": mode, "size": size, **held, **showing},
    )  # fmt: skip


def _direction_labels(model: str) -> list[Any]:
    """What a direction changes in the picture, where that was measured; else its number, and nothing about people."""
    names: tuple[str, ...] = ()
    with suppress(WeightError):  # whoever draws is told
        names = generate.names_of(model)
    shown = [T(f"direction_{name}") for name in names if name in NAMED]
    return [*shown, *(T(f"direction_{number}") for number in range(len(shown) + 1, DIRECTIONS + 1))]


def _note(model: str) -> Any:
    return T("generate_note_faces") if model == "faces" else T("generate_note_other")


def _dice(count: int) -> list[int]:
    """Short seeds, so that one can tell somebody about them."""
    return [int(seed) for seed in np.random.default_rng().integers(0, 10**6, count)]


@guarded
def show_way(
    *, mode: str, chosen: Mapping[str, Drawn], results: Mapping[str, Sequence[Drawn]], size: object, request: gr.Request
) -> dict[str, Any]:
    """One of the inner tabs was opened: its results, and the picture that was chosen there last."""
    panel: dict[str, Any] = {
        "info": "", "download": gr.update(value=None, interactive=False), "recipe_box": gr.update(visible=False),
        "shown": stage.show_tiles("generate", [], alone=True),
    }  # fmt: skip
    if mode in chosen and Path(chosen[mode].path).exists():
        panel = _panel(mode, chosen, _size(size), language_of(request))
        panel["shown"] = _walk_shown(results[mode]) if mode == "walk" else _grid_shown(results[mode])
    return {
        "mode": mode, "drawings": gr.update(visible=mode != "runs"), "runs": gr.update(visible=mode == "runs"),
        "settings": gr.update(visible=mode != "runs"),
        "webp": gr.update(visible=mode == "walk"), "mp4": gr.update(visible=mode == "walk"),
        "run": gr.update(value=T("generate_new" if mode == "grid" else "draw")),
        "seed": gr.update(visible=mode == "grid"), **panel,
    }  # fmt: skip


def _grid_shown(drawn: Sequence[Drawn], *, keep: bool = False) -> str:
    """The order that shows pictures as tiles, each as large as it was made."""
    tiles = [(_largest(one), _caption(one.options)) for one in drawn]
    return stage.show_tiles("generate", tiles, keep=keep, alone=True)


def _largest(drawn: Drawn) -> Path:
    """The file of the largest size that a picture was made at."""
    made = (path for size in reversed(SIZES[1:]) if (path := _large(drawn, size)).exists())
    return next(made, Path(drawn.path))


def _caption(options: GenerateOptions) -> str:
    if options.mix_seed is None:
        return str(options.seed)
    return f"{options.seed} → {options.mix_seed}: {options.mix:.2f}"


def _walk_shown(walked: Sequence[Drawn]) -> str:
    """The order that plays a walk."""
    return stage.show_file("generate", Path(walked[0].path).with_name(f"walk{WALK_SUFFIXES[0]}"))


# What is asked for


def _size(given: object) -> str:
    """One of SIZES; raises OptionError."""
    return fields.read(DrawnSaveOptions, {"size": given}).size


def _size_of(recipe: Mapping[str, Any]) -> str:
    """The size at which a picture was kept, by its recipe."""
    then = recipe.get("then")
    made = then.get("options") if isinstance(then, dict) else None
    given = made.get("size", made.get("longest")) if isinstance(made, dict) else None
    return str(given) if str(given) in SIZES else SIZES[0] if then is None else SIZES[1]


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
    network, labels = _loaded(model), _direction_labels(model)
    shown = {
        f"direction_{number}": gr.update(visible=number <= network.directions, label=label)
        for number, label in enumerate(labels, 1)
    }
    return {"note": _note(model), **shown}


@guarded
def show_ends(*, model: str, request: gr.Request) -> dict[str, Any]:
    """What each direction does: the generator's mean picture moved along it, to both sides."""
    network = _loaded(model)
    lines = [*_ends(model, network.sha256), *[""] * DIRECTIONS][:DIRECTIONS]
    return {f"ends_{number}": gr.update(visible=bool(line), value=line) for number, line in enumerate(lines, 1)}


@lru_cache(maxsize=4)
def _ends(model: str, sha256: str) -> list[str]:
    """For each slider a line with both ends, as HTML; ``sha256`` is that of the generator called ``model`` now."""

    def image(pixels: Pixels) -> str:
        small = cv2.resize(pixels, (END, END), interpolation=cv2.INTER_AREA)
        data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR) if small.ndim == 3 else small)[1]
        return f'<img src="data:image/jpeg;base64,{b64encode(data.tobytes()).decode()}" alt="">'

    return [
        f'<div class="pair"><span>−{image(minus)}</span><span>{image(plus)}+</span></div>'
        for minus, plus in generate.ends(_loaded(model), END_AT)[:DIRECTIONS]
    ]


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
        "model": options.model, "size": _size_of(found), "truncation": options.truncation,
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
def draw_new(
    *, mode: str, chosen: Mapping[str, Drawn], own: Mapping[str, Any], settings: Mapping[str, Any],
    drawn: Sequence[Drawn], request: gr.Request, progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """The button: in the grid new faces each time, from another seed where that one is shown already."""
    shown = (drawn[0].options.seed, len(drawn), drawn[0].options.model) if drawn else None
    fresh = mode == "grid" and shown == (own["seed"], own["count"], settings["model"])
    if fresh:
        own = {**own, "seed": _dice(1)[0]}
    with job(request, progress) as work:
        made = _draw(mode, chosen, own, settings, work, request)
    return made | ({"seed": own["seed"]} if fresh else {})


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
        results = {"mixed": drawn, "shown": _grid_shown(drawn, keep="mix" in chosen)}
        now = replace(drawn[1], picked=True)
    else:
        asked = fields.read(GenerateOptions, {**style, "seed": own["seed"], "count": own["count"]})
        _check_count(asked)
        every = [generate.of_sample(asked, number) for number in range(asked.seed, asked.seed + asked.count)]
        drawn = _save(every, network, new_folder(request), report)
        before = chosen["grid"].options.seed if "grid" in chosen else None  # stay with the picture that was chosen
        index = next((i for i, options in enumerate(every) if options.seed == before), None)
        results = {"drawn": drawn, "shown": _grid_shown(drawn, keep=index is not None)}
        now = replace(drawn[index or 0], picked=index is not None and chosen["grid"].picked)
    return results | _panel(mode, {**chosen, mode: now}, size, work.language)


def _check_count(asked: GenerateOptions) -> None:
    if asked.count > MOST:
        raise OptionError(messages.TOO_MANY_PICTURES, count=asked.count, most=MOST)


def _save(
    asked: Sequence[GenerateOptions], network: LoadedGenerator, folder: Path, report: Report
) -> list[Drawn]:  # fmt: skip
    """Draw each of the options' one picture into a file of its own, with its recipe."""
    saved: list[Drawn] = []
    for options, sample in zip(asked, generate.draw_each(asked, network=network, report=report), strict=True):
        file = folder / f"{_stem(options)}.png"
        write_picture(sample.picture, file, recipe=generate.recipe(options))
        saved.append(Drawn(
            path=str(file), options=options, novelty=sample.novelty, side=sample.picture.width, place=len(saved)
        ))  # fmt: skip
    return saved


def _stem(options: GenerateOptions) -> str:
    stem = f"seed-{options.seed:06d}"
    return stem if options.mix_seed is None else f"{stem}-{options.mix_seed:06d}-{options.mix:.3f}"


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
            written = generate.recipe(one.options) | {"then": recipe["then"]}
            write_picture(sample.picture, _large(one, size), recipe=written)
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
        "shown": _walk_shown(drawn), "webp": gr.update(value=str(files[0]), interactive=True), "mp4": mp4,
        "scrubber": gr.update(maximum=len(drawn), value=0, visible=True), "walked": drawn,
    }, replace(drawn[0], picked=True)  # fmt: skip


def _walk_pictures(
    options: WalkOptions, samples: list[Sample], size: str, work: Job
) -> tuple[list[Sample], dict[str, Any]]:
    """The frames at the size asked for, and the recipe of the clip."""
    recipe = generate.recipe(options)
    if not _enlarges(size, samples[0].picture.width):
        return samples, recipe
    drawn = [sample.picture for sample in samples]
    made, then = generate.at_size(drawn, options.model, size, report=work.report(counting="pictures"))
    large = [replace(sample, picture=picture) for sample, picture in zip(samples, made, strict=True)]
    return large, recipe | then


def _enlarges(size: str, side: int) -> bool:
    return size != SIZES[0] and side < int(size)


def _large(drawn: Drawn, size: str) -> Path:
    path = Path(drawn.path)
    return path.with_name(f"{path.stem}-{size}.png")


# The panel of the chosen picture


@guarded
def on_stage(
    *, told: str, results: Mapping[str, Sequence[Drawn]], mode: str, chosen: Mapping[str, Drawn], size: object,
    request: gr.Request,
) -> dict[str, Any]:  # fmt: skip
    """A picture was opened on the stage: its facts. Two were marked: they are mixed next; two to eight: a walk."""
    done, drawn = stage.read_event(told), results.get(mode, ())
    if done.get("kind") == "tile" and mode != "walk" and done["index"] < len(drawn):
        chosen = {**chosen, mode: replace(drawn[done["index"]], picked=True)}
        return _panel(mode, chosen, _size(size), language_of(request)) | _in_place(chosen[mode], _size(size))
    if done.get("kind") != "marked" or mode != "grid" or not all(index < len(drawn) for index in done["indices"]):
        return {}
    seeds = [drawn[index].options.seed for index in done["indices"]]
    if len(seeds) < 2:
        return {}
    pair = {"first": seeds[0], "second": seeds[1]} if len(seeds) == 2 else {}
    return {"seeds": ", ".join(map(str, seeds)), **pair}


@guarded
def scrub(
    *, walked: Sequence[Drawn], frame: float, chosen: Mapping[str, Drawn], size: object, request: gr.Request
) -> dict[str, Any]:
    """The walk's slider: show that frame, counted from 1; 0 plays them all."""
    if not walked:
        return {}
    wanted = min(max(round(frame), 0), len(walked))
    now = walked[max(wanted, 1) - 1]
    shown = stage.show_file("generate", _shown_file(now, _size(size))) if wanted else _walk_shown(walked)
    return _panel("walk", {**chosen, "walk": now}, _size(size), language_of(request)) | {"shown": shown}


@guarded
def show_chosen(*, mode: str, chosen: Mapping[str, Drawn], size: object, request: gr.Request) -> dict[str, Any]:
    """The chosen picture, at the size asked for if it was enlarged before, else as drawn."""
    if mode not in chosen:
        return {}
    return _panel(mode, chosen, _size(size), language_of(request)) | _in_place(chosen[mode], _size(size))


def _shown_file(drawn: Drawn, size: str) -> Path:
    return _large(drawn, size) if _enlarges(size, drawn.side) and _large(drawn, size).exists() else Path(drawn.path)


def _in_place(drawn: Drawn, size: str) -> dict[str, Any]:
    """The tile at the size asked for; nothing for a frame of a walk."""
    if drawn.place is None:
        return {}
    return {"shown": stage.show_tile("generate", drawn.place, _shown_file(drawn, size))}


@guarded
def enlarge_chosen(
    *, mode: str, chosen: Mapping[str, Drawn], size: object, request: gr.Request,
    progress: gr.Progress = gr.Progress(),
) -> dict[str, Any]:  # fmt: skip
    """Enlarge the chosen picture, if that is asked for and not done yet."""
    wanted = _size(size)
    if mode not in chosen or not _enlarges(wanted, chosen[mode].side) or _large(chosen[mode], wanted).exists():
        return {}
    with job(request, progress, chosen[mode].path) as work:
        _at_size(chosen[mode], wanted, work.report())
        return _panel(mode, chosen, wanted, work.language) | _in_place(chosen[mode], wanted)


def _at_size(drawn: Drawn, size: str, report: Report) -> tuple[Path, dict[str, Any]]:
    """The file of a picture at the size asked for, made if need be, and its recipe."""
    path, recipe = Path(drawn.path), generate.recipe(drawn.options)
    if not path.exists():
        raise EditingError(messages.PICTURES_GONE)
    if _enlarges(size, drawn.side):
        path = _large(drawn, size)
        if path.exists():
            return path, read_picture(path).recipe or recipe
        [large], then = generate.at_size([read_picture(drawn.path)], drawn.options.model, size, report=report)
        recipe |= then
        write_picture(large, path, recipe=recipe)
    return path, recipe


def _panel(mode: str, chosen: Mapping[str, Drawn], size: str, language: str) -> dict[str, Any]:
    """The chosen picture, its facts, download and recipe; as drawn, unless it has been enlarged as asked for."""
    drawn = chosen[mode]
    options, side = drawn.options, drawn.side
    if _enlarges(size, side):
        size, side = (size, int(size)) if _large(drawn, size).exists() else ("native", side)
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
        "info": text,
        "download": gr.update(value=str(path), interactive=True), "recipe": recipe, "chosen": chosen,
        "recipe_box": gr.update(visible=True),
    }  # fmt: skip


def give(*, mode: str, chosen: Mapping[str, Drawn], size: object, request: gr.Request) -> Given:
    """The chosen picture, for another tab; raises EditingError where there is none."""
    if mode not in chosen or not Path(chosen[mode].path).exists():
        raise EditingError(messages.PICTURES_GONE)
    drawn = chosen[mode]
    wanted = _size(size)
    large = _enlarges(wanted, drawn.side) and _large(drawn, wanted).exists()
    return Given(file=str(_large(drawn, wanted)) if large else drawn.path)


# The strip of the visit's results


@guarded
def mark_saved(*, mode: str, chosen: Mapping[str, Drawn], request: gr.Request) -> dict[str, Any]:
    """The chosen picture, or the walk, was downloaded."""
    return {"chosen": {**chosen, mode: replace(chosen[mode], picked=True, saved=True)}} if mode in chosen else {}


def record(
    *, mode: str, chosen: Mapping[str, Drawn], size: object, held: Mapping[str, Any], request: gr.Request
) -> list[visit.Entry]:
    """Something was drawn or chosen; gives the strip, with the chosen picture in it once the visitor has picked it.

    The same person with other directions, or larger, takes the place of the one before, unless that was saved.
    """
    drawn = chosen.get(mode)
    if not drawn or not drawn.picked or not Path(drawn.path).exists():
        return visit.entries(request)
    wanted, path = _size(size), Path(drawn.path)
    walk = [path.with_name(f"walk{suffix}") for suffix in WALK_SUFFIXES] if mode == "walk" else []
    file = walk[0] if walk else _shown_file(drawn, wanted)
    who = (mode, drawn.options.model, held["seeds"] if walk else (drawn.options.seed, drawn.options.mix_seed))

    def instead(old: visit.Entry) -> bool:
        before: Drawn = old.settings["drawn"]
        return bool(old.settings["who"] == who and (not before.saved or before.options == drawn.options))

    settings = {"drawn": drawn, "who": who, "size": wanted, "held": dict(held)}
    for old in visit.entries(request):
        then = old.settings.get("drawn")
        if then and (old.settings["who"], old.settings["size"]) == (who, wanted) and (
            (then.options, then.saved) == (drawn.options, drawn.saved)
        ):  # fmt: skip
            return visit.entries(request)  # the same again
    beside = [path, *walk, *(_large(drawn, one) for one in SIZES[1:])]
    return visit.record_drawn("generate", file, beside, settings, request, instead=instead)


def reopen(*, entry: visit.Entry, chosen: Mapping[str, Drawn], request: gr.Request) -> dict[str, Any]:
    """A drawing of the strip is there again, with the settings with which it was made."""
    folder, language = visit.again(entry, request), language_of(request)
    mode, held, size = entry.settings["who"][0], dict(entry.settings["held"]), entry.settings["size"]
    drawn = replace(
        entry.settings["drawn"], path=str(folder / Path(entry.settings["drawn"].path).name),
        place=None if mode == "walk" else 0,
    )  # fmt: skip
    if mode == "grid":
        held["seed"] = drawn.options.seed
    webp, mp4 = (folder / f"walk{suffix}" for suffix in WALK_SUFFIXES)
    walks = mode == "walk"
    return {
        "ways": gr.update(selected=mode), "mode": mode, "size": size, **held,
        {"grid": "drawn", "mix": "mixed", "walk": "walked"}[mode]: [drawn],
        "webp": gr.update(value=str(webp) if walks else None, visible=walks, interactive=walks),
        "mp4": gr.update(value=str(mp4) if mp4.exists() else None, visible=walks, interactive=mp4.exists()),
        "scrubber": gr.update(visible=False),
        **_panel(mode, {**chosen, mode: drawn}, size, language),
        "shown": _walk_shown([drawn]) if walks else _grid_shown([drawn]),
    }  # fmt: skip


def settings_of(*, path: str, recipe: Mapping[str, Any], request: gr.Request) -> dict[str, Any]:
    """The settings with which a picture or walk was drawn, for the tab where its file is."""
    return restore_settings(path=path, request=request)


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
