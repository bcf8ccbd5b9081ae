"""Compare: what is done to the picture is what each pipeline does alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from editing.errors import ImageError, OptionError, WeightError
from editing.options import CompareOptions, RepairOptions, StylizeOptions, UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.write import write_picture
from editing.pipelines import compare, repair, stylize, upscale


def asked(items: str, **more: object) -> CompareOptions:
    return CompareOptions(items=items, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def photo(astronaut: npt.NDArray[np.uint8]) -> Picture:
    return Picture(pixels=np.ascontiguousarray(astronaut[70:102, 200:248]))


def test_models_give_what_upscale_gives(photo: Picture) -> None:
    told: list[tuple[int, int, str]] = []
    made = compare.compare(
        photo, asked("photo-fast,anime-fast:0.5,denoise", scale=2), report=lambda *step: told.append(step)
    )  # fmt: skip
    assert [(one.picture.width, one.picture.height) for one in made.results] == [(96, 64), (96, 64), (48, 32)]
    for one, options in zip(
        made.results,
        [
            UpscaleOptions(model="photo-fast", scale=2), UpscaleOptions(model="anime-fast", scale=2, strength=0.5),
            UpscaleOptions(model="denoise"),
        ],
        strict=True,
    ):  # fmt: skip
        assert np.array_equal(one.picture.pixels, upscale.upscale(photo, options).pixels)
        assert one.recipe == upscale.recipe(upscale.settle(options, photo))
        assert one.seconds is not None
        assert one.seconds > 0
    assert told[-1][:2] == (300, 300)
    assert [done for done, *_ in told] == sorted(done for done, *_ in told)


def test_a_part_is_that_part_of_the_whole(astronaut: npt.NDArray[np.uint8]) -> None:
    whole = Picture(pixels=np.ascontiguousarray(astronaut[:230, :230]))
    made = compare.compare(whole, asked("anime-fast", crop="90,80,48,32"))
    (one,) = made.results
    assert np.array_equal(made.original.pixels, whole.pixels[80:112, 90:138])
    assert (one.picture.width, one.picture.height) == (192, 128)
    alone = upscale.upscale(whole, UpscaleOptions(model="anime-fast")).pixels[320:448, 360:552]
    error = np.abs(one.picture.pixels.astype(float) - alone)
    assert error.mean() < 0.5  # the colour lock's cells lie elsewhere
    assert error.max() <= 6


def test_two_strengths_of_a_style_are_painted_once(photo: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def paint(picture: Picture, options: StylizeOptions, **_: object) -> Picture:
        calls.append((options.style, options.model))
        return Picture(pixels=255 - picture.pixels)

    monkeypatch.setattr(stylize, "paint", paint)
    made = compare.compare(photo, asked("great-wave:0.4,great-wave,blaze"))
    assert calls == [("great-wave", "stylizer"), ("blaze", "magenta")]
    expected = [StylizeOptions(style="great-wave", strength=0.4), StylizeOptions(style="great-wave")]
    for one, options in zip(made.results, [*expected, StylizeOptions(style="blaze", model="magenta")], strict=True):
        assert np.array_equal(one.picture.pixels, stylize.stylize(photo, options).pixels)
        assert one.recipe == stylize.recipe(options)


def test_two_fidelities_are_repaired_once(
    astronaut: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    photo = Picture(pixels=np.ascontiguousarray(astronaut[0:220, 120:340]))
    alone = []
    run = repair.repair
    monkeypatch.setattr(repair, "repair", lambda *a, **b: alone.append(run(*a, **b)) or alone[-1])  # type: ignore[func-returns-value]
    made = compare.compare(photo, asked("repair:0.1,repair:0.9,repairer"))
    assert len(alone) == 1
    for one, fidelity in zip(made.results, (0.1, 0.9, 0.5), strict=True):
        expected = replace(alone[0], options=RepairOptions(fidelity=fidelity))
        assert np.array_equal(one.picture.pixels, repair.compose(expected).pixels)
        assert one.recipe == repair.recipe(expected)
    assert [one.item.label for one in made.results] == ["repair, fidelity 0.1", "repair, fidelity 0.9", "repairer"]


def test_an_earlier_result_stands_beside_them(photo: Picture, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.png"
    result = upscale.upscale(photo, UpscaleOptions(model="anime-fast"))
    write_picture(result, earlier)
    made = compare.compare(photo, asked(f"{earlier},anime-fast:0", crop="5,10,15,8"))
    assert np.array_equal(made.results[0].picture.pixels, result.pixels[40:72, 20:80])
    assert made.results[0].seconds is None
    assert made.results[0].item.label == "earlier.png"
    assert compare.recipe(made)["options"]["items"] == ["earlier.png", "anime-fast:0"]
    assert [weight["name"] for weight in compare.recipe(made)["weights"]] == ["anime-fast"]
    drawn = made.sheet()
    assert drawn.width > 2 * 192


def test_a_file_of_another_shape_is_refused_before_anything_runs(photo: Picture, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    write_picture(Picture(pixels=photo.pixels[:, :25]), other)
    with pytest.raises(ImageError, match=r"other\.png.*25x32.*48x32"):
        compare.compare(photo, asked(f"anime-fast,{other}"), report=lambda *_: pytest.fail("it ran"))


@pytest.mark.parametrize(
    ("items", "kind", "said"),
    [
        ("nonsense", OptionError, "no 'nonsense'.*photo-fast.*starry-night.*repairer"),
        ("photo-fast:1.5", OptionError, "from 0 to 1"),
        ("photo-fast:nan", OptionError, "from 0 to 1"),
        ("photo-fast:x", OptionError, "from 0 to 1"),
        ("photo-fast,great-wave", OptionError, "'photo-fast' is for enlarging.*'great-wave' for stylizing"),
        ("repair,photo-fast", OptionError, "'repair' is for repairing.*'photo-fast' for enlarging"),
        ("general,photo-fast", WeightError, "weights fetch general"),
        ("detector", OptionError, "no 'detector'"),
    ],
)
def test_what_cannot_be_compared_is_said(items: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        compare.find_items(asked(items))


def test_a_request_cannot_name_the_machine_s_files(tmp_path: Path, photo: Picture) -> None:
    file = tmp_path / "own.png"
    write_picture(photo, file)
    with pytest.raises(OptionError, match="no '"):
        compare.find_items(asked(str(file)), paths=False)
    (item,) = compare.find_items(asked("own.png"), files={"own.png": file}, paths=False)
    assert item.file == file
    with pytest.raises(OptionError, match="takes no number"):
        compare.find_items(asked("own.png:0.5"), files={"own.png": file}, paths=False)


@pytest.mark.parametrize("crop", ["0,0,49,10", "45,0,10,10", "0,30,4,5"])
def test_a_part_beyond_the_picture_is_said(photo: Picture, crop: str) -> None:
    with pytest.raises(ImageError, match=f"{crop}.*48x32"):
        compare.compare(photo, asked("photo-fast", crop=crop))


@pytest.mark.parametrize("crop", ["1,2,3", "a,b,c,d", "0,0,0,5", "-1,0,5,5", [1, 2, 3, True], [0.5, 0, 5, 5]])
def test_a_part_that_is_none_is_said(crop: object) -> None:
    with pytest.raises(OptionError, match="four whole numbers"):
        asked("photo-fast", crop=crop)


@pytest.mark.parametrize(
    ("items", "said"),
    [("", "Nothing to compare"), (" , ", "Nothing"), (7, "Nothing"), ("a,b,a", "'a' stands there twice"),
     (",".join(map(str, range(13))), "13 things")],
)  # fmt: skip
def test_lists_that_are_none_are_said(items: object, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        CompareOptions(items=items)  # type: ignore[arg-type]
