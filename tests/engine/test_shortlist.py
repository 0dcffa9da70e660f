"""Shortlists in the engine: exact against plain numpy, the same whatever the batch, and bad lists refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from octavo.artifact import ModelDirectory, Shortlist
from octavo.artifact.shortlist import full_shortlist
from octavo.engine import Engine, EngineError, Hypothesis, SearchOptions, cpu_report, default_precision
from octavo.model.config import AttentionFunction, ModelConfig, NormFunction
from octavo.quantization import QuantizedWeights, TensorModel
from octavo.simulation import binary32

from ..integer.integer_models import random_integer_model
from ..models import tiny_config, write_tiny_model
from ..plans import plan_for
from ..shortlists import random_shortlist

CHUNK = 512
ISAS = cpu_report()["available"]
VOCABULARY = 320
CONFIGS = {
    "tied": tiny_config(source_vocab_size=VOCABULARY, target_vocab_size=VOCABULARY),
    "output bias, odd width": tiny_config(
        source_vocab_size=96,
        target_vocab_size=VOCABULARY,
        d_model=42,
        attention_heads=3,
        shared_embeddings=False,
        tied_output=False,
        output_bias=True,
    ),
}
INTEGER_PARTS = {"attention": AttentionFunction.POLYNOMIAL, "norm_function": NormFunction.L1}
PRECISIONS = ("float32", "dynamic", "mixed", "integer")
OPTIONS = SearchOptions(beam=3, nbest=3, length_penalty=0.6, min_length=2, length_ratio=1.0, length_margin=3)


@pytest.fixture(scope="module", params=[(c, p) for c in CONFIGS for p in PRECISIONS], ids="-".join)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    name, precision = request.param
    if precision == "integer":
        return random_integer_model(dataclasses.replace(CONFIGS[name], **INTEGER_PARTS), seed=11)
    path = tmp_path_factory.mktemp("model") / "model"
    found = ModelDirectory.open(write_tiny_model(path, config=CONFIGS[name], seed=11))
    if precision == "float32":
        return found
    plan = None if precision == "dynamic" else plan_for(found.config, precision)
    return QuantizedWeights(found).model(plan)


@pytest.fixture(scope="module")
def sources(model: ModelDirectory | TensorModel) -> list[np.ndarray]:
    rng = np.random.default_rng(8)
    most = model.config.source_vocab_size
    return [rng.integers(4, most, rng.integers(0, 20)).astype(np.int32) for _ in range(40)]


@pytest.fixture(scope="module")
def shortlist(model: ModelDirectory | TensorModel) -> Shortlist:
    return random_shortlist(model.config, common=70, per_token=6)


def open_engine(model: ModelDirectory | TensorModel, **arguments) -> Engine:
    return Engine(model, precision=default_precision(model), **arguments)


def as_bytes(results: list[list[Hypothesis]]) -> list[list[tuple[bytes, bytes, bool]]]:
    return [
        [(h.tokens.tobytes(), np.float32(h.score).tobytes(), h.complete) for h in found] for found in results
    ]


def log_sum_exp(logits: np.ndarray) -> np.float32:
    """docs/numerics.md, one chunk."""
    largest = logits.max()
    found = largest + binary32.log(binary32.sum16(binary32.exp(logits - largest)))
    return np.float32(found.item())


def log_probabilities(logits: np.ndarray, lists: tuple[np.ndarray, ...]) -> np.ndarray:
    """Of the candidates in order: the common list in chunks, then the sentence's own."""
    sums = [
        log_sum_exp(logits[tokens[start : start + CHUNK]])
        for tokens in lists
        for start in range(0, len(tokens), CHUNK)
    ]
    total = log_sum_exp(np.array(sums, np.float32))
    return np.minimum(logits[np.concatenate(lists)] - total, np.float32(0))


def greedy(engine: Engine, shortlist: Shortlist, source: np.ndarray, longest: int) -> tuple[list[int], float]:
    """The greedy translation and its mean log-probability by docs/numerics.md, from full logits."""
    config = engine.config
    lists = (shortlist.common, shortlist.own(source))
    candidates = np.concatenate(lists)
    usable = ~np.isin(candidates, config.suppressed_ids)
    target: list[int] = []
    total = np.float32(0)
    while True:
        logits = engine.logits(source, np.array(target, np.int32))[-1]
        scores = np.where(usable, log_probabilities(logits, lists), np.float32(-np.inf))
        best = int(np.argmax(np.where(usable, logits[candidates], -np.inf)))
        total = total + scores[best]
        if candidates[best] == config.eos_id:
            return target, total / np.float32(len(target) + 1)
        target.append(int(candidates[best]))
        if len(target) == longest:
            return target, total / np.float32(len(target))


@pytest.mark.parametrize("isa", ISAS)
def test_scores_equal_plain_numpy_bit_for_bit(model, shortlist, sources, isa: str) -> None:
    engine = open_engine(model, threads=2, isa=isa, shortlist=shortlist)
    options = SearchOptions(beam=1, max_length=8)
    chosen = sources[:10]
    for source, found in zip(chosen, engine.translate(chosen, options), strict=True):
        tokens, score = greedy(engine, shortlist, source, 8)
        assert found[0].tokens.tolist() == tokens
        assert np.float32(found[0].score).tobytes() == np.float32(score).tobytes()


