"""The packages that requirements.txt brings: known vulnerabilities, and licences.

    python .ci/packages.py audit       # pip-audit; fails for a known vulnerability, says so where its service is silent
    python .ci/packages.py licences    # fails for a licence that isn't allowed here, and where docs/licences.md is old
    python .ci/packages.py write       # makes docs/licences.md anew

What is brought is read from what is installed, from package to package.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LIST = ROOT / "docs" / "licences.md"

# ---- licences --------------------------------------------------------------------------------------------------------

# What may be used, changed and sold with no more than a notice, or changed only together with its own source (MPL).
ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "LLVM-exception", "MIT",
    "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
})  # fmt: skip

_NVIDIA = "comes with PyTorch for NVIDIA GPUs only; NVIDIA's terms, under which it may be used but not changed"
# What else is used, and why it may be; also what lies in a wheel beside the package's own code.
NOTED = {
    "cuda-toolkit": _NVIDIA,
    "nvidia-*": _NVIDIA,
    "av": "its wheel carries FFmpeg (LGPL-3.0), x264 and x265 (GPL-2.0): for who hands on an image with it",
    "opencv-python": "its wheel carries FFmpeg and Qt (LGPL-2.1)",
    "pillow-heif": "its wheel carries libheif and libde265 (LGPL-3.0), x265 (GPL-2.0): as av",
}

# What packages call their licences -> SPDX.
_NAMES = {
    "Apache 2.0": "Apache-2.0", "Apache License 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0",
    "BSD License": "BSD", "BSD 3-Clause License": "BSD-3-Clause", "ISC License": "ISC", "ISC License (ISCL)": "ISC",
    "MIT License": "MIT", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "NVIDIA Proprietary Software": "LicenseRef-NVIDIA-Proprietary", "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip
_HEAD = """\
# Licences of what is installed

What `pip install -r requirements.txt` brings, as each package says of itself. Made by `python .ci/packages.py write`;
`.ci/run` fails where a package or a licence is new, or none of those that [.ci/packages.py](../.ci/packages.py) allows.
The licences of the weights are in [weights/README.md](../weights/README.md).

| package | licence | note |
|---|---|---|
"""


@dataclass(frozen=True)
class Brought:
    """What requirements.txt brings: what is installed, and what is named, of which some is for other machines."""

    installed: Mapping[str, Distribution]
    named: frozenset[str]


def brought(requirements: Iterable[str]) -> Brought:
    """Follow requirements, such as ``gradio>=6``, through what is installed here."""
    waiting = [Requirement(line) for line in requirements]
    installed: dict[str, Distribution] = {}
    named: set[str] = set()
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        named.add(name)
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        for extra in ("", *wanted.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                found = distribution(name)
            except PackageNotFoundError:  # the first lines' absence is pip's to say
                continue
            installed[name] = found
            waiting += _of_extra(found, extra)
    return Brought(installed, frozenset(named))


def _of_extra(found: Distribution, extra: str) -> Iterator[Requirement]:
    """What a package requires, for every machine; with ``extra``, what that adds."""
    for line in found.requires or ():
        wanted = Requirement(line)
        optional = bool(wanted.marker and "extra" in str(wanted.marker))
        if not extra and not optional:
            yield wanted
        elif extra and optional and wanted.marker and wanted.marker.evaluate({"extra": extra}):
            wanted.marker = None
            yield wanted


def licence_of(texts: Mapping[str, Any], classifiers: Iterable[str]) -> str:
    """A licence in SPDX's words by a package's metadata, where it is one that is known; else what it says, or ""."""
    said = [texts.get("License-Expression") or "", (texts.get("License") or "").strip().partition("\n")[0]]
    said += [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    said = [_NAMES.get(word, word) for word in said if word]
    return next((word for word in said if is_allowed(word)), said[0][:60] if said else "")


def is_allowed(licence: str) -> bool:
    """Whether every licence in an SPDX expression is allowed; of alternatives, too, for shortness."""
    words = [word for word in re.split(r"[()\s]+", licence) if word and word not in ("AND", "OR", "WITH")]
    return bool(words) and ALLOWED.issuperset(words)


def note_of(name: str) -> str:
    """What :data:`NOTED` says of a package, or ""."""
    fits = (note for key, note in NOTED.items() if key == name or (key[-1] == "*" and name.startswith(key[:-1])))
    return next(fits, "")


def listed(text: str) -> dict[str, str]:
    """Package -> licence, as the file has it."""
    rows = (line.split(" | ") for line in text.splitlines() if line.startswith("| ") and line.count(" | ") == 2)
    return {row[0].removeprefix("| "): row[1] for row in rows if row[0] != "| package"}


def complaints(installed: Mapping[str, str], named: Iterable[str], kept: Mapping[str, str]) -> list[str]:
    """What is wrong with the licences of ``installed``, and with the file, which holds ``kept``."""
    found = [
        f"{name}: {licence or 'no licence'}, which is not allowed: see ALLOWED and NOTED in .ci/packages.py"
        for name, licence in installed.items()
        if not is_allowed(licence) and not note_of(name)
    ]
    old = [name for name, licence in installed.items() if kept.get(name) != licence]
    old += [name for name in kept if name not in named]  # named: for another machine, such as one with a GPU
    if old:
        found.append(f"docs/licences.md is old ({', '.join(sorted(old))}): python .ci/packages.py write")
    return found


def page(licences: Mapping[str, str]) -> str:
    """The text of docs/licences.md."""
    rows = (f"| {name} | {licences[name]} | {note_of(name)} |\n" for name in sorted(licences))
    return _HEAD + "".join(rows)


# ---- vulnerabilities -------------------------------------------------------------------------------------------------

# Known ones that don't concern Atelier: number -> why not.
HARMLESS: dict[str, str] = {}
_ADDRESS = "https://pypi.org/pypi/tqdm/4.67.1/json"  # of the kind that pip-audit asks, which mirrors often lack


def answers(address: str = _ADDRESS) -> bool:
    """Whether pip-audit's service can be reached."""
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return "vulnerabilities" in json.load(response)
    except (OSError, ValueError):
        return False


