"""The Generate tab as people use it, with the generator that ships; and its two endpoints as programs do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Locator, Page, expect

from browser.conftest import PATIENCE, App, OpenPage
from browser.on_stage import download, part
from editing.options import GenerateOptions
from editing.pictures.read import read_picture
from editing.pipelines import generate

pytestmark = pytest.mark.filterwarnings("default:unclosed:ResourceWarning")  # gradio_client's event loops
expect.set_options(timeout=PATIENCE)


def opened(page: Page, tab: str = "Generate") -> Page:
    page.get_by_role("tab", name=tab, exact=True).click()
    return page


def tiles(page: Page) -> Locator:
    return part(page, "generate", ".tile")


def info(page: Page) -> Locator:
    return page.locator("#generate-info")


def press(page: Page, slider: str, share: float) -> None:
    """Click on a slider's track, ``share`` of the way along."""
    track = page.locator(f"{slider} input[type=range]")
    box = track.bounding_box()
    assert box is not None
    track.click(position={"x": box["width"] * share, "y": box["height"] / 2})


def test_faces_from_seeds_to_a_file_and_on_to_upscale(page: Page, tmp_path: Path) -> None:
    opened(page)
    expect(page.locator("#generate-note")).to_contain_text("These people do not exist.")
    page.locator("#generate-more > button").click()
    page.locator("#generate-seed input").fill("40")
    page.locator("#generate-run").click()
    faces = tiles(page)
    expect(faces.nth(0)).to_have_attribute("aria-label", "40")
    assert [face.get_attribute("aria-label") for face in faces.all()] == [str(seed) for seed in range(40, 52)]
    expect(info(page)).to_contain_text("Seed 40 · 128 × 128 · truncation 0.7")

    faces.nth(3).click()
    expect(info(page)).to_contain_text("Seed 43")
    expect(info(page)).to_contain_text(re.compile(r"Novelty \d\.\d\d"))
    saved = download(page, "#generate-download", tmp_path)
    assert saved.name == "seed-000043.png"
    found = read_picture(saved)
    options = generate.options_of(found.recipe or {})
    assert isinstance(options, GenerateOptions)
    assert np.array_equal(generate.generate(options)[0].picture.pixels, found.pixels)

    # Moving the truncation draws the same seeds again, and the same one stays chosen.
    press(page, "#generate-truncation", 0)
    expect(info(page)).to_contain_text("Seed 43 · 128 × 128 · truncation 0")
    expect(part(page, "generate", ".state")).to_have_text("43 · 128 × 128")  # it stays open

    page.get_by_label("256 pixels").click()
    expect(info(page)).to_contain_text("256 × 256")
    expect(part(page, "generate", ".state")).to_have_text("43 · 256 × 256")
    large = read_picture(download(page, "#generate-download", tmp_path))
    assert large.pixels.shape == (256, 256, 3)

    page.locator("#generate-to-upscale").click()
    expect(page.get_by_role("tab", name="Upscale", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#upscale-estimate")).to_contain_text("256 × 256 → 1024 × 1024")

    # It stands in the strip of the visit's results, beside the one that was saved before, and leads back.
    expect(page.locator("#visit button")).to_have_count(2)
    page.locator("#visit button").first.click()
    expect(page.get_by_role("tab", name="Generate", exact=True)).to_have_attribute("aria-selected", "true")
    expect(info(page)).to_contain_text("Seed 43 · 256 × 256 · truncation 0")
    expect(tiles(page)).to_have_count(1)

    # The file gives the settings back.
    opened(page)
    page.locator("#generate-restore").locator("xpath=..").locator("input[type=file]").set_input_files(saved)
    expect(page.locator("#generate-seed input")).to_have_value("43")
    expect(page.locator("#generate-truncation input[type=number]")).to_have_value("0.7")


def test_marked_faces_are_mixed_and_walked_along(page: Page) -> None:
    opened(page)
    page.locator("#generate-run").click()
    check = page.locator("#generate-board").get_by_role("checkbox")
    expect(check).to_have_count(12)
    tiles(page).nth(4).click(modifiers=["Shift"])
    tiles(page).nth(2).click(modifiers=["Shift"])
    check.nth(7).click()
    opened(page, "Walk")
    expect(page.locator("#generate-seeds input, #generate-seeds textarea")).to_have_value("4, 2, 7")
    opened(page, "Mix")
    expect(page.locator("#generate-first input")).to_have_value("4")
    expect(page.locator("#generate-second input")).to_have_value("2")


def test_a_mix_and_a_walk(page: Page, tmp_path: Path) -> None:
    opened(opened(page), "Mix")
    page.wait_for_timeout(1000)  # nobody presses Run before the server has heard of the tab
    page.locator("#generate-run").click()
    expect(tiles(page)).to_have_count(3)
    expect(info(page)).to_contain_text("Seed 1 with 50 % of seed 2")
    press(page, "#generate-mix", 1)
    expect(info(page)).to_contain_text("Seed 1 with 100 % of seed 2")

    opened(page, "Walk")
    page.locator("#generate-seeds input, #generate-seeds textarea").fill("7, 8")
    page.locator("#generate-frames input[type=number]").fill("8")
    page.locator("#generate-run").click()
    expect(page.locator("#generate-webp")).to_be_enabled()
    expect(part(page, "generate", ".pictures img")).to_have_attribute("src", re.compile(r"walk\.webp"))
    press(page, "#generate-scrubber", 1)
    expect(part(page, "generate", ".pictures img")).to_have_attribute("src", re.compile(r"walk-008\.png"))
    expect(info(page)).to_contain_text("Seed 8 with 75 % of seed 7")
    clip = read_picture(download(page, "#generate-webp", tmp_path))
    assert clip.recipe is not None
    assert clip.recipe["options"]["seeds"] == [7, 8]
    assert download(page, "#generate-mp4", tmp_path).read_bytes()[4:8] == b"ftyp"


def test_a_seed_out_of_range_is_told_in_chinese_on_a_phone(open_page: OpenPage) -> None:
    page = opened(open_page(width=390, height=844, locale="zh-CN"), "生成")
    page.locator("#generate-more > button").click()
    page.locator("#generate-seed input").fill("-1")
    page.locator("#generate-run").click()
    expect(page.locator(".toast-body")).to_contain_text("种子为 -1")
    page.locator("#generate-seed input").fill("1")
    page.locator("#generate-run").click()
    expect(info(page)).to_contain_text("种子 1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for face in tiles(page).all():
        box = face.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390


@pytest.fixture
def client(app: App, tmp_path: Path) -> Iterator[Client]:
    connected = Client(app.url, verbose=False, download_files=tmp_path / "received")
    yield connected
    connected.close()


def test_faces_and_walks_by_the_api(client: Client) -> None:
    files, facts = client.predict(seed=7, count=2, api_name="/generate")
    assert [one["seed"] for one in facts["pictures"]] == [7, 8]
    for file, one in zip(files, facts["pictures"], strict=True):
        assert read_picture(file).recipe == one["recipe"]
    clip, facts = client.predict(seeds="1, 2", frames=4, file_format="mp4", api_name="/walk")
    assert Path(clip).suffix == ".mp4"
    assert [frame["amount"] for frame in facts["frames"]] == [0, 0.5, 0, 0.5]
    for wrong, said in (
        ({"seed": -1}, "Seed is -1"),
        ({"count": 99}, "1 to 36 are possible"),
        ({"model": "/etc/passwd"}, "There is no"),
    ):
        with pytest.raises(AppError, match=said):
            client.predict(api_name="/generate", **wrong)
