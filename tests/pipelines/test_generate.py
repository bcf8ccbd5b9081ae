"""Drawing from seeds, with small random generators; the last tests are of the weight that ships."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from editing.errors import EditingError, OptionError, Stopped, WeightError
from editing.networks.generator import Generator, GeneratorConfig
from editing.options import LAST_SEED, GenerateOptions, WalkOptions
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import generate
from editing.pipelines.generate import LoadedGenerator
from editing.weights.files import verify
from editing.weights.find import find_weight, problems, rows
from editing.weights.load import metadata_of

ROOT = Path(__file__).parent.parent.parent
CONFIG = GeneratorConfig(size=16, latent=8, style=8, capacity=512, max_channels=32)


def make(path: Path, config: GeneratorConfig = CONFIG, *, directions: int = 3, known: Any = None, **texts: str) -> Path:
    """A random generator in a file such as a training writes."""
    torch.manual_seed(1)
    network = Generator(config, directions).eval()
    with torch.no_grad():
        network.directions.normal_()
        network.mean_latent.normal_()
        for name, parameter in network.named_parameters():
            if name.startswith("to_picture"):
                parameter.mul_(8)  # colourful
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    if known is not None:
        state["descriptors"] = known
    save_file(state, path, metadata={"format": "pt"} | config.metadata() | texts)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of ATELIER_WEIGHTS with the generator small.safetensors in it."""
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    make(tmp_path / "small.safetensors")
    return tmp_path


@pytest.fixture
def small(folder: Path) -> LoadedGenerator:
    return generate.load("small.safetensors")


def drawn(network: LoadedGenerator, **options: Any) -> list[np.ndarray[Any, Any]]:
    samples = generate.generate(GenerateOptions(**options), network=network)
    return [sample.picture.pixels for sample in samples]


# ---- the same seed, the same picture ---------------------------------------------------------------------------------


def test_a_picture_does_not_depend_on_the_others(small: LoadedGenerator) -> None:
    together = drawn(small, seed=100, count=36)
    assert len({pixels.tobytes() for pixels in together}) == 36
    for number in (0, 17, 35):
        assert np.array_equal(drawn(small, seed=100 + number)[0], together[number])


