"""The formats by name and by ending."""

from __future__ import annotations

import sys

import pytest

from octavo.documents import DocumentError, DocumentOptions
from octavo.documents.formats import FORMATS, format_named, format_of


def test_every_format_is_found_by_name_and_by_ending() -> None:
    for known in FORMATS:
        assert format_named(known.name) is known
        for ending in known.endings:
            assert ending == ending.lower()
            assert format_of(f"a/b.c{ending.upper()}") is known


def test_unknown_formats_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(DocumentError, match=r"ending '.exe'.*html.*\.html"):
        format_of("a.exe")
    with pytest.raises(DocumentError, match="'exe' is not known: it must be one of html"):
        format_named("exe")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "octavo.documents.yaml", None)
    with pytest.raises(DocumentError, match=r'pip install "octavo\[documents\]"'):
        format_named("yaml").read(b"a: b", DocumentOptions())


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
def test_every_format_can_be_imported(known: object) -> None:
    with pytest.raises(DocumentError):
        format_named(known.name).read(b"=\xff\\u", DocumentOptions())  # type: ignore[attr-defined]
