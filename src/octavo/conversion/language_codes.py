"""Language tokens that a vocabulary shows, and where models with such tokens read them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Final

from octavo.languages import MAX_CODES, SOURCE, TARGET, Languages


@dataclasses.dataclass(frozen=True, slots=True)
class _Style:
    """How a kind of models writes its codes; whether the source begins with its own code, or with the
    translation's; and whether the translation is forced to begin with its code."""

    code: re.Pattern[str]
    from_source: bool
    least: int = 1


_WORD_START: Final = "▁"
_MADLAD: Final = re.compile(r"<2[A-Za-z][A-Za-z_-]*>")
_STYLES: Final = (
    _Style(re.compile(r"__[a-z]{2,3}__"), from_source=True, least=2),  # M2M-100
    _Style(re.compile(r"[a-z]{3}_[A-Z][a-z]{3}"), from_source=True, least=2),  # NLLB
    _Style(re.compile(r"[a-z]{2,3}_[A-Z]{2}"), from_source=True, least=2),  # mBART-50
    _Style(re.compile(r">>[^<>\s]+<<"), from_source=False),  # OPUS-MT
    _Style(_MADLAD, from_source=False, least=2),
)


def languages_of(ids: Mapping[str, int]) -> Languages | None:
    """The languages of a model whose vocabulary is ``ids``; None where it has no codes.

    M2M-100, NLLB and mBART-50 read the code of the source before it, and are forced to begin with that of the
    target. OPUS-MT and MADLAD read the code of the target before the source; MADLAD's follows the piece of a
    word's beginning, as sentencepiece cuts it.
    """
    for style in _STYLES:
        codes = {name: token for name, token in ids.items() if style.code.fullmatch(name)}
        if not style.least <= len(codes) <= MAX_CODES:
            continue
        if style.from_source:
            return Languages(codes, source_prefix=(SOURCE,), forced=(TARGET,))
        before = (ids[_WORD_START],) if style.code is _MADLAD and _WORD_START in ids else ()
        only = next(iter(codes)) if len(codes) == 1 else None
        return Languages(codes, source_prefix=(*before, TARGET), default_target=only)
    return None
