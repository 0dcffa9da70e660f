"""DeepL's API as its official client uses it."""

from __future__ import annotations

import io
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
pytest.importorskip("uvicorn", reason="the service needs octavo[serve]")
pytest.importorskip("deepl", reason="the official client: pip install deepl")
import deepl
from deepl.api_data import MultilingualGlossaryDictionaryEntries

from octavo import Translator
from octavo.server.model_pool import ModelPool
from octavo.server.operations.authentication import Authentication
from octavo.server.operations.keys import KeyFile, new_key
from octavo.server.settings import ServerSettings
from octavo.terms import Entry, Glossary

from .running import served

TEXTS = ["A man rides a bicycle.", "Two dogs play in the snow. A child looks at them.", ""]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits five seconds between two looks at a document, and seconds before it tries again."""
    hasty = types.SimpleNamespace(time=time.time, sleep=lambda seconds: time.sleep(min(seconds, 0.02)))
    monkeypatch.setattr(deepl.translator, "time", hasty)
    monkeypatch.setattr(deepl.http_client, "time", hasty)


@pytest.fixture
def client(address: str) -> Iterator[deepl.DeepLClient]:
    client = deepl.DeepLClient("any-key", server_url=address)
    yield client
    client.close()


@pytest.fixture
def glossary_id(client: deepl.DeepLClient) -> Iterator[str]:
    made = client.create_glossary("Terms", "EN", "DE", {"bicycle": "Drahtesel"})
    yield made.glossary_id
    client.delete_glossary(made.glossary_id)


def test_texts(client: deepl.DeepLClient, library: Translator) -> None:
    found = client.translate_text(TEXTS, source_lang="EN", target_lang="DE")
    assert [one.text for one in found] == [one.text for one in library(TEXTS)]
    assert {one.detected_source_lang for one in found} == {"EN"}
    assert [one.billed_characters for one in found] == [len(text) for text in TEXTS]
    one = client.translate_text(TEXTS[0], target_lang="de", model_type="prefer_quality_optimized")
    assert (one.text, one.detected_source_lang) == (library(TEXTS[0]).text, "EN")
    assert one.model_type_used == "quality_optimized"


@pytest.mark.parametrize("formality", ["default", "prefer_less", "prefer_more", deepl.Formality.DEFAULT])
def test_formality(client: deepl.DeepLClient, library: Translator, formality: str) -> None:
    found = client.translate_text(TEXTS[0], target_lang="DE", source_lang="EN", formality=formality)
    assert found.text == library(TEXTS[0]).text


def test_what_changes_nothing(client: deepl.DeepLClient, library: Translator) -> None:
    found = client.translate_text(
        TEXTS[0],
        source_lang="en",
        target_lang="de",
        context="It is about sport.",
        preserve_formatting=True,
        tag_handling_version="v2",
        extra_body_parameters={"enable_beta_languages": True},
    )
    assert found.text == library(TEXTS[0]).text


def test_html(client: deepl.DeepLClient, library: Translator) -> None:
    text = '<p>A man <b>rides</b> a bicycle.</p><p translate="no">Two dogs.</p>'
    found = client.translate_text(text, source_lang="EN", target_lang="DE", tag_handling="html")
    assert found.text == str(library.html(text))


XML = "<doc><p>A man <keep>rides</keep> a <x id='1'/>bicycle.</p><p>Two <b>dogs</b> play.</p></doc>"


@pytest.mark.parametrize("ignored", [[], ["keep"], ["keep", "b"]])
@pytest.mark.parametrize("text", [XML, "A man <keep>rides</keep> a <x/>bicycle.", "Two dogs & a cat."])
def test_xml(client: deepl.DeepLClient, library: Translator, text: str, ignored: list[str]) -> None:
    given = {"source_lang": "EN", "target_lang": "DE", "tag_handling": "xml"}
    if text.endswith("cat."):  # no XML
        with pytest.raises(deepl.DeepLException, match="Bad request"):
            client.translate_text(text, **given)
        return
    found = client.translate_text(text, ignore_tags=ignored or None, **given)
    assert found.text == str(library.xml(text, ignored_tags=ignored))
    assert "<keep>rides</keep>" in found.text or not ignored
    assert client.translate_text(text, ignore_tags=",".join(ignored), **given).text == found.text


def test_ignored_tags_of_html(client: deepl.DeepLClient, library: Translator) -> None:
    text = "<p>A man <kbd>rides</kbd> a <i>bicycle</i>.</p>"
    found = client.translate_text(
        text, source_lang="EN", target_lang="DE", tag_handling="html", ignore_tags=["i"]
    )
    assert found.text == str(library.html(text, ignored_tags=["i"]))
    assert "<i>bicycle</i>" in found.text


def test_splitting(client: deepl.DeepLClient, library: Translator) -> None:
    text = "A man rides\na bicycle. Two dogs play."
    found = {
        split: client.translate_text(text, source_lang="EN", target_lang="DE", split_sentences=split).text
        for split in deepl.SplitSentences
    }
    assert found[deepl.SplitSentences.OFF] == library(text, sentences=False).text
    assert found[deepl.SplitSentences.ALL] == library(text).text
    assert found[deepl.SplitSentences.NO_NEWLINES] == library(text, wrapped=True).text


def test_a_glossary(client: deepl.DeepLClient, library: Translator, glossary_id: str) -> None:
    terms = Glossary([Entry("bicycle", ("Drahtesel",))], "en")
    expected = library(TEXTS[0], glossary=terms).text
    assert "Drahtesel" in expected
    glossary = client.get_glossary(glossary_id)
    assert client.translate_text_with_glossary(TEXTS[0], glossary).text == expected
    options = {"source_lang": "EN", "target_lang": "DE"}
    assert client.translate_text(TEXTS[0], glossary=glossary_id, **options).text == expected
    assert client.translate_text(TEXTS[0], glossary_ids=[glossary_id], **options).text == expected


def test_several_glossaries(client: deepl.DeepLClient, library: Translator, glossary_id: str) -> None:
    other = client.create_glossary("More", "EN", "DE", {"bicycle": "Rad", "man": "Kerl"})
    terms = Glossary([Entry("bicycle", ("Drahtesel",)), Entry("man", ("Kerl",))], "en")
    found = client.translate_text(
        TEXTS[0], source_lang="EN", target_lang="DE", glossary_ids=[glossary_id, other]
    )
    assert found.text == library(TEXTS[0], glossary=terms).text
    client.delete_glossary(other)


def test_languages(client: deepl.DeepLClient) -> None:
    assert [(one.code, one.name) for one in client.get_source_languages()] == [("EN", "English")]
    targets = [(one.code, one.name, one.supports_formality) for one in client.get_target_languages()]
    assert targets == [("DE", "German", False)]
    assert [(one.source_lang, one.target_lang) for one in client.get_glossary_languages()] == [("en", "de")]


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
        assert "Drahtesel" in client.translate_text_with_glossary(TEXTS[0], made).text
        client.close()


def test_usage_and_a_quota(pool: ModelPool) -> None:
    with served(pool, ServerSettings(character_limit=30)) as address:
        client = deepl.DeepLClient("any-key", server_url=address)
        client.translate_text(TEXTS[0], target_lang="DE", source_lang="EN")
        usage = client.get_usage()
        assert (usage.character.count, usage.character.limit) == (len(TEXTS[0]), 30)
        assert not usage.any_limit_reached
        with pytest.raises(deepl.QuotaExceededException):
            client.translate_text(TEXTS[0], target_lang="DE", source_lang="EN")
        assert client.get_usage().character.count == len(TEXTS[0])
        document = {"target_lang": "DE", "source_lang": "EN", "filename": "a.txt"}
        client.translate_document("A dog. A cat.", io.BytesIO(), **document)
        assert client.get_usage().character.count == len(TEXTS[0]) + len("A dog. A cat.")
        with pytest.raises(deepl.QuotaExceededException):
            client.translate_document_upload("A dog.", **document)
        client.close()


def test_usage_without_a_limit(client: deepl.DeepLClient) -> None:
    before = client.get_usage().character.count
    with pytest.raises(deepl.DeepLException):
        client.translate_text("Hello.", target_lang="FR", source_lang="EN")
    client.translate_text("Hello.", target_lang="DE", source_lang="EN")
    assert client.get_usage().character.count == before + 6


def test_keys(pool: ModelPool, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    key = new_key(path, "alice")
    with served(pool, around=lambda app: Authentication(app, KeyFile(path))) as address:
        wrong = deepl.DeepLClient(f"{key}x", server_url=address)
        for ask in (
            wrong.get_usage,
            wrong.list_glossaries,
            lambda: wrong.translate_text("A dog.", target_lang="DE"),
        ):
            with pytest.raises(deepl.AuthorizationException):
                ask()
        right = deepl.DeepLClient(key, server_url=address)
        right.translate_text("A dog.", target_lang="DE", source_lang="EN")
        wrong.close()
        right.close()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"target_lang": "FR"}, "Value for 'target_lang' not supported"),
        ({"target_lang": "DE", "source_lang": "FR"}, "Value for 'source_lang' not supported"),
        ({"target_lang": ""}, "Value for 'target_lang' not supported"),
        ({"formality": "more"}, "'formality' is not supported for given 'target_lang'"),
        ({"formality": "less"}, "'formality' is not supported for given 'target_lang'"),
        ({"formality": "rude"}, "Value for 'formality' not supported"),
        ({"tag_handling": "json"}, "Value for 'tag_handling' not supported"),
        ({"split_sentences": "2"}, "Value for 'split_sentences' not supported"),
        ({"model_type": "best"}, "Value for 'model_type' not supported"),
        ({"style_rule": "x"}, "'style_id' is not supported"),
        ({"translation_memory": "x"}, "'translation_memory_id' is not supported"),
        ({"custom_instructions": ["Be brief."]}, "'custom_instructions' is not supported"),
        ({"text": ["x"] * 51}, "Too many texts: 51"),
        ({"text": []}, "Parameter 'text' not specified"),
        ({"text": [1]}, "Expected `str`"),
    ],
)
def test_bad_requests(client: deepl.DeepLClient, options: dict[str, object], why: str) -> None:
    given = {"text": "A dog.", "target_lang": "DE", "source_lang": "EN"} | options
    with pytest.raises(deepl.DeepLException, match=why) as caught:
        client.translate_text(given.pop("text"), **given)
    assert caught.value.http_status_code == 400


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


@pytest.mark.parametrize(
    "name",
    ["rephrase_text", "correct_text", "get_style_rule", "delete_style_rule", "get_translation_memory"],
)
def test_what_the_service_has_nothing_of(client: deepl.DeepLClient, name: str) -> None:
    with pytest.raises(deepl.DeepLException, match=r"Not found.*this service cannot do that"):
        getattr(client, name)("x")
    assert client.get_all_style_rules() == []
    assert client.list_translation_memories() == []
    with pytest.raises(deepl.DeepLException, match="no style rules"):
        client.create_style_rule("Brief", "de")


def test_a_document_from_a_path(client: deepl.DeepLClient, library: Translator, tmp_path: Path) -> None:
    docx = pytest.importorskip("docx", reason="python-docx makes the document")
    document = docx.Document()
    document.add_heading("Two dogs", 1)
    paragraph = document.add_paragraph("A man ")
    paragraph.add_run("rides").bold = True
    paragraph.add_run(" a bicycle.")
    source, target = tmp_path / "report.docx", tmp_path / "bericht.docx"
    document.save(source)
    status = client.translate_document_from_filepath(source, target, source_lang="EN", target_lang="DE")
    assert status.done
    assert target.read_bytes() == library.document(source, None).content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", "<p>A man <b>rides</b> a bicycle.</p>"),
        ("notes.txt", "A man rides a bicycle.\nTwo dogs.\n"),
        ("folder/../../notes.TXT", "Two dogs play in the snow. A child looks at them.\n"),
    ],
)
def test_an_uploaded_document(
    client: deepl.DeepLClient, library: Translator, tmp_path: Path, name: str, content: str
) -> None:
    copy = tmp_path / Path(name).name
    copy.write_text(content, encoding="utf-8")
    result = io.BytesIO()
    status = client.translate_document(
        content,
        result,
        source_lang="EN",
        target_lang="DE",
        filename=name,
        output_format=name[-4:].lstrip("."),
    )
    assert status.done
    expected = library.document(copy, None)
    assert result.getvalue() == expected.content
    assert status.billed_characters == sum(len(passage.source) for _, passage in expected.passages)


def test_a_document_with_a_glossary(client: deepl.DeepLClient, library: Translator, glossary_id: str) -> None:
    result = io.BytesIO()
    client.translate_document(
        TEXTS[0], result, source_lang="EN", target_lang="DE", filename="a.txt", glossary=glossary_id
    )
    terms = Glossary([Entry("bicycle", ("Drahtesel",))], "en")
    assert result.getvalue().decode() == library(TEXTS[0], glossary=terms).text


def test_a_document_step_by_step(client: deepl.DeepLClient) -> None:
    handle = client.translate_document_upload(
        io.BytesIO(b"A man rides a bicycle."),
        target_lang="DE",
        filename=None,
        extra_body_parameters={"filename": "a.txt"},
    )
    wrong = deepl.DocumentHandle(handle.document_id, handle.document_key[::-1])
    for ask in (client.translate_document_get_status, client.translate_document_download):
        with pytest.raises(deepl.DeepLException, match="Not found"):
            ask(wrong)
        with pytest.raises(deepl.DeepLException, match="Not found"):
            ask(deepl.DocumentHandle("../" + handle.document_id, "é"))
    client.translate_document_wait_until_done(handle)
    response = client.translate_document_download(handle)
    assert 'filename="a.txt"' in response.headers["content-disposition"]
    response.close()
    with pytest.raises(deepl.DeepLException, match="Not found"):
        client.translate_document_download(handle)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.docx", b"PK\x03\x04 no archive", "ZIP|archive|zip"),
        ("a.txt", b"  \n", "no text"),
        (
            "a.xlf",
            b"<xliff version='1.2'><file source-language='fr' target-language='de'/></xliff>",
            "xliff|fr",
        ),
    ],
)
def test_documents_that_fail(client: deepl.DeepLClient, name: str, content: bytes, why: str) -> None:
    result = io.BytesIO()
    with pytest.raises(deepl.DocumentTranslationException, match=why) as caught:
        client.translate_document(content, result, source_lang="EN", target_lang="DE", filename=name)
    with pytest.raises(deepl.DeepLException, match="Bad request"):
        client.translate_document_download(caught.value.document_handle)
    assert not result.getvalue()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"filename": "a.exe"}, "no known kind"),
        ({"filename": "a"}, "no known kind"),
        ({"filename": "a.txt", "output_format": "pdf"}, "'output_format' is not supported"),
        ({"filename": "a.txt", "target_lang": "FR"}, "'target_lang' not supported"),
        ({"filename": "a.txt", "formality": "more"}, "'formality' is not supported"),
    ],
)
def test_documents_that_are_not_taken(client: deepl.DeepLClient, options: dict[str, str], why: str) -> None:
    given = {"source_lang": "EN", "target_lang": "DE"} | options
    with pytest.raises(deepl.DeepLException, match=why):
        client.translate_document_upload("A dog.", **given)


def test_a_document_that_is_too_large(pool: ModelPool) -> None:
    with served(pool, ServerSettings(max_document_bytes=5000)) as address:
        client = deepl.DeepLClient("any-key", server_url=address)
        with pytest.raises(deepl.DeepLException) as caught:
            client.translate_document_upload("A dog. " * 1000, target_lang="DE", filename="a.txt")
        assert caught.value.http_status_code == 413
        client.close()
