"""Results are handed out by paths that are signed and end; others are refused, however they are written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from editing.ui import clips, handlers, links, page
from ui.visitor import Visitor


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    links._secret.cache_clear()
    yield tmp_path
    links._secret.cache_clear()


def asked(path: object, route: str = "/gradio_api/file=") -> int:
    """What a request for a file is answered with; 200 is Gradio's own affair."""
    answers: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        answers.extend([message["status"]] if "status" in message else [])

    asyncio.run(links.SignedLinks(app)({"type": "http", "path": f"{route}{path}"}, None, send))  # type: ignore[arg-type]
    return answers[0]


def result() -> Path:
    file = handlers.new_folder(Visitor()) / "cat-x2.png"
    file.write_text("a picture")
    return file


def test_what_is_handed_out_can_be_had_for_half_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    file = result()
    deeper = file.parent / "version" / "cat.png"
    for route in ("/gradio_api/file=", "/gradio_api/file/", "/atelier/gradio_api/file=", "/some/file/gradio_api/file="):
        assert asked(file, route) == asked(deeper, route) == 200
    now = links.time.time()
    monkeypatch.setattr(links.time, "time", lambda: now + links.LASTS - 5)
    assert asked(file) == 200
    monkeypatch.setattr(links.time, "time", lambda: now + links.LASTS + 5)
    assert asked(file) == asked(deeper) == 403


def test_a_path_that_was_made_up_is_refused(files: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = result()
    folder, session = file.parent, file.parent.parent
    random, ends, mark = folder.name.split("-")
    later = f"{int(ends, 16) + 9999:x}"
    plain = session / "plain" / "cat.png"
    plain.parent.mkdir()
    plain.write_text("a picture")
    elsewhere = tmp_path_factory.mktemp("other") / "link"
    elsewhere.symlink_to(session)
    other = handlers.new_folder(Visitor("another")).parent
    for path in (
        plain, session / file.name, session / f"{random}-{later}-{mark}" / file.name,
        session / f"{random}-{ends}-{'0' * 24}" / file.name, other / folder.name / file.name,
        f"{folder}/../plain/cat.png", f"/bin/..{plain}", f"{session}/./plain/cat.png", f"/{plain}",
        elsewhere / "plain" / "cat.png", session / folder.name,
    ):  # fmt: skip
        assert asked(path) == 403, path
        assert asked(path, "/a/file/gradio_api/file=") == 403, path
    assert asked(elsewhere / folder.name / file.name) == 200


def test_uploads_and_all_else_are_left_to_gradio(files: Path) -> None:
    upload = files / ("ab" * 32) / "cat.png"
    for path in (upload, "/etc/passwd", "https://example.com/file=a", "relative.png", "a\0b"):
        assert asked(path) == 200
    assert asked("", "/gradio_api/info") == 200
    assert links.SignedLinks in [kind.cls for kind in page.launch_options()["app_kwargs"]["middleware"]]


def test_another_process_has_another_secret_unless_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    file = result()
    links._secret.cache_clear()  # as in another process
    assert asked(file) == 403
    monkeypatch.setenv("ATELIER_LINK_KEY", "of all replicas")
    links._secret.cache_clear()
    file = result()
    links._secret.cache_clear()
    assert asked(file) == 200


def test_a_finished_clip_is_handed_out_too(files: Path) -> None:
    (files / "clip.gif").write_text("frames")
    path = clips.linked(str(files / "clip.gif"), Visitor())

    def work(source: Path, target: Path, report: Any) -> None:
        target.write_text("frames")

    made, _, _ = clips.run(path, "clip-x2.gif", work, Visitor(), lambda *_, **__: None)  # type: ignore[arg-type]
    assert asked(made) == 200
    assert asked(path) == 403  # nobody is given it
