"""XML as a tree that knows the bytes of everything in it, so that a part of them can be replaced.

Expat reads and checks; it tells the byte at which every tag, text and comment begins. Nothing is fetched and
nothing is declared: a document type may be named, but one that declares anything is refused.
"""

from __future__ import annotations

import bisect
import dataclasses
import re
from collections.abc import Iterator, Mapping
from html import unescape
from html.entities import html5
from typing import NoReturn
from xml.parsers import expat

from octavo.documents.document import DocumentError

MOST_DEPTH = 256
"""Elements inside each other. No document comes near it, and what walks a tree may call itself."""
MOST_NODES = 5_000_000
"""Elements and texts of a document, which take up to 400 bytes of memory each."""
_OUTSIDE_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


class Element:
    """An element: ``start`` to ``content`` is its start tag, ``content_end`` to ``end`` its end tag.

    An element without content has its only tag in front of ``content``. Names are "prefix:name" with the
    prefix that the reader of the format chose for their namespace, or "{namespace}name".
    """

    __slots__ = ("attributes", "children", "content", "content_end", "end", "name", "parent", "start")

    def __init__(self, name: str, attributes: dict[str, str], parent: Element | None, start: int) -> None:
        self.name = name
        self.attributes = attributes
        self.parent = parent
        self.children: list[Node] = []
        self.start = self.content = self.content_end = self.end = start

    def elements(self) -> Iterator[Element]:
        """The elements directly inside this one."""
        return (child for child in self.children if isinstance(child, Element))

    def child(self, name: str) -> Element | None:
        """The first element of this name directly inside this one."""
        return next((child for child in self.elements() if child.name == name), None)

    def descendants(self, name: str | None = None) -> Iterator[Element]:
        """This element and those inside it, in the order of the document, of this name where one is given."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            if name is None or element.name == name:
                yield element
            waiting.extend(child for child in reversed(element.children) if isinstance(child, Element))

    def text(self) -> str:
        """All text inside this element."""
        return "".join(_texts(self))


class Text:
    """Text as it reads, without escapes. A CDATA section is a text of its own."""

    __slots__ = ("end", "start", "value")

    def __init__(self, value: str, start: int) -> None:
        self.value = value
        self.start = self.end = start


class Remark:
    """A comment or a processing instruction."""

    __slots__ = ("end", "start")

    def __init__(self, start: int) -> None:
        self.start = self.end = start


Node = Element | Text | Remark


def _texts(element: Element) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, Text):
            yield child.value
        elif isinstance(child, Element):
            yield from _texts(child)


@dataclasses.dataclass(frozen=True)
class XmlSource:
    """The bytes of a document, its root, the codec of its text, and the places of its line feeds."""

    data: bytes
    root: Element
    codec: str
    line_ends: list[int]

    def encode(self, markup: str) -> bytes:
        """Markup in the document's encoding; characters that it lacks become references."""
        return markup.encode(self.codec, "xmlcharrefreplace")

    def tag(self, element: Element) -> str:
        """The start tag as it is written."""
        return self.data[element.start : element.content].decode(self.codec)

    def name(self, element: Element) -> str:
        """The name as it is written, with its prefix."""
        return re.split(r"[\s/>]", self.tag(element)[1:], maxsplit=1)[0]

    def line(self, element: Element) -> int:
        """The line, from 1, in which the element begins."""
        return bisect.bisect_left(self.line_ends, element.start) + 1

    def value(self, place: tuple[int, int]) -> str:
        """What the bytes between the quotes of an attribute read as: a line break in them is a space."""
        return unescape(re.sub(r"[\t\r\n]", " ", self.data[slice(*place)].decode(self.codec)))

    def attribute(self, element: Element, name: str) -> tuple[int, int] | None:
        """The bytes between the quotes of an attribute, by its name as it is written."""
        tag = self.tag(element)
        for found in re.finditer(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag):
            if found[1] == name:
                group = 2 if found[2] is not None else 3
                start = element.start + len(self.encode(tag[: found.start(group)]))
                return start, start + len(self.encode(found[group]))
        return None


def escaped(text: str) -> str:
    """Text as XML writes it between tags, without the characters that XML cannot hold."""
    return re.sub("[&<>\r]", lambda found: _REPLACED[found[0]], _OUTSIDE_XML.sub("", text))


def escaped_attribute(text: str) -> str:
    """Text as XML writes it between quotes of either kind."""
    quoted = escaped(text).replace('"', "&quot;").replace("'", "&#39;")
    return quoted.replace("\n", "&#10;").replace("\t", "&#9;")


def parse(
    data: bytes,
    prefixes: Mapping[str, str],
    *,
    named_entities: bool = False,
    encoding: str | None = None,
    unseen_columns: int = 0,
) -> XmlSource:
    """Read XML in any encoding that expat knows or that Python has with a byte a character.

    ``prefixes`` are the names of namespaces, by their addresses, in the names of elements and attributes.
    With ``named_entities`` those of HTML, such as &nbsp;, are known. ``encoding`` is that of ``data``,
    whatever the document declares. Raises DocumentError with line and column; the first line has
    ``unseen_columns`` at its start that its author has not written.
    """
    tree = _Tree(prefixes, encoding, unseen_columns, named_entities=named_entities)
    try:
        tree.parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise DocumentError(
            f"{tree.place(error.lineno, error.offset)}: this is not well-formed XML ({reason}); "
            "mend it there, or save the document again with the program that made it"
        ) from error
    except (LookupError, ValueError) as error:
        raise DocumentError(f"the encoding of this XML cannot be read ({error}); save it as UTF-8") from error
    tree.settle(len(data))
    codec = encoding or _codec(data, tree.declared)
    feed = "\n".encode(codec)
    return XmlSource(data, tree.roots[0], codec, [found.start() for found in re.finditer(feed, data)])


