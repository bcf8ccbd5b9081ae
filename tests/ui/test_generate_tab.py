"""The Generate tab's handlers, called as the page calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
from editing.errors import ImageError
from editing.networks.generator import GeneratorConfig
from editing.options import GenerateOptions, WalkOptions
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import generate
from editing.ui import generate_tab, handlers
from editing.ui.generate_tab import DIRECTIONS

ROOT = Path(__file__).parent.parent.parent
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
    return gr.Request(session_hash="somebody", headers={}, cookies={})


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No progress: there is no page to show it on."""
    monkeypatch.setattr(handlers.JobReport, "__call__", lambda self, done, total, note="": None)


def asked(mode: str, **changed: Any) -> list[Any]:
    """The page's values for run_page: its first ones, with some changed."""
    values: dict[str, Any] = {
        "chosen": {}, "mode": mode, "seed": 0, "count": 3, "first": 1, "second": 2, "amount": 0.5, "seeds": "1, 2",
        "frames": 4, "fps": 10, "loop": True, "model": MODEL, "size": "native", "truncation": 0.7,
    }  # fmt: skip
    directions = changed.pop("directions", LEVEL)
    return [*(values | changed).values(), *directions]


def run(request: gr.Request, mode: str, **changed: Any) -> tuple[Any, ...]:
    return tuple(generate_tab.run_page(request, gr.Progress(), *asked(mode, **changed)))


def pixels(path: str) -> np.ndarray[Any, Any]:
    return read_picture(path).pixels


def test_the_grid_shows_each_seed_and_the_first_is_chosen(request_: gr.Request) -> None:
    gallery, drawn, *rest = run(request_, "grid", seed=7.0, count=5)
    assert [caption for _, caption in gallery["value"]] == ["7", "8", "9", "10", "11"]
    assert gallery["columns"] == 3
    assert [one.options.seed for one in drawn] == [7, 8, 9, 10, 11]
    for one in drawn:
        wanted = generate.generate(one.options)[0]
        assert np.array_equal(pixels(one.path), wanted.picture.pixels)
        assert one.novelty == wanted.novelty is not None
        assert generate.options_of(read_picture(one.path).recipe or {}) == one.options
    visible, picture, text, button, recipe, chosen = rest[-6:]
    assert visible["visible"]
    assert picture == button["value"] == drawn[0].path
    assert "Seed 7" in text
    assert "64 × 64" in text
    assert "Novelty" in text
    assert recipe["options"]["seed"] == 7
    assert chosen == {"grid": drawn[0]}


def test_after_another_draw_the_same_seed_stays_chosen(request_: gr.Request) -> None:
    drawn = run(request_, "grid")[1]
    again = generate_tab.redraw(request_, gr.Progress(), *asked("grid", chosen={"grid": drawn[2]}, truncation=0.2))
    assert again[-1]["grid"].options == replace(drawn[2].options, truncation=0.2)
    assert again[0]["selected_index"] == 2
    # Nothing was drawn yet, or it is a walk: nothing changes.
    for mode, chosen in (("grid", {}), ("walk", {"walk": drawn[0]})):
        outputs = generate_tab.redraw(request_, gr.Progress(), *asked(mode, chosen=chosen))
        assert outputs == (gr.skip(),) * 15


def test_a_picture_is_chosen_by_a_click(request_: gr.Request) -> None:
    drawn = run(request_, "grid")[1]
    event = gr.SelectData(None, {"index": 1, "value": None})
    panel = generate_tab.choose(drawn, "grid", {}, "native", event, request_)
    assert panel[1] == drawn[1].path
    assert panel[-1] == {"grid": drawn[1]}
    outside = gr.SelectData(None, {"index": 3, "value": None})
    assert generate_tab.choose(drawn, "grid", {}, "native", outside, request_) == (gr.skip(),) * 6


