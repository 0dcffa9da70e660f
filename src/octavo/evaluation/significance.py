"""Is one system's score different from another's by more than chance? Paired bootstrap (Koehn, 2004)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

MetricName = Literal["bleu", "chrf"]

RESAMPLES: Final = 1000
SEED: Final = 12345
"""The seed that sacreBLEU resamples with by default."""

_CONFIDENCE: Final = 0.95


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """A system against a baseline on the same references; scores from 0 to 100.

    ``low`` and ``high`` bound the 95 % interval of ``difference`` (system minus baseline) over resampled
    test sets. ``p_value``: how likely chance alone makes such a difference, as sacreBLEU's paired
    bootstrap computes it; below 0.05 is called significant. ``signature`` names sacreBLEU's settings.
    """

    metric: MetricName
    baseline: float
    system: float
    low: float
    high: float
    p_value: float
    signature: str
    resamples: int
    seed: int

    @property
    def difference(self) -> float:
        """The system's score minus the baseline's."""
        return self.system - self.baseline


class PairedBootstrap:
    """Compares systems with one baseline. The same texts, resamples and seed give the same figures.

    Test sets of the same size are drawn from the sentences, with replacement; every system is scored on the
    same ones. Scores come from sums of per-sentence counts, so nothing is tokenized twice.
    """

    def __init__(
        self,
        baseline: Sequence[str],
        references: Sequence[str],
        *,
        metric: MetricName = "bleu",
        resamples: int = RESAMPLES,
        seed: int = SEED,
    ) -> None:
        """One reference and one translation a sentence. Raises ValueError for unequal numbers, or none."""
        if metric not in ("bleu", "chrf"):
            raise ValueError(f"metric {metric!r}: must be bleu or chrf")
        if resamples < 1:
            raise ValueError(f"resamples = {resamples}: must be at least 1")
        if not references:
            raise ValueError("no references")
        self._metric, self._resamples, self._seed = metric, resamples, seed
        self._scorer = _Scorer(metric, references)
        counts = self._scorer.counts(baseline)
        self._baseline = self._scorer.score(counts.sum(axis=0))
        self._baseline_scores = self._resampled_scores(counts)

    def compare(self, system: Sequence[str]) -> Comparison:
        """The system's translations, in the order of the references, against the baseline's."""
        counts = self._scorer.counts(system)
        score = self._scorer.score(counts.sum(axis=0))
        differences = self._resampled_scores(counts) - self._baseline_scores
        tail = (1 - _CONFIDENCE) / 2
        low, high = np.quantile(differences, [tail, 1 - tail])
        return Comparison(
            metric=self._metric,
            baseline=self._baseline,
            system=score,
            low=float(low),
            high=float(high),
            p_value=_p_value(differences, abs(score - self._baseline)),
            signature=self._scorer.signature,
            resamples=self._resamples,
            seed=self._seed,
        )

    def _resampled_scores(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The score of every resampled test set: [resamples]."""
        random = np.random.default_rng(self._seed)
        sentences = len(counts)
        drawn = (random.integers(sentences, size=sentences) for _ in range(self._resamples))
        return np.array([self._scorer.score(counts[indices].sum(axis=0)) for indices in drawn])


def _p_value(differences: npt.NDArray[np.float64], observed: float) -> float:
    """The share of resamples whose |difference| exceeds its own mean by more than the one observed.

    sacreBLEU's formula, one added to both counts, so that figures compare with those published. It would
    call systems that never differ significant; here their p-value is 1.
    """
    if not differences.any():
        return 1.0
    magnitudes = np.abs(differences)
    exceeding = int(np.count_nonzero(magnitudes - magnitudes.mean() > observed))
    return (exceeding + 1) / (len(differences) + 1)


class _Scorer:
    """Scores from per-sentence counts: the one place that uses sacreBLEU's internal methods.

    sacreBLEU's public API has neither the counts nor the interval of a difference; its own
    ``sacrebleu.significance`` calls the same two methods.
    """

    def __init__(self, metric: MetricName, references: Sequence[str]) -> None:
        self._sentences = len(references)
        self._metric: Metric = (BLEU if metric == "bleu" else CHRF)(references=[references])
        self.signature = str(self._metric.get_signature())

    def counts(self, translations: Sequence[str]) -> npt.NDArray[np.int64]:
        """[sentences, counts] of matches and n-grams. Raises ValueError for another number of sentences."""
        if len(translations) != self._sentences:
            raise ValueError(f"{len(translations)} translations, {self._sentences} references")
        return np.array(self._metric._extract_corpus_statistics(translations, None), np.int64)

    def score(self, counts: npt.NDArray[np.int64]) -> float:
        """The corpus score of counts summed over sentences."""
        return float(self._metric._compute_score_from_stats(counts.tolist()).score)
