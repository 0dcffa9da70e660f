"""`octavo serve` beside LibreTranslate, the same weights behind both, and beside the library itself.

    python benchmarks/service.py --source test_2016_flickr.en test_2017_flickr.en \\
        --peer-python peer/bin/python --peer-package en_de.argosmodel

For 1, 8, 32 and 128 clients, each with a connection of its own and one request of one sentence under way:
requests a second and the 50th, 95th and 99th percentile of the time to the answer. Every answer of Octavo
is compared with the library's translation. LibreTranslate runs with Argos Translate's defaults (one
CTranslate2 worker of two threads) and with two workers of one thread; the faster of them is the baseline.
libretranslate_peer.py prepares it. The library is measured with a list of all sentences, and with one call
a sentence.

Rounds are interleaved and start with another contestant each time; figures are medians of the rounds,
ratios are taken round by round. A run ends after --seconds where not all sentences are done by then; they
are in random order. The client shares the cores with the servers, and its own time is in the report. Let
the machine rest meanwhile. Writes OUTPUT.json and OUTPUT.md. """

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service_apis import LIBRETRANSLATE, OCTAVO, Api, sentences_of
from service_client import Load, closed_loop, median, percentile, run
from service_process import Server, libretranslate_server, octavo_server, running

import octavo
from octavo.engine import cpu_report
from octavo.machine import cpu_model, installed_versions
from octavo.race import Spread, paired_ratio, race

LIBRARY, SINGLE = "Octavo library, one list", "Octavo library, one call a sentence"
OURS = "Octavo, LibreTranslate's API"
PEERS = {
    "LibreTranslate": ("--workers", 1, "--worker-threads", 2),
    "LibreTranslate, 2 workers": ("--workers", 2, "--worker-threads", 1),
}
PERCENTILES = (0.5, 0.95, 0.99)


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One contestant in one round."""

    per_second: float
    percentiles: tuple[float, ...]
    """Of the time to an answer, in seconds, in the order of PERCENTILES."""
    sentences: int
    different: int
    """Answers whose translation is not the library's."""
    failed: int
    """Answers of another status than 200, and answers that never came."""
    client_share: float
    """Of one core, the client's own work."""


