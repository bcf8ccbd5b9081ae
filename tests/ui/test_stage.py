"""The server's side of the stage: orders to the browser, and what is read of its answers."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from editing.errors import ImageError
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture
from editing.pictures.write import write_picture
from editing.ui import handlers, stage
from ui.visitor import Visitor, sent

SCRIPT = (Path(stage.__file__).with_suffix(".js")).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def said(order: str) -> dict[str, Any]:
    """What an order says; nothing in it may be taken for HTML or Markdown."""
    found = re.fullmatch(
        r"<stage-order for=\"([a-z-]+)\" number=\"[0-9a-f]+\" says=\"([\w.~%-]*)\"></stage-order>", order
    )
    assert found, order
    says: dict[str, Any] = json.loads(unquote(found[2]))
    return says | {"for": found[1]}


def file_at(address: str) -> Path:
    return Path(unquote(address.removeprefix("gradio_api/file=")))


def test_a_drawn_mask_is_read_at_the_pictures_size() -> None:
    drawn = np.zeros((30, 40), np.uint8)
    drawn[10:20, 10:30] = 255
    mask = stage.read(sent(drawn), 300, 400)
    assert mask is not None
    assert (mask.shape, mask.dtype) == ((300, 400), np.float32)
    assert mask[150, 200] == 1
    assert mask[50, 50] == 0
    assert 0.2 < float(mask[150, 100]) < 0.8  # soft between
    assert mask.mean() == pytest.approx(200 / 1200, abs=0.01)


def test_a_mask_of_everything_is_one() -> None:
    mask = stage.read(sent(np.full((3, 4), 255, np.uint8)), 3, 4)
    assert mask is not None
    assert (mask == 1).all()


@pytest.mark.parametrize("value", ["", None])
def test_nothing_drawn_is_no_mask(value: str | None) -> None:
    assert stage.read(value, 30, 40) is None


@pytest.mark.parametrize(
    "value",
    [
        "nonsense",
        "data:image/png;base64,",
        "data:image/png;base64,!!!",
        "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\nno more").decode(),
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/png;base64," + "A" * stage.LONGEST_ANSWER,
        "/etc/passwd",
    ],
)
def test_wrong_data_is_refused_in_words(value: str) -> None:
    with pytest.raises(ImageError, match=r"mask"):
        stage.read(value, 30, 40)


def test_a_mask_of_another_picture_is_refused() -> None:
    with pytest.raises(ImageError, match="another shape"):
        stage.read(sent(np.zeros((30, 40), np.uint8)), 300, 300)


def test_a_box_is_read_in_pixels() -> None:
    assert stage.read_box("[0.1, 0.2, 0.5, 1]", 100, 200) == (20, 20, 100, 100)


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
        stage.read_box(value, 100, 100)


def test_a_picture_is_shown_small_under_a_harmless_name(cache: Path) -> None:
    picture = Picture(pixels=np.full((300, 16000, 3), 90, np.uint8))
    write_picture(picture, cache / "wide.png")
    order = said(stage.show("repair", picture, str(cache / "wide.png"), Visitor()))
    shown = order["picture"]
    assert order["for"] == "repair"
    assert (shown["width"], shown["height"], shown["mask"]) == (16000, 300, [1536, 29])
    small = file_at(shown["url"])
    assert small.is_relative_to(cache)
    assert (probe_picture(small).width, probe_picture(small).height) == (2048, 38)
    assert file_at(shown["full"]) == cache / "wide.png"
    write_picture(Picture(pixels=picture.pixels[:, :40]), cache / "a b <i>$$.png")
    named = said(stage.show("repair", Picture(pixels=picture.pixels[:, :40]), str(cache / "a b <i>$$.png"), Visitor()))
    assert named["picture"]["stem"] == "a_b_i_"
    assert file_at(named["picture"]["url"]) == cache / "a b <i>$$.png", "small files are shown as they are"


def test_what_browsers_cannot_show_is_shown_as_a_preview(cache: Path) -> None:
    picture = Picture(pixels=np.zeros((40, 60, 3), np.uint16))
    write_picture(picture, cache / "deep.tif")
    shown = said(stage.show_result("repair", picture, cache / "deep.tif", region=(0, 0, 0.5, 1), spent=True))
    assert shown["spent"] is True
    assert shown["result"]["region"] == [0, 0, 0.5, 1]
    assert "full" not in shown["result"]
    assert probe_picture(file_at(shown["result"]["url"])).format == "JPEG"
    assert said(stage.show_result("repair", None)) == {"for": "repair", "result": None}


def test_no_picture_clears_the_stage() -> None:
    assert said(stage.show("repair", None, "", Visitor()))["picture"] is None


def test_faces_are_sent_as_fractions_with_their_dials() -> None:
    dial = stage.Dial(key="fidelity", label="Fidelity", low=0, high=1, step=0.05, value=0.5)
    points = [(0.25, 0.5), (1 / 3, 0), (1, 1)]
    order = said(stage.show_faces("repair", {3: points, 4: stage.FaceMark(outline=points, keep=False, dials=(dial,))}))
    first, second = order["faces"]
    assert first == {"number": 3, "outline": [[0.25, 0.5], [0.33333, 0], [1, 1]], "keep": True, "dials": []}
    assert (second["keep"], second["dials"][0]["value"]) == (False, 0.5)


def test_several_are_at_most_four(cache: Path) -> None:
    write_picture(Picture(pixels=np.zeros((8, 9, 3), np.uint8)), cache / "one.png")
    order = said(stage.show_several("repair", [(cache / "one.png", f"<b>{n}", n / 2) for n in range(6)], Visitor()))
    assert [one["name"] for one in order["several"]] == ["<b>0", "<b>1", "<b>2", "<b>3"]
    assert order["several"][1]["seconds"] == "0.5 s"


def test_a_mask_is_sent_as_alpha_no_larger_than_the_stages() -> None:
    mask = np.zeros((500, 3072), np.float32)
    mask[:250] = 0.5
    order = said(stage.show_mask("repair", mask, Visitor()))
    alpha = np.asarray(Image.open(file_at(order["mask"])).getchannel("A"))
    assert alpha.shape == (250, 1536)
    assert (alpha[:124] == 128).all()
    assert (alpha[126:] == 0).all()


def test_a_mask_that_was_given_keeps_every_pixel_where_nothing_is_drawn_over_it() -> None:
    visitor = Visitor("fine")
    mask = np.zeros((500, 3072), np.float32)
    mask[:, 1000:1003] = 1  # a line of three pixels, one and a half of the stage's
    handlers.give(visitor, "repair")
    order = said(stage.show_mask("repair", mask, visitor))
    alpha = np.array(Image.open(file_at(order["mask"])).getchannel("A"))
    whole = handlers.laid(visitor, "repair")
    assert np.array_equal(stage.read(sent(alpha), 500, 3072, whole), mask)
    assert not np.array_equal(stage.read(sent(alpha), 500, 3072), mask)

    # A stroke over it, and one that erases: there, and there alone, the stage's pixels count.
    alpha[100:120, 200:300] = 255
    alpha[200:] = 0
    found = stage.read(sent(alpha), 500, 3072, whole)
    assert found[204:236, 404:596].min() == 1
    assert not found[404:].any()
    assert np.array_equal(found[:396, 700:], mask[:396, 700:])
    handlers.give(visitor, "repair")  # another picture
    assert handlers.laid(visitor, "repair") is None


def test_orders_are_told_apart() -> None:
    assert stage.show_faces("a", {}) != stage.show_faces("a", {})


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ('{"kind": "point", "x": 0.5, "y": 1, "n": 3}', {"kind": "point", "x": 0.5, "y": 1.0}),
        ('{"kind": "point", "x": 0.5, "y": 1.1}', {}),
        ('{"kind": "point", "x": NaN, "y": 0}', {}),
        ('{"kind": "face", "number": 2, "keep": false, "strength": 0.4, "n": 1}',
         {"kind": "face", "number": 2, "keep": False, "strength": 0.4}),
        ('{"kind": "face", "number": true, "keep": false}', {}),
        ('{"kind": "face", "number": 2, "keep": 1}', {}),
        ('{"kind": "tile", "index": 0}', {"kind": "tile", "index": 0}),
        ('{"kind": "tile", "index": -1}', {}),
        ('{"kind": "marked", "indices": [3, 1]}', {"kind": "marked", "indices": [3, 1]}),
        ('{"kind": "marked", "indices": ["a"]}', {}),
        ('{"kind": "closed"}', {"kind": "closed"}),
        ('{"kind": "eval"}', {}), ("[]", {}), ("", {}), (None, {}), ("[" * 9999, {}),
    ],
)  # fmt: skip
def test_an_event_is_read_or_is_none(value: str | None, meant: dict[str, Any]) -> None:
    assert stage.read_event(value) == meant


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_script_has_all_its_words_and_no_others(language: str) -> None:
    words = stage.words(language)
    code = re.sub(r"^\s*//.*", "", SCRIPT, flags=re.MULTILINE)
    quoted = set(re.findall(r'"([a-z_]+)"', code))
    assert words.keys() <= quoted, "a word that is never said"
    asked = set(re.findall(r'(?:say|tell|tool|action|look|button)\(\s*"([a-z_]+)"', code))
    asked |= set(re.findall(r'this\.(?:step|change)\(.*, "([a-z_]+)"[,)]', code))
    asked |= {word for pair in re.findall(r'(?:say|tell)\([^"()]*\? "(\w+)" : "(\w+)"', code) for word in pair}
    assert asked <= words.keys()
    assert not re.search("[\u4e00-\u9fff]", SCRIPT)
    values = {"percent", "number", "x", "y", "name", "count", "most"}
    for key, text in words.items():
        assert set(re.findall(r"\{(\w+)\}", text)) <= values, key


def test_the_head_is_one_script_that_evaluates_nothing() -> None:
    head = stage.head()
    assert head.count("<script>") == head.count("</script>") == 1
    assert head.endswith("</script>")
    assert "eval(" not in head
    assert "new Function" not in head
    assert "画笔" in head


def test_a_mask_sent_from_another_tab_comes_with_its_picture(cache: Path) -> None:
    picture = Picture(pixels=np.zeros((500, 2000, 3), np.uint8))
    write_picture(picture, cache / "photo.png")
    mask = np.zeros((256, 1024), np.float32)
    mask[:, :512] = 1
    order = said(stage.show("one", picture, str(cache / "photo.png"), Visitor(), mask))
    with Image.open(file_at(order["mask"])) as found:
        alpha = np.asarray(found.getchannel("A"))
    assert alpha.shape == (256, 1024)
    assert alpha[:, :500].min() == 255
    assert alpha[:, 524:].max() == 0
    assert "mask" not in said(stage.show("one", picture, str(cache / "photo.png"), Visitor()))
