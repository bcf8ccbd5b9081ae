"""The stage as people use it, by mouse, finger, pen and keyboard, in Chromium, on a page of its own."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from browser.conftest import LOCAL, PATIENCE, Watched
from browser.stage_page import attributes_of, say, served, write
from editing.pictures.masks import Mask
from editing.ui import stage

expect.set_options(timeout=PATIENCE)
SIZE = (640, 480)  # of the picture, and of its mask
RESULT = (1280, 960)
OUTLINES = {
    1: [[0.1, 0.2], [0.3, 0.2], [0.3, 0.6], [0.1, 0.6]],
    2: [[0.6, 0.3], [0.8, 0.3], [0.8, 0.7], [0.6, 0.7]],
}
DIAL = {"key": "fidelity", "label": "Fidelity", "low": 0, "high": 1, "step": 0.1, "value": 0.5}
RED, GREEN, BLUE = (200, 40, 40), (40, 160, 60), (40, 60, 200)
OpenStage = Callable[..., Page]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of one colour each, which a screenshot tells apart."""
    folder = tmp_path_factory.mktemp("stage")
    Image.new("RGB", SIZE, RED).save(folder / "before.png")
    Image.new("RGB", RESULT, GREEN).save(folder / "after.png")
    Image.new("RGB", RESULT, BLUE).save(folder / "other.png")
    for number in range(12):
        Image.new("RGB", (128, 128), (20 * number, 90, 90)).save(folder / f"tile{number}.png")
    return folder


@pytest.fixture(scope="module")
def url(files: Path) -> Iterator[str]:
    with served(files) as address:
        yield address


@pytest.fixture
def open_stage(browser: Browser, url: str, files: Path, watched: Watched) -> Iterator[OpenStage]:
    """``open_stage(attributes, width=, height=, language=, **context)``: the page with one stage, as it opens."""
    contexts = []

    def open_one(
        attributes: str = "", *, width: int = 1000, height: int = 760, language: str = "en", **context: Any
    ) -> Page:
        visitor = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **context)
        contexts.append(visitor)
        visitor.set_default_timeout(PATIENCE)
        page = visitor.new_page()
        page.on("request", lambda request: LOCAL.match(request.url) or watched.outside.append(request.url))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("console", lambda said: watched.errors.append(said.text) if said.type == "error" else None)
        write(files, "page.html", attributes or attributes_of(), language)
        page.goto(f"{url}/page.html")
        page.locator("atelier-stage .board").wait_for()
        return page

    yield open_one
    for visitor in contexts:
        visitor.close()


PICTURE = {"url": "before.png", "width": SIZE[0], "height": SIZE[1], "mask": list(SIZE), "stem": "a_picture"}


def result(name: str = "after", **more: Any) -> dict[str, Any]:
    return {"url": f"{name}.png", "width": RESULT[0], "height": RESULT[1], **more}


def faces(*, keep: bool = True) -> list[dict[str, Any]]:
    return [{"number": n, "outline": points, "keep": keep, "dials": [DIAL]} for n, points in OUTLINES.items()]


@pytest.fixture
def ready(open_stage: OpenStage) -> Page:
    """A picture of 640 x 480 to be painted on."""
    page = open_stage()
    say(page, picture=PICTURE, look="paint")
    return page


@pytest.fixture
def compared(open_stage: OpenStage) -> Page:
    """A picture and its result, twice as large, beside the divider."""
    page = open_stage()
    say(page, picture=PICTURE, result=result())
    return page


def part(page: Page, selector: str) -> Locator:
    return page.locator(f"atelier-stage {selector}")


def view(page: Page) -> Locator:
    return part(page, ".view")


def do(page: Page, name: str) -> Locator:
    return part(page, f"[data-do={name}]")


def live(page: Page) -> Locator:
    return part(page, ".live")


def look(page: Page) -> str:
    return part(page, ".board").get_attribute("data-look") or ""


def size(page: Page) -> int:
    return int(part(page, ".number").inner_text())


def amount(page: Page) -> int:
    """Pixels of the screen for 100 of the picture shown."""
    return int(part(page, ".amount").inner_text().split()[0])


