"""Device and precision, one job at a time, networks loaded once, and what a job will cost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from editing import runtime
from editing.errors import OptionError
from editing.runtime import Backend, Cost

CPU = Backend("cpu", "fp32")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_networks() -> Iterator[None]:
    runtime.forget_networks()
    yield
    runtime.forget_networks()


# ---- device and precision --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capabilities", "native"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True, "avx512_bf16": False}, True),
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False}, False),
        ({}, False),
    ],
)
def test_bf16_is_chosen_where_the_cpu_multiplies_it(
    capabilities: dict[str, bool], native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert runtime.cpu_has_bf16() == native
    assert runtime.choose_backend() == Backend("cpu", "bf16" if native else "fp32")
    assert runtime.choose_backend("fp32") == Backend("cpu", "fp32")
    assert runtime.choose_backend("bf16") == Backend("cpu", "bf16")


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


@pytest.mark.usefixtures("no_networks")
def test_the_two_networks_used_last_are_kept() -> None:
    loads: list[str] = []

    def get(key: str, backend: Backend = CPU) -> str:
        def load() -> str:
            loads.append(key)
            return key

        return runtime.cached_network(key, backend, load)

    for key in ("a", "b", "a", "c", "a", "b"):
        assert get(key) == key
    assert loads == ["a", "b", "c", "b"]
    get("b", Backend("cpu", "bf16"))
    assert loads[-1] == "b"
    assert len(loads) == 5


# ---- costs -----------------------------------------------------------------------------------------------------------


class Measured:
    """Something to measure that says how often it ran."""

    def __init__(self) -> None:
        self.sides: list[int] = []

    def __call__(self, side: int) -> None:
        self.sides.append(side)
        time.sleep(0.002)


def test_a_cost_is_measured_once_and_kept_in_a_file(own_cache: Path) -> None:
    run = Measured()
    cost = runtime.measured_cost("a" * 64, CPU, run, side=10)
    assert run.sides == [10] * 4
    assert 0.002 / 100 <= cost.seconds < 1 / 100
    assert cost.bytes > 0
    assert runtime.measured_cost("a" * 64, CPU, run, side=10) == cost
    assert len(run.sides) == 4
    runtime.measured_cost("b" * 64, CPU, run, side=10)
    runtime.measured_cost("a" * 64, Backend("cpu", "bf16"), run, side=10)
    assert len(run.sides) == 12
    assert len(json.loads((own_cache / "speed.json").read_text())) == 3
    assert [path.name for path in own_cache.iterdir()] == ["speed.json"]


def test_a_faster_run_corrects_a_cost_that_a_busy_machine_gave(own_cache: Path) -> None:
    cost = runtime.measured_cost("a" * 64, CPU, Measured(), side=10)
    runtime.observe_cost("a" * 64, CPU, cost.seconds * 5)  # slower: something else ran beside it
    assert runtime.measured_cost("a" * 64, CPU, Measured(), side=10) == cost
    runtime.observe_cost("a" * 64, CPU, cost.seconds / 5)
    corrected = runtime.measured_cost("a" * 64, CPU, Measured(), side=10)
    assert corrected.seconds == pytest.approx(cost.seconds / 5)
    assert corrected.bytes == cost.bytes
    runtime.observe_cost("b" * 64, CPU, 1e-9)  # never measured: nothing to correct
    assert len(json.loads((own_cache / "speed.json").read_text())) == 1


@pytest.mark.parametrize(
    "content", ["", "{", "[1, 2]", "null", '{"x": 3}', '{"x": {"seconds": "a", "bytes": 1}}', "\xff\0", '{"x": {}}']
)
def test_a_broken_file_of_costs_is_measured_anew(own_cache: Path, content: str) -> None:
    own_cache.mkdir()
    (own_cache / "speed.json").write_bytes(content.encode("latin-1"))
    cost = runtime.measured_cost("a" * 64, CPU, Measured(), side=10)
    again = Measured()
    assert runtime.measured_cost("a" * 64, CPU, again, side=10) == cost
    assert not again.sides


def test_without_a_folder_to_write_to_it_is_measured_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "file" / "cache"))  # not even root can make this one
    run = Measured()
    assert isinstance(runtime.measured_cost("a" * 64, CPU, run, side=10), Cost)
    runtime.measured_cost("a" * 64, CPU, run, side=10)
    assert len(run.sides) == 8


def test_the_memory_measured_is_that_of_the_work(own_cache: Path) -> None:
    held = []
    left = [bytearray(b"x") * (64 << 10) for _ in range(2000)]  # small pieces: the heap keeps what loading leaves free
    left[:-1] = []

    def run(side: int) -> None:
        held[:] = [bytearray(b"x") * (64 << 10) for _ in range(1280)]
        time.sleep(0.03)
        held.clear()

    cost = runtime.measured_cost("c" * 64, CPU, run, side=10)
    assert 60e6 < cost.bytes * 100 < 300e6
