"""The Generate tab's handlers, called as the page calls them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from clips.test_walk import read_mp4, read_webp
from pipelines.test_generate import make

from editing.clips.write import write_walk
from editing.errors import EditingError, ImageError
from editing.networks.generator import GeneratorConfig
from editing.options import GenerateOptions, WalkOptions
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import generate
from editing.ui import generate_tab, handlers, visit
from editing.ui.generate_tab import DIRECTIONS
from ui.test_stage import file_at, said
from ui.visitor import Visitor, built_page

MODEL = "small.safetensors"
LEVEL = [0.0] * DIRECTIONS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of generators: small with novelty, gray without directions."""
    own = tmp_path / "weights"
    own.mkdir()
    make(own / MODEL, GeneratorConfig(size=64, latent=8, style=8, capacity=512, max_channels=16), directions=3,
         known=torch.zeros(2, 192, dtype=torch.int8), novelty="400")  # fmt: skip
    make(own / "gray.safetensors", GeneratorConfig(size=28, channels=1, latent=4, style=8, capacity=128), directions=0)
    monkeypatch.setenv("ATELIER_WEIGHTS", str(own))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    return own


@pytest.fixture
def request_() -> gr.Request:
    return Visitor("somebody")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No progress: there is no page to show it on."""
    monkeypatch.setattr(handlers.JobReport, "__call__", lambda self, done, total, note="": None)


def asked(mode: str, **changed: Any) -> dict[str, Any]:
    """The page's values: its first ones, with some changed."""
    own: dict[str, Any] = {
        "seed": 0, "count": 3, "first": 1, "second": 2, "mix": 0.5, "seeds": "1, 2", "frames": 4, "fps": 10,
        "loop": True,
    }  # fmt: skip
    settings: dict[str, Any] = {"model": MODEL, "size": "native", "truncation": 0.7, "directions": LEVEL}
    return {
        "mode": mode, "chosen": changed.get("chosen", {}), "progress": gr.Progress(),
        "own": own | {name: value for name, value in changed.items() if name in own},
        "settings": settings | {name: value for name, value in changed.items() if name in settings},
    }  # fmt: skip


def run(request: gr.Request, mode: str, **changed: Any) -> dict[str, Any]:
    return generate_tab.run_page(request=request, **asked(mode, **changed))


def panel_of(call: Any, request: gr.Request, chosen: Any, size: str = "native", **more: Any) -> dict[str, Any]:
    """What a handler of the panel changes, called in the grid unless ``more`` says otherwise."""
    return call(**{"mode": "grid", "chosen": chosen, "size": size, "request": request, **more})


def pixels(path: str) -> np.ndarray[Any, Any]:
    return read_picture(path).pixels


def test_the_grid_shows_each_seed_and_the_first_is_chosen(request_: gr.Request) -> None:
    outputs = run(request_, "grid", seed=7.0, count=5)
    drawn, tiles = outputs["drawn"], said(outputs["shown"])["tiles"]
    assert [tile["caption"] for tile in tiles] == ["7", "8", "9", "10", "11"]
    assert [file_at(tile["url"]) for tile in tiles] == [Path(one.path) for one in drawn]
    assert [one.options.seed for one in drawn] == [7, 8, 9, 10, 11]
    for one in drawn:
        wanted = generate.generate(one.options)[0]
        assert np.array_equal(pixels(one.path), wanted.picture.pixels)
        assert one.novelty == wanted.novelty is not None
        assert generate.options_of(read_picture(one.path).recipe or {}) == one.options
    assert outputs["download"]["value"] == drawn[0].path
    for words in ("Seed 7", "64 × 64", "Novelty"):
        assert words in outputs["info"]
    assert outputs["recipe"]["options"]["seed"] == 7
    assert outputs["chosen"] == {"grid": drawn[0]}


def test_after_another_draw_the_same_seed_stays_chosen(request_: gr.Request) -> None:
    drawn = run(request_, "grid")["drawn"]
    values = asked("grid", chosen={"grid": drawn[2]}, truncation=0.2)
    again = generate_tab.redraw(request=request_, **values)
    assert again["chosen"]["grid"].options == replace(drawn[2].options, truncation=0.2)
    assert said(again["shown"])["keep"]
    # Nothing was drawn yet, or it is a walk: nothing changes.
    for mode, chosen in (("grid", {}), ("walk", {"walk": drawn[0]})):
        assert generate_tab.redraw(request=request_, **asked(mode, chosen=chosen)) == {}