def corner(page: Page) -> tuple[float, float, float]:
    """Where the picture's corner is on the screen, and how many pixels of the screen one of the mask is."""
    box = page.evaluate(
        """() => {
          const marks = document.querySelector('atelier-stage').firstChild.shadowRoot.querySelector('.marks');
          const seen = marks.getBoundingClientRect(); return [seen.left, seen.top, seen.width / marks.offsetWidth] }"""
    )
    return box[0], box[1], box[2]


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where the point (x, y) of the mask is on the screen."""
    left, top, scale = corner(page)
    return left + x * scale, top + y * scale


def under(page: Page, x: float, y: float) -> tuple[float, float]:
    """Which point of the mask is at (x, y) on the screen."""
    left, top, scale = corner(page)
    return (x - left) / scale, (y - top) / scale


def color(page: Page, x: float, y: float) -> tuple[int, ...]:
    """What is seen at a point of the mask: which picture lies there."""
    across, down = place(page, x, y)
    shot = page.screenshot(clip={"x": round(across), "y": round(down), "width": 1, "height": 1})
    return Image.open(io.BytesIO(shot)).convert("RGB").getpixel((0, 0))  # type: ignore[return-value]


def stroke(page: Page, *points: tuple[float, float]) -> None:
    """A stroke by mouse through points of the mask."""
    page.mouse.move(*place(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, *point), steps=4)
    page.mouse.up()


def told(page: Page, name: str) -> str:
    """What stands in the hidden text box: mask-value, mask-box or stage-event."""
    return page.locator(f"#try-{name} textarea").input_value()


def event(page: Page) -> dict[str, Any]:
    return stage.read_event(told(page, "stage-event"))


def mask(page: Page) -> Mask | None:
    """What the server reads."""
    return stage.read(told(page, "mask-value"), SIZE[1], SIZE[0])


def mean(page: Page) -> float:
    found = mask(page)
    return 0.0 if found is None else float(found.mean())


def bounds(page: Page) -> list[int]:
    """Left, top, right, bottom of what is masked by more than half; [] for nothing."""
    found = mask(page)
    if found is None:
        return []
    rows, columns = np.nonzero(found > 0.5)
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]


def near(got: list[int], left: float, top: float, right: float, bottom: float, within: int = 3) -> bool:
    wanted = (left, top, right, bottom)
    return len(got) == 4 and all(abs(a - b) <= within for a, b in zip(got, wanted, strict=True))


# ---- the brush, by mouse ---------------------------------------------------------------------------------------------


def test_drawing_erasing_and_taking_it_back(ready: Page) -> None:
    page = ready
    assert bounds(page) == []
    for name in ("undo", "redo", "clear", "save"):
        expect(do(page, name)).to_have_attribute("aria-disabled", "true")
    half = size(page) / 2  # a 25th of the longest side
    assert half == 13
    stroke(page, (100, 100), (300, 100))
    assert near(bounds(page), 100 - half, 100 - half, 300 + half, 100 + half)
    stroke(page, (200, 300), (200, 400))
    assert near(bounds(page), 100 - half, 100 - half, 300 + half, 400 + half)
    do(page, "eraser").click()
    stroke(page, (60, 100), (340, 100))
    assert near(bounds(page), 200 - half, 300 - half, 200 + half, 400 + half)

    do(page, "undo").click()
    page.keyboard.press("Control+z")
    assert near(bounds(page), 100 - half, 100 - half, 300 + half, 100 + half)
    page.keyboard.press("Control+Shift+Z")
    do(page, "redo").click()
    assert near(bounds(page), 200 - half, 300 - half, 200 + half, 400 + half)
    expect(do(page, "redo")).to_have_attribute("aria-disabled", "true")
    for _ in range(5):  # more often than there are steps
        page.keyboard.press("Control+z")
    assert bounds(page) == []
    for _ in range(5):
        page.keyboard.press("Control+y")
    assert near(bounds(page), 200 - half, 300 - half, 200 + half, 400 + half)
    do(page, "undo").click()
    do(page, "brush").click()
    stroke(page, (500, 50), (510, 50))  # another way from here: nothing to redo
    expect(do(page, "redo")).to_have_attribute("aria-disabled", "true")


def test_clear_and_invert_are_steps_too(ready: Page) -> None:
    page = ready
    stroke(page, (300, 200), (340, 200))
    share = mean(page)
    do(page, "invert").click()
    assert mean(page) == pytest.approx(1 - share, abs=1e-4)
    expect(part(page, ".state")).to_have_text(re.compile(r"Masked: 9\d\.\d %"))
    do(page, "clear").click()
    assert bounds(page) == []
    do(page, "invert").click()
    assert mean(page) == 1.0  # all of it: what a file's alpha alone could not say
    for _ in range(3):
        do(page, "undo").click()
    assert mean(page) == pytest.approx(share, abs=1e-5)


def test_the_size_by_slider_wheel_and_keys(ready: Page) -> None:
    page = ready
    slider = part(page, "input.size")
    slider.fill("60")
    assert size(page) == 60
    stroke(page, (320, 240), (320, 240))
    assert near(bounds(page), 290, 210, 350, 270)
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -100)
    expect(part(page, ".number")).not_to_have_text("60")
    assert size(page) > 60
    page.mouse.wheel(0, 100)
    page.keyboard.up("Shift")
    expect(part(page, ".number")).to_have_text(re.compile("^(59|60|61)$"))
    page.keyboard.press("]")
    assert size(page) > 62
    for _ in range(60):
        page.keyboard.press("[")
    assert size(page) == 1
    for _ in range(60):
        page.keyboard.press("]")
    assert size(page) == 213  # a third of the picture


def test_what_is_drawn_outside_the_picture_is_cut_off(ready: Page) -> None:
    page = ready
    stroke(page, (10, 10), (-200, -200), (-100, 300), (5, 300))
    left, top, _, bottom = bounds(page)
    assert (left, top) == (0, 0)
    assert 310 <= bottom <= 316


SHOWN = """() => {
  const canvas = document.querySelector("atelier-stage").firstChild.shadowRoot.querySelector("canvas.mask");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0;
  for (let i = 3; i < pixels.length; i += 4) sum += pixels[i];
  return sum / 255 / (canvas.width * canvas.height);
}"""


def half_mask(files: Path) -> str:
    """A mask as the server writes it: the picture's upper half."""
    alpha = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    alpha[:240] = 255
    Image.fromarray(np.dstack([np.full_like(alpha, 255), alpha]), "LA").save(files / "half.png")
    return "half.png"


