"""What every API asks of the service, and what it gets: its own form of a request and of an answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

from octavo.engine import Priority
from octavo.terms import Glossary
from octavo.translation import Translation
from octavo.translation.options import TranslationOptions

Markup = Literal["text", "html", "xml"]


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """Texts between two languages, with the same options.

    ``source`` and ``target`` are language tags as the models state them ("en", "de"); ``source`` None: each
    text's language is found out. ``timeout`` is in seconds from when the service takes the job.
    ``ignored_tags`` are elements of HTML or XML that stay as they are. ``sentences`` False: the model gets
    whole texts. ``wrapped``: a line break inside a plain text is a space. ``alignments``: links of tokens are
    wanted.
    """

    texts: Sequence[str]
    target: str
    source: str | None = None
    markup: Markup = "text"
    ignored_tags: Sequence[str] = ()
    sentences: bool = True
    wrapped: bool = False
    glossary: Glossary | None = None
    alignments: bool = False
    search: TranslationOptions = dataclasses.field(default_factory=lambda: TranslationOptions())
    priority: Priority = Priority.INTERACTIVE
    timeout: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One text of a job, translated: ``text`` (or markup) and the tag of its source language, found or
    stated. ``translations`` has what it is made of: for plain text one, for markup one for each passage; for
    a pivot those of the last step. ``warnings`` are the names of their warnings, each once, those of all
    steps of a pivot."""

    text: str
    source: str
    translations: tuple[Translation, ...]
    warnings: tuple[str, ...]
