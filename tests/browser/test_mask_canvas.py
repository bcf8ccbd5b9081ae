"""The mask canvas as people draw on it, by mouse, finger, pen and keyboard, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from browser.conftest import PATIENCE, App, OpenPage, Watched, launched
from editing.pictures import masks

expect.set_options(timeout=PATIENCE)
HERE = Path(__file__).parent
# Only when the page has moved nothing for ten frames do points of the screen stay points of the picture.
AT_REST = """() => new Promise((done) => {
  const canvas = document.querySelector("mask-canvas").firstChild.shadowRoot.querySelector("canvas");
  let before = "", frames = 0;
  const look = () => {
    const now = JSON.stringify(canvas.getBoundingClientRect());
    frames = now === before ? frames + 1 : 0;
    before = now;
    if (frames < 10) requestAnimationFrame(look);
    else done();
  };
  look();
})"""
SIZE = (640, 480)  # of the picture drawn on: as small as that its preview has the same pixels


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The canvas alone, without networks, in the place of the whole app."""
    with launched(tmp_path_factory.mktemp("mask"), str(HERE / "mask_page.py")) as running:
        yield running


def picture(folder: Path, width: int, height: int) -> Path:
    file = folder / f"a picture {width}.jpg"
    shades = np.linspace(60, 200, width).astype(np.uint8)
    Image.fromarray(np.broadcast_to(shades, (height, width))).convert("RGB").save(file)
    return file


def give(page: Page, file: Path) -> None:
    page.locator("#picture input[type=file]").set_input_files(file)
    expect(view(page)).to_have_css("cursor", "crosshair")
    page.evaluate(AT_REST)


@pytest.fixture
def ready(page: Page, tmp_path: Path) -> Page:
    """A page whose canvas shows a picture of 640 x 480."""
    give(page, picture(tmp_path, *SIZE))
    return page


def view(page: Page) -> Locator:
    return page.locator("mask-canvas .view")


def do(page: Page, name: str) -> Locator:
    return page.locator(f"mask-canvas [data-do={name}]")


