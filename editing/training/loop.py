"""The loop that every training shares: averaging, checkpoints, log, sample grids, curves, stopping and going on.

A run folder holds options.json, log.csv, samples/*.png, curves.png, last.pt and, in the end, NAME.safetensors, the
network for use. Everything random in a step follows from (seed, step, rank), so a training that was stopped and resumed
makes the same steps as one that never stopped.
"""

from __future__ import annotations

import contextlib
import copy
import csv
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch import distributed as dist
from tqdm import tqdm

from editing.errors import Stopped, TrainingError
from editing.settings import written
from editing.training.options import TrainOptionError, TrainOptions, as_plain

Network = TypeVar("Network", bound=nn.Module)
Step = TypeVar("Step")  # what one step learns from, such as editing.training.data.Batch
Step_contra = TypeVar("Step_contra", contravariant=True)


class Task(Protocol[Step_contra]):
    """What one kind of training brings to the loop."""

    name: ClassVar[str]  # of the network that is exported
    networks: dict[str, nn.Module]  # all that a checkpoint keeps, by name
    averaged: dict[str, nn.Module]  # moving averages of some of the networks, under the same names
    optimizers: dict[str, torch.optim.Optimizer]
    columns: tuple[str, ...]  # names of all values that step and measure may give, for log.csv
    progress: float  # share of the training that is behind, 0 to 1, which the loop says before each step

    def step(self, batch: Step_contra, /) -> Mapping[str, Tensor | float]:
        """Learn from one batch; gives the losses."""

    def samples(self) -> Tensor:
        """Pictures to look at, always of the same inputs: (N, C, H, W) in [-1, 1]."""

    def measure(self) -> Mapping[str, float]:
        """Numbers that take longer; called seldom, in one process only."""

    def warnings(self, values: Mapping[str, float]) -> Iterable[str]:
        """What to tell the user about the measured values, with the flags that may help."""

    def export(self, path: Path) -> None:
        """Write the network for use; raises TrainingError."""


