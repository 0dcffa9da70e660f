"""The formats of a corpus, by name and by the endings of files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from octavo.corpus.json_lines import JsonLines
from octavo.corpus.parquet import ParquetFormat
from octavo.corpus.records import RecordFormat
from octavo.corpus.rows import Format
from octavo.corpus.streams import base_suffix
from octavo.corpus.tables import Csv, Tsv
from octavo.corpus.text_lines import TextLines
from octavo.errors import InputError, printable

TEXT: Final = "text"

FORMATS: Final[dict[str, Format]] = {
    TEXT: RecordFormat(TEXT, TextLines, ".txt"),
    "jsonl": RecordFormat("jsonl", JsonLines, ".jsonl"),
    "csv": RecordFormat("csv", Csv, ".csv"),
    "tsv": RecordFormat("tsv", Tsv, ".tsv"),
    "parquet": ParquetFormat(),
}
"""Every format, by the name that --format takes."""

_ENDINGS: Final = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def format_of(path: Path) -> str:
    """The name of the format that the ending of a file says; plain text where it says none.

    Raises InputError for JSON that is no JSON lines.
    """
    if (suffix := base_suffix(path)) == ".json":
        raise InputError(
            f"{printable(str(path))}: is JSON by its name. If it has an object a line, say --format jsonl; "
            "else make such a file, for instance with: jq -c '.[]' FILE.json > FILE.jsonl"
        )
    return _ENDINGS.get(suffix, TEXT)
