"""API keys: a file of their hashes, which is read again on request.

A key has 256 random bits. Nobody can guess one from its SHA-256, so the hash needs no slow function, which
would cost every request tens of milliseconds of CPU.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Final

from octavo import durable
from octavo.errors import ArgumentError, InputError, printable
from octavo.regular_file import read_regular

MAX_KEYS: Final = 10_000

_PREFIX: Final = "octavo-"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LINE: Final = re.compile(rf"({_NAME.pattern})[ \t]+sha256:([0-9a-f]{{64}})")
_MOST_BYTES: Final = 4 << 20
_HEADING: Final = "# API keys of octavo serve: a name and the SHA-256 of a key in each line.\n"


class KeyFile:
    """The keys of one file: ``NAME sha256:HEX`` in each line; blank lines and those after ``#`` are skipped.

    Raises InputError for a file with another line, and OSError for one that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[bytes, str] = {}  # by the hash of the key
        self.reload()

    def reload(self) -> None:
        """Read the file again. Where it raises an error, the keys stay as they were."""
        self._names = _parsed(self._path)

    def __len__(self) -> int:
        return len(self._names)

    def name_of(self, key: str) -> str | None:
        """The name of a key, or None for one that is not in the file. How long it takes does not tell how
        much of a key is right."""
        offered = _digest(key)
        found = None
        for digest, name in self._names.items():
            if hmac.compare_digest(digest, offered):
                found = name
        return found


def new_key(path: Path, name: str) -> str:
    """Make a key, put its name and its hash into the file, and return it: it is nowhere else.

    The file is made where there is none, for its owner alone. A name may have several keys, so that one can
    be replaced without a gap. Raises ArgumentError, InputError, OutputError or OSError.
    """
    if not _NAME.fullmatch(name):
        raise ArgumentError(
            f"new_key = {printable(name)}: a name has up to 64 letters, digits, dots, hyphens and underscores"
        )
    if not path.exists():
        text = _HEADING
        path.touch(mode=0o600)
    else:
        _parsed(path)
        text = _read(path)
    key = _PREFIX + secrets.token_urlsafe(32)
    separator = "" if text.endswith("\n") or not text else "\n"
    durable.OutputFile(path).write(f"{text}{separator}{name} sha256:{_digest(key).hex()}\n".encode())
    return key


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _read(path: Path) -> str:
    data = read_regular(path, _MOST_BYTES)
    if len(data) > _MOST_BYTES:
        raise InputError(f"{path}: is larger than {_MOST_BYTES >> 20} MiB, which no file of keys is")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8") from error


def _parsed(path: Path) -> dict[bytes, str]:
    names: dict[bytes, str] = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        if not (stripped := line.strip()) or stripped.startswith("#"):
            continue
        if not (match := _LINE.fullmatch(stripped)):
            raise InputError(
                f"{path}: line {number} is not NAME sha256:HASH; octavo serve --new-key NAME --keys FILE "
                "writes such lines"
            )
        names[bytes.fromhex(match[2])] = match[1]
    if len(names) > MAX_KEYS:
        raise InputError(f"{path}: has {len(names):,} keys; at most {MAX_KEYS:,} are read")
    return names