@dataclass(frozen=True)
class World:
    """Which of how many processes this is."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0


@contextlib.contextmanager
def processes(device: torch.device) -> Iterator[World]:
    """Join torchrun's other processes (nccl on GPUs, gloo on CPUs); alone, a world of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def pick_device(options: TrainOptions) -> torch.device:
    """The device asked for, one GPU per process under torchrun; raises TrainOptionError when there is none."""
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.device == "cpu" or (options.device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise TrainOptionError("--device is cuda, but PyTorch finds no GPU here; use --device cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = True
    return device


def pick_precision(options: TrainOptions, device: torch.device) -> torch.dtype:
    """bfloat16 where the processor multiplies it natively, else float32."""
    if options.precision == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        from editing.runtime import cpu_has_bf16  # it needs psutil, which a GPU's training does without

        return torch.bfloat16 if cpu_has_bf16() else torch.float32
    return torch.bfloat16 if options.precision == "bf16" else torch.float32


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed PyTorch for one step, in a way that neither the history nor the other processes matter."""
    torch.manual_seed(int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1))


def averaged_copy(network: nn.Module) -> nn.Module:
    """A frozen copy to hold moving averages."""
    return copy.deepcopy(network).eval().requires_grad_(False)


def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """average <- decay x average + (1 - decay) x network, the decay growing over the first steps."""
    decay = min(decay, (step + 1) / (step + 10))
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
        if buffers := list(average.buffers()):
            torch._foreach_copy_(buffers, list(network.buffers()))


def learn(optimizer: torch.optim.Optimizer, loss: Tensor, rate: float, longest: float = 0.0) -> Tensor:
    """One step of an optimizer down the slope of ``loss``, at learning rate ``rate`` times each group's "factor".

    A slope longer than ``longest`` (0: of any length) is shortened to that, and one that is not finite counts as flat;
    gives its length, with ``longest`` alone.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    length = torch.zeros((), device=loss.device)
    if longest:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        slopes = [weight.grad for weight in weights if weight.grad is not None]
        length = torch.nn.utils.get_total_norm(slopes)
        kept = torch.where(torch.isfinite(length), (longest / length.clamp_min(1e-12)).clamp_max(1), 0)
        for slope in slopes:
            slope.nan_to_num_(0, 0, 0).mul_(kept)  # without waiting for the GPU to say whether it is finite
    optimizer.step()
    return length


def train(task: Task[Step], options: TrainOptions, batches: Iterable[Step], world: World, first: int) -> None:
    """Run ``batches`` through the task, from step ``first`` on; see the module's text for what is written.

    With ``options.minutes`` it ends after that time as if all steps were made, and the task's ``progress`` follows
    whichever of steps and clock is further. Raises Stopped after SIGINT or SIGTERM, once the step is done and saved;
    TrainingError when a value is not finite (on a GPU seen with the next line of the log only, so that no step waits
    for the last) or the disk is full, leaving the last checkpoint as it was.
    """
    out, ready = options.out, options.out / f"{task.name}.safetensors"
    columns = ("step", "seconds", "images_per_second", *task.columns)
    log = _Log(out / "log.csv", columns, keep_below=first + 1) if world.first else None
    spent = log.seconds if log else 0.0
    sums: dict[str, float | Tensor] = {}
    count, began, window = 0, time.monotonic(), time.monotonic()
    limit = 60 * options.minutes or math.inf
    bar = tqdm(total=options.steps, initial=first, unit="step", disable=not world.first, dynamic_ncols=True)
    step = first
    with _stop_signals() as stop, bar:
        for batch in batches:
            seed_step(options.seed, step, world.rank)
            task.progress = min(1.0, max(step / options.steps, (time.monotonic() - began) / limit))
            values = task.step(batch)
            step += 1
            for name, value in values.items():
                on_gpu = isinstance(value, Tensor) and value.is_cuda
                sums[name] = sums.get(name, 0.0) + (value if on_gpu else _finite(name, value, step, out))
            count += 1
            for name, average in task.averaged.items():
                update_average(average, task.networks[name], options.ema, step)
            stopping = _any_process(stop.is_set(), world)
            late = options.minutes > 0 and _any_process(time.monotonic() - began >= limit, world)
            complete = step == options.steps or late
            done = complete or stopping
            if log and (step % options.log_every == 0 or done):
                now = time.monotonic()
                speed = count * options.batch * world.size / max(now - window, 1e-9)
                means = {name: _finite(name, total, step, out) / count for name, total in sums.items()}
                log.add({"step": step, "seconds": spent + now - began, "images_per_second": speed, **means})
                bar.set_postfix({"img/s": f"{speed:.0f}"})
                sums, count, window = {}, 0, now
            bar.update()
            pause = time.monotonic()
            if log and options.measure_every and step % options.measure_every == 0:
                measured = dict(task.measure())
                log.add({"step": step, "seconds": spent + time.monotonic() - began, **measured})
                bar.write(f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in measured.items()))
                for warning in task.warnings(measured):
                    bar.write(f"step {step}: {warning}")
            if world.first and options.sample_every and (step % options.sample_every == 0 or done):
                _writing(out, save_grid, task.samples(), out / "samples" / f"{step:07d}.png")
                _writing(out, draw_curves, out / "log.csv", out / "curves.png")
            if world.first and (step % options.checkpoint_every == 0 or done):
                _check_finite(task, step, out)
                save_checkpoint(task, options, step, out / "last.pt")
                if options.export_each and not complete:
                    task.export(ready)
            window += time.monotonic() - pause  # speed is that of learning alone
            if stopping and not complete:
                raise Stopped(f"Stopped at step {step} of {options.steps}; the same command with --resume goes on")
            if complete:
                break
    if world.first:
        task.export(ready)


def _finite(name: str, value: float | Tensor, step: int, out: Path) -> float:
    value = float(value)
    if not math.isfinite(value):
        raise TrainingError(_not_finite(name, value, step, out))
    return value


def _not_finite(name: str, value: float, step: int, out: Path) -> str:
    return (
        f"{name} became {value} at step {step}; {out / 'last.pt'} is the last good state: "
        "go on from it with --resume and a lower learning rate or --precision fp32"
    )


def _check_finite(task: Task[Any], step: int, out: Path) -> None:
    for name, network in task.networks.items():
        for parameter in network.parameters():
            if not torch.isfinite(parameter).all():
                raise TrainingError(_not_finite(f"a weight of the {name}", math.nan, step, out))


def _any_process(flag: bool, world: World) -> bool:
    if world.size == 1:
        return flag
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    shared = torch.tensor(float(flag), device=device)
    dist.all_reduce(shared, op=dist.ReduceOp.MAX)
    return bool(shared.item())


@contextlib.contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that a step is never torn; a second SIGINT interrupts at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _writing(out: Path, write: Callable[..., None], *arguments: Any) -> None:
    try:
        write(*arguments)
    except OSError as error:
        raise TrainingError(f"Can't write to {out}: {error.strerror or error}; the last checkpoint is whole") from error


def save_checkpoint(task: Task[Any], options: TrainOptions, step: int, path: Path) -> None:
    """Write everything needed to go on: to a temporary file first, renamed when it is whole and on the disk."""
    state = {
        "step": step,
        "options": as_plain(options),
        "networks": {name: network.state_dict() for name, network in task.networks.items()},
        "averaged": {name: network.state_dict() for name, network in task.averaged.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in task.optimizers.items()},
    }
    try:
        with written(path) as part, part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # PyTorch turns some of a full disk's errors into RuntimeError
        known = error if isinstance(error, OSError) else error.__context__
        reason = known.strerror if isinstance(known, OSError) and known.strerror else str(error).splitlines()[0]
        raise TrainingError(
            f"Can't write the checkpoint of step {step} to {path}: {reason}; the previous one is whole: "
            "free some space, then --resume"
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read ``last.pt``; raises TrainingError when it is missing or broken."""
    _check_there(path)
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(f"{path} is not a checkpoint of this program or is damaged") from error
    if not isinstance(state, dict) or "step" not in state or "networks" not in state:
        raise TrainingError(f"{path} is not a checkpoint of this program")
    return state


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise TrainingError(f"There is no {path} to resume from; leave --resume out to start anew")


def begun(network: Network, start: str, name: str, grown: str = "") -> Network:
    """The network with what another training's last.pt, ``start``, calls ``name``: averaged where there is an average.

    ``start`` may be the network itself, too, as a training writes it for use (safetensors). The other one may lack all
    parameters whose names begin with ``grown``: these stay as they are, and so does the network without ``start``.
    Raises TrainingError when there is no such file, or its network is another one.
    """
    if not start:
        return network
    given = _given(Path(start), name)
    if grown and not any(key.startswith(grown) for key in given):
        given = {**given, **{key: value for key, value in network.state_dict().items() if key.startswith(grown)}}
    try:
        network.load_state_dict(given)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise TrainingError(f"{start} doesn't fit; give the same widths and depths: {reason}") from error
    return network


def _given(path: Path, name: str) -> Mapping[str, Tensor]:
    """What a checkpoint or a file of weights knows of the network called ``name``; raises TrainingError."""
    if path.suffix != ".safetensors":
        state = load_checkpoint(path)
        given: Mapping[str, Tensor] = state.get("averaged", {}).get(name) or state["networks"].get(name) or {}
        return given
    try:
        return {key: value.float() for key, value in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"Can't begin with {path}: {error}") from error


def restore(task: Task[Any], state: Mapping[str, Any], path: Path) -> int:
    """Put a checkpoint's state into the task and give its step; raises TrainingError when they don't fit."""
    try:
        for kind in ("networks", "averaged", "optimizers"):
            parts = getattr(task, kind)
            if set(parts) != set(state[kind]):
                raise KeyError(f"it has {kind} {sorted(state[kind])}, wanted {sorted(parts)}")
            for name, part in parts.items():
                load = _load_optimizer if kind == "optimizers" else type(part).load_state_dict
                load(part, state[kind][name])
    except (KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"{path} was trained with other options: {reason}") from error
    return int(state["step"])


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Moments come from the checkpoint, learning rates from the options, which may be new."""
    fresh = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, values in zip(optimizer.param_groups, fresh, strict=True):
        group.update(values)


def write_weights(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> None:
    """Write a network for use: safetensors, its numbers in fp16, whole or not at all; raises TrainingError.

    ``metadata`` has what :meth:`~editing.networks.config.Config.metadata` gives, so that it is known for what it is.
    """
    halves = {name: x.cpu().half() if x.is_floating_point() else x.cpu() for name, x in tensors.items()}
    try:
        with written(path) as part:
            save_file({name: x.contiguous() for name, x in halves.items()}, part, metadata={"format": "pt", **metadata})
    except OSError as error:
        raise TrainingError(f"Can't write {path}: {error.strerror or error}") from error


def start_folder(options: TrainOptions) -> None:
    """Make the run folder and write options.json; a folder with another run in it is refused unless resuming."""
    if options.resume:
        _check_there(options.out / "last.pt")
    elif (options.out / "last.pt").exists():
        raise TrainingError(f"{options.out} holds a run already: add --resume to go on, or give another --out")
    try:
        (options.out / "samples").mkdir(parents=True, exist_ok=True)
        text = json.dumps(as_plain(options), indent=1)
        (options.out / "options.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"Can't write to {options.out}: {error.strerror or error}") from error


class _Log:
    """log.csv: a header, then a line per call of add; rows of steps that a resume repeats are dropped."""

    def __init__(self, path: Path, columns: Sequence[str], keep_below: int) -> None:
        self.path, self.columns, self.seconds = path, tuple(columns), 0.0
        rows: list[dict[str, str]] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if row["step"].isdigit() and int(row["step"]) < keep_below]
        if rows:
            self.seconds = float(rows[-1]["seconds"])

        def write() -> None:
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, self.columns, restval="", extrasaction="ignore")
                writer.writeheader()
                writer.writerows(rows)

        _writing(path.parent, write)

    def add(self, values: Mapping[str, float]) -> None:
        row = [f"{values[name]:.6g}" if name in values else "" for name in self.columns]
        row[0] = str(int(values["step"]))

        def write() -> None:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(row)

        _writing(self.path.parent, write)


def save_grid(pictures: Tensor, path: Path, columns: int = 8) -> None:
    """Write (N, C, H, W) pictures in [-1, 1] as one PNG, row by row."""
    x = ((pictures.float().cpu().clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    count, channels, height, width = x.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * height, columns * width, channels), np.uint8)
    for i in range(count):
        r, c = divmod(i, columns)
        sheet[r * height : (r + 1) * height, c * width : (c + 1) * width] = x[i].transpose(1, 2, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as part:
        Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(part, format="PNG")


def read_log(path: Path) -> dict[str, list[tuple[int, float]]]:
    """log.csv -> for each column but the step, its (step, value) pairs where it has a value."""
    series: dict[str, list[tuple[int, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if name != "step" and text:
                    series.setdefault(name, []).append((int(row["step"]), float(text)))
    return series


def draw_curves(log: Path, picture: Path) -> None:
    """Draw every column of log.csv against the step into one PNG."""
    from matplotlib.figure import Figure  # slow to import, and only wanted here

    series = {name: s for name, s in read_log(log).items() if name != "seconds"}
    columns = 3
    rows = max(1, -(-len(series) // columns))
    figure = Figure(figsize=(4 * columns, 2.4 * rows), layout="constrained")
    for i, (name, points) in enumerate(series.items()):
        axes = figure.add_subplot(rows, columns, i + 1)
        axes.plot(*zip(*points, strict=True), linewidth=1)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
    with written(picture) as part:
        figure.savefig(part, format="png", dpi=80)
