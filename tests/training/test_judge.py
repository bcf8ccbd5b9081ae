"""What tells noise: samples are what they say they are, and a small training tells them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from editing.pipelines import noise
from editing.training import judge
from editing.training.data import find_pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 smooth pictures."""
    root = tmp_path_factory.mktemp("smooth")
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:190, 0:200]
    for i in range(18):
        a, b, c = random.uniform(0.01, 0.05, 3)
        picture = np.stack([128 + 90 * np.sin(a * x + c * y + k) * np.cos(b * y) for k in range(3)], 2)
        Image.fromarray(picture.astype(np.uint8)).save(root / f"{i:02d}.png")
    return root


def test_samples_are_what_they_are_called(folder: Path) -> None:
    pictures = find_pictures(folder)
    made = [judge.make_sample(pictures, seed) for seed in range(60)]
    assert {kind for _, kind, _ in made} == set(judge.KINDS)
    for picture, kind, sigma in made:
        assert picture.dtype == np.uint8
        assert (sigma == 0) == (kind in ("none", "compressed"))
        if kind == "white" and sigma > 3:
            assert noise.white(picture) == pytest.approx(sigma, rel=0.25, abs=0.5)
        if kind == "none":
            assert noise.white(picture) < 1
    again = judge.make_sample(pictures, 7)
    assert np.array_equal(again[0], made[7][0])


def test_it_learns_and_is_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "noise.safetensors"
    assert judge.main(["--data", str(folder), "--samples", "150", "--steps", "300", "--out", str(out)]) == 0
    state = load_file(out)
    assert {name: value.shape for name, value in state.items()}["first.weight"] == torch.Size([72, 40])
    monkeypatch.setattr(noise, "_judge", lambda: {name: value.double().numpy() for name, value in state.items()})
    pictures = find_pictures(folder)
    right, logs = [], []
    for seed in range(150):
        picture, kind, sigma = judge.make_sample(pictures, seed)
        if sigma > 5:
            found = noise.judge(picture)
            right.append((found.kind == "white") == (kind == "white"))
            logs.append(abs(np.log(max(found.sigma, 1) / sigma)))
    assert np.mean(right) > 0.75
    assert np.median(logs) < 0.3


def test_a_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge.main(["--data", str(tmp_path / "none"), "--out", str(tmp_path / "x")]) == 1
    assert "is not a folder" in capsys.readouterr().err
