"""Glossaries of clients: changes, limits, and what is on disk after a restart."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from octavo import durable
from octavo.errors import OctavoError, OutputError
from octavo.server import glossary_store
from octavo.server.errors import (
    BusyError,
    QuotaError,
    RequestError,
    TooLargeError,
    UnknownResourceError,
)
from octavo.server.glossary_store import Dictionary, GlossaryStore

EN_DE = Dictionary("en", "de", (("bicycle", "Rad"), ("dog", "Köter")))
DE_EN = Dictionary("de", "en", (("Rad", "bike"),))


def test_a_glossary_survives_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "glossaries"
    store = GlossaryStore(folder)
    first = store.create("Terms", [EN_DE])
    second = store.create("Others", [EN_DE, DE_EN])
    store.change(first.identifier, "Our terms", [DE_EN])
    store.delete_dictionary(second.identifier, "en", "de")
    gone = store.create("Gone", [DE_EN])
    store.delete(gone.identifier)
    before = store.glossaries()
    store.close()
    again = GlossaryStore(folder)
    assert again.glossaries() == before
    assert [one.name for one in before] == ["Our terms", "Others"]
    assert again.get(first.identifier).dictionaries == (EN_DE, DE_EN)
    assert again.get(second.identifier).dictionaries == (DE_EN,)
    again.close()


def test_one_process_has_the_folder(tmp_path: Path) -> None:
    store = GlossaryStore(tmp_path)
    with pytest.raises(OctavoError, match="another process"):
        GlossaryStore(tmp_path)
    store.close()
    GlossaryStore(tmp_path).close()


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"\xff",
        json.dumps(
            {"format": 2, "id": "x", "name": "n", "created": "2026-01-01T00:00:00Z", "dictionaries": []}
        ),
        json.dumps(
            {"format": 1, "id": "y", "name": "n", "created": "2026-01-01T00:00:00Z", "dictionaries": []}
        ),
        json.dumps(
            {
                "format": 1,
                "id": "x",
                "name": "n",
                "created": "2026-01-01T00:00:00Z",
                "dictionaries": [["en", "de", [["", ""]]]],
            }
        ),
    ],
)
def test_a_file_that_is_no_glossary_is_named(tmp_path: Path, content: bytes | str) -> None:
    (tmp_path / "x.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(OctavoError, match=r"x\.json: is no glossary"):
        GlossaryStore(tmp_path)
    (tmp_path / "x.json").unlink()
    GlossaryStore(tmp_path).close()  # the lock was given back


def test_terms_are_found_whatever_the_country() -> None:
    store = GlossaryStore()
    made = store.create("Terms", [EN_DE])
    glossary = store.glossary([made.identifier], "en-GB", "de-AT")
    assert [match.targets for match in glossary.matches("A bicycle.")] == [("Rad",)]
    assert store.glossary([made.identifier], "en", "de") is glossary
    with pytest.raises(UnknownResourceError, match="no dictionary"):
        store.glossary([made.identifier], "de", "en")
    store.change(made.identifier, None, [Dictionary("en", "de", (("bicycle", "Velo"),))])
    assert store.get(made.identifier).dictionaries[0].entries == (("bicycle", "Velo"), ("dog", "Köter"))
    with pytest.raises(RequestError):
        store.change(made.identifier, "\n", [DE_EN])
    assert len(store.get(made.identifier).dictionaries) == 1
    changed = store.glossary([made.identifier], "en", "de")
    assert [match.targets for match in changed.matches("A bicycle.")] == [("Velo",)]


def test_what_is_ready_for_matching_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glossary_store, "READY_BYTES", 2 * EN_DE.size)
    store = GlossaryStore()
    names = [store.create("Terms", [Dictionary("en", "de", EN_DE.entries)]).identifier for _ in range(3)]
    first, second, third = (store.glossary([name], "en", "de") for name in names)
    assert store.glossary(names[2:], "en", "de") is third
    assert store.glossary(names[1:2], "en", "de") is second
    assert store.glossary(names[:1], "en", "de") is not first
    monkeypatch.setattr(glossary_store, "READY_BYTES", 0)
    last = store.glossary(names[2:], "en", "de")
    assert store.glossary(names[2:], "en", "de") is last


def test_the_first_glossary_that_has_a_term_counts() -> None:
    store = GlossaryStore()
    first = store.create("First", [Dictionary("en", "de", (("dog", "Hund"),))])
    second = store.create("Second", [EN_DE])
    glossary = store.glossary([first.identifier, second.identifier], "en", "de")
    assert {entry.source: entry.targets for entry in glossary.entries} == {
        "dog": ("Hund",),
        "bicycle": ("Rad",),
    }


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ((), "no entries"),
        ((("", "x"),), "blank"),
        ((("x", " "),), "blank"),
        ((("a\tb", "x"),), "control"),
        ((("a\u2028b", "x"),), "control"),
        ((("\ud800", "x"),), "Unicode"),
        ((("ä" * 513, "x"),), "1024"),
        ((("a  b", "x"), ("a b", "y")), "entries 1 and 2"),
    ],
)
def test_wrong_entries_are_told(entries: tuple[tuple[str, str], ...], why: str) -> None:
    with pytest.raises(RequestError, match=why):
        Dictionary("en", "de", entries)


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    store = GlossaryStore()
    with pytest.raises(RequestError, match="name"):
        store.create(" ", [EN_DE])
    with pytest.raises(RequestError, match="at least one dictionary"):
        store.create("Terms", [])
    with pytest.raises(RequestError, match="one at most"):
        store.create("Terms", [EN_DE, EN_DE])
    made = store.create("Terms", [EN_DE])
    with pytest.raises(RequestError, match="only dictionary"):
        store.delete_dictionary(made.identifier, "en", "de")
    monkeypatch.setattr(glossary_store, "MAX_TOTAL_BYTES", made.size + DE_EN.size - 1)
    with pytest.raises(QuotaError, match="together"):
        store.create("More", [DE_EN])
    store.put(made.identifier, EN_DE)  # in the place of the same
    monkeypatch.setattr(glossary_store, "MAX_GLOSSARY_BYTES", EN_DE.size - 1)
    with pytest.raises(TooLargeError):
        store.create("Large", [EN_DE])
    monkeypatch.setattr(glossary_store, "MAX_GLOSSARIES", 1)
    with pytest.raises(QuotaError, match="at most 1"):
        store.create("More", [DE_EN])


@pytest.mark.parametrize("method", ["get", "delete"])
@pytest.mark.parametrize("identifier", ["", "..", "../x", "\0", "x" * 10_000])
def test_an_unknown_glossary(tmp_path: Path, method: str, identifier: str) -> None:
    store = GlossaryStore(tmp_path)
    with pytest.raises(UnknownResourceError):
        getattr(store, method)(identifier)
    store.close()


def test_reading_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = GlossaryStore(tmp_path)
    made = store.create("Terms", [EN_DE])
    written: list[Path] = []

    def slow(path: Path, data: bytes) -> None:
        reader = threading.Thread(target=lambda: (store.get(made.identifier), store.glossaries()))
        reader.start()
        reader.join(10)
        assert not reader.is_alive()
        written.append(path)

    monkeypatch.setattr(durable, "write_file", slow)
    store.put(made.identifier, DE_EN)
    assert written
    store.close()


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = GlossaryStore(tmp_path)
    made = store.create("Terms", [EN_DE])

    def full(path: Path, data: bytes) -> None:
        raise OutputError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(durable, "write_file", full)
    with pytest.raises(BusyError) as caught:
        store.put(made.identifier, DE_EN)
    assert str(tmp_path) not in str(caught.value)
    assert store.glossaries() == (made,)
    store.close()
