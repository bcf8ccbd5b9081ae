"""Every word of the page in English and 中文."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from editing import messages, options
from editing.errors import EditingError
from editing.faces.likeness import Verdict
from editing.messages import Text, tell
from editing.ui import generate_tab, handlers, jobs, repair_tab, stage, upscale_tab
from editing.ui.translations import KINDS, TEXTS, T, language_of, say

ROOT = Path(__file__).parent.parent.parent
CJK = re.compile("[\u4e00-\u9fff]")
PAGE = {
    file: ast.parse(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "editing" / "ui").glob("*.py"))
}  # fmt: skip


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


OPTION_TEXTS = T.translations["en"].keys() - TEXTS.keys()


def asked_keys() -> set[str]:
    """The keys given to T and say, also by way of ``T("a") if x else T("b")`` and ``say("a" if x else "b", ...)``."""
    found = {
        *handlers._PROGRESS.values(),
        *jobs._STOPPING.values(),
        *upscale_tab.KINDS.values(),
        *repair_tab.TASKS.values(),
        *stage._WORDS.values(),
        *(f"size_{name}" for name in options.SIZES),
        *(f"direction_{name}" for name in (*generate_tab.NAMED, *range(1, generate_tab.DIRECTIONS + 1))),
        *(f"repair_{verdict}" for verdict in get_args(Verdict)),
    }
    for tree in PAGE.values():
        for call in calls(tree, "T", "say"):
            apart = [node for node in ast.walk(call.args[0]) if isinstance(node, ast.JoinedStr | ast.Compare)]
            hidden = {part for node in apart for part in ast.walk(node)}  # options' keys; what is no key at all
            for node in ast.walk(call.args[0]):
                if node not in hidden and isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
        for node in ast.walk(tree):  # TEXTS["key"]
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "TEXTS":
                found |= {one.value for one in ast.walk(node.slice) if isinstance(one, ast.Constant)}
    return found - OPTION_TEXTS


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


# ---- what options.py and messages.py say -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_has_its_words_on_the_page(kind: type) -> None:
    english, chinese, taiwanese = (T.translations[language] for language in ("en", "zh-CN", "zh-TW"))
    assert chinese == taiwanese
    for name, spec in options.specs(kind).items():
        key = f"{kind.__name__}_{name}"
        assert (english[key], chinese[key]) == spec.title
        assert english[f"{key}_about"].lower() == spec.about.en.lower()
        assert chinese[f"{key}_live"].startswith(spec.about.zh)
        for value, word in zip(spec.choices, spec.words, strict=False):
            assert (english[f"{key}_{value}"], chinese[f"{key}_{value}"]) == word


def test_an_error_is_put_into_the_visitors_language() -> None:
    error = EditingError(messages.NOT_IN_GALLERY, name="wave", choices="waves")
    assert error.message.to("en") == "There is no style called 'wave'. Choices: waves."
    assert error.message.to("zh") == "没有名为“wave”的风格。可选：waves。"
    assert tell(Text("1 {a}", "2 {a}"), a=messages.NOTHING_GIVEN).to("zh") == "2 （空）"


def test_say_fills_in() -> None:
    assert say("error_internal", "en", id="ab12").endswith("ab12.")
    assert "ab12" in say("error_internal", "zh", id="ab12")
    with pytest.raises(KeyError):
        say("error_internal", "en")
