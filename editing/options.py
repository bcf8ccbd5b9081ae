"""Every option of every pipeline, once: its range, its choices, its default and its words.

An option is a field of a frozen dataclass, made by :func:`number`, :func:`whole`, :func:`switch`, :func:`choice` or
:func:`text`. From the field come the command's flag (``editing.cli.flags``), the page's component
(``editing.ui.fields``), the check of what the API and recipes give (:func:`read`), and the README's test. To add an
option is to add a field. Nothing here needs torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from string import Formatter
from typing import Any, Literal, TypeVar

from editing import messages
from editing.errors import EditingError, OptionError
from editing.messages import Message, Text, tell

Options = TypeVar("Options")
Kind = Literal["number", "whole", "switch", "choice", "text", "own"]

PRECISIONS = ("auto", "fp32", "bf16", "int8")
SCALES = (1, 1.5, 2, 3, 4, 8)  # that the page offers; others can be written there, too
USUAL_SCALE = 4  # the most that is done unasked
LEAST_SCALE, MOST_SCALE = 0.25, 16.0
FILLERS = ("auto", "patches", "lama")
ANONYMISE = ("no", "blur", "pixels", "person")
PICTURE_FORMATS = ("png", "jpg", "webp", "tif")
CLIP_FORMATS = ("mp4", "webm", "webp", "gif", "apng")
DEINTERLACE = ("auto", "on", "off")
FORMAT_SYNONYMS = {"jpeg": "jpg", "tiff": "tif"}
FACELESS = ("fail", "copy", "leave")  # what becomes of a picture in which no face is found
RESTORED_SIZES = (1, 2, 4)  # times that a whole photograph is enlarged
DAMAGE_SURE = 0.5  # the dial's middle
DAMAGE_IN_OLD = 0.6  # more of it where somebody says that a photograph is old
STRONGEST_NOISE = 75.0  # of 255: what the denoisers are trained to
LARGEST_TILE = 4096  # pixels a side
SMALLEST_TILE = 32  # below this the overlap costs more memory than halving the tile saves
MOST_STEPS = 1000  # of an optimisation
VGGS = ("vgg16-front", "vgg19")  # that an optimisation can look with
LAST_SEED = 2**32 - 1
MOST_PICTURES = 1000  # drawn by one call
WALK_SEEDS = (2, 8)
WALK_FRAMES = (2, 600)
SIZES = ("native", "256", "512")  # of what is drawn
FASTEST = 60  # frames a second of a walk
MOST_DIRECTIONS = 1000
MOST_BOXES = 200  # faces boxed by hand
MOST_COMPARED = 12  # results on one picture
STEEPEST = 10.0  # standard deviations along a direction; beyond 3 pictures fall apart

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels of the picture
Crop = tuple[int, int, int, int]  # left, top, width, height, in pixels of the picture


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What an option is. ``unset`` is the word for None ("" where there must be a value), as in ``--tile auto``."""

    kind: Kind
    title: Text  # its name, for labels and in messages
    about: Text  # a line of help, for --help and below the component
    low: float = -math.inf
    high: float = math.inf
    step: float = 1
    choices: tuple[Any, ...] = ()
    words: tuple[Text, ...] = ()  # of the choices, where they are not names
    unset: str = ""
    unit: Text | None = None
    metavar: str = ""  # of the flag; "" is by kind
    flag: str = ""  # where it is not the field's name, such as --no-color-lock
    short: str = ""  # the flag's other name, such as -r
    dashed: bool = False  # what is given may begin with a dash, as --suffix -big
    repeated: bool = False  # the flag may be given several times, once for each item
    bare: Any = None  # what the flag means without a value; None: it needs one
    reader: Callable[[object], Any] | None = None  # of kind "own": any given value -> the field's, or OptionError


def spec_of(kind: type[Any] | Any, name: str) -> Spec:
    """The Spec of the option ``name``; raises KeyError for a field that is no option."""
    found: Spec = next(f for f in fields(kind) if f.name == name).metadata["spec"]
    return found


def specs(kind: type[Any] | Any) -> dict[str, Spec]:
    """All options of a class by the names of their fields, in their order."""
    return {f.name: f.metadata["spec"] for f in fields(kind) if "spec" in f.metadata}


def default_of(kind: type[Any], name: str) -> Any:
    """What the option is when nobody says; MISSING where somebody must."""
    found: Field[Any] = next(f for f in fields(kind) if f.name == name)
    return found.default


def _option(default: Any, spec: Spec) -> Any:
    return field(default=default, metadata={"spec": spec}) if default is not MISSING else field(metadata={"spec": spec})


def number(
    default: float | None, low: float, high: float, title: Text, about: Text, *, step: float = 0.01, **more: Any
) -> Any:
    """An option that is a number from ``low`` to ``high``."""
    return _option(default, Spec(kind="number", title=title, about=about, low=low, high=high, step=step, **more))


