"""README's pictures of the page: docs/{upscale,repair,stylize,generate}.jpg, each after an example has been run.

``python tests/benchmarks/readme_pictures.py [upscale] [repair] [stylize] [generate]`` takes them anew, all or those
named; a minute on two cores. It launches the page as ``app.py`` does and drives Debian's Chromium at 1440x900, in
English and light. The page shows the examples that come with it, and what the shipped weights make of them.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import on_stage

DOCS = ROOT / "docs"
WIDE, HIGH = 1440, 900  # of the window, in pixels
MOST = 190_000  # bytes of a picture
PATIENCE = 180_000  # milliseconds for a run


def upscale(page: Page) -> None:
    """A small photograph of a cat, four times as large; the divider lies between the eyes."""
    page.locator("#upscale-example-1").click()
    _done(page, "upscale")


def repair(page: Page) -> None:
    """An old portrait: scratches found and filled, the face restored."""
    page.locator("#repair-example-1").click()
    _done(page, "repair")


def stylize(page: Page) -> None:
    """A photograph of a cup, and the same as The Starry Night."""
    page.locator("#stylize-example-1").click()
    _done(page, "stylize")


def generate(page: Page) -> None:
    """Twelve faces from their seeds, with a direction's ends."""
    page.locator("#generate-run").click()
    expect(on_stage.part(page, "generate", ".tile")).to_have_count(12)
    page.locator("#generate-directions > button").click()
    expect(page.locator("#generate-directions .pair img").first).to_be_visible()
    on_stage.part(page, "generate", ".tile").nth(3).click(modifiers=["Shift"])
    on_stage.part(page, "generate", ".tile").nth(8).click(modifiers=["Shift"])


def _done(page: Page, tab: str) -> None:
    """Until the result is there, and the estimate: models that were never measured here are, after the first run."""
    expect(page.locator(f"#{tab}-download")).to_be_enabled()
    expect(page.locator(f"#{tab}-estimate")).to_contain_text("about")


TABS: dict[str, Callable[[Page], None]] = {
    "upscale": upscale, "repair": repair, "stylize": stylize, "generate": generate
}  # fmt: skip


def taken(page: Page, file: Path) -> None:
    """What the window shows, as the best JPEG of at most ``MOST`` bytes."""
    page.mouse.move(2, HIGH - 2)  # nothing is hovered over
    page.wait_for_timeout(1500)  # until toasts, transitions and pictures have come to rest
    shown = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    for quality in range(88, 40, -4):
        shown.save(file, quality=quality, optimize=True, progressive=True)
        if file.stat().st_size <= MOST:
            break
    print(file.relative_to(ROOT), *shown.size, file.stat().st_size, quality)


def main() -> None:
    """Take those that the command names, or all."""
    folder = tempfile.mkdtemp(prefix="readme-pictures-")
    os.environ |= {"GRADIO_TEMP_DIR": f"{folder}/gradio", "ATELIER_CACHE": f"{folder}/cache", "ATELIER_WEIGHTS": ""}
    from editing.ui import page as pages  # after its folders are named

    demo = pages.build()
    _, address, _ = demo.launch(
        **pages.launch_options(), server_name="127.0.0.1", server_port=7990, prevent_thread_lock=True, quiet=True
    )
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in sys.argv[1:] or TABS:
            # A visitor of its own for each: no strip of results of another tab.
            visitor = browser.new_context(
                viewport={"width": WIDE, "height": HIGH}, locale="en-US", color_scheme="light"
            )
            visitor.set_default_timeout(PATIENCE)
            expect.set_options(timeout=PATIENCE)
            page = visitor.new_page()
            page.goto(address)
            page.get_by_role("tab", name=name.title(), exact=True).click()
            TABS[name](page)
            taken(page, DOCS / f"{name}.jpg")
            visitor.close()
        browser.close()
    demo.close()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
