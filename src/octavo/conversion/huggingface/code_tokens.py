"""The tokens of a model's languages: those that a file states, and those that follow from a known order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from octavo.conversion.added_token import AddedToken
from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.directory import (
    SPECIAL_TOKENS_FILE,
    TOKENIZER_FILE,
    WHOLE_TOKENIZER_FILE,
)
from octavo.conversion.json_object import read_object_if_there

_MASK: Final = "<mask>"
_SHOWN: Final = 4


def with_code_tokens(
    directory: Path,
    added: Sequence[AddedToken],
    code: re.Pattern[str],
    orders: Iterable[str],
    *,
    first: int,
    size: int,
    is_known: bool = False,
) -> list[AddedToken]:
    """``added`` and the codes of the longest of ``orders`` that can follow the pieces, from ``first`` on.

    It can where no stated token has another id there, and either it fills the vocabulary of ``size`` with
    ``<mask>``, up to the tokens that were added later, or the tokenizer's files list all its codes, or
    ``is_known`` says that the model has it. Raises ConversionError where the files list codes (names that
    match ``code``) whose ids cannot be told.
    """
    listed = [name for name in _listed(directory) if code.fullmatch(name)]
    found = list(added)
    for order in sorted((order.split() for order in orders), key=len, reverse=True):
        ids = {name: first + place for place, name in enumerate(order)}
        if _agrees(added, ids) and _fits(added, ids, size, is_known=is_known or ids.keys() <= {*listed}):
            stated = {token.text for token in added}
            found += [AddedToken(name, i, special=True) for name, i in ids.items() if name not in stated]
            break
    named = {token.text for token in found}
    if missing := [name for name in listed if name not in named]:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise ConversionError(
            f"{directory}: the tokenizer lists {len(listed)} languages, but no file states the tokens of "
            f"{', '.join(missing[:_SHOWN])}{more}, and they do not follow from the size of the vocabulary; "
            f"save the tokenizer again with {WHOLE_TOKENIZER_FILE}, or copy the whole model directory"
        )
    return sorted(found, key=lambda token: token.id)


def _agrees(added: Iterable[AddedToken], ids: dict[str, int]) -> bool:
    """Whether each stated token has the id of ``ids``, or is outside them."""
    names = {token: name for name, token in ids.items()}
    return all(
        ids.get(token.text, token.id) == token.id and names.get(token.id, token.text) == token.text
        for token in added
    )


def _fits(added: Iterable[AddedToken], ids: dict[str, int], size: int, *, is_known: bool) -> bool:
    last = max(ids.values())
    later = [token.id for token in added if token.id > last and token.text != _MASK]
    end = min(later, default=size)
    return last < end if is_known else last + 2 == end


def _listed(directory: Path) -> list[str]:
    """The names of the special tokens that the tokenizer's files list without their ids."""
    found: dict[str, None] = {}
    for file in (SPECIAL_TOKENS_FILE, TOKENIZER_FILE):
        values = read_object_if_there(directory / file).get("additional_special_tokens")
        for value in values if isinstance(values, list) else ():
            name = value.get("content") if isinstance(value, dict) else value
            if isinstance(name, str):
                found[name] = None
    return list(found)