@pytest.mark.parametrize("command", ["i", "Delete", "face", "load"])
def test_a_command_in_the_middle_of_a_stroke_sends_what_is_seen(ready: Page, files: Path, command: str) -> None:
    page = ready
    say(page, faces=faces())
    stroke(page, (60, 440), (100, 440))
    page.mouse.move(*place(page, 200, 100))
    page.mouse.down()
    page.mouse.move(*place(page, 320, 100), steps=4)
    # What another hand does meanwhile, or the server.
    if command == "face":
        page.get_by_role("button", name="Mask face 2").dispatch_event("click")
    elif command == "load":
        say(page, mask=half_mask(files))
        expect(live(page)).to_have_text("The mask is loaded.")
    else:
        page.keyboard.press(command)
    page.mouse.move(*place(page, 420, 200), steps=4)
    page.mouse.up()
    assert mean(page) == pytest.approx(page.evaluate(SHOWN), abs=1e-3)
    share = mean(page)
    do(page, "undo").click()
    assert mean(page) != pytest.approx(share, abs=1e-3)
    assert mean(page) == pytest.approx(page.evaluate(SHOWN), abs=1e-3)


def test_a_command_while_the_keyboard_draws_sends_what_is_seen(ready: Page) -> None:
    page = ready
    view(page).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.down(" ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("i")
    page.keyboard.press("ArrowRight")
    page.keyboard.up(" ")
    assert mean(page) > 0.9
    assert mean(page) == pytest.approx(page.evaluate(SHOWN), abs=1e-3)


def test_what_was_begun_on_one_picture_is_none_of_the_next(ready: Page) -> None:
    page = ready
    do(page, "box").click()
    view(page).focus()
    page.keyboard.press("Enter")  # a corner
    say(page, picture=PICTURE | {"mask": [500, 375]})
    view(page).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert part(page, "svg rect").count() == 0
    page.keyboard.press("Enter")  # the first corner here, and no box yet
    expect(live(page)).not_to_have_text("The box is drawn.")
    assert told(page, "mask-box") == ""

    do(page, "brush").click()
    page.mouse.move(*place(page, 100, 100))
    page.mouse.down()
    page.mouse.move(*place(page, 200, 100), steps=3)
    say(page, picture=PICTURE)
    page.mouse.move(*place(page, 300, 200), steps=3)
    page.mouse.up()
    assert page.evaluate(SHOWN) == 0


def test_a_mask_goes_to_a_file_and_comes_from_one(ready: Page, files: Path, tmp_path: Path) -> None:
    page = ready
    stroke(page, (100, 100), (200, 100))
    wanted = bounds(page)
    with page.expect_download() as waiting:
        do(page, "save").click()
    assert waiting.value.suggested_filename == "a_picture-mask.png"
    waiting.value.save_as(tmp_path / "mask.png")
    saved = np.asarray(Image.open(tmp_path / "mask.png").convert("L"))
    assert saved.shape == (480, 640)
    assert set(np.unique(saved)) >= {0, 255}
    rows, columns = np.nonzero(saved > 127)
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == wanted
    with page.expect_file_chooser():
        do(page, "load").click()
    say(page, mask=half_mask(files))
    assert near(bounds(page), 0, 0, 640, 240, within=1)
    do(page, "undo").click()
    assert bounds(page) == wanted


def test_a_face_is_masked_by_its_number_and_another_drawn_as_a_box(ready: Page) -> None:
    page = ready
    say(page, faces=faces())
    page.get_by_role("button", name="Mask face 2").click()
    assert near(bounds(page), 384, 144, 512, 336)
    page.get_by_role("button", name="Mask face 1").click()
    assert near(bounds(page), 64, 96, 512, 336)
    do(page, "undo").click()
    do(page, "box").click()
    stroke(page, (320, 240), (64, 48))
    assert stage.read_box(told(page, "mask-box"), 100, 100) == pytest.approx((10, 10, 50, 50), abs=0.7)
    assert near(bounds(page), 384, 144, 512, 336), "a box is no mask"


def test_another_picture_begins_anew(ready: Page) -> None:
    page = ready
    stroke(page, (100, 100), (200, 100))
    say(page, picture=None)
    expect(do(page, "begin")).to_be_visible()
    say(page, picture=PICTURE)
    assert look(page) == "paint"
    expect(part(page, ".state")).to_have_text("Nothing is masked.")
    stroke(page, (300, 300), (320, 300))
    assert near(bounds(page), 287, 287, 333, 313)


# ---- looking ---------------------------------------------------------------------------------------------------------


def test_the_divider_by_mouse_and_by_keys(compared: Page) -> None:
    page = compared
    assert look(page) == "compare"
    divider = page.get_by_role("slider", name="Divider")
    expect(divider).to_have_attribute("aria-valuenow", "50")
    assert color(page, 200, 300) == RED
    assert color(page, 440, 300) == GREEN
    divider.focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", "100")
    assert color(page, 440, 300) == RED
    page.keyboard.press("Home")
    expect(divider).to_have_attribute("aria-valuenow", "0")
    assert color(page, 200, 300) == GREEN
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(divider).to_have_attribute("aria-valuetext", re.compile(r"9[78] % before"))
    # Seen whole, a drag anywhere moves it, and a click doesn't.
    page.mouse.move(*place(page, 320, 400))
    page.mouse.down()
    page.mouse.move(*place(page, 160, 400), steps=4)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "25")
    page.mouse.click(*place(page, 500, 400))
    expect(divider).to_have_attribute("aria-valuenow", "25")
    # Zoomed in, the handle alone does, and the picture moves under it.
    page.mouse.move(*place(page, 320, 240))
    page.mouse.wheel(0, -240)
    expect(part(page, ".board")).to_have_class(re.compile("zoomed"))
    before, value = corner(page), divider.evaluate("one => one.getBoundingClientRect().left")
    page.mouse.down()
    page.mouse.move(*[side + 30 for side in place(page, *under(page, *place(page, 320, 240)))], steps=3)
    page.mouse.up()
    assert corner(page)[0] - before[0] == pytest.approx(30, abs=2)
    assert divider.evaluate("one => one.getBoundingClientRect().left") == pytest.approx(value, abs=1)


