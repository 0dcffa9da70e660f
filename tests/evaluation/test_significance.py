"""The paired bootstrap against sacreBLEU's own, and against what is known beforehand."""

from __future__ import annotations

import random
import time

import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.significance import PairedTest

from octavo.evaluation.quality import measure_quality
from octavo.evaluation.significance import Comparison, MetricName, PairedBootstrap

METRICS: tuple[MetricName, ...] = ("bleu", "chrf")
WORDS = [
    f"{first}{second}" for first in ("ba", "ko", "ti", "ren", "mul") for second in ("da", "so", "fen", "x")
]


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(5, 20))) + "." for _ in range(count)]


def spoiled(lines: list[str], share: float, seed: int) -> list[str]:
    """Each word replaced with that probability."""
    rng = random.Random(seed)
    return [
        " ".join(rng.choice(WORDS) if rng.random() < share else word for word in line.split())
        for line in lines
    ]


def compare(
    baseline: list[str], system: list[str], references: list[str], metric: MetricName = "bleu"
) -> Comparison:
    return PairedBootstrap(baseline, references, metric=metric).compare(system)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("share", [0.2, 0.21, 0.215, 0.25])
def test_agrees_with_sacrebleu(metric: MetricName, share: float) -> None:
    """Scores exactly; the p-value within the noise of 1,000 resamples (three deviations of a share)."""
    references = sentences(300)
    baseline, system = spoiled(references, 0.2, seed=1), spoiled(references, share, seed=2)
    found = compare(baseline, system, references, metric)
    scorer = BLEU() if metric == "bleu" else CHRF()
    test = PairedTest(
        [("baseline", baseline), ("system", system)], {metric: scorer}, [references], "bs", n_samples=1000
    )
    _, scores = test()
    (theirs_baseline, theirs) = next(values for name, values in scores.items() if name != "System")
    assert found.baseline == pytest.approx(theirs_baseline.score, abs=1e-9)
    assert found.system == pytest.approx(theirs.score, abs=1e-9)
    noise = 3 * (2 * theirs.p_value * (1 - theirs.p_value) / 1000) ** 0.5 + 0.002
    assert abs(found.p_value - theirs.p_value) < noise


@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_those_of_measure_quality(metric: MetricName) -> None:
    references = sentences(50)
    system = spoiled(references, 0.3, seed=1)
    found = compare(references, system, references, metric)
    quality = measure_quality(system, references)
    assert found.system == pytest.approx(getattr(quality, metric), abs=1e-9)
    assert found.signature == getattr(quality, f"{metric}_signature")
    assert found.baseline == pytest.approx(100)
    assert found.difference == found.system - found.baseline


@pytest.mark.parametrize("metric", METRICS)
def test_a_system_does_not_differ_from_itself(metric: MetricName) -> None:
    references = sentences(50)
    system = spoiled(references, 0.3, seed=1)
    found = compare(system, system, references, metric)
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


@pytest.mark.parametrize("metric", METRICS)
def test_one_sentence_is_no_significant_difference(metric: MetricName) -> None:
    references = sentences(200)
    system = spoiled(references, 0.3, seed=1)
    found = compare(system, [references[0], *system[1:]], references, metric)
    assert found.difference > 0 and found.p_value > 0.05


@pytest.mark.parametrize("metric", METRICS)
def test_a_clear_loss_is_significant(metric: MetricName) -> None:
    references = sentences(200)
    found = compare(spoiled(references, 0.2, seed=1), spoiled(references, 0.4, seed=2), references, metric)
    assert found.low < found.difference < found.high < 0
    assert found.p_value < 0.01


def test_the_interval_covers_95_of_100() -> None:
    """The middle of many intervals, of a fresh test set each, holds the true difference of 0."""
    covered = 0
    for seed in range(100):
        references = sentences(60, seed)
        pair = [spoiled(references, 0.3, seed=1000 + 2 * seed + side) for side in (0, 1)]
        found = PairedBootstrap(pair[0], references, resamples=100).compare(pair[1])
        covered += found.low <= 0 <= found.high
    assert covered >= 86  # 95 expected; fewer than 87 has probability 0.001, bounds of 100 resamples aside


def test_same_figures_every_time_and_other_ones_with_another_seed() -> None:
    references = sentences(80)
    baseline, system = spoiled(references, 0.2, seed=1), spoiled(references, 0.25, seed=2)
    assert compare(baseline, system, references) == compare(baseline, system, references)
    bootstrap = PairedBootstrap(baseline, references)
    assert bootstrap.compare(system) == bootstrap.compare(system) == compare(baseline, system, references)
    other = PairedBootstrap(baseline, references, seed=1).compare(system)
    assert (other.low, other.high) != (bootstrap.compare(system).low, bootstrap.compare(system).high)


@pytest.mark.parametrize("metric", METRICS)
def test_empty_translations_are_scored(metric: MetricName) -> None:
    references = sentences(20)
    found = compare(references, [""] * 20, references, metric)
    assert found.system == 0 and found.high < 0


@pytest.mark.parametrize("metric", METRICS)
def test_3000_sentences_take_seconds(metric: MetricName) -> None:
    references = sentences(3000)
    baseline, system = spoiled(references, 0.2, seed=1), spoiled(references, 0.21, seed=2)
    start = time.process_time()
    compare(baseline, system, references, metric)
    assert time.process_time() - start < 20  # about 1 and 2 seconds; slow machines are allowed for


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="no references"):
        PairedBootstrap([], [])
    with pytest.raises(ValueError, match="1 translations, 2 references"):
        PairedBootstrap(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="3 translations, 1 references"):
        PairedBootstrap(["a"], ["a"]).compare(["a", "b", "c"])
    with pytest.raises(ValueError, match="resamples = 0"):
        PairedBootstrap(["a"], ["a"], resamples=0)
    with pytest.raises(ValueError, match="metric 'ter'"):
        PairedBootstrap(["a"], ["a"], metric="ter")  # type: ignore[arg-type]
