"""The pieces of a CTranslate2 model's texts, in the order of its ids."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from octavo.conversion.ctranslate2.settings import Settings
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.token_lists import TokenList, read_pieces
from octavo.conversion.vocabulary import Vocabulary
from octavo.languages import Languages
from octavo.model.config import ModelConfig

_START_NAMES: Final = ("<pad>", "<start>")
"""What a start token that only we have is called: the first that is free."""


def read_tables(
    settings: Settings, config: ModelConfig, files: tuple[Path, Path], languages: Languages | None
) -> tuple[PieceTable, PieceTable]:
    """The pieces of source and target with the model's ids. Raises ConversionError."""
    hidden = frozenset(languages.codes if languages and languages.forced else ())

    def vocabulary(side: TokenList, size: int) -> Vocabulary:
        start = config.decoder_start_id
        added = len(settings.target.tokens) <= start < size
        free = next(name for name in _START_NAMES if name not in side.tokens or name == _START_NAMES[-1])
        more = [(free, start)] if added else []
        return side.vocabulary(size, unknown=settings.unknown, eos=settings.eos, more=more, hidden=hidden)

    source = vocabulary(settings.source, config.source_vocab_size)
    return read_pieces(source, vocabulary(settings.target, config.target_vocab_size), files)
