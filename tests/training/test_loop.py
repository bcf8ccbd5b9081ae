"""The loop: stopping and going on change nothing, and nothing bad reaches the last good checkpoint."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from editing import runtime
from editing.errors import OptionError, Stopped, TrainingError
from editing.training import generator, loop
from editing.training.generator import GeneratorTask, GeneratorTrainOptions
from editing.training.loop import read_log, save_grid, update_average

Options = Callable[..., GeneratorTrainOptions]
ROOT = Path(__file__).parents[2]


def weights(out: Path) -> dict[str, Any]:
    return loop.load_checkpoint(out / "last.pt")


def assert_equal(a: Any, b: Any) -> None:
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        for one, other in zip(a, b, strict=True):
            assert_equal(one, other)
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    else:
        assert a == b


@pytest.mark.parametrize("extra", [{}, {"loss": "nonsaturating", "r1": 1.0, "penalty_every": 2, "ssim": 0.5}])
def test_stopped_and_resumed_equals_uninterrupted(options: Options, tmp_path: Path, extra: dict[str, Any]) -> None:
    whole = options(steps=5, out=tmp_path / "whole", reset_discriminator_every=4, **extra)
    parts = replace(whole, steps=3, out=tmp_path / "parts")
    generator.run(whole)
    generator.run(parts)
    torch.manual_seed(99)  # what came before must not matter
    generator.run(replace(parts, steps=5, resume=True))
    first, second = weights(whole.out), weights(parts.out)
    for part in ("step", "networks", "averaged", "optimizers"):
        assert_equal(first[part], second[part])
    logs = [read_log(o.out / "log.csv") for o in (whole, parts)]
    assert logs[0]["loss_g"] == logs[1]["loss_g"]
    assert [step for step, _ in logs[1]["loss_g"]] == [1, 2, 3, 4, 5]


def test_a_killed_training_repeats_only_what_came_after_the_checkpoint(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = options(steps=5, out=tmp_path / "whole")
    generator.run(whole)
    killed = replace(whole, out=tmp_path / "killed")
    step = GeneratorTask.step

    def dies(task: GeneratorTask, batch: Any) -> Any:
        if batch.step == 3:
            raise KeyboardInterrupt
        return step(task, batch)

    monkeypatch.setattr(GeneratorTask, "step", dies)
    with pytest.raises(KeyboardInterrupt):
        generator.run(killed)
    assert weights(killed.out)["step"] == 2
    assert [s for s, _ in read_log(killed.out / "log.csv")["loss_d"]] == [1, 2, 3]
    monkeypatch.setattr(GeneratorTask, "step", step)
    generator.run(replace(killed, resume=True))
    assert_equal(weights(whole.out)["networks"], weights(killed.out)["networks"])
    assert [s for s, _ in read_log(killed.out / "log.csv")["loss_d"]] == [1, 2, 3, 4, 5]


def test_the_run_folder_holds_what_it_should(options: Options) -> None:
    run = options(sample_every=2, measure_every=3)
    generator.run(run)
    assert json.loads((run.out / "options.json").read_text(encoding="utf-8"))["size"] == 16
    assert sorted(p.name for p in (run.out / "samples").iterdir()) == ["0000002.png", "0000003.png"]
    with Image.open(run.out / "samples" / "0000003.png") as grid:
        assert grid.size == (8 * 16, 8 * 16)
        assert np.asarray(grid).std() > 1
    with Image.open(run.out / "curves.png") as curves:
        assert np.asarray(curves.convert("L")).std() > 1
    with (run.out / "log.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["images_per_second"]) > 0
    assert float(rows[-1]["variety"]) > 0
    assert rows[-1]["overfitting"]
    assert len((run.out / "held_out.txt").read_text(encoding="utf-8").split()) == 4
    assert not list(run.out.rglob("*.part"))


def test_another_run_is_not_overwritten(options: Options) -> None:
    run = options()
    generator.run(run)
    before = (run.out / "last.pt").read_bytes()
    with pytest.raises(TrainingError, match="--resume"):
        generator.run(run)
    assert (run.out / "last.pt").read_bytes() == before


def test_resuming_nothing_or_something_else_is_refused(options: Options) -> None:
    with pytest.raises(TrainingError, match="to resume from"):
        generator.run(options(resume=True))
    run = options()
    generator.run(run)
    with pytest.raises(TrainingError, match="other options"):
        generator.run(options(resume=True, latent=16, steps=9))
    (run.out / "last.pt").write_bytes((run.out / "last.pt").read_bytes()[:5000])
    with pytest.raises(TrainingError, match="damaged"):
        generator.run(options(resume=True))


def test_resuming_takes_new_learning_rates_and_keeps_the_moments(options: Options) -> None:
    generator.run(options())
    before = weights(options().out)["optimizers"]["generator"]
    generator.run(options(resume=True, steps=4, g_lr=1e-9))
    after = weights(options().out)["optimizers"]["generator"]
    assert after["param_groups"][0]["lr"] == 1e-9
    assert after["state"][0]["step"] == before["state"][0]["step"] + 1


def test_a_value_that_is_no_number_stops_and_leaves_the_checkpoint(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = GeneratorTask.step

    def breaks(task: GeneratorTask, batch: Any) -> Any:
        values = dict(step(task, batch))
        return values | {"loss_g": float("nan")} if batch.step == 2 else values

    monkeypatch.setattr(GeneratorTask, "step", breaks)
    with pytest.raises(TrainingError, match=r"loss_g became nan at step 3; .*--resume"):
        generator.run(options(steps=6))
    assert weights(options().out)["step"] == 2


def test_weights_that_are_no_numbers_are_never_saved(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    step = GeneratorTask.step

    def breaks(task: GeneratorTask, batch: Any) -> Any:
        values = step(task, batch)
        if batch.step == 3:
            next(task.network.parameters()).data[0] = float("inf")
        return values

    monkeypatch.setattr(GeneratorTask, "step", breaks)
    with pytest.raises(TrainingError, match="a weight of the generator"):
        generator.run(options(steps=6))
    state = weights(options().out)
    assert state["step"] == 2
    assert all(torch.isfinite(v).all() for v in state["networks"]["generator"].values())


class _Full:
    """A file on a disk that is full after the first bytes."""

    def __init__(self, path: Path) -> None:
        self.file = io.FileIO(path, "wb")

    def write(self, data: bytes) -> int:
        if self.file.tell() > 4096:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def test_a_full_disk_stops_and_leaves_the_checkpoint(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    generator.run(options(steps=2))
    before = (options().out / "last.pt").read_bytes()
    usual = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *a, **k: _Full(path) if path.suffix == ".part" else usual(path, *a, **k)
    )
    with pytest.raises(TrainingError, match="No space left on device"):
        generator.run(options(steps=6, resume=True))
    monkeypatch.undo()
    assert (options().out / "last.pt").read_bytes() == before
    assert not list(options().out.glob("*.part"))


def test_a_stop_signal_ends_after_the_step_and_saves_it(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    step = GeneratorTask.step

    def signalled(task: GeneratorTask, batch: Any) -> Any:
        if batch.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(task, batch)

    monkeypatch.setattr(GeneratorTask, "step", signalled)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match="step 3 of 9"):
        generator.run(options(steps=9, checkpoint_every=9))
    assert weights(options().out)["step"] == 3
    assert signal.getsignal(signal.SIGINT) is before
    assert not [t for t in threading.enumerate() if t.name == "batches"]


def test_minutes_end_a_training_as_its_last_step_would(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock[0])
    step, behind = GeneratorTask.step, []

    def slow(task: GeneratorTask, batch: Any) -> Any:
        behind.append(task.progress)
        clock[0] += 15.0
        return step(task, batch)

    monkeypatch.setattr(GeneratorTask, "step", slow)
    run = options(steps=1000, minutes=1.0, checkpoint_every=1000)
    generator.run(run)
    assert behind == [0, 0.25, 0.5, 0.75]
    assert weights(run.out)["step"] == 4
    assert (run.out / "generator.safetensors").is_file()
    behind.clear()
    generator.run(replace(run, steps=8, minutes=100.0, resume=True))  # the steps are further than the clock
    assert behind == [4 / 8, 5 / 8, 6 / 8, 7 / 8]


def test_averages_start_quickly_and_then_follow_slowly() -> None:
    network, average = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.ones_(network.weight)
    nn.init.zeros_(average.weight)
    update_average(average, network, 0.9, step=0)
    assert average.weight.item() == pytest.approx(0.9)  # 1 - 1/10
    nn.init.zeros_(average.weight)
    update_average(average, network, 0.9, step=10000)
    assert average.weight.item() == pytest.approx(0.1)


def test_a_grid_shows_pictures_in_rows(tmp_path: Path) -> None:
    pictures = torch.stack([torch.full((3, 4, 4), v) for v in (-1.0, 0.0, 1.0)])
    save_grid(pictures, tmp_path / "grid.png", columns=2)
    with Image.open(tmp_path / "grid.png") as file:
        grid = np.asarray(file)
    assert grid.shape == (8, 8, 3)
    assert [int(grid[y, x, 0]) for y, x in ((0, 0), (0, 7), (7, 0), (7, 7))] == [0, 128, 255, 0]
    save_grid(pictures[:, :1], tmp_path / "gray.png")
    with Image.open(tmp_path / "gray.png") as file:
        assert file.mode == "L"


def test_a_gpu_that_is_not_there_is_an_error(options: Options) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(OptionError, match="--device cpu"):
        loop.pick_device(options(device="cuda"))


@pytest.mark.parametrize("native", [True, False])
def test_bf16_is_chosen_where_the_app_would_choose_it(
    options: Options, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "cpu_has_bf16", lambda: native)
    cpu = torch.device("cpu")
    assert loop.pick_precision(options(precision="auto"), cpu) == (torch.bfloat16 if native else torch.float32)
    assert loop.pick_precision(options(precision="bf16"), cpu) == torch.bfloat16


TWO = """
import sys, torch
from pathlib import Path
from torch import distributed as dist
from editing.training import generator
from editing.training.generator import GeneratorTask, GeneratorTrainOptions
step = GeneratorTask.step
seen = []
def remembers(task, batch):
    seen.append(batch.index.clone())
    values = step(task, batch)
    mine = torch.cat([p.detach().flatten() for n in task.networks.values() for p in n.parameters()])
    both = [torch.empty_like(mine) for _ in range(2)]
    dist.all_gather(both, mine)
    assert torch.equal(*both), "the processes went apart"
    others = [torch.empty_like(seen[-1]) for _ in range(2)]
    dist.all_gather(others, seen[-1])
    assert not set(others[0].tolist()) & set(others[1].tolist()), "both saw the same pictures"
    return values
