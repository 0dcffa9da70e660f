"""Relative positions of the reference and of the simulation: their buckets, and what they do to scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from octavo.model.config import Positions
from octavo.reference.positions import relative_buckets
from octavo.simulation.relative_positions import bucket

from ..models import tiny_config
from .test_transformer import assert_decodes_as_forced

# Raffel et al. 2020: 32 buckets, the logarithm up to 128.
FAR = (8, 12, 16, 23, 32, 46, 64, 91)
"""Where the buckets 8 to 15 of one direction begin, of 16: at 8 * 2^(k / 2), rounded up."""


def t5_config(buckets: int = 32, distance: int = 128):
    return tiny_config(positions=Positions.NONE, relative_buckets=buckets, relative_distance=distance)


def test_buckets_of_both_directions_grow_with_the_logarithm_of_the_distance() -> None:
    found = relative_buckets(t5_config(), torch.arange(-300, 301), bidirectional=True).tolist()
    for relative, number in zip(range(-300, 301), found, strict=True):
        distance = abs(relative)
        expected = distance if distance < 8 else 7 + sum(distance >= first for first in FAR)
        assert number == expected + (16 if relative > 0 else 0), relative


def test_a_causal_bucket_of_what_comes_later_is_the_first() -> None:
    found = relative_buckets(t5_config(), torch.arange(-300, 10), bidirectional=False)
    assert found[300:].tolist() == [0] * 10
    assert found[284:300].tolist() == [16, *range(15, 0, -1)]
    assert found[:173].tolist() == [31] * 173


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("buckets", "distance"), [(32, 128), (4, 3), (8, 11), (64, 256), (32, 20), (128, 1024)]
)
def test_the_simulation_has_the_same_buckets(buckets: int, distance: int, bidirectional: bool) -> None:
    config, relative = t5_config(buckets, distance), np.arange(-1100, 1101)
    expected = relative_buckets(config, torch.from_numpy(relative), bidirectional=bidirectional)
    assert [bucket(config, int(r), bidirectional=bidirectional) for r in relative] == expected.tolist()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_buckets_are_those_of_transformers(bidirectional: bool) -> None:
    t5 = pytest.importorskip("transformers.models.t5.modeling_t5")
    relative = torch.arange(-1100, 1101)
    expected = t5.T5Attention._relative_position_bucket(relative, bidirectional, 32, 128)
    assert torch.equal(relative_buckets(t5_config(), relative, bidirectional=bidirectional), expected)


def test_a_model_with_relative_positions_decodes_as_it_is_forced() -> None:
    assert_decodes_as_forced(t5_config(8, 6))
