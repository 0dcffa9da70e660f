"""Python exits, or the process forks, while other threads are in calls of the engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from octavo.model.scheme import Scheme

from ..models import language_config, write_tiny_model

PREAMBLE = """
import os, signal, sys, threading, time
import numpy as np
from octavo.artifact import ModelDirectory
from octavo.engine import Engine, EngineError, Feed, SearchOptions

def open_engine(**arguments):
    return Engine(ModelDirectory.open(sys.argv[1]), precision="float32", **{"threads": 2, **arguments})

engine = open_engine()
MANY = [np.array([5 + i % 40, 7], np.int32) for i in range(50_000)]
FEW = [np.array([5, 6, 7], np.int32), np.array([9], np.int32)]
EMPTY = np.empty(0, np.int32)

def translate(sources=FEW):
    return [[h.tokens.tolist() for h in found] for found in engine.translate(sources, SearchOptions())]

def answer_of(child):
    # What a child process says and how it ended; it has a minute.
    pid, status = child, None
    for _ in range(6000):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "waits for ever"
"""
DAEMON = """
class Slow:  # the interpreter's end takes a while, in which other threads run
    def __del__(self, sleep=time.sleep):
        sleep(0.3)

slow = Slow()
begun = threading.Event()

def run():
    while True:
        begun.set()
        call()

threading.Thread(target=run, daemon=True).start()
begun.wait()
time.sleep(0.05)
"""
TRANSLATION_CALLS = {
    "translate": "call = lambda: engine.translate(MANY, SearchOptions())",
    "short calls": "call = translate",
    "submit": "call = lambda: [future.result() for future in engine.submit(MANY[:500], SearchOptions())]",
    "load": "call = open_engine",
    "logits": "call = lambda: engine.logits(FEW[0], FEW[0])",
    "observe": "call = lambda: engine.observe(MANY[:50], MANY[:50], lambda site, rows: None)",
}
LANGUAGE_CALLS = {
    "score": "call = lambda: engine.score_last(MANY, [1] * len(MANY))",
    "step": "session = engine.text_session()\n"
    "feeds = [Feed(i, [0], [7]) for i in range(500)]\n"
    "call = lambda: (session.step(feeds), [session.end(feed.text) for feed in feeds])",
}


@pytest.fixture(scope="module")
def translation_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", scheme=Scheme.NONE)


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model") / "tiny"
    return write_tiny_model(place, config=language_config(), scheme=Scheme.NONE, target_language="en")


def run(model: Path, script: str) -> str:
    """What a script prints; it must end within two minutes, well and without a word of complaint."""
    command = [sys.executable, "-W", "error", "-c", script, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("call", TRANSLATION_CALLS.values(), ids=list(TRANSLATION_CALLS))
def test_exit_during_a_daemon_threads_call(translation_model: Path, call: str) -> None:
    run(translation_model, PREAMBLE + call + DAEMON)


@pytest.mark.parametrize("call", LANGUAGE_CALLS.values(), ids=list(LANGUAGE_CALLS))
def test_exit_during_a_daemon_threads_call_of_a_language_model(language_model: Path, call: str) -> None:
    run(language_model, PREAMBLE + call + DAEMON)


@pytest.mark.parametrize(
    "state",
    [
        "engine.submit(MANY, SearchOptions())",
        "futures = engine.submit(MANY, SearchOptions()); engine.close()",
        "futures = engine.submit(FEW, SearchOptions()); futures[1].result()",
        "translate()",
    ],
    ids=["busy", "closed", "collected", "idle"],
)
def test_exit_with_a_pool(translation_model: Path, state: str) -> None:
    run(translation_model, PREAMBLE + state)


def test_nothing_is_submitted_at_exit(translation_model: Path) -> None:
    early = """
import atexit

def submit():
    try:
        engine.submit(FEW, SearchOptions())
    except (EngineError, RuntimeError) as error:
        print("refused")