def load(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as choosing:
        do(page, "load").click()
    choosing.value.set_files(file)


def size(page: Page) -> int:
    return int(page.locator("mask-canvas .number").inner_text())


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where the point (x, y) of the preview is on the screen."""
    box = page.evaluate(
        "(() => { const r = document.querySelector('mask-canvas').firstChild.shadowRoot.querySelector('canvas');"
        "const b = r.getBoundingClientRect(); return [b.left, b.top, b.width / r.width, b.height / r.height] })()"
    )
    return box[0] + x * box[2], box[1] + y * box[3]


def under(page: Page, x: float, y: float) -> tuple[float, float]:
    """Which point of the preview is at (x, y) on the screen."""
    (left, top), (right, bottom) = place(page, 0, 0), place(page, 100, 100)
    return 100 * (x - left) / (right - left), 100 * (y - top) / (bottom - top)


def corners(page: Page) -> list[float]:
    """Left, top, right and bottom of the picture within the canvas, wherever the page has scrolled to."""
    box = view(page).bounding_box()
    assert box
    (left, top), (right, bottom) = place(page, 0, 0), place(page, *SIZE)
    return [left - box["x"], top - box["y"], right - box["x"], bottom - box["y"]]


def stroke(page: Page, *points: tuple[float, float]) -> None:
    """A stroke by mouse through points of the preview."""
    page.mouse.move(*place(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, *point), steps=4)
    page.mouse.up()


def bounds(page: Page) -> list[int]:
    """What the server reads: left, top, right, bottom of what is masked; [] for nothing."""
    said = page.locator("#facts textarea")
    said.evaluate("field => { field.value = ''; field.dispatchEvent(new Event('input', { bubbles: true })) }")
    page.locator("#check").click()
    expect(said).not_to_have_value("")
    words = said.input_value().split()
    return [] if words == ["no", "mask"] else [int(word) for word in words[3:]]


def mean(page: Page) -> float:
    bounds(page)
    words = page.locator("#facts textarea").input_value().split()
    return 0.0 if words == ["no", "mask"] else float(words[2])


def near(got: list[int], left: float, top: float, right: float, bottom: float, within: int = 3) -> bool:
    wanted = (left, top, right, bottom)
    return len(got) == 4 and all(abs(a - b) <= within for a, b in zip(got, wanted, strict=True))


# ---- mouse -----------------------------------------------------------------------------------------------------------


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
    view(page).focus()  # checking went elsewhere
    page.keyboard.press("Control+Shift+Z")
    do(page, "redo").click()
    assert near(bounds(page), 200 - half, 300 - half, 200 + half, 400 + half)
    expect(do(page, "redo")).to_have_attribute("aria-disabled", "true")
    view(page).focus()
    for _ in range(5):  # more often than there are steps
        page.keyboard.press("Control+z")
    assert bounds(page) == []
    view(page).focus()
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
    expect(page.locator("mask-canvas .state")).to_have_text(re.compile(r"Masked: 9\d\.\d %"))
    do(page, "clear").click()
    assert bounds(page) == []
    do(page, "invert").click()
    assert mean(page) == 1.0  # all of it: what a file's alpha alone could not say
    for _ in range(3):
        do(page, "undo").click()
    assert mean(page) == pytest.approx(share, abs=1e-5)


def test_the_size_by_slider_wheel_and_keys(ready: Page) -> None:
    page = ready
    slider = page.locator("mask-canvas input[type=range]")
    slider.fill("60")
    slider.blur()
    assert size(page) == 60
    page.mouse.move(*place(page, 320, 240))
    page.mouse.wheel(0, 100)
    page.wait_for_timeout(300)
    assert size(page) == 60  # not yet: who scrolls past does not mean the brush
    page.mouse.wheel(0, -1000)
    page.wait_for_timeout(300)
    stroke(page, (320, 240), (320, 240))
    assert near(bounds(page), 290, 210, 350, 270)
    page.mouse.move(*place(page, 320, 240))
    view(page).focus()
    scrolled = page.evaluate("scrollY")
    page.mouse.wheel(0, -100)
    expect(page.locator("mask-canvas .number")).not_to_have_text("60")
    larger = size(page)
    assert larger > 60
    page.mouse.wheel(0, 100)
    page.wait_for_timeout(300)
    assert abs(size(page) - 60) <= 2
    assert page.evaluate("scrollY") == scrolled
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
    assert len(page.locator("mask-canvas .state").inner_text()) > 5


SHOWN = """() => {
  const board = document.querySelector("mask-canvas").firstChild.shadowRoot, canvas = board.querySelector("canvas");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0;
  for (let i = 3; i < pixels.length; i += 4) sum += pixels[i];
  return sum / 255 / (canvas.width * canvas.height);
}"""


# As the server writes it: a mask in the picture's upper half.
ORDER = """() => {
  const mask = document.createElement("canvas");
  [mask.width, mask.height] = [640, 480];
  mask.getContext("2d").fillRect(0, 0, 640, 240);
  const order = document.createElement("mask-order");
  for (const [key, value] of [["for", "try"], ["number", "by hand"], ["mask", mask.toDataURL()]])
    order.setAttribute(key, value);
  document.body.append(order);
}"""


@pytest.mark.parametrize("command", ["i", "Delete", "face", "load"])
def test_a_command_in_the_middle_of_a_stroke_sends_what_is_seen(ready: Page, command: str) -> None:
    page = ready
    page.locator("#faces").click()
    expect(page.get_by_role("button", name="Mask face 2")).to_be_visible()
    page.evaluate(AT_REST)
    stroke(page, (60, 440), (100, 440))
    page.mouse.move(*place(page, 200, 100))
    page.mouse.down()
    page.mouse.move(*place(page, 320, 100), steps=4)
    # What another hand does meanwhile, or the server.
    if command == "face":
        page.get_by_role("button", name="Mask face 2").dispatch_event("click")
    elif command == "load":
        page.evaluate(ORDER)
        expect(page.locator("mask-canvas .live")).to_have_text("The mask is loaded.")
    else:
        page.keyboard.press(command)
    page.mouse.move(*place(page, 420, 200), steps=4)
    page.mouse.up()
    assert mean(page) == pytest.approx(page.evaluate(SHOWN), abs=1e-3)
    share = mean(page)
    do(page, "undo").click()
    assert mean(page) != pytest.approx(share, abs=1e-3)
    assert mean(page) == pytest.approx(page.evaluate(SHOWN), abs=1e-3)


def test_what_was_begun_on_one_picture_is_none_of_the_next(ready: Page, tmp_path: Path) -> None:
    page = ready
    do(page, "box").click()
    view(page).focus()
    page.keyboard.press("Enter")  # a corner
    give_another(page, tmp_path, 500)
    view(page).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.locator("mask-canvas svg rect").count() == 0
    page.keyboard.press("Enter")  # the first corner here, and no box yet
    expect(page.locator("mask-canvas .live")).not_to_have_text("The box is drawn.")
    assert page.locator("#box textarea").input_value() == ""

    do(page, "brush").click()
    page.mouse.move(*place(page, 100, 100))
    page.mouse.down()
    page.mouse.move(*place(page, 200, 100), steps=3)
    give_another(page, tmp_path, 560)
    page.mouse.move(*place(page, 300, 200), steps=3)
    page.mouse.up()
    assert page.evaluate(SHOWN) == 0
    assert bounds(page) == []


def give_another(page: Page, folder: Path, width: int) -> None:
    """A picture after the first: nothing is masked on it, and the canvas has its size."""
    page.locator("#picture").get_by_label("Remove Image").dispatch_event("click")
    expect(page.locator("#picture input[type=file]")).to_have_count(1)
    page.locator("#picture input[type=file]").set_input_files(picture(folder, width, 400))
    page.wait_for_function(
        "width => document.querySelector('mask-canvas').firstChild.shadowRoot.querySelector('canvas').width === width",
        arg=width,
    )
    page.evaluate(AT_REST)


# ---- zoom ------------------------------------------------------------------------------------------------------------


def test_drawing_where_one_has_zoomed_in(ready: Page) -> None:
    page = ready
    whole = corners(page)
    x, y = (round(side) for side in place(page, 320, 240))  # events of the wheel have whole pixels
    before = under(page, x, y)
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    for _ in range(6):
        page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    expect(page.locator("mask-canvas .live")).to_have_text(re.compile(r"Zoom [2-9]\d\d %|Zoom 1[0-6]\d\d %"))
    page.wait_for_timeout(300)
    assert under(page, x, y) == pytest.approx(before, abs=0.5), "the point under the wheel moved"
    stroke(page, (320, 240), (330, 240))
    assert near(bounds(page), 307, 227, 343, 253)

    do(page, "move").click()
    before = place(page, 320, 240)
    page.mouse.move(*before)
    page.mouse.down()
    page.mouse.move(before[0] - 40, before[1] - 30, steps=3)
    page.mouse.up()
    after = place(page, 320, 240)
    assert (round(after[0] - before[0]), round(after[1] - before[1])) == (-40, -30)
    assert near(bounds(page), 307, 227, 343, 253), "moving draws nothing"
    do(page, "brush").click()
    stroke(page, (340, 260), (340, 260))
    assert near(bounds(page), 307, 227, 353, 273)
    do(page, "whole").click()
    assert corners(page) == pytest.approx(whole, abs=1)
    expect(page.locator("mask-canvas .state")).to_have_text(re.compile(r"Masked: \d\.\d %"))


# ---- finger and pen --------------------------------------------------------------------------------------------------

Touch = Callable[..., None]


@pytest.fixture
def fingers(open_page: OpenPage, tmp_path: Path) -> tuple[Page, Touch]:
    """A phone, and ``touch("touchMove", (x, y), ...)`` in points of the preview as they are at the time."""
    page = open_page(width=390, height=844, has_touch=True, is_mobile=True)
    give(page, picture(tmp_path, *SIZE))
    view(page).scroll_into_view_if_needed()
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

    view(page).scroll_into_view_if_needed()
    middle = place(page, 320, 240)
    scale = place(page, 321, 240)[0] - middle[0]
    left, right = (middle[0] - 30, middle[1]), (middle[0] + 30, middle[1])
    touch("touchStart", left)
    touch("touchMove", (left[0] - 4, left[1]))  # has begun to draw
    touch("touchStart", (left[0] - 4, left[1]), right)
    for step in range(1, 7):
        touch("touchMove", (left[0] - 4 - 10 * step, left[1]), (right[0] + 10 * step, right[1]))
    touch("touchEnd")
    assert near(bounds(page), 187, 137, 413, 163, within=5), "two fingers draw nothing"
    view(page).scroll_into_view_if_needed()
    assert (place(page, 321, 240)[0] - place(page, 320, 240)[0]) / scale == pytest.approx(184 / 64, rel=0.1)
    do(page, "undo").click()
    assert bounds(page) == []


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
        const view = document.querySelector('mask-canvas').firstChild.shadowRoot.querySelector('.view');
        view.setPointerCapture = () => {};
        for (const kind of ['pointerdown', 'pointerup']) view.dispatchEvent(new PointerEvent(kind, {
            pointerId: 77, pointerType: 'pen', clientX: x, clientY: y, button: 5, buttons: 32, bubbles: true })) }""",
        [x, y],
    )
    assert mean(page) < 0.95 * drawn


