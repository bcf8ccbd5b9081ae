"""The stylizer's training: it learns, resumes exactly, and what it exports paints the same."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from editing.errors import OptionError, TrainingError
from editing.networks.magenta import Magenta, MagentaConfig
from editing.networks.stylizer import Stylizer, StylizerConfig, Vgg
from editing.pipelines import gatys
from editing.training import stylizer
from editing.training.backbones import HED_VGG, load_vgg
from editing.training.loop import load_checkpoint, read_log, seed_step
from editing.training.stylizer import StylizerTask, StylizerTrainOptions, load_pictures, load_styles

GALLERY = "one=00,two=03,06"


def tiny_vgg() -> Vgg:
    torch.manual_seed(5)
    return Vgg(((6,), (8,), (8, 8), (10,)))


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stylizer, "SMALLEST_STYLE", 16)
    monkeypatch.setattr(stylizer, "SHOWN_SIZE", 16)
    monkeypatch.setattr(stylizer, "load_vgg", tiny_vgg)


def options(folder: Path, out: Path, **changes: Any) -> StylizerTrainOptions:
    values: dict[str, Any] = {
        "data": folder, "styles": folder, "out": out, "gallery": GALLERY, "size": 40, "batch": 2, "first_size": 36,
        "first_batch": 4, "taught_batch": 2, "steps": 3,
        "hold_out": 4, "hold_out_styles": 4, "style_size": 32, "widths": "4,6,8", "blocks": 1, "precision": "fp32",
        "stability_every": 2, "checkpoint_every": 2, "sample_every": 0, "measure_every": 0,
        "log_every": 1, "warmup": 2,
    }  # fmt: skip
    return StylizerTrainOptions(**(values | changes))


def task_of(asked: StylizerTrainOptions) -> StylizerTask:
    return StylizerTask(asked, load_pictures(asked), load_styles(asked), tiny_vgg(), torch.device("cpu"))


def test_resumed_equals_uninterrupted(folder: Path, tmp_path: Path) -> None:
    stylizer.run(options(folder, tmp_path / "whole"))
    stylizer.run(options(folder, tmp_path / "parts", steps=1))
    stylizer.run(options(folder, tmp_path / "parts", steps=3, resume=True))
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 3
    for kind in ("networks", "averaged"):
        for network in ("stylizer", "gallery"):
            for name, value in whole[kind][network].items():
                assert torch.equal(value, parts[kind][network][name]), name
    assert [step for step, _ in read_log(tmp_path / "parts" / "log.csv")["style"]] == [1, 2, 3]


def test_it_learns(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLOWER_SCALES", "SLOWER_CODES"):  # they are for hundreds of inputs; here are few, and few steps
        monkeypatch.setattr(stylizer, name, 1.0)
    asked = options(folder, tmp_path, steps=60, lr=1e-2, batch=4, others=0.5, ema=0.8, code_weight=1.0)
    sources, styles = load_pictures(asked), load_styles(asked)
    task = StylizerTask(asked, sources, styles, tiny_vgg(), torch.device("cpu"))
    before, rows = task.measure(), []
    for step in range(60):
        seed_step(0, step, 0)
        task.progress = step / 60
        rows.append({name: float(value) for name, value in task.step(step).items()})
    task.averaged = {}
    after = task.measure()
    assert after["gallery_style"] < 0.7 * before["gallery_style"]
    assert after["unseen_style"] < 0.9 * before["unseen_style"]
    assert after["photo_style"] == before["photo_style"]
    codes = [row["code"] for row in rows]
    assert np.mean(codes[-10:]) < 0.7 * np.mean(codes[:10])
    assert "stability" in rows[1]
    assert "stability" not in rows[0]
    assert not any(row["skipped"] for row in rows)
    assert list(task.warnings({"gallery_style": 0.5, "photo_style": 0.5}))
    assert not list(task.warnings({"gallery_style": 0.1, "photo_style": 0.5}))


def test_the_frozen_front_stays_what_the_losses_see(folder: Path, tmp_path: Path) -> None:
    stylizer.run(options(folder, tmp_path))
    state = load_checkpoint(tmp_path / "last.pt")
    given = tiny_vgg().state_dict()
    for kind in ("networks", "averaged"):
        front = {n.removeprefix("encoder.front."): v for n, v in state[kind]["stylizer"].items() if ".front." in n}
        assert front
        assert all(torch.equal(value, given[name]) for name, value in front.items())


def test_the_encoder_sees_in_a_picture_what_it_learned_from(folder: Path, tmp_path: Path) -> None:
    """Its moments were taken from the loss's maps; :meth:`Stylizer.code` takes them itself."""
    task = task_of(options(folder, tmp_path))
    picture = stylizer.to_tensor([stylizer.reduced(task.styles.gallery[0], 32)])
    with torch.no_grad():
        own = task.network.code(picture)
        learned = task.encoder.from_moments(task.targets["gallery", 0, 0][1])
    assert torch.allclose(own, learned, atol=1e-5)


