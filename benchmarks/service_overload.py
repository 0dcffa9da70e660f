"""`octavo serve` under more than it can do, and under clients that behave badly.

    python benchmarks/service_overload.py --source test_2016_flickr.en test_2017_flickr.en
    python benchmarks/service_overload.py --source ... --modes idle malformed --hold 10

The mode `overload` measures the capacity first, with clients that wait for their answers, then sends ten
times as many requests a second, whatever is answered, for --seconds. Goodput counts the answers that are
the library's translations, as a share of the capacity. A request has --texts sentences: with one, ten times
the capacity is so many requests that this client and the refusals take much of the cores that they share
with the engine; both are printed.

The other modes are those of service_abuse.py; meanwhile a polite client asks for one sentence after the
other. After each mode the server must be alive, have answered none with 500, and have no more files or
threads open than before. Prints each figure with what is wanted, and ends with 1 where one is missed."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import itertools
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from service_abuse import MODES, Abuse
from service_apis import LIBRETRANSLATE, OCTAVO, Api, sentences_of
from service_cases import warm_up
from service_client import (
    Address,
    Answer,
    Connection,
    Load,
    LostAnswerError,
    closed_loop,
    open_loop,
    percentile,
    run,
)
from service_findings import MEBIBYTE, Findings, milliseconds
from service_process import Server, Watch, octavo_server, running

import octavo
from octavo.machine import cpu_model

APIS = {"octavo": OCTAVO, "libretranslate": LIBRETRANSLATE}


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """Requests and the translations that are right."""

    api: Api
    requests: Sequence[bytes]
    expected: Sequence[list[str]]

    @classmethod
    def of(cls, api: Api, sentences: Sequence[str], texts: int, threads: int) -> Work:
        """So many sentences a request."""
        translations = [result.text for result in octavo.load(threads=threads)(sentences)]
        groups = [slice(at, at + texts) for at in range(0, len(sentences) - texts + 1, texts)]
        return cls(
            api,
            [api.request(sentences[group]) for group in groups],
            [translations[group] for group in groups],
        )

    def right(self, index: int, answer: Answer) -> bool:
        """Whether an answer is what the library says."""
        return answer.status == 200 and self.api.read(answer) == self.expected[index % len(self.expected)]


def capacity_of(server: Server, work: Work, clients: int, seconds: float) -> float:
    """Requests a second with clients that wait for their answers."""
    run(closed_loop(server.address, work.requests[:clients], clients, seconds / 2))
    endless = list(itertools.islice(itertools.cycle(work.requests), 100_000))
    load = run(closed_loop(server.address, endless, clients, seconds))
    wrong = sum(not work.right(index, answer) for index, answer in load.answers.items())
    if wrong or load.lost:
        raise SystemExit(f"capacity: {wrong} wrong answers, {len(load.lost)} lost: {load.statuses()}")
    return len(load.answers) / load.seconds


def overload(server: Server, work: Work, arguments: argparse.Namespace, findings: Findings) -> None:
    """The capacity, then so many times as much."""
    capacity = capacity_of(server, work, arguments.capacity_clients, arguments.capacity_seconds)
    findings.tell("capacity", f"{capacity:,.1f} requests/s, {capacity * arguments.texts:,.0f} sentences/s")
    before = server.usage()
    rate = arguments.times * capacity
    with Watch(server) as watch:
        load = run(
            open_loop(server.address, work.requests, rate, arguments.seconds, most=arguments.most_connections)
        )
    used = server.usage().cpu_seconds - before.cpu_seconds
    findings.tell("offered", f"{len(load.lateness) / load.seconds:,.0f} requests/s for {load.seconds:.0f} s")
    tell_overload(load, work, capacity, findings)
    resident = [size / MEBIBYTE for _, size in watch.resident]
    quarter = max(1, len(resident) // 4)
    early, late = max(resident[:quarter]), max(resident[-quarter:])
    findings.tell(
        "resident, most of the first and the last quarter",
        f"{early:.1f} -> {late:.1f} MiB",
        "flat (at most 5 MiB more)",
        good=late <= early + 5,
    )
    findings.tell(
        "cores",
        f"server {used / load.seconds:.2f}, client {load.client_seconds / load.seconds:.2f}, "
        f"of {os.cpu_count()}",
    )
    findings.tell("requests sent late", milliseconds(sorted(load.lateness)))


def tell_overload(load: Load, work: Work, capacity: float, findings: Findings) -> None:
    """What came of the load."""
    accepted = [(index, answer) for index, answer in load.answers.items() if answer.status == 200]
    right = sum(work.right(index, answer) for index, answer in accepted)
    in_time = sum(answer.at <= load.start + load.seconds for _, answer in accepted)
    goodput = min(right, in_time) / load.seconds / capacity
    findings.tell("goodput", f"{goodput:.1%} of the capacity", "90 % or more", good=goodput >= 0.9)
    findings.tell("accepted", f"{len(accepted):,}, {right:,} right", "all right", good=right == len(accepted))
    findings.tell("time to an accepted answer", milliseconds(load.latencies(200)))
    refused = load.latencies(503, 429)
    quick = 1000 * percentile(refused, 0.99)
    findings.tell("time to a refusal", milliseconds(refused), "p99 within 50 ms", good=quick <= 50)
    others = {status: count for status, count in load.statuses().items() if status not in (200, 503, 429)}
    findings.tell("statuses", str(load.statuses()), "200, 503 and 429 alone", good=not others)
    asks_again = all(b"\r\nretry-after:" in a.headers for a in load.answers.values() if a.status == 503)
    findings.tell("503 with Retry-After", "all" if asks_again else "not all", "all", good=asks_again)
    findings.tell("no answer", f"{len(load.lost):,}", "0", good=not load.lost)
    findings.tell("bytes that nobody asked for", f"{load.unasked:,}", "0", good=not load.unasked)


async def polite(address: Address, work: Work, over: asyncio.Event) -> Load:
    """One client that waits for its answers, until it is over."""
    load = Load()
    connection = await Connection.open(address)
    for index in itertools.count():
        if over.is_set():
            break
        try:
            if connection.closed:
                connection = await Connection.open(address)
            load.answers[index] = await connection.ask(work.requests[index % len(work.requests)])
        except (OSError, LostAnswerError):
            load.lost.append(index)
        await asyncio.sleep(0.05)
    connection.close()
    return load


async def both(abuse: Abuse, server: Server, work: Work, hold: float) -> tuple[Load, Load]:
    """The abuse, and the polite client beside it."""
    over = asyncio.Event()
    beside = asyncio.ensure_future(polite(server.address, work, over))
    try:
        found = await abuse(server.address, work.api.path, work.requests[0], hold)
    finally:
        over.set()
    return found, await beside


def misbehave(name: str, server: Server, work: Work, hold: float, findings: Findings) -> None:
    """One mode of service_abuse.py."""
    before = server.usage()
    with Watch(server, 0.2) as watch:
        found, beside = run(both(MODES[name], server, work, hold))
    findings.tell("statuses", str(found.statuses()), "no 500", good=500 not in found.statuses())
    findings.tell("closed without an answer, or refused", f"{len(found.lost):,}")
    right = sum(work.right(index, answer) for index, answer in beside.answers.items())
    findings.tell(
        "polite client",
        f"{right} of {len(beside.answers) + len(beside.lost)} right, {beside.statuses()}, "
        f"{milliseconds(beside.latencies(200))}",
        "all right",
        good=right == len(beside.answers) + len(beside.lost),
    )
    most = max((size for _, size in watch.resident), default=before.resident_bytes)
    findings.tell("resident at most", f"{(most - before.resident_bytes) / MEBIBYTE:+.1f} MiB")


def parse_arguments() -> argparse.Namespace:
    """Options of the command line, checked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--source", type=Path, nargs="+", required=True, help="text, a sentence a line")
    parser.add_argument("--modes", nargs="+", choices=["overload", *MODES], default=["overload", *MODES])
    parser.add_argument("--api", choices=list(APIS), default="octavo")
    parser.add_argument("--texts", type=int, default=16, help="sentences a request")
    parser.add_argument("--times", type=float, default=10, help="the capacity")
    parser.add_argument("--seconds", type=float, default=60, help="of overload")
    parser.add_argument("--capacity-seconds", type=float, default=10)
    parser.add_argument("--capacity-clients", type=int, default=32)
    parser.add_argument("--most-connections", type=int, default=4000)
    parser.add_argument("--hold", type=float, default=15, help="seconds of each other mode")
    parser.add_argument("--settle", type=float, default=30, help="the most seconds until all is given back")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--options", nargs="*", default=[], help="of octavo serve, without their dashes")
    return parser.parse_args()


def main() -> None:
    """One server, all modes one after the other."""
    arguments = parse_arguments()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the server gets the same
    sentences = sentences_of(arguments.source, 2000)
    work = Work.of(APIS[arguments.api], sentences, arguments.texts, arguments.threads)
    one = Work.of(APIS[arguments.api], sentences[:200], 1, arguments.threads)
    options = [option if option.isdigit() else f"--{option}" for option in arguments.options]
    findings = Findings()
    print(f"{cpu_model()}, {os.cpu_count()} cores, load average before: {os.getloadavg()[0]:.2f}")
    with running(octavo_server(arguments.threads, *options)) as server:
        run(warm_up(server.address, sentences))
        for mode in arguments.modes:
            print(mode)
            before = server.usage()
            if mode == "overload":
                overload(server, work, arguments, findings)
            else:
                misbehave(mode, server, one, arguments.hold, findings)
            findings.after(server, before, arguments.settle)
        findings.ended(server, server.stop())
    sys.exit(findings.missed)


if __name__ == "__main__":
    main()
