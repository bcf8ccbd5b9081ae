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

# ---- notices: what a file did not hold, or could not keep ------------------------------------------------------------

FIRST_FRAME = Text(
    "The first of {frames} frames or pages was used.",
    "共有 {frames} 帧（页），只使用了第一帧。",
)
CONVERTED_TO_SRGB = Text(
    "The colours were converted from {mode} to sRGB.",
    "颜色已从 {mode} 转换为 sRGB。",
)
PROFILE_DROPPED = Text(
    "The colour profile does not fit the picture's colours and was left out.",
    "颜色配置文件与图片的颜色不符，已被忽略。",
)
EXIF_UNREADABLE = Text(
    "The EXIF data is damaged and was left out.",
    "EXIF 数据已损坏，未保留。",
)
ALPHA_FLATTENED = Text(
    "{format} has no transparency: the picture was laid on white.",
    "{format} 不支持透明：图片已铺在白底上。",
)
DEPTH_REDUCED = Text(
    "{format} holds 8 bits per channel: the picture's 16 bits were rounded to 8.",
    "{format} 每通道只有 8 位：图片的 16 位已舍入为 8 位。",
)
EXIF_DROPPED = Text(
    "The EXIF data is too long for {format} and was left out.",
    "EXIF 数据超出 {format} 的容量，未保留。",
)
MAKER_NOTE_DROPPED = Text(
    "The camera maker's part of the EXIF data is too long for {format} and was left out.",
    "EXIF 数据中相机厂商的部分超出 {format} 的容量，未保留。",
)
XMP_DROPPED = Text(
    "The XMP data was left out: it is too long, or its location could not be removed safely.",
    "XMP 数据未保留：它过长，或其中的位置信息无法安全删除。",
)
RECIPE_DROPPED = Text(
    "The recipe is too long for {format} and was left out.",
    "配方超出 {format} 的容量，未保留。",
)
CLIP_DAMAGED = Text(
    "The clip is cut off or damaged: the {frames} frames that could be read were used.",
    "动图或视频不完整或已损坏：使用了能读出的 {frames} 帧。",
)
CLIP_DEPTH = Text(
    "The clip holds {depth} bits per channel: they were rounded to 8.",
    "视频每通道 {depth} 位：已取整为 8 位。",
)
CLIP_HDR = Text(
    "The clip is HDR, which is not kept: its colours come out pale.",
    "这是 HDR 视频，HDR 不会保留：颜色会偏淡。",
)
CLIP_PADDED = Text(
    "{format} needs even sides: the last row or column was repeated.",
    "{format} 要求边长为偶数：已重复最后一行或一列。",
)
CLIP_TOO_FAST = Text(
    "GIF shows at most 50 frames a second: {frames} frames in between were left out.",
    "GIF 每秒最多显示 50 帧：略去了中间的 {frames} 帧。",
)
SOUND_DROPPED = Text(
    "{format} has no sound: it was left out.",
    "{format} 没有声音：已略去声音。",
)
SOUND_ENCODED = Text(
    "{format} does not hold {codec} sound: it was encoded anew as {new}.",
    "{format} 不能存放 {codec} 声音：已重新编码为 {new}。",
)
SOUND_DAMAGED = Text(
    "The sound is damaged: it was kept up to there.",
    "声音已损坏：保留了损坏之前的部分。",
)
CLIP_RESUMED = Text(
    "An earlier run was interrupted after {frames} frames: this one went on from there.",
    "上次运行在 {frames} 帧后中断：这次从那里继续。",
)
CLIP_ANEW = Text(
    "An interrupted run for the same output had another input or other settings: this one began anew.",
    "同一输出上次中断的运行用的是别的输入或设置：这次重新开始。",
)


# ---- pictures --------------------------------------------------------------------------------------------------------


# ---- clips -----------------------------------------------------------------------------------------------------------


# ---- the environment -------------------------------------------------------------------------------------------------

