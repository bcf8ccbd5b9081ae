"""Measure the Upscale pipeline on this machine: ``python tests/benchmarks/upscale.py [SECTION...] [--bench DIR]``.

Sections: speed, fidelity, quality, memory, startup, estimates, stop; all of them by default. ``--bench`` is a folder
that holds Set5 and Set14, which the quality section needs. Stop everything else that computes before you believe a
time.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from PIL import Image
from skimage import data
from skimage.metrics import structural_similarity

from editing import messages, runtime
from editing.errors import Stopped
from editing.options import UpscaleOptions
from editing.pictures import tiling
from editing.pictures.picture import (
    Picture,
    to_float,
)
from editing.pictures.write import write_picture
from editing.pipelines import upscale
from editing.weights.find import find_weight
from editing.weights.load import load_network

MODELS = ("photo", "anime", "anime-fast", "photo-fast", "photo-exact")


def photo(height: int, width: int) -> np.ndarray:
    """A real photograph (scikit-image's cat) mirrored to any size, uint8 RGB."""
    cat = data.chelsea()
    tiled = np.pad(cat, ((0, max(0, height - cat.shape[0])), (0, max(0, width - cat.shape[1])), (0, 0)), "symmetric")
    return np.ascontiguousarray(tiled[:height, :width])


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Of arrays in [0, 1]."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else -10 * np.log10(error)


def medians_of_pairs(first: Callable[[], object], second: Callable[[], object], pairs: int) -> tuple[float, float]:
    """Median seconds of both, taken in turns so that a slow spell of the machine hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    first(), second()
    for _ in range(pairs):
        for job, kept in zip((first, second), times, strict=True):
            start = time.perf_counter()
            job()
            kept.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def convolution_flops(network: torch.nn.Module, x: torch.Tensor) -> int:
    """Multiplications and additions of all convolutions for the input ``x``."""
    total = 0

    def count(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += 2 * module.weight[0].numel() * output.numel()

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    network(x)
    for hook in hooks:
        hook.remove()
    return total


def convolution_peak(dtype: torch.dtype) -> float:
    """The machine's best convolution rate in FLOP/s: 3x3 of 64 to 192 channels, channels-last, best of 10."""
    best = 0.0
    for channels in (64, 128, 192):
        convolution = torch.nn.Conv2d(channels, channels, 3, padding=1).to(dtype, memory_format=torch.channels_last)
        x = torch.randn(1, channels, 256, 256).to(dtype, memory_format=torch.channels_last)
        for _ in range(10):
            start = time.perf_counter()
            y = convolution(x)
            best = max(best, 2 * 9 * channels * y.numel() / (time.perf_counter() - start))
    return best


def speed() -> None:
    """Ours (picture in, picture out) against spandrel's network run eagerly in fp32 on the whole 256x256 picture."""
    backend = runtime.choose_backend()
    peak = convolution_peak(backend.dtype)
    print(f"{runtime.describe(backend)}; convolution peak {peak / 1e9:.0f} GFLOP/s")
    picture = Picture(pixels=photo(256, 256))
    x = torch.from_numpy(to_float(picture.pixels)).permute(2, 0, 1)[None].contiguous()
    for model in MODELS:
        eager = load_network(find_weight(model)).model
        for precision in ("fp32", "bf16", "int8"):
            if upscale.load(model, precision).backend.precision != precision:
                continue
            options = UpscaleOptions(model=model, precision=precision)
            ours, theirs = medians_of_pairs(
                lambda options=options: upscale.upscale(picture, options), lambda eager=eager: eager(x), pairs=5
            )
            share = convolution_flops(eager, x) / ours / peak
            line = f"{model:<11} {precision} {ours:.3f} s, eager fp32 {theirs:.3f} s: {theirs / ours:.2f}x"
            print(f"{line}, {share:.0%} of peak")


def fidelity() -> None:
    """PSNR of ours to spandrel's output, untiled and tiled, in each precision."""
    x = photo(256, 256)
    for model in MODELS:
        whole = load_network(find_weight(model))(torch.from_numpy(to_float(x)).permute(2, 0, 1)[None])
        whole = whole[0].permute(1, 2, 0).numpy()
        line = f"{model:<11}"
        for precision in ("fp32", "bf16", "int8"):
            network = upscale.load(model, precision)
            if network.backend.precision != precision:
                continue
            tiled = np.zeros_like(whole)
            tiling.run_tiled(network, x, scale=4, tile=128, overlap=network.overlap, ramp=network.ramp, out=tiled)
            line += f"   {precision} untiled {psnr(network(x), whole):6.1f} dB, tiled {psnr(tiled, whole):6.1f} dB"
        print(line)


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """With Wang et al.'s window; of (H, W) or (H, W, 3) arrays in [0, 1]."""
    return float(
        structural_similarity(
            a, b, data_range=1, channel_axis=2 if a.ndim == 3 else None,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
    )  # fmt: skip


def luma(image: np.ndarray) -> np.ndarray:
    """Y of BT.601 in studio range, as the super-resolution literature measures; from RGB in [0, 1]."""
    return (image @ np.array([65.481, 128.553, 24.966]) + 16) / 255


def quality(folder: Path) -> None:
    """Clean bicubic x4: PSNR and SSIM on Y and RGB, border of 4 pixels left out, as a Markdown table."""
    print("| set | method | PSNR Y | SSIM Y | PSNR RGB | SSIM RGB |\n|---|---|---|---|---|---|")
    for name in ("Set5", "Set14"):
        scores: dict[str, list[list[float]]] = {}
        for path in sorted((folder / name).glob("*.png")):
            full = Image.open(path).convert("RGB")
            full = full.crop((0, 0, full.width // 4 * 4, full.height // 4 * 4))
            small = full.resize((full.width // 4, full.height // 4), Image.Resampling.BICUBIC)
            results = {"bicubic": np.asarray(small.resize(full.size, Image.Resampling.BICUBIC))}
            for model in MODELS:
                picture = Picture(pixels=np.asarray(small))
                results[f"`{model}`"] = upscale.upscale(picture, UpscaleOptions(model=model)).pixels
            truth = np.asarray(full)[4:-4, 4:-4] / 255
            for method, result in results.items():
                result = result[4:-4, 4:-4] / 255
                y, y_truth = luma(result), luma(truth)
                row = [psnr(y, y_truth), ssim(y, y_truth), psnr(result, truth), ssim(result, truth)]
                scores.setdefault(method, []).append(row)
        for method, rows in scores.items():
            y, sy, rgb, srgb = np.mean(rows, axis=0)
            print(f"| {name} | {method} | {y:.2f} | {sy:.4f} | {rgb:.2f} | {srgb:.4f} |")


PEAK = """
import sys, time
open("/proc/self/clear_refs", "w").write("5")  # forget the high-water mark inherited from the benchmark's process
sys.path.insert(0, {root!r})
import app  # the page's own imports count: the process that people run holds them too
from pathlib import Path
from editing import messages, runtime
from editing.errors import Stopped
from editing.options import UpscaleOptions
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import upscale
samples = []
def report(done, total, note=""): samples.append(runtime.resident_memory())
with runtime.job():
    picture = read_picture({source!r})
    options = UpscaleOptions(model="anime-fast", scale=2)
    start = time.monotonic()
    result = upscale.upscale(picture, options, report=report)
    write_picture(result, {target!r}, recipe=upscale.recipe(options))
    seconds = time.monotonic() - start
peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
middle = samples[len(samples) // 4 : -len(samples) // 4 or None]
print(f"{{picture.width}}x{{picture.height}} -> {{result.width}}x{{result.height}}: peak RSS {{peak / 1e9:.2f}} GB, "
      f"between tiles {{min(middle) / 1e9:.2f}} to {{max(middle) / 1e9:.2f}} GB, {{seconds:.1f}} s")
"""


def memory() -> None:
    """Peak resident memory of the whole process, page included, for 1, 4 and 12 MP twice enlarged."""
    with tempfile.TemporaryDirectory() as folder:
        for width, height in ((1224, 816), (2448, 1632), (4032, 3024)):
            source, target = f"{folder}/in.jpg", f"{folder}/out.png"
            write_picture(Picture(pixels=photo(height, width)), source)
            script = PEAK.format(root=str(ROOT), source=source, target=target)
            subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def startup() -> None:
    """From ``python app.py`` to the first answer, warm (second of two)."""
    for attempt in ("cold", "warm"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        start = time.monotonic()
        server = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | {"GRADIO_SERVER_PORT": str(port)},
            stdout=subprocess.DEVNULL,
        )
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
                break
            except OSError:
                time.sleep(0.05)
        print(f"page ready after {time.monotonic() - start:.1f} s ({attempt})")
        server.terminate()
        server.wait()


def estimates() -> None:
    """What is said beforehand, by costs just measured, over what it then takes."""
    told = []
    for model, sides in {
        "photo": (160, 320), "anime": (160, 480), "anime-fast": (256, 768), "photo-fast": (256, 1024),
        "photo-exact": (256, 768), "denoise": (512, 1536), "denoise-camera": (512, 1536),
    }.items():  # fmt: skip
        options = UpscaleOptions(model=model)
        upscale.load(model).cost()
        for side in sides:
            picture = Picture(pixels=photo(side, side))
            expected = upscale.estimate(side, side, options).seconds
            start = time.perf_counter()
            upscale.upscale(picture, options)
            told.append(expected / (time.perf_counter() - start))
            print(f"{model:<14} {side}x{side}: {expected:.2f} s estimated, {expected / told[-1]:.2f} s taken")
    print(f"ratios {min(told):.2f} to {max(told):.2f}, median {statistics.median(told):.2f}")


def stop() -> None:
    """From the wish to stop, at any time of a run, to its end."""
    for model in ("photo", "anime", "photo-fast", "denoise"):
        picture, waits = Picture(pixels=photo(640, 640)), []
        upscale.load(model).cost()
        for after in (0.5, 1.1, 1.7, 2.3):
            begun = time.perf_counter()

            def report(done: int, total: int, note: str = "", end: float = begun + after) -> None:
                if time.perf_counter() > end:
                    raise Stopped(messages.STOPPED)

            try:
                upscale.upscale(picture, UpscaleOptions(model=model), report=report)
            except Stopped:
                waits.append(time.perf_counter() - begun - after)
        print(f"{model:<11} {len(waits)} stops, at most {max(waits, default=0):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--bench", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    sections: dict[str, Callable[[], None]] = {
        "speed": speed, "fidelity": fidelity, "memory": memory, "startup": startup, "estimates": estimates,
        "stop": stop,
    }  # fmt: skip
    if arguments.bench:
        sections["quality"] = lambda: quality(arguments.bench)
    elif "quality" in arguments.sections:
        parser.error("quality needs --bench DIR")
    for name in arguments.sections or sections:
        if name not in sections:
            parser.error(f"unknown section '{name}': choose from {', '.join(sections)}")
        print(f"== {name}")
        with torch.inference_mode():
            sections[name]()


if __name__ == "__main__":
    main()
