"""The Translator: texts in, translations out, in order, whatever shares a batch."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol, Self, Unpack, overload

import numpy as np

from octavo.arguments import whole_number
from octavo.artifact import ModelDirectory
from octavo.engine import Engine, Hypothesis, LoadedModel, SearchOptions, default_precision
from octavo.engine.engine import Precision, TokenIds
from octavo.engine.loaded_model import AnyEngine
from octavo.errors import ModelError
from octavo.text.blocks import blocks
from octavo.text.inputs import checked_texts
from octavo.text.segmentation import segment, split_sentences
from octavo.translation.options import SearchChanges, search_options
from octavo.translation.result import TranslatedPiece, Translation, assemble

LOOK_AHEAD: Final = 1024
"""Texts read before the first is translated: enough to put those of like length side by side."""

MAX_LOOK_AHEAD: Final = 1 << 20


def boxed_model() -> Path:
    """The English-German model that comes with Octavo. Raises ModelError where it was left out."""
    path = Path(__file__).parents[1] / "models" / "en-de"
    if not path.is_dir():
        raise ModelError(f"{path}: this installation has no model in the box; name a model directory")
    return path


class SearchEngine(AnyEngine, Protocol):
    """What a Translator needs of an engine; see octavo.engine.Engine."""

    def translate(self, sources: Sequence[TokenIds], options: SearchOptions) -> list[list[Hypothesis]]:
        """For each source (ids without EOS) its n-best list, best first, in order."""


class Translator(LoadedModel[SearchEngine]):
    """Translates text with one model. A context manager; ``close`` frees the model's memory.

    The same text and options give the same translation, to the last bit of its score, whatever else
    is translated beside it and however many threads there are. Threads may share a translator; their calls
    wait for one another. One from ``octavo.load`` can be pickled, and another process then loads the model
    again: in a pool, load it once in the initializer.
    """

    noun = "translator"

    def __init__(
        self, model: ModelDirectory, engine: SearchEngine, *, sentence_by_sentence: bool = True
    ) -> None:
        model.check_translates("translation")
        super().__init__(model, engine)
        self.sentence_by_sentence = sentence_by_sentence
        self._source, self._target = model.tokenizers()
        self._limit = _piece_limit(model.config.max_positions - model.config.source_eos)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        precision: Precision | None = None,
        threads: int = 0,
        sentence_by_sentence: bool = True,
        shortlist: bool = True,
    ) -> Self:
        """Load a model directory (see octavo.load). Raises OctavoError."""
        model = ModelDirectory.open(boxed_model() if path is None else path)
        model.check_translates("translation")
        chosen = model.shortlist() if shortlist else None
        precision = precision or default_precision(model)
        engine = Engine(model, precision=precision, threads=threads, shortlist=chosen)
        opened = cls(model, engine, sentence_by_sentence=sentence_by_sentence)
        return opened._opened_by(path, threads=threads, shortlist=shortlist)

    def __reduce__(self) -> tuple[functools.partial[Self], tuple[()]]:
        reopen, nothing = super().__reduce__()
        return functools.partial(reopen, sentence_by_sentence=self.sentence_by_sentence), nothing

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a str is an Iterable[str] too
        self, text: str, **changes: Unpack[SearchChanges]
    ) -> Translation: ...

    @overload
    def __call__(self, text: Iterable[str], **changes: Unpack[SearchChanges]) -> list[Translation]: ...

    def __call__(
        self, text: str | Iterable[str], **changes: Unpack[SearchChanges]
    ) -> Translation | list[Translation]:
        """Translate one text, or several.

        A str gives one Translation. A list, or another iterable of str, gives a list in the same order. The
        translator cuts each text into sentences, unless it was told otherwise, and a sentence that is too
        long for the model into pieces. Line breaks inside a text count as spaces. Blank text has a blank
        translation. SearchChanges says what the options do. The call raises OptionError for an option that
        cannot be, and TypeError, before it translates anything, where an entry is no str.
        """
        if isinstance(text, str):
            return next(self.stream([text], **changes))
        return list(self.stream(list(checked_texts(text)), **changes))

    def stream(
        self,
        texts: Iterable[str],
        *,
        look_ahead: int = LOOK_AHEAD,
        waits: Callable[[], bool] | None = None,
        **changes: Unpack[SearchChanges],
    ) -> Iterator[Translation]:
        """Translate texts as they come, in their order; there may be any number of them.

        The stream reads at most ``look_ahead`` texts before it gives the translation of the first of them. A
        value of 1 answers each text before the next one is read; more is faster. ``waits`` is for texts that
        come one by one: the stream calls it after each text, and translates what it has read where the answer
        is True, because the next text is still to come. With ``waits`` the first blocks of texts are small.
        Where ``texts`` raises an Exception, the translations of the texts before it come first. The stream
        raises OptionError for an option that cannot be, ValueError for such a ``look_ahead``, TypeError for
        ``texts`` that are one str or no iterable, and TypeError later where an entry is no str.
        """
        look_ahead = whole_number("look_ahead", look_ahead, 1, MAX_LOOK_AHEAD)
        options = search_options(self.model.search, changes)
        return self._stream(blocks(checked_texts(texts), look_ahead, waits), options)

    def _stream(self, texts: Iterable[Sequence[str]], options: SearchOptions) -> Iterator[Translation]:
        for block in texts:
            yield from self._translate(block, options)

    def _translate(self, texts: Sequence[str], options: SearchOptions) -> list[Translation]:
        engine = self._in_use()
        texts_sentences = [self._sentences(text, options) for text in texts]
        sources = [
            np.asarray(ids, dtype=np.int32)
            for sentences in texts_sentences
            for pieces in sentences
            for ids in pieces
        ]
        found = iter(engine.translate(sources, options) if sources else ())
        return [
            assemble(
                text,
                [TranslatedPiece(ids, next(found)) for pieces in sentences for ids in pieces],
                too_long=any(len(pieces) > 1 for pieces in sentences),
                decode=self._target.decode,
                penalty=options.length_penalty,
                unknown_id=self._source.unknown_id,
            )
            for text, sentences in zip(texts, texts_sentences, strict=True)
        ]

    def _sentences(self, text: str, options: SearchOptions) -> list[list[list[int]]]:
        """The pieces of each sentence of ``text``; a text that is to be kept whole is one sentence."""
        code, body = self._source.split_language_code(text)
        prefix = self._source.encode(code)
        sentences = split_sentences(body) if self.sentence_by_sentence else [body]
        return [self._pieces(prefix, sentence, options) for sentence in sentences]

    def _pieces(self, prefix: list[int], sentence: str, options: SearchOptions) -> list[list[int]]:
        """The source ids of a sentence: no list where it is blank, several where the model cannot take it
        whole.

        Each list begins with ``prefix``, the language code that the whole text began with.
        """
        ids = self._source.encode(sentence)
        limit = max(1, self._limit - len(prefix))
        if len(ids) <= limit:
            return [prefix + ids] if ids else []
        limit = min(limit, _piece_limit(options.max_length))
        parts = map(self._source.encode, segment(sentence, limit, self._source.count))
        return [prefix + piece for part in parts for piece in _chunks(part, limit)]


def _piece_limit(longest: int) -> int:
    """The most source tokens that are translated at once, where no side may have more than ``longest``.

    They are three quarters of that, because a translation may be longer than its source.
    """
    return max(1, longest * 3 // 4)


def _chunks(ids: list[int], limit: int) -> list[list[int]]:
    """Lists of at most ``limit`` ids: more than one only where a single character needs more tokens."""
    return [ids[start : start + limit] for start in range(0, len(ids), limit)]
