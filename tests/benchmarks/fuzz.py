"""Atheris (libFuzzer) on the readers that are our own: ``python tests/benchmarks/fuzz.py READER SECONDS``; by hand.

``pip install atheris``. READER is ncnn, torchscript, tags or structure. What ends in anything but words of ours, takes
longer than ten seconds or more than 2 GB is a finding: it becomes a case of ``tests/hostile.py``.
"""

from __future__ import annotations

import io
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

import atheris

with atheris.instrument_imports(include=["editing.weights", "editing.pictures"]):
    from editing.pictures import bounds, gif, tags
    from editing.pictures.read import probe_picture, read_metadata
    from editing.weights import ncnn, torchscript

import contextlib

import hostile

from editing.errors import EditingError, ImageError, WeightError
from editing.pictures.picture import Header
from editing.pictures.tags import Source

FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def of_ncnn(data: bytes) -> None:
    """A ``.param`` behind its magic number, and a ``.bin`` of the size that it asks for where that is small."""
    file = FOLDER / "net.param"
    file.write_bytes(b"7767517\n" + data)
    try:
        network = ncnn.describe(file)
        if network.bin_bytes[0] < 100_000:
            file.with_suffix(".bin").write_bytes(bytes(network.bin_bytes[1]))
            ncnn.read(file, file.with_suffix(".bin"))
    except WeightError:
        pass


def of_torchscript(data: bytes) -> None:
    """A pickle in the archive's place for one, with numbers beside it."""
    file = FOLDER / "net.pt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data.pkl", data)
        archive.writestr("m/data/0", bytes(64))
    with contextlib.suppress(WeightError):
        torchscript.read(file)


def of_tags(data: bytes) -> None:
    """EXIF, XMP and recipes as they stand in a file."""
    kind, data = data[:1], data[1:]
    if kind < b"\x40":
        image = type("Image", (), {"info": {"exif": b"Exif\0\0" + data}})()
        header = Header(format="PNG", width=1, height=1, mode="L", depth=8, frames=1)
        found = tags.read_exif(Source(name="a", file=io.BytesIO(), header=header, image=image))
        assert bounds.exif_is_bounded(data) in (True, False)
        if found is not None:
            with contextlib.suppress(Exception):  # Pillow's writer; its callers leave out what it can't write
                tags.pack_exif(found)
    elif kind < b"\x80":
        cleaned = tags.xmp_without_gps(data)
        assert cleaned is None or b"GPS" not in cleaned
        tags.upright_xmp(data)
    else:
        found = tags.parse_recipe(data.decode("utf-8", "replace"), wrapped=kind < b"\xc0")
        assert found is None or isinstance(found, dict)


HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"BM", b"RIFF")


def of_structure(data: bytes) -> None:
    """A file's structure, walked over before its decoder sees it; and by that, without its pixels."""
    if not data:
        return
    file = FOLDER / "a"
    file.write_bytes(HEADS[data[0] % len(HEADS)] + data[1:])
    with file.open("rb") as opened:
        try:
            bounds.check_structure("a", opened, 10**6)
            gif.without_long_comments(opened)
        except ImageError:
            pass
    for look in (probe_picture, read_metadata):
        with contextlib.suppress(EditingError):
            look(file)


def seeds(reader: str) -> list[bytes]:
    if reader == "ncnn":
        return [param.partition("\n")[2].encode() for _, param, _ in hostile.ncnn_pairs() if len(param) < 9000]
    if reader == "torchscript":
        found = []
        for _, data in hostile.archives():
            if zipfile.is_zipfile(io.BytesIO(data)):
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    found += [archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")]
        return found
    if reader == "tags":
        from made_pictures import XMP, exif

        return [b"\0" + exif(orientation=6)[6:], b"\0" + hostile.overlapping_exif(9, 99)[6:], b"\x50" + XMP,
                b"\xd0" + b'{"task": 1}', b"\xa0" + b'{"atelier": {}}']  # fmt: skip
    heads = list(enumerate(HEADS))
    whole = hostile.whole_pictures().values()
    return [struct.pack("B", n) + data[len(head) :] for data in whole for n, head in heads if data[:2] == head[:2]]


READERS: dict[str, Callable[[bytes], None]] = {
    "ncnn": of_ncnn, "torchscript": of_torchscript, "tags": of_tags, "structure": of_structure
}  # fmt: skip

if __name__ == "__main__":
    reader, seconds = sys.argv[1], sys.argv[2]
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds(reader)):
        (corpus / str(number)).write_bytes(seed)
    flags = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2500", "-max_len=4000", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={FOLDER}/", str(corpus)], READERS[reader])
    atheris.Fuzz()
