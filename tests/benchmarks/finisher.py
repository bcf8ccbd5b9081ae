"""Measure the finisher of faces: ``python tests/benchmarks/finisher.py --data DIR [--rival photo] [--weight FILE]``.

DIR are the pictures of aligned faces of its training, of which as many are measured with as it held out, chosen by
their names: as they are at 256 pixels; degraded, and repaired at fidelity 0.5; and as small as drawn ones, repaired at
0. Prints Markdown: PSNR over RGB and the distance to the truth at 512 pixels of the bicubic enlargement (what Repair
gave before there was a finisher), of an enlarger of the Upscale tab, and of the finisher. The distance is that of
MobileNetV2's features between the quarters of the faces; its wheel is in editing/training/requirements.txt.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import cv2
import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from editing.networks.finisher import Finisher, FinisherConfig
from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pipelines import upscale
from editing.training.data import Pictures, hold_out, load_pictures
from editing.training.faces import SIDE
from editing.training.finisher import enlarged, finished, load_before, make_exam, psnr, quarters
from editing.training.repairer import FeatureRuler

WEIGHTS = ROOT / "weights"


def load(path: Path) -> Finisher:
    """A finisher as the training wrote it, in float32."""
    with safe_open(path, "pt") as file:
        network = Finisher(FinisherConfig.from_json(file.metadata()["config"]))
        network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    return network.eval()


def by_enlarger(given: Tensor, model: str) -> Tensor:
    """Faces (N, 3, 256, 256) in [0, 1] by a model of the Upscale tab, (N, 3, 512, 512)."""
    made = []
    for face in given.mul(255).round().byte().permute(0, 2, 3, 1).numpy():
        large = upscale.upscale(Picture(pixels=np.ascontiguousarray(face)), UpscaleOptions(model=model)).pixels
        made.append(cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--hold-out", type=int, default=50, metavar="N")
    parser.add_argument("--weight", type=Path, default=WEIGHTS / "finisher.safetensors", metavar="FILE")
    parser.add_argument("--rival", default="photo", metavar="MODEL", help="an enlarger of the Upscale tab; '' for none")
    arguments = parser.parse_args()
    network, ruler = load(arguments.weight), FeatureRuler()
    with tempfile.TemporaryDirectory() as cache:
        pictures = load_pictures(arguments.data, SIDE, 3, Path(cache))
        _, kept = hold_out(pictures.names, arguments.hold_out)
        held_out = Pictures(array=pictures.array[kept], names=tuple(pictures.names[i] for i in kept), skipped=())
    before = load_before(str(WEIGHTS / "repairer.safetensors"), torch.device("cpu"))
    exam = make_exam(held_out, SIDE, before)
    rows: dict[str, list[str]] = {}
    for given, truth in exam.values():
        made = {"bicubic": enlarged(given)}
        if arguments.rival:
            made[arguments.rival] = by_enlarger(given.clamp(0, 1), arguments.rival)
        made["finisher"] = finished(network, given)
        for name, result in made.items():
            apart = ruler.distance(quarters(result), quarters(truth))
            rows.setdefault(name, []).append(f"{psnr(result, truth):.2f}, {apart:.2f}")
    print(f"{len(held_out.names)} faces\n\n| PSNR, distance | {' | '.join(exam)} |\n|---|{'---|' * len(exam)}")
    for name, values in rows.items():
        print(f"| {name} | {' | '.join(values)} |")


if __name__ == "__main__":
    main()
