"""Whether `octavo serve` answers everybody with the bytes of a single call, whatever else goes on.

    python benchmarks/service_exact.py --source test_2016_flickr.en test_2017_flickr.en

Sixteen clients send 2,000 requests of all APIs: texts, HTML, options of the search, glossaries, streams,
alternatives. Each answer is compared with single calls of the library. Meanwhile other clients leave in the
middle of their requests or give them hardly any time, and the models are loaded anew by SIGHUP, again and
again. Then 32 clients are under way when SIGTERM comes: what was sent before it must be answered, and
rightly; the server ends with 0. A byte that comes without a request is a second answer. Prints each figure
with what is wanted, and ends with 1 where one is missed. The time of the machine does not matter."""

from __future__ import annotations

import argparse
import asyncio
import collections
import dataclasses
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from service_apis import OCTAVO, sentences_of
from service_cases import Case, make_cases, served_kinds
from service_client import Address, Connection, Load, LostAnswerError, closed_loop, run
from service_findings import Findings
from service_process import Server, octavo_server, running

import octavo

AROUND = 0.1
"""Seconds before SIGTERM in which a request may have crossed the closing of its connection."""


class Disturbance:
    """Clients that leave, hurry or reload, until they are stopped. ``counts`` says what they did and got."""

    def __init__(self, server: Server, sentences: Sequence[str]) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self._server = server
        self._sentences = sentences
        self._chance = random.Random(3)

    async def leave(self) -> None:
        """Ask for many texts, and close the connection before the answer."""
        while True:
            some = self._chance.sample(list(self._sentences), 40)
            connection = await Connection.open(self._server.address)
            connection.send(OCTAVO.request(some))
            await asyncio.sleep(self._chance.random() * 0.1)
            connection.close()
            self.counts["left"] += 1
            await asyncio.sleep(0.2)

    async def hurry(self) -> None:
        """Ask for many texts in hardly any time."""
        connection = await Connection.open(self._server.address)
        while True:
            some = self._chance.sample(list(self._sentences), 20)
            if connection.closed:
                connection = await Connection.open(self._server.address)
            seconds = self._chance.choice([0.001, 0.01, 0.05])
            answer = await connection.ask(OCTAVO.request(some, timeout=seconds))
            self.counts[f"hurried: {answer.status}"] += 1
            await asyncio.sleep(0.1)

    async def reload(self, interval: float) -> None:
        """Load the models anew."""
        while True:
            await asyncio.sleep(interval)
            self._server.process.send_signal(signal.SIGHUP)
            self.counts["reloaded"] += 1


async def disturbed(
    server: Server, cases: Sequence[Case], sentences: Sequence[str], clients: int
) -> tuple[Load, dict[str, int]]:
    """All cases, with the disturbance beside them."""
    disturbance = Disturbance(server, sentences)
    beside = [
        asyncio.ensure_future(work)
        for work in (disturbance.leave(), disturbance.hurry(), disturbance.reload(1.0))
    ]
    load = await closed_loop(server.address, [case.request for case in cases], clients, patient=True)
    for task in beside:
        task.cancel()
    for outcome in await asyncio.gather(*beside, return_exceptions=True):
        if isinstance(outcome, Exception):
            disturbance.counts[f"ended early: {outcome!r}"] += 1
    return load, dict(sorted(disturbance.counts.items()))


@dataclasses.dataclass(slots=True)
class Ending:
    """What became of requests that were under way at SIGTERM or sent after it."""

    right: int = 0
    wrong: int = 0
    refused: int = 0
    lost_before: int = 0
    lost_after: int = 0
    unasked: int = 0
    under_way: int = 0


