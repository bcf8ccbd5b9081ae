"""The converted networks: the shapes they are used with, and bytes that become numbers."""

from __future__ import annotations

import torch

from editing.networks.recogniser import Landmarks, Recogniser, numbers_of


def test_shapes() -> None:
    with torch.no_grad():
        assert Recogniser().eval()(torch.rand(2, 3, 150, 150)).shape == (2, 128)
        assert Landmarks().eval()(torch.rand(2, 3, 112, 112)).shape == (2, 68, 2)


def test_bytes_become_numbers() -> None:
    state = {
        "a.weight": torch.tensor([0, 255], dtype=torch.uint8), "a.weight.range": torch.tensor([0.5, -1.0]),
        "b": torch.tensor([2.5]),
    }  # fmt: skip
    numbers = numbers_of(state)
    assert list(numbers) == ["a.weight", "b"]
    assert numbers["a.weight"].tolist() == [-1.0, 126.5]
    assert numbers["b"].tolist() == [2.5]
