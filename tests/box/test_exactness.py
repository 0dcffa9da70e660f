"""1,000 sentences: the same bytes in every batch, order, number of threads and kernel tier."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, Hypothesis, SearchOptions, cpu_report

from .conftest import encoded

OPTIONS = SearchOptions(beam=4, nbest=2)
REFERENCE_SENTENCES = 12  # the plain loops are slow


def as_bytes(results: list[list[Hypothesis]]) -> list[list[tuple[bytes, bytes, bool]]]:
    return [
        [(h.tokens.tobytes(), np.float32(h.score).tobytes(), h.complete) for h in found] for found in results
    ]


class Runs:
    """Engines of one precision and what each sentence gets alone."""

    def __init__(self, model: ModelDirectory, precision: str, sources: list[np.ndarray]) -> None:
        self.model = model
        self.precision = precision
        self.sources = sources
        engine = self.engine(threads=1)
        self.alone = as_bytes([engine.translate([source], OPTIONS)[0] for source in sources])

    def engine(self, **arguments) -> Engine:
        return Engine(self.model, precision=self.precision, **arguments)


@pytest.fixture(scope="module", params=["int8", "float32", "integer"])
def runs(request: pytest.FixtureRequest, boxed, master, integers, english) -> Runs:
    model = {"int8": boxed, "float32": master, "integer": integers}[request.param]
    return Runs(model, request.param, encoded(model, english))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [7, 64, 1000])
def test_batches_and_threads(runs: Runs, size: int, threads: int) -> None:
    engine = runs.engine(threads=threads)
    found = []
    for start in range(0, len(runs.sources), size):
        found += engine.translate(runs.sources[start : start + size], OPTIONS)
    assert as_bytes(found) == runs.alone


def test_order(runs: Runs) -> None:
    order = np.random.default_rng(4).permutation(len(runs.sources))
    found = runs.engine(threads=2).translate([runs.sources[i] for i in order], OPTIONS)
    assert as_bytes(found) == [runs.alone[i] for i in order]


@pytest.mark.parametrize("isa", cpu_report()["available"])
def test_kernel_tiers(runs: Runs, isa: str) -> None:
    count = REFERENCE_SENTENCES if isa == "reference" else len(runs.sources)
    found = runs.engine(threads=2, isa=isa).translate(runs.sources[:count], OPTIONS)
    assert as_bytes(found) == runs.alone[:count]
