"""Hostile files and values through everything that takes any: a right result or words, in bounded time and memory.

The corpus is made by ``hostile.py``. Bounds are of the processor's time and of the memory that the process had at most:
another program's load changes neither.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

import gradio as gr
import hostile
import numpy as np
import pytest
from made_pictures import smooth
from PIL import Image
from ui.visitor import Visitor

from editing import messages, options
from editing.__main__ import main
from editing.clips.read import is_clip, probe_clip, read_frames
from editing.errors import EditingError, ImageError, OptionError, WeightError
from editing.options import (
    ClipOptions,
    CompareOptions,
    GenerateOptions,
    RepairOptions,
    RestoreOptions,
    SaveOptions,
    StylizeOptions,
    UpscaleOptions,
    WalkOptions,
)
from editing.pictures import masks
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_metadata, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import rerun
from editing.ui import (
    clips,
    compare_api,
    generate_tab,
    handlers,
    repair_tab,
    restore_api,
    results,
    stylize_tab,
    upscale_tab,
)
from editing.ui import stage as the_stage
from editing.weights import find, load, ncnn, torchscript
from editing.weights.catalogue import Local, Weight

SECONDS = 6.0  # of one case, on one slow core; what was found took minutes
MEGABYTES = 900  # that the process may grow by for all cases of a test; what was found took gigabytes


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def bounded(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], Any]]:
    """A block for each case by its name: within bounds, and nothing on stderr that no one of ours has written."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @contextmanager
    def case(name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        assert time.process_time() - start < SECONDS, name
        assert capfd.readouterr().err == "", name

    yield case
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES


def refused(work: Callable[[], Any], wanted: type[EditingError] = EditingError) -> str:
    """What is said by one that is refused, "" by one that is not; anything but words fails."""
    said = None
    try:
        work()
    except wanted as error:
        said = error.message
    assert said is None or 10 < len(str(said)) < 2000, str(said)[:200]
    return "" if said is None or not said.to("zh") else str(said)


# ---- pictures, masks, names ------------------------------------------------------------------------------------------

MUST_BE_REFUSED = {
    "tiff-bomb-in-strip", "tiff-of-many-channels", "tiff-deep", "tiff-huge-tile", "tiff-huge-tile-8",
    "tiff-values-on-each-other", "tiff-of-strips", "png-of-chunks", "jpeg-of-markers",
    "jpeg-of-fill", "jpeg-of-junk", "jpeg-of-exif", "jpeg-of-scans", "gif-of-pieces", "gif-of-frames", "bmp-of-runs",
    "png-wrong-crc", "png16-wrong-crc", "svg", "html", "pdf", "zip", "playlist", "concat", "empty", "tiff-float",
}  # fmt: skip
MUST_BE_READ = {
    "png-1x1", "png-1x20000", "png-20000x1", "png-65535x1", "tiff-cmyk-16", "gif-of-comments", "png-exif-overlapping",
    "png-exif-long", "png-exif-garbage", "png-exif-loop", "png-exif-orientation", "png-exif-late",
    "webp-exif-overlapping", "jpeg-profile-garbage", "cmyk-profile-lies", "cmyk-profile-random", "webp-long-xmp",
    "png-and-zip", "gif-and-script", "jpeg-and-html", "png-named-jpeg", "jpeg-of-profile-pieces",
}  # fmt: skip


def look_at(path: Path) -> Picture:
    """Read a file in all ways, which have to agree on it."""
    said = refused(lambda: probe_picture(path), ImageError)
    picture = read_picture(path)
    assert not said, said
    header = probe_picture(path)
    assert (header.width, header.height, header.depth) == (picture.width, picture.height, picture.depth)
    beside = read_metadata(path)
    assert (beside.exif, beside.icc, beside.recipe) == (picture.exif, picture.icc, picture.recipe)
    return picture


def check_pictures(cases: Iterator[tuple[str, bytes]], folder: Path, bounded: Any) -> dict[str, str]:
    """What is said of each; what is read is a picture that can be written again."""
    found = {}
    for number, (name, data) in enumerate(cases):
        path = folder / f"{number}.jpg"  # whatever it is
        path.write_bytes(data)
        with bounded(name):
            said = refused(lambda path=path: look_at(path), ImageError)
            if not said:
                write_picture(read_picture(path), folder / "again.png", recipe={})
        assert said == "" or path.name in said, name
        found[name] = said
        path.unlink()
    return found


def test_pictures_that_are_damaged(tmp_path: Path, bounded: Any) -> None:
    whole = hostile.whole_pictures().items()
    cases = [case for seed, (name, data) in enumerate(whole) for case in hostile.damaged(name, data, seed)]
    found = check_pictures(iter(cases), tmp_path, bounded)
    assert len(found) == 132
    assert all(said == "" for name, said in found.items() if name.endswith(("-whole", "-twice")))
    assert all(said != "" for name, said in found.items() if name.endswith(("-cut-at-0.05", "-cut-at-0.3")))


def test_pictures_that_are_made_to_hurt(tmp_path: Path, bounded: Any) -> None:
    found = check_pictures(hostile.strange_pictures(), tmp_path, bounded)
    assert len(found) >= 85
    assert {name: said for name, said in found.items() if name in MUST_BE_REFUSED and not said} == {}
    assert {name: said for name, said in found.items() if name in MUST_BE_READ and said} == {}
    assert found.keys() >= MUST_BE_REFUSED | MUST_BE_READ


def test_masks(tmp_path: Path, bounded: Any) -> None:
    for number, (name, data) in enumerate(hostile.whole_pictures().items()):
        path = tmp_path / f"{number}.png"
        for shape in ((48, 64), (64, 48), (480, 640), (1, 1), (20000, 3)):
            path.write_bytes(data)
            with bounded(name):
                said = refused(lambda path=path, shape=shape: masks.read(path, *shape), ImageError)
            assert said == "" or "another shape" in said
    for sent in ("data:,", "data:image/png;base64,", "data:image/png;base64,====",
                 "data:image/png;base64," + "A" * 4001, "data:image/png;base64,é", "x",
                 "data:image/svg+xml;base64,PHN2Zz4="):  # fmt: skip
        with bounded(sent[:30]):
            assert refused(lambda sent=sent: the_stage.read(sent, 48, 64), ImageError)
    assert the_stage.read("", 48, 64) is None


@pytest.mark.parametrize("name", hostile.NAMES)
def test_names_are_only_names(tmp_path: Path, name: str) -> None:
    """In messages as in the names of results: nothing of them is a path, HTML or a place for values."""
    said = refused(lambda: read_picture(tmp_path / "no" / name.replace("/", "_")), ImageError)
    assert str(tmp_path) not in said
    toast = handlers.toast(ImageError(messages.DAMAGED, name=name), "en")
    assert "<img" not in toast.message
    shown = the_stage.show("upscale", None, "", Visitor())
    assert "<img" not in shown
    folder = tmp_path / "results"
    folder.mkdir()
    file, _ = results.save(Picture(pixels=smooth()), name, "x2", folder, SaveOptions(), {})
    assert file.parent == folder
    assert file.resolve().parent == folder.resolve()


# ---- clips -----------------------------------------------------------------------------------------------------------


def test_clips(tmp_path: Path, bounded: Any) -> None:
    found = {}
    for number, (name, data) in enumerate(hostile.clips(tmp_path)):
        path = tmp_path / f"{number}{Path(name).suffix}"
        path.write_bytes(data)

        def look(path: Path = path) -> None:
            is_clip(path)
            header = probe_clip(path)
            for frame in islice(read_frames(path, []), 20):
                assert frame.pixels.shape == (header.height, header.width, 3)
                assert frame.end > frame.start

        with bounded(name):
            found[name] = refused(look)
        path.unlink()
    assert len(found) >= 70
    assert all(found[name] for name in ("table-lies.mp4", "playlist.mp4", "concat.mkv", "text.webm", "nothing.avi"))
    assert all(said == "" for name, said in found.items() if "-whole." in name)


# ---- weights ---------------------------------------------------------------------------------------------------------


def test_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounded: Any) -> None:
    folder, mark = tmp_path / "mine", tmp_path / "ran"
    folder.mkdir()
    monkeypatch.setenv("ATELIER_WEIGHTS", str(folder))
    cases = list(hostile.weights(mark))
    for name, data in cases:
        (folder / name).write_bytes(data)
    with bounded("the folder is listed"):
        there = {weight.name for weight in find.weights_for()}
        broken = {problem.path.name: str(problem) for problem in find.problems()}
    said = {}
    for name, _ in cases:
        assert (name in there) != (name in broken), name
        weight = Weight(name=name, task="upscale", title="", architecture="", licence="", sha256=None,
                        source=Local(folder / name))  # fmt: skip
        with bounded(name):
            said[name] = refused(lambda weight=weight: load.load_network(weight), WeightError)
            refused(lambda weight=weight: load.config_of(weight), WeightError)
        (folder / name).unlink()
    assert not mark.exists()
    assert len(cases) >= 115
    spared = ("whole", "flipped", "twice")  # a bit in a weight is another weight
    assert [name for name, text in said.items() if not text and not any(word in name for word in spared)] == []
    assert "refused" in said["bomb.pth"]
    assert "refused" in broken["bomb-beside.pth"]
    for name in ("view-of-one-number", "deep-names", "many-layers"):
        assert "refused" in broken[f"{name}.pth"], broken[f"{name}.pth"]
    assert not said["torch-whole.pth"]


