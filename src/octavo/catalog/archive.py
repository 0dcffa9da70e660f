"""Unpacking archives that nobody vouches for: plain files alone, so many, so large, nowhere else."""

from __future__ import annotations

import contextlib
import errno
import gzip
import importlib
import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from octavo import interrupt
from octavo.catalog.errors import ArchiveError
from octavo.regular_file import open_regular

MOST_MEMBERS: Final = 1000
_MOST_DEPTH: Final = 4
_CHUNK_BYTES: Final = 1 << 16
_MOST_HEADER_BYTES: Final = 1 << 20
_MOST_DICTIONARY_BYTES: Final = 1 << 27
_PLAIN_PART: Final = re.compile(r"[^\x00-\x1f\x7f/\\]{1,200}")
_ZIP_END: Final = b"PK\x05\x06"
_ZIP_END_BYTES: Final = 22
_LONGEST_ZIP_COMMENT: Final = 1 << 16
_DAMAGED: Final = (
    *(tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error),
    *(EOFError, ValueError, OverflowError, RecursionError, LookupError, NotImplementedError, RuntimeError),
)
"""What the standard library's readers raise for archives that are damaged; and OSErrors, of gzip without a
number, of zipfile EINVAL for a place before the file's start."""


def unpack(archive: Path, folder: Path, called: str, *, most_bytes: int) -> None:
    """Write the files of a .tar, .tar.gz, .tar.xz, .tar.zst or .zip archive below ``folder``, which is empty.

    What an archive is, its content says and not its name; ``called`` is what messages call it. Links,
    devices, absolute names, "..", a name that comes twice, more than MOST_MEMBERS members and more than
    ``most_bytes`` in all are errors. Raises ArchiveError, and OSError for what cannot be read or written.
    """
    target = _Target(called, folder, most_bytes)
    try:
        with open_regular(archive) as stream:
            start = stream.read(6)
            stream.seek(0)
            if start.startswith(b"PK"):
                _unpack_zip(stream, target)
            else:
                with _decompressed(stream, start, called) as plain:
                    _unpack_tar(_Forward(plain, target), target)
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        reason = str(error) or type(error).__name__
        raise ArchiveError(f"{called}: damaged, or no archive ({reason}); fetch it again") from error


