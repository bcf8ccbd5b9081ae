"""Stylizing with small random networks: sizes, tiles, strength, colours, mixes, masks, and what is said of failures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import ImageCms
from safetensors.torch import save_file

from editing import messages, runtime
from editing.costs import Cost
from editing.errors import EditingError, ImageError, OptionError, Stopped, WeightError
from editing.networks.magenta import Magenta, MagentaConfig
from editing.networks.stylizer import Stylizer, StylizerConfig, Vgg
from editing.options import StylizeOptions
from editing.pictures import masks, tiling
from editing.pictures.picture import Picture, from_float, to_float
from editing.pictures.write import write_picture
from editing.pipelines import gatys, stylize
from editing.pipelines.fine import LoadedVgg
from editing.pipelines.stylize import LoadedStylizer, Style
from editing.runtime import Backend
from editing.weights.find import find_weight, weights_for

CONFIG = StylizerConfig(widths=(4, 6, 8), blocks=1, code=6, encoder=((4,), (6,)), hidden=8)
STYLES = [
    {"name": "waves", "title": "Waves", "artist": "A. Painter", "year": "1831"},
    {"name": "night", "title": "Night", "artist": "B. Painter", "year": "c. 1900"},
]


def make(path: Path, **texts: str) -> Path:
    """A random stylizer in a file such as a training writes."""
    torch.manual_seed(1)
    network = Stylizer(CONFIG)
    with torch.no_grad():
        network.styles.weight.mul_(5)  # styles that differ
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    state["gallery"] = torch.randn(len(STYLES), CONFIG.code)
    metadata = {"format": "pt", **CONFIG.metadata(), "styles": json.dumps(STYLES)} | texts
    save_file(state, path, metadata=metadata)
    return path


def make_magenta(path: Path) -> Path:
    """A random network of three styles in a file, of which the gallery names two."""
    torch.manual_seed(1)
    network = Magenta(MagentaConfig(styles=3))
    with torch.no_grad():
        network.styles.normal_(0, 0.3)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    state["gallery"] = torch.eye(3)[[2, 0]]
    styles = [STYLES[0] | {"title_zh": "海浪"}, STYLES[1] | {"artist": "", "year": ""}]
    save_file(state, path, metadata={**network.config.metadata(), "styles": json.dumps(styles)})
    return path


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks this small gain nothing from a second one, and lose much where it has to wait for other programs."""
    monkeypatch.setattr(runtime, "cores", lambda: 1)


