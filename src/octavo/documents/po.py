"""PO files of GNU gettext, and their templates: what has no translation yet is a passage, its msgid the text.

A fuzzy entry counts as not translated, since its msgstr is that of another msgid; once it is translated it is
fuzzy no more. All other entries stay. Of a message with a plural, the form for one comes from msgid and all
others from msgid_plural. With a translation, a header gets its language and plural forms if it has none.
"""

from __future__ import annotations

import dataclasses
import gettext
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from octavo.documents.document import DocumentOptions
from octavo.documents.encoded import Encoding, decode
from octavo.documents.languages import check_languages, same_language
from octavo.documents.po_entries import Entry, entries_of
from octavo.documents.po_plurals import plural_forms_of
from octavo.documents.spliced_text import Cut, Place, SplicedDocument, line_break
from octavo.text.parts import Part, plain

_CHARSET: Final = re.compile(rb"charset=([\w.:-]+)")
_PLURAL_FORMS: Final = re.compile(r"nplurals\s*=\s*([0-9]{1,2})\s*;\s*plural\s*=\s*([^;]*)")
_LANGUAGE: Final = re.compile(r"(?m)^Language:[ \t]*([a-z]{2,3}(?:[_-][A-Za-z]+)*)[ \t]*(?:@.*)?$")
_FUZZY: Final = re.compile(r",[ \t]*fuzzy\b")
_FUZZY_ALONE: Final = re.compile(r"\A#,[ \t]*fuzzy[ \t]*\r?\n")
_ESCAPES: Final = str.maketrans(
    {
        "\\": "\\\\",
        '"': '\\"',
        "\n": "\\n",
        "\t": "\\t",
        "\r": "\\r",
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\v": "\\v",
    }
)
_MOST_COLUMNS: Final = 79


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:
    """The passages of a file. Raises DocumentError, with line and column where its form is wrong."""
    declared = _CHARSET.search(data)
    name = declared[1].decode("ascii", "replace") if declared else None
    text, encoding = decode(data, None if name == "CHARSET" else name)
    document = _PoDocument(text, encoding, entries_of(text), options.target_language)
    if document.passages and not same_language(document.language, options.source_language):
        check_languages("", document.language, options)
    return document


class _PoDocument(SplicedDocument):
    """A PO file; its header is changed with its first translation."""

    def __init__(self, text: str, encoding: Encoding, entries: Sequence[Entry], language: str) -> None:
        self._header = next((entry for entry in entries if entry.values["msgid"].source == ""), None)
        self._language = language.replace("-", "_")
        self._source = text
        forms = _PLURAL_FORMS.search(self._header.values["msgstr"].text) if self._header else None
        stated = f"nplurals={forms[1]}; plural={forms[2]};" if forms else plural_forms_of(language)
        places = _Places(text, _PluralForms.of(stated))
        super().__init__(text, encoding, places.of_entries(entries))

    @property
    def language(self) -> str:
        """The code that the header states; empty where it states none."""
        stated = _LANGUAGE.search(self._header.values["msgstr"].text) if self._header else None
        return stated[1].replace("_", "-") if stated else ""

    def write_text(self, translations: Sequence[tuple[Part, ...] | None]) -> str:
        """The text with the translations, and with a header that says what they are."""
        written = super().write_text(translations)
        if written == self._source or self._header is None or not self._header_is_first():
            return written
        header = self._header.values["msgstr"]
        start = self._header.flags[0] if self._header.flags else header.start
        source = self._source[start : header.end]
        changed = re.sub(r'(?m)^("Language:)[ \t]*(\\n")', rf"\1 {self._language}\2", source, count=1)
        forms = plural_forms_of(self._language)
        stated = self._header.values["msgstr"].text
        fields = {"Language": self._language}
        if "\nmsgid_plural" in self._source:
            fields["Plural-Forms"] = forms
        for name, value in fields.items():
            if stated.endswith("\n") and not re.search(rf"(?m)^{name}:", stated):
                changed += f'{line_break(self._source)}"{name}: {value}\\n"'
        changed = changed.replace("nplurals=INTEGER; plural=EXPRESSION;", forms)
        changed = changed.replace("charset=CHARSET", "charset=UTF-8")
        changed = _FUZZY_ALONE.sub("", changed)
        return written[:start] + changed + written[header.end :]

    def _header_is_first(self) -> bool:
        return self._header is not None and not self._source[: self._header.values["msgstr"].start].count(
            "msgstr"
        )


