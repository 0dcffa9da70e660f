"""Bias correction: the mean error of each product is taken off its bias (Nagel et al. 2019)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.calibration.candidates.candidate import Candidate, FloatArray
from octavo.calibration.measure.measurements import Measurements
from octavo.calibration.observe.observations import ObservableEngine, Observations
from octavo.calibration.text.pairs import Pairs
from octavo.model.architecture import sites, weight_products
from octavo.model.config import ModelConfig
from octavo.model.plan import Static
from octavo.quantization.activations import quantize_activation
from octavo.quantization.bias_correction import bias_correction
from octavo.runs.progress import Progress

_PAIRS_AT_ONCE: Final = 32


def corrected_biases(
    candidate: Candidate,
    observations: Observations,
    pairs: Pairs,
    measurements: Measurements,
    progress: Progress,
) -> dict[str, FloatArray]:
    """The corrected bias of every weight product that has one, by product.

    ``observations``: of the candidate's float model on ``pairs``.
    """
    config, tensors = candidate.float_model.config, candidate.float_model.tensors
    means = _quantized_means(candidate, pairs, measurements, progress)
    found = {}
    for product in weight_products(config):
        if product.bias is None:
            continue
        site, weight = product.site, product.weight.name
        change = bias_correction(
            tensors[weight],
            candidate.dequantized(weight),
            observations.whole(site).channel_mean,
            means[site],
        )
        found[product.name] = tensors[product.bias.name] + change
    return found


def _quantized_means(
    candidate: Candidate, pairs: Pairs, measurements: Measurements, progress: Progress
) -> dict[str, npt.NDArray[np.float64]]:
    """Mean of every channel of the sites, once they are quantized and widened."""
    float_model, ranges = candidate.float_model, candidate.ranges
    batches = list(pairs.batches(_PAIRS_AT_ONCE))
    work = _QuantizedMeans(
        lambda: measurements.engine(float_model.tensor_model(), "float32"),
        float_model.config,
        ranges.inputs,
        batches,
        progress,
    )
    inputs = {"migrations": sorted(float_model.migrations), "ranges": ranges.checksum()}
    found = measurements.steps.grown("quantized-means", inputs, batches, work)
    return {site: np.array(found["sums"][site]) / max(rows, 1) for site, rows in found["rows"].items()}


class _QuantizedMeans:
    """Per-channel sums of a site's rows, quantized and dequantized; a GrowingStep. Its state: the sums and
    the numbers of rows, by site."""

    def __init__(
        self,
        engine: Callable[[], AbstractContextManager[ObservableEngine]],
        config: ModelConfig,
        inputs: Mapping[str, Static | None],
        batches: Sequence[Pairs],
        progress: Progress,
    ) -> None:
        self._engine = engine
        self._inputs = inputs
        self._batches = batches
        self._progress = progress
        self._opened = contextlib.ExitStack()
        self._sums = {site: np.zeros(found.width) for site, found in sites(config).items() if site in inputs}
        self._rows = dict.fromkeys(self._sums, 0)

    def begin(self, done: int, state: Any) -> None:
        if done:
            self._sums = {site: np.array(sums) for site, sums in state["sums"].items()}
            self._rows = dict(state["rows"])
        self._progress.stage("Measuring mean errors", sum(map(len, self._batches)))
        self._progress.advance(sum(map(len, self._batches[:done])))
        self._observable = self._opened.enter_context(self._engine())

    def add(self, unit: Pairs) -> None:
        self._observable.observe(unit.sources, unit.targets, self._visit)
        self._progress.advance(len(unit))

    def _visit(self, site: str, rows: FloatArray) -> None:
        """Rows [rows, width] of any site; those without an input range do not count."""
        if site not in self._sums:
            return
        quantized = quantize_activation(rows, self._inputs[site])
        widened = quantized.signed() * quantized.row_scale[:, None]
        self._sums[site] += widened.sum(axis=0, dtype=np.float64)
        self._rows[site] += len(rows)

    def state(self) -> dict[str, Any]:
        return {"sums": {site: sums.tolist() for site, sums in self._sums.items()}, "rows": self._rows}

    def close(self) -> None:
        self._opened.close()
