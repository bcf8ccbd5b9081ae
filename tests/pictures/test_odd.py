"""Stills that phones, agencies, generators and broken copies bring: used, with a word on what is odd in them."""

from __future__ import annotations

import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from made_pictures import GRAY_PROFILE, OUTPUTS, SRGB, XMP, chunk, noise, png, save, smooth, tags_of
from PIL import Image, ImageCms, PngImagePlugin

from editing import messages
from editing.errors import ImageError
from editing.messages import Text
from editing.pictures import boxes, colours
from editing.pictures.read import probe_picture, read_metadata, read_picture
from editing.pictures.write import write_picture


def noticed(picture: Any) -> list[Text]:
    return [notice.text for notice in picture.notices]


# ---- damaged or odd --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
def test_a_jpeg_without_its_end_marker(tmp_path: Path, options: dict[str, Any]) -> None:
    path = save(tmp_path / "a.jpg", noise(3, height=64, width=64), "JPEG", **options)
    whole = read_picture(path).pixels
    data = path.read_bytes()
    path.write_bytes(data[:-2])
    found = read_picture(path)
    assert (found.pixels == whole).all()
    assert noticed(found) == [messages.NO_END_MARKER]
    for cut in (40, *(data.rindex(b"\xff" + bytes([mark])) - len(data) for mark in (0xD0, 0xD3) if options and "r" in
                      next(iter(options))[:1])):  # fmt: skip
        path.write_bytes(data[: -abs(cut)])
        with pytest.raises(ImageError, match="damaged or incomplete"):
            read_picture(path)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_png_with_texts_and_a_profile_of_over_a_megabyte(tmp_path: Path, depth: int) -> None:
    icc = SRGB + bytes(1_500_000)
    text = ("词" * 500_000).encode()
    extra = [
        chunk(b"iCCP", b"ICC\0\0" + zlib.compress(icc)),
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(text)),
        chunk(b"zTXt", b"endless\0\0" + zlib.compress(bytes(20_000_000))),
        chunk(b"zTXt", b"short\0\0" + zlib.compress(b"a word")),
    ]
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(3, depth), *extra))
    found = read_picture(path)
    assert (found.pixels == noise(3, depth)).all()
    assert found.icc == icc
    assert found.text == {"workflow": text.decode(), "short": "a word"}
    assert noticed(found) == [messages.LONG_CHUNK, messages.LONG_CHUNK, messages.LONG_CHUNK_DROPPED]
    assert [str(notice)[:9] for notice in read_metadata(path).notices[::2]] == ["'workflow", "'endless'"]


# ---- metadata --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", OUTPUTS)
@pytest.mark.parametrize("said", ["a cat, steps: 20", "猫, steps: 20"])
def test_what_a_generator_was_told_is_kept_in_every_format(tmp_path: Path, suffix: str, said: str) -> None:
    info = PngImagePlugin.PngInfo()
    for name, text in (("parameters", said), ("Author", "Ada"), ("date:create", "2026"), ("workflow", "{}")):
        info.add_itxt(name, text)
    first = read_picture(save(tmp_path / "a.png", smooth(), "PNG", pnginfo=info))
    notices = write_picture(first, tmp_path / f"b.{suffix}")
    found = read_picture(tmp_path / f"b.{suffix}")
    if suffix == "png":
        assert found.text["parameters"] == said
        assert not notices
        return
    assert [str(notice) for notice in notices if "workflow" in str(notice)] == [str(notices[-1])]
    tags = tags_of(found.exif)
    assert tags[0x13B] == "Ada"
    comment = tags.get_ifd(0x8769)[0x9286]
    assert comment[8:].decode("ascii" if comment.startswith(b"ASCII") else "utf-16-be") == said


def iptc(*records: tuple[int, str]) -> bytes:
    block = b"\x1c\x01\x5a\0\3\x1b%G"
    for number, text in records:
        block += struct.pack(">BBBH", 0x1C, 2, number, len(text.encode())) + text.encode()
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block + b"\0" * (len(block) % 2)
    return b"Photoshop 3.0\0" + resource


def tagged(path: Path, xmp: bytes = b"") -> Path:
    """A JPEG as press agencies send it: title, two keywords, a caption and a city."""
    body = iptc((5, "Brücke"), (25, "river"), (25, "a & b"), (120, "At dusk"), (90, "Bern"))
    segment = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    return save(path, smooth(), "JPEG", extra=segment, **({"xmp": xmp} if xmp else {}))


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_title_and_keywords_of_an_agency_are_kept_as_xmp(tmp_path: Path, suffix: str) -> None:
    write_picture(read_picture(tagged(tmp_path / "a.jpg")), tmp_path / f"b.{suffix}")
    xmp = read_picture(tmp_path / f"b.{suffix}").xmp
    assert xmp is not None
    said = xmp.decode()
    for words in (">Brücke</rdf:li>", "<rdf:li>river</rdf:li><rdf:li>a &amp; b</rdf:li>", ">At dusk</rdf:li>"):
        assert words in said
    assert "Bern" not in said


