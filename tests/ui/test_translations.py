"""Every word of the page in English and 中文: the interface's texts, and what the pipelines say when they fail."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import numpy as np
import pytest

from editing import runtime
from editing.errors import EditingError
from editing.options import UpscaleOptions
from editing.pictures import tiling
from editing.pictures.picture import NOTICES, Picture, check_output_size
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import upscale
from editing.ui.messages import MESSAGES
from editing.ui.translations import TEXTS, language_of, say, translate
from editing.weights.find import find_weight
from editing.weights.load import load_state

ROOT = Path(__file__).parent.parent
CJK = re.compile("[\u4e00-\u9fff]")
# The command line and the training speak English: their messages never reach the page.
NOT_ON_THE_PAGE = ("training", "networks", "__main__.py", "doctor.py")
SOURCES = {
    file: ast.parse(file.read_text(encoding="utf-8"))
    for file in sorted((ROOT / "editing").rglob("*.py"))
    if not set(file.relative_to(ROOT / "editing").parts) & set(NOT_ON_THE_PAGE)
}
PAGE = {file: tree for file, tree in SOURCES.items() if file.parent.name == "ui"}


def fields(text: str) -> list[str]:
    return sorted({name for _, name, _, _ in Formatter().parse(text) if name is not None})


# ---- the interface ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", TEXTS)
def test_texts_are_in_both_languages(key: str) -> None:
    english, chinese = TEXTS[key]
    assert english.strip()
    assert chinese.strip()
    assert not CJK.search(english)
    assert CJK.search(chinese) or not re.search("[A-Za-z]{4}", re.sub(r"\{\w+\}", "", english))
    assert fields(english) == fields(chinese)


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            yield node


def asked_keys() -> set[str]:
    """The keys given to T and say, also by way of ``T("a") if x else T("b")`` and ``say("a" if x else "b", ...)``."""
    found = set()
    for tree in PAGE.values():
        for call in calls(tree, "T", "say"):
            for node in ast.walk(call.args[0]):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def test_every_text_asked_for_exists_and_every_text_is_asked_for() -> None:
    asked = asked_keys()
    assert asked - TEXTS.keys() == set()
    assert TEXTS.keys() - asked == set(), "no one shows these"


@pytest.mark.parametrize("file", PAGE, ids=lambda file: file.name)
def test_components_are_given_no_literal_words(file: Path) -> None:
    """What a visitor reads goes through T or say; names (of formats, models, elements) may stand as they are."""
    shown = {"label", "info", "placeholder", "title", "description", "headers", "value"}
    for node in ast.walk(PAGE[file]):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).startswith("gr."):
            continue
        component = ast.unparse(node.func)
        if component in ("gr.Blocks", "gr.I18n", "gr.HTML"):  # the application's name; the texts themselves; code
            continue
        for place, value in [("value", value) for value in node.args] + [(k.arg, k.value) for k in node.keywords]:
            if place not in shown:
                continue
            # A phrase in T("...") is translated, and one in a comparison isn't shown.
            apart = [*calls(value, "T", "say", "explain", "translate")]
            apart += [node for node in ast.walk(value) if isinstance(node, ast.Compare)]
            for part in ast.walk(value):
                if any(part in set(ast.walk(hidden)) for hidden in apart):
                    continue
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    words = re.sub(r"<[^>]*>|Atelier|English|中文", "", part.value)
                    is_name = re.fullmatch(r"[\w./-]*", words) and place == "value" and component != "gr.Button"
                    assert is_name or not re.search(r"\w", words), f"{file.name}:{part.lineno}: {part.value!r}"


class FakeRequest:
    def __init__(self, cookies: dict[str, str], accept: str | None = None) -> None:
        self.cookies, self.headers = cookies, {} if accept is None else {"accept-language": accept}


@pytest.mark.parametrize(
    ("cookies", "accept", "language"),
    [
        ({}, None, "en"),
        ({}, "de-DE,de;q=0.9", "en"),
        ({}, "zh-HK,zh;q=0.9,en;q=0.8", "zh"),
        ({}, "zh", "zh"),
        ({"atelier_lang": "en"}, "zh-CN", "en"),
        ({"atelier_lang": "zh-TW"}, "en-US", "zh"),
    ],
)
def test_the_language_is_the_choice_made_or_else_the_browsers(
    cookies: dict[str, str], accept: str | None, language: str
) -> None:
    assert language_of(FakeRequest(cookies, accept)) == language  # type: ignore[arg-type]
    assert language_of(None) == "en"


# ---- what the pipelines say ------------------------------------------------------------------------------------------

ERRORS = {"EditingError", "OptionError", "ImageError", "WeightError", "OutOfMemoryError", "Stopped"}
# Of these the text becomes part of an EditingError's message.
PARTS = {"fetch.py": {"_CutOffError", "OSError", "urllib.error.URLError"}, "ncnn.py": {"ValueError"}}


class Texts:
    """Collects what an expression of one module can say: whole messages, and the phrases put into them."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.pieces: set[str] = set()
        self.functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    def of(self, expression: ast.expr, function: ast.AST) -> set[str]:
        """The templates, with {} for each value, that ``expression`` within ``function`` can be."""
        if isinstance(expression, ast.Constant):
            return {expression.value} if isinstance(expression.value, str) else set()
        if isinstance(expression, ast.JoinedStr):
            text = ""
            for part in expression.values:
                if isinstance(part, ast.Constant):
                    text += str(part.value)
                elif isinstance(part, ast.FormattedValue):
                    text += "{}"
                    # A phrase of several words needs its own translation; a single word is a name.
                    self.pieces |= {
                        piece if piece[0].isalnum() or piece[0] == "{" else "{}" + piece  # ", or ..." follows something
                        for piece in self.of(part.value, function)
                        if " " in piece.strip(" ,{}")
                    }
            # Two values side by side can't be told apart in the finished sentence: they are one.
            return {text.replace("{}{}", "{}")}
        if isinstance(expression, ast.IfExp):
            return self.of(expression.body, function) | self.of(expression.orelse, function)
        if isinstance(expression, ast.BoolOp):
            return set().union(*(self.of(value, function) for value in expression.values))
        if isinstance(expression, ast.Name):
            return self.assigned(expression.id, function) | self.assigned(expression.id, self.tree)
        if isinstance(expression, ast.Call) and ast.unparse(expression.func) in self.functions:
            called = self.functions[ast.unparse(expression.func)]
            returned = [node.value for node in ast.walk(called) if isinstance(node, ast.Return) and node.value]
            return set().union(*(self.of(value, called) for value in returned))
        return set()

    def assigned(self, name: str, scope: ast.AST) -> set[str]:
        found: set[str] = set()
        for node in scope.body if isinstance(scope, ast.Module) else ast.walk(scope):
            if isinstance(node, ast.Assign) and any(ast.unparse(target) == name for target in node.targets):
                found |= self.of(node.value, scope)
        return found


