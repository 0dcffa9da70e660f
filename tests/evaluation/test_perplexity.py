"""Perplexity against a plain loop: every token's log-probability with exactly the context it should have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine
from octavo.errors import ArgumentError, InputError, ModelError
from octavo.evaluation.perplexity import (
    ENGINE_BATCH_TOKENS,
    ReferenceScoringEngine,
    ScoringEngine,
    measure_perplexity,
)
from octavo.evaluation.reference_engine import ReferenceEngine, ReferenceEngineError
from octavo.model.config import AttentionFunction, ModelConfig, NormFunction
from octavo.model.scheme import Scheme
from octavo.text.stream import TokenIds, TokenStream

from ..models import language_config, random_tensors, synthetic_sentences, write_tiny_model

torch = pytest.importorskip("torch", reason="the reference needs octavo[train]")

LINES = ["", *synthetic_sentences(5, seed=9), "", " = A title = "]
CONFIGS = {
    "softmax": language_config(),
    "integer": language_config(attention=AttentionFunction.POLYNOMIAL, norm_function=NormFunction.L1),
}


@pytest.fixture(params=CONFIGS)
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> ModelDirectory:
    path = write_tiny_model(tmp_path / "lm", config=CONFIGS[request.param])
    return ModelDirectory.open(path)


def stream_of(directory: ModelDirectory) -> TokenStream:
    return TokenStream.encode(LINES, directory.tokenizers()[0], directory.config.eos_id)


def plain_log_likelihood(model: torch.nn.Module, tokens: Sequence[int], contexts: Sequence[int]) -> float:
    """Token i given the contexts[i] tokens before it, one by one, in float64 after the logits."""
    sequence = [model.config.decoder_start_id, *tokens]
    total = 0.0
    for i, token in enumerate(tokens, start=1):
        fed = sequence[i - contexts[i - 1] : i]
        with torch.inference_mode():
            logits = model(torch.tensor([fed]))[0, -1].double()
        total += float(logits[token] - logits.logsumexp(0))
    return total


@pytest.mark.parametrize(("context", "stride"), [(1, 1), (7, 7), (7, 3), (16, 1), (64, 32), (64, 64)])
def test_every_token_is_scored_once_with_the_context_of_its_window(
    directory: ModelDirectory, context: int, stride: int
) -> None:
    from octavo import reference

    stream = stream_of(directory)
    count = len(stream.tokens)
    contexts = []
    for i in range(count):  # the first window is fed from the beginning; then each token is 1st to stride-th
        nth = (i - context) % stride if i >= context else None
        contexts.append(min(i + 1, context) if nth is None else context - stride + 1 + nth)
    if count > context and (short := (count - context) % stride):  # the last window slides less
        contexts[-short:] = range(context - short + 1, context + 1)
    engine = ReferenceScoringEngine(directory)
    found = measure_perplexity(engine, directory.config, stream, context=context, stride=stride)
    model = reference.language_model_from_arrays(directory.config, dict(directory.tensors()))
    expected = plain_log_likelihood(model, stream.tokens.tolist(), contexts)
    assert found.log_likelihood == pytest.approx(expected, rel=1e-5)
    assert found.per_token == pytest.approx(math.exp(-expected / count), rel=1e-5)
    assert found.per_word == pytest.approx(math.exp(-expected / stream.words), rel=1e-5)
    characters = sum(len(line) + 1 for line in LINES)
    assert found.bits_per_character == pytest.approx(-expected / math.log(2) / characters, rel=1e-5)


def test_batches_of_windows_change_nothing(
    directory: ModelDirectory,
) -> None:
    stream, engine = stream_of(directory), ReferenceScoringEngine(directory)
    together = measure_perplexity(engine, directory.config, stream, context=8, stride=4)
    told: list[int] = []
    alone = measure_perplexity(
        engine, directory.config, stream, context=8, stride=4, batch_tokens=1, advance=told.append
    )
    assert alone.log_likelihood == pytest.approx(together.log_likelihood, rel=1e-6)
    assert told == sorted(told)
    assert told[-1] == len(stream.tokens)


@pytest.mark.parametrize(("context", "stride"), [(16, 1), (7, 3), (64, 32)])
def test_the_engine_agrees_with_the_reference(tmp_path: Path, context: int, stride: int) -> None:
    directory = ModelDirectory.open(write_tiny_model(tmp_path / "lm", config=CONFIGS["softmax"]))
    stream = stream_of(directory)
    expected = measure_perplexity(
        ReferenceScoringEngine(directory), directory.config, stream, context=context, stride=stride
    )
    likelihoods = set()
    for threads, batch_tokens in ((1, 1), (2, 100), (3, ENGINE_BATCH_TOKENS)):
        engine = Engine(directory, precision="float32", threads=threads)
        found = measure_perplexity(
            *(engine, directory.config, stream), context=context, stride=stride, batch_tokens=batch_tokens
        )
        likelihoods.add(found.log_likelihood)
    assert len(likelihoods) == 1
    assert likelihoods.pop() == pytest.approx(expected.log_likelihood, rel=1e-6)


class CountingEngine:
    """Another engine: every token has probability 1 / 2."""

    precision, threads = "float32", 1

    def score_last(self, sequences: Sequence[TokenIds], counts: Sequence[int]) -> list[list[float]]:
        """Whatever is asked for."""
        return [[-math.log(2)] * count for count in counts]

    def close(self) -> None:
        """Nothing to free."""


def test_any_engine_can_score() -> None:
    engine: ScoringEngine = CountingEngine()
    stream = TokenStream(np.arange(4, 14, dtype=np.int32), words=5, characters=20)
    found = measure_perplexity(engine, language_config(), stream, context=4, stride=2)
    assert found.per_token == pytest.approx(2)
    assert found.per_word == pytest.approx(4)
    assert found.bits_per_character == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("context", "stride", "message"),
    [(65, 1, "context = 65: must be from 1 to the model's 64 pos"), (4, 5, "stride = 5: must be from 1 to")],
)
def test_windows_that_cannot_be_are_refused(context: int, stride: int, message: str) -> None:
    stream = TokenStream(np.array([5], np.int32), 1, 1)
    with pytest.raises(ArgumentError, match=message):
        measure_perplexity(CountingEngine(), language_config(), stream, context=context, stride=stride)
    with pytest.raises(InputError, match="the text is empty"):
        measure_perplexity(
            CountingEngine(), language_config(), TokenStream.encode([], None, 3), context=4, stride=4
        )


def test_the_reference_scores_no_first_token() -> None:
    from octavo import reference

    config: ModelConfig = language_config()
    model = reference.language_model_from_arrays(config, random_tensors(config))
    with pytest.raises(ValueError, match="sequence 1: 2 tokens to score of 2"):
        reference.score_last(model, [[3, 5, 6], [3, 5]], [2, 2])
    with pytest.raises(ValueError, match="65 tokens; the model has 64 positions"):
        reference.score_last(model, [[3] * 66], [1])


def test_engines_that_are_closed_or_translate_refuse(directory: ModelDirectory) -> None:
    engine = ReferenceScoringEngine(directory)
    engine.close()
    with pytest.raises(ValueError, match="the engine is closed"):
        engine.score_last([np.array([3, 5], np.int32)], [1])
    with pytest.raises(ModelError, match="is a language model, and translation needs a translation model"):
        ReferenceEngine(directory)


def test_the_reference_refuses_integers_alone_and_widens_int8(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "int8", config=CONFIGS["softmax"], scheme=Scheme.INT8_DYNAMIC)
    assert ReferenceScoringEngine(ModelDirectory.open(path)).precision == "float32"
    path = write_tiny_model(tmp_path / "integer", config=CONFIGS["integer"], scheme=Scheme.INTEGER)
    with pytest.raises(ReferenceEngineError, match="holds integers only, and PyTorch computes in float32"):
        ReferenceScoringEngine(ModelDirectory.open(path))
