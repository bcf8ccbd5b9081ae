"""Where and how networks run: device, precision, threads, one job at a time, and what a job will cost."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch

from editing.errors import OptionError
from editing.weights.files import cache_folder

PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class Backend:
    """A device and a number format; what a network is moved to."""

    device: str  # "cpu", "cuda", "mps"
    precision: str  # "fp32" or "bf16"

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def place(self, network: torch.nn.Module) -> torch.nn.Module:
        """Move ``network`` here, in channels-last layout (1.3 to 2.6 times faster on CPUs), ready for inference."""
        network = network.eval().requires_grad_(False)
        return network.to(device=self.device, dtype=self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def cores() -> int:
    """CPU cores this process may use: its affinity, then the container's quota (cgroup v2)."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(count, psutil.cpu_count(logical=False) or count)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        count = min(count, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup, or "max"
        pass
    return max(1, count)


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware (AVX512-BF16 or AMX); elsewhere bf16 is slower than fp32."""
    capabilities: Mapping[str, Any] = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _gpu_has_bf16() -> bool:
    return torch.cuda.get_device_capability() >= (8, 0)


def choose_backend(precision: str = "auto") -> Backend:
    """The best device here with the precision asked for.

    ``auto`` is bf16 where the hardware multiplies it and fp32 elsewhere; never fp16, which overflows in RRDBNet.
    Raises OptionError for an unknown precision.
    """
    if precision not in PRECISIONS:
        raise OptionError(f"Unknown precision '{precision}': choose one of {', '.join(PRECISIONS)}.")
    device = "cpu"
    if torch.cuda.is_available():
        device = "cuda"
    elif torch.backends.mps.is_available():
        device = "mps"
    if precision == "auto":
        native = cpu_has_bf16() if device == "cpu" else device == "cuda" and _gpu_has_bf16()
        precision = "bf16" if native else "fp32"
    return Backend(device, precision)


def describe(backend: Backend) -> str:
    """A line for people: device name, threads or memory, precision."""
    if backend.device == "cuda":
        name = torch.cuda.get_device_name()
    else:
        name = f"{_cpu_name()} ({cores()} cores)" if backend.device == "cpu" else "Apple GPU"
    return f"{name}, {backend.precision}"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        import platform

        return platform.processor() or platform.machine()


def free_memory(device: str = "cpu") -> int:
    """Bytes that a job may still take on ``device``; a container's memory limit (cgroup v2) counts."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    free = int(psutil.virtual_memory().available)
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        cached = next(
            int(line.split()[1])
            for line in Path("/sys/fs/cgroup/memory.stat").read_text().splitlines()
            if line.startswith("inactive_file ")
        )
        free = min(free, max(0, limit - used + cached))
    except (OSError, ValueError, StopIteration):  # no cgroup, or "max"
        pass
    return free


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, in any of the ways that PyTorch, oneDNN and Python say it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        phrase in text
        for phrase in ("out of memory", "not enough memory", "can't allocate memory", "could not create a memory")
    )


