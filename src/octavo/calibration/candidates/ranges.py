"""From observations to a quantization plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from octavo.calibration.errors import CalibrationError
from octavo.calibration.observe.observations import Observations
from octavo.plan import ProductKind, QuantizationPlan, Static, products
from octavo.quantization.thresholds import Method, find_range, head_scales
from octavo.runs.finished_steps import digest
from octavo.spec import ModelConfig


@dataclasses.dataclass(frozen=True, slots=True)
class SiteRanges:
    """How each site is quantized, whichever products read it in int8: ``inputs`` and ``heads`` as in
    ``octavo.plan.QuantizationPlan``, but for every site of the model."""

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
    inputs: dict[str, Static | None] = {}
    heads: dict[str, tuple[float, ...]] = {}
    for product in products(config):
        for site in product.sites:
            if site.endswith(".weights") or site in inputs or site in heads:
                continue
            if product.kind is not ProductKind.WEIGHT:
                heads[site] = head_scales(_observed(observations.heads, site), method)
            elif dynamic:
                inputs[site] = None
            else:
                inputs[site] = find_range(_observed(observations.tensors, site), method).static()
    return SiteRanges(inputs, heads)


def _observed(found: Mapping[str, Any], site: str) -> Any:
    if site not in found:
        raise CalibrationError(f"{site}: was never computed on the calibration text")
    return found[site]
