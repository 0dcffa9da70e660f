"""XHTML as XML: what the chapters of an EPUB are written in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from octavo.documents import html_elements as elements
from octavo.documents.document import DocumentOptions
from octavo.documents.flow import Flow, Role, attribute_text
from octavo.documents.languages import language_edit
from octavo.documents.placed import PlacedText
from octavo.documents.xml_source import Element, XmlSource

PREFIXES = {"http://www.w3.org/1999/xhtml": "", "http://www.w3.org/XML/1998/namespace": "xml"}


def xhtml_texts(source: XmlSource, file: str, options: DocumentOptions) -> PlacedText:
    """The passages of a page, with those of its attributes. ``file`` is what a person knows it by."""

    @cache
    def where(element: Element) -> str:
        return f"{file}, line {source.line(element)}"

    texts = [
        *Flow(source, _role, where).passages(source.root),
        *(
            text
            for element in _seen(source.root)
            for name in elements.read_attributes(element.name, element.attributes) & element.attributes.keys()
            if (text := attribute_text(source, element, name, where(element)))
        ),
    ]
    texts.sort(key=lambda text: text.span)
    named = (
        language_edit(source, element, name, options)
        for element in source.root.descendants()
        for name in ("lang", "xml:lang")
        if name in element.attributes
    )
    return PlacedText(source.data, texts, tuple(edit for edit in named if edit is not None))


def _role(element: Element) -> Role:
    name = element.name
    is_block = name in elements.BLOCKS
    if name in elements.SKIPPED or name.startswith("{"):
        return Role.BREAK if is_block else Role.STAYS
    if elements.translates(element.attributes) is False:
        return Role.BREAK if is_block else Role.KEPT
    if name in elements.KEPT:
        return Role.KEPT
    if is_block:
        return Role.BREAK if name in elements.VOIDS else Role.BLOCK
    return Role.INLINE


def _seen(root: Element) -> Iterator[Element]:
    """The elements of which something is translated."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.name in elements.SKIPPED or elements.translates(element.attributes) is False:
            continue
        yield element
        waiting.extend(element.elements())
