"""What a result's file says of how it was made, and what is different here."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editing import __version__, messages
from editing.clips.write import write_walk
from editing.errors import EditingError, ImageError, OptionError
from editing.options import GenerateOptions, RepairOptions, StylizeOptions, UpscaleOptions, WalkOptions
from editing.pictures.picture import Picture
from editing.pictures.write import write_picture
from editing.pipelines import generate, rerun, stylize, upscale
from editing.pipelines.recipe import recipe_of
from editing.weights.find import find_weight

PLAIN = Picture(pixels=np.full((8, 8, 3), 90, np.uint8))


def made() -> dict[str, Any]:
    return upscale.recipe(UpscaleOptions(model="anime-fast", scale=2))


@pytest.mark.parametrize(
    "recipe",
    [
        made(), stylize.recipe(StylizeOptions(style="kiss", second="scream")), generate.recipe(GenerateOptions(seed=4)),
        generate.recipe(WalkOptions()),
        recipe_of("repair", RepairOptions(), [find_weight("repairer"), find_weight("detector")]),
    ],
    ids=lambda recipe: recipe["task"],
)  # fmt: skip
def test_where_it_was_made_nothing_is_different(recipe: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a.png", "a.webp", "a.jpg"):
        write_picture(PLAIN, tmp_path / name, recipe=recipe)
        found = rerun.read_recipe(tmp_path / name)
        assert found == recipe
        assert rerun.differences(found) == ()
    kind = rerun.KINDS[rerun.task_of(recipe)][0]
    assert kind(
        **{name: value for name, value in rerun.options_in(recipe).items() if name not in ("steady", "deinterlace")}
    )


def test_the_recipe_of_a_clip(tmp_path: Path) -> None:
    recipe = generate.recipe(WalkOptions())
    for name in ("a.mp4", "a.webp"):
        write_walk([PLAIN.pixels.repeat(4, 0).repeat(4, 1)] * 3, tmp_path / name, recipe=recipe)
        assert rerun.read_recipe(tmp_path / name) == recipe


def changed(**of_weight: Any) -> Callable[[dict[str, Any]], None]:
    return lambda recipe: recipe["weights"][0].update(of_weight)


DIFFERENCES: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda recipe: recipe.update(version="0.0.9"), f"Atelier 0.0.9; this is {__version__}"),
    (changed(sha256="ab" * 32), r"anime-fast is another one here \(sha256 548a36f9c3f4…, it was abababababab…\)"),
    (changed(name="mine.pth"), "no.*mine.pth|mine.pth is not known"),
    (changed(name="gfpgan"), "'gfpgan'.*is not here.*weights fetch gfpgan"),
    (changed(name=7), "damaged"),
    (lambda recipe: recipe["options"].update(shininess=3), "setting shininess is not known"),
    (lambda recipe: recipe["options"].update(strength=7), "Strength is 7"),
    (lambda recipe: recipe.update(options=[1]), "damaged"),
    (lambda recipe: recipe.update(then={"weights": [{"name": "photo", "sha256": "cd" * 32}]}), "photo is another one"),
    (lambda recipe: recipe.update(masked=True), "mask was used"),
]


@pytest.mark.parametrize(("change", "said"), DIFFERENCES)
def test_each_difference_is_told_in_both_languages(change: Callable[[dict[str, Any]], Any], said: str) -> None:
    recipe = copy.deepcopy(made())
    change(recipe)
    (told,) = rerun.differences(recipe)
    with pytest.raises(EditingError, match=said):
        raise EditingError(told)
    assert told.to("zh") != str(told)


def test_styles_that_are_not_here(tmp_path: Path) -> None:
    picture = tmp_path / "mine.png"
    write_picture(PLAIN, picture)
    recipe = stylize.recipe(StylizeOptions(style=str(picture), second="kiss"))
    assert rerun.style_pictures(recipe).keys() == {"mine.png"}
    (told,) = rerun.differences(recipe)
    assert told.text == messages.STYLE_NOT_HELD
    recipe["options"]["second"] = "cubes"
    told, other = rerun.differences(recipe)
    assert (other.text, other.values["name"]) == (messages.STYLE_NOT_HERE, "cubes")


def test_fine_that_was_stopped() -> None:
    options = StylizeOptions(style="kiss", optimise=40)
    assert rerun.differences(stylize.recipe(options, done=40)) == ()
    (told,) = rerun.differences(stylize.recipe(options, done=7))
    assert (told.text, told.values["done"]) == (messages.STOPPED_EARLY, "7")


def test_what_was_true_of_the_repaired_picture_alone() -> None:
    recipe = recipe_of("repair", RepairOptions(faces=(2,), filler="patches"), [])
    recipe |= {"choices": {"2": {"fidelity": 0.1}}, "then": {"weights": []}}
    assert [message.text for message in rerun.differences(recipe)] == [
        messages.FACES_OF_THAT_PICTURE, messages.FACES_ONE_BY_ONE, messages.ENLARGED_AS_WELL,
    ]  # fmt: skip


def test_a_request_has_no_file_of_the_machine_opened(tmp_path: Path) -> None:
    recipe = made()
    recipe["weights"][0]["name"] = recipe["options"]["model"] = str(tmp_path / "secret.pth")
    (tmp_path / "secret.pth").write_bytes(b"no weights")
    (told,) = rerun.differences(recipe)
    assert told.text == messages.WEIGHT_NOT_KNOWN


@pytest.mark.parametrize("task", [None, "paint", 7, ["upscale"], {}])
def test_tasks_that_are_not_known(task: object, tmp_path: Path) -> None:
    recipe: dict[str, Any] = {"task": task, "options": {}, "weights": [], "version": "9.0"}
    write_picture(PLAIN, tmp_path / "a.png", recipe=recipe)
    with pytest.raises(OptionError, match=r"Atelier 9\.0, which is not known"):
        rerun.read_recipe(tmp_path / "a.png")
    with pytest.raises(OptionError):
        rerun.differences(recipe)


def test_files_without_a_recipe(tmp_path: Path) -> None:
    write_picture(PLAIN, tmp_path / "a.png")
    write_walk([PLAIN.pixels.repeat(4, 0).repeat(4, 1)] * 3, tmp_path / "a.mp4")
    for name in ("a.png", "a.mp4"):
        with pytest.raises(ImageError, match=f"'{name}' does not say how it was made"):
            rerun.read_recipe(tmp_path / name)
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"b\.png"):
        rerun.read_recipe(tmp_path / "b.png")


@pytest.mark.parametrize("weights", [None, 3, "x", [None], [[]], [{}] * 1000])
def test_whatever_stands_where_weights_should(weights: object) -> None:
    recipe = made() | {"weights": weights}
    assert {message.text for message in rerun.differences(recipe)} <= {messages.OPTIONS_DAMAGED}
