"""Files and values that nobody should be able to hurt Atelier with, made here: no foreign file is in the corpus.

Each function gives cases by name. What is wrong with a case stands in its name; whether it is read or refused is the
reader's to say, in words and within bounds.
"""

from __future__ import annotations

import io
import json
import math
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import tifffile
import torch
from made_clips import animation, video
from made_pictures import SRGB, XMP, chunk, cmyk_profile, exif, huge_png, noise, png, smooth
from PIL import Image, PngImagePlugin
from safetensors.torch import save as safetensors_bytes
from spandrel.architectures.Compact import Compact

NAMES = [
    "<img src=x onerror=alert(1)>.png", "a\u202egnp.exe.png", "..", "../../etc/passwd", "con.png", "a b'\"&;.png",
    "\u200f\u200e.png", "x" * 240 + ".png", "%2e%2e%2f.png", "-rf.png", "a\nb.png", "{name}{0}{{.png", "图片.png",
]  # fmt: skip


def flips(data: bytes, count: int, seed: int, *, first: int = 4, last: int = 600) -> Iterator[bytes]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        broken = bytearray(data)
        for at in rng.integers(first, min(len(broken), last), 5):
            broken[at] ^= int(rng.integers(1, 256))
        yield bytes(broken)


def damaged(name: str, data: bytes, seed: int, count: int = 5) -> Iterator[tuple[str, bytes]]:
    """A whole file in all the ways in which files break by themselves."""
    yield f"{name}-whole", data
    for share in (0.05, 0.3, 0.6, 0.95):
        yield f"{name}-cut-at-{share}", data[: max(1, int(len(data) * share))]
    for number, broken in enumerate(flips(data, count, seed)):
        yield f"{name}-flipped-{number}", broken
    yield f"{name}-twice", data + data
    yield f"{name}-zeros-after-its-head", data[:32] + bytes(len(data))


