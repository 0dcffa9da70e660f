# ruff: noqa: RUF001 - the punctuation of other scripts is meant
"""Sentences end where a reader ends them, in many languages, and no text is too much."""

from __future__ import annotations

import time
import tomllib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.text import abbreviations, split_sentences
from octavo.text.sentences import sentence_ends

LINES = Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()
CASES = [line.split("\t") for line in LINES if not line.startswith("#")]
WITHOUT_SPACES = ("ja", "zh")

ANY_TEXT = st.one_of(
    st.text(st.characters(categories=None)),
    st.text(st.sampled_from("aA1 .!?\"')。、…\n\u0301\u200d👍🏽日—«»“”[]*_"), max_size=300),
)
LANGUAGES = st.sampled_from(["en", "de", "fr", "es", "xx", ""])


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_sentences(case: list[str]) -> None:
    language, *sentences = case
    text = ("" if language in WITHOUT_SPACES else " ").join(sentences)
    assert split_sentences(text, language) == sentences


def test_there_are_cases_of_many_languages() -> None:
    assert len(CASES) >= 200
    assert len({language for language, *_ in CASES}) >= 6


def test_lists_of_words_are_read_whole() -> None:
    lists = tomllib.loads(Path(abbreviations.__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    assert len(lists) >= 16
    for name, words in lists.items():
        rules = abbreviations.language_rules(name)
        for kind, text in words.items():
            assert set(text.split()) <= getattr(rules, kind), f"{name}: {kind}"
            assert not any(word.endswith(".") for word in text.split()), f"{name}: words stand without a stop"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" One. ", ["One."]),
        ("One. Two!  Three? ", ["One.", "Two!", "Three?"]),
        ("One\nTwo.\r\nThree", ["One", "Two.", "Three"]),
        ("You can apply.Are you sure?", ["You can apply.", "Are you sure?"]),
        ("Really?Yes, it is!Good.", ["Really?", "Yes, it is!", "Good."]),
        ("Math.Floor and System.Out and www.example.Com", ["Math.Floor and System.Out and www.example.Com"]),
        ("A.B. and 3.5 and e.g.Then", ["A.B. and 3.5 and e.g.Then"]),
        ("It cost $5. Then more.", ["It cost $5.", "Then more."]),
        ("Wait... what?! Well… Yes (no.) So", ["Wait... what?!", "Well…", "Yes (no.)", "So"]),
        ("Great! 😀 See you 👍🏽. Bye.", ["Great!", "😀 See you 👍🏽.", "Bye."]),
    ],
)
def test_english(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_every_stop_of_a_script_ends_a_sentence() -> None:
    for stop in ".!?…؟۔।॥։።？。！｡":
        wide = unicodedata.east_asian_width(stop) in "WFH" and stop != "…"
        text = f"Aaaa{stop}{'' if wide else ' '}Bbbb"
        assert split_sentences(text) == [f"Aaaa{stop}", "Bbbb"], stop


@settings(deadline=None, max_examples=300)
@given(text=ANY_TEXT, language=LANGUAGES)
def test_sentences_lose_nothing(text: str, language: str) -> None:
    assert "".join("".join(split_sentences(text, language)).split()) == "".join(text.split())
    ends = sentence_ends(text, language)
    assert ends == sorted(set(ends))
    assert all(0 < end < len(text) for end in ends)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            ".",
            "a. ",
            "A. ",
            "1. ",
            "“ ",
            '" ',
            ". ",
            "! ",
            "a.A",
            "Dr. ",
            "…",
            "z. B. ",
            '."',
            "(",
            ") ",
            "»",
            ". »",
        ),
        *(
            "。",
            "。」",
            "-",
            "— ",
            " ",
            "\n",
            ".\n",
            "a",
            "x'x'",
            "'",
            "1.1.",
            "I. ",
            "a.b.c",
            "_",
            "*",
            "😀. ",
            "\u0301",
        ),
    ],
)
def test_time_grows_with_length_alone(unit: str) -> None:
    """50,000 characters, whatever they are, take well under the minutes that a square would."""
    text = (unit * 50_000)[:200_000]
    start = time.process_time()
    for language in ("en", "de"):
        sentence_ends(text, language)
    assert time.process_time() - start < 20
