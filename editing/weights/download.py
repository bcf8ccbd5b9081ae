"""Download one file so that nothing half-written is ever taken for it.

The bytes go into ``NAME.part`` beside the target, their sha256 is compared with the expected one, and only then is
the file renamed to its name. A transfer that is cut off leaves its ``.part`` and goes on from there next time. A lock
of the operating system (``NAME.lock``) makes a second process wait for the first; it ends when its holder does.

Environment: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY`` and ``SSL_CERT_FILE`` as everywhere. ``ATELIER_MIRROR`` is
put in front of the address (``https://mirror.example/`` asks for ``https://mirror.example/https://github.com/...``),
or, where it contains ``{path}``, takes the place of its host (``https://mirror.example/{path}``). A mirror needs no
trust: what it gives is checked by its sha256.
"""

from __future__ import annotations

import errno
import http.client
import os
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message as Headers
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from editing import messages
from editing.errors import WeightError
from editing.messages import Message, tell
from editing.report import Report, silent
from editing.settings import sha256_of

TIMEOUT = 30.0  # seconds without a byte
PAUSES = (0.5, 1.0, 2.0)  # seconds before each new try
REPORT_EVERY = 0.1  # seconds
CHUNK = 1 << 18  # bytes
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def download(url: str, target: Path, sha256: str, report: Report = silent) -> Path:
    """Make sure that ``target`` is the file at ``url`` with this ``sha256``, and return it.

    A whole file that lies there already is left as it is, a damaged one is replaced. ``report(done, total, note)``
    counts bytes, with 0 for a total that is unknown; it may raise to stop, and what has arrived is kept for next time.
    Raises WeightError, each cause with its own message and what to do.
    """
    address = _address(url)
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target, report):
            if target.is_file() and sha256_of(target) == sha256:
                report(1, 1, f"{target.name} is there and whole")
                return target
            _fill(address, url, part, target, sha256, report)
            part.replace(target)
            _validator(part).unlink(missing_ok=True)
    except OSError as error:
        # Errors of the network are _CutOffError by now: what is left comes from the disk, or brings a Message.
        reason: object = error.strerror or str(error) or type(error).__name__
        if error.errno in NO_ROOM:
            # A full disk hurts everything else on the machine: give the space back.
            _drop(part)
            raise WeightError(messages.DOWNLOAD_NO_ROOM, name=target.name, folder=target.parent, why=reason) from error
        raise WeightError(
            messages.DOWNLOAD_NOT_WRITTEN, name=target.name, folder=target.parent, why=reason, url=url
        ) from error
    report(1, 1, f"{target.name} is complete")
    return target


class _CutOffError(WeightError):
    """The transfer failed in a way that another try may mend; the message says how."""


