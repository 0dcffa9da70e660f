"""Translations by int8 beside those by float32: how sure a loss is, and which sentences it hit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from octavo.calibration.choose.budget import Budget
from octavo.calibration.measure.dev_text import DevResult, DevText, Metric
from octavo.calibration.report.data import Drop, SentenceChange, Verdict
from octavo.evaluation.significance import Comparison, PairedBootstrap

WORST_SENTENCES: Final = 25


class DevComparison:
    """Compares results with float32's on one dev set, by one metric."""

    def __init__(self, dev: DevText, float32: DevResult, metric: Metric) -> None:
        self._dev = dev
        self._float32 = float32
        self._metric: Metric = metric
        self._bootstrap = PairedBootstrap(float32.translations, dev.references, metric=metric)

    def comparison(self, result: DevResult) -> Comparison:
        """The result's score minus float32's, by paired bootstrap."""
        return self._bootstrap.compare(result.translations)

    def drop(self, result: DevResult) -> Drop:
        """The loss of a result against float32, with its interval."""
        return _drop(self.comparison(result))

    def verdict(self, result: DevResult, budget: Budget) -> Verdict:
        """What the report says of a result that keeps the budget."""
        found = self.comparison(result)
        return Verdict(
            metric=self._metric,
            signature=found.signature,
            float32=self._float32.scores,
            int8=result.scores,
            drop=_drop(found),
            budget=budget.max_drop,
            sentences=len(self._dev.sources),
            resamples=found.resamples,
        )

    def worst_sentences(self, result: DevResult, most: int = WORST_SENTENCES) -> tuple[SentenceChange, ...]:
        """The sentences that lose most, the largest loss first."""
        scorer = BLEU(effective_order=True) if self._metric == "bleu" else CHRF()
        rows = zip(
            self._dev.sources,
            self._dev.references,
            self._float32.translations,
            result.translations,
            strict=True,
        )
        found = [
            SentenceChange(
                source=source,
                reference=reference,
                float32=before,
                int8=after,
                float32_score=scorer.sentence_score(before, [reference]).score,
                int8_score=scorer.sentence_score(after, [reference]).score,
            )
            for source, reference, before, after in rows
            if before != after
        ]
        return tuple(sorted(_losses(found), key=lambda s: s.int8_score - s.float32_score)[:most])


def _drop(found: Comparison) -> Drop:
    return Drop(-found.difference, -found.high, -found.low, found.p_value)


def _losses(changes: Sequence[SentenceChange]) -> list[SentenceChange]:
    return [change for change in changes if change.int8_score < change.float32_score]
