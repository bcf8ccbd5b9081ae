"""The words of errors and notices: both languages, the same places for values, and messages within messages."""

from __future__ import annotations

import ast
import pickle
import string
from pathlib import Path

import pytest

from editing import errors, messages
from editing.errors import ImageError
from editing.messages import Text, tell

ROOT = Path(__file__).parent.parent
SOURCES = [file for file in (ROOT / "editing").rglob("*.py") if "training" not in file.parts]
TEXTS = {name: value for name, value in vars(messages).items() if isinstance(value, Text)}


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("name", TEXTS)
def test_both_languages_say_the_same(name: str) -> None:
    text = TEXTS[name]
    assert places(text.en) == places(text.zh)
    assert all(place.isidentifier() for place in places(text.en))
    assert any("\u4e00" <= letter <= "\u9fff" for letter in text.zh) or not text.zh.strip("，{}0123 ")


def test_no_name_is_given_twice() -> None:
    tree = ast.parse(Path(messages.__file__).read_text(encoding="utf-8"))
    named = [node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)]  # type: ignore[attr-defined]
    assert len(named) == len(set(named))


def test_a_message_within_a_message_is_put_into_the_same_language() -> None:
    inner = tell(Text("{count} bytes", "{count} 字节"), count=3)
    outer = tell(Text("It has {size}: {what}.", "它有{size}：{what}。"), size=inner, what=Text("small", "很小"))
    assert str(outer) == "It has 3 bytes: small."
    assert outer.to("zh") == "它有3 字节：很小。"


def test_values_stand_as_they_are() -> None:
    error = ImageError(Text("{name!r} is empty.", "{name!r} 是空的。"), name="<b>{0}</b>.png")
    assert str(error) == "'<b>{0}</b>.png' is empty."
    assert error.message.to("zh") == "'<b>{0}</b>.png' 是空的。"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_only_training_speaks_english_alone(file: Path) -> None:
    """Everywhere else an error is a Text, or it could not be put into a visitor's language."""
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in kinds and node.args:
            assert not isinstance(node.args[0], (ast.Constant, ast.JoinedStr)), f"line {node.lineno}"
