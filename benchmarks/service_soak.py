"""`octavo serve` under mixed load for a long time: whether it keeps memory, files or threads.

    python benchmarks/service_soak.py 30 --source test_2016_flickr.en test_2017_flickr.en

Clients send requests of all APIs and compare the answers with single calls of the library, again and again.
Others leave in the middle of their requests, give them hardly any time, or send what is no request. The
models are loaded anew once a minute. After the warm-up, a fifth of the time and at most five minutes, the
median of the resident memory in the first and in the last tenth are compared. Files and threads are those
after the load, beside those after the warm-up. Prints each figure with what is wanted, and ends with 1 where
one is missed. The time of the machine matters little.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import itertools
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from service_abuse import wrong_bodies
from service_apis import OCTAVO, sentences_of
from service_cases import Case, make_cases, served_kinds, warm_up
from service_client import Address, Connection, LostAnswerError, request_bytes, run
from service_exact import Disturbance
from service_findings import MEBIBYTE, Findings
from service_process import Usage, Watch, octavo_server, running

import octavo

RELOAD_SECONDS = 60.0
WARM_UP_SECONDS = 300.0
DRIFT_BYTES = 2 * MEBIBYTE


async def ask_on(
    address: Address, cases: Sequence[Case], first: int, counts: collections.Counter[str]
) -> None:
    """One client: all cases from ``first`` on, again and again."""
    connection = await Connection.open(address)
    for case in itertools.islice(itertools.cycle(cases), first, None):
        try:
            if connection.closed:
                connection = await Connection.open(address)
            answer = await connection.ask(case.request)
        except LostAnswerError:
            counts["no answer"] += 1
            continue
        if answer.status == 503:
            counts["refused with 503"] += 1
            await asyncio.sleep(0.1)
        else:
            counts["right" if case.right(answer) else f"wrong: {case.kind}: {answer.status}"] += 1
        counts["bytes that nobody asked for"] += connection.unasked
        connection.unasked = 0


async def ask_wrongly(address: Address, counts: collections.Counter[str]) -> None:
    """What is no request, and metrics, each on a connection of its own."""
    for body in itertools.cycle(wrong_bodies()):
        for request in (request_bytes(OCTAVO.path, body), request_bytes("/metrics", method="GET")):
            connection = await Connection.open(address)
            try:
                answer = await connection.ask(request)
                counts[f"wrong requests and metrics: {answer.status}"] += 1
            except LostAnswerError:
                counts["no answer"] += 1
            connection.close()
            await asyncio.sleep(0.25)


def drift(resident: Sequence[tuple[float, int]], warm: float) -> tuple[float, float]:
    """Median resident bytes in the first and the last tenth of the time after the warm-up."""
    after = [size for seconds, size in resident if seconds > warm]
    tenth = max(1, len(after) // 10)
    return statistics.median(after[:tenth]), statistics.median(after[-tenth:])


def tell(
    counts: collections.Counter[str],
    watch: Watch,
    warm: float,
    usage: tuple[Usage, Usage],
    findings: Findings,
) -> None:
    """What came, and what was kept."""
    good = ("right", "refused with 503", "left", "hurried: 200", "hurried: 503", "hurried: 504", "reloaded")
    for name, count in sorted(counts.items()):
        fine = name in good or (name.startswith("wrong requests") and not name.endswith("500"))
        findings.tell(name, f"{count:,}", "" if fine else "0", good=fine or count == 0)
    minutes: dict[int, int] = {}
    for seconds, size in watch.resident:
        minutes[int(seconds // 60)] = max(size, minutes.get(int(seconds // 60), 0))
    findings.tell(
        "resident MiB, most of each minute", " ".join(f"{m / MEBIBYTE:.1f}" for m in minutes.values())
    )
    first, last = drift(watch.resident, warm)
    findings.tell(
        f"resident after {warm / 60:.1f} minutes and at the end",
        f"{first / MEBIBYTE:.1f} -> {last / MEBIBYTE:.1f} MiB, {(last - first) / MEBIBYTE:+.2f}",
        "at most 2 MiB more",
        good=last - first <= DRIFT_BYTES,
    )
    before, after = usage
    findings.held(before, after)


def parse_arguments() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--source", type=Path, nargs="+", required=True, help="text, a sentence a line")
    parser.add_argument("--cases", type=int, default=550, help="different requests")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


async def load(
    disturbance: Disturbance, address: Address, cases: Sequence[Case], clients: int, seconds: float
) -> None:
    """All clients for so many seconds."""
    counts = disturbance.counts
    tasks = [
        asyncio.ensure_future(work)
        for work in (
            disturbance.leave(),
            disturbance.hurry(),
            disturbance.reload(min(RELOAD_SECONDS, seconds / 4)),
            ask_wrongly(address, counts),
            *(ask_on(address, cases, 31 * number, counts) for number in range(clients)),
        )
    ]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            counts[f"a client ended with {outcome!r}"] += 1


def main() -> None:
    """Warm up, load, tell."""
    arguments = parse_arguments()
    seconds = 60 * arguments.minutes
    warm = min(WARM_UP_SECONDS, seconds / 5)
    sentences = sentences_of(arguments.source, 2000)
    findings = Findings()
    with running(octavo_server(arguments.threads)) as server:
        kinds = run(served_kinds(server.address))
        cases = make_cases(kinds, octavo.load(threads=arguments.threads), sentences, arguments.cases)
        run(warm_up(server.address, sentences))
        disturbance = Disturbance(server, sentences)
        start = time.monotonic()
        with Watch(server, min(5.0, seconds / 100)) as watch:
            run(load(disturbance, server.address, cases, arguments.clients, warm))
            warmed = server.usage()
            settled = server.settle(Usage(0, 0, 0, 0.0), 5)  # what its threads and files are without a load
            run(load(disturbance, server.address, cases, arguments.clients, seconds - warm))
        print(f"{(time.monotonic() - start) / 60:.1f} minutes, {len(cases)} requests of {len(kinds)} kinds")
        before = Usage(0, settled.files, max(warmed.threads, settled.threads), 0.0)
        tell(disturbance.counts, watch, warm, (before, server.settle(before)), findings)
        findings.ended(server, server.stop())
    sys.exit(findings.missed)


if __name__ == "__main__":
    main()
