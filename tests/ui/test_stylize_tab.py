"""The Stylize tab's handlers, called as Gradio calls them, with a small random network."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from made_clips import animation, moving, video
from pipelines.test_stylize import make, make_magenta, photo, random_vgg, soften

from editing import options, runtime
from editing.clips.read import probe_clip
from editing.costs import Cost
from editing.errors import EditingError
from editing.options import StylizeOptions
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import stylize
from editing.pipelines.fine import LoadedVgg
from editing.ui import clips, fields, handlers, results, stylize_tab
from editing.ui.results import Source
from editing.ui.shown import painting
from editing.weights.catalogue import CATALOGUE
from ui.test_stage import file_at
from ui.test_stage import said as says
from ui.visitor import Visitor, built_page, sent

MODEL = "small.safetensors"
SETTINGS: dict[str, Any] = {
    "style": "waves", "own": None, "second": "", "own_second": None, "mix": 0.5, "style_scale": 4.0,
    "precision": "fp32", "tile": None, "model": MODEL,
}  # fmt: skip
LIVE: dict[str, Any] = {"strength": 1.0, "keep_colors": False, "drawn": ""}
SAVING: dict[str, Any] = {"format": "png", "strip": False, "keep_gps": False}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A photo as the tab remembers it, with small.safetensors among the models."""
    (tmp_path / "weights").mkdir()
    make(tmp_path / "weights" / "small.safetensors")
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(runtime, "_job_lock", threading.RLock())  # one that stays taken ends with its test
    monkeypatch.setattr(runtime, "cores", lambda: 1)
    soften(monkeypatch)
    monkeypatch.setattr(gr, "Info", lambda *_, **__: None)
    write_picture(photo(), tmp_path / "photo.png")
    write_picture(photo(90, 70), tmp_path / "mine.png")
    return given(str(tmp_path / "photo.png"))


def given(path: str) -> Source:
    source = stylize_tab.inspect(path=path, source=None, sent=None, request=Visitor())["source"]
    assert isinstance(source, Source)
    return source


PICTURE: dict[str, Any] = {"mode": "one", "clip": None, "clip_options": {"steady": 0.5, "deinterlace": "auto"},
                           "clip_saving": SAVING | {"format": ""}}  # fmt: skip


def run(source: Source | None, live: dict[str, Any] = LIVE, visitor: Any = None, **changed: Any) -> dict[str, Any]:
    return stylize_tab.run_page(
        source=source, settings=SETTINGS | changed, live=live, saving=SAVING, last=None, **PICTURE,
        request=visitor or Visitor(), progress=gr.Progress(),
    )  # fmt: skip


def remixed(kept: Any, **live: Any) -> dict[str, Any]:
    return stylize_tab.remix(kept=kept, live=LIVE | live, saving=SAVING, request=Visitor())


def said(call: Any) -> str:
    with pytest.raises(gr.Error) as caught:
        call()
    return str(caught.value.message)


def drawn() -> str:
    """The left half masked, as the stage sends it."""
    mask = np.zeros((60, 80), np.uint8)
    mask[:, :40] = 255
    return sent(mask)


def test_a_run_and_its_live_dials(source: Source) -> None:
    outputs = run(source)
    download = outputs["download"]
    assert outputs["info"].startswith("**80 × 60** in ")
    assert Path(download["value"]).name == "photo-waves.png"
    assert file_at(says(outputs["shown"])["result"]["url"]) == Path(download["value"])
    assert outputs["recipe"]["options"]["style"] == "waves"
    assert "masked" not in outputs["recipe"]
    painted = read_picture(download["value"]).pixels
    for live in ({"strength": 0.0}, {"strength": 0.0, "keep_colors": True, "drawn": drawn()}):
        outputs = remixed(outputs["kept"], **live)
        assert Path(outputs["download"]["value"]).name == "photo-waves-s0.png"
        np.testing.assert_array_equal(read_picture(outputs["download"]["value"]).pixels, photo().pixels)
    outputs = remixed(outputs["kept"], drawn=drawn())
    half = read_picture(outputs["download"]["value"]).pixels
    np.testing.assert_array_equal(half[:, 45:], photo().pixels[:, 45:])
    np.testing.assert_array_equal(half[:, :35], painted[:, :35])
    assert outputs["recipe"]["masked"] is True
    assert len(list(outputs["kept"].folder.glob("*/*.png"))) == 1  # versions before it are gone


def test_another_pictures_mask_is_none_for_this_result(source: Source, tmp_path: Path) -> None:
    kept = run(source)["kept"]
    given(str(tmp_path / "mine.png"))
    assert remixed(kept, drawn=drawn()) == {}
    assert run(source) == {}


