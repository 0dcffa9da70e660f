"""OPUS-MT as Hugging Face keeps it: MarianMTModel, and Pegasus with Marian's vocabulary, which is the same
model with its layer norms before each sublayer."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from octavo.conversion.added_token import AddedToken
from octavo.conversion.described import Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.added_tokens import found_in_text, read_added_tokens, role_names
from octavo.conversion.huggingface.architecture import Architecture
from octavo.conversion.huggingface.directory import (
    SOURCE_PIECES,
    TARGET_PIECES,
    TARGET_VOCABULARY_FILE,
    TOKENIZER_FILE,
    VOCABULARY_FILE,
    class_of,
    language_tags,
    model_name,
)
from octavo.conversion.huggingface.settings import Settings
from octavo.conversion.huggingface.weights import read_weights
from octavo.conversion.json_object import read_object_if_there
from octavo.conversion.language_codes import OPUS_MT, languages_of
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.tensor_sources import open_weights
from octavo.conversion.vocabulary import Vocabulary
from octavo.languages import MANY_LANGUAGES
from octavo.model.config import Positions

NAME: Final = "OPUS-MT (MarianMTModel, PegasusForConditionalGeneration)"


_CLASSES: Final = {str(each): each.model_type for each in Architecture}

_SUMMARIZER_PIECES: Final = "spiece.model"

# What MarianMTModel does not do, though older files speak of it.
_MUST_BE_FALSE: Final = ("normalize_before", "add_final_layer_norm", "normalize_embedding")


def detect(path: Path) -> bool:
    """Whether config.json names one of the two classes."""
    return class_of(path, _CLASSES) is not None


def read(path: Path) -> Described:
    """The model in the directory. Raises ConversionError."""
    if not (path / SOURCE_PIECES).exists() and (path / _SUMMARIZER_PIECES).exists():
        raise ConversionError(
            f"{path}: its vocabulary is {_SUMMARIZER_PIECES}, that of a Pegasus which summarizes; one with "
            f"{SOURCE_PIECES}, {TARGET_PIECES} and {VOCABULARY_FILE} is read"
        )
    settings = Settings(path)
    architecture = Architecture(class_of(path, _CLASSES) or Architecture.MARIAN)
    is_marian = architecture is Architecture.MARIAN
    for key in _MUST_BE_FALSE if is_marian else ():
        if settings.flag(key, default=False):
            raise ConversionError(f"{settings.path}: {key} = true: {architecture} computes no such thing")
    shared = settings.flag("share_encoder_decoder_embeddings", default=True) if is_marian else True
    sources = settings.count("vocab_size")
    targets = sources if shared else settings.count("decoder_vocab_size", default=sources)
    search = settings.search()
    languages = language_tags(path)
    roles = role_names(path)
    added = [token for token in read_added_tokens(path, OPUS_MT.code) if token.text not in roles.values()]
    source, target = _vocabularies(path, sources, targets, settings.token("eos_token_id"), roles, added)
    codes = languages_of(source.ids, [OPUS_MT])
    stated = settings.model_config(
        target_vocab_size=targets,
        shared_embeddings=shared,
        norm=architecture.norm,
        positions=Positions.HALVES,
        unk_id=target.ids[target.unknown],
    )
    config, tensors = read_weights(open_weights(path), stated)
    pieces = [path / SOURCE_PIECES, path / TARGET_PIECES]
    tables = [PieceTable.read(file) for file in pieces]
    return Described(
        config=config,
        tensors=tensors,
        source_pieces=source.table(tables[0], pieces[0], cuts=True),
        target_pieces=target.table(tables[1], pieces[1], cuts=False),
        search=search,
        name=model_name(path),
        source_language=languages[0],
        target_language=MANY_LANGUAGES if codes else languages[1],
        languages=codes,
        added=found_in_text(path, added, tables[0], hidden=codes.codes if codes else ()),
        notes=tuple(settings.notes),
    )


def _vocabularies(
    directory: Path,
    sources: int,
    targets: int,
    eos: int,
    roles: Mapping[str, str],
    added: Sequence[AddedToken],
) -> tuple[Vocabulary, Vocabulary]:
    """Source's and target's, one object where they share it; ``sources`` and ``targets`` are their sizes."""
    settings = read_object_if_there(directory / TOKENIZER_FILE)
    read = functools.partial(
        Vocabulary.read,
        unknown=roles["unk_token"],
        eos=roles["eos_token"],
        pad=roles["pad_token"],
        added=added,
    )
    source = read(directory / VOCABULARY_FILE, sources)
    separate = settings.get("separate_vocabs", False)
    if separate is not True and targets != sources:
        raise ConversionError(
            f"{directory / TOKENIZER_FILE}: separate_vocabs is not set, but config.json has "
            f"{sources} source and {targets} target tokens"
        )
    target = source
    if separate is True:
        target = read(directory / TARGET_VOCABULARY_FILE, targets)
    for vocabulary in (source, target):
        if vocabulary.ids[vocabulary.eos] != eos:
            raise ConversionError(
                f"{vocabulary.path}: {vocabulary.eos} has the id {vocabulary.ids[vocabulary.eos]}, but "
                f"config.json's eos_token_id is {eos}"
            )
    return source, target
