"""The pipeline: sizes, depth, transparency, colours, strength, and what it promises before and after."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn.functional import interpolate

import editing
from editing import messages, runtime
from editing.costs import Cost, NotMeasuredError
from editing.errors import EditingError, ImageError, OptionError, Stopped, WeightError
from editing.networks import rrdb
from editing.options import UpscaleOptions, read
from editing.pictures import tiling
from editing.pictures.picture import Picture, fill_transparent, from_float, to_float
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import upscale
from editing.pipelines.upscale import Upscaler
from editing.runtime import Backend
from editing.weights.find import find_weight
from editing.weights.load import load_network

Array = npt.NDArray[Any]
TILE = 64


def fake(scale: int = 4, run: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Upscaler:
    """A network that enlarges by repeating pixels, or by ``run``."""
    return Upscaler(
        name="fake", sha256="f" * 64, backend=Backend("cpu", "fp32"), scale=scale, overlap=8, ramp=0,
        run=run or (lambda tensor: interpolate(tensor, scale_factor=scale, mode="nearest")),
    )  # fmt: skip


def options(**changes: Any) -> UpscaleOptions:
    return UpscaleOptions(**{"tile": TILE, "model": "anime-fast", **changes})


def photo(height: int = 60, width: int = 80, depth: int = 8, channels: int = 3) -> Picture:
    """A smooth picture with some texture; in 16 bits it has more levels than 8 bits can hold."""
    down, across = np.mgrid[0:height, 0:width]
    base = 0.45 + 0.3 * np.sin(across / 9) * np.cos(down / 7)
    color = np.stack([base, base * 0.8 + 0.1, 0.9 - base * 0.5], 2)[..., :channels]
    color += np.random.default_rng(0).normal(0, 0.01, color.shape)
    return Picture(pixels=from_float(color.astype(np.float32), depth))


# ---- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scale": 0}, r"Scale is 0; it must be between 0\.25 and 16, or auto"),
        ({"scale": 16.5}, "Scale is 16.5"),
        ({"megapixels": 0}, "Megapixels is 0"),
        ({"width": 0}, r"Width \(pixels\) is 0; .* or auto"),
        ({"longest": 0}, r"Longest side \(pixels\) is 0; .* or auto"),
        ({"longest": 70000}, "65535"),
        ({"strength": -0.1}, "between 0 and 1"),
        ({"strength": 1.1}, "Strength is 1.1"),
        ({"strength": float("nan")}, "Strength is nan"),
        ({"tile": 16}, "between 32 and 4096"),
        ({"tile": 5000}, r"Tile \(pixels\) is 5000; .* or auto"),
        ({"precision": "fp16"}, "auto, fp32, bf16"),
    ],
)
def test_options_check_themselves(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        UpscaleOptions(**changes)


def test_options_are_keywords_and_frozen() -> None:
    with pytest.raises(TypeError):
        UpscaleOptions("photo")  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        UpscaleOptions().scale = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("size", "changes", "network_scale", "wanted"),
    [
        ((100, 50), {"scale": 4}, 4, (400, 200)),
        ((100, 50), {"scale": 1}, 4, (100, 50)),
        ((101, 51), {"scale": 3}, 4, (303, 153)),
        ((100, 50), {"scale": 4, "longest": 150}, 4, (150, 75)),
        ((50, 100), {"longest": 33}, 4, (16, 33)),
        ((1, 1000), {"longest": 10}, 4, (1, 10)),  # never no pixels at all
        ((3, 1000), {"longest": 4000}, 4, (12, 4000)),
        ((100, 50), {"scale": 2}, 2, (200, 100)),
        ((100, 50), {"scale": 1.5}, 4, (150, 75)),
        ((100, 50), {"scale": 0.25}, 4, (25, 12)),
        ((100, 50), {"scale": 16}, 2, (1600, 800)),
        ((100, 50), {"scale": 0.5}, 1, (50, 25)),
        ((100, 50), {"width": 300}, 4, (300, 150)),
        ((100, 50), {"height": 300}, 4, (600, 300)),
        ((100, 50), {"width": 300, "height": 100}, 4, (200, 100)),  # within both
        ((100, 50), {"width": 300, "longest": 20}, 4, (300, 150)),
        ((1000, 500), {"megapixels": 2}, 4, (2000, 1000)),
        ((100, 50), {"megapixels": 0.5, "longest": 150}, 4, (150, 75)),
    ],
)
def test_the_target_size(
    size: tuple[int, int], changes: dict[str, Any], network_scale: int, wanted: tuple[int, int]
) -> None:
    assert upscale.target_size(*size, options(**changes), fake(network_scale)) == wanted


@pytest.mark.parametrize("changes", [{"longest": 1601}, {"width": 1601}, {"height": 801}, {"megapixels": 2}])
def test_more_than_16_times_is_refused_before_any_work(changes: dict[str, Any]) -> None:
    ran: list[int] = []
    with pytest.raises(OptionError, match="16 times is the most: choose a longest side of at most 1600"):
        upscale.enlarge(
            photo(50, 100), options(**changes), network=fake(), report=lambda done, total, note="": ran.append(done)
        )
    assert not ran


@pytest.mark.parametrize("changes", [{"longest": 101}, {"megapixels": 1}])
def test_what_cleans_does_not_enlarge(changes: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"cleans pictures and does not enlarge: .* at most 100 pixels, or another"):
        upscale.target_size(100, 50, options(**changes), fake(1))


@pytest.mark.parametrize(
    ("network_scale", "changes", "sizes"),
    [
        (4, {"scale": 4}, [(20, 30)]),
        (4, {"scale": 0.5}, [(20, 30)]),
        (4, {"scale": 8}, [(20, 30), (40, 60)]),
        (4, {"scale": 5}, [(20, 30), (25, 38)]),
        (2, {"scale": 16}, [(20, 30), (40, 60), (80, 120), (160, 240)]),
    ],
)
def test_more_than_the_network_does_at_once_takes_passes(
    network_scale: int, changes: dict[str, Any], sizes: list[tuple[int, int]]
) -> None:
    """What the network is shown; estimates know of it, and the bar counts all of it."""
    seen: list[tuple[int, ...]] = []
    told: list[tuple[int, int]] = []

    def repeat(tensor: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(tensor.shape[2:]))
        return interpolate(tensor, scale_factor=network_scale, mode="nearest")

    picture, asked = photo(20, 30), options(tile=4096, **changes)
    result = upscale.upscale(
        picture,
        asked,
        network=fake(network_scale, repeat),
        report=lambda done, total, note="": told.append((done, total)),
    )
    assert seen == sizes
    assert (result.width, result.height) == upscale.target_size(30, 20, asked, fake(network_scale))
    assert told[-1] == (len(sizes), len(sizes))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    plain = upscale.mix(picture, result, 0).pixels.astype(float)
    assert np.abs(result.pixels - plain).mean() < 4


def test_passes_keep_transparency(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = np.zeros((20, 30), np.uint8)
    alpha[5:15, 8:22] = 255
    picture = dataclasses.replace(photo(20, 30), alpha=alpha)
    told: list[tuple[int, int]] = []
    result = upscale.upscale(
        picture, options(scale=8), network=fake(), report=lambda done, total, note="": told.append((done, total))
    )
    assert result.alpha is not None
    assert result.alpha[80, 120] == 255
    assert result.alpha[8, 8] == 0
    assert told[-1][0] == told[-1][1]


def test_a_result_over_the_limit_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_MAX_OUTPUT_MP", "0.05")
    ran: list[int] = []
    with pytest.raises(ImageError, match=r"0\.05 megapixels"):
        upscale.enlarge(photo(), options(), network=fake(), report=lambda done, total, note="": ran.append(done))
    assert not ran


def test_an_unknown_model_names_the_choices() -> None:
    with pytest.raises(WeightError, match="photo, anime, anime-fast"):
        upscale.load("photos")


# ---- sizes and kinds of pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (3, 500), (33, 47), (130, 70)])
@pytest.mark.parametrize("changes", [{"scale": 1}, {"scale": 2}, {"scale": 3}, {"scale": 4}, {"longest": 77}])
def test_every_size_works(size: tuple[int, int], changes: dict[str, Any]) -> None:
    height, width = size
    if "longest" in changes:
        changes = {"longest": min(changes["longest"], 4 * max(size))}
    result = upscale.upscale(photo(height, width), options(**changes), network=fake())
    assert (result.width, result.height) == upscale.target_size(width, height, options(**changes), fake())


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize(
    ("size", "longest"),
    [
        ((640, 480), 32), ((10, 1000), 12), ((48, 64), 1), ((1, 1), 1), ((17, 33), 1), ((400, 3), 7), ((100, 160), 10),
        *(((200, 300), longest) for longest in range(9, 20)),
    ],
)  # fmt: skip
def test_a_result_much_smaller_is_no_black_picture(size: tuple[int, int], longest: int, alpha: bool) -> None:
    """The colour lock has cells of input pixels; a result may have fewer pixels than that."""
    picture = photo(*size)
    if alpha:
        cover = np.full(size, 255, np.uint8)
        cover[: size[0] // 3] = 128
        picture = dataclasses.replace(picture, alpha=cover)
    result = upscale.upscale(picture, options(longest=longest, tile=4096), network=fake(run=tinted))
    assert max(result.width, result.height) == longest
    wanted = cv2.resize(picture.pixels, (result.width, result.height), interpolation=cv2.INTER_AREA)
    apart = np.abs(result.pixels.astype(float) - wanted.reshape(result.pixels.shape))
    assert upscale.color_drift(picture, result) < 6
    assert np.median(apart) < 12  # the smallest value in the picture is 30


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_a_network_of_repeated_pixels_shows_where_things_go(scale: int) -> None:
    """Nothing is shifted by half a pixel, and nothing is darker at the borders."""
    picture = photo(90, 110)
    result = upscale.upscale(picture, options(scale=scale, color_lock=False), network=fake())
    back = tiling.resize(result.pixels, 90, 110)
    assert np.abs(back - picture.pixels)[1:-1, 1:-1].mean() < 1.5
    ramp = Picture(pixels=np.rint(np.linspace(20, 230, 120)).astype(np.uint8)[None, :, None].repeat(70, 0))
    flat = upscale.upscale(ramp, options(scale=scale), network=fake()).pixels[..., 0].astype(float)
    assert np.abs(flat - flat[:1]).max() <= 1
    wanted = np.interp((np.arange(flat.shape[1]) + 0.5) / scale - 0.5, np.arange(120), ramp.pixels[0, :, 0])
    assert np.abs(flat[0] - wanted).max() <= 2


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", ["none", "opaque", "half", "round"])
@pytest.mark.parametrize("strength", [1.0, 0.6, 0.0])
def test_what_goes_in_comes_out(depth: int, channels: int, alpha: str, strength: float) -> None:
    """Depth, channels, profile, metadata; alpha of one value stays exactly that."""
    top = 2**depth - 1
    down, across = np.mgrid[0:60, 0:80]
    given = {
        "none": None,
        "opaque": np.full((60, 80), top),
        "half": np.full((60, 80), top // 2),
        "round": np.where((down - 30) ** 2 + (across - 40) ** 2 < 400, top, 0),
    }[alpha]
    dtype = np.uint8 if depth == 8 else np.uint16
    picture = dataclasses.replace(
        photo(depth=depth, channels=channels), alpha=None if given is None else given.astype(dtype),
        icc=b"profile", dpi=(300.0, 300.0), text={"Title": "x"},
    )  # fmt: skip
    result = upscale.upscale(picture, options(scale=2, strength=strength), network=fake())
    assert (result.depth, result.gray, result.width) == (depth, channels == 1, 160)
    assert (result.icc, result.dpi, result.text) == (b"profile", (300.0, 300.0), {"Title": "x"})
    if alpha == "none":
        assert result.alpha is None
    else:
        assert result.alpha is not None
        assert result.alpha.dtype == dtype
        if alpha == "round":
            assert result.alpha[60, 80] == top
            assert result.alpha[0, 0] == 0
        else:
            assert (result.alpha == picture.alpha[0, 0]).all()  # type: ignore[index]


@pytest.mark.parametrize("model", ["fake", "anime-fast"])
def test_sixteen_bits_have_no_eight_bit_step_on_the_way(model: str) -> None:
    ramp = np.rint(np.linspace(10_000, 20_000, 64 * 48)).astype(np.uint16).reshape(48, 64)
    picture = Picture(pixels=ramp[..., None].repeat(3, 2) + np.array([0, 700, 1400], np.uint16))
    network = fake() if model == "fake" else None
    result = upscale.upscale(picture, options(scale=2), network=network)
    assert result.pixels.dtype == np.uint16
    assert len(np.unique(result.pixels[..., 0])) > 2000  # 8 bits have 40 levels between 10000 and 20000


def tinted(tensor: torch.Tensor) -> torch.Tensor:
    """A network that adds colour of its own."""
    tint = torch.tensor([0.1, 0.0, -0.1])[None, :, None, None]
    return interpolate(tensor, scale_factor=4, mode="nearest") + tint


@pytest.mark.parametrize("color_lock", [True, False])
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_gray_stays_gray_and_neutral(color_lock: bool, strength: float) -> None:
    gray = photo(channels=1)
    asked = options(color_lock=color_lock, strength=strength)
    result = upscale.upscale(gray, asked, network=fake(run=tinted))
    assert result.pixels.shape == (240, 320, 1)
    neutral = upscale.upscale(Picture(pixels=np.repeat(gray.pixels, 3, axis=2)), asked, network=fake(run=tinted))
    assert neutral.pixels.shape == (240, 320, 3)
    for channel in range(3):
        np.testing.assert_array_equal(neutral.pixels[..., channel], result.pixels[..., 0])


# ---- transparency ----------------------------------------------------------------------------------------------------

DISC = np.array([200, 60, 30])


def disc(hidden: tuple[int, int, int], depth: int = 8) -> Picture:
    """An orange disc with a soft edge; ``hidden`` is the colour under what is fully transparent."""
    down, across = np.mgrid[0:56, 0:64]
    cover = np.clip(18.5 - np.hypot(down - 28, across - 32), 0, 1)
    alpha = np.rint(cover * 255).astype(np.uint8)
    pixels = np.where(alpha[..., None] > 0, DISC, np.array(hidden)).astype(np.uint8)
    if depth == 16:
        return Picture(pixels=pixels.astype(np.uint16) * 257, alpha=alpha.astype(np.uint16) * 257)
    return Picture(pixels=pixels, alpha=alpha)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("strength", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("hidden", [(0, 255, 0), (255, 255, 255), (0, 0, 0)])
def test_what_lies_under_transparency_makes_no_halo(hidden: tuple[int, int, int], strength: float, depth: int) -> None:
    result = upscale.upscale(disc(hidden, depth), options(scale=4, strength=strength))
    pixels, alpha = to_float(result.pixels) * 255, to_float(result.alpha)[..., None]  # type: ignore[arg-type]
    for background in ([0, 0, 0], [255, 255, 255], [0, 255, 0]):
        laid = pixels * alpha + np.array(background) * (1 - alpha)
        wanted = DISC * alpha + np.array(background) * (1 - alpha)
        assert np.abs(laid - wanted).max() < 16  # green shining through would be off by 100 and more
    # The edge is an edge: as long as the disc's, neither eaten away nor grown.
    assert abs(float(alpha.sum()) / 16 - float(to_float(disc(hidden).alpha).sum())) < 30  # type: ignore[arg-type]
    assert alpha[112, 128] == 1
    assert not alpha[:20].any()


def test_hidden_colours_change_nothing_that_is_seen() -> None:
    green, blue = (upscale.upscale(disc(hidden), options(), network=fake()) for hidden in ((0, 255, 0), (0, 0, 255)))
    np.testing.assert_array_equal(green.alpha, blue.alpha)
    np.testing.assert_array_equal(green.pixels[green.alpha > 0], blue.pixels[blue.alpha > 0])


def test_filling_leaves_opaque_pixels_alone() -> None:
    picture = disc((0, 255, 0))
    filled = fill_transparent(picture)
    opaque = picture.alpha == 255
    np.testing.assert_array_equal(filled[opaque], picture.pixels[opaque])
    assert np.abs(filled.astype(int) - DISC).max() <= 2  # the disc's colour flows out to the corners
    empty = Picture(pixels=picture.pixels, alpha=np.zeros_like(picture.alpha))
    assert fill_transparent(empty).shape == picture.pixels.shape


# ---- colours and strength --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "side"), [("anime-fast", 120), ("anime", 64), ("photo", 32)])
def test_the_colour_lock_keeps_the_colours_of_real_models(
    model: str, side: int, astronaut: npt.NDArray[np.uint8]
) -> None:
    picture = Picture(pixels=np.ascontiguousarray(astronaut[40 : 40 + side, 180 : 180 + side]))
    result = upscale.upscale(picture, options(model=model))
    assert upscale.color_drift(picture, result) < 0.5
    assert psnr(picture, result) > 24  # it is a picture of the same thing


def psnr(picture: Picture, result: Picture) -> float:
    back = tiling.resize(result.pixels, picture.height, picture.width)
    return float(10 * np.log10(255**2 / np.mean((back - picture.pixels) ** 2)))


def test_the_colour_lock_looks_at_what_is_seen() -> None:
    """An outline against nothing: the colours of its edge count, those that were made up beyond it don't."""
    picture = read_picture(Path(editing.__file__).parent / "ui" / "examples" / "drawing.png")
    assert picture.alpha is not None
    assert upscale.color_drift(picture, upscale.upscale(picture, options())) < 0.5


