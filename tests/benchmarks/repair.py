"""Measure a repairer of faces: ``python tests/benchmarks/repair.py WEIGHT --data DIR [--rival ''] [--grid PNG]``.

WEIGHT is the repairer.safetensors of a training, DIR its pictures of aligned faces, of which as many are measured with
as it held out, chosen by their names. Prints Markdown: restoration at four strengths (each face degraded always in the
same way) beside the input and Real-ESRGAN x4plus, reduced to the same size again; filling beside OpenCV's Telea; the
seconds for one face. PSNR and SSIM are of RGB, PSNR of a filled face is that inside the mask, the distance is that of
MobileNetV2's features, whose wheel is in editing/training/requirements.txt. x4plus takes about 7 s a face on two cores:
``--rival ''`` leaves it out. Last, whole mouths, both eyes and noses masked: the distance of what is round them, by the
network alone and as Repair does it, which has another face lend them.
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
from editing.faces import restore
from editing.faces.align import TEMPLATE, Face
from editing.faces.restore import Restorer
from editing.networks.repairer import Repairer, RepairerConfig
from editing.options import RepairOptions, UpscaleOptions
from editing.pictures.picture import Picture
from editing.pipelines import repair, upscale
from editing.training import losses
from editing.training.data import Pictures, hold_out, load_pictures
from editing.training.faces import SIDE
from editing.training.photos import to_tensor
from editing.training.repairer import Exam, FeatureRuler, inpainted, make_exams, psnr, repaired

FIDELITIES = (1.0, 0.5, 0.0)
# Ellipses (middle, radii) that cover features of an aligned face of 512 pixels; the middle of what is looked at, and
# half of its side.
WHOLE = {
    "mouth": ([((257, 371), (72, 38))], (257, 371), 80),
    "both eyes": ([((193, 240), (44, 31)), ((319, 240), (44, 31))], (256, 240), 96),
    "nose": ([((256, 302), (38, 44))], (256, 302), 64),
}


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


def features(restorer: Restorer, faces: np.ndarray, ruler: FeatureRuler) -> None:
    """The table of whole features masked, for faces (N, 512, 512, 3) uint8; distances of squares at half their size."""
    print("\n| masked | Telea | alone, fidelity 1 | 0 | as used, fidelity 1 | 0 |\n|---|---|---|---|---|---|")
    found = [Face(box=(100, 80, 412, 470), landmarks=TEMPLATE, score=1.0)]
    for name, (ellipses, (x, y), side) in WHOLE.items():
        mask = np.zeros((SIDE, SIDE), np.uint8)
        for centre, axes in ellipses:
            cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
        hole, made = (mask > 0).astype(np.float32), []
        for face in faces:
            both = restorer(face.astype(np.float32) / 255, hole)
            alone = [(255 * result).round().astype(np.uint8) for result in reversed(both)]
            used = repair.repair(Picture(pixels=face), RepairOptions(), hole, found=found, network=restorer).faces[0]
            shown = [cv2.inpaint(face, mask, 3, cv2.INPAINT_TELEA), *alone, used.faithful, used.clean]
            made.append([np.where(mask[..., None] > 0, result, face) for result in shown])
        around = slice(y - side, y + side), slice(x - side, x + side)

        def near(pictures: list[np.ndarray], around: tuple[slice, slice] = around) -> np.ndarray:
            half = [cv2.resize(one[around], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for one in pictures]
            return np.stack([cv2.resize(one, (224, 224), interpolation=cv2.INTER_CUBIC) for one in half])

        apart = [ruler.distance(near(list(one)), near(list(faces))) for one in zip(*made, strict=True)]
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in apart) + " |", flush=True)


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
        features(restore.load_restorer(str(arguments.weight)), held_out.array, ruler)
        print(f"\n{seconds(network, exam):.3f} s for one face ({runtime.describe(runtime.choose_backend())})")


if __name__ == "__main__":
    main()
