"""Target prefixes: every translation begins with them, as the reference says, whatever shares the batch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, EngineError, Hypothesis, SearchOptions, Term, cpu_report, default_precision
from octavo.model.alignment_heads import AlignmentHeads
from octavo.quantization import QuantizedWeights, TensorModel

from ..integer.integer_models import random_integer_model
from ..models import integer_config, tiny_config, write_tiny_model
from ..shortlists import random_shortlist

OPTIONS = SearchOptions(beam=3, nbest=3, length_penalty=0.6, length_ratio=1.0, length_margin=3)


@pytest.fixture(scope="module", params=["float32", "int8", "integer"])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ModelDirectory | TensorModel:
    if request.param == "integer":
        return random_integer_model(integer_config(), seed=5)
    path = tmp_path_factory.mktemp("model") / "model"
    model = ModelDirectory.open(write_tiny_model(path, config=tiny_config(), seed=5))
    return model if request.param == "float32" else QuantizedWeights(model).model(None)


def random_case(seed: int, count: int) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
    """Sources, and prefixes of 0 to 4 tokens, or none."""
    rng = np.random.default_rng(seed)
    sources = [rng.integers(4, 96, rng.integers(1, 12)).astype(np.int32) for _ in range(count)]
    prefixes = [
        None if rng.random() < 0.3 else rng.integers(4, 96, rng.integers(0, 5)).astype(np.int32)
        for _ in sources
    ]
    return sources, prefixes


def as_bytes(results: list[list[Hypothesis]]) -> list[list[tuple[bytes, bytes, bool]]]:
    return [
        [(h.tokens.tobytes(), np.float32(h.score).tobytes(), h.complete) for h in found] for found in results
    ]


@pytest.mark.parametrize("beam", [1, 4])
def test_the_search_is_the_references(tmp_path, beam: int) -> None:
    pytest.importorskip("torch", reason="the reference needs octavo[train]")
    from octavo import reference
    from octavo.reference.terms import Term as ReferenceTerm

    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=tiny_config(), seed=2))
    sources, prefixes = random_case(beam, 16)
    rng = np.random.default_rng(9)
    # Some terms begin in the prefix, or lie in it.
    terms = [
        [rng.choice([*(() if p is None else p), *range(4, 9)], rng.integers(1, 3)).tolist()]
        if rng.random() < 0.5
        else []
        for p in prefixes
    ]
    options = dataclasses.replace(OPTIONS, beam=beam, nbest=beam, min_length=3, no_repeat_ngram=2)
    found = Engine(model, precision="float32", threads=1).translate(
        sources,
        options,
        [[Term([np.array(t, np.int32)]) for t in wanted] for wanted in terms],
        target_prefixes=prefixes,
    )
    expected = reference.search(
        reference.from_arrays(model.config, dict(model.tensors())).eval(),
        [s.tolist() for s in sources],
        options,
        [[ReferenceTerm((tuple(t),)) for t in wanted] for wanted in terms],
        prefixes=[[] if p is None else p.tolist() for p in prefixes],
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert [h.tokens.tolist() for h in ours] == [list(h.tokens) for h in theirs]
        assert [h.complete for h in ours] == [h.complete for h in theirs]
        np.testing.assert_allclose([h.score for h in ours], [h.score for h in theirs], atol=1e-5)


def test_forced_tokens_cost_nothing_and_count_in_the_length(tmp_path) -> None:
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=tiny_config(), seed=4))
    engine = Engine(model, precision="float32", threads=1)
    source, prefix = np.array([7, 30, 12], np.int32), np.array([60, 11], np.int32)
    options = SearchOptions(beam=4, nbest=4, length_penalty=0.7, max_length=20)
    for found in engine.translate([source], options, target_prefixes=[prefix])[0]:
        tokens = found.tokens.tolist()
        assert tokens[:2] == [60, 11]
        logits = engine.logits(source, found.tokens).astype(np.float64)
        steps = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        ended = [*tokens, model.config.eos_id] if found.complete else tokens
        total = sum(steps[i, token] for i, token in enumerate(ended) if i >= 2)
        assert found.score == pytest.approx(total / len(ended) ** 0.7, abs=1e-5)


@pytest.mark.parametrize("with_shortlist", [False, True])
def test_batches_threads_and_tiers(model, with_shortlist: bool) -> None:
    shortlist = random_shortlist(model.config, common=40, per_token=3) if with_shortlist else None
    arguments = {"precision": default_precision(model), "shortlist": shortlist}
    sources, prefixes = random_case(7, 40)
    one = Engine(model, threads=1, **arguments)
    alone = [
        one.translate([source], OPTIONS, target_prefixes=[prefix])[0]
        for source, prefix in zip(sources, prefixes, strict=True)
    ]
    several = Engine(model, threads=3, **arguments)
    assert as_bytes(several.translate(sources, OPTIONS, target_prefixes=prefixes)) == as_bytes(alone)
    futures = [
        several.submit([source], OPTIONS, target_prefixes=[prefix])[0]
        for source, prefix in zip(sources, prefixes, strict=True)
    ]
    assert as_bytes([future.result() for future in futures]) == as_bytes(alone)
    for isa in cpu_report()["available"]:
        found = Engine(model, threads=2, isa=isa, **arguments).translate(
            sources[:8], OPTIONS, target_prefixes=prefixes[:8]
        )
        assert as_bytes(found) == as_bytes(alone[:8])
    for prefix, found in zip(prefixes, alone, strict=True):
        wanted = [] if prefix is None else prefix.tolist()
        assert all(h.tokens.tolist()[: len(wanted)] == wanted for h in found)


def test_a_sentence_without_prefix_is_searched_as_before(model) -> None:
    engine = Engine(model, precision=default_precision(model), threads=2)
    sources, prefixes = random_case(3, 20)
    without = as_bytes(engine.translate(sources, OPTIONS))
    assert as_bytes(engine.translate(sources, OPTIONS, target_prefixes=[None] * 20)) == without
    found = as_bytes(engine.translate(sources, OPTIONS, target_prefixes=prefixes))
    for i, prefix in enumerate(prefixes):
        if prefix is None or not len(prefix):
            assert found[i] == without[i]


def test_the_best_translation_as_a_prefix_is_found_again(model) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)
    sources, _ = random_case(5, 20)
    options = SearchOptions(beam=1)
    free = [found[0] for found in engine.translate(sources, options)]
    half = [h.tokens[: len(h.tokens) // 2] for h in free]
    forced = [found[0] for found in engine.translate(sources, options, target_prefixes=half)]
    longest = [2 * (len(source) + 1) + 16 for source in sources]
    for ours, theirs, cap in zip(forced, free, longest, strict=True):
        assert ours.tokens.tolist()[: cap - 1] == theirs.tokens.tolist()[: cap - 1]


def test_forced_tokens_have_alignments(tmp_path) -> None:
    path = write_tiny_model(
        tmp_path / "model", config=tiny_config(), seed=4, alignment=AlignmentHeads(((1, 0),))
    )
    model = ModelDirectory.open(path)
    engine = Engine(model, precision="float32", threads=1)
    source, prefix = np.array([7, 30, 12], np.int32), np.array([60, 11, 9], np.int32)
    found = engine.translate([source], OPTIONS, target_prefixes=[prefix], alignments=True)[0][0]
    weights = engine.attention([source], [found.tokens], [(1, 0)])[0][0]
    np.testing.assert_array_equal(found.attention, weights[: len(found.tokens)])


def test_suppressed_tokens_may_be_forced(tmp_path) -> None:
    config = tiny_config(suppressed_ids=(0, 1, 2, 50))
    engine = Engine(
        ModelDirectory.open(write_tiny_model(tmp_path / "model", config=config)), precision="float32"
    )
    found = engine.translate([[7, 8]], OPTIONS, target_prefixes=[[50, 2]])[0][0].tokens.tolist()
    assert found[:2] == [50, 2]
    assert not {0, 1, 2, 50} & set(found[2:])


def test_bad_prefixes_are_refused(model) -> None:
    engine = Engine(model, precision=default_precision(model), threads=1)

    def refused(prefixes: list, message: str, **options) -> None:
        with pytest.raises(EngineError, match=message):
            engine.translate([[5], [6]], SearchOptions(**options), target_prefixes=prefixes)

    refused([[5]], "there are 1 for 2 sources")
    refused([None, [96]], "source 1: target prefix token 96 lies outside the vocabulary of 96")
    refused([[5, model.config.eos_id], None], "source 0: target prefix holds EOS, token 3")
    refused([[5] * 64, None], "source 0: target prefix has 64 tokens; the model takes at most 63")
    refused([[5] * 9, None], "9 tokens, which leaves no room .* max_length = 9", max_length=9)
    refused([[[5]], None], "token ids must be integers")
    found = engine.translate([[5]], SearchOptions(max_length=10), target_prefixes=[[5] * 9])[0][0]
    assert found.tokens.tolist()[:9] == [5] * 9