def test_xmp_that_says_it_itself_comes_first(tmp_path: Path) -> None:
    xmp = read_picture(tagged(tmp_path / "a.jpg", XMP)).xmp
    assert xmp is not None
    assert xmp.count(b"dc:title") == 2
    assert b"Bridge" in xmp
    assert b"river" in xmp


def srgb_of(picture: Any) -> np.ndarray:
    """What a colour-managed viewer shows."""
    gray = picture.gray
    image = Image.fromarray(picture.pixels[..., 0] if gray else picture.pixels)
    if picture.icc is None:
        return np.asarray(image)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.icc))
    shown = ImageCms.profileToProfile(
        image, profile, ImageCms.createProfile("sRGB"), renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )  # fmt: skip
    return np.asarray(shown)


def chrm(*values: float) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
BT709 = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)


def gama(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


@pytest.mark.parametrize(
    ("extra", "shown"),
    [
        ([gama(1.0)], (229, 168, 122)),
        ([gama(0.45455)], None),
        ([gama(0.45455), chrm(*BT709)], None),
        ([chrm(*P3)], (215, 93, 31)),
        ([chunk(b"cICP", bytes([12, 13, 0, 1]))], (215, 93, 31)),
        ([chunk(b"cICP", bytes([1, 13, 0, 1])), gama(1.0)], None),
        ([chunk(b"sRGB", b"\0"), gama(1.0)], None),
        ([gama(0.0), chrm(*[0.0] * 8)], None),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_colours_by_numbers_become_a_profile(
    tmp_path: Path, extra: list[bytes], shown: tuple[int, ...] | None, suffix: str
) -> None:
    flat = np.broadcast_to(np.uint8([200, 100, 50]), (8, 8, 3))
    (tmp_path / "a.png").write_bytes(png(np.ascontiguousarray(flat), *extra))
    first = read_picture(tmp_path / "a.png")
    write_picture(first, tmp_path / f"b.{suffix}")
    found = read_picture(tmp_path / f"b.{suffix}")
    assert (found.icc is None) == (shown is None)
    assert np.abs(srgb_of(found).astype(int) - (shown or (200, 100, 50))).max() <= 3


def test_a_gray_gamma_becomes_a_gray_profile(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(np.full((4, 4, 1), 128, np.uint8), gama(1.0)))
    found = read_picture(tmp_path / "a.png")
    assert found.gray
    assert np.abs(srgb_of(found).astype(int) - 188).max() <= 1


def test_a_palette_of_grays_has_a_profile_for_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.full((4, 4), 128, np.uint8)).convert("RGB").quantize(2)
    image.save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:33] + gama(1.0) + data[33:])
    found = read_picture(tmp_path / "a.png")
    write_picture(found, tmp_path / "b.png")
    again = read_picture(tmp_path / "b.png")
    assert again.icc == found.icc is not None
    assert np.abs(srgb_of(again).astype(int) - 188).max() <= 1


def test_display_p3_stays(tmp_path: Path) -> None:
    """By its profile, and by the code in an AVIF that has none."""
    icc = colours.profile_of((12, 13))
    assert icc is not None
    for suffix in OUTPUTS:
        write_picture(
            read_picture(save(tmp_path / "a.avif", smooth(), "AVIF", icc_profile=icc)), tmp_path / f"b.{suffix}"
        )
        assert read_picture(tmp_path / f"b.{suffix}").icc == icc
    plain = save(tmp_path / "c.avif", smooth(), "AVIF", quality=100, subsampling="4:4:4")
    plain.write_bytes(coded(plain.read_bytes(), 12, 13))
    assert read_picture(plain).icc == icc


# ---- HDR -------------------------------------------------------------------------------------------------------------


def coded(data: bytes, primaries: int, transfer: int) -> bytes:
    """An AVIF that says other primaries and transfer."""
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def linear(part: np.ndarray) -> np.ndarray:
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def light_of(srgb: np.ndarray) -> np.ndarray:
    matrix = np.linalg.inv(colours._to_xyz(colours._BT2020)[0]) @ colours._to_xyz(colours._SRGB)[0]
    return np.asarray(np.maximum(linear(srgb / 255) @ matrix.T, 0))


