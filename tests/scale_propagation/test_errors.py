"""Scales of zero, overflow and other operands that Scale Propagation refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from octavo import scale_propagation as sp
from octavo.errors import QuantizationError


def tensor(integers: object, limit: int = 127) -> sp.ScaledTensor:
    """int32 integers of scale 1."""
    array = np.array(integers, np.int32)
    return sp.ScaledTensor(array, sp.Scale.of(np.ones((1,) * array.ndim)), limit)


NARROW, WIDE = tensor([[1, 2]]), tensor([[1, 2]], 2**30)
LONG = tensor(np.ones((1, 133_145)))
ONE = sp.Scale.of(np.ones((1, 1)))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_is_positive(value: float) -> None:
    with pytest.raises(QuantizationError, match="not a positive finite number"):
        sp.Scale.of([1.0, value])


def test_a_scale_of_zero_is_refused_wherever_it_comes_from() -> None:
    with pytest.raises(QuantizationError, match=r"mantissa 0 is not within .* never zero"):
        sp.Scale(np.array([2**30, 0]), np.array([0, 0]))
    with pytest.raises(QuantizationError, match="mantissa 0"):
        sp.Scale(np.array(0), np.array(0))
    with pytest.raises(QuantizationError, match="not within 1 to"):
        sp.Scale.of_integers([3, 0])


OVERFLOWS: dict[str, Callable[[], object]] = {
    "layer 3 scores": lambda: sp.matmul(LONG, sp.transpose(LONG, (1, 0)), where="layer 3 scores"),
    "residual": lambda: sp.add(WIDE, WIDE, where="residual"),
    "gate": lambda: sp.multiply(WIDE, NARROW, where="gate"),
    "row sum": lambda: sp.total(tensor([[1, 2]], 2**30), where="row sum"),
    "ratio": lambda: sp.divide(WIDE, NARROW, fraction_bits=1, where="ratio"),
    "final norm": lambda: sp.l1_layer_norm(
        tensor(np.ones((1, 512)), 2**21 + 1),
        sp.quantize_norm_parameters(np.ones(512), np.ones(512)),
        where="final norm",
    ),
}


@pytest.mark.parametrize("where", OVERFLOWS)
def test_overflow_is_found_from_shapes_and_ranges(where: str) -> None:
    """The integers themselves are small: what counts is what they may be."""
    with pytest.raises(QuantizationError, match=rf"^{where}: integers up to \d+ would overflow int32"):
        OVERFLOWS[where]()


def test_the_longest_int8_product_is_allowed() -> None:
    row = tensor(np.full((1, 133_144), 127))
    assert sp.matmul(row, sp.transpose(row, (1, 0))).integers.tolist() == [[127 * 127 * 133_144]]


def test_a_planted_overflow_is_found() -> None:
    with pytest.raises(QuantizationError, match="an integer of magnitude 16130 exceeds the limit 16129"):
        tensor([[5, -16130]], 16129)


REFUSED: dict[str, Callable[[], object]] = {
    "division by an integer 0": lambda: sp.divide(NARROW, tensor([[1, 0]])),
    "a negative weight": lambda: sp.weighted_mean(tensor([[-1]]), tensor([[1]]), sp.Scale.of([[1.0]])),
    "matched to a smaller one": lambda: sp.match(NARROW, sp.Scale.of([[2.0]])),
    "a factor is below": lambda: sp.rescale(NARROW, sp.Scale.of([[2.0**30]])),
    r"power: degree 0": lambda: sp.power(NARROW, 0),
    r"re-scale them to 32767 first": lambda: sp.power(WIDE, 3),
    "levels are left for the gain": lambda: sp.quantize_norm_parameters(
        np.ones(512), np.ones(512), fraction_bits=20
    ),
    "NaN or infinity": lambda: sp.quantize([[np.nan]]),
    "use int8, int16 or int32": lambda: sp.ScaledTensor(np.ones((1, 1)), ONE, 1),
    "int8 does not hold the limit 128": lambda: sp.ScaledTensor(np.ones((1, 1), np.int8), ONE, 128),
    r"scale \(1,\) for integers": lambda: sp.ScaledTensor(np.ones((1, 1), np.int8), sp.Scale.of([1.0]), 1),
    r"scale \(2, 1\) for integers": lambda: sp.ScaledTensor(
        np.ones((3, 1), np.int8), sp.Scale.of([[1.0], [2.0]]), 1
    ),
    "a limit of 0": lambda: tensor([[0]], 0),
    "differ in shape": lambda: sp.Scale(np.array([2**30]), np.array(0)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_operands_that_are_refused(message: str) -> None:
    with pytest.raises(QuantizationError, match=message):
        REFUSED[message]()
