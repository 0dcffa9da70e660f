"""The operations of an Integer Transformer's forward pass: the interface that every arithmetic has."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.model.config import ModelConfig
from octavo.model.integer_format import integer_obstacle

TokenArray = npt.NDArray[np.int64]

Value = TypeVar("Value")
"""A tensor [B, T, width] as the arithmetic holds it: B sentences of equal length, a row for each token."""


class Arithmetic(Protocol[Value]):
    """The operations. The names of products, norms, attentions and stacks (encoder, decoder) are those of
    ``octavo.model`` without their last part. A *stream* is the residual stream of a stack.
    """

    def embed(self, stack: str, tokens: TokenArray, first: int = 0) -> Value:
        """Token rows plus position rows, where a stream begins: tokens [B, T] from position ``first`` on."""
        ...

    def norm(self, name: str, stream: Value) -> Value:
        """The L1 norm of a stream: an input of products."""
        ...

    def project(self, name: str, x: Value) -> Value:
        """The product that gives queries, keys or values."""
        ...

    def attention(self, name: str, query: Value, key: Value, value: Value, *, causal: bool) -> Value:
        """Values mixed by polynomial attention; ``causal``: query t sees keys 0 to t, else all."""
        ...

    def hidden(self, name: str, x: Value) -> Value:
        """The product that gives the hidden layer, after ReLU."""
        ...

    def add_product(self, name: str, x: Value, stream: Value) -> Value:
        """The stream plus a product."""
        ...

    def logits(self, x: Value) -> Value:
        """The output projection."""
        ...

    def append(self, x: Value, more: Value) -> Value:
        """The tokens of x, then those of ``more``."""
        ...

    def select(self, x: Value, sentences: TokenArray) -> Value:
        """Sentences of a batch, in that order."""
        ...


class ArrayRows:
    """``append`` and ``select`` where a value is one array."""

    def append(self, x: npt.NDArray[Any], more: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The tokens of x, then those of ``more``."""
        return np.concatenate([x, more], axis=1)

    def select(self, x: npt.NDArray[Any], sentences: TokenArray) -> npt.NDArray[Any]:
        """Sentences of a batch, in that order."""
        selected: npt.NDArray[Any] = x[sentences]
        return selected


def check_runs_in_integers(config: ModelConfig) -> None:
    """Raise QuantizationError unless the model is one that runs in integers."""
    if obstacle := integer_obstacle(config):
        raise QuantizationError(
            f"the model has {obstacle}; only a pre-norm Transformer with polynomial attention, L1 layer "
            "norm, ReLU and no embedding_norm runs in integers"
        )


def visible_keys(queries: int, keys: int, *, causal: bool) -> npt.NDArray[np.bool_]:
    """Which keys a query sees: [queries, keys]."""
    every = np.ones((queries, keys), np.bool_)
    return np.tril(every) if causal else every


def split_heads(config: ModelConfig, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[B, T, d_model] as [B, heads, T, head_dim]."""
    return x.reshape(*x.shape[:2], config.attention_heads, config.head_dim).swapaxes(1, 2)


def join_heads(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The inverse of ``split_heads``."""
    return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)