def test_the_colour_lock_takes_a_tint_away_and_only_that() -> None:
    picture = photo(120, 150)
    locked = upscale.upscale(picture, options(), network=fake(run=tinted))
    free = upscale.upscale(picture, options(color_lock=False), network=fake(run=tinted))
    assert upscale.color_drift(picture, free) > 20
    assert upscale.color_drift(picture, locked) < 0.5
    untinted = upscale.upscale(picture, options(color_lock=False), network=fake())
    assert np.abs(locked.pixels.astype(int) - untinted.pixels).max() <= 3


def test_the_drift_is_measured_where_something_is_seen() -> None:
    picture = disc((0, 255, 0))
    other = dataclasses.replace(picture, pixels=disc((255, 0, 255)).pixels)
    assert upscale.color_drift(picture, other) == 0
    redder = dataclasses.replace(picture, pixels=np.minimum(picture.pixels + np.array([5, 0, 0]), 255).astype(np.uint8))
    assert upscale.color_drift(picture, redder) == pytest.approx(5, abs=0.01)
    invisible = dataclasses.replace(picture, alpha=np.zeros_like(picture.alpha))
    assert upscale.color_drift(invisible, invisible) == 0


@pytest.mark.parametrize("size", [(60, 80), (150, 70)])  # the larger one is mixed in several strips
@pytest.mark.parametrize("depth", [8, 16])
def test_strength_mixes_from_lanczos_to_the_network(size: tuple[int, int], depth: int) -> None:
    picture = photo(*size, depth=depth)
    top = 2**depth - 1
    enlarged = upscale.enlarge(picture, options(), network=fake())
    assert upscale.mix(picture, enlarged, 1) is enlarged
    lanczos = np.clip(tiling.resize(picture.pixels, 4 * size[0], 4 * size[1]), 0, top)
    plain = upscale.mix(picture, enlarged, 0)
    assert np.abs(plain.pixels - lanczos).max() <= 1
    for strength in (0.25, 0.5, 0.9):
        mixed = upscale.mix(picture, enlarged, strength)
        wanted = (1 - strength) * lanczos + strength * enlarged.pixels
        assert np.abs(mixed.pixels - wanted).max() <= 1
        whole = upscale.upscale(picture, options(strength=strength), network=fake())
        np.testing.assert_array_equal(whole.pixels, mixed.pixels)