def whole(default: int | None, low: int, high: int, title: Text, about: Text, **more: Any) -> Any:
    """An option that is a whole number from ``low`` to ``high``."""
    return _option(default, Spec(kind="whole", title=title, about=about, low=low, high=high, **more))


def switch(default: bool, title: Text, about: Text, **more: Any) -> Any:
    """An option that is on or off."""
    return _option(default, Spec(kind="switch", title=title, about=about, **more))


def choice(default: Any, choices: tuple[Any, ...], title: Text, about: Text, **more: Any) -> Any:
    """An option that is one of several values, all strings or all whole numbers."""
    return _option(default, Spec(kind="choice", title=title, about=about, choices=choices, **more))


def text(default: Any, title: Text, about: Text, **more: Any) -> Any:
    """An option that is a name or the path of a file."""
    return _option(default, Spec(kind="text", title=title, about=about, **more))


def own(default: Any, reader: Callable[[object], Any], title: Text, about: Text, **more: Any) -> Any:
    """An option of another kind: ``reader`` makes its value of words, lists or itself, and checks it."""
    return _option(default, Spec(kind="own", title=title, about=about, reader=reader, **more))


# ---- reading and checking --------------------------------------------------------------------------------------------


def value_of(spec: Spec, given: object) -> Any:
    """What was given for an option, as words, as JSON or from a component, as its value; raises OptionError.

    None and "" are None where the option may be unset, as is its word for that.
    """
    if given is None or (isinstance(given, str) and given.strip() in ("", spec.unset)):
        if spec.unset:
            return None
        if spec.kind not in ("text", "own"):
            given = None
    if spec.kind == "own":
        assert spec.reader is not None
        return spec.reader(given)
    if spec.kind == "switch":
        return _switch(spec, given)
    if spec.kind == "text":
        if not isinstance(given, str):
            raise OptionError(messages.NOT_TEXT, option=spec.title)
        return given
    if spec.kind == "choice":
        return _chosen(spec, given)
    value = _number(spec, given)
    if not spec.low <= value <= spec.high:  # also refuses NaN
        raise OptionError(
            messages.OUT_OF_RANGE, option=spec.title, value=_shown(given), low=f"{spec.low:g}", high=_plain(spec.high),
            unset=_or_unset(spec),
        )  # fmt: skip
    return value


def _shown(given: object, most: int = 40) -> str:
    """What was given, for a message: the beginning of it."""
    try:
        return str(given)[:most]
    except (ValueError, RecursionError):  # of thousands of digits, which Python doesn't write
        return "?"


def _number(spec: Spec, given: object) -> float:
    shown = messages.NOTHING_GIVEN if given is None else _shown(given)
    try:
        if isinstance(given, bool) or not isinstance(given, (int, float, str)):
            raise ValueError
        value = float(given)
        if spec.kind == "number":
            return value
        if isinstance(given, str):
            return int(given)
        if value.is_integer():
            return int(given)
    except (ValueError, OverflowError):
        pass
    wrong = messages.NOT_A_NUMBER if spec.kind == "number" else messages.NOT_WHOLE
    raise OptionError(wrong, option=spec.title, value=shown, unset=_or_unset(spec))


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def _or_unset(spec: Spec) -> Message | str:
    return tell(messages.OR_UNSET, word=spec.unset) if spec.unset else ""


def _switch(spec: Spec, given: object) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.strip().lower() in ("true", "false"):
        return given.strip().lower() == "true"
    raise OptionError(messages.NOT_A_SWITCH, option=spec.title, value=_shown(given))


def _chosen(spec: Spec, given: object) -> Any:
    for known in spec.choices:
        plain = isinstance(given, (str, int, float)) and not isinstance(given, bool)
        if plain and (given == known or _shown(given, 200).strip() == str(known)):
            return known
    raise OptionError(
        messages.NOT_A_CHOICE, option=spec.title, value=_shown(given), choices=", ".join(map(str, spec.choices))
    )


def check(options: Any) -> None:
    """For ``__post_init__``: raise OptionError for a wrong value, and put whole floats right."""
    for name, spec in specs(options).items():
        object.__setattr__(options, name, value_of(spec, getattr(options, name)))


def read(kind: type[Options], given: object, **more: Any) -> Options:
    """The options in a recipe or an API's call: a mapping of names to JSON values, of which unknown names are left out.

    ``more`` comes before what is given. Raises OptionError for what is no such mapping, or holds a wrong value.
    """
    assert is_dataclass(kind)
    if not isinstance(given, Mapping):
        raise OptionError(messages.OPTIONS_DAMAGED)
    known = specs(kind)
    kept = {name: value for name, value in given.items() if name in known and name not in more}
    try:
        return kind(**kept, **more)
    except EditingError:
        raise
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise OptionError(messages.OPTIONS_DAMAGED) from error


# ---- words that several options share --------------------------------------------------------------------------------

