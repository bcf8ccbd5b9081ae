"""Every word of the page, in English and 中文; a test fails on one without its translation."""

from __future__ import annotations

from typing import Any

import gradio as gr

from editing import options
from editing.options import (
    ClipOptions,
    ClipSaveOptions,
    CompareOptions,
    DrawnSaveOptions,
    GenerateOptions,
    RepairOptions,
    RestoreOptions,
    SaveOptions,
    StylizeOptions,
    UpscaleOptions,
    WalkOptions,
)
from editing.ui.shown import EXAMPLES

# Whose titles, help and choices are words of the page, too.
KINDS = (
    UpscaleOptions, ClipOptions, RepairOptions, RestoreOptions, StylizeOptions, GenerateOptions, WalkOptions,
    SaveOptions, ClipSaveOptions, DrawnSaveOptions, CompareOptions,
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
    "inputs": ("Pictures", "图片（可多选）"),
    "choose_folder": ("Choose a folder", "选择文件夹"),
    "before_and_after": ("Before and after", "前后对比"),
    "retry": ("Try again what has no result", "重试没有结果的文件"),
    "clip": ("Clip", "动图和视频"),
    "clip_input": ("A video, or an animated GIF, WebP or PNG", "视频，或 GIF、WebP、PNG 动图"),
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
    "kind": ("What is it?", "这是什么？"),
    "kind_auto": ("Photo", "照片"),
    "kind_auto_details": (
        "photo-mid where it takes less than ten seconds, photo-fast for larger pictures and clips · CC BY-SA 4.0",
        "十秒内能完成时用 photo-mid，更大的图片和视频用 photo-fast · CC BY-SA 4.0",
    ),
    "kind_photo": ("Photo, best", "照片，最佳"),
    "kind_drawing": ("Drawing", "绘画、动漫"),
    "kind_denoise": ("Remove noise", "去除噪点"),
    "kind_takes": ("about {seconds}", "约 {seconds}"),
    "scale": ("Size", "尺寸"),
    "sigma_auto": ("Noise level from the picture", "自动估计噪声强度"),
    "sigma_auto_info": (
        "Measured over the whole picture, and shown before and after the run",
        "根据整张图片测得，运行前后都会显示",
    ),
    "sigma_info": (
        "0 changes nothing, 5 to 15 is a photo at high ISO, 25 and more plainly grainy",
        "0 不作任何改变，5 到 15 相当于高感光度照片，25 以上颗粒明显",
    ),
    "more": ("More", "更多"),
    "run": ("Run", "运行"),
    "stop": ("Stop", "停止"),
    "job_starts": ("Starting…", "正在开始……"),
    "job_running": ("Running.", "正在运行。"),
    "job_over": ("The run is over.", "运行已结束。"),
    "job_stopping": ("Stopping after this tile…", "处理完这一块就停止……"),
    "job_stopping_picture": ("Stopping after this picture…", "画完这一张就停止……"),
    "job_waits": ("Waiting: one job before yours", "排队中：前面还有 1 个任务"),
    "job_waits_more": ("Waiting: {before} jobs before yours", "排队中：前面还有 {before} 个任务"),
    "job_waits_seconds": (", about {seconds}", "，约 {seconds}"),
    "patch": ("Preview a patch", "预览局部"),
    "patch_info": ("Click into the picture to choose which patch.", "点击图片可选择局部的位置。"),
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
    "style_gallery": ("Styles", "风格"),
    "style_own": ("Or a style picture of your own", "或使用自己的风格图片"),
    "style_picture": ("Style picture: takes the place of the gallery's", "风格图片：代替图库中的风格"),
    "style_second": ("Mix with a second style", "与第二种风格混合"),
    "style_none": ("none", "无"),
    "stylize_mask_info": (
        "With Brush, paint over what shall be repainted; without a mask it is everything. The result follows at once.",
        "用“画笔”涂抹要重绘的部分；没有蒙版则为全图。结果会立即更新。",
    ),
    "sheet": ("Try all styles", "试用所有风格"),
    "sheet_info": (
        "Small and quick, so strokes look coarser than in the result; a click chooses the style.",
        "尺寸小、速度快，因此笔触比结果粗；点击即可选择该风格。",
    ),
    "stylize_steady_info": (
        "Where nothing moves nothing changes, and the style is held over time; 0 paints each frame by itself",
        "静止处保持不变，风格随时间保持稳定；0 表示每帧独立绘制",
    ),
    "fine": ("Fine: slow and thorough", "精细绘制：慢而细致"),
    "fine_info": (
        "Goes on from the network's painting, step by step, from large strokes to small ones, until a VGG network sees "
        "the style in it (Gatys' method). It takes one style; what there is so far is shown, and Stop keeps it.",
        "在网络结果的基础上逐步绘制，从大笔触到小笔触，直到 VGG 网络从中看到该风格（Gatys 方法）。只用一种风格；"
        "过程中会显示当前结果，点“停止”即保留。",
    ),
    "fine_steps": ("Steps", "步数"),
    "fine_run": ("Paint finely", "精细绘制"),
    "fine_estimate": (
        "**{width} × {height}** · about **{seconds}** · peak memory {memory} ({free} free) · steps: {tiles}",
        "**{width} × {height}** · 约 **{seconds}** · 峰值内存 {memory}（可用 {free}）· {tiles} 步",
    ),
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
    "generate_new": ("New faces", "新的面孔"),
    "generate_dice_pair": ("⚄ Two other seeds", "⚄ 换两个种子"),
    "generate_dice_walk": ("⚄ Other seeds", "⚄ 换一组种子"),
    "seed_first": ("First seed", "第一个种子"),
    "seed_second": ("Second seed", "第二个种子"),
    "mix_info": ("0 is the first seed's picture, 1 the second's", "0 为第一个种子的图片，1 为第二个的"),
    "walk_frame": ("Frame; 0 plays the walk", "帧（0 为播放）"),
    "download_webp": ("Download WebP", "下载 WebP"),
    "download_mp4": ("Download MP4", "下载 MP4"),
    "directions": ("Directions", "方向"),
    "directions_info": (
        "What changes along each, at both ends. Names are of what was measured in the pictures; the rest are the main "
        "ways in which they differ, found by statistics. One step is one standard deviation.",
        "每个方向两端的变化。有名称的方向按图中测得的变化命名；其余由统计得出，是图片之间差异最大的方向。一格为一个标准差。",
    ),
    "direction_turn": ("Turn: to the left, to the right", "转头：向左、向右"),
    "direction_nod": ("Nod: up, down", "俯仰：抬头、低头"),
    "direction_smile": ("Smile", "微笑"),
    "direction_side-light": ("Light: from the right, from the left", "光线：从右、从左"),
    "direction_background": ("Background: dark, bright", "背景：暗、亮"),
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
    "size_256": ("256 pixels", "256 像素"),
    "size_512": ("512 pixels", "512 像素"),
    "size_info": (
        "The chosen face, or every frame of a walk, is finished by the Repair tab's networks; what other generators "
        "draw is enlarged by the Upscale tab's photo model",
        "所选人脸或漫步的每一帧由“修复”页的网络细化；其他生成器的图片由“放大”页的 photo 模型放大",
    ),
    "draw": ("Draw", "绘制"),
    "generate_restore": ("Settings from a drawn picture", "读取已生成图片中的设置"),
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
    # The stage; its script has no words of its own.
    "stage_open": ("Open…", "打开…"),
    "stage_begin": ("Open your picture", "打开您的图片"),
    "stage_begin_clip": ("Open your clip", "打开您的动图或视频"),
    "stage_player": ("Clip", "动图和视频"),
    "stage_play": ("Play", "播放"),
    "stage_seek": ("Place in the clip", "播放位置"),
    "stage_sound": ("Sound", "声音"),
    "stage_how": ("or drop it here, or paste it with Ctrl+V", "也可拖放到此处，或按 Ctrl+V 粘贴"),
    "stage_nobody": ("Nobody you know: these people were drawn here", "这些人并不存在：都是在这里生成的"),
    "stage_drop": ("Drop it here", "松开即可放入"),
    "stage_views": ("Ways to look", "查看方式"),
    "stage_compare": ("Compare", "对比"),
    "stage_result": ("Result", "结果"),
    "stage_picture": ("Picture", "图片"),
    "stage_paint": ("Brush", "画笔"),
    "stage_back": ("Back to one", "返回单张"),
    "stage_grid": ("Back to all", "返回全部"),
    "stage_peek": ("Original", "原图"),
    "stage_whole": ("Fit", "适合窗口"),
    "stage_actual": ("100 %", "100%"),
    "stage_divider": ("Divider between before and after", "前后对比的分界线"),
    "stage_divided": ("{percent} % before", "{percent}% 为处理前"),
    "stage_before": ("Before", "处理前"),
    "stage_after": ("After", "处理后"),
    "stage_faces_found": ("Faces", "人脸"),
    "stage_face_name": ("Face {number}", "第 {number} 张人脸"),
    "stage_face_kept": ("Face {number}, to be changed", "第 {number} 张人脸，将会处理"),
    "stage_face_left": ("Face {number}, left as it is", "第 {number} 张人脸，保持原样"),
    "stage_face_take": ("Change this face", "处理这张脸"),
    "stage_canvas": ("Picture", "图片"),
    "stage_working": ("Working…", "正在处理…"),
    "stage_opening": ("Opening…", "正在打开…"),
    "stage_failed": ("That did not work. The picture is as it was.", "未能完成，图片保持原样。"),
    "stage_too_large": (
        "This file is larger than {most} MB, the most that is taken here.",
        "文件超过此处允许的 {most} MB。",
    ),
    "stage_dismiss": ("Close", "关闭"),
    "stage_tiles": ("Pictures; Enter opens one, Space marks it", "图片：回车打开，空格选中"),
    "stage_tile": ("Picture {number}", "第 {number} 张"),
    "stage_mark": ("Mark {name}", "选中 {name}"),
    "stage_marked": ("Marked: {count}", "已选中 {count} 张"),
    "stage_marked_most": ("No more than {most} can be marked.", "最多可选中 {most} 张。"),
    "stage_beside": ("{count} pictures beside each other", "并排显示 {count} 张图片"),
    "stage_arrived": ("The result is there.", "结果已就绪。"),
    "stage_keys": ("Keys and gestures", "快捷键与手势"),
    "stage_hint": (
        "C compare, R result, B brush; hold O to see the original; the wheel, + and − zoom, 0 fits, 1 is 100 %; drag "
        "with Space to move the picture.\n"
        "Brush: E eraser, H move; [ and ] or Shift and the wheel: size; Ctrl+Z undo, Ctrl+Shift+Z redo; I invert, "
        "Delete clear. Arrows move the brush, with Shift in larger steps; hold Space to draw along, Enter puts a dab.\n"
        "Two fingers zoom and move the picture. Esc goes back.",
        "C 对比，R 结果，B 画笔；按住 O 查看原图；滚轮或 + − 缩放，0 适合窗口，1 为 100%；按住空格拖动可移动图片。\n"
        "画笔：E 橡皮，H 移动；[ ] 或 Shift 加滚轮调整大小；Ctrl+Z 撤销，Ctrl+Shift+Z 重做；I 反选，Delete 清除。"
        "方向键移动画笔，按住 Shift 步子更大；按住空格沿途绘制，回车点一下。\n"
        "双指可缩放和移动图片。Esc 返回。",
    ),
    "mask_tools": ("Tools", "工具"),
    "mask_brush": ("Paint", "涂抹"),
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
    "mask_load": ("Load mask", "载入蒙版"),
    "mask_save": ("Save mask", "保存蒙版"),
    "mask_faces": ("Mask a face:", "遮住人脸："),
    "mask_face": ("Mask face {number}", "遮住第 {number} 张人脸"),
    "mask_opened": ("The picture is there.", "图片已就绪。"),
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
    "repair_task": ("What to do", "要做什么"),
    "repair_whole": ("Restore the whole photo", "修复整张照片"),
    "repair_some": ("Faces and what I paint", "人脸和我涂抹的部分"),
    "repair_hide": ("Hide identities", "隐藏身份"),
    "repair_way": ("The faces become", "人脸替换为"),
    "repair_seek_info": (
        "Scratches, dust, stains and folds are found and filled, and whatever you paint",
        "查找并填补划痕、灰尘、污渍和折痕，以及您涂抹的部分",
    ),
    "repair_sensitivity": ("What counts as damage", "损伤的判定"),
    "repair_sensitivity_info": ("0 only what is sure, 1 whatever may be", "0 只含确定的，1 为所有可疑的"),
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
    "repair_again": ("Start again from the picture", "从原图重新开始"),
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
    "repair_estimate_whole": (
        "**{width} × {height}** · faces: {faces} · about **{seconds}** · peak memory {memory} ({free} free)",
        "**{width} × {height}** · 人脸：{faces} · 约 **{seconds}** · 峰值内存 {memory}（可用 {free}）",
    ),
    "repair_done_whole": (
        "**Restored** · filled: {percent} % · {noise} · faces: {faces} of {found} · {width} × {height} in {seconds} · "
        "{size} {format}",
        "**已修复** · 填补 {percent}% · {noise} · 人脸：{faces} / {found} · {width} × {height}，用时 {seconds} · "
        "{size} {format}",
    ),
    "repair_noise": ("noise cleaned: {sigma} of 255", "已去除噪点：{sigma} / 255"),
    "repair_no_noise": ("no noise cleaned", "未去噪"),
    "repair_filled": (
        "Masked parts outside the faces were filled by “{name}”.",
        "人脸以外遮住的部分由“{name}”填补。",
    ),
    "repair_filled_whole": ("Filled by “{name}”.", "由“{name}”填补。"),
    "repair_unlike": (
        "⚠ Face {number} may be another person now. Turn up its fidelity, or take its tick away.",
        "⚠ 第 {number} 张脸可能已是另一个人。请调高它的保真度，或取消勾选。",
    ),
    "repair_same": ("same person", "同一个人"),
    "repair_another": ("⚠ may be another person", "⚠ 可能是另一个人"),
    "repair_invented": ("part invented: not checked", "部分为虚构：未核对"),
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
    "progress_damage": ("Looking for damage: {done} of {total}", "查找损伤：{done} / {total}"),
    "progress_clean": ("Cleaning: {done} of {total}", "去噪：{done} / {total}"),
    "progress_enlarge": ("Enlarging: {done} of {total}", "放大：{done} / {total}"),
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
        " · *⚠ more than the free memory: close other programs or choose a smaller size*",
        " · *⚠ 超过可用内存：请关闭其他程序或选择更小的尺寸*",
    ),
    "machine": ("This machine: {machine}", "本机：{machine}"),
    "progress": ("Tiles: {done} of {total}", "已完成 {done} / {total} 块"),
    "doctor": ("About this machine", "关于本机"),
    "doctor_measure": ("Measure this machine", "测量本机速度"),
    "doctor_columns": (
        "| model | precision | seconds a megapixel | GB a megapixel, in a tile | time, logarithmic |",
        "| 模型 | 精度 | 每百万像素秒数 | 每百万像素 GB（单个分块内） | 用时（对数） |",
    ),
    "progress_networks": ("Networks measured: {done}", "已测量 {done} 个网络"),
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
    "changed": ("Changed: run again", "设置已更改：请重新运行"),
    "compare_several": ("Compare several", "多项对比"),
    "compare_what": ("Two to four, beside each other", "选择二至四项并排显示"),
    "compare_info": (
        "Zoomed and moved together; earlier results of this picture stand here, too",
        "同步缩放和移动；也可选择此图片以前的结果",
    ),
    "compare_run": ("Compare these", "对比所选"),
    "compare_sheet": ("Sheet", "对比图"),
    "compare_earlier": ("earlier: {name}", "以前的结果：{name}"),
    "compare_fidelity": ("Fidelity {value}", "保真度 {value}"),
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
    "toast_warning": ("Please note", "请注意"),
    "toast_info": ("Note", "提示"),
    "file_refused": (
        "This takes no such file: {files}. Possible are {kinds}.",
        "这里不能用这种文件：{files}。可用：{kinds}。",
    ),
    # From tab to tab
    "onward": ("Continue in", "继续到"),
    "came_result": ("From {tab}: the result, {file}", "来自“{tab}”：结果 {file}"),
    "came_masked": ("From {tab}: {file}, with its mask", "来自“{tab}”：{file}，连同蒙版"),
    "came_picture": ("From {tab}: {file}", "来自“{tab}”：{file}"),
    "recipe_there": (
        "Made in {tab}: go there with its settings",
        "由“{tab}”制作：带着它的设置转到那里",
    ),
    "visit": ("This visit's results", "本次的结果"),
    "visit_back": ("From {tab}, earlier in this visit", "来自“{tab}”，本次较早的结果"),
    "error_title": ("That did not work", "未能完成"),
    "error_internal": (
        "Something went wrong inside Atelier. The log has the details under the id {id}.",
        "Atelier 内部出错，详情见日志，编号 {id}。",
    ),
}


def _interface(column: int) -> dict[str, str]:
    return {key: texts[column] for key, texts in (TEXTS | _option_texts() | _example_texts()).items()}


def _example_texts() -> dict[str, tuple[str, str]]:
    """Of each example ``example_TAB_NUMBER``, its title."""
    return {
        f"example_{tab}_{number}": (example.title.en, example.title.zh)
        for tab, examples in EXAMPLES.items()
        for number, example in enumerate(examples, 1)
    }


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
