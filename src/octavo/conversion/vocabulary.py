"""Vocabularies: sentencepiece files whose ids are the model's, and vocab.json that says which ids they are.

MarianTokenizer cuts text with source.spm, then looks each piece up in vocab.json by its text: piece ids and
token ids have nothing in common, and one vocab.json may serve two sentencepiece files. Here the ids of the
sentencepiece file are the token ids.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import repr as short
from typing import Any, Final

from octavo.conversion.added_token import AddedToken
from octavo.conversion.errors import ConversionError
from octavo.conversion.json_object import read_object
from octavo.conversion.piece_table import NEVER_MERGED, Algorithm, Kind, Piece, PieceTable, unused_pieces
from octavo.text.tokenizer import VOCABULARY_END

_KNOWN_SHARE: Final = 0.5
"""At least this share of a sentencepiece file's pieces is in the vocab.json that belongs to it."""

_CUTTING: Final = (Kind.NORMAL, Kind.USER_DEFINED, Kind.BYTE)


@dataclasses.dataclass(frozen=True, slots=True)
class Vocabulary:
    """vocab.json: the id of each token below ``size``, the names of the unknown, EOS and PAD tokens.

    ``hidden``: other tokens that decode to nothing.
    """

    path: Path
    ids: Mapping[str, int]
    size: int
    unknown: str
    eos: str
    pad: str
    hidden: frozenset[str] = frozenset()

    @classmethod
    def read(
        cls,
        path: Path,
        size: int,
        *,
        unknown: str,
        eos: str,
        pad: str,
        added: Sequence[AddedToken] = (),
    ) -> Vocabulary:
        """Read and check a file for a model of ``size`` tokens; ``added`` are tokens that other files have.

        Raises ConversionError.
        """
        ids = read_object(path)
        for one in added:
            if ids.setdefault(one.text, one.id) != one.id:
                raise ConversionError(
                    f"{path}: token {short(one.text)} has the id {short(ids[one.text])}, and {one.id} as an "
                    "added token"
                )
        hidden = frozenset(one.text for one in added if one.special)
        return cls.checked(path, ids, size, unknown=unknown, eos=eos, pad=pad, hidden=hidden)

    @classmethod
    def checked(
        cls,
        path: Path,
        ids: Mapping[str, Any],
        size: int,
        *,
        unknown: str,
        eos: str,
        pad: str,
        hidden: frozenset[str] = frozenset(),
    ) -> Vocabulary:
        """The same of ids that were read from ``path``."""
        names: dict[int, str] = {}
        for name, token in ids.items():
            if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < size:
                raise ConversionError(
                    f"{path}: token {short(name)} has the id {short(token)}; the model's ids go from 0 to "
                    f"{size - 1}"
                )
            if token in names:
                raise ConversionError(
                    f"{path}: tokens {short(names[token])} and {short(name)} share the id {token}"
                )
            if not name:
                raise ConversionError(f"{path}: the token with the id {token} has no name")
            names[token] = name
        for token_name in (unknown, eos):
            if token_name not in ids:
                raise ConversionError(
                    f"{path}: has no token {short(token_name)}; tokenizer_config.json names it"
                )
        return cls(path, ids, size, unknown, eos, pad, hidden)

    def table(self, pieces: PieceTable, origin: Path, *, cuts: bool) -> PieceTable:
        """``pieces``, read from ``origin``, in the order of the ids.

        It cuts text as before. Tokens that it did not know are never cut out of text (``cuts``: the table
        is used for that) but decode to their names. Pieces that vocab.json does not know come after
        VOCABULARY_END, and so are unknown tokens. Raises ConversionError where the files do not belong
        together.
        """
        self._check_belongs(pieces, origin)
        known = {piece.text: piece for piece in pieces.pieces if piece.kind is not Kind.UNKNOWN}
        # In BPE an unused piece would take part in merges; a control piece decodes to nothing.
        bpe = pieces.algorithm is Algorithm.BPE
        absent = Kind.CONTROL if cuts and bpe else Kind.UNUSED
        ordered = unused_pieces(self.path, 0, self.size)
        for name, token in self.ids.items():
            if name == self.unknown:
                ordered[token] = Piece(name, 0.0, Kind.UNKNOWN)
            elif name in (self.eos, self.pad) or name in self.hidden:
                ordered[token] = Piece(name, 0.0, Kind.CONTROL)
            else:
                ordered[token] = known.get(name, Piece(name, NEVER_MERGED, absent))
        strangers = [
            piece for piece in pieces.pieces if piece.text not in self.ids and piece.kind in _CUTTING
        ]
        if strangers:
            ordered += [Piece(VOCABULARY_END, 0.0, Kind.CONTROL), *strangers]
        return pieces.with_pieces(ordered)

    def _check_belongs(self, pieces: PieceTable, origin: Path) -> None:
        normal = [piece.text for piece in pieces.pieces if piece.kind is Kind.NORMAL]
        shared = sum(text in self.ids for text in normal)
        if shared < _KNOWN_SHARE * len(normal):
            raise ConversionError(
                f"{self.path}: knows {shared} of the {len(normal)} pieces of {origin.name}; the two are of "
                "different models"
            )
