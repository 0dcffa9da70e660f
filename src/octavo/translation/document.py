"""Documents through a translator: read, translated passage by passage, written in one piece."""

from __future__ import annotations

import collections
import dataclasses
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol, Unpack

from octavo import durable
from octavo.documents import Document, DocumentError, DocumentOptions, Passage
from octavo.documents.formats import format_named, format_of
from octavo.documents.fragments import read_fragment
from octavo.errors import printable
from octavo.languages import Direction
from octavo.regular_file import read_regular
from octavo.translation.options import TranslationOptions
from octavo.translation.result import SegmentOrigin, TranslatedPassage, Translation
from octavo.translation.warning import TranslationWarning

MAX_DOCUMENT_BYTES: Final = 256 * 1024 * 1024
_TABLES: Final = ("csv", "tsv")

Progress = Callable[[int, int], None]
"""Hears how many passages are done, and how many there are."""


class PassageTranslator(Protocol):
    """What is needed of a Translator."""

    def direction(self, source: str | None = None, to: str | None = None) -> Direction:
        """From which language to which a call with these options translates."""

    def passages(
        self, passages: Sequence[Passage], **options: Unpack[TranslationOptions]
    ) -> Iterator[TranslatedPassage]:
        """The translations of passages, in order."""


@dataclasses.dataclass(frozen=True, slots=True)
class TranslatedDocument:
    """A document in the target language: ``content`` is its bytes, and ``str`` decodes them as UTF-8.
    ``passages`` are what was translated, in the order of reading, each with its place in the document."""

    content: bytes
    passages: tuple[tuple[str, Translation], ...]

    @property
    def warnings(self) -> Mapping[TranslationWarning, Sequence[str]]:
        """Each warning with the places that have it, in order."""
        places: dict[TranslationWarning, list[str]] = collections.defaultdict(list)
        for where, translation in self.passages:
            for warning in translation.warnings:
                places[warning].append(where)
        return places

    def __str__(self) -> str:
        return self.content.decode("utf-8", "replace")


@dataclasses.dataclass(frozen=True, slots=True)
class DocumentFile:
    """A document on disk, and what a person said about it: the name of its format (None: by its ending), the
    columns of a table, and the rules for XML."""

    path: Path
    format: str | None = None
    columns: tuple[str, ...] = ()
    xml_rules: str = ""

    def read(self, source_language: str, target_language: str, *, wrapped: bool = False) -> Document:
        """Raises DocumentError, naming the file."""
        try:
            chosen = format_named(self.format) if self.format else format_of(self.path)
            if self.columns and chosen.name not in _TABLES:
                raise DocumentError(
                    f"the format {chosen.name} has no columns to choose: they are for {' and '.join(_TABLES)}"
                )
            if self.xml_rules and chosen.name != "xml":
                raise DocumentError(f"the format {chosen.name} needs no rules: they are for xml")
            options = DocumentOptions(
                self.columns, source_language, target_language, self.xml_rules, wrapped=wrapped
            )
            return chosen.read(self._bytes(), options)
        except DocumentError as error:
            raise DocumentError(f"{printable(str(self.path))}: {error}") from error

    def _bytes(self) -> bytes:
        try:
            data = read_regular(self.path, MAX_DOCUMENT_BYTES)
        except OSError as error:
            raise DocumentError(f"cannot be read: {error.strerror or error}") from error
        if len(data) > MAX_DOCUMENT_BYTES:
            raise DocumentError(
                f"is larger than {MAX_DOCUMENT_BYTES // 1024**2} MiB; split it into several documents"
            )
        return data


def translated_markup(
    translator: PassageTranslator,
    text: str,
    markup: Literal["html", "xml"],
    ignored_tags: Sequence[str],
    options: TranslationOptions,
) -> TranslatedDocument:
    """A page, a document or a piece of one. What has nothing to translate comes back as it is.

    Raises TypeError where ``text`` is no str, and DocumentError for XML that is not well-formed.
    """
    if not isinstance(text, str):
        name = markup.upper()
        raise TypeError(f"the {name} is {reprlib.repr(text)} ({type(text).__name__}): must be a str")
    direction = translator.direction(options.get("source"), options.get("to"))
    read_as = DocumentOptions(
        source_language=direction.source,
        target_language=direction.target,
        ignored_tags=tuple(ignored_tags),
    )
    fragment = read_fragment(text, markup, read_as)
    done = list(translator.passages(fragment.passages, **options))
    content = fragment.write_text([passage.parts for passage in done]).encode(errors="replace")
    return TranslatedDocument(content, _placed(fragment.passages, done))


def translated_file(
    translator: PassageTranslator,
    source: DocumentFile,
    output: Path | None,
    progress: Progress | None,
    options: TranslationOptions,
) -> TranslatedDocument:
    """Translate ``source`` into the file ``output``, if there is one, which appears when it is whole.

    Raises DocumentError where nothing in it could be translated, and OutputError, where it can before the
    translation.
    """
    file = None if output is None else durable.OutputFile(output)
    direction = translator.direction(options.get("source"), options.get("to"))
    document = source.read(direction.source, direction.target, wrapped=options.get("wrapped", False))
    translated = _translated(translator, document, progress, options)
    segments = (segment for _, translation in translated.passages for segment in translation.segments)
    if all(segment.origin is SegmentOrigin.COPY for segment in segments):
        raise DocumentError(f"{printable(str(source.path))}: has no text to translate; nothing was written")
    if file is not None:
        file.write(translated.content)
    return translated


def _translated(
    translator: PassageTranslator,
    document: Document,
    progress: Progress | None,
    options: TranslationOptions,
) -> TranslatedDocument:
    passages = document.passages
    done = []
    for passage in translator.passages(passages, **options):
        done.append(passage)
        if progress is not None:
            progress(len(done), len(passages))
    content = document.write([passage.parts for passage in done])
    return TranslatedDocument(content, _placed(passages, done))


def _placed(
    passages: Sequence[Passage], done: Sequence[TranslatedPassage]
) -> tuple[tuple[str, Translation], ...]:
    return tuple((passage.where, one.translation) for passage, one in zip(passages, done, strict=True))
