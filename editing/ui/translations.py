"""Every word of the page, in English and 中文; a test fails on one without its translation."""

from __future__ import annotations

from typing import Any

import gradio as gr

from editing import options
from editing.options import (
    ClipOptions,
    ClipSaveOptions,
    DrawnSaveOptions,
    GenerateOptions,
    RepairOptions,
    SaveOptions,
    StylizeOptions,
    UpscaleOptions,
    WalkOptions,
)

# Whose titles, help and choices are words of the page, too.
KINDS = (
    UpscaleOptions, ClipOptions, RepairOptions, StylizeOptions, GenerateOptions, WalkOptions, SaveOptions,
    ClipSaveOptions, DrawnSaveOptions,
)  # fmt: skip

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
    "clip": ("Clip", "动图和视频"),
    "clip_input": ("A video, or an animated GIF, WebP or PNG", "视频，或 GIF、WebP、PNG 动图"),
    "clip_result": ("Result", "结果"),
    "clip_format_same": ("as the clip", "与原文件相同"),
    "waiting_clip": ("Drop a clip to see what it will take.", "放入动图或视频后，这里会显示所需时间。"),
    "estimate_clip": (
        "**{width} × {height} → {out_width} × {out_height}** · {frames} frames · about **{seconds}** · peak memory "
        "{memory} ({free} free)",
        "**{width} × {height} → {out_width} × {out_height}** · {frames} 帧 · 约 **{seconds}** · 峰值内存 {memory}"
        "（可用 {free}）",
    ),
    "progress_frames": ("Frames: {done} of {total}", "已完成 {done} / {total} 帧"),
    "clip_done": (
        "**{width} × {height}** · {frames} frames in {seconds} · {size} {format}",
        "**{width} × {height}** · {frames} 帧，用时 {seconds} · {size} {format}",
    ),
    "clip_stopped": (
        "Stopped: this is what is done, **{frames} of {total} frames**. Run goes on from there.",
        "已停止：这是已完成的部分，**{total} 帧中的 {frames} 帧**。点“运行”会从那里继续。",
    ),
    "clip_hint": (
        "This picture moves: the tab “Clip” does all of its frames.",
        "这张图片是动图：“动图和视频”页会处理它的所有帧。",
    ),
    "examples": ("Examples", "示例"),
    "scale_info": (
        "1 keeps the size and cleans noise and JPEG blocks",
        "选 1 保持尺寸，只去除噪点和 JPEG 块",
    ),
    "sigma_auto": ("Noise level from the picture", "自动估计噪声强度"),
    "sigma_auto_info": (
        "Measured over the whole picture, and shown before and after the run",
        "根据整张图片测得，运行前后都会显示",
    ),
    "sigma_info": (
        "0 changes nothing, 5 to 15 is a photo at high ISO, 25 and more plainly grainy",
        "0 不作任何改变，5 到 15 相当于高感光度照片，25 以上颗粒明显",
    ),
    "advanced": ("Advanced", "高级选项"),
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
    # Stylize
    "tab_stylize": ("Stylize", "风格化"),
    "stylize_input": ("Photo", "照片"),
    "style_gallery": ("Styles", "风格"),
    "style_own": ("Or a style picture of your own", "或使用自己的风格图片"),
    "style_picture": ("Style picture: takes the place of the gallery's", "风格图片：代替图库中的风格"),
    "style_second": ("Mix with a second style", "与第二种风格混合"),
    "style_none": ("none", "无"),
    "stylize_mask": ("Mask: paint only here", "蒙版：只绘制此处"),
    "stylize_mask_info": (
        "Brush over what shall be painted; without a mask it is everything.",
        "涂抹要风格化的部分；没有蒙版则为全图。",
    ),
    "stylize_live": ("These change the result without another run:", "调整以下各项无需重新运行："),
    "sheet": ("Try all styles", "试用所有风格"),
    "sheet_info": (
        "Small and quick, so strokes look coarser than in the result; a click chooses the style.",
        "尺寸小、速度快，因此笔触比结果粗；点击即可选择该风格。",
    ),
    "sheet_result": ("All styles", "所有风格"),
    "optimise": ("Slow and thorough: optimise", "慢而精细：优化"),
    "optimise_info": (
        "Gatys' method changes the photo step by step until a VGG network sees the style in it. It takes minutes and "
        "one style picture of your own; what there is so far is shown, and Stop keeps it.",
        "Gatys 方法逐步修改照片，直到 VGG 网络从中看到该风格。需要几分钟和一张您自己的风格图片；"
        "过程中会显示当前结果，点“停止”即保留。",
    ),
    "optimise_missing": (
        "⚠ It needs VGG19, which is not here: run `python -m editing weights fetch vgg19` (about 575 MB), and open the "
        "page again.",
        "⚠ 它需要 VGG19，此处没有：请运行 `python -m editing weights fetch vgg19`（约 575 MB），再重新打开页面。",
    ),
    "optimise_steps": ("Steps", "步数"),
    "optimise_run": ("Optimise", "开始优化"),
    "style_missing": (
        "The style {name} was a picture of your own: give it again.",
        "风格 {name} 是您自己的图片：请重新提供。",
    ),
    # Generate
    "tab_generate": ("Generate", "生成"),
    "generate_grid": ("Grid", "网格"),
    "generate_mix": ("Mix", "混合"),
    "generate_walk": ("Walk", "漫步"),
    "seed_info": (
        "A whole number from 0 to 4294967295: the same seed always gives the same picture; the grid goes on from it",
        "0 到 4294967295 的整数：同一种子总得到同一张图片；网格从它开始依次往后",
    ),
    "generate_dice": ("⚄ Another seed", "⚄ 换个种子"),
    "generate_dice_pair": ("⚄ Two other seeds", "⚄ 换两个种子"),
    "generate_dice_walk": ("⚄ Other seeds", "⚄ 换一组种子"),
    "seed_first": ("First seed", "第一个种子"),
    "seed_second": ("Second seed", "第二个种子"),
    "mix_info": ("0 is the first seed's picture, 1 the second's", "0 为第一个种子的图片，1 为第二个的"),
    "walk_frame": ("Frame", "帧"),
    "download_webp": ("Download WebP", "下载 WebP"),
    "download_mp4": ("Download MP4", "下载 MP4"),
    "directions": ("Directions", "方向"),
    "directions_info": (
        "The main ways in which this generator's pictures differ, as found by statistics and not chosen by anybody. "
        "One step is one standard deviation.",
        "该生成器的图片之间差异最大的几个方向，由统计得出，并非人为挑选。一格为一个标准差。",
    ),
    "direction_1": ("Direction 1", "方向 1"),
    "direction_2": ("Direction 2", "方向 2"),
    "direction_3": ("Direction 3", "方向 3"),
    "direction_4": ("Direction 4", "方向 4"),
    "direction_5": ("Direction 5", "方向 5"),
    "direction_6": ("Direction 6", "方向 6"),
    "direction_7": ("Direction 7", "方向 7"),
    "direction_8": ("Direction 8", "方向 8"),
    "directions_level": ("All to 0", "全部归零"),
    "size_native": ("as drawn", "原始尺寸"),
    "size_large": ("256 pixels", "256 像素"),
    "size_info": (
        "256 enlarges the chosen picture, or every frame of a walk, by the Upscale tab's photo model",
        "256 会用“放大”页的 photo 模型放大所选图片，或漫步的每一帧",
    ),
    "draw": ("Draw", "绘制"),
    "generate_restore": ("Settings from a drawn picture", "读取已生成图片中的设置"),
    "generate_chosen": ("Chosen picture", "所选图片"),
    "mask_to_repair": ("Picture and mask to Repair", "将图片和蒙版发送到“修复”"),
    "mask_to_stylize": ("Picture and mask to Stylize", "将图片和蒙版发送到“风格化”"),
    "send_upscale": ("Send to Upscale", "发送到“放大”"),
    "generate_note_faces": (
        "**These people do not exist.** The generator was trained from scratch for Atelier with 1,389 synthetic "
        "portraits that show nobody either (CC BY-NC-SA 4.0). `weights/faces.md` tells the rest.",
        "**这些人并不存在。** 生成器是为 Atelier 从零训练的，只用了 1389 张合成人像"
        "（其中的人同样不存在，CC BY-NC-SA 4.0）。详见 `weights/faces.md`。",
    ),
    "generate_note_other": (
        "This generator is a file of your own. Whatever it draws was never photographed; what it was trained with is "
        "for its maker to say.",
        "这是您自己的生成器文件。它画出的内容从未被拍摄过；训练用了什么，请询问其作者。",
    ),
    "chosen_seed": ("**Seed {seed}**", "**种子 {seed}**"),
    "chosen_mix": (
        "**Seed {first} with {percent} % of seed {second}**",
        "**种子 {first}，混入 {percent}% 的种子 {second}**",
    ),
    "chosen_facts": (" · {side} × {side} · truncation {truncation}", " · {side} × {side} · 截断 {truncation}"),
    "chosen_novelty": (
        "<br>Novelty **{novelty}**: how far it is from the nearest training picture, mirrored ones too. About 1 is "
        "usual for a real picture that the training never saw, 0 is a copy.",
        "<br>新颖度 **{novelty}**：与最近的训练图片（含镜像）的距离。训练从未见过的真实图片约为 1，0 表示照抄。",
    ),
    "progress_pictures": ("{done} of {total} pictures", "第 {done} / {total} 张"),
    "trainings": ("Trainings", "训练"),
    "training": ("Training", "训练"),
    "training_info": (
        "What `python -m editing train` has written under `runs/`; only to look at.",
        "`python -m editing train` 写在 `runs/` 下的内容，仅供查看。",
    ),
    "run_grids": ("Samples by step, newest first", "各步的样本，新的在前"),
    "run_curves": ("Curves", "曲线"),
    "run_options": ("Options", "选项"),
    "run_progress": ("**Step {step} of {steps}** · {hours} h", "**第 {step} / {steps} 步** · {hours} 小时"),
    "run_fd": (" · Fréchet distance {fd}", " · 弗雷歇距离 {fd}"),
    "run_diversity": (" · diversity {diversity} of the data's", " · 多样性为数据的 {diversity}"),
    "run_novelty": (" · novelty {novelty}", " · 新颖度 {novelty}"),
    # The mask brush; its script has no words of its own.
    "mask_tools": ("Tools", "工具"),
    "mask_brush": ("Brush", "画笔"),
    "mask_eraser": ("Eraser", "橡皮"),
    "mask_move": ("Move", "移动"),
    "mask_box": ("Box a face", "框选人脸"),
    "mask_size": ("Size", "大小"),
    "mask_undo": ("Undo", "撤销"),
    "mask_redo": ("Redo", "重做"),
    "mask_clear": ("Clear", "清除"),
    "mask_invert": ("Invert", "反选"),
    "mask_closer": ("Zoom in", "放大显示"),
    "mask_farther": ("Zoom out", "缩小显示"),
    "mask_whole": ("Whole", "全图"),
    "mask_load": ("Load mask", "载入蒙版"),
    "mask_save": ("Save mask", "保存蒙版"),
    "mask_faces": ("Mask a face:", "遮住人脸："),
    "mask_face": ("Mask face {number}", "遮住第 {number} 张人脸"),
    "mask_canvas": ("Picture to draw a mask on", "可绘制蒙版的图片"),
    "mask_empty": (
        "Drop a picture, then brush over what shall change.",
        "放入图片，然后涂抹要修改的部分。",
    ),
    "mask_keys": ("Keys and gestures", "快捷键与手势"),
    "mask_hint": (
        "B brush, E eraser, H move; [ and ] or the wheel: size; Ctrl+Z undo, Ctrl+Shift+Z redo; I invert, "
        "Delete clear; + and − or Ctrl and the wheel: zoom, 0 the whole picture.\n"
        "Arrows move the brush, with Shift in larger steps; hold Space to draw along, Enter puts one dab.\n"
        "Two fingers zoom and move the picture.",
        "B 画笔，E 橡皮，H 移动；[ ] 或滚轮调整大小；Ctrl+Z 撤销，Ctrl+Shift+Z 重做；I 反选，Delete 清除；"
        "+ − 或 Ctrl 加滚轮缩放，0 显示全图。\n"
        "方向键移动画笔，按住 Shift 步子更大；按住空格沿途绘制，回车点一下。\n"
        "双指可缩放和移动图片。",
    ),
    "mask_opened": ("The picture is ready to be drawn on.", "可以开始绘制了。"),
    "mask_drawn": ("Drawn.", "已绘制。"),
    "mask_loaded": ("The mask is loaded.", "蒙版已载入。"),
    "mask_boxed": ("The box is drawn.", "已画出方框。"),
    "mask_covered": ("Masked: {percent} %", "已遮住 {percent}%"),
    "mask_covered_none": ("Nothing is masked.", "尚未遮住任何部分。"),
    "mask_undone": ("Undone; {percent} % is masked.", "已撤销；已遮住 {percent}%。"),
    "mask_redone": ("Redone; {percent} % is masked.", "已重做；已遮住 {percent}%。"),
    "mask_cleared": ("The mask is cleared.", "蒙版已清除。"),
    "mask_inverted": ("Inverted; {percent} % is masked.", "已反选；已遮住 {percent}%。"),
    "mask_zoomed": ("Zoom {percent} %", "缩放 {percent}%"),
    "mask_face_masked": ("Face {number} is masked.", "已遮住第 {number} 张人脸。"),
    "mask_cursor_masked": ("{x} % across, {y} % down: masked", "横 {x}%，纵 {y}%：已遮住"),
    "mask_cursor_free": ("{x} % across, {y} % down: free", "横 {x}%，纵 {y}%：未遮住"),
    # Repair
    "tab_repair": ("Repair", "修复"),
    "repair_size": ("Size", "尺寸"),
    "repair_size_same": ("as it is", "保持不变"),
    "repair_size_info": (
        "Enlarges what is round the faces by the Upscale tab's photo model",
        "用“放大”页的 photo 模型放大人脸以外的部分",
    ),
    "trust": ("Show what to trust", "显示可信程度"),
    "trust_info": (
        "Red is where the result departs from what the picture can say; the download stays as it is",
        "红色处的结果已超出原图所能说明的内容；下载的文件不受影响",
    ),
    "repair_faces": ("Faces", "人脸"),
    "repair_ticks": ("Repaired faces", "要修复的人脸"),
    "repair_ticks_info": (
        "After a run a tick takes or rejects a face without another one",
        "运行之后，勾选或取消即可采用或放弃某张脸，无需重新运行",
    ),
    "repair_whose": ("Fidelity and strength of", "保真度和强度的对象"),
    "repair_everyone": ("all faces", "所有人脸"),
    # Filled in on the server, by the visitor's language.
    "repair_none_found": (
        "No face was found. Draw a box round one with “Box a face”, or brush over what shall be filled.",
        "没有找到人脸。可用“框选人脸”画一个方框，或涂抹要填补的部分。",
    ),
    "repair_nothing": (
        "Tick a face, or brush over what shall be filled.",
        "请勾选人脸，或涂抹要填补的部分。",
    ),
    "repair_estimate": (
        "**Faces: {faces}** · masked: {percent} % · about **{seconds}** · peak memory {memory} ({free} free)",
        "**人脸：{faces}** · 已遮住 {percent}% · 约 **{seconds}** · 峰值内存 {memory}（可用 {free}）",
    ),
    "repair_done": (
        "**Faces: {faces} of {found}** · {width} × {height} in {seconds} · {size} {format}",
        "**人脸：{faces} / {found}** · {width} × {height}，用时 {seconds} · {size} {format}",
    ),
    "repair_filled": (
        "Masked parts outside the faces were filled by “{name}”.",
        "人脸以外遮住的部分由“{name}”填补。",
    ),
    "repair_unlike": (
        "⚠ Face {number} may look like someone else now: its likeness is {likeness}, and {bar} or more is usual. Turn "
        "up its fidelity, or take its tick away.",
        "⚠ 第 {number} 张脸可能已不像本人：相似度为 {likeness}，通常在 {bar} 以上。请调高它的保真度，或取消勾选。",
    ),
    "repair_squares": (
        "Face {number} is too large for someone who does not exist: squares took the place.",
        "第 {number} 张脸太大，无法换成不存在的人：已改用马赛克。",
    ),
    "repair_missing": (
        "Not repaired in this run: {numbers}. Press Run for them.",
        "本次运行未修复：{numbers}。请点“运行”。",
    ),
    "repair_looking": ("Looking for faces…", "正在寻找人脸……"),
    "progress_looking": ("Looking for faces: {done} of {total}", "寻找人脸：{done} / {total}"),
    "progress_faces": ("Faces: {done} of {total}", "人脸：{done} / {total}"),
    "progress_filling": ("Filled parts: {done} of {total}", "填补：{done} / {total}"),
    "estimate": (
        "**{width} × {height} → {out_width} × {out_height}** · about **{seconds}** · peak memory {memory} "
        "({free} free) · tiles: {tiles}",
        "**{width} × {height} → {out_width} × {out_height}** · 约 **{seconds}** · 峰值内存 {memory}"
        "（可用 {free}）· {tiles} 个分块",
    ),
    "noise_level": (" · noise level {sigma} of 255", " · 噪声强度 {sigma}/255"),
    "estimate_many": (
        "**{count} pictures** · about **{seconds}** · peak memory {memory} ({free} free)",
        "**{count} 张图片** · 约 **{seconds}** · 峰值内存 {memory}（可用 {free}）",
    ),
    "stylize_estimate": (
        "**{width} × {height}** · about **{seconds}** · peak memory {memory} ({free} free) · tiles: {tiles}",
        "**{width} × {height}** · 约 **{seconds}** · 峰值内存 {memory}（可用 {free}）· {tiles} 个分块",
    ),
    "stylize_done": (
        "**{width} × {height}** in {seconds} · {size} {format}",
        "**{width} × {height}**，用时 {seconds} · {size} {format}",
    ),
    "estimate_memory": (
        " · ⚠ more than the free memory: close other programs or choose a smaller size",
        " · ⚠ 超过可用内存：请关闭其他程序或选择更小的尺寸",
    ),
    "machine": ("This machine: {machine}", "本机：{machine}"),
    "progress": ("Tiles: {done} of {total}", "已完成 {done} / {total} 块"),
    "progress_steps": ("Steps: {done} of {total}", "第 {done} / {total} 步"),
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
    "patch_at": ("The patch will be round {x}, {y}.", "局部将以 {x}, {y} 为中心。"),
    "preview_note": (
        "The page shows a preview; the download is the full result.",
        "页面显示的是预览；下载的是完整结果。",
    ),
    "file_done": ("{width} × {height} in {seconds}", "{width} × {height}，用时 {seconds}"),
    "file_part": ("stopped: what is done is in the zip", "已停止：已完成的部分在 zip 中"),
    "file_stopped": ("not done: stopped", "未处理：已停止"),
    "stopped": ("Stopped.", "已停止。"),
    "dropped": (
        "Another picture was given meanwhile: what was made of the one before was left out.",
        "期间放入了另一张图片：前一张的结果已略去。",
    ),
    "error_title": ("That did not work", "未能完成"),
    "error_internal": (
        "Something went wrong inside Atelier. The log has the details under the id {id}.",
        "Atelier 内部出错，详情见日志，编号 {id}。",
    ),
}


def _interface(column: int) -> dict[str, str]:
    return {key: texts[column] for key, texts in (TEXTS | _option_texts()).items()}


def _option_texts() -> dict[str, tuple[str, str]]:
    """Of each option ``KIND_NAME``, its title; ``..._about``, its help; ``..._live``, that with what live dials do; and
    ``..._VALUE``, the word for a choice."""
    found: dict[str, tuple[str, str]] = {}
    for kind in KINDS:
        for name, spec in options.specs(kind).items():
            key = f"{kind.__name__}_{name}"
            english, chinese = spec.about
            if not english.startswith((*map(str, spec.choices), "auto")):  # names, which are written small
                english = english[:1].upper() + english[1:]
            found |= {key: (spec.title.en, spec.title.zh), f"{key}_about": (english, chinese)}
            found[f"{key}_live"] = f"{english}; follows without another run", f"{chinese}；调整后无需重新运行"
            found |= {
                f"{key}_{value}": (word.en, word.zh)
                for value, word in zip(spec.choices, spec.words, strict=bool(spec.words))
            }
    return found


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
