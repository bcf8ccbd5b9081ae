"""What a batch on a cluster remembers: whole lines, of the same settings, of files that are still the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from editing.cluster.manifest import Manifest
from editing.errors import EditingError

SAID = {"out": "made", "err": ""}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A source and what was made of it."""
    (tmp_path / "out").mkdir()
    source, target = tmp_path / "a.png", tmp_path / "out" / "a.png"
    source.write_bytes(b"source")
    target.write_bytes(b"target")
    return source, target


def opened(pair: tuple[Path, Path], asked: str = "settings") -> Manifest:
    return Manifest(pair[1].parent, asked)


def test_what_was_noted_is_done(pair: tuple[Path, Path]) -> None:
    manifest = opened(pair)
    assert manifest.done(*pair) is None
    manifest.note(*pair, SAID)
    manifest.close()
    assert manifest.path == pair[0].parent / "out.manifest.jsonl"
    again = opened(pair)
    row = again.done(*pair)
    assert row is not None
    assert row["out"] == "made"
    assert not again.anew
    again.close()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_changed_or_went_is_done_anew(pair: tuple[Path, Path], which: int, gone: bool) -> None:
    manifest = opened(pair)
    manifest.note(*pair, SAID)
    manifest.close()
    if gone:
        pair[which].unlink()
    else:
        pair[which].write_bytes(b"another")
    again = opened(pair)
    assert again.done(*pair) is None
    again.close()


def test_other_settings_begin_anew(pair: tuple[Path, Path]) -> None:
    manifest = opened(pair)
    manifest.note(*pair, SAID)
    manifest.close()
    other = opened(pair, "others")
    assert other.anew
    assert other.done(*pair) is None
    other.close()
    back = opened(pair)
    assert back.anew
    back.close()


def test_half_a_line_and_no_manifest_at_all_do_no_harm(pair: tuple[Path, Path]) -> None:
    manifest = opened(pair)
    manifest.note(*pair, SAID)
    manifest.close()
    with manifest.path.open("ab") as file:
        file.write(b'{"target": "out/b.p')
    again = opened(pair)
    assert again.done(*pair)
    again.note(*pair, SAID)
    again.close()
    assert all(line.endswith("}") for line in manifest.path.read_text().splitlines())
    manifest.path.write_bytes(b"\xff\x00 no manifest\n[1]\n")
    last = opened(pair)
    assert last.done(*pair) is None
    last.close()


def test_a_folder_that_takes_no_manifest_is_told(pair: tuple[Path, Path]) -> None:
    with pytest.raises(EditingError, match=r"out\.manifest\.jsonl"):
        Manifest(pair[0] / "out", "settings")
