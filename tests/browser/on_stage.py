"""What people do on the stage of a tab of the page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Download, Locator, Page, TimeoutError, expect


def part(page: Page, tab: str, selector: str) -> Locator:
    """A part of the tab's stage."""
    return page.locator(f"#{tab}-board atelier-stage {selector}")


def do(page: Page, tab: str, name: str) -> Locator:
    """A button of the tab's stage."""
    return part(page, tab, f"[data-do={name}]")


def give(page: Page, tab: str, *files: Path) -> None:
    """Choose files, as if from the dialog that the stage opens."""
    part(page, tab, "input.chooser").set_input_files(list(files))


def download(page: Page, button: str, folder: Path) -> Path:
    """The file that a button gives, under its own name in ``folder``."""
    expect(page.locator(button)).to_be_enabled()
    try:
        given = _pressed(page, button, 10_000)
    except TimeoutError:  # Gradio drew the button anew just then, and nothing came of it: people press again
        given = _pressed(page, button, 40_000)
    given.save_as(folder / given.suggested_filename)
    return folder / given.suggested_filename


def _pressed(page: Page, button: str, patience: float) -> Download:
    with page.expect_download(timeout=patience) as waiting:
        page.locator(button).click()
    return waiting.value


def take_away(page: Page, tab: str) -> None:
    """The picture goes: another tab, or a program, could do so."""
    page.evaluate(
        """tab => document.querySelector(`#${tab}-input button[aria-label="Remove Image"]`)?.click()""", tab
    )  # fmt: skip


def look(page: Page, tab: str, name: str) -> None:
    """Compare, result or paint."""
    do(page, tab, name).click()
    expect(part(page, tab, ".board")).to_have_attribute("data-look", name)


def place(page: Page, tab: str, x: float, y: float) -> tuple[float, float]:
    """Where a point of the picture, given as fractions, is on the screen."""
    left, top, width, height = page.evaluate(
        """tab => {
          const stage = document.querySelector(`#${tab}-board atelier-stage`).firstChild.shadowRoot;
          const box = stage.querySelector(".marks").getBoundingClientRect();
          return [box.left, box.top, box.width, box.height] }""",
        tab,
    )
    return left + x * width, top + y * height


def stroke(page: Page, tab: str, *points: tuple[float, float]) -> None:
    """Paint with the mouse through points, given as fractions of the picture."""
    page.mouse.move(*place(page, tab, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, tab, *point), steps=4)
    page.mouse.up()


def addresses(page: Page, tab: str) -> list[str]:
    """Of the pictures that lie on the stage now: before, and after."""
    found: list[str] = page.evaluate(
        """tab => [...document.querySelector(`#${tab}-board atelier-stage`).firstChild.shadowRoot
          .querySelectorAll(".pictures img")].map(image => image.src)""",
        tab,
    )
    return found
