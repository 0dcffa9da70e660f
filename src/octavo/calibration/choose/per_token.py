"""Which inputs are better quantized per token: those whose one scale for all tokens costs most."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

from octavo.calibration.candidates.candidate import Candidate
from octavo.model.plan import Static
from octavo.runs.progress import Progress

WORTH: Final = 0.01
"""A site gets scales per token where that lowers the divergence by at least this share: they cost one more
pass over each row."""


def with_sites_per_token(
    candidate: Candidate,
    float32: frozenset[str],
    divergence: Callable[[Candidate], float],
    progress: Progress,
) -> Candidate:
    """The candidate with scales per token for the static inputs that gain most by them, each measured alone.

    ``divergence``: KL from float32 of a candidate with the products ``float32`` left there.
    """
    used = candidate.plan(float32).inputs
    candidates = [site for site, how in used.items() if isinstance(how, Static)]
    progress.stage("Comparing static inputs with per-token ones", len(candidates))
    before = divergence(candidate)
    chosen = set()
    for site in candidates:
        if before - divergence(_per_token(candidate, {site})) >= WORTH * before:
            chosen.add(site)
        progress.advance()
    return _per_token(candidate, chosen)


def _per_token(candidate: Candidate, sites: set[str]) -> Candidate:
    inputs = {site: None if site in sites else how for site, how in candidate.ranges.inputs.items()}
    return dataclasses.replace(candidate, ranges=dataclasses.replace(candidate.ranges, inputs=inputs))
