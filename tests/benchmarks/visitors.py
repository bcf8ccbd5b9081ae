"""Many visitors at once on the real server, by hand: ``python tests/benchmarks/visitors.py [SECONDS [VISITORS]]``.

Starts ``app.py`` in folders of its own. Each visitor, some with two tabs, sends pictures in which an id stands as a
pattern of squares, and looks whether the id of what comes back is the one that was sent: nobody may get another's. One
of them sends a clip over and over, beside which the small jobs have to go on. At the end one visitor is killed in the
middle, and memory and files are looked at.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from gradio_client import Client, handle_file
from PIL import Image

ROOT = Path(__file__).parent.parent.parent
SQUARE, BITS = 12, 16  # pixels a side, and squares in a row
CALLS = (
    ("/upscale", {"scale": 2, "model": "anime-fast"}),
    ("/upscale", {"scale": 1, "model": "photo-fast"}),
    ("/stylize", {"style": "starry-night", "strength": 0.0}),
)  # each keeps what is bright and what is dark

KILLED = ("/upscale", {"scale": 4, "model": "photo"})


def drawn(number: int, path: Path) -> Path:
    """A picture with ``number`` in it: bright squares for its bits, dark ones for the rest."""
    bits = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8)
    row = np.kron(np.where(bits, 215, 40).astype(np.uint8)[None], np.ones((SQUARE * 4, SQUARE), np.uint8))
    Image.fromarray(np.repeat(row[..., None], 3, 2)).save(path)
    return path


def number_in(path: str) -> int:
    """The number that stands in a result, whatever its size."""
    gray = np.asarray(Image.open(path).convert("L"), float)
    middle = gray[gray.shape[0] // 3 : -gray.shape[0] // 3]
    bits = [part.mean() > 128 for part in np.array_split(middle, BITS, axis=1)]
    return sum(1 << bit for bit, there in enumerate(bits) if there)


def started(folder: Path, port: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "ATELIER_CACHE": str(folder / "cache"), "ATELIER_QUEUE": "12",
    }  # fmt: skip
    log = (folder / "log.txt").open("wb")
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return server
        except OSError:
            assert server.poll() is None, (folder / "log.txt").read_text()
            time.sleep(0.3)


def opened(url: str, folder: Path) -> Client:
    """A page; on a machine that is busy with other things it takes several tries."""
    for _ in range(20):
        try:
            return Client(url, verbose=False, download_files=str(folder))
        except Exception:
            time.sleep(2)
    raise TimeoutError("the page was not given within twenty tries")


def visit(url: str, visitor: int, folder: Path, until: float, times: list[float], ends: Counter[str]) -> None:
    """One tab: jobs one after the other, each checked."""
    client = opened(url, folder)
    turn = 0
    while time.monotonic() < until:
        number = (visitor * 251 + turn * 7919) % (1 << BITS)
        name, given = CALLS[(visitor + turn) % len(CALLS)]
        path = drawn(number, folder / f"{visitor}-{turn}.png")
        began = time.monotonic()
        try:
            file = client.predict(file=handle_file(path), api_name=name, **given)[0]
        except Exception as error:
            text = str(error)
            ends["the queue is full" if "full" in text.lower() else text[:70]] += 1
            time.sleep(1)
        else:
            times.append(time.monotonic() - began)
            got = number_in(file)
            ends["right" if got == number else f"ANOTHER'S: sent {number}, got {got}"] += 1
            Path(file).unlink()
        path.unlink()
        turn += 1


def clips(url: str, folder: Path, until: float, ends: Counter[str]) -> None:
    """A long clip, over and over."""
    frames = [Image.fromarray(np.random.default_rng(n).integers(0, 256, (64, 96, 3), np.uint8)) for n in range(60)]
    path = folder / "long.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)
    client = opened(url, folder)
    while time.monotonic() < until:
        try:
            facts = client.predict(file=handle_file(path), model="anime-fast", scale=2, api_name="/upscale_clip")[1]
            ends[f"a clip of {facts['frames']} frames"] += 1
        except Exception as error:
            ends[f"clip: {str(error)[:70]}"] += 1
            time.sleep(1)


def told(name: str, times: list[float]) -> dict[str, Any]:
    if len(times) < 2:
        return {name: times}
    ordered = sorted(times)
    return {
        name: len(ordered), "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 2), "most": round(ordered[-1], 2),
    }  # fmt: skip


def main(seconds: float = 300, visitors: int = 20) -> None:
    folder, port = Path(tempfile.mkdtemp()), 7923
    server = started(folder, port)
    url, process = f"http://127.0.0.1:{port}", psutil.Process(server.pid)
    times: list[float] = []
    ends: Counter[str] = Counter()
    (folder / "mine").mkdir()
    for name, given in (*CALLS, KILLED):  # networks loaded, costs measured
        warm = opened(url, folder / "mine")
        warm.predict(file=handle_file(drawn(5, folder / "mine" / "warm.png")), api_name=name, **given)
    before = process.memory_info().rss
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(visitors + 10) as pool:
        tabs = [*range(visitors), *range(visitors // 4)]  # every fourth has a second tab
        for number, visitor in enumerate(tabs):
            place = folder / f"tab-{number}"
            place.mkdir()
            pool.submit(visit, url, visitor if number < visitors else visitor + 1000, place, until, times, ends)
        pool.submit(clips, url, folder / "mine", until, ends)
    print(json.dumps(told("jobs", times) | {"ends": ends, "load": os.getloadavg()[0]}, indent=1, default=str))
    # one who is killed in the middle
    code = "import sys; from gradio_client import Client, handle_file; Client(sys.argv[1], verbose=False).submit(" \
           "file=handle_file(sys.argv[2]), scale=4, model='photo', api_name='/upscale').result()"  # fmt: skip
    large = folder / "large.png"
    Image.fromarray(np.zeros((900, 900, 3), np.uint8)).save(large)
    small = opened(url, folder / "mine")
    killed = subprocess.Popen([sys.executable, "-c", code, url, str(large)])
    time.sleep(15)
    killed.send_signal(signal.SIGKILL)
    began = time.monotonic()
    small.predict(file=handle_file(drawn(5, folder / "mine" / "after.png")), api_name="/upscale", **CALLS[0][1])
    print(f"after one was killed in the middle, the next had its picture in {time.monotonic() - began:.1f} s")
    time.sleep(10)  # some seconds without a job
    after = process.memory_info().rss
    print(f"memory: {before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after ({after / before - 1:+.1%})")
    own = [path for path in (folder / "gradio").rglob("*") if path.is_file() and "atelier" in path.parts]
    print(f"files of visitors on the disk: {len(own)}, {sum(path.stat().st_size for path in own) / 1e6:.1f} MB")
    server.terminate()
    server.wait(20)
    errors = (folder / "log.txt").read_text().count("Traceback")
    print(f"tracebacks in the server's log: {errors} ({folder / 'log.txt'})")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3]))
