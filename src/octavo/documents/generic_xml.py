"""XML of any kind: what is text and what marks words is found out, or said by rules.

Without rules an element is inline if most elements of its name stand beside text; every other one is a
block. What states another language than the source's or translate="no" stays. Rules are TOML, lists of names
of elements::

    block = ["para", "title"]
    inline = ["emphasis"]
    kept = ["code"]                # text of the sentence that stays as it is
    skipped = ["programlisting"]   # apart from the text around it, and not translated
    only = ["para", "title"]       # nothing outside these is translated
    attributes = ["alt"]           # attributes that are translated
"""

from __future__ import annotations

import collections
import dataclasses
import re
import tomllib
from collections.abc import Sequence
from typing import Final

from octavo.documents.bilingual import keeps_spaces
from octavo.documents.document import DocumentError, DocumentOptions, Passage
from octavo.documents.flow import Flow, Role, attribute_text
from octavo.documents.inline import InlineText
from octavo.documents.languages import same_language
from octavo.documents.placed import PlacedText
from octavo.documents.xml_source import Element, Text, XmlSource, parse
from octavo.text.parts import Part

_PREFIXES = {"http://www.w3.org/XML/1998/namespace": "xml", "http://www.w3.org/2005/11/its": "its"}
_AROUND: Final = "octavo-fragment"
_DOCUMENT: Final = re.compile(r"\s*<(\?xml\s|!DOCTYPE\s)")
_PREFIX: Final = re.compile(r"(?:<|\s)([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*[\s=/>]")
_ROLES = {"block": Role.BLOCK, "inline": Role.INLINE, "kept": Role.KEPT, "skipped": Role.BREAK}


@dataclasses.dataclass(frozen=True)
class _Rules:
    roles: dict[str, Role]
    only: frozenset[str]
    attributes: frozenset[str]


@dataclasses.dataclass(frozen=True)
class XmlText:
    """XML that is a string, between ``start`` and ``end``, which are not of it."""

    placed: PlacedText
    start: str
    end: str

    @property
    def passages(self) -> Sequence[Passage]:
        """What can be translated."""
        return self.placed.passages

    def write_text(self, translations: Sequence[tuple[Part, ...] | None]) -> str:
        """The string with the translations; ``Document.write`` says what they are."""
        return self.placed.write(translations).decode().removeprefix(self.start).removesuffix(self.end)


def read(data: bytes, options: DocumentOptions) -> PlacedText:
    """The passages of an XML document."""
    return _read(parse(data, _PREFIXES), options)


def read_text(text: str, options: DocumentOptions) -> XmlText:
    """The passages of XML that is a string: a document, or a piece of one, which may be text with elements in
    it, use prefixes that it does not declare, and HTML's names of characters, such as &nbsp;."""
    start = end = ""
    if not _DOCUMENT.match(text):
        start, end = _around(text), f"</{_AROUND}>"
    data = f"{start}{text}{end}".encode(errors="replace")
    source = parse(data, _PREFIXES, named_entities=True, encoding="utf-8", unseen_columns=len(start))
    return XmlText(_read(source, options), start, end)


def _around(text: str) -> str:
    """The start tag of an element around a piece of a document: it declares all prefixes."""
    used = sorted({found[1] for found in _PREFIX.finditer(text)} - {"xml", "xmlns"})
    addresses = {prefix: address for address, prefix in _PREFIXES.items()}
    declared = (f' xmlns:{prefix}="{addresses.get(prefix, f"urn:prefix:{prefix}")}"' for prefix in used)
    return f"<{_AROUND}{''.join(declared)}>"


def _read(source: XmlSource, options: DocumentOptions) -> PlacedText:
    rules = _rules(options.xml_rules)
    ignored = frozenset(options.ignored_tags)
    roles = {**_usual_roles(source.root), **rules.roles}

    def role(element: Element) -> Role:
        stated = element.attributes.get("its:translate", element.attributes.get("translate"))
        if ignored and not ignored.isdisjoint((_local(element), source.name(element))):
            stated = "no"
        usual = roles[_local(element)]
        language = element.attributes.get("xml:lang", options.source_language)
        if stated == "no" or not same_language(language, options.source_language):
            return Role.KEPT if usual is Role.INLINE else Role.BREAK
        return usual

    def where(element: Element) -> str:
        return f"line {source.line(element)}"

    flow = Flow(source, role, where, wrapped=lambda element: not keeps_spaces(element))
    texts: list[InlineText] = []
    for element in _outermost(source.root, rules.only):
        texts += flow.passages(element) if role(element) is Role.BLOCK else flow.passage([element], element)
    for element in source.root.descendants():
        for name in rules.attributes & element.attributes.keys():
            if text := attribute_text(source, element, name, where(element)):
                texts.append(text)
    return PlacedText(source.data, sorted(texts, key=lambda text: text.span))


def _rules(text: str) -> _Rules:
    try:
        stated = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DocumentError(f"the rules for XML are not TOML: {error}") from error
    known = {*_ROLES, "only", "attributes"}
    for key, names in stated.items():
        is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if key not in known or not is_list:
            allowed = ", ".join(sorted(known))
            raise DocumentError(f"rules for XML are lists of names ({allowed}); {key} = {names!r} is none")
    roles = {name: role for key, role in _ROLES.items() for name in stated.get(key, [])}
    return _Rules(roles, frozenset(stated.get("only", [])), frozenset(stated.get("attributes", [])))


def _usual_roles(root: Element) -> dict[str, Role]:
    beside_text: collections.Counter[str] = collections.Counter()
    for element in root.descendants():
        has_text = any(isinstance(child, Text) and not child.value.isspace() for child in element.children)
        for child in element.elements():
            beside_text[_local(child)] += 1 if has_text else -1
    usual = {name: Role.INLINE if count > 0 else Role.BLOCK for name, count in beside_text.items()}
    return {**usual, _local(root): Role.BLOCK}


def _local(element: Element) -> str:
    """An element's name without its namespace."""
    return element.name.rpartition("}")[2].rpartition(":")[2]


def _outermost(root: Element, names: frozenset[str]) -> list[Element]:
    """The outermost elements of these names; without names, the root."""
    if not names:
        return [root]
    found, waiting = [], [root]
    while waiting:
        element = waiting.pop()
        if _local(element) in names:
            found.append(element)
        else:
            waiting.extend(element.elements())
    return found
