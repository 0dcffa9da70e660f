"""DOCX: the paragraphs of the text, its notes, headers, footers and text boxes.

A tab and a line break end a passage. Deleted text, comments and the results of fields stay; inserted text and
the text of links is translated.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from octavo.documents.byte_edits import Piece
from octavo.documents.document import DocumentOptions
from octavo.documents.drawing import DRAWINGS, descriptions, drawing_texts
from octavo.documents.inline import InlineText
from octavo.documents.languages import in_target, language_edit
from octavo.documents.office import Package, open_elements, open_package
from octavo.documents.placed import PlacedMembers, PlacedText
from octavo.documents.ranges import MOST_RANGES, nested
from octavo.documents.runs import Break, Content, Group, Item, Look, RunMarkup, Whole
from octavo.documents.xml_source import Element, XmlSource

_MAIN = (
    "document.main",
    "template.main",
    "word.document.macroEnabled.main",
    "word.template.macroEnabledTemplate.main",
)
_NOTES = {"footnotes": "footnote", "endnotes": "endnote", "header": "header", "footer": "footer"}
_BREAKS = {"w:tab", "w:br", "w:cr", "w:ptab"}
_UNSEEN = {"w:proofErr", "w:lastRenderedPageBreak", "w:softHyphen"}
"""What programs noted about a text, and where its words may be cut: nothing that a translation needs."""
_UNSEEN_PROPERTIES = {"w:lang", "w:noProof", "w:bCs", "w:iCs", "w:szCs"}
_GROUPS = {"w:hyperlink", "w:ins", "w:moveTo", "w:smartTag", "w:customXml", "w:sdt", "w:bdo", "w:dir"}
_HEADS = {"w:pPr", "w:smartTagPr", "w:customXmlPr"}
_TRANSLATED_FIELDS = ("HYPERLINK", "TOC")
_CLOSED = frozenset({"w:del", "w:moveFrom"})


def read(data: bytes, options: DocumentOptions) -> PlacedMembers:
    """The passages of a DOCX document."""
    package = open_package(data, _MAIN, "a DOCX document")
    members = {}
    for name in package.of_kind(*_MAIN, *_NOTES):
        source = package.parse(name)
        kind = _NOTES.get(package.kinds[name], "paragraph")
        texts = _Reader(source, options, kind).texts()
        members[name] = PlacedText(source.data, [*texts, *descriptions(source, "picture")])
    for name in package.of_kind(*DRAWINGS):
        members[name] = drawing_texts(package.parse(name), DRAWINGS[package.kinds[name]], options)
    styles = {name: _styles(package, name, options) for name in package.of_kind("styles")}
    return PlacedMembers(package.archive, members | styles, frozenset(styles))


def _styles(package: Package, name: str, options: DocumentOptions) -> PlacedText:
    """The document's styles: what is in the source language is then in the target's."""
    source = package.parse(name)
    languages = source.root.descendants("w:lang")
    edits = [language_edit(source, element, _value_name(source, element), options) for element in languages]
    return PlacedText(source.data, [], tuple(edit for edit in edits if edit is not None))


def _value_name(source: XmlSource, element: Element) -> str:
    """How w:val is written beside this element."""
    return source.name(element).rpartition(":")[0] + ":val"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Content(Content):
    """Something in a run; of a field its "begin", "separate" or "end", or a piece of its code."""

    field: str = ""
    code: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _End(Whole):
    """Where a range between runs begins or ends: a bookmark, or what a comment is about."""

    range: tuple[str, str]
    begins: bool


@dataclasses.dataclass
class _Reader:
    """Reads the paragraphs of a part. ``kind`` is what a paragraph of it is called."""

    source: XmlSource
    options: DocumentOptions
    kind: str

    def texts(self) -> Iterator[InlineText]:
        """The passages of the part."""
        markup: RunMarkup | None = None
        for number, paragraph in enumerate(open_elements(self.source.root, "w:p", _CLOSED), 1):
            prefix = self.source.name(paragraph)[: -len("p")]
            if markup is None or markup.text_closes != f"</{prefix}t>":
                markup = RunMarkup(self.source, f'<{prefix}t xml:space="preserve">', f"</{prefix}t>")
            yield from markup.passages(self._items(paragraph, prefix), f"{self.kind} {number}")

    def _items(self, parent: Element, prefix: str) -> Sequence[Item]:
        """What a paragraph, or an element with runs in it, holds."""
        items: list[Item] = []
        for child in parent.elements():
            if child.name == "w:r":
                items.extend(self._run(child, prefix))
            elif child.name in _GROUPS and not _is_checkbox(child):
                items.append(self._group(child, prefix))
            elif child.name not in _UNSEEN and child.name not in _HEADS:
                items.append(_whole(child))
        return _with_ranges(_with_fields(items))

    def _group(self, element: Element, prefix: str) -> Group:
        inside = element.child("w:sdtContent") if element.name == "w:sdt" else element
        span = (element.start, element.end)
        if inside is None:
            return Group(span=span, opens=(span,), closes=(), items=())
        heads = [child.end for child in inside.elements() if child.name in _HEADS]
        opens = (element.start, max([inside.content, *heads]))
        closes = (inside.content_end, element.end)
        return Group(span=span, opens=(opens,), closes=(closes,), items=self._items(inside, prefix))

    def _run(self, run: Element, prefix: str) -> Iterator[Item]:
        look = self._look(run, prefix)
        elements = [child for child in run.elements() if child.name not in _UNSEEN and child.name != "w:rPr"]
        for element in elements:
            if element.name in _BREAKS:
                yield Break()
                continue
            is_first, is_last = element is elements[0], element is elements[-1]
            yield _Content(
                span=(run.start if is_first else element.start, run.end if is_last else element.end),
                inner=(element.start, element.end),
                before=b"" if is_first else look.closes,
                after=b"" if is_last else look.opens,
                look=look,
                text=_text(element),
                field=element.attributes.get("w:fldCharType", ""),
                code=element.text() if element.name == "w:instrText" else "",
            )

    def _look(self, run: Element, prefix: str) -> Look:
        properties = run.child("w:rPr")
        opens, closes = self.source.encode(f"<{prefix}r>"), self.source.encode(f"</{prefix}r>")
        if properties is None:
            return Look("", opens, closes)
        key, raw = [], [self.source.data[properties.start : properties.content]]
        for element in properties.elements():
            raw.append(self.source.data[element.start : element.end])
            if element.name not in _UNSEEN_PROPERTIES and set(element.attributes) != {"w:hint"}:
                key.append(raw[-1].decode(self.source.codec))
            elif element.name == "w:lang":
                raw[-1] = in_target(self.source, element, _value_name(self.source, element), self.options)
        raw.append(self.source.data[properties.content_end : properties.end])
        return Look("".join(key), opens + b"".join(raw), closes)


def _text(element: Element) -> str | None:
    if element.name == "w:t":
        return element.text().replace("\n", " ").replace("\t", " ").replace("\r", " ")
    return "-" if element.name == "w:noBreakHyphen" else None


def _is_checkbox(element: Element) -> bool:
    properties = element.child("w:sdtPr")
    return properties is not None and properties.child("w14:checkbox") is not None


def _whole(element: Element) -> Whole:
    span = (element.start, element.end)
    kind = re.sub("(Start|End)$", "", element.name)
    if kind != element.name and "w:id" in element.attributes:
        name = (kind, element.attributes["w:id"])
        return _End(span=span, pieces=(span,), range=name, begins=element.name.endswith("Start"))
    return Whole(span=span, pieces=(span,), text=element.text() if element.name == "w:fldSimple" else "")


def _with_ranges(items: Sequence[Item]) -> Sequence[Item]:
    """The items with each range that begins and ends among them as a group."""
    pairs = nested([(item.range, item.begins) if isinstance(item, _End) else None for item in items])
    ends = {last: first for first, last in pairs.items()}
    levels: list[list[Item]] = [[]]
    for place, item in enumerate(items):
        if place in pairs:
            levels.append([])
        elif place in ends:
            begin, inside = items[ends[place]], levels.pop()
            if isinstance(begin, _End) and isinstance(item, _End):  # as all that is in pairs
                span = (begin.span[0], item.span[1])
                levels[-1].append(Group(span=span, opens=begin.pieces, closes=item.pieces, items=inside))
        else:
            levels[-1].append(item)
    return levels[0]


def _with_fields(items: Sequence[Item]) -> Sequence[Item]:
    """The items with each field that begins and ends among them as one."""
    result: list[Item] = []
    begins: list[int] = []
    for item in items:
        result.append(item)
        if isinstance(item, _Content) and item.field == "begin" and len(begins) < MOST_RANGES:
            begins.append(len(result) - 1)
        elif isinstance(item, _Content) and item.field == "end" and begins:
            first = begins.pop()
            result[first:] = [_field(result[first:], item)]
    return result


def _field(items: Sequence[Item], end: _Content) -> Item:
    """A field: a link as a group, any other as its result, which stays."""
    fields = [item for item in items if isinstance(item, _Content)]
    begin, code = fields[0], "".join(field.code for field in fields)
    separators = [index for index, item in enumerate(items) if getattr(item, "field", "") == "separate"]
    shown = items[separators[0] + 1 : -1] if separators else ()
    whole = Whole(
        span=(begin.span[0], end.span[1]),
        before=begin.before,
        after=end.after,
        pieces=_runs(begin, end),
        text="".join(item.text or "" for item in shown if isinstance(item, Content | Whole)),
    )
    separator = items[separators[0]] if separators else None
    if not code.strip().startswith(_TRANSLATED_FIELDS) or not isinstance(separator, _Content):
        return whole
    return Group(
        span=whole.span,
        before=whole.before,
        after=whole.after,
        opens=_runs(begin, separator),
        closes=_runs(end, end),
        items=_with_ranges(shown),
    )


def _runs(first: Content, last: Content) -> tuple[Piece, ...]:
    """From one content to another, as whole runs."""
    opens = first.look.opens if first.before else b""
    closes = last.look.closes if last.after else b""
    return opens, (first.span[0], last.span[1]), closes