_MODEL = Text("Model", "模型")
_STRENGTH = Text("Strength", "强度")
_PRECISION = Text("Precision", "精度")
_PRECISION_ABOUT = Text(
    "auto: the fastest here; int8 is for photo, photo-mid, photo-fast, anime and anime-fast, and for all others means "
    "auto",
    "auto：本机最快的一种；int8 用于 photo、photo-mid、photo-fast、anime 和 anime-fast，对其他模型等同 auto",
)
_TILE = Text("Tile (pixels)", "分块大小（像素）")
_TILE_ABOUT = Text("side of a tile; auto chooses it from the free memory", "分块的边长；auto 按可用内存选择")
_NAME_OR_FILE = Text("a name from 'weights list', or a file", "“weights list”中的名称，或一个文件")


def _precision() -> Any:
    return choice("auto", PRECISIONS, _PRECISION, _PRECISION_ABOUT)


def _tile() -> Any:
    return whole(None, SMALLEST_TILE, LARGEST_TILE, _TILE, _TILE_ABOUT, unset="auto", metavar="auto|N")


def _side(title: str, title_zh: str, about: str, about_zh: str) -> Any:
    title, title_zh = f"{title} (pixels)", f"{title_zh}（像素）"
    return whole(None, 1, 65535, Text(title, title_zh), Text(about, about_zh), unset="auto")


def _strip() -> Any:
    about = Text("EXIF, texts and the recipe", "EXIF、文字和配方")
    return switch(False, Text("Remove all metadata", "删除所有元数据"), about)


def _keep_gps() -> Any:
    return switch(False, Text("Keep the GPS position", "保留 GPS 位置"), Text("it is dropped otherwise", "否则会删除"))


# ---- upscale ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class UpscaleOptions:
    """What Upscale does; raises OptionError for values out of range.

    The first that is given counts: ``width`` and ``height`` (both: the result fits within), ``longest``,
    ``megapixels``, ``scale``. More than the network does at once is done in several passes. Scale 1 enlarges and then
    reduces, which removes noise and JPEG blocks.
    """

    model: str = text(
        "auto", _MODEL,
        Text("a name from 'weights list', or a file; auto: with a GPU photo, else photo-mid where that takes less than "
             "ten seconds, and photo-fast for larger pictures and clips",
             "“weights list”中的名称，或一个文件；auto：有 GPU 时为 photo，否则十秒内能完成时为 photo-mid，"
             "更大的图片和视频为 photo-fast"),
    )  # fmt: skip
    scale: float | None = number(
        None, LEAST_SCALE, MOST_SCALE, Text("Scale", "放大倍数"),
        Text("1 keeps the size and cleans noise and JPEG blocks; auto: 4, or what the model does, 1 for denoisers",
             "选 1 保持尺寸，只去除噪点和 JPEG 块；auto：4 倍或模型的倍数，去噪模型为 1"),
        unset="auto", metavar="auto|X",
    )  # fmt: skip
    longest: int | None = _side(
        "Longest side", "最长边", "of the result, instead of the scale", "结果的最长边，优先于放大倍数"
    )
    width: int | None = _side(
        "Width",
        "宽度",
        "of the result; with a height, too, it fits within both",
        "结果的宽度；同时给出高度时，结果不超过两者",
    )
    height: int | None = _side(
        "Height",
        "高度",
        "of the result; with a width, too, it fits within both",
        "结果的高度；同时给出宽度时，结果不超过两者",
    )
    megapixels: float | None = number(
        None, 0.001, 1000, Text("Megapixels", "百万像素"),
        Text("of the result, instead of the scale", "结果的像素数，优先于放大倍数"), unset="auto", metavar="auto|X",
    )  # fmt: skip
    strength: float = number(
        1.0, 0, 1, _STRENGTH, Text("0 plain enlargement, 1 the network's", "0 为普通放大，1 为网络结果")
    )
    tile: int | None = _tile()
    precision: str = _precision()
    color_lock: bool = switch(
        True, Text("Colour lock: keep the picture's own colours", "颜色锁定：保持原图颜色"),
        Text("sets the low frequencies of the result to the picture's", "使结果的低频颜色与原图一致"),
    )  # fmt: skip
    sigma: float | None = number(
        None, 0, STRONGEST_NOISE, Text("Noise level (sigma, of 255)", "噪声强度（标准差，0–255 标度）"),
        Text("for denoisers: how strong the noise is; auto tells it from the picture",
             "用于去噪模型：噪声有多强；auto 由图片估计"),
        step=0.1, unset="auto", metavar="auto|N",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class ClipOptions:
    """What is done to the frames of any clip, by whatever pipeline; raises OptionError for values out of range."""

    steady: float | None = number(
        None, 0, 1, Text("Steady", "防闪烁"),
        Text("averages up to 16 frames where nothing moves, so that noise does not flicker; 0 does each frame by "
             "itself; auto: 0.5, 0 with denoisers",
             "静止区域最多平均 16 帧，使噪点不再闪烁；0 表示每帧独立处理；auto：0.5，去噪模型为 0"),
        step=0.05, unset="auto",
    )  # fmt: skip
    deinterlace: str = choice(
        "auto", DEINTERLACE, Text("Deinterlace", "去隔行"),
        Text("makes one picture of a frame's two half pictures; auto: where a video says that it has such",
             "把一帧中的两场合成一幅画面；auto：仅当视频标明为隔行时"),
        words=(Text("auto", "自动"), Text("on", "开"), Text("off", "关")),
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)


# ---- repair ----------------------------------------------------------------------------------------------------------


def read_faces(given: object) -> Literal["all", "none"] | tuple[int, ...]:
    """Which faces: "all", "none", numbers such as "1,3", or a list of them; raises OptionError for anything else."""
    if isinstance(given, str) and given in ("all", "none"):
        return "all" if given == "all" else "none"
    try:
        words = given.split(",") if isinstance(given, str) else list(given)  # type: ignore[call-overload]
        numbers = tuple(int(word) for word in words)
        if any(isinstance(word, bool) or float(word) != number for word, number in zip(words, numbers, strict=True)):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise OptionError(messages.NOT_FACES, value=_shown(given)) from None
    if not numbers or min(numbers) < 1:
        raise OptionError(messages.FACES_COUNT_FROM_1)
    return numbers


def read_boxes(given: object) -> tuple[Box, ...]:
    """Boxes as a list of four numbers each, or of words such as "40,30,120,140"; raises OptionError."""
    if given is None or (isinstance(given, (str, dict)) and not given):
        return ()
    try:
        boxes = tuple(_box(box) for box in given)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError):
        raise OptionError(messages.NOT_BOXES, value=_shown(given, 60)) from None
    if len(boxes) > MOST_BOXES:  # the detector looks at each by itself
        raise OptionError(messages.TOO_MANY_BOXES, count=len(boxes), most=MOST_BOXES)
    return boxes


