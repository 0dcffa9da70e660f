"""The files of a corpus: found, told apart, and known again."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from octavo.corpus.formats import format_of
from octavo.corpus.streams import reading
from octavo.errors import InputError, printable
from octavo.regular_file import read_regular

_HEAD_BYTES: Final = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class InputFile:
    """A file of the corpus, as it was when the job began. ``head`` is the SHA-256 of its first MiB."""

    path: str
    bytes: int
    modified_ns: int
    head: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Raises InputError."""
        with reading(path):
            head = read_regular(path, _HEAD_BYTES - 1)
            status = path.stat()
        digest = hashlib.sha256(head).hexdigest()[:32]
        return cls(str(path.absolute()), status.st_size, status.st_mtime_ns, digest)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The reverse of dataclasses.asdict."""
        return cls(**value)


def find_inputs(names: Sequence[str], output: Path) -> list[Path]:
    """The files that names and patterns such as "data/*.jsonl" stand for, those of a pattern by name. No
    pattern stands for a file in the directory ``output``, so that a job within it goes on.

    Raises InputError for what stands for no file, and for a file that comes twice.
    """
    found: dict[str, Path] = {}
    for name in names:
        for path in _files(name, output):
            place = str(path.absolute())
            if place in found:
                raise InputError(f"{printable(str(path))}: comes twice in the inputs; name it once")
            found[place] = path
    return list(found.values())


def common_format(paths: Sequence[Path]) -> str:
    """The name of the format of all files. Raises InputError where they have several."""
    first = format_of(paths[0])
    for path in paths[1:]:
        if (other := format_of(path)) != first:
            raise InputError(
                f"{printable(str(paths[0]))} is {first} and {printable(str(path))} is {other} by their "
                "names: a corpus has one format; say --format, or translate them one after the other"
            )
    return first


def _files(name: str, output: Path) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        raise InputError(
            f"{printable(name)}: is a directory; name its files, for instance {printable(name)}/*"
        )
    if path.exists():
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(name, recursive=True))]  # noqa: PTH207 - the name may be absolute
    made = output.resolve()
    files = [match for match in matches if match.is_file() and made not in match.resolve().parents]
    if not files:
        raise InputError(f"{printable(name)}: there is no such file")
    return files
