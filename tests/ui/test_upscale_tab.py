"""The Upscale tab's handlers, called as Gradio calls them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from editing import runtime
from editing.options import SaveOptions, UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import upscale
from editing.ui import fields, handlers, results, upscale_tab
from editing.ui.results import Source
from ui.visitor import Visitor

OPTIONS = UpscaleOptions(model="anime-fast", tile=64)
# What the page's components hold.
SETTINGS: dict[str, Any] = {
    "model": "anime-fast", "scale": 4, "strength": 1.0, "longest": None, "precision": "auto", "tile": 64,
    "color_lock": True, "sigma_auto": True, "sigma": 25,
}  # fmt: skip
SAVING: dict[str, Any] = {"format": "png", "strip": False, "keep_gps": False}
# What a program sends: the API's defaults, but for a fast model.
SENT: dict[str, Any] = {
    "scale": "auto", "strength": 1, "longest": 0, "precision": "auto", "tile": 0, "color_lock": True,
    "file_format": "PNG", "strip": False, "keep_gps": False, "sigma": "auto",
}  # fmt: skip


def machine_is_free() -> bool:
    """Whether another thread could start a job now."""
    got: list[bool] = []

    def ask() -> None:
        got.append(runtime._job_lock.acquire(blocking=False))
        if got[0]:
            runtime._job_lock.release()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(10)
    return got[0]


def in_threads(steps: Iterator[Any]) -> Iterator[Any]:
    """Each step of a generator in a thread of its own, as Gradio's pool may run them."""
    while True:
        got: list[Any] = []

        def step(got: list[Any] = got) -> None:
            try:
                got.append(next(steps))
            except StopIteration:
                pass
            except BaseException as error:
                got.append(error)

        thread = threading.Thread(target=step, daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive(), "this step waits for what an earlier one took"
        if not got:
            return
        if isinstance(got[0], BaseException):
            raise got[0]
        yield got[0]


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(runtime, "_job_lock", threading.RLock())  # one that stays taken ends with its test
    monkeypatch.setattr(gr, "Info", lambda *_, **__: None)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for number in (1, 2):
        write_picture(Picture(pixels=np.full((8, 9, 3), 90 * number, np.uint8)), tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return [str(tmp_path / name) for name in ("1.png", "broken.png", "2.png")]


def many(files: list[str]) -> Iterator[dict[str, Any]]:
    return upscale_tab._run_many(files, OPTIONS, SaveOptions(), Visitor(), gr.Progress())


def given(path: str, visitor: gr.Request | None = None) -> Source:
    source = upscale_tab.inspect(path=path, source=None, request=visitor or Visitor())["source"]
    assert isinstance(source, Source)
    return source


def run(source: Source, visitor: gr.Request | None = None, **changed: Any) -> dict[str, Any]:
    """What the Run button changes on the page; {} for nothing."""
    steps = list(
        upscale_tab.run_page(
            given={"mode": "one", "source": source, "files": None, "clip": None}, settings=SETTINGS | changed,
            saving=SAVING, last=None, request=visitor or Visitor(), progress=gr.Progress(),
        )
    )  # fmt: skip
    return steps[-1] if steps else {}


# ---- one picture -----------------------------------------------------------------------------------------------------


def test_a_run_and_its_strength(files: list[str]) -> None:
    source = given(files[0])
    first = run(source)
    assert first["info"].startswith("**36 × 32** in ")
    assert first["info"].endswith(" PNG")
    assert Path(first["download"]["value"]).name == "1-anime-fast-x4.png"
    assert first["slider"]["value"] == (source.path, first["download"]["value"])
    half = upscale_tab.remix(kept=first["kept"], strength=0.5, saving=SAVING | {"format": "webp"}, request=Visitor())
    assert Path(half["download"]["value"]).name == "1-anime-fast-x4-s50.webp"
    assert not Path(first["download"]["value"]).exists()
    assert half["recipe"]["options"]["strength"] == 0.5
    for strength in (3, [1], None):
        with pytest.raises(gr.Error, match="Strength is"):
            upscale_tab.remix(kept=half["kept"], strength=strength, saving=SAVING, request=Visitor())


def test_a_dial_decodes_nothing_again(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = run(given(files[0]))["kept"]

    def refuse(path: object) -> None:
        raise AssertionError(f"{path} was decoded again")

    for module in (upscale_tab, results):
        monkeypatch.setattr(module, "read_picture", refuse)
    assert upscale_tab.remix(kept=kept, strength=0.25, saving=SAVING, request=Visitor())["kept"]


def test_the_upload_may_go_once_it_was_given(files: list[str]) -> None:
    source = given(files[0])
    Path(files[0]).unlink()  # as Gradio deletes it after an hour
    kept = run(source)["kept"]
    Path(source.path).unlink()
    assert upscale_tab.remix(kept=kept, strength=0.5, saving=SAVING, request=Visitor())["info"]


def test_a_result_of_another_picture_is_dropped(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """B was dropped while A ran: A's result must not arrive under B."""
    source = given(files[0])
    enlarge, others = upscale.enlarge, []

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        others.append(given(files[2]))
        return enlarge(*arguments, **more)

    monkeypatch.setattr(upscale, "enlarge", meanwhile)
    assert run(source) == {}
    monkeypatch.setattr(upscale, "enlarge", enlarge)
    assert run(others[0])["info"]
    # Run was pressed over A, and waited; when its turn comes B is there.
    pressed = Visitor(arrived=source.given)
    assert run(others[0], pressed) == {}


def test_a_recipe_gives_the_settings_back_or_says_why_not(files: list[str], tmp_path: Path) -> None:
    made = run(given(files[0]), strength=0.3, longest=20, tile=96)
    source = given(made["download"]["value"])
    found = upscale_tab.settings_of_recipe(source=source, request=Visitor())
    assert found == {
        "model": "anime-fast", "scale": 4, "strength": 0.3, "longest": 20, "precision": "auto", "tile": 96,
        "color_lock": True, "sigma_auto": True,
    }  # fmt: skip
    damaged: tuple[Any, ...] = ([1, 2], "text", None, {"strength": [1]}, {"tile": {}}, {"model": 5}, {"scale": 9})
    for options in damaged:
        file = tmp_path / "damaged.png"
        write_picture(read_picture(files[0]), file, recipe={"task": "upscale", "options": options})
        with pytest.raises(gr.Error) as caught:
            upscale_tab.settings_of_recipe(source=given(str(file)), request=Visitor())
        assert "inside Atelier" not in str(caught.value.message), options
    with pytest.raises(gr.Error, match="no settings"):
        upscale_tab.settings_of_recipe(source=given(files[0]), request=Visitor())
    with pytest.raises(gr.Error, match="no picture yet"):
        upscale_tab.settings_of_recipe(source=None, request=Visitor())


def test_what_is_hidden_for_the_model_does_not_count() -> None:
    assert upscale_tab._page_options(SETTINGS | {"sigma_auto": False}).sigma is None
    cleaning = upscale_tab._page_options(SETTINGS | {"model": "denoise", "sigma_auto": False, "sigma": 12})
    assert (cleaning.scale, cleaning.sigma) == (None, 12)
    assert upscale_tab._page_options(SETTINGS | {"tile": 0, "longest": ""}).tile is None


# ---- several ---------------------------------------------------------------------------------------------------------


def test_a_batch_goes_on_in_whatever_thread_and_never_keeps_the_machine(files: list[str]) -> None:
    outputs = []
    for output in in_threads(many(files)):
        assert machine_is_free()
        outputs.append(output)
    assert [name for _, name in outputs[-1]["gallery"]] == ["1-anime-fast-x4.png", "2-anime-fast-x4.png"]
    assert [row[1][0] for row in outputs[-1]["table"]["data"]] == ["✓", "✗", "✓"]


def test_a_batch_has_its_own_files(files: list[str]) -> None:
    steps = many(files)
    next(steps)
    for file in files:
        Path(file).unlink()  # as Gradio deletes uploads after an hour
    *_, last = steps
    assert [row[1][0] for row in last["table"]["data"]] == ["✓", "✗", "✓"]


def test_a_visitor_who_leaves_in_the_middle_leaves_the_machine_free(files: list[str]) -> None:
    next(many(files))
    assert machine_is_free()  # Gradio may never ask for the rest


def test_stop_reaches_a_batch_between_its_pictures(files: list[str]) -> None:
    steps = many(files)
    next(steps)
    handlers.request_stop(Visitor("another"))
    next(steps)
    handlers.request_stop(Visitor())
    *_, last = steps
    assert len(last["gallery"]) == 1
    assert [row[1] for row in last["table"]["data"]][2] == "– not done: stopped"


# ---- the estimate, and the API ---------------------------------------------------------------------------------------


@pytest.fixture
def transparent(tmp_path: Path) -> str:
    pixels, alpha = np.full((300, 300, 3), 90, np.uint8), np.zeros((300, 300), np.uint8)
    alpha[100:200] = 255
    write_picture(Picture(pixels=pixels, alpha=alpha), tmp_path / "transparent.png")
    write_picture(Picture(pixels=pixels), tmp_path / "opaque.png")
    return str(tmp_path / "transparent.png")


def test_transparency_counts_in_every_estimate(transparent: str) -> None:
    opaque = transparent.replace("transparent", "opaque")
    sent = SENT | {"model": "anime-fast", "tile": 64}
    one, two = (
        upscale_tab.estimate_endpoint(file=file, request=Visitor(), **sent)["facts"] for file in (opaque, transparent)
    )
    assert two["tiles"] == 2 * one["tiles"]
    options = fields.read(UpscaleOptions, sent)
    seconds = [upscale_tab._estimate_of(file, options).seconds for file in (opaque, transparent)]
    assert seconds[1] > 1.5 * seconds[0]


def test_a_denoiser_works_with_the_apis_defaults(files: list[str]) -> None:
    answer = upscale_tab.upscale_endpoint(file=files[0], model="denoise", request=Visitor(), **SENT)
    assert (answer["facts"]["width"], answer["facts"]["height"]) == (9, 8)
    assert read_picture(answer["file"]).recipe == answer["facts"]["recipe"]


@pytest.mark.parametrize("name", ["JPEG", "jpg", "Jpeg"])
def test_a_format_has_its_old_name_and_its_new(files: list[str], name: str) -> None:
    sent = SENT | {"model": "anime-fast", "file_format": name}
    answer = upscale_tab.upscale_endpoint(file=files[0], request=Visitor(), **sent)
    assert answer["file"].endswith("1-anime-fast-x4.jpg")


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, 7.5, "nonsense", None], ids=str)
def test_a_wrong_value_is_answered_with_what_is_wrong(files: list[str], value: Any) -> None:
    # What leaves an option open, or is right.
    fitting = {("longest", None), ("tile", None), ("sigma", None), ("scale", None)}
    for name in [*SENT, "model"]:
        if not isinstance(value, (list, dict)) and (name, value) in fitting:
            continue
        sent = SENT | {"model": "anime-fast"} | {name: value}
        with pytest.raises(gr.Error) as caught:
            upscale_tab.upscale_endpoint(file=files[0], request=Visitor(), **sent)
        assert "inside Atelier" not in str(caught.value.message), name


def test_no_file_of_the_machine_is_opened_by_name(files: list[str]) -> None:
    for model in ("/etc/passwd", "../../weights/photo.safetensors"):
        with pytest.raises(gr.Error, match="There is no"):
            upscale_tab.upscale_endpoint(file=files[0], model=model, request=Visitor(), **SENT)
    with pytest.raises(gr.Error, match="No picture was sent"):
        upscale_tab.upscale_endpoint(file=None, model="photo", request=Visitor(), **SENT)
