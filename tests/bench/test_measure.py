"""Rounds, lengths and memory of a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from octavo.bench.measure import Pass, figures, measure
from octavo.bench.memory import peak_memory_bytes
from octavo.bench.resident import peak_resident_bytes
from octavo.bench.shapes import Shape
from octavo.bench.subject import Subject
from octavo.bench.work import Work, forced_options, random_sources
from octavo.engine import EngineError, Hypothesis, SearchOptions, cpu_report, measure_peak
from octavo.errors import InputError, OctavoError
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults

from ..models import tiny_config, write_tiny_model

CONFIG = tiny_config()


class Recorded:
    """An engine that makes three tokens a sentence, and writes down who was asked for how many."""

    def __init__(self, name: str, asked: list[tuple[str, int]]) -> None:
        self.name, self.asked = name, asked

    def translate(
        self,
        sources: Sequence[np.ndarray],
        options: SearchOptions,
        *,
        target_prefixes: Sequence[np.ndarray | None] | None = None,
    ) -> list[list[Hypothesis]]:
        assert target_prefixes is None
        self.asked.append((self.name, len(sources)))
        return [[Hypothesis(np.arange(3, dtype=np.int32), 0.0, False)] for _ in sources]


def work(beam: int = 4, forced: int | None = 3) -> Work:
    sources = random_sources(CONFIG, [4, 6])
    options = SearchOptions(beam=beam)
    return Work(sources, options, forced)


def test_rounds_are_interleaved_after_a_warm_up() -> None:
    asked: list[tuple[str, int]] = []
    heard: list[int] = []
    engines = {name: Recorded(name, asked) for name in "ab"}
    passes = measure(engines, work(), rounds=2, advance=heard.append)
    assert "".join(name for name, _ in asked) == "ab" + "ba" + "ab"
    assert heard == [1, 2, 3, 4, 5, 6]
    assert {name: len(found) for name, found in passes.items()} == {"a": 2, "b": 2}
    assert passes["a"][0].translations == (3, 3)


def test_latency_takes_one_sentence_at_a_time() -> None:
    asked: list[tuple[str, int]] = []
    passes = measure({"a": Recorded("a", asked)}, work(), rounds=1, latency=True)
    assert [count for _, count in asked] == [1, 1, 1, 1]
    assert len(passes["a"][0].sentence_seconds) == 2


def test_a_length_that_was_not_kept_is_an_error() -> None:
    with pytest.raises(OctavoError, match="3 to 3 tokens, not 5"):
        measure({"a": Recorded("a", [])}, work(forced=5), rounds=1)


def test_figures_are_medians_with_ranges() -> None:
    found = figures([Pass(2.0, (10, 10)), Pass(1.0, (10, 10)), Pass(4.0, (10, 10))])
    assert (found.seconds.median, found.seconds.low, found.seconds.high) == (2.0, 1.0, 4.0)
    assert (found.tokens_per_second.median, found.tokens_per_second.high) == (10.0, 20.0)
    assert found.ms_per_sentence.median == 1000.0
    assert found.p90_ms is None
    one_by_one = figures([Pass(0.3, (1, 1), (0.1, 0.2)), Pass(0.7, (1, 1), (0.3, 0.4))])
    assert one_by_one.ms_per_sentence.low == pytest.approx(150)
    assert one_by_one.p90_ms == pytest.approx(400)


def test_rows_of_all_steps() -> None:
    assert work(beam=4, forced=3).row_steps([3, 3]) == 2 * (1 + 2 * 4)
    assert work(beam=1, forced=None).row_steps([3, 5]) == 8
    assert work(beam=4, forced=None).row_steps([3, 5]) is None
    assert work().source_tokens(CONFIG) == 12


def test_forced_lengths_are_kept(tmp_path: Path) -> None:
    subject = Subject(write_tiny_model(tmp_path / "model", scheme=Scheme.INT8))
    forced = Work(random_sources(CONFIG, [2, 30]), forced_options(SearchDefaults(), CONFIG, 40), 40)
    engine = subject.engine(subject.precision, 1)
    assert measure({"int8": engine}, forced, rounds=1)["int8"][0].translations == (40, 40)
    with pytest.raises(InputError, match="65 forced tokens: the model makes from 1 to 64"):
        forced_options(SearchDefaults(), CONFIG, 65)


def test_random_sources_are_plain_tokens_the_model_can_read() -> None:
    sources = random_sources(CONFIG, [3, 500])
    assert [len(source) for source in sources] == [3, 63]
    assert min(map(min, sources)) > CONFIG.eos_id
    assert all((a == b).all() for a, b in zip(sources, random_sources(CONFIG, [3, 500]), strict=True))


def test_texts_become_sources(tmp_path: Path) -> None:
    subject = Subject(write_tiny_model(tmp_path / "model"))
    assert subject.precision == "float32"
    assert [len(source) for source in subject.encode(["Bako.", "", "ba ko " * 100])][1] == 63
    with pytest.raises(InputError, match="no vocabulary"):
        Subject(Shape.BASE).encode(["Bako."])


def test_memory_is_that_of_another_process(tmp_path: Path) -> None:
    subject = Subject(write_tiny_model(tmp_path / "model", scheme=Scheme.INT8))
    found = peak_memory_bytes(subject, "int8", 1, Work(random_sources(CONFIG, [5]), SearchOptions()))
    assert 2**20 < found < 2**31
    assert peak_resident_bytes() > 2**20


def test_every_tier_has_its_peak() -> None:
    for isa in cpu_report()["available"]:
        peak = measure_peak(isa, 1)
        assert (peak.int8 > peak.float32 > 1e9) or isa == "reference"
    assert measure_peak("reference", 2).int8 == 0
    with pytest.raises(EngineError, match="unknown instruction set 'sse'"):
        measure_peak("sse", 1)
    with pytest.raises(EngineError, match="threads must be from 1 to 1024"):
        measure_peak("reference", 0)
