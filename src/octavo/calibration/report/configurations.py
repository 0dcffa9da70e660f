"""The dev set by every published way to quantize, side by side."""

from __future__ import annotations

import dataclasses

from octavo.calibration.candidates.candidate import Candidate
from octavo.calibration.candidates.coverage import Coverage, int8_products
from octavo.calibration.candidates.ranges import find_ranges
from octavo.calibration.choose.techniques import ObservedModel
from octavo.calibration.measure.dev_text import DevResult, DevText
from octavo.calibration.measure.measurements import Measurements
from octavo.quantization.thresholds import Method


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    """``method`` finds the ranges; ``dynamic``: only those of attention's products."""

    method: Method
    coverage: Coverage
    dynamic: bool

    @property
    def name(self) -> str:
        """The method, as far as it matters."""
        return "dynamic" if self.dynamic else str(self.method)


def published_configurations(method: Method = Method.MSE) -> list[Configuration]:
    """Dynamic (attention by ``method``) and all six methods, each with both coverages."""
    return [
        mode
        for coverage in (Coverage.PAPER, Coverage.FULL)
        for mode in (
            Configuration(method, coverage, dynamic=True),
            *(Configuration(static, coverage, dynamic=False) for static in Method),
        )
    ]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MeasuredConfiguration:
    """A mode, the dev set by it, its products in int8 and the bytes of its tensors."""

    mode: Configuration
    result: DevResult
    int8_products: int
    size_bytes: int


class ConfigurationTrials:
    """Measures modes of one observed model, without migration, correction or falling back."""

    def __init__(self, observed: ObservedModel, measurements: Measurements) -> None:
        self._observed = observed
        self._measurements = measurements

    def candidate(self, mode: Configuration) -> Candidate:
        """The model quantized so."""
        observed = self._observed
        ranges = find_ranges(
            observed.float_model.config, observed.observations, mode.method, dynamic=mode.dynamic
        )
        return Candidate(observed.float_model, observed.weights, ranges)

    def measure(self, mode: Configuration, dev: DevText) -> MeasuredConfiguration:
        """Translate the dev set."""
        config = self._observed.float_model.config
        float32 = mode.coverage.float32(config)
        candidate = self.candidate(mode)
        return MeasuredConfiguration(
            mode,
            self._measurements.dev(dev, candidate, float32),
            len(int8_products(config, float32)),
            candidate.size_bytes(float32),
        )
