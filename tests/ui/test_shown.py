"""The pictures that the page shows before anything is computed: they are there, small, and fit what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from editing import options
from editing.options import GenerateOptions, RepairOptions, StylizeOptions, UpscaleOptions
from editing.pipelines import generate, stylize, upscale
from editing.ui import shown
from editing.ui.shown import Example, FirstLook
from editing.weights.catalogue import CATALOGUE
from editing.weights.find import find_weight

UI = Path(shown.__file__).parent
KINDS = {"upscale": UpscaleOptions, "repair": RepairOptions, "stylize": StylizeOptions, "generate": GenerateOptions}


def size_of(file: Path) -> tuple[int, int]:
    with Image.open(file) as picture:
        return picture.size


def test_every_style_of_the_gallery_has_its_picture_and_no_other_has() -> None:
    models = [weight.name for weight in CATALOGUE if weight.task == "stylize"]
    named = {style.name for model in models for style in stylize.styles(model)}
    assert {file.stem for file in (UI / "paintings").glob("*.webp")} == named
    for name in named:
        assert size_of(shown.painting(name)) == (240, 240)
        assert shown.painting(name).stat().st_size <= 20_000


@pytest.mark.parametrize("look", shown.FIRST_LOOKS.values(), ids=list(shown.FIRST_LOOKS))
def test_a_first_look_is_small_and_its_halves_fit(look: FirstLook) -> None:
    for file in (look.before, look.after):
        assert size_of(file) == (1200, 800)
        assert file.stat().st_size <= 150_000


def test_there_is_a_first_look_for_every_tab() -> None:
    assert set(shown.FIRST_LOOKS) == set(KINDS)


@pytest.mark.parametrize(("tab", "example"), [(tab, one) for tab, four in shown.EXAMPLES.items() for one in four])
def test_an_example_s_settings_are_options_and_its_mask_fits(tab: str, example: Example) -> None:
    assert set(example.settings) <= set(options.specs(KINDS[tab]))
    read = options.read(KINDS[tab], {"style": "kiss", **example.settings} if tab == "stylize" else example.settings)
    model = upscale.named(read.model) if tab == "upscale" else read.model
    assert find_weight(model, tab if tab == "stylize" else "restore" if tab == "repair" else "upscale", "clean")
    if tab == "stylize":
        assert example.settings["style"] in {style.name for style in stylize.styles(read.model)}
    assert max(size_of(example.file)) <= 480
    if example.mask:
        assert size_of(example.mask) == size_of(example.file)


def test_the_first_faces_are_those_of_their_seeds() -> None:
    assert len(shown.FACES) == 12
    seed, file = next(iter(shown.FACES.items()))
    (drawn,) = generate.generate(GenerateOptions(seed=seed))
    with Image.open(file) as picture:
        kept = picture.convert("RGB")
    assert kept.size == (drawn.picture.width, drawn.picture.height)
    error = sum(abs(a - b) for a, b in zip(kept.tobytes(), drawn.picture.pixels.tobytes(), strict=True))
    assert error / len(kept.tobytes()) < 4  # of 255: WebP's own loss


@pytest.mark.parametrize("folder", ["examples", "first_look", "paintings"])
def test_the_sources_name_every_file(folder: str) -> None:
    told = (UI / folder / "SOURCES.md").read_text(encoding="utf-8")
    for file in (UI / folder).rglob("*.*"):
        name = file.relative_to(UI / folder)
        if name.suffix != ".md" and folder != "paintings":
            stem = name.stem.split("-")[0]
            assert f"`{name}`" in told or f"`{stem}-*{name.suffix}`" in told, name
