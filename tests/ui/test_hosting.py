"""What a host turns on by variables: logins, budgets, tools for MCP; and the two addresses that watchers ask."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from editing import messages
from editing.errors import EditingError, OptionError
from editing.ui import budget, health, login, page
from editing.ui.security import SecurityHeaders
from editing.weights.files import path_of
from editing.weights.find import find_weight
from ui.visitor import Visitor

ROOT = Path(__file__).parent.parent.parent
HOSTING = (ROOT / "docs/hosting.md").read_text(encoding="utf-8")

# ---- logins ----------------------------------------------------------------------------------------------------------


def let_in(gate: Any, name: str, password: str) -> bool:
    return bool(asyncio.run(gate(name, password)))


def test_only_who_is_named_comes_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert login.gate() is None  # everybody
    pairs = [login.pair("anna", "correct horse"), login.pair("bob", "battery staple")]
    assert "correct" not in pairs[0]
    (tmp_path / "users").write_text("\n".join(pairs))
    for value in (" ".join(pairs), str(tmp_path / "users")):
        monkeypatch.setenv("ATELIER_AUTH", value)
        gate = page.launch_options()["auth"]
        assert let_in(gate, "anna", "correct horse")
        assert let_in(gate, "bob", "battery staple")
        assert not let_in(gate, "bob", "correct horse")
        assert not let_in(gate, "eve", "correct horse")


def test_whoever_guesses_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_AUTH", login.pair("anna", "correct horse"))
    now = [100.0]
    monkeypatch.setattr(login.time, "monotonic", lambda: now[0])
    looked = []
    monkeypatch.setattr(login, "_hashed", lambda password, salt: looked.append(password) or "x" * 64)
    gate = login.gate()
    for _ in range(20):
        assert not let_in(gate, "anna", "guess")
    assert len(looked) == 3
    now[0] += 1.1
    for _ in range(20):
        assert not let_in(gate, "anna", "guess")
    assert len(looked) == 4
    monkeypatch.undo()
    monkeypatch.setattr(login.time, "monotonic", lambda: now[0] + 3)
    assert let_in(gate, "anna", "correct horse")  # and its guesses are forgotten
    assert let_in(gate, "anna", "correct horse")


def test_names_that_nobody_can_have_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_AUTH", " ".join(login.pair(name, "correct horse") for name in ("anna", "b" * 150)))
    looked: list[str] = []
    hashed = login._hashed
    monkeypatch.setattr(login, "_hashed", lambda password, salt: looked.append(password) or hashed(password, salt))
    gate = login.gate()
    wrong = inspect.getclosurevars(gate).nonlocals["wrong"]
    for name in ("e" * 1_000_000, "e" * 151):
        assert not let_in(gate, name, "correct horse")
    assert (wrong, looked) == ({}, [])
    assert let_in(gate, "b" * 150, "correct horse")  # whoever is named may have a long name
    assert not let_in(gate, "e" * 100, "correct horse")
    assert [*wrong] == ["e" * 100]


@pytest.mark.parametrize("value", ["anna", "anna:secret", "anna:aa:bb", ":aa:" + "0" * 64, "/no/such/file"])
def test_a_wrong_list_of_users_opens_nothing(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_AUTH", value)
    with pytest.raises(OptionError, match="ATELIER_AUTH"):
        page.launch_options()


def test_a_pair_is_made_from_a_pipe() -> None:
    def made(name: str, password: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "editing.ui.login", name]
        return subprocess.run(command, input=password, capture_output=True, text=True, check=False)

    assert made("anna", "correct horse\n").stdout.startswith("anna:")
    assert "8 letters" in made("anna", "short\n").stderr


# ---- budgets ---------------------------------------------------------------------------------------------------------


def test_a_spent_budget_comes_back_with_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_BUDGET_S", "60")
    monkeypatch.setattr(budget, "_spent", {})
    now = [0.0]
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    for minutes, seconds in ((0, 30), (10, 29), (20, 40)):
        now[0] = 60.0 * minutes
        with budget.charged("anna"):
            now[0] += seconds
    with pytest.raises(EditingError, match=r"computed 60 s for you .* in 50 min"):
        budget.check("anna")
    budget.check("bob")
    now[0] = 3600 + 10 * 60.0 + 30
    budget.check("anna")


def test_without_a_budget_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "_spent", {})
    budget.spend("anna", 1e9)
    budget.check("anna")
    assert budget._spent == {}


def test_visitors_are_names_else_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(Visitor):
        username = "anna"

    class Anybody(Visitor):
        username = None
        client = SimpleNamespace(host="10.0.0.7")

    assert budget.visitor_of(Named()) == ""
    monkeypatch.setenv("ATELIER_BUDGET_S", "600")
    assert budget.visitor_of(None) == ""
    assert [budget.visitor_of(who) for who in (Named(), Anybody())] == ["anna", "10.0.0.7"]


def test_the_proxy_shown_says_itself_from_where_visitors_come() -> None:
    (place, block), *others = re.findall(r"^location (\S+) \{\n(.*?)^\}$", HOSTING, re.MULTILINE | re.DOTALL)
    assert not others
    said = {tuple(line.split("#")[0].strip().rstrip(";").split()) for line in block.splitlines()}
    assert {words[1] for words in said if words[0] == "proxy_set_header"} >= {"X-Forwarded-Proto", "X-Forwarded-Host"}
    # $proxy_add_x_forwarded_for would leave in front what the visitor wrote.
    assert ("proxy_set_header", "X-Forwarded-For", "$remote_addr") in said
    # The path is taken off by the last slash of proxy_pass, and told to Gradio.
    assert ("proxy_pass", "http://127.0.0.1:7860/") in said
    assert f"GRADIO_ROOT_PATH={place.rstrip('/')} python app.py" in HOSTING
    assert ("client_max_body_size", page.launch_options()["max_file_size"].removesuffix("b")) in said


def received(scope: Any) -> Any:
    """What Gradio gets of a request, after uvicorn's look at the proxy's headers and our own middleware."""
    found: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope)

    asyncio.run(ProxyHeadersMiddleware(SecurityHeaders(app))({"type": "http", **scope}, None, None))  # type: ignore
    return found[0]


@pytest.mark.parametrize("path", ["/gradio_api/mcp", "/gradio_api/mcp/", "/atelier/gradio_api/mcp/http"])
@pytest.mark.parametrize(
    ("client", "said", "true"),
    [
        ("10.0.0.7", [], "10.0.0.7"),
        ("10.0.0.7", ["8.8.8.1"], "10.0.0.7"),
        ("2001:db8::7", ["8.8.8.1", "127.0.0.1"], "2001:db8::7"),
        ("127.0.0.1", ["10.0.0.7"], "10.0.0.7"),  # by the proxy
        ("127.0.0.1", ["8.8.8.1, 10.0.0.7"], "10.0.0.7"),  # by a proxy that appends
        ("127.0.0.1", [], "127.0.0.1"),
    ],
)
def test_who_uses_a_tool_has_their_own_budget(path: str, client: str, said: list[str], true: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in said]
    asked = received({"path": path, "client": (client, 5000), "headers": [(b"accept", b"*/*"), *headers]})
    kept = dict(asked["headers"])
    assert kept[b"accept"] == b"*/*"
    # As Gradio calls itself.
    again = {"path": "/gradio_api/queue/join", "client": ("127.0.0.1", 6000), "headers": [*kept.items()]}
    assert received(again)["client"][0] == true


def test_an_unknown_caller_of_a_tool_names_nobody() -> None:
    headers = [(b"x-forwarded-for", b"8.8.8.1")]
    kept = received({"path": "/gradio_api/mcp/", "client": None, "headers": headers})["headers"]
    assert b"x-forwarded-for" not in dict(kept)
    other = received({"path": "/config", "client": ("10.0.0.7", 5000), "headers": headers})["headers"]
    assert dict(other)[b"x-forwarded-for"] == b"8.8.8.1"


# ---- who watches -----------------------------------------------------------------------------------------------------


def asked(path: str) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"the page"})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(health.Health(app)({"type": "http", "path": path}, None, send))  # type: ignore[arg-type]
    return sent[0]["status"], sent[1]["body"]


def test_alive_and_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked("/healthz") == asked("/readyz") == (200, b"ok")
    assert asked("/other") == (404, b"the page")

    def damaged(weight: Any) -> str:
        if weight.name == "repairer":
            raise EditingError(messages.STOPPED)
        return ""

    monkeypatch.setattr(health, "verify", damaged)
    assert asked("/healthz")[0] == 200
    assert asked("/readyz") == (503, b"not whole: repairer")
    assert path_of(find_weight("repairer")) is not None


def test_the_container_looks_at_the_port_that_it_serves() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (line,) = re.findall(r"^HEALTHCHECK .*\\\n +CMD (.+)$", text, re.MULTILINE)
    command = json.loads(line)  # as hadolint wants it: no shell
    assert "'GRADIO_SERVER_PORT', '7860'" in command[-1]
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if len(asked) == 1 else 503)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        known = {**os.environ, "GRADIO_SERVER_PORT": str(server.server_port), "PATH": path}
        ended = [subprocess.run(command, env=known, capture_output=True).returncode for _ in range(2)]
        server.shutdown()
    assert asked == ["/healthz", "/healthz"]
    assert ended == [0, 1]


def test_the_container_has_what_encrypted_weights_need() -> None:
    wanted = (ROOT / "tests/requirements.txt").read_text(encoding="utf-8")
    (needed,) = re.findall(r"^cryptography\S*", wanted, re.MULTILINE)
    assert f'"{needed}"' in (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize(("value", "on"), [("", False), ("0", False), ("1", True)])
def test_tools_for_mcp(value: str, on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_MCP", value)
    assert page.launch_options()["mcp_server"] is on


def test_tools_and_logins_do_not_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_AUTH", login.pair("anna", "correct horse"))
    monkeypatch.setenv("ATELIER_MCP", "0")
    assert page.launch_options()["auth"] is not None
    monkeypatch.setenv("ATELIER_MCP", "1")
    with pytest.raises(OptionError, match=r"ATELIER_MCP and ATELIER_AUTH .* Set one"):
        page.launch_options()
