"""How text becomes tokens: the sentencepiece files beside a CTranslate2 model, in the order of its ids."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from octavo.conversion.ctranslate2.architecture import PAD_NAMES
from octavo.conversion.ctranslate2.settings import Settings, TokenList
from octavo.conversion.errors import ConversionError
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.vocabulary import Vocabulary
from octavo.languages import Languages
from octavo.model.config import ModelConfig

_PAIRS: Final = (("source.spm", "target.spm"), ("source.model", "target.model"))
_SINGLE: Final = (
    *("sentencepiece.model", "sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model"),
    *("flores200_sacrebleu_tokenizer_spm.model", "vocab.spm"),
)
_START: Final = "<pad>"
_OTHER_START: Final = "<start>"


def find_pieces(directory: Path) -> tuple[Path, Path]:
    """The sentencepiece files of source and target: beside the model, else in the folder above it.

    Raises ConversionError, which says what to put where, where there are none.
    """
    for folder in (directory, directory.absolute().parent):
        for pair in (*_PAIRS, *((name, name) for name in _SINGLE)):
            paths = folder / pair[0], folder / pair[1]
            if all(path.is_file() for path in paths):
                return paths
    raise ConversionError(
        f"{directory}: has no sentencepiece model; CTranslate2 takes tokens, so copy the file that cuts text "
        f"into them there, as {_SINGLE[0]}, or {_PAIRS[0][0]} and {_PAIRS[0][1]}"
    )


def read_pieces(
    settings: Settings, config: ModelConfig, files: tuple[Path, Path], languages: Languages | None
) -> tuple[PieceTable, PieceTable]:
    """The pieces of source and target with the model's ids. Raises ConversionError."""
    sides = (
        (settings.source, config.source_vocab_size, True),
        (settings.target, config.target_vocab_size, False),
    )
    hidden = frozenset(languages.codes if languages and languages.forced else ())
    found = []
    for (side, size, cuts), file in zip(sides, files, strict=True):
        vocabulary = _vocabulary(settings, side, size, config, hidden)
        found.append(vocabulary.table(PieceTable.read(file), file, cuts=cuts))
    return found[0], found[1]


def _vocabulary(
    settings: Settings, side: TokenList, size: int, config: ModelConfig, hidden: frozenset[str]
) -> Vocabulary:
    """The ids of one side, that of a start token which only we have too; ``hidden`` decode to nothing."""
    ids = {name: token for name, token in side.ids().items() if name}
    if max(ids.values(), default=0) >= size:
        raise ConversionError(f"{side.path}: has {len(side.tokens)} tokens, the model {size}")
    for name in (settings.unknown, settings.eos):
        if name not in ids:
            raise ConversionError(f"{side.path}: has no token {name!r}; {settings.path.name} names it")
    start = config.decoder_start_id
    if start >= len(settings.target.tokens) and start < size:
        ids[_START if _START not in ids else _OTHER_START] = start
    pad = next((name for name in PAD_NAMES if name in ids), settings.eos)
    return Vocabulary(side.path, ids, size, settings.unknown, settings.eos, pad, hidden)
