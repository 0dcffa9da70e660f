"""Size and SHA-256 of the files that a model directory names."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import reprlib
from pathlib import Path
from typing import Any, Final

from octavo.errors import ModelError
from octavo.model.errors import SpecError
from octavo.regular_file import LFS_POINTER, is_lfs_pointer

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

    def check_size(self, directory: Path, most_bytes: int | None = None) -> None:
        """Raise ModelError unless it is a plain file of this size, and of at most ``most_bytes``."""
        path = directory / self.file
        try:
            if not path.is_file():
                raise ModelError(f"{path}: missing; the model is incomplete, copy it again as a whole")
            size = path.stat().st_size
        except OSError as error:
            raise ModelError(f"{path}: cannot read: {error.strerror or error}") from error
        if size != self.bytes and is_lfs_pointer(path):
            raise ModelError(f"{path}: {LFS_POINTER}")
        if size != self.bytes:
            raise ModelError(
                f"{path}: {size} bytes where config.json says {self.bytes}; "
                "the file is truncated or altered, copy it again"
            )
        if most_bytes is not None and size > most_bytes:
            raise ModelError(f"{path}: {size} bytes; such a file has at most {most_bytes}")

    def check_content(self, directory: Path) -> None:
        """Raise ModelError unless the file has this checksum."""
        path = directory / self.file
        try:
            found = _sha256(path)
        except OSError as error:
            raise ModelError(f"{path}: cannot read: {error.strerror or error}") from error
        if found != self.sha256:
            raise ModelError(
                f"{path}: the checksum differs from config.json's; the file is altered, copy it again"
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
