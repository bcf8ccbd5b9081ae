"""``--ray``: a command's pictures and clips on the machines of a Ray cluster, by Ray Data.

The command itself stays what it is: every worker runs it on one file at a time, as if that were all that had been asked
for, and what it says is told here, in the order of the files. So options, outcomes, names and exit codes are those of
one machine. All machines need Atelier, the same weights, and the folders of the inputs and of OUT under the same names.

A file is a row in a block of its own: one that can't be read fails alone, and so does one that brings down the process
which works on it: it is tried three times, the last times with nothing else beside it. Where a whole machine goes, what
it had at hand is done elsewhere. A result appears complete or not at all, so that what was done twice is there once.

A clip takes three rounds: one worker goes through its frames and notes where it can be cut, all do its pieces, and one
joins them (see ``editing.pipelines.clips``).
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import io
import json
import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from editing import __version__, messages
from editing.cli import common
from editing.cli.targets import PIPE, Batch
from editing.cluster.join import join, places, settle_in
from editing.cluster.manifest import Manifest
from editing.errors import EditingError, Stopped
from editing.messages import tell

TRIES = 3  # a picture is begun at most so often
_MADE_HERE = ("inputs", "output", "run", "each")  # of the arguments: no settings
_OF_NAMES = ("format", "name", "suffix", "recursive")  # what a worker, whose OUT is a file, can't use


def run(arguments: argparse.Namespace) -> int:
    """Run the command of ``arguments`` with its loop over files on the cluster; gives the exit code."""
    began = join(arguments.ray)
    try:
        arguments.each = partial(_each, arguments)
        return int(arguments.run(arguments))
    finally:
        if began:
            import ray

            ray.shutdown()


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A row: a file to be done, or a piece of a clip; ``whole`` says that it is not to be looked at as a clip again."""

    number: int  # of the file
    source: str
    target: str
    piece: tuple[int, int] | None = None
    whole: bool = False
    tries: int = 0

    @property
    def key(self) -> str:
        return f"{self.number} {self.piece}"


def _each(arguments: argparse.Namespace, batch: Batch, job: Callable[[Path, Path], common.Told]) -> int:
    """As :func:`common.each`, whose place it takes; ``job`` is made anew by every worker."""
    if PIPE in (*arguments.inputs, arguments.output):  # a file of this machine alone
        return common.each(batch, job)
    pairs = batch.pairs
    for file, remark in batch.notices:
        sys.stderr.write(f"{file.name}: {remark}\n")
    asked = _asked(arguments)
    manifest = Manifest(arguments.output, asked)
    told = _Told(pairs)
    if manifest.anew:
        sys.stderr.write(f"{tell(messages.MANIFEST_ANEW, name=manifest.path.name)}\n")
    tasks = []
    for number, (source, target) in enumerate(pairs):
        if row := manifest.done(source, target):
            told.take(number, 0, row["out"], row["err"])
        else:
            tasks.append(_Task(number=number, source=str(source), target=str(target)))
    if told.done:
        sys.stderr.write(f"{tell(messages.DONE_BEFORE, done=told.done, count=len(pairs))}\n")
    told.tell()
    rounds = _Rounds(arguments, asked)
    with contextlib.closing(manifest), common.Bar(arguments.output.name, "picture") as report:
        report(told.done, len(pairs))
        try:
            for number, code, out, err in rounds.outcomes(tasks):
                full = code != common.DONE and _says_full(err)
                if code == common.DONE:
                    try:
                        manifest.note(*pairs[number], {"out": out, "err": err})
                    except OSError as error:
                        full = _is_full(error)
                        if not full:
                            raise
                told.take(number, code, out, err)
                told.tell()
                report(told.done, len(pairs))
                if full:
                    told.tell(all_of_them=True)
                    folder = pairs[number][1].parent
                    raise EditingError(messages.BATCH_DISK_FULL, folder=folder, done=told.done, count=len(pairs))
        except KeyboardInterrupt:
            told.tell(all_of_them=True)
            raise Stopped(messages.BATCH_STOPPED, done=told.done, count=len(pairs)) from None
    told.tell(all_of_them=True)
    return told.code