def test_a_dial_decodes_nothing_again_and_needs_no_upload(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = run(source, own=str(tmp_path / "mine.png"))["kept"]

    def refuse(path: object) -> None:
        raise AssertionError(f"{path} was decoded again")

    for module in (stylize_tab, results):
        monkeypatch.setattr(module, "read_picture", refuse)
    for name in ("photo.png", "mine.png"):
        (tmp_path / name).unlink()  # as Gradio deletes uploads after an hour
    outputs = remixed(kept, strength=0.5)
    assert outputs["recipe"]["styles"][0]["name"] == "mine.png"


def test_an_own_picture_comes_before_the_gallery(source: Source, tmp_path: Path) -> None:
    own = str(tmp_path / "mine.png")
    outputs = run(source, own=own, second="night", mix=0.25)
    recipe = outputs["recipe"]
    assert (recipe["options"]["style"], recipe["options"]["second"]) == ("mine.png", "night")
    assert str(tmp_path) not in str(recipe)
    assert Path(outputs["kept"].file).name == "photo-mine-night.png"


@pytest.mark.parametrize("place", ["style", "second"])
@pytest.mark.parametrize("name", ["wave", "../mine.png", "{own}"])
def test_a_name_from_a_request_opens_no_file(place: str, name: str, source: Source, tmp_path: Path) -> None:
    message = said(lambda: run(source, **{place: name.format(own=tmp_path / "mine.png")}))
    assert "There is no style called" in message
    assert message.endswith("Choices: waves, night.")


def test_a_model_from_a_request_opens_no_file(source: Source, tmp_path: Path) -> None:
    make(tmp_path / "mine.safetensors")
    message = said(lambda: run(source, model=str(tmp_path / "mine.safetensors")))
    assert "small.safetensors" in message
    assert not message.endswith("or the path of a file.")
    with pytest.raises(gr.Error, match=r"small\.safetensors"):
        stylize_tab.styles_endpoint(model=str(tmp_path / "mine.safetensors"), request=Visitor())


def test_another_model_brings_its_own_gallery(source: Source) -> None:
    shown = stylize_tab.show_styles(model=MODEL, request=Visitor())
    assert (shown["thumbnails"]["visible"], shown["names"]) == (False, [])
    assert shown["style"]["choices"] == [
        ("Waves · A. Painter, 1831", "waves"),
        ("Night · B. Painter, c. 1900", "night"),
    ]
    assert shown["style"]["value"] == "waves"
    assert shown["second"]["value"] == ""
    assert shown["names_of_sheet"] == ["waves", "night"]


def test_a_damaged_stylizer_keeps_no_page_from_opening(source: Source, tmp_path: Path) -> None:
    make(tmp_path / "weights" / "broken.safetensors", styles="[1]")
    assert MODEL in stylize_tab.available()
    assert "broken.safetensors" not in stylize_tab.available()


def test_what_is_missing_is_said_in_chinese(source: Source) -> None:
    visitor = Visitor(language="zh")
    assert "没有名为“wave”的风格。可选：waves, night。" in said(lambda: run(source, visitor=visitor, style="wave"))
    assert said(lambda: run(None, visitor=visitor)) == "还没有图片：请先放入一张。"
    estimate = stylize_tab.show_estimate(
        mode="one", source=source, clip=None, settings=SETTINGS | {"style_scale": 9.0}, request=visitor
    )
    assert estimate["cost"] == "⚠ 笔触大小为 9.0，应在 0.1 到 4 之间。"


def sheet(source: Source, visitor: Any = None) -> Iterator[dict[str, Any]]:
    return stylize_tab.run_sheet(
        source=source, keep_colors=False, model=MODEL, request=visitor or Visitor(), progress=gr.Progress()
    )


def test_a_model_without_an_encoder_takes_no_picture_of_ones_own(source: Source, tmp_path: Path) -> None:
    make_magenta(tmp_path / "weights" / "magenta.safetensors")
    assert stylize_tab.show_styles(model=MODEL, request=Visitor())["own_box"]["visible"]
    shown = stylize_tab.show_styles(model="magenta.safetensors", request=Visitor())
    assert (shown["own_box"]["visible"], shown["own_second"]["visible"]) == (False, False)
    assert shown["style"]["choices"] == [("Waves · A. Painter, 1831", "waves"), ("Night", "night")]
    message = said(lambda: run(source, model="magenta.safetensors", own=str(tmp_path / "mine.png")))
    assert "own styles alone" in message
    assert run(source, model="magenta.safetensors")["recipe"]["options"]["style"] == "waves"


def test_styles_are_named_in_the_visitors_language(source: Source, tmp_path: Path) -> None:
    make_magenta(tmp_path / "weights" / "magenta.safetensors")
    named = stylize_tab.name_styles(model="magenta.safetensors", request=Visitor(language="zh"))
    assert named["style"]["choices"] == [("海浪 · A. Painter, 1831", "waves"), ("Night", "night")]
    assert named["second"]["choices"][1:] == named["style"]["choices"]
    assert stylize_tab.name_styles(model="magenta.safetensors", request=Visitor()) == {}
    shown = stylize_tab.show_styles(model="magenta.safetensors", request=Visitor(language="zh"))
    assert shown["style"]["choices"] == named["style"]["choices"]


def test_every_style_that_ships_is_pictured_and_named_in_both_languages() -> None:
    names = []
    for weight in CATALOGUE:
        for style in stylize.styles(weight.name) if weight.task == "stylize" else ():
            names.append(style.name)
            assert painting(style.name).is_file(), style.name
            assert all((style.title, style.title_zh)), style.name
            assert bool(style.artist) == bool(style.artist_zh) == bool(style.year), style.name
            assert re.search("[\u4e00-\u9fff]", stylize_tab._short(style, "zh")), style.name
    assert len(set(names)) == len(names) >= 26  # thumbnails of all models lie in one folder
    assert {path.stem for path in painting("x").parent.glob("*.webp")} == set(names)


def test_all_styles_on_a_sheet_one_after_the_other(source: Source) -> None:
    steps = list(sheet(source))
    assert [step["names_of_sheet"] for step in steps] == [["waves"], ["waves", "night"]]
    shown = says(steps[-1]["shown"])["tiles"]
    assert [tile["caption"] for tile in shown] == ["Waves\nA. Painter", "Night\nB. Painter"]
    assert probe_picture(file_at(shown[0]["url"])).width == 80


def test_stop_ends_the_sheet_and_keeps_what_is_there(source: Source) -> None:
    steps = sheet(source, Visitor(arrived=time.perf_counter()))
    next(steps)
    handlers.request_stop(Visitor())
    assert list(steps) == []


def test_the_recipe_gives_the_dials_back(source: Source, tmp_path: Path) -> None:
    live = LIVE | {"strength": 0.5, "keep_colors": True}
    made = run(source, live, style="night", own_second=str(tmp_path / "mine.png"), mix=0.25, style_scale=2.0)
    looked = stylize_tab.inspect(path=made["kept"].file, source=None, sent=None, request=Visitor())
    assert looked["use_recipe"]["visible"]
    back = stylize_tab.settings_of(path="", recipe=looked["source"].recipe, model=MODEL, request=Visitor())
    assert back == {
        "style": "night", "own": None, "second": "", "own_second": None, "mix": 0.25, "style_scale": 2.0,
        "strength": 0.5, "keep_colors": True,
    }  # fmt: skip  # the own picture has to be given again


def test_what_the_command_allows_the_page_shows(source: Source) -> None:
    """``--style-scale 0.1`` wrote a recipe that the page's slider refuses."""
    for name in ("style_scale", "mix", "strength"):
        slider, spec = fields.field(StylizeOptions, name, render=False), options.spec_of(StylizeOptions, name)
        assert (slider.minimum, slider.maximum, slider.step) == (spec.low, spec.high, spec.step)
    for recipe in ([], "text", {"style": "waves", "style_scale": [1]}):
        broken = {"task": "stylize", "options": recipe}
        with pytest.raises(EditingError):
            stylize_tab.settings_of(path="", recipe=broken, model=MODEL, request=Visitor())


FINE: dict[str, Any] = {"steps": 20, "vgg": "vgg16-front"}


def fine(source: Source, progress: Any = None, **changed: Any) -> Iterator[dict[str, Any]]:
    return stylize_tab.run_fine(
        source=source, settings=SETTINGS | changed, fine=FINE, live=LIVE, saving=SAVING, last=None, request=Visitor(),
        progress=progress or gr.Progress(),
    )  # fmt: skip


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A VGG of a few channels, and a picture shown after each step."""
    vgg = random_vgg()
    monkeypatch.setattr(stylize.fine, "load", lambda name, precision: vgg)
    monkeypatch.setattr(LoadedVgg, "cost", lambda self, wait=True: Cost(seconds=1e-6, bytes=1000.0))
    plain = stylize.optimise.__wrapped__  # type: ignore[attr-defined]
    monkeypatch.setattr(plain, "__kwdefaults__", {**plain.__kwdefaults__, "every": 0})


@pytest.mark.usefixtures("quick")
def test_fine_shows_what_there_is_and_frees_the_machine(source: Source, tmp_path: Path) -> None:
    steps = fine(source, style=None, own=str(tmp_path / "mine.png"), second="night")
    first = next(steps)
    assert first["info"] == "Steps: 1 of 20"
    assert probe_picture(file_at(says(first["shown"])["result"]["url"])).width == 192  # as it is painted
    assert set(first) == {"shown", "info"}  # a result comes at the end
    with runtime.job(wait=False) as taken:
        assert taken
    *_, last = steps
    assert last["info"].startswith("Steps: 20 of 20<br>**80 × 60**")
    assert (last["recipe"]["options"]["optimise"], last["recipe"]["options"]["style"]) == (20, "mine.png")
    assert [weight["name"] for weight in last["recipe"]["weights"]] == [MODEL, "vgg16-front"]
    assert Path(last["download"]["value"]).name == "photo-mine-fine.png"
    assert remixed(last["kept"], strength=0.5)["recipe"]["options"]["optimise"] == 20
    assert "stopped" not in last["recipe"]


@pytest.mark.usefixtures("quick")
def test_stop_keeps_what_fine_has(source: Source, tmp_path: Path) -> None:
    def stop(progress: tuple[int, int], desc: str) -> None:
        if progress[0] == 4:
            handlers.request_stop(Visitor())

    shown = list(fine(source, stop, own=str(tmp_path / "mine.png")))
    kept = [one for one in shown if "download" in one]
    assert len(kept) == 1
    assert re.match(r"Steps: 5 of 20<br>\*\*80 × 60\*\*", kept[0]["info"])
    assert kept[0]["recipe"]["stopped"] == 5
    assert remixed(kept[0]["kept"], strength=0.5)["recipe"]["stopped"] == 5


@pytest.mark.usefixtures("quick")
def test_what_fine_takes_is_said_once_it_is_looked_at(source: Source, tmp_path: Path) -> None:
    def said_of(asked: bool, **changed: Any) -> str:
        cost = stylize_tab.show_fine_estimate(
            asked=asked, source=source, settings=SETTINGS | changed, fine=FINE, request=Visitor()
        )["cost"]
        assert isinstance(cost, str)
        return cost

    assert said_of(False) == ""
    assert re.match(r"\*\*80 × 60\*\* · about .* steps: 20", said_of(True, own=str(tmp_path / "mine.png")))


def test_fine_says_what_it_lacks(source: Source) -> None:
    assert "knows none behind 'waves'" in said(lambda: list(fine(source)))


# ---- clips -----------------------------------------------------------------------------------------------------------


def clip_of(path: Path) -> Any:
    return clips.look(path=str(path), tab="stylize", request=Visitor())["source"]


def run_clip(clip: Any, progress: Any = None, saving: Any = None, **changed: Any) -> dict[str, Any]:
    return stylize_tab.run_page(
        source=None, settings=SETTINGS | changed, live=LIVE, saving=SAVING, last=None, request=Visitor(), mode="clip",
        clip=clip, clip_options={"steady": 0.5}, clip_saving=SAVING | {"format": ""} | (saving or {}),
        progress=progress or gr.Progress(),
    )  # fmt: skip


def test_a_clip_is_estimated_and_painted(source: Source, tmp_path: Path) -> None:
    clip = clip_of(animation(tmp_path / "a.gif", moving(3), loop=0))
    line = stylize_tab.show_estimate(mode="clip", source=None, clip=clip, settings=SETTINGS, request=Visitor())["cost"]
    assert "3 frames · about" in line
    made = run_clip(clip, saving={"format": "webp"}, own=str(tmp_path / "mine.png"))
    file = Path(made["clip_download"]["value"])
    assert (file.name, probe_clip(file).frames) == ("a-mine.webp", 3)
    assert made["clip_info"].startswith("**64 × 48** · 3 frames in ")
    shown = says(made["played"])["result"]
    assert (file_at(shown["url"]), shown["video"]) == (file, False)
    assert "no clip yet" in said(lambda: run_clip(None))


def test_a_clip_that_is_stopped_leaves_a_part(source: Source, tmp_path: Path) -> None:
    def stop(progress: tuple[int, int], desc: str) -> None:
        if progress[0] == 2:
            handlers.request_stop(Visitor())

    clip = clip_of(animation(tmp_path / "a.gif", moving(5), loop=0))
    assert "**2 of 5 frames**" in run_clip(clip, stop)["clip_info"]
    assert "3 frames" not in run_clip(clip)["clip_info"]


def test_what_comes_to_the_stage_goes_where_it_is_done(source: Source, tmp_path: Path) -> None:
    taken = stylize_tab.take(given=str(video(tmp_path / "a.mp4", moving(2))), request=Visitor())
    assert set(taken) == {"clip", "modes"}
    assert set(stylize_tab.take(given=str(tmp_path / "photo.png"), request=Visitor())) == {"picture"}
    assert stylize_tab.take(given=None, request=Visitor()) == {}


SENT: dict[str, Any] = {
    "style": "waves", "second": "night", "mix": 0.5, "style_scale": 4.0, "strength": 1.0, "keep_colors": False,
    "precision": "fp32", "tile": 0, "model": MODEL, "file_format": "PNG", "strip": False, "keep_gps": False,
    "optimise": 0, "vgg": "vgg16-front",
}  # fmt: skip


def test_the_endpoint_of_clips(source: Source, tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", moving(2))
    sent_too = {name: value for name, value in SENT.items() if name not in ("file_format", "optimise", "vgg")}

    def asked_of(**more: Any) -> dict[str, Any]:
        given = {**sent_too, "clip_format": "WebP", "steady": 0.3, **more}
        return stylize_tab.stylize_clip_endpoint(file=str(path), request=Visitor(), progress=gr.Progress(), **given)

    answer = asked_of(style_file=str(tmp_path / "mine.png"))
    assert answer["file"].endswith("a-mine-night.webp")
    assert (answer["facts"]["width"], answer["facts"]["frames"]) == (64, 2)
    recipe = answer["facts"]["recipe"]
    assert (recipe["task"], recipe["options"]["steady"], recipe["options"]["second"]) == ("stylize", 0.3, "night")
    for wrong in ({"clip_format": "AVI"}, {"steady": 3}, {"style": "dusk"}, {"style_scale": [1]}):
        assert "inside Atelier" not in said(lambda wrong=wrong: asked_of(**wrong))


def asked(source: Source, **more: Any) -> dict[str, Any]:
    """What the API answers."""
    return stylize_tab.stylize_endpoint(file=source.path, request=Visitor(), progress=gr.Progress(), **SENT | more)


def test_the_endpoints(source: Source, tmp_path: Path) -> None:
    write_picture(Picture(pixels=np.zeros((60, 80, 1), np.uint8)), tmp_path / "mask.png")
    answer = asked(source, mask_file=str(tmp_path / "mask.png"), second_file=str(tmp_path / "mine.png"))
    facts = answer["facts"]
    np.testing.assert_array_equal(read_picture(answer["file"]).pixels, photo().pixels)  # nothing is masked
    assert (facts["width"], facts["height"], facts["notices"]) == (80, 60, [])
    assert facts["recipe"]["options"]["second"] == "mine.png"
    assert read_picture(answer["file"]).recipe == facts["recipe"]
    assert stylize_tab.styles_endpoint(model=MODEL, request=Visitor())["styles"][0] == {
        "name": "waves", "title": "Waves", "artist": "A. Painter", "year": "1831", "title_zh": "", "artist_zh": "",
    }  # fmt: skip


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, 7.5, "nonsense", None], ids=str)
def test_a_wrong_value_is_answered_with_what_is_wrong(source: Source, value: object) -> None:
    for name in SENT:
        if value is None and name in ("second", "tile", "optimise", "vgg"):  # none, auto, as usual
            continue
        assert "inside Atelier" not in said(lambda name=name: asked(source, **{name: value})), name


@pytest.mark.parametrize("there", [True, False])
def test_the_tab_is_there_only_with_a_stylizer(there: bool, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    if there:
        make(tmp_path / "weights" / "small.safetensors")
    built = built_page(tmp_path / "weights", tmp_path / "none")
    assert ("stylize" in built["tabs"]) == there
    assert ({"stylize", "stylize_clip", "styles"} <= set(built["public"])) == there
    assert built["strays"] == []  # Gradio takes whatever lies beside tabs for a tab, too


def test_a_style_of_the_gallery_is_chosen_by_its_thumbnail() -> None:
    def event(index: object) -> gr.SelectData:
        return gr.SelectData(target=None, data={"index": index, "value": None})

    chosen = stylize_tab.choose(listed=["waves", "night"], event=event(1), request=Visitor())
    assert chosen == {"style": "night", "own": None}
    assert stylize_tab.choose(listed=["waves"], event=event(7), request=Visitor()) == {}
