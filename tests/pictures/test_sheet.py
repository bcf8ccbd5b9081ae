"""The sheet that several results are compared on."""

from __future__ import annotations

import numpy as np
import pytest

from editing.pictures import sheet as sheets
from editing.pictures.picture import Picture
from editing.pictures.sheet import Cell, sheet

PAPER = np.array(sheets._PAPER)


def plain(value: int, height: int = 300, width: int = 400, **more: object) -> Picture:
    return Picture(pixels=np.full((height, width, 3), value, np.uint8), **more)  # type: ignore[arg-type]


def places(drawn: Picture, value: int) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of all pixels of a gray value in the sheet."""
    down, across = np.nonzero((drawn.pixels == value).all(2))
    return int(down.min()), int(down.max()), int(across.min()), int(across.max())


def test_each_picture_is_whole_in_its_own_place_at_the_size_of_the_largest() -> None:
    drawn = sheet([Cell(name="a", picture=plain(10, 150, 200)), Cell(name="b", picture=plain(90))], 1000)
    first, second = places(drawn, 10), places(drawn, 90)
    for top, bottom, left, right in (first, second):
        assert (bottom - top + 1, right - left + 1) == (300, 400)
        assert ((drawn.pixels[top : bottom + 1, left : right + 1] == drawn.pixels[top, left]).all(2)).all()
    assert first[3] < second[2] or first[1] < second[0]
    assert drawn.notices == ()


def test_the_longest_side_is_the_one_asked_for() -> None:
    drawn = sheet([Cell(name=str(value), picture=plain(value, 600, 800)) for value in (10, 90)], 400)
    top, bottom, left, right = places(drawn, 90)
    assert (bottom - top + 1, right - left + 1) == (300, 400)


def test_four_stand_two_by_two() -> None:
    drawn = sheet([Cell(name=str(value), picture=plain(value)) for value in (10, 50, 90, 130)], 400)
    found = [places(drawn, value) for value in (10, 50, 90, 130)]
    assert found[0][0] == found[1][0] < found[2][0] == found[3][0]
    assert found[0][2] == found[2][2] < found[1][2] == found[3][2]


def test_names_and_notes_are_written_above_and_stay_within_their_width() -> None:
    long = "a-very-long-name-of-a-file-" * 12
    cells = [Cell(name=long, note="12.3 s", picture=plain(10)), Cell(name="b", picture=plain(90))]
    drawn = sheet(cells, 400)
    top, _, left, right = places(drawn, 10)
    label = (drawn.pixels[:top] != PAPER).any(2)
    assert label[:, left : left + 40].any()
    assert label[:, right - 40 : right + 1].any()
    assert not label[:, right + 1 : right + 1 + sheets._GAP].any()


def test_chinese_names_are_written_or_said_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [Cell(name="original", picture=plain(10)), Cell(name="猫的照片.png", picture=plain(90))]
    assert sheets._font_for("猫", 14) is not sheets._default(14)  # Pillow's own has only boxes for it
    monkeypatch.setattr(sheets, "_WIDER_FONTS", ())
    drawn = sheet(cells, 400)
    (notice,) = drawn.notices
    assert "猫的照片.png" in str(notice)
    assert np.array_equal(drawn.pixels, sheet([cells[0], Cell(name="1", picture=plain(90))], 400).pixels)


def test_a_system_with_such_a_font_writes_them() -> None:
    font = sheets._font_for("猫的照片.png", 14)
    if font is None:
        pytest.skip("no font with 中文 on this machine")
    drawn = sheet([Cell(name="猫的照片.png", picture=plain(10))], 400)
    assert drawn.notices == ()


def test_deep_gray_and_transparent_pictures() -> None:
    deep = Picture(pixels=np.full((300, 400, 1), 257 * 70, np.uint16))
    alpha = np.zeros((300, 400), np.uint8)
    alpha[:, 200:] = 255
    drawn = sheet([Cell(name="deep", picture=deep), Cell(name="half", picture=plain(30, alpha=alpha))], 400)
    top, bottom, left, right = places(drawn, 70)
    assert (bottom - top + 1, right - left + 1) == (300, 400)
    top, bottom, left, right = places(drawn, 30)
    assert 194 <= right - left + 1 <= 200
    assert (drawn.pixels[top, left - 100] == PAPER).all()
