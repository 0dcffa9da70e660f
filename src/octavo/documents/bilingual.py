"""What XLIFF and TMX share: text with the codes of another format in it, and its translation beside it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from octavo.documents.byte_edits import Piece, Span
from octavo.documents.flow import Flow
from octavo.documents.inline import InlineText
from octavo.documents.ranges import nested
from octavo.documents.xml_source import Element, Text, XmlSource, escaped_attribute


@dataclasses.dataclass(frozen=True)
class Translation:
    """Where the translation of a text is written: what replaces ``span`` has these pieces around the text."""

    span: Span
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]


def beside(flow: Flow, element: Element, translation: Translation) -> Iterable[InlineText]:
    """The text of an element as a passage, whose translation is written elsewhere."""
    for text in flow.passage(element.children, element):
        yield dataclasses.replace(
            text, span=translation.span, before=translation.before, after=translation.after
        )


def matched(
    elements: Sequence[Element], opens: Mapping[str, str], closes: Mapping[str, Sequence[str]]
) -> dict[Element, Element]:
    """The codes that begin something with those that end it, where what they mark does not overlap.

    ``opens`` has the attribute that identifies each code that begins something; ``closes`` those in which a
    code that ends something may name it, by preference.
    """
    ends: list[tuple[str, bool] | None] = []
    for element in elements:
        names = (opens[element.name],) if element.name in opens else closes.get(element.name, ())
        stated = (element.attributes.get(name) for name in names)
        name = next((value for value in stated if value is not None), "")
        ends.append((name, element.name in opens) if names else None)
    return {elements[first]: elements[last] for first, last in nested(ends).items()}


def indent_before(element: Element) -> bytes | Span:
    """The blank text in front of an element."""
    siblings: Sequence[object] = element.parent.children if element.parent else ()
    before = siblings[siblings.index(element) - 1] if element in siblings[1:] else None
    return (before.start, before.end) if isinstance(before, Text) and before.value.isspace() else b""


def start_tag(source: XmlSource, element: Element, attributes: Mapping[str, str]) -> bytes:
    """An element's start tag with other values for some attributes, and open if the element was empty."""
    tag = source.tag(element)
    tag = tag.removesuffix("/>").rstrip() + ">" if tag.endswith("/>") else tag
    for name, value in attributes.items():
        stated = re.search(rf"""(?<=\s){re.escape(name)}\s*=\s*(?:"[^"]*"|'[^']*')""", tag)
        new = f'{name}="{escaped_attribute(value)}"'
        tag = tag[:-1] + f" {new}>" if stated is None else tag[: stated.start()] + new + tag[stated.end() :]
    return source.encode(tag)


def keeps_spaces(element: Element) -> bool:
    """Whether spaces and line breaks in an element are as they are to be, by xml:space."""
    around: Element | None = element
    while around is not None:
        if space := around.attributes.get("xml:space"):
            return space == "preserve"
        around = around.parent
    return False
