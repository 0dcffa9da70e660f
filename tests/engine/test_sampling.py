"""The choice of the next token: docs/numerics.md, "Sampling", once more in plain Python; and its shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.engine import EngineError, Sampler, SamplingOptions
from octavo.simulation.binary32 import exp

UNIFORM = st.floats(0, 1, exclude_max=True)


def plainly_chosen(
    logits: np.ndarray, options: SamplingOptions, suppressed: tuple[int, ...], uniform: float
) -> int:
    """One row, as the page says it."""
    ids = [i for i in range(len(logits)) if i not in suppressed]
    ranked = sorted(ids, key=lambda i: (-logits[i], i))
    if options.temperature == 0:
        return ranked[0]
    kept = sorted(ranked[: options.top_k or None])
    factor = np.float32(1 / options.temperature)
    weight = {i: float(exp((logits[i : i + 1] - logits[ranked[0]]) * factor)[0]) for i in kept}
    if options.top_p < 1:
        total, share, nucleus = _sum(weight[i] for i in kept), 0.0, []
        for i in (i for i in ranked if i in weight):
            if share >= options.top_p * total:
                break
            nucleus.append(i)
            share += weight[i]
        kept = sorted(nucleus)
    total, reached = _sum(weight[i] for i in kept), 0.0
    for i in kept:
        reached += weight[i]
        if reached > uniform * total:
            return i
    return kept[-1]


def _sum(values) -> float:
    """One after the other: ``sum`` may compensate."""
    total = 0.0
    for value in values:
        total += value
    return total


@given(
    logits=st.lists(st.sampled_from([*np.arange(-9, 9, 0.5), -200.0, 41.25]), min_size=3, max_size=40),
    temperature=st.sampled_from([0, 0.01, 0.3, 1.0, 2.5, 100.0]),
    top_k=st.sampled_from([0, 1, 2, 5, 100]),
    top_p=st.sampled_from([1e-6, 0.1, 0.5, 0.9, 0.999999, 1.0]),
    suppressed=st.sampled_from([(), (0,), (2, 1), (1, 1, 99)]),
    uniform=UNIFORM,
)
def test_the_page_and_the_engine_choose_alike(logits, temperature, top_k, top_p, suppressed, uniform) -> None:
    options = SamplingOptions(temperature, top_k, top_p)
    row = np.array(logits, np.float32)
    found = Sampler(options, suppressed).choose(row[None], np.array([uniform]))
    assert found.dtype == np.int32
    assert found.tolist() == [plainly_chosen(row, options, suppressed, uniform)]


def test_many_tokens_and_rows() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, (30, 3000)).astype(np.float32)
    logits[:, 17] = logits.max(axis=1)  # a tie at the top
    uniforms = rng.random(30)
    for options in (SamplingOptions(0), SamplingOptions(0.7, 40, 0.9), SamplingOptions(1, 0, 0.95)):
        expected = [plainly_chosen(row, options, (5,), u) for row, u in zip(logits, uniforms, strict=True)]
        assert Sampler(options, (5,)).choose(logits, uniforms).tolist() == expected


@pytest.mark.parametrize(
    ("options", "shares"),
    [
        (SamplingOptions(1), [0.5, 0.25, 0.15, 0.1]),
        (SamplingOptions(0.5), [0.25 / 0.345, 0.0625 / 0.345, 0.0225 / 0.345, 0.01 / 0.345]),
        (SamplingOptions(1, 2), [2 / 3, 1 / 3, 0, 0]),
        (SamplingOptions(1, 0, 0.8), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0]),
        (SamplingOptions(1, 3, 0.6), [2 / 3, 1 / 3, 0, 0]),
        (SamplingOptions(1, 0, 0.4), [1, 0, 0, 0]),
    ],
)
def test_tokens_are_drawn_with_their_shares(options: SamplingOptions, shares: list[float]) -> None:
    """At 10,000 numbers spread evenly each is drawn as often as its share says, but for the edges."""
    draws = 10_000
    logits = np.tile(np.log(np.array([0.5, 0.25, 0.15, 0.1], np.float32)), (draws, 1))
    found = Sampler(options).choose(logits, (np.arange(draws) + 0.5) / draws)
    np.testing.assert_allclose(np.bincount(found, minlength=4) / draws, shares, atol=2 / draws)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SamplingOptions(0.001), "temperature must be 0 or from 0.01 to 100"),
        (SamplingOptions(-1), "temperature must be"),
        (SamplingOptions(101), "temperature must be"),
        (SamplingOptions(float("nan")), "temperature must be"),
        (SamplingOptions(1, -1), "top_k must be 0 or more"),
        (SamplingOptions(1, 0, 0), "top_p must be above 0 and at most 1"),
        (SamplingOptions(1, 0, 1.5), "top_p must be"),
        (SamplingOptions(1, 2.5), "not numbers that these can be"),  # type: ignore[arg-type]
    ],
)
def test_options_out_of_range_are_refused(options: SamplingOptions, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        Sampler(options)


@pytest.mark.parametrize(
    ("logits", "uniforms", "message"),
    [
        ([[0.0, np.nan]], [0.5], "the model's scores are not finite"),
        ([[0.0, np.inf]], [0.5], "the model's scores are not finite"),
        ([[0.0, 1.0]], [1.0], "from 0 to below 1"),
        ([[0.0, 1.0]], [np.nan], "from 0 to below 1"),
        ([[0.0, 1.0]], [0.1, 0.2], "a uniform number for each row"),
    ],
)
def test_what_nothing_can_be_chosen_from_is_refused(logits, uniforms, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        Sampler(SamplingOptions()).choose(np.array(logits, np.float32), np.array(uniforms))
    with pytest.raises(EngineError, match="every token is suppressed"):
        Sampler(SamplingOptions(), [0, 1]).choose(np.zeros((1, 2), np.float32), np.zeros(1))
