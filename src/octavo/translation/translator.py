"""The Translator: texts in, translations out, in order, whatever shares a batch."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self, Unpack, overload

from octavo.arguments import whole_number
from octavo.artifact import ModelDirectory
from octavo.artifact.boxed import boxed_model
from octavo.documents import Passage
from octavo.engine import Activity, Engine, LoadedModel, SearchOptions, default_precision
from octavo.engine.precision import Precision
from octavo.errors import counted
from octavo.languages import Direction
from octavo.memory import MemorySession, TranslationMemory
from octavo.model.search import Unknown
from octavo.text.blocks import blocks
from octavo.text.identification import other_language
from octavo.text.inputs import checked_texts
from octavo.translation.assembly import Assembler
from octavo.translation.directions import Directions
from octavo.translation.document import DocumentFile, TranslatedDocument, translated_file, translated_markup
from octavo.translation.engine_steps import SearchEngine, Steps, awaited, driven
from octavo.translation.options import OptionError, Settings, TranslationOptions, settings_of
from octavo.translation.recall import Recall
from octavo.translation.result import TranslatedPassage, Translation
from octavo.translation.segment import Cutter, open_with
from octavo.translation.segment_search import SegmentSearch
from octavo.translation.source import Source
from octavo.translation.target_text import TargetText
from octavo.translation.warning import TranslationWarning

LOOK_AHEAD: Final = 1024
"""Texts read before the first is translated: enough to put those of like length side by side."""

MAX_LOOK_AHEAD: Final = 1 << 20
PASSAGES_AT_ONCE: Final = 256
"""Passages of a document that share the engine."""


class Translator(LoadedModel[SearchEngine]):
    """Translates text with one model. A context manager; ``close`` frees the model's memory.

    The same text and options give the same translation, to the last bit of its score, whatever else
    is translated beside it and however many threads there are. Threads may share a translator, and their
    calls share its batches. One from ``octavo.load`` can be pickled, and another process then loads the model
    again: in a pool, load it once in the initializer.
    """

    noun = "translator"

    def __init__(
        self,
        model: ModelDirectory,
        engine: SearchEngine,
        *,
        sentence_by_sentence: bool = True,
        source: str | None = None,
        to: str | None = None,
    ) -> None:
        model.check_translates("translation")
        super().__init__(model, engine)
        self.sentence_by_sentence = sentence_by_sentence
        """Whether texts are cut into sentences, where a call does not state ``sentences``; it may be changed
        between calls."""
        self._source, self._target = model.tokenizers()
        self._directions = Directions(
            model, self._source, source, to, with_shortlist=getattr(engine, "shortlist", None) is not None
        )
        self._aligns = model.alignment is not None
        self._remembered: tuple[TranslationMemory, str, Callable[[Direction], MemorySession]] | None = None

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        precision: Precision | None = None,
        threads: int = 0,
        sentence_by_sentence: bool = True,
        shortlist: bool = True,
        source: str | None = None,
        to: str | None = None,
    ) -> Self:
        """Load a model directory (see octavo.load). Raises OctavoError."""
        model = ModelDirectory.open(boxed_model() if path is None else path)
        model.check_translates("translation")
        chosen = model.shortlist() if shortlist else None
        precision = precision or default_precision(model)
        engine = Engine(model, precision=precision, threads=threads, shortlist=chosen)
        opened = cls(model, engine, sentence_by_sentence=sentence_by_sentence, source=source, to=to)
        return opened._opened_by(path, threads=threads, shortlist=shortlist, source=source, to=to)

    def __reduce__(self) -> tuple[functools.partial[Self], tuple[()]]:
        reopen, nothing = super().__reduce__()
        return functools.partial(reopen, sentence_by_sentence=self.sentence_by_sentence), nothing

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a str is an Iterable[str] too
        self, text: str, **options: Unpack[TranslationOptions]
    ) -> Translation: ...

    @overload
    def __call__(self, text: Iterable[str], **options: Unpack[TranslationOptions]) -> list[Translation]: ...

    def __call__(
        self, text: str | Iterable[str], **options: Unpack[TranslationOptions]
    ) -> Translation | list[Translation]:
        """Translate one text, or several.

        A str gives one Translation. A list, or another iterable of str, gives a list in the same order. The
        translator cuts each text into sentences, unless it was told otherwise, and a sentence that is too
        long for the model into pieces. Line breaks, indentation, bullets and spaces between sentences stay;
        blank text stays as it is; so do placeholders, addresses and code. TranslationOptions says what the
        options do. The call raises OptionError for an option that cannot be, and TypeError, before it
        translates anything, where an entry is no str.
        """
        if isinstance(text, str):
            return next(self.stream([text], **options))
        return list(self.stream(list(checked_texts(text)), **options))

    async def atranslate(
        self, text: str | Sequence[str], **options: Unpack[TranslationOptions]
    ) -> Translation | list[Translation]:
        """What a call gives, awaited: another thread translates, so that the event loop stays free."""
        return await asyncio.to_thread(lambda: self(text, **options))

    def direction(self, source: str | None = None, to: str | None = None, *, text: str = "") -> Direction:
        """From which language to which a call with these options translates; ``text`` may begin with a code
        (``>>fra<<``), which goes before them. Raises LanguageError, with the languages that the model has,
        for one that it does not have and for one that has to be stated."""
        return self._directions.of(text, source, to) if text else self._directions.stated(source, to)

    def between(self, source: str, to: str) -> Self:
        """The same translator, with the same engine, between these two languages where a call states none."""
        if self.model.languages is None:
            return self
        chosen = copy.copy(self)
        chosen._remembered = None
        chosen._directions = self._directions.between(source, to)
        return chosen

    def activity(self) -> Activity | None:
        """What the engine is doing now, and has done; None once it is closed, and for an engine of another
        kind."""
        engine = self._engine
        return engine.activity() if isinstance(engine, Engine) else None

    def stream(
        self,
        texts: Iterable[str],
        *,
        look_ahead: int = LOOK_AHEAD,
        waits: Callable[[], bool] | None = None,
        **options: Unpack[TranslationOptions],
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
        settings = settings_of(self.model.search, options)
        return self._stream(blocks(checked_texts(texts), look_ahead, waits), settings)

    def passages(
        self, passages: Sequence[Passage], **options: Unpack[TranslationOptions]
    ) -> Iterator[TranslatedPassage]:
        """Translate passages of a document, in their order; marks follow their words."""
        settings = settings_of(self.model.search, options)
        for start in range(0, len(passages), PASSAGES_AT_ONCE):
            yield from self._translate(passages[start : start + PASSAGES_AT_ONCE], settings)

    async def awaited_passages(
        self, passages: Sequence[Passage], **options: Unpack[TranslationOptions]
    ) -> list[TranslatedPassage]:
        """What ``passages`` gives, awaited, without a thread: the event loop is free while the engine works,
        and busy with the rest, some 0.1 ms a sentence. So it is for short texts.

        Where the task is cancelled, the engine gives the work up. Raises QueueFullError besides.
        """
        settings = settings_of(self.model.search, options)
        engine = self._in_use()
        if not isinstance(engine, Engine):
            return await asyncio.to_thread(self._translate, passages, settings)
        return await awaited(self._steps(passages, settings), engine, settings.call)

    def html(
        self, text: str, *, ignored_tags: Sequence[str] = (), **options: Unpack[TranslationOptions]
    ) -> TranslatedDocument:
        """Translate HTML, a page or a fragment: tags follow their words, and all else stays as it is.

        ``str(result)`` is the HTML. Script, style, code and what says translate="no" are not translated, nor
        are the elements of the names in ``ignored_tags``.
        """
        return translated_markup(self, text, "html", ignored_tags, options)

    def xml(
        self, text: str, *, ignored_tags: Sequence[str] = (), **options: Unpack[TranslationOptions]
    ) -> TranslatedDocument:
        """Translate XML, a document or text with elements in it: as ``html`` does, with elements of any
        names. One is inline if most of its name stand beside text.

        Raises DocumentError, with line and column, for XML that is not well-formed.
        """
        return translated_markup(self, text, "xml", ignored_tags, options)

    def document(
        self,
        path: str | os.PathLike[str],
        output: str | os.PathLike[str] | None,
        *,
        format_name: str | None = None,
        columns: str | Sequence[str] = (),
        xml_rules: str = "",
        progress: Callable[[int, int], None] | None = None,
        **options: Unpack[TranslationOptions],
    ) -> TranslatedDocument:
        """Translate a document and write it to ``output``, which appears when it is whole. With None it is
        written nowhere; the result has its bytes.

        ``format_name`` says what it is; None goes by the ending of ``path``. ``columns`` are those of a
        table, one name or several. ``xml_rules`` is TOML that says which elements of an XML document are
        text (docs/documents-xml.md). ``progress`` hears how many of how many passages are done. Raises
        DocumentError, naming ``path``, for a document that cannot be read and for one with nothing to
        translate, and OutputError, at once where ``output`` cannot be written.
        """
        named = (columns,) if isinstance(columns, str) else tuple(columns)
        source = DocumentFile(Path(path), format_name, named, xml_rules)
        return translated_file(self, source, None if output is None else Path(output), progress, options)

    def _stream(self, texts: Iterable[Sequence[str]], settings: Settings) -> Iterator[Translation]:
        for block in texts:
            passages = [Passage((text,), "", settings.wrapped) for text in block]
            for passage in self._translate(passages, settings):
                yield passage.translation

    def _translate(self, passages: Sequence[Passage], settings: Settings) -> list[TranslatedPassage]:
        return driven(self._steps(passages, settings), self._in_use(), settings.call)

    def _steps(self, passages: Sequence[Passage], settings: Settings) -> Steps[list[TranslatedPassage]]:
        search, opening = self._search(settings), self._opening(settings)
        copies = settings.unknown is Unknown.COPY
        sources = [Source(passage.parts, settings.glossary) for passage in passages]
        found = [self._directions.of(source.text, settings.source, settings.to) for source in sources]
        for direction in set(found):
            self._check_room(len(direction.target_prefix), len(opening), search.max_length)
        cutters = {direction: self._cutter(direction, settings) for direction in set(found)}
        cuts = [
            cutters[direction].cut(source, wrapped=passage.wrapped)
            for direction, source, passage in zip(found, sources, passages, strict=True)
        ]
        if settings.detect:
            for source, cut in zip(sources, cuts, strict=True):
                if other_language(source.text, cut.direction.source):
                    cut.warnings.add(TranslationWarning.OTHER_LANGUAGE)
        for cut in cuts if opening else ():
            open_with(cut.segments, opening)
        recall = self._recall(settings, search)
        if recall is not None:
            recall.fill(cuts)
        said = TargetText(self._source, self._target, copies=copies)
        yield from SegmentSearch(
            self._source,
            self._target,
            search,
            said,
            retry=settings.retry,
            alignments=lambda segment: settings.alignments or copies or (self._aligns and segment.has_marks),
            cut_around=lambda cut, segment: cutters[cut.direction].around_kept(segment),
        ).run(cuts)
        assembler = Assembler(self._source, said, search.length_penalty, with_links=settings.alignments)
        done = [assembler.assemble(source, cut) for source, cut in zip(sources, cuts, strict=True)]
        if recall is not None:
            recall.keep(cuts)
        return done

    def _cutter(self, direction: Direction, settings: Settings) -> Cutter:
        sentences = self.sentence_by_sentence if settings.sentences is None else settings.sentences
        segmenter = self.model.segmenter(direction, tokenizer=self._source, sentence_by_sentence=sentences)
        return Cutter(segmenter, direction, max_length=settings.search.max_length)

    def _search(self, settings: Settings) -> SearchOptions:
        """The options of the search. Raises OptionError where unknown words cannot be copied."""
        if settings.unknown is None:
            return settings.search
        if settings.unknown is Unknown.COPY and not self._aligns:
            raise OptionError(
                "unknown = 'copy' asks which source word each unknown one comes from, and this model names "
                "no attention heads that align; `octavo align` chooses them, and 'allow' does without"
            )
        suppressed = {*self.model.config.suppressed_ids} - {self._target.unknown_id}
        if settings.unknown is Unknown.SUPPRESS:
            suppressed.add(self._target.unknown_id)
        return dataclasses.replace(settings.search, suppressed_ids=tuple(sorted(suppressed)))

    def _opening(self, settings: Settings) -> tuple[int, ...]:
        """The tokens that the translation of a text begins with. Raises OptionError for none that can be."""
        ids = self._target.encode(settings.target_prefix, may_state=False)
        if not {self._target.unknown_id, self.model.config.eos_id}.isdisjoint(ids):
            raise OptionError(
                f"target_prefix = {settings.target_prefix!r}: the model's vocabulary cannot say all of it"
            )
        return tuple(ids)

    def _check_room(self, stated: int, opened: int, max_length: int) -> None:
        """Raise OptionError unless a translation may be longer than its beginning: the tokens that state its
        language, and those of ``target_prefix``."""
        begun, longest = stated + opened, min(max_length, self.model.config.max_positions)
        if begun and begun >= longest:
            raise OptionError(
                f"max_length = {max_length}: the language takes {counted(stated, 'token')} and "
                f"target_prefix {opened}, "
                f"which leaves no room for more; a translation may have {longest} here"
            )

    def _recall(self, settings: Settings, options: SearchOptions) -> Recall | None:
        memory = settings.memory
        if memory is None:
            return None
        shortlist = "shortlist" if getattr(self._engine, "shortlist", None) else "whole vocabulary"
        search = (f"{name}={value}" for name, value in options.stated().items())
        terms = [] if settings.glossary is None else [f"glossary={settings.glossary.fingerprint}"]
        copies = ["unknown=copy"] if settings.unknown is Unknown.COPY else []
        once = [] if settings.retry else ["retry=False"]
        stated = " ".join([self.precision, shortlist, *search, *terms, *copies, *once])
        if self._remembered is None or self._remembered[:2] != (memory, stated):
            opened = functools.partial(memory.session, model=self.model.fingerprint(), options=stated)
            self._remembered = memory, stated, functools.cache(functools.partial(_session, opened))
        return Recall(self._remembered[2], settings.similar)


def _session(opened: Callable[..., MemorySession], direction: Direction) -> MemorySession:
    return opened(source_language=direction.source, target_language=direction.target)
