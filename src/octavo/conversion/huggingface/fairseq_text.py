"""Vocabularies of models that fairseq trained: four special tokens, the pieces of a sentencepiece file, the
languages.

A piece's token is its place in the file and one more: ``<s>``, ``<pad>``, ``</s>`` and ``<unk>`` stand where
the file has three tokens of its own.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import repr as short
from typing import Any, Final

from octavo.conversion.added_token import AddedToken
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.added_tokens import found_in_text, read_added_tokens
from octavo.conversion.huggingface.code_tokens import with_code_tokens
from octavo.conversion.huggingface.directory import PIECES, WHOLE_TOKENIZER_FILE
from octavo.conversion.piece_table import NEVER_MERGED, Kind, Piece, PieceTable, unused_pieces
from octavo.conversion.tokenizer_json import read_tokenizer
from octavo.text.added_tokens import AddedTokens

_SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>")
_UNKNOWN: Final = 3
_OWN: Final = 3  # the file's own special tokens
_OFFSET: Final = len(_SPECIAL) - _OWN


@dataclasses.dataclass(frozen=True, slots=True)
class FairseqText:
    """The vocabulary, the tokens of languages by their codes, and the tokens that a text is split at."""

    pieces: PieceTable
    codes: Mapping[str, int]
    added: AddedTokens
    unknown: int

    def code(self, value: Any) -> str | None:
        """The language that a file states: by its code, which may lack its underscores, or by its token;
        None where it states none."""
        names = {token: code for code, token in self.codes.items()}
        if type(value) is int:
            return names.get(value)
        stated = (value, f"__{value}__") if isinstance(value, str) else ()
        return next((code for code in stated if code in self.codes), None)


def read_fairseq_text(
    directory: Path, size: int, code: re.Pattern[str], orders: Sequence[str] = ()
) -> FairseqText:
    """The vocabulary of a model of ``size`` tokens, of its sentencepiece file or else of tokenizer.json.

    Tokens whose names match ``code`` are languages. Those that no file states are those of one of ``orders``,
    as ``with_code_tokens`` has it. Raises ConversionError.
    """
    added = read_added_tokens(directory, code)
    origin = directory / PIECES
    if origin.is_file() or not (directory / WHOLE_TOKENIZER_FILE).is_file():
        pieces = PieceTable.read(origin)
        first = len(pieces.pieces) + _OFFSET
        added = with_code_tokens(directory, added, code, orders, first=first, size=size)
        pieces, unknown = _by_offset(pieces, origin, size, added), _UNKNOWN
    else:
        whole = read_tokenizer(directory / WHOLE_TOKENIZER_FILE)
        pieces, unknown = whole.table(size), whole.unknown
    codes = {token.text: token.id for token in added if code.fullmatch(token.text)}
    return FairseqText(pieces, codes, found_in_text(directory, added, pieces, hidden=codes), unknown)


def _by_offset(pieces: PieceTable, origin: Path, size: int, added: Sequence[AddedToken]) -> PieceTable:
    ordered = unused_pieces(origin, 0, size)
    if len(pieces.pieces) + _OFFSET > size:
        raise ConversionError(
            f"{origin}: has {len(pieces.pieces)} pieces, too many for the model's {size} tokens; the "
            "two are of different models"
        )
    for place, piece in enumerate(pieces.pieces[_OWN:], _OWN):
        ordered[place + _OFFSET] = piece
    for token, name in enumerate(_SPECIAL):
        ordered[token] = Piece(name, 0.0, Kind.UNKNOWN if token == _UNKNOWN else Kind.CONTROL)
    first = len(pieces.pieces) + _OFFSET
    for one in added:
        if one.id >= size:
            raise ConversionError(
                f"{origin.parent}: the added token {short(one.text)} has the id {one.id}; the model's ids go "
                f"from 0 to {size - 1}"
            )
        if one.id >= first:
            ordered[one.id] = Piece(one.text, NEVER_MERGED, Kind.CONTROL if one.special else Kind.UNUSED)
    return pieces.with_pieces(ordered)
