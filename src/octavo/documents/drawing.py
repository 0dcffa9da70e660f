"""DrawingML: the paragraphs of slides, text boxes, charts and diagrams."""

from __future__ import annotations

from collections.abc import Iterator

from octavo.documents.document import DocumentOptions
from octavo.documents.flow import attribute_text
from octavo.documents.inline import InlineText
from octavo.documents.languages import in_target
from octavo.documents.office import open_elements
from octavo.documents.placed import PlacedText
from octavo.documents.runs import Break, Content, Item, Look, RunMarkup, Whole
from octavo.documents.xml_source import Element, XmlSource

DRAWINGS = {
    "chart": "chart",
    "drawingml.chartshapes": "chart",
    "diagramData": "diagram",
    "office.drawingml.diagramDrawing": "diagram",
}
"""The kinds of parts with drawings, and what they are for a person."""
_UNSEEN_PROPERTIES = {"lang", "altLang", "dirty", "err", "noProof", "smtClean", "smtId", "bmk"}
_DESCRIBED = {"wp:docPr", "p:cNvPr", "xdr:cNvPr"}
_STAYS = {"a:pPr", "a:endParaRPr"}


def drawing_texts(source: XmlSource, where: str, options: DocumentOptions) -> PlacedText:
    """The paragraphs of a part with drawings."""
    paragraphs = open_elements(source.root, "a:p")
    texts = [text for paragraph in paragraphs for text in _passages(source, paragraph, where, options)]
    return PlacedText(source.data, [*texts, *descriptions(source, f"picture in {where}")])


def descriptions(source: XmlSource, where: str) -> Iterator[InlineText]:
    """What pictures show, in words for those who do not see them. A single word is the name of a file."""
    for element in source.root.descendants():
        is_words = element.name in _DESCRIBED and " " in element.attributes.get("descr", "").strip()
        if is_words and (text := attribute_text(source, element, "descr", where)):
            yield text


def _passages(
    source: XmlSource, paragraph: Element, where: str, options: DocumentOptions
) -> Iterator[InlineText]:
    prefix = source.name(paragraph)[: -len("p")]
    markup = RunMarkup(source, f"<{prefix}t>", f"</{prefix}t>")
    return markup.passages(list(_items(source, paragraph, prefix, options)), where)


def _items(source: XmlSource, paragraph: Element, prefix: str, options: DocumentOptions) -> Iterator[Item]:
    for child in paragraph.elements():
        span = (child.start, child.end)
        text = child.child("a:t")
        if child.name == "a:br":
            yield Break()
        elif child.name == "a:r" and text is not None:
            look = _look(source, child, prefix, options)
            yield Content(span=span, inner=(text.start, text.end), look=look, text=text.text())
        elif child.name not in _STAYS:
            yield Whole(span=span, pieces=(span,), text=text.text() if text is not None else "")


def _look(source: XmlSource, run: Element, prefix: str, options: DocumentOptions) -> Look:
    opens, closes = source.encode(f"<{prefix}r>"), source.encode(f"</{prefix}r>")
    properties = run.child("a:rPr")
    if properties is None:
        return Look("", opens, closes)
    seen = {name: value for name, value in properties.attributes.items() if name not in _UNSEEN_PROPERTIES}
    inside = source.data[properties.content : properties.content_end].decode(source.codec)
    raw = in_target(source, properties, "lang", options)
    key = f"{sorted(seen.items())}{inside}" if seen or inside else ""
    return Look(key, opens + raw, closes)
