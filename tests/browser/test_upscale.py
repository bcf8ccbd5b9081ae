"""The Upscale tab as people use it, in Chromium; and its two endpoints as programs do."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from browser import on_stage
from browser.conftest import LEAVES, PATIENCE, App, OpenPage, Watched
from browser.on_stage import download
from editing.pictures.picture import Picture, to_float
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture

pytestmark = pytest.mark.filterwarnings("default:unclosed:ResourceWarning")  # gradio_client's event loops
expect.set_options(timeout=PATIENCE)


def colors(height: int = 45, width: int = 60, top: int = 255) -> np.ndarray[Any, Any]:
    """(H, W, 3): red grows to the right, green downwards, blue to the left."""
    down, across = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None]
    rgb = np.stack([across * 0.8 + 0.1, down * 0.7 + 0.1, 0.9 - across * 0.5], 2)
    return np.rint(rgb * top).astype(np.uint8 if top == 255 else np.uint16)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small photograph, so to speak."""
    write_picture(Picture(pixels=colors()), tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


# ---- what a visitor does ---------------------------------------------------------------------------------------------


def more(page: Page) -> None:
    """Open what is seldom used."""
    if page.locator("#upscale-model").is_hidden():
        page.get_by_role("button", name=re.compile("^(More|更多)")).click()
    expect(page.locator("#upscale-model")).to_be_visible()


def choose(page: Page, model: str) -> None:
    more(page)
    box = page.locator("#upscale-model input")
    box.click()
    page.get_by_role("option", name=re.compile(rf"^\W*{model}[ .]")).click()
    expect(box).to_have_value(re.compile(rf"^{model}[ .]"))


def give(page: Page, file: Path) -> None:
    on_stage.give(page, "upscale", file)


def estimate(page: Page) -> Locator:
    return page.locator("#upscale-estimate")


def give_and_wait(page: Page, file: Path) -> None:
    choose(page, "anime-fast")
    give(page, file)
    expect(estimate(page)).to_contain_text("→")


def run(page: Page, format: str = "PNG") -> None:
    page.locator("#upscale-run").click()
    expect(page.locator("#upscale-info")).to_contain_text(format)


def shown(page: Page) -> list[str]:
    """The addresses of the stage's pictures, before and after."""
    expect(on_stage.part(page, "upscale", ".board")).to_have_attribute("data-look", "compare")
    found = on_stage.addresses(page, "upscale")
    assert len(found) == 2
    return found


def toast(page: Page) -> Locator:
    return page.locator(".toast-body")


# ---- one picture -----------------------------------------------------------------------------------------------------


def test_a_photo_from_upload_to_download(page: Page, photo: Path, tmp_path: Path) -> None:
    expect(estimate(page)).to_have_text("Drop a picture to see what it will take.")
    expect(page.locator("#upscale-download")).to_be_disabled()
    give_and_wait(page, photo)
    expect(estimate(page)).to_contain_text(re.compile(r"60 × 45 → 240 × 180 · about [\d.]+ s · peak memory .* free"))

    run(page)
    expect(page.locator("#upscale-info")).to_contain_text(re.compile(r"240 × 180 in .* · colours moved by 0\.\d\d of"))
    first = shown(page)
    saved = download(page, "#upscale-download", tmp_path)
    assert saved.name == "photo-anime-fast-x4.png"
    # Byte for byte what the stage shows: nothing was encoded again on the way.
    assert saved.read_bytes() == page.request.get(first[1]).body()
    result = read_picture(saved)
    assert (result.width, result.height) == (240, 180)
    assert result.recipe is not None
    assert result.recipe["options"]["model"] == "anime-fast"
    original = np.asarray(Image.open(photo).resize((240, 180)), float)
    assert np.abs(result.pixels - original).mean() < 6

    # The strength slider mixes anew, without a run.
    before = page.locator("#upscale-info").inner_text()
    track = page.locator("#upscale-strength input[type=range]")
    box = track.bounding_box()
    assert box is not None
    track.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(on_stage.part(page, "upscale", f'img[src="{first[1]}"]')).to_have_count(0)
    # The tracker over the words may still count its tenths of seconds.
    expect(page.locator("#upscale-info")).to_have_text(re.compile(rf"^\s*{re.escape(before.split(' · ')[0])}"))
    page.wait_for_timeout(500)  # a download that begins while its link is made anew is cancelled
    mixed = read_picture(download(page, "#upscale-download", tmp_path))
    assert mixed.recipe is not None
    assert mixed.recipe["options"]["strength"] == pytest.approx(0.5, abs=0.02)
    assert 0 < np.abs(mixed.pixels.astype(int) - result.pixels).mean() < 6
    # The result before it is gone from the disk, the original is not.
    assert [page.request.get(address).ok for address in first] == [True, False]

    # Another format needs no run either.
    more(page)
    page.get_by_label("TIFF").click()
    expect(page.locator("#upscale-info")).to_contain_text("TIFF")
    with Image.open(download(page, "#upscale-download", tmp_path)) as image:
        assert image.format == "TIFF"

    # One that loses something asks how much.
    quality = page.locator("#upscale-quality input[type=number]")
    expect(quality).to_be_hidden()
    page.get_by_label("JPEG").click()
    expect(page.locator("#upscale-info")).to_contain_text("JPEG")
    page.wait_for_timeout(500)
    fine = download(page, "#upscale-download", tmp_path).stat().st_size
    address = on_stage.addresses(page, "upscale")[1]
    quality.fill("20")
    quality.press("Tab")
    expect(on_stage.part(page, "upscale", f'img[src="{address}"]')).to_have_count(0)
    page.wait_for_timeout(500)
    assert download(page, "#upscale-download", tmp_path).stat().st_size < fine / 2


def test_a_denoiser_is_told_the_noise_and_has_no_scale(page: Page, photo: Path, tmp_path: Path) -> None:
    scale, auto, sigma = (page.locator(f"#upscale-{name}") for name in ("scale", "sigma-auto", "sigma"))
    expect(auto).to_be_hidden()
    choose(page, "tiny")
    expect(scale).to_be_hidden()
    expect(auto).to_be_visible()
    expect(sigma).to_be_hidden()
    give(page, photo)
    expect(estimate(page)).to_contain_text(re.compile(r"60 × 45 → 60 × 45 .* noise level [\d.]+ of 255"))
    auto.locator("input").uncheck()
    expect(sigma).to_be_visible()
    run(page)
    expect(page.locator("#upscale-info")).to_contain_text("noise level 25.0 of 255")
    # Given back, the picture restores the level that was used, when another model is chosen meanwhile.
    saved = download(page, "#upscale-download", tmp_path)
    choose(page, "anime-fast")
    expect(sigma).to_be_hidden()
    expect(scale).to_be_visible()
    give(page, saved)
    page.locator("#upscale-use-recipe").click()
    expect(scale).to_be_hidden()
    expect(sigma).to_be_visible()
    expect(sigma.locator("input[type=number]")).to_have_value("25")


def turned(folder: Path) -> Path:
    """As a phone held upright writes it: the sensor's pixels lie on their side, EXIF says so, and knows the place."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Phone"
    exif.get_ifd(0x8825)[1] = "N"
    Image.fromarray(np.rot90(colors(), 1)).save(folder / "phone.jpg", exif=exif, quality=95)
    return folder / "phone.jpg"


def transparent(folder: Path) -> Path:
    alpha = np.zeros((45, 60), np.uint8)
    alpha[10:35, 15:45] = 255
    write_picture(Picture(pixels=colors(), alpha=alpha), folder / "logo.png")
    return folder / "logo.png"


def deep(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_picture(Picture(pixels=colors(top=65535)), folder / f"deep{suffix}")
        return folder / f"deep{suffix}"

    return make


def heic(folder: Path) -> Path:
    pillow_heif.from_pillow(Image.fromarray(colors())).save(folder / "apple.heic", quality=95)
    return folder / "apple.heic"


@pytest.mark.parametrize(
    ("make", "depth", "alpha", "previewed"),
    [
        (turned, 8, False, False),
        (transparent, 8, True, False),
        (deep(".png"), 16, False, False),
        (deep(".tif"), 16, False, True),
        (heic, 8, False, True),
    ],
    ids=["turned", "transparent", "deep-png", "deep-tiff", "heic"],
)
def test_what_goes_in_comes_out(
    make: Callable[[Path], Path], depth: int, alpha: bool, previewed: bool, page: Page, tmp_path: Path
) -> None:
    give_and_wait(page, make(tmp_path))
    expect(estimate(page)).to_contain_text("60 × 45 → 240 × 180")
    # What browsers can't show is shown as a preview; the original is what is worked on.
    source = on_stage.part(page, "upscale", ".pictures img")
    expect(source).to_have_attribute("src", re.compile("preview-" if previewed else r"phone|logo|deep"))
    expect(source).to_be_visible()
    run(page)
    result = read_picture(download(page, "#upscale-download", tmp_path))
    assert (result.width, result.height, result.depth) == (240, 180, depth)
    assert (result.alpha is not None) == alpha
    back = to_float(result.pixels).reshape(45, 4, 60, 4, 3).mean((1, 3))
    assert np.abs(back - colors() / 255)[12:33, 17:43].mean() < 0.03  # the same way up, in the same colours
    if depth == 16:
        assert len(np.unique(result.pixels)) > 4000
    if alpha:
        assert result.alpha is not None
        assert (result.alpha[0, 0], result.alpha[90, 120]) == (0, 255)
    if make is turned:
        with Image.open(tmp_path / "phone-anime-fast-x4.png") as image:
            exif = image.getexif()
            assert (exif.get(0x0112), exif.get(0x010F), dict(exif.get_ifd(0x8825))) == (1, "Phone", {})


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("holiday.jpg", b"\xff\xd8\xff\xe0 not much of a picture", "'holiday.jpg' is"),
        ("empty.png", b"", "'empty.png' is empty (0 bytes). Choose another file, or copy it again."),
    ],
)
def test_a_broken_file_is_refused_with_a_sentence_and_the_page_goes_on(
    name: str, content: bytes, sentence: str, page: Page, photo: Path, tmp_path: Path, watched: Watched
) -> None:
    watched.expected.append("Failed to load resource")  # the browser tries to show it, too
    (tmp_path / name).write_bytes(content)
    give(page, tmp_path / name)
    expect(toast(page)).to_contain_text(sentence)
    assert "/tmp" not in toast(page).inner_text()  # no folder of the server's
    expect(estimate(page)).to_have_text("Drop a picture to see what it will take.")
    give_and_wait(page, photo)
    # Again: by then Gradio has made this visitor a new instance of the component.
    expect(toast(page)).to_have_count(0)
    give(page, tmp_path / name)
    expect(toast(page)).to_contain_text(sentence)
    expect(page.locator("#upscale-board").get_by_role("alert")).to_contain_text(sentence)
    expect(estimate(page)).to_contain_text("60 × 45")  # the picture before is still there
    run(page)


def test_running_without_a_picture_says_what_is_missing(page: Page) -> None:
    page.locator("#upscale-strength input[type=range]").click()  # there is nothing to mix yet, and that is no error
    expect(page.locator("#upscale-strength input[type=number]")).not_to_have_value("1")
    expect(toast(page)).to_have_count(0)
    page.locator("#upscale-run").click()
    expect(toast(page)).to_contain_text("There is no picture yet: drop one first.")


def test_too_much_is_said_in_the_place_of_the_estimate(page: Page, photo: Path) -> None:
    give_and_wait(page, photo)
    more(page)
    number = page.locator("#upscale-longest input")
    number.fill("1000")
    number.blur()
    expect(estimate(page)).to_contain_text("choose a longest side of at most 960 pixels")
    page.locator("#upscale-run").click()
    expect(toast(page)).to_contain_text("choose a longest side of at most 960 pixels")
    number.fill("120")
    number.blur()
    expect(estimate(page)).to_contain_text("→ 120 × 90")
    run(page)
    expect(page.locator("#upscale-info")).to_contain_text("120 × 90")


def test_stop_ends_a_long_run_and_the_next_one_works(page: Page, tmp_path: Path) -> None:
    write_picture(Picture(pixels=colors(400, 500)), tmp_path / "large.png")
    more(page)
    tile = page.locator("#upscale-tile input")
    tile.fill("48")
    tile.blur()
    choose(page, "photo")
    give(page, tmp_path / "large.png")
    expect(estimate(page)).to_contain_text("tiles: 99", timeout=4 * PATIENCE)  # measured: 30 s without bf16
    page.locator("#upscale-run").click()
    progress = on_stage.part(page, "upscale", ".doing")
    expect(progress).to_contain_text(re.compile(r"Tiles: [1-9]\d* of 99 · .* left"))
    page.locator("#upscale-stop").click()
    expect(toast(page)).to_contain_text("Stopped.", timeout=PATIENCE)  # one tile takes 2 s, 7 without bf16
    expect(progress).to_be_hidden()
    expect(page.locator("#upscale-download")).to_be_disabled()
    choose(page, "anime-fast")
    run(page)
    expect(page.locator("#upscale-info")).to_contain_text("2000 × 1600")


def test_the_patch_is_where_the_picture_was_clicked(page: Page, tmp_path: Path) -> None:
    pixels = np.zeros((300, 300, 3), np.uint8)
    pixels[:150, :150] = (200, 40, 40)  # the only red quarter
    write_picture(Picture(pixels=pixels), tmp_path / "quarters.png")
    give_and_wait(page, tmp_path / "quarters.png")
    page.mouse.click(*on_stage.place(page, "upscale", 0.25, 0.25))
    expect(page.locator("#upscale-patch-at")).to_contain_text(re.compile(r"round 7\d, 7\d"))
    expect(page.locator("#upscale-info")).to_contain_text("Patch of 128 × 128 pixels")
    (tmp_path / "patch.png").write_bytes(page.request.get(shown(page)[1]).body())
    patch = read_picture(tmp_path / "patch.png").pixels
    assert patch.shape == (512, 512, 3)
    assert np.abs(patch[50:460, 50:460] - np.array([200.0, 40, 40])).max() < 12
    # Back to the whole picture, and on to a place of its own: the other quarters are black.
    on_stage.do(page, "upscale", "grid").click()
    page.mouse.click(*on_stage.place(page, "upscale", 0.75, 0.75))
    expect(page.locator("#upscale-patch-at")).to_contain_text(re.compile(r"round 22\d, 22\d"))
    page.wait_for_function(
        "() => document.querySelector('#upscale-board atelier-stage').firstChild.shadowRoot"
        ".querySelectorAll('.pictures img').length === 2"
    )
    (tmp_path / "patch.png").write_bytes(page.request.get(shown(page)[1]).body())
    assert read_picture(tmp_path / "patch.png").pixels[50:460, 50:460].max() < 12


def test_a_recipe_dropped_back_restores_the_settings(page: Page, tmp_path: Path) -> None:
    options = {
        "model": "anime", "scale": 2, "longest": 111, "strength": 0.35, "tile": 96, "precision": "fp32",
        "color_lock": False, "of_a_later_version": 1,
    }  # fmt: skip
    write_picture(Picture(pixels=colors()), tmp_path / "made.png", recipe={"task": "upscale", "options": options})
    expect(page.locator("#upscale-use-recipe")).to_be_hidden()
    give(page, tmp_path / "made.png")
    page.locator("#upscale-use-recipe").click()
    more(page)
    expect(page.locator("#upscale-model input")).to_have_value(re.compile("^anime "))
    expect(page.locator("#upscale-scale").get_by_label("2×")).to_be_checked()
    expect(page.locator("#upscale-strength input[type=number]")).to_have_value("0.35")
    expect(page.locator("#upscale-longest input")).to_have_value("111")
    expect(page.locator("#upscale-tile input")).to_have_value("96")
    expect(page.get_by_label("fp32")).to_be_checked()
    expect(page.get_by_label("Colour lock: keep the picture's own colours")).not_to_be_checked()


# ---- several pictures ------------------------------------------------------------------------------------------------


def test_several_pictures_each_succeed_or_fail_on_their_own(page: Page, photo: Path, tmp_path: Path) -> None:
    write_picture(Picture(pixels=colors(20, 30)), tmp_path / "small.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    choose(page, "anime-fast")
    page.get_by_role("tab", name="Several pictures").click()
    page.locator("#upscale-files input[type=file]").set_input_files(
        [photo, tmp_path / "broken.png", tmp_path / "small.png"]
    )
    expect(estimate(page)).to_contain_text("3 pictures · about")
    page.locator("#upscale-run").click()
    expect(page.locator("#upscale-zip")).to_be_enabled()
    expect(page.locator("#upscale-gallery img")).to_have_count(2)
    table = page.locator("#upscale-table")
    expect(table).to_contain_text("✓ 240 × 180 in")
    expect(table).to_contain_text("✗ 'broken.png' is")
    expect(table).to_contain_text("✓ 120 × 80 in")
    with zipfile.ZipFile(download(page, "#upscale-zip", tmp_path)) as archive:
        assert sorted(archive.namelist()) == ["photo-anime-fast-x4.png", "small-anime-fast-x4.png"]
        archive.extractall(tmp_path / "out")
    result = read_picture(tmp_path / "out" / "small-anime-fast-x4.png")
    assert (result.width, result.height) == (120, 80)
    page.locator("#upscale-gallery button.thumbnail-item").first.click()
    expect(page.locator("#upscale-pair img")).to_have_count(2)
    page.locator("#upscale-retry").click()
    expect(page.locator("#upscale-pair")).to_be_hidden()
    expect(page.locator("#upscale-retry")).to_be_visible()  # it failed again
    expect(page.locator("#upscale-gallery img")).to_have_count(2)
    with page.expect_file_chooser() as chooser:
        page.locator("#upscale-folder").click()
    chooser.value.set_files(tmp_path / "out")  # the two results
    expect(estimate(page)).to_contain_text("2 pictures · about")


def test_stopping_several_keeps_what_is_done(page: Page, tmp_path: Path) -> None:
    write_picture(Picture(pixels=colors(9, 12)), tmp_path / "tiny.png")
    write_picture(Picture(pixels=colors(400, 500)), tmp_path / "large.png")
    choose(page, "photo")  # slow enough to be stopped
    page.get_by_role("tab", name="Several pictures").click()
    more(page)
    tile = page.locator("#upscale-tile input")
    tile.fill("48")
    tile.blur()
    page.locator("#upscale-files input[type=file]").set_input_files([tmp_path / "tiny.png", tmp_path / "large.png"])
    expect(estimate(page)).to_contain_text("2 pictures · about")
    page.locator("#upscale-run").click()
    expect(page.locator("#upscale-panel job-line")).to_contain_text(re.compile(r"Picture 2 of 2: Tiles: [1-9]"))
    page.locator("#upscale-stop").click()
    expect(page.locator("#upscale-table")).to_contain_text("– not done: stopped", timeout=20_000)
    expect(page.locator("#upscale-table")).to_contain_text("✓ 48 × 36 in")
    with zipfile.ZipFile(download(page, "#upscale-zip", tmp_path)) as archive:
        assert archive.namelist() == ["tiny-photo-x4.png"]


# ---- the page itself -------------------------------------------------------------------------------------------------


def width_of(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(
    open_page: OpenPage, photo: Path, locale: str, scheme: str
) -> None:
    page = open_page(width=390, height=844, locale=locale, color_scheme=scheme)
    assert width_of(page) <= 390
    give_and_wait(page, photo)
    run(page)
    shown(page)
    expect(page.locator("#upscale-tile")).to_be_visible()
    assert width_of(page) <= 390
    for name in ("board", "model", "scale", "run", "patch", "strength", "info", "download"):
        element = page.locator(f"#upscale-{name}")
        expect(element).to_be_visible()
        box = element.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue, *_ = map(int, re.findall(r"\d+", background))
    assert (red + green + blue < 150) == (scheme == "dark")


def test_the_language_is_the_browsers_or_the_one_chosen(open_page: OpenPage, watched: Watched) -> None:
    watched.expected += LEAVES
    for locale, word in (
        ("zh-HK", "放大"),
        ("zh-CN", "放大"),
        ("zh", "放大"),
        ("de-DE", "Upscale"),
        ("en-GB", "Upscale"),
    ):
        page = open_page(locale=locale)
        expect(page.get_by_role("tab", name=word, exact=True)).to_be_visible()
    page = open_page("/?lang=zh-CN")
    expect(page.get_by_role("tab", name="单张图片")).to_be_visible()
    expect(page.locator("#machine")).to_contain_text("本机")  # written on the server
    page.locator("#upscale-run").click()
    expect(toast(page)).to_contain_text("还没有图片：请先放入一张。")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("tab", name="One picture")).to_be_visible()
    expect(page.locator("#machine")).to_contain_text("This machine")
    page.goto(page.url.split("?")[0])  # the choice is kept
    expect(page.get_by_role("tab", name="One picture")).to_be_visible()


def test_no_english_is_left_on_the_chinese_page(open_page: OpenPage, photo: Path) -> None:
    page = open_page("/?lang=zh-CN")
    give_and_wait(page, photo)
    run(page)
    more(page)
    text = page.locator("main, .gradio-container").first.inner_text()
    # Names of models, formats and units, and Gradio's own few words for its picture drop.
    names = "bf16|fp32|auto|anime-fast|Real-ESRGAN|Real-ESR animevideo|JPEG|WebP|PNG|TIFF|GPS|API|Atelier|English"
    rest = re.sub(rf"\([^()]*\)|\b({names})\b", "", text)
    assert not re.findall(r"[A-Za-z]{3,} [a-z]{2,}", rest)


def test_broken_pictures_are_refused_in_chinese_too(open_page: OpenPage, tmp_path: Path, watched: Watched) -> None:
    watched.expected.append("Failed to load resource")
    (tmp_path / "空.png").touch()
    page = open_page("/?lang=zh-CN")
    give(page, tmp_path / "空.png")
    expect(toast(page)).to_contain_text("是空文件（0 字节）。请换一个文件，或重新复制。")


def test_a_file_name_is_text_and_no_page(page: Page, tmp_path: Path, watched: Watched) -> None:
    watched.expected.append("Failed to load resource")
    (tmp_path / "<img src=x onerror=alert(1)>.png").write_bytes(b"nothing")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    give(page, tmp_path / "<img src=x onerror=alert(1)>.png")
    expect(toast(page)).to_contain_text("is a text, not a picture")
    assert toast(page).locator("img").count() == 0
    assert not asked


def test_every_answer_carries_the_security_headers(app: App) -> None:
    for path in ("/", "/config", "/gradio_api/info"):
        with urllib.request.urlopen(app.url + path, timeout=20) as answer:
            policy = answer.headers["content-security-policy"]
            for order in ("default-src", "base-uri", "form-action"):
                assert f"{order} 'self';" in policy
            assert "unsafe-eval" not in policy
            assert not re.search(r"script-src[^;]*https?:", policy)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/monitoring/summary", "/gradio_api/file=/etc/passwd", "/file=/etc/passwd"])
def test_the_server_shows_nothing_of_the_machine(page: Page, app: App, path: str) -> None:
    answer = page.request.get(app.url + path)
    assert "root:" not in answer.text()
    assert answer.status in (401, 403, 404) or "json" not in answer.headers["content-type"]


# ---- the API ---------------------------------------------------------------------------------------------------------

SETTINGS: dict[str, Any] = {
    "model": "anime-fast", "scale": 4, "strength": 1, "longest": 0, "precision": "auto", "tile": 0, "color_lock": True,
}  # fmt: skip
SAVING: dict[str, Any] = {"file_format": "PNG", "strip": False, "keep_gps": False}


@pytest.fixture
def client(app: App, tmp_path: Path) -> Iterator[Client]:
    opened = Client(app.url, verbose=False, download_files=tmp_path / "received")
    yield opened
    opened.close()


def by_position(client: Client, endpoint: str, file: Any, **changes: Any) -> Any:
    values = SETTINGS | (SAVING if endpoint == "/upscale" else {}) | changes
    return client.predict(file, *values.values(), api_name=endpoint)


def test_the_api_names_two_endpoints(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {"/upscale", "/estimate"} <= named.keys()
    assert not [name for name in named if re.search("lambda|run_|remix|inspect|show_|request_stop", name)]


def test_upscaling_by_the_api(client: Client, photo: Path) -> None:
    file, facts = by_position(client, "/upscale", handle_file(photo), scale=2)
    result = read_picture(file)
    assert (result.width, result.height) == (facts["width"], facts["height"]) == (120, 90)
    assert result.recipe == facts["recipe"]
    assert 0 <= facts["color_drift"] < 0.5
    assert json.dumps(facts["notices"]) == "[]"
    said = by_position(client, "/estimate", handle_file(photo), scale=2)
    assert (said["width"], said["height"], said["tiles"]) == (120, 90, 1)
    assert said["seconds"] > 0
    assert said["memory"] > 1e8


def test_two_clients_at_once_get_their_own_results(app: App, tmp_path: Path) -> None:
    got: dict[int, list[tuple[int, int]]] = {0: [], 1: []}

    def work(number: int) -> None:
        height, width = (20, 31) if number else (33, 24)
        write_picture(Picture(pixels=colors(height, width)), tmp_path / str(number) / "same-name.png")
        one = Client(app.url, verbose=False, download_files=tmp_path / f"received{number}")
        for _ in range(4):
            file, facts = by_position(one, "/upscale", handle_file(tmp_path / str(number) / "same-name.png"))
            with Image.open(file) as image:
                got[number].append(image.size)
            assert facts["width"] == width * 4
        one.close()

    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert got == {0: [(96, 132)] * 4, 1: [(124, 80)] * 4}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strength": 3}, "Strength is 3|less than or equal|maximum"),
        ({"scale": 17}, "17|16"),
        ({"longest": 5000}, "at most 960 pixels"),
        ({"tile": 3}, "between 32 and 4096"),
        ({"model": "/etc/passwd"}, "/etc/passwd"),
        ({"model": "../../weights/anything.pth"}, "anything"),
    ],
)
def test_wrong_requests_are_answered_with_what_is_wrong(
    client: Client, photo: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises((AppError, ValueError), match=words) as caught:
        by_position(client, "/upscale", handle_file(photo), **changes)
    assert "Traceback" not in str(caught.value)
    assert "site-packages" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["/upscale", "/estimate"])
@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/../etc/passwd", str(Path(__file__))])
def test_files_of_the_server_are_refused(app: App, endpoint: str, path: str) -> None:
    """As no client would ask: the path of a file that this visitor has not uploaded."""
    values = SETTINGS | (SAVING if endpoint == "/upscale" else {})
    stolen = {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "x.png"}
    body = json.dumps({"data": [stolen, *values.values()]}).encode()
    address = f"{app.url}/gradio_api/call{endpoint}"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{address}/{event}", timeout=20) as answer:
        said = answer.read().decode()
    assert said.startswith("event: error")
    assert "root:" not in said
    assert "not a picture" not in said  # it was not even opened


def test_without_a_picture_the_api_says_so(client: Client) -> None:
    with pytest.raises(AppError, match="No picture was sent: give a file"):
        by_position(client, "/upscale", None)
