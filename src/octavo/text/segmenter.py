"""The one way in which a text becomes what a model reads: segments, and the separators between them."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from octavo.text.layout import BREAKS, lines_of
from octavo.text.pieces import Range, is_inside, pieces, stripped
from octavo.text.sentences import sentence_ends
from octavo.text.tokenizer import Tokenizer, mapped_span

_SPACED_BREAK: Final = re.compile(rf"\s*[{BREAKS}]\s*")
_BREAKS_ARE_SPACES: Final = dict.fromkeys(map(ord, BREAKS), " ")


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """A part of a text that is translated at once: ``text[start:end]``, in characters.

    It is not blank and has no white space at its ends. ``ids`` are what the model reads, without EOS: the
    prefix of the text, the segment's own tokens, and the suffix. ``copied`` tells that there is nothing in it
    to translate: no letter outside what is kept, no token, or a single character of more tokens than the
    model takes. A copied segment is its own translation, and has no ids. ``piece`` tells that it is a part of
    a sentence that the model cannot take whole.
    """

    start: int
    end: int
    ids: tuple[int, ...]
    copied: bool = False
    piece: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class SegmentedText:
    """A text and its segments, which ascend and do not overlap. What lies between them is its separators.

    Separators are white space, line breaks, list bullets, and the language code in front of the text.
    ``prefix`` and ``suffix`` are what the model reads around the tokens of every segment.
    """

    text: str
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    segments: tuple[Segment, ...]

    @property
    def too_long(self) -> bool:
        """Whether a sentence needed several segments, because the model cannot take it whole."""
        return any(segment.piece for segment in self.segments)

    @property
    def separators(self) -> list[str]:
        """What stands before, between and after the segments: one more than there are segments."""
        starts = [segment.start for segment in self.segments]
        ends = [segment.end for segment in self.segments]
        return [self.text[i:j] for i, j in zip([0, *ends], [*starts, len(self.text)], strict=True)]

    def joined(self, translations: Sequence[str]) -> str:
        """The text with a translation in the place of each segment, in their order."""
        pairs = zip(self.separators, [*translations, ""], strict=True)
        return "".join(part for pair in pairs for part in pair)


@dataclasses.dataclass(frozen=True, slots=True)
class _Limits:
    """The most tokens, without those of ``prefix`` and ``suffix``, of what is translated at once where it
    fits, and of a piece of it."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    whole: int
    piece: int


