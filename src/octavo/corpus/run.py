"""A corpus from its inputs to its report."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import octavo
from octavo import catalog
from octavo.artifact import ModelDirectory
from octavo.corpus.finished import FinishedShard, finished_shard
from octavo.corpus.inputs import common_format, find_inputs
from octavo.corpus.job import DONE_FOLDER, FAILED_FILE, Job, Settings, held_folder, open_job
from octavo.corpus.ray_cluster import shards_on_ray
from octavo.corpus.report import Report, write_failed, write_report
from octavo.corpus.worker import ShardWorker
from octavo.engine import default_precision
from octavo.errors import InputError, OutputError, counted
from octavo.integrations import ModelSource
from octavo.integrations.model_source import LoadOptions
from octavo.terms import Glossary
from octavo.translation import SearchChanges, TranslationOptions, retries, search_options

DEFAULT_ROWS_PER_SHARD = 10_000


class CorpusProgress(Protocol):
    """What hears of a run: the rows that there are, and those that are done."""

    def planned(self, rows: int) -> None:
        """So many rows more have been found in the inputs."""

    def begin(self, rows: int, done: int) -> None:
        """The translation begins; ``done`` of all ``rows`` were translated before."""

    def advance(self, rows: int, tokens: int) -> None:
        """So many rows, and tokens of their translations, more are done."""


@dataclasses.dataclass(frozen=True, slots=True)
class CorpusRequest:
    """What ``octavo corpus`` is asked for. ``threads`` are those of each worker; 0 takes every core, or, on
    Ray, one CPU. ``format`` None goes by the names of the inputs. ``ray`` is the address of a cluster."""

    inputs: Sequence[str]
    output: Path
    model: Path | None = None
    column: str = "text"
    target_column: str = "translation"
    format: str | None = None
    rows_per_shard: int = DEFAULT_ROWS_PER_SHARD
    max_failures: int | None = None
    glossary: Path | None = None
    search: SearchChanges = dataclasses.field(default_factory=SearchChanges)
    load: LoadOptions = dataclasses.field(default_factory=LoadOptions)
    ray: str | None = None


def translate_corpus(request: CorpusRequest, progress: CorpusProgress) -> Report:
    """Translate the rows of the inputs into shards in the output directory, and write what became of them.

    A run that was stopped goes on: shards that are finished stay, torn ones are made again. Raises
    InputError, ModelError, ArgumentError and OutputError; KeyboardInterrupt, with a note that says how to go
    on.
    """
    start = time.perf_counter()
    paths = find_inputs(request.inputs, request.output)
    model = ModelDirectory.open(catalog.resolve(request.model))
    model.check_translates("`octavo corpus`")
    languages = request.load.get("source"), request.load.get("to")
    if not (model.languages and model.languages.are_stated and languages == (None, None)):
        model = model.between(*languages)
    glossary = _glossary(request.glossary, model)
    settings = _settings(request, paths, model, glossary)
    with held_folder(request.output):
        job = open_job(request.output.absolute(), paths, settings, progress.planned)
        _remove_unfinished(job)
        finished = _finished_before(job)
        kept = len(finished)
        progress.begin(job.rows, sum(shard.rows for shard in finished.values()))
        options: TranslationOptions = {**request.search, "glossary": glossary}  # type: ignore[typeddict-item]
        left = [shard for shard in range(len(job.spans)) if shard not in finished]
        try:
            _check_failures(request, finished)
            with contextlib.closing(_shards(request, job, model, options, left, progress)) as shards:
                for shard in shards:
                    finished[shard.shard] = shard.in_brief()
                    _check_failures(request, finished)
        except (Exception, KeyboardInterrupt) as error:
            _end_early(job, finished, error)
            raise
        report = Report.of(job, finished, kept, time.perf_counter() - start)
        write_failed(job, finished)
        write_report(job, report)
        return report


def _settings(
    request: CorpusRequest, paths: Sequence[Path], model: ModelDirectory, glossary: Glossary | None
) -> Settings:
    search = search_options(model.search, request.search)
    precision = request.load.get("precision") or default_precision(model)
    options: dict[str, Any] = {
        **search.stated(),
        "precision": precision,
        "whole_lines": not request.load.get("sentence_by_sentence", True),
        "shortlist": request.load.get("shortlist", True),
        "glossary": None if glossary is None else glossary.fingerprint,
        "octavo": octavo.__version__,
    }
    if not retries(request.search):
        options["retry"] = False
    if model.languages is not None:
        options["languages"] = [request.load.get("source"), request.load.get("to")]
    return Settings(
        request.format or common_format(paths),
        request.column,
        request.target_column,
        request.rows_per_shard,
        model.fingerprint(),
        options,
    )


def _glossary(path: Path | None, model: ModelDirectory) -> Glossary | None:
    if path is None:
        return None
    direction = model.direction()
    return Glossary.read(path, source=direction.source, target=direction.target)


def _finished_before(job: Job) -> dict[int, FinishedShard]:
    found = (finished_shard(job, shard) for shard in range(len(job.spans)))
    return {shard.shard: shard.in_brief() for shard in found if shard is not None}


def _remove_unfinished(job: Job) -> None:
    """Remove what a run that was killed has left."""
    for pattern in (".*.part-*", f"{DONE_FOLDER}/.*.json.*"):
        for path in job.folder.glob(pattern):
            with contextlib.suppress(OSError):
                path.unlink()


def _shards(
    request: CorpusRequest,
    job: Job,
    model: ModelDirectory,
    options: TranslationOptions,
    left: Sequence[int],
    progress: CorpusProgress,
) -> Generator[FinishedShard]:
    """Make the shards that are left; they come as they are finished."""
    if not left:
        return
    if request.ray is not None:
        path = str(model.path.absolute())
        source = ModelSource(path, fingerprint=model.fingerprint())
        for made in shards_on_ray(request.ray, job, left, source, request.load, options):
            progress.advance(made.rows, made.tokens)
            yield made
        return
    source = ModelSource(str(model.path))
    worker = ShardWorker(job, source.load(request.load), options, f"{socket.gethostname()}:{os.getpid()}")
    try:
        for shard in left:
            yield worker(shard, progress.advance)
    finally:
        worker.close()


def _check_failures(request: CorpusRequest, finished: Mapping[int, FinishedShard]) -> None:
    most = request.max_failures
    failed = sum(shard.failures for shard in finished.values())
    if most is not None and failed > most:
        raise InputError(
            f"{counted(failed, 'row')} failed, and --max-failures is {most:,}; "
            f"{request.output / FAILED_FILE} says "
            "which and why"
        )


def _end_early(job: Job, finished: Mapping[int, FinishedShard], error: BaseException) -> None:
    """Keep what there is, and tell the failure how the job goes on."""
    with contextlib.suppress(OutputError):  # such as of a full disk, which is what ended it
        write_failed(job, finished)
    there = len(list((job.folder / DONE_FOLDER).glob("[0-9]*.json")))  # more than a cluster has told of
    error.add_note(
        f"{there} of {counted(len(job.spans), 'shard')} {'is' if there == 1 else 'are'} finished in "
        f"{job.folder}: the same command goes on"
    )