def test_pictures_asked_for_each_by_itself_are_the_same_together(small: LoadedGenerator) -> None:
    asked = [
        GenerateOptions(seed=3, truncation=0.2), GenerateOptions(seed=1, mix_seed=2, mix=0.3),
        GenerateOptions(seed=3, directions=(1.0,)),
    ]  # fmt: skip
    told: list[tuple[int, int]] = []
    together = generate.draw_each(asked, network=small, report=lambda done, total, note="": told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    for options, sample in zip(asked, together, strict=True):
        assert sample.seed == options.seed
        assert np.array_equal(generate.generate(options, network=small)[0].picture.pixels, sample.picture.pixels)


def test_a_picture_does_not_depend_on_the_threads(small: LoadedGenerator) -> None:
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            results.append(drawn(small, seed=5)[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_latents_are_numpys_frozen_stream(small: LoadedGenerator) -> None:
    # The first numbers of np.random.RandomState(0).randn(), which have not changed since 2011.
    wanted = [1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458]
    assert small.latent(0)[:4].tolist() == pytest.approx(wanted, abs=1e-15)
    assert np.isfinite(small.latent(LAST_SEED)).all()


DRAW = """
import sys, numpy as np
from editing.options import GenerateOptions
from editing.pipelines import generate
network = generate.load(sys.argv[1])
options = GenerateOptions(model=sys.argv[1], count=8, truncation=1)
np.save(sys.argv[2], np.stack([s.picture.pixels for s in generate.generate(options, network=network)]))
"""


def test_an_older_processor_draws_the_same(folder: Path, tmp_path: Path, small: LoadedGenerator) -> None:
    """Other instructions add in another order: at most 1 of 255 in a few numbers."""
    environment = os.environ | {
        "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT), "ATELIER_WEIGHTS": str(folder),
    }  # fmt: skip
    out = tmp_path / "old.npy"
    command = [sys.executable, "-c", DRAW, "small.safetensors", str(out)]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=120)
    new = np.stack(drawn(small, count=8, truncation=1)).astype(int)
    difference = np.abs(np.load(out) - new)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


# ---- truncation, directions, mixing ----------------------------------------------------------------------------------


def test_truncation_pulls_towards_the_mean_picture(small: LoadedGenerator) -> None:
    mean = drawn(small, seed=1, truncation=0)[0]
    assert np.array_equal(drawn(small, seed=2, truncation=0)[0], mean)
    apart = [float(np.abs(drawn(small, seed=1, truncation=psi)[0].astype(int) - mean).mean()) for psi in (0.2, 0.6, 1)]
    assert 0 < apart[0] < apart[1] < apart[2]


def test_directions_may_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    for file, names, read in (
        ("a", '["turn", "side-light"]', ("turn", "side-light")), ("b", "[1]", ()), ("c", "[", ()), ("d", '["<b>"]', ()),
    ):  # fmt: skip
        make(tmp_path / f"{file}.safetensors", direction_names=names)
        assert generate.load(f"{file}.safetensors").names == generate.names_of(f"{file}.safetensors") == read
    network = generate.load("a.safetensors")
    assert generate.numbered(network, ["Side-Light=-1", "1=2", "smile=1"]) == ["2=-1", "1=2", "smile=1"]
    ends = generate.ends(network, 2)
    assert len(ends) == 3
    assert all(not np.array_equal(minus, plus) for minus, plus in ends)


def test_directions_move_the_picture_and_are_counted(small: LoadedGenerator) -> None:
    plain = drawn(small, seed=1)[0]
    assert np.array_equal(drawn(small, seed=1, directions=(0.0, 0.0))[0], plain)
    second = drawn(small, seed=1, directions=(0.0, 1.0))[0]
    assert not np.array_equal(second, plain)
    assert not np.array_equal(drawn(small, seed=1, directions=(1.0,))[0], second)
    with pytest.raises(OptionError, match="has 3 directions; 4 were given"):
        drawn(small, directions=(0, 0, 0, 1))


def test_a_mix_begins_and_ends_at_its_seeds(small: LoadedGenerator) -> None:
    one, two = drawn(small, seed=1)[0], drawn(small, seed=2)[0]
    assert np.array_equal(drawn(small, seed=1, mix_seed=2, mix=0)[0], one)
    assert np.array_equal(drawn(small, seed=1, mix_seed=2, mix=1)[0], two)
    middle = drawn(small, seed=1, mix_seed=2, mix=0.5)[0]
    assert not np.array_equal(middle, one)
    assert not np.array_equal(middle, two)
    assert np.array_equal(drawn(small, seed=2, mix_seed=1, mix=0.5)[0], middle)
    assert np.array_equal(drawn(small, seed=1, mix_seed=1, mix=0.5)[0], one)


def test_slerp_turns_evenly() -> None:
    a, b = np.array([2.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0])
    for amount in (0.25, 0.5, 0.9):
        point = generate.slerp(a, b, amount)
        assert np.linalg.norm(point) == pytest.approx(2)
        assert math.atan2(point[1], point[0]) == pytest.approx(amount * math.pi / 2)


# ---- walks -----------------------------------------------------------------------------------------------------------


def test_a_loop_passes_through_each_seed_and_ends_one_step_before_its_beginning() -> None:
    places = generate.path(WalkOptions(seeds=(5, 6, 7), frames=6))
    assert places == [(5, 6, 0), (5, 6, 0.5), (6, 7, 0), (6, 7, 0.5), (7, 5, 0), (7, 5, 0.5)]


def test_a_walk_without_a_loop_ends_at_its_last_seed() -> None:
    places = generate.path(WalkOptions(seeds=(5, 6, 7), frames=5, loop=False))
    assert places == [(5, 6, 0), (5, 6, 0.5), (6, 7, 0), (6, 7, 0.5), (6, 7, 1)]
    assert generate.path(WalkOptions(seeds=(5, 6, 7), frames=2, loop=False)) == [(5, 6, 0), (6, 7, 1)]


@pytest.mark.parametrize("frames", [2, 3, 7, 100])
@pytest.mark.parametrize("loop", [True, False])
def test_a_walk_moves_by_equal_steps(frames: int, loop: bool) -> None:
    options = WalkOptions(seeds=(0, 1, 2, 3), frames=frames, loop=loop)
    order = {(0, 1): 0, (1, 2): 1, (2, 3): 2, (3, 0): 3}
    times = [order[a, b] + part for a, b, part in generate.path(options)]
    assert np.diff(times) == pytest.approx((4 if loop else 3) / (frames if loop else frames - 1))


def test_each_frame_is_a_picture_that_can_be_drawn_alone(small: LoadedGenerator) -> None:
    options = WalkOptions(model="small.safetensors", seeds=(1, 2, 3), frames=5, truncation=0.9, directions=(0.5,))
    frames = generate.walk(options)
    assert len(frames) == 5
    for number, frame in enumerate(frames):
        alone = generate.generate(generate.of_frame(options, number), network=small)[0]
        assert np.array_equal(alone.picture.pixels, frame.picture.pixels)
    steps = [np.abs(a.picture.pixels.astype(int) - b.picture.pixels).mean() for a, b in pairwise(frames)]
    assert min(steps) > 0


# ---- novelty ---------------------------------------------------------------------------------------------------------


def thumbnail(pixels: np.ndarray[Any, Any]) -> torch.Tensor:
    """(1, 3 * 8 * 8) int8, as the training makes it of a training picture."""
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    return torch.nn.functional.adaptive_avg_pool2d(x, 8).flatten(1).mul(127).round().to(torch.int8)


def test_novelty_finds_copies_also_mirrored_ones(folder: Path, small: LoadedGenerator) -> None:
    copied, other = drawn(small, seed=1)[0], drawn(small, seed=2)[0]
    for name, pixels in (("copy", copied), ("mirrored", copied[:, ::-1].copy())):
        make(folder / f"{name}.safetensors", known=thumbnail(pixels), novelty="50.0")
        network = generate.load(f"{name}.safetensors")
        assert network.novelty(copied) == pytest.approx(0, abs=0.05)
        distance = min(
            float(torch.dist(thumbnail(view).float(), thumbnail(pixels).float()))
            for view in (other, other[:, ::-1].copy())
        )
        assert network.novelty(other) == pytest.approx(distance / 50, rel=0.01)


def test_without_what_it_takes_no_novelty_is_told(folder: Path, small: LoadedGenerator) -> None:
    assert generate.generate(GenerateOptions(), network=small)[0].novelty is None
    known = torch.zeros(4, 192, dtype=torch.int8)
    make(folder / "untold.safetensors", known=known)  # no typical distance
    make(folder / "odd.safetensors", known=known, novelty="nan")
    make(folder / "short.safetensors", known=known[:, :100].contiguous(), novelty="50")
    for name in ("untold", "odd", "short"):
        assert generate.generate(GenerateOptions(model=f"{name}.safetensors"))[0].novelty is None


# ---- other generators ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3)])
def test_other_sizes_and_gray(folder: Path, size: int, channels: int) -> None:
    config = GeneratorConfig(size=size, channels=channels, latent=4, style=8, capacity=256, max_channels=16)
    make(
        folder / "other.safetensors",
        config,
        directions=0,
        known=torch.zeros(2, 64 * channels, dtype=torch.int8),
        novelty="9",
    )
    sample = generate.generate(GenerateOptions(model="other.safetensors", seed=7))[0]
    assert sample.picture.pixels.shape == (size, size, channels)
    assert sample.picture.pixels.dtype == np.uint8
    assert sample.picture.pixels.std() > 0
    assert sample.novelty is not None
    assert generate.load("other.safetensors").directions == 0


def test_a_dropped_generator_is_listed_as_one(folder: Path) -> None:
    row = next(row for row in rows() if row.name == "small.safetensors")
    assert (row.task, row.state) == ("generate", "ready")
    assert "16 px" in row.architecture
    assert metadata_of(find_weight("small.safetensors"))["format"] == "pt"
    assert not problems()


def damaged(path: Path, **changed: Any) -> None:
    """Write the small generator with some of its tensors or texts changed, or left out where they are None."""
    make(path)
    state: dict[str, Any] = dict(load_file(path))
    texts: dict[str, Any] = {"format": "pt"} | CONFIG.metadata()
    for name, value in changed.items():
        (texts if name == "config" else state)[name] = value
    save_file({name: value for name, value in state.items() if value is not None}, path, metadata=texts)


@pytest.mark.parametrize(
    "changed",
    [
        {"mean_latent": None},
        {"mean_latent": torch.zeros(9)},
        {"directions": None},
        {"directions": torch.zeros(3, 9)},
        {"extra": torch.zeros(1)},
        {"config": json.dumps({"size": 17, "latent": 8, "style": 8})},
        {"config": json.dumps({"size": 16, "latent": 8, "style": "8"})},
        {"config": json.dumps({"size": 16, "latent": 8, "style": 8, "colour": 1})},
        {"config": json.dumps({"size": 16, "latent": 10**9, "style": 10**9})},
        {"config": json.dumps({"size": 16, "latent": 8, "style": 8, "mapping_layers": 10**9})},
    ],
)
def test_a_generator_that_is_not_whole_is_refused(folder: Path, changed: dict[str, Any]) -> None:
    damaged(folder / "broken.safetensors", **changed)
    words = "it is not a whole generator" if "config" in changed else "its weights don't fit together"
    with pytest.raises(WeightError, match=f"broken.safetensors can't be used: {words}"):
        generate.load("broken.safetensors")


def test_numbers_that_are_none_are_refused(folder: Path, small: LoadedGenerator) -> None:
    damaged(folder / "nan.safetensors", mean_latent=torch.full((8,), math.nan))
    with pytest.raises(WeightError, match="values that are not numbers"):
        generate.load("nan.safetensors")
    huge = {name: value * 1e30 for name, value in load_file(folder / "small.safetensors").items() if "scale" in name}
    damaged(folder / "huge.safetensors", **huge)
    with pytest.raises(EditingError, match="values that are not numbers"):
        generate.generate(GenerateOptions(model="huge.safetensors", truncation=1))


def test_a_cut_off_file_and_another_network_are_refused(folder: Path) -> None:
    whole = (folder / "small.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    save_file({"weight": torch.zeros(3)}, folder / "foreign.safetensors", metadata={"config": "{}"})
    for name, reason in (("cut", "damaged"), ("foreign", "architecture")):
        with pytest.raises(WeightError, match=reason):
            generate.load(f"{name}.safetensors")
        assert [problem for problem in problems() if problem.path.stem == name]
    with pytest.raises(WeightError, match="no weight for 'generate' called 'photo'"):
        generate.load("photo")


# ---- options, reports, recipes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1},
        {"seed": 2**32},
        {"seed": 1.5},
        {"seed": math.nan},
        {"seed": True},
        {"seed": None},
        {"seed": "seven"},
        {"count": 0},
        {"count": 10**12},
        {"count": 2.5},
        {"seed": 2**32 - 1, "count": 2},
        {"truncation": -0.01},
        {"truncation": 1.01},
        {"truncation": math.nan},
        {"truncation": None},
        {"directions": (math.inf,)},
        {"directions": (0, math.nan)},
        {"directions": ("1",)},
        {"mix_seed": -3},
        {"mix_seed": 3, "mix": 1.5},
        {"mix_seed": 3, "mix": math.nan},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        GenerateOptions(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"seeds": (1,)},
        {"seeds": tuple(range(9))},
        {"seeds": (1, -1)},
        {"frames": 1},
        {"frames": 10**9},
        {"frames": math.nan},
        {"truncation": 2},
        {"directions": (11,)},
    ],
)
def test_walks_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        WalkOptions(**options)


def test_the_report_counts_and_stops(small: LoadedGenerator) -> None:
    seen: list[tuple[int, int]] = []
    generate.generate(
        GenerateOptions(count=3), network=small, report=lambda done, total, note="": seen.append((done, total))
    )
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]

    def stop(done: int, total: int, note: str = "") -> None:
        if done == 2:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        generate.generate(GenerateOptions(count=3), network=small, report=stop)
    with pytest.raises(Stopped):
        generate.walk(WalkOptions(frames=4), network=small, report=stop)


