"""What .ci/packages.py makes of licences and of pip-audit's report."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parent.parent / ".ci" / "packages.py"


@pytest.fixture(scope="module")
def packages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_packages", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("said", "classifiers", "licence", "allowed"),
    [
        ({"License-Expression": "Apache-2.0 WITH LLVM-exception AND (MIT OR 0BSD)"}, [], None, True),
        ({"License": "BSD 3-Clause License\n\nCopyright"}, [], "BSD-3-Clause", True),
        ({"License": "Copyright (c) 2001"}, ["License :: OSI Approved :: BSD License"], "BSD", True),
        ({}, ["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"], None, False),
        ({"License-Expression": "MIT AND GPL-3.0-only"}, [], None, False),
        ({"License": "CC BY-NC-SA 4.0"}, [], "CC BY-NC-SA 4.0", False),
        ({}, ["Programming Language :: Python"], "", False),
    ],
)
def test_a_licence_is_read_and_judged(
    packages: ModuleType, said: dict[str, str], classifiers: list[str], licence: str | None, allowed: bool
) -> None:
    found = packages.licence_of(said, classifiers)
    assert licence in (None, found)
    assert packages.is_allowed(found) is allowed


def test_what_is_not_allowed_not_listed_or_gone_is_said(packages: ModuleType) -> None:
    there = {"a": "MIT", "nvidia-x": "NVIDIA", "b": "GPL-3.0-only"}
    kept = packages.listed(packages.page(there))
    assert kept == there
    (wrong,) = packages.complaints(there, there, kept)
    assert wrong.startswith("b: GPL-3.0-only, which is not allowed")
    del there["b"]
    assert "old (b)" in packages.complaints(there, there, kept)[0]
    assert not packages.complaints(there, {*there, "b"}, kept)  # named for another machine
    assert "old (a)" in packages.complaints({**there, "a": "ISC"}, {*there, "b"}, kept)[0]
    assert "old (c)" in packages.complaints({**there, "c": "MIT"}, {*there, "b", "c"}, kept)[0]


def test_what_is_brought_is_followed_through_what_is_installed(packages: ModuleType) -> None:
    found = packages.brought(["facexlib>=0.3", "tqdm; python_version < '3'"])
    assert {"facexlib", "filterpy", "numpy", "matplotlib"} <= found.installed.keys()
    assert "pytest" not in found.installed  # tools of the packages' own developers
    assert "tqdm" in found.named


REPORT = {
    "dependencies": [
        {"name": "pillow", "version": "12.0.0", "vulns": [
            {"id": "PYSEC-2099-1", "fix_versions": ["99.0"], "aliases": ["CVE-2099-1"], "description": "bad"},
        ]},
        {"name": "tqdm", "version": "4.67.0", "vulns": []},
        {"name": "ours", "skip_reason": "Dependency not found on PyPI and could not be audited: ours (1.0)"},
    ],
    "fixes": [],
}  # fmt: skip


def test_a_known_vulnerability_fails_unless_it_is_harmless(
    packages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, skipped = packages.verdict(json.dumps(REPORT))
    assert bad == ["pillow 12.0.0: PYSEC-2099-1, mended in 99.0"]
    assert skipped == ["ours"]
    monkeypatch.setattr(packages, "HARMLESS", {"CVE-2099-1": "for this test"})
    assert packages.verdict(json.dumps(REPORT)) == ([], ["ours"])


def test_a_silent_service_is_said_and_fails_nothing(
    packages: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not packages.answers("http://127.0.0.1:9/pypi/tqdm/4.67.1/json")
    monkeypatch.setattr(packages, "answers", lambda: False)
    assert packages.audit({}) == 0
    assert capsys.readouterr().out.startswith("SKIPPED")
