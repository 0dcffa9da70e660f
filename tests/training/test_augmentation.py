# ruff: noqa: RUF001 - typographic quotes are meant
"""Changed copies of sentence pairs: each change alone, and all by their rates."""

from __future__ import annotations

import random
import re

import pytest

from octavo.training.augmentation import (
    augment,
    joined,
    lower_case,
    other_numbers,
    title_case,
    typographic_quotes,
    upper_case,
    with_placeholder,
    with_typing_errors,
    without_final_punctuation,
)
from octavo.training.recipe import AugmentationRecipe
from octavo.training.untranslatable import untranslatable

PAIR = ("I paid 24.99 dollars to Sarah in 2015.", "Ich zahlte Sarah 2015 24.99 Dollar.")


@pytest.fixture
def draw() -> random.Random:
    return random.Random(3)


def test_without_rates_nothing_changes(draw: random.Random) -> None:
    assert augment([PAIR, ("b", "c")], AugmentationRecipe(), draw) == [PAIR, ("b", "c")]


def test_the_same_draws_give_the_same_pairs() -> None:
    rates = AugmentationRecipe(**dict.fromkeys(AugmentationRecipe.model_fields, 0.5))
    first, again, other = (augment([PAIR] * 50, rates, random.Random(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_rate_is_a_share(draw: random.Random) -> None:
    found = augment([PAIR] * 2000, AugmentationRecipe(upper=0.25, copies=0.1), draw)
    assert len(found) == 2200
    assert sum(source.isupper() for source, _ in found[:2000]) == pytest.approx(500, abs=100)
    assert all(source == target for source, target in found[2000:])


def test_numbers_change_alike_on_both_sides(draw: random.Random) -> None:
    for _ in range(50):
        source, target = other_numbers(PAIR, draw)
        assert (source, target) != PAIR
        found = re.findall(r"[\d.]*\d", source)
        assert sorted(found) == sorted(re.findall(r"[\d.]*\d", target))
        assert [re.sub(r"\d", "0", number) for number in found] == ["00.00", "0000"]
        assert not any(number.startswith("0") for number in found)


@pytest.mark.parametrize(
    "pair", [("I have 2 cats.", "Ich habe zwei Katzen."), ("1 file", "1 Datei"), ("No.", "Nein.")]
)
def test_numbers_stay_where_they_cannot_change(pair: tuple[str, str], draw: random.Random) -> None:
    assert other_numbers(pair, draw) == pair


def test_what_a_placeholder_adds_is_the_same_on_both_sides(draw: random.Random) -> None:
    seen = set()
    for _ in range(300):
        source, target = with_placeholder(PAIR, draw)
        marks = [set(re.findall(r"<[^>]+>|[%${@&_][^\s<>.:)]*", text)) for text in (source, target)]
        assert marks[0] == marks[1] != set()
        seen |= marks[0]
    assert len(seen) > 20


def test_a_placeholder_takes_the_place_of_whole_words_only(draw: random.Random) -> None:
    pair = ("Information for you", "Informationen")
    for _ in range(100):
        assert "Informationen" in with_placeholder(pair, draw)[1]


def test_cases(draw: random.Random) -> None:
    assert upper_case(("Where is %s?", "Wo ist %s?")) == ("Where is %s?", "Wo ist %s?")
    assert upper_case(("a street", "eine Straße")) == ("A STREET", "EINE STRASSE")
    assert title_case(("save the file", "Datei speichern")) == ("Save The File", "Datei speichern")
    lowered = {lower_case(("I don't know.", "Ich weiß nicht."), draw) for _ in range(40)}
    assert {target for _, target in lowered} == {"Ich weiß nicht."}
    assert {"i dont know", "i don't know."} <= {source for source, _ in lowered}


def test_the_last_stop_goes_from_both_sides_or_none() -> None:
    assert without_final_punctuation(("Stop!", "Halt!")) == ("Stop", "Halt")
    assert without_final_punctuation(("Stop", "Halt!")) == ("Stop", "Halt!")
    assert without_final_punctuation(("...", "...")) == ("...", "...")


def test_quotes_become_typographic() -> None:
    assert typographic_quotes(('He didn\'t say "yes".', 'Er sagte nicht "ja".')) == (
        "He didn’t say “yes”.",
        "Er sagte nicht „ja“.",
    )


def test_typing_errors_stay_small(draw: random.Random) -> None:
    for _ in range(100):
        source, target = with_typing_errors(PAIR, draw)
        assert target == PAIR[1]
        assert abs(len(source) - len(PAIR[0])) <= 2
    assert with_typing_errors(("open file_name", "x"), draw) == ("open file_name", "x")


def test_joined_texts_are_sentences_that_came_one_after_another(draw: random.Random) -> None:
    pairs = [(f"Source {i}.", f"Target {i}.") for i in range(200)]
    found = joined(pairs, 0.3, draw)
    assert " ".join(source for source, _ in found) == " ".join(source for source, _ in pairs)
    assert " ".join(target for _, target in found) == " ".join(target for _, target in pairs)
    assert 100 < len(found) < 180
    assert joined([("Open", "Öffnen"), ("A file.", "Eine Datei.")], 0.999, draw) == [
        ("Open", "Öffnen"),
        ("A file.", "Eine Datei."),
    ]


def test_untranslatable_texts_are_of_many_kinds(draw: random.Random) -> None:
    found = [untranslatable(draw) for _ in range(9000)]
    assert all(text.strip() == text and text for text in found)
    assert {str(day) for day in range(1, 32)} <= set(found)
    for pattern in (r"https?://", r"\w+@\w+", r"[\u4e00-\u9fa5]", "[😀-🙏]", r"\w_\w", r"\d+:\d\d"):
        assert any(re.search(pattern, text) for text in found), pattern
