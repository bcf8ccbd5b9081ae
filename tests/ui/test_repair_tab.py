"""The Repair tab's handlers, called as Gradio calls them, with a stand-in for the network and for the detector."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
import pytest

from editing import runtime
from editing.faces import align, detect, likeness, restore
from editing.faces.align import Face
from editing.faces.restore import Restorer
from editing.options import RestoreOptions
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import damage, repair, upscale
from editing.pipelines import restore as restoring
from editing.runtime import Backend
from editing.ui import handlers, repair_tab, restore_api, results
from editing.ui.repair_tab import Found
from editing.ui.results import Kept, Source
from editing.weights.files import digest
from editing.weights.find import find_weight
from ui.test_stage import file_at, said
from ui.visitor import Visitor, sent

SEARCHING: dict[str, Any] = {"model": "repairer", "min_size": None, "score": 0.8, "anonymise": "no"}
# A whole photo's dials: nothing but what is painted is filled, and no network cleans.
WHOLE: dict[str, Any] = SEARCHING | {
    "task": "restore", "anonymise": "blur", "seek": False, "find_damage": 0.5, "clean": 0, "colors": 0
}  # fmt: skip
SAVING: dict[str, Any] = {"format": "png", "strip": False, "keep_gps": False}
FLAT = {0: (0.0, 1.0)}  # dials: fidelity 0
CLEAN = 0.25  # what the stand-in takes for a clean face, in every pixel


def face_at(x: float, y: float, side: float = 40) -> Face:
    """A face whose landmarks lie as in the template, its box's middle at (x, y)."""
    points = (align.TEMPLATE - 256) / 400 * side + [x, y]
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return Face(box=box, landmarks=points, score=0.99)


FACES = [face_at(60, 60), face_at(200, 60), face_at(300, 70)]


@pytest.fixture(autouse=True)
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(picture: Any, mask: Any) -> tuple[Any, Any]:
        return picture * 0 + CLEAN, picture

    restorer = Restorer(
        name="repairer", sha256="0" * 64, licence="none", backend=Backend("cpu", "fp32"), side=64, fills=True, run=run
    )
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(runtime, "_job_lock", threading.RLock())
    monkeypatch.setattr(restore, "load_restorer", lambda *_: restorer)
    monkeypatch.setattr(detect, "detect_faces", lambda *_, **__: list(FACES))
    monkeypatch.setattr(detect, "face_in", lambda picture, box, **_: face_at((box[0] + box[2]) / 2, 150))
    monkeypatch.setattr(restore, "load_parser", lambda: None)
    # Noise is no face to them; a flat face is nobody's.
    monkeypatch.setattr(likeness, "distance", lambda before, after: 2 * float(after.std() < before.std() / 2))
    monkeypatch.setattr(likeness, "is_face", lambda _: True)
    monkeypatch.setattr(likeness, "head_outline", lambda _: align.outline())
    monkeypatch.setattr(gr, "Info", lambda *_, **__: None)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Noise, 360 x 200: nothing that is drawn anew can stay the same by chance."""
    pixels = np.random.default_rng(1).integers(90, 200, (200, 360, 3)).astype(np.uint8)
    write_picture(Picture(pixels=pixels), tmp_path / "group.png")
    return tmp_path / "group.png"


def given(photo: Path, visitor: Any = None) -> Source:
    source = inspected(photo, visitor)["source"]
    assert isinstance(source, Source)
    return source


def inspected(photo: Path, visitor: Any = None, **more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"source": None, "dials": {}, "kept": None, "sent": None, **more}
    return repair_tab.inspect(path=str(photo), request=visitor or Visitor(), **values)


def sought(source: Source, found: Found | None = None, **more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"found": found or Found(), "ticks": [], "dials": {}, "searching": SEARCHING, **more}
    call = repair_tab.add_box if "box" in more else repair_tab.find
    return call(source=source, request=Visitor(), progress=gr.Progress(), **values)


def found_in(source: Source) -> Found:
    found = sought(source)["found"]
    assert isinstance(found, Found)
    return found


def run(source: Source | None, found: Found, ticks: list[int], **more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "drawn": "", "size": 1, "dials": {}, "trust": False, "searching": SEARCHING, "saving": SAVING, "last": None,
        "request": Visitor(), **more,
    }  # fmt: skip
    return repair_tab.run_page(source=source, found=found, ticks=ticks, progress=gr.Progress(), **values)


def remixed(
    kept: Kept, ticks: list[int], dials: Any = None, trust: bool = False, found: Found | None = None
) -> dict[str, Any]:
    return repair_tab.remix(
        kept=kept, found=found or kept.facts.found, ticks=ticks, dials=dials or {}, trust=trust, saving=SAVING,
        request=Visitor(),
    )  # fmt: skip


def saved(outputs: dict[str, Any]) -> Picture:
    return read_picture(outputs["download"]["value"])


def changed_columns(outputs: dict[str, Any], photo: Path) -> set[int]:
    """Which of the three faces' places differ from the picture, and 0 for anywhere else."""
    apart = (saved(outputs).pixels != read_picture(photo).pixels).any(2)
    where = {0}
    rest = apart.copy()
    for number, face in enumerate(FACES, 1):
        left, top, right, bottom = (int(side) for side in face.box)
        place = slice(max(top - 25, 0), bottom + 25), slice(max(left - 25, 0), right + 25)
        if apart[place].mean() > 0.1:
            where.add(number)
        rest[place] = False
    return where if rest.any() else where - {0}


