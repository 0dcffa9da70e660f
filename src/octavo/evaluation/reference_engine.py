"""The PyTorch reference behind the engine's interface, so that the two are compared like with like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from octavo import interrupt
from octavo.engine import Call, Hypothesis, SearchOptions, Term
from octavo.engine.hypothesis import TokenIds
from octavo.errors import OctavoError
from octavo.model.architecture import architecture

if TYPE_CHECKING:
    from octavo.artifact import ModelDirectory
    from octavo.reference import Transformer

    Array = np.ndarray[Any, np.dtype[Any]]

BATCH_SENTENCES: Final = 64


class ReferenceEngineError(OctavoError):
    """The PyTorch reference cannot run here."""


class ReferenceEngine:
    """Batched search in PyTorch, float32; weights stored as int8 are widened with their scales.

    Sentences are sorted by length and cut in batches of ``batch_sentences``. ``threads`` are
    PyTorch's, for the whole process; 0 leaves them as they are. Raises ReferenceEngineError without
    PyTorch, and for a model of scheme ``integer``.
    """

    precision: Final = "float32"

    def __init__(
        self, model: ModelDirectory, *, threads: int = 0, batch_sentences: int = BATCH_SENTENCES
    ) -> None:
        try:
            import torch
        except ImportError as error:
            raise ReferenceEngineError(
                "this needs PyTorch, which is not installed: pip install 'octavo[train]'"
            ) from error
        from octavo.reference import from_arrays

        model.check_translates("translation")
        if model.integer_scales is not None:
            raise ReferenceEngineError(
                f"{model.path}: holds integers only, and PyTorch computes in float32; leave --engine out"
            )
        if threads:
            torch.set_num_threads(threads)
        self.threads = torch.get_num_threads()
        self._path = model.path
        self._batch_sentences = batch_sentences
        self._transformer: Transformer | None = from_arrays(model.config, float_tensors(model))

    def translate(
        self,
        sources: Sequence[Array],
        options: SearchOptions,
        terms: Sequence[Sequence[Term] | None] | None = None,  # noqa: ARG002
        continuations: TokenIds | None = None,  # noqa: ARG002
        *,
        target_prefixes: Sequence[TokenIds | None] | None = None,
        alignments: bool = False,
        call: Call | None = None,
    ) -> list[list[Hypothesis]]:
        """For each source (int32 ids without EOS) its n-best list, best first, in order.

        Terms are not enforced: a caller has to see which translations have them. Raises
        ReferenceEngineError for alignments, a source too long, and a model whose scores are not finite.
        """
        if alignments:
            raise ReferenceEngineError("PyTorch's search gives no alignments; leave --engine out")
        from octavo import reference

        if self._transformer is None:
            raise ValueError("the engine is closed")
        call = call or Call()
        order = sorted(range(len(sources)), key=lambda i: -len(sources[i]))
        found: dict[int, list[Hypothesis]] = {}
        for start in range(0, len(order), self._batch_sentences):
            interrupt.check()
            call.check()
            batch = order[start : start + self._batch_sentences]
            try:
                results = reference.search(
                    self._transformer,
                    [sources[i].tolist() for i in batch],
                    options,
                    prefixes=None if target_prefixes is None else [_ids(target_prefixes[i]) for i in batch],
                )
            except ValueError as error:
                raise ReferenceEngineError(f"{self._path}: {error}") from error
            found |= {i: list(map(_hypothesis, nbest)) for i, nbest in zip(batch, results, strict=True)}
        return [found[i] for i in range(len(sources))]

    def close(self) -> None:
        """Free the memory."""
        self._transformer = None


def float_tensors(model: ModelDirectory) -> dict[str, Array]:
    """Every weight as float32 under its name in ``Scheme.NONE``: int8 rows times their scales."""
    stored = dict(model.tensors())
    names = [tensor.name for tensor in architecture(model.config).tensors]
    return {name: _widened(stored[name], stored.get(f"{name}_scale")) for name in names}


def _ids(prefix: TokenIds | None) -> list[int]:
    return [] if prefix is None else prefix.tolist()


def _widened(array: Array, scales: Array | None) -> Array:
    return array if scales is None else array.astype(np.float32) * scales[:, None]


def _hypothesis(found: Any) -> Hypothesis:
    return Hypothesis(np.asarray(found.tokens, dtype=np.int32), found.score, found.complete)
