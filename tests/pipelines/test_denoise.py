"""Denoisers in the Upscale pipeline, its command and its tab: tiles, depth, gray, transparency, noise levels."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
import numpy.typing as npt
import pytest
import torch
from made_clips import animation
from ui.visitor import Visitor

from editing.__main__ import main
from editing.errors import OptionError, WeightError
from editing.networks.denoiser import Denoiser, DenoiserConfig
from editing.options import ClipOptions, SaveOptions, UpscaleOptions, read
from editing.pictures.picture import Picture, from_float, to_float
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import noise, upscale, upscale_clips
from editing.pipelines.upscale import Upscaler
from editing.training.loop import write_weights
from editing.ui import fields, upscale_many, upscale_tab
from editing.ui.results import Source
from editing.weights.catalogue import CATALOGUE
from editing.weights.find import find_weight

Array = npt.NDArray[Any]
NAME = "mine.safetensors"
SHIPPED = [weight.name for weight in CATALOGUE if weight.task == "clean"]


def save(path: Path, **config: Any) -> Denoiser:
    """A tiny untrained denoiser in a file, as ``train denoiser`` writes it."""
    torch.manual_seed(0)
    network = Denoiser(DenoiserConfig(**{"widths": (16, 16, 24), "blocks": 1, **config})).eval()
    write_weights(path, network.state_dict(), **network.config.metadata())
    return network


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The current folder, and one named by ATELIER_WEIGHTS with a denoiser in it."""
    (tmp_path / "weights").mkdir()
    save(tmp_path / "weights" / NAME)
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(**changes: Any) -> UpscaleOptions:
    return UpscaleOptions(**{"model": NAME, "precision": "fp32", "tile": 64, **changes})


def photo(height: int = 90, width: int = 130, channels: int = 3, depth: int = 8, sigma: float = 12.0) -> Picture:
    """A smooth picture with noise."""
    down, across = np.mgrid[0:height, 0:width]
    base = 0.45 + 0.3 * np.sin(across / 9) * np.cos(down / 7)
    color = np.stack([base, base * 0.8 + 0.1, 0.9 - base * 0.5], 2)[..., :channels]
    color += np.random.default_rng(0).normal(0, sigma / 255, color.shape)
    return Picture(pixels=from_float(color.astype(np.float32), depth))


def psnr(a: Array, b: Array) -> float:
    """Of integers of the same type."""
    error = np.mean((to_float(a).astype(np.float64) - to_float(b)) ** 2)
    return float("inf") if error == 0 else float(-10 * np.log10(error))


# ---- files -----------------------------------------------------------------------------------------------------------


def test_a_denoiser_of_ones_own_is_offered_where_pictures_are_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    weight = find_weight(NAME)
    assert (weight.task, weight.architecture) == ("clean", "denoising U-Net x1, 16-16-24 channels")
    assert NAME in [name for _, name in fields.models(*upscale.TASKS)]
    assert upscale.takes_sigma(NAME)
    assert not upscale.takes_sigma("photo")
    assert main(["weights", "list"]) == 0
    assert re.search(rf"^{re.escape(NAME)} +clean +ready", capsys.readouterr().out, re.MULTILINE)


def test_weights_that_do_not_fit_their_configuration_are_refused(folder: Path) -> None:
    from safetensors.torch import save_file

    state = {name: value.contiguous() for name, value in Denoiser(DenoiserConfig(widths=(8,))).state_dict().items()}
    for widths, words in (
        ([16], "its weights don't fit together.*size mismatch"),
        ([2**20], "it is not a whole denoiser .*1 to 1024"),
    ):
        texts = {"network": "denoiser", "config": json.dumps({"widths": widths})}
        save_file(state, folder / "weights" / "other.safetensors", metadata=texts)
        with pytest.raises(WeightError, match=f"other.safetensors can't be used: {words}"):
            upscale.load("other.safetensors")


def test_of_two_files_alike_each_keeps_its_name(folder: Path) -> None:
    shutil.copy(folder / "weights" / NAME, folder / "weights" / "copy.safetensors")
    assert [upscale.load(name).name for name in (NAME, "copy.safetensors", NAME)] == [NAME, "copy.safetensors", NAME]


