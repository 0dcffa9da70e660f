"""Sources with passages in them: what documents in XML, and archives of it, are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from octavo.documents.byte_edits import Edit, spliced
from octavo.documents.document import Passage
from octavo.documents.inline import InlineText
from octavo.documents.zip_source import ZipSource
from octavo.text.parts import Part, merged


@dataclasses.dataclass(frozen=True)
class PlacedText:
    """A source, the texts in it, and edits that are made once a text of it changes.

    The texts stand in the order in which a person reads them, which need not be that of the source.
    """

    data: bytes
    texts: Sequence[InlineText]
    when_changed: tuple[Edit, ...] = ()

    @property
    def passages(self) -> Sequence[Passage]:
        """The passage of each text."""
        return [text.passage for text in self.texts]

    def write(self, translations: Sequence[tuple[Part, ...] | None], *, changed: bool = False) -> bytes:
        """The source with its passages translated. ``changed``: another part of the document was."""
        edits = [
            Edit(*text.span, text.markup(translation))
            for text, translation in zip(self.texts, translations, strict=True)
            if translation is not None and changes(text.passage, translation)
        ]
        if not edits and not changed:
            return self.data
        return spliced(self.data, [*edits, *self.when_changed])


@dataclasses.dataclass(frozen=True)
class PlacedMembers:
    """An archive, and its members that hold text or change with it. ``following`` change with any of them."""

    archive: ZipSource
    members: Mapping[str, PlacedText]
    following: frozenset[str] = frozenset()

    @property
    def passages(self) -> Sequence[Passage]:
        """The passages of each member."""
        return [passage for member in self.members.values() for passage in member.passages]

    def write(self, translations: Sequence[tuple[Part, ...] | None]) -> bytes:
        """The archive with its passages translated."""
        pairs = zip(self.passages, translations, strict=True)
        if not any(changes(passage, translation) for passage, translation in pairs):
            return self.archive.data
        changed, at = {}, 0
        for name, member in self.members.items():
            mine = translations[at : at + len(member.texts)]
            at += len(member.texts)
            new = member.write(mine, changed=name in self.following)
            if new != member.data:
                changed[name] = new
        return self.archive.write(changed)


def changes(passage: Passage, translation: tuple[Part, ...] | None) -> bool:
    """Whether a translation is something else than its passage."""
    return translation is not None and merged(translation) != merged(passage.parts)
