"""Device and precision, one job at a time, and networks loaded once."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from editing import runtime
from editing.errors import OptionError
from editing.runtime import Backend

CPU = Backend("cpu", "fp32")
ROOT = Path(__file__).parent.parent


@pytest.fixture
def no_networks() -> Iterator[None]:
    runtime.forget_networks()
    yield
    runtime.forget_networks()


# ---- device and precision --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "capabilities", "native"),
    [
        ("AMD EPYC 9R14", {"avx512_bf16": True}, True),
        ("Intel(R) Xeon(R) Processor", {"avx512_bf16": True}, False),
        ("Intel(R) Xeon(R) Processor", {"amx_bf16": True, "avx512_bf16": True}, True),
        ("", {"avx2": True, "avx512_f": True, "avx512_bf16": False}, False),
        ("", {}, False),
    ],
)
def test_bf16_is_chosen_where_it_is_faster(
    name: str, capabilities: dict[str, bool], native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_cpu_name", lambda: name)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert runtime.cpu_has_bf16() == native
    assert runtime.choose_backend() == Backend("cpu", "bf16" if native else "fp32")
    assert runtime.choose_backend("fp32") == Backend("cpu", "fp32")
    assert runtime.choose_backend("bf16") == Backend("cpu", "bf16")
    assert runtime.choose_backend("int8") == runtime.choose_backend()


@pytest.mark.parametrize(
    ("capabilities", "choices"),
    [
        ({"avx512_vnni": True}, {"auto", "int8"}),
        ({"avx512_vnni": True, "avx512_bf16": True}, {"auto", "int8"}),
        ({"avx512_vnni": True, "amx_bf16": True}, {"int8"}),
        ({"avx2": True, "avx512_f": True}, set()),
    ],
)
def test_int8_is_for_cpus_that_multiply_bytes(
    capabilities: dict[str, bool], choices: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert {name for name in ("auto", "fp32", "bf16", "int8") if runtime.may_be_int8(name)} == choices
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    assert not runtime.may_be_int8("int8")


def test_a_gpu_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    assert runtime.choose_backend() == Backend("cuda", "fp32")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    assert runtime.choose_backend() == Backend("cuda", "bf16")


@pytest.mark.parametrize("precision", ["fp16", "", "FP32", "half"])
def test_an_unknown_precision_is_refused_with_the_choices(precision: str) -> None:
    with pytest.raises(OptionError, match="auto, fp32, bf16"):
        runtime.choose_backend(precision)


def test_placing_sets_the_format_the_layout_and_inference() -> None:
    network = Backend("cpu", "bf16").place(torch.nn.Conv2d(3, 4, 3))
    weight = next(network.parameters())
    assert weight.dtype == torch.bfloat16
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.requires_grad
    assert not network.training


def test_the_machine_is_described() -> None:
    assert runtime.cores() >= 1
    assert runtime.describe(CPU).endswith(f"({runtime.cores()} cores), fp32")
    assert 1e8 < runtime.free_memory() < 1e14
    assert 1e7 < runtime.resident_memory() < 1e12


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("could not create a memory object"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_recognised_in_all_its_words(error: Exception, memory: bool) -> None:
    assert runtime.is_out_of_memory(error) == memory


def test_a_real_failure_to_allocate_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 46)
    assert runtime.is_out_of_memory(caught.value)


# ---- jobs ------------------------------------------------------------------------------------------------------------


def test_jobs_run_one_after_the_other() -> None:
    running, most, order = 0, 0, []
    begin = threading.Barrier(4)

    def work(number: int) -> None:
        nonlocal running, most
        begin.wait()
        with runtime.job():
            running += 1
            most = max(most, running)
            order.append(number)
            time.sleep(0.01)  # the others would come in here
            running -= 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(order) == [0, 1, 2, 3]
    assert most == 1


def test_long_work_gives_way_to_those_who_wait_and_goes_on_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_job_lock", threading.RLock())
    order: list[str] = []

    def short(name: str) -> None:
        with runtime.job():
            order.append(name)

    runtime.give_way()  # holds nothing: nothing to give
    with runtime.job():
        runtime.give_way()  # nobody waits
        threads = [threading.Thread(target=short, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        while runtime._waiting < 2:
            time.sleep(0.001)
        with runtime.job():
            runtime.give_way()  # a measurement within the job does not end it
        assert order == []
        runtime.give_way()
        assert sorted(order) == ["a", "b"]
        taken: list[bool] = []
        other = threading.Thread(target=lambda: taken.append(runtime._job_lock.acquire(blocking=False)))
        other.start()
        other.join(10)
        assert taken == [False]  # it has the machine again
    for thread in threads:
        thread.join(10)
    assert runtime._waiting == 0


def test_memory_goes_back_to_the_system_once_there_is_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    returned = threading.Event()
    monkeypatch.setattr(runtime, "return_memory", returned.set)
    monkeypatch.setattr(runtime, "_IDLE", 0.02)
    with runtime.job():
        with runtime.job():
            pass
        assert not returned.wait(0.1)  # not within a job
    assert returned.wait(20)


HEAPS = """
import ctypes, threading
from editing import runtime
runtime.share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
threads = [threading.Thread(target=libc.malloc, args=(100_000,)) for _ in range(24)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="another C library than Linux's")
def test_a_servers_threads_share_two_heaps() -> None:
    told = subprocess.run([sys.executable, "-c", HEAPS], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert 1 <= told.count("<heap nr=") <= 2


def test_a_job_that_fails_lets_the_next_one_in() -> None:
    with pytest.raises(ZeroDivisionError), runtime.job():
        raise ZeroDivisionError
    done = threading.Event()

    def work() -> None:
        with runtime.job():
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert done.is_set()


def test_a_job_computes_without_gradients_on_all_cores() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with runtime.job(), runtime.job():  # a job may measure within itself
            assert torch.is_inference_mode_enabled()
            assert torch.get_num_threads() == runtime.cores()
        assert not torch.is_inference_mode_enabled()
    finally:
        torch.set_num_threads(before)


# ---- networks --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_networks")
def test_a_process_may_be_given_fewer_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_THREADS", "1")
    with runtime.job():
        assert torch.get_num_threads() == 1
    monkeypatch.setenv("ATELIER_THREADS", "9999")  # more than there are make nothing faster
    assert runtime.cores() < 9999
    monkeypatch.setenv("ATELIER_THREADS", "none")
    with pytest.raises(OptionError, match="ATELIER_THREADS is 'none'"):
        runtime.cores()


def test_a_network_is_loaded_once_for_all_threads() -> None:
    loads = []
    begin = threading.Barrier(8)
    got: list[object] = []

    def load() -> object:
        loads.append(1)
        time.sleep(0.02)  # the others ask meanwhile
        return object()

    def work() -> None:
        begin.wait()
        got.append(runtime.cached_network("key", CPU, load))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(loads) == 1
    assert len(got) == 8
    assert len(set(map(id, got))) == 1


@pytest.mark.usefixtures("no_networks")
def test_a_failed_load_is_tried_again() -> None:
    def fail() -> object:
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        runtime.cached_network("key", CPU, fail)
    assert runtime.cached_network("key", CPU, lambda: "network") == "network"


class Store:
    """Networks of a size in megabytes, in the wrappings that the pipelines put round theirs."""

    def __init__(self) -> None:
        self.loads: list[str] = []

    def get(self, key: str, megabytes: int = 1, backend: Backend = CPU) -> object:
        def load() -> object:
            self.loads.append(key)
            return wrapped(torch.nn.Linear(1, megabytes * 250_000, bias=False), key)

        return runtime.cached_network(key, backend, load)


def wrapped(network: torch.nn.Module, key: str) -> object:
    @dataclass(frozen=True)
    class Loaded:
        run: Callable[[torch.Tensor], torch.Tensor]

    wrappings = [
        network,
        {"network": [network]},
        Loaded(network),
        Loaded(lambda x: network(x)),
        Loaded(network.forward),
    ]
    return wrappings[ord(key[0]) % len(wrappings)]


@pytest.mark.parametrize("key", "abcde")
def test_the_bytes_of_a_network_are_found_in_any_wrapping(key: str) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
    network[1].layout = [torch.zeros(1000)]  # neither parameter nor buffer, as FastRRDB keeps its copies
    network.register_buffer("shared", network[0].weight.detach()[:4])
    kept = sum(value.nbytes for name, value in network.state_dict().items() if name != "shared")
    assert runtime.tensor_bytes(wrapped(network, key)) == kept + 4000


@pytest.mark.usefixtures("no_networks")
def test_a_repair_at_twice_the_size_loads_its_networks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "memory", lambda device: 4_000_000)  # room for half a network
    store = Store()
    for _ in range(3):
        for key in ("detector", "repairer", "upscaler"):
            store.get(key)
    assert store.loads == ["detector", "repairer", "upscaler"]
    store.get("more")
    store.get("repairer")
    store.get("detector")  # had to go: a fourth is kept where there is room for it alone
    assert store.loads == ["detector", "repairer", "upscaler", "more", "detector"]


@pytest.mark.usefixtures("no_networks")
def test_as_many_networks_are_kept_as_fit_into_an_eighth_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "memory", lambda device: 8 * 10_000_000)
    store = Store()
    for key in "abcdefghij" * 2:
        store.get(key)
    assert store.loads == list("abcdefghij")
    store.get("large", 7)  # with the three used last: exactly what there is room for
    for key in "hij":
        store.get(key)
    assert store.loads == [*"abcdefghij", "large"]
    store.get("g")
    store.get("g", backend=Backend("cpu", "bf16"))
    assert store.loads == [*"abcdefghij", "large", "g", "g"]