def test_both_kinds_of_noise_are_told_apart(folder: Path) -> None:
    """A denoiser that learned a camera's noise is told how much of that there is."""
    save(folder / "weights" / "camera.safetensors", camera=True)
    blotches = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (120, 150, 3)), (0, 0), 0.8)
    picture = Picture(pixels=np.rint(120 + 15 * blotches / blotches.std()).astype(np.uint8))
    white, camera = (upscale.settle(options(model=name), picture).sigma for name in (NAME, "camera.safetensors"))
    assert white is not None
    assert camera is not None
    assert white < 8 < 12 < camera < 18


# ---- tiles and depth -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(90, 130), (401, 307), (8, 500), (1, 1)])
@pytest.mark.parametrize(
    "config", [{}, {"widths": (16, 16, 24), "blocks": 2}, {"widths": (16, 16), "blocks": 3, "channels": 1}]
)
def test_tiled_is_whole(size: tuple[int, int], config: dict[str, Any], folder: Path) -> None:
    direct = save(folder / "weights" / "other.safetensors", **config)
    picture = photo(*size, depth=16)
    asked = options(model="other.safetensors", tile=64, sigma=20, color_lock=False)
    tiled = upscale.upscale(picture, asked)
    whole = upscale.upscale(picture, dataclasses.replace(asked, tile=4096))
    assert int(np.abs(tiled.pixels.astype(int) - whole.pixels).max()) <= 1
    # And both are what the network gives for the whole picture.
    tensor = torch.from_numpy(to_float(picture.pixels)).permute(2, 0, 1)
    tensor = tensor[:, None] if direct.config.channels == 1 else tensor[None]
    with torch.no_grad():
        wanted = direct.half().float()(tensor, torch.full((len(tensor),), 20 / 255)).flatten(0, 1)
    assert psnr(whole.pixels, from_float(wanted.permute(1, 2, 0).numpy(), 16)) > 80
    assert not np.array_equal(whole.pixels, picture.pixels)


def test_the_overlap_is_all_that_the_result_depends_on() -> None:
    """The reach is no more than needed: one pixel fewer changes the result; and so is no less."""
    for config in (DenoiserConfig(widths=(8, 8, 8), blocks=1), DenoiserConfig(widths=(8, 8), blocks=2)):
        torch.manual_seed(0)
        network = Denoiser(config).double().eval()
        with torch.no_grad():
            for parameter in network.parameters():  # positive everywhere: no path of influence is cut by a ReLU
                parameter.abs_()
        step, side = config.multiple, 2 * config.reach + 8 * config.multiple
        middle = side // 2 // step * step
        x = torch.ones(1, 1, side, side).expand(-1, 3, -1, -1).double().clone().requires_grad_()
        # The network's own forward ends in float32; the influence shows all the same.
        network(x, torch.ones(1).double())[..., middle : middle + step, middle : middle + step].sum().backward()
        assert x.grad is not None
        seen = torch.nonzero(x.grad[0, 0].abs().sum(0)).flatten()
        assert middle - config.reach <= int(seen.min())
        assert int(seen.max()) < middle + step + config.reach
        assert int(seen.min()) - (middle - config.reach) < step


def test_a_network_that_looks_too_far_is_mixed(folder: Path) -> None:
    save(folder / "weights" / "far.safetensors", widths=(8, 8, 8, 8), blocks=2)
    network = upscale.load("far.safetensors", "fp32")
    assert (network.overlap, network.ramp, network.align) == (96, 32, 16)
    picture, asked = photo(300, 290), options(model="far.safetensors", sigma=20)
    whole = upscale.upscale(picture, dataclasses.replace(asked, tile=4096)).pixels
    assert psnr(upscale.upscale(picture, asked).pixels, whole) > 50


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("sigma", [0.0, None])
@pytest.mark.parametrize("color_lock", [True, False])
def test_every_level_of_sixteen_bits_survives(precision: str, sigma: float | None, color_lock: bool) -> None:
    """An X-ray without noise, so to speak: all 65536 levels come out, in their order."""
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    asked = options(precision=precision, sigma=sigma, color_lock=color_lock)
    result = upscale.upscale(Picture(pixels=ramp), asked)
    np.testing.assert_array_equal(result.pixels, ramp)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_noise_taken_out_of_a_deep_picture_leaves_more_than_eight_bits(precision: str) -> None:
    picture = photo(depth=16, channels=1, sigma=2)
    result = upscale.upscale(picture, options(precision=precision))
    assert result.pixels.dtype == np.uint16
    assert len(np.unique(result.pixels)) > 5000  # of 11700 pixels
    assert not np.array_equal(result.pixels, picture.pixels)


