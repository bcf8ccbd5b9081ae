"""The Upscale tab's handlers, called as Gradio calls them."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from editing import runtime
from editing.costs import Cost
from editing.errors import EditingError
from editing.options import SaveOptions, UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import upscale
from editing.ui import fields, handlers, results, upscale_many, upscale_tab
from editing.ui.results import Source
from ui.test_stage import file_at, said
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


def many(files: list[str], file_format: str = "png") -> Iterator[dict[str, Any]]:
    taken = upscale_many.taken(files, Visitor())
    return upscale_many.run(taken, OPTIONS, SaveOptions(format=file_format), Visitor(), gr.Progress())


def given(path: str, visitor: gr.Request | None = None) -> Source:
    source = upscale_tab.inspect(path=path, source=None, request=visitor or Visitor())["source"]
    assert isinstance(source, Source)
    return source


def run(
    source: Source, visitor: gr.Request | None = None, *, saving: dict[str, Any] = SAVING, **changed: Any
) -> dict[str, Any]:
    """What the Run button changes on the page; {} for nothing."""
    steps = list(
        upscale_tab.run_page(
            given={"mode": "one", "source": source, "files": None, "clip": None}, settings=SETTINGS | changed,
            saving=saving, clip={"steady": 0}, clip_saving=SAVING | {"format": ""}, last=None,
            request=visitor or Visitor(), progress=gr.Progress(),
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
    assert file_at(said(first["shown"])["result"]["url"]) == Path(first["download"]["value"])
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


def test_a_recipe_gives_the_settings_back_or_says_why_not(files: list[str]) -> None:
    made = run(given(files[0]), strength=0.3, longest=20, tile=96)
    found = upscale_tab.settings_of(path="", recipe=made["recipe"], request=Visitor())
    assert found == {
        "model": "anime-fast", "scale": 4, "strength": 0.3, "longest": 20, "precision": "auto", "tile": 96,
        "color_lock": True, "sigma_auto": True, "width": None, "height": None, "megapixels": None,
    }  # fmt: skip
    damaged: tuple[Any, ...] = ([1, 2], "text", None, {"strength": [1]}, {"tile": {}}, {"model": 5}, {"scale": 17})
    for options in damaged:
        with pytest.raises(EditingError):
            upscale_tab.settings_of(path="", recipe={"task": "upscale", "options": options}, request=Visitor())


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


class Chosen:
    """What Gradio says of a click in a gallery."""

    index = 0


def test_what_failed_is_tried_again_and_the_others_stay(files: list[str], tmp_path: Path) -> None:
    *_, first = many(files)
    assert first["retry"]["visible"]
    kept = [outcome.made for outcome in first["outcomes"]]
    write_picture(Picture(pixels=np.full((5, 7, 3), 9, np.uint8)), tmp_path / "mended.png")
    Path(first["outcomes"][1].file).write_bytes((tmp_path / "mended.png").read_bytes())
    *_, again = upscale_tab.run_again(
        outcomes=first["outcomes"], settings=SETTINGS | {"scale": 2}, saving=SAVING, request=Visitor(),
        progress=gr.Progress(),
    )  # fmt: skip
    names = ["1-anime-fast-x4.png", "broken-anime-fast-x2.png", "2-anime-fast-x4.png"]
    assert [name for _, name in again["gallery"]] == names
    assert [outcome.made for outcome in again["outcomes"]][::2] == kept[::2]
    assert [row[1][0] for row in again["table"]["data"]] == ["✓", "✓", "✓"]
    assert not again["retry"]["visible"]
    with zipfile.ZipFile(again["archive"]["value"]) as archive:
        assert archive.namelist() == names


def test_each_of_several_is_shown_before_and_after(tmp_path: Path) -> None:
    picture = Picture(pixels=np.full((8, 9, 3), 90, np.uint8))
    write_picture(picture, tmp_path / "a.tif")
    *_, last = many([str(tmp_path / "a.tif")])
    shown = upscale_many.show_pair(outcomes=last["outcomes"], event=Chosen(), request=Visitor())["pair"]
    before, after = map(read_picture, shown["value"])
    assert Path(shown["value"][0]).suffix == ".png"  # which browsers show
    assert (before.width, after.width) == (9, 36)
    assert upscale_many.show_pair(outcomes=None, event=Chosen(), request=Visitor()) == {}


def test_a_folder_gives_its_pictures(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "._1.png").write_bytes(b"what macOS leaves")
    whole = [*files, str(tmp_path / "notes.txt"), str(tmp_path / "._1.png")]
    chosen = upscale_many.take_folder(given=whole, request=Visitor())["files"]
    assert [Path(file).name for file in chosen] == [Path(file).name for file in files]
    with pytest.raises(gr.Error, match="no pictures or clips"):
        upscale_many.take_folder(given=whole[3:], request=Visitor())


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


def test_what_the_format_could_not_hold_is_refused_before_the_first_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "long.png"
    write_picture(Picture(pixels=np.zeros((2, 5000, 3), np.uint8)), file)
    sent = SENT | {"model": "anime-fast", "tile": 64, "scale": 4}
    saving = SAVING | {"format": "webp"}
    for name in ("upscale", "enlarge"):
        monkeypatch.setattr(upscale, name, lambda *_, **__: pytest.fail("this could not be saved"))
    for ask in (upscale_tab.estimate_endpoint, upscale_tab.upscale_endpoint):
        with pytest.raises(gr.Error, match="20000x8 pixels; WebP allows 16383"):
            ask(file=str(file), request=Visitor(), **(sent | {"file_format": "WebP"}))
    now = {"mode": "one", "source": given(str(file)), "files": None, "clip": None}
    cost = upscale_tab.show_estimate(given=now, settings=SETTINGS, saving=saving, request=Visitor())["cost"]
    assert cost.startswith("⚠ The picture is 20000x8 pixels")
    with pytest.raises(gr.Error, match="WebP allows 16383"):
        run(now["source"], saving=saving)
    *_, last = many([str(file)], "webp")
    assert "WebP" in last["table"]["data"][0][1]
    shown = upscale_tab.show_estimate(given=now, settings=SETTINGS, saving=SAVING, request=Visitor())["cost"]
    assert "20000 × 8" in shown


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
    fitting = {("longest", None), ("tile", None), ("sigma", None), ("scale", None), ("scale", 7.5)}
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


# ---- what to do with it ----------------------------------------------------------------------------------------------


def test_sizes_say_their_pixels_and_a_large_photo_does_not_begin_at_four_times(tmp_path: Path) -> None:
    for width, height, usual in ((240, 180, 4), (3000, 2000, 2), (4000, 3000, 1)):
        source = Source(
            tab="upscale", path="", upload="", width=width, height=height, alpha=False, recipe=None,
            given=0,
        )  # fmt: skip
        assert upscale_tab._usual_scale(source) == usual
    assert upscale_tab._sizes(source)[1:3] == [("1.5×\n6000 × 4500", 1.5), ("2×\n8000 × 6000", 2)]


def test_both_denoisers_have_one_card() -> None:
    for name in ("denoise", "denoise-camera"):
        shown = upscale_tab.show_controls(model=name, sigma_auto=True, request=Visitor())
        assert shown["kind"] == "denoise"
        assert name in shown["details"]
    assert upscale_tab.show_controls(model="anime", sigma_auto=True, request=Visitor())["kind"] is None


def test_a_card_says_how_long_it_takes_without_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = Cost(seconds=1e-5, bytes=1)
    fast = upscale.digest(upscale.find_weight("photo-fast"))
    monkeypatch.setattr(upscale, "kept_cost", lambda key, backend: cost if key == fast else None)
    assert upscale.likely_seconds("photo-fast", 100, 100) == pytest.approx(0.1)
    photo = upscale.likely_seconds("photo", 100, 100)
    assert photo is not None
    assert photo > 2
    assert upscale.likely_seconds("denoise", 100, 100) is None
    assert upscale.likely_seconds("auto", 100, 100) == upscale.likely_seconds("photo-mid", 100, 100)
    assert upscale.likely_seconds("auto", 1000, 1000) == upscale.likely_seconds("photo-fast", 1000, 1000)


# ---- the stage -------------------------------------------------------------------------------------------------------


def test_a_click_shows_a_patch_until_there_is_a_result(tmp_path: Path) -> None:
    write_picture(Picture(pixels=np.full((200, 400, 3), 90, np.uint8)), tmp_path / "wide.png")
    source = given(str(tmp_path / "wide.png"))
    told = '{"kind": "point", "x": 0.5, "y": 0.9, "n": 1}'
    at = upscale_tab.remember_point(told=told, source=source, request=Visitor())
    assert at["point"] == (0.5, 0.9)
    assert "200, 180" in at["patch_at"]

    def clicked(kept: Any) -> dict[str, Any]:
        return upscale_tab.run_patch_at(
            told=told, kept=kept, source=source, point=at["point"], settings=SETTINGS, request=Visitor(),
            progress=gr.Progress(),
        )  # fmt: skip

    seen = clicked(None)
    assert said(seen["shown"])["result"]["region"] == [0.34, 0.36, 0.66, 1.0]  # 128 pixels, pushed inside
    assert read_picture(file_at(said(seen["shown"])["result"]["url"])).pixels.shape == (512, 512, 3)
    assert clicked(run(source)["kept"]) == {}


def test_the_badge_follows_the_settings(files: list[str]) -> None:
    kept = run(given(files[0]))["kept"]

    def badge(**changed: Any) -> str:
        order = upscale_tab.note_stale(kept=kept, settings=SETTINGS | changed, request=Visitor())["notes"]
        return str(said(order)["stale"])

    assert badge() == badge(strength=0.3) == "", "strength needs no run"
    assert badge(scale=2) == "Changed: run again"
    assert upscale_tab.note_stale(kept=kept, settings=SETTINGS | {"tile": "x"}, request=Visitor()) == {}


def test_files_go_where_they_are_done(files: list[str]) -> None:
    one = upscale_tab.take(given=files[:1], request=Visitor())
    assert Path(one["picture"]).name == "1.png"
    several = upscale_tab.take(given=files, request=Visitor())
    assert (len(several["files"]), several["modes"]["selected"]) == (3, "several")
    assert upscale_tab.take(given=None, request=Visitor()) == {}