# ---- pictures --------------------------------------------------------------------------------------------------------


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def tiff16(pixels: np.ndarray[Any, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def whole_pictures() -> dict[str, bytes]:
    """One of every kind, with all that can stand beside the pixels."""
    pillow_heif.register_heif_opener()
    image = Image.fromarray(smooth())
    beside: dict[str, Any] = {"exif": exif(orientation=6), "icc_profile": SRGB}
    return {
        "png": saved(image, "PNG", **beside), "png16": png(noise(3, 16)),
        "jpeg": saved(image, "JPEG", xmp=XMP, **beside), "progressive": saved(image, "JPEG", progressive=True),
        "webp": saved(image, "WEBP", **beside), "tiff": saved(image, "TIFF", compression="tiff_lzw", icc_profile=SRGB),
        "tiff16": tiff16(noise(3, 16), photometric="rgb", compression="zlib"), "bmp": saved(image, "BMP"),
        "gif": saved(image, "GIF", save_all=True, append_images=[image.rotate(9)], comment=b"c"),
        "avif": saved(image, "AVIF"), "heic": saved(image, "HEIF"),
    }  # fmt: skip


def tiff(entries: dict[int, tuple[int, int, int]], after: bytes = b"", *, order: str = "<") -> bytes:
    """A directory of (kind, count, value) by tag, and what follows it."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    body = struct.pack(f"{order}H", len(entries))
    for tag, (kind, count, value) in sorted(entries.items()):
        shift = 16 if kind == 3 and count == 1 and order == ">" else 0
        body += struct.pack(f"{order}HHII", tag, kind, count, value << shift)
    return head + body + struct.pack(f"{order}I", 0) + after


def of_tiff(width: int, height: int) -> dict[int, tuple[int, int, int]]:
    """The tags of a gray picture of 8 bits, its pixels behind the directory."""
    return {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 200),
            277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, width * height & 0xFFFFFFFF)}  # fmt: skip


def overlapping_exif(count: int, length: int) -> bytes:
    """As many tags, each with the same bytes for its value."""
    body = struct.pack("<H", count)
    body += b"".join(struct.pack("<HHII", 0xC000 + i, 7, length, 8) for i in range(count))
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + (body + struct.pack("<I", 0)).ljust(length + 8, b"\0")


def jpeg_with(segments: bytes) -> bytes:
    whole = saved(Image.fromarray(smooth()), "JPEG")
    return whole[:2] + segments + whole[2:]


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    whole = saved(Image.fromarray(smooth()), "JPEG", progressive=True)
    last = whole.rfind(b"\xff\xda")
    return whole[:last] + whole[last:-2] * count + whole[-2:]


def gif_of_pieces(count: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b"\x21\xff" + b"\1a" * count + b"\0" + b";"


def text_png(**texts: str | bytes) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value.decode("latin-1") if isinstance(value, bytes) else value, zip=len(value) > 1000)
    return saved(Image.new("RGB", (5, 4)), "PNG", pnginfo=info)


def strange_pictures() -> Iterator[tuple[str, bytes]]:
    """What is made to hurt: bombs, floods, lies, and what is another thing as well."""
    image = Image.fromarray(smooth())
    small = saved(Image.new("RGB", (3, 2)), "PNG")
    yield from {
        "empty": b"", "one-byte": b"\x89", "text": b"hello", "nul": bytes(1000),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "html": b"<html><script>alert(1)</script>", "pdf": b"%PDF-1.7\n%%EOF", "zip": zipped(b"x" * 100),
        "xml-bomb": b"<!DOCTYPE a [<!ENTITY b 'c'>" + b"<!ENTITY d '&b;&b;&b;'>" * 50 + b"]><a>&d;</a>",
        "playlist": b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n", "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    }.items()  # fmt: skip
    # dimensions
    for width, height in ((1, 1), (1, 20000), (20000, 1), (65535, 1)):
        yield f"png-{width}x{height}", saved(Image.new("L", (width, height)), "PNG")
    for width, height in ((30000, 30000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (0, 5), (5, 0)):
        yield f"png-says-{width}x{height}", huge_png(width, height)
    head = bytearray(saved(image, "BMP"))
    for width, height in ((60000, 60000), (-5, 5), (5, -5), (0, 0), (2**31 - 1, -(2**31))):
        yield f"bmp-says-{width}x{height}", bytes(head[:18] + struct.pack("<ii", width, height) + head[26:])
    gif = saved(image, "GIF")
    yield "gif-says-65535x65535", gif[:6] + b"\xff" * 4 + gif[10:]
    jpeg = saved(image, "JPEG")
    at = jpeg.find(b"\xff\xc0") + 5
    for side in (65535, 0):
        yield f"jpeg-says-{side}", jpeg[:at] + struct.pack(">HH", side, side) + jpeg[at + 4 :]
    webp = saved(image, "WEBP", lossless=True)
    yield "webp-says-16383", webp[:21] + b"\xff\xff\xff\x0f" + webp[25:]
    for side in (60000, 2**32 - 1, 0):
        yield f"tiff-says-{side}", tiff(of_tiff(side, side))
    # bombs
    yield "png-bomb-in-text", text_png(Comment="a" * 3_000_000)
    yield "png-many-bombs-in-text", text_png(**{f"k{i}": "a" * 900_000 for i in range(80)})
    bomb = zlib.compress(bytes(20_000_000), 9)
    yield "png-bomb-in-profile", small[:33] + chunk(b"iCCP", b"p\0\0" + bomb) + small[33:]
    yield (
        "png-bomb-in-pixels",
        png(noise(3)).replace(b"IDAT", b"IDAT", 1)[:33] + chunk(b"IDAT", bomb) + chunk(b"IEND", b""),
    )
    deflated = {258: (3, 1, 16), 259: (3, 1, 8), 279: (4, 1, len(bomb))}
    yield "tiff-bomb-in-strip", tiff(of_tiff(40, 30) | deflated, bytes(78) + bomb)
    yield "tiff-of-many-channels", tiff(of_tiff(9000, 7000) | {258: (3, 1, 16), 277: (3, 1, 65535)}, bytes(200))
    yield "tiff-deep", tiff(of_tiff(4, 4) | {258: (3, 1, 16), 32997: (4, 1, 2**31)}, bytes(200))
    tiled = {258: (3, 1, 16), 322: (4, 1, 65520), 323: (4, 1, 65520), 324: (4, 1, 200), 325: (4, 1, 100)}
    yield "tiff-huge-tile", tiff(of_tiff(40, 30) | tiled, bytes(500))
    yield "tiff-huge-tile-8", tiff(of_tiff(40, 30) | tiled | {258: (3, 1, 8), 259: (3, 1, 5)}, bytes(500))
    yield "tiff-values-on-each-other", tiff(dict.fromkeys(range(1000, 5000), (7, 900000, 8)), bytes(950_000))
    yield "tiff-of-strips", tiff(of_tiff(1, 400_000) | {273: (4, 400_000, 200), 278: (4, 1, 1), 279: (4, 400_000, 200)},
                                 bytes(1_700_000))  # fmt: skip
    yield "tiff-cmyk-16", tiff16(noise(4, 16), photometric="separated")
    yield "tiff-float", tiff16(np.full((4, 5), np.nan, np.float32))
    yield "tiff-no-tags", tiff({})
    yield "bigtiff-directory-far-away", b"II+\0\x08\0\0\0" + b"\xff" * 8 + bytes(64)  # found by atheris
    yield "tiff-directory-in-itself", b"II*\0\x04\0\0\0" + bytes(30)
    for order in "<>":
        yield f"tiff-pointers-{order}", tiff(of_tiff(4, 4) | {273: (4, 1, 2**32 - 1), 330: (4, 1, 8)}, order=order)
    # floods
    yield "png-of-chunks", small[:33] + chunk(b"abCd", b"") * 260_000 + small[33:]
    yield "jpeg-of-markers", jpeg_with(b"\xff\xe5\0\2" * 20_000)
    yield "jpeg-of-fill", jpeg_with(b"\xff" * 100_000)
    yield "jpeg-of-junk", jpeg_with(b"junk" * 30_000)
    yield "jpeg-of-exif", jpeg_with((b"\xff\xe1\xff\xff" + b"Exif\0\0").ljust(65537, b"a") * 80)
    yield "jpeg-of-scans", many_scans(500)
    yield "jpeg-of-profile-pieces", jpeg_with(b"\xff\xe2\0\x12ICC_PROFILE\0\1\1xx" * 3000)
    yield "gif-of-pieces", gif_of_pieces(1_100_000)
    yield (
        "gif-of-frames",
        b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b"\x2c\0\0\0\0\1\0\1\0\0\2\2D\1\0" * 210_000 + b";",
    )
    body = 13 + (3 << ((gif[10] & 7) + 1))  # behind its palette
    yield "gif-of-comments", gif[:body] + (b"\x21\xfe" + (b"\xff" + b"c" * 255) * 8000 + b"\0") + gif[body:]
    rle = bytearray(saved(image.convert("L").quantize(16), "BMP"))
    rle[30:34] = struct.pack("<I", 1)
    yield "bmp-of-runs", bytes(rle) + b"\1\1" * 17_000_000
    yield "bmp-short-runs", bytes(rle)
    # beside the pixels
    for name, data in (("overlapping", overlapping_exif(4000, 50_000)), ("long", b"Exif\0\0II*\0" + b"a" * 5_000_000),
                       ("garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"), ("loop", b"Exif\0\0" + tiff({0x8769: (4, 1, 8)})),
                       ("orientation", b"Exif\0\0" + tiff({0x112: (3, 1, 6), 0x8825: (4, 1, 2**31)}))):  # fmt: skip
        yield f"png-exif-{name}", small[:33] + chunk(b"eXIf", data[6:]) + small[33:]
        yield f"webp-exif-{name}", saved(image, "WEBP", exif=data)
    yield (
        "png-exif-late",
        small.replace(chunk(b"IEND", b""), chunk(b"eXIf", exif(orientation=6)[6:]) + chunk(b"IEND", b"")),
    )
    for name, profile in (("garbage", b"\0" * 200), ("short", b"abc"), ("lies", cmyk_profile()[:140] + bytes(100)),
                          ("random", np.random.default_rng(4).bytes(3000))):  # fmt: skip
        yield f"jpeg-profile-{name}", saved(image, "JPEG", icc_profile=profile)
        yield (
            f"cmyk-profile-{name}",
            saved(image.convert("CMYK"), "JPEG", icc_profile=b"\0\0\0\0" * 4 + b"CMYK" + profile),
        )
    yield "webp-long-xmp", saved(image, "WEBP", xmp=b"<x " + b"GPS='" * 2_000_000)
    yield "png-private-text", text_png(**{"Raw profile type exif": "\nexif\n  8\n" + "00" * 8})
    # wrong sums, other things as well
    yield "png-wrong-crc", small[:29] + b"\0\0\0\0" + small[33:]
    yield "png16-wrong-crc", (whole := png(noise(3, 16)))[:-20] + bytes(8) + whole[-12:]
    yield "png16-damaged-stream", whole[:41] + chunk(b"IDAT", b"\x78\x9c" + bytes(500)) + chunk(b"IEND", b"")
    yield "png-and-zip", small + zipped(b"payload")
    yield "gif-and-script", gif[:6] + b"/*" + gif[8:] + b"*/=1;alert(1)"
    yield "jpeg-and-html", jpeg_with(b"\xff\xfe\0\x20<script>alert(1)</script>abcde")
    yield "png-named-jpeg", small


def zipped(data: bytes, count: int = 1, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for number in range(count):
            archive.writestr(f"archive/data/{number}", data)
    return file.getvalue()


# ---- clips -----------------------------------------------------------------------------------------------------------


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def lying_mp4(folder: Path, *, count: int) -> bytes:
    """An MP4 whose table says that there are ``count`` samples of one byte."""
    data = video(folder / "lies.mp4", container={"movflags": "faststart"}).read_bytes()
    at = data.find(b"stsz")
    return data[: at + 8] + struct.pack(">II", 1, count) + data[at + 16 :]


def clips(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Moving pictures, whole and broken; the suffix is in the name."""
    kinds = ((".mp4", "libx264"), (".webm", "libvpx-vp9"), (".avi", "mpeg4"), (".wmv", "wmv2"), (".mxf", "mpeg2video"),
             (".ts", "libx264"))  # fmt: skip
    for number, (suffix, codec) in enumerate(kinds):
        data = video(folder / f"a{suffix}", codec=codec).read_bytes()
        for name, broken in damaged(suffix[1:], data, number, 4):
            yield name + suffix, broken
    for number, suffix in enumerate((".gif", ".webp", ".png")):
        data = animation(folder / f"b{suffix}").read_bytes()
        for name, broken in damaged(f"moving-{suffix[1:]}", data, number, 4):
            yield name + suffix, broken
    yield "table-lies.mp4", lying_mp4(folder, count=170_000_000)
    run = box(b"trun", struct.pack(">II", 0, 2**32 - 1))
    moof = box(b"moof", box(b"mfhd", bytes(8)), box(b"traf", box(b"tfhd", struct.pack(">II", 0x20000, 1)), run))
    yield "fragment-lies.mp4", (folder / "a.mp4").read_bytes() + moof
    yield "boxes-in-a-circle.mp4", struct.pack(">I4sQ", 1, b"free", 0) * 50
    yield "empty-boxes.mp4", box(b"ftyp", b"isom") + box(b"free") * 5000
    yield "playlist.mp4", b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n"
    yield "concat.mkv", b"ffconcat version 1.0\nfile /etc/passwd\n"
    yield "text.webm", b"hello" * 100
    yield "nothing.avi", b""
    yield "riff.avi", b"RIFF\xff\xff\xff\xffAVI LIST" + b"\xff" * 500


# ---- weights ---------------------------------------------------------------------------------------------------------


class Harmful:
    """Unpickled, it would leave a file."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> Any:
        return self.call, self.arguments


def torch_bytes(thing: object, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file, **how)
    return file.getvalue()


def header(text: str, after: bytes = b"") -> bytes:
    """A .safetensors file with this header."""
    return struct.pack("<Q", len(text.encode())) + text.encode() + after


def weights(mark: Path) -> Iterator[tuple[str, bytes]]:
    """Files of weights; the suffix is in the name. Code that is run writes to ``mark``."""
    import builtins
    import os

    state = Compact(num_feat=8, num_conv=2, upscale=2).state_dict()
    whole, plain = torch_bytes(state), safetensors_bytes(state)
    yield from ((name + ".pth", data) for name, data in damaged("torch", whole, 1, 8))
    yield from ((name + ".pth", data) for name, data in damaged("old-torch", torch_bytes(
        state, _use_new_zipfile_serialization=False), 2, 8))  # fmt: skip
    yield from ((name + ".safetensors", data) for name, data in damaged("safe", plain, 3, 8))
    code = f"open({str(mark)!r}, 'w').write('ran')"
    for name, harm in (("exec", Harmful(builtins.exec, code)), ("eval", Harmful(builtins.eval, code)),
                       ("system", Harmful(os.system, f"touch {mark}"))):  # fmt: skip
        yield f"code-{name}.pkl.pth", pickle.dumps(harm)
        yield f"code-{name}.zip.pth", torch_bytes({"params": harm})
        yield f"code-{name}.old.pt", torch_bytes([harm], _use_new_zipfile_serialization=False)
    file = io.BytesIO(whole)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/bomb", bytes(300_000_000))
    yield "bomb-beside.pth", file.getvalue()
    yield "bomb.pth", zipped(bytes(100_000_000), 3)
    yield "zip-of-nothing.pt", zipped(b"", 0)
    yield "zip-of-many.pt", zipped(b"", 5000, method=zipfile.ZIP_STORED)
    yield "empty.pth", b""
    yield "text.ckpt", b"not a checkpoint"
    one = torch.ones(1)
    first = next(iter(state))
    wrong: dict[str, Any] = {
        "view-of-one-number": {"body.0.weight": one.expand(100_000, 100_000, 3, 3)},
        "deep-names": {"model.1.sub.99999999.RDB1.conv1.0.weight": one},
        "many-layers": {f"body.{10**9}.rdb1.conv1.weight": one, "conv_first.weight": torch.ones(8, 3, 3, 3)},
        "long-name": {"a" * 100_000: one}, "number-names": {3: one, 4: one}, "list": [one, one], "none": None,
        "nested": {"params": {"params": {"params": 3}}}, "wide": {first: torch.ones(0, 2**40)},
        "complex": {name: value.to(torch.complex64) for name, value in state.items()},
        "sparse": {name: value.to_sparse() if value.dim() > 1 else value for name, value in state.items()},
        "not-numbers": {name: torch.full_like(value, math.nan) for name, value in state.items()},
        "transposed": {name: value.flatten()[None] for name, value in state.items()},
        "bare": {"x": one}, "half-of-it": dict(list(state.items())[:3]), "words": dict.fromkeys(state, "x"),
    }  # fmt: skip
    for name, thing in wrong.items():
        yield f"{name}.pth", torch_bytes(thing)
    for name, text in {
        "no-json": "{",
        "list": "[]",
        "deep": "[" * 50_000,
        "null": "null",
        "no-offsets": '{"a": {"dtype": "F32"}}',
        "beyond": '{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}',
        "overflows": '{"a": {"dtype": "F32", "shape": [9223372036854775807, 9], "data_offsets": [0, 4]}}',
        "negative": '{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}}',
        "texts-wrong": '{"__metadata__": {"config": 3}}',
    }.items():
        yield f"safe-{name}.safetensors", header(text, bytes(4))
    yield "safe-longer-than-itself.safetensors", struct.pack("<Q", 2**63 - 1) + b"{}"
    kinds = ("compact", "damage", "denoiser", "finisher", "generator", "magenta", "repairer", "stylizer")
    for kind in kinds:
        for number, config in enumerate((
            "", "[]", '{"widths": [1e9, NaN]}', '{"widths": 1000000000}', '{"blocks": null, "size": "a"}', "[" * 90_000,
        )):  # fmt: skip
            texts = json.dumps({"__metadata__": {"network": kind, "config": config}})
            yield f"{kind}-config-{number}.safetensors", header(texts)


NCNN = "7767517\n{layers} {blobs}\n{lines}"


def ncnn_pairs() -> Iterator[tuple[str, str, bytes]]:
    """Names, ``.param`` and ``.bin``."""
    conv = "Convolution c{n} 1 1 {a} {b} 0={out} 1=3 4=1 5=1 6={size}"

    def chain(out: object, size: object, count: int = 2) -> str:
        lines = ["Input i 0 1 b0"]
        lines += [conv.format(n=n, a=f"b{n}", b=f"b{n + 1}", out=out, size=size) for n in range(count)]
        return NCNN.format(layers=len(lines), blobs=len(lines), lines="\n".join(lines))

    yield "empty", "", b""
    yield "no-text", "\0\0\0", b"\0"
    for layers, blobs in ((10**9, 1), (-1, -1), ("x", 1), (2, 2), (1e9, 1), ("9" * 5000, 1)):
        yield f"counts-{str(layers)[:9]}", NCNN.format(layers=layers, blobs=blobs, lines="Input i 0 1 b0"), b"\0" * 8
    for number, (out, size) in enumerate(
        ((10**9, 9 * 10**18), (0, 0), (-3, 81), ("1e308", "1e308"), ("nan", 81), ("inf", "inf"), (3, 2**63), (1, 9))
    ):
        yield f"convolution-{number}", chain(out, size), bytes(100)
    yield "many-layers", chain(3, 81, 30_000), bytes(100)
    yield "wild-line", NCNN.format(layers=1, blobs=1, lines="Input i 999999999 999999999 b0"), b""
    yield "wild-list", NCNN.format(layers=1, blobs=1, lines="Input i 0 1 b0 -23310=999999999,1"), b""
    yield "wild-key", NCNN.format(layers=1, blobs=1, lines=f"Input i 0 1 b0 {'9' * 4000}=1"), b""
    lines = "Input i 0 1 a\nConcat c 8 1 a a a a a a a a b\nPReLU p 1 1 b c 0=1e30\nPixelShuffle s 1 1 c d 0=1e300"
    yield "wild-scale", NCNN.format(layers=4, blobs=4, lines=lines), bytes(10)


# ---- values ----------------------------------------------------------------------------------------------------------

VALUES: list[Any] = [
    None, True, [], [None], {}, {"a": [1]}, "", "x", "-", "nan", "inf", "1e999", math.nan, math.inf, -math.inf, -1,
    1e308, 10**30, "9" * 4000, [[1, 2], 3], "\0", "../../etc/passwd", "<b>", "0x10", "１２", [1e308] * 4,
]  # fmt: skip


def recipes() -> Iterator[tuple[str, Any]]:
    """What may stand in a file in the place of a recipe."""
    tasks = ("upscale", "repair", "stylize", "generate", "walk", "compare")
    for number, value in enumerate((3, "x", [], [[]], None, True, {}, {"task": None}, {"task": []}, {"task": {}},
                                    {"task": "rm -rf"}, {"task": "x" * 5000})):  # fmt: skip
        yield f"whole-{number}", value
    for task in tasks:
        for number, options in enumerate((
            None, 3, [], "x", {"model": 5}, {"scale": []}, {"style": None}, {"seeds": {}}, {"boxes": [[1]]},
            {"faces": {}}, {"directions": "x"}, {"unknown": 1},
        )):  # fmt: skip
            yield f"{task}-options-{number}", {"task": task, "options": options}
        yield f"{task}-weights", {"task": task, "options": {}, "weights": [3, None, {}, {"name": [], "sha256": 1}]}
        yield f"{task}-paths", {
            "task": task, "options": {"model": "/etc/passwd", "style": "/etc/passwd"}, "version": {"a": 1},
            "weights": [{"name": "../../etc/passwd", "sha256": "0"}], "styles": [{"name": {}, "sha256": []}, 3],
            "then": [], "choices": 3, "masked": [1],
        }  # fmt: skip


def archives() -> Iterator[tuple[str, bytes]]:
    """TorchScript's kind of zip, with pickles that its reader has to stop."""

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x)

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # old, as the files are that people have
        torch.jit.save(torch.jit.trace(Net(), torch.ones(1, 3)), file)
    yield "whole", file.getvalue()
    start = b"\x80\x02c__torch__.M\nM\n)\x81"  # an object of class M
    yield from (
        (name, stored({"m/data.pkl": data, "m/code/x.py": b""}))
        for name, data in {
            "no-pickle": b"", "cut": start, "wild-memo": b"\x80\x02Nr\xff\xff\xff\x7f.", "underflow": b"\x80\x02000.",
            "module-in-itself": start + b"q\0}U\1ah\0sb.", "code": b"\x80\x02cos\nsystem\n(S'x'\ntR.",
            "doubling": start + b"q\0" + b"".join(
                b"c__torch__.M\nM\n)\x81}(U\1ah%cU\1bh%cub" % (n, n) + b"q" + bytes([n + 1]) for n in range(60)) + b".",
            "strange-id": b"\x80\x02K\1Q.", "deep": b"\x80\x02" + b"(" * 5000 + b"t" * 5000 + b".",
            "number-for-tensor": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\1K\1K\1K\1tR.",
            "storage-of-nothing": b"\x80\x02(U\7storagectorch\nFloatStorage\nU\1kU\3cpuJ\xff\xff\xff\x7ftQ.",
        }.items()
    )  # fmt: skip
    yield "bomb", zipped(bytes(100_000_000), 2)
    yield "no-zip", b"PK\5\6" + bytes(18)


def stored(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()
