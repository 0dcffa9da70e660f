"""The search for segments: what must stay goes through the model as terms, and what is lost is seen to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from octavo.engine import SearchOptions, Term
from octavo.text.scripts import unreadable
from octavo.text.tokenizer import Tokenizer
from octavo.translation.engine_steps import Query, Steps
from octavo.translation.guard import Fault, needs_retry, safer
from octavo.translation.kept import has_more, places, spellings
from octavo.translation.segment import Cut, Segment, open_with
from octavo.translation.target_text import TargetText
from octavo.translation.warning import TranslationWarning

_MOST_KEPT: Final = 8
"""A segment in which more must stay is translated around it at once."""

_MOST_TERM_TOKENS: Final = 48
"""Of all terms of a segment: the time of a search grows with their square. The engine takes 256 terms."""

_OF_FAULT: Final = {
    Fault.EMPTY: TranslationWarning.EMPTY,
    Fault.LOOP: TranslationWarning.REPETITION,
    Fault.TOO_LONG: TranslationWarning.LENGTH,
    Fault.TOO_SHORT: TranslationWarning.LENGTH,
}


class SegmentSearch:
    """Finds the translations of segments with one set of options.

    ``said`` turns them into text. With ``retry`` what goes wrong is searched for again. ``cut_around`` cuts a
    segment of a text again, without what must stay in it.
    """

    def __init__(
        self,
        source: Tokenizer,
        target: Tokenizer,
        options: SearchOptions,
        said: TargetText,
        *,
        retry: bool,
        alignments: Callable[[Segment], bool],
        cut_around: Callable[[Cut, Segment], list[Segment]],
    ) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._said = said
        self._retry = retry
        self._alignments = alignments
        self._cut_around = cut_around

    def run(self, cuts: Sequence[Cut]) -> Steps[None]:
        """Find the translations of all segments of the texts. A segment that loses what must stay, or goes
        wrong with it, is replaced by those around it; another that goes wrong is searched for more safely."""
        for cut in cuts:
            self._leave_unreadable(cut.segments)
            self._replace(cut, [segment for segment in cut.segments if not self._carry(segment)])
        yield from self._search_first([segment for cut in cuts for segment in cut.segments])
        again: list[Segment] = []
        for cut in cuts:
            lost = [
                segment for segment in cut.segments if segment.kept and segment.found and _spoilt(segment)
            ]
            again += self._replace(cut, lost)
        yield from self._search_first(again)
        found = [segment for cut in cuts for segment in cut.segments if segment.found]
        faults = {segment: fault for segment in found if (fault := _fault(segment)) is not None}
        if self._retry:
            yield from self._search_more_safely(faults)
        for segment, fault in faults.items():
            self._settle(segment, fault)
        for segment in found:
            if segment.found:
                self._warn(segment)

    def _leave_unreadable(self, segments: Sequence[Segment]) -> None:
        """Text whose letters the model cannot see stays as it is."""
        for segment in segments:
            if self._source.without_piece.isdisjoint(segment.ids):
                continue
            if segment.to_search and unreadable(segment.text, self._source, segment.ids):
                segment.ids = ()
                segment.warnings.add(TranslationWarning.UNREADABLE)

    def _carry(self, segment: Segment) -> bool:
        """Make terms of what must stay in the segment; False where the model cannot say it."""
        if not segment.kept or not segment.to_search:
            return True
        if len(segment.kept) > _MOST_KEPT:
            return False
        for kept in segment.kept:
            term = self._term([kept.spoken], segment, kept.text_start)
            if term is None:
                return False
            segment.terms.append(term)
        return _tokens(segment.terms) <= _MOST_TERM_TOKENS

    def _demand_terms(self, segment: Segment) -> None:
        """Make terms of those of the glossary, as many as there may be; the others are only looked for."""
        left = _MOST_TERM_TOKENS - _tokens(segment.terms)
        for match in segment.glossary_terms:
            term = self._term(match.targets, segment, match.start)
            if term is not None and _tokens([term]) <= left:
                segment.terms.append(term)
                left -= _tokens([term])

    def _term(self, texts: Sequence[str], segment: Segment, place: int) -> Term | None:
        """Any one of ``texts``, for what begins at ``place`` of the source; None where the model can say none
        of them."""
        attached = place > 0 and not segment.source.text[place - 1].isspace()
        found = [ids for text in texts for ids in spellings(text, self._target, attached=attached)]
        return Term([np.asarray(ids, np.int32) for ids in found], whole_words=True) if found else None

    def _replace(self, cut: Cut, lost: Sequence[Segment]) -> list[Segment]:
        """Put what lies around what must stay in the place of each lost segment."""
        replaced = {id(segment): self._cut_around(cut, segment) for segment in lost}
        for segment in lost:
            open_with(replaced[id(segment)], segment.opening)
        cut.replaced.extend((segment, replaced[id(segment)]) for segment in lost)
        added = [part for around in replaced.values() for part in around]
        for part in added:
            part.warnings.add(TranslationWarning.PIECES)
        if lost:
            cut.segments[:] = [part for one in cut.segments for part in replaced.get(id(one), [one])]
        return added

    def _search_first(self, segments: Sequence[Segment]) -> Steps[None]:
        for segment in segments:
            if segment.to_search and segment.glossary_terms:
                self._demand_terms(segment)
        yield from self._search(segments, self._options)

    def _search(self, segments: Sequence[Segment], options: SearchOptions) -> Steps[None]:
        """Segments with alignments and those without, each in one query."""
        groups: dict[bool, list[Segment]] = {False: [], True: []}
        for segment in segments:
            if segment.to_search:
                groups[bool(self._alignments(segment))].append(segment)
        for aligned, chosen in groups.items():
            if not chosen:
                continue
            sources = [np.asarray(segment.ids, dtype=np.int32) for segment in chosen]
            terms = [segment.terms or None for segment in chosen] if any(s.terms for s in chosen) else None
            continuations = self._target.continuations if terms else None
            begun = [(*segment.target_prefix, *segment.opening) for segment in chosen]
            prefixes = [np.array(tokens, np.int32) if tokens else None for tokens in begun]
            found = yield Query(sources, options, terms, continuations, aligned, prefixes)
            for segment, hypotheses in zip(chosen, found, strict=True):
                segment.found = hypotheses
                segment.translation = self._said.text(segment, hypotheses[0])

    def _search_more_safely(self, faults: dict[Segment, Fault]) -> Steps[None]:
        """Search again for what went wrong, and take what has no fault."""
        faulty: dict[SearchOptions, list[Segment]] = {}
        for segment, fault in faults.items():
            faulty.setdefault(safer(self._options, segment.ids, fault), []).append(segment)
        for options, group in faulty.items():
            before = [(segment.found, segment.translation) for segment in group]
            yield from self._search(group, options)
            for segment, (found, translation) in zip(group, before, strict=True):
                if _fault(segment) is None and _keeps(segment):
                    segment.warnings.add(TranslationWarning.SEARCHED_AGAIN)
                else:
                    segment.found, segment.translation = found, translation

    def _settle(self, segment: Segment, fault: Fault) -> None:
        """Warn of what keeps its fault."""
        if TranslationWarning.SEARCHED_AGAIN in segment.warnings:
            return
        segment.warnings.add(_OF_FAULT[fault])
        if fault is Fault.EMPTY:
            segment.complete = segment.found[0].complete
            segment.found, segment.ids = (), ()  # nothing is lost: it stays as it is

    def _warn(self, segment: Segment) -> None:
        if segment.glossary_terms:
            said = segment.translation.casefold()
            if any(not any(t.casefold() in said for t in match.targets) for match in segment.glossary_terms):
                segment.warnings.add(TranslationWarning.TERM)
        if self._source.unknown_id in segment.own_ids:
            segment.warnings.add(TranslationWarning.UNKNOWN_CHARACTERS)


def _tokens(terms: Sequence[Term]) -> int:
    """The tokens of the terms, each in its longest alternative."""
    return sum(max(map(len, term.alternatives)) for term in terms)


def _fault(segment: Segment) -> Fault | None:
    if not segment.translation:
        return Fault.EMPTY
    return needs_retry(segment.ids, segment.found[0].tokens[len(segment.target_prefix) :].tolist())


def _spoilt(segment: Segment) -> bool:
    """Whether what must stay is lost, or the translation went wrong with it."""
    return not _keeps(segment) or _fault(segment) is not None


def _keeps(segment: Segment) -> bool:
    """Whether all that must stay is in the translation, and no placeholder or the like besides."""
    if not segment.kept:
        return True
    found = places(segment.translation, segment.kept)
    return found is not None and not has_more(segment.translation, found)
