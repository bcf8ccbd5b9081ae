"""The page and its pipelines as Ray Serve's deployments: one process has the page, others do what it asks for.

The page does not know. ``runtime`` sends what a job computes to a replica of :class:`Pipelines`, which runs it as it
would have been run here; its reports come back one by one, and Stop goes there by Serve's own cancelling. Pictures go
through Ray's object store, and nobody else sees them; files that options name (a style, a clip) are read where the
replica runs, so ``GRADIO_TEMP_DIR`` has to be a folder that all machines share.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

from editing import messages, runtime
from editing.cluster.join import places
from editing.elsewhere import ENDS, Event, LostError, Running, Sender, followed
from editing.errors import EditingError
from editing.report import silent

NAME = "atelier"
TRIES = 3  # a job whose replica has gone is begun anew so often
_WAITING = 10_000  # connections of browsers that the page holds


class Pipelines:
    """A replica: does one job at a time."""

    async def __call__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncIterator[Event]:
        """Run a pipeline's function; the last event is "made" or "failed". Cancelled, it ends at its next report."""
        loop, running = asyncio.get_running_loop(), Running(function, args, kwargs)
        try:
            while True:
                event = await loop.run_in_executor(None, running.events.get)
                yield event
                if event[0] in ENDS:
                    return
        finally:
            await asyncio.shield(loop.run_in_executor(None, running.stop))  # or the next job would run beside it


class Elsewhere(Sender):
    """What :func:`runtime.send_elsewhere` takes: does a call on whichever replica is free. ``handle`` is Serve's."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle.options(stream=True)

    def _run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Generator[Any, None, Any]:
        from ray.exceptions import RayActorError

        report = kwargs.pop("report", silent)
        given = 0  # parts; a job that is begun anew gives the same again
        for _ in range(TRIES):
            response = self.handle.remote(function, args, kwargs)
            parts, done = 0, followed(response, report)
            try:
                while True:
                    part = next(done)
                    parts += 1
                    if parts > given:
                        given = parts
                        yield part
            except StopIteration as end:
                return end.value
            except (RayActorError, LostError):
                continue
            except BaseException:
                response.cancel()
                raise
        raise EditingError(messages.REPLICA_LOST, times=TRIES)


def application(most: int | None = None, least: int = 1) -> Any:
    """The page with ``least`` to ``most`` replicas of its pipelines (None: as many as there is place for), for
    ``serve.run``; they are as many as jobs are asked for.
    """
    from ray import serve

    room = places()
    most = max(least, most or room.count)
    scaling = {
        "min_replicas": least, "max_replicas": most, "target_ongoing_requests": 1, "upscale_delay_s": 2,
    }  # fmt: skip
    pipelines = serve.deployment(
        name="Pipelines", max_ongoing_requests=1, autoscaling_config=scaling, ray_actor_options=room.options
    )(Pipelines)

    def page() -> Any:
        from ray import serve

        from editing.cluster.replicas import page_app

        return page_app(serve.get_deployment_handle("Pipelines", app_name=NAME), most)

    variables = {"runtime_env": room.options["runtime_env"], "num_cpus": 0}  # what it does itself is little
    shown = serve.deployment(name="Page", num_replicas=1, max_ongoing_requests=_WAITING, ray_actor_options=variables)(
        serve.ingress(page)()
    )
    return shown.bind(pipelines.bind())


def page_app(handle: Any, at_once: int) -> Any:
    """The page as a FastAPI application, in a process that sends all heavy work to ``handle``."""
    import gradio as gr
    from fastapi import FastAPI

    from editing.ui import page

    runtime.send_elsewhere(Elsewhere(handle))
    return gr.mount_gradio_app(FastAPI(), page.build(at_once=at_once), path="/", **page.launch_options())
