"""Terms in a text: the longest one at each place, on whole words, in time linear in the text."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from octavo.terms.entry import Entry
from octavo.terms.inflection import stems
from octavo.terms.units import Unit, units


@dataclasses.dataclass(frozen=True, slots=True)
class TermMatch:
    """``text[start:end]`` is a term; its translation holds one of ``targets``, best first."""

    start: int
    end: int
    targets: tuple[str, ...]


@dataclasses.dataclass(slots=True)
class _Node:
    """What may follow some units, by the folded text of the next one, and the entries that end here."""

    children: dict[str, _Node] = dataclasses.field(default_factory=dict)
    entries: list[Entry] = dataclasses.field(default_factory=list)


class Matcher:
    """A trie of the entries' units. ``language`` is that of the texts; it says which inflection there is."""

    def __init__(self, entries: Iterable[Entry], language: str) -> None:
        self._language = language
        self._root = _Node()
        for entry in entries:
            node = self._root
            for unit in units(entry.source.strip()):
                node = node.children.setdefault(unit.text.casefold(), _Node())
            node.entries.append(entry)

    def matches(self, text: str) -> Iterator[TermMatch]:
        """From the left, none overlapping another: at each place the entry of the most units."""
        if not self._root.children:
            return
        found, at = units(text), 0
        while at < len(found):
            entry, end = self._longest(text, found, at) if found[at].text != " " else (None, at)
            if entry is None:
                at += 1
                continue
            start, behind = found[at].start, found[end - 1].end
            yield TermMatch(start, behind, _targets(entry, text[start:behind]))
            at = end

    def _longest(self, text: str, found: list[Unit], at: int) -> tuple[Entry | None, int]:
        """The entry that begins with unit ``at``, and the unit behind it."""
        node, best, end = self._root, None, at
        for i in range(at, len(found)):
            word = found[i].text.casefold()
            written = text[found[at].start : found[i].end]
            entry = self._entry(node, word, written)
            if entry is not None:
                best, end = entry, i + 1
            following = node.children.get(word)
            if following is None:
                break
            node = following
        return best, end

    def _entry(self, node: _Node, word: str, written: str) -> Entry | None:
        """The entry that ends with ``word``, or else one of which it is a form."""
        own = node.children.get(word)
        if own is not None and own.entries:
            as_written = " ".join(written.split())
            exact = (e for e in own.entries if " ".join(e.source.split()) == as_written)
            loose = (e for e in own.entries if not e.exact_case)
            entry = next(exact, None) or next(loose, None)
            if entry is not None:
                return entry
        for stem in stems(word, self._language):
            base = node.children.get(stem)
            entry = next((e for e in base.entries if _form_fits(e, written)), None) if base else None
            if entry is not None:
                return entry
        return None


def _form_fits(entry: Entry, written: str) -> bool:
    """Whether the case of a form is right: but for its ending, the letters are the entry's."""
    if not entry.exact_case:
        return True
    as_written = " ".join(written.split())
    source = " ".join(entry.source.split())
    return as_written.startswith(source[:-1])


def _targets(entry: Entry, written: str) -> tuple[str, ...]:
    """The translations of a term, in the case that the text has it in."""
    if not entry.targets:
        return (written,)
    source = entry.source.strip()
    letters = [c for c in written if c.isalpha()]
    if len(letters) > 1 and written.isupper() and not source.isupper():
        return tuple(dict.fromkeys(target.upper() for target in entry.targets))
    if written[:1].isupper() and source[:1].islower():
        return tuple(dict.fromkeys(target[:1].upper() + target[1:] for target in entry.targets))
    return entry.targets