def test_a_picture_is_laid_under_the_canvas_and_its_faces_are_numbered(photo: Path) -> None:
    outputs = inspected(photo, dials={0: (0.9, 1.0), 2: (0.1, 1.0)})
    assert outputs["dials"] == {0: (0.9, 1.0)}, "what was chosen for all stays, another picture's faces are gone"
    assert said(outputs["orders"])["picture"]["stem"] == "group"
    assert outputs["drawn"] == ""
    seen = sought(outputs["source"])
    assert [caption for _, caption in seen["strip"]] == ["1", "2", "3"]
    assert all(probe_picture(file).width == repair_tab.THUMB for file, _ in seen["strip"])
    assert seen["ticks"]["value"] == [1, 2, 3]
    assert [number for _, number in seen["whose"]["choices"]] == [0, 1, 2, 3]
    assert len(seen["found"].faces) == 3
    assert [face["number"] for face in said(seen["orders"])["faces"]] == [1, 2, 3]


def test_a_face_drawn_by_hand_gets_a_number_and_the_others_keep_their_ticks(photo: Path) -> None:
    source = given(photo)
    dials = {0: (0.2, 1.0), 2: (0.7, 1.0), 3: (0.9, 0.5)}
    # Its middle is between the first and the second.
    seen = sought(source, found_in(source), box="[0.3, 0.6, 0.4, 0.9]", ticks=[1, 3], dials=dials)
    assert seen["box"] == ""
    assert seen["found"].boxes == ((108, 120, 144, 180),)
    assert len(seen["strip"]) == 4
    # The newcomer is second; who was third is fourth, and second had no tick.
    assert seen["ticks"]["value"] == [1, 2, 4]
    assert seen["dials"] == {0: (0.2, 1.0), 3: (0.7, 1.0), 4: (0.9, 0.5)}, "so do their dials"
    assert (seen["fidelity"], seen["strength"]) == (0.2, 1.0), "the dials shown are those of all"
    less = SEARCHING | {"score": 0.7}
    again = sought(source, seen["found"], ticks=[1, 2, 4], dials=seen["dials"], searching=less)
    assert len(again["found"].faces) == 4, "a drawn box outlives a new search"


