"""What the float32 model's tensors look like while it translates the calibration text."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from octavo.calibration.text.pairs import Pairs
from octavo.engine.hypothesis import TokenIds
from octavo.model.architecture import sites
from octavo.model.config import ModelConfig
from octavo.quantization.observers import HeadStatistics, SiteStatistics
from octavo.runs.finished_steps import FinishedSteps
from octavo.runs.progress import Progress

Visit = Callable[[str, npt.NDArray[np.float32]], None]

_SENTENCES_AT_ONCE: Final = 32


class ObservableEngine(Protocol):
    """What observing needs of an engine; see octavo.engine.Engine."""

    def observe(self, sources: Sequence[TokenIds], targets: Sequence[TokenIds], visit: Visit) -> None:
        """Run the float32 model on the pairs; the engine calls ``visit(site, rows)`` for every site."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """The figures of every site, embedding and residual sum. Queries, keys and values have theirs by head."""

    tensors: Mapping[str, SiteStatistics]
    heads: Mapping[str, HeadStatistics]

    def whole(self, site: str) -> SiteStatistics:
        """The figures of a site, with its heads taken together."""
        return self.heads[site].whole() if site in self.heads else self.tensors[site]

    def names(self) -> list[str]:
        """Every tensor observed."""
        return [*self.tensors, *self.heads]

    def channel_maxima(self) -> dict[str, npt.NDArray[np.float32]]:
        """max |x| of every channel of the tensors that have channels."""
        found = {name: self.whole(name) for name in self.names()}
        return {name: figures.channel_largest for name, figures in found.items() if figures.width}

    def replaced_by(self, other: Observations) -> Observations:
        """These observations, with the tensors of ``other`` in place of theirs."""
        return Observations({**self.tensors, **other.tensors}, {**self.heads, **other.heads})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "tensors": {name: figures.to_dict() for name, figures in self.tensors.items()},
            "heads": {name: figures.to_dict() for name, figures in self.heads.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Observations:
        """Inverse of ``to_dict``."""
        return cls(
            {name: SiteStatistics.from_dict(figures) for name, figures in values["tensors"].items()},
            {name: HeadStatistics.from_dict(figures) for name, figures in values["heads"].items()},
        )


def observe(
    engine: ObservableEngine,
    config: ModelConfig,
    pairs: Pairs,
    progress: Progress,
    *,
    only: frozenset[str] | None = None,
) -> Observations:
    """The figures of all tensors that the engine shows on the pairs, or of the tensors ``only``.

    Raises QuantizationError, naming the tensor, at NaN or infinity.
    """
    nothing_kept = FinishedSteps(None, {})
    return observe_in_steps(
        lambda: contextlib.nullcontext(engine), config, pairs, nothing_kept, progress, only=only
    )


def observe_in_steps(
    engine: Callable[[], AbstractContextManager[ObservableEngine]],
    config: ModelConfig,
    pairs: Pairs,
    steps: FinishedSteps,
    progress: Progress,
    *,
    migrations: Iterable[str] = (),
    only: frozenset[str] | None = None,
) -> Observations:
    """As ``observe``, on an engine that is opened where it is needed. ``steps`` keeps what was observed.

    ``migrations``: what distinguishes the model from others that are observed on the same text.
    """
    batches = list(pairs.batches(_SENTENCES_AT_ONCE))
    inputs = {"migrations": sorted(migrations), "only": sorted(only) if only is not None else None}
    work = _ObservationPass(engine, config, batches, progress, only)
    return Observations.from_dict(steps.grown("observations", inputs, batches, work))


class _ObservationPass:
    """Observes batches of pairs; a GrowingStep. Its state is the observations so far."""

    def __init__(
        self,
        engine: Callable[[], AbstractContextManager[ObservableEngine]],
        config: ModelConfig,
        batches: Sequence[Pairs],
        progress: Progress,
        only: frozenset[str] | None,
    ) -> None:
        self._engine = engine
        self._config = config
        self._batches = batches
        self._progress = progress
        self._only = only
        self._opened = contextlib.ExitStack()
        self._sites = sites(config)
        self._tensors: dict[str, SiteStatistics] = {}
        self._heads: dict[str, HeadStatistics] = {}

    def begin(self, done: int, state: Any) -> None:
        if state:
            seen = Observations.from_dict(state)
            self._tensors, self._heads = dict(seen.tensors), dict(seen.heads)
        self._progress.stage("Observing the model", sum(map(len, self._batches)))
        self._progress.advance(sum(map(len, self._batches[:done])))
        self._observable = self._opened.enter_context(self._engine())

    def add(self, unit: Pairs) -> None:
        self._observable.observe(unit.sources, unit.targets, self._visit)
        self._progress.advance(len(unit))

    def _visit(self, site: str, rows: npt.NDArray[np.float32]) -> None:
        config = self._config
        if self._only is not None and site not in self._only:
            return
        known = self._sites.get(site)
        if known and known.kind.is_per_head:
            if site not in self._heads:
                self._heads[site] = HeadStatistics(site, known.width, config.attention_heads)
            self._heads[site].add(rows)
        else:
            if site not in self._tensors:
                self._tensors[site] = SiteStatistics(site, known.width if known else config.d_model)
            self._tensors[site].add(rows)

    def state(self) -> dict[str, Any]:
        return Observations(self._tensors, self._heads).to_dict()

    def close(self) -> None:
        self._opened.close()
