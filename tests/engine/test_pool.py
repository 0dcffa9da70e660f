"""Calls of many threads share an engine: results, order, deadlines, cancellation and its bounded queue."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
import weakref
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import (
    Call,
    CancelledCallError,
    ClosedError,
    DeadlineError,
    Engine,
    EngineError,
    Hypothesis,
    Priority,
    QueueFullError,
    SearchOptions,
    Term,
)
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import Mixer, ModelConfig
from octavo.model.scheme import Scheme
from octavo.quantization import TensorModel

from ..models import language_config, random_tensors, tiny_config, write_tiny_model

CONFIG = tiny_config()
LONG = SearchOptions(beam=8, min_length=60, length_ratio=100)
"""What takes a while."""
LONG_SOURCE = np.arange(4, 60, dtype=np.int32)
PATIENCE = 60
"""Seconds after which a test fails that waits."""


def open_engine(config: ModelConfig = CONFIG, **arguments: Any) -> Engine:
    tensors = random_tensors(config, Scheme.NONE, 5)
    model = TensorModel(config, Scheme.NONE, tensors, alignment=AlignmentHeads(((0, 1), (1, 0))))
    return Engine(model, precision="float32", **{"threads": 2, **arguments})


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine()


def ids(*tokens: int) -> np.ndarray:
    return np.array(tokens, np.int32)


def as_values(found: list[Hypothesis]) -> list[tuple]:
    return [
        (h.tokens.tobytes(), h.score, h.complete, None if h.attention is None else h.attention.tobytes())
        for h in found
    ]


def wishes(seed: int) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Some sources, and how they are to be translated."""
    rng = np.random.default_rng(seed)
    sources = [rng.integers(4, 90, rng.integers(1, 20)).astype(np.int32) for _ in range(rng.integers(1, 9))]
    beam = int(rng.choice([1, 2, 3, 4, 7, 20]))
    options = SearchOptions(
        beam=beam,
        nbest=int(rng.integers(1, beam + 1)),
        length_penalty=float(rng.choice([0.0, 0.6, 1.0])),
        no_repeat_ngram=int(rng.choice([0, 2])),
        length_ratio=1.0,
        length_margin=int(rng.integers(2, 9)),
    )
    terms = None
    if rng.random() < 0.5:
        terms = [[Term([ids(int(rng.integers(4, 90)), 50)], whole_words=True)] for _ in sources]
    return sources, {
        "options": options,
        "terms": terms,
        "continuations": np.arange(60, 90, dtype=np.int32) if terms else None,
        "alignments": bool(rng.random() < 0.5),
        "call": Call(priority=Priority(int(rng.integers(0, 3)))),
    }


@pytest.mark.parametrize("mixer", Mixer)
def test_mixed_wishes_of_many_threads_get_what_each_gets_alone(mixer: Mixer) -> None:
    config = tiny_config(decoder_mixer=mixer)
    engine, alone = open_engine(config), open_engine(config, threads=1)
    many = [wishes(seed) for seed in range(64)]
    expected = [
        [as_values(alone.translate([source], **one_of(how, i))[0]) for i, source in enumerate(sources)]
        for sources, how in many
    ]

    def translate(number: int) -> list[list[tuple]]:
        sources, how = many[number % len(many)]
        if number % 2:
            return [as_values(found) for found in engine.translate(sources, **how)]
        return [as_values(future.result(PATIENCE)) for future in engine.submit(sources, **how)]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(translate, range(2 * len(many) + 1))) == [*expected, *expected, expected[0]]


def one_of(how: dict[str, Any], number: int) -> dict[str, Any]:
    """The same for a single one of the sources."""
    return {**how, "terms": how["terms"] and [how["terms"][number]]}


def test_what_is_submitted_can_be_awaited(engine: Engine) -> None:
    sources = [ids(5, 6), ids(7), ids(8, 9, 10)]
    expected = [as_values(found) for found in engine.translate(sources, SearchOptions())]

    async def translate() -> list[list[Hypothesis]]:
        submitted = engine.submit(sources, SearchOptions())
        return await asyncio.gather(*map(asyncio.wrap_future, submitted))

    assert [as_values(found) for found in asyncio.run(translate())] == expected
    assert engine.submit([], SearchOptions()) == []


def test_what_cannot_be_translated_is_refused_at_once(engine: Engine) -> None:
    for sources, options in (([ids(5), ids(96)], SearchOptions()), ([ids(5)], SearchOptions(beam=0))):
        with pytest.raises(EngineError, match="translation: "):
            engine.submit(sources, options)
    with pytest.raises(CancelledCallError):
        engine.submit([ids(5)], SearchOptions(), call=cancelled())