GeneratorTask.step = remembers
torch.set_num_threads(1)
generator.run(GeneratorTrainOptions(
    data=Path(sys.argv[1]), out=Path(sys.argv[2]), size=16, batch=4, steps=2, hold_out=4, discriminator="plain",
    latent=8, capacity=128, max_channels=32, precision="fp32", checkpoint_every=2, sample_every=0, measure_every=0,
    log_every=1, r1=1.0,
    penalty_every=2, reset_discriminator_every=1, device="cpu"))
"""


def test_two_processes_learn_together(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(TWO, encoding="utf-8")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script),
        str(folder), str(tmp_path / "run"),
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert loop.load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 2
    assert len(read_log(tmp_path / "run" / "log.csv")["loss_g"]) == 2
    assert (tmp_path / "run" / "generator.safetensors").is_file()


def test_kill_9_leaves_a_checkpoint_that_resumes(folder: Path, tmp_path: Path) -> None:
    code = "import sys; from editing.training.command import run; run(sys.argv[1:])"
    arguments = [
        "generator", "--data", str(folder), "--out", str(tmp_path / "run"), "--size", "16", "--batch", "4",
        "--discriminator", "plain", "--latent", "8", "--capacity", "128", "--max-channels", "32", "--threads", "1",
        "--checkpoint-every", "1", "--sample-every", "0", "--measure-every", "0", "--log-every", "1",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL, env=environment, start_new_session=True
    )
    try:
        last, until = tmp_path / "run" / "last.pt", time.monotonic() + 120
        while not last.exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(0.3)
    finally:
        process.kill()
        process.wait()
    step = weights(last.parent)["step"]
    assert step >= 1
    generator.run(
        GeneratorTrainOptions(
            data=folder,
            out=last.parent,
            size=16,
            batch=4,
            discriminator="plain",
            latent=8,
            capacity=128,
            max_channels=32,
            steps=step + 1,
            sample_every=0,
            measure_every=0,
            resume=True,
        )
    )
    assert weights(last.parent)["step"] == step + 1