async def stopped_under_load(server: Server, cases: Sequence[Case], clients: int, after: float) -> Ending:
    """Clients ask on until the server is gone. ``after`` so many seconds it gets SIGTERM."""
    ending = Ending()
    stop = time.perf_counter() + after
    coming = iter(range(10**9))

    async def client() -> None:
        connection: Connection | None = None
        while True:
            try:
                if connection is None or connection.closed:
                    connection = await Connection.open(server.address)
            except OSError:
                return  # nobody listens any more
            case = cases[next(coming) % len(cases)]
            sent = time.perf_counter()
            try:
                answer = await connection.ask(case.request)
            except LostAnswerError as error:
                if sent < stop - AROUND or error.got:
                    ending.lost_before += 1
                else:
                    ending.lost_after += 1
            else:
                ending.under_way += sent < stop <= answer.at
                if answer.status == 503:
                    ending.refused += 1
                    await asyncio.sleep(0.01)
                elif case.right(answer):
                    ending.right += 1
                else:
                    ending.wrong += 1
            ending.unasked += connection.unasked

    tasks = [asyncio.ensure_future(client()) for _ in range(clients)]
    await asyncio.sleep(stop - time.perf_counter())
    server.process.send_signal(signal.SIGTERM)
    await asyncio.wait(tasks, timeout=90)
    return ending


def tell_cases(load: Load, cases: Sequence[Case], findings: Findings) -> None:
    """How many of each kind were right."""
    by_kind: dict[str, list[int]] = {}
    for index, case in enumerate(cases):
        counts = by_kind.setdefault(case.kind, [0, 0])
        counts[1] += 1
        answer = load.answers.get(index)
        counts[0] += answer is not None and case.right(answer)
    for kind, (right, of) in by_kind.items():
        findings.tell(kind, f"{right} of {of} right", "all", good=right == of)
    findings.tell("statuses", str(load.statuses()), "200 alone", good=set(load.statuses()) == {200})
    findings.tell("refused with 503 and asked again", str(load.refused))
    findings.tell("requests without an answer", str(len(load.lost)), "0", good=not load.lost)
    findings.tell("bytes that nobody asked for", str(load.unasked), "0", good=not load.unasked)


def tell_ending(ending: Ending, findings: Findings) -> None:
    """What SIGTERM did."""
    findings.tell("under way at SIGTERM", str(ending.under_way), "some", good=ending.under_way > 0)
    findings.tell("right", str(ending.right))
    findings.tell("wrong", str(ending.wrong), "0", good=not ending.wrong)
    findings.tell("refused with 503", str(ending.refused))
    findings.tell(
        "sent before SIGTERM and not answered", str(ending.lost_before), "0", good=not ending.lost_before
    )
    findings.tell("sent after it and not answered", str(ending.lost_after))
    findings.tell("bytes that nobody asked for", str(ending.unasked), "0", good=not ending.unasked)


def parse_arguments() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--source", type=Path, nargs="+", required=True, help="text, a sentence a line")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--last-clients", type=int, default=32, help="under way at SIGTERM")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def served_cases(address: Address, arguments: argparse.Namespace, sentences: Sequence[str]) -> list[Case]:
    """Requests of all kinds that there are, with their translations."""
    kinds = run(served_kinds(address))
    print(f"{arguments.requests} requests of {len(kinds)} kinds, each with single calls of the library first")
    return make_cases(kinds, octavo.load(threads=arguments.threads), sentences, arguments.requests)


def main() -> None:
    """Disturb, stop, tell."""
    arguments = parse_arguments()
    sentences = sentences_of(arguments.source, 2000)
    findings = Findings()
    with running(octavo_server(arguments.threads)) as server:
        cases = served_cases(server.address, arguments, sentences)
        load, counts = run(disturbed(server, cases, sentences, arguments.clients))
        tell_cases(load, cases, findings)
        findings.tell("meanwhile", str(counts), "no 500", good="hurried: 500" not in counts)
        print("SIGTERM")
        tell_ending(run(stopped_under_load(server, cases, arguments.last_clients, 3.0)), findings)
        findings.ended(server, server.process.wait(60))
    sys.exit(findings.missed)


if __name__ == "__main__":
    main()