class _Told:
    """What the workers said, told in the order of the files; what is said of weights, once at the end."""

    def __init__(self, pairs: Sequence[tuple[Path, Path]]) -> None:
        self.pairs = pairs
        self.code, self.done, self._next = common.DONE, 0, 0
        self._held: dict[int, tuple[str, str]] = {}
        self._more: dict[str, None] = {}

    def take(self, number: int, code: int, out: str, err: str) -> None:
        """Outcome of file ``number``."""
        self._held[number] = out, err
        self.done += code == common.DONE
        self.code = self.code if code == common.DONE else common.FAILED

    def tell(self, *, all_of_them: bool = False) -> None:
        """Tell what follows what was told before; or all that is known, and that is all."""
        known = sorted(self._held) if all_of_them else iter(range(self._next, len(self.pairs)))
        for number in known:
            if number not in self._held:
                break
            out, err = self._held.pop(number)
            self._next = number + 1
            name = self.pairs[number][0].name
            for line in err.splitlines(keepends=True):
                if line.startswith((f"{name}: ", "editing: ")):
                    sys.stderr.write(line)
                else:
                    self._more[line] = None
            sys.stdout.write(out)
            sys.stdout.flush()
        if all_of_them:
            sys.stderr.write("".join(self._more))


def _asked(arguments: argparse.Namespace) -> str:
    """A sha256 of all that a result depends on beside its input: settings, version and weights."""
    from editing.weights.catalogue import CATALOGUE
    from editing.weights.files import digest, path_of
    from editing.weights.find import find_weight

    left_out = (*_MADE_HERE, *_OF_NAMES, "ray")
    given = {name: str(value) for name, value in vars(arguments).items() if name not in left_out}
    files = [Path(value) for value in given.values() if Path(value).is_file()]  # a mask, a style
    weights = [weight for weight in CATALOGUE if path_of(weight)]
    if "model" in arguments and arguments.model not in ("auto", *(weight.name for weight in weights)):
        weights.append(find_weight(arguments.model))
    text = {
        "command": arguments.run.__module__, "version": __version__, "given": sorted(given.items()),
        "files": sorted(f"{file.stat().st_size} {file.stat().st_mtime_ns}" for file in files),
        "weights": sorted(digest(weight) for weight in weights),
    }  # fmt: skip
    return hashlib.sha256(json.dumps(text).encode()).hexdigest()


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _says_full(err: str) -> bool:
    """Whether a command said that it can't write for want of room: of a picture in our words, of a clip in FFmpeg's."""
    ours = messages.DISK_FULL.en.partition("}")[2]
    return any(words in err for words in (ours, os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT)))


# ---- on the cluster --------------------------------------------------------------------------------------------------


