"""Downloads from a real server on loopback that can be told to misbehave."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest
from filelock import FileLock

from editing.errors import Stopped, WeightError
from editing.weights import download, find
from editing.weights.catalogue import Download, Weight
from editing.weights.files import digest, downloads, path_of, verify
from editing.weights.find import fetch_weight, problems, rows, weights_for
from editing.weights.load import load_network, load_state

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "net.pth"


@dataclass
class Server:
    """A server of one file. The fields tell it how to behave; ``asked`` holds path and Range of each request."""

    address: str = ""
    content: bytes = CONTENT
    etag: str = '"one"'
    ranges: bool = True
    status: list[int] = field(default_factory=list)  # of the next answers; 200 after them
    cut_after: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    slow: float = 0.0  # seconds between pieces of 64 kB
    length: bool = True
    redirect: str = ""
    piece_offset: int = 0  # added to the start of the piece that was asked for
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.address}/files/{NAME}"


def answer(server: Server, request: BaseHTTPRequestHandler) -> None:
    wanted = request.headers.get("Range")
    server.asked.append((request.path, wanted))
    status = server.status.pop(0) if server.status else 200
    cut = server.cut_after.pop(0) if server.cut_after else None
    if server.redirect or status != 200:
        request.send_response(302 if server.redirect else status)
        if server.redirect:
            request.send_header("Location", server.redirect)
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    start = 0
    same = request.headers.get("If-Range", server.etag) == server.etag
    if wanted and server.ranges and same:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(server.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(server.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        start += server.piece_offset
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
    else:
        request.send_response(200)
    if server.etag:
        request.send_header("ETag", server.etag)
    if server.length:
        request.send_header("Content-Length", str(len(server.content) - start))
    request.end_headers()
    end = len(server.content) if cut is None else min(start + cut, len(server.content))
    for at in range(start, end, 1 << 16):
        request.wfile.write(server.content[at : min(at + (1 << 16), end)])
        request.wfile.flush()
        time.sleep(server.slow)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a client that was stopped
                answer(state, self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.address = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.lower() in ("https_proxy", "http_proxy", "all_proxy", "no_proxy") or name.startswith("ATELIER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ATELIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "PAUSES", (0.01, 0.01))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "weights" / NAME


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def left(target: Path) -> set[str]:
    """What lies beside the target, without the lock's empty file."""
    return {path.name for path in target.parent.iterdir()} - {NAME + ".lock"}


def begin(target: Path, data: bytes, version: str | None = '"one"') -> None:
    """Lay down the part of an earlier transfer."""
    target.parent.mkdir()
    part_of(target).write_bytes(data)
    if version is not None:
        (target.parent / f"{NAME}.version.part").write_text(version)


def test_a_file_is_fetched_with_reports(server: Server, target: Path) -> None:
    reports: list[tuple[int, int, str]] = []
    assert download.download(server.url, target, SHA256, lambda *report: reports.append(report)) == target
    assert target.read_bytes() == CONTENT
    assert left(target) == {NAME}
    done = [done for done, total, _ in reports if total == len(CONTENT)]
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)


