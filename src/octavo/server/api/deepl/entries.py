"""Entries of a glossary as text: TSV and CSV, as DeepL's clients send and read them."""

from __future__ import annotations

import csv
import io

from octavo.errors import counted
from octavo.server.api.deepl.options import check_value
from octavo.server.errors import RequestError
from octavo.server.glossary_store import Dictionary
from octavo.text.language_tags import primary_subtag


def dictionary_of(source: str, target: str, entries: str, entries_format: str) -> Dictionary:
    """A dictionary of ``entries``: a term and its translation in each line; blank lines do not count.

    Lines of CSV may have two more columns, the languages; where they name others than ``source`` and
    ``target`` the entry is refused. Raises RequestError.
    """
    check_value("entries_format", entries_format, ("tsv", "csv"))
    pair = primary_subtag(source), primary_subtag(target)
    if not all(pair) or pair[0] == pair[1]:
        raise RequestError("'source_lang' and 'target_lang' must be two languages")
    rows = _tsv(entries) if entries_format == "tsv" else _csv(entries)
    found = []
    for number, row in enumerate(rows, start=1):
        if entries_format == "csv" and len(row) == 4:
            if (primary_subtag(row[2]), primary_subtag(row[3])) != pair:
                raise RequestError(f"entry {number} is of other languages than the dictionary")
            row = row[:2]
        if len(row) != 2:
            raise RequestError(
                f"entry {number} has {counted(len(row), 'column')}, not a term and a translation"
            )
        found.append((row[0].strip(), row[1].strip()))
    return Dictionary(*pair, tuple(found))


def tsv_of(dictionary: Dictionary) -> str:
    """The entries, a line each, with a tab between term and translation."""
    return "\n".join("\t".join(entry) for entry in dictionary.entries)


def _tsv(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if line.strip()]


def _csv(text: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if any(row)]
    except csv.Error as error:
        raise RequestError(f"'entries' is no valid CSV: {error}") from error
