"""What has to be true of any value: tiles, masks, tags and options, by examples that hypothesis thinks of.

The same ones each time, and few: the search is for the author of a change, with more ``max_examples``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_pictures import chunk, png, smooth

from editing import options
from editing.errors import ImageError, OptionError, WeightError
from editing.options import (
    Choice,
    ClipSaveOptions,
    CompareOptions,
    DamageOptions,
    DrawnSaveOptions,
    GenerateOptions,
    RepairOptions,
    RestoreOptions,
    SaveOptions,
    StylizeOptions,
    UpscaleOptions,
    WalkOptions,
)
from editing.pictures import masks, tags, tiling
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import rerun
from editing.weights import ncnn

few = settings(max_examples=40, derandomize=True, deadline=None, database=None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("auto") | st.just("9" * 99),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SHARES = st.floats(0, 1, width=32)


def small_masks() -> st.SearchStrategy[Any]:
    return st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
        lambda shape: arrays(np.float32, shape, elements=SHARES)
    )


# ---- tiles -----------------------------------------------------------------------------------------------------------


@few
@given(st.integers(1, 5000), st.integers(1, 40), st.integers(0, 64), st.integers(1, 16))
def test_the_stretches_of_an_axis_lie_side_by_side(size: int, units: int, ramp: int, align: int) -> None:
    tile = units * align
    found = tiling.spans(size, tile, ramp, align)
    assert (found[0].start, found[-1].stop) == (0, size)
    assert all(one.stop == other.start for one, other in pairwise(found))
    assert all(0 < span.stop - span.start <= tile for span in found)
    assert all(span.start % align == 0 for span in found)
    places = np.arange(size, dtype=np.float32) + 0.5
    shares = np.zeros(size, np.float32)
    for span in found:
        first, last = span.written()
        assert 0 <= first < last <= size
        shares[first:last] += span.weight(places[first:last])
    np.testing.assert_allclose(shares, 1, atol=1e-5)


@few
@given(
    st.integers(1, 90), st.integers(1, 90), st.sampled_from([1, 2, 3]), st.integers(4, 24), st.integers(0, 8),
    st.sampled_from([1, 2, 4]),
)  # fmt: skip
def test_a_picture_in_tiles_is_the_whole_one(
    height: int, width: int, scale: int, units: int, ramp: int, align: int
) -> None:
    image = np.random.default_rng(height * 100 + width).random((height, width, 1), np.float32)
    out = np.zeros((height * scale, width * scale, 1), np.float32)

    def enlarge(region: Any) -> Any:
        return region.repeat(scale, 0).repeat(scale, 1)

    tiling.run_tiled(
        enlarge, image, scale=scale, tile=units * align, overlap=8 * align, ramp=ramp, align=align, out=out
    )  # fmt: skip
    np.testing.assert_allclose(out, enlarge(image), atol=1e-5)


# ---- masks -----------------------------------------------------------------------------------------------------------


@few
@given(small_masks(), st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]), st.sampled_from([1, 3]))
def test_outside_a_mask_every_pixel_keeps_its_bits(mask: Any, seed: int, dtype: Any, channels: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = (rng.integers(0, np.iinfo(dtype).max + 1, (*mask.shape, channels), dtype) for _ in range(2))
    mixed = masks.blend(before, after, mask)
    assert mixed.dtype == dtype
    np.testing.assert_array_equal(mixed[mask == 0], before[mask == 0])
    np.testing.assert_array_equal(mixed[mask == 1], after[mask == 1])
    assert (mixed >= np.minimum(before, after)).all()
    assert (mixed <= np.maximum(before, after)).all()


@few
@given(small_masks(), st.floats(0, 9), st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_a_mask_stays_one_whatever_is_done_to_it(mask: Any, pixels: float, shape: tuple[int, int]) -> None:
    wider, softer, other = masks.grow(mask, pixels), masks.feather(mask, pixels), masks.resized(mask, *shape)
    for made in (wider, softer, other, masks.grow(mask, -pixels), masks.invert(mask)):
        assert made.dtype == np.float32
        assert made.min() >= 0
        assert made.max() <= 1 + 1e-6
    assert (wider >= mask).all()
    assert (softer >= mask).all()
    assert other.shape == shape
    np.testing.assert_allclose(masks.invert(masks.invert(mask)), mask, atol=1e-6)


@few
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"\x89PNG\r\n\x1a\n" + data) | st.text())
def test_what_is_sent_for_a_mask_is_one_or_told(sent: bytes | str) -> None:
    try:
        mask = masks.from_png(sent, 5, 7)
    except ImageError:
        return
    assert mask.shape == (5, 7)


# ---- tags ------------------------------------------------------------------------------------------------------------


@few
@given(st.text(max_size=80) | JSON.map(lambda value: json.dumps({"atelier": value})), st.booleans())
def test_a_recipe_is_a_mapping_or_none(text: str, wrapped: bool) -> None:
    found = tags.parse_recipe(text, wrapped=wrapped)
    assert found is None or isinstance(found, dict)


PIECES = [
    b"<", b">", b"/", b"tiff:Orientation", b'="6"', b"exif:GPSLatitude", b"xmp:Thumbnails", b" ", b"GPS", b"\0", b"a",
    b"'", b"<exif:GPSAltitude>", b"</exif:GPSAltitude>", b"<xmp:Thumbnails/>",
]  # fmt: skip


@few
@given(st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join))
def test_no_location_is_left_in_xmp(packet: bytes) -> None:
    cleaned = tags.xmp_without_gps(packet)
    assert cleaned is None or b"GPS" not in cleaned
    upright = tags.upright_xmp(packet)
    assert upright is not None
    assert len(upright) <= len(packet)


@few
@given(st.binary(max_size=200), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""]))
def test_any_exif_leaves_the_picture_readable_and_writable(tmp_path_factory: Any, data: bytes, head: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "exif.png").write_bytes(png(smooth(3, height=4, width=6), chunk(b"eXIf", head + data)))
    picture = read_picture(folder / "exif.png")
    assert sorted(picture.pixels.shape) == [3, 4, 6]
    for suffix in ("png", "jpg", "tif"):
        write_picture(picture, folder / f"exif.{suffix}", recipe={"task": "upscale"})
        assert read_picture(folder / f"exif.{suffix}").recipe == {"task": "upscale"}


# ---- options ---------------------------------------------------------------------------------------------------------

KINDS = [
    UpscaleOptions, RepairOptions, RestoreOptions, DamageOptions, Choice, StylizeOptions, GenerateOptions, WalkOptions,
    CompareOptions, SaveOptions, ClipSaveOptions, DrawnSaveOptions,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@few
@given(st.data())
def test_options_are_right_or_told(kind: Any, data: st.DataObject) -> None:
    """And what is right is the same again when a recipe has kept it."""
    names = list(options.specs(kind))
    asked = data.draw(st.dictionaries(st.sampled_from(names), JSON, max_size=3))
    made, said = None, None
    try:
        made = options.read(kind, asked)
    except OptionError as error:
        said = error.message
    if made is None:
        assert said and str(said) and said.to("zh")  # noqa: PT018
        return
    for name, spec in options.specs(kind).items():
        value = getattr(made, name)
        if spec.kind in ("number", "whole") and value is not None:
            assert spec.low <= value <= spec.high
        if spec.kind == "choice" and value is not None:
            assert value in spec.choices
    kept = json.loads(json.dumps({field.name: asdict(made)[field.name] for field in fields(made)}))
    assert options.read(kind, kept) == made


@few
@given(st.dictionaries(st.sampled_from(["task", "options", "weights", "version", "then", "styles", "choices"]), JSON),
       st.sampled_from([*rerun.KINDS, None]))  # fmt: skip
def test_any_recipe_is_told_of(recipe: dict[str, Any], task: str | None) -> None:
    if task:
        recipe["task"] = task
    try:
        said = rerun.differences(recipe)
    except OptionError:
        return
    assert all(str(message) and message.to("zh") for message in said)


# ---- ncnn ------------------------------------------------------------------------------------------------------------

LINES = (
    "7767517 1 2 -1 0 99999999999 Input Convolution PReLU Interp Eltwise Concat a b c 0=3 1=3 4=1 5=1 6=81 6=1e30 "
    "0=nan -23301=2,1,1 -23301=9,1 0=x ="
)
WORDS = st.sampled_from(LINES.split())


@few
@given(st.lists(st.lists(WORDS, max_size=9).map(" ".join), max_size=7).map("\n".join))
def test_a_description_of_a_network_is_one_or_told(tmp_path_factory: Any, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "net.param"
    file.write_text("7767517\n" + text)
    with pytest.raises(WeightError):
        ncnn.describe(file)
