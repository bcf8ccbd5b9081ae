"""``/compare``: the sheet, the single results and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import upscale
from editing.ui import compare_api, comparing
from ui.visitor import Visitor

SENT = {"crop": "", "scale": "auto", "side": 400, "precision": "auto"}


def sent(file: Path, **more: Any) -> dict[str, Any]:
    return compare_api.compare_endpoint(file=str(file), request=Visitor(), progress=gr.Progress(), **SENT | more)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    pixels = np.random.default_rng(1).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    write_picture(Picture(pixels=pixels), file)
    return file


def test_a_sheet_the_single_results_and_the_facts(photo: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.png"
    write_picture(upscale.upscale(read_picture(photo), UpscaleOptions(model="anime-fast", scale=2)), earlier)
    given = sent(photo, items="anime-fast,anime-fast:0.5,earlier.png", scale="2", files=[str(earlier)])
    names = [Path(file).name for file in given["results"]]
    assert names == ["photo-1-anime-fast.png", "photo-2-anime-fast-strength-0.5.png", "photo-3-earlier.png"]
    whole, half, other = (read_picture(file) for file in given["results"])
    assert np.array_equal(whole.pixels, other.pixels)
    assert not np.array_equal(half.pixels, other.pixels)
    assert half.recipe
    assert half.recipe["options"]["strength"] == 0.5
    facts = given["facts"]
    assert [one["item"] for one in facts["results"]] == ["anime-fast", "anime-fast:0.5", "earlier.png"]
    assert facts["results"][2]["seconds"] is None
    sheet = read_picture(given["sheet"])
    assert (sheet.width, sheet.height) == (facts["width"], facts["height"])
    assert sheet.recipe == facts["recipe"]
    assert b"newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia<" in (sheet.xmp or b"")
    files_alone = sent(photo, items="earlier.png", files=[str(earlier)])["sheet"]
    assert read_picture(files_alone).xmp is None  # who knows what made them


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"items": ""}, "Nothing to compare"),
        ({"items": "anime-fast", "crop": "0,0,99,9"}, "reaches beyond"),
        ({"items": "anime-fast", "side": 7}, "between 320 and 4096"),
        ({"items": "anime-fast,kiss"}, "one kind at a time"),
    ],
)
def test_what_is_refused(photo: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(gr.Error, match=said):
        sent(photo, **more)


def test_the_machine_s_files_are_none_of_a_request_s_business(photo: Path) -> None:
    with pytest.raises(gr.Error, match="There is no"):
        sent(photo, items=str(photo))


@pytest.mark.parametrize(("chip", "scale"), [(1.5, 1.5), (4, 4), ("2", 2), (None, None)])
def test_the_page_compares_at_every_scale_of_its_chips(chip: object, scale: float | None) -> None:
    options = comparing.asked_for(["photo-fast", "anime-fast"], chip, (1, 2, 30, 40))
    assert (options.scale, options.items, options.crop) == (scale, ("photo-fast", "anime-fast"), (1, 2, 30, 40))