def test_a_held_key_or_button_shows_the_original(compared: Page) -> None:
    page = compared
    do(page, "result").click()
    assert color(page, 200, 300) == GREEN
    view(page).focus()
    page.keyboard.down("o")
    assert color(page, 200, 300) == RED
    page.keyboard.up("o")
    assert color(page, 200, 300) == GREEN
    do(page, "peek").hover()
    page.mouse.down()
    assert color(page, 200, 300) == RED
    page.mouse.up()
    assert color(page, 200, 300) == GREEN
    page.keyboard.down("o")
    page.evaluate("document.activeElement.blur()")
    view(page).evaluate("one => one.blur()")
    assert color(page, 200, 300) == GREEN, "a key let go elsewhere"


def test_the_wheel_zooms_at_the_pointer_and_a_result_keeps_the_view(compared: Page) -> None:
    page = compared
    x, y = (round(side) for side in place(page, 500, 100))
    before = under(page, x, y)
    page.mouse.move(x, y)
    for _ in range(4):
        page.mouse.wheel(0, -120)
    expect(part(page, ".board")).to_have_class(re.compile("zoomed"))
    page.wait_for_timeout(150)
    assert under(page, x, y) == pytest.approx(before, abs=0.5)
    seen = corner(page)
    say(page, result=result("other"))
    assert corner(page) == pytest.approx(seen, abs=0.1)
    assert color(page, 500, 100) == BLUE
    do(page, "actual").click()
    assert amount(page) == 100
    do(page, "whole").click()
    box = view(page).bounding_box()
    left, top, scale = corner(page)
    assert box
    assert box["x"] <= left
    assert left + 640 * scale <= box["x"] + box["width"] + 0.5
    assert min(left - box["x"], top - box["y"]) == pytest.approx(0, abs=0.5)


def test_space_and_the_mouse_move_the_picture_while_painting(ready: Page) -> None:
    page = ready
    x, y = place(page, 320, 240)
    page.mouse.move(x, y)
    for _ in range(5):
        page.mouse.wheel(0, -120)
    expect(part(page, ".board")).to_have_class(re.compile("zoomed"))
    page.wait_for_timeout(150)
    view(page).focus()
    before = corner(page)
    page.keyboard.down(" ")
    page.mouse.down()
    page.mouse.move(x - 40, y - 15, steps=3)
    page.mouse.up()
    page.keyboard.up(" ")
    after = corner(page)
    assert (after[0] - before[0], after[1] - before[1]) == pytest.approx((-40, -15), abs=1)
    assert bounds(page) == [], "moving paints nothing"
    stroke(page, (330, 250), (340, 250))
    assert near(bounds(page), 317, 237, 353, 263)


