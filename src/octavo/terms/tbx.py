"""Glossaries as TBX (ISO 30042), TBX-Basic and its like, in the forms of 2008 and 2019.

An XML file cannot make the reader do more than read it: no document type is read, no entity is expanded.
"""

from __future__ import annotations

import dataclasses
from typing import Final
from xml.parsers import expat

from octavo.errors import InputError
from octavo.terms.entry import Entry
from octavo.text.language_tags import primary_subtag

_CONCEPTS: Final = frozenset({"termEntry", "conceptEntry"})
_LANGUAGES: Final = frozenset({"langSet", "langSec"})
_TERMS: Final = frozenset({"tig", "ntig", "termSec"})
_UNWANTED: Final = ("deprecated", "superseded")
"""Parts of the administrative status of terms that are not to be used."""


@dataclasses.dataclass(slots=True)
class _Concept:
    line: int
    terms: dict[str, list[str]]  # by language


def read_tbx(data: bytes, name: str, source: str, target: str) -> list[Entry]:
    """The terms of each concept in two languages; "" for both where the file has no others.

    Deprecated and superseded terms are left out, and concepts without a term on both sides.
    """
    reader = _Reader(name)
    reader.read(data)
    languages = list(dict.fromkeys(code for concept in reader.concepts for code in concept.terms))
    if not reader.concepts:
        raise InputError(f"{name}: has no concept with terms; is it a TBX file?")
    if not source or not target:
        if len(languages) != 2:
            raise InputError(
                f"{name}: has terms in {', '.join(languages)}; say which language is the source's and which "
                "the target's"
            )
        source = source or next(code for code in languages if code != target)
        target = target or next(code for code in languages if code != source)
    for code in (source, target):
        if code not in languages:
            raise InputError(f"{name}: has no terms in {code!r}, only in {', '.join(languages)}")
    return [
        Entry(term, tuple(dict.fromkeys(concept.terms[target])), place=f"{name}: line {concept.line}")
        for concept in reader.concepts
        if concept.terms.get(target)
        for term in concept.terms.get(source, ())
    ]


class _Reader:
    """Collects concepts while expat reads."""

    def __init__(self, name: str) -> None:
        self.concepts: list[_Concept] = []
        self._name = name
        self._language = ""
        self._term: str | None = None
        self._unwanted = False
        self._path: list[str] = []
        self._text: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append
        self._parser.StartDoctypeDeclHandler = self._document_type
        self._parser.EntityDeclHandler = self._entity
        self._parser.SkippedEntityHandler = self._entity

    def read(self, data: bytes) -> None:
        """Raises InputError for what is no XML, and for XML that declares anything."""
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            raise InputError(
                f"{self._name}: line {error.lineno}: not valid XML: {expat.ErrorString(error.code)}"
            ) from error

    def _refuse(self, what: str) -> None:
        raise InputError(f"{self._name}: line {self._parser.CurrentLineNumber}: {what}")

    def _document_type(self, _root: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        if has_subset:
            self._refuse("declares its own document type, which is not read; delete the part in brackets")

    def _entity(self, entity: str, *_declared: object) -> None:
        self._refuse(f"uses or declares the entity {entity!r}, which is not read; write its text instead")

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        local = tag.rpartition(":")[2]
        self._path.append(local)
        if len(self._path) > 64:
            self._refuse("is nested more than 64 deep; TBX is not")
        if local in _CONCEPTS:
            self.concepts.append(_Concept(self._parser.CurrentLineNumber, {}))
        elif local in _LANGUAGES:
            code = attributes.get("xml:lang") or attributes.get("lang") or ""
            self._language = primary_subtag(code)
        elif local in _TERMS:
            self._term, self._unwanted = None, False
        if local == "term" or "Status" in f"{local} {attributes.get('type', '')}":
            self._text.clear()
            self._path[-1] = local if local == "term" else "status"

    def _end(self, _tag: str) -> None:
        local = self._path.pop()
        if local == "term":
            self._term = " ".join("".join(self._text).split())
        elif local == "status":
            self._unwanted |= "".join(self._text).strip().startswith(_UNWANTED)
        elif local in _TERMS and self._term and not self._unwanted and self.concepts:
            self.concepts[-1].terms.setdefault(self._language, []).append(self._term)
