"""``python -m editing.cluster.serve``: the page, with its pipelines on the machines of a Ray cluster.

Host and port: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, as of ``python app.py``. Ctrl-C takes it down.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from collections.abc import Sequence

from editing import messages
from editing.cli.common import DONE, answered
from editing.cluster.join import join
from editing.errors import OptionError
from editing.settings import whole_number


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the page until Ctrl-C; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m editing.cluster.serve", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--ray", default="", metavar="ADDRESS",
        help="HOST:PORT of the cluster's head; default: the cluster of this machine, or else this machine alone",
    )  # fmt: skip
    parser.add_argument(
        "--replicas", type=int, metavar="N", help="jobs at once, at most (default: what the cluster has place for)"
    )
    arguments = parser.parse_args(argv)
    return answered(lambda: _serve(arguments.ray, arguments.replicas))


def check_port(host: str, port: int) -> None:
    """Raise OptionError where somebody listens on ``port``: Ray's proxy would share it with them without a word."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what was served here a minute ago is no hindrance
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OptionError(messages.PORT_TAKEN, host=host, port=port) from error


def _serve(address: str, replicas: int | None) -> int:
    if replicas is not None and replicas < 1:
        raise OptionError(messages.NO_REPLICAS, count=replicas)
    host, port = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), whole_number("GRADIO_SERVER_PORT", 7860)
    check_port(host, port)
    join(address)

    import ray
    from ray import serve

    from editing.cluster.replicas import NAME, application

    try:
        serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})
        serve.run(application(replicas), name=NAME)
        sys.stdout.write(f"http://{host}:{port}\n")
        sys.stdout.flush()
        threading.Event().wait()
    except KeyboardInterrupt:
        return DONE
    finally:
        serve.shutdown()
        ray.shutdown()
    return DONE


if __name__ == "__main__":
    sys.exit(main())
