"""What Ray costs: pictures a minute of one process and of actors, and what a picture of no work takes.

    python tests/benchmarks/cluster.py [COUNT] [SIDE]

COUNT pictures of SIDE x SIDE pixels, doubled by ``anime-fast``, on this machine's two cores: by one process with two
threads, by one single-threaded actor, by two. Counted from the first result to the last, so without the beginning; then
the same with pictures of 8 x 8, of which only what surrounds the work is seen. Each is done twice, in turns. On a busy
machine the numbers say nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from editing.__main__ import main
from editing.cluster.join import QUIET
from editing.pictures.picture import Picture
from editing.pictures.write import write_picture

CALL = ["--model", "anime-fast", "--scale", "2"]


def pace(folder: Path, count: int, side: int, how: list[str]) -> float:
    """Seconds a picture."""
    noise = np.random.default_rng(0)
    for number in range(count):
        write_picture(Picture(pixels=noise.integers(0, 255, (side, side, 3), np.uint8)), folder / f"{number}.png")
    out = Path(tempfile.mkdtemp(dir=folder))
    main(["upscale", *(str(folder / f"{number}.png") for number in range(count)), "-o", str(out), *CALL, *how])
    times = sorted(path.stat().st_mtime for path in out.iterdir())
    return (times[-1] - times[0]) / (count - 1)


def measure(count: int, side: int) -> None:
    os.environ.update(QUIET)
    import ray

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for size in (side, 8) * 2:
            print(f"{count} pictures of {size} x {size}, load {os.getloadavg()[0]:.1f}")
            os.environ.pop("ATELIER_THREADS", None)
            for name, cores in (("one process, two threads", 0), ("1 actor", 1), ("2 actors", 2)):
                if cores:
                    ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
                seconds = pace(folder, count, size, ["--ray"] if cores else [])
                ray.shutdown()
                print(f"  {name}: {seconds * 1000:.0f} ms a picture, {60 / seconds:.0f} a minute")


if __name__ == "__main__":
    measure(*(int(word) for word in sys.argv[1:3])) if len(sys.argv) > 2 else measure(24, 256)
