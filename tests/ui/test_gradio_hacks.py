"""What Atelier needs of Gradio's inside: each of these fails when Gradio changes it."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import quote

import gradio as gr
import pytest
from gradio.helpers import special_args
from gradio.utils import get_function_description, get_function_params

from editing import messages
from editing.options import RestoreOptions, spec_of
from editing.ui import fields, gradio_hacks, look, page
from editing.ui.gradio_hacks import (
    AnyCheckbox,
    AnyDropdown,
    AnyImage,
    AnyJSON,
    AnyNumber,
    AnyRadio,
    AnySlider,
    AnyTextbox,
    by_name,
    know_own_links,
)
from ui.visitor import Visitor

ROOT = Path(__file__).parent.parent.parent
ASSETS = Path(gr.__file__).parent / "templates" / "frontend"


def test_the_requirement_pins_what_was_tested() -> None:
    found = re.search(r"^gradio>=(\S+),<(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert found
    assert gr.__version__.startswith(found[1] + ".")
    assert found[2] == re.sub(r"\d+$", lambda minor: str(int(minor[0]) + 1), found[1])


VISITORS = """
import gradio as gr
from gradio.state_holder import StateHolder
from editing.ui.gradio_hacks import keep_visitors_small
keep_visitors_small()
with gr.Blocks() as page:
    number, own = gr.Number(1), gr.State(2)
visitors = StateHolder()
visitors.set_blocks(page)
visitor = visitors["somebody"]
visitor[number._id], visitor[own._id] = gr.Number(5), 6  # as an event's outputs
visitor._update_config(number._id)
visitor._update_value_in_config(number._id, 5)
print(visitor[number._id].value, visitor[own._id], visitors["another"][number._id].value, list(visitor.components))
"""


def test_of_a_visitor_only_what_may_differ_is_kept() -> None:
    told = subprocess.run([sys.executable, "-c", VISITORS], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout == "5 6 1 []\n"


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
    scripts = "".join(path.read_text(encoding="utf-8", errors="replace") for path in ASSETS.rglob("*.js"))
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "editing" / "ui").glob("*.py"))
    source += "".join(path.read_text(encoding="utf-8") for path in (ROOT / "editing" / "ui").glob("*.js"))
    ours = set(re.findall(r'(?:elem_classes=|className = |toggle\()"([a-z-]+)"', source))
    for name in set(re.findall(r"\.([a-z][a-z-]+)(?![\w.-]*/)", look.css())) - ours:
        assert f".{name}" in styles or name in scripts, name
    assert "--grid-cols" in styles
    assert look.css() in page.launch_options()["head"]


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
(first, first_began), (second, second_began) = sorted(began, key=lambda times: times[1])
assert 1.0 != first <= first_began, began  # nobody can say otherwise
assert second < first_began + 1 <= second_began, began  # it came while the first ran, and knows so when its turn comes
page.close()
print("fine")
"""


BESIDE = """
import threading, time
import gradio as gr
from gradio_client import Client
from editing.ui.gradio_hacks import by_name, room

begun, ends = [], threading.Event()

def long(*, text, request: gr.Request):
    with room("compute"):
        begun.append(text)
        ends.wait(100)
    return {"out": text}

def short(*, text, request: gr.Request):
    begun.append(text)
    return {"out": text}

with gr.Blocks() as page:
    text, out = gr.Textbox("a"), gr.Textbox()
    for handler in (long, short):
        text.submit(
            **by_name(handler, {"text": text}, {"out": out}), api_name=handler.__name__, concurrency_limit=1,
            concurrency_id="compute",
        )
page.queue(api_open=False)
app, url, _ = page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
client = Client(url, verbose=False)
clip = client.submit("clip", api_name="/long")
while not begun:
    time.sleep(0.01)
assert client.predict("picture", api_name="/short") == "picture"  # it need not wait for the end of the clip
second = client.submit("clip 2", api_name="/long")
while len(begun) < 3:
    time.sleep(0.01)
assert client.predict("picture 2", api_name="/short") == "picture 2"
ends.set()
assert (clip.result(), second.result()) == ("clip", "clip 2")
queue = page._queue.event_queue_per_concurrency_id["compute"]
while queue.current_concurrency:  # as it was before, and no less
    time.sleep(0.01)
assert client.predict("picture 3", api_name="/short") == "picture 3"
assert (queue.current_concurrency, queue.concurrency_limit) == (0, 1)
page.close()
print("fine")
"""