def pq(srgb: np.ndarray, white: float = 203) -> np.ndarray:
    """What a camera would write for these colours of sRGB, in BT.2020 and PQ; ``white`` in candelas."""
    y = (np.clip(light_of(srgb) * white / 10000, 0, 1)) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def hlg(srgb: np.ndarray) -> np.ndarray:
    shown = light_of(srgb) * 0.203
    scene = shown * np.maximum(shown @ [0.2627, 0.678, 0.0593], 1e-9)[..., None] ** (1 / 1.2 - 1)
    curved = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), curved)


def muted(height: int = 64, width: int = 64) -> np.ndarray:
    """Colours of a photograph: none at the edge of what can be."""
    return (40 + smooth(height=height, width=width) * 0.7).astype(np.uint8)


def hdr_file(path: Path, kind: str) -> Path:
    code = hlg(muted()) if kind == "HLG" else pq(muted())
    deep = np.rint(code * 65535).astype(np.uint16)
    transfer = 18 if kind == "HLG" else 16
    if path.suffix == ".png":
        path.write_bytes(png(deep, chunk(b"cICP", bytes([9, transfer, 0, 1]))))
    elif path.suffix == ".heic":
        made = pillow_heif.from_bytes("RGB;16", (64, 64), deep.tobytes())
        named = {"color_primaries": 9, "transfer_characteristics": transfer, "matrix_coefficients": 9}
        made.save(path, quality=-1, chroma=444, **named)
    else:
        save(path, np.rint(code * 255).astype(np.uint8), "AVIF", quality=100, subsampling="4:4:4")
        path.write_bytes(coded(path.read_bytes(), 9, transfer))
    return path


@pytest.mark.parametrize("kind", ["PQ", "HLG"])
@pytest.mark.parametrize(("suffix", "most"), [(".png", 0.3), (".heic", 1), (".avif", 4)])
def test_an_hdr_still_no_brighter_than_white_comes_out_as_it_is(
    tmp_path: Path, suffix: str, most: float, kind: str
) -> None:
    path = hdr_file(tmp_path / f"a{suffix}", kind)
    found = read_picture(path)
    scale = 257 if found.depth == 16 else 1
    assert found.depth == (8 if suffix == ".avif" else 16)
    assert np.abs(found.pixels / scale - muted()).mean() <= most
    assert found.icc is None
    assert [str(notice) for notice in found.notices] == [f"The picture is HDR ({kind}): it was tone-mapped to sRGB."]
    assert noticed(read_metadata(path)) == noticed(found)


