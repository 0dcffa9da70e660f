"""Methods, scale migration and bias correction: each tried on its own, and kept only where it helps.

What helps is decided by KL on the pairs held out, with every product of the coverage in int8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np

from octavo.calibration.candidates.candidate import Candidate, FloatModel
from octavo.calibration.candidates.ranges import SiteRanges, find_ranges_in_steps
from octavo.calibration.choose.corrected_biases import corrected_biases
from octavo.calibration.choose.per_token import with_sites_per_token
from octavo.calibration.measure.calibration_data import CalibrationData
from octavo.calibration.observe.observations import Observations, observe_in_steps
from octavo.model.architecture import sites
from octavo.quantization.migration import Migration, migrate_scales
from octavo.quantization.thresholds import Method
from octavo.runs.progress import Progress

_MIGRATIONS: Final = {
    Migration.NORM: "scales from layer norms to the products that read them",
    Migration.VALUES: "scales from values to attention's output projections",
    Migration.HIDDEN: "scales from hidden channels to the second feed-forward products",
    Migration.QUERIES_KEYS: "scales from keys to queries",
}


_WORTH_KEEPING: Final = 0.95
"""A technique is kept where KL falls to this part of itself: another rounding moves KL by some percent."""


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


class Trials:
    """Tries techniques on one model and text. ``tried``: the techniques that were tried, in order.

    ``float32``: products that stay in float32. ``dynamic``: weight products quantize their inputs per token.
    """

    def __init__(
        self, data: CalibrationData, float32: frozenset[str], progress: Progress, *, dynamic: bool
    ) -> None:
        self.tried: list[Technique] = []
        self._measurements = data.measurements
        self._pairs = data.observed
        self._float32 = float32
        self._progress = progress
        self._dynamic = dynamic

    def observed(
        self, float_model: FloatModel, base: ObservedModel | None = None, only: frozenset[str] | None = None
    ) -> ObservedModel:
        """Run the model over the text. With ``base``, it differs from ``base`` in the tensors ``only``."""

        found = observe_in_steps(
            lambda: self._measurements.engine(float_model.tensor_model(), "float32"),
            float_model.config,
            self._pairs,
            self._measurements.steps,
            self._progress,
            migrations=float_model.migrations,
            only=only,
        )
        if base is not None:
            found = base.observations.replaced_by(found)
        return ObservedModel(float_model, found)

    def ranges(self, observed: ObservedModel, method: Method) -> SiteRanges:
        """The model's ranges by one method."""
        return find_ranges_in_steps(
            observed.float_model.config,
            observed.observations,
            method,
            self._measurements.steps,
            {"migrations": sorted(observed.float_model.migrations)},
            dynamic=self._dynamic,
        )

    def candidate(self, observed: ObservedModel, method: Method) -> Candidate:
        """The model quantized with ranges by one method."""
        return Candidate(observed.float_model, self.ranges(observed, method))

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
        """The model after the kinds of scale migration that lower KL, each tried alone, or as it is.

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
        needed = {name: maxima[name] for name, site in sites(float_model.config).items() if site.width}
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
        biases = corrected_biases(
            candidate, observed.observations, self._pairs, self._measurements, self._progress
        )
        corrected = dataclasses.replace(candidate, biases=biases)
        before, after = self.divergence(candidate), self.divergence(corrected)
        helps = after < _WORTH_KEEPING * before
        self.tried.append(Technique("bias correction", before, after, helps))
        return corrected if helps else candidate
