"""Terms that a translation must contain, as docs/numerics.md ("Search") defines how they are met."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence

Tokens = tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """One of ``alternatives``; with ``whole_words`` no token that continues a word comes after it."""

    alternatives: tuple[Tokens, ...]
    whole_words: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What a hypothesis contains: ``met`` terms, ``used`` positions of their tokens; ``waiting``, the tokens
    at its end that begin a term, and the term ``held`` that these begin with, which is in ``met`` too.

    ``word_ends``: its last token ended a term of whole words.
    """

    met: frozenset[int]
    used: frozenset[int]
    waiting: Tokens = ()
    held: tuple[int, int] | None = None
    """The term's index and how many tokens it has."""
    word_ends: bool = False


NOTHING = Reading(frozenset(), frozenset())


class Terms:
    """The terms of one sentence. ``continuations``: the tokens that continue a word."""

    def __init__(self, terms: Sequence[Term], continuations: Collection[int] = ()) -> None:
        self.terms = terms
        self.continuations = frozenset(continuations)

    @property
    def longest(self) -> int:
        """Tokens of all terms, each in its longest alternative."""
        return sum(max(map(len, term.alternatives)) for term in self.terms)

    def read(self, tokens: Tokens) -> Reading:
        """Read a hypothesis from the left: the longest alternative of a term that is not met counts."""
        met: frozenset[int] = frozenset()
        used: frozenset[int] = frozenset()
        at, word_ends = 0, False
        while at < len(tokens):
            rest = tokens[at:]
            found = self._found(rest, met)
            size = len(found[1]) if found else 1
            if self._begins(rest, met):
                if found is None:
                    return Reading(met, used, rest)
                held = (found[0], size)
                word_ends = self.terms[found[0]].whole_words and size == len(rest)
                return Reading(met | {found[0]}, used | {*range(at, at + size)}, rest, held, word_ends)
            if found:
                met |= {found[0]}
                used |= {*range(at, at + size)}
                word_ends = self.terms[found[0]].whole_words and size == len(rest)
            at += size
        return Reading(met, used, word_ends=word_ends)

    def missing(self, reading: Reading) -> int:
        """The fewest tokens that meet every term."""
        paths = (
            len(rest) + self._shortest(met) - min(map(len, self.terms[term].alternatives))
            for term, rest, met in self._begun(reading)
        )
        return min([self._shortest(reading.met), *paths])

    def wanted(self, reading: Reading) -> set[int]:
        """The tokens that begin a term that is not met, or go on with one."""
        first = {tokens[0] for _, tokens in self._alternatives(reading.met)}
        return first | {rest[0] for _, rest, _ in self._begun(reading)}

    def _alternatives(self, met: frozenset[int]) -> Iterator[tuple[int, Tokens]]:
        for index, term in enumerate(self.terms):
            if index not in met:
                for tokens in term.alternatives:
                    yield index, tokens

    def _found(self, rest: Tokens, met: frozenset[int]) -> tuple[int, Tokens] | None:
        """The longest alternative that ``rest`` begins with, unless another word comes of it."""
        found = [(term, tokens) for term, tokens in self._alternatives(met) if rest[: len(tokens)] == tokens]
        longest = max(found, key=lambda one: len(one[1]), default=None)
        return None if longest is None or self._broken(*longest, rest, met) else longest

    def _broken(self, term: int, tokens: Tokens, rest: Tokens, met: frozenset[int]) -> bool:
        """Whether a word goes on after a term that waited for a longer one."""
        waited = any(
            len(longer) > len(tokens) and longer[: len(tokens)] == tokens
            for _, longer in self._alternatives(met)
        )
        following = rest[len(tokens) : len(tokens) + 1]
        return (
            waited and self.terms[term].whole_words and bool(following) and following[0] in self.continuations
        )

    def _begins(self, rest: Tokens, met: frozenset[int]) -> bool:
        return any(
            len(tokens) > len(rest) and tokens[: len(rest)] == rest for _, tokens in self._alternatives(met)
        )

    def _shortest(self, met: frozenset[int]) -> int:
        return sum(min(map(len, t.alternatives)) for i, t in enumerate(self.terms) if i not in met)

    def _begun(self, reading: Reading) -> Iterator[tuple[int, Tokens, frozenset[int]]]:
        """Each alternative that the hypothesis may be in the middle of: its term, the rest of it, and what is
        met without it."""
        waiting, held = reading.waiting, reading.held
        first_after = held[1] if held else 1
        for start in [0, *range(first_after, len(waiting))] if waiting else []:
            met = reading.met - {held[0]} if held and start == 0 else reading.met
            begun = waiting[start:]
            for term, tokens in self._alternatives(met):
                if len(tokens) > len(begun) and tokens[: len(begun)] == begun:
                    yield term, tokens[len(begun) :], met