def test_visitors_are_not_told_where_files_lie(tmp_path: Path) -> None:
    """The command says it: who runs it has to find the file."""
    (tmp_path / "a.pth").write_bytes(b"nothing")
    with pytest.raises(WeightError) as caught:
        find.find_weight(str(tmp_path / "a.pth"))
    error = load.unusable("net", caught.value)  # a message within another
    for shown in (handlers.explain(error, "en"), handlers.explain(error, "zh"), handlers.toast(error, "en").message):
        assert "a.pth" in shown
        assert str(tmp_path) not in shown
    assert str(tmp_path) in str(error)
    said = load.short(RuntimeError(f"unable to mmap 9 bytes from file <{tmp_path}/a.pth>: it is 3/4 of it"))
    assert said == "unable to mmap 9 bytes from file <a.pth>: it is 3/4 of it"


def test_pairs_of_ncnn(tmp_path: Path, bounded: Any) -> None:
    for number, (name, param, data) in enumerate(hostile.ncnn_pairs()):
        pair = tmp_path / f"{number}.bin"
        pair.write_bytes(data)
        pair.with_suffix(".param").write_text(param)
        with bounded(name):
            assert refused(lambda pair=pair: ncnn.read(pair.with_suffix(".param"), pair), WeightError), name
            assert refused(lambda pair=pair: find.find_weight(str(pair)), WeightError), name


