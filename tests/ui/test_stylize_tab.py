"""The Stylize tab's handlers, called as Gradio calls them, with a small random network."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from pipelines.test_stylize import make, photo, random_vgg

from editing import runtime
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import stylize
from editing.ui import handlers, stylize_tab

ROOT = Path(__file__).parent.parent.parent
MODEL = "small.safetensors"
SETTINGS = (
    "waves",
    None,
    "",
    None,
    0.5,
    4.0,
    "fp32",
    0,
    MODEL,
)  # style, own, second, own, mix, scale, precision, tile, model
LIVE = (1.0, False, "")  # strength, kept colours, mask
SAVING = ("PNG", False, False)


class Visitor(gr.Request):
    """What the handlers look at of a request."""

    def __init__(self, session: str = "one", language: str = "en") -> None:
        self.session_hash, self.cookies, self.headers = session, {"atelier_lang": language}, {}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A photo as the tab remembers it, with small.safetensors among the models."""
    (tmp_path / "weights").mkdir()
    make(tmp_path / "weights" / "small.safetensors")
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(runtime, "_job_lock", threading.RLock())  # one that stays taken ends with its test
    monkeypatch.setattr(runtime, "cores", lambda: 1)
    write_picture(photo(), tmp_path / "photo.png")
    write_picture(photo(90, 70), tmp_path / "mine.png")
    found, *_ = stylize_tab.inspect(str(tmp_path / "photo.png"), None, None, Visitor())  # type: ignore[arg-type]
    return dict(found)


def run(source: dict[str, Any], settings: tuple[Any, ...] = SETTINGS, live: tuple[Any, ...] = LIVE) -> tuple[Any, ...]:
    return stylize_tab.run_page(Visitor(), gr.Progress(), source, *settings, *live, *SAVING, None)  # type: ignore[arg-type]


def said(call: Any) -> str:
    with pytest.raises(gr.Error) as caught:
        call()
    return str(caught.value.message)


def drawn() -> str:
    """The left half masked, as the canvas sends it."""
    mask = np.zeros((60, 80, 4), np.uint8)
    mask[:, :40] = 255
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def test_a_run_and_its_live_dials(source: dict[str, Any]) -> None:
    slider, info, download, send, recipe, made, _ = run(source)
    assert info.startswith("**80 × 60** in ")
    assert Path(download["value"]).name == "photo-waves.png"
    assert slider["value"] == (source["path"], download["value"])
    assert send["interactive"]
    assert recipe["options"]["style"] == "waves"
    assert "masked" not in recipe
    painted = read_picture(download["value"]).pixels
    for live, name in (((0.0, False, ""), "photo-waves-s0.png"), ((0.0, True, drawn()), "photo-waves-s0.png")):
        *_, download, _, recipe, made = stylize_tab.remix(Visitor(), made, *live, *SAVING)  # type: ignore[arg-type]
        assert Path(download["value"]).name == name
        np.testing.assert_array_equal(read_picture(download["value"]).pixels, photo().pixels)
    *_, download, _, recipe, made = stylize_tab.remix(Visitor(), made, 1.0, False, drawn(), *SAVING)  # type: ignore[arg-type]
    half = read_picture(download["value"]).pixels
    np.testing.assert_array_equal(half[:, 45:], photo().pixels[:, 45:])
    np.testing.assert_array_equal(half[:, :35], painted[:, :35])
    assert recipe["masked"] is True
    assert len(list(Path(made["folder"]).glob("*/*.png"))) == 1  # versions before it are gone


def test_an_own_picture_comes_before_the_gallery(source: dict[str, Any], tmp_path: Path) -> None:
    own = str(tmp_path / "mine.png")
    settings = ("waves", own, "night", None, 0.25, *SETTINGS[5:])
    *_, recipe, made, _ = run(source, settings)
    assert (recipe["options"]["style"], recipe["options"]["second"]) == ("mine.png", "night")
    assert str(tmp_path) not in str(recipe)
    assert Path(made["file"]).name == "photo-mine-night.png"


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("name", ["wave", "../mine.png", "{own}"])
def test_a_name_from_a_request_opens_no_file(place: int, name: str, source: dict[str, Any], tmp_path: Path) -> None:
    settings: list[Any] = list(SETTINGS)
    settings[place] = name.format(own=tmp_path / "mine.png")
    message = said(lambda: run(source, tuple(settings)))
    assert "There is no style called" in message
    assert message.endswith("Choices: waves, night.")


def test_a_model_from_a_request_opens_no_file(source: dict[str, Any], tmp_path: Path) -> None:
    make(tmp_path / "mine.safetensors")
    message = said(lambda: run(source, (*SETTINGS[:8], str(tmp_path / "mine.safetensors"))))
    assert "small.safetensors" in message
    assert not message.endswith("or the path of a file.")
    with pytest.raises(gr.Error, match=r"small\.safetensors"):
        stylize_tab.styles_endpoint(str(tmp_path / "mine.safetensors"), Visitor())


def test_another_model_brings_its_own_gallery(source: dict[str, Any]) -> None:
    thumbnails, names, style, _, second, _, _, listed = stylize_tab.show_styles(MODEL, Visitor())
    assert (thumbnails["visible"], names) == (False, [])
    assert style["choices"] == [("Waves · A. Painter, 1831", "waves"), ("Night · B. Painter, c. 1900", "night")]
    assert style["value"] == "waves"
    assert second["value"] == ""
    assert listed == ["waves", "night"]


def test_a_damaged_stylizer_keeps_no_page_from_opening(source: dict[str, Any], tmp_path: Path) -> None:
    make(tmp_path / "weights" / "broken.safetensors", styles="[1]")
    assert MODEL in stylize_tab.available()
    assert "broken.safetensors" not in stylize_tab.available()


