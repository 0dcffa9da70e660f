"""Tags of two letters and of three mean the same language."""

from __future__ import annotations

import pytest

from octavo.text.language_tags import distance, primary_subtag, shortest_tag


@pytest.mark.parametrize(
    ("tag", "shortest"),
    [
        ("eng", "en"),
        ("GER", "de"),
        ("arb", "ar"),
        ("zho_CN", "zh_CN"),
        ("ast", "ast"),
        ("pt-BR", "pt-BR"),
        ("", ""),
    ],
)
def test_a_tag_has_two_letters_where_its_language_has(tag: str, shortest: str) -> None:
    assert shortest_tag(tag) == shortest


def test_both_forms_are_one_language() -> None:
    assert distance("en", "eng") == distance("eng", "en") == 0
    assert distance("deu_Latn", "de") == 1
    assert distance("cmn", "zh") is None
    assert primary_subtag("deu-AT") == "de"
