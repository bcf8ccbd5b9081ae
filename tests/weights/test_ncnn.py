"""ncnn pairs: written here from random networks in both of the forms that converters write, and read back."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from spandrel import MAIN_REGISTRY
from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN

from editing.errors import WeightError
from editing.weights import ncnn
from editing.weights.files import path_of
from editing.weights.find import find_weight
from editing.weights.load import load_network


class Writer:
    """Writes a ``.param`` and its ``.bin`` as ncnn's converters do; ``merged``: as ncnnoptimize leaves them."""

    def __init__(self, *, half: bool, merged: bool) -> None:
        self.half, self.merged = half, merged
        self.lines: list[str] = []
        self.blobs = 0
        self.data = b""

    def layer(self, kind: str, inputs: list[str], params: str = "", outputs: int = 1) -> list[str]:
        made = [f"b{self.blobs + i}" for i in range(outputs)]
        self.blobs += outputs
        names = " ".join([*inputs, *made])
        self.lines.append(f"{kind:16} l{len(self.lines)} {len(inputs)} {outputs} {names} {params}".rstrip())
        return made

    def conv(self, x: str, module: torch.nn.Conv2d, slope: float | None = None) -> str:
        weight, bias = module.weight.detach().numpy(), module.bias.detach().numpy()
        params = f"0={weight.shape[0]} 1=3 4=1 5=1 6={weight.size}"
        if not self.merged:
            params = f"0={weight.shape[0]} 1=3 11=3 2=1 12=1 3=1 13=1 4=1 14=1 15=1 16=1 5=1 6={weight.size}"
        elif slope is not None:
            params += f" 9=2 -23310=1,{slope:e}"
        if self.half:
            data = weight.astype("<f2").tobytes()
            self.data += struct.pack("<I", 0x01306B47) + data + b"\0" * (-len(data) % 4)
        else:
            self.data += struct.pack("<I", 0) + weight.astype("<f4").tobytes()
        self.data += bias.astype("<f4").tobytes()
        (made,) = self.layer("Convolution", [x], params)
        if slope is not None and not self.merged:
            (made,) = self.layer("ReLU", [made], f"0={slope:e}")
        return made

    def residual(self, x: str, onto: str) -> str:
        if self.merged:
            return self.layer("Eltwise", [x, onto], "0=1 -23301=2,2.000000e-01,1.000000e+00")[0]
        (scaled,) = self.layer("BinaryOp", [x], "0=2 1=1 2=2.000000e-01")
        return self.layer("BinaryOp", [scaled, onto], "0=0")[0]

    def save(self, folder: Path, name: str = "net") -> Path:
        text = f"7767517\n{len(self.lines)} {self.blobs}\n" + "\n".join(self.lines) + "\n"
        (folder / f"{name}.param").write_text(text)
        (folder / f"{name}.bin").write_bytes(self.data)
        return folder / f"{name}.bin"


def write_rrdb(model: torch.nn.Module, blocks: int, writer: Writer) -> None:
    convs = iter([m for m in model.modules() if isinstance(m, torch.nn.Conv2d)])
    ups = len([m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]) - 4 - 15 * blocks
    (picture,) = writer.layer("Input", [])
    x = writer.conv(picture, next(convs))
    # ncnn copies a blob for every use of it; doing so here and there is enough to see that copies are followed.
    x, first = writer.layer("Split", [x], outputs=2)
    for _ in range(blocks):
        block = x
        for _ in range(3):
            parts = [x]
            for step in range(5):
                cat = writer.layer("Concat", parts, "" if writer.merged else "0=0")[0] if step else x
                made = writer.conv(cat, next(convs), 0.2 if step < 4 else None)
                parts.append(made)
            x = writer.residual(made, x)
        x = writer.residual(x, block)
    (x,) = writer.layer("BinaryOp", [first, writer.conv(x, next(convs))])
    for _ in range(ups):
        (x,) = writer.layer("Interp", [x], "0=1 1=2.000000e+00 2=2.000000e+00")
        x = writer.conv(x, next(convs), 0.2)
    x = writer.conv(x, next(convs), 0.2)
    writer.conv(x, next(convs))


def write_compact(model: Compact, writer: Writer, scale: int) -> None:
    (picture,) = writer.layer("Input", [])
    x, again = writer.layer("Split", [picture], outputs=2)
    for module in model.body:
        if isinstance(module, torch.nn.Conv2d):
            x = writer.conv(x, module)
        else:
            slopes = module.weight.detach().numpy()
            writer.data += slopes.astype("<f4").tobytes()
            (x,) = writer.layer("PReLU", [x], f"0={slopes.size}")
    (x,) = writer.layer("PixelShuffle", [x], f"0={scale}")
    (again,) = writer.layer("Interp", [again], f"0=1 1={scale:e} 2={scale:e}")
    writer.layer("BinaryOp", [x, again])