def _box(given: Any) -> Box:
    left, top, right, bottom = (float(side) for side in (given.split(",") if isinstance(given, str) else given))
    if not all(map(math.isfinite, (left, top, right, bottom))):
        raise ValueError
    return left, top, right, bottom


_FIDELITY = Text("Fidelity", "保真度")
_FIDELITY_ABOUT = Text("1 as close to the picture as it can, 0 as clean as it can", "1 尽量接近原图，0 尽量干净")
_REPAIR_STRENGTH_ABOUT = Text("0 leaves a face as it was, 1 repairs it fully", "0 保持原样，1 完全修复")


def _find_damage(default: float | None) -> Any:
    return number(
        default, 0, 1, Text("Find damage", "查找损伤"),
        Text("scratches, dust, stains and folds are found and filled; 0 only what is sure, 1 whatever may be",
             "查找并填补划痕、灰尘、污渍和折痕；0 只含确定的，1 为所有可疑的"),
        unset="none", bare=DAMAGE_SURE,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RepairOptions:
    """What Repair does; raises OptionError for values out of range.

    ``faces`` are numbered from 1, from left to right; ``boxes`` are faces that the detector misses, and are numbered
    with the others. ``anonymise`` replaces faces instead of repairing them.
    """

    model: str = text("repairer", _MODEL, _NAME_OR_FILE)
    faces: Literal["all", "none"] | tuple[int, ...] = own(
        "all", read_faces, Text("Faces", "人脸"),
        Text("which: all, none, or numbers from left to right", "哪些：all、none 或从左到右的编号"),
        metavar="all|none|N,N",
    )  # fmt: skip
    boxes: tuple[Box, ...] = own(
        (), read_boxes, Text("Boxes", "方框"),
        Text("a face that is not found, in pixels from the upper left", "未找到的人脸，从左上角起的像素坐标"),
        metavar="L,T,R,B", flag="--box", repeated=True,
    )  # fmt: skip
    strength: float = number(1.0, 0, 1, _STRENGTH, _REPAIR_STRENGTH_ABOUT)
    fidelity: float = number(0.5, 0, 1, _FIDELITY, _FIDELITY_ABOUT)
    score: float = number(
        0.8, 0, 1, Text("How sure it must be to be a face", "判定为人脸的把握"),
        Text("less finds more, mistakes too", "越小找到的越多，误认也越多"), step=0.05,
    )  # fmt: skip
    min_size: int | None = whole(
        None, 8, 4096, Text("Smallest face (pixels)", "最小人脸（像素）"),
        Text("lower faces are left alone; auto is a hundredth of the longer side",
             "更小的人脸不处理；auto 为长边的百分之一"),
        unset="auto",
    )  # fmt: skip
    filler: str = choice(
        "auto", FILLERS, Text("Filler", "填充方式"),
        Text("of masked parts outside faces; auto is lama where it was fetched, else patches",
             "用于人脸以外的遮罩部分；auto：已下载时为 lama，否则为 patches"),
    )  # fmt: skip
    anonymise: str = choice(
        "no", ANONYMISE, Text("Anonymise", "匿名化"),
        Text("replaces the faces instead of repairing them", "替换人脸，而不是修复它们"),
        words=(Text("no", "否"), Text("blur", "模糊"), Text("squares", "马赛克"),
               Text("someone who does not exist", "换成不存在的人")),
    )  # fmt: skip
    seed: int | None = whole(
        None, 0, LAST_SEED, Text("Seed", "种子"),
        Text("of the people who do not exist and of the patches; auto: other people each time",
             "用于不存在的人和图块填补；auto：每次换人"),
        unset="auto",
    )  # fmt: skip
    find_damage: float | None = _find_damage(None)
    precision: str = _precision()

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class RestoreOptions(RepairOptions):
    """What Repair does to a whole old photograph at once; raises OptionError for values out of range.

    Damage is looked for unless ``find_damage`` is None, and faces restored unless ``faces`` is "none".
    """

    find_damage: float | None = _find_damage(DAMAGE_IN_OLD)
    clean: float = number(
        0.8, 0, 1, Text("Clean", "去噪"),
        Text("how much of the noise and of JPEG's blocks is taken away; 0 leaves them",
             "去除多少噪点和 JPEG 块；0 为不去除"),
        step=0.05,
    )  # fmt: skip
    colors: float = number(
        0.6, 0, 1, Text("Colours", "色彩"),
        Text("how far fading and colour cast are taken back; 0 leaves the colours",
             "校正褪色和偏色的程度；0 为保持原色"),
        step=0.05,
    )  # fmt: skip
    size: int = choice(
        1, RESTORED_SIZES, Text("Size", "尺寸"), Text("how many times the picture is enlarged", "图片放大的倍数")
    )


@dataclass(frozen=True, kw_only=True)
class DamageOptions:
    """What counts as damage; raises OptionError for values out of range."""

    model: str = text("damage", _MODEL, _NAME_OR_FILE)
    sensitivity: float = number(
        DAMAGE_SURE, 0, 1, Text("Sensitivity", "灵敏度"),
        Text("0 only what is surely damage, 1 whatever may be", "0 只含确定的损伤，1 为所有可疑的"),
    )  # fmt: skip
    smallest: int = whole(
        4, 0, 10_000, Text("Smallest speck (pixels)", "最小斑点（像素）"),
        Text("smaller ones are left alone", "更小的不处理"),
    )  # fmt: skip
    grow: float = number(
        1.5, 0, 32, Text("Grow (pixels)", "扩展（像素）"),
        Text("by which the mask is wider than what was found", "遮罩比找到的损伤宽出的像素数"), step=0.5,
    )  # fmt: skip
    precision: str = _precision()

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What becomes of one repaired face; raises OptionError for values out of range."""

    accept: bool = True
    strength: float = number(1.0, 0, 1, _STRENGTH, _REPAIR_STRENGTH_ABOUT)
    fidelity: float = number(0.5, 0, 1, _FIDELITY, _FIDELITY_ABOUT)

    def __post_init__(self) -> None:
        check(self)


# ---- stylize ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StylizeOptions:
    """What Stylize does; raises OptionError for values out of range. A style is a name of the gallery, or a file."""

    style: str = text(
        MISSING, Text("Style", "风格"),
        Text("a style of the gallery (any wrong name lists it), or a picture",
             "图库中的风格（写错会列出），或一张图片"),
        metavar="NAME|FILE",
    )  # fmt: skip
    second: str | None = text(
        None, Text("Second style", "第二种风格"), Text("a second style to mix with", "与之混合的第二种风格"),
        unset="none", metavar="NAME|FILE", flag="--style2",
    )  # fmt: skip
    mix: float = number(
        0.5, 0, 1, Text("Share of the second style", "第二种风格的比例"),
        Text("0 is the first style alone, 1 the second", "0 只用第一种风格，1 只用第二种"),
    )  # fmt: skip
    strength: float = number(1.0, 0, 1, _STRENGTH, Text("0 the photo itself, 1 the painting", "0 为原照片，1 为绘画"))
    style_scale: float = number(
        1.0, 0.1, 4, Text("Size of the strokes", "笔触大小"),
        Text("against the picture, whatever its resolution: 2 is twice as large",
             "相对于画面，与分辨率无关：2 为两倍大"),
        step=0.05,
    )  # fmt: skip
    keep_colors: bool = switch(
        False, Text("Keep the photo's colours", "保留照片的颜色"),
        Text("takes only light and shade from the painting", "只采用绘画的明暗"),
    )  # fmt: skip
    model: str = text("stylizer", _MODEL, _NAME_OR_FILE)
    optimise: int = whole(
        0, 0, MOST_STEPS, Text("Steps of optimisation", "优化步数"),
        Text("go on from the network's painting by Gatys' method in so many steps, such as 90: a minute or more",
             "在网络结果的基础上用 Gatys 方法继续绘制的步数，如 90：需一分钟以上"),
    )  # fmt: skip
    vgg: str = choice(
        "vgg16-front", VGGS, Text("Optimise with", "优化所用网络"),
        Text("vgg16-front ships; vgg19 needs 'weights fetch vgg19' and a style FILE",
             "vgg16-front 随程序提供；vgg19 需先运行“weights fetch vgg19”，并需一个风格文件"),
        metavar="NAME",
    )  # fmt: skip
    tile: int | None = _tile()
    precision: str = _precision()

    def __post_init__(self) -> None:
        check(self)
        if not self.style:
            raise OptionError(messages.NO_STYLE)
        if self.optimise and self.second is not None:
            raise OptionError(messages.OPTIMISING_TAKES_ONE)


# ---- generate --------------------------------------------------------------------------------------------------------


def read_directions(given: object) -> tuple[float, ...]:
    """Steps along the directions, from the first on, as a list of numbers, or of words N=X; raises OptionError."""
    if given is None or (isinstance(given, (str, dict)) and not given):
        return ()
    if not isinstance(given, (list, tuple)):
        raise OptionError(messages.NOT_DIRECTIONS)
    if given and all(isinstance(word, str) for word in given):
        given = _steps(given)
    for number_, value in enumerate(given, 1):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= STEEPEST:
            shown = messages.NOTHING_GIVEN if value is None else _shown(value)
            raise OptionError(messages.TOO_STEEP, number=number_, value=shown, steepest=f"{STEEPEST:g}")
    return tuple(float(value) for value in given)


def _steps(words: Iterable[str]) -> list[float]:
    """["1=0.5", "3=-1"] as [0.5, 0.0, -1.0]."""
    steps: dict[int, float] = {}
    for word in words:
        number_, _, amount = word.partition("=")
        try:
            steps[int(number_)] = float(amount)
        except ValueError:
            raise OptionError(messages.NOT_A_STEP, value=word[:40]) from None
    if not 1 <= min(steps) <= max(steps) <= MOST_DIRECTIONS:
        raise OptionError(messages.DIRECTIONS_COUNT_FROM_1)
    return [steps.get(number_, 0.0) for number_ in range(1, max(steps) + 1)]


def read_seeds(given: object) -> tuple[int, ...]:
    """Seeds of a walk: a list of whole numbers, or words such as "1, 2, 3"; raises OptionError."""
    try:
        words = re.split(r"[\s,;，、；]+", given.strip(" ,;，、；")) if isinstance(given, str) else list(given)  # type: ignore[call-overload]
        seeds = tuple(int(word) for word in words if word != "")
        if not isinstance(given, str) and any(
            isinstance(word, bool) or float(word) != seed for word, seed in zip(words, seeds, strict=True)
        ):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise OptionError(messages.NOT_SEEDS, value=_shown(given, 60)) from None
    if not WALK_SEEDS[0] <= len(seeds) <= WALK_SEEDS[1]:
        raise OptionError(messages.WALK_TAKES, count=len(seeds))
    for seed in seeds:
        if not 0 <= seed <= LAST_SEED:
            raise OptionError(messages.OUT_OF_RANGE, option=_SEED, value=_shown(seed), low=0, high=LAST_SEED, unset="")
    return seeds


_SEED = Text("Seed", "种子")
_TRUNCATION = Text("Truncation", "截断")
_TRUNCATION_ABOUT = Text(
    "1 draws the full variety; less keeps closer to the mean picture, with fewer failures",
    "1 为完整的多样性；越小越接近平均图像，失败也越少",
)
_DIRECTIONS = Text("Directions", "方向")
_DIRECTIONS_ABOUT = Text(
    "X standard deviations along direction N, which may be a name that the generator has, such as smile",
    "沿第 N 个方向移动 X 个标准差；N 也可以是该生成器所有的名称，如 smile",
)


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """What Generate draws; raises OptionError for values out of range."""

    model: str = text("faces", Text("Generator", "生成器"), _NAME_OR_FILE)
    seed: int = whole(
        0, 0, LAST_SEED, _SEED,
        Text("the first one; the same seed always gives the same picture", "第一个种子；同一种子总得到同一张图片"),
    )  # fmt: skip
    count: int = whole(
        1, 1, MOST_PICTURES, Text("Pictures", "张数"), Text("of so many seeds in a row", "依次的种子个数")
    )
    truncation: float = number(0.7, 0, 1, _TRUNCATION, _TRUNCATION_ABOUT)
    directions: tuple[float, ...] = own(
        (), read_directions, _DIRECTIONS, _DIRECTIONS_ABOUT, metavar="N=X", flag="--direction", repeated=True
    )
    mix_seed: int | None = whole(
        None, 0, LAST_SEED, Text("Seed to mix with", "混合的种子"),
        Text("mix every picture with its", "与此种子的图片混合"), unset="none",
    )  # fmt: skip
    mix: float = number(
        0.5, 0, 1, Text("Mix", "混合比例"),
        Text("0 is the seed's own picture, 1 that of the seed to mix with", "0 为原种子的图片，1 为混合种子的图片"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)
        if self.seed + self.count - 1 > LAST_SEED:
            raise OptionError(messages.PAST_LAST_SEED, count=self.count, seed=self.seed, last=LAST_SEED)


@dataclass(frozen=True, kw_only=True)
class WalkOptions:
    """A way through the pictures of some seeds; raises OptionError for values out of range."""

    model: str = text("faces", Text("Generator", "生成器"), _NAME_OR_FILE)
    seeds: tuple[int, ...] = own(
        (0, 1, 2, 3), read_seeds, Text("Seeds", "种子"),
        Text("two to eight, with commas; the walk passes through each", "二到八个，用逗号隔开；漫步依次经过它们"),
        metavar="N,N,...", flag="--walk",
    )  # fmt: skip
    frames: int = whole(60, *WALK_FRAMES, Text("Frames", "帧数"), Text("of the whole walk", "整个漫步的帧数"))
    loop: bool = switch(
        True, Text("Loop", "循环"), Text("goes back to the first seed at the end", "最后回到第一个种子")
    )
    truncation: float = number(0.7, 0, 1, _TRUNCATION, _TRUNCATION_ABOUT)
    directions: tuple[float, ...] = own(
        (), read_directions, _DIRECTIONS, _DIRECTIONS_ABOUT, metavar="N=X", flag="--direction", repeated=True
    )

    def __post_init__(self) -> None:
        check(self)


# ---- compare ---------------------------------------------------------------------------------------------------------


def read_items(given: object) -> tuple[str, ...]:
    """What is compared: words with commas, such as "photo-fast,photo", or a list of them; raises OptionError."""
    words = given.split(",") if isinstance(given, str) else given
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise OptionError(messages.NOTHING_TO_COMPARE)
    items = tuple(word.strip() for word in words if word.strip())
    if not items:
        raise OptionError(messages.NOTHING_TO_COMPARE)
    if len(items) > MOST_COMPARED:
        raise OptionError(messages.TOO_MANY_TO_COMPARE, count=len(items), most=MOST_COMPARED)
    for item in items:
        if items.count(item) > 1:
            raise OptionError(messages.COMPARED_TWICE, item=item[:60])
    return items


def read_crop(given: object) -> Crop | None:
    """A part of a picture as "40,30,120,140" (left, top, width, height), as four numbers, or None; OptionError."""
    if given is None or (isinstance(given, (str, list, tuple)) and given in ("", "none", (), [])):
        return None
    try:
        words = given.split(",") if isinstance(given, str) else list(given)  # type: ignore[call-overload]
        left, top, width, height = (int(word) for word in words)
        if any(isinstance(word, bool) or float(word) != int(word) for word in words):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise OptionError(messages.NOT_A_CROP, value=_shown(given)) from None
    if left < 0 or top < 0 or width < 1 or height < 1:
        raise OptionError(messages.NOT_A_CROP, value=_shown(given))
    return left, top, width, height


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What Compare tries on one picture; raises OptionError for values out of range.

    An item is the name of a model of Upscale, of a style of the gallery, of a restorer of faces (or ``repair``, the
    usual one), or a file: an earlier result. After a colon stands its dial from 0 to 1, as in ``repair:0.2``: the
    fidelity of a restorer, the strength of the others.
    """

    items: tuple[str, ...] = own(
        MISSING, read_items, Text("What to compare", "比较的内容"),
        Text("with commas: models of upscale, styles, repair:0.2 (its fidelity), or files of earlier results",
             "用逗号隔开：放大模型、风格、repair:0.2（保真度）或以前结果的文件"),
        metavar="NAME[:X],...", flag="--with",
    )  # fmt: skip
    crop: tuple[int, int, int, int] | None = own(
        None, read_crop, Text("Part of the picture", "图片的一部分"),
        Text("left, top, width and height in pixels", "左、上、宽、高（像素）"), metavar="X,Y,W,H", unset="none",
    )  # fmt: skip
    scale: float | None = number(
        None, LEAST_SCALE, MOST_SCALE, Text("Scale", "放大倍数"),
        Text("of every model of upscale; auto: each its own", "用于所有放大模型；auto：各用自己的倍数"), unset="auto",
        metavar="auto|X",
    )  # fmt: skip
    side: int = whole(
        800, 320, 4096, Text("Side on the sheet (pixels)", "对比图上的边长（像素）"),
        Text("longest side of each picture on the sheet", "对比图上每张图片的最长边"),
    )  # fmt: skip
    precision: str = _precision()

    def __post_init__(self) -> None:
        check(self)


# ---- saving ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SaveOptions:
    """How a result is written; raises OptionError for values out of range."""

    format: str = choice(
        "png", PICTURE_FORMATS, Text("File format", "文件格式"), Text("of files in a folder", "文件夹中文件的格式"),
        words=(Text("PNG", "PNG"), Text("JPEG", "JPEG"), Text("WebP", "WebP"), Text("TIFF", "TIFF")),
    )  # fmt: skip
    quality: int = whole(
        95, 1, 100, Text("Quality", "质量"), Text("of JPEG and WebP", "用于 JPEG 和 WebP")
    )  # fmt: skip
    strip: bool = _strip()
    keep_gps: bool = _keep_gps()

    def __post_init__(self) -> None:
        check(self)


def read_suffix(given: object) -> str | None:
    """What stands after a file's name, "" for nothing; None stays None. Raises OptionError for slashes in it."""
    if given is None:
        return None
    if not isinstance(given, str) or any(letter in given for letter in "/\\\0"):
        raise OptionError(messages.NOT_IN_NAMES, value=str(given)[:40])
    return given


def read_pattern(given: object) -> str | None:
    """A pattern of names such as "{stem}-{model}"; None stays None. Raises OptionError for what is none.

    Which places it may have, the command knows.
    """
    pattern = read_suffix(given)
    if pattern is None:
        return None
    try:
        places = [(name, shape, form) for _, name, shape, form in Formatter().parse(pattern) if name is not None]
    except ValueError:
        places = []
    if not places or any(not name.isidentifier() or shape or form for name, shape, form in places):
        raise OptionError(messages.NOT_A_PATTERN, value=pattern[:40])
    return pattern


def _batch_format(*formats: str) -> Any:
    about = Text(
        "of files in a folder; auto: png, and a clip as it was or mp4; same: as the input was, or the nearest to it",
        "文件夹中文件的格式；auto：png，动图和视频则保持原格式或 mp4；same：与输入相同或最接近的格式",
    )
    choices = tuple(dict.fromkeys(("auto", "same", *formats, *FORMAT_SYNONYMS)))
    return choice("auto", choices, Text("File format", "文件格式"), about)


@dataclass(frozen=True, kw_only=True)
class BatchOptions(SaveOptions):
    """Which files a command takes and how it names and writes theirs; raises OptionError for values out of range."""

    format: str = _batch_format(*PICTURE_FORMATS)
    recursive: bool = switch(
        False, Text("Sub-folders", "子文件夹"),
        Text("of folders, too; the output has the same", "一并处理；输出中保留相同的结构"), short="-r",
    )  # fmt: skip
    suffix: str | None = own(
        None, read_suffix, Text("End of names", "名称结尾"),
        Text("in a folder, in place of what says what was done", "在输出文件夹中，代替说明所做处理的结尾"),
        metavar="TEXT", dashed=True,
    )  # fmt: skip
    name: str | None = own(
        None, read_pattern, Text("Names", "名称"),
        Text("in a folder, such as {stem}-{model}-{scale}x", "在输出文件夹中，例如 {stem}-{model}-{scale}x"),
        metavar="PATTERN",
    )  # fmt: skip
    skip_existing: bool = switch(
        False, Text("Skip existing", "跳过已有"), Text("what has its output already is left", "已有输出的文件不再处理")
    )
    overwrite: bool = switch(
        False, Text("Overwrite inputs", "覆盖输入"), Text("an output may take its input's place", "输出可以取代输入")
    )
    keep_dates: bool = switch(
        False, Text("Keep dates", "保留日期"), Text("a file is given its input's date", "文件沿用输入的日期")
    )
    json: bool = switch(
        False, Text("JSON", "JSON"), Text("says each picture's facts in a line of JSON", "每张图片用一行 JSON 说明")
    )


@dataclass(frozen=True, kw_only=True)
class ClipBatchOptions(BatchOptions):
    """As :class:`BatchOptions`, for a command that takes clips, too."""

    format: str = _batch_format(*PICTURE_FORMATS, *CLIP_FORMATS)


@dataclass(frozen=True, kw_only=True)
class FacelessOptions:
    """What ``repair`` does with a picture in which it finds no face; raises OptionError for another choice."""

    faceless: str = choice(
        "fail", FACELESS, Text("Without a face", "没有人脸时"),
        Text("copy: saved as it is; leave: left out; neither counts as failed",
             "copy：原样保存；leave：略去；两者都不算失败"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class ClipSaveOptions:
    """How a clip is written; raises OptionError for values out of range."""

    format: str | None = choice(
        None, CLIP_FORMATS, Text("File format", "文件格式"),
        Text("as the clip was, or mp4; GIF, WebP and APNG have no sound",
             "与原文件相同，或 mp4；GIF、WebP、APNG 没有声音"),
        words=tuple(Text(name, name) for name in ("MP4", "WebM", "WebP", "GIF", "APNG")),
        unset="same",
    )  # fmt: skip
    strip: bool = _strip()
    keep_gps: bool = _keep_gps()

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class DrawnSaveOptions:
    """How what Generate draws is written; raises OptionError for values out of range."""

    size: str = choice(
        "native", SIZES, Text("Size", "尺寸"),
        Text("larger faces are finished by repair's networks; pictures of other generators are enlarged by photo",
             "更大的人脸由“修复”的网络细化；其他生成器的图片由 photo 放大"),
        words=(Text("as drawn", "原尺寸"), Text("256", "256"), Text("512", "512")),
    )  # fmt: skip
    fps: float = number(20, 1, FASTEST, Text("Frames a second", "每秒帧数"), Text("of a walk", "漫步的速度"))

    def __post_init__(self) -> None:
        check(self)