def _codec(data: bytes, declared: str | None) -> str:
    if data[:2] in (b"\xff\xfe", b"<\0"):
        return "utf-16-le"
    if data[:2] in (b"\xfe\xff", b"\0<"):
        return "utf-16-be"
    return declared or "utf-8"


class _Tree:
    """The tree that grows while expat reads."""

    def __init__(
        self,
        prefixes: Mapping[str, str],
        encoding: str | None,
        unseen_columns: int,
        *,
        named_entities: bool,
    ) -> None:
        self.prefixes = prefixes
        self._unseen_columns = unseen_columns
        self.roots: list[Element] = []  # one, once the document has been read
        self.declared: str | None = None
        self._open: list[Element] = []
        self._unsettled: Node | None = None  # whose last byte is known when the next thing begins
        self._tag_is_unsettled = False
        self._pieces: list[str] = []  # of a text that is unsettled
        self._after_cdata = False
        self._nodes = 0
        self._names: dict[str, str] = {}
        self.parser = parser = expat.ParserCreate(encoding, " ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = lambda _: self._remark()
        parser.ProcessingInstructionHandler = lambda _target, _data: self._remark()
        parser.StartCdataSectionHandler = self._start_cdata
        parser.EndCdataSectionHandler = self._end_cdata
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.SkippedEntityHandler = self._entity
        parser.DefaultHandlerExpand = lambda _: self.settle(parser.CurrentByteIndex)
        if named_entities:  # what no declaration is at hand for is then skipped, not an error
            parser.UseForeignDTD(True)
            parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
            parser.ExternalEntityRefHandler = self._nothing_outside

    def settle(self, at: int) -> None:
        """What was read last ends at this byte."""
        node = self._unsettled
        if node is None:
            return
        if self._tag_is_unsettled and isinstance(node, Element):
            node.content = at
        else:
            node.end = at
        if isinstance(node, Text):
            node.value = "".join(self._pieces)
            self._pieces.clear()
        self._unsettled, self._after_cdata = None, False

    def place(self, line: int, offset: int) -> str:
        """A place that expat states, as its author counts."""
        before = self._unseen_columns if line == 1 else 0
        return f"line {line}, column {max(0, offset - before) + 1}"

    def _refuse(self, reason: str) -> NoReturn:
        place = self.place(self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber)
        raise DocumentError(f"{place}: {reason}")

    def _canonical(self, name: str) -> str:
        known = self._names.get(name)
        if known is None:
            space, _, local = name.rpartition(" ")
            prefix = self.prefixes.get(space, f"{{{space}}}")
            known = local if not space else f"{prefix}{local}" if prefix[:1] == "{" else f"{prefix}:{local}"
            self._names[name] = known = known.removeprefix(":")
        return known

    def _add(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._refuse(f"there are more than {MOST_NODES:,} elements and texts; split the document")
        if self._open:
            self._open[-1].children.append(node)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        at = self.parser.CurrentByteIndex
        self.settle(at)
        if len(self._open) == MOST_DEPTH:
            self._refuse(f"more than {MOST_DEPTH} elements are inside each other")
        named = {self._canonical(key): value for key, value in attributes.items()} if attributes else {}
        element = Element(self._canonical(name), named, self._open[-1] if self._open else None, at)
        self._add(element)
        if not self._open:
            self.roots.append(element)
        self._open.append(element)
        self._unsettled, self._tag_is_unsettled = element, True

    def _end(self, _: str) -> None:
        at = self.parser.CurrentByteIndex
        self.settle(at)
        element = self._open.pop()
        element.content_end = at
        self._unsettled, self._tag_is_unsettled = element, False

    def _text(self, value: str) -> None:
        if not isinstance(self._unsettled, Text) or self._after_cdata:
            self._begin_text()
        self._pieces.append(value)

    def _begin_text(self) -> None:
        at = self.parser.CurrentByteIndex
        self.settle(at)
        text = Text("", at)
        self._add(text)
        self._unsettled = text

    def _start_cdata(self) -> None:
        self._begin_text()

    def _end_cdata(self) -> None:
        self._after_cdata = True

    def _remark(self) -> None:
        at = self.parser.CurrentByteIndex
        self.settle(at)
        remark = Remark(at)
        if self._open:
            self._add(remark)
        self._unsettled, self._tag_is_unsettled = remark, False

    def _entity(self, name: str, is_parameter: bool) -> None:
        value = html5.get(name + ";")
        if is_parameter:
            return
        if value is None:
            self._refuse(f"the entity &{name}; is not known; write the character itself")
        self._text(value)

    def _nothing_outside(self, context: str | None, *_: str | None) -> int:
        """What stands outside the document is read as if it were empty."""
        self.parser.ExternalEntityParserCreate(context).Parse(b"", True)
        return 1

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.declared = encoding

    def _doctype(self, _name: str, _system: str | None, _public: str | None, declares: int) -> None:
        if declares:
            self._refuse("declarations in the document type are not read; remove what is between [ and ]")
