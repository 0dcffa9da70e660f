"""From observations to a quantization plan."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from octavo.calibration.collect import Observations
from octavo.calibration.errors import CalibrationError
from octavo.calibration.state import digest
from octavo.plan import Product, ProductKind, QuantizationPlan, Static, products
from octavo.quantization.thresholds import Method, find_range, head_scales
from octavo.spec import ModelConfig


class Coverage(enum.StrEnum):
    """Which products are to run in int8.

    ``full``: all of them. ``paper``: as Bhandare et al. 2019 chose, 85 of a base model's 133: the products
    of attention, and those with a sparse input (the second of each feed-forward), stay in float32.
    """

    FULL = "full"
    PAPER = "paper"

    def float32(self, config: ModelConfig) -> frozenset[str]:
        """The products that stay in float32."""
        if self is Coverage.FULL:
            return frozenset()
        return frozenset(
            product.name
            for product in products(config)
            if product.kind is not ProductKind.WEIGHT or product.name.endswith(".outer")
        )


class Inputs(enum.StrEnum):
    """How weight products quantize their inputs.

    ``static``: each site by one scale, known beforehand. ``dynamic``: by one scale per token, measured at
    run time. ``mixed``: static, but for the sites where that costs most.
    """

    MIXED = "mixed"
    STATIC = "static"
    DYNAMIC = "dynamic"


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


def matching_products(config: ModelConfig, patterns: Iterable[str]) -> frozenset[str]:
    """Products by name or shell pattern (``decoder.*.outer``). Raises CalibrationError where none match."""
    names = [product.name for product in products(config)]
    found: set[str] = set()
    for pattern in patterns:
        matched = [name for name in names if fnmatchcase(name, pattern)]
        if not matched:
            raise CalibrationError(
                f"the model has no product {pattern!r}; products are named like {names[0]} or {names[-1]}, "
                "and decoder.*.outer means all that it matches"
            )
        found.update(matched)
    return frozenset(found)


def int8_products(config: ModelConfig, float32: frozenset[str]) -> list[Product]:
    """The products that do not stay in float32, in order."""
    return [product for product in products(config) if product.name not in float32]
