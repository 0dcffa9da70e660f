"""A CTranslate2 model directory in our terms."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

from octavo.conversion.ctranslate2.architecture import Architecture
from octavo.conversion.ctranslate2.settings import MODEL_FILE, Settings
from octavo.conversion.ctranslate2.texts import read_tables
from octavo.conversion.ctranslate2.vocabulary_map import read_vocabulary_map
from octavo.conversion.ctranslate2.weights import read_weights
from octavo.conversion.described import Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.directory import TOKENIZER_FILE, language_tags, model_name
from octavo.conversion.language_codes import languages_of
from octavo.conversion.tensor_sources.ctranslate2_file import CTranslate2File
from octavo.conversion.token_lists import find_pieces
from octavo.languages import MANY_LANGUAGES
from octavo.model.config import ModelConfig, NormFunction
from octavo.model.search import SearchDefaults

SEARCH: Final = SearchDefaults(beam=2, length_penalty=1.0, length_ratio=4.0, length_margin=32)
"""CTranslate2's own defaults. It has no limit that grows with the source; this one cuts nothing but a model
that repeats itself."""

_TOKENIZER_FILES: Final = (TOKENIZER_FILE, "tokenizer.json")


def describe(
    directory: Path, pieces: tuple[Path, Path] | None = None, *, pieces_alone: bool = False
) -> Described:
    """The model in a directory with model.bin; ``pieces``: its sentencepiece files, where they are known.

    ``pieces_alone``: callers of CTranslate2 give the pieces of a text and nothing else, so that only
    config.json adds to them. Else the model's tokenizer may: EOS, and language codes. Raises ConversionError.
    """
    file = CTranslate2File(directory / MODEL_FILE)
    settings = Settings.read(directory, file)
    architecture = Architecture(file, settings)
    config = architecture.config()
    languages = None if pieces_alone else languages_of(settings.source.ids())
    if settings.add_source_bos and languages is None:
        raise ConversionError(
            f"{settings.path}: add_source_bos = true: octavo has no models that read {settings.bos} first"
        )
    eos_note = ""
    if not pieces_alone:
        always = architecture.starts_from_zero or bool(languages)
        config, eos_note = _with_source_eos(directory, config, always)
    scheme, tensors = read_weights(architecture, config)
    source, target = read_tables(settings, config, pieces or find_pieces(directory, "CTranslate2"), languages)
    shortlist, shortlist_note = read_vocabulary_map(directory, settings, config)
    tags = language_tags(directory)
    return Described(
        config=config,
        tensors=tensors,
        source_pieces=source,
        target_pieces=target,
        search=SEARCH,
        name=model_name(directory),
        source_language=MANY_LANGUAGES if languages and languages.needs_source else tags[0],
        target_language=MANY_LANGUAGES if languages else tags[1],
        languages=languages,
        notes=tuple(note for note in (eos_note, shortlist_note) if note),
        scheme=scheme,
        shortlist=shortlist,
        alignment=architecture.alignment(config),
    )


def _with_source_eos(directory: Path, config: ModelConfig, always: bool) -> tuple[ModelConfig, str]:
    """The same, with EOS after the source where the model's tokenizer puts it there, not CTranslate2; a note.

    Marian's models, those with language codes, T5's, and all with a tokenizer of Hugging Face have it.
    """
    if config.source_eos:
        return config, ""
    has_tokenizer = any((directory / name).exists() for name in _TOKENIZER_FILES)
    if not (always or config.norm_function is NormFunction.RMS or has_tokenizer):
        return config, ""
    note = "config.json adds no EOS to the source; the model's tokenizer does, so Octavo does"
    return dataclasses.replace(config, source_eos=True), note
