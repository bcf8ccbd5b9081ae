"""Which room may import which (shared/DESIGN.md, section 1), read from the source without running it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Arrows go from a higher number to a lower one, never back; between equals only within a room.
RANKS = {
    "editing": 0,  # the version, and the names a Python user wants, imported when they are asked for
    "editing.messages": 0,
    "editing.networks": 0,
    "editing.report": 0,
    "editing.errors": 1,
    "editing.options": 2,
    "editing.interrupt": 2,
    "editing.settings": 2,
    "editing.weights": 3,
    "editing.runtime": 4,
    "editing.elsewhere": 5,
    "editing.costs": 5,
    "editing.pictures": 5,
    "editing.clips": 6,
    "editing.faces": 6,
    "editing.pipelines": 7,
    "editing.training": 8,
    "editing.doctor": 8,
    "editing.cli": 9,
    "editing.ui": 9,
    "editing.cluster": 10,
    "editing.__main__": 11,
    "app": 10,
}
FILES = [*sorted((ROOT / "editing").rglob("*.py")), ROOT / "app.py"]


def name_of(file: Path) -> str:
    """``editing.ui.page`` for editing/ui/page.py, ``editing.ui`` for its package."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): ast.parse(file.read_text(encoding="utf-8")) for file in FILES}


def room_of(module: str) -> str:
    """What a module belongs to: a folder of ``editing/`` is one room."""
    return ".".join(module.split(".")[:2])


def imports(module: str) -> Iterator[str]:
    """The modules that ``module`` imports, wherever in it."""
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute here"
            assert node.module
            for alias in node.names:  # "from editing import images" names a module, __version__ is none
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


@pytest.mark.parametrize("module", MODULES)
def test_arrows_point_one_way(module: str) -> None:
    room = room_of(module)
    assert room in RANKS, f"{room} is new: give it a rank"
    if module == "editing":
        return  # it names types; that it imports nothing by itself is seen below
    for imported in imports(module):
        other = room_of(imported)
        if other.split(".")[0] in ("editing", "app") and other != room:
            assert RANKS[other] < RANKS[room], f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_gradio_stays_in_the_page(module: str) -> None:
    if room_of(module) not in ("editing.ui", "app", "editing.cluster"):
        assert not [name for name in imports(module) if name.split(".")[0].startswith("gradio")]


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) == "editing.networks"])
def test_networks_need_torch_alone(module: str) -> None:
    packages = {name.split(".")[0] for name in imports(module) if room_of(name) != "editing.networks"}
    assert packages - sys.stdlib_module_names <= {"torch"}


# "upscale_clips" and "stylize_clips" give "clips" what does a frame, "generate" enlarges what is no face by "upscale",
# "repair" has damage found, holes filled, strangers drawn, "stylize" goes on by Gatys' method and has large strokes
# enlarged, "upscale" asks how strong noise is, "compare" runs the three that change a picture, "restore" all that mends
# one, "rerun" looks into the gallery; all that make something write recipes.
ALLOWED = {
    *((f"{made}_clips", used) for made in ("upscale", "stylize") for used in (made, "clips")),
    ("compare", "repair"), ("compare", "stylize"), ("compare", "upscale"), ("rerun", "stylize"),
    ("fine", "gatys"), ("stylize", "fine"), ("stylize", "upscale"),
    ("generate", "upscale"), ("repair", "damage"), ("repair", "fill"), ("repair", "generate"), ("stylize", "gatys"),
    ("upscale", "noise"),
    *(("restore", step) for step in ("damage", "fading", "fill", "noise", "repair", "upscale")),
    *((made, "recipe") for made in ("compare", "damage", "generate", "repair", "restore", "stylize", "upscale")),
}  # fmt: skip


def test_pipelines_know_each_other_by_name_alone() -> None:
    known = {
        (module.rpartition(".")[2], name.rpartition(".")[2])
        for module in MODULES
        for name in imports(module)
        if module.startswith("editing.pipelines.") and name.startswith("editing.pipelines.")
    }
    assert known == ALLOWED


def test_the_app_knows_nothing_of_training() -> None:
    assert not {"editing.training"} & {room_of(name) for name in imports("app")}
    for module in MODULES:
        if room_of(module) not in ("editing.training", "editing.__main__"):
            assert "editing.training" not in {room_of(name) for name in imports(module)}, module


def test_no_one_imports_star() -> None:
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert "*" not in [alias.name for alias in node.names], module


@pytest.mark.parametrize("module", MODULES)
def test_the_top_level_only_declares(module: str) -> None:
    """No loop, no ``with``, no bare call beside the docstring: importing a module does nothing."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    allowed = (ast.Import, ast.ImportFrom, *functions, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.AugAssign)
    for node in MODULES[module].body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.If):  # TYPE_CHECKING, __main__
            assert "TYPE_CHECKING" in ast.unparse(node.test) or "__name__" in ast.unparse(node.test)
            continue
        assert isinstance(node, allowed), f"{module}, line {node.lineno}: {ast.unparse(node)[:80]}"


WATCH = """
import json, sys
opened, connected = [], []
def hook(event, args):
    if event == "open" and str(args[0]).endswith((".bin", ".param", ".safetensors", ".pth")):
        opened.append(str(args[0]))
    elif event in ("socket.connect", "socket.getaddrinfo"):
        connected.append(str(args[1:]))
sys.addaudithook(hook)
import {module}
names = ("torch", "gradio", "editing.training", "editing.weights.find", "spandrel", "tqdm")
print(json.dumps([opened, connected, [name for name in names if name in sys.modules]]))
"""


@pytest.mark.parametrize(
    ("module", "not_loaded"),
    [
        # Building the page reads no tensors, asks no other host.
        ("app", {"editing.training"}),
        # The names that a Python user wants are imported when they are asked for.
        ("editing", {"torch", "gradio", "editing.training", "editing.weights.find", "spandrel", "tqdm"}),
        # --help and mistakes answer at once; `weights list` needs no torch either.
        ("editing.__main__", {"torch", "gradio", "editing.training", "editing.weights.find", "spandrel"}),
        ("editing.weights.find", {"torch", "gradio", "spandrel"}),
        ("editing.pipelines.upscale", {"gradio", "editing.training"}),
    ],
)
def test_importing_reads_and_asks_nothing(module: str, not_loaded: set[str]) -> None:
    code = WATCH.replace("{module}", module)
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    opened, connected, loaded = json.loads(ran.stdout.splitlines()[-1])
    # Of two files the page reads what stands before the tensors: the names of their styles.
    styles = {"stylizer.safetensors", "magenta.safetensors"}
    assert {Path(file).name for file in opened} <= (styles if module == "app" else set())
    assert not connected
    assert not set(loaded) & not_loaded