def test_only_the_ticked_faces_change_and_everything_else_keeps_its_bits(photo: Path) -> None:
    source = given(photo)
    outputs = run(source, found_in(source), [1, 3], dials=FLAT)
    assert changed_columns(outputs, photo) == {1, 3}
    download, recipe, kept = outputs["download"], outputs["recipe"], outputs["kept"]
    assert file_at(said(outputs["shown"])["result"]["url"]) == Path(download["value"])
    assert Path(download["value"]).name == "group-repaired.png"
    assert outputs["info"].startswith("**Faces: 2 of 3** · 360 × 200")
    assert saved(outputs).recipe == recipe
    assert recipe["choices"]["1"] == {"accept": True, "strength": 1.0, "fidelity": 0.0}
    assert [probe_picture(file).width // repair_tab.THUMB for file, _ in outputs["strip"]] == [2, 1, 2]
    # A face taken for a flat one is no likeness.
    assert "⚠ Face 1 may be another person now" in outputs["info"]
    assert outputs["strip"][0][1] == "1 · ⚠ may be another person"

    # Rejecting and taking back needs no network.
    rejected = remixed(kept, [3], FLAT)
    assert changed_columns(rejected, photo) == {3}
    assert not Path(download["value"]).exists(), "the version before goes"
    taken = remixed(rejected["kept"], [1, 3], FLAT)
    assert changed_columns(taken, photo) == {1, 3}
    missing = remixed(taken["kept"], [1, 2, 3], FLAT)
    assert "Not repaired in this run: 2." in missing["info"]
    assert changed_columns(missing, photo) == {1, 3}
    assert changed_columns(remixed(missing["kept"], []), photo) == set()


def test_a_tick_decodes_nothing_again(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = given(photo)
    kept = run(source, found_in(source), [1, 3])["kept"]

    def refuse(path: object) -> None:
        raise AssertionError(f"{path} was decoded again")

    for module in (repair_tab, results):
        monkeypatch.setattr(module, "read_picture", refuse)
    Path(source.path).unlink()
    assert remixed(kept, [1])["info"].startswith("**Faces: 1 of 3**")


@pytest.mark.parametrize(
    ("ticks", "drawn", "way"), [([1, 3], False, "no"), ([2], True, "pixels"), ([], True, "no"), ([2], False, "blur")]
)
def test_the_recipe_says_what_was_done(photo: Path, ticks: list[int], drawn: bool, way: str) -> None:
    source = given(photo)
    mask = sent(np.pad(np.full((20, 20), 255, np.uint8), ((150, 30), (100, 240)))) if drawn else ""
    found = sought(source, box="[0.3, 0.6, 0.4, 0.9]")["found"]
    searching = SEARCHING | {"anonymise": way, "score": 0.7, "min_size": 24}
    outputs = run(source, found, ticks, drawn=mask, searching=searching, dials={0: (0.25, 0.75)})
    recipe = saved(outputs).recipe or {}
    assert recipe == outputs["recipe"]
    assert recipe["task"] == "repair"
    wanted = {
        "model": "repairer", "faces": ticks or "none", "boxes": [[108, 120, 144, 180]], "strength": 0.75,
        "fidelity": 0.25, "score": 0.7, "min_size": 24, "anonymise": way,
    }  # fmt: skip
    assert {name: recipe["options"][name] for name in wanted} == wanted
    used = {weight["name"]: weight["sha256"] for weight in recipe["weights"]}
    assert used == {name: digest(find_weight(name)) for name in used}
    assert ("repairer" in used) == (bool(ticks) and way == "no")
    assert (detect.best_detector().name in used) == bool(ticks)
    # It gives the same settings back.
    again = repair_tab.settings_of(path="", recipe=recipe, request=Visitor())
    assert again == {
        "task": "faces", "model": "repairer", "fidelity": 0.25, "strength": 0.75, "min_size": 24, "score": 0.7,
        "dials": {0: (0.25, 0.75)}, **({} if way == "no" else {"task": "hide", "anonymise": way}),
    }  # fmt: skip


def test_another_pictures_ticks_and_result_are_none_of_this_one(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B was dropped while A ran: A's result arrived under B, and the next tick mixed A with B's faces."""
    first = given(photo)
    found = found_in(first)
    kept = run(first, found, [1, 3])["kept"]
    other = Path(shutil.copy(photo, photo.with_name("other.png")))
    repairing = repair.repair

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        given(other)
        return repairing(*arguments, **more)

    monkeypatch.setattr(repair, "repair", meanwhile)
    assert run(first, found, [1]) == {}
    assert remixed(kept, [1]) == {}
    turned = repair_tab.turn(
        whose=0, fidelity=0.1, strength=1.0, kept=kept, found=found, ticks=[1], dials={}, trust=False, saving=SAVING,
        request=Visitor(),
    )  # fmt: skip
    assert turned == {"dials": {0: (0.1, 1.0)}}
    # Run was pressed over A, and waited; when its turn comes B is there.
    second = given(other)
    assert run(second, found, [1], request=Visitor(arrived=first.given)) == {}


def test_dials_for_all_and_for_one(photo: Path) -> None:
    source = given(photo)
    made = run(source, found_in(source), [1, 2, 3])["kept"]

    def turned(whose: int, fidelity: float, strength: float, dials: Any, kept: Kept | None = None) -> dict[str, Any]:
        return repair_tab.turn(
            whose=whose, fidelity=fidelity, strength=strength, kept=kept,
            found=kept.facts.found if kept else Found(), ticks=[1, 2, 3], dials=dials, trust=False, saving=SAVING,
            request=Visitor(),
        )  # fmt: skip

    dials = turned(0, 1.0, 1.0, {})["dials"]
    dials = turned(2, 0.0, 1.0, dials)["dials"]
    outputs = turned(3, 0.5, 0.0, dials, made)
    dials = outputs["dials"]
    assert [repair_tab._dial(dials, number) for number in (1, 2, 3)] == [(1, 1), (0, 1), (0.5, 0)]
    assert repair_tab.show_dials(whose=2, dials=dials) == {"fidelity": 0, "strength": 1}
    picture, original = saved(outputs).pixels.astype(float), read_picture(photo).pixels.astype(float)
    off = [np.abs(picture - original)[50:70, x - 10 : x + 10].mean() for x in (60, 200, 300)]
    assert off[2] == 0
    assert off[0] < 0.1 * off[1], "faithful is what the stand-in gives back, clean is flat"
    assert turned(0, 0.3, 1.0, dials)["dials"] == {0: (0.3, 1.0)}, "for all: nobody keeps a dial of their own"
    assert turned(3, 0.5, 0.0, dials, made) == {}, "where it was already: nothing is saved again"


def test_a_face_drawn_after_the_run_moves_the_numbers_and_nothing_else(photo: Path) -> None:
    source = given(photo)
    found = found_in(source)
    made = run(source, found, [1, 2, 3], dials=FLAT)["kept"]
    # Its middle is between the first and the second.
    more = sought(source, found, box="[0.3, 0.6, 0.4, 0.9]", ticks=[1, 3], dials=FLAT)
    outputs = remixed(made, more["ticks"]["value"], more["dials"], found=more["found"])
    assert changed_columns(outputs, photo) == {1, 3}
    assert [probe_picture(file).width // repair_tab.THUMB for file, _ in outputs["strip"]] == [2, 1, 2, 2]
    assert [caption.split()[0] for _, caption in outputs["strip"]] == ["1", "2", "3", "4"]
    assert "Not repaired in this run: 2." in outputs["info"]
    assert "⚠ Face 4 may" in outputs["info"]
    # Told of the same picture again: nothing changes. Another picture: nothing of this one is left.
    assert inspected(photo, source=source, kept=outputs["kept"]) == {}
    other = Path(shutil.copy(photo, photo.with_name("other.png")))
    again = inspected(other, source=source, kept=outputs["kept"])
    assert again["download"] == gr.update(value=None, interactive=False)
    assert (again["info"], again["recipe"], again["kept"]) == ("", None, None)
    assert not made.folder.exists()


def test_the_overlay_is_only_shown(photo: Path) -> None:
    source = given(photo)
    outputs = run(source, found_in(source), [1], searching=SEARCHING | {"anonymise": "pixels"})
    overlaid = remixed(outputs["kept"], [1], trust=True)
    overlay = file_at(said(overlaid["shown"])["result"]["url"])
    shown = read_picture(overlay).pixels
    assert overlay != Path(overlaid["download"]["value"])
    assert changed_columns(overlaid, photo) == {1}
    assert (shown[60, 60].astype(int) - shown[60, 60][1])[0] > 50, "red where the face was replaced"
    assert np.ptp(shown[10, 100].astype(int)) == 0, "gray elsewhere"


def test_a_mask_alone_is_filled(photo: Path) -> None:
    source = given(photo)
    drawn = np.zeros((200, 360), np.uint8)
    drawn[150:160, 100:110] = 255
    outputs = run(source, Found(), [], drawn=sent(drawn))
    apart = (saved(outputs).pixels != read_picture(photo).pixels).any(2)
    assert apart[152:158, 102:108].mean() > 0.8
    apart[148:162, 98:112] = False
    assert not apart.any()
    assert "filled by “patches”" in outputs["info"]


def test_nothing_to_do_is_said(photo: Path) -> None:
    source = given(photo)
    with pytest.raises(gr.Error, match="no face was chosen and no mask"):
        run(source, found_in(source), [])
    with pytest.raises(gr.Error, match="no picture yet"):
        run(None, Found(), [])
    with pytest.raises(gr.Error, match="can't be read"):
        run(source, found_in(source), [1], drawn="nonsense")
    with pytest.raises(gr.Error, match="choose one of 1, 2, 4"):
        run(source, found_in(source), [1], size=3)


def test_what_is_round_the_faces_can_be_enlarged(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def enlarge(picture: Picture, options: Any, **_: Any) -> Picture:
        size = picture.width * int(options.scale or 1), picture.height * int(options.scale or 1)
        return replace(picture, pixels=cv2.resize(picture.pixels, size, interpolation=cv2.INTER_NEAREST))

    monkeypatch.setattr(upscale, "upscale", enlarge)
    monkeypatch.setattr(upscale, "recipe", lambda options: {"task": "upscale"})
    source = given(photo)
    outputs = run(source, found_in(source), [2], size=2, dials={0: (0.0, 1.0)})
    picture, original = saved(outputs), read_picture(photo).pixels
    assert (picture.width, picture.height) == (720, 400)
    assert Path(outputs["download"]["value"]).name == "group-repaired-x2.png"
    doubled = np.repeat(np.repeat(original, 2, 0), 2, 1)
    apart = (picture.pixels != doubled).any(2)
    assert apart[110:130, 390:410].mean() > 0.9
    assert not apart[:, :300].any()
    assert outputs["recipe"]["then"] == {"task": "upscale"}
    assert changed_size(remixed(outputs["kept"], [])) == (720, 400)
    assert np.array_equal(saved(remixed(outputs["kept"], [])).pixels, doubled)


def changed_size(outputs: dict[str, Any]) -> tuple[int, int]:
    picture = saved(outputs)
    return picture.width, picture.height


@pytest.mark.parametrize("way", ["blur", "pixels"])
def test_anonymised_faces_have_no_likeness(photo: Path, way: str) -> None:
    source = given(photo)
    outputs = run(source, found_in(source), [1, 2], searching=SEARCHING | {"anonymise": way})
    assert changed_columns(outputs, photo) == {1, 2}
    assert outputs["strip"][0][1] == "1"
    assert "⚠" not in outputs["info"]
    assert changed_columns(remixed(outputs["kept"], [2]), photo) == {2}


def test_a_result_that_is_gone_is_said_to_be(photo: Path) -> None:
    source = given(photo)
    made = run(source, found_in(source), [1])["kept"]
    (made.folder / "kept.npz").unlink()
    with pytest.raises(gr.Error, match="no longer kept"):
        remixed(made, [])


def test_the_run_before_goes(photo: Path) -> None:
    source = given(photo)
    first = run(source, found_in(source), [1])["kept"]
    run(source, found_in(source), [1], last=first)
    assert not first.folder.exists()


def test_stop_leaves_everything_as_it_was(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = given(photo)
    found = found_in(source)
    one = repair._one

    def stopping(*arguments: Any) -> Any:
        handlers.request_stop(Visitor())
        return one(*arguments)

    monkeypatch.setattr(repair, "_one", stopping)
    visitor = Visitor(arrived=time.perf_counter())
    assert run(source, found, [1, 2, 3], request=visitor) == gr.skip()


def test_a_broken_picture_is_refused_and_the_one_before_stays(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    visitor = Visitor()
    source = given(photo, visitor)
    with pytest.raises(gr.Error, match="is a text, not a picture"):
        inspected(tmp_path / "broken.png", visitor)
    assert handlers.is_there(visitor, "repair", source.given)


def test_a_mask_file_is_laid_on_the_canvas(photo: Path, tmp_path: Path) -> None:
    write_picture(Picture(pixels=np.full((100, 180, 1), 255, np.uint8)), tmp_path / "mask.png")
    source = given(photo)
    load = results.load_mask
    order = load(file=str(tmp_path / "mask.png"), source=source, request=Visitor())["orders"]
    assert said(order)["for"] == "repair"
    assert file_at(said(order)["mask"]).is_file()
    with pytest.raises(gr.Error, match="another shape"):
        load(file=str(photo), source=replace(source, height=360), request=Visitor())


def test_the_estimate_counts_faces_and_masked_pixels(photo: Path) -> None:
    source = given(photo)
    assert repair_tab.announce(source=source, request=Visitor()) == {"cost": "Looking for faces…"}
    found = found_in(source)

    def shown(ticks: list[int], drawn: str = "", **more: Any) -> str:
        return repair_tab.show_estimate(
            source=source, found=found, ticks=ticks, drawn=drawn, size=1, searching=SEARCHING | more, request=Visitor()
        )["cost"]

    everything = sent(np.full((200, 360), 255, np.uint8))
    assert shown([1, 2], everything).startswith("**Faces: 2** · masked: 100.0 % · about **")
    assert "Tick a face" in shown([])
    assert shown([1], min_size=3).startswith("⚠ Smallest face (pixels) is 3")


def asked(photo: Path | None, **more: Any) -> dict[str, Any]:
    """What the API answers to its defaults, with some changed."""
    values: dict[str, Any] = {
        "mask": None, "which": "all", "boxes": [], "fidelity": 0.5, "strength": 1, "size": 1, "model": "repairer",
        "min_size": 0, "score": 0.8, "anonymise": "no", "file_format": "PNG", "strip": False, "keep_gps": False, **more,
    }  # fmt: skip
    file = str(photo) if photo else None
    return repair_tab.repair_endpoint(file=file, request=Visitor(), progress=gr.Progress(), **values)


def test_the_api_finds_and_repairs(photo: Path, tmp_path: Path) -> None:
    seen = repair_tab.detect_endpoint(
        file=str(photo), min_size=0, score=0.8, request=Visitor(), progress=gr.Progress()
    )["facts"]
    assert [face["number"] for face in seen["faces"]] == [1, 2, 3]
    assert (seen["width"], seen["height"]) == (360, 200)
    answer = asked(photo, which="2")
    assert changed_columns({"download": {"value": answer["file"]}}, photo) == {2}
    assert [face["number"] for face in answer["facts"]["repaired"]] == [2]
    assert read_picture(answer["file"]).recipe == answer["facts"]["recipe"]
    assert len(asked(photo, boxes=[[100, 120, 140, 170]])["facts"]["faces"]) == 4
    mask = np.zeros((200, 360, 1), np.uint8)
    mask[150:160, 100:110] = 255
    write_picture(Picture(pixels=mask), tmp_path / "mask.png")
    facts = asked(photo, mask=str(tmp_path / "mask.png"), which="none")["facts"]
    assert (facts["filled_by"], facts["repaired"]) == ("patches", [])
    for which, words in (
        ("7", "Face 7 was asked for"),
        ("some", "all, none, or numbers"),
        ("none", "nothing to repair"),
    ):
        with pytest.raises(gr.Error, match=words):
            asked(photo, which=which)
    with pytest.raises(gr.Error, match="No picture was sent"):
        asked(None)


def test_the_api_restores_a_whole_photo(photo: Path, tmp_path: Path) -> None:
    mask = np.zeros((200, 360, 1), np.uint8)
    mask[150:160, 100:110] = 255
    write_picture(Picture(pixels=mask), tmp_path / "mask.png")
    given: dict[str, Any] = {
        "model": "repairer", "find_damage": "none", "clean": 0, "colors": 0.5, "size": 1, "faces": "2",
        "fidelity": 0.5, "strength": 1, "score": 0.8, "min_size": 0, "file_format": "PNG", "strip": False,
        "keep_gps": False,
    }  # fmt: skip
    answer = restore_api.restore_endpoint(
        file=str(photo), mask=str(tmp_path / "mask.png"), request=Visitor(), progress=gr.Progress(), **given
    )
    facts = answer["facts"]
    assert [face["number"] for face in facts["repaired"]] == [2]
    assert (facts["found"], facts["filled_by"], facts["noise"]) == (3, "patches", None)
    assert facts["masked"] == round(100 / 72_000, 6)
    assert read_picture(answer["file"]).recipe == facts["recipe"]
    with pytest.raises(gr.Error, match="Colours is 2"):
        restore_api.restore_endpoint(
            file=str(photo), mask=None, request=Visitor(), progress=gr.Progress(), **{**given, "colors": 2}
        )


@pytest.mark.parametrize("boxes", [[[1, 2, 3]], "text", [1], [["a", 1, 2, 3]], [[0, 0, float("nan"), 4]]])
def test_wrong_boxes_are_refused(photo: Path, boxes: Any) -> None:
    with pytest.raises(gr.Error, match="four numbers"):
        asked(photo, boxes=boxes)


@pytest.mark.parametrize("value", [[1, [2]], {"a": 1}, 9.5, "nonsense", None], ids=str)
def test_a_wrong_value_is_answered_with_what_is_wrong(photo: Path, value: object) -> None:
    names = ["which", "fidelity", "strength", "size", "score", "anonymise", "file_format", "strip"]
    names += [] if value is None else ["model", "min_size"]  # nothing said: the default
    for name in names:
        with pytest.raises(gr.Error) as caught:
            asked(photo, **{name: value})
        assert "inside Atelier" not in str(caught.value.message), name


def test_another_visitors_files_are_elsewhere(photo: Path) -> None:
    first, second = (
        file_at(said(inspected(photo, Visitor(session))["orders"])["picture"]["url"]) for session in ("one", "two")
    )
    assert first.parts[-3] != second.parts[-3]


def test_settings_come_back_from_a_recipe(photo: Path, tmp_path: Path) -> None:
    options = {
        "model": "repairer",
        "fidelity": 0.8,
        "strength": 0.5,
        "min_size": 30,
        "score": 0.6,
        "faces": [1],
        "new": 1,
    }
    write_picture(read_picture(photo), tmp_path / "made.png", recipe={"task": "repair", "options": options})
    wanted = {
        "task": "faces", "model": "repairer", "fidelity": 0.8, "strength": 0.5, "min_size": 30, "score": 0.6,
        "dials": {0: (0.8, 0.5)},
    }  # fmt: skip
    recipe = given(tmp_path / "made.png").recipe
    assert recipe is not None
    assert repair_tab.settings_of(path="", recipe=recipe, request=Visitor()) == wanted


def stroke(left: int, top: int, right: int, bottom: int) -> str:
    drawn = np.zeros((200, 360), np.uint8)
    drawn[top:bottom, left:right] = 255
    return sent(drawn)


def test_the_next_stroke_goes_on_from_the_result(photo: Path) -> None:
    source = given(photo)
    first = run(source, Found(), [], drawn=stroke(100, 150, 110, 160))
    assert said(first["shown"])["spent"], "what was painted has done its work"
    once = saved(first).pixels
    second = run(source, Found(), [], drawn=stroke(20, 20, 30, 30), last=first["kept"])
    twice = saved(second).pixels
    before = read_picture(photo).pixels
    assert (once != before).any(2)[150:160, 100:110].mean() > 0.5
    np.testing.assert_array_equal(twice[140:170, 90:120], once[140:170, 90:120])
    assert (twice != once).any(2)[20:30, 20:30].mean() > 0.5
    # From the start again: the first stroke's place is as it was given.
    fresh = run(source, Found(), [], drawn=stroke(20, 20, 30, 30), last=None)
    np.testing.assert_array_equal(saved(fresh).pixels[140:170, 90:120], before[140:170, 90:120])


def test_a_hole_that_a_face_fills_is_filled_again_with_it(photo: Path) -> None:
    """A result's base has holes where a face's network fills them: another run must not bring the scratch back."""
    source = given(photo)
    found = found_in(source)
    left, top, right, bottom = (int(side) for side in FACES[0].box)
    over = stroke((left + right) // 2 - 4, (top + bottom) // 2 - 4, (left + right) // 2 + 4, (top + bottom) // 2 + 4)
    first = run(source, found, [1], drawn=over)
    kept = np.load(first["kept"].folder / results.ARRAYS)
    assert kept["unfilled"].sum() > 0
    second = run(source, found, [1], drawn=stroke(340, 180, 350, 190), last=first["kept"])
    holes = second["kept"].facts, np.load(second["kept"].folder / results.ARRAYS)["1.hole"]
    assert (holes[1] > 0).any()


def test_a_card_on_the_stage_turns_a_face(photo: Path) -> None:
    source = given(photo)
    found = found_in(source)
    kept = run(source, found, [1, 2, 3])["kept"]

    def turned_there(**done: Any) -> dict[str, Any]:
        return repair_tab.turn_face(
            told=json.dumps({"kind": "face", "n": 1, **done}), ticks=[1, 2, 3], dials={0: (0.5, 1.0)}, kept=kept,
            found=found, trust=False, saving=SAVING, request=Visitor(),
        )  # fmt: skip

    left = turned_there(number=2, keep=False, fidelity=0.5, strength=1.0)
    assert (left["ticks"], left["whose"], left["dials"]) == ([1, 3], 2, {0: (0.5, 1.0)})
    assert changed_columns(left, photo) == {1, 3}
    kept = left["kept"]
    dialled = turned_there(number=3, keep=True, fidelity=9, strength=0.25)
    assert dialled["dials"][3] == (1.0, 0.25), "within the dial's range, whatever is sent"
    marks = repair_tab.mark_faces(source=source, found=found, ticks=[1], dials=dialled["dials"], request=Visitor())
    assert [face["keep"] for face in said(marks["orders"])["faces"]] == [True, False, False]
    assert turned_there(number=9, keep=True) == {}


def test_the_badge_says_when_another_run_is_needed(photo: Path) -> None:
    source = given(photo)
    kept = run(source, found_in(source), [1])["kept"]

    def badge(drawn: str = "", size: int = 1, **searching: Any) -> str:
        values = {"searching": SEARCHING | searching, "size": size, "drawn": drawn}
        order = repair_tab.note_stale(kept=kept, request=Visitor(), **values)["notes"]
        return str(said(order)["stale"])

    assert badge() == ""
    assert badge(drawn=stroke(1, 1, 9, 9)) == badge(size=2) == badge(anonymise="blur") == "Changed: run again"
    again = repair_tab.start_again(kept=kept, request=Visitor())
    assert said(again["shown"])["result"] is None
    assert not kept.folder.exists()


def test_a_whole_photo_is_restored_and_its_faces_follow_without_another_run(photo: Path) -> None:
    source = given(photo)
    found = found_in(source)
    outputs = run(source, found, [1, 3], searching=WHOLE, dials=FLAT, drawn=stroke(100, 150, 110, 160))
    before = read_picture(photo).pixels
    assert changed_columns(outputs, photo) == {0, 1, 3}, "what is painted counts as damage"
    assert (saved(outputs).pixels != before).any(2)[152:158, 102:108].mean() > 0.8
    assert Path(outputs["download"]["value"]).name == "group-restored.png"
    assert outputs["info"].startswith("**Restored** · filled: 0.1 % · no noise cleaned · faces: 2 of 3 · 360 × 200")
    assert "Filled by “patches”" in outputs["info"]
    assert said(outputs["shown"])["spent"]
    recipe = saved(outputs).recipe or {}
    assert (recipe["restore"], recipe["options"]["faces"], recipe["options"]["anonymise"]) == (True, [1, 3], "no")
    follows = remixed(outputs["kept"], [3], FLAT)
    assert changed_columns(follows, photo) == {0, 3}
    assert changed_columns(remixed(follows["kept"], []), photo) == {0}
    # The stroke is gone from the stage: another run, for the whole or for faces, knows it still.
    again = run(source, found, [], searching=WHOLE, last=follows["kept"])
    assert changed_columns(again, photo) == {0}
    faces = run(source, found, [2], dials=FLAT, last=again["kept"])
    assert changed_columns(faces, photo) == {0, 2}


def test_a_whole_photo_s_dials_are_those_of_its_run(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[RestoreOptions] = []
    monkeypatch.setattr(
        damage, "find_damage", lambda picture, *_, **__: np.zeros((picture.height, picture.width), np.float32)
    )
    making = restoring.restore

    def noted(picture: Picture, options: RestoreOptions, *arguments: Any, **more: Any) -> Any:
        asked_for.append(options)
        return making(picture, options, *arguments, **more)

    def enlarge(picture: Picture, options: Any, **_: Any) -> Picture:
        size = picture.width * int(options.scale or 1), picture.height * int(options.scale or 1)
        return replace(picture, pixels=cv2.resize(picture.pixels, size, interpolation=cv2.INTER_NEAREST))

    monkeypatch.setattr(restoring, "restore", noted)
    monkeypatch.setattr(upscale, "upscale", enlarge)
    source = given(photo)
    searching = WHOLE | {"seek": True, "find_damage": 0.25, "clean": 0.5, "colors": 0.75}
    outputs = run(source, found_in(source), [2], searching=searching, size=2, dials={0: (0.25, 0.75)})
    (options,) = asked_for
    assert (options.find_damage, options.clean, options.colors, options.size) == (0.25, 0.5, 0.75, 2)
    assert (options.fidelity, options.strength, options.anonymise) == (0.25, 0.75, "no")
    assert changed_size(outputs) == (720, 400)
    assert "noise cleaned: " in outputs["info"]
    recipe = saved(outputs).recipe or {}
    # A dial turned afterwards mixes what was cleaned and enlarged, not the picture as it was given.
    rejected = remixed(outputs["kept"], [])
    without = saved(rejected).pixels
    at_once = saved(remixed(rejected["kept"], [2], {0: (0.25, 0.75)})).pixels
    np.testing.assert_array_equal(without[:, :300], at_once[:, :300])
    assert (without[110:130, 390:410] != at_once[110:130, 390:410]).any()
    # The file gives them all back, and "none" for damage, which is no value of the dial.
    settings = repair_tab.settings_of(path="", recipe=recipe, request=Visitor())
    wanted = {"task": "restore", "seek": True, "find_damage": 0.25, "clean": 0.5, "colors": 0.75, "size": 2}
    assert {name: settings[name] for name in wanted} == wanted
    none = recipe | {"options": recipe["options"] | {"find_damage": "none"}}
    settings = repair_tab.settings_of(path="", recipe=none, request=Visitor())
    assert settings["seek"] is False
    assert "find_damage" not in settings


def test_faces_that_show_only_in_the_restored_photo_are_listed(photo: Path) -> None:
    outputs = run(given(photo), Found(), [], searching=WHOLE, dials=FLAT)
    assert outputs["ticks"]["value"] == [1, 2, 3]
    assert len(outputs["found"].faces) == len(outputs["strip"]) == 3
    assert changed_columns(outputs, photo) == {1, 2, 3}
    assert changed_columns(remixed(outputs["kept"], [2], FLAT), photo) == {2}


@pytest.mark.parametrize(("task", "there"), [("restore", (1, 0, 1)), ("faces", (0, 0, 1)), ("hide", (0, 1, 0))])
def test_a_task_has_its_own_dials(task: str, there: tuple[int, int, int]) -> None:
    shown = repair_tab.show_task(task=task, seek=False)
    assert tuple(int(shown[name]["visible"]) for name in ("restoring", "anonymise", "turning")) == there
    assert not shown["find_damage"]["visible"]


def test_hiding_is_a_task_and_its_way_counts_for_no_other(photo: Path) -> None:
    source = given(photo)
    found = found_in(source)
    way = SEARCHING | {"anonymise": "pixels"}
    hidden = run(source, found, [1], searching=WHOLE | way | {"task": "hide"})
    assert hidden["recipe"]["options"]["anonymise"] == "pixels"
    repaired = run(source, found, [1], searching=WHOLE | way | {"task": "faces"})
    assert repaired["recipe"]["options"]["anonymise"] == "no"


def test_who_may_be_no_face_is_hidden_but_not_repaired(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = (face_at(10, 10), replace(face_at(60, 10), sure=False))
    found = Found(faces=people)
    assert repair_tab.tick_unsure(task="hide", found=found, ticks=[1])["ticks"] == [1, 2]
    assert repair_tab.tick_unsure(task="faces", found=found, ticks=[1, 2])["ticks"] == [1]
    assert repair_tab.tick_unsure(task="hide", found=Found(faces=people[:1]), ticks=[]) == {}  # nothing is ticked again
    monkeypatch.setattr(repair, "find", lambda *_, **__: list(people))
    for task, ticked in (("faces", [1]), ("hide", [1, 2])):
        searched = sought(given(photo), searching=WHOLE | {"task": task, "anonymise": "blur"})
        assert searched["ticks"]["value"] == ticked


def test_a_whole_photo_s_badge_and_estimate(photo: Path) -> None:
    source = given(photo)
    kept = run(source, found_in(source), [1], searching=WHOLE)["kept"]

    def badge(**searching: Any) -> str:
        order = repair_tab.note_stale(kept=kept, searching=WHOLE | searching, size=1, drawn="", request=Visitor())
        return str(said(order["notes"])["stale"])

    assert badge() == badge(find_damage=0.75) == "", "damage is not looked for"
    assert badge(colors=0.5) == badge(seek=True) == badge(task="faces") == "Changed: run again"

    cost = repair_tab.show_estimate(
        source=source, found=Found(), ticks=[], drawn="", size=1, searching=WHOLE, request=Visitor()
    )["cost"]
    assert cost.startswith("**360 × 200** · faces: 0 · about **")


def test_a_picture_told_of_twice_keeps_its_ticks(photo: Path) -> None:
    """An example's picture is told of twice: the second search came before the ticks of the first, and took them."""
    source = given(photo)
    assert sought(source, found_in(source), ticks=[]) == {}
