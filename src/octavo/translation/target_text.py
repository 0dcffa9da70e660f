"""What hypotheses say: their tokens as text, unknown words as they are in the source."""

from __future__ import annotations

import numpy as np

from octavo.engine import Hypothesis
from octavo.text.tokenizer import WORD_START, Span, Tokenizer
from octavo.translation.segment import Segment


class TargetText:
    """Turns hypotheses into text. ``copies``: an unknown token stands for the source token that it is aligned
    with, whose characters are copied; the hypotheses have their alignment then."""

    def __init__(self, source: Tokenizer, target: Tokenizer, *, copies: bool) -> None:
        self._source = source
        self._target = target
        self._copies = copies

    def text(self, segment: Segment, found: Hypothesis) -> str:
        """A line of text."""
        tokens = found.tokens.tolist()
        if self._copies and self._target.unknown_id in tokens:
            return self._copied(segment, found)[0]
        return self._target.decode(tokens)

    def spans(self, segment: Segment, found: Hypothesis) -> list[Span]:
        """The characters of each token that follows the segment's ``target_prefix``."""
        return self._copied(segment, found)[1]

    def _copied(self, segment: Segment, found: Hypothesis) -> tuple[str, list[Span]]:
        tokens = found.tokens[len(segment.target_prefix) :].tolist()
        return self._target.decode_with_spans(tokens, self._names(segment, found, tokens))

    def _names(self, segment: Segment, found: Hypothesis, tokens: list[int]) -> dict[int, str]:
        """The pieces that stand in the place of unknown tokens, by their number."""
        if not self._copies or self._target.unknown_id not in tokens or found.attention is None:
            return {}
        ids, spans = self._source.encode_with_spans(segment.text, may_state=False)
        if not ids or list(ids) != list(segment.own_ids):  # white space that the model reads otherwise
            return {}
        attention = found.attention[len(segment.target_prefix) :, segment.prefix :][:, : len(ids)]
        names = {}
        for at in np.flatnonzero(np.array(tokens) == self._target.unknown_id).tolist():
            start, end = spans[int(attention[at].argmax())]
            begins = start == 0 or segment.text[start - 1].isspace()
            apart = begins and not (at > 0 and self._target.is_word_start(tokens[at - 1]))
            names[at] = (WORD_START if apart else "") + segment.text[start:end].replace(" ", WORD_START)
        return names