def test_an_hdr_avif_of_ten_bits_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PQ in 8 bits is coarse: twice as far from the colours that were meant."""
    av = pytest.importorskip("av")
    monkeypatch.setenv("SVT_LOG", "0")
    path = tmp_path / "a.avif"
    try:
        codec = av.codec.Codec("libsvtav1", "w").name
    except av.codec.codec.UnknownCodecError:
        pytest.skip("this FFmpeg has no encoder of AV1")

    def encode() -> None:
        with av.open(str(path), "w", format="avif") as container:
            stream = container.add_stream(codec, rate=1, options={"crf": "1", "preset": "8"})
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p10le"
            context = stream.codec_context
            context.color_primaries, context.color_trc, context.colorspace = 9, 16, 9
            frame = av.VideoFrame.from_ndarray(np.rint(pq(muted()) * 65535).astype(np.uint16), format="rgb48le")
            container.mux(stream.encode(frame.reformat(format="yuv420p10le", dst_colorspace=9)))
            container.mux(stream.encode())

    # SVT-AV1 gives the thread that calls it real-time priority where root may, and all that this thread starts later.
    with ThreadPoolExecutor(1) as own:
        own.submit(encode).result()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    found = read_picture(path)
    assert found.depth == probe_picture(path).depth == 16
    assert np.abs(found.pixels / 257 - muted()).mean() < 1.5
    eight = colours.to_sdr(np.asarray(Image.open(path)), (9, colours.PQ))
    assert np.abs(eight - muted().astype(int)).mean() > 1.5 * np.abs(found.pixels / 257 - muted()).mean()


def test_what_is_brighter_than_white_keeps_its_steps_and_hues() -> None:
    """A ramp of up to 4000 candelas, five times in gray and once in orange."""
    ramp = np.linspace(0.02, 1, 256)[None, :, None] * 255
    grays = pq(np.repeat(ramp, 3, axis=2), white=4000)
    orange = pq(ramp * [1, 0.6, 0.3], white=4000)
    deep = np.rint(np.concatenate([grays] * 5 + [orange]) * 65535).astype(np.uint16)
    shown = colours.to_sdr(deep, (9, colours.PQ)) / 65535
    assert np.diff(shown[0, :, 1]).min() >= 0
    assert len(np.unique(shown[0, :, 1])) > 220
    assert 0.97 < shown[0, -1].min() <= 1
    before, after = linear(ramp[0] * [1, 0.6, 0.3] / 255), linear(shown[5])
    assert np.abs(after / after[:, :1] - before / before[:, :1]).max() < 0.002
    # What is as bright as paper keeps most of its brightness.
    paper = np.argmin(np.abs(linear(ramp[0, :, 0] / 255) * 4000 - 203))
    assert 0.5 < shown[0, paper, 0] < 0.95


def test_gray_hdr_stays_gray() -> None:
    gray = np.rint(pq(np.full((4, 4, 3), 180))[..., :1] * 65535).astype(np.uint16)
    shown = colours.to_sdr(gray, (9, colours.PQ))
    assert shown.shape == (4, 4, 1)
    assert np.abs(shown / 257 - 180).max() < 0.5


def test_a_profile_can_say_that_it_is_hdr() -> None:
    tag = struct.pack(">I4sII", 1, b"cicp", 144, 12) + b"cicp\0\0\0\0" + bytes([9, 16, 0, 1])
    assert colours.code_in(SRGB[:128] + tag) == (9, 16)
    assert colours.code_in(SRGB) is None
    assert colours.code_in(GRAY_PROFILE[:140]) is None


def test_the_still_of_an_ultra_hdr_jpeg_and_of_a_heic_with_a_gain_map(tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    xmp = XMP.replace(b"tiff:Orientation", b'hdrgm:Version="1.0" tiff:Orientation')
    jpeg = save(tmp_path / "a.jpg", smooth(), "JPEG", quality=95, xmp=xmp)
    jpeg.write_bytes(jpeg.read_bytes() + save(tmp_path / "map.jpg", smooth(1), "JPEG").read_bytes())
    heic = tmp_path / "a.heic"
    both = pillow_heif.from_pillow(Image.fromarray(smooth()))
    both.add_from_pillow(Image.fromarray(255 - smooth()))
    both.save(heic, quality=95)
    data = heic.read_bytes()
    second = data.index(b"hvc1", data.index(b"hvc1", data.index(b"infe")) + 4)  # the kind of the second picture
    heic.write_bytes(data[:second] + b"tmap" + data[second + 4 :])
    for path in (jpeg, heic):
        found = read_picture(path)
        assert np.abs(found.pixels.astype(int) - smooth()).mean() < 4
        assert messages.GAIN_MAP in noticed(found)
        assert b"hdrgm" not in (found.xmp or b"")


# ---- phones ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 16])
def test_the_main_picture_of_a_heic_may_be_the_second(tmp_path: Path, bits: int) -> None:
    pillow_heif.register_heif_opener()
    first, second = smooth(), 255 - smooth()
    if bits == 8:
        both = pillow_heif.from_pillow(Image.fromarray(first))
        both.add_from_pillow(Image.fromarray(second))
    else:
        both = pillow_heif.from_bytes("RGB;16", (64, 48), (first.astype(np.uint16) * 257).tobytes())
        both.add_frombytes("RGB;16", (64, 48), (second.astype(np.uint16) * 257).tobytes())
    both.save(tmp_path / "a.heic", primary_index=1, quality=95)
    found = read_picture(tmp_path / "a.heic")
    assert found.depth == bits
    assert np.abs(found.pixels / (257 if bits == 16 else 1) - second).mean() < 4
    assert noticed(found) == [messages.MAIN_PICTURE]


def test_the_still_of_a_motion_photo(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta><rdf:RDF><rdf:Description GCamera:MotionPhoto="1" dc:creator="Ada"/></rdf:RDF></x:xmpmeta>'
    path = save(tmp_path / "a.jpg", smooth(), "JPEG", quality=95, xmp=xmp)
    path.write_bytes(path.read_bytes() + struct.pack(">I", 24) + b"ftypmp42" + bytes(2000) + b"\xff\xd8\xff\xd9")
    found = read_picture(path)
    assert np.abs(found.pixels.astype(int) - smooth()).mean() < 4
    assert noticed(found) == [messages.MOTION_PHOTO]
    assert b"Ada" in (found.xmp or b"")
    assert b"GCamera" not in (found.xmp or b"")
    assert probe_picture(path).frames == 1


@pytest.mark.parametrize("cut", range(8, 200, 12))
def test_boxes_that_are_cut_off_say_nothing(cut: int) -> None:
    file = io.BytesIO()
    Image.fromarray(smooth()).save(file, "AVIF")
    assert boxes.look(io.BytesIO(file.getvalue())).code == (1, 13)
    assert boxes.look(io.BytesIO(file.getvalue()[:cut])).gain_map is False
