"""What the pipelines say when something fails, in 中文; their own code speaks English, as with gettext.

A key is the English text with {} for each value, the 中文 has them in the same order, or numbered {0}, {1} in another.
A value that is a phrase of its own ("... pixels (... megapixels)") has its own entry.
"""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # pictures, reading
    "{} was not found. Check the name and the folder.": "找不到 {}。请检查文件名和文件夹。",
    "{} is a folder, not a picture. Choose a file in it.": "{} 是文件夹，不是图片。请选择其中的文件。",
    "{} may not be read. Change its permissions, or copy it elsewhere.": (
        "没有读取 {} 的权限。请修改权限，或把它复制到别处。"
    ),
    "{} is empty (0 bytes). Choose another file, or copy it again.": (
        "{} 是空文件（0 字节）。请换一个文件，或重新复制。"
    ),
    "{} is damaged or incomplete, and can't be decoded. Copy or download it again, or save it anew in another program.": (  # noqa: E501
        "{} 已损坏或不完整，无法解码。请重新复制或下载，或用其他程序重新保存。"
    ),
    "{} is not a picture of a known kind, or its beginning is damaged. Give a {} file; save others, such as SVG, PDF or "  # noqa: E501
    "camera raw, in one of these first.": (
        "{} 不是可识别的图片，或文件开头已损坏。请使用 {} 文件；SVG、PDF、相机 RAW 等请先转存为其中一种。"
    ),
    "PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF or HEIC": "PNG、JPEG、WebP、TIFF、BMP、GIF、AVIF 或 HEIC",
    "{} is damaged, or a TIFF of an uncommon kind. Save it as gray or RGB with 8 or 16 bits per channel.": (
        "{} 已损坏，或是不常见的 TIFF。请存为每通道 8 或 16 位的灰度或 RGB。"
    ),
    "{} is damaged, or a 16-bit TIFF of an uncommon kind. Save it without compression, or with LZW or Deflate, and with "  # noqa: E501
    "pixel-interleaved channels.": (
        "{} 已损坏，或是不常见的 16 位 TIFF。请以不压缩、LZW 或 Deflate 方式保存，并使用按像素交错的通道。"
    ),
    "{} is a camera's raw file. Develop it first, and save it as PNG, TIFF or JPEG.": (
        "{} 是相机 RAW 文件。请先冲洗，再存为 PNG、TIFF 或 JPEG。"
    ),
    "{} holds {} values of {} bits. Save it with 8 or 16 bits per channel (unsigned).": (
        "{0} 中是 {2} 位的{1}数值。请存为每通道 8 或 16 位（无符号）。"
    ),
    "unsigned": "无符号",
    "signed": "有符号",
    "floating-point": "浮点",
    "other": "其他类型",
    "{} holds colours of the kind {}. Save it as gray or RGB with 8 or 16 bits per channel.": (
        "{} 的颜色类型是 {}。请存为每通道 8 或 16 位的灰度或 RGB。"
    ),
    "{} is {}x{} pixels: it holds no picture. Choose another file.": (
        "{} 的尺寸是 {}×{} 像素，里面没有图像。请换一个文件。"
    ),
    "{} is {}; the limit is {} megapixels. Make it smaller or crop it first, or raise ATELIER_MAX_INPUT_MP.": (
        "{} 为 {}，上限是 {} 百万像素。请先缩小或裁剪，或调高 ATELIER_MAX_INPUT_MP。"
    ),
    "The result would be {}; the limit is {} megapixels. Choose a smaller scale or size, or raise ATELIER_MAX_OUTPUT_MP.": (  # noqa: E501
        "结果将达 {}，上限是 {} 百万像素。请选择更小的倍数或尺寸，或调高 ATELIER_MAX_OUTPUT_MP。"
    ),
    "{}x{} pixels ({} megapixels)": "{}×{} 像素（{} 百万像素）",
    "The environment variable {} is {}, but must be a positive number of megapixels; set it to a number such as {}, or "
    "remove it.": "环境变量 {} 的值为 {}，但应是正数（百万像素）。请设为 {} 之类的数字，或删除它。",
    "{} does not fit into memory. Make it smaller, or close other programs.": (
        "内存放不下 {}。请缩小图片，或关闭其他程序。"
    ),
    # pictures, writing
    "The quality is {}, but must be from 1 to 100; 95 is the default.": "质量为 {}，应在 1 到 100 之间；默认为 95。",
    "The picture is {}x{} pixels; {} allows {} a side. Save it as PNG.": (
        "图片为 {}×{} 像素，而 {} 每边最多 {} 像素。请存为 PNG。"
    ),
    "{}; pictures are saved as {}.": "{}；可保存的格式有 {}。",
    "{} has no known suffix": "{} 没有可识别的后缀",
    "The format {} is not known": "未知的格式 {}",
    "{} was not saved: the disk is full. Free some space, or choose another folder.": (
        "{} 未能保存：磁盘已满。请腾出空间，或换一个文件夹。"
    ),
    "{} was not saved: its folder may not be written to. Choose another folder.": (
        "{} 未能保存：所在文件夹不可写。请换一个文件夹。"
    ),
    "{} was not saved: the folder {} does not exist. Make it, or choose another.": (
        "{} 未能保存：文件夹 {} 不存在。请新建，或换一个。"
    ),
    "{} was not saved: a folder has that name. Choose another name.": "{} 未能保存：已有同名文件夹。请换一个名称。",
    "{} was not saved: {}. Try another folder or format.": "{} 未能保存：{}。请换一个文件夹或格式。",
    "the encoder failed": "编码失败",
    "The result holds values that are not numbers, so nothing was kept. Run it again with precision fp32.": (
        "结果中出现了无效数值，因此没有保留。请用 fp32 精度重新运行。"
    ),
    # pictures, notices
    "The first of {} frames or pages was used.": "共有 {} 帧（页），只使用了第一帧。",
    "The colours were converted from {} to sRGB.": "颜色已从 {} 转换为 sRGB。",
    "The colour profile does not fit the picture's colours and was left out.": (
        "颜色配置文件与图片的颜色不符，已被忽略。"
    ),
    "The EXIF data is damaged and was left out.": "EXIF 数据已损坏，未保留。",
    "{} has no transparency: the picture was laid on white.": "{} 不支持透明：图片已铺在白底上。",
    "{} holds 8 bits per channel: the picture's 16 bits were rounded to 8.": (
        "{} 每通道只有 8 位：图片的 16 位已舍入为 8 位。"
    ),
    "The EXIF data is too long for {} and was left out.": "EXIF 数据超出 {} 的容量，未保留。",
    "The camera maker's part of the EXIF data is too long for {} and was left out.": (
        "EXIF 数据中相机厂商的部分超出 {} 的容量，未保留。"
    ),
    "The XMP data was left out: it is too long, or its location could not be removed safely.": (
        "XMP 数据未保留：它过长，或其中的位置信息无法安全删除。"
    ),
    "The recipe is too long for {} and was left out.": "配方超出 {} 的容量，未保留。",
    # running
    "Unknown precision '{}': choose one of {}.": "未知的精度“{}”：请从 {} 中选择。",
    "Out of memory, even in pieces of {}x{} pixels. Close other programs, or use a smaller model.": (
        "即使分成 {}×{} 像素的小块，内存仍然不足。请关闭其他程序，或改用更小的模型。"
    ),
    "The model '{}' turns {} channels into {}; only gray (1) and RGB (3) are used. Choose another model.": (
        "模型“{}”将 {} 个通道变为 {} 个；只支持灰度（1）和 RGB（3）。请选择其他模型。"
    ),
    "Scale {} is not offered: choose 1, 2, 3 or 4, or give the longest side.": (
        "不支持 {} 倍：请选 1、2、3 或 4，或指定最长边。"
    ),
    "The longest side is {} pixels; it must be between 1 and 65535.": "最长边为 {} 像素，应在 1 到 65535 之间。",
    "Strength is {}; it must be between 0 and 1.": "强度为 {}，应在 0 到 1 之间。",
    "Tile is {}; it must be between {} and 4096, or auto.": "分块大小为 {}，应在 {} 到 4096 之间，或设为自动。",
    "Precision is '{}'; choose one of {}.": "精度为“{}”：请从 {} 中选择。",
    "steps is {}, wanted 1 or more": "steps 为 {}，应为 1 或更大",
    "{} is {}, wanted 0 or more": "{} 为 {}，应为 0 或更大",
    "Sigma is {}; it must be between 0 and {}, or auto.": "噪声强度为 {}，应在 0 到 {} 之间，或为 auto。",
    "Sigma is {}, but the model '{}' is told no noise level: leave it at auto, or choose a denoiser.": (
        "噪声强度设为 {}，但模型“{}”不接受噪声强度：请保持 auto，或选择去噪模型。"
    ),
    "The model '{}' cleans pictures at their own size: choose scale 1 for it, or another model to enlarge {} times.": (
        "模型“{}”只按原尺寸清理图片：请选择 1 倍，或换一个模型放大 {} 倍。"
    ),
    "The model '{}' gave values that are not numbers, so nothing was kept. Run it again with precision fp32.": (
        "模型“{}”输出了无效数值，因此没有保留结果。请用 fp32 精度重新运行。"
    ),
    "{}x{} enlarged {} times is more than the model's {} times: choose a longest side of at most {} pixels, or a scale "
    "of at most {}.": ("{}×{} 放大 {} 倍，超过了模型的 {} 倍：请把最长边设为不超过 {} 像素，或把倍数设为不超过 {}。"),
    "The result is no longer kept: press Run to make it again.": "结果已不再保留：请点“运行”重新生成。",
    "The recipe in this picture is damaged: choose the settings by hand.": "此图片中的配方已损坏：请手动选择设置。",
    "No picture was sent: give a file.": "没有收到图片：请提供一个文件。",
    # weights
    "There is no {}. Choices: {}.": "没有{}。可选：{}。",
    "weight called {}": "名为 {} 的权重",
    "weight for {} called {}": "用于 {} 的名为 {} 的权重",
    "{}, or the path of a file": "{}，或一个文件的路径",
    "The weight {} ({}) is not here. {}": "缺少权重 {}（{}）。{}",
    "{} is missing: this copy of Atelier is incomplete, get it again.": "缺少 {}：这份 Atelier 不完整，请重新获取。",
    "{} has been moved or deleted: put it back.": "{} 已被移动或删除：请把它放回原处。",
    "Run: pip install {}=={}": "请运行：pip install {}=={}",
    "Run: python -m editing weights fetch {} (about {} MB), or get {} and put it into {}": (
        "请运行：python -m editing weights fetch {}（约 {} MB），或自行下载 {} 并放入 {}"
    ),
    "{} is damaged or another file: sha256 expected {}, got {}. {}.": (
        "{} 已损坏，或是另一个文件：sha256 应为 {}，实为 {}。{}。"
    ),
    "Run: pip install --force-reinstall --no-deps {}=={}": "请运行：pip install --force-reinstall --no-deps {}=={}",
    "Run: python -m editing weights fetch {}, which replaces it": (
        "请运行：python -m editing weights fetch {}，它会被替换"
    ),
    "Delete it and run: python -m editing weights fetch {}": "请删除它，再运行：python -m editing weights fetch {}",
    "This copy of Atelier is damaged, get it again": "这份 Atelier 已损坏，请重新获取",
    "{} can't be read: {}.": "无法读取 {}：{}。",
    "it can't be read: {}.": "无法读取：{}。",
    "this folder of ATELIER_WEIGHTS can't be read: {}.": "ATELIER_WEIGHTS 中的这个文件夹无法读取：{}。",
    "{} has the same name and comes first.": "{} 与它同名，且排在前面。",
    "{} can't be used: {}": "无法使用 {}：{}",
    "{} can't be used: its weights don't fit together ({}).": "无法使用 {}：其中的权重互不匹配（{}）。",
    "its architecture is none that spandrel knows.": "spandrel 不认识它的网络结构。",
    "its weights don't fit together ({}).": "其中的权重互不匹配（{}）。",
    "there is no state dict in it. Wanted: a file of plain weights, not a training's other files.": (
        "其中没有 state dict。需要的是只含权重的文件，而不是训练的其他文件。"
    ),
    "it is refused: it names code to run while it is loaded ({}), which may do anything to this machine. Ask its maker "
    "for the weights alone, best as .safetensors.": (
        "已拒绝：它要求在加载时运行代码（{}），可能对本机做任何事。请向作者索取只含权重的文件，最好是 .safetensors。"
    ),
    "it is a TorchScript program. Wanted: the weights alone, as .safetensors or .pth.": (
        "它是 TorchScript 程序。需要的是只含权重的 .safetensors 或 .pth。"
    ),
    "it is damaged, cut off, or no file of weights{}.": "它已损坏、不完整，或不是权重文件{}。",
    "an ncnn network is two files, {}.param and {}.bin: put both there.": (
        "ncnn 网络由两个文件组成：{}.param 和 {}.bin，请把两个都放进去。"
    ),
    # weights, ncnn's files
    "{} is not an ncnn network that can be used: {}. Wanted: a .param of RRDBNet (ESRGAN) or SRVGGNetCompact, as ncnn's "  # noqa: E501
    "converters write it.": (
        "{} 不是可用的 ncnn 网络：{}。需要的是由 ncnn 转换工具写出的 RRDBNet（ESRGAN）或 SRVGGNetCompact 的 .param。"
    ),
    "it is larger than any network's description ({} bytes)": "它比任何网络的描述都大（{} 字节）",
    "it is no text": "它不是文本",
    "its first line is not ncnn's {}": "第一行不是 ncnn 的 {}",
    "its second line is not the number of layers and of blobs": "第二行不是层数和 blob 数",
    "it announces {} layers and has {}": "它声明有 {} 层，实有 {} 层",
    "it announces {} blobs and has {}": "它声明有 {} 个 blob，实有 {} 个",
    "this line can't be read: {}": "无法读懂这一行：{}",
    "it has {} convolutions": "它有 {} 个卷积",
    "it has a convolution that is not 3x3 with padding 1 and a bias": "其中有的卷积不是带偏置、填充为 1 的 3×3 卷积",
    "its layers are not wired like {}'s": "各层的连接方式与 {} 不同",
    "its layers don't have the sizes of {}'s": "各层的大小与 {} 不同",
    "its layer {}, as it is used there, is in neither network": "两种网络中都没有这样使用的 {} 层",
    "its convolutions have {} and {} channels": "它的卷积有 {} 和 {} 个通道",
    "a {} layer has a list where a number is wanted (key {})": "{} 层在应为数字处给出了列表（键 {}）",
    "a {} layer uses {} before anything makes it": "{} 层用到的 {} 尚未产生",
    "nothing makes {}": "没有任何层产生 {}",
    "RRDBNet with {} enlargements can't have {} convolutions": "放大 {} 次的 RRDBNet 不可能有 {} 个卷积",
    "{} channels at its end can't be a picture enlarged {} times": "末尾的 {} 个通道无法组成放大 {} 倍的图片",
    "{} does not belong to its .param, or is cut off: it has {} bytes, the {} described takes {} (fp16) to {} (fp32). "
    "Get both files again.": (
        "{} 与它的 .param 不匹配，或不完整：它有 {} 字节，而所描述的 {} 需要 {}（fp16）到 {}（fp32）字节。"
        "请重新获取这两个文件。"
    ),
    "{} does not belong to its .param: {} bytes are left over. Get both files again.": (
        "{} 与它的 .param 不匹配：多出 {} 字节。请重新获取这两个文件。"
    ),
    "{} ends within {}: it is cut off. Get the file again.": "{} 在 {} 中途结束：文件不完整。请重新获取。",
    "{} is damaged: {} has values that are no numbers. Get the file again.": (
        "{} 已损坏：{} 中有无效数值。请重新获取该文件。"
    ),
    "{}: {} is stored in a way that is not read here (flag 0x{}: int8, quantized, or a damaged file). Wanted: fp16 or "
    "fp32 weights.": "{}：{} 的存储方式不受支持（标志 0x{}：int8、量化，或文件已损坏）。需要 fp16 或 fp32 权重。",
    # weights, downloads
    "{} is not fetched: only https addresses are.": "不会下载 {}：只接受 https 地址。",
    "ATELIER_MIRROR is {}. Wanted: an address such as https://mirror.example/, or nothing.": (
        "ATELIER_MIRROR 的值为 {}。应为 https://mirror.example/ 这样的地址，或留空。"
    ),
    "There is no room for {} in {} ({}); what had arrived is deleted. Free some space, or name a folder on another disk "  # noqa: E501
    "in ATELIER_CACHE, and fetch it again.": (
        "{1} 中没有足够空间存放 {0}（{2}）；已下载的部分已删除。"
        "请腾出空间，或用 ATELIER_CACHE 指定另一磁盘上的文件夹，再重新下载。"
    ),
    "{} bytes are missing and {} are free": "还需 {} 字节，可用 {} 字节",
    "{} can't be written into {} ({}). Name a folder that can be written in ATELIER_CACHE, or get {} yourself and put "
    "it into a folder named by ATELIER_WEIGHTS.": (
        "无法把 {} 写入 {}（{}）。请用 ATELIER_CACHE 指定一个可写的文件夹，"
        "或自行下载 {} 并放入 ATELIER_WEIGHTS 指定的文件夹。"
    ),
    "its file system has no locks": "所在文件系统不支持锁",
    "{} gave {} bytes that are not {}: sha256 expected {}, got {}. They are deleted. A proxy or mirror may have answered "  # noqa: E501
    "with a page of its own: try again without it, or {}": (
        "{} 返回的 {} 字节不是 {}：sha256 应为 {}，实为 {}，已删除。"
        "可能是代理或镜像返回了自己的页面：请不经它重试，或{}"
    ),
    "{} could not be fetched from {}: {}. {}, or {}": "无法从 {1} 下载 {0}：{2}。{3}，或{4}",
    "{} through the proxy {}": "{}（经代理 {}）",
    "get {} on another machine and put it into {}, or into a folder named by ATELIER_WEIGHTS.": (
        "在另一台机器上下载 {}，放入 {} 或 ATELIER_WEIGHTS 指定的文件夹。"
    ),
    "Check the network (HTTPS_PROXY, ATELIER_MIRROR) and try again": (
        "请检查网络（HTTPS_PROXY、ATELIER_MIRROR）后重试"
    ),
    "The {} bytes that have arrived are kept: fetch it again to go on from there": (
        "已下载的 {} 字节会保留：重新下载即可继续"
    ),
    "ATELIER_MIRROR may lack it: try without": "ATELIER_MIRROR 可能没有它：请不用镜像再试",
    "It may have moved": "文件可能已被移走",
    "{} is not trusted: {}. Where a proxy signs with a certificate of its own, name that one in SSL_CERT_FILE; or {}": (
        "不信任 {}：{}。如果代理使用自己的证书，请用 SSL_CERT_FILE 指定该证书；或{}"
    ),
    "the server answered {} {}": "服务器返回 {} {}",
    "the server sent another piece than the one asked for": "服务器返回的不是所请求的片段",
    "the transfer stopped at {} of {} bytes": "传输在 {} / {} 字节处中断",
    "nothing has arrived for {} seconds": "{} 秒内没有收到数据",
    "the connection broke ({})": "连接中断（{}）",
    "it can't be reached ({})": "无法连接（{}）",
    "it redirects to {}, which is not https": "它重定向到 {}，而那不是 https",
    # stylize
    "No style was given: choose one of the gallery, or a picture.": "没有指定风格：请从图库中选择，或提供一张图片。",
    "{} steps were asked for; 0 to {} are possible.": "要求 {} 步；可以是 0 到 {} 步。",
    "Optimising takes one style: leave out the second.": "优化方式只接受一种风格：请去掉第二种。",
    "Optimising looks at the style picture itself, and '{}' is none: give the path of a picture.": (
        "优化方式需要风格图片本身，而“{}”不是：请提供一张图片的路径。"
    ),
    "Optimising looks at the style picture itself: give one of your own.": (
        "优化方式需要风格图片本身：请提供您自己的风格图片。"
    ),
    "The style scale is {}; it must be between {} and {}.": "笔触大小为 {}，应在 {} 到 {} 之间。",
    "There is no style called '{}'. Choices: {}, or the path of a picture.": (
        "没有名为“{}”的风格。可选：{}，或一张图片的路径。"
    ),
    "There is no style called '{}'. Choices: {}.": "没有名为“{}”的风格。可选：{}。",
    "{} can't be used: it is not a whole stylizer ({}).": "{} 无法使用：它不是完整的风格化网络（{}）。",
    "{} can't be used: its list of styles is damaged.": "{} 无法使用：其中的风格列表已损坏。",
    # generate
    "Seed {} is not offered: it must be a whole number from 0 to {}.": "不支持种子 {}：必须是 0 到 {} 的整数。",
    "(nothing)": "（空）",
    "{} pictures were asked for; 1 to {} are possible.": "要求 {} 张图片；可以是 1 到 {} 张。",
    "{} frames were asked for; {} to {} are possible.": "要求 {} 帧；可以是 {} 到 {} 帧。",
    "{} pictures from seed {} on go past the last seed, {}: choose a smaller seed or count.": (
        "从种子 {1} 起的 {0} 张图片超过了最后的种子 {2}：请选更小的种子或张数。"
    ),
    "Truncation is {}; it must be between 0 and 1.": "截断为 {}，必须在 0 到 1 之间。",
    "The mix is {}; it must be between 0 and 1.": "混合比例为 {}，必须在 0 到 1 之间。",
    "Direction {} is {}; it must be between -{} and {}.": "方向 {} 为 {}，必须在 -{} 到 {} 之间。",
    "A walk takes two to eight seeds; {} were given.": "漫步需要二到八个种子，给了 {} 个。",
    "The generator '{}' has {} directions; {} were given.": "生成器“{}”有 {} 个方向，给了 {} 个。",
    "The generator '{}' gave values that are not numbers: its file is damaged, or its training failed. Choose another "
    "generator.": "生成器“{}”给出了非数值：文件已损坏，或训练失败。请换一个生成器。",
    "{} can't be used: it is not a whole generator ({}).": "{} 无法使用：它不是完整的生成器（{}）。",
    "{} can't be used: it holds values that are not numbers.": "{} 无法使用：其中含有非数值。",
    "There is no recipe of a drawn picture in this file: choose one that was drawn here.": (
        "此文件中没有生成图片的配方：请选择在这里生成的图片。"
    ),
    "The recipe in this file is damaged: choose the settings by hand.": "此文件中的配方已损坏：请手动选择设置。",
    "The seeds are '{}'; they must be whole numbers with commas.": "种子为“{}”；必须是用逗号隔开的整数。",
    "The size is '{}'; choose native or {}.": "尺寸为“{}”；请选择 native 或 {}。",
    "The format is '{}'; choose webp or mp4.": "格式为“{}”；请选择 webp 或 mp4。",
    "The directions must be a list of numbers, such as [0.5, -1].": "方向必须是数字列表，例如 [0.5, -1]。",
    "The pictures are no longer kept: draw them again.": "图片已不再保留：请重新绘制。",
    "This was drawn with more than the page offers: draw it again on the command line.": (
        "生成它时的设置超出了本页的范围：请用命令行重新生成。"
    ),
    "There is no such training any more: open the page again.": "该训练已不存在：请重新打开页面。",
    # masks and faces
    "The mask that was sent is damaged: draw it again.": "收到的蒙版已损坏：请重新绘制。",
    "The mask is {}x{} pixels, which is another shape than the picture's {}x{}. Draw it anew, or crop it to the picture.": (  # noqa: E501
        "蒙版为 {}×{} 像素，与图片的 {}×{} 形状不同。请重新绘制，或裁剪到与图片一致。"
    ),
    "The box of the face is {}x{} pixels of the picture; it must be at least 4x4. Draw it round the face.": (
        "人脸框在图片中为 {}×{} 像素，至少应为 4×4。请把框画在人脸周围。"
    ),
    # the Repair tab
    "Size is {}; choose 1, 2 or 4.": "尺寸为 {}；请选择 1、2 或 4。",
    "The boxes must be a list of [left, top, right, bottom] in pixels.": (
        "方框必须是 [左, 上, 右, 下] 的列表，以像素为单位。"
    ),
    # the mask brush
    "The mask that the page sent can't be read: draw it again, or load it from a file.": (
        "无法读取页面发来的蒙版：请重新绘制，或从文件载入。"
    ),
    "The box that the page sent can't be read: draw it again.": "无法读取页面发来的方框：请重新框选。",
    "The filler '{}' is not known; choose one of {}.": "未知的填充方式“{}”；请从 {} 中选择。",
    # repair
    "Faces is '{}'; it must be all, none, or numbers with commas such as 1,3.": (
        "人脸为“{}”；应为 all、none 或用逗号隔开的编号，例如 1,3。"
    ),
    "Faces are numbered from 1, from left to right; give at least one number, or none.": (
        "人脸从左到右、从 1 开始编号；请至少给出一个编号，或选 none。"
    ),
    "Fidelity is {}; it must be between 0 and 1.": "保真度为 {}，应在 0 到 1 之间。",
    "The score is {}; it must be between 0 and 1.": "置信度为 {}，应在 0 到 1 之间。",
    "The smallest face is {} pixels; it must be between 8 and 4096.": "最小人脸为 {} 像素，应在 8 到 4096 之间。",
    "Anonymise is '{}'; choose one of {}.": "匿名方式为“{}”；请从 {} 中选择。",
    "Face {} was asked for, but {} were found. They are numbered from left to right; lower the score or the smallest "
    "size to find more, or draw a box round the one that is missed.": (
        "要求处理第 {} 张人脸，但只找到 {} 张。人脸从左到右编号；"
        "可降低置信度或最小尺寸以找到更多，或在遗漏的人脸周围画框。"
    ),
    "There is nothing to repair: no face was chosen and no mask was given. Choose faces, or draw a mask.": (
        "没有可修复的内容：未选择人脸，也没有蒙版。请选择人脸，或绘制蒙版。"
    ),
    "No face was found and no mask was given, so there is nothing to repair. Lower the score or the smallest size, "
    "draw a box round the face, or draw a mask.": (
        "没有找到人脸，也没有蒙版，因此没有可修复的内容。请降低置信度或最小尺寸，在人脸周围画框，或绘制蒙版。"
    ),
    "To anonymise by persons, pictures of persons must be given: choose blur or pixels instead.": (
        "用虚构人物匿名需要提供人物图片：请改选 blur 或 pixels。"
    ),
    "{} choices were given for {} faces; give one for each.": "给出了 {} 个选择，而人脸有 {} 张；请逐一给出。",
    "{} can't be used: it is a {}; only GFPGAN, RestoreFormer and CodeFormer are known here. Choose another model.": (
        "无法使用 {}：它是 {}，此处只支持 GFPGAN、RestoreFormer 和 CodeFormer。请选择其他模型。"
    ),
    "CodeFormer's network is in a package of its own, since its licence forbids commercial use. Run: pip install "
    "spandrel_extra_arches": (
        "CodeFormer 的网络在单独的软件包中，因为它的许可禁止商业用途。请运行：pip install spandrel_extra_arches"
    ),
    "it is a TorchScript archive that can't be read ({}).": "它是无法读取的 TorchScript 文件（{}）。",
    "it has no data": "其中没有数据",
    # clips
    "{} was not saved: {}. Choose another folder, or free some space.": "{} 未保存：{}。请换一个文件夹，或腾出空间。",
    "{} has no known suffix; clips are saved as {}.": "{} 没有可识别的后缀；动画可保存为 {}。",
    "{} frames a second were asked for; 1 to {} are possible.": "要求每秒 {} 帧；可以是 1 到 {} 帧。",
    "The clip can't be saved as MP4 here ({}). Save it as WebP.": "此处无法保存 MP4（{}）。请保存为 WebP。",
    "{} can't be written here ({}). Save the clip in another format.": "此处无法写出 {}（{}）。请用其他格式保存。",
    "{} is not a clip of a known kind, or is damaged or cut off at its beginning or index. Give a {} file, or copy or "
    "download it again.": "{} 不是可识别的动图或视频，或其开头或索引已损坏、不完整。请使用 {} 文件，或重新复制或下载。",
    "GIF, WebP, APNG, AVIF, MP4, MOV, WebM, MKV, AVI, MPEG, OGV or FLV": (
        "GIF、WebP、APNG、AVIF、MP4、MOV、WebM、MKV、AVI、MPEG、OGV 或 FLV"
    ),
    "{} holds no moving pictures, only sound or data. Choose another file.": (
        "{} 中没有活动画面，只有声音或数据。请换一个文件。"
    ),
    "{} is a video of which no frame can be decoded. Copy or download it again, or save it anew as MP4.": (
        "{} 是视频，但没有一帧可以解码。请重新复制或下载，或重新保存为 MP4。"
    ),
    "{} has {} frames; the limit is {}. Cut it shorter, or raise ATELIER_MAX_CLIP_FRAMES.": (
        "{} 有 {} 帧，上限是 {} 帧。请剪短，或调高 ATELIER_MAX_CLIP_FRAMES。"
    ),
    "{} has {} frames of {}x{}, {} megapixels in all; the limit is {}. Make it smaller or shorter, or raise "
    "ATELIER_MAX_CLIP_MP.": (
        "{} 有 {} 帧 {}×{} 的画面，共 {} 百万像素，上限是 {}。请缩小或剪短，或调高 ATELIER_MAX_CLIP_MP。"
    ),
    "The environment variable {} is {}, but must be a whole number above 0; set it to a number such as {}, or remove it.": (  # noqa: E501
        "环境变量 {} 的值为 {}，但应是大于 0 的整数。请设为 {} 之类的数字，或删除它。"
    ),
    "The frames would be {}x{} pixels; {} allows {} a side. Choose a smaller scale or size.": (
        "画面将为 {}×{} 像素，而 {} 每边最多 {} 像素。请选择更小的倍数或尺寸。"
    ),
    "Another run is making {} already. Wait for it, or choose another output.": (
        "已有另一个任务正在生成 {}。请等它完成，或换一个输出。"
    ),
    "Steady is {}; it must be between 0 (off) and 1.": "防闪烁强度为 {}；应在 0（关）到 1 之间。",
    "This is a still picture, or no picture at all: give a video or an animated picture.": (
        "这是静止图片，或根本不是图片：请放入视频或动图。"
    ),
    "No clip was sent: give a file.": "没有收到动图或视频：请提供文件。",
    "The format is '{}'; choose one of {}, or none.": "格式为“{}”；请选择 {} 之一，或留空。",
    "The clip was stopped before its end: send it again to go on.": "尚未完成就已停止：再次发送即可继续。",
    "The clip is cut off or damaged: the {} frames that could be read were used.": (
        "动图或视频不完整或已损坏：使用了能读出的 {} 帧。"
    ),
    "The clip holds {} bits per channel: they were rounded to 8.": "视频每通道 {} 位：已取整为 8 位。",
    "The clip is HDR, which is not kept: its colours come out pale.": "这是 HDR 视频，HDR 不会保留：颜色会偏淡。",
    "{} needs even sides: the last row or column was repeated.": "{} 要求边长为偶数：已重复最后一行或一列。",
    "GIF shows at most 50 frames a second: {} frames in between were left out.": (
        "GIF 每秒最多显示 50 帧：略去了中间的 {} 帧。"
    ),
    "{} has no sound: it was left out.": "{} 没有声音：已略去声音。",
    "{} does not hold {} sound: it was encoded anew as {}.": "{} 不能存放 {} 声音：已重新编码为 {}。",
    "The sound is damaged: it was kept up to there.": "声音已损坏：保留了损坏之前的部分。",
    "An earlier run was interrupted after {} frames: this one went on from there.": (
        "上次运行在 {} 帧后中断：这次从那里继续。"
    ),
    "An interrupted run for the same output had another input or other settings: this one began anew.": (
        "同一输出上次中断的运行用的是别的输入或设置：这次重新开始。"
    ),
}
