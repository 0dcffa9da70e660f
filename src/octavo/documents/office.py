"""Office Open XML: the parts of DOCX, PPTX and XLSX packages, and what the three share."""

from __future__ import annotations

import dataclasses
import posixpath
import re
import urllib.parse
from collections.abc import Iterator

from octavo.documents.document import DocumentError
from octavo.documents.xml_source import Element, XmlSource
from octavo.documents.zip_source import ZipSource, open_zip

PREFIXES = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
    "http://purl.oclc.org/ooxml/wordprocessingml/main": "w",
    "http://schemas.microsoft.com/office/word/2010/wordml": "w14",
    "http://schemas.openxmlformats.org/drawingml/2006/main": "a",
    "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing": "wp",
    "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing": "wp",
    "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing": "xdr",
    "http://purl.oclc.org/ooxml/drawingml/spreadsheetDrawing": "xdr",
    "http://purl.oclc.org/ooxml/drawingml/main": "a",
    "http://schemas.openxmlformats.org/presentationml/2006/main": "p",
    "http://purl.oclc.org/ooxml/presentationml/main": "p",
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main": "x",
    "http://purl.oclc.org/ooxml/spreadsheetml/main": "x",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "r",
    "http://purl.oclc.org/ooxml/officeDocument/relationships": "r",
    "http://schemas.openxmlformats.org/package/2006/content-types": "types",
    "http://schemas.openxmlformats.org/package/2006/relationships": "rel",
    "http://www.w3.org/XML/1998/namespace": "xml",
}


@dataclasses.dataclass(frozen=True)
class Package:
    """A package and the kind of each part: the last words of its content type, say "document.main"."""

    archive: ZipSource
    kinds: dict[str, str]

    def parse(self, name: str) -> XmlSource:
        """A part as XML."""
        return self.archive.parse(name, PREFIXES)

    def of_kind(self, *kinds: str) -> list[str]:
        """The names of the parts of these kinds, kind by kind, in the order of their numbers."""
        return [
            name for kind in kinds for name in sorted(self.kinds, key=_numbers) if self.kinds[name] == kind
        ]

    def related(self, name: str) -> dict[str, str]:
        """The parts that a part refers to, by the id of the relationship."""
        folder, file = posixpath.split(name)
        relationships = f"{folder}/_rels/{file}.rels".removeprefix("/")
        if relationships not in self.archive:
            return {}
        found = self.parse(relationships).root.descendants("rel:Relationship")
        return {
            element.attributes.get("Id", ""): _target(folder, element.attributes.get("Target", ""))
            for element in found
            if element.attributes.get("TargetMode") != "External"
        }


def _target(folder: str, target: str) -> str:
    return posixpath.normpath(posixpath.join("/", folder, urllib.parse.unquote(target)))[1:]


def _numbers(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def open_package(data: bytes, main_kinds: tuple[str, ...], what: str) -> Package:
    """Read a package. Raises DocumentError if it has no main part of one of these kinds."""
    archive = open_zip(data)
    if "[Content_Types].xml" not in archive:
        raise DocumentError(f"the archive has no [Content_Types].xml; it is not {what}")
    root = archive.parse("[Content_Types].xml", PREFIXES).root
    endings = {
        element.attributes.get("Extension", "").lower(): element.attributes.get("ContentType", "")
        for element in root.descendants("types:Default")
    }
    types = {name: endings.get(name.rpartition(".")[2].lower(), "") for name in archive.members}
    for element in root.descendants("types:Override"):
        name = element.attributes.get("PartName", "").removeprefix("/")
        if name in types:
            types[name] = element.attributes.get("ContentType", "")
    kinds = {name: _kind(content_type) for name, content_type in types.items()}
    package = Package(archive, kinds)
    if not package.of_kind(*main_kinds):
        raise DocumentError(f"the archive has no main part of {what}; it is of another format, or damaged")
    return package


def _kind(content_type: str) -> str:
    """ "header" of "application/vnd.openxmlformats-officedocument.wordprocessingml.header+xml"."""
    found = re.fullmatch(r"application/vnd\.(?:openxmlformats-officedocument\.|ms-)(.+?)\+xml", content_type)
    return (
        re.sub(r"^(?:wordprocessingml|presentationml|spreadsheetml|drawingml)\.", "", found[1])
        if found
        else ""
    )


def open_elements(root: Element, name: str, closed: frozenset[str] = frozenset()) -> Iterator[Element]:
    """Every element of a name, those inside others too, but none inside a ``closed`` element."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.name in closed:
            continue
        if element.name == name:
            yield element
        waiting.extend(child for child in reversed(element.children) if isinstance(child, Element))