def test_a_short_job_runs_beside_long_ones_that_make_room() -> None:
    ran = subprocess.run([sys.executable, "-c", BESIDE], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "fine" in ran.stdout, ran.stderr


REFUSED = """
import json, sys
import gradio as gr, httpx
from editing.ui import gradio_hacks
from editing.ui.gradio_hacks import AnyFile, AnyImage, by_name

def take(*, one, many, picture, request: gr.Request):
    return {"out": f"{one} {many} {picture}"}

with gr.Blocks() as page:
    if sys.argv[1:] != ["plain"]:
        gradio_hacks.say_what_is_wrong_with_values(page)
    one, many = AnyFile(type="filepath"), AnyFile(type="filepath", file_count="multiple")
    picture, out = AnyImage(type="filepath"), gr.Textbox()
    one.upload(**by_name(take, {"one": one, "many": many, "picture": picture}, {"out": out}), api_name="take")
    kind = gr.Dropdown(["a", "b"])
    kind.select(lambda kind: kind, kind, out, api_name="choose")
page.queue(api_open=False)
_, url, _ = page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
api = url.rstrip("/") + "/gradio_api"

def said(*values, of="take"):
    event = httpx.post(f"{api}/call/{of}", json={"data": values}).json()["event_id"]
    kind, data = httpx.get(f"{api}/call/{of}/{event}", timeout=30).text.splitlines()[:2]
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))

file = httpx.post(f"{api}/upload", files={"files": ("a.txt", b"words")}).json()[0]
of_type = {"meta": {"_type": "gradio.FileData"}}
wrong = [
    5, "x", {"path": None}, {"path": [1]}, {"path": file, "meta": 3},
    *({"path": path, **of_type} for path in (
        "/etc/passwd", file + "/../../../../../../etc/passwd", "a\\0b", "/" + 5000 * "a", 4, "",
        "http://127.0.0.1:1/internal", "http://169.254.169.254/latest/meta-data", "http://[", "file:///etc/passwd",
    )),
    {"path": file, "orig_name": 4, **of_type}, {"path": file, "size": "s", **of_type}, {"url": 3, **of_type},
]
print(json.dumps({
    "wrong": [said(*(value if place == n else None for n in range(3))) for value in wrong for place in (0, 2)]
             + [said(None, [value], None) for value in wrong],
    "few": [said(), said("a secret")],
    "no choice": said("c", of="choose"),
    "right": said({"path": file, **of_type}, [{"path": file, **of_type}], None),
    "file": file,
}))
page.close()
"""


def test_values_that_gradio_refuses_are_told_in_words() -> None:
    ran = subprocess.run([sys.executable, "-c", REFUSED], cwd=ROOT, capture_output=True, text=True, timeout=120)
    found = json.loads(ran.stdout.splitlines()[0])
    assert found["right"] == ["complete", [f"{found['file']} {[found['file']]} None"]]
    assert len(found["wrong"]) == 54
    for kind, told in found["wrong"]:
        assert kind == "error", told
        assert told["error"] == messages.NOT_A_FILE.en
    assert [told["error"][:36] for _, told in found["few"]] == [
        "This call takes 3 values, and 0 came",
        "This call takes 3 values, and 1 came",
    ]
    assert "not in the list of choices" in found["no choice"][1]["error"]
    assert "Traceback" not in ran.stderr, ran.stderr
    assert "secret" not in ran.stderr


def test_gradio_still_has_no_words_of_its_own() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", REFUSED, "plain"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    found = json.loads(ran.stdout.splitlines()[0])
    assert any(told["error"] is None for _, told in found["wrong"]), "say_what_is_wrong_with_values can go"
    assert "secret" in ran.stderr


@pytest.mark.parametrize("count", ["single", "multiple"])
@pytest.mark.parametrize("kind", [gradio_hacks.AnyFile, gradio_hacks.AnyUploadButton])
def test_a_file_that_is_given_leaves_no_empty_one(kind: Any, count: str, tmp_path: Path) -> None:
    given = kind(file_count=count, render=False)
    given.GRADIO_CACHE = str(tmp_path)
    one = gr.FileData(path="/a.png", orig_name="a.png")
    payload = one if count == "single" else gr.data_classes.ListFiles(root=[one, one])
    assert given.preprocess(payload) == ("/a.png" if count == "single" else ["/a.png", "/a.png"])
    assert given.preprocess(None) is None
    assert given.data_model.model_validate(payload.model_dump()) == payload
    assert given.api_info() == kind.__mro__[1](file_count=count, render=False).api_info()
    assert not list(tmp_path.iterdir())
    type(given).__mro__[1].preprocess(given, payload)
    assert list(tmp_path.iterdir()), "Gradio leaves none any more: AnyFile can go"


ALIVE = """
import sys, time
from editing.ui.gradio_hacks import files_folder, use_own_folder
use_own_folder()
use_own_folder()  # once for each process
(files_folder() / "upload.png").write_bytes(b"x")
print(files_folder(), flush=True)
time.sleep(60)
"""


def test_a_server_clears_away_what_dead_ones_left(tmp_path: Path) -> None:
    """And nothing of one that lives, in the same folder."""
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)}

    def started() -> tuple[subprocess.Popen[str], Path]:
        process = subprocess.Popen(
            [sys.executable, "-c", ALIVE], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        return process, Path(process.stdout.readline().strip())

    running = []
    try:
        running += [started(), started()]
        (killed, its), (_, other) = running
        assert its != other
        assert its.parent == other.parent == tmp_path
        killed.kill()
        killed.wait(20)
        assert (its / "upload.png").exists()
        running.append(started())
        assert not its.exists()
        assert (other / "upload.png").exists()
        assert (running[-1][1] / "upload.png").exists()
    finally:
        for process, _ in running:
            process.kill()
            process.communicate()


def test_a_queued_event_knows_when_it_came() -> None:
    ran = subprocess.run([sys.executable, "-c", QUEUE], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "fine" in ran.stdout, ran.stderr
    assert gradio_hacks.arrival(None) == pytest.approx(time.perf_counter(), abs=5)


# ---- tools for language models ---------------------------------------------------------------------------------------


def test_a_tool_is_called_as_its_endpoint_and_says_what_its_parameters_mean() -> None:
    """Gradio reads the function's name and docstring; from by_name() it had neither."""

    def mend_endpoint(*, file: str | None, mask: str | None = None, size: int, request: gr.Request) -> None:
        """Mends a picture; returns nothing.

        ``mask``: what is to be mended.
        """

    size = fields.parameter(RestoreOptions, "fidelity")
    event = by_name(mend_endpoint, {"file": size, "mask": size, "size": size})
    assert event["fn"].__name__ == "mend"
    about, parameters, _ = get_function_description(event["fn"])
    assert about == "Mends a picture; returns nothing. ``mask``: what is to be mended."
    assert parameters["size"] == parameters["file"] == spec_of(RestoreOptions, "fidelity").about.en
    # What follows one that may be left out has its component's value.
    defaults = [parameter.default for parameter in inspect.signature(event["fn"]).parameters.values()]
    assert defaults[1:] == [inspect.Parameter.empty, None, size.value]
    assert AnyJSON(visible=False).api_info() == {"description": "any valid json"}  # no "type": {}, which is no schema


def test_tools_take_this_servers_own_links_and_no_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    theirs = ModuleType("gradio.mcp")
    theirs.handle_file = str  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gradio.mcp", theirs)
    monkeypatch.setattr(gr, "mcp", theirs, raising=False)
    own, secret = tmp_path / "files" / "a b.png", tmp_path / "files" / "secret.png"
    own.parent.mkdir()
    for file in (own, secret, tmp_path / "beside.png"):
        file.touch()
    know_own_links(lambda path: path.name != "secret.png")
    link = "http://127.0.0.1:7860/gradio_api/file="
    assert theirs.handle_file(f"{link}{quote(str(own))}") == str(own)  # type: ignore[attr-defined]
    for path in (secret, tmp_path / "beside.png", f"{own.parent}/../beside.png", "/etc/passwd", own.parent, "gone"):
        assert theirs.handle_file(f"{link}{path}") == f"{link}{path}"  # type: ignore[attr-defined]
    assert theirs.handle_file("https://example.com/a.png") == "https://example.com/a.png"  # type: ignore[attr-defined]