def release_memory() -> None:
    """Give what Python and the GPU allocator keep back, after a failed or stopped job."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# One job at a time: two networks on the same cores are slower than one after the other, and need twice the memory.
_job_lock = threading.RLock()  # a job measures a network's cost within itself


@contextmanager
def job() -> Iterator[None]:
    """Hold the machine for one piece of heavy work; others wait here. Sets the thread count, ends with memory freed."""
    with _job_lock:
        if torch.get_num_threads() != cores():
            torch.set_num_threads(cores())
        try:
            with torch.inference_mode():
                yield
        finally:
            release_memory()


# Loaded networks, most recently used last. Two are kept: the usual case is comparing one model with another.
_KEPT_NETWORKS = 2
Loaded = TypeVar("Loaded")
_networks: OrderedDict[tuple[str, Backend], Any] = OrderedDict()
_networks_lock = threading.Lock()


def cached_network(key: str, backend: Backend, load: Callable[[], Loaded]) -> Loaded:
    """The network that ``load`` gives, loaded once per ``key`` (a sha256) and backend, shared between threads.

    Networks are only read after loading, so sharing is safe; a failed load is not remembered.
    """
    with _networks_lock:
        if (key, backend) not in _networks:
            while len(_networks) >= _KEPT_NETWORKS:
                _networks.popitem(last=False)
            _networks[key, backend] = load()
        _networks.move_to_end((key, backend))
        loaded: Loaded = _networks[key, backend]
        return loaded


def forget_networks() -> None:
    """Drop all loaded networks; for tests, and for measurements of loading."""
    with _networks_lock:
        _networks.clear()
    release_memory()


@dataclass(frozen=True)
class Cost:
    """What one input pixel of a network costs on one backend."""

    seconds: float  # per input pixel
    bytes: float  # of working memory, per input pixel held at once


@dataclass(frozen=True)
class Estimate:
    """What a job will take, beside what the machine has."""

    seconds: float
    memory: int  # peak bytes of the whole process
    free: int  # bytes the machine still has
    tiles: int
    width: int  # of the result, in pixels
    height: int


def measured_cost(key: str, backend: Backend, run: Callable[[int], None], *, side: int = 128) -> Cost:
    """The cost of a network, measured once for this machine and kept in ``speed.json`` beside the downloads.

    ``run(side)`` runs the network on one ``side`` x ``side`` picture. It runs once to warm up (oneDNN compiles its
    kernels), then three times, of which the fastest counts: other programs can only slow it down. The rise of the
    resident memory meanwhile gives the bytes.
    """
    identity, kept = _identity(key, backend), _read_costs()
    if identity in kept:
        return Cost(**kept[identity])
    times = []
    with job():
        _give_back()  # what loading left free would be filled first, and not be seen
        before = _resident(backend)
        with _PeakMemory(backend) as peak:
            run(side)
        for _ in range(3):
            start = time.perf_counter()
            run(side)
            times.append(time.perf_counter() - start)
    cost = Cost(seconds=min(times) / side**2, bytes=max(peak.bytes - before, 1 << 20) / side**2)
    _keep_cost(identity, cost)
    return cost


def observe_cost(key: str, backend: Backend, seconds: float) -> None:
    """Correct the kept cost of a network by a real run's ``seconds`` per input pixel, where that was faster.

    A machine that was busy when it was measured would promise hours for minutes ever after.
    """
    identity, kept = _identity(key, backend), _read_costs()
    if identity in kept and seconds < 0.9 * kept[identity]["seconds"]:
        _keep_cost(identity, Cost(seconds=seconds, bytes=kept[identity]["bytes"]))


def _identity(key: str, backend: Backend) -> str:
    return f"{key[:16]} {describe(backend)} torch {torch.__version__}"


def _keep_cost(identity: str, cost: Cost) -> None:
    kept = _read_costs() | {identity: asdict(cost)}
    path = cache_folder().parent / "speed.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{uuid.uuid4().hex}.part")
        part.write_text(json.dumps(kept, indent=1))
        part.replace(path)
    except OSError:  # a read-only home: measured anew in the next process
        pass


def _read_costs() -> dict[str, dict[str, float]]:
    try:
        kept = json.loads((cache_folder().parent / "speed.json").read_text())
        return {name: {"seconds": float(c["seconds"]), "bytes": float(c["bytes"])} for name, c in kept.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _give_back() -> None:
    """Return free heap to the system, which takes new pages of it later: too slow for after each job."""
    gc.collect()
    with suppress(OSError, TypeError, AttributeError):  # another C library than Linux's
        ctypes.CDLL(None).malloc_trim(0)


def resident_memory() -> int:
    """Bytes of RAM that this process holds (RSS)."""
    return int(psutil.Process().memory_info().rss)


def _resident(backend: Backend) -> int:
    return int(torch.cuda.memory_allocated()) if backend.device == "cuda" else resident_memory()


class _PeakMemory:
    """Watches the memory from a thread while a block runs: oneDNN's scratch space is in no PyTorch counter."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.bytes, self._done = backend, 0, threading.Event()

    def __enter__(self) -> _PeakMemory:
        if self.backend.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self.bytes = max(self.bytes, _resident(self.backend))

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self.backend.device == "cuda":
            self.bytes = int(torch.cuda.max_memory_allocated())
