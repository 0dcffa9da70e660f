"""Vocabularies as lists of tokens, and the sentencepiece files that cut text into them."""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from octavo.conversion.errors import ConversionError
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.tokenizer_json import read_tokenizer
from octavo.conversion.vocabulary import Vocabulary

PAD_NAMES: Final = ("<pad>", "<blank>", "[PAD]")

_PAIRS: Final = (("source.spm", "target.spm"), ("source.model", "target.model"))
_SINGLE: Final = (
    *("sentencepiece.model", "sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model"),
    *("flores200_sacrebleu_tokenizer_spm.model", "vocab.spm", "tokenizer.json"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class TokenList:
    """The tokens of one side in the order of their ids, and the file that has them."""

    path: Path
    tokens: tuple[str, ...]

    def ids(self) -> dict[str, int]:
        """The id of each token that has a name; of two of one name the first counts."""
        found: dict[str, int] = {}
        for token, name in enumerate(self.tokens):
            if name:
                found.setdefault(name, token)
        return found

    def id_of(self, what: str, name: str) -> int:
        """The id of a token that is ``what``. Raises ConversionError where there is none of that name."""
        try:
            return self.tokens.index(name)
        except ValueError:
            raise ConversionError(
                f"{self.path}: has no token {reprlib.repr(name)}, which is the {what}"
            ) from None

    def vocabulary(
        self,
        size: int,
        *,
        unknown: str,
        eos: str,
        more: Sequence[tuple[str, int]] = (),
        hidden: frozenset[str] = frozenset(),
    ) -> Vocabulary:
        """The ids for a model of ``size`` tokens; ``more``: tokens that are not in the list.

        ``hidden``: tokens that decode to nothing. Raises ConversionError.
        """
        if len(self.tokens) > size:
            raise ConversionError(f"{self.path}: has {len(self.tokens)} tokens, the model {size}")
        ids = self.ids() | dict(more)
        for name in (unknown, eos):
            if name not in ids:
                raise ConversionError(
                    f"{self.path}: has no token {reprlib.repr(name)}, which the model needs"
                )
        pad = next((name for name in PAD_NAMES if name in ids), eos)
        return Vocabulary(self.path, ids, size, unknown, eos, pad, hidden)


def find_pieces(directory: Path, program: str) -> tuple[Path, Path]:
    """The sentencepiece files of source and target, or tokenizer.json: in the directory, else above it.

    ``program`` keeps none beside its models. Raises ConversionError, which says what to put where.
    """
    for folder in (directory, directory.absolute().parent):
        for pair in (*_PAIRS, *((name, name) for name in _SINGLE)):
            paths = folder / pair[0], folder / pair[1]
            if all(path.is_file() for path in paths):
                return paths
    raise ConversionError(
        f"{directory}: has no sentencepiece model; {program} takes tokens, so copy the file that cuts text "
        f"into them there, as {_SINGLE[0]}, or {_PAIRS[0][0]} and {_PAIRS[0][1]}; text that is cut in "
        "another way, by subword-nmt or pyonmttok's BPE, cannot be converted"
    )


def read_pieces(
    source: Vocabulary, target: Vocabulary, files: tuple[Path, Path]
) -> tuple[PieceTable, PieceTable]:
    """The pieces of both sides with the model's ids. Raises ConversionError."""
    tables = [_read_table(file) for file in files]
    return source.table(tables[0], files[0], cuts=True), target.table(tables[1], files[1], cuts=False)


def _read_table(file: Path) -> PieceTable:
    return read_tokenizer(file).pieces if file.suffix == ".json" else PieceTable.read(file)