def test_the_mask_is_painted_on_the_result(ready: Page) -> None:
    page = ready
    stroke(page, (100, 100), (200, 100))
    say(page, result=result(), spent=True)
    assert look(page) == "paint", "the next stroke goes on from there"
    assert color(page, 500, 400) == GREEN
    assert bounds(page) == []
    stroke(page, (300, 300), (320, 300))
    assert near(bounds(page), 287, 287, 333, 313)
    do(page, "undo").click()
    do(page, "undo").click()
    assert near(bounds(page), 87, 87, 213, 113), "what was spent comes back"
    view(page).focus()
    page.keyboard.press("c")
    assert look(page) == "compare"
    page.keyboard.press("r")
    assert look(page) == "result"
    page.keyboard.press("b")
    assert look(page) == "paint"


def test_every_pixel_of_a_large_result_is_looked_at(open_stage: OpenStage, files: Path) -> None:
    page = open_stage()
    stripes = np.zeros((3000, 4000, 3), np.uint8)
    stripes[:, ::2] = 255  # gone in anything smaller
    Image.fromarray(stripes).save(files / "large.png", compress_level=1)
    Image.fromarray(stripes[::4, ::4]).resize((1000, 750)).convert("L").point(lambda _: 128).save(files / "small.png")
    shown = {"url": "small.png", "full": "large.png", "width": 4000, "height": 3000}
    say(page, picture=PICTURE, result=shown)
    do(page, "result").click()
    assert part(page, ".sharp").first.is_hidden()
    do(page, "actual").click()
    expect(part(page, ".sharp").first).to_be_visible()
    x, y = place(page, 320, 240)
    row = Image.open(io.BytesIO(page.screenshot(clip={"x": round(x), "y": round(y), "width": 40, "height": 1})))
    values = np.asarray(row.convert("L"), float)[0]
    assert values.min() < 40
    assert values.max() > 215
    do(page, "whole").click()
    expect(part(page, ".sharp").first).to_be_hidden()


def test_a_patch_is_shown_in_its_place(open_stage: OpenStage) -> None:
    page = open_stage(attributes_of(None, "points"))
    say(page, picture=PICTURE)
    page.mouse.click(*place(page, 160, 120))
    assert event(page) == {"kind": "point", "x": pytest.approx(0.25, abs=0.005), "y": pytest.approx(0.25, abs=0.005)}
    say(page, result=result(region=[0.2, 0.2, 0.3, 0.3]))
    assert amount(page) > 20
    assert color(page, 140, 120) == RED
    assert color(page, 180, 120) == GREEN
    assert color(page, 196, 120) == RED, "outside of the patch there is no result"
    do(page, "result").click()
    assert color(page, 140, 120) == GREEN


# ---- faces -----------------------------------------------------------------------------------------------------------


def test_a_face_opens_its_card(compared: Page) -> None:
    page = compared
    say(page, faces=faces())
    page.mouse.click(*place(page, 450, 240))
    card = part(page, ".card")
    expect(card).to_be_visible()
    expect(card).to_contain_text("Face 2")
    card.get_by_role("checkbox").uncheck()
    assert event(page) == {"kind": "face", "number": 2, "keep": False, "fidelity": 0.5}
    expect(page.get_by_role("button", name="Face 2, left as it is")).to_be_visible()
    card.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert event(page) == {"kind": "face", "number": 2, "keep": False, "fidelity": 0.6}
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    # By the keyboard alone; an order of the server's leaves the card open.
    page.get_by_role("button", name="Face 1, to be changed").press("Enter")
    expect(card).to_contain_text("Face 1")
    say(page, faces=faces(), result=result("other"))
    expect(card).to_be_visible()
    say(page, faces=[])
    expect(card).to_be_hidden()


# ---- several, and tiles ----------------------------------------------------------------------------------------------


def test_several_results_are_zoomed_and_moved_together(compared: Page) -> None:
    page = compared
    shown = [
        {**result(name), "name": name, "seconds": f"{n}.0 s"} for n, name in enumerate(("before", "after", "other"), 1)
    ]
    say(page, several=shown)
    panes = part(page, ".pane")
    expect(panes).to_have_count(3)
    expect(panes.nth(1)).to_have_attribute("aria-label", "after · 2.0 s")
    boxes = [pane.bounding_box() for pane in panes.all()]
    assert all(boxes)
    first, last = boxes[0], boxes[2]
    assert first
    assert last
    page.mouse.move(last["x"] + 60, last["y"] + last["height"] / 2)
    for _ in range(4):
        page.mouse.wheel(0, -120)
    page.wait_for_timeout(150)
    page.mouse.down()
    page.mouse.move(last["x"] + 90, last["y"] + last["height"] / 2 + 20, steps=3)
    page.mouse.up()
    seen = page.evaluate(
        """() => [
          ...document.querySelector('atelier-stage').firstChild.shadowRoot.querySelectorAll('.pane')].map(pane => {
          const outer = pane.getBoundingClientRect(), inner = pane.querySelector('.pictures').getBoundingClientRect();
          return [inner.left - outer.left, inner.top - outer.top, inner.width] })"""
    )
    for one in seen[1:]:
        assert one == pytest.approx(seen[0], abs=0.6)
    assert seen[0][2] > 1.5 * first["width"]
    page.keyboard.press("Escape")
    expect(panes).to_have_count(0)
    assert look(page) == "compare"
    assert event(page) == {"kind": "closed"}