def test_a_picture_is_chosen_by_a_click(request_: gr.Request) -> None:
    drawn = run(request_, "grid")["drawn"]

    def told(**event: Any) -> dict[str, Any]:
        return panel_of(generate_tab.on_stage, request_, {}, results={"grid": drawn}, told=json.dumps(event))

    panel = told(kind="tile", index=1)
    assert panel["download"]["value"] == drawn[1].path
    assert panel["chosen"] == {"grid": replace(drawn[1], picked=True)}
    assert told(kind="tile", index=3) == {}
    # Two that are marked are for a mix, more of them for a walk.
    assert told(kind="marked", indices=[2, 0]) == {"seeds": "2, 0", "first": 2, "second": 0}
    assert told(kind="marked", indices=[2, 0, 1]) == {"seeds": "2, 0, 1"}
    assert told(kind="marked", indices=[2, 9]) == {}


def test_256_is_made_once_and_sent_on(request_: gr.Request) -> None:
    drawn = run(request_, "grid")["drawn"]
    chosen = {"grid": drawn[0]}
    enlarge, show, give = generate_tab.enlarge_chosen, generate_tab.show_chosen, generate_tab.give
    assert panel_of(enlarge, request_, chosen) == {}
    assert panel_of(show, request_, chosen, "256")["download"]["value"] == drawn[0].path  # not enlarged yet
    panel = panel_of(enlarge, request_, chosen, "256", progress=gr.Progress())
    large = panel["download"]["value"]
    assert pixels(large).shape == (256, 256, 3)
    assert "256 × 256" in panel["info"]
    assert read_picture(large).recipe == panel["recipe"]
    assert panel["recipe"]["then"]["task"] == "upscale"
    assert panel_of(enlarge, request_, chosen, "256") == {}  # done before
    assert panel_of(show, request_, chosen, "256")["download"]["value"] == large
    assert generate_tab.give(mode="grid", chosen=chosen, size="256", request=request_).file == large
    assert give(mode="grid", chosen=chosen, size="native", request=request_).file == drawn[0].path


def test_the_button_draws_new_faces_where_those_are_there_already(request_: gr.Request) -> None:
    def press(**more: Any) -> dict[str, Any]:
        return generate_tab.draw_new(request=request_, **asked("grid", **more), drawn=more.pop("drawn", []))

    first = press()
    assert "seed" not in first
    assert [one.options.seed for one in first["drawn"]] == [0, 1, 2]
    new = press(drawn=first["drawn"])
    assert new["drawn"][0].options.seed == new["seed"] != 0
    wanted = press(drawn=first["drawn"], seed=5)  # somebody wants to see that one
    assert wanted["drawn"][0].options.seed == 5


def test_a_mix_lies_between_its_seeds(request_: gr.Request) -> None:
    outputs = run(request_, "mix", mix=0.25, directions=[0, 0.5, *LEVEL[2:]])
    mixed = outputs["mixed"]
    assert [tile["caption"] for tile in said(outputs["shown"])["tiles"]] == ["1", "1 → 2: 0.25", "2"]
    assert [one.options.seed for one in mixed] == [1, 1, 2]
    assert mixed[1].options == GenerateOptions(model=MODEL, seed=1, mix_seed=2, mix=0.25, directions=(0, 0.5))
    assert outputs["chosen"] == {"mix": replace(mixed[1], picked=True)}
    assert "Seed 1 with 25 % of seed 2" in outputs["info"]


def scrubbed(request: gr.Request, walked: list[Any], frame: float, size: str = "native") -> dict[str, Any]:
    return generate_tab.scrub(walked=walked, frame=frame, chosen={}, size=size, request=request)


