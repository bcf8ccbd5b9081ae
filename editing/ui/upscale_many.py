"""Upscale's several pictures: each on its own with its outcome, before and after, and a second try of what failed."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from editing import messages, runtime
from editing.clips.read import VIDEO_SUFFIXES, is_clip
from editing.errors import EditingError, Stopped
from editing.options import ClipSaveOptions, SaveOptions, UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.read import PICTURE_SUFFIXES, read_picture
from editing.pipelines import upscale
from editing.ui import results, upscale_clips
from editing.ui.handlers import duration, explain, guarded, keep, new_folder, owned, stoppable
from editing.ui.translations import T, language_of, say


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One of several files, and what became of it."""

    file: str  # the visitor's own
    place: Path  # the folder of what is made of it
    said: str = ""
    made: Path | None = None
    shown: Path | None = None  # what the gallery has
    part: Path | None = None  # of a clip that was stopped


@dataclass(frozen=True, kw_only=True)
class Many:
    """What the tab shows of several files."""

    gallery: gr.Gallery
    pair: gr.ImageSlider
    table: gr.Dataframe
    retry: gr.Button
    outcomes: gr.State  # of the last run, a list of Outcomes

    def outputs(self) -> dict[str, Any]:
        """By the names that :func:`run` gives."""
        return {
            "gallery": self.gallery, "pair": self.pair, "table": self.table, "retry": self.retry,
            "outcomes": self.outcomes,
        }  # fmt: skip


def build() -> Many:
    """The results; :func:`folder_button` stands with the files."""
    return Many(
        gallery=gr.Gallery(label=T("results"), columns=4, height=260, allow_preview=False, elem_id="upscale-gallery"),
        pair=gr.ImageSlider(
            label=T("before_and_after"), type="filepath", interactive=False, visible=False, elem_id="upscale-pair"
        ),
        table=gr.Dataframe(
            headers=["", ""], column_widths=["40%", "60%"], interactive=False, show_label=False, wrap=True,
            elem_id="upscale-table",
        ),
        retry=gr.Button(T("retry"), size="sm", visible=False, elem_id="upscale-retry"),
        outcomes=gr.State(),
    )  # fmt: skip


def folder_button() -> gr.UploadButton:
    """Takes a whole folder, as :func:`take_folder` does."""
    return gr.UploadButton(
        T("choose_folder"), file_count="directory", type="filepath", size="sm", elem_id="upscale-folder"
    )  # fmt: skip


@guarded
def take_folder(*, given: list[str] | None, request: gr.Request) -> dict[str, Any]:
    """A folder was chosen: its pictures and clips, and those of its sub-folders."""
    known = (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES)
    fitting = [
        file for file in given or [] if Path(file).suffix.lower() in known and not Path(file).name.startswith(".")
    ]  # fmt: skip
    if given and not fitting:
        raise EditingError(messages.NO_PICTURES_CHOSEN)
    return {"files": [owned(file, new_folder(request)) for file in fitting]} if fitting else {}


def taken(files: Iterable[str], request: gr.Request | None) -> list[Outcome]:
    """Files of the visitor's own, for :func:`run`: uploads would be gone before the last one's turn comes."""
    folder = new_folder(request)
    found = []
    for index, file in enumerate(files):
        place = folder / str(index)  # two files may have the same name
        (place / "given").mkdir(parents=True)
        found.append(Outcome(file=owned(file, place / "given"), place=place))
    return found