def small_rrdb(*, scale: int = 4) -> ESRGAN:
    torch.manual_seed(1)
    return ESRGAN(num_filters=8, num_blocks=2, scale=scale).eval()


def small_compact(*, scale: int = 4) -> Compact:
    torch.manual_seed(2)
    # 3 x 5 x 9 weights in the first convolution: an odd number, so that fp16 needs its padding.
    model = Compact(num_feat=5, num_conv=3, upscale=scale).eval()
    for module in model.body:
        if isinstance(module, torch.nn.PReLU):
            torch.nn.init.uniform_(module.weight, 0.1, 0.4)
    return model


def compact_pair(folder: Path, *, half: bool = True, scale: int = 4) -> Path:
    writer = Writer(half=half, merged=True)
    write_compact(small_compact(scale=scale), writer, scale)
    return writer.save(folder)


def rrdb_pair(folder: Path, *, half: bool = True, merged: bool = True, scale: int = 4) -> Path:
    writer = Writer(half=half, merged=merged)
    write_rrdb(small_rrdb(scale=scale), 2, writer)
    return writer.save(folder)


def read(pair: Path) -> dict[str, torch.Tensor]:
    return ncnn.read(pair.with_suffix(".param"), pair)


def assert_same(model: torch.nn.Module, state: dict[str, torch.Tensor], scale: int, *, half: bool) -> None:
    """spandrel's network with ``state`` computes what ``model`` does, with convolutions rounded to fp16 if ``half``."""
    loaded = MAIN_REGISTRY.load(state)
    assert loaded.scale == scale
    if half:
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.data = module.weight.data.half().float()
    picture = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert torch.equal(loaded.model.eval()(picture), model(picture))


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_rrdb_comes_back_as_it_was(tmp_path: Path, half: bool, merged: bool, scale: int) -> None:
    pair = rrdb_pair(tmp_path, half=half, merged=merged, scale=scale)
    assert_same(small_rrdb(scale=scale), read(pair), scale, half=half)
    network = ncnn.describe(pair.with_suffix(".param"))
    assert (network.architecture, network.scale, network.blocks, network.features) == ("RRDBNet", scale, 2, 8)


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_compact_comes_back_as_it_was(tmp_path: Path, half: bool, scale: int) -> None:
    pair = compact_pair(tmp_path, half=half, scale=scale)
    assert_same(small_compact(scale=scale), read(pair), scale, half=half)
    network = ncnn.describe(pair.with_suffix(".param"))
    assert (network.architecture, network.scale, network.blocks) == ("SRVGGNetCompact", scale, 3)
    assert network.bin_bytes[0 if half else 1] == pair.stat().st_size


def test_a_last_resize_is_left_out(tmp_path: Path) -> None:
    writer = Writer(half=True, merged=True)
    write_compact(small_compact(), writer, 4)
    writer.layer("Interp", [f"b{writer.blobs - 1}"], "0=3 1=7.500000e-01 2=7.500000e-01")
    assert_same(small_compact(), read(writer.save(tmp_path)), 4, half=True)


def replace(old: str, new: str, count: int = 1) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, count)

    return change


def swap_first_concat(text: str) -> str:
    return re.sub(r"(Concat +\S+ 2 1) (\S+) (\S+)", r"\1 \3 \2", text, count=1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (replace("7767517", "7767518"), "first line"),
        (replace("7767517\n", ""), "first line"),
        (lambda text: "", "first line"),
        (lambda text: "7767517\n", "second line"),
        (lambda text: text.replace("\nInput", " x\nInput", 1), "second line"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "layers"),
        (lambda text: re.sub(r"\n(\d+) (\d+)\n", r"\n\1 1\n", text, count=1), "blobs"),
        (lambda text: text.rstrip() + " 0=\n", "can't be read"),
        (lambda text: text.rstrip() + " 6=1e400\n", "can't be read"),
        (lambda text: text.replace(" 0=8 ", " 0=-8 ", 1), "convolution"),
        (replace(" 1=3 ", " 1=5 "), "convolution"),
        (replace(" 4=1 ", " 4=0 "), "convolution"),
        (replace(" 5=1 ", " "), "convolution"),
        (replace("Concat ", "Crop "), "Crop"),
        (replace("1,2.000000e-01", "1,1.000000e-01"), "not wired"),
        (replace("=2,2.000000e-01", "=2,1.000000e-01"), "not wired"),
        (swap_first_concat, "not wired"),
        (replace("2=2.000000e+00", "2=3.000000e+00"), "Interp"),
        (lambda text: text.replace("2.000000e+00", "3.000000e+00"), "not wired"),
        (lambda text: text.replace(" 0=32 ", " 0=16 "), "sizes"),
    ],
)
def test_a_param_that_is_not_such_a_network_is_refused(
    tmp_path: Path, change: Callable[[str], str], reason: str
) -> None:
    param = rrdb_pair(tmp_path).with_suffix(".param")
    param.write_text(change(param.read_text()))
    with pytest.raises(WeightError, match=reason) as caught:
        ncnn.describe(param)
    assert str(param) in str(caught.value)
    assert "Wanted" in str(caught.value)