def test_archives_of_torchscript(tmp_path: Path, bounded: Any) -> None:
    """Only a file whose sha256 is known comes here; it is looked at as if it were a stranger's."""
    for number, (name, data) in enumerate(hostile.archives()):
        path = tmp_path / f"{number}.pt"
        path.write_bytes(data)
        with bounded(name):
            said = refused(lambda path=path: torchscript.read(path), WeightError)
        assert bool(said) == (name != "whole"), name


def test_what_was_kept_in_the_cache_may_be_anybodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounded: Any
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path / "mine"))
    (tmp_path / "mine" / "a.pth").write_bytes(dict(hostile.weights(tmp_path / "ran"))["torch-whole.pth"])
    (tmp_path / "cache").mkdir()
    reader, stamp = find._reader(), find.stamp_of(tmp_path / "mine" / "a.pth")
    key = f"{(tmp_path / 'mine' / 'a.pth').absolute()} {' '.join(map(str, (*stamp, *stamp)))}"
    for value in ([[], "x"], [{}, {}], ["upscale"], 3, None, ["rm", "x"], [None, None], "ab"):
        find._recognised.cache_clear()
        (tmp_path / "cache" / "models.json").write_text(json.dumps({reader: {key: value}}))
        with bounded(str(value)):
            assert [weight.task for weight in find.weights_for() if weight.name == "a.pth"] == ["upscale"]


# ---- recipes ---------------------------------------------------------------------------------------------------------


def test_recipes(tmp_path: Path, bounded: Any) -> None:
    """In a file: what the page offers, what the command does again, what both say is different."""
    visitor, restores = Visitor(), {
        "upscale": upscale_tab.settings_of, "repair": repair_tab.settings_of, "stylize": None, "generate": None
    }  # fmt: skip
    for number, (name, recipe) in enumerate(hostile.recipes()):
        path = tmp_path / f"{number}.png"
        path.write_bytes(hostile.text_png(atelier=json.dumps(recipe)))
        with bounded(name):
            picture = read_picture(path)
            assert picture.recipe == (recipe if isinstance(recipe, dict) and recipe else None)
            if refused(lambda path=path: rerun.read_recipe(path)):
                continue
            found = recipe
            refused(lambda found=found: rerun.options_in(found))
            assert all(str(message) for message in rerun.differences(found))
            restore = restores.get(found["task"])
            if restore:
                refused(lambda restore=restore, path=path, found=found: restore(
                    path=str(path), recipe=found, request=visitor))  # fmt: skip
    nested = hostile.text_png(atelier='{"task": "upscale", "options": ' + "[" * 300_000)
    (tmp_path / "nested.png").write_bytes(nested)
    long = hostile.text_png(atelier='{"task": "upscale", "options": {"a": [' + "[]," * 290_000 + "[]]}}")
    (tmp_path / "long.png").write_bytes(long)
    for name in ("nested.png", "long.png"):
        with bounded(name):
            read_picture(tmp_path / name)


