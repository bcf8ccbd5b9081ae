"""What Atelier needs of Gradio's inside: each of these fails when Gradio changes it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.helpers import special_args
from gradio.utils import get_function_params

from editing.ui import gradio_hacks, page
from editing.ui.gradio_hacks import AnyCheckbox, AnyDropdown, AnyImage, AnyNumber, AnyRadio, AnySlider, AnyTextbox
from ui.visitor import Visitor

ROOT = Path(__file__).parent.parent.parent
ASSETS = Path(gr.__file__).parent / "templates" / "frontend"


def test_the_requirement_pins_what_was_tested() -> None:
    found = re.search(r"^gradio>=(\S+),<(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert found
    assert gr.__version__.startswith(found[1] + ".")
    assert found[2] == re.sub(r"\d+$", lambda minor: str(int(minor[0]) + 1), found[1])


# ---- components ------------------------------------------------------------------------------------------------------


def test_an_image_keeps_our_reader_when_gradio_makes_it_anew() -> None:
    """As it does for each visitor when a handler updates it, by its class and its arguments."""
    given = AnyImage(type="filepath", image_mode=None, render=False)
    again = given.__class__(**given.constructor_args)
    payload = gr.components.image.ImageData(path="/no/picture.png", orig_name="picture.png")
    assert again.preprocess(payload) == "/no/picture.png"
    assert again.get_block_name() == "image"


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (AnySlider(0, 1, 0.5, render=False), "slider"),
        (AnyNumber(0, precision=0, render=False), "number"),
        (AnyRadio(["a"], render=False), "radio"),
        (AnyDropdown(["a"], render=False), "dropdown"),
        (AnyCheckbox(False, render=False), "checkbox"),
        (AnyTextbox("a", render=False), "textbox"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_parameter_passes_any_json_on(component: Any, name: str) -> None:
    """For options.py to check: Gradio's own components would answer "Error" to some of these, and change others."""
    assert component.get_block_name() == name
    for value in ([1], {"a": [None]}, None, 5, "text", True):
        assert component.preprocess(value) is value
    assert not hasattr(type(component), "data_model") or type(component).data_model is None


# ---- handlers by name ------------------------------------------------------------------------------------------------


def handler(
    *, first: int, many: list[int], group: dict[str, int], event: gr.SelectData, request: gr.Request,
    progress: gr.Progress = gr.Progress(), optional: str | None = None, **rest: Any,
) -> dict[str, Any]:  # fmt: skip
    assert isinstance(event, gr.SelectData)
    assert isinstance(progress, gr.Progress)
    return {"b": (first, many, group, optional, rest, request.session_hash)}


def component(value: object = None) -> Any:
    return gr.Textbox(value, render=False)


def called(wired: dict[str, Any], *values: object) -> Any:
    """As Gradio calls a handler: with what it finds in its signature among the values."""
    target = component()
    target._id = 1
    event = gr.EventData(target, {"index": 0, "value": ""})
    inputs, *_ = special_args(wired["fn"], list(values), Visitor("somebody"), event)
    return wired["fn"](*inputs)


def test_a_handler_takes_and_returns_by_name() -> None:
    a, b = component(), component()
    wired = gradio_hacks.by_name(
        handler,
        {"first": component(), "many": [component(), component()], "group": {"x": component(), "y": component()},
         "more": component(), "optional": component()},
        {"a": a, "b": b},
    )  # fmt: skip
    assert (len(wired["inputs"]), wired["outputs"]) == (7, [a, b])
    skipped, made = called(wired, 1, 2, 3, 4, 5, "m", "o")
    assert skipped == gr.skip()
    assert made == (1, [2, 3], {"x": 4, "y": 5}, "o", {"more": "m"}, "somebody")
    # The names that the API shows, and which of them may be left out.
    names = [(name, default) for name, has, default, _ in get_function_params(wired["fn"]) if name != "progress"]
    assert [name for name, _ in names] == ["first", "many_1", "many_2", "group_x", "group_y", "more", "optional"]
    assert [has for name, has, *_ in get_function_params(wired["fn"]) if name in ("more", "optional")] == [False, True]