def test_a_shortlist_longer_than_a_chunk(tmp_path) -> None:
    """Several chunks of common tokens, and several of the sentence's own."""
    path = write_tiny_model(
        tmp_path / "model",
        config=tiny_config(source_vocab_size=400, target_vocab_size=400),
    )
    small = ModelDirectory.open(path)
    config = dataclasses.replace(small.config, source_vocab_size=3000, target_vocab_size=3000)
    rng = np.random.default_rng(2)
    tensors = dict(small.tensors())
    tensors["encoder.embedding.weight"] = (0.5 * rng.standard_normal((3000, 16))).astype(np.float32)
    model = TensorModel(config, small.scheme, tensors, None, "large")
    shortlist = random_shortlist(config, common=1100, per_token=300)
    source = np.array([5, 9, 700, 2900, 44], np.int32)
    assert len(shortlist.own(source)) > CHUNK
    engine = Engine(model, precision="float32", threads=1, shortlist=shortlist)
    found = engine.translate([source], SearchOptions(beam=1, max_length=6))[0][0]
    tokens, score = greedy(engine, shortlist, source, 6)
    assert found.tokens.tolist() == tokens
    assert np.float32(found.score).tobytes() == np.float32(score).tobytes()


def test_batches_threads_order_and_tiers(model, shortlist, sources) -> None:
    one = open_engine(model, threads=1, shortlist=shortlist)
    alone = as_bytes([one.translate([source], OPTIONS)[0] for source in sources])
    for threads, size in ((1, 7), (3, 40)):
        engine = open_engine(model, threads=threads, shortlist=shortlist)
        found = []
        for start in range(0, len(sources), size):
            found += engine.translate(sources[start : start + size], OPTIONS)
        assert as_bytes(found) == alone
    order = np.random.default_rng(1).permutation(len(sources))
    assert as_bytes(one.translate([sources[i] for i in order], OPTIONS)) == [alone[i] for i in order]
    for isa in ISAS:
        engine = open_engine(model, threads=2, isa=isa, shortlist=shortlist)
        assert as_bytes(engine.translate(sources[:12], OPTIONS)) == alone[:12]


def test_only_candidates_are_produced(model, shortlist, sources) -> None:
    for source, found in zip(
        sources, open_engine(model, shortlist=shortlist).translate(sources, OPTIONS), strict=True
    ):
        allowed = np.concatenate([shortlist.common, shortlist.own(source)])
        for hypothesis in found:
            assert np.isin(hypothesis.tokens, allowed).all()
            assert len(hypothesis.tokens) >= OPTIONS.min_length


def test_a_full_shortlist_changes_nothing(model, sources) -> None:
    without = open_engine(model).translate(sources, OPTIONS)
    found = open_engine(model, shortlist=full_shortlist(model.config)).translate(sources, OPTIONS)
    assert as_bytes(found) == as_bytes(without)


def test_all_tokens_in_two_lists_translate_alike(model, sources) -> None:
    """Sums may be rounded otherwise, so scores agree to rounding and tokens entirely."""
    config: ModelConfig = model.config
    common = np.union1d(np.arange(0, config.target_vocab_size, 2), [config.eos_id, *config.suppressed_ids])
    others = np.setdiff1d(np.arange(config.target_vocab_size), common)
    lists = config.source_vocab_size
    two = Shortlist(
        common.astype(np.int32),
        (np.arange(lists + 1) * len(others)).astype(np.int32),
        np.tile(others, lists).astype(np.int32),
    )
    spoken = [source for source in sources if len(source)]
    without = open_engine(model).translate(spoken, OPTIONS)
    found = open_engine(model, shortlist=two).translate(spoken, OPTIONS)
    for ours, theirs in zip(found, without, strict=True):
        assert [h.tokens.tolist() for h in ours] == [h.tokens.tolist() for h in theirs]
        np.testing.assert_allclose([h.score for h in ours], [h.score for h in theirs], atol=1e-5)


def test_logits_are_of_the_whole_vocabulary(model, shortlist) -> None:
    source, target = np.array([5, 6, 7], np.int32), np.array([8, 9], np.int32)
    found = open_engine(model, shortlist=shortlist).logits(source, target)
    np.testing.assert_array_equal(found, open_engine(model).logits(source, target))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"common": [4, 5]}, "common lacks EOS, token 3"),
        ({"common": [3, 3, 4]}, "common is not ascending"),
        ({"common": [3, 4, 320]}, "common holds 320, outside the target vocabulary of 320"),
        ({"common": [-1, 3, 4]}, "common holds -1, outside"),
        ({"common": [0, 1, 2, 3]}, "common has no token that could be produced but EOS"),
        ({"tokens": [9, 8, 9]}, "the list of source token 7 is not ascending"),
        ({"tokens": [8, 9, 3]}, "the list of source token 8 repeats a common token"),
        ({"tokens": [1, 9, 9]}, "the list of source token 7 holds a token that is never produced"),
        ({"tokens": [8, 9, 320]}, "tokens holds 320"),
        ({"tokens": [8, 9]}, "offsets does not cut the 2 tokens into lists"),
        ({"offsets": [0, 1]}, "offsets has 2 entries; a model of this source vocabulary has"),
    ],
)
def test_lists_that_do_not_fit(model, changes: dict[str, list[int]], message: str) -> None:
    offsets = np.zeros(model.config.source_vocab_size + 1, np.int32)
    offsets[8], offsets[9:] = 2, 3
    lists = {"common": [3, 4, 5], "offsets": offsets, "tokens": [8, 9, 8], **changes}
    bad = Shortlist(**{name: np.array(values, np.int32) for name, values in lists.items()})
    with pytest.raises(EngineError, match="shortlist: ") as refused:
        open_engine(model, shortlist=bad)
    assert message in str(refused.value)
