"""ZeroGPU: jobs run, and are stopped, in the process that the package ``spaces`` forks; nothing changes elsewhere."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import editing
from editing import runtime
from editing.errors import EditingError, Stopped
from editing.messages import STOPPED
from editing.report import Report, silent
from editing.ui import zero_gpu
from editing.ui.zero_gpu import FIRST, LEAST, MOST, Lent, Times

ROOT = Path(__file__).parents[2]

# The real package, whose wrapper forks a real worker. What it asks of Hugging Face's server is answered here, and what
# it does to the GPU is left out.
SPACE = r"""
import json, multiprocessing, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

asked = []

class Answers(BaseHTTPRequestHandler):
    def do_POST(self):
        parts = urlsplit(self.path)
        asked.append((parts.path, parse_qs(parts.query)))
        body = b"{}"
        if parts.path == "/schedule":
            body = json.dumps({"idle": True, "nvidiaIndex": 0, "nvidiaUUID": "x", "allowToken": "t"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
threading.Thread(target=server.serve_forever, daemon=True).start()
cgroup = sys.argv[1] + "/cgroup"
open(cgroup, "w").write("0::/one/two\n")
os.environ |= {
    "SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{server.server_port}",
    "ZEROGPU_PROC_SELF_CGROUP_PATH": cgroup,
}
import numpy as np
import torch

from editing import runtime
from editing.errors import EditingError, Stopped
from editing.messages import STOPPED
from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pipelines import upscale
from editing.ui import measuring, page, zero_gpu  # as app.py does

zero_gpu.begin()
picture = Picture(pixels=np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8))
options = UpscaleOptions(model="anime-fast", scale=4, precision="fp32", tile=32)
import spaces.zero.torch as gpu
assert torch.cuda.is_available(), "spaces says so everywhere"
assert runtime.choose_backend().device == "cpu"
gpu.unpatch(); gpu.unpatch = gpu.init = gpu.move = lambda *_, **__: None; gpu.size = lambda: 0
torch.cuda.is_available = lambda: False
send, runtime._send = runtime._send, None
before = upscale.upscale(picture, options).pixels  # here, so that OpenMP's threads are there
runtime._send = send

pid, told = os.getpid(), []
def report(done, total, note=""):
    told.append((done, total))
held = threading.Event()
def hold():
    with runtime._job_lock, runtime._networks_lock:
        held.set()
        time.sleep(3)
threading.Thread(target=hold).start()  # the worker is forked while another thread has these
held.wait()
there = upscale.upscale(picture, options, report=report).pixels
apart = int(np.abs(there.astype(int) - before).max())

def stop(done, total, note=""):
    if done:
        raise Stopped(STOPPED)
began = time.monotonic()
try:
    upscale.upscale(picture, options, report=stop)
    ended = "made"
except Stopped:
    ended = "stopped"
try:
    upscale.upscale(picture, UpscaleOptions(model="no-such"))
    failed = ""
except EditingError as error:
    failed = str(error)
again = upscale.upscale(picture, options).pixels
calls = lambda path, key: [q[key][0] for p, q in asked if p == path]
print(json.dumps({
    "apart": apart, "told": told, "ended": ended, "seconds": time.monotonic() - began, "failed": failed,
    "again": bool((again == there).all()), "durations": calls("/schedule", "durationSeconds"),
    "released": len(calls("/release", "allowToken")), "allowed": [int(seen) != pid for seen in calls("/allow", "pid")],
}))
sys.stdout.flush()
for worker in multiprocessing.active_children():
    worker.kill()  # or it keeps what this process prints to
os._exit(0)
"""


def test_a_job_runs_in_the_worker_that_spaces_forks(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SPACE, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert seen["apart"] <= 1
    assert seen["told"][0][0] == 0
    assert seen["told"][-1][0] == seen["told"][-1][1] > 1
    assert seen["ended"] == "stopped"
    assert "no-such" in seen["failed"]
    assert seen["again"]
    assert seen["released"] == 4
    assert seen["allowed"] == [True]  # one worker, which is not the page
    assert [int(seconds) for seconds in seen["durations"]] == [FIRST, LEAST, LEAST, LEAST]


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    monkeypatch.setattr(runtime, "_send", None)
    zero_gpu.begin()
    assert runtime._send is None


def test_every_lock_is_made_anew_in_a_fork() -> None:
    kinds = type(threading.Lock()), type(threading.RLock()), threading.Condition
    found = set()
    for part in pkgutil.walk_packages(editing.__path__, "editing."):
        if part.name.startswith(("editing.ui", "editing.cluster", "editing.training", "editing.__main__")):
            continue
        module = importlib.import_module(part.name)
        found |= {(module, name) for name, value in vars(module).items() if isinstance(value, kinds)}
    assert found == {(module, name) for module, name, new in zero_gpu.AFRESH if isinstance(new(), kinds)}


def test_twice_the_longest_of_the_last_calls_is_asked_for() -> None:
    times = Times()
    assert times.wanted(added) == FIRST
    times.add(added, 14.2)
    times.add(added, 3.0)
    assert times.wanted(added, (), {}) == 28
    assert times.wanted(counted) == FIRST
    times.add(added, 1000.0)
    assert times.wanted(added) == MOST


@runtime.heavy
def added(a: int, b: int, *, report: Report = silent) -> int:
    report(1, 2)
    if b < 0:
        raise EditingError(STOPPED)
    return a + b


@runtime.heavy
def counted(*, report: Report = silent) -> Iterator[int]:
    for number in range(3):
        report(number, 3)
        yield number


def test_parts_and_errors_come_through_and_closing_ends_the_call() -> None:
    lent, told = Lent(zero_gpu.compute, Times()), list[tuple[int, int]]()

    def report(done: int, total: int, note: str = "") -> None:
        told.append((done, total))

    assert lent(added, (1, 2), {"report": report}) == 3
    assert told == [(1, 2)]
    assert list(lent(counted, (), {})) == [0, 1, 2]
    with pytest.raises(EditingError):
        lent(added, (1, -2), {})
    parts: Any = lent(counted, (), {})
    assert next(parts) == 0
    parts.close()
    with runtime.job(wait=False) as free:
        assert free

    def stop(done: int, total: int, note: str = "") -> None:
        raise Stopped(STOPPED)

    with pytest.raises(Stopped):
        lent(added, (1, 2), {"report": stop})
