"""Shards that are finished: what each is, written down beside it, and whether it still is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from octavo import durable, interrupt
from octavo.corpus.job import DONE_FOLDER, Job
from octavo.errors import OutputError

_READ_BYTES: Final = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class FinishedShard:
    """A shard and how it was made.

    ``failed`` has the ``failures`` rows that were not translated, each with its number in the input, counted
    from 1, and the reason; it is None where that is only on disk. ``warnings`` counts translations by what is
    likely to be wrong with them. ``tokens`` are those that the model produced, ``seconds`` what the
    ``worker`` took for them.
    """

    shard: int
    bytes: int
    sha256: str
    rows: int
    failures: int
    failed: tuple[tuple[int, str], ...] | None
    tokens: int
    warnings: dict[str, int]
    seconds: float
    worker: str

    def write(self, job: Job) -> None:
        """Write it down; the shard is finished from now on. Raises OutputError."""
        data = json.dumps(dataclasses.asdict(self), ensure_ascii=False).encode("utf-8", "replace")
        place = _record(job, self.shard)
        beside = place.with_name(f".{place.name}.{self.worker_id}")
        try:
            beside.write_bytes(data)
        except OSError as error:  # a full disk's names no file
            raise OutputError(f"{place}: cannot be written: {error.strerror or error}") from error
        durable.rename(beside, place)

    @property
    def worker_id(self) -> str:
        """A name of the worker that can be part of a file's."""
        return hashlib.sha256(self.worker.encode()).hexdigest()[:8]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> FinishedShard:
        """The reverse of dataclasses.asdict, by way of JSON."""
        failed = tuple((int(row), str(reason)) for row, reason in value["failed"])
        return cls(**{**value, "failed": failed})

    def in_brief(self) -> FinishedShard:
        """The same without the failed rows, of which there may be many."""
        return dataclasses.replace(self, failed=None)


def failed_rows(job: Job, shard: int) -> Sequence[tuple[int, str]]:
    """The failed rows of a finished shard. Raises OutputError where they cannot be read."""
    try:
        return FinishedShard.from_json(json.loads(_record(job, shard).read_bytes())).failed or ()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OutputError(f"{_record(job, shard)}: cannot be read: {error}") from error


def finished_shard(job: Job, shard: int) -> FinishedShard | None:
    """What is written down of a shard; None where it is not finished, or its file is not what it was."""
    try:
        found = FinishedShard.from_json(json.loads(_record(job, shard).read_bytes()))
        path = job.shard_path(shard)
        if found.shard == shard and path.stat().st_size == found.bytes and checksum(path) == found.sha256:
            return found
    except (OSError, ValueError, TypeError, KeyError):  # none, a torn one, or the disk cannot read it
        return None
    return None


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hex. Raises OSError, KeyboardInterrupt."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_READ_BYTES):
            digest.update(block)
            interrupt.check()
    return digest.hexdigest()


def _record(job: Job, shard: int) -> Path:
    return job.folder / DONE_FOLDER / f"{shard:05d}.json"
