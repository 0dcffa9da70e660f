"""Rules of the search that other programs have: as the reference says, and each sentence by its own rules."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, EngineError, Hypothesis, SearchOptions, Term, cpu_report, default_precision
from octavo.model.search import Stop
from octavo.quantization import QuantizedWeights, TensorModel

from ..integer.integer_models import random_integer_model
from ..models import integer_config, tiny_config, write_tiny_model
from ..shortlists import random_shortlist

BASE = SearchOptions(beam=4, nbest=2, length_penalty=0.6, length_ratio=1.0, length_margin=4)
RULES = {
    "word penalty": {"word_penalty": 0.7, "length_penalty": 0.3},
    "word reward": {"word_penalty": -1.5, "length_penalty": 1.2},
    "heuristic": {"stop": Stop.HEURISTIC},
    "exhaustive": {"stop": Stop.EXHAUSTIVE, "length_penalty": 1.5},
    "shrinking": {"stop": Stop.SHRINKING, "word_penalty": 0.2},
    "no margin": {"length_margin": 0, "length_ratio": 1.5},
    "repetition": {"repetition_penalty": 1.7},
    "likes repetition": {"repetition_penalty": 0.6, "no_repeat_ngram": 3},
    "other suppressed": {"suppressed_ids": (0, 2, *range(30, 60))},
}


@pytest.fixture(scope="module", params=["float32", "int8", "integer"])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ModelDirectory | TensorModel:
    if request.param == "integer":
        return random_integer_model(integer_config(), seed=5)
    path = tmp_path_factory.mktemp("model") / "model"
    model = ModelDirectory.open(write_tiny_model(path, config=tiny_config(output_bias=True), seed=5))
    return model if request.param == "float32" else QuantizedWeights(model).model(None)


def as_bytes(found: list[Hypothesis]) -> list[tuple[bytes, bytes, bool]]:
    return [(h.tokens.tobytes(), np.float32(h.score).tobytes(), h.complete) for h in found]


def random_sources(seed: int, count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(4, 96, rng.integers(1, 12)).astype(np.int32) for _ in range(count)]


@pytest.mark.parametrize("rule", RULES)
def test_the_search_is_the_references(tmp_path, rule: str) -> None:
    pytest.importorskip("torch", reason="the reference needs octavo[train]")
    from octavo import reference
    from octavo.reference.terms import Term as ReferenceTerm

    model = ModelDirectory.open(
        write_tiny_model(tmp_path / "model", config=tiny_config(output_bias=True), seed=2)
    )
    sources = random_sources(3, 12)
    rng = random.Random(4)
    terms = [[rng.sample(range(60, 70), 2)] if rng.random() < 0.4 else [] for _ in sources]
    options = dataclasses.replace(BASE, **RULES[rule])
    found = Engine(model, precision="float32", threads=1).translate(
        sources, options, [[Term([np.array(t, np.int32)]) for t in wanted] for wanted in terms]
    )
    expected = reference.search(
        reference.from_arrays(model.config, dict(model.tensors())).eval(),
        [s.tolist() for s in sources],
        options,
        [[ReferenceTerm((tuple(t),)) for t in wanted] for wanted in terms],
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert [h.tokens.tolist() for h in ours] == [list(h.tokens) for h in theirs]
        assert [h.complete for h in ours] == [h.complete for h in theirs]
        np.testing.assert_allclose([h.score for h in ours], [h.score for h in theirs], atol=1e-5)


def random_options(rng: random.Random) -> SearchOptions:
    """Any rules together."""
    beam = rng.choice([1, 2, 4, 5])
    return SearchOptions(
        beam=beam,
        nbest=rng.randint(1, beam),
        length_penalty=rng.choice([0.0, 0.2, 1.0, 1.7]),
        min_length=rng.choice([0, 0, 4]),
        max_length=rng.randint(8, 20),
        length_margin=rng.choice([0, 3, 16]),
        word_penalty=rng.choice([0.0, 0.0, 0.5, -1.0]),
        stop=rng.choice(list(Stop)),
        no_repeat_ngram=rng.choice([0, 0, 1, 2]),
        repetition_penalty=rng.choice([1.0, 1.0, 1.4, 0.8]),
        suppressed_ids=rng.choice([None, None, (), (0, 1, 2, *range(30, 60))]),
    )


@pytest.mark.parametrize("with_shortlist", [False, True])
def test_each_sentence_has_its_own_rules(model, with_shortlist: bool) -> None:
    """Sentences of any options, prefixes and terms share the batches; each gets what it gets alone."""
    shortlist = random_shortlist(model.config, common=40, per_token=3) if with_shortlist else None
    arguments = {"precision": default_precision(model), "shortlist": shortlist}
    rng = random.Random(11)
    cases = []
    for source in random_sources(6, 60):
        prefix = np.array(rng.choices(range(4, 96), k=rng.randint(0, 3)), np.int32)
        term = Term([np.array(rng.sample(range(60, 70), 2), np.int32)]) if rng.random() < 0.3 else None
        cases.append((source, random_options(rng), [term] if term else None, prefix))

    def submitted(engine: Engine, case: tuple) -> object:
        source, options, terms, prefix = case
        return engine.submit([source], options, [terms], target_prefixes=[prefix])[0]

    one = Engine(model, threads=1, **arguments)
    alone = [as_bytes(submitted(one, case).result()) for case in cases]
    several = Engine(model, threads=3, streams=2, **arguments)
    together = [submitted(several, case) for case in cases]
    assert [as_bytes(future.result()) for future in together] == alone
    for isa in cpu_report()["available"]:
        engine = Engine(model, threads=1, isa=isa, **arguments)
        together = [submitted(engine, case) for case in cases[:15]]
        assert [as_bytes(future.result()) for future in together] == alone[:15]


@pytest.mark.parametrize("stop", Stop)
def test_fewer_results_are_the_first_of_more(model, stop: Stop) -> None:
    """That the results are certain ends a search early, and changes nothing in them."""
    engine = Engine(model, precision=default_precision(model), threads=1)
    options = dataclasses.replace(BASE, nbest=4, stop=stop, word_penalty=0.3)
    sources = random_sources(8, 30)
    every = engine.translate(sources, options)
    for nbest in (1, 2):
        fewer = engine.translate(sources, dataclasses.replace(options, nbest=nbest))
        assert [as_bytes(found) for found in fewer] == [as_bytes(found[:nbest]) for found in every]


def test_greedy_search_ends_with_the_first_eos(model) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    sources = random_sources(9, 20)
    found = [
        [as_bytes(one) for one in engine.translate(sources, SearchOptions(beam=1, stop=stop))]
        for stop in Stop
    ]
    assert all(one == found[0] for one in found)


def test_what_a_request_may_produce_is_its_own(tmp_path) -> None:
    config = tiny_config(suppressed_ids=(0, 1, 2, *range(20, 96)))
    engine = Engine(
        ModelDirectory.open(write_tiny_model(tmp_path / "model", config=config)), precision="float32"
    )

    def tokens(suppressed: tuple[int, ...] | None) -> set[int]:
        options = SearchOptions(suppressed_ids=suppressed, min_length=12)
        return {t for found in engine.translate(random_sources(1, 20), options) for t in found[0].tokens}

    assert tokens(None) <= set(range(4, 20))
    assert tokens((0, 1, 2, *range(4, 20))) <= set(range(20, 96))
    assert tokens((*range(4, 96),)) <= {0, 1, 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"word_penalty": 11.0}, "word_penalty must be from -10 to 10"),
        ({"word_penalty": float("nan")}, "word_penalty"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be from 0.1 to 10"),
        ({"length_margin": -1}, "length_margin must be from 0"),
        ({"stop": "soon"}, "stop = 'soon': not a value it can be"),
        ({"suppressed_ids": (96,)}, "suppressed_ids token 96 lies outside the vocabulary of 96"),
        ({"suppressed_ids": "x"}, "suppressed_ids = 'x': not a value it can be"),
    ],
)
def test_bad_rules_are_refused(model, options: dict, message: str) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    with pytest.raises(EngineError, match=message):
        engine.translate([[5]], SearchOptions(**options))
