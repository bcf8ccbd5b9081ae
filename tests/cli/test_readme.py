"""The README: what it names is there, what it shows works."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from editing.__main__ import main, parser
from editing.weights.catalogue import CATALOGUE, Shipped

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
FLAG = r"(?<![\w-])--?[a-z][a-z0-9-]*"


def listed() -> dict[str, set[str]]:
    """The commands of the list of options, each with its flags: {"upscale": {"-o", "--model", ...}, ...}.

    FILES stands for the flags that three of them share.
    """
    (text,) = (block for _, block in BLOCKS if block.startswith("atelier upscale IN"))
    found = {}
    (shared,) = re.findall(r"^FILES: (.*\n    .*)\n", text, re.MULTILINE)
    text = text.replace(f"FILES: {shared}\n", "").replace("FILES", shared.replace("\n", ""))
    for entry in re.split(r"\n(?=atelier )", text.strip()):
        named = re.match(r"atelier ((?:[a-z|]+ ?)+)", entry)
        assert named, entry
        found[named[1].strip()] = set(re.findall(FLAG, entry))
    return found


def commands(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, list[list[str]]]]:
    """Each command, such as "weights fetch", with the names of each of its options, such as -o and --output."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if path and not inner:
        own = [list(action.option_strings) for action in parser._actions if action.option_strings]
        yield path, [names for names in own if "--help" not in names]
    for action in inner:
        for name, sub in action.choices.items():
            yield from commands(sub, f"{path} {name}".strip())


def test_the_lines_for_the_host_and_the_length() -> None:
    head = re.match(r"---\n(.*?)\n---\n", README, re.DOTALL)
    assert head
    found = dict(line.split(": ", 1) for line in head[1].splitlines())
    assert found.keys() >= {"title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "app_file", "license"}
    assert (found["sdk"], found["license"]) == ("gradio", "apache-2.0")
    assert (ROOT / found["app_file"]).is_file()
    assert len(found["short_description"]) <= 80
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize(("command", "options"), [*commands(parser())], ids=lambda value: str(value)[:20])
def test_the_list_of_options_is_that_of_each_command(command: str, options: list[list[str]]) -> None:
    flags = listed()[command]
    assert [names for names in options if not flags & set(names)] == []
    assert flags - {name for names in options for name in names} == set()


def test_no_command_is_listed_that_is_not_there() -> None:
    from editing.training.command import KINDS

    trained = {name for name in listed() if name.startswith("train ")}
    assert listed().keys() - trained == {name for name, _ in commands(parser())}
    (words,) = trained
    assert words.removeprefix("train ").split("|") == list(KINDS)


def test_what_is_linked_is_there() -> None:
    for text, folder in ((README, ROOT), ((ROOT / "weights/README.md").read_text(encoding="utf-8"), ROOT / "weights")):
        links = re.findall(r"\]\(([^)#:]+)(?:#([^)]+))?\)", text)
        assert links
        assert [link for link, _ in links if not (folder / link).is_file()] == []
        for link, place in ((link, place) for link, place in links if place):
            heads = re.findall(r"^#+ (.+)$", (folder / link).read_text(encoding="utf-8"), re.MULTILINE)
            assert place in [head.lower().replace(" ", "-") for head in heads]


def test_every_model_is_in_the_list_of_models_with_its_licence() -> None:
    rows = (ROOT / "weights/README.md").read_text(encoding="utf-8").splitlines()
    for weight in CATALOGUE:
        (row,) = (row for row in rows if row.startswith(f"| `{weight.name}` | ") and row.count("|") == 7)
        assert weight.licence in row
    assert len([row for row in rows if row.startswith("| `") and row.count("|") == 7]) == len(CATALOGUE)


def test_of_every_shipped_weight_it_is_said_what_it_learned_from() -> None:
    text = (ROOT / "weights/README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (`.*?) \| .+ \|$", text.split("## What they learned from")[1].split("\n## ")[0], re.MULTILINE
    )
    said = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert sorted(said) == sorted(weight.name for weight in CATALOGUE if isinstance(weight.source, Shipped))
    assert sorted(said) == sorted(path.stem for path in (ROOT / "weights").glob("*.safetensors"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with the example pictures where the README has them, and photo.jpg."""
    examples = ROOT / "editing/ui/examples"
    shutil.copytree(examples, tmp_path / "editing/ui/examples")
    shutil.copy(examples / "astronaut.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def runs() -> list[tuple[str, str]]:
    """Each command that is shown with its result."""
    (text,) = (block for language, block in BLOCKS if language == "console")
    return [(line, said) for line, said in re.findall(r"^\$ (.+)\n((?:(?!\$ ).+\n)+)", text, re.MULTILINE)]


@pytest.mark.parametrize(("command", "said"), runs())
@pytest.mark.usefixtures("folder")
def test_the_commands_shown_give_what_is_shown(command: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, *arguments = shlex.split(command)
    assert program == "atelier"
    assert main(arguments) == 0
    # Of numbers after the size, such as novelty, the last digit may be another on another machine.
    plain = [re.sub(r"\d\.\d\d", "N", text) for text in (capsys.readouterr().out, said)]
    assert plain[0] == plain[1]


def test_four_commands_are_shown() -> None:
    assert [command.split()[1] for command, _ in runs()] == ["upscale", "repair", "stylize", "generate"]


def test_the_python_shown_runs(folder: Path) -> None:
    shown = [block for language, block in BLOCKS if language == "python" and "gradio_client" not in block]
    before = set(folder.iterdir())
    with contextlib.redirect_stdout(io.StringIO()):
        for block in shown:
            exec(compile(block, "README.md", "exec"), {})
    made = {path.name for path in set(folder.iterdir()) - before}
    assert made == {"photo-x2.png", "photo-wave.jpg", "photo-repaired.png", "face-7.png", "face-8.png"}


def test_the_api_shown_is_there() -> None:
    code = (
        "import json; from editing.ui import page\n"
        "print(json.dumps(page.build().get_api_info()['named_endpoints'], default=str))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert ran.returncode == 0, ran.stderr
    offered = json.loads(ran.stdout.splitlines()[-1])
    (shown,) = (block for _, block in BLOCKS if "gradio_client" in block)
    for words, name in re.findall(r"predict\((.*), api_name=\"(/\w+)\"\)", shown):
        parameters = {parameter["parameter_name"] for parameter in offered[name]["parameters"]}
        assert set(re.findall(r"(\w+)=", words)) <= parameters
    assert set(re.findall(r"`(/\w+)`", README)) <= offered.keys()
