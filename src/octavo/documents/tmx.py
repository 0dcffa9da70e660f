"""TMX: a unit with a text in the source language and none in the target's gets one. What is there stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from octavo.documents.bilingual import Translation, beside, indent_before, keeps_spaces, matched, start_tag
from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.flow import Flow, Role
from octavo.documents.inline import InlineText
from octavo.documents.languages import same_language
from octavo.documents.placed import PlacedText
from octavo.documents.xml_source import Element, XmlSource, escaped_attribute, parse

_PREFIXES = {
    "http://www.lisa.org/tmx14": "",
    "http://www.w3.org/XML/1998/namespace": "xml",
}
_MAKER = "octavo"
"""Who made a unit's text, as TMX has it in creationid."""


def read(data: bytes, options: DocumentOptions) -> PlacedText:
    """The passages of a TMX document: the texts in the source language that lack a translation."""
    source = parse(data, _PREFIXES)
    if source.root.name != "tmx":
        raise DocumentError("this is not a TMX document: its root must be tmx")
    variants = list(source.root.descendants("tuv"))
    if not any(same_language(_language(variant), options.source_language) for variant in variants):
        raise DocumentError(
            f"no text of this TMX document is in {options.source_language}; take a model of its languages"
        )
    stated = (_language(variant) for variant in variants)
    target = next(filter(partial(same_language, options.target_language), stated), options.target_language)
    flow = Flow(
        source,
        _role,
        lambda element: f"line {source.line(element)}",
        wrapped=lambda element: not keeps_spaces(element),
        pairs=_pairs,
    )
    units = source.root.descendants("tu")
    return PlacedText(data, [text for unit in units for text in _texts(source, flow, unit, options, target)])


def _texts(
    source: XmlSource, flow: Flow, unit: Element, options: DocumentOptions, target: str
) -> Iterator[InlineText]:
    variants = [variant for variant in unit.elements() if variant.name == "tuv"]
    ours = [variant for variant in variants if same_language(_language(variant), options.source_language)]
    theirs = [variant for variant in variants if same_language(_language(variant), target)]
    text = ours[0].child("seg") if ours else None
    if text is None:
        return
    if not theirs:
        name = source.name(ours[0])
        prefix = name.removesuffix("tuv")
        new = f'<{name} xml:lang="{escaped_attribute(target)}" creationid="{_MAKER}"><{prefix}seg>'
        closes = f"</{prefix}seg></{name}>"
        at = variants[-1].end
        before = (indent_before(ours[0]), source.encode(new))
        yield from beside(flow, text, Translation((at, at), before, (source.encode(closes),)))
    elif (empty := theirs[0].child("seg")) and not empty.text().strip() and not any(empty.elements()):
        closes = f"</{source.name(empty)}>"
        span, opens = (empty.start, empty.end), start_tag(source, empty, {})
        yield from beside(flow, text, Translation(span, (opens,), (source.encode(closes),)))


def _language(variant: Element) -> str:
    return variant.attributes.get("xml:lang") or variant.attributes.get("lang", "")


def _role(element: Element) -> Role:
    return Role.INLINE if element.name == "hi" else Role.STAYS


def _pairs(elements: Sequence[Element]) -> dict[Element, Element]:
    return matched(elements, {"bpt": "i"}, {"ept": ("i",)})
