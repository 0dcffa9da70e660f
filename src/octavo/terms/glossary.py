"""Glossaries."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from octavo.errors import InputError, printable
from octavo.regular_file import read_regular
from octavo.terms.delimited import read_csv, read_tsv
from octavo.terms.entry import Entry, without_doubles
from octavo.terms.matching import Matcher, TermMatch
from octavo.terms.tbx import read_tbx
from octavo.text.language_tags import primary_subtag

MAX_FILE_BYTES: Final = 64 * 1024 * 1024


class Glossary:
    """Terms and their translations. ``language``, such as "en" or "de-AT", is that of the texts, for
    inflection; "" has none.

    Raises InputError where two entries give one term different translations.
    """

    def __init__(self, entries: Iterable[Entry], language: str = "") -> None:
        self.entries = tuple(without_doubles(list(entries)))
        self.language = primary_subtag(language)
        self._matcher = Matcher(self.entries, self.language)

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, source: str = "", target: str = "") -> Self:
        """Read a file, of TSV, CSV or TBX by its ending; docs/guide/terms.md describes them.

        ``source`` and ``target`` are languages: of the inflection, and the two of a TBX file, which may have
        more. Raises InputError, naming the file and the line, for a file that is missing, too large, no UTF-8
        or wrong, and where two entries contradict each other.
        """
        file = Path(path)
        name = printable(str(file))
        kind = file.suffix.lower()
        if kind not in (".tsv", ".csv", ".tbx"):
            raise InputError(f"{name}: a glossary's name ends in .tsv, .csv or .tbx; rename the file")
        try:
            data = read_regular(file, MAX_FILE_BYTES)
        except OSError as error:
            raise InputError(f"{name}: {error.strerror or error}") from error
        if len(data) > MAX_FILE_BYTES:
            raise InputError(
                f"{name}: is larger than {MAX_FILE_BYTES >> 20} MiB; split it, or check that it is a glossary"
            )
        if kind == ".tbx":
            return cls(read_tbx(data, name, primary_subtag(source), primary_subtag(target)), source)
        return cls(read_csv(data, name) if kind == ".csv" else read_tsv(data, name), source)

    def matches(self, text: str) -> tuple[TermMatch, ...]:
        """The terms of a text, from the left; the longest at each place, and none overlaps another."""
        return tuple(self._matcher.matches(text))

    @functools.cached_property
    def fingerprint(self) -> str:
        """A digest of the entries and the language: what changes a translation changes it."""
        entries = [(entry.source, entry.targets, entry.exact_case) for entry in self.entries]
        return hashlib.sha256(repr((self.language, entries)).encode(errors="replace")).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.entries)
