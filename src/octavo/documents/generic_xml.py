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
import tomllib

from octavo.documents.bilingual import keeps_spaces
from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.flow import Flow, Role, attribute_text
from octavo.documents.inline import InlineText
from octavo.documents.languages import same_language
from octavo.documents.placed import PlacedText
from octavo.documents.xml_source import Element, Text, parse

_PREFIXES = {"http://www.w3.org/XML/1998/namespace": "xml", "http://www.w3.org/2005/11/its": "its"}
_ROLES = {"block": Role.BLOCK, "inline": Role.INLINE, "kept": Role.KEPT, "skipped": Role.BREAK}


@dataclasses.dataclass(frozen=True)
class _Rules:
    roles: dict[str, Role]
    only: frozenset[str]
    attributes: frozenset[str]


def read(data: bytes, options: DocumentOptions) -> PlacedText:
    """The passages of an XML document."""
    source = parse(data, _PREFIXES)
    rules = _rules(options.xml_rules)
    roles = {**_usual_roles(source.root), **rules.roles}

    def role(element: Element) -> Role:
        stated = element.attributes.get("its:translate", element.attributes.get("translate"))
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
    return PlacedText(data, sorted(texts, key=lambda text: text.span))


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
