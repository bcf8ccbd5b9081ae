"""Every sentence that a pipeline or a file's reader says to people, in English and 中文.

A :class:`Text` is a sentence with places for values; a :class:`Message` is a Text with its values, put into words
where the language is known: by the page in the visitor's, by the command and in Python in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Text(NamedTuple):
    """A sentence in both languages, with the same ``str.format`` places in each."""

    en: str
    zh: str


@dataclass(frozen=True)
class Message:
    """A sentence with its values, of which some may be Messages or Texts themselves; ``str()`` is English."""

    text: Text
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.to("en")

    def to(self, language: str) -> str:
        """The sentence in "en" or "zh"; raises KeyError when a value is missing."""
        template = self.text.zh if language == "zh" else self.text.en
        return template.format(**{name: _worded(value, language) for name, value in self.values.items()})


def tell(text: Text, **values: object) -> Message:
    """The Message of a Text with its values."""
    return Message(text, values)


def _worded(value: object, language: str) -> object:
    if isinstance(value, Text):
        value = Message(value)
    return value.to(language) if isinstance(value, Message) else value


# ---- options ---------------------------------------------------------------------------------------------------------

OUT_OF_RANGE = Text(
    "{option} is {value}; it must be between {low} and {high}{unset}.",
    "{option}为 {value}，应在 {low} 到 {high} 之间{unset}。",
)
OR_UNSET = Text(", or {word}", "，或为 {word}")
NOT_A_CHOICE = Text("{option} is '{value}'; choose one of {choices}.", "{option}为“{value}”：请从 {choices} 中选择。")
NOT_A_NUMBER = Text("{option} is '{value}'; it must be a number{unset}.", "{option}为“{value}”，应为数字{unset}。")
NOT_WHOLE = Text("{option} is '{value}'; it must be a whole number{unset}.", "{option}为“{value}”，应为整数{unset}。")
NOT_A_SWITCH = Text("{option} is '{value}'; it must be true or false.", "{option}为“{value}”，应为 true 或 false。")
NOT_TEXT = Text("{option} must be text.", "{option}应为文字。")
NOTHING_GIVEN = Text("(nothing)", "（空）")
OPTIONS_DAMAGED = Text(
    "The recipe in this file is damaged: choose the settings by hand.", "此文件中的配方已损坏：请手动选择设置。"
)
NOT_FACES = Text(
    "Faces is '{value}'; it must be all, none, or numbers with commas such as 1,3.",
    "人脸为“{value}”；应为 all、none 或用逗号隔开的编号，例如 1,3。",
)
FACES_COUNT_FROM_1 = Text(
    "Faces are numbered from 1, from left to right; give at least one number, or none.",
    "人脸从左到右由 1 开始编号；请至少给出一个编号，或 none。",
)
NOT_BOXES = Text(
    "The boxes are '{value}'; each must be four numbers: left, top, right, bottom in pixels, such as 40,30,120,140.",
    "方框为“{value}”；每个应为四个数字：左、上、右、下（像素），例如 40,30,120,140。",
)
NO_STYLE = Text(
    "No style was given: choose one of the gallery, or a picture.", "没有指定风格：请从图库中选择，或提供一张图片。"
)
OPTIMISING_TAKES_ONE = Text(
    "Optimising takes one style: leave out the second.", "优化方式只接受一种风格：请去掉第二种。"
)
NOT_DIRECTIONS = Text(
    "The directions must be a list of numbers, such as [0.5, -1].", "方向必须是数字列表，例如 [0.5, -1]。"
)
TOO_STEEP = Text(
    "Direction {number} is {value}; it must be between -{steepest} and {steepest}.",
    "方向 {number} 为 {value}，必须在 -{steepest} 到 {steepest} 之间。",
)
NOT_SEEDS = Text(
    "The seeds are '{value}'; they must be whole numbers with commas.", "种子为“{value}”；必须是用逗号隔开的整数。"
)
WALK_TAKES = Text("A walk takes two to eight seeds; {count} were given.", "漫步需要二到八个种子，给了 {count} 个。")
PAST_LAST_SEED = Text(
    "{count} pictures from seed {seed} on go past the last seed, {last}: choose a smaller seed or count.",
    "从种子 {seed} 起的 {count} 张图片超过了最后的种子 {last}：请选更小的种子或张数。",
)
