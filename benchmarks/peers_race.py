"""Contestants of benchmarks/peers.py as processes, the search for a peer's best settings, and the rounds."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from octavo.race import Spread, race

WORKER = Path(__file__).resolve().parent / "peers_worker.py"
REST_SECONDS = 0.3  # OpenMP's threads spin for 0.2 s after their last work
EXAMPLES = tuple({"max_batch_size": n, "batch_type": "examples"} for n in (16, 32, 64, 128))
TOKENS = tuple({"max_batch_size": n, "batch_type": "tokens"} for n in (512, 1024, 2048, 4096))
GENERATE = ("transformers", "onnxruntime", "openvino")
"""Kinds that search with generate() of Transformers."""
ONE = {"max_batch_size": 1, "batch_type": "examples"}
ENVIRONMENTS: tuple[dict[str, str], ...] = ({}, {"CT2_FORCE_CPU_ISA": "AVX512"})
AVX2 = {
    "OCTAVO_ISA": "avx2",
    "CT2_FORCE_CPU_ISA": "AVX2",
    "CT2_USE_MKL": "0",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One engine in the race: what its worker is told, the settings of each call, its environment and
    interpreter."""

    name: str
    precision: str
    spec: Mapping[str, Any]
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    python: str = sys.executable
    note: str = ""

    @property
    def label(self) -> str:
        """Name, precision and layout."""
        parts = [self.note] if self.note else []
        if "inter" in self.spec:
            parts.append(f"{self.spec['inter']} x {self.spec['intra']} threads")
        if self.spec["kind"] in GENERATE:
            parts.append(f"{self.spec['threads']} {'thread' if self.spec['threads'] == 1 else 'threads'}")
        if "batch_type" in self.settings:
            parts.append(f"batches of {self.settings['max_batch_size']} {self.settings['batch_type']}")
        if "inter" in self.spec and "CT2_FORCE_CPU_ISA" in self.environment:
            parts.append(f"CT2_FORCE_CPU_ISA={self.environment['CT2_FORCE_CPU_ISA']}")
        return f"{self.name} {self.precision}" + (f" ({', '.join(parts)})" if parts else "")


@dataclasses.dataclass(frozen=True)
class Answer:
    """``seconds`` of each call, target ids of each sentence without EOS, and the process's peak so far."""

    seconds: list[float]
    outputs: list[list[int]]
    peak_memory_bytes: int

    @property
    def total(self) -> float:
        """Seconds of all calls."""
        return sum(self.seconds)


