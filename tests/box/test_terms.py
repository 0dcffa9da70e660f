"""Words of the references, forced into translations of the trained models."""

from __future__ import annotations

import re

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, SearchOptions, Term, default_precision

from .conftest import encoded

SENTENCES = 200
FOR_REFERENCE = 30
FLOAT_ERROR = 1e-4


@pytest.fixture(scope="module")
def chosen(test_2016: tuple[list[str], list[str]]) -> list[str]:
    """The longest word of each reference."""
    return [max(re.findall(r"\w+", line), key=len) for line in test_2016[1][:SENTENCES]]


def as_terms(model: ModelDirectory, words: list[str]) -> list[list[Term]]:
    target = model.tokenizers()[1]
    return [[Term([np.array(target.encode(word), np.int32)], whole_words=True)] for word in words]


@pytest.mark.parametrize("name", ["master", "boxed", "integers"])
def test_every_word_appears_as_a_word(
    name: str, request: pytest.FixtureRequest, english: list[str], chosen: list[str]
) -> None:
    model: ModelDirectory = request.getfixturevalue(name)
    sources = encoded(model, english[:SENTENCES])
    target = model.tokenizers()[1]
    engine = Engine(model, precision=default_precision(model), shortlist=model.shortlist())
    found = engine.translate(sources, SearchOptions(), as_terms(model, chosen), target.continuations)
    for word, hypotheses in zip(chosen, found, strict=True):
        assert word in re.findall(r"\w+", target.decode(hypotheses[0].tokens.tolist()))


@pytest.mark.parametrize("beam", [1, 4])
def test_float32_translates_with_terms_as_the_reference(
    master: ModelDirectory, english: list[str], chosen: list[str], beam: int
) -> None:
    pytest.importorskip("torch", reason="the reference needs octavo[train]")
    from octavo import reference
    from octavo.reference.terms import Term as ReferenceTerm

    sources = encoded(master, english[:FOR_REFERENCE])
    terms = as_terms(master, chosen[:FOR_REFERENCE])
    continuations = master.tokenizers()[1].continuations
    options = SearchOptions(beam=beam)
    found = Engine(master, precision="float32").translate(sources, options, terms, continuations)
    expected = reference.search(
        reference.from_arrays(master.config, dict(master.tensors())).eval(),
        [source.tolist() for source in sources],
        options,
        [[ReferenceTerm((tuple(term.alternatives[0].tolist()),), True) for term in of] for of in terms],
        continuations.tolist(),
    )
    for ours, theirs in zip(found, expected, strict=True):
        same = ours[0].tokens.tolist() == list(theirs[0].tokens)
        assert same or ours[0].score == pytest.approx(theirs[0].score, abs=FLOAT_ERROR)
