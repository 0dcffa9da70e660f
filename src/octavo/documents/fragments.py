"""Markup that is a string: a page, a document, or a piece of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from octavo.documents import generic_xml, html
from octavo.documents.document import DocumentOptions, Passage
from octavo.text.parts import Part


class Fragment(Protocol):
    """Markup that was read: its passages, and the markup with others in their places."""

    @property
    def passages(self) -> Sequence[Passage]:
        """What can be translated, in the order of reading."""

    def write_text(self, translations: Sequence[tuple[Part, ...] | None]) -> str:
        """The markup with a translation in the place of each passage; see ``Document.write``."""


def read_fragment(text: str, markup: Literal["html", "xml"], options: DocumentOptions) -> Fragment:
    """Read markup that is a string, whatever encoding it states. Raises DocumentError for XML that is not
    well-formed; HTML is never wrong."""
    if markup == "html":
        return html.read_text(text, options.ignored_tags)
    return generic_xml.read_text(text, options)
