"""Joining a Ray cluster, and what each of its workers is given."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editing import messages
from editing.errors import EditingError
from editing.settings import whole_number

# Read when Ray is imported: it tells its makers nothing, and writes nothing among a command's answers.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
MEMORY = 2_000_000_000  # bytes a worker takes at most for a picture of 12 megapixels: no more of them on a machine


def join(address: str | None) -> bool:
    """Connect to the cluster at ``address`` ("" or None: the one of this machine, or else a new one of it alone).

    Gives whether it was this call that did. Nothing is told to Ray's makers, and Ray itself says nothing. Raises
    EditingError where Ray is not installed or no cluster answers.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise EditingError(messages.NO_RAY) from error
    if ray.is_initialized():
        return False
    try:
        with _silent():
            ray.init(address=address or None, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise EditingError(messages.NO_CLUSTER, address=address or "", reason=" ".join(str(error).split())) from error
    return True


@contextmanager
def _silent() -> Iterator[None]:
    """Without what Ray's own library writes to stderr in this block: how much it will write."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@dataclass(frozen=True, kw_only=True)
class Places:
    """How many workers the cluster has place for, and the resources that each asks for, as Ray's options."""

    count: int
    options: dict[str, Any]


def places() -> Places:
    """A worker on each GPU; or, where the cluster has none, on every ``ATELIER_THREADS`` cores (usually one).

    Single-threaded workers make the most of the cores: what does not run on all threads of one, runs beside another.
    """
    import ray

    threads = whole_number("ATELIER_THREADS", 1)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(node.get("GPU", 0) for node in nodes))
    variables = {name: value for name, value in os.environ.items() if name.startswith("ATELIER_")}
    options: dict[str, Any] = {"num_cpus": threads}
    if gpus:
        options |= {"num_gpus": 1}
        count = gpus
    else:
        variables["ATELIER_THREADS"] = str(threads)
        fitting = [min(node.get("CPU", 0) // threads, node.get("memory", 0) // MEMORY) for node in nodes]
        if sum(fitting) >= 1:  # else all machines are small, and so, it is hoped, are the pictures
            options |= {"memory": MEMORY}
            count = int(sum(fitting))
        else:
            count = int(sum(node.get("CPU", 0) // threads for node in nodes))
    if count < 1:
        raise EditingError(messages.NO_PLACE, threads=threads)
    options["runtime_env"] = {"env_vars": variables}
    return Places(count=count, options=options)


def settle_in(folder: str) -> None:
    """In a worker: relative names mean what they mean where the command was given, if that folder is shared."""
    if Path(folder).is_dir():
        os.chdir(folder)
