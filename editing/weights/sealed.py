"""Weights encrypted at rest: ``NAME.safetensors.enc`` in the place of ``NAME.safetensors``, decrypted in memory alone.

A file is a header and then pieces of a megabyte, each encrypted by AES-256-GCM as STREAM does (Hoang, Reyhanitabar,
Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015): a piece's
nonce holds its number and whether it is the last, and the header is authenticated with each. What is cut off, changed,
reordered or put together from two files is refused. The key comes from a passphrase by scrypt (RFC 7914), of which
half goes into the header as it is, so that a wrong passphrase is told from a damaged file.

The passphrase is in the environment: ``ATELIER_WEIGHTS_KEY``. Needs the package ``cryptography``.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from editing import messages
from editing.errors import WeightError
from editing.settings import written

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUFFIX = ".enc"
VARIABLE = "ATELIER_WEIGHTS_KEY"
SHORTEST = 12  # letters of a passphrase
PIECE = 1 << 20  # bytes
_MAGIC = b"ATELIER SEALED 1"
_SALT, _CHECK, _PREFIX, _TAG = 16, 32, 7, 16  # bytes
_HEADER = len(_MAGIC) + _SALT + _CHECK + _PREFIX
_COST = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26, "dklen": 32 + _CHECK}  # some 0.1 s, as for logins


def is_sealed(path: Path) -> bool:
    """Whether a file is an encrypted one, by its name."""
    return path.suffix.lower() == SUFFIX


def plain_name(path: Path) -> Path:
    """The path without :data:`SUFFIX`: what the file was called before."""
    return path.with_suffix("") if is_sealed(path) else path


def sealed_name(path: Path) -> Path:
    """What :func:`seal` calls the encrypted file of ``path``."""
    return path.with_name(path.name + SUFFIX)


def passphrase() -> str:
    """That of the environment; "" where there is none."""
    return os.environ.get(VARIABLE, "").strip()


def seal(path: Path, words: str) -> Path:
    """Encrypt a file by the passphrase ``words`` into a new one beside it, and give that; the file itself stays.

    Raises WeightError where ``words`` are too few, and OSError.
    """
    if len(words) < SHORTEST:
        raise WeightError(messages.SHORT_KEY, letters=SHORTEST)
    salt, prefix = secrets.token_bytes(_SALT), secrets.token_bytes(_PREFIX)
    key, check = _derived(words, salt)
    header, cipher = _MAGIC + salt + check + prefix, _cipher(key)
    target = sealed_name(path)
    with written(target) as part:
        with path.open("rb") as source, part.open("xb") as file:
            file.write(header)
            piece, number = source.read(PIECE), 0
            while True:
                following = source.read(PIECE)
                file.write(cipher.encrypt(_nonce(prefix, number, last=not following), piece, header))
                if not following:
                    break
                piece, number = following, number + 1
        if _sha256(pieces(part, words)) != _sha256(_read(path)):
            raise WeightError(messages.SEALED_DAMAGED, path=target)
    return target


def unseal(path: Path, words: str) -> Path:
    """Decrypt a file into a new one beside it, and give that; the encrypted one stays. Raises WeightError, OSError."""
    target = plain_name(path)
    with written(target) as part, part.open("xb") as file:
        file.writelines(pieces(path, words))
    return target


def content(path: Path) -> Path | io.BytesIO:
    """What readers open: the path itself, or what an encrypted file holds, in memory. Raises WeightError."""
    return io.BytesIO(read_bytes(path)) if is_sealed(path) else path


def read_bytes(path: Path) -> bytes:
    """A file's bytes, decrypted where it is encrypted. Raises WeightError and OSError."""
    return b"".join(pieces(path, _needed(path))) if is_sealed(path) else path.read_bytes()


def size_of(path: Path) -> int:
    """How many bytes :func:`read_bytes` gives; raises OSError."""
    size = path.stat().st_size
    if not is_sealed(path):
        return size
    body = max(0, size - _HEADER)
    return max(0, body - _TAG * -(-body // (PIECE + _TAG)))


def sha256_of_sealed(path: Path) -> str:
    """The sha256 of what an encrypted file holds: that of the catalogue. Raises WeightError and OSError."""
    return _sha256(pieces(path, _needed(path)))


def pieces(path: Path, words: str) -> Iterator[bytes]:
    """What an encrypted file holds, piece by piece, each whole; the last one is known to be the last.

    Raises WeightError for a wrong passphrase and for a file that is damaged, or none of ours; OSError.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER)
        if len(header) < _HEADER or not header.startswith(_MAGIC):
            raise WeightError(messages.NOT_SEALED, path=path)
        salt, check = header[len(_MAGIC) :][:_SALT], header[len(_MAGIC) + _SALT :][:_CHECK]
        key, wanted = _derived(words, salt)
        if not hmac.compare_digest(check, wanted):
            raise WeightError(messages.WRONG_KEY, path=path, variable=VARIABLE)
        cipher, prefix = _cipher(key), header[-_PREFIX:]
        piece, number = file.read(PIECE + _TAG), 0
        while True:
            following = file.read(PIECE + _TAG)
            yield _opened(cipher, _nonce(prefix, number, last=not following), piece, header, path)
            if not following:
                return
            piece, number = following, number + 1


def _opened(cipher: AESGCM, nonce: bytes, piece: bytes, header: bytes, path: Path) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(nonce, piece, header)
    except (InvalidTag, ValueError) as error:  # ValueError: fewer bytes than a tag has
        raise WeightError(messages.SEALED_DAMAGED, path=path) from error


def _needed(path: Path) -> str:
    words = passphrase()
    if not words:
        raise WeightError(messages.NO_KEY, path=path, variable=VARIABLE)
    return words


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


@functools.lru_cache(maxsize=256)
def _derived(words: str, salt: bytes) -> tuple[bytes, bytes]:
    """The key, and what the header says of it."""
    made = hashlib.scrypt(words.encode(), salt=salt, **_COST)
    return made[:32], made[32:]


def _cipher(key: bytes) -> AESGCM:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise WeightError(messages.NO_CRYPTOGRAPHY) from error
    return AESGCM(key)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _sha256(parts: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