class _Target:
    """The folder that is filled, and what it may take yet."""

    def __init__(self, name: str, folder: Path, most_bytes: int) -> None:
        self.name = name
        self._folder = folder
        self._most_bytes = most_bytes
        self._bytes_left = most_bytes
        self._members_left = MOST_MEMBERS

    def refuse(self, problem: str) -> ArchiveError:
        """An error that names the archive."""
        return ArchiveError(f"{self.name}: {problem}; nothing of it is kept")

    def member(self, name: str) -> Path:
        """Where a member goes."""
        self._members_left -= 1
        if self._members_left < 0:
            raise self.refuse(f"more than {MOST_MEMBERS} members, which no model has")
        path = PurePosixPath(name)
        parts = path.parts
        safe = all(_PLAIN_PART.fullmatch(part) and part != ".." for part in parts)
        if path.is_absolute() or not safe or len(parts) > _MOST_DEPTH:
            raise self.refuse(f"a member is named {name[:100]!r}, which leads elsewhere or too deep")
        return self._folder.joinpath(*parts)

    def make_folder(self, name: str) -> None:
        """A member that is a folder."""
        with self._once(name):
            self.member(name).mkdir(parents=True, exist_ok=True)

    def write(self, name: str, content: IO[bytes]) -> None:
        """A member that is a file."""
        path = self.member(name)
        with self._once(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("xb")
        with file:
            while data := content.read(_CHUNK_BYTES):
                interrupt.check()
                self.take(len(data))
                file.write(data)

    @contextlib.contextmanager
    def _once(self, name: str) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise self.refuse(f"{name[:100]!r} comes twice") from error

    def take(self, count: int) -> None:
        """Count bytes that are written."""
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise self.refuse(
                f"more than {self._most_bytes:,} bytes unpacked; if it should be so large, raise --max-size"
            )

    @property
    def most_stream_bytes(self) -> int:
        """The most that a tar file has whose members fit: headers and padding on top."""
        return self._most_bytes + MOST_MEMBERS * 16 * tarfile.BLOCKSIZE + _MOST_HEADER_BYTES


class _Forward:
    """A stream that is read once from its start to its end, as ``tarfile`` reads; nothing is read at once
    that is larger than a tar file's headers are."""

    def __init__(self, stream: IO[bytes], target: _Target) -> None:
        self._stream = stream
        self._target = target
        self._place = 0

    def tell(self) -> int:
        """Bytes read so far."""
        return self._place

    def read(self, count: int) -> bytes:
        """The next bytes."""
        if not 0 <= count <= _MOST_HEADER_BYTES:
            raise self._target.refuse("a header is larger than any that a model needs")
        data = self._stream.read(count)
        self._place += len(data)
        if self._place > self._target.most_stream_bytes:
            raise self._target.refuse("larger unpacked than it may be")
        return data

    def seek(self, place: int) -> None:
        """Skip bytes up to a place."""
        if place < self._place:
            raise self._target.refuse("its headers lead backwards")
        while self._place < place:
            if not self.read(min(_CHUNK_BYTES, place - self._place)):
                return


def _unpack_tar(stream: _Forward, target: _Target) -> None:
    with tarfile.open(fileobj=stream, mode="r:") as tar:  # type: ignore[call-overload]
        for member in tar:
            if member.isdir():
                target.make_folder(member.name)
            elif not member.isreg() or member.issparse():
                raise target.refuse(f"{member.name[:100]!r} is a link, or something else but a plain file")
            elif content := tar.extractfile(member):
                target.write(member.name, content)


def _unpack_zip(stream: IO[bytes], target: _Target) -> None:
    _check_zip_directory(stream, target)
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            name = member.filename[:100]
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.is_dir():
                target.make_folder(member.filename)
                continue
            if kind not in (0, stat.S_IFREG):
                raise target.refuse(f"{name!r} is a link, or something else but a plain file")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
                raise target.refuse(f"{name!r} is encrypted, or packed in a way that is not read")
            with archive.open(member) as content:
                target.write(member.filename, content)


def _check_zip_directory(stream: IO[bytes], target: _Target) -> None:
    """Refuse a list of members that ``zipfile`` would need much memory for."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _LONGEST_ZIP_COMMENT - _ZIP_END_BYTES))
    tail = stream.read()
    place = tail.rfind(_ZIP_END)
    if place < 0 or len(tail) < place + _ZIP_END_BYTES:
        raise target.refuse("damaged: its end is missing; fetch it again")
    (directory_bytes,) = struct.unpack_from("<I", tail, place + 12)
    if directory_bytes > _MOST_HEADER_BYTES:
        raise target.refuse("its list of members is larger than any that a model needs; make it a .tar.gz")
    stream.seek(0)


@contextlib.contextmanager
def _decompressed(stream: IO[bytes], start: bytes, name: str) -> Iterator[IO[bytes]]:
    """The tar file in a stream that starts so."""
    if start.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=stream) as plain:
            yield plain  # type: ignore[misc]
    elif start.startswith(b"\xfd7zXZ"):
        yield io.BufferedReader(_Xz(stream))
    elif start.startswith(b"\x28\xb5\x2f\xfd"):
        zstandard = _zstandard(name)
        try:
            with zstandard.ZstdDecompressor(max_window_size=_MOST_DICTIONARY_BYTES).stream_reader(
                stream, read_across_frames=True
            ) as plain:
                yield io.BufferedReader(plain)  # its own reads may be short
        except zstandard.ZstdError as error:
            raise ArchiveError(f"{name}: damaged ({error}); fetch it again") from error
    else:
        yield stream


def _zstandard(name: str) -> Any:
    try:
        return importlib.import_module("zstandard")
    except ImportError as error:
        raise ArchiveError(
            f"{name}: is packed with Zstandard, which needs a package that is not installed here; "
            "pip install zstandard, or take an archive in another form"
        ) from error


class _Xz(io.RawIOBase):
    """What an .xz stream holds, with a limit on the memory for its dictionary."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_DICTIONARY_BYTES)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one step of decompression does; 0 at the end."""
        while not self._decoder.eof:
            data = self._stream.read(_CHUNK_BYTES) if self._decoder.needs_input else b""
            if self._decoder.needs_input and not data:
                raise EOFError("it ends too early")
            if found := self._decoder.decompress(data, len(buffer)):
                buffer[: len(found)] = found
                return len(found)
        return 0
