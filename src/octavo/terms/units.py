"""The units that terms are compared by: words, or characters where a script writes no spaces."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_NO_SPACES: Final = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_MARKS: Final = "\u0300-\u036f\u200c\u200d"
_UNIT: Final = re.compile(rf"\s+|[{_NO_SPACES}]|(?:(?![{_NO_SPACES}])[\w{_MARKS}])+|.", re.DOTALL)


class Unit(NamedTuple):
    """A word, a character, or white space, which is one space here; ``start`` and ``end`` in the text."""

    text: str
    start: int
    end: int


def units(text: str) -> list[Unit]:
    """The units of a text, one after the other, from its beginning to its end."""
    found = _UNIT.finditer(text)
    return [Unit(" " if one[0].isspace() else one[0], one.start(), one.end()) for one in found]