def test_a_whole_file_is_not_fetched_again(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    download.download(server.url, target, SHA256)
    assert server.asked == []


@pytest.mark.parametrize("damaged", [CONTENT[:-1], b"", b"x" * len(CONTENT), CONTENT + b"x"])
def test_a_damaged_file_already_there_is_replaced(server: Server, target: Path, damaged: bytes) -> None:
    target.parent.mkdir()
    target.write_bytes(damaged)
    download.download(server.url, target, SHA256)
    assert target.read_bytes() == CONTENT


def test_a_damaged_file_stays_until_the_good_one_is_whole(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"old")
    server.status = [404]
    with pytest.raises(WeightError):
        download.download(server.url, target, SHA256)
    assert target.read_bytes() == b"old"


def test_another_file_than_expected_is_deleted(server: Server, target: Path) -> None:
    server.content = b"<html>Please log in</html>"
    got = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(WeightError, match=rf"gave 26 bytes .* expected {SHA256}, got {got}.*deleted.*another machine"):
        download.download(server.url, target, SHA256)
    assert left(target) == set()
    assert len(server.asked) == 1


def test_a_transfer_cut_off_goes_on_by_itself(server: Server, target: Path) -> None:
    server.cut_after = [300_000]
    notes: list[str] = []
    download.download(server.url, target, SHA256, lambda done, total, note="": notes.append(note))
    assert target.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=300000-"]
    assert any("stopped at 300000 of 1024000 bytes" in note for note in notes)


def test_a_transfer_cut_off_again_and_again_is_kept_and_resumed_next_time(server: Server, target: Path) -> None:
    server.cut_after = [100_000, 100_000, 100_000]
    with pytest.raises(WeightError, match=r"stopped at 300000 of 1024000 bytes\. The 300000 bytes .* are kept"):
        download.download(server.url, target, SHA256)
    assert not target.exists()
    assert part_of(target).read_bytes() == CONTENT[:300_000]
    server.asked.clear()
    download.download(server.url, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == ["bytes=300000-"]
    assert left(target) == {NAME}


def test_a_server_that_knows_no_ranges_sends_the_whole(server: Server, target: Path) -> None:
    begin(target, CONTENT[:1000])
    server.ranges = False
    download.download(server.url, target, SHA256)
    assert target.read_bytes() == CONTENT


def test_a_part_of_another_version_is_begun_anew(server: Server, target: Path) -> None:
    begin(target, b"x" * 1000, version='"zero"')
    download.download(server.url, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == 1


@pytest.mark.parametrize("data", [b"x" * 1000, CONTENT + b"x", b"x" * len(CONTENT)])
def test_a_part_that_is_wrong_or_too_long_is_begun_anew(server: Server, target: Path, data: bytes) -> None:
    begin(target, data, version=None)
    server.etag = ""
    download.download(server.url, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [f"bytes={len(data)}-", None]


def test_a_part_that_is_whole_needs_no_more_bytes(server: Server, target: Path) -> None:
    begin(target, CONTENT)
    download.download(server.url, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert server.asked == [(f"/files/{NAME}", f"bytes={len(CONTENT)}-")]


def test_another_piece_than_asked_for_is_never_appended(server: Server, target: Path) -> None:
    begin(target, CONTENT[:1000])
    server.piece_offset = 5
    download.download(server.url, target, SHA256)
    assert target.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == ["bytes=1000-", None]


def test_a_length_that_is_not_told_is_no_hindrance(server: Server, target: Path) -> None:
    server.length = False
    totals: list[int] = []
    download.download(server.url, target, SHA256, lambda done, total, note="": totals.append(total))
    assert target.read_bytes() == CONTENT
    assert totals[0] == 0


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_refusal_is_told_at_once(server: Server, target: Path, status: int) -> None:
    server.status = [status]
    with pytest.raises(WeightError, match=rf"answered {status} .*may have moved.*{re.escape(str(target.parent))}"):
        download.download(server.url, target, SHA256)
    assert len(server.asked) == 1


def test_a_server_in_trouble_is_asked_again(server: Server, target: Path) -> None:
    server.status = [500, 503]
    download.download(server.url, target, SHA256)
    assert target.read_bytes() == CONTENT
    server.status = [500, 503, 502]
    target.unlink()
    with pytest.raises(WeightError, match=r"answered 502 Bad Gateway\. Check the network"):
        download.download(server.url, target, SHA256)


def test_offline_names_the_address_and_the_folder(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://127.0.0.1:9/net.pth"
    with pytest.raises(WeightError, match=r"can't be reached \(.*refused") as caught:
        download.download(url, target, SHA256)
    message = str(caught.value)
    assert f"get {url} on another machine and put it into {target.parent}" in message
    assert "ATELIER_WEIGHTS" in message
    # A name that doesn't resolve, behind a proxy that doesn't answer: its password stays out of the message.
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:9")
    with pytest.raises(WeightError, match=r"through the proxy 127\.0\.0\.1:9") as caught:
        download.download("https://weights.invalid/net.pth", target, SHA256)
    assert "secret" not in str(caught.value)


def test_a_server_that_falls_silent_is_given_up(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    server.slow = 0.5
    with pytest.raises(WeightError, match=r"nothing has arrived for 0\.1 seconds"):
        download.download(server.url, target, SHA256)
    assert part_of(target).stat().st_size > 0


def test_the_proxy_of_the_environment_is_used(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", server.address)
    download.download("https://github.com/a/net.pth", target, SHA256)
    assert server.asked == [("http://127.0.0.1:9/https://github.com/a/net.pth", None)]
    target.unlink()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(WeightError, match="can't be reached"):
        download.download("https://github.com/a/net.pth", target, SHA256)


@pytest.mark.parametrize(
    ("mirror", "path"),
    [
        ("{server}/", "/https://github.com/a/b/net.pth"),
        ("{server}/prefix", "/prefix/https://github.com/a/b/net.pth"),
        ("{server}/github/{{path}}", "/github/a/b/net.pth"),
    ],
)
def test_a_mirror_is_asked_instead(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, mirror: str, path: str
) -> None:
    monkeypatch.setenv("ATELIER_MIRROR", mirror.format(server=server.address))
    download.download("https://github.com/a/b/net.pth", target, SHA256)
    assert server.asked == [(path, None)]
    server.status = [404]
    target.unlink()
    with pytest.raises(WeightError, match=r"ATELIER_MIRROR may lack it.* get https://github\.com/a/b/net\.pth"):
        download.download("https://github.com/a/b/net.pth", target, SHA256)


@pytest.mark.parametrize("mirror", ["mirror.example", "ftp://mirror.example/", "https://"])
def test_a_mirror_that_is_no_address_is_refused(target: Path, monkeypatch: pytest.MonkeyPatch, mirror: str) -> None:
    monkeypatch.setenv("ATELIER_MIRROR", mirror)
    with pytest.raises(WeightError, match="ATELIER_MIRROR is"):
        download.download("https://github.com/a/net.pth", target, SHA256)


@pytest.mark.parametrize("url", ["http://example.org/net.pth", "file:///etc/passwd", "ftp://example.org/net.pth"])
def test_only_https_is_fetched(target: Path, url: str) -> None:
    with pytest.raises(WeightError, match="only https"):
        download.download(url, target, SHA256)


def test_redirects_are_followed_but_not_out_of_http(server: Server, target: Path) -> None:
    server.redirect = "file:///etc/passwd"
    with pytest.raises(WeightError):
        download.download(server.url, target, SHA256)
    assert left(target) == set()
    request = urllib.request.Request("https://github.com/a")
    follow = partial(download._Redirect().redirect_request, request, BytesIO(), 302, "Found", Message())
    assert follow("https://objects.example/a") is not None
    with pytest.raises(urllib.error.URLError, match="which is not https"):
        follow("http://objects.example/a")


def test_a_stop_keeps_what_has_arrived(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "REPORT_EVERY", 0)
    server.slow = 0.01

    def stop(done: int, total: int, note: str = "") -> None:
        if done > 200_000:
            raise Stopped("stopped")

    with pytest.raises(Stopped):
        download.download(server.url, target, SHA256, stop)
    assert not target.exists()
    kept = part_of(target).stat().st_size
    assert 200_000 < kept < len(CONTENT)
    download.download(server.url, target, SHA256)
    assert server.asked[-1][1] == f"bytes={kept}-"


def test_a_full_disk_is_noticed_before(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = download.shutil.disk_usage("/")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(WeightError, match=r"no room .*1024000 bytes are missing and 1000 are free.*ATELIER_CACHE"):
        download.download(server.url, target, SHA256)
    assert left(target) == set()


def test_a_disk_that_fills_up_is_given_its_space_back(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def write(file: IO[bytes], chunk: bytes) -> None:
        nonlocal written
        written += file.write(chunk)
        if written > 300_000:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_write", write)
    with pytest.raises(WeightError, match=r"no room .*No space left on device.*Free some space"):
        download.download(server.url, target, SHA256)
    assert left(target) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE as on Linux")
def test_a_write_that_the_system_refuses(server: Server, target: Path) -> None:
    """A real refusal in the middle of the file: the process may write 500 kB, the rest is EFBIG."""
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
    ) + DOWNLOAD
    done = subprocess.run([sys.executable, "-c", code, server.url, str(target), SHA256], capture_output=True, text=True)
    assert "There is no room for net.pth" in done.stdout, done.stderr
    assert left(target) == set()


@pytest.mark.parametrize("folder", ["/proc/atelier", "file/weights"])
def test_a_folder_that_cannot_be_written(server: Server, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    target = tmp_path / folder / NAME
    with pytest.raises(WeightError, match=r"can't be written into .*ATELIER_CACHE.*ATELIER_WEIGHTS") as caught:
        download.download(server.url, target, SHA256)
    assert server.url in str(caught.value)
    assert server.asked == []


@pytest.mark.parametrize(
    "error", [PermissionError(errno.EACCES, "Permission denied"), OSError(errno.EROFS, "Read-only")]
)
def test_a_folder_that_may_not_be_written(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """The tests may run as root, whom no permission stops: the lock's file is where a read-only folder shows first."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(WeightError, match=rf"can't be written into .*{error.strerror}.*ATELIER_CACHE"):
        download.download(server.url, target, SHA256)


def test_a_target_that_is_a_folder(server: Server, target: Path) -> None:
    target.mkdir(parents=True)
    with pytest.raises(WeightError, match="can't be written"):
        download.download(server.url, target, SHA256)


# What the other processes below run.
DOWNLOAD = """
import sys
from pathlib import Path
from editing.errors import WeightError
from editing.weights import download
def report(done, total, note=""):
    print(note, flush=True)
try:
    download.download(sys.argv[1], Path(sys.argv[2]), sys.argv[3], report)
    print("done")
except WeightError as error:
    print(error)
"""


def start(server: Server, target: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DOWNLOAD, server.url, str(target), SHA256]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_download_once(server: Server, target: Path) -> None:
    server.slow = 0.06  # the transfer takes a second, so that the two do meet
    first, second = start(server, target), start(server, target)
    said = [first.communicate(timeout=30)[0], second.communicate(timeout=30)[0]]
    assert [text.splitlines()[-1] for text in said] == ["done", "done"]
    assert len(server.asked) == 1
    assert sum("fetching" in text for text in said) >= 1
    assert sum(f"{NAME} is there and whole" in text for text in said) == 1
    assert target.read_bytes() == CONTENT


def test_two_threads_at_once_download_once(server: Server, target: Path) -> None:
    server.slow = 0.02
    threads = [threading.Thread(target=download.download, args=(server.url, target, SHA256)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1
    assert target.read_bytes() == CONTENT


def test_waiting_for_another_process_can_be_stopped(server: Server, target: Path) -> None:
    target.parent.mkdir()

    def stop(done: int, total: int, note: str = "") -> None:
        assert "waiting for another process" in note
        raise Stopped("stopped")

    with FileLock(str(target) + ".lock"), pytest.raises(Stopped):
        download.download(server.url, target, SHA256, stop)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_process_leaves_only_a_part_and_no_lock(server: Server, target: Path) -> None:
    server.slow = 0.05
    process = start(server, target)
    assert process.stdout is not None
    for line in process.stdout:
        if part_of(target).exists() and part_of(target).stat().st_size > 200_000:
            break
        assert "fetching" in line
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not target.exists()
    assert left(target) == {NAME + ".part", NAME + ".version.part"}
    kept = part_of(target).read_bytes()
    assert CONTENT.startswith(kept)
    server.slow = 0
    began = time.monotonic()
    download.download(server.url, target, SHA256)
    assert time.monotonic() - began < 5
    assert target.read_bytes() == CONTENT
    assert server.asked[-1][1] == f"bytes={len(kept)}-"


@pytest.fixture
def entry(server: Server, monkeypatch: pytest.MonkeyPatch) -> Weight:
    """A weight of the catalogue that the server has."""
    weight = Weight(
        name="net",
        task="upscale",
        title="Net",
        architecture="none",
        licence="none",
        sha256=SHA256,
        source=Download(server.url, megabytes=1),
    )
    monkeypatch.setattr(find, "CATALOGUE", (weight,))
    return weight


def test_a_weight_of_the_catalogue_is_fetched_into_the_cache(entry: Weight, tmp_path: Path) -> None:
    assert path_of(entry) is None
    assert rows()[0].state == "not fetched"
    with pytest.raises(WeightError, match=r"not here\. Run: python -m editing weights fetch net"):
        digest(entry)
    assert fetch_weight("net") == tmp_path / "cache" / "weights" / NAME
    assert verify(entry) == digest(entry) == SHA256
    assert rows()[0].state == "ready"


def test_a_half_written_file_is_never_taken_for_the_weight(server: Server, entry: Weight) -> None:
    server.cut_after = [100_000] * 3
    with pytest.raises(WeightError, match="are kept"):
        fetch_weight("net")
    assert path_of(entry) is None
    path = downloads() / NAME
    path.write_bytes(CONTENT[:100_000])
    for use in (verify, digest, load_state, load_network):
        with pytest.raises(WeightError, match=rf"expected {SHA256}, got \w+\. .*weights fetch net, which replaces it"):
            use(entry)
    assert fetch_weight("net") == path
    assert verify(entry) == SHA256


def test_a_file_dropped_by_hand_is_found(
    server: Server, entry: Weight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped = tmp_path / "mine" / NAME
    dropped.parent.mkdir()
    dropped.write_bytes(CONTENT)
    monkeypatch.setenv("ATELIER_WEIGHTS", str(dropped.parent))
    assert path_of(entry) == dropped
    assert fetch_weight("net") == dropped
    assert server.asked == []
    # A damaged one is the user's to delete: it is refused, and what is fetched goes into the cache.
    dropped.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightError, match=r"Delete it and run: python -m editing weights fetch net"):
        digest(entry)
    assert fetch_weight("net") == path_of(entry) == downloads() / NAME
    assert dropped.read_bytes() == CONTENT[:-1]
    assert [weight.name for weight in weights_for("upscale")] == ["net"]
    assert problems() == []
