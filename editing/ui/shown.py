"""What the page shows before anything is computed: a first look in every tab, twelve faces, the examples, the styles.

The files are made by ``tests/benchmarks/page_pictures.py`` from pictures that may be given on: SOURCES.md in each
folder names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from editing.messages import Text

_HERE = Path(__file__).parent
FOLDER = _HERE / "first_look"  # what the server has to show: page.py
_EXAMPLES = _HERE / "examples"
_PAINTINGS = _HERE / "paintings"


@dataclass(frozen=True, kw_only=True)
class FirstLook:
    """A picture before and after, both 1200x800, and what was done to it."""

    before: Path
    after: Path
    about: Text


@dataclass(frozen=True, kw_only=True)
class Example:
    """A picture to try a tab with: ``settings`` are options that differ from their defaults, ``mask`` is what to fill.

    ``settings`` hold names of the tab's class of options in :mod:`editing.options`.
    """

    file: Path
    title: Text
    settings: Mapping[str, Any] = field(default_factory=dict)
    mask: Path | None = None
    task: str | None = None  # of Repair's


def painting(style: str) -> Path:
    """What stands for a style of the gallery: 240x240, painted by the style itself; it may be missing."""
    return _PAINTINGS / f"{style}.webp"


def _first_look(tab: str, about: Text) -> FirstLook:
    return FirstLook(
        before=FOLDER / f"{tab}-before.webp", after=FOLDER / f"{tab}-after.webp", about=about
    )  # fmt: skip


FIRST_LOOKS: Mapping[str, FirstLook] = {
    "upscale": _first_look(
        "upscale", Text("300×200 pixels, enlarged four times", "300×200 像素，放大四倍"),
    ),
    "repair": _first_look(
        "repair", Text("Scratches found and filled, the face restored", "自动找出并填补划痕，修复人脸"),
    ),
    "stylize": _first_look(
        "stylize", Text("A photograph, painted after The Starry Night", "照片按《星月夜》的风格重绘"),
    ),
    "generate": _first_look(
        "generate",
        Text("People who do not exist, and the same moved along a direction", "不存在的人，以及沿一个方向移动后的样子"),
    ),
}  # fmt: skip

# The twelve faces, by their seeds: Generate draws the same from them.
FACES: Mapping[int, Path] = {
    seed: FOLDER / f"face-{seed:06d}.webp" for seed in (7, 14, 28, 33, 41, 52, 60, 75, 88, 93, 104, 117)
}

EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    "upscale": (
        Example(
            file=_EXAMPLES / "cat.jpg", title=Text("A small photograph", "小照片"),
            settings={"model": "auto", "scale": 4},
        ),
        Example(
            file=_EXAMPLES / "coffee-noisy.jpg", title=Text("Noise", "噪点"), settings={"model": "denoise", "scale": 1}
        ),
        Example(
            file=_EXAMPLES / "rocket-blocks.jpg", title=Text("JPEG blocks", "JPEG 方块"),
            settings={"model": "auto", "scale": 4},
        ),
        Example(
            file=_EXAMPLES / "drawing.png", title=Text("A drawing", "图画"),
            settings={"model": "anime-fast", "scale": 4},
        ),
    ),
    "repair": (
        Example(
            file=_EXAMPLES / "old-portrait.jpg", title=Text("An old portrait", "旧肖像"),
            settings={"find_damage": 0.6, "fidelity": 0.4}, task="restore",
        ),
        Example(file=_EXAMPLES / "astronaut.jpg", title=Text("A small face", "小脸"), task="faces"),
        Example(
            file=_EXAMPLES / "rocket.jpg", title=Text("Towers to remove", "去除铁塔"), settings={"faces": "none"},
            mask=_EXAMPLES / "masks" / "rocket.png", task="faces",
        ),
        Example(
            file=_EXAMPLES / "old-photo.jpg", title=Text("Scratches and dust", "划痕和灰尘"),
            settings={"faces": "none", "find_damage": 0.6}, task="restore",
        ),
    ),
    "stylize": (
        Example(
            file=_EXAMPLES / "coffee.jpg", title=Text("The Starry Night", "星月夜"), settings={"style": "starry-night"}
        ),
        Example(
            file=_EXAMPLES / "cat.jpg", title=Text("Composition VII", "构成第七号"),
            settings={"style": "composition-vii", "style_scale": 1.5},
        ),
        Example(
            file=_EXAMPLES / "rocket.jpg", title=Text("The Scream", "呐喊"),
            settings={"style": "scream", "style_scale": 1.5},
        ),
        Example(
            file=_EXAMPLES / "portrait.jpg", title=Text("The Great Wave", "神奈川冲浪里"),
            settings={"style": "great-wave", "strength": 0.85},
        ),
    ),
}  # fmt: skip
