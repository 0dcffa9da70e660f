"""What a memory holds and what it answers."""

from __future__ import annotations

import dataclasses
import enum

from octavo.text.parts import Part, plain


class Origin(enum.StrEnum):
    """Where a translation is from. ``IMPORTED``: a file, as a rule a person's. ``MACHINE``: a model."""

    IMPORTED = "imported"
    MACHINE = "machine"


@dataclasses.dataclass(frozen=True, slots=True)
class Hit:
    """A translation of exactly this source. Its marks and kept texts have the ids that the source has."""

    target: tuple[Part, ...]
    origin: Origin

    @property
    def text(self) -> str:
        """The translation without its marks."""
        return plain(self.target)


@dataclasses.dataclass(frozen=True, slots=True)
class FuzzyHit:
    """A translation of a source that is like the one that was asked for; both are without marks.

    ``score`` is 100 · (1 - d / l): d is the fewest characters to delete and insert that turn one source into
    the other, l the number of characters of both together. 100 stands for the same text.
    """

    score: float
    source: str
    target: str
    origin: Origin


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A translation as a memory holds it: its texts are renderings (octavo.memory.rendering).

    ``model`` and ``options`` are "" where it was imported. ``changed`` is in seconds since 1970.
    """

    source: str
    target: str
    source_language: str
    target_language: str
    origin: Origin
    model: str
    options: str
    changed: int


@dataclasses.dataclass(frozen=True, slots=True)
class Holding:
    """How many entries a memory holds of one origin, pair of languages, model and options."""

    origin: Origin
    source_language: str
    target_language: str
    model: str
    options: str
    entries: int

    @property
    def languages(self) -> tuple[str, str]:
        """The languages of the sources and of the translations, as tags."""
        return self.source_language, self.target_language
