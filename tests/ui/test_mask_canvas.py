"""The server's side of the mask canvas: orders to the browser, and what is read of its answers."""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editing.errors import ImageError
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture
from editing.ui import mask_canvas
from ui.visitor import Visitor, sent

SCRIPT = (Path(mask_canvas.__file__).with_suffix(".js")).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def attributes(order: str) -> dict[str, str]:
    found = re.fullmatch(r"<mask-order ((?:[a-z]+=\"[^\"]*\" ?)+)></mask-order>", order)
    assert found, order
    return {key: html.unescape(value) for key, value in re.findall(r'([a-z]+)="([^"]*)"', found[1])}


def test_a_drawn_mask_is_read_at_the_pictures_size() -> None:
    drawn = np.zeros((30, 40), np.uint8)
    drawn[10:20, 10:30] = 255
    mask = mask_canvas.read(sent(drawn), 300, 400)
    assert mask is not None
    assert (mask.shape, mask.dtype) == ((300, 400), np.float32)
    assert mask[150, 200] == 1
    assert mask[50, 50] == 0
    assert 0.2 < float(mask[150, 100]) < 0.8  # soft between
    assert mask.mean() == pytest.approx(200 / 1200, abs=0.01)


def test_a_mask_of_everything_is_one() -> None:
    mask = mask_canvas.read(sent(np.full((3, 4), 255, np.uint8)), 3, 4)
    assert mask is not None
    assert (mask == 1).all()


@pytest.mark.parametrize("value", ["", None])
def test_nothing_drawn_is_no_mask(value: str | None) -> None:
    assert mask_canvas.read(value, 30, 40) is None


@pytest.mark.parametrize(
    "value",
    [
        "nonsense",
        "data:image/png;base64,",
        "data:image/png;base64,!!!",
        "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\nno more").decode(),
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/png;base64," + "A" * mask_canvas.LONGEST_ANSWER,
        "/etc/passwd",
    ],
)
def test_wrong_data_is_refused_in_words(value: str) -> None:
    with pytest.raises(ImageError, match=r"mask"):
        mask_canvas.read(value, 30, 40)


def test_a_mask_of_another_picture_is_refused() -> None:
    with pytest.raises(ImageError, match="another shape"):
        mask_canvas.read(sent(np.zeros((30, 40), np.uint8)), 300, 300)


def test_a_box_is_read_in_pixels() -> None:
    assert mask_canvas.read_box("[0.1, 0.2, 0.5, 1]", 100, 200) == (20, 20, 100, 100)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "[]",
        "[0, 0, 1]",
        "[0, 0, 2, 1]",
        "[0.5, 0, 0.5, 1]",
        "[NaN, 0, 1, 1]",
        "{}",
        '["a", 0, 1, 1]',
        "[" * 9999,
    ],
)
def test_a_wrong_box_is_refused(value: str | None) -> None:
    with pytest.raises(ImageError, match="draw it again"):
        mask_canvas.read_box(value, 100, 100)


def test_a_picture_is_shown_small_under_a_harmless_name(cache: Path) -> None:
    picture = Picture(pixels=np.full((300, 3000, 3), 90, np.uint8))
    order = attributes(mask_canvas.show("repair", picture, 'C/a "b" <i>$$.jpg', Visitor()))
    assert order["for"] == "repair"
    assert order["stem"] == "a_b_i_"
    file = Path(order["image"].removeprefix("gradio_api/file="))
    assert file.is_relative_to(cache)
    assert probe_picture(file).width == 1024
    assert probe_picture(file).height == 102


def test_no_picture_closes_the_canvas() -> None:
    assert attributes(mask_canvas.show("repair", None, "", Visitor()))["image"] == ""


def test_faces_are_sent_as_fractions() -> None:
    order = attributes(mask_canvas.show_faces("repair", {3: np.array([[0.25, 0.5], [1 / 3, 0], [1, 1]])}))  # type: ignore[dict-item]
    assert json.loads(order["faces"]) == [{"number": 3, "outline": [[0.25, 0.5], [0.33333, 0], [1, 1]]}]


def test_a_mask_is_sent_as_alpha_no_larger_than_the_preview() -> None:
    mask = np.zeros((500, 2048), np.float32)
    mask[:250] = 0.5
    order = attributes(mask_canvas.show_mask("repair", mask, Visitor()))
    alpha = np.asarray(Image.open(order["mask"].removeprefix("gradio_api/file=")).getchannel("A"))
    assert alpha.shape == (250, 1024)
    assert (alpha[:124] == 128).all()
    assert (alpha[126:] == 0).all()


def test_orders_are_told_apart() -> None:
    assert mask_canvas.show_faces("a", {}) != mask_canvas.show_faces("a", {})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_script_has_all_its_words_and_no_others(language: str) -> None:
    words = mask_canvas._labels(language)
    code = re.sub(r"//.*", "", SCRIPT)
    asked = set(re.findall(r'(?:say|tell|tool|action)\(\s*"(\w+)"', code))
    asked |= set(re.findall(r'this\.(?:step|change)\(.*, "(\w+)"[,)]', code))
    asked |= set(re.findall(r'say\([^"()]*\? "(\w+)" : "(\w+)"', code)[0]) | {"cursor_masked", "cursor_free"}
    assert asked == words.keys()
    assert not re.search("[\u4e00-\u9fff]", SCRIPT)
    for key, text in words.items():
        assert set(re.findall(r"\{(\w+)\}", text)) <= {"percent", "number", "x", "y"}, key


def test_the_head_is_one_script_that_evaluates_nothing() -> None:
    head = mask_canvas.head()
    assert head.count("<script>") == head.count("</script>") == 1
    assert head.endswith("</script>")
    assert "eval(" not in head
    assert "new Function" not in head
    assert "画笔" in head


def test_a_mask_sent_from_another_tab_comes_with_its_picture() -> None:
    picture = Picture(pixels=np.zeros((500, 2000, 3), np.uint8))
    mask = np.zeros((256, 1024), np.float32)
    mask[:, :512] = 1
    order = attributes(mask_canvas.show("one", picture, "photo.png", Visitor(), mask))
    assert order["image"].endswith(".jpg")
    with Image.open(order["mask"].removeprefix("gradio_api/file=")) as found:
        alpha = np.asarray(found.getchannel("A"))
    assert alpha.shape == (256, 1024)
    assert alpha[:, :500].min() == 255
    assert alpha[:, 524:].max() == 0
    assert "mask" not in attributes(mask_canvas.show("one", picture, "photo.png", Visitor()))
