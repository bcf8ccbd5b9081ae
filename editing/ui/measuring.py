"""What the networks that are used unasked cost, measured behind the page before anybody asks what a run will take."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from editing.costs import NotMeasuredError
from editing.errors import EditingError
from editing.faces import restore
from editing.pipelines import damage, fill, stylize, upscale

log = logging.getLogger(__name__)
_AGAIN = 5.0  # seconds after which it is tried again where the machine was taken
_DEFAULTS: tuple[Callable[[], object], ...] = (
    lambda: upscale.load("auto").cost(wait=False),
    lambda: upscale.load(upscale.BETTER).cost(wait=False),
    lambda: stylize.load().cost(wait=False),
    lambda: restore.load_restorer().seconds(wait=False),
    lambda: fill.seconds(1, wait=False),
    lambda: damage.load().cost(wait=False),
    lambda: upscale.load("denoise").cost(wait=False),
)


def measure(pause: Callable[[float], object] = time.sleep) -> None:
    """Measure each once, when nobody wants the machine; what is known already takes no time but that of loading."""
    for cost in _DEFAULTS:
        while True:
            try:
                cost()
            except NotMeasuredError:
                pause(_AGAIN)
                continue
            except EditingError as error:  # a weight that is missing: its tab says so
                log.info("not measured: %s", error)
            break


def begin() -> None:
    """Do so beside whatever else the process does, and end with it."""
    threading.Thread(target=measure, name="measuring", daemon=True).start()
