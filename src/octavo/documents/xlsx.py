"""XLSX: the text of cells, and of charts, diagrams and text boxes.

Formulas, numbers and the names of sheets stay. So does a text on which something else depends by its wording:
the header of a table or of a pivot table's column, and what a formula compares with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import unescape

from octavo.documents.document import DocumentOptions
from octavo.documents.drawing import DRAWINGS, drawing_texts
from octavo.documents.inline import InlineText
from octavo.documents.office import Package, open_package
from octavo.documents.placed import PlacedMembers, PlacedText
from octavo.documents.runs import Content, Item, Look, RunMarkup, Whole
from octavo.documents.xml_source import Element, XmlSource

_MAIN = (
    "sheet.main",
    "template.main",
    "excel.sheet.macroEnabled.main",
    "excel.template.macroEnabled.main",
)
_FORMULA = re.compile(rb"<(?:\w+:)?(?:f|formula[12]?|definedName)(?:\s[^>]*)?>([^<]*)<")
_SHARED = re.compile(rb'<c r="([A-Z]+[0-9]+)"[^>]*\bt="s"[^>]*><v>([0-9]{1,9})</v>')
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_COLUMN = re.compile(rb"<(?:\w+:)?(?:tableColumn|cacheField)\s[^>]*?\bname=\"([^\"]*)\"")


def read(data: bytes, options: DocumentOptions) -> PlacedMembers:
    """The passages of an XLSX document."""
    package = open_package(data, _MAIN, "an XLSX document")
    fixed = _fixed_texts(package)
    cells = _cells(package)
    members = {}
    for name in package.of_kind("sharedStrings"):
        source = package.parse(name)
        places = [cells.get(number, "a text") for number, _ in enumerate(source.root.descendants("x:si"))]
        members[name] = PlacedText(source.data, list(_texts(source, "x:si", places, fixed)))
    for name, sheet in _sheets(package):
        if b"inlineStr" in package.archive.read(name):
            source = package.parse(name)
            places = [f"{sheet}!{_cell(element)}" for element in source.root.descendants("x:is")]
            members[name] = PlacedText(source.data, list(_texts(source, "x:is", places, fixed)))
    for name in package.of_kind("drawing", *DRAWINGS):
        where = DRAWINGS.get(package.kinds[name], "text box")
        members[name] = drawing_texts(package.parse(name), where, options)
    return PlacedMembers(package.archive, members)


def _sheets(package: Package) -> Iterator[tuple[str, str]]:
    """The part of each sheet, and its name."""
    main = package.of_kind(*_MAIN)[0]
    related = package.related(main)
    for sheet in package.parse(main).root.descendants("x:sheet"):
        part = related.get(sheet.attributes.get("r:id", ""), "")
        if package.kinds.get(part) == "worksheet":
            yield part, sheet.attributes.get("name", "")


def _cells(package: Package) -> dict[int, str]:
    """The first cell that shows each shared text, by the number of the text."""
    found: dict[int, str] = {}
    for part, sheet in _sheets(package):
        for cell, number in _SHARED.findall(package.archive.read(part)):
            found.setdefault(int(number), f"{sheet}!{cell.decode()}")
    return found


def _cell(text: Element) -> str:
    return text.parent.attributes.get("r", "") if text.parent else ""


def _fixed_texts(package: Package) -> frozenset[str]:
    """Texts, in lower case, that formulas compare with or that tables know their columns by."""
    found: set[str] = set()
    for name in package.of_kind("worksheet", *_MAIN):
        for formula in _FORMULA.findall(package.archive.read(name)):
            text = unescape(formula.decode("utf-8", "replace"), {"&quot;": '"', "&apos;": "'"})
            found.update(quoted.replace('""', '"').casefold() for quoted in _QUOTED.findall(text))
    for name in package.of_kind("table", "pivotCacheDefinition"):
        for column in _COLUMN.findall(package.archive.read(name)):
            text = unescape(column.decode("utf-8", "replace"), {"&quot;": '"', "_x000a_": "\n"})
            found.add(text.casefold())
    return frozenset(found)


def _texts(
    source: XmlSource, name: str, places: Sequence[str], fixed: frozenset[str]
) -> Iterator[InlineText]:
    """The passages of elements that are each the text of a cell."""
    for element, place in zip(source.root.descendants(name), places, strict=True):
        prefix = source.name(element)[: -len(name) + len("x:")]
        items = _items(source, element, prefix)
        if "".join(item.text or "" for item in items if isinstance(item, Content)).casefold() in fixed:
            continue
        text_opens = f'<{prefix}t xml:space="preserve">'
        yield from RunMarkup(source, text_opens, f"</{prefix}t>").passages(items, place)


def _items(source: XmlSource, element: Element, prefix: str) -> Sequence[Item]:
    items: list[Item] = []
    for child in element.elements():
        span = (child.start, child.end)
        text = child if child.name == "x:t" else child.child("x:t")
        if text is None or child.name not in ("x:t", "x:r"):
            items.append(Whole(span=span, pieces=(span,)))
            continue
        look = Look("", b"", b"") if text is child else _look(source, child, prefix)
        items.append(Content(span=span, inner=(text.start, text.end), look=look, text=text.text()))
    return items


def _look(source: XmlSource, run: Element, prefix: str) -> Look:
    properties = run.child("x:rPr")
    raw = b"" if properties is None else source.data[properties.start : properties.end]
    opens, closes = source.encode(f"<{prefix}r>") + raw, source.encode(f"</{prefix}r>")
    return Look(raw.decode(source.codec), opens, closes)
