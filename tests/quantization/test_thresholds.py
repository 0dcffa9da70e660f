"""Threshold searches against slow transcriptions of their written definitions, and what follows from them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from octavo.errors import QuantizationError
from octavo.model.plan import Static
from octavo.quantization.granularity import PerChannel, PerToken
from octavo.quantization.histogram import Histogram
from octavo.quantization.observers import HeadStatistics, SiteStatistics
from octavo.quantization.tensor_class import TensorClass, classify
from octavo.quantization.threshold_search import kl_divergences, last_smallest, squared_errors
from octavo.quantization.thresholds import (
    TIE,
    Method,
    Range,
    find_range,
    find_threshold,
    head_scales,
    least_divergence,
    least_squares,
    percentile,
)

KL = (Method.KL_SYMMETRIC, Method.KL_INDEPENDENT, Method.KL_CONJUGATE)


def overlap(bin_: int, start: float, end: float) -> float:
    """How much of the bin [bin_, bin_ + 1) lies in [start, end)."""
    return max(0.0, min(bin_ + 1.0, end) - max(float(bin_), start))


def literal_divergence(counts: list[int], i: int, levels: int) -> float:
    """KL(P || Q) of one candidate, bin by bin."""
    p = [float(count) for count in counts[:i]]
    p[i - 1] += sum(counts[i:])
    q = [0.0] * i
    for level in range(levels):
        start, end = level * i / levels, (level + 1) * i / levels
        inside = range(math.floor(start), min(math.ceil(end), i))
        mass = sum(counts[k] * overlap(k, start, end) for k in inside)
        occupied = sum(overlap(k, start, end) for k in inside if counts[k])
        for k in inside:
            if counts[k]:
                q[k] += mass / occupied * overlap(k, start, end)
    if any(p_k and not q_k for p_k, q_k in zip(p, q, strict=True)):
        return math.inf
    p_sum, q_sum = math.fsum(p), math.fsum(q)
    pairs = zip(p, q, strict=True)
    return math.fsum(p_k / p_sum * math.log((p_k / p_sum) / (q_k / q_sum)) for p_k, q_k in pairs if p_k)


def literal_error(counts: list[int], i: int, steps: int) -> float:
    """Sum of squared errors over the sum of squares, one candidate, bin by bin."""
    step = i / steps
    errors, squares = [], []
    for k, count in enumerate(counts):
        middle = k + 0.5
        rounded = step * min(steps, math.floor(middle / step + 0.5))
        errors.append(count * (middle - rounded) ** 2)
        squares.append(count * middle**2)
    return math.fsum(errors) / math.fsum(squares)


def literal_choice(values: list[float]) -> int:
    """The last of the smallest, values within the tie tolerance being equal."""
    return max(c for c, value in enumerate(values) if value <= min(values) + TIE)


def same_choice(found: int, values: list[float]) -> bool:
    """The same candidate; or, at the edge of the tolerance, one whose value agrees to it."""
    return found == literal_choice(values) or values[found] <= min(values) + 2 * TIE


bin_counts = st.one_of(st.integers(0, 3), st.integers(0, 1000), st.integers(0, 10**11))


@st.composite
def adversarial_counts(draw: st.DrawFn) -> list[int]:
    """Histograms of 1 to 160 bins, the last one occupied: of every bad shape, or of any at all."""
    length = draw(st.integers(1, 160))
    shape = draw(st.sampled_from(["any", "spike", "one bin", "heavy tail", "clusters", "normal", "comb"]))
    counts = [0] * length
    if shape == "any":
        counts = draw(st.lists(bin_counts, min_size=length, max_size=length))
    elif shape == "spike":
        counts = [draw(st.integers(0, 2))] * length
        counts[draw(st.integers(0, length - 1))] = draw(st.integers(1, 10**12))
    elif shape == "heavy tail":
        power, scale = draw(st.floats(0.5, 4)), draw(st.floats(1, 1e9))
        counts = [int(scale / (k + 1) ** power) for k in range(length)]
    elif shape == "clusters":
        for centre in (draw(st.integers(0, length // 4)), draw(st.integers(3 * length // 4, length - 1))):
            for k in range(max(centre - 3, 0), min(centre + 3, length)):
                counts[k] += draw(bin_counts)
    elif shape == "normal":
        sigma, scale = draw(st.floats(0.05, 0.6)) * length, draw(st.floats(1, 1e9))
        counts = [int(scale * math.exp(-0.5 * (k / sigma) ** 2)) for k in range(length)]
    elif shape == "comb":
        every, height = draw(st.integers(2, 9)), draw(st.integers(1, 1000))
        counts = [0 if k % every else height for k in range(length)]
    counts[-1] = max(counts[-1], draw(st.sampled_from([1, 1, 5, 10**9])))
    return counts


def histogram_of(counts: list[int], largest: float | None = None) -> Histogram:
    """A histogram with those counts over [0, 1)."""
    histogram = Histogram()
    end = len(counts) / 2048
    histogram.cover(0.75)  # range [0, 1)
    histogram.largest = end - 2.0**-20 if largest is None else largest
    histogram.counts[: len(counts)] = counts
    return histogram


@settings(max_examples=250, deadline=None)
@given(adversarial_counts(), st.sampled_from([2, 4, 8, 32, 64]))
@example([5] * 7 + [0] * 60 + [1], 8)
@example([10**12] + [0] * 100 + [1], 64)
@example([1], 2)
def test_divergence_is_the_definition(counts: list[int], levels: int) -> None:
    literal = [literal_divergence(counts, i, levels) for i in range(levels, len(counts) + 1)]
    found = kl_divergences(np.array(counts), levels)
    np.testing.assert_allclose(found, literal, rtol=1e-12, atol=TIE)
    if literal:
        assert same_choice(last_smallest(found, TIE), literal)


@settings(max_examples=250, deadline=None)
@given(adversarial_counts(), st.sampled_from([1, 3, 15, 31, 127]))
@example([0] * 50 + [1], 15)
@example([10**12] + [0] * 100 + [1], 127)
def test_squared_error_is_the_definition(counts: list[int], steps: int) -> None:
    literal = [literal_error(counts, i, steps) for i in range(steps, len(counts) + 1)]
    found = squared_errors(np.array(counts), steps)
    np.testing.assert_allclose(found, literal, rtol=1e-12, atol=TIE)
    if literal:
        assert same_choice(last_smallest(found, TIE), literal)


@settings(max_examples=250, deadline=None)
@given(adversarial_counts(), st.sampled_from([100.0, 99.99, 99.9, 50.0, 1e-3]))
def test_percentile_is_the_definition(counts: list[int], percent: float) -> None:
    seen, bins = 0, 0
    while seen * 100.0 < percent * float(sum(counts)):
        seen += counts[bins]
        bins += 1
    histogram = histogram_of(counts)
    assert percentile(histogram, percent) == min(bins / 2048, histogram.largest)


@pytest.mark.parametrize("shape", ["laplace", "tail"])
def test_full_sized_histograms(shape: str) -> None:
    """2,048 bins and 128 levels, as calibration uses them; every 16th candidate by the definition."""
    random = np.random.default_rng(7)
    values = random.laplace(size=40_000) if shape == "laplace" else random.standard_t(3, size=40_000)
    statistics = observed(values.astype(np.float32))
    counts = statistics.magnitudes.counts
    bins = int(np.flatnonzero(counts)[-1]) + 1
    assert bins > 1024
    divergences, errors = kl_divergences(counts, 128), squared_errors(counts, 127)
    assert len(divergences) == bins - 127 and len(errors) == bins - 126
    for c in range(0, len(divergences), 16):
        literal = literal_divergence(counts.tolist(), 128 + c, 128)
        assert divergences[c] == pytest.approx(literal, rel=1e-12, abs=TIE)
        assert errors[c] == pytest.approx(literal_error(counts.tolist(), 127 + c, 127), rel=1e-12, abs=TIE)


@settings(max_examples=50, deadline=None)
@given(st.lists(bin_counts, min_size=260, max_size=300), st.sampled_from([127, 255]))
def test_thresholds_of_the_chosen_candidates(counts: list[int], steps: int) -> None:
    """From bins to magnitudes: (i + 1/2) bins for the divergence, i for the error, at most the largest."""
    counts[-1] += 1
    histogram = histogram_of(counts)
    i = steps + 1 + last_smallest(kl_divergences(histogram.counts, steps + 1), TIE)
    assert least_divergence(histogram, steps + 1) == min((i + 0.5) / 2048, histogram.largest)
    i = steps + last_smallest(squared_errors(histogram.counts, steps), TIE)
    assert least_squares(histogram, steps) == min(i / 2048, histogram.largest)


def observed(values: np.ndarray) -> SiteStatistics:
    """Statistics of values of a site without channels."""
    statistics = SiteStatistics("site", 0)
    statistics.add(values)
    return statistics


def signed_values() -> np.ndarray:
    random = np.random.default_rng(3)
    return np.where(
        random.random(50_000) < 0.5, random.exponential(1, 50_000), -random.exponential(3, 50_000)
    )


def test_modes_of_a_signed_tensor() -> None:
    values = signed_values().astype(np.float32)
    statistics = observed(values)
    largest = float(np.abs(values).max())
    assert find_range(statistics, Method.NAIVE) == Range(-largest, largest)
    pair = find_range(statistics, Method.KL_INDEPENDENT)
    assert pair.high == least_divergence(statistics.positive, 128)
    assert pair.low == -least_divergence(statistics.negative, 128)
    wider = max(pair.high, -pair.low)
    assert find_range(statistics, Method.KL_CONJUGATE) == Range(-wider, wider)
    threshold = least_divergence(statistics.magnitudes, 128)
    assert find_range(statistics, Method.KL_SYMMETRIC) == Range(-threshold, threshold)
    above = np.mean(np.abs(values) > find_range(statistics, Method.PERCENTILE, percent=99).high)
    assert 0.009 < above <= 0.01
    for method in Method:
        assert 0 < find_threshold(statistics, method) <= largest


@pytest.mark.parametrize("method", Method)
def test_tensors_of_one_sign(method: Method) -> None:
    values = np.abs(signed_values()).astype(np.float32)
    found = find_range(observed(values), method)
    assert found.low == 0 and found.static() == Static(found.high / 255, 0)
    mirrored = find_range(observed(-values), method)
    if method is Method.KL_INDEPENDENT:
        assert mirrored.high == 0 and mirrored.static().zero_point == 255
    else:
        assert mirrored.static() == Static(mirrored.high / 127, 128)


@pytest.mark.parametrize("seed", range(4))
def test_unsigned_searches_use_all_levels(seed: int) -> None:
    """256 levels and 255 steps without negative numbers, 128 and 127 with them."""
    random = np.random.default_rng(seed)
    statistics = observed((random.standard_t(3, 20_000) ** 2).astype(np.float32))
    half = statistics.positive
    for method in KL:
        assert find_range(statistics, method).high == least_divergence(half, 256)
        assert find_threshold(statistics, method) == least_divergence(half, 128)
    assert least_divergence(half, 256) != least_divergence(half, 128)
    assert find_range(statistics, Method.MSE).high == least_squares(half, 255)
    assert find_threshold(statistics, Method.MSE) == least_squares(half, 127)


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("value", [0.0, 0.7, -0.7, 1e-42, 3e29])
def test_constant_tensors(method: Method, value: float) -> None:
    """No method clips a constant, and all of them give a usable scale."""
    statistics = observed(np.full(300, value, np.float32))
    found = find_range(statistics, method)
    exact = float(np.float32(value))
    assert found.low <= exact <= found.high and max(-found.low, found.high) == abs(exact)
    assert found.static().scale > 0
    assert find_threshold(statistics, method) == abs(exact)


@pytest.mark.parametrize("method", Method)
def test_exact_zeros_change_nothing(method: Method) -> None:
    values = np.maximum(signed_values(), 0).astype(np.float32)
    assert find_range(observed(values), method) == find_range(observed(values[values > 0]), method)


@pytest.mark.parametrize("method", KL)
def test_clusters_far_apart_are_both_kept(method: Method) -> None:
    """Cutting off the far cluster has divergence 0 as well; the larger of equal candidates counts."""
    values = np.array([0.2] * 1000 + [0.9] * 10 + [-0.2] * 1000 + [-0.9] * 10, np.float32)
    assert find_range(observed(values), method).high == np.float32(0.9)


def test_scales_of_heads() -> None:
    random = np.random.default_rng(5)
    rows = random.normal(0, 1, (400, 12)).astype(np.float32) * np.repeat([1, 10, 0], 4).astype(np.float32)
    heads = HeadStatistics("queries", 12, 3)
    heads.add(rows)
    for method in Method:
        first, second, third = head_scales(heads, method)
        assert first == Static(find_threshold(heads.heads[0], method) / 127).scale
        assert second > 5 * first and third == 1
    one_sided = HeadStatistics("values", 12, 3)
    one_sided.add(np.abs(rows))
    assert head_scales(one_sided, Method.NAIVE)[0] == Static(float(np.abs(rows[:, :4]).max()) / 127).scale


@given(st.floats(-1e6, 0, width=32), st.floats(0, 1e6, width=32))
def test_ranges_become_scales(low: float, high: float) -> None:
    """0 is an integer of the grid, and either end is at most half a step off it."""
    static = Range(low, high).static()
    step = static.scale
    if max(-low, high) < 1e-25:
        return
    ends = ((0 - static.zero_point) * step, (255 - static.zero_point) * step)
    slack = 0.5 * step * (1 + 1e-4)
    assert low >= ends[0] - slack and high <= ends[1] + slack
    assert step <= (high - low) / 254 * (1 + 1e-6)


@pytest.mark.parametrize(("low", "high"), [(0.1, 1), (-1, -0.1), (-math.inf, 0), (0, math.nan)])
def test_impossible_ranges_are_refused(low: float, high: float) -> None:
    with pytest.raises(QuantizationError, match="hold 0"):
        Range(low, high)


@pytest.mark.parametrize("percent", [0, -1, 100.1, math.nan])
def test_impossible_percentages_are_refused(percent: float) -> None:
    with pytest.raises(QuantizationError, match="percent"):
        find_range(observed(np.ones(3, np.float32)), Method.PERCENTILE, percent=percent)


def test_classes() -> None:
    random = np.random.default_rng(11)
    normal = random.normal(0, 1, 200_000).astype(np.float32)
    assert classify(observed(normal)).tensor_class is TensorClass.GAUSSIAN
    relu = classify(observed(np.maximum(normal, 0)))
    assert relu.tensor_class is TensorClass.SPARSE and 0.49 < relu.zero_share < 0.51
    peaked = np.exp(-np.minimum(random.exponential(20, 200_000), 80)).astype(np.float32)
    crowded = classify(observed(peaked))
    assert crowded.tensor_class is TensorClass.SPARSE and crowded.zero_share == 0
    outliers = normal.copy()
    outliers[:20] = 40
    narrow = classify(observed(outliers))
    assert narrow.tensor_class is TensorClass.NARROW and narrow.inner_range < 0.1
    assert classify(observed(np.zeros(10, np.float32))).tensor_class is TensorClass.SPARSE
    assert narrow.to_dict()["tensor_class"] == "narrow"


def test_granularities() -> None:
    tensor = np.array([[1, -5], [2, 3]], np.float32)
    assert PerChannel(1).largest_magnitude(tensor).tolist() == [2, 5]
    assert PerToken().largest_magnitude(tensor).tolist() == [5, 3]
