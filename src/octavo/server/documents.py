"""A document of a client through one model, or two: bytes in, bytes out, in a thread that may wait."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final

from octavo.documents import Document, DocumentError, DocumentOptions
from octavo.documents.formats import FORMATS, format_of
from octavo.engine import Call
from octavo.server.errors import RequestError
from octavo.server.model_pool import ModelPool
from octavo.server.texts import source_language, through, told_to_clients
from octavo.server.work import Job
from octavo.text.parts import Part, plain

_AT_ONCE: Final = 256
"""Passages that share the engine."""

_LOOKED_AT: Final = 1000
"""Characters that show the language of a document."""


@dataclasses.dataclass(frozen=True, slots=True)
class DocumentAnswer:
    """A document in the target language: its bytes, and how many characters of text the source had."""

    content: bytes
    characters: int


def translate_bytes(
    models: ModelPool,
    data: bytes,
    name: str,
    job: Job,
    progress: Callable[[int, int], None] | None,
    call: Call,
) -> DocumentAnswer:
    """The document in the target language of ``job``, which also has the options; its texts do not count.

    The ending of ``name`` says what it is. ``progress`` hears how many of how many passages are done. Raises
    ServiceError, and CancelledCallError.
    """
    with told_to_clients():
        source = job.source or _language(models, _read(data, name, job.target, job), job.target)
        document = _read(data, name, source, job)
        passages = document.passages
        if not passages:
            raise RequestError("the document has no text to translate")
        done: list[tuple[Part, ...]] = []
        with models.route(source, job.target) as route:
            for start in range(0, len(passages), _AT_ONCE):
                call.check()
                block = passages[start : start + _AT_ONCE]
                done += [each.last.parts for each in through(route, block, job, call)]
                if progress is not None:
                    progress(len(done), len(passages))
        characters = sum(len(plain(passage.parts)) for passage in passages)
        return DocumentAnswer(document.write(done), characters)


def _read(data: bytes, name: str, source: str, job: Job) -> Document:
    options = DocumentOptions(source_language=source, target_language=job.target)
    try:
        format_ = format_of(PurePosixPath(name))
    except DocumentError:
        endings = " ".join(ending for format_ in FORMATS for ending in format_.endings)
        raise DocumentError(f"the ending of the document's name is none of {endings}") from None
    return format_.read(data, options)


def _language(models: ModelPool, document: Document, target: str) -> str:
    seen = ""
    for passage in document.passages:
        seen += plain(passage.parts) + "\n"
        if len(seen) >= _LOOKED_AT:
            break
    if not seen:
        raise DocumentError("the document has no text to translate")
    return source_language(models, seen, target)
