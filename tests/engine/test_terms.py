"""Terms in the search: all appear, as the reference says, whatever shares the batch; bad ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, EngineError, Hypothesis, SearchOptions, Term, cpu_report, default_precision
from octavo.quantization import QuantizedWeights, TensorModel

from ..integer.integer_models import random_integer_model
from ..models import integer_config, tiny_config, write_tiny_model
from ..shortlists import random_shortlist

CONTINUATIONS = np.arange(60, 96, dtype=np.int32)
"""Tokens that continue a word."""


@pytest.fixture(scope="module", params=["float32", "int8", "integer"])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ModelDirectory | TensorModel:
    if request.param == "integer":
        return random_integer_model(integer_config(), seed=5)
    path = tmp_path_factory.mktemp("model") / "model"
    model = ModelDirectory.open(write_tiny_model(path, config=tiny_config(), seed=5))
    return model if request.param == "float32" else QuantizedWeights(model).model(None)


def random_case(seed: int, count: int) -> tuple[list[np.ndarray], list[list[Term]]]:
    """Sources, and terms of few different tokens, so that they begin, end and hold one another."""
    rng = np.random.default_rng(seed)
    sources = [rng.integers(4, 90, rng.integers(1, 9)).astype(np.int32) for _ in range(count)]

    def term() -> Term:
        alternatives = [
            rng.integers(4, 4 + rng.choice([3, 80]), rng.integers(1, 4)).astype(np.int32)
            for _ in range(rng.integers(1, 4))
        ]
        return Term(alternatives, bool(rng.integers(2)))

    return sources, [[term() for _ in range(rng.integers(0, 4))] for _ in sources]


def occurs(tokens: list[int], term: list[int]) -> bool:
    return any(tokens[i : i + len(term)] == term for i in range(len(tokens)))


def as_bytes(results: list[list[Hypothesis]]) -> list[list[tuple[bytes, bytes, bool]]]:
    return [
        [(h.tokens.tobytes(), np.float32(h.score).tobytes(), h.complete) for h in found] for found in results
    ]


@pytest.mark.parametrize("beam", [1, 2, 3, 8])
def test_every_term_appears(model, beam: int) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    sources, terms = random_case(beam, 40)
    options = SearchOptions(beam=beam, nbest=beam, max_length=60)
    for wanted, found in zip(terms, engine.translate(sources, options, terms, CONTINUATIONS), strict=True):
        assert found
        for hypothesis in found:
            tokens = hypothesis.tokens.tolist()
            assert all(any(occurs(tokens, a.tolist()) for a in term.alternatives) for term in wanted)


@pytest.mark.parametrize("beam", [1, 4])
def test_float32_search_with_terms_is_the_references(tmp_path, beam: int) -> None:
    pytest.importorskip("torch", reason="the reference needs octavo[train]")
    from octavo import reference
    from octavo.reference.terms import Term as ReferenceTerm

    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=tiny_config(), seed=2))
    sources, terms = random_case(100 + beam, 30)
    options = SearchOptions(
        beam=beam, nbest=beam, length_penalty=0.7, min_length=2, length_ratio=1.0, length_margin=6
    )
    found = Engine(model, precision="float32", threads=1).translate(sources, options, terms, CONTINUATIONS)
    expected = reference.search(
        reference.from_arrays(model.config, dict(model.tensors())).eval(),
        [s.tolist() for s in sources],
        options,
        [
            [ReferenceTerm(tuple(tuple(a.tolist()) for a in t.alternatives), t.whole_words) for t in wanted]
            for wanted in terms
        ],
        CONTINUATIONS.tolist(),
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert [h.tokens.tolist() for h in ours] == [list(h.tokens) for h in theirs]
        assert [h.complete for h in ours] == [h.complete for h in theirs]
        np.testing.assert_allclose([h.score for h in ours], [h.score for h in theirs], atol=1e-5)


@pytest.mark.parametrize("with_shortlist", [False, True])
def test_batches_threads_and_tiers(model, with_shortlist: bool) -> None:
    shortlist = random_shortlist(model.config, common=40, per_token=3) if with_shortlist else None
    arguments = {"precision": default_precision(model), "shortlist": shortlist}
    sources, terms = random_case(7, 24)
    options = SearchOptions(beam=3, nbest=2, max_length=20, no_repeat_ngram=3)
    one = Engine(model, threads=1, **arguments)
    alone = [
        one.translate([source], options, [wanted], CONTINUATIONS)[0]
        for source, wanted in zip(sources, terms, strict=True)
    ]
    several = Engine(model, threads=3, **arguments)
    assert as_bytes(several.translate(sources, options, terms, CONTINUATIONS)) == as_bytes(alone)
    for isa in cpu_report()["available"]:
        found = Engine(model, threads=2, isa=isa, **arguments).translate(
            sources[:8], options, terms[:8], CONTINUATIONS
        )
        assert as_bytes(found) == as_bytes(alone[:8])


def test_a_sentence_without_terms_is_searched_as_before(model) -> None:
    engine = Engine(model, precision=default_precision(model), threads=2)
    sources, terms = random_case(3, 20)
    without = as_bytes(engine.translate(sources, SearchOptions()))
    assert as_bytes(engine.translate(sources, SearchOptions(), [None] * 20)) == without
    found = as_bytes(engine.translate(sources, SearchOptions(), terms, CONTINUATIONS))
    for i, wanted in enumerate(terms):
        if not wanted:
            assert found[i] == without[i]


def test_no_word_goes_on_after_a_term_of_whole_words(model) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    sources = random_case(11, 30)[0]
    term = Term([np.array([50, 51], np.int32)], whole_words=True)
    for found in engine.translate(sources, SearchOptions(), [[term]] * 30, CONTINUATIONS):
        tokens = found[0].tokens.tolist()
        assert any(
            tokens[i : i + 2] == [50, 51] and (tokens[i + 2 : i + 3] or [0])[0] not in CONTINUATIONS
            for i in range(len(tokens))
        )


def test_terms_without_room_leave_the_translation_incomplete(model) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    term = Term([np.arange(10, 20, dtype=np.int32)])
    found = engine.translate([np.array([5], np.int32)], SearchOptions(max_length=4), [[term]])[0][0]
    assert len(found.tokens) == 4
    assert not found.complete


def test_the_same_term_twice_appears_twice(model) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    term = Term([np.array([50, 51], np.int32)])
    for found in engine.translate(random_case(1, 10)[0], SearchOptions(), [[term, term]] * 10):
        tokens = found[0].tokens.tolist()
        assert sum(tokens[i : i + 2] == [50, 51] for i in range(len(tokens))) >= 2


@pytest.mark.parametrize(
    ("alternatives", "message"),
    [
        ([], "source 1: term 0 has no alternative"),
        ([[]], "source 1: term 0 has an alternative without tokens"),
        ([[5, 3]], "source 1: term 0 holds EOS, token 3"),
        ([[5], [0]], r"source 1: term 0 holds token 0, which is never produced \(suppressed_ids\)"),
        ([[5, 96]], "source 1: term 0 token 96 lies outside the vocabulary of 96"),
        ([[-1]], "source 1: term 0 token -1 lies outside the vocabulary"),
        ([[5] * 64], "source 1: term 0 has 64 tokens; the model takes at most 63"),
    ],
)
def test_terms_that_no_translation_can_contain_are_refused(model, alternatives, message: str) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    term = Term([np.array(a, np.int32) for a in alternatives])
    with pytest.raises(EngineError, match=message):
        engine.translate([np.array([5], np.int32)] * 2, SearchOptions(), [None, [term]])


def test_terms_that_repeat_one_token_and_have_many_alternatives(model) -> None:
    """The reading begins again at every token; more alternatives than 16 bits count."""
    engine = Engine(model, precision=default_precision(model), threads=1)
    long = Term([np.array([50] * 20 + [51], np.int32), np.array([50] * 19 + [52], np.int32)])
    many = Term([np.array([53, 54, 4 + i % 80], np.int32) for i in range(33_000)])
    found = engine.translate([np.array([5], np.int32)], SearchOptions(beam=1), [[long, many]])[0][0]
    tokens = found.tokens.tolist()
    assert occurs(tokens, [53, 54])
    assert occurs(tokens, [50] * 20 + [51]) or occurs(tokens, [50] * 19 + [52])


def test_too_many_terms_and_other_counts_are_refused(model) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    source, term = np.array([5], np.int32), Term([np.array([7], np.int32)])
    with pytest.raises(EngineError, match="source 0: has 257 terms; at most 256"):
        engine.translate([source], SearchOptions(), [[term] * 257])
    with pytest.raises(EngineError, match="there are 1 for 2 sources"):
        engine.translate([source, source], SearchOptions(), [[term]])
    with pytest.raises(EngineError, match="continuation 96 lies outside"):
        engine.translate([source], SearchOptions(), [[term]], np.array([96], np.int32))


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("beam", [1, 4])
def test_no_ngram_comes_twice(model, size: int, beam: int) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    options = SearchOptions(beam=beam, nbest=beam, no_repeat_ngram=size, min_length=25, length_ratio=9)
    for found in engine.translate(random_case(5, 10)[0], options):
        for hypothesis in found:
            tokens = hypothesis.tokens.tolist()
            ngrams = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
            assert len(set(ngrams)) == len(ngrams)


@pytest.mark.parametrize("size", [1, 2])
def test_ngrams_are_the_references(tmp_path, size: int) -> None:
    pytest.importorskip("torch", reason="the reference needs octavo[train]")
    from octavo import reference

    config = tiny_config(suppressed_ids=(0, 1, 2, *range(9, 96)))  # so that everything repeats soon
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=config, seed=2))
    sources = [np.array(s, np.int32) for s in ([4], [5, 6], [7, 8, 4, 5], [])]
    options = SearchOptions(beam=3, nbest=3, no_repeat_ngram=size, min_length=12, length_ratio=4)
    found = Engine(model, precision="float32", threads=1).translate(sources, options)
    expected = reference.search(
        reference.from_arrays(config, dict(model.tensors())).eval(), [s.tolist() for s in sources], options
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert [(h.tokens.tolist(), h.complete) for h in ours] == [
            (list(h.tokens), h.complete) for h in theirs
        ]
