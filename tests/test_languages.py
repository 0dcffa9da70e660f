"""The languages of a model: what names which, what is read of a file, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from octavo.languages import (
    MANY_LANGUAGES,
    Direction,
    LanguageError,
    Languages,
    UnstatedLanguageError,
    label_serving,
)
from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError
from octavo.text.language_names import language_name, meant_tag
from octavo.text.language_tags import LanguageCode

from .models import language_config, tiny_config

NLLB = (
    "eng_Latn",
    "deu_Latn",
    "zho_Hans",
    "zho_Hant",
    "arb_Arab",
    "arb_Latn",
    "ary_Arab",
    "nob_Latn",
    "nno_Latn",
)


def languages_of(*codes: str, **changes: Any) -> Languages:
    """The codes in the tokens from 10 on, prefixed as NLLB does."""
    given = {"source_prefix": ("$source",), "forced": ("$target",)} | changes
    return Languages({code: 10 + number for number, code in enumerate(codes)}, **given)


@pytest.mark.parametrize(
    ("codes", "tag", "code"),
    [
        (NLLB, "deu_Latn", "deu_Latn"),
        (NLLB, "de", "deu_Latn"),
        (NLLB, "ger", "deu_Latn"),
        (NLLB, "DE-at", "deu_Latn"),
        (NLLB, "zh-Hant", "zho_Hant"),
        (NLLB, "zh-TW", "zho_Hant"),
        (NLLB, "cmn_Hans", "zho_Hans"),
        (NLLB, "ar", "arb_Arab"),
        (NLLB, "ar-Latn", "arb_Latn"),
        (NLLB, "no", "nob_Latn"),
        (NLLB, "nn", "nno_Latn"),
        (("en_XX", "de_DE", "zh_CN", "pt_XX"), "en-US", "en_XX"),
        (("en_XX", "de_DE", "zh_CN", "pt_XX"), "deu", "de_DE"),
        (("en_XX", "de_DE", "zh_CN", "pt_XX"), "zh-Hans", "zh_CN"),
        (("en_XX", "de_DE", "zh_CN", "pt_XX"), "zh", "zh_CN"),
        (("__en__", "__de__", "__ns__"), "de", "__de__"),
        (("__en__", "__de__", "__ns__"), "nso", "__ns__"),
        ((">>deu<<", ">>cmn_Hans<<", ">>cmn_Hant<<"), "de", ">>deu<<"),
        ((">>deu<<", ">>cmn_Hans<<", ">>cmn_Hant<<"), "zh-Hant", ">>cmn_Hant<<"),
        ((">>cmn<<", ">>cmn_Hans<<", ">>cmn_Hant<<"), "zh", ">>cmn<<"),
        (("<2el>", "<2el_Latn>", "<2el_CY>"), "el-GR", "<2el>"),
        (("<2el>", "<2el_Latn>", "<2el_CY>"), "el-CY", "<2el_CY>"),
        (("pt", "pt_BR"), "pt", "pt"),
        (NLLB, "German", "deu_Latn"),
        (NLLB, "traditional chinese", "zho_Hant"),
        (NLLB, "Chinese (Simplified)", "zho_Hans"),
        (NLLB, "Moroccan Arabic", "ary_Arab"),
        (NLLB, "__de__", "deu_Latn"),
        (NLLB, ">>deu<<", "deu_Latn"),
        (NLLB, "<2de>", "deu_Latn"),
        (NLLB, "en_XX", "eng_Latn"),
        (("pt_PT", "pt_BR"), "Brazilian Portuguese", "pt_BR"),
        (("__ee__", "__lo__", "__tw__"), "Ewe", "__ee__"),
        (("pt", "pt_BR"), "pt-PT", "pt"),
    ],
)
def test_a_tag_names_the_code_of_its_language(codes: tuple[str, ...], tag: str, code: str) -> None:
    assert languages_of(*codes).code(tag) == code


@pytest.mark.parametrize(
    ("codes", "tag", "complaint"),
    [
        (NLLB, "zh", "language 'zh': may be zho_Hans or zho_Hant; state which"),
        (NLLB, "xyz", "language 'xyz': the model does not have it; it has eng_Latn, deu_Latn, zho_Hans"),
        (("de", "pt_BR"), "pt-PT", "language 'pt-PT': the model does not have it; it has de, pt_BR"),
        (NLLB, "Chinese", "language 'Chinese': may be zho_Hans or zho_Hant; state which"),
        (NLLB, "Germn", r"does not have it \(did you mean deu_Latn\?\); it has eng_Latn"),
        (NLLB, "Klingon", "language 'Klingon': the model does not have it; it has eng_Latn"),
        (("de",), "", "language '': the model does not have it; it has de"),
    ],
)
def test_another_is_told_which_there_are(codes: tuple[str, ...], tag: str, complaint: str) -> None:
    with pytest.raises(LanguageError, match=complaint):
        languages_of(*codes).code(tag)


def test_of_many_codes_the_nearest_are_listed_first() -> None:
    many = languages_of(*(f"{a}{b}{c}" for a in "abcd" for b in "xyz" for c in "pqrs"), "deu_Latn")
    with pytest.raises(
        LanguageError, match=r"it has deu_Latn, .* and 37 more \(`octavo inspect` lists all\)"
    ):
        many.code("deu_Cyrl")


def test_no_code_is_put_forward_for_its_letters() -> None:
    many = languages_of(*PUBLISHED["NLLB-200"])
    with pytest.raises(LanguageError, match=r"'gem': the model does not have it; it has ace_Arab, "):
        many.code("gem")
    with pytest.raises(LanguageError, match=r"'Galicien': .*\(did you mean glg_Latn\?\); it has ace_Arab"):
        many.code("Galicien")


def test_every_name_of_a_language_is_understood() -> None:
    for tag in ("de", "pt-br", "zh-hant", "ace", "ee"):
        assert LanguageCode.of(meant_tag(language_name(tag))) == LanguageCode.of(tag)


PUBLISHED = {
    family: codes.split()
    for family, _, codes in (
        part.partition("\n")
        for part in Path(__file__).with_name("language_codes.txt").read_text("ascii").strip().split("\n\n")
    )
}


@pytest.mark.parametrize("family", PUBLISHED)
def test_every_published_code_has_a_tag_that_names_it(family: str) -> None:
    codes = PUBLISHED[family]
    languages = languages_of(*codes)
    tags = [languages.tag(code) for code in codes]
    assert len(set(tags)) == len(codes) and [languages.code(tag) for tag in tags] == codes
    assert {"de", "en", "fr", "ar"} <= set(tags)
    assert not [tag for tag in tags if "_" in tag]


def test_tags_are_as_short_as_they_can_be() -> None:
    languages = languages_of(*NLLB)
    assert [languages.tag(code) for code in NLLB] == [
        *("en", "de", "zh-Hans", "zh-Hant", "ar", "ar-Latn", "ary", "nb", "nn")
    ]
    assert languages_of("pt_BR", "pt_PT").tag("pt_BR") == "pt-BR"
    assert languages_of("no", "nob").tag("nob") == "nb"


MANY = (MANY_LANGUAGES, MANY_LANGUAGES)


def test_only_what_is_a_tag_gets_into_documents() -> None:
    languages = languages_of("<2de>", "<2back_translated_text>", '"><x', "--")
    assert languages.tags == ("de", "back")
    assert languages.tag('"><x') == languages.tag("--") == "und"
    opus = languages_of(">>deu<<", ">>fra<<", source_prefix=("$target",), forced=())
    with pytest.raises(LanguageError, match="the model does not have it; it has mul"):
        opus.direction('"><x', "de", MANY)


def test_a_direction_has_the_tokens_of_its_languages() -> None:
    nllb = languages_of("eng_Latn", "deu_Latn", default_source="eng_Latn")
    assert nllb.direction(None, "de", MANY) == Direction("en", "de", (10,), (), (11,))
    assert nllb.direction("de", "en", MANY) == Direction("de", "en", (11,), (), (10,))
    legacy = languages_of("eng_Latn", "deu_Latn", source_prefix=(), source_suffix=(3, "$source"))
    assert legacy.direction("en", "de", MANY) == Direction("en", "de", (), (3, 10), (11,))
    madlad = languages_of("<2en>", "<2de>", source_prefix=(5, "$target"), forced=())
    assert madlad.direction(None, "de", MANY) == Direction("mul", "de", (5, 11))
    assert madlad.direction("fr", "de", MANY) == Direction("fr", "de", (5, 11))
    opus = languages_of(">>deu<<", ">>fra<<", source_prefix=("$target",), forced=())
    assert opus.direction("en-GB", "fra", ("en", "mul")) == Direction("en", "fr", (11,))


def test_a_language_that_is_not_stated_is_asked_for() -> None:
    languages = languages_of("en", "de")
    with pytest.raises(
        UnstatedLanguageError, match=r"target language: .* 2, .* told which \(to=, --to\): en, de"
    ):
        languages.direction("en", None, MANY)
    with pytest.raises(
        UnstatedLanguageError, match=r"source language: .* told which \(source=, --from\): en"
    ):
        languages.direction(None, "de", MANY)
    with pytest.raises(LanguageError, match="language 'xx': the model does not have it; it has en, de"):
        languages.direction(None, "xx", MANY)
    with pytest.raises(LanguageError, match=r"language 'fr': .* it has en$"):
        languages_of("de", source_prefix=("$target",), forced=()).direction("fr", "de", ("en", "mul"))


def test_a_text_may_state_a_code_of_opus() -> None:
    opus = languages_of(">>deu<<", ">>fra<<", source_prefix=("$target",), forced=())
    assert opus.stated(" >>fra<< A man.") == ">>fra<<"
    assert opus.stated("A man. >>fra<<") is None
    with pytest.raises(LanguageError, match="'>>xyz<<': the model does not have it; it has >>deu<<, >>fra<<"):
        opus.stated(">>xyz<< A man.")
    assert languages_of("en", "de").stated(">>xyz<< A man.") is None


def test_what_is_written_is_read() -> None:
    for languages in (
        languages_of(*NLLB, default_source="eng_Latn"),
        languages_of("a", "b", source_prefix=(3, "$target"), source_suffix=("$source", 4), forced=()),
    ):
        assert Languages.from_dict(languages.to_dict()) == languages


GOOD: dict[str, Any] = languages_of("en", "de").to_dict()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"codes": {}}, "languages: 0 codes: must be from 1 to 4096"),
        ({"codes": []}, "languages: codes: expected an object, found list"),
        ({"codes": {"en": 1, "de": 1}}, "codes 'en' and 'de' are both token 1"),
        ({"codes": {"en": -1}}, "code 'en': -1: expected a token id"),
        ({"codes": {"en": True}}, "code 'en': True: expected a token id"),
        ({"codes": {"en": 1.0}}, "code 'en': 1.0: expected a token id"),
        ({"codes": {"e n": 1}}, "code 'e n': must be 1 to 64 printable characters"),
        ({"codes": {"": 1}}, "code '': must be"),
        ({"source": {"prefix": []}}, r"languages: source: has the keys \['prefix'\]; must be prefix, suffix"),
        ({"source": []}, "languages: source: expected an object, found list"),
        ({"source": {"prefix": "$source", "suffix": []}}, "source prefix: expected a list, found str"),
        (
            {"source": {"prefix": ["$sauce"], "suffix": []}},
            r"'\$sauce': expected \$source, \$target or a token",
        ),
        ({"source": {"prefix": [[]], "suffix": []}}, r"source prefix: \[\]: expected"),
        ({"source": {"prefix": [], "suffix": [1] * 9}}, "source suffix has 9 items: must be at most 8"),
        ({"source": {"prefix": [], "suffix": []}, "target": {"prefix": [1]}}, "no code is used"),
        ({"default": {"source": "fr", "target": None}}, "default source = 'fr': no such code"),
        ({"default": {"source": 1, "target": None}}, "default source = 1: expected a code or null"),
        (
            {"default": {"source": None}},
            r"languages: default: has the keys \['source'\]; must be source, target",
        ),
        ({"more": 1}, "languages: has the keys .*; must be codes, source, target, default"),
    ],
)
def test_what_no_model_can_have_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        Languages.from_dict({**GOOD, **changes})


@pytest.mark.parametrize(
    ("config", "changes", "complaint"),
    [
        (language_config(), {}, "languages: a language model has none"),
        (
            tiny_config(source_vocab_size=11, target_vocab_size=11),
            {},
            "code 'de': token 11 lies outside .* 11",
        ),
        (tiny_config(), {"forced": (96,)}, "languages: target prefix: token 96 lies outside .* of 96"),
        (tiny_config(), {"source_suffix": (3, "$source")}, "source suffix: source_eos = true appends EOS"),
        (tiny_config(max_positions=2), {}, "max_positions = 2 leave no room for a text"),
    ],
)
def test_tokens_are_checked_against_the_model(
    config: ModelConfig, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SpecError, match=complaint):
        languages_of("en", "de", **changes).check(config)


def test_codes_need_not_be_tokens_of_a_side_that_has_none() -> None:
    config = dataclasses.replace(
        tiny_config(), shared_embeddings=False, source_vocab_size=96, target_vocab_size=11
    )
    languages_of("en", "de", source_prefix=("$target",), forced=()).check(config)


def test_a_model_without_stated_languages_says_how_to_state_them() -> None:
    assert label_serving("deu", "German") == label_serving("deu", ">>de<<") == "deu"
    assert label_serving(MANY_LANGUAGES, "German") == "de"
    with pytest.raises(LanguageError, match=r"^language 'French': the model does not have it; it has deu$"):
        label_serving("deu", "French")
    with pytest.raises(LanguageError, match=r"does not state its languages.*--source-language"):
        label_serving("und", "de")
