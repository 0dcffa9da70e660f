"""Alignments: by the weights of heads, the same in every batch and on every CPU; weights as PyTorch's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.artifact.boxed import boxed_model
from octavo.engine import Engine, EngineError, SearchOptions, Term, cpu_report, default_precision
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import AttentionFunction, NormFunction
from octavo.model.scheme import Scheme
from octavo.quantization import QuantizedWeights, TensorModel

from ..integer.integer_models import random_integer_model
from ..models import random_tensors, tiny_config
from ..plans import plan_for

ISAS = cpu_report()["available"]
CONFIG = tiny_config(decoder_layers=3)
EVERY_HEAD = [(layer, head) for layer in range(3) for head in range(CONFIG.attention_heads)]
HEADS = AlignmentHeads(((0, 1), (2, 0)))
OPTIONS = SearchOptions(beam=3, nbest=2, length_ratio=1.0, length_margin=4)
INTEGER = {"attention": AttentionFunction.POLYNOMIAL, "norm_function": NormFunction.L1}


def float_model() -> TensorModel:
    return TensorModel(CONFIG, Scheme.NONE, random_tensors(CONFIG, Scheme.NONE, 5), alignment=HEADS)


def model_of(precision: str) -> TensorModel:
    if precision == "float32":
        return float_model()
    if precision == "integer":
        model = random_integer_model(dataclasses.replace(CONFIG, **INTEGER), seed=5)
    else:
        plan = None if precision == "dynamic" else plan_for(CONFIG, precision)
        model = QuantizedWeights(float_model()).model(plan)
    return dataclasses.replace(model, alignment=HEADS)


@pytest.fixture(scope="module", params=("float32", "dynamic", "mixed", "static", "integer"))
def model(request: pytest.FixtureRequest) -> TensorModel:
    return model_of(request.param)


@pytest.fixture(scope="module")
def sources() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [
        rng.integers(4, CONFIG.source_vocab_size, n).astype(np.int32)
        for n in [0, 1, 15, 16, 31, 40, *range(2, 12)]
    ]


def engine_of(model: TensorModel, **options: object) -> Engine:
    return Engine(model, precision=default_precision(model), **{"threads": 1, **options})


def test_an_alignment_is_where_the_heads_together_look_most(
    model: TensorModel, sources: list[np.ndarray]
) -> None:
    engine = engine_of(model)
    found = engine.translate(sources, OPTIONS, alignments=True)
    positions = set()
    for source, hypotheses in zip(sources, found, strict=True):
        for hypothesis in hypotheses:
            weights = engine.attention([source], [hypothesis.tokens], HEADS.heads)[0]
            assert weights.shape == (2, len(hypothesis.tokens) + 1, len(source) + 1)
            assert hypothesis.alignment is not None
            assert hypothesis.alignment.dtype == np.int32
            sums = weights.astype(int).sum(axis=0)[:-1]
            assert hypothesis.alignment.tolist() == sums.argmax(axis=1).tolist()
            positions |= set(hypothesis.alignment.tolist())
    assert len(positions) > 5


@pytest.mark.parametrize("isa", ISAS)
def test_they_are_the_same_on_every_cpu_and_in_every_batch(
    model: TensorModel, sources: list[np.ndarray], isa: str
) -> None:
    expected = engine_of(model, isa="reference").attention(sources, sources[::-1], EVERY_HEAD)
    engine = engine_of(model, isa=isa, threads=2)
    for found, weights in zip(engine.attention(sources, sources[::-1], EVERY_HEAD), expected, strict=True):
        np.testing.assert_array_equal(found, weights)
    together = engine.translate(sources, OPTIONS, alignments=True)
    for source, hypotheses in zip(sources, together, strict=True):
        alone = engine_of(model, isa=isa).translate([source], OPTIONS, alignments=True)[0]
        for one, other in zip(alone, hypotheses, strict=True):
            assert one.alignment is not None
            np.testing.assert_array_equal(one.alignment, other.alignment)


def test_asking_for_them_changes_no_translation(model: TensorModel, sources: list[np.ndarray]) -> None:
    engine = engine_of(model)
    without = engine.translate(sources, OPTIONS)
    for hypotheses, others in zip(without, engine.translate(sources, OPTIONS, alignments=True), strict=True):
        for one, other in zip(hypotheses, others, strict=True):
            assert one.alignment is None
            assert (one.tokens.tolist(), one.score) == (other.tokens.tolist(), other.score)


def test_tokens_of_terms_are_aligned_as_well(sources: list[np.ndarray]) -> None:
    engine, term = engine_of(float_model()), Term(alternatives=(np.array([40, 41], np.int32),))
    found = engine.translate(sources, OPTIONS, [[term]] * len(sources), alignments=True)
    for source, hypotheses in zip(sources, found, strict=True):
        for hypothesis in hypotheses:
            weights = engine.attention([source], [hypothesis.tokens], HEADS.heads)[0]
            assert hypothesis.alignment is not None
            expected = weights.astype(int).sum(axis=0)[:-1].argmax(axis=1)
            assert hypothesis.alignment.tolist() == expected.tolist()


def test_weights_are_those_of_pytorch(sources: list[np.ndarray]) -> None:
    torch = pytest.importorskip("torch")
    from octavo.reference import from_arrays

    model = float_model()
    reference = from_arrays(CONFIG, dict(model.tensors))
    seen: dict[int, np.ndarray] = {}

    def listen(layer: int, attention: object) -> None:
        mix = attention.mix  # type: ignore[attr-defined]

        def mixed(query, keys, values, mask, dropout):  # type: ignore[no-untyped-def]
            scores = query @ keys.transpose(-1, -2) / query.shape[-1] ** 0.5
            seen[layer] = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)[0].numpy()
            return mix(query, keys, values, mask, dropout)

        attention.mix = mixed  # type: ignore[attr-defined]

    for number, layer in enumerate(reference.decoder.layers):
        listen(number, layer.cross_attention)
    for source in sources[2:6]:
        target = source[:9]
        with torch.no_grad():
            fed = torch.tensor([[CONFIG.decoder_start_id, *target.tolist()]])
            read = torch.tensor([[*source.tolist(), CONFIG.eos_id]])
            reference.eval()(read, torch.tensor([read.shape[1]]), fed)
        found = engine_of(model).attention([source], [target], EVERY_HEAD)[0]
        for (layer, head), weights in zip(EVERY_HEAD, found, strict=True):
            np.testing.assert_allclose(weights, 255 * seen[layer][head], atol=0.52)


def test_a_translation_without_tokens_has_an_alignment_without_rows() -> None:
    model = ModelDirectory.open(boxed_model())
    engine = Engine(model, precision=default_precision(model), threads=1)
    ((found,),) = engine.translate([np.empty(0, np.int32)], SearchOptions(), alignments=True)
    assert found.tokens.size == 0
    assert found.attention is not None
    assert found.attention.shape == (0, 1)
    assert found.alignment is not None
    assert found.alignment.shape == (0,)


def test_a_model_without_heads_says_what_to_do() -> None:
    engine = engine_of(dataclasses.replace(float_model(), alignment=None))
    with pytest.raises(EngineError, match="names no attention heads that align; `octavo align` chooses them"):
        engine.translate([], OPTIONS, alignments=True)


@pytest.mark.parametrize("head", [(3, 0), (0, CONFIG.attention_heads), (-1, 0), (0, -1)])
def test_heads_that_the_model_does_not_have_are_refused(
    head: tuple[int, int], sources: list[np.ndarray]
) -> None:
    with pytest.raises(EngineError, match="the model has 3 decoder layers of"):
        engine_of(float_model()).attention(sources, sources, [head])


def test_the_model_in_the_box_aligns() -> None:
    model = ModelDirectory.open(boxed_model())
    engine = Engine(model, threads=1)
    tokenizer = model.tokenizers()[0]
    source = np.array(tokenizer.encode("A man rides a bicycle."), np.int32)
    best = engine.translate([source], SearchOptions(beam=4), alignments=True)[0][0]
    pieces = [tokenizer.decode([int(token)]) for token in source]
    made = [tokenizer.decode([int(token)]) for token in best.tokens]
    assert best.alignment is not None
    aligned = {made[t]: pieces[s] for t, s in enumerate(best.alignment.tolist()) if s < len(pieces)}
    assert aligned["Mann"] == "man"