class Worker:
    """A contestant's process."""

    def __init__(self, contestant: Contestant, errors: Any = None) -> None:
        self.contestant = contestant
        environment = {**os.environ, **contestant.environment}
        if contestant.python != sys.executable:
            environment.pop("PYTHONPATH", None)
        command = [contestant.python, str(WORKER), json.dumps(dict(contestant.spec))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
        self.runs_on: list[str] = self._answer()["runs_on"]

    def run(self, *, first: int | None = None, one_by_one: bool = False) -> Answer:
        """Translate the first of the sentences (None: all), in one call or in one a sentence."""
        return self.run_with(self.contestant.settings, first=first, one_by_one=one_by_one)

    def run_with(
        self, settings: Mapping[str, Any], *, first: int | None = None, one_by_one: bool = False
    ) -> Answer:
        """The same with other settings."""
        order = {"settings": dict(settings), "first": first, "one_by_one": one_by_one}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = Answer(**self._answer())
        time.sleep(REST_SECONDS)
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise SystemExit(f"{self.contestant.label} ended with exit code {code}; its messages are above")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextlib.contextmanager
def worker(contestant: Contestant, errors: Any = None) -> Iterator[Worker]:
    """A worker for the length of a block."""
    opened = Worker(contestant, errors)
    try:
        yield opened
    finally:
        opened.close()


def best_ctranslate2(
    contestant: Contestant, threads: int, sentences: int, *, latency: bool, environments: Sequence[Any]
) -> tuple[Contestant, list[dict[str, Any]]]:
    """CTranslate2 in its best threads and environment, then in its best batches; and all that was tried.

    Each is timed twice on the first of the sentences and the faster one counts.
    """
    tried: list[dict[str, Any]] = []

    def time_of(worker: Worker, settings: Mapping[str, Any]) -> float:
        seconds = min(worker.run_with(settings, first=sentences, one_by_one=latency).total for _ in range(2))
        label = dataclasses.replace(worker.contestant, settings=settings).label
        tried.append({"what": label, "seconds": seconds})
        print(f"tried: {label}: {seconds:.2f} s", file=sys.stderr)
        return seconds

    settings = ONE if latency else EXAMPLES[1]
    layouts = {(1, threads), (1, 1) if latency else (threads, 1)}
    found: dict[float, Contestant] = {}
    for inter, intra in sorted(layouts):
        for environment in environments:
            spec = {**contestant.spec, "inter": inter, "intra": intra}
            candidate = dataclasses.replace(
                contestant, spec=spec, environment={**contestant.environment, **environment}
            )
            with worker(candidate) as opened:
                found[time_of(opened, settings)] = candidate
    best = found[min(found)]
    if latency:
        return dataclasses.replace(best, settings=settings), tried
    with worker(best) as opened:
        sizes = {time_of(opened, settings): settings for settings in (*EXAMPLES, *TOKENS)}
    return dataclasses.replace(best, settings=sizes[min(sizes)]), tried


def best_threads(
    contestant: Contestant, threads: int, sentences: int, *, latency: bool
) -> tuple[Contestant, list[dict[str, Any]]]:
    """generate() on one thread or on all: whichever is faster; and what was tried."""
    tried: list[dict[str, Any]] = []
    found: dict[float, Contestant] = {}
    for count in sorted({1, threads}):
        candidate = dataclasses.replace(contestant, spec={**contestant.spec, "threads": count})
        with worker(candidate) as opened:
            seconds = min(opened.run(first=sentences, one_by_one=latency).total for _ in range(2))
        tried.append({"what": candidate.label, "seconds": seconds})
        print(f"tried: {candidate.label}: {seconds:.2f} s", file=sys.stderr)
        found[seconds] = candidate
    return found[min(found)], tried


def what_runs(contestant: Contestant) -> list[str]:
    """What CTranslate2 says it runs on: its own instruction set, its libraries, and theirs."""
    verbose = dataclasses.replace(
        contestant, environment={**contestant.environment, "CT2_VERBOSE": "1", "ONEDNN_VERBOSE": "1"}
    )
    with tempfile.TemporaryFile("w+") as log:
        with worker(verbose, log) as opened:
            opened.run(first=1, one_by_one=True)
        log.seek(0)
        lines = log.read().splitlines()
    wanted = ("Selected ISA", "GEMM backend", "GEMM_S8 backend", "Use Intel MKL")
    said = [line.rpartition(" - ")[2] for line in lines if any(key in line for key in wanted)]
    isa = [line.rpartition("isa:")[2] for line in lines if line.startswith("onednn_verbose,info,cpu,isa:")]
    return [*said, *(f"oneDNN ISA: {name}" for name in isa)]


def run_race(workers: Sequence[Worker], rounds: int, *, latency: bool) -> dict[str, list[Answer]]:
    """What each contestant answers in every round, by its label."""

    def said(name: str, turn: int, answer: Answer) -> None:
        print(f"{f'round {turn}' if turn else 'warm-up'}: {name}: {answer.total:.2f} s", file=sys.stderr)

    runs = {worker.contestant.label: functools.partial(worker.run, one_by_one=latency) for worker in workers}
    return race(runs, rounds, advance=said)


def peak_memory(contestant: Contestant) -> int:
    """Largest resident set of a new process that loads the model and does all the work once."""
    with worker(contestant) as opened:
        return opened.run().peak_memory_bytes


def round_values(answers: Sequence[Answer], forced: int | None, *, latency: bool) -> list[float]:
    """One value a round: tokens per second, or the milliseconds of the median sentence."""
    if latency:
        return [1000 * statistics.median(answer.seconds) for answer in answers]
    return [sum(_lengths(answers, forced)) / answer.total for answer in answers]


def summary(answers: Sequence[Answer], forced: int | None, *, latency: bool) -> dict[str, Any]:
    """Median and range of ``round_values``, and the seconds of the rounds."""
    return {
        "target_tokens": sum(_lengths(answers, forced)),
        "seconds": [answer.total for answer in answers],
        **dataclasses.asdict(Spread.of(round_values(answers, forced, latency=latency))),
    }


def _lengths(answers: Sequence[Answer], forced: int | None) -> list[int]:
    """Target tokens of each sentence, EOS included."""
    return [forced or len(output) + 1 for output in answers[0].outputs]
