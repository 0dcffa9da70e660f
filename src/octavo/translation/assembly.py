"""A translation out of its segments: separators as they were, marks where their words went."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Final

import numpy as np

from octavo.engine import Hypothesis
from octavo.text.parts import Part, plain
from octavo.text.tokenizer import Tokenizer
from octavo.translation.kept import places, restored
from octavo.translation.mark_placement import Link, place_marks
from octavo.translation.result import (
    Alternative,
    SegmentOrigin,
    TranslatedPassage,
    TranslatedSegment,
    Translation,
)
from octavo.translation.segment import Cut, Segment
from octavo.translation.source import Source
from octavo.translation.target_text import TargetText
from octavo.translation.warning import TranslationWarning

_LEAST_WEIGHT: Final = 0.02
"""Less of the attention to a source token says nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Outcome:
    """A segment in the target language. ``links`` count from its start, on both sides."""

    parts: tuple[Part, ...]
    alternatives: list[Alternative]
    links: Sequence[Link] = ()


class Assembler:
    """Makes translations of segments whose hypotheses were found. ``said`` turns these into text. ``penalty``
    is the search's length penalty. ``with_links``: the result has the alignment of every token, not only the
    marks in their places."""

    def __init__(self, source: Tokenizer, said: TargetText, penalty: float, *, with_links: bool) -> None:
        self._source = source
        self._said = said
        self._penalty = penalty
        self._with_links = with_links

    def assemble(self, source: Source, cut: Cut) -> TranslatedPassage:
        """The translation of ``source``."""
        outcomes = [self._outcome(segment) for segment in cut.segments]
        parts: list[Part] = []
        segments = []
        found = set(cut.warnings)
        at = cut.begin
        end = mark = target_tokens = 0
        for segment, outcome in zip(cut.segments, outcomes, strict=True):
            segment.result = outcome.parts
            found |= segment.warnings
            if segment.found:
                made = _length(segment.found[0].tokens, segment.found[0].complete)
                target_tokens += made - len(segment.target_prefix)
            if source.has_parts:
                marks = segment.marks
                parts += source.between(at, segment.start, range(mark, marks.start))
                parts += outcome.parts
                mark = marks.stop
            start = end + segment.start - at
            at, end = segment.end, start + len(outcome.alternatives[0].text)
            links = tuple([_moved(link, segment.start, start) for link in outcome.links])
            origin = _origin(segment)
            segments.append(TranslatedSegment(segment.start, at, start, end, origin, segment.similar, links))
        if source.has_parts:
            parts += source.between(at, len(source.text), range(mark, source.all_marks.stop))
        translation = Translation(
            source=source.text,
            alternatives=tuple(self._joined(source, cut, outcomes)),
            segments=tuple(segments),
            too_long=cut.too_long,
            target_tokens=target_tokens,
            warnings=tuple(filter(found.__contains__, TranslationWarning)) if found else (),
        )
        plain_parts = (translation.text,) if translation.text else ()
        given = source.as_given(parts) if source.has_parts else plain_parts
        return TranslatedPassage(given, translation)

    def _outcome(self, segment: Segment) -> _Outcome:
        if segment.found and not (self._with_links or segment.kept or segment.has_marks):
            alternatives = [self._alternative(segment, found) for found in segment.found]
            return _Outcome((alternatives[0].text,), alternatives)
        parts = segment.parts
        if not segment.found:
            parts = parts if segment.remembered is None else segment.remembered
            return _Outcome(parts, [Alternative(plain(parts), 0.0, (), segment.complete)])
        alternatives = [self._alternative(segment, found) for found in segment.found]
        found = places(segment.translation, segment.kept) or []
        links = list(self._links(segment, segment.found[0]))
        best = restored(segment.translation, found, links)
        kept = {span.part.id: at for at, (_, span) in zip(best.starts, found, strict=True) if span.part}
        solid = [
            (at, at + len(span.text))
            for at, (_, span) in zip(best.starts, found, strict=True)
            if span.part is None
        ]
        placed = place_marks(parts, best.text, best.links, kept, solid)
        return _Outcome(placed, alternatives, _strongest(best.links) if self._with_links else ())

    def _alternative(self, segment: Segment, found: Hypothesis) -> Alternative:
        tokens = tuple(found.tokens.tolist())
        text = segment.translation if found is segment.found[0] else self._said.text(segment, found)
        if segment.kept:
            text = restored(text, places(text, segment.kept) or [], ()).text
        return Alternative(text, found.score, tokens, found.complete)

    def _links(self, segment: Segment, found: Hypothesis) -> Iterator[Link]:
        """From each target token to the source characters that it was made from, by the attention to them;
        none without alignments."""
        if found.attention is None:
            return
        ids, source = self._source.encode_with_spans(segment.text, may_state=False)
        if list(ids) != list(segment.own_ids):  # white space that the model reads otherwise
            return
        forced = len(segment.target_prefix)
        target = self._said.spans(segment, found)
        attention = found.attention[forced:, segment.prefix :][:, : len(source)].astype(np.float64)
        attention /= np.maximum(attention.sum(axis=1, keepdims=True), 1)
        for (start, end), weights in zip(target, attention.tolist(), strict=True):
            for (source_start, source_end), weight in zip(source, weights, strict=True):
                if weight >= _LEAST_WEIGHT:
                    yield Link(source_start, source_end, start, end, weight)

    def _joined(self, source: Source, cut: Cut, outcomes: Sequence[_Outcome]) -> Iterator[Alternative]:
        """Rank by rank; what stayed as it was has every rank."""
        ranks = min((len(segment.found) for segment in cut.segments if segment.found), default=1)
        for rank in range(ranks):
            chosen = [
                outcome.alternatives[rank if segment.found else 0]
                for segment, outcome in zip(cut.segments, outcomes, strict=True)
            ]
            yield self._join(source, cut, chosen)

    def _join(self, source: Source, cut: Cut, chosen: Sequence[Alternative]) -> Alternative:
        segments, at = cut.segments, cut.begin
        if len(segments) == 1 and segments[0].start == at and segments[0].end == len(source.text):
            return chosen[0]
        texts = []
        for segment, alternative in zip(segments, chosen, strict=True):
            texts += [source.text[at : segment.start], alternative.text]
            at = segment.end
        texts.append(source.text[at:])
        made = [one for segment, one in zip(segments, chosen, strict=True) if segment.found]
        return Alternative(
            text="".join(texts),
            score=self._score(made),
            tokens=made[0].tokens if len(made) == 1 else tuple(token for one in made for token in one.tokens),
            complete=all(one.complete for one in chosen),
        )

    def _score(self, made: Sequence[Alternative]) -> float:
        if len(made) == 1:
            return made[0].score
        lengths = [_length(one.tokens, one.complete) for one in made]
        log_probability = sum(
            one.score * length**self._penalty for one, length in zip(made, lengths, strict=True)
        )
        total = sum(lengths)
        return log_probability / total**self._penalty if total else 0.0


def _length(tokens: Sized, complete: bool) -> int:
    """The number of tokens that the model produced, with EOS where the search reached it."""
    return len(tokens) + complete


def _origin(segment: Segment) -> SegmentOrigin:
    if segment.found:
        return SegmentOrigin.MODEL
    return SegmentOrigin.COPY if segment.remembered is None else SegmentOrigin.MEMORY


def _strongest(links: Iterable[Link]) -> list[Link]:
    """One link for each target token."""
    best: dict[tuple[int, int], Link] = {}
    for link in links:
        known = best.setdefault((link.start, link.end), link)
        if link.weight > known.weight:
            best[link.start, link.end] = link
    return list(best.values())


def _moved(link: Link, source: int, target: int) -> Link:
    return Link(link.source_start + source, link.source_end + source, link.start + target, link.end + target)
