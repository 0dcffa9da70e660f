"""Which inputs are better quantized per token: those whose one scale for all tokens costs most."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

from octavo.calibration.progress import Progress
from octavo.calibration.variant import Variant
from octavo.plan import Static

WORTH: Final = 0.01
"""A site goes per token where that takes at least this share off the divergence: a token's scale costs
another pass over its row."""


def with_sites_per_token(
    variant: Variant,
    float32: frozenset[str],
    divergence: Callable[[Variant], float],
    progress: Progress,
) -> Variant:
    """The variant with those static inputs per token that gain most by it, each measured on its own.

    ``divergence``: KL from float32 of a variant with the products ``float32`` left there.
    """
    used = variant.plan(float32).inputs
    candidates = [site for site, how in used.items() if isinstance(how, Static)]
    progress.stage("Comparing static inputs with per-token ones", len(candidates))
    before = divergence(variant)
    chosen = set()
    for site in candidates:
        if before - divergence(_per_token(variant, {site})) >= WORTH * before:
            chosen.add(site)
        progress.advance()
    return _per_token(variant, chosen)


def _per_token(variant: Variant, sites: set[str]) -> Variant:
    inputs = {site: None if site in sites else how for site, how in variant.ranges.inputs.items()}
    return dataclasses.replace(variant, ranges=dataclasses.replace(variant.ranges, inputs=inputs))