class _Redirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect from https to a scheme without encryption."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Headers, newurl: str
    ) -> urllib.request.Request | None:
        if req.type == "https" and not _secure(newurl):
            raise urllib.error.URLError(_CutOffError(messages.REDIRECTS, url=newurl.split("?")[0]))
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _secure(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"))


def _address(url: str) -> str:
    """``url``, or its place on the mirror; WeightError when that is no address to download from."""
    mirror = os.environ.get("ATELIER_MIRROR", "").strip()
    if not mirror:
        if not _secure(url):
            raise WeightError(messages.NOT_HTTPS, url=url)
        return url
    if urlsplit(mirror).scheme not in ("https", "http") or not urlsplit(mirror).hostname:
        raise WeightError(messages.NOT_A_MIRROR, mirror=mirror)
    if "{path}" in mirror:
        return mirror.replace("{path}", urlsplit(url).path.lstrip("/"))
    return f"{mirror.rstrip('/')}/{url}"


@contextmanager
def _locked(target: Path, report: Report) -> Iterator[None]:
    """Hold the target's lock, after any other process that holds it; waiting reports, so that it can be stopped."""
    lock = FileLock(str(target.with_name(target.name + ".lock")))
    while True:
        try:
            lock.acquire(timeout=0.5, poll_interval=0.05)
            break
        except Timeout:
            report(0, 0, f"waiting for another process that is fetching {target.name}")
        except NotImplementedError as error:  # what filelock makes of a file system without locks
            raise OSError(errno.ENOTSUP, tell(messages.NO_LOCKS)) from error
    try:
        yield
    finally:
        lock.release()


def _fill(address: str, url: str, part: Path, target: Path, sha256: str, report: Report) -> None:
    """Fill ``part`` until it has this ``sha256``; WeightError when it can't be had."""
    resumed = _transfer_with_retries(address, url, part, target, report)
    got = sha256_of(part)
    if got != sha256 and resumed:
        # The start came from another version of the file, or was damaged on the disk: once more, from nothing.
        _drop(part)
        _transfer_with_retries(address, url, part, target, report)
        got = sha256_of(part)
    if got != sha256:
        size = _size(part)
        _drop(part)
        raise WeightError(
            messages.OTHER_BYTES, address=address, size=size, name=target.name, expected=sha256, got=got,
            by_hand=_by_hand(url, target),
        )  # fmt: skip


def _transfer_with_retries(address: str, url: str, part: Path, target: Path, report: Report) -> bool:
    """Fill ``part``; True when some of it was there before the last request."""
    pauses = iter(PAUSES)
    while True:
        begun = _size(part) > 0
        try:
            _transfer(address, url, part, target, report)
            return begun
        except _CutOffError as error:
            pause = next(pauses, None)
            if pause is None:
                kept = _size(part)
                advice = tell(messages.BYTES_KEPT, bytes=kept) if kept else tell(messages.CHECK_NETWORK)
                raise WeightError(
                    messages.NOT_FETCHED, name=target.name, address=address, proxy=_proxy(address), why=error.message,
                    advice=advice, by_hand=_by_hand(url, target),
                ) from error  # fmt: skip
            report(0, 0, f"{error}; trying again in {pause:g} s")
        time.sleep(pause)


def _transfer(address: str, url: str, part: Path, target: Path, report: Report) -> None:
    """One try: ask for what is missing and append it to ``part``."""
    have = _size(part)
    request = urllib.request.Request(address, headers={"User-Agent": "atelier", "Accept-Encoding": "identity"})
    validator = _validator(part)
    if have:
        request.add_header("Range", f"bytes={have}-")
        if validator.is_file():
            # When it has another version of the file by now, the server sends the whole.
            request.add_header("If-Range", validator.read_text(encoding="latin-1").strip())
    response = _open(request, url, target, have)
    if response is None:
        return
    with response:
        if response.status == 206:
            sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
            if not sent or int(sent[1]) != have:
                _drop(part)
                raise _CutOffError(messages.ANOTHER_PIECE)
            done, total = have, 0 if sent[2] == "*" else int(sent[2])
        else:
            length = response.headers.get("Content-Length", "")
            done, total = 0, int(length) if length.isdecimal() else 0
        _keep_validator(response, validator)
        free = shutil.disk_usage(part.parent).free
        if total - done > free:
            raise OSError(errno.ENOSPC, tell(messages.BYTES_MISSING, missing=total - done, free=free))
        reported = 0.0
        with part.open("ab" if done else "wb", buffering=0) as file:
            for chunk in _chunks(response):
                _write(file, chunk)
                done += len(chunk)
                # Pieces may be as small as 16 kB: nobody wants twenty thousand reports.
                if time.monotonic() - reported >= REPORT_EVERY or done == total:
                    reported = time.monotonic()
                    report(done, total, f"fetching {target.name}")
            os.fsync(file.fileno())
    if total and done != total:
        raise _CutOffError(messages.STOPPED_AT, done=done, total=total)


def _open(request: urllib.request.Request, url: str, target: Path, have: int) -> http.client.HTTPResponse | None:
    """The response to read from; None when the server has nothing beyond the ``have`` bytes."""
    # The system's certificates, and certifi's where it is installed: Python for macOS comes with none.
    context = ssl.create_default_context()
    try:
        import certifi

        context.load_verify_locations(certifi.where())
    except (ImportError, OSError):
        pass
    opener = urllib.request.build_opener(_Redirect, urllib.request.HTTPSHandler(context=context))
    try:
        response: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT)
        return response
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:
            return None  # the part is whole, or too long: its sha256 tells
        said = tell(messages.SERVER_ANSWERED, code=error.code, reason=error.reason)
        if error.code in TRANSIENT:
            raise _CutOffError(said) from error
        advice = messages.MIRROR_MAY_LACK if os.environ.get("ATELIER_MIRROR") else messages.MAY_HAVE_MOVED
        raise WeightError(
            messages.NOT_FETCHED, name=target.name, address=request.full_url, proxy="", why=said, advice=advice,
            by_hand=_by_hand(url, target),
        ) from error  # fmt: skip
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise WeightError(
                messages.NOT_TRUSTED, url=request.full_url, why=error.reason.verify_message,
                by_hand=_by_hand(url, target),
            ) from error  # fmt: skip
        why = error.reason.message if isinstance(error.reason, _CutOffError) else error.reason
        raise _CutOffError(messages.CANT_BE_REACHED, why=why) from error
    except (
        OSError,
        ValueError,
        http.client.HTTPException,
    ) as error:  # ValueError: a proxy or mirror that is no address
        raise _CutOffError(messages.CANT_BE_REACHED, why=str(error) or type(error).__name__) from error


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """What arrives, as it arrives; errors of the network become _CutOffError."""
    while True:
        try:
            chunk = response.read1(CHUNK)
        except TimeoutError as error:
            raise _CutOffError(messages.NOTHING_ARRIVED, seconds=TIMEOUT) from error
        except (OSError, http.client.HTTPException) as error:
            raise _CutOffError(messages.CONNECTION_BROKE, why=str(error) or type(error).__name__) from error
        if not chunk:
            return
        yield chunk


def _write(file: IO[bytes], chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _validator(part: Path) -> Path:
    """Where the version of the file that ``part`` was begun from is noted."""
    return part.with_name(part.name.removesuffix(".part") + ".version.part")


def _keep_validator(response: http.client.HTTPResponse, validator: Path) -> None:
    tag = response.headers.get("ETag", "")
    if not tag.startswith('"'):  # If-Range takes no weak tags
        tag = response.headers.get("Last-Modified", "")
    if tag:
        validator.write_text(tag, encoding="latin-1", errors="replace")
    else:
        validator.unlink(missing_ok=True)


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator(part).unlink(missing_ok=True)


def _proxy(address: str) -> Message | str:
    """The proxy in use, for messages, without the password that its address may hold."""
    parts = urlsplit(address)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return tell(messages.THROUGH_PROXY, proxy=proxy.rpartition("@")[2])


def _by_hand(url: str, target: Path) -> Message:
    return tell(messages.GET_BY_HAND, url=url, folder=target.parent)