@pytest.mark.parametrize("data", [b"\x80\xff\x00" * 100, b"7" * (ncnn.MAX_PARAM_BYTES + 1)])
def test_a_param_that_is_no_text_or_far_too_long_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "net.param").write_bytes(data)
    with pytest.raises(WeightError, match="not an ncnn network"):
        ncnn.describe(tmp_path / "net.param")


@pytest.mark.parametrize(
    ("pattern", "new", "reason"),
    [
        (r"(Interp +\S+ 1 1 \S+ \S+) 0=1", r"\1 0=2", "Interp"),  # bilinear
        (r"(Interp +\S+ 1 1) \S+", r"\1 b3", "not wired"),
        (r"(PixelShuffle .*) 0=4", r"\1 0=3", "48 channels"),
        (r"(PReLU .*) 0=5", r"\1 0=1", "sizes"),
    ],
)
def test_a_compact_network_with_a_difference_is_refused(tmp_path: Path, pattern: str, new: str, reason: str) -> None:
    param = compact_pair(tmp_path).with_suffix(".param")
    text, count = re.subn(pattern, new, param.read_text(), count=1)
    param.write_text(text)
    assert count == 1
    with pytest.raises(WeightError, match=reason):
        ncnn.describe(param)


@pytest.mark.parametrize("half", [True, False])
def test_a_bin_that_is_cut_off_or_too_long_is_refused(tmp_path: Path, half: bool) -> None:
    pair = compact_pair(tmp_path, half=half)
    whole = pair.read_bytes()
    for damaged in (whole[:-1], whole[:-4], whole[: len(whole) // 2], b"", whole + b"\0", whole + b"\0\0\0\0"):
        pair.write_bytes(damaged)
        with pytest.raises(WeightError, match=r"cut off|left over|does not belong"):
            read(pair)
    pair.unlink()
    with pytest.raises(WeightError, match="No such file"):
        read(pair)


def test_a_bin_of_another_kind_is_refused(tmp_path: Path) -> None:
    pair = compact_pair(tmp_path)
    whole = pair.read_bytes()
    pair.write_bytes(struct.pack("<I", 0x000D4B38) + whole[4:])
    with pytest.raises(WeightError, match="0x000d4b38"):
        read(pair)
    pair.write_bytes(whole[:4] + np.array([np.nan], "<f2").tobytes() + whole[6:])
    with pytest.raises(WeightError, match="no numbers"):
        read(pair)


def smooth_picture(side: int) -> torch.Tensor:
    """(1, 3, side, side) in [0, 1]: waves much longer than a pixel."""
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    waves = [torch.sin(3 * x + 2 * y), torch.cos(4 * y - x), torch.sin(2 * x) * torch.cos(3 * y)]
    return torch.stack([0.5 + 0.35 * wave for wave in waves])[None]


# The drawing networks sharpen even this picture: 24 dB. Weights in the wrong places give less than 10.
@pytest.mark.parametrize(("name", "decibels"), [("photo", 28), ("anime", 20), ("anime-fast", 20)])
def test_the_real_networks_enlarge_a_smooth_picture(name: str, decibels: float) -> None:
    network = load_network(find_weight(name))
    assert (network.scale, network.input_channels, network.purpose) == (4, 3, "SR")
    small = smooth_picture(32)
    bicubic = torch.nn.functional.interpolate(small, scale_factor=4, mode="bicubic", align_corners=False)
    with torch.inference_mode():
        large = network.model(small)
    assert large.shape == (1, 3, 128, 128)
    assert 10 * torch.log10(1 / (large - bicubic).square().mean()) > decibels


@pytest.mark.parametrize("scale", [2, 3])
def test_the_wheels_x2_and_x3_files_hold_the_x4_network(scale: int) -> None:
    four = path_of(find_weight("anime-fast"))
    assert four is not None
    other = four.with_name(four.name.replace("UP4X", f"UP{scale}X"))
    assert ncnn.describe(other.with_suffix(".param")).scale == 4
    state, wanted = read(other), read(four)
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[key], wanted[key]) for key in wanted)
