"""The tables of README.md and of the card are those of the models' quality.json."""

from __future__ import annotations

import quality_tables
from marked_tables import with_tables
from record_quality import SETS


def test_the_documents_have_the_figures_of_the_models() -> None:
    for document, tables in quality_tables.DOCUMENTS.items():
        text = document.read_text(encoding="utf-8")
        assert with_tables(text, tables, document, "quality_tables.py") == text, (
            "run: python tools/quality_tables.py --write"
        )


def test_every_test_set_was_measured() -> None:
    qualities = [model / "quality.json" for model in quality_tables.MODELS.values()]
    for quality in (*qualities, quality_tables.EARLIER):
        assert list(quality_tables.figures(quality)) == list(SETS)


def test_the_list_has_every_everyday_sentence() -> None:
    folder = quality_tables.ROOT / "benchmarks"
    pairs = (folder / "results" / "everyday-sentences.txt").read_text(encoding="utf-8").splitlines()
    sentences = (folder / "everyday_sentences.txt").read_text(encoding="utf-8").splitlines()
    assert [pair.partition("\t")[0] for pair in pairs] == sentences