# ---- keyboard --------------------------------------------------------------------------------------------------------


def test_the_keyboard_alone_is_enough(ready: Page) -> None:
    page = ready
    live = page.locator("mask-canvas .live")
    save = do(page, "save")
    save.focus()
    page.keyboard.press("Tab")
    expect(view(page)).to_be_focused()
    page.keyboard.press("ArrowRight")  # from the middle, a quarter of the brush
    expect(live).to_have_text("51 % across, 50 % down: free")
    page.keyboard.down(" ")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.keyboard.up(" ")
    expect(live).to_have_text("Drawn.")
    assert near(bounds(page), 313, 227, 391, 253)
    view(page).focus()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    assert near(bounds(page), 313, 227, 391, 305)
    view(page).focus()
    page.keyboard.press("e")
    expect(do(page, "eraser")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    assert near(bounds(page), 313, 227, 391, 253)
    view(page).focus()
    page.keyboard.press("i")
    page.keyboard.press("Delete")
    assert bounds(page) == []
    view(page).focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert near(bounds(page), 313, 227, 391, 253)
    view(page).focus()
    page.keyboard.press("+")
    expect(live).to_have_text("Zoom 150 %")
    page.keyboard.press("0")
    # A box by two corners.
    page.keyboard.press("f")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#box textarea")).to_have_value(re.compile(r"\("))
    assert near(bounds(page), 313, 227, 391, 253)


def test_keys_leave_the_rest_of_the_page_alone(ready: Page) -> None:
    page = ready
    stroke(page, (100, 100), (200, 100))
    words = page.locator("#words textarea")
    words.fill("bei[]")
    words.press("Control+z")
    assert len(bounds(page)) == 4  # the mask is still there
    expect(do(page, "brush")).to_have_attribute("aria-pressed", "true")


def test_everything_has_a_name(open_page: OpenPage, tmp_path: Path) -> None:
    for locale, brush, canvas in (
        ("en-US", "Brush", "Picture to draw a mask on"),
        ("zh-CN", "画笔", "可绘制蒙版的图片"),
    ):
        page = open_page(locale=locale)
        expect(page.get_by_role("application", name=canvas)).to_be_visible()
        give(page, picture(tmp_path, *SIZE))
        expect(page.get_by_role("button", name=brush, exact=True)).to_have_attribute("aria-pressed", "true")
        page.locator("#faces").click()
        expect(page.locator("mask-canvas .faces button")).to_have_count(2)
        names = page.locator("mask-canvas button").evaluate_all(
            "all => all.map(one => one.getAttribute('aria-label') || one.textContent)"
        )
        assert all(len(re.sub(r"[^\w]", "", name)) > 1 for name in names), names
        assert len(set(names)) == len(names)
        assert page.locator("mask-canvas input[type=range]").evaluate("slider => slider.labels.length") == 1
        if locale == "zh-CN":
            text = page.locator("mask-canvas").inner_text() + " ".join(names)
            page.locator("mask-canvas summary").click()
            assert not re.findall(r"[a-z]{3,} [a-z]{2,}", text)


# ---- files, faces, boxes ---------------------------------------------------------------------------------------------


def test_a_saved_mask_can_be_loaded_again(ready: Page, tmp_path: Path) -> None:
    page = ready
    stroke(page, (100, 100), (300, 250))
    wanted = bounds(page)
    with page.expect_download() as waiting:
        do(page, "save").click()
    assert waiting.value.suggested_filename == "a_picture_640-mask.png"
    saved = tmp_path / "saved.png"
    waiting.value.save_as(saved)
    mask = masks.read(saved, 480, 640)
    assert mask[175, 200] == 1
    assert mask[10, 10] == 0
    do(page, "clear").click()
    load(page, saved)
    expect(page.locator("mask-canvas .live")).to_have_text("The mask is loaded.")
    assert bounds(page) == wanted
    do(page, "undo").click()
    assert bounds(page) == []

    # A mask of the picture's shape but another size, gray values and all.
    Image.fromarray(np.full((960, 1280), 128, np.uint8)).save(tmp_path / "gray.png")
    load(page, tmp_path / "gray.png")
    expect(page.locator("mask-canvas .state")).to_have_text("Masked: 100 %")
    assert mean(page) == pytest.approx(128 / 255, abs=0.004)


def test_a_mask_of_another_shape_is_refused(ready: Page, tmp_path: Path, watched: Watched) -> None:
    watched.expected.append("Failed to load resource")
    stroke(ready, (100, 100), (120, 100))
    Image.fromarray(np.full((500, 200), 255, np.uint8)).save(tmp_path / "narrow.png")
    load(ready, tmp_path / "narrow.png")
    expect(ready.locator(".toast-body")).to_contain_text("another shape")
    assert near(bounds(ready), 87, 87, 133, 113)


def test_a_face_is_masked_by_its_number_and_another_drawn_as_a_box(ready: Page) -> None:
    page = ready
    page.locator("#faces").click()
    page.get_by_role("button", name="Mask face 2").click()
    assert near(bounds(page), 384, 144, 512, 336)
    page.get_by_role("button", name="Mask face 1").click()
    assert near(bounds(page), 64, 96, 512, 336)
    do(page, "undo").click()
    assert near(bounds(page), 384, 144, 512, 336)
    do(page, "box").click()
    stroke(page, (320, 240), (64, 48))
    expect(page.locator("#box textarea")).to_have_value(re.compile(r"\("))
    box = [float(number) for number in re.findall(r"[\d.]+", page.locator("#box textarea").input_value())]
    assert box == pytest.approx([10, 10, 50, 50], abs=0.7)
    assert near(bounds(page), 384, 144, 512, 336), "a box is no mask"


def test_another_picture_begins_anew_and_another_tab_keeps_the_mask(ready: Page, tmp_path: Path) -> None:
    page = ready
    stroke(page, (100, 100), (200, 100))
    page.get_by_role("tab", name="Other").click()
    expect(view(page)).to_be_hidden()
    page.get_by_role("tab", name="Mask").click()
    expect(view(page)).to_be_visible()
    assert near(bounds(page), 87, 87, 213, 113)
    stroke(page, (300, 300), (300, 300))
    assert near(bounds(page), 87, 87, 313, 313)
    page.locator("#picture").get_by_label("Remove Image").click()
    expect(page.locator("mask-canvas .empty")).to_be_visible()
    give(page, picture(tmp_path, 300, 200))
    assert bounds(page) == []
    stroke(page, (100, 100), (150, 100))
    assert near(bounds(page), 94, 94, 156, 106)


# ---- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_panorama_on_a_phone(open_page: OpenPage, tmp_path: Path, locale: str, scheme: str) -> None:
    page = open_page(width=390, height=844, locale=locale, color_scheme=scheme)
    give(page, picture(tmp_path, 9000, 3000))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for part in page.locator("mask-canvas button:visible, mask-canvas .view, mask-canvas input").all():
        box = part.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    box = view(page).bounding_box()
    assert box
    assert box["height"] >= 190, "too low to draw in"
    view(page).scroll_into_view_if_needed()
    stroke(page, (100, 100), (200, 100))  # of 1024 x 341
    scale = 9000 / 1024
    half = size(page) / 2
    assert near(
        bounds(page), *(scale * side for side in (100 - half, 100 - half, 200 + half, 100 + half)), within=3 * 9
    )
    color = page.locator("mask-canvas").evaluate("one => getComputedStyle(one).color")
    bright = sum(map(int, re.findall(r"\d+", color)[:3])) / 3
    assert (bright > 128) == (scheme == "dark")


def test_the_smallest_picture(page: Page, tmp_path: Path) -> None:
    give(page, picture(tmp_path, 3, 2))
    stroke(page, (1.5, 0.5), (1.5, 0.5))
    assert bounds(page) == [1, 0, 2, 1]
