"""Going through a text: translate, align, count; what is counted is kept, so that a stopped run goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from octavo import durable
from octavo.artifact import ModelDirectory
from octavo.engine import Engine, SearchOptions
from octavo.engine.hypothesis import TokenIds
from octavo.engine.target_prefixes import target_prefixes
from octavo.languages import Direction
from octavo.runs.finished_steps import digest
from octavo.runs.progress import Progress
from octavo.shortlist.align import aligned, batches, cross_attention
from octavo.shortlist.counts import AlignmentCounts
from octavo.shortlist.text import Pair

CHUNK_SENTENCES: Final = 1024

_SENTENCES_AT_ONCE: Final = 32
_SECONDS_BETWEEN_SAVES: Final = 1.0
_SAVING_SHARE: Final = 0.1
"""Of the time: counts may take 256 MiB, and then they are saved less often."""


@dataclasses.dataclass(eq=False)
class Engines:
    """``translating``: as the model's users run it, by ``options``; ``aligning``: in float32, with
    ``threads`` batches side by side."""

    translating: Engine
    aligning: Engine
    options: SearchOptions
    direction: Direction
    threads: int

    @classmethod
    def open(cls, model: ModelDirectory, options: SearchOptions, threads: int) -> Engines:
        """Open both engines. They are the same engine for a float model."""
        aligning = Engine(model, precision="float32", threads=threads)
        translating = aligning if model.plan is None else Engine(model, threads=threads)
        return cls(translating, aligning, options, model.direction(), aligning.threads)

    def targets(self, pairs: Sequence[Pair]) -> list[TokenIds]:
        """The pairs' targets, translated where they have none. A translation that fills all positions is cut,
        for the decoder to be fed with it."""
        longest = self.aligning.config.max_positions - 1
        missing = [pair.source for pair in pairs if pair.target is None]
        prefixes = target_prefixes(self.direction, len(missing))
        found = self.translating.translate(missing, self.options, target_prefixes=prefixes)
        made = iter(found)
        return [next(made)[0].tokens[:longest] if pair.target is None else pair.target for pair in pairs]

    def alignments(
        self, sources: Sequence[TokenIds], targets: Sequence[TokenIds], layers: Sequence[int]
    ) -> Iterator[dict[int, list[tuple[TokenIds, TokenIds]]]]:
        """The aligned tokens of each pair, by layer, some pairs at a time."""

        def align(
            batch: tuple[Sequence[TokenIds], Sequence[TokenIds]],
        ) -> dict[int, list[tuple[TokenIds, TokenIds]]]:
            found = cross_attention(self.aligning, self.aligning.config, *batch, layers)
            return {
                layer: [aligned(*pair) for pair in zip(weights, *batch, strict=True)]
                for layer, weights in found.items()
            }

        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(align, batches(sources, targets, _SENTENCES_AT_ONCE))

    def close(self) -> None:
        """Free the memory."""
        self.translating.close()
        self.aligning.close()


class Counting:
    """Counts of a text, saved in ``folder`` now and then. ``identity``: all that they depend on but the text.

    ``sentences``: those counted so far.
    """

    def __init__(self, model: ModelDirectory, folder: Path, identity: dict[str, Any]) -> None:
        self.counts = AlignmentCounts(model.config)
        self.sentences = 0
        self._file = folder / "counts.npz"
        self._identity = digest(identity)
        self._text = hashlib.sha256()  # of all that was counted, in order
        self._saved = time.monotonic()
        self._saving = 0.0  # seconds that the last save took

    def run(
        self, engines: Engines, layer: int, text: Callable[[], Iterator[Pair]], progress: Progress
    ) -> None:
        """Count all of ``text`` that a stopped run has not counted yet. Raises OSError."""
        coming = self._resumed(text, progress)
        while chunk := list(itertools.islice(coming, CHUNK_SENTENCES)):
            self._count(engines, layer, chunk)
            progress.advance(len(chunk))
            if time.monotonic() - self._saved > max(_SECONDS_BETWEEN_SAVES, self._saving / _SAVING_SHARE):
                self._save()
        self._save()

    def _count(self, engines: Engines, layer: int, chunk: Sequence[Pair]) -> None:
        targets = engines.targets(chunk)
        for found in engines.alignments([pair.source for pair in chunk], targets, [layer]):
            for source_ids, target_ids in found[layer]:
                self.counts.add_pairs(source_ids, target_ids)
        for pair, target in zip(chunk, targets, strict=True):
            self.counts.add_target(target)
            self._read(pair)

    def _read(self, pair: Pair) -> None:
        self.sentences += 1
        for ids in (pair.source, pair.target):
            self._text.update(repr(None if ids is None else len(ids)).encode())
            self._text.update(b"" if ids is None else ids.tobytes())

    def _resumed(self, text: Callable[[], Iterator[Pair]], progress: Progress) -> Iterator[Pair]:
        """The part of the text that is still to be counted."""
        saved = self._load()
        coming = text()
        if saved is None:
            return coming
        for pair in itertools.islice(coming, int(saved["sentences"])):
            self._read(pair)
        if self._text.digest() == saved["text"].tobytes():
            self.counts.restore(saved)
            progress.advance(self.sentences)
            return coming
        self.sentences, self._text = 0, hashlib.sha256()  # the text has changed since
        return text()

    def _load(self) -> dict[str, Any] | None:
        try:
            with np.load(io.BytesIO(self._file.read_bytes()), allow_pickle=False) as arrays:
                saved = dict(arrays)
        except (OSError, ValueError, EOFError, BadZipFile):  # none yet, or damaged: count anew
            return None
        return saved if str(saved.get("identity")) == self._identity else None

    def _save(self) -> None:
        start, stream = time.monotonic(), io.BytesIO()
        saved: dict[str, Any] = {
            "identity": np.array(self._identity),
            "sentences": np.array(self.sentences),
            "text": np.frombuffer(self._text.digest(), np.uint8),
            **self.counts.arrays(),
        }
        np.savez(stream, **saved)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        durable.write_file(self._file, stream.getvalue())
        self._saved = time.monotonic()
        self._saving = self._saved - start
