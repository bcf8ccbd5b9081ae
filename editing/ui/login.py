"""Who may use the page: names with hashed passwords in ``ATELIER_AUTH``.

    python -m editing.ui.login NAME

asks for a password and prints a pair. ``ATELIER_AUTH`` holds pairs with blanks between them, or the path of a file with
a pair a line. Passwords are hashed by scrypt (RFC 7914). Whoever guesses is slowed: after three wrong passwords a name
is closed for a second, and twice as long after each further one, up to a minute; what is tried meanwhile counts not.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import hashlib
import hmac
import os
import secrets
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from editing import messages
from editing.errors import EditingError, OptionError

_FREE, _LONGEST = 3, 60.0  # wrong passwords without a pause; seconds of the longest one
_COST = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26, "dklen": 32}  # OWASP's least, 2023; 32 MB and some 0.1 s
_MOST_NAMES, _LONGEST_NAME = 1000, 100  # of which wrong passwords are remembered; in letters, of names nobody has


def pair(name: str, password: str) -> str:
    """What ``ATELIER_AUTH`` has to hold for this name and password; raises OptionError for those that it can't."""
    if not name or any(letter.isspace() or letter == ":" for letter in name):
        raise OptionError(messages.NOT_A_USER, name=name)
    if len(password) < 8:
        raise OptionError(messages.SHORT_PASSWORD)
    salt = secrets.token_hex(16)
    return f"{name}:{salt}:{_hashed(password, salt)}"


def users() -> dict[str, tuple[str, str]]:
    """Name -> salt and hash of everybody in ``ATELIER_AUTH``; {} where it isn't set. Raises OptionError."""
    text = os.environ.get("ATELIER_AUTH", "").strip()
    if text and ":" not in Path(text).name and Path(text).is_file():
        text = Path(text).read_text(encoding="utf-8")
    elif text and ":" not in text:
        raise OptionError(messages.NO_AUTH_FILE, path=text)
    found = {}
    for word in text.split():
        parts = word.split(":")
        if len(parts) != 3 or not parts[0] or len(parts[2]) != 64:
            raise OptionError(messages.NOT_A_PAIR, value=word[:20])
        found[parts[0]] = (parts[1], parts[2])
    return found


def gate() -> Callable[[str, str], Awaitable[bool]] | None:
    """What Gradio asks whether a name and a password fit; None where everybody may come in. Raises OptionError."""
    known = users()
    if not known:
        return None
    wrong: dict[str, tuple[int, float]] = {}  # name -> how often in a row, and until when it is closed
    lock, longest = threading.Lock(), max(_LONGEST_NAME, *map(len, known))

    async def allowed(name: str, password: str) -> bool:
        if len(name) > longest:  # nobody's, and a megabyte each if remembered
            return False
        now = time.monotonic()
        with lock:
            count, closed = wrong.get(name, (0, 0.0))
            if now < closed:
                return False
            if len(wrong) >= _MOST_NAMES:
                wrong.clear()
            count += 1  # taken back below; else many could be tried at once
            wrong[name] = (count, now + min(2.0 ** (count - _FREE), _LONGEST) if count >= _FREE else 0.0)
        # A name that nobody has takes as long as one that somebody has.
        salt, kept = known.get(name, ("0" * 32, ""))
        fits = hmac.compare_digest(await asyncio.to_thread(_hashed, password, salt), kept)
        if fits:
            with lock:
                wrong.pop(name, None)
        return fits

    return allowed


def _hashed(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=salt.encode(), **_COST).hex()


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a pair for ATELIER_AUTH, which says who may use the page.")
    parser.add_argument("name", metavar="NAME")
    name = parser.parse_args().name
    # A pipe gives the password in a line of its own.
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    try:
        sys.stdout.write(pair(name, password) + "\n")
    except EditingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