@pytest.mark.parametrize("strength", [-1, 2, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(OptionError, match="between 0 and 1"):
        upscale.mix(photo(), photo(), strength)


# ---- running ---------------------------------------------------------------------------------------------------------


def test_every_tile_is_reported_and_transparency_doubles_them() -> None:
    for picture, passes in ((photo(100, 150), 1), (dataclasses.replace(disc((0, 0, 0))), 2)):
        seen: list[tuple[int, int]] = []
        upscale.upscale(
            picture, options(tile=32), network=fake(),
            report=lambda done, total, note="", seen=seen: seen.append((done, total)),
        )  # fmt: skip
        tiles = passes * len(tiling.spans(picture.height, 32)) * len(tiling.spans(picture.width, 32))
        assert {total for _, total in seen} == {tiles}
        done = [done for done, _ in seen]
        assert done == sorted(done)
        assert (done[0], done[-1]) == (0, tiles)


def test_stopping_leaves_nothing() -> None:
    ran: list[int] = []

    def run(tensor: torch.Tensor) -> torch.Tensor:
        ran.append(1)
        return interpolate(tensor, scale_factor=4, mode="nearest")

    def report(done: int, total: int, note: str = "") -> None:
        if done == 3:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        upscale.upscale(photo(100, 150), options(tile=32), network=fake(run=run), report=report)
    assert len(ran) == 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_are_an_error_and_no_black_picture(bad: float) -> None:
    def run(tensor: torch.Tensor) -> torch.Tensor:
        out = interpolate(tensor, scale_factor=4, mode="nearest").clone()
        out[..., 5, 5] = bad
        return out

    with pytest.raises(EditingError, match=r"'fake' gave values that are not numbers.*fp32"):
        upscale.upscale(photo(), options(), network=fake(run=run))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_precision_asked_for_is_the_one_used(precision: str) -> None:
    network = upscale.load("anime-fast", precision)
    assert network.backend == runtime.choose_backend(precision)
    assert network.backend.precision == precision
    seen: list[torch.dtype] = []

    def run(tensor: torch.Tensor) -> torch.Tensor:
        seen.append(tensor.dtype)
        return network.run(tensor)

    result = dataclasses.replace(network, run=run)(photo().pixels)
    assert seen == [network.backend.dtype]
    assert result.dtype == np.float32
    assert upscale.load("anime-fast", precision) is network


@pytest.mark.skipif(not runtime.cpu_has_bf16(), reason="a CPU that multiplies bf16")
@pytest.mark.parametrize("model", ["photo", "anime"])
def test_the_fast_network_is_used_and_is_45_db_from_spandrel_s(model: str, astronaut: Array) -> None:
    region = astronaut[100:140, 200:256]
    x = torch.from_numpy(to_float(region)).permute(2, 0, 1)[None]
    plain = load_network(find_weight(model))
    assert isinstance(plain.model.model, torch.nn.Sequential)
    wanted = plain(x)[0].permute(1, 2, 0).numpy()
    network = upscale.load(model, "bf16")
    assert isinstance(network.run.model.model, rrdb.FastRRDB)  # type: ignore[attr-defined]
    assert -10 * np.log10(np.square(network(region) - wanted).mean()) > 45


def test_both_precisions_give_the_same_picture() -> None:
    picture = photo()
    exact, fast = (
        upscale.upscale(picture, options(precision=precision)).pixels.astype(float) for precision in ("fp32", "bf16")
    )
    assert 10 * np.log10(255**2 / np.mean((exact - fast) ** 2)) > 40


@pytest.mark.skipif(not runtime.cpu_has_int8(), reason="a CPU that multiplies bytes")
@pytest.mark.parametrize("model", ["anime", "anime-fast", "photo-fast"])
def test_bytes_are_near_float32_in_colour_and_in_detail(model: str, astronaut: Array) -> None:
    region = np.ascontiguousarray(astronaut[90:154, 180:260])
    exact, fast = upscale.load(model, "fp32"), upscale.load(model, "int8")
    assert (exact.backend.precision, fast.backend.precision) == ("fp32", "int8")
    assert (fast.overlap, fast.ramp, fast.scale) == (exact.overlap, exact.ramp, exact.scale)
    assert fast.backend == runtime.Backend("cpu", "int8")
    wanted, given = exact(region), fast(region)
    assert -10 * np.log10(np.square(given - wanted).mean()) > 36
    assert np.abs((given - wanted).mean((0, 1))).max() < 1 / 255
    level = np.full((48, 48, 3), 90, np.uint8)  # no pattern of its own where there is nothing to be seen
    assert np.abs(fast(level) - exact(level)).max() < 6 / 255


def test_int8_is_for_the_weights_that_have_scales_where_the_cpu_can(monkeypatch: pytest.MonkeyPatch) -> None:
    can: dict[str, bool] = {"avx512_vnni": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can, raising=False)
    asked: list[str] = []

    def quantise(network: torch.nn.Module, numbers: torch.Tensor) -> bool:
        asked.append(type(network).__name__)
        assert numbers.dim() == 1
        return len(asked) == 1

    monkeypatch.setattr(upscale.int8, "quantise", quantise)

    def used(model: str, precision: str) -> str:
        runtime.forget_networks()
        return upscale.load(model, precision).backend.precision

    assert used("anime-fast", "auto") == "int8"
    assert used("anime-fast", "auto") == used("anime-fast", "int8") == "fp32"  # it gave other numbers here
    assert asked == ["SRVGGNetCompact"] * 3
    assert used("photo-exact", "int8") == used("anime-fast", "fp32") == "fp32"
    assert used("denoise", "int8") == "fp32"
    can["amx_bf16"] = True
    assert used("anime-fast", "auto") == "bf16"
    can.clear()
    assert used("anime-fast", "int8") == "fp32"
    assert len(asked) == 3
    runtime.forget_networks()


# ---- before and after ------------------------------------------------------------------------------------------------


def test_auto_is_the_better_model_where_that_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "choose_backend", lambda precision="auto": Backend("cpu", "fp32"))
    monkeypatch.setattr(Upscaler, "cost", lambda self, **_: Cost(seconds=1e-3, bytes=1))

    def chosen(picture: Picture | None, model: str = "auto") -> str:
        return upscale.settle(UpscaleOptions(model=model), picture).model

    assert chosen(photo(60, 80)) == "photo-mid"
    assert chosen(photo(100, 120)) == "photo-fast"  # the other would take twelve seconds
    assert chosen(dataclasses.replace(photo(60, 100), alpha=np.eye(60, 100, dtype=np.uint8))) == "photo-fast"
    assert chosen(None) == "photo-fast"  # whatever comes, as for a clip
    assert chosen(photo(60, 80), "photo") == "photo"
    better = upscale.estimate(80, 60, UpscaleOptions(model="photo-mid"))
    assert upscale.estimate(80, 60).seconds == better.seconds

    def taken(self: Upscaler, **_: Any) -> Cost:
        raise NotMeasuredError(messages.NOT_MEASURED)

    monkeypatch.setattr(Upscaler, "cost", taken)
    assert chosen(photo(60, 80)) == "photo-fast"


def test_the_recipe_names_the_model_that_auto_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Upscaler, "cost", lambda self, **_: Cost(seconds=1e-3, bytes=1))
    settled = upscale.settle(UpscaleOptions(), photo(8, 10))
    made = upscale.recipe(settled)
    assert made["options"]["model"] == settled.model
    again = upscale.upscale(photo(8, 10), read(UpscaleOptions, made["options"]))
    assert np.array_equal(upscale.upscale(photo(8, 10)).pixels, again.pixels)