# ---- kinds of pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [8, 16])
def test_gray_stays_gray_and_neutral(depth: int) -> None:
    gray = photo(channels=1, depth=depth)
    result = upscale.upscale(gray, options())
    assert (result.gray, result.depth) == (True, depth)
    assert not np.array_equal(result.pixels, gray.pixels)
    rgb = upscale.upscale(Picture(pixels=gray.pixels.repeat(3, 2)), options())
    for channel in range(3):
        np.testing.assert_array_equal(rgb.pixels[..., channel], result.pixels[..., 0])


@pytest.mark.parametrize("changes", [{}, {"longest": 65}])
def test_transparency_is_no_noise(changes: dict[str, Any]) -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (90, 130)).astype(np.uint8)
    alpha[:40], alpha[60:] = 255, 0
    picture = dataclasses.replace(photo(), alpha=alpha)
    seen: list[int] = []
    asked = options(**changes)
    result = upscale.upscale(picture, asked, report=lambda done, total, note="": seen.append(total))
    assert result.alpha is not None
    if changes:
        assert result.alpha.shape == (45, 65)
        assert (result.alpha[:18] == 255).all()
        assert not result.alpha[32:].any()
    else:
        np.testing.assert_array_equal(result.alpha, alpha)
    # What the estimate promises is what is done: transparency costs no second pass.
    assert upscale.estimate(130, 90, asked, alpha=True).tiles == seen[0]


