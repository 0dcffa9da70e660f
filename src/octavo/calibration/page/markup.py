"""HTML elements and the spelling of numbers for the quality report.

Elements are trees, so that text and attributes are escaped in one place, by the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree.ElementTree import Element, tostring

Child = Element | str

_SPACE: Final = "\N{NO-BREAK SPACE}"
_MINUS: Final = "\N{MINUS SIGN}"
_UNPRINTABLE: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "\ufffd")


def element(tag: str, *children: Child, attributes: dict[str, str] | None = None, kind: str = "") -> Element:
    """An element; strings among ``children`` become text. ``kind`` is its class."""
    found = Element(tag, {"class": kind} if kind else {})
    for key, value in (attributes or {}).items():
        found.set(key, _clean(value))
    for child in children:
        if isinstance(child, Element):
            found.append(child)
        elif len(found):
            found[-1].tail = (found[-1].tail or "") + _clean(child)
        else:
            found.text = (found.text or "") + _clean(child)
    return found


def _clean(text: str) -> str:
    """Control characters and lone surrogates, which no page can hold, replaced."""
    return text.translate(_UNPRINTABLE).encode("utf-8", "replace").decode("utf-8")


def page_text(root: Element) -> str:
    """The whole page."""
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def section(title: str, *children: Child) -> Element:
    """A part of the page with its heading."""
    return element("section", element("h2", title), *children)


def details(summary: str, *children: Child) -> Element:
    """What is hidden until asked for."""
    return element("details", element("summary", summary), *children)


def code(text: str) -> Element:
    """A name, which may be broken after each dot."""
    parts: list[Child] = []
    for part in text.split("."):
        parts += [".", element("wbr"), part] if parts else [part]
    return element("code", *parts)


def table(
    head: Sequence[str], rows: Iterable[Sequence[Child]], numbers_from: int, chosen: int | None = None
) -> Element:
    """A table that scrolls by itself where the page is narrow.

    Columns from ``numbers_from`` on hold numbers; row ``chosen`` is marked.
    """
    titles = [_cell("th", title, i >= numbers_from) for i, title in enumerate(head)]
    body = [
        element(
            "tr",
            *(_cell("td", cell, i >= numbers_from) for i, cell in enumerate(row)),
            kind="chosen" if r == chosen else "",
        )
        for r, row in enumerate(rows)
    ]
    inner = element("table", element("thead", element("tr", *titles)), element("tbody", *body))
    return element("div", inner, kind="scroll", attributes={"tabindex": "0"})


def _cell(tag: str, content: Child, number: bool) -> Element:
    return element(tag, content, kind="number" if number else "")


def facts(pairs: Iterable[tuple[str, Child]]) -> Element:
    """A list of names and their values."""
    rows = (element("div", element("dt", name), element("dd", value)) for name, value in pairs)
    return element("dl", *rows)


def number(value: float, digits: int = 2) -> str:
    """With a true minus sign and thousands apart; never a negative zero."""
    text = f"{value:,.{digits}f}"
    if not float(text.replace(",", "")):
        text = text.removeprefix("-")
    return text.replace("-", _MINUS)


def significant(value: float, digits: int = 3) -> str:
    """So many significant digits; powers of ten for what is very small or large."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    power = int(exponent)
    if -4 <= power < 6:
        return number(value, max(0, digits - 1 - power))
    superscript = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} · 10{superscript}".replace("-", _MINUS)


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{number(share * 100, digits)}{_SPACE}%"


def megabytes(size_bytes: int) -> str:
    """A size in millions of bytes."""
    return f"{number(size_bytes / 1e6, 1)}{_SPACE}MB"


def probability(p_value: float) -> str:
    """A p-value, with its relation sign."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def duration(seconds: float) -> str:
    """Seconds, or minutes where they are many."""
    return f"{number(seconds, 1)} s" if seconds < 120 else f"{number(seconds / 60, 1)} min"