def test_a_recipe_in_a_file_draws_the_same_again(folder: Path, small: LoadedGenerator) -> None:
    asked = GenerateOptions(
        model="small.safetensors", seed=9, count=4, truncation=0.8, directions=(0.5, -1), mix_seed=3
    )
    sample = generate.generate(asked)[2]
    recipe = generate.recipe(generate.of_sample(asked, sample.seed))
    assert recipe["weights"] == [{"name": "small.safetensors", "sha256": small.sha256}]
    write_picture(sample.picture, folder / "drawn.png", recipe=recipe)
    found = read_picture(folder / "drawn.png")
    again = generate.options_of(found.recipe or {})
    assert isinstance(again, GenerateOptions)
    assert np.array_equal(generate.generate(again)[0].picture.pixels, found.pixels)
    walk = WalkOptions(model="small.safetensors", seeds=(3, 1, 2), frames=9, loop=False)
    assert generate.options_of(json.loads(json.dumps(generate.recipe(walk)))) == walk


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"task": "upscale", "options": {"scale": 4}},
        {"task": "generate"},
        {"task": ["generate"], "options": {}},
        {"task": "generate", "options": {"seed": "x"}},
        {"task": "generate", "options": {"directions": 5}},
        {"task": "generate", "options": {"directions": [[1]]}},
        {"task": "generate", "options": {"model": ["faces"]}},
        {"task": "walk", "options": {"seeds": "12"}},
        {"task": "walk", "options": {"seeds": [1, 2], "frames": None}},
    ],
)
def test_a_damaged_recipe_is_an_error_for_people(recipe: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        generate.options_of(recipe)


# ---- the weight that ships -------------------------------------------------------------------------------------------


def test_the_shipped_faces_are_whole_and_quick_to_draw() -> None:
    verify(find_weight("faces", "generate"))
    network = generate.load("faces")
    assert network.side == 128
    assert network.directions >= 4
    drawn(network, count=2)
    before = time.process_time()  # of all threads: half of it passes on two idle cores
    samples = generate.generate(GenerateOptions(count=16, truncation=1), network=network)
    assert time.process_time() - before < 3  # that is 1.5 s on two cores
    novelty = [sample.novelty for sample in samples if sample.novelty is not None]
    assert len(novelty) == 16
    assert np.median(novelty) > 0.6
    flat = np.stack([sample.picture.pixels for sample in samples]).reshape(16, -1).astype(np.float64)
    apart = [np.abs(a - b).mean() for i, a in enumerate(flat) for b in flat[:i]]
    assert np.mean(apart) > 25, "the faces are all alike"
    assert min(apart) > 5, "two seeds give the same face"


def test_the_shipped_faces_keep_to_their_place_in_the_picture() -> None:
    """The mean face is darker at the eyes than at the cheeks, and about as bright left as right."""
    network = generate.load("faces")
    mean = drawn(network, truncation=0)[0].astype(np.float64).mean(2)
    side = network.side
    unit = side // 16
    eyes, cheeks = mean[6 * unit : 8 * unit, 4 * unit : 12 * unit], mean[9 * unit : 10 * unit, 4 * unit : 12 * unit]
    assert eyes.mean() < cheeks.mean()
    assert abs(mean[:, : side // 2].mean() - mean[:, side // 2 :].mean()) < 30


def test_drawn_faces_are_finished_at_the_size_asked_for() -> None:
    [sample] = generate.generate(GenerateOptions(seed=7))
    for size in ("256", "512"):
        [large], more = generate.at_size([sample.picture], "faces", size)
        side = int(size)
        assert large.pixels.shape == (side, side, 3)
        reduced = large.pixels.reshape(128, side // 128, 128, side // 128, 3).mean((1, 3))
        assert np.abs(reduced - sample.picture.pixels).mean() < 8  # the same face
        then = more["then"]
        assert (then["task"], then["options"]) == ("finish", {"size": side})
        assert [weight["name"] for weight in then["weights"]] == ["repairer", "finisher"]
    assert generate.at_size([sample.picture], "faces", "native") == ([sample.picture], {})