def run(
    outcomes: Sequence[Outcome], options: UpscaleOptions, saving: SaveOptions, request: gr.Request,
    progress: gr.Progress,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Each file that has no result yet on its own: one that fails says why and the rest go on; Stop keeps what is done.

    Gives what changes of :meth:`Many.outputs` after each, and ``archive`` in the end.
    """
    language = language_of(request)
    try:
        keep(*(outcome.file for outcome in outcomes))
    except FileNotFoundError as error:
        raise EditingError(messages.RESULT_GONE) from error
    now = [outcome if outcome.made else replace(outcome, said="", part=None) for outcome in outcomes]
    with stoppable(request, progress, *(outcome.place for outcome in now)) as work:
        for index, outcome in enumerate(now):
            if outcome.made:
                continue
            started = time.monotonic()
            prefix = say("progress_file", language, index=index + 1, count=len(now))
            try:
                report = work.report(prefix, counting="frames" if is_clip(outcome.file) else "tiles")
                now[index], (width, height, noise) = _one(outcome, options, saving, language, report)
                facts = {"width": width, "height": height, "seconds": duration(time.monotonic() - started)}
                now[index] = replace(now[index], said="✓ " + say("file_done", language, **facts) + noise)
            except Stopped:
                left = "– " + say("file_stopped", language)
                now[index:] = [rest if rest.made else replace(rest, said=left) for rest in now[index:]]
                for part in outcome.place.glob("*.partial.*"):  # of a clip
                    now[index] = replace(now[index], part=part, said="– " + say("file_part", language))
                break
            except Exception as error:
                now[index] = replace(outcome, said="✗ " + explain(error, language))
            yield _shown(now, language)
    done = [path for outcome in now if (path := outcome.made or outcome.part)]
    archive = _zip(done, new_folder(request)) if done else None
    yield _shown(now, language) | {
        "archive": gr.update(value=str(archive) if archive else None, interactive=archive is not None),
        "retry": gr.update(visible=any(outcome.made is None for outcome in now)),
    }


def _one(
    outcome: Outcome, options: UpscaleOptions, saving: SaveOptions, language: str, report: Any
) -> tuple[Outcome, tuple[int, int, str]]:
    """One file's result; with its size, and what is said of its noise."""
    if is_clip(outcome.file):
        ways = ClipSaveOptions(strip=saving.strip, keep_gps=saving.keep_gps)
        saved, clip = upscale_clips.run_in(outcome.place, outcome.file, options, ways, report)
        return replace(outcome, made=saved, shown=saved), (clip.width, clip.height, "")
    with runtime.job():
        picture = read_picture(outcome.file)
        settled = upscale.settle(options, picture)
        check_fits(picture, settled, saving)
        result = upscale.upscale(picture, settled, report=report)
        recipe = upscale.recipe(settled)
        saved, _ = results.save(result, outcome.file, ending(settled), outcome.place, saving, recipe)
        shown = results.viewed(result, saved)
    return replace(outcome, made=saved, shown=shown), (result.width, result.height, noise_level(settled, language))


def _shown(outcomes: Sequence[Outcome], language: str) -> dict[str, Any]:
    rows = [[Path(outcome.file).name, outcome.said] for outcome in outcomes]
    return {
        "gallery": [(str(outcome.shown), outcome.made.name) for outcome in outcomes if outcome.made],
        "table": {"headers": [say("file", language), say("outcome", language)], "data": rows},
        "pair": gr.update(visible=False),
        "outcomes": list(outcomes),
        "retry": gr.update(visible=False),
    }


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
def show_pair(*, outcomes: list[Outcome] | None, event: gr.SelectData, request: gr.Request) -> dict[str, Any]:
    """A result was chosen in the gallery: it and what it was made of, with a divider. A clip has none."""
    made = [outcome for outcome in outcomes or [] if outcome.made]
    if not 0 <= event.index < len(made):
        return {}
    outcome = made[event.index]
    if is_clip(outcome.file):
        return {"pair": gr.update(visible=False)}
    try:
        keep(outcome.file, str(outcome.shown))
    except FileNotFoundError as error:
        raise EditingError(messages.RESULT_GONE) from error
    before = results.viewed(read_picture(outcome.file), Path(outcome.file))
    return {"pair": gr.update(value=(str(before), str(outcome.shown)), visible=True)}


# ---- what one picture and several have alike -------------------------------------------------------------------------


def ending(options: UpscaleOptions) -> str:
    """For the result's name: what was done."""
    return f"{options.model}-{upscale.amount(options)}" + (
        "" if options.strength == 1 else f"-s{round(options.strength * 100)}"
    )


def noise_level(options: UpscaleOptions, language: str) -> str:
    """How strong the noise is that a denoiser is told of; nothing for other models."""
    return "" if options.sigma is None else say("noise_level", language, sigma=f"{options.sigma:.1f}")


def check_fits(picture: Picture, options: UpscaleOptions, saving: SaveOptions) -> None:
    """Before the first tile: raise ImageError where the format can't hold the result."""
    network = upscale.load(options.model, options.precision)
    results.check_fits(saving, *upscale.target_size(picture.width, picture.height, options, network))
