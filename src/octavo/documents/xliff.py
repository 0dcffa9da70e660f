"""XLIFF 1.2 and 2: units without a translation get one.

One that is there stays, unless its state asks for a new one; so do units that are approved or have
translate="no". Translations are marked as made by a machine and to be reviewed (1.2), or as translated (2).
The codes of the original format are marks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from octavo.documents.bilingual import Translation, beside, indent_before, keeps_spaces, matched, start_tag
from octavo.documents.byte_edits import Edit, Piece
from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.flow import Flow, Role
from octavo.documents.inline import InlineText
from octavo.documents.languages import check_languages
from octavo.documents.placed import PlacedText
from octavo.documents.xml_source import Element, XmlSource, parse

_PREFIXES = {
    "urn:oasis:names:tc:xliff:document:1.1": "",
    "urn:oasis:names:tc:xliff:document:1.2": "",
    "urn:oasis:names:tc:xliff:document:2.0": "",
    "urn:oasis:names:tc:xliff:document:2.1": "",
    "urn:oasis:names:tc:xliff:document:2.2": "",
    "http://www.w3.org/XML/1998/namespace": "xml",
}
_INLINE = {"g", "mrk", "pc"}
_OPENS = {"bpt": "id", "bx": "id", "sc": "id", "sm": "id"}
_CLOSES = {"ept": ("id",), "ex": ("id",), "ec": ("startRef",), "em": ("startRef",)}
_BY_REFERENCE = {"bpt": "rid", "bx": "rid", "ept": "rid", "ex": "rid"}
_TO_TRANSLATE = {"new", "needs-translation", "initial"}
_MADE_BY_A_MACHINE = {"state": "needs-review-translation", "state-qualifier": "mt-suggestion"}


def read(data: bytes, options: DocumentOptions) -> PlacedText:
    """The passages of an XLIFF document: the sources that have no translation."""
    source = parse(data, _PREFIXES)
    usual = "2.0" if "srcLang" in source.root.attributes else "1.1"
    version = source.root.attributes.get("version", usual)
    if source.root.name != "xliff" or not version.startswith(("1.", "2.")):
        raise DocumentError("this is not XLIFF of version 1 or 2: the root must be xliff")
    reader = _Reader(source, options, is_first_version=version.startswith("1."))
    return PlacedText(data, list(reader.texts()), tuple(reader.languages()))


@dataclasses.dataclass
class _Reader:
    source: XmlSource
    options: DocumentOptions
    is_first_version: bool

    def languages(self) -> Iterator[Edit]:
        """The target language where it is not stated."""
        holder, ours, theirs = "xliff", "srcLang", "trgLang"
        if self.is_first_version:
            holder, ours, theirs = "file", "source-language", "target-language"
        for element in self.source.root.descendants(holder):
            stated = element.attributes
            check_languages(stated.get(ours, ""), stated.get(theirs, ""), self.options)
            if not stated.get(theirs) and element.children:
                tag = start_tag(self.source, element, {theirs: self.options.target_language})
                yield Edit(element.start, element.content, (tag,))

    def texts(self) -> Iterator[InlineText]:
        """The passages of all units."""
        flow = Flow(
            self.source,
            _role,
            self._where,
            wrapped=lambda element: not keeps_spaces(element),
            pairs=_pairs,
        )
        for unit in self._units(self.source.root):
            for holder in [unit] if self.is_first_version else list(unit.descendants("segment")):
                yield from self._unit(flow, holder)

    def _units(self, element: Element) -> Iterator[Element]:
        """The units that are to be translated, also those in groups."""
        for child in element.elements():
            if child.attributes.get("translate") == "no":
                continue
            if child.name in ("trans-unit", "unit"):
                yield child
            elif child.name in ("file", "body", "group"):
                yield from self._units(child)

    def _unit(self, flow: Flow, holder: Element) -> Iterator[InlineText]:
        original, target = holder.child("source"), holder.child("target")
        segmented = holder.child("seg-source")
        if original is None or not self._is_to_translate(holder, target):
            return
        text = segmented or original
        at = (segmented or original).end if target is None else target.start
        name = self.source.name(original)
        name = name[: -len("source")] + "target"
        if target is None:
            new = self.source.encode(f"<{name}>")
            opens: tuple[Piece, ...] = (indent_before(original), new)
            if self.is_first_version:
                states = "".join(f' {key}="{value}"' for key, value in _MADE_BY_A_MACHINE.items())
                opens = (indent_before(original), self.source.encode(f"<{name}{states}>"))
        else:
            changed = _MADE_BY_A_MACHINE if self.is_first_version else {}
            opens = (start_tag(self.source, target, changed),)
        closes = self.source.encode(f"</{name}>")
        start, end = at, at if target is None else target.end
        if not self.is_first_version:
            opens = (start_tag(self.source, holder, {"state": "translated"}), (holder.content, at), *opens)
            start = holder.start
        yield from beside(flow, text, Translation((start, end), opens, (closes,)))

    def _is_to_translate(self, holder: Element, target: Element | None) -> bool:
        if target is None or not (target.text().strip() or any(target.elements())):
            return True
        if holder.attributes.get("approved") == "yes":
            return False
        stated = target if self.is_first_version else holder
        return stated.attributes.get("state") in _TO_TRANSLATE

    def _where(self, element: Element) -> str:
        unit: Element | None = element
        while unit is not None and unit.name not in ("trans-unit", "unit"):
            unit = unit.parent
        number = unit.attributes.get("id", "") if unit is not None else ""
        return f"unit {number}, line {self.source.line(element)}"


def _role(element: Element) -> Role:
    protected = element.attributes.get("mtype") == "protected" or element.attributes.get("translate") == "no"
    if element.name == "mrk" and protected:
        return Role.KEPT
    return Role.INLINE if element.name in _INLINE else Role.STAYS


def _pairs(elements: Sequence[Element]) -> dict[Element, Element]:
    has_references = any("rid" in element.attributes for element in elements)
    opens = _OPENS | (_BY_REFERENCE if has_references else {})
    closes = {name: ("rid", *names) if has_references else names for name, names in _CLOSES.items()}
    return matched(elements, opens, closes)
