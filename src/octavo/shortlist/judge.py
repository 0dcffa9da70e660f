"""The loss by a shortlist: the dev set is translated with it and without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from octavo.artifact import ModelDirectory, Shortlist
from octavo.calibration.measure.dev_text import DevText
from octavo.engine import Engine, default_precision
from octavo.evaluation.significance import PairedBootstrap
from octavo.runs.progress import Progress


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """BLEU with the shortlist less that without (below 0: lost), its 95 % interval and p-value; and the
    share of translations that are not the same. ``tokens_per_second``: (without, with), one run each."""

    lines: int
    bleu_without: float
    bleu_with: float
    low: float
    high: float
    p_value: float
    changed_share: float
    tokens_per_second: tuple[float, float]
    signature: str

    @property
    def lost(self) -> float:
        """Points of BLEU."""
        return self.bleu_without - self.bleu_with

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**dataclasses.asdict(self), "lost": self.lost}


def measure_loss(
    model: ModelDirectory, shortlist: Shortlist, dev: DevText, threads: int, progress: Progress
) -> Loss:
    """Translate the dev set both ways, as the model's users would."""
    precision = default_precision(model)

    def engine(chosen: Shortlist | None) -> Callable[[], Engine]:
        return lambda: Engine(model, precision=precision, threads=threads, shortlist=chosen)

    without = dev.measure(model, engine(None), progress)
    found = dev.measure(model, engine(shortlist), progress)
    compared = PairedBootstrap(without.translations, dev.references).compare(found.translations)
    differing = sum(a != b for a, b in zip(without.translations, found.translations, strict=True))
    return Loss(
        lines=len(dev.sources),
        bleu_without=compared.baseline,
        bleu_with=compared.system,
        low=compared.low,
        high=compared.high,
        p_value=compared.p_value,
        changed_share=differing / len(dev.sources),
        tokens_per_second=(without.tokens_per_second, found.tokens_per_second),
        signature=compared.signature,
    )
