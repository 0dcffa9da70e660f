"""From observations to a quantization plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from octavo.calibration.errors import CalibrationError
from octavo.calibration.observe.observations import Observations
from octavo.model.architecture import products, sites
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan, Static
from octavo.model.sublayers import ProductKind, SiteKind
from octavo.quantization.thresholds import Method, find_range, head_scales
from octavo.runs.finished_steps import FinishedSteps, digest


@dataclasses.dataclass(frozen=True, slots=True)
class SiteRanges:
    """How each site is quantized, whichever products read it in int8: ``inputs`` and ``heads`` as in
    ``octavo.model.plan.QuantizationPlan``, but for every site of the model."""

    inputs: Mapping[str, Static | None]
    heads: Mapping[str, tuple[float, ...]]

    def plan(self, config: ModelConfig, float32: Iterable[str]) -> QuantizationPlan:
        """The plan that leaves these products in float32 and has what the others need."""
        kept = frozenset(float32)
        used: dict[ProductKind, set[str]] = {kind: set() for kind in ProductKind}
        for product in products(config):
            if product.name not in kept:
                used[product.kind].update(product.sites)
        attention = used[ProductKind.SCORES] | used[ProductKind.CONTEXT]
        return QuantizationPlan(
            kept,
            {site: how for site, how in self.inputs.items() if site in used[ProductKind.WEIGHT]},
            {site: scales for site, scales in self.heads.items() if site in attention},
        )

    def checksum(self) -> str:
        """SHA-256 of all ranges."""
        return digest(QuantizationPlan(frozenset(), self.inputs, self.heads).to_dict())


def find_ranges(
    config: ModelConfig, observations: Observations, method: Method, *, dynamic: bool
) -> SiteRanges:
    """Ranges of every site by one method. ``dynamic``: the inputs of weight products per token.

    Raises CalibrationError for a site that was not observed.
    """
    return find_ranges_in_steps(config, observations, method, FinishedSteps(None, {}), {}, dynamic=dynamic)


def find_ranges_in_steps(
    config: ModelConfig,
    observations: Observations,
    method: Method,
    steps: FinishedSteps,
    inputs: Mapping[str, Any],
    *,
    dynamic: bool,
) -> SiteRanges:
    """As ``find_ranges``. ``steps`` keeps the ranges; ``inputs`` is what the observations depend on."""
    known = sites(config)
    kinds: dict[str, ProductKind] = {}
    for product in products(config):
        for site in product.sites:
            if known[site].kind is not SiteKind.WEIGHTS:
                kinds.setdefault(site, product.kind)
    work = _RangeSearch(observations, method, dynamic=dynamic)
    inputs = {**inputs, "method": str(method), "dynamic": dynamic}
    found = steps.grown("ranges", inputs, list(kinds.items()), work)
    return SiteRanges(
        {site: None if how is None else Static(*how) for site, how in found["inputs"].items()},
        {site: tuple(scales) for site, scales in found["heads"].items()},
    )


class _RangeSearch:
    """Finds the ranges of sites; a GrowingStep. Its state: [scale, zero point] or None of each input of a
    weight product, the scales of each site of attention."""

    def __init__(self, observations: Observations, method: Method, *, dynamic: bool) -> None:
        self._observations = observations
        self._method = method
        self._dynamic = dynamic
        self._found: dict[str, dict[str, Any]] = {"inputs": {}, "heads": {}}

    def begin(self, done: int, state: Any) -> None:
        if done:
            self._found = state

    def add(self, unit: tuple[str, ProductKind]) -> None:
        site, kind = unit
        if kind is not ProductKind.WEIGHT:
            scales = head_scales(_observed(self._observations.heads, site), self._method)
            self._found["heads"][site] = list(scales)
        elif self._dynamic:
            self._found["inputs"][site] = None
        else:
            how = find_range(_observed(self._observations.tensors, site), self._method).static()
            self._found["inputs"][site] = [how.scale, how.zero_point]

    def state(self) -> dict[str, Any]:
        return self._found

    def close(self) -> None:
        """Nothing is open."""


def _observed(found: Mapping[str, Any], site: str) -> Any:
    if site not in found:
        raise CalibrationError(f"{site}: was never computed on the calibration text")
    return found[site]
