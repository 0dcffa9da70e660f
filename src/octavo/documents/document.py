"""What every format of documents offers: passages to translate, and the document with their translations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from octavo.errors import InputError
from octavo.text.parts import Part


class DocumentError(InputError):
    """A document that cannot be read as its format. The message says where, and what to do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Passage:
    """A text of a document that is translated on its own: a paragraph, a cell, an entry.

    ``where`` is its place for a person, say "line 12" or "slide 3". With ``wrapped`` a line break inside it
    is a space, as in a paragraph of HTML; otherwise it ends a line that is to stay one.
    """

    parts: tuple[Part, ...]
    where: str
    wrapped: bool = False


class Document(Protocol):
    """A document that was read: all of it, with the places of its passages."""

    @property
    def passages(self) -> Sequence[Passage]:
        """What can be translated, in the order in which a person reads it. None of them is blank."""

    def write(self, translations: Sequence[tuple[Part, ...] | None]) -> bytes:
        """The document with a translation in the place of each passage, in their order.

        A translation has the marks and the kept texts of its passage, each of them once and well nested; they
        may stand in another order. What equals its passage, and None, leave the bytes of that passage as they
        are; so does everything between passages.
        """


@dataclasses.dataclass(frozen=True, slots=True)
class DocumentOptions:
    """What a person may say about a document.

    ``columns`` are the columns of a table that are translated: names of its first row, or numbers from 1;
    none given, all that hold text. ``source_language`` and ``target_language`` are what a format that states
    its languages is told, say "en" and "de". ``xml_rules`` says which elements of an XML document are text
    (docs/documents-xml.md). With ``wrapped``, plain text has paragraphs of several lines. ``ignored_tags``
    are names of elements of HTML, or of XML of any kind, that stay as they are, with all that is in them.
    """

    columns: tuple[str, ...] = ()
    source_language: str = "en"
    target_language: str = "de"
    xml_rules: str = ""
    wrapped: bool = False
    ignored_tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """A format of documents. ``name`` is what ``--format`` calls it; ``endings`` are those of its files, each
    with its dot, in lower case.

    ``read`` takes a document's bytes and the options, and raises DocumentError. Its messages do not name the
    file: the caller puts the name in front.
    """

    name: str
    endings: tuple[str, ...]
    read: Callable[[bytes, DocumentOptions], Document]
