"""The Repair tab as people use it, in Chromium, with stand-ins for its networks; and its endpoints as programs do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import Page, expect

from browser.conftest import PATIENCE, App, OpenPage, launched
from browser.on_stage import do, download, give, look, part, stroke
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture

pytestmark = pytest.mark.filterwarnings("default:unclosed:ResourceWarning")  # gradio_client's event loops
expect.set_options(timeout=PATIENCE)
MIDDLES = ((80, 100), (240, 100), (400, 110))  # of the stand-in's faces


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The tab alone, without networks, in the place of the whole app."""
    with launched(tmp_path_factory.mktemp("repair"), str(Path(__file__).parent / "repair_page.py")) as running:
        yield running


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """480 x 300, brighter to the right."""
    shades = np.linspace(20, 100, 480)[None] + np.random.default_rng(3).integers(0, 9, (300, 480))
    write_picture(Picture(pixels=np.repeat(shades.astype(np.uint8)[..., None], 3, 2)), tmp_path / "group.png")
    return tmp_path / "group.png"


def open_tab(page: Page, photo: Path, name: str = "Repair") -> None:
    page.get_by_role("tab", name=name).click()
    give(page, "repair", photo)
    expect(page.locator("#repair-faces img")).to_have_count(3)
    expect(part(page, "repair", ".chip")).to_have_count(3)


def result(page: Page, folder: Path) -> Picture:
    return read_picture(download(page, "#repair-download", folder))


def repaired(page: Page, photo: Path, folder: Path) -> list[int]:
    """The faces that differ from the picture, in the download."""
    before, after = read_picture(photo).pixels.astype(int), result(page, folder).pixels.astype(int)
    apart = abs(after - before).max(2)
    return [number for number, (x, y) in enumerate(MIDDLES, 1) if apart[y - 9 : y + 9, x - 9 : x + 9].max() > 9]


def settled(page: Page, words: str) -> None:
    expect(page.locator("#repair-info")).to_contain_text(re.compile(words))


def test_from_a_group_photo_to_repaired_faces(page: Page, photo: Path, tmp_path: Path) -> None:
    open_tab(page, photo)
    expect(page.locator("#repair-estimate")).to_contain_text("Faces: 3")
    tick = page.locator("#repair-ticks").get_by_label("2", exact=True)
    tick.uncheck()
    expect(page.locator("#repair-estimate")).to_contain_text("Faces: 2")
    page.locator("#repair-run").click()
    settled(page, r"Faces: 2 of 3 · 480 × 300 in")
    assert repaired(page, photo, tmp_path) == [1, 3]
    made = result(page, tmp_path)
    assert made.recipe is not None
    assert made.recipe["task"] == "repair"
    expect(page.locator("#repair-faces")).to_contain_text(re.compile(r"1 · \w+ person"))

    # After the run: reject one without another run, and say of a new one that it takes one.
    page.locator("#repair-ticks").get_by_label("3", exact=True).uncheck()
    settled(page, "Faces: 1 of 3")
    assert repaired(page, photo, tmp_path) == [1]
    tick.check()
    settled(page, "Not repaired in this run: 2")

    # The dial of one face.
    page.locator("#repair-faces button").first.click()
    expect(page.locator("#repair-whose input")).to_have_value("1")
    dial = page.locator("#repair-strength input[type=range]")
    dial.fill("0")
    dial.dispatch_event("pointerup")
    expect(page.locator("#repair-recipe")).to_be_hidden()
    page.locator("#repair-trust input").check()
    settled(page, "preview")
    expect(part(page, "repair", 'img[src*="preview"]')).not_to_have_count(0)


def test_a_whole_photo_in_one_press(page: Page, photo: Path, tmp_path: Path) -> None:
    open_tab(page, photo)
    expect(page.locator("#repair-anonymise")).to_have_count(0)
    page.get_by_label("Hide identities").check()
    expect(page.locator("#repair-anonymise")).to_be_visible()
    expect(page.locator("#repair-fidelity")).not_to_be_visible()
    page.get_by_label("Restore the whole photo").check()
    expect(page.locator("#repair-anonymise")).not_to_be_visible()
    page.get_by_label("Find damage").uncheck()
    expect(page.locator("#repair-find-damage")).not_to_be_visible()
    page.locator("#repair-ticks").get_by_label("2", exact=True).uncheck()
    expect(page.locator("#repair-estimate")).to_contain_text("faces: 2")
    page.locator("#repair-run").click()
    settled(page, r"Restored · filled: 0.0 % · .* · faces: 2 of 3 · 480 × 300 in")
    made = result(page, tmp_path)
    assert made.recipe is not None
    assert made.recipe["restore"] is True


def test_a_scratch_and_a_face_of_ones_own(page: Page, photo: Path, tmp_path: Path) -> None:
    open_tab(page, photo)
    look(page, "repair", "paint")
    stroke(page, "repair", (200 / 480, 250 / 300), (260 / 480, 250 / 300))
    expect(page.locator("#repair-estimate")).to_contain_text(re.compile(r"masked: [1-9]"))
    do(page, "repair", "box").click()
    stroke(page, "repair", (290 / 480, 180 / 300), (350 / 480, 240 / 300))
    expect(page.locator("#repair-faces img")).to_have_count(4)
    expect(page.locator("#repair-ticks input:checked")).to_have_count(4)
    page.get_by_role("button", name="Mask face 1").click()
    page.locator("#repair-run").click()
    settled(page, "Faces: 4 of 4")
    settled(page, "filled by “patches”")
    before, after = read_picture(photo).pixels, result(page, tmp_path).pixels
    apart = (before != after).any(2)
    assert apart[245:255, 205:255].mean() > 0.5
    assert apart[200:220, 310:330].mean() > 0.9
    assert not apart[:20].any()
    assert not apart[280:].any()