# ---- the command -----------------------------------------------------------------------------------------------------


def command_lines(folder: Path) -> Iterator[list[str]]:
    """Calls that are wrong, or of files that are; none of them may compute."""
    (folder / "a.png").write_bytes(hostile.text_png(atelier='{"task": [], "options": 3}'))
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    photo, out = str(folder / "a.png"), str(folder / "out")
    for flag, values in {
        "--scale": ["nan", "inf", "-1", "1e999", "0", "x", "9" * 5000], "--tile": ["nan", "-5", "1e9", "2.5"],
        "--longest": ["0", "1e12", "99999999999999999999"], "--sigma": ["nan", "-1"], "--strength": ["nan", "2"],
        "--model": ["/etc/passwd", "../x", "\0", "no"], "--precision": ["fp64"], "--format": ["exe"],
        "--megapixels": ["nan", "1e9"],
    }.items():  # fmt: skip
        yield from (["upscale", photo, "-o", out, flag, value] for value in values)
    for flag, values in {
        "--box": ["inf,0,9,9", "nan,nan,nan,nan", "1,2,3", "a,b,c,d", "1e999,0,1,1", "-1e308,0,0,0"],
        "--faces": ["-1", "nan", "1e9", "0", "1,,2", "9" * 5000], "--score": ["nan"], "--min-size": ["nan", "-1"],
        "--seed": ["-1", "1e30", "9" * 5000], "--mask": [str(folder / "bad.png"), str(folder / "none.png")],
        "--find-damage": ["nan", "5"],
    }.items():  # fmt: skip
        yield from (["repair", photo, "-o", out, flag, value] for value in values)
    for flag, values in {
        "--style": ["", "no", "../../etc/passwd", str(folder / "bad.png")], "--style-scale": ["nan", "0", "1e9"],
        "--mix": ["nan"], "--optimise": ["nan", "-1", "1e9"],
    }.items():  # fmt: skip
        yield from (["stylize", photo, "-o", out, "--style", "great-wave", flag, value] for value in values)
    for flag, values in {
        "--seed": ["nan", "-1", "4294967296"], "--count": ["0", "1e9", "nan"], "--truncation": ["nan", "-inf"],
        "--direction": ["1=nan", "x", "0=1", "1=99"], "--walk": ["1", "1,x", "-1,2", ",".join("1" * 9)],
        "--mix": ["nan", "1=2", "x=1"],
    }.items():  # fmt: skip
        yield from (["generate", "-o", out, flag, value] for value in values)
    yield from (
        ["compare", photo, "-o", out, "--with", value] for value in ("", ",", "no", "photo:nan", "photo:2", "a,a")
    )
    yield from (
        ["compare", photo, "-o", out, "--with", "photo", "--crop", value] for value in ("nan,0,1,1", "0,0,0,0", "x")
    )
    yield from (["rerun", value] for value in (photo, str(folder / "bad.png"), str(folder), "/dev/null", "no\0"))
    yield from ([command, str(folder / "bad.png"), "-o", out, *more] for command, more in (
        ("upscale", []), ("repair", []), ("stylize", ["--style", "great-wave"])))  # fmt: skip
    yield from (["weights", "fetch", value] for value in ("no", "../x", "\0", "photo\n"))
    yield ["upscale", photo, "-o", str(folder / "no" / "such" / "a.png")]
    yield ["upscale", photo, "-o", str(folder / "a.exe")]
    yield ["train", "generator", "--data", str(folder / "none"), "--out", out]


def test_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cases = list(command_lines(tmp_path))
    assert len(cases) >= 100
    for line in cases:
        start = time.process_time()
        try:
            code = main(line)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 2
        said = capfd.readouterr().err
        assert code in (1, 2), line
        assert "Traceback" not in said, line
        assert "please report it" not in said, (line, said)
        assert said.strip(), line
        assert time.process_time() - start < SECONDS, line
    assert not list(tmp_path.rglob("*.part"))


# ---- the API ---------------------------------------------------------------------------------------------------------


def sent(kind: type[Any], *names: str, **more: Any) -> dict[str, Any]:
    """What an API's caller sends who changes nothing."""
    given = {name: options.default_of(kind, name) for name in names or options.specs(kind)}
    return given | {"file_format": "PNG", "strip": False, "keep_gps": False} | more


