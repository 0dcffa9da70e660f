"""Search options: the model's defaults, the caller's changes, and what is refused."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from octavo.model.search import SearchDefaults, Stop
from octavo.translation import OptionError, search_options
from octavo.translation.options import settings_of

DEFAULTS = SearchDefaults(beam=5, length_penalty=0.6, length_ratio=1.5, length_margin=8)


def test_defaults_are_the_models() -> None:
    options = search_options(DEFAULTS, {})
    assert (options.beam, options.length_penalty) == (5, 0.6)
    assert (options.length_ratio, options.length_margin, options.nbest) == (1.5, 8, 1)


def test_changes_lie_over_the_defaults_and_none_changes_nothing() -> None:
    options = search_options(DEFAULTS, {"beam": 2, "nbest": 2, "length_penalty": None, "min_length": 3})
    assert (options.beam, options.nbest, options.length_penalty, options.min_length) == (2, 2, 0.6, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"beam": 0},
        {"beam": 65},
        {"beam": -1},
        {"beam": 2.0},
        {"beam": True},
        {"beam": "4"},
        {"nbest": 0},
        {"length_penalty": -0.1},
        {"length_penalty": 11},
        {"length_penalty": math.nan},
        {"length_penalty": math.inf},
        {"min_length": -1},
        {"max_length": 0},
        {"max_length": 1 << 40},
        {"length_ratio": -1.0},
        {"word_penalty": 10.5},
        {"repetition_penalty": 0},
        {"stop": "soon"},
    ],
)
def test_a_value_out_of_range_is_refused_by_name(changes: dict[str, Any]) -> None:
    name = next(iter(changes))
    with pytest.raises(OptionError, match=rf"{name} = .*must be"):
        search_options(DEFAULTS, changes)  # type: ignore[arg-type]


def test_rules_are_laid_over_the_models() -> None:
    defaults = SearchDefaults(stop=Stop.SHRINKING, word_penalty=0.5)
    options = search_options(defaults, {"repetition_penalty": 1.5})
    assert (options.stop, options.word_penalty, options.repetition_penalty) == (Stop.SHRINKING, 0.5, 1.5)
    assert search_options(defaults, {"stop": "heuristic"}).stop is Stop.HEURISTIC


def test_options_of_before_are_stated_as_before() -> None:
    """Translation memories keep translations under them."""
    names = ["beam", "nbest", "length_penalty", "min_length", "max_length", "length_ratio", "length_margin"]
    assert [*search_options(DEFAULTS, {}).stated()] == [*names, "no_repeat_ngram"]
    assert search_options(DEFAULTS, {"stop": "heuristic"}).stated()["stop"] == "heuristic"


@pytest.mark.parametrize("value", [np.int64(4), np.uint8(4), np.array(4)])
def test_whole_numbers_of_any_type_are_taken(value: Any) -> None:
    beam = search_options(DEFAULTS, {"beam": value}).beam
    assert (beam, type(beam)) == (4, int)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), Fraction(1, 2)])
def test_numbers_of_any_type_are_taken(value: Any) -> None:
    penalty = search_options(DEFAULTS, {"length_penalty": value}).length_penalty
    assert (penalty, type(penalty)) == (0.5, float)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam": "4"}, r"beam = '4' \(str\): must be a whole number from 1 to 64$"),
        ({"beam": 4.0}, r"beam = 4.0 \(float\): must be a whole number from 1 to 64$"),
        ({"beam": np.True_}, r"beam = .* \(bool_?\): must be a whole number from 1 to 64$"),
        ({"length_ratio": "2"}, r"length_ratio = '2' \(str\): must be a number from 0 to 100$"),
        ({"length_ratio": 10**400}, "must be a number from 0 to 100$"),
    ],
)
def test_the_type_is_named_where_it_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        search_options(DEFAULTS, changes)  # type: ignore[arg-type]


def test_more_results_than_hypotheses_are_refused() -> None:
    with pytest.raises(OptionError, match="nbest = 6 is more than beam = 5"):
        search_options(DEFAULTS, {"nbest": 6})


def test_a_minimum_over_the_maximum_is_refused() -> None:
    with pytest.raises(OptionError, match="min_length = 9 is more than max_length = 8"):
        search_options(DEFAULTS, {"min_length": 9, "max_length": 8})


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="'beams'"):
        search_options(DEFAULTS, {"beams": 4})  # type: ignore[typeddict-unknown-key]


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"glossary": "t.tsv"}, TypeError, r"glossary = 't.tsv': must be a Glossary; .*Glossary.read"),
        (
            {"memory": "m.db"},
            TypeError,
            r"memory = 'm.db': must be a TranslationMemory; .*TranslationMemory.open",
        ),
        ({"similar": 75}, OptionError, "similar asks a translation memory: give one as memory="),
        ({"similar": 20}, OptionError, "similar = 20: must be a number from 50 to 100"),
        ({"beem": 2}, TypeError, "unknown option 'beem'; known: alignments, beam, .*wrapped"),
    ],
)
def test_what_is_no_option_is_told(options: Any, error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=problem):
        settings_of(DEFAULTS, options)
