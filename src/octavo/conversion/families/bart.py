"""mBART-50, mBART and BART as Hugging Face keeps them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from octavo.conversion.described import Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.directory import (
    PIECES,
    TOKENIZER_FILE,
    WHOLE_TOKENIZER_FILE,
    class_of,
    language_tags,
    model_name,
)
from octavo.conversion.huggingface.fairseq_text import FairseqText, read_fairseq_text
from octavo.conversion.huggingface.language_orders import MBART, MBART_50
from octavo.conversion.huggingface.settings import Settings
from octavo.conversion.huggingface.weights import read_weights
from octavo.conversion.json_object import read_object_if_there
from octavo.conversion.tensor_sources import open_weights
from octavo.languages import MANY_LANGUAGES, SOURCE, TARGET, Languages
from octavo.model.config import NormPlacement, Positions

NAME: Final = "mBART-50, mBART and BART (MBart and BartForConditionalGeneration)"

_MBART: Final = "MBartForConditionalGeneration"
_BART: Final = "BartForConditionalGeneration"
_CLASSES: Final = {_MBART: "mbart", _BART: "bart"}

_CODE: Final = re.compile(r"[a-z]{2,3}_[A-Z]{2}")
_SUFFIXED: Final = "MBartTokenizer"  # mBART's, which puts the language of the source behind it

_POSITION_OFFSET: Final = 2


def detect(path: Path) -> bool:
    """Whether config.json names one of the classes."""
    return class_of(path, _CLASSES) is not None


def read(path: Path) -> Described:
    """The model in the directory. Raises ConversionError."""
    if not (path / PIECES).is_file() and not (path / WHOLE_TOKENIZER_FILE).is_file():
        raise ConversionError(
            f"{path}: has neither {PIECES} nor {WHOLE_TOKENIZER_FILE}; a byte-level vocabulary (vocab.json "
            "and merges.txt), as BART's, is not read"
        )
    settings = Settings(path)
    is_mbart = class_of(path, _CLASSES) == _MBART
    size = settings.count("vocab_size")
    text = read_fairseq_text(path, size, _CODE, (MBART, MBART_50) if is_mbart else ())
    languages = _languages(path, text, settings) if text.codes else None
    search = settings.search(converted={"forced_bos_token_id"} if languages else ())
    stated = settings.model_config(
        norm=NormPlacement.PRE if is_mbart else NormPlacement.POST,
        positions=Positions.LEARNED,
        position_offset=_POSITION_OFFSET,
        embedding_norm=True,
        unk_id=text.unknown,
        source_eos=not (languages and languages.source_suffix),
    )
    config, tensors = read_weights(open_weights(path), stated)
    tags = language_tags(path)
    return Described(
        config=config,
        tensors=tensors,
        source_pieces=text.pieces,
        target_pieces=text.pieces,
        search=search,
        name=model_name(path),
        source_language=MANY_LANGUAGES if languages else tags[0],
        target_language=_target(languages, stated.decoder_start_id) if languages else tags[1],
        languages=languages,
        added=text.added,
        notes=tuple(settings.notes),
    )


def _languages(directory: Path, text: FairseqText, settings: Settings) -> Languages:
    """Where the languages stand.

    mBART-50 reads the source's before the source and forces the target's. mBART reads the source's behind it,
    and its decoder starts from the target's, so that a model has one target.
    """
    options = read_object_if_there(directory / TOKENIZER_FILE)
    kind = options.get("tokenizer_class")
    is_mbart_50 = not str(kind).startswith(_SUFFIXED) if kind else len(text.codes) > len(MBART.split())
    starts_from_target = text.code(settings.token("decoder_start_token_id")) is not None
    forced = text.code(settings.generation.get("forced_bos_token_id"))
    return Languages(
        text.codes,
        source_prefix=(SOURCE,) if is_mbart_50 else (),
        source_suffix=() if is_mbart_50 else (settings.token("eos_token_id"), SOURCE),
        forced=() if starts_from_target else (TARGET,),
        default_source=text.code(options.get("src_lang")),
        default_target=None if starts_from_target else forced or text.code(options.get("tgt_lang")),
    )


def _target(languages: Languages, start: int) -> str:
    """The tag of the language that the decoder starts from, if it does."""
    return next(
        (languages.tag(code) for code, token in languages.codes.items() if token == start), MANY_LANGUAGES
    )
