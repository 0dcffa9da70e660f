"""TSV: tables with tabs between their cells."""

from __future__ import annotations

from octavo.documents.csv import read_tsv as read

__all__ = ["read"]
