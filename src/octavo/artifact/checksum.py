"""Size and SHA-256 of the files that a model directory names."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import reprlib
from pathlib import Path
from typing import Any, Final

from octavo.errors import ModelError
from octavo.spec import SpecError

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the model directory, as config.json records it: plain name, size, SHA-256 in hex."""

    file: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not _PLAIN_NAME.fullmatch(self.file):
            raise SpecError(
                f"file = {reprlib.repr(self.file)}: must be a plain name of letters, digits, '.', '_', '-'"
            )
        if self.bytes < 0:
            raise SpecError(f"bytes = {self.bytes}: must not be negative")
        if not _SHA256.fullmatch(self.sha256):
            raise SpecError(f"sha256 = {reprlib.repr(self.sha256)}: must be 64 lower-case hexadecimal digits")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, path: Path) -> FileEntry:
        """The entry of a file as it is now. Raises OSError."""
        return cls(path.name, path.stat().st_size, _sha256(path))

    def verify(self, directory: Path) -> Path:
        """The file's path, once size and checksum agree. Raises ModelError where they do not."""
        path = directory / self.file
        try:
            if not path.is_file():
                raise ModelError(f"{path}: missing; the model is incomplete, copy it again as a whole")
            size = path.stat().st_size
            if size != self.bytes:
                raise ModelError(
                    f"{path}: {size} bytes where config.json says {self.bytes}; "
                    "the file is truncated or altered, copy it again"
                )
            if _sha256(path) != self.sha256:
                raise ModelError(
                    f"{path}: the checksum differs from config.json's; the file is altered, copy it again"
                )
        except OSError as error:
            raise ModelError(f"{path}: cannot read: {error.strerror or error}") from error
        return path


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
