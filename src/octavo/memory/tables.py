"""The two tables of a memory: contexts, and the entries in them."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from octavo.memory.entries import Origin

TABLES: Final = (
    """
    CREATE TABLE context (
        id INTEGER PRIMARY KEY,
        origin TEXT NOT NULL CHECK (origin IN ('imported', 'machine')),
        model TEXT NOT NULL,
        options TEXT NOT NULL,
        source_language TEXT NOT NULL,
        target_language TEXT NOT NULL,
        UNIQUE (origin, model, options, source_language, target_language)
    )
    """,
    """
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        context INTEGER NOT NULL REFERENCES context (id),
        source TEXT NOT NULL,
        target TEXT NOT NULL,
        changed INTEGER NOT NULL,
        UNIQUE (source, context)
    )
    """,
    "CREATE INDEX entry_context ON entry (context)",
)
"""Entries are never deleted, so a larger id is a later entry. ``changed`` is in seconds since 1970."""

PUT: Final = (
    "INSERT INTO entry (context, source, target, changed) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (source, context) DO UPDATE SET target = excluded.target, changed = excluded.changed "
    "WHERE target != excluded.target"
)
"""Keeps an entry; a new target takes the place of the old one."""

PUT_STAGED: Final = PUT.replace(
    "VALUES (?, ?, ?, ?)", "SELECT ?, source, target, ? FROM staged WHERE true ORDER BY position"
)
"""The same with all rows of the temporary table ``staged``."""


class Context(NamedTuple):
    """What entries have in common. ``model`` and ``options`` are "" for imported ones."""

    origin: Origin
    model: str
    options: str
    source_language: str
    target_language: str

    @property
    def languages(self) -> tuple[str, str]:
        """The languages of the source and of the target, as tags."""
        return self.source_language, self.target_language


def context_id(connection: sqlite3.Connection, context: Context) -> int:
    """The id of a context, which is made where there is none; a read-only memory must have it."""
    select = (
        "SELECT id FROM context WHERE (origin, model, options, source_language, target_language) = "
        "(?, ?, ?, ?, ?)"
    )
    if found := connection.execute(select, context).fetchone():
        number: int = found[0]
        return number
    insert = (
        "INSERT INTO context (origin, model, options, source_language, target_language) "
        "VALUES (?, ?, ?, ?, ?)"
    )
    return connection.execute(insert, context).lastrowid or 0


def contexts(connection: sqlite3.Connection) -> dict[int, Context]:
    """All contexts by id, those made last first."""
    rows = connection.execute(
        "SELECT id, origin, model, options, source_language, target_language FROM context ORDER BY id DESC"
    )
    return {number: Context(Origin(origin), *rest) for number, origin, *rest in rows}
