"""The skeletons of ICU messages: what is no text in "{n, plural, one {# file} other {# files}}"."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

_HEADER: Final = re.compile(
    r"\{\s*[\w.]+\s*,\s*(plural|selectordinal|select)\s*,\s*(?:offset\s*:\s*\d+\s*)?(?==?\w+\s*\{)"
)
_SELECTOR: Final = re.compile(r"\s*=?\w+\s*\{")
_END: Final = re.compile(r"\s*\}")
_IN_TEXT: Final = re.compile(r"[{}#]")


@dataclasses.dataclass(slots=True)
class _Choice:
    """A choice that is being read. ``spans`` are what of it, and of the choices in it, is no text to
    translate; ``counts`` tells that # stands for a number in its branches."""

    spans: list[tuple[int, int]]
    counts: bool


def skeletons(text: str) -> list[tuple[int, int]]:
    """The characters, as (first, end) ascending, that belong to the choices of ICU messages and not to the
    texts in their branches. What is no whole choice has none. The function takes linear time."""
    found: list[tuple[int, int]] = []
    open_choices: list[_Choice | None] = []  # None: another pair of braces
    at = 0
    while match := _IN_TEXT.search(text, at):
        start, at = match.span()
        if match[0] == "{":
            header = _HEADER.match(text, start)
            selector = header and _SELECTOR.match(text, header.end())
            if header and selector:
                at = selector.end()
                open_choices.append(_Choice([(start, at)], header[1] != "select"))
            else:
                open_choices.append(None)
        elif match[0] == "#":
            choice = open_choices[-1] if open_choices else None
            if choice and choice.counts:
                choice.spans.append((start, at))
        elif open_choices and open_choices[-1] is None:
            open_choices.pop()
        elif open_choices:
            at = _after_branch(text, start, open_choices, found)
    return sorted(found)


def _after_branch(
    text: str, start: int, open_choices: list[_Choice | None], found: list[tuple[int, int]]
) -> int:
    """Where to read on after the brace at ``start`` that ends a branch of the last choice: in its next
    branch, or after the choice. A whole outermost choice gives its spans to ``found``."""
    choice = open_choices[-1]
    assert choice is not None  # noqa: S101
    selector = _SELECTOR.match(text, start + 1)
    if selector:
        choice.spans.append((start, selector.end()))
        return selector.end()
    open_choices.pop()
    end = _END.match(text, start + 1)
    if not end:
        return start + 1
    choice.spans.append((start, end.end()))
    around = next((outer for outer in reversed(open_choices) if outer), None)
    (around.spans if around else found).extend(choice.spans)
    return end.end()
