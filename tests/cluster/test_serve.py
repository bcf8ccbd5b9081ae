"""What the page on a cluster refuses before a cluster begins."""

from __future__ import annotations

import socket

import pytest

from editing.cluster import serve
from editing.errors import OptionError


def test_a_port_that_somebody_listens_on_is_refused() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as Ray's proxy does, which would let another in
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OptionError, match=f"127.0.0.1:{port} already"):
            serve.check_port("127.0.0.1", port)
    serve.check_port("127.0.0.1", port)


def test_no_replicas_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--replicas", "0"]) == 2
    assert "--replicas is 0" in capsys.readouterr().err
