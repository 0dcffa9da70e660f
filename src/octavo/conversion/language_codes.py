"""Language tokens that a vocabulary shows, and where models with such tokens read them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Final

from octavo.languages import MAX_CODES, SOURCE, TARGET, Item, Languages

_WORD_START: Final = "▁"


@dataclasses.dataclass(frozen=True, slots=True)
class CodeStyle:
    """How a kind of models writes its language codes, what stands before a source, and what a translation is
    forced to begin with. ``_WORD_START`` among them is the piece of a word's beginning."""

    code: re.Pattern[str]
    source_prefix: tuple[str, ...]
    forced: tuple[str, ...] = ()


M2M_100: Final = CodeStyle(re.compile(r"__[a-z]{2,3}__"), (SOURCE,), (TARGET,))
NLLB: Final = CodeStyle(re.compile(r"[a-z]{3}_[A-Z][a-z]{3}"), (SOURCE,), (TARGET,))
MBART_50: Final = CodeStyle(re.compile(r"[a-z]{2,3}_[A-Z]{2}"), (SOURCE,), (TARGET,))
OPUS_MT: Final = CodeStyle(re.compile(r">>[!-~]{1,60}<<"), (TARGET,))
MADLAD: Final = CodeStyle(re.compile(r"<2[A-Za-z][A-Za-z_-]*>"), (_WORD_START, TARGET))

STYLES: Final = (M2M_100, NLLB, MBART_50, OPUS_MT, MADLAD)


def languages_of(ids: Mapping[str, int], styles: Sequence[CodeStyle] = STYLES) -> Languages | None:
    """The languages of a model whose vocabulary is ``ids``, where it has several; None where it has not."""
    for style in styles:
        codes = {name: token for name, token in ids.items() if style.code.fullmatch(name)}
        if 1 < len(codes) <= MAX_CODES:
            items: list[Item] = [ids.get(item, item) for item in style.source_prefix]
            prefix = tuple(item for item in items if item != _WORD_START)
            return Languages(codes, source_prefix=prefix, forced=style.forced)
    return None
