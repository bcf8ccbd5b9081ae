"""Clips in the Upscale tab as people use them, in Chromium; and their endpoint."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from made_clips import animation, moving, video
from playwright.sync_api import Page, expect

from browser import on_stage
from browser.conftest import PATIENCE, App
from browser.on_stage import download
from browser.test_upscale import choose, estimate, toast
from editing.clips.read import probe_clip

pytestmark = pytest.mark.filterwarnings("default:unclosed:ResourceWarning")  # gradio_client's event loops
expect.set_options(timeout=PATIENCE)


def give_clip(page: Page, file: Path) -> None:
    page.get_by_role("tab", name="Clip").click()
    page.locator("#upscale-clip input[type=file]").set_input_files(file)


def info(page: Page) -> Any:
    return page.locator("#upscale-clip-info")


def test_a_video_from_upload_to_download(page: Page, tmp_path: Path) -> None:
    path = video(tmp_path / "film.mp4", moving(6), sound="aac")
    choose(page, "anime-fast")
    give_clip(page, path)
    expect(estimate(page)).to_contain_text(re.compile(r"64 × 48 → 256 × 192 · 6 frames · about"))
    page.locator("#upscale-run").click()
    expect(info(page)).to_contain_text(re.compile(r"256 × 192 · 6 frames in .* MP4"))
    # Both lie on the stage, with the divider between them; the browser knows their sizes, and plays them in step.
    reels = on_stage.part(page, "upscale-clips", ".pictures video")
    expect(reels).to_have_count(2)
    expect(on_stage.part(page, "upscale-clips", ".board")).to_have_attribute("data-look", "compare")
    assert [reel.evaluate("reel => reel.videoWidth") for reel in reels.all()] == [64, 256]
    reels.last.evaluate("reel => new Promise(went => reel.addEventListener('timeupdate', went, { once: true }))")
    on_stage.do(page, "upscale-clips", "play").click()
    first, second = (reel.evaluate("reel => reel.currentTime") for reel in reels.all())
    assert abs(first - second) < 0.1
    on_stage.look(page, "upscale-clips", "result")
    expect(reels).to_have_count(1)
    result = download(page, "#upscale-clip-download", tmp_path)
    assert result.name == "film-anime-fast-x4.mp4"
    header = probe_clip(result)
    assert (header.width, header.height, header.frames, header.sound) == (256, 192, 6, True)


def test_a_gif_stays_one_and_may_become_something_else(page: Page, tmp_path: Path) -> None:
    path = animation(tmp_path / "cat.gif", moving(3), loop=0)
    choose(page, "anime-fast")
    give_clip(page, path)
    expect(estimate(page)).to_contain_text("3 frames")
    page.locator("#upscale-run").click()
    expect(info(page)).to_contain_text(re.compile("3 frames in .* GIF"))
    expect(on_stage.part(page, "upscale-clips", ".pictures img")).to_have_count(2)
    assert probe_clip(download(page, "#upscale-clip-download", tmp_path)).frames == 3
    page.locator("#upscale-clip-format").get_by_text("WebM").click()
    page.locator("#upscale-run").click()
    expect(info(page)).to_contain_text("WebM")
    expect(on_stage.part(page, "upscale-clips", ".pictures video")).to_have_count(1)


def test_stop_shows_what_is_done_and_run_goes_on(page: Page, tmp_path: Path) -> None:
    path = video(tmp_path / "long.mp4", moving(100, 180, 240))
    choose(page, "anime-fast")
    give_clip(page, path)
    expect(estimate(page)).to_contain_text("100 frames")
    page.locator("#upscale-run").click()
    progress = page.locator("#upscale-panel job-line .job-text")
    expect(progress).to_contain_text(re.compile(r"Frames: [1-9]\d* of 100 · .* left"))
    page.locator("#upscale-stop").click()
    expect(info(page)).to_contain_text(re.compile(r"Stopped: .* \d+ of 100 frames. Run goes on from there"))
    part = download(page, "#upscale-clip-download", tmp_path)
    assert part.name == "long-anime-fast-x4.partial.mp4"
    assert 1 <= probe_clip(part).frames < 100
    page.locator("#upscale-run").click()
    expect(progress).to_contain_text(re.compile("Frames: [1-9]"))
    page.locator("#upscale-stop").click()
    expect(info(page)).to_contain_text("Stopped")


def test_what_is_no_clip_is_refused_with_a_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("<b>Nothing</b> but words.\n" * 50)
    give_clip(page, tmp_path / "text.mp4")
    expect(toast(page)).to_contain_text("'text.mp4' is a text, not a clip")
    expect(estimate(page)).to_contain_text("Drop a clip")
    page.locator("#upscale-run").click()
    expect(toast(page).filter(has_text="There is no clip yet")).to_be_visible()
    still = animation(tmp_path / "still.gif", moving(1))
    give_clip(page, still)
    expect(toast(page).filter(has_text="is a still picture")).to_be_visible()


def test_a_moving_picture_among_the_still_ones_is_told_where_to_go(page: Page, tmp_path: Path) -> None:
    choose(page, "anime-fast")  # the default's measurement would keep the next visitor waiting
    on_stage.give(page, "upscale", animation(tmp_path / "a.gif", moving(3)))
    expect(toast(page).filter(has_text="The first of 3 frames")).to_be_visible()
    expect(toast(page).filter(has_text="the tab “Clip” does all of its frames")).to_be_visible()


def test_clips_among_several_files(page: Page, tmp_path: Path) -> None:
    choose(page, "anime-fast")
    page.get_by_role("tab", name="Several pictures").click()
    page.locator("#upscale-files input[type=file]").set_input_files(
        [animation(tmp_path / "a.gif", moving(2)), video(tmp_path / "b.mp4", moving(2)),
         animation(tmp_path / "c.png", moving(1))]
    )  # fmt: skip
    expect(estimate(page)).to_contain_text("3 pictures · about")
    page.locator("#upscale-run").click()
    expect(page.locator("#upscale-zip")).to_be_enabled()
    with zipfile.ZipFile(download(page, "#upscale-zip", tmp_path)) as archive:
        assert sorted(archive.namelist()) == ["a-anime-fast-x4.gif", "b-anime-fast-x4.mp4", "c-anime-fast-x4.png"]


@pytest.fixture
def client(app: App, tmp_path: Path) -> Iterator[Client]:
    opened = Client(app.url, verbose=False, download_files=str(tmp_path / "client"))
    yield opened
    opened.close()


def test_the_endpoint(client: Client, tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", moving(3))
    file, facts = client.predict(
        file=handle_file(path), model="anime-fast", scale=2, steady=0.3, clip_format="WebP", api_name="/upscale_clip"
    )
    assert file.endswith(".webp")
    header = probe_clip(file)
    assert (header.width, header.height, header.frames) == (facts["width"], facts["height"], facts["frames"])
    assert (facts["width"], facts["frames"], facts["length"]) == (128, 3, 0.12)
    assert facts["recipe"]["options"]["steady"] == 0.3
    for wrong, words in (({"clip_format": "AVI"}, "clip_format|AVI"), ({"steady": 3}, "Steady|maximum|3")):
        with pytest.raises((AppError, ValueError), match=words):
            client.predict(file=handle_file(path), model="anime-fast", api_name="/upscale_clip", **wrong)