def test_what_is_exported_paints_the_same(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    stylizer.run(options(folder, tmp_path / "own"))
    with safe_open(tmp_path / "own" / "stylizer.safetensors", "pt") as file:
        config = StylizerConfig.from_json(file.metadata()["config"])
        assert file.metadata()["network"] == "stylizer"
        about = json.loads(file.metadata()["styles"])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    assert [style["name"] for style in about] == ["one", "two", "06"]
    assert all(set(style) == {"name", "title", "artist", "year", "title_zh", "artist_zh"} for style in about)
    assert {value.dtype for value in state.values()} == {torch.float16}
    gallery = state.pop("gallery").float()
    assert gallery.shape == (3, config.code)
    network = Stylizer(config)
    network.load_state_dict({name: value.float() for name, value in state.items()})
    kept = load_checkpoint(tmp_path / "own" / "last.pt")["averaged"]
    trained = Stylizer(config)
    trained.load_state_dict(kept["stylizer"])
    photo = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        exported = network(photo, gallery[:1])
        assert (exported - trained(photo, kept["gallery"]["weight"][:1])).abs().max() < 5e-3
        assert (network.code(photo) - trained.code(photo)).abs().max() < 2e-2


def test_titles_and_artists_come_from_the_credits(folder: Path, tmp_path: Path) -> None:
    for file in (tmp_path / "styles", tmp_path / "run"):
        file.mkdir()
    for file in folder.rglob("*.*"):
        (tmp_path / "styles" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "styles" / "CREDITS.csv").write_text(
        "file,title,creator,date,source,title_zh\n03.png,The Disc,A. Painter,1893,,圆盘\n", encoding="utf-8"
    )
    styles = load_styles(options(tmp_path / "styles", tmp_path / "run"))
    nothing = {"artist": "", "year": "", "title_zh": "", "artist_zh": ""}
    disc = {"title": "The Disc", "artist": "A. Painter", "year": "1893", "title_zh": "圆盘"}
    assert styles.about[1] == nothing | disc | {"name": "two"}
    assert styles.about[0] == nothing | {"name": "one", "title": "one"}
    assert len(styles.gallery) == 3
    assert (len(styles.others), len(styles.held_out)) == (17, 4)


def test_a_step_is_a_function_of_seed_and_number(folder: Path, tmp_path: Path) -> None:
    found = []
    for name in ("one", "again"):
        task = task_of(options(folder, tmp_path / name, others=0.5, grounds=0.5))
        for step in (7, 8):
            seed_step(0, step, 0)
            task.progress = step / 10
            values = task.step(step)
        found.append({name: float(value) for name, value in values.items()})
    assert found[0] == found[1]


def test_styles_of_a_step_come_from_everywhere_later_on(folder: Path, tmp_path: Path) -> None:
    task = task_of(options(folder, tmp_path, others=0.5))
    random = np.random.default_rng(0)
    assert {key[0] for key in task._keys(60, random)} == {"gallery"}
    task.progress = 1.0
    kinds = [key[0] for key in task._keys(300, random)]
    assert 0.4 < kinds.count("gallery") / len(kinds) < 0.6
    assert 0 < kinds.count("photo") < kinds.count("other")
    assert {key[1] for key in task._keys(6, random) if key[0] == "gallery"} <= {0, 1, 2}


def test_crops_are_anything_from_all_of_a_photo_to_its_pixels(folder: Path, tmp_path: Path) -> None:
    y = torch.arange(64, dtype=torch.uint8)[:, None].expand(64, 80)
    photo, random = torch.stack([y, y, y]), np.random.default_rng(0)
    crops = [stylizer.framed(photo, 32, random) for _ in range(40)]
    assert {crop.shape for crop in crops} == {(1, 3, 32, 32)}
    slopes = [float(crop[0, 0, 31, 16] - crop[0, 0, 0, 16]) * 255 / 31 for crop in crops]
    assert min(slopes) < 1.1
    assert 1.5 < max(slopes) <= 2.01
    assert stylizer.framed(photo, 96, random).shape == (1, 3, 96, 96)
    ground = stylizer.ground(32, random, torch.device("cpu"))
    assert ground.shape == (1, 3, 32, 32)
    assert float((ground[..., 1:] - ground[..., :-1]).abs().mean()) < 0.1


def test_teachers_are_learned_from_at_first(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher = Magenta(MagentaConfig(styles=3))
    teacher.styles.data.normal_(0, 0.3)
    (tmp_path / "teachers").mkdir()
    save_file(teacher.state_dict(), tmp_path / "teachers" / "magenta.safetensors")
    task = task_of(
        options(
            folder, tmp_path / "run", teachers=str(tmp_path / "teachers"), taught=1.0, style=0.0, others=0.0, lr=2e-2
        )
    )
    taught = []
    for step in range(90):
        seed_step(0, step, 0)
        task.progress = step / 180
        taught.append(float(task.step(step)["taught"]))
    assert np.mean(taught[-20:]) < 0.93 * np.mean(taught[:20])
    task.progress = 1.0
    assert "taught" not in task.step(90)


def test_what_is_no_number_is_not_learned(folder: Path, tmp_path: Path) -> None:
    task = task_of(options(folder, tmp_path, style=float(np.finfo(np.float32).max)))
    before = [x.detach().clone() for x in task.network.parameters()]
    assert float(task.step(0)["skipped"]) == 1
    assert all(torch.equal(a, b) for a, b in zip(before, task.network.parameters(), strict=True))


def test_variants_of_a_style_differ_and_stay(folder: Path, tmp_path: Path) -> None:
    task = task_of(options(folder, tmp_path))
    picture = task.styles.others[0]

    def made(variant: int, recolour: bool = True) -> np.ndarray[Any, Any]:
        return stylizer.variant_of(picture, variant, 32, np.random.default_rng(variant), recolour=recolour)

    assert made(0).shape[:2] == (32, 32)
    assert np.array_equal(made(3), made(3))
    colours = {tuple(made(v).reshape(-1, 3).mean(0).round()) for v in range(1, 6)}
    assert len(colours) > 3
    first = task.targets["other", 0, 2]
    assert task.targets["other", 0, 2] is first


def test_samples_and_measures(folder: Path, tmp_path: Path) -> None:
    for hold_out in (4, 0):
        task = task_of(options(folder, tmp_path / str(hold_out), hold_out=hold_out, hold_out_styles=hold_out))
        shown = task.samples()
        assert shown.shape == (5 * 8, 3, 16, 16)
        assert shown.abs().max() <= 1
        assert (shown[9:12] - shown[8:9]).abs().mean() > 0.01
        values = task.measure()
        assert set(values) >= {"gallery_style", "gallery_content", "photo_style"}
        assert ("unseen_style" in values) == bool(hold_out)


def test_missing_pictures_of_the_gallery_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="lacks pictures of the --gallery: mona-lisa"):
        load_styles(options(folder, tmp_path, gallery="one=00,mona-lisa"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 30}, "--size is 30, wanted 32 or more, a multiple of 4"),
        ({"first_size": 33}, "--first-size is 33"),
        ({"widths": "8,8"}, "--widths is '8,8', wanted three numbers"),
        ({"widths": "a,b,c"}, "--widths is 'a,b,c'"),
        ({"others": 1.5}, "--others is 1.5, wanted 0 to 1"),
        ({"gallery": "a=x,a=y"}, "--gallery is 'a=x,a=y'"),
        ({"gallery": ""}, "--gallery is ''"),
        ({"style": -1.0}, "--style is -1.0"),
    ],
)
def test_options_check_themselves(folder: Path, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        options(folder, tmp_path, **changes)


@pytest.mark.skipif(importlib.util.find_spec(HED_VGG[0]) is None, reason="a training extra is not installed")
def test_the_real_network_tells_colours_and_places() -> None:
    vgg = load_vgg()
    assert not any(p.requires_grad for p in vgg.parameters())

    def maps(picture: Tensor) -> list[Tensor]:
        return vgg(picture)

    red = torch.zeros(1, 3, 32, 32)
    red[:, 0] = 1
    blue = red.flip(1)
    styles = [gatys.style_of(maps(x)) for x in (red, blue)]
    assert float(gatys.style_loss(*styles)) > 0.05
    assert [x.shape[1] for x in maps(red)] == [64, 128, 256, 512]
    photo = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    # ImageNet's networks answer with tens to an input of -128 to 127: a mean or a range gone wrong would show.
    assert 5 < float(maps(photo)[0].mean()) < 200
    assert float(maps(torch.full((1, 3, 64, 64), 0.45))[0][..., 8:-8, 8:-8].std((2, 3)).max()) < 1e-3
