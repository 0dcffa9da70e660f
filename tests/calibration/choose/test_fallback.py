"""The gate's search on scores that a test can follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.calibration.choose.budget import Budget
from octavo.calibration.choose.fallback import Action, FallbackResult, FallbackSearch
from octavo.calibration.errors import GateError
from octavo.calibration.measure.dev_text import DevResult, Scores

SCORES = Scores(bleu=30.0, chrf=50.0, length_ratio=1.0, complete_share=1.0)
FLOAT32 = DevResult(SCORES, target_tokens=100, seconds=2.0, translations=("a",))
NAMES = [f"p{i:02}" for i in range(20)]


def agreeing(_float32: frozenset[str]) -> float:
    """A model whose predictions are float32's."""
    return 0.0


def with_bleu(bleu: float) -> DevResult:
    return dataclasses.replace(FLOAT32, scores=dataclasses.replace(SCORES, bleu=bleu))


class Losses:
    """BLEU falls by the loss of every product that is not in float32."""

    def __init__(self, losses: Mapping[str, float]) -> None:
        self.losses = losses
        self.asked: list[frozenset[str]] = []

    def __call__(self, float32: frozenset[str]) -> DevResult:
        self.asked.append(float32)
        lost = sum(loss for name, loss in self.losses.items() if name not in float32)
        return with_bleu(SCORES.bleu - lost)


def search(losses: Losses, order: list[str] | None = None, most: int = 100) -> FallbackResult:
    """By falling loss, unless another order is given."""
    ordered = order or sorted(losses.losses, key=lambda name: -losses.losses[name])
    gate = FallbackSearch(Budget(), FLOAT32, losses, agreeing, most=most)
    return gate.search(lambda: ordered, losses.losses.__getitem__)


def test_a_plan_within_the_budget_is_taken_as_it_is() -> None:
    def never() -> list[str]:
        raise AssertionError("sensitivity is not needed")

    losses = Losses(dict.fromkeys(NAMES, 0.004))
    found = FallbackSearch(Budget(), FLOAT32, losses, agreeing).search(never, lambda _name: 0.0)
    assert found.float32 == frozenset()
    assert [step.action for step in found.steps] == [Action.START]
    assert found.result.scores.bleu == pytest.approx(29.92)


def test_the_culprits_alone_stay_in_float32() -> None:
    losses = Losses(dict.fromkeys(NAMES, 0.001) | {"p03": 1.5, "p11": 0.7})
    found = search(losses)
    assert found.float32 == {"p03", "p11"}
    assert SCORES.bleu - found.result.scores.bleu <= 0.1


def test_what_fell_back_for_nothing_is_won_back() -> None:
    losses = Losses(dict.fromkeys(NAMES, 0.001) | {"p19": 2.0})
    found = search(losses, order=NAMES)  # the culprit comes last
    assert found.float32 == {"p19"}
    assert len(found.steps) < 20


def test_nothing_is_measured_twice() -> None:
    losses = Losses(dict.fromkeys(NAMES, 0.001) | {"p05": 2.0})
    search(losses, order=NAMES)
    assert len(losses.asked) == len(set(losses.asked))


def test_the_revert_pass_ends_at_the_limit() -> None:
    losses = Losses(dict.fromkeys(NAMES, 0.001) | {"p19": 2.0})
    everything = search(losses, order=NAMES)
    found = search(losses, order=NAMES, most=len(everything.steps) - 2)
    assert found.steps == everything.steps[:-2]
    assert found.float32 > everything.float32
    assert SCORES.bleu - found.result.scores.bleu <= 0.1


def test_a_budget_that_cannot_hold_writes_nothing() -> None:
    def hopeless(_float32: frozenset[str]) -> DevResult:
        return with_bleu(20.0)

    with pytest.raises(GateError, match=r"all 20 products in float32.*BLEU drops by 10\.00, 0\.1 allowed"):
        FallbackSearch(Budget(), FLOAT32, hopeless, agreeing).search(lambda: NAMES, lambda _name: 0.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bleu": 29.89}, "BLEU drops by 0.11, 0.1 allowed"),
        ({"complete_share": 0.99}, "1.0% more translations run into the length limit"),
        ({"length_ratio": 1.03}, "3.0% longer"),
        ({"length_ratio": 0.97}, "3.0% shorter"),
    ],
)
def test_what_breaks_the_budget(change: dict[str, float], words: str) -> None:
    (violation,) = Budget().violations(SCORES, dataclasses.replace(SCORES, **change))
    assert words in violation


@pytest.mark.parametrize(
    "change", [{"bleu": 29.901}, {"bleu": 35.0}, {"complete_share": 0.996}, {"length_ratio": 1.019}]
)
def test_what_keeps_it(change: dict[str, float]) -> None:
    assert Budget().violations(SCORES, dataclasses.replace(SCORES, **change)) == []


def test_the_metric_is_the_callers() -> None:
    worse = dataclasses.replace(SCORES, chrf=49.0)
    assert Budget().violations(SCORES, worse) == []
    assert "chrF drops by 1.00" in Budget(metric="chrf").violations(SCORES, worse)[0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_the_budget_holds_whatever_the_order(amounts: list[float], random) -> None:  # type: ignore[no-untyped-def]
    losses = Losses({f"p{i:02}": loss for i, loss in enumerate(amounts)})
    order = sorted(losses.losses)
    random.shuffle(order)
    found = search(losses, order=order)
    assert SCORES.bleu - found.result.scores.bleu <= 0.1
    assert found.float32 <= set(order)
    again = search(losses, order=order)
    assert [step.float32 for step in again.steps] == [step.float32 for step in found.steps]


@pytest.mark.parametrize("points", [float("nan"), float("inf")])
def test_budgets_that_mean_nothing(points: float) -> None:
    with pytest.raises(GateError, match="max_drop"):
        Budget(max_drop=points)


def test_a_score_that_holds_by_luck_is_not_enough() -> None:
    lucky = Losses({})
    found = FallbackSearch(
        Budget(), FLOAT32, lucky, lambda float32: 0.0 if NAMES[1] in float32 else 1.0
    ).search(lambda: NAMES, lambda _name: 0.0)
    assert found.float32 == {NAMES[1]}
    assert "nats a token" in found.steps[0].violations[0]
