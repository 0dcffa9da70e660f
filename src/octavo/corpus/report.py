"""What became of a corpus: the failed rows, and one report."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from octavo import durable
from octavo.corpus.finished import FinishedShard, failed_rows
from octavo.corpus.job import FAILED_FILE, REPORT_FILE, Job
from octavo.errors import OutputError


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerReport:
    """What one worker did. ``seconds`` are those that it worked on shards; others are spent on loading."""

    shards: int
    rows: int
    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Target tokens a second, EOS included."""
        return self.tokens / self.seconds if self.seconds else 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """A whole job, or, after a run that was stopped, the shards that are finished.

    ``made`` are the shards of this run, which took ``seconds``; ``kept`` were finished before. ``warnings``
    counts translations by what is likely to be wrong with them.
    """

    shards: int
    made: int
    kept: int
    rows: int
    failed: int
    tokens: int
    seconds: float
    warnings: Mapping[str, int]
    workers: Mapping[str, WorkerReport]

    @classmethod
    def of(cls, job: Job, finished: Mapping[int, FinishedShard], kept: int, seconds: float) -> Report:
        warnings: Counter[str] = Counter()
        workers: dict[str, list[FinishedShard]] = {}
        for shard in finished.values():
            warnings.update(shard.warnings)
            workers.setdefault(shard.worker, []).append(shard)
        return cls(
            shards=len(job.spans),
            made=len(finished) - kept,
            kept=kept,
            rows=sum(shard.rows for shard in finished.values()),
            failed=sum(shard.failures for shard in finished.values()),
            tokens=sum(shard.tokens for shard in finished.values()),
            seconds=seconds,
            warnings=dict(warnings.most_common()),
            workers={name: _worker(workers[name]) for name in sorted(workers)},
        )

    def as_json(self) -> dict[str, Any]:
        """The object of report.json."""
        value = dataclasses.asdict(self)
        for name, worker in self.workers.items():
            value["workers"][name]["tokens_per_second"] = round(worker.tokens_per_second, 1)
        return value | {"seconds": round(self.seconds, 3)}


def write_failed(job: Job, finished: Mapping[int, FinishedShard]) -> None:
    """Write the rows that were not translated, one JSON object a line, in the order of the inputs.

    Raises OutputError.
    """
    place = job.folder / FAILED_FILE
    beside = place.with_name(place.name + durable.BESIDE)
    try:
        with beside.open("wb") as stream:
            stream.writelines(_failed_lines(job, finished))
        durable.rename(beside, place)
    except OSError as error:
        raise OutputError(f"{place}: cannot be written: {error.strerror or error}") from error


def write_report(job: Job, report: Report) -> None:
    """Write report.json. Raises OutputError."""
    data = json.dumps(report.as_json(), ensure_ascii=False, indent=2)
    durable.write_file(job.folder / REPORT_FILE, f"{data}\n".encode())


def _failed_lines(job: Job, finished: Mapping[int, FinishedShard]) -> Iterator[bytes]:
    for index in sorted(finished):
        for row, reason in failed_rows(job, index) if finished[index].failures else ():
            line = {"file": str(job.source(index)), "row": row, "reason": reason}
            yield json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _worker(shards: list[FinishedShard]) -> WorkerReport:
    return WorkerReport(
        len(shards),
        sum(shard.rows for shard in shards),
        sum(shard.tokens for shard in shards),
        round(sum(shard.seconds for shard in shards), 3),
    )
