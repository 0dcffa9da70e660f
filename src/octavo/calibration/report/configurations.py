"""The published ways to quantize a model, and what each gives on the dev set."""

from __future__ import annotations

import dataclasses

from octavo.calibration.candidates.candidate import Candidate
from octavo.calibration.candidates.coverage import Coverage, int8_products
from octavo.calibration.candidates.ranges import find_ranges_in_steps
from octavo.calibration.choose.techniques import ObservedModel
from octavo.calibration.measure.dev_text import DevResult, DevText
from octavo.calibration.measure.measurements import Measurements
from octavo.quantization.thresholds import Method


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    """One published way to quantize.

    ``method`` finds the ranges. With ``dynamic`` it finds only those of attention's products: the others are
    measured per token, at run time.
    """

    method: Method
    coverage: Coverage
    dynamic: bool

    @property
    def name(self) -> str:
        """The name of the method, or "dynamic"."""
        return "dynamic" if self.dynamic else str(self.method)


def published_configurations(method: Method = Method.MSE) -> list[Configuration]:
    """Dynamic inputs (attention's ranges by ``method``) and all six methods, each with both coverages."""
    return [
        configuration
        for coverage in (Coverage.PAPER, Coverage.FULL)
        for configuration in (
            Configuration(method, coverage, dynamic=True),
            *(Configuration(static, coverage, dynamic=False) for static in Method),
        )
    ]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MeasuredConfiguration:
    """A configuration and what it gives: the dev set's result, the number of products in int8, and the bytes
    of the tensors."""

    configuration: Configuration
    result: DevResult
    int8_products: int
    size_bytes: int


class ConfigurationTrials:
    """Measures configurations of one observed model, without scale migration, bias correction or fallback."""

    def __init__(self, observed: ObservedModel, measurements: Measurements) -> None:
        self._observed = observed
        self._measurements = measurements

    def candidate(self, configuration: Configuration) -> Candidate:
        """The model quantized by the configuration."""
        observed = self._observed
        ranges = find_ranges_in_steps(
            observed.float_model.config,
            observed.observations,
            configuration.method,
            self._measurements.steps,
            {"migrations": sorted(observed.float_model.migrations)},
            dynamic=configuration.dynamic,
        )
        return Candidate(observed.float_model, ranges)

    def measure(self, configuration: Configuration, dev: DevText) -> MeasuredConfiguration:
        """Translate the dev set by the configuration."""
        config = self._observed.float_model.config
        float32 = configuration.coverage.float32(config)
        candidate = self.candidate(configuration)
        return MeasuredConfiguration(
            configuration,
            self._measurements.dev(dev, candidate, float32),
            len(int8_products(config, float32)),
            candidate.size_bytes(float32),
        )