def test_a_walk_gives_both_clips_and_its_frames(request_: gr.Request) -> None:
    outputs = run(request_, "walk", seeds="3，1、2", frames=6, fps=12)
    webp, mp4, walked = outputs["webp"], outputs["mp4"], outputs["walked"]
    assert file_at(said(outputs["shown"])["picture"]["url"]) == Path(webp["value"])
    assert len(read_webp(Path(webp["value"]))[0]) == len(read_mp4(Path(mp4["value"]))[0]) == len(walked) == 6
    assert outputs["scrubber"]["maximum"] == 6
    options = generate.options_of(read_picture(webp["value"]).recipe or {})
    assert options == WalkOptions(model=MODEL, seeds=(3, 1, 2), frames=6)
    panel = scrubbed(request_, walked, 4)
    assert panel["download"]["value"] == walked[3].path
    assert panel["chosen"]["walk"].options == GenerateOptions(model=MODEL, seed=1, mix_seed=2, mix=0.5)
    assert scrubbed(request_, [], 4) == {}
    assert scrubbed(request_, walked, 99)["download"]["value"] == walked[5].path


def test_a_large_walk_has_large_frames(request_: gr.Request) -> None:
    outputs = run(request_, "walk", frames=2, size="256")
    clip = outputs["webp"]["value"]
    assert read_webp(Path(clip))[0][0].shape == (256, 256, 3)
    assert (read_picture(clip).recipe or {})["then"]["options"]["longest"] == 256
    assert pixels(scrubbed(request_, outputs["walked"], 2, "256")["download"]["value"]).shape == (256, 256, 3)


def test_directions_beyond_the_generators_are_left_out(request_: gr.Request) -> None:
    """A slider that is hidden for this generator may still stand where it was set for another."""
    outputs = run(request_, "grid", model="gray.safetensors", directions=[1.5] * DIRECTIONS)
    assert outputs["drawn"][0].options.directions == ()
    assert outputs["drawn"][0].novelty is None
    assert "Novelty" not in outputs["info"]
    shown = generate_tab.show_model(model=MODEL, request=request_)
    assert [shown[f"direction_{number}"]["visible"] for number in range(1, DIRECTIONS + 1)] == [True] * 3 + [False] * 5


