"""A sentencepiece vocabulary: text to token ids and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import sentencepiece

from octavo.errors import ModelError
from octavo.regular_file import read_regular
from octavo.text.clean import one_line

MAX_FILE_BYTES: Final = 64 * 1024 * 1024

VOCABULARY_END: Final = "<end-of-vocabulary>"
"""A piece of this name ends the model's vocabulary: pieces after it cut text too, but are unknown."""

_CORRUPT: Final = "{}: not a sentencepiece model, or corrupt; copy it again"
_SPECIAL: Final = re.compile("<.*>")
_LANGUAGE_CODE: Final = re.compile(r"\s*(>>[^<>\s]+<<)")


class Tokenizer:
    """Encodes any Unicode string, decodes any ids to a single line.

    ``size`` is the number of tokens, ``unknown_id`` the token of what the vocabulary cannot read; with
    ``expected_size`` the file must have exactly that many tokens.
    Raises ModelError, naming the file, where it is missing, corrupt or of another size.
    """

    def __init__(self, path: str | Path, expected_size: int | None = None) -> None:
        self.path = Path(path)
        self._processor = _load(self.path)
        self.unknown_id: int = self._processor.unk_id()
        self.size: int = self._processor.vocab_size()
        end = self._processor.piece_to_id(VOCABULARY_END)
        if end != self.unknown_id:
            self.size = end
        if expected_size is not None and self.size != expected_size:
            raise ModelError(
                f"{self.path}: the vocabulary has {self.size} tokens, the model {expected_size}; "
                "use the tokenizer file that the model was trained with"
            )

    def encode(self, text: str) -> list[int]:
        """The token ids of ``text``, without BOS or EOS. Control characters count as spaces or as nothing.

        A language code at its front that the vocabulary has, such as ``>>fra<<``, is one token.
        """
        code, body = self.split_language_code(one_line(text))
        ids: list[int] = self._run(lambda: self._processor.encode(body, out_type=int))
        unknown = [at for at, token in enumerate(ids) if token == self.unknown_id or token >= self.size]
        if unknown:
            pieces = self._run(lambda: self._processor.encode(body, out_type=str))
            for at in unknown:
                ids[at] = self._token_named(pieces[at])
        return [self._processor.piece_to_id(code), *ids] if code else ids

    def split_language_code(self, text: str) -> tuple[str, str]:
        """The language code in front of ``text`` and the rest; ("", text) where there is none."""
        found = _LANGUAGE_CODE.match(text)
        if not found:
            return "", text
        token = self._processor.piece_to_id(found[1])
        known = token != self.unknown_id and token < self.size
        return (found[1], text[found.end() :]) if known else ("", text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ``ids``: one line, without control characters and without spaces around it.

        Raises ValueError for an id outside the vocabulary.
        """
        tokens = [int(token) for token in ids]
        for token in tokens:
            if not 0 <= token < self.size:
                raise ValueError(f"token {token} lies outside the vocabulary of {self.size}")
        text: str = self._run(lambda: self._processor.decode(tokens))
        return one_line(text).strip()

    def count(self, text: str) -> int:
        """How many tokens ``encode`` gives."""
        return len(self.encode(text))

    def _run(self, call: Callable[[], Any]) -> Any:
        """What sentencepiece gives. A damaged file may load, and fail or give no UTF-8 only in use."""
        try:
            return call()
        except (RuntimeError, UnicodeDecodeError) as error:
            raise ModelError(_CORRUPT.format(self.path)) from error

    def _token_named(self, piece: str) -> int:
        """The token of this name: one that is never cut out of text may equal a run of unknown letters."""
        token: int = self._processor.piece_to_id(piece)
        special = self._processor.is_control(token) and _SPECIAL.fullmatch(piece)
        return token if token < self.size and not special else self.unknown_id


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
