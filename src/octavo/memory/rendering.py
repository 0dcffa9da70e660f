"""The text by which a memory knows a segment: its parts in one canonical string, and back.

Plain text stands for itself. A mark or a kept text stands between control characters that no document has,
with a number that counts the elements of the segment: ``START ( 1 END`` opens element 1, ``START ) 1 END``
closes it, ``START . 1 END`` is an element without text, and kept text stands between ``START { 1 END`` and
``START } 1 END``. A START in the text itself is ``START END``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from octavo.text.parts import Kept, Mark, Part, Side, merged

Text: TypeAlias = str | Sequence[Part]
"""A segment as a caller has it: plain text, or the parts of a passage."""

_START: Final = "\x02"
_END: Final = "\x03"
_SIGNS: Final = {Side.OPEN: "(", Side.CLOSE: ")", Side.PLACE: "."}
_SIDES: Final = {sign: side for side, sign in _SIGNS.items()}
_CODE: Final = re.compile(rf"{_START}(?:([().{{}}])(\d+))?{_END}", re.ASCII)


def normalized(text: str) -> str:
    """``text`` in Unicode's form NFC, each run of white space one space, and none at its ends.

    Letters, case, punctuation and numbers stay as they are. Normalizing twice changes nothing more.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def numbering(text: Text) -> dict[int, int]:
    """The canonical number, from 1, of each element of a segment by its id: in the order they appear."""
    numbers: dict[int, int] = {}
    for part in () if isinstance(text, str) else text:
        if not isinstance(part, str):
            numbers.setdefault(part.id, len(numbers) + 1)
    return numbers


def rendered(text: Text, numbers: Mapping[int, int]) -> str:
    """A segment as one string. ``numbers`` is the numbering of the source, for its translation too."""
    return "".join(_rendered(part, numbers) for part in ([text] if isinstance(text, str) else text))


def _rendered(part: Part, numbers: Mapping[int, int]) -> str:
    if isinstance(part, str):
        return part.replace(_START, _START + _END)
    number = numbers[part.id]
    if isinstance(part, Mark):
        return f"{_START}{_SIGNS[part.side]}{number}{_END}"
    return f"{_START}{{{number}{_END}{_rendered(part.text, numbers)}{_START}}}{number}{_END}"


def parsed(rendering: str) -> tuple[Part, ...]:
    """The parts of a rendering, with the numbers as ids."""
    return merged(_parsed(rendering))


def _parsed(rendering: str) -> Iterator[Part]:
    position = 0
    kept: str | None = None
    for code in _CODE.finditer(rendering):
        text = rendering[position : code.start()] + ("" if code[1] else _START)
        position = code.end()
        if kept is None:
            yield text
        else:
            kept += text
        match code[1]:
            case "{":
                kept = ""
            case "}":
                yield Kept(kept or "", int(code[2]))
                kept = None
            case "(" | ")" | ".":
                yield Mark(_SIDES[code[1]], int(code[2]))
    yield rendering[position:]


def plain_of(rendering: str) -> str:
    """The text of a rendering, without the marks."""
    if _START not in rendering:
        return rendering
    return _CODE.sub(lambda code: "" if code[1] else _START, rendering)
