"""An engine without a model: every source token becomes one target token, by a rule a test can follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from octavo.engine import Call, Hypothesis, SearchOptions, Term
from octavo.model.config import ModelConfig


@dataclasses.dataclass
class FakeEngine:
    """The k-th best hypothesis, from 0, is the source without its last k tokens, -(k + 1) nats a token; each
    token is aligned with the one that it is.

    ``batches`` keeps the sources of every call, ``terms`` its terms, ``target_prefixes`` those, which a
    hypothesis begins with. A source longer than ``max_length``
    comes back cut. Target token i is aligned with source token i.
    """

    config: ModelConfig
    precision: Literal["int8", "float32"] = "float32"
    threads: int = 1
    closed: bool = False
    batches: list[list[list[int]]] = dataclasses.field(default_factory=list)
    terms: list[Sequence[Sequence[Term] | None] | None] = dataclasses.field(default_factory=list)
    target_prefixes: list[Sequence[npt.NDArray[np.int32] | None] | None] = dataclasses.field(
        default_factory=list
    )

    def translate(
        self,
        sources: Sequence[npt.NDArray[np.int32]],
        options: SearchOptions,
        terms: Sequence[Sequence[Term] | None] | None = None,
        continuations: npt.NDArray[np.int32] | None = None,
        *,
        target_prefixes: Sequence[npt.NDArray[np.int32] | None] | None = None,
        alignments: bool = False,
        call: Call | None = None,
    ) -> list[list[Hypothesis]]:
        if call is not None:
            call.check()
        for source in sources:
            assert source.dtype == np.int32
            assert source.ndim == 1
            assert 1 <= len(source) < self.config.max_positions
        self.batches.append([source.tolist() for source in sources])
        self.terms.append(terms)
        self.target_prefixes.append(target_prefixes)
        forced = [
            () if found is None else found.tolist() for found in target_prefixes or [None] * len(sources)
        ]
        return [
            [self._hypothesis(source, prefix, rank, options, alignments) for rank in range(options.nbest)]
            for source, prefix in zip(sources, forced, strict=True)
        ]

    def _hypothesis(
        self,
        source: npt.NDArray[np.int32],
        forced: Sequence[int],
        rank: int,
        options: SearchOptions,
        alignments: bool,
    ) -> Hypothesis:
        tokens = np.array([*forced, *source[: len(source) - rank]], np.int32)
        complete = len(tokens) < options.max_length
        tokens = tokens[: options.max_length]
        length = len(tokens) + complete
        attention = None
        if alignments:
            attention = np.eye(len(tokens), len(source) + 1, -len(forced), dtype=np.uint16)
        return Hypothesis(
            tokens, -(rank + 1.0) * length / length**options.length_penalty, complete, attention
        )

    def close(self) -> None:
        self.closed = True