class Segmenter:
    """Cuts texts into segments for one model.

    ``language`` is the tag of the language that the model translates from, such as "en". ``longest`` is the
    most tokens that the model takes, without EOS. ``prefix`` and ``suffix`` are the tokens that it reads
    around those of every segment; a language code in front of a text takes the place of ``prefix``.
    Without ``sentence_by_sentence`` a line is cut into sentences only where it is too long.

    A segment has at most three quarters of ``longest`` tokens, because a translation may be longer than its
    source. Where a sentence has to be cut, its pieces also have at most three quarters of the longest
    translation asked for.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        language: str,
        longest: int,
        prefix: tuple[int, ...] = (),
        suffix: tuple[int, ...] = (),
        sentence_by_sentence: bool = True,
    ) -> None:
        self.tokenizer = tokenizer
        self.language = language
        self.longest = longest
        self.prefix = prefix
        self.suffix = suffix
        self.sentence_by_sentence = sentence_by_sentence

    def segments(
        self,
        text: str,
        *,
        wrapped: bool = False,
        max_length: int | None = None,
        kept: Sequence[Range] = (),
        may_state: bool = True,
    ) -> SegmentedText:
        """The segments of ``text``, which may have any number of lines.

        A line break ends a segment, and so does a tab. With ``wrapped`` a single line break is a space, as in
        a paragraph that is broken to fit a page; a blank line ends the paragraph, and a list bullet begins
        another. ``max_length`` is the longest translation asked for, in tokens. No cut falls into a range of
        ``kept`` (characters of the text, from the first to before the second), unless that range alone is too
        long for the model. ``may_state``: whether a code at the front of ``text`` states the language; not
        where ``text`` is the inside of another one. The method takes linear time.
        """
        code, body = self.tokenizer.split_language_code(text) if may_state else ("", text)
        prefix = self._prefix(code)
        limits = self._limits(prefix, max_length)
        ranges = _merged(kept)
        lines = lines_of(text, len(text) - len(body), wrapped=wrapped, kept=ranges, language=self.language)
        units = (unit for line in lines for unit in self._units(text, line, ranges))
        segments = tuple(
            itertools.chain.from_iterable(self._cut(text, *unit, ranges, limits) for unit in units)
        )
        return SegmentedText(text, prefix, self.suffix, segments)

    def whole(self, text: str) -> tuple[int, ...]:
        """What the model reads of ``text`` as one sentence, cut at the end to fit; nothing of blank text."""
        code, body = self.tokenizer.split_language_code(text)
        prefix = self._prefix(code)
        ids = self.tokenizer.encode(body, may_state=False)[: self.longest - len(prefix) - len(self.suffix)]
        return (*prefix, *ids, *self.suffix) if ids else ()

    def spans(self, text: str, segment: Segment) -> list[Range]:
        """For each of the segment's ids the characters of ``text``, which it is a segment of, that it stands
        for; see Tokenizer.encode_with_spans. The spans of the prefix and of the suffix are empty."""
        if segment.copied:
            return []
        part = text[segment.start : segment.end]
        places: list[int] = []
        at = 0
        for found in _SPACED_BREAK.finditer(part):
            places += range(segment.start + at, segment.start + found.start() + 1)
            at = found.end()
        places += range(segment.start + at, segment.end + 1)
        ids, spans = self.tokenizer.encode_with_spans(self._readable(part), may_state=False)
        suffix = [(segment.end, segment.end)] * len(self.suffix)
        prefix = [(segment.start, segment.start)] * (len(segment.ids) - len(ids) - len(suffix))
        return [*prefix, *(mapped_span(span, places) for span in spans), *suffix]

    def _prefix(self, code: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(code)) if code else self.prefix

    def _limits(self, prefix: tuple[int, ...], max_length: int | None) -> _Limits:
        whole = max(1, _three_quarters(self.longest) - len(prefix) - len(self.suffix))
        piece = whole if max_length is None else min(whole, _three_quarters(max_length))
        return _Limits(prefix, self.suffix, whole, piece)

    def _units(self, text: str, line: Range, kept: Sequence[Range]) -> list[Range]:
        """What is translated at once where the model can take it."""
        return self._sentences(text, line, kept) if self.sentence_by_sentence else [line]

    def _sentences(self, text: str, line: Range, kept: Sequence[Range]) -> list[Range]:
        start, end = line
        part = text[start:end]
        if not part.isprintable():
            part = part.translate(_BREAKS_ARE_SPACES)
        ends = sentence_ends(part, self.language)
        if not ends:
            return [line]
        places = [start, *(start + at for at in ends if not is_inside(start + at, kept)), end]
        found = (stripped(text, i, j) for i, j in itertools.pairwise(places))
        return [sentence for sentence in found if sentence[0] < sentence[1]]

    def _cut(
        self, text: str, start: int, end: int, kept: Sequence[Range], limits: _Limits
    ) -> Iterator[Segment]:
        """The segments of a sentence or a line: one, or several where it is too long."""
        whole = self._segment(text, start, end, kept, limits)
        if whole is not None:
            yield whole
            return
        line = start, end
        for i, j in [line] if self.sentence_by_sentence else self._sentences(text, line, kept):
            inner = [(max(a, i) - i, min(b, j) - i) for a, b in _within(kept, i, j)]
            for a, b in pieces(text[i:j], limits.piece, self._count, inner):
                piece = self._segment(text, i + a, i + b, kept, limits)
                piece = piece or Segment(i + a, i + b, (), copied=True)
                yield dataclasses.replace(piece, piece=True)

    def _segment(
        self, text: str, start: int, end: int, kept: Sequence[Range], limits: _Limits
    ) -> Segment | None:
        """The range as one segment; None where that is too long for the model."""
        if not _has_letters(text, start, end, kept):
            return Segment(start, end, (), copied=True)
        ids = self._encode(text[start:end])
        if len(ids) > limits.whole:
            return None
        around = (*limits.prefix, *ids, *limits.suffix) if ids else ()
        return Segment(start, end, around, copied=not ids)

    def _readable(self, part: str) -> str:
        return part if part.isprintable() else _SPACED_BREAK.sub(" ", part)

    def _encode(self, part: str) -> list[int]:
        return self.tokenizer.encode(self._readable(part), may_state=False)

    def _count(self, part: str) -> int:
        return len(self._encode(part))


def _three_quarters(longest: int) -> int:
    return max(1, longest * 3 // 4)


def _merged(kept: Iterable[Range]) -> list[Range]:
    """The ranges in order, those that overlap as one, without empty ones."""
    merged: list[Range] = []
    for start, end in sorted(kept):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        elif start < end:
            merged.append((start, end))
    return merged


def _within(kept: Sequence[Range], start: int, end: int) -> Sequence[Range]:
    """The ranges that share a character with the given one."""
    first = bisect.bisect_right(kept, start, key=lambda one: one[1])
    last = bisect.bisect_left(kept, end, key=lambda one: one[0])
    return kept[first:last]


def _has_letters(text: str, start: int, end: int, kept: Sequence[Range]) -> bool:
    if not kept:
        return any(map(str.isalpha, text[start:end]))
    at = start
    for i, j in [*_within(kept, start, end), (end, end)]:
        if any(map(str.isalpha, text[at:i])):
            return True
        at = j
    return False
