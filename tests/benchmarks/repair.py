"""Measure a repairer of faces: ``python tests/benchmarks/repair.py WEIGHT --data DIR [--rival ''] [--grid PNG]``.

WEIGHT is the repairer.safetensors of a training, DIR its pictures of aligned faces, of which as many are measured with
as it held out, chosen by their names. Prints Markdown: restoration at four strengths (each face degraded always in the
same way) beside the input and Real-ESRGAN x4plus, reduced to the same size again; filling beside OpenCV's Telea; the
seconds for one face. PSNR and SSIM are of RGB, PSNR of a filled face is that inside the mask, the distance is that of
MobileNetV2's features, whose wheel is in editing/training/requirements.txt. x4plus takes about 7 s a face on two cores:
``--rival ''`` leaves it out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

from editing import runtime
from editing.networks.repairer import Repairer, RepairerConfig
from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pipelines import upscale
from editing.training import losses
from editing.training.data import Pictures, hold_out, load_pictures
from editing.training.faces import SIDE
from editing.training.photos import to_tensor
from editing.training.repairer import Exam, FeatureRuler, inpainted, make_exams, psnr, repaired

FIDELITIES = (1.0, 0.5, 0.0)


def load(path: Path) -> Repairer:
    """A repairer as the training wrote it, in float32."""
    with safe_open(path, "pt") as file:
        network = Repairer(RepairerConfig.from_json(file.metadata()["config"]))
        network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    return network.eval()


def enlarged_and_reduced(faces: np.ndarray, model: str) -> np.ndarray:
    """Faces as an enlarger sees them, at their size again."""
    size = faces.shape[1]
    results = [upscale.upscale(Picture(pixels=face), UpscaleOptions(model=model)).pixels for face in faces]
    return np.stack([cv2.resize(result, (size, size), interpolation=cv2.INTER_AREA) for result in results])


def row(name: str, made: np.ndarray, exam: Exam, ruler: FeatureRuler) -> str:
    similar = float(losses.ssim(to_tensor(made), to_tensor(exam.truths), reach=1.0))
    return f"| {name} | {psnr(made, exam):.2f} | {similar:.4f} | {ruler.distance(made, exam.truths):.2f} |"


def grid(rows: list[np.ndarray], path: Path) -> None:
    """The same faces by each method, a column each."""
    shown = [faces[:8] for faces in rows]
    Image.fromarray(np.concatenate([np.concatenate(list(faces), 0) for faces in shown], 1)).save(path)


def seconds(network: Repairer, exam: Exam) -> float:
    """Median of 15 single faces, in the precision that the pipelines choose, after the first."""
    backend = runtime.choose_backend()
    backend.place(network)
    picture, mask = to_tensor(exam.inputs[:1]), to_tensor(exam.masks[:1, ..., None])
    times = []
    for _ in range(16):
        start = time.perf_counter()
        network(picture.to(backend.device), mask.to(backend.device), torch.ones(1, device=backend.device)).cpu()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weight", type=Path, metavar="WEIGHT")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--hold-out", type=int, default=50, metavar="N")
    parser.add_argument("--rival", default="photo", metavar="MODEL", help="an enlarger of the Upscale tab; '' for none")
    parser.add_argument("--grid", type=Path, metavar="PNG", help="write NAME-STRENGTH.png of eight faces beside it")
    arguments = parser.parse_args()
    network, ruler = load(arguments.weight), FeatureRuler()
    size = network.config.size
    with tempfile.TemporaryDirectory() as cache, torch.inference_mode():
        pictures = load_pictures(arguments.data, SIDE, 3, Path(cache))
        _, kept = hold_out(pictures.names, arguments.hold_out)
        held_out = Pictures(array=pictures.array[kept], names=tuple(pictures.names[i] for i in kept), skipped=())
        for name, exam in make_exams(held_out, size).items():
            masked = bool(exam.masks.any())
            results = {"Telea" if masked else "input": inpainted(exam) if masked else exam.inputs}
            if arguments.rival and not masked:
                results[arguments.rival] = enlarged_and_reduced(exam.inputs, arguments.rival)
            ours = repaired(network, exam, FIDELITIES)
            results |= {f"ours, fidelity {f:g}": made for f, made in zip(FIDELITIES, ours, strict=True)}
            what = f"masked: {name}" if masked else f"strength {name}"
            print(f"\n{len(exam.inputs)} faces, {what}:\n\n| method | PSNR | SSIM | distance |\n|---|---|---|---|")
            for method, made in results.items():
                print(row(method, made, exam, ruler), flush=True)
            if arguments.grid:
                seen = np.where(exam.masks[..., None] > 0, np.uint8(255), exam.inputs)
                path = arguments.grid.with_name(f"{arguments.grid.stem}-{name}.png")
                grid([seen, *list(results.values()), exam.truths], path)
        print(f"\n{seconds(network, exam):.3f} s for one face ({runtime.describe(runtime.choose_backend())})")


if __name__ == "__main__":
    main()
