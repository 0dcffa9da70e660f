"""The position table: right to the last bit of float32, and the same bits on every machine."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from octavo.artifact.positions import frequencies, position_table, sin_cos
from octavo.model.config import ModelConfig, Positions
from octavo.model.limits import MAX_POSITIONS

from ..models import tiny_config


def sampled_positions(config: ModelConfig, count: int) -> np.ndarray:
    last = config.max_positions + config.position_offset
    chosen = np.random.default_rng(0).integers(0, last, count)
    return np.unique([0, 1, 2, 3, 7, 22, 355, 710, last - 1, *chosen])


@pytest.mark.parametrize("d_model", [2, 16, 100, 512])
def test_table_is_the_c_library_rounded(d_model: int) -> None:
    config = tiny_config(d_model=d_model, attention_heads=1, max_positions=16_384)
    table = position_table(config)
    rows = sampled_positions(config, 150)
    angles = rows[:, None] * np.array([10_000 ** (-2 * i / d_model) for i in range(d_model // 2)])
    exact = np.hstack([np.vectorize(math.sin)(angles), np.vectorize(math.cos)(angles)])
    assert table.dtype == np.float32
    assert table.shape == (16_384, d_model)
    # The angle itself is rounded: its last bit moves sin and cos by as much as the angle's spacing.
    error = np.abs(table[rows].astype(np.float64) - exact)
    allowed = np.spacing(np.abs(exact).astype(np.float32)) + np.hstack([np.spacing(angles)] * 2)
    assert (error <= allowed).all()
    assert (table[rows] == exact.astype(np.float32)).mean() > 0.999


def test_sin_cos_are_accurate_to_the_largest_angle() -> None:
    angles = np.concatenate(
        [
            np.arange(0, 3000, dtype=np.float64) * (math.pi / 4),
            np.random.default_rng(1).uniform(0, 2 * MAX_POSITIONS, 20_000),
            np.logspace(-300, 5, 3000),
        ]
    )
    for found, function in zip(sin_cos(angles), (math.sin, math.cos), strict=True):
        exact = np.array([function(angle) for angle in angles])
        error = np.abs(found.astype(np.float32) - exact.astype(np.float32))
        assert (error <= np.spacing(np.abs(exact).astype(np.float32))).all()
        assert np.abs(found - exact).max() < 4e-16


def test_frequencies_are_correctly_rounded() -> None:
    found = frequencies(8)
    assert found.tolist() == [1.0, 0.1, 0.01, 0.001]
    assert frequencies(512)[255] == pytest.approx(10_000 ** (-510 / 512), rel=1e-15)


def test_layouts_hold_the_same_numbers() -> None:
    halves = position_table(tiny_config(positions=Positions.HALVES))
    interleaved = position_table(tiny_config(positions=Positions.INTERLEAVED))
    assert (interleaved[:, 0::2] == halves[:, :8]).all()
    assert (interleaved[:, 1::2] == halves[:, 8:]).all()
    assert halves[0].tolist() == [0.0] * 8 + [1.0] * 8


def test_offset_adds_rows() -> None:
    table = position_table(tiny_config(position_offset=2))
    assert table.shape == (66, 16)
    assert (table[:64] == position_table(tiny_config())).all()


def test_learned_positions_have_no_table() -> None:
    with pytest.raises(ValueError, match="learned positions are a tensor"):
        position_table(tiny_config(positions=Positions.LEARNED))


@pytest.mark.parametrize(
    ("d_model", "digest"),
    [
        (256, "cdd34c98fdfad9dd7275038aec9bd46e16cf62c17775f8e85b22e9007a50f2e2"),
        (500, "f622a3c270a493d4c85f916354340bc064a9f6b06567967551b7561e477397ce"),
    ],
)
def test_bits_never_change(d_model: int, digest: str) -> None:
    """Recorded once: a difference means that this machine would translate differently."""
    config = tiny_config(d_model=d_model, attention_heads=4, max_positions=4096)
    assert hashlib.sha256(position_table(config).tobytes()).hexdigest() == digest


def test_tensor2tensor_turns_from_one_to_a_ten_thousandth() -> None:
    config = tiny_config(positions=Positions.TENSOR2TENSOR)
    pairs = config.d_model // 2
    table = position_table(config)
    turn = 10_000.0 ** (-np.arange(pairs) / (pairs - 1))
    angles = np.arange(len(table))[:, None] * turn
    np.testing.assert_allclose(table, np.hstack([np.sin(angles), np.cos(angles)]), atol=1e-7)


def test_without_positions_the_table_is_zero() -> None:
    assert not position_table(tiny_config(positions=Positions.NONE)).any()
