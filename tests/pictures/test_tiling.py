"""Tiled equals whole: for every size, at every seam, and when memory runs out on the way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import torch
from spandrel.architectures.Compact import Compact

from editing.errors import OutOfMemoryError, Stopped
from editing.pictures import tiling
from editing.pictures.tiling import resize, run_tiled, spans
from editing.pipelines import upscale

Floats = npt.NDArray[np.float32]
Run = Callable[[Floats], Floats]


def as_run(network: Callable[[torch.Tensor], torch.Tensor]) -> Run:
    """A network for (1, C, h, w) as what run_tiled takes."""

    def run(region: Floats) -> Floats:
        with torch.inference_mode():
            out = network(torch.from_numpy(np.ascontiguousarray(region)).permute(2, 0, 1)[None])
        return out[0].permute(1, 2, 0).numpy().astype(np.float32)

    return run


def blur(region: Floats) -> Floats:
    """A network of scale 2 that sees 3 pixels far: zeros outside the picture, as in the real ones."""
    padded = np.pad(region, ((3, 3), (3, 3), (0, 0)))
    height, width = region.shape[:2]
    small = sum(padded[y : y + height, x : x + width] for y in range(7) for x in range(7)) / np.float32(49)
    return np.repeat(np.repeat(small, 2, 0), 2, 1).astype(np.float32)


def noise(height: int, width: int, channels: int = 3) -> Floats:
    return np.random.default_rng(0).random((height, width, channels), np.float32)


def tiled(run: Run, image: Floats, scale: int, tile: int, overlap: int, ramp: int = 0) -> Floats:
    out = np.zeros((image.shape[0] * scale, image.shape[1] * scale, image.shape[2]), np.float32)
    run_tiled(run, image, scale=scale, tile=tile, overlap=overlap, ramp=ramp, out=out)
    return out


def psnr(a: Floats, b: Floats) -> float:
    return float(-10 * np.log10(np.mean((a - b) ** 2, dtype=np.float64) + 1e-12))


# ---- spans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ramp", [0, 2, 7, 32, 64])
@pytest.mark.parametrize("tile", [32, 33, 100, 256])
def test_spans_cover_an_axis_once_and_their_shares_add_up_to_one(tile: int, ramp: int) -> None:
    for size in [*range(1, 140), 255, 256, 257, 499, 500, 1023, 4000]:
        parts = spans(size, tile, ramp)
        assert parts[0].start == 0
        assert parts[-1].stop == size
        assert all(a.stop == b.start for a, b in pairwise(parts))
        assert max(part.stop - part.start for part in parts) <= tile
        assert len(parts) == -(-size // tile)
        for step in (0.25, 1, 1.7):  # the places of output pixels at 4 times, once and a reduction
            centres = np.arange(step / 2, size, step, dtype=np.float32)
            total = np.zeros_like(centres)
            for part in parts:
                first, last = part.written()
                inside = (centres >= first) & (centres < last)
                total[inside] += part.weight(centres[inside])
            np.testing.assert_allclose(total, 1, atol=1e-5)


# ---- exactness -------------------------------------------------------------------------------------------------------

SIZES = [(1, 1), (1, 70), (70, 1), (3, 500), (500, 3), (33, 47), (64, 64), (65, 129), (31, 31)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize(("tile", "overlap"), [(32, 3), (33, 16), (48, 5), (1024, 3)])
def test_with_enough_overlap_tiled_is_exactly_whole(height: int, width: int, tile: int, overlap: int) -> None:
    image = noise(height, width)
    np.testing.assert_array_equal(tiled(blur, image, 2, tile, overlap), blur(image))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_mix_of_equal_tiles_changes_nothing(height: int, width: int) -> None:
    image = noise(height, width)
    np.testing.assert_allclose(tiled(blur, image, 2, 32, 32, ramp=32), blur(image), atol=1e-6)


def test_with_too_little_overlap_it_is_not_whole() -> None:
    """The tests above could fail."""
    image = noise(65, 129)
    assert np.abs(tiled(blur, image, 2, 32, 2) - blur(image)).max() > 1e-3


def pooled(region: Floats) -> Floats:
    """A network with a stride of 4: cells of 4 x 4 pixels become their mean, and see the cells beside them."""
    cells = region.reshape(region.shape[0] // 4, 4, region.shape[1] // 4, 4, region.shape[2]).mean((1, 3))
    padded = np.pad(cells, ((1, 1), (1, 1), (0, 0)))
    cells = cells + padded[:-2, 1:-1] - padded[1:-1, 2:]
    return np.repeat(np.repeat(cells, 4, 0), 4, 1).astype(np.float32)


@pytest.mark.parametrize("fits", [True, False])
def test_tiles_of_a_network_with_strides_begin_at_its_steps(fits: bool) -> None:
    image = noise(100, 148)
    out = np.zeros_like(image)

    def run(region: Floats) -> Floats:
        if not fits and region.shape[0] > 60:
            raise MemoryError
        return pooled(region)

    run_tiled(run, image, scale=1, tile=64, overlap=4, align=4, out=out)
    np.testing.assert_array_equal(out, pooled(image))
    parts = spans(100, 40, 0, 4)
    assert [(part.start, part.stop) for part in parts] == [(0, 32), (32, 68), (68, 100)]


def test_sizes_that_do_not_fit_the_steps_are_a_mistake() -> None:
    for tile, overlap in ((30, 4), (32, 6)):
        with pytest.raises(ValueError, match="don't fit steps of 4"):
            run_tiled(pooled, noise(12, 8), scale=1, tile=tile, overlap=overlap, align=4, out=noise(12, 8))


@pytest.mark.parametrize(("height", "width"), [(96, 130), (3, 200), (130, 1)])
def test_srvgg_tiled_is_whole(height: int, width: int) -> None:
    torch.manual_seed(0)
    network = Compact(num_feat=8, num_conv=4, upscale=3).eval()
    image = noise(height, width)
    run = as_run(network)
    radius = 4 + 2  # its convolutions
    assert np.abs(tiled(run, image, 3, 40, radius) - run(image)).max() < 1e-5
    if min(height, width) > 40:
        assert np.abs(tiled(run, image, 3, 40, 1) - run(image)).max() > 1e-5


def test_the_real_anime_fast_tiled_is_whole(astronaut: npt.NDArray[np.uint8]) -> None:
    network = upscale.load("anime-fast", "fp32")
    assert network.ramp == 0
    image = np.ascontiguousarray(astronaut[:80, 180:300])
    with torch.inference_mode():
        whole = network(image)
        assert np.abs(tiled(network, image, 4, 48, network.overlap) - whole).max() < 1e-5  # type: ignore[arg-type]


def gradient() -> npt.NDArray[np.uint8]:
    """(72, 96, 3): a sky at dusk, where any step would show."""
    down, across = np.mgrid[0:72, 0:96].astype(np.float32) / 96
    return np.rint(np.stack([60 + 80 * across, 90 + 60 * down, 160 - 50 * across * down], 2)).astype(np.uint8)


@pytest.mark.parametrize(("model", "what"), [("photo", "photograph"), ("anime", "photograph"), ("anime", "gradient")])
def test_rrdbnet_tiled_is_nearly_whole_and_without_a_seam(
    model: str, what: str, astronaut: npt.NDArray[np.uint8]
) -> None:
    network = upscale.load(model, "fp32")
    height = 40 if model == "photo" else 72  # the large network is slow: one seam is enough
    image = gradient() if what == "gradient" else np.ascontiguousarray(astronaut[60 : 60 + height, 180:276])
    with torch.inference_mode():
        whole = network(image)
        joined = tiled(network, image, 4, 48, network.overlap, network.ramp)  # type: ignore[arg-type]
    assert psnr(joined, whole) >= 50
    # A seam is a line along which one pixel differs from the next otherwise than in the whole.
    for axis in (0, 1):
        step = np.abs(np.diff(joined, axis=axis) - np.diff(whole, axis=axis)).mean(axis=(1 - axis, 2))
        assert step.max() * 255 < 0.5


# ---- sizes other than the network's ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(150, 200), (75, 100), (50, 67), (300, 400), (1, 3), (149, 451)])
def test_resampled_tiles_join_without_a_seam(height: int, width: int) -> None:
    """Every tile is brought to its place in the output by itself; the whole must be the whole's resize."""
    image = noise(75, 100)
    for overlap, ramp in ((16, 0), (32, 32)):
        out = np.zeros((height, width, 3), np.float32)
        run_tiled(blur, image, scale=2, tile=32, overlap=overlap, ramp=ramp, out=out)
        reach = 3 * max(1, 75 / height, 100 / width)
        # Where the filter reaches further than the overlap it is cut off there: only for reductions that are extreme.
        tolerance = 1e-4 if reach + 3 < overlap else 0.05
        np.testing.assert_allclose(out, resize(blur(image), height, width), atol=tolerance)


