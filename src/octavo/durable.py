"""Files and folders that are whole or absent, whatever happens: written beside, fsynced, renamed.

Imports nothing of the package but its errors.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from octavo.errors import OutputError

BESIDE: Final = ".partial"
"""Ends the name of what ``write_file`` and ``write_folder`` have not finished."""

LOCK: Final = ".lock"
"""The file that ``locked`` keeps in a folder."""


def write_file(path: Path, data: bytes) -> None:
    """Make the file, or replace it, with ``data``. For one writer at a time. Raises OutputError."""
    beside = path.with_name(path.name + BESIDE)
    with _writing(path):
        _remove(beside)
        try:
            with beside.open("xb") as stream:
                stream.write(data)
            rename(beside, path)
        except BaseException:
            _remove(beside)
            raise


class OutputFile:
    """A file that a person named, which is to appear in one piece.

    A link leads to its file, a file that is there keeps its permissions, and a device or a pipe is written
    to. Raises OutputError, at once where nothing can be written there.
    """

    def __init__(self, path: Path) -> None:
        self._name = path
        self._place = Path(os.path.realpath(path))
        if self._place.is_dir():
            raise OutputError(f"{path}: cannot be written: it is a directory")
        self._is_stream = self._place.exists() and not self._place.is_file()
        if self._place.exists() and not os.access(self._place, os.W_OK):
            raise OutputError(f"{path}: cannot be written: permission denied")
        if not self._place.parent.is_dir():
            raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}; make it first")
        if not self._is_stream:
            with self._telling():
                self._new(b"").unlink()

    def write(self, data: bytes) -> None:
        """Write all of it. Raises OutputError."""
        with self._telling():
            if self._is_stream:
                self._place.write_bytes(data)
                return
            beside = self._new(data)
            try:
                if self._place.exists():
                    shutil.copymode(self._place, beside)
                rename(beside, self._place)
            except BaseException:
                _remove(beside)
                raise

    def _new(self, data: bytes) -> Path:
        """A file beside it with a name of its own: another's unfinished one may be there."""
        beside = self._place.with_name(f".{self._place.name}.{secrets.token_hex(4)}{BESIDE}")
        try:
            with beside.open("xb") as stream:
                stream.write(data)
        except BaseException:
            _remove(beside)
            raise
        return beside

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # a ValueError for a null character
            why = error.strerror if isinstance(error, OSError) else None
            raise OutputError(f"{self._name}: cannot be written: {why or error}") from error


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder, which must not exist, with these files. For one writer at a time.

    Raises OutputError.
    """
    beside = path.with_name(path.name + BESIDE)
    with _writing(path):
        _remove(beside)
        try:
            beside.mkdir(parents=True)
            for name, data in files.items():
                (beside / name).write_bytes(data)
            rename(beside, path)
        except BaseException:
            _remove(beside)
            raise


def rename(beside: Path, path: Path) -> None:
    """Give a finished file, or folder of files, its name; replaces a file at ``path``. Raises OutputError."""
    with _writing(path):
        sync(beside)
        beside.replace(path)
        sync_entries(path.parent)


def sync(path: Path) -> None:
    """Force a file, or a folder of files with its entries, to disk. Raises OSError, which names it."""
    if path.is_dir():
        for entry in path.iterdir():
            _fsync(entry)
        sync_entries(path)
    else:
        _fsync(path)


def sync_entries(folder: Path) -> None:
    """Force a folder's list of entries to disk, where the system has a way to. Raises OSError."""
    try:
        _fsync(folder)
    except PermissionError:  # a folder that may be written but not read; any folder on Windows
        return
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system without fsync for folders
            raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for the same out of the folder, which must exist.

    The system gives the lock back when its process ends, however it ends. The file LOCK stays. Raises
    OutputError, naming the process that has the lock.
    """
    with _writing(folder):
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        if not _lock(descriptor, without_locks=True):
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            raise OutputError(
                f"{folder}: another process{holder and f' ({holder})'} is at work there; wait for it to end, "
                "or choose another folder"
            )
        with _writing(folder):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A new folder beside ``path``, to be filled in the block, and renamed; what is left there then goes.

    So does what processes that were killed in such a block for the same path have left. Raises OSError.
    """
    _remove_abandoned(path)
    beside, descriptor = _locked_folder(path)
    try:
        yield beside
    finally:
        _remove(beside)
        os.close(descriptor)


def _locked_folder(path: Path) -> tuple[Path, int]:
    """A new folder and the descriptor that locks it, so that nobody takes it for an abandoned one."""
    while True:
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
        beside.mkdir(parents=True)
        with suppress(FileNotFoundError):  # it was taken for an abandoned one before it had its lock
            descriptor = os.open(beside, os.O_RDONLY)
            _lock(descriptor, without_locks=True, wait=True)
            if beside.exists():
                return beside, descriptor
            os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.new")
    with suppress(OSError):  # no folder yet, or one that may be written but not read
        for left in filter(lambda entry: pattern.fullmatch(entry.name), list(path.parent.iterdir())):
            with suppress(OSError):  # another user's, no folder, or just removed
                descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    if _lock(descriptor, without_locks=False):
                        _remove(left)
                finally:
                    os.close(descriptor)


def _lock(descriptor: int, *, without_locks: bool, wait: bool = False) -> bool:
    """Whether the lock is ours now. ``without_locks``: the answer of a file system that has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return without_locks
    return True


def _remove(path: Path) -> None:
    """Remove a file, a link or a folder with all in it, as far as the system lets us."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Failures of the system as OutputError, with the name of the file."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {error.filename or path}: {error.strerror or error}") from error


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(descriptor)
