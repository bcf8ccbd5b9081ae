"""Directions by what they change: the arithmetic on made-up measures, and the shipped generator's own."""

from __future__ import annotations

import numpy as np
import pytest

from editing.pipelines import generate
from editing.training import directions

RNG = np.random.default_rng(0)
W = RNG.standard_normal((4000, 6)) @ RNG.standard_normal((6, 6))
SLOPES = RNG.standard_normal((6, 3))
VALUES = W @ SLOPES + 0.1 * RNG.standard_normal((4000, 3)) + 5


def test_a_step_moves_its_own_measure_alone() -> None:
    found = directions.steps(W, VALUES)
    moved = found @ SLOPES / VALUES.std(0)
    np.testing.assert_allclose(moved, np.eye(3), atol=0.15)


def test_what_fills_up_has_nothing_of_the_named() -> None:
    named = directions.steps(W, VALUES)
    covariance = np.cov(W.T)
    components = np.linalg.cholesky(covariance).T
    found = directions.fill_up(named, np.vstack([named[:1], components]), covariance, 5)
    np.testing.assert_array_equal(found[:3], named)
    assert found.shape == (5, 6)
    inner = np.linalg.inv(covariance)
    np.testing.assert_allclose(found[3:] @ inner @ named.T, 0, atol=1e-9)
    np.testing.assert_allclose(np.diag(found[3:] @ inner @ found[3:].T), 1)


@pytest.mark.parametrize("number", range(len(directions.NAMES)))
def test_the_shipped_names_say_what_changes(number: int) -> None:
    network = generate.load()
    assert network.names[number] == directions.NAMES[number]
    for seed in (11, 12):
        ends = [
            directions.measures(network.draw(network.latent(seed), 0.7, [0.0] * number + [step])) for step in (-2, 2)
        ]
        assert ends[0][number] < ends[1][number]