def tiles(count: int = 12) -> list[dict[str, str]]:
    return [{"url": f"tile{number}.png", "caption": f"seed {number}"} for number in range(count)]


def test_a_tile_is_enlarged_in_place(open_stage: OpenStage) -> None:
    page = open_stage(attributes_of(None, ""))
    say(page, tiles=tiles())
    expect(part(page, ".tile")).to_have_count(12)
    floor = part(page, ".floor").bounding_box()
    for tile in part(page, ".tile").all():
        box = tile.bounding_box()
        assert box
        assert floor
        assert box["y"] + box["height"] <= floor["y"] + floor["height"]
    part(page, ".tile").nth(4).click()
    expect(view(page)).to_be_focused()
    assert event(page) == {"kind": "tile", "index": 4}
    expect(part(page, ".state")).to_have_text("seed 4 · 128 × 128")
    page.keyboard.press("ArrowRight")
    expect(part(page, ".state")).to_have_text("seed 5 · 128 × 128")
    say(page, tile={"index": 5, "url": "before.png"})
    expect(part(page, ".state")).to_have_text("seed 5 · 640 × 480")
    page.keyboard.press("Escape")
    expect(part(page, ".tile").nth(5)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(part(page, ".state")).to_have_text("seed 4 · 128 × 128")
    do(page, "grid").click()
    expect(part(page, ".tile").nth(4)).to_be_visible()


def test_two_to_eight_tiles_are_marked(open_stage: OpenStage) -> None:
    page = open_stage(attributes_of(None, ""))
    say(page, tiles=tiles())
    part(page, ".tile").nth(3).click(modifiers=["Shift"])
    part(page, ".tile").nth(1).click(modifiers=["Control"])
    assert event(page) == {"kind": "marked", "indices": [3, 1]}
    page.get_by_role("checkbox", name="Mark seed 7").click()
    part(page, ".tile").nth(3).focus()
    page.keyboard.press(" ")
    assert event(page) == {"kind": "marked", "indices": [1, 7]}
    expect(page.get_by_role("checkbox", name="Mark seed 7")).to_have_attribute("aria-checked", "true")
    for number in range(12):
        if number not in (1, 7):
            part(page, ".tile").nth(number).click(modifiers=["Shift"])
    assert len(event(page)["indices"]) == 8
    expect(live(page)).to_have_text("No more than 8 can be marked.")


# ---- files, progress, words ------------------------------------------------------------------------------------------

GIVE = """([kind, name, size]) => {
  const files = new DataTransfer();
  files.items.add(new File([new Uint8Array(size)], name, { type: "image/png" }));
  const root = document.querySelector("atelier-stage").firstChild.shadowRoot;
  const usual = { bubbles: true, cancelable: true, composed: true };
  if (kind === "paste") document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: files, ...usual }));
  else (kind === "drop" ? root.querySelector(".floor") : document.body).dispatchEvent(
    new DragEvent("drop", { dataTransfer: files, ...usual }));
}"""
GIVEN = "() => [...document.getElementById('files').files].map(file => file.name)"


@pytest.mark.parametrize("way", ["drop", "beside", "paste"])
def test_a_file_goes_to_the_tabs_component(open_stage: OpenStage, way: str) -> None:
    page = open_stage()
    page.evaluate(GIVE, [way, "cat.png", 100])
    assert page.evaluate(GIVEN) == ["cat.png"]
    expect(part(page, ".doing")).to_have_text("Opening…")
    say(page, picture=PICTURE)
    expect(part(page, ".doing")).to_be_hidden()
    page.evaluate(GIVE, [way, "huge.png", 1_100_000])
    expect(page.get_by_role("alert")).to_contain_text("larger than 1 MB")
    assert page.evaluate(GIVEN) == ["cat.png"]


def test_a_file_is_chosen_from_the_first_look(open_stage: OpenStage, files: Path) -> None:
    first = {"before": "before.png", "after": "after.png", "caption": "Twice as large"}
    page = open_stage(attributes_of(first))
    expect(page.get_by_text("Twice as large")).to_be_visible()
    expect(page.get_by_role("slider", name="Divider")).to_be_visible()
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Open your picture").click()
    choosing.value.set_files(files / "before.png")
    assert page.evaluate(GIVEN) == ["before.png"]
    say(page, picture=PICTURE)
    expect(do(page, "begin")).to_be_hidden()
    expect(do(page, "open")).to_be_visible()
    say(page, picture=None)
    expect(page.get_by_text("Twice as large")).to_be_visible()


# As jobs.js tells of a job, and Gradio of an event that failed.
JOB = """([state, part, text]) => document.dispatchEvent(
  new CustomEvent("atelier-job", { detail: { tab: "try", state, part, text } }))"""
FAILED = """failed => document.getElementById("try-stage-status").innerHTML =
  `<div data-testid="status-tracker">${failed ? '<span class="error">Error</span>' : ""}</div>`"""


def test_while_a_run_goes_on_the_old_picture_stays(compared: Page) -> None:
    page = compared
    say(page, stale="Changed: run again")
    badge = part(page, ".badge")
    expect(badge).to_have_text("Changed: run again")
    page.evaluate(JOB, ["waiting", None, "Waiting: 2 jobs before yours"])
    expect(part(page, ".doing")).to_have_text("Waiting: 2 jobs before yours")
    expect(badge).to_be_hidden()
    page.evaluate(JOB, ["running", 0.4, "Tiles: 2 of 5"])
    expect(part(page, ".doing")).to_have_text("Tiles: 2 of 5")
    expect(part(page, ".progress")).to_have_attribute("aria-valuenow", "40")
    assert color(page, 500, 300) == GREEN
    page.evaluate(JOB, ["", None, ""])
    expect(part(page, ".progress")).to_be_hidden()
    expect(badge).to_be_visible()
    say(page, result=result("other"))
    expect(badge).to_be_hidden()
    assert color(page, 500, 300) == BLUE


def test_an_error_stands_in_words(compared: Page) -> None:
    page = compared
    page.evaluate(
        """() => document.body.insertAdjacentHTML("beforeend",
          '<div class="toast-body error"><div data-testid="toast-text">Too dark to see.</div></div>')"""
    )
    page.evaluate(FAILED, True)
    words = page.get_by_role("alert")
    expect(words).to_contain_text("Too dark to see.")
    expect(words).not_to_contain_text("Error")
    page.evaluate(FAILED, False)
    page.evaluate(JOB, ["running", 0.1, "Tiles: 1 of 9"])
    expect(words).to_be_hidden()
    page.evaluate(JOB, ["", None, ""])
    say(page, error="This is no picture.")
    expect(words).to_contain_text("This is no picture.")
    words.get_by_role("button", name="Close").click()
    expect(words).to_be_hidden()


def test_an_order_shown_again_is_none(ready: Page) -> None:
    page = ready
    stroke(page, (100, 100), (200, 100))
    page.evaluate("() => { const all = document.getElementById('orders'); all.innerHTML = all.innerHTML }")
    page.evaluate(
        """() => {
          const one = document.querySelector("atelier-stage"), home = one.parentElement;
          one.remove();
          home.append(one);
        }"""
    )
    assert near(bounds(page), 87, 87, 213, 113)
    stroke(page, (300, 300), (320, 300))
    assert near(bounds(page), 87, 87, 333, 313)


# ---- finger and pen --------------------------------------------------------------------------------------------------

Touch = Callable[..., None]


@pytest.fixture
def fingers(open_stage: OpenStage) -> tuple[Page, Touch]:
    """A phone, and ``touch("touchMove", (x, y), ...)`` in points of the screen."""
    page = open_stage(width=390, height=464, has_touch=True, is_mobile=True)
    say(page, picture=PICTURE, look="paint")
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]},
        )

    return page, touch