def test_directions_are_called_what_they_change_and_shown_by_both_ends(request_: gr.Request) -> None:
    shown = generate_tab.show_model(model="faces", request=request_)
    assert [shown[f"direction_{number}"]["label"].key for number in (1, 6)] == ["direction_turn", "direction_6"]
    seen = generate_tab.show_ends(model=MODEL, request=request_)
    assert [seen[f"ends_{number}"]["visible"] for number in range(1, DIRECTIONS + 1)] == [True] * 3 + [False] * 5
    assert seen["ends_1"]["value"].count("data:image/jpeg;base64,") == 2
    assert generate_tab.show_ends(model="gray.safetensors", request=request_)["ends_1"]["visible"] is False


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": None}, "Seed is '(nothing)'"),
        ({"seed": 1.5}, "Seed is '1.5'"),
        ({"seed": float("nan")}, "Seed is 'nan'"),
        ({"seed": -1}, "Seed is -1"),
        ({"count": 37}, "37 pictures were asked for; 1 to 36"),
        ({"model": "/etc/passwd"}, "There is no weight"),
        ({"mode": "mix", "second": 2**32}, "Seed is 4294967296"),
        ({"mode": "mix", "second": None}, "Seed is '(nothing)'"),
        ({"mode": "mix", "mix": float("nan")}, "Mix is nan"),
        ({"mode": "walk", "seeds": "one"}, "The seeds are"),
        ({"mode": "walk", "seeds": ""}, "two to eight seeds; 0"),
        ({"mode": "walk", "size": "1024"}, "Size is '1024'"),
        ({"mode": "walk", "fps": [1]}, "Frames a second is"),
    ],
)
def test_mistakes_become_toasts(request_: gr.Request, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(gr.Error) as caught:
        run(request_, **({"mode": "grid"} | changed))
    assert said in str(caught.value)


def test_files_that_are_gone_are_told(request_: gr.Request) -> None:
    drawn = run(request_, "grid")["drawn"]
    Path(drawn[0].path).unlink()
    with pytest.raises(EditingError, match="no longer kept"):
        panel_of(generate_tab.give, request_, {"grid": drawn[0]})
    with pytest.raises(gr.Error, match="no longer kept"):
        panel_of(generate_tab.show_chosen, request_, {"grid": drawn[0]})
    shown = panel_of(generate_tab.show_way, request_, {"grid": drawn[0]}, results={})  # a click on a tab is no mistake
    assert shown["mode"] == "grid"
    assert shown["info"] == ""


def test_a_drawn_picture_restores_the_tab(request_: gr.Request, tmp_path: Path) -> None:
    def restored(path: str) -> dict[str, Any]:
        return generate_tab.restore_settings(path=path, request=request_)

    style = {"truncation": 0.4, "directions": [0, 1, *LEVEL[2:]]}
    level = {f"direction_{number}": 0.0 for number in range(1, DIRECTIONS + 1)}
    wanted = {"model": MODEL, "size": "native", "truncation": 0.4} | level | {"direction_2": 1.0}
    drawn = run(request_, "grid", seed=5, **style)["drawn"]
    assert restored(drawn[1].path) == {"ways": gr.update(selected="grid"), "seed": 6, "count": 1} | wanted
    mixed = run(request_, "mix", **style)["mixed"]
    found = restored(mixed[1].path)
    assert found == {"ways": gr.update(selected="mix"), "first": 1, "second": 2, "mix": 0.5} | wanted
    clip = run(request_, "walk", truncation=0.4, loop=False)["webp"]["value"]
    walk = {"ways": gr.update(selected="walk"), "seeds": "1, 2", "frames": 4, "loop": False}
    assert restored(clip) == walk | wanted | {"direction_2": 0.0}
    write_picture(read_picture(drawn[0].path), tmp_path / "plain.png")
    with pytest.raises(gr.Error, match="no recipe"):
        restored(str(tmp_path / "plain.png"))


@pytest.mark.parametrize(
    "options",
    [
        GenerateOptions(model=MODEL, directions=(5.0,)),
        GenerateOptions(model=MODEL, directions=(0.0, 0.0, 0.0, 1.0)),
        GenerateOptions(model=MODEL, count=100),
        WalkOptions(model=MODEL, frames=500),
    ],
)
def test_what_the_page_cannot_show_is_not_restored(
    request_: gr.Request, tmp_path: Path, options: GenerateOptions | WalkOptions
) -> None:
    picture = generate.generate(GenerateOptions(model=MODEL))[0].picture
    write_picture(picture, tmp_path / "far.png", recipe=generate.recipe(options))
    with pytest.raises(gr.Error, match="more than the page offers"):
        generate_tab.restore_settings(path=str(tmp_path / "far.png"), request=request_)


def test_without_mp4_there_is_still_the_webp(request_: gr.Request, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, warned = write_walk, []

    def lacking(frames: Any, path: Path, **options: Any) -> None:
        if path.suffix == ".mp4":
            raise ImageError("The clip can't be saved as MP4 here (<b>no</b>). Save it as WebP.")
        whole(frames, path, **options)

    monkeypatch.setattr(generate_tab, "write_walk", lacking)
    monkeypatch.setattr(gr, "Warning", lambda text, **_: warned.append(text))
    outputs = run(request_, "walk")
    assert Path(outputs["webp"]["value"]).exists()
    assert outputs["mp4"] == gr.update(value=None, interactive=False)
    assert warned == ["The clip can't be saved as MP4 here (&lt;b&gt;no&lt;/b&gt;). Save it as WebP."]


SENT: dict[str, Any] = {
    "seed": 3, "count": 2, "truncation": 0.5, "model": MODEL, "size": "native", "directions": [0.5], "mix_seed": 9,
    "mix": 0.25,
}  # fmt: skip
SENT_WALK: dict[str, Any] = {
    "seeds": "1, 2", "frames": 3, "fps": 10, "loop": False, "truncation": 0.5, "model": MODEL, "size": "native",
    "directions": [], "file_format": "mp4",
}  # fmt: skip


def drawn_for(request: gr.Request, **more: Any) -> dict[str, Any]:
    return generate_tab.generate_endpoint(request=request, progress=gr.Progress(), **SENT | more)


def walked_for(request: gr.Request, **more: Any) -> dict[str, Any]:
    return generate_tab.walk_endpoint(request=request, progress=gr.Progress(), **SENT_WALK | more)


def test_the_endpoints_give_files_and_facts(request_: gr.Request) -> None:
    answer = drawn_for(request_)
    assert [one["seed"] for one in answer["facts"]["pictures"]] == [3, 4]
    for file, one in zip(answer["files"], answer["facts"]["pictures"], strict=True):
        assert read_picture(file).recipe == one["recipe"]
        assert one["recipe"]["options"]["mix_seed"] == 9
    alone = drawn_for(request_, mix=0, mix_seed=0, count=1)
    assert alone["facts"]["pictures"][0]["recipe"]["options"]["mix_seed"] is None
    answer = walked_for(request_)
    assert len(read_mp4(Path(answer["clip"]))[0]) == len(answer["facts"]["frames"]) == 3
    assert answer["facts"]["frames"][-1] == {"from": 1, "to": 2, "amount": 1.0}


@pytest.mark.parametrize("value", [[None], {"a": 1}, 7.5, float("nan"), -1, 37, "../small.safetensors", None], ids=str)
def test_the_endpoints_refuse_what_the_page_never_sends(request_: gr.Request, value: Any) -> None:
    fitting = {("directions", None), ("mix_seed", None), ("mix_seed", 37), ("seed", 37), ("fps", 37), ("fps", 7.5)}
    fitting |= {("frames", 37)}
    for call, sent in ((drawn_for, SENT), (walked_for, SENT_WALK)):
        for name in sent:
            if isinstance(value, (list, dict)) or (name, value) not in fitting:
                with pytest.raises(gr.Error) as caught:
                    call(request_, **{name: value})
                assert "inside Atelier" not in str(caught.value), name  # the sender's mistake, not a bug


def test_a_format_cannot_name_a_path(request_: gr.Request) -> None:
    with pytest.raises(gr.Error, match="choose webp or mp4"):
        walked_for(request_, file_format="x/../../../a.webp")


def test_the_dice_give_short_seeds() -> None:
    seeds = generate_tab._dice(200)
    assert len(set(seeds)) > 190
    assert min(seeds) >= 0
    assert max(seeds) < 10**6


@pytest.mark.parametrize("there", [True, False])
def test_the_tab_is_there_only_with_a_generator(tmp_path: Path, folder: Path, there: bool) -> None:
    built = built_page(folder if there else tmp_path / "none", tmp_path / "none")
    assert ("generate" in built["tabs"]) == there
    assert ({"generate", "walk"} <= set(built["public"])) == there
    assert built["strays"] == []  # Gradio takes whatever lies beside tabs for a tab too, and shows one of them twice


# The strip of the visit's results


def test_what_is_picked_stands_in_the_strip_and_leads_back(
    request_: gr.Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "_visits", {})
    monkeypatch.setattr(visit, "_words", {})
    visit.begin(None, request_)
    held = {"seed": 0, "count": 3, "seeds": "1, 2"}

    def strip(made: dict[str, Any], mode: str = "grid") -> list[visit.Entry]:
        return generate_tab.record(mode=mode, chosen=made["chosen"], size="native", held=held, request=request_)

    made = run(request_, "grid")
    assert strip(made) == []  # nobody has picked one
    told = json.dumps({"kind": "tile", "index": 2, "n": 1})
    picked = panel_of(
        generate_tab.on_stage, request_, made["chosen"], told=told, results={"grid": made["drawn"]}
    )  # fmt: skip
    (entry,) = strip(picked)
    assert strip(picked) == [entry]  # looked at again, it is the same
    assert (read_picture(entry.file).recipe or {})["options"]["seed"] == 2

    # Moved along a direction it takes its own place; once it was saved it keeps that.
    turned = run(request_, "grid", chosen=picked["chosen"], directions=[1.5, *LEVEL[1:]])
    assert len(strip(turned)) == 1
    assert not Path(entry.file).exists()
    saved = generate_tab.mark_saved(mode="grid", chosen=turned["chosen"], request=request_)
    strip(saved)
    again = run(request_, "grid", chosen=saved["chosen"], directions=[-1.5, *LEVEL[1:]])
    assert len(strip(again)) == 2
    walked = run(request_, "walk")
    found = strip(walked, "walk")
    assert [one.settings["who"][0] for one in found] == ["walk", "grid", "grid"]

    # Back in the tab: the picture, its recipe, and what the tab held.
    back = generate_tab.reopen(entry=found[-1], chosen={}, request=request_)
    assert back["recipe"]["options"]["directions"] == [1.5]
    assert (back["mode"], back["seed"], back["count"]) == ("grid", 2, 3)
    assert np.array_equal(pixels(back["download"]["value"]), pixels(turned["chosen"]["grid"].path))
    played = generate_tab.reopen(entry=found[0], chosen={}, request=request_)
    assert len(read_webp(Path(played["webp"]["value"]))[0]) == 4
    assert played["ways"]["selected"] == "walk"
