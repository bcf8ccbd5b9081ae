"""What is left when something goes wrong in the middle: nothing half-written is taken for whole, and the next start is
clean."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact
from ui.visitor import Visitor

from editing.cli.targets import batch
from editing.errors import WeightError
from editing.options import BatchOptions
from editing.pictures.picture import Picture
from editing.pictures.read import read_picture
from editing.pictures.write import write_picture
from editing.settings import sweep_parts, written
from editing.ui import handlers
from editing.ui.security import SecurityHeaders
from editing.weights.find import find_weight
from editing.weights.load import load_network

ROOT = Path(__file__).parent.parent

# ---- files -----------------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    target = tmp_path / "speed.json"
    target.write_text("old")

    def half() -> None:
        with written(target) as part:
            part.write_text("ne")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        half()
    assert [path.name for path in tmp_path.iterdir()] == ["speed.json"]
    assert target.read_text() == "old"


def test_what_a_killed_process_left_goes_and_what_another_is_writing_stays(tmp_path: Path) -> None:
    old, new = (tmp_path / f".{uuid.uuid4().hex}.part" for _ in range(2))
    others = [
        tmp_path / name for name in ("photo.pth.part", ".part", ".0123.part", "a.png", f"{uuid.uuid4().hex}.part")
    ]
    for path in (old, new, *others):
        path.touch()
        if path != new:
            os.utime(path, (time.time() - 4000,) * 2)
    sweep_parts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (new, *others)}
    sweep_parts(tmp_path / "none")  # nothing to do
    # The command does so where its results go.
    old.touch()
    os.utime(old, (time.time() - 4000,) * 2)
    arguments = argparse.Namespace(output=tmp_path, inputs=[Path("a.jpg")])
    with batch(arguments, BatchOptions(), "-x2", places={}, check=lambda *_: None):
        pass
    assert not old.exists()


def test_a_weight_that_goes_or_breaks_while_running_is_told_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATELIER_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "cache"))
    path, state = tmp_path / "net.safetensors", Compact(num_feat=8, num_conv=2, upscale=2).state_dict()
    save_file(state, path)
    weight = find_weight("net.safetensors")
    assert load_network(weight).scale == 2
    whole = path.read_bytes()
    for broken in (None, whole[:-40], b"", b"\xff" * len(whole)):
        path.unlink() if broken is None else path.write_bytes(broken)
        with pytest.raises(WeightError):
            load_network(weight)
    path.write_bytes(whole)
    loaded = load_network(find_weight("net.safetensors"))
    assert torch.equal(loaded.model.state_dict()["body.0.weight"], state["body.0.weight"])


# ---- killed in the middle, and a cache that can't be written ---------------------------------------------------------


ATELIER = [sys.executable, "-m", "editing"]
# The same command, which never gets past the first rows of a file.
HALFWAY = """
import sys, time
from editing.__main__ import main
from editing.pictures import write
def rows(picture):
    yield picture.pixels[:4]
    time.sleep(600)
write._bands = rows
main(sys.argv[1:])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_run_that_is_killed_leaves_nothing_that_looks_whole_and_the_next_is_clean(tmp_path: Path) -> None:
    """Killed while it writes: the file has its own name only once it is whole."""
    source, target = tmp_path / "a.png", tmp_path / "out" / "b.png"
    target.parent.mkdir()
    write_picture(Picture(pixels=np.full((16, 16, 3), 90, np.uint8)), source)
    asked = ("upscale", source, "-o", target, "--model", "anime-fast", "--scale", "2")
    run = subprocess.Popen([sys.executable, "-c", HALFWAY, *asked], cwd=ROOT, stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + 120
        while not (parts := list(target.parent.glob("*.part"))):  # it has begun to write
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        run.kill()
        run.communicate()
    assert run.returncode == -signal.SIGKILL
    assert not target.exists()
    assert list(target.parent.iterdir()) == parts
    os.utime(parts[0], (time.time() - 4000,) * 2)  # else it may be another's that is still at work
    again = subprocess.run([*ATELIER, *asked], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    assert "Traceback" not in again.stderr
    assert list(target.parent.iterdir()) == [target]
    assert read_picture(target).width == 32


def test_where_no_cache_can_be_made_the_work_is_done(tmp_path: Path) -> None:
    """Below a file, where not even root may make a folder."""
    (tmp_path / "file").touch()
    write_picture(Picture(pixels=np.full((16, 16, 3), 90, np.uint8)), tmp_path / "a.png")
    asked = (*ATELIER, "upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--model", "anime-fast", "--scale", "2")
    places = os.environ | {"ATELIER_CACHE": str(tmp_path / "file" / "cache")}
    run = subprocess.run(asked, cwd=ROOT, env=places, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    assert read_picture(tmp_path / "b.png").width == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "file"]


# ---- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_a_clock_that_jumps_deletes_nothing_that_is_in_use(
    jump: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    before = handlers.new_folder(Visitor("before"))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + jump)
    after = handlers.new_folder(Visitor("after"))
    os.utime(after, (time.time(),) * 2)  # as the system would write it then
    handlers.new_folder(Visitor("later"))
    assert before.exists()
    assert after.exists()


def test_uploads_that_ended_halfway_and_empty_folders_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    given = tmp_path / "0a1b"
    given.mkdir()
    (given / "picture.png").touch()
    (tmp_path / "empty").mkdir()
    for name in ("tmpold", "tmpnew"):
        (tmp_path / name).touch()
    for path in (tmp_path / "tmpold", tmp_path / "empty", given / "picture.png", given):
        os.utime(path, (time.time() - handlers.KEPT_SECONDS - 9,) * 2)
    handlers.sweep()
    # Gradio looks after what it knows itself, such as the page's own pictures.
    assert {path.name for path in tmp_path.iterdir()} == {"0a1b", "tmpnew"}
    assert (given / "picture.png").exists()


# ---- uploads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "error", "status"),
    [
        ("/gradio_api/upload", TypeError("File is not an instance"), 400),
        ("/gradio_api/upload", OSError(errno.ENOSPC, "No space left on device"), 507),
        ("/gradio_api/queue/join", TypeError("ours"), None),
    ],
)
def test_an_upload_that_cannot_be_read_is_no_fault_of_the_server(
    path: str, error: Exception, status: int | None
) -> None:
    said: list[Any] = []

    async def fails(*_: Any) -> None:
        raise error

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {}

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "headers": []}
    calling = SecurityHeaders(fails)(scope, receive, send)
    if status is None:
        with pytest.raises(TypeError, match="ours"):
            asyncio.run(calling)
        assert not said
    else:
        asyncio.run(calling)
        assert said[0]["status"] == status
        assert b"content-security-policy" in dict(said[0]["headers"])
