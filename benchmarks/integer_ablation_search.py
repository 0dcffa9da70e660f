"""The reference's search over a simulation: what ``octavo.reference.search`` asks of a model, from numpy."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np
import torch

from octavo.artifact import ModelDirectory
from octavo.integer import ForwardPass
from octavo.integer.forward import KeyValueCache
from octavo.model.search import SearchOptions
from octavo.reference.search import search

BATCH_SENTENCES: Final = 32


class SearchedForm(Protocol):
    """A form of ``integer_ablation``."""

    @property
    def forward(self) -> ForwardPass[Any]: ...

    @property
    def real(self) -> Callable[[Any], np.ndarray]: ...

    @property
    def alone(self) -> bool: ...


@dataclasses.dataclass
class _State:
    """B sentences with W rows each; the simulation keeps every row's own copy of its source."""

    cache: KeyValueCache[Any]
    mask: torch.Tensor

    @property
    def length(self) -> int:
        return self.cache.length

    def select(self, sentences: torch.Tensor, rows: torch.Tensor) -> None:
        """As ``octavo.reference.model.DecodingState.select``."""
        self.mask = self.mask[sentences]
        self.cache.select(rows.numpy())


class _Searched:
    """A form as the search sees a Transformer."""

    def __init__(self, form: SearchedForm) -> None:
        self.config = form.forward.config
        self.target_table = torch.empty(0)
        self._form = form

    def start(self, source: torch.Tensor, lengths: torch.Tensor) -> _State:
        """Sources [B, S] of one length."""
        if (lengths != source.shape[1]).any():
            raise ValueError("sources of a batch have one length: a simulation knows no padding")
        return _State(self._form.forward.start(source.numpy()), torch.zeros(len(source), 1))

    def step(self, tokens: torch.Tensor, state: _State) -> torch.Tensor:
        """Logits [R, V] in float32."""
        logits = self._form.real(self._form.forward.step(tokens.numpy(), state.cache))
        return torch.from_numpy(logits[:, 0].astype(np.float32))


def translate(
    form: SearchedForm, model: ModelDirectory, sources: Sequence[list[int]], beam: int
) -> list[tuple[int, ...]]:
    """The best translation of each source, by the model's own search options but the beam."""
    defaults = model.search
    options = SearchOptions(
        beam=beam,
        length_penalty=defaults.length_penalty,
        length_ratio=defaults.length_ratio,
        length_margin=defaults.length_margin,
    )
    by_length: dict[int, list[int]] = {}
    for index, source in enumerate(sources):
        by_length.setdefault(len(source), []).append(index)
    at_once = 1 if form.alone else BATCH_SENTENCES
    found: dict[int, tuple[int, ...]] = {}
    for group in by_length.values():
        for first in range(0, len(group), at_once):
            batch = group[first : first + at_once]
            searched: Any = _Searched(form)
            for index, best in zip(
                batch, search(searched, [sources[i] for i in batch], options), strict=True
            ):
                found[index] = best[0].tokens
        print(f"{len(found)} of {len(sources)} translated", file=sys.stderr)
    return [found[index] for index in range(len(sources))]
