"""What it takes to make a result again, as it is kept in the result's file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from editing import __version__
from editing.weights.catalogue import Weight
from editing.weights.files import digest


def recipe_of(task: str, options: Any, weights: Iterable[Weight], **changed: Any) -> dict[str, Any]:
    """Task, options (a dataclass), weights with name and sha256, version, as plain JSON.

    ``changed`` are options as they turned out. :func:`editing.options.read` reads the options again.
    """
    return {
        "task": task,
        "options": json.loads(json.dumps(asdict(options) | changed)),  # lists where there are tuples
        "weights": [{"name": weight.name, "sha256": digest(weight)} for weight in weights],
        "version": __version__,
    }