def test_strips_of_a_resize_join_without_a_seam() -> None:
    image = noise(40, 30)
    whole = resize(image, 93, 71)
    first = resize(image, 50, 71, box=(0, 0, 30, 50 * 40 / 93))
    rest = resize(image, 43, 71, box=(0, 50 * 40 / 93, 30, 40))
    np.testing.assert_allclose(np.concatenate([first, rest]), whole, atol=1e-5)


# ---- integers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("size", [(97, 101), (65, 33)])
@pytest.mark.parametrize("target", [2.0, 1.37])
def test_sixteen_bits_never_wrap(value: float, size: tuple[int, int], target: float) -> None:
    """Rounded shares of neighbours may add up to 65536, which would be black."""
    out = np.zeros((round(size[0] * target), round(size[1] * target), 1), np.uint16)

    def flat(region: Floats) -> Floats:
        return np.full((region.shape[0] * 2, region.shape[1] * 2, 1), value, np.float32)

    run_tiled(flat, noise(*size, 1), scale=2, tile=32, overlap=32, ramp=32, out=out)
    wanted = round(min(value, 1) * 65535)
    assert int(out.min()) >= wanted - 2
    assert int(out.max()) <= min(wanted + 2, 65535)


# ---- memory ----------------------------------------------------------------------------------------------------------


