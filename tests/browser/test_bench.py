"""The page as a bench: its places at every size of window, the one button that runs and stops, and the queue."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from browser import on_stage
from browser.conftest import LEAVES, PATIENCE, OpenPage, Watched
from editing.pictures.picture import Picture
from editing.pictures.write import write_picture

expect.set_options(timeout=PATIENCE)
TABS = ("upscale", "repair", "stylize", "generate")


def box(page: Page, place: str) -> dict[str, float]:
    found: Any = page.locator(place).bounding_box()
    assert found is not None, place
    return dict(found)


def tabs(page: Page) -> Locator:
    return page.locator("#tabs > .tab-wrapper").get_by_role("tab")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 700)])
def test_a_wide_window_scrolls_in_the_panel_alone(open_page: OpenPage, width: int, height: int) -> None:
    page = open_page(width=width, height=height)
    for number, name in enumerate(TABS):
        tabs(page).nth(number).click()
        expect(page.locator(f"#{name}-run")).to_be_visible()
        stage, panel, run = (box(page, f"#{name}-{part}") for part in ("stage", "panel", "run"))
        assert stage["x"] == 0
        assert panel["width"] == pytest.approx(340, abs=1)
        assert stage["width"] + panel["width"] == pytest.approx(width, abs=1)
        if width == 1440:
            assert stage["width"] >= 900
            assert stage["height"] >= 600
        assert run["y"] + run["height"] <= height
        assert page.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]") == [
            height, width
        ]  # fmt: skip


def test_a_phone_has_four_equal_tabs_the_stage_and_the_button_in_sight(open_page: OpenPage) -> None:
    page = open_page(width=390, height=844, has_touch=True)
    for number, name in enumerate(TABS):
        tabs(page).nth(number).tap()
        expect(page.locator(f"#{name}-run")).to_be_visible()
        cells = [cell.bounding_box() or {} for cell in tabs(page).all()]
        assert [cell["width"] for cell in cells] == pytest.approx([390 / 4] * 4, abs=1)
        assert [cell["x"] for cell in cells] == sorted(cell["x"] for cell in cells)
        assert all(cell["height"] >= 43 for cell in cells)
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(100)
        stage, run = box(page, f"#{name}-stage"), box(page, f"#{name}-run")
        assert 0 <= stage["y"] <= 90
        assert 380 <= stage["height"] <= 500
        assert run["height"] >= 44
        assert run["y"] + run["height"] <= 844
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


# ---- run, stop, queue ------------------------------------------------------------------------------------------------


def give_long_work(page: Page, folder: Path) -> None:
    """Some two thousand short tiles: half a minute on a fast machine."""
    down, across = np.mgrid[0:1500, 0:1600]
    pixels = np.dstack([across % 256, down % 256, (across + down) % 256]).astype(np.uint8)
    write_picture(Picture(pixels=pixels), folder / "large.png")
    page.get_by_text("More", exact=True).click()
    tile = page.locator("#upscale-tile input")
    tile.fill("32")
    tile.blur()
    on_stage.give(page, "upscale", folder / "large.png")
    expect(page.locator("#upscale-estimate")).to_contain_text(re.compile(r"tiles: \d{4}"), timeout=4 * PATIENCE)


def test_one_button_runs_and_stops_and_who_waits_knows_the_place(open_page: OpenPage, tmp_path: Path) -> None:
    first, second = open_page(), open_page()
    for page in (first, second):
        give_long_work(page, tmp_path)
    run, stop, line = (
        first.locator(f"#upscale-panel {part}") for part in ("#upscale-run", "#upscale-stop", "job-line")
    )
    expect(stop).to_be_hidden()
    run.focus()
    run.press("Enter")
    expect(line).to_contain_text(re.compile(r"Tiles: [1-9]\d* of \d{4} · .* left"))
    expect(run).to_be_hidden()
    expect(stop).to_be_focused()

    # The second one waits, says so, and leaves the queue at once, while the first one goes on.
    waiting = second.locator("#upscale-panel job-line")
    second.locator("#upscale-run").click()
    expect(waiting).to_contain_text(re.compile(r"Waiting: one job before yours, about .*\d"))
    second.locator("#upscale-stop").click()
    expect(second.locator("#upscale-run")).to_be_visible(timeout=2000)
    expect(stop).to_be_visible()
    expect(second.locator(".toast-body")).to_have_count(0)

    # Pressed, it says at once what it waits for.
    first.evaluate("document.querySelector('#upscale-stop').click()")
    assert first.locator("#upscale-panel .job-text").inner_text() == "Stopping after this tile…"
    expect(run).to_be_visible()
    expect(run).to_be_focused()
    expect(first.locator("#upscale-download")).to_be_disabled()


# ---- one click, from tab to tab, and back ----------------------------------------------------------------------------


def test_an_example_runs_in_one_click_and_a_reload_brings_it_back(page: Page, watched: Watched) -> None:
    watched.expected += LEAVES
    page.locator("#upscale-example-4").click()  # the drawing, by a fast model
    info = page.locator("#upscale-info")
    expect(info).to_contain_text(re.compile(r"640 × 640.* in "))
    expect(page.locator("#visit button")).to_have_count(1)
    words = info.inner_text()

    # It goes on, with where it came from.
    page.locator("#upscale-to-stylize").click()
    expect(page.locator("#tabs > .tab-wrapper").get_by_role("tab", name="Stylize")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(page.locator("#stylize-panel .prose.came")).to_contain_text(
        "From Upscale: the result, drawing-anime-fast-x4.png"
    )
    expect(page.locator("#stylize-estimate")).to_contain_text("640 × 640")

    # A reload finds picture, settings and result; of what was not run in Stylize nothing.
    page.reload()
    expect(info).to_have_text(words)
    expect(page.locator("#upscale-kind").get_by_label("Drawing")).to_be_checked()
    expect(page.locator("#upscale-download")).to_be_enabled()
    expect(page.locator("#visit button")).to_have_count(1)

    # The strip leads back to it from anywhere.
    tabs(page).nth(3).click()
    page.locator("#visit button").first.click()
    expect(tabs(page).nth(0)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#upscale-panel .prose.came")).to_contain_text("earlier in this visit")


def test_a_result_file_offers_its_settings_in_whatever_tab_it_is_dropped(page: Page, tmp_path: Path) -> None:
    pixels = np.full((20, 30, 3), 90, np.uint8)
    recipe = {
        "task": "upscale", "options": {"model": "anime-fast", "scale": 2, "strength": 0.5}, "version": "0.0.1",
        "weights": [{"name": "anime-fast", "sha256": "1" * 64}],
    }  # fmt: skip
    write_picture(Picture(pixels=pixels), tmp_path / "made.png", recipe=recipe)
    tabs(page).nth(2).click()
    on_stage.give(page, "stylize", tmp_path / "made.png")
    offered = page.locator("#stylize-use-recipe")
    expect(offered).to_have_text("Made in Upscale: go there with its settings")
    offered.click()
    said = page.locator(".toast-wrap")  # first, since toasts go after a while
    expect(said).to_contain_text("It was made by Atelier 0.0.1")
    expect(said).to_contain_text("111111111111")  # of the weight that made it
    expect(tabs(page).nth(0)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#upscale-strength input[type=number]")).to_have_value("0.5")
    expect(page.locator("#upscale-scale").get_by_label("2×")).to_be_checked()
    expect(page.locator("#upscale-estimate")).to_contain_text("30 × 20")


# ---- readers, keyboards, languages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1440, 900), ("dark", 1440, 900), ("light", 390, 844)]
)
def test_axe_finds_nothing_serious(open_page: OpenPage, scheme: str, width: int, height: int) -> None:
    page = open_page(color_scheme=scheme, width=width, height=height)
    page.get_by_role("tab").first.wait_for()
    for number, name in enumerate(TABS):
        tabs(page).nth(number).click()
        expect(page.locator(f"#{name}-run")).to_be_visible()
        if name == "generate":
            page.locator("#generate-directions > button").click()
            expect(page.locator("#generate-directions .ends img")).to_have_count(16)
        page.wait_for_timeout(500)  # what fades in has faded in
        found = Axe().run(page).response["violations"]
        grave = [
            (name, one["id"], node["html"][:200], [why["message"] for why in node["any"]])
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
        assert not grave


def test_a_file_of_the_wrong_kind_is_refused_in_the_pages_language(open_page: OpenPage, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    page = open_page("/?lang=zh-CN")
    tabs(page).nth(2).click()
    page.get_by_text("或使用自己的风格图片").click()
    page.locator("#stylize-own input[type=file]").set_input_files(tmp_path / "notes.txt")
    said = page.locator(".toast-body")
    expect(said).to_contain_text("这里不能用这种文件：notes.txt")
    expect(said).to_contain_text("未能完成")
    expect(said).not_to_contain_text("Error")
