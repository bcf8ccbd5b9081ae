"""What ``import editing`` offers to a Python user."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import editing
from editing.pictures.picture import Picture


def test_the_names_a_python_user_wants_are_functions_and_the_rest_are_modules() -> None:
    from editing import generate, repair, runtime, stylize, upscale

    assert [function.__name__ for function in (generate, repair, stylize, upscale)] == [
        "generate", "repair", "stylize", "upscale",
    ]  # fmt: skip
    assert editing.Picture is Picture
    assert isinstance(runtime, ModuleType)
    with pytest.raises(AttributeError, match="'editing' has no attribute 'images'"):
        editing.images  # noqa: B018


def test_a_picture_is_opened_and_saved_with_what_the_format_can_not_keep(tmp_path: Path) -> None:
    deep = Picture(pixels=np.full((8, 9, 3), 30000, np.uint16))
    assert not deep.save(tmp_path / "a.png", recipe={"task": "none"})
    again = Picture.open(tmp_path / "a.png")
    assert np.array_equal(again.pixels, deep.pixels)
    assert again.recipe == {"task": "none"}
    (notice,) = again.save(str(tmp_path / "a.jpg"), quality=80)
    assert "16 bits were rounded" in str(notice)
    assert Picture.open(str(tmp_path / "a.jpg")).depth == 8