def cancelled() -> Call:
    call = Call()
    call.cancel()
    return call


def test_a_language_model_has_no_pool(tmp_path) -> None:
    path = write_tiny_model(
        tmp_path / "tiny", config=language_config(), scheme=Scheme.NONE, target_language="en"
    )
    engine = Engine(ModelDirectory.open(path), precision="float32", threads=1)
    for call in (
        lambda: engine.submit([ids()], SearchOptions()),
        lambda: engine.translate([ids()], SearchOptions()),
        engine.activity,
    ):
        with pytest.raises(EngineError, match="a language model does not translate"):
            call()


def test_an_interactive_sentence_overtakes_bulk() -> None:
    engine = open_engine(threads=1)
    order: list[str] = []
    bulk = engine.submit([ids(5, 6, 7)] * 300, SearchOptions(), call=Call(priority=Priority.BULK))
    urgent = engine.submit([ids(8)], SearchOptions(), call=Call(priority=Priority.INTERACTIVE))
    normal = engine.submit([ids(9)], SearchOptions())
    for name, futures in (("bulk", bulk), ("urgent", urgent), ("normal", normal)):
        for future in futures:
            future.add_done_callback(lambda _, name=name: order.append(name))
    wait([*bulk, *urgent, *normal], PATIENCE)
    assert order.index("urgent") < 100
    assert order.index("urgent") <= order.index("normal") < 200
    assert order.count("bulk") == 300


def test_a_cancelled_call_ends_and_others_go_on(engine: Engine) -> None:
    expected = as_values(engine.translate([ids(5, 6)], SearchOptions())[0])
    call = Call()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(engine.translate, [LONG_SOURCE] * 20_000, LONG, call=call)
        futures = engine.submit([LONG_SOURCE] * 100, LONG, call=call)
        other = engine.submit([ids(5, 6)], SearchOptions())
        while engine.activity().sentences_under_way == 0:
            time.sleep(0.001)
        call.cancel()
        with pytest.raises(CancelledCallError, match="cancelled"):
            waiting.result(PATIENCE)
        for future in futures:
            with pytest.raises(CancelledCallError, match="cancelled"):
                future.result(PATIENCE)
        assert as_values(other[0].result(PATIENCE)) == expected
    wait_until_idle(engine)


