"""Codes of languages as clients write them, and the names that they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.languages import SOURCE, Languages
from octavo.server.api.language_codes import tag_of
from octavo.text.language_names import language_name


@pytest.mark.parametrize(
    ("code", "tags", "tag"),
    [
        ("EN-GB", {"en", "de"}, "en"),
        ("en_us", {"en", "en-GB", "en-US"}, "en-US"),
        ("PT", {"pt-BR"}, "pt-BR"),
        ("PT-PT", {"pt-BR"}, None),
        ("ZH", {"zh-Hans", "zh-Hant"}, "zh-Hans"),
        ("FR", {"en"}, None),
        ("", {"en"}, None),
        ("x" * 1000, {"en"}, None),
        ("German", {"en", "de"}, "de"),
        ("__de__", {"en", "de"}, "de"),
        (">>deu<<", {"en", "de"}, "de"),
        ("<2de>", {"en", "de"}, "de"),
        ("deu_Latn", {"en", "de"}, "de"),
    ],
)
def test_tags(code: str, tags: set[str], tag: str | None) -> None:
    assert tag_of(code, tags) == tag


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("de", "German"),
        ("PT_br", "Portuguese (Brazilian)"),
        ("de-AT", "German (de-AT)"),
        ("xx-YY", "xx-YY"),
        ("", ""),
    ],
)
def test_names(tag: str, name: str) -> None:
    assert language_name(tag) == name


def test_every_language_of_published_models_has_a_name() -> None:
    codes = Path(__file__).parents[2] / "language_codes.txt"
    for family in codes.read_text("ascii").strip().split("\n\n"):
        names = family.split()[1:]
        languages = Languages({name: token for token, name in enumerate(names)}, (SOURCE,))
        assert [tag for tag in languages.tags if language_name(tag) == tag] == []
