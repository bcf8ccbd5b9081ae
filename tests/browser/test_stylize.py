"""The Stylize tab as people use it, with a tiny random network; and its two endpoints as programs do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from made_clips import moving, video
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from browser import on_stage
from browser.conftest import PATIENCE, STYLES, STYLIZER, App, OpenPage
from browser.on_stage import download
from editing.pictures.read import read_picture

pytestmark = pytest.mark.filterwarnings("default:unclosed:ResourceWarning")  # gradio_client's event loops
expect.set_options(timeout=PATIENCE)
NAMES = {"en": "Stylize", "zh": "风格化"}


def photo(folder: Path, name: str = "photo.png", width: int = 96, height: int = 64) -> Path:
    down, across = np.mgrid[0:height, 0:width]
    pixels = np.dstack([across * 2, down * 3, (across + down) % 256]).astype(np.uint8)
    Image.fromarray(pixels).save(folder / name)
    return folder / name


def opened(page: Page, language: str = "en") -> Page:
    """The tab with the tiny stylizer chosen; without one that ships it is the only one, and there is no choice."""
    page.get_by_role("tab", name=NAMES[language], exact=True).click()
    expect(page.locator("#stylize-style input")).to_be_visible()
    models = page.locator("#stylize-model input")
    if models.count():
        models.click()
        page.get_by_role("option", name=STYLIZER).click()
        expect(page.locator("#stylize-style input")).to_have_value(f"{STYLES[0].title()} · A. Painter, 1900")
    return page


def give(page: Page, file: Path, tab: str = "stylize") -> None:
    on_stage.give(page, tab, file)


def choose(page: Page, dropdown: str, style: str) -> None:
    page.locator(f"{dropdown} input").click()
    page.get_by_role("option", name=style.title()).click()


def draw(page: Page, name: str, at: float = 0.5) -> str:
    """Dab at the height ``at`` of a stage; gives what the stage then says is masked."""
    state = masked(page, name)
    before = state.inner_text()
    on_stage.stroke(page, name, (0.5, at))
    expect(state).not_to_have_text(before)
    return state.inner_text()


def masked(page: Page, name: str) -> Locator:
    """What a stage says is masked."""
    expect(on_stage.do(page, name, "paint")).to_have_attribute("aria-disabled", "false")
    on_stage.look(page, name, "paint")
    return on_stage.part(page, name, ".state")


def test_a_photo_painted_mixed_and_masked(page: Page, tmp_path: Path) -> None:
    opened(page)
    given = photo(tmp_path)
    give(page, given)
    expect(page.locator("#stylize-estimate")).to_contain_text("96 × 64 · about")
    page.get_by_text("Mix with a second style").click()
    choose(page, "#stylize-second", STYLES[1])
    page.locator("#stylize-run").click()
    info = page.locator("#stylize-info")
    expect(info).to_contain_text("96 × 64 in")
    saved = download(page, "#stylize-download", tmp_path)
    assert saved.name == "photo-waves-night.png"
    found, before = read_picture(saved), read_picture(given).pixels
    assert (found.recipe or {})["options"]["second"] == "night"
    assert not np.array_equal(found.pixels, before)

    # The mask and the strength need no second run, and leave the rest as it was to the last bit.
    shown = on_stage.addresses(page, "stylize")[-1]
    draw(page, "stylize")
    page.wait_for_function(
        """shown => document.querySelector("#stylize-board atelier-stage").firstChild.shadowRoot
          .querySelector(".pictures img").src !== shown""",
        arg=shown,
    )  # the mask is seen on the result
    page.get_by_text("Recipe", exact=True).click()
    recipe = page.locator("#stylize-recipe")
    expect(recipe).to_contain_text("masked")
    part = read_picture(download(page, "#stylize-download", tmp_path)).pixels
    np.testing.assert_array_equal(part[:, :8], before[:, :8])
    np.testing.assert_array_equal(part[32, 48], found.pixels[32, 48])

    strength = page.locator("#stylize-strength input[type=range]")
    strength.focus()
    strength.press("Home")
    expect(recipe).to_contain_text(re.compile(r'"strength"\s*:\s*0\s*,'))
    plain = download(page, "#stylize-download", tmp_path)
    assert plain.name == "photo-waves-night-s0.png"
    np.testing.assert_array_equal(read_picture(plain).pixels, before)

    # The file gives the settings back.
    give(page, saved)
    page.locator("#stylize-use-recipe").click()
    expect(page.locator("#stylize-strength input[type=number]")).to_have_value("1")
    page.locator("#stylize-to-upscale").click()
    expect(page.get_by_role("tab", name="Upscale", exact=True)).to_have_attribute("aria-selected", "true")


def test_an_own_style_and_all_styles_on_a_sheet(page: Page, tmp_path: Path) -> None:
    opened(page)
    give(page, photo(tmp_path))
    page.get_by_text("Or a style picture of your own").click()
    page.locator("#stylize-own input[type=file]").set_input_files(photo(tmp_path, "mine.png", 80, 80))
    expect(page.locator("#stylize-style input")).to_have_value("")
    page.locator("#stylize-run").click()
    expect(page.locator("#stylize-info")).to_contain_text("96 × 64 in")
    assert download(page, "#stylize-download", tmp_path).name == "photo-mine.png"

    page.locator("#stylize-sheet-run").click()
    sheet = on_stage.part(page, "stylize", ".tile")
    expect(sheet).to_have_count(len(STYLES))
    sheet.nth(1).click()
    expect(page.locator("#stylize-style input")).to_have_value("Night · A. Painter, 1900")
    page.locator("#stylize-run").click()
    page.get_by_text("Recipe", exact=True).click()
    expect(page.locator("#stylize-recipe")).to_contain_text("night")
    assert download(page, "#stylize-download", tmp_path).name == "photo-night.png"


def test_what_is_wrong_is_said_in_chinese_on_a_phone(open_page: OpenPage, tmp_path: Path) -> None:
    page = opened(open_page(width=390, height=844, locale="zh-CN"), "zh")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    give(page, tmp_path / "broken.jpg")
    expect(page.locator(".toast-body").first).to_contain_text("broken.jpg")
    give(page, photo(tmp_path))
    expect(page.locator("#stylize-estimate")).to_contain_text("96 × 64")
    page.get_by_text("精细绘制：慢而细致").click()
    expect(page.locator("#stylize-fine-estimate")).to_contain_text("没有“waves”的原画")
    page.locator("#stylize-run").click()
    expect(page.locator("#stylize-info")).to_contain_text("96 × 64")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_fine_paints_towards_a_picture_of_ones_own(page: Page, tmp_path: Path) -> None:
    opened(page)
    give(page, photo(tmp_path))
    page.get_by_text("Or a style picture of your own").click()
    page.locator("#stylize-own input[type=file]").set_input_files(photo(tmp_path, "mine.png", 80, 80))
    strokes = page.locator("#stylize-scale input[type=number]")
    strokes.fill("4")  # painted at 192 pixels
    strokes.press("Tab")
    page.get_by_text("Fine: slow and thorough").click()
    steps = page.locator("#stylize-steps input[type=number]")
    steps.fill("10")
    steps.press("Tab")
    expect(page.locator("#stylize-fine-estimate")).to_contain_text(re.compile("96 × 64 · about .* steps: 10"))
    page.locator("#stylize-optimise").click()
    expect(page.locator("#stylize-info")).to_contain_text("Steps: 10 of 10")
    assert download(page, "#stylize-download", tmp_path).name == "photo-mine-fine.png"


def test_a_clip_is_painted(page: Page, tmp_path: Path) -> None:
    opened(page)
    page.get_by_role("tab", name="Clip").click()
    page.locator("#stylize-clip input[type=file]").set_input_files(video(tmp_path / "film.mp4", moving(3)))
    expect(page.locator("#stylize-estimate")).to_contain_text("3 frames · about")
    page.locator("#stylize-run").click()
    expect(page.locator("#stylize-clip-info")).to_contain_text(re.compile("64 × 48 · 3 frames in .* MP4"))
    expect(on_stage.part(page, "stylize-clips", ".pictures video")).to_have_count(2)
    expect(page.locator("#stylize-clip-download")).to_be_enabled()


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    connected = Client(app.url, verbose=False)
    yield connected
    connected.close()


def test_the_endpoints(client: Client, tmp_path: Path) -> None:
    listed = client.predict(model=STYLIZER, api_name="/styles")
    assert [style["name"] for style in listed] == list(STYLES)
    given = photo(tmp_path)
    file, facts = client.predict(
        file=handle_file(given), style="night", strength=0, model=STYLIZER, api_name="/stylize"
    )
    np.testing.assert_array_equal(read_picture(file).pixels, read_picture(given).pixels)
    assert facts["recipe"]["options"]["style"] == "night"
    with pytest.raises(AppError, match="Choices: waves, night"):
        client.predict(file=handle_file(given), style="dusk", model=STYLIZER, api_name="/stylize")


def test_a_mask_goes_to_the_repair_tab_and_back(page: Page, tmp_path: Path) -> None:
    opened(page)
    give(page, photo(tmp_path))
    drawn = draw(page, "stylize")
    page.locator("#stylize-to-repair").click()
    expect(page.locator("#repair-estimate")).to_contain_text("about")
    expect(masked(page, "repair")).to_have_text(drawn)
    # There more is drawn; the other tab takes the picture anew, though it has the same.
    more = draw(page, "repair", at=0.9)
    page.locator("#repair-to-stylize").click()
    expect(masked(page, "stylize")).to_have_text(more)
    # It is gone with that picture: the next one begins without a mask.
    give(page, photo(tmp_path, "other.png", 80, 60))
    expect(on_stage.part(page, "stylize", ".state")).to_have_text("Nothing is masked.")


def test_a_mask_comes_to_a_tab_that_was_never_opened(page: Page, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Repair", exact=True).click()
    give(page, photo(tmp_path), "repair")
    drawn = draw(page, "repair")
    page.locator("#repair-to-stylize").click()
    # Gradio tells of a picture once more when its tab is shown for the first time: that must not take the mask away.
    expect(page.locator("#stylize-estimate")).to_contain_text("96 × 64 · about")
    page.wait_for_timeout(3000)
    expect(masked(page, "stylize")).to_have_text(drawn)