def test_256_is_made_once_and_sent_on(request_: gr.Request) -> None:
    drawn = run(request_, "grid")[1]
    chosen = {"grid": drawn[0]}
    assert generate_tab.enlarge_chosen("grid", chosen, "native", request_) == (gr.skip(),) * 6
    assert generate_tab.show_chosen("grid", chosen, "256", request_)[1] == drawn[0].path  # not enlarged yet
    panel = generate_tab.enlarge_chosen("grid", chosen, "256", request_, gr.Progress())
    assert pixels(panel[1]).shape == (256, 256, 3)
    assert "256 × 256" in panel[2]
    assert read_picture(panel[1]).recipe == panel[4]
    assert panel[4]["then"]["task"] == "upscale"
    assert generate_tab.enlarge_chosen("grid", chosen, "256", request_) == (gr.skip(),) * 6  # done before
    assert generate_tab.show_chosen("grid", chosen, "256", request_)[1] == panel[1]
    assert generate_tab.send_to_upscale("grid", chosen, "256", request_)[0] == panel[1]
    path, tabs = generate_tab.send_to_upscale("grid", chosen, "native", request_)
    assert path == drawn[0].path
    assert tabs["selected"] == "upscale"


def test_a_mix_lies_between_its_seeds(request_: gr.Request) -> None:
    outputs = run(request_, "mix", amount=0.25, directions=[0, 0.5, *LEVEL[2:]])
    trio, mixed = outputs[2:4]
    assert [caption for _, caption in trio["value"]] == ["1", "1 → 2: 0.25", "2"]
    assert [one.options.seed for one in mixed] == [1, 1, 2]
    assert mixed[1].options == GenerateOptions(model=MODEL, seed=1, mix_seed=2, mix=0.25, directions=(0, 0.5))
    assert outputs[-1] == {"mix": mixed[1]}
    assert "Seed 1 with 25 % of seed 2" in outputs[-4]


def test_a_walk_gives_both_clips_and_its_frames(request_: gr.Request) -> None:
    outputs = run(request_, "walk", seeds="3，1、2", frames=6, fps=12)
    player, webp, mp4, scrubber, walked = outputs[4:9]
    assert player == webp["value"]
    assert len(read_webp(Path(webp["value"]))[0]) == len(read_mp4(Path(mp4["value"]))[0]) == len(walked) == 6
    assert scrubber["maximum"] == 6
    options = generate.options_of(read_picture(player).recipe or {})
    assert options == WalkOptions(model=MODEL, seeds=(3, 1, 2), frames=6)
    panel = generate_tab.scrub(walked, 4, {}, "native", request_)
    assert panel[1] == walked[3].path
    assert panel[-1]["walk"].options == GenerateOptions(model=MODEL, seed=1, mix_seed=2, mix=0.5)
    assert generate_tab.scrub([], 4, {}, "native", request_) == (gr.skip(),) * 6
    assert generate_tab.scrub(walked, 99, {}, "native", request_)[1] == walked[5].path


def test_a_large_walk_has_large_frames(request_: gr.Request) -> None:
    outputs = run(request_, "walk", frames=2, size="256")
    assert read_webp(Path(outputs[4]))[0][0].shape == (256, 256, 3)
    assert (read_picture(outputs[4]).recipe or {})["then"]["options"]["longest"] == 256
    assert pixels(generate_tab.scrub(outputs[8], 2, {}, "256", request_)[1]).shape == (256, 256, 3)


