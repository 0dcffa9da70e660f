"""The tables in docs/model-format.md are those that follow from the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from octavo.model.sublayers import SublayerKind

ROOT = Path(__file__).resolve().parents[2]
specification = importlib.util.spec_from_file_location("model_tables", ROOT / "tools" / "model_tables.py")
assert specification is not None and specification.loader is not None
tables = importlib.util.module_from_spec(specification)
specification.loader.exec_module(tables)


def test_the_document_has_the_tables_of_the_code() -> None:
    text = tables.DOCUMENT.read_text(encoding="utf-8")
    assert tables.with_tables(text) == text, "run: python tools/model_tables.py --write"


def test_every_kind_of_sublayer_and_every_key_is_in_a_table() -> None:
    assert {str(sublayer.kind) for sublayer in tables.described()} == set(map(str, SublayerKind))
    assert len(list(tables.keys())) == 2 + len(tables.types_of(tables.ModelConfig))


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(SystemExit, match="needs the marks of the table 'keys', each once"):
        tables.with_tables("no table")