def wait_until_idle(engine: Engine) -> None:
    """Fails where something stays in the queue or in a batch."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        now = engine.activity()
        if (now.waiting_sentences, now.waiting_tokens, now.sentences_under_way, now.rows_in_use) == (0,) * 4:
            return
        time.sleep(0.001)
    raise AssertionError(engine.activity())


def test_a_call_ends_with_its_time_waiting_or_under_way(engine: Engine) -> None:
    with pytest.raises(DeadlineError, match="time"):
        engine.translate([LONG_SOURCE] * 20_000, LONG, call=Call(timeout=0.1))
    futures = engine.submit([LONG_SOURCE] * 1000, LONG, call=Call(timeout=0.1))
    wait(futures, PATIENCE)
    late = [future for future in futures if future.exception(0) is not None]
    assert late
    assert all(isinstance(future.exception(), DeadlineError) for future in late)
    wait_until_idle(engine)
    assert engine.translate([ids(5)], SearchOptions(), call=Call(timeout=PATIENCE))


def test_a_cancelled_future_gives_up_its_sentence_alone(engine: Engine) -> None:
    first, second, third = engine.submit([LONG_SOURCE] * 3, LONG)
    assert second.cancel()
    assert second.cancel()
    with pytest.raises(CancelledError):
        second.result()
    assert as_values(first.result(PATIENCE)) == as_values(third.result(PATIENCE))
    assert not first.cancel()
    done, _ = wait([first, second, third], PATIENCE)
    assert len(done) == 3
    wait_until_idle(engine)


def test_random_cancels_lose_nothing_else(engine: Engine) -> None:
    rng = random.Random(7)
    sources = [ids(*(4 + (i + j) % 80 for j in range(1 + i % 15))) for i in range(400)]
    expected = [as_values(found) for found in engine.translate(sources, SearchOptions())]
    futures: list[Future[list[Hypothesis]]] = []
    for start in range(0, len(sources), 20):
        futures += engine.submit(sources[start : start + 20], SearchOptions())
        for _ in range(4):
            futures[rng.randrange(len(futures))].cancel()
    found = [None if future.cancelled() else as_values(future.result(PATIENCE)) for future in futures]
    assert all(one in (None, right) for one, right in zip(found, expected, strict=True))
    assert found.count(None) <= 80
    wait_until_idle(engine)


def test_a_full_queue_takes_no_more() -> None:
    engine = open_engine(threads=1, queue_tokens=100)
    call = Call()
    futures = engine.submit([LONG_SOURCE] * 200, LONG, call=call)  # nothing waits yet: it may be larger
    with pytest.raises(QueueFullError, match="more than 100 tokens would wait"):
        engine.submit([ids(5)], SearchOptions())
    assert engine.activity().waiting_tokens > 100
    call.cancel()
    wait(futures, PATIENCE)
    assert engine.submit([ids(5)], SearchOptions())[0].result(PATIENCE)
    assert engine.translate([LONG_SOURCE] * 3, SearchOptions(beam=1))


def test_what_an_engine_does_is_counted() -> None:
    engine = open_engine(threads=2)
    before = engine.activity()
    assert before.rows >= 128
    assert before.steps == before.sentences == before.source_tokens == before.target_tokens == 0
    found = engine.translate([ids(5, 6), ids(7)], SearchOptions())
    after = engine.activity()
    assert (after.sentences, after.source_tokens) == (2, 5)
    assert after.target_tokens == sum(len(hypotheses[0].tokens) for hypotheses in found)
    assert after.steps > 0
    with ThreadPoolExecutor(1) as pool:
        call = Call()
        waiting = pool.submit(engine.translate, [LONG_SOURCE] * 500, LONG, call=call)
        while (now := engine.activity()).sentences_under_way == 0:
            time.sleep(0.001)
        assert now.rows_in_use == now.sentences_under_way * LONG.beam <= now.rows
        call.cancel()
        assert isinstance(waiting.exception(PATIENCE), CancelledCallError)


def test_an_engine_that_failed_goes_on(engine: Engine) -> None:
    tensors = random_tensors(CONFIG, Scheme.NONE, 5)
    tensors["decoder.norm.weight"][:] = 3e38
    damaged = Engine(TensorModel(CONFIG, Scheme.NONE, tensors), precision="float32", threads=2)
    for _ in range(2):
        futures = damaged.submit([ids(5, 6), ids(7)], SearchOptions())
        assert all(isinstance(future.exception(PATIENCE), EngineError) for future in futures)
        with pytest.raises(EngineError, match="not finite"):
            damaged.translate([ids(5, 6)], SearchOptions())
    wait_until_idle(damaged)


@pytest.mark.parametrize("way", ["closed", "forgotten"])
def test_an_engine_that_is_gone_leaves_no_thread_behind(way: str) -> None:
    before = set(threading.enumerate())
    engine = open_engine()
    futures = engine.submit([ids(5, 6)] * 50, SearchOptions())
    (thread,) = set(threading.enumerate()) - before
    gone = weakref.ref(engine)
    if way == "closed":
        engine.close()
        with pytest.raises(ClosedError):
            engine.submit([ids(5)], SearchOptions())
    del engine
    gc.collect()
    assert gone() is None
    assert all(future.result(PATIENCE) for future in futures)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_closing_beside_submissions_leaves_no_future_open() -> None:
    for _ in range(20):
        engine = open_engine(threads=1)
        futures: list[Future[list[Hypothesis]]] = []
        begun = threading.Event()

        def submit(engine: Engine = engine, futures: list = futures, begun: threading.Event = begun) -> None:
            while True:
                futures.extend(engine.submit([ids(5)], SearchOptions()))
                begun.set()

        with ThreadPoolExecutor(1) as pool:
            submitting = pool.submit(submit)
            begun.wait(PATIENCE)
            engine.close()
            assert isinstance(submitting.exception(PATIENCE), ClosedError)
        assert all(future.result(PATIENCE) for future in futures)


def test_callbacks_may_submit(engine: Engine) -> None:
    again: Future[Future[list[Hypothesis]]] = Future()
    first = engine.submit([ids(5, 6)], SearchOptions())[0]
    first.add_done_callback(lambda _: again.set_result(engine.submit([ids(5, 6)], SearchOptions())[0]))
    assert as_values(again.result(PATIENCE).result(PATIENCE)) == as_values(first.result())


def test_an_idle_engine_does_nothing(engine: Engine) -> None:
    engine.submit([ids(5)] * 9, SearchOptions())[8].result(PATIENCE)
    wait_until_idle(engine)
    time.sleep(0.2)  # longer than any thread's patience
    steps, spent = engine.activity().steps, time.process_time()
    time.sleep(0.5)
    assert engine.activity().steps == steps
    assert time.process_time() - spent < 0.1
