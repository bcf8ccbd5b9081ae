"""Every word of the page, in English and 中文; a test fails on one without its translation."""

from __future__ import annotations

import functools
import re
from typing import Any

import gradio as gr

from editing.ui.messages import MESSAGES

# key: (English, 中文)
TEXTS: dict[str, tuple[str, str]] = {
    "tagline": (
        "Makes and mends pictures with neural networks, on this machine: nothing is sent anywhere else.",
        "用神经网络制作和修复图片，一切都在本机完成，不会发送到其他任何地方。",
    ),
    "tab_upscale": ("Upscale", "放大"),
    "one_picture": ("One picture", "单张图片"),
    "several_pictures": ("Several pictures", "多张图片"),
    "input": ("Picture", "图片"),
    "inputs": ("Pictures", "图片（可多选）"),
    "examples": ("Examples", "示例"),
    "model": ("Model", "模型"),
    "scale": ("Scale", "放大倍数"),
    "scale_info": (
        "1 keeps the size and cleans noise and JPEG blocks",
        "选 1 保持尺寸，只去除噪点和 JPEG 块",
    ),
    "strength": ("Strength", "强度"),
    "strength_info": (
        "0 plain enlargement, 1 the network's; changes the result without another run",
        "0 为普通放大，1 为网络结果；调整后无需重新运行",
    ),
    "strength_info_many": ("0 plain enlargement, 1 the network's", "0 为普通放大，1 为网络结果"),
    "advanced": ("Advanced", "高级选项"),
    "longest": ("Longest side (pixels)", "最长边（像素）"),
    "longest_info": ("Overrides the scale; 0 leaves it to the scale", "优先于放大倍数；0 表示按倍数"),
    "precision": ("Precision", "精度"),
    "precision_info": (
        "auto: bf16 where the hardware is fast at it, fp32 elsewhere",
        "auto：硬件支持时用 bf16，否则用 fp32",
    ),
    "tile": ("Tile (pixels)", "分块大小（像素）"),
    "tile_info": ("0 chooses it from the free memory", "0 表示按可用内存自动选择"),
    "color_lock": ("Colour lock: keep the picture's own colours", "颜色锁定：保持原图颜色"),
    "format": ("File format", "文件格式"),
    "strip": ("Remove all metadata", "删除所有元数据"),
    "keep_gps": ("Keep the GPS position", "保留 GPS 位置"),
    "run": ("Run", "运行"),
    "stop": ("Stop", "停止"),
    "patch": ("Preview a patch", "预览局部"),
    "patch_info": ("Click into the picture to choose which patch.", "点击图片可选择局部的位置。"),
    "result": ("Before and after", "前后对比"),
    "patch_result": ("Patch, before and after", "局部前后对比"),
    "download": ("Download", "下载"),
    "download_zip": ("Download all (zip)", "全部下载（zip）"),
    "recipe": ("Recipe", "配方"),
    "recipe_use": ("Use the settings saved in this picture", "使用此图片中保存的设置"),
    "results": ("Results", "结果"),
    "file": ("File", "文件"),
    "outcome": ("Outcome", "结果说明"),
    "waiting": (
        "Drop a picture to see what it will take.",
        "放入图片后，这里会显示所需时间。",
    ),
    # Filled in on the server, by the visitor's language.
    "estimate": (
        "**{width} × {height} → {out_width} × {out_height}** · about **{seconds}** · peak memory {memory} "
        "({free} free) · tiles: {tiles}",
        "**{width} × {height} → {out_width} × {out_height}** · 约 **{seconds}** · 峰值内存 {memory}"
        "（可用 {free}）· {tiles} 个分块",
    ),
    "estimate_many": (
        "**{count} pictures** · about **{seconds}** · peak memory {memory} ({free} free)",
        "**{count} 张图片** · 约 **{seconds}** · 峰值内存 {memory}（可用 {free}）",
    ),
    "estimate_memory": (
        " · ⚠ more than the free memory: close other programs or choose a smaller size",
        " · ⚠ 超过可用内存：请关闭其他程序或选择更小的尺寸",
    ),
    "machine": ("This machine: {machine}", "本机：{machine}"),
    "progress": ("Tiles: {done} of {total}", "已完成 {done} / {total} 块"),
    "progress_left": (" · {left} left", " · 剩余 {left}"),
    "progress_file": ("Picture {index} of {count}: ", "第 {index} / {count} 张："),
    "done": (
        "**{width} × {height}** in {seconds} · colours moved by {drift} of 255 · {size} {format}",
        "**{width} × {height}**，用时 {seconds} · 颜色偏移 {drift}/255 · {size} {format}",
    ),
    "patch_done": (
        "Patch of {width} × {height} pixels in {seconds}; Run does the whole picture.",
        "{width} × {height} 像素的局部，用时 {seconds}；点“运行”处理整张图片。",
    ),
    "preview_note": (
        "The page shows a reduced preview; the download is the full result.",
        "页面显示的是缩小的预览；下载的是完整结果。",
    ),
    "file_done": ("{width} × {height} in {seconds}", "{width} × {height}，用时 {seconds}"),
    "file_stopped": ("not done: stopped", "未处理：已停止"),
    "stopped": ("Stopped.", "已停止。"),
    "no_picture": ("There is no picture yet: drop one first.", "还没有图片：请先放入一张。"),
    "error_title": ("That did not work", "未能完成"),
    "error_internal": (
        "Something went wrong inside Atelier. The log has the details under the id {id}.",
        "Atelier 内部出错，详情见日志，编号 {id}。",
    ),
}


def _interface(column: int) -> dict[str, str]:
    return {key: texts[column] for key, texts in TEXTS.items()}


# Any: Gradio takes these wherever it takes a str, and its annotations do not all say so.
T: Any = gr.I18n(en=_interface(0), **{"zh-CN": _interface(1), "zh-TW": _interface(1)})


def language_of(request: gr.Request | None) -> str:
    """``en`` or ``zh``: the page's choice (a cookie), else what the browser asks for."""
    if request is None:
        return "en"
    asked = (request.cookies or {}).get("atelier_lang") or request.headers.get("accept-language") or "en"
    return "zh" if str(asked).lower().startswith("zh") else "en"


def say(key: str, language: str, **values: Any) -> str:
    """The text ``key`` in "en" or "zh", filled in; raises KeyError for an unknown key or a missing value."""
    return TEXTS[key][1 if language == "zh" else 0].format(**values)


def translate(message: str, language: str) -> str:
    """A pipeline's English sentence in the visitor's language, with the phrases in it; unknown ones stay English."""
    if language == "zh":
        for pattern, chinese in _patterns():
            match = pattern.fullmatch(message)
            if match:
                return chinese.format(*(translate(value, language) for value in match.groups()))
    return message


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    # Those with the most words first: a template that is mostly {} would match anything.
    templates = sorted(MESSAGES.items(), key=lambda item: -len(item[0].replace("{}", "")))
    return [
        (re.compile("(.*?)".join(re.escape(piece) for piece in english.split("{}")), re.DOTALL), chinese)
        for english, chinese in templates
    ]
