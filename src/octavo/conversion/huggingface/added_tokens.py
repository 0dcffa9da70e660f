"""The tokens that were added to a tokenizer: Transformers splits a text at them before anything else."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from reprlib import repr as short
from typing import Any, Final

from octavo.conversion.added_token import AddedToken
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.directory import (
    ADDED_TOKENS_FILE,
    SPECIAL_TOKENS_FILE,
    TOKENIZER_FILE,
    WHOLE_TOKENIZER_FILE,
)
from octavo.conversion.json_object import read_object_if_there
from octavo.conversion.piece_table import PieceTable
from octavo.model.errors import SpecError
from octavo.text.added_tokens import AddedTokens

_USUAL: Final = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
    "sep_token": "</s>",
    "cls_token": "<s>",
}

_DECODER: Final = "added_tokens_decoder"


def role_names(directory: Path) -> dict[str, str]:
    """The names of the tokens with a part of their own, such as ``eos_token``: as stated, else as usual."""
    found = dict(_USUAL)
    for file in (SPECIAL_TOKENS_FILE, TOKENIZER_FILE):
        values = read_object_if_there(directory / file)
        for role in _USUAL:
            value = values.get(role)
            name = value.get("content") if isinstance(value, dict) else value
            if isinstance(name, str) and name:
                found[role] = name
    return found


def read_added_tokens(directory: Path, code: re.Pattern[str] | None = None) -> list[AddedToken]:
    """All added tokens of a directory, in the order of their ids. Raises ConversionError.

    Those whose names match ``code`` are languages and decode to nothing: added_tokens.json does not say so.
    """
    found: dict[str, AddedToken] = {}
    for file, token in _stated(directory):
        other = found.setdefault(token.text, token)
        if other.id != token.id:
            raise ConversionError(
                f"{directory / file}: added token {short(token.text)} has the ids {other.id} and {token.id}"
            )
    tokens = sorted(found.values(), key=lambda token: token.id)
    return [
        dataclasses.replace(token, special=token.special or bool(code and code.fullmatch(token.text)))
        for token in tokens
    ]


def found_in_text(
    directory: Path, tokens: Iterable[AddedToken], pieces: PieceTable, *, hidden: Iterable[str] = ()
) -> AddedTokens:
    """Those of the tokens that a text is split at: not those with a part of their own or ``hidden``, which a
    text cannot name. Raises ConversionError for one whose kind would give other ids."""
    left_out = {*hidden, *role_names(directory).values()}
    kept = [token for token in tokens if token.text not in left_out]
    for token in kept:
        if token.only_words or (token.takes_spaces and pieces.keeps_spaces):
            key = "single_word" if token.only_words else "lstrip or rstrip"
            raise ConversionError(
                f"{directory}: the added token {short(token.text)} has {key} = true, which Octavo does not "
                "do; set it to false in tokenizer_config.json and tokenizer.json, or remove the token there"
            )
    try:
        return AddedTokens({token.text: token.id for token in kept})
    except SpecError as error:
        raise ConversionError(f"{directory}: {error}") from error


def _stated(directory: Path) -> Iterator[tuple[str, AddedToken]]:
    """Each added token that a file states, and the file's name; those with all properties first."""
    stated = read_object_if_there(directory / TOKENIZER_FILE).get(_DECODER)
    for token_id, value in (stated if isinstance(stated, dict) else {}).items():
        yield TOKENIZER_FILE, _token(directory / TOKENIZER_FILE, value, token_id)
    whole = read_object_if_there(directory / WHOLE_TOKENIZER_FILE).get("added_tokens")
    for value in whole if isinstance(whole, Sequence) else ():
        token_id = value.get("id") if isinstance(value, dict) else None
        yield WHOLE_TOKENIZER_FILE, _token(directory / WHOLE_TOKENIZER_FILE, value, token_id)
    for text, token_id in read_object_if_there(directory / ADDED_TOKENS_FILE).items():
        yield ADDED_TOKENS_FILE, _token(directory / ADDED_TOKENS_FILE, {"content": text}, token_id)


def _token(path: Path, value: Any, token_id: Any) -> AddedToken:
    token = AddedToken.of(value, token_id)
    if token is None:
        raise ConversionError(f"{path}: an added token has no text or no id; save the tokenizer again")
    return token
