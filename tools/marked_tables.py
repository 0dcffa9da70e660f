"""Tables that programs of this folder put into documents, between two comments that name them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

Tables = Mapping[str, Callable[[], Iterable[str]]]
"""Each table's lines, by its name."""


def with_tables(text: str, tables: Tables, document: Path, tool: str) -> str:
    """A document's text with its tables as they are now. SystemExit where a table has not its marks."""
    for name, table in tables.items():
        first, last = f"<!-- {name}: by tools/{tool} -->\n", f"<!-- end of {name} -->"
        if text.count(first) != 1 or text.count(last) != 1:
            raise SystemExit(f"{document}: needs the marks of the table {name!r}, each once: {first}{last}")
        before, _, rest = text.partition(first)
        after = rest.partition(last)[2]
        text = before + first + "".join(f"{line}\n" for line in table()) + last + after
    return text


def print_or_write(documents: Mapping[Path, Tables], tool: str, what: str) -> None:
    """The command line of such a program: it prints the tables, or with ``--write`` changes the documents."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--write", action="store_true", help="into the documents, between their marks")
    if not parser.parse_args().write:
        tables = [table for found in documents.values() for table in found.values()]
        print("\n\n".join("\n".join(table()) for table in tables))
        return
    for document, found in documents.items():
        text = document.read_text(encoding="utf-8")
        document.write_text(with_tables(text, found, document, tool), encoding="utf-8")
