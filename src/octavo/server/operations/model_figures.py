"""What the models and their engines do, as figures for Prometheus. A label is the name of a model, which the
operator chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from octavo.engine import Activity
from octavo.server.model_pool import ModelInfo

_NOW: Final = {
    "waiting_sentences": "Sentences that wait for a place in a batch.",
    "waiting_tokens": "Source tokens of the sentences that wait.",
    "sentences_under_way": "Sentences that are being translated.",
    "rows_in_use": "Places of batches that are taken; with octavo_engine_rows, how full batches are.",
    "rows": "Places of all batches.",
}
_EVER: Final = {
    "steps": "Decoding steps of all batches.",
    "sentences": "Sentences that were translated.",
    "source_tokens": "Source tokens of these sentences.",
    "target_tokens": "Tokens of their translations.",
}


class Models(Protocol):
    """A ModelPool, as far as figures need it."""

    def models(self) -> Iterable[ModelInfo]: ...
    def activity(self) -> Mapping[str, Activity]: ...


class ModelFigures(Collector):
    """Reads them whenever all figures are read. Those of an engine begin anew when its model is loaded
    again."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: reading them takes locks."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The families, with a sample for each model."""
        loaded = GaugeMetricFamily("octavo_model_loaded", "1: the model is in memory.", labels=["model"])
        size = GaugeMetricFamily("octavo_model_bytes", "Memory that it takes then.", labels=["model"])
        for info in self._models.models():
            loaded.add_metric([info.name], float(info.loaded))
            size.add_metric([info.name], info.bytes)
        yield from (loaded, size)
        activity = self._models.activity()
        for kind, names in ((GaugeMetricFamily, _NOW), (CounterMetricFamily, _EVER)):
            for name, told in names.items():
                family = kind(f"octavo_engine_{name}", told, labels=["model"])
                for model, now in activity.items():
                    family.add_metric([model], getattr(now, name))
                yield family