@dataclasses.dataclass(frozen=True)
class _PluralForms:
    """How many forms of a message a language has, and which of them stands for one thing."""

    number: int
    of_one: int

    @classmethod
    def of(cls, stated: str) -> _PluralForms:
        """As a header states it; a formula that cannot be read is that of two forms."""
        found = _PLURAL_FORMS.search(stated)
        number, formula = (int(found[1]), found[2]) if found else (2, "n != 1")
        try:
            return cls(number, int(gettext.c2py(formula)(1)))
        except (ValueError, ZeroDivisionError):
            return cls(number, 0)


class _Places:
    """The places of the passages of a file."""

    def __init__(self, text: str, forms: _PluralForms) -> None:
        self._text = text
        self._forms = forms
        self._line_break = line_break(text)

    def of_entries(self, entries: Sequence[Entry]) -> Iterator[Place]:
        """Those of all entries that are to be translated."""
        for entry in entries:
            fuzzy = bool(entry.flags and _FUZZY.search(self._text[slice(*entry.flags)]))
            done = all(value.source for value in entry.translations().values())
            if entry.values["msgid"].source and (fuzzy or not done):
                yield from self._of_entry(entry, fuzzy)

    def _of_entry(self, entry: Entry, fuzzy: bool) -> Iterator[Place]:
        """A passage for every msgstr. The first takes the flag away, the last adds what forms are missing."""
        translations = entry.translations()
        first, last = next(iter(translations)), next(reversed(translations))
        missing = range(len(translations), self._forms.number) if last != "msgstr" else range(0)
        for keyword, value in translations.items():
            if value.source and not fuzzy:
                continue
            source = entry.values["msgid"]
            if "msgid_plural" in entry.values and keyword != f"msgstr[{self._forms.of_one}]":
                source = entry.values["msgid_plural"]
            text = source.text.strip()
            if not text or source.has_byte_escapes:
                continue
            front, _, back = source.text.partition(text)
            flags = entry.flags if fuzzy and keyword == first else None
            keywords = [keyword, *(f"msgstr[{index}]" for index in missing if keyword == last)]
            writer = _Writer(keywords, front, back, self._line_break, flags, value.start)
            start = flags[0] if flags else value.start
            yield Place(start, value.end, (text,), writer.render, where=f"line {entry.line}")


@dataclasses.dataclass(frozen=True, slots=True)
class _Writer:
    """Writes a translation as the values of ``keywords``, with the white space of its source around it."""

    keywords: Sequence[str]
    front: str
    back: str
    line_break: str
    flags: tuple[int, int] | None
    start: int

    def render(self, parts: tuple[Part, ...], cut: Cut) -> str:
        text = self.front + plain(parts) + self.back
        values = self.line_break.join(_value(keyword, text, self.line_break) for keyword in self.keywords)
        if self.flags is None:
            return values
        flags, rest = cut(*self.flags), cut(self.flags[1], self.start)
        flags = _FUZZY.sub("", flags)
        return (flags + rest if "," in flags else rest.removeprefix("\r").removeprefix("\n")) + values


def _value(keyword: str, text: str, line_break: str) -> str:
    """A keyword and its text: on one line if it fits and has one, else broken as gettext breaks it."""
    single = f'{keyword} "{text.translate(_ESCAPES)}"'
    if "\n" not in text[:-1] and _columns(single) <= _MOST_COLUMNS:
        return single
    lines = [piece.translate(_ESCAPES) for line in text.splitlines(keepends=True) for piece in _broken(line)]
    return line_break.join([f'{keyword} ""', *(f'"{line}"' for line in lines)])


def _broken(line: str) -> Iterator[str]:
    """The line in pieces that fit between two quotes, broken after spaces where there are some."""
    piece, columns = "", 0
    for word in re.findall(r"\S*\s*", line):
        width = _columns(word.translate(_ESCAPES))
        if piece and columns + width > _MOST_COLUMNS - 2:
            yield piece
            piece, columns = "", 0
        piece += word
        columns += width
    if piece:
        yield piece


def _columns(text: str) -> int:
    """How wide a terminal shows the text."""
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)
