"""EPUB: the chapters in their order, the table of contents and the book's title.

The book states the target's language once something of it is translated.
"""

from __future__ import annotations

import dataclasses
import posixpath
import urllib.parse
from collections.abc import Iterator

from octavo.documents.byte_edits import Edit
from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.flow import Flow, Role
from octavo.documents.inline import InlineText
from octavo.documents.languages import same_language
from octavo.documents.placed import PlacedMembers, PlacedText
from octavo.documents.xhtml import PREFIXES as XHTML_PREFIXES
from octavo.documents.xhtml import xhtml_texts
from octavo.documents.xml_source import Element, XmlSource
from octavo.documents.zip_source import ZipSource, open_zip

_PREFIXES = {
    "urn:oasis:names:tc:opendocument:xmlns:container": "container",
    "http://www.idpf.org/2007/opf": "opf",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://www.daisy.org/z3986/2005/ncx/": "ncx",
    "http://www.w3.org/2001/04/xmlenc#": "enc",
}
_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_PAGES, _CONTENTS = "application/xhtml+xml", "application/x-dtbncx+xml"


@dataclasses.dataclass(frozen=True, slots=True)
class _Item:
    """A file of the book, by its name in the archive."""

    name: str
    media_type: str


def read(data: bytes, options: DocumentOptions) -> PlacedMembers:
    """The passages of an EPUB book."""
    archive = open_zip(data)
    if _CONTAINER not in archive:
        raise DocumentError(f"the archive has no {_CONTAINER}; it is not an EPUB book")
    package = _package_name(archive)
    book = archive.parse(package, _PREFIXES)
    items = list(_items(book.root, posixpath.dirname(package)))
    _refuse_locked(archive, {item.name for item in items})
    members = {package: _about_book(book, package, options)}
    for item in items:
        if item.media_type == _PAGES:
            page = archive.parse(item.name, XHTML_PREFIXES, named_entities=True)
            members[item.name] = xhtml_texts(page, posixpath.basename(item.name), options)
        elif item.media_type == _CONTENTS:
            contents = archive.parse(item.name, _PREFIXES, named_entities=True)
            members[item.name] = PlacedText(contents.data, list(_texts(contents, "ncx:text", item.name)))
    return PlacedMembers(archive, members, frozenset({package}))


def _package_name(archive: ZipSource) -> str:
    for element in archive.parse(_CONTAINER, _PREFIXES).root.descendants("container:rootfile"):
        return element.attributes.get("full-path", "")
    raise DocumentError(f"{_CONTAINER} names no book; the file is damaged")


def _items(package: Element, folder: str) -> Iterator[_Item]:
    """The files of a book that hold text: the chapters in their order, then what else is there to read."""
    items = {}
    for element in package.descendants("opf:item"):
        path = urllib.parse.unquote(element.attributes.get("href", ""))
        name = posixpath.normpath(posixpath.join(folder, path))
        items[element.attributes.get("id", "")] = _Item(name, element.attributes.get("media-type", ""))
    spine = [element.attributes.get("idref", "") for element in package.descendants("opf:itemref")]
    contents = [
        element.attributes.get("id", "")
        for element in package.descendants("opf:item")
        if "nav" in element.attributes.get("properties", "").split()
        or element.attributes.get("media-type") == _CONTENTS
    ]
    return iter(dict.fromkeys(items[name] for name in [*spine, *contents] if name in items))


def _refuse_locked(archive: ZipSource, names: set[str]) -> None:
    """Fonts may be scrambled, which changes nothing here; text must not be."""
    if _ENCRYPTION not in archive:
        return
    for element in archive.parse(_ENCRYPTION, _PREFIXES).root.descendants("enc:CipherReference"):
        if urllib.parse.unquote(element.attributes.get("URI", "")) in names:
            raise DocumentError("the book is encrypted (it has copy protection); get it without")


def _about_book(book: XmlSource, name: str, options: DocumentOptions) -> PlacedText:
    """The title, and the language, which follows that of the text."""
    edits = [
        Edit(element.content, element.content_end, (book.encode(options.target_language),))
        for element in book.root.descendants("dc:language")
        if same_language(element.text(), options.source_language)
    ]
    return PlacedText(book.data, list(_texts(book, "dc:title", name)), tuple(edits))


def _texts(source: XmlSource, name: str, file: str) -> Iterator[InlineText]:
    """The text of each element of a name."""
    flow = Flow(
        source,
        lambda element: Role.BLOCK if element.name == name else Role.PLACE,
        lambda element: f"{posixpath.basename(file)}, line {source.line(element)}",
    )
    return flow.blocks(source.root)