def test_brush_run_compare_and_brush_again_without_scrolling(open_page: OpenPage, photo: Path, tmp_path: Path) -> None:
    page = open_page(width=1440, height=900)
    open_tab(page, photo)
    box = part(page, "repair", ".floor").bounding_box()
    assert box
    assert box["width"] >= 900
    assert box["height"] >= 600
    page.locator("#repair-ticks").get_by_label("1", exact=True).uncheck()
    scrolled = "[scrollX, scrollY, document.querySelector('#repair-stage').scrollTop]"
    look(page, "repair", "paint")
    state = part(page, "repair", ".state")
    stroke(page, "repair", (0.4, 0.85), (0.55, 0.85))
    expect(state).to_contain_text("Masked:")
    page.locator("#repair-run").click()
    settled(page, "filled by “patches”")
    expect(state).to_have_text("Nothing is masked.")
    once = result(page, tmp_path).pixels
    look(page, "repair", "compare")
    expect(page.get_by_role("slider", name="Divider")).to_be_visible()
    look(page, "repair", "paint")
    stroke(page, "repair", (0.05, 0.9), (0.1, 0.9))
    expect(part(page, "repair", ".badge")).to_have_text("Changed: run again")
    page.locator("#repair-run").click()
    expect(state).to_have_text("Nothing is masked.")
    expect(part(page, "repair", ".badge")).to_be_hidden()
    settled(page, "Faces: 2 of 3")
    twice = result(page, tmp_path).pixels
    assert (twice != once)[260:285, 20:60].any(), "the second stroke is filled"
    np.testing.assert_array_equal(twice[240:270, 190:270], once[240:270, 190:270])
    assert page.evaluate(scrolled) == [0, 0, 0]
    page.locator("#repair-again").click()
    expect(do(page, "repair", "compare")).to_have_attribute("aria-disabled", "true")


def test_a_face_is_left_and_turned_on_the_stage(page: Page, photo: Path, tmp_path: Path) -> None:
    open_tab(page, photo)
    page.locator("#repair-run").click()
    settled(page, "Faces: 3 of 3")
    page.get_by_role("button", name="Face 2, to be changed").click()
    card = part(page, "repair", ".card")
    card.get_by_role("checkbox").uncheck()
    settled(page, "Faces: 2 of 3")
    expect(page.locator("#repair-ticks").get_by_label("2", exact=True)).not_to_be_checked()
    expect(card).to_be_visible()
    assert repaired(page, photo, tmp_path) == [1, 3]
    # And the other way round.
    page.locator("#repair-ticks").get_by_label("2", exact=True).check()
    settled(page, "Faces: 3 of 3")
    expect(page.get_by_role("button", name="Face 2, to be changed")).to_be_visible()
    page.locator("#repair-ticks").get_by_label("1", exact=True).uncheck()
    expect(page.get_by_role("button", name="Face 1, left as it is")).to_be_visible()


def test_what_is_refused_leaves_the_picture_and_says_why_in_its_place(page: Page, photo: Path, tmp_path: Path) -> None:
    open_tab(page, photo)
    (tmp_path / "notes.png").write_text("words")
    give(page, "repair", tmp_path / "notes.png")
    words = page.locator("#repair-board").get_by_role("alert")
    expect(words).to_contain_text("'notes.png' is a text, not a picture")
    expect(part(page, "repair", ".chip")).to_have_count(3)
    expect(part(page, "repair", ".doing")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_in_chinese(open_page: OpenPage, photo: Path, scheme: str) -> None:
    page = open_page("/?lang=zh-CN", width=390, height=844, color_scheme=scheme)
    open_tab(page, photo, "修复")
    page.locator("#repair-run").click()
    settled(page, "人脸：3 / 3")
    page.get_by_text("更多", exact=True).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("board", "run", "info", "trust", "faces", "ticks", "whose", "fidelity"):
        box = page.locator(f"#repair-{name}").bounding_box()
        assert box, name
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    text = page.locator("main, .gradio-container").first.inner_text()
    rest = re.sub(r"\([^()]*\)|\b(JPEG|WebP|PNG|TIFF|GPS|API|Upscale|repairer)\b", "", text)
    assert not re.findall(r"[A-Za-z]{3,} [a-z]{2,}", rest)


def test_the_api(app: App, photo: Path, tmp_path: Path) -> None:
    client = Client(app.url, verbose=False, download_files=tmp_path / "received")
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/detect", "/repair", "/restore"}
    seen = client.predict(handle_file(photo), api_name="/detect")
    assert [face["number"] for face in seen["faces"]] == [1, 2, 3]
    file, facts = client.predict(handle_file(photo), None, "2", api_name="/repair")
    assert [face["number"] for face in facts["repaired"]] == [2]
    assert read_picture(file).recipe == facts["recipe"]
    client.close()