def test_directions_beyond_the_generators_are_left_out(request_: gr.Request) -> None:
    """A slider that is hidden for this generator may still stand where it was set for another."""
    outputs = run(request_, "grid", model="gray.safetensors", directions=[1.5] * DIRECTIONS)
    assert outputs[1][0].options.directions == ()
    assert outputs[1][0].novelty is None
    assert "Novelty" not in outputs[-4]
    shown = generate_tab.show_model(MODEL, request_)[1:]
    assert [update["visible"] for update in shown] == [True] * 3 + [False] * 5


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": None}, "Seed (nothing) is not offered"),
        ({"seed": 1.5}, "Seed 1.5 is not offered"),
        ({"seed": float("nan")}, "Seed nan"),
        ({"seed": -1}, "Seed -1"),
        ({"model": "/etc/passwd"}, "There is no weight"),
        ({"mode": "mix", "second": 2**32}, "Seed 4294967296"),
        ({"mode": "mix", "second": None}, "Seed (nothing)"),
        ({"mode": "mix", "amount": float("nan")}, "The mix is nan"),
        ({"mode": "walk", "seeds": "one"}, "The seeds are"),
        ({"mode": "walk", "seeds": ""}, "two to eight seeds; 0"),
        ({"mode": "walk", "size": "512"}, "The size is"),
    ],
)
def test_mistakes_become_toasts(request_: gr.Request, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(gr.Error) as caught:
        run(request_, **({"mode": "grid"} | changed))
    assert said in str(caught.value)


def test_files_that_are_gone_are_told(request_: gr.Request) -> None:
    drawn = run(request_, "grid")[1]
    Path(drawn[0].path).unlink()
    for call in (generate_tab.send_to_upscale, generate_tab.show_chosen):
        with pytest.raises(gr.Error, match="no longer kept"):
            call("grid", {"grid": drawn[0]}, "native", request_)
    shown = generate_tab.show_way("grid", {"grid": drawn[0]}, "native", request_)  # a click on a tab is no mistake
    assert shown[0] == "grid"
    assert not shown[6]["visible"]


def values(outputs: tuple[Any, ...]) -> dict[str, Any]:
    names = ["tab", "seed", "count", "first", "second", "amount", "seeds", "frames", "fps", "loop"]
    names += ["model", "size", "truncation", *[f"d{number}" for number in range(1, DIRECTIONS + 1)]]
    given = dict(zip(names, outputs, strict=True))
    given["tab"] = given["tab"]["selected"]
    return {name: value for name, value in given.items() if value != gr.skip()}


def test_a_drawn_picture_restores_the_tab(request_: gr.Request, tmp_path: Path) -> None:
    drawn = run(request_, "grid", seed=5, truncation=0.4, directions=[0, 1, *LEVEL[2:]])[1]
    found = values(generate_tab.restore_settings(drawn[1].path, request_))
    level = {f"d{number}": 0.0 for number in range(1, DIRECTIONS + 1)}
    style = {"model": MODEL, "size": "native", "truncation": 0.4} | level | {"d2": 1.0}
    assert found == {"tab": "grid", "seed": 6, "count": 1} | style
    mixed = run(request_, "mix", truncation=0.4, directions=[0, 1, *LEVEL[2:]])[3]
    found = values(generate_tab.restore_settings(mixed[1].path, request_))
    assert found == {"tab": "mix", "first": 1, "second": 2, "amount": 0.5} | style
    clip = run(request_, "walk", truncation=0.4, loop=False)[4]
    found = values(generate_tab.restore_settings(clip, request_))
    walk = {"tab": "walk", "seeds": "1, 2", "frames": 4, "loop": False}
    assert found == walk | style | {"d2": 0.0}
    write_picture(read_picture(drawn[0].path), tmp_path / "plain.png")
    with pytest.raises(gr.Error, match="no recipe"):
        generate_tab.restore_settings(str(tmp_path / "plain.png"), request_)


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
        generate_tab.restore_settings(str(tmp_path / "far.png"), request_)


def test_without_mp4_there_is_still_the_webp(request_: gr.Request, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, warned = write_walk, []

    def lacking(frames: Any, path: Path, **options: Any) -> None:
        if path.suffix == ".mp4":
            raise ImageError("The clip can't be saved as MP4 here (<b>no</b>). Save it as WebP.")
        whole(frames, path, **options)

    monkeypatch.setattr(generate_tab, "write_walk", lacking)
    monkeypatch.setattr(gr, "Warning", warned.append)
    outputs = run(request_, "walk")
    assert Path(outputs[5]["value"]).exists()
    assert outputs[6] == gr.update(value=None, interactive=False)
    assert warned == ["The clip can&#x27;t be saved as MP4 here (&lt;b&gt;no&lt;/b&gt;). Save it as WebP."]


def test_the_endpoints_give_files_and_facts(request_: gr.Request) -> None:
    files, facts = generate_tab.generate_endpoint(
        3, 2, 0.5, MODEL, "native", [0.5], 9, 0.25, request_, gr.Progress()
    )  # fmt: skip
    assert [one["seed"] for one in facts["pictures"]] == [3, 4]
    for file, one in zip(files, facts["pictures"], strict=True):
        assert read_picture(file).recipe == one["recipe"]
        assert one["recipe"]["options"]["mix_seed"] == 9
    clip, facts = generate_tab.walk_endpoint(
        "1, 2", 3, 10, False, 0.5, MODEL, "native", None, "mp4", request_, gr.Progress()
    )  # fmt: skip
    assert len(read_mp4(Path(clip))[0]) == len(facts["frames"]) == 3
    assert facts["frames"][-1] == {"from": 1, "to": 2, "amount": 1.0}


@pytest.mark.parametrize(
    "arguments",
    [
        (0, 37, 0.5, MODEL, "native", [], 0, 0),
        (0, 1.5, 0.5, MODEL, "native", [], 0, 0),
        (0, 1, float("nan"), MODEL, "native", [], 0, 0),
        (0, 1, 0.5, MODEL, "native", "abc", 0, 0),
        (0, 1, 0.5, MODEL, "native", [None], 0, 0),
        (0, 1, 0.5, MODEL, "512", [], 0, 0),
        (0, 1, 0.5, "../small.safetensors", "native", [], 0, 0),
        (0, 1, 0.5, MODEL, "native", [], -1, 0.5),
        (0, 1, 0.5, MODEL, "native", [], None, 0.5),
    ],
)
def test_the_endpoint_refuses_what_the_page_never_sends(request_: gr.Request, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(gr.Error) as caught:
        generate_tab.generate_endpoint(*arguments, request_, gr.Progress())
    assert "inside Atelier" not in str(caught.value)  # told as the sender's mistake, not as a bug


def test_a_format_cannot_name_a_path(request_: gr.Request) -> None:
    with pytest.raises(gr.Error, match="choose webp or mp4"):
        generate_tab.walk_endpoint("1, 2", 3, 10, True, 0.5, MODEL, "native", [], "x/../../../a.webp", request_)


def test_the_dice_give_short_seeds() -> None:
    seeds = generate_tab._dice(200)
    assert len(set(seeds)) > 190
    assert min(seeds) >= 0
    assert max(seeds) < 10**6


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (4, 2), (5, 3), (16, 4), (25, 5), (36, 6)])
def test_the_grid_is_about_square(count: int, columns: int) -> None:
    assert generate_tab._columns(count) == columns


BUILD = """
import json, sys
from pathlib import Path
import gradio as gr
from editing import weights
from editing.ui import page
weights.SHIPPED = Path(sys.argv[1])
built = page.build()
blocks = built.blocks.values()
print(json.dumps({
    "tabs": [block.id for block in blocks if isinstance(block, gr.Tab)],
    "public": [fn.api_name for fn in built.fns.values() if fn.api_visibility == "public"],
    "strays": [str(c) for b in blocks if isinstance(b, gr.Tabs) for c in b.children if not isinstance(c, gr.Tab)],
}))
"""


@pytest.mark.parametrize("there", [True, False])
def test_the_tab_is_there_only_with_a_generator(tmp_path: Path, folder: Path, there: bool) -> None:
    # In a process of its own, since Gradio leaves event loops unclosed.
    environment = os.environ | {"ATELIER_WEIGHTS": str(folder if there else tmp_path / "none")}
    command = [sys.executable, "-c", BUILD, str(tmp_path / "none")]
    ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    built = json.loads(ran.stdout.splitlines()[-1])
    assert ("generate" in built["tabs"]) == there
    assert ({"generate", "walk"} <= set(built["public"])) == there
    # Gradio takes whatever lies beside tabs for a tab too, and then shows one of them twice.
    assert built["strays"] == []
