"""OpenDocument (ODT, ODP, ODS): paragraphs and headings, with notes, text boxes, headers and footers.

A tab, a line break and several spaces in a row end a passage. Comments, deleted text and fields stay, and so
does what a cell of a table computes or shows of a number. Master pages of presentations stay.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from octavo.documents.bilingual import matched
from octavo.documents.byte_edits import Edit
from octavo.documents.document import Document, DocumentError, DocumentOptions
from octavo.documents.flow import Flow, Role
from octavo.documents.inline import InlineText
from octavo.documents.languages import same_language
from octavo.documents.placed import PlacedMembers, PlacedText
from octavo.documents.xml_source import Element, XmlSource, escaped, parse
from octavo.documents.zip_source import open_zip
from octavo.text.language_tags import LanguageCode, primary_subtag

_OPEN_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns:"
PREFIXES = {
    **{
        f"{_OPEN_DOCUMENT}{name}:1.0": name
        for name in ("office", "text", "table", "drawing", "style", "presentation", "manifest")
    },
    f"{_OPEN_DOCUMENT}xsl-fo-compatible:1.0": "fo",
    f"{_OPEN_DOCUMENT}svg-compatible:1.0": "svg",
}
_BLOCKS = {"text:p", "text:h", "svg:title", "svg:desc"}
_STAYS = {"office:annotation", "text:tracked-changes", "office:scripts", "office:forms", "text:note-citation"}
_BREAKS = {"text:tab", "text:line-break"}
_BEGINS = {
    "text:bookmark-start": "text:name",
    "text:reference-mark-start": "text:name",
    "text:change-start": "text:change-id",
    "office:annotation": "office:name",
}
_ENDS = {
    "text:bookmark-end": ("text:name",),
    "text:reference-mark-end": ("text:name",),
    "text:change-end": ("text:change-id",),
    "office:annotation-end": ("office:name",),
}
_UNSEEN = re.compile(r"rsid|language|country|script|-asian|-complex|rfc-language-tag")
"""Properties of a text that are not seen in it, or not in the scripts that have words between spaces."""


def read(data: bytes, options: DocumentOptions) -> Document:
    """The passages of an OpenDocument file, packed or as one file of XML."""
    if not data.startswith((b"PK", b"\xd0\xcf")) and b"office:document" in data[:10_000]:
        source = parse(data, PREFIXES)
        return PlacedText(data, list(_Reader(source).texts()), tuple(_languages(source, options)))
    archive = open_zip(data)
    if "META-INF/manifest.xml" in archive and b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise DocumentError("the document is encrypted; remove the password in the program that made it")
    if "content.xml" not in archive:
        raise DocumentError("the archive has no content.xml; it is no OpenDocument text")
    members = {}
    is_presentation = False
    for name in ("content.xml", "styles.xml"):
        if name not in archive:
            continue
        source = archive.parse(name, PREFIXES)
        is_presentation |= any(source.root.descendants("office:presentation"))
        texts = [] if is_presentation and name == "styles.xml" else list(_Reader(source).texts())
        members[name] = PlacedText(source.data, texts, tuple(_languages(source, options)))
    return PlacedMembers(archive, members, frozenset(members))


def _languages(source: XmlSource, options: DocumentOptions) -> Iterator[Edit]:
    """The changes of what is in the source language to the target's, without a country."""
    for element in source.root.descendants("style:text-properties"):
        if not same_language(element.attributes.get("fo:language", ""), options.source_language):
            continue
        target = options.target_language
        region = LanguageCode.of(target).region.upper() or "none"
        for name, value in (("fo:language", primary_subtag(target)), ("fo:country", region)):
            if place := source.attribute(element, name):
                yield Edit(*place, (source.encode(value),))


@dataclasses.dataclass
class _Reader:
    source: XmlSource

    def __post_init__(self) -> None:
        self._looks = dict(_looks(self.source.root))
        self._paragraph = 0
        self._text_prefix = next(
            (self.source.name(found).rpartition(":")[0] for found in self.source.root.descendants("text:p")),
            "text",
        )

    def texts(self) -> Iterator[InlineText]:
        """The passages of a member."""
        flow = Flow(
            self.source,
            self._role,
            self._where,
            read=lambda text: re.sub(r"\s+", " ", text),
            markup=self._markup,
            look=self._look,
            pairs=lambda elements: matched(elements, _BEGINS, _ENDS),
        )
        return flow.blocks(self.source.root)

    def _role(self, element: Element) -> Role:
        name = element.name
        if name in _BLOCKS:
            return Role.BLOCK
        if name == "text:span":
            return Role.INLINE if self._look(element) else Role.UNSEEN
        if name in ("text:a", "text:meta"):
            return Role.INLINE
        if name in _BREAKS or (name == "text:s" and element.attributes.get("text:c", "1") != "1"):
            return Role.BREAK
        if name == "text:soft-page-break":
            return Role.UNSEEN
        if name in _STAYS or (name == "table:table-cell" and not _is_text_cell(element)):
            return Role.STAYS
        is_in_text = element.parent is not None and element.parent.name in {*_BLOCKS, "text:span", "text:a"}
        if is_in_text and not any(child.name in _BLOCKS for child in element.descendants()):
            return Role.KEPT
        return Role.PLACE

    def _look(self, element: Element) -> str:
        """How the text of a span looks: "" if like that around it."""
        if element.name != "text:span":
            return ""
        style = element.attributes.get("text:style-name", "")
        return self._looks.get(style, f"style {style}")

    def _where(self, _: Element) -> str:
        self._paragraph += 1
        return f"paragraph {self._paragraph}"

    def _markup(self, text: str) -> str:
        """Of several spaces in a row all but the first are elements; as characters they would be one."""
        spaces = f'<{self._text_prefix}:s {self._text_prefix}:c="{{}}"/>'
        return re.sub(" {2,}", lambda found: " " + spaces.format(len(found[0]) - 1), escaped(text))


def _is_text_cell(cell: Element) -> bool:
    kind = cell.attributes.get("office:value-type", "string")
    return kind == "string" and not {"table:formula", "office:string-value"} & cell.attributes.keys()


def _looks(root: Element) -> Iterator[tuple[str, str]]:
    """The styles of text of this file, by name, with what is seen of them: "" if nothing is."""
    for style in root.descendants("style:style"):
        if style.attributes.get("style:family") == "text":
            inside = (inner.attributes.items() for inner in style.descendants() if inner is not style)
            seen = [f"{key}={value}" for pairs in inside for key, value in pairs if not _UNSEEN.search(key)]
            look = [style.attributes.get("style:parent-style-name", ""), *sorted(seen)]
            yield style.attributes.get("style:name", ""), " ".join(look).strip()