class Small:
    """A network on a machine where only regions of at most ``pixels`` fit."""

    def __init__(self, pixels: int, error: Exception) -> None:
        self.pixels, self.error = pixels, error
        self.failed = 0
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, region: Floats) -> Floats:
        self.sizes.append(region.shape[:2])
        if region.shape[0] * region.shape[1] > self.pixels:
            self.failed += 1
            raise self.error
        return blur(region)


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: you tried to allocate"),
    RuntimeError("could not create a memory object"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:20] or "MemoryError")
@pytest.mark.parametrize(("tile", "ramp"), [(256, 0), (128, 0), (128, 6)])
def test_out_of_memory_halves_the_tile_and_the_result_is_the_same(error: Exception, tile: int, ramp: int) -> None:
    image = noise(150, 170)
    network = Small(80 * 80, error)
    np.testing.assert_allclose(tiled(network, image, 2, tile, 3 + ramp // 2, ramp), blur(image), atol=1e-6)
    assert network.failed
    # Once is enough: the tiles that follow are small from the start.
    assert network.failed <= 3


def test_memory_that_runs_out_in_the_middle_leaves_no_stale_tile() -> None:
    """Every failing call comes after tiles that went well; theirs must not stand in its place."""
    image = noise(150, 170)
    calls = 0

    def run(region: Floats) -> Floats:
        nonlocal calls
        calls += 1
        if calls in (3, 6, 7) and region.shape[0] > 40:
            raise torch.OutOfMemoryError
        return blur(region)

    np.testing.assert_array_equal(tiled(run, image, 2, 128, 3), blur(image))
    assert calls > 7


def test_sixteen_bits_after_out_of_memory_are_the_same() -> None:
    image = noise(150, 170)
    plain, halved = np.zeros((300, 340, 3), np.uint16), np.zeros((300, 340, 3), np.uint16)
    run_tiled(blur, image, scale=2, tile=128, overlap=3, out=plain)
    run_tiled(Small(80 * 80, MemoryError()), image, scale=2, tile=128, overlap=3, out=halved)
    np.testing.assert_array_equal(plain, halved)


def test_when_even_the_smallest_tile_does_not_fit_it_says_so() -> None:
    network = Small(0, torch.OutOfMemoryError("no"))
    out = np.zeros((400, 400, 3), np.float32)
    with pytest.raises(OutOfMemoryError, match="32x32 pixels"):
        run_tiled(network, noise(200, 200), scale=2, tile=128, overlap=4, out=out)
    assert not out.any()
    assert [height for height, _ in network.sizes] == [
        104,
        56,
        30,
    ]  # a half, a quarter and a seventh of 200, with overlap


def test_another_error_is_not_taken_for_memory() -> None:
    network = Small(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        tiled(network, noise(64, 64), 2, 64, 0)
    assert network.failed == 1


def test_a_result_of_the_wrong_size_is_a_bug_that_shows() -> None:
    with pytest.raises(ValueError, match="returned"):
        tiled(lambda region: blur(region)[1:], noise(64, 64), 2, 64, 0)


@pytest.mark.parametrize(
    ("memory", "side"), [(1e3, tiling.SMALLEST_TILE), (-5, tiling.SMALLEST_TILE), (1e12, 256), (1000 * 100**2, 64)]
)
def test_the_largest_tile_fits_into_the_memory(memory: float, side: int) -> None:
    assert tiling.largest_tile(memory, 1000, 16) == side


# ---- reports ---------------------------------------------------------------------------------------------------------


def test_every_tile_is_reported_once() -> None:
    reports: list[tuple[int, int, str]] = []
    out = np.zeros((140, 200, 3), np.float32)
    run_tiled(
        blur, noise(70, 100), scale=2, tile=32, overlap=3, out=out, note="x",
        report=lambda done, total, note="": reports.append((done, total, note)),
    )  # fmt: skip
    assert reports == [(done, 12, "x") for done in range(13)]


def test_stopping_ends_within_one_tile() -> None:
    network = Small(10**9, MemoryError())

    def report(done: int, total: int, note: str = "") -> None:
        if done == 2:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        run_tiled(network, noise(70, 100), scale=2, tile=32, overlap=3, out=np.zeros((140, 200, 3)), report=report)
    assert len(network.sizes) == 2
