"""The file of a memory: opening it, its tables, and what SQLite's failures mean to a person.

The file is one SQLite database with a rollback journal, not a write-ahead log: it is then whole at every
moment, can be copied, can lie on a read-only or a network disk, and needs no file beside it but during a
transaction. What a killed process had not committed is rolled back by the next one that opens the file.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from octavo.errors import InputError, OctavoError, OutputError, printable
from octavo.memory.tables import TABLES

APPLICATION_ID: Final = int.from_bytes(b"OctM", "big")
"""Tells a memory from other SQLite files."""

VERSION: Final = 1
WAIT_SECONDS: Final = 30.0
"""How long a process waits for another one that writes."""

_MADE: Final = (
    *TABLES,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


def connect(path: Path, *, create: bool, read_only: bool) -> sqlite3.Connection:
    """Open a memory, or make it where there is none and ``create`` allows it.

    Raises InputError for what is no memory that this version reads, OutputError where none can be made.
    """
    _check_place(path, create=create and not read_only)
    mode = "ro" if read_only else "rwc" if create else "rw"
    with told(path):
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()).encode('utf-8', 'surrogateescape'))}?mode={mode}",
            uri=True,
            timeout=WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
    try:
        with told(path):
            connection.execute("PRAGMA trusted_schema = OFF")  # the file may be a stranger's
            if not _has_tables(connection) and create and not read_only:
                _make_tables(connection)
            _check_kind(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_place(path: Path, *, create: bool) -> None:
    """Raise for a place where no database can be; SQLite's own messages would not say why."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        if not create:
            raise InputError(
                f"{path}: no such translation memory; `octavo memory import` makes one of a TMX file"
            ) from None
        if not path.absolute().parent.is_dir():
            raise OutputError(
                f"{path}: cannot be made: there is no folder {path.parent}; make it first"
            ) from None
        return
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(kind):
        what = "a folder" if stat.S_ISDIR(kind) else "no plain file"
        raise InputError(f"{path}: is {what}, and a translation memory is a file; name another")


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _make_tables(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        if not _has_tables(connection):  # another process may just have made them
            for statement in _MADE:
                connection.execute(statement)


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        what = "an SQLite database of another program" if _has_tables(connection) else "an empty file"
        raise InputError(f"{path}: is {what}, not a translation memory of Octavo; name another file")
    if version != VERSION:
        raise InputError(
            f"{path}: is a translation memory of version {version}, and this Octavo reads version {VERSION}; "
            "use the Octavo that wrote it, there `octavo memory export` writes TMX, which every version reads"
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that the block writes, or nothing of it. Other processes' writing waits for the end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """What the block reads is of one moment, and reading many rows one by one is quicker."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """SQLite's failures in the block as errors for people, which name the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise _error(path, error) from error
    except UnicodeDecodeError as error:  # of a text in the file, or of SQLite's message that cites one
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    what = printable(str(error))
    return InputError(
        f"{path}: the translation memory is damaged ({what}); take a copy of it, or make a new one"
    )


def _error(path: Path, error: sqlite3.Error) -> OctavoError:
    # the second byte and those above hold details, such as which operation failed
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return InputError(f"{path}: is no SQLite database, so no translation memory; name another file")
        case sqlite3.SQLITE_CORRUPT:
            return _damaged(path, error)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return OutputError(
                f"{path}: another process is writing to the translation memory, and was not done in time; "
                "wait for it to end, then start again"
            )
        case sqlite3.SQLITE_READONLY:
            return OutputError(
                f"{path}: cannot write to the translation memory: it, or its folder, is read-only; "
                "change its permissions, or copy it to another place"
            )
        case sqlite3.SQLITE_FULL:
            return OutputError(f"{path}: cannot write to the translation memory: the disk is full; make room")
        case sqlite3.SQLITE_IOERR:
            return OutputError(
                f"{path}: cannot read or write the translation memory ({error}); "
                "the disk may be full or broken: make room, or take another disk"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return InputError(
                f"{path}: cannot be opened ({error}); look at the permissions of the file and of its folder"
            )
        case _:
            return InputError(f"{path}: cannot be used as a translation memory ({error})")