def test_a_generator_stays_one_and_one_output_is_bare() -> None:
    def steps(*, value: int, request: gr.Request) -> Iterator[dict[str, Any]]:
        yield {"a": value}
        yield {}
        yield gr.skip()  # as guarded() does for Stop

    wired = gradio_hacks.by_name(steps, {"value": component()}, {"a": component()})
    assert inspect.isgeneratorfunction(wired["fn"])
    assert list(called(wired, [7])) == [[7], gr.skip(), gr.skip()]


def test_an_output_that_is_none_is_a_mistake() -> None:
    def wrong(*, request: gr.Request) -> dict[str, Any]:
        return {"somewhere": 1}

    with pytest.raises(KeyError, match="somewhere"):
        called(gradio_hacks.by_name(wrong, {}, {"a": component()}))


# ---- files, the page -------------------------------------------------------------------------------------------------


def test_our_files_are_served_from_gradios_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert gradio_hacks.files_folder() == tmp_path
    (tmp_path / "atelier").mkdir()
    (tmp_path / "atelier" / "a.png").touch()
    block = gr.Image(render=False)
    assert str(tmp_path) == block.GRADIO_CACHE
    moved = block.move_resource_to_block_cache(str(tmp_path / "atelier" / "a.png"))
    assert moved == str(tmp_path / "atelier" / "a.png"), "Gradio made a copy"


def test_a_file_that_was_touched_is_not_deleted(tmp_path: Path) -> None:
    from gradio.route_utils import delete_files_created_by_app

    blocks: Any = SimpleNamespace(blocks={}, temp_file_sets=[set()])
    for name in ("kept.txt", "old.txt"):
        (tmp_path / name).touch()
        blocks.temp_file_sets[0].add(str(tmp_path / name))
    time.sleep(1.1)
    (tmp_path / "kept.txt").touch()
    delete_files_created_by_app(blocks, age=1)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_the_early_script_comes_before_gradios_own() -> None:
    html = (ASSETS / "index.html").read_bytes()
    changed = gradio_hacks.with_early_script(html)
    assert changed.count(gradio_hacks.EARLY_SCRIPT) == 1
    assert changed.index(gradio_hacks.EARLY_SCRIPT) < changed.index(b"<script", changed.index(b"<head>") + 20 + 200)
    scripts = (path.read_text(encoding="utf-8", errors="replace") for path in ASSETS.rglob("*.js"))
    assert any("navigator.language" in script for script in scripts)


def test_the_classes_that_our_style_reaches_into_are_there() -> None:
    styles = "".join(path.read_text(encoding="utf-8") for path in ASSETS.rglob("*.css"))
    ours = {"drawn"}
    for name in set(re.findall(r"\.([a-z][a-z-]+)", gradio_hacks.CSS)) - ours:
        assert f".{name}" in styles, name
    assert "--grid-cols" in styles
    assert gradio_hacks.CSS in page.launch_options()["css"]


# ---- when an event came ----------------------------------------------------------------------------------------------

QUEUE = """
import sys, threading, time
import gradio as gr
from gradio_client import Client
from starlette.middleware import Middleware
from editing.ui.gradio_hacks import arrival, by_name
from editing.ui.security import SecurityHeaders

began = []

def slow(*, text, request: gr.Request):
    began.append((arrival(request), time.perf_counter()))
    time.sleep(1)
    return {"out": text}

with gr.Blocks() as page:
    text, out = gr.Textbox("a"), gr.Textbox()
    text.submit(**by_name(slow, {"text": text}, {"out": out}), api_name="slow", concurrency_limit=1)
page.queue(api_open=False)
_, url, _ = page.launch(
    prevent_thread_lock=True, quiet=True, server_name="127.0.0.1",
    app_kwargs={"middleware": [Middleware(SecurityHeaders)]},
)
client = Client(url, verbose=False, headers={"x-atelier-arrived": "1.0"})
jobs = [client.submit("a", api_name="/slow") for _ in range(2)]
assert [job.result() for job in jobs] == ["a", "a"]
(first, first_began), (second, second_began) = sorted(began)
assert 1.0 != first <= first_began, began  # nobody can say otherwise
assert second < first_began + 1 <= second_began, began  # it came while the first ran, and knows so when its turn comes
page.close()
print("fine")
"""


def test_a_queued_event_knows_when_it_came() -> None:
    ran = subprocess.run([sys.executable, "-c", QUEUE], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "fine" in ran.stdout, ran.stderr
    assert gradio_hacks.arrival(None) == pytest.approx(time.perf_counter(), abs=5)
