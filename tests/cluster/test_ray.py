"""On a Ray cluster of two nodes: the same results as without, whatever is poisoned, killed or full in between.

All of it is in one file, since the cluster takes long to begin. Nothing here depends on how fast the machine is.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import pytest
from made_clips import moving, sound_packets, video

from editing.__main__ import main
from editing.clips.read import read_frames
from editing.cluster.join import QUIET
from editing.errors import Stopped
from editing.options import UpscaleOptions
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.pipelines import upscale
from editing.report import silent

os.environ.update(QUIET)
ray = pytest.importorskip("ray", reason="the cluster's requirements are not installed")
# What Ray and its libraries warn of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore")

FAST = ["--model", "anime-fast", "--scale", "2"]
LONG = 240  # seconds that something may take on a busy machine

# What goes wrong in the cluster's processes, by the names of the files that they open.
FAULTS = """
import errno, os, sys, time
from pathlib import Path

def opened(event, args):
    if event != "open" or not isinstance(args[0], (str, os.PathLike)):
        return
    path = Path(args[0])
    if path.name.startswith("poison"):
        os._exit(1)
    if path.name.startswith("slow"):
        time.sleep(0.5)
    if "crowded" in path.parts and path.suffix == ".part" and len(list(path.parent.glob("*.png"))) >= 2:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

sys.addaudithook(opened)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Any]:
    """Two nodes with a core each."""
    faults = tmp_path_factory.mktemp("faults")
    (faults / "sitecustomize.py").write_text(FAULTS)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(faults), str(Path(__file__).parents[2])]))
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("visitors")))
        from ray.cluster_utils import Cluster

        made = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
        made.add_node(**NODE)
        yield made
        ray.shutdown()
        made.shutdown()
        gc.collect()  # what warns when it goes, goes here


NODE = {"num_cpus": 1, "object_store_memory": 150_000_000, "memory": 3_000_000_000}


@pytest.fixture(scope="module")
def joined(cluster: Any) -> Any:
    """The cluster, with this process connected to it for good: every command would do so anew."""
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    return cluster


class Said(NamedTuple):
    code: int
    out: list[str]
    err: list[str]