def verdict(report: str) -> tuple[list[str], list[str]]:
    """Of pip-audit's JSON: the vulnerabilities, each in a line, and the packages that it couldn't look at."""
    bad, skipped = [], []
    for package in json.loads(report)["dependencies"]:
        if "skip_reason" in package:
            skipped.append(package["name"])
        for found in package.get("vulns", ()):
            if not HARMLESS.keys() & {found["id"], *found["aliases"]}:
                mended = ", ".join(found["fix_versions"]) or "no version yet"
                bad.append(f"{package['name']} {package['version']}: {found['id']}, mended in {mended}")
    return bad, skipped


def audit(installed: Mapping[str, Distribution]) -> int:
    """Ask for vulnerabilities; gives the exit code, which a silent service doesn't change."""
    if not answers():
        sys.stdout.write("SKIPPED: no vulnerability was looked for, since pip-audit's service can't be reached\n")
        return 0
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        # Without +cpu and the like, under which PyPI doesn't know PyTorch.
        file.writelines(f"{name}=={found.version.partition('+')[0]}\n" for name, found in installed.items())
        file.flush()
        # Nothing is resolved or installed: the versions are those that are here.
        command = [sys.executable, "-m", "pip_audit", "-r", file.name, "--no-deps", "--disable-pip", "-f", "json"]
        done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False)
    try:
        bad, skipped = verdict(done.stdout)
    except ValueError:
        if re.search(r"ServiceError|Connect(ion|)(Error|Timeout)|ReadTimeout", done.stderr):
            sys.stdout.write("SKIPPED: pip-audit's service stopped answering; nothing is known of vulnerabilities\n")
            return 0
        sys.stderr.write(done.stderr)
        return 1
    sys.stdout.writelines(f"{line}\n" for line in bad)
    if len(skipped) == len(installed):
        sys.stdout.write("SKIPPED: pip-audit's service knows none of the packages, as mirrors don't\n")
        return 0
    if skipped:
        sys.stdout.write(f"not on PyPI, not looked at: {', '.join(skipped)}\n")
    sys.stdout.write(f"{len(bad)} known vulnerabilities in {len(installed) - len(skipped)} packages\n")
    return 1 if bad else 0


# ---- the command -----------------------------------------------------------------------------------------------------


def main(action: str) -> int:
    """Do one of ``audit``, ``licences``, ``write``; gives the exit code."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    found = brought(line for line in lines if line)
    if action == "audit":
        return audit(found.installed)
    licences = {
        name: licence_of(package.metadata, package.metadata.get_all("Classifier") or ())  # type: ignore[arg-type]
        for name, package in found.installed.items()
    }
    kept = listed(LIST.read_text(encoding="utf-8")) if LIST.exists() else {}
    if action == "write":
        LIST.write_text(page({name: kept[name] for name in kept if name in found.named} | licences), encoding="utf-8")
        return 0
    wrong = complaints(licences, found.named, kept)
    sys.stdout.writelines(f"{line}\n" for line in wrong or [f"{len(licences)} packages, all with licences allowed"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] and sys.argv[1] in ("audit", "licences", "write") else sys.exit(__doc__)))