def test_strength_and_colour_lock_do_their_work() -> None:
    picture = photo()
    full, half, none = (upscale.upscale(picture, options(strength=strength)).pixels for strength in (1, 0.5, 0))
    np.testing.assert_array_equal(none, picture.pixels)
    assert np.abs(half - (full.astype(float) + none) / 2).max() <= 1
    network = upscale.load(NAME, "fp32")

    def tinted(tensor: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return tensor + torch.tensor([0.1, 0, -0.1])[None, :, None, None]

    for lock, least, most in ((True, 0, 0.5), (False, 20, 30)):
        result = upscale.upscale(picture, options(color_lock=lock), network=dataclasses.replace(network, run=tinted))
        assert least <= upscale.color_drift(picture, result) <= most


# ---- scale and noise level -------------------------------------------------------------------------------------------


def test_the_scale_is_the_models_unless_one_is_asked_for() -> None:
    assert upscale.settle(options()).scale == 1
    assert upscale.settle(options(model="anime-fast")).scale == 4
    assert upscale.settle(options(scale=1)).scale == 1
    result = upscale.upscale(photo(), options())
    assert (result.width, result.height) == (130, 90)
    for call in (upscale.settle, lambda asked: upscale.upscale(photo(), asked)):
        with pytest.raises(OptionError, match=f"'{NAME}' cleans pictures at their own size: choose scale 1"):
            call(options(scale=2))
    with pytest.raises(OptionError, match="cleans pictures and does not enlarge: 130x90"):
        upscale.upscale(photo(), options(longest=200))


@pytest.mark.parametrize("sigma", [-1, 76, float("nan")])
def test_a_noise_level_out_of_range_is_refused(sigma: float) -> None:
    with pytest.raises(OptionError, match=r"between 0 and 75, or auto"):
        options(sigma=sigma)


@pytest.mark.parametrize("text", ["much", "5,5"])
def test_a_noise_level_is_auto_or_a_number(text: str) -> None:
    assert options(sigma="auto").sigma is None
    assert options(sigma=" 7.5").sigma == 7.5
    with pytest.raises(OptionError, match=f"Noise level .* is '{text}'; it must be a number, or auto"):
        options(sigma=text)


def test_other_models_are_told_no_noise_level() -> None:
    with pytest.raises(OptionError, match="'anime-fast' is told no noise level"):
        upscale.upscale(photo(), options(model="anime-fast", sigma=5))


def test_the_noise_level_reaches_the_network_and_the_recipe(folder: Path) -> None:
    network = upscale.load(NAME, "fp32")
    told: list[float] = []

    def run(tensor: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        assert tensor.dtype == torch.float32
        told.append(float(sigma[0]) * 255)
        return tensor

    watched = dataclasses.replace(network, run=run)
    upscale.upscale(photo(), options(sigma=33), network=watched)
    assert told == pytest.approx([33] * len(told))
    told.clear()
    picture = photo()
    upscale.upscale(picture, options(), network=watched)
    assert told == pytest.approx([12] * len(told), abs=1)
    settled = upscale.settle(options(), picture)
    assert settled.sigma == pytest.approx(told[0], abs=0.01)
    assert upscale.settle(settled, photo(sigma=40)) == settled
    recipe = upscale.recipe(settled)
    assert recipe["options"]["sigma"] == settled.sigma
    assert read(UpscaleOptions, recipe["options"]) == settled


# ---- the command -----------------------------------------------------------------------------------------------------


def test_the_command_cleans_at_the_pictures_own_size(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(photo(), folder / "one.png")
    assert main(["upscale", "one.png", "-o", "out", "--model", NAME]) == 0
    said = capsys.readouterr().out
    found = re.fullmatch(r"out/one-mine-x1\.png  130x90  colour drift 0\.\d\d of 255  sigma ([\d.]+) of 255\n", said)
    assert found
    assert float(found[1]) == pytest.approx(12, abs=1)
    recipe = read_picture(folder / "out" / "one-mine-x1.png").recipe
    assert recipe is not None
    assert recipe["options"]["sigma"] == float(found[1])
    assert main(["upscale", "one.png", "-o", "five.png", "--model", NAME, "--sigma", "5"]) == 0
    assert "sigma 5 of 255" in capsys.readouterr().out


def test_a_clip_has_one_noise_level_that_of_its_first_frame(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [photo(48, 64, sigma=sigma).pixels for sigma in (12, 30, 20)]
    animation(folder / "clip.png", frames)
    assert main(["upscale", "clip.png", "-o", "clean.apng", "--model", NAME]) == 0
    found = re.search(r"clean\.apng  64x48  3 frames  .* s  sigma ([\d.]+) of 255\n", capsys.readouterr().out)
    assert found
    assert float(found[1]) == upscale.settle(options(), Picture(pixels=frames[0])).sigma


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", NAME, "--scale", "2"], "choose scale 1"),
        (["--model", NAME, "--sigma", "80"], "is 80; it must be between 0 and 75, or auto"),
        (["--model", NAME, "--sigma", "loud"], "is 'loud'; it must be a number, or auto"),
        (["--model", "anime-fast", "--sigma", "5"], "is told no noise level"),
    ],
)
def test_a_wrong_command_exits_with_two(
    arguments: list[str], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(photo(), folder / "one.png")
    assert main(["upscale", "one.png", "-o", "out", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (folder / "out").exists()


# ---- the tab ---------------------------------------------------------------------------------------------------------

SAVING: dict[str, Any] = {"format": "png", "strip": False, "keep_gps": False}


def settings(model: str, auto: bool = True, sigma: float = 25) -> dict[str, Any]:
    return {
        "model": model, "scale": 4, "strength": 1, "longest": 0, "precision": "auto", "tile": 0, "color_lock": True,
        "sigma_auto": auto, "sigma": sigma,
    }  # fmt: skip


def given(path: Path) -> Source:
    source = upscale_tab.inspect(path=str(path), source=None, request=Visitor())["source"]
    assert isinstance(source, Source)
    return source


def test_the_noise_level_is_there_for_denoisers_alone() -> None:
    def visible(model: str, auto: bool) -> list[bool]:
        shown = upscale_tab.show_controls(model=model, sigma_auto=auto, request=Visitor())
        return [shown[name]["visible"] for name in ("scale", "sigma_auto", "sigma")]

    assert visible(NAME, True) == [False, True, False]
    assert visible(NAME, False) == [False, True, True]
    assert visible("photo", False) == [True, False, False]
    # What stands in hidden controls doesn't count.
    assert upscale_tab._page_options(settings("anime-fast", False)).sigma is None
    assert upscale_tab._page_options(settings(NAME, False)).sigma == 25
    assert upscale_tab._page_options(settings(NAME)) == UpscaleOptions(model=NAME)


def test_clips_are_not_steadied_for_denoisers_unless_one_says_so() -> None:
    for model, usual in ((NAME, 0), ("anime-fast", 0.5)):
        assert upscale_tab.show_steady(model=model, request=Visitor()) == {"steady": usual}
        asked = UpscaleOptions(model=model)
        assert upscale_clips.recipe(asked)["options"]["steady"] == usual
        assert upscale_clips.recipe(asked, ClipOptions(steady=0.3))["options"]["steady"] == 0.3


def test_the_page_says_how_strong_the_noise_is_before_and_after(folder: Path) -> None:
    write_picture(photo(), folder / "one.png")
    source = given(folder / "one.png")
    now = {"mode": "one", "source": source, "files": None, "clip": None}
    said = upscale_tab.show_estimate(given=now, settings=settings(NAME), saving=SAVING, request=Visitor())["cost"]
    assert re.search(r"130 × 90 → 130 × 90.* · noise level 1[12]\.\d of 255", said)
    (outputs,) = upscale_tab.run_page(
        given=now,
        settings=settings(NAME),
        clip={"steady": 0},
        saving=SAVING,
        clip_saving={},
        last=None,
        request=Visitor(),
    )
    assert re.search(r"noise level 1[12]\.\d of 255", outputs["info"])
    level = outputs["recipe"]["options"]["sigma"]
    assert level == pytest.approx(12, abs=1)
    # Another strength keeps the level; and a result given back restores the settings.
    mixed = upscale_tab.remix(kept=outputs["kept"], strength=0.5, saving=SAVING, request=Visitor())
    assert mixed["recipe"]["options"]["sigma"] == level
    assert "noise level" in mixed["info"]
    path = Path(mixed["download"]["value"])
    restored = upscale_tab.settings_of(path=str(path), recipe=read_picture(path).recipe or {}, request=Visitor())
    assert (restored["model"], restored["sigma_auto"], restored["sigma"]) == (NAME, False, level)


def test_a_patch_has_the_noise_of_the_whole_picture(folder: Path) -> None:
    picture = photo(200, 300)
    picture.pixels[:, :140] = 100  # no noise where the patch is
    write_picture(picture, folder / "one.png")
    source = given(folder / "one.png")
    wanted = f"{noise.white(picture.pixels):.1f}"
    patch = upscale_tab.run_patch(source=source, point=(0.1, 0.5), settings=settings(NAME), request=Visitor())
    assert f"noise level {wanted} of 255" in patch["info"]


def test_several_pictures_each_have_their_own(folder: Path) -> None:
    for sigma in (5, 30):
        write_picture(photo(sigma=sigma), folder / f"{sigma}.png")
    files = [str(folder / "5.png"), str(folder / "30.png")]
    taken = upscale_many.taken(files, Visitor())
    *_, last = upscale_many.run(taken, options(), SaveOptions(), Visitor(), gr.Progress())
    assert [name for _, name in last["gallery"]] == [f"5-{NAME}-x1.png", f"30-{NAME}-x1.png"]
    levels = [float(re.findall(r"noise level ([\d.]+) of", row[1])[0]) for row in last["table"]["data"]]
    assert levels == pytest.approx([5, 30], rel=0.1)


def test_the_endpoint_takes_a_noise_level(folder: Path) -> None:
    write_picture(photo(), folder / "one.png")

    def call(scale: int | str, sigma: str) -> Any:
        sent = settings(NAME) | {
            "scale": scale,
            "sigma": sigma,
            "file_format": "png",
            "strip": False,
            "keep_gps": False,
        }
        answer = upscale_tab.upscale_endpoint(file=str(folder / "one.png"), request=Visitor(), **sent)
        return answer["facts"]["recipe"]["options"]["sigma"]

    assert call(1, "auto") == pytest.approx(12, abs=1)
    assert call("auto", "5") == 5
    for scale, sigma, words in ((4, "auto", "choose scale 1"), (1, "much", "is 'much'; it must be a number")):
        with pytest.raises(gr.Error, match=words):
            call(scale, sigma)


# ---- one choice for any noise ----------------------------------------------------------------------------------------


def test_the_picture_decides_which_denoiser_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no level given; what was asked for in so many words is what is done, and done twice it stays."""
    kinds = iter(["camera", "white", "camera", "white"])
    monkeypatch.setattr(noise, "judge", lambda pixels, alpha: noise.Noise(kind=next(kinds), sigma=7.126))
    asked, picture = UpscaleOptions(model="denoise"), photo()
    camera = upscale.settle(asked, picture)
    assert (camera.model, camera.sigma, camera.scale) == ("denoise-camera", 7.13, 1)
    assert upscale.settle(camera, picture) == camera
    assert upscale.settle(asked, picture).model == "denoise"
    assert upscale.settle(replace_model("denoise-camera"), picture).sigma == 7.13  # camera
    assert upscale.settle(replace_model("denoise-camera"), picture).model == "denoise-camera"  # white, and yet
    for fixed in (UpscaleOptions(model="denoise", sigma=5), UpscaleOptions(model=NAME)):
        assert upscale.settle(fixed, picture).model == fixed.model
    assert upscale.settle(asked).model == "denoise"  # nothing to look at
    network = upscale.load("denoise")
    assert upscale.settle(asked, picture, network=network).model == "denoise"


def replace_model(model: str) -> UpscaleOptions:
    return UpscaleOptions(model=model)


# ---- what a trained one has to do ------------------------------------------------------------------------------------


def check_flat_regions(network: Upscaler, sigma: float = 25) -> None:
    """Flat gray with noise: what is left is weak, has no dots or lines, and the mean stays."""
    for level in (60, 128, 200):
        noisy = level + np.random.default_rng(level).normal(0, sigma, (256, 256, 3))
        picture = Picture(pixels=np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
        left = upscale.upscale(picture, UpscaleOptions(sigma=sigma), network=network).pixels.astype(float) - level
        assert np.abs(left.mean((0, 1))).max() < 0.5
        assert left.std() < sigma / 10
        # A pattern would have the network's own period, which is that of its steps.
        step = network.align
        places = left.mean(2).reshape(256 // step, step, 256 // step, step).mean((0, 2))
        assert np.abs(places - places.mean()).max() < 0.3


def check_text_stays_sharp(network: Upscaler, sigma: float = 15) -> None:
    """Black letters on white with noise: edges keep their contrast, paper and ink their colour."""
    clean = np.full((128, 384, 3), 235, np.uint8)
    for row, size in enumerate((0.5, 0.7, 1.0)):
        place = (8, 30 + 38 * row)
        cv2.putText(clean, "Quick foxes 0123456", place, cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 20), 1, cv2.LINE_AA)
    noisy = np.clip(np.rint(clean + np.random.default_rng(0).normal(0, sigma, clean.shape)), 0, 255).astype(np.uint8)
    result = upscale.upscale(Picture(pixels=noisy), UpscaleOptions(sigma=sigma), network=network).pixels

    def edges(pixels: Array) -> Array:
        gray = pixels.astype(float).mean(2)
        return np.asarray(np.hypot(*np.gradient(gray)))

    strong = edges(clean) > 40
    assert edges(result)[strong].mean() > 0.85 * edges(clean)[strong].mean()
    assert psnr(result, clean) > psnr(noisy, clean) + 5


@pytest.mark.parametrize("name", SHIPPED or [None])
def test_shipped_denoisers_leave_flat_regions_flat_and_text_sharp(name: str | None) -> None:
    """Runs for each denoiser of the catalogue, of which there may be none yet."""
    if name is None:
        return
    network = upscale.load(name)
    check_flat_regions(network)
    check_text_stays_sharp(network)


@pytest.mark.parametrize("name", SHIPPED or [None])
def test_shipped_denoisers_clean_and_lose_no_level(name: str | None, astronaut: npt.NDArray[np.uint8]) -> None:
    if name is None:
        return
    clean = astronaut[:256, 100:400]
    noisy = np.clip(np.rint(clean + np.random.default_rng(0).normal(0, 25, clean.shape)), 0, 255).astype(np.uint8)
    for sigma in (25, None):
        result = upscale.upscale(Picture(pixels=noisy), UpscaleOptions(model=name, sigma=sigma))
        assert psnr(result.pixels, clean) > psnr(noisy, clean) + 7
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    np.testing.assert_array_equal(upscale.upscale(Picture(pixels=ramp), UpscaleOptions(model=name)).pixels, ramp)


def test_the_checks_can_fail() -> None:
    """An untrained network leaves the noise in; a blur takes the letters' edges; dots are seen."""
    network = upscale.load(NAME, "fp32")
    with pytest.raises(AssertionError):
        check_flat_regions(network)

    def blur(tensor: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(tensor, 5, 1, 2, count_include_pad=False)

    with pytest.raises(AssertionError):
        check_text_stays_sharp(dataclasses.replace(network, run=blur))

    def dotted(tensor: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        flat = tensor.mean((2, 3), keepdim=True).expand_as(tensor).clone()
        flat[..., ::8, ::8] += 4 / 255
        return flat

    with pytest.raises(AssertionError):
        check_flat_regions(dataclasses.replace(network, run=dotted))
    good = dataclasses.replace(network, run=lambda tensor, sigma: tensor.mean((2, 3), keepdim=True).expand_as(tensor))
    check_flat_regions(good)