atexit.register(submit)
"""
    assert run(translation_model, early + PREAMBLE + "translate()") == "refused\n"


def test_the_exit_itself_may_translate(translation_model: Path) -> None:
    early = "import atexit\natexit.register(lambda: print(len(translate())))\n"
    script = early + PREAMBLE + TRANSLATION_CALLS["translate"] + DAEMON
    assert run(translation_model, script) == "2\n"


def test_a_child_that_is_forked_during_another_threads_call(translation_model: Path) -> None:
    script = PREAMBLE + TRANSLATION_CALLS["translate"].replace(
        "engine.translate(MANY", "engine.translate(MANY * 4"
    )
    forks = (
        """
expected = translate()
"""
        + DAEMON
        + """
for _ in range(2):
    child = os.fork()
    if child == 0:
        assert translate() == expected
        assert translate(MANY[:100]) == [translate([source])[0] for source in MANY[:100]]
        sys.exit(7)
    print(answer_of(child))
"""
    )
    assert run(translation_model, script + forks) == "7\n7\n"


def test_a_child_has_the_engine_of_an_idle_parent(translation_model: Path) -> None:
    script = """
expected = translate()
child = os.fork()
if child == 0:
    assert translate() == expected
    sys.exit(7)
print(answer_of(child), translate() == expected)
"""
    assert run(translation_model, PREAMBLE + script) == "7 True\n"


def test_a_child_of_a_parent_with_futures(translation_model: Path) -> None:
    script = """
expected = translate()
futures = engine.submit(MANY[:3000], SearchOptions())
children = []
for _ in range(2):
    child = os.fork()
    if child == 0:
        futures[-1].cancel()  # nothing in this process, and no harm
        assert translate() == expected
        again = [future.result(60)[0].tokens.tolist() for future in engine.submit(FEW, SearchOptions())]
        assert again == [found[0] for found in expected]
        sys.exit(7)
    children.append(child)
print([answer_of(child) for child in children], all(future.result(60) for future in futures))
"""
    assert run(translation_model, PREAMBLE + script) == "[7, 7] True\n"


def test_a_child_that_is_forked_by_a_signal_handler_during_a_call(translation_model: Path) -> None:
    # The core asks for signals every 50 ms, so calls grow until one takes longer on this machine.
    script = """
children = []
signal.signal(signal.SIGALRM, lambda number, frame: children.append(os.fork()))
codes = []
while 7 not in codes and len(codes) < 100:  # until one hits the middle of a call
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    code = 0
    try:
        while len(children) == len(codes):
            engine.translate(MANY[: 500 << min(len(codes) // 5, 4)], SearchOptions())
    except EngineError as error:
        assert "forked in the middle of this call" in str(error)
        assert len(translate()) == 2
        code = 7
    if children[-1] == 0:
        sys.exit(code)
    codes.append(answer_of(children[-1]))
print(sorted(set(codes) | {0}))
"""
    assert run(translation_model, PREAMBLE + script) == "[0, 7]\n"


def test_a_child_goes_on_with_a_text_session(language_model: Path) -> None:
    script = """
def step(session, token):
    return session.step([Feed(1, [0], [token])]).tolist()

whole, session = engine.text_session(), engine.text_session()
expected = [step(whole, token) for token in (0, 5, 6)]
step(session, 0)
child = os.fork()
if child == 0:
    assert [step(session, token) for token in (5, 6)] == expected[1:]
    sys.exit(7)
print(answer_of(child), [step(session, token) for token in (5, 6)] == expected[1:])
"""
    assert run(language_model, PREAMBLE + script) == "7 True\n"


def test_a_text_session_that_a_lost_thread_was_using(language_model: Path) -> None:
    script = (
        PREAMBLE
        + LANGUAGE_CALLS["step"]
        + DAEMON
        + """
def try_to_step():
    try:
        session.step([Feed(1000, [0], [7])])
    except EngineError as error:
        assert "the process forked in the middle of a step" in str(error)
        assert engine.text_session().step([Feed(1, [0], [7])]).shape == (1, engine.config.target_vocab_size)
        sys.exit(7)
    sys.exit(0)

codes = []
while 7 not in codes and len(codes) < 200:  # until one hits the middle of a step
    child = os.fork()
    if child == 0:
        try_to_step()
    codes.append(answer_of(child))
print(sorted(set(codes) | {0}))
"""
    )
    assert run(language_model, script) == "[0, 7]\n"
