"""M2M-100 as Hugging Face keeps it, and what is made like it: dense NLLB-200, SMaLL-100, WMT21."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from octavo.conversion.added_token import AddedToken
from octavo.conversion.described import Described
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.added_tokens import found_in_text, read_added_tokens, role_names
from octavo.conversion.huggingface.code_tokens import with_code_tokens
from octavo.conversion.huggingface.directory import (
    PIECES,
    SPECIAL_TOKENS_FILE,
    TOKENIZER_FILE,
    VOCABULARY_FILE,
    WHOLE_TOKENIZER_FILE,
    class_of,
    model_name,
)
from octavo.conversion.huggingface.fairseq_text import FairseqText, read_fairseq_text
from octavo.conversion.huggingface.language_orders import M2M_100, NLLB, WMT_21
from octavo.conversion.huggingface.settings import Settings
from octavo.conversion.huggingface.weights import read_weights
from octavo.conversion.json_object import read_object_if_there
from octavo.conversion.piece_table import PieceTable
from octavo.conversion.tensor_sources import open_weights
from octavo.conversion.vocabulary import Vocabulary
from octavo.languages import MANY_LANGUAGES, SOURCE, TARGET, Languages
from octavo.model.config import NormPlacement, Positions

NAME: Final = "M2M-100, NLLB-200 and SMaLL-100 (M2M100ForConditionalGeneration)"

_DENSE: Final = "M2M100ForConditionalGeneration"
_EXPERTS: Final = "NllbMoeForConditionalGeneration"
_CLASSES: Final = {_DENSE: "m2m_100", _EXPERTS: "nllb-moe"}

_SMALL100: Final = "SMALL100Tokenizer"
_BY_NAME: Final = ("M2M100Tokenizer", _SMALL100)
_SMALL100_FILE: Final = "tokenization_small100.py"  # its tokenizer, which comes with the model; never run

_NLLB_CODE: Final = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
_M2M_CODE: Final = re.compile(r"__[a-z]{2,3}__")

_FIRST_POSITION: Final = 2  # PAD, which is 1, has position 1


def detect(path: Path) -> bool:
    """Whether config.json names the class, or that of NLLB's mixture of experts, which is refused."""
    return class_of(path, _CLASSES) is not None


def read(path: Path) -> Described:
    """The model in the directory. Raises ConversionError."""
    if class_of(path, _CLASSES) == _EXPERTS:
        raise ConversionError(
            f"{path}: {_EXPERTS} chooses among many feed-forward networks for each token, which Octavo does "
            "not do; convert a dense NLLB-200 (600M, 1.3B or 3.3B)"
        )
    settings = Settings(path)
    options = read_object_if_there(path / TOKENIZER_FILE)
    size = settings.count("vocab_size")
    by_name = (path / VOCABULARY_FILE).is_file()
    if (
        not by_name
        and options.get("tokenizer_class") in _BY_NAME
        and not (path / WHOLE_TOKENIZER_FILE).is_file()
    ):
        raise ConversionError(f"{path / VOCABULARY_FILE}: missing; copy the whole model directory")
    text = _by_name(path, size, options) if by_name else read_fairseq_text(path, size, _NLLB_CODE, [NLLB])
    if not text.codes:
        raise ConversionError(
            f"{path}: no file states its language codes; copy the whole model directory: M2M-100 has "
            f"{VOCABULARY_FILE}, NLLB {SPECIAL_TOKENS_FILE} or {WHOLE_TOKENIZER_FILE}"
        )
    is_small100 = options.get("tokenizer_class") == _SMALL100 or (path / _SMALL100_FILE).is_file()
    languages = _languages(text, options, settings, tells_target_first=is_small100)
    search = settings.search(converted={"forced_bos_token_id"})
    stated = settings.model_config(
        norm=NormPlacement.PRE,
        positions=Positions.TENSOR2TENSOR,
        position_offset=_FIRST_POSITION,
        unk_id=text.unknown,
        source_eos=not languages.source_suffix,
    )
    config, tensors = read_weights(open_weights(path), stated)
    return Described(
        config=config,
        tensors=tensors,
        source_pieces=text.pieces,
        target_pieces=text.pieces,
        search=search,
        name=model_name(path),
        source_language=MANY_LANGUAGES,
        target_language=MANY_LANGUAGES,
        languages=languages,
        added=text.added,
        notes=tuple(settings.notes),
    )


def _by_name(directory: Path, size: int, options: Mapping[str, Any]) -> FairseqText:
    """The vocabulary of M2M-100: a piece's token is stated by its name, and the languages follow."""
    roles = role_names(directory)
    added = [token for token in read_added_tokens(directory, _M2M_CODE) if token.text not in roles.values()]
    origin = directory / VOCABULARY_FILE
    read = functools.partial(
        Vocabulary.read,
        origin,
        size,
        unknown=roles["unk_token"],
        eos=roles["eos_token"],
        pad=roles["pad_token"],
    )
    own = read().ids
    added += [
        AddedToken(name, token, special=True) for name, token in own.items() if _M2M_CODE.fullmatch(name)
    ]
    order = WMT_21 if options.get("language_codes") == "wmt21" else M2M_100
    order = " ".join(f"__{name}__" for name in order.split())
    first = len(own)
    added = with_code_tokens(directory, added, _M2M_CODE, [order], first=first, size=size, is_known=True)
    codes = {token.text: token.id for token in added if _M2M_CODE.fullmatch(token.text)}
    vocabulary = read(added=added)
    pieces = PieceTable.read(directory / PIECES)
    table = vocabulary.table(pieces, directory / PIECES, cuts=True)
    unknown = vocabulary.ids[vocabulary.unknown]
    return FairseqText(table, codes, found_in_text(directory, added, pieces, hidden=codes), unknown)


def _languages(
    text: FairseqText, options: Mapping[str, Any], settings: Settings, *, tells_target_first: bool
) -> Languages:
    """Where the languages stand. SMaLL-100 reads the target's before the source; the first tokenizer of NLLB
    put the source's behind it."""
    if tells_target_first:
        return Languages(
            text.codes, source_prefix=(TARGET,), default_target=text.code(options.get("tgt_lang"))
        )
    forced = text.code(settings.generation.get("forced_bos_token_id"))
    is_legacy = options.get("legacy_behaviour") is True
    return Languages(
        text.codes,
        source_prefix=() if is_legacy else (SOURCE,),
        source_suffix=(settings.token("eos_token_id"), SOURCE) if is_legacy else (),
        forced=(TARGET,),
        default_source=text.code(options.get("src_lang")),
        default_target=forced or text.code(options.get("tgt_lang")),
    )