NOT_MEGAPIXELS = Text(
    "The environment variable {name} is {value!r}, but must be a positive number of megapixels; set it to a number "
    "such as {default}, or remove it.",
    "环境变量 {name} 的值为 {value!r}，但应是正数（百万像素）。请设为 {default} 之类的数字，或删除它。",
)
NOT_COUNT = Text(
    "The environment variable {name} is {value!r}, but must be a whole number above 0; set it to a number such as "
    "{default}, or remove it.",
    "环境变量 {name} 的值为 {value!r}，但应是大于 0 的整数。请设为 {default} 之类的数字，或删除它。",
)


# ---- weights ---------------------------------------------------------------------------------------------------------


# ---- the machine -----------------------------------------------------------------------------------------------------


# ---- faces, repair, fill ---------------------------------------------------------------------------------------------


# ---- upscale, clips of it --------------------------------------------------------------------------------------------


# ---- stylize ---------------------------------------------------------------------------------------------------------


# ---- generate --------------------------------------------------------------------------------------------------------


# ---- the page --------------------------------------------------------------------------------------------------------

STOPPED = Text("Stopped.", "已停止。")
NO_PICTURE = Text("There is no picture yet: drop one first.", "还没有图片：请先放入一张。")
NO_CLIP = Text("There is no clip yet: drop one first.", "还没有动图或视频：请先放入一个。")
NO_PICTURE_SENT = Text("No picture was sent: give a file.", "没有收到图片：请提供一个文件。")
NO_CLIP_SENT = Text("No clip was sent: give a file.", "没有收到动图或视频：请提供文件。")
NO_RECIPE = Text("There are no settings in this picture.", "此图片中没有保存的设置。")
STILL_PICTURE = Text(
    "This is a still picture, or no picture at all: give a video or an animated picture.",
    "这是静止图片，或根本不是图片：请放入视频或动图。",
)
CLIP_CUT_SHORT = Text(
    "The clip was stopped before its end: send it again to go on.", "尚未完成就已停止：再次发送即可继续。"
)
RESULT_GONE = Text("The result is no longer kept: press Run to make it again.", "结果已不再保留：请点“运行”重新生成。")
PICTURES_GONE = Text("The pictures are no longer kept: draw them again.", "图片已不再保留：请重新绘制。")
NOT_A_SIZE = Text("Size is '{value}'; choose one of {choices}.", "尺寸为“{value}”；请从 {choices} 中选择。")
TOO_MANY_PICTURES = Text(
    "{count} pictures were asked for; 1 to {most} are possible.", "要求 {count} 张图片；可以是 1 到 {most} 张。"
)
NOT_A_WALK_FORMAT = Text("The format is '{value}'; choose webp or mp4.", "格式为“{value}”；请选择 webp 或 mp4。")
NO_SUCH_STYLE = Text(
    "There is no style called '{name}'. Choices: {choices}.", "没有名为“{name}”的风格。可选：{choices}。"
)
OWN_STYLE_WANTED = Text(
    "Optimising looks at the style picture itself: give one of your own.",
    "优化方式需要风格图片本身：请提供您自己的风格图片。",
)
BEYOND_THE_PAGE = Text(
    "This was drawn with more than the page offers: draw it again on the command line.",
    "生成它时的设置超出了本页的范围：请用命令行重新生成。",
)
NO_TRAINING = Text("There is no such training any more: open the page again.", "该训练已不存在：请重新打开页面。")
MASK_SENT_DAMAGED = Text(
    "The mask that the page sent can't be read: draw it again, or load it from a file.",
    "无法读取页面发来的蒙版：请重新绘制，或从文件载入。",
)
BOX_SENT_DAMAGED = Text(
    "The box that the page sent can't be read: draw it again.", "无法读取页面发来的方框：请重新框选。"
)


# ---- the command -----------------------------------------------------------------------------------------------------
