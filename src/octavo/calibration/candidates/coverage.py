"""Which products run in int8, and how their inputs are quantized."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from fnmatch import fnmatchcase

from octavo.calibration.errors import CalibrationError
from octavo.model.architecture import products, sites
from octavo.model.config import ModelConfig
from octavo.model.sublayers import Product, ProductKind, SiteKind


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
        known = sites(config)
        return frozenset(
            product.name
            for product in products(config)
            if product.kind is not ProductKind.WEIGHT or known[product.sites[0]].kind is SiteKind.HIDDEN
        )


class Inputs(enum.StrEnum):
    """How weight products quantize their inputs.

    ``static``: each site by one scale, known beforehand. ``dynamic``: by one scale per token, measured at
    run time. ``mixed``: static, but for the sites where that costs most.
    """

    MIXED = "mixed"
    STATIC = "static"
    DYNAMIC = "dynamic"


def matching_products(config: ModelConfig, patterns: Iterable[str]) -> frozenset[str]:
    """The products that a name or a shell pattern (``decoder.*.outer``) matches.

    Raises CalibrationError for one that matches none.
    """
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
