"""What the engine accepts, refuses and survives."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import ClosedError, Engine, EngineError, SearchOptions, cpu_report
from octavo.model.scheme import Scheme

from ..models import random_tensors, tiny_config, write_tiny_model


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory):
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", scheme=Scheme.INT8_DYNAMIC)


@pytest.fixture(scope="module")
def engine(path) -> Engine:
    return Engine(ModelDirectory.open(path), threads=1)


def ids(*tokens: int) -> np.ndarray:
    return np.array(tokens, np.int32)


def test_no_sources(engine: Engine) -> None:
    assert engine.translate([], SearchOptions()) == []


def test_an_empty_source_is_eos_alone(engine: Engine) -> None:
    assert len(engine.translate([ids()], SearchOptions())[0]) == 1


@pytest.mark.parametrize("tokens", [ids(96), ids(-1), ids(5, 2**31 - 1)], ids=str)
def test_a_token_outside_the_vocabulary(engine: Engine, tokens: np.ndarray) -> None:
    for call in (
        lambda: engine.translate([tokens], SearchOptions()),
        lambda: engine.logits(tokens, ids()),
        lambda: engine.logits(ids(), tokens),
        lambda: engine.trace(tokens, ids()),
    ):
        with pytest.raises(EngineError, match="outside the vocabulary of 96"):
            call()


def test_the_longest_source(engine: Engine) -> None:
    longest = engine.config.max_positions - 1  # and EOS
    engine.translate([np.full(longest, 7, np.int32)], SearchOptions(beam=1, length_ratio=0))
    with pytest.raises(EngineError, match=f"{longest + 1} tokens; the model takes at most {longest}"):
        engine.translate([np.full(longest + 1, 7, np.int32)], SearchOptions())


@pytest.mark.parametrize(
    "change",
    [
        {"beam": 0},
        {"beam": 65},
        {"nbest": 0},
        {"nbest": 5},
        {"length_penalty": -0.5},
        {"length_penalty": float("nan")},
        {"min_length": -1},
        {"max_length": 0},
        {"max_length": 2**40},
        {"length_ratio": float("inf")},
        {"length_margin": -1},
        {"beam": 2.5},
    ],
    ids=str,
)
def test_options_out_of_range(engine: Engine, change: dict) -> None:
    with pytest.raises(EngineError, match=next(iter(change))):
        engine.translate([ids(5)], SearchOptions(**change))


def test_lengths_are_kept(engine: Engine) -> None:
    sources = [ids(5, 6, 7), ids(9), ids(*range(10, 40))]
    for hypothesis in (h[0] for h in engine.translate(sources, SearchOptions(min_length=4, max_length=6))):
        assert 4 <= len(hypothesis.tokens) <= 6
    shortest = engine.translate(sources, SearchOptions(length_ratio=0, length_margin=2))
    assert all(len(hypotheses[0].tokens) <= 2 for hypotheses in shortest)


def test_suppressed_tokens_never_come(tmp_path) -> None:
    config = tiny_config(suppressed_ids=(*range(3), *range(4, 60)))
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=config))
    found = Engine(model, precision="float32").translate(
        [ids(i) for i in range(4, 60)], SearchOptions(nbest=4)
    )
    assert all(h.tokens.min(initial=60) >= 60 for hypotheses in found for h in hypotheses)


def test_a_vocabulary_smaller_than_the_beam_asks_for(tmp_path) -> None:
    config = tiny_config(suppressed_ids=(*range(3), *range(4, 94)))
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=config))
    options = SearchOptions(beam=16, nbest=16, max_length=3)
    hypotheses = Engine(model, precision="float32").translate([ids(5, 6)], options)[0]
    sequences = [tuple(h.tokens) for h in hypotheses]
    assert len(set(sequences)) == len(sequences) == 1 + 2 + 4 + 8  # every sequence of two tokens there is


def test_int8_of_a_floating_point_model(tmp_path) -> None:
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model"))
    with pytest.raises(EngineError, match="octavo quantize"):
        Engine(model, precision="int8")


def test_float32_of_a_quantized_model_widens_its_weights(path, tmp_path) -> None:
    quantized = ModelDirectory.open(path)
    widened = {}
    for name, tensor in quantized.tensors():
        if tensor.dtype == np.int8:
            widened[name] = tensor.astype(np.float32) * quantized.tensor(f"{name}_scale")[:, None]
        elif not name.endswith("_scale"):
            widened[name] = tensor
    same = ModelDirectory.open(write_tiny_model(tmp_path / "model", tensors=widened))
    logits = [Engine(m, precision="float32").logits(ids(5, 6), ids(7, 8)) for m in (quantized, same)]
    np.testing.assert_array_equal(logits[0], logits[1])


def test_weights_whose_scores_overflow(tmp_path) -> None:
    tensors = random_tensors(tiny_config())
    tensors["decoder.norm.weight"][:] = 3e38
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", tensors=tensors))
    with pytest.raises(EngineError, match="not finite"):
        Engine(model, precision="float32").translate([ids(5, 6)], SearchOptions())


def test_a_closed_engine(path) -> None:
    engine = Engine(ModelDirectory.open(path))
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.translate([ids(5)], SearchOptions())


@pytest.mark.parametrize("tokens", [[5.0, 6.0], [[5, 6]], [2**32 + 5], ["5"]], ids=str)
def test_what_are_no_token_ids(engine: Engine, tokens: list) -> None:
    with pytest.raises(EngineError, match="token"):
        engine.translate([np.array(tokens)], SearchOptions())


def test_a_signal_handler_may_translate_while_the_thread_that_it_interrupts_does(path) -> None:
    engine = Engine(ModelDirectory.open(path), threads=1)
    sources = [np.arange(4, 40, dtype=np.int32)] * 100
    expected = engine.translate(sources[:1], SearchOptions())[0][0].score
    met: list[float] = []
    in_call = False

    def handle(number: int, frame: object) -> None:
        if in_call:
            met.append(engine.translate(sources[:1], SearchOptions())[0][0].score)

    previous = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        while not met:  # until a call takes long enough
            in_call = True
            found = engine.translate(sources, SearchOptions())
            in_call = False
            assert {hypotheses[0].score for hypotheses in found} == {expected}
            sources *= 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert set(met) == {expected}


def test_a_call_that_would_wait_for_itself_is_refused(path) -> None:
    engine = Engine(ModelDirectory.open(path), threads=1)

    class Interrupted:
        def score(self, *arguments: object) -> object:
            engine.score_last([], [])  # as a signal handler does

    engine._native = Interrupted()
    for _ in range(2):
        with pytest.raises(EngineError, match="let the handler set a flag, and call afterwards"):
            engine.score_last([], [])


def test_closing_beside_a_call_lets_it_end(path) -> None:
    engine = Engine(ModelDirectory.open(path), threads=1)
    batch = [np.arange(4, 40, dtype=np.int32)] * 200
    expected = engine.translate(batch[:1], SearchOptions())[0][0].score
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(engine.translate, batch, SearchOptions())
        while engine.activity().sentences_under_way == 0 and not call.done():
            pass
        submitted = engine.submit(batch, SearchOptions())
        engine.close()
        assert {found[0].score for found in call.result()} == {expected}
        assert {future.result()[0].score for future in submitted} == {expected}
    with pytest.raises(ClosedError, match="closed"):
        engine.translate(batch, SearchOptions())


@pytest.mark.parametrize("streams", [-1, 3])
def test_streams_out_of_range(path, streams: int) -> None:
    with pytest.raises(EngineError, match="streams = "):
        Engine(ModelDirectory.open(path), threads=2, streams=streams)


@pytest.mark.parametrize("threads", [-1, 5000, 2**40])
def test_threads_out_of_range(path, threads: int) -> None:
    with pytest.raises(EngineError, match=rf"threads = {threads}: must be a whole number from 0 to 1024;"):
        Engine(ModelDirectory.open(path), threads=threads)


@pytest.mark.parametrize("threads", [1.5, 2.0, "2", True, None])
def test_threads_of_another_type(path, threads: object) -> None:
    with pytest.raises(EngineError, match=rf"threads = {threads!r} \({type(threads).__name__}\): must be"):
        Engine(ModelDirectory.open(path), threads=threads)


def test_threads_of_numpy(path) -> None:
    assert Engine(ModelDirectory.open(path), threads=np.int64(2), streams=np.uint8(1)).threads == 2


def test_ctrl_c_interrupts_a_translation(engine: Engine) -> None:
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    options = SearchOptions(beam=64, min_length=60, length_ratio=100)
    with pytest.raises(KeyboardInterrupt):
        engine.translate([ids(*range(4, 60))] * 20_000, options)
    timer.join()
    assert engine.translate([ids(5)], SearchOptions(beam=1, max_length=2))


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )


@pytest.mark.parametrize("isa", cpu_report()["available"])
def test_octavo_isa_forces_a_tier(isa: str) -> None:
    code = "from octavo.engine import cpu_report; print(cpu_report()['isa'])"
    assert run_python(code, OCTAVO_ISA=isa).stdout.strip() == isa


def test_octavo_isa_names_no_tier() -> None:
    finished = run_python("from octavo.engine import cpu_report; cpu_report()", OCTAVO_ISA="mmx")
    assert finished.returncode == 1
    assert "unknown instruction set 'mmx'; known here: reference" in finished.stderr


def test_results_are_values(engine: Engine) -> None:
    hypothesis = engine.translate([ids(5)], SearchOptions())[0][0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        hypothesis.score = 0.0  # type: ignore[misc]
    assert hypothesis.tokens.dtype == np.int32
