"""Translations kept in a file: what was translated before, by a person or by a model, is not done again."""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from octavo.errors import InputError
from octavo.memory.database import connect, told, transaction
from octavo.memory.entries import Entry, Holding, Origin
from octavo.memory.languages import matches, tag
from octavo.memory.session import MemorySession
from octavo.memory.tables import PUT_STAGED, Context, context_id

_ROWS_AT_ONCE: Final = 10_000


class TranslationMemory:
    """A file of translations. A context manager; ``close`` lets the file go.

    Several processes may have the same file open, and threads may share a memory. A memory can be pickled
    and used after a fork: it then opens the file again.
    """

    def __init__(self, path: Path, *, create: bool, read_only: bool) -> None:
        self.path = path
        self._read_only = read_only
        self._lock = threading.RLock()
        self._closed = False
        self._connections = [connect(path, create=create, read_only=read_only)]
        self._process = os.getpid()
        _opened.add(self)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, create: bool = True, read_only: bool = False
    ) -> TranslationMemory:
        """Open the memory at ``path``. Where there is none, ``create`` makes an empty one.

        Raises InputError for a file that is no memory, and OutputError where none can be made. Every call
        that finds another process writing waits for it up to 30 seconds, and then raises OutputError.
        """
        return cls(Path(path), create=create and not read_only, read_only=read_only)

    def __reduce__(self) -> tuple[functools.partial[TranslationMemory], tuple[()]]:
        reopen = functools.partial(type(self).open, self.path, create=False, read_only=self._read_only)
        return reopen, ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go. A memory that is closed cannot be used; closing it again does nothing."""
        with self._lock:
            self._closed = True
            if self._process == os.getpid():
                self._connections[-1].close()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """The connection of this process, for one thread at a time. Its failures are errors for people."""
        with self._lock, told(self.path):
            if self._closed:
                raise ValueError(f"{self.path}: the translation memory is closed")
            if self._process != os.getpid():  # the parent's is kept: closing it would give up its locks
                self._connections.append(connect(self.path, create=False, read_only=self._read_only))
                self._process = os.getpid()
            yield self._connections[-1]

    def session(
        self, *, model: str, options: str, source_language: str, target_language: str
    ) -> MemorySession:
        """What the memory knows for one model, its options and its languages.

        ``model`` and ``options`` are fingerprints: whatever changes a translation changes one of them.
        Imported translations are used with every model; "de" finds those of "de-AT" too, not the reverse.
        """
        own = Context(Origin.MACHINE, model, options, tag(source_language), tag(target_language))
        return MemorySession(self.connection, own)

    def add_imported(
        self, pairs: Iterable[tuple[str, str]], *, source_language: str, target_language: str
    ) -> tuple[int, int]:
        """Keep imported pairs of renderings, the sources normalized: all of them or, on an error, none.

        A pair takes the place of an imported one of the same source. The result is how many sources are new,
        and how often a pair took another's place. Other processes wait only while the pairs, which are
        read into a temporary table first, are copied.
        """
        imported = Context(Origin.IMPORTED, "", "", tag(source_language), tag(target_language))
        with self.connection() as connection, _staged(connection, pairs), transaction(connection):
            context = context_id(connection, imported)
            before = _count(connection, context)
            done = connection.execute(PUT_STAGED, (context, int(time.time())))
            new = _count(connection, context) - before
        return new, done.rowcount - new

    def entries(self, *, source_language: str, target_language: str) -> Iterator[Entry]:
        """All entries of these languages, imported ones first, in the order in which they were added.

        Raises InputError where there are none.
        """
        asked = tag(source_language), tag(target_language)
        holdings = self.holdings()
        chosen = [held for held in holdings if all(map(matches, asked, held.languages))]
        if not chosen:
            there = ", ".join(dict.fromkeys(" to ".join(held.languages) for held in holdings)) or "nothing"
            raise InputError(f"{self.path}: holds nothing from {' to '.join(asked)}; it holds: {there}")
        for holding in chosen:
            yield from self._entries(holding)

    def _entries(self, of: Holding) -> Iterator[Entry]:
        context = Context(of.origin, of.model, of.options, of.source_language, of.target_language)
        last = 0
        while True:
            with self.connection() as connection:
                rows = connection.execute(
                    "SELECT id, source, target, changed FROM entry WHERE context = ? AND id > ? "
                    "ORDER BY id LIMIT ?",
                    (context_id(connection, context), last, _ROWS_AT_ONCE),
                ).fetchall()
                if rows and rows[-1][0] <= last:
                    raise sqlite3.DatabaseError("its entries are not in order")
            if not rows:
                return
            for last, source, target, changed in rows:  # noqa: B007 - the last row's id is where to go on
                yield Entry(
                    *(source, target, of.source_language, of.target_language),
                    *(of.origin, of.model, of.options, changed),
                )

    def holdings(self) -> list[Holding]:
        """What the memory holds, imported ones first."""
        with self.connection() as connection:
            rows = connection.execute(
                "SELECT origin, source_language, target_language, model, options, count(*) "
                "FROM context JOIN entry ON entry.context = context.id GROUP BY context.id "
                "ORDER BY origin, source_language, target_language, context.id"
            ).fetchall()
        return [Holding(Origin(origin), *rest) for origin, *rest in rows]


@contextmanager
def _staged(connection: sqlite3.Connection, pairs: Iterable[tuple[str, str]]) -> Iterator[None]:
    """The pairs in a temporary table, while the block runs; reading them locks no file."""
    connection.execute("CREATE TEMP TABLE staged (position INTEGER PRIMARY KEY, source TEXT, target TEXT)")
    try:
        connection.execute("BEGIN")
        try:
            connection.executemany("INSERT INTO staged (source, target) VALUES (?, ?)", pairs)
        finally:
            connection.execute("COMMIT")
        yield
    finally:
        connection.execute("DROP TABLE staged")


def _count(connection: sqlite3.Connection, context: int) -> int:
    count: int = connection.execute("SELECT count(*) FROM entry WHERE context = ?", (context,)).fetchone()[0]
    return count


_opened: weakref.WeakSet[TranslationMemory] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """A lock that another thread of the parent held stays locked in the child, where no such thread is."""
    for memory in list(_opened):
        memory._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
