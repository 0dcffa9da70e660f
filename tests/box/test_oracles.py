"""The engine with a trained model: float32 against PyTorch, integers against the numpy simulation."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, SearchOptions, cpu_report
from octavo.simulation import IntegerSimulation, Simulation

from .conftest import encoded

SHARE_OF_EQUAL_OUTPUTS = 0.998
FLOAT_ERROR = 1e-4  # between the scores of two searches that part at a tie
BATCH = 50


@pytest.mark.parametrize("beam", [1, 4])
def test_float32_translates_as_the_reference(master: ModelDirectory, english: list[str], beam: int) -> None:
    pytest.importorskip("torch", reason="the reference needs octavo[train]")
    from octavo import reference

    sources = encoded(master, english)
    model = reference.from_arrays(master.config, dict(master.tensors())).eval()
    options = reference.SearchOptions(beam=beam)
    expected = []
    for start in range(0, len(sources), BATCH):
        expected += reference.search(model, [s.tolist() for s in sources[start : start + BATCH]], options)
    found = Engine(master, precision="float32").translate(sources, SearchOptions(beam=beam))
    different = [
        (ours[0].score, theirs[0].score)
        for ours, theirs in zip(found, expected, strict=True)
        if ours[0].tokens.tolist() != list(theirs[0].tokens)
    ]
    assert len(different) <= (1 - SHARE_OF_EQUAL_OUTPUTS) * len(sources), different
    for ours, theirs in different:
        assert ours == pytest.approx(theirs, abs=FLOAT_ERROR), "not a tie within float error"


@pytest.mark.parametrize("isa", cpu_report()["available"])
def test_int8_products_equal_the_simulation(boxed: ModelDirectory, english: list[str], isa: str) -> None:
    """Every product of the whole model: its input, its scales and its int32 accumulators; then the logits."""
    engine = Engine(boxed, precision="int8", threads=1, isa=isa)
    simulation = Simulation(boxed)
    for source in encoded(boxed, english[:5]):
        target = engine.translate([source], SearchOptions(beam=1))[0][0].tokens
        expected = simulation.run(source.tolist(), target.tolist())
        traced = engine.trace(source, target)
        assert {product.name for product in traced} == {product.name for product in expected.products}
        for product in expected.products:
            steps = [step for step in traced if step.name == product.name]
            for field in ("input", "row_scale", "accumulators"):
                found = np.concatenate([getattr(step, field) for step in steps])
                np.testing.assert_array_equal(
                    found, getattr(product, field), err_msg=f"{product.name}: {field}"
                )
        logits = engine.logits(source, target)
        np.testing.assert_array_equal(logits.view(np.uint32), expected.logits.view(np.uint32))


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_integers_equal_the_simulation(integers: ModelDirectory, english: list[str], count: int) -> None:
    """The logits of the whole model after every token of so many translations."""
    sources = encoded(integers, english[:count])
    engine = Engine(integers, precision="integer")
    simulation = IntegerSimulation(integers)
    inverse = np.float32(1 / integers.integer_scales.logits)
    found = engine.translate(sources, SearchOptions(beam=1))
    for start in range(0, len(sources), BATCH):
        targets = [hypotheses[0].tokens for hypotheses in found[start : start + BATCH]]
        batch = sources[start : start + BATCH]
        for source, target, logits in zip(batch, targets, engine.forced_logits(batch, targets), strict=True):
            expected = simulation.logits(source.tolist(), target.tolist()).astype(np.float32) * inverse
            np.testing.assert_array_equal(logits.view(np.uint32), expected.view(np.uint32))
