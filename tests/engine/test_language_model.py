"""Language models in the engine: against the oracles, the same bytes in any company, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from octavo.engine import Engine, EngineError, Feed, SearchOptions, cpu_report
from octavo.engine.precision import Precision, default_precision
from octavo.model.architecture import sites
from octavo.model.config import (
    Activation,
    AttentionFunction,
    Mixer,
    ModelConfig,
    NormFunction,
    NormPlacement,
    Positions,
)
from octavo.model.scheme import Scheme
from octavo.quantization import QuantizedWeights, TensorModel
from octavo.simulation import IntegerSimulation, Simulation
from octavo.simulation.binary32 import exp, log, sum16

from ..models import IntegerScales, language_config, random_integers, random_tensors
from ..plans import plan_for

ISAS = cpu_report()["available"]
CONFIGS = {
    "pre-norm": language_config(),
    "post-norm": language_config(
        norm=NormPlacement.POST, activation=Activation.SILU, output_bias=True, embedding_norm=True
    ),
    "learned positions": language_config(
        positions=Positions.LEARNED, position_offset=2, tied_output=False, d_model=42, attention_heads=3
    ),
    "SSRU": language_config(decoder_mixer=Mixer.SSRU),
    "several chunks of the vocabulary": language_config(source_vocab_size=1100, target_vocab_size=1100),
}
INTEGER = {"attention": AttentionFunction.POLYNOMIAL, "norm_function": NormFunction.L1}
INTEGER_CONFIGS = {
    "integer": language_config(**INTEGER),
    "integer, learned": language_config(
        **INTEGER, positions=Positions.LEARNED, polynomial_degree=2, tied_output=False, output_bias=True
    ),
}
KINDS = ("float32", "dynamic", "full", "mixed")
TOKENS = np.array([11, 60, 4, 33, 21, 90, 7], np.int32)
NOTHING = np.empty(0, np.int32)
LOGITS_SCALE = 1e4


def model_of(config: ModelConfig, kind: str) -> TensorModel:
    if kind == "integer":
        scales = IntegerScales(None, 1500.0, LOGITS_SCALE)
        return TensorModel(config, Scheme.INTEGER, random_integers(config), integer_scales=scales)
    model = TensorModel(config, Scheme.NONE, random_tensors(config, seed=4))
    if kind == "float32":
        return model
    return QuantizedWeights(model).model(None if kind == "dynamic" else plan_for(config, kind))


def open_engine(model: TensorModel, **arguments: object) -> Engine:
    return Engine(model, precision=default_precision(model), **{"threads": 1, **arguments})


def simulated(model: TensorModel, tokens: Sequence[int]) -> np.ndarray:
    if model.scheme is Scheme.INTEGER:
        step = np.float32(1 / LOGITS_SCALE)
        return IntegerSimulation(model).logits([], tokens).astype(np.float32) * step
    return Simulation(model).run([], tokens).logits


@pytest.fixture(
    scope="module",
    params=[(config, kind) for config in CONFIGS for kind in KINDS]
    + [(config, "integer") for config in INTEGER_CONFIGS],
    ids=" ".join,
)
def model(request: pytest.FixtureRequest) -> TensorModel:
    config, kind = request.param
    return model_of({**CONFIGS, **INTEGER_CONFIGS}[config], kind)


@pytest.fixture(scope="module")
def logits(model: TensorModel) -> np.ndarray:
    return simulated(model, TOKENS.tolist())


def assert_same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("isa", ISAS)
def test_logits_equal_the_simulation(model: TensorModel, logits: np.ndarray, isa: str) -> None:
    assert_same_bits(open_engine(model, isa=isa).logits(NOTHING, TOKENS), logits)


@pytest.mark.parametrize("kind", ["dynamic", "full", "mixed"])
def test_products_equal_the_simulation(kind: str) -> None:
    model = model_of(CONFIGS["pre-norm"], kind)
    expected = Simulation(model).run([], TOKENS.tolist()).products
    traced = open_engine(model).trace(NOTHING, TOKENS)
    assert {product.name for product in traced} == {product.name for product in expected}
    for product in expected:
        steps = [step.accumulators for step in traced if step.name == product.name]
        np.testing.assert_array_equal(np.concatenate(steps), product.accumulators, err_msg=product.name)


def test_every_site_is_observed() -> None:
    model = model_of(CONFIGS["pre-norm"], "float32")
    seen: dict[str, int] = {}

    def visit(site: str, rows: np.ndarray) -> None:
        seen[site] = seen.get(site, 0) + len(rows)

    open_engine(model).observe([NOTHING, NOTHING], [TOKENS, TOKENS[:2]], visit)
    assert set(sites(model.config)) <= set(seen)
    assert not [site for site in seen if site.startswith("encoder") or "cross_attention" in site]
    assert seen["decoder.embedding"] == len(TOKENS) + 1 + 3


def log_sum_exp(x: np.ndarray) -> np.float32:
    """docs/numerics.md, "Search": of every 512 logits, then of these."""

    def of_one(x: np.ndarray) -> np.float32:
        return x.max() + log(sum16(exp(x - x.max())))[0]

    return of_one(np.array([of_one(x[first : first + 512]) for first in range(0, len(x), 512)]))


@pytest.mark.parametrize("isa", ISAS)
def test_log_probabilities_are_logits_less_their_log_sum_exp(
    model: TensorModel, logits: np.ndarray, isa: str
) -> None:
    engine = open_engine(model, isa=isa)
    expected = np.array(
        [
            min(row[token] - log_sum_exp(row), np.float32(0))
            for row, token in zip(logits, TOKENS, strict=False)
        ],
        np.float32,
    )
    found = engine.token_log_probabilities([TOKENS, NOTHING, TOKENS[:3]])
    assert_same_bits(found[0], expected)
    assert_same_bits(found[1], np.empty(0, np.float32))
    assert_same_bits(found[2], expected[:3])
    [last] = engine.score_last([np.array([model.config.decoder_start_id, *TOKENS], np.int32)], [2])
    assert_same_bits(last, expected[-2:])


def test_a_session_gives_the_logits_of_each_row(model: TensorModel, logits: np.ndarray) -> None:
    session = open_engine(model).text_session()
    start = model.config.decoder_start_id
    assert_same_bits(session.step([Feed(7, [0], [start])]), logits[:1])
    # Two rows go on alike, another text reads on in silence, then one row of the two goes on.
    found = session.step([Feed(9, [0], [start], wanted=False), Feed(7, [0, 0], [TOKENS[0], TOKENS[0]])])
    assert_same_bits(found, logits[[1, 1]])
    found = session.step([Feed(7, [1], [TOKENS[1]]), Feed(9, [0], [TOKENS[0]])])
    assert_same_bits(found, logits[[2, 1]])
    session.end(7)
    assert_same_bits(session.step([Feed(9, [0], [TOKENS[1]]), Feed(7, [0], [start])]), logits[[2, 0]])
    assert session.step([]).shape == (0, model.config.target_vocab_size)


@pytest.mark.parametrize("name", CONFIGS)
def test_float32_is_close_to_the_reference(name: str) -> None:
    torch = pytest.importorskip("torch", reason="the reference needs octavo[train]")
    from octavo.reference import language_model_from_arrays

    model = model_of(CONFIGS[name], "float32")
    reference = language_model_from_arrays(model.config, model.tensors)
    fed = [model.config.decoder_start_id, *TOKENS.tolist()]
    with torch.inference_mode():
        expected = reference(torch.tensor([fed]))[0]
        scores = reference.log_probabilities(torch.tensor([fed]))[0]
    engine = open_engine(model)
    np.testing.assert_allclose(engine.logits(NOTHING, TOKENS), expected.numpy(), atol=2e-5)
    np.testing.assert_allclose(engine.token_log_probabilities([TOKENS])[0], scores.numpy(), atol=2e-5)


# The same in any company.


@pytest.fixture(scope="module", params=["float32", "dynamic", "full", "integer"])
def wide(request: pytest.FixtureRequest) -> TensorModel:
    config = INTEGER_CONFIGS["integer"] if request.param == "integer" else CONFIGS["pre-norm"]
    return model_of(config, request.param)


@pytest.fixture(scope="module")
def texts() -> tuple[list[np.ndarray], list[int]]:
    """200 texts of 2 to 65 tokens: more than a stream has places for."""
    rng = np.random.default_rng(8)
    found = [rng.integers(4, 96, rng.integers(2, 66)).astype(np.int32) for _ in range(200)]
    return found, [int(rng.integers(1, len(text))) for text in found]


@pytest.fixture(scope="module")
def alone(wide: TensorModel, texts: tuple[list[np.ndarray], list[int]]) -> list[bytes]:
    engine = open_engine(wide)
    return [engine.score_last([text], [count])[0].tobytes() for text, count in zip(*texts, strict=True)]


@pytest.mark.parametrize(("threads", "streams"), [(1, 1), (3, 0), (3, 1), (4, 2)])
def test_scores_do_not_depend_on_batches_and_threads(
    wide: TensorModel, texts, alone, threads: int, streams: int
) -> None:
    engine = open_engine(wide, threads=threads, streams=streams)
    assert [scores.tobytes() for scores in engine.score_last(*texts)] == alone
    some = [scores.tobytes() for scores in engine.score_last(texts[0][5:12], texts[1][5:12])]
    assert some == alone[5:12]


@pytest.mark.parametrize("isa", ISAS)
def test_scores_do_not_depend_on_the_tier(wide: TensorModel, texts, alone, isa: str) -> None:
    found = open_engine(wide, isa=isa, threads=2).score_last(texts[0][:40], texts[1][:40])
    assert [scores.tobytes() for scores in found] == alone[:40]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("isa", ISAS)
def test_sessions_do_not_depend_on_company(wide: TensorModel, texts, isa: str, threads: int) -> None:
    engine = open_engine(wide, threads=threads, isa=isa)
    session, others = engine.text_session(), texts[0][:20]
    fed = [text[: wide.config.max_positions - 1] for text in others]
    expected = engine.forced_logits([NOTHING] * len(fed), fed)
    live = list(range(len(fed)))
    start = wide.config.decoder_start_id
    for step in range(wide.config.max_positions):
        live = [i for i in live if step <= len(fed[i])]
        feeds = [Feed(i, [0], [int(fed[i][step - 1]) if step else start]) for i in live]
        for row, i in zip(session.step(feeds), live, strict=True):
            assert_same_bits(row, expected[i][step])


# What is refused.


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine(model_of(CONFIGS["pre-norm"], "float32"))


def test_what_is_no_text_to_score_is_refused(engine: Engine) -> None:
    longest = np.full(65, 7, np.int32)
    assert engine.score_last([longest], [64])[0].shape == (64,)
    for texts, counts, message in (
        ([np.append(longest, 7)], [1], "text has 66 tokens; the model takes at most 65"),
        ([np.array([3, 96])], [1], "text token 96 lies outside the vocabulary of 96"),
        ([TOKENS], [7], "7 tokens to score of 7; at least one, and not the first"),
        ([TOKENS], [0], "0 tokens to score of 7"),
        ([TOKENS], [-1], "negative"),
        ([TOKENS], [1, 2], "as many counts as texts"),
    ):
        with pytest.raises(EngineError, match=message):
            engine.score_last(texts, counts)
    assert engine.score_last([], []) == []


def test_feeds_that_cannot_be_are_refused_and_change_nothing(engine: Engine) -> None:
    session = engine.text_session()
    before = session.step([Feed(0, [0], [3])])
    for feeds, message in (
        ([Feed(0, [0], [5]), Feed(0, [0], [5])], "text 0 is fed twice"),
        ([Feed(0, [], [])], "text 0 is fed nothing"),
        ([Feed(0, [1], [5])], "text 0 has no row 1"),
        ([Feed(0, [-1], [5])], "text 0 has no row -1"),
        ([Feed(0, [0], [96])], "token 96 lies outside the vocabulary of 96"),
        ([Feed(1, [0, 0], [3, 3])], "text 1 begins with more than one row"),
        ([Feed(0, [0], [5, 6])], "as many tokens as parents"),
        ([Feed(0, [0], ["five"])], "must be whole numbers"),  # type: ignore[list-item]
    ):
        with pytest.raises(EngineError, match=message):
            session.step(feeds)
    after = session.step([Feed(0, [0], [int(TOKENS[0])])])
    assert_same_bits(np.concatenate([before, after]), engine.logits(NOTHING, TOKENS)[:2])
    for _ in range(62):
        session.step([Feed(0, [0], [5])])
    with pytest.raises(EngineError, match="text 0 is as long as the model has positions: 64"):
        session.step([Feed(0, [0], [5])])


def test_a_language_model_has_no_source_and_does_not_translate(engine: Engine) -> None:
    with pytest.raises(EngineError, match="a language model has no source"):
        engine.logits(TOKENS, TOKENS)
    with pytest.raises(EngineError, match="a language model does not translate"):
        engine.translate([TOKENS], SearchOptions())


def test_a_translation_model_does_none_of_this() -> None:
    from ..models import tiny_config

    config = tiny_config()
    engine = Engine(TensorModel(config, Scheme.NONE, random_tensors(config)), precision="float32", threads=1)
    with pytest.raises(EngineError, match="only a language model scores texts"):
        engine.token_log_probabilities([TOKENS])
    with pytest.raises(EngineError, match="only a language model continues texts"):
        engine.text_session()


@pytest.mark.parametrize(
    ("kind", "precision", "message"),
    [
        ("float32", "int8", "is a floating-point model; for int8, run `octavo quantize`"),
        ("float32", "integer", "has attention = softmax, which does not run in integer"),
        ("integer", "float32", "holds integers only"),
    ],
)
def test_precisions_that_cannot_be_are_refused(kind: str, precision: Precision, message: str) -> None:
    config = INTEGER_CONFIGS["integer"] if kind == "integer" else CONFIGS["pre-norm"]
    with pytest.raises(EngineError, match=message):
        Engine(model_of(config, kind), precision=precision)


def test_a_float_integer_transformer_runs_in_pytorch_alone() -> None:
    config = INTEGER_CONFIGS["integer"]
    model = TensorModel(config, Scheme.NONE, random_tensors(config))
    with pytest.raises(EngineError, match="`octavo perplexity --engine pytorch` runs it"):
        Engine(model, precision="float32")


def test_a_closed_engine(engine: Engine) -> None:
    closed = open_engine(model_of(CONFIGS["pre-norm"], "float32"))
    session = closed.text_session()
    expected = closed.logits(NOTHING, NOTHING)
    closed.close()
    with pytest.raises(EngineError, match="the engine is closed"):
        closed.text_session()
    assert_same_bits(session.step([Feed(0, [0], [3])]), expected)  # it has the model too
