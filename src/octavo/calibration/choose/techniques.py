"""Methods, scale migration and bias correction: each tried on its own, and kept only where it helps.

What helps is decided by KL on the pairs held out, with every product of the coverage in int8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from octavo.calibration.candidates.candidate import Candidate, FloatArray, FloatModel
from octavo.calibration.candidates.ranges import SiteRanges, find_ranges
from octavo.calibration.choose.per_token import with_sites_per_token
from octavo.calibration.measure.calibration_data import CalibrationData
from octavo.calibration.observe.observations import Observations, observe
from octavo.plan import ProductKind, Static, products, sites, weight_name
from octavo.quantization import QuantizedWeights
from octavo.quantization.activations import quantize_activation
from octavo.quantization.bias_correction import bias_correction
from octavo.quantization.migration import Migration, migrate_scales
from octavo.quantization.thresholds import Method
from octavo.runs.progress import Progress
from octavo.spec import ModelConfig

_MIGRATIONS: Final = {
    Migration.NORM: "scales from layer norms to the products that read them",
    Migration.VALUES: "scales from values to attention's output projections",
    Migration.HIDDEN: "scales from hidden channels to the second feed-forward products",
    Migration.QUERIES_KEYS: "scales from keys to queries",
}


_WORTH_KEEPING: Final = 0.95
"""KL must fall to this part of itself: rounding differently moves it by some percent either way."""


@dataclasses.dataclass(frozen=True, slots=True)
class Technique:
    """A change of the float32 weights or biases that was tried, and KL of all in int8 before and after."""

    name: str
    before: float
    after: float
    kept: bool


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ObservedModel:
    """A float model and what was observed of it."""

    float_model: FloatModel
    observations: Observations
    weights: QuantizedWeights


class Trials:
    """Tries techniques on one model and text. ``tried``: what was, in order.

    ``float32``: products that stay in float32. ``dynamic``: weight products quantize their inputs per token.
    """

    def __init__(
        self, data: CalibrationData, float32: frozenset[str], progress: Progress, *, dynamic: bool
    ) -> None:
        self.tried: list[Technique] = []
        self._measurements = data.measurements
        self._pairs = data.observed
        self._steps = data.steps
        self._float32 = float32
        self._progress = progress
        self._dynamic = dynamic

    def observed(
        self, float_model: FloatModel, base: ObservedModel | None = None, only: frozenset[str] | None = None
    ) -> ObservedModel:
        """Run the model over the text. With ``base``, it differs from ``base`` in the tensors ``only``."""

        def compute() -> dict[str, object]:
            self._progress.stage("Observing the model", len(self._pairs))
            with self._measurements.engine(float_model.tensor_model(), "float32") as engine:
                return observe(engine, float_model.config, self._pairs, self._progress, only=only).to_dict()

        inputs = {
            "migrations": sorted(float_model.migrations),
            "only": sorted(only) if only is not None else None,
        }
        found = Observations.from_dict(self._steps.value("observations", inputs, compute))
        if base is not None:
            found = base.observations.replaced_by(found)
        return ObservedModel(float_model, found, QuantizedWeights(float_model.tensor_model()))

    def ranges(self, observed: ObservedModel, method: Method) -> SiteRanges:
        """The model's ranges by one method."""
        return find_ranges(observed.float_model.config, observed.observations, method, dynamic=self._dynamic)

    def candidate(self, observed: ObservedModel, method: Method) -> Candidate:
        """The model quantized with ranges by one method."""
        return Candidate(observed.float_model, observed.weights, self.ranges(observed, method))

    def divergence(self, candidate: Candidate) -> float:
        """KL with every product of the coverage in int8."""
        return self._measurements.divergence(candidate, self._float32)

    def best_method(self, observed: ObservedModel, methods: Sequence[Method]) -> Method:
        """The method with the least KL; of equal ones the first."""
        if len(methods) == 1:
            return methods[0]
        self._progress.stage("Comparing methods", len(methods))
        found: dict[Method, float] = {}
        for method in methods:
            found[method] = self.divergence(self.candidate(observed, method))
            self._progress.advance()
        return min(found, key=found.__getitem__)

    def migrate(self, observed: ObservedModel, method: Method) -> ObservedModel:
        """The model with the scales moved that, each kind on its own, lower KL; or as it is.

        Kinds that help are moved together, if that is better than the best of them alone.
        """
        before = self.divergence(self.candidate(observed, method))
        helpful: dict[Migration, tuple[float, ObservedModel]] = {}
        for kind, description in _MIGRATIONS.items():
            moved = self._moved(observed, frozenset({kind}))
            if moved is None:
                continue
            after = self.divergence(self.candidate(moved, method))
            helps = after < _WORTH_KEEPING * before
            self.tried.append(Technique(description, before, after, helps))
            if helps:
                helpful[kind] = (after, moved)
        if len(helpful) > 1:
            together = self._moved(observed, frozenset(helpful))
            if together is not None:
                helpful_together = self.divergence(self.candidate(together, method)), together
                best = min([*helpful.values(), helpful_together], key=lambda found: found[0])
                self._keep_only(best[1].float_model.migrations)
                return best[1]
        return next((moved for _, moved in helpful.values()), observed)

    def _keep_only(self, kinds: frozenset[Migration]) -> None:
        kept = {_MIGRATIONS[kind] for kind in kinds}
        self.tried = [
            dataclasses.replace(t, kept=t.name in kept) if t.name in _MIGRATIONS.values() else t
            for t in self.tried
        ]

    def _moved(self, observed: ObservedModel, kinds: frozenset[Migration]) -> ObservedModel | None:
        """None where the model has nothing of those kinds to move."""
        float_model = observed.float_model
        maxima = observed.observations.channel_maxima()
        needed = {site: maxima[site] for site, width in sites(float_model.config).items() if width}
        found = migrate_scales(float_model.config, float_model.tensors, needed, kinds)
        if all(np.all(divisor == 1) for divisor in found.divisors.values()):
            return None
        changed = frozenset(site for site, divisor in found.divisors.items() if np.any(divisor != 1))
        return self.observed(FloatModel(float_model.config, found.tensors, kinds), observed, changed)

    def choose_per_token(self, candidate: Candidate) -> Candidate:
        """The candidate with the inputs per token for which one scale costs most, if that lowers KL."""
        found = with_sites_per_token(candidate, self._float32, self.divergence, self._progress)
        before, after = self.divergence(candidate), self.divergence(found)
        helps = after < _WORTH_KEEPING * before
        count = sum(how is None for how in found.plan(self._float32).inputs.values())
        if count:
            self.tried.append(Technique(f"scales per token for {count} inputs", before, after, helps))
        return found if helps else candidate

    def correct_biases(self, observed: ObservedModel, candidate: Candidate) -> Candidate:
        """The candidate with biases corrected, if that lowers KL; or as it is."""
        corrected = dataclasses.replace(candidate, biases=self._corrected_biases(observed, candidate))
        before, after = self.divergence(candidate), self.divergence(corrected)
        helps = after < _WORTH_KEEPING * before
        self.tried.append(Technique("bias correction", before, after, helps))
        return corrected if helps else candidate

    def _corrected_biases(self, observed: ObservedModel, candidate: Candidate) -> dict[str, FloatArray]:
        config, float_model = candidate.float_model.config, candidate.float_model
        means = self._quantized_means(float_model, candidate.ranges)
        found = {}
        for product in products(config):
            bias = f"{product.name}.bias"
            if product.kind is not ProductKind.WEIGHT or bias not in float_model.tensors:
                continue
            site, weight = product.sites[0], weight_name(config, product)
            change = bias_correction(
                float_model.tensors[weight],
                candidate.dequantized(weight),
                observed.observations.whole(site).channel_mean,
                means[site],
            )
            found[product.name] = float_model.tensors[bias] + change
        return found

    def _quantized_means(
        self, float_model: FloatModel, ranges: SiteRanges
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Mean of every channel of the sites, once quantized and widened."""

        def compute() -> dict[str, list[float]]:
            self._progress.stage("Measuring mean errors", len(self._pairs))
            means = _QuantizedMeans(float_model.config, ranges.inputs)
            with self._measurements.engine(float_model.tensor_model(), "float32") as engine:
                for batch in self._pairs.batches(32):
                    engine.observe(batch.sources, batch.targets, means.add)
                    self._progress.advance(len(batch))
            return means.to_lists()

        inputs = {"migrations": sorted(float_model.migrations), "ranges": ranges.checksum()}
        found: Mapping[str, list[float]] = self._steps.value("quantized-means", inputs, compute)
        return {site: np.array(values) for site, values in found.items()}


class _QuantizedMeans:
    """Sums, per channel, of what remains of a site's rows after quantizing."""

    def __init__(self, config: ModelConfig, inputs: Mapping[str, Static | None]) -> None:
        self._inputs = inputs
        self._sums = {site: np.zeros(width) for site, width in sites(config).items() if site in inputs}
        self._rows = dict.fromkeys(self._sums, 0)

    def add(self, site: str, rows: FloatArray) -> None:
        """Rows [rows, width] of any site; those without an input range do not count."""
        if site not in self._sums:
            return
        quantized = quantize_activation(rows, self._inputs[site])
        widened = quantized.signed() * quantized.row_scale[:, None]
        self._sums[site] += widened.sum(axis=0, dtype=np.float64)
        self._rows[site] += len(rows)

    def to_lists(self) -> dict[str, list[float]]:
        """The means, ready for JSON."""
        return {site: (sums / max(self._rows[site], 1)).tolist() for site, sums in self._sums.items()}