def test_what_is_missing_is_said_in_chinese(source: dict[str, Any]) -> None:
    visitor = Visitor(language="zh")
    assert "没有名为“wave”的风格。可选：waves, night。" in said(
        lambda: stylize_tab.run_page(visitor, gr.Progress(), source, "wave", *SETTINGS[1:], *LIVE, *SAVING, None)  # type: ignore[arg-type]
    )
    assert said(lambda: stylize_tab.run_page(visitor, gr.Progress(), None, *SETTINGS, *LIVE, *SAVING, None))  # type: ignore[arg-type]
    estimate = stylize_tab.show_estimate(visitor, source, "waves", None, "", None, 0.5, 9.0, "fp32", 0, MODEL)  # type: ignore[arg-type]
    assert estimate == "⚠ 笔触大小为 9.0，应在 0.1 到 4.0 之间。"


def test_all_styles_on_a_sheet_one_after_the_other(source: dict[str, Any]) -> None:
    steps = list(stylize_tab.run_sheet(source, False, MODEL, Visitor(), gr.Progress()))  # type: ignore[arg-type]
    assert [names for _, names in steps] == [["waves"], ["waves", "night"]]
    shown = steps[-1][0]["value"]
    assert [caption for _, caption in shown] == ["waves", "night"]
    assert probe_picture(shown[0][0]).width == 80
    assert not handlers._stops


def test_stop_ends_the_sheet_and_keeps_what_is_there(source: dict[str, Any]) -> None:
    steps = stylize_tab.run_sheet(source, False, MODEL, Visitor(), gr.Progress())  # type: ignore[arg-type]
    next(steps)
    handlers.request_stop(Visitor())  # type: ignore[arg-type]
    assert list(steps) == []


def test_the_recipe_gives_the_dials_back(source: dict[str, Any], tmp_path: Path) -> None:
    settings = ("night", None, "", str(tmp_path / "mine.png"), 0.25, 2.0, *SETTINGS[6:])
    *_, made, _ = run(source, settings, (0.5, True, ""))
    visitor = Visitor()
    again, _, button, *_ = stylize_tab.inspect(made["file"], None, None, visitor)  # type: ignore[arg-type]
    assert button["visible"]
    back = stylize_tab.settings_of_recipe(again, MODEL, visitor)  # type: ignore[arg-type]
    assert back == ["night", None, "", None, 0.25, 2.0, 0.5, True]  # the own picture has to be given again


def test_optimising_shows_each_picture_and_frees_the_machine(
    source: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vgg = random_vgg()
    monkeypatch.setattr(stylize, "load_vgg", lambda: vgg)
    monkeypatch.setattr(stylize, "digest", lambda weight: vgg.sha256)
    settings = (None, str(tmp_path / "mine.png"), *SETTINGS[2:])
    steps = stylize_tab.run_optimise(Visitor(), gr.Progress(), source, *settings, 20, *LIVE, *SAVING, None)  # type: ignore[arg-type]
    first = next(steps)
    assert first[1].startswith("Steps: 10 of 20<br>**80 × 60**")
    rest = list(steps)
    assert len(rest) == 1
    assert rest[0][4]["options"]["optimise"] == 20
    assert not Path(first[5]["folder"]).exists()  # its place on the page is taken


def test_optimising_wants_a_picture_of_ones_own(source: dict[str, Any]) -> None:
    def call() -> None:
        list(stylize_tab.run_optimise(Visitor(), gr.Progress(), source, *SETTINGS, 20, *LIVE, *SAVING, None))  # type: ignore[arg-type]

    assert "one of your own" in said(call)


def test_the_endpoints(source: dict[str, Any], tmp_path: Path) -> None:
    write_picture(Picture(pixels=np.zeros((60, 80, 1), np.uint8)), tmp_path / "mask.png")
    settings = ("waves", "night", 0.5, 4.0, 1.0, False, "fp32", 0, MODEL)
    file, facts = stylize_tab.stylize_endpoint(
        source["path"], *settings, *SAVING, Visitor(), mask_file=str(tmp_path / "mask.png"), progress=gr.Progress()
    )
    np.testing.assert_array_equal(read_picture(file).pixels, photo().pixels)  # nothing is masked
    assert (facts["width"], facts["height"], facts["notices"]) == (80, 60, [])
    assert read_picture(file).recipe == facts["recipe"]
    assert stylize_tab.styles_endpoint(MODEL, Visitor())[0] == {  # type: ignore[arg-type]
        "name": "waves", "title": "Waves", "artist": "A. Painter", "year": "1831"
    }  # fmt: skip


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
def test_the_tab_is_there_only_with_a_stylizer(there: bool, tmp_path: Path) -> None:
    # In a process of its own, since Gradio leaves event loops unclosed.
    (tmp_path / "weights").mkdir()
    if there:
        make(tmp_path / "weights" / "small.safetensors")
    environment = os.environ | {"ATELIER_WEIGHTS": str(tmp_path / "weights")}
    command = [sys.executable, "-c", BUILD, str(tmp_path / "none")]
    ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    built = json.loads(ran.stdout.splitlines()[-1])
    assert ("stylize" in built["tabs"]) == there
    assert ({"stylize", "styles"} <= set(built["public"])) == there
    assert built["strays"] == []  # Gradio takes whatever lies beside tabs for a tab, too


def test_a_style_of_the_gallery_is_chosen_by_its_thumbnail() -> None:
    def event(index: object) -> gr.SelectData:
        return gr.SelectData(target=None, data={"index": index, "value": None})

    assert stylize_tab.choose(["waves", "night"], event(1), Visitor()) == ("night", None)  # type: ignore[arg-type]
    assert stylize_tab.choose(["waves"], event(7), Visitor())[0] == gr.skip()  # type: ignore[arg-type]
