"""Doctor: how fast, how close, and what may be said to whom."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from editing import doctor
from editing.__main__ import main
from editing.doctor import Speed
from editing.errors import ImageError
from editing.pictures.picture import Picture
from editing.weights.find import find_weight


def test_models_are_compared_on_the_middle_of_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    cat = np.ascontiguousarray(data.chelsea()[:150, :203])
    monkeypatch.setattr(doctor, "LARGEST", 96)
    monkeypatch.setattr(doctor, "weights_for", lambda *_: [find_weight("photo-exact"), find_weight("general")])
    bicubic, exact = doctor.closeness(Picture(pixels=cat))
    middle = cat[27:123, 53:149]
    small = Image.fromarray(middle).resize((24, 24), Image.Resampling.BICUBIC)
    plain = np.asarray(small.resize((96, 96), Image.Resampling.BICUBIC))
    luma = [(pixels @ [65.481, 128.553, 24.966] / 255 + 16)[4:-4, 4:-4] for pixels in (plain, middle)]
    want = 10 * math.log10(255**2 / np.mean((luma[0] - luma[1]) ** 2))
    assert (bicubic.model, exact.model) == ("bicubic", "photo-exact")  # the other isn't here
    assert bicubic.psnr == pytest.approx(want, abs=0.01)
    assert exact.psnr > bicubic.psnr + 0.5
    assert bicubic.ssim < exact.ssim < 1
    deep = Picture(pixels=cat[..., :1].astype(np.uint16) * 257)
    assert next(doctor.closeness(deep)).psnr > 20  # gray, and 16 bits
    with pytest.raises(ImageError, match="203x30 pixels"):
        next(doctor.closeness(Picture(pixels=cat[:30])))


def test_the_command_says_how_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "checks", lambda: iter(()))
    monkeypatch.setattr(doctor, "weights_for", lambda *_: [find_weight("photo-exact")])
    Image.fromarray(data.chelsea()[100:180, 100:180]).save(tmp_path / "a.png")
    assert main(["doctor", "--picture", str(tmp_path / "a.png")]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["photo-exact", "bicubic"]  # the closest first
    assert float(rows[0][1]) > float(rows[1][1])
    assert main(["doctor", "--picture", str(tmp_path / "b.png")]) == 1


def test_bars_show_the_logarithm_of_the_time() -> None:
    found = [Speed("a", "fp32", seconds, 1e9) for seconds in (0.1, 1.0, 10.0)]
    assert doctor.bars(found, 21) == [1, 11, 21]
    assert doctor.bars(found[:1], 21) == [21]
    assert doctor.bars([], 21) == []


def test_what_could_be_added_is_said_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.importlib.util.find_spec
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None if name in doctor.MORE else real(name))
    monkeypatch.setattr(doctor, "weights_for", lambda *_: [find_weight("general")])
    found = list(doctor.checks())
    assert all(check.ok for check in found)
    for command in (*(command for _, command in doctor.MORE.values()), "python -m editing weights fetch general"):
        assert [check for check in found if command in check.text and command in check.message.to("zh")], command