def test_one_finger_draws_and_two_zoom(fingers: tuple[Page, Touch]) -> None:
    page, touch = fingers
    touch("touchStart", place(page, 200, 150))
    for x in range(220, 420, 20):
        touch("touchMove", place(page, x, 150))
    touch("touchEnd")
    assert near(bounds(page), 187, 137, 413, 163, within=5)

    middle, scale = place(page, 320, 240), corner(page)[2]
    left, right = (middle[0] - 30, middle[1]), (middle[0] + 30, middle[1])
    touch("touchStart", left)
    touch("touchMove", (left[0] - 4, left[1]))  # has begun to draw
    touch("touchStart", (left[0] - 4, left[1]), right)
    for step in range(1, 7):
        touch("touchMove", (left[0] - 4 - 10 * step, left[1]), (right[0] + 10 * step, right[1]))
    touch("touchEnd")
    assert near(bounds(page), 187, 137, 413, 163, within=5), "two fingers draw nothing"
    assert corner(page)[2] / scale == pytest.approx(184 / 64, rel=0.1)
    do(page, "undo").click()
    assert bounds(page) == []


def test_a_finger_moves_the_divider(fingers: tuple[Page, Touch]) -> None:
    page, touch = fingers
    say(page, result=result(), look="compare")
    touch("touchStart", place(page, 320, 300))
    for x in range(300, 150, -20):
        touch("touchMove", place(page, x, 300))
    touch("touchEnd")
    expect(page.get_by_role("slider", name="Divider")).to_have_attribute("aria-valuenow", re.compile("^2[4-6]$"))