@pytest.fixture(autouse=True)
def plain_strokes(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Large strokes as they are, without the network that makes them sharp, which is not small; but in its test."""
    if "sharp" not in request.node.name:
        soften(monkeypatch)


def soften(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stylize, "_edged", lambda painted, options: painted)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of ATELIER_WEIGHTS with the stylizer small.safetensors in it."""
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    make(tmp_path / "small.safetensors")
    return tmp_path


@pytest.fixture
def small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedStylizer:
    """That stylizer in float32; what it costs isn't measured, which would take longer than all the rest."""
    monkeypatch.setattr(LoadedStylizer, "cost", lambda self, wait=True, ask=None: Cost(seconds=1e-6, bytes=1000.0))
    return stylize.load("small.safetensors", "fp32")


@pytest.fixture(params=["stylizer", "magenta"])
def either(small: LoadedStylizer, folder: Path, request: pytest.FixtureRequest) -> LoadedStylizer:
    """Each kind of network, for what depends on how far it sees and on what it measures."""
    if request.param == "stylizer":
        return small
    return stylize.load(make_magenta(folder / "magenta.safetensors").name, "fp32")


def options(**changes: Any) -> StylizeOptions:
    return StylizeOptions(**{"style": "waves", "model": "small.safetensors", "precision": "fp32", **changes})


def photo(height: int = 60, width: int = 80, depth: int = 8, channels: int = 3, noise: float = 0.02) -> Picture:
    """Shapes and texture at all sizes, in colours."""
    down, across = np.mgrid[0:height, 0:width]
    base = 0.45 + 0.3 * np.sin(across / 9) * np.cos(down / 7) + 0.1 * (((across // 16) + (down // 16)) % 2)
    color = np.stack([base, base * 0.8 + 0.1, 0.9 - base * 0.5], 2)[..., :channels]
    color += np.random.default_rng(0).normal(0, noise, color.shape)
    return Picture(pixels=from_float(color.astype(np.float32), depth))


def psnr(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    top = np.iinfo(a.dtype).max
    return float(10 * np.log10(top**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9)))


# ---- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"style": ""}, "No style was given"),
        ({"mix": 1.5}, "Share of the second style is 1.5"),
        ({"strength": -0.1}, "Strength is -0.1"),
        ({"strength": float("nan")}, "Strength is nan"),
        ({"style_scale": 0.01}, "Size of the strokes is 0.01"),
        ({"style_scale": float("nan")}, "Size of the strokes is nan"),
        ({"style_scale": 5}, "between 0.1 and 4"),
        ({"tile": 16}, "between 32 and 4096"),
        ({"precision": "fp16"}, "auto, fp32, bf16"),
    ],
)
def test_options_check_themselves(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        options(**changes)


def test_options_are_keywords_and_frozen() -> None:
    with pytest.raises(TypeError):
        StylizeOptions("waves")  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        options().style = "night"  # type: ignore[misc]


# ---- sizes -----------------------------------------------------------------------------------------------------------


def test_the_working_size_follows_the_style_scale_and_not_the_photo() -> None:
    assert stylize.working_size(1200, 800, 1, 4) == stylize.working_size(6000, 4000, 1, 4) == (768, 512)
    assert stylize.working_size(300, 200, 1, 4) == (768, 512)
    assert stylize.working_size(6000, 4000, 2, 4) == (384, 256)
    assert stylize.working_size(6000, 4000, 0.5, 4) == (1536, 1024)
    assert stylize.working_size(6000, 4000, 0.1, 4) == (7680, 5120)
    # Strokes finer than half a pixel of the photo would not be seen.
    assert stylize.working_size(600, 400, 0.1, 4) == (1200, 800)
    assert stylize.working_size(1, 1, 0.1, 4) == (768, 768)
    assert stylize.working_size(5000, 1, 1, 4) == (768, stylize.SHORTEST)


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (301, 7), (50, 70)])
@pytest.mark.parametrize("changes", [{}, {"tile": 96}])
@pytest.mark.parametrize("depth", [8, 16])
def test_every_size_works(size: tuple[int, int], changes: Any, depth: int, small: LoadedStylizer) -> None:
    picture = photo(*size, depth=depth)
    result = stylize.stylize(picture, options(style_scale=4, **changes), network=small)
    assert result.pixels.shape == (*size, 3)
    assert result.depth == depth


def test_a_photo_and_its_preview_look_alike(small: LoadedStylizer) -> None:
    large = photo(480, 640, noise=0)
    preview = Picture(pixels=from_float(tiling.resize(large.pixels, 120, 160) / 255, 8))
    one = stylize.stylize(large, options(style_scale=2), network=small)
    other = stylize.stylize(preview, options(style_scale=2), network=small)
    reduced = from_float(tiling.resize(one.pixels, 120, 160) / 255, 8)
    assert psnr(reduced, other.pixels) > 25
    finer = stylize.stylize(preview, options(style_scale=0.5), network=small)
    assert psnr(reduced, finer.pixels) < psnr(reduced, other.pixels) - 3  # the test could fail


def test_a_large_photo_stays_sharp(small: LoadedStylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the working copy has lost of light and shade is put back in part."""
    picture = photo(900, 1200)
    monkeypatch.setattr(stylize, "BASE", 192)
    result = stylize.paint(picture, options(style_scale=1), network=small)  # painted at 192 x 144

    def fine(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        gray = pixels.astype(np.float32) @ stylize._LUMA
        return gray - tiling.resize(tiling.resize(gray[..., None], 144, 192), *gray.shape)[..., 0]

    share = float((fine(result.pixels) * fine(picture.pixels)).sum() / (fine(picture.pixels) ** 2).sum())
    assert stylize.DETAIL * 0.8 < share < stylize.DETAIL * 1.2


def test_large_strokes_have_sharp_edges_of_their_own(small: LoadedStylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photo(576, 768)
    asked = options(style_scale=4)
    step = np.zeros((144, 192, 3), np.float32)
    step[:, 96:] = 1
    monkeypatch.setattr(LoadedStylizer, "paint", lambda self, copy, code, statistics=None: step)
    sharp = stylize.paint(picture, asked, network=small).pixels.astype(float)
    with monkeypatch.context() as plain:
        soften(plain)
        soft = stylize.paint(picture, asked, network=small).pixels.astype(float)
    steepest = [np.abs(np.diff(one[100:400, 360:410].mean((0, 2)))).max() for one in (sharp, soft)]
    assert steepest[0] > 1.3 * steepest[1]
    # The photo's own texture is not seen through: there is none finer than the usual working size.
    assert sharp[100:400, 500:700].std() < 0.2 * picture.pixels[100:400, 500:700].std()


# ---- tiles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tile", "scale"), [(32, 3), (100, 2), (160, 1), (96, 4)])
def test_tiled_is_whole(tile: int, scale: float, either: LoadedStylizer) -> None:
    picture = photo(333, 470, depth=16)
    whole = stylize.paint(picture, options(style_scale=scale), network=either)
    joined = stylize.paint(picture, options(style_scale=scale, tile=tile), network=either)
    assert psnr(joined.pixels, whole.pixels) > 60
    assert np.abs(joined.pixels.astype(int) - whole.pixels).max() < 65535 * 0.004  # and nowhere a seam


def test_without_statistics_of_the_whole_tiles_show(either: LoadedStylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above could fail."""
    picture = photo(333, 470, depth=16)
    whole = stylize.paint(picture, options(style_scale=2), network=either)
    monkeypatch.setattr(LoadedStylizer, "statistics", lambda self, parts, code: None)
    joined = stylize.paint(picture, options(tile=64, style_scale=2), network=either)
    assert psnr(joined.pixels, whole.pixels) < 45


def test_where_the_statistics_are_of_parts_it_is_nearly_the_same(
    either: LoadedStylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = photo(600, 800)
    whole = stylize.paint(picture, options(), network=either)
    monkeypatch.setattr(stylize, "MEASURED", 200_000)
    joined = stylize.paint(picture, options(tile=160), network=either)
    assert psnr(joined.pixels, whole.pixels) > 30


def test_little_memory_means_tiles(small: LoadedStylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, seen = photo(600, 800), []
    asked = options(style_scale=0.8)
    whole = stylize.paint(picture, asked, network=small, report=lambda done, total, note="": seen.append(total))
    assert set(seen) == {1}
    monkeypatch.setattr(runtime, "free_memory", lambda device="cpu": 500_000_000)
    joined = stylize.paint(picture, asked, network=small, report=lambda done, total, note="": seen.append(total))
    assert max(seen) > 1
    assert psnr(joined.pixels, whole.pixels) > 30


def test_stop_ends_it_at_the_next_tile(small: LoadedStylizer) -> None:
    seen: list[tuple[int, int]] = []

    def report(done: int, total: int, note: str = "") -> None:
        seen.append((done, total))
        if done == 2:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        stylize.stylize(photo(), options(tile=200), network=small, report=report)
    assert seen[-1][0] == 2 < seen[-1][1]


# ---- strength, colours, mask -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("keep", [False, True])
def test_strength_0_gives_the_photo_back(depth: int, channels: int, keep: bool, small: LoadedStylizer) -> None:
    picture = photo(depth=depth, channels=channels)
    result = stylize.stylize(picture, options(strength=0, keep_colors=keep, style_scale=4), network=small)
    assert result.pixels.dtype == picture.pixels.dtype
    np.testing.assert_array_equal(result.pixels, picture.pixels)


def test_strength_moves_evenly_from_photo_to_painting(small: LoadedStylizer) -> None:
    picture = photo()
    painted = stylize.paint(picture, options(style_scale=4), network=small)
    np.testing.assert_array_equal(stylize.mix(picture, painted, options()).pixels, painted.pixels)
    half = stylize.mix(picture, painted, options(strength=0.5)).pixels.astype(float)
    assert np.abs(half - (picture.pixels.astype(float) + painted.pixels) / 2).max() <= 0.5


def luma(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(to_float(pixels) @ stylize._LUMA)


def test_kept_colours_are_the_photos_and_the_light_is_the_paintings(small: LoadedStylizer) -> None:
    picture = photo(depth=16)
    painted = stylize.paint(picture, options(style_scale=4), network=small)
    kept = stylize.mix(picture, painted, options(keep_colors=True))
    assert np.abs(luma(kept.pixels) - luma(painted.pixels)).max() < 1e-3
    before, after = (to_float(one.pixels) - luma(one.pixels)[..., None] for one in (picture, kept))
    # The same hue everywhere: chroma only ever gets shorter, and does so only where the light leaves no room.
    assert np.abs(np.cross(before, after)).max() < 1e-3
    assert ((before * after).sum(2) > -1e-4).all()
    inside = (to_float(kept.pixels) > 0.01).all(2) & (to_float(kept.pixels) < 0.99).all(2)
    assert np.abs(before - after)[inside].max() < 1e-3
    assert inside.any()


def test_a_gray_photo_takes_the_paintings_colours_unless_its_own_are_kept(small: LoadedStylizer) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    gray = dataclasses.replace(photo(channels=1), icc=icc)
    colored = stylize.stylize(gray, options(style_scale=4), network=small)
    assert colored.pixels.shape == (60, 80, 3)
    assert np.ptp(colored.pixels, axis=2).max() > 8
    assert colored.icc is None  # it would describe grays
    assert [notice.text for notice in colored.notices] == [messages.PROFILE_DROPPED]
    kept = stylize.stylize(gray, options(style_scale=4, keep_colors=True), network=small)
    assert kept.pixels.shape == (60, 80, 1)
    assert kept.icc == icc
    same = stylize.stylize(
        Picture(pixels=np.repeat(gray.pixels, 3, 2)), options(style_scale=4, keep_colors=True), network=small
    )
    assert np.ptp(same.pixels, axis=2).max() == 0
    assert np.abs(same.pixels[..., :1].astype(int) - kept.pixels).max() <= 1


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_outside_the_mask_nothing_changes(depth: int, channels: int, small: LoadedStylizer) -> None:
    picture = photo(200, 300, depth=depth, channels=channels)
    mask = np.zeros((200, 300), np.float32)
    mask[50:150, 100:200] = 1
    result = stylize.stylize(picture, options(style_scale=4), mask=mask, network=small)
    whole = stylize.stylize(picture, options(style_scale=4), network=small)
    far = masks.grow(mask, 6) == 0
    np.testing.assert_array_equal(result.pixels[far], np.broadcast_to(picture.pixels, result.pixels.shape)[far])
    np.testing.assert_array_equal(result.pixels[60:140, 110:190], whole.pixels[60:140, 110:190])
    # The edge is soft: a pixel on it is neither the one nor the other.
    edge = to_float(result.pixels[100, 90:110]) - to_float(picture.pixels[100, 90:110])
    full = to_float(whole.pixels[100, 90:110]) - to_float(picture.pixels[100, 90:110])
    share = (edge * full).sum(1) / (full * full).sum(1)
    assert ((share > 0.1) & (share < 0.9)).any()


def test_transparency_stays_and_hidden_colours_do_not_matter(small: LoadedStylizer) -> None:
    picture = photo(120, 160)
    alpha = np.zeros((120, 160), np.uint8)
    alpha[:, :80] = 255
    results = []
    for hidden in (0, 255):
        pixels = picture.pixels.copy()
        pixels[alpha == 0] = hidden
        results.append(stylize.stylize(Picture(pixels=pixels, alpha=alpha), options(style_scale=2), network=small))
        np.testing.assert_array_equal(results[-1].alpha, alpha)
    seen = alpha > 0
    np.testing.assert_array_equal(results[0].pixels[seen], results[1].pixels[seen])


def test_what_else_is_in_the_file_stays(small: LoadedStylizer) -> None:
    picture = dataclasses.replace(photo(), icc=b"profile", dpi=(300, 300), text={"Comment": "hello"})
    result = stylize.stylize(picture, options(style_scale=4), network=small)
    assert (result.icc, result.dpi, result.text) == (picture.icc, picture.dpi, picture.text)


# ---- styles ----------------------------------------------------------------------------------------------------------


def test_the_gallery_is_listed(folder: Path) -> None:
    assert stylize.styles("small.safetensors")[1] == Style(
        name="night", title="Night", artist="B. Painter", year="c. 1900"
    )


def test_styles_differ_and_a_mix_lies_between(small: LoadedStylizer) -> None:
    picture = photo()

    def painted(**changes: Any) -> npt.NDArray[Any]:
        return stylize.paint(picture, options(style_scale=4, **changes), network=small).pixels

    waves, night = painted(), painted(style="night")
    assert psnr(waves, night) < 40
    np.testing.assert_array_equal(painted(second="night", mix=0), waves)
    np.testing.assert_array_equal(painted(second="night", mix=1), night)
    half = painted(second="night", mix=0.5)
    assert psnr(half, waves) < 50
    assert psnr(half, night) < 50


def test_any_picture_is_a_style(small: LoadedStylizer, tmp_path: Path) -> None:
    style = tmp_path / "style.png"
    for made in (photo(300, 200), photo(9, 500, channels=1), photo(1, 1), photo(200, 100, depth=16)):
        write_picture(made, style)
        result = stylize.stylize(photo(), options(style_scale=4, style=str(style)), network=small)
        assert result.pixels.shape == (60, 80, 3)
    # Of any size it is the same style.
    write_picture(photo(256, 256), style)
    one = stylize.code_of(options(style=str(style)), small)
    write_picture(Picture(pixels=np.kron(photo(256, 256).pixels, np.ones((2, 2, 1), np.uint8))), style)
    torch.testing.assert_close(stylize.code_of(options(style=str(style)), small), one, atol=0.02, rtol=0.05)


def test_an_unknown_style_names_the_choices(small: LoadedStylizer, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"no style called 'wave'. Choices: waves, night, or the path of a picture\."):
        stylize.stylize(photo(), options(style="wave"), network=small)
    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"x\.png"):
        stylize.stylize(photo(), options(second=str(tmp_path / "x.png")), network=small)


def test_a_network_without_an_encoder_has_its_own_styles_alone(folder: Path, tmp_path: Path) -> None:
    network = stylize.load(make_magenta(folder / "magenta.safetensors").name, "fp32")
    first, second = stylize.styles("magenta.safetensors")
    assert (first.title_zh, second.artist, second.title_zh) == ("海浪", "", "")
    waves = stylize.stylize(photo(), options(style_scale=4), network=network)
    night = stylize.stylize(photo(), options(style_scale=4, style="night"), network=network)
    assert psnr(waves.pixels, night.pixels) < 40
    write_picture(photo(), tmp_path / "own.png")
    for asked in (options(style=str(tmp_path / "own.png")), options(second=str(tmp_path / "own.png")),
                  options(style="no such")):  # fmt: skip
        with pytest.raises(OptionError, match=r"own styles alone, and looks at no picture: waves, night\.") as caught:
            stylize.stylize(photo(), asked, network=network)
        assert "只能使用自带的风格，不能参照图片：waves, night。" in caught.value.message.to("zh")


# ---- optimising ------------------------------------------------------------------------------------------------------


def random_vgg(precision: str = "fp32", **paintings: gatys.Style) -> LoadedVgg:
    """A VGG of a few channels."""
    torch.manual_seed(0)
    network = Vgg(((4,), (6,), (8,)))
    backend = Backend("cpu", precision)
    backend.place(network)
    return LoadedVgg(name="vgg16-front", sha256="a" * 64, backend=backend, network=network, paintings=paintings)


@pytest.fixture
def tiny_vgg(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> LoadedVgg:
    """Loaded in the place of any, with the painting behind "waves", which is red stripes."""
    vgg = random_vgg(getattr(request, "param", "fp32"))
    vgg = dataclasses.replace(
        vgg, paintings={"waves": vgg.look_at(torch.from_numpy(red()).permute(2, 0, 1)[None] / 255)}
    )
    monkeypatch.setattr(stylize.fine, "load", lambda name, precision: vgg)
    monkeypatch.setattr(LoadedVgg, "cost", lambda self, wait=True: Cost(seconds=1e-6, bytes=1000.0))
    return vgg


def red() -> npt.NDArray[np.uint8]:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[::4, :, 0] = 255
    return pixels


def redness(pixels: npt.NDArray[Any]) -> float:
    values = to_float(pixels)
    return float(values[..., 0].mean() - values[..., 1:].mean())


@pytest.mark.parametrize(("depth", "tiny_vgg"), [(8, "fp32"), (16, "fp32"), (8, "bf16")], indirect=["tiny_vgg"])
def test_optimising_shows_what_there_is_and_ends_nearer_to_the_style(
    depth: int, tiny_vgg: LoadedVgg, small: LoadedStylizer, tmp_path: Path
) -> None:
    write_picture(Picture(pixels=red()), tmp_path / "red.png")
    asked = options(style=str(tmp_path / "red.png"), style_scale=4, optimise=12)
    seen: list[int] = []
    picture = photo(depth=depth)
    with runtime.job():  # in whose mode nothing is remembered that could be differentiated
        steps = stylize.optimise(picture, asked, every=0, report=lambda done, total, note="": seen.append(done))
        shown = list(steps)
    assert seen == list(range(13))
    assert [(one.done, one.whole) for one in shown] == [(done, done == 12) for done in range(1, 13)]
    assert shown[0].picture.pixels.shape == (144, 192, 3)  # as it is painted
    assert shown[-1].picture.pixels.shape == (60, 80, 3)
    assert shown[-1].picture.pixels.dtype == picture.pixels.dtype
    assert redness(shown[0].picture.pixels) < redness(shown[-1].picture.pixels)
    np.testing.assert_array_equal(stylize.stylize(picture, asked).pixels, shown[-1].picture.pixels)


def test_a_style_of_the_gallery_is_optimised_towards_its_painting(tiny_vgg: LoadedVgg, small: LoadedStylizer) -> None:
    usual = dataclasses.replace(small, name=stylize.USUAL)
    before = stylize.paint(photo(), options(style_scale=4), network=usual)
    after = stylize.paint(photo(), options(style_scale=4, optimise=20), network=usual)
    assert redness(after.pixels) > redness(before.pixels) + 0.01
    with pytest.raises(OptionError, match=r"vgg16-front knows none behind 'night'.*\(waves\)"):
        stylize.paint(photo(), options(style="night", optimise=10), network=usual)
    with pytest.raises(OptionError, match="knows none behind 'waves'"):  # another network's gallery
        stylize.paint(photo(), options(optimise=10), network=small)


def test_stopping_keeps_what_is_there(tiny_vgg: LoadedVgg, small: LoadedStylizer, tmp_path: Path) -> None:
    write_picture(photo(), tmp_path / "style.png")

    def report(done: int, total: int, note: str = "") -> None:
        if done == 3:
            raise Stopped("Stopped.")

    asked = options(style=str(tmp_path / "style.png"), style_scale=4, optimise=30)
    steps = stylize.optimise(photo(), asked, every=1e9, report=report)
    there = next(steps)
    assert (there.done, there.whole, there.picture.pixels.shape) == (3, True, (60, 80, 3))
    with pytest.raises(Stopped):
        next(steps)


def test_what_optimising_needs_is_said(small: LoadedStylizer, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="knows none behind 'waves'"):
        stylize.stylize(photo(), options(optimise=10))
    with pytest.raises(OptionError, match="one style"):
        options(optimise=10, second="night")
    with pytest.raises(OptionError, match="Steps of optimisation is 2000; it must be between 0 and 1000"):
        options(optimise=2000)
    write_picture(photo(), tmp_path / "style.png")
    with pytest.raises(WeightError, match="weights fetch vgg19"):
        stylize.stylize(photo(), options(style=str(tmp_path / "style.png"), optimise=10, vgg="vgg19"))
    with pytest.raises(WeightError, match="weights fetch vgg19"):
        stylize.check_style(options(style=str(tmp_path / "style.png"), optimise=10, vgg="vgg19"))
    stylize.check_style(options(style=str(tmp_path / "style.png"), optimise=10))


def test_the_estimate_of_an_optimisation(tiny_vgg: LoadedVgg, small: LoadedStylizer) -> None:
    few, many = (stylize.estimate(80, 60, options(style="x.png", optimise=steps)) for steps in (10, 300))
    assert many.seconds > 10 * few.seconds > 0
    assert many.tiles == 300
    with pytest.raises(OptionError, match="knows none behind 'waves'"):
        stylize.estimate(80, 60, options(optimise=10))
    large = stylize.estimate(6000, 4000, options(style="x.png", optimise=10, style_scale=0.1))
    assert large.memory - runtime.resident_memory() < 1.5e9  # in tiles


# ---- weights ---------------------------------------------------------------------------------------------------------


def test_a_stylizer_is_recognised_by_its_config(folder: Path) -> None:
    found = find_weight("small.safetensors")
    assert found.task == "stylize"
    assert [weight.name for weight in weights_for("stylize") if weight.sha256 is None] == ["small.safetensors"]
    with pytest.raises(WeightError, match="small"):
        find_weight("small.safetensors", "upscale")


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (
            lambda path: make(path, config=json.dumps(json.loads(CONFIG.to_json()) | {"more": 1})),
            "not a whole stylizer",
        ),
        (lambda path: make(path, config=CONFIG.to_json().replace("[4, 6, 8]", "[4, 6, 9]")), "don't fit together"),
        (lambda path: make(path, styles="[1]"), "list of styles is damaged"),
        (lambda path: make(path, styles=json.dumps(STYLES[:1])), "not a whole stylizer"),
        (lambda path: make(path, styles=json.dumps([STYLES[0]] * 2)), "list of styles is damaged"),
    ],
)
def test_a_damaged_stylizer_is_refused(break_it: Callable[[Path], Path], words: str, folder: Path) -> None:
    break_it(folder / "broken.safetensors")
    with pytest.raises(WeightError, match=words):
        stylize.load("broken.safetensors")


def test_a_network_that_gives_no_numbers_is_told(small: LoadedStylizer) -> None:
    code = torch.full((1, CONFIG.code), float("nan"))
    broken = dataclasses.replace(small, gallery={"waves": code})
    with pytest.raises(EditingError, match="not numbers"):
        stylize.stylize(photo(), options(), network=broken)


# ---- recipe and estimate ---------------------------------------------------------------------------------------------


def test_the_recipe_says_it_all_but_no_paths(folder: Path) -> None:
    style = folder / "mine.png"
    write_picture(photo(), style)
    made = stylize.recipe(options(second=str(style), mix=0.25), masked=True)
    assert made["task"] == "stylize"
    assert made["options"]["style"] == "waves"
    assert made["options"]["second"] == "mine.png"
    assert made["styles"] == [{"name": "mine.png", "sha256": stylize.sha256_of(style)}]
    assert made["masked"] is True
    assert made["weights"][0]["name"] == "small.safetensors"
    assert str(folder) not in json.dumps(made)
    plain = stylize.recipe(options())
    assert not {"masked", "styles"} & set(plain)


@pytest.mark.parametrize("changes", [{}, {"style_scale": 0.6}, {"tile": 160}])
def test_the_estimate_counts_what_is_done(changes: Any, small: LoadedStylizer) -> None:
    asked = options(**changes)
    totals: list[int] = []
    stylize.paint(photo(300, 600), asked, network=small, report=lambda done, total, note="": totals.append(total))
    result = stylize.estimate(600, 300, asked)
    assert (result.tiles, result.width, result.height) == (totals[-1], 600, 300)
    assert result.seconds > 0
    assert result.memory > 600 * 300


def test_a_finer_stroke_costs_more(small: LoadedStylizer) -> None:
    seconds = [stylize.estimate(4000, 3000, options(style_scale=scale)).seconds for scale in (1, 0.5, 0.2)]
    assert seconds == sorted(seconds)


def test_the_cost_is_measured_on_the_network(folder: Path) -> None:
    cost = stylize.load("small.safetensors", "fp32").cost()
    assert cost.seconds > 0


def test_bf16_is_close_to_fp32(folder: Path) -> None:
    backend = Backend("cpu", "bf16")
    half = stylize._build(find_weight("small.safetensors"), "f" * 64, backend)
    exact = stylize._build(find_weight("small.safetensors"), "e" * 64, Backend("cpu", "fp32"))
    one, other = (stylize.paint(photo(), options(style_scale=4), network=network) for network in (half, exact))
    assert psnr(one.pixels, other.pixels) > 30
