"""Where and how networks run: device, precision, threads, one job at a time, each network loaded once."""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any, ParamSpec, TypeVar

import psutil
import torch

from editing import messages
from editing.errors import OptionError
from editing.options import PRECISIONS
from editing.settings import whole_number

Given = ParamSpec("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Backend:
    """A device and a number format; what a network is moved to."""

    device: str  # "cpu", "cuda", "mps"
    precision: str  # "fp32", "bf16" or, for networks that are built so, "int8": what goes in and out is fp32

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def place(self, network: torch.nn.Module) -> torch.nn.Module:
        """Move ``network`` here, in channels-last layout (1.3 to 2.6 times faster on CPUs), ready for inference."""
        network = network.eval().requires_grad_(False)
        return network.to(device=self.device, dtype=self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def cores() -> int:
    """CPU cores this process may use: its affinity, the container's quota (cgroup v2), then ``ATELIER_THREADS``."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(count, psutil.cpu_count(logical=False) or count)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        count = min(count, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup, or "max"
        pass
    count = max(1, count)
    return min(count, whole_number("ATELIER_THREADS", count))


def cpu_has_bf16() -> bool:
    """Whether the CPU is faster in bf16 than in fp32: with AMX, or with AVX512-BF16 that is not Intel's.

    Intel's takes two steps where fp32 takes one on twice as many ports: 87 GFLOP/s instead of 162 on a core of Sapphire
    Rapids without AMX. AMD's Zen 4 is 2 to 4 times as fast as in fp32.
    """
    return _cpu_has("amx_bf16") or (_cpu_has("avx512_bf16") and "Intel" not in _cpu_name())


def _cpu_has(capability: str) -> bool:
    capabilities: Mapping[str, Any] = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get(capability))


def cpu_has_int8() -> bool:
    """Whether the CPU adds up products of bytes without overflow (AVX512-VNNI): four times as fast as fp32."""
    return _cpu_has("avx512_vnni")


def _gpu_has_bf16() -> bool:
    return torch.cuda.get_device_capability() >= (8, 0)


def has_gpu() -> bool:
    """Whether this process computes on a CUDA GPU."""
    return _gpu_here and torch.cuda.is_available()


def choose_backend(precision: str = "auto") -> Backend:
    """The best device here with the precision asked for.

    ``auto`` is bf16 where the hardware multiplies it and fp32 elsewhere; never fp16, which overflows in RRDBNet.
    ``int8`` is the same, for networks that can't do it: for those that can there is :func:`may_be_int8`. Raises
    OptionError for an unknown precision.
    """
    if precision not in PRECISIONS:
        raise OptionError(messages.UNKNOWN_PRECISION, precision=precision, choices=", ".join(PRECISIONS))
    device = "cpu"
    if has_gpu():
        device = "cuda"
    elif torch.backends.mps.is_available():
        device = "mps"
    if precision in ("auto", "int8"):
        native = cpu_has_bf16() if device == "cpu" else device == "cuda" and _gpu_has_bf16()
        precision = "bf16" if native else "fp32"
    return Backend(device, precision)


def may_be_int8(precision: str) -> bool:
    """Whether a network that can compute in int8 is to do so here, with the precision asked for.

    By itself (``auto``) not on CPUs with AMX, which multiply matrices of bf16 faster than all else here.
    """
    wanted = precision == "int8" or (precision == "auto" and not _cpu_has("amx_bf16"))
    return wanted and cpu_has_int8() and choose_backend(precision).device == "cpu"


def describe(backend: Backend) -> str:
    """A line for people: device name, threads or memory, precision."""
    if backend.device == "cuda":
        name = torch.cuda.get_device_name()
    else:
        name = f"{_cpu_name()} ({cores()} cores)" if backend.device == "cpu" else "Apple GPU"
    return f"{name}, {backend.precision}"


@functools.cache
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


def memory(device: str = "cpu") -> int:
    """Bytes that ``device`` has in all; a container's memory limit (cgroup v2) counts."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[1])
    whole = int(psutil.virtual_memory().total)
    try:
        return min(whole, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no cgroup, or "max"
        return whole


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, in any of the ways that PyTorch, oneDNN and Python say it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        phrase in text
        for phrase in ("out of memory", "not enough memory", "can't allocate memory", "could not create a memory")
    )


def release_memory(*, thorough: bool = True) -> None:
    """Give back what Python and the GPU allocator keep; ``thorough`` takes 0.2 s, else of what is young."""
    gc.collect(2 if thorough else 1)
    if has_gpu():
        torch.cuda.empty_cache()


# One job at a time: two networks on the same cores are slower than one after the other, and need twice the memory.
_job_lock = threading.RLock()  # a job measures a network's cost within itself
_turns = threading.Condition()  # guards and tells of the two below
_waiting = _begun = 0  # jobs that wait for the machine now, and that have waited and got it
_here = threading.local()  # .depth: how many jobs within each other this thread holds


# On a cluster other machines compute: what is given a function that is `heavy`, its arguments and keywords.
Send = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
_send: Send | None = None
_gpu_here = True


def send_elsewhere(send: Send | None, *, gpu_here: bool = True) -> None:
    """From now on have ``send`` do what jobs of this process compute; None: compute here again.

    Without ``gpu_here`` this process uses no GPU, whatever PyTorch says of it.
    """
    global _send, _gpu_here
    _send, _gpu_here = send, gpu_here


def heavy(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """Decorator of what a job computes: a function or generator of a module, with ``report`` among its keywords."""

    @functools.wraps(function)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        if _send is None:
            return function(*args, **kwargs)
        made: Made = _send(run, args, kwargs)
        return made

    return run


@contextmanager
def job(*, wait: bool = True, here: bool = False) -> Iterator[bool]:
    """Hold the machine for one piece of heavy work; others wait here. Sets the thread count, ends with memory freed.

    ``wait=False`` doesn't wait: where another job has the machine, False is given, and the block has to do without.
    Where another machine does what is :func:`heavy`, nothing is held, but for what is computed ``here`` even so.
    """
    if _send is not None and not here:
        yield True
        return
    if not (_wait_for_turn() if wait else _job_lock.acquire(blocking=False)):
        yield False
        return
    _here.depth = getattr(_here, "depth", 0) + 1
    try:
        if torch.get_num_threads() != cores():
            torch.set_num_threads(cores())
        with torch.inference_mode():
            yield True
    finally:
        release_memory(thorough=False)
        _here.depth -= 1
        _job_lock.release()
        if not _here.depth:
            _rest()


def _wait_for_turn() -> bool:
    global _waiting, _begun
    if _job_lock.acquire(blocking=False):
        return True
    with _turns:
        _waiting += 1
    try:
        _job_lock.acquire()
    finally:
        with _turns:
            _waiting, _begun = _waiting - 1, _begun + 1
            _turns.notify_all()
    return True


def give_way() -> None:
    """Let those who wait for the machine now have it first: for long work, between its steps, within :func:`job`.

    Does nothing where nobody waits, or where this thread does not hold the machine by exactly one job.
    """
    if getattr(_here, "depth", 0) != 1 or not _waiting:
        return
    with _turns:
        after = _begun + _waiting
    _job_lock.release()
    try:
        with _turns:  # a lock that is let go and taken at once would stay with who had it
            while _waiting and _begun < after:
                _turns.wait(1)
    finally:
        _wait_for_turn()


_IDLE = 5.0  # seconds without a job
_resting: list[threading.Timer] = []


def _rest() -> None:
    """Some seconds after the last job, give back what the C library keeps: a server may then rest for hours."""

    def idle() -> None:
        if _job_lock.acquire(blocking=False):
            _job_lock.release()
            return_memory()

    timer = threading.Timer(_IDLE, idle)
    timer.daemon = True
    with _turns:
        for before in _resting:
            before.cancel()
        _resting[:] = [timer]
    timer.start()


def share_heaps() -> None:
    """Have all threads use two of the C library's heaps, not up to eight a core: for a server, before it serves.

    What is freed in a heap stays in it for its own threads, and a server's come and go: after five minutes of twenty
    visitors it kept hundreds of megabytes that nobody used.
    """
    most_arenas = -8  # M_ARENA_MAX of malloc.h
    with suppress(OSError, TypeError, AttributeError):  # another C library than Linux's
        ctypes.CDLL(None).mallopt(most_arenas, 2)


def return_memory() -> None:
    """Return free heap to the system, which takes new pages of it later: too slow for after each job."""
    gc.collect()
    with suppress(OSError, TypeError, AttributeError):  # another C library than Linux's
        ctypes.CDLL(None).malloc_trim(0)


def is_waited_for() -> bool:
    """Whether somebody waits for the machine: what nobody asked for gives way."""
    return bool(_waiting)


# Loaded networks with the bytes of their tensors, most recently used last.
Loaded = TypeVar("Loaded")
_networks: dict[tuple[str, Backend], tuple[Any, int]] = {}
_networks_lock = threading.Lock()
_KEPT_AT_LEAST = 3  # a repair at twice the size takes a detector, a repairer and an upscaler


def cached_network(key: str, backend: Backend, load: Callable[[], Loaded]) -> Loaded:
    """The network that ``load`` gives, loaded once per ``key`` (name and sha256) and backend, shared by threads.

    Those used last are kept: as many as fit into an eighth of the device's memory, and three at least. Networks are
    only read after loading, so sharing is safe; a failed load is not remembered.
    """
    with _networks_lock:
        kept = _networks.pop((key, backend), None)
        if kept is None:
            loaded = load()
            kept = loaded, tensor_bytes(loaded)
        _networks[key, backend] = kept
        there = [name for name in _networks if name[1].device == backend.device]
        while len(there) > _KEPT_AT_LEAST and sum(_networks[name][1] for name in there) > memory(backend.device) / 8:
            del _networks[there.pop(0)]
        network: Loaded = kept[0]
        return network


def tensor_bytes(loaded: object) -> int:
    """Bytes of the tensors that belong to a network: its own, and those of whatever wraps it or is called with it."""
    seen: set[int] = set()
    storages: dict[int, int] = {}
    found = [loaded]
    while found:
        thing = found.pop()
        if id(thing) in seen or isinstance(thing, type):
            continue
        seen.add(id(thing))
        if isinstance(thing, torch.Tensor) and thing.is_mkldnn:  # packed by oneDNN: nobody else has its memory
            storages[id(thing)] = thing.nbytes
        elif isinstance(thing, torch.Tensor):
            storages[thing.untyped_storage().data_ptr()] = thing.untyped_storage().nbytes()
        elif isinstance(thing, Mapping):
            found.extend(thing.values())
        elif isinstance(thing, list | tuple | set | frozenset):
            found.extend(thing)
        elif isinstance(thing, FunctionType):
            found.extend(cell.cell_contents for cell in thing.__closure__ or ())
        elif isinstance(thing, MethodType):
            found.append(thing.__self__)
        elif not isinstance(thing, ModuleType):
            found.append(getattr(thing, "__dict__", {}))
    return sum(storages.values())


def forget_networks() -> None:
    """Drop all loaded networks; for tests, and for measurements of loading."""
    with _networks_lock:
        _networks.clear()
    release_memory()


def resident_memory() -> int:
    """Bytes of RAM that this process holds (RSS)."""
    return int(psutil.Process().memory_info().rss)