def test_a_pen_draws_and_its_other_end_erases(ready: Page) -> None:
    page = ready
    session = page.context.new_cdp_session(page)

    def pen(kind: str, x: float, y: float, buttons: int = 1) -> None:
        at = dict(zip(("x", "y"), place(page, x, y), strict=True))
        button = "left" if kind != "mouseMoved" else "none"
        session.send(
            "Input.dispatchMouseEvent",
            {"type": kind, **at, "button": button, "buttons": buttons, "clickCount": 1, "pointerType": "pen"},
        )

    pen("mousePressed", 100, 200)
    pen("mouseMoved", 150, 200)
    pen("mouseMoved", 200, 200)
    pen("mouseReleased", 200, 200, 0)
    assert near(bounds(page), 87, 187, 213, 213)
    drawn = mean(page)
    # Chromium can't be made to send a pen's eraser; this is what it would send.
    x, y = place(page, 195, 200)
    page.evaluate(
        """([x, y]) => {
        const view = document.querySelector('atelier-stage').firstChild.shadowRoot.querySelector('.view');
        view.setPointerCapture = () => {};
        for (const kind of ['pointerdown', 'pointerup']) view.dispatchEvent(new PointerEvent(kind, {
            pointerId: 77, pointerType: 'pen', clientX: x, clientY: y, button: 5, buttons: 32, bubbles: true })) }""",
        [x, y],
    )
    assert mean(page) < 0.95 * drawn


# ---- keyboard --------------------------------------------------------------------------------------------------------


def test_the_keyboard_alone_is_enough(ready: Page) -> None:
    page = ready
    view(page).focus()
    page.keyboard.press("ArrowRight")  # from the middle, a quarter of the brush
    expect(live(page)).to_have_text("51 % across, 50 % down: free")
    page.keyboard.down(" ")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.keyboard.up(" ")
    expect(live(page)).to_have_text("Drawn.")
    assert near(bounds(page), 313, 227, 391, 253)
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    assert near(bounds(page), 313, 227, 391, 305)
    page.keyboard.press("e")
    expect(do(page, "eraser")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    assert near(bounds(page), 313, 227, 391, 253)
    page.keyboard.press("i")
    expect(live(page)).to_have_text(re.compile("Inverted"))
    page.keyboard.press("Delete")
    assert bounds(page) == []
    page.keyboard.press("f")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    left, top, right, bottom = stage.read_box(told(page, "mask-box"), 100, 100)
    assert right - left == pytest.approx(52 / 6.4, abs=0.5)
    assert bottom - top == pytest.approx(52 / 4.8, abs=0.5)


def test_escape_leaves_a_box_and_a_stroke(ready: Page) -> None:
    page = ready
    view(page).focus()
    page.keyboard.down(" ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.keyboard.up(" ")
    assert bounds(page) == []
    assert page.evaluate(SHOWN) == 0
    page.keyboard.press("f")
    page.keyboard.press("Enter")
    assert part(page, "svg rect").count() == 1
    page.keyboard.press("Escape")
    assert part(page, "svg rect").count() == 0
    page.mouse.move(*place(page, 100, 100))
    page.mouse.down()
    page.mouse.move(*place(page, 200, 200), steps=3)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert told(page, "mask-box") == ""


# ---- sizes and languages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_panorama_on_a_phone(open_stage: OpenStage, files: Path, language: str, scheme: str) -> None:
    page = open_stage(width=390, height=464, language=language, color_scheme=scheme, has_touch=True, is_mobile=True)
    say(page, picture=PICTURE | {"width": 9000, "height": 3000, "mask": [1536, 512]}, result=result(), faces=faces())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shown = view(page).bounding_box()
    assert shown
    assert shown["height"] >= 400
    for button in part(page, ".bar:not(.brushes) button:visible, .bar:not(.brushes) input:visible").all():
        box = button.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390, button.get_attribute("data-do")
        assert min(box["width"], box["height"]) >= 44
        assert button.evaluate("one => one.getAttribute('aria-label') || one.textContent")
    do(page, "paint").click()
    stroke(page, (100, 100), (200, 100))
    assert told(page, "mask-value")
    ours = set(stage.words("zh" if language == "zh-CN" else "en").values())
    assert (part(page, "[data-do=paint]").text_content() or "") in ours
    if language == "zh-CN":
        text = part(page, ".board").evaluate("one => one.innerText")
        assert not re.findall(r"[A-Za-z]{3,}", re.sub("Ctrl|Shift|Delete|Esc", "", text))


def test_the_smallest_picture(open_stage: OpenStage, files: Path) -> None:
    Image.new("RGB", (3, 2), RED).save(files / "tiny.png")
    page = open_stage()
    say(page, picture={"url": "tiny.png", "width": 3, "height": 2, "mask": [3, 2]}, look="paint")
    stroke(page, (1.5, 0.5), (1.5, 0.5))
    found = stage.read(told(page, "mask-value"), 2, 3)
    assert found is not None
    assert [list(row) for row in (found > 0.5).astype(int)] == [[0, 1, 0], [0, 0, 0]]


def test_the_events_are_json(ready: Page) -> None:
    say(ready, faces=faces())
    do(ready, "result").click()
    ready.get_by_role("button", name="Face 1, to be changed").click()
    part(ready, ".card").get_by_role("checkbox").uncheck()
    part(ready, ".card").get_by_role("checkbox").check()
    assert json.loads(told(ready, "stage-event"))["n"] == 2, "the same thing done again is another event"
