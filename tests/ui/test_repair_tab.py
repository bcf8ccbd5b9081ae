"""The Repair tab's handlers, called as Gradio calls them, with a stand-in for the network and for the detector."""

from __future__ import annotations

import re
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
import pytest

from editing import runtime
from editing.errors import OptionError
from editing.faces import align, detect, restore
from editing.faces.align import Face
from editing.faces.restore import Restorer
from editing.pictures.picture import Picture
from editing.pictures.read import probe_picture, read_picture
from editing.pictures.write import write_picture
from editing.pipelines import repair, upscale
from editing.runtime import Backend
from editing.ui import handlers, repair_tab
from editing.ui.repair_tab import Found, Made
from editing.weights.find import find_weight
from ui.test_mask_canvas import Visitor, attributes, sent

SEARCHING = ("repairer", 0, 0.8, "no")
SAVING = ("PNG", False, False)
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
    monkeypatch.setattr(repair, "recipe", lambda options: {"task": "repair", "options": {"fidelity": options.fidelity}})
    monkeypatch.setattr(detect, "detect_faces", lambda *_, **__: list(FACES))
    monkeypatch.setattr(detect, "face_in", lambda picture, box, **_: face_at((box[0] + box[2]) / 2, 150))
    monkeypatch.setattr(restore, "load_parser", lambda: None)
    find = find_weight
    monkeypatch.setattr(
        repair_tab, "find_weight", lambda name, task, **more: None if task == "restore" else find(name, task, **more)
    )


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Noise, 360 x 200: nothing that is drawn anew can stay the same by chance."""
    pixels = np.random.default_rng(1).integers(90, 200, (200, 360, 3)).astype(np.uint8)
    write_picture(Picture(pixels=pixels), tmp_path / "group.png")
    return tmp_path / "group.png"


def given(photo: Path, visitor: Any = None) -> dict[str, Any]:
    source = repair_tab.inspect(str(photo), None, {}, None, None, visitor or Visitor())[0]
    assert isinstance(source, dict)
    return source


def found_in(source: dict[str, Any]) -> Found:
    found = repair_tab.find(source, Found(), [], {}, *SEARCHING, Visitor(), gr.Progress())[0]  # type: ignore[arg-type]
    assert isinstance(found, Found)
    return found


def run(
    source: dict[str, Any], found: Found, ticks: list[int], *, drawn: str = "", size: int = 1, dials: Any = None,
    trust: bool = False, searching: tuple[Any, ...] = SEARCHING, saving: tuple[Any, ...] = SAVING, last: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    values = (source, found, ticks, drawn, size, dials or {}, trust, *searching, *saving, last)
    outputs = repair_tab.run_page(Visitor(), gr.Progress(), *values)  # type: ignore[arg-type]
    assert isinstance(outputs, tuple)
    return outputs


def remixed(
    made: Made, ticks: list[int], dials: Any = None, trust: bool = False, found: Found | None = None
) -> tuple[Any, ...]:
    values = (made, found or made.found, ticks, dials or {}, trust)
    outputs = repair_tab.remix(Visitor(), *values, *SAVING)  # type: ignore[arg-type]
    assert isinstance(outputs, tuple)
    return outputs


def saved(outputs: tuple[Any, ...]) -> Picture:
    return read_picture(outputs[2]["value"])


def changed_columns(outputs: tuple[Any, ...], photo: Path) -> set[int]:
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
    outputs = repair_tab.inspect(str(photo), None, {0: (0.9, 1.0), 2: (0.1, 1.0)}, None, None, Visitor())  # type: ignore[arg-type]
    assert len(outputs) == 16
    assert outputs[15] == {0: (0.9, 1.0)}, "what was chosen for all stays, another picture's faces are gone"
    assert attributes(outputs[2])["stem"] == "group"
    assert outputs[3] == ""
    source = outputs[0]
    seen = repair_tab.find(source, Found(), [], {}, *SEARCHING, Visitor(), gr.Progress())  # type: ignore[arg-type]
    found, gallery, ticks, whose, order = seen[:5]
    assert [caption for _, caption in gallery] == ["1", "2", "3"]
    assert all(probe_picture(file).width == repair_tab.THUMB for file, _ in gallery)
    assert ticks["value"] == [1, 2, 3]
    assert [number for _, number in whose["choices"]] == [0, 1, 2, 3]
    assert len(found.faces) == 3
    assert attributes(order)["faces"].count("number") == 3


def test_a_face_drawn_by_hand_gets_a_number_and_the_others_keep_their_ticks(photo: Path) -> None:
    source = given(photo)
    found = found_in(source)
    box = "[0.3, 0.6, 0.4, 0.9]"  # its middle between the first and the second
    dials = {0: (0.2, 1.0), 2: (0.7, 1.0), 3: (0.9, 0.5)}
    outputs = repair_tab.add_box(box, source, found, [1, 3], dials, *SEARCHING, Visitor(), gr.Progress())  # type: ignore[arg-type]
    text, more, gallery, ticks, _, _, dials, *shown = outputs
    assert text == ""
    assert more.boxes == ((108, 120, 144, 180),)
    assert len(gallery) == 4
    assert ticks["value"] == [1, 2, 4]  # the newcomer is second; who was third is fourth, and second had no tick
    assert dials == {0: (0.2, 1.0), 3: (0.7, 1.0), 4: (0.9, 0.5)}, "so do their dials"
    assert shown == [0.2, 1.0], "the dials shown are those of all"
    again = repair_tab.find(source, more, [1, 2, 4], dials, *SEARCHING, Visitor(), gr.Progress())  # type: ignore[arg-type]
    assert len(again[0].faces) == 4, "a drawn box outlives a new search"


def test_only_the_ticked_faces_change_and_everything_else_keeps_its_bits(photo: Path) -> None:
    source = given(photo)
    outputs = run(source, found_in(source), [1, 3], dials=FLAT)
    assert changed_columns(outputs, photo) == {1, 3}
    slider, info, download, recipe, strip, made = outputs
    assert slider["value"] == (str(photo), download["value"])
    assert Path(download["value"]).name == "group-repaired.png"
    assert info.startswith("**Faces: 2 of 3** · 360 × 200")
    assert saved(outputs).recipe == recipe
    assert recipe["choices"]["1"] == {"accept": True, "strength": 1.0, "fidelity": 0.0}
    assert [probe_picture(file).width // repair_tab.THUMB for file, _ in strip] == [2, 1, 2]
    # A face taken for a flat one is no likeness.
    assert "⚠ Face 1 may look like someone else" in info
    assert re.fullmatch(r"1 · -?\d\.\d\d ⚠", strip[0][1])

    # Rejecting and taking back needs no network.
    rejected = remixed(made, [3], FLAT)
    assert changed_columns(rejected, photo) == {3}
    assert not Path(download["value"]).exists(), "the version before goes"
    taken = remixed(rejected[5], [1, 3], FLAT)
    assert changed_columns(taken, photo) == {1, 3}
    missing = remixed(taken[5], [1, 2, 3], FLAT)
    assert "Not repaired in this run: 2." in missing[1]
    assert changed_columns(missing, photo) == {1, 3}
    assert changed_columns(remixed(missing[5], []), photo) == set()


def test_dials_for_all_and_for_one(photo: Path) -> None:
    visitor: Any = Visitor()
    source = given(photo)
    made = run(source, found_in(source), [1, 2, 3])[5]

    def turned(whose: int, fidelity: float, strength: float, dials: Any, made: Made | None = None) -> tuple[Any, ...]:
        found = made.found if made else Found()
        outputs = repair_tab.turn(visitor, whose, fidelity, strength, made, found, [1, 2, 3], dials, False, *SAVING)
        assert isinstance(outputs, tuple)
        return outputs

    dials = turned(0, 1.0, 1.0, {})[0]
    dials = turned(2, 0.0, 1.0, dials)[0]
    dials, *outputs = turned(3, 0.5, 0.0, dials, made)
    assert [repair_tab._dial(dials, number) for number in (1, 2, 3)] == [(1, 1), (0, 1), (0.5, 0)]
    assert repair_tab.show_dials(2, dials) == (0, 1)
    picture, original = saved(tuple(outputs)).pixels.astype(float), read_picture(photo).pixels.astype(float)
    off = [np.abs(picture - original)[50:70, x - 10 : x + 10].mean() for x in (60, 200, 300)]
    assert off[2] == 0
    assert off[0] < 0.1 * off[1], "faithful is what the stand-in gives back, clean is flat"
    assert turned(0, 0.3, 1.0, dials)[0] == {0: (0.3, 1.0)}, "for all: nobody keeps a dial of their own"
    assert turned(3, 0.5, 0.0, dials, made) == (gr.skip(),) * 7, "where it was already: nothing is saved again"


def test_a_face_drawn_after_the_run_moves_the_numbers_and_nothing_else(photo: Path) -> None:
    source = given(photo)
    found = found_in(source)
    made = run(source, found, [1, 2, 3], dials=FLAT)[5]
    box = "[0.3, 0.6, 0.4, 0.9]"  # its middle between the first and the second
    more = repair_tab.add_box(box, source, found, [1, 3], FLAT, *SEARCHING, Visitor(), gr.Progress())  # type: ignore[arg-type]
    outputs = remixed(made, more[3]["value"], more[6], found=more[1])
    assert changed_columns(outputs, photo) == {1, 3}
    assert [probe_picture(file).width // repair_tab.THUMB for file, _ in outputs[4]] == [2, 1, 2, 2]
    assert [caption.split()[0] for _, caption in outputs[4]] == ["1", "2", "3", "4"]
    assert "Not repaired in this run: 2." in outputs[1]
    assert "⚠ Face 4 may" in outputs[1]
    # Told of the same picture again: nothing changes. Another picture: nothing of this one is left.
    again = repair_tab.inspect(str(photo), source, {}, outputs[5], None, Visitor())  # type: ignore[arg-type]
    assert all(value == gr.skip() for value in again)
    other = shutil.copy(photo, photo.with_name("other.png"))
    again = repair_tab.inspect(str(other), source, {}, outputs[5], None, Visitor())  # type: ignore[arg-type]
    assert again[10:15] == (None, "", gr.update(value=None, interactive=False), None, None)
    assert not Path(made.folder).exists()


def test_the_overlay_is_only_shown(photo: Path) -> None:
    source = given(photo)
    outputs = run(source, found_in(source), [1], searching=("repairer", 0, 0.8, "pixels"))
    overlaid = remixed(outputs[5], [1], trust=True)
    shown = read_picture(overlaid[0]["value"][1]).pixels
    assert overlaid[0]["value"][1] != overlaid[2]["value"]
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
    assert "filled by “patches”" in outputs[1]


def test_nothing_to_do_is_said(photo: Path) -> None:
    source = given(photo)
    with pytest.raises(gr.Error, match="no face was chosen and no mask"):
        run(source, found_in(source), [])
    with pytest.raises(gr.Error, match="no picture yet"):
        repair_tab.run_page(Visitor(), gr.Progress(), None, Found(), [], "", 1, {}, False, *SEARCHING, *SAVING, None)  # type: ignore[arg-type]
    with pytest.raises(gr.Error, match="can't be read"):
        run(source, found_in(source), [1], drawn="nonsense")
    with pytest.raises(gr.Error, match="choose 1, 2 or 4"):
        run(source, found_in(source), [1], size=3)


def test_what_is_round_the_faces_can_be_enlarged(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def enlarge(picture: Picture, options: Any, **_: Any) -> Picture:
        size = picture.width * options.scale, picture.height * options.scale
        return replace(picture, pixels=cv2.resize(picture.pixels, size, interpolation=cv2.INTER_NEAREST))

    monkeypatch.setattr(upscale, "upscale", enlarge)
    monkeypatch.setattr(upscale, "recipe", lambda options: {"task": "upscale"})
    source = given(photo)
    outputs = run(source, found_in(source), [2], size=2, dials={0: (0.0, 1.0)})
    picture, original = saved(outputs), read_picture(photo).pixels
    assert (picture.width, picture.height) == (720, 400)
    assert Path(outputs[2]["value"]).name == "group-repaired-x2.png"
    doubled = np.repeat(np.repeat(original, 2, 0), 2, 1)
    apart = (picture.pixels != doubled).any(2)
    assert apart[110:130, 390:410].mean() > 0.9
    assert not apart[:, :300].any()
    assert outputs[3]["then"] == {"task": "upscale"}
    assert changed_size(remixed(outputs[5], [])) == (720, 400)
    assert np.array_equal(saved(remixed(outputs[5], [])).pixels, doubled)


def changed_size(outputs: tuple[Any, ...]) -> tuple[int, int]:
    picture = saved(outputs)
    return picture.width, picture.height


@pytest.mark.parametrize("way", ["blur", "pixels"])
def test_anonymised_faces_have_no_likeness(photo: Path, way: str) -> None:
    source = given(photo)
    outputs = run(source, found_in(source), [1, 2], searching=("repairer", 0, 0.8, way))
    assert changed_columns(outputs, photo) == {1, 2}
    assert outputs[4][0][1] == "1"
    assert "⚠" not in outputs[1]
    assert changed_columns(remixed(outputs[5], [2]), photo) == {2}


def test_a_result_that_is_gone_is_said_to_be(photo: Path) -> None:
    source = given(photo)
    made = run(source, found_in(source), [1])[5]
    (Path(made.folder) / "repaired.npz").unlink()
    with pytest.raises(gr.Error, match="no longer kept"):
        remixed(made, [])


def test_the_run_before_goes(photo: Path) -> None:
    source = given(photo)
    first = run(source, found_in(source), [1])[5]
    run(source, found_in(source), [1], last=first)
    assert not Path(first.folder).exists()


def test_stop_leaves_everything_as_it_was(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = given(photo)
    found = found_in(source)
    one = repair._one

    def stopping(*arguments: Any) -> Any:
        handlers.request_stop(Visitor())  # type: ignore[arg-type]
        return one(*arguments)

    monkeypatch.setattr(repair, "_one", stopping)
    values = (source, found, [1, 2, 3], "", 1, {}, False, *SEARCHING, *SAVING, None)
    assert repair_tab.run_page(Visitor(), gr.Progress(), *values) == gr.skip()  # type: ignore[arg-type]
    assert not handlers._stops


def test_a_broken_picture_is_refused_and_the_canvas_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: said.append(text))
    outputs = repair_tab.inspect(str(tmp_path / "broken.png"), None, {}, None, None, Visitor())  # type: ignore[arg-type]
    assert "not a picture of a known kind" in said[0]
    assert outputs[:2] == (None, None)
    assert attributes(outputs[2])["image"] == ""


def test_a_mask_file_is_laid_on_the_canvas(photo: Path, tmp_path: Path) -> None:
    write_picture(Picture(pixels=np.full((100, 180, 1), 255, np.uint8)), tmp_path / "mask.png")
    order = repair_tab.load_mask(str(tmp_path / "mask.png"), given(photo), Visitor())  # type: ignore[arg-type]
    assert attributes(order)["mask"].startswith("gradio_api/file=")
    with pytest.raises(gr.Error, match="another shape"):
        repair_tab.load_mask(str(photo), given(photo) | {"height": 360}, Visitor())  # type: ignore[arg-type]


def test_the_estimate_counts_faces_and_masked_pixels(photo: Path) -> None:
    source = given(photo)
    assert repair_tab.announce(source, Visitor()) == "Looking for faces…"  # type: ignore[arg-type]
    found = found_in(source)
    values = (source, found, [1, 2], sent(np.full((200, 360), 255, np.uint8)), 1, *SEARCHING)
    text = repair_tab.show_estimate(Visitor(), *values)  # type: ignore[arg-type]
    assert text.startswith("**Faces: 2** · masked: 100.0 % · about **")
    assert "Tick a face" in repair_tab.show_estimate(Visitor(), source, found, [], "", 1, *SEARCHING)  # type: ignore[arg-type]
    wrong = repair_tab.show_estimate(Visitor(), source, found, [1], "", 1, "repairer", 3, 0.8, "no")  # type: ignore[arg-type]
    assert wrong.startswith("⚠ The smallest face is 3 pixels")


def test_the_api_finds_and_repairs(photo: Path, tmp_path: Path) -> None:
    visitor: Any = Visitor()
    seen = repair_tab.detect_endpoint(str(photo), 0, 0.8, visitor, gr.Progress())
    assert [face["number"] for face in seen["faces"]] == [1, 2, 3]
    assert (seen["width"], seen["height"]) == (360, 200)
    rest = (0.5, 1.0, 1, *SEARCHING, *SAVING, visitor, gr.Progress())
    file, facts = repair_tab.repair_endpoint(str(photo), None, "2", None, *rest)
    assert changed_columns((None, None, {"value": file}), photo) == {2}
    assert [face["number"] for face in facts["repaired"]] == [2]
    _, facts = repair_tab.repair_endpoint(str(photo), None, "all", [[100, 120, 140, 170]], *rest)
    assert len(facts["faces"]) == 4
    mask = np.zeros((200, 360, 1), np.uint8)
    mask[150:160, 100:110] = 255
    write_picture(Picture(pixels=mask), tmp_path / "mask.png")
    _, facts = repair_tab.repair_endpoint(str(photo), str(tmp_path / "mask.png"), "none", None, *rest)
    assert (facts["filled_by"], facts["repaired"]) == ("patches", [])
    for which, words in (
        ("7", "Face 7 was asked for"),
        ("some", "all, none, or numbers"),
        ("none", "nothing to repair"),
    ):
        with pytest.raises(gr.Error, match=words):
            repair_tab.repair_endpoint(str(photo), None, which, None, *rest)
    with pytest.raises(gr.Error, match="No picture was sent"):
        repair_tab.repair_endpoint(None, None, "all", None, *rest)


@pytest.mark.parametrize("boxes", [[[1, 2, 3]], "text", [1], [["a", 1, 2, 3]], [[0, 0, float("nan"), 4]]])
def test_wrong_boxes_are_refused(boxes: Any) -> None:
    with pytest.raises(OptionError, match="list of"):
        repair_tab._boxes(boxes)


def test_another_visitors_files_are_elsewhere(photo: Path) -> None:
    one, other = Visitor(), Visitor()
    other.session_hash = "two"
    first = attributes(repair_tab.inspect(str(photo), None, {}, None, None, one)[2])["image"]  # type: ignore[arg-type]
    second = attributes(repair_tab.inspect(str(photo), None, {}, None, None, other)[2])["image"]  # type: ignore[arg-type]
    assert Path(first).parts[-3] != Path(second).parts[-3]


def test_a_result_can_be_sent_on(photo: Path) -> None:
    source = given(photo)
    outputs = run(source, found_in(source), [1])
    file, tabs = repair_tab.send_to_upscale(outputs[5], Visitor())  # type: ignore[arg-type]
    assert file == outputs[2]["value"]
    assert tabs["selected"] == "upscale"
    with pytest.raises(gr.Error, match="no longer kept"):
        repair_tab.send_to_upscale(None, Visitor())  # type: ignore[arg-type]


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
    source = given(tmp_path / "made.png")
    wanted = ["repairer", 0.8, 0.5, 30, 0.6, "no", {0: (0.8, 0.5)}]
    assert repair_tab.settings_of_recipe(source, Visitor()) == wanted  # type: ignore[arg-type]
    with pytest.raises(gr.Error):
        repair_tab.settings_of_recipe(given(photo), Visitor())  # type: ignore[arg-type]
