"""A sentencepiece vocabulary: text to token ids and back."""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import sentencepiece

from octavo.errors import ModelError
from octavo.regular_file import read_regular
from octavo.text.added_tokens import NO_ADDED_TOKENS, AddedTokens
from octavo.text.clean import one_line, one_line_places
from octavo.text.language_tags import CODE_BEHIND_WORD_START, STATED_CODE

MAX_FILE_BYTES: Final = 64 * 1024 * 1024

VOCABULARY_END: Final = "<end-of-vocabulary>"
"""A piece of this name ends the model's vocabulary: pieces after it cut text too, but are unknown."""

WORD_START: Final = "\u2581"
"""What pieces have in the place of a space."""

Span: TypeAlias = tuple[int, int]
"""Characters of a text, from the first index to before the second."""

_CORRUPT: Final = "{}: not a sentencepiece model, or corrupt; copy it again"
_SPECIAL: Final = re.compile("<.*>|>>.*<<")


class Tokenizer:
    """Encodes any Unicode string, decodes any ids to a single line.

    ``size`` is the number of tokens, ``unknown_id`` the token of what the vocabulary cannot read, and
    ``without_piece`` holds that token and those of single bytes. With ``expected_size`` the file must have
    exactly that many tokens. A text is split at the tokens ``added``, and what is between them is encoded by
    itself.
    Raises ModelError, naming the file, where it is missing, corrupt or of another size.
    """

    def __init__(
        self, path: str | Path, expected_size: int | None = None, added: AddedTokens = NO_ADDED_TOKENS
    ) -> None:
        self.path = Path(path)
        self._added = added
        self._processor = _load(self.path)
        self.unknown_id: int = self._processor.unk_id()
        self.size: int = self._processor.vocab_size()
        end = self._processor.piece_to_id(VOCABULARY_END)
        if end != self.unknown_id:
            self.size = end
        byte_tokens = (token for token in range(self.size) if self._processor.is_byte(token))
        self.without_piece: frozenset[int] = frozenset([self.unknown_id, *byte_tokens])
        if expected_size is not None and self.size != expected_size:
            raise ModelError(
                f"{self.path}: the vocabulary has {self.size} tokens, the model {expected_size}; "
                "use the tokenizer file that the model was trained with"
            )

    def encode(self, text: str, *, may_state: bool = True) -> list[int]:
        """The token ids of ``text``, without BOS or EOS. Control characters count as spaces or as nothing.

        A language code at its front that the vocabulary has, such as ``>>fra<<`` or ``<2fr>``, is one token,
        the latter behind that of a word's start. Where the text may not state a language, as the inside of
        another one, a code is letters like any others.
        """
        line = one_line(text)
        code, body = self.split_language_code(line) if may_state else ("", line)
        ids = self._tokens_of_code(code) if code else []
        for start, end, token in self._added.parts(body):
            ids += self._ids(body[start:end]) if token is None else [token]
        return ids

    def _ids(self, text: str) -> list[int]:
        """The token ids of a text without added tokens."""
        ids: list[int] = self._run(lambda: self._processor.encode(text, out_type=int))
        unknown = [at for at, token in enumerate(ids) if token == self.unknown_id or token >= self.size]
        if unknown:
            pieces = self._run(lambda: self._processor.encode(text, out_type=str))
            for at in unknown:
                ids[at] = self._token_named(pieces[at])
        return ids

    def encode_with_spans(self, text: str, *, may_state: bool = True) -> tuple[list[int], list[Span]]:
        """The ids that ``encode`` gives, and for each the characters of ``text`` that it stands for.

        A span is (first, end) with the end not in it, and has no white space at its ends. Spans ascend and do
        not overlap. The span of a token that stands for white space alone is empty, and so are those of all
        but the last of the tokens that stand for one character together.
        """
        line = one_line(text)
        code, body = self.split_language_code(line) if may_state else ("", line)
        before = len(line) - len(body)
        spans = []
        for start, end, token in self._added.parts(body):
            inner = self._offsets(body[start:end]) if token is None else [(0, end - start)]
            spans += [(before + start + first, before + start + last) for first, last in inner]
        ids = self.encode(text, may_state=may_state)
        if code:
            start = before - len(code)
            spans = [*[(start, start)] * (len(ids) - len(spans) - 1), (start, before), *spans]
        places = one_line_places(text)
        firsts = [bisect.bisect_right(places, at) - 1 for at in range(len(line) + 1)]
        return ids, _ascending(text, [mapped_span(span, firsts) for span in spans])

    def _offsets(self, text: str) -> list[Span]:
        """The characters of each token of a text without added tokens."""
        found = self._run(lambda: self._processor.encode(text, return_type="offset_mapping"))
        offsets: list[Span] = found["offsets"]
        return offsets

    def split_language_code(self, text: str) -> tuple[str, str]:
        """The language code in front of ``text`` and the rest; ("", text) where there is none."""
        found = STATED_CODE.match(text)
        if not found:
            return "", text
        token = self._processor.piece_to_id(found[1])
        known = token != self.unknown_id and token < self.size
        return (found[1], text[found.end() :]) if known else ("", text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``: one line, without control characters and without spaces around it.

        Raises ValueError for an id outside the vocabulary.
        """
        tokens = self._checked(ids)
        text: str = self._run(lambda: self._processor.decode(tokens))
        return one_line(text).strip()

    def decode_with_spans(
        self, ids: Sequence[int], names: Mapping[int, str] = MappingProxyType({})
    ) -> tuple[str, list[Span]]:
        """The text that ``decode`` gives, and for each of the ids the characters of it that it stands for.

        The spans are like those of ``encode_with_spans``. ``names``: pieces that stand in the place of
        tokens, by their number. Raises ValueError for an id outside the vocabulary.
        """
        tokens = self._checked(ids)
        pieces = self._processor.id_to_piece(tokens) if names else []
        named = [names.get(at, piece) for at, piece in enumerate(pieces)]
        found = self._run(lambda: self._processor.decode(named or tokens, return_type="offset_mapping"))
        line = one_line(found["text"])
        text = line.strip()
        before = len(line) - len(line.lstrip())
        places = [min(max(at - before, 0), len(text)) for at in one_line_places(found["text"])]
        return text, _ascending(text, [(places[start], places[end]) for start, end in found["offsets"]])

    def is_word_start(self, token: int) -> bool:
        """Whether a token is a space alone, after which a word begins."""
        return bool(self._processor.id_to_piece(token) == WORD_START)

    @functools.cached_property
    def continuations(self) -> npt.NDArray[np.int32]:
        """The tokens that go on with a word: those that begin with a letter or a digit, and no space."""
        pieces = self._processor.id_to_piece(list(range(self.size)))
        return np.array([token for token, piece in enumerate(pieces) if piece[:1].isalnum()], np.int32)

    def count(self, text: str) -> int:
        """How many tokens ``encode`` gives."""
        return len(self.encode(text))

    def _checked(self, ids: Sequence[int]) -> list[int]:
        tokens = [int(token) for token in ids]
        for token in tokens:
            if not 0 <= token < self.size:
                raise ValueError(f"token {token} lies outside the vocabulary of {self.size}")
        return tokens

    def _run(self, call: Callable[[], Any]) -> Any:
        """What sentencepiece gives. A damaged file may load, and fail or give no UTF-8 only in use."""
        try:
            return call()
        except (RuntimeError, UnicodeDecodeError) as error:
            raise ModelError(_CORRUPT.format(self.path)) from error

    def _tokens_of_code(self, code: str) -> list[int]:
        """What stands for a language code that the vocabulary has; an added token stands for itself."""
        if code in self._added.ids:
            return [self._added.ids[code]]
        named = [WORD_START, code] if CODE_BEHIND_WORD_START.fullmatch(code) else [code]
        return [token for token in self._processor.piece_to_id(named) if token != self.unknown_id]

    def _token_named(self, piece: str) -> int:
        """The token of this name: one that is never cut out of text may equal a run of unknown letters."""
        token: int = self._processor.piece_to_id(piece)
        special = self._processor.is_control(token) and _SPECIAL.fullmatch(piece)
        return token if token < self.size and not special else self.unknown_id


def mapped_span(span: Span, places: Sequence[int]) -> Span:
    """The span in another text: ``places`` has where each character stands in it."""
    start, end = span
    return places[start], places[end - 1] + 1 if start < end else places[start]


def _ascending(text: str, spans: Sequence[Span]) -> list[Span]:
    """The spans without white space and control characters at their ends, each after the one before."""

    def blank(character: str) -> bool:
        return not one_line(character).strip()

    found: list[Span] = []
    least = 0
    for first, last in spans:
        start, end = max(first, least), max(last, least)
        while start < end and blank(text[start]):
            start += 1
        while start < end and blank(text[end - 1]):
            end -= 1
        found.append((start, end))
        least = end
    return found


def _load(path: Path) -> sentencepiece.SentencePieceProcessor:
    try:
        data = read_regular(path, MAX_FILE_BYTES)
    except OSError as error:
        raise ModelError(f"{path}: cannot read the tokenizer file: {error.strerror or error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise ModelError(f"{path}: larger than {MAX_FILE_BYTES} bytes, no tokenizer file")
    if not data:
        raise ModelError(f"{path}: the tokenizer file is empty; copy it again")
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=data)
        processor.id_to_piece(list(range(processor.vocab_size())))  # raises where a piece is not UTF-8
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(_CORRUPT.format(path)) from error
    return processor
