"""A memory as one model sees it: exact translations, similar ones, and what the model adds."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from octavo.errors import ArgumentError
from octavo.memory.database import snapshot, transaction
from octavo.memory.entries import FuzzyHit, Hit, Origin
from octavo.memory.fuzzy import FuzzyIndex
from octavo.memory.languages import matches
from octavo.memory.rendering import Text, normalized, numbering, parsed, plain_of, rendered
from octavo.memory.tables import PUT, Context, context_id, contexts
from octavo.text.parts import Kept, Part, plain


class MemorySession:
    """A memory for one model, its options and its languages. TranslationMemory.session makes one."""

    def __init__(
        self, connection: Callable[[], AbstractContextManager[sqlite3.Connection]], own: Context
    ) -> None:
        self._connection = connection
        self._own = own
        self._fuzzy: FuzzyIndex | None = None

    def lookup(self, sources: Sequence[Text]) -> list[Hit | None]:
        """For each source the translation that was kept for it, or None.

        A source is plain text or the parts of a passage. Texts are the same where they are equal but for
        Unicode normal form and white space; passages need the same marks and kept texts in the same places.
        An imported translation goes before one of the model.
        """
        keys = [_key(source) for source in sources]
        with self._connection() as connection, snapshot(connection):
            usable = self._usable(connection)
            chosen = ", ".join(map(str, usable))  # whole numbers
            select = f"SELECT context, target FROM entry WHERE source = ? AND context IN ({chosen})"  # noqa: S608
            found: list[dict[int, str]] = [
                dict(connection.execute(select, (key,)).fetchall()) if key else {} for key in keys
            ]
        best = [next(((rows[c], usable[c]) for c in usable if c in rows), None) for rows in found]
        return [_hit(source, *row) if row else None for source, row in zip(sources, best, strict=True)]

    def add(self, pairs: Iterable[tuple[Text, Text]]) -> None:
        """Keep sources with the model's translations of them; all are safe on disk when this returns.

        A pair takes the place of one of the same source. Blank texts and those with half a character (a lone
        surrogate) are left out. Raises OutputError, and ArgumentError where a translation has not exactly
        the marks and the kept texts of its source; nothing is kept then.
        """
        rows = [row for source, target in pairs if (row := _row(source, target)) is not None]
        if not rows:
            return
        now = int(time.time())
        with self._connection() as connection, transaction(connection):
            context = context_id(connection, self._own)
            connection.executemany(
                PUT,
                [(context, source, target, now) for source, target in rows],
            )

    def fuzzy(self, source: Text, threshold: float = 75.0, limit: int = 3) -> list[FuzzyHit]:
        """At most ``limit`` translations of sources that are like this one, the likest first.

        ``threshold`` is the least score, from 50 to 100. The first call reads all sources. Raises OctavoError
        where the extra "memory" (rapidfuzz) is not installed.
        """
        if not 50 <= threshold <= 100:
            raise ArgumentError(f"threshold = {threshold}: must be a number from 50 to 100")
        text = normalized(source if isinstance(source, str) else plain(source))
        with self._connection() as connection, snapshot(connection):
            self._fuzzy = self._fuzzy or FuzzyIndex()
            usable = self._usable(connection)
            self._fuzzy.read(connection, usable)
            return [
                FuzzyHit(score, plain_of(source), plain_of(target), usable[context])
                for score, entry in self._fuzzy.likest(text, threshold, limit)
                for source, target, context in connection.execute(
                    "SELECT source, target, context FROM entry WHERE id = ?", (entry,)
                )
            ]

    def _usable(self, connection: sqlite3.Connection) -> Mapping[int, Origin]:
        """The contexts whose translations may be used, the best first: imported ones, of exactly these
        languages first, then this session's own."""
        asked = self._own.languages
        imported = {
            number: context.languages != asked
            for number, context in contexts(connection).items()
            if context.origin is Origin.IMPORTED and all(map(matches, asked, context.languages))
        }
        usable = dict.fromkeys(sorted(imported, key=imported.__getitem__), Origin.IMPORTED)
        own = (number for number, context in contexts(connection).items() if context == self._own)
        return usable | dict.fromkeys(own, Origin.MACHINE)


def _key(source: Text) -> str | None:
    """What a source is kept under; None where it cannot be kept."""
    key = normalized(rendered(source, numbering(source)))
    return key if key and _storable(key) else None


def _row(source: Text, target: Text) -> tuple[str, str] | None:
    """The source and the target of an entry, or None where they cannot be kept."""
    numbers = numbering(source)
    if numbering(target).keys() != numbers.keys():
        raise ArgumentError(
            f"a translation has the elements {sorted(numbering(target))} and its source {sorted(numbers)}; "
            f"they must be the same: {plain(source)}"
        )
    key, translation = _key(source), rendered(target, numbers)
    return (key, translation) if key and translation.strip() and _storable(translation) else None


def _storable(text: str) -> bool:
    """Whether the text has no half of a character."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _hit(source: Text, target: str, origin: Origin) -> Hit | None:
    """A translation with the elements of its source: their ids, and the kept texts as they are there.

    None where it has others; only another program can have written that.
    """
    ids = {number: own for own, number in numbering(source).items()}
    kept = {part.id: part for part in source if isinstance(part, Kept)}
    found = parsed(target)
    if {part.id for part in found if not isinstance(part, str)} != set(ids):
        return None
    parts: list[Part] = []
    for part in found:
        if not isinstance(part, str):
            part = dataclasses.replace(part, id=ids[part.id])
            part = kept.get(part.id, part)
        parts.append(part)
    return Hit(tuple(parts), origin)