PAINTING = ("second", "mix", "strength", "style_scale", "keep_colors", "model", "optimise", "tile", "precision")
ENDPOINTS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "upscale": (upscale_tab.upscale_endpoint, sent(UpscaleOptions, model="photo-fast")),
    "upscale_clip": (
        upscale_tab.upscale_clip_endpoint, sent(UpscaleOptions, model="photo-fast", steady=0.5, clip_format="mp4")
    ),
    "estimate": (upscale_tab.estimate_endpoint, sent(UpscaleOptions, model="photo-fast")),
    "detect": (repair_tab.detect_endpoint, sent(RepairOptions, "score", "min_size")),
    "repair": (repair_tab.repair_endpoint, sent(RepairOptions, which="all", mask=None, size=1)),
    "restore": (restore_api.restore_endpoint, sent(RestoreOptions, mask=None)),
    "stylize": (stylize_tab.stylize_endpoint, sent(StylizeOptions, *PAINTING, style="great-wave")),
    "generate": (generate_tab.generate_endpoint, sent(GenerateOptions, size="native")),
    "walk": (generate_tab.walk_endpoint, sent(WalkOptions, fps=20, size="native", file_format="webp")),
    "compare": (
        compare_api.compare_endpoint, sent(CompareOptions, "crop", "scale", "side", "precision", items="photo")
    ),
}  # fmt: skip


@pytest.fixture
def nothing_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is right as it is would compute: it is told so instead."""

    @contextmanager
    def taken(*_: Any, **__: Any) -> Iterator[None]:
        raise EditingError(messages.NOT_MEASURED)
        yield

    for module in (upscale_tab, clips, repair_tab, restore_api, stylize_tab, generate_tab, compare_api):
        if hasattr(module, "job"):
            monkeypatch.setattr(module, "job", taken)
    monkeypatch.setattr(
        upscale_tab, "_estimate_of", lambda *_: (_ for _ in ()).throw(EditingError(messages.NOT_MEASURED))
    )


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.usefixtures("nothing_computed")
def test_the_api_with_values_of_any_kind(name: str, tmp_path: Path, bounded: Any) -> None:
    call, given = ENDPOINTS[name]
    Image.fromarray(smooth()).save(tmp_path / "a.png")
    visitor, turn = Visitor(), count()
    files = {} if name in ("generate", "walk") else {"file": str(tmp_path / "a.png")}
    more = {} if name == "estimate" else {"progress": gr.Progress()}

    def said(**changed: Any) -> str:
        with bounded(f"{name} {str(changed)[:80]}"), pytest.raises(gr.Error) as caught:
            call(request=visitor, **{**files, **given, **more, **changed})
        return str(caught.value.message)

    assert said() == messages.NOT_MEASURED.en
    for part in given:
        if part == "mask":
            continue  # a path, which Gradio makes
        for value in hostile.VALUES[next(turn) % 2 :: 2]:  # every other one of them, in turn
            text = said(**{part: value})
            assert "inside Atelier" not in text, (part, value, text)
            assert str(tmp_path) not in text


def test_no_one_boxes_a_thousand_faces() -> None:
    assert len(RepairOptions(boxes=[[1, 2, 30, 40]] * 200).boxes) == 200  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="201 boxes were given; 200"):
        RepairOptions(boxes=[[1, 2, 30, 40]] * 201)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [["a"], {}, None, 3, "../x"], ids=str)
def test_the_styles_of_what_is_no_model(model: Any) -> None:
    with pytest.raises(gr.Error) as caught:
        stylize_tab.styles_endpoint(model=model, request=Visitor())
    assert "inside Atelier" not in str(caught.value.message)


def test_values_of_python_are_told_apart_too(bounded: Any) -> None:
    """Numbers that JSON can't hold, and lists within lists, for every option of every pipeline."""
    wild = [
        *hostile.VALUES,
        10**5000,
        -(10**5000),
        np.float64("nan"),
        np.zeros(3),
        b"x",
        object(),
        range(3),
        "9" * 6000,
    ]
    for kind in (UpscaleOptions, RepairOptions, RestoreOptions, StylizeOptions, GenerateOptions, WalkOptions,
                 CompareOptions, ClipOptions, SaveOptions):  # fmt: skip
        for name in options.specs(kind):
            for value in wild:
                with bounded(f"{kind.__name__}.{name}"):
                    refused(
                        lambda kind=kind, name=name, value=value: options.value_of(options.spec_of(kind, name), value)
                    )
