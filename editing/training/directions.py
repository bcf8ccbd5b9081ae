"""Name directions of a trained generator of faces by what they change in its pictures, and write them into its file.

    python -m editing.training.directions weights/faces.safetensors

What is measured, in pictures drawn from seeds that nobody is shown: where landmarks are, and mean brightness. Measures
are regressed on w; the step that is stored is the likeliest one (smallest in Mahalanobis distance) that moves its own
by one standard deviation and leaves all others where they are, those of :data:`KEPT` included. So dials do one thing
each, as in InterFaceGAN's conditional editing (Shen et al., CVPR 2020), but from measures instead of labels of people:
there is no dial for whose face it seems to be. The principal components that fill up the rest stay without a name.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from editing.faces import likeness
from editing.faces.align import SIDE
from editing.pictures.picture import Floats, Pixels
from editing.pipelines import generate
from editing.pipelines.generate import LoadedGenerator
from editing.training.generator import DIRECTIONS
from editing.training.loop import write_weights

NAMES = ("turn", "nod", "smile", "side-light", "background")
KEPT = (
    "light",
    "warmth",
    "width",
    "size",
)  # stay: brightness and colour of the skin, shape of the face
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_RIDGE = 0.03  # of the mean variance of w, against noise in the measures
_TRUNCATION = 0.8  # of the pictures measured: landmarks are unsure on failures

Values = npt.NDArray[np.float64]


def measures(pixels: Pixels) -> Values:
    """(9,): of a drawn face (side, side, 3), those of NAMES and of KEPT, in that order.

    Lengths are in distances of the eyes; brightness is 0 to 1; "side-light" is the left half of the face less the right
    one, as seen in the picture.
    """
    large = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    face: Floats = np.asarray(large, np.float32) / np.float32(255)
    points = likeness.landmarks_of(face).astype(np.float64)
    left_eye, right_eye, jaw, nose = points[36:42].mean(0), points[42:48].mean(0), points[:17], points[30]
    apart, wide = float(np.linalg.norm(right_eye - left_eye)), float(np.linalg.norm(jaw[16] - jaw[0]))
    gray = face @ _LUMA
    inside = np.zeros(gray.shape, np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.rint(points[:27]).astype(np.int32)), 1)
    left = np.arange(SIDE)[None] < nose[0]
    skin = inside > 0

    def mean(where: npt.NDArray[np.bool_]) -> float:
        return float(gray[where].mean()) if where.any() else 0.0

    corners = gray[:160, :50], gray[:160, -50:]  # beside the head
    return np.array([
        (nose[0] - (jaw[0, 0] + jaw[16, 0]) / 2) / wide,
        (nose[1] - (left_eye[1] + right_eye[1]) / 2) / apart,
        np.linalg.norm(points[54] - points[48]) / apart,
        mean(skin & left) - mean(skin & ~left),
        float(np.mean([corner.mean() for corner in corners])),
        mean(skin),
        float((face[..., 0] - face[..., 2])[skin].mean()) if skin.any() else 0.0,
        wide / apart,
        apart / SIDE,
    ])  # fmt: skip


def measured(network: LoadedGenerator, seeds: range) -> tuple[Values, Values]:
    """w (N, style) of ``seeds``, and the measures (N, 9) of their pictures."""
    ws, found = [], []
    with torch.inference_mode():
        for seed in tqdm(seeds, "measuring", unit="picture"):
            z = network.latent(seed)
            ws.append(network.network.mapping(torch.from_numpy(z).float()[None])[0].double().numpy())
            found.append(measures(network.draw(z, _TRUNCATION)))
    return np.stack(ws), np.stack(found)


def steps(w: Values, values: Values) -> Values:
    """(K, style): for each of the K measures (N, K) the step in w (N, style) that moves it alone, by its deviation."""
    w, values = w - w.mean(0), (values - values.mean(0)) / values.std(0)
    covariance = w.T @ w / len(w)
    ridge = _RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    slopes = np.linalg.solve(covariance + ridge, w.T @ values / len(w))  # (style, K)
    found: Values = (covariance @ slopes @ np.linalg.inv(slopes.T @ covariance @ slopes)).T
    return found


def fill_up(named: Values, components: Values, covariance: Values, count: int) -> Values:
    """``named`` (K, style), and of the ``components`` what has nothing of these, ``count`` in all.

    Uncorrelated with the named ones where w has its ``covariance`` (style, style), and one standard deviation long.
    """
    inner = np.linalg.inv(covariance)
    out = list(named)
    for step in components:
        basis = np.stack(out)
        rest = step - basis.T @ np.linalg.solve(basis @ inner @ basis.T, basis @ inner @ step)
        length = float(np.sqrt(rest @ inner @ rest))
        if len(out) < count and length > 0.5:  # else it is nearly a mixture of those before
            out.append(rest / length)
    return np.stack(out)


def tried(network: LoadedGenerator, values: Values, seeds: range) -> dict[str, tuple[float, float, str]]:
    """For each named direction, on ``seeds`` at truncation 0.7, from -2 to 2 steps: in how many pictures its measure
    grows, by how many deviations at the median, and which other one moves most, by how many."""
    names, spread = [*NAMES, *KEPT], values.std(0)
    out = {}
    for number, name in enumerate(NAMES):
        gained = []
        for seed in tqdm(seeds, name, unit="picture"):
            ends = []
            for amount in (-2.0, 2.0):
                step = [0.0] * number + [amount]
                ends.append(measures(network.draw(network.latent(seed), 0.7, step)))
            gained.append((ends[1] - ends[0]) / spread)
        middle = np.median(gained, axis=0)
        others = {other: abs(float(value)) for other, value in zip(names, middle, strict=True) if other != name}
        most = max(others, key=lambda other: others[other])
        grows = float(np.mean([row[number] > 0 for row in gained]))
        out[name] = (grows, float(middle[number]), f"{most} {others[most]:.2f}")
    return out


def main() -> None:
    from safetensors import safe_open

    parser = argparse.ArgumentParser(description="Name directions of a generator of faces by what they change.")
    parser.add_argument("weight", type=Path)
    parser.add_argument("--pictures", type=int, default=3000)
    arguments = parser.parse_args()
    path: Path = arguments.weight
    network = generate.load(str(path))
    w, values = measured(network, range(10**6, 10**6 + arguments.pictures))
    named = steps(w, values)[: len(NAMES)]
    components = network.network.directions.double().numpy()
    found = fill_up(named, components, np.cov(w.T), DIRECTIONS)
    with safe_open(path, "pt") as file:
        metadata, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors["directions"] = torch.from_numpy(found)
    kept = {key: value for key, value in metadata.items() if key != "format"}
    write_weights(path, tensors, **kept | {"direction_names": json.dumps(NAMES)})
    after = tried(generate.load(str(path)), values, range(2 * 10**6, 2 * 10**6 + 100))
    for name, (grows, by, beside) in after.items():
        tqdm.write(f"{name}: grows in {grows:.0%}, by {by:.2f} deviations; beside it most {beside}")


if __name__ == "__main__":
    main()
