"""Damaged files of models, by a seeded generator: each is read and used, or refused in one sentence.

python benchmarks/fuzz_conversion.py --mutations 5000

It tries files of every format by themselves, whole models of every family, and Octavo's own models, and
prints a table. No file may bring an error of another kind, run what it names, take more than 10 seconds of
this process, or more than 1 GiB beyond what the process had.

With the native module built with sanitizers beside the Python code (``-DOCTAVO_DEV=ON
-DOCTAVO_SANITIZE=address,undefined``), their run time must be loaded before Python, as in
tests/engine/test_sanitizers.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchmarks import (
    fuzz_ctranslate2_files,
    fuzz_families,
    fuzz_marian_files,
    fuzz_model_files,
    fuzz_own_models,
)
from benchmarks.damage import Format, check_message, damaged

from octavo.errors import OctavoError

FORMATS = {**fuzz_marian_files.FORMATS, **fuzz_model_files.FORMATS, **fuzz_ctranslate2_files.FORMATS}
_MOST_SECONDS = 10.0
_MOST_BYTES = 1 << 30
_VARIANTS = 16  # of a whole file
_SHOWN = 8  # failures of a subject
_SHOWN_LINES = 6  # of a failure


class Subject(Protocol):
    """Something that is damaged and read."""

    def attempt(self, rng: random.Random, number: int) -> None:
        """Damage it and read it once. Raises what the reader raises."""


@dataclasses.dataclass
class File:
    """A file of a format, in a folder of its own."""

    kind: str
    folder: Path

    def __post_init__(self) -> None:
        self.format: Format = FORMATS[self.kind]
        self.path = self.folder / self.kind / f"file.{self.kind}"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.wholes = [self.format.whole(random.Random(variant)) for variant in range(_VARIANTS)]

    def attempt(self, rng: random.Random, number: int) -> None:
        """Every fourth file is wrong in a way of its format."""
        is_odd = number % 4 == 3
        self.path.write_bytes(self.format.odd(rng) if is_odd else damaged(rng.choice(self.wholes), rng))
        self.format.use(self.path)


SUBJECTS: dict[str, Callable[[str, Path], Subject]] = {
    **dict.fromkeys(FORMATS, File),
    **dict.fromkeys(fuzz_families.MODELS, fuzz_families.Family),
    **dict.fromkeys(fuzz_own_models.MODELS, fuzz_own_models.OwnModel),
}


@dataclasses.dataclass
class Outcomes:
    """What became of the damaged files of one subject."""

    read: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    grown_bytes: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)


def run(name: str, count: int, seed: int, folder: Path) -> Outcomes:
    """Try ``count`` damaged files; the seed and the number of each make it."""
    subject = SUBJECTS[name](name, folder)
    outcomes = Outcomes()
    before = _peak_bytes()
    for number in range(count):
        start = time.process_time()
        try:
            subject.attempt(random.Random(f"{seed} {name} {number}"), number)
            outcomes.read += 1
        except OctavoError as error:
            outcomes.refused += 1
            try:
                check_message(error)
            except AssertionError:
                outcomes.failures.append(f"{name}, seed {seed}, number {number}: {str(error)[:200]!r}")
        except Exception:  # noqa: BLE001 - that is what is looked for
            where = "".join(traceback.format_exc().splitlines(keepends=True)[-_SHOWN_LINES:])
            outcomes.failures.append(f"{name}, seed {seed}, number {number}: {where}")
        taken = time.process_time() - start
        if taken > _MOST_SECONDS:
            outcomes.failures.append(f"{name}, seed {seed}, number {number}: took {taken:.1f} s")
        outcomes.slowest_s = max(outcomes.slowest_s, taken)
    outcomes.grown_bytes = _peak_bytes() - before
    if outcomes.grown_bytes > _MOST_BYTES:
        outcomes.failures.append(f"{name}, seed {seed}: took {outcomes.grown_bytes >> 20} MiB")
    return outcomes


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _limit_addresses() -> None:
    """No more than _MOST_BYTES beyond what the process has now: a MemoryError is a failure."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Try them all, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutations", type=int, default=5_000, help="of each subject")
    parser.add_argument("--only", nargs="+", choices=list(SUBJECTS), metavar="SUBJECT")
    parser.add_argument("--skip", nargs="+", choices=list(SUBJECTS), metavar="SUBJECT", default=[])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where whole models are kept between runs")
    arguments = parser.parse_args()
    os.fsync = lambda _: None  # what is written here need not last
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        names = [name for name in arguments.only or SUBJECTS if name not in arguments.skip]
        made = [SUBJECTS[name](name, folder) for name in names]
        if "LD_PRELOAD" not in os.environ:  # a sanitizer maps terabytes of its own
            _limit_addresses()
        del made
        print("| subject | damaged | read | refused | slowest, s of CPU | memory, MiB |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for name in names:
            found = run(name, arguments.mutations, arguments.seed, folder)
            measured = f"{found.slowest_s:.2f} | {found.grown_bytes >> 20}"
            print(
                f"| {name} | {arguments.mutations} | {found.read} | {found.refused} | {measured} |",
                flush=True,
            )
            failures += len(found.failures)
            print(*found.failures[:_SHOWN], sep="\n", end="\n" if found.failures else "", flush=True)
    print(f"{failures} failures")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