def test_the_estimate_is_what_the_run_does() -> None:
    """Same tiles and size as a run; more work takes longer; the numbers are of this world."""
    small = upscale.estimate(80, 60, options(tile=None))
    large = upscale.estimate(800, 600, options(tile=None))
    assert (small.width, small.height) == (320, 240)
    assert (large.width, large.height) == (3200, 2400)
    assert 0 < small.seconds < large.seconds < 3600
    assert runtime.resident_memory() * 0.5 < small.memory < large.memory < 64e9
    assert 0 < large.free < 1e14
    assert upscale.estimate(800, 600, options(scale=1)).memory < upscale.estimate(800, 600, options(scale=4)).memory
    seen: list[int] = []
    upscale.upscale(photo(100, 150), options(tile=32), report=lambda done, total, note="": seen.append(total))
    assert upscale.estimate(150, 100, options(tile=32)).tiles == seen[0]
    with_alpha = upscale.estimate(150, 100, options(tile=32), alpha=True)
    assert with_alpha.tiles == 2 * seen[0]
    assert with_alpha.seconds > upscale.estimate(150, 100, options(tile=32)).seconds


@pytest.mark.parametrize("changes", [{"scale": 4, "longest": 12900}, {"model": "nothing"}])
def test_an_estimate_refuses_what_a_run_refuses(changes: dict[str, Any]) -> None:
    with pytest.raises((OptionError, WeightError)):
        upscale.estimate(800, 600, options(**changes))


def test_the_recipe_says_how_to_make_it_again(tmp_path: Path) -> None:
    asked = options(scale=2, strength=0.7)
    recipe = upscale.recipe(asked)
    assert recipe["task"] == "upscale"
    weight = find_weight("anime-fast")
    assert recipe["weights"] == [{"name": "anime-fast", "sha256": weight.sha256}]
    assert recipe["precision"] == upscale.load("anime-fast").backend.precision
    result = upscale.upscale(photo(), asked, network=fake())
    write_picture(result, tmp_path / "x.png", recipe=recipe)
    kept = read_picture(tmp_path / "x.png").recipe
    assert kept == recipe
    assert kept is not None
    assert read(UpscaleOptions, kept["options"]) == asked
