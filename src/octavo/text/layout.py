"""The lines and paragraphs of a text, without the indentation and the list bullets in front of them."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from typing import Final

from octavo.text.abbreviations import language_rules
from octavo.text.pieces import Range, is_inside, stripped

BREAKS: Final = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""The characters that end a line, as str.splitlines has them."""

_BREAK: Final = re.compile(rf"\r\n|[{BREAKS}]")
_BREAK_OR_TAB: Final = re.compile(rf"\r\n|[{BREAKS}\t]")

_SYMBOL: Final = "(?:[-*+•–—·◦▪‣●○■□☐☑☒✓✔✗➢➤►▶→⇒]|#{1,6})"  # noqa: RUF001
_NUMBER: Final = r"\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{2,5})\)|\d{1,3}\.(?:\d{1,3}\.)*"
_BULLET: Final = re.compile(
    rf"(?:(?:>[^\S{BREAKS}]?)*>[^\S{BREAKS}]+)?"
    rf"(?:(?:{_SYMBOL}(?:\s+\[[ xX]\])?|(?P<number>{_NUMBER}))[^\S{BREAKS}]+)?(?=\S)"
)
_FIRST_NUMBER: Final = re.compile(r"\(?(?:1|a|i)\b", re.IGNORECASE)
_MONTH: Final = re.compile(
    r"(?:Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\b"
)


def lines_of(
    text: str, begin: int, *, wrapped: bool, kept: Sequence[Range], language: str
) -> Iterator[Range]:
    """The lines of ``text`` from ``begin`` on: not blank, without bullets and white space at their ends.

    A tab ends a line too. With ``wrapped`` these are paragraphs: lines that follow one another without a
    blank line, a line of symbols or a bullet between them. No line ends within a range of ``kept``.
    """
    if text.isprintable():  # one line
        start, end = stripped(text, begin, len(text))
        if start < end:
            yield _after_bullet(text, start, end, kept, language)[0], end
        return
    if not wrapped:
        for start, end in _between(text, begin, _BREAK_OR_TAB, kept):
            if start < end and _at_line_start(text, begin, start):
                start = _after_bullet(text, start, end, kept, language)[0]
            if start < end:
                yield start, end
        return
    paragraph: Range | None = None
    numbered = False
    for start, end in _between(text, begin, _BREAK, kept):
        inner, number = _after_bullet(text, start, end, kept, language)
        if paragraph is not None and number and not numbered and not _FIRST_NUMBER.match(number):
            inner = start  # a number that a line of the paragraph happens to begin with
        ruled = not any(map(str.isalnum, text[start:end]))  # blank, or a line such as "* * *"
        if paragraph is not None and not ruled and inner == start:
            paragraph = paragraph[0], end
            continue
        if paragraph is not None:
            yield paragraph
            paragraph = None
        if ruled and start < end:
            yield start, end
        elif start < end:
            paragraph = inner, end
        numbered = bool(number)
    if paragraph is not None:
        yield paragraph


def _between(text: str, begin: int, breaks: re.Pattern[str], kept: Sequence[Range]) -> Iterator[Range]:
    """What lies between the breaks, stripped, blank ones as empty ranges."""
    start = begin
    for match in breaks.finditer(text, begin):
        if not is_inside(match.start(), kept):
            yield stripped(text, start, match.start())
            start = match.end()
    yield stripped(text, start, len(text))


def _at_line_start(text: str, begin: int, start: int) -> bool:
    """Whether nothing but white space stands before ``start`` in its line."""
    at = start
    while at > begin and text[at - 1].isspace() and text[at - 1] not in BREAKS:
        at -= 1
    return at == begin or text[at - 1] in BREAKS


def _after_bullet(text: str, start: int, end: int, kept: Sequence[Range], language: str) -> tuple[int, str]:
    """Where a line goes on after its bullet, which may be its start; and the bullet's number, or ""."""
    worded = start == end or (text[start].isalpha() and text[start + 1 : start + 2] not in [*")ivxIVX"])
    found = None if worded else _BULLET.match(text, start, end)
    if found is None or found.end() in (start, end):
        return start, ""
    number = found["number"] or ""
    if number[-1:] == "." and language_rules(language).ordinals:
        after = text[found.end()]
        if after.islower() or _MONTH.match(text, found.end()):
            return start, ""
    at = bisect.bisect_right(kept, (start, end))
    touches = (at and kept[at - 1][1] > start) or (at < len(kept) and kept[at][0] < found.end())
    return (start, "") if touches else (found.end(), number)
