"""What the float32 model's tensors look like while it translates the calibration text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from octavo.calibration.text.pairs import Pairs
from octavo.engine.engine import TokenIds
from octavo.plan import sites
from octavo.quantization.observers import HeadStatistics, SiteStatistics
from octavo.runs.progress import Progress
from octavo.spec import ModelConfig

Visit = Callable[[str, npt.NDArray[np.float32]], None]

_SENTENCES_AT_ONCE: Final = 32
_PER_HEAD: Final = (".queries", ".keys", ".values")


class ObservableEngine(Protocol):
    """What collecting needs of an engine; see octavo.engine.Engine."""

    def observe(self, sources: Sequence[TokenIds], targets: Sequence[TokenIds], visit: Visit) -> None:
        """Run the float32 model on the pairs; ``visit`` hears the rows of every site."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Figures of every site, embedding and residual sum; of queries, keys and values by head."""

    tensors: Mapping[str, SiteStatistics]
    heads: Mapping[str, HeadStatistics]

    def whole(self, site: str) -> SiteStatistics:
        """The figures of a site, heads taken together."""
        return self.heads[site].whole() if site in self.heads else self.tensors[site]

    def names(self) -> list[str]:
        """Every tensor observed."""
        return [*self.tensors, *self.heads]

    def channel_maxima(self) -> dict[str, npt.NDArray[np.float32]]:
        """max |x| of every channel of the tensors that have channels."""
        found = {name: self.whole(name) for name in self.names()}
        return {name: figures.channel_largest for name, figures in found.items() if figures.width}

    def replaced_by(self, other: Observations) -> Observations:
        """These, but for the tensors that ``other`` has too."""
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
    """Figures of all that the engine shows on the pairs, or of the tensors ``only``.

    Raises QuantizationError, naming the tensor, at NaN or infinity.
    """
    widths = sites(config)
    tensors: dict[str, SiteStatistics] = {}
    heads: dict[str, HeadStatistics] = {}

    def visit(site: str, rows: npt.NDArray[np.float32]) -> None:
        if only is not None and site not in only:
            return
        if site.endswith(_PER_HEAD):
            if site not in heads:
                heads[site] = HeadStatistics(site, config.d_model, config.attention_heads)
            heads[site].add(rows)
        else:
            if site not in tensors:
                tensors[site] = SiteStatistics(site, widths.get(site, config.d_model))
            tensors[site].add(rows)

    for batch in _watched(pairs, progress):
        engine.observe(batch.sources, batch.targets, visit)
    return Observations(tensors, heads)


def _watched(pairs: Pairs, progress: Progress) -> Iterator[Pairs]:
    for batch in pairs.batches(_SENTENCES_AT_ONCE):
        yield batch
        progress.advance(len(batch))
