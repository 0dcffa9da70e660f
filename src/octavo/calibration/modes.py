"""The dev set by every published way to quantize, side by side."""

from __future__ import annotations

import dataclasses

from octavo.calibration.build_plan import Coverage, find_ranges, int8_products
from octavo.calibration.dev import DevSet
from octavo.calibration.gate import DevResult
from octavo.calibration.measurements import Measurements
from octavo.calibration.techniques import Observed
from octavo.calibration.variant import Variant
from octavo.quantization.thresholds import Method


@dataclasses.dataclass(frozen=True, slots=True)
class Mode:
    """``method`` finds the ranges; ``dynamic``: only those of attention's products."""

    method: Method
    coverage: Coverage
    dynamic: bool

    @property
    def name(self) -> str:
        """The method, as far as it matters."""
        return "dynamic" if self.dynamic else str(self.method)


def every_mode(method: Method = Method.MSE) -> list[Mode]:
    """Dynamic (attention by ``method``) and all six methods, each with both coverages."""
    return [
        mode
        for coverage in (Coverage.PAPER, Coverage.FULL)
        for mode in (
            Mode(method, coverage, dynamic=True),
            *(Mode(static, coverage, dynamic=False) for static in Method),
        )
    ]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MeasuredMode:
    """A mode, the dev set by it, its products in int8 and the bytes of its tensors."""

    mode: Mode
    result: DevResult
    int8_products: int
    size_bytes: int


class Modes:
    """Measures modes of one observed model, without migration, correction or falling back."""

    def __init__(self, observed: Observed, measurements: Measurements) -> None:
        self._observed = observed
        self._measurements = measurements

    def variant(self, mode: Mode) -> Variant:
        """The model quantized so."""
        observed = self._observed
        ranges = find_ranges(observed.form.config, observed.observations, mode.method, dynamic=mode.dynamic)
        return Variant(observed.form, observed.weights, ranges)

    def measure(self, mode: Mode, dev: DevSet) -> MeasuredMode:
        """Translate the dev set."""
        config = self._observed.form.config
        float32 = mode.coverage.float32(config)
        variant = self.variant(mode)
        return MeasuredMode(
            mode,
            self._measurements.dev(dev, variant, float32),
            len(int8_products(config, float32)),
            variant.size_bytes(float32),
        )
