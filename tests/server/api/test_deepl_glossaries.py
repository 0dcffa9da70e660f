"""Glossaries of DeepL's API, of one pair of languages and of several, as its official client uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
pytest.importorskip("uvicorn", reason="the service needs octavo[serve]")
pytest.importorskip("deepl", reason="the official client: pip install deepl")
import deepl
from deepl.api_data import MultilingualGlossaryDictionaryEntries

from octavo import Translator
from octavo.server.model_pool import ModelPool
from octavo.terms import Entry, Glossary

from .running import served

TEXT = "A man rides a bicycle."


def test_a_glossary(client: deepl.DeepLClient, library: Translator, glossary_id: str) -> None:
    terms = Glossary([Entry("bicycle", ("Drahtesel",))], "en")
    expected = library(TEXT, glossary=terms).text
    assert "Drahtesel" in expected
    glossary = client.get_glossary(glossary_id)
    assert client.translate_text_with_glossary(TEXT, glossary).text == expected
    options = {"source_lang": "EN", "target_lang": "DE"}
    assert client.translate_text(TEXT, glossary=glossary_id, **options).text == expected
    assert client.translate_text(TEXT, glossary_ids=[glossary_id], **options).text == expected


def test_several_glossaries(client: deepl.DeepLClient, library: Translator, glossary_id: str) -> None:
    other = client.create_glossary("More", "EN", "DE", {"bicycle": "Rad", "man": "Kerl"})
    terms = Glossary([Entry("bicycle", ("Drahtesel",)), Entry("man", ("Kerl",))], "en")
    found = client.translate_text(TEXT, source_lang="EN", target_lang="DE", glossary_ids=[glossary_id, other])
    assert found.text == library(TEXT, glossary=terms).text
    client.delete_glossary(other)


def test_glossaries(client: deepl.DeepLClient) -> None:
    entries = {"bicycle": "Rad", "dog, old": 'Köter "alt"'}
    made = client.create_glossary("My terms", "en", "de", entries)
    assert (made.name, made.ready, made.source_lang, made.target_lang) == ("My terms", True, "EN", "DE")
    assert made.entry_count == 2
    assert client.get_glossary(made.glossary_id).creation_time == made.creation_time
    assert made.glossary_id in [one.glossary_id for one in client.list_glossaries()]
    assert client.get_glossary_entries(made) == entries
    client.delete_glossary(made)
    with pytest.raises(deepl.GlossaryNotFoundException):
        client.get_glossary(made.glossary_id)
    csv = 'bicycle,Rad,en,de\n\n"dog, old","Köter ""alt""",EN,DE\n'
    from_csv = client.create_glossary_from_csv("My CSV", "EN", "DE-AT", csv)
    assert client.get_glossary_entries(from_csv.glossary_id) == entries
    client.delete_glossary(from_csv)


def test_multilingual_glossaries(client: deepl.DeepLClient) -> None:
    pair = MultilingualGlossaryDictionaryEntries
    made = client.create_multilingual_glossary(
        "Many", [pair("EN-GB", "DE", {"dog": "Hund"}), pair("DE", "EN-US", {"Hund": "dog"})]
    )
    assert [(one.source_lang, one.target_lang, one.entry_count) for one in made.dictionaries] == [
        ("EN", "DE", 1),
        ("DE", "EN", 1),
    ]
    assert made.glossary_id not in [one.glossary_id for one in client.list_glossaries()]
    assert made.glossary_id in [one.glossary_id for one in client.list_multilingual_glossaries()]
    assert client.update_multilingual_glossary_name(made, "More").name == "More"
    client.update_multilingual_glossary_dictionary(made, pair("EN", "DE", {"dog": "Köter", "cat": "Katze"}))
    client.update_multilingual_glossary_dictionary_from_csv(made, "EN", "DE", "cow,Kuh")

    def entries(source: str, target: str) -> dict[str, str]:
        (found,) = client.get_multilingual_glossary_entries(made, source, target).dictionaries
        return dict(line.split("\t") for line in found.entries.splitlines())

    assert entries("EN", "DE") == {"dog": "Köter", "cat": "Katze", "cow": "Kuh"}
    replaced = client.replace_multilingual_glossary_dictionary(made, pair("EN", "DE", {"dog": "Hund"}))
    assert (replaced.source_lang, replaced.target_lang, replaced.entry_count) == ("EN", "DE", 1)
    client.replace_multilingual_glossary_dictionary_from_csv(made, "DE", "EN", "Kuh,cow")
    assert (entries("EN", "DE"), entries("DE", "EN")) == ({"dog": "Hund"}, {"Kuh": "cow"})
    used = client.get_multilingual_glossary(made.glossary_id)
    found = client.translate_text("A dog.", source_lang="EN", target_lang="DE", glossary=used)
    assert "Hund" in found.text
    client.delete_multilingual_glossary_dictionary(made, source_lang="DE", target_lang="EN")
    assert len(client.get_multilingual_glossary(made.glossary_id).dictionaries) == 1
    client.delete_multilingual_glossary(made)
    with pytest.raises(deepl.GlossaryNotFoundException):
        client.get_multilingual_glossary(made.glossary_id)
    from_csv = client.create_multilingual_glossary_from_csv("CSV", "EN", "DE", "dog,Hund")
    client.delete_multilingual_glossary(from_csv)


def test_glossaries_survive_a_restart(pool: ModelPool, tmp_path: Path) -> None:
    with served(pool, state=tmp_path) as address:
        client = deepl.DeepLClient("any-key", server_url=address)
        made = client.create_glossary("Terms", "EN", "DE", {"bicycle": "Drahtesel"})
        client.close()
    with served(pool, state=tmp_path) as address:
        client = deepl.DeepLClient("any-key", server_url=address)
        assert client.get_glossary_entries(made) == {"bicycle": "Drahtesel"}
        assert "Drahtesel" in client.translate_text_with_glossary(TEXT, made).text
        client.close()


def test_glossaries_that_do_not_fit(client: deepl.DeepLClient, glossary_id: str) -> None:
    with pytest.raises(deepl.DeepLException, match=r"Not found.*no such glossary"):
        client.translate_text("A dog.", source_lang="EN", target_lang="DE", glossary="nothing")
    other = client.create_glossary("Other", "DE", "EN", {"Hund": "dog"})
    with pytest.raises(deepl.DeepLException, match="no dictionary") as caught:
        client.translate_text("A dog.", source_lang="EN", target_lang="DE", glossary=other.glossary_id)
    assert caught.value.http_status_code == 400
    client.delete_glossary(other)
    with pytest.raises(deepl.DeepLException, match="same source term"):
        client.create_glossary("Twice", "EN", "DE", {"a dog": "x", "a  dog": "y"})
    with pytest.raises(deepl.DeepLException, match="two languages"):
        client.create_glossary("Same", "EN", "EN", {"a": "b"})
