"""Perplexity of a text under a language model, by a sliding window; any engine can score the windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from octavo.errors import ArgumentError, InputError, ModelError
from octavo.evaluation.reference_engine import ReferenceEngineError, float_tensors
from octavo.text.stream import Perplexity, TokenIds, TokenStream, windows

if TYPE_CHECKING:
    from octavo.artifact import ModelDirectory
    from octavo.model.config import ModelConfig
    from octavo.reference import LanguageModel

BATCH_TOKENS: Final = 4096
"""Tokens that are fed to the reference in one call; it makes one batch of them."""

ENGINE_BATCH_TOKENS: Final = 1 << 18
"""Tokens that are fed to Octavo's engine in one call; it makes its own batches of them."""


class ScoringEngine(Protocol):
    """The part of octavo.engine.Engine that scores texts."""

    @property
    def precision(self) -> str:
        """Its arithmetic: int8, float32 or integer."""

    @property
    def threads(self) -> int:
        """Threads it computes with."""

    def score_last(self, sequences: Sequence[TokenIds], counts: Sequence[int]) -> Sequence[Iterable[float]]:
        """For each sequence (int32 ids) log P, in nats, of its last ``counts[i]`` tokens, each given all
        before it in the sequence, over the whole vocabulary.

        A sequence has from 2 to max_positions + 1 tokens, and more than are scored.
        """

    def close(self) -> None:
        """Free the memory."""


class ReferenceScoringEngine:
    """The PyTorch reference, float32; weights stored as int8 are widened with their scales.

    ``threads`` are PyTorch's, for the whole process; 0 leaves them as they are. Raises ReferenceEngineError
    without PyTorch, or for a model of the scheme ``integer``.
    """

    precision: Final = "float32"

    def __init__(self, model: ModelDirectory, *, threads: int = 0) -> None:
        try:
            import torch
        except ImportError as error:
            raise ReferenceEngineError(
                "this needs PyTorch, which is not installed: pip install 'octavo[train]'"
            ) from error
        from octavo.reference import language_model_from_arrays

        if model.integer_scales is not None:
            raise ReferenceEngineError(
                f"{model.path}: holds integers only, and PyTorch computes in float32; measure the model it "
                "was made from"
            )
        if threads:
            torch.set_num_threads(threads)
        self.threads = torch.get_num_threads()
        self._model: LanguageModel | None = language_model_from_arrays(model.config, float_tensors(model))

    def score_last(self, sequences: Sequence[TokenIds], counts: Sequence[int]) -> list[list[float]]:
        """As ``ScoringEngine`` says; all sequences are one batch."""
        from octavo.reference import score_last

        if self._model is None:
            raise ValueError("the engine is closed")
        return score_last(self._model, [sequence.tolist() for sequence in sequences], counts)

    def close(self) -> None:
        """Free the memory."""
        self._model = None


def trained_context(model: ModelDirectory) -> int:
    """The context of the dev figures of the model, or of the float model that it was made from, where it says
    so; else its positions."""
    floating = model.quality.get("float_model")
    quality = floating if isinstance(floating, dict) and "dev" not in model.quality else model.quality
    dev = quality.get("dev")
    first = dev[0] if isinstance(dev, list) and dev else None
    context = first.get("context") if isinstance(first, dict) else None
    most = model.config.max_positions
    if isinstance(context, int) and not isinstance(context, bool) and context > 0:
        return min(context, most)
    return most


def measure_perplexity(
    engine: ScoringEngine,
    config: ModelConfig,
    stream: TokenStream,
    *,
    context: int,
    stride: int,
    batch_tokens: int = BATCH_TOKENS,
    advance: Callable[[int], None] = lambda _done: None,
) -> Perplexity:
    """Perplexity of a text: its log-likelihood summed over ``octavo.text.stream.windows``.

    ``context``: tokens that are fed at most, decoder_start_id among them at the beginning of the text.
    ``batch_tokens``: how many are fed in one call, about; ``advance`` hears after each call how many tokens
    are scored. Raises InputError for a text without tokens, ArgumentError for sizes that cannot be,
    ModelError for a model whose scores are not finite.
    """
    if not len(stream.tokens):
        raise InputError("the text is empty: there is nothing to predict")
    if not 1 <= context <= config.max_positions:
        raise ArgumentError(
            f"context = {context}: must be from 1 to the model's {config.max_positions} positions"
        )
    if not 1 <= stride <= context:
        raise ArgumentError(f"stride = {stride}: must be from 1 to context = {context}")
    import numpy as np

    sequence = np.concatenate([np.array([config.decoder_start_id], np.int32), stream.tokens])
    every = list(windows(len(stream.tokens), context, stride))
    rows = max(1, batch_tokens // context)
    sums: list[float] = []
    for first in range(0, len(every), rows):
        batch = every[first : first + rows]
        spans = [sequence[window.first : window.last + 1] for window in batch]
        scores = engine.score_last(spans, [window.scored for window in batch])
        found = [float(score) for row in scores for score in row]
        if not all(map(math.isfinite, found)):
            raise ModelError("the model's scores are not finite; its weights may be damaged")
        sums.extend(found)
        advance(batch[-1].last)
    return stream.perplexity(math.fsum(sums))