class Measurement:
    """The sentences, what the library makes of them, and the contestants."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.sentences = sentences_of(arguments.source, arguments.sentences)
        random.Random(1).shuffle(self.sentences)
        self.translator = octavo.load(arguments.model, threads=arguments.threads)
        self.expected = [result.text for result in self.translator(self.sentences)]
        self._warm: set[str] = set()

    def _size(self, name: str) -> int:
        """A tenth of the sentences for a warm-up, then all."""
        if name in self._warm:
            return len(self.sentences)
        self._warm.add(name)
        return max(1, len(self.sentences) // 10)

    def over_http(self, name: str, server: Server, api: Api, clients: int) -> Callable[[], Run]:
        """A contestant: this API of this server with so many clients."""
        requests = [api.request([sentence]) for sentence in self.sentences]

        def measure() -> Run:
            some = requests[: self._size(name)]
            return self._judge(run(closed_loop(server.address, some, clients, self.arguments.seconds)), api)

        return measure

    def _judge(self, load: Load, api: Api) -> Run:
        right = load.latencies(200)
        answers = [(index, answer) for index, answer in load.answers.items() if answer.status == 200]
        return Run(
            per_second=len(right) / load.seconds,
            percentiles=tuple(percentile(right, share) for share in PERCENTILES),
            sentences=len(right),
            different=sum(api.read(answer) != [self.expected[index]] for index, answer in answers),
            failed=len(load.answers) - len(right) + len(load.lost) + load.unasked,
            client_share=load.client_seconds / load.seconds,
        )

    def library(self) -> Run:
        """All sentences in one call."""
        some = self.sentences[: self._size(LIBRARY)]
        start = time.perf_counter()
        results = self.translator(some)
        seconds = time.perf_counter() - start
        different = sum(a.text != b for a, b in zip(results, self.expected, strict=False))
        return Run(len(some) / seconds, (), len(some), different, 0, 0.0)

    def single_calls(self) -> Run:
        """One call a sentence, one after the other."""
        some = self.sentences[: self._size(SINGLE)]
        start = time.perf_counter()
        times: list[float] = []
        different = 0
        for sentence, expected in zip(some, self.expected, strict=False):
            before = time.perf_counter()
            different += self.translator(sentence).text != expected
            times.append(time.perf_counter() - before)
            if time.perf_counter() - start > self.arguments.seconds:
                break
        times.sort()
        percentiles = tuple(percentile(times, share) for share in PERCENTILES)
        return Run(len(times) / (time.perf_counter() - start), percentiles, len(times), different, 0, 0.0)


def contestants(
    measurement: Measurement, servers: dict[str, tuple[Server, Api]]
) -> dict[str, Callable[[], Run]]:
    """All of them by name, the library first."""
    found: dict[str, Callable[[], Run]] = {LIBRARY: measurement.library, SINGLE: measurement.single_calls}
    for clients in measurement.arguments.clients:
        for label, (server, api) in servers.items():
            name = f"{label}, {clients} clients"
            found[name] = measurement.over_http(name, server, api, clients)
    return found


def ratios(runs: dict[str, list[Run]], clients: list[int]) -> dict[str, Spread]:
    """What is compared, with the least and the most of the rounds."""
    speed = {name: [one.per_second for one in rounds] for name, rounds in runs.items()}
    found: dict[str, Spread] = {}
    for count in clients:
        ours = f"{OURS}, {count} clients"
        peers = [f"{peer}, {count} clients" for peer in PEERS if f"{peer}, {count} clients" in runs]
        if peers:
            best = max(peers, key=lambda name: median(speed[name]))
            found[f"times the requests a second of {best}"] = paired_ratio(speed[ours], speed[best])
        for label in (OURS, f"Octavo, {OCTAVO.name}"):
            name = f"{label}, {count} clients"
            found[f"{name}: share of the library's sentences a second"] = paired_ratio(
                speed[name], speed[LIBRARY]
            )
            if count == 1:
                more = [
                    1000 * (one.percentiles[0] - two.percentiles[0])
                    for one, two in zip(runs[name], runs[SINGLE], strict=True)
                ]
                found[f"{name}: ms of p50 above one call of the library"] = Spread.of(more)
    return found


def table(runs: dict[str, list[Run]]) -> list[str]:
    """A row for each contestant."""
    lines = [
        "| | requests/s | p50 ms | p95 ms | p99 ms | not the library's | failed | client's share of a core |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, rounds in runs.items():
        times = [
            f"{1000 * median([one.percentiles[at] for one in rounds]):,.1f}" if rounds[0].percentiles else ""
            for at in range(len(PERCENTILES))
        ]
        different, done = sum(one.different for one in rounds), sum(one.sentences for one in rounds)
        cells = [
            name,
            f"{median([one.per_second for one in rounds]):,.0f}",
            *times,
            f"{different:,} of {done:,}",
            f"{sum(one.failed for one in rounds):,}",
            f"{median([one.client_share for one in rounds]):.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def report_of(measurement: Measurement, runs: dict[str, list[Run]], load: float) -> dict[str, Any]:
    """All figures and where they were taken."""
    arguments = measurement.arguments
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "sources": [path.name for path in arguments.source],
        "sentences": len(measurement.sentences),
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "threads": arguments.threads,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "isa": cpu_report()["isa"],
        "versions": {"octavo": octavo.__version__, **installed_versions(("uvicorn", "starlette", "uvloop"))},
        "load_average_before": load,
        "runs": {name: [dataclasses.asdict(one) for one in rounds] for name, rounds in runs.items()},
        "ratios": {
            name: dataclasses.asdict(spread) for name, spread in ratios(runs, arguments.clients).items()
        },
    }


def markdown(report: dict[str, Any], runs: dict[str, list[Run]]) -> str:
    """The report for people."""
    lines = [
        "# The service",
        "",
        (
            f"{report['date']}: {report['sentences']:,} sentences of {', '.join(report['sources'])}, one a "
            f"request, {report['threads']} threads, {report['rounds']} interleaved rounds, at most "
            f"{report['seconds']:g} s each. {report['cpu']}, {report['cores']} cores, {report['isa']}; load "
            f"average before: {report['load_average_before']:.2f}."
        ),
        "",
        *table(runs),
        "",
    ]
    for name, spread in report["ratios"].items():
        lines.append(f"* {name}: {spread['median']:.2f} ({spread['low']:.2f} to {spread['high']:.2f})")
    return "\n".join(lines) + "\n"


def parse_arguments() -> argparse.Namespace:
    """Options of the command line, checked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--source", type=Path, nargs="+", required=True, help="text, a sentence a line")
    parser.add_argument("--sentences", type=int, default=2000, help="the first N of them")
    parser.add_argument("--model", type=Path, help="of Octavo; default: the model in the box")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15, help="the most of one run")
    parser.add_argument("--peer-python", type=Path, help="interpreter that has LibreTranslate")
    parser.add_argument("--peer-package", type=Path, default=Path("en_de.argosmodel"))
    parser.add_argument("--output", type=Path, default=Path("service"), help="OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    if min(arguments.sentences, arguments.threads, arguments.rounds, *arguments.clients) < 1:
        parser.error("numbers must be at least 1")
    return arguments


def advance(name: str, turn: int, result: Run) -> None:
    """One line a run."""
    what = f"round {turn}" if turn else "warm-up"
    print(f"{what}: {name}: {result.per_second:,.0f}/s, {result.failed} failed", file=sys.stderr, flush=True)


def main() -> None:
    """Start the servers, race, report."""
    arguments = parse_arguments()
    load = os.getloadavg()[0]
    measurement = Measurement(arguments)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(running(octavo_server(arguments.threads, model=arguments.model)))
        servers = {OURS: (ours, LIBRETRANSLATE), f"Octavo, {OCTAVO.name}": (ours, OCTAVO)}
        for label, options in PEERS.items() if arguments.peer_python else ():
            peer = libretranslate_server(arguments.peer_python, arguments.peer_package, *options)
            servers[label] = (stack.enter_context(running(peer)), LIBRETRANSLATE)
        runs = race(contestants(measurement, servers), arguments.rounds, advance=advance)
    report = report_of(measurement, runs, load)
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    text = markdown(report, runs)
    Path(f"{arguments.output}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
