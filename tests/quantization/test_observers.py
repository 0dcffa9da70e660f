"""Observed statistics against direct counting, and what they do and do not depend on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from octavo.errors import QuantizationError
from octavo.quantization.histogram import BINS, Histogram
from octavo.quantization.observers import HeadStatistics, SiteStatistics

WIDTH = 6

magnitudes = st.one_of(st.just(0.0), st.floats(2.0**-110, 2.0**127, width=32), st.floats(0.5, 4, width=32))
values = st.builds(lambda sign, magnitude: sign * magnitude, st.sampled_from([-1.0, 1.0]), magnitudes)
tables = hnp.arrays(np.float32, st.tuples(st.integers(1, 20), st.just(WIDTH)), elements=values)


def observed(rows: np.ndarray, *cuts: int) -> SiteStatistics:
    """Statistics of rows added in pieces."""
    statistics = SiteStatistics("site", rows.shape[1])
    for piece in np.split(rows, sorted(cuts)):
        statistics.add(piece)
    return statistics


def direct(magnitudes: np.ndarray) -> tuple[list[int], int]:
    """Counts and exponent by comparing every number with every edge; powers of two keep it exact."""
    exponent = max([-100, *(int(np.frexp(np.float64(m))[1]) for m in magnitudes)])
    edges = np.ldexp(np.arange(BINS + 1, dtype=np.float64), exponent - 11)
    counts = [0] * BINS
    for magnitude in magnitudes.astype(np.float64):
        counts[int(np.count_nonzero(edges <= magnitude)) - 1] += 1
    return counts, exponent


def same(left: SiteStatistics, right: SiteStatistics) -> None:
    """Everything that does not depend on the order is equal; sums agree to their rounding."""
    ours, theirs = left.to_dict(), right.to_dict()
    for key in ("channel_sum", "power_sums"):
        first, second = np.array(ours.pop(key)), np.array(theirs.pop(key))
        size = max(left.count, 1) * left.largest ** (np.arange(1, 5) if key == "power_sums" else 1)
        assert np.all(np.abs(first - second) <= 1e-12 * size)
    assert ours == theirs


@settings(max_examples=200, deadline=None)
@given(tables, st.lists(st.integers(0, 20), max_size=3))
def test_everything_is_counted(rows: np.ndarray, cuts: list[int]) -> None:
    found = observed(rows, *cuts)
    flat = rows.reshape(-1)
    assert (found.count, found.rows, found.zeros) == (flat.size, len(rows), np.count_nonzero(flat == 0))
    assert (found.low, found.high) == (flat.min(), flat.max())
    assert found.largest == np.abs(flat).max()
    assert found.channel_largest.tolist() == np.abs(rows).max(axis=0).tolist()
    for half, numbers in ((found.positive, flat[flat > 0]), (found.negative, -flat[flat < 0])):
        assert (half.counts.tolist(), half.exponent) == direct(numbers)
        assert half.largest == max(numbers, default=0)
    both = found.magnitudes
    assert (both.counts.tolist(), both.exponent) == direct(np.abs(flat[flat != 0]))


@settings(max_examples=200, deadline=None)
@given(tables, st.randoms(use_true_random=False), st.lists(st.integers(0, 20), max_size=3))
def test_order_and_batches_do_not_matter(rows: np.ndarray, random: object, cuts: list[int]) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    same(observed(rows[order], *cuts), observed(rows))


@settings(max_examples=100, deadline=None)
@given(tables, st.lists(st.integers(0, 20), max_size=3))
def test_heads_are_slices_and_make_up_the_whole(rows: np.ndarray, cuts: list[int]) -> None:
    heads = HeadStatistics("site", WIDTH, 3)
    for piece in np.split(rows, sorted(cuts)):
        heads.add(piece)
    for h, head in enumerate(heads.heads):
        alone = observed(np.ascontiguousarray(rows[:, 2 * h : 2 * h + 2]), *cuts)
        assert head.to_dict() == alone.to_dict() | {"site": f"site, head {h}"}
    same(heads.whole(), observed(rows))
    again = HeadStatistics.from_dict(json.loads(json.dumps(heads.to_dict())))
    assert again.to_dict() == heads.to_dict()


@settings(max_examples=100, deadline=None)
@given(tables, tables)
def test_observing_goes_on_after_a_resume(first: np.ndarray, second: np.ndarray) -> None:
    through = observed(first)
    resumed = SiteStatistics.from_dict(json.loads(json.dumps(through.to_dict())))
    through.add(second)
    resumed.add(second)
    assert resumed.to_dict() == through.to_dict()


def test_moments() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(2, 3, (5000, 40)).astype(np.float32)
    found = observed(rows, 10, 1234)
    exact = rows.astype(np.float64)
    centred = exact - exact.mean()
    assert found.mean == pytest.approx(exact.mean(), rel=1e-12)
    assert found.variance == pytest.approx(exact.var(), rel=1e-12)
    assert found.kurtosis == pytest.approx((centred**4).mean() / exact.var() ** 2, rel=1e-10)
    np.testing.assert_allclose(found.channel_mean, exact.mean(axis=0), rtol=1e-12)


def test_sites_without_a_fixed_width() -> None:
    """Attention weights: rows of any length, told apart from no other."""
    found = SiteStatistics("weights", 0)
    rows = [np.linspace(0.1, 1, n, dtype=np.float32) for n in (3, 70_000, 1)]
    for row in rows:
        found.add(row[None])
    flat = np.concatenate(rows)
    assert (found.count, found.low, found.high) == (flat.size, np.float32(0.1), 1)
    assert found.positive.counts.tolist() == np.histogram(flat, BINS, (0, 2))[0].tolist()
    assert found.channel_largest.shape == (0,)
    with pytest.raises(QuantizationError, match=r"weights: there is NaN or infinity"):
        found.add(np.array([[1, np.nan]], np.float32))


@pytest.mark.parametrize("value", [0.0, 1.0, -1e-45, 3e38])
def test_constant_tensors(value: float) -> None:
    rows = np.full((500, WIDTH), value, np.float32)
    found = observed(rows, 7)
    assert found.low == found.high == np.float32(value)
    assert found.zero_share == (value == 0) and found.kurtosis == 0
    assert found.magnitudes.total == (0 if value == 0 else 3000)


def test_nothing_observed() -> None:
    found = SiteStatistics("site", WIDTH)
    found.add(np.zeros((0, WIDTH), np.float32))
    assert (found.count, found.mean, found.variance, found.kurtosis, found.zero_share) == (0, 0, 0, 0, 0)
    assert SiteStatistics.from_dict(found.to_dict()).to_dict() == found.to_dict()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    rows = np.ones((4, WIDTH), np.float32)
    rows[2, 3] = bad
    with pytest.raises(QuantizationError, match=r"decoder\.output: channel 3 holds NaN or infinity"):
        SiteStatistics("decoder.output", WIDTH).add(rows)
    with pytest.raises(QuantizationError, match=r"queries, head 1: channel 1 holds NaN or infinity"):
        HeadStatistics("queries", WIDTH, 3).add(rows)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="expected float32"):
        SiteStatistics("site", WIDTH).add(np.ones((4, WIDTH)))
    with pytest.raises(ValueError, match="expected float32"):
        SiteStatistics("site", WIDTH).add(np.ones((4, WIDTH + 1), np.float32))
    with pytest.raises(ValueError, match=r"expected \[rows, 6\]"):
        HeadStatistics("site", WIDTH, 2).add(np.ones((4, 4), np.float32))
    with pytest.raises(ValueError, match="cannot be split into 4 heads"):
        HeadStatistics("site", WIDTH, 4)


def test_damaged_statistics_are_refused() -> None:
    stored = observed(np.ones((4, WIDTH), np.float32)).to_dict()
    damage: list[dict[str, object]] = [
        {"count": "many"},
        {"channel_sum": [1.0, 2.0, 3.0, 4.0]},
        {"positive": {"exponent": 1, "largest": 3.0, "counts": [1]}},
        {"negative": {"exponent": 1, "largest": 1.0, "counts": [0] * 3000}},
        {"negative": {"exponent": 1, "largest": 1.0, "counts": [-1]}},
        {"negative": {"exponent": 1}},
    ]
    for change in damage:
        with pytest.raises(QuantizationError, match="calibrate again"):
            SiteStatistics.from_dict(stored | change)
    with pytest.raises(QuantizationError, match="calibrate again"):
        HeadStatistics.from_dict({"site": "site", "heads": []})


def test_growing_merges_pairs_of_bins() -> None:
    histogram = Histogram()
    histogram.cover(0.75)
    histogram.counts[:] = np.arange(BINS)
    grown = histogram.copy()
    grown.cover(1.0)
    assert grown.exponent == histogram.exponent + 1 and grown.bin_width == 2 * histogram.bin_width
    assert grown.counts[: BINS // 2].tolist() == [4 * k + 1 for k in range(BINS // 2)]
    assert not grown.counts[BINS // 2 :].any()
    grown.cover(2.0**40)
    assert grown.counts[0] == grown.total == histogram.total