def said(file: Path) -> set[str]:
    """Every message of one module, and every phrase that goes into one."""
    tree = SOURCES[file]
    texts = Texts(tree)
    found: set[str] = set()
    inside: dict[ast.AST, ast.AST] = {}
    for function in ast.walk(tree):  # outer functions come first, so that the innermost stays
        if isinstance(function, ast.FunctionDef):
            inside |= dict.fromkeys(ast.walk(function), function)
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call) or not call.args:
            continue
        kind = ast.unparse(call.func)
        reason = isinstance(node, ast.Raise) and kind in ERRORS | PARTS.get(file.name, set())
        if reason or kind == "Problem":
            found |= texts.of(call.args[-1], inside.get(node, tree))
    return found | texts.pieces


SAID = {text: file.name for file in SOURCES for text in said(file)}
SAID |= {re.sub(r"\{\w+\}", "{}", text): "images.py" for text in NOTICES.values()}


@pytest.mark.parametrize("message", sorted(SAID), ids=lambda text: f"{SAID[text]}: {text[:40]}")
def test_every_message_is_translated(message: str) -> None:
    if message in [english for english, _ in TEXTS.values()]:
        return
    assert message in MESSAGES
    chinese = MESSAGES[message]
    assert CJK.search(chinese)
    values = [f"'value {i}.png'" for i in range(message.count("{}"))]
    shown = translate(message.format(*values), "zh")
    assert shown == chinese.format(*values), "another template takes this message"
    assert all(value in shown for value in values)


