"""The tables in docs/model-format.md are those that follow from the code."""

from __future__ import annotations

import model_tables as tables
import pytest
from marked_tables import with_tables

from octavo.model.sublayers import SublayerKind


def test_the_document_has_the_tables_of_the_code() -> None:
    for document, found in tables.DOCUMENTS.items():
        text = document.read_text(encoding="utf-8")
        assert with_tables(text, found, document, "model_tables.py") == text, (
            "run: python tools/model_tables.py --write"
        )


def test_every_kind_of_sublayer_and_every_key_is_in_a_table() -> None:
    assert {str(sublayer.kind) for sublayer in tables.described()} == set(map(str, SublayerKind))
    assert len(list(tables.keys())) == 2 + len(tables.types_of(tables.ModelConfig))


def test_a_document_without_marks_is_refused() -> None:
    (document,) = tables.DOCUMENTS
    with pytest.raises(SystemExit, match="needs the marks of the table 'keys', each once"):
        with_tables("no table", tables.TABLES, document, "model_tables.py")
