"""One model where there is one, else two, and always the same."""

from __future__ import annotations

import pytest

from octavo.server.errors import UnsupportedPairError
from octavo.server.language_routes import LanguageRoutes, ManyPairs, Pair

from .page.fake_models import Between


def routes(*pairs: str) -> LanguageRoutes[Between]:
    return LanguageRoutes([Between(*pair.split(">")) for pair in pairs])


def found(models: LanguageRoutes[Between], source: str, target: str) -> list[str]:
    return [step.model.name for step in models.find(source, target)]


def test_a_direct_model_comes_first() -> None:
    assert found(routes("de>en", "en>fr", "de>fr"), "de", "fr") == ["de>fr"]


def test_english_is_the_first_pivot_and_the_order_of_models_does_not_matter() -> None:
    for models in (("de>cs", "cs>fr", "de>en", "en>fr"), ("en>fr", "de>en", "cs>fr", "de>cs")):
        assert found(routes(*models), "de", "fr") == ["de>en", "en>fr"]


def test_without_english_the_first_pivot_by_its_tag_is_taken() -> None:
    assert found(routes("de>it", "it>fr", "de>cs", "cs>fr"), "de", "fr") == ["de>cs", "cs>fr"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (("en-US", "de"), "en>de"),
        (("EN_us", "DE"), "en>de"),
        (("en", "de-AT"), "en>de-AT"),
        (("en", "de-CH"), "en>de"),
        (("en", "pt"), "en>pt-BR"),
        (("en", "zh-Hant-TW"), "en>zh-Hant"),
    ],
)
def test_the_nearest_tag_is_taken(wanted: tuple[str, str], expected: str) -> None:
    models = routes("en>de", "en>de-AT", "en>pt-BR", "en>zh-Hans", "en>zh-Hant")
    assert found(models, *wanted) == [expected]


@pytest.mark.parametrize("wanted", [("en", "pt-PT"), ("en", "zh-Hans"), ("de", "en"), ("en", "en-US")])
def test_another_variant_is_no_answer_and_nor_is_there_and_back(wanted: tuple[str, str]) -> None:
    models = routes("en>pt-BR", "en>zh-Hant", "en>fr", "fr>en")
    with pytest.raises(UnsupportedPairError, match="there are the pairs en-pt-BR, en-zh-Hant, en-fr, fr-en"):
        models.find(*wanted)


def test_a_pivot_may_be_a_variant() -> None:
    assert found(routes("de>en-GB", "en>fr"), "de", "fr") == ["de>en-GB", "en>fr"]


def test_every_pair_is_listed_once() -> None:
    assert list(routes("de>en", "en>fr", "en>de", "en>de").pairs()) == [
        Pair("de", "en", "de>en", None),
        Pair("en", "fr", "en>fr", None),
        Pair("en", "de", "en>de", None),
        Pair("de", "fr", "de>en + en>fr", "en"),
    ]


def test_a_listed_pair_is_a_route() -> None:
    models = routes("de>en-GB", "en>fr", "fr>nl", "nl>de-AT", "ja>ko")
    for pair in models.pairs():
        assert len(models.find(pair.source, pair.target)) == (1 if pair.via is None else 2)


def test_a_refusal_repeats_no_text_of_the_client() -> None:
    with pytest.raises(UnsupportedPairError) as refused:
        routes("de>en").find("my secret letter", "en")
    assert "secret" not in str(refused.value)
    assert "de-en" in str(refused.value)


MANY = Between("en,de,zh-Hans,zh-Hant", "en,de,zh-Hans,zh-Hant", "many")


def test_a_model_of_several_languages_leads_between_any_two() -> None:
    models = LanguageRoutes([MANY, Between("de", "fr")])
    (step,) = models.find("de-AT", "zh-Hant")
    assert (step.model, step.source, step.target) == (MANY, "de", "zh-Hant")
    assert [(s.model.name, s.source, s.target) for s in models.find("en", "fr")] == [
        ("many", "en", "de"),
        ("de>fr", "de", "fr"),
    ]
    with pytest.raises(UnsupportedPairError):
        models.find("en", "en-US")
    assert (models.targets_from("de"), models.sources_into("de")) == (
        ("en", "zh-Hans", "zh-Hant", "fr"),
        ("en", "zh-Hans", "zh-Hant"),
    )
    assert list(models.listed()) == [
        ManyPairs("many", MANY.sources, MANY.targets),
        Pair("de", "fr", "de>fr", None),
        Pair("en", "fr", "many + de>fr", "de"),
        Pair("zh-Hans", "fr", "many + de>fr", "de"),
        Pair("zh-Hant", "fr", "many + de>fr", "de"),
    ]
    assert len(list(models.pairs())) == 12 + 1 + 3


def test_two_hundred_languages_take_no_time() -> None:
    tags = ",".join(f"{a}{b}" for a in "abcdefghij" for b in "abcdefghijklmnopqrst")
    models = LanguageRoutes([Between(tags, tags, "many")])
    assert next(models.pairs()).target == "ab"
    assert len(models.targets_from("aa")) == 199
    assert len(list(models.listed())) == 1
    with pytest.raises(
        UnsupportedPairError, match=r"from aa to xx; there are the target languages aa, .*, jt$"
    ):
        models.find("aa", "xx")
    with pytest.raises(
        UnsupportedPairError, match="from xx to aa; into aa there are the source languages ab,"
    ):
        models.find("xx", "aa")


def test_a_language_may_be_meant() -> None:
    models = routes("en>de", "de>fr")
    with pytest.raises(
        UnsupportedPairError, match=r"from en to Germn \(did you mean de\?\); there are the pairs"
    ):
        models.find("en", "Germn")
    with pytest.raises(UnsupportedPairError, match="from en to Galicain; there are the pairs"):
        models.find("en", "Galicain")


def test_the_log_has_the_first_pairs_and_the_number_of_the_others() -> None:
    many = routes(*(f"q{letter}>en" for letter in "abcdefghijklmnopqrstuvwxy"))
    assert many.in_brief()[18:] == ["qs-en", "qt-en", "and 5 more"]
    assert routes("de>en").in_brief() == ["de-en"]