def atelier(*words: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    return Said(code, out.getvalue().splitlines(), [line for line in err.getvalue().splitlines() if line])


def picture(number: int, width: int = 40, height: int = 30) -> Picture:
    down, across = np.mgrid[0:height, 0:width]
    color = np.stack([across * 3 + number * 9, down * 4 + number * 5, 200 - across], 2) % 256
    return Picture(pixels=color.astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder; alone, everything has as many threads as a worker, since sums depend on them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATELIER_THREADS", "1")
    return tmp_path


def write(names: list[str]) -> list[str]:
    for number, name in enumerate(names):
        write_picture(picture(number), Path(name))
    return names


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def wait_until(true: Callable[[], object]) -> None:
    for _ in range(LONG * 10):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_a_batch_says_and_makes_the_same_and_a_poisoned_picture_fails_alone(cluster: Any, folder: Path) -> None:
    inputs = write(["one.png", "two.jpg", "deep.tif"])
    (folder / "broken.png").write_bytes((folder / "one.png").read_bytes()[:60])
    inputs[1:1] = ["broken.png", "missing.png"]
    alone = atelier("upscale", *inputs, "-o", "out", *FAST)
    (folder / "out").rename(folder / "alone")
    inputs[2:2] = write(["poison.png"])
    code, out, err = atelier("upscale", *inputs, "-o", "out", *FAST, "--ray", cluster.address)
    poisoned = err.pop(1)
    assert poisoned.startswith("editing: poison.png: the process that worked on it ended 3 times")
    assert Said(code, out, err) == alone
    assert alone.code == 1
    assert files(folder / "out") == files(folder / "alone")
    assert len(files(folder / "out")) == 3


@pytest.mark.usefixtures("joined")
def test_wrong_options_are_told_before_anything(folder: Path) -> None:
    write(["one.png"])
    for words in (["--model", "nobody"], ["--scale", "17"]):
        alone = atelier("upscale", "one.png", "-o", "out", *words)
        assert atelier("upscale", "one.png", "-o", "out", *words, "--ray") == alone
        assert alone.code in (1, 2)


@pytest.mark.usefixtures("joined")
def test_repair_takes_a_mask_and_tells_of_its_weights_once(folder: Path) -> None:
    write(["one.png", "two.png"])
    write_picture(picture(5), folder / "mask.png")
    call = ["repair", "one.png", "two.png", "-o", "out", "--mask", "mask.png", "--faces", "none"]
    alone = atelier(*call)
    (folder / "out").rename(folder / "alone")
    assert atelier(*call, "--ray") == alone
    assert files(folder / "out") == files(folder / "alone")


@pytest.mark.usefixtures("joined")
def test_stylize_goes_on_where_it_broke_off(folder: Path) -> None:
    inputs = write(["one.png", "two.png", "three.png"])
    call = ["stylize", *inputs, "-o", "out", "--style", "great-wave", "--strength", "0.5"]
    alone = atelier(*call)
    (folder / "out").rename(folder / "alone")
    assert atelier(*call, "--ray") == alone
    assert files(folder / "out") == files(folder / "alone")
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").iterdir()}
    (folder / "out" / "two-great-wave.png").unlink()
    write_picture(picture(9), folder / "three.png")
    with (folder / "out.manifest.jsonl").open("a") as file:
        file.write('{"target": "out/one-gr')  # a machine that went down while it wrote
    again = atelier(*call, "--ray")
    assert again == Said(0, alone.out, ["An earlier run has done 1 of 3."])
    after = {path: path.stat().st_mtime_ns for path in (folder / "out").iterdir()}
    assert [path.name for path in after if after[path] == before[path]] == ["one-great-wave.png"]


@pytest.mark.usefixtures("joined")
def test_a_full_disk_stops_cleanly(folder: Path) -> None:
    inputs = write([f"{number}.png" for number in range(8)])
    (folder / "crowded").mkdir()
    said = atelier("upscale", *inputs, "-o", "crowded", *FAST, "--ray")
    assert said.code == 1
    assert any("the disk is full" in line for line in said.err[:-1])
    done = len(said.out)
    assert said.err[-1].startswith(f"editing: The disk with 'crowded' is full; {done} of 8 are done.")
    assert done < 8
    made = list((folder / "crowded").glob("*.png"))
    assert len(made) >= done  # some were not told any more
    assert all(read_picture(path).width == 80 for path in made)  # and none is half done


def test_a_node_that_goes_loses_nothing_and_doubles_nothing(joined: Any, folder: Path) -> None:
    inputs = write([f"slow{number}.png" for number in range(12)])
    alone = atelier("upscale", *inputs, "-o", "out", *FAST)
    (folder / "out").rename(folder / "alone")

    def kill() -> None:
        wait_until(lambda: len(list((folder / "out").glob("*.png"))) >= 3)
        joined.remove_node(joined.list_all_nodes()[1], allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    said = atelier("upscale", *inputs, "-o", "out", *FAST, "--ray")
    killer.join()
    joined.add_node(**NODE)
    assert said == alone
    made = {name: data for name, data in files(folder / "out").items() if not name.startswith(".")}
    assert made == files(folder / "alone")


@pytest.mark.usefixtures("joined")
def test_a_clip_is_done_in_parts_and_is_the_same(folder: Path) -> None:
    video(folder / "a.mp4", moving(300, 16, 24), sound="aac", options={"g": "50"})
    write(["one.png"])
    call = ["upscale", "one.png", "a.mp4", "-o", "out", "--format"]
    alone = atelier(*call, "mp4", *FAST)
    assert alone.code == 1  # of one.png no clip is made
    (folder / "out").rename(folder / "alone")
    assert atelier(*call, "mp4", *FAST, "--ray") == alone
    assert sorted(files(folder / "out")) == ["a-anime-fast-x2.mp4"]
    clips = [folder / name / "a-anime-fast-x2.mp4" for name in ("alone", "out")]
    one, other = (list(read_frames(path, [])) for path in clips)
    assert [frame.start for frame in one] == [frame.start for frame in other]
    # What H.264 is encoded to differs a little from run to run, of one machine, too.
    assert max(np.abs(a.pixels.astype(int) - b.pixels).mean() for a, b in zip(one, other, strict=True)) < 3
    assert sound_packets(clips[1]) == sound_packets(folder / "a.mp4")
    assert not list((folder / "out").glob("*.parts"))


def test_without_ray_it_says_what_to_install(folder: Path) -> None:
    write(["one.png"])
    code = "import sys; sys.modules['ray'] = None; from editing.__main__ import main; sys.exit(main(sys.argv[1:]))"
    words = ["upscale", "one.png", "-o", "out", *FAST, "--ray"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment)
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == ["editing: Ray is not installed: pip install -r editing/cluster/requirements.txt"]


# ---- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(joined: Any) -> Iterator[str]:
    """The page's address; its pipelines have two replicas."""
    from ray import serve

    from editing.cluster.replicas import NAME, application

    port = _free_port()
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    serve.run(application(most=2, least=2), name=NAME)
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()


def _free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def replicas() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "ServeReplica:atelier:Pipelines" in " ".join(process.cmdline()):
                found.append(process)
    return found


def test_twenty_visitors_each_get_their_own_while_a_replica_is_killed(page: str, folder: Path) -> None:
    from gradio_client import Client, handle_file

    done: list[int] = []
    pictures = [picture(number, 160, 120) for number in range(20)]
    for number, one in enumerate(pictures):
        write_picture(one, folder / f"{number}.png")

    def visit(number: int) -> Path:
        client = Client(
            page, verbose=False, httpx_kwargs={"timeout": LONG}, download_files=str(folder / f"visitor-{number}")
        )
        answer = client.predict(
            file=handle_file(str(folder / f"{number}.png")), model="anime-fast", scale=2, api_name="/upscale"
        )
        done.append(number)
        return Path(answer[0])

    wait_until(lambda: len(replicas()) == 2)
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(visit, number) for number in range(20)]
        wait_until(lambda: len(done) >= 2)
        replicas()[0].kill()
        results = [answer.result(timeout=LONG) for answer in answers]
    options = UpscaleOptions(model="anime-fast", scale=2)
    for one, result in zip(pictures, results, strict=True):
        assert np.array_equal(read_picture(result).pixels, upscale.upscale(one, options).pixels)


@pytest.mark.usefixtures("page")
def test_stop_ends_what_a_replica_does(folder: Path) -> None:
    from ray import serve

    from editing.cluster.replicas import NAME, Elsewhere

    elsewhere = Elsewhere(serve.get_deployment_handle("Pipelines", app_name=NAME))
    hours = picture(0, 3000, 3000), UpscaleOptions(model="photo", scale=4, tile=128)
    seen: list[int] = []

    def stop(done: int, total: int, note: str = "") -> None:
        seen.append(total)
        raise Stopped("Stopped.")

    for _ in range(2):  # both replicas would be taken
        with pytest.raises(Stopped):
            elsewhere(upscale.upscale, hours, {"report": stop})
    assert len(seen) == 2
    small = picture(1), UpscaleOptions(model="anime-fast", scale=2)
    counted: list[int] = []
    for _ in range(2):
        made = elsewhere(upscale.upscale, small, {"report": lambda done, total, note="": counted.append(done)})
        assert np.array_equal(made.pixels, upscale.upscale(*small, report=silent).pixels)
    assert counted


@pytest.mark.usefixtures("page")
def test_errors_come_back_as_they_are(folder: Path) -> None:
    from ray import serve

    from editing.cluster.replicas import NAME, Elsewhere
    from editing.errors import OptionError

    elsewhere = Elsewhere(serve.get_deployment_handle("Pipelines", app_name=NAME))
    with pytest.raises(OptionError, match="16 times is the most") as error:
        elsewhere(upscale.upscale, (picture(0), UpscaleOptions(model="anime-fast", longest=30_000)), {})
    assert error.value.message.to("zh") != error.value.message.to("en")