class _Rounds:
    """Runs rows by Ray Data, round after round: of clips there are three, and what was lost is done again."""

    def __init__(self, arguments: argparse.Namespace, asked: str) -> None:
        kept = {name: value for name, value in vars(arguments).items() if name not in _MADE_HERE + _OF_NAMES}
        self.arguments = argparse.Namespace(**kept, run=arguments.run, each=common.each)
        self.asked = asked
        self.clips: dict[int, tuple[_Task, set[tuple[int, int]]]] = {}  # what is missing of each

    def outcomes(self, tasks: list[_Task]) -> Iterator[tuple[int, int, str, str]]:
        """Number, exit code, and what was said, of each file, as they come."""
        while tasks:
            missing = {task.key: task for task in tasks}
            following: list[_Task] = []
            for key, row in self._run(tasks):
                task = missing.pop(key, None)
                if task is None:
                    continue
                if row.get("stop"):
                    raise EditingError(row["stop"])
                yield from self._after(task, row, following)
            for task in missing.values():
                if task.tries + 1 < TRIES:
                    following.append(replace(task, tries=task.tries + 1))
                    continue
                if task.piece is not None and self.clips.pop(task.number, None) is None:
                    continue  # another piece of it was lost, too
                said = tell(messages.WORKER_LOST, name=Path(task.source).name, times=TRIES)
                line = json.dumps({"input": task.source, "error": str(said)}) + "\n"
                yield task.number, common.FAILED, line if "json" in self.arguments else "", f"editing: {said}\n"
            tasks = [task for task in following if task.piece is None or task.number in self.clips]

    def _after(self, task: _Task, row: dict[str, Any], following: list[_Task]) -> Iterator[tuple[int, int, str, str]]:
        """What a row's end means: the outcome of its file, or rows of the next round."""
        code, pieces = row["code"], [(first, last) for first, last in row["pieces"]]
        outcome = task.number, code, row["out"], row["err"]
        if task.piece is not None:
            if task.number not in self.clips:  # it has failed already
                return
            clip, left = self.clips[task.number]
            left.discard(task.piece)
            if code != common.DONE:
                del self.clips[task.number]
                yield outcome
            elif not left:
                del self.clips[task.number]
                following.append(replace(clip, whole=True, tries=0))
        elif code == common.DONE and pieces:
            self.clips[task.number] = task, set(pieces)
            following += [replace(task, piece=piece, tries=0) for piece in pieces]
        else:
            yield outcome

    def _run(self, tasks: list[_Task]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows that come back, each with its key; of those that do not, a process or a machine has gone."""
        import ray.data
        from ray.exceptions import RayError
        from ray.util.annotations import RayDeprecationWarning

        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.max_errored_blocks = -1  # a block that is lost is a row that is missing: see above
        room = places()
        alone = any(task.tries for task in tasks)  # the one that ends its process takes none with it
        pool = ray.data.ActorPoolStrategy(
            min_size=1, initial_size=min(room.count, len(tasks)), max_size=len(tasks),
            max_tasks_in_flight_per_actor=1 if alone else 2,
        )  # fmt: skip
        rows = [
            {"key": task.key, "task": json.dumps([task.source, task.target, task.piece, task.whole])} for task in tasks
        ]
        with warnings.catch_warnings():
            # Until Ray 2.64; by default a row that ends its process would be tried for ever, and one whose machine has
            # gone would wait for another.
            warnings.simplefilter("ignore", RayDeprecationWarning)
            done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
                _Worker, fn_constructor_args=(self.arguments, self.asked, str(Path.cwd())), compute=pool,
                max_restarts=-1, max_task_retries=0, **room.options,
            )  # fmt: skip
        try:
            for block in done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for row in block.to_pylist():
                    yield row["key"], json.loads(row["row"])
        except RayError as error:
            raise EditingError(messages.CLUSTER_BROKE, reason=str(error).strip().splitlines()[-1]) from error


class _Worker:
    """What runs in a process of the cluster: the command, on one file at a time."""

    def __init__(self, arguments: argparse.Namespace, asked: str, folder: str) -> None:
        settle_in(folder)
        self.arguments, self.stop = arguments, ""
        if _asked(arguments) != asked:
            self.stop = str(tell(messages.OTHER_ATELIER, host=socket.gethostname()))

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        source, target, piece, whole = json.loads(row["task"])
        said: dict[str, Any] = {"stop": self.stop}
        if not self.stop:
            said |= self._do(Path(source), Path(target), piece, whole)
        return {"key": row["key"], "row": json.dumps(said)}

    def _do(self, source: Path, target: Path, piece: list[int] | None, whole: bool) -> dict[str, Any]:
        from editing.pipelines.clips import in_pieces

        given = argparse.Namespace(**vars(self.arguments), inputs=[source], output=target)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.ExitStack() as stack:
            cut = None if whole else stack.enter_context(in_pieces((piece[0], piece[1]) if piece else None))
            try:
                code = common.answered(lambda: given.run(given))
            except Exception as error:  # a bug, and no reason to do it again
                said = " ".join(str(error).split())[:200]
                code = common.fail(
                    tell(messages.UNEXPECTED, name=source.name, kind=type(error).__name__, place="?", error=said)
                )
        # What is refused before the loop is told of the command, which here is of this file.
        told = "".join(
            line.replace("editing: ", f"editing: {source.name}: ", 1)
            if line.startswith("editing: ") and source.name not in line else line
            for line in err.getvalue().splitlines(keepends=True)
        )  # fmt: skip
        return {"code": code, "out": out.getvalue(), "err": told, "pieces": cut.found if cut else []}
