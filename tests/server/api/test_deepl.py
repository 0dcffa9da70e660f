"""DeepL's API as its official client uses it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
pytest.importorskip("uvicorn", reason="the service needs octavo[serve]")
pytest.importorskip("deepl", reason="the official client: pip install deepl")
import deepl

from octavo import Translator
from octavo.server.model_pool import ModelPool
from octavo.server.operations.authentication import Authentication
from octavo.server.operations.keys import KeyFile, new_key
from octavo.server.settings import ServerSettings

from .running import served

TEXTS = ["A man rides a bicycle.", "Two dogs play in the snow. A child looks at them.", ""]


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


def test_languages(client: deepl.DeepLClient) -> None:
    assert [(one.code, one.name) for one in client.get_source_languages()] == [("EN", "English")]
    targets = [(one.code, one.name, one.supports_formality) for one in client.get_target_languages()]
    assert targets == [("DE", "German", False)]
    assert [(one.source_lang, one.target_lang) for one in client.get_glossary_languages()] == [("en", "de")]


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


NOTHING_OF_THE_KIND = {
    "rephrase_text": ["A dog."],
    "correct_text": [["A dog."]],
    "create_style_rule": ["Brief", "de"],
    "get_style_rule": ["x"],
    "update_style_rule_name": ["x", "Brief"],
    "delete_style_rule": ["x"],
    "update_style_rule_configured_rules": ["x", {}],
    "create_style_rule_custom_instruction": ["x", "Brief", "Be brief."],
    "get_style_rule_custom_instruction": ["x", "y"],
    "update_style_rule_custom_instruction": ["x", "y", "Brief", "Be brief."],
    "delete_style_rule_custom_instruction": ["x", "y"],
    "get_translation_memory": ["x"],
    "list_translation_memory_segments": ["x"],
    "delete_translation_memory": ["x"],
    "create_translation_memory_import": ["a.tmx", 100],
    "create_translation_memory_export": ["x"],
    "get_translation_memory_job": ["x"],
}


@pytest.mark.parametrize("name", NOTHING_OF_THE_KIND)
def test_what_the_service_has_nothing_of(client: deepl.DeepLClient, name: str) -> None:
    with pytest.raises(deepl.DeepLException, match=r"Not found.*this service cannot do that"):
        getattr(client, name)(*NOTHING_OF_THE_KIND[name])


def test_lists_of_what_the_service_has_nothing_of(client: deepl.DeepLClient) -> None:
    assert client.get_all_style_rules(page=0, detailed=True) == []
    assert client.list_translation_memories(page_size=5) == []