def test_no_translation_is_left_of_a_message_that_no_one_says() -> None:
    constants = {node.value for tree in SOURCES.values() for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {message for message in MESSAGES if message not in SAID and message not in constants} == set()


def test_enough_is_said() -> None:
    """The search above still finds what it should; a sample of each kind of place."""
    assert len(SAID) > 100
    assert {
        "The first of {} frames or pages was used.",  # a notice
        "{} was not saved: the disk is full. Free some space, or choose another folder.",  # returned by a function
        "the server answered {} {}",  # a variable that is raised
        "its first line is not ncnn's {}",  # wrapped into another error
        "{}x{} pixels ({} megapixels)",  # a phrase within a message
        "an ncnn network is two files, {}.param and {}.bin: put both there.",  # returned, not raised
    } <= SAID.keys()


GRAY = Picture(pixels=np.zeros((4, 6, 1), np.uint8))


def failing_tile(region: np.ndarray) -> np.ndarray:
    raise MemoryError


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda folder: UpscaleOptions(scale=7), "不支持 7 倍"),
        (lambda folder: UpscaleOptions(strength=float("nan")), "强度为 nan"),
        (lambda folder: UpscaleOptions(tile=3), "3"),
        (lambda folder: runtime.choose_backend("fp8"), "fp8"),
        (lambda folder: upscale.target_size(10, 20, UpscaleOptions(longest=81), 4), "10×20"),
        (lambda folder: check_output_size(100_000, 100_000), "10000.0 百万像素"),
        (lambda folder: read_picture(folder / "no 照片.png"), "'no 照片.png'"),
        (lambda folder: read_picture(folder), "文件夹"),
        (lambda folder: read_picture(folder / "empty.png"), "0 字节"),
        (lambda folder: read_picture(folder / "text.png"), "'text.png'"),
        (lambda folder: write_picture(GRAY, folder / "x.gif"), "没有可识别的后缀"),
        (lambda folder: write_picture(GRAY, folder / "none" / "x.png"), "'none' 不存在"),
        (lambda folder: find_weight("nothing", "upscale", paths=False), "photo, anime, anime-fast"),
        (lambda folder: find_weight(str(folder / "broken.pth"), "upscale"), "broken.pth"),
        (lambda folder: load_state(find_weight("general")), "weights fetch general"),
        (
            lambda folder: tiling.run_tiled(
                failing_tile, GRAY.pixels, scale=1, tile=32, overlap=0, out=np.zeros((4, 6, 1), np.float32)
            ),
            "32×32",
        ),
    ],
)
def test_real_errors_are_translated(call: object, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("nothing like a picture")
    (tmp_path / "broken.pth").write_text("no weights")
    with pytest.raises(EditingError) as caught:
        call(tmp_path)  # type: ignore[operator]
    english = str(caught.value)
    chinese = translate(english, "zh")
    assert translate(english, "en") == english
    assert wanted in chinese
    # Beside names, paths and commands no English is left.
    rest = re.sub(
        r"\S*[/_.=]\S*|'[^']*'|[A-Z][A-Za-z]*|python -m .* \w+|bf16|fp32|auto|nan|anime|fast|photo|pip", "", chinese
    )
    assert not re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", rest), chinese
    assert CJK.search(chinese)


def test_a_phrase_within_a_message_is_translated_too() -> None:
    message = "'a.png' is 9x9 pixels (81.0 megapixels); the limit is 64 megapixels. Make it smaller or crop it first, or raise ATELIER_MAX_INPUT_MP."  # noqa: E501
    assert "9×9 像素（81.0 百万像素）" in translate(message, "zh")


@pytest.mark.parametrize("message", ["", "Never said before.", "{}", "{0} {x}", "的"])
def test_an_unknown_message_stays_as_it_is(message: str) -> None:
    assert translate(message, "zh") == message


def test_say_fills_in() -> None:
    assert say("error_internal", "en", id="ab12").endswith("ab12.")
    assert "ab12" in say("error_internal", "zh", id="ab12")
    with pytest.raises(KeyError):
        say("error_internal", "en")
