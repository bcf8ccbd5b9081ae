"""What all tests share: a cache folder of their own, and a few real pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or writes the user's own downloads and measurements."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATELIER_CACHE", str(folder))
        patch.delenv("ATELIER_WEIGHTS", raising=False)
        yield folder


@pytest.fixture(scope="session")
def astronaut() -> npt.NDArray[np.uint8]:
    """(512, 512, 3): a photograph in the public domain, from scikit-image."""
    from skimage import data

    return np.asarray(data.astronaut())
