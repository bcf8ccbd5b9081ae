"""GIFs with long comments, which Pillow would join for minutes."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editing.pictures.gif import without_long_comments
from editing.pictures.read import read_picture


def gif(comment: int, frames: int = 3) -> bytes:
    """An animation with ``comment`` bytes of comment before its first picture."""
    pictures = [Image.fromarray(np.full((4, 5), 40 * i, np.uint8)) for i in range(frames)]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:])
    data = file.getvalue()
    at = data.index(b"\x2c")  # the first picture
    pieces = (b"\xff" + b"a" * 255) * (comment // 255)
    return data[:at] + b"\x21\xfe" + pieces + b"\0" + data[at:]


def test_a_long_comment_is_left_out_and_the_pictures_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "long.gif"
    path.write_bytes(gif(8_000_000))
    started = time.perf_counter()
    picture = read_picture(path)
    assert time.perf_counter() - started < 3  # Pillow alone: 20 s
    assert picture.pixels.shape == (4, 5, 1)
    assert picture.notices[0].values == {"frames": 3}
    with path.open("rb") as file:
        assert without_long_comments(file).read() == gif(0).replace(b"\x21\xfe\0", b"")


def test_a_short_comment_stays(tmp_path: Path) -> None:
    path = tmp_path / "short.gif"
    path.write_bytes(gif(510))
    assert read_picture(path).text == {"Comment": "a" * 510}


@pytest.mark.parametrize("cut", [5, 13, 20, 40, 300])
def test_what_ends_too_soon_is_left_as_it_is(cut: int) -> None:
    data = gif(510)[:cut]
    assert without_long_comments(io.BytesIO(data)).read() == data
