"""How a model is searched: what is written, what is read, and what no search can be."""

from __future__ import annotations

import pytest

from octavo.model.errors import SpecError
from octavo.model.search import SearchDefaults, SearchOptions, Stop


def test_rules_at_their_defaults_are_not_written() -> None:
    assert set(SearchDefaults().to_dict()) == {"beam", "length_penalty", "length_ratio", "length_margin"}


def test_rules_are_read_as_they_were_written() -> None:
    marian = SearchDefaults(6, 0.6, 3.0, 0, word_penalty=0.1, stop=Stop.SHRINKING, repetition_penalty=1.2)
    written = marian.to_dict()
    assert written["stop"] == "shrinking"
    assert "no_repeat_ngram" not in written
    assert SearchDefaults.from_dict(written) == marian


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stop": "soon"}, "stop = 'soon': must be one of full, heuristic, exhaustive, shrinking"),
        ({"word_penalty": 11.0}, "word_penalty = 11.0: must be from -10 to 10"),
        ({"repetition_penalty": 0.0}, "repetition_penalty = 0.0: must be from 0.1 to 10"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram = -1: must be from 0"),
        ({"length_margin": -1}, "length_margin = -1: must be from 0"),
    ],
)
def test_what_no_search_can_be_is_refused(values: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        SearchDefaults.from_dict(values)


def test_a_search_begins_with_the_models_rules() -> None:
    defaults = SearchDefaults(stop=Stop.HEURISTIC, no_repeat_ngram=3, word_penalty=0.5)
    options = SearchOptions.from_defaults(defaults, beam=2, stop=None, no_repeat_ngram=0)
    assert options == SearchOptions(beam=2, stop=Stop.HEURISTIC, word_penalty=0.5)
