"""A worker: shards in, one after the other; their files out, each whole or absent."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from octavo import durable
from octavo.corpus.finished import FinishedShard, checksum, finished_shard
from octavo.corpus.job import Job
from octavo.corpus.rows import Fault, Reader, Rows, Span, Text
from octavo.errors import OutputError
from octavo.languages import LanguageError
from octavo.translation import Translation, TranslationOptions, Translator

CUT: Final = "The translation was cut at the length limit and may lack its end."
SPLIT: Final = "A sentence was too long for the model, and was translated in pieces."


class ShardDone(Protocol):
    """Hears how many rows and tokens more are done."""

    def __call__(self, rows: int, tokens: int, /) -> None: ...


@dataclasses.dataclass
class _Counts:
    failed: list[tuple[int, str]]
    warnings: Counter[str]
    tokens: int = 0


class ShardWorker:
    """Makes shards of one job with one translator. ``name`` tells it from the other workers."""

    def __init__(self, job: Job, translator: Translator, options: TranslationOptions, name: str) -> None:
        self._job = job
        self._translator = translator
        self._options = options
        self._name = name
        self._reader: tuple[int, Reader] | None = None  # of the input with this index

    def __call__(self, shard: int, advance: ShardDone | None = None) -> FinishedShard:
        """Make a shard, or find that it is finished. Raises InputError, OutputError."""
        if found := finished_shard(self._job, shard):
            return found
        start = time.perf_counter()
        place = self._job.shard_path(shard)
        beside = place.with_name(f".{secrets.token_hex(4)}.{place.name}")
        span = self._job.spans[shard]
        try:
            counts = self._make(beside, span, advance or _ignored)
            made = FinishedShard(
                shard,
                bytes=beside.stat().st_size,
                sha256=checksum(beside),
                rows=span.rows,
                failures=len(counts.failed),
                failed=tuple(counts.failed),
                tokens=counts.tokens,
                warnings=dict(sorted(counts.warnings.items())),
                seconds=round(time.perf_counter() - start, 3),
                worker=self._name,
            )
            durable.rename(beside, place)
        except OSError as error:
            raise OutputError(f"{place}: cannot be written: {error.strerror or error}") from error
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        made.write(self._job)
        return made

    def close(self) -> None:
        """Close the input that was read last."""
        if self._reader is not None:
            self._reader[1].close()
            self._reader = None

    def _make(self, beside: Path, span: Span, advance: ShardDone) -> _Counts:
        job = self._job
        source = Path(job.inputs[span.file].path)
        counts = _Counts([], Counter())
        writer = job.format.writer(beside, source, job.settings.columns)
        try:
            row = span.row + 1
            for read in self._rows(source, span):
                rows = dataclasses.replace(read, texts=list(map(self._checked, read.texts)))
                before = counts.tokens
                writer.write(rows, self._translated(rows, row, counts))
                row += len(rows.texts)
                advance(len(rows.texts), counts.tokens - before)
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
        return counts

    def _rows(self, source: Path, span: Span) -> Iterator[Rows]:
        if self._reader is None or self._reader[0] != span.file:
            self.close()
            self._reader = span.file, self._job.format.reader(source, self._job.settings.columns)
        return self._reader[1].read(span)

    def _translated(self, rows: Rows, first: int, counts: _Counts) -> list[str | None]:
        found = self._translator.stream(
            [text for text in rows.texts if isinstance(text, str)], **self._options
        )
        translations: list[str | None] = []
        for number, text in enumerate(rows.texts, first):
            if isinstance(text, str):
                translation = next(found)
                _count(translation, counts)
                translations.append(translation.text)
            else:
                translations.append(None)
                if isinstance(text, Fault):
                    counts.failed.append((number, text.reason))
        return translations

    def _checked(self, text: Text) -> Text:
        """A row, or what is wrong with the language that its text begins with."""
        languages = self._translator.model.languages
        if isinstance(text, str) and text.strip() and languages is not None and languages.are_stated:
            try:
                self._translator.direction(text=text)
            except LanguageError as error:
                return Fault(str(error))
        return text


def _count(translation: Translation, counts: _Counts) -> None:
    counts.tokens += translation.target_tokens
    counts.warnings.update(translation.warnings)
    if not translation.complete:
        counts.warnings[CUT] += 1
    if translation.too_long:
        counts.warnings[SPLIT] += 1


def _ignored(_rows: int, _tokens: int) -> None:
    """Nobody listens."""
