"""A job: what is translated and how, kept in its directory, so that a run that was stopped goes on."""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from octavo import durable
from octavo.corpus.formats import FORMATS
from octavo.corpus.inputs import InputFile
from octavo.corpus.rows import Columns, Format, Span
from octavo.errors import InputError, OutputError, printable

JOB_FILE: Final = "job.json"
FAILED_FILE: Final = "failed.jsonl"
REPORT_FILE: Final = "report.json"
DONE_FOLDER: Final = "done"

_VERSION: Final = 1
_OWN: Final = frozenset({JOB_FILE, FAILED_FILE, REPORT_FILE, DONE_FOLDER, durable.LOCK})


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """All that the bytes of the shards depend on, beside the inputs.

    ``model`` is its fingerprint; ``options`` has the version of Octavo, and the options of the search and of
    loading, as JSON values.
    """

    format: str
    column: str
    target_column: str
    rows_per_shard: int
    model: str
    options: Mapping[str, Any]

    @property
    def columns(self) -> Columns:
        return Columns(self.column, self.target_column)


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A job, and the directory that its shards are in. ``name`` differs from that of any other job."""

    folder: Path
    name: str
    inputs: tuple[InputFile, ...]
    settings: Settings
    spans: tuple[Span, ...]

    @property
    def format(self) -> Format:
        return FORMATS[self.settings.format]

    @property
    def rows(self) -> int:
        """Rows of all inputs."""
        return sum(span.rows for span in self.spans)

    def source(self, shard: int) -> Path:
        """The input that a shard, counted from 0, is of."""
        return Path(self.inputs[self.spans[shard].file].path)

    def shard_path(self, shard: int) -> Path:
        """The file of a shard."""
        return self.folder / f"part-{shard:05d}{self.format.ending(self.source(shard))}"

    @classmethod
    def read(cls, folder: Path) -> Job:
        """The job of a directory. Raises OutputError where there is none, or none that this version reads."""
        path = folder / JOB_FILE
        try:
            value = json.loads(path.read_bytes())
            if value["version"] != _VERSION:
                raise OutputError(
                    f"{printable(str(path))}: is of another version of Octavo; choose another --output"
                )
            return cls(
                folder,
                value["name"],
                tuple(InputFile.from_json(each) for each in value["inputs"]),
                Settings(**value["settings"]),
                tuple(Span(*each) for each in value["shards"]),
            )
        except OSError as error:
            raise OutputError(f"{printable(str(path))}: cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise OutputError(
                f"{printable(str(path))}: is damaged; remove the directory, or choose another --output"
            ) from error

    def write(self) -> None:
        """Write the job into its directory. Raises OutputError."""
        value = {
            "version": _VERSION,
            "name": self.name,
            "inputs": [dataclasses.asdict(each) for each in self.inputs],
            "settings": dataclasses.asdict(self.settings),
            "shards": [dataclasses.astuple(span) for span in self.spans],
        }
        durable.write_file(self.folder / JOB_FILE, json.dumps(value).encode())

    def check_inputs(self) -> None:
        """Raise InputError where an input has changed since the job began."""
        for file in self.inputs:
            now = InputFile.of(Path(file.path))
            if changed := _changes(file, now):
                raise InputError(
                    f"{printable(file.path)}: has changed since the job in {printable(str(self.folder))} "
                    f"began: {changed}; put the old file back, or choose another --output"
                )


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Make the directory of a job, and keep other runs out of it.

    Raises OutputError for one that has something else in it.
    """
    place = printable(str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise OutputError(f"{place}: cannot be written: {error.strerror or error}") from error
    if JOB_FILE not in there and (others := there - _OWN - {JOB_FILE + durable.BESIDE}):
        raise OutputError(
            f"{place}: has {printable(min(others))} in it, and is no directory of a job; choose another "
            "--output"
        )
    with durable.locked(folder):
        try:
            (folder / DONE_FOLDER).mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{place}: cannot be written: {error.strerror or error}") from error
        yield


def open_job(folder: Path, paths: Sequence[Path], settings: Settings, planned: Callable[[int], None]) -> Job:
    """The job of a held directory: begun there now, or by a run before, which was for the same.

    ``planned`` hears of rows as they are found in the inputs. Raises InputError for inputs that cannot be
    read or have changed, OutputError where the directory has another job, naming what differs.
    """
    if (folder / JOB_FILE).exists():
        job = Job.read(folder)
        _check_same(job, paths, settings)
        job.check_inputs()
        return job
    format_ = FORMATS[settings.format]
    inputs = tuple(InputFile.of(path) for path in paths)
    for path in paths:
        format_.check(path, settings.columns)
    spans: list[Span] = []
    for index, path in enumerate(paths):
        for span in format_.spans(path, index, settings.rows_per_shard):
            spans.append(span)
            planned(span.rows)
    job = Job(folder, secrets.token_hex(8), inputs, settings, tuple(spans))
    job.check_inputs()  # a file that grows while it is read is no input
    job.write()
    return job


def _check_same(job: Job, paths: Sequence[Path], settings: Settings) -> None:
    before, now = _flat(job.settings), _flat(settings)
    differences = [
        f"{name} is {_shown(before.get(name))} there and {_shown(now.get(name))} here"
        for name in sorted(before | now)
        if before.get(name) != now.get(name)
    ]
    there, here = [file.path for file in job.inputs], [str(path.absolute()) for path in paths]
    if there != here:
        differences.insert(0, _other_inputs(there, here))
    if differences:
        raise OutputError(
            f"{printable(str(job.folder))}: has another job: {'; '.join(differences)}. Choose another "
            "--output, or go on with what that job began with"
        )


def _other_inputs(there: Sequence[str], here: Sequence[str]) -> str:
    for path in here:
        if path not in there:
            return f"the input {printable(path)} is not among its inputs"
    for path in there:
        if path not in here:
            return f"its input {printable(path)} is missing"
    return "its inputs have another order"


def _flat(settings: Settings) -> dict[str, Any]:
    value: dict[str, Any] = dataclasses.asdict(settings)
    options: dict[str, Any] = value.pop("options")
    return value | options


def _shown(value: object) -> str:
    return "the default" if value is None else printable(str(value))


def _changes(then: InputFile, now: InputFile) -> str:
    if then.bytes != now.bytes:
        return f"it had {then.bytes:,} bytes and has {now.bytes:,}"
    if then.head != now.head:
        return "its first bytes differ"
    if then.modified_ns != now.modified_ns:
        return "it was written again at another time"
    return ""
